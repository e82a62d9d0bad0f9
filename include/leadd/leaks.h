#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * leaks: what a leak is, said in one place (decide/leaks.c). A leak is a lead that nobody looks after and that no rule will bring
 * back to anybody's mind. Pure: a function of the lead, the rules and now. Who looks, how often, and what becomes of it
 * stands in report/leaks.c.
 */
#include "leadd/policy.h"

/* A lead counts once, by the first of these that holds. The numbers stand in books. */
typedef enum LeakKind {
        LEAK_NONE = 0,
        LEAK_UNOWNED,     /* nobody owns it, it is in no queue, and nothing is due */
        LEAK_UNACCEPTED,  /* not accepted in time, and its agreement has no step left */
        LEAK_UNTOUCHED,   /* accepted, and nothing was done for it since */
        LEAK_OPPORTUNITY, /* an open opportunity that does not move, and no rule takes it back */
        LEAK_STALE,       /* a status of a team with members that nobody keeps up to date */
        LEAK_NO_REASON,   /* a person sent it back and did not say why */
        LEAK_NO_TRACK,    /* marketing may write to it, and it is in no track although one is declared for it */
        LEAK_KINDS,
} LeakKind;
const char *leak_kind_name(LeakKind kind);    /* "unowned" */
const char *leak_kind_meaning(LeakKind kind); /* a sentence without its full stop */

/* What a rule set says of each of its statuses. */
typedef struct LeakStatus {
        const Status *status;
        bool is_staffed;      /* a team with members has it, and it is not final */
        bool can_stall;       /* an automatic move leaves it after a time */
        const Rule *route;    /* the last route to its team; NULL = none */
        const Track **tracks; /* that can be entered there */
        size_t n_tracks;
        bool is_opportunity; /* called so */
        int64_t stale_us;    /* the limit there */
} LeakStatus;
typedef struct LeakRules {
        const RuleSet *rules;
        LeakStatus *statuses; /* by their place in the rule set */
} LeakRules;
/* In the arena; the rules are borrowed. 0 or -ENOMEM. */
int leak_rules_init(const RuleSet *rules, Arena *arena, LeakRules *ret);

#define LEAK_WORK_UNKNOWN UINT32_MAX
/* What people did for a lead: moves, notes, activities of a person, and such that only a person does (calls, meetings, mails to it). */
typedef struct LeakWork {
        uint32_t n;      /* since it has its owner, at most 2: the first is how it was accepted */
        int64_t last_us; /* TIME_NONE = none since then */
} LeakWork;

/* As much of a lead as decides. Leads that are tests, merged or erased do not leak and are not asked about. */
typedef struct LeakLead {
        uint64_t lead, last_event;
        const char *status, *owner; /* owner NULL = nobody */
        bool unaccepted;
        int64_t entered_us;
        int64_t offered_us;           /* when its owner got it; TIME_NONE = not known */
        const char *sla;              /* that runs, NULL = none */
        int64_t due_us, next_step_us; /* of it; TIME_NONE */
        const char *held_by;
        int64_t held_look_us;    /* TIME_NONE = no moment is set */
        int64_t recycle_us;      /* TIME_NONE */
        int64_t returned_us;     /* when a person sent it back without a reason, and it is still there; TIME_NONE */
        const char *returned_by; /* ... with that move; NULL = not known */
        bool in_track;           /* also when it was led to its end */
        int64_t track_ended_us;  /* a signal woke it from its track, and it is still in none; TIME_NONE */
        const char *consents;    /* "contact+ marketing-", by purpose; NULL = none is known */
        int64_t opportunity_us;  /* when its open opportunity moved last; TIME_NONE = none is known */
        LeakWork work;           /* n LEAK_WORK_UNKNOWN: not looked up */
} LeakLead;

typedef struct LeakFound {
        LeakKind kind;
        const Rule *rule; /* that should have caught it; NULL = the rules no longer have it */
        int64_t since_us; /* for how long it has been so */
        int64_t next_us;  /* when this can come out otherwise without an event of the lead; TIME_NONE = never */
        bool asks_work;   /* only LeakLead.work can tell: look it up and ask again; nothing else is set */
} LeakFound;
void decide_leak(const LeakRules *rules, const LeakLead *lead, int64_t now_us, LeakFound *ret);
