/* SPDX-License-Identifier: MIT */
/*
 * Who was entitled to how many leads, who got how many and how, what became of them, and why somebody was passed over. The sums
 * are folded from the log (store); what they mean stands in decide/fairness.c. Entitled less those by turn is what somebody
 * is owed, but for what was forfeited while they could not take leads. Needs memory for teams by routes by members, none for leads.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

/* A member in a route. */
typedef struct Line {
        const char *team, *route, *member; /* route NULL: it was not recorded */
        int64_t n[FAIR_KINDS];
} Line;
/* Where a member stands now. */
typedef struct Owed {
        const Member *member;
        int64_t turn; /* leads, by DECIDE_TURN; more or less than 0: has got fewer or more than the entitlement */
        uint32_t credits;
} Owed;
typedef struct Gathering {
        Arena *arena;
        Line *lines;
        size_t n_lines, capacity;
        Owed *owed;
        size_t n_owed;
} Gathering;

static bool same_text(const char *a, const char *b) { return (a == NULL) == (b == NULL) && (!a || base_streq(a, b)); }

/* The rows come by team, route, member and kind: one line's stand together. */
static int on_fact(const FairFact *fact, void *userdata) {
        Gathering *gathering = userdata;
        Line *line = gathering->n_lines > 0 ? &gathering->lines[gathering->n_lines - 1] : NULL;

        if (fact->kind <= 0 || fact->kind >= FAIR_KINDS)
                return -EBADMSG;
        if (!line || !same_text(line->team, fact->team) || !same_text(line->route, fact->route) || !same_text(line->member, fact->member)) {
                if (gathering->n_lines == gathering->capacity) {
                        size_t capacity = gathering->capacity > 0 ? gathering->capacity * 2 : 64;
                        Line *lines = ARENA_ARRAY(gathering->arena, Line, capacity);
                        if (!lines)
                                return -ENOMEM;
                        if (gathering->n_lines > 0)
                                memcpy(lines, gathering->lines, gathering->n_lines * sizeof(Line));
                        gathering->lines = lines;
                        gathering->capacity = capacity;
                }
                line = &gathering->lines[gathering->n_lines++];
                *line = (Line){ .team = fact->team, .route = fact->route, .member = fact->member };
        }
        line->n[fact->kind] += fact->n;
        return 0;
}

static int on_turn(const TurnChange *turn, void *userdata) {
        Gathering *gathering = userdata;

        for (size_t i = 0; i < gathering->n_owed; i++)
                if (base_streq(gathering->owed[i].member->rule.name, turn->member)) {
                        gathering->owed[i].turn = turn->turn;
                        gathering->owed[i].credits = turn->credits;
                }
        return 0;
}

static int compare_text(const char *a, const char *b) { return a && b ? strcmp(a, b) : (a != NULL) - (b != NULL); }

static int compare_lines(const void *a, const void *b) {
        const Line *x = a, *y = b;
        int r = compare_text(x->team, y->team);

        if (r == 0)
                r = compare_text(x->route, y->route);
        return r != 0 ? r : compare_text(x->member, y->member);
}

static int gather(const ReportInput *input, int64_t from_day, int64_t until_day, Gathering *ret) {
        const RuleSet *rules = input->rules;
        Gathering gathering = { .arena = input->arena, .owed = ARENA_ARRAY(input->arena, Owed, rules->n_members + 1) };

        if (!gathering.owed)
                return -ENOMEM;
        for (size_t i = 0; i < rules->n_teams; i++)
                for (size_t k = 0; k < rules->teams[i].n_members; k++)
                        if (!rules->teams[i].members[k]->left)
                                gathering.owed[gathering.n_owed++] = (Owed){ .member = rules->teams[i].members[k] };
        int r = store_fairness(input->store, from_day, until_day, on_fact, &gathering);
        if (r == 0)
                r = store_turns(input->store, on_turn, &gathering);
        if (r == 0 && gathering.n_lines > 0)
                qsort(gathering.lines, gathering.n_lines, sizeof(Line), compare_lines);
        *ret = gathering;
        return r;
}

static double in_leads(int64_t n, int64_t lead) { return (double) n / (double) lead; }

static const FairKind skip_kinds[] = { FAIR_SKIPPED_AWAY, FAIR_SKIPPED_UNACCEPTED, FAIR_SKIPPED_OPEN, FAIR_SKIPPED_TODAY,
        FAIR_SKIPPED_SKILL, FAIR_SKIPPED_WEIGHT, FAIR_SKIPPED_EXPIRED, FAIR_SKIPPED_BEHIND };
static const char *const skip_names[] = { "away", "unaccepted", "open", "today", "skill", "weight", "expired", "behind" };

static void add_lines(Report *report, const Gathering *gathering) {
        static const ReportColumn columns[] = {
                { .key = "team", .type = REPORT_TEXT },
                { .key = "route", .type = REPORT_TEXT },
                { .key = "owner", .type = REPORT_TEXT },
                { .key = "entitled", .type = REPORT_NUMBER },
                { .key = "by_turn", .type = REPORT_COUNT },
                { .key = "received", .type = REPORT_COUNT },
                { .key = "made_good", .type = REPORT_COUNT, .may_idle = true },
                { .key = "by_account", .type = REPORT_COUNT, .may_idle = true },
                { .key = "as_before", .type = REPORT_COUNT, .may_idle = true },
                { .key = "as_deputy", .type = REPORT_COUNT, .may_idle = true },
                { .key = "as_head", .type = REPORT_COUNT, .may_idle = true },
                { .key = "by_hand", .type = REPORT_COUNT, .may_idle = true },
                { .key = "accepted", .type = REPORT_COUNT },
                { .key = "returned", .type = REPORT_COUNT },
                { .key = "expired", .type = REPORT_COUNT, .may_idle = true },
                { .key = "left", .type = REPORT_COUNT, .may_idle = true },
                { .key = "given_back", .title = "turns given back", .type = REPORT_COUNT, .may_idle = true },
                { .key = "skipped", .title = "passed over", .type = REPORT_PARTS, .parts = skip_names, .n_parts = ARRAY_SIZE(skip_names) },
        };
        ReportTable *table = report_table(report, "lines", "Shares by route", "Nothing was routed.", columns, ARRAY_SIZE(columns));

        for (size_t i = 0; i < gathering->n_lines; i++) {
                const Line *line = &gathering->lines[i];
                int64_t received = line->n[FAIR_AS_BEFORE], skipped[ARRAY_SIZE(skip_kinds)];
                for (int kind = FAIR_BY_TURN; kind <= FAIR_BY_HAND; kind++)
                        received += line->n[kind];
                for (size_t k = 0; k < ARRAY_SIZE(skip_kinds); k++)
                        skipped[k] = line->n[skip_kinds[k]];
                REPORT_ROW(table, cell_text(line->team), cell_text(line->route), cell_text(line->member),
                        cell_number(in_leads(line->n[FAIR_ENTITLED], FAIR_LEAD)), cell_count(line->n[FAIR_BY_TURN]), cell_count(received),
                        cell_count(line->n[FAIR_MADE_GOOD]), cell_count(line->n[FAIR_BY_ACCOUNT]), cell_count(line->n[FAIR_AS_BEFORE]),
                        cell_count(line->n[FAIR_AS_DEPUTY]), cell_count(line->n[FAIR_AS_HEAD]), cell_count(line->n[FAIR_BY_HAND]),
                        cell_count(line->n[FAIR_ACCEPTED]), cell_count(line->n[FAIR_RETURNED]), cell_count(line->n[FAIR_EXPIRED]),
                        cell_count(line->n[FAIR_LEFT]), cell_count(line->n[FAIR_GIVEN_BACK]), cell_parts(skipped));
        }
        report_plot(report, table, REPORT_BARS, "Entitled, and got by turn", "team route", "owner", "entitled by_turn");
}

static void add_owed(Report *report, const Gathering *gathering) {
        static const ReportColumn columns[] = {
                { .key = "owner", .type = REPORT_TEXT },
                { .key = "team", .type = REPORT_TEXT },
                { .key = "weight", .type = REPORT_COUNT },
                { .key = "owed", .title = "owed leads", .type = REPORT_NUMBER },
                { .key = "credits", .title = "turns to make good", .type = REPORT_COUNT },
        };
        ReportTable *table = report_table(report, "owed", "Owed now", "No team has members.", columns, ARRAY_SIZE(columns));

        for (size_t i = 0; i < gathering->n_owed; i++) {
                const Owed *owed = &gathering->owed[i];
                REPORT_ROW(table, cell_text(owed->member->rule.name), cell_text(owed->member->team->rule.name),
                        cell_count(owed->member->weight), cell_number(in_leads(owed->turn, DECIDE_TURN)), cell_count(owed->credits));
        }
}

int report_fairness(const ReportInput *input, Report *report) {
        int64_t from_day = report_day(report->zone, input->from_us), until_day = report_day(report->zone, input->until_us - 1) + 1;
        Gathering gathering;
        int r = gather(input, from_day, until_day, &gathering);

        if (r != 0)
                return r;
        report->from_us = report_day_start(report->zone, from_day);
        report_fact(report, "recorded_since", "Recorded since", cell_instant(store_fairness_since(input->store)));
        report_note(report,
                "Of each lead given by turn everybody who could take it is entitled to their weight's share; entitled less by turn is what "
                "somebody is owed, but for what was forfeited while they could not take leads.");
        report_note(report, "Counted in whole days of the site; what is owed is as of now.");
        add_lines(report, &gathering);
        add_owed(report, &gathering);
        return 0;
}
