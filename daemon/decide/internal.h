#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * decide, inside: the state of one decision while its phases run.
 * decide.c drives the phases, moves.c changes the status, route.c finds an owner,
 * timers.c starts and fires SLA steps, effects.c says what the world is told.
 */
#include "leadd/decide.h"

/* A held lead whose cause has no known end is offered when somebody of its team answers (freed_team); this look is only the backstop. */
#define DECIDE_LOOK_AGAIN_US US_PER_DAY
#define DECIDE_EFFECTS_MAX 256        /* rows one event may put into the outbox */
#define RECYCLE_UNTIL_WOKEN INT64_MAX /* recycle_us of a hand-back that only a signal ends */

typedef struct Deciding {
        RuleSet *rules;
        const DecideInput *input;
        Arena *arena;
        Decision *out;
        Subject subject;
        Activity *history; /* with this record when it is an activity: what counts, oldest first, which is the subject's; then the junk */
        size_t n_history;  /* both */
        size_t n_counting; /* without the junk */
        const Status *status;                        /* where the lead stands now */
        const Member *owner;                         /* NULL = nobody */
        const Status *visited[POLICY_CHAIN_MAX + 2]; /* statuses left in this event */
        size_t n_visited;
        bool entered;      /* a status was entered (or restarted) in this event */
        bool team_changed; /* ... of another team: a hand-off */
        bool owner_changed;
        bool reassigned;       /* by an SLA step that had a candidate: the timer restarts */
        const char *fired_sla; /* the SLA whose step fired in this event */
} Deciding;

/* Refuses: nothing else of the decision counts. Returns 0, or -ENOMEM. */
int deciding_refuse(Deciding *deciding, const char *code, const char *format, ...) _printf_(3, 4);
void deciding_hold(Deciding *deciding, const char *by, const char *text, int64_t next_look_us);
/* Appends "; text" to the summary. -ENOMEM. */
int deciding_summarise(Deciding *deciding, const char *format, ...) _printf_(2, 3);

/* moves.c */
int moves_by_person(Deciding *deciding);
int moves_assign(Deciding *deciding);
int moves_automatic(Deciding *deciding);
/* The move of an SLA step: exempt from `by` and a reason's needs, not from fences. */
int moves_by_sla(Deciding *deciding, const Sla *sla, const Move *move, const Reason *reason);
/* The first fence that closes the status, NULL = open. */
int moves_find_fence(Deciding *deciding, const Status *to, const Fence **ret, Text *trace);

/* route.c */
/* Finds an owner in the team of the present status. except: not this one (an SLA reassigns). */
int route_lead(Deciding *deciding, const Member *except);
void deciding_set_owner(Deciding *deciding, const Member *owner, const char *route, const char *text);

/* timers.c */
int timers_fire(Deciding *deciding);
int timers_update(Deciding *deciding);
void timers_arm(Deciding *deciding);

/* effects.c */
int effects_moved(Deciding *deciding, const MoveMade *move);
int effects_assigned(Deciding *deciding);
int effects_reminded(Deciding *deciding, const Sla *sla, const SlaStep *step, uint32_t number);
int effects_held(Deciding *deciding);
