/* SPDX-License-Identifier: MIT */
/* Holiday files: which days they close, what they may hold besides, and what is refused. Read from memory and from disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "leadd/worktime.h"

#define HEAD "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n"
#define TAIL "END:VCALENDAR\r\n"
#define EVENT(lines) "BEGIN:VEVENT\r\nUID:1@example.com\r\nDTSTAMP:20200101T000000Z\r\nSUMMARY:A holiday\r\n" lines "END:VEVENT\r\n"
#define FILE_OF(lines) \
        HEAD EVENT(lines) \
        TAIL

static int new_calendar(const char *data, size_t size, const CalendarRule *except, size_t n_except, Calendar **ret, char **text) {
        static const CalendarRule open[] = { { "mon_sun", "00:00-24:00" } };
        CalendarSpec spec = { .name = "test",
                .zone = "UTC",
                .open = open,
                .n_open = 1,
                .except = except,
                .n_except = n_except,
                .holidays_path = "x.ics",
                .holidays_data = data,
                .holidays_size = size };
        return calendar_new(&spec, ret, text);
}

/* The closed days in [first, last], one behind the other: "2026-12-25 2026-12-26 ". */
static void list_closed(const Calendar *calendar, const char *first, const char *last, Text *ret) {
        int64_t from, until;
        assert_int_equal(time_parse_date(first, strlen(first), &from), 0);
        assert_int_equal(time_parse_date(last, strlen(last), &until), 0);
        text_append(ret, "");
        for (int64_t day = from; day <= until; day++)
                if (!calendar_is_open(calendar, day * US_PER_DAY)) {
                        int64_t year;
                        unsigned month, date;
                        time_civil_from_days(day, &year, &month, &date);
                        text_printf(ret, "%04d-%02u-%02u ", (int) year, month, date);
                }
}

static void holidays__table__close_their_days(void **state) {
        (void) state;
        static const struct {
                const char *name;
                const char *data;
                const char *first;
                const char *last;
                const char *want;
        } cases[] = {
                { "no events", HEAD TAIL, "2026-01-01", "2026-12-31", "" },
                { "one day", FILE_OF("DTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261226\r\n"), "2026-01-01", "2027-12-31",
                        "2026-12-25 " },
                { "no end", FILE_OF("DTSTART;VALUE=DATE:20261225\r\n"), "2026-01-01", "2027-12-31", "2026-12-25 " },
                { "plain newlines", "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261225\nEND:VEVENT\nEND:VCALENDAR\n",
                        "2026-01-01", "2027-12-31", "2026-12-25 " },
                { "a byte order mark", "\xef\xbb\xbf" FILE_OF("DTSTART;VALUE=DATE:20261225\r\n"), "2026-01-01", "2027-12-31",
                        "2026-12-25 " },
                { "end before start", FILE_OF("DTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261224\r\n"), "2026-01-01", "2027-12-31",
                        "2026-12-25 " },
                { "three days", FILE_OF("DTSTART;VALUE=DATE:20261230\r\nDTEND;VALUE=DATE:20270102\r\n"), "2026-01-01", "2027-12-31",
                        "2026-12-30 2026-12-31 2027-01-01 " },
                { "a duration", FILE_OF("DTSTART;VALUE=DATE:20261230\r\nDURATION:P2D\r\n"), "2026-01-01", "2027-12-31",
                        "2026-12-30 2026-12-31 " },
                { "free time is a holiday, too", FILE_OF("DTSTART;VALUE=DATE:20261225\r\nTRANSP:TRANSPARENT\r\n"), "2026-01-01",
                        "2027-12-31", "2026-12-25 " },
                { "a meeting is none", FILE_OF("DTSTART:20261225T100000Z\r\nDTEND:20261225T110000Z\r\n"), "2026-01-01", "2027-12-31", "" },
                { "a meeting in a zone is none", FILE_OF("DTSTART;TZID=Europe/Berlin:20261225T100000\r\n"), "2026-01-01", "2027-12-31",
                        "" },
                { "cancelled", FILE_OF("DTSTART;VALUE=DATE:20261225\r\nSTATUS:CANCELLED\r\n"), "2026-01-01", "2027-12-31", "" },
                { "every year", FILE_OF("DTSTART;VALUE=DATE:19901003\r\nRRULE:FREQ=YEARLY\r\n"), "2025-01-01", "2027-12-31",
                        "2025-10-03 2026-10-03 2027-10-03 " },
                { "every year, before 1970", FILE_OF("DTSTART;VALUE=DATE:18900501\r\nRRULE:FREQ=YEARLY\r\n"), "2100-01-01", "2101-12-31",
                        "2100-05-01 2101-05-01 " },
                { "fourth Thursday of November", FILE_OF("DTSTART;VALUE=DATE:20201126\r\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH\r\n"),
                        "2025-01-01", "2026-12-31", "2025-11-27 2026-11-26 " },
                { "last Monday of May", FILE_OF("DTSTART;VALUE=DATE:20200525\r\nRRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO\r\n"), "2025-01-01",
                        "2026-12-31", "2025-05-26 2026-05-25 " },
                { "until", FILE_OF("DTSTART;VALUE=DATE:20240101\r\nRRULE:FREQ=YEARLY;UNTIL=20260101\r\n"), "2025-01-01", "2030-12-31",
                        "2025-01-01 2026-01-01 " },
                { "count", FILE_OF("DTSTART;VALUE=DATE:20250101\r\nRRULE:FREQ=DAILY;COUNT=3\r\n"), "2024-01-01", "2030-12-31",
                        "2025-01-01 2025-01-02 2025-01-03 " },
                { "leap days", FILE_OF("DTSTART;VALUE=DATE:20240229\r\nRRULE:FREQ=YEARLY\r\n"), "2024-01-01", "2032-12-31",
                        "2024-02-29 2028-02-29 2032-02-29 " },
                { "every second week", FILE_OF("DTSTART;VALUE=DATE:20260102\r\nRRULE:FREQ=WEEKLY;INTERVAL=2;UNTIL=20260201\r\n"),
                        "2026-01-01", "2026-12-31", "2026-01-02 2026-01-16 2026-01-30 " },
                { "two days, every year", FILE_OF("DTSTART;VALUE=DATE:20201225\r\nDTEND;VALUE=DATE:20201227\r\nRRULE:FREQ=YEARLY\r\n"),
                        "2026-01-01", "2026-12-31", "2026-12-25 2026-12-26 " },
                { "except one", FILE_OF("DTSTART;VALUE=DATE:20250101\r\nRRULE:FREQ=YEARLY;COUNT=3\r\nEXDATE;VALUE=DATE:20260101\r\n"),
                        "2025-01-01", "2030-12-31", "2025-01-01 2027-01-01 " },
                { "and one more", FILE_OF("DTSTART;VALUE=DATE:20250101\r\nRDATE;VALUE=DATE:20250301,20250401\r\n"), "2025-01-01",
                        "2030-12-31", "2025-01-01 2025-03-01 2025-04-01 " },
                { "one occurrence moved",
                        HEAD EVENT("DTSTART;VALUE=DATE:20250101\r\nRRULE:FREQ=YEARLY;COUNT=3\r\n")
                                EVENT("RECURRENCE-ID;VALUE=DATE:20260101\r\nDTSTART;VALUE=DATE:20260105\r\n") TAIL,
                        "2025-01-01", "2030-12-31", "2025-01-01 2026-01-05 2027-01-01 " },
                { "one occurrence cancelled",
                        HEAD EVENT("DTSTART;VALUE=DATE:20250101\r\nRRULE:FREQ=YEARLY;COUNT=3\r\n")
                                EVENT("RECURRENCE-ID;VALUE=DATE:20260101\r\nDTSTART;VALUE=DATE:20260101\r\nSTATUS:CANCELLED\r\n") TAIL,
                        "2025-01-01", "2030-12-31", "2025-01-01 2027-01-01 " },
                { "the same day twice", HEAD EVENT("DTSTART;VALUE=DATE:20250101\r\n") EVENT("DTSTART;VALUE=DATE:20250101\r\n") TAIL,
                        "2024-01-01", "2030-12-31", "2025-01-01 " },
                { "two calendars", FILE_OF("DTSTART;VALUE=DATE:20250101\r\n") FILE_OF("DTSTART;VALUE=DATE:20250102\r\n"), "2024-01-01",
                        "2030-12-31", "2025-01-01 2025-01-02 " },
                { "empty properties do no harm", FILE_OF("LOCATION:\r\nDESCRIPTION:\r\nDTSTART;VALUE=DATE:20250101\r\nX-WHATEVER:y\r\n"),
                        "2024-01-01", "2030-12-31", "2025-01-01 " },
                { "a rule that never matches", FILE_OF("DTSTART;VALUE=DATE:20250101\r\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30\r\n"),
                        "2024-12-01", "2030-12-31", "" },
                { "folded lines", FILE_OF("DTSTART;VALUE=DATE:2025\r\n 0101\r\nDESCRIPTION:long\r\n  text\r\n\tand more\r\n"), "2024-01-01",
                        "2030-12-31", "2025-01-01 " },
                { "a parameter with a colon", FILE_OF("DTSTART;VALUE=DATE:20250101\r\nORGANIZER;CN=\"a:b\":mailto:a@example.com\r\n"),
                        "2024-01-01", "2030-12-31", "2025-01-01 " },
                { "a to-do", HEAD "BEGIN:VTODO\r\nUID:2\r\nDTSTAMP:20200101T000000Z\r\nDTSTART;VALUE=DATE:20250101\r\nEND:VTODO\r\n" TAIL,
                        "2024-01-01", "2030-12-31", "" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(text_free) Text got = { 0 };
                _cleanup_(base_freep) char *text = NULL;
                _cleanup_(calendar_freep) Calendar *calendar = NULL;
                int r = new_calendar(cases[i].data, strlen(cases[i].data), NULL, 0, &calendar, &text);
                if (r != 0)
                        fail_msg("%s: %d \"%s\"", cases[i].name, r, text ? text : "");
                list_closed(calendar, cases[i].first, cases[i].last, &got);
                if (!base_streq(got.data, cases[i].want))
                        fail_msg("%s: got \"%s\", want \"%s\"", cases[i].name, got.data, cases[i].want);
        }
}

static void holidays__an_exception_for_the_day__counts_more(void **state) {
        (void) state;
        static const char data[] = FILE_OF("DTSTART;VALUE=DATE:20251224\r\nDTEND;VALUE=DATE:20251227\r\nRRULE:FREQ=YEARLY\r\n");
        static const CalendarRule except[] = { { "2026-12-24", "00:00-12:00" }, { "2026-12-31", "closed" } };
        _cleanup_(text_free) Text got = { 0 };
        _cleanup_(calendar_freep) Calendar *calendar = NULL;
        assert_int_equal(new_calendar(data, sizeof data - 1, except, ARRAY_SIZE(except), &calendar, NULL), 0);
        list_closed(calendar, "2026-12-01", "2027-12-24", &got);
        assert_string_equal(got.data, "2026-12-25 2026-12-26 2026-12-31 2027-12-24 ");
}

static void holidays__bad_files__are_refused_with_a_reason(void **state) {
        (void) state;
        static const struct {
                const char *name;
                const char *data;
                const char *text;
        } cases[] = {
                { "empty", "", "not an iCalendar file" },
                { "not iCalendar", "date,name\n2026-12-25,Christmas\n", "not an iCalendar file" },
                { "only the words", "END:VCALENDAR", "x.ics" },
                { "cut off", HEAD "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261225\r\n", "cut off" },
                { "cut off in an event", HEAD "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261225\r\nEND:VCALENDAR\r\n", "x.ics" },
                { "no start", FILE_OF("DTEND;VALUE=DATE:20261225\r\n"), "\"A holiday\"" },
                { "bad date", FILE_OF("DTSTART;VALUE=DATE:2026-12-25\r\n"), "\"DTSTART;VALUE=DATE:2026-12-25\" is not a date" },
                { "bad end", FILE_OF("DTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:26.12.2026\r\n"), "is not a date" },
                { "bad date, folded", FILE_OF("DTSTART;VALUE=DATE:2026\r\n -12-25\r\n"), "is not a date" },
                { "impossible date", FILE_OF("DTSTART;VALUE=DATE:20261325\r\n"), "\"A holiday\"" },
                { "bad rule", FILE_OF("DTSTART;VALUE=DATE:20261225\r\nRRULE:FREQ=SOMETIMES\r\n"), "RRULE" },
                { "a yearly rule that never matches",
                        FILE_OF("DTSTART;VALUE=DATE:20261225\r\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\r\n"), "never" },
                { "hourly rule", FILE_OF("DTSTART;VALUE=DATE:20261225\r\nRRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30\r\n"),
                        "daily, weekly, monthly or yearly" },
                { "bad exception", FILE_OF("DTSTART;VALUE=DATE:20261225\r\nRRULE:FREQ=YEARLY\r\nEXDATE;VALUE=DATE:tomorrow\r\n"),
                        "EXDATE" },
                { "EXRULE", FILE_OF("DTSTART;VALUE=DATE:20261225\r\nRRULE:FREQ=YEARLY\r\nEXRULE:FREQ=YEARLY;INTERVAL=2\r\n"), "EXRULE" },
                { "longer than a year", FILE_OF("DTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20290101\r\n"), "longer than a year" },
                { "too many days", FILE_OF("DTSTART;VALUE=DATE:19700101\r\nDTEND;VALUE=DATE:19700601\r\nRRULE:FREQ=DAILY\r\n"),
                        "more than" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(base_freep) char *text = NULL;
                Calendar *calendar = NULL;
                int r = new_calendar(cases[i].data, strlen(cases[i].data), NULL, 0, &calendar, &text);
                if (r != WORKTIME_E_HOLIDAYS || calendar || !text || !strstr(text, cases[i].text))
                        fail_msg("%s: got %d \"%s\", want %d \"%s\"", cases[i].name, r, text ? text : "", WORKTIME_E_HOLIDAYS,
                                cases[i].text);
        }
        Calendar *calendar = NULL;
        static const char with_nul[] = HEAD "X-A:b\0c\r\n" TAIL;
        assert_int_equal(new_calendar(with_nul, sizeof with_nul - 1, NULL, 0, &calendar, NULL), WORKTIME_E_HOLIDAYS);
}

/* Daily rules that never match are the costliest: libical looks at every day until the year 2582. */
static void holidays__many_rules__are_refused_before_they_take_long(void **state) {
        (void) state;
        static const struct {
                const char *event;
                int n_accepted;
        } cases[] = {
                { EVENT("DTSTART;VALUE=DATE:20250101\r\nRRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO\r\n"), 500 },
                { EVENT("DTSTART;VALUE=DATE:20250101\r\nRRULE:FREQ=MONTHLY;BYMONTH=5;BYMONTHDAY=1\r\n"), 250 },
                { EVENT("DTSTART;VALUE=DATE:20250101\r\nRRULE:FREQ=WEEKLY;BYMONTH=5;BYDAY=MO\r\n"), 31 },
                { EVENT("DTSTART;VALUE=DATE:20250101\r\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30\r\n"), 5 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(text_free) Text data = { 0 };
                _cleanup_(base_freep) char *text = NULL;
                Calendar *calendar = NULL;
                struct timespec start, end;
                text_append(&data, HEAD);
                for (int n = 0; n <= cases[i].n_accepted; n++)
                        text_append(&data, cases[i].event);
                text_append(&data, TAIL);
                (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
                assert_int_equal(new_calendar(data.data, data.size, NULL, 0, &calendar, &text), WORKTIME_E_HOLIDAYS);
                (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
                long ms = (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000;
                print_message("%d rules: %ld ms\n", cases[i].n_accepted, ms);
                assert_non_null(text);
                if (!strstr(text, "recurring events"))
                        fail_msg("case %zu: got \"%s\"", i, text);
                assert_true(ms < 30000);
        }
}

/* ---- from disk ---- */

static int new_from(const char *path, Calendar **ret, char **text) {
        static const CalendarRule open[] = { { "mon_sun", "00:00-24:00" } };
        CalendarSpec spec = { .name = "test", .zone = "UTC", .open = open, .n_open = 1, .holidays_path = path };
        return calendar_new(&spec, ret, text);
}

static void holidays__from_disk__only_a_regular_file_of_bounded_size(void **state) {
        (void) state;
        static const char data[] = FILE_OF("DTSTART;VALUE=DATE:20261225\r\n");
        char folder[] = "/tmp/leadd-test-XXXXXX", path[100], fifo[100];
        assert_non_null(mkdtemp(folder));
        (void) snprintf(path, sizeof path, "%s/germany.ics", folder);
        (void) snprintf(fifo, sizeof fifo, "%s/fifo.ics", folder);
        {
                _cleanup_(base_closep) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
                assert_true(fd >= 0 && write(fd, data, sizeof data - 1) == sizeof data - 1);
        }
        assert_int_equal(mkfifo(fifo, 0644), 0);

        Calendar *calendar = NULL;
        char *text = NULL;
        assert_int_equal(new_from(path, &calendar, &text), 0);
        _cleanup_(text_free) Text closed = { 0 };
        list_closed(calendar, "2026-01-01", "2026-12-31", &closed);
        assert_string_equal(closed.data, "2026-12-25 ");
        calendar = calendar_free(calendar);

        const struct {
                const char *path;
                const char *text;
        } bad[] = { { fifo, "not a regular file" }, { folder, "not a regular file" }, { "/nonexistent/x.ics", "No such file" } };
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                int r = new_from(bad[i].path, &calendar, &text);
                if (r != WORKTIME_E_HOLIDAYS || !text || !strstr(text, bad[i].text))
                        fail_msg("%s: got %d \"%s\", want \"%s\"", bad[i].path, r, text ? text : "", bad[i].text);
                free(text);
        }
        assert_int_equal(truncate(path, 2 * 1024 * 1024), 0);
        assert_int_equal(new_from(path, &calendar, &text), WORKTIME_E_HOLIDAYS);
        assert_non_null(strstr(text, "larger than"));
        free(text);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(unlink(fifo), 0);
        assert_int_equal(rmdir(folder), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(holidays__table__close_their_days),
                cmocka_unit_test(holidays__an_exception_for_the_day__counts_more),
                cmocka_unit_test(holidays__bad_files__are_refused_with_a_reason),
                cmocka_unit_test(holidays__many_rules__are_refused_before_they_take_long),
                cmocka_unit_test(holidays__from_disk__only_a_regular_file_of_bounded_size),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
