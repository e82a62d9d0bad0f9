/* SPDX-License-Identifier: MIT */
/*
 * How often each rule applied, by the hour for a week and over all time, so that nobody has to read the log for it.
 * Folded from what an event says it did: its receipts and its moves. Summed up in memory for a transaction and written
 * once at its end, so that a bulk load pays a few rows for thousands of events.
 *
 * Hours older than HIT_HOURS_KEPT before the newest are dropped, and never taken in again should a clock go back: so the
 * table is the same however its events were spread over transactions.
 */
#include "internal.h"
#include <errno.h>

static int64_t hour_of(int64_t now_us) { return now_us / HIT_HOUR_US - (now_us % HIT_HOUR_US < 0); }

int hits_load(Store *store) {
        {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                int r = sql_row(store, SQL_META_GET, &row, ARG("hits"));
                if (r != 0)
                        return r == STORE_E_NONE ? -EBADMSG : r;
                store->hits_from = column_u64(row, 0);
        }
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row_plain(store, SQL_HIT_NEWEST, &row);
        store->now.newest_hour = r == 0 ? sqlite3_column_int64(row, 0) : INT64_MIN;
        return r == STORE_E_NONE ? 0 : r;
}

/* ---- counting ---- */

static int hit_for(Store *store, RuleKind kind, const char *rule, int64_t hour, Hit **ret) {
        uint64_t id;
        int r = name_intern(store, rule, &id);
        if (r != 0)
                return r;
        for (uint32_t at = store->names.items[id].hit; at > 0; at = store->hits[at - 1].next)
                if (store->hits[at - 1].kind == (int) kind && store->hits[at - 1].hour == hour) {
                        *ret = &store->hits[at - 1];
                        return 0;
                }
        if (store->n_hits == store->hits_capacity) {
                size_t capacity = store->hits_capacity > 0 ? store->hits_capacity * 2 : 64;
                Hit *hits = reallocarray(store->hits, capacity, sizeof(Hit));
                if (!hits)
                        return -ENOMEM;
                store->hits = hits;
                store->hits_capacity = capacity;
        }
        *ret = &store->hits[store->n_hits++];
        **ret = (Hit){ .rule = id,
                .kind = (int) kind,
                .hour = hour,
                .last_us = TIME_NONE,
                .last_failed_us = TIME_NONE,
                .next = store->names.items[id].hit };
        store->names.items[id].hit = (uint32_t) store->n_hits;
        return 0;
}

static int hit(Store *store, RuleKind kind, const char *rule, bool failed, int64_t now_us) {
        Hit *found;
        if (!rule || rule[0] == '\0')
                return 0;
        int r = hit_for(store, kind, rule, hour_of(now_us), &found);
        if (r != 0)
                return r;
        int64_t *last_us = failed ? &found->last_failed_us : &found->last_us;
        *(failed ? &found->n_failed : &found->n) += 1;
        if (*last_us == TIME_NONE || now_us > *last_us)
                *last_us = now_us;
        return 0;
}

int hits_fold(Store *store, const StoreEntry *entry) {
        const Decision *decision = entry->decision;
        int r = 0;
        if (entry->event_id < store->hits_from)
                return 0;
        for (size_t i = 0; r == 0 && i < decision->receipts.n_items; i++) {
                const Receipt *receipt = &decision->receipts.items[i];
                /* A move that was made is counted as a move, whoever made it. */
                if (receipt->failed || (receipt->matched && receipt->rule->kind != RULE_MOVE))
                        r = hit(store, receipt->rule->kind, receipt->rule->name, receipt->failed, entry->now_us);
        }
        for (size_t i = 0; r == 0 && i < decision->n_moves; i++) {
                r = hit(store, RULE_MOVE, decision->moves[i].move, false, entry->now_us);
                if (r == 0)
                        r = hit(store, RULE_REASON, decision->moves[i].reason, false, entry->now_us);
        }
        return r;
}

int hits_flush(Store *store) {
        int64_t newest = store->now.newest_hour;
        int r = 0;
        for (size_t i = 0; i < store->n_hits; i++)
                if (store->hits[i].hour > newest)
                        newest = store->hits[i].hour;
        for (size_t i = 0; r == 0 && i < store->n_hits; i++) {
                const Hit *row = &store->hits[i];
                if (row->hour > newest - HIT_HOURS_KEPT)
                        r = sql_run(store, SQL_HIT_ADD, ARG(row->hour), ARG(row->rule), ARG(row->kind), ARG(row->n), ARG(row->n_failed));
                if (r == 0)
                        r = sql_run(store, SQL_HIT_EVER, ARG(row->rule), ARG(row->kind), ARG(row->n), ARG(row->n_failed),
                                ARG_TIME(row->last_us), ARG_TIME(row->last_failed_us));
        }
        if (r == 0 && newest != store->now.newest_hour)
                r = sql_run(store, SQL_HIT_PRUNE, ARG(newest - HIT_HOURS_KEPT));
        if (r != 0)
                return r;
        store->now.newest_hour = newest;
        hits_forget(store);
        return 0;
}

void hits_forget(Store *store) {
        for (size_t i = 0; i < store->n_hits; i++)
                if (store->hits[i].rule < store->names.n)
                        store->names.items[store->hits[i].rule].hit = 0;
        store->n_hits = 0;
}

/* ---- reading ---- */

int store_rule_hits(Store *store, int64_t now_us, int (*on_rule)(const RuleHits *hits, void *userdata), void *userdata) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int64_t day_ago = hour_of(now_us - US_PER_DAY), week_ago = hour_of(now_us - 7 * US_PER_DAY);
        int r = names_load(store);
        if (r != 0)
                return r;
        for (r = sql_row(store, SQL_HIT_SUMS, &row, ARG(day_ago), ARG(week_ago)); r == 0; r = sql_next(store, row)) {
                RuleHits hits = {
                        .kind = (RuleKind) sqlite3_column_int(row, 0),
                        .rule = name_text(store, column_u64(row, 1)),
                        .n_1d = column_u64(row, 2),
                        .n_7d = column_u64(row, 3),
                        .n_failed_7d = column_u64(row, 4),
                        .n_ever = column_u64(row, 5),
                        .n_failed = column_u64(row, 6),
                        .last_us = column_time(row, 7),
                        .last_failed_us = column_time(row, 8),
                };
                if (!hits.rule)
                        return -EBADMSG;
                r = on_rule(&hits, userdata);
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}

uint64_t store_hits_from(const Store *store) { return store->hits_from; }

int64_t store_hits_since(Store *store) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        return sql_row(store, SQL_EVENT_TIME, &row, ARG(store->hits_from)) == 0 ? sqlite3_column_int64(row, 0) : TIME_NONE;
}

int store_set_hits_from(Store *store, uint64_t event) {
        int r = store_may_write(store);
        if (r == 0)
                r = sql_run(store, SQL_META_SET, ARG("hits"), ARG(event));
        if (r == 0)
                store->hits_from = event;
        return r;
}
