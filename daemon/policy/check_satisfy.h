#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * policy, inside: what the two halves of the solver share. check_satisfy.c searches; check_path.c decides whether any value of one
 * path satisfies all that is asked of it.
 */
#include "check.h"

#define SOLVER_STEPS_MAX 20000    /* literals put to values, of one question; beyond: "it can" */
#define SOLVER_TOTAL_MAX 20000000 /* of all questions about one rule set; beyond: "it can" */
#define SOLVER_LITERALS_MAX 256   /* of one choice; beyond: "it can" */
#define SOLVER_DEPTH_MAX 200      /* choices within choices; beyond: "it can" */
#define SOLVER_CHOICES_MAX 1000   /* listed words that are tried one by one */
#define SOLVER_CANDIDATES_MAX 512 /* numbers that are tried for one path */

typedef struct Literal {
        const Ref *ref; /* NULL: a did{} */
        const Matcher *matcher;
        const Did *did;
        bool negated;
} Literal;

struct Solver {
        const RuleSet *rules;
        Arena *arena;
        Eval eval;
        Subject nobody; /* eval wants one; nothing in it is read */
        int64_t least_mp[POLICY_GROUPS_MAX], most_mp[POLICY_GROUPS_MAX];
        /* of one question: */
        const Status *const *statuses;
        size_t n_statuses;
        size_t n_steps, n_total;
        bool gave_up;
        Literal literals[SOLVER_LITERALS_MAX];
        size_t n_literals;
        Text *why; /* filled by the first choice that closed */
};

/* ---- check_path.c ---- */

bool same_variable(const Ref *a, const Ref *b);
/* Is there a value, or none, that all literals, which are of one variable, allow? false is a proof. */
bool path_can(Solver *solver, const Literal *const *literals, size_t n);
