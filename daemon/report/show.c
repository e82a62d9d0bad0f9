/* SPDX-License-Identifier: MIT */
/*
 * Cells in words: the same on a page and on a terminal.
 */
#include "internal.h"

#include <math.h>

const char *report_type_name(ReportType type) {
        static const char *const names[] = {
                [REPORT_NONE] = "none",
                [REPORT_TEXT] = "text",
                [REPORT_LEAD] = "lead",
                [REPORT_COUNT] = "count",
                [REPORT_NUMBER] = "number",
                [REPORT_SHARE] = "share",
                [REPORT_DURATION] = "duration",
                [REPORT_WORKING] = "working",
                [REPORT_MONEY] = "money",
                [REPORT_INSTANT] = "instant",
                [REPORT_FLAG] = "flag",
                [REPORT_PARTS] = "parts",
        };
        return names[type];
}

void report_show_title(const ReportColumn *column, Text *out) {
        if (column->title)
                text_append(out, column->title);
        else
                for (const char *c = column->key; *c; c++)
                        text_append_char(out, *c == '_' ? ' ' : *c);
        if (column->type == REPORT_WORKING)
                text_append(out, " (working time)");
}

bool report_is_hidden(const ReportTable *table, size_t column) {
        const ReportColumn *c = &table->columns[column];
        if (c->is_detail)
                return true;
        if (!c->may_idle)
                return false;
        for (size_t i = 0; i < table->n_rows; i++) {
                const ReportCell *cell = &table->cells[i * table->n_columns + column];
                bool says = cell->n != 0 || cell->number != 0 || cell->text;
                for (size_t k = 0; cell->parts && k < c->n_parts; k++)
                        says = says || cell->parts[k] != 0;
                if (says)
                        return false;
        }
        return true;
}

/* A tenth of a percent where it says something: below 10 %, above 90 %, and where the interval is that narrow. */
static void show_percent(double share, bool is_narrow, Text *out) {
        double percent = share * 100;
        if (percent > 0 && percent < 0.05)
                text_append(out, "<0.1");
        else if (percent > 0 && percent < 100 && (is_narrow || percent < 9.95 || percent > 90.05))
                text_printf(out, "%.1f", percent > 99.9 ? 99.9 : percent);
        else
                text_printf(out, "%.0f", percent);
}

static void show_share(const ReportCell *cell, bool is_brief, Text *out) {
        double low, high;
        if (!report_wilson(cell->n, cell->of, &low, &high)) {
                text_append_char(out, '-');
                return;
        }
        bool is_few = cell->of < REPORT_FEW, is_narrow = high - low < 0.02;
        if (is_few)
                text_printf(out, "%lld of %lld (", (long long) cell->n, (long long) cell->of);
        else {
                show_percent((double) cell->n / (double) cell->of, is_narrow, out);
                text_append(out, " % (");
        }
        show_percent(low, is_narrow, out);
        text_append_char(out, '-');
        show_percent(high, is_narrow, out);
        text_append(out, is_few ? " %)" : ")");
        if (!is_few && !is_brief)
                text_printf(out, " of %lld", (long long) cell->of);
}

static void show_two(int64_t first, const char *first_unit, int64_t second, const char *second_unit, Text *out) {
        text_printf(out, "%lld %s", (long long) first, first_unit);
        if (second > 0)
                text_printf(out, " %lld %s", (long long) second, second_unit);
}

/* Working time has no days: how long a working day is, is the calendar's. */
static void show_duration(int64_t us, bool has_days, Text *out) {
        int64_t seconds = us / US_PER_SECOND, minutes = seconds / 60, hours = minutes / 60;
        if (seconds < 90)
                text_printf(out, "%lld s", (long long) seconds);
        else if (minutes < 90)
                text_printf(out, "%lld min", (long long) minutes);
        else if (hours < 48 || !has_days)
                show_two(hours, "h", hours < 24 ? minutes % 60 : 0, "min", out);
        else
                show_two(hours / 24, "d", hours < 240 ? hours % 24 : 0, "h", out);
}

static void show_number(double number, Text *out) {
        if (fabs(number) < 0.005)
                number = 0; /* no "-0.00" */
        text_printf(out, "%.2f", number);
}

static void show_instant(int64_t us, const Zone *zone, Text *out) {
        char buffer[TIME_TEXT_SIZE];
        if (zone)
                us += zone_offset_seconds(zone, us) * US_PER_SECOND;
        (void) time_format_rfc3339(us - (us % US_PER_MINUTE + US_PER_MINUTE) % US_PER_MINUTE, buffer);
        text_printf(out, "%.10s %.5s%s", buffer, buffer + 11, zone ? "" : "Z");
}

void report_show(const ReportColumn *column, const ReportCell *cell, const Zone *zone, Text *out) {
        bool is_first = true;
        switch (cell->type) {
        case REPORT_NONE:
                text_append_char(out, '-');
                break;
        case REPORT_TEXT:
                text_append(out, cell->text ? cell->text : "-");
                break;
        case REPORT_LEAD:
                text_printf(out, "L-%lld", (long long) cell->n);
                break;
        case REPORT_COUNT:
                text_printf(out, "%lld", (long long) cell->n);
                break;
        case REPORT_NUMBER:
                show_number(cell->number, out);
                break;
        case REPORT_SHARE:
                show_share(cell, column->is_brief, out);
                break;
        case REPORT_DURATION:
        case REPORT_WORKING:
                show_duration(cell->n, cell->type == REPORT_DURATION, out);
                break;
        case REPORT_MONEY:
                text_printf(out, cell->number == floor(cell->number) ? "%.0f" : "%.2f", cell->number);
                if (cell->text)
                        text_printf(out, " %s", cell->text);
                break;
        case REPORT_INSTANT:
                show_instant(cell->n, zone, out);
                break;
        case REPORT_FLAG:
                text_append(out, cell->n ? "yes" : "no");
                break;
        case REPORT_PARTS:
                for (size_t i = 0; cell->parts && i < column->n_parts; i++)
                        if (cell->parts[i] != 0) {
                                text_append(out, is_first ? "" : ", ");
                                for (const char *c = column->parts[i]; *c; c++)
                                        text_append_char(out, *c == '_' ? ' ' : *c);
                                text_printf(out, " %lld", (long long) cell->parts[i]);
                                is_first = false;
                        }
                if (is_first)
                        text_append_char(out, '-');
                break;
        }
}
