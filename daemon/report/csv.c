/* SPDX-License-Identifier: MIT */
/*
 * Tables as CSV (RFC 4180): the first line has the keys, lines end with CR LF, numbers are numbers. A share, money and parts are columns
 * of their own. Names come from outside and are opened in spreadsheets, where "=..." would run: see OWASP, CSV injection.
 */
#include "internal.h"

#include <errno.h>

void report_csv_text(Text *out, const char *text) {
        /* The field may be pasted behind a separator of another locale, too: those are quoted as commas are. */
        bool is_quoted = strpbrk(text, "\",;\t\r\n'|") != NULL || *text == ' ' || (*text && text[strlen(text) - 1] == ' ');
        /* The wide forms of = + - @ are taken for them by some. */
        bool is_formula = (*text && strchr("=+-@\t\r\n|", *text)) || strncmp(text, "\uff1d", 3) == 0 || strncmp(text, "\uff0b", 3) == 0 ||
                          strncmp(text, "\uff0d", 3) == 0 || strncmp(text, "\uff20", 3) == 0;

        if (is_quoted || is_formula)
                text_append_char(out, '"');
        if (is_formula)
                text_append_char(out, '\'');
        for (const char *c = text; *c; c++) {
                if (*c == '"')
                        text_append_char(out, '"');
                text_append_char(out, *c);
        }
        if (is_quoted || is_formula)
                text_append_char(out, '"');
}

/* Keys may be made of names. */
static void add_key(const ReportColumn *column, const char *after, const char *part, Text *out) {
        Text key = { 0 };

        text_printf(&key, "%s%s%s", column->key, after, part);
        report_csv_text(out, key.data ? key.data : "");
        if (key.error < 0)
                out->error = key.error;
        text_free(&key);
}

static void add_keys(const ReportColumn *column, Text *out) {
        static const char *const of_share[] = { "", "_of", "_share", "_low", "_high" }, *const of_money[] = { "", "_currency" };
        bool is_money = column->type == REPORT_MONEY;
        size_t n = column->type == REPORT_SHARE ? ARRAY_SIZE(of_share) : is_money ? ARRAY_SIZE(of_money) : 1;

        if (column->type == REPORT_PARTS)
                n = column->n_parts;
        for (size_t i = 0; i < n; i++) {
                text_append(out, i > 0 ? "," : "");
                if (column->type == REPORT_PARTS)
                        add_key(column, "_", column->parts[i], out);
                else
                        add_key(column, (is_money ? of_money : of_share)[i], "", out);
        }
}

static void add_share(const ReportCell *cell, Text *out) {
        double low, high;

        text_printf(out, "%lld,%lld,", (long long) cell->n, (long long) cell->of);
        if (report_wilson(cell->n, cell->of, &low, &high))
                text_printf(out, "%.4f,%.4f,%.4f", (double) cell->n / (double) cell->of, low, high);
        else
                text_append(out, ",,");
}

static void add_cell(const ReportColumn *column, const ReportCell *cell, Text *out) {
        char buffer[TIME_TEXT_SIZE];

        switch (cell->type) {
        case REPORT_NONE: /* as many fields as the column has */
                if (column->type == REPORT_SHARE)
                        text_append(out, ",,,,");
                else if (column->type == REPORT_MONEY)
                        text_append_char(out, ',');
                else if (column->type == REPORT_PARTS)
                        for (size_t i = 1; i < column->n_parts; i++)
                                text_append_char(out, ',');
                break;
        case REPORT_TEXT:
                report_csv_text(out, cell->text ? cell->text : "");
                break;
        case REPORT_LEAD:
                text_printf(out, "L-%lld", (long long) cell->n);
                break;
        case REPORT_COUNT:
                text_printf(out, "%lld", (long long) cell->n);
                break;
        case REPORT_NUMBER:
                text_printf(out, "%.3f", cell->number);
                break;
        case REPORT_SHARE:
                add_share(cell, out);
                break;
        case REPORT_DURATION:
        case REPORT_WORKING:
                text_printf(out, "%lld", (long long) (cell->n / US_PER_SECOND));
                break;
        case REPORT_MONEY:
                text_printf(out, "%.2f,", cell->number);
                report_csv_text(out, cell->text ? cell->text : "");
                break;
        case REPORT_INSTANT:
                text_append(out, time_format_rfc3339(cell->n, buffer));
                break;
        case REPORT_FLAG:
                text_append(out, cell->n ? "true" : "false");
                break;
        case REPORT_PARTS:
                for (size_t i = 0; i < column->n_parts; i++)
                        text_printf(out, "%s%lld", i > 0 ? "," : "", (long long) (cell->parts ? cell->parts[i] : 0));
                break;
        }
}

/* Parts of which there are none are no field. */
static bool has_fields(const ReportColumn *column) { return column->type != REPORT_PARTS || column->n_parts > 0; }

int report_csv(const ReportTable *table, Text *out) {
        const char *separator = "";

        for (size_t i = 0; i < table->n_columns; i++)
                if (has_fields(&table->columns[i])) {
                        text_append(out, separator);
                        add_keys(&table->columns[i], out);
                        separator = ",";
                }
        text_append(out, "\r\n");
        for (size_t row = 0; row < table->n_rows; row++) {
                separator = "";
                for (size_t i = 0; i < table->n_columns; i++)
                        if (has_fields(&table->columns[i])) {
                                text_append(out, separator);
                                add_cell(&table->columns[i], &table->cells[row * table->n_columns + i], out);
                                separator = ",";
                        }
                text_append(out, "\r\n");
        }
        return out->error;
}
