/* SPDX-License-Identifier: MIT */
/*
 * What reports count from: moves, hand-offs that ended, feedback and leads, as scans say them, and that a replay says the same.
 */
#include "test_person_fixture.h"

#include <sqlite3.h>

/* ---- scans as text ---- */

/* Since the beginning, in minutes. */
static long minutes(int64_t us) { return us == TIME_NONE ? -1 : (long) ((us - NOW_US) / US_PER_MINUTE); }
static const char *dash(const char *text) { return text ? text : "-"; }

static int on_transition(const ScanTransition *row, void *userdata) {
        text_printf(userdata, "%s%llu L-%llu %ld %s: %s > %s by %s, of %s, after %ld%s\n", row->follows ? "  " : "",
                (unsigned long long) row->event, (unsigned long long) row->lead, minutes(row->at_us), row->move, row->from, row->to,
                row->by, dash(row->owner), (long) (row->spent_us / US_PER_MINUTE), row->test ? ", test" : "");
        return 0;
}

static int on_handoff(const ScanHandoff *row, void *userdata) {
        static const char *const responses[] = { "no promise", "in time", "kept", "broken" };
        Text *text = userdata;
        text_printf(text, "%llu L-%llu %s: %s of %s by %s, %ld to %ld, %s due %ld %s, worked %ld, %s, from event %llu:",
                (unsigned long long) row->event, (unsigned long long) row->lead, decide_handoff_name(row->how), dash(row->owner),
                dash(row->team), dash(row->route), minutes(row->offered_us), minutes(row->ended_us), dash(row->sla), minutes(row->due_us),
                responses[row->response], row->working_us == TIME_NONE ? -1 : (long) (row->working_us / US_PER_MINUTE), dash(row->reason),
                (unsigned long long) row->offered_event);
        for (size_t i = 0; i < row->n_scores; i++)
                text_printf(text, " %s", row->scores[i]);
        text_printf(text, "%s%s\n", row->test ? " test" : "", row->is_old ? " old" : "");
        return 0;
}

static int on_lead(const ScanLead *lead, void *userdata) {
        Text *text = userdata;
        text_printf(text, "L-%llu %s of %s since %ld%s from %s in %s, %s, %s due %ld", (unsigned long long) lead->id, lead->status,
                dash(lead->owner), minutes(lead->offered_us), lead->unaccepted ? " unaccepted" : "", dash(lead->came_from),
                dash(lead->campaign), dash(lead->consents), dash(lead->sla), minutes(lead->due_us));
        if (lead->recycle_reason)
                text_printf(text, ", rests for %s", lead->recycle_reason);
        text_printf(text, "%s%s", lead->test ? ", test" : "", lead->erased ? ", erased" : "");
        if (lead->merged)
                text_printf(text, ", now L-%llu", (unsigned long long) lead->survivor);
        text_append_char(text, '\n');
        return 0;
}

static int on_feedback(const ScanFeedback *row, void *userdata) {
        Text *text = userdata;
        text_printf(text, "%llu L-%llu %s for %s by %s, of %s%s:", (unsigned long long) row->event, (unsigned long long) row->lead,
                row->move, row->reason, dash(row->by), dash(row->owner), row->accepted ? " accepted" : "");
        for (size_t i = 0; i < row->n_scores; i++)
                text_printf(text, " %s", row->scores[i]);
        text_append_char(text, '\n');
        return 0;
}

static void same_lines(int r, Text *text, const char *want) {
        assert_int_equal(r, 0);
        if (strcmp(text->data ? text->data : "", want) != 0)
                fail_msg("got\n%swant\n%s", text->data ? text->data : "", want);
        text_free(text);
}

static void same_transitions(Fixture *f, const char *want) {
        Text text = { 0 };
        same_lines(store_scan_transitions(f->book.store, TIME_NONE, TIME_NONE, on_transition, &text), &text, want);
}

static int on_end(const ScanHandoff *row, void *userdata) {
        Text *text = userdata;
        text_printf(text, "%llu L-%llu %s of %s at %lld%s%s\n", (unsigned long long) row->event, (unsigned long long) row->lead,
                decide_handoff_name(row->how), dash(row->owner), (long long) row->ended_us, row->test ? " test" : "",
                row->is_old ? " old" : "");
        return 0;
}

static void same_handoffs(Fixture *f, const char *want) {
        _cleanup_(text_free) Text whole = { 0 };
        Text text = { 0 };
        assert_int_equal(store_scan_handoffs(f->book.store, TIME_NONE, TIME_NONE, on_end, &whole), 0);
        same_lines(store_scan_handoff_ends(f->book.store, TIME_NONE, TIME_NONE, on_end, &text), &text, whole.data ? whole.data : "");
        same_lines(store_scan_handoffs(f->book.store, TIME_NONE, TIME_NONE, on_handoff, &text), &text, want);
}

static void same_leads(Fixture *f, const char *want) {
        Text text = { 0 };
        same_lines(store_scan_leads(f->book.store, 0, SCAN_SLA | SCAN_HELD | SCAN_RECYCLE, on_lead, &text), &text, want);
}

static void tick(Fixture *f, uint64_t lead) {
        GateOutcome outcome;
        assert_null(try(f, "timer.step", lead, FIELD_NONE, (Value){ 0 }, "system:leadd", &outcome));
}

/* ---- hand-offs ---- */

static void handoff__that_ends__says_how_when_and_under_which_promise(_unused_ void **state) {
        Fixture f;
        GateOutcome outcome;
        start(&f);
        uint64_t a = happens(&f, "lead.submitted", "a@a.example", "attribution.form_name=demo;person.seniority=director");
        uint64_t b = happens(&f, "lead.submitted", "b@b.example", "attribution.form_name=demo");
        uint64_t c = happens(&f, "lead.submitted", "c@c.example", "attribution.form_name=demo");
        uint64_t d = happens(&f, "lead.submitted", "d@d.example", "attribution.form_name=demo");
        same_handoffs(&f, "");
        assert_null(moves(&f, "accept", a, NULL, "a"));
        assert_null(moves(&f, "reject", b, "no_budget", "b"));
        assert_null(try(&f, "outcome.assign", c, FIELD_OUTCOME_OWNER, value_text("b"), "rep:c", &outcome));
        f.now_us += 4 * US_PER_HOUR;
        tick(&f, d); /* the reminder was missed */
        tick(&f, d);
        same_handoffs(&f, "6 L-1 accepted: a of desk by ALL, 1 to 5, ANSWER due 241 in time, worked 4, -, from event 2: SENIOR\n"
                          "7 L-2 returned: b of desk by ALL, 2 to 6, ANSWER due 242 in time, worked 4, no_budget, from event 3:\n"
                          "8 L-3 left: a of desk by ALL, 3 to 7, ANSWER due 243 in time, worked 4, -, from event 4:\n"
                          "9 L-4 expired: b of desk by ALL, 4 to 248, ANSWER due 244 broken, worked 244, late, from event 5:\n");
        same_transitions(&f, "2 L-1 1 qualify: inquiry > offered by rules, of -, after 0\n"
                             "3 L-2 2 qualify: inquiry > offered by rules, of -, after 0\n"
                             "4 L-3 3 qualify: inquiry > offered by rules, of -, after 0\n"
                             "5 L-4 4 qualify: inquiry > offered by rules, of -, after 0\n"
                             "6 L-1 5 accept: offered > working by rep:a, of a, after 4\n"
                             "7 L-2 6 reject: offered > nurture by rep:b, of b, after 4\n"
                             "8 L-3 7 assign: offered > offered by rep:c, of a, after 0\n"
                             "9 L-4 248 reject: offered > nurture by sla:ANSWER, of b, after 244\n");
        same_leads(&f, "L-1 working of a since 1 from web in -, -, - due -1\n"
                       "L-2 nurture of - since -1 from web in -, -, - due -1, rests for no_budget\n"
                       "L-3 offered of b since 7 from web in -, -, ANSWER due 247\n"
                       "L-4 nurture of - since -1 from web in -, -, - due -1\n");
        Text text = { 0 };
        same_lines(store_scan_feedback(f.book.store, TIME_NONE, TIME_NONE, on_feedback, &text), &text,
                "7 L-2 reject for no_budget by rep:b, of b:\n"
                "9 L-4 reject for late by sla:ANSWER, of b:\n");
        end(&f);
}

static void handoff__of_a_lead_that_is_merged_or_erased__ends_and_another_begins_when_it_comes_back(_unused_ void **state) {
        Fixture f;
        GateOutcome outcome;
        start(&f);
        uint64_t a = happens(&f, "lead.submitted", "a@a.example", "attribution.form_name=demo;attribution.source=google;consent.mail=true");
        uint64_t b = happens(&f, "lead.submitted", "b@b.example", "attribution.campaign=spring;consent.call=false");
        uint64_t c = happens(&f, "lead.submitted", "c@c.example", "attribution.form_name=demo;attribution.campaign=maria@c.example");
        same_leads(&f, "L-1 offered of a since 1 unaccepted from google in -, mail+, ANSWER due 241\n"
                       "L-2 inquiry of - since -1 from web in spring, call-, - due -1\n"
                       "L-3 offered of b since 3 unaccepted from web in maria@c.example, -, ANSWER due 243\n");
        assert_null(merge(&f, a, b));
        same_leads(&f, "L-1 offered of - since -1 from google in -, mail+, - due -1, now L-2\n"
                       "L-2 offered of a since 4 unaccepted from google in -, call- mail+, ANSWER due 244\n"
                       "L-3 offered of b since 3 unaccepted from web in maria@c.example, -, ANSWER due 243\n");
        assert_null(unmerge(&f, a, b));
        same_leads(&f, "L-1 offered of a since 5 unaccepted from google in -, mail+, ANSWER due 245\n"
                       "L-2 offered of a since 4 unaccepted from web in spring, call-, ANSWER due 244\n"
                       "L-3 offered of b since 3 unaccepted from web in maria@c.example, -, ANSWER due 243\n");
        assert_null(moves(&f, "accept", a, NULL, "a"));
        assert_null(try(&f, "lead.erased", c, FIELD_NONE, (Value){ 0 }, "system:root", &outcome));
        same_leads(&f, "L-1 working of a since 5 from google in -, mail+, - due -1\n"
                       "L-2 offered of a since 4 unaccepted from web in spring, call-, ANSWER due 244\n"
                       "L-3 offered of - since -1 from - in -, -, - due -1, erased\n");
        same_handoffs(&f, "5 L-1 left: a of desk by ALL, 1 to 4, ANSWER due 241 in time, worked 3, -, from event 2:\n"
                          "9 L-1 accepted: a of desk by unmerge, 5 to 6, ANSWER due 245 in time, worked 1, -, from event 7:\n"
                          "10 L-3 left: b of desk by ALL, 3 to 7, ANSWER due 243 in time, worked 4, -, from event 4:\n");
        end(&f);
}

/* ---- leads ---- */

static void first_touch__is_the_oldest_record_from_outside__whenever_it_is_told(_unused_ void **state) {
        Fixture f;
        start(&f);
        uint64_t a = happens(&f, "activity.page_viewed", "a@a.example", "attribution.source=mail");
        Record *record = make(&f, "lead.submitted", "a@a.example", "attribution.source=google;attribution.campaign=spring;test=true");
        record->time_us -= US_PER_HOUR;
        assert_int_equal(gate_take(&f.book, record, 0, f.now_us).lead, a);
        record_free(record);
        record = make(&f, "lead.submitted", "a@a.example", "attribution.source=late");
        record->time_us -= US_PER_MINUTE;
        assert_int_equal(gate_take(&f.book, record, 0, f.now_us).lead, a);
        record_free(record);
        record = make(&f, "consent.granted", "b@b.example", "consent.mail=true;consent.call=false");
        record->source = "forms/contact";
        (void) gate_take(&f.book, record, 0, f.now_us);
        record_free(record);
        same_leads(&f, "L-1 inquiry of - since -1 from google in spring, -, - due -1, test\n"
                       "L-2 inquiry of - since -1 from forms in -, call- mail+, - due -1\n");
        end(&f);
}

/* ---- scans ---- */

typedef struct Names {
        const char *owner, *status;
        unsigned n, n_same;
} Names;

static int on_lead_name(const ScanLead *lead, void *userdata) {
        Names *names = userdata;
        names->n++;
        if (lead->owner && base_streq(lead->owner, "a")) {
                names->owner = lead->owner;
                names->status = lead->status;
        }
        return 0;
}

static int on_transition_name(const ScanTransition *row, void *userdata) {
        Names *names = userdata;
        names->n_same += row->to == names->status;
        return 0;
}

static int on_handoff_name(const ScanHandoff *row, void *userdata) {
        Names *names = userdata;
        names->n_same += row->owner == names->owner;
        return 7;
}

static int count_transition(const ScanTransition *row _unused_, void *userdata) {
        ++*(unsigned *) userdata;
        return 0;
}

static unsigned n_between(Store *store, int64_t since_us, int64_t until_us) {
        unsigned n = 0;
        assert_int_equal(store_scan_transitions(store, since_us, until_us, count_transition, &n), 0);
        return n;
}

static void scans__of_a_reader__say_the_same_name_by_the_same_pointer_and_stop_when_asked(_unused_ void **state) {
        Fixture f;
        Store *reader = NULL;
        Names names = { 0 };
        start(&f);
        for (unsigned i = 0; i < 20; i++) {
                char email[32];
                (void) snprintf(email, sizeof(email), "p%u@x%u.example", i, i);
                uint64_t lead = happens(&f, "lead.submitted", email, "attribution.form_name=demo");
                if (i % 3 == 0)
                        assert_null(moves(&f, "accept", lead, NULL, look(&f, lead).state.owner));
        }
        assert_int_equal(store_open(f.path, STORE_READ_ONLY, &reader), 0);
        assert_int_equal(store_scan_leads(reader, 0, SCAN_SLA, on_lead_name, &names), 0);
        assert_int_equal(names.n, 20);
        assert_non_null(names.owner);
        assert_int_equal(store_scan_transitions(reader, TIME_NONE, TIME_NONE, on_transition_name, &names), 0);
        assert_true(names.n_same > 3);
        names.n_same = 0;
        assert_int_equal(store_scan_handoffs(reader, TIME_NONE, TIME_NONE, on_handoff_name, &names), 7);
        assert_true(names.n_same <= 1);
        names.n = 0;
        assert_int_equal(store_scan_leads(reader, 18, 0, on_lead_name, &names), 0);
        assert_int_equal(names.n, 3);

        /* Each move is at an instant of its own: any bounds part them in three. */
        unsigned n_all = n_between(reader, TIME_NONE, TIME_NONE);
        assert_int_equal(n_all, 27);
        for (int64_t since_us = NOW_US - US_PER_MINUTE; since_us < f.now_us + 2 * US_PER_MINUTE; since_us += US_PER_MINUTE)
                for (int64_t until_us = since_us; until_us < f.now_us + 2 * US_PER_MINUTE; until_us += 3 * US_PER_MINUTE)
                        assert_int_equal(n_between(reader, TIME_NONE, since_us) + n_between(reader, since_us, until_us) +
                                                 n_between(reader, until_us, TIME_NONE),
                                n_all);
        assert_int_equal(n_between(reader, f.now_us, TIME_NONE), 1);
        reader = store_close(reader);
        end(&f);
}

/* ---- an older book ---- */

/* What the program of version 6 wrote: of four leads the first was accepted and called, the second given back, the third handed to somebody
 * else, the fourth nobody answered. L-5 was offered and merged into L-6. L-7 was erased while it was offered. L-8 was heard of again, of
 * the time before. L-9 was merged into L-10 and is by itself again, accepted and closed. L-11 is a test, L-12 waits for its owner, L-13 was
 * given back and then erased. */
static void start_older(Fixture *f) {
        static char text[65536];
        char *error = NULL;
        sqlite3 *db = NULL;
        FILE *file = fopen("tests/data/store/version-6.sql", "re");
        if (!file)
                fail_msg("cannot read tests/data/store/version-6.sql from here");
        size_t size = fread(text, 1, sizeof(text) - 1, file);
        assert_true(feof(file));
        fclose(file);
        text[size] = '\0';
        start(f);
        gate_close_book(&f->book);
        (void) unlink(f->path);
        assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
        if (sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK)
                fail_msg("version-6.sql: %s", error);
        sqlite3_close(db);
        f->now_us = NOW_US + US_PER_DAY;
        f->n = 1000;
        gate_open_book(&f->book, f->path, f->rules, f->now_us);
}

static void older_book__that_is_brought_up_to_date__says_what_its_log_says(_unused_ void **state) {
        Fixture f;
        Text text = { 0 };
        start_older(&f);
        same_transitions(&f, "2 L-1 1 qualify: inquiry > offered by rules, of -, after 0\n"
                             "3 L-2 2 qualify: inquiry > offered by rules, of -, after 0\n"
                             "4 L-3 3 qualify: inquiry > offered by rules, of -, after 0\n"
                             "5 L-4 4 qualify: inquiry > offered by rules, of -, after 0\n"
                             "6 L-1 5 accept: offered > working by rep:a, of a, after 4\n"
                             "7 L-2 6 reject: offered > nurture by rep:b, of b, after 4\n"
                             "8 L-3 7 assign: offered > offered by rep:c, of a, after 0\n"
                             "10 L-4 249 reject: offered > nurture by sla:ANSWER, of b, after 245\n"
                             "12 L-5 251 qualify: inquiry > offered by rules, of -, after 0\n"
                             "15 L-6 253 qualify: inquiry > offered by rules, of -, after 1\n"
                             "16 L-7 254 qualify: inquiry > offered by rules, of -, after 0\n"
                             "20 L-9 258 qualify: inquiry > offered by rules, of -, after 0\n"
                             "23 L-10 260 qualify: inquiry > offered by rules, of -, after 1\n"
                             "26 L-9 262 accept: offered > working by rep:b, of b, after 4\n"
                             "27 L-9 263 close: working > closed by rep:a, of b, after 1\n"
                             "28 L-11 264 qualify: inquiry > offered by rules, of -, after 0, test\n"
                             "29 L-12 265 qualify: inquiry > offered by rules, of -, after 0\n"
                             "30 L-13 266 qualify: inquiry > offered by rules, of -, after 0\n"
                             "31 L-13 267 reject: offered > nurture by rep:a, of a, after 1\n");
        same_handoffs(&f,
                "6 L-1 accepted: a of desk by ALL, 1 to 5, ANSWER due -1 no promise, worked -1, -, from event 2: SENIOR old\n"
                "7 L-2 returned: b of desk by ALL, 2 to 6, ANSWER due -1 no promise, worked -1, no_budget, from event 3: SENIOR old\n"
                "8 L-3 left: a of desk by ALL, 3 to 7, ANSWER due -1 no promise, worked -1, -, from event 4: old\n"
                "10 L-4 expired: b of desk by ALL, 4 to 249, ANSWER due -1 no promise, worked -1, late, from event 5: old\n"
                "14 L-5 left: a of desk by ALL, 251 to 253, ANSWER due -1 no promise, worked -1, -, from event 12: old\n"
                "17 L-7 left: a of desk by ALL, 254 to 255, ANSWER due -1 no promise, worked -1, -, from event 16: old\n"
                "22 L-9 left: b of desk by ALL, 258 to 260, ANSWER due -1 no promise, worked -1, -, from event 20: old\n"
                "26 L-9 accepted: b of desk by unmerge, 261 to 262, ANSWER due -1 no promise, worked -1, -, from event 24: old\n"
                "31 L-13 returned: a of desk by ALL, 266 to 267, ANSWER due -1 no promise, worked -1, no_budget, from event 30: old\n");
        same_leads(&f, "L-1 working of a since 1 from google in spring, mail+, - due -1\n"
                       "L-2 nurture of - since -1 from web in -, -, - due -1, rests for no_budget\n"
                       "L-3 offered of b since 7 from web in -, -, ANSWER due 247\n"
                       "L-4 nurture of - since -1 from web in -, call+ mail-, - due -1\n"
                       "L-5 offered of - since -1 from fair in -, -, - due -1, now L-6\n"
                       "L-6 offered of b since 253 unaccepted from fair in -, -, ANSWER due 493\n"
                       "L-7 offered of - since -1 from - in -, -, - due -1, erased\n"
                       "L-8 inquiry of - since -1 from early in ida@i.example, -, - due -1\n"
                       "L-9 closed of - since -1 from web in -, -, - due -1\n"
                       "L-10 offered of a since 260 unaccepted from own in -, -, ANSWER due 500\n"
                       "L-11 offered of - since -1 from web in -, -, - due -1, test\n"
                       "L-12 offered of b since 265 unaccepted from web in -, -, ANSWER due 505\n"
                       "L-13 nurture of - since -1 from - in -, -, - due -1, erased\n");
        /* Who had them last is the former owner; nobody is where somebody has it now, it was merged away, or erased. */
        static const char *const former[] = { NULL, NULL, "b", NULL, "b", NULL, NULL, NULL, NULL, "b", NULL, NULL, NULL, NULL };
        for (uint64_t lead = 1; lead < ARRAY_SIZE(former); lead++) {
                const char *owner = look(&f, lead).state.returned.owner;
                if (strcmp(owner ? owner : "-", former[lead] ? former[lead] : "-") != 0)
                        fail_msg("L-%d was last of %s", (int) lead, owner ? owner : "-");
        }
        same_lines(store_scan_feedback(f.book.store, TIME_NONE, TIME_NONE, on_feedback, &text), &text,
                "7 L-2 reject for no_budget by rep:b, of b: SENIOR\n"
                "10 L-4 reject for late by sla:ANSWER, of b:\n"
                "31 L-13 reject for no_budget by rep:a, of a:\n");
        end(&f);
}

static void older_book__that_goes_on__ends_its_open_offers_like_any_other(_unused_ void **state) {
        Fixture f;
        GateOutcome outcome;
        start_older(&f);
        assert_null(moves(&f, "accept", 12, NULL, look(&f, 12).state.owner));
        assert_null(unmerge(&f, 5, 6));
        assert_null(moves(&f, "reject", 1, "late", "a"));
        assert_null(try(&f, "lead.erased", 8, FIELD_NONE, (Value){ 0 }, "system:root", &outcome));
        assert_null(try(&f, "lead.erased", 12, FIELD_NONE, (Value){ 0 }, "system:root", &outcome));
        same_handoffs(&f,
                "6 L-1 accepted: a of desk by ALL, 1 to 5, ANSWER due -1 no promise, worked -1, -, from event 2: SENIOR old\n"
                "7 L-2 returned: b of desk by ALL, 2 to 6, ANSWER due -1 no promise, worked -1, no_budget, from event 3: SENIOR old\n"
                "8 L-3 left: a of desk by ALL, 3 to 7, ANSWER due -1 no promise, worked -1, -, from event 4: old\n"
                "10 L-4 expired: b of desk by ALL, 4 to 249, ANSWER due -1 no promise, worked -1, late, from event 5: old\n"
                "14 L-5 left: a of desk by ALL, 251 to 253, ANSWER due -1 no promise, worked -1, -, from event 12: old\n"
                "17 L-7 left: a of desk by ALL, 254 to 255, ANSWER due -1 no promise, worked -1, -, from event 16: old\n"
                "22 L-9 left: b of desk by ALL, 258 to 260, ANSWER due -1 no promise, worked -1, -, from event 20: old\n"
                "26 L-9 accepted: b of desk by unmerge, 261 to 262, ANSWER due -1 no promise, worked -1, -, from event 24: old\n"
                "31 L-13 returned: a of desk by ALL, 266 to 267, ANSWER due -1 no promise, worked -1, no_budget, from event 30: old\n"
                "34 L-12 accepted: b of desk by ALL, 265 to 1441, ANSWER due 505 broken, worked 1176, -, from event 29:\n");
        same_leads(&f, "L-1 nurture of - since -1 from google in spring, mail+, - due -1\n"
                       "L-2 nurture of - since -1 from web in -, -, - due -1, rests for no_budget\n"
                       "L-3 offered of b since 7 from web in -, -, ANSWER due 247\n"
                       "L-4 nurture of - since -1 from web in -, call+ mail-, - due -1\n"
                       "L-5 offered of a since 1442 unaccepted from fair in -, -, ANSWER due 1682\n"
                       "L-6 offered of b since 253 unaccepted from web in autumn, -, ANSWER due 493\n"
                       "L-7 offered of - since -1 from - in -, -, - due -1, erased\n"
                       "L-8 inquiry of - since -1 from - in -, -, - due -1, erased\n"
                       "L-9 closed of - since -1 from web in -, -, - due -1\n"
                       "L-10 offered of a since 260 unaccepted from own in -, -, ANSWER due 500\n"
                       "L-11 offered of - since -1 from web in -, -, - due -1, test\n"
                       "L-12 working of - since -1 from - in -, -, - due -1, erased\n"
                       "L-13 nurture of - since -1 from - in -, -, - due -1, erased\n");
        end(&f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(handoff__that_ends__says_how_when_and_under_which_promise),
                cmocka_unit_test(handoff__of_a_lead_that_is_merged_or_erased__ends_and_another_begins_when_it_comes_back),
                cmocka_unit_test(first_touch__is_the_oldest_record_from_outside__whenever_it_is_told),
                cmocka_unit_test(scans__of_a_reader__say_the_same_name_by_the_same_pointer_and_stop_when_asked),
                cmocka_unit_test(older_book__that_is_brought_up_to_date__says_what_its_log_says),
                cmocka_unit_test(older_book__that_goes_on__ends_its_open_offers_like_any_other),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
