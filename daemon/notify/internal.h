#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * notify, inside: notify.c runs rounds and marks what became of rows, message.c makes one job of a row or of the rows of
 * a mail, segment.c writes drops, tellers.c hands jobs to leadd-notify on threads of their own, breaker.c remembers which
 * channels are broken.
 */
#include "leadd/notify.h"

/* ---- message.c ---- */

/* The request for leadd-notify (freed with free()) that tells all of the mail, or its only row. */
int message_make(
        const uint8_t secret[static DIGEST_SIZE], const RuleSet *rules, const Channel *channel, const OutboxMail *mail, char **ret);

/* ---- segment.c ---- */

/* Whether the channel's name can be a directory below outgoing/. */
bool segment_is_name(const char *name);
int segment_open_directory(int parent_fd, const char *name, int *ret);
/* Writes the drop rows of the channel as one segment: tmp, fsync, rename, fsync of the directory. The same rows give the same name. */
int segment_write(int outgoing_fd, const char *channel, const OutboxRow *rows, size_t n_rows);

/* ---- breaker.c ---- */

typedef struct Breaker {
        const char *channel; /* owned */
        unsigned n_failures; /* in a row */
        unsigned n_in_flight;
        int64_t open_until_us; /* TIME_NONE = closed */
} Breaker;
typedef struct Breakers {
        Breaker items[NOTIFY_CHANNELS_MAX];
        size_t n;
} Breakers;
/* The channel's breaker, made when it is new; NULL when there are too many channels: they have none. */
Breaker *breaker_find(Breakers *breakers, const char *channel);
/* May a row be tried at now? If not, *ret_until_us says when to ask again. After a pause one row at a time is let through. */
bool breaker_lets_through(const Breaker *breaker, int64_t now_us, int64_t *ret_until_us);
/* true: it opened with this failure. */
bool breaker_note(Breaker *breaker, bool failed, int64_t now_us);
void breakers_done(Breakers *breakers);

/* ---- tellers.c ---- */

typedef struct Tellers Tellers;
int tellers_new(const NotifyConfig *config, Tellers **ret);
Tellers *tellers_free(Tellers *tellers);
/* Takes the request, a Varlink frame (freed with free()). false: no room. */
bool tellers_give(Tellers *tellers, uint64_t id, char *request);
