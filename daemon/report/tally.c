/* SPDX-License-Identifier: MIT */
#include "tally.h"

#include <errno.h>
#include <stdlib.h>

#define SLOTS_MIN 64

static bool is_same(TallyKey a, TallyKey b) { return a.a == b.a && a.b == b.b; }

/* Where it stands, or the free slot where it belongs. */
static uint32_t *find_slot(const Tally *tally, TallyKey key) {
        uint64_t hash = (uintptr_t) key.a * UINT64_C(0x9e3779b97f4a7c15);

        hash = (hash ^ (hash >> 29) ^ (uintptr_t) key.b) * UINT64_C(0xbf58476d1ce4e5b9);
        uint32_t at = (uint32_t) (hash >> 32) & (tally->n_slots - 1);
        while (tally->slots[at] > 0 && !is_same(tally->keys[tally->slots[at] - 1], key))
                at = (at + 1) & (tally->n_slots - 1);
        return &tally->slots[at];
}

/* Half of the slots stay free. */
static int enlarge(Tally *tally) {
        uint32_t n_slots = tally->n_slots > 0 ? tally->n_slots * 2 : SLOTS_MIN;

        if (n_slots < tally->n_slots)
                return -ENOMEM;
        TallyKey *keys = reallocarray(tally->keys, n_slots / 2, sizeof(TallyKey));
        tally->keys = keys ? keys : tally->keys;
        void *lines = reallocarray(tally->lines, n_slots / 2, tally->line_size);
        tally->lines = lines ? lines : tally->lines;
        uint32_t *slots = calloc(n_slots, sizeof(uint32_t));
        if (!keys || !lines || !slots) {
                free(slots);
                return -ENOMEM;
        }
        free(tally->slots);
        tally->slots = slots;
        tally->n_slots = n_slots;
        for (uint32_t i = 0; i < tally->n; i++)
                *find_slot(tally, tally->keys[i]) = i + 1;
        return 0;
}

int tally_find(Tally *tally, TallyKey key, uint32_t *ret) {
        uint32_t *slot = tally->n_slots > 0 ? find_slot(tally, key) : NULL;

        if (!slot || *slot == 0) {
                if (tally->n_max > 0 && tally->n == tally->n_max)
                        return TALLY_E_FULL;
                if (2 * tally->n == tally->n_slots) {
                        int r = enlarge(tally);
                        if (r < 0)
                                return r;
                        slot = find_slot(tally, key);
                }
                memset(tally_line(tally, tally->n), 0, tally->line_size);
                tally->keys[tally->n++] = key;
                *slot = tally->n;
        }
        *ret = *slot - 1;
        return 0;
}

/* By name, no name last: who has most is no rank. */
static int compare_names(const char *a, const char *b) { return a && b ? strcmp(a, b) : (a == NULL) - (b == NULL); }

static int compare_numbers(const void *a_, const void *b_, void *tally_) {
        const Tally *tally = tally_;
        const TallyKey *a = &tally->keys[*(const uint32_t *) a_], *b = &tally->keys[*(const uint32_t *) b_];
        int r = compare_names(a->a, b->a);

        return r != 0 ? r : compare_names(a->b, b->b);
}

int tally_sort(const Tally *tally, Arena *arena, uint32_t **ret) {
        uint32_t *numbers = ARENA_ARRAY(arena, uint32_t, tally->n + 1);

        if (!numbers)
                return -ENOMEM;
        for (uint32_t i = 0; i < tally->n; i++)
                numbers[i] = i;
        qsort_r(numbers, tally->n, sizeof(uint32_t), compare_numbers, (void *) tally);
        *ret = numbers;
        return 0;
}

void tally_done(Tally *tally) {
        free(tally->keys);
        free(tally->lines);
        free(tally->slots);
        *tally = (Tally){ .line_size = tally->line_size, .n_max = tally->n_max };
}

/* ---- by lead ---- */

int by_lead_set(ByLead *by_lead, uint64_t lead, uint32_t number) {
        if (lead >= by_lead->n) {
                size_t n = by_lead->n > 0 ? by_lead->n : 4096;
                while (n <= lead && n < SIZE_MAX / 2)
                        n *= 2;
                uint32_t *grown = reallocarray(by_lead->items, n, sizeof(uint32_t));
                if (!grown)
                        return -ENOMEM;
                memset(grown + by_lead->n, 0, (n - by_lead->n) * sizeof(uint32_t));
                by_lead->items = grown;
                by_lead->n = n;
        }
        by_lead->items[lead] = number;
        return 0;
}

void by_lead_done(ByLead *by_lead) {
        free(by_lead->items);
        *by_lead = (ByLead){ 0 };
}
