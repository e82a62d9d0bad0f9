/* SPDX-License-Identifier: MIT */
/*
 * Held leads and the teams that have room again: who answered, came back or left a lead behind can take another, and those who wait are
 * offered in the order in which they wait. A round through one team's held leads is taken in slices of one transaction each, so that
 * thousands that wait keep nobody else waiting. When somebody of the team is freed meanwhile, the round begins anew: whoever waits
 * longest comes first, and what was found hopeless may have hope.
 *
 * What is to be offered is known in memory only: a start offers everything that waits.
 */
#include "judge.h"

#include <errno.h>

void judge_start_offers(Judge *judge) {
        const RuleSet *rules = judge->leadd->rules;

        for (size_t i = 0; i < rules->n_teams; i++)
                if (rules->teams[i].n_members > 0)
                        judge_add_freed(judge, rules->teams[i].rule.name);
}

/* To look at a lead is to take its step when that is due: not while the clock is not trusted. */
bool judge_offers(const Judge *judge) {
        return (judge->freed.n > 0 || judge->offering) && !judge_waits_for_room(judge) && !judge_holds_timers(judge);
}

/* The round that runs begins anew when its team is among the freed ones, else one of these has the next. */
static void begin_round(Judge *judge) {
        Names *freed = &judge->freed;
        size_t at = 0;

        while (judge->offering && at < freed->n && !base_streq(freed->items[at], judge->offering))
                at++;
        if (at == freed->n)
                return;
        free(judge->offering);
        judge->offering = freed->items[at];
        freed->items[at] = freed->items[--freed->n];
        judge->offers = (GateOffers){ 0 };
}

static int offer(Judge *judge, size_t *ret_n) {
        int64_t now_us = clock_now_us(judge->leadd->clock), end_us = leadd_monotonic_us() + OFFER_SLICE_US;
        int r = 0;

        do {
                uint64_t lead;
                r = gate_next_offer(judge->gate, judge->offering, now_us, &judge->offers, &lead);
                if (r != 0 || lead == 0)
                        continue;
                if ((*ret_n)++ == 0) {
                        r = store_begin(judge->store);
                        if (r != 0) {
                                *ret_n = 0;
                                return r;
                        }
                }
                r = judge_fire_one(judge, lead, now_us, now_us, false);
        } while (r == 0 && !judge->offers.is_over && leadd_monotonic_us() < end_us);
        if (*ret_n == 0)
                return r;
        if (r == 0)
                return store_commit(judge->store);
        (void) store_rollback(judge->store);
        return r;
}

void judge_offer_slice(Judge *judge) {
        size_t n = 0;

        begin_round(judge);
        atomic_store(&judge->leadd->judge_busy, leadd_monotonic_us());
        int r = offer(judge, &n);
        if (r != 0) {
                judge_forget(judge);
                judge->offers = (GateOffers){ 0 }; /* those of this slice wait still */
        }
        if (r == STORE_E_FULL)
                judge_note_full(judge);
        else if (r != 0)
                (void) judge_give_up(judge, r, "offering leads to others");
        else {
                judge_tell(judge);
                if (judge->offers.is_over) {
                        free(judge->offering);
                        judge->offering = NULL;
                }
                if (n > 0) {
                        judge_note_room(judge);
                        (void) judge_deliver(judge);
                }
        }
        if (!judge->broken)
                (void) store_checkpoint(judge->store, false);
}

void judge_end_offers(Judge *judge) {
        judge_names_done(&judge->freed);
        free(judge->offering);
        judge->offering = NULL;
}
