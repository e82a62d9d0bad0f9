/* SPDX-License-Identifier: MIT */
/*
 * scan: how fast the rows of an existing book can be gone through, as reports and audiences do: on a reader, through the front door
 * of the store, with a callback that looks at every name. Processor time of this thread, so that who else is at work shows less.
 *
 *     scan FILE
 */
#include "leadd/metrics.h"
#include "leadd/policy.h"
#include "leadd/store.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static int64_t spent_us(void) {
        struct timespec now;
        (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return (int64_t) now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

typedef struct Seen {
        uint64_t n;
        uintptr_t sum; /* so that nothing is left out */
} Seen;

static int on_lead(const ScanLead *lead, void *userdata) {
        Seen *seen = userdata;
        seen->n++;
        seen->sum += (uintptr_t) lead->status + (uintptr_t) lead->owner + (uintptr_t) lead->came_from + (uintptr_t) lead->segments;
        return 0;
}

static int on_transition(const ScanTransition *row, void *userdata) {
        Seen *seen = userdata;
        seen->n++;
        seen->sum += (uintptr_t) row->to + (uintptr_t) row->by + (uintptr_t) row->spent_us;
        return 0;
}

static int on_handoff(const ScanHandoff *row, void *userdata) {
        Seen *seen = userdata;
        seen->n++;
        seen->sum += (uintptr_t) row->owner + row->n_scores;
        return 0;
}

static int on_feedback(const ScanFeedback *row, void *userdata) {
        Seen *seen = userdata;
        seen->n++;
        seen->sum += (uintptr_t) row->reason + row->n_scores;
        return 0;
}

static int one(Store *store, int what, Seen *seen) {
        switch (what) {
        case 0:
                return store_scan_leads(store, 0, 0, on_lead, seen);
        case 1:
                return store_scan_leads(store, 0, SCAN_SLA | SCAN_HELD | SCAN_RECYCLE, on_lead, seen);
        case 2:
                return store_scan_leads(store, 0, SCAN_FEW, on_lead, seen);
        case 3:
                return store_scan_transitions(store, TIME_NONE, TIME_NONE, on_transition, seen);
        case 4:
                return store_scan_handoffs(store, TIME_NONE, TIME_NONE, on_handoff, seen);
        default:
                return store_scan_feedback(store, TIME_NONE, TIME_NONE, on_feedback, seen);
        }
}

static int64_t wall_us(void) {
        struct timespec now;
        (void) clock_gettime(CLOCK_REALTIME, &now);
        return (int64_t) now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

/* The look for leaks at all leads, the next one when nothing was written, and what is made for a scrape. */
static int look(Store *store) {
        _cleanup_(policy_freep) RuleSet *rules = NULL;
        PolicyReport report = { 0 };
        LeakBook *book = leak_book_new();
        const void *archive;
        size_t size;
        int64_t now_us = wall_us();
        int r = book ? store_rules_last(store, &archive, &size) : -ENOMEM;
        if (r == 0)
                r = policy_load_archive(archive, size, &rules, &report);
        policy_report_done(&report);
        for (int round = 0; r == 0 && round < 3; round++) {
                LeakLook done;
                int64_t start_us = spent_us();
                r = leak_book_look(book, store, rules, now_us, round < 2, &done);
                printf("%-36s %10" PRIu64 " rows in %7.1f ms\n",
                        done.is_whole ? "a look at all leads for leaks" : "a look when nothing happened", done.n_leads,
                        (double) (spent_us() - start_us) / 1000);
        }
        for (int round = 0; r == 0 && round < 2; round++) {
                Text text = { 0 };
                const DaemonFigures daemon = { .leaks = leak_book_counts(book, now_us) };
                int64_t start_us = spent_us();
                r = metrics_format(store, &daemon, now_us, &text);
                printf("%-36s %10zu bytes in %6.1f ms\n", "metrics", text.size, (double) (spent_us() - start_us) / 1000);
                text_free(&text);
        }
        leak_book_free(book);
        return r;
}

int main(int argc, char **argv) {
        static const char *const names[] = { "leads", "leads with timers, holds and rests", "leads, few columns", "transitions",
                "hand-offs", "feedback" };
        _cleanup_(store_closep) Store *store = NULL;

        if (argc != 2) {
                fprintf(stderr, "usage: scan FILE\n");
                return 64;
        }
        int r = store_open(argv[1], STORE_READ_ONLY, &store);
        for (int round = 0; r == 0 && round < 2; round++) /* the first finds nothing in memory */
                for (int what = 0; r == 0 && what < (int) ARRAY_SIZE(names); what++) {
                        Seen seen = { 0 };
                        int64_t start_us = spent_us();
                        r = one(store, what, &seen);
                        int64_t took_us = spent_us() - start_us;
                        printf("%-36s %10" PRIu64 " rows in %7.1f ms: %5.2f M rows/s\n", names[what], seen.n, (double) took_us / 1000,
                                took_us > 0 ? (double) seen.n / (double) took_us : 0);
                }
        if (r == 0)
                r = look(store);
        if (r != 0)
                fprintf(stderr, "scan: %d\n", r);
        return r != 0;
}
