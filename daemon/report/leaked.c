/* SPDX-License-Identifier: MIT */
/*
 * The report on leaks: which leads nobody looks after, for how long, what they are worth and which rule should have caught
 * them; and how many there were on each day. How things stand now: the book of leaks brings itself up to date first. Needs memory for
 * the lines it shows and 8 bytes for each lead that leaks.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>

#define LINES_MAX 1000 /* the oldest */

static const ReportColumn kind_columns[] = {
        { .key = "kind", .type = REPORT_TEXT },
        { .key = "leads", .type = REPORT_COUNT },
        { .key = "share", .title = "of open leads", .type = REPORT_SHARE },
        { .key = "meaning", .type = REPORT_TEXT },
};
static const ReportColumn lead_columns[] = {
        { .key = "lead", .type = REPORT_LEAD },
        { .key = "kind", .type = REPORT_TEXT },
        { .key = "age_seconds", .title = "for", .type = REPORT_DURATION },
        { .key = "since", .type = REPORT_INSTANT, .is_detail = true },
        { .key = "status", .type = REPORT_TEXT },
        { .key = "team", .type = REPORT_TEXT },
        { .key = "owner", .type = REPORT_TEXT },
        { .key = "value", .type = REPORT_MONEY, .may_idle = true },
        { .key = "rule", .type = REPORT_TEXT },
        { .key = "at", .type = REPORT_TEXT },
};
static const ReportColumn day_columns[] = {
        { .key = "day", .type = REPORT_TEXT },
        { .key = "leads", .type = REPORT_COUNT },
};

/* ---- how many ---- */

typedef struct Open {
        const RuleSet *rules;
        uint64_t n;
} Open;

static int on_status(const StatusCount *count, void *userdata) {
        Open *open = userdata;
        const Status *status = policy_status(open->rules, count->status);

        if (!status || status->kind != STATUS_FINAL)
                open->n += count->n;
        return 0;
}

static void add_kinds(Report *report, const LeakCounts *counts, uint64_t n_open) {
        ReportTable *table = report_table(report, "kinds", "Leaks by kind", "No lead leaks.", kind_columns, ARRAY_SIZE(kind_columns));

        for (int kind = LEAK_NONE + 1; kind < LEAK_KINDS; kind++)
                if (counts->n[kind] > 0)
                        REPORT_ROW(table, cell_text(leak_kind_name((LeakKind) kind)), cell_count((int64_t) counts->n[kind]),
                                n_open >= counts->n[kind] ? cell_share((int64_t) counts->n[kind], (int64_t) n_open) : cell_none(),
                                cell_text(leak_kind_meaning((LeakKind) kind)));
        if (table->n_rows > 0)
                report_plot(report, table, REPORT_BARS, "Leaks by kind", NULL, "kind", "leads");
}

/* ---- which ---- */

static int add_leads(const ReportInput *input, LeakBook *book, uint64_t n_all, Report *report) {
        ReportTable *table = report_table(report, "leads", "Leads that leak", "None.", lead_columns, ARRAY_SIZE(lead_columns));
        LeakLine *lines = NULL;
        size_t n = 0;
        int r = leak_book_list(book, input->store, input->now_us, LINES_MAX, input->arena, &lines, &n);

        for (size_t i = 0; r == 0 && i < n; i++) {
                const LeakLine *line = &lines[i];
                const char *at = line->rule ? arena_printf(input->arena, "%s:%d", line->rule->file, line->rule->line) : NULL;
                if (line->rule && !at)
                        return -ENOMEM;
                REPORT_ROW(table, cell_lead(line->lead), cell_text(leak_kind_name(line->kind)),
                        cell_duration(input->now_us - line->since_us), cell_instant(line->since_us), cell_text(line->status),
                        cell_text(line->team), cell_text(line->owner),
                        line->has_amount ? cell_money(line->amount, line->currency) : cell_none(),
                        cell_text(line->rule ? line->rule->name : NULL), cell_text(at));
        }
        if (n == LINES_MAX && n_all > n)
                report_note(report, "Of %" PRIu64 " leads the %d that leak the longest are named.", n_all, LINES_MAX);
        return r;
}

/* ---- on which day ---- */

typedef struct Days {
        const ReportInput *input;
        ReportTable *table;
        int64_t until_day;
} Days;

static int on_day(int64_t day, LeakKind kind, uint64_t n, void *userdata) {
        Days *days = userdata;
        const Zone *zone = days->input->rules->settings->zone;
        char text[TIME_TEXT_SIZE];

        if (kind != LEAK_NONE || day > days->until_day)
                return 0;
        (void) (zone ? zone_format(zone, report_day_start(zone, day), text) : time_format_rfc3339(report_day_start(zone, day), text));
        text[strlen("2026-03-05")] = '\0';
        REPORT_ROW(days->table, cell_text(text), cell_count((int64_t) n));
        return 0;
}

static int add_days(const ReportInput *input, Report *report) {
        const Zone *zone = input->rules->settings->zone;
        Days days = { .input = input, .until_day = report_day(zone, report_until(input) - 1) };

        days.table = report_table(report, "days", "Leaks on each day", "No day was told yet.", day_columns, ARRAY_SIZE(day_columns));
        int r = store_leak_days(input->store, report_day(zone, input->from_us), on_day, &days);
        if (r == 0 && days.table->n_rows > 1)
                report_plot(report, days.table, REPORT_BARS, "Leaks on each day", NULL, "day", "leads");
        return r;
}

static int make(const ReportInput *input, LeakBook *book, Report *report) {
        Open open = { .rules = input->rules };
        LeakLook done;

        int r = leak_book_look(book, input->store, input->rules, input->now_us, false, &done);
        if (r == 0)
                r = store_status_counts(input->store, on_status, &open);
        if (r != 0)
                return r;
        const LeakCounts counts = leak_book_counts(book, input->now_us);
        if (counts.n_all == 0 && open.n == 0)
                report_headline(report, "No lead is open, so that none leaks.");
        else if (counts.n_all == 0)
                report_headline(report, "No lead leaks: of %" PRIu64 " open leads each has somebody, or something that is due.", open.n);
        else if (open.n >= counts.n_all)
                report_headline(report, "%.*f %% of open leads leak: %" PRIu64 " of %" PRIu64 ".", counts.n_all * 10 < open.n ? 1 : 0,
                        (double) counts.n_all * 100 / (double) open.n, counts.n_all, open.n);
        else
                report_headline(
                        report, "%" PRIu64 " leads leak, some of them in final statuses; %" PRIu64 " are open.", counts.n_all, open.n);
        report_note(
                report, "A leak is a lead that nobody looks after and that no rule will bring back to anybody's mind. Each counts once.");
        add_kinds(report, &counts, open.n);
        r = add_leads(input, book, counts.n_all, report);
        return r == 0 ? add_days(input, report) : r;
}

int report_leaks(const ReportInput *input, Report *report) {
        if (input->leaks)
                return make(input, input->leaks, report);
        LeakBook *book = leak_book_new();
        int r = book ? make(input, book, report) : -ENOMEM;
        leak_book_free(book);
        return r;
}
