/* SPDX-License-Identifier: MIT */
/* What org.leadd.Report answers: periods, dimensions and tables that are there or not, and that every report is what its layout says. */
#include "leadd/report.h"
#include "test_control_fixture.h"

static void make__of_a_table__answers_or_says_what_there_is(void **state) {
        (void) state;
        static const struct {
                const char *method, *parameters, *error, *path, *want;
        } cases[] = {
                { "List", "{}", "", "reports.1.name", "funnel" },
                { "List", "{}", "", "reports.0.by", "null" },
                { "Make", "{\"name\":\"funnel\"}", "", "report.from", "2026-02-03T09:00:00Z" },
                { "Make", "{\"name\":\"funnel\"}", "", "report.until", "2026-03-05T09:00:00Z" },
                { "Make", "{\"name\":\"funnel\"}", "", "report.by", "null" },
                { "Make", "{\"name\":\"funnel\"}", "", "html", "null" },
                { "Make", "{\"name\":\"funnel\"}", "", "csv", "null" },
                /* a period that ends now holds what happens at this very instant */
                { "Make", "{\"name\":\"funnel\"}", "", "report.stages.0.reached",
                        "{\"n\":3,\"of\":3,\"share\":1.0,\"low\":0.4385,\"high\":1.0}" },
                { "Make", "{\"name\":\"funnel\",\"until\":\"2026-03-05\"}", "", "report.until", "2026-03-05T23:00:00Z" },
                { "Make", "{\"name\":\"funnel\",\"until\":\"2026-03-05\"}", "", "report.stages.0.reached",
                        "{\"n\":3,\"of\":3,\"share\":1.0,\"low\":0.4385,\"high\":1.0}" },
                { "Make", "{\"name\":\"funnel\",\"until\":\"2026-03-05\",\"by\":\"source\"}", "", "report.cohorts.0.cohort", "web" },
                { "Make", "{\"name\":\"funnel\",\"since\":\"2026-03-01\",\"until\":\"1d\"}", "", "report.from", "2026-02-28T23:00:00Z" },
                { "Make", "{\"name\":\"funnel\",\"since\":\"2026-03-01\",\"until\":\"1d\"}", "", "report.until", "2026-03-04T09:00:00Z" },
                { "Make", "{\"name\":\"funnel\",\"since\":\"1d\",\"until\":\"2d\"}", "org.leadd.Report.BadValue", "parameter", "since" },
                { "Make", "{\"name\":\"funnel\",\"since\":\"soon\"}", "org.leadd.Report.BadValue", "parameter", "since" },
                { "Make", "{\"name\":\"funnel\",\"until\":\"3wd\"}", "org.leadd.Report.BadValue", "parameter", "until" },
                { "Make", "{\"name\":\"funel\"}", "org.leadd.Report.NoSuchName", "kind", "report" },
                { "Make", "{\"name\":\"funnel\",\"by\":\"sources\"}", "org.leadd.Report.NoSuchName", "text",
                        "no dimension \"sources\"; did you mean \"source\"? There is: source, campaign, segment, grade, rating, owner" },
                { "Make", "{\"name\":\"stages\",\"by\":\"source\"}", "org.leadd.Report.BadValue", "parameter", "by" },
                { "Make", "{\"name\":\"stages\",\"table\":\"stack\"}", "org.leadd.Report.NoSuchName", "kind", "table" },
                { "Make", "{}", "org.varlink.service.InvalidParameter", "parameter", "name" },
                { "Make", "{\"name\":\"stages\",\"csv\":true,\"table\":\"stuck\"}", "", "csv", "status,lead,owner,since,age_seconds\r\n" },
        };
        Fixture f;
        fixture_start(&f);
        submit(&f, "a@keller.example", "director", "DE");
        submit(&f, "b@keller.example", "entry", "DE");
        submit(&f, "c@keller.example", "vp", "DE");
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char method[64], error[128];
                (void) snprintf(method, sizeof(method), "org.leadd.Report.%s", cases[i].method);
                json_auto_t *reply = ask(&f, method, cases[i].parameters, error);
                if (!base_streq(error, cases[i].error))
                        fail_msg("%s %s: got error \"%s\", want \"%s\"", method, cases[i].parameters, error, cases[i].error);
                expect(reply, cases[i].path, cases[i].want);
        }
        fixture_stop(&f);
}

/* The interface says what a cell of each type is. */
static bool is_of_type(const json_t *value, const char *type, const json_t *parts) {
        size_t i;
        json_t *part;
        if (json_is_null(value))
                return true;
        if (base_streq(type, "text") || base_streq(type, "lead") || base_streq(type, "instant"))
                return json_is_string(value);
        if (base_streq(type, "count") || base_streq(type, "duration") || base_streq(type, "working"))
                return json_is_integer(value);
        if (base_streq(type, "number"))
                return json_is_number(value);
        if (base_streq(type, "flag"))
                return json_is_boolean(value);
        if (base_streq(type, "money"))
                return json_is_number(json_object_get(value, "amount")) && json_object_size(value) == 2;
        if (base_streq(type, "share"))
                return json_is_integer(json_object_get(value, "n")) && json_is_integer(json_object_get(value, "of")) &&
                       json_object_size(value) == 5;
        if (!base_streq(type, "parts"))
                return false;
        json_array_foreach((json_t *) parts, i, part) if (!json_is_integer(json_object_get(value, json_string_value(part)))) return false;
        return json_object_size(value) == json_array_size(parts);
}

static void check_column(const char *name, const json_t *column, const json_t *value) {
        const char *key = json_string_value(json_object_get(column, "key")), *type = json_string_value(json_object_get(column, "type"));
        if (!value)
                fail_msg("%s: no %s", name, key);
        if (!is_of_type(value, type, json_object_get(column, "parts"))) {
                char *dump = json_dumps(value, JSON_ENCODE_ANY);
                fail_msg("%s: %s is no %s: %s", name, key, type, dump);
        }
}

static void every_report__is_what_its_layout_says(void **state) {
        (void) state;
        Fixture f;
        fixture_start(&f);
        submit(&f, "a@keller.example", "director", "DE");
        submit(&f, "b@keller.example", "entry", "DE");
        for (const ReportKind *kind = report_kinds; kind->name; kind++) {
                char parameters[160], error[128];
                (void) snprintf(parameters, sizeof(parameters), "{\"name\":\"%s\",\"until\":\"2026-03-05\",\"html\":true,\"csv\":true}",
                        kind->name);
                json_auto_t *reply = ask(&f, "org.leadd.Report.Make", parameters, error);
                assert_string_equal(error, "");
                const json_t *report = json_object_get(reply, "report"), *layout = json_object_get(reply, "layout");
                size_t i, k, n, n_members = 9; /* what every report has */
                json_t *fact, *table, *row, *column;
                json_array_foreach(json_object_get(layout, "facts"), i, fact) {
                        check_column(kind->name, fact, json_object_get(report, json_string_value(json_object_get(fact, "key"))));
                        n_members++;
                }
                json_array_foreach(json_object_get(layout, "tables"), i, table) {
                        const json_t *columns = json_object_get(table, "columns");
                        json_array_foreach(json_object_get(report, json_string_value(json_object_get(table, "key"))), k, row) {
                                assert_int_equal(json_object_size(row), json_array_size(columns));
                                json_array_foreach(columns, n, column) check_column(
                                        kind->name, column, json_object_get(row, json_string_value(json_object_get(column, "key"))));
                        }
                        n_members++;
                }
                assert_int_equal(json_object_size(report), n_members); /* no key twice */
                assert_non_null(strstr(json_string_value(json_object_get(reply, "html")), "</html>"));
                assert_non_null(strstr(json_string_value(json_object_get(reply, "csv")), "\r\n"));
        }
        fixture_stop(&f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(make__of_a_table__answers_or_says_what_there_is),
                cmocka_unit_test(every_report__is_what_its_layout_says),
        };
        return cmocka_run_group_tests_name("control: reports", tests, NULL, NULL);
}
