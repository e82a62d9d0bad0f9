/* SPDX-License-Identifier: MIT */
/*
 * How a file becomes ready: renamed in, closed after writing, settled; and what
 * is left alone because its writer is not done.
 */
#include "test_spool_fixture.h"

#define SOON_US (US_PER_SECOND / 2)

static void spool__file_renamed_in__is_ready_at_once(void **state) {
        Fixture *fixture = *state;
        fixture_make_source(fixture, "web");
        fixture_expect_nothing(fixture, 0);
        fixture_drop(fixture, "web", "a.json", LEAD);
        SpoolFile *file = fixture_next(fixture, SOON_US);
        assert_non_null(file);
        char content[64] = { 0 };
        assert_int_equal(read(file->fd, content, sizeof(content)), (ssize_t) strlen(LEAD));
        assert_string_equal(content, LEAD);
        assert_int_equal(fcntl(file->fd, F_GETFL) & O_NONBLOCK, 0);
        assert_true(fcntl(file->fd, F_GETFD) & FD_CLOEXEC);
        assert_int_equal(file->identity.size, strlen(LEAD));
        assert_true(fixture_exists(fixture, "incoming", "web", "new/a.json"));
        assert_int_equal(spool_finish(fixture->spool, file), 0);
        assert_false(fixture_exists(fixture, "incoming", "web", "new/a.json"));
}

static void spool__file_copied_in__is_ready_when_closed(void **state) {
        Fixture *fixture = *state;
        fixture_make_source(fixture, "web");
        fixture_expect_nothing(fixture, 0);
        int fd = open(fixture_path(fixture, "incoming/web/new/a.json"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        assert_int_equal(write(fd, LEAD, strlen(LEAD)), (ssize_t) strlen(LEAD));
        fixture_expect_nothing(fixture, US_PER_SECOND / 10);
        assert_int_equal(close(fd), 0);
        fixture_expect(fixture, "web", "a.json", SOON_US);
}

static void spool__file_that_a_scan_found__is_ready_when_its_ctime_is_two_seconds_old(void **state) {
        Fixture *fixture = *state;
        fixture->spool = spool_free(fixture->spool);
        fixture_make_source(fixture, "web");
        fixture_drop(fixture, "web", "a.json", LEAD);
        int64_t start_us = fixture_now_us();
        fixture_open(fixture);
        assert_false(spool_is_idle(fixture->spool));
        fixture_expect(fixture, "web", "a.json", 4 * US_PER_SECOND);
        int64_t took_us = fixture_now_us() - start_us;
        if (took_us < SPOOL_SETTLE_US - US_PER_SECOND / 50 || took_us > SPOOL_SETTLE_US + US_PER_SECOND / 2)
                fail_msg("want about 2 s, got %lld us", (long long) took_us);
        assert_true(spool_is_idle(fixture->spool));
}

static int open_new(const Fixture *fixture, const char *name) {
        int fd = open(fixture_path(fixture, "incoming/web/new/%s", name), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        return fd;
}

/* One wait for all of them: the settle time passes while each is in the state of its line. */
static void spool__writer_that_is_not_done__is_waited_for(void **state) {
        Fixture *fixture = *state;
        Harvest harvest = { 0 };
        fixture_make_source(fixture, "web");
        fixture_expect_nothing(fixture, 0);

        int stalled_fd = open_new(fixture, "stalled.json");      /* an upload that hangs in the middle */
        int redirected_fd = open_new(fixture, "redirected.csv"); /* a shell's redirection of a slow query */
        int part_fd = open_new(fixture, "upload.filepart");      /* a client that renames when it is through */
        int slow_fd = open_new(fixture, "slow.ndjson");          /* a line now and then */
        assert_int_equal(write(stalled_fd, LEAD, 10), 10);
        assert_int_equal(write(part_fd, LEAD, strlen(LEAD)), (ssize_t) strlen(LEAD));
        /* Maildir's other way, with a moment in which the file has two names. */
        const char *tmp = fixture_path(fixture, "incoming/web/tmp/linked");
        fixture_write(tmp, LEAD);
        assert_int_equal(link(tmp, fixture_path(fixture, "incoming/web/new/linked.json")), 0);
        fixture_expect_nothing(fixture, US_PER_SECOND / 20);
        assert_int_equal(unlink(fixture_path(fixture, "incoming/web/tmp/linked")), 0);

        for (int64_t end_us = fixture_now_us() + 5 * US_PER_SECOND / 2; fixture_now_us() < end_us;) {
                assert_int_equal(write(slow_fd, LEAD, strlen(LEAD)), (ssize_t) strlen(LEAD));
                assert_int_equal(spool_rescan(fixture->spool), 0);
                SpoolFile *file = fixture_next(fixture, US_PER_SECOND / 4);
                if (!file)
                        continue;
                assert_string_equal(file->identity.name, "linked.json");
                harvest.n_read++;
                assert_int_equal(spool_finish(fixture->spool, file), 0);
        }
        assert_int_equal(harvest.n_read, 1);
        harvest.n_read = 0;
        take_notices(fixture, &harvest);
        assert_int_equal(harvest.n_told, 0);

        assert_int_equal(write(stalled_fd, &LEAD[10], strlen(LEAD) - 10), (ssize_t) strlen(LEAD) - 10);
        assert_int_equal(write(redirected_fd, "email\nann@example.com\n", 22), 22);
        assert_int_equal(
                rename(fixture_path(fixture, "incoming/web/new/upload.filepart"), fixture_path(fixture, "incoming/web/new/upload.json")),
                0);
        assert_int_equal(close(stalled_fd) | close(redirected_fd) | close(part_fd) | close(slow_fd), 0);
        static const struct {
                const char *name;
                size_t size;
        } want[] = {
                { "redirected.csv", 22 },
                { "slow.ndjson", 0 },
                { "stalled.json", sizeof(LEAD) - 1 },
                { "upload.json", sizeof(LEAD) - 1 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
                SpoolFile *file = fixture_next(fixture, SOON_US);
                assert_non_null(file);
                assert_string_equal(file->identity.name, want[i].name);
                if (want[i].size > 0)
                        assert_int_equal(file->identity.size, want[i].size);
                assert_int_equal(spool_finish(fixture->spool, file), 0);
        }
        assert_int_equal(fixture_count(fixture_path(fixture, "incoming/web/new")), 0);
        harvest_done(&harvest);
}

static void spool__tmp__is_never_looked_into(void **state) {
        Fixture *fixture = *state;
        fixture_make_source(fixture, "web");
        fixture_expect_nothing(fixture, 0);
        fixture_write(fixture_path(fixture, "incoming/web/tmp/a.json"), LEAD);
        assert_int_equal(mkfifo(fixture_path(fixture, "incoming/web/tmp/fifo"), 0600), 0);
        assert_int_equal(spool_rescan(fixture->spool), 0);
        fixture_expect_nothing(fixture, US_PER_SECOND / 10);
        assert_null(spool_next_notice(fixture->spool));
        assert_int_equal(fixture_count(fixture_path(fixture, "incoming/web/tmp")), 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(spool__file_renamed_in__is_ready_at_once, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__file_copied_in__is_ready_when_closed, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        spool__file_that_a_scan_found__is_ready_when_its_ctime_is_two_seconds_old, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__writer_that_is_not_done__is_waited_for, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__tmp__is_never_looked_into, fixture_setup, fixture_teardown),
        };
        return cmocka_run_group_tests_name("spool: arrival", tests, NULL, NULL);
}
