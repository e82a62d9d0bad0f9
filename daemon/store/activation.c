/* SPDX-License-Identifier: MIT */
/*
 * What follows from the activation of a rule set, folded from the events of the rules family: the pass that re-derives
 * every lead (how far it is, and what it found), and the rules suspended under this set. Both survive a kill with the
 * events that made them, and a replay finds the same.
 *
 * An activation without rules.to was logged before there was a pass, and begins none.
 */
#include "internal.h"
#include <errno.h>

int activation_load(Store *store) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row_plain(store, SQL_SUSPENDED_LAST, &row);
        if (r == 0)
                store->now.suspended = column_u64(row, 0);
        return r == STORE_E_NONE ? 0 : r;
}

static uint64_t number_of(const Record *record, FieldId field) {
        const Value *value = facts_get(&record->facts, field, NULL);
        return value && value->type == VALUE_INTEGER && value->integer > 0 ? (uint64_t) value->integer : 0;
}

static int fold_activated(Store *store, const StoreEntry *entry) {
        const Value *apply = facts_get(&entry->record->facts, FIELD_RULES_APPLY, NULL);
        int r = sql_run_plain(store, SQL_SUSPENDED_CLEAR);
        if (r == 0)
                store->now.suspended = entry->event_id;
        if (r == 0 && facts_get(&entry->record->facts, FIELD_RULES_TO, NULL))
                r = sql_run(store, SQL_PASS_SET, ARG(entry->event_id), ARG(number_of(entry->record, FIELD_RULES_TO)),
                        ARG(apply && apply->type == VALUE_BOOL && apply->boolean));
        return r;
}

static int fold_rederived(Store *store, const StoreEntry *entry) {
        const Rederivation *found = &entry->decision->rederivation;
        uint64_t to = number_of(entry->record, FIELD_RULES_TO);
        return sql_run(store, SQL_PASS_STEP, ARG(to + 1), ARG(found->n_leads), ARG(found->n_changed), ARG(found->n_regraded),
                ARG(found->n_moving));
}

static int fold_suspended(Store *store, const StoreEntry *entry) {
        const char *name = facts_text(&entry->record->facts, FIELD_RULES_NAME);
        const char *kind = facts_text(&entry->record->facts, FIELD_RULES_KIND);
        uint64_t id;
        int number = 0;
        for (int i = RULE_PRINCIPLE; i <= RULE_KIND_LAST && kind; i++)
                if (base_streq(rule_kind_name((RuleKind) i), kind))
                        number = i;
        if (number == 0 || !name)
                return -EINVAL;
        int r = name_intern(store, name, &id);
        if (r == 0)
                r = sql_run(store, SQL_SUSPENDED_ADD, ARG(entry->event_id), ARG(number), ARG(id), ARG(entry->now_us));
        if (r == 0)
                store->now.suspended = entry->event_id;
        return r;
}

int activation_fold(Store *store, const StoreEntry *entry) {
        const Record *record = entry->record;
        if (record->family == FAMILY_TIMER && base_streq(record->event, "reload") && entry->decision->n_moves > 0)
                return sql_run_plain(store, SQL_PASS_MOVED);
        if (record->family != FAMILY_RULES)
                return 0;
        if (base_streq(record->event, "activated"))
                return fold_activated(store, entry);
        if (base_streq(record->event, "rederived"))
                return fold_rederived(store, entry);
        return base_streq(record->event, "suspended") ? fold_suspended(store, entry) : 0;
}

/* ---- reading ---- */

uint64_t store_suspended_serial(const Store *store) { return store->now.suspended; }

int store_suspended(Store *store, int (*on_rule)(RuleKind kind, const char *rule, int64_t since_us, void *userdata), void *userdata) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = names_load(store);
        if (r != 0)
                return r;
        for (r = sql_row_plain(store, SQL_SUSPENDED_ALL, &row); r == 0; r = sql_next(store, row)) {
                const char *rule = name_text(store, column_u64(row, 1));
                if (!rule)
                        return -EBADMSG;
                r = on_rule((RuleKind) sqlite3_column_int(row, 0), rule, sqlite3_column_int64(row, 2), userdata);
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}

int store_rules_pass(Store *store, RulesPass *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        *ret = (RulesPass){ .next = 1 };
        int r = sql_row_plain(store, SQL_PASS_GET, &row);
        if (r != 0)
                return r == STORE_E_NONE ? 0 : r;
        *ret = (RulesPass){
                .event = column_u64(row, 0),
                .next = column_u64(row, 1),
                .to = column_u64(row, 2),
                .apply = sqlite3_column_int(row, 3) != 0,
                .n_leads = column_u64(row, 4),
                .n_changed = column_u64(row, 5),
                .n_regraded = column_u64(row, 6),
                .n_moving = column_u64(row, 7),
                .n_moved = column_u64(row, 8),
        };
        return 0;
}
