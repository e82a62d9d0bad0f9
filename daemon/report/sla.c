/* SPDX-License-Identifier: MIT */
/*
 * report sla: what was promised for leads that are offered, and how it was kept. Each offer made in the period is in one column: answered
 * in time or late, expired, gone to somebody else, or waiting. A promise that is broken stays broken whatever is answered later, and one
 * that waits past its time is broken already.
 *
 * A million offers that were accepted need 32 MB for their working times.
 */
#include "internal.h"
#include "offers.h"
#include "tally.h"

#include <errno.h>
#include <stdlib.h>

enum { PER_RULE, PER_TEAM, PER_OWNER, PERS };

typedef struct Line {
        int64_t n[OFFER_FATES], n_kept, n_broken;
        size_t n_times, first_time;
} Line;

/* How long one took to be accepted, and where it counts. */
typedef struct Taken {
        int64_t us;
        uint32_t lines[PERS];
} Taken;

typedef struct Counting {
        int64_t now_us;
        Line all;
        Tally by[PERS];
        Taken *taken;
        size_t n_taken, taken_capacity;
} Counting;

static void count(Line *line, const Offer *offer, OfferFate fate) {
        line->n[fate]++;
        line->n_kept += offer_is_kept(offer, fate);
        line->n_broken += offer_is_broken(offer, fate);
}

static int on_offer(const Offer *offer, void *userdata) {
        Counting *counting = userdata;
        const TallyKey keys[PERS] = { { offer->sla, NULL }, { offer->team, NULL }, { offer->team, offer->owner } };
        OfferFate fate = offer_fate(offer, counting->now_us);
        bool has_time = offer_is_accepted(fate) && offer->response != RESPONSE_NONE && offer->working_us != TIME_NONE;
        Taken taken = { .us = offer->working_us };

        if (fate == OFFER_LATER)
                return 0;
        count(&counting->all, offer, fate);
        counting->all.n_times += has_time;
        for (size_t i = 0; i < PERS; i++) {
                int r = tally_find(&counting->by[i], keys[i], &taken.lines[i]);
                if (r != 0)
                        return r;
                Line *line = tally_line(&counting->by[i], taken.lines[i]);
                count(line, offer, fate);
                line->n_times += has_time;
        }
        if (!has_time)
                return 0;
        if (counting->n_taken == counting->taken_capacity) {
                size_t capacity = counting->taken_capacity > 0 ? 2 * counting->taken_capacity : 1024;
                Taken *grown = reallocarray(counting->taken, capacity, sizeof(Taken));
                if (!grown)
                        return -ENOMEM;
                counting->taken = grown;
                counting->taken_capacity = capacity;
        }
        counting->taken[counting->n_taken++] = taken;
        return 0;
}

/* ---- tables ---- */

#define COLUMNS_BEHIND \
        { .key = "offered", .type = REPORT_COUNT }, { .key = "kept", .title = "promise kept", .type = REPORT_SHARE }, \
                { .key = "accepted_in_time", .title = "accepted", .type = REPORT_COUNT }, \
                { .key = "accepted_late", .title = "late", .type = REPORT_COUNT }, \
                { .key = "rejected_in_time", .title = "rejected", .type = REPORT_COUNT }, \
                { .key = "rejected_late", .title = "late", .type = REPORT_COUNT }, { .key = "expired", .type = REPORT_COUNT }, \
                { .key = "left", .title = "went elsewhere", .type = REPORT_COUNT, .may_idle = true }, \
                { .key = "left_late", .title = "late", .type = REPORT_COUNT, .may_idle = true }, \
                { .key = "open", .title = "waiting", .type = REPORT_COUNT }, { .key = "overdue", .type = REPORT_COUNT }, \
                { .key = "median_seconds", .title = "median", .type = REPORT_WORKING }, \
                { .key = "p75_seconds", .title = "75 %", .type = REPORT_WORKING, .is_detail = true }, { \
                .key = "p90_seconds", .title = "90 %", .type = REPORT_WORKING \
        }

static const ReportColumn rule_columns[] = { { .key = "rule", .title = "agreement", .type = REPORT_TEXT }, COLUMNS_BEHIND };
static const ReportColumn team_columns[] = { { .key = "team", .type = REPORT_TEXT }, COLUMNS_BEHIND };
static const ReportColumn owner_columns[] = { { .key = "team", .type = REPORT_TEXT }, { .key = "owner", .type = REPORT_TEXT },
        COLUMNS_BEHIND };
static const struct {
        const char *by, *key, *title, *label, *groups;
        const ReportColumn *columns;
        size_t n_columns;
} tables[PERS] = {
        [PER_RULE] = { "rule", "rules", "By agreement", "rule", NULL, rule_columns, ARRAY_SIZE(rule_columns) },
        [PER_TEAM] = { "team", "teams", "By team", "team", NULL, team_columns, ARRAY_SIZE(team_columns) },
        [PER_OWNER] = { "owner", "owners", "By owner", "owner", "team", owner_columns, ARRAY_SIZE(owner_columns) },
};

static int64_t offered(const Line *line) {
        int64_t n = 0;

        for (int fate = OFFER_OPEN; fate < OFFER_FATES; fate++)
                n += line->n[fate];
        return n;
}

static void add_row(ReportTable *table, size_t by, const TallyKey *key, const Line *line, int64_t *times) {
        ReportCell cells[REPORT_COLUMNS_MAX];
        size_t n = 0;
        const int64_t *fates = line->n;

        cells[n++] = cell_text(key->a ? key->a : by == PER_RULE ? "no agreement" : NULL);
        if (by == PER_OWNER)
                cells[n++] = cell_text(key->b);
        cells[n++] = cell_count(offered(line));
        cells[n++] = line->n_kept + line->n_broken > 0 ? cell_share(line->n_kept, line->n_kept + line->n_broken) : cell_none();
        for (size_t i = 0; i < 7; i++)
                cells[n++] = cell_count(fates[OFFER_ACCEPTED + i]);
        cells[n++] = cell_count(fates[OFFER_OPEN]);
        cells[n++] = cell_count(fates[OFFER_OVERDUE]);
        cells[n++] = cell_working(report_quantile(times, line->n_times, 0.5));
        cells[n++] = cell_working(report_quantile(times, line->n_times, 0.75));
        cells[n++] = cell_working(report_quantile(times, line->n_times, 0.9));
        report_row(table, cells, n);
}

/* The times of each line stand together. */
static void split_times(const Counting *counting, size_t by, int64_t *times) {
        const Tally *tally = &counting->by[by];
        size_t first = 0;

        for (uint32_t i = 0; i < tally->n; i++) {
                Line *line = tally_line(tally, i);
                line->first_time = first;
                first += line->n_times;
                line->n_times = 0;
        }
        for (size_t i = 0; i < counting->n_taken; i++) {
                Line *line = tally_line(tally, counting->taken[i].lines[by]);
                times[line->first_time + line->n_times++] = counting->taken[i].us;
        }
}

static int add_table(const Counting *counting, size_t by, int64_t *times, Report *report) {
        const Tally *tally = &counting->by[by];
        ReportTable *table =
                report_table(report, tables[by].key, tables[by].title, "Nothing was offered.", tables[by].columns, tables[by].n_columns);
        uint32_t *numbers;
        int r = tally_sort(tally, report->arena, &numbers);

        if (r < 0)
                return r;
        split_times(counting, by, times);
        for (uint32_t i = 0; i < tally->n; i++) {
                const Line *line = tally_line(tally, numbers[i]);
                add_row(table, by, &tally->keys[numbers[i]], line, times + line->first_time);
        }
        if (tally->n > 0)
                report_plot(report, table, REPORT_BARS, tables[by].title, tables[by].groups, tables[by].label, "kept");
        return 0;
}

static int write_report(const Counting *counting, const ReportInput *input, Report *report) {
        _cleanup_(base_freep) int64_t *times = reallocarray(NULL, counting->n_taken + 1, sizeof(int64_t));
        const Line *all = &counting->all;
        int64_t n_decided = all->n_kept + all->n_broken;

        if (!times)
                return -ENOMEM;
        if (n_decided > 0)
                report_headline(report, "%lld of %lld promises were kept.", (long long) all->n_kept, (long long) n_decided);
        report_note(report,
                "Leads offered to a person in the period, and what has become of each by now. A promise is kept by an answer in "
                "time, accepted or rejected; it is broken by a late one, by none, and when it waits past its time. What waits "
                "with time left, or went to somebody else before, is not counted as either. Median and 90 %%: working time "
                "until it was accepted.");
        for (size_t by = 0; by < PERS; by++)
                if (!input->by || base_streq(input->by, tables[by].by)) {
                        int r = add_table(counting, by, times, report);
                        if (r < 0)
                                return r;
                }
        for (size_t i = 0; i < counting->n_taken; i++)
                times[i] = counting->taken[i].us;
        report_distribution(report, "acceptance", "Working time until a lead was accepted", REPORT_WORKING, times, counting->n_taken);
        return 0;
}

int report_sla(const ReportInput *input, Report *report) {
        Counting counting = { .now_us = input->now_us };

        for (size_t by = 0; by < PERS; by++)
                counting.by[by].line_size = sizeof(Line);
        int r = offers_scan(input->store, input->rules, input->from_us, report_until(input), on_offer, &counting);
        if (r == 0)
                r = write_report(&counting, input, report);
        for (size_t by = 0; by < PERS; by++)
                tally_done(&counting.by[by]);
        free(counting.taken);
        return r;
}
