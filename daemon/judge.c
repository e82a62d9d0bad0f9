/* SPDX-License-Identifier: MIT */
/*
 * judge: the thread that decides and writes. Owns the rule set, the only writing
 * connection and the timers. Batches of the spool share transactions; calls of people
 * and due timers go in between. What people and the journal are told, they are told
 * after the commit. A full disk stops intake and nothing else; any other failure to
 * commit ends the process, because nobody knows what a second fsync would hide.
 */
#include "leadd.h"
#include "leadd/messages.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

/* Which record is being judged, in a small mapped file beside the database: survives the death of the process, so that what killed the
 * daemon three times is set aside. Never synced: after a power cut nobody is to blame. */
typedef struct InFlight {
        uint64_t inode, size, index;
        int64_t mtime_us;
        uint32_t attempts; /* 0 = nothing is in flight */
} InFlight;

/* One line for the journal, kept until the commit. */
typedef struct Line {
        LogLevel level;
        const char *message_id;
        LogField fields[7];
        size_t n_fields;
        const char *text;
} Line;

#define FULL_WAIT_US (5 * US_PER_SECOND)           /* between two attempts of timers and outbox on a full disk */
#define FIRE_SLICE_US (200 * US_PER_SECOND / 1000) /* timers fire at most so long while people and files wait */

#define FREED_TEAMS_MAX 32 /* teams remembered until their held leads are offered */
#define FREED_NAME_MAX 128
#define OFFERS_MAX 16 /* held leads offered in one transaction */

typedef struct Judge {
        Leadd *leadd;
        Store *store;
        Gate *gate;
        Notify *notify;
        ControlDesk desk;
        Arena *lines_arena;
        Line *lines;
        size_t n_lines, lines_capacity;
        json_t **watch_items;
        size_t n_watch_items;
        uint64_t *settled; /* ledger ids whose files are gone: marked in the next transaction */
        bool *settled_aside;
        size_t n_settled, settled_capacity;
        InFlight *in_flight;
        InFlight suspect;      /* what was in flight when the daemon died */
        int64_t hold_until_us; /* monotonic: the clock jumped, timers wait */
        int64_t full_until_us; /* monotonic: the disk was full, timers and outbox wait before they try again */
        uint64_t n_rejected_rules;
        bool disk_full, spool_empty, broken;
        bool leaving; /* stopping: a batch was left uncommitted, so nothing behind it may be committed either */
        char freed[FREED_TEAMS_MAX][FREED_NAME_MAX]; /* teams whose members have room for another lead */
        size_t n_freed;
} Judge;

/* ---- the journal, after the commit ---- */

static const char *lead_text(Judge *judge, uint64_t lead) { return arena_printf(judge->lines_arena, "L-%" PRIu64, lead); }

static void add_line(Judge *judge, Line line) {
        if (judge->n_lines == judge->lines_capacity) {
                size_t capacity = judge->lines_capacity ? judge->lines_capacity * 2 : 64;
                Line *grown = realloc(judge->lines, capacity * sizeof *grown);
                if (!grown)
                        return; /* a line of the journal is not worth a lead */
                judge->lines = grown;
                judge->lines_capacity = capacity;
        }
        if (line.text)
                judge->lines[judge->n_lines++] = line;
}

/* Remembers that a team has room again; a name too long to keep is found by its leads' own looks. */
static void add_freed(Judge *judge, const char *team) {
        for (size_t i = 0; i < judge->n_freed; i++)
                if (base_streq(judge->freed[i], team))
                        return;
        if (judge->n_freed < FREED_TEAMS_MAX && strlen(team) < FREED_NAME_MAX)
                (void) snprintf(judge->freed[judge->n_freed++], FREED_NAME_MAX, "%s", team);
}

static void add_decision_lines(Judge *judge, const GateOutcome *outcome, bool bulk) {
        const Decision *decision = outcome->decision;
        LogLevel level = bulk ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
        Arena *arena = judge->lines_arena;
        const char *hash = judge->leadd->rules->hash_text;

        if (decision->freed_team)
                add_freed(judge, decision->freed_team);
        for (size_t i = 0; i < decision->receipts.n_items; i++) {
                const Receipt *receipt = &decision->receipts.items[i];
                if (!receipt->failed)
                        continue;
                judge->n_rejected_rules++;
                Line line = { .level = LOG_LEVEL_WARNING, .message_id = MESSAGE_RULE_FAILED, .n_fields = 3 };
                line.fields[0] = (LogField){ "LEAD_ID", lead_text(judge, outcome->lead) };
                line.fields[1] = (LogField){ "LEAD_RULE", arena_strdup(arena, receipt->rule->name) };
                line.fields[2] = (LogField){ "LEAD_RULESET", arena_strdup(arena, hash) };
                line.text = arena_printf(arena, "L-%" PRIu64 ": the rule %s (%s:%d) failed: %s", outcome->lead, receipt->rule->name,
                        receipt->rule->file, receipt->rule->line, receipt->note ? receipt->note : "");
                add_line(judge, line);
        }
        if (level > log_max_level())
                return;
        for (size_t i = 0; i < decision->n_moves; i++) {
                const MoveMade *move = &decision->moves[i];
                Line line = { .level = level, .message_id = MESSAGE_MOVED, .n_fields = 6 };
                line.fields[0] = (LogField){ "LEAD_ID", lead_text(judge, outcome->lead) };
                line.fields[1] = (LogField){ "LEAD_FROM", arena_strdup(arena, move->from) };
                line.fields[2] = (LogField){ "LEAD_TO", arena_strdup(arena, move->to) };
                line.fields[3] = (LogField){ "LEAD_RULE", arena_strdup(arena, move->move) };
                line.fields[4] = (LogField){ "LEAD_RULESET", arena_strdup(arena, hash) };
                line.fields[5] = (LogField){ "LEAD_OWNER", decision->after.owner ? arena_strdup(arena, decision->after.owner) : NULL };
                line.text = arena_printf(
                        arena, "L-%" PRIu64 ": %s -> %s (%s by %s)", outcome->lead, move->from, move->to, move->move, move->by);
                add_line(judge, line);
        }
        bool in_journal = false; /* a channel of the rules says it there already */
        for (size_t i = 0; i < decision->n_effects; i++)
                in_journal |= decision->effects[i].kind == EFFECT_REMINDED && decision->effects[i].via == VIA_JOURNAL;
        if (decision->reminded_roles && !in_journal) {
                Line line = { .level = level, .message_id = MESSAGE_REMINDED, .n_fields = 4 };
                line.fields[0] = (LogField){ "LEAD_ID", lead_text(judge, outcome->lead) };
                line.fields[1] = (LogField){ "LEAD_OWNER", decision->after.owner ? arena_strdup(arena, decision->after.owner) : NULL };
                line.fields[2] = (LogField){ "LEAD_RULE", arena_strdup(arena, decision->effects[0].rule) };
                line.fields[3] = (LogField){ "LEAD_RULESET", arena_strdup(arena, hash) };
                line.text = arena_printf(
                        arena, "L-%" PRIu64 ": %s reminds %s", outcome->lead, decision->effects[0].rule, decision->reminded_roles);
                add_line(judge, line);
        }
        if (decision->assignment.changed && decision->assignment.owner) {
                Line line = { .level = level, .message_id = MESSAGE_ASSIGNED, .n_fields = 4 };
                line.fields[0] = (LogField){ "LEAD_ID", lead_text(judge, outcome->lead) };
                line.fields[1] = (LogField){ "LEAD_OWNER", arena_strdup(arena, decision->assignment.owner) };
                line.fields[2] = (LogField){ "LEAD_RULE", arena_strdup(arena, decision->assignment.route) };
                line.fields[3] = (LogField){ "LEAD_RULESET", arena_strdup(arena, hash) };
                line.text = arena_printf(
                        arena, "L-%" PRIu64 ": handed to %s (%s)", outcome->lead, decision->assignment.owner, decision->assignment.route);
                add_line(judge, line);
        }
}

static void add_refusal_line(Judge *judge, const GateOutcome *outcome, const char *event) {
        Line line = { .level = LOG_LEVEL_NOTICE, .message_id = MESSAGE_REFUSED, .n_fields = 2 };

        line.fields[0] = (LogField){ "LEAD_ID", outcome->lead ? lead_text(judge, outcome->lead) : NULL };
        line.fields[1] = (LogField){ "LEAD_REASON", arena_strdup(judge->lines_arena, outcome->decision->refusal_code) };
        line.text = arena_printf(judge->lines_arena, "%s%s\"%s\" was refused: %s", outcome->lead ? lead_text(judge, outcome->lead) : "",
                outcome->lead ? ": " : "", event, outcome->decision->refusal_code);
        add_line(judge, line);
}

static void add_file_line(Judge *judge, const Ticket *ticket) {
        const LedgerEntry *ledger = &ticket->ledger;
        Line line = {
                .level = LOG_LEVEL_INFO, .message_id = ticket->aside_reason ? MESSAGE_FILE_ASIDE : MESSAGE_FILE_FINISHED, .n_fields = 3
        };

        line.fields[0] = (LogField){ "LEAD_FILE", arena_printf(judge->lines_arena, "%" PRIu64, ledger->id) };
        line.fields[1] = (LogField){ "LEAD_SOURCE", arena_strdup(judge->lines_arena, ticket->identity.source) };
        line.fields[2] = (LogField){ "LEAD_REASON", ticket->aside_reason ? arena_strdup(judge->lines_arena, ticket->aside_reason) : NULL };
        if (ticket->aside_reason || ledger->n_refused > 0)
                line.level = LOG_LEVEL_WARNING;
        line.text = arena_printf(judge->lines_arena,
                "file %" PRIu64 " of %s: %" PRIu64 " accepted, %" PRIu64 " duplicates, %" PRIu64 " refused, %" PRIu64 " dropped%s%s",
                ledger->id, ticket->identity.source, ledger->n_accepted, ledger->n_duplicates, ledger->n_refused, ledger->n_dropped,
                ticket->aside_reason ? "; set aside: " : "", ticket->aside_reason ? ticket->aside_reason : "");
        add_line(judge, line);
}

static void add_watch_item(Judge *judge, const Record *record, const GateOutcome *outcome, int64_t now_us) {
        if (!atomic_load(&judge->leadd->watched))
                return;
        json_t **grown = realloc(judge->watch_items, (judge->n_watch_items + 1) * sizeof *grown);
        if (!grown)
                return;
        judge->watch_items = grown;
        judge->watch_items[judge->n_watch_items] = control_watch_item(record, outcome->decision, outcome->event, outcome->lead, now_us);
        if (judge->watch_items[judge->n_watch_items])
                judge->n_watch_items++;
}

static void tell_after_commit(Judge *judge) {
        for (size_t i = 0; i < judge->n_lines; i++) {
                const Line *line = &judge->lines[i];
                log_event(line->level, line->message_id, line->fields, line->n_fields, "%s", line->text);
        }
        for (size_t i = 0; i < judge->n_watch_items; i++)
                leadd_tell(judge->leadd, NEWS_WATCH, NULL, judge->watch_items[i], 0);
        judge->n_lines = judge->n_watch_items = 0;
        arena_reset(judge->lines_arena);
}

static void forget_lines(Judge *judge) {
        for (size_t i = 0; i < judge->n_watch_items; i++)
                json_decref(judge->watch_items[i]);
        judge->n_lines = judge->n_watch_items = 0;
        arena_reset(judge->lines_arena);
}

/* ---- failing ---- */

/* Our machinery broke: no later answer could be trusted. */
static int give_up(Judge *judge, int error, const char *what) {
        if (!judge->broken)
                log_error("%s failed: %s; leadd ends here, and starts again from what is committed", what,
                        strerror(error < 0 ? -error : EIO));
        judge->broken = true;
        return error < 0 ? error : -EIO;
}

static void note_full(Judge *judge) {
        if (!judge->disk_full)
                log_event(LOG_LEVEL_ERROR, MESSAGE_DISK_FULL, NULL, 0, "the disk is full: intake waits, nothing is lost, answers go on");
        judge->disk_full = true;
        judge->full_until_us = leadd_monotonic_us() + FULL_WAIT_US;
}

static void note_room(Judge *judge) {
        if (judge->disk_full)
                log_notice("there is room on the disk again: intake goes on");
        judge->disk_full = false;
}

static bool waits_for_room(const Judge *judge) { return judge->disk_full && leadd_monotonic_us() < judge->full_until_us; }

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
        if (outcome.duplicate) {
                ticket->ledger.n_duplicates++;
                if (ticket->call)
                        add_result(ticket, json_pack("{s:I, s:s, s:I}", "index", (json_int_t) item->index, "result", "duplicate", "event",
                                                   (json_int_t) outcome.event));
                return 0;
        }
        if (outcome.decision->refused) {
                add_refusal_line(judge, &outcome, item->record->type);
                return reject_record(judge, ticket, item->index, item->record, outcome.decision);
        }
        ticket->ledger.n_accepted++;
        if (ticket->call)
                add_result(ticket,
                        json_pack("{s:I, s:s, s:o?, s:I, s:s, s:s?}", "index", (json_int_t) item->index, "result", "accepted", "lead",
                                outcome.lead ? json_sprintf("L-%" PRIu64, outcome.lead) : NULL, "event", (json_int_t) outcome.event,
                                "status", outcome.decision->after.status ? outcome.decision->after.status : "", "summary",
                                outcome.decision->summary));
        add_decision_lines(judge, &outcome, bulk);
        add_watch_item(judge, item->record, &outcome, input.now_us);
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
                add_file_line(judge, ticket);
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
        return work->kind == WORK_CALL || work->kind == WORK_TICK || work->kind == WORK_RELOAD || work->kind == WORK_EMPTY;
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

static void take_other(Judge *judge, Work *work);

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
                forget_lines(judge);
                for (size_t i = 0; i < n_works; i++) {
                        Ticket *ticket = works[i]->ticket;
                        ticket->ledger = ticket->committed;
                        ticket->is_open = ticket->was_open;
                        json_decref(ticket->results);
                        ticket->results = NULL;
                }
                if (r != STORE_E_FULL) {
                        leave_works(judge, works, n_works);
                        return give_up(judge, r, "writing to the database");
                }
                note_full(judge);
                atomic_store(&judge->leadd->judge_busy, 0);
                /* People are answered meanwhile; the batch, and the reader behind it, wait. */
                Work *work = other ? other : queue_pop_urgent(judge->leadd->to_judge, US_PER_SECOND);
                other = NULL;
                if (work)
                        take_other(judge, work);
                if (judge->broken || atomic_load(&judge->leadd->stopping)) {
                        leave_works(judge, works, n_works);
                        judge->leaving = true;
                        return 0;
                }
        }
        note_room(judge);
        judge->n_settled = 0;
        if (LEADD_BROKEN("no_ledger") || LEADD_BROKEN("unlink_first"))
                (void) usleep(20 * 1000);
        tell_after_commit(judge);
        for (size_t i = 0; i < n_works; i++)
                finish_work(judge, works[i]);
        if (other)
                take_other(judge, other);
        return 0;
}

/* ---- timers ---- */

static int fire_one(Judge *judge, uint64_t lead, int64_t due_us, int64_t now_us, bool *ret_held) {
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
        const GateInput input = { .record = record, .lead = lead, .actor = "system:leadd", .actor_is_operator = true, .now_us = now_us };
        r = gate_judge(judge->gate, &input, &outcome);
        if (r != 0)
                return r;
        /* A firing that is in the log cannot be armed still: the database contradicts itself, and firing on would never end. */
        if (outcome.duplicate || outcome.decision->refused)
                return -EUCLEAN;
        if (ret_held)
                *ret_held = outcome.decision->after.held.by != NULL;
        add_decision_lines(judge, &outcome, false);
        add_watch_item(judge, record, &outcome, now_us);
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
        for (size_t i = 0; i < n && r == 0; i++)
                r = fire_one(judge, leads[i], dues_us[i], now_us, NULL);
        if (r == 0)
                r = store_commit(judge->store);
        else
                (void) store_rollback(judge->store);
        if (r != 0) {
                forget_lines(judge);
                return r;
        }
        note_room(judge);
        tell_after_commit(judge);
        *ret_n = n;
        return 0;
}

/* Offers the held leads of one team, the longest known first, until two in a row find nobody: the first may need a skill that the one who
 * has room lacks. */
static int offer_held_of(Judge *judge, const char *team) {
        uint64_t leads[OFFERS_MAX];
        size_t n = 0, n_held = 0, i = 0;
        int64_t now_us = clock_now_us(judge->leadd->clock);
        int r = store_held_in(judge->store, team, OFFERS_MAX, leads, &n);

        if (r != 0 || n == 0)
                return r;
        r = store_begin(judge->store);
        for (; i < n && n_held < 2 && r == 0; i++) {
                bool held = false;
                r = fire_one(judge, leads[i], now_us, now_us, &held);
                n_held = held ? n_held + 1 : 0;
        }
        if (r == 0)
                r = store_commit(judge->store);
        else
                (void) store_rollback(judge->store);
        if (r != 0) {
                forget_lines(judge);
                return r;
        }
        tell_after_commit(judge);
        if (i == n && n == OFFERS_MAX && n_held == 0)
                add_freed(judge, team); /* there was room for all of these: there may be more of both */
        return 0;
}

static int offer_held(Judge *judge) {
        while (judge->n_freed > 0 && !atomic_load(&judge->leadd->stopping)) {
                char team[FREED_NAME_MAX];
                (void) snprintf(team, sizeof team, "%s", judge->freed[--judge->n_freed]);
                int r = offer_held_of(judge, team);
                if (r != 0)
                        return r;
        }
        return 0;
}

/* What a commit makes possible: held leads are offered, the outbox is delivered. 0, STORE_E_FULL (tried again later), or < 0: the judge is
 * broken. */
static int deliver(Judge *judge) {
        size_t n;

        if (waits_for_room(judge))
                return STORE_E_FULL; /* what was delivered and could not be marked is told again with each attempt */
        int offered = offer_held(judge);
        if (offered == STORE_E_FULL) {
                note_full(judge);
                return offered;
        }
        if (offered != 0)
                return give_up(judge, offered, "offering held leads");
        do {
                int r = notify_run(judge->notify, judge->store, clock_now_us(judge->leadd->clock), &n);
                if (r == STORE_E_FULL) {
                        note_full(judge);
                        return r;
                }
                if (r != 0)
                        return give_up(judge, r, "the outbox");
                if (n > 0)
                        note_room(judge);
        } while (n == NOTIFY_BATCH_MAX);
        return 0;
}

/* Everything due at the clock's now, in order; without `all` for a moment only: arm() brings the rest, after those who wait. The outcomes
 * of deliver. */
static int fire_due(Judge *judge, bool all, uint64_t *ret_n) {
        int64_t start_us = leadd_monotonic_us(), mono_us;
        size_t n;

        if (waits_for_room(judge))
                return STORE_E_FULL;
        do {
                int r = fire_batch(judge, clock_now_us(judge->leadd->clock), &n);
                if (r == STORE_E_FULL) {
                        note_full(judge);
                        return r;
                }
                if (r != 0)
                        return give_up(judge, r, "a timer");
                if (ret_n)
                        *ret_n += n;
                mono_us = leadd_monotonic_us();
                atomic_store(&judge->leadd->judge_busy, mono_us);
        } while (n > 0 && (all || mono_us - start_us < FIRE_SLICE_US) && !atomic_load(&judge->leadd->stopping));
        return deliver(judge);
}

static int on_advance(void *userdata, int64_t time_us, uint64_t *ret_n_fired) {
        Judge *judge = userdata;
        Clock *clock = judge->leadd->clock;
        int r;

        *ret_n_fired = 0;
        if (!clock_is_virtual(clock))
                return -EPERM;
        if (time_us < clock_now_us(clock))
                return -EINVAL;
        for (;;) {
                int64_t next_us = store_wake_next(judge->store), outbox_us = store_outbox_next(judge->store);
                if (outbox_us != TIME_NONE && (next_us == TIME_NONE || outbox_us < next_us))
                        next_us = outbox_us;
                if (next_us == TIME_NONE || next_us > time_us)
                        break;
                if (next_us > clock_now_us(clock)) {
                        r = clock_set_us(clock, next_us);
                        if (r < 0)
                                return r;
                }
                r = fire_due(judge, true, ret_n_fired);
                if (r != 0)
                        return r < 0 ? r : -ENOSPC;
                if (atomic_load(&judge->leadd->stopping))
                        return -ECANCELED;
        }
        return clock_set_us(clock, time_us);
}

static void on_tick(Judge *judge) {
        int64_t jump_us = clock_is_virtual(judge->leadd->clock) ? 0 : followup_jump_us(judge->leadd->followup);
        int64_t mono_us = leadd_monotonic_us();

        if (jump_us > FOLLOWUP_JUMP_US || jump_us < -FOLLOWUP_JUMP_US) {
                log_event(LOG_LEVEL_WARNING, MESSAGE_CLOCK_JUMPED, NULL, 0, "the machine's clock was set %s by %" PRId64 " s%s",
                        jump_us > 0 ? "forward" : "back", (jump_us > 0 ? jump_us : -jump_us) / US_PER_SECOND,
                        jump_us > 0 ? ": what became due by it waits 10 minutes" : "");
                if (jump_us > 0)
                        judge->hold_until_us = mono_us + FOLLOWUP_HOLD_US;
        }
        if (mono_us < judge->hold_until_us)
                return;
        (void) fire_due(judge, false, NULL);
}

/* The one timer: the earliest of all that is armed. */
static void arm(Judge *judge) {
        int64_t next_us = store_wake_next(judge->store), outbox_us = store_outbox_next(judge->store);
        int64_t mono_us = leadd_monotonic_us();

        if (outbox_us != TIME_NONE && (next_us == TIME_NONE || outbox_us < next_us))
                next_us = outbox_us;
        if (mono_us < judge->hold_until_us)
                next_us = clock_now_us(judge->leadd->clock) + (judge->hold_until_us - mono_us);
        if (next_us != TIME_NONE && waits_for_room(judge)) {
                int64_t again_us = clock_now_us(judge->leadd->clock) + (judge->full_until_us - mono_us);
                next_us = again_us > next_us ? again_us : next_us;
        }
        int r = followup_arm(judge->leadd->followup, next_us);
        if (r < 0)
                (void) give_up(judge, r, "the timer");
}

/* ---- rules ---- */

static void set_problem(Leadd *leadd, const PolicyReport *report) {
        Text text = { 0 };

        free(leadd->rules_problem);
        leadd->rules_problem = NULL;
        if (report && policy_report_format(report, &text) >= 0 && !text.error && text.data) {
                leadd->rules_problem = text.data;
                return;
        }
        text_free(&text);
        if (report)
                leadd->rules_problem = strdup("the rules do not load");
}

static int send_archive(Leadd *leadd) {
        const void *data;
        size_t size;
        int r = policy_archive(leadd->rules, &data, &size);
        Order *order = order_new(ORDER_RULES);

        if (r < 0 || !order) {
                free(order);
                return r < 0 ? r : -ENOMEM;
        }
        order->archive = malloc(size ? size : 1);
        if (!order->archive) {
                free(order);
                return -ENOMEM;
        }
        memcpy(order->archive, data, size);
        order->archive_size = size;
        if (!queue_push(leadd->to_reader, order)) {
                free(order->archive);
                free(order);
        }
        return 0;
}

/* Makes a loaded rule set the running one, between two events. */
static int activate(Judge *judge, RuleSet *rules) {
        Leadd *leadd = judge->leadd;
        bool same = leadd->rules && rules != leadd->rules && base_streq(leadd->rules->hash_text, rules->hash_text);
        int64_t now_us = clock_now_us(leadd->clock);
        const void *last;
        size_t last_size;
        int r;

        /* The set of the last run, unchanged: no event of the log, only the store has to know it again. */
        if (rules == leadd->rules && store_rules_last(judge->store, &last, &last_size) == 0) {
                const void *data;
                size_t size;
                same = policy_archive(rules, &data, &size) == 0 && size == last_size && memcmp(data, last, size) == 0;
        }
        r = store_begin(judge->store);
        if (r != 0)
                return r;
        gate_set_rules(judge->gate, rules);
        r = store_rules_activate(judge->store, rules, now_us);
        RuleSet *before = leadd->rules;
        leadd->rules = rules;
        if (r == 0 && !same)
                r = gate_log_rules(judge->gate, now_us);
        if (r == 0)
                r = store_commit(judge->store);
        else
                (void) store_rollback(judge->store);
        if (r != 0) {
                leadd->rules = before;
                gate_set_rules(judge->gate, before);
                return r;
        }
        judge->desk.rules = rules;
        if (before != rules)
                policy_free(before);
        return send_archive(leadd);
}

typedef struct HeldList {
        uint64_t *leads;
        size_t n, capacity;
} HeldList;

static int on_held(const ListRow *row, void *userdata) {
        HeldList *list = userdata;

        if (list->n == list->capacity) {
                size_t capacity = list->capacity ? list->capacity * 2 : 64;
                uint64_t *grown = realloc(list->leads, capacity * sizeof *grown);
                if (!grown)
                        return 1;
                list->leads = grown;
                list->capacity = capacity;
        }
        list->leads[list->n++] = row->state.id;
        return 0;
}

#define HELD_LOOKED_AT_MAX 100000 /* held leads judged again after a reload */

/* Held leads are judged again: their cause may have gone with the old rules. */
static int look_at_held(Judge *judge) {
        _cleanup_(base_freep) uint64_t *leads = NULL;
        HeldList list = { 0 };
        const ListFilter filter = { .held = true, .limit = HELD_LOOKED_AT_MAX };
        int64_t now_us = clock_now_us(judge->leadd->clock);
        int r = store_list(judge->store, &filter, on_held, &list);

        leads = list.leads;
        for (size_t i = 0; i < list.n && r == 0;) {
                r = store_begin(judge->store);
                for (size_t n = 0; n < FOLLOWUP_BATCH_MAX && i < list.n && r == 0; n++, i++)
                        r = fire_one(judge, list.leads[i], now_us, now_us, NULL);
                if (r == 0)
                        r = store_commit(judge->store);
                else
                        (void) store_rollback(judge->store);
                if (r == 0)
                        tell_after_commit(judge);
                atomic_store(&judge->leadd->judge_busy, leadd_monotonic_us());
        }
        forget_lines(judge);
        if (r == STORE_E_FULL)
                note_full(judge);
        return r == STORE_E_FULL ? 0 : r;
}

static json_t *problems_json(const PolicyReport *report) {
        json_t *problems = json_array();

        for (size_t i = 0; i < report->n_problems; i++) {
                const PolicyProblem *problem = &report->problems[i];
                (void) json_array_append_new(
                        problems, json_pack("{s:s, s:s, s:i, s:s}", "severity", problem->is_error ? "error" : "warning", "file",
                                          problem->file, "line", problem->line, "text", problem->text));
        }
        return problems;
}

static int on_reload(void *userdata, bool check_only, json_t **ret) {
        Judge *judge = userdata;
        Leadd *leadd = judge->leadd;
        RuleSet *rules = NULL;
        PolicyReport report = { 0 };
        int r = policy_load(leadd->options.rules, 0, &rules, &report);

        if (r < 0) {
                policy_report_done(&report);
                return r;
        }
        if (ret)
                *ret = json_pack("{s:b, s:s, s:o}", "loaded", r == 0, "hash", r == 0 ? rules->hash_text : leadd->rules->hash_text,
                        "problems", problems_json(&report));
        if (check_only) {
                policy_free(rules);
                policy_report_done(&report);
                return 0;
        }
        if (r != 0) {
                set_problem(leadd, &report);
                const LogField fields[] = { { "LEAD_RULESET", leadd->rules->hash_text } };
                for (size_t i = 0; i < report.n_problems; i++)
                        if (report.problems[i].is_error)
                                log_event(LOG_LEVEL_ERROR, MESSAGE_RULES_REFUSED, fields, 1,
                                        "rules refused, the running ones stay: %s:%d: %s", report.problems[i].file, report.problems[i].line,
                                        report.problems[i].text);
                policy_report_done(&report);
                return 0;
        }
        policy_report_done(&report);
        char before[2 * DIGEST_SIZE + 1];
        (void) snprintf(before, sizeof before, "%s", leadd->rules->hash_text);
        r = activate(judge, rules);
        if (r != 0) {
                policy_free(rules);
                if (r == STORE_E_FULL) {
                        if (ret) {
                                json_decref(*ret);
                                *ret = json_pack("{s:b, s:s, s:[{s:s, s:s, s:i, s:s}]}", "loaded", 0, "hash", before, "problems",
                                        "severity", "error", "file", "", "line", 0, "text", "the disk is full: the running rules stay");
                        }
                        return 0;
                }
                return give_up(judge, r, "activating the rules");
        }
        set_problem(leadd, NULL);
        const LogField fields[] = { { "LEAD_RULESET", rules->hash_text } };
        log_event(LOG_LEVEL_NOTICE, MESSAGE_RULES_LOADED, fields, 1, "rules loaded: %zu rules, %.12s (before: %.12s)", rules->n_rules,
                rules->hash_text, before);
        r = look_at_held(judge);
        return r == 0 ? 0 : give_up(judge, r, "looking at held leads");
}

int judge_boot_rules(Leadd *leadd) {
        PolicyReport report = { 0 };
        Text text = { 0 };
        const void *archive;
        size_t size;
        int r = policy_load(leadd->options.rules, 0, &leadd->rules, &report);

        if (r == 0) {
                policy_report_done(&report);
                return 0;
        }
        if (r < 0) {
                log_error("%s: %s", leadd->options.rules, strerror(-r));
                (void) policy_report_format(&report, &text);
                set_problem(leadd, &report);
        } else {
                set_problem(leadd, &report);
                for (size_t i = 0; i < report.n_problems; i++)
                        if (report.problems[i].is_error)
                                log_event(LOG_LEVEL_ERROR, MESSAGE_RULES_REFUSED, NULL, 0, "%s:%d: %s", report.problems[i].file,
                                        report.problems[i].line, report.problems[i].text);
        }
        text_free(&text);
        policy_report_done(&report);
        if (store_rules_last(leadd->store, &archive, &size) != 0) {
                log_error("the rules in %s do not load, and no earlier set is known", leadd->options.rules);
                return 65;
        }
        PolicyReport old = { 0 };
        r = policy_load_archive(archive, size, &leadd->rules, &old);
        policy_report_done(&old);
        if (r != 0) {
                log_error("the rules in %s do not load, nor does the last good set", leadd->options.rules);
                return 65;
        }
        log_warning("the rules in %s do not load: going on under the last good set %.12s", leadd->options.rules, leadd->rules->hash_text);
        return 0;
}

/* ---- calls ---- */

static int on_judge(void *userdata, Record *record_taken, uint64_t lead, const char *actor, bool actor_is_operator, ControlJudged *ret) {
        _cleanup_(record_freep) Record *record = record_taken;
        Judge *judge = userdata;
        GateOutcome outcome;
        int64_t now_us = clock_now_us(judge->leadd->clock);
        int r;

        *ret = (ControlJudged){ 0 };
        r = store_begin(judge->store);
        if (r != 0)
                return r == STORE_E_FULL ? -ENOSPC : give_up(judge, r, "a transaction");
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
                        add_refusal_line(judge, &outcome, record->type);
                        tell_after_commit(judge);
                }
                (void) store_rollback(judge->store);
                return 0;
        }
        if (r == 0) {
                ret->event = outcome.event;
                ret->lead = outcome.lead;
                if (outcome.decision->summary)
                        (void) snprintf(ret->summary, sizeof ret->summary, "%s", outcome.decision->summary);
                add_decision_lines(judge, &outcome, false);
                add_watch_item(judge, record, &outcome, now_us);
                r = store_commit(judge->store);
        } else
                (void) store_rollback(judge->store);
        if (r != 0) {
                forget_lines(judge);
                return r == STORE_E_FULL ? -ENOSPC : give_up(judge, r, "a person's move");
        }
        note_room(judge);
        tell_after_commit(judge);
        r = deliver(judge);
        return r < 0 ? r : 0;
}

static int on_status(void *userdata, json_t *into) {
        Judge *judge = userdata;
        Leadd *leadd = judge->leadd;
        char now[TIME_TEXT_SIZE], started[TIME_TEXT_SIZE];
        int64_t next_us = store_wake_next(judge->store);
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
        return json_object_set_new(into, "rules",
                       json_pack("{s:s, s:s, s:b, s:I, s:s?}", "hash", leadd->rules->hash_text, "directory", leadd->options.rules,
                               "example", leadd->options.is_example, "n", (json_int_t) leadd->rules->n_rules, "problem",
                               leadd->rules_problem)) == 0
                       ? 0
                       : -ENOMEM;
}

static int on_retry(void *userdata, const char *name, json_t **ret) {
        Judge *judge = userdata;

        return retry_rejects(judge->leadd->options.spool, name, ret);
}

static void take_other(Judge *judge, Work *work) {
        atomic_store(&judge->leadd->judge_busy, leadd_monotonic_us());
        switch (work->kind) {
        case WORK_CALL:
                control_execute(&judge->desk, work->call);
                leadd_tell(judge->leadd, NEWS_REPLY, work->call, NULL, 0);
                break;
        case WORK_RELOAD:
                (void) on_reload(judge, false, NULL);
                leadd_tell(judge->leadd, NEWS_DONE, NULL, NULL, 0);
                break;
        case WORK_EMPTY:
                judge->spool_empty = true;
                break;
        case WORK_TICK:
                on_tick(judge);
                break;
        default:
                break;
        }
        free(work);
}

/* ---- the thread ---- */

static void say_ready(Leadd *leadd) {
        const LogField fields[] = { { "LEAD_RULESET", leadd->rules->hash_text } };

        log_event(LOG_LEVEL_NOTICE, MESSAGE_STARTED, fields, 1, "leadd %s is ready: %zu rules, set %.12s%s%s", LEADD_VERSION,
                leadd->rules->n_rules, leadd->rules->hash_text, leadd->options.is_example ? " (running the example policy)" : "",
                leadd->rules_problem ? "; the rules on disk do not load" : "");
        (void) sd_notifyf(
                0, "READY=1\nSTATUS=%s", leadd->rules_problem ? "running the last good rules: those on disk do not load" : "judging");
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
        r = notify_new(leadd->options.spool, &judge->notify);
        if (r < 0)
                return r;
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
                .judge = on_judge,
                .reload = on_reload,
                .advance = on_advance,
                .status = on_status,
                .retry = on_retry,
        };
        r = activate(judge, leadd->rules);
        return r > 0 ? -ENOSPC : r;
}

static void step(Judge *judge) {
        Leadd *leadd = judge->leadd;
        Work *work;

        arm(judge);
        atomic_store(&leadd->judge_busy, 0);
        work = queue_pop(leadd->to_judge, 0);
        if (!work) {
                /* Nothing waits: the moment to mark settled files and to bring the log into the database. */
                if (judge->n_settled > 0) {
                        int r = judge_works(judge, NULL, 0, false);
                        if (r != 0 && r != STORE_E_FULL) {
                                (void) give_up(judge, r, "the ledger");
                                return;
                        }
                        if (r == 0) {
                                judge->n_settled = 0;
                                note_room(judge);
                        } else
                                note_full(judge);
                }
                (void) store_checkpoint(judge->store, true);
                if (judge->spool_empty && judge->n_settled == 0)
                        return; /* --once: this was the last there is to do */
                work = queue_pop(leadd->to_judge, judge->disk_full ? FULL_WAIT_US : -1);
        }
        if (!work) {
                if (judge->disk_full)
                        (void) deliver(judge);
                return;
        }
        atomic_store(&leadd->judge_busy, leadd_monotonic_us());
        if (work->kind == WORK_SETTLED) {
                add_settled(judge, work->ledger, work->aside);
                free(work);
        } else if (is_call(work))
                take_other(judge, work);
        else if (judge->leaving)
                leave_works(judge, &work, 1);
        else {
                (void) run_transaction(judge, work);
                if (!judge->broken)
                        (void) deliver(judge);
        }
        if (!judge->broken)
                (void) store_checkpoint(judge->store, false);
}

void *judge_run(void *userdata) {
        Judge judge = { .leadd = userdata };
        Leadd *leadd = userdata;
        int r = start(&judge);

        if (r < 0)
                (void) give_up(&judge, r, "starting");
        else {
                say_ready(leadd);
                leadd_tell(leadd, NEWS_DONE, NULL, NULL, 0);
                /* A virtual clock has no timer that would bring the rest. */
                (void) fire_due(&judge, clock_is_virtual(leadd->clock), NULL);
        }
        while (!judge.broken) {
                step(&judge);
                if (judge.spool_empty && judge.n_settled == 0 && queue_size(leadd->to_judge) == 0) {
                        (void) fire_due(&judge, true, NULL);
                        break;
                }
                if (atomic_load(&leadd->stopping) && queue_size(leadd->to_judge) == 0)
                        break;
        }
        atomic_store(&leadd->judge_busy, 0);
        /* Nobody takes from it any more: a reader that waits for room would wait for ever, and the end waits for the reader. */
        queue_close(leadd->to_judge);
        if (!judge.broken && judge.n_settled > 0)
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
        arena_free(judge.lines_arena);
        gate_free(judge.gate);
        notify_free(judge.notify);
        return NULL;
}
