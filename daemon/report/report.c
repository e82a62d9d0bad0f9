/* SPDX-License-Identifier: MIT */
/*
 * The reports, and what they are built with.
 *
 * To add one:
 *  1. daemon/report/NAME.c with `int report_NAME(const ReportInput *input, Report *report)`, declared in internal.h. It says what it
 *     measures in report_note() sentences and the most important rate in report_headline(), makes its tables with report_table() and
 *     REPORT_ROW(), and shows columns of them with report_plot(). Failures of these stick in report->error, which report_make() looks
 *     at; what the function returns is for failures of reading. What it counts lies in [input->from_us, input->until_us), by what the book
 *     knows now. input->by is one of the names in its row below.
 *  2. A row in report_kinds below. The socket, leadctl, help and completion know it from there.
 *  3. Its paragraph in contrib/man/leadctl.1, and a test of its figures against something counted in another way.
 *
 * Shares are cell_share(n, of), never percentages made by hand: so each carries its interval and few are called few. Durations' keys end
 * in _seconds. Anything that grows with the book is streamed or bounded by REPORT_MEMORY_MAX, and the file's head says how much a million
 * leads need.
 */
#include "internal.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

const ReportKind report_kinds[] = {
        { .name = "fairness",
                .title = "Fairness of routing",
                .doc = "Who was entitled to how many leads, how many they got by turn and otherwise, what became of them, and why\n"
                       "they were passed over. Entitled: the sum over all leads given by turn of the member's weight by the sum of the\n"
                       "weights of those who could take the lead. Counted in whole days of the site's zone.",
                .make = report_fairness },
        { .name = "funnel",
                .title = "Funnel",
                .doc = "Of the leads that came in the period, which share reached each stage (rules of the kind stage), which share of "
                       "those\n"
                       "went on to the next, and how long it took; as known now. By a dimension: each cohort beside the others.",
                .by = "source campaign segment grade rating owner",
                .make = report_funnel },
        { .name = "stages",
                .title = "Time in each status",
                .doc = "How long leads were in the statuses they left in the period, how long those are in them that are there now, and\n"
                       "who is stuck: for longer than nine in ten of those that left.",
                .make = report_stages },
        { .name = "sla",
                .title = "Promises kept",
                .doc = "What became of the leads offered to people: accepted or rejected, in time or late, expired, waiting; which share "
                       "of\n"
                       "the promises was kept, and how much working time it took until a lead was accepted. By the agreement that set the\n"
                       "time, by team and by owner.",
                .by = "rule team owner",
                .make = report_sla },
        { .name = "owners",
                .title = "Owners",
                .doc = "How people treat the leads they are offered: accepted, rejected and why, answered in time, worked since, and what\n"
                       "came of them: a meeting, a customer. In the order of names, each rate with its interval.",
                .make = report_owners },
        { .name = "reasons",
                .title = "Leads nobody wants",
                .doc = "Which scoring rules, sources and campaigns send people who are refused or sent back, for what reasons, and how "
                       "many\n"
                       "times as often as the average. What is surely worse stands first.",
                .by = "rule source campaign",
                .make = report_reasons },
        { .name = "alignment",
                .title = "Where the two teams stand",
                .doc = "What sales and marketing promised each other as numbers (targets in the rules) and what came of it, beside the "
                       "same\n"
                       "measures of the period before; and the three things that would help most, and whose move they are.",
                .make = report_alignment },
        { .name = "leaks",
                .title = "Leaks",
                .doc = "Leads that nobody looks after and that no rule will bring back to anybody's mind: which they are, for how long it\n"
                       "has been so, what they are worth and the rule that should have caught them. As things stand now; the period is "
                       "that\n"
                       "of the days before.",
                .make = report_leaks },
        { .name = "campaigns",
                .title = "Campaigns",
                .doc = "The calendar of campaigns with their priorities, how many people were taken for each in the period, and what "
                       "became\n"
                       "of them afterwards: handed to sales, accepted, won. Which run at the same time and which goes first; whom "
                       "somebody\n"
                       "keeps out of which, until when and why.",
                .make = report_campaigns },
        { .name = NULL },
};

const ReportKind *report_find(const char *name) {
        for (const ReportKind *kind = report_kinds; kind->name; kind++)
                if (base_streq(kind->name, name))
                        return kind;
        return NULL;
}

int report_make(const ReportKind *kind, const ReportInput *input, Report *ret) {
        *ret = (Report){
                .name = kind->name,
                .title = kind->title,
                .by = input->by,
                .from_us = kind->is_of_now ? input->now_us : input->from_us,
                .until_us = kind->is_of_now ? input->now_us : input->until_us,
                .now_us = input->now_us,
                .zone = input->rules->settings->zone,
                .arena = input->arena,
        };
        int r = kind->make(input, ret);
        return r != 0 ? r : ret->error;
}

/* ---- figures ---- */

/* Wilson, E. B. (1927): Probable inference, the law of succession, and statistical inference. JASA 22, 209-212. */
bool report_wilson(int64_t n, int64_t of, double *ret_low, double *ret_high) {
        const double z = 1.959963984540054; /* 97.5 % of the normal distribution lie below */

        if (of <= 0)
                return false;
        double count = (double) of, share = (double) n / count, scale = 1 + z * z / count;
        double middle = (share + z * z / (2 * count)) / scale;
        double half = z / scale * sqrt(share * (1 - share) / count + z * z / (4 * count * count));
        *ret_low = n <= 0 ? 0 : fmax(middle - half, 0);
        *ret_high = n >= of ? 1 : fmin(middle + half, 1);
        return true;
}

/* Hoare's selection: the order of the rest does not matter. */
int64_t report_quantile(int64_t *values, size_t n, double q) {
        if (n == 0)
                return -1;
        size_t rank = (size_t) ceil(q * (double) n), low = 0, high = n - 1;
        rank = rank > 0 ? rank - 1 : 0;
        while (low < high) {
                int64_t pivot = values[low + (high - low) / 2];
                size_t i = low, k = high;
                for (;;) {
                        while (values[i] < pivot)
                                i++;
                        while (values[k] > pivot)
                                k--;
                        if (i >= k)
                                break;
                        int64_t swapped = values[i];
                        values[i++] = values[k];
                        values[k--] = swapped;
                }
                /* Up to k all are at most the pivot, behind it at least. */
                if (rank <= k)
                        high = k;
                else
                        low = k + 1;
        }
        return values[rank];
}

int64_t report_day(const Zone *zone, int64_t time_us) {
        int64_t local_us = time_us + (zone ? zone_offset_seconds(zone, time_us) * US_PER_SECOND : 0);
        return local_us / US_PER_DAY - (local_us % US_PER_DAY < 0);
}

int64_t report_day_start(const Zone *zone, int64_t day) { return zone ? zone_local_to_utc(zone, day * US_PER_DAY) : day * US_PER_DAY; }

/* ---- building ---- */

static void *take(Report *report, size_t size, size_t n) {
        void *p = report->error == 0 ? arena_alloc_array(report->arena, size, n) : NULL;
        if (!p && report->error == 0)
                report->error = -ENOMEM;
        return p;
}

static const char *write_text(Report *report, const char *format, va_list args) {
        Text text = { 0 };
        text_vprintf(&text, format, args);
        const char *copy =
                text.error == 0 && report->error == 0 ? arena_strndup(report->arena, text.data ? text.data : "", text.size) : NULL;
        if (!copy && report->error == 0)
                report->error = -ENOMEM;
        text_free(&text);
        return copy;
}

void report_headline(Report *report, const char *format, ...) {
        va_list args;
        va_start(args, format);
        report->headline = write_text(report, format, args);
        va_end(args);
}

void report_note(Report *report, const char *format, ...) {
        va_list args;
        va_start(args, format);
        const char *text = write_text(report, format, args);
        va_end(args);
        ReportNote *note = take(report, sizeof(ReportNote), 1), **end = &report->notes;
        if (!note)
                return;
        note->text = text;
        while (*end)
                end = &(*end)->next;
        *end = note;
}

static ReportCell copy_cell(Report *report, const ReportColumn *column, const ReportCell *cell) {
        ReportCell copy = *cell;
        assert(cell->type == REPORT_NONE || cell->type == column->type);
        if (cell->text) {
                copy.text = report->error == 0 ? arena_strdup(report->arena, cell->text) : NULL;
                if (!copy.text && report->error == 0)
                        report->error = -ENOMEM;
        }
        if (cell->parts && column->n_parts > 0) {
                int64_t *parts = take(report, sizeof(int64_t), column->n_parts);
                if (parts)
                        memcpy(parts, cell->parts, column->n_parts * sizeof(int64_t));
                copy.parts = parts;
        }
        return copy;
}

void report_fact(Report *report, const char *key, const char *title, ReportCell cell) {
        ReportFact *fact = take(report, sizeof(ReportFact), 1), **end = &report->facts;
        if (!fact)
                return;
        fact->column = (ReportColumn){ .key = key, .title = title, .type = cell.type };
        fact->cell = copy_cell(report, &fact->column, &cell);
        while (*end)
                end = &(*end)->next;
        *end = fact;
}

ReportTable *report_table(
        Report *report, const char *key, const char *title, const char *empty, const ReportColumn *columns, size_t n_columns) {
        ReportTable *table = take(report, sizeof(ReportTable), 1), **end = &report->tables;
        assert(n_columns <= REPORT_COLUMNS_MAX);
        if (!table)
                table = &report->broken; /* never in the list, takes no rows */
        *table = (ReportTable){ .report = report, .key = key, .title = title, .empty = empty, .columns = columns, .n_columns = n_columns };
        if (table == &report->broken)
                return table;
        while (*end)
                end = &(*end)->next;
        *end = table;
        return table;
}

void report_row(ReportTable *table, const ReportCell *cells, size_t n_cells) {
        Report *report = table->report;
        assert(n_cells == table->n_columns);
        if (report->error != 0)
                return;
        if (table->n_rows == REPORT_ROWS_MAX) {
                table->n_left_out++;
                return;
        }
        if (table->n_rows == table->capacity) {
                size_t capacity = table->capacity > 0 ? table->capacity * 2 : 16;
                ReportCell *grown = take(report, sizeof(ReportCell), capacity * table->n_columns);
                if (!grown)
                        return;
                if (table->n_rows > 0)
                        memcpy(grown, table->cells, table->n_rows * table->n_columns * sizeof(ReportCell));
                table->cells = grown;
                table->capacity = capacity;
        }
        for (size_t i = 0; i < n_cells; i++)
                table->cells[table->n_rows * n_cells + i] = copy_cell(report, &table->columns[i], &cells[i]);
        table->n_rows++;
}

/* ---- plots ---- */

static size_t column_named(const ReportTable *table, const char *key, size_t size) {
        size_t i = 0;
        while (i < table->n_columns && (strlen(table->columns[i].key) != size || memcmp(table->columns[i].key, key, size) != 0))
                i++;
        assert(i < table->n_columns);
        return i;
}

static size_t columns_named(const ReportTable *table, const char *keys, size_t ret[static REPORT_PLOT_COLUMNS_MAX]) {
        size_t n = 0;
        for (const char *at = keys; at && *at;) {
                size_t size = strcspn(at, " ");
                assert(n < REPORT_PLOT_COLUMNS_MAX);
                ret[n++] = column_named(table, at, size);
                at += size;
                at += strspn(at, " ");
        }
        return n;
}

void report_plot(Report *report, const ReportTable *table, ReportPlotKind kind, const char *title, const char *groups, const char *label,
        const char *values) {
        ReportPlot *plot = take(report, sizeof(ReportPlot), 1), **end = &report->plots;
        if (!plot)
                return;
        plot->kind = kind;
        plot->title = title;
        plot->table = table;
        plot->n_groups = columns_named(table, groups, plot->groups);
        plot->label = column_named(table, label, strlen(label));
        plot->n_values = columns_named(table, values, plot->values);
        assert(plot->n_values >= (kind == REPORT_FUNNEL || kind == REPORT_TIMELINE ? 2 : 1));
        while (*end)
                end = &(*end)->next;
        *end = plot;
}

static const struct {
        int64_t below_us; /* and not below that of the row before */
        const char *name;
} classes[] = {
        { US_PER_MINUTE, "below 1 min" },
        { 5 * US_PER_MINUTE, "1 to 5 min" },
        { 15 * US_PER_MINUTE, "5 to 15 min" },
        { US_PER_HOUR, "15 to 60 min" },
        { 2 * US_PER_HOUR, "1 to 2 h" },
        { 4 * US_PER_HOUR, "2 to 4 h" },
        { 8 * US_PER_HOUR, "4 to 8 h" },
        { 16 * US_PER_HOUR, "8 to 16 h" },
        { 32 * US_PER_HOUR, "16 to 32 h" },
        { 4 * US_PER_DAY, "32 to 96 h" },
        { 7 * US_PER_DAY, "4 to 7 d" },
        { 14 * US_PER_DAY, "7 to 14 d" },
        { 30 * US_PER_DAY, "14 to 30 d" },
        { 90 * US_PER_DAY, "30 to 90 d" },
        { 365 * US_PER_DAY, "90 to 365 d" },
        { INT64_MAX, "more than 365 d" },
};

void report_distribution(Report *report, const char *key, const char *title, ReportType type, const int64_t *durations_us, size_t n) {
        static const ReportColumn columns[] = {
                { .key = "class", .title = "elapsed", .type = REPORT_TEXT },
                { .key = "from_seconds", .type = REPORT_DURATION, .is_detail = true },
                { .key = "below_seconds", .type = REPORT_DURATION, .is_detail = true },
                { .key = "share", .title = "share of all", .type = REPORT_SHARE },
        }, columns_working[] = {
                { .key = "class", .title = "working time", .type = REPORT_TEXT },
                { .key = "from_seconds", .type = REPORT_WORKING, .is_detail = true },
                { .key = "below_seconds", .type = REPORT_WORKING, .is_detail = true },
                { .key = "share", .title = "share of all", .type = REPORT_SHARE },
        };
        int64_t counts[ARRAY_SIZE(classes)] = { 0 };
        size_t first = ARRAY_SIZE(classes), last = 0;
        bool is_working = type == REPORT_WORKING;
        ReportTable *table =
                report_table(report, key, title, "Nothing to measure.", is_working ? columns_working : columns, ARRAY_SIZE(columns));

        for (size_t i = 0; i < n; i++) {
                size_t at = 0;
                while (at + 1 < ARRAY_SIZE(classes) && durations_us[i] >= classes[at].below_us)
                        at++;
                counts[at]++;
                first = at < first ? at : first;
                last = at > last ? at : last;
        }
        for (size_t i = first; i <= last && i < ARRAY_SIZE(classes); i++) {
                int64_t from_us = i > 0 ? classes[i - 1].below_us : 0,
                        below_us = classes[i].below_us == INT64_MAX ? -1 : classes[i].below_us;
                REPORT_ROW(table, cell_text(classes[i].name), is_working ? cell_working(from_us) : cell_duration(from_us),
                        is_working ? cell_working(below_us) : cell_duration(below_us), cell_share(counts[i], (int64_t) n));
        }
        report_plot(report, table, REPORT_DISTRIBUTION, title, NULL, "class", "share");
}
