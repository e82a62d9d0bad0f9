/* SPDX-License-Identifier: MIT */
/* Calendars from the words of a rule file: what is understood, and what is refused with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>

#include "leadd/worktime.h"

#define MONDAY_US INT64_C(1772409600000000) /* 2026-03-02 00:00 UTC */

static int new_calendar(const CalendarRule *open, size_t n_open, const CalendarRule *except, size_t n_except, const char *zone,
        Calendar **ret, char **text) {
        CalendarSpec spec = { .name = "test", .zone = zone, .open = open, .n_open = n_open, .except = except, .n_except = n_except };
        return calendar_new(&spec, ret, text);
}

/* One character for each of the week's hours: '#' open at its beginning, '.' closed. */
static void draw_day(const Calendar *calendar, int day, char ret[static 25]) {
        for (int hour = 0; hour < 24; hour++)
                ret[hour] = calendar_is_open(calendar, MONDAY_US + day * US_PER_DAY + hour * US_PER_HOUR) ? '#' : '.';
        ret[24] = '\0';
}

static void calendar_new__open_days__are_single_or_ranges(void **state) {
        (void) state;
        static const struct {
                const char *key;
                const char *want; /* from Monday */
        } cases[] = {
                { "mon", "#......" },
                { "sun", "......#" },
                { "mon_fri", "#####.." },
                { "mon-fri", "#####.." },
                { "tue_fri", ".####.." },
                { "mon_sun", "#######" },
                { "sat_mon", "#....##" },
                { "fri_tue", "##..###" },
                { "tue_mon", "#######" },
                { "wed_wed", "..#...." },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const CalendarRule open = { cases[i].key, "09:00-17:00" };
                Calendar *calendar = NULL;
                char got[8] = "";
                assert_int_equal(new_calendar(&open, 1, NULL, 0, "UTC", &calendar, NULL), 0);
                for (int day = 0; day < 7; day++)
                        got[day] = calendar_is_open(calendar, MONDAY_US + day * US_PER_DAY + 12 * US_PER_HOUR) ? '#' : '.';
                if (!base_streq(got, cases[i].want))
                        fail_msg("%s: got %s, want %s", cases[i].key, got, cases[i].want);
                calendar_free(calendar);
        }
}

static void calendar_new__open_times__are_several_and_may_pass_midnight(void **state) {
        (void) state;
        static const struct {
                const char *value;
                const char *monday;
                const char *tuesday;
        } cases[] = {
                { "09:00-17:00", ".........########.......", "........................" },
                { "9:00-17:00", ".........########.......", "........................" },
                { "09:00-12:30 13:00-18:00", ".........#########......", "........................" },
                { "13:00-18:00  09:00-12:00", ".........###.#####......", "........................" },
                { "09:00-12:00 12:00-13:00", ".........####...........", "........................" },
                { "00:00-24:00", "########################", "........................" },
                { "22:00-24:00", "......................##", "........................" },
                { "22:00-00:00", "......................##", "........................" },
                { "22:00-06:00", "......................##", "######.................." },
                { "06:00-05:00", "......##################", "#####..................." },
                { "00:00-01:00 02:00-03:00 04:00-05:00 06:00-07:00 08:00-09:00 10:00-11:00 12:00-13:00 14:00-15:00 "
                  "16:00-17:00 18:00-19:00 20:00-21:00 22:00-23:00 23:00-23:15 23:15-23:30 23:30-23:45 23:45-24:00",
                        "#.#.#.#.#.#.#.#.#.#.#.##", "........................" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const CalendarRule open = { "mon", cases[i].value };
                Calendar *calendar = NULL;
                char monday[25], tuesday[25];
                assert_int_equal(new_calendar(&open, 1, NULL, 0, "UTC", &calendar, NULL), 0);
                draw_day(calendar, 0, monday);
                draw_day(calendar, 1, tuesday);
                if (!base_streq(monday, cases[i].monday) || !base_streq(tuesday, cases[i].tuesday))
                        fail_msg("%s:\n   got %s %s\n  want %s %s", cases[i].value, monday, tuesday, cases[i].monday, cases[i].tuesday);
                calendar_free(calendar);
        }
}

static void calendar_new__exceptions__replace_the_day_that_starts_there(void **state) {
        (void) state;
        static const CalendarRule open[] = { { "mon_sun", "22:00-02:00" } };
        static const CalendarRule except[] = { { "2026-03-04..2026-03-05", "10:00-11:00" }, { "2026-03-03", "closed" } };
        static const char *const want[] = {
                "##....................##",
                "##......................",
                "..........#.............",
                "..........#.............",
                "......................##",
        };
        Calendar *calendar = NULL;
        assert_int_equal(new_calendar(open, 1, except, 2, "UTC", &calendar, NULL), 0);
        for (int day = 0; day < 5; day++) {
                char got[25];
                draw_day(calendar, day, got);
                if (!base_streq(got, want[day]))
                        fail_msg("day %d: got %s, want %s", day, got, want[day]);
        }
        assert_string_equal(calendar_name(calendar), "test");
        assert_string_equal(zone_name(calendar_zone(calendar)), "UTC");
        calendar_free(calendar);
}

static void calendar_new__mistakes__are_named(void **state) {
        (void) state;
        static const struct {
                CalendarRule open[2];
                CalendarRule except[2];
                const char *zone;
                int want;
                const char *text; /* contained in the answer */
        } cases[] = {
                { { { "mon", "09:00-17:00" } }, { { NULL, NULL } }, "Europe/Berln", WORKTIME_E_ZONE,
                        "zone: there is no time zone \"Europe/Berln\"" },
                { { { NULL, NULL } }, { { NULL, NULL } }, "UTC", WORKTIME_E_CLOSED, "no open interval" },
                { { { "mon_sun", "closed" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_CLOSED, "no open interval" },
                { { { "mon_sun", "closed" } }, { { "2026-03-04", "09:00-10:00" } }, "UTC", WORKTIME_E_CLOSED, "no open interval" },
                { { { "monday", "09:00-17:00" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX,
                        "open.monday: \"monday\" is no day; did you mean \"mon\"?" },
                { { { "Mon", "09:00-17:00" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "did you mean \"mon\"?" },
                { { { "mon_fir", "09:00-17:00" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX,
                        "open.mon_fir: \"fir\" is no day; did you mean \"fri\"?" },
                { { { "montag", "09:00-17:00" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "\"mon\"" },
                { { { "weekdays", "09:00-17:00" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "is no day" },
                { { { "", "09:00-17:00" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "is no day" },
                { { { "mon_", "09:00-17:00" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "is no day" },
                { { { "mon_tue_wed", "09:00-17:00" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "is no day" },
                { { { "mon_wed", "09:00-17:00" }, { "wed", "10:00-11:00" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX,
                        "open.wed: wed is given twice" },
                { { { "mon", "" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "open.mon: no times" },
                { { { "mon", "9-17" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "open.mon: \"9-17\"" },
                { { { "mon", "09:00" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "open.mon" },
                { { { "mon", "09:00-" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "open.mon" },
                { { { "mon", "09:00-17:00x" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "open.mon" },
                { { { "mon", "09:00-17:00,18:00-19:00" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "open.mon" },
                { { { "mon", "09:0-17:00" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "open.mon" },
                { { { "mon", "009:00-17:00" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "open.mon" },
                { { { "mon", "09:60-17:00" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "open.mon" },
                { { { "mon", "09:00-24:01" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "open.mon" },
                { { { "mon", "09:00-25:00" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "open.mon" },
                { { { "mon", "24:00-09:00" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "open.mon" },
                { { { "mon", "09:00-09:00" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "open.mon" },
                { { { "mon", "closed 09:00-10:00" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "open.mon" },
                { { { "mon", "09:00-12:00 11:00-13:00" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "overlap" },
                { { { "mon", "22:00-06:00 23:00-23:30" } }, { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "overlap" },
                { { { "mon", "00:00-00:01 01:00-01:01 02:00-02:01 03:00-03:01 04:00-04:01 05:00-05:01 06:00-06:01 07:00-07:01 08:00-08:01 "
                             "09:00-09:01 10:00-10:01 11:00-11:01 12:00-12:01 13:00-13:01 14:00-14:01 15:00-15:01 16:00-16:01" } },
                        { { NULL, NULL } }, "UTC", WORKTIME_E_SYNTAX, "more than 16" },
                { { { "mon", "09:00-17:00" } }, { { "2026-12-32", "closed" } }, "UTC", WORKTIME_E_SYNTAX, "except[\"2026-12-32\"]" },
                { { { "mon", "09:00-17:00" } }, { { "24.12.2026", "closed" } }, "UTC", WORKTIME_E_SYNTAX, "except[\"24.12.2026\"]" },
                { { { "mon", "09:00-17:00" } }, { { "2026-12-24..", "closed" } }, "UTC", WORKTIME_E_SYNTAX, "except[" },
                { { { "mon", "09:00-17:00" } }, { { "2026-12-24..2026-12-23", "closed" } }, "UTC", WORKTIME_E_SYNTAX,
                        "ends before it begins" },
                { { { "mon", "09:00-17:00" } }, { { "1970-01-01..9999-12-31", "closed" } }, "UTC", WORKTIME_E_SYNTAX, "more than" },
                { { { "mon", "09:00-17:00" } }, { { "2026-12-24", "open" } }, "UTC", WORKTIME_E_SYNTAX,
                        "except[\"2026-12-24\"]: \"open\"" },
                { { { "mon", "09:00-17:00" } }, { { "2026-12-24..2026-12-26", "closed" }, { "2026-12-26", "09:00-10:00" } }, "UTC",
                        WORKTIME_E_SYNTAX, "2026-12-26 is given twice" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Calendar *calendar = NULL;
                _cleanup_(base_freep) char *text = NULL;
                size_t n_open = 0, n_except = 0;
                while (n_open < 2 && cases[i].open[n_open].key)
                        n_open++;
                while (n_except < 2 && cases[i].except[n_except].key)
                        n_except++;
                int r = new_calendar(cases[i].open, n_open, cases[i].except, n_except, cases[i].zone, &calendar, &text);
                if (r != cases[i].want || calendar || !text || !strstr(text, cases[i].text))
                        fail_msg("case %zu: got %d \"%s\", want %d \"%s\"", i, r, text ? text : "", cases[i].want, cases[i].text);
                /* Who does not want the words gets the outcome alone. */
                assert_int_equal(
                        new_calendar(cases[i].open, n_open, cases[i].except, n_except, cases[i].zone, &calendar, NULL), cases[i].want);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(calendar_new__open_days__are_single_or_ranges),
                cmocka_unit_test(calendar_new__open_times__are_several_and_may_pass_midnight),
                cmocka_unit_test(calendar_new__exceptions__replace_the_day_that_starts_there),
                cmocka_unit_test(calendar_new__mistakes__are_named),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
