/* SPDX-License-Identifier: MIT */
/*
 * Who has the next turn: round robin over sources of any size, by name within
 * one, also when inotify loses events; and a turn ends soon whatever it finds.
 */
#include "test_spool_fixture.h"

#define SOON_US (US_PER_SECOND / 2)
#define LIMIT_US (5 * US_PER_SECOND)

static void spool__files_of_one_source__come_by_name(void **state) {
        Fixture *fixture = *state;
        char name[32];
        fixture_make_source(fixture, "web");
        fixture_expect_nothing(fixture, 0);
        fixture_drop_many(fixture, "web", 300);
        for (int i = 0; i < 300; i++) {
                (void) snprintf(name, sizeof(name), "%06d.json", i);
                fixture_expect(fixture, "web", name, LIMIT_US);
        }
        fixture_expect_nothing(fixture, 0);
}

static void spool__sources_of_different_size__take_turns(void **state) {
        Fixture *fixture = *state;
        static const struct {
                const char *source;
                int n;
        } sources[] = { { "bulk", 400 }, { "some", 40 }, { "few", 3 }, { "one", 1 } };
        int got[ARRAY_SIZE(sources)] = { 0 };
        for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
                fixture_make_source(fixture, sources[i].source);
        fixture_expect_nothing(fixture, 0);
        for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
                fixture_drop_many(fixture, sources[i].source, sources[i].n);
        /* After every file: no source that still has files is more than one behind another. */
        for (int k = 0; k < 444; k++) {
                SpoolFile *file = fixture_next(fixture, LIMIT_US);
                assert_non_null(file);
                bool others = spool_others_waiting(fixture->spool, file);
                for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
                        got[i] += base_streq(sources[i].source, file->identity.source);
                for (size_t i = 1; i < ARRAY_SIZE(sources); i++)
                        if (got[i] < sources[i].n && got[0] > got[i] + 1)
                                fail_msg("want turns, got %d of bulk and %d of %s", got[0], got[i], sources[i].source);
                if (got[1] + got[2] + got[3] < 44 - 1)
                        assert_true(others);
                if (k == 443)
                        assert_false(others);
                assert_int_equal(spool_finish(fixture->spool, file), 0);
        }
        for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
                assert_int_equal(got[i], sources[i].n);
}

static void spool__lost_events__lead_to_a_scan_of_everything(void **state) {
        Fixture *fixture = *state;
        int max_queued = 16384;
        _cleanup_(base_freep) char *text = fixture_read("/proc/sys/fs/inotify/max_queued_events");
        if (text)
                max_queued = atoi(text);
        fixture_make_source(fixture, "flood");
        fixture_make_source(fixture, "web");
        fixture_expect_nothing(fixture, 0);
        /* Each rename is an event, whether anybody looks or not. */
        fixture_drop(fixture, "flood", "0.json", LEAD);
        int writing_fd = open(fixture_path(fixture, "incoming/web/new/w.json"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        assert_int_equal(write(writing_fd, LEAD, strlen(LEAD)), (ssize_t) strlen(LEAD));
        fixture_expect(fixture, "flood", "0.json", SOON_US); /* and the write is seen */
        fixture_drop(fixture, "flood", "0.json", LEAD);
        for (int i = 0; i < max_queued + 100; i++)
                assert_int_equal(rename(fixture_path(fixture, "incoming/flood/new/%d.json", i % 2),
                                         fixture_path(fixture, "incoming/flood/new/%d.json", (i + 1) % 2)),
                        0);
        assert_int_equal(close(writing_fd), 0); /* and this is not */
        fixture_drop(fixture, "web", "a.json", LEAD);
        fixture_make_source(fixture, "made");
        fixture_drop(fixture, "made", "b.json", LEAD);
        int64_t start_us = fixture_now_us();
        bool web = false, written = false, made = false, flood = false;
        for (int i = 0; i < 4; i++) {
                SpoolFile *file = fixture_next(fixture, LIMIT_US);
                assert_non_null(file);
                web |= base_streq(file->identity.name, "a.json");
                written |= base_streq(file->identity.name, "w.json");
                made |= base_streq(file->identity.source, "made");
                flood |= base_streq(file->identity.source, "flood");
                assert_int_equal(spool_finish(fixture->spool, file), 0);
        }
        assert_true(web && written && made && flood);
        /* The scan came at once, the files settled. */
        assert_true(fixture_now_us() - start_us < SPOOL_SETTLE_US + US_PER_SECOND);
}

static void spool__one_call__does_a_bounded_amount_of_work(void **state) {
        Fixture *fixture = *state;
        char name[32];
        fixture_make_source(fixture, "web");
        fixture_expect_nothing(fixture, 0);
        for (int i = 0; i < 10000; i++) {
                (void) snprintf(name, sizeof(name), ".ignored%d", i);
                fixture_copy(fixture, "web", name, "");
        }
        for (int i = 0; i < 1000; i++) {
                (void) snprintf(name, sizeof(name), "wrong%d.txt", i);
                fixture_copy(fixture, "web", name, "");
        }
        (void) usleep(SPOOL_SETTLE_US);
        assert_int_equal(spool_rescan(fixture->spool), 0);
        size_t n_calls = 0, n_most = 0;
        do {
                SpoolFile *file = NULL;
                assert_int_equal(spool_next(fixture->spool, &file), SPOOL_E_EMPTY);
                size_t n_notices = 0;
                for (SpoolNotice *notice; (notice = spool_next_notice(fixture->spool)); n_notices++)
                        (void) spool_notice_free(notice);
                n_most = n_notices > n_most ? n_notices : n_most;
                n_calls++;
        } while (!spool_is_idle(fixture->spool));
        assert_true(n_calls > 50);
        assert_true(n_most <= 8);
        assert_int_equal(fixture_count(fixture_path(fixture, "held/web")), 2000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(spool__files_of_one_source__come_by_name, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__sources_of_different_size__take_turns, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__lost_events__lead_to_a_scan_of_everything, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__one_call__does_a_bounded_amount_of_work, fixture_setup, fixture_teardown),
        };
        return cmocka_run_group_tests_name("spool: turns", tests, NULL, NULL);
}
