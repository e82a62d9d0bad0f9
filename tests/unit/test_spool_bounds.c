/* SPDX-License-Identifier: MIT */
/*
 * Bounds: a source with very many files costs neither memory nor the time of
 * others, whether a scan or inotify finds them.
 */
#include "test_spool_fixture.h"

#include <malloc.h>

#define LIMIT_US (5 * US_PER_SECOND)

static void spool__fifty_thousand_files_in_one_source__need_bounded_memory_and_delay_nobody(void **state) {
        Fixture *fixture = *state;
        enum { N = 50000 };
        int n_read = 0, n_bulk_before_urgent = 0, rounds = 0;
        int64_t urgent_us = 0, worst_us = 0;
        bool urgent_waits = false;
        fixture->spool = spool_free(fixture->spool);
        fixture_make_source(fixture, "bulk");
        fixture_make_source(fixture, "urgent");
        fixture_drop_many(fixture, "bulk", N);
        fixture_open(fixture);
        SpoolFile *first = fixture_next(fixture, LIMIT_US);
        assert_non_null(first);
        assert_int_equal(spool_finish(fixture->spool, first), 0);
        size_t before = mallinfo2().uordblks, most = before;
        int64_t start_us = fixture_now_us();
        n_read = 1;
        while (n_read < N) {
                if (n_read % 5000 == 1 && !urgent_waits) {
                        fixture_drop(fixture, "urgent", "u.json", LEAD);
                        urgent_us = fixture_now_us();
                        urgent_waits = true;
                        n_bulk_before_urgent = 0;
                        rounds++;
                }
                SpoolFile *file = fixture_next(fixture, LIMIT_US);
                if (!file)
                        fail_msg("want %d files, got %d", N, n_read);
                if (base_streq(file->identity.source, "urgent")) {
                        int64_t took_us = fixture_now_us() - urgent_us;
                        worst_us = took_us > worst_us ? took_us : worst_us;
                        assert_true(n_bulk_before_urgent <= 2);
                        urgent_waits = false;
                } else {
                        n_read++;
                        n_bulk_before_urgent++;
                }
                assert_int_equal(spool_finish(fixture->spool, file), 0);
                if (n_read % 1000 == 0 && mallinfo2().uordblks > most)
                        most = mallinfo2().uordblks;
        }
        int64_t took_us = fixture_now_us() - start_us;
        print_message("%d files/s; the other source waited %lld us at most; %zu bytes\n", (int) (N * US_PER_SECOND / took_us),
                (long long) worst_us, most - before);
        assert_true(rounds >= 5);
        assert_true(worst_us < US_PER_SECOND);
        if (most > before + 512 * 1024)
                fail_msg("want less than 512 KiB more, got %zu", most - before);
        assert_int_equal(fixture_count(fixture_path(fixture, "incoming/bulk/new")), 0);
}

static void spool__thousands_of_announced_names__need_bounded_memory(void **state) {
        Fixture *fixture = *state;
        enum { N = 8000 };
        fixture_make_source(fixture, "web");
        fixture_expect_nothing(fixture, 0);
        fixture_drop_many(fixture, "web", N);
        size_t before = mallinfo2().uordblks;
        for (int i = 0; i < N; i++) {
                SpoolFile *file = fixture_next(fixture, LIMIT_US);
                if (!file)
                        fail_msg("want %d files, got %d", N, i);
                assert_int_equal(spool_finish(fixture->spool, file), 0);
                if (mallinfo2().uordblks > before + 256 * 1024)
                        fail_msg("want less than 256 KiB more, got %zu", mallinfo2().uordblks - before);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        spool__fifty_thousand_files_in_one_source__need_bounded_memory_and_delay_nobody, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__thousands_of_announced_names__need_bounded_memory, fixture_setup, fixture_teardown),
        };
        return cmocka_run_group_tests_name("spool: bounds", tests, NULL, NULL);
}
