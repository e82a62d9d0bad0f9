/* SPDX-License-Identifier: MIT */
/* Times and durations as text, the civil calendar, and the two clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "leadd/base.h"

#define REFUSED TIME_NONE

/* ---- RFC 3339 ---- */

static void time_parse_rfc3339__table__is_read_or_refused(void **state) {
        (void) state;
        static const struct {
                const char *s;
                int64_t want;
        } cases[] = {
                { "1970-01-01T00:00:00Z", 0 },
                { "2026-03-05T14:22:31Z", INT64_C(1772720551000000) },
                { "2026-03-05t14:22:31z", INT64_C(1772720551000000) },
                { "2026-03-05 14:22:31Z", INT64_C(1772720551000000) },
                { "2026-03-05T15:22:31+01:00", INT64_C(1772720551000000) },
                { "2026-03-05T14:22:31+0000", INT64_C(1772720551000000) },
                { "2026-03-05T14:22:31-00:00", INT64_C(1772720551000000) },
                { "2026-03-05T04:52:31-09:30", INT64_C(1772720551000000) },
                { "2026-03-06T13:52:31+23:30", INT64_C(1772720551000000) },
                { "2026-03-05T14:22:31.5Z", INT64_C(1772720551500000) },
                { "2026-03-05T14:22:31.153Z", INT64_C(1772720551153000) },
                { "2026-03-05T14:22:31.000001Z", INT64_C(1772720551000001) },
                { "2026-03-05T14:22:31.123456789Z", INT64_C(1772720551123456) },
                { "2026-03-05T14:22:31.0000009999999999999999999999Z", INT64_C(1772720551000000) },
                { "2000-02-29T00:00:00Z", INT64_C(951782400000000) },
                { "1996-12-19T16:39:57-08:00", INT64_C(851042397000000) },
                { "1990-12-31T23:59:60Z", INT64_C(662687999999999) },
                { "1990-12-31T15:59:60-08:00", INT64_C(662687999999999) },
                { "1969-12-31T23:00:00-01:00", 0 },
                { "9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999) },
                { "", REFUSED },
                { "2026-03-05", REFUSED },
                { "2026-03-05T14:22:31", REFUSED },
                { "2026-03-05T14:22Z", REFUSED },
                { "2026-03-05T14:22:31.Z", REFUSED },
                { "2026-03-05T14:22:31,5Z", REFUSED },
                { "2026-03-05T14:22:31Z ", REFUSED },
                { " 2026-03-05T14:22:31Z", REFUSED },
                { "2026-03-05T14:22:31+01", REFUSED },
                { "2026-03-05T14:22:31+1:00", REFUSED },
                { "2026-03-05T14:22:31+24:00", REFUSED },
                { "2026-03-05T14:22:31+01:60", REFUSED },
                { "2026-3-5T14:22:31Z", REFUSED },
                { "+2026-03-05T14:22:31Z", REFUSED },
                { "2026-00-05T14:22:31Z", REFUSED },
                { "2026-13-05T14:22:31Z", REFUSED },
                { "2026-03-00T14:22:31Z", REFUSED },
                { "2026-04-31T14:22:31Z", REFUSED },
                { "2026-02-29T14:22:31Z", REFUSED },
                { "2100-02-29T14:22:31Z", REFUSED },
                { "2026-03-05T24:00:00Z", REFUSED },
                { "2026-03-05T14:60:00Z", REFUSED },
                { "2026-03-05T14:22:61Z", REFUSED },
                { "2026-03-05T14:22:60Z", REFUSED },
                { "1969-12-31T23:59:59Z", REFUSED },
                { "1970-01-01T00:00:00+01:00", REFUSED },
                { "9999-12-31T23:59:59-01:00", REFUSED },
                { "10000-01-01T00:00:00Z", REFUSED },
                { "20260305T142231Z", REFUSED },
                { "1772720551", REFUSED },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int64_t got = REFUSED;
                int r = time_parse_rfc3339(cases[i].s, strlen(cases[i].s), &got);
                if (got != cases[i].want || r != (cases[i].want == REFUSED ? TIME_E_SYNTAX : 0))
                        fail_msg("\"%s\": got %lld (%d), want %lld", cases[i].s, (long long) got, r, (long long) cases[i].want);
        }
}

static void time_parse_rfc3339__size_given__reads_no_further(void **state) {
        (void) state;
        int64_t got = 5;
        assert_int_equal(time_parse_rfc3339("2026-03-05T14:22:31Zgarbage", 20, &got), 0);
        assert_int_equal(got, INT64_C(1772720551000000));
        for (size_t size = 0; size < 20; size++)
                assert_int_equal(time_parse_rfc3339("2026-03-05T14:22:31Z", size, &got), TIME_E_SYNTAX);
        assert_int_equal(time_parse_rfc3339("2026-03-05T14:22:31\0Z", 21, &got), TIME_E_SYNTAX);
}

static void time_parse_local__table__is_read_or_refused(void **state) {
        (void) state;
        static const struct {
                const char *s;
                int64_t want;
        } cases[] = {
                { "2026-03-05 09:22:31.153", INT64_C(1772702551153000) },
                { "2026-03-05T09:22:31", INT64_C(1772702551000000) },
                { "2026-03-05T09:22:31Z", REFUSED },
                { "2026-03-05T09:22:31+01:00", REFUSED },
                { "2026-03-05", REFUSED },
                { "05.03.2026 09:22:31", REFUSED },
                { "1969-12-31T23:59:59", REFUSED },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int64_t got = REFUSED;
                int r = time_parse_local(cases[i].s, strlen(cases[i].s), &got);
                if (got != cases[i].want || r != (cases[i].want == REFUSED ? TIME_E_SYNTAX : 0))
                        fail_msg("\"%s\": got %lld (%d), want %lld", cases[i].s, (long long) got, r, (long long) cases[i].want);
        }
}

static void time_format__table__is_written(void **state) {
        (void) state;
        static const struct {
                int64_t time_us;
                int32_t offset;
                const char *want_utc;
                const char *want_offset;
        } cases[] = {
                { 0, 0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00+00:00" },
                { INT64_C(1772720551000000), 3600, "2026-03-05T14:22:31Z", "2026-03-05T15:22:31+01:00" },
                { INT64_C(1772720551000000), -34200, "2026-03-05T14:22:31Z", "2026-03-05T04:52:31-09:30" },
                { INT64_C(1772720551153000), 20700, "2026-03-05T14:22:31.153Z", "2026-03-05T20:07:31.153+05:45" },
                { INT64_C(1772720551000001), 0, "2026-03-05T14:22:31.000001Z", "2026-03-05T14:22:31.000001+00:00" },
                { INT64_C(1772720551120000), 0, "2026-03-05T14:22:31.120Z", "2026-03-05T14:22:31.120+00:00" },
                { -1, 0, "1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999+00:00" },
                { INT64_C(253402300799999999), 0, "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999+00:00" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char utc[TIME_TEXT_SIZE], offset[TIME_TEXT_SIZE];
                assert_string_equal(time_format_rfc3339(cases[i].time_us, utc), cases[i].want_utc);
                assert_string_equal(time_format_offset(cases[i].time_us, cases[i].offset, offset), cases[i].want_offset);
        }
}

static void time_format__extremes__fit(void **state) {
        (void) state;
        static const int64_t times[] = { INT64_MIN, INT64_MIN + 1, INT64_MAX, INT64_MAX - US_PER_DAY };
        for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
                char buf[TIME_TEXT_SIZE];
                assert_true(strlen(time_format_rfc3339(times[i], buf)) < TIME_TEXT_SIZE);
                assert_true(strlen(time_format_offset(times[i], 86340, buf)) < TIME_TEXT_SIZE);
                assert_true(strlen(time_format_offset(times[i], INT32_MIN, buf)) < TIME_TEXT_SIZE);
        }
}

static void time__what_is_written__reads_back(void **state) {
        (void) state;
        uint64_t seed = 42;
        for (int i = 0; i < 20000; i++) {
                char buf[TIME_TEXT_SIZE];
                seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
                int64_t time_us = (int64_t) (seed >> 8) % INT64_C(253402300800000000), got = -1;
                if (time_us < 2 * US_PER_DAY || time_us > INT64_C(253402300800000000) - 2 * US_PER_DAY)
                        continue;
                if (i % 2)
                        time_us -= time_us % 1000;
                const char *s = i % 3 ? time_format_rfc3339(time_us, buf) : time_format_offset(time_us, (i % 2879 - 1439) * 60, buf);
                if (time_parse_rfc3339(s, strlen(s), &got) != 0 || got != time_us)
                        fail_msg("%lld: wrote %s, read %lld", (long long) time_us, s, (long long) got);
        }
}

/* ---- the civil calendar ---- */

static void civil__every_day_of_four_centuries__agrees_with_libc(void **state) {
        (void) state;
        for (int64_t day = -200000; day < 200000; day += 1) {
                int64_t year;
                unsigned month, date;
                time_t seconds = day * 86400;
                struct tm tm;
                time_civil_from_days(day, &year, &month, &date);
                assert_non_null(gmtime_r(&seconds, &tm));
                if (year != tm.tm_year + 1900 || month != (unsigned) tm.tm_mon + 1 || date != (unsigned) tm.tm_mday)
                        fail_msg("day %lld: got %lld-%u-%u, want %d-%d-%d", (long long) day, (long long) year, month, date,
                                tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
                if (time_days_from_civil(year, month, date) != day)
                        fail_msg("day %lld does not come back", (long long) day);
        }
        assert_int_equal(time_days_in_month(2024, 2), 29);
        assert_int_equal(time_days_in_month(1900, 2), 28);
        assert_int_equal(time_days_in_month(2000, 2), 29);
        assert_int_equal(time_days_in_month(2026, 12), 31);
}

static void time_parse_date__table__is_read_or_refused(void **state) {
        (void) state;
        int64_t days = 7;
        assert_int_equal(time_parse_date("2026-12-24", 10, &days), 0);
        assert_int_equal(days, 20811);
        static const char *const bad[] = { "", "2026-12-2", "2026-12-32", "2026-02-29", "2026/12/24", "2026-12-24x", "26-12-24",
                "1969-12-31" };
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                if (time_parse_date(bad[i], strlen(bad[i]), &days) != TIME_E_SYNTAX)
                        fail_msg("\"%s\" was read", bad[i]);
        assert_int_equal(days, 20811);
}

/* ---- durations ---- */

static void duration_parse__table__is_read_or_refused(void **state) {
        (void) state;
        static const struct {
                const char *s;
                int64_t us;
                int32_t workdays;
                const char *formatted; /* NULL: refused */
        } cases[] = {
                { "90s", 90 * US_PER_SECOND, 0, "90s" },
                { "15m", 15 * US_PER_MINUTE, 0, "15m" },
                { "90m", 90 * US_PER_MINUTE, 0, "90m" },
                { "120m", 2 * US_PER_HOUR, 0, "2h" },
                { "4h", 4 * US_PER_HOUR, 0, "4h" },
                { "36h", 36 * US_PER_HOUR, 0, "36h" },
                { "30d", 30 * US_PER_DAY, 0, "30d" },
                { "7d", 7 * US_PER_DAY, 0, "1w" },
                { "1w", 7 * US_PER_DAY, 0, "1w" },
                { "0d", 0, 0, "0s" },
                { "0wd", 0, 0, "0s" },
                { "007m", 7 * US_PER_MINUTE, 0, "7m" },
                { "2wd", 0, 2, "2wd" },
                { "1000wd", 0, 1000, "1000wd" },
                { "36525d", 36525 * US_PER_DAY, 0, "36525d" },
                { "3155760000s", 36525 * US_PER_DAY, 0, "36525d" },
                { "36526d", 0, 0, NULL },
                { "5218w", 0, 0, NULL },
                { "3155760001s", 0, 0, NULL },
                { "1001wd", 0, 0, NULL },
                { "99999999999999999999999999s", 0, 0, NULL },
                { "", 0, 0, NULL },
                { "5", 0, 0, NULL },
                { "m", 0, 0, NULL },
                { "-5m", 0, 0, NULL },
                { "+5m", 0, 0, NULL },
                { " 5m", 0, 0, NULL },
                { "5m ", 0, 0, NULL },
                { "5 m", 0, 0, NULL },
                { "1.5h", 0, 0, NULL },
                { "1h30m", 0, 0, NULL },
                { "5M", 0, 0, NULL },
                { "5min", 0, 0, NULL },
                { "5y", 0, 0, NULL },
                { "0x5m", 0, 0, NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Duration got = { -1, -1 };
                char buf[TIME_TEXT_SIZE];
                int r = duration_parse(cases[i].s, &got);
                if (!cases[i].formatted) {
                        if (r != TIME_E_SYNTAX || got.us != -1 || got.workdays != -1)
                                fail_msg("\"%s\" was read", cases[i].s);
                        continue;
                }
                if (r != 0 || got.us != cases[i].us || got.workdays != cases[i].workdays)
                        fail_msg("\"%s\": got %lld us %d wd (%d)", cases[i].s, (long long) got.us, got.workdays, r);
                if (!base_streq(duration_format(got, buf), cases[i].formatted))
                        fail_msg("\"%s\": formatted \"%s\", want \"%s\"", cases[i].s, buf, cases[i].formatted);
        }
}

/* ---- clocks ---- */

static void clock__virtual__moves_only_when_told_and_never_back(void **state) {
        (void) state;
        Clock *clock = clock_new_virtual(1000);
        assert_true(clock_is_virtual(clock));
        assert_int_equal(clock_now_us(clock), 1000);
        assert_int_equal(clock_set_us(clock, 2000), 0);
        assert_int_equal(clock_set_us(clock, 2000), 0);
        assert_int_equal(clock_set_us(clock, 1999), -EINVAL);
        assert_int_equal(clock_now_us(clock), 2000);
        assert_null(clock_free(clock));
        assert_null(clock_free(NULL));
}

static void clock__real__is_the_systems_and_cannot_be_set(void **state) {
        (void) state;
        Clock *clock = clock_new_real();
        assert_false(clock_is_virtual(clock));
        int64_t before = (int64_t) time(NULL) * US_PER_SECOND, now = clock_now_us(clock);
        assert_true(now >= before && now < before + 60 * US_PER_SECOND);
        assert_int_equal(clock_set_us(clock, now + US_PER_DAY), -EINVAL);
        clock_free(clock);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(time_parse_rfc3339__table__is_read_or_refused),
                cmocka_unit_test(time_parse_rfc3339__size_given__reads_no_further),
                cmocka_unit_test(time_parse_local__table__is_read_or_refused),
                cmocka_unit_test(time_format__table__is_written),
                cmocka_unit_test(time_format__extremes__fit),
                cmocka_unit_test(time__what_is_written__reads_back),
                cmocka_unit_test(civil__every_day_of_four_centuries__agrees_with_libc),
                cmocka_unit_test(time_parse_date__table__is_read_or_refused),
                cmocka_unit_test(duration_parse__table__is_read_or_refused),
                cmocka_unit_test(clock__virtual__moves_only_when_told_and_never_back),
                cmocka_unit_test(clock__real__is_the_systems_and_cannot_be_set),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
