/* SPDX-License-Identifier: MIT */
/*
 * What reports count from: one row for each move a lead made, one for each hand-off that ended, and one for whatever else people did
 * for a lead after somebody accepted it, in the transaction of the event. Append-only, in the order of the log, nothing but numbers: an
 * erasure leaves them, because they say only that a lead with that number went that way. They stay with the lead they happened to, be it
 * merged into another one later.
 *
 * Kept since the book is of version 7; what the log says of the time before is found once by hindsight.c.
 */
#include "internal.h"
#include <errno.h>

int scores_encode(Store *store, const Receipts *receipts, Blob *ret) {
        text_clear(&store->scores);
        *ret = (Blob){ 0 };
        for (size_t i = 0; i < receipts->n_items; i++) {
                const Receipt *receipt = &receipts->items[i];
                uint64_t id;
                if (!receipt->matched || receipt->rule->kind != RULE_SCORE || receipt->points_mp <= 0)
                        continue;
                int r = name_intern(store, receipt->rule->name, &id);
                if (r != 0)
                        return r;
                text_append_varint(&store->scores, id);
        }
        if (store->scores.error == 0 && store->scores.size > 0)
                *ret = (Blob){ store->scores.data, store->scores.size };
        return store->scores.error;
}

/* ---- moves ---- */

/* Of an event that is not judged again because somebody was erased: what the lead was before it is not known any more. */
static int copy_spent(Store *from, uint64_t id, int64_t *ret_spent_us, unsigned *ret_flags) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(from, SQL_TRANSITION_GET, &row, ARG(id));
        if (r != 0)
                return r == STORE_E_NONE ? -EBADMSG : r;
        *ret_spent_us = sqlite3_column_int64(row, 0);
        *ret_flags = (unsigned) sqlite3_column_int(row, 1);
        return 0;
}

/* Whoever had the lead when it left that status: nobody, once it has gone to another team in the same event. */
static uint64_t owner_in(const Store *store, const LeadRow *before, uint64_t status) {
        const Name *names = store->names.items;
        return before->status == status || names[before->status].team == names[status].team ? before->owner : 0;
}

static int fold_moves(Store *store, const StoreEntry *entry, const LeadRow *before, const LeadRow *row) {
        const Decision *decision = entry->decision;
        bool is_left = false; /* the status that the lead was in before the event */
        for (size_t i = 0; i < decision->n_moves; i++) {
                const MoveMade *made = &decision->moves[i];
                uint64_t id = entry->event_id * PASSAGES_PER_EVENT + i, move, was, goes;
                Ref by;
                if (i == PASSAGES_PER_EVENT)
                        return -EINVAL;
                int r = name_intern(store, made->move, &move);
                if (r == 0)
                        r = name_intern(store, made->from, &was);
                if (r == 0)
                        r = name_intern(store, made->to, &goes);
                if (r == 0)
                        r = name_ref(store, made->by, STORE_NAMES_MAX, &by);
                if (r != 0)
                        return r;
                /* A move that leaves it where it is ends nothing, unless the status began anew. */
                bool leaves = was != goes || row->entered_us != before->entered_us;
                int64_t spent_us = leaves && !is_left && before->id > 0 ? entry->now_us - before->entered_us : 0;
                unsigned flags = (decision->after.test ? PASSAGE_TEST : 0) | (i > 0 ? PASSAGE_FOLLOWS : 0);
                is_left |= leaves;
                if (entry->copied_from)
                        r = copy_spent(entry->copied_from, id, &spent_us, &flags);
                if (r == 0)
                        r = sql_run(store, SQL_TRANSITION_ADD, ARG(id), ARG(row->id), ARG(entry->now_us), ARG(move), ARG(was), ARG(goes),
                                ARG(owner_in(store, before, was)), ARG(by), ARG(spent_us), ARG(flags));
                if (r != 0)
                        return r;
        }
        return 0;
}

/* ---- hand-offs ---- */

static int fold_handoff(Store *store, const StoreEntry *entry) {
        const HandOff *handoff = &entry->decision->handoff;
        uint64_t ids[5];
        const char *const names[] = { handoff->team, handoff->owner, handoff->route, handoff->sla, handoff->reason };
        unsigned flags = (entry->decision->after.test ? PASSAGE_TEST : 0) | (unsigned) handoff->response << PASSAGE_RESPONSE;
        Blob scores;
        int r = scores_encode(store, &entry->decision->receipts, &scores);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++)
                r = name_intern(store, names[i], &ids[i]);
        if (r != 0)
                return r;
        return sql_run(store, SQL_HANDOFF_ADD, ARG(entry->event_id * PASSAGES_PER_EVENT), ARG(entry->lead_id), ARG(handoff->offered_event),
                ARG(handoff->offered_us), ARG(entry->now_us), ARG((int) handoff->how), ARG(ids[0]), ARG(ids[1]), ARG(ids[2]), ARG(ids[3]),
                ARG_TIME(handoff->due_us), ARG_TIME(handoff->working_us), ARG(ids[4]), ARG(scores), ARG(flags));
}

/* ---- what else people do ---- */

bool passage_is_work(const char *type, const char *actor) {
        /* A telephone system or a CRM reports these in its own name. */
        static const char *const types[] = { "activity.call_", "activity.meeting_", "activity.visit_", "activity.demo_", "outcome." };
        if (actor && strncmp(actor, "rep:", 4) == 0)
                return true;
        for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                if (strncmp(type, types[i], strlen(types[i])) == 0)
                        return true;
        return false;
}

static int fold_work(Store *store, const StoreEntry *entry, const LeadRow *before) {
        if (before->owner == 0 || before->flags & LEAD_UNACCEPTED || entry->decision->n_moves > 0 || entry->decision->after.test ||
                !passage_is_work(entry->record->type, entry->actor))
                return 0;
        return sql_run(store, SQL_WORK_ADD, ARG(entry->event_id), ARG(before->id), ARG(entry->now_us), ARG(before->owner));
}

int passage_fold(Store *store, const StoreEntry *entry, const LeadRow *before, const LeadRow *row) {
        if (store_is_before_7(store, entry->event_id))
                return 0;
        int r = fold_moves(store, entry, before, row);
        if (r == 0 && entry->decision->handoff.how)
                r = fold_handoff(store, entry);
        return r == 0 ? fold_work(store, entry, before) : r;
}

/* ---- who lost it ---- */

int returned_fold(Store *store, const LeadRow *row, const ReturnState *returned) {
        uint64_t owner, move, reason;
        Ref by;
        if (!(row->flags & LEAD_HAS_RETURNED))
                return sql_run(store, SQL_RETURNED_DELETE, ARG(row->id));
        int r = name_intern(store, returned->owner, &owner);
        if (r == 0)
                r = name_intern(store, returned->move, &move);
        if (r == 0)
                r = name_intern(store, returned->reason, &reason);
        if (r == 0)
                r = name_ref(store, returned->by, STORE_NAMES_MAX, &by);
        return r == 0 ? sql_run(store, SQL_RETURNED_SET, ARG(row->id), ARG(owner), ARG(returned->event), ARG(returned->at_us), ARG(move),
                                ARG(reason), ARG(by))
                      : r;
}

int returned_load(Store *store, uint64_t lead, Arena *arena, ReturnState *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_RETURNED_GET, &row, ARG(lead));
        if (r != 0)
                return r == STORE_E_NONE ? -EBADMSG : r;
        ret->event = column_u64(row, 1);
        ret->at_us = sqlite3_column_int64(row, 2);
        r = name_copy(store, column_u64(row, 0), arena, &ret->owner);
        if (r == 0)
                r = name_copy(store, column_u64(row, 3), arena, &ret->move);
        if (r == 0)
                r = name_copy(store, column_u64(row, 4), arena, &ret->reason);
        return r == 0 ? column_ref(store, row, 5, arena, &ret->by) : r;
}
