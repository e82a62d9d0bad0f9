/* SPDX-License-Identifier: MIT */
/*
 * How long leads are in each status: those that left it in the period, and those that are in it now; and who is stuck: in it for longer
 * than nine in ten of those that left it were, and than STUCK_LEAST_US. Final statuses hold nobody up, and who rests until a signal or a
 * date (recycle) is not stuck.
 *
 * A million moves need 8 MB, 12 while they are gathered, and a million leads 8 MB.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

#define STUCK_LEAST_US (7 * US_PER_DAY)    /* nobody is stuck sooner */
#define STUCK_UNKNOWN_US (30 * US_PER_DAY) /* where fewer than REPORT_FEW have left the status */
#define WORST_A_STATUS 5                   /* named, of each status */
#define STAY_VALUES_MAX 40000000           /* stays in all; above, -EFBIG */

typedef struct Worst {
        uint64_t lead;
        int64_t entered_us;
        const char *owner;
} Worst;
typedef struct Stay {
        const char *status;
        const Status *rule; /* NULL: the rules have it no longer */
        uint32_t number;    /* another one's: the status was called so before */
        Values left;        /* µs in it, of those that left it */
        Values now;         /* of those that are in it; while gathering without those that rest */
        Values resting;
        int64_t stuck_after_us;
        int64_t n_stuck;
        Worst worst[WORST_A_STATUS]; /* the oldest first */
        size_t n_worst;
} Stay;
typedef struct Stays {
        const ReportInput *input;
        Numbered statuses;
        Stay *items; /* by number */
        size_t n_values;
        LeadSet out; /* tests, and who was erased */
} Stays;

static void stays_done(Stays *stays) {
        for (size_t i = 0; i < stays->statuses.n; i++) {
                values_done(&stays->items[i].left);
                values_done(&stays->items[i].now);
                values_done(&stays->items[i].resting);
        }
        free(stays->items);
        numbered_done(&stays->statuses);
        lead_set_done(&stays->out);
}

static int stay_for(Stays *stays, const char *status, Stay **ret) {
        uint32_t number;
        size_t capacity = stays->statuses.capacity;
        bool is_new;
        int r = numbered_find(&stays->statuses, status, &number, &is_new);
        if (r < 0)
                return r;
        if (stays->statuses.capacity != capacity) {
                Stay *items = reallocarray(stays->items, stays->statuses.capacity, sizeof(Stay));
                if (!items) {
                        stays->statuses.n--; /* there is no room for it: nothing of it is freed */
                        return -ENOMEM;
                }
                stays->items = items;
        }
        if (is_new) {
                const Status *rule = status ? policy_status(stays->input->rules, status) : NULL;
                uint32_t same = 0;
                while (same < number && !(rule && stays->items[same].rule == rule))
                        same++;
                stays->items[number] = (Stay){ .status = rule ? rule->rule.name : status, .rule = rule, .number = same };
        }
        *ret = &stays->items[stays->items[number].number];
        return 0;
}

static int add_value(Stays *stays, Values *values, int64_t us) {
        if (++stays->n_values > STAY_VALUES_MAX)
                return -EFBIG;
        return values_add(values, us > 0 ? us : 0);
}

/* ---- going through ---- */

static int on_transition(const ScanTransition *row, void *userdata) {
        Stays *stays = userdata;
        Stay *stay;
        if (row->test || row->from == row->to || !row->from || lead_set_has(&stays->out, row->lead))
                return 0;
        int r = stay_for(stays, row->from, &stay);
        return r == 0 ? add_value(stays, &stay->left, row->spent_us) : r;
}

static bool can_be_stuck(const Stay *stay) { return stay->rule && stay->rule->kind != STATUS_FINAL && !stay->rule->marketing_may_contact; }

/* Those that are in it for longest, in order: should anybody be stuck, then they. */
static void note_worst(Stay *stay, const ScanLead *lead) {
        size_t at = stay->n_worst;
        while (at > 0 && stay->worst[at - 1].entered_us > lead->entered_us)
                at--;
        if (at == WORST_A_STATUS)
                return;
        size_t n = stay->n_worst < WORST_A_STATUS ? stay->n_worst++ : WORST_A_STATUS - 1;
        memmove(&stay->worst[at + 1], &stay->worst[at], (n - at) * sizeof(Worst));
        stay->worst[at] = (Worst){ .lead = lead->id, .entered_us = lead->entered_us, .owner = lead->owner };
}

static int on_lead(const ScanLead *lead, void *userdata) {
        Stays *stays = userdata;
        Stay *stay;
        if (lead->test || lead->erased)
                return lead_set_add(&stays->out, lead->id);
        if (lead->merged || !lead->status)
                return 0;
        int r = stay_for(stays, lead->status, &stay);
        if (r != 0)
                return r;
        if (!lead->rests)
                note_worst(stay, lead);
        return add_value(stays, lead->rests ? &stay->resting : &stay->now, stays->input->now_us - lead->entered_us);
}

/* Once all have been seen. */
static int find_stuck(const Stays *stays, Stay *stay) {
        int64_t p90_us = report_quantile(stay->left.items, stay->left.n, 0.9), now_us = stays->input->now_us;
        int r = 0;
        stay->stuck_after_us = stay->left.n < REPORT_FEW ? STUCK_UNKNOWN_US : p90_us > STUCK_LEAST_US ? p90_us : STUCK_LEAST_US;
        for (size_t i = 0; i < stay->now.n; i++)
                stay->n_stuck += can_be_stuck(stay) && stay->now.items[i] > stay->stuck_after_us;
        while (stay->n_worst > 0 && (!can_be_stuck(stay) || now_us - stay->worst[stay->n_worst - 1].entered_us <= stay->stuck_after_us))
                stay->n_worst--;
        for (size_t i = 0; i < stay->resting.n && r == 0; i++)
                r = values_add(&stay->now, stay->resting.items[i]);
        return r;
}

/* ---- tables ---- */

static ReportCell quantile_cell(Values *values, double q) { return cell_duration(report_quantile(values->items, values->n, q)); }

/* In the order of the rules, those that are no longer there at the end. What stands for another one has nothing in it. */
static int compare_stays(const void *a, const void *b) {
        const Stay *x = a, *y = b;
        uint32_t i = x->rule ? x->rule->rule.index : UINT32_MAX, k = y->rule ? y->rule->rule.index : UINT32_MAX;
        return i != k ? (i < k ? -1 : 1) : x->status && y->status ? strcmp(x->status, y->status) : 0;
}

static void add_times(Report *report, Stay *stays, size_t n) {
        static const ReportColumn columns[] = {
                { .key = "status", .type = REPORT_TEXT },
                { .key = "left", .title = "left it", .type = REPORT_COUNT },
                { .key = "median_seconds", .title = "left after, median", .type = REPORT_DURATION },
                { .key = "p90_seconds", .title = "left after, nine in ten", .type = REPORT_DURATION },
                { .key = "now", .title = "in it now", .type = REPORT_COUNT },
                { .key = "now_median_seconds", .title = "in it since, median", .type = REPORT_DURATION },
                { .key = "now_p90_seconds", .title = "in it since, nine in ten", .type = REPORT_DURATION },
                { .key = "stuck", .title = "stuck", .type = REPORT_SHARE },
                { .key = "stuck_after_seconds", .title = "stuck after", .type = REPORT_DURATION },
        };
        ReportTable *table = report_table(report, "statuses", "Time in each status", "There is no lead.", columns, ARRAY_SIZE(columns));

        for (size_t i = 0; i < n; i++) {
                Stay *stay = &stays[i];
                Values *left = &stay->left, *now = &stay->now;
                if (left->n + now->n == 0)
                        continue;
                REPORT_ROW(table, cell_text(stay->status), cell_count((int64_t) left->n), quantile_cell(left, 0.5),
                        quantile_cell(left, 0.9), cell_count((int64_t) now->n), quantile_cell(now, 0.5), quantile_cell(now, 0.9),
                        can_be_stuck(stay) ? cell_share(stay->n_stuck, (int64_t) now->n) : cell_none(),
                        can_be_stuck(stay) ? cell_duration(stay->stuck_after_us) : cell_none());
        }
        report_plot(report, table, REPORT_BARS, "How long nine in ten were in it before they left, and nine in ten are that are in it now",
                NULL, "status", "p90_seconds now_p90_seconds");
}

static void add_stuck(Report *report, const Stay *stays, size_t n) {
        static const ReportColumn columns[] = {
                { .key = "status", .type = REPORT_TEXT },
                { .key = "lead", .type = REPORT_LEAD },
                { .key = "owner", .type = REPORT_TEXT },
                { .key = "since", .type = REPORT_INSTANT },
                { .key = "age_seconds", .title = "age", .type = REPORT_DURATION },
        };
        ReportTable *table = report_table(report, "stuck", "The longest stuck", "Nobody is stuck.", columns, ARRAY_SIZE(columns));

        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < stays[i].n_worst; k++) {
                        const Worst *worst = &stays[i].worst[k];
                        REPORT_ROW(table, cell_text(stays[i].status), cell_lead(worst->lead), cell_text(worst->owner),
                                cell_instant(worst->entered_us), cell_duration(report->now_us - worst->entered_us));
                }
}

static void add_headline(Report *report, const Stay *stays, size_t n) {
        const ReportColumn column = { .type = REPORT_SHARE };
        const Stay *most = NULL;
        ReportCell all = cell_share(0, 0);
        Text share = { 0 };

        for (size_t i = 0; i < n; i++)
                if (can_be_stuck(&stays[i])) {
                        all.n += stays[i].n_stuck;
                        all.of += (int64_t) stays[i].now.n;
                        if (stays[i].n_stuck > (most ? most->n_stuck : 0))
                                most = &stays[i];
                }
        report_show(&column, &all, NULL, &share);
        if (all.of == 0)
                report_headline(report, "No lead is in sales' hands.");
        else if (!most)
                report_headline(report, "Of the leads in sales' hands none is stuck.");
        else
                report_headline(report, "Of the leads in sales' hands %s are stuck, most of them in %s.", share.data ? share.data : "",
                        most->status);
        text_free(&share);
}

int report_stages(const ReportInput *input, Report *report) {
        _cleanup_(stays_done) Stays stays = { .input = input };
        int r = store_scan_leads(input->store, 0, SCAN_FEW, on_lead, &stays);

        if (r == 0)
                r = store_scan_transitions(input->store, input->from_us, report_until(input), on_transition, &stays);
        if (r != 0)
                return r;
        for (size_t i = 0; i < stays.statuses.n && r == 0; i++)
                r = find_stuck(&stays, &stays.items[i]);
        if (r != 0)
                return r;
        if (stays.statuses.n > 0) /* their numbers are no longer asked for */
                qsort(stays.items, stays.statuses.n, sizeof(Stay), compare_stays);
        add_headline(report, stays.items, stays.statuses.n);
        add_times(report, stays.items, stays.statuses.n);
        add_stuck(report, stays.items, stays.statuses.n);
        report_note(report,
                "Left: moves out of the status in the period. Now: as of now, whatever the period. No tests, nobody who was erased.");
        report_note(report,
                "Stuck: in a status that is neither final nor marketing's to write to, for longer than nine in ten of those that left it "
                "were, and than %d days; %d days "
                "where "
                "fewer than %d have left it. Who rests until a date or a signal is not stuck.",
                (int) (STUCK_LEAST_US / US_PER_DAY), (int) (STUCK_UNKNOWN_US / US_PER_DAY), REPORT_FEW);
        return 0;
}
