/* SPDX-License-Identifier: MIT */
/*
 * Leaks: for each kind a lead that is one and its neighbours that are none; and over random books that a look which asks about what
 * changed alone comes to the same as one at the whole book.
 */
#include "leadd/followup.h"
#include "leadd/metrics.h"
#include "test_gate_fixture.h"

#define DAY US_PER_DAY
#define HOUR US_PER_HOUR

/* One team with a queue, one with people; an agreement that ends, and statuses without one. */
static const char base[] =
        "settings \"site\" { zone = \"Europe/Berlin\", leaks = { opportunity = \"40d\" } }\n"
        "team \"marketing\" {}\n"
        "team \"desk\" { members = { a = {}, b = {}, gone = { left = true } } }\n"
        "team \"field\" { members = { f = {} } }\n"
        "status \"inquiry\" { team = \"marketing\", initial = true, marketing_may_contact = true }\n"
        "status \"nurture\" { team = \"marketing\", marketing_may_contact = true }\n"
        "status \"parked\" { team = \"marketing\" }\n"
        "status \"mql\" { team = \"desk\", kind = \"sla\" }\n"
        "status \"working\" { team = \"desk\", stale_after = \"20d\" }\n"
        "status \"opportunity\" { team = \"field\" }\n"
        "status \"proposal\" { team = \"field\" }\n"
        "status \"customer\" { team = \"field\", kind = \"final\" }\n"
        "status \"bought\" { team = \"marketing\", kind = \"final\" }\n"
        "status \"closed\" { team = \"marketing\", kind = \"final\" }\n"
        "reason \"no_budget\" { to = \"nurture\", recycle_after = \"30d\" }\n"
        "reason \"no_answer\" { to = \"nurture\" }\n"
        "move \"raise\" { from = { \"inquiry\", \"nurture\" }, to = \"mql\", by = \"rules\",\n"
        "  when = { did{ type = \"form_submitted\", name = \"demo\", since = \"move\" } } }\n"
        "move \"accept\" { from = \"mql\", to = \"working\", by = \"owner\" }\n"
        "move \"reject\" { from = { \"mql\", \"working\" }, by = \"owner\", reasons = { \"no_budget\", \"no_answer\" } }\n"
        "move \"drop\" { from = \"working\", to = \"nurture\", by = \"owner\" }\n"
        "move \"park\" { from = { \"inquiry\", \"nurture\" }, to = \"parked\", by = \"desk\" }\n"
        "move \"unpark\" { from = \"parked\", to = \"inquiry\", by = \"desk\" }\n"
        "move \"deal\" { from = \"working\", to = \"opportunity\", by = \"owner\" }\n"
        "move \"offer\" { from = \"opportunity\", to = \"proposal\", by = \"owner\" }\n"
        "move \"stall\" { from = \"proposal\", to = \"nurture\", by = \"rules\", when = { in_status = ge(\"60d\") } }\n"
        "move \"win\" { from = { \"opportunity\", \"proposal\" }, to = \"bought\", by = \"owner\" }\n"
        "move \"keep\" { from = \"proposal\", to = \"customer\", by = \"owner\" }\n"
        "move \"lose\" { from = { \"working\", \"opportunity\", \"proposal\" }, to = \"closed\", by = \"owner\" }\n"
        "route \"DESK\" { team = \"desk\" }\n"
        "route \"FIELD\" { team = \"field\" }\n"
        "sla \"ANSWER\" { status = \"mql\", within = \"8h\", clock = \"wall\",\n"
        "  steps = { { at = \"4h\", remind = { \"owner\" } }, { at = \"3d\", move = \"reject\", reason = \"no_answer\" } } }\n";
static const char track[] = "channel \"mail\" { via = \"sendmail\", from = \"a@example.com\" }\n"
                            "message \"hello\" { channel = \"mail\", to = \"lead\", subject = \"Hello\", body = [[Hello.]] }\n"
                            "track \"warm\" { enter = { status = \"nurture\" }, steps = { { wait = \"0d\", send = \"hello\" } } }\n";

/* ---- each kind, and what is next to it ---- */

#define LEAD(...) ((LeakLead){ __VA_ARGS__ })

/* What a row leaves out: somebody's accepted lead in working since an hour ago, without an agreement. */
static LeakLead full(LeakLead lead) {
        if (!lead.status)
                lead.status = "working";
        if (!lead.owner)
                lead.owner = "a";
        else if (base_streq(lead.owner, "-"))
                lead.owner = NULL;
        if (lead.entered_us == 0)
                lead.entered_us = NOW_US - HOUR;
        int64_t *const instants[] = { &lead.offered_us, &lead.due_us, &lead.next_step_us, &lead.held_look_us, &lead.recycle_us,
                &lead.returned_us, &lead.track_ended_us, &lead.opportunity_us, &lead.work.last_us };
        for (size_t i = 0; i < ARRAY_SIZE(instants); i++)
                if (*instants[i] == 0)
                        *instants[i] = TIME_NONE;
        lead.lead = 7;
        return lead;
}

static const struct {
        LeakLead lead;
        LeakKind kind;
        const char *rule; /* that should have caught it */
        int64_t since_us; /* 0 = not looked at */
        int64_t next_us;  /* 0 = not looked at */
        bool with_track;
} states[] = {
        /* nobody, in no queue, and nothing is due */
        { .lead = LEAD(.status = "working", .owner = "-"), .kind = LEAK_UNOWNED, .rule = "DESK", .since_us = NOW_US - HOUR },
        { .lead = LEAD(.status = "proposal", .owner = "-"), .kind = LEAK_UNOWNED, .rule = "FIELD", .since_us = NOW_US - HOUR },
        { .lead = LEAD(.status = "working", .owner = "gone"), .kind = LEAK_UNOWNED, .rule = "DESK", .since_us = 0 },
        { .lead = LEAD(.status = "working", .owner = "whoever"), .kind = LEAK_UNOWNED, .rule = "DESK", .since_us = 0 },
        { .lead = LEAD(.status = "no_such_status", .owner = "a"), .kind = LEAK_UNOWNED, .rule = NULL, .since_us = NOW_US - HOUR },
        { .lead = LEAD(.status = "working", .owner = "-", .held_by = "DESK"), .kind = LEAK_UNOWNED, .rule = "DESK", .since_us = 0 },
        { .lead = LEAD(.status = "working", .owner = "-", .held_by = "DESK", .held_look_us = NOW_US + DAY), .kind = LEAK_NONE },
        { .lead = LEAD(.status = "working", .owner = "-", .recycle_us = NOW_US + DAY), .kind = LEAK_NONE },
        { .lead = LEAD(.status = "mql", .owner = "-", .sla = "ANSWER", .next_step_us = NOW_US + HOUR), .kind = LEAK_NONE },
        { .lead = LEAD(.status = "mql", .owner = "-", .sla = "ANSWER", .due_us = NOW_US - DAY),
                .kind = LEAK_UNOWNED,
                .rule = "DESK",
                .since_us = 0 },
        { .lead = LEAD(.status = "inquiry", .owner = "-"), .kind = LEAK_NONE }, /* a queue */
        { .lead = LEAD(.status = "parked", .owner = "-"), .kind = LEAK_NONE },
        { .lead = LEAD(.status = "customer", .owner = "-"), .kind = LEAK_NONE }, /* final */
        { .lead = LEAD(.status = "closed", .owner = "-"), .kind = LEAK_NONE },
        /* not accepted, late, and nothing is to come */
        { .lead = LEAD(.status = "mql", .unaccepted = true, .sla = "ANSWER", .due_us = NOW_US - HOUR),
                .kind = LEAK_UNACCEPTED,
                .rule = "ANSWER",
                .since_us = NOW_US - HOUR },
        { .lead = LEAD(.status = "mql", .unaccepted = true, .sla = "ANSWER", .due_us = NOW_US),
                .kind = LEAK_UNACCEPTED,
                .rule = "ANSWER",
                .since_us = NOW_US },
        { .lead = LEAD(.status = "mql", .unaccepted = true, .sla = "ANSWER", .due_us = NOW_US + 1),
                .kind = LEAK_NONE,
                .next_us = NOW_US + 1 },
        { .lead = LEAD(.status = "mql", .unaccepted = true, .sla = "ANSWER", .due_us = NOW_US - HOUR, .next_step_us = NOW_US + DAY),
                .kind = LEAK_NONE },
        { .lead = LEAD(.status = "mql", .unaccepted = true, .sla = "ANSWER"),
                .kind = LEAK_UNACCEPTED,
                .rule = "ANSWER",
                .since_us = NOW_US - HOUR }, /* no due at all */
        { .lead = LEAD(.status = "mql", .unaccepted = true, .sla = "NO_MORE", .due_us = NOW_US - HOUR),
                .kind = LEAK_UNACCEPTED,
                .rule = NULL,
                .since_us = 0 },
        /* accepted, and never touched since */
        { .lead = LEAD(.offered_us = NOW_US - 10 * DAY, .entered_us = NOW_US - 3 * DAY, .work = { 1, NOW_US - 3 * DAY }),
                .kind = LEAK_UNTOUCHED,
                .rule = "working",
                .since_us = NOW_US - 3 * DAY },
        { .lead = LEAD(.offered_us = NOW_US - 10 * DAY, .entered_us = NOW_US - 3 * DAY, .work = { 1, NOW_US - 3 * DAY + 1 }),
                .kind = LEAK_NONE,
                .next_us = NOW_US + 1 },
        { .lead = LEAD(.offered_us = NOW_US - 3 * DAY, .entered_us = NOW_US - 3 * DAY, .work = { 0 }),
                .kind = LEAK_UNTOUCHED,
                .rule = "working",
                .since_us = NOW_US - 3 * DAY },
        { .lead = LEAD(.offered_us = NOW_US - 10 * DAY, .entered_us = NOW_US - 9 * DAY, .work = { 2, NOW_US - 8 * DAY }),
                .kind = LEAK_NONE,
                .next_us = NOW_US + 12 * DAY },
        { .lead = LEAD(.offered_us = NOW_US - 10 * DAY, .entered_us = NOW_US - 9 * DAY, .sla = "CALL", .next_step_us = NOW_US + HOUR,
                  .work = { 1, NOW_US - 9 * DAY }),
                .kind = LEAK_NONE },
        { .lead = LEAD(.entered_us = NOW_US - 9 * DAY, .work = { 1, NOW_US - 9 * DAY }),
                .kind = LEAK_NONE,
                .next_us = NOW_US + 11 * DAY }, /* an old book */
        /* a deal that stands, and nothing that would take it back */
        { .lead = LEAD(.status = "opportunity", .owner = "f", .entered_us = NOW_US - 40 * DAY, .work = { 2, NOW_US - 41 * DAY }),
                .kind = LEAK_OPPORTUNITY,
                .rule = "opportunity",
                .since_us = NOW_US - 40 * DAY },
        { .lead = LEAD(.status = "opportunity", .owner = "f", .entered_us = NOW_US - 40 * DAY, .opportunity_us = NOW_US - 13 * DAY,
                  .work = { 2, NOW_US - 13 * DAY }),
                .kind = LEAK_NONE,
                .next_us = NOW_US + DAY },
        { .lead = LEAD(.status = "working", .entered_us = NOW_US - 50 * DAY, .opportunity_us = NOW_US - 45 * DAY,
                  .work = { 2, NOW_US - 46 * DAY }),
                .kind = LEAK_OPPORTUNITY,
                .rule = "working",
                .since_us = NOW_US - 45 * DAY },
        { .lead = LEAD(.status = "parked", .owner = "-", .entered_us = NOW_US - 50 * DAY, .opportunity_us = NOW_US - 45 * DAY,
                  .work = { 0 }),
                .kind = LEAK_OPPORTUNITY,
                .rule = "parked",
                .since_us = NOW_US - 45 * DAY },
        { .lead = LEAD(.status = "proposal", .owner = "f", .entered_us = NOW_US - 13 * DAY, .opportunity_us = NOW_US - 45 * DAY,
                  .work = { 2, NOW_US - 13 * DAY }),
                .kind = LEAK_NONE }, /* it stalls by itself */
        { .lead = LEAD(.status = "customer", .owner = "f", .entered_us = NOW_US - 90 * DAY, .opportunity_us = NOW_US - 90 * DAY),
                .kind = LEAK_NONE },
        /* a status nobody keeps up to date: 20 days in working, 14 elsewhere */
        { .lead = LEAD(.entered_us = NOW_US - 20 * DAY, .work = { 2, NOW_US - 20 * DAY }),
                .kind = LEAK_STALE,
                .rule = "working",
                .since_us = NOW_US - 20 * DAY },
        { .lead = LEAD(.entered_us = NOW_US - 90 * DAY, .work = { 2, NOW_US - 20 * DAY + 1 }), .kind = LEAK_NONE, .next_us = NOW_US + 1 },
        { .lead = LEAD(.status = "proposal", .owner = "f", .entered_us = NOW_US - 14 * DAY, .work = { 2, NOW_US - 14 * DAY }),
                .kind = LEAK_STALE,
                .rule = "proposal",
                .since_us = NOW_US - 14 * DAY },
        { .lead = LEAD(.entered_us = NOW_US - 90 * DAY, .work = { 2, NOW_US - 30 * DAY }, .sla = "CALL", .next_step_us = NOW_US),
                .kind = LEAK_NONE },
        { .lead = LEAD(.entered_us = NOW_US - 90 * DAY, .work = { 2, NOW_US - 30 * DAY }, .sla = "CALL"),
                .kind = LEAK_STALE,
                .rule = "working",
                .since_us = 0 },
        { .lead = LEAD(.unaccepted = true, .entered_us = NOW_US - 20 * DAY, .work = { 0 }),
                .kind = LEAK_STALE,
                .rule = "working",
                .since_us = 0 }, /* offered without an agreement */
        { .lead = LEAD(.status = "parked", .owner = "-", .entered_us = NOW_US - 900 * DAY, .work = { 0 }), .kind = LEAK_NONE },
        { .lead = LEAD(.status = "closed", .owner = "a", .entered_us = NOW_US - 900 * DAY, .work = { 0 }), .kind = LEAK_NONE },
        /* sent back, and nobody knows why */
        { .lead = LEAD(.status = "nurture", .owner = "-", .returned_us = NOW_US - DAY, .returned_by = "drop"),
                .kind = LEAK_NO_REASON,
                .rule = "drop",
                .since_us = NOW_US - DAY },
        { .lead = LEAD(.status = "closed", .owner = "-", .returned_us = NOW_US - DAY, .returned_by = "lose"),
                .kind = LEAK_NO_REASON,
                .rule = "lose",
                .since_us = 0 },
        { .lead = LEAD(.status = "nurture", .owner = "-", .returned_us = NOW_US - DAY, .returned_by = "forgotten"),
                .kind = LEAK_NO_REASON,
                .rule = NULL,
                .since_us = 0 },
        { .lead = LEAD(.status = "bought", .owner = "-", .returned_us = NOW_US - DAY, .returned_by = "win"), .kind = LEAK_NONE },
        { .lead = LEAD(.status = "nurture", .owner = "-"), .kind = LEAK_NONE },
        /* marketing's, and in no track: where one is declared */
        { .lead = LEAD(.status = "nurture", .owner = "-", .consents = "contact- marketing+"),
                .kind = LEAK_NO_TRACK,
                .rule = "warm",
                .since_us = NOW_US - HOUR,
                .with_track = true },
        { .lead = LEAD(.status = "nurture", .owner = "-", .consents = "marketing+", .track_ended_us = NOW_US - 60),
                .kind = LEAK_NO_TRACK,
                .rule = "warm",
                .since_us = NOW_US - 60,
                .with_track = true },
        { .lead = LEAD(.status = "nurture", .owner = "-"), .kind = LEAK_NONE, .with_track = true }, /* nobody may write to it */
        { .lead = LEAD(.status = "nurture", .owner = "-", .consents = "marketing-"), .kind = LEAK_NONE, .with_track = true },
        { .lead = LEAD(.status = "nurture", .owner = "-", .consents = "contact+ marketing_more+"), .kind = LEAK_NONE, .with_track = true },
        { .lead = LEAD(.status = "inquiry", .owner = "-", .consents = "marketing+"), .kind = LEAK_NONE, .with_track = true },
        { .lead = LEAD(.status = "nurture", .owner = "-", .consents = "marketing+"), .kind = LEAK_NONE }, /* there is no track */
        { .lead = LEAD(.status = "nurture", .owner = "-", .in_track = true, .consents = "marketing+"),
                .kind = LEAK_NONE,
                .with_track = true },
        { .lead = LEAD(.status = "inquiry", .owner = "-"), .kind = LEAK_NONE, .with_track = true }, /* no track begins there */
        { .lead = LEAD(.status = "parked", .owner = "-"), .kind = LEAK_NONE, .with_track = true },
        { .lead = LEAD(.status = "nurture", .owner = "-", .returned_us = NOW_US - DAY, .returned_by = "drop", .consents = "marketing+"),
                .kind = LEAK_NO_REASON,
                .rule = "drop",
                .since_us = 0,
                .with_track = true }, /* once, by the first */
        /* what people did decides only where a lead stands long enough */
        { .lead = LEAD(.entered_us = NOW_US - DAY, .offered_us = NOW_US - 2 * DAY, .work = { .n = LEAK_WORK_UNKNOWN }),
                .kind = LEAK_NONE,
                .next_us = NOW_US + 2 * DAY },
};

static RuleSet *load(const char *more) {
        _cleanup_(text_free) Text text = { 0 };

        text_append(&text, base);
        text_append(&text, more);
        return gate_load_rules(text.data);
}

static void leads__in_each_state__leak_or_do_not(void **state _unused_) {
        Arena *arena = arena_new(0);
        RuleSet *sets[2] = { load(""), load(track) };
        LeakRules rules[2];
        bool met[LEAK_KINDS] = { false };

        for (size_t i = 0; i < 2; i++)
                assert_int_equal(leak_rules_init(sets[i], arena, &rules[i]), 0);
        for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
                const LeakLead lead = full(states[i].lead);
                LeakFound found;
                decide_leak(&rules[states[i].with_track], &lead, NOW_US, &found);
                bool same_rule = states[i].rule ? found.rule && base_streq(found.rule->name, states[i].rule) : !found.rule;
                if (found.asks_work || found.kind != states[i].kind || !same_rule ||
                        (states[i].since_us != 0 && found.since_us != states[i].since_us) ||
                        (states[i].next_us != 0 && found.next_us != states[i].next_us))
                        fail_msg("state %zu: got %s by %s since %lld next %lld%s, want %s by %s since %lld next %lld", i,
                                leak_kind_name(found.kind), found.rule ? found.rule->name : "no rule", (long long) found.since_us,
                                (long long) found.next_us, found.asks_work ? " (asks)" : "", leak_kind_name(states[i].kind),
                                states[i].rule ? states[i].rule : "no rule", (long long) states[i].since_us, (long long) states[i].next_us);
                met[found.kind] = true;
        }
        for (int kind = LEAK_NONE; kind < LEAK_KINDS; kind++)
                assert_true(met[kind]);
        for (size_t i = 0; i < 2; i++)
                policy_free(sets[i]);
        arena_free(arena);
}

static void work__that_is_not_known__is_asked_for_only_when_it_matters(void **state _unused_) {
        static const struct {
                LeakLead lead;
                bool asks;
        } rows[] = {
                { LEAD(.entered_us = NOW_US - 30 * DAY), true },
                { LEAD(.entered_us = NOW_US - 4 * DAY, .offered_us = NOW_US - 5 * DAY), true },
                { LEAD(.entered_us = NOW_US - 4 * DAY), false },
                { LEAD(.entered_us = NOW_US - 30 * DAY, .sla = "CALL", .next_step_us = NOW_US), false },
                { LEAD(.status = "nurture", .owner = "-", .entered_us = NOW_US - 30 * DAY), false },
                { LEAD(.status = "customer", .entered_us = NOW_US - 30 * DAY), false },
        };
        Arena *arena = arena_new(0);
        RuleSet *set = load("");
        LeakRules rules;

        assert_int_equal(leak_rules_init(set, arena, &rules), 0);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                LeakLead lead = full(rows[i].lead);
                LeakFound found;
                lead.work.n = LEAK_WORK_UNKNOWN;
                decide_leak(&rules, &lead, NOW_US, &found);
                if (found.asks_work != rows[i].asks)
                        fail_msg("row %zu: %s", i, found.asks_work ? "asks" : "does not ask");
        }
        policy_free(set);
        arena_free(arena);
}

/* ---- looks ---- */

#define LEADS 24

typedef struct Random {
        uint64_t state;
} Random;
static uint64_t draw(Random *random, uint64_t n) {
        random->state ^= random->state << 13;
        random->state ^= random->state >> 7;
        random->state ^= random->state << 17;
        return random->state % n;
}

static Record *record_of(GateBook *book, unsigned person, const char *type, int64_t now_us) {
        char id[32], email[48];

        snprintf(id, sizeof(id), "r%llu", (unsigned long long) ++book->n_records);
        snprintf(email, sizeof(email), "p%u@example.com", person);
        Record *record = gate_record(book, type, id, now_us);
        if (record->family != FAMILY_OUTCOME)
                gate_field(record, "person.email", value_text(email));
        assert_int_equal(record_identify(record, store_secret(book->store)), 0);
        return record;
}

/* A move may be refused: then nothing happened. */
static void happen(
        GateBook *book, unsigned person, const char *type, const char *actor, const char *path, const char *value, int64_t now_us) {
        Record *record = record_of(book, person, type, now_us);
        GateOutcome outcome = { 0 };

        if (path)
                gate_field(record, path, value_text(value));
        const GateInput input = { .record = record,
                .lead = record->family == FAMILY_OUTCOME ? person : 0,
                .actor = actor,
                .actor_is_operator = true,
                .now_us = now_us };
        assert_int_equal(store_begin(book->store), 0);
        assert_int_equal(gate_judge(book->gate, &input, &outcome), 0);
        if (outcome.decision && outcome.decision->refused)
                assert_int_equal(store_rollback(book->store), 0);
        else
                assert_int_equal(store_commit(book->store), 0);
        record_free(record);
}

static void fire_due(GateBook *book, int64_t now_us) {
        for (;;) {
                uint64_t leads[16];
                int64_t dues_us[16];
                size_t n = 0;
                assert_int_equal(store_wake_due(book->store, now_us, ARRAY_SIZE(leads), leads, dues_us, &n), 0);
                if (n == 0)
                        return;
                for (size_t i = 0; i < n; i++) {
                        Record *record = NULL;
                        LeadState lead;
                        GateOutcome outcome;
                        arena_reset(book->arena);
                        assert_int_equal(store_load_lead(book->store, leads[i], book->arena, &lead, NULL, NULL, NULL), 0);
                        assert_int_equal(followup_record(&lead, dues_us[i], now_us, store_secret(book->store), &record), 0);
                        const GateInput input = {
                                .record = record, .lead = leads[i], .actor = "system:leadd", .actor_is_operator = true, .now_us = now_us
                        };
                        assert_int_equal(store_begin(book->store), 0);
                        assert_int_equal(gate_judge(book->gate, &input, &outcome), 0);
                        assert_int_equal(store_commit(book->store), 0);
                        record_free(record);
                }
        }
}

/* What a lead may be led to from where it is, and now and then what it may not. */
static const char *draw_move(const char *status, Random *random) {
        static const char *const all[] = { "accept", "reject", "drop", "deal", "offer", "win", "lose", "park", "unpark" };
        static const struct {
                const char *status, *moves[3];
        } ways[] = { { "mql", { "accept", "accept", "reject" } }, { "working", { "deal", "drop", "reject" } },
                { "opportunity", { "offer", "lose", "win" } }, { "proposal", { "win", "keep", "lose" } },
                { "nurture", { "park", "park", "park" } }, { "parked", { "unpark", "unpark", "unpark" } } };

        for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
                if (base_streq(ways[i].status, status) && draw(random, 8) > 0)
                        return ways[i].moves[draw(random, 3)];
        return all[draw(random, ARRAY_SIZE(all))];
}

static void step(GateBook *book, Random *random, int64_t now_us) {
        static const char *const actors[] = { "rep:a", "rep:b", "rep:f" };
        unsigned person = (unsigned) draw(random, LEADS) + 1;
        uint64_t n_leads = store_next_lead(book->store) - 1;

        switch (draw(random, n_leads < LEADS ? 2 : 8)) {
        case 0:
        case 1:
                happen(book, n_leads < LEADS ? (unsigned) n_leads + 1 : person, "lead.submitted", "integration:web",
                        "attribution.form_name", draw(random, 3) > 0 ? "demo" : "paper", now_us);
                return;
        case 2:
                happen(book, person, "activity.page_viewed", "integration:web", NULL, NULL, now_us);
                return;
        case 3:
                happen(book, person, "activity.call_made", "integration:phone", NULL, NULL, now_us);
                return;
        default: {
                char type[32], owner[32];
                LeadState lead;
                arena_reset(book->arena);
                assert_int_equal(store_load_lead(book->store, person, book->arena, &lead, NULL, NULL, NULL), 0);
                snprintf(owner, sizeof(owner), "rep:%s", lead.owner ? lead.owner : "");
                snprintf(type, sizeof(type), "outcome.%s", draw_move(lead.status, random));
                bool rejects = base_streq(type, "outcome.reject");
                happen(book, person, type, lead.owner && draw(random, 8) > 0 ? owner : actors[draw(random, ARRAY_SIZE(actors))],
                        rejects ? "outcome.reason" : NULL, draw(random, 2) ? "no_budget" : "no_answer", now_us);
        }
        }
}

static void assert_same(const LeakBook *kept, GateBook *book, int64_t now_us, size_t at) {
        LeakBook *fresh = leak_book_new();
        LeakLook look;

        assert_non_null(fresh);
        assert_int_equal(leak_book_look(fresh, book->store, book->rules, now_us, false, &look), 0);
        assert_true(look.is_whole);
        for (uint64_t lead = 1; lead < store_next_lead(book->store); lead++)
                if (leak_book_kind(kept, lead) != leak_book_kind(fresh, lead))
                        fail_msg("step %zu: L-%llu is %s by what changed, %s by all", at, (unsigned long long) lead,
                                leak_kind_name(leak_book_kind(kept, lead)), leak_kind_name(leak_book_kind(fresh, lead)));
        const LeakCounts a = leak_book_counts(kept, now_us), b = leak_book_counts(fresh, now_us);
        assert_memory_equal(a.n, b.n, sizeof a.n);
        assert_int_equal(a.n_waiting, b.n_waiting);
        assert_int_equal(a.n_overdue, b.n_overdue);
        leak_book_free(fresh);
}

/* As long as nothing is written and the moment it names has not come, nothing else leaks. */
static void assert_quiet_until_next(LeakBook *kept, GateBook *book, int64_t now_us, Random *random) {
        int64_t next_us = leak_book_next(kept);
        LeakBook *fresh = leak_book_new();
        LeakLook look;

        int64_t until_us = next_us == TIME_NONE ? now_us + 900 * DAY : next_us - 2 * US_PER_SECOND;
        if (until_us > now_us) {
                int64_t at_us = now_us + (int64_t) draw(random, (uint64_t) (until_us - now_us));
                assert_int_equal(leak_book_look(fresh, book->store, book->rules, at_us, false, &look), 0);
                for (uint64_t lead = 1; lead < store_next_lead(book->store); lead++)
                        assert_int_equal(leak_book_kind(kept, lead), leak_book_kind(fresh, lead));
        }
        leak_book_free(fresh);
}

static void looks__at_what_changed__come_to_the_same_as_at_all(void **state _unused_) {
        bool met[LEAK_KINDS] = { false };

        for (uint64_t seed = 1; seed <= 6; seed++) {
                RuleSet *sets[2] = { load(""), load("principle \"P\" { \"Be kind.\" }\n") };
                Random random = { seed * UINT64_C(0x9e3779b97f4a7c15) };
                LeakBook *kept = leak_book_new();
                GateBook book;
                int64_t now_us = NOW_US;
                LeakLook look;

                gate_open_book(&book, NULL, sets[0], now_us);
                for (size_t at = 0; at < 260; at++) {
                        now_us += (int64_t) draw(&random, 3) * (int64_t) draw(&random, (uint64_t) (at % 20 == 19 ? 50 * DAY : 3 * HOUR));
                        fire_due(&book, now_us);
                        step(&book, &random, now_us);
                        if (at == 130)
                                gate_use_rules(&book, sets[1], now_us);
                        if (draw(&random, 4) == 0) {
                                assert_int_equal(leak_book_look(kept, book.store, book.rules, now_us, false, &look), 0);
                                assert_same(kept, &book, now_us, at);
                                for (uint64_t lead = 1; lead < store_next_lead(book.store); lead++)
                                        met[leak_book_kind(kept, lead)] = true;
                                if (at % 5 == 0)
                                        assert_quiet_until_next(kept, &book, now_us, &random);
                        }
                }
                leak_book_free(kept);
                gate_close_book(&book);
                policy_free(sets[0]);
                policy_free(sets[1]);
        }
        /* The walk goes where leaks are. */
        assert_true(met[LEAK_UNTOUCHED] && met[LEAK_STALE] && met[LEAK_OPPORTUNITY] && met[LEAK_NO_REASON]);
}

static void looks__before_the_clock_was_set_back__are_begun_anew(void **state _unused_) {
        RuleSet *rules = load("");
        LeakBook *kept = leak_book_new();
        GateBook book;
        LeakLook look;

        gate_open_book(&book, NULL, rules, NOW_US);
        happen(&book, 1, "lead.submitted", "integration:web", "attribution.form_name", "demo", NOW_US);
        happen(&book, 1, "outcome.accept", "rep:a", NULL, NULL, NOW_US);
        assert_int_equal(leak_book_look(kept, book.store, rules, NOW_US + 4 * DAY, false, &look), 0);
        assert_int_equal(leak_book_kind(kept, 1), LEAK_UNTOUCHED);
        assert_int_equal(leak_book_look(kept, book.store, rules, NOW_US + 4 * DAY, false, &look), 0);
        assert_false(look.is_whole);
        assert_int_equal(look.n_leads, 0);
        assert_int_equal(leak_book_look(kept, book.store, rules, NOW_US + DAY, false, &look), 0);
        assert_true(look.is_whole);
        assert_int_equal(leak_book_kind(kept, 1), LEAK_NONE);
        /* One call is enough, whoever reports it. */
        happen(&book, 1, "activity.call_made", "integration:phone", NULL, NULL, NOW_US + DAY);
        assert_int_equal(leak_book_look(kept, book.store, rules, NOW_US + 5 * DAY, false, &look), 0);
        assert_false(look.is_whole);
        assert_int_equal(leak_book_kind(kept, 1), LEAK_NONE);
        leak_book_free(kept);
        gate_close_book(&book);
        policy_free(rules);
}

static void lines__name_lead_age_value_and_rule__the_oldest_first(void **state _unused_) {
        RuleSet *rules = load("");
        LeakBook *kept = leak_book_new();
        Arena *arena = arena_new(0);
        LeakLine *lines = NULL;
        GateBook book;
        LeakLook look;
        size_t n = 0;

        gate_open_book(&book, NULL, rules, NOW_US);
        for (unsigned person = 1; person <= 3; person++)
                happen(&book, person, "lead.submitted", "integration:web", "attribution.form_name", "demo", NOW_US);
        for (unsigned person = 1; person <= 3; person++) {
                LeadState lead;
                char actor[32];
                assert_int_equal(store_load_lead(book.store, person, arena, &lead, NULL, NULL, NULL), 0);
                assert_non_null(lead.owner);
                snprintf(actor, sizeof(actor), "rep:%s", lead.owner);
                happen(&book, person, "outcome.accept", actor, NULL, NULL, NOW_US + (4 - person) * HOUR);
        }
        Record *record = record_of(&book, 2, "lead.updated", NOW_US + 5 * HOUR);
        gate_field(record, "opportunity.amount", value_integer(5000));
        gate_field(record, "opportunity.currency", value_text("EUR"));
        (void) gate_take(&book, record, 2, NOW_US + 5 * HOUR);
        record_free(record);

        assert_int_equal(leak_book_look(kept, book.store, rules, NOW_US + 5 * DAY, false, &look), 0);
        assert_int_equal(leak_book_list(kept, book.store, NOW_US + 5 * DAY, 2, arena, &lines, &n), 0);
        assert_int_equal(n, 2);
        assert_int_equal(lines[0].lead, 3);
        assert_int_equal(lines[0].since_us, NOW_US + HOUR);
        assert_string_equal(lines[0].rule->name, "working");
        assert_int_equal(lines[0].rule->line, 9);
        assert_string_equal(lines[0].team, "desk");
        assert_false(lines[0].has_amount);
        assert_int_equal(lines[1].lead, 2);
        assert_true(lines[1].has_amount);
        assert_true(lines[1].amount == 5000);
        assert_string_equal(lines[1].currency, "EUR");
        arena_free(arena);
        leak_book_free(kept);
        gate_close_book(&book);
        policy_free(rules);
}

static int on_kept(const LeakLead *lead, void *userdata) {
        *(LeakLead *) userdata = *lead;
        return 0;
}

static LeakLead as_kept(GateBook *book, uint64_t lead) {
        LeakLead kept;

        assert_int_equal(store_leak_lead(book->store, lead, on_kept, &kept), 0);
        assert_int_equal(kept.lead, lead);
        return kept;
}

static void send_outcome(GateBook *book, const char *move, const char *actor, const char *path, Value value, int64_t now_us) {
        Record *record = record_of(book, 1, move, now_us);
        GateOutcome outcome = { 0 };

        if (path)
                gate_field(record, path, value);
        const GateInput input = { .record = record, .lead = 1, .actor = actor, .actor_is_operator = true, .now_us = now_us };
        assert_int_equal(store_begin(book->store), 0);
        assert_int_equal(gate_judge(book->gate, &input, &outcome), 0);
        if (outcome.decision->refused)
                fail_msg("%s: %s", move, outcome.decision->refusal_text);
        assert_int_equal(store_commit(book->store), 0);
        record_free(record);
}

static void book__of_a_lead__says_what_decides(void **state _unused_) {
        RuleSet *rules = load("channel \"mail\" { via = \"sendmail\", from = \"a@example.com\" }\n"
                              "message \"hello\" { channel = \"mail\", to = \"lead\", subject = \"Hello\", body = [[Hello.]] }\n"
                              "track \"warm\" { enter = { status = \"nurture\" }, wake_on = did{ type = \"page_viewed\" },\n"
                              "  steps = { { wait = \"1d\", send = \"hello\" } } }\n");
        LeakBook *kept = leak_book_new();
        GateBook book;
        LeakLook look;
        char owner[32];

        gate_open_book(&book, NULL, rules, NOW_US);
        happen(&book, 1, "lead.submitted", "integration:web", "attribution.form_name", "demo", NOW_US);
        LeakLead lead = as_kept(&book, 1);
        assert_string_equal(lead.status, "mql");
        assert_true(lead.unaccepted);
        assert_string_equal(lead.sla, "ANSWER");
        assert_int_equal(lead.due_us, NOW_US + 8 * HOUR);
        assert_int_equal(lead.next_step_us, NOW_US + 4 * HOUR);
        assert_int_equal(lead.offered_us, NOW_US);
        snprintf(owner, sizeof(owner), "rep:%s", lead.owner);

        send_outcome(&book, "outcome.accept", owner, NULL, value_text(""), NOW_US + HOUR);
        lead = as_kept(&book, 1);
        assert_false(lead.unaccepted);
        assert_null(lead.sla);
        assert_int_equal(lead.opportunity_us, TIME_NONE);

        /* An opportunity that is open, and when it moved last. */
        Record *record = record_of(&book, 1, "lead.updated", NOW_US + 2 * HOUR);
        gate_field(record, "opportunity.id", value_text("7"));
        gate_field(record, "opportunity.stage", value_text("offer"));
        (void) gate_take(&book, record, 1, NOW_US + 2 * HOUR);
        record_free(record);
        assert_int_equal(as_kept(&book, 1).opportunity_us, NOW_US + 2 * HOUR);

        /* Sent back without a reason: it is one as long as it stays. */
        send_outcome(&book, "outcome.drop", owner, NULL, value_text(""), NOW_US + 3 * HOUR);
        lead = as_kept(&book, 1);
        assert_int_equal(lead.returned_us, NOW_US + 3 * HOUR);
        assert_string_equal(lead.returned_by, "drop");
        assert_int_equal(lead.opportunity_us, TIME_NONE); /* it stalled with that */
        assert_int_equal(leak_book_look(kept, book.store, rules, NOW_US + 3 * HOUR, false, &look), 0);
        assert_int_equal(leak_book_kind(kept, 1), LEAK_NO_REASON);
        happen(&book, 1, "lead.submitted", "integration:web", "attribution.form_name", "demo", NOW_US + 4 * HOUR);
        assert_string_equal(as_kept(&book, 1).status, "mql");
        assert_int_equal(as_kept(&book, 1).returned_us, TIME_NONE);

        /* With a reason it is none, without consent in no track and yet no leak; with it in one, until a signal wakes it. */
        snprintf(owner, sizeof(owner), "rep:%s", as_kept(&book, 1).owner);
        send_outcome(&book, "outcome.reject", owner, "outcome.reason", value_text("no_answer"), NOW_US + 5 * HOUR);
        lead = as_kept(&book, 1);
        assert_int_equal(lead.returned_us, TIME_NONE);
        assert_false(lead.in_track);
        assert_int_equal(leak_book_look(kept, book.store, rules, NOW_US + 5 * HOUR, false, &look), 0);
        assert_int_equal(leak_book_kind(kept, 1), LEAK_NONE);
        record = record_of(&book, 1, "consent.granted", NOW_US + 6 * HOUR);
        gate_field(record, "consent.marketing", value_bool(true));
        (void) gate_take(&book, record, 1, NOW_US + 6 * HOUR);
        record_free(record);
        assert_true(as_kept(&book, 1).in_track);
        assert_int_equal(leak_book_look(kept, book.store, rules, NOW_US + 6 * HOUR, false, &look), 0);
        assert_int_equal(leak_book_kind(kept, 1), LEAK_NONE);
        happen(&book, 1, "activity.page_viewed", "integration:web", NULL, NULL, NOW_US + 7 * HOUR);
        assert_false(as_kept(&book, 1).in_track);
        assert_int_equal(as_kept(&book, 1).track_ended_us, NOW_US + 7 * HOUR);
        assert_int_equal(leak_book_look(kept, book.store, rules, NOW_US + 7 * HOUR, false, &look), 0);
        assert_int_equal(leak_book_kind(kept, 1), LEAK_NO_TRACK);
        leak_book_free(kept);
        gate_close_book(&book);
        policy_free(rules);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(leads__in_each_state__leak_or_do_not),
                cmocka_unit_test(work__that_is_not_known__is_asked_for_only_when_it_matters),
                cmocka_unit_test(looks__at_what_changed__come_to_the_same_as_at_all),
                cmocka_unit_test(looks__before_the_clock_was_set_back__are_begun_anew),
                cmocka_unit_test(book__of_a_lead__says_what_decides),
                cmocka_unit_test(lines__name_lead_age_value_and_rule__the_oldest_first),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
