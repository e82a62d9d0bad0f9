/* SPDX-License-Identifier: MIT */
/*
 * report alignment: where the two teams stand, from facts that neither can argue with: what each side promised as a number (rules of kind
 * target) and what came of it, now and in the period before, and what would help most. Without targets the measures stand by themselves:
 * what is good is for the teams to agree on, not for us to invent.
 *
 * What would help most: of the promises that are not kept, those for which the most leads would have to be otherwise (the distance to the
 * target, times the leads it is measured by); of equals the one that is further away by its own measure, then the one declared first.
 */
#include "internal.h"
#include "measures.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define HELP_MAX 3

static const char *const side_names[] = { [SIDE_SALES] = "sales", [SIDE_MARKETING] = "marketing" };

static const char *keep_text(Report *report, Text *text) {
        const char *kept =
                text->error == 0 && report->error == 0 ? arena_strndup(report->arena, text->data ? text->data : "", text->size) : NULL;

        if (!kept && report->error == 0)
                report->error = -ENOMEM;
        text_free(text);
        return kept;
}

static const char *show(Report *report, const Measures *measures, TargetMeasure measure) {
        Text text = { 0 };

        measure_show(measures, measure, &text);
        return keep_text(report, &text);
}

static const char *show_bound(Report *report, const Target *target) {
        Text text = { 0 };

        measure_show_bound(target, &text);
        return keep_text(report, &text);
}

/* One number for the direction: percent, hours or leads. */
static double value_of(const Measures *measures, TargetMeasure measure) {
        const Measured *measured = &measures->items[measure];

        switch (policy_measure(measure)->unit) {
        case UNIT_PERCENT:
                return 100 * (double) measured->n / (double) measured->of;
        case UNIT_HOURS:
                return (double) measured->median_us / US_PER_HOUR;
        default:
                return (double) measured->n;
        }
}

/* Could both come of the same share? Nobody is told to be worse than by one lead that went well. */
static bool is_chance(const Measured *now, const Measured *before) {
        double low, high, low_before, high_before;

        return report_wilson(now->n, now->of, &low, &high) && report_wilson(before->n, before->of, &low_before, &high_before) &&
               low <= high_before && low_before <= high;
}

/* "better", "worse", "as before"; NULL: one of them is not known. */
static const char *compare(const Measures *now, const Measures *before, TargetMeasure measure) {
        const MeasureInfo *info = policy_measure(measure);

        if (!now->items[measure].is_known || !before->items[measure].is_known)
                return NULL;
        double change = value_of(now, measure) - value_of(before, measure);
        if (change == 0)
                return "as before";
        bool is_better = (change > 0) == info->more_is_better;
        if (info->unit == UNIT_PERCENT && is_chance(&now->items[measure], &before->items[measure]))
                return is_better ? "better, may be chance" : "worse, may be chance";
        return is_better ? "better" : "worse";
}

/* ---- what would help ---- */

/* Of what speaks against it, what most have in common: a clause, or nothing. */
static void say_common(const Measures *measures, TargetMeasure measure, Text *out) {
        static const char *const clauses[MEASURE_LAST + 1] = {
                [MEASURE_ACCEPTANCE_RATE] = "%s is the reason of %lld of the %lld that were refused",
                [MEASURE_SLA_KEPT] = "%s is the agreement of %lld of the %lld broken promises",
                [MEASURE_REASONS_GIVEN] = "%s is the status in which %lld of the %lld without a reason were",
                [MEASURE_FEEDBACK_GIVEN] = "%s has %lld of the %lld of which nothing was said",
                [MEASURE_MEETINGS] = "%s has %lld of the %lld without a meeting",
                [MEASURE_WON] = "%s has %lld of the %lld that are not won",
                [MEASURE_RECYCLED] = "%s is the reason of %lld of the %lld that did not come again",
                [MEASURE_BAD_DATA] = "%s is the reason of %lld of the %lld",
                [MEASURE_LEAKS] = "%s are %lld of the %lld",
                [MEASURE_OVERDUE] = "%s is the agreement of %lld of the %lld",
        };
        int64_t n, of;
        const char *name = measure_misses(measures, measure, &n, &of);
        const char *clause = clauses[measure];

        if (!name || !clause)
                return;
        text_append(out, "; ");
        for (const char *c = clause; *c; c++) {
                if (c[0] != '%') {
                        text_append_char(out, *c);
                        continue;
                }
                if (c[1] == 's') {
                        text_append(out, name);
                        c += 1;
                } else {
                        text_printf(out, "%" PRId64, n);
                        n = of;
                        c += 3;
                }
        }
}

typedef struct Help {
        const Target *target;
        int64_t n_missing;
        double distance; /* by the bound */
} Help;

static int compare_helps(const void *a_, const void *b_) {
        const Help *a = a_, *b = b_;

        if (a->n_missing != b->n_missing)
                return a->n_missing > b->n_missing ? -1 : 1;
        if (a->distance != b->distance)
                return a->distance > b->distance ? -1 : 1;
        return a->target->rule.index < b->target->rule.index ? -1 : 1;
}

static double distance_of(const Measures *measures, const Target *target) {
        double bound = (double) target->bound_milli / 1000, off = value_of(measures, target->measure) - bound;

        return (off < 0 ? -off : off) / (bound > 0 ? bound : 1);
}

static const char *say_help(Report *report, const Measures *measures, const Help *help) {
        const Target *target = help->target;
        Text text = { 0 };

        text_printf(&text, "%s: ", target->rule.doc ? target->rule.doc : target->rule.name);
        measure_show(measures, target->measure, &text);
        text_append(&text, ", promised ");
        measure_show_bound(target, &text);
        say_common(measures, target->measure, &text);
        text_append_char(&text, '.');
        return keep_text(report, &text);
}

static const ReportColumn help_columns[] = {
        { .key = "side", .title = "whose move", .type = REPORT_TEXT },
        { .key = "leads", .title = "leads it takes", .type = REPORT_COUNT },
        { .key = "target", .type = REPORT_TEXT, .is_detail = true },
        { .key = "text", .title = "what would help most", .type = REPORT_TEXT },
};

static int add_helps(const ReportInput *input, const Measures *measures, Report *report) {
        const RuleSet *rules = input->rules;
        Help *helps = ARENA_ARRAY(report->arena, Help, rules->n_targets + 1);
        ReportTable *table = report_table(report, "help", "What would help most",
                rules->n_targets > 0 ? "Every promise that can be measured is kept."
                                     : "No target is declared, so that nothing is amiss or well.",
                help_columns, ARRAY_SIZE(help_columns));
        size_t n = 0;

        if (!helps)
                return -ENOMEM;
        for (size_t i = 0; i < rules->n_targets; i++) {
                const Target *target = &rules->targets[i];
                int64_t n_missing = measure_missing(measures, target);
                if (n_missing > 0)
                        helps[n++] = (Help){ target, n_missing, distance_of(measures, target) };
        }
        qsort(helps, n, sizeof(Help), compare_helps);
        for (size_t i = 0; i < n && i < HELP_MAX; i++)
                REPORT_ROW(table, cell_text(side_names[helps[i].target->side]), cell_count(helps[i].n_missing),
                        cell_text(helps[i].target->rule.name), cell_text(say_help(report, measures, &helps[i])));
        return 0;
}

/* ---- what was promised ---- */

static const ReportColumn target_columns[] = {
        { .key = "side", .type = REPORT_TEXT },
        { .key = "target", .title = "promise", .type = REPORT_TEXT },
        { .key = "measure", .type = REPORT_TEXT, .is_detail = true },
        { .key = "promised", .type = REPORT_TEXT },
        { .key = "is", .title = "is", .type = REPORT_TEXT },
        { .key = "kept", .type = REPORT_TEXT },
        { .key = "missing", .title = "leads it takes", .type = REPORT_COUNT },
        { .key = "before", .title = "the period before", .type = REPORT_TEXT },
        { .key = "kept_before", .title = "kept then", .type = REPORT_TEXT },
        { .key = "change", .type = REPORT_TEXT },
};

static const char *say_kept(const Measures *measures, const Target *target) {
        if (!measures->items[target->measure].is_known)
                return NULL;
        if (measure_keeps(measures, target))
                return "yes";
        return measure_may_be_chance(measures, target) ? "no, may be chance" : "no";
}

/* Kept by a side, of those that could be measured. */
static void count_kept(const RuleSet *rules, const Measures *measures, int64_t n[static 2], int64_t of[static 2]) {
        n[0] = n[1] = of[0] = of[1] = 0;
        for (size_t i = 0; i < rules->n_targets; i++) {
                const Target *target = &rules->targets[i];
                if (!measures->items[target->measure].is_known)
                        continue;
                of[target->side]++;
                n[target->side] += measure_keeps(measures, target);
        }
}

static void add_targets(const ReportInput *input, const Measures *now, const Measures *before, Report *report) {
        static const TargetSide sides[] = { SIDE_SALES, SIDE_MARKETING };
        const RuleSet *rules = input->rules;
        ReportTable *table = report_table(
                report, "targets", "What each side promised", "No target is declared.", target_columns, ARRAY_SIZE(target_columns));

        for (size_t s = 0; s < ARRAY_SIZE(sides); s++)
                for (size_t i = 0; i < rules->n_targets; i++) {
                        const Target *target = &rules->targets[i];
                        bool is_known = now->items[target->measure].is_known;
                        if (target->side != sides[s])
                                continue;
                        REPORT_ROW(table, cell_text(side_names[target->side]),
                                cell_text(target->rule.doc ? target->rule.doc : target->rule.name),
                                cell_text(policy_measure(target->measure)->name), cell_text(show_bound(report, target)),
                                cell_text(show(report, now, target->measure)), cell_text(say_kept(now, target)),
                                is_known ? cell_count(measure_missing(now, target)) : cell_none(),
                                cell_text(show(report, before, target->measure)), cell_text(say_kept(before, target)),
                                cell_text(compare(now, before, target->measure)));
                }
}

/* ---- all measures ---- */

static const ReportColumn measure_columns[] = {
        { .key = "measure", .type = REPORT_TEXT, .is_detail = true },
        { .key = "of_what", .title = "of", .type = REPORT_TEXT },
        { .key = "is", .type = REPORT_TEXT },
        { .key = "before", .title = "the period before", .type = REPORT_TEXT },
        { .key = "change", .type = REPORT_TEXT },
        { .key = "share", .title = "this period", .type = REPORT_SHARE, .is_detail = true },
        { .key = "share_before", .title = "the period before", .type = REPORT_SHARE, .is_detail = true },
        { .key = "median_seconds", .type = REPORT_WORKING, .is_detail = true },
        { .key = "median_before_seconds", .type = REPORT_WORKING, .is_detail = true },
        { .key = "leads", .type = REPORT_COUNT, .is_detail = true },
};

static ReportCell share_cell(const Measures *measures, TargetMeasure measure) {
        const Measured *measured = &measures->items[measure];

        return measured->is_known && policy_measure(measure)->unit == UNIT_PERCENT ? cell_share(measured->n, measured->of) : cell_none();
}

static ReportCell median_cell(const Measures *measures, TargetMeasure measure) {
        const Measured *measured = &measures->items[measure];

        return measured->is_known && policy_measure(measure)->unit == UNIT_HOURS ? cell_working(measured->median_us) : cell_none();
}

static void add_measures(const Measures *now, const Measures *before, Report *report) {
        ReportTable *table = report_table(
                report, "measures", "What both are measured by", "Nothing is measured.", measure_columns, ARRAY_SIZE(measure_columns));

        for (int i = MEASURE_ACCEPTANCE_RATE; i <= MEASURE_LAST; i++) {
                TargetMeasure measure = (TargetMeasure) i;
                const MeasureInfo *info = policy_measure(measure);
                REPORT_ROW(table, cell_text(info->name), cell_text(info->of), cell_text(show(report, now, measure)),
                        cell_text(show(report, before, measure)), cell_text(compare(now, before, measure)), share_cell(now, measure),
                        share_cell(before, measure), median_cell(now, measure), median_cell(before, measure),
                        info->unit == UNIT_LEADS && now->items[i].is_known ? cell_count(now->items[i].n) : cell_none());
        }
        report_plot(report, table, REPORT_BARS, "Shares, in this period and the one before", NULL, "of_what", "share share_before");
}

static bool has_targets(const RuleSet *rules, TargetSide side) {
        for (size_t i = 0; i < rules->n_targets; i++)
                if (rules->targets[i].side == side)
                        return true;
        return false;
}

static int write_report(const ReportInput *input, const Measures *now, const Measures *before, Report *report) {
        int64_t n[2], of[2];

        count_kept(input->rules, now, n, of);
        if (of[SIDE_SALES] > 0 && of[SIDE_MARKETING] > 0)
                report_headline(report, "Sales keeps %lld of its %lld promises, marketing %lld of its %lld.", (long long) n[SIDE_SALES],
                        (long long) of[SIDE_SALES], (long long) n[SIDE_MARKETING], (long long) of[SIDE_MARKETING]);
        else if (of[SIDE_SALES] + of[SIDE_MARKETING] > 0) {
                TargetSide side = of[SIDE_SALES] > 0 ? SIDE_SALES : SIDE_MARKETING,
                           other = side == SIDE_SALES ? SIDE_MARKETING : SIDE_SALES;
                report_headline(report, "%s keeps %lld of its %lld promises.%s%s%s", side == SIDE_SALES ? "Sales" : "Marketing",
                        (long long) n[side], (long long) of[side],
                        has_targets(input->rules, other) ? " Nothing happened that those of " : "",
                        has_targets(input->rules, other) ? side_names[other] : "",
                        has_targets(input->rules, other) ? " are measured by." : "");
        } else
                report_headline(report, input->rules->n_targets > 0 ? "Nothing happened that the promises are measured by."
                                                                    : "No target is declared: the measures stand without a judgement.");
        report_note(report,
                "Facts of the period as it stood at its end, beside those of a period as long before it, as it stood at its own. "
                "The targets are rules that both teams agreed on (kind target). May be chance: with so few leads the same share could have "
                "come out as either.");
        report_note(report,
                "What would help most is what takes the most leads to be otherwise: the distance to the target times the leads it "
                "is measured by.");
        int r = add_helps(input, now, report);
        if (r < 0)
                return r;
        add_targets(input, now, before, report);
        add_measures(now, before, report);
        return 0;
}

/* Leaks are known of now alone. */
static int take_leaks(const ReportInput *input, LeakBook *book, Measures *into) {
        LeakLook look;
        int r = leak_book_look(book, input->store, input->rules, input->now_us, false, &look);

        if (r != 0)
                return r;
        LeakCounts counts = leak_book_counts(book, input->now_us);
        return measures_take_leaks(into, &counts);
}

static int find_leaks(const ReportInput *input, Measures *into) {
        if (input->leaks)
                return take_leaks(input, input->leaks, into);
        LeakBook *book = leak_book_new();
        int r = book ? take_leaks(input, book, into) : -ENOMEM;
        leak_book_free(book);
        return r;
}

int report_alignment(const ReportInput *input, Report *report) {
        int64_t until_us = report_until(input);
        Measures now = { 0 }, before = { 0 };
        int r = measures_take(input->store, input->rules, input->from_us, until_us, until_us > input->now_us ? MEASURES_NOW : 0, &now);

        if (r == 0 && until_us > input->now_us)
                r = find_leaks(input, &now);
        if (r == 0)
                r = measures_take(input->store, input->rules, 2 * input->from_us - until_us, input->from_us, 0, &before);
        if (r == 0)
                r = write_report(input, &now, &before, report);
        measures_done(&now);
        measures_done(&before);
        return r;
}
