/* SPDX-License-Identifier: MIT */
/*
 * Leads as the look for leaks needs them: the hot row and what stands beside it, all tables in the order of leads and side by side, so
 * that a million of them are one walk through each. Of one lead it is the same walk, one step long. What people did for a lead is read
 * from its chain of events, and only of leads for which it matters. Says what is, not whether it is a leak (decide/leaks.c).
 */
#include "internal.h"
#include <errno.h>

#define WORK_EVENTS_MAX 1000 /* of one lead that are gone through: who has so many new ones is not forgotten */

/* A side table, at the row of the lead at hand or behind it. */
typedef struct Side {
        Sql sql;
        sqlite3_stmt *row;
        uint64_t lead; /* 0 = at its end */
} Side;

static int side_start(Store *store, Side *side, Sql sql, uint64_t from) {
        side->sql = sql;
        int r = sql_row(store, sql, &side->row, ARG(from));
        side->lead = r == 0 ? column_u64(side->row, 0) : 0;
        return r == STORE_E_NONE ? 0 : r;
}

/* *ret: it has a row of that lead. */
static int side_find(Store *store, Side *side, uint64_t lead, bool *ret) {
        while (side->lead != 0 && side->lead < lead) {
                int r = sql_next(store, side->row);
                side->lead = r == 0 ? column_u64(side->row, 0) : 0;
                if (r != 0 && r != STORE_E_NONE)
                        return r;
        }
        *ret = side->lead == lead;
        return 0;
}

enum { SIDE_SLA, SIDE_HELD, SIDE_RECYCLE, SIDE_TRACK, SIDE_OPPORTUNITY, SIDES };
static const Sql side_texts[SIDES] = {
        [SIDE_SLA] = SQL_LEAK_SLAS,
        [SIDE_HELD] = SQL_LEAK_HELD,
        [SIDE_RECYCLE] = SQL_LEAK_RECYCLES,
        [SIDE_TRACK] = SQL_LEAK_TRACKS,
        [SIDE_OPPORTUNITY] = SQL_LEAK_OPPORTUNITIES,
};

typedef struct Walk {
        Side sides[SIDES];
} Walk;

static void walk_end(Walk *walk) {
        for (size_t i = 0; i < SIDES; i++)
                sql_resetp(&walk->sides[i].row);
}

static int walk_start(Store *store, Walk *walk, uint64_t from) {
        int r = 0;
        for (size_t i = 0; r == 0 && i < SIDES; i++)
                r = side_start(store, &walk->sides[i], side_texts[i], from);
        return r;
}

/* A column that holds a Ref. */
static const char *either_text(Store *store, sqlite3_stmt *row, int column) {
        return sqlite3_column_type(row, column) == SQLITE_INTEGER ? name_text(store, column_u64(row, column)) : column_text(row, column);
}

/* Of a lead that was sent back without a reason: its last move says when. */
static int read_return(Store *store, sqlite3_stmt *lead, LeakLead *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        uint64_t from = column_u64(lead, 9) * PASSAGES_PER_EVENT;
        int r = sql_row(store, SQL_LEAK_RETURN, &row, ARG(from), ARG(from + PASSAGES_PER_EVENT));
        ret->returned_us = r == 0 ? sqlite3_column_int64(row, 0) : ret->entered_us;
        if (r == 0)
                ret->returned_by = name_text(store, column_u64(row, 1));
        return r == STORE_E_NONE ? 0 : r;
}

static int read_lead(Store *store, Walk *walk, sqlite3_stmt *row, LeakLead *ret) {
        int64_t created_us = sqlite3_column_int64(row, 3), offered_us = column_time(row, 6);
        unsigned flags = (unsigned) sqlite3_column_int(row, 5);
        bool has;
        *ret = (LeakLead){
                .lead = column_u64(row, 0),
                .last_event = column_u64(row, 7),
                .status = name_text(store, column_u64(row, 1)),
                .owner = name_text(store, column_u64(row, 2)),
                .unaccepted = flags & LEAD_UNACCEPTED,
                .entered_us = created_us + sqlite3_column_int64(row, 4),
                .offered_us = offered_us == TIME_NONE ? TIME_NONE : created_us + offered_us,
                .due_us = TIME_NONE,
                .next_step_us = TIME_NONE,
                .held_look_us = TIME_NONE,
                .recycle_us = TIME_NONE,
                .returned_us = TIME_NONE,
                .track_ended_us = TIME_NONE,
                .consents = either_text(store, row, 8),
                .opportunity_us = TIME_NONE,
                .work = { .n = LEAK_WORK_UNKNOWN, .last_us = TIME_NONE },
        };
        int r = 0;
        if (flags & LEAD_HAS_SLA) {
                Side *side = &walk->sides[SIDE_SLA];
                r = side_find(store, side, ret->lead, &has);
                if (r == 0 && has) {
                        ret->sla = name_text(store, column_u64(side->row, 1));
                        ret->due_us = column_time(side->row, 2);
                        ret->next_step_us = column_time(side->row, 3);
                }
        }
        if (r == 0 && flags & LEAD_HAS_HELD) {
                Side *side = &walk->sides[SIDE_HELD];
                r = side_find(store, side, ret->lead, &has);
                if (r == 0 && has) {
                        ret->held_by = name_text(store, column_u64(side->row, 1));
                        ret->held_look_us = column_time(side->row, 2);
                }
        }
        if (r == 0 && flags & LEAD_HAS_RECYCLE) {
                Side *side = &walk->sides[SIDE_RECYCLE];
                r = side_find(store, side, ret->lead, &has);
                if (r == 0 && has)
                        ret->recycle_us = column_time(side->row, 1);
        }
        if (r == 0 && flags & LEAD_HAS_TRACK) {
                Side *side = &walk->sides[SIDE_TRACK];
                r = side_find(store, side, ret->lead, &has);
                if (r == 0 && has) {
                        ret->in_track = sqlite3_column_int(side->row, 2) == 0;
                        ret->track_ended_us = ret->in_track ? TIME_NONE : sqlite3_column_int64(side->row, 1);
                }
        }
        if (r == 0 && flags & LEAD_HAS_OPPORTUNITY) {
                Side *side = &walk->sides[SIDE_OPPORTUNITY];
                r = side_find(store, side, ret->lead, &has);
                if (r == 0 && has)
                        ret->opportunity_us = sqlite3_column_int64(side->row, 1);
        }
        return r == 0 && flags & LEAD_NO_REASON ? read_return(store, row, ret) : r;
}

/* Who is a test, was merged into another lead, or erased, leaks nothing. */
static bool can_leak(sqlite3_stmt *row) { return (sqlite3_column_int(row, 5) & (LEAD_TEST | LEAD_MERGED | LEAD_ERASED)) == 0; }

int store_leak_leads(Store *store, uint64_t from, size_t n_max, int (*on_lead)(const LeakLead *lead, void *userdata), void *userdata,
        uint64_t *ret_next) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        _cleanup_(walk_end) Walk walk = { 0 };
        size_t n = 0;
        *ret_next = 0;
        int r = names_load(store);
        if (r == 0)
                r = walk_start(store, &walk, from);
        if (r == 0)
                r = sql_row(store, SQL_LEAK_LEADS, &row, ARG(from));
        for (; r == 0; r = sql_next(store, row)) {
                if (n++ == n_max) {
                        *ret_next = column_u64(row, 0);
                        return 0;
                }
                if (!can_leak(row))
                        continue;
                LeakLead lead;
                r = read_lead(store, &walk, row, &lead);
                if (r == 0 && !lead.status)
                        r = -EBADMSG;
                if (r == 0)
                        r = on_lead(&lead, userdata);
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}

typedef struct One {
        uint64_t wanted;
        int (*on_lead)(const LeakLead *lead, void *userdata);
        void *userdata;
        bool found;
} One;

static int on_one(const LeakLead *lead, void *userdata) {
        One *one = userdata;
        one->found = lead->lead == one->wanted;
        return one->found ? one->on_lead(lead, one->userdata) : 0;
}

int store_leak_lead(Store *store, uint64_t lead, int (*on_lead)(const LeakLead *lead, void *userdata), void *userdata) {
        One one = { .wanted = lead, .on_lead = on_lead, .userdata = userdata };
        uint64_t next;
        int r = store_leak_leads(store, lead, 1, on_one, &one, &next);
        return r == 0 && !one.found ? STORE_E_NONE : r;
}

/* ---- what people did ---- */

int store_leak_work(Store *store, const LeakLead *lead, LeakWork *ret) {
        int64_t since_us = lead->offered_us != TIME_NONE ? lead->offered_us : lead->entered_us;
        uint64_t event = lead->last_event;
        int r = 0;
        *ret = (LeakWork){ .last_us = TIME_NONE };
        for (size_t n = 0; r == 0 && event > 0 && ret->n < 2; n++) {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                r = sql_row(store, SQL_LEAK_EVENT, &row, ARG(event));
                if (r != 0)
                        return r == STORE_E_NONE ? -EBADMSG : r;
                int64_t now_us = sqlite3_column_int64(row, 3);
                if (now_us < since_us)
                        break;
                /* By when leadd heard of it: what is entered late was still entered. */
                const char *type = either_text(store, row, 1);
                bool counts = passage_is_work(type ? type : "", either_text(store, row, 2));
                if (counts || n == WORK_EVENTS_MAX) {
                        ret->n = n == WORK_EVENTS_MAX ? 2 : ret->n + 1;
                        if (ret->last_us == TIME_NONE)
                                ret->last_us = now_us;
                }
                event = column_u64(row, 0);
        }
        return r;
}

/* ---- what happened since ---- */

int store_leads_touched(Store *store, uint64_t *event, size_t n_max, uint64_t *ret_leads, size_t *ret_n) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r;
        *ret_n = 0;
        for (r = sql_row(store, SQL_LEAK_TOUCHED, &row, ARG(*event), ARG((uint64_t) n_max)); r == 0; r = sql_next(store, row)) {
                *event = column_u64(row, 0) + 1;
                if (column_u64(row, 1) > 0)
                        ret_leads[(*ret_n)++] = column_u64(row, 1);
        }
        return r == STORE_E_NONE ? 0 : r;
}

int store_log_end(Store *store, uint64_t *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row_plain(store, SQL_LEAK_EVENTS, &row);
        if (r == 0)
                *ret = column_u64(row, 0) + 1;
        return r;
}
