#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * trial: the tests that stand beside the rules. Each `test` of a rule set happens to an empty book in memory, under a clock of
 * its own, through the same intake, gate and timers as life; nothing is sent, nothing is logged, nothing is kept.
 * Uses the rule set it is given for itself until it returns: try a set before others use it, or a copy from policy_load_archive.
 */
#include "leadd/base.h"
#include "leadd/policy.h"

#include <stdatomic.h>

/* One expectation that was not met. */
typedef struct TrialMiss {
        const char *where; /* "expect", "later[2].expect", "given[1]" */
        const char *key;   /* "status", "hits", ...; "" when something could not be given at all */
        const char *want, *got;
} TrialMiss;

/* A test that failed. */
typedef struct TrialFailure {
        const char *test, *file;
        int line;
        const TrialMiss *misses;
        size_t n_misses;
        const char *receipts; /* what the rules did, as lines: one receipt each, with its place and trace */
        const char *text;     /* all of it for people: a line an expectation, then the receipts */
} TrialFailure;

/* Something the tests never made happen. */
typedef struct TrialGap {
        const Rule *rule;
        const char *text; /* "never hit", "step 2 never fired", "when: country in list "eea": never false" */
} TrialGap;

typedef struct TrialReport {
        size_t n_tests; /* that were run */
        size_t n_failed;
        TrialFailure *failures; /* in the order of the tests */
        TrialGap *gaps;         /* with `coverage`: by declaration */
        size_t n_gaps;
        bool stopped; /* the time was up or somebody said stop: the tests that were left did not run */
        Arena *arena; /* owns all of it but the rules' own texts */
} TrialReport;

typedef struct TrialOptions {
        const char *filter;      /* only tests with this in their names, case-folded; NULL = all */
        const atomic_bool *stop; /* looked at between two events; NULL = nobody stops it */
        int64_t budget_us;       /* real time for all tests together; 0 = as long as they take */
        bool coverage;
        /* After each test; failure is NULL when it passed. May be NULL. */
        void (*on_test)(const Rule *test, const TrialFailure *failure, void *userdata);
        void *userdata;
} TrialOptions;

/* Runs the tests of the rule set in their order. options may be NULL. 0 also when tests failed; < 0: our machinery broke, and the
 * report is empty. Release it with trial_report_done before the rules. */
int trial_run(RuleSet *rules, const TrialOptions *options, TrialReport *ret);
void trial_report_done(TrialReport *report);
