/* SPDX-License-Identifier: MIT */
/*
 * Tests of tracks: who enters, leaves, stays and is woken, when steps are due, what is sent; and, over random histories, that no step is
 * taken twice, and that nobody is written to whom marketing may not contact or who has not agreed.
 */
#include "test_decide_book.h"

#include "leadd/followup.h"
#include "leadd/plans.h"

static const char base[] =
        "settings \"site\" { zone = \"Europe/Berlin\", ops = \"ops@example.com\" }\n"
        "calendar \"berlin\" { zone = \"Europe/Berlin\", open = { mon_fri = \"09:00-17:00\" } }\n"
        "calendar \"short\" { zone = \"Europe/Berlin\", open = { mon_fri = \"10:00-12:00\" } }\n"
        "team \"marketing\" { }\n"
        "status \"inquiry\" { team = \"marketing\", kind = \"open\", initial = true, marketing_may_contact = true, meaning = \"i\" }\n"
        "status \"mql\" { team = \"desk\", kind = \"open\", meaning = \"m\" }\n"
        "status \"nurture\" { team = \"marketing\", kind = \"open\", marketing_may_contact = true, meaning = \"n\" }\n"
        "status \"customer\" { team = \"desk\", kind = \"final\", marketing_may_contact = true, meaning = \"c\" }\n"
        "status \"closed\" { team = \"marketing\", kind = \"final\", meaning = \"c\" }\n"
        "move \"hand_raise\" { from = { \"inquiry\", \"nurture\" }, to = \"mql\", by = \"rules\", when = { did{ type = \"form_submitted\", "
        "name = \"demo\", since = \"move\" } } }\n"
        "move \"give_back\" { from = \"mql\", to = \"nurture\", by = \"owner\" }\n"
        "move \"warm\" { from = \"nurture\", to = \"nurture\", by = \"marketing\", doc = \"somebody called\" }\n"
        "move \"start\" { from = { \"inquiry\" }, to = \"nurture\", by = \"marketing\" }\n"
        "move \"win\" { from = \"mql\", to = \"customer\", by = \"owner\" }\n"
        "move \"close\" { from = { \"mql\", \"nurture\", \"inquiry\" }, to = \"closed\", by = \"marketing\" }\n"
        "route \"ALL\" { team = \"desk\" }\n"
        "channel \"mail\" { via = \"smtp\", target = \"127.0.0.1:25\", from = \"news@example.com\" }\n"
        "channel \"gentle\" { via = \"smtp\", target = \"127.0.0.1:25\", from = \"news@example.com\", quiet = \"recipient\" }\n"
        "channel \"out\" { via = \"drop\" }\n"
        "message \"one\" { channel = \"mail\", to = \"lead\", subject = \"One for ${lead.person.name}\", body = \"1\" }\n"
        "message \"two\" { channel = \"mail\", to = \"lead\", subject = \"Two\", body = \"2\" }\n"
        "message \"soft\" { channel = \"gentle\", to = \"lead\", subject = \"Soft\", body = \"s\" }\n"
        "message \"drop\" { channel = \"out\", to = \"lead\", subject = \"D\", body = \"d\" }\n";
static const char team[] = "team \"desk\" { calendar = \"berlin\", members = { a = { email = \"a@desk.example\" } } }\n";

static const char renurture[] =
        "track \"re-nurture\" { enter = { status = \"nurture\" }, leave = { [\"person.title\"] = \"rival\" },\n"
        "  wake_on = did{ type = \"page_viewed\" }, steps = { { wait = \"0d\", send = \"one\" }, { wait = \"14d\", send = \"two\" } } }\n"
        "track \"hello\" { enter = { status = \"inquiry\" }, needs_consent = false, steps = { { wait = \"1d\", send = \"one\" } } }\n";

static int64_t at(const char *text) {
        int64_t us;

        assert_int_equal(time_parse_rfc3339(text, strlen(text), &us), 0);
        return us;
}

static Book *open_with(const char *more) {
        Book *book = malloc(sizeof *book);

        assert_non_null(book);
        open_rules(book, base, team, more);
        return book;
}

static void done(Book *book) {
        close_book(book);
        free(book);
}

static Record *consenting(Book *book, const char *type, RecordFamily family, bool given) {
        Record *record = make_record(book, type, family);

        assert_int_equal(facts_set(&record->facts, book->arena, FIELD_CONSENT, "marketing", value_bool(given), record->time_us), 0);
        return record;
}

/* A lead that agreed to be written to. */
static uint64_t new_lead(Book *book, const char *email) {
        Record *record = consenting(book, "lead.submitted", FAMILY_LEAD, true);

        if (email)
                set(book, record, FIELD_PERSON_EMAIL, email);
        return judge(book, 0, record, "integration:web");
}

static void activity(Book *book, uint64_t lead, const char *type) {
        (void) judge(book, lead, make_record(book, type, FAMILY_ACTIVITY), "integration:web");
}

/* Fires what is due, as the daemon would. */
static void fire(Book *book, uint64_t lead) {
        static const uint8_t secret[DIGEST_SIZE] = { 1 };
        Record *record;

        assert_int_equal(followup_record(&book->leads[lead], book->leads[lead].wake_us, book->now_us, secret, &record), 0);
        (void) judge(book, lead, record, "system:leadd");
        /* Its texts are in the decision's facts no longer than this. */
        book->decision.summary = book->decision.summary ? arena_strdup(book->arena, book->decision.summary) : NULL;
        record_free(record);
}

/* Lets time pass up to and including that instant. */
static void pass(Book *book, uint64_t lead, int64_t until_us) {
        for (size_t i = 0; book->leads[lead].wake_us != TIME_NONE && book->leads[lead].wake_us <= until_us; i++) {
                assert_true(i < 1000);
                if (book->leads[lead].wake_us > book->now_us)
                        book->now_us = book->leads[lead].wake_us;
                fire(book, lead);
        }
        book->now_us = until_us > book->now_us ? until_us : book->now_us;
}

static const char *sent(const Book *book) {
        for (size_t i = 0; i < book->decision.n_effects; i++)
                if (book->decision.effects[i].kind == EFFECT_SENT)
                        return book->decision.effects[i].message;
        return "";
}

static void says(const Book *book, const char *part) {
        if (!book->decision.summary || !strstr(book->decision.summary, part))
                fail_msg("summary: got \"%s\", want \"%s\" in it", book->decision.summary ? book->decision.summary : "", part);
}

static void is_in(const Book *book, uint64_t lead, const char *track) {
        const TrackState *state = &book->leads[lead].track;

        assert_string_equal(state->name && !state->ended ? state->name : "", track);
}

static void due_at(const Book *book, uint64_t lead, const char *want) {
        char got[TIME_TEXT_SIZE], text[TIME_TEXT_SIZE];

        assert_string_equal(time_format_rfc3339(book->leads[lead].track.next_due_us, got), time_format_rfc3339(at(want), text));
}

/* ---- in and out ---- */

static void lead__goes_through_a_track__one_step_after_the_other(void **state) {
        (void) state;
        Book *book = open_with(renurture);
        uint64_t lead = new_lead(book, "p@firm.invalid");

        is_in(book, lead, "hello");
        says(book, "entered track hello");
        assert_int_equal(book->leads[lead].wake_us, book->now_us + US_PER_DAY);
        person(book, lead, "outcome.start", "team:marketing", NULL, NULL);
        is_in(book, lead, "re-nurture");
        says(book, "left track hello: enter no longer holds; entered track re-nurture");
        assert_int_equal(book->leads[lead].wake_us, book->now_us);

        uint64_t entered = book->leads[lead].track.event;
        fire(book, lead);
        assert_string_equal(sent(book), "one");
        const Effect *effect = &book->decision.effects[0];
        assert_string_equal(effect->address, "p@firm.invalid");
        assert_string_equal(effect->rule, "re-nurture");
        assert_int_equal(effect->step, 0);
        says(book, "re-nurture step 1: sent one");
        due_at(book, lead, "2026-03-19T10:00:00+01:00");
        pass(book, lead, at("2026-03-19T10:00:00+01:00"));
        assert_string_equal(sent(book), "two");
        says(book, "re-nurture has no step left");
        assert_int_equal(book->leads[lead].track.event, entered);
        is_in(book, lead, "re-nurture"); /* it has gone through it, and does not begin anew */
        pass(book, lead, book->now_us + 300 * US_PER_DAY);
        assert_int_equal(book->leads[lead].track.event, entered);
        done(book);
}

static void track__is_left__as_soon_as_the_lead_may_not_be_in_it(void **state) {
        (void) state;
        enum { BY_MOVE, BY_LEAVE, BY_REFUSAL, BY_SALES, N_WAYS };
        static const char *const want[N_WAYS] = { "left track re-nurture: in closed marketing may not contact it",
                "left track re-nurture: leave holds", "left track re-nurture: consent.marketing is withdrawn",
                "left track re-nurture: in mql marketing may not contact it" };
        for (int way = 0; way < N_WAYS; way++) {
                Book *book = open_with(renurture);
                uint64_t lead = new_lead(book, "p@firm.invalid");
                person(book, lead, "outcome.start", "team:marketing", NULL, NULL);
                fire(book, lead);
                book->now_us += US_PER_DAY;
                Record *record = make_record(book, way == BY_SALES ? "lead.submitted" : "lead.updated", FAMILY_LEAD);
                if (way == BY_LEAVE)
                        set(book, record, FIELD_PERSON_TITLE, "rival");
                if (way == BY_SALES)
                        set(book, record, FIELD_ATTRIBUTION_FORM_NAME, "demo");
                if (way == BY_MOVE)
                        person(book, lead, "outcome.close", "team:marketing", NULL, NULL);
                else if (way == BY_REFUSAL)
                        (void) judge(book, lead, consenting(book, "consent.withdrawn", FAMILY_CONSENT, false), "integration:web");
                else
                        (void) judge(book, lead, record, "integration:web");
                is_in(book, lead, "");
                says(book, want[way]);
                assert_null(book->leads[lead].track.name);
                pass(book, lead, book->now_us + 30 * US_PER_DAY);
                assert_string_equal(sent(book), "");
                done(book);
        }
}

static void consent__missing_or_refused__keeps_out_of_a_track_that_needs_it(void **state) {
        (void) state;
        static const struct {
                const char *needs;
                int said; /* -1 = nothing */
                const char *track;
        } cases[] = { { "", 1, "t" }, { "", -1, "" }, { "", 0, "" }, { "needs_consent = false,", 1, "t" },
                { "needs_consent = false,", -1, "t" }, { "needs_consent = false,", 0, "" }, { "purpose = \"news\",", 1, "" },
                { "purpose = \"news\", needs_consent = false,", 0, "t" } };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char rule[256];
                (void) snprintf(rule, sizeof rule,
                        "track \"t\" { enter = { status = \"inquiry\" }, %s steps = { { wait = \"1d\", send = \"one\" } } }\n",
                        cases[i].needs);
                Book *book = open_with(rule);
                Record *record = cases[i].said < 0 ? make_record(book, "lead.submitted", FAMILY_LEAD)
                                                   : consenting(book, "lead.submitted", FAMILY_LEAD, cases[i].said);
                set(book, record, FIELD_PERSON_EMAIL, "p@firm.invalid");
                uint64_t lead = judge(book, 0, record, "integration:web");
                is_in(book, lead, cases[i].track);
                done(book);
        }
}

static void test_lead__and_one_in_sales_hands__are_in_no_track(void **state) {
        (void) state;
        Book *book = open_with("track \"t\" { enter = { age = ge(\"0d\") }, steps = { { wait = \"1d\", send = \"one\" } } }\n");
        Record *record = consenting(book, "lead.submitted", FAMILY_LEAD, true);
        set(book, record, FIELD_PERSON_EMAIL, "t@firm.invalid");
        assert_int_equal(facts_set(&record->facts, book->arena, FIELD_TEST, NULL, value_bool(true), record->time_us), 0);
        is_in(book, judge(book, 0, record, "integration:web"), "");
        record = consenting(book, "lead.submitted", FAMILY_LEAD, true);
        set(book, record, FIELD_PERSON_EMAIL, "s@firm.invalid");
        set(book, record, FIELD_ATTRIBUTION_FORM_NAME, "demo");
        uint64_t lead = judge(book, 0, record, "integration:web");
        assert_string_equal(book->leads[lead].status, "mql");
        is_in(book, lead, "");
        person(book, lead, "outcome.win", "rep:a", NULL, NULL);
        is_in(book, lead, "t"); /* a customer may be written to */
        assert_int_equal(book->leads[lead].wake_us, book->now_us + US_PER_DAY);
        done(book);
}

static void signal__ends_the_track_at_once__until_the_lead_moves_or_enter_was_false(void **state) {
        (void) state;
        Book *book = open_with(renurture);
        uint64_t lead = new_lead(book, "p@firm.invalid");
        person(book, lead, "outcome.start", "team:marketing", NULL, NULL);
        fire(book, lead);
        uint64_t entered = book->leads[lead].track.event;

        /* Older than the track: it came late, and wakes nobody. */
        Record *late = make_record(book, "activity.page_viewed", FAMILY_ACTIVITY);
        late->time_us -= US_PER_HOUR;
        (void) judge(book, lead, late, "integration:web");
        is_in(book, lead, "re-nurture");

        book->now_us += US_PER_DAY;
        activity(book, lead, "activity.page_viewed");
        is_in(book, lead, "");
        says(book, "track re-nurture ended: woken by page_viewed");
        assert_true(book->leads[lead].track.ended);
        pass(book, lead, book->now_us + 100 * US_PER_DAY);
        assert_string_equal(sent(book), "");
        activity(book, lead, "activity.other");
        is_in(book, lead, "");

        /* Somebody did something about it. */
        person(book, lead, "outcome.warm", "team:marketing", NULL, NULL);
        is_in(book, lead, "re-nurture");
        assert_true(book->leads[lead].track.event > entered);
        activity(book, lead, "activity.page_viewed");
        is_in(book, lead, "");
        done(book);

        book = open_with("track \"t\" { enter = { [\"person.title\"] = \"x\" }, wake_on = did{ type = \"page_viewed\" },\n"
                         "  steps = { { wait = \"1d\", send = \"one\" } } }\n");
        lead = new_lead(book, "p@firm.invalid");
        static const struct { const char *title, *track; } said[] = { { "x", "t" }, { NULL, "" }, { "x", "" }, { "y", "" }, { "x", "t" } };
        for (size_t i = 0; i < ARRAY_SIZE(said); i++) {
                book->now_us += US_PER_HOUR;
                Record *record = make_record(
                        book, said[i].title ? "lead.updated" : "activity.page_viewed", said[i].title ? FAMILY_LEAD : FAMILY_ACTIVITY);
                if (said[i].title)
                        set(book, record, FIELD_PERSON_TITLE, said[i].title);
                (void) judge(book, lead, record, "integration:web");
                is_in(book, lead, said[i].track);
        }
        done(book);
}

static void customers__run_in_the_track_of_their_segment__and_change_with_it(void **state) {
        (void) state;
        Book *book =
                open_with("segment \"large\" { when = { [\"company.employees\"] = ge(1000) } }\n"
                          "segment \"quiet\" { when = { idle = ge(\"60d\") } }\n"
                          "track \"quiet\" { enter = { status = \"customer\", segment = \"quiet\" }, steps = { { wait = \"1d\", send = "
                          "\"two\" } } }\n"
                          "track \"large\" { enter = { status = \"customer\", segment = \"large\" }, steps = { { wait = \"30d\", send = "
                          "\"one\" } } }\n"
                          "track \"small\" { enter = { status = \"customer\", none{ { segment = \"large\" } } }, steps = { { wait = "
                          "\"30d\", send = \"one\" } } }\n");
        uint64_t lead = new_lead(book, "p@firm.invalid");
        Record *record = make_record(book, "lead.submitted", FAMILY_LEAD);
        set(book, record, FIELD_ATTRIBUTION_FORM_NAME, "demo");
        (void) judge(book, lead, record, "integration:web");
        person(book, lead, "outcome.win", "rep:a", NULL, NULL);
        is_in(book, lead, "small");
        book->now_us += US_PER_DAY;
        record = make_record(book, "company.updated", FAMILY_COMPANY);
        assert_int_equal(facts_set(&record->facts, book->arena, FIELD_COMPANY_EMPLOYEES, NULL, value_integer(2000), record->time_us), 0);
        (void) judge(book, lead, record, "integration:web");
        is_in(book, lead, "large");
        says(book, "left track small: enter no longer holds; entered track large; segments +large");
        /* Silence makes it quiet, and it keeps the track that still holds. */
        pass(book, lead, book->now_us + 70 * US_PER_DAY);
        is_in(book, lead, "large");
        done(book);
}

static void segment__that_comes_with_time__moves_a_customer_then(void **state) {
        (void) state;
        Book *book =
                open_with("segment \"quiet\" { when = { idle = ge(\"60d\") } }\n"
                          "track \"quiet\" { enter = { status = \"customer\", segment = \"quiet\" }, steps = { { wait = \"1d\", send = "
                          "\"two\" } } }\n");
        uint64_t lead = new_lead(book, "p@firm.invalid");
        Record *record = make_record(book, "lead.submitted", FAMILY_LEAD);
        set(book, record, FIELD_ATTRIBUTION_FORM_NAME, "demo");
        (void) judge(book, lead, record, "integration:web");
        person(book, lead, "outcome.win", "rep:a", NULL, NULL);
        is_in(book, lead, "");
        int64_t quiet_us = book->now_us + 60 * US_PER_DAY;
        pass(book, lead, quiet_us);
        is_in(book, lead, "quiet");
        assert_int_equal(book->leads[lead].track.since_us, quiet_us);
        done(book);
}

static void track__that_the_rules_lost__is_left(void **state) {
        (void) state;
        Book *book = open_with(renurture), *other = open_with("");
        uint64_t lead = new_lead(book, "p@firm.invalid");
        is_in(book, lead, "hello");
        keep_texts(book);
        book->leads[lead].track.name = arena_strdup(book->arena, book->leads[lead].track.name);
        RuleSet *rules = book->rules;
        book->rules = other->rules;
        other->rules = rules;
        activity(book, lead, "activity.other");
        is_in(book, lead, "");
        says(book, "left track hello: the rules no longer have it");
        assert_int_equal(book->leads[lead].wake_us, TIME_NONE);
        done(other);
        done(book);
}

/* ---- when ---- */

/* It is Thursday 10:00 in Berlin. */
static void waits__of_each_clock__pass_in_the_hours_it_says(void **state) {
        (void) state;
        static const struct {
                const char *from, *clock, *zone, *step, *due;
        } cases[] = {
                { "2026-03-05T10:00:00+01:00", "", NULL, "wait = \"14d\", send = \"one\"", "2026-03-19T10:00:00+01:00" },
                { "2026-03-05T10:00:00+01:00", "clock = \"berlin\",", NULL, "wait = \"4h\", send = \"one\"", "2026-03-05T14:00:00+01:00" },
                { "2026-03-05T10:00:00+01:00", "clock = \"short\",", NULL, "wait = \"4h\", send = \"one\"", "2026-03-06T12:00:00+01:00" },
                { "2026-03-05T10:00:00+01:00", "clock = \"short\",", NULL, "wait = \"3wd\", send = \"one\"", "2026-03-10T10:00:00+01:00" },
                /* where the person is: New York is at 04:00 */
                { "2026-03-05T10:00:00+01:00", "clock = \"person\",", "America/New_York", "wait = \"1h\", send = \"one\"",
                        "2026-03-05T10:00:00-05:00" },
                { "2026-03-05T10:00:00+01:00", "clock = \"person\", calendar = \"short\",", "America/New_York",
                        "wait = \"1h\", send = \"one\"", "2026-03-05T11:00:00-05:00" },
                { "2026-03-05T10:00:00+01:00", "clock = \"person\",", NULL, "wait = \"1h\", send = \"one\"", "2026-03-05T11:00:00+01:00" },
                { "2026-03-05T10:00:00+01:00", "clock = \"person\",", "Nowhere/At_All", "wait = \"1h\", send = \"one\"",
                        "2026-03-05T11:00:00+01:00" },
                { "2026-03-05T10:00:00+01:00", "clock = \"person\",", "Asia/Tokyo", "wait = \"1wd\", send = \"one\"",
                        "2026-03-09T09:00:00+09:00" }, /* it is 18:00 there: from Friday's opening on */
                /* a wait of nothing at night ends in the morning */
                { "2026-03-06T20:00:00+01:00", "clock = \"berlin\",", NULL, "wait = \"0d\", send = \"one\"", "2026-03-09T09:00:00+01:00" },
                { "2026-03-06T20:00:00+01:00", "", NULL, "wait = \"0d\", send = \"one\"", "2026-03-06T20:00:00+01:00" },
                /* a time of day */
                { "2026-03-05T10:00:00+01:00", "", NULL, "wait = \"0d\", at = \"08:30\", send = \"one\"", "2026-03-06T08:30:00+01:00" },
                { "2026-03-05T10:00:00+01:00", "", NULL, "wait = \"1d\", at = \"10:00\", send = \"one\"", "2026-03-06T10:00:00+01:00" },
                { "2026-03-06T16:00:00+01:00", "clock = \"berlin\",", NULL, "wait = \"0d\", at = \"11:00\", send = \"one\"",
                        "2026-03-09T11:00:00+01:00" },
                { "2026-03-27T12:00:00+01:00", "", NULL, "wait = \"2d\", at = \"08:30\", send = \"one\"", "2026-03-30T08:30:00+02:00" },
                { "2026-03-05T10:00:00+01:00", "clock = \"person\",", "America/New_York", "wait = \"1h\", at = \"11:30\", send = \"one\"",
                        "2026-03-05T11:30:00-05:00" },
                /* a quiet channel: office hours where the person is, whatever the clock */
                { "2026-03-06T20:00:00+01:00", "", NULL, "wait = \"0d\", send = \"soft\"", "2026-03-09T09:00:00+01:00" },
                { "2026-03-05T10:00:00+01:00", "", "America/New_York", "wait = \"1h\", send = \"soft\"", "2026-03-05T09:00:00-05:00" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char rule[512];
                (void) snprintf(rule, sizeof rule, "track \"t\" { enter = { status = \"inquiry\" }, %s steps = { { %s } } }\n",
                        cases[i].clock, cases[i].step);
                Book *book = open_with(rule);
                book->now_us = at(cases[i].from);
                Record *record = consenting(book, "lead.submitted", FAMILY_LEAD, true);
                set(book, record, FIELD_PERSON_EMAIL, "p@firm.invalid");
                if (cases[i].zone)
                        set(book, record, FIELD_PERSON_ZONEINFO, cases[i].zone);
                uint64_t lead = judge(book, 0, record, "integration:web");
                due_at(book, lead, cases[i].due);
                done(book);
        }
}

static void steps__missed_while_nobody_ran__are_late_once(void **state) {
        (void) state;
        Book *book =
                open_with("track \"t\" { enter = { status = \"inquiry\" }, steps = { { wait = \"1d\", send = \"one\" }, { wait = \"2d\", "
                          "send = \"two\" }, { wait = \"2d\", send = \"soft\" } } }\n");
        uint64_t lead = new_lead(book, "p@firm.invalid");
        book->now_us += 60 * US_PER_DAY + 11 * US_PER_HOUR; /* 21:00 of a Monday */
        fire(book, lead);
        assert_string_equal(sent(book), "one");
        assert_int_equal(book->leads[lead].track.next_due_us, book->now_us + 2 * US_PER_DAY);
        fire(book, lead); /* nothing is due any more */
        assert_string_equal(sent(book), "");
        pass(book, lead, book->now_us + 2 * US_PER_DAY);
        assert_string_equal(sent(book), "two");
        /* Late again: what is quiet waits for the morning. */
        int64_t late_us = book->leads[lead].track.next_due_us + 12 * US_PER_HOUR;
        book->now_us = late_us;
        fire(book, lead);
        assert_string_equal(sent(book), "soft");
        assert_true(book->decision.effects[0].not_before_us > late_us);
        done(book);
}

/* ---- what is sent ---- */

static void lead__without_an_address__passes_the_step_over_visibly(void **state) {
        (void) state;
        Book *book =
                open_with("track \"t\" { enter = { status = \"inquiry\" }, steps = { { wait = \"0d\", send = \"one\" }, { wait = \"1d\", "
                          "send = \"drop\" } } }\n");
        Record *record = consenting(book, "lead.submitted", FAMILY_LEAD, true);
        set(book, record, FIELD_PERSON_PHONE_NUMBER, "+493055501042");
        uint64_t lead = judge(book, 0, record, "integration:web");
        fire(book, lead);
        assert_string_equal(sent(book), "");
        says(book, "t step 1: one not sent, no e-mail address is known");
        assert_int_equal(book->leads[lead].track.next_step, 1);
        pass(book, lead, book->now_us + US_PER_DAY);
        assert_string_equal(sent(book), "drop"); /* a program may know another way */
        assert_non_null(strstr(book->decision.effects[0].body, "\"type\":\"org.leadd.sent\""));
        done(book);
}

static void address__is_that_of_the_moment__and_names_cannot_end_a_line(void **state) {
        (void) state;
        Book *book = open_with(renurture);
        uint64_t lead = new_lead(book, "old@firm.invalid");
        book->now_us += US_PER_HOUR;
        Record *record = make_record(book, "lead.updated", FAMILY_LEAD);
        set(book, record, FIELD_PERSON_EMAIL, "new@firm.invalid");
        set(book, record, FIELD_PERSON_NAME, "Eve\r\nBcc: all@firm.invalid\n\nhello");
        (void) judge(book, lead, record, "integration:web");
        pass(book, lead, book->now_us + US_PER_DAY);
        assert_string_equal(sent(book), "one");
        assert_string_equal(book->decision.effects[0].address, "new@firm.invalid");
        assert_string_equal(book->decision.effects[0].body, "One for Eve  Bcc: all@firm.invalid  hello\n\n1");
        done(book);
}

static void rep_who_gave_it_back__is_the_sender__while_still_one_of_us(void **state) {
        (void) state;
        static const struct {
                const char *how, *members, *from;
        } cases[] = { { "give_back", "a = { email = \"a@desk.invalid\" }", "a" }, { "give_back", "a = { }", "" },
                { "give_back", "a = { email = \"a@desk.invalid\", left = true }, b = { }", "" },
                { "quiet", "a = { email = \"a@desk.invalid\" }", "" } };
        static const char more[] = "message \"rep\" { channel = \"mail\", to = \"lead\", from = \"rep\", subject = \"R\", body = \"r\" }\n"
                                   "move \"quiet\" { from = \"mql\", to = \"nurture\", by = \"rules\", when = { idle = ge(\"1d\") } }\n"
                                   "track \"t\" { enter = { status = \"nurture\" }, steps = { { wait = \"5d\", send = \"rep\" } } }\n";
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char after[256];
                Book *book = open_with(more), *later = malloc(sizeof *later);
                uint64_t lead = new_lead(book, "p@firm.invalid");
                assert_non_null(later);
                Record *record = make_record(book, "lead.submitted", FAMILY_LEAD);
                set(book, record, FIELD_ATTRIBUTION_FORM_NAME, "demo");
                (void) judge(book, lead, record, "integration:web");
                if (base_streq(cases[i].how, "give_back"))
                        person(book, lead, "outcome.give_back", "rep:a", NULL, NULL);
                else
                        pass(book, lead, book->now_us + US_PER_DAY);
                is_in(book, lead, "t");
                /* The rules by which it is sent may know the rep no more. */
                (void) snprintf(after, sizeof after, "team \"desk\" { calendar = \"berlin\", members = { %s } }\n", cases[i].members);
                open_rules(later, base, after, more);
                keep_texts(book);
                RuleSet *rules = book->rules;
                book->rules = later->rules;
                later->rules = rules;
                pass(book, lead, book->now_us + 5 * US_PER_DAY);
                assert_string_equal(sent(book), "rep");
                const char *sender = book->decision.effects[0].sender;
                assert_string_equal(sender ? sender : "", cases[i].from);
                says(book, sender ? "t step 1: sent rep from a" : "t step 1: sent rep; t has no step left");
                rules = book->rules;
                book->rules = later->rules;
                later->rules = rules;
                done(later);
                done(book);
        }
}

static void condition__that_breaks__keeps_who_is_in_and_sends_nothing(void **state) {
        (void) state;
        Book *book =
                open_with("track \"t\" { enter = function(lead) if lead.person.title == \"x\" then error(\"no\") end return true end,\n"
                          "  steps = { { wait = \"1d\", send = \"one\" } } }\n");
        uint64_t lead = new_lead(book, "p@firm.invalid");
        is_in(book, lead, "t");
        Record *record = make_record(book, "lead.updated", FAMILY_LEAD);
        set(book, record, FIELD_PERSON_TITLE, "x");
        (void) judge(book, lead, record, "integration:web");
        is_in(book, lead, "t");
        book->now_us += US_PER_DAY;
        fire(book, lead);
        assert_string_equal(sent(book), "");
        says(book, "t step 1 is put off: it cannot be judged");
        assert_int_equal(book->leads[lead].track.next_due_us, book->now_us + US_PER_DAY);
        record = make_record(book, "lead.updated", FAMILY_LEAD);
        set(book, record, FIELD_PERSON_TITLE, "y");
        (void) judge(book, lead, record, "integration:web");
        pass(book, lead, book->now_us + US_PER_DAY);
        assert_string_equal(sent(book), "one");
        done(book);
}

/* ---- random histories ---- */

/* In which way the book forgets, on purpose: what the test must notice. */
typedef enum Forgets { NOTHING, A_STEP_TAKEN, A_REFUSAL, THE_STATUS, N_FORGETS } Forgets;

static const char many[] =
        "track \"renurture\" { enter = { status = \"nurture\" }, wake_on = did{ type = \"page_viewed\" }, steps = { { wait = \"0d\", send "
        "= "
        "\"one\" }, { wait = \"2d\", send = \"two\" }, { wait = \"1d\", send = \"soft\" } } }\n"
        "track \"open\" { enter = { status = \"inquiry\", none{ { [\"person.title\"] = \"x\" } } }, needs_consent = false, steps = { { "
        "wait = "
        "\"12h\", send = \"one\" }, { wait = \"1d\", send = \"drop\" } } }\n"
        "track \"titled\" { enter = { [\"person.title\"] = \"x\" }, leave = { idle = ge(\"5d\") }, clock = \"person\", steps = { { wait = "
        "\"1h\", send = \"two\" }, { wait = \"1wd\", send = \"one\" } } }\n"
        "track \"customer\" { enter = { status = \"customer\" }, steps = { { wait = \"1d\", send = \"one\" }, { wait = \"30d\", send = "
        "\"two\" } } }\n";

static uint32_t dice(uint64_t *seed, uint32_t n) {
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (uint32_t) (*seed >> 33) % n;
}

/* What happened to one lead, as the world knows it. */
typedef struct World {
        Book *book;
        uint64_t lead, seed;
        int consent; /* -1 = never asked */
        Forgets forgets;
        size_t n_sent, n_entries;
        uint64_t entry; /* of the last send */
        uint32_t step;
        char wrong[160]; /* the first promise that was broken */
} World;

static void wrong(World *world, const char *what) {
        if (!world->wrong[0])
                (void) snprintf(world->wrong, sizeof world->wrong, "%s: event %" PRIu64 ", %s", what, world->book->next_event - 1,
                        world->book->decision.summary ? world->book->decision.summary : "");
}

static bool may_write(const char *status) {
        return base_streq(status, "inquiry") || base_streq(status, "nurture") || base_streq(status, "customer");
}

/* What nobody may find, whatever happened. */
static void look_over(World *world, const TrackState *before, const Record *record) {
        const Decision *decision = &world->book->decision;
        const LeadState *lead = &world->book->leads[world->lead];
        const TrackState *now = &decision->after.track;
        size_t n = 0;

        if (decision->refused)
                return;
        bool agreed = world->consent == 1 || (world->consent < 0 && now->name && base_streq(now->name, "open"));
        bool is_in = now->name && !now->ended;
        world->n_entries += is_in && (!before->name || before->ended || before->event != now->event);
        for (size_t i = 0; i < decision->n_effects; i++) {
                const Effect *effect = &decision->effects[i];
                if (effect->kind != EFFECT_SENT)
                        continue;
                if (++n > 1)
                        wrong(world, "two sends in one event");
                if (!base_streq(record->type, "timer.track"))
                        wrong(world, "sent by an event that is no step");
                if (!before->name || before->ended || !base_streq(before->name, effect->rule) || before->next_due_us > world->book->now_us)
                        wrong(world, "sent what was not due");
                if (!may_write(decision->after.status))
                        wrong(world, "sent to somebody marketing may not contact");
                if (!agreed)
                        wrong(world, "sent to somebody who did not agree");
                if (world->n_sent > 0 && world->entry == before->event && effect->step <= world->step)
                        wrong(world, "a step was taken twice");
                world->entry = before->event;
                world->step = effect->step;
                world->n_sent++;
        }
        if (is_in && (!may_write(decision->after.status) || !agreed || decision->after.test))
                wrong(world, "in a track it may not be in");
        if (is_in && now->next_due_us != TIME_NONE && (lead->wake_us == TIME_NONE || lead->wake_us > now->next_due_us))
                wrong(world, "a step is due and nothing is armed");
        if (!now->name && (now->event || now->next_step || now->ended || now->next_due_us != TIME_NONE))
                wrong(world, "something is left of a track");
}

static void tell(World *world, const Record *record, const char *actor) {
        Book *book = world->book;
        TrackState before = book->leads[world->lead].track;
        const char *status = book->leads[world->lead].status;

        /* What a book that forgets would be judged by. */
        if (world->forgets == A_REFUSAL && world->consent == 0)
                assert_int_equal(facts_set(&book->profiles[world->lead], book->arena, FIELD_CONSENT, "marketing", value_bool(true),
                                         book->now_us + 1),
                        0);
        if (world->forgets == THE_STATUS && base_streq(status, "mql"))
                book->leads[world->lead].status = "nurture";
        (void) judge(book, world->lead, record, actor);
        if (world->forgets == THE_STATUS && base_streq(status, "mql") && base_streq(book->decision.after.status, "nurture"))
                book->decision.after.status = book->leads[world->lead].status = "mql";
        look_over(world, &before, record);
        if (world->forgets == A_STEP_TAKEN && book->leads[world->lead].track.next_step == before.next_step + 1 && dice(&world->seed, 2)) {
                book->leads[world->lead].track = before;
                book->leads[world->lead].wake_us = book->now_us;
        }
}

static void fire_in(World *world) {
        static const uint8_t secret[DIGEST_SIZE] = { 1 };
        Record *record;

        assert_int_equal(followup_record(&world->book->leads[world->lead], world->book->leads[world->lead].wake_us, world->book->now_us,
                                 secret, &record),
                0);
        tell(world, record, "system:leadd");
        record_free(record);
}

/* Time goes on, and now and then nobody runs for days. */
static void pass_in(World *world) {
        Book *book = world->book;
        int64_t until_us = book->now_us + (int64_t) dice(&world->seed, 4 * 24) * US_PER_HOUR;

        if (dice(&world->seed, 6) == 0)
                book->now_us = until_us + 9 * US_PER_DAY;
        for (size_t i = 0; book->leads[world->lead].wake_us != TIME_NONE && book->leads[world->lead].wake_us <= until_us && i < 50; i++) {
                if (book->leads[world->lead].wake_us > book->now_us)
                        book->now_us = book->leads[world->lead].wake_us;
                fire_in(world);
                if (dice(&world->seed, 4) == 0)
                        fire_in(world); /* a firing that is not due any more takes nothing */
        }
        book->now_us = until_us > book->now_us ? until_us : book->now_us;
}

static void happen(World *world) {
        static const char *const moves[] = { "outcome.start", "outcome.warm", "outcome.give_back", "outcome.win", "outcome.close" };
        static const char *const actors[] = { "team:marketing", "team:marketing", "rep:a", "rep:a", "team:marketing" };
        Book *book = world->book;
        uint32_t what = dice(&world->seed, 20);
        Record *record;

        if (what < 7) {
                pass_in(world);
                return;
        }
        if (what < 12) {
                uint32_t move = dice(&world->seed, 40) == 0 ? 4 : dice(&world->seed, 4);
                tell(world, make_record(book, moves[move], FAMILY_OUTCOME), actors[move]);
                return;
        }
        if (what < 14) {
                bool given = dice(&world->seed, 3) > 0;
                record = consenting(book, given ? "consent.granted" : "consent.withdrawn", FAMILY_CONSENT, given);
                world->consent = given;
        } else if (what < 16) {
                record = make_record(book, "lead.updated", FAMILY_LEAD);
                set(book, record, FIELD_PERSON_TITLE, dice(&world->seed, 2) ? "x" : "y");
        } else if (what == 16) {
                record = make_record(book, "lead.updated", FAMILY_LEAD);
                set(book, record, FIELD_PERSON_ZONEINFO, dice(&world->seed, 2) ? "Asia/Tokyo" : "America/New_York");
        } else if (what == 17 && book->n_history[world->lead] < 60) {
                record = make_record(book, "lead.submitted", FAMILY_LEAD);
                set(book, record, FIELD_ATTRIBUTION_FORM_NAME, "demo");
        } else if (book->n_history[world->lead] < 60)
                record = make_record(book, dice(&world->seed, 2) ? "activity.page_viewed" : "activity.other", FAMILY_ACTIVITY);
        else
                return;
        book->now_us += US_PER_SECOND; /* of two statements at one instant the more restrictive counts */
        record->time_us = book->now_us;
        for (size_t i = 0; i < record->facts.n_items; i++)
                record->facts.items[i].time_us = book->now_us;
        tell(world, record, "integration:web");
}

static World live(Book *book, uint64_t seed, Forgets forgets, size_t n) {
        World world = { .book = book, .seed = seed, .consent = (int) dice(&seed, 3) - 1, .forgets = forgets };
        Record *record = world.consent < 0 ? make_record(book, "lead.submitted", FAMILY_LEAD)
                                           : consenting(book, "lead.submitted", FAMILY_LEAD, world.consent);

        if (dice(&world.seed, 5) > 0)
                set(book, record, FIELD_PERSON_EMAIL, "p@firm.invalid");
        world.lead = judge(book, 0, record, "integration:web");
        const TrackState none = TRACK_STATE_NONE;
        look_over(&world, &none, record);
        for (size_t i = 0; i < n && !world.wrong[0]; i++)
                happen(&world);
        return world;
}

static void histories__at_random__take_each_step_once_and_write_to_nobody_else(void **state) {
        (void) state;
        enum { HISTORIES = 450, EVENTS = 80 };
        const char *given = getenv("LEADD_SEED");
        uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t) 20261127;
        for (int forgets = NOTHING; forgets < N_FORGETS; forgets++) {
                Book *book = open_with(many);
                size_t n_sent = 0, n_entries = 0;
                const char *noticed = NULL;
                char text[160];
                for (size_t i = 0; i < HISTORIES && !noticed; i++) {
                        World world = live(book, seed + i, (Forgets) forgets, EVENTS);
                        n_sent += world.n_sent;
                        n_entries += world.n_entries;
                        if (world.wrong[0] && forgets == NOTHING)
                                fail_msg("seed %" PRIu64 ": %s", seed + i, world.wrong);
                        (void) snprintf(text, sizeof text, "%s", world.wrong);
                        noticed = world.wrong[0] ? text : NULL;
                }
                if (forgets == NOTHING)
                        print_message("seed %" PRIu64 ": %zu entries, %zu sends\n", seed, n_entries, n_sent);
                else if (!noticed)
                        fail_msg("a book that forgets (%d) is not noticed", forgets);
                else
                        print_message("forgets on purpose (%d): %s\n", forgets, noticed);
                if (forgets == NOTHING && (n_sent < 1000 || n_entries < 1000))
                        fail_msg("%zu sends and %zu entries are too few to say anything", n_sent, n_entries);
                done(book);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lead__goes_through_a_track__one_step_after_the_other),
                cmocka_unit_test(track__is_left__as_soon_as_the_lead_may_not_be_in_it),
                cmocka_unit_test(consent__missing_or_refused__keeps_out_of_a_track_that_needs_it),
                cmocka_unit_test(test_lead__and_one_in_sales_hands__are_in_no_track),
                cmocka_unit_test(signal__ends_the_track_at_once__until_the_lead_moves_or_enter_was_false),
                cmocka_unit_test(customers__run_in_the_track_of_their_segment__and_change_with_it),
                cmocka_unit_test(segment__that_comes_with_time__moves_a_customer_then),
                cmocka_unit_test(track__that_the_rules_lost__is_left),
                cmocka_unit_test(waits__of_each_clock__pass_in_the_hours_it_says),
                cmocka_unit_test(steps__missed_while_nobody_ran__are_late_once),
                cmocka_unit_test(lead__without_an_address__passes_the_step_over_visibly),
                cmocka_unit_test(address__is_that_of_the_moment__and_names_cannot_end_a_line),
                cmocka_unit_test(rep_who_gave_it_back__is_the_sender__while_still_one_of_us),
                cmocka_unit_test(condition__that_breaks__keeps_who_is_in_and_sends_nothing),
                cmocka_unit_test(histories__at_random__take_each_step_once_and_write_to_nobody_else),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
