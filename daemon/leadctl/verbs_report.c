/* SPDX-License-Identifier: MIT */
/*
 * leadctl report NAME: what was decided, measured. Prints whatever report the daemon makes by the layout that comes along, and writes the
 * page or the CSV that the daemon made.
 */
#include "leadctl.h"
#include "leadd/report.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- cells ---- */

static const struct {
        const char *name;
        ReportType type;
        bool right;
} types[] = {
        { "text", REPORT_TEXT, false },
        { "lead", REPORT_LEAD, false },
        { "count", REPORT_COUNT, true },
        { "number", REPORT_NUMBER, true },
        { "share", REPORT_SHARE, true },
        { "duration", REPORT_DURATION, true },
        { "working", REPORT_WORKING, true },
        { "money", REPORT_MONEY, true },
        { "instant", REPORT_INSTANT, false },
        { "flag", REPORT_FLAG, false },
        { "parts", REPORT_PARTS, false },
};

static size_t type_of(const json_t *column) {
        const char *name = text_at(column, "type");
        size_t i = 0;
        while (i + 1 < ARRAY_SIZE(types) && !(name && base_streq(types[i].name, name)))
                i++;
        return i;
}

static void show_parts(const json_t *column, const json_t *value, Text *out) {
        size_t i;
        json_t *part;
        bool is_first = true;
        json_array_foreach(json_object_get(column, "parts"), i, part) {
                const char *name = json_string_value(part);
                if (!name || number_at(value, name) == 0)
                        continue;
                text_append(out, is_first ? "" : ", ");
                for (const char *c = name; *c; c++)
                        text_append_char(out, *c == '_' ? ' ' : *c);
                text_printf(out, " %lld", number_at(value, name));
                is_first = false;
        }
        if (is_first)
                text_append_char(out, '-');
}

static void show_cell(const json_t *column, const json_t *value, Text *out) {
        ReportType type = types[type_of(column)].type;
        const ReportColumn shown = { .type = type, .is_brief = json_is_true(json_object_get(column, "brief")) };
        ReportCell cell = cell_none();
        if (json_is_null(value) || !value) {
                text_append_char(out, '-');
                return;
        }
        switch (type) {
        case REPORT_COUNT:
                cell = cell_count(json_integer_value(value));
                break;
        case REPORT_NUMBER:
                cell = cell_number(json_number_value(value));
                break;
        case REPORT_SHARE:
                cell = cell_share(number_at(value, "n"), number_at(value, "of"));
                break;
        case REPORT_DURATION:
        case REPORT_WORKING:
                cell = (ReportCell){ type, .n = json_integer_value(value) * US_PER_SECOND };
                break;
        case REPORT_MONEY:
                cell = cell_money(json_number_value(json_object_get(value, "amount")), text_at(value, "currency"));
                break;
        case REPORT_FLAG:
                cell = cell_flag(json_is_true(value));
                break;
        case REPORT_INSTANT:
                text_append_time(out, json_string_value(value));
                return;
        case REPORT_PARTS:
                show_parts(column, value, out);
                return;
        default: /* a text, a lead, or what only a newer daemon knows */
                if (json_is_string(value))
                        text_append(out, json_string_value(value));
                return;
        }
        report_show(&shown, &cell, NULL, out);
}

/* ---- for people ---- */

static int print_head(const json_t *report, const json_t *layout) {
        Text text = { 0 };
        size_t i;
        json_t *fact, *note;
        text_append_safe(&text, text_at(report, "title") ? text_at(report, "title") : "");
        if (text_at(report, "by"))
                text_printf(&text, " by %s", text_at(report, "by"));
        text_append(&text, ", from ");
        text_append_time(&text, text_at(report, "from"));
        text_append(&text, " to ");
        text_append_time(&text, text_at(report, "until"));
        text_append_char(&text, '\n');
        if (text_at(report, "headline"))
                text_append_wrapped(&text, 0, 0, text_at(report, "headline"));
        json_array_foreach(json_object_get(layout, "facts"), i, fact) {
                text_append_safe(&text, text_at(fact, "title") ? text_at(fact, "title") : "");
                text_append(&text, ": ");
                show_cell(fact, json_object_get(report, text_at(fact, "key")), &text);
                text_append_char(&text, '\n');
        }
        json_array_foreach(json_object_get(report, "notes"), i, note) {
                text_append(&text, "- ");
                text_append_wrapped(&text, 2, 2, json_string_value(note));
        }
        print_text(&text);
        int r = text.error;
        text_free(&text);
        return r;
}

static char *upper(const char *title) {
        char *copy = strdup(title ? title : "");
        for (char *c = copy; c && *c; c++)
                *c = (char) toupper((unsigned char) *c);
        return copy;
}

static int print_table(const json_t *rows, const json_t *table, const Output *output) {
        Column columns[TABLE_COLUMNS_MAX];
        const json_t *shown[TABLE_COLUMNS_MAX];
        _cleanup_(table_done) Table lines = { 0 };
        size_t n = 0, i;
        json_t *column, *row;
        (void) printf("\n%s\n", text_at(table, "title") ? text_at(table, "title") : "");
        if (json_array_size(rows) == 0) {
                (void) printf("%s\n", text_at(table, "empty") ? text_at(table, "empty") : "");
                return EXIT_DONE;
        }
        json_array_foreach(json_object_get(table, "columns"), i, column) {
                if (json_is_true(json_object_get(column, "hidden")) || n == ARRAY_SIZE(columns))
                        continue;
                size_t type = type_of(column);
                shown[n] = column;
                columns[n++] =
                        (Column){ .title = upper(text_at(column, "title")), .right = types[type].right, .shrinks = !types[type].right };
        }
        table_start(&lines, columns, n);
        json_array_foreach((json_t *) rows, i, row) for (size_t k = 0; k < n; k++) {
                Text text = { 0 };
                show_cell(shown[k], json_object_get(row, text_at(shown[k], "key")), &text);
                table_add(&lines, STYLE_PLAIN, text.data);
                text_free(&text);
        }
        int r = table_print(&lines, output);
        for (size_t k = 0; k < n; k++)
                free((char *) columns[k].title);
        if (number_at(table, "left_out") > 0) {
                (void) fflush(stdout);
                (void) fprintf(stderr, "There are %lld more rows than are shown.\n", number_at(table, "left_out"));
        }
        return r;
}

/* wanted: the key of one table; NULL = all, with what is said of the whole. */
static int print_report(const json_t *report, const json_t *layout, const char *wanted) {
        Output output;
        size_t i;
        json_t *table;
        int r = EXIT_DONE;
        output_open(&output);
        output_now(&output, text_at(report, "now"));
        if (!wanted && print_head(report, layout) < 0) {
                say_error("out of memory");
                return EXIT_NO_DAEMON;
        }
        json_array_foreach(json_object_get(layout, "tables"), i, table) {
                const char *key = text_at(table, "key");
                if (key && (!wanted || base_streq(wanted, key)) && r == EXIT_DONE)
                        r = print_table(json_object_get(report, key), table, &output);
        }
        return r;
}

/* ---- for programs ---- */

static int print_csv(const json_t *reply, const char *wanted) {
        const json_t *tables = json_object_get(json_object_get(reply, "layout"), "tables");
        const char *csv = text_at(reply, "csv");
        if (csv)
                (void) fputs(csv, stdout);
        if (!wanted && json_array_size(tables) > 1 && isatty(STDERR_FILENO)) {
                (void) fflush(stdout);
                (void) fprintf(stderr, "Further tables (--table):");
                for (size_t i = 1; i < json_array_size(tables); i++)
                        (void) fprintf(stderr, " %s", text_at(json_array_get(tables, i), "key"));
                (void) fprintf(stderr, "\n");
        }
        return EXIT_DONE;
}

/* What there is, for `leadctl report` and its completion: of this client's version. */
static int print_kinds(void) {
        for (const ReportKind *kind = report_kinds; kind->name; kind++)
                (void) printf("%-10s %s%s%s\n", kind->name, kind->title, kind->by ? "; --by " : "", kind->by ? kind->by : "");
        return EXIT_DONE;
}

static void describe(Text *out) {
        for (const ReportKind *kind = report_kinds; kind->name; kind++) {
                text_printf(out, "\n%s: %s%s\n", kind->name, kind->title, kind->is_of_now ? " (as of now)" : "");
                if (kind->by)
                        text_printf(out, "  --by %s\n", kind->by);
                for (const char *at = kind->doc; *at;) {
                        size_t size = strcspn(at, "\n");
                        text_printf(out, "  %.*s\n", (int) size, at);
                        at += size + (at[size] == '\n');
                }
        }
}

static int run(const Arguments *arguments) {
        const char *path = arguments_value(arguments, "html"), *table = arguments_value(arguments, "table");
        bool csv = arguments_value(arguments, "csv") != NULL;
        if (arguments->n_positional == 0)
                return print_kinds();
        if (csv && arguments->json) {
                say_error("--csv and --json are two answers");
                return EXIT_USAGE;
        }
        json_t *parameters = PARAMETERS({ "name", arguments->positional[0] }, { "since", arguments_value(arguments, "since") },
                { "until", arguments_value(arguments, "until") }, { "by", arguments_value(arguments, "by") }, { "table", table });
        if (parameters && path)
                (void) json_object_set_new(parameters, "html", json_true());
        if (parameters && csv)
                (void) json_object_set_new(parameters, "csv", json_true());
        json_auto_t *reply = NULL;
        int r = client_ask(arguments, "org.leadd.Report.Make", parameters, LEADCTL_TIMEOUT_LONG_MS, &reply);
        if (r != 0)
                return r;
        if (path) {
                r = write_whole(path, text_at(reply, "html") ? text_at(reply, "html") : "");
                if (r != 0 || (!arguments->json && !csv))
                        return r;
        }
        const json_t *report = json_object_get(reply, "report");
        if (arguments->json) {
                print_json(table ? json_object_get(report, table) : report);
                return EXIT_DONE;
        }
        return csv ? print_csv(reply, table) : print_report(report, json_object_get(reply, "layout"), table);
}

const Verb verb_report = {
        .name = "report",
        .section = "answers",
        .usage = "[NAME [--since D] [--until D] [--by DIM] [--table KEY] [--json|--csv] [--html FILE]]",
        .summary = "what was decided, measured",
        .details =
                "Of the last 30 days, or of the period; D is a duration back from now, a day (meant whole) or an instant. Without NAME:\n"
                "which reports there are.",
        .describe = describe,
        .flags = { { "since", "D", "begins there; 30d before the end without" }, { "until", "D", "ends there; now without" },
                { "by", "DIM", "apart by source, campaign, ..." }, { "table", "KEY", "only one of its tables" },
                { "csv", NULL, "its first table, or --table, for spreadsheets" }, { "html", "FILE", "writes it as a page" } },
        .n_max = 1,
        .run = run,
};
