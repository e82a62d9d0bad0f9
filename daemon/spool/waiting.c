/* SPDX-License-Identifier: MIT */
/*
 * How much waits in incoming/, and for how long: for metrics and alarms, by whoever has only the directory, because the thread
 * that has the spool may be the one that is stuck. Looks at a bounded number of entries; of a backlog beyond it the oldest that it met.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define SOURCES_MAX 4096
#define ENTRIES_MAX 16384
#define ENTRIES_OF_SOURCE_MAX 1024

static void look_at_source(int incoming_fd, const char *name, SpoolWaiting *ret) {
        char path[NAME_MAX + 8];
        (void) snprintf(path, sizeof(path), "%s/new", name);
        int fd = openat(incoming_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
        size_t n = 0;
        if (!directory) {
                base_closep(&fd);
                return; /* no source, or it went away */
        }
        for (struct dirent *entry; (entry = readdir(directory));) {
                struct stat st;
                if (entry->d_name[0] == '.' || fstatat(dirfd(directory), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                if (n++ == ENTRIES_OF_SOURCE_MAX || ret->n == ENTRIES_MAX) {
                        ret->more = true;
                        break;
                }
                int64_t since_us = entry_ctime_us(&st);
                ret->n++;
                if (ret->oldest_us == TIME_NONE || since_us < ret->oldest_us)
                        ret->oldest_us = since_us;
        }
        (void) closedir(directory);
}

int spool_waiting(const char *directory, SpoolWaiting *ret) {
        char path[PATH_MAX];
        size_t n_sources = 0;
        *ret = (SpoolWaiting){ .oldest_us = TIME_NONE };
        if ((size_t) snprintf(path, sizeof(path), "%s/incoming", directory) >= sizeof(path))
                return -ENAMETOOLONG;
        DIR *incoming = opendir(path);
        if (!incoming)
                return errno == ENOENT ? 0 : -errno;
        for (struct dirent *entry; (entry = readdir(incoming)) && n_sources < SOURCES_MAX;)
                if (entry->d_name[0] != '.' && ret->n < ENTRIES_MAX) {
                        look_at_source(dirfd(incoming), entry->d_name, ret);
                        n_sources++;
                }
        (void) closedir(incoming);
        return 0;
}
