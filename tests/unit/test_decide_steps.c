/* SPDX-License-Identifier: MIT */
/*
 * Tests of an SLA's clock and steps: whose working time counts, who is told, and, over random agreements, owners and instants of two years
 * with their daylight-saving changes, that each step is taken once, at its instant, never before.
 */
#include "test_decide_book.h"

#include <time.h>

static const char base[] =
        "settings \"site\" { zone = \"Europe/Berlin\", ops = \"ops@example.com\" }\n"
        "calendar \"berlin\" { zone = \"Europe/Berlin\", open = { mon_thu = \"09:00-12:30 13:00-18:00\", fri = \"09:00-16:00\" },\n"
        "  except = { [\"2026-12-24\"] = \"09:00-12:00\", [\"2026-12-25..2026-12-26\"] = \"closed\" } }\n"
        "calendar \"newyork\" { zone = \"America/New_York\", open = { mon_fri = \"08:30-17:30\" } }\n"
        "calendar \"nights\" { zone = \"Europe/Berlin\", open = { mon_sun = \"22:00-06:00\" } }\n"
        "team \"marketing\" {}\n"
        "status \"inquiry\" { team = \"marketing\", kind = \"open\", initial = true, meaning = \"i\" }\n"
        "status \"mql\" { team = \"desk\", kind = \"sla\", meaning = \"m\" }\n"
        "status \"closed\" { team = \"marketing\", kind = \"final\", meaning = \"c\" }\n"
        "move \"raise\" { from = \"inquiry\", to = \"mql\", by = \"rules\" }\n"
        "move \"finish\" { from = \"mql\", to = \"closed\", by = \"owner\" }\n"
        "route \"ALL\" { team = \"desk\" }\n";

static int64_t at(const char *text) {
        int64_t us;

        assert_int_equal(time_parse_rfc3339(text, strlen(text), &us), 0);
        return us;
}

static uint64_t new_lead(Book *book) {
        Record *record = make_record(book, "lead.submitted", FAMILY_LEAD);

        set(book, record, FIELD_PERSON_EMAIL, "p@example.com");
        return judge(book, 0, record, "integration:web");
}

static void same_instant(int64_t got_us, int64_t want_us) {
        char got[TIME_TEXT_SIZE], want[TIME_TEXT_SIZE];

        assert_string_equal(time_format_rfc3339(got_us, got), time_format_rfc3339(want_us, want));
}

/* The owner is in New York, the team in Berlin; it is Thursday 15:00 in Berlin, 09:00 in New York. */
static void clock__of_each_kind__is_whose_it_says(void **state) {
        (void) state;
        static const struct {
                const char *clock, *within, *due;
        } cases[] = {
                { "owner", "4h", "2026-03-05T13:00:00-05:00" },
                { "team", "4h", "2026-03-06T10:00:00+01:00" }, /* three on Thursday, one on Friday */
                { "wall", "4h", "2026-03-05T19:00:00+01:00" },
                { "nights", "4h", "2026-03-06T02:00:00+01:00" },
                { "owner", "1wd", "2026-03-06T09:00:00-05:00" },
                { "team", "1wd", "2026-03-06T15:00:00+01:00" },
                { "team", "2wd", "2026-03-09T15:00:00+01:00" },
                { "owner", "9h", "2026-03-06T09:00:00-05:00" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char sla[256];
                Book *book = malloc(sizeof *book);
                assert_non_null(book);
                (void) snprintf(sla, sizeof sla,
                        "sla \"X\" { status = \"mql\", within = \"%s\", clock = \"%s\", steps = { { at = \"%s\", every = \"4h\", remind = "
                        "\"owner\" } } }\n",
                        cases[i].within, cases[i].clock, cases[i].within);
                open_rules(book, base, "team \"desk\" { calendar = \"berlin\", members = { o = { calendar = \"newyork\" } } }\n", sla);
                book->now_us = at("2026-03-05T15:00:00+01:00");
                const LeadState *lead = &book->leads[new_lead(book)];
                same_instant(lead->sla.due_us, at(cases[i].due));
                same_instant(lead->sla.next_due_us, at(cases[i].due));
                close_book(book);
                free(book);
        }
}

static void sla__first_that_applies__runs_alone(void **state) {
        (void) state;
        static const char three[] =
                "sla \"HOT\" { status = \"mql\", when = { [\"person.title\"] = \"CEO\" }, within = \"1h\", steps = { { at = \"1h\", every "
                "= \"1h\", remind = \"owner\" } } }\n"
                "sla \"WARM\" { status = \"mql\", when = { [\"person.title\"] = present }, within = \"2h\", steps = { { at = \"2h\", every "
                "= \"1h\", remind = \"owner\" } } }\n"
                "sla \"ALL\" { status = \"mql\", within = \"3h\", steps = { { at = \"3h\", every = \"1h\", remind = \"owner\" } } }\n";
        static const struct { const char *title, *sla; } cases[] = { { "CEO", "HOT" }, { "clerk", "WARM" }, { NULL, "ALL" } };
        Book *book = malloc(sizeof *book);
        assert_non_null(book);
        open_rules(book, base, "team \"desk\" { calendar = \"berlin\", members = { a = {} } }\n", three);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Record *record = make_record(book, "lead.submitted", FAMILY_LEAD);
                set(book, record, FIELD_PERSON_EMAIL, cases[i].sla);
                if (cases[i].title)
                        set(book, record, FIELD_PERSON_TITLE, cases[i].title);
                uint64_t lead = judge(book, 0, record, "integration:web");
                assert_string_equal(book->leads[lead].sla.rule, cases[i].sla);
                /* What it is later changes nothing: a running timer stays. */
                record = make_record(book, "lead.updated", FAMILY_LEAD);
                set(book, record, FIELD_PERSON_TITLE, "CEO");
                (void) judge(book, lead, record, "integration:web");
                assert_string_equal(book->leads[lead].sla.rule, cases[i].sla);
        }
        close_book(book);
        free(book);
}

static void step__does_all_it_says__to_several(void **state) {
        (void) state;
        static const char sla[] = "sla \"X\" { status = \"mql\", within = \"1h\", steps = { { at = \"1h\", remind = { \"owner\", \"head\", "
                                  "\"ops\", \"c\" } },\n"
                                  "  { at = \"2h\", remind = { \"owner\", \"head\" }, reassign = true }, { at = \"5h\", move = \"finish\", "
                                  "remind = { \"ops\", \"head\" } } } }\n";
        Book *book = malloc(sizeof *book);
        assert_non_null(book);
        open_rules(book, base,
                "team \"desk\" { calendar = \"berlin\", head = \"h\", members = { a = {}, b = {}, c = {}, h = { weight = 0 } } }\n", sla);
        uint64_t lead = new_lead(book);
        static const struct {
                const char *time, *told, *owner, *status;
        } fired[] = {
                { "2026-03-05T11:00:00+01:00", "a h ops c", "a", "mql" },
                { "2026-03-05T12:00:00+01:00", "a h", "b", "mql" }, /* who let it expire is told, then it goes; the clock begins anew */
                { "2026-03-05T13:30:00+01:00", "b h ops c", "b", "mql" },
                { "2026-03-05T14:30:00+01:00", "b h", "c", "mql" },
                { "2026-03-05T15:30:00+01:00", "c h ops", "c", "mql" }, /* c is told once, as owner */
                { "2026-03-05T16:30:00+01:00", "c h", "h", "mql" },     /* all have: the head gets it, and the rest of the steps come */
                { "2026-03-06T10:30:00+01:00", "ops h", NULL, "closed" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(fired); i++) {
                same_instant(book->leads[lead].wake_us, at(fired[i].time));
                book->now_us = book->leads[lead].wake_us;
                (void) judge(book, lead, make_record(book, "timer.step", FAMILY_TIMER), "system:leadd");
                char told[64] = "";
                for (size_t e = 0; e < book->decision.n_effects; e++)
                        if (book->decision.effects[e].kind == EFFECT_REMINDED)
                                (void) snprintf(told + strlen(told), sizeof told - strlen(told), "%s%s", *told ? " " : "",
                                        book->decision.effects[e].recipient);
                assert_string_equal(told, fired[i].told);
                assert_string_equal(book->leads[lead].status, fired[i].status);
                if (fired[i].owner)
                        assert_string_equal(book->leads[lead].owner, fired[i].owner);
                else
                        assert_null(book->leads[lead].owner);
        }
        close_book(book);
        free(book);
}

/* ---- any agreement ---- */

#define BOOKS 120
#define FIRINGS 25

static unsigned seed;

static int pick(int n) { return (int) ((unsigned) rand_r(&seed) % (unsigned) n); }

static const char *describe(Duration duration, char buffer[static TIME_TEXT_SIZE]) { return duration_format(duration, buffer); }

static void any_agreement__each_step_is_taken_once__at_its_instant(void **state) {
        (void) state;
        static const char *const calendars[] = { "berlin", "newyork", "nights" }, *const clocks[] = { "owner", "team", "wall", "newyork" };
        seed = (unsigned) time(NULL);
        if (getenv("LEADD_TEST_SEED"))
                seed = (unsigned) strtoul(getenv("LEADD_TEST_SEED"), NULL, 10);
        print_message("LEADD_TEST_SEED=%u\n", seed);
        for (int b = 0; b < BOOKS; b++) {
                char sla[1024], team[256], buffer[TIME_TEXT_SIZE];
                Duration ats[5], every;
                int n = 1 + pick(5), clock = pick(4);
                bool workdays = clock != 2 && pick(2);
                int64_t last = 0;
                int size = snprintf(
                        sla, sizeof sla, "sla \"X\" { status = \"mql\", within = \"1h\", clock = \"%s\", steps = {\n", clocks[clock]);
                every = workdays ? (Duration){ .workdays = 1 + pick(3) } : (Duration){ .us = (1 + pick(600)) * US_PER_MINUTE };
                for (int i = 0; i < n; i++) {
                        last += 1 + pick(workdays ? 3 : 600);
                        ats[i] = workdays ? (Duration){ .workdays = (int32_t) last } : (Duration){ .us = last * US_PER_MINUTE };
                        size += snprintf(
                                sla + size, sizeof sla - (size_t) size, "  { at = \"%s\", remind = \"owner\"", describe(ats[i], buffer));
                        if (i == n - 1)
                                size += snprintf(sla + size, sizeof sla - (size_t) size, ", every = \"%s\"", describe(every, buffer));
                        size += snprintf(sla + size, sizeof sla - (size_t) size, " },\n");
                }
                (void) snprintf(sla + size, sizeof sla - (size_t) size, "} }\n");
                (void) snprintf(team, sizeof team, "team \"desk\" { calendar = \"%s\", members = { a = { calendar = \"%s\" } } }\n",
                        calendars[pick(3)], calendars[pick(3)]);
                Book *book = malloc(sizeof *book);
                assert_non_null(book);
                open_rules(book, base, team, sla);
                book->now_us = at("2026-01-01T00:00:00Z") + (int64_t) pick(2 * 365 * 24 * 60) * US_PER_MINUTE + pick(US_PER_MINUTE);
                const Member *owner = &book->rules->members[0];
                const Calendar *whose = clock == 0   ? policy_member_calendar(owner)
                                        : clock == 1 ? owner->team->calendar->calendar
                                        : clock == 2 ? NULL
                                                     : book->rules->slas[0].calendar->calendar;
                int64_t start_us = book->now_us, due_us = TIME_NONE;
                uint64_t lead = new_lead(book);
                const LeadState *now = &book->leads[lead];
                for (int fired = 0; fired < FIRINGS;) {
                        /* What the agreement says, counted here from the start, or from the repeat before. */
                        if (!whose)
                                due_us = fired < n ? start_us + ats[fired].us : due_us + every.us;
                        else if (fired < n)
                                assert_int_equal(calendar_add(whose, start_us, ats[fired], &due_us), 0);
                        else
                                assert_int_equal(calendar_add(whose, due_us, every, &due_us), 0);
                        same_instant(now->sla.next_due_us, due_us);
                        /* Whatever happens before takes no step, not a microsecond before. */
                        for (int i = pick(4); i > 0 && due_us > book->now_us; i--) {
                                book->now_us = pick(3) == 0 ? due_us - 1 : book->now_us + (due_us - 1 - book->now_us) / (1 + pick(9));
                                if (pick(2))
                                        look(book, lead);
                                else if (book->n_history[lead] < ARRAY_SIZE(book->history[lead]) - 1)
                                        (void) judge(
                                                book, lead, make_record(book, "activity.page_viewed", FAMILY_ACTIVITY), "integration:web");
                                assert_null(book->decision.reminded_roles);
                                assert_int_equal(now->sla.next_step, fired);
                        }
                        book->now_us = due_us + pick(5 * US_PER_SECOND);
                        (void) judge(book, lead, make_record(book, "timer.step", FAMILY_TIMER), "system:leadd");
                        assert_non_null(book->decision.reminded_roles);
                        assert_int_equal(now->sla.next_step, ++fired);
                        if (pick(2))
                                look(book, lead); /* asked at once once more: nothing is due */
                        assert_int_equal(now->sla.next_step, fired);
                }
                close_book(book);
                free(book);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(clock__of_each_kind__is_whose_it_says),
                cmocka_unit_test(sla__first_that_applies__runs_alone),
                cmocka_unit_test(step__does_all_it_says__to_several),
                cmocka_unit_test(any_agreement__each_step_is_taken_once__at_its_instant),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
