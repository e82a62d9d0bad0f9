/* SPDX-License-Identifier: MIT */
/*
 * Calls of people between two transactions: each change is judged in a transaction of its own and answered after
 * its commit.
 */
#include "judge.h"
#include "leadd/messages.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

/* The end of a call's transaction, r being how it went: kept and told, or undone. */
static int finish(Judge *judge, int r, const char *what) {
        if (r == 0)
                r = store_commit(judge->store);
        else
                (void) store_rollback(judge->store);
        if (r != 0) {
                judge_forget(judge);
                return r == STORE_E_FULL ? -ENOSPC : judge_give_up(judge, r, what);
        }
        judge_note_room(judge);
        judge_tell(judge);
        r = judge_deliver(judge);
        return r < 0 ? r : 0;
}

int judge_on_judge(void *userdata, Record *record_taken, uint64_t lead, const char *actor, bool actor_is_operator, ControlJudged *ret) {
        _cleanup_(record_freep) Record *record = record_taken;
        Judge *judge = userdata;
        GateOutcome outcome;
        int64_t now_us = clock_now_us(judge->leadd->clock);
        int r;

        *ret = (ControlJudged){ 0 };
        r = store_begin(judge->store);
        if (r != 0)
                return r == STORE_E_FULL ? -ENOSPC : judge_give_up(judge, r, "a transaction");
        const GateInput input = {
                .record = record, .lead = lead, .actor = actor, .actor_is_operator = actor_is_operator, .now_us = now_us
        };
        r = gate_judge(judge->gate, &input, &outcome);
        if (r == 0 && (outcome.duplicate || outcome.decision->refused)) {
                ret->event = outcome.event;
                ret->lead = outcome.lead ? outcome.lead : lead;
                ret->duplicate = outcome.duplicate;
                ret->refused = !outcome.duplicate;
                if (ret->refused) {
                        (void) snprintf(ret->code, sizeof ret->code, "%s", outcome.decision->refusal_code);
                        (void) snprintf(ret->text, sizeof ret->text, "%s", outcome.decision->refusal_text);
                        judge_add_refusal(judge, &outcome, record->type);
                }
                /* Nothing else was written: that a rule is suspended is kept, whatever became of the move that showed it. So is what
                 * refused it, where there is room: that is a count and no more. */
                bool counts = ret->refused && outcome.decision->n_blocks > 0;
                if (outcome.n_suspended > 0 || counts)
                        r = store_commit(judge->store);
                else
                        (void) store_rollback(judge->store);
                if (r == STORE_E_FULL && outcome.n_suspended == 0)
                        r = 0;
                if (r == 0) {
                        judge_tell(judge);
                        return 0;
                }
        } else if (r == 0) {
                ret->event = outcome.event;
                ret->lead = outcome.lead;
                if (outcome.decision->summary)
                        (void) snprintf(ret->summary, sizeof ret->summary, "%s", outcome.decision->summary);
                judge_add_decision(judge, &outcome, false);
                judge_add_watch_item(judge, record, &outcome, now_us);
        }
        return finish(judge, r, "a person's move");
}

int judge_on_take(void *userdata, Record *record_taken, const char *actor, GateTake *take, ControlJudged *ret) {
        _cleanup_(record_freep) Record *record = record_taken;
        Judge *judge = userdata;
        GateOutcome outcome;
        int64_t now_us = clock_now_us(judge->leadd->clock);

        *ret = (ControlJudged){ 0 };
        int r = store_begin(judge->store);
        if (r != 0)
                return r == STORE_E_FULL ? -ENOSPC : judge_give_up(judge, r, "a transaction");
        r = gate_take_part(judge->gate, record, actor, now_us, take, &outcome);
        if (r == 0 && (outcome.duplicate || outcome.decision->refused)) {
                (void) store_rollback(judge->store);
                ret->event = outcome.event;
                ret->duplicate = outcome.duplicate;
                ret->refused = !outcome.duplicate;
                if (ret->refused) {
                        (void) snprintf(ret->code, sizeof ret->code, "%s", outcome.decision->refusal_code);
                        (void) snprintf(ret->text, sizeof ret->text, "%s", outcome.decision->refusal_text);
                        judge_add_refusal(judge, &outcome, record->type);
                        judge_tell(judge);
                }
                return 0;
        }
        if (r == 0) {
                ret->event = outcome.event;
                judge_add_take(judge, &outcome, actor);
                judge_add_watch_item(judge, record, &outcome, now_us);
        }
        return finish(judge, r, "a take");
}

int judge_on_status(void *userdata, json_t *into) {
        Judge *judge = userdata;
        Leadd *leadd = judge->leadd;
        char now[TIME_TEXT_SIZE], started[TIME_TEXT_SIZE];
        int64_t next_us = judge_next_armed(judge);
        char next[TIME_TEXT_SIZE];

        (void) json_object_set_new(into, "version", json_string(LEADD_VERSION));
        (void) json_object_set_new(into, "sqlite", json_string(store_sqlite_version()));
        (void) json_object_set_new(into, "pid", json_integer(getpid()));
        (void) json_object_set_new(into, "now", json_string(time_format_rfc3339(clock_now_us(leadd->clock), now)));
        (void) json_object_set_new(into, "clock", json_string(clock_is_virtual(leadd->clock) ? "virtual" : "real"));
        (void) json_object_set_new(into, "started", json_string(time_format_rfc3339(leadd->started_us, started)));
        (void) json_object_set_new(into, "spool", json_string(leadd->options.spool));
        (void) json_object_set_new(into, "state", json_string(leadd->options.state));
        (void) json_object_set_new(into, "files_waiting", json_integer((json_int_t) atomic_load(&leadd->n_waiting)));
        (void) json_object_set_new(
                into, "next_timer", next_us == TIME_NONE ? json_null() : json_string(time_format_rfc3339(next_us, next)));
        (void) json_object_set_new(into, "disk_full", json_boolean(judge->disk_full));
        (void) json_object_set_new(into, "rule_failures", json_integer((json_int_t) judge->n_rejected_rules));
        int64_t looked_us = atomic_load(&leadd->leaks_looked_us);
        int64_t n_leaks = leadd_n_leaks(leadd);
        char looked[TIME_TEXT_SIZE];
        bool is_known = n_leaks >= 0;
        (void) json_object_set_new(into, "leaks", is_known ? json_integer((json_int_t) n_leaks) : json_null());
        (void) json_object_set_new(into, "leaks_looked", is_known ? json_string(time_format_rfc3339(looked_us, looked)) : json_null());
        json_t *rules = json_pack("{s:s, s:s, s:b, s:I, s:s?}", "hash", leadd->rules->hash_text, "directory", leadd->options.rules,
                "example", leadd->options.is_example, "n", (json_int_t) policy_n_rules(leadd->rules), "problem", leadd->rules_problem);
        if (json_object_set_new(into, "rules", rules) < 0)
                return -ENOMEM;
        return judge_status_of_reload(judge, rules);
}

int judge_on_retry(void *userdata, const char *name, json_t **ret) {
        Judge *judge = userdata;

        return retry_rejects(judge->leadd->options.spool, name, ret);
}

int judge_on_outbox(void *userdata, uint64_t id, bool cancel) {
        Judge *judge = userdata;
        int64_t now_us = clock_now_us(judge->leadd->clock);
        int r = store_begin(judge->store);

        if (r == 0)
                r = cancel ? store_outbox_cancel(judge->store, id, now_us) : store_outbox_revive(judge->store, id, now_us);
        if (r == 0)
                r = store_commit(judge->store);
        else
                (void) store_rollback(judge->store);
        if (r == STORE_E_NONE)
                return -ENOENT;
        if (r == STORE_E_FULL)
                return -ENOSPC;
        if (r != 0)
                return judge_give_up(judge, r, "the outbox");
        r = judge_deliver(judge);
        return r < 0 ? r : 0;
}

static void judge_on_told(Judge *judge, const Told *told) {
        int r = notify_told(judge->notify, judge->store, told, clock_now_us(judge->leadd->clock));

        if (r == STORE_E_FULL)
                judge_note_full(judge);
        else if (r != 0)
                (void) judge_give_up(judge, r, "the outbox");
        else
                (void) judge_deliver(judge); /* there is room for another */
}

void judge_take_call(Judge *judge, Work *work) {
        atomic_store(&judge->leadd->judge_busy, leadd_monotonic_us());
        switch (work->kind) {
        case WORK_CALL:
                if (control_execute(&judge->desk, work->call))
                        leadd_tell(judge->leadd, NEWS_REPLY, work->call, NULL, 0);
                break;
        case WORK_RELOAD:
                judge_reload_by_signal(judge);
                break;
        case WORK_RELOADED:
                judge_take_reloaded(judge, work->reload);
                break;
        case WORK_EMPTY:
                judge->spool_empty = true;
                break;
        case WORK_TOLD:
                judge_on_told(judge, &work->told);
                break;
        case WORK_LEAKS:
                judge_on_leaks(judge, work);
                break;
        case WORK_SWEPT:
                judge_on_swept(judge, work);
                break;
        case WORK_TICK:
                judge_on_tick(judge);
                break;
        default:
                break;
        }
        free(work);
}
