/* SPDX-License-Identifier: MIT */
/*
 * What falls due: timers in order of their instants, leads of who goes away, the outbox. Each batch is one
 * transaction; the clock is the seam, real or virtual.
 */
#include "judge.h"
#include "leadd/messages.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

int judge_fire_one(Judge *judge, uint64_t lead, int64_t due_us, int64_t now_us, bool by_pass) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        _cleanup_(record_freep) Record *record = NULL;
        LeadState state;
        GateOutcome outcome;
        int r;

        if (!arena)
                return -ENOMEM;
        r = store_load_lead(judge->store, lead, arena, &state, NULL, NULL, NULL);
        if (r != 0)
                return r;
        r = followup_record(&state, due_us, now_us, judge->leadd->secret, &record);
        if (r < 0)
                return r;
        if (by_pass && base_streq(record->event, "look")) {
                record->type = "timer.reload";
                record->event = "reload";
        }
        const GateInput input = { .record = record, .lead = lead, .actor = "system:leadd", .actor_is_operator = true, .now_us = now_us };
        r = gate_judge(judge->gate, &input, &outcome);
        if (r != 0)
                return r;
        /* A firing that is in the log cannot be armed still: the database contradicts itself, and firing on would never end. */
        if (outcome.duplicate || outcome.decision->refused)
                return -EUCLEAN;
        judge_add_decision(judge, &outcome, false);
        judge_add_watch_item(judge, record, &outcome, now_us);
        return 0;
}

/* Fires what is due at now, one transaction; *ret_n = how many. */
static int fire_batch(Judge *judge, int64_t now_us, size_t *ret_n) {
        uint64_t leads[FOLLOWUP_BATCH_MAX];
        int64_t dues_us[FOLLOWUP_BATCH_MAX];
        size_t n = 0;
        int r;

        *ret_n = 0;
        int64_t next_us = store_wake_next(judge->store);
        if (next_us == TIME_NONE || next_us > now_us)
                return 0;
        r = store_wake_due(judge->store, now_us, FOLLOWUP_BATCH_MAX, leads, dues_us, &n);
        if (r != 0 || n == 0)
                return r;
        r = store_begin(judge->store);
        if (r != 0)
                return r;
        /* What is left of the batch stays armed. */
        size_t n_fired = 0;
        for (int64_t end_us = leadd_monotonic_us() + FIRE_TRANSACTION_US;
                n_fired < n && r == 0 && (n_fired == 0 || leadd_monotonic_us() < end_us); n_fired++)
                r = judge_fire_one(judge, leads[n_fired], dues_us[n_fired], now_us, false);
        r = judge_end(judge, r);
        *ret_n = r == 0 ? n_fired : 0;
        return r;
}

bool judge_passes_on(const Judge *judge) {
        return judge->absent.n + judge->going.n > 0 && !judge_waits_for_room(judge) && !judge_holds_timers(judge);
}

/* When the leads that the member has not accepted are to go to others: not after now when that is so already, else when the recorded
 * absence begins (the pass after a reload arms for those of the rules); TIME_NONE = never. */
static int64_t goes_us(const Member *member, const Desk *desk, int64_t now_us) {
        int64_t until_us;

        if (member->team->on_absence == ABSENCE_KEEP)
                return TIME_NONE;
        if (policy_member_is_away(member, now_us, &until_us))
                return now_us;
        for (size_t i = 0; i < desk->n_seats; i++) {
                const Seat *seat = &desk->seats[i];
                for (size_t k = 0; k < seat->n_absences && base_streq(seat->member, member->rule.name); k++)
                        if (seat->absences[k].to_us > now_us)
                                return seat->absences[k].from_us;
        }
        return TIME_NONE;
}

/* Of the leads those whose owner is away, or that are armed for a later instant than the one at which the owner goes. */
static int needing_a_look(Judge *judge, uint64_t *leads, size_t *n, int64_t now_us) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        size_t n_needing = 0;
        Desk desk;

        if (!arena)
                return -ENOMEM;
        int r = store_load_desk(judge->store, NULL, 0, judge->leadd->rules, now_us, arena, &desk);
        for (size_t i = 0; i < *n && r == 0; i++) {
                LeadState state;
                r = store_load_lead(judge->store, leads[i], arena, &state, NULL, NULL, NULL);
                if (r != 0)
                        return r;
                const Member *owner = state.owner ? policy_member(judge->leadd->rules, state.owner) : NULL;
                int64_t go_us = owner ? goes_us(owner, &desk, now_us) : TIME_NONE;
                bool is_armed = go_us == TIME_NONE || (go_us > now_us && state.wake_us != TIME_NONE && state.wake_us <= go_us);
                if (!is_armed)
                        leads[n_needing++] = leads[i];
        }
        *n = n_needing;
        return r;
}

/* Looks at leads that members who are or will be away have not accepted: they go to others now, or are armed for then. */
static int pass_on(Judge *judge, size_t *ret_n) {
        uint64_t leads[PASS_ON_LOOKS_MAX], next = judge->pass_on_next, end = store_next_lead(judge->store);
        uint64_t to = end - next > PASS_ON_LEADS ? next + PASS_ON_LEADS : end;
        int64_t now_us = clock_now_us(judge->leadd->clock);
        const Names *members = &judge->going;
        int r = store_unaccepted_of(
                judge->store, (const char *const *) members->items, members->n, &next, to, PASS_ON_LOOKS_MAX, leads, ret_n);

        if (r == 0 && *ret_n > 0)
                r = needing_a_look(judge, leads, ret_n, now_us);
        if (r == 0 && *ret_n > 0) {
                r = store_begin(judge->store);
                if (r != 0)
                        return r;
                for (size_t i = 0; i < *ret_n && r == 0; i++)
                        r = judge_fire_one(judge, leads[i], now_us, now_us, false);
                if (r == 0)
                        r = store_commit(judge->store);
                else
                        (void) store_rollback(judge->store);
        }
        if (r != 0)
                return r;
        judge_tell(judge);
        judge->pass_on_next = next;
        if (next >= end)
                judge_names_done(&judge->going);
        return 0;
}

void judge_pass_on_slice(Judge *judge) {
        size_t n = 0;

        /* Who goes meanwhile has the next round: this one is past some of their leads. */
        if (judge->going.n == 0) {
                judge->going = judge->absent;
                judge->absent = (Names){ 0 };
                judge->pass_on_next = 1;
        }
        atomic_store(&judge->leadd->judge_busy, leadd_monotonic_us());
        int r = pass_on(judge, &n);
        if (r != 0)
                judge_forget(judge);
        if (r == STORE_E_FULL)
                judge_note_full(judge); /* those who go are still remembered */
        else if (r != 0)
                (void) judge_give_up(judge, r, "offering leads to others");
        else if (n > 0)
                (void) judge_deliver(judge);
        if (!judge->broken)
                (void) store_checkpoint(judge->store, false);
}

int judge_note_absences(Judge *judge, bool those_to_come) {
        const RuleSet *rules = judge->leadd->rules;
        int64_t now_us = clock_now_us(judge->leadd->clock);
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        Desk desk;

        if (!arena)
                return -ENOMEM;
        int r = store_load_desk(judge->store, NULL, 0, rules, now_us, arena, &desk);
        if (r != 0)
                return r;
        for (size_t i = 0; i < rules->n_members; i++) {
                int64_t go_us = goes_us(&rules->members[i], &desk, now_us);
                if (go_us != TIME_NONE && (go_us <= now_us || those_to_come))
                        judge_add_absent(judge, rules->members[i].rule.name);
        }
        return 0;
}

int judge_deliver(Judge *judge) {
        size_t n;

        if (judge_waits_for_room(judge))
                return STORE_E_FULL; /* what was delivered and could not be marked is told again with each attempt */
        do {
                int r = notify_run(judge->notify, judge->store, judge->leadd->rules, clock_now_us(judge->leadd->clock), &n);
                if (r == STORE_E_FULL) {
                        judge_note_full(judge);
                        return r;
                }
                if (r != 0)
                        return judge_give_up(judge, r, "the outbox");
                if (n > 0)
                        judge_note_room(judge);
        } while (n == NOTIFY_BATCH_MAX);
        return 0;
}

/* Everything due at the clock's now, in order; without `all` for a moment only: judge_arm() brings the rest, after those who wait. The
 * outcomes of deliver. */
int judge_fire_due(Judge *judge, bool all, uint64_t *ret_n) {
        int64_t start_us = leadd_monotonic_us(), mono_us;
        size_t n;

        if (judge_waits_for_room(judge))
                return STORE_E_FULL;
        do {
                size_t n_sent = 0;
                int r = fire_batch(judge, clock_now_us(judge->leadd->clock), &n);
                /* Behind what fell due before: a digest shows it. */
                if (r == 0 && n == 0)
                        r = judge_send_digests(judge, clock_now_us(judge->leadd->clock), &n_sent);
                n += n_sent;
                if (r == STORE_E_FULL) {
                        judge_note_full(judge);
                        return r;
                }
                if (r != 0)
                        return judge_give_up(judge, r, "a timer");
                if (ret_n)
                        *ret_n += n;
                mono_us = leadd_monotonic_us();
                atomic_store(&judge->leadd->judge_busy, mono_us);
        } while (n > 0 && (all || mono_us - start_us < FIRE_SLICE_US) && !atomic_load(&judge->leadd->stopping));
        return judge_deliver(judge);
}

/* Before the clock moves, what was to be done at its time. */
static void pass_on_all(Judge *judge) {
        while ((judge_passes_on(judge) || judge_offers(judge)) && !judge->broken && !atomic_load(&judge->leadd->stopping)) {
                if (judge_passes_on(judge))
                        judge_pass_on_slice(judge);
                else
                        judge_offer_slice(judge);
        }
}

int judge_on_advance(void *userdata, int64_t time_us, uint64_t *ret_n_fired) {
        Judge *judge = userdata;
        Clock *clock = judge->leadd->clock;
        int r;

        *ret_n_fired = 0;
        if (!clock_is_virtual(clock))
                return -EPERM;
        if (time_us < clock_now_us(clock))
                return -EINVAL;
        pass_on_all(judge);
        for (;;) {
                int64_t next_us = judge_next_armed(judge), outbox_us = notify_next_free(judge->notify, judge->store);
                if (outbox_us != TIME_NONE && (next_us == TIME_NONE || outbox_us < next_us))
                        next_us = outbox_us;
                if (next_us == TIME_NONE || next_us > time_us)
                        break;
                if (next_us > clock_now_us(clock)) {
                        r = clock_set_us(clock, next_us);
                        if (r < 0)
                                return r;
                }
                r = judge_fire_due(judge, true, ret_n_fired);
                if (r != 0)
                        return r < 0 ? r : -ENOSPC;
                pass_on_all(judge);
                if (atomic_load(&judge->leadd->stopping))
                        return -ECANCELED;
        }
        r = clock_set_us(clock, time_us);
        leadd_poke_reporter(judge->leadd);
        return r;
}

bool judge_holds_timers(const Judge *judge) { return leadd_monotonic_us() < judge->hold_until_us; }

void judge_on_tick(Judge *judge) {
        int64_t jump_us = clock_is_virtual(judge->leadd->clock) ? 0 : followup_jump_us(judge->leadd->followup);
        int64_t mono_us = leadd_monotonic_us();

        if (jump_us > FOLLOWUP_JUMP_US || jump_us < -FOLLOWUP_JUMP_US) {
                log_event(LOG_LEVEL_WARNING, MESSAGE_CLOCK_JUMPED, NULL, 0, "the machine's clock was set %s by %" PRId64 " s%s",
                        jump_us > 0 ? "forward" : "back", (jump_us > 0 ? jump_us : -jump_us) / US_PER_SECOND,
                        jump_us > 0 ? ": what became due by it waits 10 minutes" : "");
                if (jump_us > 0)
                        judge->hold_until_us = mono_us + FOLLOWUP_HOLD_US;
                leadd_poke_reporter(judge->leadd);
        }
        if (judge_holds_timers(judge))
                return;
        (void) judge_fire_due(judge, false, NULL);
}

/* The one timer: the earliest of all that is armed. */
void judge_arm(Judge *judge) {
        int64_t next_us = judge_next_armed(judge), outbox_us = notify_next(judge->notify, judge->store);
        int64_t mono_us = leadd_monotonic_us();

        if (outbox_us != TIME_NONE && (next_us == TIME_NONE || outbox_us < next_us))
                next_us = outbox_us;
        if (mono_us < judge->hold_until_us)
                next_us = clock_now_us(judge->leadd->clock) + (judge->hold_until_us - mono_us);
        if (next_us != TIME_NONE && judge_waits_for_room(judge)) {
                int64_t again_us = clock_now_us(judge->leadd->clock) + (judge->full_until_us - mono_us);
                next_us = again_us > next_us ? again_us : next_us;
        }
        int r = followup_arm(judge->leadd->followup, next_us);
        if (r < 0)
                (void) judge_give_up(judge, r, "the timer");
}
