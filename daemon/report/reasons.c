/* SPDX-License-Identifier: MIT */
/*
 * report reasons: which scoring rules, and which sources, send people nobody wants. Of the leads that somebody answered for, those that
 * were refused at once or sent back later with a reason, by each rule that gave them points: against the average of all, with the interval
 * of that ratio. What is surely worse stands first: by the lower end of the interval, so that two refusals of two do not outrank thirty of
 * fifty. Deals that were won or lost were leads already: they are
 * neither wanted nor refused once more.
 *
 * A million answers need 72 MB (course.h), 4 bytes for each rule of each, and 8 for each lead of the book.
 */
#include "course.h"
#include "internal.h"
#include "tally.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define REASONS_SHOWN_MAX 24    /* reasons told apart; the rest are one */
#define CELLS_MAX 100000        /* rules by sources that are counted */
#define REASONS_NONE "(none)"   /* of a lead that no rule gave points, or that came from nowhere */
#define REASONS_OTHER "(other)" /* a reason above the limit */

typedef struct Line {
        int64_t n, n_refused, n_back;
        int64_t reasons[REASONS_SHOWN_MAX + 1];
} Line;

enum { PER_RULE, PER_SOURCE, PER_CAMPAIGN, PER_BOTH, PERS };

typedef struct Counting {
        const RuleSet *rules;
        int64_t now_us;
        Course course;
        /* by lead: what it came from, as numbers of `from`, and one */
        ByLead sources, campaigns;
        Tally from;        /* nothing, by name */
        Tally scores;      /* nothing, by name */
        uint32_t *matched; /* numbers of scores, of one answer after the other: from Answer.tag on */
        size_t n_matched, matched_capacity;
        Tally reasons; /* nothing, by name: their numbers are the place in Line.reasons */
        Line all;
        Tally by[PERS];
        bool is_cut;
} Counting;

/* ---- gathering ---- */

static int note_from(Counting *counting, const char *name, uint32_t *ret) {
        int r = name ? tally_find(&counting->from, (TallyKey){ name, NULL }, ret) : 0;

        *ret = name ? *ret + 1 : 0;
        return r;
}

static int on_lead(const ScanLead *lead, void *userdata) {
        Counting *counting = userdata;

        uint32_t source = 0, campaign = 0;
        int r = note_from(counting, lead->came_from, &source);

        if (r == 0)
                r = note_from(counting, lead->campaign, &campaign);
        if (r == 0 && source > 0)
                r = by_lead_set(&counting->sources, lead->id, source);
        return r == 0 && campaign > 0 ? by_lead_set(&counting->campaigns, lead->id, campaign) : r;
}

static int on_handoff(const Offer *offer, void *userdata) {
        Counting *counting = userdata;
        OfferFate fate = offer_fate(offer, counting->now_us);
        size_t first = counting->n_matched;

        if (!offer_is_accepted(fate) && !offer_is_rejected(fate))
                return 0;
        for (size_t i = 0; i < offer->n_scores; i++) {
                if (counting->n_matched == counting->matched_capacity) {
                        size_t capacity = counting->matched_capacity > 0 ? 2 * counting->matched_capacity : 4096;
                        uint32_t *grown = capacity < UINT32_MAX ? reallocarray(counting->matched, capacity, sizeof(uint32_t)) : NULL;
                        if (!grown)
                                return -ENOMEM;
                        counting->matched = grown;
                        counting->matched_capacity = capacity;
                }
                int r = tally_find(&counting->scores, (TallyKey){ offer->scores[i], NULL }, &counting->matched[counting->n_matched]);
                if (r != 0)
                        return r;
                counting->n_matched++;
        }
        return course_add(&counting->course, offer, (uint32_t) first);
}

static int gather(Counting *counting, const ReportInput *input) {
        int r = store_scan_leads(input->store, 0, SCAN_FEW, on_lead, counting);
        if (r == 0)
                r = offers_scan_ended(input->store, input->from_us, report_until(input), on_handoff, counting);
        return r == 0 ? course_follow(&counting->course, input->store, input->rules, input->from_us, TIME_NONE) : r;
}

/* ---- counting ---- */

/* How an answer counts. */
typedef struct Count {
        bool refused, back;
        int reason; /* place in Line.reasons, -1 = none */
} Count;

static void add(Line *line, const Count *count) {
        line->n++;
        line->n_refused += count->refused;
        line->n_back += count->back;
        if (count->reason >= 0)
                line->reasons[count->reason]++;
}

static int add_to(Counting *counting, int by, const char *a, const char *b, const Count *count) {
        uint32_t number;
        int r = tally_find(&counting->by[by], (TallyKey){ a, b }, &number);

        if (r == TALLY_E_FULL) {
                counting->is_cut = true;
                return 0;
        }
        if (r == 0)
                add(tally_line(&counting->by[by], number), count);
        return r;
}

static int read_answer(Counting *counting, const Answer *answer, Count *ret) {
        uint32_t reason;

        *ret = (Count){ .refused = !answer->is_accepted, .back = answer->is_accepted && answer->marks & COURSE_BACK, .reason = -1 };
        if (!answer->reason || !(ret->refused || ret->back))
                return 0;
        int r = tally_find(&counting->reasons, (TallyKey){ answer->reason, NULL }, &reason);
        ret->reason = r == TALLY_E_FULL ? REASONS_SHOWN_MAX : (int) reason;
        return r < 0 ? r : 0;
}

static const char *name_of(const Counting *counting, const ByLead *numbers, uint64_t lead) {
        uint32_t number = by_lead_get(numbers, lead);

        return number > 0 ? counting->from.keys[number - 1].a : NULL;
}

static int count_answer(Counting *counting, const Answer *answer, size_t end) {
        const char *source = name_of(counting, &counting->sources, answer->lead);
        Count count;

        if (answer->marks & COURSE_DEAL)
                return 0;
        int r = read_answer(counting, answer, &count);
        add(&counting->all, &count);
        if (r == 0)
                r = add_to(counting, PER_SOURCE, source, NULL, &count);
        if (r == 0)
                r = add_to(counting, PER_CAMPAIGN, name_of(counting, &counting->campaigns, answer->lead), NULL, &count);
        if (r == 0 && answer->tag == end)
                r = add_to(counting, PER_RULE, NULL, NULL, &count);
        for (size_t i = answer->tag; i < end && r == 0; i++) {
                const char *score = counting->scores.keys[counting->matched[i]].a;
                r = add_to(counting, PER_RULE, score, NULL, &count);
                if (r == 0)
                        r = add_to(counting, PER_BOTH, score, source, &count);
        }
        return r;
}

static int count_all(Counting *counting) {
        const Course *course = &counting->course;
        int r = 0;

        for (size_t i = 0; i < course->n && r == 0; i++)
                r = count_answer(counting, &course->items[i], i + 1 < course->n ? course->items[i + 1].tag : counting->n_matched);
        return r;
}

/* ---- tables ---- */

enum { COLUMN_NAME, COLUMN_SECOND, COLUMN_REASONS = 9, COLUMNS };

static const ReportColumn columns_begin[COLUMNS] = {
        { .type = REPORT_TEXT },
        { .type = REPORT_TEXT },
        { .key = "answered", .type = REPORT_COUNT },
        { .key = "unwanted", .title = "refused or sent back", .type = REPORT_SHARE },
        { .key = "refused", .type = REPORT_COUNT, .is_detail = true },
        { .key = "sent_back", .type = REPORT_COUNT, .is_detail = true },
        { .key = "times_average", .title = "times the average", .type = REPORT_NUMBER },
        { .key = "times_average_low", .title = "at least", .type = REPORT_NUMBER },
        { .key = "times_average_high", .title = "at most", .type = REPORT_NUMBER },
        { .key = "reasons", .type = REPORT_PARTS },
};
static const struct {
        const char *by, *key, *title, *first, *second;
} tables[PERS] = {
        [PER_RULE] = { "rule", "rules", "By scoring rule", "rule", NULL },
        [PER_SOURCE] = { "source", "sources", "By source", "source", NULL },
        [PER_CAMPAIGN] = { "campaign", "campaigns", "By campaign", "campaign", NULL },
        [PER_BOTH] = { NULL, "rules_by_source", "By scoring rule and source", "rule", "source" },
};

/* By the lower end of the interval, then the share, then the names. */
typedef struct Place {
        uint32_t number;
        double low, share;
        const TallyKey *key;
} Place;

static int compare_names(const char *a, const char *b) { return a && b ? strcmp(a, b) : (a == NULL) - (b == NULL); }

static int compare_places(const void *a_, const void *b_) {
        const Place *a = a_, *b = b_;
        int r = compare_names(a->key->a, b->key->a);

        if (a->low != b->low)
                return a->low > b->low ? -1 : 1;
        if (a->share != b->share)
                return a->share > b->share ? -1 : 1;
        return r != 0 ? r : compare_names(a->key->b, b->key->b);
}

static int sort_lines(const Tally *tally, Arena *arena, Place **ret) {
        Place *places = ARENA_ARRAY(arena, Place, tally->n + 1);

        if (!places)
                return -ENOMEM;
        for (uint32_t i = 0; i < tally->n; i++) {
                const Line *line = tally_line(tally, i);
                double high;
                places[i] = (Place){
                        .number = i, .share = (double) (line->n_refused + line->n_back) / (double) line->n, .key = &tally->keys[i]
                };
                (void) report_wilson(line->n_refused + line->n_back, line->n, &places[i].low, &high);
        }
        qsort(places, tally->n, sizeof(Place), compare_places);
        *ret = places;
        return 0;
}

static void add_row(ReportTable *table, int by, const TallyKey *key, const Line *line, double average) {
        int64_t n = line->n_refused + line->n_back;
        double low = 0, high = 0;
        ReportCell cells[COLUMNS];
        size_t at = 0;
        bool is_known = average > 0 && report_wilson(n, line->n, &low, &high);

        cells[at++] = cell_text(key->a ? key->a : REASONS_NONE);
        if (tables[by].second)
                cells[at++] = cell_text(key->b ? key->b : REASONS_NONE);
        cells[at++] = cell_count(line->n);
        cells[at++] = cell_share(n, line->n);
        cells[at++] = cell_count(line->n_refused);
        cells[at++] = cell_count(line->n_back);
        cells[at++] = is_known ? cell_number((double) n / (double) line->n / average) : cell_none();
        cells[at++] = is_known ? cell_number(low / average) : cell_none();
        cells[at++] = is_known ? cell_number(high / average) : cell_none();
        cells[at++] = cell_parts(line->reasons);
        report_row(table, cells, at);
}

/* The reasons are known when all is counted. */
static ReportColumn *make_columns(const Counting *counting, int by, Arena *arena, size_t *ret_n) {
        ReportColumn *columns = ARENA_ARRAY(arena, ReportColumn, COLUMNS);
        const char **names = ARENA_ARRAY(arena, const char *, REASONS_SHOWN_MAX + 1);
        size_t n = 0;

        if (!columns || !names)
                return NULL;
        for (uint32_t i = 0; i < counting->reasons.n; i++)
                names[i] = counting->reasons.keys[i].a;
        bool is_full = counting->reasons.n == REASONS_SHOWN_MAX;
        if (is_full)
                names[REASONS_SHOWN_MAX] = REASONS_OTHER;
        for (size_t i = 0; i < COLUMNS; i++) {
                if (i == COLUMN_SECOND && !tables[by].second)
                        continue;
                columns[n] = columns_begin[i];
                if (i == COLUMN_NAME)
                        columns[n].key = tables[by].first;
                if (i == COLUMN_SECOND)
                        columns[n].key = tables[by].second;
                if (i == COLUMN_REASONS) {
                        columns[n].parts = names;
                        columns[n].n_parts = counting->reasons.n + is_full;
                }
                n++;
        }
        *ret_n = n;
        return columns;
}

static int add_table(const Counting *counting, int by, double average, Report *report, const Place **ret_first) {
        const Tally *tally = &counting->by[by];
        Place *places;
        size_t n_columns = 0;
        const ReportColumn *columns = make_columns(counting, by, report->arena, &n_columns);
        int r = columns ? sort_lines(tally, report->arena, &places) : -ENOMEM;

        if (r < 0)
                return r;
        ReportTable *table = report_table(report, tables[by].key, tables[by].title, "No lead was answered for.", columns, n_columns);
        for (uint32_t i = 0; i < tally->n; i++)
                add_row(table, by, places[i].key, tally_line(tally, places[i].number), average);
        if (tally->n > 0 && !tables[by].second)
                report_plot(report, table, REPORT_BARS, tables[by].title, NULL, tables[by].first, "unwanted");
        *ret_first = tally->n > 0 ? &places[0] : NULL;
        return 0;
}

static void write_headline(const Counting *counting, const Place *worst, double average, Report *report) {
        const Line *all = &counting->all;
        int64_t n = all->n_refused + all->n_back;

        if (all->n == 0)
                return;
        if (worst && worst->key->a && average > 0 && worst->low > average) {
                const Line *line = tally_line(&counting->by[PER_RULE], worst->number);
                report_headline(report, "%lld of %lld leads were refused or sent back; of those with %s %lld of %lld, more than by chance.",
                        (long long) n, (long long) all->n, worst->key->a, (long long) (line->n_refused + line->n_back),
                        (long long) line->n);
        } else
                report_headline(
                        report, "%lld of %lld leads were refused or sent back; no rule stands out.", (long long) n, (long long) all->n);
}

static int write_report(const Counting *counting, const ReportInput *input, Report *report) {
        static const int orders[] = { PER_RULE, PER_SOURCE, PER_CAMPAIGN, PER_BOTH };
        const Line *all = &counting->all;
        double average = all->n > 0 ? (double) (all->n_refused + all->n_back) / (double) all->n : 0;
        const Place *worst = NULL;

        report_note(report,
                "Leads offered in the period that somebody answered for. Refused: at once. Sent back: by a person with a reason "
                "after it was accepted and before it was an opportunity. A rule counts for a lead that it gave points when the "
                "lead was answered for; a lead has several, so that the lines of rules overlap.");
        report_note(report,
                "Surely worse than the average stands first: by the lower end of the 95 %% interval. Of forty lines one is above "
                "the average by chance.");
        report_fact(report, "average", "Refused or sent back, of all",
                all->n > 0 ? cell_share(all->n_refused + all->n_back, all->n) : cell_none());
        for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
                int by = orders[i];
                const Place *first;
                bool is_wanted = input->by ? tables[by].by && base_streq(input->by, tables[by].by) : true;
                if (!is_wanted)
                        continue;
                int r = add_table(counting, by, average, report, &first);
                if (r < 0)
                        return r;
                if (by == PER_RULE)
                        worst = first;
        }
        if (counting->is_cut)
                report_note(report, "There are more than %d rules by sources: some are not counted.", CELLS_MAX);
        write_headline(counting, worst, average, report);
        return 0;
}

int report_reasons(const ReportInput *input, Report *report) {
        Counting counting = {
                .rules = input->rules,
                .now_us = input->now_us,
                .from = { .line_size = 1 },
                .scores = { .line_size = 1 },
                .reasons = { .line_size = 1, .n_max = REASONS_SHOWN_MAX },
        };

        for (int by = 0; by < PERS; by++)
                counting.by[by] = (Tally){ .line_size = sizeof(Line), .n_max = CELLS_MAX };
        int r = gather(&counting, input);
        if (r == 0)
                r = count_all(&counting);
        if (r == 0)
                r = write_report(&counting, input, report);
        course_done(&counting.course);
        tally_done(&counting.from);
        tally_done(&counting.scores);
        tally_done(&counting.reasons);
        for (int by = 0; by < PERS; by++)
                tally_done(&counting.by[by]);
        by_lead_done(&counting.sources);
        by_lead_done(&counting.campaigns);
        free(counting.matched);
        return r;
}
