#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * leadd: the wiring. Threads and the values they hand each other: the reader
 * (spool, intake) gives batches to the judge (rules, gate, store, timers), which gives
 * finished files back to the reader and answers to the loop (socket, signals, watchdog). The reporter makes reports
 * from a connection of its own.
 * Nothing is shared: what stands in a queue belongs to whoever takes it out.
 */
#include "leadd/base.h"
#include "leadd/control.h"
#include "leadd/followup.h"
#include "leadd/gate.h"
#include "leadd/intake.h"
#include "leadd/metrics.h"
#include "leadd/notify.h"
#include "leadd/policy.h"
#include "leadd/spool.h"
#include "leadd/store.h"
#include <stdatomic.h>

#define LEADD_QUEUE_BATCHES 32  /* batches between reader and judge */
#define LEADD_REPORTS_MAX 16    /* reports that wait for the one that is made */
#define LEADD_NEWS_MAX 16384    /* answers and watch items on their way to the loop */
#define LEADD_TICKETS_MAX 1024  /* files claimed and not yet settled */
#define LEADD_OPEN_MAX 16       /* files being read at the same time, in turn */
#define LEADD_CHUNK_RECORDS 250 /* records of one file in one batch */
#define LEADD_CHUNK_SIZE (1024 * 1024)
#define LEADD_TRANSACTION_RECORDS 2000   /* records after which a transaction is committed */
#define LEADD_TRANSACTION_WORKS 1024     /* batches in one transaction */
#define LEADD_TRANSACTION_US (50 * 1000) /* ... or after so long, so that calls wait no longer than that */
#define LEADD_BULK_RECORDS 100           /* a transaction with more is a bulk load: single decisions are journalled at debug level */
#define LEADD_RESULTS_MAX 1000           /* results a waiting submit is told one by one */
#define LEADD_POISON_ATTEMPTS 3          /* a record that was being judged when the daemon died so often is refused */

typedef struct Options {
        const char *rules, *spool, *state, *socket, *notifier;
        bool once, check;
        int64_t virtual_clock_us; /* TIME_NONE = real */
        bool is_example;          /* no rules of one's own: the shipped example is used */
} Options;

/* One spool file on its way through the threads. Between two hand-overs it belongs to one of them. */
typedef struct Ticket {
        /* the reader's */
        SpoolFile *file;
        IntakeReader *reader;
        uint64_t offset, index; /* where reading starts */
        bool ended;
        uint64_t n_erasures;             /* there were when it was claimed */
        char *aside_reason, *aside_text; /* the file itself is unusable */
        /* constant */
        SpoolIdentity identity; /* strings owned by the SpoolFile */
        /* the judge's */
        LedgerEntry ledger, committed;
        bool is_open, was_open; /* in the ledger: in this transaction, and durably */
        ControlCall *call;      /* a submit that waits */
        struct json_t *results;
        Text rejects;
} Ticket;

typedef enum WorkKind {
        WORK_BATCH,    /* ticket, batch (NULL when a finished file is found again), last */
        WORK_SETTLED,  /* ledger, aside */
        WORK_CALL,     /* call */
        WORK_TICK,     /* the timer or the clock: look what is due */
        WORK_RELOAD,   /* SIGHUP */
        WORK_RELOADED, /* reload: the worker is done */
        WORK_EMPTY,    /* --once: the spool holds nothing more */
        WORK_TOLD,     /* told: leadd-notify is done with a row of the outbox */
        WORK_LEAKS,    /* day, leaks: the line of the day */
        WORK_SWEPT,    /* ledger: the erasure; found, error: the files of the spool are gone through */
} WorkKind;
typedef struct Work {
        WorkKind kind;
        Ticket *ticket;
        IntakeBatch *batch;
        bool last;
        uint64_t ledger;
        bool aside;
        ControlCall *call;
        Told told;
        struct Reload *reload;
        SpoolForgotten found;
        int64_t day;                /* since 1970, in the site's zone */
        uint64_t leaks[LEAK_KINDS]; /* by kind */
        int error;
} Work;

typedef enum OrderKind {
        ORDER_SETTLE, /* ticket: finish or set aside */
        ORDER_LEAVE,  /* ticket: leave the file in the spool for the next start */
        ORDER_RULES,  /* archive: adapters and settings to read by */
        ORDER_SUBMIT, /* call: put its descriptor into the spool */
        ORDER_RESCAN,
        ORDER_SWEEP, /* id; archive: what to look for in the files of the spool */
} OrderKind;
typedef struct Order {
        OrderKind kind;
        Ticket *ticket;
        void *archive;
        size_t archive_size;
        uint64_t id;
        ControlCall *call;
} Order;

typedef enum NewsKind { NEWS_REPLY, NEWS_WATCH, NEWS_DONE, NEWS_FAILED } NewsKind;
/* From the judge (and reader) to the loop. */
typedef struct News {
        NewsKind kind;
        ControlCall *call;
        struct json_t *item;
        int error;
} News;

/* A thread's sign of life: monotonic microseconds since it took up its present work, 0 = idle. */
typedef atomic_int_least64_t Busy;

typedef struct Leadd {
        Options options;
        Clock *clock;
        Store *store;   /* the judge's, once it runs */
        RuleSet *rules; /* the judge's */
        Followup *followup;
        Queue *to_judge, *to_reader, *to_reporter, *to_loop; /* to_reporter: calls */
        Busy judge_busy, reader_busy;
        atomic_bool stopping;
        atomic_bool watched;              /* somebody watches: items are worth making */
        atomic_uint_least64_t n_waiting;  /* files claimed and not settled */
        atomic_uint_least64_t n_erasures; /* begun: what was claimed before is not kept in done/ */
        atomic_bool reporter_knows;       /* that something was written since its last look: it is awake, or will be */
        char poke;                        /* its address among the calls to the reporter: look for leaks */
        /* what threads show of themselves, for who asks how the daemon is */
        atomic_uint_least64_t leaks[LEAK_KINDS], n_overdue, n_unanswered;
        atomic_int_least64_t leaks_looked_us, rules_loaded_us;
        atomic_bool rules_refused, disk_full;
        uint8_t secret[DIGEST_SIZE];
        int64_t started_us, started_monotonic_us;
        Ticket *left[LEADD_OPEN_MAX]; /* files the reader had open when it ended */
        size_t n_left;
        char *rules_problem; /* why the rules on disk are not the running ones; NULL = they are */
} Leadd;

int64_t leadd_monotonic_us(void);
Work *work_new(WorkKind kind);
Order *order_new(OrderKind kind);
/* figures.c */
void leadd_figures(const void *daemon, DaemonFigures *ret); /* ControlDesk.figures */
int64_t leadd_n_leaks(const void *daemon);                  /* ControlDesk.n_leaks */
void leadd_show_leaks(Leadd *leadd, const LeakCounts *counts);
/* After a commit, or when the clock moved: the reporter looks for leaks, in its own time. */
void leadd_poke_reporter(Leadd *leadd);
/* Never fails quietly: without memory for a message the process ends, as with any broken machinery. */
void leadd_tell(Leadd *leadd, NewsKind kind, ControlCall *call, struct json_t *item, int error);
Ticket *ticket_free(Ticket *ticket);

/* reader.c: the thread's body; resume = unsettled ledger entries. */
typedef struct Resume {
        SpoolIdentity identity; /* owned strings */
        LedgerEntry entry;
        bool used;
} Resume;
typedef struct ReaderStart {
        Leadd *leadd;
        Spool *spool;
        Resume *resumes;
        size_t n_resumes;
} ReaderStart;
void *reader_run(void *reader_start);

/* reporter.c: the thread's body. */
typedef struct ReporterStart {
        Leadd *leadd;
        const char *database;
} ReporterStart;
void *reporter_run(void *reporter_start);

/* judge.c: the thread's body. */
void *judge_run(void *leadd);
/* Loads the rules on disk, or the last good set when they are broken; 0, or 65 with the problems printed. */
int judge_boot_rules(Leadd *leadd);

/* retry.c: puts the refused records of held/SOURCE/NAME back into the spool; *ret gets {again, stays, name}. -ENOENT, -EINVAL. */
int retry_rejects(const char *spool, const char *name, struct json_t **ret);

/* leadd.c */
int leadd_run(const Options *options);
