/* SPDX-License-Identifier: MIT */
/*
 * The ledger of spool files: how far each has been taken, in the same transaction as
 * its events, so that a kill at any instant resumes at the next record. A file is the
 * same file while its source, name, device, inode, size and mtime are. And the refused
 * records of a file, until they have been written beside it.
 */
#include "internal.h"
#include <errno.h>
#include <jansson.h>

/* Columns of SQL_LEDGER_GET and SQL_LEDGER_UNSETTLED. */
enum {
        LEDGER_ID,
        LEDGER_STATE,
        LEDGER_SOURCE,
        LEDGER_NAME,
        LEDGER_DEVICE,
        LEDGER_INODE,
        LEDGER_SIZE,
        LEDGER_MTIME,
        LEDGER_NEXT_OFFSET,
        LEDGER_NEXT_INDEX,
        LEDGER_ACCEPTED,
        LEDGER_DUPLICATES,
        LEDGER_REFUSED,
        LEDGER_DROPPED,
        LEDGER_ATTEMPTS,
        LEDGER_PURGE
};

static uint32_t file_fingerprint(const Store *store, const SpoolIdentity *identity) {
        uint64_t hash = index_hash(store->seed, identity->source, strlen(identity->source));
        hash = index_hash(hash, identity->name, strlen(identity->name));
        const uint64_t numbers[] = { identity->device, identity->inode, identity->size, (uint64_t) identity->mtime_us };
        return (uint32_t) (index_hash(hash, numbers, sizeof(numbers)) >> 32);
}

static void read_entry(sqlite3_stmt *row, LedgerEntry *ret) {
        *ret = (LedgerEntry){
                .id = column_u64(row, LEDGER_ID),
                .state = (LedgerState) sqlite3_column_int(row, LEDGER_STATE),
                .next_offset = column_u64(row, LEDGER_NEXT_OFFSET),
                .next_index = column_u64(row, LEDGER_NEXT_INDEX),
                .n_accepted = column_u64(row, LEDGER_ACCEPTED),
                .n_duplicates = column_u64(row, LEDGER_DUPLICATES),
                .n_refused = column_u64(row, LEDGER_REFUSED),
                .n_dropped = column_u64(row, LEDGER_DROPPED),
                .attempts = (unsigned) sqlite3_column_int(row, LEDGER_ATTEMPTS),
                .purge = sqlite3_column_int(row, LEDGER_PURGE) != 0,
        };
}

static int read_identity(sqlite3_stmt *row, Arena *arena, SpoolIdentity *ret) {
        const char *source = column_text(row, LEDGER_SOURCE);
        Blob name = column_blob(row, LEDGER_NAME);
        if (!source)
                return -ENOMEM;
        *ret = (SpoolIdentity){
                .source = arena_strdup(arena, source),
                .name = arena_strndup(arena, name.data ? name.data : "", name.size),
                .device = column_u64(row, LEDGER_DEVICE),
                .inode = column_u64(row, LEDGER_INODE),
                .size = column_u64(row, LEDGER_SIZE),
                .mtime_us = sqlite3_column_int64(row, LEDGER_MTIME),
        };
        return ret->source && ret->name ? 0 : -ENOMEM;
}

/* Finished and gone, or set aside and gone: its name and inode may be another file's from now on. */
static bool is_gone(LedgerState state) { return state >= LEDGER_ASIDE; }

static bool is_file(sqlite3_stmt *row, const SpoolIdentity *identity) {
        Blob name = column_blob(row, LEDGER_NAME);
        const char *source = column_text(row, LEDGER_SOURCE);
        return !is_gone((LedgerState) sqlite3_column_int(row, LEDGER_STATE)) && column_u64(row, LEDGER_DEVICE) == identity->device &&
               column_u64(row, LEDGER_INODE) == identity->inode && column_u64(row, LEDGER_SIZE) == identity->size &&
               sqlite3_column_int64(row, LEDGER_MTIME) == identity->mtime_us && source && base_streq(source, identity->source) &&
               name.size == strlen(identity->name) && memcmp(name.size > 0 ? name.data : "", identity->name, name.size) == 0;
}

int ledgers_load(Store *store) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        if (!arena)
                return -ENOMEM;
        for (uint64_t from = 1;;) {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                SpoolIdentity identity;
                arena_reset(arena);
                int r = sql_row(store, SQL_LEDGER_UNSETTLED, &row, ARG(from));
                if (r == STORE_E_NONE)
                        return 0;
                if (r == 0)
                        r = read_identity(row, arena, &identity);
                if (r == 0)
                        r = index_add(&store->ledgers, file_fingerprint(store, &identity), (uint32_t) column_u64(row, LEDGER_ID));
                if (r != 0)
                        return r;
                from = column_u64(row, LEDGER_ID) + 1;
        }
}

int store_ledger_open(Store *store, const SpoolIdentity *identity, int64_t now_us, LedgerEntry *ret) {
        uint32_t fingerprint = file_fingerprint(store, identity), id;
        int r = store_may_write(store);
        if (r != 0)
                return r;
        for (size_t cursor = 0; (id = index_find(&store->ledgers, fingerprint, &cursor)) != 0;) {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                r = sql_row(store, SQL_LEDGER_GET, &row, ARG((uint64_t) id));
                if (r == 0 && is_file(row, identity)) {
                        read_entry(row, ret);
                        return 0;
                }
                if (r != 0 && r != STORE_E_NONE)
                        return r;
        }
        uint64_t ledger = store->now.next_ledger;
        if (ledger > STORE_IDS_MAX)
                return -EOVERFLOW;
        r = sql_run(store, SQL_LEDGER_ADD, ARG(ledger), ARG(identity->source), ARG_BYTES(identity->name, strlen(identity->name)),
                ARG(identity->device), ARG(identity->inode), ARG(identity->size), ARG(identity->mtime_us), ARG(now_us));
        if (r == 0)
                r = index_add_undoable(store, &store->ledgers, fingerprint, (uint32_t) ledger);
        if (r != 0)
                return store_write_failed(store, r);
        store->now.next_ledger++;
        store->now.n_files++;
        store->totals_changed = true;
        *ret = (LedgerEntry){ .id = ledger, .state = LEDGER_READING, .next_index = 1 };
        return 0;
}

static int write_entry(Store *store, const LedgerEntry *before, const LedgerEntry *entry, uint32_t fingerprint, int64_t now_us) {
        int r = sql_run(store, SQL_LEDGER_SET, ARG(entry->id), ARG((int) entry->state), ARG(now_us), ARG(entry->next_offset),
                ARG(entry->next_index), ARG(entry->n_accepted), ARG(entry->n_duplicates), ARG(entry->n_refused), ARG(entry->n_dropped),
                ARG(entry->attempts), ARG(entry->purge));
        if (r == 0 && is_gone(entry->state) && !is_gone(before->state)) {
                r = index_remove_undoable(store, &store->ledgers, fingerprint, (uint32_t) entry->id);
                if (r == 0)
                        r = sql_run(store, SQL_REJECT_CLEAR, ARG(entry->id));
        }
        if (r != 0)
                return store_write_failed(store, r);
        store->now.n_accepted += entry->n_accepted - before->n_accepted;
        store->now.n_duplicates += entry->n_duplicates - before->n_duplicates;
        store->now.n_refused += entry->n_refused - before->n_refused;
        store->now.n_dropped += entry->n_dropped - before->n_dropped;
        store->totals_changed = true;
        return 0;
}

static int find_entry(Store *store, uint64_t ledger, Arena *arena, LedgerEntry *ret, const char **ret_source, uint32_t *ret_fingerprint) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        SpoolIdentity identity;
        int r = sql_row(store, SQL_LEDGER_GET, &row, ARG(ledger));
        if (r == 0)
                r = read_identity(row, arena, &identity);
        if (r != 0)
                return r;
        read_entry(row, ret);
        *ret_source = identity.source;
        *ret_fingerprint = file_fingerprint(store, &identity);
        return 0;
}

int store_ledger_save(Store *store, const LedgerEntry *entry, int64_t now_us) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        LedgerEntry before;
        const char *source;
        uint32_t fingerprint;
        if (!arena)
                return -ENOMEM;
        int r = store_may_write(store);
        if (r == 0)
                r = find_entry(store, entry->id, arena, &before, &source, &fingerprint);
        if (r == 0)
                r = write_entry(store, &before, entry, fingerprint, now_us);
        return r == 0 ? sums_note_records(store, source, &before, entry) : r;
}

int store_ledger_settle(Store *store, uint64_t ledger, bool aside, int64_t now_us) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        LedgerEntry before;
        const char *source;
        uint32_t fingerprint;
        if (!arena)
                return -ENOMEM;
        int r = store_may_write(store);
        if (r == 0)
                r = find_entry(store, ledger, arena, &before, &source, &fingerprint);
        if (r != 0 || is_gone(before.state))
                return r;
        LedgerEntry entry = before;
        entry.state = aside ? LEDGER_ASIDE : LEDGER_SETTLED;
        return write_entry(store, &before, &entry, fingerprint, now_us);
}

int store_ledger_unsettled(
        Store *store, int (*on_entry)(const SpoolIdentity *identity, const LedgerEntry *entry, void *userdata), void *userdata) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        if (!arena)
                return -ENOMEM;
        for (uint64_t from = 1;;) {
                SpoolIdentity identity;
                LedgerEntry entry;
                arena_reset(arena);
                {
                        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                        int r = sql_row(store, SQL_LEDGER_UNSETTLED, &row, ARG(from));
                        if (r == STORE_E_NONE)
                                return 0;
                        if (r == 0)
                                r = read_identity(row, arena, &identity);
                        if (r != 0)
                                return r;
                        read_entry(row, &entry);
                }
                int r = on_entry(&identity, &entry, userdata);
                if (r != 0)
                        return r;
                from = entry.id + 1;
        }
}

/* ---- rejects ---- */

int store_reject_add(Store *store, uint64_t ledger, uint64_t index, const char *reason, const char *field, const char *text,
        const char *raw, size_t raw_size) {
        int r = store_may_write(store);
        if (r == 0) {
                r = sql_run(store, SQL_REJECT_ADD, ARG(ledger), ARG(index), ARG(reason), ARG(field), ARG(text), ARG_BYTES(raw, raw_size));
                if (r != 0)
                        return store_write_failed(store, r);
        }
        return r;
}

/* As JSON text where it is text, byte by byte as Latin-1 where it is not: nothing refused may be lost for being odd. */
static json_t *raw_to_json(Blob raw) {
        if (!raw.data)
                return json_null();
        if (utf8_is_valid(raw.data, raw.size) && !memchr(raw.data, '\0', raw.size))
                return json_stringn(raw.data, raw.size);
        Text text = { 0 };
        const uint8_t *bytes = raw.data;
        for (size_t i = 0; i < raw.size; i++) {
                if (bytes[i] == 0)
                        text_append(&text, "\xef\xbf\xbd"); /* U+FFFD: JSON readers choke on U+0000 */
                else if (bytes[i] < 0x80)
                        text_append_char(&text, (char) bytes[i]);
                else {
                        text_append_char(&text, (char) (0xc0 | bytes[i] >> 6));
                        text_append_char(&text, (char) (0x80 | (bytes[i] & 0x3f)));
                }
        }
        json_t *json = text.error == 0 ? json_stringn(text.data, text.size) : NULL;
        text_free(&text);
        return json;
}

static int format_reject(sqlite3_stmt *row, Text *out) {
        const char *field = column_text(row, 2), *text = column_text(row, 3);
        json_t *json = json_pack("{s:I, s:s, s:s?, s:s?, s:o}", "index", (json_int_t) sqlite3_column_int64(row, 0), "reason",
                column_text(row, 1), "field", field, "text", text, "raw", raw_to_json(column_blob(row, 4)));
        char *line = json ? json_dumps(json, JSON_COMPACT) : NULL;
        json_decref(json);
        if (!line)
                return -ENOMEM;
        text_append(out, line);
        text_append_char(out, '\n');
        free(line);
        return out->error;
}

int store_rejects_format(Store *store, uint64_t ledger, Text *out) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r;
        for (r = sql_row(store, SQL_REJECT_ALL, &row, ARG(ledger)); r == 0; r = sql_next(store, row)) {
                r = format_reject(row, out);
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}
