/* SPDX-License-Identifier: MIT */
/* The queue between threads: order, bounds, closing, the eventfd; and under load (run it with ThreadSanitizer, too). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "leadd/base.h"

static int items[10000];
#define ITEM(i) ((void *) &items[i])
#define INDEX(item) ((int) ((int *) (item) -items))

static Queue *queue_with(size_t capacity, bool with_fd) {
        Queue *queue = NULL;
        assert_int_equal(queue_new(capacity, with_fd, &queue), 0);
        return queue;
}

static bool fd_is_readable(const Queue *queue) {
        struct pollfd fd = { .fd = queue_fd(queue), .events = POLLIN };
        return poll(&fd, 1, 0) == 1;
}

static int64_t monotonic_us(void) {
        struct timespec now;
        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t) now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

static void queue__one_thread__keeps_order_and_bound(void **state) {
        (void) state;
        Queue *queue = queue_with(3, false);
        assert_int_equal(queue_fd(queue), -1);
        for (int round = 0; round < 10; round++) {
                for (int i = 0; i < 3; i++)
                        assert_true(queue_try_push(queue, ITEM(i)));
                assert_false(queue_try_push(queue, ITEM(3)));
                assert_int_equal(queue_size(queue), 3);
                assert_ptr_equal(queue_pop(queue, 0), ITEM(0));
                assert_true(queue_try_push(queue, ITEM(3)));
                for (int i = 1; i <= 3; i++)
                        assert_ptr_equal(queue_pop(queue, -1), ITEM(i));
                assert_null(queue_pop(queue, 0));
                assert_int_equal(queue_size(queue), 0);
        }
        assert_null(queue_free(queue, NULL));
        assert_null(queue_free(NULL, NULL));
}

static void queue_new__no_capacity__is_refused(void **state) {
        (void) state;
        Queue *queue = NULL;
        assert_int_equal(queue_new(0, false, &queue), -EINVAL);
        assert_null(queue);
}

static void queue_push_front__full_queue__is_served_first_and_in_order(void **state) {
        (void) state;
        Queue *queue = queue_with(2, true);
        assert_true(queue_push(queue, ITEM(0)));
        assert_true(queue_push(queue, ITEM(1)));
        for (int i = 0; i < QUEUE_URGENT_MAX; i++)
                assert_true(queue_push_front(queue, ITEM(100 + i)));
        assert_false(queue_push_front(queue, ITEM(2)));
        assert_int_equal(queue_size(queue), 2 + QUEUE_URGENT_MAX);
        for (int i = 0; i < QUEUE_URGENT_MAX; i++)
                assert_ptr_equal(queue_pop(queue, 0), ITEM(100 + i));
        assert_ptr_equal(queue_pop(queue, 0), ITEM(0));
        assert_true(queue_push_front(queue, ITEM(3)));
        assert_ptr_equal(queue_pop(queue, 0), ITEM(3));
        assert_ptr_equal(queue_pop(queue, 0), ITEM(1));
        assert_false(fd_is_readable(queue));
        queue_free(queue, NULL);
}

static void queue_fd__readable__exactly_while_not_empty(void **state) {
        (void) state;
        Queue *queue = queue_with(8, true);
        assert_false(fd_is_readable(queue));
        for (int round = 0; round < 5; round++) {
                assert_true(queue_push(queue, ITEM(0)));
                assert_true(fd_is_readable(queue));
                assert_true(queue_push_front(queue, ITEM(1)));
                assert_true(fd_is_readable(queue));
                assert_non_null(queue_pop(queue, 0));
                assert_true(fd_is_readable(queue));
                assert_non_null(queue_pop(queue, 0));
                assert_false(fd_is_readable(queue));
                assert_null(queue_pop(queue, 0));
                assert_false(fd_is_readable(queue));
        }
        queue_free(queue, NULL);
}

static void queue_pop__nothing_comes__waits_as_long_as_told(void **state) {
        (void) state;
        Queue *queue = queue_with(1, false);
        int64_t start = monotonic_us();
        assert_null(queue_pop(queue, 30000));
        int64_t took = monotonic_us() - start;
        if (took < 30000)
                fail_msg("waited %lld us, want at least 30000", (long long) took);
        queue_free(queue, NULL);
}

static void queue_close__items_inside__can_still_be_popped(void **state) {
        (void) state;
        Queue *queue = queue_with(4, true);
        assert_true(queue_push(queue, ITEM(0)));
        assert_true(queue_push(queue, ITEM(1)));
        queue_close(queue);
        queue_close(queue);
        assert_false(queue_push(queue, ITEM(2)));
        assert_false(queue_try_push(queue, ITEM(2)));
        assert_false(queue_push_front(queue, ITEM(2)));
        assert_ptr_equal(queue_pop(queue, -1), ITEM(0));
        assert_ptr_equal(queue_pop(queue, -1), ITEM(1));
        assert_null(queue_pop(queue, -1));
        queue_free(queue, NULL);
}

static int n_dropped;
static void on_drop(void *item) { n_dropped += INDEX(item); }

static void queue_free__items_inside__are_dropped(void **state) {
        (void) state;
        Queue *queue = queue_with(4, false);
        n_dropped = 0;
        assert_true(queue_push(queue, ITEM(1)));
        assert_true(queue_push(queue, ITEM(10)));
        assert_true(queue_push_front(queue, ITEM(100)));
        queue_free(queue, on_drop);
        assert_int_equal(n_dropped, 111);
}

/* ---- threads ---- */

enum { N_PRODUCERS = 3, N_EACH = 3000 };

typedef struct Producer {
        Queue *queue;
        int first;
        int n;
} Producer;

static void *producer_run(void *data) {
        Producer *producer = data;
        for (int i = 0; i < producer->n; i++) {
                int index = producer->first + i;
                items[index] = index; /* handed over by the queue, without a lock of its own: TSan would see a race */
                if (i % 50 == 49 ? !queue_push_front(producer->queue, ITEM(index)) : !queue_push(producer->queue, ITEM(index)))
                        return "refused";
        }
        return NULL;
}

static void queue__several_producers__nothing_is_lost_or_doubled(void **state) {
        (void) state;
        Queue *queue = queue_with(16, true);
        pthread_t threads[N_PRODUCERS];
        Producer producers[N_PRODUCERS];
        bool seen[N_PRODUCERS * N_EACH] = { false };
        int newest[N_PRODUCERS] = { -1, -1, -1 };
        for (int i = 0; i < N_PRODUCERS; i++) {
                producers[i] = (Producer){ queue, i * N_EACH, N_EACH };
                assert_int_equal(pthread_create(&threads[i], NULL, producer_run, &producers[i]), 0);
        }
        for (int n = 0; n < N_PRODUCERS * N_EACH; n++) {
                /* In turn: the waits of a worker and those of an event loop. */
                if (n % 2) {
                        struct pollfd fd = { .fd = queue_fd(queue), .events = POLLIN };
                        assert_int_equal(poll(&fd, 1, 5000), 1);
                }
                int *item = queue_pop(queue, n % 2 ? 0 : n % 4 ? -1 : 5 * US_PER_SECOND);
                assert_non_null(item);
                int index = INDEX(item), who = index / N_EACH;
                assert_int_equal(*item, index);
                assert_false(seen[index]);
                seen[index] = true;
                if (index % N_EACH % 50 != 49) { /* ordinary items of one producer keep their order */
                        if (index <= newest[who])
                                fail_msg("producer %d: %d came after %d", who, index, newest[who]);
                        newest[who] = index;
                }
        }
        assert_null(queue_pop(queue, 0));
        assert_false(fd_is_readable(queue));
        for (int i = 0; i < N_PRODUCERS; i++) {
                void *failure = NULL;
                pthread_join(threads[i], &failure);
                assert_null(failure);
        }
        queue_free(queue, NULL);
}

static void *pusher_run(void *data) { return queue_push(data, ITEM(1)) ? "taken" : NULL; }
static void *popper_run(void *data) { return queue_pop(data, -1); }

static void queue_close__waiting_threads__wake(void **state) {
        (void) state;
        Queue *full = queue_with(1, false), *empty = queue_with(1, false);
        pthread_t pushers[2], poppers[2];
        assert_true(queue_push(full, ITEM(0)));
        for (int i = 0; i < 2; i++) {
                assert_int_equal(pthread_create(&pushers[i], NULL, pusher_run, full), 0);
                assert_int_equal(pthread_create(&poppers[i], NULL, popper_run, empty), 0);
        }
        usleep(20000); /* so that most runs find them waiting; the outcome is the same when they are not */
        queue_close(full);
        queue_close(empty);
        for (int i = 0; i < 2; i++) {
                void *got = ITEM(0);
                pthread_join(pushers[i], &got);
                assert_null(got);
                got = ITEM(0);
                pthread_join(poppers[i], &got);
                assert_null(got);
        }
        assert_ptr_equal(queue_pop(full, 0), ITEM(0));
        queue_free(full, NULL);
        queue_free(empty, NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(queue__one_thread__keeps_order_and_bound),
                cmocka_unit_test(queue_new__no_capacity__is_refused),
                cmocka_unit_test(queue_push_front__full_queue__is_served_first_and_in_order),
                cmocka_unit_test(queue_fd__readable__exactly_while_not_empty),
                cmocka_unit_test(queue_pop__nothing_comes__waits_as_long_as_told),
                cmocka_unit_test(queue_close__items_inside__can_still_be_popped),
                cmocka_unit_test(queue_free__items_inside__are_dropped),
                cmocka_unit_test(queue__several_producers__nothing_is_lost_or_doubled),
                cmocka_unit_test(queue_close__waiting_threads__wake),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
