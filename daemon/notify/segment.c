/* SPDX-License-Identifier: MIT */
/*
 * Drops: one NDJSON segment a channel and round, below outgoing/CHANNEL: tmp, fsync, rename into new, fsync of the directory. A kill
 * between the segment and its mark writes the same rows under the same name again.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

/* A new directory is synced into its parent: a segment that is durable in a directory that is not would be lost by a power cut. */
int segment_open_directory(int parent_fd, const char *name, int *ret) {
        if (mkdirat(parent_fd, name, 0770) == 0) {
                if (fsync(parent_fd) < 0)
                        return -errno;
        } else if (errno != EEXIST)
                return -errno;
        *ret = openat(parent_fd, name, O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        return *ret < 0 ? -errno : 0;
}

/* Names of rules are free text; below outgoing/ they must be one directory, and not one that programs overlook. */
bool segment_is_name(const char *name) { return name[0] != '\0' && name[0] != '.' && !strchr(name, '/'); }

/* One segment a channel and round: tmp, fsync, rename, fsync of the directory. */
int segment_write(int outgoing_fd, const char *channel, const OutboxRow *rows, size_t n_rows) {
        _cleanup_(base_closep) int channel_fd = -1;
        _cleanup_(base_closep) int tmp_fd = -1;
        _cleanup_(base_closep) int new_fd = -1;
        _cleanup_(base_closep) int fd = -1;
        Text text = { 0 };
        char name[64];
        uint64_t first = 0, last = 0;
        int r;

        if (!segment_is_name(channel))
                return -EINVAL;
        for (size_t i = 0; i < n_rows; i++) {
                if (rows[i].via != VIA_DROP || !base_streq(rows[i].channel, channel))
                        continue;
                first = first ? first : rows[i].id;
                last = rows[i].id;
                text_append(&text, rows[i].body ? rows[i].body : "{}");
                text_append_char(&text, '\n');
        }
        r = text.error;
        if (r >= 0)
                r = segment_open_directory(outgoing_fd, channel, &channel_fd);
        if (r >= 0)
                r = segment_open_directory(channel_fd, "tmp", &tmp_fd);
        if (r >= 0)
                r = segment_open_directory(channel_fd, "new", &new_fd);
        if (r >= 0) {
                (void) snprintf(name, sizeof name, "%012" PRIu64 "-%012" PRIu64 ".ndjson", first, last);
                fd = openat(tmp_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0660);
                r = fd < 0 ? -errno : base_write_all(fd, text.data, text.size);
        }
        if (r >= 0 && fsync(fd) < 0)
                r = -errno;
        if (r >= 0 && renameat(tmp_fd, name, new_fd, name) < 0)
                r = -errno;
        if (r >= 0 && fsync(new_fd) < 0)
                r = -errno;
        text_free(&text);
        return r;
}
