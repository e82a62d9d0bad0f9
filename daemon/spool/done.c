/* SPDX-License-Identifier: MIT */
/*
 * done/SOURCE/: finished files that are kept for some days, and the removal of
 * older ones: a look at a time, so that a full done/ delays nobody. What cannot
 * be removed stays for the next pass. A file's ctime is when it was kept.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>

int done_keep(int done_fd, int from_fd, const char *source, const char *name) {
        _cleanup_(base_closep) int dir_fd = -1;
        char held_name[NAME_MAX + 1], target[NAME_MAX + 1];
        int r = held_open_source(done_fd, source, &dir_fd);
        if (r < 0)
                return r;
        entry_held_name(name, held_name);
        for (uint64_t number = 1;; number = entry_next_number(number)) {
                entry_number_name(held_name, number, "", target);
                r = held_rename(from_fd, name, dir_fd, target);
                if (r != -EEXIST)
                        return r;
        }
}

void done_prune_stop(Spool *spool) {
        base_closep(&spool->prune_fd);
        base_closep(&spool->prune_source_fd);
}

/* The next source of the pass; only the first entry of a look is used, and the next look starts after it. */
static bool done_next_source(Spool *spool) {
        for (;;) {
                ssize_t size = spool_read_directory(spool, spool->prune_fd);
                if (size <= 0)
                        return false;
                const struct dirent64 *entry = (const struct dirent64 *) (const void *) spool->chunk;
                if (lseek(spool->prune_fd, entry->d_off, SEEK_SET) < 0)
                        return false;
                if (!entry_source_is_valid(entry->d_name))
                        continue;
                spool->prune_source_fd = openat(spool->prune_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (spool->prune_source_fd >= 0)
                        return true;
        }
}

void done_prune(Spool *spool, int64_t now_us) {
        if (spool->keep_done_us <= 0 || now_us < spool->prune_us)
                return;
        if (spool->prune_fd < 0)
                spool->prune_fd = openat(spool->done_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (spool->prune_fd < 0 || (spool->prune_source_fd < 0 && !done_next_source(spool))) {
                int64_t pause_us = spool->keep_done_us < SPOOL_PRUNE_US ? spool->keep_done_us : SPOOL_PRUNE_US;
                spool->prune_us = now_us + (pause_us > US_PER_SECOND ? pause_us : US_PER_SECOND);
                done_prune_stop(spool);
                return;
        }
        ssize_t size = spool_read_directory(spool, spool->prune_source_fd);
        if (size <= 0) {
                base_closep(&spool->prune_source_fd);
                return;
        }
        int64_t before_us = entry_now_us(CLOCK_REALTIME) - spool->keep_done_us;
        FOREACH_ENTRY(entry, spool, size) {
                struct stat st;
                if (fstatat(spool->prune_source_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                        continue;
                if (entry_ctime_us(&st) < before_us)
                        (void) unlinkat(spool->prune_source_fd, entry->d_name, 0);
        }
}
