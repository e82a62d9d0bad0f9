/* SPDX-License-Identifier: MIT */
/*
 * Of the leads that came in a period, which share reached each stage, which share of those went on to the next, and how long it took. A
 * stage counts the leads that reached it, not those that must have because they reached a later one: so a lead that skips a stage is
 * missing there, and nobody's figures are filled in for them.
 *
 * By a dimension the same is said of each cohort. By segment a lead counts in each of its segments. The owner is who has it now, else who
 * had it last. Memory is that of reach.c and 12 bytes a lead.
 */
#include "internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define COHORTS_MAX 500 /* the largest are shown */

/* Leads that are counted together. */
typedef struct Cohort {
        const char *name; /* NULL = it has none */
        uint32_t *keys;   /* of Reach.keys */
        size_t n_keys;
        size_t n_leads;
} Cohort;
/* What became of them, by stage. */
typedef struct Passed {
        int64_t reached; /* of all */
        int64_t on;      /* of those that reached the stage before: that reached this one, too */
        int64_t median_us, p90_us;
} Passed;
typedef struct Funnel {
        Report *report;
        Reach reach;
        uint32_t *by_key; /* leads in the order of their keys */
        size_t *starts;   /* of each key in by_key; one more at the end */
        int64_t *scratch; /* as long as there are leads */
        Cohort *cohorts;
        size_t n_cohorts, n_left_out;
        Passed all[REACH_STAGES_MAX];
} Funnel;

static void funnel_done(Funnel *funnel) {
        reach_done(&funnel->reach);
        free(funnel->by_key);
        free(funnel->starts);
        free(funnel->scratch);
}

/* ---- counting ---- */

/* A stage of the leads of a cohort; NULL = of all. */
static void count_stage(Funnel *funnel, const Cohort *cohort, size_t stage, Passed *ret) {
        const Reach *reach = &funnel->reach;
        Passed passed = { .median_us = -1, .p90_us = -1 };
        size_t n = 0;

        for (size_t k = 0; k < (cohort ? cohort->n_keys : 1); k++) {
                size_t from = cohort ? funnel->starts[cohort->keys[k]] : 0;
                size_t to = cohort ? funnel->starts[cohort->keys[k] + 1] : reach->n_leads;
                for (size_t i = from; i < to; i++) {
                        size_t lead = cohort ? funnel->by_key[i] : i;
                        int64_t after_us = reach_after(reach, lead, stage);
                        if (after_us < 0)
                                continue;
                        funnel->scratch[n++] = after_us;
                        passed.on += stage > 0 && reach_after(reach, lead, stage - 1) >= 0;
                }
        }
        passed.reached = (int64_t) n;
        passed.median_us = report_quantile(funnel->scratch, n, 0.5);
        passed.p90_us = report_quantile(funnel->scratch, n, 0.9);
        *ret = passed;
}

static void count_cohort(Funnel *funnel, const Cohort *cohort, Passed ret[static REACH_STAGES_MAX]) {
        for (size_t i = 0; i < funnel->reach.n_stages; i++)
                count_stage(funnel, cohort, i, &ret[i]);
}

static int sort_by_key(Funnel *funnel) {
        const Reach *reach = &funnel->reach;
        funnel->by_key = calloc(reach->n_leads + 1, sizeof(uint32_t));
        funnel->starts = calloc(reach->keys.n + 2, sizeof(size_t));
        if (!funnel->by_key || !funnel->starts)
                return -ENOMEM;
        for (size_t i = 0; i < reach->n_leads; i++)
                funnel->starts[reach->leads[i].key + 2]++;
        for (size_t i = 2; i < reach->keys.n + 2; i++)
                funnel->starts[i] += funnel->starts[i - 1];
        for (size_t i = 0; i < reach->n_leads; i++) /* now the starts are one behind their keys */
                funnel->by_key[funnel->starts[reach->leads[i].key + 1]++] = (uint32_t) i;
        return 0;
}

/* ---- cohorts ---- */

static int add_to_cohort(Funnel *funnel, size_t *capacity, const char *name, uint32_t key) {
        Arena *arena = funnel->report->arena;
        size_t at = 0;
        while (at < funnel->n_cohorts &&
                !((!name && !funnel->cohorts[at].name) || (name && funnel->cohorts[at].name && base_streq(funnel->cohorts[at].name, name))))
                at++;
        if (at == *capacity) {
                *capacity = *capacity > 0 ? *capacity * 2 : 16;
                Cohort *grown = ARENA_ARRAY(arena, Cohort, *capacity);
                if (!grown)
                        return -ENOMEM;
                if (at > 0)
                        memcpy(grown, funnel->cohorts, at * sizeof(Cohort));
                funnel->cohorts = grown;
        }
        Cohort *cohort = &funnel->cohorts[at];
        if (at == funnel->n_cohorts) {
                *cohort = (Cohort){ .name = name };
                funnel->n_cohorts++;
        }
        if ((cohort->n_keys & (cohort->n_keys - 1)) == 0) { /* full at the powers of two */
                uint32_t *keys = ARENA_ARRAY(arena, uint32_t, cohort->n_keys > 0 ? cohort->n_keys * 2 : 1);
                if (!keys)
                        return -ENOMEM;
                if (cohort->n_keys > 0)
                        memcpy(keys, cohort->keys, cohort->n_keys * sizeof(uint32_t));
                cohort->keys = keys;
        }
        cohort->keys[cohort->n_keys++] = key;
        cohort->n_leads += funnel->starts[key + 1] - funnel->starts[key];
        return 0;
}

/* A cohort for each segment that is joined in a key. */
static int split_segments(Funnel *funnel, size_t *capacity, const char *joined, uint32_t key) {
        for (const char *at = joined;;) {
                const char separator[] = { STORE_SEGMENT_SEPARATOR, '\0' };
                size_t size = strcspn(at, separator);
                char *name = arena_strndup(funnel->report->arena, at, size);
                int r = name ? add_to_cohort(funnel, capacity, name, key) : -ENOMEM;
                if (r != 0 || at[size] == '\0')
                        return r;
                at += size + 1;
        }
}

static int compare_cohorts(const void *a, const void *b) {
        const Cohort *x = a, *y = b;
        if (x->n_leads != y->n_leads)
                return x->n_leads > y->n_leads ? -1 : 1;
        return x->name && y->name ? strcmp(x->name, y->name) : !x->name - !y->name;
}

/* Names of a scan are each one pointer, so each key is one cohort; only segments are several. */
static int make_cohorts(Funnel *funnel) {
        const Numbered *keys = &funnel->reach.keys;
        size_t capacity = 0;
        int r = 0;
        if (funnel->reach.by != REACH_BY_SEGMENT) {
                funnel->cohorts = ARENA_ARRAY(funnel->report->arena, Cohort, keys->n + 1);
                uint32_t *numbers = ARENA_ARRAY(funnel->report->arena, uint32_t, keys->n + 1);
                if (!funnel->cohorts || !numbers)
                        return -ENOMEM;
                for (size_t i = 0; i < keys->n; i++) {
                        numbers[i] = (uint32_t) i;
                        size_t n = funnel->starts[i + 1] - funnel->starts[i];
                        if (n > 0) /* an owner may have had only leads that somebody else has now */
                                funnel->cohorts[funnel->n_cohorts++] =
                                        (Cohort){ .name = keys->names[i], .keys = &numbers[i], .n_keys = 1, .n_leads = n };
                }
        } else
                for (size_t i = 0; i < keys->n && r == 0; i++)
                        r = keys->names[i] && *keys->names[i] ? split_segments(funnel, &capacity, keys->names[i], (uint32_t) i)
                                                              : add_to_cohort(funnel, &capacity, NULL, (uint32_t) i);
        if (funnel->n_cohorts > 0)
                qsort(funnel->cohorts, funnel->n_cohorts, sizeof(Cohort), compare_cohorts);
        if (funnel->n_cohorts > COHORTS_MAX) {
                funnel->n_left_out = funnel->n_cohorts - COHORTS_MAX;
                funnel->n_cohorts = COHORTS_MAX;
        }
        return r;
}

/* ---- tables ---- */

static ReportCell share_of_all(const Passed *passed, size_t stage, size_t n_leads) {
        return cell_share(passed[stage].reached, (int64_t) n_leads);
}

static ReportCell share_of_before(const Passed *passed, size_t stage) {
        return stage > 0 ? cell_share(passed[stage].on, passed[stage - 1].reached) : cell_none();
}

static void add_stages(Funnel *funnel) {
        static const ReportColumn columns[] = {
                { .key = "stage", .type = REPORT_TEXT },
                { .key = "reached", .title = "of all leads", .type = REPORT_SHARE },
                { .key = "step", .title = "of the stage before", .type = REPORT_SHARE },
                { .key = "median_seconds", .title = "median time", .type = REPORT_DURATION },
                { .key = "p90_seconds", .title = "nine in ten within", .type = REPORT_DURATION },
        };
        const Reach *reach = &funnel->reach;
        ReportTable *table = report_table(
                funnel->report, "stages", "From stage to stage", "No lead was created in the period.", columns, ARRAY_SIZE(columns));

        for (size_t i = 0; i < reach->n_stages && reach->n_leads > 0; i++)
                REPORT_ROW(table, cell_text(reach->stages[i].rule.name), share_of_all(funnel->all, i, reach->n_leads),
                        share_of_before(funnel->all, i), cell_duration(funnel->all[i].median_us), cell_duration(funnel->all[i].p90_us));
        report_plot(funnel->report, table, REPORT_FUNNEL, "Share of all leads that reached each stage", NULL, "stage", "reached step");
}

/* Side by side: how far each cohort came. */
static ReportTable *begin_cohorts(Funnel *funnel) {
        const Reach *reach = &funnel->reach;
        Arena *arena = funnel->report->arena;
        size_t n_stages = reach->n_stages < REPORT_COLUMNS_MAX - 3 ? reach->n_stages : REPORT_COLUMNS_MAX - 3, n = 0;
        ReportColumn *columns = ARENA_ARRAY(arena, ReportColumn, n_stages + 3);

        if (!columns) {
                funnel->report->error = -ENOMEM;
                return NULL;
        }
        columns[n++] = (ReportColumn){ .key = "cohort", .title = funnel->report->by, .type = REPORT_TEXT };
        columns[n++] = (ReportColumn){ .key = "leads", .type = REPORT_COUNT };
        for (size_t i = 1; i < n_stages; i++) {
                columns[n] = (ReportColumn){ .key = arena_printf(arena, "reached_%s", reach->stages[i].rule.name),
                        .title = reach->stages[i].rule.name,
                        .type = REPORT_SHARE,
                        .is_brief = true };
                if (!columns[n++].key)
                        funnel->report->error = -ENOMEM;
        }
        columns[n++] = (ReportColumn){ .key = "median_seconds", .title = "median time", .type = REPORT_DURATION };
        return funnel->report->error == 0
                       ? report_table(funnel->report, "cohorts", "Cohorts", "No lead was created in the period.", columns, n)
                       : NULL;
}

static ReportTable *begin_cohort_stages(Funnel *funnel) {
        static const ReportColumn columns[] = {
                { .key = "cohort", .type = REPORT_TEXT },
                { .key = "stage", .type = REPORT_TEXT },
                { .key = "reached", .title = "of all leads", .type = REPORT_SHARE },
                { .key = "step", .title = "of the stage before", .type = REPORT_SHARE },
                { .key = "median_seconds", .title = "median time", .type = REPORT_DURATION },
                { .key = "p90_seconds", .title = "nine in ten within", .type = REPORT_DURATION },
        };
        return report_table(funnel->report, "cohort_stages", "Cohorts, stage by stage", "No lead was created in the period.", columns,
                ARRAY_SIZE(columns));
}

/* Two whose intervals do not touch. */
typedef struct Extremes {
        const char *best, *worst;
        Passed best_passed, worst_passed;
        size_t best_n, worst_n;
} Extremes;

static void look_at_extremes(Extremes *extremes, const Cohort *cohort, const Passed *last) {
        double share = cohort->n_leads > 0 ? (double) last->reached / (double) cohort->n_leads : 0;
        if (cohort->n_leads < REPORT_FEW || !cohort->name)
                return;
        if (!extremes->best || share > (double) extremes->best_passed.reached / (double) extremes->best_n) {
                extremes->best = cohort->name;
                extremes->best_passed = *last;
                extremes->best_n = cohort->n_leads;
        }
        if (!extremes->worst || share < (double) extremes->worst_passed.reached / (double) extremes->worst_n) {
                extremes->worst = cohort->name;
                extremes->worst_passed = *last;
                extremes->worst_n = cohort->n_leads;
        }
}

static void show_cell(const ReportCell cell, Text *out) {
        const ReportColumn column = { .type = cell.type };
        report_show(&column, &cell, NULL, out);
}

static void note_extremes(Funnel *funnel, const Extremes *extremes) {
        const Reach *reach = &funnel->reach;
        double low, high, other_low, other_high;
        if (!extremes->best || extremes->best == extremes->worst ||
                !report_wilson(extremes->best_passed.reached, (int64_t) extremes->best_n, &low, &high) ||
                !report_wilson(extremes->worst_passed.reached, (int64_t) extremes->worst_n, &other_low, &other_high))
                return;
        if (low <= other_high) {
                report_note(funnel->report, "Between the cohorts of at least %d leads no difference at the stage %s is beyond chance.",
                        REPORT_FEW, reach->stages[reach->n_stages - 1].rule.name);
                return;
        }
        Text best = { 0 }, worst = { 0 };
        show_cell(cell_share(extremes->best_passed.reached, (int64_t) extremes->best_n), &best);
        show_cell(cell_share(extremes->worst_passed.reached, (int64_t) extremes->worst_n), &worst);
        report_note(funnel->report, "%s: most from %s, %s; least from %s, %s. The intervals do not overlap.",
                reach->stages[reach->n_stages - 1].rule.name, extremes->best, best.data ? best.data : "", extremes->worst,
                worst.data ? worst.data : "");
        text_free(&best);
        text_free(&worst);
}

static int add_cohorts(Funnel *funnel) {
        const Reach *reach = &funnel->reach;
        ReportCell cells[REPORT_COLUMNS_MAX];
        Extremes extremes = { 0 };
        int r = sort_by_key(funnel);
        if (r == 0)
                r = make_cohorts(funnel);
        ReportTable *wide = r == 0 ? begin_cohorts(funnel) : NULL;
        if (!wide)
                return r;
        ReportTable *narrow = begin_cohort_stages(funnel);
        for (size_t i = 0; i < funnel->n_cohorts; i++) {
                const Cohort *cohort = &funnel->cohorts[i];
                Passed passed[REACH_STAGES_MAX];
                size_t n = 0;
                count_cohort(funnel, cohort, passed);
                cells[n++] = cell_text(cohort->name);
                cells[n++] = cell_count((int64_t) cohort->n_leads);
                for (size_t k = 1; n + 1 < wide->n_columns; k++)
                        cells[n++] = share_of_all(passed, k, cohort->n_leads);
                cells[n++] = cell_duration(passed[reach->n_stages - 1].median_us);
                report_row(wide, cells, n);
                for (size_t k = 0; k < reach->n_stages; k++)
                        REPORT_ROW(narrow, cell_text(cohort->name), cell_text(reach->stages[k].rule.name),
                                share_of_all(passed, k, cohort->n_leads), share_of_before(passed, k), cell_duration(passed[k].median_us),
                                cell_duration(passed[k].p90_us));
                look_at_extremes(&extremes, cohort, &passed[reach->n_stages - 1]);
        }
        wide->n_left_out += funnel->n_left_out;
        if (reach->n_stages > 1)
                report_plot(funnel->report, wide, REPORT_BARS, "Share of each cohort that reached the last stage", NULL, "cohort",
                        wide->columns[wide->n_columns - 2].key);
        report_plot(
                funnel->report, narrow, REPORT_FUNNEL, "Share of each cohort that reached each stage", "cohort", "stage", "reached step");
        note_extremes(funnel, &extremes);
        return 0;
}

/* ---- sentences ---- */

static void add_headline(Funnel *funnel) {
        const Reach *reach = &funnel->reach;
        Report *report = funnel->report;
        size_t last = reach->n_stages - 1;
        Text share = { 0 }, took = { 0 };

        if (reach->n_leads == 0) {
                report_headline(report, "No lead was created in the period.");
                return;
        }
        show_cell(cell_share(funnel->all[last].reached, (int64_t) reach->n_leads), &share);
        show_cell(cell_duration(funnel->all[last].median_us), &took);
        report_headline(report, "Of the leads that came, %s reached the stage %s so far%s%s.%s", share.data ? share.data : "",
                reach->stages[last].rule.name, funnel->all[last].reached > 0 ? ", half of these within " : "",
                funnel->all[last].reached > 0 && took.data ? took.data : "",
                reach->n_leads < REPORT_FEW ? " These are too few to go by." : "");
        text_free(&share);
        text_free(&took);
}

/* Conversion rises as a cohort grows older. */
static void note_youth(Funnel *funnel) {
        const Reach *reach = &funnel->reach;
        const Passed *last = &funnel->all[reach->n_stages - 1];
        int64_t n = 0;
        Text took = { 0 };

        if (reach->n_leads == 0 || last->reached == 0)
                return;
        for (size_t i = 0; i < reach->n_leads; i++)
                n += funnel->report->now_us - reach->leads[i].created_us < last->median_us;
        if (n == 0)
                return;
        show_cell(cell_duration(last->median_us), &took);
        report_note(funnel->report, "%lld of these leads are younger than the %s that half of the others took: their share may still rise.",
                (long long) n, took.data ? took.data : "");
        text_free(&took);
}

static void add_notes(Funnel *funnel, const RuleSet *rules) {
        Report *report = funnel->report;
        report_note(report,
                "Counted are leads that were first heard of in the period, whatever became of them until now; no tests, nobody who was "
                "erased, and people who came twice once.");
        report_note(report, "A stage counts the leads that reached it: one that skips a stage is missing there. Ranges are 95 %% intervals "
                            "(Wilson); times are those since it came.");
        report_note(report, rules->stages_are_declared
                                    ? "The stages are those of the rules (leadctl rules)."
                                    : "The stages are what statuses and moves say by default; rules of the kind stage say it otherwise.");
        if (funnel->reach.by == REACH_BY_SEGMENT)
                report_note(report, "A lead counts in each of its segments.");
        if (funnel->reach.by == REACH_BY_OWNER)
                report_note(report, "The owner is who has the lead now, else who had it last.");
        if (rules->n_stages > REACH_STAGES_MAX)
                report_note(report, "Only the first %d stages are counted.", REACH_STAGES_MAX);
}

static ReachBy dimension(const char *by) {
        static const struct {
                const char *name;
                ReachBy by;
        } dimensions[] = { { "source", REACH_BY_SOURCE }, { "campaign", REACH_BY_CAMPAIGN }, { "segment", REACH_BY_SEGMENT },
                { "grade", REACH_BY_GRADE }, { "rating", REACH_BY_GRADE }, { "owner", REACH_BY_OWNER } };
        for (size_t i = 0; by && i < ARRAY_SIZE(dimensions); i++)
                if (base_streq(dimensions[i].name, by))
                        return dimensions[i].by;
        return REACH_BY_NOTHING;
}

int report_funnel(const ReportInput *input, Report *report) {
        _cleanup_(funnel_done) Funnel funnel = { .report = report };
        int r = input->rules->n_stages > 0 ? reach_gather(input, dimension(input->by), &funnel.reach) : -EINVAL;

        if (r != 0)
                return r;
        funnel.scratch = calloc(funnel.reach.n_leads + 1, sizeof(int64_t));
        if (!funnel.scratch)
                return -ENOMEM;
        count_cohort(&funnel, NULL, funnel.all);
        add_headline(&funnel);
        add_stages(&funnel);
        if (funnel.reach.by != REACH_BY_NOTHING)
                r = add_cohorts(&funnel);
        add_notes(&funnel, input->rules);
        note_youth(&funnel);
        return r;
}
