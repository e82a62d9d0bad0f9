#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * notify: tells. Delivers outbox rows whose channel needs no network: the journal
 * (ids only) and drops (CloudEvents in NDJSON segments, moved into place by rename).
 * At least once, with a stable id; a row is marked done in the caller's transaction
 * after it was delivered. Rows for channels that this build cannot deliver wait, visibly.
 */
#include "leadd/base.h"
#include "leadd/store.h"

#define NOTIFY_BATCH_MAX 2000                       /* outbox rows in one round */
#define NOTIFY_RETRY_FIRST_US (30 * US_PER_SECOND)  /* waits double from here ... */
#define NOTIFY_RETRY_LAST_US (4000 * US_PER_SECOND) /* ... to here */

typedef struct Notify Notify;
/* outgoing: SPOOL/outgoing; CHANNEL/new and CHANNEL/tmp are made below it when first needed. */
int notify_new(const char *spool_directory, Notify **ret);
Notify *notify_free(Notify *notify);
void notify_freep(Notify **notify);

/* Delivers what is due; afterwards marks it in a transaction of its own. *ret_n: rows that were due (NOTIFY_BATCH_MAX = call again).
 * The outcomes of store_commit. */
int notify_run(Notify *notify, Store *store, int64_t now_us, size_t *ret_n);
