/* SPDX-License-Identifier: MIT */
/*
 * reader: the thread that reads, decompresses and parses the spool. Keeps several
 * files open and takes a chunk of each in turn, so that a million lines of one source
 * never make another source wait; settles files the judge has committed. Touches
 * neither database nor running rules: its adapters come from an archive of its own.
 */
#include "leadd.h"
#include "leadd/messages.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>

typedef struct Awaited {
        char *source, *name;
        ControlCall *call;
        struct Awaited *next;
} Awaited;

typedef struct Reader {
        Leadd *leadd;
        Spool *spool;
        Resume *resumes;
        size_t n_resumes;
        RuleSet *rules; /* for adapters and settings only */
        Adapter *adapters;
        Intake *intake;
        Ticket *open[LEADD_OPEN_MAX];
        size_t n_open, turn;
        size_t n_tickets;
        Awaited *awaited;
        Ticket **unsettled; /* committed, but their rejects could not be written: tried again */
        size_t n_unsettled;
        int64_t settle_us; /* monotonic: when */
        bool said_empty;
} Reader;

#define SETTLE_AGAIN_US (5 * US_PER_SECOND)

Ticket *ticket_free(Ticket *ticket) {
        if (ticket) {
                intake_reader_free(ticket->reader);
                free(ticket->aside_reason);
                free(ticket->aside_text);
                json_decref(ticket->results);
                text_free(&ticket->rejects);
                free(ticket);
        }
        return NULL;
}

static int use_archive(Reader *reader, const void *archive, size_t size) {
        _cleanup_(policy_freep) RuleSet *rules = NULL;
        _cleanup_(intake_freep) Intake *intake = NULL;
        _cleanup_(base_freep) Adapter *adapters = NULL;
        PolicyReport report = { 0 };
        int r;

        r = policy_load_archive(archive, size, &rules, &report);
        policy_report_done(&report);
        if (r != 0)
                return r < 0 ? r : -EINVAL;
        adapters = calloc(rules->n_adapters + 1, sizeof *adapters);
        if (!adapters)
                return -ENOMEM;
        for (size_t i = 0; i < rules->n_adapters; i++)
                adapters[i] = rules->adapters[i].adapter;
        const IntakeSettings settings = {
                .adapters = adapters,
                .n_adapters = rules->n_adapters,
                .phone_region = rules->settings->phone_region,
                .zone = rules->settings->zone,
                .secret = reader->leadd->secret,
                .may = policy_spool_may,
                .userdata = rules,
        };
        r = intake_new(&settings, &intake);
        if (r < 0)
                return r;
        /* Files that are open keep the settings they were opened with only as long as those live: read them anew from their place. */
        for (size_t i = 0; i < reader->n_open; i++)
                reader->open[i]->reader = intake_reader_free(reader->open[i]->reader);
        intake_free(reader->intake);
        free(reader->adapters);
        policy_free(reader->rules);
        reader->intake = TAKE(intake);
        reader->adapters = TAKE(adapters);
        reader->rules = TAKE(rules);
        return 0;
}

/* The file stays in the spool and is read again by the next start. */
static void leave(Reader *reader, Ticket *ticket) {
        if (ticket->call) {
                control_set_error(ticket->call, "org.leadd.Control.Stopping", NULL);
                leadd_tell(reader->leadd, NEWS_REPLY, TAKE(ticket->call), NULL, 0);
        }
        spool_release(reader->spool, ticket->file);
        ticket_free(ticket);
        reader->n_tickets--;
        atomic_fetch_sub(&reader->leadd->n_waiting, 1);
}

static void send(Reader *reader, Work *work) {
        atomic_store(&reader->leadd->reader_busy, 0); /* waiting for room is not being stuck */
        if (!queue_push(reader->leadd->to_judge, work)) {
                /* The judge has ended. A ticket whose last batch this is belongs to nobody else; the others are still open. */
                intake_batch_free(work->batch);
                if (work->ticket && work->last)
                        leave(reader, work->ticket);
                free(work);
        }
        atomic_store(&reader->leadd->reader_busy, leadd_monotonic_us());
}

static void fail(Reader *reader, int error, const char *what) {
        log_error("reading the spool failed (%s): %s", what, strerror(-error));
        leadd_tell(reader->leadd, NEWS_FAILED, NULL, NULL, error);
        atomic_store(&reader->leadd->stopping, true);
}

/* ---- orders ---- */

/* false: its rejects cannot be written now (a full disk), so it must stay as it is. */
static bool settle(Reader *reader, Ticket *ticket) {
        int r = 0;

        if (ticket->ledger.n_refused > 0)
                r = spool_write_rejects(
                        reader->spool, &ticket->identity, ticket->rejects.data ? ticket->rejects.data : "", ticket->rejects.size);
        if (r < 0) {
                if (reader->n_unsettled == 0)
                        log_error("rejects of file %" PRIu64 " could not be written, it stays in the spool until they can: %s",
                                ticket->ledger.id, strerror(-r));
                return false;
        }
        Work *work = work_new(WORK_SETTLED);
        if (work) {
                work->ledger = ticket->ledger.id;
                work->aside = ticket->aside_reason != NULL;
        }
        if (ticket->aside_reason)
                r = spool_set_aside(reader->spool, ticket->file, ticket->aside_reason, ticket->aside_text, ticket->ledger.attempts);
        else {
                ticket->file->never_keep |= ticket->ledger.purge || ticket->n_erasures != atomic_load(&reader->leadd->n_erasures);
                r = spool_finish(reader->spool, ticket->file);
        }
        if (r < 0) {
                /* Still there: the ledger goes on knowing it, so that finding it again only settles it. */
                log_error("file %" PRIu64 ", which is done, could not be removed from the spool: %s", ticket->ledger.id, strerror(-r));
                free(work);
                work = NULL;
        }
        ticket_free(ticket);
        reader->n_tickets--;
        atomic_fetch_sub(&reader->leadd->n_waiting, 1);
        if (work)
                send(reader, work);
        return true;
}

static void settle_or_keep(Reader *reader, Ticket *ticket) {
        if (settle(reader, ticket))
                return;
        if (!reader->unsettled) /* as many as there can be tickets */
                reader->unsettled = calloc(LEADD_TICKETS_MAX + 1, sizeof(Ticket *));
        if (!reader->unsettled) {
                fail(reader, -ENOMEM, "memory");
                leave(reader, ticket);
                return;
        }
        reader->unsettled[reader->n_unsettled++] = ticket;
        reader->settle_us = leadd_monotonic_us() + SETTLE_AGAIN_US;
}

static void settle_again(Reader *reader) {
        if (reader->n_unsettled == 0 || leadd_monotonic_us() < reader->settle_us)
                return;
        size_t n = reader->n_unsettled, n_kept = 0;
        for (size_t i = 0; i < n; i++)
                if (!settle(reader, reader->unsettled[i]))
                        reader->unsettled[n_kept++] = reader->unsettled[i];
        reader->n_unsettled = n_kept;
        reader->settle_us = leadd_monotonic_us() + SETTLE_AGAIN_US;
        if (n_kept == 0)
                log_notice("rejects could be written again");
}

static void submit(Reader *reader, ControlCall *call) {
        json_t *parameters = control_call_parameters(call);
        const char *source = json_string_value(json_object_get(parameters, "source"));
        const char *format = json_string_value(json_object_get(parameters, "format"));
        const json_t *wait = json_object_get(parameters, "wait");
        _cleanup_(base_closep) int fd = control_call_take_fd(call);
        _cleanup_(base_freep) char *name = NULL;
        struct stat st;
        int r;

        if (!source)
                source = "leadctl";
        if (!format)
                format = "json";
        /* Anything but a regular file could make this thread wait for a stranger. */
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
                control_set_error(call, "org.leadd.Control.SubmitRefused",
                        json_pack("{s:s, s:s}", "reason", "no_file", "text",
                                "submit passes the descriptor of one regular file (or a memfd)"));
                leadd_tell(reader->leadd, NEWS_REPLY, call, NULL, 0);
                return;
        }
        (void) lseek(fd, 0, SEEK_SET);
        r = spool_submit(reader->leadd->options.spool, source, format, fd, &name);
        if (r != 0) {
                const char *reason = r == SPOOL_E_NAME ? "wrong_name" : r == SPOOL_E_SIZE ? "too_large" : "not_written";
                const char *text = r == SPOOL_E_NAME   ? "not a source or format this spool has"
                                   : r == SPOOL_E_SIZE ? "empty, or larger than a spool file may be"
                                                       : strerror(-r);
                control_set_error(call, "org.leadd.Control.SubmitRefused", json_pack("{s:s, s:s}", "reason", reason, "text", text));
                leadd_tell(reader->leadd, NEWS_REPLY, call, NULL, 0);
                return;
        }
        if (wait && !json_is_true(wait)) {
                control_set_reply(call, json_pack("{s:o}", "name", json_sprintf("%s/%s", source, name)));
                leadd_tell(reader->leadd, NEWS_REPLY, call, NULL, 0);
                return;
        }
        Awaited *awaited = calloc(1, sizeof *awaited);
        if (awaited)
                *awaited = (Awaited){ .source = strdup(source), .name = TAKE(name), .call = call, .next = reader->awaited };
        if (!awaited || !awaited->source) {
                free(awaited);
                control_set_error(call, "org.leadd.Control.SubmitRefused",
                        json_pack("{s:s, s:s}", "reason", "memory", "text", "kept in the spool, but nobody can wait for it"));
                leadd_tell(reader->leadd, NEWS_REPLY, call, NULL, 0);
                return;
        }
        reader->awaited = awaited;
}

static ControlCall *take_awaited(Reader *reader, const SpoolIdentity *identity) {
        for (Awaited **at = &reader->awaited; *at; at = &(*at)->next) {
                Awaited *awaited = *at;
                if (!base_streq(awaited->source, identity->source) || !base_streq(awaited->name, identity->name))
                        continue;
                ControlCall *call = awaited->call;
                *at = awaited->next;
                free(awaited->source);
                free(awaited->name);
                free(awaited);
                return call;
        }
        return NULL;
}

static void on_alive(void *userdata) {
        Reader *reader = userdata;

        atomic_store(&reader->leadd->reader_busy, leadd_monotonic_us());
}

/* Here, because nothing else moves files meanwhile. */
static void sweep(Reader *reader, const Order *order) {
        Work *work = work_new(WORK_SWEPT);

        if (!work) {
                fail(reader, -ENOMEM, "memory");
                return;
        }
        work->ledger = order->id;
        if (LEADD_BROKEN("no_resume"))
                (void) usleep(50 * 1000);
        work->error = spool_forget(reader->leadd->options.spool, order->archive, order->archive_size, on_alive, reader, &work->found);
        send(reader, work);
}

static void obey(Reader *reader, Order *order) {
        int r;

        switch (order->kind) {
        case ORDER_SETTLE:
                settle_or_keep(reader, order->ticket);
                break;
        case ORDER_LEAVE:
                leave(reader, order->ticket);
                break;
        case ORDER_RULES:
                r = use_archive(reader, order->archive, order->archive_size);
                if (r < 0)
                        fail(reader, r, "adapters");
                break;
        case ORDER_SUBMIT:
                submit(reader, order->call);
                break;
        case ORDER_RESCAN:
                (void) spool_rescan(reader->spool);
                break;
        case ORDER_SWEEP:
                sweep(reader, order);
                break;
        }
        free(order->archive);
        free(order);
}

/* ---- files ---- */

static const Resume *find_resume(Reader *reader, const SpoolIdentity *identity) {
        for (size_t i = 0; i < reader->n_resumes; i++) {
                Resume *resume = &reader->resumes[i];
                if (!resume->used && resume->identity.inode == identity->inode && resume->identity.size == identity->size &&
                        resume->identity.mtime_us == identity->mtime_us && base_streq(resume->identity.source, identity->source) &&
                        base_streq(resume->identity.name, identity->name)) {
                        resume->used = true;
                        return resume;
                }
        }
        return NULL;
}

static void tell_notices(Reader *reader) {
        SpoolNotice *notice;

        while ((notice = spool_next_notice(reader->spool))) {
                const SpoolIdentity identity = { .source = notice->source, .name = notice->name };
                ControlCall *call = take_awaited(reader, &identity);
                if (call) {
                        control_set_error(call, "org.leadd.Control.SubmitRefused",
                                json_pack("{s:s, s:s}", "reason", notice->reason, "text", "the spool does not take this file"));
                        leadd_tell(reader->leadd, NEWS_REPLY, call, NULL, 0);
                }
                const LogField fields[] = { { "LEAD_SOURCE", notice->source }, { "LEAD_REASON", notice->reason } };
                log_event(LOG_LEVEL_WARNING, MESSAGE_FILE_ASIDE, fields, ARRAY_SIZE(fields), "an entry of source %s was %s: %s",
                        notice->source, notice->moved ? "set aside" : "left alone", notice->reason);
                spool_notice_free(notice);
        }
}

/* Opens the next file; false when there is none. */
static bool claim(Reader *reader) {
        SpoolFile *file;
        int r = spool_next(reader->spool, &file);

        tell_notices(reader);
        if (r == SPOOL_E_EMPTY)
                return false;
        if (r < 0) {
                fail(reader, r, "next file");
                return false;
        }
        Ticket *ticket = calloc(1, sizeof *ticket);
        if (!ticket) {
                spool_release(reader->spool, file);
                fail(reader, -ENOMEM, "memory");
                return false;
        }
        ticket->file = file;
        ticket->identity = file->identity;
        ticket->index = 1;
        ticket->n_erasures = atomic_load(&reader->leadd->n_erasures);
        ticket->call = take_awaited(reader, &file->identity);
        reader->n_tickets++;
        atomic_fetch_add(&reader->leadd->n_waiting, 1);
        const Resume *resume = find_resume(reader, &file->identity);
        if (resume && resume->entry.state == LEDGER_FINISHED) {
                /* Committed, but killed before it was unlinked: it is only settled. */
                Work *work = work_new(WORK_BATCH);
                if (!work) {
                        fail(reader, -ENOMEM, "memory");
                        leave(reader, ticket);
                        return false;
                }
                work->ticket = ticket;
                work->last = true;
                send(reader, work);
                return true;
        }
        if (resume) {
                ticket->offset = resume->entry.next_offset;
                ticket->index = resume->entry.next_index;
        }
        if (LEADD_BROKEN("unlink_first")) {
                char path[PATH_MAX];
                (void) snprintf(path, sizeof path, "%s/incoming/%s/new/%s", reader->leadd->options.spool, file->identity.source,
                        file->identity.name);
                (void) unlink(path);
        }
        reader->open[reader->n_open++] = ticket;
        return true;
}

/* -ENOMEM: without its reason the file would count as finished. */
static int set_unusable(Ticket *ticket, const char *reason, const char *text) {
        ticket->aside_reason = strdup(reason);
        ticket->aside_text = strdup(text);
        ticket->ended = true;
        return ticket->aside_reason && ticket->aside_text ? 0 : -ENOMEM;
}

/* One chunk of one file. */
static void read_chunk(Reader *reader, size_t at) {
        Ticket *ticket = reader->open[at];
        IntakeBatch *batch = NULL;
        const char *reason, *text;
        int r = 0, kept = 0;

        if (!ticket->reader) {
                (void) lseek(ticket->file->fd, 0, SEEK_SET);
                r = intake_open(reader->intake, ticket->file->fd, ticket->identity.source, ticket->identity.name,
                        clock_now_us(reader->leadd->clock), ticket->offset, ticket->index, &ticket->reader);
                if (r == INTAKE_E_NAME)
                        kept = set_unusable(ticket, "wrong_name", "the name has no extension leadd reads");
                else if (r > 0)
                        kept = set_unusable(ticket, "unusable", "the file cannot be read");
        }
        if (r == 0)
                r = intake_read(ticket->reader, LEADD_CHUNK_RECORDS, LEADD_CHUNK_SIZE, &batch);
        if (r == INTAKE_E_UNUSABLE && ticket->reader) {
                intake_reader_problem(ticket->reader, &reason, &text);
                kept = set_unusable(ticket, reason, text);
        } else if (r == -EIO || r == -ESTALE)
                kept = set_unusable(ticket, "unreadable", "the file system gave an error while the file was read");
        else if (r < 0)
                kept = r;
        if (kept < 0) {
                intake_batch_free(batch);
                fail(reader, kept, "file");
                return;
        }
        if (batch) {
                ticket->offset = batch->next_offset;
                ticket->index = batch->next_index;
                ticket->ended |= batch->end;
                ticket->file->never_keep |= batch->holds_secret;
        }
        Work *work = work_new(WORK_BATCH);
        if (!work) {
                intake_batch_free(batch);
                fail(reader, -ENOMEM, "memory");
                return;
        }
        work->ticket = ticket;
        work->batch = batch;
        work->last = ticket->ended;
        if (ticket->ended) {
                ticket->reader = intake_reader_free(ticket->reader);
                reader->open[at] = reader->open[--reader->n_open];
        }
        send(reader, work);
}

static void wait_for_something(Reader *reader) {
        int64_t now_us = leadd_monotonic_us(), wake_us = spool_wake_us(reader->spool);
        struct pollfd fds[] = {
                { .fd = queue_fd(reader->leadd->to_reader), .events = POLLIN },
                { .fd = spool_fd(reader->spool), .events = POLLIN },
        };

        if (reader->leadd->options.once && !reader->said_empty && reader->n_tickets == 0 && spool_is_idle(reader->spool)) {
                reader->said_empty = true;
                Work *work = work_new(WORK_EMPTY);
                if (work)
                        send(reader, work);
        }
        /* With all places taken only a settled file can help: what waits in the spool must not keep us from sleeping. */
        bool is_full = reader->n_tickets >= LEADD_TICKETS_MAX;
        if (is_full)
                wake_us = now_us + US_PER_MINUTE;
        if (reader->n_unsettled > 0 && reader->settle_us < wake_us)
                wake_us = reader->settle_us;
        int64_t left_us = wake_us > now_us ? wake_us - now_us : 0;
        int timeout_ms = left_us > US_PER_MINUTE ? 60000 : (int) ((left_us + 999) / 1000);
        atomic_store(&reader->leadd->reader_busy, 0);
        (void) poll(fds, is_full ? 1 : 2, timeout_ms);
        atomic_store(&reader->leadd->reader_busy, leadd_monotonic_us());
}

void *reader_run(void *userdata) {
        ReaderStart *start = userdata;
        Reader reader = { .leadd = start->leadd, .spool = start->spool, .resumes = start->resumes, .n_resumes = start->n_resumes };
        Leadd *leadd = start->leadd;

        while (!atomic_load(&leadd->stopping)) {
                Order *order;
                while ((order = queue_pop(leadd->to_reader, 0)))
                        obey(&reader, order);
                if (!reader.intake) {
                        /* The first order brings the adapters. */
                        order = queue_pop(leadd->to_reader, 100 * 1000);
                        if (order)
                                obey(&reader, order);
                        continue;
                }
                settle_again(&reader);
                bool claimed = false;
                /* A new file is opened before the next chunk of a large one, so that small files pass by. */
                if (reader.n_open < LEADD_OPEN_MAX && reader.n_tickets < LEADD_TICKETS_MAX)
                        claimed = claim(&reader);
                if (reader.n_open > 0) {
                        reader.turn = claimed ? reader.n_open - 1 : (reader.turn + 1) % reader.n_open;
                        read_chunk(&reader, reader.turn);
                } else if (!claimed)
                        wait_for_something(&reader);
        }
        atomic_store(&leadd->reader_busy, 0);

        /* Whatever is still open stays in the spool; the ledger knows how far it was committed. Batches of it may still be
         * with the judge: the tickets are freed when that has ended, too. */
        for (size_t i = 0; i < reader.n_open; i++) {
                reader.open[i]->reader = intake_reader_free(reader.open[i]->reader);
                leadd->left[leadd->n_left++] = reader.open[i];
        }
        for (size_t i = 0; i < reader.n_unsettled; i++)
                leave(&reader, reader.unsettled[i]);
        free(reader.unsettled);
        while (reader.awaited) {
                Awaited *awaited = reader.awaited;
                reader.awaited = awaited->next;
                control_set_error(awaited->call, "org.leadd.Control.Stopping", NULL);
                leadd_tell(leadd, NEWS_REPLY, awaited->call, NULL, 0);
                free(awaited->source);
                free(awaited->name);
                free(awaited);
        }
        intake_free(reader.intake);
        free(reader.adapters);
        policy_free(reader.rules);
        return NULL;
}
