/* SPDX-License-Identifier: MIT */
/*
 * What needs only the spool's directory: submit, list, release, discard.
 */
#include "test_spool_fixture.h"

#include <sys/mman.h>

#define SOON_US (US_PER_SECOND / 2)

static int memory_file(const char *content) {
        int fd = memfd_create("submit", MFD_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, content, strlen(content)), (ssize_t) strlen(content));
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        return fd;
}

/* ---- submit ---- */

static void spool__submitted_file__arrives_as_from_an_integration(void **state) {
        Fixture *fixture = *state;
        static const char *const extensions[] = { "json", "ndjson", "csv", "form", "xml", "json.gz", "csv.zst" };
        for (size_t i = 0; i < ARRAY_SIZE(extensions); i++) {
                _cleanup_(base_closep) int fd = memory_file(LEAD);
                _cleanup_(base_freep) char *name = NULL;
                assert_int_equal(spool_submit(fixture->directory, "desk", extensions[i], fd, &name), 0);
                assert_non_null(name);
                assert_string_equal(strchr(name, '.') + 1, extensions[i]);
        }
        /* In the order in which they were submitted; the source was new, so that a scan found them. */
        for (size_t i = 0; i < ARRAY_SIZE(extensions); i++) {
                SpoolFile *file = fixture_next(fixture, 3 * US_PER_SECOND);
                assert_non_null(file);
                char content[64] = { 0 };
                assert_int_equal(read(file->fd, content, sizeof(content)), (ssize_t) strlen(LEAD));
                assert_string_equal(strchr(file->identity.name, '.') + 1, extensions[i]);
                assert_int_equal(spool_finish(fixture->spool, file), 0);
        }
        assert_int_equal(fixture_count(fixture_path(fixture, "incoming/desk/tmp")), 0);
}

static void spool__submit_from_a_pipe__reads_to_its_end(void **state) {
        Fixture *fixture = *state;
        int ends[2];
        _cleanup_(base_freep) char *name = NULL;
        assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        assert_int_equal(write(ends[1], LEAD, strlen(LEAD)), (ssize_t) strlen(LEAD));
        assert_int_equal(close(ends[1]), 0);
        assert_int_equal(spool_submit(fixture->directory, "desk", "json", ends[0], &name), 0);
        assert_int_equal(close(ends[0]), 0);
        _cleanup_(base_freep) char *content = fixture_read(fixture_path(fixture, "incoming/desk/new/%s", name));
        assert_string_equal(content, LEAD);
}

static void spool__submit_that_is_refused__leaves_nothing(void **state) {
        Fixture *fixture = *state;
        char long_name[NAME_MAX + 2];
        memset(long_name, 'x', NAME_MAX + 1);
        long_name[NAME_MAX + 1] = '\0';
        const struct {
                const char *source, *extension;
        } cases[] = {
                { "", "json" },
                { ".", "json" },
                { "..", "json" },
                { ".hidden", "json" },
                { "a/b", "json" },
                { "../up", "json" },
                { long_name, "json" },
                { "desk", "" },
                { "desk", "txt" },
                { "desk", "gz" },
                { "desk", "json.bz2" },
                { "desk", "json/../../x.json" },
                { "desk", ".json" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(base_closep) int fd = memory_file(LEAD);
                char *name = NULL;
                int r = spool_submit(fixture->directory, cases[i].source, cases[i].extension, fd, &name);
                if (r != SPOOL_E_NAME || name)
                        fail_msg("%s .%s: want %d, got %d", cases[i].source, cases[i].extension, SPOOL_E_NAME, r);
        }
        assert_int_equal(fixture_count(fixture_path(fixture, "incoming")), 0);

        char *name = NULL;
        _cleanup_(base_closep) int empty_fd = memory_file("");
        assert_int_equal(spool_submit(fixture->directory, "desk", "json", empty_fd, &name), SPOOL_E_SIZE);
        assert_int_equal(spool_submit(fixture->directory, "desk", "json", -1, &name), -EBADF);
        assert_null(name);
        assert_int_equal(fixture_count(fixture_path(fixture, "incoming/desk/new")), 0);
        assert_int_equal(fixture_count(fixture_path(fixture, "incoming/desk/tmp")), 0);
        assert_int_equal(spool_submit("/nowhere/at/all", "desk", "json", empty_fd, &name), -ENOENT);
}

/* ---- list, release, discard ---- */

typedef struct Listed {
        char lines[64][3 * NAME_MAX + 128];
        size_t n_lines;
        int stop_at;
} Listed;

static int on_entry(const SpoolEntry *entry, void *userdata) {
        Listed *listed = userdata;
        assert_true(listed->n_lines < ARRAY_SIZE(listed->lines));
        assert_true(entry->time_us > 0);
        (void) snprintf(listed->lines[listed->n_lines++], sizeof(listed->lines[0]), "%s %s/%s %s %llu%s", entry->state, entry->source,
                entry->name, entry->reason ? entry->reason : "-", (unsigned long long) entry->size, entry->text ? " text" : "");
        return listed->stop_at != 0 && listed->n_lines == (size_t) listed->stop_at ? 42 : 0;
}

static int compare_lines(const void *a, const void *b) { return strcmp(a, b); }

static void check_list(const Fixture *fixture, const char *const *want, size_t n_want) {
        _cleanup_(base_freep) Listed *listed = calloc(1, sizeof(*listed));
        assert_non_null(listed);
        assert_int_equal(spool_list(fixture->directory, on_entry, listed), 0);
        qsort(listed->lines, listed->n_lines, sizeof(listed->lines[0]), compare_lines);
        for (size_t i = 0; i < n_want || i < listed->n_lines; i++) {
                const char *wanted = i < n_want ? want[i] : "nothing", *got = i < listed->n_lines ? listed->lines[i] : "nothing";
                if (!base_streq(wanted, got))
                        fail_msg("line %zu: want '%s', got '%s'", i, wanted, got);
        }
}

static void hold(const Fixture *fixture, const char *name, const char *reason) {
        fixture_drop(fixture, "web", name, LEAD);
        SpoolFile *file = fixture_next(fixture, SOON_US);
        assert_non_null(file);
        assert_int_equal(spool_set_aside(fixture->spool, file, reason, "A sentence.", 1), 0);
}

static void spool__held_files__are_listed_released_and_discarded(void **state) {
        Fixture *fixture = *state;
        fixture_make_source(fixture, "web");
        fixture_expect_nothing(fixture, 0);
        hold(fixture, "a.json", "truncated");
        hold(fixture, "a.json", "undecodable");
        hold(fixture, "bad-\xff\n\\.json", "undecodable");
        fixture_drop(fixture, "web", "r.ndjson", LEAD);
        SpoolFile *file = fixture_next(fixture, SOON_US);
        assert_int_equal(spool_write_rejects(fixture->spool, &file->identity, "{\"index\":1}\n", 12), 0);
        assert_int_equal(spool_finish(fixture->spool, file), 0);
        fixture->spool = spool_free(fixture->spool); /* none of this needs it */
        fixture_copy(fixture, "web", "waiting.csv", LEAD);
        fixture_copy(fixture, "web", "wrong.txt", LEAD);
        assert_int_equal(symlink("x", fixture_path(fixture, "incoming/web/new/link.json")), 0);
        fixture_write(fixture_path(fixture, "held/web/.leadd.tmp"), "");
        fixture_write(fixture_path(fixture, "held/web/nobody.json.reason.json"), "not JSON");

        static const char *const all[] = {
                "held web/a.json truncated 28 text",
                "held web/a.json.2 undecodable 28 text",
                "held web/bad-\\xff\\x0a\\x5c.json undecodable 28 text",
                "held web/nobody.json.reason.json - 8",
                "rejects web/r.ndjson.rejects.ndjson - 12",
                "waiting web/link.json symlink 1 text",
                "waiting web/waiting.csv - 28",
                "waiting web/wrong.txt wrong_name 28 text",
        };
        check_list(fixture, all, ARRAY_SIZE(all));
        Listed stopped = { .stop_at = 2 };
        assert_int_equal(spool_list(fixture->directory, on_entry, &stopped), 42);
        assert_int_equal(stopped.n_lines, 2);

        static const struct {
                const char *name;
                int want;
        } refused[] = {
                { "web/none.json", -ENOENT },
                { "none/a.json", -ENOENT },
                { "a.json", -ENOENT },
                { "web/", -ENOENT },
                { "/a.json", -ENOENT },
                { "web/.leadd.tmp", -ENOENT },
                { "web/..", -ENOENT },
                { "../incoming", -ENOENT },
                { "web/../web/a.json", -ENOENT },
                { "web/\\x2e\\x2e", -ENOENT },
                { "web/a\\xzz", -ENOENT },
                { "web/a\\", -ENOENT },
                { "web/a\\x00.json", -ENOENT },
                { "web/..\\x2fweb", -ENOENT },
        };
        for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
                int released = spool_held_release(fixture->directory, refused[i].name);
                int discarded = spool_held_discard(fixture->directory, refused[i].name);
                if (released != refused[i].want || discarded != refused[i].want)
                        fail_msg("%s: want %d, got %d and %d", refused[i].name, refused[i].want, released, discarded);
        }
        assert_int_equal(spool_held_release(fixture->directory, "web/r.ndjson.rejects.ndjson"), -EINVAL);
        check_list(fixture, all, ARRAY_SIZE(all));

        /* Back under the names they came with. */
        assert_int_equal(spool_held_release(fixture->directory, "web/a.json"), 0);
        assert_int_equal(spool_held_release(fixture->directory, "web/a.json.2"), 0);
        assert_int_equal(spool_held_release(fixture->directory, "web/bad-\\xff\\x0a\\x5c.json"), 0);
        assert_int_equal(spool_held_discard(fixture->directory, "web/r.ndjson.rejects.ndjson"), 0);
        assert_int_equal(spool_held_discard(fixture->directory, "web/nobody.json.reason.json"), 0);
        assert_int_equal(unlink(fixture_path(fixture, "incoming/web/new/link.json")), 0);
        static const char *const after[] = {
                "waiting web/2.a.json - 28",
                "waiting web/a.json - 28",
                "waiting web/bad-\\xff\\x0a\\x5c.json - 28",
                "waiting web/waiting.csv - 28",
                "waiting web/wrong.txt wrong_name 28 text",
        };
        check_list(fixture, after, ARRAY_SIZE(after));
        assert_true(fixture_exists(fixture, "incoming/web", "new", "bad-\xff\n\\.json"));
        assert_int_equal(fixture_count(fixture_path(fixture, "held/web")), 0);
}

static void spool__released_file__is_another_file_for_the_ledger_and_ready_at_once(void **state) {
        Fixture *fixture = *state;
        fixture_make_source(fixture, "web");
        fixture_expect_nothing(fixture, 0);
        fixture_drop(fixture, "web", "a.json", LEAD);
        SpoolFile *file = fixture_next(fixture, SOON_US);
        assert_non_null(file);
        int64_t mtime_us = file->identity.mtime_us;
        assert_int_equal(spool_set_aside(fixture->spool, file, "poison", "It killed the daemon three times.", 3), 0);
        (void) usleep(20000); /* a tick of the file system's clock */
        assert_int_equal(spool_held_release(fixture->directory, "web/a.json"), 0);
        file = fixture_next(fixture, SOON_US);
        assert_non_null(file);
        assert_true(file->identity.mtime_us > mtime_us);
        assert_int_equal(spool_finish(fixture->spool, file), 0);
}

static void spool__held_directory__is_discarded_whole_and_nothing_outside(void **state) {
        Fixture *fixture = *state;
        char path[PATH_MAX];
        fixture_write(fixture_path(fixture, "outside"), LEAD);
        assert_int_equal(mkdir(fixture_path(fixture, "held/web"), 0755), 0);
        (void) snprintf(path, sizeof(path), "held/web/tree");
        for (int i = 0; i < 10; i++) {
                assert_int_equal(mkdir(fixture_path(fixture, "%s", path), 0755), 0);
                for (int k = 0; k < 120; k++)
                        fixture_write(fixture_path(fixture, "%s/f%d.json", path, k), "");
                assert_int_equal(symlink("../../..", fixture_path(fixture, "%s/up", path)), 0);
                (void) snprintf(path + strlen(path), sizeof(path) - strlen(path), "/d");
        }
        assert_int_equal(symlink(fixture_path(fixture, "outside"), fixture_path(fixture, "held/web/link.json")), 0);
        fixture_write(fixture_path(fixture, "held/web/link.json.reason.json"), "{}");
        assert_int_equal(spool_held_discard(fixture->directory, "web/tree"), 0);
        assert_int_equal(spool_held_discard(fixture->directory, "web/link.json"), 0);
        assert_int_equal(fixture_count(fixture_path(fixture, "held/web")), 0);
        assert_int_equal(access(fixture_path(fixture, "outside"), F_OK), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(spool__submitted_file__arrives_as_from_an_integration, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__submit_from_a_pipe__reads_to_its_end, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__submit_that_is_refused__leaves_nothing, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__held_files__are_listed_released_and_discarded, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        spool__released_file__is_another_file_for_the_ledger_and_ready_at_once, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        spool__held_directory__is_discarded_whole_and_nothing_outside, fixture_setup, fixture_teardown),
        };
        return cmocka_run_group_tests_name("spool: offline", tests, NULL, NULL);
}
