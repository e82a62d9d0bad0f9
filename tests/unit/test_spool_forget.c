/* SPDX-License-Identifier: MIT */
/*
 * Which record is about a person who is to be forgotten, however it is written, and which is somebody else's; and what becomes of files:
 * those of lines lose lines, others go whole.
 */
#include "leadd/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char needles[] = "e maria.k+x@keller.example\ne j\u00fcrgen@b\u00fccher.example\np +493077788899\ni 249592fc-d272\nn L-42\n";

static void record__of_the_person_or_of_another__is_told(_unused_ void **state) {
        static const struct {
                const char *record;
                bool is;
        } cases[] = {
                { "{\"email\": \"maria.k+x@keller.example\"}", true },
                { "{\"email\": \"Maria.K+X@KELLER.example\"}", true },
                { "{\"email\": \"maria.k+x\\u0040keller.example\"}", true },
                { "email=maria.k%2Bx%40keller.example&n=1", true },
                { "email=maria.k+x%40keller.example&n=1", true },
                { "<maria.k+x@keller.example>, hello", true },
                { "Write to maria.k+x@keller.example.", true },
                { "{\"text\": \"Yours,\\nmaria.k+x@keller.example\\nBerlin\"}", true },
                { "{\"text\": \"\\u003cmaria.k+x@keller.example\\u003e\"}", true },
                { "text=Yours,%0Amaria.k%2Bx%40keller.example", true },
                { "{\"email\": \"J\u00fcrgen@b\u00fccher.example\"}", true },
                { "{\"email\": \"j\\u00fcrgen@b\\u00FCcher.example\"}", true },
                { "email=j%C3%BCrgen%40b%c3%bccher.example", true },
                { "{\"email\": \"j\\u00f6rgen@b\\u00fccher.example\"}", false },
                { "{\"email\": \"anna.maria.k+x@keller.example\"}", false },
                { "{\"email\": \"maria.k+x@keller.example.org\"}", true }, /* rather one too many: it may end a sentence */
                { "{\"email\": \"maria.k+x@keller.examples\"}", false },
                { "{\"id\": \"249592fc-d272\"}", true },
                { "{\"id\": \"249592fc-d2725\"}", false },
                { "{\"id\": \"249592fc-d272\", \"email\": \"joe@other.example\"}", false },
                { "{\"id\": \"249592fc-d272\", \"email\": \"maria.k+x@keller.example\"}", true },
                { "{\"phone\": \"+49 (30) 777-888-99\"}", true },
                { "{\"phone\": \"030/77788899\"}", true },
                { "{\"phone\": \"03077788899\", \"email\": \"joe@other.example\"}", false }, /* a switchboard */
                { "{\"phone\": \"030 77788898\"}", false },
                { "{\"phone\": \"03077788899123\"}", false },
                { "{\"lead\": \"L-42\"}", false }, /* that is for outgoing/ */
                { "", false },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                if (spool_concerns(needles, sizeof(needles) - 1, cases[i].record, strlen(cases[i].record)) != cases[i].is)
                        fail_msg("%s: %s", cases[i].record, cases[i].is ? "is not found" : "is taken for the person's");
}

static int remove_entry(const char *path, _unused_ const struct stat *st, _unused_ int type, _unused_ struct FTW *at) {
        return remove(path);
}

static void put_file(const char *spool, const char *path, const char *content, size_t size) {
        char name[256];
        (void) snprintf(name, sizeof(name), "%s/%s", spool, path);
        for (char *slash = name + strlen(spool) + 1; (slash = strchr(slash, '/')); slash++) {
                *slash = '\0';
                (void) mkdir(name, 0755);
                *slash = '/';
        }
        FILE *file = fopen(name, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(content, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
}

static void check_file(const char *spool, const char *path, const char *want) {
        char name[256], content[4096] = "";
        (void) snprintf(name, sizeof(name), "%s/%s", spool, path);
        FILE *file = fopen(name, "r");
        if (!file && !want)
                return;
        if (!file)
                fail_msg("%s is gone", path);
        size_t size = fread(content, 1, sizeof(content) - 1, file);
        content[size] = '\0';
        (void) fclose(file);
        if (!want)
                fail_msg("%s is left: %s", path, content);
        assert_string_equal(content, want);
}

#define MARIA "maria.k+x@keller.example"

static void files__in_each_place__lose_the_person_and_nobody_else(_unused_ void **state) {
        static const struct {
                const char *path, *content, *want; /* NULL: it goes */
        } files[] = {
                { "done/web/1.json", "{\"email\":\"" MARIA "\"}", NULL },
                { "done/web/2.json", "{\"email\":\"joe@other.example\"}", "{\"email\":\"joe@other.example\"}" },
                { "done/web/" MARIA ".json", "{}", NULL },
                { "held/web/a.ndjson.rejects.ndjson", "{\"raw\":\"" MARIA "\"}\n{\"raw\":\"joe@other.example\"}\n",
                        "{\"raw\":\"joe@other.example\"}\n" },
                { "held/web/b.csv", "email,name\n" MARIA ",Maria\njoe@other.example,Joe\n", "email,name\njoe@other.example,Joe\n" },
                { "held/web/c.csv", "email,note\n" MARIA ",\"two\nlines\"\n", NULL },
                { "held/web/d.csv", "email,note\njoe@other.example,\"two\nlines\"\n", "email,note\njoe@other.example,\"two\nlines\"\n" },
                { "held/web/e.json", "[{\"email\":\"" MARIA "\"}", NULL },
                { "held/web/e.json.reason.json", "{\"file\":\"e.json\"}", NULL },
                { "held/web/f.json", "[{\"email\":\"joe@other.example\"}", "[{\"email\":\"joe@other.example\"}" },
                { "held/web/f.json.reason.json", "{\"file\":\"f.json\"}", "{\"file\":\"f.json\"}" },
                { "outgoing/crm/new/1.ndjson", "{\"lead\":\"L-42\"}\n{\"lead\":\"L-421\"}\n", "{\"lead\":\"L-421\"}\n" },
                { "outgoing/crm/new/2.ndjson", "{\"lead\":\"L-42\"}\n", NULL },
                { "outgoing/crm/tmp/3.ndjson", "{\"lead\":\"L-42\"}\n", "{\"lead\":\"L-42\"}\n" },
                { "incoming/web/new/1.json", "{\"email\":\"" MARIA "\"}", "{\"email\":\"" MARIA "\"}" },
        };
        char spool[] = "/tmp/leadd-test-forget-XXXXXX";
        SpoolForgotten found;
        char long_line[3000];
        assert_non_null(mkdtemp(spool));
        for (size_t i = 0; i < ARRAY_SIZE(files); i++)
                put_file(spool, files[i].path, files[i].content, strlen(files[i].content));
        /* UTF-16, and an address that the end of a chunk cuts */
        static const char utf16[] = "\xff\xfem\0a\0r\0i\0a\0.\0k\0+\0x\0@\0k\0e\0l\0l\0e\0r\0.\0e\0x\0a\0m\0p\0l\0e\0\n\0";
        put_file(spool, "done/web/16.csv", utf16, sizeof(utf16) - 1);
        static char cut[1024 * 1024 + 512];
        memset(cut, ' ', sizeof(cut));
        memcpy(cut + 1024 * 1024 - 7, MARIA, strlen(MARIA));
        put_file(spool, "done/web/cut.json", cut, sizeof(cut));
        memset(long_line, 'x', sizeof(long_line));
        put_file(spool, "held/web/long.ndjson", long_line, sizeof(long_line));

        assert_int_equal(spool_forget(spool, needles, sizeof(needles) - 1, NULL, NULL, &found), 0);
        for (size_t i = 0; i < ARRAY_SIZE(files); i++)
                check_file(spool, files[i].path, files[i].want);
        check_file(spool, "done/web/16.csv", NULL);
        check_file(spool, "done/web/cut.json", NULL);
        assert_int_equal(found.n_files, 8);
        assert_int_equal(found.n_records, 4);
        /* A second time there is nothing to do. */
        assert_int_equal(spool_forget(spool, needles, sizeof(needles) - 1, NULL, NULL, &found), 0);
        assert_int_equal(found.n_files + found.n_records, 0);
        (void) nftw(spool, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(record__of_the_person_or_of_another__is_told),
                cmocka_unit_test(files__in_each_place__lose_the_person_and_nobody_else),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
