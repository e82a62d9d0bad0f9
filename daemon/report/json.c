/* SPDX-License-Identifier: MIT */
/*
 * A report for programs: one object, a member for each fact and each table, rows as objects by the keys of columns. The layout beside it
 * says what the members are, so that a client can show a report it does not know.
 */
#include "internal.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>

static bool set(json_t *object, const char *key, json_t *value) { return json_object_set_new(object, key, value) == 0; }

/* Bytes that are no UTF-8 come from nowhere: names and texts were checked. Should one slip through it is not shown. */
static json_t *text_json(const char *text) {
        if (!text)
                return json_null();
        return json_string(utf8_is_valid(text, strlen(text)) ? text : "?");
}

static json_t *time_json(int64_t time_us) {
        char text[TIME_TEXT_SIZE];
        return json_string(time_format_rfc3339(time_us, text));
}

static double rounded(double number, double by) { return round(number * by) / by; }

static json_t *share_json(const ReportCell *cell) {
        double low, high;
        if (!report_wilson(cell->n, cell->of, &low, &high))
                return json_pack(
                        "{s:I, s:I, s:n, s:n, s:n}", "n", (json_int_t) cell->n, "of", (json_int_t) cell->of, "share", "low", "high");
        return json_pack("{s:I, s:I, s:f, s:f, s:f}", "n", (json_int_t) cell->n, "of", (json_int_t) cell->of, "share",
                rounded((double) cell->n / (double) cell->of, 1e4), "low", rounded(low, 1e4), "high", rounded(high, 1e4));
}

static json_t *parts_json(const ReportColumn *column, const ReportCell *cell) {
        json_t *json = json_object();
        bool good = json != NULL;
        for (size_t i = 0; i < column->n_parts && good; i++)
                good = set(json, column->parts[i], json_integer(cell->parts ? cell->parts[i] : 0));
        if (good)
                return json;
        json_decref(json);
        return NULL;
}

static json_t *cell_json(const ReportColumn *column, const ReportCell *cell) {
        switch (cell->type) {
        case REPORT_NONE:
                return json_null();
        case REPORT_TEXT:
                return text_json(cell->text);
        case REPORT_LEAD:
                return json_sprintf("L-%lld", (long long) cell->n);
        case REPORT_COUNT:
                return json_integer(cell->n);
        case REPORT_NUMBER:
                return json_real(rounded(cell->number, 1e3));
        case REPORT_SHARE:
                return share_json(cell);
        case REPORT_DURATION:
        case REPORT_WORKING:
                return json_integer(cell->n / US_PER_SECOND);
        case REPORT_MONEY:
                return json_pack("{s:f, s:s?}", "amount", rounded(cell->number, 1e2), "currency", cell->text);
        case REPORT_INSTANT:
                return time_json(cell->n);
        case REPORT_FLAG:
                return json_boolean(cell->n);
        case REPORT_PARTS:
                return parts_json(column, cell);
        }
        return NULL;
}

static json_t *rows_json(const ReportTable *table) {
        json_t *rows = json_array();
        bool good = rows != NULL;
        for (size_t row = 0; row < table->n_rows && good; row++) {
                json_t *object = json_object();
                for (size_t i = 0; i < table->n_columns && good; i++)
                        good = set(object, table->columns[i].key, cell_json(&table->columns[i], &table->cells[row * table->n_columns + i]));
                good = json_array_append_new(rows, object) == 0 && good;
        }
        if (good)
                return rows;
        json_decref(rows);
        return NULL;
}

int report_json(const Report *report, json_t **ret) {
        json_t *json = json_object(), *notes = json_array();
        bool good = json && notes, more = false;

        for (const ReportNote *note = report->notes; note && good; note = note->next)
                good = json_array_append_new(notes, text_json(note->text)) == 0;
        for (const ReportTable *table = report->tables; table; table = table->next)
                more = more || table->n_left_out > 0;
        good = good && set(json, "name", json_string(report->name)) && set(json, "title", text_json(report->title)) &&
               set(json, "by", text_json(report->by)) && set(json, "from", time_json(report->from_us)) &&
               set(json, "until", time_json(report->until_us)) && set(json, "now", time_json(report->now_us)) &&
               set(json, "headline", text_json(report->headline)) && set(json, "notes", json_incref(notes)) &&
               set(json, "more", json_boolean(more));
        json_decref(notes);
        for (const ReportFact *fact = report->facts; fact && good; fact = fact->next)
                good = set(json, fact->column.key, cell_json(&fact->column, &fact->cell));
        for (const ReportTable *table = report->tables; table && good; table = table->next)
                good = set(json, table->key, rows_json(table));
        if (!good) {
                json_decref(json);
                return -ENOMEM;
        }
        *ret = json;
        return 0;
}

static json_t *column_json(const ReportColumn *column, bool is_hidden) {
        json_t *parts = json_array();
        Text title = { 0 };
        bool good = parts != NULL;

        report_show_title(column, &title);
        for (size_t i = 0; i < column->n_parts && good; i++)
                good = json_array_append_new(parts, text_json(column->parts[i])) == 0;
        json_t *json = good && title.error == 0 ? json_pack("{s:s, s:o, s:s, s:b, s:b, s:O}", "key", column->key, "title",
                                                          text_json(title.data ? title.data : ""), "type", report_type_name(column->type),
                                                          "hidden", is_hidden, "brief", column->is_brief, "parts", parts)
                                                : NULL;
        json_decref(parts);
        text_free(&title);
        return json;
}

int report_layout(const Report *report, json_t **ret) {
        json_t *json = json_object(), *facts = json_array(), *tables = json_array();
        bool good = json && facts && tables;

        for (const ReportFact *fact = report->facts; fact && good; fact = fact->next)
                good = json_array_append_new(facts, column_json(&fact->column, false)) == 0;
        for (const ReportTable *table = report->tables; table && good; table = table->next) {
                json_t *columns = json_array(), *one = json_object();
                good = columns && one;
                for (size_t i = 0; i < table->n_columns && good; i++)
                        good = json_array_append_new(columns, column_json(&table->columns[i], report_is_hidden(table, i))) == 0;
                good = good && set(one, "key", json_string(table->key)) && set(one, "title", text_json(table->title)) &&
                       set(one, "empty", text_json(table->empty ? table->empty : "Nothing.")) &&
                       set(one, "left_out", json_integer((json_int_t) table->n_left_out)) && set(one, "columns", json_incref(columns)) &&
                       json_array_append(tables, one) == 0;
                json_decref(columns);
                json_decref(one);
        }
        good = good && set(json, "facts", json_incref(facts)) && set(json, "tables", json_incref(tables));
        json_decref(facts);
        json_decref(tables);
        if (!good) {
                json_decref(json);
                return -ENOMEM;
        }
        *ret = json;
        return 0;
}
