/* SPDX-License-Identifier: MIT */
/*
 * What is found out once per lead, however many rules ask.
 *
 * A lead's history is looked through once: which activities are of which type. Every did{} and `on` names a pattern, its type with its
 * matchers; equal ones share one, which is settled at load. Which activities fit a pattern is found when the first rule asks, among
 * those of its type only, with each text read and folded once, and kept as bits. What depends on the moment or on moves (within, since,
 * counts, decay) is not kept: it is asked of the few activities whose bit is set.
 *
 * The cache belongs to one judged subject: policy_judge makes it in its arena, policy_holds goes on using it while facts, history and
 * now are the same, and makes one for itself otherwise.
 */
#include "condition.h"
#include <errno.h>

/* ---- at load: equal patterns, types and texts get one number ---- */

typedef struct KnownPattern KnownPattern;
struct KnownPattern {
        KnownPattern *next;
        const Did *did;
};
typedef struct KnownRef KnownRef;
struct KnownRef {
        KnownRef *next;
        const Ref *ref;
};
typedef struct KnownType KnownType;
struct KnownType {
        KnownType *next;
        const char *type;
};

static bool equal_texts(const char *a, const char *b) { return a == b || (a && b && base_streq(a, b)); }

static bool equal_refs(const Ref *a, const Ref *b) {
        return a->kind == b->kind && a->field == b->field && a->fallback == b->fallback && equal_texts(a->key, b->key);
}

static bool equal_matchers(const Matcher *a, const Matcher *b) {
        if (a->op != b->op || a->negate != b->negate || a->with_true != b->with_true || a->with_false != b->with_false ||
                a->low_open != b->low_open || a->high_open != b->high_open || a->n_words != b->n_words || a->n_numbers != b->n_numbers ||
                a->n_segments != b->n_segments || a->list != b->list || a->low != b->low || a->high != b->high ||
                a->low_number != b->low_number || a->high_number != b->high_number)
                return false;
        for (size_t i = 0; i < a->n_words; i++)
                if (a->words[i].size != b->words[i].size || memcmp(a->words[i].text, b->words[i].text, a->words[i].size) != 0)
                        return false;
        for (size_t i = 0; i < a->n_numbers; i++)
                if (a->numbers[i].type != b->numbers[i].type || !value_equal(&a->numbers[i], &b->numbers[i]))
                        return false;
        for (size_t i = 0; i < a->n_segments; i++)
                if (a->segments[i] != b->segments[i])
                        return false;
        return true;
}

static bool equal_patterns(const Did *a, const Did *b) {
        if (!equal_texts(a->type, b->type) || a->n_matchers != b->n_matchers)
                return false;
        for (size_t i = 0; i < a->n_matchers; i++)
                if (!equal_refs(&a->matchers[i].ref, &b->matchers[i].ref) ||
                        !equal_matchers(a->matchers[i].matcher, b->matchers[i].matcher))
                        return false;
        return true;
}

static bool number_type(Loader *loader, Did *did) {
        RuleSetBody *body = policy_body(loader->rules);

        for (KnownType *known = body->types; known; known = known->next, did->type_number++)
                if (base_streq(known->type, did->type))
                        return true;
        KnownType *known = ARENA_NEW(loader->arena, KnownType), **last = (KnownType **) &body->types;
        if (!known)
                return false;
        known->type = did->type;
        while (*last)
                last = &(*last)->next;
        *last = known;
        body->n_types++;
        return true;
}

static bool number_column(Loader *loader, Ref *ref) {
        RuleSetBody *body = policy_body(loader->rules);
        uint32_t number = (uint32_t) body->n_columns;

        if (ref->kind == REF_ACTIVITY_TYPE)
                return true;
        for (KnownRef *known = body->columns; known; known = known->next, number--)
                if (equal_refs(known->ref, ref)) {
                        ref->column = number;
                        return true;
                }
        KnownRef *known = ARENA_NEW(loader->arena, KnownRef);
        if (!known)
                return false;
        ref->column = (uint32_t) ++body->n_columns;
        *known = (KnownRef){ .next = body->columns, .ref = ref };
        body->columns = known;
        return true;
}

bool condition_number_did(Loader *loader, Did *did) {
        RuleSetBody *body = policy_body(loader->rules);
        uint32_t number = (uint32_t) body->n_patterns;
        KnownPattern *known;

        did->type_number = 0;
        if (did->type && !number_type(loader, did))
                return false;
        for (size_t i = 0; i < did->n_matchers; i++)
                if (!number_column(loader, (Ref *) &did->matchers[i].ref))
                        return false;
        for (known = body->patterns; known; known = known->next) {
                number--;
                if (equal_patterns(known->did, did)) {
                        did->pattern = number;
                        return true;
                }
        }
        known = ARENA_NEW(loader->arena, KnownPattern);
        if (!known)
                return false;
        did->pattern = (uint32_t) body->n_patterns++;
        *known = (KnownPattern){ .next = body->patterns, .did = did };
        body->patterns = known;
        return true;
}

/* The types by a hash of their ends, which is enough to tell most apart; the texts themselves decide. */
static size_t type_hash(const char *type, size_t size) {
        uint64_t head = 0, tail = 0;

        if (size >= sizeof(head)) {
                memcpy(&head, type, sizeof(head));
                memcpy(&tail, type + size - sizeof(tail), sizeof(tail));
        } else
                memcpy(&head, type, size);
        return (size_t) (((head ^ size) * UINT64_C(0x9e3779b97f4a7c15) + tail) * UINT64_C(0xff51afd7ed558ccd) >> 40);
}

int condition_index_types(Loader *loader) {
        RuleSetBody *body = policy_body(loader->rules);
        size_t n_slots = 4;
        uint32_t number = 0;

        while (n_slots < 2 * body->n_types)
                n_slots *= 2;
        body->type_slots = ARENA_ARRAY(loader->arena, TypeSlot, n_slots);
        if (!body->type_slots)
                return -ENOMEM;
        body->type_mask = n_slots - 1;
        for (KnownType *known = body->types; known; known = known->next, number++) {
                size_t size = strlen(known->type), at = type_hash(known->type, size) & body->type_mask;

                while (body->type_slots[at].type)
                        at = (at + 1) & body->type_mask;
                body->type_slots[at] = (TypeSlot){ .type = known->type, .size = size, .number = number };
        }
        return 0;
}

/* ---- the cache of a lead ---- */

#define CACHE_LIVES_MAX 4

/* One text or number of one activity, as every pattern reads it. */
typedef struct Cell {
        const Value *value; /* NULL: not read yet */
        const char *folded; /* of a text */
        size_t size;
} Cell;
static const Value absent;

struct LeadCache {
        Arena *arena;
        const Facts *facts;
        const Activity *history;
        size_t n_history, n_words;
        int64_t now_us;

        Word *folded;                  /* by index in the facts; text NULL: not folded yet */
        uint32_t at[FIELD_ID_MAX + 1]; /* 1 + index of the field's first fact */

        uint64_t *types;     /* n_words for each type; NULL: not looked through yet */
        uint64_t **patterns; /* by pattern; NULL: nobody has asked */
        Cell **columns;      /* by column; NULL: nobody has read it */
        int64_t *counts;     /* 1 + activity.count; 0: not read yet */
        struct {
                int64_t half_life_s;
                double *factors; /* by activity; 0: not known yet */
        } lives[CACHE_LIVES_MAX];
};

LeadCache *cache_new(const RuleSet *rules, const Subject *subject, Arena *arena) {
        const RuleSetBody *body = (const RuleSetBody *) rules;
        const Facts *facts = subject->facts;
        LeadCache *cache = ARENA_NEW(arena, LeadCache);

        if (!cache)
                return NULL;
        cache->arena = arena;
        cache->facts = facts;
        cache->history = subject->history;
        cache->n_history = subject->n_history;
        cache->n_words = (subject->n_history + 63) / 64;
        cache->now_us = subject->now_us;
        cache->folded = ARENA_ARRAY(arena, Word, facts->n_items);
        cache->patterns = ARENA_ARRAY(arena, uint64_t *, body->n_patterns);
        cache->columns = ARENA_ARRAY(arena, Cell *, body->n_columns + 1);
        if (!cache->folded || !cache->patterns || !cache->columns)
                return NULL;
        for (size_t i = facts->n_items; i-- > 0;)
                cache->at[facts->items[i].field & FIELD_ID_MAX] = (uint32_t) i + 1;
        return cache;
}

bool cache_is_of(const LeadCache *cache, const Subject *subject) {
        return cache && cache->facts == subject->facts && cache->history == subject->history && cache->n_history == subject->n_history &&
               cache->now_us == subject->now_us;
}

Arena *cache_arena(const LeadCache *cache) { return cache->arena; }

LeadCache *eval_make_cache(Eval *eval) {
        eval->cache = cache_new(eval->rules, eval->subject, eval->arena);
        if (!eval->cache)
                eval->error = -ENOMEM;
        return eval->cache;
}

/* ---- the profile ---- */

const Value *eval_field(Eval *eval, FieldId field, const char *key, uint32_t *ret_slot) {
        const Facts *facts = eval->subject->facts;
        const LeadCache *cache = eval_cache(eval);

        if (!cache)
                return NULL;
        for (size_t i = cache->at[field]; i > 0 && i <= facts->n_items && facts->items[i - 1].field == field; i++)
                if (!key || (facts->items[i - 1].key && base_streq(facts->items[i - 1].key, key))) {
                        *ret_slot = (uint32_t) i - 1;
                        return &facts->items[i - 1].value;
                }
        return NULL;
}

Word *eval_field_place(Eval *eval, uint32_t slot) {
        LeadCache *cache = eval_cache(eval);

        return cache ? &cache->folded[slot] : NULL;
}

/* ---- the history ---- */

static int find_types(const RuleSetBody *body, LeadCache *cache) {
        cache->types = ARENA_ARRAY(cache->arena, uint64_t, (body->n_types + 1) * cache->n_words);
        if (!cache->types)
                return -ENOMEM;
        for (size_t i = 0; i < cache->n_history; i++) {
                const char *type = cache->history[i].type;
                size_t size = strlen(type);

                for (size_t at = type_hash(type, size) & body->type_mask; body->type_slots[at].type; at = (at + 1) & body->type_mask)
                        if (body->type_slots[at].size == size && memcmp(body->type_slots[at].type, type, size) == 0) {
                                cache->types[body->type_slots[at].number * cache->n_words + i / 64] |= UINT64_C(1) << (i % 64);
                                break;
                        }
        }
        return 0;
}

static Cell *find_column(Eval *eval, LeadCache *cache, uint32_t number) {
        Cell **column = &cache->columns[number];

        if (!*column) {
                *column = ARENA_ARRAY(cache->arena, Cell, cache->n_history);
                if (!*column)
                        eval->error = -ENOMEM;
        }
        return *column;
}

static void read_cell(Eval *eval, const Ref *ref, const Activity *activity, Cell *cell) {
        const Value *value = eval_read_activity(activity, ref, NULL);
        Word folded = { 0 };

        if (value && value->type == VALUE_TEXT)
                (void) eval_fold_kept(eval, value, &folded);
        *cell = (Cell){ .value = value ? value : &absent, .folded = folded.text, .size = folded.size };
}

/* Does the activity at place i fit the matcher? */
static inline bool cell_matches(Eval *eval, LeadCache *cache, const Condition *node, Cell *column, size_t i) {
        Value storage;

        if (!column) {
                storage = value_text(cache->history[i].type);
                return eval_matches_kept(eval, &node->ref, node->matcher, &storage, NULL);
        }
        Cell *cell = &column[i];
        if (!cell->value)
                read_cell(eval, &node->ref, &cache->history[i], cell);
        if (cell->folded && condition_reads_text(node->matcher))
                return condition_text_matches(node->matcher, cell->folded, cell->size) != node->matcher->negate;
        return eval_matches_kept(eval, &node->ref, node->matcher, cell->value == &absent ? NULL : cell->value, NULL);
}

/* Takes from found those that do not fit the matcher. */
static void keep_fitting(Eval *eval, LeadCache *cache, const Condition *node, uint64_t *found) {
        Cell *column = node->ref.column > 0 ? find_column(eval, cache, node->ref.column) : NULL;

        for (size_t word = 0; word < cache->n_words && eval->error == 0; word++)
                for (uint64_t bits = found[word]; bits != 0; bits &= bits - 1)
                        if (!cell_matches(eval, cache, node, column, word * 64 + (size_t) __builtin_ctzll(bits)))
                                found[word] &= ~(bits & -bits);
}

static uint64_t *find_matches(Eval *eval, LeadCache *cache, const Did *did) {
        const RuleSetBody *body = policy_body(eval->rules);
        uint64_t *of_type = NULL, *found;

        if (did->type) {
                if (!cache->types && find_types(body, cache) < 0) {
                        eval->error = -ENOMEM;
                        return NULL;
                }
                of_type = &cache->types[did->type_number * cache->n_words];
                if (did->n_matchers == 0)
                        return of_type;
        }
        found = ARENA_ARRAY(cache->arena, uint64_t, cache->n_words);
        if (!found) {
                eval->error = -ENOMEM;
                return NULL;
        }
        for (size_t word = 0; word < cache->n_words; word++) {
                size_t rest = cache->n_history - word * 64;

                found[word] = of_type ? of_type[word] : rest >= 64 ? UINT64_MAX : (UINT64_C(1) << rest) - 1;
        }
        for (size_t i = 0; i < did->n_matchers && eval->error == 0; i++)
                keep_fitting(eval, cache, &did->matchers[i], found);
        if (eval->error < 0)
                return NULL;
        return found;
}

const Activity *eval_did_next(Eval *eval, const Did *did, size_t *at) {
        LeadCache *cache = eval_cache(eval);

        if (!cache || *at >= cache->n_history)
                return NULL;
        uint64_t *found = cache->patterns[did->pattern];
        if (!found) {
                found = cache->patterns[did->pattern] = find_matches(eval, cache, did);
                if (!found)
                        return NULL;
        }
        for (size_t word = *at / 64; word < cache->n_words; word++) {
                uint64_t bits = found[word] & (word == *at / 64 ? UINT64_MAX << (*at % 64) : UINT64_MAX);

                for (; bits != 0; bits &= bits - 1) {
                        size_t i = word * 64 + (size_t) __builtin_ctzll(bits);
                        const Activity *activity = &cache->history[i];

                        if ((did->since_move && !activity->after_move) ||
                                (did->within_us > 0 && eval_did_leaves(did, activity) <= eval->subject->now_us))
                                continue;
                        *at = i + 1;
                        return activity;
                }
        }
        *at = cache->n_history;
        return NULL;
}

int64_t eval_history_count(Eval *eval, const Activity *activity) {
        LeadCache *cache = eval_cache(eval);

        if (!cache)
                return 0;
        if (!cache->counts) {
                cache->counts = ARENA_ARRAY(cache->arena, int64_t, cache->n_history);
                if (!cache->counts) {
                        eval->error = -ENOMEM;
                        return 0;
                }
        }
        int64_t *count = &cache->counts[activity - cache->history];
        if (*count == 0)
                *count = 1 + eval_activity_count(activity);
        return *count - 1;
}

double eval_history_factor(Eval *eval, const Decay *decay, const Activity *activity) {
        LeadCache *cache = eval_cache(eval);
        int64_t age_s = eval_whole_seconds(eval->subject->now_us) - eval_whole_seconds(activity->time_us);
        size_t i = 0;

        if (decay->fade_every_s > 0 || decay->half_life_s == 0)
                return 1;
        while (i < CACHE_LIVES_MAX && cache && cache->lives[i].factors && cache->lives[i].half_life_s != decay->half_life_s)
                i++;
        if (!cache || i == CACHE_LIVES_MAX)
                return decay_factor(decay, age_s);
        if (!cache->lives[i].factors) {
                cache->lives[i].factors = ARENA_ARRAY(cache->arena, double, cache->n_history);
                if (!cache->lives[i].factors) {
                        eval->error = -ENOMEM;
                        return 0;
                }
                cache->lives[i].half_life_s = decay->half_life_s;
        }
        double *factor = &cache->lives[i].factors[activity - cache->history];
        if (*factor == 0)
                *factor = decay_factor(decay, age_s);
        return *factor;
}
