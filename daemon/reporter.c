/* SPDX-License-Identifier: MIT */
/*
 * reporter: the thread that makes reports, one at a time, so that neither the loop nor the judge waits for one. Has a read-only
 * connection of its own, and the rules as the book has them archived: those that are running.
 *
 * It also looks for leaks (report/leaks.c), when somebody wrote to the book and when a lead's moment comes, and never for more than a
 * small part of its time. Between two looks it sleeps: the judge wakes it once after the first commit since the last look, which costs
 * a decision nothing that could be measured. Once a day of the site's zone, after a look at the whole book, it has the judge tell
 * the journal.
 */
#include "leadd.h"

#include <errno.h>
#include <jansson.h>
#include <malloc.h>

#define LOOK_DELAY_US US_PER_MINUTE /* after something was written; more of it shares the look */
#define LOOK_SHARE 20               /* a look is followed by so many times its own duration without one */
#define LOOK_LATEST_US US_PER_HOUR  /* by then in any case: clocks are set, machines sleep */
#define LOOK_AGAIN_US US_PER_MINUTE /* after one that failed */

typedef struct Reporter {
        const ReporterStart *start;
        Store *store;
        RuleSet *rules;
        Text archive; /* of these rules */
        LeakBook *leaks;
        bool is_ready;      /* the judge has activated the rules */
        int64_t look_us;    /* monotonic: the next look; TIME_NONE = when there is a reason */
        int64_t not_before; /* monotonic */
} Reporter;

/* The rules that decide now; the same set as before is not loaded again. */
static int take_rules(Reporter *reporter) {
        _cleanup_(policy_freep) RuleSet *rules = NULL;
        PolicyReport report = { 0 };
        const void *archive;
        size_t size;
        int r = store_rules_last(reporter->store, &archive, &size);

        if (r != 0)
                return r < 0 ? r : -ENOENT;
        if (reporter->rules && reporter->archive.size == size && memcmp(reporter->archive.data, archive, size) == 0)
                return 0;
        r = policy_load_archive(archive, size, &rules, &report);
        policy_report_done(&report);
        if (r != 0)
                return r < 0 ? r : -EINVAL;
        text_clear(&reporter->archive);
        text_append_size(&reporter->archive, archive, size);
        policy_free(reporter->rules);
        reporter->rules = TAKE(rules);
        return reporter->archive.error;
}

static int get_ready(Reporter *reporter) {
        if (!reporter->store) {
                int r = store_open(reporter->start->database, STORE_READ_ONLY, &reporter->store);
                if (r != 0)
                        return r < 0 ? r : -EIO;
        }
        return take_rules(reporter);
}

/* ---- leaks ---- */

static int64_t local_day(const RuleSet *rules, int64_t time_us) {
        const Zone *zone = rules->settings->zone;
        int64_t local_us = time_us + (zone ? zone_offset_seconds(zone, time_us) * US_PER_SECOND : 0);

        return local_us / US_PER_DAY - (local_us % US_PER_DAY < 0);
}

static int64_t day_begins_us(const RuleSet *rules, int64_t day) {
        const Zone *zone = rules->settings->zone;

        return zone ? zone_local_to_utc(zone, day * US_PER_DAY) : day * US_PER_DAY;
}

static void tell_day(Reporter *reporter, int64_t day, const LeakCounts *counts) {
        Work *work = work_new(WORK_LEAKS);

        if (!work)
                return; /* the next look tells it */
        work->day = day;
        memcpy(work->leaks, counts->n, sizeof work->leaks);
        if (!queue_push_front(reporter->start->leadd->to_judge, work))
                free(work);
}

static int look(Reporter *reporter) {
        Leadd *leadd = reporter->start->leadd;
        int64_t now_us = clock_now_us(leadd->clock);
        bool is_told = false;
        LeakLook done;

        int r = get_ready(reporter);
        if (r < 0)
                return r;
        int64_t day = local_day(reporter->rules, now_us);
        r = store_leaks_told(reporter->store, day, &is_told);
        /* From here on the judge says again when it has written. */
        atomic_store(&leadd->reporter_knows, false);
        if (r == 0)
                r = leak_book_look(reporter->leaks, reporter->store, reporter->rules, now_us, !is_told, &done);
        if (r != 0)
                return r < 0 ? r : -EIO;
        const LeakCounts counts = leak_book_counts(reporter->leaks, now_us);
        leadd_show_leaks(leadd, &counts);
        if (!is_told)
                tell_day(reporter, day, &counts);
        return 0;
}

/* When to look again although nobody says so. A virtual clock says so whenever it moves. */
static void plan(Reporter *reporter, int error) {
        const Leadd *leadd = reporter->start->leadd;
        int64_t mono_us = leadd_monotonic_us(), wait_us = LOOK_LATEST_US;

        reporter->look_us = TIME_NONE;
        if (error < 0) {
                reporter->look_us = mono_us + LOOK_AGAIN_US;
                return;
        }
        if (clock_is_virtual(leadd->clock))
                return;
        int64_t now_us = clock_now_us(leadd->clock), next_us = leak_book_next(reporter->leaks);
        int64_t day_us = day_begins_us(reporter->rules, local_day(reporter->rules, now_us) + 1);
        if (next_us == TIME_NONE || day_us < next_us)
                next_us = day_us;
        if (next_us - now_us < wait_us)
                wait_us = next_us > now_us ? next_us - now_us : 0;
        reporter->look_us = mono_us + wait_us;
}

static void look_now(Reporter *reporter) {
        int64_t start_us = leadd_monotonic_us();
        int r = look(reporter);

        if (r < 0)
                log_warning("looking for leaks failed: %s", strerror(-r));
        int64_t end_us = leadd_monotonic_us();
        if (!clock_is_virtual(reporter->start->leadd->clock)) /* else somebody moves it and waits to see what comes of it */
                reporter->not_before = end_us + LOOK_SHARE * (end_us - start_us);
        plan(reporter, r);
}

/* Somebody wrote to the book, or the clock moved. */
static void take_poke(Reporter *reporter) {
        const Leadd *leadd = reporter->start->leadd;
        bool at_once = !reporter->is_ready || clock_is_virtual(leadd->clock);
        int64_t look_us = leadd_monotonic_us() + (at_once ? 0 : LOOK_DELAY_US);

        if (leadd->options.once)
                return;
        reporter->is_ready = true;
        if (reporter->look_us == TIME_NONE || look_us < reporter->look_us)
                reporter->look_us = look_us;
}

static int64_t time_left_us(const Reporter *reporter) {
        if (reporter->look_us == TIME_NONE)
                return -1;
        int64_t at_us = reporter->look_us > reporter->not_before ? reporter->look_us : reporter->not_before;
        int64_t left_us = at_us - leadd_monotonic_us();
        return left_us > 0 ? left_us : 0;
}

/* ---- calls ---- */

static int no_status(void *userdata _unused_, json_t *into _unused_) { return -EOPNOTSUPP; }

static void make_report(Reporter *reporter, ControlCall *call) {
        Leadd *leadd = reporter->start->leadd;
        int r = get_ready(reporter);

        if (r < 0) {
                log_warning("a report failed: %s", strerror(-r));
                control_set_error(call, "org.leadd.Report.Failed", json_pack("{s:s}", "text", strerror(-r)));
                return;
        }
        const ControlDesk desk = {
                .store = reporter->store,
                .rules = reporter->rules,
                .leaks = reporter->leaks,
                .clock = leadd->clock,
                .spool_directory = leadd->options.spool,
                .rules_directory = leadd->options.rules,
                .status = no_status,
                .daemon = leadd,
                .figures = leadd_figures,
        };
        (void) control_execute(&desk, call);
}

/* A report over a million leads leaves a hundred megabytes that nobody needs until the next one. */
static void rest(Reporter *reporter) {
        if (reporter->store)
                store_rest(reporter->store);
        (void) malloc_trim(0);
}

void *reporter_run(void *reporter_start) {
        Reporter reporter = { .start = reporter_start, .look_us = TIME_NONE };
        Leadd *leadd = reporter.start->leadd;

        reporter.leaks = leak_book_new();
        if (!reporter.leaks) {
                log_error("out of memory: leadd ends here, and starts again from what is committed");
                _exit(EXIT_FAILURE);
        }
        while (!atomic_load(&leadd->stopping)) {
                int64_t left_us = time_left_us(&reporter);
                void *item = queue_pop(leadd->to_reporter, left_us);
                if (item == &leadd->poke)
                        take_poke(&reporter);
                else if (item) {
                        make_report(&reporter, item);
                        leadd_tell(leadd, NEWS_REPLY, item, NULL, 0);
                        rest(&reporter);
                } else if (left_us < 0)
                        break; /* closed */
                if (!item && !atomic_load(&leadd->stopping) && time_left_us(&reporter) == 0) {
                        look_now(&reporter);
                        rest(&reporter);
                }
        }
        leak_book_free(reporter.leaks);
        policy_free(reporter.rules);
        text_free(&reporter.archive);
        store_close(reporter.store);
        return NULL;
}
