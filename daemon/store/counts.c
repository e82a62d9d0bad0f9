/* SPDX-License-Identifier: MIT */
/*
 * Numbers for `status` and the metrics: sums that are kept, sizes, and counts of small
 * tables. Nothing here scans the book.
 */
#include "internal.h"
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static int count(Store *store, Sql sql, uint64_t *ret_a, uint64_t *ret_b) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row_plain(store, sql, &row);
        if (r != 0)
                return r;
        *ret_a = column_u64(row, 0);
        if (ret_b)
                *ret_b = column_u64(row, 1);
        return 0;
}

/* Leads that nobody owns although their status belongs to a team that has members. A reader has no counters: it reads the table. */
static int count_unowned(Store *store, uint64_t *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r;
        *ret = 0;
        if (store_is_writer(store)) {
                const SeatInside *nobody = &store->members.inside[0];
                for (size_t i = 0; i < nobody->n_tallies; i++)
                        if (status_is_open(store, nobody->tallies[i].status) && store->names.items[nobody->tallies[i].status].is_staffed)
                                *ret += (uint64_t) nobody->tallies[i].n;
                return 0;
        }
        r = desk_load_statuses(store);
        if (r != 0)
                return r;
        for (r = sql_row_plain(store, SQL_TALLY_ALL, &row); r == 0; r = sql_next(store, row)) {
                uint64_t status = column_u64(row, 1);
                if (column_u64(row, 0) == 0 && status_is_open(store, status) && store->names.items[status].is_staffed)
                        *ret += column_u64(row, 2);
        }
        return r == STORE_E_NONE ? 0 : r;
}

static uint64_t file_size(const char *path, const char *suffix) {
        char name[4096];
        struct stat st;
        if (!path || (size_t) snprintf(name, sizeof(name), "%s%s", path, suffix) >= sizeof(name) || stat(name, &st) < 0)
                return 0;
        return (uint64_t) st.st_size;
}

int store_counts(Store *store, StoreCounts *ret) {
        int r = store_counts_kept(store, ret);
        return r == 0 ? count(store, SQL_COUNT_WAKES, &ret->n_wakes, NULL) : r;
}

int store_counts_kept(Store *store, StoreCounts *ret) {
        *ret = (StoreCounts){ 0 };
        int r = snapshot_enter(store);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot _unused_ = store;
        {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                r = sql_row_plain(store, SQL_COUNTERS, &row);
                if (r != 0)
                        return r;
                ret->n_events = column_u64(row, 0);
                ret->n_leads = column_u64(row, 1);
        }
        r = count(store, SQL_COUNT_HELD, &ret->n_held, NULL);
        if (r == 0)
                r = count(store, SQL_COUNT_OUTBOX, &ret->n_outbox, &ret->n_outbox_failing);
        if (r == 0)
                r = count(store, SQL_COUNT_DEAD, &ret->n_outbox_dead, NULL);
        if (r == 0)
                r = count_unowned(store, &ret->n_unowned);
        if (r != 0)
                return r;
        if (store->is_in_transaction && store_is_writer(store)) {
                ret->n_accepted = store->now.n_accepted; /* not written yet */
                ret->n_duplicates = store->now.n_duplicates;
                ret->n_refused = store->now.n_refused;
                ret->n_dropped = store->now.n_dropped;
                ret->n_files = store->now.n_files;
        } else {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                r = sql_row_plain(store, SQL_TOTAL_GET, &row);
                if (r != 0)
                        return r == STORE_E_NONE ? -EBADMSG : r;
                ret->n_accepted = column_u64(row, 0);
                ret->n_duplicates = column_u64(row, 1);
                ret->n_refused = column_u64(row, 2);
                ret->n_dropped = column_u64(row, 3);
                ret->n_files = column_u64(row, 4);
        }
        ret->file_size = file_size(store->path, "");
        ret->wal_size = file_size(store->path, "-wal");
        return 0;
}

int store_status_counts(Store *store, int (*on_status)(const StatusCount *count, void *userdata), void *userdata) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = names_load(store);
        if (r != 0)
                return r;
        for (r = sql_row_plain(store, SQL_TALLY_BY_STATUS, &row); r == 0; r = sql_next(store, row)) {
                const StatusCount counted = {
                        .status = name_text(store, column_u64(row, 0)), .n = column_u64(row, 1), .n_unaccepted = column_u64(row, 2)
                };
                if (!counted.status)
                        return -EBADMSG;
                r = on_status(&counted, userdata);
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}

StoreWork store_work(const Store *store) {
        return (StoreWork){ .n_commits = atomic_load(&store->n_commits),
                .n_checkpoints = atomic_load(&store->n_checkpoints),
                .commit_us = (int64_t) atomic_load(&store->commit_us) };
}
