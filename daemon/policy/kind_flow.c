/* SPDX-License-Identifier: MIT */
/*
 * kind_flow: the bodies of the fence and its gates: status, reason, move, fence, route. What they say about one
 * another (every status reachable, every lead routed) is check.c's business.
 */
#include "load.h"

#include <errno.h>
#include <lauxlib.h>

/* ---- status -------------------------------------------------------------- */

int kind_compile_status(Load *load, int index, void *head) {
        static const char *const status_kinds[] = { "open", "sla", "final", NULL };
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(Status, rule.doc) },
                { .name = "meaning", .type = KEY_TEXT, .at = offsetof(Status, rule.doc) },
                { .name = "team", .type = KEY_RULE, .required = true, .at = offsetof(Status, team), .kind = RULE_TEAM },
                { .name = "kind", .type = KEY_CHOICE, .at = offsetof(Status, kind), .choices = status_kinds },
                { .name = "initial", .type = KEY_BOOL, .at = offsetof(Status, initial) },
                { .name = "marketing_may_contact", .type = KEY_BOOL, .at = offsetof(Status, marketing_may_contact) },
                { .name = "stale_after", .type = KEY_DURATION, .at = offsetof(Status, stale_after) },
                { .name = "renamed_from", .type = KEY_TEXT, .at = offsetof(Status, renamed_from) },
        };
        Status *status = head;
        int r = keys_compile(load, index, "", keys, ARRAY_SIZE(keys), status);
        kind_check_leak_limit(load, "stale_after", &status->stale_after);
        if (status->stale_after.us != 0 && status->kind == STATUS_FINAL)
                loader_refuse(&load->loader, "\"stale_after\" in a final status: nobody keeps it up to date");
        const RuleSet *rules = load->loader.rules;
        for (size_t i = 0; status->renamed_from && i < rules->n_statuses; i++) {
                const Status *other = &rules->statuses[i];
                if (base_streq(other->rule.name, status->renamed_from))
                        loader_refuse(&load->loader, "\"renamed_from\" names the status \"%s\", which still exists", other->rule.name);
                else if (other < status && other->renamed_from && base_streq(other->renamed_from, status->renamed_from))
                        loader_refuse(&load->loader, "\"renamed_from\" names \"%s\", which already became \"%s\"", status->renamed_from,
                                other->rule.name);
        }
        return r;
}

/* ---- reason -------------------------------------------------------------- */

static int compile_note(Load *load, int index, const char *where, void *target) {
        static const char *const notes[] = { "optional", "required", NULL };
        static const BodyKey key = { .name = "note", .type = KEY_CHOICE, .choices = notes };
        int note = 0;
        int r = keys_compile_value(load, index, where, &key, &note);
        ((Reason *) target)->note_required = note == 1;
        return r;
}

int kind_compile_reason(Load *load, int index, void *head) {
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(Reason, rule.doc) },
                { .name = "to", .type = KEY_RULE, .required = true, .at = offsetof(Reason, to), .kind = RULE_STATUS },
                { .name = "recycle_after", .type = KEY_WORK_DURATION, .at = offsetof(Reason, recycle_after) },
                { .name = "wake_on", .type = KEY_CONDITION, .at = offsetof(Reason, wake_on), .phase = PHASE_ACTIVITY },
                { .name = "credit", .type = KEY_BOOL, .at = offsetof(Reason, credit) },
                { .name = "note", .type = KEY_OWN, .compile = compile_note },
                { .name = "needs", .type = KEY_NEEDS, .at = offsetof(Reason, needs), .count_at = offsetof(Reason, n_needs) },
        };
        return keys_compile(load, index, "", keys, ARRAY_SIZE(keys), head);
}

/* ---- move ---------------------------------------------------------------- */

static int compile_by(Load *load, int index, const char *where, void *target) {
        static const char *const words[] = { [BY_RULES] = "rules", [BY_OWNER] = "owner", [BY_TEAM] = "team" };
        Move *move = target;
        const char *text = keys_text(load, index, where);
        if (!text)
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (base_streq(words[i], text)) {
                        move->by = (MoveBy) i;
                        return 0;
                }
        move->by_team = (const Team *) (const void *) load_find(load, RULE_TEAM, text);
        move->by = BY_NAMED_TEAM;
        if (move->by_team)
                return 0;
        size_t n;
        const char *const *teams = loader_names(&load->loader, RULE_TEAM, &n);
        const char **names = ARENA_ARRAY(load->scratch, const char *, n + ARRAY_SIZE(words));
        if (!teams || !names)
                return load_exhausted(load);
        memcpy(names, words, sizeof(words));
        memcpy(names + ARRAY_SIZE(words), teams, n * sizeof(*names));
        loader_unknown(&load->loader, "team in \"by\":", text, names, n + ARRAY_SIZE(words));
        return 0;
}

/* Names and aliases are verbs of one language: each means one move. */
static void check_move_names(Load *load, const Move *move) {
        static const char *const taken[] = { "assign", "exclude", "note", "snooze" }; /* outcomes that are no moves (decide.c) */
        const RuleSet *rules = load->loader.rules;
        for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
                if (base_streq(move->rule.name, taken[i]))
                        loader_refuse(&load->loader, "\"%s\" is leadd's own word: nobody could ask for this move", taken[i]);
                for (size_t a = 0; a < move->n_aliases; a++)
                        if (base_streq(move->aliases[a], taken[i]))
                                loader_refuse(&load->loader, "its alias \"%s\" is leadd's own word: nobody could ask for it", taken[i]);
        }
        for (size_t a = 0; a < move->n_aliases; a++) {
                const Rule *other = load_find(load, RULE_MOVE, move->aliases[a]);
                if (other)
                        loader_refuse(&load->loader, "its alias \"%s\" is the name of the move at %s:%d", move->aliases[a], other->file,
                                other->line);
                for (const Move *before = rules->moves; before < move; before++)
                        for (size_t b = 0; b < before->n_aliases; b++)
                                if (base_streq(before->aliases[b], move->aliases[a]))
                                        loader_refuse(&load->loader, "its alias \"%s\" is also one of the move \"%s\" (%s:%d)",
                                                move->aliases[a], before->rule.name, before->rule.file, before->rule.line);
        }
}

int kind_compile_move(Load *load, int index, void *head) {
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(Move, rule.doc) },
                { .name = "from",
                        .type = KEY_RULES,
                        .required = true,
                        .at = offsetof(Move, from),
                        .count_at = offsetof(Move, n_from),
                        .kind = RULE_STATUS },
                { .name = "to", .type = KEY_RULE, .at = offsetof(Move, to), .kind = RULE_STATUS },
                { .name = "by", .type = KEY_OWN, .required = true, .compile = compile_by },
                { .name = "alias", .type = KEY_TEXTS, .at = offsetof(Move, aliases), .count_at = offsetof(Move, n_aliases) },
                { .name = "reasons",
                        .type = KEY_RULES,
                        .at = offsetof(Move, reasons),
                        .count_at = offsetof(Move, n_reasons),
                        .kind = RULE_REASON },
                { .name = "needs", .type = KEY_NEEDS, .at = offsetof(Move, needs), .count_at = offsetof(Move, n_needs) },
                { .name = "when", .type = KEY_CONDITION, .at = offsetof(Move, when), .phase = PHASE_DECISION },
                { .name = "restart", .type = KEY_BOOL, .at = offsetof(Move, restart) },
        };
        lua_State *L = load->loader.L;
        Move *move = head;
        int r = keys_compile(load, index, "", keys, ARRAY_SIZE(keys), move);
        if (r < 0)
                return r;
        bool has_to = keys_has(L, index, "to"), has_reasons = keys_has(L, index, "reasons"), has_by = keys_has(L, index, "by");
        if (!has_to && !has_reasons)
                loader_error(&load->loader, "leads nowhere: it needs \"to\", or \"reasons\" that say where to");
        if (has_to && has_reasons)
                loader_refuse(&load->loader, "has both \"to\" and \"reasons\": each reason says where to");
        if (has_by && move->by == BY_RULES && has_reasons)
                loader_error(&load->loader, "\"reasons\" are for people: a move by \"rules\" has \"to\"");
        if (has_by && move->by == BY_RULES && move->n_aliases > 0)
                loader_refuse(&load->loader, "\"alias\" is for people: nobody asks for a move by \"rules\"");
        if (has_by && move->by != BY_RULES && keys_has(L, index, "when"))
                loader_refuse(&load->loader, "\"when\" is for moves by \"rules\"; what a person's move requires stands in \"needs\"");
        if (has_by && move->by == BY_RULES && move->to)
                for (size_t i = 0; i < move->n_from; i++)
                        if (move->from[i] == move->to)
                                loader_refuse(&load->loader, "a move by \"rules\" cannot lead from \"%s\" to itself", move->to->rule.name);
        check_move_names(load, move);
        return 0;
}

/* ---- fence --------------------------------------------------------------- */

int kind_compile_fence(Load *load, int index, void *head) {
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(Fence, rule.doc) },
                { .name = "blocks",
                        .type = KEY_RULES,
                        .required = true,
                        .at = offsetof(Fence, blocks),
                        .count_at = offsetof(Fence, n_blocks),
                        .kind = RULE_STATUS },
                { .name = "from",
                        .type = KEY_RULES,
                        .at = offsetof(Fence, from),
                        .count_at = offsetof(Fence, n_from),
                        .kind = RULE_STATUS },
                { .name = "when", .type = KEY_CONDITION, .at = offsetof(Fence, when), .phase = PHASE_DECISION },
                { .name = "since",
                        .type = KEY_RULES,
                        .at = offsetof(Fence, since),
                        .count_at = offsetof(Fence, n_since),
                        .kind = RULE_REASON },
                { .name = "hold", .type = KEY_DURATION, .at = offsetof(Fence, hold) },
        };
        lua_State *L = load->loader.L;
        Fence *fence = head;
        size_t n_before = load->loader.report->n_errors;
        int r = keys_compile(load, index, "", keys, ARRAY_SIZE(keys), fence);
        if (r < 0)
                return r;
        bool has_when = keys_has(L, index, "when"), has_since = keys_has(L, index, "since"), has_hold = keys_has(L, index, "hold");
        if (has_since != has_hold)
                loader_error(&load->loader, "\"since\" and \"hold\" belong together: for how long after a move with one of these reasons");
        else if (!has_when && !has_since)
                loader_error(&load->loader, "is never closed: it needs \"when\", or \"since\" and \"hold\"");
        else if (has_when && has_since)
                loader_refuse(&load->loader, "has both \"when\" and \"since\": make two fences of it");
        else if (has_hold && fence->hold.us <= 0 && load->loader.report->n_errors == n_before)
                loader_refuse(&load->loader, "\"hold\" is nothing: the fence is never closed");
        return 0;
}

/* ---- route --------------------------------------------------------------- */

static int compile_route_owner(Load *load, int index, const char *where, void *target) {
        static const char *const owners[] = { "account", "previous", NULL };
        static const BodyKey key = { .name = "owner", .type = KEY_CHOICE, .choices = owners };
        Route *route = target;
        int owner = -1;
        int r = keys_compile_value(load, index, where, &key, &owner);
        route->account = owner == 0;
        route->previous = owner == 1;
        return r;
}

/* match = { SKILL = "path" } */
static int compile_match(Load *load, int index, const char *where, void *target) {
        lua_State *L = load->loader.L;
        Route *route = target;
        const char *const *names;
        size_t n, n_good = 0;
        if (lua_type(L, index) != LUA_TTABLE) {
                loader_error(&load->loader, "\"%s\" must be a table such as { languages = \"person.locale\" }, not %s", where,
                        keys_type_name(L, index));
                return 0;
        }
        int r = keys_names(load, index, where, &names, &n);
        if (r < 0)
                return r;
        Match *matches = ARENA_ARRAY(load->loader.arena, Match, n + 1);
        if (!matches)
                return load_exhausted(load);
        for (size_t i = 0; i < n; i++) {
                Match *match = &matches[n_good];
                match->skill = names[i];
                lua_getfield(L, index, names[i]);
                const char *path = keys_text(load, lua_gettop(L), keys_where(load, where, names[i]));
                lua_pop(L, 1);
                if (path && keys_find_field(load, path, "path", &match->field, &match->key))
                        n_good++;
        }
        route->match = matches;
        route->n_match = n_good;
        return 0;
}

/* A skill that nobody in the team has would hold every lead. */
static int check_skills(Load *load, const Route *route) {
        for (size_t i = 0; route->team && i < route->n_match; i++) {
                const char **skills = NULL;
                size_t n = 0, capacity = 0;
                bool found = false;
                for (size_t m = 0; m < route->team->n_members; m++)
                        for (size_t s = 0; s < route->team->members[m]->n_skills; s++) {
                                const char *skill = route->team->members[m]->skills[s].name;
                                found = found || base_streq(skill, route->match[i].skill);
                                skills = load_grow(load, skills, n, &capacity, sizeof(*skills));
                                if (!skills)
                                        return -ENOMEM;
                                skills[n++] = skill;
                        }
                const char *closest = found ? NULL : text_closest(route->match[i].skill, skills, n);
                if (!found)
                        loader_refuse(&load->loader, "nobody in the team \"%s\" has the skill \"%s\"%s%s%s", route->team->rule.name,
                                route->match[i].skill, closest ? "; did you mean \"" : "", closest ? closest : "", closest ? "\"?" : "");
        }
        return 0;
}

int kind_compile_route(Load *load, int index, void *head) {
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(Route, rule.doc) },
                { .name = "when", .type = KEY_CONDITION, .at = offsetof(Route, when), .phase = PHASE_DECISION },
                { .name = "team", .type = KEY_RULE, .at = offsetof(Route, team), .kind = RULE_TEAM },
                { .name = "owner", .type = KEY_OWN, .compile = compile_route_owner },
                { .name = "match", .type = KEY_OWN, .compile = compile_match },
        };
        lua_State *L = load->loader.L;
        Route *route = head;
        int r = keys_compile(load, index, "", keys, ARRAY_SIZE(keys), route);
        if (r < 0)
                return r;
        if (!keys_has(L, index, "team") && !keys_has(L, index, "owner"))
                loader_error(&load->loader, "leads to nobody: it needs \"team\", or owner = \"account\" or \"previous\"");
        if (keys_has(L, index, "team") && keys_has(L, index, "owner"))
                loader_refuse(&load->loader, "has both \"team\" and \"owner\"");
        if ((route->account || route->previous) && keys_has(L, index, "match"))
                loader_refuse(&load->loader, "\"match\" is for routes to a team");
        if (route->team && route->team->n_members == 0)
                loader_refuse(
                        &load->loader, "the team \"%s\" has no members: its leads are a queue and need no route", route->team->rule.name);
        return check_skills(load, route);
}
