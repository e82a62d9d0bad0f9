#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * decide, inside: one question of `need` while it is worked on, between need.c (trying and combining sets) and need_plan.c (what the
 * target asks for, and the answer).
 */
#include "internal.h"

typedef enum TargetKind { TARGET_GRADE = 1, TARGET_POINTS, TARGET_STATUS } TargetKind;
typedef struct NeedTarget {
        TargetKind kind;
        size_t fit, engagement;              /* bands of a grade */
        int64_t from_mp[POLICY_GROUPS_MAX];  /* raw points that are needed; INT64_MIN = any */
        int64_t asked_mp[POLICY_GROUPS_MAX]; /* the same without what `leave` forgives, for texts */
        const Status *status;
} NeedTarget;

typedef struct PlanStep {
        const Move *move;
        const Reason *reason;
        const Status *from, *to;
} PlanStep;
typedef struct Plan {
        PlanStep steps[NEED_MOVES_MAX];
        size_t n_steps, n_by_people;
} Plan;

/* What one look came to. */
typedef struct Tried {
        bool reached;
        char grade[32], status[128];
        int64_t fit_mp, engagement_mp, wake_us;
        int64_t raw_mp[POLICY_GROUPS_MAX]; /* the scores' sums, before min and max */
        NeedStep steps[NEED_MOVES_MAX];    /* without `by` */
        const Member *owners[NEED_MOVES_MAX];
        size_t n_steps;
} Tried;

typedef struct PoolItem {
        Suggestion set;
        bool changes;
        const Rule *rule;                    /* the score it was suggested for; NULL */
        int64_t delta_mp[POLICY_GROUPS_MAX]; /* what it gives alone */
        int64_t gain_mp[POLICY_GROUPS_MAX];  /* ... without what scores lost by it */
} PoolItem;

typedef struct Found {
        Suggestion set;
        const Plan *plan; /* NULL: nobody has to do anything */
        int64_t at_us;
        Tried tried;
} Found;

typedef struct Needing {
        RuleSet *rules;
        const DecideInput *input;
        Arena *arena;   /* of the answer */
        Arena *scratch; /* of one look */
        Subject subject;
        Suggestions suggestions;
        const NeedTarget *target;
        const Plan *plan;
        PoolItem *pool;
        size_t n_pool;
        Found *found;
        size_t n_found, n_found_max;
        uint64_t *visited;
        size_t n_looks, n_steps, look_weight;
        const NeedGoal *goal;
        bool is_over;
        Tried base;
        int64_t *points_mp, *base_points_mp; /* of the last look, of the lead as it is; by Rule.index */
} Needing;

/* need.c */
int need_target_grade(Needing *needing, const char *name, NeedTarget *ret);
int need_try(Needing *needing, const Suggestion *set, int64_t at_us, const Plan *plan, Tried *ret);
int need_search(Needing *needing, int64_t at_us);
/* "the owner (anna) or the head petra"; in the answer's arena, NULL on exhaustion. */
const char *need_say_who(Needing *needing, const Move *move, const Status *from, const Member *owner);

#define NEED_VISITED_SLOTS 65536 /* a power of two, at least twice NEED_LOOKS_MAX */
#define NEED_POOL_MAX 512        /* items that are combined */
#define NEED_FOUND_MAX 64        /* with those of partial questions */
