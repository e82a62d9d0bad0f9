/* SPDX-License-Identifier: MIT */
/*
 * The only way anything enters the book: one event appended and folded into every
 * projection, in the transaction its caller holds. Decides nothing: it writes what
 * decide said. A decision about a state that is no longer the lead's is refused.
 */
#include "internal.h"
#include <errno.h>

static bool is_submission(const Record *record) { return record->family == FAMILY_LEAD && base_streq(record->event, "submitted"); }

static unsigned event_flags(const Store *store, const StoreEntry *entry) {
        const Record *record = entry->record;
        const Assignment *assignment = &entry->decision->assignment;
        unsigned flags = record->flags & EVENT_RECORD_FLAGS;
        if (is_submission(record))
                flags |= EVENT_IS_ACTIVITY | EVENT_IS_SUBMISSION;
        else if (record->family == FAMILY_ACTIVITY)
                flags |= EVENT_IS_ACTIVITY;
        /* By hand is not by turn: it does not count for a day's share. */
        if (assignment->changed && assignment->owner && assignment->route && !base_streq(assignment->route, "assign") &&
                !base_streq(assignment->route, "unmerge"))
                flags |= EVENT_IS_ROUTED;
        if (entry->lead_id > 0 && !entry->decision->after.erased && entry->event_id >= store->uses_from)
                flags |= (entry->decision->after.unaccepted ? EVENT_LEAVES_UNACCEPTED : 0) |
                         (entry->decision->after.test ? EVENT_LEAVES_TEST : 0) |
                         (entry->decision->after.by_turn ? EVENT_LEAVES_BY_TURN : 0);
        return flags;
}

static int add_event(Store *store, const StoreEntry *entry, uint64_t prev, unsigned flags) {
        const Record *record = entry->record;
        uint8_t id[DIGEST_SIZE];
        Ref type, source, actor;
        int r = name_ref(store, record->type ? record->type : "", STORE_NAMES_MAX, &type);
        if (r == 0)
                r = name_ref(store, record->source ? record->source : "", STORE_NAMES_MAX, &source);
        if (r == 0)
                r = name_ref(store, entry->actor, STORE_NAMES_MAX, &actor);
        if (r == 0)
                r = body_encode(store, entry, &store->body, &store->notes);
        if (r == 0)
                r = sql_run(store, SQL_EVENT_ADD, ARG(entry->event_id), ARG(entry->lead_id), ARG(prev), ARG(type), ARG(source), ARG(actor),
                        ARG(store->now.rules), ARG(entry->now_us), ARG(entry->now_us - record->time_us), ARG(flags),
                        record_id_pack(record->id, id), ARG(entry->ledger), ARG(entry->ledger_index),
                        ARG_BYTES(store->body.data, store->body.size));
        if (r != 0)
                return r;
        if (record->facts.n_items == 0 && !record->subject && store->notes.size == 0)
                return 0;
        text_clear(&store->facts);
        r = facts_encode(&record->facts, &store->facts);
        if (r == 0)
                r = store->facts.error;
        if (r != 0)
                return r;
        Blob facts = record->facts.n_items > 0 ? (Blob){ store->facts.data, store->facts.size } : (Blob){ 0 };
        Blob notes = store->notes.size > 0 ? (Blob){ store->notes.data, store->notes.size } : (Blob){ 0 };
        return sql_run(store, SQL_PAYLOAD_ADD, ARG(entry->event_id), ARG(facts), ARG(record->subject), ARG(notes));
}

static int add_effects(Store *store, const StoreEntry *entry) {
        const Decision *decision = entry->decision;
        for (size_t i = 0; i < decision->n_effects; i++) {
                const Effect *effect = &decision->effects[i];
                Ref channel, recipient, role, rule, sender;
                int r = name_ref(store, effect->channel, STORE_NAMES_MAX, &channel);
                if (r == 0)
                        r = name_ref(store, effect->recipient, STORE_NAMES_MAX, &recipient);
                if (r == 0)
                        r = name_ref(store, effect->role, STORE_NAMES_MAX, &role);
                if (r == 0)
                        r = name_ref(store, effect->rule, STORE_NAMES_MAX, &rule);
                if (r == 0)
                        r = name_ref(store, effect->sender, STORE_NAMES_MAX, &sender);
                if (r == 0)
                        r = sql_run(store, SQL_OUTBOX_ADD, ARG(store->now.next_outbox), ARG(entry->event_id), ARG(entry->lead_id),
                                ARG((int) effect->kind), ARG((int) effect->via), ARG(channel), ARG(recipient), ARG(effect->address),
                                ARG(role), ARG(rule), ARG(effect->step), ARG(effect->body), ARG(entry->now_us),
                                ARG(effect->not_before_us > entry->now_us ? effect->not_before_us : entry->now_us), ARG(sender));
                if (r != 0)
                        return r;
                store->now.next_outbox++;
        }
        return 0;
}

static int change_desk(Store *store, const StoreEntry *entry, unsigned flags, uint64_t owner) {
        const Decision *decision = entry->decision;
        int r = 0;
        for (size_t i = 0; r == 0 && i < decision->n_turns; i++)
                r = desk_set_turn(store, &decision->turns[i]);
        if (r == 0 && decision->absences_of)
                r = desk_set_absences(store, decision->absences_of, decision->absences, decision->n_absences);
        if (r == 0 && flags & EVENT_IS_ROUTED && owner > 0)
                r = desk_add_routed(store, owner, entry->now_us);
        return r;
}

/* ---- the lead ---- */

/* An older book knows no versions and no promises kept: a replay of it must come to the same (schema_6). */
static bool starts_new(const Store *store, const SlaState *sla) { return sla->start_event >= store->uses_from; }

static int fold_track(Store *store, const LeadRow *before, const LeadRow *row, const TrackState *track) {
        uint64_t name;
        if (!(row->flags & LEAD_HAS_TRACK))
                return before->flags & LEAD_HAS_TRACK ? sql_run(store, SQL_TRACK_DELETE, ARG(row->id)) : 0;
        int r = name_intern(store, track->name, &name);
        return r == 0 ? sql_run(store, SQL_TRACK_SET, ARG(row->id), ARG(name), ARG(track->event), ARG(track->since_us),
                                ARG(track->next_step), ARG_TIME(track->next_due_us), ARG(track->ended))
                      : r;
}

static int fold_side_tables(Store *store, const LeadRow *before, const LeadRow *row, const LeadState *after) {
        int r = 0;
        if (row->flags & LEAD_HAS_SLA) {
                uint64_t rule;
                Ref version;
                r = name_intern(store, after->sla.rule, &rule);
                if (r == 0)
                        r = name_ref(store, starts_new(store, &after->sla) ? after->sla.version : NULL, STORE_NAMES_MAX, &version);
                if (r == 0)
                        r = sql_run(store, SQL_SLA_SET, ARG(row->id), ARG(rule), ARG(after->sla.start_event), ARG(after->sla.start_us),
                                ARG_TIME(after->sla.due_us), ARG(after->sla.next_step), ARG_TIME(after->sla.next_due_us),
                                ARG(after->sla.paused_us), ARG_TIME(after->sla.snoozed_until_us), ARG(after->sla.snooze_reason),
                                ARG(version));
        } else if (before->flags & LEAD_HAS_SLA)
                r = sql_run(store, SQL_SLA_DELETE, ARG(row->id));
        if (r != 0)
                return r;
        if (row->flags & LEAD_HAS_RESPONSE) {
                uint64_t rule;
                r = name_intern(store, after->response.rule, &rule);
                if (r == 0)
                        r = sql_run(store, SQL_RESPONSE_SET, ARG(row->id), ARG(rule), ARG(after->response.n_in_time),
                                ARG(after->response.n_late));
        } else if (before->flags & LEAD_HAS_RESPONSE)
                r = sql_run(store, SQL_RESPONSE_DELETE, ARG(row->id));
        if (r != 0)
                return r;
        r = fold_track(store, before, row, &after->track);
        if (r != 0)
                return r;
        if (row->flags & LEAD_HAS_HELD) {
                uint64_t by;
                r = name_intern(store, after->held.by, &by);
                if (r == 0)
                        r = sql_run(store, SQL_HELD_SET, ARG(row->id), ARG(by), ARG(after->held.text), ARG(after->held.since_us),
                                ARG_TIME(after->held.next_look_us));
        } else if (before->flags & LEAD_HAS_HELD)
                r = sql_run(store, SQL_HELD_DELETE, ARG(row->id));
        if (r != 0)
                return r;
        if (row->flags & LEAD_HAS_RECYCLE) {
                uint64_t reason;
                r = name_intern(store, after->recycle_reason, &reason);
                if (r == 0)
                        r = sql_run(store, SQL_RECYCLE_SET, ARG(row->id), ARG_TIME(after->recycle_us), ARG(reason));
        } else if (before->flags & LEAD_HAS_RECYCLE)
                r = sql_run(store, SQL_RECYCLE_DELETE, ARG(row->id));
        return r;
}

/* Changes a few times in a lead's life: then all its rows are written anew. */
static int fold_used(Store *store, const LeadRow *row, const LeadState *after) {
        int r = sql_run(store, SQL_USED_DELETE, ARG(row->id));
        for (size_t i = 0; r == 0 && i < after->n_uses; i++) {
                const ReasonUse *use = &after->uses[i];
                uint64_t reason;
                r = name_intern(store, use->reason, &reason);
                if (r == 0)
                        r = sql_run(store, SQL_USED_ADD, ARG(row->id), ARG(reason), ARG(use->event), ARG(use->at_us), ARG(use->woken));
        }
        return r;
}

static int fold_expired(Store *store, const LeadRow *row, const LeadState *after) {
        int r = sql_run(store, SQL_EXPIRED_DELETE, ARG(row->id));
        for (size_t i = 0; r == 0 && i < after->n_expired; i++) {
                uint64_t member;
                r = name_intern(store, after->expired[i], &member);
                if (r == 0)
                        r = sql_run(store, SQL_EXPIRED_ADD, ARG(row->id), ARG((uint64_t) i + 1), ARG(member));
        }
        return r;
}

static int fold_wake(Store *store, const LeadRow *before, const LeadRow *row) {
        int r = 0;
        if (before->wake_us == row->wake_us)
                return 0;
        if (before->wake_us != TIME_NONE)
                r = sql_run(store, SQL_WAKE_DELETE, ARG(before->wake_us), ARG(row->id));
        if (r == 0 && row->wake_us != TIME_NONE)
                r = sql_run(store, SQL_WAKE_ADD, ARG(row->wake_us), ARG(row->id));
        return r;
}

static int fold_counts(Store *store, const LeadRow *before, const LeadRow *row) {
        int r = accounts_fold(store, before, row);
        if (r != 0)
                return r;
        /* Test leads are not counted, nor are those another one goes on for. */
        bool was_counted = before->id > 0 && !(before->flags & (LEAD_TEST | LEAD_MERGED | LEAD_ERASED));
        bool is_counted = !(row->flags & (LEAD_TEST | LEAD_MERGED | LEAD_ERASED));
        bool is_same = before->owner == row->owner && before->status == row->status &&
                       (before->flags & LEAD_UNACCEPTED) == (row->flags & LEAD_UNACCEPTED) && was_counted == is_counted;
        if (is_same)
                return 0;
        if (was_counted)
                r = desk_count(store, before->owner, before->status, -1, -(int64_t) (before->flags & LEAD_UNACCEPTED));
        if (r == 0 && is_counted)
                r = desk_count(store, row->owner, row->status, 1, row->flags & LEAD_UNACCEPTED);
        return r;
}

static int write_lead(Store *store, const LeadRow *before, const LeadRow *row, const LeadState *after) {
        bool is_old = store_is_before_7(store, store->now.next_event); /* of that time hindsight.c says it */
        Ref segments = { 0 }, source, came_from = { 0 }, campaign = { 0 }, consents = { 0 };
        int r = segments_join(after, &store->segments);
        if (r == 0 && after->n_segments > 0)
                r = name_ref(store, store->segments.data, STORE_PHRASES_MAX, &segments);
        if (r == 0)
                r = name_ref(store, after->source, STORE_NAMES_MAX, &source);
        if (r == 0 && !is_old)
                r = said_ref(store, after->came_from, STORE_NAMES_MAX, &came_from);
        if (r == 0 && !is_old)
                r = said_ref(store, after->campaign, STORE_NAMES_MAX, &campaign);
        if (r == 0 && !is_old)
                r = said_ref(store, after->consents, STORE_PHRASES_MAX, &consents);
        if (r != 0)
                return r;
        Arg offered = row->offered_event == 0 ? ARG_TIME(TIME_NONE) : ARG(row->offered_us - row->created_us);
        Arg wake = row->wake_us == TIME_NONE ? ARG_TIME(TIME_NONE) : ARG(row->wake_us - row->created_us);
        /* No record is older than its lead, so that what is not there is -1. */
        int64_t idle_from = row->idle_from_us == TIME_NONE ? -1 : row->idle_from_us - row->created_us;
        int64_t source_at = row->source_us == TIME_NONE ? -1 : row->source_us - row->created_us;
        if (before->id == 0)
                return sql_run(store, SQL_LEAD_ADD, ARG(row->id), ARG(row->status), ARG(row->owner), ARG(row->version),
                        ARG(row->last_event), ARG(row->moved_event), ARG(row->created_us), ARG(row->entered_us - row->created_us),
                        ARG(idle_from), ARG(after->fit_mp), ARG(after->engagement_mp), ARG(row->grade), ARG(segments), ARG(row->flags),
                        wake, ARG(row->company), ARG(row->profile_event), ARG(source), ARG(source_at), ARG(row->route), offered,
                        ARG(row->offered_event), ARG(came_from), ARG(campaign), ARG(consents));
        r = sql_run(store, SQL_LEAD_SET, ARG(row->id), ARG(row->status), ARG(row->owner), ARG(row->version), ARG(row->last_event),
                ARG(row->moved_event), ARG(row->created_us), ARG(row->entered_us - row->created_us), ARG(idle_from), ARG(after->fit_mp),
                ARG(after->engagement_mp), ARG(row->grade), ARG(segments), ARG(row->flags), wake, ARG(row->company),
                ARG(row->profile_event), ARG(before->last_event), ARG(source), ARG(source_at), ARG(row->route), offered,
                ARG(row->offered_event), ARG(came_from), ARG(campaign), ARG(consents));
        if (r == 0 && sqlite3_changes(store->db) != 1)
                return -ESTALE;
        return r;
}

static int fold_profile(Store *store, const StoreEntry *entry, const LeadRow *before, LeadRow *row) {
        const Facts *profile = &entry->decision->profile;
        int r = company_intern(store, facts_text(profile, FIELD_COMPANY_DOMAIN), &row->company);
        if (r != 0)
                return r;
        /* A lead that has a row of its own keeps it. */
        bool has_row = before->id > 0 && before->profile_event == 0;
        if (!has_row && profile_is_said(&entry->record->facts, profile)) {
                row->profile_event = entry->event_id;
                return 0;
        }
        row->profile_event = 0;
        text_clear(&store->profile);
        r = facts_encode(profile, &store->profile);
        if (r == 0)
                r = store->profile.error;
        return r == 0 ? sql_run(store, SQL_PROFILE_SET, ARG(row->id), ARG_BYTES(store->profile.data, store->profile.size)) : r;
}

/* Did a person send it back, out of the hands of a team with members, and not say why? What the last move said stands until the next. */
static bool lacks_reason(Store *store, const StoreEntry *entry, const LeadRow *before) {
        const Decision *decision = entry->decision;
        if (decision->n_moves == 0 || store_is_before_7(store, entry->event_id))
                return before->flags & LEAD_NO_REASON;
        const MoveMade *made = &decision->moves[decision->n_moves - 1];
        uint64_t was = name_find(store, made->from), goes = name_find(store, made->to);
        bool by_person = made->by && !base_streq(made->by, "rules") && strncmp(made->by, "sla:", 4) != 0;
        return by_person && !made->reason && store->names.items[was].is_staffed && status_is_open(store, was) &&
               !store->names.items[goes].is_staffed;
}

static int fold_lead(Store *store, const StoreEntry *entry, const LeadRow *before, bool has_email, LeadRow *ret) {
        const Decision *decision = entry->decision;
        const LeadState *after = &decision->after;
        LeadRow row = {
                .id = entry->lead_id,
                .version = after->version,
                .last_event = entry->event_id,
                .moved_event = after->moved_event,
                .company = before->company,
                .profile_event = before->profile_event,
                .created_us = after->created_us,
                .entered_us = after->entered_us,
                .idle_from_us = after->idle_from_us,
                .source_us = after->source_us,
                .wake_us = after->wake_us,
                .offered_us = store_is_before_7(store, entry->event_id) ? TIME_NONE : after->offered_us,
                .offered_event = store_is_before_7(store, entry->event_id) ? 0 : after->offered_event,
                .flags = (before->flags & LEAD_HAS_EMAIL) | (has_email ? LEAD_HAS_EMAIL : 0) | (after->unaccepted ? LEAD_UNACCEPTED : 0) |
                         (after->test ? LEAD_TEST : 0) | (after->sla.rule ? LEAD_HAS_SLA : 0) | (after->held.by ? LEAD_HAS_HELD : 0) |
                         (after->recycle_us != TIME_NONE || after->recycle_reason ? LEAD_HAS_RECYCLE : 0) |
                         (after->n_uses > 0 ? LEAD_HAS_USED : 0) | (after->n_expired > 0 ? LEAD_HAS_EXPIRED : 0) |
                         (after->by_turn ? LEAD_BY_TURN : 0) | (after->merged_into > 0 ? LEAD_MERGED : 0) |
                         (after->returned.owner && !store_is_before_7(store, entry->event_id) ? LEAD_HAS_RETURNED : 0) |
                         (after->joined ? LEAD_JOINED : 0) | (after->n_opportunities > 0 ? LEAD_HAS_OPPORTUNITY : 0) |
                         (lacks_reason(store, entry, before) ? LEAD_NO_REASON : 0) |
                         (after->response.rule && entry->event_id >= store->uses_from ? LEAD_HAS_RESPONSE : 0) |
                         (after->track.name ? LEAD_HAS_TRACK : 0),
        };
        /* What is left of a person who was erased is what cannot be told apart from anybody else. */
        if (after->erased)
                row.flags = LEAD_ERASED | (after->test ? LEAD_TEST : 0);
        int r = name_intern(store, after->status, &row.status);
        if (r == 0)
                r = name_intern(store, after->owner, &row.owner);
        if (r == 0)
                r = name_intern(store, after->route, &row.route);
        if (r == 0)
                r = name_intern(store, after->grade, &row.grade);
        if (after->erased) {
                row.company = row.profile_event = 0;
                r = r == 0 ? sql_run(store, SQL_PROFILE_DELETE, ARG(row.id)) : r;
        } else if (r == 0 && decision->profile_changed)
                r = fold_profile(store, entry, before, &row);
        if (r == 0)
                r = family_fold(store, entry, before, &row);
        if (r == 0)
                r = write_lead(store, before, &row, after);
        if (r == 0)
                r = fold_side_tables(store, before, &row, after);
        if (r == 0 && decision->uses_changed)
                r = fold_used(store, &row, after);
        if (r == 0 && decision->expired_changed)
                r = fold_expired(store, &row, after);
        if (r == 0 && decision->opportunities_changed)
                r = opportunities_fold(store, row.id, after);
        bool has_returned = (before->flags | row.flags) & LEAD_HAS_RETURNED;
        if (r == 0 && has_returned && (decision->returned_changed || (before->flags ^ row.flags) & LEAD_HAS_RETURNED))
                r = returned_fold(store, &row, &after->returned);
        if (r == 0)
                r = fold_wake(store, before, &row);
        if (r == 0)
                r = fold_counts(store, before, &row);
        if (r == 0)
                *ret = row;
        return r;
}

static int apply(Store *store, const StoreEntry *entry, const LeadRow *before) {
        bool has_email = false;
        unsigned flags = event_flags(store, entry);
        uint64_t owner = 0;
        int r = add_event(store, entry, before->last_event, flags);
        if (r == 0 && entry->copied_from)
                r = keys_copy(store, entry->copied_from, entry->event_id);
        else if (r == 0)
                r = keys_collect(store, entry, &store->key_text, &has_email);
        if (r == 0 && !entry->copied_from)
                r = keys_add(store, entry->event_id, entry->named > 0 ? entry->named : entry->lead_id, &store->key_text);
        if (r == 0 && entry->lead_id > 0) {
                LeadRow row;
                r = fold_lead(store, entry, before, has_email, &row);
                if (r == 0) {
                        owner = row.owner;
                        store->hot = row;
                        r = passage_fold(store, entry, before, &row);
                }
        }
        if (r == 0 && entry->decision->after.erased && entry->lead_id > 0)
                r = erase_fold(store, entry, before);
        if (r == 0)
                r = change_desk(store, entry, flags, owner);
        if (r == 0)
                r = entry->copied_from ? outbox_copy(store, entry->copied_from, entry->event_id, entry->lead_id)
                                       : add_effects(store, entry);
        if (r == 0)
                r = digests_fold(store, entry->decision);
        if (r == 0)
                r = hits_fold(store, entry);
        if (r == 0)
                r = fair_fold(store, entry->decision);
        if (r == 0)
                r = sums_fold(store, entry);
        if (r == 0)
                r = activation_fold(store, entry);
        if (r == 0)
                r = feedback_fold(store, entry, before);
        if (r == 0)
                r = audience_fold(store, entry);
        return r;
}

int store_apply(Store *store, const StoreEntry *entry) {
        const Decision *decision = entry->decision;
        LeadRow before = { .wake_us = TIME_NONE };
        int r = store_may_write(store);
        if (r != 0)
                return r;
        if (decision->refused || entry->event_id != store->now.next_event)
                return -EINVAL;
        if (entry->event_id > STORE_IDS_MAX || entry->lead_id > STORE_IDS_MAX)
                return -EOVERFLOW;
        if (entry->lead_id > 0) {
                if (decision->is_new != (entry->lead_id == store->now.next_lead) || !decision->after.status)
                        return -EINVAL;
                if (!decision->is_new) {
                        r = lead_row(store, entry->lead_id, &before);
                        if (r != 0)
                                return r == STORE_E_NONE ? -EINVAL : r;
                        /* Decided on what the lead is now? The version counts its events. */
                        if (decision->after.version != before.version + 1)
                                return -ESTALE;
                }
        }
        r = apply(store, entry, &before);
        if (r != 0)
                return store_write_failed(store, r);
        store->now.next_event++;
        if (entry->lead_id == store->now.next_lead)
                store->now.next_lead++;
        return 0;
}

/* ---- re-deriving ---- */

static bool same_segments(const LeadState *a, const LeadState *b) {
        if (a->n_segments != b->n_segments)
                return false;
        for (size_t i = 0; i < a->n_segments; i++)
                if (!base_streq(a->segments[i], b->segments[i]))
                        return false;
        return true;
}

/* The lead is no other than before its rules were: only what they derive is written, and its version stays. */
static int rederive(Store *store, const LeadState *before, const LeadState *after) {
        LeadRow row_before;
        int r = lead_row(store, after->id, &row_before);
        if (r != 0)
                return r;
        LeadRow row = row_before;
        row.wake_us = after->wake_us;
        if (!base_streq(before->status, after->status))
                r = name_intern(store, after->status, &row.status);
        if (r == 0)
                r = name_intern(store, after->grade, &row.grade);
        if (r == 0)
                r = write_lead(store, &row_before, &row, after);
        if (r == 0)
                r = fold_wake(store, &row_before, &row);
        if (r == 0)
                r = fold_counts(store, &row_before, &row);
        if (r == 0)
                store->hot = row;
        return r;
}

int store_rederive(Store *store, const Rederived *rederived, bool *ret_changed) {
        const LeadState *before = rederived->before, *after = rederived->after;
        *ret_changed = false;
        int r = store_may_write(store);
        if (r != 0)
                return r;
        if (after->id != before->id || after->id == 0)
                return -EINVAL;
        bool changed = before->fit_mp != after->fit_mp || before->engagement_mp != after->engagement_mp ||
                       !base_streq(before->grade, after->grade) || !same_segments(before, after);
        if (changed || before->wake_us != after->wake_us || !base_streq(before->status, after->status)) {
                r = rederive(store, before, after);
                if (r != 0)
                        return store_write_failed(store, r == STORE_E_NONE ? -EINVAL : r);
        }
        *ret_changed = changed;
        return 0;
}
