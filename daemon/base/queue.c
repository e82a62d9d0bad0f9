/* SPDX-License-Identifier: MIT */
/*
 * A bounded queue of owned pointers between threads. Two lanes: the ordinary
 * one, which holds `capacity` items and makes bulk producers wait, and an
 * urgent one that is always served first, in the order of its pushes. With an
 * eventfd, an event loop learns that something is there.
 * Invariant under the mutex: the eventfd is readable exactly while n > 0.
 */
#include "leadd/base.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>

#define QUEUE_CAPACITY_MAX ((size_t) 1 << 24)

typedef struct Lane {
        void **items;
        size_t capacity;
        size_t first;
        size_t n;
} Lane;

struct Queue {
        pthread_mutex_t mutex;
        pthread_cond_t has_item; /* timed by CLOCK_MONOTONIC */
        pthread_cond_t has_room;
        Lane ordinary;
        Lane urgent;
        bool is_closed;
        int fd;
        void *slots[];
};

/* ---- lanes ---- */

static void lane_push(Lane *lane, void *item) {
        lane->items[(lane->first + lane->n) % lane->capacity] = item;
        lane->n++;
}

static void *lane_pop(Lane *lane) {
        void *item = lane->items[lane->first];
        lane->first = (lane->first + 1) % lane->capacity;
        lane->n--;
        return item;
}

static bool lane_is_full(const Lane *lane) { return lane->n == lane->capacity; }

/* ---- the queue ---- */

static int queue_init_locks(Queue *queue) {
        pthread_condattr_t attr;
        int r = pthread_mutex_init(&queue->mutex, NULL);
        if (r != 0)
                return -r;
        r = pthread_condattr_init(&attr);
        if (r == 0) {
                r = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
                if (r == 0)
                        r = pthread_cond_init(&queue->has_item, &attr);
                pthread_condattr_destroy(&attr);
        }
        if (r != 0) {
                pthread_mutex_destroy(&queue->mutex);
                return -r;
        }
        r = pthread_cond_init(&queue->has_room, NULL);
        if (r != 0) {
                pthread_cond_destroy(&queue->has_item);
                pthread_mutex_destroy(&queue->mutex);
        }
        return -r;
}

int queue_new(size_t capacity, bool with_fd, Queue **ret) {
        if (capacity == 0 || capacity > QUEUE_CAPACITY_MAX)
                return -EINVAL;
        /* Both lanes behind the queue itself: one allocation, so that a failure leaves nothing half built. */
        Queue *queue = calloc(1, sizeof *queue + (capacity + QUEUE_URGENT_MAX) * sizeof(void *));
        if (!queue)
                return -ENOMEM;
        queue->ordinary = (Lane){ .items = queue->slots, .capacity = capacity };
        queue->urgent = (Lane){ .items = queue->slots + capacity, .capacity = QUEUE_URGENT_MAX };
        queue->fd = with_fd ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
        int r = with_fd && queue->fd < 0 ? -errno : queue_init_locks(queue);
        if (r < 0) {
                base_closep(&queue->fd);
                free(queue);
                return r;
        }
        *ret = queue;
        return 0;
}

static void queue_drop(Lane *lane, void (*drop)(void *item)) {
        while (lane->n > 0) {
                void *item = lane_pop(lane);
                if (drop)
                        drop(item);
        }
}

Queue *queue_free(Queue *queue, void (*drop)(void *item)) {
        if (!queue)
                return NULL;
        queue_drop(&queue->urgent, drop);
        queue_drop(&queue->ordinary, drop);
        pthread_cond_destroy(&queue->has_room);
        pthread_cond_destroy(&queue->has_item);
        pthread_mutex_destroy(&queue->mutex);
        base_closep(&queue->fd);
        free(queue);
        return NULL;
}

/* Called with the mutex held, after the push. */
static void queue_announce(Queue *queue) {
        if (queue->fd >= 0 && queue->ordinary.n + queue->urgent.n == 1) {
                uint64_t one = 1;
                ssize_t n = write(queue->fd, &one, sizeof one); /* from 0 to 1: can neither block nor overflow */
                (void) n;
        }
        pthread_cond_signal(&queue->has_item);
}

bool queue_push(Queue *queue, void *item) {
        pthread_mutex_lock(&queue->mutex);
        while (!queue->is_closed && lane_is_full(&queue->ordinary))
                pthread_cond_wait(&queue->has_room, &queue->mutex);
        bool is_taken = !queue->is_closed;
        if (is_taken) {
                lane_push(&queue->ordinary, item);
                queue_announce(queue);
        }
        pthread_mutex_unlock(&queue->mutex);
        return is_taken;
}

static bool queue_push_at_once(Queue *queue, Lane *lane, void *item) {
        pthread_mutex_lock(&queue->mutex);
        bool is_taken = !queue->is_closed && !lane_is_full(lane);
        if (is_taken) {
                lane_push(lane, item);
                queue_announce(queue);
        }
        pthread_mutex_unlock(&queue->mutex);
        return is_taken;
}

bool queue_try_push(Queue *queue, void *item) { return queue_push_at_once(queue, &queue->ordinary, item); }

bool queue_push_front(Queue *queue, void *item) { return queue_push_at_once(queue, &queue->urgent, item); }

static struct timespec deadline_after(int64_t timeout_us) {
        struct timespec at;
        (void) clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_sec += (time_t) (timeout_us / US_PER_SECOND);
        at.tv_nsec += (long) (timeout_us % US_PER_SECOND) * 1000;
        if (at.tv_nsec >= 1000000000) {
                at.tv_sec++;
                at.tv_nsec -= 1000000000;
        }
        return at;
}

/* With only_urgent the ordinary lane stays untouched and its producers wait on. */
static void *queue_take(Queue *queue, int64_t timeout_us, bool only_urgent) {
        struct timespec deadline = { 0 };
        void *item = NULL;
        if (timeout_us > 0)
                deadline = deadline_after(timeout_us);
        pthread_mutex_lock(&queue->mutex);
        while (queue->urgent.n == 0 && (only_urgent || queue->ordinary.n == 0) && !queue->is_closed && timeout_us != 0) {
                if (timeout_us < 0)
                        pthread_cond_wait(&queue->has_item, &queue->mutex);
                else if (pthread_cond_timedwait(&queue->has_item, &queue->mutex, &deadline) == ETIMEDOUT)
                        break;
        }
        if (queue->urgent.n > 0)
                item = lane_pop(&queue->urgent);
        else if (!only_urgent && queue->ordinary.n > 0) {
                item = lane_pop(&queue->ordinary);
                pthread_cond_signal(&queue->has_room);
        }
        if (item && queue->fd >= 0 && queue->ordinary.n + queue->urgent.n == 0) {
                uint64_t count;
                ssize_t n = read(queue->fd, &count, sizeof count); /* back to 0; was 1, so it cannot block */
                (void) n;
        }
        pthread_mutex_unlock(&queue->mutex);
        return item;
}

void *queue_pop(Queue *queue, int64_t timeout_us) { return queue_take(queue, timeout_us, false); }

void *queue_pop_urgent(Queue *queue, int64_t timeout_us) { return queue_take(queue, timeout_us, true); }

void queue_close(Queue *queue) {
        pthread_mutex_lock(&queue->mutex);
        queue->is_closed = true;
        pthread_cond_broadcast(&queue->has_item);
        pthread_cond_broadcast(&queue->has_room);
        pthread_mutex_unlock(&queue->mutex);
}

int queue_fd(const Queue *queue) { return queue->fd; }

size_t queue_size(const Queue *queue) {
        Queue *lockable = (Queue *) queue; /* the lock is not part of what the caller sees as constant */
        pthread_mutex_lock(&lockable->mutex);
        size_t n = lockable->ordinary.n + lockable->urgent.n;
        pthread_mutex_unlock(&lockable->mutex);
        return n;
}
