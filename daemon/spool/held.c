/* SPDX-License-Identifier: MIT */
/*
 * held/SOURCE/: where unusable entries and refused records stand with their
 * reasons until somebody looks. The reason is durable before the entry moves:
 * after a kill there may be a reason without its entry (the next try writes it
 * again), never an entry in held/ without a reason. Only the spool writes here.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>

#define HELD_TMP_NAME ".leadd.tmp" /* one writer, so one name; a leftover of a kill is replaced */

bool held_errno_is_refusal(int r) {
        switch (-r) {
        case EACCES:
        case EPERM:
        case EROFS:
        case EXDEV:
        case EBUSY:
        case EMLINK:
        case ENOTDIR:
        case ELOOP:
        case EISDIR:
        case ENOTEMPTY:
                return true;
        default:
                return false;
        }
}

int held_sync_directory(int fd) {
        /* EINVAL: this file system has nothing to sync in a directory. */
        return fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

int held_open_source(int parent_fd, const char *source, int *ret_fd) {
        for (bool made = false;; made = true) {
                int fd = openat(parent_fd, source, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (fd >= 0) {
                        *ret_fd = fd;
                        return 0;
                }
                if (errno != ENOENT || made)
                        return -errno;
                if (mkdirat(parent_fd, source, 0750) < 0 && errno != EEXIST)
                        return -errno;
                int r = held_sync_directory(parent_fd);
                if (r < 0)
                        return r;
        }
}

int held_rename(int from_fd, const char *from, int to_fd, const char *to) {
        struct stat st;
        if (renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) == 0)
                return 0;
        if (errno != EINVAL)
                return -errno;
        /* A file system without the flag: looking first is as good where only we write. */
        if (fstatat(to_fd, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
                return -EEXIST;
        return renameat(from_fd, from, to_fd, to) < 0 ? -errno : 0;
}

/* ---- writing ---- */

/* mtime_us: TIME_NONE = now. */
static int held_write_file(int dir_fd, const char *name, const char *data, size_t size, int64_t mtime_us) {
        _cleanup_(base_closep) int fd = -1;
        if (unlinkat(dir_fd, HELD_TMP_NAME, 0) < 0 && errno != ENOENT)
                return -errno;
        fd = openat(dir_fd, HELD_TMP_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
        if (fd < 0)
                return -errno;
        int r = base_write_all(fd, data, size);
        if (r == 0 && mtime_us != TIME_NONE) {
                int64_t seconds = mtime_us / US_PER_SECOND - (mtime_us % US_PER_SECOND < 0);
                struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
                        { .tv_sec = seconds, .tv_nsec = (mtime_us - seconds * US_PER_SECOND) * 1000 } };
                if (futimens(fd, times) < 0)
                        r = -errno;
        }
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        if (r == 0 && renameat(dir_fd, HELD_TMP_NAME, dir_fd, name) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlinkat(dir_fd, HELD_TMP_NAME, 0);
                return r;
        }
        return held_sync_directory(dir_fd);
}

/* The name as it was, for people and for putting it back: exactly in `file` when it is UTF-8 (JSON knows nothing else), else escaped
 * there and exactly in `file_hex`. malloc'ed; NULL on exhaustion. */
static char *held_format_reason(const HeldRequest *request) {
        char hex[2 * NAME_MAX + 1], time[TIME_TEXT_SIZE];
        size_t name_size = strlen(request->name);
        bool is_utf8 = utf8_is_valid(request->name, name_size);
        _cleanup_(base_freep) char *file = is_utf8 ? strdup(request->name) : entry_escape(request->name);
        _cleanup_(base_freep) char *text =
                utf8_is_valid(request->text, strlen(request->text)) ? strdup(request->text) : entry_escape(request->text);
        if (!file || !text)
                return NULL;
        json_t *object = json_pack("{s:s, s:s, s:s, s:I, s:s, s:i}", "file", file, "reason", request->reason, "text", text, "size",
                (json_int_t) request->st->st_size, "first_seen", time_format_rfc3339(request->first_seen_us, time), "attempts",
                (int) request->attempts);
        _cleanup_(base_freep) char *line = NULL;
        char *ended;
        if (object && !is_utf8) {
                digest_hex((const uint8_t *) request->name, name_size, hex);
                if (json_object_set_new(object, "file_hex", json_string(hex)) < 0) {
                        json_decref(object);
                        return NULL;
                }
        }
        line = object ? json_dumps(object, JSON_COMPACT) : NULL;
        json_decref(object);
        if (!line || asprintf(&ended, "%s\n", line) < 0)
                return NULL;
        return ended;
}

/* ---- setting aside ---- */

static bool held_exists(int dir_fd, const char *name) {
        struct stat st;
        return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Moves the entry to a name whose reason is written already. */
static int held_move(const HeldRequest *request, int dir_fd, const char *target) {
        struct stat st;
        int r = held_rename(request->from_fd, request->name, dir_fd, target);
        if (r == -ENOENT)
                return HELD_E_GONE;
        if (r < 0)
                return held_errno_is_refusal(r) ? HELD_E_LEFT : r;
        /* Somebody may have put another entry under that name after it was judged: that one goes back. If its name is taken by a third,
         * it stays here, where it can be seen and released. */
        if (fstatat(dir_fd, target, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if ((st.st_ino != request->st->st_ino || st.st_dev != request->st->st_dev) &&
                held_rename(dir_fd, target, request->from_fd, request->name) == 0)
                return HELD_E_GONE;
        return 0;
}

int held_take(int held_fd, const HeldRequest *request) {
        _cleanup_(base_closep) int dir_fd = -1;
        char held_name[NAME_MAX + 1], target[NAME_MAX + 1], reason_name[NAME_MAX + 1];
        int r = held_open_source(held_fd, request->source, &dir_fd);
        if (r < 0)
                return held_errno_is_refusal(r) ? HELD_E_LEFT : r;
        _cleanup_(base_freep) char *line = held_format_reason(request);
        if (!line)
                return -ENOMEM;
        entry_held_name(request->name, held_name);
        for (uint64_t number = 1;; number = entry_next_number(number)) {
                entry_number_name(held_name, number, "", target);
                entry_number_name(held_name, number, ENTRY_REASON_SUFFIX, reason_name);
                if (held_exists(dir_fd, target))
                        continue;
                r = held_write_file(dir_fd, reason_name, line, strlen(line), TIME_NONE);
                if (r < 0)
                        return held_errno_is_refusal(r) ? HELD_E_LEFT : r;
                r = held_move(request, dir_fd, target);
                if (r == -EEXIST)
                        continue;
                if (r != 0) {
                        (void) unlinkat(dir_fd, reason_name, 0);
                        return r;
                }
                r = held_sync_directory(dir_fd);
                return r < 0 ? r : held_sync_directory(request->from_fd);
        }
}

/* ---- rejects ---- */

int held_write_rejects(int held_fd, const SpoolIdentity *identity, const char *lines, size_t size) {
        _cleanup_(base_closep) int dir_fd = -1;
        char held_name[NAME_MAX + 1], target[NAME_MAX + 1];
        struct stat st;
        if (!entry_source_is_valid(identity->source))
                return -EINVAL;
        int r = held_open_source(held_fd, identity->source, &dir_fd);
        if (r < 0)
                return r;
        entry_held_name(identity->name, held_name);
        for (uint64_t number = 1;; number = entry_next_number(number)) {
                entry_number_name(held_name, number, ENTRY_REJECTS_SUFFIX, target);
                if (fstatat(dir_fd, target, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                        if (errno != ENOENT)
                                return -errno;
                        return size == 0 ? 0 : held_write_file(dir_fd, target, lines, size, identity->mtime_us);
                }
                if (entry_mtime_us(&st) != identity->mtime_us)
                        continue;
                if (size > 0)
                        return held_write_file(dir_fd, target, lines, size, identity->mtime_us);
                if (unlinkat(dir_fd, target, 0) < 0)
                        return -errno;
                return held_sync_directory(dir_fd);
        }
}
