/* SPDX-License-Identifier: MIT */
/*
 * fences: what keeps a lead out of a status, for whom and until when. A fence stands while its `when` holds, or for
 * `hold` after the lead was handed back for one of the reasons in `since`; with `from`, only for leads that come from
 * one of these statuses.
 *
 * A hand-back is remembered a reason (ReasonUse). An activity that arrived after it, is not older than it and matches
 * the reason's `wake_on` wakes the use, once and for good: that opens the since/hold fence, and ends the rest of
 * recycle_after (automatic.c). A fence that cannot be judged stays closed: the safe side of a fence is shut.
 */
#include "internal.h"

#include <errno.h>

static bool names_status(const Status *const *statuses, size_t n, const Status *status) {
        for (size_t i = 0; i < n; i++)
                if (statuses[i] == status)
                        return true;
        return false;
}

bool fence_blocks(const Fence *fence, const Status *to) { return names_status(fence->blocks, fence->n_blocks, to); }

const ReasonUse *fences_find_use(const LeadState *state, const char *reason) {
        for (size_t i = 0; i < state->n_uses; i++)
                if (base_streq(state->uses[i].reason, reason))
                        return &state->uses[i];
        return NULL;
}

/* The uses as this decision may change them: those of the state before are not ours. room: for one more. */
static ReasonUse *own_uses(Deciding *deciding, size_t room) {
        LeadState *after = &deciding->out->after;
        ReasonUse *uses = ARENA_ARRAY(deciding->arena, ReasonUse, after->n_uses + room);

        if (!uses)
                return NULL;
        if (after->n_uses > 0)
                memcpy(uses, after->uses, after->n_uses * sizeof(ReasonUse));
        after->uses = uses;
        deciding->out->uses_changed = true;
        return uses;
}

/* When the hand-back happened: told late, it is as old as its record says. */
static int64_t handed_back_us(const Deciding *deciding) {
        const Record *record = deciding->input->record;

        return record->family == FAMILY_OUTCOME && record->time_us < deciding->input->now_us ? record->time_us : deciding->input->now_us;
}

int fences_note_reason(Deciding *deciding, const Reason *reason) {
        LeadState *after = &deciding->out->after;
        ReasonUse *uses = own_uses(deciding, 1);
        size_t at = 0, oldest = 0;

        if (!uses)
                return -ENOMEM;
        while (at < after->n_uses && strcmp(uses[at].reason, reason->rule.name) < 0)
                at++;
        if (at == after->n_uses || !base_streq(uses[at].reason, reason->rule.name)) {
                memmove(&uses[at + 1], &uses[at], (after->n_uses - at) * sizeof(ReasonUse));
                after->n_uses++;
        }
        uses[at] = (ReasonUse){ .reason = reason->rule.name, .event = deciding->input->event_id, .at_us = handed_back_us(deciding) };
        if (after->n_uses <= DECIDE_REASON_USES_MAX)
                return 0;
        for (size_t i = 1; i < after->n_uses; i++)
                if (uses[i].event < uses[oldest].event)
                        oldest = i;
        after->n_uses--;
        memmove(&uses[oldest], &uses[oldest + 1], (after->n_uses - oldest) * sizeof(ReasonUse));
        return 0;
}

int fences_find_signal(Deciding *deciding, const Reason *reason, uint64_t event, int64_t at_us, bool *ret) {
        *ret = false;
        for (size_t i = 0; i < deciding->n_counting && reason->wake_on && !*ret; i++) {
                const Activity *activity = &deciding->history[i];
                if (activity->event <= event || activity->time_us < at_us)
                        continue;
                int r = policy_matches_activity(deciding->rules, reason->wake_on, &deciding->subject, activity, deciding->arena, ret);
                if (r < 0)
                        return r;
        }
        return 0;
}

int fences_wake(Deciding *deciding) {
        const LeadState *after = &deciding->out->after;
        ReasonUse *uses = NULL;

        for (size_t i = 0; i < after->n_uses; i++) {
                const ReasonUse *use = &after->uses[i];
                const Reason *reason = use->woken ? NULL : policy_reason(deciding->rules, use->reason);
                bool woken = false;
                if (!reason)
                        continue;
                int r = fences_find_signal(deciding, reason, use->event, use->at_us, &woken);
                if (r < 0)
                        return r;
                if (!woken)
                        continue;
                if (!uses)
                        uses = own_uses(deciding, 0);
                if (!uses)
                        return -ENOMEM;
                uses[i].woken = true;
        }
        return 0;
}

bool fences_can_wake(const Deciding *deciding) {
        const char *name = deciding->out->after.recycle_reason;
        const Reason *reason = name ? policy_reason(deciding->rules, name) : NULL;

        return reason && reason->wake_on;
}

static void trace_hold(Text *trace, const ReasonUse *use, int64_t opens_us, int64_t now_us) {
        char since[TIME_TEXT_SIZE], until[TIME_TEXT_SIZE];

        if (!trace)
                return;
        text_printf(trace, "%s%s since %s", trace->size > 0 ? "; " : "", use->reason, time_format_rfc3339(use->at_us, since));
        if (use->woken)
                text_append(trace, ", opened by a signal since");
        else
                text_printf(trace, ", %s %s", now_us < opens_us ? "holds until" : "held until", time_format_rfc3339(opens_us, until));
}

/* Closed by the last hand-back for one of its reasons: until when, the latest of them. */
static bool is_held(const Deciding *deciding, const Fence *fence, int64_t *ret_opens_us, Text *trace) {
        int64_t now_us = deciding->input->now_us;
        bool closed = false;

        for (size_t i = 0; i < fence->n_since; i++) {
                const ReasonUse *use = fences_find_use(&deciding->out->after, fence->since[i]->rule.name);
                int64_t opens_us;
                if (!use) {
                        if (trace)
                                text_printf(trace, "%snever handed back for %s", trace->size > 0 ? "; " : "", fence->since[i]->rule.name);
                        continue;
                }
                if (__builtin_add_overflow(use->at_us, fence->hold.us, &opens_us))
                        opens_us = INT64_MAX;
                trace_hold(trace, use, opens_us, now_us);
                if (use->woken || now_us >= opens_us)
                        continue;
                if (!closed || opens_us > *ret_opens_us)
                        *ret_opens_us = opens_us;
                closed = true;
        }
        return closed;
}

int fence_is_closed(Deciding *deciding, const Fence *fence, bool *ret, int64_t *ret_opens_us, Text *trace) {
        *ret = false;
        *ret_opens_us = TIME_NONE;
        if (fence->n_from > 0 && !names_status(fence->from, fence->n_from, deciding->status)) {
                if (trace)
                        text_printf(trace, "%sdoes not stand for leads from %s", trace->size > 0 ? "; " : "",
                                deciding->status ? deciding->status->rule.name : "there");
                return 0;
        }
        if (fence->n_since > 0) {
                *ret = is_held(deciding, fence, ret_opens_us, trace);
                return 0;
        }
        int r = policy_holds(deciding->rules, fence->when, &deciding->subject, deciding->arena, ret, NULL, trace);
        if (r == POLICY_E_FAILED)
                *ret = true;
        return r;
}

int moves_find_fence(Deciding *deciding, const Status *to, const Fence **ret, int64_t *ret_opens_us, Text *trace) {
        const RuleSet *rules = deciding->rules;

        *ret = NULL;
        *ret_opens_us = TIME_NONE;
        for (size_t i = 0; i < rules->n_fences; i++) {
                const Fence *fence = &rules->fences[i];
                bool closed;
                if (!fence_blocks(fence, to))
                        continue;
                int r = fence_is_closed(deciding, fence, &closed, ret_opens_us, trace);
                if (r < 0)
                        return r;
                if (closed) {
                        *ret = fence;
                        return 0;
                }
        }
        return 0;
}

void fences_arm(Deciding *deciding, int64_t opens_us) {
        int64_t *look_us = &deciding->fence_opens_us;

        if (opens_us != TIME_NONE && opens_us != INT64_MAX && (*look_us == TIME_NONE || opens_us < *look_us))
                *look_us = opens_us;
}
