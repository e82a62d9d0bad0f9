/* SPDX-License-Identifier: MIT */
/*
 * The leads follow a new rule set: every lead there was when it was activated is re-derived, in slices between two other
 * pieces of work, so that people and files never wait longer than one. Each slice is an event of the log with its range, and
 * moves the position of the pass in its transaction: a kill loses at most a slice, and a replay does the same.
 * Nothing moves but what cannot wait: held leads, whose cause may have gone with the old rules, leads whose owner has left,
 * and with `reload --apply` those that would move. These are looked at, each by an event of its own, in the same transaction.
 */
#include "judge.h"
#include "leadd/messages.h"

#include <inttypes.h>

/* Not while the clock is not trusted: to look at a lead is to take its step when that is due. */
bool judge_pass_runs(const Judge *judge) {
        return judge->pass.next <= judge->pass.to && !judge_waits_for_room(judge) && !judge_holds_timers(judge);
}

static void finish(Judge *judge) {
        const RulesPass *pass = &judge->pass;
        const LogField fields[] = { { "LEAD_RULESET", judge->leadd->rules->hash_text } };

        log_event(LOG_LEVEL_NOTICE, MESSAGE_RULES_REDERIVED, fields, 1,
                "rules %.12s: %" PRIu64 " leads re-derived, %" PRIu64 " changed, %" PRIu64 " in grade; %" PRIu64
                " would move by themselves, %" PRIu64 " moved",
                judge->leadd->rules->hash_text, pass->n_leads, pass->n_changed, pass->n_regraded, pass->n_moving, pass->n_moved);
        if (judge->passing)
                judge_answer_reload(judge, TAKE(judge->passing), true, pass, false);
}

int judge_start_pass(Judge *judge) {
        int r = store_rules_pass(judge->store, &judge->pass);

        judge->slice_leads = PASS_LEADS_FIRST;
        if (r == 0 && judge->passing && judge->pass.next > judge->pass.to)
                finish(judge); /* no lead yet */
        return r;
}

static int run_slice(Judge *judge, GateSlice *slice) {
        int64_t now_us = clock_now_us(judge->leadd->clock);
        int r = store_begin(judge->store);

        if (r != 0)
                return r;
        r = gate_rederive(judge->gate, now_us, slice);
        if (r == 0)
                judge_add_suspended(judge, slice->suspended, slice->n_suspended);
        for (size_t i = 0; i < slice->n_looks && r == 0; i++)
                r = judge_fire_one(judge, slice->looks[i], now_us, now_us, true);
        if (r == 0)
                return store_commit(judge->store);
        int rolled = store_rollback(judge->store);
        return rolled != 0 && r == STORE_E_FULL ? rolled : r;
}

void judge_pass_slice(Judge *judge) {
        RulesPass *pass = &judge->pass;
        uint64_t n_left = pass->to - pass->next + 1;
        int64_t start_us = leadd_monotonic_us();
        GateSlice slice = {
                .from = pass->next,
                .to = pass->next + (n_left < judge->slice_leads ? n_left : judge->slice_leads) - 1,
                .apply = pass->apply,
        };

        atomic_store(&judge->leadd->judge_busy, start_us);
        int r = run_slice(judge, &slice);
        if (r == STORE_E_FULL) {
                judge_forget(judge);
                judge_note_full(judge);
                return;
        }
        if (r == 0) {
                judge_note_room(judge);
                judge_tell(judge);
                r = store_rules_pass(judge->store, pass);
        }
        if (r != 0) {
                judge_forget(judge);
                (void) judge_give_up(judge, r, "re-deriving leads");
                return;
        }
        /* The next slice takes as long as one may: at most twice as many leads, since the next ones may be dearer. */
        int64_t took_us = leadd_monotonic_us() - start_us + 1;
        uint64_t n = judge->slice_leads * 2, fitting = (slice.to - slice.from + 1) * PASS_SLICE_US / (uint64_t) took_us + 1;
        n = fitting < n ? fitting : n;
        judge->slice_leads = n > PASS_LEADS_MAX ? PASS_LEADS_MAX : n;
        if (pass->next > pass->to)
                finish(judge);
        if (slice.n_looks > 0)
                (void) judge_deliver(judge);
        if (!judge->broken)
                (void) store_checkpoint(judge->store, false);
}
