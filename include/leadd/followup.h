#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * followup: reminds. One CLOCK_REALTIME timer stands for the earliest armed instant
 * of all leads; a due lead becomes a timer event that goes through the gate like any
 * other. Notices when the machine's clock is set.
 */
#include "leadd/base.h"
#include "leadd/decide.h"
#include "leadd/record.h"

#define FOLLOWUP_BATCH_MAX 500                /* timer events in one transaction */
#define FOLLOWUP_JUMP_US (5 * US_PER_MINUTE)  /* the clock set forward by more than this ... */
#define FOLLOWUP_HOLD_US (10 * US_PER_MINUTE) /* ... holds what became due by it for so long */

typedef struct Followup Followup;
/* With a virtual clock there is no timer: time moves by `clock advance` alone. */
int followup_new(const Clock *clock, Followup **ret);
Followup *followup_free(Followup *followup);
void followup_freep(Followup **followup);
/* Readable when the armed instant has come or the clock was set; -1 with a virtual clock. */
int followup_fd(const Followup *followup);
/* Arms the timer for the earliest instant (TIME_NONE = none). Any thread, one at a time. */
int followup_arm(Followup *followup, int64_t due_us);
/* Clears the descriptor's readiness; true when the clock was set. */
bool followup_clear(Followup *followup);
/* How far the clock ran ahead of real time since the last call (microseconds; negative = it was set back): compares CLOCK_REALTIME with
 * CLOCK_BOOTTIME, so that a suspended machine is no jump. */
int64_t followup_jump_us(Followup *followup);

/* The event of a due lead: timer.step when an SLA step is due at now, else timer.track when that of a track is, else timer.look
 * (something may have changed by itself). Its id is the lead, what started the timer and the step, or the instant, so that the same firing
 * can never count twice. */
int followup_record(const LeadState *state, int64_t due_us, int64_t now_us, const uint8_t secret[static DIGEST_SIZE], Record **ret);
/* timer.digest: its id is the rule and the day, in the digest's zone, so that a day never has two. */
int followup_digest_record(const RuleSet *rules, const DigestDecl *digest, int64_t due_us, int64_t now_us, const char *text,
        const uint8_t secret[static DIGEST_SIZE], Record **ret);
