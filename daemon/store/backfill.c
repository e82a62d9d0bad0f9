/* SPDX-License-Identifier: MIT */
/*
 * backfill: what a leadd before version 3 did not keep of a lead and its log says: which reasons it was handed back for last, and when.
 * Without it a since/hold fence would be open to every lead that was handed back before the book was brought up to date.
 *
 * Runs once, in a transaction of its own that also says that it ran. Whether a signal woke a use is not worked out here: the next look at
 * the lead does (fences.c). Not found again: who let a lead expire in the hand-off that ran then, and whose turn it was.
 */
#include "internal.h"
#include <errno.h>

typedef struct Backfill {
        Store *store;
        uint64_t before;
} Backfill;

static int on_event(const StoredEvent *event, void *userdata) {
        const Backfill *fill = userdata;
        int r = 0;
        if (event->id >= fill->before)
                return 1;
        for (size_t i = 0; i < event->n_moves && event->lead > 0 && r == 0; i++) {
                const char *unused;
                uint64_t reason;
                if (!event->moves[i].reason)
                        continue;
                /* Told late, it is as old as its record says. */
                bool told = record_family(event->type ? event->type : "", &unused) == FAMILY_OUTCOME && event->time_us < event->now_us;
                int64_t at_us = told ? event->time_us : event->now_us;
                r = name_intern(fill->store, event->moves[i].reason, &reason);
                if (r == 0)
                        r = sql_run(fill->store, SQL_USED_BACKFILL, ARG(event->lead), ARG(reason), ARG(event->id), ARG(at_us));
        }
        return r;
}

static int fill(Store *store, uint64_t before) {
        Backfill fill = { .store = store, .before = before };
        int r = before > 1 ? store_log(store, 0, 0, on_event, &fill) : 0;
        if (r == 1) /* it was there */
                r = 0;
        if (r == 0 && before > 1)
                r = sql_run_plain(store, SQL_USED_FLAGS);
        return r == 0 ? sql_run(store, SQL_META_DELETE, ARG("backfill")) : r;
}

int backfill(Store *store) {
        uint64_t before;
        {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                int r = sql_row(store, SQL_META_GET, &row, ARG("backfill"));
                if (r != 0)
                        return r == STORE_E_NONE ? 0 : r;
                before = column_u64(row, 0);
        }
        int r = store_begin(store);
        if (r == 0)
                r = fill(store, before);
        if (r == 0)
                return store_commit(store);
        (void) store_rollback(store);
        return r;
}
