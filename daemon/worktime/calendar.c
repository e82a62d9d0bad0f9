/* SPDX-License-Identifier: MIT */
/*
 * Calendars: from the words of a rule file to a weekly plan and dated days.
 * What two rules of one calendar both claim is an error, not a silent order.
 * Computes nothing with time; that is due.c.
 */
#include "internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define CALENDAR_DATED_MAX 20000 /* days that the exceptions of one calendar may cover */
#define DAY_SECONDS 86400

static const char *const day_names[7] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

int worktime_problem(char **text, int outcome, const char *format, ...) {
        va_list args;
        if (!text || *text)
                return outcome;
        va_start(args, format);
        if (vasprintf(text, format, args) < 0)
                *text = NULL; /* the outcome alone has to do */
        va_end(args);
        return outcome;
}

/* ---- open intervals: "09:00-12:30 13:00-18:00" ---- */

/* "9:00", "09:00"; 24:00 is the end of the day. Returns what follows, or NULL. */
static const char *read_clock(const char *s, int32_t *ret_seconds) {
        int32_t hours = 0, minutes = 0;
        const char *p = s;
        for (; *p >= '0' && *p <= '9' && p - s < 2; p++)
                hours = hours * 10 + (*p - '0');
        if (p == s || *p++ != ':')
                return NULL;
        for (int i = 0; i < 2; i++, p++) {
                if (*p < '0' || *p > '9')
                        return NULL;
                minutes = minutes * 10 + (*p - '0');
        }
        if (minutes > 59 || hours > 24 || (hours == 24 && minutes > 0))
                return NULL;
        *ret_seconds = hours * 3600 + minutes * 60;
        return p;
}

static bool is_space(char c) { return c == ' ' || c == '\t'; }

static int compare_intervals(const void *a, const void *b) {
        const OpenInterval *x = a, *y = b;
        return (x->start > y->start) - (x->start < y->start);
}

static int read_plan(const char *where, const char *value, DayPlan *plan, char **ret_text) {
        *plan = (DayPlan){ 0 };
        if (base_streq(value, "closed"))
                return 0;
        const char *p = value;
        for (;;) {
                OpenInterval interval = { 0 };
                while (is_space(*p))
                        p++;
                if (*p == '\0')
                        break;
                p = read_clock(p, &interval.start);
                if (p && *p++ == '-')
                        p = read_clock(p, &interval.end);
                else
                        p = NULL;
                if (!p || (*p != '\0' && !is_space(*p)) || interval.start == DAY_SECONDS || interval.start == interval.end)
                        return worktime_problem(ret_text, WORKTIME_E_SYNTAX,
                                "%s: \"%s\" must be \"closed\" or times such as \"09:00-12:30 13:00-18:00\"", where, value);
                if (interval.end < interval.start)
                        interval.end += DAY_SECONDS;
                if (plan->n == WORKTIME_INTERVALS_MAX)
                        return worktime_problem(
                                ret_text, WORKTIME_E_SYNTAX, "%s: more than %d open intervals in a day", where, WORKTIME_INTERVALS_MAX);
                plan->intervals[plan->n++] = interval;
        }
        if (plan->n == 0)
                return worktime_problem(ret_text, WORKTIME_E_SYNTAX, "%s: no times; a day without is \"closed\"", where);
        qsort(plan->intervals, plan->n, sizeof plan->intervals[0], compare_intervals);
        for (size_t i = 1; i < plan->n; i++)
                if (plan->intervals[i].start < plan->intervals[i - 1].end)
                        return worktime_problem(ret_text, WORKTIME_E_SYNTAX, "%s: \"%s\" has intervals that overlap", where, value);
        return 0;
}

/* ---- open: the week ---- */

static int day_number(const char *s, size_t size) {
        for (int i = 0; i < 7; i++)
                if (size == 3 && strncmp(s, day_names[i], 3) == 0)
                        return i;
        return -1;
}

/* "mon", "tue_fri", "sat-mon". */
static int read_days(const char *key, int *ret_first, int *ret_last, char **ret_text) {
        const char *second = strpbrk(key, "_-");
        size_t size = second ? (size_t) (second - key) : strlen(key);
        int first = day_number(key, size), last = second ? day_number(second + 1, strlen(second + 1)) : first;
        if (first < 0 || last < 0) {
                char word[16];
                const char *wrong = first < 0 ? key : second + 1;
                size_t n_wrong = first < 0 ? size : strlen(wrong);
                (void) snprintf(word, sizeof word, "%.*s", (int) (n_wrong < 15 ? n_wrong : 15), wrong);
                /* "friday" is no typing mistake, but just as easy to answer. */
                int meant = n_wrong > 3 ? day_number(wrong, 3) : -1;
                const char *closest = meant >= 0 ? day_names[meant] : text_closest(word, day_names, ARRAY_SIZE(day_names));
                if (closest)
                        return worktime_problem(
                                ret_text, WORKTIME_E_SYNTAX, "open.%s: \"%s\" is no day; did you mean \"%s\"?", key, word, closest);
                return worktime_problem(ret_text, WORKTIME_E_SYNTAX,
                        "open.%s: \"%s\" is no day; days are mon to sun, or ranges such as mon_fri", key, word);
        }
        *ret_first = first;
        *ret_last = last;
        return 0;
}

static int calendar_read_open(Calendar *calendar, const CalendarSpec *spec, char **ret_text) {
        bool is_given[7] = { false };
        for (size_t i = 0; i < spec->n_open; i++) {
                int first = 0, last = 0;
                char where[64];
                DayPlan plan;
                int r = read_days(spec->open[i].key, &first, &last, ret_text);
                if (r != 0)
                        return r;
                (void) snprintf(where, sizeof where, "open.%.40s", spec->open[i].key);
                r = read_plan(where, spec->open[i].value, &plan, ret_text);
                if (r != 0)
                        return r;
                for (int day = first;; day = (day + 1) % 7) {
                        if (is_given[day])
                                return worktime_problem(ret_text, WORKTIME_E_SYNTAX, "%s: %s is given twice", where, day_names[day]);
                        is_given[day] = true;
                        calendar->week[day] = plan;
                        if (day == last)
                                break;
                }
        }
        return 0;
}

/* The open time of a week that is like the one before and after it: night shifts of Sunday reach into Monday. */
static int64_t week_open_us(const Calendar *calendar) {
        int64_t open_seconds = 0;
        int32_t reached = 0;
        for (int lap = 0; lap < 2; lap++) {
                /* The first lap only finds out how far Sunday reaches. */
                open_seconds = 0;
                reached = lap == 0 ? 0 : reached > 7 * DAY_SECONDS ? reached - 7 * DAY_SECONDS : 0;
                for (int day = 0; day < 7; day++)
                        for (size_t i = 0; i < calendar->week[day].n; i++) {
                                int32_t start = calendar->week[day].intervals[i].start + day * DAY_SECONDS;
                                int32_t end = calendar->week[day].intervals[i].end + day * DAY_SECONDS;
                                if (start < reached)
                                        start = reached;
                                if (end > start) {
                                        open_seconds += end - start;
                                        reached = end;
                                }
                        }
        }
        return open_seconds * US_PER_SECOND;
}

/* ---- except and holidays: dated days ---- */

static int compare_dated(const void *a, const void *b) {
        const DatedDay *x = a, *y = b;
        return (x->day > y->day) - (x->day < y->day);
}

/* "2026-12-24" or "2026-12-25..2026-12-26". */
static int read_dates(const char *key, int64_t *ret_first, int64_t *ret_last, char **ret_text) {
        const char *second = strstr(key, "..");
        size_t size = second ? (size_t) (second - key) : strlen(key);
        int64_t first = 0, last = 0;
        if (time_parse_date(key, size, &first) != 0 || (second && time_parse_date(second + 2, strlen(second + 2), &last) != 0))
                return worktime_problem(ret_text, WORKTIME_E_SYNTAX,
                        "except[\"%s\"]: must be a date such as \"2026-12-24\" or \"2026-12-24..2026-12-26\"", key);
        if (!second)
                last = first;
        if (last < first)
                return worktime_problem(ret_text, WORKTIME_E_SYNTAX, "except[\"%s\"]: ends before it begins", key);
        if (last - first >= CALENDAR_DATED_MAX)
                return worktime_problem(ret_text, WORKTIME_E_SYNTAX, "except[\"%s\"]: more than %d days", key, CALENDAR_DATED_MAX);
        *ret_first = first;
        *ret_last = last;
        return 0;
}

static int calendar_read_except(Calendar *calendar, const CalendarSpec *spec, char **ret_text) {
        size_t n_days = 0;
        int64_t first = 0, last = 0;
        for (size_t i = 0; i < spec->n_except; i++) {
                int r = read_dates(spec->except[i].key, &first, &last, ret_text);
                if (r != 0)
                        return r;
                n_days += (size_t) (last - first + 1);
                if (n_days > CALENDAR_DATED_MAX)
                        return worktime_problem(ret_text, WORKTIME_E_SYNTAX, "except: more than %d days", CALENDAR_DATED_MAX);
        }
        if (n_days == 0)
                return 0;
        calendar->plans = calloc(spec->n_except, sizeof *calendar->plans);
        calendar->dated = calloc(n_days, sizeof *calendar->dated);
        if (!calendar->plans || !calendar->dated)
                return -ENOMEM;
        for (size_t i = 0; i < spec->n_except; i++) {
                char where[64];
                (void) snprintf(where, sizeof where, "except[\"%.40s\"]", spec->except[i].key);
                int r = read_plan(where, spec->except[i].value, &calendar->plans[i], ret_text);
                if (r == 0)
                        r = read_dates(spec->except[i].key, &first, &last, ret_text);
                if (r != 0)
                        return r;
                for (int64_t day = first; day <= last; day++)
                        calendar->dated[calendar->n_dated++] = (DatedDay){ (int32_t) day, calendar->plans[i].n == 0 ? -1 : (int32_t) i };
        }
        calendar->n_plans = spec->n_except;
        qsort(calendar->dated, calendar->n_dated, sizeof *calendar->dated, compare_dated);
        for (size_t i = 1; i < calendar->n_dated; i++)
                if (calendar->dated[i].day == calendar->dated[i - 1].day) {
                        int64_t year;
                        unsigned month, day;
                        time_civil_from_days(calendar->dated[i].day, &year, &month, &day);
                        return worktime_problem(
                                ret_text, WORKTIME_E_SYNTAX, "except: %04d-%02u-%02u is given twice", (int) year, month, day);
                }
        return 0;
}

/* Holidays close the days that no exception names: what somebody wrote by hand about a day counts more. */
static int calendar_read_holidays(Calendar *calendar, const CalendarSpec *spec, char **ret_text) {
        Holidays holidays = { 0 };
        if (!spec->holidays_path && !spec->holidays_data)
                return 0;
        int r = holidays_read(spec->holidays_path, spec->holidays_data, spec->holidays_size, &holidays, ret_text);
        _cleanup_(base_freep) int32_t *days = holidays.days;
        if (r != 0 || holidays.n == 0)
                return r;
        size_t n_own = calendar->n_dated;
        DatedDay *dated = realloc(calendar->dated, (n_own + holidays.n) * sizeof *dated);
        if (!dated)
                return -ENOMEM;
        calendar->dated = dated;
        size_t n = n_own;
        for (size_t i = 0; i < holidays.n; i++) {
                const DatedDay closed = { days[i], -1 };
                if (n_own == 0 || !bsearch(&closed, dated, n_own, sizeof *dated, compare_dated))
                        dated[n++] = closed;
        }
        qsort(dated, n, sizeof *dated, compare_dated);
        calendar->n_dated = 0;
        for (size_t i = 0; i < n; i++)
                if (calendar->n_dated == 0 || dated[calendar->n_dated - 1].day != dated[i].day)
                        dated[calendar->n_dated++] = dated[i];
        return 0;
}

size_t calendar_find_dated(const Calendar *calendar, int64_t day) {
        size_t low = 0, high = calendar->n_dated;
        while (low < high) {
                size_t middle = (low + high) / 2;
                if (calendar->dated[middle].day < day)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

const DayPlan *calendar_day_plan(const Calendar *calendar, int64_t day) {
        static const DayPlan closed;
        size_t i = calendar_find_dated(calendar, day);
        if (i < calendar->n_dated && calendar->dated[i].day == day)
                return calendar->dated[i].plan < 0 ? &closed : &calendar->plans[calendar->dated[i].plan];
        int64_t weekday = (day + 3) % 7; /* 1970-01-01 was a Thursday */
        return &calendar->week[weekday < 0 ? weekday + 7 : weekday];
}

/* ---- the whole ---- */

static int calendar_fill(Calendar *calendar, const CalendarSpec *spec, char **ret_text) {
        calendar->name = strdup(spec->name ? spec->name : "");
        if (!calendar->name)
                return -ENOMEM;
        int r = zone_new(spec->zone, &calendar->zone);
        if (r == WORKTIME_E_ZONE) {
                _cleanup_(base_freep) char *closest = zone_closest(spec->zone);
                if (closest)
                        return worktime_problem(
                                ret_text, r, "zone: there is no time zone \"%.80s\"; did you mean \"%s\"?", spec->zone, closest);
                return worktime_problem(ret_text, r, "zone: there is no time zone \"%.80s\" (names are like Europe/Berlin)", spec->zone);
        }
        if (r == 0)
                r = calendar_read_open(calendar, spec, ret_text);
        if (r != 0)
                return r;
        calendar->week_open_us = week_open_us(calendar);
        if (calendar->week_open_us == 0)
                return worktime_problem(ret_text, WORKTIME_E_CLOSED, "open: there is no open interval in the whole week");
        r = calendar_read_except(calendar, spec, ret_text);
        return r != 0 ? r : calendar_read_holidays(calendar, spec, ret_text);
}

int calendar_new(const CalendarSpec *spec, Calendar **ret, char **ret_text) {
        _cleanup_(calendar_freep) Calendar *calendar = calloc(1, sizeof *calendar);
        if (ret_text)
                *ret_text = NULL;
        if (!calendar)
                return -ENOMEM;
        int r = calendar_fill(calendar, spec, ret_text);
        if (r == 0)
                *ret = TAKE(calendar);
        return r;
}

Calendar *calendar_free(Calendar *calendar) {
        if (calendar) {
                free(calendar->name);
                zone_unref(calendar->zone);
                free(calendar->plans);
                free(calendar->dated);
                free(calendar);
        }
        return NULL;
}

void calendar_freep(Calendar **calendar) { *calendar = calendar_free(*calendar); }

const char *calendar_name(const Calendar *calendar) { return calendar->name; }

const Zone *calendar_zone(const Calendar *calendar) { return calendar->zone; }
