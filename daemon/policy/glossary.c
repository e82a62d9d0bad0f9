/* SPDX-License-Identifier: MIT */
/*
 * leadctl glossary: the language of leads as the rules really are, for the people of both teams.
 *
 * It is written from the compiled rules and nothing else, so it cannot differ from what the daemon does. Conditions are put into
 * words by condition_show.c. It explains no lead: that is `explain`.
 */
#include "glossary.h"
#include <inttypes.h>

#define GLOSSARY_WIDTH 100
#define GLOSSARY_INDENT 8 /* of what continues a line: titles stand at 0, terms at 2, what is said of them at 6 */

/* ---- layout ---- */

void glossary_heading(Text *out, const char *title) { text_printf(out, "%s%s\n", out->size > 0 ? "\n" : "", title); }

/* Appends text behind what stands on the line already (column characters), breaking at blanks; further lines are indented. */
static void wrap(Text *out, size_t column, size_t indent, const char *text) {
        const char *at = text;

        while (*at) {
                size_t size = strcspn(at, " \n");
                size_t shown = 0;

                for (size_t i = 0; i < size; i++)
                        shown += ((unsigned char) at[i] & 0xc0) != 0x80;
                if (column > indent && column + 1 + shown > GLOSSARY_WIDTH) {
                        text_append_char(out, '\n');
                        for (size_t i = 0; i < indent; i++)
                                text_append_char(out, ' ');
                        column = indent;
                } else if (at != text) {
                        text_append_char(out, ' ');
                        column++;
                }
                text_append_size(out, at, size);
                column += shown;
                at += size;
                at += strspn(at, " \n");
        }
        text_append_char(out, '\n');
}

void glossary_line(Text *out, const char *label, Text *text) {
        size_t size = strlen(label);

        if (text->error < 0)
                out->error = text->error;
        else if (text->size > 0) {
                text_printf(out, "      %s%s", label, size > 0 ? ": " : "");
                wrap(out, size > 0 ? 8 + size : 6, GLOSSARY_INDENT, text->data);
        }
        text_clear(text);
}

void glossary_line_text(Text *out, Text *scratch, const char *label, const char *text) {
        if (!text)
                return;
        text_append(scratch, text);
        glossary_line(out, label, scratch);
}

/* ---- words ---- */

void glossary_say_duration(Text *out, Duration duration) {
        static const struct {
                int64_t us;
                const char *one, *many;
        } units[] = {
                { US_PER_DAY, "day", "days" },
                { US_PER_HOUR, "hour", "hours" },
                { US_PER_MINUTE, "minute", "minutes" },
                { US_PER_SECOND, "second", "seconds" },
        };

        if (duration.workdays != 0) {
                text_printf(out, "%d working day%s", duration.workdays, duration.workdays == 1 ? "" : "s");
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(units); i++)
                if (duration.us % units[i].us == 0 && (duration.us != 0 || i == ARRAY_SIZE(units) - 1)) {
                        int64_t n = duration.us / units[i].us;
                        text_printf(out, "%" PRId64 " %s", n, n == 1 ? units[i].one : units[i].many);
                        return;
                }
        char buf[TIME_TEXT_SIZE];
        text_append(out, duration_format(duration, buf));
}

const char *glossary_between(size_t i, size_t n, const char *last) { return i == 0 ? "" : i + 1 == n ? last : ", "; }

static void say_points(Text *out, int64_t mp) { text_printf(out, "%.15g", (double) mp / 1000.0); }

static void say_needs(Text *out, const RuleSet *rules, const Need *needs, size_t n) {
        for (size_t i = 0; i < n; i++) {
                text_append(out, glossary_between(i, n, " and "));
                if (needs[i].name)
                        text_append(out, needs[i].name);
                else
                        condition_describe(rules, needs[i].condition, out);
        }
}

void glossary_say_statuses(Text *out, const Status *const *statuses, size_t n, const char *last) {
        for (size_t i = 0; i < n; i++)
                text_printf(out, "%s%s", glossary_between(i, n, last), statuses[i]->rule.name);
}

static const char *or_nothing(const char *text) { return text ? text : ""; }

static void say_by(Text *out, const Move *move) {
        switch (move->by) {
        case BY_RULES:
                text_append(out, "by itself");
                break;
        case BY_OWNER:
                text_append(out, "by the owner");
                break;
        case BY_TEAM:
                text_append(out, "by the status' team");
                break;
        case BY_NAMED_TEAM:
                text_printf(out, "by %s", move->by_team ? move->by_team->rule.name : "nobody");
                break;
        }
}

/* ---- the parts ---- */

static void tell_principles(Text *out, const RuleSet *rules) {
        if (rules->n_principles == 0)
                return;
        glossary_heading(out, "PRINCIPLES");
        for (size_t i = 0; i < rules->n_principles; i++) {
                const char *name = rules->principles[i].rule.name;

                text_printf(out, "  %s: ", name);
                wrap(out, 4 + strlen(name), GLOSSARY_INDENT, or_nothing(rules->principles[i].text));
        }
}

/* "anna (head; languages de, en)" */
static void say_member(Text *out, const Team *team, size_t i) {
        const Member *member = team->members[i];
        const char *joint = " (";

        text_printf(out, "%s%s", glossary_between(i, team->n_members, " and "), member->rule.name);
        if (member == team->head) {
                text_printf(out, "%shead", joint);
                joint = "; ";
        }
        if (member->left) {
                text_printf(out, "%shas left", joint);
                joint = "; ";
        }
        for (size_t s = 0; s < member->n_skills; s++, joint = "; ") {
                text_printf(out, "%s%s", joint, member->skills[s].name);
                for (size_t v = 0; v < member->skills[s].n_values; v++)
                        text_printf(out, "%s%s", v > 0 ? ", " : " ", member->skills[s].values[v]);
        }
        text_append(out, *joint == ';' ? ")" : "");
}

static const char *const strategies[] = {
        [STRATEGY_ROUND_ROBIN] = "in turn",
        [STRATEGY_WEIGHTED] = "in turn, by weight",
        [STRATEGY_LEAST_OPEN] = "who has the fewest open leads",
        [STRATEGY_TOP_FIRST] = "the first by rank",
};

static void tell_teams(Text *out, Text *scratch, const RuleSet *rules) {
        if (rules->n_teams == 0)
                return;
        glossary_heading(out, "TEAMS");
        for (size_t i = 0; i < rules->n_teams; i++) {
                const Team *team = &rules->teams[i];

                text_printf(out, "  %s\n", team->rule.name);
                glossary_line_text(out, scratch, "", team->rule.doc);
                for (size_t j = 0; j < team->n_members; j++)
                        say_member(scratch, team, j);
                if (team->n_members == 0)
                        text_append(scratch, "nobody by name: its leads wait in a queue");
                glossary_line(out, "members", scratch);
                if (team->n_members > 1)
                        text_append(scratch, strategies[team->strategy]);
                glossary_line(out, "who is next", scratch);
        }
}

static void say_ways_out(Text *out, const RuleSet *rules, const Status *status) {
        size_t n = 0;

        for (size_t i = 0; i < rules->n_moves; i++)
                for (size_t j = 0; j < rules->moves[i].n_from; j++)
                        if (rules->moves[i].from[j] == status && rules->moves[i].to != status)
                                text_printf(out, "%s%s -> %s", n++ > 0 ? ", " : "", rules->moves[i].rule.name,
                                        rules->moves[i].to ? rules->moves[i].to->rule.name : "as the reason says");
}

static void say_ways_in(Text *out, const RuleSet *rules, const Status *status) {
        size_t n = 0;

        for (size_t i = 0; i < rules->n_moves; i++) {
                const Move *move = &rules->moves[i];

                if (move->to == status && !(move->n_from == 1 && move->from[0] == status))
                        text_printf(out, "%s%s", n++ > 0 ? ", " : "", move->rule.name);
                for (size_t j = 0; !move->to && j < move->n_reasons; j++)
                        if (move->reasons[j]->to == status)
                                text_printf(out, "%s%s with %s", n++ > 0 ? ", " : "", move->rule.name, move->reasons[j]->rule.name);
        }
        for (size_t i = 0; i < rules->n_scores; i++)
                if (rules->scores[i]->veto == status)
                        text_printf(out, "%sveto of %s", n++ > 0 ? ", " : "", rules->scores[i]->rule.name);
}

static void tell_statuses(Text *out, Text *scratch, const RuleSet *rules) {
        if (rules->n_statuses == 0)
                return;
        glossary_heading(out, "STATUSES");
        for (size_t i = 0; i < rules->n_statuses; i++) {
                const Status *status = &rules->statuses[i];

                text_printf(out, "  %s, owned by %s%s%s%s\n", status->rule.name, status->team ? status->team->rule.name : "nobody",
                        status->initial ? "; where every lead begins" : "",
                        status->kind == STATUS_SLA     ? "; an answer is owed in time"
                        : status->kind == STATUS_FINAL ? "; final"
                                                       : "",
                        status->marketing_may_contact ? "; marketing may contact" : "");
                glossary_line_text(out, scratch, "", status->rule.doc);
                say_ways_in(scratch, rules, status);
                glossary_line(out, "ways in", scratch);
                say_ways_out(scratch, rules, status);
                glossary_line(out, "ways out", scratch);
        }
}

static void tell_moves(Text *out, Text *scratch, const RuleSet *rules) {
        if (rules->n_moves == 0)
                return;
        glossary_heading(out, "MOVES");
        for (size_t i = 0; i < rules->n_moves; i++) {
                const Move *move = &rules->moves[i];

                text_printf(out, "  %s, ", move->rule.name);
                say_by(out, move);
                text_append_char(out, '\n');
                glossary_line_text(out, scratch, "", move->rule.doc);
                glossary_say_statuses(scratch, move->from, move->n_from, " or ");
                text_printf(scratch, " -> %s", move->to ? move->to->rule.name : "where the reason says");
                glossary_line(out, "", scratch);
                if (move->when)
                        condition_describe(rules, move->when, scratch);
                glossary_line(out, "when", scratch);
                say_needs(scratch, rules, move->needs, move->n_needs);
                glossary_line(out, "needs", scratch);
                for (size_t j = 0; j < move->n_reasons; j++)
                        text_printf(scratch, "%s%s", glossary_between(j, move->n_reasons, " or "), move->reasons[j]->rule.name);
                glossary_line(out, "with a reason", scratch);
                for (size_t j = 0; j < move->n_aliases; j++)
                        text_printf(scratch, "%s%s", glossary_between(j, move->n_aliases, " or "), move->aliases[j]);
                glossary_line(out, "also called", scratch);
        }
}

static void tell_criteria(Text *out, Text *scratch, const RuleSet *rules) {
        if (rules->n_criteria == 0)
                return;
        glossary_heading(out, "CRITERIA");
        for (size_t i = 0; i < rules->n_criteria; i++) {
                const Criterion *criterion = &rules->criteria[i];

                text_printf(out, "  %s\n", criterion->rule.name);
                glossary_line_text(out, scratch, "", criterion->rule.doc);
                condition_describe(rules, criterion->when, scratch);
                glossary_line(out, "exactly", scratch);
        }
}

static void tell_reasons(Text *out, Text *scratch, const RuleSet *rules) {
        if (rules->n_reasons == 0)
                return;
        glossary_heading(out, "REASONS");
        for (size_t i = 0; i < rules->n_reasons; i++) {
                const Reason *reason = &rules->reasons[i];

                text_printf(out, "  %s -> %s%s%s\n", reason->rule.name, reason->to ? reason->to->rule.name : "where it was",
                        reason->note_required ? "; a note is required" : "", reason->credit ? "; gives the owner's turn back" : "");
                glossary_line_text(out, scratch, "", reason->rule.doc);
                say_needs(scratch, rules, reason->needs, reason->n_needs);
                glossary_line(out, "needs", scratch);
                if (reason->recycle_after.us != 0 || reason->recycle_after.workdays != 0) {
                        text_append(scratch, "after ");
                        glossary_say_duration(scratch, reason->recycle_after);
                }
                if (reason->wake_on) {
                        text_append(scratch, scratch->size > 0 ? ", or earlier when the lead " : "when the lead ");
                        condition_describe(rules, reason->wake_on, scratch);
                }
                glossary_line(out, "looked at again", scratch);
        }
}

static void tell_fences(Text *out, Text *scratch, const RuleSet *rules) {
        if (rules->n_fences == 0)
                return;
        glossary_heading(out, "FENCES");
        for (size_t i = 0; i < rules->n_fences; i++) {
                const Fence *fence = &rules->fences[i];

                text_printf(out, "  %s, before ", fence->rule.name);
                glossary_say_statuses(out, fence->blocks, fence->n_blocks, " and ");
                if (fence->n_from > 0) {
                        text_append(out, ", for leads from ");
                        glossary_say_statuses(out, fence->from, fence->n_from, " or ");
                }
                text_append_char(out, '\n');
                glossary_line_text(out, scratch, "", fence->rule.doc);
                if (fence->when)
                        condition_describe(rules, fence->when, scratch);
                glossary_line(out, "closed when", scratch);
                if (fence->n_since > 0) {
                        text_append(scratch, "for ");
                        glossary_say_duration(scratch, fence->hold);
                        text_append(scratch, " after ");
                        for (size_t j = 0; j < fence->n_since; j++)
                                text_printf(scratch, "%s%s", glossary_between(j, fence->n_since, " or "), fence->since[j]->rule.name);
                }
                glossary_line(out, "closed", scratch);
        }
}

static void tell_segments(Text *out, Text *scratch, const RuleSet *rules) {
        if (rules->n_segments == 0)
                return;
        glossary_heading(out, "SEGMENTS");
        for (size_t i = 0; i < rules->n_segments; i++) {
                text_printf(out, "  %s\n", rules->segments[i].rule.name);
                glossary_line_text(out, scratch, "", rules->segments[i].rule.doc);
                condition_describe(rules, rules->segments[i].when, scratch);
                glossary_line(out, "exactly", scratch);
        }
}

static void tell_junk(Text *out, Text *scratch, const RuleSet *rules) {
        if (rules->n_junks == 0)
                return;
        glossary_heading(out, "JUNK (stays on record and earns nothing)");
        for (size_t i = 0; i < rules->n_junks; i++) {
                text_printf(out, "  %s\n", rules->junks[i].rule.name);
                glossary_line_text(out, scratch, "", rules->junks[i].rule.doc);
                condition_describe(rules, rules->junks[i].when, scratch);
                glossary_line(out, "an activity with", scratch);
        }
}

/* ---- scores and grades ---- */

static void say_choices(Text *out, const ScoreBody *score) {
        for (size_t i = 0; i < score->n_choices; i++) {
                const ScoreChoice *choice = &score->choices[i];

                text_append(out, i > 0 ? ", " : "");
                if (choice->word.text)
                        text_append(out, choice->word.written);
                else
                        eval_show_value(out, &choice->value);
                text_append_char(out, ' ');
                say_points(out, choice->points_mp);
        }
}

static void say_on(Text *out, const RuleSet *rules, const ScoreBody *score) {
        static const char *const per[] = {
                [PER_CAMPAIGN] = "campaign",
                [PER_URL] = "page",
                [PER_ASSET] = "asset",
                [PER_DAY] = "day",
        };
        Condition did = { .type = NODE_DID, .did = score->on };

        say_points(out, score->points_mp);
        text_append(out, score->each && score->per != PER_EVER ? " each time: " : " once: ");
        condition_describe(rules, &did, out);
        if (score->per != PER_EVENT && score->per != PER_EVER)
                text_printf(out, "; one a %s", per[score->per]);
        if (score->cap_mp > 0) {
                text_append(out, score->points_mp < 0 ? "; no lower than " : "; at most ");
                say_points(out, score->points_mp < 0 ? -score->cap_mp : score->cap_mp);
        }
        if (score->fade.fade_every_s > 0) {
                text_printf(out, "; %d %% less every ", score->fade.fade_percent);
                glossary_say_duration(out, (Duration){ .us = score->fade.fade_every_s * US_PER_SECOND });
        }
}

static void say_score(Text *out, const RuleSet *rules, const ScoreBody *score) {
        switch (score->kind) {
        case SCORE_INERT:
                break;
        case SCORE_POINTS:
                say_points(out, score->points_mp);
                break;
        case SCORE_FUNCTION:
                text_append(out, "what a function says");
                break;
        case SCORE_MAP:
                text_printf(out, "by %s: ", score->field.path);
                say_choices(out, score);
                break;
        case SCORE_BANDS:
                text_printf(out, "by %s:", score->field.path);
                for (size_t i = 0; i < score->n_bands; i++) {
                        text_printf(out, "%s from %.15g ", i > 0 ? "," : "", score->bands[i].from);
                        say_points(out, score->bands[i].points_mp);
                }
                break;
        case SCORE_ON:
                say_on(out, rules, score);
                break;
        case SCORE_BEST_OF:
                text_append(out, "of ");
                say_points(out, score->weight_mp);
                text_append(out, " the best of: ");
                for (size_t i = 0; i < score->n_best; i++) {
                        text_printf(out, "%s%.15g %% when ", i > 0 ? "; " : "", (double) score->best[i].percent_m / 1000.0);
                        condition_describe(rules, score->best[i].when, out);
                }
                break;
        }
        if (score->when) {
                text_append(out, score->kind == SCORE_POINTS ? " when " : "; only when ");
                condition_describe(rules, score->when, out);
        }
        if (score->public.veto)
                text_printf(out, "; moves the lead to %s at once", score->public.veto->rule.name);
        if (score->unless)
                text_printf(out, "; not beside %s", score->unless->public.rule.name);
}

static void tell_scores(Text *out, Text *scratch, const RuleSet *rules) {
        if (rules->n_groups == 0)
                return;
        glossary_heading(out, "SCORES");
        for (size_t i = 0; i < rules->n_groups; i++) {
                const Group *group = &rules->groups[i];

                text_printf(out, "  %s, from ", group->rule.name);
                say_points(out, group->min_mp);
                text_append(out, " to ");
                say_points(out, group->max_mp);
                if (group->half_life.us > 0) {
                        text_append(out, "; half of it is gone after ");
                        glossary_say_duration(out, group->half_life);
                }
                text_append_char(out, '\n');
                glossary_line_text(out, scratch, "", group->rule.doc);
                for (size_t j = 0; j < rules->n_scores; j++) {
                        const ScoreBody *score = (const ScoreBody *) rules->scores[j];

                        if (score->public.group != group)
                                continue;
                        say_score(scratch, rules, score);
                        glossary_line(out, score->public.rule.name, scratch);
                        if (score->public.rule.doc) {
                                text_append(scratch, score->public.rule.doc);
                                text_append(out, "  ");
                                glossary_line(out, "", scratch);
                        }
                }
        }
}

static void say_bands(Text *out, const Band *bands, size_t n) {
        for (size_t i = 0; i < n; i++) {
                text_printf(out, "%s%s from ", i > 0 ? ", " : "", bands[i].name);
                say_points(out, bands[i].from_mp);
        }
}

static void tell_grade(Text *out, Text *scratch, const RuleSet *rules) {
        const Grade *grade = rules->grade;

        if (!grade)
                return;
        glossary_heading(out, "GRADE");
        text_append(out, "  fit, then engagement\n");
        glossary_line_text(out, scratch, "", grade->rule.doc);
        say_bands(scratch, grade->fit, grade->n_fit);
        glossary_line(out, "by fit", scratch);
        say_bands(scratch, grade->engagement, grade->n_engagement);
        glossary_line(out, "by engagement", scratch);
        text_append(scratch, "? in place of the first while nothing is known that fit depends on");
        glossary_line(out, "", scratch);
        if (grade->leave_mp > 0) {
                text_append(scratch, "a lead drops only once it is ");
                say_points(scratch, grade->leave_mp);
                text_append(scratch, " below");
                glossary_line(out, "", scratch);
        }
}

/* ---- SLAs ---- */

static void say_clock(Text *out, const Sla *sla) {
        switch (sla->clock) {
        case CLOCK_OWNER:
                text_append(out, " of the owner's working time");
                break;
        case CLOCK_TEAM:
                text_append(out, " of the team's working time");
                break;
        case CLOCK_WALL:
                text_append(out, " by the clock on the wall");
                break;
        case CLOCK_CALENDAR:
                text_printf(out, " of the working time in %s", sla->calendar ? sla->calendar->rule.name : "a calendar");
                break;
        }
}

static void say_step(Text *out, const SlaStep *step) {
        const char *joint = "";

        if (step->n_remind > 0) {
                text_append(out, "reminds ");
                for (size_t i = 0; i < step->n_remind; i++) {
                        bool role = base_streq(step->remind[i], "owner") || base_streq(step->remind[i], "head");
                        text_printf(out, "%s%s%s", glossary_between(i, step->n_remind, " and "), role ? "the " : "", step->remind[i]);
                }
                joint = ", ";
        }
        if (step->reassign) {
                text_printf(out, "%sgives it to the next in turn", joint);
                joint = ", ";
        }
        if (step->move)
                text_printf(out, "%smakes the move %s%s%s", joint, step->move->rule.name, step->reason ? " because of " : "",
                        step->reason ? step->reason->rule.name : "");
        if (step->every.us != 0 || step->every.workdays != 0) {
                text_append(out, ", and again every ");
                glossary_say_duration(out, step->every);
        }
}

static void tell_slas(Text *out, Text *scratch, const RuleSet *rules) {
        if (rules->n_slas == 0)
                return;
        glossary_heading(out, "SERVICE LEVELS (the first that applies)");
        for (size_t i = 0; i < rules->n_slas; i++) {
                const Sla *sla = &rules->slas[i];

                text_printf(out, "  %s: %s within ", sla->rule.name, sla->status ? sla->status->rule.name : "any status");
                glossary_say_duration(out, sla->within);
                if (sla->within.workdays == 0 || sla->clock == CLOCK_CALENDAR)
                        say_clock(out, sla);
                text_append_char(out, '\n');
                glossary_line_text(out, scratch, "", sla->rule.doc);
                if (sla->when)
                        condition_describe(rules, sla->when, scratch);
                glossary_line(out, "for leads", scratch);
                if (sla->start_on)
                        condition_describe(rules, sla->start_on, scratch);
                glossary_line(out, "starts with", scratch);
                if (sla->stop)
                        condition_describe(rules, sla->stop, scratch);
                glossary_line(out, "met by", scratch);
                if (sla->roll_on)
                        condition_describe(rules, sla->roll_on, scratch);
                glossary_line(out, "starts anew with", scratch);
                for (size_t j = 0; j < sla->n_steps; j++) {
                        text_append(scratch, "after ");
                        glossary_say_duration(scratch, sla->steps[j].at);
                        text_append(scratch, " ");
                        say_step(scratch, &sla->steps[j]);
                        glossary_line(out, "", scratch);
                }
        }
}

/* Terms whose own line is too long are broken like the rest. */
static void fold(const Text *from, Text *out) {
        for (const char *at = from->data; at && *at;) {
                size_t size = strcspn(at, "\n"), blanks = strspn(at, " "), shown = 0;

                for (size_t i = 0; i < size; i++)
                        shown += ((unsigned char) at[i] & 0xc0) != 0x80;
                if (shown <= GLOSSARY_WIDTH)
                        text_append_size(out, at, size);
                else {
                        Text words = { 0 };
                        text_append_size(&words, at + blanks, size - blanks);
                        text_append_size(out, at, blanks);
                        if (words.error < 0)
                                out->error = words.error;
                        else
                                wrap(out, blanks, GLOSSARY_INDENT, words.data);
                        text_free(&words);
                        if (out->size > 0 && out->error == 0)
                                out->size--; /* the line break comes below */
                }
                text_append_char(out, '\n');
                at += size + (at[size] == '\n');
        }
}

int policy_glossary(const RuleSet *rules, Text *ret) {
        _cleanup_(text_free) Text scratch = { 0 };
        _cleanup_(text_free) Text text = { 0 };
        Text *out = &text;

        tell_principles(out, rules);
        tell_teams(out, &scratch, rules);
        tell_statuses(out, &scratch, rules);
        tell_moves(out, &scratch, rules);
        tell_criteria(out, &scratch, rules);
        tell_reasons(out, &scratch, rules);
        tell_fences(out, &scratch, rules);
        tell_segments(out, &scratch, rules);
        tell_junk(out, &scratch, rules);
        tell_scores(out, &scratch, rules);
        tell_grade(out, &scratch, rules);
        tell_slas(out, &scratch, rules);
        glossary_tell_plans(out, &scratch, rules);
        if (text.error < 0)
                return text.error;
        fold(&text, ret);
        return ret->error;
}
