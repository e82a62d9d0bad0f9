/* SPDX-License-Identifier: MIT */
/*
 * What the daemon may not do: files it may not read, directories it may not
 * change, leases of others. Run as root, the unprivileged part is done by nobody
 * in another process.
 */
#include "test_spool_fixture.h"

#include <grp.h>
#include <signal.h>
#include <sys/wait.h>

#define NOBODY 65534

/* Runs body as nobody in another process and fails with it. */
static void as_nobody(Fixture *fixture, void (*body)(Fixture *fixture)) {
        if (geteuid() != 0) {
                print_message("not root: skipped\n");
                skip();
        }
        fixture->spool = spool_free(fixture->spool);
        static const char *const rooms[] = { ".", "incoming", "incoming/web/new", "held", "done", "outgoing" };
        for (size_t i = 0; i < ARRAY_SIZE(rooms); i++)
                assert_int_equal(chown(fixture_path(fixture, "%s", rooms[i]), NOBODY, NOBODY), 0);
        (void) fflush(NULL);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
                        _exit(99);
                fixture_open(fixture);
                body(fixture);
                fixture->spool = spool_free(fixture->spool);
                (void) fflush(NULL);
                _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        fixture_open(fixture);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                fail_msg("the unprivileged part failed: want status 0, got %#x", status);
}

/* In the child, where cmocka cannot catch a failure. */
#define CHILD_CHECK(condition) \
        do { \
                if (!(condition)) { \
                        (void) fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
                        _exit(1); \
                } \
        } while (0)

static const Told *find_told(const Harvest *harvest, const char *name) {
        for (size_t i = 0; i < harvest->n_told; i++)
                if (base_streq(harvest->told[i].name, name))
                        return &harvest->told[i];
        return NULL;
}

static void denied_body(Fixture *fixture) {
        Harvest harvest = { 0 };
        reap(fixture, &harvest, SETTLED_US);
        const Told *told = find_told(&harvest, "secret.json");
        CHILD_CHECK(told && base_streq(told->reason, "unreadable") && told->moved);
        /* Another user's directory may be moved only by who may write into it. */
        told = find_told(&harvest, "directory.json");
        CHILD_CHECK(told && base_streq(told->reason, "directory") && !told->moved);
        CHILD_CHECK(fixture_exists(fixture, "incoming/web", "new", "directory.json"));
        CHILD_CHECK(times_read(&harvest, "open.json") == 1);
        /* Read once, though it can be neither removed nor moved. */
        CHILD_CHECK(times_read(&harvest, "stuck.json") == 1);
        told = find_told(&harvest, "stuck.json");
        CHILD_CHECK(told && base_streq(told->reason, "unremovable") && !told->moved);
        told = find_told(&harvest, "wrong.txt");
        CHILD_CHECK(told && base_streq(told->reason, "wrong_name") && !told->moved);
        /* A source that is closed to us. */
        told = find_told(&harvest, "new");
        CHILD_CHECK(told && base_streq(told->reason, "unreadable") && !told->moved);
        /* A directory that may be listed, but not entered. */
        told = find_told(&harvest, "seen.json");
        CHILD_CHECK(told && base_streq(told->reason, "unreadable") && !told->moved);
        CHILD_CHECK(harvest.n_told == 6 && harvest.n_read == 2);

        /* Nothing of it is tried or told again. */
        CHILD_CHECK(spool_rescan(fixture->spool) == 0);
        reap(fixture, &harvest, SETTLED_US);
        CHILD_CHECK(harvest.n_told == 6 && harvest.n_read == 2);
        CHILD_CHECK(spool_is_idle(fixture->spool));
        harvest_done(&harvest);
}

static void spool__what_an_unprivileged_daemon_may_not_touch__is_held_or_left_and_told_once(void **state) {
        Fixture *fixture = *state;
        fixture_make_source(fixture, "web");
        fixture_copy(fixture, "web", "secret.json", LEAD);
        assert_int_equal(chmod(fixture_path(fixture, "incoming/web/new/secret.json"), 0600), 0);
        fixture_copy(fixture, "web", "open.json", LEAD);
        assert_int_equal(mkdir(fixture_path(fixture, "incoming/web/new/directory.json"), 0755), 0);
        fixture_make_source(fixture, "stuck");
        fixture_copy(fixture, "stuck", "stuck.json", LEAD);
        fixture_copy(fixture, "stuck", "wrong.txt", LEAD);
        fixture_make_source(fixture, "closed");
        fixture_copy(fixture, "closed", "a.json", LEAD);
        assert_int_equal(chmod(fixture_path(fixture, "incoming/closed/new"), 0700), 0);
        fixture_make_source(fixture, "listed");
        fixture_copy(fixture, "listed", "seen.json", LEAD);
        assert_int_equal(chmod(fixture_path(fixture, "incoming/listed/new"), 0744), 0);
        as_nobody(fixture, denied_body);
        assert_true(fixture_exists(fixture, "held", "web", "secret.json.reason.json"));
        assert_false(fixture_exists(fixture, "held", "web", "directory.json.reason.json"));
        assert_int_equal(fixture_count(fixture_path(fixture, "held/stuck")), 0);
}

/* ---- leases ---- */

static void spool__leased_file__blocks_nobody_and_is_read_when_free(void **state) {
        Fixture *fixture = *state;
        Harvest harvest = { 0 };
        fixture_make_source(fixture, "web");
        fixture_expect_nothing(fixture, 0);
        fixture_drop(fixture, "web", "leased.json", LEAD);
        int fd = open(fixture_path(fixture, "incoming/web/new/leased.json"), O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        /* The kernel asks the holder with a signal, which this one ignores. */
        assert_int_equal(fcntl(fd, F_SETSIG, SIGURG), 0);
        if (fcntl(fd, F_SETLEASE, F_WRLCK) < 0) {
                print_message("no leases here: skipped\n");
                skip();
        }
        fixture_drop(fixture, "web", "other.json", LEAD);
        int64_t start_us = fixture_now_us();
        fixture_expect(fixture, "web", "other.json", US_PER_SECOND);
        assert_true(fixture_now_us() - start_us < US_PER_SECOND);
        reap(fixture, &harvest, SETTLED_US);
        assert_int_equal(harvest.n_read, 0);
        assert_int_equal(harvest.n_told, 1);
        assert_string_equal(harvest.told[0].reason, "leased");
        assert_false(harvest.told[0].moved);
        assert_true(spool_is_idle(fixture->spool));
        assert_int_equal(fcntl(fd, F_SETLEASE, F_UNLCK), 0);
        assert_int_equal(close(fd), 0);
        assert_int_equal(spool_rescan(fixture->spool), 0);
        fixture_expect(fixture, "web", "leased.json", SETTLED_US);
        harvest_done(&harvest);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        spool__what_an_unprivileged_daemon_may_not_touch__is_held_or_left_and_told_once, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__leased_file__blocks_nobody_and_is_read_when_free, fixture_setup, fixture_teardown),
        };
        return cmocka_run_group_tests_name("spool: denied", tests, NULL, NULL);
}
