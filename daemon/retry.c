/* SPDX-License-Identifier: MIT */
/*
 * retry: `leadctl spool retry SOURCE/NAME`. Takes the refused records of a file out of
 * held/ and puts them back into the spool as one NDJSON file, to be judged like any
 * other after a rule or an adapter was mended. What is no JSON object could not be
 * judged differently and stays where it is. Killed in between, records are in both
 * places: the second time they are duplicates.
 */
#include "leadd.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define RETRY_SIZE_MAX (256 * 1024 * 1024) /* bytes of one rejects file */
#define REJECTS_SUFFIX ".rejects.ndjson"

static void closep(FILE **file) {
        if (*file)
                (void) fclose(*file);
}

/* Splits the rejects into what can be judged again and what stays. */
static int sort_out(FILE *rejects, Text *again, Text *stays, uint64_t *ret_n_again, uint64_t *ret_n_stays) {
        _cleanup_(base_freep) char *line = NULL;
        size_t capacity = 0;
        ssize_t size;

        while ((size = getline(&line, &capacity, rejects)) > 0) {
                json_t *reject = json_loadb(line, (size_t) size, 0, NULL);
                const json_t *raw = json_object_get(reject, "raw");
                json_t *record = json_is_string(raw)
                                         ? json_loadb(json_string_value(raw), json_string_length(raw), JSON_REJECT_DUPLICATES, NULL)
                                         : NULL;
                _cleanup_(base_freep) char *compact = json_is_object(record) ? json_dumps(record, JSON_COMPACT) : NULL;

                json_decref(record);
                json_decref(reject);
                Text *to = compact ? again : stays;
                if (compact) {
                        text_append(to, compact);
                        text_append_char(to, '\n');
                        (*ret_n_again)++;
                } else {
                        text_append_size(to, line, (size_t) size);
                        (*ret_n_stays)++;
                }
                if (to->error < 0)
                        return to->error;
        }
        return ferror(rejects) ? -EIO : 0;
}

static int submit(const char *spool, const char *source, const Text *again, char **ret_name) {
        _cleanup_(base_closep) int fd = memfd_create("retry", MFD_CLOEXEC);
        int r;

        if (fd < 0)
                return -errno;
        r = base_write_all(fd, again->data, again->size);
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        r = spool_submit(spool, source, "ndjson", fd, ret_name);
        return r > 0 ? -EINVAL : r;
}

/* Replaces the rejects file by what stays of it; nothing = it goes. */
static int put_back(int held_fd, const char *name, const Text *stays) {
        if (stays->size == 0)
                return unlinkat(held_fd, name, 0) < 0 ? -errno : fsync(held_fd) < 0 ? -errno : 0;
        _cleanup_(base_closep) int fd = openat(held_fd, ".retry", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0660);
        if (fd < 0)
                return -errno;
        int r = base_write_all(fd, stays->data, stays->size);
        if (r < 0)
                return r;
        if (fsync(fd) < 0 || renameat(held_fd, ".retry", held_fd, name) < 0 || fsync(held_fd) < 0)
                return -errno;
        return 0;
}

int retry_rejects(const char *spool, const char *listed, json_t **ret) {
        char source[NAME_MAX + 1], name[NAME_MAX + 1];
        _cleanup_(base_freep) char *directory = NULL;
        _cleanup_(base_freep) char *file = NULL;
        _cleanup_(base_freep) char *new_name = NULL;
        _cleanup_(base_closep) int held_fd = -1;
        _cleanup_(closep) FILE *rejects = NULL;
        _cleanup_(text_free) Text again = { 0 };
        _cleanup_(text_free) Text stays = { 0 };
        uint64_t n_again = 0, n_stays = 0;
        struct stat st;

        int r = spool_parse_name(listed, source, name);
        if (r < 0)
                return r;
        size_t size = strlen(name), suffix = strlen(REJECTS_SUFFIX);
        bool has_suffix = size > suffix && base_streq(name + size - suffix, REJECTS_SUFFIX);
        if (asprintf(&file, "%s%s", name, has_suffix ? "" : REJECTS_SUFFIX) < 0) {
                file = NULL;
                return -ENOMEM;
        }
        if (asprintf(&directory, "%s/held/%s", spool, source) < 0) {
                directory = NULL;
                return -ENOMEM;
        }
        held_fd = open(directory, O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (held_fd < 0)
                return -errno;
        int fd = openat(held_fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
                return -errno;
        rejects = fdopen(fd, "r");
        if (!rejects) {
                (void) close(fd);
                return -ENOMEM;
        }
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        if (st.st_size > RETRY_SIZE_MAX)
                return -EFBIG;
        r = sort_out(rejects, &again, &stays, &n_again, &n_stays);
        if (r < 0)
                return r;
        if (n_again > 0) {
                r = submit(spool, source, &again, &new_name);
                if (r >= 0)
                        r = put_back(held_fd, file, &stays);
                if (r < 0)
                        return r;
        }
        /* The source as it was asked for: its bytes need not be UTF-8. */
        *ret = json_pack("{s:I, s:I, s:o?}", "again", (json_int_t) n_again, "stays", (json_int_t) n_stays, "name",
                new_name ? json_sprintf("%.*s/%s", (int) (strchr(listed, '/') - listed), listed, new_name) : NULL);
        return *ret ? 0 : -ENOMEM;
}
