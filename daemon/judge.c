/* SPDX-License-Identifier: MIT */
/*
 * judge: the thread that decides and writes. Owns the rule set, the only writing
 * connection and the timers. Batches of the spool share transactions; calls of people
 * and due timers go in between. What people and the journal are told, they are told
 * after the commit. A full disk stops intake and nothing else; any other failure to
 * commit ends the process, because nobody knows what a second fsync would hide.
 */
#include "judge.h"
#include "leadd/messages.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

/* ---- failing ---- */

/* Our machinery broke: no later answer could be trusted. */
int judge_give_up(Judge *judge, int error, const char *what) {
        if (!judge->broken)
                log_error("%s failed: %s; leadd ends here, and starts again from what is committed", what,
                        strerror(error < 0 ? -error : EIO));
        judge->broken = true;
        return error < 0 ? error : -EIO;
}

void judge_say_status(Judge *judge) {
        const char *status = judge->disk_full ? "the disk is full: intake waits, people are answered"
                             : judge->leadd->rules_problem
                                     ? "judging under the last good rules: those on disk are refused, `leadctl status` says why"
                                     : "judging";

        if (status != judge->status)
                (void) sd_notifyf(0, "STATUS=%s", status);
        judge->status = status;
}

void judge_note_full(Judge *judge) {
        if (!judge->disk_full)
                log_event(LOG_LEVEL_ERROR, MESSAGE_DISK_FULL, NULL, 0, "the disk is full: intake waits, nothing is lost, answers go on");
        judge->disk_full = true;
        atomic_store(&judge->leadd->disk_full, true);
        judge_say_status(judge);
        judge->full_until_us = leadd_monotonic_us() + FULL_WAIT_US;
}

void judge_note_room(Judge *judge) {
        if (judge->disk_full)
                log_notice("there is room on the disk again: intake goes on");
        judge->disk_full = false;
        atomic_store(&judge->leadd->disk_full, false);
        judge_say_status(judge);
}

int judge_end(Judge *judge, int r) {
        if (r == 0)
                r = store_commit(judge->store);
        else
                (void) store_rollback(judge->store);
        if (r != 0) {
                judge_forget(judge);
                return r;
        }
        judge_note_room(judge);
        judge_tell(judge);
        return 0;
}

bool judge_waits_for_room(const Judge *judge) { return judge->disk_full && leadd_monotonic_us() < judge->full_until_us; }

/* ---- one record of the spool ---- */

static void add_result(Ticket *ticket, json_t *result) {
        if (!ticket->call) {
                json_decref(result);
                return;
        }
        if (!ticket->results)
                ticket->results = json_array();
        if (json_array_size(ticket->results) < LEADD_RESULTS_MAX)
                (void) json_array_append_new(ticket->results, result);
        else
                json_decref(result);
}

static int reject(Judge *judge, Ticket *ticket, uint64_t index, const char *reason, const char *field, const char *text, const char *raw,
        size_t raw_size) {
        ticket->ledger.n_refused++;
        if (ticket->call)
                add_result(ticket, json_pack("{s:I, s:s, s:s, s:s?, s:s?}", "index", (json_int_t) index, "result", "refused", "reason",
                                           reason, "field", field, "text", text));
        return store_reject_add(judge->store, ticket->ledger.id, index, reason, field, text, raw, raw_size);
}

/* A record that policy refused goes back to its sender whole: as facts, since its bytes are not kept. */
static int reject_record(Judge *judge, Ticket *ticket, uint64_t index, const Record *record, const Decision *decision) {
        _cleanup_(base_freep) char *raw = NULL;
        json_t *data = NULL;
        int r = facts_to_json(&record->facts, &data);

        if (r < 0)
                return r;
        char time[TIME_TEXT_SIZE];
        json_t *whole = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "specversion", "1.0", "id", record->id, "source", record->source,
                "type", record->type, "time", time_format_rfc3339(record->time_us, time), "data", data);
        if (whole && record->subject)
                (void) json_object_set_new(whole, "subject", json_string(record->subject));
        raw = whole ? json_dumps(whole, JSON_COMPACT) : NULL;
        json_decref(whole);
        if (!raw)
                return -ENOMEM;
        return reject(judge, ticket, index, decision->refusal_code, NULL, decision->refusal_text, raw, strlen(raw));
}

static const char *actor_of(Judge *judge, const Ticket *ticket, const Record *record) {
        const char *actor = record->family == FAMILY_OUTCOME ? facts_text(&record->facts, FIELD_OUTCOME_ACTOR) : NULL;

        return actor ? actor : arena_printf(judge->lines_arena, "integration:%s", ticket->identity.source);
}

/* true: this record killed the daemon too often and is refused. */
static bool mark_in_flight(Judge *judge, const Ticket *ticket, uint64_t index) {
        const SpoolIdentity *identity = &ticket->identity;
        uint32_t attempts = 1;

        if (judge->suspect.attempts > 0 && judge->suspect.inode == identity->inode && judge->suspect.size == identity->size &&
                judge->suspect.mtime_us == identity->mtime_us && judge->suspect.index == index)
                attempts = judge->suspect.attempts + 1;
        if (attempts > LEADD_POISON_ATTEMPTS)
                return true;
        judge->in_flight->attempts = 0;
        judge->in_flight->inode = identity->inode;
        judge->in_flight->size = identity->size;
        judge->in_flight->mtime_us = identity->mtime_us;
        judge->in_flight->index = index;
        judge->in_flight->attempts = attempts;
        return false;
}

static int judge_item(Judge *judge, Ticket *ticket, const IntakeItem *item, bool bulk) {
        GateOutcome outcome;
        int r;

        if (item->refusal)
                return reject(judge, ticket, item->index, item->refusal->reason, item->refusal->field, item->refusal->text,
                        item->refusal->raw, item->refusal->raw_size);
        if (item->dropped || !item->record) {
                ticket->ledger.n_dropped++;
                if (ticket->call)
                        add_result(ticket, json_pack("{s:I, s:s}", "index", (json_int_t) item->index, "result", "dropped"));
                return 0;
        }
        if (mark_in_flight(judge, ticket, item->index)) {
                const Decision poison = { .refusal_code = "poison", .refusal_text = "leadd died three times while judging this record" };
                return reject_record(judge, ticket, item->index, item->record, &poison);
        }
        if (LEADD_BROKEN("crash") && base_streq(item->record->id, "poison"))
                abort();
        const GateInput input = {
                .record = item->record,
                .actor = actor_of(judge, ticket, item->record),
                .now_us = clock_now_us(judge->leadd->clock),
                .ledger = ticket->ledger.id,
                .ledger_index = item->index,
        };
        if (!input.actor)
                return -ENOMEM;
        r = gate_judge(judge->gate, &input, &outcome);
        judge->in_flight->attempts = 0;
        if (r != 0)
                return r;
        ticket->ledger.purge |= outcome.erased;
        if (outcome.erasure > 0) {
                r = judge_note_erasure(judge, outcome.erasure);
                if (r != 0)
                        return r;
        }
        if (outcome.duplicate) {
                ticket->ledger.n_duplicates++;
                if (ticket->call)
                        add_result(ticket, json_pack("{s:I, s:s, s:I}", "index", (json_int_t) item->index, "result", "duplicate", "event",
                                                   (json_int_t) outcome.event));
                return 0;
        }
        if (outcome.decision->refused) {
                judge_add_refusal(judge, &outcome, item->record->type);
                return reject_record(judge, ticket, item->index, item->record, outcome.decision);
        }
        ticket->ledger.n_accepted++;
        if (ticket->call)
                add_result(ticket,
                        json_pack("{s:I, s:s, s:o?, s:I, s:s, s:s?}", "index", (json_int_t) item->index, "result", "accepted", "lead",
                                outcome.lead ? json_sprintf("L-%" PRIu64, outcome.lead) : NULL, "event", (json_int_t) outcome.event,
                                "status", outcome.decision->after.status ? outcome.decision->after.status : "", "summary",
                                outcome.decision->summary));
        judge_add_decision(judge, &outcome, bulk);
        judge_add_watch_item(judge, item->record, &outcome, input.now_us);
        return 0;
}

/* ---- a transaction of batches ---- */

static int judge_work(Judge *judge, Work *work, bool bulk) {
        Ticket *ticket = work->ticket;
        int64_t now_us = clock_now_us(judge->leadd->clock);
        int r;

        if (!ticket->is_open) {
                r = store_ledger_open(judge->store, &ticket->identity, now_us, &ticket->ledger);
                if (r != 0)
                        return r;
                ticket->is_open = true;
        }
        for (size_t i = 0; work->batch && i < work->batch->n_items; i++) {
                /* A file that could not be taken out of the spool is read again: what the ledger knows is not judged again. */
                if (work->batch->items[i].index < ticket->ledger.next_index)
                        continue;
                r = judge_item(judge, ticket, &work->batch->items[i], bulk);
                if (r != 0)
                        return r;
        }
        if (work->batch) {
                if (work->batch->next_index >= ticket->ledger.next_index) {
                        ticket->ledger.next_offset = work->batch->next_offset;
                        ticket->ledger.next_index = work->batch->next_index;
                }
        }
        if (work->last && !ticket->aside_reason)
                ticket->ledger.state = LEDGER_FINISHED;
        if (LEADD_BROKEN("two_transactions")) {
                /* The events in one, the ledger in another. */
                r = store_commit(judge->store);
                (void) usleep(20 * 1000);
                r = r == 0 ? store_begin(judge->store) : r;
                if (r != 0)
                        return r;
        }
        if (LEADD_BROKEN("no_ledger")) {
                /* Counts are kept, progress is not. */
                ticket->ledger.state = LEDGER_READING;
                ticket->ledger.next_offset = 0;
                ticket->ledger.next_index = 1;
        }
        r = store_ledger_save(judge->store, &ticket->ledger, now_us);
        if (r != 0 || !work->last)
                return r;
        text_clear(&ticket->rejects);
        if (ticket->ledger.n_refused > 0)
                r = store_rejects_format(judge->store, ticket->ledger.id, &ticket->rejects);
        if (r == 0)
                judge_add_file(judge, ticket);
        return r;
}

static int mark_settled(Judge *judge) {
        for (size_t i = 0; i < judge->n_settled; i++) {
                LedgerEntry entry = { .id = judge->settled[i] };
                int r = store_ledger_settle(judge->store, entry.id, judge->settled_aside[i], clock_now_us(judge->leadd->clock));
                if (r != 0)
                        return r;
        }
        return 0;
}

static void add_settled(Judge *judge, uint64_t ledger, bool aside) {
        if (judge->n_settled == judge->settled_capacity) {
                size_t capacity = judge->settled_capacity ? judge->settled_capacity * 2 : 256;
                uint64_t *ids = realloc(judge->settled, capacity * sizeof *ids);
                if (!ids)
                        return; /* it is found out at the next start */
                judge->settled = ids;
                bool *asides = realloc(judge->settled_aside, capacity * sizeof *asides);
                if (!asides)
                        return;
                judge->settled_aside = asides;
                judge->settled_capacity = capacity;
        }
        judge->settled[judge->n_settled] = ledger;
        judge->settled_aside[judge->n_settled++] = aside;
}

static void finish_work(Judge *judge, Work *work) {
        Ticket *ticket = work->ticket;

        ticket->committed = ticket->ledger;
        ticket->was_open = true;
        intake_batch_free(work->batch);
        if (work->last) {
                if (ticket->call) {
                        const LedgerEntry *ledger = &ticket->ledger;
                        json_t *reply = json_pack("{s:o, s:I, s:I, s:I, s:I, s:s?, s:s?, s:o}", "name",
                                json_sprintf("%s/%s", ticket->identity.source, ticket->identity.name), "accepted",
                                (json_int_t) ledger->n_accepted, "duplicates", (json_int_t) ledger->n_duplicates, "refused",
                                (json_int_t) ledger->n_refused, "dropped", (json_int_t) ledger->n_dropped, "aside", ticket->aside_reason,
                                "text", ticket->aside_text, "results", ticket->results ? ticket->results : json_array());
                        ticket->results = NULL;
                        control_set_reply(ticket->call, reply);
                        leadd_tell(judge->leadd, NEWS_REPLY, TAKE(ticket->call), NULL, 0);
                }
                Order *order = order_new(ORDER_SETTLE);
                if (order) {
                        order->ticket = ticket;
                        if (!queue_push(judge->leadd->to_reader, order)) {
                                free(order);
                                ticket_free(ticket);
                        }
                }
        }
        free(work);
}

static bool is_call(const Work *work) {
        return work->kind == WORK_CALL || work->kind == WORK_TICK || work->kind == WORK_RELOAD || work->kind == WORK_RELOADED ||
               work->kind == WORK_EMPTY || work->kind == WORK_TOLD || work->kind == WORK_SWEPT || work->kind == WORK_LEAKS;
}

static int judge_works(Judge *judge, Work **works, size_t n_works, bool bulk) {
        int r = store_begin(judge->store);

        if (r != 0)
                return r;
        for (size_t i = 0; i < n_works && r == 0; i++)
                r = judge_work(judge, works[i], bulk);
        if (r == 0)
                r = mark_settled(judge);
        if (r == 0)
                return store_commit(judge->store);
        int rolled = store_rollback(judge->store);
        return rolled != 0 && r == STORE_E_FULL ? rolled : r;
}

/* Not committed, and not to be tried again in this life: the files stay in the spool, and the ledger knows how far they were read. */
static void leave_works(Judge *judge, Work **works, size_t n_works) {
        for (size_t i = 0; i < n_works; i++) {
                intake_batch_free(works[i]->batch);
                if (works[i]->last) {
                        Order *order = order_new(ORDER_LEAVE);
                        if (order)
                                order->ticket = works[i]->ticket;
                        if (!order || !queue_push(judge->leadd->to_reader, order))
                                free(order);
                }
                free(works[i]);
        }
}

/* Takes what the reader has ready, up to the limits of a transaction, and commits it; on a full disk waits and answers people meanwhile. */
static int run_transaction(Judge *judge, Work *first) {
        Work *works[LEADD_TRANSACTION_WORKS] = { first };
        Work *other = NULL;
        size_t n_works = 1, n_records = first->batch ? first->batch->n_items : 0;

        while (n_works < LEADD_TRANSACTION_WORKS && n_records < LEADD_TRANSACTION_RECORDS) {
                Work *work = queue_pop(judge->leadd->to_judge, 0);
                if (!work)
                        break;
                if (work->kind == WORK_SETTLED) {
                        add_settled(judge, work->ledger, work->aside);
                        free(work);
                        continue;
                }
                if (is_call(work)) {
                        other = work;
                        break;
                }
                works[n_works++] = work;
                n_records += work->batch ? work->batch->n_items : 0;
        }
        for (;;) {
                int r = judge_works(judge, works, n_works, n_records > LEADD_BULK_RECORDS);
                if (r == 0)
                        break;
                judge_forget(judge);
                for (size_t i = 0; i < n_works; i++) {
                        Ticket *ticket = works[i]->ticket;
                        ticket->ledger = ticket->committed;
                        ticket->is_open = ticket->was_open;
                        json_decref(ticket->results);
                        ticket->results = NULL;
                }
                if (r != STORE_E_FULL) {
                        leave_works(judge, works, n_works);
                        return judge_give_up(judge, r, "writing to the database");
                }
                judge_note_full(judge);
                atomic_store(&judge->leadd->judge_busy, 0);
                /* People are answered meanwhile; the batch, and the reader behind it, wait. */
                Work *work = other ? other : queue_pop_urgent(judge->leadd->to_judge, US_PER_SECOND);
                other = NULL;
                if (work)
                        judge_take_call(judge, work);
                if (judge->broken || atomic_load(&judge->leadd->stopping)) {
                        leave_works(judge, works, n_works);
                        judge->leaving = true;
                        return 0;
                }
        }
        judge_note_room(judge);
        judge->n_settled = 0;
        if (LEADD_BROKEN("no_ledger") || LEADD_BROKEN("unlink_first"))
                (void) usleep(20 * 1000);
        judge_tell(judge);
        for (size_t i = 0; i < n_works; i++)
                finish_work(judge, works[i]);
        judge_sweep(judge);
        if (other)
                judge_take_call(judge, other);
        return 0;
}

/* ---- the thread ---- */

static void say_ready(Judge *judge) {
        const Leadd *leadd = judge->leadd;
        const LogField fields[] = { { "LEAD_RULESET", leadd->rules->hash_text } };

        log_event(LOG_LEVEL_NOTICE, MESSAGE_STARTED, fields, 1, "leadd %s is ready: %zu rules, set %.12s%s%s", LEADD_VERSION,
                policy_n_rules(leadd->rules), leadd->rules->hash_text, leadd->options.is_example ? " (running the example policy)" : "",
                leadd->rules_problem ? "; the rules on disk do not load" : "");
        judge_say_status(judge);
        (void) sd_notify(0, "READY=1");
}

static int open_in_flight(Judge *judge) {
        _cleanup_(base_freep) char *path = NULL;
        _cleanup_(base_closep) int fd = -1;

        if (asprintf(&path, "%s/in-flight", judge->leadd->options.state) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        /* Written, not just extended: a hole on a full disk would be a SIGBUS later. */
        InFlight kept = { 0 };
        if (pread(fd, &kept, sizeof kept, 0) != (ssize_t) sizeof kept)
                kept = (InFlight){ 0 };
        if (pwrite(fd, &kept, sizeof kept, 0) != (ssize_t) sizeof kept)
                return errno ? -errno : -EIO;
        judge->in_flight = mmap(NULL, sizeof *judge->in_flight, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (judge->in_flight == MAP_FAILED) {
                judge->in_flight = NULL;
                return -errno;
        }
        judge->suspect = *judge->in_flight;
        return 0;
}

/* On a teller's thread. A judge that ended takes nothing any more: what was told is told again after the next start. But while it runs
 * it learns of each: a row that it waits for would neither be marked nor told again. */
static void on_told(const Told *told, void *userdata) {
        Leadd *leadd = userdata;
        Work *work = work_new(WORK_TOLD);

        if (!work) {
                log_error("out of memory: leadd ends here, and starts again from what is committed");
                _exit(EXIT_FAILURE);
        }
        work->told = *told;
        /* When calls of people fill the urgent lane it waits its turn in the other, until there is room or the judge has ended. */
        if (!queue_push_front(leadd->to_judge, work) && !queue_push(leadd->to_judge, work))
                free(work);
}

static int recover_outbox(Judge *judge) {
        int r = store_begin(judge->store);

        if (r == 0)
                r = notify_recover(judge->store, clock_now_us(judge->leadd->clock));
        if (r == 0)
                return store_commit(judge->store);
        (void) store_rollback(judge->store);
        return r;
}

static int start(Judge *judge) {
        Leadd *leadd = judge->leadd;
        int r;

        judge->store = leadd->store;
        judge->lines_arena = arena_new(0);
        if (!judge->lines_arena)
                return -ENOMEM;
        r = gate_new(judge->store, &judge->gate);
        if (r < 0)
                return r;
        const NotifyConfig notify = {
                .spool_directory = leadd->options.spool, .socket = leadd->options.notifier, .on_told = on_told, .userdata = leadd
        };
        r = notify_new(&notify, &judge->notify);
        if (r < 0)
                return r;
        r = recover_outbox(judge);
        if (r != 0)
                return r < 0 ? r : -ENOSPC;
        r = open_in_flight(judge);
        if (r < 0)
                return r;
        judge->desk = (ControlDesk){
                .store = judge->store,
                .rules = leadd->rules,
                .clock = leadd->clock,
                .spool_directory = leadd->options.spool,
                .rules_directory = leadd->options.rules,
                .userdata = judge,
                .judge = judge_on_judge,
                .reload = judge_on_reload,
                .advance = judge_on_advance,
                .status = judge_on_status,
                .daemon = leadd,
                .n_leaks = leadd_n_leaks,
                .retry = judge_on_retry,
                .outbox = judge_on_outbox,
                .erase = judge_on_erase,
                .take = judge_on_take,
        };
        r = judge_activate(judge, leadd->rules, false);
        if (r == 0)
                r = judge_start_pass(judge);
        if (r == 0)
                r = judge_resume_erasures(judge);
        return r > 0 ? -ENOSPC : r;
}

static void step(Judge *judge) {
        Leadd *leadd = judge->leadd;
        Work *work;

        judge_arm(judge);
        if (store_next_event(judge->store) != judge->poked_event) {
                judge->poked_event = store_next_event(judge->store);
                leadd_poke_reporter(leadd);
        }
        atomic_store(&leadd->judge_busy, 0);
        work = queue_pop(leadd->to_judge, 0);
        if (!work && judge_pass_runs(judge)) {
                judge_pass_slice(judge);
                return;
        }
        if (!work && judge_passes_on(judge)) {
                judge_pass_on_slice(judge);
                return;
        }
        if (!work && judge_offers(judge)) {
                judge_offer_slice(judge);
                return;
        }
        if (!work) {
                /* Nothing waits: the moment to mark settled files, to write who has looked at what, and to bring the log into the database.
                 */
                if (judge->n_settled > 0 || store_looks(judge->store) > 0) {
                        int r = judge_works(judge, NULL, 0, false);
                        if (r != 0 && r != STORE_E_FULL) {
                                (void) judge_give_up(judge, r, "the ledger");
                                return;
                        }
                        if (r == 0) {
                                judge->n_settled = 0;
                                judge_note_room(judge);
                        } else
                                judge_note_full(judge);
                }
                judge_empty_log(judge);
                (void) store_checkpoint(judge->store, true);
                if (judge->spool_empty && judge->n_settled == 0 && notify_n_in_flight(judge->notify) == 0 && !judge_erases(judge))
                        return; /* --once: this was the last there is to do */
                work = queue_pop(leadd->to_judge, judge->disk_full                            ? FULL_WAIT_US
                                                  : judge->log_is_full || judge->sweep_us > 0 ? US_PER_SECOND
                                                                                              : -1);
        }
        if (!work) {
                if (judge->disk_full)
                        (void) judge_deliver(judge);
                return;
        }
        atomic_store(&leadd->judge_busy, leadd_monotonic_us());
        if (work->kind == WORK_SETTLED) {
                add_settled(judge, work->ledger, work->aside);
                free(work);
        } else if (is_call(work))
                judge_take_call(judge, work);
        else if (judge->leaving)
                leave_works(judge, &work, 1);
        else {
                (void) run_transaction(judge, work);
                if (!judge->broken)
                        (void) judge_deliver(judge);
        }
        /* However much is to be done, the new rules reach the leads as well, and held leads and those of who is away reach others. */
        if (!judge->broken && !judge->leaving && judge_passes_on(judge))
                judge_pass_on_slice(judge);
        if (!judge->broken && !judge->leaving && judge_offers(judge))
                judge_offer_slice(judge);
        if (!judge->broken && !judge->leaving && judge_pass_runs(judge))
                judge_pass_slice(judge);
        else if (!judge->broken)
                (void) store_checkpoint(judge->store, false);
}

void *judge_run(void *userdata) {
        Judge judge = { .leadd = userdata, .slice_leads = PASS_LEADS_FIRST, .n_tests = SIZE_MAX };
        Leadd *leadd = userdata;
        int r = start(&judge);

        if (r < 0)
                (void) judge_give_up(&judge, r, "starting");
        else {
                say_ready(&judge);
                leadd_tell(leadd, NEWS_DONE, NULL, NULL, 0);
                judge_start_offers(&judge);
                /* A virtual clock has no timer that would bring the rest. */
                (void) judge_fire_due(&judge, clock_is_virtual(leadd->clock), NULL);
                if (!leadd->options.once)
                        judge_try_running(&judge);
        }
        while (!judge.broken) {
                step(&judge);
                if (judge.spool_empty && judge.n_settled == 0 && queue_size(leadd->to_judge) == 0 && !judge_pass_runs(&judge) &&
                        !judge_passes_on(&judge) && !judge_offers(&judge)) {
                        if (!judge_holds_timers(&judge))
                                (void) judge_fire_due(&judge, true, NULL);
                        if (notify_n_in_flight(judge.notify) == 0 && !judge_erases(&judge))
                                break;
                }
                if (atomic_load(&leadd->stopping) && queue_size(leadd->to_judge) == 0)
                        break;
        }
        atomic_store(&leadd->judge_busy, 0);
        /* Nobody takes from it any more: a reader that waits for room would wait for ever, and the end waits for the reader. */
        queue_close(leadd->to_judge);
        judge_end_reloads(&judge);
        judge_end_erasures(&judge);
        if (!judge.broken && (judge.n_settled > 0 || store_looks(judge.store) > 0))
                (void) judge_works(&judge, NULL, 0, false);
        leadd_tell(leadd, NEWS_FAILED, NULL, NULL, judge.broken ? -EIO : 0);
        free(leadd->rules_problem);
        leadd->rules_problem = NULL;
        leadd->rules = policy_free(leadd->rules);
        if (judge.in_flight)
                (void) munmap(judge.in_flight, sizeof *judge.in_flight);
        free(judge.lines);
        free(judge.watch_items);
        free(judge.settled);
        free(judge.settled_aside);
        judge_end_offers(&judge);
        judge_names_done(&judge.absent);
        judge_names_done(&judge.going);
        arena_free(judge.lines_arena);
        gate_free(judge.gate);
        notify_free(judge.notify);
        return NULL;
}
