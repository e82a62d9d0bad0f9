#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * worktime: time zones and working-time calendars, as pure functions.
 * due = from + so much working time, exact across daylight-saving changes.
 * No clock, no global state, never setenv("TZ"). Intervals are half-open; where one begins or ends at a wall time that is
 * skipped, it does so at the change, and where that wall time occurs twice, at the first.
 */
#include "leadd/base.h"

typedef struct Zone Zone;         /* an IANA zone; immutable, may be shared by threads */
typedef struct Calendar Calendar; /* immutable once built */

enum {
        WORKTIME_E_ZONE = 1,    /* no such IANA zone */
        WORKTIME_E_SYNTAX = 2,  /* a day, a time or a date does not parse: *ret_text says which */
        WORKTIME_E_CLOSED = 3,  /* no weekly open interval at all */
        WORKTIME_E_NONE = 4,    /* no opening within WORKTIME_HORIZON_DAYS */
        WORKTIME_E_HOLIDAYS = 5 /* the .ics file does not parse */
};

#define WORKTIME_HORIZON_DAYS 200 /* closed for longer than this: there is no due instant */
#define WORKTIME_INTERVALS_MAX 16 /* open intervals in one day */

/* ---- zones ---- */
int zone_new(const char *name, Zone **ret);
/* For error texts: the zone that was probably meant by a name that is none, or NULL. The caller frees it. */
char *zone_closest(const char *name);
Zone *zone_ref(Zone *zone);
Zone *zone_unref(Zone *zone);
const char *zone_name(const Zone *zone);
int32_t zone_offset_seconds(const Zone *zone, int64_t time_us);
/* Wall time (microseconds as if UTC) to instant. Of a wall time that occurs twice the first; for one that is skipped the
 * offset before the change applies. */
int64_t zone_local_to_utc(const Zone *zone, int64_t local_us);
/* "2026-03-05T15:22:31+01:00" in the zone. */
const char *zone_format(const Zone *zone, int64_t time_us, char buf[static TIME_TEXT_SIZE]);

/* ---- calendars ---- */

/* One line of `open` or `except`, exactly as the rule file has it. */
typedef struct CalendarRule {
        const char *key;   /* open: "mon", "tue_fri" (ranges with _ or -, may wrap); except: "2026-12-24" or "2026-12-25..2026-12-26" */
        const char *value; /* "09:00-12:30 13:00-18:00", "22:00-06:00" (passes midnight), "00:00-24:00", "closed" */
} CalendarRule;

typedef struct CalendarSpec {
        const char *name;
        const char *zone;
        const CalendarRule *open;
        size_t n_open;
        const CalendarRule *except; /* replaces the whole day that starts on that date */
        size_t n_except;
        /* An .ics file: its all-day events are closed days, unless `except` names the day; NULL = none. RRULE is honoured. */
        const char *holidays_path;
        /* Its content, when it does not come from a file (the archived copy of a rule set): then holidays_path is a name only. */
        const char *holidays_data;
        size_t holidays_size;
} CalendarSpec;

/* On an outcome > 0, *ret_text (malloc'ed, may be NULL) says what is wrong and where in the spec. A day that two rules of
 * `open`, or two of `except`, claim is WORKTIME_E_SYNTAX. */
int calendar_new(const CalendarSpec *spec, Calendar **ret, char **ret_text);
Calendar *calendar_free(Calendar *calendar);
void calendar_freep(Calendar **calendar);
const char *calendar_name(const Calendar *calendar);
const Zone *calendar_zone(const Calendar *calendar);

bool calendar_is_open(const Calendar *calendar, int64_t time_us);
/* The first instant >= time_us that is open. WORKTIME_E_NONE. */
int calendar_next_open(const Calendar *calendar, int64_t time_us, int64_t *ret_us);
/* from + working time. A budget that ends at closing time is due at closing time; duration 0 is `from` itself;
 * work days as language.md section 2 has it. Without a calendar (NULL) it is wall time and "wd" is refused with -EINVAL.
 * WORKTIME_E_NONE. */
int calendar_add(const Calendar *calendar, int64_t from_us, Duration duration, int64_t *ret_us);
/* The same hours and days read in another zone: those of a person who is elsewhere (NULL: the calendar's own). */
int calendar_next_open_in(const Calendar *calendar, const Zone *zone, int64_t time_us, int64_t *ret_us);
int calendar_add_in(const Calendar *calendar, const Zone *zone, int64_t from_us, Duration duration, int64_t *ret_us);
/* Working time between two instants, negative when until < from. Always finite; clipped to 100 years. */
int64_t calendar_between(const Calendar *calendar, int64_t from_us, int64_t until_us);
