/* SPDX-License-Identifier: MIT */
/*
 * Proof that nothing was lost: two stores hold the same book (a replay against the
 * original), and one store is consistent in itself. Compares what rows mean, not the
 * numbers of a dictionary: SQL functions of ours put their texts in the place of ids.
 * Repairs nothing, and never prints what may be personal.
 */
#include "internal.h"
#include <errno.h>

#define DIFFERENCES_MAX 100

/* ---- SQL functions ---- */

static void result_error(sqlite3_context *context, int r) {
        if (r == -ENOMEM)
                sqlite3_result_error_nomem(context);
        else
                sqlite3_result_error(context, "damaged row", -1);
}

/* name(ref): the text of a dictionary id, a text as it is, NULL for nobody. */
static void sql_name(sqlite3_context *context, int n_args _unused_, sqlite3_value **args) {
        Store *store = sqlite3_user_data(context);
        if (sqlite3_value_type(args[0]) != SQLITE_INTEGER) {
                sqlite3_result_value(context, args[0]);
                return;
        }
        int64_t id = sqlite3_value_int64(args[0]);
        const char *text = id > 0 ? name_text(store, (uint64_t) id) : NULL;
        if (text)
                sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
        else if (id == 0)
                sqlite3_result_null(context);
        else
                result_error(context, -EBADMSG);
}

static const char *or_dash(const char *text) { return text ? text : "-"; }

static void describe(const StoredEvent *event, Text *out) {
        for (size_t i = 0; i < event->n_moves; i++) {
                const MoveMade *move = &event->moves[i];
                text_printf(out, "move %s: %s -> %s by %s, reason %s\n", or_dash(move->move), or_dash(move->from), or_dash(move->to),
                        or_dash(move->by), or_dash(move->reason));
        }
        if (event->assignment.changed)
                text_printf(out, "owner %s after %s by %s of %s: %s\n", or_dash(event->assignment.owner),
                        or_dash(event->assignment.previous), or_dash(event->assignment.route), or_dash(event->assignment.team),
                        or_dash(event->assignment.text));
        text_printf(out, "reminded %s\nsummary %s\n", or_dash(event->reminded_roles), or_dash(event->summary));
        for (size_t i = 0; i < event->n_receipts; i++) {
                const StoredReceipt *receipt = &event->receipts[i];
                text_printf(out, "rule %s %s%s points %lld before %lld after %lld event %llu\n", or_dash(receipt->rule),
                        receipt->matched ? "matched" : "", receipt->failed ? "failed" : "", (long long) receipt->points_mp,
                        (long long) receipt->before_mp, (long long) receipt->after_mp, (unsigned long long) receipt->event);
        }
        for (size_t i = 0; i < event->n_blocks; i++)
                text_printf(out, "%s %s kept it from %s\n", or_dash(rule_kind_name(event->blocks[i].kind)), or_dash(event->blocks[i].rule),
                        or_dash(event->blocks[i].move));
        if (event->handoff.how)
                text_printf(out,
                        "hand-off of %s in %s by %s %s: offered in %llu at %lld, promise %s due %lld %d, working %lld, reason %s\n",
                        or_dash(event->handoff.owner), or_dash(event->handoff.team), or_dash(event->handoff.route),
                        decide_handoff_name(event->handoff.how), (unsigned long long) event->handoff.offered_event,
                        (long long) event->handoff.offered_us, or_dash(event->handoff.sla), (long long) event->handoff.due_us,
                        (int) event->handoff.response, (long long) event->handoff.working_us, or_dash(event->handoff.reason));
        if (event->adapter)
                text_printf(out, "made by %s\n", event->adapter);
        for (size_t i = 0; i < event->n_cuts; i++)
                text_printf(out, "call %u was cut\n", (unsigned) event->cuts[i]);
}

/* names(blob): the texts of ids, one after the other. */
static void sql_names(sqlite3_context *context, int n_args _unused_, sqlite3_value **args) {
        Store *store = sqlite3_user_data(context);
        const uint8_t *at = sqlite3_value_blob(args[0]), *end = at + sqlite3_value_bytes(args[0]);
        Text text = { 0 };
        uint64_t id;
        int r = 0;
        if (!at) {
                sqlite3_result_null(context);
                return;
        }
        while (r == 0 && at < end) {
                const char *name = base_varint_read(&at, end, &id) ? name_text(store, id) : NULL;
                if (name)
                        text_printf(&text, "%s\n", name);
                r = name ? text.error : -EBADMSG;
        }
        if (r == 0)
                sqlite3_result_text(context, text.data, (int) text.size, SQLITE_TRANSIENT);
        else
                result_error(context, r);
        text_free(&text);
}

/* body(event, blob): what the decision did, as text. */
static void sql_body(sqlite3_context *context, int n_args _unused_, sqlite3_value **args) {
        Store *store = sqlite3_user_data(context);
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        StoredEvent event = { 0 };
        Text text = { 0 };
        Blob body = { sqlite3_value_blob(args[1]), (size_t) sqlite3_value_bytes(args[1]) };
        int r = arena ? body_decode(store, (uint64_t) sqlite3_value_int64(args[0]), body, (Blob){ 0 }, NULL, arena, &event) : -ENOMEM;
        if (r == 0) {
                describe(&event, &text);
                r = text.error;
        }
        if (r == 0)
                sqlite3_result_text(context, text.data, (int) text.size, SQLITE_TRANSIENT);
        else
                result_error(context, r);
        text_free(&text);
}

/* digest(text): SHA-256 as a blob; what is a blob already was digested before. */
static void sql_digest(sqlite3_context *context, int n_args _unused_, sqlite3_value **args) {
        uint8_t digest[DIGEST_SIZE];
        if (sqlite3_value_type(args[0]) != SQLITE_TEXT) {
                sqlite3_result_value(context, args[0]);
                return;
        }
        const void *data = sqlite3_value_text(args[0]);
        int r = data ? digest_sha256(data, (size_t) sqlite3_value_bytes(args[0]), digest) : -ENOMEM;
        if (r == 0)
                sqlite3_result_blob(context, digest, sizeof(digest), SQLITE_TRANSIENT);
        else
                result_error(context, r);
}

int proof_register(Store *store) {
        static const struct {
                const char *name;
                int n_args;
                void (*function)(sqlite3_context *, int, sqlite3_value **);
        } functions[] = { { "name", 1, sql_name }, { "names", 1, sql_names }, { "body", 2, sql_body }, { "digest", 1, sql_digest } };
        for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
                int rc = sqlite3_create_function_v2(store->db, functions[i].name, functions[i].n_args, SQLITE_UTF8 | SQLITE_DIRECTONLY,
                        store, functions[i].function, NULL, NULL, NULL);
                if (rc != SQLITE_OK)
                        return sql_error(store, rc);
        }
        return 0;
}

/* ---- comparing ---- */

static void finalizep(sqlite3_stmt **statement) {
        (void) sqlite3_finalize(*statement);
        *statement = NULL;
}

static int compare_columns(sqlite3_stmt *a, sqlite3_stmt *b, int column) {
        int type_a = sqlite3_column_type(a, column), type_b = sqlite3_column_type(b, column);
        /* SQLite's order: NULL, numbers, texts, blobs. No projection holds a float. */
        static const int rank[] = { [SQLITE_NULL] = 0, [SQLITE_INTEGER] = 1, [SQLITE_FLOAT] = 1, [SQLITE_TEXT] = 2, [SQLITE_BLOB] = 3 };
        if (rank[type_a] != rank[type_b])
                return rank[type_a] < rank[type_b] ? -1 : 1;
        if (type_a == SQLITE_NULL)
                return 0;
        if (type_a == SQLITE_INTEGER) {
                int64_t x = sqlite3_column_int64(a, column), y = sqlite3_column_int64(b, column);
                return x < y ? -1 : x > y;
        }
        Blob x = column_blob(a, column), y = column_blob(b, column);
        size_t size = x.size < y.size ? x.size : y.size;
        int order = size > 0 ? memcmp(x.data, y.data, size) : 0;
        return order != 0 ? order : x.size < y.size ? -1 : x.size > y.size;
}

static void append_key(sqlite3_stmt *row, int n_keys, Text *out) {
        for (int i = 0; i < n_keys; i++) {
                const char *text = column_text(row, i);
                text_printf(out, " %s", text ? text : "-");
        }
}

/* Numbers are shown; texts and blobs may be about a person and are not. */
static void append_value(sqlite3_stmt *row, int column, Text *out) {
        switch (sqlite3_column_type(row, column)) {
        case SQLITE_NULL:
                text_append(out, "nothing");
                break;
        case SQLITE_INTEGER:
                text_printf(out, "%lld", (long long) sqlite3_column_int64(row, column));
                break;
        default:
                text_printf(out, "%d bytes", sqlite3_column_bytes(row, column));
        }
}

static bool is_shown(uint64_t n) { return n <= DIFFERENCES_MAX; }

static void only_in(const SqlQuery *query, sqlite3_stmt *row, const char *which, Text *out, uint64_t *ret_n) {
        if (!is_shown(++*ret_n))
                return;
        text_append(out, query->name);
        append_key(row, query->n_keys, out);
        text_printf(out, ": only in the %s\n", which);
}

static void compare_rows(const SqlQuery *query, sqlite3_stmt *a, sqlite3_stmt *b, Text *out, uint64_t *ret_n) {
        for (int i = query->n_keys; i < sqlite3_column_count(a); i++) {
                if (compare_columns(a, b, i) == 0 || !is_shown(++*ret_n))
                        continue;
                text_append(out, query->name);
                append_key(a, query->n_keys, out);
                text_printf(out, ": %s: ", sqlite3_column_name(a, i));
                append_value(a, i, out);
                text_append(out, " / ");
                append_value(b, i, out);
                text_append_char(out, '\n');
        }
}

static int compare_projection(Store *store_a, Store *store_b, const SqlQuery *query, Text *out, uint64_t *ret_n) {
        _cleanup_(finalizep) sqlite3_stmt *a = NULL, *b = NULL;
        int rc = sqlite3_prepare_v2(store_a->db, query->text, -1, &a, NULL);
        if (rc != SQLITE_OK)
                return sql_error(store_a, rc);
        rc = sqlite3_prepare_v2(store_b->db, query->text, -1, &b, NULL);
        if (rc != SQLITE_OK)
                return sql_error(store_b, rc);
        int in_a = sql_next(store_a, a), in_b = sql_next(store_b, b);
        while ((in_a == 0 || in_a == STORE_E_NONE) && (in_b == 0 || in_b == STORE_E_NONE)) {
                if (in_a != 0 && in_b != 0)
                        return 0;
                int order = in_a != 0 ? 1 : in_b != 0 ? -1 : 0;
                for (int i = 0; order == 0 && i < query->n_keys; i++)
                        order = compare_columns(a, b, i);
                if (order < 0)
                        only_in(query, a, "first", out, ret_n);
                else if (order > 0)
                        only_in(query, b, "second", out, ret_n);
                else
                        compare_rows(query, a, b, out, ret_n);
                if (order <= 0)
                        in_a = sql_next(store_a, a);
                if (order >= 0)
                        in_b = sql_next(store_b, b);
        }
        return in_a != 0 && in_a != STORE_E_NONE ? in_a : in_b;
}

int store_compare(Store *a, Store *b, Text *differences, uint64_t *ret_n) {
        size_t n;
        const SqlQuery *queries = sql_projections(&n);
        *ret_n = 0;
        int r = snapshot_enter(a);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot_a _unused_ = a;
        r = snapshot_enter(b);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot_b _unused_ = b;
        for (size_t i = 0; r == 0 && i < n; i++)
                r = compare_projection(a, b, &queries[i], differences, ret_n);
        return r != 0 ? r : differences->error;
}

/* ---- checking ---- */

static int check_query(Store *store, const char *name, const char *text, Text *problems, uint64_t *ret_n) {
        _cleanup_(finalizep) sqlite3_stmt *row = NULL;
        bool is_integrity = !name;
        int rc = sqlite3_prepare_v2(store->db, text, -1, &row, NULL);
        int r = rc == SQLITE_OK ? sql_next(store, row) : sql_error(store, rc);
        for (; r == 0; r = sql_next(store, row)) {
                const char *said = column_text(row, is_integrity ? 0 : 1);
                if (is_integrity && said && base_streq(said, "ok"))
                        continue;
                if (!is_shown(++*ret_n))
                        continue;
                if (is_integrity)
                        text_printf(problems, "file: %s\n", said ? said : "?");
                else
                        text_printf(problems, "%s %lld: %s\n", name, (long long) sqlite3_column_int64(row, 0), said ? said : "?");
        }
        /* A page too damaged to be read is a finding, not a failure to look. */
        if (r == -EBADMSG) {
                if (is_shown(++*ret_n))
                        text_printf(problems, "%s: the file is damaged\n", name ? name : "file");
                return 0;
        }
        return r == STORE_E_NONE ? 0 : r;
}

int store_check(Store *store, Text *problems, uint64_t *ret_n) {
        size_t n;
        const SqlQuery *queries = sql_invariants(&n);
        *ret_n = 0;
        int r = snapshot_enter(store);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot _unused_ = store;
        r = check_query(store, NULL, sql_integrity_check(), problems, ret_n);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = check_query(store, queries[i].name, queries[i].text, problems, ret_n);
        return r != 0 ? r : problems->error;
}
