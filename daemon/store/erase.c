/* SPDX-License-Identifier: MIT */
/*
 * Erasing a person. What stays is the skeleton of the log: that there was a lead with that number, when its events came and
 * what they did to the work of others, and keyed hashes of what it was known by, which say nothing without the secret and
 * by which what comes a second time is told. Everything that was said is deleted, and deleted is overwritten
 * (PRAGMA secure_delete). The write-ahead log is emptied by whoever holds no transaction (store_empty_log).
 *
 * What files of the spool still say is looked for outside this room; until that is done, and no longer, the row of an
 * erasure keeps what to look for.
 */
#include "internal.h"
#include <errno.h>

/* The ids of a merge are all that its two events say, and a replay needs them. The lead that goes names its host, the one that goes on
 * for it: *ret_host, else 0. */
static bool is_kept(Store *store, uint64_t event, uint64_t *ret_host) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        Facts facts;
        *ret_host = 0;
        if (!arena || sql_row(store, SQL_PROFILE_SAID, &row, ARG(event)) != 0 || facts_load(column_blob(row, 0), arena, &facts) != 0)
                return false;
        if (facts.n_items != 1)
                return false;
        if (facts.items[0].field == FIELD_CARE_INTO)
                *ret_host = (uint64_t) facts.items[0].value.integer;
        return facts.items[0].field == FIELD_CARE_INTO || facts.items[0].field == FIELD_CARE_FROM;
}

static int erase_event(Store *store, uint64_t event, int64_t now_us) {
        uint64_t ledger = 0, host;
        int r = is_kept(store, event, &host) ? 0 : sql_run(store, SQL_PAYLOAD_DELETE, ARG(event));
        /* What was told of the host until the two parted may speak of this person. Where it still waits it is not told: its reader is
         * reminded by the steps to come. */
        if (r == 0 && host > 0)
                r = sql_run(store, SQL_OUTBOX_CANCEL_OF, ARG(host), ARG(now_us), ARG(event));
        if (r == 0)
                r = keys_erase(store, event);
        if (r == 0) {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                r = sql_row(store, SQL_EVENT_ERASE, &row, ARG(event));
                if (r == 0)
                        ledger = column_u64(row, 0);
        }
        /* Names of files hold addresses now and then. One that still waits is needed, and goes with the file. */
        if (r == 0 && ledger > 0)
                r = sql_run(store, SQL_LEDGER_UNNAME, ARG(ledger));
        return r;
}

int erase_fold(Store *store, const StoreEntry *entry, const LeadRow *before) {
        _cleanup_(base_freep) uint64_t *events = NULL;
        size_t n;
        int r = family_events(store, entry->lead_id, 0, &events, &n);
        for (size_t i = 0; r == 0 && i < n; i++)
                if (events[i] != entry->event_id)
                        r = erase_event(store, events[i], entry->now_us);
        if (r == 0)
                r = sql_run(store, SQL_DUPLICATE_DELETE, ARG(entry->lead_id));
        if (r == 0)
                r = feedback_forget(store, entry->lead_id);
        if (r == 0)
                r = audience_forget(store, entry->lead_id);
        if (r == 0)
                r = opportunities_erase(store, entry->lead_id);
        looks_forget(store, entry->lead_id);
        if (r == 0)
                r = sql_run(store, SQL_SEEN_FORGET, ARG(entry->lead_id));
        if (r == 0)
                r = outbox_erase(store, before, entry->now_us);
        if (r == 0 && before->company > 0)
                r = company_erase(store, before->company, entry->lead_id);
        if (r == 0)
                r = sql_run_plain(store, SQL_LEDGER_PURGE);
        return r;
}

/* ---- what is still to be looked for ---- */

int store_erasure_add(Store *store, const char *needles, size_t size, uint64_t *ret_id) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = store_may_write(store);
        if (r != 0)
                return r;
        r = sql_row(store, SQL_ERASURE_ADD, &row, ARG_BYTES(needles, size));
        if (r != 0)
                return store_write_failed(store, r);
        *ret_id = column_u64(row, 0);
        return 0;
}

static int read_needles(sqlite3_stmt *row, Text *needles) {
        Blob blob = column_blob(row, 1);
        text_clear(needles);
        text_append_size(needles, blob.data ? blob.data : "", blob.size);
        return needles->error;
}

int store_erasure_next(Store *store, uint64_t *ret_id, Text *needles) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row_plain(store, SQL_ERASURE_NEXT, &row);
        if (r != 0)
                return r;
        *ret_id = column_u64(row, 0);
        return read_needles(row, needles);
}

int store_erasure_get(Store *store, uint64_t id, Text *needles) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_ERASURE_GET, &row, ARG(id));
        return r == 0 ? read_needles(row, needles) : r;
}

int store_rejects_filter(Store *store, bool (*is_gone)(const char *text, size_t size, void *userdata), void *userdata) {
        uint64_t ledger = 0, index = 0;
        int r = store_may_write(store);
        while (r == 0) {
                bool gone = false;
                {
                        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                        r = sql_row(store, SQL_REJECT_NEXT, &row, ARG(ledger), ARG(index));
                        if (r != 0)
                                break;
                        ledger = column_u64(row, 0);
                        index = column_u64(row, 1);
                        const char *text = column_text(row, 2);
                        Blob raw = column_blob(row, 3);
                        gone = (text && is_gone(text, strlen(text), userdata)) || (raw.data && is_gone(raw.data, raw.size, userdata));
                }
                if (gone)
                        r = sql_run(store, SQL_REJECT_CLEAR_ONE, ARG(ledger), ARG(index));
        }
        return r == STORE_E_NONE ? 0 : r < 0 || r == STORE_E_FULL ? store_write_failed(store, r) : r;
}

int store_erasure_done(Store *store, uint64_t id) {
        int r = store_may_write(store);
        if (r == 0)
                r = sql_run(store, SQL_ERASURE_DONE, ARG(id));
        return r < 0 || r == STORE_E_FULL ? store_write_failed(store, r) : r;
}

int store_empty_log(Store *store) {
        int n_log = 0, n_done = 0;
        if (store->mode != STORE_WRITE)
                return 0;
        if (store->is_in_transaction)
                return -EINVAL;
        int rc = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &n_log, &n_done);
        if (rc == SQLITE_OK)
                store->n_wal_pages = 0;
        return sql_error(store, rc);
}
