/* SPDX-License-Identifier: MIT */
/*
 * org.leadd.Report: one method a report, all on the reporting thread. What each measures stands in daemon/report.
 */
#include "internal.h"

static const Method methods_report[] = {
        { .name = "Fairness",
                .doc = "Who was entitled to how many leads, who received how many and how, what became of them, and why somebody was "
                       "passed\n"
                       "over, since a duration, a date or an instant (default 30d), in whole days of the site's zone. html: also as a "
                       "page.",
                .inputs = { { .name = "since", .type = INPUT_TEXT, .size_max = CONTROL_NAME_MAX }, { .name = "html", .type = INPUT_BOOL } },
                .output = "(report: FairnessReport, html: ?string)",
                .where = CONTROL_ON_REPORTER,
                .role = ROLE_GROUP,
                .execute = execute_report_fairness },
};
const Interface interface_report = {
        .name = "org.leadd.Report",
        .doc = "What was decided, measured. Times are RFC 3339 in UTC.",
        .types =
                "# recorded_since: nothing is known from before. more: the lines are cut.\n"
                "type FairnessReport (from: string, now: string, recorded_since: ?string, lines: []FairLine, owed: []Owed, more: bool)\n"
                "\n"
                "# A member in a route (null: not recorded; assign: by hand; deputy). entitled: the sum of the member's weight by the sum\n"
                "# of the weights of those who could take it, over all leads given by turn. received is the sum of the six from by_turn "
                "to\n"
                "# by_hand; made_good is in the place of a lead whose turn was given back, left went to somebody else before an answer.\n"
                "type FairLine (team: string, route: ?string, owner: string, entitled: float, received: int, by_turn: int, made_good: "
                "int,\n"
                "  by_account: int, as_deputy: int, as_head: int, by_hand: int, accepted: int, returned: int, expired: int, left: int,\n"
                "  given_back: int, skipped: Skipped)\n"
                "\n"
                "# How often a lead went to somebody else because the member was away, had too many unaccepted, open or today, lacked the\n"
                "# skill, gets leads only as head, had let this lead expire, or stands behind by the team's strategy.\n"
                "type Skipped (away: int, unaccepted: int, open: int, today: int, skill: int, weight: int, expired: int, behind: int)\n"
                "\n"
                "# How many leads a member has got too few (or, below 0, too many) now, and turns given back that are not made good yet.\n"
                "type Owed (team: string, owner: string, weight: int, owed: float, credits: int)\n",
        .methods = methods_report,
        .n_methods = ARRAY_SIZE(methods_report),
        .errors = "error Failed (text: string)\n"
                  "error BadValue (parameter: string, text: string)\n",
};
