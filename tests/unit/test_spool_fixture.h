#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * What the spool's tests share: a spool in a temporary directory, files dropped
 * into it in the ways integrations do, and a pump that calls spool_next as its
 * real caller does (poll the descriptor, wake at the time).
 */
#include "leadd/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

/* cmocka wants the headers above. */
#include <cmocka.h>

#define LEAD "{\"email\":\"ann@example.com\"}\n"

typedef struct Fixture {
        char directory[PATH_MAX];
        Spool *spool;
        int64_t keep_done_us;
} Fixture;

static inline int64_t fixture_now_us(void) {
        struct timespec now;
        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t) now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

static inline void fixture_open(Fixture *fixture) {
        SpoolConfig config = { .directory = fixture->directory, .keep_done_us = fixture->keep_done_us };
        assert_int_equal(spool_new(&config, &fixture->spool), 0);
}

static inline Fixture *fixture_new_in(const char *parent) {
        Fixture *fixture = calloc(1, sizeof(*fixture));
        assert_non_null(fixture);
        (void) snprintf(fixture->directory, sizeof(fixture->directory), "%s/leadd-spool-XXXXXX", parent);
        assert_non_null(mkdtemp(fixture->directory));
        return fixture;
}

static inline int fixture_setup(void **state) {
        /* In memory, so that syncs cost nothing; TMPDIR chooses another file system. */
        const char *parent = getenv("TMPDIR");
        Fixture *fixture = fixture_new_in(parent ? parent : access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        fixture_open(fixture);
        *state = fixture;
        return 0;
}

static inline int fixture_remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
        (void) st, (void) kind, (void) ftw;
        return remove(path);
}

static inline int fixture_teardown(void **state) {
        Fixture *fixture = *state;
        fixture->spool = spool_free(fixture->spool);
        (void) nftw(fixture->directory, fixture_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        free(fixture);
        return 0;
}

/* SPOOL/path, in one of a few buffers. */
static inline const char *fixture_path(const Fixture *fixture, const char *format, ...) {
        static char buffers[4][2 * PATH_MAX];
        static unsigned turn;
        char *buffer = buffers[turn++ % 4];
        int n = snprintf(buffer, PATH_MAX, "%s/", fixture->directory);
        va_list args;
        va_start(args, format);
        (void) vsnprintf(buffer + n, PATH_MAX, format, args);
        va_end(args);
        return buffer;
}

static inline void fixture_make_source(const Fixture *fixture, const char *source) {
        assert_int_equal(mkdir(fixture_path(fixture, "incoming/%s", source), 0755), 0);
        assert_int_equal(mkdir(fixture_path(fixture, "incoming/%s/tmp", source), 0755), 0);
        assert_int_equal(mkdir(fixture_path(fixture, "incoming/%s/new", source), 0755), 0);
}

static inline void fixture_write(const char *path, const char *content) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0)
                fail_msg("%s: %s", path, strerror(errno));
        assert_int_equal(write(fd, content, strlen(content)), (ssize_t) strlen(content));
        assert_int_equal(close(fd), 0);
}

/* As an integration should: tmp, rename. */
static inline void fixture_drop(const Fixture *fixture, const char *source, const char *name, const char *content) {
        const char *tmp = fixture_path(fixture, "incoming/%s/tmp/drop", source);
        fixture_write(tmp, content);
        assert_int_equal(rename(tmp, fixture_path(fixture, "incoming/%s/new/%s", source, name)), 0);
}

/* As a plain cp does. */
static inline void fixture_copy(const Fixture *fixture, const char *source, const char *name, const char *content) {
        fixture_write(fixture_path(fixture, "incoming/%s/new/%s", source, name), content);
}

static inline void fixture_drop_many(const Fixture *fixture, const char *source, int n) {
        char name[32];
        for (int i = 0; i < n; i++) {
                /* Made in an order that is not the names'. */
                (void) snprintf(name, sizeof(name), "%06d.json", (int) ((int64_t) i * 7919 % n));
                fixture_drop(fixture, source, name, LEAD);
        }
}

static inline bool fixture_exists(const Fixture *fixture, const char *room, const char *source, const char *name) {
        struct stat st;
        return lstat(fixture_path(fixture, "%s/%s/%s", room, source, name), &st) == 0;
}

/* malloc'ed, NUL terminated; NULL when there is no such file. */
static inline char *fixture_read(const char *path) {
        FILE *file = fopen(path, "re");
        if (!file)
                return NULL;
        char *data = calloc(1, 65536);
        assert_non_null(data);
        (void) !fread(data, 1, 65535, file);
        (void) fclose(file);
        return data;
}

static inline size_t fixture_count(const char *path) {
        DIR *directory = opendir(path);
        size_t n = 0;
        if (!directory)
                return 0;
        for (const struct dirent *entry; (entry = readdir(directory));)
                n += entry->d_name[0] != '.';
        (void) closedir(directory);
        return n;
}

static inline SpoolFile *fixture_next_until(const Fixture *fixture, int64_t within_us, bool until_idle) {
        for (int64_t end_us = fixture_now_us() + within_us;;) {
                SpoolFile *file = NULL;
                int r = spool_next(fixture->spool, &file);
                if (r == 0)
                        return file;
                assert_int_equal(r, SPOOL_E_EMPTY);
                int64_t now_us = fixture_now_us(), wake_us = spool_wake_us(fixture->spool);
                if (wake_us <= now_us && wake_us < end_us)
                        continue;
                if (now_us >= end_us || (spool_is_idle(fixture->spool) && until_idle))
                        return NULL;
                if (wake_us > end_us)
                        wake_us = end_us;
                struct pollfd poll_fd = { .fd = spool_fd(fixture->spool), .events = POLLIN };
                (void) poll(&poll_fd, 1, (int) ((wake_us - now_us) / 1000 + 1));
        }
}

/* The next file within that time, or NULL. */
static inline SpoolFile *fixture_next(const Fixture *fixture, int64_t within_us) { return fixture_next_until(fixture, within_us, false); }

/* The same, but NULL as soon as the spool has nothing left to wait for. */
static inline SpoolFile *fixture_next_or_idle(const Fixture *fixture, int64_t within_us) {
        return fixture_next_until(fixture, within_us, true);
}

/* Takes the next file, which must have that name, and finishes it. */
static inline void fixture_expect(const Fixture *fixture, const char *source, const char *name, int64_t within_us) {
        SpoolFile *file = fixture_next(fixture, within_us);
        if (!file)
                fail_msg("want %s/%s, got nothing", source, name);
        assert_string_equal(file->identity.source, source);
        assert_string_equal(file->identity.name, name);
        assert_int_equal(spool_finish(fixture->spool, file), 0);
}

static inline void fixture_expect_nothing(const Fixture *fixture, int64_t within_us) {
        SpoolFile *file = fixture_next(fixture, within_us);
        if (file)
                fail_msg("want nothing, got %s/%s", file->identity.source, file->identity.name);
}

/* ---- everything that comes out of a spool ---- */

/* More than the settle time and what a slow disk needs; the spool is idle before. */
#define SETTLED_US (10 * US_PER_SECOND)

typedef struct Told {
        char *source, *name, *reason;
        bool moved;
} Told;

typedef struct Harvest {
        char *read[128];
        size_t n_read;
        Told told[128];
        size_t n_told;
} Harvest;

static inline void take_notices(const Fixture *fixture, Harvest *harvest) {
        for (SpoolNotice *notice; (notice = spool_next_notice(fixture->spool));) {
                assert_true(harvest->n_told < ARRAY_SIZE(harvest->told));
                harvest->told[harvest->n_told++] =
                        (Told){ strdup(notice->source), strdup(notice->name), strdup(notice->reason), notice->moved };
                (void) spool_notice_free(notice);
        }
}

static inline void reap(const Fixture *fixture, Harvest *harvest, int64_t within_us) {
        int64_t end_us = fixture_now_us() + within_us;
        for (SpoolFile *file; (file = fixture_next_or_idle(fixture, end_us - fixture_now_us()));) {
                assert_true(harvest->n_read < ARRAY_SIZE(harvest->read));
                harvest->read[harvest->n_read++] = strdup(file->identity.name);
                assert_int_equal(spool_finish(fixture->spool, file), 0);
                take_notices(fixture, harvest);
        }
        take_notices(fixture, harvest);
}

static inline void harvest_done(Harvest *harvest) {
        for (size_t i = 0; i < harvest->n_read; i++)
                free(harvest->read[i]);
        for (size_t i = 0; i < harvest->n_told; i++) {
                free(harvest->told[i].source);
                free(harvest->told[i].name);
                free(harvest->told[i].reason);
        }
        *harvest = (Harvest){ 0 };
}

static inline size_t times_read(const Harvest *harvest, const char *name) {
        size_t n = 0;
        for (size_t i = 0; i < harvest->n_read; i++)
                n += base_streq(harvest->read[i], name);
        return n;
}
