/* SPDX-License-Identifier: MIT */
/*
 * Plots as SVG. What is horizontal is in percent of the width there is, what is vertical in pixels: so a plot fits a telephone and a
 * screen without its letters growing or shrinking. A plot shows what a table beside it says, and has a title and a description for those
 * who listen.
 */
#include "internal.h"

#include <math.h>
#include <stdio.h>

#define LABEL_COLUMNS 30      /* characters of a label beside a figure, at the narrowest page */
#define LABEL_COLUMNS_WIDE 46 /* and of one that stands alone */
#define LINE_HEIGHT 18
#define BAR_HEIGHT 12
#define CLASS_LEFT 33.0  /* percent: where the bars of a distribution begin */
#define CLASS_WIDTH 40.0 /* and how long they are at most */

typedef struct Drawing {
        const ReportPlot *plot;
        const Zone *zone;
        Text *out;
        double most;               /* what a full bar stands for */
        double scale;              /* of shares, to be named; 0 = 100 % */
        int64_t first_us, last_us; /* of a timeline */
        int y;
} Drawing;

static const ReportCell *cell_at(const ReportTable *table, size_t row, size_t column) {
        return &table->cells[row * table->n_columns + column];
}

static bool is_known(const ReportCell *cell) { return cell->type != REPORT_NONE && (cell->type != REPORT_SHARE || cell->of > 0); }

/* Is there anything to draw of it? */
static bool has_values(const ReportPlot *plot, size_t row) {
        for (size_t i = 0; i < plot->n_values; i++)
                if (is_known(cell_at(plot->table, row, plot->values[i])))
                        return true;
        return false;
}

/* What a bar's length stands for; negative and unknown have none. */
static double length_of(const ReportCell *cell) {
        switch (cell->type) {
        case REPORT_SHARE:
                return cell->of > 0 ? (double) cell->n / (double) cell->of : 0;
        case REPORT_NUMBER:
        case REPORT_MONEY:
                return cell->number > 0 ? cell->number : 0;
        case REPORT_COUNT:
        case REPORT_DURATION:
        case REPORT_WORKING:
                return cell->n > 0 ? (double) cell->n : 0;
        default:
                return 0;
        }
}

/* UTF-8, cut between characters. */
static void add_cut(Text *out, const char *text, size_t columns) {
        size_t n = 0, size = 0;

        for (const char *c = text; *c && n <= columns; c++)
                if (((unsigned char) *c & 0xc0) != 0x80) {
                        if (n == columns - 1)
                                size = (size_t) (c - text);
                        n++;
                }
        if (n <= columns) {
                html_text(out, text);
                return;
        }
        Text cut = { 0 };
        text_append_size(&cut, text, size);
        html_text(out, cut.data ? cut.data : "");
        text_append(out, "…");
        text_free(&cut);
}

static void add_words(const Drawing *d, size_t row, size_t column, size_t columns) {
        Text words = { 0 };

        report_show(&d->plot->table->columns[column], cell_at(d->plot->table, row, column), d->zone, &words);
        add_cut(d->out, words.data ? words.data : "", columns);
        text_free(&words);
}

static void text_begin(const Drawing *d, const char *class, const char *x) {
        text_printf(d->out, "<text x=\"%s\" y=\"%d\"", x, d->y + 13);
        if (class)
                text_printf(d->out, " class=\"%s\"", class);
        text_append_char(d->out, '>');
}
static void text_end(const Drawing *d) { text_append(d->out, "</text>\n"); }

static void add_rectangle(const Drawing *d, const char *class, double x, double width, int height) {
        text_printf(d->out, "<rect class=\"%s\" x=\"%.2f%%\" y=\"%d\" width=\"%.2f%%\" height=\"%d\" rx=\"2\"/>\n", class, x, d->y, width,
                height);
}

static void add_whisker(const Drawing *d, const ReportCell *cell, double left, double scale) {
        double low, high;
        int middle = d->y + BAR_HEIGHT / 2;

        if (cell->type != REPORT_SHARE || !report_wilson(cell->n, cell->of, &low, &high))
                return;
        low = left + low * scale;
        high = left + high * scale;
        text_printf(d->out,
                "<line class=\"whisker\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%d\" y2=\"%d\"/>"
                "<line class=\"whisker\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%d\" y2=\"%d\"/>"
                "<line class=\"whisker\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%d\" y2=\"%d\"/>\n",
                low, high, middle, middle, low, low, middle - 3, middle + 3, high, high, middle - 3, middle + 3);
}

static void add_bar(Drawing *d, const ReportCell *cell, unsigned value) {
        static const char *const classes[] = { "v0", "v1", "v2", "v2" };

        add_rectangle(d, "track", 0, 100, BAR_HEIGHT);
        add_rectangle(d, classes[value], 0, d->most > 0 ? length_of(cell) / d->most * 100 : 0, BAR_HEIGHT);
        if (d->most > 0)
                add_whisker(d, cell, 0, 100 / d->most);
        d->y += BAR_HEIGHT + 4;
}

/* Each value has its words above its bar; of what is not known there is no bar. */
static void draw_bars(Drawing *d, size_t row) {
        const ReportPlot *plot = d->plot;

        text_begin(d, NULL, "0");
        add_words(d, row, plot->label, plot->n_values == 1 ? LABEL_COLUMNS : LABEL_COLUMNS_WIDE);
        text_end(d);
        if (plot->n_values > 1)
                d->y += LINE_HEIGHT;
        for (size_t i = 0; i < plot->n_values; i++) {
                const ReportCell *cell = cell_at(plot->table, row, plot->values[i]);
                if (!is_known(cell))
                        continue;
                if (plot->n_values > 1) {
                        Text title = { 0 };
                        report_show_title(&plot->table->columns[plot->values[i]], &title);
                        text_begin(d, "soft", "0");
                        add_cut(d->out, title.data ? title.data : "", LABEL_COLUMNS);
                        text_end(d);
                        text_free(&title);
                }
                text_begin(d, "end", "100%");
                add_words(d, row, plot->values[i], LABEL_COLUMNS);
                text_end(d);
                d->y += LINE_HEIGHT;
                add_bar(d, cell, (unsigned) i);
        }
        d->y += 6;
}

static void draw_stage(Drawing *d, size_t row) {
        const ReportPlot *plot = d->plot;
        const ReportCell *step = cell_at(plot->table, row, plot->values[1]);

        text_begin(d, NULL, "0");
        add_words(d, row, plot->label, LABEL_COLUMNS);
        text_end(d);
        text_begin(d, "end", "100%");
        add_words(d, row, plot->values[0], LABEL_COLUMNS);
        text_end(d);
        d->y += LINE_HEIGHT;
        add_bar(d, cell_at(plot->table, row, plot->values[0]), 0);
        if (step->type != REPORT_NONE && step->of > 0) {
                text_begin(d, "soft", "0");
                add_words(d, row, plot->values[1], LABEL_COLUMNS);
                text_append(d->out, " at the stage before");
                text_end(d);
                d->y += LINE_HEIGHT;
        }
        d->y += 6;
}

static void draw_span(Drawing *d, size_t row) {
        const ReportPlot *plot = d->plot;
        const ReportCell *from = cell_at(plot->table, row, plot->values[0]), *until = cell_at(plot->table, row, plot->values[1]);
        double whole = (double) (d->last_us - d->first_us);
        int64_t from_us = from->type == REPORT_INSTANT ? from->n : d->first_us,
                until_us = until->type == REPORT_INSTANT ? until->n : d->last_us;
        double x = whole > 0 ? (double) (from_us - d->first_us) / whole * 100 : 0;
        double width = whole > 0 ? (double) (until_us - from_us) / whole * 100 : 100;

        text_begin(d, NULL, "0");
        add_words(d, row, plot->label, LABEL_COLUMNS_WIDE);
        text_end(d);
        d->y += LINE_HEIGHT;
        add_rectangle(d, "track", 0, 100, BAR_HEIGHT);
        add_rectangle(d, "v0", x, width > 0.4 ? width : 0.4, BAR_HEIGHT);
        d->y += BAR_HEIGHT + 6;
}

static void draw_class(Drawing *d, size_t row) {
        const ReportPlot *plot = d->plot;
        const ReportCell *cell = cell_at(plot->table, row, plot->values[0]);
        double width = d->most > 0 ? length_of(cell) / d->most * CLASS_WIDTH : 0;
        char x[16];

        text_begin(d, NULL, "0");
        add_words(d, row, plot->label, 17);
        text_end(d);
        d->y += 2;
        add_rectangle(d, "v0", CLASS_LEFT, width > 0 && width < 0.4 ? 0.4 : width, BAR_HEIGHT + 2);
        d->y -= 2;
        (void) snprintf(x, sizeof(x), "%.2f%%", CLASS_LEFT + width + 1.5);
        text_begin(d, "soft", x);
        if (cell->type == REPORT_SHARE) /* what is of all needs no interval here */
                text_printf(d->out, "%lld", (long long) cell->n);
        else
                add_words(d, row, plot->values[0], 12);
        text_end(d);
        d->y += LINE_HEIGHT + 2;
}

/* ---- the frame ---- */

static bool is_same_group(const ReportPlot *plot, size_t a, size_t b, size_t n_groups) {
        for (size_t i = 0; i < n_groups; i++) {
                const char *x = cell_at(plot->table, a, plot->groups[i])->text, *y = cell_at(plot->table, b, plot->groups[i])->text;
                if ((x == NULL) != (y == NULL) || (x && !base_streq(x, y)))
                        return false;
        }
        return true;
}

static void add_group(Drawing *d, size_t row) {
        const ReportPlot *plot = d->plot;
        Text words = { 0 };

        for (size_t i = 0; i < plot->n_groups; i++) {
                if (i > 0)
                        text_append(&words, " · ");
                report_show(&plot->table->columns[plot->groups[i]], cell_at(plot->table, row, plot->groups[i]), d->zone, &words);
        }
        if (row > 0)
                d->y += 10;
        text_begin(d, "group", "0");
        add_cut(d->out, words.data ? words.data : "", LABEL_COLUMNS_WIDE);
        text_end(d);
        d->y += LINE_HEIGHT + 4;
        text_free(&words);
}

/* Small shares need a scale on which they can be told apart; one that a reader can name. */
static double round_up(double share) {
        static const double steps[] = { 0.01, 0.02, 0.05, 0.1, 0.2, 0.5 };
        for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
                if (share <= steps[i])
                        return steps[i];
        return 1;
}

static void find_scale(Drawing *d, size_t n_rows) {
        const ReportPlot *plot = d->plot;
        bool is_share = true;
        double low, high, highest = 0;

        d->first_us = INT64_MAX;
        d->last_us = INT64_MIN;
        for (size_t row = 0; row < n_rows; row++)
                for (size_t i = 0; i < plot->n_values; i++) {
                        const ReportCell *cell = cell_at(plot->table, row, plot->values[i]);
                        is_share = is_share && (cell->type == REPORT_SHARE || cell->type == REPORT_NONE);
                        d->most = fmax(d->most, length_of(cell));
                        if (cell->type == REPORT_SHARE && report_wilson(cell->n, cell->of, &low, &high))
                                highest = fmax(highest, high);
                        if (cell->type == REPORT_INSTANT && cell->n < d->first_us)
                                d->first_us = cell->n;
                        if (cell->type == REPORT_INSTANT && cell->n > d->last_us)
                                d->last_us = cell->n;
                }
        if (is_share && plot->kind == REPORT_FUNNEL)
                d->most = 1;
        else if (is_share && plot->kind == REPORT_BARS)
                d->most = d->scale = round_up(highest);
        if (d->first_us > d->last_us)
                d->first_us = d->last_us = 0;
}

static void add_axis(Drawing *d) {
        const ReportColumn column = { .type = REPORT_INSTANT };
        const ReportCell first = cell_instant(d->first_us), last = cell_instant(d->last_us);
        Text words = { 0 };

        text_begin(d, "soft", "0");
        report_show(&column, &first, d->zone, &words);
        html_text(d->out, words.data ? words.data : "");
        text_end(d);
        text_clear(&words);
        text_begin(d, "soft end", "100%");
        report_show(&column, &last, d->zone, &words);
        html_text(d->out, words.data ? words.data : "");
        text_end(d);
        text_free(&words);
        d->y += LINE_HEIGHT + 4;
}

void html_plot(Text *out, const ReportPlot *plot, const Report *report, unsigned n) {
        static void (*const draw[])(Drawing * d, size_t row) = {
                [REPORT_BARS] = draw_bars, [REPORT_FUNNEL] = draw_stage, [REPORT_TIMELINE] = draw_span, [REPORT_DISTRIBUTION] = draw_class
        };
        static const char *const descriptions[] = {
                [REPORT_BARS] = "Bars, one for each figure of the table below.",
                [REPORT_FUNNEL] = "One bar a stage, as long as the share of the first stage that reached it; lines mark the 95 % interval.",
                [REPORT_TIMELINE] = "Bars from the beginning to the end of each row of the table below.",
                [REPORT_DISTRIBUTION] = "One bar a class, as long as what is in it; the figures stand in the table below.",
        };
        size_t n_rows = plot->table->n_rows < REPORT_PLOT_ROWS_MAX ? plot->table->n_rows : REPORT_PLOT_ROWS_MAX, last = SIZE_MAX;
        Text inside = { 0 };
        Drawing d = { .plot = plot, .zone = report->zone, .out = &inside };

        find_scale(&d, n_rows);
        if (plot->kind == REPORT_TIMELINE && report->until_us > d.last_us && report->from_us < report->until_us)
                d.last_us = report->until_us;
        if (plot->kind == REPORT_TIMELINE)
                add_axis(&d);
        for (size_t row = 0; row < n_rows; row++) {
                if (!has_values(plot, row))
                        continue;
                if (plot->n_groups > 0 && (last == SIZE_MAX || !is_same_group(plot, last, row, plot->n_groups)))
                        add_group(&d, row);
                last = row;
                draw[plot->kind](&d, row);
        }
        if (last == SIZE_MAX) {
                text_free(&inside);
                return;
        }
        text_append(out, "<figure>\n<figcaption>");
        if (!base_streq(plot->title, plot->table->title)) /* else it stands above */
                html_text(out, plot->title);
        if (n_rows < plot->table->n_rows)
                text_printf(out, " (the first %zu rows of the table)", n_rows);
        if (d.scale > 0 && d.scale < 1)
                text_printf(out, " (a full bar is %.0f %%)", d.scale * 100);
        text_printf(out, "</figcaption>\n<svg role=\"img\" aria-labelledby=\"t%u d%u\" width=\"100%%\" height=\"%d\">\n<title id=\"t%u\">",
                n, n, d.y, n);
        html_text(out, plot->title);
        text_printf(out, "</title>\n<desc id=\"d%u\">%s</desc>\n", n, descriptions[plot->kind]);
        text_append_size(out, inside.data ? inside.data : "", inside.size);
        text_append(out, "</svg>\n</figure>\n");
        if (inside.error < 0)
                out->error = inside.error;
        text_free(&inside);
}
