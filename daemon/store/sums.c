/* SPDX-License-Identifier: MIT */
/*
 * Counters that only grow, for the metrics: so that nobody goes through millions of rows for a number, and a restart is not
 * seen in it. Summed up in memory for a transaction and written once at its end. Those folded from the log begin with
 * version 7 of a book and are a projection of it; those that no event says (what sources sent, what became of deliveries) stand in
 * the same table and are none. Leads that are tests do not count.
 */
#include "internal.h"
#include <errno.h>

/* Working time until an owner accepts; the last bucket has no end. */
static const int64_t bounds_us[STORE_ACCEPTANCE_BOUNDS] = { 5 * US_PER_MINUTE, 15 * US_PER_MINUTE, 30 * US_PER_MINUTE, US_PER_HOUR,
        2 * US_PER_HOUR, 4 * US_PER_HOUR, 8 * US_PER_HOUR, 16 * US_PER_HOUR, 40 * US_PER_HOUR };

int64_t store_acceptance_bound_us(size_t bucket) { return bucket < ARRAY_SIZE(bounds_us) ? bounds_us[bucket] : TIME_NONE; }

bool sum_is_folded(SumKind kind) { return kind < SUM_RECORDS; }

int sum_add(Store *store, SumKind kind, uint64_t a, uint64_t b, int64_t n) {
        Sums *sums = &store->sums;
        uint64_t hash = ((uint64_t) kind * 31 + a) * 31 + b;
        uint32_t *bucket = &sums->buckets[(hash * UINT64_C(0x9e3779b97f4a7c15)) >> 58];
        if (n == 0)
                return 0;
        for (uint32_t at = *bucket; at > 0; at = sums->items[at - 1].next) {
                Sum *sum = &sums->items[at - 1];
                if (sum->kind == kind && sum->a == a && sum->b == b) {
                        sum->n += n;
                        return 0;
                }
        }
        if (sums->n == sums->capacity) {
                size_t capacity = sums->capacity > 0 ? sums->capacity * 2 : 64;
                Sum *items = reallocarray(sums->items, capacity, sizeof(Sum));
                if (!items)
                        return -ENOMEM;
                sums->items = items;
                sums->capacity = capacity;
        }
        sums->items[sums->n++] = (Sum){ .kind = kind, .a = a, .b = b, .n = n, .next = *bucket };
        *bucket = (uint32_t) sums->n;
        return 0;
}

int sums_flush(Store *store) {
        int r = 0;
        for (size_t i = 0; r == 0 && i < store->sums.n; i++) {
                const Sum *sum = &store->sums.items[i];
                r = sql_run(store, SQL_SUM_ADD, ARG((int) sum->kind), ARG(sum->a), ARG(sum->b), ARG(sum->n));
        }
        if (r == 0)
                sums_forget(store);
        return r;
}

void sums_forget(Store *store) {
        store->sums.n = 0;
        memset(store->sums.buckets, 0, sizeof(store->sums.buckets));
}

/* ---- what an event did ---- */

static int fold_moves(Store *store, const Decision *decision) {
        int r = 0;
        for (size_t i = 0; r == 0 && i < decision->n_moves; i++) {
                uint64_t from, to;
                if (base_streq(decision->moves[i].from, decision->moves[i].to))
                        continue;
                r = name_intern(store, decision->moves[i].from, &from);
                if (r == 0)
                        r = name_intern(store, decision->moves[i].to, &to);
                if (r == 0)
                        r = sum_add(store, SUM_TRANSITIONS, from, to, 1);
        }
        return r;
}

/* A step that came counts by what it did; several at once as one reminder, which they were. */
static int fold_step(Store *store, const StoreEntry *entry) {
        const Decision *decision = entry->decision;
        const Facts *facts = &entry->record->facts;
        const char *rule = facts_text(facts, FIELD_TIMER_RULE);
        const Value *step = facts_get(facts, FIELD_TIMER_STEP, NULL);
        uint64_t sla;
        if (!base_streq(entry->record->type ? entry->record->type : "", "timer.step") || !rule || !step || step->type != VALUE_INTEGER)
                return 0;
        SumStep result = decision->n_moves > 0              ? SUM_STEP_MOVED
                         : decision->assignment.changed     ? SUM_STEP_REASSIGNED
                         : decision->reminded_roles != NULL ? SUM_STEP_REMINDED
                                                            : SUM_STEP_NOTHING;
        uint64_t number = step->integer < 0 ? 0 : step->integer >= POLICY_STEPS_MAX ? POLICY_STEPS_MAX - 1 : (uint64_t) step->integer;
        int r = name_intern(store, rule, &sla);
        return r == 0 ? sum_add(store, SUM_STEPS, sla, number * SUM_STEP_RESULTS + result, 1) : r;
}

static int fold_acceptance(Store *store, const HandOff *handoff) {
        uint64_t bucket = 0;
        if (handoff->how != HANDOFF_ACCEPTED || handoff->working_us == TIME_NONE || handoff->working_us < 0)
                return 0;
        while (bucket < ARRAY_SIZE(bounds_us) && handoff->working_us > bounds_us[bucket])
                bucket++;
        int r = sum_add(store, SUM_ACCEPTANCE, bucket, 0, 1);
        return r == 0 ? sum_add(store, SUM_ACCEPTANCE_SECONDS, 0, 0, handoff->working_us / US_PER_SECOND) : r;
}

int sums_fold(Store *store, const StoreEntry *entry) {
        const Decision *decision = entry->decision;
        if (entry->lead_id == 0 || decision->after.test || store_is_before_7(store, entry->event_id))
                return 0;
        int r = fold_moves(store, decision);
        if (r == 0)
                r = fold_step(store, entry);
        return r == 0 ? fold_acceptance(store, &decision->handoff) : r;
}

/* ---- beside the log ---- */

int sums_note_records(Store *store, const char *source, const LedgerEntry *before, const LedgerEntry *now) {
        uint64_t name;
        const int64_t more[] = { [SUM_ACCEPTED] = (int64_t) (now->n_accepted - before->n_accepted),
                [SUM_DUPLICATE] = (int64_t) (now->n_duplicates - before->n_duplicates),
                [SUM_REFUSED] = (int64_t) (now->n_refused - before->n_refused),
                [SUM_DROPPED] = (int64_t) (now->n_dropped - before->n_dropped) };
        int r = name_intern(store, source, &name);
        for (size_t i = 1; r == 0 && i < ARRAY_SIZE(more); i++)
                r = sum_add(store, SUM_RECORDS, name, i, more[i]);
        return r;
}

int sums_note_delivery(Store *store, uint64_t channel, SumDelivery result) { return sum_add(store, SUM_DELIVERIES, channel, result, 1); }

/* ---- reading ---- */

int store_sums(Store *store, int (*on_sum)(const StoredSum *sum, void *userdata), void *userdata) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = names_load(store);
        if (r != 0)
                return r;
        for (r = sql_row_plain(store, SQL_SUM_ALL, &row); r == 0; r = sql_next(store, row)) {
                StoredSum sum = {
                        .kind = (SumKind) sqlite3_column_int(row, 0),
                        .a = column_u64(row, 1),
                        .b = column_u64(row, 2),
                        .n = sqlite3_column_int64(row, 3),
                };
                bool has_name = sum.kind != SUM_ACCEPTANCE && sum.kind != SUM_ACCEPTANCE_SECONDS;
                sum.name = has_name ? name_text(store, sum.a) : NULL;
                sum.to = sum.kind == SUM_TRANSITIONS ? name_text(store, sum.b) : NULL;
                if ((has_name && !sum.name) || (sum.kind == SUM_TRANSITIONS && !sum.to))
                        return -EBADMSG;
                r = on_sum(&sum, userdata);
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}

/* ---- what leaked, by the day ---- */

int store_leaks_told(Store *store, int64_t day, bool *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_LEAK_TOLD, &row, ARG(day));
        *ret = r == 0;
        return r == STORE_E_NONE ? 0 : r;
}

int store_note_leaks(Store *store, int64_t day, const uint64_t n[static LEAK_KINDS]) {
        uint64_t n_all = 0;
        int r = store_may_write(store);
        for (int kind = LEAK_NONE + 1; r == 0 && kind < LEAK_KINDS; kind++) {
                n_all += n[kind];
                if (n[kind] > 0)
                        r = sql_run(store, SQL_LEAK_ADD, ARG(day), ARG(kind), ARG(n[kind]));
        }
        if (r == 0)
                r = sql_run(store, SQL_LEAK_ADD, ARG(day), ARG((int) LEAK_NONE), ARG(n_all));
        if (r == 0)
                r = sql_run(store, SQL_LEAK_PRUNE, ARG(day - STORE_LEAK_DAYS_KEPT));
        return r == 0 ? 0 : store_write_failed(store, r);
}

int store_leak_days(Store *store, int64_t from_day, int (*on_day)(int64_t day, LeakKind kind, uint64_t n, void *userdata), void *userdata) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r;
        for (r = sql_row(store, SQL_LEAK_DAYS, &row, ARG(from_day)); r == 0; r = sql_next(store, row)) {
                int kind = sqlite3_column_int(row, 1);
                if (kind < LEAK_NONE || kind >= LEAK_KINDS)
                        return -EBADMSG;
                r = on_day(sqlite3_column_int64(row, 0), (LeakKind) kind, column_u64(row, 2), userdata);
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}
