/* SPDX-License-Identifier: MIT */
/*
 * report owners: how people treat what they get. By name, never by counts: who gets more has more of everything. Each rate stands with
 * what it is a rate of, and with its interval.
 *
 * A million leads that were answered need 72 MB (course.h) and 24 MB for their working times.
 */
#include "course.h"
#include "internal.h"
#include "tally.h"

#include <errno.h>
#include <stdlib.h>

typedef struct Line {
        int64_t n[OFFER_FATES], n_kept, n_broken;
        int64_t n_accepted, n_rejected; /* leads, as they were answered */
        int64_t n_deals, n_lost;        /* that were answered, and of these lost */
        int64_t n_worked, n_met, n_won, n_back;
        size_t n_times, first_time;
} Line;

typedef struct Time {
        int64_t us;
        uint32_t line;
} Time;

typedef struct Counting {
        int64_t now_us;
        Course course;
        Tally lines;   /* Line, by team and owner */
        Tally reasons; /* int64_t, by owner's line and reason: see reason_key */
        Time *times;
        size_t n_times, times_capacity;
} Counting;

static int add_time(Counting *counting, uint32_t line, int64_t us) {
        if (counting->n_times == counting->times_capacity) {
                size_t capacity = counting->times_capacity > 0 ? 2 * counting->times_capacity : 1024;
                Time *grown = reallocarray(counting->times, capacity, sizeof(Time));
                if (!grown)
                        return -ENOMEM;
                counting->times = grown;
                counting->times_capacity = capacity;
        }
        counting->times[counting->n_times++] = (Time){ us, line };
        return 0;
}

static int on_offer(const Offer *offer, void *userdata) {
        Counting *counting = userdata;
        OfferFate fate = offer_fate(offer, counting->now_us);
        uint32_t number;

        if (fate == OFFER_LATER)
                return 0;
        int r = tally_find(&counting->lines, (TallyKey){ offer->team, offer->owner }, &number);
        if (r != 0)
                return r;
        Line *line = tally_line(&counting->lines, number);
        line->n[fate]++;
        line->n_kept += offer_is_kept(offer, fate);
        line->n_broken += offer_is_broken(offer, fate);
        if (!offer_is_accepted(fate) && !offer_is_rejected(fate))
                return 0;
        return course_add(&counting->course, offer, number);
}

/* Reasons that somebody gave: the owner's name and the reason. */
static int count_reason(Counting *counting, const Answer *answer) {
        uint32_t number;
        int r = tally_find(&counting->reasons, (TallyKey){ answer->owner, answer->reason }, &number);

        if (r == 0)
                ++*(int64_t *) tally_line(&counting->reasons, number);
        return r;
}

static int count_courses(Counting *counting) {
        for (size_t i = 0; i < counting->course.n; i++) {
                const Answer *answer = &counting->course.items[i];
                Line *line = tally_line(&counting->lines, answer->tag);
                bool is_deal = answer->marks & COURSE_DEAL, is_rejected = !answer->is_accepted && !is_deal;
                if (!is_deal && answer->working_us != TIME_NONE) {
                        int r = add_time(counting, answer->tag, answer->working_us);
                        if (r < 0)
                                return r;
                        line->n_times++;
                }
                line->n_deals += is_deal;
                line->n_lost += is_deal && !answer->is_accepted;
                line->n_rejected += is_rejected;
                line->n_back += (answer->marks & COURSE_BACK) != 0;
                line->n_won += answer->is_accepted && answer->marks & COURSE_WON;
                if (answer->is_accepted && !is_deal) {
                        line->n_accepted++;
                        line->n_met += (answer->marks & COURSE_MEETING) != 0;
                        line->n_worked += (answer->marks & COURSE_WORKED) != 0;
                }
                if (answer->reason && (is_rejected || answer->marks & COURSE_BACK)) {
                        int r = count_reason(counting, answer);
                        if (r != 0)
                                return r;
                }
        }
        return 0;
}

/* ---- tables ---- */

static const ReportColumn owner_columns[] = {
        { .key = "team", .type = REPORT_TEXT },
        { .key = "owner", .type = REPORT_TEXT },
        { .key = "received", .type = REPORT_COUNT },
        { .key = "accepted", .type = REPORT_SHARE },
        { .key = "rejected", .type = REPORT_COUNT },
        { .key = "lost_deals", .title = "deals lost", .type = REPORT_COUNT, .may_idle = true },
        { .key = "expired", .type = REPORT_COUNT },
        { .key = "left", .title = "went elsewhere", .type = REPORT_COUNT, .may_idle = true },
        { .key = "answered_in_time", .title = "in time", .type = REPORT_SHARE },
        { .key = "median_seconds", .title = "median", .type = REPORT_WORKING },
        { .key = "worked", .type = REPORT_SHARE },
        { .key = "meetings", .title = "meeting", .type = REPORT_SHARE },
        { .key = "won", .type = REPORT_SHARE },
        { .key = "sent_back", .title = "sent back later", .type = REPORT_COUNT, .may_idle = true },
        { .key = "open", .title = "waiting", .type = REPORT_COUNT },
        { .key = "overdue", .type = REPORT_COUNT },
};
static const ReportColumn reason_columns[] = {
        { .key = "owner", .type = REPORT_TEXT },
        { .key = "reason", .type = REPORT_TEXT },
        { .key = "of_refused", .title = "of what was refused or sent back", .type = REPORT_SHARE },
};

static ReportCell share_or_none(int64_t n, int64_t of) { return of > 0 ? cell_share(n, of) : cell_none(); }

static void add_row(ReportTable *table, const TallyKey *key, const Line *line, int64_t *times) {
        int64_t n_received = 0, n_gone = line->n[OFFER_LEFT] + line->n[OFFER_LEFT_LATE];
        int64_t n_answers = line->n_accepted + line->n_rejected, n_accepted = line->n_accepted;

        for (int fate = OFFER_OPEN; fate < OFFER_FATES; fate++)
                n_received += line->n[fate];
        REPORT_ROW(table, cell_text(key->a), cell_text(key->b), cell_count(n_received),
                share_or_none(n_accepted, n_answers + line->n[OFFER_EXPIRED]), cell_count(line->n_rejected), cell_count(line->n_lost),
                cell_count(line->n[OFFER_EXPIRED]), cell_count(n_gone), share_or_none(line->n_kept, line->n_kept + line->n_broken),
                cell_working(report_quantile(times, line->n_times, 0.5)), share_or_none(line->n_worked, n_accepted),
                share_or_none(line->n_met, n_accepted), share_or_none(line->n_won, n_accepted + line->n_deals), cell_count(line->n_back),
                cell_count(line->n[OFFER_OPEN]), cell_count(line->n[OFFER_OVERDUE]));
}

/* The times of each line stand together. */
static void split_times(const Counting *counting, int64_t *times) {
        size_t first = 0;

        for (uint32_t i = 0; i < counting->lines.n; i++) {
                Line *line = tally_line(&counting->lines, i);
                line->first_time = first;
                first += line->n_times;
                line->n_times = 0;
        }
        for (size_t i = 0; i < counting->n_times; i++) {
                Line *line = tally_line(&counting->lines, counting->times[i].line);
                times[line->first_time + line->n_times++] = counting->times[i].us;
        }
}

static int add_reasons(const Counting *counting, Report *report) {
        const Tally *reasons = &counting->reasons;
        ReportTable *table = report_table(report, "reasons", "Why they refused leads, or sent them back",
                "Nothing was refused or sent back.", reason_columns, ARRAY_SIZE(reason_columns));
        uint32_t *numbers;
        int r = tally_sort(reasons, report->arena, &numbers);

        if (r < 0)
                return r;
        for (uint32_t i = 0; i < reasons->n; i++) {
                const TallyKey *key = &reasons->keys[numbers[i]];
                int64_t n_all = 0;
                for (uint32_t k = 0; k < reasons->n; k++)
                        if (reasons->keys[k].a == key->a)
                                n_all += *(const int64_t *) tally_line(reasons, k);
                REPORT_ROW(table, cell_text(key->a), cell_text(key->b), cell_share(*(int64_t *) tally_line(reasons, numbers[i]), n_all));
        }
        return 0;
}

static int write_report(const Counting *counting, Report *report) {
        _cleanup_(base_freep) int64_t *times = reallocarray(NULL, counting->n_times + 1, sizeof(int64_t));
        ReportTable *table =
                report_table(report, "owners", "Owners", "Nothing was offered to anybody.", owner_columns, ARRAY_SIZE(owner_columns));
        int64_t n_accepted = 0, n_worked = 0;
        uint32_t *numbers;
        int r = times ? tally_sort(&counting->lines, report->arena, &numbers) : -ENOMEM;

        if (r < 0)
                return r;
        split_times(counting, times);
        for (uint32_t i = 0; i < counting->lines.n; i++) {
                const Line *line = tally_line(&counting->lines, numbers[i]);
                n_accepted += line->n_accepted;
                n_worked += line->n_worked;
                add_row(table, &counting->lines.keys[numbers[i]], line, times + line->first_time);
        }
        if (n_accepted > 0)
                report_headline(
                        report, "Of %lld leads that were accepted %lld were worked since.", (long long) n_accepted, (long long) n_worked);
        report_note(report, "Leads offered to each person in the period, and what has become of them by now. Accepted: of those that were "
                            "answered or expired. In time: of the promises that were kept or broken. Worked and meeting: of those "
                            "accepted; worked is a move, a note or an activity of a person after the acceptance. Won: of those "
                            "accepted and of deals that were won or lost. Median: working time until the answer. A deal (a lead that "
                            "was an opportunity when it was given to somebody) is won or lost, it is neither accepted nor rejected.");
        report_note(report, "The lines are in the order of names. Where an interval is wide the figure says little about the person.");
        if (counting->lines.n > 0) {
                report_plot(report, table, REPORT_BARS, "Accepted, of what was answered or expired", "team", "owner", "accepted");
                report_plot(report, table, REPORT_BARS, "Answered in time", "team", "owner", "answered_in_time");
                report_plot(report, table, REPORT_BARS, "Worked, of what was accepted", "team", "owner", "worked");
        }
        return add_reasons(counting, report);
}

int report_owners(const ReportInput *input, Report *report) {
        Counting counting = {
                .now_us = input->now_us,
                .lines = { .line_size = sizeof(Line) },
                .reasons = { .line_size = sizeof(int64_t) },
        };
        int r = offers_scan(input->store, input->rules, input->from_us, report_until(input), on_offer, &counting);

        if (r == 0)
                r = course_follow(&counting.course, input->store, input->rules, input->from_us, TIME_NONE);
        if (r == 0)
                r = count_courses(&counting);
        if (r == 0)
                r = write_report(&counting, report);
        course_done(&counting.course);
        tally_done(&counting.lines);
        tally_done(&counting.reasons);
        free(counting.times);
        return r;
}
