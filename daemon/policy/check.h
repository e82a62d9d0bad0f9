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
