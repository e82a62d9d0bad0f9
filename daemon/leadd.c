/* SPDX-License-Identifier: MIT */
/*
 * leadd: builds, wires and frees every room. Runs the event loop: the socket, the
 * signals, the timer, the watchdog and what the other threads have to say. The loop
 * answers and never waits; deciding is the judge's, reading files the reader's.
 *
 * Order of life: store and rules are opened before anything moves; the judge runs
 * before the reader; READY is said when the judge has activated the rules. The end goes
 * the other way round, and every transaction that began is finished.
 */
#include "leadd.h"
#include "leadd/messages.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>

#define WATCHERS_MAX 64
#define STUCK_US (60 * US_PER_SECOND) /* a thread at one piece of work for so long is stuck: no more pings */
#define EXIT_DATA 65                  /* EX_DATAERR: rules that do not load */
#define EXIT_NOINPUT 66
#define EXIT_BUSY 75   /* EX_TEMPFAIL: another leadd has the state directory */
#define EXIT_CONFIG 78 /* directories that cannot be used */

typedef struct Loop {
        Leadd *leadd;
        sd_event *event;
        Control *control;
        Store *reader_store; /* the loop's own read-only connection */
        ControlDesk desk;
        ControlCall *watchers[WATCHERS_MAX];
        size_t n_watchers;
        pthread_t judge, reader, reporter;
        ReporterStart reporter_start;
        char *database;
        bool judge_runs, reader_runs, reporter_runs, judge_ended, ready;
        ReaderStart reader_start;
        uint64_t watchdog_us;
        int exit_code;
} Loop;

int64_t leadd_monotonic_us(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return ts.tv_sec * US_PER_SECOND + ts.tv_nsec / 1000;
}

Work *work_new(WorkKind kind) {
        Work *work = calloc(1, sizeof *work);

        if (work)
                work->kind = kind;
        return work;
}

Order *order_new(OrderKind kind) {
        Order *order = calloc(1, sizeof *order);

        if (order)
                order->kind = kind;
        return order;
}

void leadd_tell(Leadd *leadd, NewsKind kind, ControlCall *call, json_t *item, int error) {
        News *news = calloc(1, sizeof *news);

        if (!news) {
                log_error("out of memory: leadd ends here, and starts again from what is committed");
                _exit(EXIT_FAILURE);
        }
        *news = (News){ .kind = kind, .call = call, .item = item, .error = error };
        /* What people watch may be lost to a loop that is behind; an answer may not. It goes past the rest, because a loop that ends
         * waits for the threads and takes nothing out any more. */
        if (kind == NEWS_WATCH ? !queue_try_push(leadd->to_loop, news)
                               : !queue_push_front(leadd->to_loop, news) && !queue_push(leadd->to_loop, news)) {
                json_decref(item);
                free(news);
        }
}

/* ---- the loop's sources: each is a boundary and answers 0 ---- */

static void stop(Loop *loop) { (void) sd_event_exit(loop->event, 0); }

static bool to_judge(Loop *loop, WorkKind kind, ControlCall *call) {
        Work *work = work_new(kind);

        if (work)
                work->call = call;
        if (work && queue_push_front(loop->leadd->to_judge, work))
                return true;
        free(work);
        if (call) {
                control_set_error(call, "org.leadd.Control.Stopping", NULL);
                control_finish(call);
        }
        return false;
}

static void on_call(ControlCall *call, ControlWhere where, void *userdata) {
        Loop *loop = userdata;

        switch (where) {
        case CONTROL_ON_READER:
                if (control_execute(&loop->desk, call))
                        control_finish(call);
                return;
        case CONTROL_ON_REPORTER:
                if (!queue_try_push(loop->leadd->to_reporter, call)) {
                        control_set_error(call, "org.leadd.Report.Failed", json_pack("{s:s}", "text", "too many reports wait already"));
                        control_finish(call);
                }
                return;
        case CONTROL_BY_OWNER:
                if (strstr(control_call_method(call), ".Watch")) {
                        if (loop->n_watchers == WATCHERS_MAX || !control_call_more(call)) {
                                control_set_error(call, "org.leadd.Control.TooManyWatchers", NULL);
                                control_finish(call);
                                return;
                        }
                        loop->watchers[loop->n_watchers++] = call;
                        atomic_store(&loop->leadd->watched, true);
                        return;
                }
                Order *order = order_new(ORDER_SUBMIT);
                if (order)
                        order->call = call;
                if (order && queue_push_front(loop->leadd->to_reader, order))
                        return;
                free(order);
                control_set_error(call, "org.leadd.Control.Stopping", NULL);
                control_finish(call);
                return;
        default:
                (void) to_judge(loop, WORK_CALL, call);
        }
}

static void tell_watchers(Loop *loop, json_t *item) {
        for (size_t i = 0; i < loop->n_watchers;) {
                if (control_continue(loop->watchers[i], json_incref(item))) {
                        i++;
                        continue;
                }
                control_finish(loop->watchers[i]);
                loop->watchers[i] = loop->watchers[--loop->n_watchers];
        }
        atomic_store(&loop->leadd->watched, loop->n_watchers > 0);
        json_decref(item);
}

static int on_news(sd_event_source *source _unused_, int fd _unused_, uint32_t revents _unused_, void *userdata) {
        Loop *loop = userdata;
        News *news;

        while ((news = queue_pop(loop->leadd->to_loop, 0))) {
                switch (news->kind) {
                case NEWS_REPLY:
                        control_finish(news->call);
                        break;
                case NEWS_WATCH:
                        tell_watchers(loop, news->item);
                        break;
                case NEWS_DONE:
                        if (!loop->ready) {
                                loop->ready = true;
                                if (!loop->reader_runs) {
                                        int r = pthread_create(&loop->reader, NULL, reader_run, &loop->reader_start);
                                        loop->reader_runs = r == 0;
                                        if (r != 0) {
                                                log_error("the reading thread does not start: %s", strerror(r));
                                                loop->exit_code = EXIT_FAILURE;
                                                stop(loop);
                                        }
                                }
                        } else
                                (void) sd_notify(0, "READY=1");
                        break;
                case NEWS_FAILED:
                        if (news->error < 0)
                                loop->exit_code = EXIT_FAILURE;
                        stop(loop);
                        break;
                }
                free(news);
        }
        return 0;
}

static int on_timer(sd_event_source *source _unused_, int fd _unused_, uint32_t revents _unused_, void *userdata) {
        Loop *loop = userdata;

        (void) followup_clear(loop->leadd->followup);
        (void) to_judge(loop, WORK_TICK, NULL);
        return 0;
}

static int on_signal(sd_event_source *source _unused_, const struct signalfd_siginfo *si, void *userdata) {
        Loop *loop = userdata;

        if (si->ssi_signo == SIGHUP) {
                /* Said only once the judge has it: what says RELOADING has to say READY. That cannot overtake it, this thread says both. */
                int64_t now_us = leadd_monotonic_us();
                if (to_judge(loop, WORK_RELOAD, NULL))
                        (void) sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, now_us);
                else
                        log_error("the signal to load the rules again cannot be taken now: send it once more");
                return 0;
        }
        log_event(LOG_LEVEL_NOTICE, MESSAGE_STOPPING, NULL, 0,
                "leadd stops: what has begun is finished, what waits in the spool stays there");
        (void) sd_notify(0, "STOPPING=1");
        stop(loop);
        return 0;
}

static bool is_stuck(Busy *busy, int64_t now_us) {
        int64_t since_us = atomic_load(busy);

        return since_us > 0 && now_us - since_us > STUCK_US;
}

/* A ping only while spool, timers, outbox and socket make progress or are idle: a stuck thread becomes a restart. */
static int on_watchdog(sd_event_source *source, uint64_t usec, void *userdata) {
        Loop *loop = userdata;
        int64_t now_us = leadd_monotonic_us();

        if (!is_stuck(&loop->leadd->judge_busy, now_us) && !is_stuck(&loop->leadd->reader_busy, now_us))
                (void) sd_notify(0, "WATCHDOG=1");
        else
                log_error("a thread has been at one piece of work for more than a minute: no more signs of life");
        (void) sd_event_source_set_time(source, usec + loop->watchdog_us / 3);
        (void) sd_event_source_set_enabled(source, SD_EVENT_ON);
        return 0;
}

/* ---- starting ---- */

static int make_directory(const char *path, mode_t mode) {
        if (mkdir(path, mode) < 0 && errno != EEXIST)
                return -errno;
        return 0;
}

typedef struct ResumeList {
        Resume *items;
        size_t n, capacity;
} ResumeList;

static int on_unsettled(const SpoolIdentity *identity, const LedgerEntry *entry, void *userdata) {
        ResumeList *list = userdata;

        if (list->n == list->capacity) {
                size_t capacity = list->capacity ? list->capacity * 2 : 64;
                Resume *grown = realloc(list->items, capacity * sizeof *grown);
                if (!grown)
                        return -ENOMEM;
                list->items = grown;
                list->capacity = capacity;
        }
        Resume *resume = &list->items[list->n];
        *resume = (Resume){ .identity = *identity, .entry = *entry };
        resume->identity.source = strdup(identity->source);
        resume->identity.name = strdup(identity->name);
        list->n++;
        return resume->identity.source && resume->identity.name ? 0 : -ENOMEM;
}

static bool is_still_there(const char *spool, const SpoolIdentity *identity) {
        _cleanup_(base_freep) char *path = NULL;
        struct stat st;

        if (asprintf(&path, "%s/incoming/%s/new/%s", spool, identity->source, identity->name) < 0) {
                path = NULL;
                return true;
        }
        return lstat(path, &st) == 0 && st.st_ino == identity->inode && (uint64_t) st.st_size == identity->size;
}

static void free_resume(Resume *resume) {
        free((char *) resume->identity.source);
        free((char *) resume->identity.name);
        *resume = (Resume){ 0 };
}

/* Files the last run had not settled: those that are gone were unlinked just before the end. */
static int load_resumes(Leadd *leadd, ResumeList *list) {
        int r = store_ledger_unsettled(leadd->store, on_unsettled, list);

        if (r != 0)
                return r < 0 ? r : -ENOMEM;
        r = store_begin(leadd->store);
        if (r != 0)
                return r < 0 ? r : -ENOSPC;
        size_t n = 0;
        for (size_t i = 0; i < list->n; i++) {
                Resume *resume = &list->items[i];
                if (r == 0 && !is_still_there(leadd->options.spool, &resume->identity)) {
                        r = store_ledger_settle(leadd->store, resume->entry.id, false, clock_now_us(leadd->clock));
                        free_resume(resume);
                } else
                        list->items[n++] = *resume;
        }
        list->n = n;
        r = r == 0 ? store_commit(leadd->store) : (store_rollback(leadd->store), r);
        return r < 0 ? r : r > 0 ? -ENOSPC : 0;
}

static int open_store(Leadd *leadd, const char *path) {
        int r = store_open(path, STORE_WRITE, &leadd->store);

        switch (r) {
        case 0:
                memcpy(leadd->secret, store_secret(leadd->store), sizeof leadd->secret);
                return 0;
        case STORE_E_BUSY:
                log_error("%s: another leadd is using it", path);
                return EXIT_BUSY;
        case STORE_E_NEWER:
                log_error("%s was written by a newer leadd: this one does not touch it", path);
                return EXIT_CONFIG;
        case STORE_E_CORRUPT:
                log_error("%s is damaged, or is no database of leadd: it is left as it is; restore a backup", path);
                return EXIT_CONFIG;
        case STORE_E_FULL:
                log_error("%s: the disk is full", path);
                return EXIT_BUSY;
        default:
                log_error("%s: %s", path, strerror(r < 0 ? -r : EIO));
                return EXIT_CONFIG;
        }
}

/* A source whose failure would make the daemon deaf: it ends the loop instead. */
static int add_essential(Loop *loop, int fd, sd_event_io_handler_t handler) {
        sd_event_source *source = NULL;
        int r = sd_event_add_io(loop->event, &source, fd, EPOLLIN, handler, loop);

        if (r >= 0)
                r = sd_event_source_set_exit_on_failure(source, true);
        if (r >= 0)
                r = sd_event_source_set_floating(source, true); /* lives as long as the loop */
        sd_event_source_unref(source);
        return r;
}

static int add_sources(Loop *loop) {
        Leadd *leadd = loop->leadd;
        sigset_t mask;
        int r;

        /* Blocked before any thread starts: every thread inherits it, and only the loop hears signals. */
        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGTERM);
        (void) sigaddset(&mask, SIGINT);
        (void) sigaddset(&mask, SIGHUP);
        (void) sigprocmask(SIG_BLOCK, &mask, NULL);
        (void) signal(SIGPIPE, SIG_IGN);

        r = sd_event_new(&loop->event);
        if (r < 0)
                return r;
        const int signals[] = { SIGTERM, SIGINT, SIGHUP };
        for (size_t i = 0; i < ARRAY_SIZE(signals) && r >= 0; i++)
                r = sd_event_add_signal(loop->event, NULL, signals[i], on_signal, loop);
        if (r >= 0)
                r = add_essential(loop, queue_fd(leadd->to_loop), on_news);
        if (r >= 0 && followup_fd(leadd->followup) >= 0)
                r = add_essential(loop, followup_fd(leadd->followup), on_timer);
        if (r >= 0 && sd_watchdog_enabled(0, &loop->watchdog_us) > 0)
                r = sd_event_add_time_relative(loop->event, NULL, CLOCK_MONOTONIC, 0, 1000, on_watchdog, loop);
        return r;
}

static int add_control(Loop *loop) {
        const char *path = loop->leadd->options.socket;
        int n_passed = sd_listen_fds(1);
        ControlConfig config = { .path = path, .listen_fd = -1, .on_call = on_call, .userdata = loop };

        if (n_passed > 1)
                return -E2BIG;
        if (n_passed == 1) {
                config.path = NULL;
                config.listen_fd = SD_LISTEN_FDS_START;
        }
        return control_new(loop->event, &config, &loop->control);
}

static int status_on_loop(void *userdata _unused_, json_t *into _unused_) { return -EOPNOTSUPP; }

/* ---- ending ---- */

static void say_stopping(ControlCall *call) {
        control_set_error(call, "org.leadd.Control.Stopping", NULL);
        control_finish(call);
}

/* The file stays in the spool; who waits for what becomes of it is told that it is not known yet. */
static void leave_ticket(Loop *loop, Ticket *ticket) {
        if (ticket->call)
                say_stopping(TAKE(ticket->call));
        spool_release(loop->reader_start.spool, ticket->file);
        ticket_free(ticket);
}

static void drain(Loop *loop) {
        Leadd *leadd = loop->leadd;
        Work *work;
        Order *order;
        News *news;

        /* Files whose end the judge has committed, or that were on the way to it: they stay in the spool, and the ledger knows. */
        while ((order = queue_pop(leadd->to_reader, 0))) {
                if (order->kind == ORDER_SETTLE || order->kind == ORDER_LEAVE)
                        leave_ticket(loop, order->ticket);
                if (order->call)
                        say_stopping(order->call);
                free(order->archive);
                free(order);
        }
        ControlCall *report;
        while ((report = queue_pop(leadd->to_reporter, 0)))
                if ((void *) report != &leadd->poke)
                        say_stopping(report);
        while ((work = queue_pop(leadd->to_judge, 0))) {
                if (work->call)
                        say_stopping(work->call);
                intake_batch_free(work->batch);
                if (work->ticket && work->last)
                        leave_ticket(loop, work->ticket);
                free(work);
        }
        for (size_t i = 0; i < leadd->n_left; i++)
                leave_ticket(loop, leadd->left[i]);
        while ((news = queue_pop(leadd->to_loop, 0))) {
                if (news->call)
                        control_finish(news->call);
                json_decref(news->item);
                free(news);
        }
        for (size_t i = 0; i < loop->n_watchers; i++)
                control_finish(loop->watchers[i]);
        loop->n_watchers = 0;
}

static void end_threads(Loop *loop) {
        Leadd *leadd = loop->leadd;

        atomic_store(&leadd->stopping, true);
        if (loop->reader_runs) {
                Order *order = order_new(ORDER_RESCAN); /* wakes it */
                if (order && !queue_push(leadd->to_reader, order))
                        free(order);
                (void) pthread_join(loop->reader, NULL);
        }
        if (loop->judge_runs) {
                queue_close(leadd->to_judge);
                (void) pthread_join(loop->judge, NULL);
        }
        queue_close(leadd->to_reporter);
        if (loop->reporter_runs)
                (void) pthread_join(loop->reporter, NULL);
        queue_close(leadd->to_reader);
        queue_close(leadd->to_loop);
}

static int run(Loop *loop) {
        Leadd *leadd = loop->leadd;
        char *database = NULL;
        ResumeList resumes = { 0 };
        int r;

        if (asprintf(&database, "%s/leadd.db", leadd->options.state) < 0) {
                database = NULL;
                return EXIT_FAILURE;
        }
        loop->database = database;
        r = make_directory(leadd->options.state, 0750);
        if (r >= 0)
                r = make_directory(leadd->options.spool, 0770);
        if (r < 0) {
                log_error("%s, %s: %s", leadd->options.state, leadd->options.spool, strerror(-r));
                return EXIT_CONFIG;
        }
        r = open_store(leadd, database);
        if (r != 0)
                return r;
        r = judge_boot_rules(leadd);
        if (r != 0)
                return r;
        r = load_resumes(leadd, &resumes);
        loop->reader_start = (ReaderStart){ .leadd = leadd, .resumes = resumes.items, .n_resumes = resumes.n };
        if (r < 0) {
                log_error("the ledger of the spool: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        const SpoolConfig spool = {
                .directory = leadd->options.spool,
                .keep_done_us = leadd->rules->settings->keep_done.us,
        };
        r = spool_new(&spool, &loop->reader_start.spool);
        if (r < 0) {
                log_error("the spool %s: %s", leadd->options.spool, strerror(-r));
                return EXIT_CONFIG;
        }
        r = followup_new(leadd->clock, &leadd->followup);
        if (r >= 0)
                r = queue_new(LEADD_QUEUE_BATCHES, false, &leadd->to_judge);
        if (r >= 0)
                r = queue_new(2 * LEADD_TICKETS_MAX, true, &leadd->to_reader);
        if (r >= 0)
                r = queue_new(LEADD_REPORTS_MAX, false, &leadd->to_reporter);
        if (r >= 0)
                r = queue_new(LEADD_NEWS_MAX, true, &leadd->to_loop);
        if (r >= 0)
                r = add_sources(loop);
        if (r < 0) {
                log_error("starting: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        r = add_control(loop);
        if (r < 0) {
                log_error("the socket %s: %s", leadd->options.socket, strerror(-r));
                return EXIT_CONFIG;
        }
        r = store_open(database, STORE_READ_ONLY, &loop->reader_store);
        if (r != 0) {
                log_error("%s cannot be read: %s", database, strerror(r < 0 ? -r : EIO));
                return EXIT_FAILURE;
        }
        loop->desk = (ControlDesk){
                .store = loop->reader_store,
                .clock = leadd->clock,
                .spool_directory = leadd->options.spool,
                .rules_directory = leadd->options.rules,
                .status = status_on_loop,
                .daemon = leadd,
                .figures = leadd_figures,
        };
        r = pthread_create(&loop->judge, NULL, judge_run, leadd);
        if (r != 0) {
                log_error("the judging thread does not start: %s", strerror(r));
                return EXIT_FAILURE;
        }
        loop->judge_runs = true;
        loop->reporter_start = (ReporterStart){ .leadd = leadd, .database = database };
        r = pthread_create(&loop->reporter, NULL, reporter_run, &loop->reporter_start);
        if (r != 0) {
                log_error("the reporting thread does not start: %s", strerror(r));
                return EXIT_FAILURE;
        }
        loop->reporter_runs = true;
        r = sd_event_loop(loop->event);
        if (r < 0) {
                log_error("the event loop: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        return loop->exit_code;
}

int leadd_run(const Options *options) {
        Leadd leadd = { .options = *options };
        Loop loop = { .leadd = &leadd };
        int code = EXIT_FAILURE;

        json_object_seed(0);
        leadd.clock = options->virtual_clock_us == TIME_NONE ? clock_new_real() : clock_new_virtual(options->virtual_clock_us);
        if (leadd.clock) {
                leadd.started_us = clock_now_us(leadd.clock);
                leadd.started_monotonic_us = leadd_monotonic_us();
                atomic_store(&leadd.leaks_looked_us, TIME_NONE);
                code = run(&loop);
        }
        if (leadd.to_judge && leadd.to_reader && leadd.to_reporter && leadd.to_loop) {
                end_threads(&loop);
                drain(&loop);
                if (code == 0)
                        code = loop.exit_code;
        }
        free(loop.database);
        control_free(loop.control);
        sd_event_unref(loop.event);
        store_close(loop.reader_store);
        spool_free(loop.reader_start.spool);
        for (size_t i = 0; i < loop.reader_start.n_resumes; i++)
                free_resume(&loop.reader_start.resumes[i]);
        free(loop.reader_start.resumes);
        policy_free(leadd.rules);
        free(leadd.rules_problem);
        store_close(leadd.store);
        followup_free(leadd.followup);
        leadd.to_judge = queue_free(leadd.to_judge, NULL);
        leadd.to_reader = queue_free(leadd.to_reader, NULL);
        leadd.to_reporter = queue_free(leadd.to_reporter, NULL);
        leadd.to_loop = queue_free(leadd.to_loop, NULL);
        clock_free(leadd.clock);
        return code;
}
