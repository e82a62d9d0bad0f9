/* SPDX-License-Identifier: MIT */
/*
 * suggest_bounds: the numbers at which some rule changes its mind about a field, so that a suggested number may step over one: more
 * employees than a penalty or a fence asks for, where the least number that a condition asks for would meet it.
 *
 * Of each bound the number itself and the next one are kept: between two bounds no rule tells one number from another. Functions
 * have bounds that nobody sees.
 */
#include "check.h"
#include "suggest.h"

#include <errno.h>
#include <math.h>

typedef struct Gathering {
        Arena *arena;
        Bound *items;
        size_t n, capacity;
} Gathering;

static int add(Gathering *gathering, const Ref *ref, double value, BoundKind kind) {
        if (!isfinite(value))
                return 0;
        if (gathering->n == SUGGEST_BOUNDS_MAX)
                return 0;
        if (gathering->n == gathering->capacity) {
                size_t capacity = gathering->capacity ? 2 * gathering->capacity : 32;
                Bound *items = ARENA_ARRAY(gathering->arena, Bound, capacity);
                if (!items)
                        return -ENOMEM;
                if (gathering->n > 0)
                        memcpy(items, gathering->items, gathering->n * sizeof(*items));
                gathering->items = items;
                gathering->capacity = capacity;
        }
        gathering->items[gathering->n++] = (Bound){ .field = ref->field, .key = ref->key, .value = value, .kind = kind };
        return 0;
}

/* The number itself and the next: which of the two is past the bound depends on who includes it. */
static int add_both(Gathering *gathering, const Ref *ref, double value, BoundKind kind) {
        int r = add(gathering, ref, value, kind);
        return r == 0 ? add(gathering, ref, value + 1, kind) : r;
}

static int on_compared(const Compared *compared, void *userdata) {
        Gathering *gathering = userdata;
        const Matcher *matcher = compared->matcher;
        int r = 0;
        if (compared->in_did || !compared->ref || !matcher || compared->ref->kind != REF_FIELD)
                return 0;
        if (matcher->op == MATCH_NUMBERS) {
                r = add_both(gathering, compared->ref, matcher->low_number, BOUND_LOW);
                return r == 0 ? add_both(gathering, compared->ref, matcher->high_number, BOUND_HIGH) : r;
        }
        for (size_t i = 0; matcher->op == MATCH_EQUALS && i < matcher->n_numbers && r == 0; i++) {
                double number;
                if (value_as_number(&matcher->numbers[i], &number))
                        r = add_both(gathering, compared->ref, number, BOUND_HIGH);
        }
        return r;
}

static int on_place(const Place *place, void *userdata) { return walk_compared(place->condition, on_compared, userdata); }

static int compare(const void *a, const void *b) {
        const Bound *x = a, *y = b;
        int order = x->field != y->field ? (x->field < y->field ? -1 : 1) : strcmp(x->key ? x->key : "", y->key ? y->key : "");
        if (order == 0)
                order = x->value != y->value ? (x->value < y->value ? -1 : 1) : 0;
        return order != 0 ? order : (int) y->kind - (int) x->kind;
}

bool bound_is_of(const Bound *bound, const Ref *ref) {
        return bound->field == ref->field && (bound->key == ref->key || (bound->key && ref->key && base_streq(bound->key, ref->key)));
}

int bounds_find(const RuleSet *rules, Arena *arena, const Bound **ret, size_t *ret_n) {
        Gathering gathering = { .arena = arena };
        size_t n = 0;
        int r = walk_conditions(rules, on_place, &gathering);
        for (size_t i = 0; i < rules->n_scores && r == 0; i++) {
                const ScoreBody *score = (const ScoreBody *) rules->scores[i];
                for (size_t k = 0; k < score->n_bands && score->field.kind == REF_FIELD && r == 0; k++)
                        /* A band that gives less than the one below it ends what that one gives. */
                        r = add_both(&gathering, &score->field, score->bands[k].from, BOUND_LOW);
        }
        if (r < 0)
                return r;
        if (gathering.n > 0)
                qsort(gathering.items, gathering.n, sizeof(*gathering.items), compare);
        /* One of each number; where one ends something, that is what it does. */
        for (size_t i = 0; i < gathering.n; i++) {
                Bound *item = &gathering.items[i], *last = n > 0 ? &gathering.items[n - 1] : NULL;
                const Ref ref = { .kind = REF_FIELD, .field = item->field, .key = item->key };
                if (last && last->value == item->value && bound_is_of(last, &ref))
                        continue;
                gathering.items[n++] = *item;
        }
        for (size_t i = 0; i < n; i++) {
                const Ref ref = { .kind = REF_FIELD, .field = gathering.items[i].field, .key = gathering.items[i].key };
                bool same = i > 0 && bound_is_of(&gathering.items[i - 1], &ref);
                gathering.items[i].rank = same ? gathering.items[i - 1].rank + 1 : 1;
                gathering.items[i].family = same ? gathering.items[i - 1].family : SUGGEST_ADDITIONS_MAX + (uint32_t) i;
        }
        *ret = gathering.items;
        *ret_n = n;
        return 0;
}
