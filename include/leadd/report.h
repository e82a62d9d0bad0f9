#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * report: measures what was decided. Each report reads sums that the store keeps, over a read-only connection on a thread of
 * its own, and gives them as values, as JSON for programs and as a page for people to pass on. Decides nothing and
 * changes nothing; has names of members, routes and teams in it and no lead.
 */
#include "leadd/base.h"
#include "leadd/decide.h"
#include "leadd/policy.h"
#include "leadd/store.h"

struct json_t;

#define REPORT_LINES_MAX 10000 /* lines of one report: teams by routes by members */

/* ---- fairness ---- */

/* A member in a route. */
typedef struct FairnessLine {
        const char *team, *route, *member; /* route NULL: it was not recorded */
        int64_t n[FAIR_KINDS];
} FairnessLine;
/* Where a member stands now. */
typedef struct FairnessOwed {
        const Member *member;
        int64_t turn; /* leads, by DECIDE_TURN; more or less than 0: has got fewer or more than the entitlement */
        uint32_t credits;
} FairnessOwed;
typedef struct FairnessReport {
        int64_t from_us; /* midnight in the site's zone: whole days are counted */
        int64_t now_us;
        int64_t recorded_us; /* nothing is recorded from before; TIME_NONE = no event yet */
        FairnessLine *lines; /* by team, route and member */
        size_t n_lines;
        bool more; /* than REPORT_LINES_MAX */
        FairnessOwed *owed;
        size_t n_owed;
} FairnessReport;
/* Everything in the arena, or borrowed from the store and the rules. STORE_E_*, -errno. */
int report_fairness(Store *store, const RuleSet *rules, int64_t since_us, int64_t now_us, Arena *arena, FairnessReport *ret);
/* How many leads the member received by the route. */
int64_t report_fairness_received(const FairnessLine *line);
int report_fairness_json(const FairnessReport *report, struct json_t **ret);
int report_fairness_html(const FairnessReport *report, Text *out);
