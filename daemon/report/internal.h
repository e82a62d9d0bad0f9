#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * report, inside. One file a report; report.c their table and what they are built with, show.c cells in words, json.c, csv.c, html.c and
 * plot.c what a report becomes; gather.c what large reports keep while they go through the book.
 */
#include "leadd/plans.h"
#include "leadd/report.h"

/* The end of the report's period: what happened this very instant lies in one that goes on until now. */
static inline int64_t report_until(const ReportInput *input) {
        return input->until_us < input->now_us ? input->until_us : input->now_us + 1;
}

int report_fairness(const ReportInput *input, Report *report);
int report_funnel(const ReportInput *input, Report *report);
int report_stages(const ReportInput *input, Report *report);
int report_sla(const ReportInput *input, Report *report);
int report_owners(const ReportInput *input, Report *report);
int report_reasons(const ReportInput *input, Report *report);
int report_leaks(const ReportInput *input, Report *report);
int report_alignment(const ReportInput *input, Report *report);
int report_campaigns(const ReportInput *input, Report *report);

/* ---- pages ---- */

void html_text(Text *out, const char *text);
/* The n-th plot of a page: a figure. */
void html_plot(Text *out, const ReportPlot *plot, const Report *report, unsigned n);

/* ---- days ---- */

/* The day of the instant in the zone (NULL = UTC), as days since 1970. */
int64_t report_day(const Zone *zone, int64_t time_us);
int64_t report_day_start(const Zone *zone, int64_t day);

/* ---- gathering (gather.c) ---- */

/* Numbers for names of a scan: there the same name is the same pointer, so that nothing is compared. NULL is a name, too. The numbers go
 * from 0 up in the order in which names are first seen. */
typedef struct Numbered {
        const char **names; /* by number */
        size_t n, capacity;
        uint32_t *buckets; /* number + 1 */
        size_t n_buckets;
} Numbered;
/* *ret_is_new may be NULL. -ENOMEM. */
int numbered_find(Numbered *numbered, const char *name, uint32_t *ret, bool *ret_is_new);
void numbered_done(Numbered *numbered);

/* A list of durations. */
typedef struct Values {
        int64_t *items;
        size_t n, capacity;
} Values;
int values_add(Values *values, int64_t value);
void values_done(Values *values);

/* A bit for each lead, for what a scan of leads says and another one asks. */
typedef struct LeadSet {
        uint64_t *words;
        size_t n_words;
} LeadSet;
int lead_set_add(LeadSet *set, uint64_t lead);
static inline bool lead_set_has(const LeadSet *set, uint64_t lead) {
        return lead / 64 < set->n_words && set->words[lead / 64] >> (lead % 64) & 1;
}
void lead_set_done(LeadSet *set);

/* ---- who reached what (reach.c) ---- */

#define REACH_LEADS_MAX 8000000 /* leads of one period: 56 bytes each with six stages, 84 while it grows */
#define REACH_STAGES_MAX 32

typedef enum ReachBy { REACH_BY_NOTHING, REACH_BY_SOURCE, REACH_BY_CAMPAIGN, REACH_BY_SEGMENT, REACH_BY_GRADE, REACH_BY_OWNER } ReachBy;

typedef struct Reacher {
        int64_t created_us;
        uint32_t key;       /* of Reach.keys */
        uint32_t in_status; /* stages of its present status, and since when, in seconds after it was created */
        uint32_t entered;
        uint32_t has_owner;
} Reacher;
/* Leads that were created in a period, and when each reached the stages of the rules: as known now, with what happened to leads that were
 * merged into them, without tests and who was erased. */
typedef struct Reach {
        ReachBy by;
        const RuleSet *rules;
        const Stage *stages;
        size_t n_stages;
        Reacher *leads;
        size_t n_leads, capacity;
        uint32_t *reached; /* by lead and stage: seconds after it was created, 1 more; 0 = it has not */
        Numbered keys;     /* sources, grades, .., or segments joined */
        /* while gathering */
        int64_t from_us, until_us;
        uint32_t *slots; /* by lead id: index in leads + 1 */
        size_t n_slots;
        struct Merged {
                uint64_t lead, survivor;
        } * merged;
        size_t n_merged, merged_capacity;
        Numbered statuses, moves;
        uint32_t *status_bits, *move_bits; /* by number: stages */
        uint32_t every, accepted, opportunity;
} Reach;
/* STORE_E_*, -errno; -EFBIG: more than REACH_LEADS_MAX. */
int reach_gather(const ReportInput *input, ReachBy by, Reach *ret);
void reach_done(Reach *reach);
/* Microseconds from its creation; -1 = not reached. */
static inline int64_t reach_after(const Reach *reach, size_t lead, size_t stage) {
        return ((int64_t) reach->reached[lead * reach->n_stages + stage] - 1) * US_PER_SECOND;
}
