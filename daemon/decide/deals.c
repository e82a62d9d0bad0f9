/* SPDX-License-Identifier: MIT */
/*
 * deals: a lead's opportunities within one decision. What the record says of them is folded before the rules judge the lead, so that
 * conditions see it; what the moves made of them is known at the end, and conditions see that from the next event on.
 *
 * The summary names an opportunity by its number: its id leads to a person in another system and has to go when that person is erased.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>

#define STAGE_SHOWN_MAX 60 /* bytes of a stage's name in the summary */

static bool speaks_of_one(const Record *record) {
        for (size_t i = 0; i < record->facts.n_items; i++)
                if (record->facts.items[i].field >= FIELD_OPPORTUNITY_ID && record->facts.items[i].field <= FIELD_OPPORTUNITY_STAGED)
                        return true;
        return false;
}

static int project(Deciding *deciding) {
        bool changed = false;
        int r = opportunities_project(&deciding->opportunities, deciding->arena, &deciding->out->profile, &changed);

        deciding->out->profile_changed |= changed;
        return r;
}

int deals_take(Deciding *deciding) {
        const DecideInput *input = deciding->input;
        const Record *record = input->record;
        const LeadState *before = input->before;
        const bool is_merged = merge_is_one(record) && base_streq(record->event, "merged");
        const bool is_unmerged = merge_is_one(record) && !is_merged, speaks = record->family != FAMILY_TIMER && speaks_of_one(record);
        int r;

        if (input->before_7)
                return 0;
        if (is_unmerged && input->refolded)
                r = opportunities_copy(
                        input->refolded->opportunities, input->refolded->n_opportunities, deciding->arena, &deciding->opportunities);
        else
                r = opportunities_copy(before->opportunities, before->n_opportunities, deciding->arena, &deciding->opportunities);
        if (r == 0 && is_merged && input->other)
                r = opportunities_join(
                        &deciding->opportunities, deciding->arena, input->other->opportunities, input->other->n_opportunities);
        if (r == 0 && speaks)
                r = opportunities_take(&deciding->opportunities, deciding->arena, &record->facts, record->time_us, &deciding->opportunity);
        if (r < 0 || (before->n_opportunities == 0 && deciding->opportunities.n_items == 0 && !speaks && !merge_is_one(record)))
                return r;
        return project(deciding);
}

/* ---- in words ---- */

static void append_stage(Text *out, const char *stage) {
        size_t size = strlen(stage);

        if (size > STAGE_SHOWN_MAX) {
                size = STAGE_SHOWN_MAX;
                while (size > 0 && ((unsigned char) stage[size] & 0xc0) == 0x80)
                        size--;
        }
        text_append_size(out, stage, size);
        if (stage[size])
                text_append(out, "...");
}

static void say_change(const Opportunity *was, const Opportunity *is, Text *out) {
        bool staged = was && was->stage && is->stage && !base_streq(was->stage, is->stage);
        bool worth = is->amount != AMOUNT_NONE;

        text_printf(out, "opportunity %" PRIu32, is->n);
        if (!was)
                text_printf(out, " %s", is->state == OPPORTUNITY_OPEN ? "opened" : opportunity_state_name(is->state));
        else if (was->state != is->state)
                text_printf(out, " %s", is->state == OPPORTUNITY_OPEN ? "is open again" : opportunity_state_name(is->state));
        if (staged) {
                text_append(out, ": stage ");
                append_stage(out, was->stage);
                text_append(out, " -> ");
                append_stage(out, is->stage);
        } else if (is->stage && (!was || !was->stage)) {
                text_append(out, ": stage ");
                append_stage(out, is->stage);
        } else if (was && was->state == is->state && was->amount == is->amount)
                text_append(out, " updated");
        if (!worth)
                return;
        text_append(out, staged || !was || was->state != is->state || !was->stage ? ", " : ": ");
        if (was && was->amount != AMOUNT_NONE && was->amount != is->amount) {
                text_append_amount(out, was->amount, NULL);
                text_append(out, " -> ");
        }
        text_append_amount(out, is->amount, is->currency);
}

/* Of news and moves. What a merge brings together is told by the merge. */
static int summarise(Deciding *deciding) {
        const LeadState *before = deciding->input->before, *after = &deciding->out->after;

        if (merge_is_one(deciding->input->record))
                return 0;
        for (size_t i = 0; i < after->n_opportunities; i++) {
                const Opportunity *is = &after->opportunities[i], *was = NULL;
                _cleanup_(text_free) Text text = { 0 };
                for (size_t k = 0; k < before->n_opportunities && !was; k++)
                        if (before->opportunities[k].n == is->n)
                                was = &before->opportunities[k];
                if (was && was->changed_us == is->changed_us && was->state == is->state && was->stage == is->stage &&
                        was->amount == is->amount)
                        continue;
                say_change(was, is, &text);
                int r = text.error < 0 ? text.error : deciding_summarise(deciding, "%s", text.data);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- moves ---- */

static int take_move(Deciding *deciding, const MoveMade *made) {
        const DecideInput *input = deciding->input;
        const Status *to = policy_status(deciding->rules, made->to);
        bool by_person = strncmp(made->by, "rep:", 4) == 0 || strncmp(made->by, "team:", 5) == 0;
        int64_t at_us = by_person && input->record->time_us < input->now_us ? input->record->time_us : input->now_us;

        return opportunities_move(&deciding->opportunities, deciding->arena,
                &(const OpportunityMove){ .move = made->move,
                        .to_final = to && to->kind == STATUS_FINAL,
                        .to_queue = to && to->team && to->team->n_members == 0,
                        .stays = base_streq(made->from, made->to),
                        .by_person = by_person,
                        .has_reason = made->reason,
                        .named = deciding->opportunity },
                at_us);
}

int deals_settle(Deciding *deciding) {
        const LeadState *before = deciding->input->before;
        Decision *out = deciding->out;
        int r = 0;

        if (deciding->input->before_7)
                return 0;
        for (size_t i = 0; i < out->n_moves && deciding->opportunities.n_items > 0 && r == 0; i++)
                r = take_move(deciding, &out->moves[i]);
        if (r < 0 || opportunities_equal(before->opportunities, before->n_opportunities, deciding->opportunities.items,
                             deciding->opportunities.n_items))
                return r;
        out->opportunities_changed = true;
        out->after.opportunities = deciding->opportunities.items;
        out->after.n_opportunities = deciding->opportunities.n_items;
        r = out->n_moves > 0 ? project(deciding) : 0;
        return r < 0 ? r : summarise(deciding);
}
