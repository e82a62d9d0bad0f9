/* SPDX-License-Identifier: MIT */
/*
 * gate: find, load, decide, remember, for one event. Owns the arena a decision
 * lives in and nothing else; the transaction belongs to the caller, because many
 * events share one.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

int gate_new(Store *store, Gate **ret) {
        _cleanup_(gate_freep) Gate *gate = calloc(1, sizeof *gate);

        if (!gate)
                return -ENOMEM;
        gate->store = store;
        gate->arena = arena_new(GATE_EVENT_MEMORY_MAX);
        if (!gate->arena)
                return -ENOMEM;
        *ret = TAKE(gate);
        return 0;
}

Gate *gate_free(Gate *gate) {
        if (gate) {
                arena_free(gate->arena);
                free(gate->marks);
                free(gate->looks);
                free(gate);
        }
        return NULL;
}

void gate_freep(Gate **gate) { *gate = gate_free(*gate); }

void gate_set_rules(Gate *gate, RuleSet *rules) {
        gate->rules = rules;
        gate->suspended_serial = UINT64_MAX;
        gate->n_marks = 0;
}

static int refuse_unknown(Gate *gate, GateOutcome *ret) {
        /* No rule was asked: what overran in the event before is not counted again. */
        policy_begin_event(gate->rules, false, NULL, 0);
        policy_end_event(gate->rules);
        gate->decision = (Decision){ .refused = true, .refusal_code = "unknown_lead", .refusal_text = "no such lead" };
        ret->decision = &gate->decision;
        return 0;
}

/* Suspended rules are a fact of the store, which goes back with a rollback: the rule set follows it. */
static int sync_one(RuleKind kind, const char *name, int64_t since_us _unused_, void *userdata) {
        RuleSet *rules = userdata;
        const Rule *rule = policy_rule(rules, kind, name);

        return rule ? policy_suspend(rules, rule) : 0;
}

int gate_sync_suspended(Gate *gate) {
        /* Overruns in a transaction that was rolled back did not happen, either: the numbers of their events are free again. */
        for (size_t i = 0; i < gate->n_marks; i++) {
                Marks *marks = &gate->marks[i];
                while (marks->n > 0 && marks->items[marks->n - 1].event >= store_next_event(gate->store))
                        marks->n--;
        }
        if (gate->suspended_serial == store_suspended_serial(gate->store))
                return 0;
        policy_resume_all(gate->rules);
        int r = store_suspended(gate->store, sync_one, gate->rules);
        if (r == 0)
                gate->suspended_serial = store_suspended_serial(gate->store);
        return r;
}

/* The calls that the CPU backstop cut, for a replay to repeat. */
int gate_keep_cuts(Gate *gate, Decision *decision) {
        size_t n, n_cuts = 0;
        const PolicyOverrun *overruns = policy_overruns(gate->rules, &n);

        for (size_t i = 0; i < n; i++)
                n_cuts += overruns[i].by_cpu;
        if (n_cuts == 0)
                return 0;
        uint32_t *cuts = ARENA_ARRAY(gate->arena, uint32_t, n_cuts);
        if (!cuts)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (overruns[i].by_cpu)
                        cuts[decision->n_cuts++] = overruns[i].call;
        decision->cuts = cuts;
        return 0;
}

/* What a lead is judged by. */
typedef struct Loaded {
        LeadState before;
        Facts profile;
        Activity *history;
        size_t n_history;
        Desk desk;
} Loaded;

static int load(Gate *gate, const Record *record, uint64_t lead, int64_t now_us, Loaded *ret) {
        int r = store_load_lead(gate->store, lead, gate->arena, &ret->before, &ret->profile, &ret->history, &ret->n_history);

        if (r != 0)
                return r;
        const char *domain = facts_text(&record->facts, FIELD_COMPANY_DOMAIN);
        if (!domain)
                domain = facts_text(&ret->profile, FIELD_COMPANY_DOMAIN);
        return store_load_desk(gate->store, domain, lead, gate->rules, now_us, gate->arena, &ret->desk);
}

/* Of an event of leadd's own about the lead, at the record's time. */
static DecideInput look_input(Gate *gate, const Loaded *loaded, const Record *record, uint64_t lead) {
        uint64_t event = store_next_event(gate->store);

        return (DecideInput){
                .event_id = event,
                .lead_id = lead,
                .before = &loaded->before,
                .profile = &loaded->profile,
                .history = loaded->history,
                .n_history = loaded->n_history,
                .record = record,
                .actor = "system:leadd",
                .actor_is_operator = true,
                .now_us = record->time_us,
                .desk = &loaded->desk,
                .before_6 = store_is_before_6(gate->store, event),
                .before_7 = store_is_before_7(gate->store, event),
        };
}

/* A move that came too late is told who was first and when: deciding knows only where the lead is now. */
static int say_who_was_first(Gate *gate, const LeadState *before, Decision *decision) {
        _cleanup_(text_free) Text text = { 0 };
        HandOffEnd end;

        if (!base_streq(decision->refusal_code, "wrong_status") || before->moved_event == 0)
                return 0;
        int r = gate_find_handoff_end(gate->store, before->id, before->moved_event - 1, &end);
        if (r != 0)
                return r == STORE_E_NONE ? 0 : r;
        text_printf(&text, "%s (", decision->refusal_text);
        gate_say_handoff_end(&end, &text);
        text_append_char(&text, ')');
        decision->refusal_text = text.error ? NULL : arena_strndup(gate->arena, text.data, text.size);
        return decision->refusal_text ? 0 : -ENOMEM;
}

static int refused(Gate *gate, const LeadState *before, Decision *decision, int64_t now_us) {
        int r = say_who_was_first(gate, before, decision);

        return r == 0 ? store_note_refusal(gate->store, decision, now_us) : r;
}

int gate_judge_lead(Gate *gate, const GateInput *input, uint64_t lead, uint64_t named, const StoredEvent *replayed, Decision *decision,
        GateOutcome *ret) {
        Loaded loaded = { .before = { .grade = "", .wake_us = TIME_NONE } };
        int r = gate_sync_suspended(gate);

        if (r == 0 && decide_concerns_lead(input->record))
                r = load(gate, input->record, lead, input->now_us, &loaded);
        if (r == STORE_E_NONE)
                return refuse_unknown(gate, ret);
        if (r == 0 && input->record->family == FAMILY_OWNER)
                r = store_load_desk(gate->store, NULL, 0, gate->rules, input->now_us, gate->arena, &loaded.desk);
        if (r != 0)
                return r;
        DecideInput decide = {
                .event_id = store_next_event(gate->store),
                .lead_id = !decide_concerns_lead(input->record) ? 0
                           : lead                               ? lead
                                                                : store_next_lead(gate->store),
                .before = &loaded.before,
                .profile = &loaded.profile,
                .history = loaded.history,
                .n_history = loaded.n_history,
                .record = input->record,
                .actor = input->actor,
                .actor_is_operator = input->actor_is_operator,
                .now_us = input->now_us,
                .desk = &loaded.desk,
                .before_6 = store_is_before_6(gate->store, store_next_event(gate->store)),
                .before_7 = store_is_before_7(gate->store, store_next_event(gate->store)),
        };
        if (!decide_concerns_lead(input->record)) {
                DigestMoment *digests = NULL;
                r = store_digests(gate->store, gate->arena, &digests, &decide.n_digests);
                if (r != 0)
                        return r;
                decide.digests = digests;
        }
        r = gate_find_exclusions(gate, lead, &decide);
        if (r == 0)
                r = gate_prepare_merge(gate, input->record, lead, &decide);
        if (r == STORE_E_NONE)
                return refuse_unknown(gate, ret);
        if (r != 0)
                return r;
        bool is_restored = false;
        if (replayed && gate->ghosts) {
                r = ghosts_remind(gate, replayed, lead, &loaded.before, &decide, &is_restored);
                if (r != 0)
                        return r;
        }
        policy_begin_event(gate->rules, replayed != NULL, replayed ? replayed->cuts : NULL, replayed ? replayed->n_cuts : 0);
        r = decide_event(gate->rules, &decide, gate->arena, decision);
        if (r >= 0)
                r = gate_keep_cuts(gate, decision);
        /* An erasure ends an offer of which a replay knows no more than what was written down. */
        if (replayed && gate->ghosts && gate_is_erasure(input->record))
                decision->handoff = replayed->handoff;
        policy_end_event(gate->rules);
        if (r < 0)
                return r;
        ret->decision = decision;
        ret->lead = decide.lead_id;
        if (decision->refused)
                return replayed ? 0 : refused(gate, &loaded.before, decision, input->now_us);
        decision->expired_changed |= is_restored;
        decision->returned_changed |= is_restored;
        const StoreEntry entry = {
                .record = input->record,
                .decision = decision,
                .event_id = decide.event_id,
                .lead_id = decide.lead_id,
                .named = named != lead ? named : 0,
                .actor = input->actor,
                .now_us = input->now_us,
                .ledger = input->ledger,
                .ledger_index = input->ledger_index,
        };
        ret->event = decide.event_id;
        return store_apply(gate->store, &entry);
}

/* ---- events about the rules ---- */

/* An event that leadd itself makes: its id is the number it gets and what it is about. In the arena of the record. */
static int rules_record(Gate *gate, const char *type, int64_t now_us, Record **ret) {
        _cleanup_(record_freep) Record *record = record_new();

        if (!record)
                return -ENOMEM;
        record->source = "leadd";
        record->type = type;
        record->event = type + strlen("rules.");
        record->family = FAMILY_RULES;
        record->time_us = now_us;
        record->id = arena_printf(record->arena, "%s-%" PRIu64 "-%.16s", base_streq(record->event, "activated") ? "rules" : record->event,
                store_next_event(gate->store), gate->rules->hash_text);
        if (!record->id)
                return -ENOMEM;
        const DigestPart parts[] = { { "leadd", 5 }, { record->id, strlen(record->id) } };
        int r = digest_keyed(store_secret(gate->store), parts, ARRAY_SIZE(parts), &record->key);
        if (r == 0)
                *ret = TAKE(record);
        return r;
}

static int log_rules_event(Gate *gate, const Record *record, int64_t now_us) {
        const GateInput input = { .record = record, .actor = "system:leadd", .now_us = now_us };
        Decision decision;
        GateOutcome outcome = { 0 };

        return gate_judge_lead(gate, &input, 0, 0, NULL, &decision, &outcome);
}

/* Counts who overran in the event just judged, and suspends who did so too often: an event of its own. */
static int suspend(Gate *gate, const Rule *rule, int64_t now_us) {
        _cleanup_(record_freep) Record *record = NULL;
        int r = rules_record(gate, "rules.suspended", now_us, &record);

        if (r == 0)
                r = facts_set(&record->facts, record->arena, FIELD_RULES_KIND, NULL, value_text(rule_kind_name(rule->kind)), now_us);
        if (r == 0)
                r = facts_set(&record->facts, record->arena, FIELD_RULES_NAME, NULL, value_text(rule->name), now_us);
        if (r == 0)
                r = log_rules_event(gate, record, now_us);
        return r == 0 ? gate_sync_suspended(gate) : r;
}

static int marks_of(Gate *gate, const Rule *rule, Marks **ret) {
        for (size_t i = 0; i < gate->n_marks; i++)
                if (gate->marks[i].rule == rule) {
                        *ret = &gate->marks[i];
                        return 0;
                }
        Marks *marks = reallocarray(gate->marks, gate->n_marks + 1, sizeof *marks);
        if (!marks)
                return -ENOMEM;
        gate->marks = marks;
        *ret = &marks[gate->n_marks++];
        **ret = (Marks){ .rule = rule };
        return 0;
}

/* Notes another one; true: it is the one too many. A clock that went back in between says nothing about how long it took. */
static bool add_mark(Marks *marks, uint64_t event, int64_t now_us) {
        if (marks->n == MARKS_MAX)
                memmove(&marks->items[0], &marks->items[1], --marks->n * sizeof marks->items[0]);
        marks->items[marks->n].event = event;
        marks->items[marks->n++].at_us = now_us;
        if (marks->n < GATE_OVERRUNS_MAX)
                return false;
        int64_t took_us = now_us - marks->items[marks->n - GATE_OVERRUNS_MAX].at_us;
        return took_us >= 0 && took_us <= GATE_OVERRUNS_US;
}

int gate_count_overruns(Gate *gate, int64_t now_us, const Rule **ret_suspended, size_t *ret_n) {
        size_t n, n_found = 0;
        const PolicyOverrun *overruns = policy_overruns(gate->rules, &n);
        const Rule *found[GATE_SUSPENDED_MAX];

        for (size_t i = 0; i < n; i++) {
                Marks *marks;
                int r = marks_of(gate, overruns[i].rule, &marks);
                if (r < 0)
                        return r;
                if (!add_mark(marks, store_next_event(gate->store) - 1, now_us) || policy_is_suspended(gate->rules, marks->rule))
                        continue;
                bool is_known = false;
                for (size_t k = 0; k < n_found; k++)
                        is_known |= found[k] == marks->rule;
                if (!is_known && n_found < GATE_SUSPENDED_MAX)
                        found[n_found++] = marks->rule;
        }
        /* Only now: logging begins an event, and the overruns of this one would be gone. */
        for (size_t i = 0; i < n_found; i++) {
                int r = suspend(gate, found[i], now_us);
                if (r != 0)
                        return r;
                ret_suspended[(*ret_n)++] = found[i];
        }
        return 0;
}

int gate_judge(Gate *gate, const GateInput *input, GateOutcome *ret) {
        uint64_t lead = input->lead;

        *ret = (GateOutcome){ 0 };
        arena_reset(gate->arena);
        ret->event = store_find_event(gate->store, &input->record->key);
        if (ret->event != 0) {
                int64_t at_us;
                ret->duplicate = true;
                int r = store_event_lead(gate->store, ret->event, &lead);
                if (r == 0 && lead > 0)
                        r = store_is_erased(gate->store, lead, &ret->erased, &at_us);
                return r < 0 ? r : 0;
        }
        if (gate_is_merge(input->record))
                return gate_judge_merge(gate, input, ret);
        uint64_t named = 0;
        if (decide_concerns_lead(input->record) && lead == 0 && !gate_is_erasure(input->record)) {
                bool is_erased;
                int r = gate_find_erased(gate, input->record, ret, &is_erased);
                if (r != 0 || is_erased)
                        return r;
        }
        if (decide_concerns_lead(input->record)) {
                int r = lead > 0 ? 0 : store_find_lead(gate->store, input->record, &lead, &ret->similar);
                named = lead;
                /* Whatever is said of a lead that was merged is said of the one that goes on for it. */
                if (r == 0 && lead > 0)
                        r = store_survivor(gate->store, lead, &lead);
                if (r == STORE_E_NONE)
                        return refuse_unknown(gate, ret);
                if (r != 0)
                        return r;
        }
        /* A file that names the number of somebody erased has nothing to say, and is nobody's to mend. */
        if (lead > 0 && input->ledger > 0) {
                int64_t at_us;
                int r = store_is_erased(gate->store, lead, &ret->erased, &at_us);
                ret->duplicate = ret->erased;
                if (r != 0 || ret->erased)
                        return r;
        }
        if (gate_is_erasure(input->record))
                return gate_judge_erasure(gate, input, lead, ret);
        int r = gate_judge_lead(gate, input, lead, named, NULL, &gate->decision, ret);
        return r == 0 ? gate_count_overruns(gate, input->now_us, ret->suspended, &ret->n_suspended) : r;
}

int gate_log_activation(Gate *gate, int64_t now_us, bool apply) {
        _cleanup_(record_freep) Record *record = NULL;
        uint64_t to = store_next_lead(gate->store) - 1;
        RulesPass pass;

        arena_reset(gate->arena);
        int r = store_rules_pass(gate->store, &pass);
        if (r != 0)
                return r;
        /* Who wished it was promised that all would move: the pass that takes the place of theirs keeps the word. */
        apply |= pass.apply && pass.next <= pass.to;
        r = rules_record(gate, "rules.activated", now_us, &record);
        if (r == 0)
                r = facts_set(&record->facts, record->arena, FIELD_RULES_TO, NULL, value_integer((int64_t) to), now_us);
        if (r == 0 && apply)
                r = facts_set(&record->facts, record->arena, FIELD_RULES_APPLY, NULL, value_bool(true), now_us);
        return r == 0 ? log_rules_event(gate, record, now_us) : r;
}

/* ---- re-deriving ---- */

static int add_look(Gate *gate, uint64_t lead) {
        if (gate->n_looks == gate->looks_capacity) {
                size_t capacity = gate->looks_capacity ? gate->looks_capacity * 2 : 64;
                uint64_t *looks = reallocarray(gate->looks, capacity, sizeof *looks);
                if (!looks)
                        return -ENOMEM;
                gate->looks = looks;
                gate->looks_capacity = capacity;
        }
        gate->looks[gate->n_looks++] = lead;
        return 0;
}

static bool moves_by_itself(const Decision *decision) {
        for (size_t i = 0; i < decision->n_moves; i++)
                if (strncmp(decision->moves[i].by, "sla:", 4) != 0)
                        return true;
        return false;
}

/* An owner who left, vanished, or whom the rules gave to another team, does not own an open lead. */
static bool owner_is_lost(const RuleSet *rules, const LeadState *lead, const Status *status) {
        if (!lead->owner || !status || status->kind == STATUS_FINAL)
                return false;
        const Member *owner = policy_member(rules, lead->owner);
        return !owner || owner->left || owner->team != status->team;
}

static void sooner(int64_t *wake_us, int64_t other_us) {
        if (other_us != TIME_NONE && (*wake_us == TIME_NONE || other_us < *wake_us))
                *wake_us = other_us;
}

static bool same_names(const char *const *a, size_t n_a, const char *const *b, size_t n_b) {
        bool same = n_a == n_b;

        for (size_t i = 0; i < n_a && same; i++)
                same = base_streq(a[i], b[i]);
        return same;
}

/* Judges the lead as an event now would, and keeps of it what is derived. What the event would do beside that waits for one. */
static int rederive_lead(Gate *gate, int64_t now_us, uint64_t lead, GateSlice *slice) {
        Loaded loaded = { 0 };
        Decision decision;
        const Record look = { .source = "leadd", .type = "timer.reload", .event = "reload", .family = FAMILY_TIMER, .time_us = now_us };
        bool changed;

        arena_reset(gate->arena);
        int r = load(gate, &look, lead, now_us, &loaded);
        if (r == STORE_E_NONE)
                return 0;
        if (r != 0)
                return r;
        if (loaded.before.merged_into > 0 || loaded.before.erased)
                return 0; /* another lead goes on for it, or nobody does */
        if (gate->ghosts) {
                bool is_ghost;
                r = ghosts_is_one(gate->ghosts, gate->store, lead, &is_ghost);
                if (r != 0 || is_ghost) {
                        slice->n_ghosts += is_ghost;
                        return r != 0 ? r : ghosts_rename(gate, &loaded.before);
                }
        }
        DecideInput input = look_input(gate, &loaded, &look, lead);
        r = decide_event(gate->rules, &input, gate->arena, &decision);
        if (r < 0)
                return r;

        const Status *status = policy_status(gate->rules, loaded.before.status);
        LeadState after = loaded.before;
        after.fit_mp = decision.after.fit_mp;
        after.engagement_mp = decision.after.engagement_mp;
        after.grade = decision.after.grade;
        after.segments = decision.after.segments;
        after.n_segments = decision.after.n_segments;
        if (status)
                after.status = status->rule.name;
        bool moving = moves_by_itself(&decision);
        /* What moves it from one track to another is an event of its own, which says what it was: the segments are left to that. */
        bool changes_track = !moving && decide_track_differs(&loaded.before.track, &decision.after.track);
        size_t n_segments = after.n_segments;
        const char *const *segments = after.segments;
        if (changes_track) {
                after.segments = loaded.before.segments;
                after.n_segments = loaded.before.n_segments;
        }
        /* What was armed stays, and what the new rules would arm is armed: a planned absence, a step that comes sooner. At worst it is a
         * look too many. */
        if (!after.test) {
                sooner(&after.wake_us, decision.look_us);
                if (!moving)
                        sooner(&after.wake_us, decision.after.wake_us);
        }
        /* A lead that would move waits for its next event in the status it has: what is armed there counts, not what it would find. */
        if (moving && !after.test) {
                Decision staying;
                input.stays = true;
                r = decide_event(gate->rules, &input, gate->arena, &staying);
                if (r < 0)
                        return r;
                sooner(&after.wake_us, staying.after.wake_us);
        }
        r = store_rederive(gate->store, &(const Rederived){ .before = &loaded.before, .after = &after }, &changed);
        if (r != 0)
                return r;
        slice->found.n_leads++;
        slice->found.n_changed +=
                changed || (changes_track && !same_names(loaded.before.segments, loaded.before.n_segments, segments, n_segments));
        slice->found.n_regraded += !base_streq(loaded.before.grade, after.grade);
        slice->found.n_moving += moving;
        if (loaded.before.held.by || owner_is_lost(gate->rules, &loaded.before, status) || (moving && slice->apply) || changes_track)
                return add_look(gate, lead);
        return 0;
}

static bool overran_too_often(const Gate *gate) {
        size_t n;

        (void) policy_overruns(gate->rules, &n);
        return n >= GATE_OVERRUNS_MAX;
}

/* The event of a slice that was gone through. */
static int slice_record(Gate *gate, int64_t now_us, const GateSlice *slice, Record **ret) {
        _cleanup_(record_freep) Record *record = NULL;
        int r = rules_record(gate, "rules.rederived", now_us, &record);

        if (r == 0)
                r = facts_set(&record->facts, record->arena, FIELD_RULES_FROM, NULL, value_integer((int64_t) slice->from), now_us);
        if (r == 0)
                r = facts_set(&record->facts, record->arena, FIELD_RULES_TO, NULL, value_integer((int64_t) slice->to), now_us);
        if (r == 0)
                *ret = TAKE(record);
        return r;
}

/* One path for life and for replay. Life ends the slice early when functions overrun, so that the rule is suspended before it has taken
 * its budget for each lead of it; a replay is given the event, and goes as far as that did. */
static int rederive(Gate *gate, int64_t now_us, const Record *recorded, const StoredEvent *replayed, GateSlice *slice) {
        _cleanup_(record_freep) Record *record = NULL;
        Decision decision = { .after = { .grade = "", .wake_us = TIME_NONE } };
        int r = gate_sync_suspended(gate);

        gate->n_looks = 0;
        policy_begin_event(gate->rules, replayed != NULL, replayed ? replayed->cuts : NULL, replayed ? replayed->n_cuts : 0);
        for (uint64_t lead = slice->from; lead <= slice->to && r == 0; lead++) {
                r = rederive_lead(gate, now_us, lead, slice);
                if (!recorded && overran_too_often(gate))
                        slice->to = lead;
        }
        arena_reset(gate->arena);
        if (r == 0)
                r = gate_keep_cuts(gate, &decision);
        policy_end_event(gate->rules);
        if (r == 0 && !recorded)
                r = slice_record(gate, now_us, slice, &record);
        if (r != 0)
                return r;
        slice->looks = gate->looks;
        slice->n_looks = gate->n_looks;
        slice->event = store_next_event(gate->store);
        if (replayed && slice->n_ghosts > 0) {
                ghosts_found(replayed, &slice->found);
                slice->found.n_leads += slice->n_ghosts;
        }
        decision.rederivation = slice->found;
        decision.summary = arena_printf(gate->arena,
                "re-derived L-%" PRIu64 " to L-%" PRIu64 ": %" PRIu64 " changed, %" PRIu64 " of them in grade; %" PRIu64 " would move",
                slice->from, slice->to, slice->found.n_changed, slice->found.n_regraded, slice->found.n_moving);
        if (!decision.summary)
                return -ENOMEM;
        const StoreEntry entry = { .record = recorded ? recorded : record,
                .decision = &decision,
                .event_id = slice->event,
                .actor = "system:leadd",
                .now_us = now_us };
        return store_apply(gate->store, &entry);
}

int gate_rederive(Gate *gate, int64_t now_us, GateSlice *slice) {
        if (slice->from == 0 || slice->to < slice->from || slice->to - slice->from >= GATE_SLICE_MAX)
                return -EINVAL;
        slice->found = (Rederivation){ 0 };
        slice->n_suspended = 0;
        int r = rederive(gate, now_us, NULL, NULL, slice);
        return r == 0 ? gate_count_overruns(gate, now_us, slice->suspended, &slice->n_suspended) : r;
}

/* ---- held leads that can be given to somebody ---- */

/* Would an event free the lead of what holds it? Not, when nothing holds it any more. */
static int would_free(Gate *gate, int64_t now_us, uint64_t lead, bool *ret) {
        const Record look = { .source = "leadd", .type = "timer.look", .event = "look", .family = FAMILY_TIMER, .time_us = now_us };
        Loaded loaded = { 0 };
        Decision decision;

        *ret = false;
        arena_reset(gate->arena);
        int r = load(gate, &look, lead, now_us, &loaded);
        if (r != 0)
                return r == STORE_E_NONE ? 0 : r;
        const DecideInput input = look_input(gate, &loaded, &look, lead);
        policy_begin_event(gate->rules, false, NULL, 0);
        r = decide_event(gate->rules, &input, gate->arena, &decision);
        policy_end_event(gate->rules);
        *ret = r >= 0 && loaded.before.held.by && !decision.refused && !decision.after.held.by;
        return r < 0 ? r : 0;
}

static bool is_hopeless(const GateOffers *offers, const HeldLead *held) {
        for (size_t i = 0; i < offers->n_causes; i++)
                if (offers->causes[i] == held->cause)
                        return true;
        return false;
}

/* The next row, NULL at the end. */
static int next_held(Gate *gate, const char *team, GateOffers *offers, const HeldLead **ret) {
        *ret = NULL;
        if (offers->at == offers->n_rows) {
                const HeldLead after = offers->n_rows > 0 ? offers->rows[offers->n_rows - 1] : (HeldLead){ 0 };
                bool was_last = offers->n_rows > 0 && offers->n_rows < GATE_OFFERS_ROWS;
                offers->at = offers->n_rows = 0;
                int r = was_last ? 0
                                 : store_held_in(gate->store, team, after.lead > 0 ? &after : NULL, GATE_OFFERS_ROWS, offers->rows,
                                           &offers->n_rows);
                if (r != 0)
                        return r;
        }
        if (offers->at < offers->n_rows)
                *ret = &offers->rows[offers->at++];
        return 0;
}

int gate_next_offer(Gate *gate, const char *team, int64_t now_us, GateOffers *offers, uint64_t *ret_lead) {
        size_t n_looks = 0;

        *ret_lead = 0;
        int r = gate_sync_suspended(gate);
        for (size_t i = 0; i < GATE_OFFERS_PASSED_MAX && n_looks < GATE_OFFERS_LOOKS_MAX && r == 0; i++) {
                const HeldLead *held;
                bool is_free = false;
                r = next_held(gate, team, offers, &held);
                if (r != 0 || !held) {
                        offers->is_over = r == 0;
                        return r;
                }
                if (is_hopeless(offers, held))
                        continue;
                n_looks++;
                r = would_free(gate, now_us, held->lead, &is_free);
                if (r == 0 && is_free) {
                        *ret_lead = held->lead;
                        return 0;
                }
                /* What a move that broke holds is another matter for each lead. */
                bool is_route = held->by && policy_rule(gate->rules, RULE_ROUTE, held->by);
                if (r == 0 && is_route && offers->n_causes < GATE_OFFERS_CAUSES_MAX)
                        offers->causes[offers->n_causes++] = held->cause;
        }
        return r;
}

/* ---- replay ---- */

typedef struct Replay {
        Store *from, *to;
        Gate *gate;
        Ghosts ghosts;
        RuleSet *rules;
        Text *differences;
        uint64_t n_events, n_differences;
        bool is_6, is_7;
        int error;
} Replay;

static void differ(Replay *replay, uint64_t event, const char *text) {
        if (replay->n_differences++ < 100)
                text_printf(replay->differences, "event %" PRIu64 ": %s\n", event, text);
}

static int use_rules(Replay *replay, const StoredEvent *event) {
        _cleanup_(policy_freep) RuleSet *rules = NULL;
        PolicyReport report = { 0 };
        const void *archive;
        size_t size;
        int r;

        if (replay->rules && base_streq(replay->rules->hash_text, event->rules_hash))
                return 0;
        r = store_rules_find(replay->from, event->rules_hash, &archive, &size);
        if (r != 0)
                return r < 0 ? r : -ENOENT;
        r = policy_load_archive(archive, size, &rules, &report);
        policy_report_done(&report);
        if (r != 0)
                return r < 0 ? r : -EINVAL;
        r = store_rules_activate(replay->to, rules, event->now_us);
        if (r != 0)
                return r < 0 ? r : -EIO;
        gate_set_rules(replay->gate, rules);
        policy_free(replay->rules);
        replay->rules = TAKE(rules);
        return 0;
}

static int replay_rederived(Replay *replay, const Record *record, const StoredEvent *event, GateOutcome *ret) {
        const Value *from = facts_get(&record->facts, FIELD_RULES_FROM, NULL), *to = facts_get(&record->facts, FIELD_RULES_TO, NULL);

        if (!from || !to || from->integer <= 0 || to->integer < from->integer || to->integer - from->integer >= GATE_SLICE_MAX)
                return -EBADMSG;
        GateSlice slice = { .from = (uint64_t) from->integer, .to = (uint64_t) to->integer };
        int r = rederive(replay->gate, event->now_us, record, event, &slice);
        ret->event = slice.event;
        return r;
}

/* The book became one of version 6 before the event that comes next. */
static int become_6(Replay *replay) {
        if (replay->is_6 || store_is_before_6(replay->to, store_next_event(replay->to)))
                return 0;
        replay->is_6 = true;
        return store_next_event(replay->to) > 1 ? store_restart_turns(replay->to) : 0;
}

/* The same for version 7, before the rules of that event: those before them were the last that the older leadd knew. */
static int become_7(Replay *replay) {
        if (replay->is_7 || store_is_before_7(replay->to, store_next_event(replay->to)))
                return 0;
        replay->is_7 = true;
        int r = store_look_back(replay->to);
        if (r == 0 && store_next_event(replay->to) > 1)
                r = store_backfill_opportunities(replay->to);
        return r;
}

static int on_event(const StoredEvent *event, void *userdata) {
        Replay *replay = userdata;
        _cleanup_(record_freep) Record *record = NULL;
        GateOutcome outcome = { 0 };
        int r;

        r = become_7(replay);
        if (r != 0) {
                replay->error = r < 0 ? r : -EIO;
                return 1;
        }
        r = use_rules(replay, event);
        if (r < 0) {
                differ(replay, event->id, "its rule set cannot be loaded from the archive");
                replay->error = r;
                return 1;
        }
        r = store_event_record(replay->from, event, &record);
        if (r != 0) {
                differ(replay, event->id, "its record cannot be rebuilt");
                replay->error = r < 0 ? r : -EIO;
                return 1;
        }
        const GateInput input = { .record = record, .actor = event->actor, .actor_is_operator = true, .now_us = event->now_us };
        bool is_ghost = false;
        arena_reset(replay->gate->arena);
        replay->n_events++;
        r = become_6(replay);
        if (r != 0) {
                replay->error = r < 0 ? r : -EIO;
                return 1;
        }
        if (replay->ghosts.any && event->lead > 0) {
                r = ghosts_find(&replay->ghosts, replay->to, event, record, &is_ghost);
                if (r == 0 && is_ghost)
                        r = ghosts_apply(replay->gate, event, record);
                if (r != 0)
                        replay->error = r < 0 ? r : -EIO;
                if (r != 0 || is_ghost)
                        return r != 0;
        }
        if (replay->ghosts.any && gate_is_erasure(record)) {
                r = store_copy_opportunities(replay->to, replay->from, event->lead);
                if (r != 0) {
                        replay->error = r < 0 ? r : -EIO;
                        return 1;
                }
        }
        /* The log names the lead; a lead it had not seen before is the next new one. */
        uint64_t lead = event->lead >= store_next_lead(replay->to) ? 0 : event->lead;
        const char *differs = NULL;
        if (record->family == FAMILY_RULES && base_streq(record->event, "rederived"))
                r = replay_rederived(replay, record, event, &outcome);
        else if (gate_is_take(record))
                r = gate_replay_take(replay->gate, record, event, &outcome, &differs);
        else
                r = gate_judge_lead(replay->gate, &input, lead, event->named, event, &replay->gate->decision, &outcome);
        if (r != 0) {
                replay->error = r < 0 ? r : -EIO;
                return 1;
        }
        if (differs)
                differ(replay, event->id, differs);
        if (outcome.decision && outcome.decision->refused)
                differ(replay, event->id, outcome.decision->refusal_text);
        else if (outcome.event != event->id || outcome.lead != event->lead)
                differ(replay, event->id, "got another number");
        if ((outcome.decision && outcome.decision->refused) || outcome.event != event->id)
                return 1; /* all later numbers would differ, too: one cause is enough */
        return 0;
}

int gate_replay(const char *path, Text *differences, uint64_t *ret_n_events, uint64_t *ret_n_differences) {
        _cleanup_(store_closep) Store *from = NULL;
        _cleanup_(store_closep) Store *to = NULL;
        _cleanup_(gate_freep) Gate *gate = NULL;
        Replay replay = { .differences = differences };
        int r;

        r = store_open(path, STORE_READ_ONLY, &from);
        if (r != 0)
                return r;
        r = store_open_with_secret(NULL, STORE_MEMORY, store_secret(from), &to);
        if (r != 0)
                return r;
        r = gate_new(to, &gate);
        if (r < 0)
                return r;
        replay.from = from;
        replay.to = to;
        replay.gate = gate;
        r = ghosts_start(from, &replay.ghosts);
        if (r != 0)
                return r;
        if (replay.ghosts.any)
                gate->ghosts = &replay.ghosts;
        r = store_begin(to);
        if (r == 0)
                r = store_count_as(to, from);
        if (r != 0)
                return r;
        r = store_log(from, 0, 0, on_event, &replay);
        if (r >= 0 && replay.error < 0)
                r = replay.error;
        if (r >= 0)
                r = become_6(&replay);
        if (r >= 0)
                r = become_7(&replay);
        if (r >= 0) {
                r = store_commit(to);
                if (r == 0) {
                        uint64_t n = 0;
                        r = store_compare(from, to, differences, &n);
                        replay.n_differences += n;
                }
        }
        policy_free(replay.rules);
        ghosts_done(&replay.ghosts);
        *ret_n_events = replay.n_events;
        *ret_n_differences = replay.n_differences;
        return r;
}
