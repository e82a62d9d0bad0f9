/* SPDX-License-Identifier: MIT */
/*
 * What an erasure has to do after its transaction: the files of the spool are gone through by the reader, whose they are;
 * then what to look for is forgotten as well, and the write-ahead log is emptied. Whoever asked is answered when nothing is left.
 * Killed in between, the row of the erasure is still there, and the next start goes on with it.
 */
#include "judge.h"
#include "leadd/messages.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

typedef struct Rejects {
        const Text *needles;
} Rejects;

static bool is_gone(const char *text, size_t size, void *userdata) {
        const Rejects *rejects = userdata;

        return spool_concerns(rejects->needles->data ? rejects->needles->data : "", rejects->needles->size, text, size);
}

int judge_note_erasure(Judge *judge, uint64_t id) {
        _cleanup_(text_free) Text needles = { 0 };
        const Rejects rejects = { .needles = &needles };

        /* Before the commit, so that no file that holds the person is kept from now on. */
        atomic_fetch_add(&judge->leadd->n_erasures, 1);
        int r = store_erasure_get(judge->store, id, &needles);
        return r == 0 ? store_rejects_filter(judge->store, is_gone, (void *) &rejects) : r;
}

void judge_sweep(Judge *judge) {
        _cleanup_(text_free) Text needles = { 0 };
        uint64_t id;

        if (judge->sweeping || judge->broken || leadd_monotonic_us() < judge->sweep_us)
                return;
        int r = store_erasure_next(judge->store, &id, &needles);
        if (r == STORE_E_NONE) {
                judge->sweep_us = 0;
                return;
        }
        Order *order = r == 0 ? order_new(ORDER_SWEEP) : NULL;
        void *copy = order ? malloc(needles.size > 0 ? needles.size : 1) : NULL;
        if (!copy) {
                free(order);
                (void) judge_give_up(judge, r < 0 ? r : -ENOMEM, "an erasure");
                return;
        }
        memcpy(copy, needles.data ? needles.data : "", needles.size);
        order->id = id;
        order->archive = copy;
        order->archive_size = needles.size;
        if (!queue_push(judge->leadd->to_reader, order)) {
                free(order->archive);
                free(order);
                return; /* the reader has ended: the next start goes on */
        }
        judge->sweeping = true;
}

static void answer(Judge *judge, Erased *erased) {
        control_set_reply(erased->call, TAKE(erased->reply));
        leadd_tell(judge->leadd, NEWS_REPLY, TAKE(erased->call), NULL, 0);
}

void judge_empty_log(Judge *judge) {
        if (!judge->sweeping && judge->sweep_us > 0)
                judge_sweep(judge);
        if (!judge->log_is_full || judge->sweeping)
                return;
        int r = store_empty_log(judge->store);
        if (r == -EBUSY)
                return; /* somebody reads: again in a second */
        if (r < 0) {
                (void) judge_give_up(judge, r, "emptying the write-ahead log");
                return;
        }
        if (r == STORE_E_FULL) {
                judge_note_full(judge);
                return;
        }
        judge->log_is_full = false;
        for (Erased **at = &judge->erased; *at;) {
                Erased *erased = *at;
                if (!erased->swept) {
                        at = &erased->next;
                        continue;
                }
                answer(judge, erased);
                *at = erased->next;
                free(erased);
        }
}

void judge_on_swept(Judge *judge, const Work *work) {
        judge->sweeping = false;
        if (work->error < 0) {
                log_error("files of the spool could not be gone through for an erasure: %s; it is tried again in a minute",
                        strerror(-work->error));
                judge->sweep_us = leadd_monotonic_us() + SWEEP_AGAIN_US;
                return;
        }
        int r = store_begin(judge->store);
        if (r == 0)
                r = store_erasure_done(judge->store, work->ledger);
        if (r == 0)
                r = store_commit(judge->store);
        else
                (void) store_rollback(judge->store);
        if (r == STORE_E_FULL) {
                judge_note_full(judge);
                judge->sweep_us = leadd_monotonic_us() + SWEEP_AGAIN_US;
                return;
        }
        if (r != 0) {
                (void) judge_give_up(judge, r, "an erasure");
                return;
        }
        log_event(LOG_LEVEL_NOTICE, MESSAGE_ERASED, NULL, 0,
                "somebody was erased from the files of the spool: %" PRIu64 " files removed, %" PRIu64 " records taken out of others",
                work->found.n_files, work->found.n_records);
        for (Erased *erased = judge->erased; erased; erased = erased->next)
                if (erased->id == work->ledger) {
                        erased->swept = true;
                        (void) json_object_set_new(erased->reply, "files", json_integer((json_int_t) work->found.n_files));
                        (void) json_object_set_new(erased->reply, "records", json_integer((json_int_t) work->found.n_records));
                }
        judge->log_is_full = true;
        judge_sweep(judge);
        judge_empty_log(judge);
}

#ifdef LEADD_BREAKABLE
static void judge_forget_erasures(Judge *judge) {
        Text needles = { 0 };
        uint64_t id;

        while (store_erasure_next(judge->store, &id, &needles) == 0) {
                (void) store_begin(judge->store);
                (void) store_erasure_done(judge->store, id);
                (void) store_commit(judge->store);
        }
        text_free(&needles);
}
#else
#define judge_forget_erasures(judge) ((void) (judge))
#endif

int judge_resume_erasures(Judge *judge) {
        /* What a kill left in the log may be what somebody had erased. */
        int r = store_empty_log(judge->store);

        judge->log_is_full = r == -EBUSY;
        if (LEADD_BROKEN("no_resume"))
                judge_forget_erasures(judge);
        judge_sweep(judge);
        return r == -EBUSY ? 0 : r;
}

bool judge_erases(const Judge *judge) { return judge->sweeping || judge->log_is_full; }

void judge_end_erasures(Judge *judge) {
        while (judge->erased) {
                Erased *erased = judge->erased;
                judge->erased = erased->next;
                control_set_error(erased->call, "org.leadd.Control.Stopping", NULL);
                leadd_tell(judge->leadd, NEWS_REPLY, erased->call, NULL, 0);
                json_decref(erased->reply);
                free(erased);
        }
}

/* 1: the call is taken and answered later. */
int judge_on_erase(void *userdata, ControlCall *call, Record *record_taken, uint64_t lead, const char *actor) {
        _cleanup_(record_freep) Record *record = record_taken;
        Judge *judge = userdata;
        GateOutcome outcome;
        int64_t now_us = clock_now_us(judge->leadd->clock);
        Erased *erased = calloc(1, sizeof *erased);

        if (!erased)
                return -ENOMEM;
        int r = store_begin(judge->store);
        if (r != 0) {
                free(erased);
                return r == STORE_E_FULL ? -ENOSPC : judge_give_up(judge, r, "a transaction");
        }
        const GateInput input = { .record = record, .lead = lead, .actor = actor, .actor_is_operator = true, .now_us = now_us };
        r = gate_judge(judge->gate, &input, &outcome);
        bool refused = r == 0 && !outcome.duplicate && outcome.decision->refused;
        if (r == 0 && !refused && outcome.erasure > 0)
                r = judge_note_erasure(judge, outcome.erasure);
        if (r == 0 && refused) {
                control_set_error(call, "org.leadd.Leads.Refused",
                        json_pack("{s:s, s:s, s:s?}", "code", outcome.decision->refusal_code, "text", outcome.decision->refusal_text,
                                "lead", NULL));
                free(erased);
                (void) store_rollback(judge->store);
                return 0;
        }
        if (r == 0) {
                bool known = outcome.lead > 0;
                *erased = (Erased){ .id = outcome.erasure,
                        .reply = json_pack("{s:o, s:I, s:b, s:s}", "lead", known ? json_sprintf("L-%" PRIu64, outcome.lead) : json_null(),
                                "event", (json_int_t) outcome.event, "duplicate", outcome.duplicate && known, "summary",
                                known ? "erased" : "nobody is known by that") };
                if (!outcome.duplicate) {
                        judge_add_decision(judge, &outcome, false);
                        judge_add_watch_item(judge, record, &outcome, now_us);
                }
                if (erased->reply)
                        r = store_commit(judge->store);
                else {
                        (void) store_rollback(judge->store);
                        r = -ENOMEM;
                }
        } else
                (void) store_rollback(judge->store);
        if (r != 0) {
                json_decref(erased->reply);
                free(erased);
                judge_forget(judge);
                return r == STORE_E_FULL ? -ENOSPC : judge_give_up(judge, r, "an erasure");
        }
        judge_note_room(judge);
        judge_tell(judge);
        if (outcome.erasure == 0) {
                control_set_reply(call, TAKE(erased->reply));
                free(erased);
                return 0;
        }
        erased->call = call;
        erased->next = judge->erased;
        judge->erased = erased;
        judge_sweep(judge);
        (void) judge_deliver(judge); /* what breaks ends leadd, and the call is answered by judge_end_erasures() */
        return 1;
}
