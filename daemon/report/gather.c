/* SPDX-License-Identifier: MIT */
/*
 * What large reports keep while they go through the book: numbers for names, lists of durations, a bit for a lead.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

/* ---- names ---- */

static size_t bucket_of(const Numbered *numbered, const char *name) {
        return (size_t) (((uint64_t) (uintptr_t) name * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (numbered->n_buckets - 1);
}

static int grow(Numbered *numbered) {
        size_t n_buckets = numbered->n_buckets > 0 ? numbered->n_buckets * 2 : 64;
        const char **names = reallocarray(numbered->names, n_buckets / 2, sizeof(char *));
        if (!names)
                return -ENOMEM;
        numbered->names = names;
        numbered->capacity = n_buckets / 2;
        uint32_t *buckets = calloc(n_buckets, sizeof(uint32_t));
        if (!buckets)
                return -ENOMEM;
        free(numbered->buckets);
        numbered->buckets = buckets;
        numbered->n_buckets = n_buckets;
        for (size_t i = 0; i < numbered->n; i++) {
                size_t at = bucket_of(numbered, names[i]);
                while (buckets[at] > 0)
                        at = (at + 1) & (n_buckets - 1);
                buckets[at] = (uint32_t) i + 1;
        }
        return 0;
}

int numbered_find(Numbered *numbered, const char *name, uint32_t *ret, bool *ret_is_new) {
        if (numbered->n == numbered->capacity) {
                int r = grow(numbered);
                if (r < 0)
                        return r;
        }
        size_t at = bucket_of(numbered, name);
        while (numbered->buckets[at] > 0 && numbered->names[numbered->buckets[at] - 1] != name)
                at = (at + 1) & (numbered->n_buckets - 1);
        bool is_new = numbered->buckets[at] == 0;
        if (is_new) {
                numbered->names[numbered->n++] = name;
                numbered->buckets[at] = (uint32_t) numbered->n;
        }
        *ret = numbered->buckets[at] - 1;
        if (ret_is_new)
                *ret_is_new = is_new;
        return 0;
}

void numbered_done(Numbered *numbered) {
        free(numbered->names);
        free(numbered->buckets);
        *numbered = (Numbered){ 0 };
}

/* ---- durations ---- */

int values_add(Values *values, int64_t value) {
        if (values->n == values->capacity) {
                size_t capacity = values->capacity > 0 ? values->capacity * 2 : 256;
                int64_t *items = reallocarray(values->items, capacity, sizeof(int64_t));
                if (!items)
                        return -ENOMEM;
                values->items = items;
                values->capacity = capacity;
        }
        values->items[values->n++] = value;
        return 0;
}

void values_done(Values *values) {
        free(values->items);
        *values = (Values){ 0 };
}

/* ---- leads ---- */

int lead_set_add(LeadSet *set, uint64_t lead) {
        size_t word = lead / 64;
        if (word >= set->n_words) {
                size_t n_words = word + word / 2 + 64;
                uint64_t *words = reallocarray(set->words, n_words, sizeof(uint64_t));
                if (!words)
                        return -ENOMEM;
                memset(words + set->n_words, 0, (n_words - set->n_words) * sizeof(uint64_t));
                set->words = words;
                set->n_words = n_words;
        }
        set->words[word] |= UINT64_C(1) << (lead % 64);
        return 0;
}

void lead_set_done(LeadSet *set) {
        free(set->words);
        *set = (LeadSet){ 0 };
}
