/* SPDX-License-Identifier: MIT */
/*
 * org.leadd.Report: all on the reporting thread. Which reports there are, and what each measures, stands in daemon/report.
 */
#include "internal.h"

#define NAMED(n) \
        { .name = (n), .type = INPUT_TEXT, .size_max = CONTROL_NAME_MAX }

static const Method methods_report[] = {
        { .name = "List",
                .doc = "The reports there are. by: what they can be made by, with blanks between. of_now: has no period.",
                .output = "(reports: []Kind)",
                .where = CONTROL_ON_REPORTER,
                .role = ROLE_GROUP,
                .execute = execute_report_list },
        { .name = "Make",
                .doc = "Makes one report of what happened since and until: a duration back from now, a date (meant whole) or an instant;\n"
                       "without since 30 days, without until up to now. by: one of the report's dimensions. csv: as text, too, the table\n"
                       "named or the first. html: also as a page.",
                .inputs = { { .name = "name", .type = INPUT_TEXT, .required = true, .size_max = CONTROL_NAME_MAX }, NAMED("since"),
                        NAMED("until"), NAMED("by"), NAMED("table"), { .name = "csv", .type = INPUT_BOOL },
                        { .name = "html", .type = INPUT_BOOL } },
                .output = "(report: object, layout: Layout, csv: ?string, html: ?string)",
                .where = CONTROL_ON_REPORTER,
                .role = ROLE_GROUP,
                .execute = execute_report_make },
};
const Interface interface_report = {
        .name = "org.leadd.Report",
        .doc = "What was decided, measured. Times are RFC 3339 in UTC.\n"
               "\n"
               "The object report has name, title, by, from, until, now, headline (a sentence or null), notes (sentences), more (a table "
               "is\n"
               "cut), a member for each of layout.facts and one for each of layout.tables: an array of rows, each an object with a member "
               "for\n"
               "each of the table's columns. By the column's type that is: text, lead: string; count: int; number: float; share: Share;\n"
               "duration, working: int, seconds elapsed or of working time; money: Money; instant: string; flag: bool; parts: an object "
               "with\n"
               "an int for each of the column's parts; and null where nothing is known or applies.",
        .types = "type Kind (name: string, title: string, doc: string, by: ?string, of_now: bool)\n"
                 "\n"
                 "# n of `of`; low to high is the 95 % interval of the share (Wilson). The last three are null when `of` is 0.\n"
                 "type Share (n: int, of: int, share: ?float, low: ?float, high: ?float)\n"
                 "type Money (amount: float, currency: ?string)\n"
                 "\n"
                 "# hidden: says nothing here, or is for programs. brief: how many a share is of stands in another column.\n"
                 "type Column (key: string, title: string, type: string, hidden: bool, brief: bool, parts: []string)\n"
                 "# empty: what is said when there are no rows. left_out: rows that are not here.\n"
                 "type Table (key: string, title: string, empty: string, left_out: int, columns: []Column)\n"
                 "type Layout (facts: []Column, tables: []Table)\n",
        .methods = methods_report,
        .n_methods = ARRAY_SIZE(methods_report),
        .errors = "error Failed (text: string)\n"
                  "error NoSuchName (kind: string, name: string, text: string)\n"
                  "error BadValue (parameter: string, text: string)\n",
};
