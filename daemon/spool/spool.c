/* SPDX-License-Identifier: MIT */
/*
 * The spool as its caller sees it: makes the directories, scans incoming/ for
 * sources, gives each source that has something to do its turn, and says when
 * to come back. One call does a bounded amount of work, so that the thread that
 * reads files is never lost in a directory.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>

ssize_t spool_read_directory(Spool *spool, int fd) {
        ssize_t size = getdents64(fd, spool->chunk, sizeof(spool->chunk));
        return size < 0 ? -errno : size;
}

/* ---- life ---- */

static int spool_make_directory(int parent_fd, const char *name, mode_t mode, int *ret_fd) {
        if (mkdirat(parent_fd, name, mode) < 0 && errno != EEXIST)
                return -errno;
        int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        *ret_fd = fd;
        return 0;
}

/* incoming/ can be replaced while we run; the sources find out for themselves. */
static int spool_open_incoming(Spool *spool) {
        _cleanup_(base_closep) int fd = -1;
        struct stat st;
        int r = spool_make_directory(spool->root_fd, "incoming", 0755, &fd);
        if (r < 0)
                return r;
        if (fstat(fd, &st) < 0)
                return -errno;
        r = watch_set(spool, &spool->incoming, fd, &st, WATCH_INCOMING);
        if (r < 0)
                return r;
        base_closep(&spool->incoming_fd);
        spool->incoming_fd = TAKE_FD(fd);
        return 0;
}

Spool *spool_free(Spool *spool) {
        if (!spool)
                return NULL;
        claim_free_all(spool);
        while (spool->n_sources > 0)
                (void) source_free(spool->sources[--spool->n_sources]);
        free(spool->sources);
        notice_free_all(spool);
        done_prune_stop(spool);
        base_closep(&spool->inotify_fd);
        base_closep(&spool->incoming_fd);
        base_closep(&spool->held_fd);
        base_closep(&spool->done_fd);
        base_closep(&spool->root_fd);
        free(spool);
        return NULL;
}

void spool_freep(Spool **spool) { *spool = spool_free(*spool); }

int spool_new(const SpoolConfig *config, Spool **ret) {
        _cleanup_(spool_freep) Spool *spool = calloc(1, sizeof(*spool));
        _cleanup_(base_closep) int outgoing_fd = -1;
        if (!spool)
                return -ENOMEM;
        *spool = (Spool){
                .inotify_fd = -1,
                .root_fd = -1,
                .incoming_fd = -1,
                .held_fd = -1,
                .done_fd = -1,
                .prune_fd = -1,
                .prune_source_fd = -1,
                .keep_done_us = config->keep_done_us,
                .incoming = { .wd = -1 },
                .scanned_us = -SPOOL_OVERFLOW_US,
                .due_us = SPOOL_NEVER,
                .sync_us = SPOOL_NEVER,
        };
        int r = spool_make_directory(AT_FDCWD, config->directory, 0755, &spool->root_fd);
        if (r < 0)
                return r;
        spool->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (spool->inotify_fd < 0)
                return -errno;
        r = spool_open_incoming(spool);
        if (r == 0)
                r = spool_make_directory(spool->root_fd, "held", 0750, &spool->held_fd);
        if (r == 0)
                r = spool_make_directory(spool->root_fd, "done", 0750, &spool->done_fd);
        if (r == 0)
                r = spool_make_directory(spool->root_fd, "outgoing", 0755, &outgoing_fd);
        if (r == 0)
                r = held_sync_directory(spool->root_fd);
        if (r < 0)
                return r;
        *ret = TAKE(spool);
        return 0;
}

/* ---- scanning ---- */

int spool_rescan(Spool *spool) {
        spool->rescan_us = 0;
        return 0;
}

static int spool_start_scan(Spool *spool, int64_t now_us) {
        spool->rescan_us = now_us + SPOOL_RESCAN_US;
        spool->scanned_us = now_us;
        int r = spool_open_incoming(spool);
        if (r < 0)
                return r;
        spool->incoming_listing = true;
        for (size_t i = 0; i < spool->n_sources; i++) {
                source_look_again(spool->sources[i]);
                if (spool->events_lost)
                        source_forget_writers(spool->sources[i], now_us);
        }
        spool->events_lost = false;
        return 0;
}

/* A piece of incoming/. */
static int spool_list_incoming(Spool *spool) {
        spool->effort += SPOOL_EFFORT_CHUNK;
        ssize_t size = spool_read_directory(spool, spool->incoming_fd);
        if (size <= 0)
                spool->incoming_listing = false;
        if (size < 0)
                return size == -ENOENT ? 0 : (int) size;
        FOREACH_ENTRY(entry, spool, size) {
                spool->effort++;
                if (source_find(spool, entry->d_name))
                        continue;
                int r = source_admit(spool, entry->d_name);
                if (r < 0) {
                        (void) spool_rescan(spool);
                        return r;
                }
        }
        return 0;
}

static int spool_wake_sources(Spool *spool, int64_t now_us) {
        int result = 0;
        if (spool->due_us > now_us)
                return 0;
        spool->due_us = SPOOL_NEVER;
        for (size_t i = 0; i < spool->n_sources; i++) {
                Source *source = spool->sources[i];
                if (source->due_us <= now_us) {
                        int r = source_wake(source, now_us);
                        if (r < 0)
                                result = r;
                }
                if (source->due_us < spool->due_us)
                        spool->due_us = source->due_us;
        }
        return result;
}

/* Makes removals durable, a source at a time. They need no hurry: after a power cut a file that comes back is known to be finished. */
static int spool_sync_removals(Spool *spool, int64_t now_us) {
        size_t n_unsynced = 0;
        if (spool->sync_us > now_us)
                return 0;
        for (size_t i = 0; i < spool->n_sources; i++) {
                Source *source = spool->sources[i];
                if (!source->unsynced)
                        continue;
                n_unsynced++;
                int r = source_open(source);
                if (r == -EMFILE || r == -ENFILE)
                        break;
                source->unsynced = false;
                return r == 0 ? held_sync_directory(source->fd) : r < 0 ? r : 0;
        }
        spool->sync_us = n_unsynced > 0 ? now_us + SPOOL_SYNC_US : SPOOL_NEVER;
        return 0;
}

/* ---- taking turns ---- */

static bool source_has_work(const Source *source) {
        return source->ready.n_items > 0 || source->listing || source->relist || source->reopen || source->missing;
}

/* One turn: at most one file. CLAIM_E_NOT_NOW: nothing to hand out. */
static int spool_take_turn(Spool *spool, int64_t now_us, SpoolFile **ret) {
        Source *source = spool->ring;
        spool->ring = source->ring_next;
        spool->effort++;
        if (source->missing) {
                source_remove(source);
                return CLAIM_E_NOT_NOW;
        }
        int r = source_fill(source);
        Candidate *candidate = r == 0 ? source_pop(source) : NULL;
        if (candidate)
                r = claim_take(source, candidate, now_us, ret);
        else if (r >= 0)
                r = CLAIM_E_NOT_NOW;
        if (r == -EMFILE || r == -ENFILE) {
                /* Others will give descriptors back. */
                source_pause(source, now_us + SPOOL_RETRY_US);
                return CLAIM_E_NOT_NOW;
        }
        if (!source_has_work(source))
                source_deactivate(source);
        return r;
}

int spool_next(Spool *spool, SpoolFile **ret) {
        int64_t now_us = entry_now_us(CLOCK_MONOTONIC);
        spool->effort = 0;
        int r = watch_take_events(spool, now_us);
        if (r == 0 && spool->rescan_us <= now_us)
                r = spool_start_scan(spool, now_us);
        if (r == 0 && spool->incoming_listing)
                r = spool_list_incoming(spool);
        if (r == 0)
                r = spool_wake_sources(spool, now_us);
        if (r == 0)
                r = spool_sync_removals(spool, now_us);
        if (r < 0)
                return r;
        done_prune(spool, now_us);
        while (spool->ring && spool->effort < SPOOL_EFFORT_MAX) {
                r = spool_take_turn(spool, now_us, ret);
                if (r <= 0)
                        return r;
        }
        return SPOOL_E_EMPTY;
}

int spool_fd(const Spool *spool) { return spool->inotify_fd; }

int64_t spool_wake_us(const Spool *spool) {
        if (spool->ring || spool->incoming_listing)
                return 0;
        int64_t wake_us = spool->rescan_us < spool->due_us ? spool->rescan_us : spool->due_us;
        if (spool->sync_us < wake_us)
                wake_us = spool->sync_us;
        if (spool->keep_done_us > 0 && spool->prune_us < wake_us)
                wake_us = spool->prune_us;
        return wake_us;
}

static bool spool_has_events(const Spool *spool) {
        struct pollfd poll_fd = { .fd = spool->inotify_fd, .events = POLLIN };
        return poll(&poll_fd, 1, 0) > 0;
}

bool spool_others_waiting(const Spool *spool, const SpoolFile *file) {
        const Source *source = claim_source(file);
        const Source *first = spool->ring;
        if (first && (first != source || first->ring_next != first))
                return true;
        int64_t now_us = entry_now_us(CLOCK_MONOTONIC);
        return spool->incoming_listing || spool->rescan_us <= now_us || spool->due_us <= now_us || spool_has_events(spool);
}

bool spool_is_idle(const Spool *spool) {
        if (spool->n_claims > 0 || spool->ring || spool->incoming_listing || spool->rescan_us <= entry_now_us(CLOCK_MONOTONIC) ||
                spool_has_events(spool))
                return false;
        for (size_t i = 0; i < spool->n_sources; i++) {
                const Source *source = spool->sources[i];
                if (source->relist_us != SPOOL_NEVER)
                        return false;
                for (size_t k = 0; k < source->waiting.n_items; k++)
                        if (!source->waiting.items[k]->writing)
                                return false;
        }
        return true;
}

int spool_write_rejects(Spool *spool, const SpoolIdentity *identity, const char *lines, size_t size) {
        return held_write_rejects(spool->held_fd, identity, lines, size);
}
