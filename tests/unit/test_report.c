/* SPDX-License-Identifier: MIT */
/* What reports are built with: the interval against published values, quantiles against sorting, cells in words, CSV that is safe to open,
 * pages that carry nothing but what was escaped, and bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include "leadd/report.h"
#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>

static Report open_report(void) {
        Report report = { .name = "test", .title = "A <test>", .until_us = US_PER_DAY, .now_us = US_PER_DAY, .arena = arena_new(0) };
        assert_non_null(report.arena);
        return report;
}

static const char *const kinds[] = { "away", "too_late" };
static const ReportColumn columns[] = {
        { .key = "who", .type = REPORT_TEXT },
        { .key = "n", .type = REPORT_COUNT, .may_idle = true },
        { .key = "won", .type = REPORT_SHARE },
        { .key = "took_seconds", .title = "took", .type = REPORT_DURATION },
        { .key = "worth", .type = REPORT_MONEY },
        { .key = "at", .type = REPORT_INSTANT },
        { .key = "why", .type = REPORT_PARTS, .parts = kinds, .n_parts = 2 },
};

static ReportTable *table_of(Report *report, const char *who) {
        ReportTable *table = report_table(report, "rows", "Rows of \"them\"", "Nobody.", columns, ARRAY_SIZE(columns));
        int64_t why[] = { 0, 3 };
        REPORT_ROW(table, cell_text(who), cell_count(0), cell_share(3, 12), cell_duration(200 * US_PER_MINUTE), cell_money(1250.5, "EUR"),
                cell_instant(US_PER_HOUR), cell_parts(why));
        REPORT_ROW(table, cell_none(), cell_none(), cell_none(), cell_none(), cell_none(), cell_none(), cell_none());
        return table;
}

/* ---- figures ---- */

/* Newcombe, R. G. (1998), Two-sided confidence intervals for the single proportion, Statistics in Medicine 17, table I, method 3. */
static void interval__of_published_shares__is_the_published_one(void **state _unused_) {
        static const struct {
                int64_t n, of;
                double low, high;
        } cases[] = { { 81, 263, 0.2553, 0.3662 }, { 15, 148, 0.0624, 0.1605 }, { 0, 20, 0, 0.1611 }, { 1, 29, 0.0061, 0.1718 } };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                double low = -1, high = -1;
                assert_true(report_wilson(cases[i].n, cases[i].of, &low, &high));
                assert_true(fabs(low - cases[i].low) < 0.00006);
                assert_true(fabs(high - cases[i].high) < 0.00006);
        }
}

static void interval__of_any_share__holds_the_share_and_mirrors(void **state _unused_) {
        double low, high, other_low, other_high;
        assert_false(report_wilson(0, 0, &low, &high));
        for (int64_t of = 1; of < 300; of += 7)
                for (int64_t n = 0; n <= of; n++) {
                        double share = (double) n / (double) of;
                        assert_true(report_wilson(n, of, &low, &high));
                        assert_true(report_wilson(of - n, of, &other_low, &other_high));
                        assert_true(low >= 0 && low <= share && share <= high && high <= 1 && low < high);
                        assert_true(fabs(low - (1 - other_high)) < 1e-9 && fabs(high - (1 - other_low)) < 1e-9);
                }
}

static int compare_values(const void *a, const void *b) {
        int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;
        return x < y ? -1 : x > y;
}

static void quantile__of_any_values__is_that_of_the_sorted_ones(void **state _unused_) {
        static const double shares[] = { 0, 0.1, 0.5, 0.9, 1 };
        uint64_t random = 42;
        assert_int_equal(report_quantile(NULL, 0, 0.5), -1);
        for (int round = 0; round < 3000; round++) {
                int64_t values[64], sorted[64];
                size_t n = 1 + (size_t) round % 64, span = round % 3 == 0 ? 3 : 1000;
                for (size_t i = 0; i < n; i++) {
                        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
                        values[i] = round % 7 == 0 ? (int64_t) i : (int64_t) ((random >> 33) % span);
                }
                memcpy(sorted, values, sizeof(values));
                qsort(sorted, n, sizeof(int64_t), compare_values);
                for (size_t i = 0; i < ARRAY_SIZE(shares); i++) {
                        size_t rank = (size_t) ceil(shares[i] * (double) n);
                        assert_int_equal(report_quantile(values, n, shares[i]), sorted[rank > 0 ? rank - 1 : 0]);
                }
        }
}

/* ---- in words ---- */

static void cell__for_people__reads_as_people_write(void **state _unused_) {
        static const struct {
                ReportCell cell;
                const char *want;
        } cases[] = {
                { { REPORT_SHARE, .n = 21, .of = 50 }, "42 % (29-56) of 50" },
                { { REPORT_SHARE, .n = 3, .of = 12 }, "3 of 12 (8.9-53 %)" },
                { { REPORT_SHARE, .n = 0, .of = 0 }, "-" },
                { { REPORT_SHARE, .n = 2, .of = 9240 }, "<0.1 % (<0.1-0.1) of 9240" },
                { { REPORT_SHARE, .n = 999999, .of = 1000000 }, "99.9 % (99.9-99.9) of 1000000" },
                { { REPORT_SHARE, .n = 400, .of = 400 }, "100 % (99.0-100) of 400" },
                { { REPORT_DURATION, .n = 0 }, "0 s" },
                { { REPORT_DURATION, .n = 89 * US_PER_SECOND }, "89 s" },
                { { REPORT_DURATION, .n = 80 * US_PER_MINUTE }, "80 min" },
                { { REPORT_DURATION, .n = 200 * US_PER_MINUTE }, "3 h 20 min" },
                { { REPORT_DURATION, .n = 50 * US_PER_HOUR }, "2 d 2 h" },
                { { REPORT_DURATION, .n = 400 * US_PER_DAY }, "400 d" },
                { { REPORT_WORKING, .n = 50 * US_PER_HOUR }, "50 h" },
                { { REPORT_NUMBER, .number = -0.001 }, "0.00" },
                { { REPORT_MONEY, .number = 1250.5, .text = "EUR" }, "1250.50 EUR" },
                { { REPORT_MONEY, .number = 900 }, "900" },
                { { REPORT_INSTANT, .n = 90 * US_PER_SECOND }, "1970-01-01 00:01Z" },
                { { REPORT_LEAD, .n = 42 }, "L-42" },
                { { .type = REPORT_NONE }, "-" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const ReportColumn column = { .type = cases[i].cell.type };
                _cleanup_(text_free) Text text = { 0 };
                report_show(&column, &cases[i].cell, NULL, &text);
                assert_string_equal(text.data, cases[i].want);
        }
}

/* ---- CSV ---- */

static void field__that_would_run__does_not(void **state _unused_) {
        static const struct {
                const char *text, *want;
        } cases[] = {
                { "anna", "anna" },
                { "", "" },
                { "a,b", "\"a,b\"" },
                { "say \"hi\"", "\"say \"\"hi\"\"\"" },
                { "two\r\nlines", "\"two\r\nlines\"" },
                { "=1+1", "\"'=1+1\"" },
                { "+49 30 1", "\"'+49 30 1\"" },
                { "-1", "\"'-1\"" },
                { "@SUM(A1)", "\"'@SUM(A1)\"" },
                { "\tx", "\"'\tx\"" },
                { "\rx", "\"'\rx\"" },
                { "\nx", "\"'\nx\"" },
                { "\uff1d1", "\"'\uff1d1\"" },
                { "=\"\",=cmd|' /C calc'!A0", "\"'=\"\"\"\",=cmd|' /C calc'!A0\"" },
                { "a=b", "a=b" },
                { "x;=1", "\"x;=1\"" },
                { " =1", "\" =1\"" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(text_free) Text text = { 0 };
                report_csv_text(&text, cases[i].text);
                assert_string_equal(text.data ? text.data : "", cases[i].want);
        }
}

static void table__as_csv__has_as_many_fields_in_every_line(void **state _unused_) {
        Report report = open_report();
        ReportTable *table = table_of(&report, "=x");
        _cleanup_(text_free) Text text = { 0 };
        assert_int_equal(report_csv(table, &text), 0);
        assert_string_equal(text.data,
                "who,n,won,won_of,won_share,won_low,won_high,took_seconds,worth,worth_currency,at,why_away,why_too_late\r\n"
                "\"'=x\",0,3,12,0.2500,0.0889,0.5323,12000,1250.50,EUR,1970-01-01T01:00:00Z,0,3\r\n"
                ",,,,,,,,,,,,\r\n");
        (void) arena_free(report.arena);
}

/* ---- JSON ---- */

static void report__as_json__has_rows_by_key_and_a_layout_that_fits(void **state _unused_) {
        Report report = open_report();
        json_t *json, *layout;
        (void) table_of(&report, "anna");
        report_note(&report, "%d of them", 2);
        report_fact(&report, "since", "Since", cell_instant(TIME_NONE));
        assert_int_equal(report_json(&report, &json), 0);
        assert_int_equal(report_layout(&report, &layout), 0);
        char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(6));
        assert_string_equal(text,
                "{\"name\":\"test\",\"title\":\"A "
                "<test>\",\"by\":null,\"from\":\"1970-01-01T00:00:00Z\",\"until\":\"1970-01-02T00:00:00Z\","
                "\"now\":\"1970-01-02T00:00:00Z\",\"headline\":null,\"notes\":[\"2 of them\"],\"more\":false,\"since\":null,\"rows\":["
                "{\"who\":\"anna\",\"n\":0,\"won\":{\"n\":3,\"of\":12,\"share\":0.25,\"low\":0.0889,\"high\":0.5323},\"took_seconds\":"
                "12000,"
                "\"worth\":{\"amount\":1250.5,\"currency\":\"EUR\"},\"at\":\"1970-01-01T01:00:00Z\",\"why\":{\"away\":0,\"too_late\":3}},"
                "{\"who\":null,\"n\":null,\"won\":null,\"took_seconds\":null,\"worth\":null,\"at\":null,\"why\":null}]}");
        free(text);
        const json_t *shown = json_object_get(json_array_get(json_object_get(layout, "tables"), 0), "columns");
        assert_int_equal(json_array_size(shown), ARRAY_SIZE(columns));
        assert_true(json_is_true(json_object_get(json_array_get(shown, 1), "hidden"))); /* 0 everywhere */
        assert_false(json_is_true(json_object_get(json_array_get(shown, 2), "hidden")));
        json_decref(json);
        json_decref(layout);
        (void) arena_free(report.arena);
}

/* ---- the page ---- */

static void page__of_hostile_names__has_no_mark_of_theirs(void **state _unused_) {
        static const char hostile[] = "</td><script>alert('1')</script><img src=\"http://x/\" onload='y'>&\x01 \xe2\x80\xaegnirps";
        Report report = open_report();
        _cleanup_(text_free) Text html = { 0 };
        ReportTable *table = table_of(&report, hostile);
        report_plot(&report, table, REPORT_BARS, hostile, "who", "who", "won n");
        report_plot(&report, table, REPORT_FUNNEL, hostile, NULL, "who", "won won");
        report_plot(&report, table, REPORT_TIMELINE, hostile, NULL, "who", "at at");
        report_plot(&report, table, REPORT_DISTRIBUTION, hostile, NULL, "who", "won");
        report_headline(&report, "%s", hostile);
        report_note(&report, "%s", hostile);
        report_fact(&report, "f", hostile, cell_text(hostile));
        assert_int_equal(report_html(&report, &html), 0);
        assert_null(strstr(html.data, "<script"));
        assert_null(strstr(html.data, "<img"));
        assert_null(strstr(html.data, "src=\""));
        assert_null(strstr(html.data, "\x01"));
        assert_null(strstr(html.data, "\xe2\x80\xae"));
        assert_null(strstr(html.data, "nan"));
        assert_non_null(strstr(html.data, "&lt;/td&gt;&lt;script&gt;alert(&#39;1&#39;)"));
        assert_non_null(strstr(html.data, "A &lt;test&gt;"));
        (void) arena_free(report.arena);
}

static void label__that_is_long__is_cut_between_characters(void **state _unused_) {
        Report report = open_report();
        _cleanup_(text_free) Text html = { 0 };
        ReportTable *table = table_of(&report, "ääääääääääääääääääääääääääääääääääääääääääääääääää");
        report_plot(&report, table, REPORT_FUNNEL, "Cut", NULL, "who", "won won");
        assert_int_equal(report_html(&report, &html), 0);
        assert_true(utf8_is_valid(html.data, html.size));
        assert_non_null(strstr(html.data, ">äääääääääääääääääääääääääääää…</text>")); /* 30 */
        (void) arena_free(report.arena);
}

/* ---- bounds ---- */

static void rows__beyond_the_most__are_counted_not_kept(void **state _unused_) {
        static const ReportColumn one[] = { { .key = "n", .type = REPORT_COUNT } };
        Report report = open_report();
        ReportTable *table = report_table(&report, "many", "Many", NULL, one, 1);
        _cleanup_(text_free) Text html = { 0 };
        json_t *json;
        for (int64_t i = 0; i < REPORT_ROWS_MAX + 5; i++)
                REPORT_ROW(table, cell_count(i));
        assert_int_equal(table->n_rows, REPORT_ROWS_MAX);
        assert_int_equal(table->n_left_out, 5);
        assert_int_equal(report_json(&report, &json), 0);
        assert_true(json_is_true(json_object_get(json, "more")));
        json_decref(json);
        assert_int_equal(report_html(&report, &html), 0);
        assert_non_null(strstr(html.data, "and 9505 more rows"));
        (void) arena_free(report.arena);
}

static void memory__that_runs_out__is_one_error_at_the_end(void **state _unused_) {
        Report report = { .name = "test", .title = "Test", .arena = arena_new(4096) };
        for (int i = 0; i < 100; i++)
                (void) table_of(&report, "somebody with a name of some length");
        ReportTable *table = report_table(&report, "last", "Last", NULL, columns, ARRAY_SIZE(columns));
        report_plot(&report, table, REPORT_BARS, "Last", NULL, "who", "n");
        report_note(&report, "a note");
        report_headline(&report, "a headline");
        assert_int_equal(report.error, -ENOMEM);
        (void) arena_free(report.arena);
}

static void durations__of_all_sizes__are_each_in_one_class(void **state _unused_) {
        Report report = open_report();
        const int64_t values[] = { 0, US_PER_MINUTE - 1, US_PER_MINUTE, 3 * US_PER_HOUR, 500 * US_PER_DAY };
        report_distribution(&report, "spread", "Spread", REPORT_DURATION, values, ARRAY_SIZE(values));
        const ReportTable *table = report.tables;
        int64_t sum = 0;
        for (size_t i = 0; i < table->n_rows; i++)
                sum += table->cells[i * table->n_columns + 3].n;
        assert_int_equal(sum, ARRAY_SIZE(values));
        assert_int_equal(table->cells[3].n, 2);
        assert_string_equal(table->cells[(table->n_rows - 1) * table->n_columns].text, "more than 365 d");
        report_distribution(&report, "none", "None", REPORT_WORKING, values, 0);
        assert_int_equal(table->next->n_rows, 0);
        assert_int_equal(report.error, 0);
        (void) arena_free(report.arena);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(interval__of_published_shares__is_the_published_one),
                cmocka_unit_test(interval__of_any_share__holds_the_share_and_mirrors),
                cmocka_unit_test(quantile__of_any_values__is_that_of_the_sorted_ones),
                cmocka_unit_test(cell__for_people__reads_as_people_write),
                cmocka_unit_test(field__that_would_run__does_not),
                cmocka_unit_test(table__as_csv__has_as_many_fields_in_every_line),
                cmocka_unit_test(report__as_json__has_rows_by_key_and_a_layout_that_fits),
                cmocka_unit_test(page__of_hostile_names__has_no_mark_of_theirs),
                cmocka_unit_test(label__that_is_long__is_cut_between_characters),
                cmocka_unit_test(rows__beyond_the_most__are_counted_not_kept),
                cmocka_unit_test(memory__that_runs_out__is_one_error_at_the_end),
                cmocka_unit_test(durations__of_all_sizes__are_each_in_one_class),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
