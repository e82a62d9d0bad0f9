/* SPDX-License-Identifier: MIT */
/*
 * Who had a lead before it went back to a team without members: what is remembered of them, and that a route to them gives the lead
 * back when it wakes, or says why not.
 */
#include "test_person_fixture.h"

#define DEALS \
        "settings \"site\" { zone = \"UTC\" }\n" \
        "team \"marketing\" { doc = \"a queue\" }\n" \
        "team \"calls\" { strategy = \"round_robin\", members = { a = { }, b = { } } }\n" \
        "team \"deals\" { head = \"h\", strategy = \"round_robin\", %s members = { d = { deputy = \"e\"%s }, " \
        "e = { deputy = \"h\" }, h = { weight = 0, deputy = \"e\" } } }\n" \
        "route \"BACK\" { owner = \"previous\", when = { status = \"deal\" } }\n" \
        "route \"CALLS\" { team = \"calls\" }\n" \
        "route \"DEALS\" { team = \"deals\" }\n" \
        "status \"inquiry\" { team = \"marketing\", kind = \"open\", initial = true, meaning = \"i\" }\n" \
        "status \"offered\" { team = \"calls\", kind = \"sla\", meaning = \"o\" }\n" \
        "status \"deal\" { team = \"deals\", kind = \"open\", meaning = \"d\" }\n" \
        "status \"stalled\" { team = \"marketing\", kind = \"open\", meaning = \"s\" }\n" \
        "status \"closed\" { team = \"marketing\", kind = \"final\", meaning = \"c\" }\n" \
        "move \"ask\" { from = { \"inquiry\", \"stalled\" }, to = \"offered\", by = \"marketing\" }\n" \
        "move \"open\" { from = { \"inquiry\", \"offered\", \"stalled\" }, to = \"deal\", by = \"calls\" }\n" \
        "move \"stall\" { from = \"deal\", to = \"stalled\", by = \"rules\", when = { idle = ge(\"21d\") } }\n" \
        "move \"drop\" { from = { \"offered\", \"deal\" }, by = \"owner\", reasons = { \"no_budget\", \"silent\" } }\n" \
        "move \"close\" { from = { \"inquiry\", \"stalled\", \"deal\" }, to = \"closed\", by = \"deals\" }\n" \
        "reason \"no_budget\" { to = \"stalled\" }\n" \
        "reason \"silent\" { to = \"stalled\" }\n" \
        "sla \"ANSWER\" { status = \"offered\", within = \"4h\", clock = \"wall\", steps = { { at = \"4h\", move = \"drop\", reason = " \
        "\"silent\" } } }\n"

static void start_deals(Fixture *f, const char *team, const char *member) {
        char text[4096];
        (void) snprintf(text, sizeof(text), DEALS, team, member);
        start(f);
        policy_free(f->rules);
        f->rules = gate_load_rules(text);
        gate_use_rules(&f->book, f->rules, f->now_us);
}

/* A deal of d, which stalls after three weeks of silence. */
static uint64_t stalled(Fixture *f, const char *email) {
        uint64_t lead = happens(f, "lead.submitted", email, NULL);
        GateOutcome outcome;
        assert_null(moves(f, "open", lead, NULL, "a"));
        if (!base_streq(look(f, lead).state.owner, "d"))
                assert_null(try(f, "outcome.assign", lead, FIELD_OUTCOME_OWNER, value_text("d"), "rep:h", &outcome));
        f->now_us += 22 * US_PER_DAY;
        assert_null(try(f, "timer.look", lead, FIELD_NONE, (Value){ 0 }, "system:leadd", &outcome));
        assert_string_equal(look(f, lead).state.status, "stalled");
        return lead;
}

static void is_of(Fixture *f, uint64_t lead, const char *owner, const char *route, const char *former) {
        LeadState state = look(f, lead).state;
        if (strcmp(state.owner ? state.owner : "-", owner) != 0 || strcmp(state.route ? state.route : "-", route) != 0 ||
                strcmp(state.returned.owner ? state.returned.owner : "-", former) != 0)
                fail_msg("L-%llu: got %s by %s, before %s; want %s by %s, before %s", (unsigned long long) lead,
                        state.owner ? state.owner : "-", state.route ? state.route : "-", state.returned.owner ? state.returned.owner : "-",
                        owner, route, former);
}

/* What the route says of the lead if it went to deals now. */
static void says(Fixture *f, uint64_t lead, const char *want) {
        GateLook found = look(f, lead);
        Explanation explanation;
        const char *note = NULL;
        Desk desk;
        assert_int_equal(store_load_desk(f->book.store, NULL, lead, f->rules, f->now_us, f->book.arena, &desk), 0);
        found.state.status = "deal";
        found.state.owner = NULL;
        const DecideInput input = { .lead_id = lead,
                .before = &found.state,
                .profile = &found.profile,
                .history = found.history,
                .n_history = found.n_history,
                .actor = "system:leadd",
                .now_us = f->now_us,
                .desk = &desk };
        assert_int_equal(decide_explain(f->rules, &input, f->book.arena, &explanation), 0);
        for (size_t i = 0; i < explanation.receipts.n_items; i++)
                if (base_streq(explanation.receipts.items[i].rule->name, "BACK"))
                        note = explanation.receipts.items[i].note;
        assert_non_null(note);
        assert_string_equal(note, want);
}

static void deal__that_stalled_and_wakes__goes_to_whoever_had_it(_unused_ void **state) {
        Fixture f;
        start_deals(&f, "", "");
        uint64_t first = stalled(&f, "one@one.example"), second = stalled(&f, "two@two.example");
        is_of(&f, first, "-", "-", "d");
        ReturnState returned = look(&f, first).state.returned;
        assert_string_equal(returned.move, "stall");
        assert_string_equal(returned.by, "rules");
        assert_null(returned.reason);
        assert_null(decide_gave_back(&returned));
        says(&f, first, "d had it before it went back");
        says(&f, happens(&f, "lead.submitted", "new@new.example", NULL), "nobody had the lead before");

        /* By turn it would be e's, both times. */
        assert_null(moves(&f, "open", first, NULL, "a"));
        is_of(&f, first, "d", "BACK", "-");
        assert_true(look(&f, first).state.unaccepted);
        assert_false(look(&f, first).state.by_turn);
        assert_null(moves(&f, "open", second, NULL, "a"));
        is_of(&f, second, "d", "BACK", "-");
        end(&f);
}

static void deal__that_others_speak_to_first__still_goes_to_whoever_had_it(_unused_ void **state) {
        Fixture f;
        start_deals(&f, "", "");
        uint64_t lead = stalled(&f, "one@one.example");
        GateOutcome outcome;
        assert_null(try(&f, "outcome.ask", lead, FIELD_NONE, (Value){ 0 }, "team:marketing", &outcome));
        assert_string_equal(look(&f, lead).state.route, "CALLS");
        is_of(&f, lead, look(&f, lead).state.owner, "CALLS", "d");
        assert_null(moves(&f, "open", lead, NULL, "a"));
        is_of(&f, lead, "d", "BACK", "-");

        /* Who gives it back next is the former owner from then on, be it of another team; somebody of that one's team ends it. */
        assert_null(moves(&f, "drop", lead, "no_budget", "h"));
        is_of(&f, lead, "-", "-", "d");
        ReturnState returned = look(&f, lead).state.returned;
        assert_string_equal(decide_gave_back(&returned), "h");
        assert_string_equal(returned.reason, "no_budget");
        assert_null(try(&f, "outcome.ask", lead, FIELD_NONE, (Value){ 0 }, "team:marketing", &outcome));
        f.now_us += 4 * US_PER_HOUR;
        const char *caller = base_streq(look(&f, lead).state.owner, "a") ? "a" : "b";
        assert_null(try(&f, "timer.step", lead, FIELD_NONE, (Value){ 0 }, "system:leadd", &outcome));
        is_of(&f, lead, "-", "-", caller);
        returned = look(&f, lead).state.returned;
        assert_string_equal(returned.by, "sla:ANSWER");
        assert_null(decide_gave_back(&returned));
        says(&f, lead, base_streq(caller, "a") ? "a had it before and is not in deals" : "b had it before and is not in deals");
        assert_null(moves(&f, "open", lead, NULL, "a"));
        assert_string_equal(look(&f, lead).state.route, "DEALS");
        end(&f);
}

static void deal__whose_former_owner_cannot_take_it__goes_by_turn(_unused_ void **state) {
        static const struct {
                const char *team, *member, *owner, *route, *says;
        } cases[] = {
                { "", ", max_open = 1", "e", "DEALS", "d had it before and has 1 of 1 open" },
                { "", ", away = { \"2026-03-20..2026-05-10\" }", "e", "DEALS", "d had it before and is away until 2026-05-11T00:00:00Z" },
                { "on_absence = \"deputy\",", ", away = { \"2026-03-20..2026-05-10\" }", "e", "BACK",
                        "the deputy of d, who had it before and is away until 2026-05-11T00:00:00Z" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Fixture f;
                GateOutcome outcome;
                start_deals(&f, cases[i].team, cases[i].member);
                uint64_t lead = stalled(&f, "one@one.example");
                if (i == 0) {
                        uint64_t other = happens(&f, "lead.submitted", "two@two.example", NULL);
                        assert_null(moves(&f, "open", other, NULL, "a"));
                        (void) try(&f, "outcome.assign", other, FIELD_OUTCOME_OWNER, value_text("d"), "rep:h", &outcome);
                        is_of(&f, other, "d", look(&f, other).state.route, "-");
                }
                says(&f, lead, cases[i].says);
                assert_null(moves(&f, "open", lead, NULL, "a"));
                is_of(&f, lead, cases[i].owner, cases[i].route, "-");
                end(&f);
        }
}

static void former_owner__who_left__is_not_asked(_unused_ void **state) {
        Fixture f;
        start_deals(&f, "", "");
        uint64_t lead = stalled(&f, "one@one.example");
        char text[4096];
        (void) snprintf(text, sizeof(text), DEALS, "", ", left = true");
        RuleSet *before = f.rules;
        f.rules = gate_load_rules(text);
        gate_use_rules(&f.book, f.rules, f.now_us);
        policy_free(before);
        says(&f, lead, "d had it before and has left");
        assert_null(moves(&f, "open", lead, NULL, "a"));
        is_of(&f, lead, "e", "DEALS", "-");
        end(&f);
}

static void former_owner__of_a_lead_that_is_merged_parted_or_erased__goes_with_its_lead(_unused_ void **state) {
        Fixture f;
        GateOutcome outcome;
        start_deals(&f, "", "");
        uint64_t lead = stalled(&f, "one@one.example"), other = happens(&f, "lead.submitted", "two@two.example", NULL);
        assert_null(merge(&f, lead, other));
        is_of(&f, other, "-", "-", "-");
        assert_null(unmerge(&f, lead, other));
        is_of(&f, lead, "-", "-", "d");
        assert_null(try(&f, "lead.erased", lead, FIELD_NONE, (Value){ 0 }, "system:root", &outcome));
        is_of(&f, lead, "-", "-", "-");
        end(&f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(deal__that_stalled_and_wakes__goes_to_whoever_had_it),
                cmocka_unit_test(deal__that_others_speak_to_first__still_goes_to_whoever_had_it),
                cmocka_unit_test(deal__whose_former_owner_cannot_take_it__goes_by_turn),
                cmocka_unit_test(former_owner__who_left__is_not_asked),
                cmocka_unit_test(former_owner__of_a_lead_that_is_merged_parted_or_erased__goes_with_its_lead),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
