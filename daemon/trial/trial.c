/* SPDX-License-Identifier: MIT */
/*
 * trial: runs the tests of a rule set one after the other. All share one empty book in memory: a test is a transaction that is
 * rolled back, so that the next finds nothing of it. What is given goes through intake and gate, what falls due through followup and
 * gate, in the order and at the instants at which the daemon would have seen it; the outbox is never looked at.
 *
 * Deterministic: the clock is the test's, ids are the test's, the book's secret is fixed, leads are numbered from 1 in each test.
 */
#include "leadd/followup.h"

#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define SOURCE "test" /* as policy wrote the records: what spool directory they come from */

/* ---- what is kept ---- */

void *trial_grow(Arena *arena, void *items, size_t n, size_t *capacity, size_t item_size) {
        if (n < *capacity)
                return items;
        size_t wanted = *capacity ? 2 * *capacity : 8;
        void *fresh = arena_alloc_array(arena, item_size, wanted);
        if (!fresh)
                return NULL;
        if (n > 0)
                memcpy(fresh, items, n * item_size);
        *capacity = wanted;
        return fresh;
}

int trial_miss(Trial *trial, const char *where, const char *key, const char *want, const char *got) {
        Arena *arena = trial->report->arena;
        if (trial->n_misses >= TRIAL_MISSES_MAX)
                return 0;
        TrialMiss *misses = trial_grow(arena, trial->misses, trial->n_misses, &trial->misses_capacity, sizeof(*misses));
        if (!misses)
                return -ENOMEM;
        trial->misses = misses;
        TrialMiss *miss = &misses[trial->n_misses];
        *miss = (TrialMiss){
                .where = where, .key = arena_strdup(arena, key), .want = arena_strdup(arena, want), .got = arena_strdup(arena, got)
        };
        if (!miss->key || !miss->want || !miss->got)
                return -ENOMEM;
        trial->n_misses++;
        return 0;
}

Happened *trial_happened(Trial *trial, uint64_t lead) {
        for (size_t i = 0; i < trial->n_happened; i++)
                if (trial->all_happened[i].lead == lead)
                        return &trial->all_happened[i];
        return NULL;
}

static int happened_hit(Trial *trial, Happened *happened, RuleKind kind, const char *name) {
        const Rule *rule = name ? policy_rule(trial->rules, kind, name) : NULL;
        if (!rule)
                return 0; /* "assign" and the like are no rules */
        const Rule **hits = trial_grow(trial->arena, happened->hits, happened->n_hits, &happened->hits_capacity, sizeof(*hits));
        if (!hits)
                return -ENOMEM;
        happened->hits = hits;
        hits[happened->n_hits++] = rule;
        if (trial->coverage)
                coverage_hit(trial->coverage, rule);
        return 0;
}

/* "owner, head" */
static int happened_roles(Trial *trial, Happened *happened, const char *roles) {
        for (const char *at = roles, *end; at && *at; at = end + strspn(end, ", ")) {
                end = at + strcspn(at, ",");
                const char **grown =
                        trial_grow(trial->arena, happened->roles, happened->n_roles, &happened->roles_capacity, sizeof(*grown));
                if (!grown)
                        return -ENOMEM;
                happened->roles = grown;
                grown[happened->n_roles] = arena_strndup(trial->arena, at, (size_t) (end - at));
                if (!grown[happened->n_roles])
                        return -ENOMEM;
                happened->n_roles++;
        }
        return 0;
}

static int happened_sent(Trial *trial, Happened *happened, const Decision *decision) {
        for (size_t i = 0; i < decision->n_effects; i++) {
                if (decision->effects[i].kind != EFFECT_SENT)
                        continue;
                const char **sent = trial_grow(trial->arena, happened->sent, happened->n_sent, &happened->sent_capacity, sizeof(*sent));
                if (!sent)
                        return -ENOMEM;
                happened->sent = sent;
                sent[happened->n_sent] = arena_strdup(trial->arena, decision->effects[i].message);
                if (!sent[happened->n_sent])
                        return -ENOMEM;
                happened->n_sent++;
        }
        return 0;
}

static int note_freed(Trial *trial, const char *team) {
        for (size_t i = 0; i < trial->n_freed; i++)
                if (base_streq(trial->freed[i], team))
                        return 0;
        const char **freed = trial_grow(trial->arena, trial->freed, trial->n_freed, &trial->freed_capacity, sizeof(*freed));
        if (!freed)
                return -ENOMEM;
        trial->freed = freed;
        freed[trial->n_freed] = arena_strdup(trial->arena, team);
        return freed[trial->n_freed] ? (trial->n_freed++, 0) : -ENOMEM;
}

static int note_decision(Trial *trial, const Record *record, const GateOutcome *outcome) {
        const Decision *decision = outcome->decision;
        Happened *happened = trial_happened(trial, outcome->lead);
        int r = 0;
        if (trial->coverage)
                coverage_add(trial->coverage, record, decision);
        if (decision->freed_team)
                r = note_freed(trial, decision->freed_team);
        if (r < 0 || outcome->lead == 0)
                return r;
        if (!happened) {
                Happened *all_happened =
                        trial_grow(trial->arena, trial->all_happened, trial->n_happened, &trial->happened_capacity, sizeof(*all_happened));
                if (!all_happened)
                        return -ENOMEM;
                trial->all_happened = all_happened;
                happened = &all_happened[trial->n_happened++];
                *happened = (Happened){ .lead = outcome->lead };
        }
        for (size_t i = 0; i < decision->n_moves && r == 0; i++) {
                r = happened_hit(trial, happened, RULE_MOVE, decision->moves[i].move);
                if (r == 0)
                        r = happened_hit(trial, happened, RULE_REASON, decision->moves[i].reason);
        }
        if (r == 0 && decision->assignment.changed)
                r = happened_hit(trial, happened, RULE_ROUTE, decision->assignment.route);
        if (r == 0)
                r = happened_hit(trial, happened, RULE_SLA, decision->after.sla.rule);
        if (r == 0)
                r = happened_roles(trial, happened, decision->reminded_roles);
        return r == 0 ? happened_sent(trial, happened, decision) : r;
}

/* ---- time ---- */

static int64_t monotonic_us(void) {
        struct timespec ts;
        return clock_gettime(CLOCK_MONOTONIC, &ts) == 0 ? ts.tv_sec * US_PER_SECOND + ts.tv_nsec / 1000 : 0;
}

/* Somebody said stop, or the time is up. */
static bool must_stop(Trial *trial) {
        const TrialOptions *options = trial->options;
        trial->stop = trial->stop || (options->stop && atomic_load(options->stop)) ||
                      (trial->end_us != TIME_NONE && monotonic_us() > trial->end_us);
        return trial->stop;
}

static int fire(Trial *trial, uint64_t lead, int64_t due_us) {
        _cleanup_(record_freep) Record *record = NULL;
        LeadState state;
        GateOutcome outcome;
        arena_reset(trial->scratch);
        int r = store_load_lead(trial->store, lead, trial->scratch, &state, NULL, NULL, NULL);
        if (r == 0)
                r = followup_record(&state, due_us, trial->now_us, store_secret(trial->store), &record);
        if (r != 0)
                return r < 0 ? r : -EIO;
        const GateInput input = {
                .record = record, .lead = lead, .actor = "system:leadd", .actor_is_operator = true, .now_us = trial->now_us
        };
        r = gate_judge(trial->gate, &input, &outcome);
        if (r != 0)
                return r < 0 ? r : -EIO;
        if (outcome.duplicate || outcome.decision->refused)
                return -EUCLEAN;
        return note_decision(trial, record, &outcome);
}

/* As the judge does: the longest waiting first. */
static int offer_held(Trial *trial) {
        while (trial->n_freed > 0) {
                const char *team = trial->freed[--trial->n_freed];
                GateOffers offers = { 0 };
                while (!offers.is_over && !must_stop(trial)) {
                        uint64_t lead;
                        int r = gate_next_offer(trial->gate, team, trial->now_us, &offers, &lead);
                        if (r == 0 && lead > 0)
                                r = fire(trial, lead, trial->now_us);
                        if (r != 0)
                                return r < 0 ? r : -EIO;
                }
        }
        return 0;
}

/* Lets time pass: what is due up to and including that instant happens, each at its own. */
static int advance(Trial *trial, int64_t until_us) {
        uint64_t leads[FOLLOWUP_BATCH_MAX];
        int64_t dues_us[FOLLOWUP_BATCH_MAX], next_us;
        while (!must_stop(trial) && (next_us = store_wake_next(trial->store)) != TIME_NONE && next_us <= until_us) {
                size_t n = 0;
                trial->now_us = next_us > trial->now_us ? next_us : trial->now_us;
                int r = store_wake_due(trial->store, trial->now_us, FOLLOWUP_BATCH_MAX, leads, dues_us, &n);
                for (size_t i = 0; i < n && r == 0; i++)
                        r = fire(trial, leads[i], dues_us[i]);
                if (r == 0)
                        r = offer_held(trial);
                if (r != 0)
                        return r < 0 ? r : -EIO;
                trial->n_events += n;
                if (trial->n_events > TRIAL_EVENTS_MAX) {
                        char got[80];
                        (void) snprintf(got, sizeof(got), "more than %d", TRIAL_EVENTS_MAX);
                        trial->now_us = until_us;
                        return trial_miss(trial, "later", "timers", "an end of timers", got);
                }
        }
        trial->now_us = until_us > trial->now_us ? until_us : trial->now_us;
        return 0;
}

/* ---- what is given ---- */

static bool may_all(const char *directory, const char *source, RecordFamily family, void *userdata) {
        (void) directory;
        (void) source;
        (void) family;
        (void) userdata;
        return true;
}

/* Nobody asked for this refusal. */
static int miss_refusal(Trial *trial, const TestGiven *given) {
        char got[400];
        (void) snprintf(got, sizeof(got), "refused (%s): %s", trial->refused_code, trial->refused_text);
        return trial_miss(trial, given->where, "", "taken", got);
}

static int refuse(Trial *trial, const char *code, const char *text) {
        trial->refused_code = arena_strdup(trial->arena, code);
        trial->refused_text = arena_strdup(trial->arena, text);
        return trial->refused_code && trial->refused_text ? 0 : -ENOMEM;
}

/* The adapter made the record or dropped it. lead: 0 = none. */
static int note_adapter(Trial *trial, const Adapter *adapter, uint64_t lead) {
        const Rule *rule = adapter ? &trial->rules->adapters[adapter - trial->adapters].rule : NULL;
        Happened *happened = trial_happened(trial, lead);
        if (rule && trial->coverage)
                coverage_hit(trial->coverage, rule);
        return rule && happened ? happened_hit(trial, happened, RULE_ADAPTER, rule->name) : 0;
}

static int judge(Trial *trial, const TestGiven *given, const IntakeItem *item, bool is_subject) {
        const Record *record = item->record;
        const char *actor = facts_text(&record->facts, FIELD_OUTCOME_ACTOR);
        char integration[INTAKE_KEY_MAX + 16];
        GateOutcome outcome;
        (void) snprintf(integration, sizeof(integration), "integration:%s", given->directory ? given->directory : SOURCE);
        const GateInput input = { .record = record, .actor = actor ? actor : integration, .now_us = trial->now_us };
        int r = gate_judge(trial->gate, &input, &outcome);
        if (r != 0)
                return r < 0 ? r : -EIO;
        if (!outcome.duplicate && outcome.decision->refused)
                return refuse(trial, outcome.decision->refusal_code, outcome.decision->refusal_text);
        if (is_subject && outcome.lead != 0)
                trial->subject = outcome.lead;
        r = outcome.duplicate ? 0 : note_decision(trial, record, &outcome);
        if (r == 0)
                r = note_adapter(trial, item->adapter, outcome.lead);
        return r == 0 ? offer_held(trial) : r;
}

/* What is refused last can be expected; anything before it cannot. */
static int give(Trial *trial, const TestGiven *given) {
        Intake *intake = given->directory ? trial->payloads : trial->intake;
        const char *directory = given->directory ? given->directory : SOURCE, *format = given->directory ? given->format : "json";
        bool is_subject = given->is_subject;
        IntakeBatch *batch = NULL;
        int r = intake_parse(intake, directory, format, given->body, given->size, trial->now_us, &batch);
        if (r != 0)
                return r < 0 ? r : -EIO;
        trial->refused_code = trial->refused_text = NULL;
        for (size_t i = 0; i < batch->n_items && r == 0; i++) {
                const IntakeItem *item = &batch->items[i];
                if (trial->refused_code)
                        r = miss_refusal(trial, given);
                trial->refused_code = trial->refused_text = NULL;
                if (r == 0 && item->record) {
                        r = judge(trial, given, item, is_subject);
                        is_subject = false;
                } else if (r == 0 && item->refusal)
                        r = refuse(trial, item->refusal->reason, item->refusal->text);
                else if (r == 0)
                        r = note_adapter(trial, item->adapter, 0);
        }
        intake_batch_free(batch);
        return r;
}

static bool expects_refusal(const TestStep *step) {
        for (size_t i = 0; i < step->n_looks; i++)
                for (size_t k = 0; k < step->looks[i].n_expects; k++)
                        if (step->looks[i].expects[k].key == TEST_REFUSED)
                                return true;
        return false;
}

/* ---- one test ---- */

static int run_step(Trial *trial, const TestStep *step, bool is_first) {
        int r = is_first ? 0 : advance(trial, step->at_us);
        trial->refused_code = NULL;
        for (size_t i = 0; i < step->n_given && r == 0 && !must_stop(trial); i++) {
                const TestGiven *given = &step->given[i];
                if (is_first && i == 0)
                        trial->now_us = given->now_us;
                r = advance(trial, given->now_us);
                if (r == 0)
                        r = give(trial, given);
                bool is_last = i + 1 == step->n_given;
                if (r == 0 && trial->refused_code && !(is_last && expects_refusal(step)))
                        r = miss_refusal(trial, given);
        }
        if (r == 0)
                r = advance(trial, step->at_us);
        for (size_t i = 0; i < step->n_looks && r == 0 && !must_stop(trial); i++)
                r = look_at(trial, &step->looks[i]);
        for (size_t i = 0; i < trial->n_happened && step->n_looks > 0; i++)
                trial->all_happened[i].n_hits = trial->all_happened[i].n_roles = trial->all_happened[i].n_sent = 0;
        return r;
}

static void write_failure(const Trial *trial, Text *out) {
        for (size_t i = 0; i < trial->n_misses; i++) {
                const TrialMiss *miss = &trial->misses[i];
                text_printf(out, "%s%s%s: want %s, got %s\n", miss->where, miss->key[0] ? "." : "", miss->key, miss->want, miss->got);
        }
        if (trial->receipts.size > 0)
                text_append_size(out, trial->receipts.data, trial->receipts.size);
}

static int add_failure(Trial *trial, const TrialFailure **ret) {
        TrialReport *report = trial->report;
        _cleanup_(text_free) Text text = { 0 };
        write_failure(trial, &text);
        if (text.error < 0 || trial->receipts.error < 0)
                return -ENOMEM;
        TrialFailure *failure = &report->failures[report->n_failed];
        *failure = (TrialFailure){ .test = trial->test->rule.name,
                .file = trial->test->rule.file,
                .line = trial->test->rule.line,
                .misses = trial->misses,
                .n_misses = trial->n_misses,
                .receipts = arena_strndup(report->arena, trial->receipts.size > 0 ? trial->receipts.data : "", trial->receipts.size),
                .text = arena_strndup(report->arena, text.data, text.size) };
        if (!failure->receipts || !failure->text)
                return -ENOMEM;
        report->n_failed++;
        *ret = failure;
        return 0;
}

static int run_test(Trial *trial, const Test *test) {
        arena_reset(trial->arena);
        text_clear(&trial->receipts);
        trial->test = test;
        trial->now_us = test->steps[0].at_us;
        trial->subject = trial->n_events = 0;
        trial->all_happened = NULL;
        trial->freed = NULL;
        trial->misses = NULL;
        trial->n_happened = trial->happened_capacity = trial->n_freed = trial->freed_capacity = trial->n_misses = trial->misses_capacity =
                0;
        int r = store_begin(trial->store);
        if (r != 0)
                return r < 0 ? r : -EIO;
        gate_set_rules(trial->gate, trial->rules); /* forgets who overran in the test before */
        policy_test_lists(test);
        for (size_t i = 0; i < test->n_steps && r == 0 && !trial->stop; i++)
                r = run_step(trial, &test->steps[i], i == 0);
        policy_test_lists(test);
        int undone = store_rollback(trial->store);
        if (r < 0 || undone != 0)
                return r < 0 ? r : undone < 0 ? undone : -EIO;
        if (trial->stop)
                return 0; /* it was not run to its end: nothing can be said */
        const TrialFailure *failure = NULL;
        if (trial->n_misses > 0)
                r = add_failure(trial, &failure);
        if (r == 0) {
                trial->report->n_tests++;
                if (trial->options->on_test)
                        trial->options->on_test(&test->rule, failure, trial->options->userdata);
        }
        return r;
}

/* ---- all of them ---- */

static bool is_wanted(const Trial *trial, const Test *test, const char *folded, size_t folded_size) {
        if (!folded)
                return true;
        arena_reset(trial->scratch);
        size_t size;
        const char *name = utf8_casefold(trial->scratch, test->rule.name, strlen(test->rule.name), &size);
        return name && memmem(name, size, folded, folded_size);
}

static int open_book(Trial *trial) {
        static const uint8_t secret[DIGEST_SIZE] = { 0 };
        const Settings *settings = trial->rules->settings;
        const IntakeSettings intake = { .phone_region = settings->phone_region, .zone = settings->zone, .secret = secret, .may = may_all };
        trial->adapters = calloc(trial->rules->n_adapters + 1, sizeof(*trial->adapters));
        if (!trial->adapters)
                return -ENOMEM;
        for (size_t i = 0; i < trial->rules->n_adapters; i++)
                trial->adapters[i] = trial->rules->adapters[i].adapter;
        IntakeSettings payloads = intake;
        payloads.adapters = trial->adapters;
        payloads.n_adapters = trial->rules->n_adapters;
        payloads.may = policy_spool_may;
        payloads.userdata = trial->rules;
        payloads.any_secret = true;
        int r = store_open_with_secret(NULL, STORE_MEMORY, secret, &trial->store);
        if (r == 0)
                r = intake_new(&intake, &trial->intake);
        if (r == 0)
                r = intake_new(&payloads, &trial->payloads);
        if (r == 0)
                r = gate_new(trial->store, &trial->gate);
        if (r == 0)
                r = store_begin(trial->store);
        if (r == 0)
                r = store_rules_activate(trial->store, trial->rules, 0);
        if (r == 0)
                r = store_commit(trial->store);
        if (r == 0)
                gate_set_rules(trial->gate, trial->rules);
        return r > 0 ? -EIO : r;
}

static int run_all(Trial *trial) {
        TrialReport *report = trial->report;
        const RuleSet *rules = trial->rules;
        const char *filter = trial->options->filter, *folded = NULL;
        size_t folded_size = 0;
        report->arena = arena_new(0);
        trial->arena = arena_new(0);
        trial->scratch = arena_new(TRIAL_MEMORY_MAX);
        if (!report->arena || !trial->arena || !trial->scratch)
                return -ENOMEM;
        report->failures = ARENA_ARRAY(report->arena, TrialFailure, rules->n_tests + 1);
        if (filter)
                folded = utf8_casefold(report->arena, filter, strlen(filter), &folded_size);
        if (!report->failures || (filter && !folded))
                return -ENOMEM;
        int r = open_book(trial);
        if (r == 0 && trial->options->coverage)
                r = coverage_new(trial->rules, &trial->coverage);
        for (size_t i = 0; i < rules->n_tests && r == 0 && !must_stop(trial); i++)
                if (rules->tests[i].n_steps > 0 && is_wanted(trial, &rules->tests[i], folded, folded_size))
                        r = run_test(trial, &rules->tests[i]);
        report->stopped = trial->stop;
        if (r == 0 && trial->coverage)
                r = coverage_report(trial->coverage, report);
        return r;
}

int trial_run(RuleSet *rules, const TrialOptions *options, TrialReport *ret) {
        static const TrialOptions usual = { 0 };
        Trial trial = { .rules = rules, .options = options ? options : &usual, .report = ret, .end_us = TIME_NONE };
        *ret = (TrialReport){ 0 };
        if (trial.options->budget_us > 0)
                trial.end_us = monotonic_us() + trial.options->budget_us;
        int r = run_all(&trial);
        text_free(&trial.receipts);
        (void) trial_coverage_free(trial.coverage);
        (void) gate_free(trial.gate);
        (void) intake_free(trial.intake);
        (void) intake_free(trial.payloads);
        free(trial.adapters);
        (void) store_close(trial.store);
        (void) arena_free(trial.scratch);
        (void) arena_free(trial.arena);
        if (r < 0)
                trial_report_done(ret);
        return r;
}

void trial_report_done(TrialReport *report) {
        (void) arena_free(report->arena);
        *report = (TrialReport){ 0 };
}
