/* SPDX-License-Identifier: MIT */
/*
 * erase: a person is to be forgotten. The lead stays as a number with the status it had; nothing else of it does, and
 * nothing moves, is routed or told but that its owner has it no longer. Judged by nobody's rules: it is an order.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>

bool erase_is_one(const Record *record) { return record->family == FAMILY_LEAD && base_streq(record->event, "erased"); }

int erase_decide(Deciding *deciding) {
        const LeadState *before = deciding->input->before;
        LeadState *after = &deciding->out->after;
        int64_t now_us = deciding->input->now_us;

        if (before->id == 0)
                return deciding_refuse(deciding, "unknown_lead", "no such lead");
        *after = (LeadState){
                .id = before->id,
                .version = before->version + 1,
                .status = before->status,
                .grade = "",
                .created_us = now_us,
                .entered_us = now_us,
                .idle_from_us = TIME_NONE,
                .source_us = TIME_NONE,
                .offered_us = TIME_NONE,
                .recycle_us = TIME_NONE,
                .wake_us = TIME_NONE,
                .test = before->test,
                .sla = SLA_STATE_NONE,
                .held.next_look_us = TIME_NONE,
                .track = TRACK_STATE_NONE,
                .erased = true,
        };
        deciding->out->profile_changed = deciding->out->uses_changed = deciding->out->expired_changed = true;
        deciding->out->returned_changed = true;
        deciding->status = policy_status(deciding->rules, after->status);
        const Member *owner = before->owner ? policy_member(deciding->rules, before->owner) : NULL;
        if (before->owner)
                deciding->out->assignment = (Assignment){ .changed = true,
                        .previous = before->owner,
                        .route = "erase",
                        .team = deciding->status ? deciding->status->team->rule.name : NULL,
                        .text = "erased" };
        handoff_leave(deciding, owner);
        if (owner)
                deciding->out->freed_team = owner->team->rule.name;
        if (owner && !after->test) {
                int r = effects_gone(deciding, owner, 0);
                if (r < 0)
                        return r;
        }
        return deciding_summarise(deciding, "erased");
}
