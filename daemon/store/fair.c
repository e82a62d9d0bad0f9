/* SPDX-License-Identifier: MIT */
/*
 * What routing did for everybody, by the day: entitlements, leads received and what became of them, and each time somebody was
 * passed over. Folded from what decide says of an event, so that a report need not go through the log. Summed up in memory for a
 * transaction and written once at its end.
 *
 * Days older than STORE_FAIR_DAYS_KEPT before the newest are dropped, and never taken in again should a clock go back: so the
 * table is the same however its events were spread over transactions.
 */
#include "internal.h"
#include <errno.h>

int fair_load(Store *store) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row_plain(store, SQL_FAIR_NEWEST, &row);
        store->now.newest_day = r == 0 ? sqlite3_column_int64(row, 0) : INT64_MIN;
        return r == STORE_E_NONE ? 0 : r;
}

static int fair_for(Store *store, const Fair *key, Fair **ret) {
        Fairs *fairs = &store->fairs;
        uint64_t hash = (uint64_t) key->day * 31 + key->team;
        hash = ((hash * 31 + key->route) * 31 + key->member) * 31 + (uint64_t) key->kind;
        uint32_t *bucket = &fairs->buckets[(hash * UINT64_C(0x9e3779b97f4a7c15)) >> 56];
        for (uint32_t at = *bucket; at > 0; at = fairs->items[at - 1].next) {
                Fair *fair = &fairs->items[at - 1];
                if (fair->day == key->day && fair->team == key->team && fair->route == key->route && fair->member == key->member &&
                        fair->kind == key->kind) {
                        *ret = fair;
                        return 0;
                }
        }
        if (fairs->n == fairs->capacity) {
                size_t capacity = fairs->capacity > 0 ? fairs->capacity * 2 : 64;
                Fair *items = reallocarray(fairs->items, capacity, sizeof(Fair));
                if (!items)
                        return -ENOMEM;
                fairs->items = items;
                fairs->capacity = capacity;
        }
        *ret = &fairs->items[fairs->n++];
        **ret = *key;
        (*ret)->next = *bucket;
        *bucket = (uint32_t) fairs->n;
        return 0;
}

int fair_fold(Store *store, const Decision *decision) {
        int r = 0;
        for (size_t i = 0; i < decision->n_fair && r == 0; i++) {
                const FairFact *fact = &decision->fair[i];
                Fair key = { .day = decision->fair_day, .kind = fact->kind }, *fair;
                r = name_intern(store, fact->team, &key.team);
                if (r == 0)
                        r = name_intern(store, fact->route, &key.route);
                if (r == 0)
                        r = name_intern(store, fact->member, &key.member);
                if (r == 0)
                        r = fair_for(store, &key, &fair);
                if (r == 0)
                        fair->n += fact->n;
        }
        return r;
}

int fair_flush(Store *store) {
        const Fairs *fairs = &store->fairs;
        int64_t newest = store->now.newest_day;
        int r = 0;
        for (size_t i = 0; i < fairs->n; i++)
                if (fairs->items[i].day > newest)
                        newest = fairs->items[i].day;
        for (size_t i = 0; r == 0 && i < fairs->n; i++) {
                const Fair *fair = &fairs->items[i];
                if (fair->day > newest - STORE_FAIR_DAYS_KEPT)
                        r = sql_run(store, SQL_FAIR_ADD, ARG(fair->day), ARG(fair->team), ARG(fair->route), ARG(fair->member),
                                ARG((uint64_t) fair->kind), ARG(fair->n));
        }
        if (r == 0 && newest != store->now.newest_day)
                r = sql_run(store, SQL_FAIR_PRUNE, ARG(newest - STORE_FAIR_DAYS_KEPT));
        if (r != 0)
                return r;
        store->now.newest_day = newest;
        fair_forget(store);
        return 0;
}

void fair_forget(Store *store) {
        store->fairs.n = 0;
        memset(store->fairs.buckets, 0, sizeof(store->fairs.buckets));
}

/* ---- reading ---- */

int store_fairness(
        Store *store, int64_t from_day, int64_t until_day, int (*on_fact)(const FairFact *fact, void *userdata), void *userdata) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = names_load(store);
        if (r != 0)
                return r;
        for (r = sql_row(store, SQL_FAIR_SUMS, &row, ARG(from_day), ARG(until_day)); r == 0; r = sql_next(store, row)) {
                const FairFact fact = {
                        .team = name_text(store, column_u64(row, 0)),
                        .route = name_text(store, column_u64(row, 1)),
                        .member = name_text(store, column_u64(row, 2)),
                        .kind = (FairKind) sqlite3_column_int(row, 3),
                        .n = sqlite3_column_int64(row, 4),
                };
                if (!fact.team || !fact.member)
                        return -EBADMSG;
                r = on_fact(&fact, userdata);
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}

int64_t store_fairness_since(Store *store) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        return sql_row(store, SQL_EVENT_TIME, &row, ARG(store->uses_from)) == 0 ? sqlite3_column_int64(row, 0) : TIME_NONE;
}

int store_turns(Store *store, int (*on_turn)(const TurnChange *turn, void *userdata), void *userdata) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = names_load(store);
        if (r != 0)
                return r;
        for (r = sql_row_plain(store, SQL_SEAT_ALL, &row); r == 0; r = sql_next(store, row)) {
                const TurnChange turn = {
                        .member = name_text(store, column_u64(row, 0)),
                        .turn = sqlite3_column_int64(row, 1),
                        .took_part = column_u64(row, 2),
                        .served = column_u64(row, 3),
                        .credits = (uint32_t) column_u64(row, 4),
                };
                if (!turn.member)
                        return -EBADMSG;
                r = on_turn(&turn, userdata);
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}
