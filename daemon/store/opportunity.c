/* SPDX-License-Identifier: MIT */
/*
 * The opportunities of leads: a row each, and one for each stage it was in. What they are is decided (decide/opportunity.c); a lead whose
 * opportunities changed has all its rows written anew, which happens a few times in its life. Of somebody erased those that ended stay as
 * numbers without an id, because what was won was won; those that were alive go.
 *
 * A book of before version 7 kept the facts of one opportunity in the profile: such leads are folded from their log, once.
 */
#include "internal.h"
#include <errno.h>
#include <time.h>

#define SCAN_SNAPSHOT_US (2 * US_PER_SECOND) /* an older one keeps the write-ahead log from being emptied */

/* Columns of SQL_OPPORTUNITY_ALL and SQL_OPPORTUNITY_SCAN. */
enum {
        OPPORTUNITY_LEAD,
        OPPORTUNITY_N,
        OPPORTUNITY_STATE,
        OPPORTUNITY_ID,
        OPPORTUNITY_STAGE,
        OPPORTUNITY_AMOUNT,
        OPPORTUNITY_CURRENCY,
        OPPORTUNITY_PROBABILITY,
        OPPORTUNITY_CLOSE_DATE,
        OPPORTUNITY_OPENED,
        OPPORTUNITY_SAID,
        OPPORTUNITY_CHANGED,
        OPPORTUNITY_STAGED,
        OPPORTUNITY_ENDED,
        OPPORTUNITY_FLAGS /* of the lead: in the scan */
};

/* ---- writing ---- */

static int write_one(Store *store, uint64_t lead, const Opportunity *item) {
        Ref stage, currency;
        int r = name_ref(store, item->stage, STORE_NAMES_MAX, &stage);
        if (r == 0)
                r = name_ref(store, item->currency, STORE_NAMES_MAX, &currency);
        if (r == 0)
                r = sql_run(store, SQL_OPPORTUNITY_ADD, ARG(lead), ARG(item->n), ARG((int) item->state), ARG(item->id), ARG(stage),
                        ARG_TIME(item->amount == AMOUNT_NONE ? TIME_NONE : item->amount), ARG(currency),
                        ARG_TIME(item->probability < 0 ? TIME_NONE : item->probability), ARG(item->close_date), ARG(item->opened_us),
                        ARG(item->said_us), ARG(item->changed_us), ARG(item->staged_us), ARG_TIME(item->ended_us));
        for (size_t k = 0; r == 0 && k < item->n_stages; k++) {
                r = name_ref(store, item->stages[k].stage, STORE_NAMES_MAX, &stage);
                if (r == 0)
                        r = sql_run(store, SQL_OPPORTUNITY_STAGE_ADD, ARG(lead), ARG(item->n), ARG((uint64_t) k + 1), ARG(stage),
                                ARG((int) item->stages[k].state), ARG(item->stages[k].at_us));
        }
        return r;
}

static int write_all(Store *store, uint64_t lead, const Opportunity *items, size_t n) {
        int r = sql_run(store, SQL_OPPORTUNITY_DELETE, ARG(lead));
        if (r == 0)
                r = sql_run(store, SQL_OPPORTUNITY_STAGE_DELETE, ARG(lead));
        for (size_t i = 0; r == 0 && i < n; i++)
                r = write_one(store, lead, &items[i]);
        return r;
}

int opportunities_fold(Store *store, uint64_t lead, const LeadState *after) {
        return write_all(store, lead, after->opportunities, after->n_opportunities);
}

int opportunities_erase(Store *store, uint64_t lead) {
        int r = sql_run(store, SQL_OPPORTUNITY_STAGE_ERASE, ARG(lead));
        if (r == 0)
                r = sql_run(store, SQL_OPPORTUNITY_ERASE_ALIVE, ARG(lead));
        return r == 0 ? sql_run(store, SQL_OPPORTUNITY_ERASE, ARG(lead)) : r;
}

/* ---- reading ---- */

static int read_one(Store *store, sqlite3_stmt *row, Arena *arena, Opportunity *ret) {
        *ret = (Opportunity){
                .n = (uint32_t) sqlite3_column_int64(row, OPPORTUNITY_N),
                .state = (OpportunityState) sqlite3_column_int(row, OPPORTUNITY_STATE),
                .amount = sqlite3_column_type(row, OPPORTUNITY_AMOUNT) == SQLITE_NULL ? AMOUNT_NONE
                                                                                      : sqlite3_column_int64(row, OPPORTUNITY_AMOUNT),
                .probability = sqlite3_column_type(row, OPPORTUNITY_PROBABILITY) == SQLITE_NULL
                                       ? -1
                                       : sqlite3_column_int(row, OPPORTUNITY_PROBABILITY),
                .opened_us = sqlite3_column_int64(row, OPPORTUNITY_OPENED),
                .said_us = sqlite3_column_int64(row, OPPORTUNITY_SAID),
                .changed_us = sqlite3_column_int64(row, OPPORTUNITY_CHANGED),
                .staged_us = sqlite3_column_int64(row, OPPORTUNITY_STAGED),
                .ended_us = column_time(row, OPPORTUNITY_ENDED),
        };
        if (!opportunity_state_name(ret->state))
                return -EBADMSG;
        const struct {
                int column;
                const char **at;
        } texts[] = { { OPPORTUNITY_ID, &ret->id }, { OPPORTUNITY_CLOSE_DATE, &ret->close_date } };
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                const char *text = column_text(row, texts[i].column);
                *texts[i].at = text ? arena_strdup(arena, text) : NULL;
                if (text && !*texts[i].at)
                        return -ENOMEM;
        }
        int r = column_ref(store, row, OPPORTUNITY_STAGE, arena, &ret->stage);
        return r == 0 ? column_ref(store, row, OPPORTUNITY_CURRENCY, arena, &ret->currency) : r;
}

static int read_stages(Store *store, uint64_t lead, Opportunity *items, size_t n, Arena *arena) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        OpportunityStage *stages = ARENA_ARRAY(arena, OpportunityStage, n * DECIDE_STAGES_MAX);
        size_t i = 0;
        if (!stages)
                return -ENOMEM;
        int r = sql_row(store, SQL_OPPORTUNITY_STAGES, &row, ARG(lead));
        for (; r == 0; r = sql_next(store, row)) {
                uint64_t number = column_u64(row, 0);
                while (i < n && items[i].n < number)
                        i++;
                if (i == n || items[i].n != number || items[i].n_stages == DECIDE_STAGES_MAX)
                        return -EBADMSG;
                OpportunityStage *stage = &stages[i * DECIDE_STAGES_MAX + items[i].n_stages++];
                items[i].stages = &stages[i * DECIDE_STAGES_MAX];
                stage->state = (OpportunityState) sqlite3_column_int(row, 2);
                stage->at_us = sqlite3_column_int64(row, 3);
                int s = column_ref(store, row, 1, arena, &stage->stage);
                if (s != 0)
                        return s;
        }
        return r == STORE_E_NONE ? 0 : r;
}

int opportunities_load(Store *store, uint64_t lead, Arena *arena, const Opportunity **ret, size_t *ret_n) {
        Opportunity *items = ARENA_ARRAY(arena, Opportunity, DECIDE_OPPORTUNITIES_MAX);
        size_t n = 0;
        if (!items)
                return -ENOMEM;
        {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                int r = sql_row(store, SQL_OPPORTUNITY_ALL, &row, ARG(lead));
                for (; r == 0; r = sql_next(store, row)) {
                        if (n == DECIDE_OPPORTUNITIES_MAX)
                                return -EBADMSG;
                        int s = read_one(store, row, arena, &items[n++]);
                        if (s != 0)
                                return s;
                }
                if (r != STORE_E_NONE)
                        return r;
        }
        *ret = items;
        *ret_n = n;
        return n > 0 ? read_stages(store, lead, items, n, arena) : 0;
}

int store_opportunities(Store *store, uint64_t lead, Arena *arena, const Opportunity **ret, size_t *ret_n) {
        int r = snapshot_enter(store);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot _unused_ = store;
        r = names_load(store);
        return r == 0 ? opportunities_load(store, lead, arena, ret, ret_n) : r;
}

typedef struct Scan {
        uint64_t lead, n;
        int64_t until_us; /* by the monotonic clock: then the snapshot is given up */
        bool is_over;
} Scan;

static int64_t monotonic_us(void) {
        struct timespec now;
        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t) now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

/* Names are those of the store, the rest lives until the next row. */
static int scan_one(Store *store, sqlite3_stmt *row, Arena *arena, StoredOpportunity *ret) {
        unsigned flags = (unsigned) sqlite3_column_int(row, OPPORTUNITY_FLAGS);
        arena_reset(arena);
        *ret = (StoredOpportunity){
                .lead = column_u64(row, OPPORTUNITY_LEAD),
                .is_test = flags & LEAD_TEST,
                .is_merged = flags & LEAD_MERGED,
                .is_erased = flags & LEAD_ERASED,
        };
        int r = read_one(store, row, arena, &ret->opportunity);
        if (r != 0)
                return r;
        r = scan_read_name(store, row, OPPORTUNITY_STAGE, &ret->opportunity.stage);
        return r == 0 ? scan_read_name(store, row, OPPORTUNITY_CURRENCY, &ret->opportunity.currency) : r;
}

static int scan_on(Store *store, Scan *scan, Arena *arena, int (*on_row)(const StoredOpportunity *row, void *userdata), void *userdata) {
        int r = snapshot_enter(store);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot _unused_ = store;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        r = names_load(store);
        if (r != 0)
                return r;
        size_t n = 0;
        for (r = sql_row(store, SQL_OPPORTUNITY_SCAN, &row, ARG(scan->lead), ARG(scan->n)); r == 0; r = sql_next(store, row)) {
                StoredOpportunity item;
                r = scan_one(store, row, arena, &item);
                if (r != 0)
                        return r;
                scan->lead = item.lead;
                scan->n = item.opportunity.n;
                r = on_row(&item, userdata);
                if (r != 0)
                        return r;
                if (++n % 1024 == 0 && monotonic_us() > scan->until_us)
                        return 0;
        }
        scan->is_over = r == STORE_E_NONE;
        return r == STORE_E_NONE ? 0 : r;
}

int store_scan_opportunities(
        Store *store, uint64_t from_lead, int (*on_row)(const StoredOpportunity *row, void *userdata), void *userdata) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        Scan scan = { .lead = from_lead > 0 ? from_lead - 1 : 0, .n = UINT32_MAX };
        int r = arena ? 0 : -ENOMEM;
        while (r == 0 && !scan.is_over) {
                scan.until_us = monotonic_us() + SCAN_SNAPSHOT_US;
                r = scan_on(store, &scan, arena, on_row, userdata);
        }
        return r;
}

/* ---- replay ---- */

int store_copy_opportunities(Store *store, Store *from, uint64_t lead) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        const Opportunity *items;
        size_t n;
        int r = arena ? store_opportunities(from, lead, arena, &items, &n) : -ENOMEM;
        return r == 0 ? write_all(store, lead, items, n) : r;
}

/* ---- a book of before version 7 ---- */

typedef struct Old {
        Store *store;
        Arena *arena;
        Opportunities opportunities;
        int error;
} Old;

static int fold_move(Old *old, const StoredEvent *event, const MoveMade *made, uint32_t named) {
        uint64_t to = name_find(old->store, made->to ? made->to : "");
        const Name *status = to > 0 ? &old->store->names.items[to] : NULL;
        bool by_person = made->by && (strncmp(made->by, "rep:", 4) == 0 || strncmp(made->by, "team:", 5) == 0);
        return opportunities_move(&old->opportunities, old->arena,
                &(const OpportunityMove){ .move = made->move,
                        .to_final = status && status->status_kind == STATUS_FINAL + 1,
                        .to_queue = status && status->status_kind > 0 && !status->is_staffed,
                        .stays = made->from && made->to && base_streq(made->from, made->to),
                        .by_person = by_person,
                        .has_reason = made->reason,
                        .named = named },
                by_person && event->time_us < event->now_us ? event->time_us : event->now_us);
}

static int fold_old(Old *old, const StoredEvent *event) {
        uint32_t named = 0;
        int r = 0;
        if (event->facts && strncmp(event->type, "timer.", 6) != 0) {
                Facts facts;
                r = facts_decode(event->facts, event->facts_size, true, old->arena, &facts);
                if (r == 0)
                        r = opportunities_take(&old->opportunities, old->arena, &facts, event->time_us, &named);
        }
        for (size_t i = 0; i < event->n_moves && r == 0; i++)
                r = fold_move(old, event, &event->moves[i], named);
        return r > 0 ? -EBADMSG : r;
}

static int on_old_event(const StoredEvent *event, void *userdata) {
        Old *old = userdata;
        old->error = fold_old(old, event);
        return old->error != 0;
}

static int fold_lead(Store *store, uint64_t lead) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        Old old = { .store = store, .arena = arena };
        int r = arena ? store_log(store, lead, 0, on_old_event, &old) : -ENOMEM;
        if (old.error != 0)
                return old.error;
        return r == 0 ? write_all(store, lead, old.opportunities.items, old.opportunities.n_items) : r;
}

static bool speaks_of_one(const Facts *facts) {
        for (size_t i = 0; i < facts->n_items; i++)
                if (facts->items[i].field >= FIELD_OPPORTUNITY_ID && facts->items[i].field <= FIELD_OPPORTUNITY_STAGED)
                        return true;
        return false;
}

/* The next lead above *lead whose profile has facts of an opportunity; 0 = none. */
static int find_old(Store *store, uint64_t *lead) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = arena ? sql_row(store, SQL_OPPORTUNITY_PROFILES, &row, ARG(*lead)) : -ENOMEM;
        *lead = 0;
        for (; r == 0; r = sql_next(store, row)) {
                Facts facts;
                arena_reset(arena);
                r = facts_load(column_blob(row, 1), arena, &facts);
                if (r != 0 && r != -EBADMSG)
                        return r;
                /* One damaged profile is no reason not to open the book. */
                if (r == -EBADMSG || !speaks_of_one(&facts))
                        continue;
                *lead = column_u64(row, 0);
                return 0;
        }
        return r == STORE_E_NONE ? 0 : r;
}

int store_backfill_opportunities(Store *store) {
        uint64_t lead = 0;
        int r = store_may_write(store);
        while (r == 0) {
                r = find_old(store, &lead);
                if (r != 0 || lead == 0)
                        break;
                r = fold_lead(store, lead);
        }
        if (r == 0)
                r = sql_run_plain(store, SQL_OPPORTUNITY_FLAGS);
        store->hot = (LeadRow){ 0 };
        return r == 0 ? 0 : store_write_failed(store, r);
}

int opportunities_backfill(Store *store) {
        {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                int r = sql_row(store, SQL_META_GET, &row, ARG("deals"));
                if (r != 0)
                        return r == STORE_E_NONE ? 0 : r;
        }
        int r = store_begin(store);
        if (r == 0)
                r = store_backfill_opportunities(store);
        if (r == 0)
                r = sql_run(store, SQL_META_DELETE, ARG("deals"));
        if (r == 0)
                return store_commit(store);
        (void) store_rollback(store);
        return r;
}
