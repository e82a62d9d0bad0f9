/* SPDX-License-Identifier: MIT */
/*
 * Tests of promises kept and broken: rolling responses (vectors.md H5), answers told late, a first call, and the version of its SLA that a
 * running timer keeps. Berlin, Mon-Fri 09:00-17:00; the lead comes on Thursday 2026-03-05 at 10:00.
 */
#include "test_decide_book.h"

static const char base[] =
        "settings \"site\" { zone = \"Europe/Berlin\", ops = \"ops@example.com\" }\n"
        "calendar \"berlin\" { zone = \"Europe/Berlin\", open = { mon_fri = \"09:00-17:00\" } }\n"
        "calendar \"early\" { zone = \"Europe/Berlin\", open = { mon_fri = \"06:00-14:00\" } }\n"
        "team \"marketing\" {}\n"
        "team \"desk\" { calendar = \"berlin\", head = \"h\", members = { a = {}, b = { calendar = \"early\" }, h = { weight = 0 } } }\n"
        "status \"inquiry\" { team = \"marketing\", kind = \"open\", initial = true, meaning = \"i\" }\n"
        "status \"talk\" { team = \"desk\", kind = \"sla\", meaning = \"t\" }\n"
        "status \"rest\" { team = \"desk\", kind = \"open\", meaning = \"r\" }\n"
        "status \"closed\" { team = \"marketing\", kind = \"final\", meaning = \"c\" }\n"
        "move \"raise\" { from = \"inquiry\", to = \"talk\", by = \"rules\" }\n"
        "move \"pause\" { from = \"talk\", to = \"rest\", by = \"owner\" }\n"
        "move \"resume\" { from = \"rest\", to = \"talk\", by = \"owner\" }\n"
        "move \"finish\" { from = { \"talk\", \"rest\" }, to = \"closed\", by = \"owner\" }\n"
        "route \"ALL\" { team = \"desk\" }\n";
static const char rolling[] =
        "sla \"REPLY\" { status = \"talk\", within = \"4h\", clock = \"owner\", roll_on = did{ type = \"email_received\" },\n"
        "  stop = did{ type = \"email_replied\", since = \"move\" },\n"
        "  steps = { { at = \"4h\", remind = \"owner\" }, { at = \"6h\", reassign = true }, { at = \"8h\", every = \"1wd\", remind = "
        "\"head\" } } }\n";

typedef struct Talk {
        Book *book;
        uint64_t lead;
        LeadState *state;
} Talk;

static int64_t at(const char *text) {
        int64_t us;

        assert_int_equal(time_parse_rfc3339(text, strlen(text), &us), 0);
        return us;
}

static Talk begin(const char *sla) {
        Talk talk = { .book = malloc(sizeof *talk.book) };

        assert_non_null(talk.book);
        open_rules(talk.book, base, sla, NULL);
        Record *record = make_record(talk.book, "lead.submitted", FAMILY_LEAD);
        set(talk.book, record, FIELD_PERSON_EMAIL, "p@example.com");
        talk.lead = judge(talk.book, 0, record, "integration:web");
        talk.state = &talk.book->leads[talk.lead];
        assert_string_equal(talk.state->owner, "a");
        return talk;
}

static void end(Talk *talk) {
        close_book(talk->book);
        free(talk->book);
}

/* An activity that happened at `when` and is told at `told` (NULL: at once). Timers that fall due before are fired on the way. */
static void does(Talk *talk, const char *type, const char *when, const char *told) {
        Book *book = talk->book;
        int64_t told_us = at(told ? told : when);

        while (talk->state->wake_us != TIME_NONE && talk->state->wake_us <= told_us) {
                if (talk->state->wake_us > book->now_us)
                        book->now_us = talk->state->wake_us;
                (void) judge(book, talk->lead, make_record(book, "timer.step", FAMILY_TIMER), "system:leadd");
        }
        book->now_us = told_us;
        if (!type)
                return;
        Record *record = make_record(book, type, FAMILY_ACTIVITY);
        record->time_us = at(when);
        (void) judge(book, talk->lead, record, "integration:mail");
}

static void waits_until(Talk *talk, const char *when) { does(talk, NULL, when, NULL); }

/* due NULL: no clock runs. */
static void stands(Talk *talk, const char *response, unsigned n_in_time, unsigned n_late, const char *due) {
        const LeadState *state = talk->state;
        char got[TIME_TEXT_SIZE], want[TIME_TEXT_SIZE];
        const char *name = decide_response_name(decide_response(state, talk->book->now_us));

        assert_string_equal(name ? name : "none", response);
        assert_int_equal(state->response.n_in_time, n_in_time);
        assert_int_equal(state->response.n_late, n_late);
        if (!due) {
                assert_null(state->sla.rule);
                return;
        }
        assert_non_null(state->sla.rule);
        assert_string_equal(time_format_rfc3339(state->sla.due_us, got), time_format_rfc3339(at(due), want));
}

static void H5__the_prospects_message_moves_the_deadline__the_owners_answer_never_does(void **state) {
        (void) state;
        /* Without a stop an answer is only something that happened. */
        Talk talk = begin("sla \"REPLY\" { status = \"talk\", within = \"4h\", roll_on = did{ type = \"email_received\" },\n"
                          "  steps = { { at = \"4h\", every = \"4h\", remind = \"owner\" } } }\n");
        stands(&talk, "due", 0, 0, "2026-03-05T14:00:00+01:00");
        does(&talk, "activity.email_replied", "2026-03-05T11:00:00+01:00", NULL);
        does(&talk, "activity.call_made", "2026-03-05T11:30:00+01:00", NULL);
        stands(&talk, "due", 0, 0, "2026-03-05T14:00:00+01:00");
        does(&talk, "activity.email_received", "2026-03-05T12:00:00+01:00", NULL);
        stands(&talk, "due", 0, 0, "2026-03-05T16:00:00+01:00");
        does(&talk, "activity.email_replied", "2026-03-05T12:30:00+01:00", NULL);
        stands(&talk, "due", 0, 0, "2026-03-05T16:00:00+01:00");
        does(&talk, "activity.email_received", "2026-03-05T15:00:00+01:00", NULL);
        stands(&talk, "due", 0, 0, "2026-03-06T11:00:00+01:00");
        /* One that was written before the last and arrives after it is no newer message. */
        does(&talk, "activity.email_received", "2026-03-05T14:00:00+01:00", "2026-03-05T16:00:00+01:00");
        stands(&talk, "due", 0, 0, "2026-03-06T11:00:00+01:00");
        end(&talk);
}

static void H5__an_answer_in_time_fulfils__a_late_one_fails_for_good(void **state) {
        (void) state;
        Talk talk = begin(rolling);
        stands(&talk, "due", 0, 0, "2026-03-05T14:00:00+01:00");
        does(&talk, "activity.email_replied", "2026-03-05T11:00:00+01:00", NULL);
        assert_string_equal(talk.book->decision.summary, "REPLY is met");
        stands(&talk, "fulfilled", 1, 0, NULL);

        /* Asked again, an answer is owed again: fulfilled outranks due, and the clock is there all the same. */
        does(&talk, "activity.email_received", "2026-03-05T12:00:00+01:00", NULL);
        stands(&talk, "fulfilled", 1, 0, "2026-03-05T16:00:00+01:00");
        does(&talk, "activity.email_replied", "2026-03-05T16:00:00+01:00", NULL); /* the last instant is in time */
        stands(&talk, "fulfilled", 2, 0, NULL);

        /* The third is late: failed, and no later answer makes it good. */
        does(&talk, "activity.email_received", "2026-03-06T09:00:00+01:00", NULL);
        waits_until(&talk, "2026-03-06T13:00:00+01:00");
        stands(&talk, "fulfilled", 2, 0, "2026-03-06T13:00:00+01:00");
        waits_until(&talk, "2026-03-06T13:00:01+01:00");
        stands(&talk, "failed", 2, 0, "2026-03-06T13:00:00+01:00"); /* silence is a broken promise before anybody answers */
        does(&talk, "activity.email_replied", "2026-03-06T13:30:00+01:00", NULL);
        assert_string_equal(talk.book->decision.summary, "REPLY is met, too late");
        stands(&talk, "failed", 2, 1, NULL);
        does(&talk, "activity.email_received", "2026-03-06T14:00:00+01:00", NULL);
        stands(&talk, "failed", 2, 1, "2026-03-09T10:00:00+01:00");
        does(&talk, "activity.email_replied", "2026-03-06T14:10:00+01:00", NULL);
        stands(&talk, "failed", 3, 1, NULL);

        /* Another stay in the status is another promise. */
        person(talk.book, talk.lead, "outcome.pause", "rep:a", NULL, NULL);
        stands(&talk, "none", 0, 0, NULL);
        person(talk.book, talk.lead, "outcome.resume", "rep:a", NULL, NULL);
        stands(&talk, "due", 0, 0, "2026-03-09T10:10:00+01:00");
        end(&talk);
}

static void rolling__a_message_after_the_due__leaves_a_broken_promise(void **state) {
        (void) state;
        Talk talk = begin(rolling);
        does(&talk, "activity.email_received", "2026-03-05T14:30:00+01:00", NULL);
        stands(&talk, "failed", 0, 1, "2026-03-06T10:30:00+01:00");
        end(&talk);
}

static void rolling__passed_on__the_next_owner_still_owes_the_answer(void **state) {
        (void) state;
        Talk talk = begin(rolling);
        does(&talk, "activity.email_replied", "2026-03-05T11:00:00+01:00", NULL);
        does(&talk, "activity.email_received", "2026-03-06T09:00:00+01:00", NULL);
        waits_until(&talk, "2026-03-06T15:00:00+01:00"); /* six hours: the second step passes it on */
        assert_string_equal(talk.state->owner, "b");
        stands(&talk, "failed", 1, 1, "2026-03-09T10:00:00+01:00"); /* four hours from six on Monday, by b's calendar */
        does(&talk, "activity.email_replied", "2026-03-09T09:00:00+01:00", NULL);
        stands(&talk, "failed", 2, 1, NULL);
        end(&talk);
}

static void answer__told_late__counts_by_its_own_time(void **state) {
        (void) state;
        Talk talk = begin(rolling);
        does(&talk, "activity.email_replied", "2026-03-05T13:00:00+01:00", "2026-03-05T14:30:00+01:00");
        stands(&talk, "fulfilled", 1, 0, NULL);
        /* An answer that is known before the message it answers: nothing is owed. */
        does(&talk, "activity.email_replied", "2026-03-05T15:30:00+01:00", NULL);
        does(&talk, "activity.email_received", "2026-03-05T15:00:00+01:00", "2026-03-05T16:00:00+01:00");
        stands(&talk, "fulfilled", 1, 0, NULL);
        /* And one that is older than the message answers nothing. */
        does(&talk, "activity.email_received", "2026-03-06T09:00:00+01:00", NULL);
        does(&talk, "activity.email_replied", "2026-03-06T08:00:00+01:00", "2026-03-06T10:00:00+01:00");
        stands(&talk, "fulfilled", 1, 0, "2026-03-06T13:00:00+01:00");
        end(&talk);
}

static void first_call__stopped_by_a_logged_activity__once(void **state) {
        (void) state;
        Talk talk =
                begin("sla \"FIRST_CALL\" { status = \"talk\", within = \"1wd\", stop = did{ type = \"call_made\", since = \"move\" },\n"
                      "  steps = { { at = \"4h\", every = \"1wd\", remind = \"owner\" } } }\n");
        stands(&talk, "due", 0, 0, "2026-03-06T10:00:00+01:00");
        does(&talk, "activity.page_viewed", "2026-03-05T11:00:00+01:00", NULL);
        stands(&talk, "due", 0, 0, "2026-03-06T10:00:00+01:00");
        does(&talk, "activity.call_made", "2026-03-05T12:00:00+01:00", NULL);
        stands(&talk, "fulfilled", 1, 0, NULL);
        does(&talk, "activity.call_made", "2026-03-09T12:00:00+01:00", NULL);
        stands(&talk, "fulfilled", 1, 0, NULL);
        end(&talk);
}

/* ---- versions ---- */

/* The same book under other rules, as a reload leaves it. */
static void reload_rules(Talk *talk, const char *sla, const char *more) {
        Book *book = talk->book, *other = malloc(sizeof *other);

        assert_non_null(other);
        open_rules(other, base, sla, more);
        keep_texts(book);
        policy_free(book->rules);
        book->rules = TAKE(other->rules);
        close_book(other);
        free(other);
}

/* Fires what is due next: when, and who is reminded. */
static void fires(Talk *talk, const char *when, const char *roles) {
        Book *book = talk->book;
        char got[TIME_TEXT_SIZE], want[TIME_TEXT_SIZE];

        assert_string_equal(time_format_rfc3339(talk->state->wake_us, got), time_format_rfc3339(at(when), want));
        book->now_us = talk->state->wake_us;
        (void) judge(book, talk->lead, make_record(book, "timer.step", FAMILY_TIMER), "system:leadd");
        assert_string_equal(book->decision.reminded_roles ? book->decision.reminded_roles : "nobody", roles);
}

#define OLD_SLA(retime) \
        "sla \"ANSWER\" { status = \"talk\", within = \"3h\", clock = \"owner\", max_snooze = \"8h\"" retime ",\n" \
        "  steps = { { at = \"1h\", remind = \"owner\" }, { at = \"3h\", remind = { \"owner\", \"head\" } }, { at = \"1wd\", every = " \
        "\"1wd\", remind = { \"head\", \"ops\" } } } }\n"
#define NEW_SLA(retime) \
        "sla \"ANSWER\" { status = \"talk\", within = \"30m\", clock = \"wall\"" retime ",\n" \
        "  steps = { { at = \"10m\", remind = \"head\" }, { at = \"2h\", every = \"30m\", remind = \"ops\" } } }\n"

static void version__a_running_timer_keeps_all_of_it__and_a_new_one_has_the_new(void **state) {
        (void) state;
        Talk talk = begin(OLD_SLA(""));
        reload_rules(&talk, NEW_SLA(""), NULL);
        fires(&talk, "2026-03-05T11:00:00+01:00", "owner");
        stands(&talk, "due", 0, 0, "2026-03-05T13:00:00+01:00");
        reload_rules(&talk, NEW_SLA(""), "principle \"P\" { \"Again.\" }\n");
        fires(&talk, "2026-03-05T13:00:00+01:00", "owner, head");
        /* Snoozed, by what was allowed then, in the clock of then. */
        Record *record = make_record(talk.book, "outcome.snooze", FAMILY_OUTCOME);
        set(talk.book, record, FIELD_OUTCOME_NOT_BEFORE, "4h");
        set(talk.book, record, FIELD_OUTCOME_REASON, "r");
        (void) judge(talk.book, talk.lead, record, "rep:a");
        assert_false(talk.book->decision.refused);
        fires(&talk, "2026-03-06T14:00:00+01:00", "head, ops"); /* Friday ten, and four hours of the pause */
        fires(&talk, "2026-03-09T14:00:00+01:00", "head, ops");
        /* Another stay, another timer: as the rules are now. */
        person(talk.book, talk.lead, "outcome.pause", "rep:a", NULL, NULL);
        person(talk.book, talk.lead, "outcome.resume", "rep:a", NULL, NULL);
        fires(&talk, "2026-03-09T14:10:00+01:00", "head");
        fires(&talk, "2026-03-09T16:00:00+01:00", "ops");
        fires(&talk, "2026-03-09T16:30:00+01:00", "ops");
        end(&talk);
}

static void version__with_retime__a_running_timer_follows(void **state) {
        (void) state;
        Talk talk = begin(OLD_SLA(""));
        reload_rules(&talk, NEW_SLA(", retime = true"), NULL);
        talk.book->now_us += 5 * US_PER_MINUTE;
        look(talk.book, talk.lead);
        stands(&talk, "due", 0, 0, "2026-03-05T10:30:00+01:00");
        fires(&talk, "2026-03-05T10:10:00+01:00", "head");
        fires(&talk, "2026-03-05T12:00:00+01:00", "ops");
        fires(&talk, "2026-03-05T12:30:00+01:00", "ops");
        end(&talk);
}

static void version__that_names_what_is_no_more__is_as_the_rules_are(void **state) {
        (void) state;
        static const char moving[] =
                "sla \"ANSWER\" { status = \"talk\", within = \"3h\", clock = \"early\",\n"
                "  steps = { { at = \"1h\", remind = { \"owner\", \"b\" } }, { at = \"3h\", move = \"give_up\" } } }\n";
        static const char give_up[] = "move \"give_up\" { from = \"talk\", to = \"closed\", by = \"desk\" }\n";
        Book *book = malloc(sizeof *book);
        assert_non_null(book);
        open_rules(book, base, moving, give_up);
        Talk talk = { .book = book };
        Record *record = make_record(book, "lead.submitted", FAMILY_LEAD);
        set(book, record, FIELD_PERSON_EMAIL, "p@example.com");
        talk.lead = judge(book, 0, record, "integration:web");
        talk.state = &book->leads[talk.lead];
        reload_rules(&talk, NEW_SLA(""), give_up);
        fires(&talk, "2026-03-05T11:00:00+01:00", "owner, b");
        reload_rules(&talk, NEW_SLA(""), NULL); /* the move is gone: without it the old one would end in silence */
        fires(&talk, "2026-03-05T13:00:00+01:00", "ops");
        fires(&talk, "2026-03-05T13:30:00+01:00", "ops");
        end(&talk);
}

static void version__of_any_sla__reads_back_as_it_was(void **state) {
        (void) state;
        static const char all[] =
                "channel \"log\" { via = \"journal\" }\nmessage \"m\" { channel = \"log\", subject = \"s\", body = \"b\" }\n"
                "reason \"late\" { to = \"closed\" }\nmove \"expire\" { from = \"talk\", by = \"desk\", reasons = { \"late\" } }\n"
                "sla \"X\" { status = \"talk\", within = \"90s\", clock = \"early\", max_snooze = \"3wd\", steps = {\n"
                "  { at = \"1s\", remind = { \"owner\", \"head\", \"ops\", \"a\" }, message = \"m\" }, { at = \"2d\", reassign = true, "
                "remind = \"b\" },\n"
                "  { at = \"3wd\", move = \"expire\", reason = \"late\" } } }\n";
        Book *book = malloc(sizeof *book);
        assert_non_null(book);
        open_rules(book, base, all, NULL);
        const Sla *sla = policy_sla(book->rules, "X"), *same, *read;
        assert_string_equal(sla->version,
                "{\"within\":90000000,\"clock\":\"calendar\",\"calendar\":\"early\",\"max_snooze\":\"3wd\",\"steps\":["
                "{\"at\":1000000,\"remind\":[\"owner\",\"head\",\"ops\",\"a\"],\"message\":\"m\"},"
                "{\"at\":172800000000,\"remind\":[\"b\"],\"reassign\":true},{\"at\":\"3wd\",\"move\":\"expire\",\"reason\":\"late\"}]}");
        assert_int_equal(policy_sla_of_version(book->rules, sla, sla->version, book->arena, &same), 0);
        assert_ptr_equal(same, sla);
        assert_int_equal(policy_sla_of_version(book->rules, sla, NULL, book->arena, &same), 0);
        assert_ptr_equal(same, sla);
        /* A space more, so that it is read. */
        assert_int_equal(policy_sla_of_version(book->rules, sla, arena_printf(book->arena, " %s", sla->version), book->arena, &read), 0);
        assert_ptr_not_equal(read, sla);
        assert_int_equal(read->within.us, sla->within.us);
        assert_int_equal(read->max_snooze.workdays, 3);
        assert_int_equal(read->clock, CLOCK_CALENDAR);
        assert_ptr_equal(read->calendar, sla->calendar);
        assert_int_equal(read->n_steps, 3);
        for (size_t i = 0; i < 3; i++) {
                const SlaStep *got = &read->steps[i], *want = &sla->steps[i];
                assert_int_equal(got->at.us, want->at.us);
                assert_int_equal(got->at.workdays, want->at.workdays);
                assert_int_equal(got->reassign, want->reassign);
                assert_ptr_equal(got->move, want->move);
                assert_ptr_equal(got->reason, want->reason);
                assert_ptr_equal(got->message, want->message);
                assert_int_equal(got->n_remind, want->n_remind);
                for (size_t j = 0; j < want->n_remind; j++)
                        assert_string_equal(got->remind[j], want->remind[j]);
        }
        /* What no version of ours says is no version. */
        static const char *const broken[] = { "", "{", "[]", "{}", "{\"within\":1,\"clock\":\"owner\",\"steps\":[]}",
                "{\"within\":\"x\",\"clock\":\"owner\",\"steps\":[{\"at\":1}]}",
                "{\"within\":1,\"clock\":\"calendar\",\"steps\":[{\"at\":1}]}",
                "{\"within\":1,\"clock\":\"owner\",\"steps\":[{\"at\":1,\"move\":\"nope\"}]}",
                "{\"within\":1,\"clock\":\"owner\",\"steps\":[{\"at\":1,\"move\":\"expire\"}]}" };
        for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
                assert_int_equal(policy_sla_of_version(book->rules, sla, broken[i], book->arena, &read), 0);
                assert_ptr_equal(read, sla);
        }
        close_book(book);
        free(book);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(H5__the_prospects_message_moves_the_deadline__the_owners_answer_never_does),
                cmocka_unit_test(H5__an_answer_in_time_fulfils__a_late_one_fails_for_good),
                cmocka_unit_test(rolling__a_message_after_the_due__leaves_a_broken_promise),
                cmocka_unit_test(rolling__passed_on__the_next_owner_still_owes_the_answer),
                cmocka_unit_test(answer__told_late__counts_by_its_own_time),
                cmocka_unit_test(first_call__stopped_by_a_logged_activity__once),
                cmocka_unit_test(version__a_running_timer_keeps_all_of_it__and_a_new_one_has_the_new),
                cmocka_unit_test(version__with_retime__a_running_timer_follows),
                cmocka_unit_test(version__that_names_what_is_no_more__is_as_the_rules_are),
                cmocka_unit_test(version__of_any_sla__reads_back_as_it_was),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
