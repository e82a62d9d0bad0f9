#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * policy, inside: what the checks of whole rule sets share. walk.c finds every condition of a set, check_satisfy.c proves that
 * one can never hold, check_*.c say so; mentions.c lists what rules compare with what.
 */
#include "load.h"
#include "score.h"

/* ---- walk.c ---- */

/* One condition of one rule. */
typedef struct Place {
        const Rule *rule;
        const char *key; /* "when", "needs", "best_of", ...: for texts */
        const Condition *condition;
        ConditionPhase phase;
} Place;

/* Every condition a declaration has, in the order of declaration; a criterion's once, at the criterion. `on` of a score is a
 * condition, too. Stops at and returns what on_place returns when that is not 0. */
int walk_conditions(const RuleSet *rules, int (*on_place)(const Place *place, void *userdata), void *userdata);
/* Every path that a condition compares with something, however deep, those within did{} included (in_did). type is set instead of
 * ref and matcher for did's plain `type`. */
typedef struct Compared {
        const Ref *ref;
        const Matcher *matcher;
        const char *type;
        bool in_did;
} Compared;
int walk_compared(const Condition *condition, int (*on_compared)(const Compared *compared, void *userdata), void *userdata);

/* ---- check_satisfy.c ---- */

/* One part of what shall hold together, or (negated) not hold. */
typedef struct Part {
        const Condition *condition; /* NULL = always */
        bool negated;
} Part;
typedef struct Solver Solver;
/* NULL on exhaustion. The rule set has no errors: everything in it compiled. */
Solver *solver_new(const RuleSet *rules);
Solver *solver_free(Solver *solver);
void solver_freep(Solver **solver);
/* Can there be a lead, in one of the statuses (n_statuses 0: in any), for which all parts hold at one moment? false is a proof; true
 * says only that none was found: functions may say anything, and the work is bounded. On false why (may be NULL) gets what excludes
 * what, "company.employees at least 10, and company.employees below 5", as far as it can be said in a few words. */
bool solver_can_hold(Solver *solver, const Part *parts, size_t n_parts, const Status *const *statuses, size_t n_statuses, Text *why);
/* Is every activity that one looks for also looked for by the other? Their counts aside. */
bool solver_did_within(Solver *solver, const Did *did, const Did *other);
bool condition_has_function(const Condition *condition);
/* The least and the most points a group can come to, in milli-points, within its min and max. */
void score_group_reach(const RuleSet *rules, const Group *group, int64_t *ret_least_mp, int64_t *ret_most_mp);

/* ---- the checks: warnings, once nothing is wrong. 0 or -ENOMEM ---- */

/* check_conditions.c: what can never match, or always does. Marks by rule index what never applies. */
int check_conditions(Load *load, Solver *solver, bool *never);
/* check_order.c: what stands behind something that always wins. */
int check_order(Load *load, Solver *solver, const bool *never);
/* check_plans.c: campaigns and tracks; what marketing may not do is an error. */
int check_plans(Load *load, Solver *solver);
/* check_scores.c: what nobody can reach. */
void check_scores(Load *load, Solver *solver);
