/* SPDX-License-Identifier: MIT */
/*
 * report campaigns: the calendar of campaigns with what each reached: how many people were taken for it in the period, and what became of
 * them after they were first taken for it: handed to sales, accepted, won, and the value of the deals that were won. After is not because:
 * the note says so. Beside it, which campaigns run at the same time and which goes first, and whom somebody keeps out of which.
 *
 * A person counts once a campaign; what happened to a lead that was merged is that of the lead that goes on. 24 bytes for each lead and
 * campaign that it was taken for: a million people of one campaign need 24 MB.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

#define CURRENCIES_MAX 8  /* of one campaign: further ones are left out, and said */
#define EXCLUDED_MAX 1000 /* rows of whom somebody keeps out */
#define NAMES_MAX 4096    /* campaigns of the rules, and of takes */

enum { REACHED_MQL = 1, REACHED_ACCEPTED = 2, REACHED_WON = 4 };

/* Somebody taken for a campaign: when first, and what came after. */
typedef struct Taken {
        uint64_t lead;
        int64_t at_us;
        uint32_t campaign; /* number in `names` */
        uint32_t reached;
} Taken;

typedef struct Won {
        const char *currency; /* NULL = none was said */
        int64_t n, amount;
} Won;

typedef struct Line {
        int64_t n, n_mql, n_accepted, n_won, n_takes, n_excluded;
        Won values[CURRENCIES_MAX];
        size_t n_values;
} Line;

typedef struct Merge {
        uint64_t lead, survivor;
} Merge;

typedef struct Campaigns {
        const ReportInput *input;
        Report *report;
        const Stage *mql, *won;       /* NULL = the rules have no such stage */
        const char *names[NAMES_MAX]; /* of campaigns: of the rules, then of takes */
        uint32_t n_names, n_lines;
        const char *last; /* the text that was looked for last, and its number: the next is mostly the same */
        uint32_t last_number;
        Taken *taken;
        size_t n_taken, taken_capacity;
        Merge *merges; /* by lead */
        size_t n_merges, merges_capacity;
        LeadSet uncounted; /* tests, and who was erased */
        Line *lines;       /* by number */
        ReportTable *calendar, *values, *overlaps, *excluded;
        int64_t n_excluded;
} Campaigns;

static int grow(void **items, size_t *capacity, size_t n, size_t size) {
        if (n < *capacity)
                return 0;
        size_t wanted = *capacity > 0 ? 2 * *capacity : 1024;
        void *grown = wanted * size <= REPORT_MEMORY_MAX ? reallocarray(*items, wanted, size) : NULL;
        if (!grown)
                return -ENOMEM;
        *items = grown;
        *capacity = wanted;
        return 0;
}

static int find_name(Campaigns *campaigns, const char *name, uint32_t *ret) {
        uint32_t i = campaigns->last_number;

        if (name != campaigns->last)
                for (i = 0; i < campaigns->n_names && !base_streq(campaigns->names[i], name);)
                        i++;
        if (i == NAMES_MAX)
                return -EFBIG;
        if (i == campaigns->n_names)
                campaigns->names[campaigns->n_names++] = name;
        campaigns->last = name;
        *ret = campaigns->last_number = i;
        return 0;
}

/* ---- who was taken ---- */

static int on_lead(const ScanLead *lead, void *userdata) {
        Campaigns *campaigns = userdata;

        if (lead->test || lead->erased)
                return lead_set_add(&campaigns->uncounted, lead->id);
        if (lead->survivor == lead->id)
                return 0;
        int r = grow((void **) &campaigns->merges, &campaigns->merges_capacity, campaigns->n_merges, sizeof(Merge));
        if (r == 0)
                campaigns->merges[campaigns->n_merges++] = (Merge){ lead->id, lead->survivor };
        return r;
}

static uint64_t survivor_of(const Campaigns *campaigns, uint64_t lead) {
        for (size_t low = 0, high = campaigns->n_merges; low < high;) {
                size_t middle = low + (high - low) / 2;
                if (campaigns->merges[middle].lead == lead)
                        return campaigns->merges[middle].survivor;
                if (campaigns->merges[middle].lead < lead)
                        low = middle + 1;
                else
                        high = middle;
        }
        return lead;
}

static int on_written(uint64_t lead, const Written *written, void *userdata) {
        Campaigns *campaigns = userdata;
        uint32_t number;

        if (written->kind != EFFECT_AUDIENCE || written->at_us < campaigns->input->from_us ||
                written->at_us >= report_until(campaigns->input))
                return 0;
        lead = survivor_of(campaigns, lead);
        if (lead_set_has(&campaigns->uncounted, lead))
                return 0;
        int r = find_name(campaigns, written->by, &number);
        if (r == 0)
                r = grow((void **) &campaigns->taken, &campaigns->taken_capacity, campaigns->n_taken, sizeof(Taken));
        if (r == 0)
                campaigns->taken[campaigns->n_taken++] = (Taken){ .lead = lead, .at_us = written->at_us, .campaign = number };
        return r;
}

static int compare_taken(const void *a, const void *b) {
        const Taken *x = a, *y = b;

        if (x->lead != y->lead)
                return x->lead < y->lead ? -1 : 1;
        if (x->campaign != y->campaign)
                return x->campaign < y->campaign ? -1 : 1;
        return x->at_us < y->at_us ? -1 : x->at_us > y->at_us;
}

/* By lead, each campaign once: when it was first taken for it. */
static void sort_taken(Campaigns *campaigns) {
        size_t n = 0;

        if (campaigns->n_taken == 0)
                return;
        qsort(campaigns->taken, campaigns->n_taken, sizeof(Taken), compare_taken);
        for (size_t i = 0; i < campaigns->n_taken; i++)
                if (n == 0 || campaigns->taken[n - 1].lead != campaigns->taken[i].lead ||
                        campaigns->taken[n - 1].campaign != campaigns->taken[i].campaign)
                        campaigns->taken[n++] = campaigns->taken[i];
        campaigns->n_taken = n;
}

/* ---- what became of them ---- */

static Taken *find_taken(Campaigns *campaigns, uint64_t lead) {
        size_t low = 0, high = campaigns->n_taken;

        lead = survivor_of(campaigns, lead);
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (campaigns->taken[middle].lead < lead)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < campaigns->n_taken && campaigns->taken[low].lead == lead ? &campaigns->taken[low] : NULL;
}

static void note(Campaigns *campaigns, uint64_t lead, int64_t at_us, uint32_t what) {
        Taken *taken = find_taken(campaigns, lead), *end = campaigns->taken + campaigns->n_taken;
        uint64_t first = taken ? taken->lead : 0;

        for (; taken && taken < end && taken->lead == first; taken++)
                if (taken->at_us <= at_us)
                        taken->reached |= what;
}

static bool is_in_stage(const Stage *stage, const ScanTransition *row) {
        for (size_t i = 0; stage && i < stage->n_statuses; i++)
                if (row->from != row->to && base_streq(stage->statuses[i]->rule.name, row->to))
                        return true;
        for (size_t i = 0; stage && i < stage->n_moves; i++)
                if (base_streq(stage->moves[i]->rule.name, row->move))
                        return true;
        return false;
}

static int on_transition(const ScanTransition *row, void *userdata) {
        Campaigns *campaigns = userdata;
        uint32_t what = (is_in_stage(campaigns->mql, row) ? REACHED_MQL : 0) | (is_in_stage(campaigns->won, row) ? REACHED_WON : 0);

        if (what && !row->test)
                note(campaigns, row->lead, row->at_us, what);
        return 0;
}

static int on_handoff(const ScanHandoff *row, void *userdata) {
        if (row->how == HANDOFF_ACCEPTED && !row->test)
                note(userdata, row->lead, row->ended_us, REACHED_ACCEPTED);
        return 0;
}

static void add_value(Line *line, const Opportunity *deal) {
        size_t i = 0;

        while (i < line->n_values && line->values[i].currency != deal->currency)
                i++;
        if (i == CURRENCIES_MAX)
                return;
        if (i == line->n_values)
                line->values[line->n_values++] = (Won){ .currency = deal->currency };
        line->values[i].n++;
        line->values[i].amount += deal->amount == AMOUNT_NONE ? 0 : deal->amount;
}

/* A deal won after somebody was taken counts for each campaign that did. */
static int on_opportunity(const StoredOpportunity *row, void *userdata) {
        Campaigns *campaigns = userdata;
        const Opportunity *deal = &row->opportunity;

        if (row->is_test || row->is_merged || row->is_erased || deal->state != OPPORTUNITY_WON || deal->ended_us == TIME_NONE)
                return 0;
        Taken *taken = find_taken(campaigns, row->lead), *end = campaigns->taken + campaigns->n_taken;
        uint64_t lead = taken ? taken->lead : 0;
        for (; taken && taken < end && taken->lead == lead; taken++)
                if (taken->at_us <= deal->ended_us) {
                        taken->reached |= REACHED_WON;
                        add_value(&campaigns->lines[taken->campaign], deal);
                }
        return 0;
}

static int on_take(const StoredTake *take, void *userdata) {
        Campaigns *campaigns = userdata;
        uint32_t number;

        if (take->at_us < campaigns->input->from_us)
                return 1;
        if (take->at_us >= report_until(campaigns->input))
                return 0;
        const char *name = arena_strdup(campaigns->report->arena, take->campaign);
        int r = name ? find_name(campaigns, name, &number) : -ENOMEM;
        if (r == 0 && number < campaigns->n_lines)
                campaigns->lines[number].n_takes++;
        return r;
}

/* ---- rows ---- */

static int on_exclusion(uint64_t lead, const Exclusion *exclusion, void *userdata) {
        Campaigns *campaigns = userdata;
        const char *colon = exclusion->by ? strchr(exclusion->by, ':') : NULL;

        campaigns->n_excluded++;
        for (uint32_t i = 0; i < campaigns->n_lines; i++)
                if (!exclusion->campaign || base_streq(exclusion->campaign, campaigns->names[i]))
                        campaigns->lines[i].n_excluded++;
        if (campaigns->n_excluded <= EXCLUDED_MAX)
                REPORT_ROW(campaigns->excluded, cell_lead(survivor_of(campaigns, lead)),
                        cell_text(exclusion->campaign ? exclusion->campaign : DECIDE_ALL_CAMPAIGNS), cell_instant(exclusion->until_us),
                        cell_text(colon ? colon + 1 : exclusion->by), cell_text(exclusion->reason));
        else
                campaigns->excluded->n_left_out++;
        return 0;
}

static void add_line(Campaigns *campaigns, ReportTable *table, ReportTable *values, uint32_t number) {
        int64_t now_us = campaigns->input->now_us;
        const char *name = campaigns->names[number];
        const Campaign *campaign = policy_campaign(campaigns->input->rules, name); /* NULL: the rules no longer have it */
        const Line *line = &campaigns->lines[number];

        REPORT_ROW(table, cell_text(name), cell_text(campaign && campaign->owner ? campaign->owner->rule.name : NULL),
                campaign ? cell_count(campaign->priority) : cell_none(), campaign ? cell_text(campaign->from_text) : cell_none(),
                campaign ? cell_text(campaign->to_text) : cell_none(), cell_flag(campaign && policy_campaign_runs(campaign, now_us)),
                cell_count(line->n_takes), cell_count(line->n), cell_share(line->n_mql, line->n), cell_share(line->n_accepted, line->n),
                cell_share(line->n_won, line->n), cell_count(line->n_excluded), campaign ? cell_instant(campaign->from_us) : cell_none(),
                campaign ? cell_instant(campaign->to_us) : cell_none());
        for (size_t i = 0; i < line->n_values; i++)
                REPORT_ROW(values, cell_text(name), cell_count(line->values[i].n),
                        cell_money((double) line->values[i].amount / (double) AMOUNT_UNIT, line->values[i].currency));
}

static int64_t later(int64_t a_us, int64_t b_us) { return a_us == TIME_NONE ? b_us : b_us == TIME_NONE || a_us > b_us ? a_us : b_us; }
static int64_t sooner(int64_t a_us, int64_t b_us) { return a_us == TIME_NONE ? b_us : b_us == TIME_NONE || a_us < b_us ? a_us : b_us; }

/* Those whose days meet, and are not over. */
static void add_overlaps(Campaigns *campaigns, ReportTable *table) {
        const RuleSet *rules = campaigns->input->rules;

        for (size_t i = 0; i < rules->n_campaigns; i++)
                for (size_t k = i + 1; k < rules->n_campaigns; k++) {
                        const Campaign *a = &rules->campaigns[i], *b = &rules->campaigns[k];
                        int64_t from_us = later(a->from_us, b->from_us), to_us = sooner(a->to_us, b->to_us);
                        if ((to_us != TIME_NONE && from_us != TIME_NONE && from_us >= to_us) ||
                                (to_us != TIME_NONE && to_us <= campaigns->input->from_us))
                                continue;
                        const char *first = a->priority > b->priority ? a->rule.name : b->priority > a->priority ? b->rule.name : NULL;
                        REPORT_ROW(table, cell_text(a->rule.name), cell_text(b->rule.name), cell_instant(from_us), cell_instant(to_us),
                                cell_text(first));
                }
}

/* ---- the report ---- */

static const Stage *find_stage(const RuleSet *rules, const char *name) {
        for (size_t i = 0; i < rules->n_stages; i++)
                if (base_streq(rules->stages[i].rule.name, name))
                        return &rules->stages[i];
        return NULL;
}

static const ReportColumn calendar_columns[] = {
        { .key = "campaign", .type = REPORT_TEXT },
        { .key = "owner", .type = REPORT_TEXT },
        { .key = "priority", .type = REPORT_COUNT },
        { .key = "from", .type = REPORT_TEXT },
        { .key = "to", .type = REPORT_TEXT },
        { .key = "runs", .type = REPORT_FLAG },
        { .key = "takes", .type = REPORT_COUNT },
        { .key = "reached", .title = "people taken", .type = REPORT_COUNT },
        { .key = "mql", .type = REPORT_SHARE },
        { .key = "accepted", .type = REPORT_SHARE },
        { .key = "won", .type = REPORT_SHARE },
        { .key = "excluded", .title = "kept out now", .type = REPORT_COUNT },
        { .key = "from_at", .type = REPORT_INSTANT, .is_detail = true },
        { .key = "to_at", .type = REPORT_INSTANT, .is_detail = true },
};
static const ReportColumn value_columns[] = {
        { .key = "campaign", .type = REPORT_TEXT },
        { .key = "deals", .title = "deals won", .type = REPORT_COUNT },
        { .key = "value", .type = REPORT_MONEY },
};
static const ReportColumn overlap_columns[] = {
        { .key = "campaign", .type = REPORT_TEXT },
        { .key = "other", .type = REPORT_TEXT },
        { .key = "from", .type = REPORT_INSTANT },
        { .key = "to", .type = REPORT_INSTANT },
        { .key = "first", .title = "goes first", .type = REPORT_TEXT },
};
static const ReportColumn excluded_columns[] = {
        { .key = "lead", .type = REPORT_LEAD },
        { .key = "campaign", .type = REPORT_TEXT },
        { .key = "until", .type = REPORT_INSTANT },
        { .key = "by", .type = REPORT_TEXT },
        { .key = "reason", .type = REPORT_TEXT },
};

static int gather(Campaigns *campaigns) {
        const ReportInput *input = campaigns->input;
        const RuleSet *rules = input->rules;
        uint32_t number;
        int r = store_scan_leads(input->store, 0, SCAN_FEW, on_lead, campaigns);

        for (size_t i = 0; r == 0 && i < rules->n_campaigns; i++)
                r = find_name(campaigns, rules->campaigns[i].rule.name, &number);
        if (r == 0)
                r = store_scan_written(input->store, on_written, campaigns);
        if (r != 0)
                return r;
        sort_taken(campaigns);
        campaigns->n_lines = campaigns->n_names;
        campaigns->lines = calloc(campaigns->n_lines + 1, sizeof(Line));
        if (!campaigns->lines)
                return -ENOMEM;
        r = store_scan_transitions(input->store, input->from_us, TIME_NONE, on_transition, campaigns);
        if (r == 0)
                r = store_scan_handoffs(input->store, input->from_us, TIME_NONE, on_handoff, campaigns);
        if (r == 0 && campaigns->n_taken > 0)
                r = store_scan_opportunities(input->store, 0, on_opportunity, campaigns);
        if (r == 0) {
                r = store_takes(input->store, NULL, 0, on_take, campaigns);
                r = r == 1 ? 0 : r;
        }
        for (size_t i = 0; i < campaigns->n_taken; i++) {
                Line *line = &campaigns->lines[campaigns->taken[i].campaign];
                line->n++;
                line->n_mql += (campaigns->taken[i].reached & REACHED_MQL) != 0;
                line->n_accepted += (campaigns->taken[i].reached & REACHED_ACCEPTED) != 0;
                line->n_won += (campaigns->taken[i].reached & REACHED_WON) != 0;
        }
        return r;
}

static void write_tables(Campaigns *campaigns) {
        Report *report = campaigns->report;
        int64_t n = 0, n_won = 0;
        for (uint32_t i = 0; i < campaigns->n_lines; i++) {
                add_line(campaigns, campaigns->calendar, campaigns->values, i);
                n += campaigns->lines[i].n;
                n_won += campaigns->lines[i].n_won;
        }
        add_overlaps(campaigns, campaigns->overlaps);
        Text share = { 0 };
        const ReportColumn column = { .type = REPORT_SHARE };
        const ReportCell cell = cell_share(n_won, n);
        report_show(&column, &cell, report->zone, &share);
        if (n > 0)
                report_headline(report, "Of the people taken for a campaign, %s were won afterwards.", share.data ? share.data : "");
        else
                report_headline(report, "Nobody was taken for a campaign in the period.");
        text_free(&share);
        report_plot(report, campaigns->calendar, REPORT_TIMELINE, "Calendar", NULL, "campaign", "from_at to_at");
        report_plot(report, campaigns->calendar, REPORT_BARS, "Of who was taken", NULL, "campaign", "mql accepted won");
}

int report_campaigns(const ReportInput *input, Report *report) {
        Campaigns *campaigns = calloc(1, sizeof *campaigns);

        if (!campaigns)
                return -ENOMEM;
        campaigns->input = input;
        campaigns->report = report;
        campaigns->mql = find_stage(input->rules, "mql");
        campaigns->won = find_stage(input->rules, "won");
        report_note(report,
                "Taken in the period, each person once a campaign, without tests and who was erased; afterwards: after they were first "
                "taken for it, up to now. That they were written to does not say that they came because of it.");
        report_note(report, "A deal counts for each campaign that its person was taken for before it was won.");
        campaigns->calendar = report_table(report, "campaigns", "Calendar, and what became of who was taken", "The rules have no campaign.",
                calendar_columns, ARRAY_SIZE(calendar_columns));
        campaigns->values =
                report_table(report, "values", "Deals won afterwards", "None was won.", value_columns, ARRAY_SIZE(value_columns));
        campaigns->overlaps = report_table(
                report, "overlaps", "Campaigns at the same time", "No two of them meet.", overlap_columns, ARRAY_SIZE(overlap_columns));
        campaigns->excluded = report_table(
                report, "excluded", "Kept out by hand, now", "Nobody is kept out.", excluded_columns, ARRAY_SIZE(excluded_columns));
        int r = gather(campaigns);
        if (r == 0)
                r = store_exclusions(input->store, input->now_us, on_exclusion, campaigns);
        if (r == 0)
                write_tables(campaigns);
        free(campaigns->taken);
        free(campaigns->merges);
        free(campaigns->lines);
        lead_set_done(&campaigns->uncounted);
        free(campaigns);
        return r;
}
