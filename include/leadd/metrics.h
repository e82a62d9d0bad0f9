#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * metrics: figures for those who watch the machine, not the funnel. The book of leaks, which is kept up while the daemon runs; what
 * the daemon knows of itself; and both as Prometheus' text format. In the room report. No person's name is in any of it.
 */
#include "leadd/base.h"
#include "leadd/leaks.h"
#include "leadd/policy.h"
#include "leadd/store.h"

/* ---- leaks ---- */

typedef struct LeakCounts {
        int64_t looked_us; /* the last look; TIME_NONE = none was yet */
        uint64_t n_all, n[LEAK_KINDS];
        uint64_t n_waiting; /* leads that wait for their owner's answer, with an agreement that has a due */
        uint64_t n_overdue; /* of them, past it */
} LeakCounts;
typedef struct LeakLook {
        bool is_whole;    /* the whole book was gone through */
        uint64_t n_leads; /* looked at */
} LeakLook;
/* Leads that leak, as of the last look. For one thread, and one store in either mode. */
typedef struct LeakBook LeakBook;
LeakBook *leak_book_new(void);
LeakBook *leak_book_free(LeakBook *book);
/* Goes through the whole book the first time, when the rules are others than before, or when whole is set; else through those leads of
 * which something was written since, and those whose moment has come: that comes to the same. Outside a transaction. After a failure the
 * next look is whole. */
int leak_book_look(LeakBook *book, Store *store, const RuleSet *rules, int64_t now_us, bool whole, LeakLook *ret);
/* When the next look can find another leak although nothing is written; TIME_NONE. */
int64_t leak_book_next(const LeakBook *book);
LeakCounts leak_book_counts(const LeakBook *book, int64_t now_us);
LeakKind leak_book_kind(const LeakBook *book, uint64_t lead);

typedef struct LeakLine {
        uint64_t lead;
        LeakKind kind;
        const Rule *rule; /* that should have caught it, of the look's rules; NULL */
        int64_t since_us;
        const char *status, *team, *owner; /* team, owner NULL = none */
        bool has_amount;
        double amount; /* of its opportunity */
        const char *currency;
} LeakLine;
/* Those that leak the longest, the oldest first, at most n_max; texts in the arena. */
int leak_book_list(LeakBook *book, Store *store, int64_t now_us, size_t n_max, Arena *arena, LeakLine **ret, size_t *ret_n);

/* ---- the daemon ---- */

typedef struct DiskFigures {
        const char *what;      /* "state", "spool" */
        uint64_t size, n_free; /* bytes; free: for who is not root. size 0 = not known */
} DiskFigures;
/* What is in no book. */
typedef struct DaemonFigures {
        int64_t started_us, uptime_us;
        int64_t judge_busy_us, reader_busy_us; /* at their present work; 0 = idle */
        uint64_t n_files_claimed;
        SpoolWaiting spool;
        int64_t spool_age_us;    /* of the oldest file that waits; 0 = none does */
        int64_t rules_loaded_us; /* the last time rules were taken */
        bool rules_refused;      /* those on disk are not the running ones */
        bool disk_full;
        DiskFigures disks[2];
        StoreWork work;
        LeakCounts leaks; /* as of the last look */
} DaemonFigures;

#define METRICS_LABELS_MAX 200 /* values of one label, in the order in which they came up; the others count as "other" */

/* Prometheus text format 0.0.4. now_us: the clock of the daemon. */
int metrics_format(Store *store, const DaemonFigures *daemon, int64_t now_us, Text *out);
