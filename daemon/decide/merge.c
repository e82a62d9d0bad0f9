/* SPDX-License-Identifier: MIT */
/*
 * merge: two leads turn out to be one person, or not to be. A merge is two events in one transaction, and so is its end: one
 * of the lead that goes (or comes back), one of the lead that stays, each changing its own lead and no other. Was the lead that
 * stays merged into a third since, the end has an event of each lead on the way.
 *
 * The lead that stays keeps its status, owner and SLA; what both did, said and agreed to is judged again as one history. The
 * lead that goes is nobody's from then on: no owner, no timer, nothing that waits. It keeps its status, so that it can come
 * back to it; then it is its former owner's again, if that is still possible, and its SLA starts anew.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static bool is_lead_event(const Record *record, const char *event) {
        return record->family == FAMILY_LEAD && base_streq(record->event, event);
}

bool merge_is_one(const Record *record) { return is_lead_event(record, "merged") || is_lead_event(record, "unmerged"); }

uint64_t merge_lead(const Record *record, FieldId field) {
        const Value *value = facts_get(&record->facts, field, NULL);

        return value && value->type == VALUE_INTEGER && value->integer > 0 ? (uint64_t) value->integer : 0;
}

/* ---- the lead that goes ---- */

static int refuse_absorbing(Deciding *deciding, uint64_t into) {
        const LeadState *before = deciding->input->before, *other = deciding->input->other;

        if (before->id == 0 || into == 0 || !other || other->id == 0)
                return deciding_refuse(deciding, "unknown_lead", "no such lead");
        if (into == before->id)
                return deciding_refuse(deciding, "merged", "L-%" PRIu64 " is one lead already", into);
        if (before->merged_into > 0)
                return deciding_refuse(deciding, "merged",
                        "L-%" PRIu64 " was merged into L-%" PRIu64 ": merge that one, or unmerge it first", before->id,
                        before->merged_into);
        if (other->merged_into > 0)
                return deciding_refuse(
                        deciding, "merged", "L-%" PRIu64 " was merged into L-%" PRIu64 ": merge into that one", into, other->merged_into);
        if (other->erased)
                return deciding_refuse(deciding, "erased", "L-%" PRIu64 " was erased", into);
        if (before->test != other->test)
                return deciding_refuse(deciding, "test_lead", "a test lead and a real one cannot become one");
        return 0;
}

int merge_absorb(Deciding *deciding) {
        const DecideInput *input = deciding->input;
        uint64_t into = merge_lead(input->record, FIELD_CARE_INTO);
        LeadState *after = &deciding->out->after;

        int r = refuse_absorbing(deciding, into);
        if (r < 0 || deciding->out->refused)
                return r;
        *after = *input->before;
        after->version++;
        after->joined = true;
        after->merged_into = into;
        after->merged_owner = after->owner;
        after->merged_unaccepted = after->unaccepted;
        after->unaccepted = after->by_turn = false;
        after->sla = SLA_STATE_NONE;
        after->held = (HeldState){ .next_look_us = TIME_NONE };
        after->track = TRACK_STATE_NONE;
        after->wake_us = TIME_NONE;
        deciding->out->profile = *input->profile;
        deciding->status = policy_status(deciding->rules, after->status);
        const Member *owner = after->owner ? policy_member(deciding->rules, after->owner) : NULL;
        if (after->owner) {
                const char *text = arena_printf(deciding->arena, "merged into L-%" PRIu64, into);
                if (!text)
                        return -ENOMEM;
                after->owner = NULL;
                deciding->out->assignment = (Assignment){ .changed = true,
                        .previous = input->before->owner,
                        .route = "merge",
                        .team = deciding->status ? deciding->status->team->rule.name : NULL,
                        .text = text };
        }
        handoff_leave(deciding, owner);
        if (owner)
                deciding->out->freed_team = owner->team->rule.name;
        if (owner && !after->test && !base_streq(owner->rule.name, input->other->owner ? input->other->owner : "")) {
                r = effects_gone(deciding, owner, into);
                if (r < 0)
                        return r;
        }
        const TrackState *track = &input->before->track;
        bool was_on = track->name && !track->ended;
        return deciding_summarise(deciding, "merged into L-%" PRIu64 "%s%s%s%s", into, after->merged_owner ? "; no longer of " : "",
                after->merged_owner ? after->merged_owner : "", was_on ? "; left track " : "", was_on ? track->name : "");
}

/* ---- the lead that stays ---- */

/* Of each reason the later use. Both are in the order of the reasons. */
static int join_uses(Deciding *deciding, const LeadState *other) {
        LeadState *after = &deciding->out->after;
        size_t i = 0, j = 0, n = 0;

        if (other->n_uses == 0)
                return 0;
        ReasonUse *uses = ARENA_ARRAY(deciding->arena, ReasonUse, after->n_uses + other->n_uses);
        if (!uses)
                return -ENOMEM;
        while (i < after->n_uses || j < other->n_uses) {
                int order = i == after->n_uses ? 1 : j == other->n_uses ? -1 : strcmp(after->uses[i].reason, other->uses[j].reason);
                const ReasonUse *use = order <= 0 ? &after->uses[i++] : &other->uses[j++];
                if (order == 0 && other->uses[j++].event > use->event)
                        use = &other->uses[j - 1];
                uses[n++] = *use;
        }
        while (n > DECIDE_REASON_USES_MAX) {
                size_t oldest = 0;
                for (i = 1; i < n; i++)
                        if (uses[i].event < uses[oldest].event)
                                oldest = i;
                n--;
                memmove(&uses[oldest], &uses[oldest + 1], (n - oldest) * sizeof(ReasonUse));
        }
        after->uses = uses;
        after->n_uses = n;
        deciding->out->uses_changed = true;
        return 0;
}

static int join(Deciding *deciding) {
        const LeadState *other = deciding->input->other;
        LeadState *after = &deciding->out->after;

        if (!other || !deciding->input->other_profile)
                return -EINVAL;
        after->joined = true;
        if (other->created_us < after->created_us) {
                after->created_us = other->created_us;
                after->came_from = other->came_from;
                after->campaign = other->campaign;
        }
        if (other->idle_from_us > after->idle_from_us)
                after->idle_from_us = other->idle_from_us;
        if (other->source &&
                (other->source_us > after->source_us ||
                        (other->source_us == after->source_us && strcmp(other->source, after->source ? after->source : "") > 0))) {
                after->source = other->source;
                after->source_us = other->source_us;
        }
        int r = join_uses(deciding, other);
        if (r == 0)
                r = facts_join(&deciding->out->profile, deciding->arena, deciding->input->other_profile, &deciding->out->profile_changed);
        return r < 0 ? r : deciding_summarise(deciding, "L-%" PRIu64 " was merged into it", other->id);
}

/* ---- and back ---- */

static int refold(Deciding *deciding) {
        const Refolded *refolded = deciding->input->refolded;
        LeadState *after = &deciding->out->after;

        if (!refolded)
                return -EINVAL;
        deciding->out->profile = refolded->profile;
        deciding->out->profile_changed = true;
        after->created_us = refolded->created_us;
        after->came_from = refolded->came_from;
        after->campaign = refolded->campaign;
        after->idle_from_us = refolded->idle_from_us;
        after->source = refolded->source;
        after->source_us = refolded->source_us;
        after->uses = refolded->uses;
        after->n_uses = refolded->n_uses;
        deciding->out->uses_changed = true;
        return 0;
}

int merge_take(Deciding *deciding) {
        const Record *record = deciding->input->record;
        LeadState *after = &deciding->out->after;

        if (is_lead_event(record, "merged"))
                return join(deciding);
        int r = refold(deciding);
        if (r < 0)
                return r;
        if (after->merged_into == 0)
                return deciding_summarise(deciding, "L-%" PRIu64 " is a lead of its own again", merge_lead(record, FIELD_CARE_FROM));
        r = deciding_summarise(deciding, "a lead of its own again, no longer part of L-%" PRIu64, after->merged_into);
        after->merged_into = 0;
        after->unaccepted = after->merged_unaccepted;
        after->merged_owner = NULL;
        after->merged_unaccepted = false;
        return r;
}

/* Another lead goes on for it, and did for the one that parts: nothing is judged, but what that one said is no longer kept here. */
int merge_lose_part(Deciding *deciding) {
        LeadState *after = &deciding->out->after;

        *after = *deciding->input->before;
        after->version++;
        deciding->status = policy_status(deciding->rules, after->status);
        int r = refold(deciding);
        if (r == 0)
                r = deals_take(deciding);
        if (r == 0)
                r = decide_consents(&deciding->out->profile, deciding->arena, &after->consents);
        if (r == 0)
                r = deals_settle(deciding);
        return r < 0 ? r
                     : deciding_summarise(
                               deciding, "L-%" PRIu64 " is no longer part of it", merge_lead(deciding->input->record, FIELD_CARE_FROM));
}

/* Whose it was has it again; a lead that somebody else must have now finds its owner like any other. */
void merge_give_back(Deciding *deciding) {
        LeadState *after = &deciding->out->after;
        const char *name = deciding->input->before->merged_owner;
        const Member *owner = name ? policy_member(deciding->rules, name) : NULL;
        bool may = owner && !owner->left && deciding->status &&
                   (deciding->status->kind == STATUS_FINAL || owner->team == deciding->status->team);

        if (may)
                deciding_set_owner(deciding, owner, "unmerge", "the owner before the merge");
        else
                after->unaccepted = false;
}
