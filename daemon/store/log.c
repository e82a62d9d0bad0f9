/* SPDX-License-Identifier: MIT */
/*
 * Reading the log back: a lead's events in their order, the whole log in commit
 * order, and one event as the record it was, for replaying it. One event is in
 * memory at a time, and no statement is open while the caller looks at it.
 */
#include "internal.h"
#include <errno.h>

/* Columns of SQL_EVENT_GET and SQL_EVENT_NEXT. */
enum {
        EVENT_ID,
        EVENT_LEAD,
        EVENT_PREV,
        EVENT_TYPE,
        EVENT_SOURCE,
        EVENT_ACTOR,
        EVENT_HASH,
        EVENT_NOW,
        EVENT_AGE,
        EVENT_FLAGS,
        EVENT_RECORD_ID,
        EVENT_BODY,
        EVENT_FACTS,
        EVENT_SUBJECT,
        EVENT_NOTES,
        EVENT_NAMED
};

static int copy_text(sqlite3_stmt *row, int column, Arena *arena, const char **ret) {
        const char *text = column_text(row, column);
        *ret = text ? arena_strdup(arena, text) : NULL;
        return text && !*ret ? -ENOMEM : 0;
}

static int read_event(Store *store, sqlite3_stmt *row, Arena *arena, StoredEvent *ret) {
        Facts facts = { 0 };
        *ret = (StoredEvent){
                .id = column_u64(row, EVENT_ID),
                .lead = column_u64(row, EVENT_LEAD),
                .is_first = column_u64(row, EVENT_LEAD) > 0 && column_u64(row, EVENT_PREV) == 0,
                .named = column_u64(row, EVENT_NAMED),
                .now_us = sqlite3_column_int64(row, EVENT_NOW),
                .time_us = sqlite3_column_int64(row, EVENT_NOW) - sqlite3_column_int64(row, EVENT_AGE),
                .flags = (unsigned) sqlite3_column_int(row, EVENT_FLAGS) & EVENT_RECORD_FLAGS,
        };
        unsigned leaves = (unsigned) sqlite3_column_int(row, EVENT_FLAGS);
        ret->leaves_unaccepted = leaves & EVENT_LEAVES_UNACCEPTED;
        ret->leaves_test = leaves & EVENT_LEAVES_TEST;
        ret->leaves_by_turn = leaves & EVENT_LEAVES_BY_TURN;
        int r = column_ref(store, row, EVENT_TYPE, arena, &ret->type);
        if (r == 0)
                r = column_ref(store, row, EVENT_SOURCE, arena, &ret->source);
        if (r == 0)
                r = column_ref(store, row, EVENT_ACTOR, arena, &ret->actor);
        if (r == 0)
                r = copy_text(row, EVENT_HASH, arena, &ret->rules_hash);
        if (r == 0)
                r = copy_text(row, EVENT_SUBJECT, arena, &ret->subject);
        if (r == 0)
                r = record_id_unpack(row, EVENT_RECORD_ID, arena, &ret->record_id);
        if (r != 0)
                return r;
        Blob blob = column_blob(row, EVENT_FACTS);
        if (blob.data) {
                ret->facts = arena_strndup(arena, blob.data, blob.size);
                ret->facts_size = blob.size;
                if (!ret->facts)
                        return -ENOMEM;
                r = facts_decode(ret->facts, ret->facts_size, false, arena, &facts);
                if (r != 0)
                        return r < 0 ? r : -EBADMSG;
        }
        return body_decode(store, ret->id, column_blob(row, EVENT_BODY), column_blob(row, EVENT_NOTES), &facts, arena, ret);
}

static int get_event(Store *store, Sql sql, uint64_t id, Arena *arena, StoredEvent *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, sql, &row, ARG(id));
        return r == 0 ? read_event(store, row, arena, ret) : r;
}

static int log_all(Store *store, uint64_t from, int (*on_event)(const StoredEvent *, void *), void *userdata) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        if (!arena)
                return -ENOMEM;
        for (;;) {
                StoredEvent event;
                arena_reset(arena);
                int r = get_event(store, SQL_EVENT_NEXT, from, arena, &event);
                if (r == STORE_E_NONE)
                        return 0;
                if (r == 0)
                        r = on_event(&event, userdata);
                if (r != 0)
                        return r;
                from = event.id + 1;
        }
}

/* The ids of a lead's events from `from` on, newest first, at most n_max. */
static int chain(Store *store, const LeadRow *lead, uint64_t from, size_t n_max, uint64_t **ret, size_t *ret_n, bool *ret_more) {
        size_t n = 0, capacity = lead->version < n_max ? (size_t) lead->version : n_max;
        _cleanup_(base_freep) uint64_t *ids = reallocarray(NULL, capacity > 0 ? capacity : 1, sizeof(uint64_t));
        *ret_more = false;
        if (!ids)
                return -ENOMEM;
        for (uint64_t event = lead->last_event; event > 0 && event >= from;) {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                /* More events than the lead says, or a loop: the file is damaged. */
                if (n == lead->version)
                        return -EBADMSG;
                if (n == n_max) {
                        *ret_more = true;
                        break;
                }
                ids[n++] = event;
                int r = sql_row(store, SQL_EVENT_PREV, &row, ARG(event));
                if (r != 0)
                        return r == STORE_E_NONE ? -EBADMSG : r;
                event = column_u64(row, 0);
        }
        *ret = TAKE(ids);
        *ret_n = n;
        return 0;
}

static int family_newest(Store *store, uint64_t lead, uint64_t from, size_t n_max, uint64_t **ret, size_t *ret_n, bool *ret_more) {
        int r = family_events(store, lead, from, ret, ret_n);
        *ret_more = r == 0 && *ret_n > n_max;
        if (*ret_more)
                *ret_n = n_max;
        return r;
}

static int log_lead(Store *store, uint64_t lead, uint64_t from, size_t n_max, int (*on_event)(const StoredEvent *, void *), void *userdata,
        bool *ret_more) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        _cleanup_(base_freep) uint64_t *ids = NULL;
        size_t n = 0;
        LeadRow row;
        if (!arena)
                return -ENOMEM;
        int r = lead_row(store, lead, &row);
        bool joined = r == 0 && row.flags & LEAD_JOINED;
        if (r == 0)
                r = joined ? family_newest(store, lead, from, n_max, &ids, &n, ret_more)
                           : chain(store, &row, from, n_max, &ids, &n, ret_more);
        while (r == 0 && n > 0) {
                StoredEvent event;
                arena_reset(arena);
                r = get_event(store, SQL_EVENT_GET, ids[--n], arena, &event);
                if (r == STORE_E_NONE)
                        return -EBADMSG;
                if (r == 0)
                        r = on_event(&event, userdata);
        }
        return r;
}

int store_log(Store *store, uint64_t lead, uint64_t from, int (*on_event)(const StoredEvent *event, void *userdata), void *userdata) {
        int r = snapshot_enter(store);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot _unused_ = store;
        bool more;
        return lead == 0 ? log_all(store, from, on_event, userdata) : log_lead(store, lead, from, SIZE_MAX, on_event, userdata, &more);
}

int store_log_newest(Store *store, uint64_t lead, uint64_t from, size_t n_max, int (*on_event)(const StoredEvent *event, void *userdata),
        void *userdata, bool *ret_more) {
        int r = snapshot_enter(store);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot _unused_ = store;
        return log_lead(store, lead, from, n_max, on_event, userdata, ret_more);
}

static int get_moves_before(Store *store, uint64_t before, Arena *arena, StoredEvent *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_EVENT_BEFORE, &row, ARG(before));
        if (r != 0)
                return r;
        *ret = (StoredEvent){ .id = column_u64(row, 0), .lead = column_u64(row, 1), .now_us = sqlite3_column_int64(row, 3) };
        ret->is_first = ret->lead > 0 && column_u64(row, 2) == 0;
        ret->is_test = sqlite3_column_int(row, 5) != 0;
        return body_decode_moves(store, column_blob(row, 4), arena, ret);
}

int store_log_since(Store *store, int64_t since_us, size_t n_max, int (*on_event)(const StoredEvent *event, void *userdata), void *userdata,
        bool *ret_more) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        uint64_t before = INT64_MAX;
        *ret_more = false;
        if (!arena)
                return -ENOMEM;
        int r = snapshot_enter(store);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot _unused_ = store;
        for (size_t n = 0;; n++) {
                StoredEvent event;
                arena_reset(arena);
                r = get_moves_before(store, before, arena, &event);
                if (r == STORE_E_NONE || (r == 0 && event.now_us < since_us))
                        return 0;
                if (r == 0 && n == n_max) {
                        *ret_more = true;
                        return 0;
                }
                if (r == 0)
                        r = on_event(&event, userdata);
                if (r != 0)
                        return r;
                before = event.id;
        }
}

/* ---- back to a record ---- */

static int copy_into(Arena *arena, const char *text, const char **ret) {
        *ret = text ? arena_strdup(arena, text) : NULL;
        return text && !*ret ? -ENOMEM : 0;
}

static int event_key(Store *store, uint64_t event, Key *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_KEY_GET, &row, ARG(event));
        if (r == STORE_E_NONE)
                return 0;
        if (r != 0)
                return r;
        Blob keys = column_blob(row, 1);
        if (keys.size < KEY_SIZE)
                return -EBADMSG;
        memcpy(ret->bytes, keys.data, KEY_SIZE);
        return 0;
}

int store_event_record(Store *store, const StoredEvent *event, Record **ret) {
        _cleanup_(record_freep) Record *record = record_new();
        if (!record)
                return -ENOMEM;
        int r = copy_into(record->arena, event->source, &record->source);
        if (r == 0)
                r = copy_into(record->arena, event->record_id, &record->id);
        if (r == 0)
                r = copy_into(record->arena, event->type, &record->type);
        if (r == 0)
                r = copy_into(record->arena, event->subject, &record->subject);
        if (r == 0)
                r = copy_into(record->arena, event->adapter, &record->adapter);
        if (r != 0)
                return r;
        record->family = record_family(record->type ? record->type : "", &record->event);
        if (record->family == 0)
                return -EBADMSG;
        record->time_us = event->time_us;
        record->flags = event->flags;
        if (event->facts) {
                r = facts_decode(event->facts, event->facts_size, true, record->arena, &record->facts);
                if (r != 0)
                        return r < 0 ? r : -EBADMSG;
        }
        r = event_key(store, event->id, &record->key);
        if (r == 0)
                r = record_identify(record, store->secret);
        if (r == 0)
                *ret = TAKE(record);
        return r;
}
