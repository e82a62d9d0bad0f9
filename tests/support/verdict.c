/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "verdict.h"

static const char *or_none(const char *text) { return text ? text : "-"; }

void verdict_describe_receipts(const Receipts *receipts, const char *without, Text *out) {
        for (size_t i = 0; i < receipts->n_items; i++) {
                const Receipt *receipt = &receipts->items[i];
                if (without && base_streq(receipt->rule->name, without))
                        continue;
                text_printf(out,
                        "%s %s %s:%d%s%s points %" PRId64 " before %" PRId64 " after %" PRId64 " event %" PRIu64
                        " note \"%s\" trace \"%s\"\n",
                        rule_kind_name(receipt->rule->kind), receipt->rule->name, receipt->rule->file, receipt->rule->line,
                        receipt->matched ? " matched" : "", receipt->failed ? " failed" : "", receipt->points_mp, receipt->before_mp,
                        receipt->after_mp, receipt->event, or_none(receipt->note), or_none(receipt->trace));
        }
}

void verdict_describe_subject(const RuleSet *rules, const Subject *subject, Text *out) {
        for (size_t i = 0; i < rules->n_segments; i++)
                if (subject->segments[i / 64] >> (i % 64) & 1)
                        text_printf(out, "in %s\n", rules->segments[i].rule.name);
        for (size_t i = 0; i < rules->n_groups; i++)
                text_printf(out, "%s %" PRId64 "\n", rules->groups[i].rule.name, subject->group_mp[i]);
        text_printf(out, "fit %" PRId64 "%s engagement %" PRId64 " grade %s changes %" PRId64 "\n", subject->fit_mp,
                subject->fit_known ? "" : " unknown", subject->engagement_mp, subject->grade, subject->next_change_us);
}

void verdict_describe_state(const LeadState *state, Text *out) {
        text_printf(out, "lead %" PRIu64 " status %s owner %s grade %s moved by %" PRIu64 " fit %" PRId64 " engagement %" PRId64 "%s%s\n",
                state->id, or_none(state->status), or_none(state->owner), or_none(state->grade), state->moved_event, state->fit_mp,
                state->engagement_mp, state->unaccepted ? " unaccepted" : "", state->test ? " test" : "");
        text_printf(out,
                "created %" PRId64 " entered %" PRId64 " idle from %" PRId64 " wakes %" PRId64 " recycle %" PRId64
                " %s source %s at %" PRId64 "\n",
                state->created_us, state->entered_us, state->idle_from_us, state->wake_us, state->recycle_us,
                or_none(state->recycle_reason), or_none(state->source), state->source_us);
        for (size_t i = 0; i < state->n_segments; i++)
                text_printf(out, "in %s\n", state->segments[i]);
        text_printf(out, "sla %s event %" PRIu64 " start %" PRId64 " due %" PRId64 " step %u at %" PRId64 "\n", or_none(state->sla.rule),
                state->sla.start_event, state->sla.start_us, state->sla.due_us, state->sla.next_step, state->sla.next_due_us);
        text_printf(out, "held by %s \"%s\" since %" PRId64 " look %" PRId64 "\n", or_none(state->held.by), or_none(state->held.text),
                state->held.since_us, state->held.next_look_us);
}

void verdict_describe(const Decision *decision, const char *without, Text *out) {
        if (decision->refused)
                text_printf(out, "refused %s: %s\n", or_none(decision->refusal_code), or_none(decision->refusal_text));
        verdict_describe_state(&decision->after, out);
        verdict_describe_receipts(&decision->receipts, without, out);
        for (size_t i = 0; i < decision->n_moves; i++) {
                const MoveMade *move = &decision->moves[i];
                text_printf(out, "move %s %s -> %s by %s reason %s note %s\n", move->move, move->from, move->to, move->by,
                        or_none(move->reason), or_none(move->note));
        }
        const Assignment *assignment = &decision->assignment;
        if (assignment->changed)
                text_printf(out, "assigned %s before %s by %s team %s: %s\n", or_none(assignment->owner), or_none(assignment->previous),
                        or_none(assignment->route), or_none(assignment->team), or_none(assignment->text));
        for (size_t i = 0; i < decision->n_turns; i++)
                text_printf(out, "turn %s %" PRId64 "\n", decision->turns[i].member, decision->turns[i].turn);
        for (size_t i = 0; i < decision->n_effects; i++) {
                const Effect *effect = &decision->effects[i];
                text_printf(out, "effect %d %s %s %s %s %s step %u: %s\n", effect->kind, or_none(effect->channel),
                        or_none(effect->recipient), or_none(effect->address), or_none(effect->role), or_none(effect->rule), effect->step,
                        or_none(effect->body));
        }
        text_printf(out, "%s\n", or_none(decision->summary));
}
