/* SPDX-License-Identifier: MIT */
/*
 * The spool for those who have only its directory: submitting a file as a
 * well-behaved integration does, listing what waits and what was set aside, and
 * putting back or removing what was. Works on the file system alone, beside a
 * running daemon, from any thread; keeps no state.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <sys/random.h>

/* Replaces *ret_fd, which may be parent_fd. */
static int offline_open_directory(int parent_fd, const char *name, int *ret_fd) {
        int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        base_closep(ret_fd);
        *ret_fd = fd;
        return 0;
}

/* SPOOL/room; an administrator may have made it a link, as the daemon follows it, too. */
static int offline_open_room(const char *directory, const char *room, int *ret_fd) {
        _cleanup_(base_closep) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        int room_fd = openat(fd, room, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (room_fd < 0)
                return -errno;
        *ret_fd = room_fd;
        return 0;
}

/* SPOOL/room/source, and /new below it when of_new. */
static int offline_open_source(const char *directory, const char *room, const char *source, bool of_new, int *ret_fd) {
        _cleanup_(base_closep) int fd = -1;
        int r = offline_open_room(directory, room, &fd);
        if (r == 0)
                r = offline_open_directory(fd, source, &fd);
        if (r == 0 && of_new)
                r = offline_open_directory(fd, "new", &fd);
        if (r == 0)
                *ret_fd = TAKE_FD(fd);
        return r;
}

/* ---- submitting ---- */

/* Opens a directory, made when missing and then made durable. */
static int offline_make_directory(int parent_fd, const char *name, int *ret_fd) {
        if (mkdirat(parent_fd, name, 0770) == 0) {
                int r = held_sync_directory(parent_fd);
                if (r < 0)
                        return r;
        } else if (errno != EEXIST)
                return -errno;
        return offline_open_directory(parent_fd, name, ret_fd);
}

static int offline_copy(int from_fd, int to_fd) {
        char buffer[65536];
        for (int64_t total = 0;;) {
                ssize_t n = read(from_fd, buffer, sizeof(buffer));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN) {
                        struct pollfd poll_fd = { .fd = from_fd, .events = POLLIN };
                        if (poll(&poll_fd, 1, -1) < 0 && errno != EINTR)
                                return -errno;
                        continue;
                }
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return total > 0 ? 0 : SPOOL_E_SIZE;
                total += n;
                if (total > SPOOL_FILE_SIZE_MAX)
                        return SPOOL_E_SIZE;
                int r = base_write_all(to_fd, buffer, (size_t) n);
                if (r < 0)
                        return r;
        }
}

/* tmp, fsync, rename, fsync: Maildir's rule. The name sorts by time, so that files are read in the order of their arrival. */
static int offline_deliver(int tmp_fd, int new_fd, const char *name, int from_fd) {
        _cleanup_(base_closep) int fd = openat(tmp_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
        if (fd < 0)
                return -errno;
        int r = offline_copy(from_fd, fd);
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        if (r == 0)
                r = held_rename(tmp_fd, name, new_fd, name);
        if (r != 0) {
                (void) unlinkat(tmp_fd, name, 0);
                return r;
        }
        return held_sync_directory(new_fd);
}

int spool_submit(const char *directory, const char *source, const char *extension, int fd, char **ret_name) {
        _cleanup_(base_closep) int source_fd = -1, tmp_fd = -1, new_fd = -1;
        _cleanup_(base_freep) char *name = NULL;
        uint32_t nonce;
        if (!entry_source_is_valid(source) || !entry_extension_is_known(extension))
                return SPOOL_E_NAME;
        int r = offline_open_room(directory, "incoming", &source_fd);
        if (r == 0)
                r = offline_make_directory(source_fd, source, &source_fd);
        if (r == 0)
                r = offline_make_directory(source_fd, "tmp", &tmp_fd);
        if (r == 0)
                r = offline_make_directory(source_fd, "new", &new_fd);
        if (r < 0)
                return r;
        if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
                return -errno;
        if (asprintf(&name, "%lld-%08x.%s", (long long) entry_now_us(CLOCK_REALTIME), nonce, extension) < 0) {
                name = NULL;
                return -ENOMEM;
        }
        r = offline_deliver(tmp_fd, new_fd, name, fd);
        if (r == 0)
                *ret_name = TAKE(name);
        return r;
}

/* ---- reasons ---- */

/* What NAME.reason.json says, or NULL: it may be missing, and a person may have edited it. */
static json_t *offline_read_reason(int dir_fd, const char *name) {
        char path[2 * NAME_MAX];
        struct stat st;
        (void) snprintf(path, sizeof(path), "%s" ENTRY_REASON_SUFFIX, name);
        _cleanup_(base_closep) int fd = openat(dir_fd, path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > (off_t) SPOOL_REASON_SIZE_MAX)
                return NULL;
        _cleanup_(base_freep) char *data = malloc((size_t) st.st_size + 1);
        if (!data)
                return NULL;
        ssize_t size = pread(fd, data, (size_t) st.st_size, 0);
        return size > 0 ? json_loadb(data, (size_t) size, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

static void offline_decrefp(json_t **object) { json_decref(*object); }

/* The name under which the entry arrived; false when its reason does not say. */
static bool offline_original_name(const json_t *reason, char ret[static NAME_MAX + 1]) {
        const char *hex = json_string_value(json_object_get(reason, "file_hex"));
        const char *file = json_string_value(json_object_get(reason, "file"));
        size_t n = 0;
        if (!hex) {
                if (!file || !*file || strlen(file) > NAME_MAX || strchr(file, '/'))
                        return false;
                memcpy(ret, file, strlen(file) + 1);
                return true;
        }
        for (; hex[0] && hex[1] && n < NAME_MAX; hex += 2) {
                unsigned byte;
                if (sscanf(hex, "%2x", &byte) != 1 || byte == 0 || byte == '/')
                        return false;
                ret[n++] = (char) byte;
        }
        ret[n] = '\0';
        return n > 0 && !hex[0];
}

/* ---- listing ---- */

typedef struct Listing {
        int (*on_entry)(const SpoolEntry *entry, void *userdata);
        void *userdata;
        bool of_held;
        const char *source; /* escaped */
} Listing;

static int offline_tell(
        const Listing *listing, const char *name, const struct stat *st, const char *state, const char *reason, const char *text) {
        _cleanup_(base_freep) char *escaped = entry_escape(name);
        if (!escaped)
                return -ENOMEM;
        SpoolEntry entry = {
                .state = state,
                .source = listing->source,
                .name = escaped,
                .reason = reason,
                .text = text,
                .size = (uint64_t) st->st_size,
                .time_us = entry_ctime_us(st),
        };
        return listing->on_entry(&entry, listing->userdata);
}

static int offline_list_waiting(const Listing *listing, const char *name, const struct stat *st) {
        const char *reason = entry_judge(name, st);
        return offline_tell(listing, name, st, "waiting", reason, reason ? entry_reason_text(reason) : NULL);
}

static int offline_list_held(const Listing *listing, int dir_fd, const char *name, const struct stat *st) {
        if (entry_ends_with(name, ENTRY_REJECTS_SUFFIX))
                return offline_tell(listing, name, st, "rejects", NULL, NULL);
        if (entry_ends_with(name, ENTRY_REASON_SUFFIX)) {
                char entry_name[NAME_MAX + 1];
                struct stat entry_st;
                (void) snprintf(entry_name, sizeof(entry_name), "%.*s", (int) (strlen(name) - strlen(ENTRY_REASON_SUFFIX)), name);
                /* Told with its entry. Alone it is listed, so that it can be discarded. */
                if (fstatat(dir_fd, entry_name, &entry_st, AT_SYMLINK_NOFOLLOW) == 0)
                        return 0;
        }
        _cleanup_(offline_decrefp) json_t *reason = offline_read_reason(dir_fd, name);
        return offline_tell(listing, name, st, "held", json_string_value(json_object_get(reason, "reason")),
                json_string_value(json_object_get(reason, "text")));
}

/* The entries of one directory: sources of a room (level 0) or a source's files (level 1). */
static int offline_list_directory(const Listing *listing, int fd, int level);

static int offline_list_source(const Listing *listing, int parent_fd, const char *name) {
        _cleanup_(base_closep) int fd = -1;
        _cleanup_(base_freep) char *escaped = NULL;
        int r = offline_open_directory(parent_fd, name, &fd);
        if (r == 0 && !listing->of_held)
                r = offline_open_directory(fd, "new", &fd);
        /* What is no source, or vanished, or may not be read by this user has nothing to list. */
        if (r < 0)
                return 0;
        escaped = entry_escape(name);
        if (!escaped)
                return -ENOMEM;
        Listing inner = *listing;
        inner.source = escaped;
        return offline_list_directory(&inner, fd, 1);
}

static int offline_list_directory(const Listing *listing, int fd, int level) {
        char chunk[SPOOL_CHUNK_SIZE] __attribute__((aligned(8)));
        for (;;) {
                ssize_t size = getdents64(fd, chunk, sizeof(chunk));
                if (size <= 0)
                        return size < 0 && errno != ENOENT ? -errno : 0;
                for (char *at = chunk; at < chunk + size;) {
                        const struct dirent64 *entry = (const struct dirent64 *) (const void *) at;
                        struct stat st;
                        int r = 0;
                        at += entry->d_reclen;
                        if (entry->d_name[0] == '.')
                                continue;
                        if (level == 0)
                                r = offline_list_source(listing, fd, entry->d_name);
                        else if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                                continue;
                        else if (listing->of_held)
                                r = offline_list_held(listing, fd, entry->d_name, &st);
                        else
                                r = offline_list_waiting(listing, entry->d_name, &st);
                        if (r != 0)
                                return r;
                }
        }
}

int spool_list(const char *directory, int (*on_entry)(const SpoolEntry *entry, void *userdata), void *userdata) {
        static const char *const rooms[] = { "incoming", "held" };
        for (size_t i = 0; i < ARRAY_SIZE(rooms); i++) {
                _cleanup_(base_closep) int fd = -1;
                Listing listing = { .on_entry = on_entry, .userdata = userdata, .of_held = i == 1 };
                int r = offline_open_room(directory, rooms[i], &fd);
                if (r == -ENOENT)
                        continue;
                if (r == 0)
                        r = offline_list_directory(&listing, fd, 0);
                if (r != 0)
                        return r;
        }
        return 0;
}

/* ---- putting back and removing ---- */

int spool_parse_name(const char *listed, char ret_source[static NAME_MAX + 1], char ret_name[static NAME_MAX + 1]) {
        const char *slash = strchr(listed, '/');
        if (!slash)
                return -EINVAL;
        if (entry_unescape(listed, (size_t) (slash - listed), ret_source) < 0 || entry_unescape(slash + 1, strlen(slash + 1), ret_name) < 0)
                return -EINVAL;
        return !entry_source_is_valid(ret_source) || ret_name[0] == '.' || ret_name[0] == '\0' ? -EINVAL : 0;
}

/* "SOURCE/NAME" as listed -> held/SOURCE and the two names. */
static int offline_open_held(
        const char *directory, const char *name, char ret_source[static NAME_MAX + 1], char ret_name[static NAME_MAX + 1], int *ret_fd) {
        if (spool_parse_name(name, ret_source, ret_name) < 0)
                return -ENOENT;
        return offline_open_source(directory, "held", ret_source, false, ret_fd);
}

static int offline_remove_reason(int dir_fd, const char *name) {
        char path[2 * NAME_MAX];
        (void) snprintf(path, sizeof(path), "%s" ENTRY_REASON_SUFFIX, name);
        return unlinkat(dir_fd, path, 0) < 0 && errno != ENOENT && errno != ENAMETOOLONG ? -errno : 0;
}

int spool_held_release(const char *directory, const char *name) {
        _cleanup_(base_closep) int held_fd = -1, new_fd = -1;
        char source[NAME_MAX + 1], held_name[NAME_MAX + 1], original[NAME_MAX + 1], target[NAME_MAX + 1];
        struct stat st;
        int r = offline_open_held(directory, name, source, held_name, &held_fd);
        if (r < 0)
                return r;
        if (fstatat(held_fd, held_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (entry_ends_with(held_name, ENTRY_REJECTS_SUFFIX) || entry_ends_with(held_name, ENTRY_REASON_SUFFIX))
                return -EINVAL;
        _cleanup_(offline_decrefp) json_t *reason = offline_read_reason(held_fd, held_name);
        if (!offline_original_name(reason, original))
                memcpy(original, held_name, strlen(held_name) + 1);
        r = offline_open_source(directory, "incoming", source, true, &new_fd);
        if (r < 0)
                return r;
        /* A new time makes it a new file for whoever remembers files by name, size and time: no attempt was made with it. It does not
         * matter when it may not be set. */
        if (S_ISREG(st.st_mode))
                (void) utimensat(held_fd, held_name, NULL, AT_SYMLINK_NOFOLLOW);
        r = held_rename(held_fd, held_name, new_fd, original);
        /* The number goes before the name, as the extension must stay the last. */
        for (unsigned number = 2; r == -EEXIST && number <= SPOOL_NUMBER_MAX; number++) {
                (void) snprintf(target, sizeof(target), "%u.%.*s", number, NAME_MAX - 4, original);
                r = held_rename(held_fd, held_name, new_fd, target);
        }
        if (r == 0)
                r = held_sync_directory(new_fd);
        if (r == 0)
                r = offline_remove_reason(held_fd, held_name);
        return r < 0 ? r : held_sync_directory(held_fd);
}

/* A held directory can hold anything; nothing is followed out of it. */
static int offline_remove(int dir_fd, const char *name, int depth) {
        char chunk[2048] __attribute__((aligned(8)));
        _cleanup_(base_closep) int fd = -1;
        if (unlinkat(dir_fd, name, 0) == 0)
                return 0;
        if (errno != EISDIR && errno != EPERM)
                return -errno;
        if (depth == SPOOL_DISCARD_DEPTH_MAX)
                return -ENOTEMPTY;
        int r = offline_open_directory(dir_fd, name, &fd);
        if (r < 0)
                return r;
        for (bool removed = true; removed;) {
                removed = false;
                if (lseek(fd, 0, SEEK_SET) < 0)
                        return -errno;
                for (ssize_t size; (size = getdents64(fd, chunk, sizeof(chunk))) != 0;) {
                        if (size < 0)
                                return -errno;
                        for (char *at = chunk; at < chunk + size;) {
                                const struct dirent64 *entry = (const struct dirent64 *) (const void *) at;
                                at += entry->d_reclen;
                                if (base_streq(entry->d_name, ".") || base_streq(entry->d_name, ".."))
                                        continue;
                                r = offline_remove(fd, entry->d_name, depth + 1);
                                if (r < 0)
                                        return r;
                                removed = true;
                        }
                }
        }
        return unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int spool_held_discard(const char *directory, const char *name) {
        _cleanup_(base_closep) int held_fd = -1;
        char source[NAME_MAX + 1], held_name[NAME_MAX + 1];
        int r = offline_open_held(directory, name, source, held_name, &held_fd);
        if (r < 0)
                return r;
        r = offline_remove(held_fd, held_name, 0);
        if (r < 0)
                return r;
        r = offline_remove_reason(held_fd, held_name);
        return r < 0 ? r : held_sync_directory(held_fd);
}
