/* SPDX-License-Identifier: MIT */
/*
 * automatic: the moves nobody asks for. First a veto: a score that matched and says `veto = "STATUS"` moves the lead
 * there at once. It acts after what a person or an SLA step did in the same event, and so wins over it; it does not
 * pass fences, nor leave a final status. While the lead is where a matching veto wants it, no automatic move leads
 * away: the two would take turns for ever.
 *
 * Then the moves by "rules": the first declared that leaves the status, holds, has its needs and meets no fence, again
 * and again. None leaves a final status: only a person re-opens a lead. A chain ends where nothing applies; it is stopped, and named, where
 * the next move would lead back into a status left in this event, or would be the ninth.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>

/* ---- veto ---- */

/* The first declared veto that matched in this judgement. */
static Receipt *find_veto(Receipts *receipts, const Score **ret) {
        for (size_t i = 0; i < receipts->n_items; i++) {
                Receipt *receipt = &receipts->items[i];
                if (receipt->rule->kind != RULE_SCORE || !receipt->matched)
                        continue;
                const Score *score = (const Score *) (const void *) receipt->rule; /* the rule is its first member */
                if (score->veto) {
                        *ret = score;
                        return receipt;
                }
        }
        return NULL;
}

/* What a veto came to stands behind what the score's function had to say. */
static int note_veto(Deciding *deciding, Receipt *receipt, const char *text) {
        receipt->note = receipt->note ? arena_printf(deciding->arena, "%s; %s", receipt->note, text) : text;
        return receipt->note ? 0 : -ENOMEM;
}

int moves_veto(Deciding *deciding) {
        Receipt *receipt = find_veto(&deciding->out->receipts, &deciding->veto);
        const Score *score = deciding->veto;
        const Fence *fence;
        const char *text;
        int64_t opens_us;
        int r;

        if (!receipt)
                return 0;
        if (deciding->status == score->veto) {
                deciding->vetoed = true;
                return 0;
        }
        if (deciding->status->kind == STATUS_FINAL)
                return 0;
        r = moves_find_fence(deciding, score->veto, &fence, &opens_us, NULL);
        if (r == 0 && fence)
                r = moves_note_block(deciding, &fence->rule, score->rule.name);
        if (r < 0)
                return r;
        if (fence) {
                fences_arm(deciding, opens_us);
                text = arena_printf(deciding->arena, "veto: kept out of %s by %s", score->veto->rule.name, fence->rule.name);
                if (!text)
                        return -ENOMEM;
                r = deciding_summarise(deciding, "%s: %s", score->rule.name, text);
        } else {
                text = arena_printf(deciding->arena, "veto: %s -> %s", deciding->status->rule.name, score->veto->rule.name);
                if (!text)
                        return -ENOMEM;
                deciding->vetoed = true;
                r = moves_carry_out(deciding, score->rule.name, score->veto, false, NULL, "rules", NULL);
        }
        return r < 0 ? r : note_veto(deciding, receipt, text);
}

int moves_look_veto(Deciding *deciding, Receipts *receipts) {
        Receipt *receipt = find_veto(receipts, &deciding->veto);

        if (!receipt || !deciding->status)
                return 0;
        deciding->vetoed = deciding->status == deciding->veto->veto;
        const char *text = deciding->vetoed ? "veto: keeps the lead here"
                           : deciding->status->kind == STATUS_FINAL
                                   ? "veto: nothing to do in a final status"
                                   : arena_printf(deciding->arena, "veto: moves the lead to %s", deciding->veto->veto->rule.name);
        return text ? note_veto(deciding, receipt, text) : -ENOMEM;
}

/* ---- moves ---- */

static bool was_left(const Deciding *deciding, const Status *status) {
        for (size_t i = 0; i < deciding->n_visited; i++)
                if (deciding->visited[i] == status)
                        return true;
        return false;
}

/* After a hand-back no automatic move leaves the status until the date, or until the signal its reason waits for. */
static int is_resting(Deciding *deciding, bool *ret) {
        LeadState *after = &deciding->out->after;

        *ret = false;
        if (after->recycle_us == TIME_NONE)
                return 0;
        bool open = after->recycle_us == RECYCLE_UNTIL_WOKEN ? !fences_can_wake(deciding) : deciding->input->now_us >= after->recycle_us;
        const ReasonUse *use = after->recycle_reason ? fences_find_use(after, after->recycle_reason) : NULL;
        if (use)
                open = open || use->woken;
        else if (!open && after->recycle_reason) {
                /* Handed back before uses were kept, or that use was forgotten: the entry into the status says as much. */
                const Reason *reason = policy_reason(deciding->rules, after->recycle_reason);
                int r = reason ? fences_find_signal(deciding, reason, after->moved_event, after->entered_us, &open) : 0;
                if (r < 0)
                        return r;
        }
        if (open) {
                after->recycle_us = TIME_NONE;
                after->recycle_reason = NULL;
        }
        *ret = !open;
        return 0;
}

/* The first declared move that may happen now. *ret_broken: it cannot be told, and holds the lead. */
static int find_move(Deciding *deciding, const Move **ret, bool *ret_broken) {
        const RuleSet *rules = deciding->rules;

        *ret = NULL;
        *ret_broken = false;
        for (size_t i = 0; i < rules->n_moves; i++) {
                const Move *move = &rules->moves[i];
                const char *missing = NULL, *failed = NULL, *note = NULL;
                const Fence *fence;
                int64_t opens_us;
                bool holds;
                if (move->by != BY_RULES || !moves_leave(move, deciding->status))
                        continue;
                int r = policy_holds(deciding->rules, move->when, &deciding->subject, deciding->arena, &holds, &note, NULL);
                if (r < 0)
                        return r;
                if (r == POLICY_E_FAILED) {
                        *ret_broken = true;
                        return moves_hold(deciding, move, note ? note : "the rule failed");
                }
                if (!holds)
                        continue;
                r = moves_add_missing(deciding, move, move->needs, move->n_needs, &missing, &failed);
                if (r < 0)
                        return r;
                if (missing)
                        continue; /* whatever the others came to: the move is not for this lead */
                if (failed) {
                        *ret_broken = true;
                        return moves_hold(deciding, move, arena_printf(deciding->arena, "needs %s", failed));
                }
                r = moves_find_fence(deciding, move->to, &fence, &opens_us, NULL);
                if (r == 0 && fence)
                        r = moves_note_block(deciding, &fence->rule, move->rule.name);
                if (r < 0)
                        return r;
                if (fence) {
                        fences_arm(deciding, opens_us);
                        continue;
                }
                *ret = move;
                return 0;
        }
        return 0;
}

/* A chain that does not end by itself is a fault of the rules: whoever reads the log must see which. */
static int stop(Deciding *deciding, const Move *move, const char *text) {
        if (!text)
                return -ENOMEM;
        int r = receipts_add(&deciding->out->receipts, deciding->arena, (Receipt){ .rule = &move->rule, .matched = true, .note = text });
        return r < 0 ? r : deciding_summarise(deciding, "%s", text);
}

int moves_automatic(Deciding *deciding) {
        bool resting, broken;
        int r;

        for (size_t n = 0; !deciding->vetoed && deciding->status->kind != STATUS_FINAL; n++) {
                const Move *move;
                r = is_resting(deciding, &resting);
                if (r < 0 || resting)
                        return r;
                r = find_move(deciding, &move, &broken);
                if (r < 0 || broken || !move)
                        return r;
                if (was_left(deciding, move->to))
                        return stop(deciding, move,
                                arena_printf(deciding->arena, "stopped: %s would lead back to %s", move->rule.name, move->to->rule.name));
                if (n == POLICY_CHAIN_MAX)
                        return stop(deciding, move,
                                arena_printf(deciding->arena, "stopped: %s would be more than %d automatic moves in one event",
                                        move->rule.name, POLICY_CHAIN_MAX));
                r = receipts_add(&deciding->out->receipts, deciding->arena, (Receipt){ .rule = &move->rule, .matched = true });
                if (r < 0)
                        return r;
                r = moves_carry_out(deciding, move->rule.name, move->to, move->restart, NULL, "rules", NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}
