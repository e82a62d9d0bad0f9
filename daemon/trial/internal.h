#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * trial, inside. trial.c runs tests: an empty book, a clock, the gate. look.c compares a lead with what is expected of it and writes
 * what the rules did. coverage.c keeps which rules did anything.
 */
#include "leadd/decide.h"
#include "leadd/gate.h"
#include "leadd/intake.h"
#include "leadd/store.h"
#include "leadd/trial.h"

#define TRIAL_EVENTS_MAX 20000              /* timer events of one test */
#define TRIAL_SHOWN_MAX 10                  /* activities told where one was missed */
#define TRIAL_MISSES_MAX 100                /* told of one test */
#define TRIAL_MEMORY_MAX (64 * 1024 * 1024) /* of one look */

/* What happened to a lead since it was looked at last. */
typedef struct Happened {
        uint64_t lead;
        const Rule **hits; /* adapters, moves, reasons, routes and SLAs, in their order */
        size_t n_hits, hits_capacity;
        const char **roles; /* who was reminded */
        size_t n_roles, roles_capacity;
        const char **sent; /* messages to it, in their order */
        size_t n_sent, sent_capacity;
} Happened;

typedef struct Coverage Coverage;

typedef struct Trial {
        RuleSet *rules;
        const TrialOptions *options;
        TrialReport *report;
        Store *store;
        Gate *gate;
        Intake *intake;     /* of records; whoever they speak for may speak */
        Intake *payloads;   /* as in life, but for secrets */
        Adapter *adapters;  /* of payloads: by RuleSet.adapters */
        Coverage *coverage; /* NULL = nobody asks */
        Arena *scratch;     /* of one look */
        int64_t end_us;     /* monotonic; TIME_NONE = no end */

        /* the test at hand */
        Arena *arena; /* lives as long as the test */
        const Test *test;
        int64_t now_us;
        uint64_t subject;         /* the lead it is about; 0 = not there yet */
        uint64_t n_events;        /* of timers */
        const char *refused_code; /* of the record given last, NULL = it was taken */
        const char *refused_text;
        Happened *all_happened;
        size_t n_happened, happened_capacity;
        const char **freed; /* teams whose held leads can be offered */
        size_t n_freed, freed_capacity;
        TrialMiss *misses; /* these outlive it */
        size_t n_misses, misses_capacity;
        Text receipts; /* of the first look that missed something */
        bool stop;
} Trial;

/* ---- trial.c ---- */

/* Grows an array by one; NULL: no memory. */
void *trial_grow(Arena *arena, void *items, size_t n, size_t *capacity, size_t item_size);
int trial_miss(Trial *trial, const char *where, const char *key, const char *want, const char *got);
/* What happened to the lead; NULL = nothing. */
Happened *trial_happened(Trial *trial, uint64_t lead);

/* ---- look.c ---- */

int look_at(Trial *trial, const TestLook *look);

/* ---- coverage.c ---- */

int coverage_new(RuleSet *rules, Coverage **ret);
Coverage *trial_coverage_free(Coverage *coverage);
void coverage_hit(Coverage *coverage, const Rule *rule);
/* What a decision shows to have happened. */
void coverage_add(Coverage *coverage, const Record *record, const Decision *decision);
/* Writes what was never seen into the report. */
int coverage_report(Coverage *coverage, TrialReport *report);
