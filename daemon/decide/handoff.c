/* SPDX-License-Identifier: MIT */
/*
 * handoff: when a lead was offered to somebody, and how that offer ended. An offer lasts from the event that gave the lead
 * to its owner until the owner answers, or no longer has it. What is worked out here is a fact of the event: the working
 * time in the owner's clock would be another one after the next change of a calendar.
 *
 * Who lost a lead to a team without members is remembered: a deal that stalled goes to its former owner when it wakes, be it
 * that others speak to the person first, and who rejected somebody may sign what marketing then writes.
 */
#include "internal.h"

const char *decide_handoff_name(HandOffHow how) {
        static const char *const names[] = { NULL, "accepted", "returned", "expired", "left" };

        return names[how];
}

/* Did the owner, or the head in the owner's place, move it? */
static bool owner_moved(const Deciding *deciding, const Member *owner) {
        const Record *record = deciding->input->record;
        const Member *actor = moves_actor(deciding);

        return record->family == FAMILY_OUTCOME && deciding->out->n_moves > 0 && !base_streq(record->event, "assign") && actor &&
               (actor == owner || (owner && actor == owner->team->head));
}

/* How the owner kept the promise. What former owners broke in this hand-off stands in the lead's response as well. */
static ResponseStatus response_of(const LeadState *before, int64_t now_us) {
        if (before->sla.rule)
                return before->sla.due_us != TIME_NONE && before->sla.due_us < now_us ? RESPONSE_FAILED : RESPONSE_DUE;
        if (before->response.n_late > before->n_expired)
                return RESPONSE_FAILED;
        return before->response.n_in_time > 0 ? RESPONSE_FULFILLED : RESPONSE_NONE;
}

static void end(Deciding *deciding, const Member *owner, HandOffHow how) {
        const LeadState *before = deciding->input->before;
        const Decision *out = deciding->out;
        const Team *team = owner ? owner->team : deciding->status ? deciding->status->team : NULL;
        const Calendar *calendar = owner ? policy_member_calendar(owner) : NULL;
        int64_t now_us = deciding->input->now_us;

        if (before->offered_event == 0)
                return; /* of an older leadd, and its log does not say when */
        if (!calendar && team && team->calendar)
                calendar = team->calendar->calendar;
        deciding->out->handoff = (HandOff){
                .how = how,
                .offered_event = before->offered_event,
                .offered_us = before->offered_us,
                .team = team ? team->rule.name : NULL,
                .owner = before->owner,
                .route = before->route,
                .sla = before->sla.rule ? before->sla.rule : before->response.rule,
                .due_us = before->sla.rule ? before->sla.due_us : TIME_NONE,
                .response = response_of(before, now_us),
                .working_us = calendar_between(calendar, before->offered_us, now_us),
                .reason = out->n_moves > 0 ? out->moves[0].reason : NULL,
        };
}

static void note_offer(Deciding *deciding) {
        const LeadState *before = deciding->input->before;
        LeadState *after = &deciding->out->after;
        bool keeps = after->owner && before->owner && base_streq(after->owner, before->owner);

        if (!after->owner) {
                after->offered_us = TIME_NONE;
                after->offered_event = 0;
        } else if (!keeps || (after->unaccepted && !before->unaccepted)) {
                after->offered_us = deciding->input->now_us;
                after->offered_event = deciding->input->event_id;
        }
}

/* The move that took the lead out of the team that has members. */
static const MoveMade *find_return(const Deciding *deciding) {
        const Decision *out = deciding->out;

        for (size_t i = 0; i < out->n_moves; i++) {
                const Status *to = policy_status(deciding->rules, out->moves[i].to);
                if (to && to->team->n_members == 0)
                        return &out->moves[i];
        }
        return NULL;
}

static void note_return(Deciding *deciding) {
        const LeadState *before = deciding->input->before;
        LeadState *after = &deciding->out->after;
        bool lost = before->owner && !after->owner && deciding->status->team->n_members == 0;
        const MoveMade *move = lost ? find_return(deciding) : NULL;

        if (move) {
                after->returned = (ReturnState){ .owner = before->owner,
                        .event = deciding->input->event_id,
                        .at_us = deciding->input->now_us,
                        .move = move->move,
                        .reason = move->reason,
                        .by = move->by };
                deciding->out->returned_changed = true;
                return;
        }
        const Member *former = after->returned.owner ? policy_member(deciding->rules, after->returned.owner) : NULL;
        if (!after->returned.owner || !deciding->owner || (former && former->team != deciding->owner->team))
                return;
        after->returned = (ReturnState){ 0 };
        deciding->out->returned_changed = true;
}

const char *decide_gave_back(const ReturnState *returned) {
        return returned->owner && returned->by && strncmp(returned->by, "rep:", 4) == 0 ? returned->by + 4 : NULL;
}

/* How the offer that stood before this event ended; 0: it stands, or there was none. */
static HandOffHow find_end(const Deciding *deciding, const Member *owner) {
        const LeadState *before = deciding->input->before, *after = &deciding->out->after;
        bool keeps = after->owner && before->owner && base_streq(after->owner, before->owner);

        if (!before->owner || !before->unaccepted || before->test || (keeps && after->unaccepted))
                return 0;
        if (!owner_moved(deciding, owner))
                return deciding->fired_sla ? HANDOFF_EXPIRED : HANDOFF_LEFT;
        bool goes_on = keeps || (deciding->status->team->n_members > 0 && deciding->status->kind != STATUS_FINAL);
        return goes_on && !deciding->out->moves[0].reason ? HANDOFF_ACCEPTED : HANDOFF_RETURNED;
}

int handoff_update(Deciding *deciding) {
        static const FairKind kinds[] = { [HANDOFF_ACCEPTED] = FAIR_ACCEPTED,
                [HANDOFF_RETURNED] = FAIR_RETURNED,
                [HANDOFF_EXPIRED] = FAIR_EXPIRED,
                [HANDOFF_LEFT] = FAIR_LEFT };
        const LeadState *before = deciding->input->before;
        const Member *owner = before->owner ? policy_member(deciding->rules, before->owner) : NULL;
        HandOffHow how = find_end(deciding, owner);

        note_offer(deciding);
        note_return(deciding);
        if (how == 0)
                return 0;
        end(deciding, owner, how);
        const char *team = owner ? owner->team->rule.name : deciding->status->team->rule.name;
        return fairness_add(deciding, team, before->route, before->owner, kinds[how], 1);
}

void handoff_leave(Deciding *deciding, const Member *owner) {
        const LeadState *before = deciding->input->before;

        if (before->owner && before->unaccepted && !before->test)
                end(deciding, owner, HANDOFF_LEFT);
        note_offer(deciding);
}
