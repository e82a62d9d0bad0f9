#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * What the tests of loading share: a directory of rule files, and what a person reads when it is loaded.
 */
#include "leadd/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#define DATA "tests/data/rules/"

typedef struct Directory {
        char path[64];
} Directory;

static inline void directory_open(Directory *directory) {
        snprintf(directory->path, sizeof(directory->path), "/tmp/leadd-test-rules-XXXXXX");
        assert_non_null(mkdtemp(directory->path));
}

static inline int on_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        (void) st;
        (void) flag;
        (void) ftw;
        return remove(path);
}

static inline void directory_close(Directory *directory) { (void) nftw(directory->path, on_entry, 8, FTW_DEPTH | FTW_PHYS); }

/* Writes a file; a folder in its name is made. */
static inline void directory_write(const Directory *directory, const char *name, const void *data, size_t size) {
        char path[400];
        const char *slash = strchr(name, '/');
        if (slash) {
                snprintf(path, sizeof(path), "%s/%.*s", directory->path, (int) (slash - name), name);
                (void) mkdir(path, 0700);
        }
        snprintf(path, sizeof(path), "%s/%s", directory->path, name);
        FILE *file = fopen(path, "w");
        if (!file)
                fail_msg("%s: %s", path, strerror(errno));
        if (size > 0)
                assert_int_equal(fwrite(data, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
}

static inline void directory_write_text(const Directory *directory, const char *name, const char *text) {
        directory_write(directory, name, text, strlen(text));
}

/* The content of a file of the project, NUL terminated, for the caller to free. */
static inline char *file_content(const char *path, size_t *ret_size) {
        FILE *file = fopen(path, "r");
        if (!file)
                fail_msg("%s: %s (tests run from the project's top folder)", path, strerror(errno));
        char *data = calloc(1, 1024 * 1024);
        assert_non_null(data);
        size_t size = fread(data, 1, 1024 * 1024 - 1, file);
        (void) fclose(file);
        if (ret_size)
                *ret_size = size;
        return data;
}

/* Loads; the problems as a person reads them, for the caller to free. The rules, when they load, go to *ret (which may be NULL). */
static inline char *directory_load(const Directory *directory, unsigned flags, RuleSet **ret) {
        RuleSet *rules = NULL;
        PolicyReport report = { 0 };
        Text text = { 0 };
        int r = policy_load(directory->path, flags, &rules, &report);
        if (r < 0)
                fail_msg("policy_load: %s", strerror(-r));
        assert_int_equal(r, report.n_errors > 0 ? POLICY_E_RULES : 0);
        assert_true((r == 0) == (rules != NULL));
        text_append(&text, "");
        assert_int_equal(policy_report_format(&report, &text), 0);
        policy_report_done(&report);
        if (ret)
                *ret = rules;
        else
                policy_free(rules);
        return text.data ? text.data : strdup("");
}
