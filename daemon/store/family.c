/* SPDX-License-Identifier: MIT */
/*
 * Leads that were merged. Each keeps its own events, its row and its keys for ever; what another one goes on for is one
 * row of `merged`, and is undone by taking that row away. The history of a lead is that of its family: its own events and
 * those of all that lead to it.
 *
 * An event that comes by the address or id of a lead that was merged is one of the lead that goes on; `named` keeps by
 * whom it came, so that it goes along when the merge is undone.
 */
#include "internal.h"
#include <errno.h>

static int into_of(Store *store, uint64_t lead, uint64_t *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_MERGED_GET, &row, ARG(lead));
        *ret = r == 0 ? column_u64(row, 0) : 0;
        return r == STORE_E_NONE ? 0 : r;
}

int store_survivor(Store *store, uint64_t lead, uint64_t *ret) {
        LeadRow row;
        for (size_t n = 0; n <= STORE_FAMILY_MAX; n++) {
                int r = lead_row(store, lead, &row);
                if (r != 0)
                        return r;
                *ret = lead;
                if (!(row.flags & LEAD_MERGED))
                        return 0;
                r = into_of(store, lead, &lead);
                if (r != 0)
                        return r;
                if (lead == 0)
                        break;
        }
        return -EBADMSG; /* a circle, or no row: a damaged file must not be followed for ever */
}

int store_family(Store *store, uint64_t lead, uint64_t ret[static STORE_FAMILY_MAX], size_t *ret_n) {
        size_t n = 0;
        ret[n++] = lead;
        for (size_t i = 0; i < n; i++) {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                int r;
                for (r = sql_row(store, SQL_MERGED_INTO, &row, ARG(ret[i])); r == 0; r = sql_next(store, row)) {
                        if (n == STORE_FAMILY_MAX)
                                return -EBADMSG;
                        ret[n++] = column_u64(row, 0);
                }
                if (r != STORE_E_NONE)
                        return r;
        }
        *ret_n = n;
        return 0;
}

/* ---- the events of a family ---- */

static bool is_member(const FamilyWalk *walk, uint64_t lead) {
        for (size_t i = 0; i < walk->n; i++)
                if (walk->members[i] == lead)
                        return true;
        return false;
}

static int named_lead(Store *store, uint64_t event, uint64_t *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_NAMED_GET, &row, ARG(event));
        *ret = r == 0 ? column_u64(row, 0) : 0;
        return r == STORE_E_NONE ? 0 : r;
}

/* The newest event before that one that came by the member and stands in the chain of a lead that is no member. */
static int find_astray(Store *store, const FamilyWalk *walk, uint64_t member, uint64_t before, uint64_t *ret) {
        *ret = 0;
        for (;;) {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                int r = sql_row(store, SQL_NAMED_BEFORE, &row, ARG(member), ARG(before));
                if (r != 0)
                        return r == STORE_E_NONE ? 0 : r;
                before = column_u64(row, 0);
                if (!is_member(walk, column_u64(row, 1))) {
                        *ret = before;
                        return 0;
                }
        }
}

int family_start(Store *store, uint64_t lead, FamilyWalk *ret) {
        int r = store_family(store, lead, ret->members, &ret->n);
        for (size_t i = 0; r == 0 && i < ret->n; i++) {
                LeadRow row;
                r = lead_row(store, ret->members[i], &row);
                if (r == 0) {
                        ret->heads[i] = row.last_event;
                        r = find_astray(store, ret, ret->members[i], INT64_MAX, &ret->astray[i]);
                }
        }
        return r == STORE_E_NONE ? -EBADMSG : r;
}

static int previous_of(Store *store, uint64_t event, uint64_t *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_EVENT_PREV, &row, ARG(event));
        if (r != 0)
                return r == STORE_E_NONE ? -EBADMSG : r;
        *ret = column_u64(row, 0);
        return *ret < event ? 0 : -EBADMSG;
}

int family_next(Store *store, FamilyWalk *walk, uint64_t *ret_event) {
        for (;;) {
                uint64_t *newest = NULL, event, named;
                size_t at = 0;
                for (size_t i = 0; i < walk->n; i++) {
                        uint64_t *heads[] = { &walk->heads[i], &walk->astray[i] };
                        for (size_t k = 0; k < ARRAY_SIZE(heads); k++)
                                if (!newest ? *heads[k] > 0 : *heads[k] > *newest) {
                                        newest = heads[k];
                                        at = i;
                                }
                }
                *ret_event = event = newest ? *newest : 0;
                if (event == 0)
                        return 0;
                if (newest == &walk->astray[at])
                        return find_astray(store, walk, walk->members[at], event, newest);
                int r = previous_of(store, event, newest);
                if (r == 0)
                        r = named_lead(store, event, &named);
                if (r != 0 || named == 0 || is_member(walk, named))
                        return r;
        }
}

int family_events(Store *store, uint64_t lead, uint64_t from, uint64_t **ret, size_t *ret_n) {
        FamilyWalk walk;
        _cleanup_(base_freep) uint64_t *ids = NULL;
        size_t n = 0, capacity = 0;
        int r = family_start(store, lead, &walk);
        while (r == 0) {
                uint64_t event;
                r = family_next(store, &walk, &event);
                if (r != 0 || event == 0 || event < from)
                        break;
                if (n == capacity) {
                        capacity = capacity > 0 ? capacity * 2 : 64;
                        uint64_t *grown = reallocarray(ids, capacity, sizeof(uint64_t));
                        if (!grown)
                                return -ENOMEM;
                        ids = grown;
                }
                ids[n++] = event;
        }
        if (r != 0)
                return r;
        *ret = TAKE(ids);
        *ret_n = n;
        return 0;
}

/* ---- folding ---- */

int family_fold(Store *store, const StoreEntry *entry, const LeadRow *before, const LeadRow *row) {
        const LeadState *after = &entry->decision->after;
        int r = 0;
        if (row->flags & LEAD_MERGED && !(before->flags & LEAD_MERGED)) {
                uint64_t owner;
                r = name_intern(store, after->merged_owner, &owner);
                if (r == 0)
                        r = sql_run(store, SQL_MERGED_ADD, ARG(row->id), ARG(after->merged_into), ARG(entry->event_id), ARG(owner),
                                ARG(after->merged_unaccepted));
                /* Nobody is to be reminded of what they no longer have. What the merge itself has to say is written after this. */
                if (r == 0)
                        r = sql_run(store, SQL_OUTBOX_CANCEL_OF, ARG(row->id), ARG(entry->now_us), ARG(entry->event_id));
        } else if (!(row->flags & LEAD_MERGED) && before->flags & LEAD_MERGED)
                r = sql_run(store, SQL_MERGED_DELETE, ARG(row->id));
        if (r == 0 && entry->named > 0 && entry->named != row->id)
                r = sql_run(store, SQL_NAMED_ADD, ARG(entry->event_id), ARG(entry->named));
        return r;
}

/* ---- possible duplicates ---- */

/* A pair has a row for each reason, one after the other. */
static int tell_pair(
        Store *store, const StoredDuplicate *rows, int (*on_pair)(const StoredDuplicate *pair, void *userdata), void *userdata) {
        StoredDuplicate pair = *rows;
        int r = store_survivor(store, rows->lead, &pair.lead);
        if (r == 0)
                r = store_survivor(store, rows->other, &pair.other);
        if (r != 0)
                return r == STORE_E_NONE ? -EBADMSG : r;
        return pair.lead == pair.other ? 0 : on_pair(&pair, userdata);
}

int store_duplicates(Store *store, uint64_t before, int (*on_pair)(const StoredDuplicate *pair, void *userdata), void *userdata) {
        int r = snapshot_enter(store);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot _unused_ = store;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        StoredDuplicate rows = { 0 };
        for (r = sql_row(store, SQL_DUPLICATE_ALL, &row, ARG(before > 0 ? before : (uint64_t) INT64_MAX)); r == 0;
                r = sql_next(store, row)) {
                uint64_t lead = column_u64(row, 0), other = column_u64(row, 1);
                if (rows.id > 0 && (rows.lead != lead || rows.other != other)) {
                        r = tell_pair(store, &rows, on_pair, userdata);
                        if (r != 0)
                                return r;
                        rows.reasons = 0;
                }
                rows.id = rows.lead = lead;
                rows.other = other;
                rows.reasons |= (unsigned) sqlite3_column_int(row, 2);
        }
        if (r != STORE_E_NONE)
                return r;
        return rows.id > 0 ? tell_pair(store, &rows, on_pair, userdata) : 0;
}
