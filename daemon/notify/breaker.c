/* SPDX-License-Identifier: MIT */
/*
 * One breaker a channel: closed while deliveries succeed, open for a while after NOTIFY_BREAKER_FAILURES failures in a row, then half open:
 * one row is tried, and what becomes of it closes the breaker or opens it for twice as long. In memory only: after a start every channel
 * gets a new chance.
 */
#include "internal.h"

Breaker *breaker_find(Breakers *breakers, const char *channel) {
        for (size_t i = 0; i < breakers->n; i++)
                if (base_streq(breakers->items[i].channel, channel))
                        return &breakers->items[i];
        if (breakers->n == NOTIFY_CHANNELS_MAX)
                return NULL;
        char *name = strdup(channel);
        if (!name)
                return NULL;
        breakers->items[breakers->n] = (Breaker){ .channel = name, .open_until_us = TIME_NONE };
        return &breakers->items[breakers->n++];
}

bool breaker_lets_through(const Breaker *breaker, int64_t now_us, int64_t *ret_until_us) {
        if (!breaker || breaker->open_until_us == TIME_NONE)
                return true;
        if (now_us < breaker->open_until_us) {
                *ret_until_us = breaker->open_until_us;
                return false;
        }
        *ret_until_us = now_us + NOTIFY_RETRY_FIRST_US;
        return breaker->n_in_flight == 0;
}

bool breaker_note(Breaker *breaker, bool failed, int64_t now_us) {
        if (!breaker)
                return false;
        if (!failed) {
                breaker->n_failures = 0;
                breaker->open_until_us = TIME_NONE;
                return false;
        }
        breaker->n_failures++;
        if (breaker->n_failures < NOTIFY_BREAKER_FAILURES)
                return false;
        int64_t pause_us = NOTIFY_BREAKER_FIRST_US;
        for (unsigned i = NOTIFY_BREAKER_FAILURES; i < breaker->n_failures && pause_us < NOTIFY_BREAKER_LAST_US; i++)
                pause_us *= 2;
        breaker->open_until_us = now_us + (pause_us < NOTIFY_BREAKER_LAST_US ? pause_us : NOTIFY_BREAKER_LAST_US);
        return breaker->n_failures == NOTIFY_BREAKER_FAILURES;
}

void breakers_done(Breakers *breakers) {
        for (size_t i = 0; i < breakers->n; i++)
                free((char *) breakers->items[i].channel);
        *breakers = (Breakers){ 0 };
}
