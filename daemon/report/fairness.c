/* SPDX-License-Identifier: MIT */
/*
 * Who was entitled to how many leads, who got how many and how, what became of them, and why somebody was passed over. The sums
 * are folded from the log (store); what they mean stands in decide/fairness.c. Entitled less those by turn is what somebody
 * is owed, but for what was forfeited while they could not take leads.
 */
#include "internal.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

typedef struct Gathering {
        FairnessReport *report;
        const RuleSet *rules;
        Arena *arena;
        size_t capacity;
} Gathering;

static bool same_text(const char *a, const char *b) { return (a == NULL) == (b == NULL) && (!a || base_streq(a, b)); }

/* The rows come by team, route, member and kind: one line's stand together. */
static int on_fact(const FairFact *fact, void *userdata) {
        Gathering *gathering = userdata;
        FairnessReport *report = gathering->report;
        FairnessLine *line = report->n_lines > 0 ? &report->lines[report->n_lines - 1] : NULL;

        if (fact->kind <= 0 || fact->kind >= FAIR_KINDS)
                return -EBADMSG;
        if (!line || !same_text(line->team, fact->team) || !same_text(line->route, fact->route) || !same_text(line->member, fact->member)) {
                if (report->n_lines == REPORT_LINES_MAX) {
                        report->more = true;
                        return 1;
                }
                if (report->n_lines == gathering->capacity) {
                        size_t capacity = gathering->capacity > 0 ? gathering->capacity * 2 : 64;
                        FairnessLine *lines = ARENA_ARRAY(gathering->arena, FairnessLine, capacity);
                        if (!lines)
                                return -ENOMEM;
                        if (report->n_lines > 0)
                                memcpy(lines, report->lines, report->n_lines * sizeof(FairnessLine));
                        report->lines = lines;
                        gathering->capacity = capacity;
                }
                line = &report->lines[report->n_lines++];
                *line = (FairnessLine){ .team = fact->team, .route = fact->route, .member = fact->member };
        }
        line->n[fact->kind] += fact->n;
        return 0;
}

static int on_turn(const TurnChange *turn, void *userdata) {
        Gathering *gathering = userdata;

        for (size_t i = 0; i < gathering->report->n_owed; i++)
                if (base_streq(gathering->report->owed[i].member->rule.name, turn->member)) {
                        gathering->report->owed[i].turn = turn->turn;
                        gathering->report->owed[i].credits = turn->credits;
                }
        return 0;
}

static int compare_text(const char *a, const char *b) { return a && b ? strcmp(a, b) : (a != NULL) - (b != NULL); }

static int compare_lines(const void *a, const void *b) {
        const FairnessLine *x = a, *y = b;
        int r = compare_text(x->team, y->team);

        if (r == 0)
                r = compare_text(x->route, y->route);
        return r != 0 ? r : compare_text(x->member, y->member);
}

int report_fairness(Store *store, const RuleSet *rules, int64_t since_us, int64_t now_us, Arena *arena, FairnessReport *ret) {
        const Zone *zone = rules->settings->zone;
        Gathering gathering = { .report = ret, .rules = rules, .arena = arena };
        int64_t local_us = since_us + (zone ? zone_offset_seconds(zone, since_us) * US_PER_SECOND : 0);
        int64_t day = local_us / US_PER_DAY - (local_us % US_PER_DAY < 0);

        *ret = (FairnessReport){
                .from_us = zone ? zone_local_to_utc(zone, day * US_PER_DAY) : day * US_PER_DAY,
                .now_us = now_us,
                .recorded_us = store_fairness_since(store),
        };
        ret->owed = ARENA_ARRAY(arena, FairnessOwed, rules->n_members + 1);
        if (!ret->owed)
                return -ENOMEM;
        for (size_t i = 0; i < rules->n_teams; i++)
                for (size_t k = 0; k < rules->teams[i].n_members; k++)
                        if (!rules->teams[i].members[k]->left)
                                ret->owed[ret->n_owed++] = (FairnessOwed){ .member = rules->teams[i].members[k] };
        int r = store_fairness(store, day, on_fact, &gathering);
        if (r == 0 || r == 1)
                r = store_turns(store, on_turn, &gathering);
        if (r == 0 && ret->n_lines > 0)
                qsort(ret->lines, ret->n_lines, sizeof(FairnessLine), compare_lines);
        return r;
}

int64_t report_fairness_received(const FairnessLine *line) {
        int64_t n = 0;

        for (int kind = FAIR_BY_TURN; kind <= FAIR_BY_HAND; kind++)
                n += line->n[kind];
        return n;
}

/* ---- for programs ---- */

static const struct {
        FairKind kind;
        const char *name;
} counts[] = {
        { FAIR_BY_TURN, "by_turn" },
        { FAIR_MADE_GOOD, "made_good" },
        { FAIR_BY_ACCOUNT, "by_account" },
        { FAIR_AS_DEPUTY, "as_deputy" },
        { FAIR_AS_HEAD, "as_head" },
        { FAIR_BY_HAND, "by_hand" },
        { FAIR_ACCEPTED, "accepted" },
        { FAIR_RETURNED, "returned" },
        { FAIR_EXPIRED, "expired" },
        { FAIR_LEFT, "left" },
        { FAIR_GIVEN_BACK, "given_back" },
}, skips[] = {
        { FAIR_SKIPPED_AWAY, "away" },
        { FAIR_SKIPPED_UNACCEPTED, "unaccepted" },
        { FAIR_SKIPPED_OPEN, "open" },
        { FAIR_SKIPPED_TODAY, "today" },
        { FAIR_SKIPPED_SKILL, "skill" },
        { FAIR_SKIPPED_WEIGHT, "weight" },
        { FAIR_SKIPPED_EXPIRED, "expired" },
        { FAIR_SKIPPED_BEHIND, "behind" },
};

/* To a thousandth of a lead. */
static double in_leads(int64_t n, int64_t lead) {
        __int128 thousandths = ((__int128) n * 1000 + (n < 0 ? -lead / 2 : lead / 2)) / lead;

        return (double) (int64_t) thousandths / 1000;
}

static bool set(json_t *object, const char *key, json_t *value) { return json_object_set_new(object, key, value) == 0; }

static json_t *time_json(int64_t time_us) {
        char text[TIME_TEXT_SIZE];

        return time_us == TIME_NONE ? json_null() : json_string(time_format_rfc3339(time_us, text));
}

static json_t *line_json(const FairnessLine *line) {
        json_t *json = json_object(), *skipped = json_object();
        bool good = set(json, "team", json_string(line->team)) &&
                    set(json, "route", line->route ? json_string(line->route) : json_null()) &&
                    set(json, "owner", json_string(line->member)) &&
                    set(json, "entitled", json_real(in_leads(line->n[FAIR_ENTITLED], FAIR_LEAD))) &&
                    set(json, "received", json_integer(report_fairness_received(line)));

        for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
                good = good && set(json, counts[i].name, json_integer(line->n[counts[i].kind]));
        for (size_t i = 0; i < ARRAY_SIZE(skips); i++)
                good = good && set(skipped, skips[i].name, json_integer(line->n[skips[i].kind]));
        if (good && set(json, "skipped", skipped))
                return json;
        if (!good)
                json_decref(skipped);
        json_decref(json);
        return NULL;
}

int report_fairness_json(const FairnessReport *report, json_t **ret) {
        json_t *json = json_object(), *lines = json_array(), *owed = json_array();
        bool good = json && lines && owed;

        for (size_t i = 0; i < report->n_lines && good; i++)
                good = json_array_append_new(lines, line_json(&report->lines[i])) == 0;
        for (size_t i = 0; i < report->n_owed && good; i++) {
                const FairnessOwed *one = &report->owed[i];
                good = json_array_append_new(owed, json_pack("{s:s, s:s, s:I, s:f, s:I}", "team", one->member->team->rule.name, "owner",
                                                           one->member->rule.name, "weight", (json_int_t) one->member->weight, "owed",
                                                           in_leads(one->turn, DECIDE_TURN), "credits", (json_int_t) one->credits)) == 0;
        }
        good = good && set(json, "from", time_json(report->from_us)) && set(json, "now", time_json(report->now_us)) &&
               set(json, "recorded_since", time_json(report->recorded_us)) && set(json, "more", json_boolean(report->more)) &&
               set(json, "lines", json_incref(lines)) && set(json, "owed", json_incref(owed));
        json_decref(lines);
        json_decref(owed);
        if (!good) {
                json_decref(json);
                return -ENOMEM;
        }
        *ret = json;
        return 0;
}

/* ---- for people ---- */

static void add_line(Text *out, const FairnessLine *line, double most) {
        double entitled = in_leads(line->n[FAIR_ENTITLED], FAIR_LEAD);
        const char *separator = "";

        text_append(out, "<tr><td>");
        html_text(out, line->member);
        text_append(out, "</td><td>");
        html_bars(out, entitled, (double) line->n[FAIR_BY_TURN], most);
        text_printf(out, "</td><td>%.2f</td>", entitled);
        for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
                text_printf(out, "<td>%lld</td>", (long long) line->n[counts[i].kind]);
        text_append(out, "<td class=\"text\">");
        for (size_t i = 0; i < ARRAY_SIZE(skips); i++)
                if (line->n[skips[i].kind] > 0) {
                        text_printf(out, "%s%s %lld", separator, skips[i].name, (long long) line->n[skips[i].kind]);
                        separator = ", ";
                }
        text_append(out, "</td></tr>\n");
}

static void add_route(Text *out, const FairnessLine *lines, size_t n) {
        double most = 0;

        for (size_t i = 0; i < n; i++) {
                double entitled = in_leads(lines[i].n[FAIR_ENTITLED], FAIR_LEAD), got = (double) lines[i].n[FAIR_BY_TURN];
                most = entitled > most ? entitled : most;
                most = got > most ? got : most;
        }
        text_append(out, "<h2>");
        html_text(out, lines[0].team);
        text_append(out, ": ");
        html_text(out, lines[0].route ? lines[0].route : "route not recorded");
        text_append(out, "</h2>\n<table>\n<tr><th>owner</th><th>entitled, by turn</th><th>entitled</th>");
        for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
                text_append(out, "<th>");
                for (const char *c = counts[i].name; *c; c++)
                        text_append_char(out, *c == '_' ? ' ' : *c);
                text_append(out, "</th>");
        }
        text_append(out, "<th>passed over</th></tr>\n");
        for (size_t i = 0; i < n; i++)
                add_line(out, &lines[i], most);
        text_append(out, "</table>\n");
}

int report_fairness_html(const FairnessReport *report, Text *out) {
        html_begin(out, "Fairness of routing", report->from_us, report->now_us);
        text_append(out,
                "<p>Of each lead given by turn everybody who could take it is entitled to their weight's share; grey is what somebody was "
                "entitled to, green what they got by turn.</p>\n");
        for (size_t from = 0, to; from < report->n_lines; from = to) {
                for (to = from + 1; to < report->n_lines && same_text(report->lines[to].team, report->lines[from].team) &&
                                    same_text(report->lines[to].route, report->lines[from].route);)
                        to++;
                add_route(out, &report->lines[from], to - from);
        }
        if (report->n_lines == 0)
                text_append(out, "<p>Nothing was routed.</p>\n");
        text_append(out,
                "<h2>Owed now</h2>\n<table>\n<tr><th>owner</th><th>team</th><th>weight</th><th>leads</th><th>turns given back</th></tr>\n");
        for (size_t i = 0; i < report->n_owed; i++) {
                text_append(out, "<tr><td>");
                html_text(out, report->owed[i].member->rule.name);
                text_append(out, "</td><td class=\"text\">");
                html_text(out, report->owed[i].member->team->rule.name);
                text_printf(out, "</td><td>%u</td><td>%.2f</td><td>%u</td></tr>\n", report->owed[i].member->weight,
                        in_leads(report->owed[i].turn, DECIDE_TURN), report->owed[i].credits);
        }
        text_append(out, "</table>\n");
        html_end(out);
        return out->error;
}
