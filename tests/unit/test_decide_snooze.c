/* SPDX-License-Identifier: MIT */
/*
 * Tests of what changes a running SLA timer: a reload with `retime`, and snooze: who may, how long, and that the working time which was
 * left is left when it is over. Berlin, Mon-Fri 09:00-17:00; the lead comes on Thursday 2026-03-05 at 10:00.
 */
#include "test_decide_book.h"

static const char rules[] = "settings \"site\" { zone = \"Europe/Berlin\", ops = \"ops@example.com\" }\n"
                            "calendar \"berlin\" { zone = \"Europe/Berlin\", open = { mon_fri = \"09:00-17:00\" } }\n"
                            "team \"marketing\" {}\n"
                            "team \"desk\" { calendar = \"berlin\", head = \"h\", members = { a = {}, h = { weight = 0 } } }\n"
                            "status \"inquiry\" { team = \"marketing\", kind = \"open\", initial = true, meaning = \"i\" }\n"
                            "status \"mql\" { team = \"desk\", kind = \"sla\", meaning = \"m\" }\n"
                            "status \"sal\" { team = \"desk\", kind = \"open\", meaning = \"s\" }\n"
                            "status \"closed\" { team = \"marketing\", kind = \"final\", meaning = \"c\" }\n"
                            "move \"raise\" { from = \"inquiry\", to = \"mql\", by = \"rules\" }\n"
                            "move \"accept\" { from = \"mql\", to = \"sal\", by = \"owner\" }\n"
                            "move \"finish\" { from = \"sal\", to = \"closed\", by = \"owner\" }\n"
                            "route \"ALL\" { team = \"desk\" }\n";

static const char sla_hours[] =
        "sla \"ANSWER\" { status = \"mql\", within = \"8h\", clock = \"owner\", max_snooze = \"16h\",\n"
        "  steps = { { at = \"4h\", remind = { \"owner\" } }, { at = \"1wd\", every = \"1wd\", remind = { \"owner\", \"head\" } } } }\n";
static const char sla_days[] =
        "sla \"ANSWER\" { status = \"mql\", within = \"1wd\", clock = \"owner\", max_snooze = \"5wd\",\n"
        "  steps = { { at = \"1wd\", remind = { \"owner\" } }, { at = \"2wd\", every = \"1wd\", remind = { \"owner\", \"head\" } } } }\n";
static const char sla_none[] = "sla \"ANSWER\" { status = \"mql\", within = \"1wd\", clock = \"owner\",\n"
                               "  steps = { { at = \"1wd\", every = \"1wd\", remind = { \"owner\" } } } }\n";
static const char sla_wall[] = "sla \"ANSWER\" { status = \"mql\", within = \"8h\", clock = \"wall\", max_snooze = \"3d\",\n"
                               "  steps = { { at = \"4h\", every = \"4h\", remind = { \"owner\" } } } }\n";

static Book *open_snooze(const char *sla, uint64_t *ret_lead) {
        Book *book = malloc(sizeof *book);

        assert_non_null(book);
        open_rules(book, rules, sla, NULL);
        Record *record = make_record(book, "lead.submitted", FAMILY_LEAD);
        set(book, record, FIELD_PERSON_EMAIL, "p@example.com");
        *ret_lead = judge(book, 0, record, "integration:web");
        assert_string_equal(book->leads[*ret_lead].owner, "a");
        return book;
}

static void shut(Book *book) {
        close_book(book);
        free(book);
}

static int64_t at(const char *text) {
        int64_t us;

        assert_int_equal(time_parse_rfc3339(text, strlen(text), &us), 0);
        return us;
}

static void snooze(Book *book, uint64_t lead, const char *actor, const char *until, const char *reason) {
        Record *record = make_record(book, "outcome.snooze", FAMILY_OUTCOME);

        if (until)
                set(book, record, FIELD_OUTCOME_NOT_BEFORE, until);
        if (reason)
                set(book, record, FIELD_OUTCOME_REASON, reason);
        (void) judge(book, lead, record, actor);
}

static void sleeps(Book *book, uint64_t lead, const char *until) {
        snooze(book, lead, "rep:a", until, "at a fair");
        if (book->decision.refused)
                print_error("%s\n", book->decision.refusal_text);
        assert_false(book->decision.refused);
}

static void same_instant(int64_t got_us, const char *want) {
        char got[TIME_TEXT_SIZE], wanted[TIME_TEXT_SIZE];

        assert_string_equal(time_format_rfc3339(got_us, got), time_format_rfc3339(at(want), wanted));
}

/* Fires what is due and says when; fails when nothing is armed. */
static void fire(Book *book, uint64_t lead, const char *when, const char *roles) {
        same_instant(book->leads[lead].wake_us, when);
        book->now_us = book->leads[lead].wake_us;
        (void) judge(book, lead, make_record(book, "timer.step", FAMILY_TIMER), "system:leadd");
        assert_string_equal(book->decision.reminded_roles, roles);
}

static void snooze__hours__what_was_left_is_left_afterwards(void **state) {
        (void) state;
        uint64_t lead;
        Book *book = open_snooze(sla_hours, &lead);
        same_instant(book->leads[lead].sla.next_due_us, "2026-03-05T14:00:00+01:00");
        same_instant(book->leads[lead].sla.due_us, "2026-03-06T10:00:00+01:00");
        book->now_us = at("2026-03-05T13:00:00+01:00"); /* 1 h left to the reminder, 5 h to the end */
        sleeps(book, lead, "2026-03-09");               /* Monday */
        assert_string_equal(book->decision.summary, "ANSWER snoozed until 2026-03-08T23:00:00Z by rep:a");
        assert_string_equal(book->leads[lead].sla.snooze_reason, "at a fair");
        assert_int_equal(book->leads[lead].sla.paused_us, 12 * US_PER_HOUR); /* 4 h of Thursday, 8 h of Friday */
        same_instant(book->leads[lead].sla.due_us, "2026-03-09T14:00:00+01:00");
        fire(book, lead, "2026-03-09T10:00:00+01:00", "owner");
        /* one working day after Thursday 10:00, then 12 h: Friday 10:00-17:00 and 5 h of Monday */
        fire(book, lead, "2026-03-09T14:00:00+01:00", "owner, head");
        fire(book, lead, "2026-03-10T14:00:00+01:00", "owner, head");
        shut(book);
}

static void snooze__working_days__the_days_come_first(void **state) {
        (void) state;
        uint64_t lead;
        Book *book = open_snooze(sla_days, &lead);
        same_instant(book->leads[lead].sla.next_due_us, "2026-03-06T10:00:00+01:00");
        sleeps(book, lead, "1wd"); /* to Friday 10:00: 8 h */
        assert_int_equal(book->leads[lead].sla.paused_us, 8 * US_PER_HOUR);
        same_instant(book->leads[lead].sla.due_us, "2026-03-09T10:00:00+01:00");
        fire(book, lead, "2026-03-09T10:00:00+01:00", "owner");
        fire(book, lead, "2026-03-10T10:00:00+01:00", "owner, head");
        /* A repeat is put off, too: what was left until it is left. */
        book->now_us = at("2026-03-10T16:00:00+01:00"); /* 2 h left to the one of Wednesday 10:00 */
        sleeps(book, lead, "2026-03-11T12:00:00+01:00");
        fire(book, lead, "2026-03-11T14:00:00+01:00", "owner, head");
        fire(book, lead, "2026-03-12T14:00:00+01:00", "owner, head");
        shut(book);
}

static void snooze__wall_clock__is_plain_time(void **state) {
        (void) state;
        uint64_t lead;
        Book *book = open_snooze(sla_wall, &lead);
        sleeps(book, lead, "2d");
        same_instant(book->leads[lead].sla.due_us, "2026-03-07T18:00:00+01:00");
        fire(book, lead, "2026-03-07T14:00:00+01:00", "owner");
        snooze(book, lead, "rep:a", "1wd", "x");
        assert_true(book->decision.refused);
        assert_non_null(strstr(book->decision.refusal_text, "\"1wd\" is no time to snooze until"));
        shut(book);
}

static void snooze__beyond_what_is_allowed__is_refused_with_the_latest_instant(void **state) {
        (void) state;
        uint64_t lead;
        Book *book = open_snooze(sla_hours, &lead); /* 16 h in all */
        snooze(book, lead, "rep:a", "2026-03-12", "x");
        assert_string_equal(book->decision.refusal_code, "snooze_too_long");
        /* Thursday 10-17, Friday 9-17, Monday 9-10 */
        assert_string_equal(
                book->decision.refusal_text, "the SLA ANSWER allows a snooze of 16h in all: until 2026-03-09T10:00:00+01:00 at the latest");
        assert_int_equal(book->leads[lead].sla.paused_us, 0);
        assert_int_equal(book->leads[lead].version, 1);
        sleeps(book, lead, "2026-03-09T09:00:00+01:00"); /* 15 h of it */
        book->now_us = at("2026-03-09T09:30:00+01:00");
        snooze(book, lead, "rep:a", "2026-03-09T11:00:00+01:00", "x");
        assert_non_null(strstr(book->decision.refusal_text, "until 2026-03-09T10:30:00+01:00 at the latest"));
        sleeps(book, lead, "2026-03-09T10:30:00+01:00");
        assert_int_equal(book->leads[lead].sla.paused_us, 16 * US_PER_HOUR);
        book->now_us = at("2026-03-09T10:45:00+01:00");
        snooze(book, lead, "rep:a", "2026-03-09T10:46:00+01:00", "x");
        assert_string_equal(book->decision.refusal_text, "the lead has been snoozed for as long as the SLA ANSWER allows (16h)");
        shut(book);
}

static void snooze__again_before_it_is_over__takes_its_place(void **state) {
        (void) state;
        uint64_t lead;
        Book *book = open_snooze(sla_hours, &lead);
        sleeps(book, lead, "2026-03-09T09:00:00+01:00");
        assert_int_equal(book->leads[lead].sla.paused_us, 15 * US_PER_HOUR);
        book->now_us = at("2026-03-05T12:00:00+01:00"); /* 2 h have passed */
        sleeps(book, lead, "2026-03-05T15:00:00+01:00");
        assert_int_equal(book->leads[lead].sla.paused_us, 5 * US_PER_HOUR);
        /* 4 h were left at 10:00 */
        fire(book, lead, "2026-03-06T11:00:00+01:00", "owner");
        shut(book);
}

static void snooze__past_the_due_instant__breaks_no_promise_after_the_fact(void **state) {
        (void) state;
        uint64_t lead;
        Book *book = open_snooze(sla_hours, &lead);
        fire(book, lead, "2026-03-05T14:00:00+01:00", "owner");
        book->now_us = at("2026-03-06T10:30:00+01:00"); /* due at 10:00, and so was the second step, which has not been fired yet */
        sleeps(book, lead, "2026-03-06T17:00:00+01:00");
        same_instant(book->leads[lead].sla.due_us, "2026-03-06T10:00:00+01:00");
        assert_true(book->leads[lead].sla.next_due_us >= at("2026-03-06T17:00:00+01:00"));
        shut(book);
}

static void snooze__until_saturday__reminds_on_monday_not_at_closing_time_on_friday(void **state) {
        (void) state;
        uint64_t lead;
        Book *book = open_snooze(sla_hours, &lead);
        book->now_us = at("2026-03-05T14:00:00+01:00"); /* the reminder is due at this very instant and was not fired yet */
        sleeps(book, lead, "2026-03-07");
        fire(book, lead, "2026-03-09T09:00:00+01:00", "owner");
        shut(book);
}

static void snooze__each_check__refuses_with_its_code_and_changes_nothing(void **state) {
        (void) state;
        static const struct {
                const char *sla, *actor, *until, *reason, *code, *text;
        } cases[] = {
                { sla_hours, "rep:nobody", "2h", "x", "not_allowed", "a lead is snoozed by its owner (a) or the head of the team, h" },
                { sla_hours, "integration:crm", "2h", "x", "not_allowed", "integration:crm is not" },
                { sla_hours, "rep:a", "2h", NULL, "reason_required", "a snooze needs a reason" },
                { sla_hours, "rep:a", NULL, "x", "bad_record", "a snooze needs an end" },
                { sla_hours, "rep:a", "soon", "x", "bad_record", "\"soon\" is no time to snooze until: write a date (2026-03-12)" },
                { sla_hours, "rep:a", "2026-03-05T09:59:59+01:00", "x", "bad_record", "2026-03-05T09:59:59+01:00 is past" },
                { sla_hours, "rep:a", "2026-03-05", "x", "bad_record", "2026-03-05T00:00:00+01:00 is past" },
                { sla_hours, "rep:a", "0d", "x", "bad_record", "is past" },
                { sla_none, "rep:a", "2h", "x", "no_snooze", "the SLA ANSWER allows no snooze" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                uint64_t lead;
                Book *book = open_snooze(cases[i].sla, &lead);
                SlaState before = book->leads[lead].sla;
                snooze(book, lead, cases[i].actor, cases[i].until, cases[i].reason);
                assert_true(book->decision.refused);
                assert_string_equal(book->decision.refusal_code, cases[i].code);
                if (!strstr(book->decision.refusal_text, cases[i].text)) {
                        print_error("case %zu: %s\n", i, book->decision.refusal_text);
                        fail();
                }
                assert_memory_equal(&book->leads[lead].sla, &before, sizeof before);
                shut(book);
        }
        uint64_t lead;
        Book *book = open_snooze(sla_hours, &lead);
        person(book, lead, "outcome.accept", "rep:a", NULL, NULL);
        snooze(book, lead, "rep:a", "2h", "x");
        assert_string_equal(book->decision.refusal_code, "no_timer");
        shut(book);
}

static void snooze__by_the_head__and_gone_with_another_owner(void **state) {
        (void) state;
        uint64_t lead;
        Book *book = open_snooze(sla_hours, &lead);
        snooze(book, lead, "rep:h", "2h", "x");
        assert_false(book->decision.refused);
        Record *record = make_record(book, "outcome.assign", FAMILY_OUTCOME);
        set(book, record, FIELD_OUTCOME_OWNER, "h");
        (void) judge(book, lead, record, "rep:h");
        assert_false(book->decision.refused);
        assert_int_equal(book->leads[lead].sla.snoozed_until_us, TIME_NONE);
        assert_int_equal(book->leads[lead].sla.paused_us, 0);
        same_instant(book->leads[lead].sla.next_due_us, "2026-03-05T14:00:00+01:00");
        shut(book);
}

/* A reload changes a running timer only where the rule says so. */
static void reload__shorter_sla__holds_for_running_timers_with_retime_alone(void **state) {
        (void) state;
        static const char shorter[] =
                "sla \"ANSWER\" { status = \"mql\", within = \"4h\", clock = \"owner\", max_snooze = \"16h\", retime = %s,\n"
                "  steps = { { at = \"2h\", remind = { \"owner\" } }, { at = \"1wd\", every = \"1wd\", remind = { \"owner\", \"head\" } } "
                "} }\n";
        for (int with = 0; with < 2; with++) {
                uint64_t lead;
                Book *book = open_snooze(sla_hours, &lead), *other = malloc(sizeof *other);
                char text[512];
                (void) snprintf(text, sizeof text, shorter, with ? "true" : "false");
                open_rules(other, rules, text, NULL);
                keep_texts(book);
                policy_free(book->rules);
                book->rules = TAKE(other->rules);
                shut(other);
                book->now_us += US_PER_HOUR;
                look(book, lead);
                same_instant(book->leads[lead].sla.start_us, "2026-03-05T10:00:00+01:00");
                same_instant(book->leads[lead].sla.due_us, with ? "2026-03-05T14:00:00+01:00" : "2026-03-06T10:00:00+01:00");
                fire(book, lead, with ? "2026-03-05T12:00:00+01:00" : "2026-03-05T14:00:00+01:00", "owner");
                shut(book);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(snooze__hours__what_was_left_is_left_afterwards),
                cmocka_unit_test(snooze__working_days__the_days_come_first),
                cmocka_unit_test(snooze__wall_clock__is_plain_time),
                cmocka_unit_test(snooze__beyond_what_is_allowed__is_refused_with_the_latest_instant),
                cmocka_unit_test(snooze__again_before_it_is_over__takes_its_place),
                cmocka_unit_test(snooze__past_the_due_instant__breaks_no_promise_after_the_fact),
                cmocka_unit_test(snooze__until_saturday__reminds_on_monday_not_at_closing_time_on_friday),
                cmocka_unit_test(snooze__each_check__refuses_with_its_code_and_changes_nothing),
                cmocka_unit_test(snooze__by_the_head__and_gone_with_another_owner),
                cmocka_unit_test(reload__shorter_sla__holds_for_running_timers_with_retime_alone),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
