/* SPDX-License-Identifier: MIT */
/*
 * Killed while it sets files aside: afterwards each file is in held/ once, with
 * its reason and its rejects, and nothing else is there.
 */
#include "test_spool_fixture.h"

#include <signal.h>
#include <sys/wait.h>

#define N_KILLS 200
#define N_DROPS 6 /* before each kill */
#define REASON_SUFFIX ".reason.json"
#define REJECTS_SUFFIX ".rejects.ndjson"

/* Sets aside whatever comes, until it is killed or has nothing left. */
static void serve(const Fixture *fixture, bool until_idle) {
        SpoolConfig config = { .directory = fixture->directory };
        Spool *spool = NULL;
        if (spool_new(&config, &spool) < 0)
                _exit(1);
        for (;;) {
                SpoolFile *file = NULL;
                int r = spool_next(spool, &file);
                for (SpoolNotice *notice; (notice = spool_next_notice(spool));)
                        (void) spool_notice_free(notice);
                if (r < 0)
                        _exit(2);
                if (r == SPOOL_E_EMPTY) {
                        if (until_idle && spool_is_idle(spool))
                                _exit(0);
                        (void) usleep(300);
                        continue;
                }
                if (spool_write_rejects(spool, &file->identity, "{}\n", 3) < 0)
                        _exit(3);
                if (spool_set_aside(spool, file, "undecodable", "It cannot be decoded.", 1) < 0)
                        _exit(4);
        }
}

static bool ends_with(const char *name, const char *suffix) {
        size_t size = strlen(name), suffix_size = strlen(suffix);
        return size >= suffix_size && base_streq(name + size - suffix_size, suffix);
}

static void spool__killed_while_setting_aside__holds_each_file_once_with_its_reason(void **state) {
        Fixture *fixture = *state;
        char name[64];
        int n_made = 0, status = 0;
        size_t n_files = 0, n_reasons = 0, n_rejects = 0;
        fixture->spool = spool_free(fixture->spool);
        fixture_make_source(fixture, "web");
        srand(20260305);
        (void) fflush(NULL);
        for (int k = 0; k <= N_KILLS; k++) {
                pid_t pid = fork();
                assert_true(pid >= 0);
                if (pid == 0)
                        serve(fixture, k == N_KILLS);
                if (k == N_KILLS) {
                        assert_int_equal(waitpid(pid, &status, 0), pid);
                        break;
                }
                (void) usleep(1000);
                for (int i = 0; i < N_DROPS; i++) {
                        (void) snprintf(name, sizeof(name), "%d.%s", n_made, n_made % 3 ? "json" : "txt");
                        fixture_drop(fixture, "web", name, LEAD);
                        n_made++;
                }
                (void) usleep((useconds_t) (rand() % 3000));
                assert_int_equal(kill(pid, SIGKILL), 0);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                if (!WIFSIGNALED(status))
                        fail_msg("want it alive until it is killed, got status %#x", status);
        }
        assert_int_equal(status, 0);
        assert_int_equal(fixture_count(fixture_path(fixture, "incoming/web/new")), 0);
        DIR *directory = opendir(fixture_path(fixture, "held/web"));
        assert_non_null(directory);
        for (const struct dirent *entry; (entry = readdir(directory));) {
                if (entry->d_name[0] == '.')
                        continue;
                n_reasons += ends_with(entry->d_name, REASON_SUFFIX);
                n_rejects += ends_with(entry->d_name, REJECTS_SUFFIX);
                if (ends_with(entry->d_name, REASON_SUFFIX) || ends_with(entry->d_name, REJECTS_SUFFIX))
                        continue;
                n_files++;
                (void) snprintf(name, sizeof(name), "%.40s" REASON_SUFFIX, entry->d_name);
                if (!fixture_exists(fixture, "held", "web", name))
                        fail_msg("want %s, got none", name);
        }
        (void) closedir(directory);
        assert_int_equal(n_files, n_made);
        assert_int_equal(n_reasons, n_made);
        assert_int_equal(n_rejects, n_made - n_made / 3);
        fixture_open(fixture);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        spool__killed_while_setting_aside__holds_each_file_once_with_its_reason, fixture_setup, fixture_teardown),
        };
        return cmocka_run_group_tests_name("spool: kill", tests, NULL, NULL);
}
