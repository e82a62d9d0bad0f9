/* SPDX-License-Identifier: MIT */
/*
 * The page: stands alone, runs nothing, loads nothing, follows the reader's choice of light or dark, and reads from 360 pixels up. It is
 * well-formed as XML, too, so that a test can take it apart. Whatever it shows is escaped, wherever it came from.
 */
#include "internal.h"

#define LONG_CELL 32 /* bytes */
#define LONG_TITLE 14

/* Characters that turn the direction of what stands behind them: U+061C, U+200E, U+200F, U+202A to 202E, U+2066 to 2069. In bytes. */
static size_t turns_direction(const unsigned char *c) {
        if (c[0] == 0xd8 && c[1] == 0x9c)
                return 2;
        if (c[0] != 0xe2 || (c[1] != 0x80 && c[1] != 0x81))
                return 0;
        bool turns = c[1] == 0x80 ? c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xaa && c[2] <= 0xae) : c[2] >= 0xa6 && c[2] <= 0xa9;
        return turns ? 3 : 0;
}

void html_text(Text *out, const char *text) {
        for (const unsigned char *c = (const unsigned char *) text; *c; c++)
                switch (*c) {
                case '&':
                        text_append(out, "&amp;");
                        break;
                case '<':
                        text_append(out, "&lt;");
                        break;
                case '>':
                        text_append(out, "&gt;");
                        break;
                case '"':
                        text_append(out, "&quot;");
                        break;
                case '\'':
                        text_append(out, "&#39;");
                        break;
                default: {
                        size_t size = turns_direction(c);
                        if (size > 0) {
                                text_append_char(out, '?');
                                c += size - 1;
                                break;
                        }
                        text_append_char(out, *c < 0x20 && *c != '\n' && *c != '\t' ? '?' : (char) *c);
                }
                }
}

static const char style[] =
        ":root { color-scheme: light dark; --paper: #fff; --ink: #1f2328; --soft: #57606a; --line: #d0d7de; --track: #eef1f4;\n"
        "  --first: #1a7f5a; --second: #8a6d3b; --third: #3b6ea5; --whisker: #1f2328; }\n"
        "@media (prefers-color-scheme: dark) { :root { --paper: #0f1419; --ink: #e6edf3; --soft: #9aa7b4; --line: #323b45; --track: "
        "#1b232c;\n"
        "  --first: #3fb68b; --second: #c9a15a; --third: #6ea8e0; --whisker: #e6edf3; } }\n"
        "* { box-sizing: border-box; }\n"
        "body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1.25rem 1rem 3rem; max-width: 72rem; color: var(--ink);\n"
        "  background: var(--paper); }\n"
        "h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }\n"
        ".soft { color: var(--soft); margin: 0; } .headline { font-size: 1.15rem; margin: 1rem 0; }\n"
        "ul { padding-left: 1.2rem; color: var(--soft); margin: .75rem 0; }\n"
        "dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .75rem 0; } dt { color: var(--soft); } dd { "
        "margin: 0; }\n"
        ".wide { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }\n"
        ".wide:focus-visible { outline: 2px solid var(--third); }\n"
        "table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }\n"
        "th, td { padding: .3rem .65rem; text-align: right; vertical-align: top; white-space: nowrap; border-top: 1px solid var(--line); "
        "}\n"
        "thead th { border-top: 0; background: var(--track); font-weight: 600; white-space: normal; vertical-align: bottom; min-width: "
        "4.5rem; }\n"
        "tbody th { font-weight: 400; } .text { text-align: left; } .long { white-space: normal; min-width: 12rem; } thead .long { "
        "min-width: 7rem; }\n"
        "figure { margin: .75rem 0 1rem; } figcaption { color: var(--soft); margin-bottom: .25rem; }\n"
        "svg { display: block; overflow: visible; } svg text { fill: var(--ink); font: 13px system-ui, sans-serif; }\n"
        "svg .soft { fill: var(--soft); } svg .group { font-weight: 600; } .end { text-anchor: end; }\n"
        ".track { fill: var(--track); } .v0 { fill: var(--first); } .v1 { fill: var(--second); } .v2 { fill: var(--third); }\n"
        ".whisker { stroke: var(--whisker); stroke-width: 1.5; } .axis { stroke: var(--line); }\n"
        "@media print { body { max-width: none; } .wide { overflow: visible; border: 0; } }\n";

static void add_instant(int64_t us, const Zone *zone, Text *out) {
        const ReportColumn column = { .type = REPORT_INSTANT };
        const ReportCell cell = cell_instant(us);

        report_show(&column, &cell, zone, out);
}

static void add_head(const Report *report, Text *out) {
        text_append(out,
                "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\" />\n"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n"
                "<meta name=\"color-scheme\" content=\"light dark\" />\n"
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\" />\n<title>");
        html_text(out, report->title);
        text_append(out, "</title>\n<style>\n");
        text_append(out, style);
        text_append(out, "</style>\n</head>\n<body>\n<main>\n<h1>");
        html_text(out, report->title);
        if (report->by) {
                text_append(out, " by ");
                html_text(out, report->by);
        }
        text_append(out, "</h1>\n<p class=\"soft\">");
        if (report->from_us < report->until_us) {
                add_instant(report->from_us, report->zone, out);
                text_append(out, " to ");
                add_instant(report->until_us, report->zone, out);
                text_append(out, ", ");
        }
        text_append(out, "as known ");
        add_instant(report->now_us, report->zone, out);
        if (report->zone) {
                text_append(out, " (");
                html_text(out, zone_name(report->zone));
                text_append_char(out, ')');
        }
        text_append(out, "</p>\n");
        if (report->headline) {
                text_append(out, "<p class=\"headline\">");
                html_text(out, report->headline);
                text_append(out, "</p>\n");
        }
        if (report->facts)
                text_append(out, "<dl>\n");
        for (const ReportFact *fact = report->facts; fact; fact = fact->next) {
                Text words = { 0 };
                text_append(out, "<dt>");
                html_text(out, fact->column.title ? fact->column.title : fact->column.key);
                text_append(out, "</dt><dd>");
                report_show(&fact->column, &fact->cell, report->zone, &words);
                html_text(out, words.data ? words.data : "");
                text_append(out, "</dd>\n");
                text_free(&words);
        }
        if (report->facts)
                text_append(out, "</dl>\n");
}

static bool is_words(ReportType type) { return type == REPORT_TEXT || type == REPORT_PARTS; }

/* Sentences are broken into lines, names and figures are not. */
static void add_class(bool is_text, bool is_long, Text *out) {
        if (is_text || is_long)
                text_printf(out, " class=\"%s%s%s\"", is_text ? "text" : "", is_text && is_long ? " " : "", is_long ? "long" : "");
        text_append_char(out, '>');
}

static void add_cell(const ReportTable *table, size_t row, size_t column, bool is_head, Text *out) {
        const ReportColumn *c = &table->columns[column];
        Text words = { 0 };

        report_show(c, &table->cells[row * table->n_columns + column], table->report->zone, &words);
        text_append(out, is_head ? "<th scope=\"row\"" : "<td");
        add_class(is_words(c->type), words.size > LONG_CELL, out);
        html_text(out, words.data ? words.data : "");
        text_append(out, is_head ? "</th>" : "</td>");
        if (words.error < 0)
                out->error = words.error;
        text_free(&words);
}

static void add_table(const ReportTable *table, Text *out) {
        size_t shown = table->n_rows < REPORT_PAGE_ROWS_MAX ? table->n_rows : REPORT_PAGE_ROWS_MAX;
        size_t left_out = table->n_rows - shown + table->n_left_out;
        bool is_hidden[REPORT_COLUMNS_MAX];

        if (table->n_rows == 0) {
                text_append(out, "<p>");
                html_text(out, table->empty ? table->empty : "Nothing.");
                text_append(out, "</p>\n");
                return;
        }
        text_append(out, "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"");
        html_text(out, table->title);
        text_append(out, "\">\n<table>\n<thead><tr>");
        for (size_t i = 0; i < table->n_columns; i++) {
                is_hidden[i] = report_is_hidden(table, i);
                if (is_hidden[i])
                        continue;
                Text title = { 0 };
                report_show_title(&table->columns[i], &title);
                text_append(out, "<th scope=\"col\"");
                add_class(is_words(table->columns[i].type), title.size > LONG_TITLE, out);
                html_text(out, title.data ? title.data : "");
                text_append(out, "</th>");
                text_free(&title);
        }
        text_append(out, "</tr></thead>\n<tbody>\n");
        for (size_t row = 0; row < shown; row++) {
                bool is_head = true;
                text_append(out, "<tr>");
                for (size_t i = 0; i < table->n_columns; i++)
                        if (!is_hidden[i]) {
                                add_cell(table, row, i, is_head && is_words(table->columns[i].type), out);
                                is_head = false;
                        }
                text_append(out, "</tr>\n");
        }
        text_append(out, "</tbody>\n</table>\n</div>\n");
        if (left_out > 0)
                text_printf(out, "<p class=\"soft\">and %zu more rows</p>\n", left_out);
}

int report_html(const Report *report, Text *out) {
        unsigned n = 0;

        add_head(report, out);
        for (const ReportTable *table = report->tables; table; table = table->next) {
                text_append(out, "<section>\n<h2>");
                html_text(out, table->title);
                text_append(out, "</h2>\n");
                for (const ReportPlot *plot = report->plots; plot; plot = plot->next)
                        if (plot->table == table && table->n_rows > 0)
                                html_plot(out, plot, report, ++n);
                add_table(table, out);
                text_append(out, "</section>\n");
        }
        if (report->notes)
                text_append(out, "<h2>How to read this</h2>\n<ul>\n");
        for (const ReportNote *note = report->notes; note; note = note->next) {
                text_append(out, "<li>");
                html_text(out, note->text);
                text_append(out, "</li>\n");
        }
        text_append(out, report->notes ? "</ul>\n</main>\n</body>\n</html>\n" : "</main>\n</body>\n</html>\n");
        return out->error;
}
