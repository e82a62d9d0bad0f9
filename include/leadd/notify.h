#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * notify: tells. Delivers outbox rows: the journal (ids only) and drops (CloudEvents in NDJSON segments, moved into
 * place by rename) itself, mail, webhooks and programs through leadd-notify, a process of its own (daemon/notifier).
 * At least once, with a stable id: what was delivered is marked in a transaction afterwards, and a kill in between
 * repeats at most what was under way. Failures wait with doubling pauses; after NOTIFY_GIVE_UP_US a row is a dead
 * letter that a person decides about. A channel that fails again and again is left alone for a while (a breaker), so
 * that one dead server does not eat the attempts of all that is meant for it.
 */
#include "leadd/base.h"
#include "leadd/policy.h"
#include "leadd/store.h"

#define NOTIFY_BATCH_MAX 2000                       /* outbox rows in one round */
#define NOTIFY_RETRY_FIRST_US (30 * US_PER_SECOND)  /* waits double from here ... */
#define NOTIFY_RETRY_LAST_US (4000 * US_PER_SECOND) /* ... to here, each up to a fifth longer, so that they do not come in step */
#define NOTIFY_GIVE_UP_US (5 * US_PER_DAY)
#define NOTIFY_TELLERS 4                            /* deliveries at a time */
#define NOTIFY_IN_FLIGHT_MAX 32                     /* rows handed to the tellers */
#define NOTIFY_GATHER_MAX 100000                    /* rows of one mail */
#define NOTIFY_DIGEST_SECTIONS_MAX 50               /* leads that a mail of several tells about; of the others it says how many */
#define NOTIFY_DIGEST_SIZE_MAX (256 * 1024)         /* ... or as many as fit in so many bytes */
#define NOTIFY_SUBJECT_SIZE_MAX 400                 /* of the first subject in that of a mail of several */
#define NOTIFY_QUIET_SLACK_US US_PER_MINUTE         /* a reminder whose reader went home so recently still goes out */
#define NOTIFY_ANSWER_US (100 * US_PER_SECOND)      /* longer than any delivery may take (daemon/notifier/notifier.h) */
#define NOTIFY_LEASE_US (10 * US_PER_MINUTE)        /* a row under way is nobody else's for so long */
#define NOTIFY_BREAKER_FAILURES 5                   /* in a row */
#define NOTIFY_BREAKER_FIRST_US US_PER_MINUTE       /* the first pause; they double ... */
#define NOTIFY_BREAKER_LAST_US (30 * US_PER_MINUTE) /* ... to here; then one row is tried */
#define NOTIFY_CHANNELS_MAX 64                      /* channels with a breaker of their own */
#define NOTIFY_TEXT_SIZE 200

typedef struct Notify Notify;

typedef enum ToldOutcome { TOLD_DELIVERED, TOLD_RETRY, TOLD_FAILED } ToldOutcome;
/* What became of one row. */
typedef struct Told {
        uint64_t id;
        ToldOutcome outcome;
        int64_t retry_after_us; /* the receiver asks for so much patience; 0 = no */
        char text[NOTIFY_TEXT_SIZE];
} Told;

typedef struct NotifyConfig {
        const char *spool_directory; /* CHANNEL/new and CHANNEL/tmp are made below outgoing/ when first needed */
        const char *socket;          /* of leadd-notify */
        /* Called on a teller's thread for each row it is done with: have notify_told called where the store is. */
        void (*on_told)(const Told *told, void *userdata);
        void *userdata;
} NotifyConfig;
int notify_new(const NotifyConfig *config, Notify **ret);
/* Does not wait for what is under way: it is told again after the next start. */
Notify *notify_free(Notify *notify);
void notify_freep(Notify **notify);

/* At start, in a transaction: nothing is under way any more. */
int notify_recover(Store *store, int64_t now_us);
/* Delivers what is due, or hands it to the tellers, and marks it in a transaction of its own. rules: where the channels are looked up.
 * *ret_n: local rows that were due (NOTIFY_BATCH_MAX = call again). The outcomes of store_commit. */
int notify_run(Notify *notify, Store *store, const RuleSet *rules, int64_t now_us, size_t *ret_n);
/* Marks what a teller is done with, in a transaction of its own. */
int notify_told(Notify *notify, Store *store, const Told *told, int64_t now_us);
/* When notify_run is wanted next; TIME_NONE = not before somebody is told or something is written. */
int64_t notify_next(const Notify *notify, Store *store);
/* The same without what is under way: for a virtual clock that is moved on, in which no lease runs out while leadd-notify works. */
int64_t notify_next_free(const Notify *notify, Store *store);
size_t notify_n_in_flight(const Notify *notify);

/* ---- tokens of mails that may be answered (token.c) ---- */

#define NOTIFY_TOKEN_SIZE 41 /* characters, and the NUL */
enum { NOTIFY_E_FORGED = 1 };

/* What a token says. It is made out to one member, whom it does not name. */
typedef struct AnswerToken {
        uint64_t lead;
        uint64_t event;     /* that the mail told of: the hand-off this event belongs to is what may be answered */
        int64_t expires_us; /* is good before it; whole minutes, rounded up */
} AnswerToken;
int notify_token_make(
        const uint8_t secret[static DIGEST_SIZE], const AnswerToken *token, const char *member, char ret[static NOTIFY_TOKEN_SIZE]);
/* What it says, before anybody knows whether it is true. false: no text of that form. Case, and O for 0, I or L for 1, do not matter. */
bool notify_token_read(const char *text, AnswerToken *ret);
/* Is it ours, whomever it is for? NOTIFY_E_FORGED. Only a filter: whether it is good, the other one says. */
int notify_token_check_ours(const uint8_t secret[static DIGEST_SIZE], const char *text);
/* Is it ours, for that member? NOTIFY_E_FORGED. */
int notify_token_check(const uint8_t secret[static DIGEST_SIZE], const char *text, const char *member);
/* What a mail through the channel carries, "L-42 TOKEN": "" when nobody may answer it (no reply_to, not a member, not about a lead). */
#define NOTIFY_TAG_SIZE (NOTIFY_TOKEN_SIZE + 16)
int notify_answer_tag(const uint8_t secret[static DIGEST_SIZE], const RuleSet *rules, const Channel *channel, const OutboxRow *row,
        char ret[static NOTIFY_TAG_SIZE]);
