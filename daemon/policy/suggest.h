#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * policy, inside: what suggest.c asks suggest_bounds.c about the numbers of a rule set.
 */
#include "score.h"

#define SUGGEST_BOUNDS_MAX 4096 /* numbers of all fields together */

typedef enum BoundKind {
        BOUND_LOW = 1, /* something begins there */
        BOUND_HIGH,    /* something may end there: a number past it is worth offering where the least one will not do */
} BoundKind;

/* A number of a field; those of one field ascend, their rank as well. */
typedef struct Bound {
        FieldId field;
        const char *key;
        double value;
        BoundKind kind;
        uint32_t family, rank; /* of the addition that says at least this */
} Bound;

/* By field, then value; in the arena. 0 or -ENOMEM. */
int bounds_find(const RuleSet *rules, Arena *arena, const Bound **ret, size_t *ret_n);
bool bound_is_of(const Bound *bound, const Ref *ref);
