/* SPDX-License-Identifier: MIT */
/*
 * What the daemon knows of itself beside the book, for metrics and alarms: read from any thread, from what the threads show of
 * themselves and from the file system. So it can be asked while one of them is stuck.
 */
#include "leadd.h"

#include <sys/statvfs.h>
#include <time.h>

static int64_t busy_us(const Busy *busy) {
        int64_t since_us = atomic_load(busy);

        return since_us > 0 ? leadd_monotonic_us() - since_us : 0;
}

static DiskFigures disk_figures(const char *what, const char *directory) {
        struct statvfs disk;

        if (statvfs(directory, &disk) < 0)
                return (DiskFigures){ .what = what };
        return (DiskFigures){ .what = what, .size = disk.f_blocks * disk.f_frsize, .n_free = disk.f_bavail * disk.f_frsize };
}

void leadd_figures(const void *daemon, DaemonFigures *ret) {
        const Leadd *leadd = daemon;
        struct timespec now;

        *ret = (DaemonFigures){
                .started_us = leadd->started_us,
                .uptime_us = leadd_monotonic_us() - leadd->started_monotonic_us,
                .judge_busy_us = busy_us(&leadd->judge_busy),
                .reader_busy_us = busy_us(&leadd->reader_busy),
                .n_files_claimed = atomic_load(&leadd->n_waiting),
                .rules_loaded_us = atomic_load(&leadd->rules_loaded_us),
                .rules_refused = atomic_load(&leadd->rules_refused),
                .disk_full = atomic_load(&leadd->disk_full),
                .disks = { disk_figures("state", leadd->options.state), disk_figures("spool", leadd->options.spool) },
                .work = store_work(leadd->store),
                .leaks = { .looked_us = atomic_load(&leadd->leaks_looked_us),
                        .n_overdue = atomic_load(&leadd->n_overdue),
                        .n_waiting = atomic_load(&leadd->n_unanswered) },
        };
        for (int kind = LEAK_NONE + 1; kind < LEAK_KINDS; kind++) {
                ret->leaks.n[kind] = atomic_load(&leadd->leaks[kind]);
                ret->leaks.n_all += ret->leaks.n[kind];
        }
        /* Files carry the time of the machine, whatever the daemon's clock says. */
        if (spool_waiting(leadd->options.spool, &ret->spool) == 0 && ret->spool.oldest_us != TIME_NONE &&
                clock_gettime(CLOCK_REALTIME, &now) == 0) {
                int64_t real_us = now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
                ret->spool_age_us = real_us > ret->spool.oldest_us ? real_us - ret->spool.oldest_us : 0;
        }
}

int64_t leadd_n_leaks(const void *daemon) {
        const Leadd *leadd = daemon;
        int64_t n = 0;

        if (atomic_load(&leadd->leaks_looked_us) == TIME_NONE)
                return -1;
        for (int kind = LEAK_NONE + 1; kind < LEAK_KINDS; kind++)
                n += (int64_t) atomic_load(&leadd->leaks[kind]);
        return n;
}

void leadd_show_leaks(Leadd *leadd, const LeakCounts *counts) {
        for (int kind = LEAK_NONE + 1; kind < LEAK_KINDS; kind++)
                atomic_store(&leadd->leaks[kind], counts->n[kind]);
        atomic_store(&leadd->n_overdue, counts->n_overdue);
        atomic_store(&leadd->n_unanswered, counts->n_waiting);
        atomic_store(&leadd->leaks_looked_us, counts->looked_us);
}

void leadd_poke_reporter(Leadd *leadd) {
        /* One that is on its way stands for all that is written until it arrives and the look begins. */
        if (!atomic_exchange(&leadd->reporter_knows, true) && !queue_try_push(leadd->to_reporter, &leadd->poke))
                atomic_store(&leadd->reporter_knows, false);
}
