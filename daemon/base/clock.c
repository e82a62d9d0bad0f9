/* SPDX-License-Identifier: MIT */
/*
 * The clock seam: the only place in the daemon that asks what time it is.
 * A virtual clock stands still until it is moved, and never goes back.
 */
#include "leadd/base.h"

#include <errno.h>
#include <stdatomic.h>
#include <time.h>

struct Clock {
        bool is_virtual;
        _Atomic int64_t now_us; /* virtual only */
};

static Clock *clock_new(bool is_virtual, int64_t start_us) {
        Clock *clock = malloc(sizeof *clock);
        if (!clock)
                return NULL;
        clock->is_virtual = is_virtual;
        atomic_init(&clock->now_us, start_us);
        return clock;
}

Clock *clock_new_real(void) { return clock_new(false, 0); }

Clock *clock_new_virtual(int64_t start_us) { return clock_new(true, start_us); }

Clock *clock_free(Clock *clock) {
        free(clock);
        return NULL;
}

bool clock_is_virtual(const Clock *clock) { return clock->is_virtual; }

int64_t clock_now_us(const Clock *clock) {
        if (clock->is_virtual)
                return atomic_load(&clock->now_us);
        struct timespec now;
        (void) clock_gettime(CLOCK_REALTIME, &now); /* cannot fail with this clock and a valid pointer */
        return (int64_t) now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

int clock_set_us(Clock *clock, int64_t time_us) {
        if (!clock->is_virtual)
                return -EINVAL;
        int64_t now_us = atomic_load(&clock->now_us);
        do {
                if (time_us < now_us)
                        return -EINVAL;
        } while (!atomic_compare_exchange_weak(&clock->now_us, &now_us, time_us));
        return 0;
}
