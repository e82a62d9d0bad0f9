/* SPDX-License-Identifier: MIT */
/*
 * What must hold for every calendar, checked on random ones. With --answer it answers questions on stdin instead, one a
 * line, for tests/scenario/worktime_against_zoneinfo.py, which knows the answers from another implementation:
 *   zone NAME | open KEY VALUE | except KEY VALUE | build     make a calendar; after `build` the next rule begins a new one
 *   add FROM US | days FROM N | between A B | next A | is A   answered by a number, or "none"
 *   offset A | local A
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>

#include "leadd/worktime.h"

#define RULES_MAX 64

/* ---- questions ---- */

typedef struct Workshop {
        char *zone;
        CalendarRule open[RULES_MAX];
        CalendarRule except[RULES_MAX];
        size_t n_open;
        size_t n_except;
        Calendar *calendar;
} Workshop;

static void workshop_clear(Workshop *shop) {
        CalendarRule *lists[] = { shop->open, shop->except };
        size_t sizes[] = { shop->n_open, shop->n_except };
        for (size_t list = 0; list < ARRAY_SIZE(lists); list++)
                for (size_t i = 0; i < sizes[list]; i++) {
                        free((char *) lists[list][i].key);
                        free((char *) lists[list][i].value);
                }
        free(shop->zone);
        calendar_free(shop->calendar);
        *shop = (Workshop){ 0 };
}

static int workshop_build(Workshop *shop) {
        CalendarSpec spec = { .name = "asked",
                .zone = shop->zone ? shop->zone : "",
                .open = shop->open,
                .n_open = shop->n_open,
                .except = shop->except,
                .n_except = shop->n_except };
        _cleanup_(base_freep) char *text = NULL;
        int r = calendar_new(&spec, &shop->calendar, &text);
        if (r != 0)
                (void) fprintf(stderr, "calendar_new: %d: %s\n", r, text ? text : "");
        return r;
}

/* The rest of the line is the value. */
static bool workshop_add_rule(CalendarRule *rules, size_t *n, const char *key, const char *value) {
        if (*n == RULES_MAX)
                return false;
        rules[*n] = (CalendarRule){ strdup(key), strdup(value) };
        (*n)++;
        return true;
}

static void print_answer(int r, const int64_t *value) {
        if (r == 0)
                (void) printf("%" PRId64 "\n", *value);
        else
                (void) printf("none\n");
}

static void print_number(int64_t value) { print_answer(0, &value); }

static bool answer_line(Workshop *shop, char *line) {
        char verb[16] = "", key[64] = "";
        int at = 0;
        int64_t a = 0, b = 0, got = 0;
        if (sscanf(line, "%15s %n", verb, &at) != 1)
                return false;
        if (base_streq(verb, "zone")) {
                workshop_clear(shop);
                shop->zone = strdup(line + at);
                return true;
        }
        if (base_streq(verb, "open") || base_streq(verb, "except")) {
                bool is_open = verb[0] == 'o';
                int value_at = 0;
                return sscanf(line + at, "%63s %n", key, &value_at) == 1 &&
                       workshop_add_rule(
                               is_open ? shop->open : shop->except, is_open ? &shop->n_open : &shop->n_except, key, line + at + value_at);
        }
        if (base_streq(verb, "build"))
                return workshop_build(shop) == 0;
        int n = sscanf(line + at, "%" SCNd64 " %" SCNd64, &a, &b);
        if (n < 1 || !shop->calendar)
                return false;
        if (base_streq(verb, "add"))
                print_answer(calendar_add(shop->calendar, a, (Duration){ .us = b }, &got), &got);
        else if (base_streq(verb, "days"))
                print_answer(calendar_add(shop->calendar, a, (Duration){ .workdays = (int32_t) b }, &got), &got);
        else if (base_streq(verb, "between"))
                print_number(calendar_between(shop->calendar, a, b));
        else if (base_streq(verb, "next"))
                print_answer(calendar_next_open(shop->calendar, a, &got), &got);
        else if (base_streq(verb, "is"))
                print_number(calendar_is_open(shop->calendar, a));
        else if (base_streq(verb, "offset"))
                print_number(zone_offset_seconds(calendar_zone(shop->calendar), a));
        else if (base_streq(verb, "local"))
                print_number(zone_local_to_utc(calendar_zone(shop->calendar), a));
        else
                return false;
        return true;
}

static int answer_questions(void) {
        Workshop shop = { 0 };
        char line[1024];
        int status = 0;
        while (status == 0 && fgets(line, sizeof line, stdin)) {
                line[strcspn(line, "\n")] = '\0';
                if (!answer_line(&shop, line)) {
                        (void) fprintf(stderr, "not understood: %s\n", line);
                        status = 1;
                }
        }
        workshop_clear(&shop);
        return status;
}

/* ---- random calendars ---- */

static uint64_t seed, run_seed;

static int64_t pick(int64_t below) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (int64_t) ((seed >> 33) % (uint64_t) below);
}

static const char *const zones[] = { "UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe",
        "Asia/Kathmandu", "Pacific/Apia", "Antarctica/Troll", "America/Sao_Paulo", "Africa/Casablanca", "America/Havana",
        "Pacific/Chatham" };
static const char *const plans[] = { "09:00-17:00", "09:00-12:30 13:00-18:00", "22:00-06:00", "00:00-24:00", "00:00-02:00 22:00-24:00",
        "02:30-03:15", "08:00-08:01", "23:30-23:29", "01:00-02:30 02:30-04:00" };
static const char *const days[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

/* Around years in which the zones change their clocks, with exceptions in that year. */
static Calendar *random_calendar(int year) {
        Workshop shop = { .zone = strdup(zones[pick(ARRAY_SIZE(zones))]) };
        char key[32];
        int first = (int) pick(7);
        for (int i = 0; i < 7; i++)
                if (i == 0 || pick(4) > 0)
                        assert_true(workshop_add_rule(shop.open, &shop.n_open, days[(first + i) % 7], plans[pick(ARRAY_SIZE(plans))]));
        for (int month = 1; month <= 12; month++)
                if (pick(2)) {
                        (void) snprintf(key, sizeof key, "%d-%02d-%02d", year, month, (int) pick(28) + 1);
                        assert_true(
                                workshop_add_rule(shop.except, &shop.n_except, key, pick(2) ? "closed" : plans[pick(ARRAY_SIZE(plans))]));
                }
        assert_int_equal(workshop_build(&shop), 0);
        Calendar *calendar = TAKE(shop.calendar);
        workshop_clear(&shop);
        return calendar;
}

#define FAIL(what, ...) fail_msg("seed %" PRIu64 ", %s: " what, run_seed, zone_name(calendar_zone(calendar)), __VA_ARGS__)

/* For u in (opening, closing]: what has elapsed from t to u, added to t, is u. At an opening instant it is the closing before,
 * because a budget that ends at closing time is due then. */
static void calendar__elapsed_time_added__comes_back(void **state) {
        (void) state;
        seed = run_seed;
        for (int round = 0; round < 200; round++) {
                int year = 1971 + (int) pick(128);
                _cleanup_(calendar_freep) Calendar *calendar = random_calendar(year);
                int64_t year_us = time_days_from_civil(year, 1, 1) * US_PER_DAY;
                for (int i = 0; i < 50; i++) {
                        int64_t t = year_us + pick(366 * 24 * 3600) * US_PER_SECOND + pick(2) * pick(US_PER_SECOND);
                        int64_t u = t + pick(i % 2 ? 100 * 24 * 3600 : 3 * 24 * 3600) * US_PER_SECOND + pick(2) * pick(US_PER_SECOND) + 1,
                                got = 0;
                        bool is_inside = calendar_is_open(calendar, u - 1); /* u is in (opening, closing] */
                        int64_t elapsed_us = calendar_between(calendar, t, u);
                        if (elapsed_us < 0 || elapsed_us > u - t)
                                FAIL("between %" PRId64 " and %" PRId64 ": %" PRId64, t, u, elapsed_us);
                        if (elapsed_us == 0 && !is_inside)
                                continue;
                        int r = calendar_add(calendar, t, (Duration){ .us = elapsed_us }, &got);
                        if (r != 0)
                                FAIL("%" PRId64 " + %" PRId64 ": %d", t, elapsed_us, r);
                        if (is_inside ? got != u : got > u || calendar_is_open(calendar, got) || calendar_between(calendar, got, u) != 0)
                                FAIL("%" PRId64 " + %" PRId64 ": got %" PRId64 ", want %" PRId64 "%s", t, elapsed_us, got, u,
                                        is_inside ? "" : " or the closing before");
                }
        }
}

static void calendar_add__later_or_longer__is_never_due_earlier(void **state) {
        (void) state;
        seed = run_seed;
        for (int round = 0; round < 200; round++) {
                int year = 1971 + (int) pick(128);
                _cleanup_(calendar_freep) Calendar *calendar = random_calendar(year);
                int64_t year_us = time_days_from_civil(year, 1, 1) * US_PER_DAY;
                for (int i = 0; i < 50; i++) {
                        int64_t t = year_us + pick(366 * 24 * 3600) * US_PER_SECOND, later = t + pick(3 * 24 * 3600) * US_PER_SECOND;
                        Duration budget = { .us = 1 + pick(200 * 3600) * US_PER_SECOND },
                                 longer = { .us = budget.us + pick(20 * 3600) * US_PER_SECOND };
                        int64_t due = 0, due_later = 0, due_longer = 0;
                        int r = calendar_add(calendar, t, budget, &due) + calendar_add(calendar, later, budget, &due_later) +
                                calendar_add(calendar, t, longer, &due_longer);
                        if (r != 0)
                                FAIL("%" PRId64 " + %" PRId64 ": %d", t, budget.us, r);
                        if (due_later < due || due_longer < due || due <= t)
                                FAIL("%" PRId64 " + %" PRId64 " = %" PRId64 "; from %" PRId64 ": %" PRId64 "; longer by %" PRId64
                                     ": %" PRId64,
                                        t, budget.us, due, later, due_later, longer.us - budget.us, due_longer);
                        /* A due instant is open up to it. */
                        if (!calendar_is_open(calendar, due - 1))
                                FAIL("%" PRId64 " + %" PRId64 " = %" PRId64 " is not the end of open time", t, budget.us, due);
                }
        }
}

static void calendar_between__parts__add_up_to_the_whole(void **state) {
        (void) state;
        seed = run_seed;
        for (int round = 0; round < 200; round++) {
                int year = 1971 + (int) pick(120);
                _cleanup_(calendar_freep) Calendar *calendar = random_calendar(year);
                int64_t year_us = time_days_from_civil(year, 1, 1) * US_PER_DAY;
                for (int i = 0; i < 20; i++) {
                        /* Parts of a few days are summed piece by piece, the whole by weeks. */
                        int64_t a = year_us + pick(200 * 24 * 3600) * US_PER_SECOND, at = a, sum = 0;
                        for (int part = 0; part < 80; part++) {
                                int64_t next = at + pick(6 * 24 * 3600) * US_PER_SECOND;
                                sum += calendar_between(calendar, at, next);
                                at = next;
                        }
                        if (calendar_between(calendar, a, at) != sum || calendar_between(calendar, at, a) != -sum)
                                FAIL("%" PRId64 " to %" PRId64 ": got %" PRId64 ", parts %" PRId64, a, at,
                                        calendar_between(calendar, a, at), sum);
                }
        }
}

static void calendar_add__workdays__end_open_or_at_a_closing(void **state) {
        (void) state;
        seed = run_seed;
        for (int round = 0; round < 200; round++) {
                int year = 1971 + (int) pick(120);
                _cleanup_(calendar_freep) Calendar *calendar = random_calendar(year);
                int64_t year_us = time_days_from_civil(year, 1, 1) * US_PER_DAY;
                for (int i = 0; i < 30; i++) {
                        int64_t t = year_us + pick(366 * 24 * 3600) * US_PER_SECOND, start = 0, due = 0, next = 0;
                        Duration n = { .workdays = 1 + (int32_t) pick(30) }, more = { .workdays = n.workdays + 1 };
                        int r = calendar_next_open(calendar, t, &start) + calendar_add(calendar, t, n, &due) +
                                calendar_add(calendar, t, more, &next);
                        if (r != 0)
                                FAIL("%" PRId64 " + %dwd: %d", t, n.workdays, r);
                        if (due <= start || next < due || (!calendar_is_open(calendar, due) && !calendar_is_open(calendar, due - 1)))
                                FAIL("%" PRId64 " + %dwd = %" PRId64 " (start %" PRId64 ", one more %" PRId64 ")", t, n.workdays, due,
                                        start, next);
                }
        }
}

int main(int argc, char **argv) {
        if (argc == 2 && base_streq(argv[1], "--answer"))
                return answer_questions();
        /* Every run is another one; a failure prints the seed, which can be given as argument. */
        run_seed = argc == 2 ? strtoull(argv[1], NULL, 10) : (uint64_t) getpid() * 2654435761U;
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(calendar__elapsed_time_added__comes_back),
                cmocka_unit_test(calendar_add__later_or_longer__is_never_due_earlier),
                cmocka_unit_test(calendar_between__parts__add_up_to_the_whole),
                cmocka_unit_test(calendar_add__workdays__end_open_or_at_a_closing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
