/* SPDX-License-Identifier: MIT */
/*
 * How files become ready: renamed in, closed, settled; sources that come, go and
 * have odd names; lost events; who has the next turn.
 */
#include "test_spool_fixture.h"

#define SOON_US (US_PER_SECOND / 2)

/* ---- arriving ---- */

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

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(spool__file_renamed_in__is_ready_at_once, fixture_setup, fixture_teardown),
        };
        return cmocka_run_group_tests_name("spool: arrival", tests, NULL, NULL);
}
