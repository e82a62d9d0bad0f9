/* SPDX-License-Identifier: MIT */
/*
 * What is still to happen: the armed instants of leads, and what the world is to be
 * told. Both are found by their time, earliest first. Delivering is notify's work;
 * a row that was delivered keeps who was told what and when, but not the text.
 */
#include "internal.h"
#include <errno.h>
#include <inttypes.h>

/* The first row of that event or a later one. Rows are appended event by event and never deleted. */
static int first_row_of(Store *store, uint64_t event, uint64_t *ret) {
        uint64_t low = 1, high = store->now.next_outbox;
        while (low < high) {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                uint64_t middle = low + (high - low) / 2;
                int r = sql_row(store, SQL_OUTBOX_AT, &row, ARG(middle));
                if (r < 0)
                        return r;
                if (r == 0 && column_u64(row, 1) < event)
                        low = column_u64(row, 0) + 1;
                else
                        high = middle;
        }
        *ret = low;
        return 0;
}

static int rows_of(Store *store, uint64_t event, uint64_t *ret_from, uint64_t *ret_to) {
        int r = first_row_of(store, event, ret_from);
        return r == 0 ? first_row_of(store, event + 1, ret_to) : r;
}

#define LOOKUPS_OF_EVENT 64 /* what finding the rows of one event costs, in rows that are read one after the other */

int outbox_erase(Store *store, const LeadRow *lead, int64_t now_us) {
        if (lead->version > store->now.next_outbox / LOOKUPS_OF_EVENT)
                return sql_run(store, SQL_OUTBOX_ERASE, ARG(lead->id), ARG(now_us), ARG(0), ARG(store->now.next_outbox));
        for (uint64_t event = lead->last_event; event > 0;) {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                uint64_t from, to;
                int r = rows_of(store, event, &from, &to);
                if (r == 0 && from < to)
                        r = sql_run(store, SQL_OUTBOX_ERASE, ARG(lead->id), ARG(now_us), ARG(from), ARG(to));
                if (r == 0)
                        r = sql_row(store, SQL_EVENT_PREV, &row, ARG(event));
                if (r != 0)
                        return r == STORE_E_NONE ? -EBADMSG : r;
                uint64_t previous = column_u64(row, 0);
                if (previous >= event)
                        return -EBADMSG; /* a damaged chain must not be walked for ever */
                event = previous;
        }
        return 0;
}

int store_outbox_of(Store *store, uint64_t event, Arena *arena, Effect **ret, size_t *ret_n) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        Effect *effects = NULL;
        size_t n = 0;
        uint64_t from, to;
        int r = rows_of(store, event, &from, &to);
        if (r == 0)
                r = sql_row(store, SQL_OUTBOX_OF_EVENT, &row, ARG(event), ARG(from), ARG(to));
        for (; r == 0; r = sql_next(store, row)) {
                if (n == DECIDE_EFFECTS_MAX)
                        return -EBADMSG;
                if (!effects)
                        effects = ARENA_ARRAY(arena, Effect, DECIDE_EFFECTS_MAX);
                if (!effects)
                        return -ENOMEM;
                Effect *effect = &effects[n++];
                *effect = (Effect){ .kind = (EffectKind) sqlite3_column_int(row, 0),
                        .via = (Via) sqlite3_column_int(row, 1),
                        .step = (uint32_t) sqlite3_column_int(row, 6) };
                r = column_ref(store, row, 2, arena, &effect->channel);
                if (r == 0)
                        r = column_ref(store, row, 3, arena, &effect->recipient);
                if (r == 0)
                        r = column_ref(store, row, 4, arena, &effect->role);
                if (r == 0)
                        r = column_ref(store, row, 5, arena, &effect->rule);
                if (r == 0)
                        r = column_ref(store, row, 9, arena, &effect->sender);
                if (r != 0)
                        return r;
        }
        *ret = effects;
        *ret_n = n;
        return r == STORE_E_NONE ? 0 : r;
}

/* Replay of what was decided about somebody erased: who was told what and when, which is all that is left. */
int outbox_copy(Store *store, Store *from, uint64_t event, uint64_t lead) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        if (!arena)
                return -ENOMEM;
        uint64_t first, end;
        int r = rows_of(from, event, &first, &end);
        if (r == 0)
                r = sql_row(from, SQL_OUTBOX_OF_EVENT, &row, ARG(event), ARG(first), ARG(end));
        for (; r == 0; r = sql_next(from, row)) {
                static const int columns[] = { 2, 3, 4, 5, 9 };
                Ref refs[ARRAY_SIZE(columns)];
                for (size_t i = 0; r == 0 && i < ARRAY_SIZE(columns); i++) {
                        const char *text;
                        r = column_ref(from, row, columns[i], arena, &text);
                        if (r == 0)
                                r = name_ref(store, text, STORE_NAMES_MAX, &refs[i]);
                }
                bool is_text = sqlite3_column_type(row, 7) == SQLITE_TEXT;
                Arg body = is_text ? arg_text(column_text(row, 7)) : arg_blob(column_blob(row, 7));
                if (r == 0)
                        r = sql_run(store, SQL_OUTBOX_COPY, ARG(store->now.next_outbox), ARG(event), ARG(lead),
                                ARG(sqlite3_column_int(row, 0)), ARG(sqlite3_column_int(row, 1)), ARG(refs[0]), ARG(refs[1]), ARG(refs[2]),
                                ARG(refs[3]), ARG(sqlite3_column_int(row, 6)), body, ARG((int64_t) sqlite3_column_int64(row, 8)),
                                ARG(refs[4]));
                if (r != 0)
                        return r;
                store->now.next_outbox++;
        }
        return r == STORE_E_NONE ? 0 : r;
}

/* ---- armed instants ---- */

static int64_t earliest(Store *store, Sql sql) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row_plain(store, sql, &row);
        if (r == 0)
                return sqlite3_column_int64(row, 0);
        /* "None" would silence every reminder: the next write says what is wrong. */
        if (r != STORE_E_NONE && store->failed == 0)
                store->failed = r < 0 ? r : -EIO;
        return TIME_NONE;
}

int64_t store_wake_next(Store *store) { return earliest(store, SQL_WAKE_NEXT); }
int64_t store_digest_next(Store *store) { return earliest(store, SQL_DIGEST_NEXT); }
int64_t store_outbox_next(Store *store, OutboxPart part) {
        static const Sql statements[] = {
                [OUTBOX_LOCAL] = SQL_OUTBOX_NEXT_LOCAL, [OUTBOX_REMOTE] = SQL_OUTBOX_NEXT, [OUTBOX_FREE] = SQL_OUTBOX_NEXT_FREE
        };
        return earliest(store, statements[part]);
}

/* Those of one instant in the order of their numbers, but held leads in the order in which they wait, at the places they have together. */
static int order_held(Store *store, int64_t due_us, const bool *is_held, uint64_t *leads, size_t n) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        size_t n_held = 0, at = 0;
        for (size_t i = 0; i < n; i++)
                n_held += is_held[i];
        if (n_held == 0)
                return 0;
        int r;
        for (r = sql_row(store, SQL_HELD_DUE, &row, ARG(due_us), ARG((uint64_t) n_held)); r == 0 && n_held > 0;
                r = sql_next(store, row), n_held--) {
                while (at < n && !is_held[at])
                        at++;
                if (at == n)
                        return -EBADMSG;
                leads[at++] = column_u64(row, 0);
        }
        return r == STORE_E_NONE ? 0 : r;
}

int store_wake_due(Store *store, int64_t now_us, size_t n_max, uint64_t *ret_leads, int64_t *ret_due_us, size_t *ret_n) {
        _cleanup_(base_freep) bool *is_held = calloc(n_max + 1, sizeof(bool));
        int r;
        *ret_n = 0;
        if (!is_held)
                return -ENOMEM;
        {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                for (r = sql_row(store, SQL_WAKE_DUE, &row, ARG(now_us), ARG((uint64_t) n_max)); r == 0 && *ret_n < n_max;
                        r = sql_next(store, row)) {
                        ret_due_us[*ret_n] = sqlite3_column_int64(row, 0);
                        ret_leads[*ret_n] = column_u64(row, 1);
                        is_held[(*ret_n)++] = sqlite3_column_int(row, 2) != 0;
                }
        }
        if (r != STORE_E_NONE && r != 0)
                return r;
        r = 0;
        for (size_t from = 0, to; from < *ret_n && r == 0; from = to) {
                for (to = from + 1; to < *ret_n && ret_due_us[to] == ret_due_us[from];)
                        to++;
                r = order_held(store, ret_due_us[from], is_held + from, ret_leads + from, to - from);
        }
        return r;
}

int store_held_in(Store *store, const char *team, const HeldLead *after, size_t n_max, HeldLead *ret, size_t *ret_n) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        uint64_t name = name_find(store, team);
        int r;
        *ret_n = 0;
        if (name == 0)
                return 0;
        for (r = sql_row(store, SQL_HELD_IN_TEAM, &row, ARG(name), ARG(after ? after->since_us : INT64_MIN),
                     ARG(after ? after->lead : (uint64_t) 0), ARG((uint64_t) n_max));
                r == 0 && *ret_n < n_max; r = sql_next(store, row)) {
                const char *text = column_text(row, 3);
                uint64_t by = column_u64(row, 2);
                ret[(*ret_n)++] = (HeldLead){
                        .lead = column_u64(row, 0),
                        .since_us = sqlite3_column_int64(row, 1),
                        .by = name_text(store, by),
                        .cause = index_hash(store->seed ^ by, text ? text : "", text ? strlen(text) : 0),
                };
        }
        return r == STORE_E_NONE ? 0 : r;
}

static bool owns_unaccepted(Store *store, const char *member, uint64_t *ret_name) {
        *ret_name = name_find(store, member);
        uint32_t seat = *ret_name > 0 && *ret_name < store->names.n ? store->names.items[*ret_name].seat : 0;
        return seat > 0 && store->members.seats[seat].n_unaccepted > 0;
}

int store_unaccepted_of(Store *store, const char *const *members, size_t n_members, uint64_t *next, uint64_t to, size_t n_max,
        uint64_t *ret_leads, size_t *ret_n) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        _cleanup_(base_freep) uint64_t *owners = calloc(n_members + 1, sizeof *owners);
        size_t n_owners = 0;
        int r = 0;
        *ret_n = 0;
        if (!owners)
                return -ENOMEM;
        for (size_t i = 0; i < n_members; i++)
                n_owners += owns_unaccepted(store, members[i], &owners[n_owners]);
        if (n_owners > 0)
                for (r = sql_row(store, SQL_LEAD_UNACCEPTED, &row, ARG(*next), ARG(to)); r == 0; r = sql_next(store, row)) {
                        uint64_t owner = column_u64(row, 1);
                        size_t at = 0;
                        while (at < n_owners && owners[at] != owner)
                                at++;
                        if (at == n_owners)
                                continue;
                        if (*ret_n == n_max)
                                return 0;
                        ret_leads[(*ret_n)++] = column_u64(row, 0);
                        *next = column_u64(row, 0) + 1;
                }
        if (r != 0 && r != STORE_E_NONE)
                return r;
        *next = to;
        return 0;
}

/* ---- outbox ---- */

/* OUTBOX_COLUMNS. */
enum {
        OUTBOX_ID,
        OUTBOX_EVENT,
        OUTBOX_LEAD,
        OUTBOX_KIND,
        OUTBOX_VIA,
        OUTBOX_CHANNEL,
        OUTBOX_RECIPIENT,
        OUTBOX_ADDRESS,
        OUTBOX_ROLE,
        OUTBOX_RULE,
        OUTBOX_STEP,
        OUTBOX_BODY,
        OUTBOX_CREATED,
        OUTBOX_ATTEMPTS,
        OUTBOX_NEXT,
        OUTBOX_LEASE,
        OUTBOX_ERROR,
        OUTBOX_TRIED,
        OUTBOX_MAIL,
        OUTBOX_RULES,
        OUTBOX_SENDER
};

static int copy_text(sqlite3_stmt *row, int column, Arena *arena, const char **ret) {
        const char *text = column_text(row, column);
        *ret = text ? arena_strdup(arena, text) : NULL;
        return text && !*ret ? -ENOMEM : 0;
}

static int read_outbox(Store *store, sqlite3_stmt *row, Arena *arena, OutboxRow *ret) {
        *ret = (OutboxRow){
                .id = column_u64(row, OUTBOX_ID),
                .event = column_u64(row, OUTBOX_EVENT),
                .lead = column_u64(row, OUTBOX_LEAD),
                .kind = (EffectKind) sqlite3_column_int(row, OUTBOX_KIND),
                .via = (Via) sqlite3_column_int(row, OUTBOX_VIA),
                .step = (uint32_t) sqlite3_column_int64(row, OUTBOX_STEP),
                .attempts = (uint32_t) sqlite3_column_int64(row, OUTBOX_ATTEMPTS),
                .created_us = sqlite3_column_int64(row, OUTBOX_CREATED),
                .next_us = column_time(row, OUTBOX_NEXT),
                .tried_us = column_time(row, OUTBOX_TRIED),
                .leased = sqlite3_column_type(row, OUTBOX_LEASE) != SQLITE_NULL,
                .mail = column_u64(row, OUTBOX_MAIL),
        };
        int r = column_ref(store, row, OUTBOX_CHANNEL, arena, &ret->channel);
        if (r == 0)
                r = column_ref(store, row, OUTBOX_RECIPIENT, arena, &ret->recipient);
        if (r == 0)
                r = column_ref(store, row, OUTBOX_ROLE, arena, &ret->role);
        if (r == 0)
                r = column_ref(store, row, OUTBOX_RULE, arena, &ret->rule);
        if (r == 0)
                r = column_ref(store, row, OUTBOX_SENDER, arena, &ret->sender);
        if (r == 0)
                r = copy_text(row, OUTBOX_ADDRESS, arena, &ret->address);
        if (r == 0)
                r = copy_text(row, OUTBOX_BODY, arena, &ret->body);
        if (r == 0)
                r = copy_text(row, OUTBOX_ERROR, arena, &ret->error);
        if (r == 0)
                r = copy_text(row, OUTBOX_RULES, arena, &ret->rules);
        return r;
}

/* The rows a statement finds, into the arena. */
static int read_rows(Store *store, Sql sql, const Arg *args, size_t n_args, Arena *arena, OutboxRow **ret, size_t *ret_n) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        OutboxRow *rows = NULL;
        size_t n = 0, capacity = 0;
        int r;
        for (r = sql_row_args(store, sql, &row, args, n_args); r == 0; r = sql_next(store, row)) {
                if (n == capacity) {
                        /* Grown by doubling: the limit may be large and the outbox mostly empty. */
                        capacity = capacity > 0 ? capacity * 2 : 16;
                        OutboxRow *larger = ARENA_ARRAY(arena, OutboxRow, capacity);
                        if (!larger)
                                return -ENOMEM;
                        if (n > 0)
                                memcpy(larger, rows, n * sizeof(OutboxRow));
                        rows = larger;
                }
                r = read_outbox(store, row, arena, &rows[n]);
                if (r != 0)
                        return r;
                n++;
        }
        if (r != STORE_E_NONE)
                return r;
        *ret = rows;
        *ret_n = n;
        return 0;
}

int store_outbox_due(Store *store, OutboxPart part, int64_t now_us, size_t n_max, Arena *arena, OutboxRow **ret, size_t *ret_n) {
        Sql sql = part == OUTBOX_LOCAL ? SQL_OUTBOX_DUE_LOCAL : SQL_OUTBOX_DUE_REMOTE;
        return read_rows(store, sql, SQL_ARGS_(ARG(now_us), ARG((uint64_t) n_max)), arena, ret, ret_n);
}

/* ---- rows that are one mail ---- */

int store_outbox_gather(Store *store, uint64_t id, int64_t until_us, size_t n_max) {
        int r = store_may_write(store);
        if (r != 0)
                return r;
        r = sql_run(store, SQL_OUTBOX_GATHER, ARG(id), ARG(until_us), ARG((uint64_t) n_max));
        return r == 0 ? 0 : store_write_failed(store, r);
}

/* How many rows there are, and the digest of their ids. */
static int digest_ids(Store *store, uint64_t mail, OutboxMail *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        _cleanup_(text_free) Text ids = { 0 };
        int r;
        for (r = sql_row(store, SQL_OUTBOX_MAIL_IDS, &row, ARG(mail)); r == 0; r = sql_next(store, row)) {
                text_printf(&ids, "%" PRIu64 ",", column_u64(row, 0));
                ret->n_all++;
        }
        if (r != STORE_E_NONE)
                return r;
        if (ids.error < 0)
                return ids.error;
        return digest_sha256(ids.data ? ids.data : "", ids.size, ret->digest);
}

int store_outbox_mail(Store *store, uint64_t mail, size_t n_max, Arena *arena, OutboxMail *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        *ret = (OutboxMail){ 0 };
        int r = digest_ids(store, mail, ret);
        if (r == 0)
                r = sql_row(store, SQL_OUTBOX_MAIL_LEADS, &row, ARG(mail));
        if (r != 0)
                return r;
        ret->n_leads = column_u64(row, 0);
        return read_rows(store, SQL_OUTBOX_MAIL_ROWS, SQL_ARGS_(ARG(mail), ARG((uint64_t) n_max)), arena, &ret->rows, &ret->n_rows);
}

/* A row that is delivered or does not exist is STORE_E_NONE. result: counted for the channel of each row, 0 = nothing is. */
static int update_pending(Store *store, Sql sql, SumDelivery result, const Arg *args, size_t n_args) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = store_may_write(store);
        if (r != 0)
                return r;
        r = sql_row_args(store, sql, &row, args, n_args);
        /* RETURNING: the change is complete before the first row, and stepping on ends the statement. */
        if (r == 0) {
                while (r == 0) {
                        /* A channel that is no dictionary entry is one of too many to count. */
                        if (result && sqlite3_column_type(row, 0) == SQLITE_INTEGER)
                                r = sums_note_delivery(store, column_u64(row, 0), result);
                        if (r == 0)
                                r = sql_next(store, row);
                }
                r = r == STORE_E_NONE ? 0 : r;
        } else if (r == STORE_E_NONE)
                return r;
        return r == 0 ? 0 : store_write_failed(store, r);
}

int store_outbox_done(Store *store, uint64_t id, int64_t now_us) {
        return update_pending(store, SQL_OUTBOX_DONE, SUM_DELIVERED, SQL_ARGS_(ARG(id), ARG(now_us)));
}

int store_outbox_retry(Store *store, uint64_t id, int64_t now_us, int64_t next_us, const char *error) {
        return update_pending(store, SQL_OUTBOX_RETRY, SUM_FAILED, SQL_ARGS_(ARG(id), ARG(next_us), ARG(error), ARG(now_us)));
}

int store_outbox_postpone(Store *store, uint64_t id, int64_t next_us) {
        return update_pending(store, SQL_OUTBOX_POSTPONE, 0, SQL_ARGS_(ARG(id), ARG(next_us)));
}

int store_outbox_lease(Store *store, uint64_t id, int64_t now_us, int64_t until_us) {
        return update_pending(store, SQL_OUTBOX_LEASE, 0, SQL_ARGS_(ARG(id), ARG(until_us), ARG(now_us)));
}

int store_outbox_unlease(Store *store, int64_t now_us) {
        int r = store_may_write(store);
        if (r != 0)
                return r;
        r = sql_run(store, SQL_OUTBOX_UNLEASE, ARG(now_us));
        return r == 0 ? 0 : store_write_failed(store, r);
}

int store_outbox_bury(Store *store, uint64_t id, const char *error) {
        return update_pending(store, SQL_OUTBOX_BURY, SUM_DEAD, SQL_ARGS_(ARG(id), ARG(error)));
}

int store_outbox_revive(Store *store, uint64_t id, int64_t now_us) {
        return update_pending(store, SQL_OUTBOX_REVIVE, 0, SQL_ARGS_(ARG(id), ARG(now_us)));
}

int store_outbox_cancel(Store *store, uint64_t id, int64_t now_us) {
        return update_pending(store, SQL_OUTBOX_CANCEL, SUM_CANCELLED, SQL_ARGS_(ARG(id), ARG(now_us)));
}

int store_outbox_list(Store *store, uint64_t after, size_t n_max, int (*on_row)(const OutboxRow *row, void *userdata), void *userdata) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r;
        if (!arena)
                return -ENOMEM;
        for (r = sql_row(store, SQL_OUTBOX_LIST, &row, ARG(after), ARG((uint64_t) n_max)); r == 0; r = sql_next(store, row)) {
                OutboxRow item;
                arena_reset(arena);
                r = read_outbox(store, row, arena, &item);
                if (r != 0)
                        return r;
                r = on_row(&item, userdata);
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}
