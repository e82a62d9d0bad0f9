/* SPDX-License-Identifier: MIT */
/*
 * due = from + working time, and its reverse. A calendar's open time is the
 * union of intervals [edge(start), edge(end)), where the edge of a wall time
 * is the first instant at which the clocks there show it or something later;
 * so a night shift on the day of a change is as long as it really is.
 * Two ways forward: piece by piece, and whole weeks at once where nothing
 * special happens (no change of the offset, no dated day). All loops are
 * bounded by the horizon, by 100 years or by the number of dated days.
 */
#include "internal.h"

#include <errno.h>

#define WEEK_US (7 * US_PER_DAY)
#define BETWEEN_MAX_US (36525 * US_PER_DAY)
#define HORIZON_US (WORKTIME_HORIZON_DAYS * US_PER_DAY)

/* ---- pieces of open time ---- */

static int64_t floor_day(int64_t local_us) { return local_us / US_PER_DAY - (local_us % US_PER_DAY < 0); }

static int64_t local_day(const Calendar *calendar, int64_t time_us) {
        return floor_day(time_us + zone_span_at(calendar->zone, time_us).offset_us);
}

static int64_t edge_us(const Calendar *calendar, int64_t day, int32_t seconds) {
        return zone_first_reaching(calendar->zone, day * US_PER_DAY + seconds * US_PER_SECOND);
}

typedef struct Piece {
        int64_t start_us;
        int64_t end_us;
        int64_t day; /* on which its interval starts */
} Piece;

/* The first piece of open time that begins in [from, until), cut off at from. It may be continued by another one that
 * begins where it ends (or overlaps it, after midnight). */
static bool next_piece(const Calendar *calendar, int64_t from_us, int64_t until_us, Piece *ret) {
        /* Yesterday's intervals may reach into today. */
        for (int64_t day = local_day(calendar, from_us) - 1;; day++) {
                const DayPlan *plan = calendar_day_plan(calendar, day);
                for (size_t i = 0; i < plan->n; i++) {
                        int64_t end_us = edge_us(calendar, day, plan->intervals[i].end);
                        if (end_us <= from_us)
                                continue;
                        int64_t start_us = edge_us(calendar, day, plan->intervals[i].start);
                        if (start_us < from_us)
                                start_us = from_us;
                        if (start_us >= until_us)
                                return false;
                        if (start_us < end_us) {
                                *ret = (Piece){ start_us, end_us, day };
                                return true;
                        }
                }
                /* Closed days have no interval that would end the search. No clock is more than a day from UTC. */
                if ((day - 1) * US_PER_DAY > until_us)
                        return false;
        }
}

/* How many whole weeks from time_us on are ordinary: the open time in them is exactly week_open_us each. */
static int64_t ordinary_weeks(const Calendar *calendar, int64_t time_us) {
        ZoneSpan span = zone_span_at(calendar->zone, time_us);
        /* Shortly after a change, wall times return that have been an edge already. */
        if (span.start_us != INT64_MIN && time_us - span.start_us < 2 * US_PER_DAY)
                return 0;
        int64_t n = (span.end_us == INT64_MAX ? BETWEEN_MAX_US : span.end_us - time_us) / WEEK_US;
        int64_t day = floor_day(time_us + span.offset_us);
        size_t dated = calendar_find_dated(calendar, day - 1);
        if (dated < calendar->n_dated) {
                int64_t n_before = (calendar->dated[dated].day - day - 2) / 7;
                if (n_before < n)
                        n = n_before;
        }
        return n > 0 ? n : 0;
}

static bool is_computable(int64_t time_us) { return time_us >= WORKTIME_MIN_US && time_us < WORKTIME_MAX_US; }

/* ---- the questions ---- */

bool calendar_is_open(const Calendar *calendar, int64_t time_us) {
        Piece piece;
        if (!calendar)
                return true;
        return is_computable(time_us) && next_piece(calendar, time_us, time_us + 1, &piece);
}

int calendar_next_open(const Calendar *calendar, int64_t time_us, int64_t *ret_us) {
        Piece piece = { .start_us = time_us };
        if (!is_computable(time_us))
                return WORKTIME_E_NONE;
        if (calendar && !next_piece(calendar, time_us, time_us + HORIZON_US, &piece))
                return WORKTIME_E_NONE;
        *ret_us = piece.start_us;
        return 0;
}

static int add_time(const Calendar *calendar, int64_t from_us, int64_t budget_us, int64_t *ret_us) {
        while (from_us < WORKTIME_MAX_US) {
                /* One microsecond is always left over: a budget that is used up at closing time is due there and then, not a
                 * week's end later. The last ordinary week is walked, so that the horizon counts from a real closing. */
                int64_t n_needed = (budget_us - 1) / calendar->week_open_us;
                int64_t n_weeks = n_needed > 0 ? ordinary_weeks(calendar, from_us) - 1 : 0;
                if (n_weeks > n_needed)
                        n_weeks = n_needed;
                if (n_weeks > 0) {
                        from_us += n_weeks * WEEK_US;
                        budget_us -= n_weeks * calendar->week_open_us;
                        continue;
                }
                Piece piece;
                if (!next_piece(calendar, from_us, from_us + HORIZON_US, &piece))
                        return WORKTIME_E_NONE;
                if (budget_us <= piece.end_us - piece.start_us) {
                        if (piece.start_us + budget_us >= WORKTIME_MAX_US)
                                break;
                        *ret_us = piece.start_us + budget_us;
                        return 0;
                }
                budget_us -= piece.end_us - piece.start_us;
                from_us = piece.end_us;
        }
        return WORKTIME_E_NONE;
}

/* ---- working days ---- */

/* A day on which something opens; a day that the zone's clocks skipped whole is none. */
static bool is_workday(const Calendar *calendar, int64_t day) {
        const DayPlan *plan = calendar_day_plan(calendar, day);
        for (size_t i = 0; i < plan->n; i++)
                if (edge_us(calendar, day, plan->intervals[i].start) < edge_us(calendar, day, plan->intervals[i].end))
                        return true;
        return false;
}

/* The last closing at or before time_us, which is closed; it is not before `first`, a day with an interval that ended. */
static int64_t last_closing(const Calendar *calendar, int64_t time_us, int64_t first) {
        int64_t closing_us = INT64_MIN;
        /* From tomorrow on, for clocks that have just been put back over midnight; one day further than the first find, for
         * what began a day earlier and ended later. */
        for (int64_t day = local_day(calendar, time_us) + 1, last = first - 1; day > last; day--) {
                const DayPlan *plan = calendar_day_plan(calendar, day);
                for (size_t i = 0; i < plan->n; i++) {
                        int64_t end_us = edge_us(calendar, day, plan->intervals[i].end);
                        if (end_us > time_us || end_us <= closing_us)
                                continue;
                        /* An interval that fell into a gap never opened, so it does not close. */
                        if (edge_us(calendar, day, plan->intervals[i].start) == end_us)
                                continue;
                        closing_us = end_us;
                        if (last < day - 2)
                                last = day - 2;
                }
        }
        return closing_us;
}

static int add_workdays(const Calendar *calendar, int64_t from_us, int32_t n_workdays, int64_t *ret_us) {
        Piece piece;
        if (!next_piece(calendar, from_us, from_us + HORIZON_US, &piece))
                return WORKTIME_E_NONE;
        /* Wall time counted from the day on which the interval starts: two o'clock in Friday's night shift is 26:00, and a
         * working day later it is 26:00 of Monday, in the next shift. */
        int64_t wall_us = piece.start_us + zone_span_at(calendar->zone, piece.start_us).offset_us - piece.day * US_PER_DAY;
        int64_t day = piece.day;
        for (int64_t last = day; n_workdays > 0;) {
                day++;
                if (day - last > WORKTIME_HORIZON_DAYS || day >= WORKTIME_MAX_US / US_PER_DAY - 1)
                        return WORKTIME_E_NONE;
                if (is_workday(calendar, day)) {
                        last = day;
                        n_workdays--;
                }
        }
        int64_t due_us = zone_first_reaching(calendar->zone, day * US_PER_DAY + wall_us);
        if (!calendar_is_open(calendar, due_us))
                due_us = last_closing(calendar, due_us, piece.day);
        *ret_us = due_us;
        return 0;
}

int calendar_add(const Calendar *calendar, int64_t from_us, Duration duration, int64_t *ret_us) {
        if (duration.us < 0 || duration.workdays < 0 || (duration.us > 0 && duration.workdays > 0) || (!calendar && duration.workdays > 0))
                return -EINVAL;
        if (!is_computable(from_us))
                return WORKTIME_E_NONE;
        if (duration.workdays > 0)
                return add_workdays(calendar, from_us, duration.workdays, ret_us);
        if (calendar && duration.us > 0)
                return add_time(calendar, from_us, duration.us, ret_us);
        if (duration.us >= WORKTIME_MAX_US - from_us)
                return WORKTIME_E_NONE;
        *ret_us = from_us + duration.us;
        return 0;
}

/* ---- the hours of somebody who is elsewhere ---- */

/* A calendar is its hours and a zone to read them in: nothing of it is computed for the zone beforehand. */
static Calendar read_in(const Calendar *calendar, const Zone *zone) {
        Calendar moved = *calendar;
        if (zone)
                moved.zone = (Zone *) zone;
        return moved;
}

int calendar_next_open_in(const Calendar *calendar, const Zone *zone, int64_t time_us, int64_t *ret_us) {
        const Calendar moved = read_in(calendar, zone);
        return calendar_next_open(&moved, time_us, ret_us);
}

int calendar_add_in(const Calendar *calendar, const Zone *zone, int64_t from_us, Duration duration, int64_t *ret_us) {
        const Calendar moved = read_in(calendar, zone);
        return calendar_add(&moved, from_us, duration, ret_us);
}

static int64_t clamp_us(int64_t time_us) {
        return time_us < WORKTIME_MIN_US ? WORKTIME_MIN_US : time_us > WORKTIME_MAX_US ? WORKTIME_MAX_US : time_us;
}

int64_t calendar_between(const Calendar *calendar, int64_t from_us, int64_t until_us) {
        int64_t open_us = 0;
        from_us = clamp_us(from_us);
        until_us = clamp_us(until_us);
        if (until_us < from_us)
                return -calendar_between(calendar, until_us, from_us);
        if (until_us - from_us > BETWEEN_MAX_US)
                until_us = from_us + BETWEEN_MAX_US;
        if (!calendar)
                return until_us - from_us;
        while (from_us < until_us) {
                int64_t n_wanted = (until_us - from_us) / WEEK_US, n_weeks = n_wanted > 0 ? ordinary_weeks(calendar, from_us) : 0;
                if (n_weeks > n_wanted)
                        n_weeks = n_wanted;
                if (n_weeks > 0) {
                        from_us += n_weeks * WEEK_US;
                        open_us += n_weeks * calendar->week_open_us;
                        continue;
                }
                Piece piece;
                if (!next_piece(calendar, from_us, until_us, &piece))
                        break;
                if (piece.end_us > until_us)
                        piece.end_us = until_us;
                open_us += piece.end_us - piece.start_us;
                from_us = piece.end_us;
        }
        return open_us;
}
