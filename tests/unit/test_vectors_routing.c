/* SPDX-License-Identifier: MIT */
/*
 * Worked examples of routing from other systems (shared/vectors.md: R5, R7, R8, R12), a grade with hysteresis moving a
 * lead as V8 has it, and what must hold of any team: weights are respected, equals are never more than one apart, a
 * turn given back is as if the lead had never been, and nobody gets a lead again who let it expire.
 */
#define LEADS_MAX 4096
#include "test_decide_book.h"

typedef struct Counts {
        int of[26]; /* by the first letter of the name */
} Counts;

static Book *open_team(const char *team, const char *more) {
        Book *book = malloc(sizeof *book);

        assert_non_null(book);
        open_book(book, team, more);
        return book;
}

static void shut(Book *book) {
        close_book(book);
        free(book);
}

static char owner_of(const Book *book, uint64_t lead) { return book->leads[lead].owner ? book->leads[lead].owner[0] : '-'; }

static void take_turns(Book *book, int n, char *ret) {
        for (int i = 0; i < n; i++)
                ret[i] = owner_of(book, hand_raise(book));
        ret[n] = '\0';
}

static Counts count(const char *turns) {
        Counts counts = { 0 };

        for (const char *c = turns; *c; c++) {
                assert_in_range(*c, 'a', 'z');
                counts.of[*c - 'a']++;
        }
        return counts;
}

static int64_t at(const char *text) {
        int64_t us;

        assert_int_equal(time_parse_rfc3339(text, strlen(text), &us), 0);
        return us;
}

static void go_away(Book *book, const char *member, int64_t from_us, int64_t until_us) {
        Record *away = make_record(book, "owner.away", FAMILY_OWNER);
        set(book, away, FIELD_OWNER_NAME, member);
        assert_int_equal(facts_set(&away->facts, book->arena, FIELD_OWNER_FROM, NULL, value_integer(from_us), book->now_us), 0);
        assert_int_equal(facts_set(&away->facts, book->arena, FIELD_OWNER_TO, NULL, value_integer(until_us), book->now_us), 0);
        (void) judge(book, 0, away, "integration:hr");
        assert_false(book->decision.refused);
}

/* ---- the examples ---- */

static void R5__fifty_leads_to_three_and_six_to_four__go_round(void **state) {
        (void) state;
        char turns[64];
        Book *book = open_team("team \"desk\" { calendar = \"berlin\", head = \"a\", members = { a = {}, b = {}, c = {} } }\n", NULL);
        take_turns(book, 50, turns);
        for (int i = 0; i < 50; i++)
                assert_int_equal(turns[i], "abc"[i % 3]);
        shut(book);
        book = open_team("team \"desk\" { calendar = \"berlin\", head = \"a\", members = { a = {}, b = {}, c = {}, d = {} } }\n", NULL);
        take_turns(book, 6, turns);
        assert_string_equal(turns, "abcdab");
        shut(book);
}

static void R7__least_open__fills_up_whoever_has_fewest(void **state) {
        (void) state;
        char turns[64];
        Book *book = open_team(
                "team \"desk\" { calendar = \"berlin\", head = \"a\", strategy = \"least_open\", members = { a = {}, b = {}, c = {} } }\n",
                NULL);
        take_turns(book, 30, turns);
        Counts counts = count(turns);
        assert_int_equal(counts.of[0], 10);
        assert_int_equal(counts.of[1], 10);
        assert_int_equal(counts.of[2], 10);
        int n_closed = 0;
        for (uint64_t lead = 1; lead <= 30 && n_closed < 5; lead++)
                if (owner_of(book, lead) == 'a') {
                        person(book, lead, "outcome.reject", "rep:a", "not_a_fit", "no");
                        assert_false(book->decision.refused);
                        n_closed++;
                }
        take_turns(book, 5, turns);
        assert_string_equal(turns, "aaaaa");
        for (size_t i = 0; i < 3; i++)
                assert_int_equal(book->seats[i].n_open, 10);
        shut(book);
        book = open_team(
                "team \"desk\" { calendar = \"berlin\", head = \"a\", strategy = \"weighted\", members = { a = { weight = 1 }, b = { "
                "weight = 2 } } }\n",
                NULL);
        take_turns(book, 5, turns);
        counts = count(turns);
        assert_int_equal(counts.of[0], 2);
        assert_int_equal(counts.of[1], 3);
        shut(book);
}

static void R8__weighted_turns__are_smooth(void **state) {
        (void) state;
        static const struct {
                int weights[3];
                const char *turns;
        } cases[] = { { { 5, 1, 1 }, "aabacaa" }, { { 3, 2, 1 }, "abacba" }, { { 2, 1, 1 }, "abcaabca" } };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char team[256], turns[64];
                (void) snprintf(team, sizeof team,
                        "team \"desk\" { calendar = \"berlin\", head = \"a\", strategy = \"weighted\", members = { a = { weight = %d }, b "
                        "= { "
                        "weight = %d }, c = { weight = %d } } }\n",
                        cases[i].weights[0], cases[i].weights[1], cases[i].weights[2]);
                Book *book = open_team(team, NULL);
                take_turns(book, (int) strlen(cases[i].turns), turns);
                assert_string_equal(turns, cases[i].turns);
                shut(book);
        }
}

static void R12__nobody_there__is_held_until_the_first_is_back(void **state) {
        (void) state;
        /* All away until Monday; a works in New York, where it begins five hours later than in Berlin (the US changed its clocks). */
        Book *book = open_team("calendar \"newyork\" { zone = \"America/New_York\", open = { mon_fri = \"09:00-17:00\" } }\n"
                               "team \"desk\" { calendar = \"berlin\", head = \"a\", members = {\n"
                               "  a = { calendar = \"newyork\", away = { \"2026-03-05..2026-03-08\" } },\n"
                               "  b = { away = { \"2026-03-05..2026-03-08\" } } } }\n",
                NULL);
        uint64_t lead = hand_raise(book);
        assert_null(book->leads[lead].owner);
        assert_int_equal(book->leads[lead].held.next_look_us, at("2026-03-09T00:00:00+01:00"));
        assert_non_null(strstr(book->leads[lead].held.text, "a is away until 2026-03-09T04:00:00Z"));
        assert_non_null(strstr(book->leads[lead].held.text, "b is away until 2026-03-08T23:00:00Z"));
        /* b says that it will be longer: the recorded absence follows on the one in the rules. */
        Record *away = make_record(book, "owner.away", FAMILY_OWNER);
        set(book, away, FIELD_OWNER_NAME, "b");
        assert_int_equal(facts_set(&away->facts, book->arena, FIELD_OWNER_TO, NULL, value_integer(at("2026-03-10T00:00:00+01:00")), 0), 0);
        (void) judge(book, 0, away, "integration:hr");
        look(book, lead);
        assert_int_equal(book->leads[lead].held.next_look_us, at("2026-03-09T00:00:00-04:00"));
        book->now_us = book->leads[lead].wake_us;
        look(book, lead);
        assert_string_equal(book->leads[lead].owner, "a");
        shut(book);

        /* As the example has it: to the hour, in each one's zone. */
        book = open_team("team \"desk\" { calendar = \"berlin\", head = \"a\", members = { a = {}, b = {} } }\n", NULL);
        go_away(book, "a", book->now_us, at("2026-03-09T09:00:00-04:00"));
        go_away(book, "b", book->now_us, at("2026-03-09T09:00:00+01:00"));
        lead = hand_raise(book);
        assert_int_equal(book->leads[lead].held.next_look_us, at("2026-03-09T09:00:00+01:00"));
        shut(book);

        book = open_team(
                "team \"desk\" { calendar = \"berlin\", head = \"a\", members = { a = { max_unaccepted = 1 }, b = { max_open = 1 }, c = { "
                "per_day = 1 } } }\n",
                NULL);
        for (int i = 0; i < 3; i++)
                (void) hand_raise(book);
        lead = hand_raise(book);
        assert_non_null(strstr(book->leads[lead].held.text, "a has 1 of 1 not yet accepted"));
        assert_non_null(strstr(book->leads[lead].held.text, "b has 1 of 1 open"));
        assert_non_null(strstr(book->leads[lead].held.text, "c got 1 of 1 today"));
        /* of the three only c's cause ends by the clock: at midnight */
        assert_int_equal(book->leads[lead].held.next_look_us, at("2026-03-06T00:00:00+01:00"));
        shut(book);
}

static void V8__a_grade_with_leave__moves_a_lead_once_each_way(void **state) {
        (void) state;
        static const int series[] = { 79, 80, 70, 64, 66, 81 };
        static const char *const wanted[] = { "cold", "hot", "hot", "cold", "cold", "hot" };
        Book *book = malloc(sizeof *book);
        assert_non_null(book);
        open_rules(book,
                "settings \"site\" { zone = \"Europe/Berlin\" }\n"
                "team \"marketing\" {}\n"
                "status \"cold\" { team = \"marketing\", kind = \"open\", initial = true, meaning = \"c\" }\n"
                "status \"hot\" { team = \"marketing\", kind = \"open\", meaning = \"h\" }\n"
                "status \"end\" { team = \"marketing\", kind = \"final\", meaning = \"e\" }\n"
                "group \"fit\" { min = 0, max = 100 }\n"
                "group \"engagement\" { min = 0, max = 100 }\n",
                "score \"SIZE\" { group = \"fit\", points = function(lead) return lead.company.employees end }\n"
                "grade \"G\" { fit = { A = 80, B = 0 }, engagement = { [\"1\"] = 0 }, leave = 15 }\n",
                "move \"warm\" { from = \"cold\", to = \"hot\", by = \"rules\", when = { grade = \"A1\" } }\n"
                "move \"cool\" { from = \"hot\", to = \"cold\", by = \"rules\", when = { grade = \"B1\" } }\n"
                "move \"stop\" { from = { \"cold\", \"hot\" }, to = \"end\", by = \"marketing\" }\n");
        uint64_t lead = 0;
        for (size_t i = 0; i < ARRAY_SIZE(series); i++) {
                book->now_us += US_PER_HOUR;
                Record *record = make_record(book, "lead.updated", FAMILY_LEAD);
                assert_int_equal(
                        facts_set(&record->facts, book->arena, FIELD_COMPANY_EMPLOYEES, NULL, value_number(series[i]), record->time_us), 0);
                lead = judge(book, lead, record, "integration:web");
                assert_string_equal(book->leads[lead].status, wanted[i]);
        }
        shut(book);
}

/* ---- strategies ---- */

static void top_first__the_first_by_rank_until_capped(void **state) {
        (void) state;
        char turns[64];
        Book *book = open_team("team \"desk\" { calendar = \"berlin\", head = \"a\", strategy = \"top_first\", members = {\n"
                               "  a = { rank = 2 }, b = { rank = 1, max_open = 2 }, c = { rank = 2 } } }\n",
                NULL);
        take_turns(book, 6, turns);
        assert_string_equal(turns, "bbacac");
        shut(book);
}

static const char skilled[] = "team \"desk\" { calendar = \"berlin\", head = \"a\", members = {\n"
                              "  a = { skills = { languages = { \"de\", \"en\" } } }, b = { skills = { languages = { \"en\" } } },\n"
                              "  c = {} } }\n"
                              "route \"SAME\" { owner = \"account\" }\n"
                              "route \"SPEAKS\" { team = \"desk\", when = { [\"person.locale\"] = present }, match = { languages = "
                              "\"person.locale\" } }\n";

static uint64_t speaks(Book *book, const char *locale) {
        char email[64];
        (void) snprintf(email, sizeof email, "p%zu@example.com", book->n_leads);
        Record *record = make_record(book, "lead.submitted", FAMILY_LEAD);
        set(book, record, FIELD_PERSON_EMAIL, email);
        set(book, record, FIELD_PERSON_LOCALE, locale);
        set(book, record, FIELD_ATTRIBUTION_FORM_NAME, "demo");
        return judge(book, 0, record, "integration:web");
}

/* Route "ALL" of the base rules stands first: these tests need another base. */
static Book *open_skilled(void) {
        Book *book = malloc(sizeof *book);

        assert_non_null(book);
        open_rules(book,
                "settings \"site\" { zone = \"Europe/Berlin\" }\n"
                "calendar \"berlin\" { zone = \"Europe/Berlin\", open = { mon_fri = \"09:00-17:00\" } }\n"
                "team \"marketing\" {}\n"
                "team \"other\" { calendar = \"berlin\", members = { x = {} } }\n"
                "status \"inquiry\" { team = \"marketing\", kind = \"open\", initial = true, meaning = \"i\" }\n"
                "status \"mql\" { team = \"desk\", kind = \"open\", meaning = \"m\" }\n"
                "status \"deal\" { team = \"other\", kind = \"open\", meaning = \"d\" }\n"
                "status \"end\" { team = \"marketing\", kind = \"final\", meaning = \"e\" }\n"
                "move \"up\" { from = \"inquiry\", to = \"mql\", by = \"rules\" }\n"
                "move \"deal\" { from = \"mql\", to = \"deal\", by = \"owner\" }\n"
                "move \"done\" { from = \"deal\", to = \"end\", by = \"owner\" }\n",
                skilled, "route \"REST\" { team = \"desk\" }\nroute \"DEALS\" { team = \"other\" }\n");
        return book;
}

static void match__only_who_has_the_skill__gets_the_lead(void **state) {
        (void) state;
        Book *book = open_skilled();
        for (int i = 0; i < 4; i++)
                assert_int_equal(owner_of(book, speaks(book, "de-DE")), 'a');
        /* What a got alone cost no turn: between the two who speak English it is a's turn, then b's. */
        assert_int_equal(owner_of(book, speaks(book, "en")), 'a');
        assert_int_equal(owner_of(book, speaks(book, "en")), 'b');
        shut(book);
}

/* Nobody is waited for who will not come: the next route is asked. Who has the skill and is away will come. */
static void match__that_nobody_meets__goes_on_to_the_next_route(void **state) {
        (void) state;
        Book *book = open_skilled();
        uint64_t lead = speaks(book, "fr-CH");
        assert_non_null(book->leads[lead].owner);
        assert_null(book->leads[lead].held.by);
        assert_string_equal(book->decision.assignment.route, "REST");
        set_away(book, "a", book->now_us, book->now_us + US_PER_DAY);
        lead = speaks(book, "de-CH");
        assert_null(book->leads[lead].owner);
        assert_string_equal(book->leads[lead].held.by, "SPEAKS");
        assert_non_null(strstr(book->leads[lead].held.text, "a is away until 2026-03-06T09:00:00Z, b lacks the skill, c lacks the skill"));
        shut(book);
}

static const Receipt *receipt_of(const Receipts *receipts, const char *rule) {
        for (size_t i = 0; i < receipts->n_items; i++)
                if (base_streq(receipts->items[i].rule->name, rule))
                        return &receipts->items[i];
        return NULL;
}

/* Explanations look at the same routes as routing does. */
static void match__that_nobody_meets__is_explained_as_the_lead_was_routed(void **state) {
        (void) state;
        Book *book = open_skilled();
        const Member *c = policy_member(book->rules, "c");
        seat_of(book, "c")->credits = 2;
        uint64_t lead = speaks(book, "fr-CH");
        const Rule *rules[2] = { 0 };
        for (size_t i = 0; i < book->rules->n_routes; i++)
                for (size_t k = 0; k < 2; k++)
                        if (base_streq(book->rules->routes[i].rule.name, k == 0 ? "SPEAKS" : "REST"))
                                rules[k] = &book->rules->routes[i].rule;
        LeadState free = book->leads[lead];
        free.owner = NULL;
        const DecideInput input = {
                .event_id = book->next_event,
                .lead_id = lead,
                .before = &free,
                .profile = &book->profiles[lead],
                .history = book->history[lead],
                .n_history = book->n_history[lead],
                .now_us = book->now_us,
                .desk = &(Desk){ .seats = book->seats, .n_seats = book->n_seats },
        };
        Explanation explanation;
        WhyNot whynot;
        assert_int_equal(decide_explain(book->rules, &input, book->arena, &explanation), 0);
        assert_ptr_equal(&explanation.route->rule, rules[1]);
        const Receipt *missed = receipt_of(&explanation.receipts, "SPEAKS");
        assert_non_null(missed);
        assert_false(missed->matched);
        assert_string_equal(missed->note, "nobody in desk has the skill it asks for");
        assert_true(receipt_of(&explanation.receipts, "REST")->matched);

        assert_int_equal(decide_whynot_rule(book->rules, &input, rules[0], book->arena, &whynot), 0);
        assert_false(whynot.is_so);
        assert_int_equal(whynot.hurdles.n_items, 1);
        assert_string_equal(whynot.hurdles.items[0].kind, "candidate");
        assert_int_equal(decide_whynot_rule(book->rules, &input, rules[1], book->arena, &whynot), 0);
        assert_true(whynot.is_so);
        assert_int_equal(decide_whynot_owner(book->rules, &input, c, book->arena, &whynot), 0);
        assert_string_equal(whynot.text, "c will be offered the lead at its next event");
        assert_int_equal(whynot.hurdles.n_items, 0);
        shut(book);
}

static void account__goes_to_its_owner_unless_away_gone_or_of_another_team(void **state) {
        (void) state;
        Book *book = open_skilled();
        book->account_owner = "c";
        uint64_t lead = speaks(book, "de-DE");
        assert_string_equal(book->leads[lead].owner, "c");
        assert_string_equal(book->decision.assignment.route, "SAME");
        assert_false(book->leads[lead].by_turn);
        assert_int_equal(book->decision.n_turns, 0);
        book->account_owner = "x";
        assert_int_equal(owner_of(book, speaks(book, "de-DE")), 'a');
        book->account_owner = "nobody";
        assert_int_equal(owner_of(book, speaks(book, "de-DE")), 'a');
        book->account_owner = "c";
        Record *away = make_record(book, "owner.away", FAMILY_OWNER);
        set(book, away, FIELD_OWNER_NAME, "c");
        assert_int_equal(
                facts_set(&away->facts, book->arena, FIELD_OWNER_TO, NULL, value_integer(book->now_us + US_PER_DAY), book->now_us), 0);
        (void) judge(book, 0, away, "integration:hr");
        assert_int_equal(owner_of(book, speaks(book, "de-DE")), 'a');
        book->now_us += US_PER_DAY;
        assert_int_equal(owner_of(book, speaks(book, "de-DE")), 'c');
        /* A hand-off into another team routes there: the account is this team's. */
        person(book, lead, "outcome.deal", "rep:c", NULL, NULL);
        assert_string_equal(book->leads[lead].owner, "x");
        shut(book);
}

/* ---- turns given back ---- */

static const char bad_data[] = "reason \"bad_data\" { to = \"closed\", credit = true }\n"
                               "move \"trash\" { from = \"mql\", by = \"owner\", reasons = { \"bad_data\" } }\n";

static void credit__a_lead_that_was_not_one__is_as_if_it_had_never_been(void **state) {
        (void) state;
        /* Every third lead is trash; what is left comes in the order in which good leads alone would have come. */
        Book *book = open_team(team_511, bad_data), *good = open_team(team_511, bad_data);
        char got[64] = "", want[64];
        size_t n = 0;
        for (int i = 0; i < 42; i++) {
                uint64_t lead = hand_raise(book);
                if (i % 3 == 0) {
                        char actor[16];
                        (void) snprintf(actor, sizeof actor, "rep:%s", book->leads[lead].owner);
                        person(book, lead, "outcome.trash", actor, "bad_data", NULL);
                        assert_false(book->decision.refused);
                        assert_non_null(strstr(book->decision.summary, "is given back"));
                } else
                        got[n++] = owner_of(book, lead);
        }
        take_turns(good, (int) n, want);
        assert_string_equal(got, want);
        shut(book);
        shut(good);
}

static void credit__by_hand_or_without_it__gives_nothing_back(void **state) {
        (void) state;
        Book *book = open_team(team_511, bad_data);
        uint64_t lead = hand_raise(book);
        Record *record = make_record(book, "outcome.assign", FAMILY_OUTCOME);
        set(book, record, FIELD_OUTCOME_OWNER, "c");
        (void) judge(book, lead, record, "rep:a");
        person(book, lead, "outcome.trash", "rep:c", "bad_data", NULL);
        assert_false(book->decision.refused);
        assert_int_equal(book->decision.n_turns, 0);
        lead = hand_raise(book);
        person(book, lead, "outcome.reject", "rep:a", "not_a_fit", "no");
        assert_false(book->decision.refused);
        assert_int_equal(book->decision.n_turns, 0);
        shut(book);
}

/* ---- reassignment ---- */

static void reassign__never_to_who_let_it_expire__and_to_the_head_when_all_have(void **state) {
        (void) state;
        Book *book = malloc(sizeof *book);
        assert_non_null(book);
        open_rules(book,
                "settings \"site\" { zone = \"Europe/Berlin\" }\n"
                "calendar \"berlin\" { zone = \"Europe/Berlin\", open = { mon_fri = \"09:00-17:00\" } }\n"
                "team \"marketing\" {}\n"
                "team \"desk\" { calendar = \"berlin\", head = \"h\", members = { a = {}, b = {}, c = {}, h = { weight = 0 } } }\n"
                "status \"inquiry\" { team = \"marketing\", kind = \"open\", initial = true, meaning = \"i\" }\n"
                "status \"mql\" { team = \"desk\", kind = \"sla\", meaning = \"m\" }\n"
                "status \"end\" { team = \"marketing\", kind = \"final\", meaning = \"e\" }\n",
                "move \"up\" { from = \"inquiry\", to = \"mql\", by = \"rules\", when = did{ type = \"form_submitted\", since = \"move\" } "
                "}\n"
                "move \"back\" { from = \"mql\", to = \"inquiry\", by = \"owner\" }\n"
                "move \"done\" { from = \"mql\", to = \"end\", by = \"owner\" }\n"
                "route \"ALL\" { team = \"desk\" }\n",
                "sla \"ANSWER\" { status = \"mql\", within = \"1h\", clock = \"owner\",\n"
                "  steps = { { at = \"1h\", reassign = true }, { at = \"2h\", every = \"1h\", remind = { \"head\" } } } }\n");
        static const char *const owners[] = { "b", "c", "h" };
        uint64_t lead = hand_raise(book);
        assert_string_equal(book->leads[lead].owner, "a");
        (void) hand_raise(book); /* b */
        (void) hand_raise(book); /* c: the next turn is a's again */
        for (size_t i = 0; i < ARRAY_SIZE(owners); i++) {
                int64_t start_us = book->leads[lead].sla.start_us;
                book->now_us = book->leads[lead].sla.next_due_us;
                look(book, lead);
                assert_string_equal(book->leads[lead].owner, owners[i]);
                assert_int_equal(book->leads[lead].n_expired, i + 1);
                /* the head's is the timer that ran out: its later steps run */
                assert_true((book->leads[lead].sla.start_us == start_us) == (i == 2));
        }
        assert_non_null(
                strstr(book->decision.assignment.text, "nobody else can take it: the head gets it; a let it expire; b let it expire"));
        book->now_us = book->leads[lead].sla.next_due_us;
        look(book, lead);
        assert_string_equal(book->decision.reminded_roles, "head");
        /* Another hand-off: whoever let it expire may have it again. */
        person(book, lead, "outcome.back", "rep:h", NULL, NULL);
        assert_false(book->decision.refused);
        assert_int_equal(book->leads[lead].n_expired, 0);
        shut(book);
}

/* ---- absences ---- */

static void absence__what_is_not_accepted__goes_to_others_and_the_rest_stays(void **state) {
        (void) state;
        static const struct {
                const char *team;
                const char *owner, *accepted, *route;
        } cases[] = {
                { "team \"desk\" { calendar = \"berlin\", head = \"a\", members = { a = {}, b = {}, c = {} } }\n", "a", "a", NULL },
                { "team \"desk\" { calendar = \"berlin\", head = \"a\", on_absence = \"reassign_unaccepted\", members = { a = {}, b = {}, "
                  "c = "
                  "{} } }\n",
                        "c", "a", "ALL" },
                { "team \"desk\" { calendar = \"berlin\", head = \"a\", on_absence = \"deputy\", deputy = \"b\", members = { a = {}, b = { "
                  "deputy = \"c\" }, c = {} } }\n",
                        "b", "a", "deputy" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Book *book = open_team(cases[i].team, NULL);
                uint64_t lead = hand_raise(book), accepted;
                assert_string_equal(book->leads[lead].owner, "a");
                (void) hand_raise(book); /* b; the next turn is c's, then a's */
                Record *record = make_record(book, "outcome.assign", FAMILY_OUTCOME);
                accepted = hand_raise(book);
                set(book, record, FIELD_OUTCOME_OWNER, "a");
                (void) judge(book, accepted, record, "rep:c");
                person(book, accepted, "outcome.accept", "rep:a", NULL, NULL);
                assert_false(book->decision.refused);
                int64_t from_us = book->now_us + US_PER_DAY;
                go_away(book, "a", from_us, from_us + 3 * US_PER_DAY);
                assert_true((book->decision.absent != NULL) == (cases[i].route != NULL));
                seat_of(book, "c")->turn += 2; /* so that turns of a, b and c can be told apart */
                look(book, lead);
                assert_string_equal(book->leads[lead].owner, "a");
                assert_true(book->leads[lead].wake_us <= from_us);
                book->now_us = from_us - 1;
                look(book, lead);
                assert_string_equal(book->leads[lead].owner, "a");
                book->now_us = from_us;
                look(book, lead);
                look(book, accepted);
                assert_string_equal(book->leads[lead].owner, cases[i].owner);
                assert_true(book->leads[lead].unaccepted);
                assert_string_equal(book->leads[accepted].owner, cases[i].accepted);
                if (cases[i].route)
                        assert_int_equal(book->leads[lead].sla.start_us, from_us); /* in the new owner's time */
                shut(book);
        }
}

/* What is recorded of a at ten on Thursday the 5th, step by step, and when a is free again then. */
static void absences__are_any_number_and_the_newest_word_counts(void **state) {
        (void) state;
        static const struct {
                const char *type, *from, *to;
                size_t n;
                const char *free; /* NULL: there now */
                const char *said;
        } steps[] = {
                { "owner.away", "2026-03-09T00:00:00+01:00", "2026-03-14T00:00:00+01:00", 1, NULL,
                        "a is away from 2026-03-08T23:00:00Z until" },
                { "owner.away", "2026-08-03T00:00:00+02:00", "2026-08-22T00:00:00+02:00", 2, NULL, "a is away from" },
                { "owner.away", NULL, "2026-03-07T00:00:00+01:00", 3, "2026-03-07T00:00:00+01:00", "a is away until 2026-03-06T23:00:00Z" },
                /* the week is two days longer: in its place */
                { "owner.away", "2026-03-10T00:00:00+01:00", "2026-03-16T00:00:00+01:00", 3, "2026-03-07T00:00:00+01:00",
                        "a is away from" },
                { "owner.back", NULL, NULL, 2, NULL, "a is back" },
                { "owner.back", NULL, NULL, 2, NULL, "no absence of a is recorded now" },
                { "owner.back", "2026-08-01T00:00:00+02:00", "2026-09-01T00:00:00+02:00", 1, NULL, "1 absence of a taken back" },
                { "owner.back", "2026-08-01T00:00:00+02:00", "2026-09-01T00:00:00+02:00", 1, NULL, "no absence of a is recorded then" },
                { "owner.away", NULL, "2026-03-10T00:00:00+01:00", 2, "2026-03-16T00:00:00+01:00",
                        "a is away until" }, /* one behind the other */
                { "owner.away", "2026-03-01T00:00:00+01:00", "2026-03-05T00:00:00+01:00", 2, "2026-03-16T00:00:00+01:00",
                        "a is away until" },
                { "owner.away", "2026-03-05T00:00:00+01:00", "2026-04-01T00:00:00+02:00", 1, "2026-04-01T00:00:00+02:00",
                        "a is away until" },
        };
        Book *book = open_team("team \"desk\" { calendar = \"berlin\", head = \"a\", members = { a = {} } }\n", NULL);
        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                Record *record = make_record(book, steps[i].type, FAMILY_OWNER);
                set(book, record, FIELD_OWNER_NAME, "a");
                if (steps[i].from)
                        assert_int_equal(
                                facts_set(&record->facts, book->arena, FIELD_OWNER_FROM, NULL, value_integer(at(steps[i].from)), 0), 0);
                if (steps[i].to)
                        assert_int_equal(
                                facts_set(&record->facts, book->arena, FIELD_OWNER_TO, NULL, value_integer(at(steps[i].to)), 0), 0);
                (void) judge(book, 0, record, "integration:hr");
                assert_false(book->decision.refused);
                if (!strstr(book->decision.summary, steps[i].said))
                        fail_msg("step %zu: said \"%s\"", i, book->decision.summary);
                assert_int_equal(seat_of(book, "a")->n_absences, steps[i].n);
                for (size_t k = 1; k < steps[i].n; k++)
                        assert_true(seat_of(book, "a")->absences[k - 1].to_us <= seat_of(book, "a")->absences[k].from_us);
                uint64_t lead = hand_raise(book);
                if ((book->leads[lead].owner != NULL) != (steps[i].free == NULL))
                        fail_msg("step %zu: a is %s", i, steps[i].free ? "there" : "away");
                if (steps[i].free)
                        assert_int_equal(book->leads[lead].held.next_look_us, at(steps[i].free));
        }
        for (int i = 0; i < DECIDE_ABSENCES_MAX + 1; i++) {
                Record *record = make_record(book, "owner.away", FAMILY_OWNER);
                int64_t from_us = at("2027-01-01T00:00:00Z") + i * 2 * US_PER_DAY;
                set(book, record, FIELD_OWNER_NAME, "a");
                assert_int_equal(facts_set(&record->facts, book->arena, FIELD_OWNER_FROM, NULL, value_integer(from_us), 0), 0);
                assert_int_equal(facts_set(&record->facts, book->arena, FIELD_OWNER_TO, NULL, value_integer(from_us + US_PER_DAY), 0), 0);
                (void) judge(book, 0, record, "integration:hr");
                assert_true(book->decision.refused == (i >= DECIDE_ABSENCES_MAX - 1));
        }
        assert_string_equal(book->decision.refusal_code, "too_many");
        shut(book);
}

static void absence__who_acts_while_away__is_there_after_all(void **state) {
        (void) state;
        Book *book = open_team("team \"desk\" { calendar = \"berlin\", head = \"a\", on_absence = \"reassign_unaccepted\", members = { a = "
                               "{}, b = {} } }\n",
                NULL);
        uint64_t lead = hand_raise(book);
        go_away(book, "a", book->now_us, book->now_us + US_PER_DAY);
        person(book, lead, "outcome.accept", "rep:a", NULL, NULL);
        assert_false(book->decision.refused);
        assert_string_equal(book->leads[lead].owner, "a");
        shut(book);
}

static void absence__nobody_else_there__is_held_until_somebody_is(void **state) {
        (void) state;
        Book *book = open_team(
                "team \"desk\" { calendar = \"berlin\", head = \"a\", on_absence = \"reassign_unaccepted\", members = { a = {} } }\n",
                NULL);
        uint64_t lead = hand_raise(book);
        go_away(book, "a", book->now_us, at("2026-03-09T00:00:00+01:00"));
        look(book, lead);
        assert_null(book->leads[lead].owner);
        assert_non_null(strstr(book->leads[lead].held.text, "a is away until"));
        assert_int_equal(book->leads[lead].wake_us, at("2026-03-09T00:00:00+01:00"));
        book->now_us = book->leads[lead].wake_us;
        look(book, lead);
        assert_string_equal(book->leads[lead].owner, "a");
        shut(book);
}

/* ---- properties ---- */

static uint64_t random_state = 20260305;
static unsigned pick(unsigned n) { /* xorshift: the same cases every time */
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (unsigned) (random_state % n);
}

static void any_team__weights_are_respected_at_every_moment(void **state) {
        (void) state;
        for (int round = 0; round < 12; round++) {
                bool is_weighted = round % 2;
                unsigned n_members = 2 + pick(8), sum = 0, weights[10];
                int served[10] = { 0 };
                Text team = { 0 };
                text_printf(&team, "team \"desk\" { calendar = \"berlin\", head = \"a\", strategy = \"%s\", members = {",
                        is_weighted ? "weighted" : "round_robin");
                for (unsigned i = 0; i < n_members; i++) {
                        weights[i] = is_weighted ? 1 + pick(7) : 1;
                        sum += weights[i];
                        text_printf(&team, " %c = { weight = %u },", 'a' + (int) i, weights[i]);
                }
                text_append(&team, " } }\n");
                Book *book = open_team(team.data, bad_data);
                text_free(&team);
                int n_given = 0;
                for (int n = 1; n <= 500; n++) {
                        uint64_t lead = hand_raise(book);
                        char owner = owner_of(book, lead);
                        assert_in_range(owner, 'a', 'a' + (int) n_members - 1);
                        if (pick(5) == 0) { /* trash: counts for nobody */
                                char actor[] = "rep:?";
                                actor[4] = owner;
                                person(book, lead, "outcome.trash", actor, "bad_data", NULL);
                                assert_false(book->decision.refused);
                                continue;
                        }
                        served[owner - 'a']++;
                        n_given++;
                        for (unsigned i = 0; i < n_members; i++) {
                                /* Smooth: never a whole turn away from the share. */
                                long off = (long) served[i] * (long) sum - (long) n_given * (long) weights[i];
                                assert_true(labs(off) < (long) sum * 2);
                                for (unsigned k = 0; k < i; k++)
                                        if (weights[i] == weights[k])
                                                assert_in_range(served[i] - served[k] + 1, 0, 2);
                        }
                        if (n_given % (int) sum == 0)
                                for (unsigned i = 0; i < n_members; i++)
                                        assert_int_equal(served[i], n_given / (int) sum * (int) weights[i]);
                }
                shut(book);
        }
}

static void any_absences__nobody_away_is_chosen_and_nobody_is_flooded_on_return(void **state) {
        (void) state;
        for (int round = 0; round < 6; round++) {
                unsigned n_members = 3 + pick(4);
                Text team = { 0 };
                text_append(&team, "team \"desk\" { calendar = \"berlin\", head = \"a\", strategy = \"round_robin\", members = {");
                for (unsigned i = 0; i < n_members; i++)
                        text_printf(&team, " %c = {},", 'a' + (int) i);
                text_append(&team, " } }\n");
                Book *book = open_team(team.data, NULL);
                text_free(&team);
                int64_t away_until_us[10] = { 0 };
                int streak = 0;
                char last = 0;
                for (int n = 0; n < 600; n++) {
                        unsigned who = 1 + pick(n_members - 1); /* a is always there */
                        if (pick(20) == 0 && away_until_us[who] <= book->now_us) {
                                Record *away = make_record(book, "owner.away", FAMILY_OWNER);
                                char name[] = "?";
                                name[0] = (char) ('a' + who);
                                away_until_us[who] = book->now_us + (1 + pick(30)) * US_PER_HOUR;
                                set(book, away, FIELD_OWNER_NAME, name);
                                assert_int_equal(facts_set(&away->facts, book->arena, FIELD_OWNER_TO, NULL,
                                                         value_integer(away_until_us[who]), book->now_us),
                                        0);
                                (void) judge(book, 0, away, "integration:hr");
                        }
                        unsigned n_there = 0;
                        for (unsigned i = 0; i < n_members; i++)
                                n_there += away_until_us[i] <= book->now_us;
                        char owner = owner_of(book, hand_raise(book));
                        assert_in_range(owner, 'a', 'a' + (int) n_members - 1);
                        assert_true(away_until_us[owner - 'a'] <= book->now_us);
                        /* A flood would be many in a row to one of several. */
                        streak = owner == last ? streak + 1 : 1;
                        last = owner;
                        assert_true(n_there == 1 || streak <= 3);
                        if (n_there == 1)
                                streak = 0;
                        book->now_us += (1 + pick(30)) * US_PER_MINUTE;
                }
                shut(book);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(R5__fifty_leads_to_three_and_six_to_four__go_round),
                cmocka_unit_test(R7__least_open__fills_up_whoever_has_fewest),
                cmocka_unit_test(R8__weighted_turns__are_smooth),
                cmocka_unit_test(R12__nobody_there__is_held_until_the_first_is_back),
                cmocka_unit_test(V8__a_grade_with_leave__moves_a_lead_once_each_way),
                cmocka_unit_test(top_first__the_first_by_rank_until_capped),
                cmocka_unit_test(match__only_who_has_the_skill__gets_the_lead),
                cmocka_unit_test(match__that_nobody_meets__goes_on_to_the_next_route),
                cmocka_unit_test(match__that_nobody_meets__is_explained_as_the_lead_was_routed),
                cmocka_unit_test(account__goes_to_its_owner_unless_away_gone_or_of_another_team),
                cmocka_unit_test(credit__a_lead_that_was_not_one__is_as_if_it_had_never_been),
                cmocka_unit_test(credit__by_hand_or_without_it__gives_nothing_back),
                cmocka_unit_test(reassign__never_to_who_let_it_expire__and_to_the_head_when_all_have),
                cmocka_unit_test(absence__what_is_not_accepted__goes_to_others_and_the_rest_stays),
                cmocka_unit_test(absences__are_any_number_and_the_newest_word_counts),
                cmocka_unit_test(absence__who_acts_while_away__is_there_after_all),
                cmocka_unit_test(absence__nobody_else_there__is_held_until_somebody_is),
                cmocka_unit_test(any_team__weights_are_respected_at_every_moment),
                cmocka_unit_test(any_absences__nobody_away_is_chosen_and_nobody_is_flooded_on_return),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
