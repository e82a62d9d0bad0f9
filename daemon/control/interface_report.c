/* SPDX-License-Identifier: MIT */
/*
 * org.leadd.Report: all on the reporting thread, but for taking an audience. Which reports there are, and what each measures, stands in
 * daemon/report.
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
        { .name = "Audience",
                .doc = "Whom a campaign may write to, by number. A look: nothing is changed. explain: everybody, with every reason why\n"
                       "somebody is out. diff: only who came in and who went out since the campaign was taken last. only_new: not whom it\n"
                       "was taken for before. from: the lead to begin with, limit: at most so many persons; 0 only counts. The answer\n"
                       "ends as well after a second and a half: while next is not null, ask again from there, and add the counts up.",
                .inputs = { { .name = "campaign", .type = INPUT_TEXT, .required = true, .size_max = CONTROL_NAME_MAX },
                        { .name = "explain", .type = INPUT_BOOL }, { .name = "diff", .type = INPUT_BOOL },
                        { .name = "only_new", .type = INPUT_BOOL }, { .name = "from", .type = INPUT_INTEGER },
                        { .name = "limit", .type = INPUT_INTEGER } },
                .output = "(campaign: CampaignDates, items: []Person, counts: [string]int, came: int, went: int, next: ?int, last: "
                          "?TakeMade,\n"
                          "  open: ?TakeMade, now: string)",
                .where = CONTROL_ON_REPORTER,
                .role = ROLE_GROUP,
                .execute = execute_audience },
        { .name = "Takes",
                .doc = "Who took which audience when, the newest first. next is what to give as before for the next page.",
                .inputs = { NAMED("campaign"), { .name = "before", .type = INPUT_INTEGER }, { .name = "limit", .type = INPUT_INTEGER } },
                .output = "(items: []TakeMade, next: ?int)",
                .where = CONTROL_ON_REPORTER,
                .role = ROLE_GROUP,
                .execute = execute_takes },
        { .name = "Taken",
                .doc = "Whom a take took, as they are now, without who was erased since; who was merged is shown as the lead that goes on.",
                .inputs = { { .name = "take", .type = INPUT_INTEGER, .required = true }, { .name = "from", .type = INPUT_INTEGER },
                        { .name = "limit", .type = INPUT_INTEGER } },
                .output = "(take: Take, items: []Person, next: ?int)",
                .where = CONTROL_ON_REPORTER,
                .role = ROLE_GROUP,
                .execute = execute_taken },
        { .name = "Take",
                .doc = "Takes leads for a campaign: from then on they count as written to. One part of a take, at most 1000 leads, "
                       "ascending;\n"
                       "the first call begins it, further ones give its number as take, the last one says last. Each lead is looked at\n"
                       "again: out tells who is out by now, and why; again counts those that the take had already. A take that was left\n"
                       "is gone on with (goes_on) by a first call of whoever began it, or after 10 minutes of anybody. Refused outside of\n"
                       "the campaign's dates. A person's mails are not sent by this: it hands out names.",
                .inputs = { { .name = "campaign", .type = INPUT_TEXT, .required = true, .size_max = CONTROL_NAME_MAX },
                        { .name = "leads", .type = INPUT_ANY, .required = true, .type_text = "[]int" },
                        { .name = "take", .type = INPUT_INTEGER }, { .name = "only_new", .type = INPUT_BOOL },
                        { .name = "last", .type = INPUT_BOOL }, { .name = "as", .type = INPUT_TEXT, .size_max = CONTROL_NAME_MAX },
                        { .name = "request_id", .type = INPUT_TEXT, .size_max = 128 } },
                .output = "(take: int, campaign: string, by: ?string, time: string, until: string, leads: int, dropped: int, done: bool,\n"
                          "  event: int, duplicate: bool, out: []Out, again: int, goes_on: bool)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .changes = true,
                .execute = execute_take },
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
                 "type Layout (facts: []Column, tables: []Table)\n"
                 "\n"
                 "# from and to are days, both included; runs: now.\n"
                 "type CampaignDates (campaign: string, owner: ?string, priority: int, from: ?string, to: ?string, runs: bool)\n"
                 "\n"
                 "# code is one of test, status, include, exclude, broken, opportunity, consent, excluded, address, written, frequency,\n"
                 "# priority; until: when it is gone by itself.\n"
                 "type OutReason (code: string, text: string, until: ?string)\n"
                 "# written: when the campaign was last taken with this person. in, written and reasons are not there of what was taken.\n"
                 "type Person (lead: string, email: ?string, name: ?string, company: ?string, status: string, owner: ?string, grade: "
                 "?string,\n"
                 "  in: ?bool, written: ?string, reasons: ?[]OutReason)\n"
                 "# leads: so many were taken, some of whom may have been erased since; done false: more is to come, or it was left.\n"
                 "type TakeMade (take: int, campaign: string, by: ?string, time: string, until: string, leads: int, dropped: int, done: "
                 "bool)\n"
                 "type Out (lead: string, code: string, text: string)\n",
        .methods = methods_report,
        .n_methods = ARRAY_SIZE(methods_report),
        .errors = "error Failed (text: string)\n"
                  "error NoSuchName (kind: string, name: string, text: string)\n"
                  "error BadValue (parameter: string, text: string)\n"
                  "# Policy says no; nothing was changed.\n"
                  "error Refused (code: string, text: string, lead: ?string)\n",
};
