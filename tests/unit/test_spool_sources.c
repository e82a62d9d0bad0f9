/* SPDX-License-Identifier: MIT */
/*
 * SOURCE directories: created, removed and replaced while the spool runs, with
 * odd names, too many of them, and what looks like one but is none.
 */
#include "test_spool_fixture.h"

#define SOON_US (US_PER_SECOND / 2)
#define SETTLE_LIMIT_US (4 * US_PER_SECOND)

static void spool__source_made_while_running__is_read(void **state) {
        Fixture *fixture = *state;
        fixture_expect_nothing(fixture, 0);

        /* In steps, with a look after each. */
        assert_int_equal(mkdir(fixture_path(fixture, "incoming/steps"), 0755), 0);
        fixture_expect_nothing(fixture, US_PER_SECOND / 50);
        assert_int_equal(mkdir(fixture_path(fixture, "incoming/steps/tmp"), 0755), 0);
        fixture_expect_nothing(fixture, US_PER_SECOND / 50);
        assert_int_equal(mkdir(fixture_path(fixture, "incoming/steps/new"), 0755), 0);
        fixture_expect_nothing(fixture, US_PER_SECOND / 50);
        fixture_drop(fixture, "steps", "a.json", LEAD);
        fixture_expect(fixture, "steps", "a.json", SOON_US);

        /* Moved in as a whole. */
        assert_int_equal(mkdir(fixture_path(fixture, "whole"), 0755), 0);
        assert_int_equal(mkdir(fixture_path(fixture, "whole/new"), 0755), 0);
        assert_int_equal(rename(fixture_path(fixture, "whole"), fixture_path(fixture, "incoming/whole")), 0);
        fixture_expect_nothing(fixture, US_PER_SECOND / 50);
        fixture_copy(fixture, "whole", "b.json", LEAD);
        fixture_expect(fixture, "whole", "b.json", SOON_US);

        /* new/ moved in later. */
        assert_int_equal(mkdir(fixture_path(fixture, "incoming/later"), 0755), 0);
        fixture_expect_nothing(fixture, US_PER_SECOND / 50);
        assert_int_equal(mkdir(fixture_path(fixture, "elsewhere"), 0755), 0);
        assert_int_equal(rename(fixture_path(fixture, "elsewhere"), fixture_path(fixture, "incoming/later/new")), 0);
        fixture_expect_nothing(fixture, US_PER_SECOND / 50);
        fixture_copy(fixture, "later", "c.json", LEAD);
        fixture_expect(fixture, "later", "c.json", SOON_US);

        /* With its file, before anybody looked: then a scan finds the file. */
        fixture_make_source(fixture, "quick");
        fixture_drop(fixture, "quick", "d.json", LEAD);
        fixture_expect(fixture, "quick", "d.json", SETTLE_LIMIT_US);
        assert_null(spool_next_notice(fixture->spool));
}

static void spool__source_that_goes_and_comes_back__is_read_again(void **state) {
        Fixture *fixture = *state;
        fixture_make_source(fixture, "web");
        fixture_expect_nothing(fixture, 0);
        for (int i = 0; i < 3; i++) {
                fixture_drop(fixture, "web", "a.json", LEAD);
                fixture_expect(fixture, "web", "a.json", SOON_US);
                assert_int_equal(rmdir(fixture_path(fixture, "incoming/web/new")), 0);
                fixture_expect_nothing(fixture, US_PER_SECOND / 100);
                assert_int_equal(mkdir(fixture_path(fixture, "incoming/web/new"), 0755), 0);
                fixture_expect_nothing(fixture, US_PER_SECOND / 100);
                fixture_drop(fixture, "web", "b.json", LEAD);
                fixture_expect(fixture, "web", "b.json", SOON_US);
                assert_int_equal(rmdir(fixture_path(fixture, "incoming/web/new")), 0);
                assert_int_equal(rmdir(fixture_path(fixture, "incoming/web/tmp")), 0);
                assert_int_equal(rmdir(fixture_path(fixture, "incoming/web")), 0);
                /* Now and then nobody looks between the two. */
                if (i != 1)
                        fixture_expect_nothing(fixture, US_PER_SECOND / 100);
                fixture_make_source(fixture, "web");
                fixture_expect_nothing(fixture, US_PER_SECOND / 100);
        }
}

static void spool__source_moved_away_with_files_handed_out__is_let_go(void **state) {
        Fixture *fixture = *state;
        fixture_make_source(fixture, "web");
        fixture_expect_nothing(fixture, 0);
        static const char *const names[] = { "a.json", "b.json", "c.json" };
        SpoolFile *files[ARRAY_SIZE(names)];
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                fixture_drop(fixture, "web", names[i], LEAD);
                files[i] = fixture_next(fixture, SOON_US);
                assert_non_null(files[i]);
        }
        assert_int_equal(rename(fixture_path(fixture, "incoming/web"), fixture_path(fixture, "away")), 0);
        fixture_expect_nothing(fixture, US_PER_SECOND / 20);
        /* Another source takes the name, with another file of that name. */
        fixture_make_source(fixture, "web");
        fixture_expect_nothing(fixture, 0);
        fixture_drop(fixture, "web", "a.json", "{}");
        assert_int_equal(spool_finish(fixture->spool, files[0]), 0);
        assert_int_equal(spool_set_aside(fixture->spool, files[1], "undecodable", "It cannot be decoded.", 1), 0);
        spool_release(fixture->spool, files[2]);
        fixture_expect(fixture, "web", "a.json", SOON_US);
        assert_int_equal(fixture_count(fixture_path(fixture, "away/new")), 3);
        assert_int_equal(fixture_count(fixture_path(fixture, "held")), 0);
}

static void spool__incoming_that_is_replaced__is_read_after_the_next_scan(void **state) {
        Fixture *fixture = *state;
        fixture_make_source(fixture, "web");
        fixture_make_source(fixture, "gone");
        fixture_expect_nothing(fixture, 0);
        assert_int_equal(rename(fixture_path(fixture, "incoming"), fixture_path(fixture, "before")), 0);
        assert_int_equal(mkdir(fixture_path(fixture, "incoming"), 0755), 0);
        fixture_make_source(fixture, "web");
        fixture_expect_nothing(fixture, US_PER_SECOND / 20);
        fixture_drop(fixture, "web", "a.json", LEAD);
        fixture_expect(fixture, "web", "a.json", SOON_US);
        fixture_make_source(fixture, "gone");
        fixture_expect_nothing(fixture, US_PER_SECOND / 20);
        fixture_drop(fixture, "gone", "b.json", LEAD);
        fixture_expect(fixture, "gone", "b.json", SOON_US);
}

#define N10 "0123456789"
#define N50 N10 N10 N10 N10 N10
#define N255 N50 N50 N50 N50 N50 "01234"

static void spool__odd_source_names__break_nothing(void **state) {
        Fixture *fixture = *state;
        static const char *const names[] = { "web.forms", "a..b", "x.json", "bad-\xff\xfe-bytes", "two words", "new\nline", "-rf", "%s%n",
                "tmp", "new", "incoming", "back\\slash", N255, "\xf0\x9f\x90\x8b" };
        fixture_expect_nothing(fixture, 0);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                fixture_make_source(fixture, names[i]);
        fixture_expect_nothing(fixture, US_PER_SECOND / 20);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                fixture_drop(fixture, names[i], "a.json", LEAD);
                fixture_expect(fixture, names[i], "a.json", SOON_US);
                fixture_drop(fixture, names[i], "b.json", LEAD);
                SpoolFile *file = fixture_next(fixture, SOON_US);
                assert_non_null(file);
                assert_int_equal(spool_set_aside(fixture->spool, file, "undecodable", "It cannot be decoded.", 0), 0);
                assert_true(fixture_exists(fixture, "held", names[i], "b.json"));
                assert_true(fixture_exists(fixture, "held", names[i], "b.json.reason.json"));
        }
}

static void spool__what_is_no_source__is_told_once_and_not_followed(void **state) {
        Fixture *fixture = *state;
        Harvest harvest = { 0 };
        assert_int_equal(mkdir(fixture_path(fixture, "outside"), 0755), 0);
        assert_int_equal(mkdir(fixture_path(fixture, "outside/new"), 0755), 0);
        fixture_write(fixture_path(fixture, "outside/new/a.json"), LEAD);
        fixture_expect_nothing(fixture, 0);
        assert_int_equal(symlink("../outside", fixture_path(fixture, "incoming/linked")), 0);
        assert_int_equal(mkdir(fixture_path(fixture, "incoming/half"), 0755), 0);
        assert_int_equal(symlink("../../outside/new", fixture_path(fixture, "incoming/half/new")), 0);
        assert_int_equal(mkdir(fixture_path(fixture, "incoming/file"), 0755), 0);
        fixture_write(fixture_path(fixture, "incoming/file/new"), LEAD);
        fixture_write(fixture_path(fixture, "incoming/leads.json"), LEAD);
        assert_int_equal(mkfifo(fixture_path(fixture, "incoming/fifo"), 0600), 0);
        assert_int_equal(mkdir(fixture_path(fixture, "incoming/.hidden"), 0755), 0);
        assert_int_equal(mkdir(fixture_path(fixture, "incoming/.hidden/new"), 0755), 0);
        fixture_write(fixture_path(fixture, "incoming/.hidden/new/a.json"), LEAD);
        for (int i = 0; i < 3; i++) {
                fixture_expect_nothing(fixture, US_PER_SECOND / 5);
                assert_int_equal(spool_rescan(fixture->spool), 0);
        }
        take_notices(fixture, &harvest);
        static const struct {
                const char *source, *name, *reason;
        } want[] = {
                { "linked", "", "symlink" },
                { "half", "new", "symlink" },
                { "file", "new", "misplaced" },
                { "leads.json", "", "misplaced" },
                { "fifo", "", "misplaced" },
        };
        assert_int_equal(harvest.n_told, ARRAY_SIZE(want));
        for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
                bool found = false;
                for (size_t k = 0; k < harvest.n_told; k++)
                        found |= base_streq(harvest.told[k].source, want[i].source) && base_streq(harvest.told[k].name, want[i].name) &&
                                 base_streq(harvest.told[k].reason, want[i].reason) && !harvest.told[k].moved;
                if (!found)
                        fail_msg("want %s/%s told as %s, got nothing", want[i].source, want[i].name, want[i].reason);
        }
        assert_int_equal(fixture_count(fixture_path(fixture, "outside/new")), 1);
        harvest_done(&harvest);
}

static void spool__more_sources_than_allowed__read_with_few_descriptors(void **state) {
        Fixture *fixture = *state;
        enum { N = SPOOL_SOURCES_MAX + 3 };
        char name[32];
        fixture_expect_nothing(fixture, 0);
        for (int i = 0; i < N; i++) {
                (void) snprintf(name, sizeof(name), "s%04d", i);
                assert_int_equal(mkdir(fixture_path(fixture, "incoming/%s", name), 0755), 0);
                assert_int_equal(mkdir(fixture_path(fixture, "incoming/%s/new", name), 0755), 0);
        }
        fixture_expect_nothing(fixture, US_PER_SECOND / 10);
        Harvest harvest = { 0 };
        take_notices(fixture, &harvest);
        assert_int_equal(harvest.n_told, 3);
        for (size_t i = 0; i < harvest.n_told; i++)
                assert_string_equal(harvest.told[i].reason, "source_limit");
        for (int round = 0; round < 2; round++) {
                for (int i = 0; i < N; i++) {
                        (void) snprintf(name, sizeof(name), "s%04d", i);
                        fixture_copy(fixture, name, "a.json", LEAD);
                }
                for (int i = 0; i < SPOOL_SOURCES_MAX; i++) {
                        SpoolFile *file = fixture_next(fixture, SETTLE_LIMIT_US);
                        if (!file)
                                fail_msg("want a file of each source, got %d of %d", i, SPOOL_SOURCES_MAX);
                        assert_int_equal(spool_finish(fixture->spool, file), 0);
                }
        }
        size_t n_descriptors = fixture_count("/proc/self/fd");
        if (n_descriptors > 120)
                fail_msg("want at most 120 descriptors, got %zu", n_descriptors);
        harvest_done(&harvest);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(spool__source_made_while_running__is_read, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__source_that_goes_and_comes_back__is_read_again, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__source_moved_away_with_files_handed_out__is_let_go, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        spool__incoming_that_is_replaced__is_read_after_the_next_scan, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__odd_source_names__break_nothing, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__what_is_no_source__is_told_once_and_not_followed, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        spool__more_sources_than_allowed__read_with_few_descriptors, fixture_setup, fixture_teardown),
        };
        return cmocka_run_group_tests_name("spool: sources", tests, NULL, NULL);
}
