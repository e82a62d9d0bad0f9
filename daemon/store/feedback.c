/* SPDX-License-Identifier: MIT */
/*
 * What sales tells marketing: one row for each move with a reason, a person's or an SLA's, in the transaction of the move. Beside the
 * reason stands what marketing has to know the lead by as it was then: which source and campaign it came from, and who had it. The
 * note is where all notes are, in the payload of its event, so that an erasure finds it there.
 *
 * Counted since uses_from; leads that are tests do not count.
 */
#include "internal.h"
#include <errno.h>

/* Columns of SQL_FEEDBACK_ALL. */
enum {
        FEEDBACK_EVENT,
        FEEDBACK_N,
        FEEDBACK_LEAD,
        FEEDBACK_AT,
        FEEDBACK_MOVE,
        FEEDBACK_REASON,
        FEEDBACK_FROM,
        FEEDBACK_TO,
        FEEDBACK_OWNER,
        FEEDBACK_ACCEPTED,
        FEEDBACK_BY,
        FEEDBACK_SOURCE,
        FEEDBACK_CAMPAIGN,
        FEEDBACK_SCORES
};

static const char *campaign_of(const Facts *profile) {
        const char *campaign = facts_text(profile, FIELD_ATTRIBUTION_CAMPAIGN);

        return campaign ? campaign : facts_text(profile, FIELD_ATTRIBUTION_CAMPAIGN_ID);
}

/* In a replay of somebody who cannot be judged again. */
static int known_by(Store *from, uint64_t event, uint64_t n, Arena *arena, const char **ret_source, const char **ret_campaign) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(from, SQL_FEEDBACK_KNOWN_BY, &row, ARG(event), ARG(n));
        *ret_source = *ret_campaign = NULL;
        if (r != 0)
                return r == STORE_E_NONE ? 0 : r;
        const char *campaign = column_text(row, 1);
        *ret_campaign = campaign ? arena_strdup(arena, campaign) : NULL;
        if (campaign && !*ret_campaign)
                return -ENOMEM;
        return column_ref(from, row, 0, arena, ret_source);
}

int feedback_fold(Store *store, const StoreEntry *entry, const LeadRow *before) {
        const Decision *decision = entry->decision;

        Blob scores = { 0 };

        if (entry->lead_id == 0 || decision->after.test || entry->event_id < store->uses_from)
                return 0;
        for (size_t i = 0; i < decision->n_moves; i++) {
                const MoveMade *move = &decision->moves[i];
                uint64_t name, reason, from, to;
                const char *source_name = decision->after.source, *campaign = campaign_of(&decision->profile);
                _cleanup_(arena_freep) Arena *arena = NULL;
                Ref by, source;
                if (!move->reason)
                        continue;
                int r = store_is_before_7(store, entry->event_id) ? 0 : scores_encode(store, &decision->receipts, &scores);
                if (r == 0 && entry->copied_from) {
                        arena = arena_new(0);
                        r = arena ? known_by(entry->copied_from, entry->event_id, i, arena, &source_name, &campaign) : -ENOMEM;
                }
                if (r == 0)
                        r = name_intern(store, move->move, &name);
                if (r == 0)
                        r = name_intern(store, move->reason, &reason);
                if (r == 0)
                        r = name_intern(store, move->from, &from);
                if (r == 0)
                        r = name_intern(store, move->to, &to);
                if (r == 0)
                        r = name_ref(store, move->by, STORE_NAMES_MAX, &by);
                if (r == 0)
                        r = name_ref(store, source_name, STORE_NAMES_MAX, &source);
                if (r == 0)
                        r = sql_run(store, SQL_FEEDBACK_ADD, ARG(entry->event_id), ARG((uint64_t) i), ARG(entry->lead_id),
                                ARG(entry->now_us), ARG(name), ARG(reason), ARG(from), ARG(to), ARG(before->owner),
                                ARG(before->owner > 0 && !(before->flags & LEAD_UNACCEPTED)), ARG(by), ARG(source), ARG(campaign),
                                ARG(scores));
                if (r != 0)
                        return r;
        }
        return 0;
}

int feedback_forget(Store *store, uint64_t lead) { return sql_run(store, SQL_FEEDBACK_FORGET, ARG(lead)); }

/* ---- reading ---- */

typedef struct Note {
        uint64_t n;
        Arena *arena;
        const char *text;
} Note;

static int take_note(const StoredEvent *event, void *userdata) {
        Note *note = userdata;

        if (note->n >= event->n_moves || !event->moves[note->n].note)
                return 1;
        note->text = arena_strdup(note->arena, event->moves[note->n].note);
        return note->text ? 1 : -ENOMEM;
}

static int read_scores(Store *store, Blob blob, Arena *arena, Feedback *ret) {
        const uint8_t *at = blob.data, *end = at ? at + blob.size : NULL;
        const char **names = blob.size > 0 ? ARENA_ARRAY(arena, const char *, blob.size) : NULL;
        int r = blob.size > 0 && !names ? -ENOMEM : 0;
        while (r == 0 && at < end) {
                uint64_t id;
                r = base_varint_read(&at, end, &id) ? name_copy(store, id, arena, &names[ret->n_scores]) : -EBADMSG;
                if (r == 0 && !names[ret->n_scores++])
                        r = -EBADMSG;
        }
        ret->scores = names;
        return r;
}

static int read_row(Store *store, sqlite3_stmt *row, Arena *arena, Feedback *ret) {
        *ret = (Feedback){
                .event = column_u64(row, FEEDBACK_EVENT),
                .lead = column_u64(row, FEEDBACK_LEAD),
                .at_us = sqlite3_column_int64(row, FEEDBACK_AT),
                .accepted = sqlite3_column_int(row, FEEDBACK_ACCEPTED),
        };
        const struct {
                int column;
                const char **at;
        } refs[] = {
                { FEEDBACK_MOVE, &ret->move },
                { FEEDBACK_REASON, &ret->reason },
                { FEEDBACK_FROM, &ret->from },
                { FEEDBACK_TO, &ret->to },
                { FEEDBACK_OWNER, &ret->owner },
                { FEEDBACK_BY, &ret->by },
                { FEEDBACK_SOURCE, &ret->source },
        };
        for (size_t i = 0; i < ARRAY_SIZE(refs); i++) {
                int r = column_ref(store, row, refs[i].column, arena, refs[i].at);
                if (r != 0)
                        return r;
        }
        const char *campaign = column_text(row, FEEDBACK_CAMPAIGN);
        ret->campaign = campaign ? arena_strdup(arena, campaign) : NULL;
        if (campaign && !ret->campaign)
                return -ENOMEM;
        return read_scores(store, column_blob(row, FEEDBACK_SCORES), arena, ret);
}

/* Out of the event: only for rows that are wanted. */
static int read_note(Store *store, sqlite3_stmt *row, Arena *arena, Feedback *ret) {
        Note note = { .n = column_u64(row, FEEDBACK_N), .arena = arena };
        int r = store_log(store, 0, ret->event, take_note, &note);

        ret->note = note.text;
        return r < 0 ? r : 0;
}

static bool is_wanted(const Feedback *row, const FeedbackFilter *filter) {
        return (!filter->reason || base_streq(row->reason, filter->reason)) &&
               (!filter->source || (row->source && base_streq(row->source, filter->source))) &&
               (!filter->owner || (row->owner && base_streq(row->owner, filter->owner)));
}

int store_feedback(Store *store, const FeedbackFilter *filter, int (*on_row)(const Feedback *row, void *userdata), void *userdata) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        if (!arena)
                return -ENOMEM;
        int r = snapshot_enter(store);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot _unused_ = store;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        r = names_load(store);
        if (r != 0)
                return r;
        int64_t since_us = filter->since_us == TIME_NONE ? INT64_MIN : filter->since_us;
        for (r = sql_row(store, SQL_FEEDBACK_ALL, &row, ARG(filter->before > 0 ? filter->before : STORE_IDS_MAX), ARG(since_us)); r == 0;
                r = sql_next(store, row)) {
                Feedback item;
                arena_reset(arena);
                r = read_row(store, row, arena, &item);
                if (r == 0 && is_wanted(&item, filter)) {
                        r = read_note(store, row, arena, &item);
                        if (r == 0)
                                r = on_row(&item, userdata);
                }
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}
