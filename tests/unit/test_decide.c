/* SPDX-License-Identifier: MIT */
/*
 * Tests of the transition function: turns, caps, absences, moves, SLA instants.
 */
#include "test_decide_book.h"

static void assert_turns(const char *team, const char *wanted) {
        Book *book = malloc(sizeof *book);
        char got[LEADS_MAX] = "";
        open_book(book, team, NULL);
        for (size_t i = 0; i < strlen(wanted); i++) {
                uint64_t lead = hand_raise(book);
                assert_non_null(book->leads[lead].owner);
                got[i] = book->leads[lead].owner[0];
        }
        assert_string_equal(got, wanted);
        close_book(book);
        free(book);
}

static void route__weights_5_1_1__turns_are_smooth(void **state) {
        (void) state;
        assert_turns(team_511, "aabacaaaabacaa");
}

static void route__weights_3_2_1_and_2_1_1__follow_the_worked_examples(void **state) {
        (void) state;
        assert_turns("team \"desk\" { calendar = \"berlin\", strategy = \"weighted\", head = \"a\", members = { a = { weight = 3 }, b = { "
                     "weight = 2 }, "
                     "c = { weight = 1 } } }\n",
                "abacba");
        assert_turns("team \"desk\" { calendar = \"berlin\", strategy = \"weighted\", head = \"a\", members = { a = { weight = 2 }, b = { "
                     "weight = 1 }, "
                     "c = { weight = 1 } } }\n",
                "abcaabca");
}

static void route__round_robin__takes_turns_by_name(void **state) {
        (void) state;
        assert_turns("team \"desk\" { calendar = \"berlin\", strategy = \"round_robin\", head = \"a\", members = { d = {}, b = {}, a = {}, "
                     "c = {} } }\n",
                "abcdab");
}

static void route__who_was_away__gets_no_flood_on_return(void **state) {
        (void) state;
        Book *book = malloc(sizeof *book);
        open_book(book, "team \"desk\" { calendar = \"berlin\", strategy = \"round_robin\", head = \"a\", members = { a = {}, b = {} } }\n",
                NULL);
        Record *away = make_record(book, "owner.away", FAMILY_OWNER);
        set(book, away, FIELD_OWNER_NAME, "a");
        assert_int_equal(
                facts_set(&away->facts, book->arena, FIELD_OWNER_TO, NULL, value_integer(book->now_us + US_PER_DAY), book->now_us), 0);
        (void) judge(book, 0, away, "integration:hr");
        for (int i = 0; i < 10; i++)
                assert_string_equal(book->leads[hand_raise(book)].owner, "b");
        book->now_us += 2 * US_PER_DAY;
        int n_a = 0;
        for (int i = 0; i < 10; i++)
                n_a += book->leads[hand_raise(book)].owner[0] == 'a';
        assert_in_range(n_a, 5, 6);
        close_book(book);
        free(book);
}

static void route__all_capped__holds_with_each_cause_and_takes_up_again(void **state) {
        (void) state;
        Book *book = malloc(sizeof *book);
        open_book(book,
                "team \"desk\" { calendar = \"berlin\", strategy = \"round_robin\", head = \"a\", members = { a = { max_unaccepted = 1 }, "
                "b = { max_open "
                "= 1 } } }\n",
                NULL);
        uint64_t first = hand_raise(book);
        (void) hand_raise(book);
        uint64_t third = hand_raise(book);
        assert_null(book->leads[third].owner);
        assert_string_equal(book->leads[third].status, "mql");
        assert_non_null(book->leads[third].held.by);
        assert_non_null(strstr(book->leads[third].held.text, "a has 1 of 1 not yet accepted"));
        assert_non_null(strstr(book->leads[third].held.text, "b has 1 of 1 open"));
        assert_int_equal(book->leads[third].held.next_look_us, book->now_us + US_PER_DAY);
        assert_int_equal(book->leads[third].wake_us, book->leads[third].held.next_look_us);
        person(book, first, "outcome.accept", "rep:a", NULL, NULL);
        assert_false(book->decision.refused);
        assert_string_equal(book->decision.freed_team, "desk");
        book->now_us = book->leads[third].wake_us;
        (void) judge(book, third, make_record(book, "timer.look", FAMILY_TIMER), "system:leadd");
        assert_string_equal(book->leads[third].owner, "a");
        assert_null(book->leads[third].held.by);
        close_book(book);
        free(book);
}

static void route__all_away__looks_again_when_the_first_is_back(void **state) {
        (void) state;
        Book *book = malloc(sizeof *book);
        int64_t sunday_us;
        open_book(book,
                "team \"desk\" { calendar = \"berlin\", strategy = \"round_robin\", head = \"a\", members = { a = { away = { "
                "\"2026-03-05..2026-03-07\" "
                "} }, b = { away = { \"2026-03-01..2026-03-20\" } } } }\n",
                NULL);
        uint64_t lead = hand_raise(book);
        assert_int_equal(time_parse_rfc3339("2026-03-08T00:00:00+01:00", 25, &sunday_us), 0);
        assert_null(book->leads[lead].owner);
        assert_int_equal(book->leads[lead].held.next_look_us, sunday_us);
        close_book(book);
        free(book);
}

static void person__each_check_refuses_with_its_code_and_changes_nothing(void **state) {
        (void) state;
        static const struct {
                const char *type, *actor, *reason, *note, *code, *text;
        } cases[] = {
                { "outcome.accept", "rep:b", NULL, NULL, "not_allowed", "made by the owner (a)" },
                { "outcome.accept", "rep:nobody", NULL, NULL, "not_allowed", "nobody" },
                { "outcome.accept", "integration:web", NULL, NULL, "not_allowed", "made by a person" },
                { "outcome.acept", "rep:a", NULL, NULL, "unknown_move", "did you mean \"accept\"" },
                { "outcome.finish", "rep:a", NULL, NULL, "wrong_status", "does not leave \"mql\"" },
                { "outcome.hand_raise", "rep:a", NULL, NULL, "wrong_status", "mql" },
                { "outcome.reject", "rep:a", NULL, NULL, "reason_required", "no_budget, not_a_fit" },
                { "outcome.reject", "rep:a", "no_buget", NULL, "unknown_reason", "did you mean \"no_budget\"" },
                { "outcome.reject", "rep:a", "whim", NULL, "unknown_reason",
                        "has no reason \"whim\"; its reasons are: no_budget, not_a_fit" },
                { "outcome.accept", "rep:a", "whim", NULL, "unknown_reason", "has no reason \"whim\": it is made without one" },
                { "outcome.reject", "rep:a", "not_a_fit", NULL, "note_required", "note" },
        };
        Book *book = malloc(sizeof *book);
        open_book(book, team_511, NULL);
        uint64_t lead = hand_raise(book);
        assert_string_equal(book->leads[lead].owner, "a");
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                uint64_t version = book->leads[lead].version;
                person(book, lead, cases[i].type, cases[i].actor, cases[i].reason, cases[i].note);
                assert_true(book->decision.refused);
                assert_string_equal(book->decision.refusal_code, cases[i].code);
                if (!strstr(book->decision.refusal_text, cases[i].text))
                        fail_msg("%s: got \"%s\", want \"%s\" in it", cases[i].type, book->decision.refusal_text, cases[i].text);
                assert_int_equal(book->leads[lead].version, version);
        }
        person(book, lead, "outcome.accepted", "rep:a", NULL, NULL);
        assert_false(book->decision.refused);
        assert_string_equal(book->leads[lead].status, "sal");
        assert_false(book->leads[lead].unaccepted);
        person(book, lead, "outcome.finish", "rep:c", NULL, NULL);
        assert_string_equal(book->decision.refusal_code, "needs");
        assert_non_null(strstr(book->decision.refusal_text, "NAMED"));
        close_book(book);
        free(book);
}

static void handback__budget__rests_until_the_date_or_the_signal(void **state) {
        (void) state;
        Book *book = malloc(sizeof *book);
        open_book(book, team_511, NULL);
        uint64_t lead = hand_raise(book);
        person(book, lead, "outcome.reject", "rep:a", "no_budget", NULL);
        assert_string_equal(book->leads[lead].status, "nurture");
        assert_null(book->leads[lead].owner);
        assert_int_equal(book->leads[lead].recycle_us, book->now_us + 90 * US_PER_DAY);
        assert_int_equal(book->leads[lead].wake_us, book->leads[lead].recycle_us);
        book->now_us += US_PER_DAY;
        Record *page = make_record(book, "activity.page_viewed", FAMILY_ACTIVITY);
        set(book, page, FIELD_ACTIVITY_NAME, "demo");
        (void) judge(book, lead, page, "integration:web");
        assert_string_equal(book->leads[lead].status, "nurture");
        Record *form = make_record(book, "lead.submitted", FAMILY_LEAD);
        set(book, form, FIELD_ATTRIBUTION_FORM_NAME, "demo");
        (void) judge(book, lead, form, "integration:web");
        assert_string_equal(book->leads[lead].status, "mql");
        assert_int_equal(book->leads[lead].recycle_us, TIME_NONE);
        assert_non_null(book->leads[lead].owner);
        close_book(book);
        free(book);
}

static void sla__steps__are_due_in_the_owners_working_time_and_fire_once(void **state) {
        (void) state;
        static const struct {
                const char *due;
                const char *roles;
                size_t n_effects;
        } steps[] = {
                { "2026-03-05T14:00:00+01:00", "owner", 1 },
                { "2026-03-06T10:00:00+01:00", "owner, ops", 2 }, /* a owns it and heads the team: told once */
                { "2026-03-09T10:00:00+01:00", "owner, ops", 2 }, /* every working day from then on */
                { "2026-03-10T10:00:00+01:00", "owner, ops", 2 },
        };
        Book *book = malloc(sizeof *book);
        open_book(book, team_511, NULL);
        uint64_t lead = hand_raise(book);
        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                int64_t due_us;
                assert_int_equal(time_parse_rfc3339(steps[i].due, strlen(steps[i].due), &due_us), 0);
                assert_int_equal(book->leads[lead].wake_us, due_us);
                assert_int_equal(book->leads[lead].sla.next_step, i);
                book->now_us = due_us;
                (void) judge(book, lead, make_record(book, "timer.step", FAMILY_TIMER), "system:leadd");
                assert_string_equal(book->decision.reminded_roles, steps[i].roles);
                assert_int_equal(book->decision.n_effects, steps[i].n_effects);
                /* The same firing again finds nothing due. */
                (void) judge(book, lead, make_record(book, "timer.look", FAMILY_TIMER), "system:leadd");
                assert_null(book->decision.reminded_roles);
        }
        person(book, lead, "outcome.accept", "rep:a", NULL, NULL);
        assert_null(book->leads[lead].sla.rule);
        assert_int_equal(book->leads[lead].wake_us, TIME_NONE);
        close_book(book);
        free(book);
}

static void assign__by_hand__disturbs_no_turn_and_restarts_the_sla(void **state) {
        (void) state;
        Book *book = malloc(sizeof *book);
        open_book(book, team_511, NULL);
        uint64_t lead = hand_raise(book);
        int64_t turns[3] = { seat_of(book, "a")->turn, seat_of(book, "b")->turn, seat_of(book, "c")->turn };
        int64_t due_us = book->leads[lead].sla.due_us;
        book->now_us += US_PER_HOUR;
        Record *record = make_record(book, "outcome.assign", FAMILY_OUTCOME);
        set(book, record, FIELD_OUTCOME_OWNER, "c");
        (void) judge(book, lead, record, "rep:b");
        assert_string_equal(book->decision.refusal_code, "not_allowed");
        (void) judge(book, lead, record, "rep:a");
        assert_false(book->decision.refused);
        assert_string_equal(book->leads[lead].owner, "c");
        assert_int_equal(book->leads[lead].sla.due_us, due_us + US_PER_HOUR);
        assert_int_equal(seat_of(book, "a")->turn, turns[0]);
        assert_int_equal(seat_of(book, "b")->turn, turns[1]);
        assert_int_equal(seat_of(book, "c")->turn, turns[2]);
        close_book(book);
        free(book);
}

/* The rules name people as they like: what the log says of those who did not get the lead can be told apart all the same. */
static void assignment__of_people_with_odd_names__names_each_with_the_cause(void **state) {
        (void) state;
        Book *book = malloc(sizeof *book);
        Candidacy *others;
        size_t n;
        open_book(book,
                "team \"desk\" { calendar = \"berlin\", head = \"Anna Berg\", on_absence = \"deputy\", members = {\n"
                "  [\"a; b is here\"] = { deputy = \"z; q is away\" }, [\"Anna Berg\"] = { weight = 0 }, [\"z; q is away\"] = { weight = 0 "
                "} } }\n",
                NULL);
        uint64_t lead = hand_raise(book);
        assert_string_equal(book->leads[lead].owner, "a; b is here");
        assert_int_equal(decide_others_of(book->decision.assignment.text, book->arena, &others, &n), 0);
        assert_int_equal(n, 2);
        assert_string_equal(others[0].member, "Anna Berg");
        assert_string_equal(others[1].member, "z; q is away");
        assert_string_equal(others[1].cause, "gets leads only as head");
        set_away(book, "a; b is here", book->now_us, book->now_us + US_PER_DAY);
        look(book, lead);
        assert_string_equal(book->leads[lead].owner, "z; q is away");
        assert_string_equal(book->decision.assignment.text, "the deputy of \"a; b is here\" is away until 2026-03-06T09:00:00Z");
        assert_int_equal(decide_others_of(book->decision.assignment.text, book->arena, &others, &n), 0);
        assert_int_equal(n, 0);
        close_book(book);
        free(book);
}

/* What the head accepted in the owner's place is accepted: an absence takes it away no more, and it counts against no cap. */
static void accept__by_the_head__leaves_nothing_unaccepted(void **state) {
        (void) state;
        Book *book = malloc(sizeof *book);
        open_book(book,
                "team \"desk\" { calendar = \"berlin\", head = \"h\", on_absence = \"reassign_unaccepted\", members = { a = {}, b = {}, h "
                "= "
                "{ weight = 0 } } }\n",
                NULL);
        uint64_t lead = hand_raise(book);
        assert_string_equal(book->leads[lead].owner, "a");
        assert_true(book->leads[lead].unaccepted);
        person(book, lead, "outcome.accept", "rep:b", NULL, NULL);
        assert_true(book->decision.refused);
        person(book, lead, "outcome.accept", "rep:h", NULL, NULL);
        assert_false(book->decision.refused);
        assert_false(book->leads[lead].unaccepted);
        assert_int_equal(seat_of(book, "a")->n_unaccepted, 0);
        assert_string_equal(book->decision.freed_team, "desk");
        set_away(book, "a", book->now_us, book->now_us + US_PER_DAY);
        look(book, lead);
        assert_string_equal(book->leads[lead].owner, "a");
        close_book(book);
        free(book);
}

static void automatic__moves_that_would_go_round__stop(void **state) {
        (void) state;
        Book *book = malloc(sizeof *book);
        open_book(book, team_511,
                "status \"x\" { team = \"marketing\", kind = \"open\", meaning = \"x\" }\n"
                "status \"y\" { team = \"marketing\", kind = \"open\", meaning = \"y\" }\n"
                "move \"to_x\" { from = { \"inquiry\", \"y\" }, to = \"x\", by = \"rules\" }\n"
                "move \"to_y\" { from = \"x\", to = \"y\", by = \"rules\" }\n"
                "move \"out\" { from = { \"x\", \"y\" }, to = \"closed\", by = \"marketing\" }\n");
        Record *record = make_record(book, "lead.submitted", FAMILY_LEAD);
        set(book, record, FIELD_PERSON_EMAIL, "p@example.com");
        uint64_t lead = judge(book, 0, record, "integration:web");
        assert_string_equal(book->leads[lead].status, "y");
        assert_int_equal(book->decision.n_moves, 2);
        close_book(book);
        free(book);
}

static void test_lead__is_judged_and_never_routed_or_told(void **state) {
        (void) state;
        Book *book = malloc(sizeof *book);
        open_book(book, team_511, NULL);
        Record *record = make_record(book, "lead.submitted", FAMILY_LEAD);
        set(book, record, FIELD_PERSON_EMAIL, "p@example.com");
        set(book, record, FIELD_ATTRIBUTION_FORM_NAME, "demo");
        assert_int_equal(facts_set(&record->facts, book->arena, FIELD_TEST, NULL, value_bool(true), record->time_us), 0);
        uint64_t lead = judge(book, 0, record, "integration:web");
        assert_string_equal(book->leads[lead].status, "mql");
        assert_null(book->leads[lead].owner);
        assert_int_equal(book->leads[lead].wake_us, TIME_NONE);
        assert_int_equal(book->decision.n_effects, 0);
        close_book(book);
        free(book);
}

static void reload__held_lead_whose_cause_nobody_looks_at__is_free_and_never_due_at_once(void **state) {
        (void) state;
        Book *book = malloc(sizeof *book);
        open_book(book, "team \"desk\" { calendar = \"berlin\", head = \"a\", members = { a = { max_open = 1 } } }\n", NULL);
        (void) hand_raise(book);
        uint64_t lead = hand_raise(book);
        assert_non_null(book->leads[lead].held.by);
        assert_true(book->leads[lead].held.next_look_us > book->now_us);
        /* What a reload amounts to that gives the status to a team without members: a queue, and nobody routes it. */
        book->leads[lead].status = "inquiry";
        book->n_history[lead] = 0;
        book->now_us = book->leads[lead].held.next_look_us;
        look(book, lead);
        assert_null(book->leads[lead].held.by);
        assert_true(book->leads[lead].wake_us == TIME_NONE || book->leads[lead].wake_us > book->now_us);
        close_book(book);
        free(book);
}

static void reload__status_is_gone__lead_waits_and_nothing_is_armed(void **state) {
        (void) state;
        Book *book = malloc(sizeof *book);
        open_book(book, team_511, NULL);
        uint64_t lead = hand_raise(book);
        int64_t due_us = book->leads[lead].sla.next_due_us;
        book->leads[lead].status = "vanished";
        book->now_us = due_us;
        look(book, lead);
        assert_string_equal(book->leads[lead].held.by, "rules");
        assert_int_equal(book->leads[lead].wake_us, TIME_NONE);
        assert_int_equal(book->leads[lead].sla.next_due_us, due_us);
        /* It is back, and the step that was due is made up for. */
        book->leads[lead].status = "mql";
        look(book, lead);
        assert_null(book->leads[lead].held.by);
        assert_string_equal(book->decision.reminded_roles, "owner");
        assert_int_equal(book->leads[lead].sla.next_step, 1);
        close_book(book);
        free(book);
}

static void reload__owner_left_or_vanished_or_changed_team__somebody_else_gets_the_lead(void **state) {
        (void) state;
        static const char *const teams[] = {
                "team \"desk\" { calendar = \"berlin\", head = \"b\", members = { a = { left = true }, b = {} } }\n",
                "team \"desk\" { calendar = \"berlin\", head = \"b\", members = { b = {} } }\n",
                ("team \"desk\" { calendar = \"berlin\", head = \"b\", members = { b = {} } }\n"
                 "team \"other\" { calendar = \"berlin\", head = \"a\", members = { a = {} } }\n"),
        };
        for (size_t i = 0; i < ARRAY_SIZE(teams); i++) {
                Book *book = malloc(sizeof *book);
                open_book(book, "team \"desk\" { calendar = \"berlin\", head = \"a\", members = { a = {} } }\n", NULL);
                uint64_t lead = hand_raise(book);
                assert_string_equal(book->leads[lead].owner, "a");
                reload(book, teams[i], NULL);
                book->now_us += US_PER_HOUR;
                look(book, lead);
                assert_string_equal(book->leads[lead].owner, "b");
                assert_string_equal(book->decision.assignment.previous, "a");
                assert_true(book->leads[lead].unaccepted);
                assert_int_equal(book->leads[lead].sla.start_us, book->now_us);
                close_book(book);
                free(book);
        }
}

static void reload__owner_vanished_and_nobody_is_free__lead_is_held_and_unowned(void **state) {
        (void) state;
        Book *book = malloc(sizeof *book);
        open_book(book, "team \"desk\" { calendar = \"berlin\", head = \"a\", members = { a = {} } }\n", NULL);
        uint64_t lead = hand_raise(book);
        reload(book, "team \"desk\" { calendar = \"berlin\", head = \"b\", members = { b = { away = { \"2026-03-01..2026-03-31\" } } } }\n",
                NULL);
        look(book, lead);
        assert_null(book->leads[lead].owner);
        assert_false(book->leads[lead].unaccepted);
        assert_non_null(book->leads[lead].held.by);
        close_book(book);
        free(book);
}

static void sla__repeats_missed_while_nobody_ran__are_one_reminder(void **state) {
        (void) state;
        Book *book = malloc(sizeof *book);
        open_book(book, team_511, NULL);
        uint64_t lead = hand_raise(book);
        book->now_us += 100 * US_PER_DAY;
        unsigned n = 0;
        while (book->leads[lead].sla.next_due_us != TIME_NONE && book->leads[lead].sla.next_due_us <= book->now_us && n < 50) {
                look(book, lead);
                n++;
        }
        assert_int_equal(n, 1); /* the last step, and no repeat */
        close_book(book);
        free(book);
}

/* Steps that were missed while nobody ran: what fires, one event after the other, and who is told each time. */
static void sla__steps_missed_while_nobody_ran__the_most_urgent_fires(void **state) {
        (void) state;
        static const char reminds[] = "{ at = \"15m\", remind = { \"owner\" } }, { at = \"1h\", remind = { \"head\" } },"
                                      " { at = \"6h\", every = \"1h\", remind = { \"ops\" } }";
        static const char acts[] =
                "{ at = \"15m\", remind = { \"owner\" } }, { at = \"1h\", remind = { \"head\" } },"
                " { at = \"2h\", reassign = true, remind = { \"ops\" } }, { at = \"6h\", every = \"1h\", remind = { \"ops\" } }";
        static const char leaves[] = "{ at = \"15m\", remind = { \"owner\" } }, { at = \"1h\", remind = { \"head\" } },"
                                     " { at = \"6h\", move = \"reject\", reason = \"no_budget\" }";
        static const struct {
                const char *steps;
                int64_t late_us; /* after the lead came */
                const char *fired;
        } cases[] = {
                { reminds, 15 * US_PER_MINUTE, "1 owner" },
                { reminds, US_PER_HOUR - 1, "1 owner" },
                { reminds, US_PER_HOUR, "2 head" },
                { reminds, 3 * US_PER_HOUR, "2 head" },
                { reminds, 6 * US_PER_HOUR, "3 ops" },
                { reminds, 72 * US_PER_HOUR, "3 ops" },
                /* who is reassigned starts anew; nothing that acts is passed over */
                { acts, 90 * US_PER_MINUTE, "2 head" },
                { acts, 2 * US_PER_HOUR, "3 ops" },
                { acts, 72 * US_PER_HOUR, "3 ops" },
                { leaves, 5 * US_PER_HOUR, "2 head" },
                { leaves, 72 * US_PER_HOUR, "3 -" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Book *book = malloc(sizeof *book);
                char sla[512], fired[256] = "";
                (void) snprintf(sla, sizeof sla,
                        "sla \"QUICK\" { status = \"mql\", when = { [\"person.email\"] = present }, within = \"1h\", clock = \"wall\", "
                        "steps = { %s } }\n",
                        cases[i].steps);
                char *first = strdup(base_rules), *rest = strstr(first, "sla \"ANSWER\"");
                *rest = '\0';
                char *base;
                assert_true(asprintf(&base, "%s%s%s", first, sla, strstr(base_rules, "sla \"ANSWER\"")) > 0);
                open_rules(book, base, team_511, NULL);
                uint64_t lead = hand_raise(book);
                assert_string_equal(book->leads[lead].sla.rule, "QUICK");
                book->now_us += cases[i].late_us;
                for (int n = 0; n < 10; n++) {
                        const SlaState *now = &book->leads[lead].sla;
                        if (!now->rule || !base_streq(now->rule, "QUICK") || now->next_due_us == TIME_NONE ||
                                now->next_due_us > book->now_us)
                                break;
                        uint32_t before = now->next_step;
                        look(book, lead);
                        const char *roles = book->decision.reminded_roles, *missed = strstr(book->decision.summary, "missed");
                        uint32_t step = book->decision.n_effects > 0 ? book->decision.effects[0].step + 1
                                        : cases[i].steps == leaves   ? 3
                                                                     : 0;
                        size_t size = strlen(fired);
                        (void) snprintf(fired + size, sizeof fired - size, "%s%u %s", size ? ", " : "", step, roles ? roles : "-");
                        /* what was passed over is said */
                        if ((missed != NULL) != (step > before + 1))
                                fail_msg("case %zu: \"%s\"", i, book->decision.summary);
                }
                if (!base_streq(fired, cases[i].fired))
                        fail_msg("case %zu: got \"%s\", want \"%s\"", i, fired, cases[i].fired);
                close_book(book);
                free(book);
                free(first);
                free(base);
        }
}

/* Two steps that are due within a minute are both taken, however late the first is by then: only what was missed gives way. */
static void sla__steps_that_are_late_by_seconds__fire_one_after_the_other(void **state) {
        (void) state;
        Book *book = malloc(sizeof *book);
        open_book(book, team_511, NULL);
        uint64_t lead = hand_raise(book);
        LeadState *now = &book->leads[lead];
        now->sla.start_us = book->now_us - US_PER_DAY;
        now->sla.next_due_us = book->now_us - DECIDE_MISSED_US;
        look(book, lead);
        assert_string_equal(book->decision.reminded_roles, "owner");
        close_book(book);
        free(book);
}

static void move__into_a_final_status_by_another_than_the_owner__leaves_nothing_unaccepted(void **state) {
        (void) state;
        Book *book = malloc(sizeof *book);
        open_book(book, team_511,
                "status \"won\" { team = \"desk\", kind = \"final\", meaning = \"w\" }\n"
                "move \"win\" { from = { \"mql\", \"sal\" }, to = \"won\", by = \"team\" }\n");
        uint64_t lead = hand_raise(book);
        assert_string_equal(book->leads[lead].owner, "a");
        person(book, lead, "outcome.win", "rep:b", NULL, NULL);
        assert_string_equal(book->leads[lead].status, "won");
        assert_false(book->leads[lead].unaccepted);
        close_book(book);
        free(book);
}

static void act(Book *book, uint64_t lead, const char *type) {
        Record *record = make_record(book, type, FAMILY_ACTIVITY);

        book->now_us += US_PER_MINUTE;
        record->time_us = book->now_us;
        (void) judge(book, lead, record, "integration:web");
}

static void assert_sla(Book *book, uint64_t lead, const char *rule, const char *note) {
        const DecideInput input = look_input(book, lead);
        Explanation explanation;

        assert_int_equal(decide_explain(book->rules, &input, book->arena, &explanation), 0);
        for (size_t i = 0; i < explanation.receipts.n_items; i++)
                if (base_streq(explanation.receipts.items[i].rule->name, rule)) {
                        if (!explanation.receipts.items[i].note || strncmp(explanation.receipts.items[i].note, note, strlen(note)) != 0)
                                fail_msg("%s: %s", rule, explanation.receipts.items[i].note);
                        return;
                }
        fail_msg("no %s", rule);
}

static void sla__waits_for_its_start_on__while_the_one_below_it_runs(void **state) {
        (void) state;
        static const char called[] = "sla \"CALLED\" { status = \"mql\", start_on = did{ type = \"call_made\", since = \"move\" }, stop = "
                                     "did{ type = \"replied\", "
                                     "since = \"move\" }, within = \"2h\", clock = \"owner\", steps = { { at = \"2h\", every = \"2h\", "
                                     "remind = \"owner\" } } }\n";
        Book *book = malloc(sizeof *book);
        assert_non_null(book);
        open_rules(book, called, base_rules, team_511);
        uint64_t lead = hand_raise(book);
        const SlaState *sla = &book->leads[lead].sla;
        assert_string_equal(sla->rule, "ANSWER");
        assert_sla(book, lead, "CALLED", "waits for its start_on");
        assert_sla(book, lead, "ANSWER", "runs since");

        act(book, lead, "activity.page_viewed");
        assert_string_equal(sla->rule, "ANSWER");
        act(book, lead, "activity.call_made");
        assert_string_equal(sla->rule, "CALLED");
        assert_int_equal(sla->start_us, book->now_us);
        assert_int_equal(sla->next_due_us, book->now_us + 2 * US_PER_HOUR);
        assert_sla(book, lead, "CALLED", "runs since");
        assert_sla(book, lead, "ANSWER", "not asked: CALLED comes first");
        act(book, lead, "activity.call_made");
        assert_int_equal(sla->start_us, book->now_us - US_PER_MINUTE);

        /* Met, it is not begun again, and what stands below it has nothing to do. */
        act(book, lead, "activity.replied");
        assert_null(sla->rule);
        act(book, lead, "activity.call_made");
        assert_null(sla->rule);
        close_book(book);
        free(book);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(route__weights_5_1_1__turns_are_smooth),
                cmocka_unit_test(route__weights_3_2_1_and_2_1_1__follow_the_worked_examples),
                cmocka_unit_test(route__round_robin__takes_turns_by_name),
                cmocka_unit_test(route__who_was_away__gets_no_flood_on_return),
                cmocka_unit_test(route__all_capped__holds_with_each_cause_and_takes_up_again),
                cmocka_unit_test(route__all_away__looks_again_when_the_first_is_back),
                cmocka_unit_test(person__each_check_refuses_with_its_code_and_changes_nothing),
                cmocka_unit_test(handback__budget__rests_until_the_date_or_the_signal),
                cmocka_unit_test(sla__steps__are_due_in_the_owners_working_time_and_fire_once),
                cmocka_unit_test(assign__by_hand__disturbs_no_turn_and_restarts_the_sla),
                cmocka_unit_test(assignment__of_people_with_odd_names__names_each_with_the_cause),
                cmocka_unit_test(accept__by_the_head__leaves_nothing_unaccepted),
                cmocka_unit_test(automatic__moves_that_would_go_round__stop),
                cmocka_unit_test(test_lead__is_judged_and_never_routed_or_told),
                cmocka_unit_test(reload__held_lead_whose_cause_nobody_looks_at__is_free_and_never_due_at_once),
                cmocka_unit_test(reload__status_is_gone__lead_waits_and_nothing_is_armed),
                cmocka_unit_test(reload__owner_left_or_vanished_or_changed_team__somebody_else_gets_the_lead),
                cmocka_unit_test(reload__owner_vanished_and_nobody_is_free__lead_is_held_and_unowned),
                cmocka_unit_test(sla__repeats_missed_while_nobody_ran__are_one_reminder),
                cmocka_unit_test(sla__steps_missed_while_nobody_ran__the_most_urgent_fires),
                cmocka_unit_test(sla__steps_that_are_late_by_seconds__fire_one_after_the_other),
                cmocka_unit_test(sla__waits_for_its_start_on__while_the_one_below_it_runs),
                cmocka_unit_test(move__into_a_final_status_by_another_than_the_owner__leaves_nothing_unaccepted),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
