/* SPDX-License-Identifier: MIT */
/*
 * When the next digest of each rule is due, and when the last one was: a handful of rows, folded from the events that arm
 * and send them, and written anew as a whole.
 */
#include "internal.h"
#include <errno.h>

#define DIGESTS_MAX POLICY_RULES_MAX

int digests_fold(Store *store, const Decision *decision) {
        if (!decision->digests_changed)
                return 0;
        int r = sql_run_plain(store, SQL_DIGEST_CLEAR);
        for (size_t i = 0; r == 0 && i < decision->n_digests; i++) {
                uint64_t rule;
                r = name_intern(store, decision->digests[i].rule, &rule);
                if (r == 0)
                        r = sql_run(store, SQL_DIGEST_ADD, ARG(rule), ARG_TIME(decision->digests[i].due_us),
                                ARG_TIME(decision->digests[i].sent_us));
        }
        return r;
}

int store_digests(Store *store, Arena *arena, DigestMoment **ret, size_t *ret_n) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        size_t capacity = 0;
        DigestMoment *items = NULL;
        *ret_n = 0;
        int r;
        for (r = sql_row_plain(store, SQL_DIGEST_ALL, &row); r == 0; r = sql_next(store, row)) {
                if (*ret_n == capacity) {
                        capacity = capacity > 0 ? capacity * 2 : 8;
                        DigestMoment *grown = capacity <= 2 * DIGESTS_MAX ? ARENA_ARRAY(arena, DigestMoment, capacity) : NULL;
                        if (!grown)
                                return -ENOMEM;
                        if (*ret_n > 0)
                                memcpy(grown, items, *ret_n * sizeof(DigestMoment));
                        items = grown;
                }
                DigestMoment *moment = &items[(*ret_n)++];
                *moment = (DigestMoment){ .due_us = column_time(row, 1), .sent_us = column_time(row, 2) };
                int s = name_copy(store, column_u64(row, 0), arena, &moment->rule);
                if (s != 0 || !moment->rule)
                        return s < 0 ? s : -EBADMSG;
        }
        *ret = items;
        return r == STORE_E_NONE ? 0 : r;
}
