#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * measures: what both teams have agreed to be measured by (leadd/plans.h), of a period as it stood at its end. So the same measure of the
 * period before is as old then as this one is now, and what is over is counted the same for ever. What is asked of now (leaks, overdue) is
 * known of a period that ends now alone.
 *
 * Of answers without those for deals (course.h): what was an opportunity already is won or lost, not a lead that was wanted or not.
 */
#include "course.h"
#include "leadd/plans.h"
#include "tally.h"

typedef struct Measured {
        bool is_known;     /* false: there was nothing to measure */
        int64_t n, of;     /* UNIT_PERCENT: n of `of`; UNIT_LEADS: n; UNIT_HOURS: of is how many were timed */
        int64_t median_us; /* UNIT_HOURS */
        Tally misses;      /* int64_t, by name: those that speak against it, by what they have in common (measure_misses) */
} Measured;

typedef struct Measures {
        Measured items[MEASURE_LAST + 1];
        int64_t *times_us; /* of MEASURE_RESPONSE */
        size_t n_times, times_capacity;
} Measures;
enum {
        MEASURES_NOW = 1 << 0, /* the period ends now */
        MEASURES_ANSWERED =
                1 << 1, /* only what happened: does not go through what waits, so that it is not known whether promises are kept */
};
int measures_take(Store *store, const RuleSet *rules, int64_t from_us, int64_t until_us, unsigned flags, Measures *ret);
/* The leaks of now, of a book that was brought up to date. -ENOMEM. */
int measures_take_leaks(Measures *measures, const LeakCounts *counts);
void measures_done(Measures *measures);

/* Does it keep the target? Something was measured. */
bool measure_keeps(const Measures *measures, const Target *target);
/* How many leads would have to be otherwise for the target to be kept; 0 = it is. */
int64_t measure_missing(const Measures *measures, const Target *target);
/* It does not, and a share as good as the target lies within the interval of so few. */
bool measure_may_be_chance(const Measures *measures, const Target *target);
/* The name that most of what speaks against it have in common, and how many have it, of how many; NULL = none. What the name is. */
const char *measure_misses(const Measures *measures, TargetMeasure measure, int64_t *ret_n, int64_t *ret_of);
/* "68 % (59-76) of 60", "3 h 20 min", "4 leads"; "-" when there was nothing. */
void measure_show(const Measures *measures, TargetMeasure measure, Text *out);
/* "at least 70 %", "at most 4 hours" */
void measure_show_bound(const Target *target, Text *out);
