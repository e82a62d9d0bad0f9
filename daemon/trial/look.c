/* SPDX-License-Identifier: MIT */
/*
 * look: a lead as `explain` would show it at this moment, compared with what a test expects. Each expectation that is not met says
 * what was wanted and what there was; the first look that misses anything adds the receipts of all rules that bear on the lead.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

typedef struct Look {
        Trial *trial;
        const TestLook *test;
        Arena *arena;
        uint64_t lead;
        LeadState state;
        Facts profile;
        Activity *history;
        size_t n_history;
        Explanation explanation;
        const Happened *happened; /* NULL = nothing has happened since the last look */
} Look;

/* ---- what there is ---- */

static const Receipt *receipt_of(const Look *look, const Rule *rule) {
        const Receipts *receipts = &look->explanation.receipts;
        for (size_t i = 0; i < receipts->n_items; i++)
                if (receipts->items[i].rule == rule)
                        return &receipts->items[i];
        return NULL;
}

/* Adapters, moves, reasons, routes and SLAs are hit when they did something; the others when they hold now. */
static bool is_hit(const Look *look, const Rule *rule) {
        switch (rule->kind) {
        case RULE_ADAPTER:
        case RULE_MOVE:
        case RULE_REASON:
        case RULE_ROUTE:
        case RULE_SLA:
                for (size_t i = 0; look->happened && i < look->happened->n_hits; i++)
                        if (look->happened->hits[i] == rule)
                                return true;
                return rule->kind == RULE_SLA && look->state.sla.rule && base_streq(look->state.sla.rule, rule->name);
        default: {
                /* A junk rule has a receipt for each activity it met. */
                const Receipts *receipts = &look->explanation.receipts;
                for (size_t i = 0; i < receipts->n_items; i++)
                        if (receipts->items[i].rule == rule && receipts->items[i].matched)
                                return true;
                return false;
        }
        }
}

static int load(Look *look) {
        Trial *trial = look->trial;
        Desk desk = { 0 };
        int r = store_load_lead(trial->store, look->lead, look->arena, &look->state, &look->profile, &look->history, &look->n_history);
        if (r != 0)
                return r < 0 ? r : -EIO;
        r = store_load_desk(trial->store, facts_text(&look->profile, FIELD_COMPANY_DOMAIN), look->lead, trial->rules, trial->now_us,
                look->arena, &desk);
        if (r != 0)
                return r < 0 ? r : -EIO;
        const DecideInput input = {
                .lead_id = look->lead,
                .before = &look->state,
                .profile = &look->profile,
                .history = look->history,
                .n_history = look->n_history,
                .actor = "system:leadd",
                .now_us = trial->now_us,
                .desk = &desk,
        };
        look->happened = trial_happened(trial, look->lead);
        /* Looking is not judging: what a look asks no event has asked. */
        policy_cover_pause(trial->rules);
        r = decide_explain(trial->rules, &input, look->arena, &look->explanation);
        for (size_t i = 0; r == 0 && trial->coverage && i < trial->rules->n_fences; i++)
                if (is_hit(look, &trial->rules->fences[i].rule)) /* no condition says so of those that close for a time */
                        coverage_hit(trial->coverage, &trial->rules->fences[i].rule);
        if (r == 0 && trial->coverage)
                r = policy_cover(trial->rules);
        return r > 0 ? -EIO : r;
}

static const char *find_value(Look *look, const TestExpect *expect, Value *storage) {
        const Subject *subject = &look->explanation.subject;
        const char *text = NULL;
        switch (expect->key) {
        case TEST_FIT:
                *storage = value_integer(subject->fit_mp);
                return "";
        case TEST_ENGAGEMENT:
                *storage = value_integer(subject->engagement_mp);
                return "";
        case TEST_SCORE:
                *storage = value_integer(subject->group_mp[expect->group]);
                return "";
        case TEST_STATUS:
                text = look->state.status;
                break;
        case TEST_OWNER:
                text = look->state.owner;
                break;
        case TEST_TRACK:
                text = look->state.track.ended ? NULL : look->state.track.name;
                break;
        case TEST_GRADE:
                text = look->state.grade[0] ? look->state.grade : NULL;
                break;
        case TEST_TEAM: {
                const Status *status = policy_status(look->trial->rules, look->state.status);
                text = status && status->team ? status->team->rule.name : NULL;
                break;
        }
        default:
                break;
        }
        if (text)
                *storage = value_text(text);
        return text;
}

/* ---- telling ---- */

static int miss(Look *look, const TestExpect *expect, const Text *want, const Text *got) {
        if (want->error < 0 || got->error < 0)
                return -ENOMEM;
        return trial_miss(look->trial, look->test->where, expect->name, want->size > 0 ? want->data : "nothing",
                got->size > 0 ? got->data : "nothing");
}

static void write_names(Text *out, const TestName *names, size_t n) {
        for (size_t i = 0; i < n; i++)
                text_printf(out, "%s%s", i > 0 ? ", " : "", names[i].name);
}

static void write_note(Text *out, const Receipt *receipt) {
        bool has_trace = receipt->trace && receipt->trace[0], has_note = receipt->note && receipt->note[0];
        /* Of what did not match, the note says what decided: the trace could only say it again. */
        if (has_note && !receipt->matched && receipt->rule->kind != RULE_FENCE)
                has_trace = false;
        if (has_note)
                text_printf(out, "%s%s", receipt->note, has_trace ? "; " : "");
        if (has_trace)
                text_append(out, receipt->trace);
}

/* ---- comparing ---- */

static int check_value(Look *look, const TestExpect *expect) {
        _cleanup_(text_free) Text want = { 0 }, got = { 0 };
        Value storage;
        const Value *value = find_value(look, expect, &storage) ? &storage : NULL;
        bool matches = !value;
        if (expect->matcher) {
                int r = policy_test_matches(look->trial->rules, expect->matcher, value, look->arena, &matches);
                if (r < 0)
                        return r;
        }
        if (matches)
                return 0;
        policy_test_describe(look->trial->rules, expect->matcher, &want);
        policy_test_show(expect->matcher, value, &got);
        return miss(look, expect, &want, &got);
}

static int check_field(Look *look, const TestExpect *expect) {
        _cleanup_(text_free) Text want = { 0 }, got = { 0 };
        Value storage;
        const Value *value;
        bool matches = false;
        int r = policy_test_read(look->trial->rules, expect->matcher, &look->explanation.subject, look->arena, &storage, &value);
        if (r == 0)
                r = policy_test_matches(look->trial->rules, expect->matcher, value, look->arena, &matches);
        if (r < 0 || matches)
                return r;
        policy_test_describe(look->trial->rules, expect->matcher, &want);
        policy_test_show(expect->matcher, value, &got);
        return miss(look, expect, &want, &got);
}

/* What there is of an activity, as far as a test can ask for it. */
static void write_activity(const Activity *activity, Text *out) {
        char buffer[TIME_TEXT_SIZE];
        text_printf(out, "%s at %s", activity->type, time_format_rfc3339(activity->time_us, buffer));
        for (size_t i = 0; i < activity->facts->n_items; i++) {
                const Fact *fact = &activity->facts->items[i];
                const char *path = field_info(fact->field)->path;
                if (strncmp(path, "activity.", 9) != 0)
                        continue;
                text_printf(out, ", %s%s%s ", path + 9, fact->key ? "." : "", fact->key ? fact->key : "");
                policy_test_show(NULL, &fact->value, out);
        }
}

static int check_did(Look *look, const TestExpect *expect) {
        _cleanup_(text_free) Text want = { 0 }, got = { 0 };
        bool matches = false;
        for (size_t i = 0; i < look->n_history && !matches; i++) {
                int r = policy_test_did(look->trial->rules, expect, &look->history[i], look->arena, &matches);
                if (r < 0)
                        return r;
        }
        if (matches)
                return 0;
        policy_test_describe_did(look->trial->rules, expect, &want);
        for (size_t i = 0; i < look->n_history && i < TRIAL_SHOWN_MAX; i++) {
                text_append(&got, i > 0 ? "; " : "");
                write_activity(&look->history[i], &got);
        }
        if (look->n_history > TRIAL_SHOWN_MAX)
                text_printf(&got, "; and %zu more", look->n_history - TRIAL_SHOWN_MAX);
        return miss(look, expect, &want, &got);
}

static int check_hits(Look *look, const TestExpect *expect, bool wanted) {
        int r = 0;
        for (size_t i = 0; i < expect->n_names && r == 0; i++) {
                const TestName *name = &expect->names[i];
                _cleanup_(text_free) Text want = { 0 }, got = { 0 };
                const Rule *hit = NULL;
                for (size_t k = 0; k < name->n_rules && !hit; k++)
                        hit = is_hit(look, name->rules[k]) ? name->rules[k] : NULL;
                if (!hit == !wanted)
                        continue;
                const Receipt *receipt = receipt_of(look, hit ? hit : name->rules[0]);
                text_printf(&want, "%s%s", name->name, wanted ? "" : " not");
                text_append(&got, hit ? "a hit" : "none");
                if (receipt && ((receipt->trace && receipt->trace[0]) || (receipt->note && receipt->note[0]))) {
                        text_append(&got, ": ");
                        write_note(&got, receipt);
                }
                r = miss(look, expect, &want, &got);
        }
        return r;
}

static int check_segments(Look *look, const TestExpect *expect) {
        _cleanup_(text_free) Text want = { 0 }, got = { 0 };
        const LeadState *state = &look->state;
        size_t n_found = 0;
        for (size_t i = 0; i < expect->n_names; i++)
                for (size_t k = 0; k < state->n_segments; k++)
                        n_found += base_streq(state->segments[k], expect->names[i].rules[0]->name);
        if (n_found == expect->n_names && n_found == state->n_segments)
                return 0;
        write_names(&want, expect->names, expect->n_names);
        for (size_t i = 0; i < state->n_segments; i++)
                text_printf(&got, "%s%s", i > 0 ? ", " : "", state->segments[i]);
        return miss(look, expect, &want, &got);
}

static int check_moved(Look *look, const TestExpect *expect) {
        _cleanup_(text_free) Text want = { 0 }, got = { 0 };
        const Happened *happened = look->happened;
        size_t n = 0;
        bool same = true;
        for (size_t i = 0; happened && i < happened->n_hits; i++) {
                if (happened->hits[i]->kind != RULE_MOVE)
                        continue;
                same = same && n < expect->n_names && expect->names[n].rules[0] == happened->hits[i];
                text_printf(&got, "%s%s", n++ > 0 ? ", " : "", happened->hits[i]->name);
        }
        if (same && n == expect->n_names)
                return 0;
        write_names(&want, expect->names, expect->n_names);
        return miss(look, expect, &want, &got);
}

static bool is_reminded(const Happened *happened, const char *role) {
        for (size_t i = 0; happened && i < happened->n_roles; i++)
                if (base_streq(happened->roles[i], role))
                        return true;
        return false;
}

static int check_reminded(Look *look, const TestExpect *expect) {
        _cleanup_(text_free) Text want = { 0 }, got = { 0 };
        const Happened *happened = look->happened;
        bool same = true;
        for (size_t i = 0; i < expect->n_names; i++)
                same = same && is_reminded(happened, expect->names[i].name);
        for (size_t i = 0; happened && i < happened->n_roles; i++) {
                bool wanted = false, told = false;
                for (size_t k = 0; k < expect->n_names; k++)
                        wanted = wanted || base_streq(expect->names[k].name, happened->roles[i]);
                for (size_t k = 0; k < i; k++)
                        told = told || base_streq(happened->roles[k], happened->roles[i]);
                same = same && wanted;
                if (!told)
                        text_printf(&got, "%s%s", got.size > 0 ? ", " : "", happened->roles[i]);
        }
        if (same)
                return 0;
        write_names(&want, expect->names, expect->n_names);
        return miss(look, expect, &want, &got);
}

static int check_sent(Look *look, const TestExpect *expect) {
        _cleanup_(text_free) Text want = { 0 }, got = { 0 };
        const Happened *happened = look->happened;
        size_t n = happened ? happened->n_sent : 0;
        bool same = n == expect->n_names;
        for (size_t i = 0; i < n; i++) {
                same = same && base_streq(happened->sent[i], expect->names[i].name);
                text_printf(&got, "%s%s", i > 0 ? ", " : "", happened->sent[i]);
        }
        if (same)
                return 0;
        write_names(&want, expect->names, expect->n_names);
        return miss(look, expect, &want, &got);
}

typedef struct Meeting {
        uint64_t lead;
        bool is_in;
} Meeting;

static int on_person(const AudienceMember *member, void *userdata) {
        Meeting *meeting = userdata;
        meeting->is_in = meeting->is_in || (member->row->lead == meeting->lead && member->verdict->code == AUDIENCE_IN);
        return 0;
}

/* The campaigns that run and have the lead now, asked as an audience is. */
static int check_audience(Look *look, const TestExpect *expect) {
        _cleanup_(text_free) Text want = { 0 }, got = { 0 };
        Trial *trial = look->trial;
        size_t n_in = 0, n_wanted = 0;
        for (size_t i = 0; i < trial->rules->n_campaigns; i++) {
                const Campaign *campaign = &trial->rules->campaigns[i];
                const AudienceAsk ask = { .campaign = campaign, .now_us = trial->now_us, .explain = true, .from = look->lead, .n_max = 1 };
                Meeting meeting = { .lead = look->lead };
                AudienceAnswer answer;
                if (!policy_campaign_runs(campaign, trial->now_us))
                        continue;
                int r = gate_audience(trial->store, trial->rules, &ask, on_person, &meeting, &answer);
                if (r < 0)
                        return r;
                for (size_t k = 0; k < expect->n_names && meeting.is_in; k++)
                        n_wanted += expect->names[k].rules[0] == &campaign->rule;
                n_in += meeting.is_in;
                if (meeting.is_in)
                        text_printf(&got, "%s%s", got.size > 0 ? ", " : "", campaign->rule.name);
                if (meeting.is_in && trial->coverage)
                        coverage_hit(trial->coverage, &campaign->rule);
        }
        if (n_in == n_wanted && n_wanted == expect->n_names)
                return 0;
        write_names(&want, expect->names, expect->n_names);
        return miss(look, expect, &want, &got);
}

static int check_due(Look *look, const TestExpect *expect) {
        _cleanup_(text_free) Text want = { 0 }, got = { 0 };
        char buffer[TIME_TEXT_SIZE];
        const Zone *zone = look->trial->rules->settings->zone;
        int64_t due_us = look->state.sla.rule ? look->state.sla.due_us : TIME_NONE;
        if (due_us == expect->time_us)
                return 0;
        if (expect->time_us != TIME_NONE)
                text_append(&want, zone_format(zone, expect->time_us, buffer));
        if (due_us != TIME_NONE)
                text_printf(&got, "%s (%s)", zone_format(zone, due_us, buffer), look->state.sla.rule);
        return miss(look, expect, &want, &got);
}

static int check_held(Look *look, const TestExpect *expect) {
        _cleanup_(text_free) Text want = { 0 }, got = { 0 };
        const HeldState *held = &look->state.held;
        text_append(&got, held->by ? "" : "not held");
        if (held->by)
                text_printf(&got, "held by %s: %s", held->by, held->text ? held->text : "");
        if (got.error < 0)
                return -ENOMEM;
        if (expect->yes == (held->by != NULL) && (!expect->text || strstr(got.data, expect->text)))
                return 0;
        text_printf(&want, "%s%s%s", expect->yes ? "held" : "not held", expect->text ? ", saying " : "", expect->text ? expect->text : "");
        return miss(look, expect, &want, &got);
}

static int check_refused(Look *look, const TestExpect *expect) {
        _cleanup_(text_free) Text want = { 0 }, got = { 0 };
        const Trial *trial = look->trial;
        bool is_refused = trial->refused_code != NULL;
        bool fits = !expect->text ||
                    (is_refused && (base_streq(trial->refused_code, expect->text) || strstr(trial->refused_text, expect->text)));
        if (is_refused == expect->yes && fits)
                return 0;
        text_printf(&want, "%s%s%s", expect->yes ? "refused" : "taken", expect->text ? ", saying " : "", expect->text ? expect->text : "");
        if (is_refused)
                text_printf(&got, "refused (%s): %s", trial->refused_code, trial->refused_text);
        else
                text_append(&got, "taken");
        return miss(look, expect, &want, &got);
}

/* Closed now, whatever status it keeps the lead out of. */
static int check_fences(Look *look, const TestExpect *expect) {
        _cleanup_(text_free) Text want = { 0 }, got = { 0 };
        const RuleSet *rules = look->trial->rules;
        bool same = true;
        for (size_t i = 0; i < rules->n_fences; i++) {
                bool closed = is_hit(look, &rules->fences[i].rule), wanted = false;
                for (size_t k = 0; k < expect->n_names; k++)
                        wanted = wanted || expect->names[k].rules[0] == &rules->fences[i].rule;
                /* Which others are closed matters only where none is to be. */
                same = same && (closed == wanted || (closed && expect->n_names > 0));
                if (closed)
                        text_printf(&got, "%s%s", got.size > 0 ? ", " : "", rules->fences[i].rule.name);
        }
        if (same)
                return 0;
        write_names(&want, expect->names, expect->n_names);
        return miss(look, expect, &want, &got);
}

static int check(Look *look, const TestExpect *expect) {
        switch (expect->key) {
        case TEST_HITS:
                return check_hits(look, expect, true);
        case TEST_MISSES:
                return check_hits(look, expect, false);
        case TEST_SEGMENTS:
                return check_segments(look, expect);
        case TEST_FENCE:
                return check_fences(look, expect);
        case TEST_MOVED:
                return check_moved(look, expect);
        case TEST_REMINDED:
                return check_reminded(look, expect);
        case TEST_SENT:
                return check_sent(look, expect);
        case TEST_AUDIENCE:
                return check_audience(look, expect);
        case TEST_DUE:
                return check_due(look, expect);
        case TEST_HELD:
                return check_held(look, expect);
        case TEST_REFUSED:
                return check_refused(look, expect);
        case TEST_FIELDS:
                return check_field(look, expect);
        case TEST_DID:
                return check_did(look, expect);
        case TEST_FIT:
        case TEST_ENGAGEMENT:
        case TEST_SCORE:
        case TEST_GRADE:
        case TEST_STATUS:
        case TEST_TEAM:
        case TEST_OWNER:
        case TEST_TRACK:
                return check_value(look, expect);
        }
        return 0;
}

/* ---- receipts ---- */

static void write_points(Text *out, int64_t mp) { text_printf(out, "%.15g", (double) mp / 1000.0); }

static void write_receipts(Look *look, Text *out) {
        const Receipts *receipts = &look->explanation.receipts;
        char buffer[TIME_TEXT_SIZE];
        text_printf(out, "receipts of L-%" PRIu64 " at %s (%s):\n", look->lead,
                zone_format(look->trial->rules->settings->zone, look->trial->now_us, buffer), look->test->where);
        for (size_t i = 0; i < receipts->n_items; i++) {
                const Receipt *receipt = &receipts->items[i];
                const Rule *rule = receipt->rule;
                text_printf(out, "%s %s %s (%s:%d)",
                        receipt->failed    ? "!"
                        : receipt->matched ? "+"
                                           : "-",
                        rule_kind_name(rule->kind), rule->name, rule->file, rule->line);
                if (receipt->matched && (rule->kind == RULE_SCORE || rule->kind == RULE_GROUP)) {
                        text_append(out, " ");
                        if (receipt->before_mp != receipt->after_mp) {
                                write_points(out, receipt->before_mp);
                                text_append(out, " -> ");
                        }
                        write_points(out, receipt->after_mp);
                }
                bool says = (receipt->note && receipt->note[0]) || (receipt->trace && receipt->trace[0]);
                text_append(out, says ? ": " : "");
                write_note(out, receipt);
                text_append_char(out, '\n');
        }
}

int look_at(Trial *trial, const TestLook *test) {
        Look look = { .trial = trial, .test = test, .arena = trial->scratch, .lead = trial->subject };
        size_t n_misses = trial->n_misses;
        int r = 0;
        arena_reset(trial->scratch);
        if (test->of) {
                r = store_resolve_lead(trial->store, test->of, &look.lead);
                if (r == STORE_E_NONE)
                        look.lead = 0;
                else if (r != 0)
                        return r < 0 ? r : -EIO;
                r = 0;
        }
        if (look.lead != 0)
                r = load(&look);
        bool told = false;
        for (size_t i = 0; i < test->n_expects && r == 0; i++)
                if (look.lead != 0 || test->expects[i].key == TEST_REFUSED)
                        r = check(&look, &test->expects[i]);
                else if (!told) {
                        told = true;
                        r = trial_miss(trial, test->where, "", "a lead", "none: nothing that was given made one");
                }
        if (r == 0 && look.lead != 0 && trial->n_misses > n_misses && trial->receipts.size == 0)
                write_receipts(&look, &trial->receipts);
        return r;
}
