/* SPDX-License-Identifier: MIT */
/*
 * The archive of rule sets: each one that ever decided anything, whole, once a hash.
 * The active one's statuses are kept as a table, for readers and for counting what is
 * open.
 */
#include "internal.h"
#include <errno.h>

/* ---- activating ---- */

static int ruleset_id(Store *store, const RuleSet *rules, int64_t now_us, uint64_t *ret) {
        {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                int r = sql_row(store, SQL_RULESET_BY_HASH, &row, ARG((const char *) rules->hash_text));
                if (r == 0) {
                        *ret = column_u64(row, 0);
                        sql_resetp(&row);
                        return sql_run(store, SQL_RULESET_TOUCH, ARG(*ret), ARG(now_us));
                }
                if (r != STORE_E_NONE)
                        return r;
        }
        const void *data;
        size_t size;
        int r = policy_archive(rules, &data, &size);
        if (r != 0)
                return r;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        r = sql_row(store, SQL_RULESET_ADD, &row, ARG((const char *) rules->hash_text), ARG_BYTES(data, size), ARG(now_us));
        if (r != 0)
                return r;
        *ret = column_u64(row, 0);
        r = sql_next(store, row);
        return r == STORE_E_NONE ? 0 : r;
}

/* A status also answers to the name it had: leads keep that one until their next event. */
static const char *status_name(const Status *status, unsigned i) { return i == 0 ? status->rule.name : status->renamed_from; }

/* Whether the table already says what the rule set says; *ret_moved whether some status opened or closed. */
static bool statuses_are_same(Store *store, const RuleSet *rules, bool *ret_moved) {
        size_t n_before = 0, n_found = 0, n_now = 0, n_final_before = 0, n_final_found = 0;
        *ret_moved = false;
        for (size_t i = 0; i < store->names.n; i++) {
                n_before += store->names.items[i].status_kind > 0;
                n_final_before += store->names.items[i].status_kind == STATUS_FINAL + 1;
        }
        for (size_t i = 0; i < rules->n_statuses; i++)
                for (unsigned j = 0; j < 2; j++) {
                        const Status *status = &rules->statuses[i];
                        if (!status_name(status, j))
                                continue;
                        const Name *name = &store->names.items[name_find(store, status_name(status, j))];
                        const char *team = status->team ? status->team->rule.name : NULL, *team_before = name_text(store, name->team);
                        bool was_final = name->status_kind == STATUS_FINAL + 1;
                        n_now++;
                        n_found += name->status_kind == (uint8_t) status->kind + 1 &&
                                   (team ? team_before && base_streq(team, team_before) : !team_before) &&
                                   name->is_staffed == (status->team && status->team->n_members > 0);
                        n_final_found += was_final && status->kind == STATUS_FINAL;
                        *ret_moved |= was_final != (status->kind == STATUS_FINAL);
                }
        *ret_moved |= n_final_found != n_final_before; /* a final one that vanished counts as open */
        return n_found == n_now && n_now == n_before;
}

static int write_statuses(Store *store, const RuleSet *rules) {
        int r = sql_run_plain(store, SQL_STATUS_CLEAR);
        for (size_t i = 0; r == 0 && i < rules->n_statuses; i++)
                for (unsigned j = 0; r == 0 && j < 2; j++) {
                        const Status *status = &rules->statuses[i];
                        uint64_t id, team = 0;
                        if (!status_name(status, j))
                                continue;
                        r = name_intern(store, status_name(status, j), &id);
                        if (r == 0)
                                r = name_intern(store, status->team ? status->team->rule.name : NULL, &team);
                        if (r == 0)
                                r = sql_run(store, SQL_STATUS_ADD, ARG(id), ARG(team), ARG((int) status->kind),
                                        ARG(status->team != NULL && status->team->n_members > 0));
                }
        return r;
}

int store_rules_activate(Store *store, const RuleSet *rules, int64_t now_us) {
        bool is_same = true, is_moved = false;
        uint64_t id = 0;
        int r = store_may_write(store);
        if (r != 0)
                return r;
        r = ruleset_id(store, rules, now_us, &id);
        if (r == 0)
                r = sql_run(store, SQL_META_SET, ARG("rules"), ARG(id));
        if (r == 0)
                is_same = statuses_are_same(store, rules, &is_moved);
        if (r == 0 && !is_same) {
                store->statuses_changed = true;
                r = write_statuses(store, rules);
                if (r == 0)
                        r = desk_load_statuses(store);
                if (r == 0 && is_moved)
                        r = accounts_load(store);
        }
        if (r != 0)
                return store_write_failed(store, r);
        store->now.rules = id;
        return 0;
}

/* ---- the archive ---- */

static int lend(Store *store, sqlite3_stmt *row, const void **ret_data, size_t *ret_size) {
        Blob archive = column_blob(row, 0);
        text_clear(&store->archive);
        text_append_size(&store->archive, archive.data ? archive.data : "", archive.size);
        if (store->archive.error != 0)
                return store->archive.error;
        *ret_data = store->archive.data;
        *ret_size = store->archive.size;
        return 0;
}

int store_rules_last(Store *store, const void **ret_data, size_t *ret_size) {
        uint64_t id;
        {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                int r = sql_row(store, SQL_META_GET, &row, ARG("rules"));
                if (r != 0)
                        return r;
                id = column_u64(row, 0);
        }
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_RULESET_BY_ID, &row, ARG(id));
        return r == 0 ? lend(store, row, ret_data, ret_size) : r;
}

int store_rules_find(Store *store, const char *hash_prefix, const void **ret_data, size_t *ret_size) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_RULESET_BY_PREFIX, &row, ARG(hash_prefix));
        return r == 0 ? lend(store, row, ret_data, ret_size) : r;
}
