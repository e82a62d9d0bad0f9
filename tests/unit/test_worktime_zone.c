/* SPDX-License-Identifier: MIT */
/* Time zones: which names are ones, offsets, wall times that occur twice or never, and years beyond the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <glib.h>
#include <pthread.h>
#include <stdio.h>

#include "leadd/worktime.h"

static Zone *zone_of(const char *name) {
        Zone *zone = NULL;
        int r = zone_new(name, &zone);
        if (r != 0)
                fail_msg("%s: %d", name, r);
        return zone;
}

static int64_t utc(const char *s) {
        int64_t time_us = 0;
        if (time_parse_rfc3339(s, strlen(s), &time_us) != 0)
                fail_msg("the test's own \"%s\" is no time", s);
        return time_us;
}

static int64_t local(const char *s) {
        int64_t time_us = 0;
        if (time_parse_local(s, strlen(s), &time_us) != 0)
                fail_msg("the test's own \"%s\" is no time", s);
        return time_us;
}

static void zone_new__names__are_iana_names_or_refused(void **state) {
        (void) state;
        static const char *const good[] = { "Europe/Berlin", "UTC", "America/New_York", "America/Argentina/Buenos_Aires", "Etc/GMT+5",
                "EST5EDT", "America/Port-au-Prince", "Asia/Ho_Chi_Minh" };
        static const char *const bad[] = { "", " ", "Europe/Berln", "europe/berlin ", "Europe/", "/Europe/Berlin", "Europe//Berlin",
                "../etc/passwd", "Europe/../Europe/Berlin", "./Europe/Berlin", "/usr/share/zoneinfo/Europe/Berlin", "+01:00", "-5",
                "CET-1CEST,M3.5.0,M10.5.0/3", "ABC5DEF", "right/Europe/Berlin", "posix/Europe/Berlin", "localtime", "posixrules", "Europe",
                "zone.tab", "tzdata.zi", "Europe/Berlin\n", "A/name/that/is/longer/than/any/that/somebody/has/ever/given/to/a/time/zone" };
        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                Zone *zone = zone_of(good[i]);
                assert_string_equal(zone_name(zone), good[i]);
                assert_null(zone_unref(zone));
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                Zone *zone = NULL;
                int r = zone_new(bad[i], &zone);
                if (r != WORKTIME_E_ZONE || zone)
                        fail_msg("\"%s\": got %d, want %d", bad[i], r, WORKTIME_E_ZONE);
        }
        assert_null(zone_unref(NULL));
}

static void zone_closest__wrong_names__find_the_one_that_was_meant(void **state) {
        (void) state;
        static const struct {
                const char *name;
                const char *want;
        } cases[] = {
                { "Europe/Berln", "Europe/Berlin" },
                { "europe/berlin", "Europe/Berlin" },
                { "America/New-York", "America/New_York" },
                { "Berlin", "Europe/Berlin" },
                { "Kolkatta", "Asia/Kolkata" },
                { "Asia/Calcuta", "Asia/Calcutta" }, /* an old name is one, too */
                { "the office clock", NULL },
                { "", NULL },
        };
        if (access("/usr/share/zoneinfo/tzdata.zi", R_OK) != 0)
                skip();
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(base_freep) char *got = zone_closest(cases[i].name);
                if ((got == NULL) != (cases[i].want == NULL) || (got && !base_streq(got, cases[i].want)))
                        fail_msg(
                                "\"%s\": got %s, want %s", cases[i].name, got ? got : "nothing", cases[i].want ? cases[i].want : "nothing");
        }
}

static void zone_offset_seconds__table__is_what_the_clocks_show(void **state) {
        (void) state;
        static const struct {
                const char *zone;
                const char *at;
                const char *want;
        } cases[] = {
                { "UTC", "2026-03-05T14:22:31Z", "2026-03-05T14:22:31+00:00" },
                { "Europe/Berlin", "2026-03-05T14:22:31Z", "2026-03-05T15:22:31+01:00" },
                { "Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29T01:59:59+01:00" },
                { "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00+02:00" },
                { "Europe/Berlin", "2026-10-25T00:59:59.999999Z", "2026-10-25T02:59:59.999999+02:00" },
                { "Europe/Berlin", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00+01:00" },
                { "Europe/Berlin", "1970-01-01T00:00:00Z", "1970-01-01T01:00:00+01:00" },
                { "Europe/Berlin", "1979-07-01T00:00:00Z", "1979-07-01T01:00:00+01:00" },
                { "America/New_York", "1974-01-15T12:00:00Z", "1974-01-15T08:00:00-04:00" },
                { "Asia/Kathmandu", "1985-12-31T18:29:59Z", "1985-12-31T23:59:59+05:30" },
                { "Asia/Kathmandu", "1985-12-31T18:30:00Z", "1986-01-01T00:15:00+05:45" },
                { "Australia/Lord_Howe", "2026-04-04T14:59:59Z", "2026-04-05T01:59:59+11:00" },
                { "Australia/Lord_Howe", "2026-04-04T15:00:00Z", "2026-04-05T01:30:00+10:30" },
                { "Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29T23:59:59-10:00" },
                { "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31T00:00:00+14:00" },
                { "Africa/Casablanca", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00+00:00" },
                { "Africa/Casablanca", "2026-04-01T12:00:00Z", "2026-04-01T13:00:00+01:00" },
                { "Europe/Berlin", "2100-07-01T12:00:00Z", "2100-07-01T14:00:00+02:00" },
                { "Europe/Berlin", "2128-12-31T23:59:59Z", "2129-01-01T00:59:59+01:00" },
                /* The last Sundays of March and October in years beyond the table: 2200-03-30 and 2345-10-28. */
                { "Europe/Berlin", "2200-03-30T00:59:59Z", "2200-03-30T01:59:59+01:00" },
                { "Europe/Berlin", "2200-03-30T01:00:00Z", "2200-03-30T03:00:00+02:00" },
                { "Europe/Berlin", "2345-10-28T00:59:59Z", "2345-10-28T02:59:59+02:00" },
                { "Europe/Berlin", "2345-10-28T01:00:00Z", "2345-10-28T02:00:00+01:00" },
                { "Australia/Sydney", "9998-12-31T12:00:00Z", "9998-12-31T23:00:00+11:00" },
                { "Asia/Kolkata", "9998-12-31T12:00:00Z", "9998-12-31T17:30:00+05:30" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char got[TIME_TEXT_SIZE];
                Zone *zone = zone_of(cases[i].zone);
                if (!base_streq(zone_format(zone, utc(cases[i].at), got), cases[i].want))
                        fail_msg("%s %s: got %s, want %s", cases[i].zone, cases[i].at, got, cases[i].want);
                zone_unref(zone);
        }
}

static void zone_local_to_utc__table__takes_the_first_and_the_offset_before_a_gap(void **state) {
        (void) state;
        static const struct {
                const char *zone;
                const char *local;
                const char *want;
        } cases[] = {
                { "UTC", "2026-03-05T14:22:31", "2026-03-05T14:22:31Z" },
                { "Europe/Berlin", "2026-03-05T15:22:31", "2026-03-05T14:22:31Z" },
                { "Europe/Berlin", "2026-07-05T15:22:31", "2026-07-05T13:22:31Z" },
                { "Europe/Berlin", "2026-03-29T01:59:59", "2026-03-29T00:59:59Z" },
                { "Europe/Berlin", "2026-03-29T02:00:00", "2026-03-29T01:00:00Z" },
                { "Europe/Berlin", "2026-03-29T02:30:00", "2026-03-29T01:30:00Z" },
                { "Europe/Berlin", "2026-03-29T03:00:00", "2026-03-29T01:00:00Z" },
                { "Europe/Berlin", "2026-10-25T02:00:00", "2026-10-25T00:00:00Z" },
                { "Europe/Berlin", "2026-10-25T02:59:59", "2026-10-25T00:59:59Z" },
                { "Europe/Berlin", "2026-10-25T03:00:00", "2026-10-25T02:00:00Z" },
                { "Pacific/Apia", "2011-12-30T12:00:00", "2011-12-30T22:00:00Z" },
                { "America/St_Johns", "2010-11-06T23:30:00", "2010-11-07T02:00:00Z" }, /* put back at 00:01 */
                { "Europe/Berlin", "2345-10-28T02:30:00", "2345-10-28T00:30:00Z" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char got[TIME_TEXT_SIZE];
                Zone *zone = zone_of(cases[i].zone);
                if (!base_streq(time_format_rfc3339(zone_local_to_utc(zone, local(cases[i].local)), got), cases[i].want))
                        fail_msg("%s %s: got %s, want %s", cases[i].zone, cases[i].local, got, cases[i].want);
                zone_unref(zone);
        }
}

/* The table must say what GLib says, around every change and in between. */
static void zone_offset_seconds__many_instants__agrees_with_glib(void **state) {
        (void) state;
        static const char *const names[] = { "Europe/London", "America/Sao_Paulo", "Africa/Casablanca", "Antarctica/Troll",
                "America/Havana" };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                Zone *zone = zone_of(names[i]);
                GTimeZone *tz = g_time_zone_new_identifier(names[i]);
                assert_non_null(tz);
                int32_t last = zone_offset_seconds(zone, 0);
                for (int64_t s = 0; s < INT64_C(7000000000); s += 43210) {
                        int32_t got = zone_offset_seconds(zone, s * US_PER_SECOND);
                        int32_t want = g_time_zone_get_offset(tz, g_time_zone_find_interval(tz, G_TIME_TYPE_UNIVERSAL, s));
                        if (got != want)
                                fail_msg("%s at %lld: got %d, want %d", names[i], (long long) s, got, want);
                        if (got == last)
                                continue;
                        int64_t low = s - 43210, high = s; /* the change to the second */
                        while (high - low > 1) {
                                int64_t middle = (low + high) / 2;
                                if (zone_offset_seconds(zone, middle * US_PER_SECOND) == last)
                                        low = middle;
                                else
                                        high = middle;
                        }
                        assert_int_equal(zone_offset_seconds(zone, high * US_PER_SECOND - 1), last);
                        assert_int_equal(g_time_zone_get_offset(tz, g_time_zone_find_interval(tz, G_TIME_TYPE_UNIVERSAL, low)), last);
                        assert_int_not_equal(g_time_zone_get_offset(tz, g_time_zone_find_interval(tz, G_TIME_TYPE_UNIVERSAL, high)), last);
                        last = got;
                }
                g_time_zone_unref(tz);
                zone_unref(zone);
        }
}

static void *use_zone(void *data) {
        Zone *zone = zone_ref(data);
        intptr_t sum = 0;
        for (int64_t i = 0; i < 20000; i++)
                sum += zone_offset_seconds(zone, i * 3600 * US_PER_SECOND);
        zone_unref(zone);
        return (void *) sum;
}

static void zone__shared_by_threads__answers_all_the_same(void **state) {
        (void) state;
        Zone *zone = zone_of("Europe/Berlin");
        pthread_t threads[3];
        void *sums[3], *want = use_zone(zone);
        for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
                assert_int_equal(pthread_create(&threads[i], NULL, use_zone, zone), 0);
        for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
                pthread_join(threads[i], &sums[i]);
                assert_ptr_equal(sums[i], want);
        }
        zone_unref(zone);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(zone_new__names__are_iana_names_or_refused),
                cmocka_unit_test(zone_closest__wrong_names__find_the_one_that_was_meant),
                cmocka_unit_test(zone_offset_seconds__table__is_what_the_clocks_show),
                cmocka_unit_test(zone_local_to_utc__table__takes_the_first_and_the_offset_before_a_gap),
                cmocka_unit_test(zone_offset_seconds__many_instants__agrees_with_glib),
                cmocka_unit_test(zone__shared_by_threads__answers_all_the_same),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
