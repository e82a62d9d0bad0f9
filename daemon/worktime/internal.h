#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * What the parts of worktime share: the spans of constant offset that make a
 * zone, the weekly plan and dated days that make a calendar, holiday dates.
 */
#include "leadd/worktime.h"

/* ---- zone.c ---- */

/* A span [start_us, end_us) during which the offset does not change (neighbouring spans may have the same one). */
typedef struct ZoneSpan {
        int64_t start_us; /* INT64_MIN: since ever */
        int64_t end_us;   /* INT64_MAX: for ever */
        int64_t offset_us;
} ZoneSpan;

ZoneSpan zone_span_at(const Zone *zone, int64_t time_us);
/* The first instant at which the zone's clocks show local_us or something later: the edge of an open interval. Monotone:
 * in a gap it is the end of the gap, of two occurrences the first. */
int64_t zone_first_reaching(const Zone *zone, int64_t local_us);

/* Instants that calendars compute with; outside of these nothing is ever due. */
#define WORKTIME_MIN_US (-2 * US_PER_DAY)
#define WORKTIME_MAX_US (INT64_C(253402300800) * US_PER_SECOND) /* the year 10000 */

/* ---- calendar.c ---- */

/* Seconds since the local midnight that begins the day; end > start, and past 86400 when it passes midnight. */
typedef struct OpenInterval {
        int32_t start;
        int32_t end;
} OpenInterval;

/* Sorted, without overlaps. No intervals: closed. */
typedef struct DayPlan {
        size_t n;
        OpenInterval intervals[WORKTIME_INTERVALS_MAX];
} DayPlan;

typedef struct DatedDay {
        int32_t day;  /* since 1970-01-01 */
        int32_t plan; /* index into Calendar.plans, -1: closed */
} DatedDay;

struct Calendar {
        char *name;
        Zone *zone;
        DayPlan week[7];      /* from Monday */
        int64_t week_open_us; /* in a week without dated days and changes of the offset */
        DayPlan *plans;       /* of the exceptions */
        size_t n_plans;
        DatedDay *dated; /* sorted by day, each day once */
        size_t n_dated;
};

/* Index of the first dated day >= day (n_dated when there is none). */
size_t calendar_find_dated(const Calendar *calendar, int64_t day);
/* The intervals that start on that day. */
const DayPlan *calendar_day_plan(const Calendar *calendar, int64_t day);

/* Sets *text (when it is not NULL and still NULL) and returns outcome. */
int worktime_problem(char **text, int outcome, const char *format, ...) _printf_(3, 4);

/* ---- holidays.c ---- */

#define HOLIDAYS_SIZE_MAX (1024 * 1024) /* bytes of a calendar file */
#define HOLIDAYS_DAYS_MAX 100000        /* closed days it may amount to */

typedef struct Holidays {
        int32_t *days; /* unsorted, may repeat */
        size_t n;
        size_t capacity;
} Holidays;

/* path, or data when it is not NULL. WORKTIME_E_HOLIDAYS with *ret_text; the caller frees holidays->days in any case. */
int holidays_read(const char *path, const char *data, size_t size, Holidays *holidays, char **ret_text);
