#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * tally: a line of counts for each combination of names that a report meets, in the order in which they are met. Names are a Store's,
 * where the same pointer is the same name: a million rows are told apart by comparing pointers.
 */
#include "leadd/base.h"

typedef struct TallyKey {
        const char *a, *b; /* NULL is a name like others */
} TallyKey;
typedef struct Tally {
        size_t line_size; /* set by its owner, as is n_max */
        uint32_t n_max;   /* combinations; 0 = no limit */
        TallyKey *keys;
        void *lines;
        uint32_t n;
        uint32_t *slots; /* 0 = free, else the number of a key and one */
        uint32_t n_slots;
} Tally;

/* A number for each lead, 0 for whom none was set. Grows with the leads that are met: a reader does not know how many there are by now. */
typedef struct ByLead {
        uint32_t *items;
        size_t n;
} ByLead;
int by_lead_set(ByLead *by_lead, uint64_t lead, uint32_t number);
static inline uint32_t by_lead_get(const ByLead *by_lead, uint64_t lead) { return lead < by_lead->n ? by_lead->items[lead] : 0; }
void by_lead_done(ByLead *by_lead);

enum {
        TALLY_E_FULL = 1, /* a new combination, and there are n_max */
};
/* The number of the combination, from 0; its line is zeroed when it is new. TALLY_E_FULL, -ENOMEM. */
int tally_find(Tally *tally, TallyKey key, uint32_t *ret);
/* The line; stands until the next combination that is new. */
static inline void *tally_line(const Tally *tally, uint32_t number) { return (char *) tally->lines + number * tally->line_size; }
/* The numbers of all lines by their names, what has no name last. Never by counts: who has most is no rank. */
int tally_sort(const Tally *tally, Arena *arena, uint32_t **ret);
void tally_done(Tally *tally);
