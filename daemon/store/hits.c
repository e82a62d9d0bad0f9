/* SPDX-License-Identifier: MIT */
/*
 * How often each rule was hit, by the hour for a week and over all time, so that nobody has to read the log for it.
 * Folded from what an event says it did: its receipts, moves, blocks and effects. Summed up in memory for a transaction and
 * written once at its end, so that a bulk load pays a few rows for thousands of events.
 *
 * A hit of a rule is something it did, at most one an event but for what is told; what that is for each kind stands in the table
 * below. Leads that are tests do not count. A move that a person asked for and was refused is no event: what refused it is counted
 * in tables of its own, which are no projection of the log.
 *
 * Hours older than HIT_HOURS_KEPT before the newest are dropped, and never taken in again should a clock go back: so the
 * table is the same however its events were spread over transactions.
 */
#include "internal.h"
#include <errno.h>

static int64_t hour_of(int64_t now_us) { return now_us / HIT_HOUR_US - (now_us % HIT_HOUR_US < 0); }

/* With each kind that does something: what counts. What has none is there for other rules, or only says what things are. */
static const struct {
        const char *meaning;
        bool is_old; /* counted since there are counts (hits_from), the others since uses_from */
} counted[] = {
        [RULE_STATUS] = { "a lead that entered it", false },
        [RULE_CRITERION] = { "a lead it kept from a move, because it was missing", false },
        [RULE_MOVE] = { "a move that was made", true },
        [RULE_REASON] = { "a move that was made for it", true },
        [RULE_FENCE] = { "a lead it kept from a move, because it was closed", false },
        [RULE_SEGMENT] = { "a judgement of a lead that was in it", true },
        [RULE_GROUP] = { "a judgement in which one of its scores applied", false },
        [RULE_SCORE] = { "a judgement in which it applied", true },
        [RULE_GRADE] = { "a grade that changed", true },
        [RULE_JUNK] = { "an activity that was junk by it", true },
        [RULE_ROUTE] = { "a lead it gave to somebody", true },
        [RULE_SLA] = { "a timer it started", true },
        [RULE_CAMPAIGN] = { "a lead that was taken for it", false },
        [RULE_TRACK] = { "a lead that entered it", false },
        [RULE_CHANNEL] = { "something told through it", false },
        [RULE_MESSAGE] = { "something told in its words", false },
        [RULE_FEED] = { "a record put into it", false },
        [RULE_DIGEST] = { "a day on which it was sent", false },
        [RULE_ADAPTER] = { "a record it made, and that was taken", false },
};

const char *store_hit_meaning(RuleKind kind) { return (size_t) kind < ARRAY_SIZE(counted) ? counted[kind].meaning : NULL; }

static int load_mark(Store *store, const char *name, uint64_t *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_META_GET, &row, ARG(name));
        if (r != 0)
                return r == STORE_E_NONE ? -EBADMSG : r;
        *ret = column_u64(row, 0);
        return 0;
}

int hits_load(Store *store) {
        int r = load_mark(store, "hits", &store->hits_from);
        if (r == 0)
                r = load_mark(store, "uses", &store->uses_from);
        if (r == 0)
                r = load_mark(store, "facts", &store->facts_from);
        if (r != 0)
                return r;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        r = sql_row_plain(store, SQL_HIT_NEWEST, &row);
        store->now.newest_hour = r == 0 ? sqlite3_column_int64(row, 0) : INT64_MIN;
        return r == STORE_E_NONE ? 0 : r;
}

/* ---- counting ---- */

static int hit_for(Store *store, RuleKind kind, const char *rule, bool is_refusal, int64_t hour, Hit **ret) {
        uint64_t id;
        int r = name_intern(store, rule, &id);
        if (r != 0)
                return r;
        for (uint32_t at = store->names.items[id].hit; at > 0; at = store->hits[at - 1].next)
                if (store->hits[at - 1].kind == (int) kind && store->hits[at - 1].hour == hour &&
                        store->hits[at - 1].is_refusal == is_refusal) {
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
                .is_refusal = is_refusal,
                .hour = hour,
                .last_us = TIME_NONE,
                .last_failed_us = TIME_NONE,
                .next = store->names.items[id].hit };
        store->names.items[id].hit = (uint32_t) store->n_hits;
        return 0;
}

static int hit_often(Store *store, RuleKind kind, const char *rule, bool failed, int64_t now_us, uint64_t n) {
        Hit *found;
        if (!rule || rule[0] == '\0' || n == 0)
                return 0;
        int r = hit_for(store, kind, rule, false, hour_of(now_us), &found);
        if (r != 0)
                return r;
        int64_t *last_us = failed ? &found->last_failed_us : &found->last_us;
        *(failed ? &found->n_failed : &found->n) += n;
        if (*last_us == TIME_NONE || now_us > *last_us)
                *last_us = now_us;
        return 0;
}

static int hit(Store *store, RuleKind kind, const char *rule, bool failed, int64_t now_us) {
        return hit_often(store, kind, rule, failed, now_us, 1);
}

/* The groups of the scores that applied, each once. */
static int fold_groups(Store *store, const Decision *decision, int64_t now_us) {
        const Group *seen[POLICY_GROUPS_MAX];
        size_t n_seen = 0;
        int r = 0;
        for (size_t i = 0; r == 0 && i < decision->receipts.n_items; i++) {
                const Receipt *receipt = &decision->receipts.items[i];
                if (!receipt->matched || receipt->rule->kind != RULE_SCORE)
                        continue;
                const Group *group = ((const Score *) (const void *) receipt->rule)->group; /* the rule is its first member */
                size_t at = 0;
                while (at < n_seen && seen[at] != group)
                        at++;
                if (!group || at < n_seen || n_seen == ARRAY_SIZE(seen))
                        continue;
                seen[n_seen++] = group;
                r = hit(store, RULE_GROUP, group->rule.name, false, now_us);
        }
        return r;
}

static int fold_statuses(Store *store, const Decision *decision, int64_t now_us) {
        int r = 0;
        if (decision->is_new)
                r = hit(store, RULE_STATUS, decision->n_moves > 0 ? decision->moves[0].from : decision->after.status, false, now_us);
        for (size_t i = 0; r == 0 && i < decision->n_moves; i++)
                if (!base_streq(decision->moves[i].from, decision->moves[i].to))
                        r = hit(store, RULE_STATUS, decision->moves[i].to, false, now_us);
        return r;
}

static int fold_effects(Store *store, const Decision *decision, int64_t now_us) {
        int r = 0;
        for (size_t i = 0; r == 0 && i < decision->n_effects; i++) {
                const Effect *effect = &decision->effects[i];
                r = hit(store, effect->recipient || effect->kind == EFFECT_SENT ? RULE_CHANNEL : RULE_FEED, effect->channel, false, now_us);
                if (r == 0)
                        r = hit(store, RULE_MESSAGE, effect->message, false, now_us);
        }
        return r;
}

/* What counts since uses_from. */
static int fold_uses(Store *store, const StoreEntry *entry) {
        const Decision *decision = entry->decision;
        int r = fold_groups(store, decision, entry->now_us);
        if (r == 0 && base_streq(entry->record->type ? entry->record->type : "", "timer.digest"))
                r = hit(store, RULE_DIGEST, facts_text(&entry->record->facts, FIELD_TIMER_RULE), false, entry->now_us);
        if (r == 0)
                r = hit_often(store, RULE_CAMPAIGN, decision->taken.campaign, false, entry->now_us, decision->taken.n_leads);
        if (r == 0 && entry->lead_id > 0)
                r = fold_statuses(store, decision, entry->now_us);
        if (r == 0)
                r = fold_effects(store, decision, entry->now_us);
        for (size_t i = 0; r == 0 && i < decision->n_blocks; i++)
                r = hit(store, decision->blocks[i].rule->kind, decision->blocks[i].rule->name, false, entry->now_us);
        return r == 0 ? hit(store, RULE_ADAPTER, entry->record->adapter, false, entry->now_us) : r;
}

int hits_fold(Store *store, const StoreEntry *entry) {
        const Decision *decision = entry->decision;
        bool is_new = entry->event_id >= store->uses_from;
        int r = 0;
        if (entry->event_id < store->hits_from || (is_new && decision->after.test))
                return 0;
        for (size_t i = 0; r == 0 && i < decision->receipts.n_items; i++) {
                const Receipt *receipt = &decision->receipts.items[i];
                /* A move that was made is counted as a move, whoever made it. Before groups were counted by their scores, those were
                 * that min or max cut: these alone have receipts. */
                bool is_hit = receipt->matched && receipt->rule->kind != RULE_MOVE && !(is_new && receipt->rule->kind == RULE_GROUP);
                if (receipt->failed || is_hit)
                        r = hit(store, receipt->rule->kind, receipt->rule->name, receipt->failed, entry->now_us);
        }
        for (size_t i = 0; r == 0 && i < decision->n_moves; i++) {
                r = hit(store, RULE_MOVE, decision->moves[i].move, false, entry->now_us);
                if (r == 0)
                        r = hit(store, RULE_REASON, decision->moves[i].reason, false, entry->now_us);
        }
        return r == 0 && is_new ? fold_uses(store, entry) : r;
}

int store_note_refusal(Store *store, const Decision *decision, int64_t now_us) {
        int r = decision->n_blocks > 0 ? store_may_write(store) : 0;
        for (size_t i = 0; r == 0 && i < decision->n_blocks && !decision->after.test; i++) {
                const Rule *rule = decision->blocks[i].rule;
                Hit *found;
                r = hit_for(store, rule->kind, rule->name, true, hour_of(now_us), &found);
                if (r == 0) {
                        found->n++;
                        found->last_us = now_us > found->last_us ? now_us : found->last_us;
                }
        }
        return r;
}

static int write_refusal(Store *store, const Hit *row) {
        int r = sql_run(store, SQL_REFUSAL_ADD, ARG(row->hour), ARG(row->rule), ARG(row->kind), ARG(row->n));
        if (r == 0)
                r = sql_run(store, SQL_REFUSAL_EVER, ARG(row->rule), ARG(row->kind), ARG(row->n), ARG_TIME(row->last_us));
        return r == 0 ? sql_run(store, SQL_REFUSAL_PRUNE, ARG(row->hour - HIT_HOURS_KEPT)) : r;
}

int hits_flush(Store *store) {
        int64_t newest = store->now.newest_hour;
        int r = 0;
        for (size_t i = 0; i < store->n_hits; i++)
                if (store->hits[i].hour > newest && !store->hits[i].is_refusal)
                        newest = store->hits[i].hour;
        for (size_t i = 0; r == 0 && i < store->n_hits; i++) {
                const Hit *row = &store->hits[i];
                if (row->is_refusal) {
                        r = write_refusal(store, row);
                        continue;
                }
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

int64_t store_hits_since(Store *store, RuleKind kind) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        uint64_t from = (size_t) kind < ARRAY_SIZE(counted) && counted[kind].is_old ? store->hits_from : store->uses_from;
        return sql_row(store, SQL_EVENT_TIME, &row, ARG(from)) == 0 ? sqlite3_column_int64(row, 0) : TIME_NONE;
}

bool store_is_before_6(const Store *store, uint64_t event) { return event < store->uses_from; }
bool store_is_before_7(const Store *store, uint64_t event) { return event < store->facts_from; }

int store_count_as(Store *store, const Store *other) {
        int r = store_may_write(store);
        if (r == 0)
                r = sql_run(store, SQL_META_SET, ARG("hits"), ARG(other->hits_from));
        if (r == 0)
                r = sql_run(store, SQL_META_SET, ARG("uses"), ARG(other->uses_from));
        if (r == 0)
                r = sql_run(store, SQL_META_SET, ARG("facts"), ARG(other->facts_from));
        if (r != 0)
                return r;
        store->hits_from = other->hits_from;
        store->uses_from = other->uses_from;
        store->facts_from = other->facts_from;
        return 0;
}
