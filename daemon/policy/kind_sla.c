/* SPDX-License-Identifier: MIT */
/*
 * kind_sla: the body of an SLA: how long an answer may take, by whose clock, and what happens on the way. Everything
 * that would only show when a step is due (nobody to remind, a move that does not start here, working days without a
 * calendar) is looked for when the rules are loaded.
 */
#include "load.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>

static int compile_clock(Load *load, int index, const char *where, void *target) {
        static const char *const words[] = { [CLOCK_OWNER] = "owner", [CLOCK_TEAM] = "team", [CLOCK_WALL] = "wall" };
        Sla *sla = target;
        size_t clock = sla->clock;
        int r = keys_compile_clock(load, index, where, words, ARRAY_SIZE(words), &clock, &sla->calendar);

        sla->clock = (SlaClock) clock;
        return r;
}

/* ---- steps --------------------------------------------------------------- */

static int compile_remind(Load *load, int index, const char *where, void *target) {
        static const char *const words[] = { "owner", "head", "ops" };
        SlaStep *step = target;
        int r = keys_compile_texts(load, index, where, &step->remind, &step->n_remind);
        size_t n;
        const char *const *members = loader_names(&load->loader, RULE_MEMBER, &n);
        const char **names = ARENA_ARRAY(load->scratch, const char *, n + ARRAY_SIZE(words));
        if (r < 0 || !members || !names)
                return load_exhausted(load);
        memcpy(names, words, sizeof(words));
        memcpy(names + ARRAY_SIZE(words), members, n * sizeof(*names));
        for (size_t i = 0; i < step->n_remind; i++) {
                bool known = load_find(load, RULE_MEMBER, step->remind[i]) != NULL;
                for (size_t j = 0; j < ARRAY_SIZE(words) && !known; j++)
                        known = base_streq(words[j], step->remind[i]);
                if (!known)
                        loader_unknown(&load->loader, "reader in \"remind\":", step->remind[i], names, n + ARRAY_SIZE(words));
        }
        return 0;
}

static void check_readers(Load *load, const Sla *sla, const SlaStep *step, const char *where) {
        const Team *team = sla->status ? sla->status->team : NULL;
        for (size_t i = 0; i < step->n_remind; i++) {
                if (team && !team->head && base_streq(step->remind[i], "head"))
                        loader_refuse(&load->loader, "%s reminds the head, but the team \"%s\" has none", where, team->rule.name);
                if (team && team->n_members == 0 && base_streq(step->remind[i], "owner"))
                        loader_refuse(&load->loader, "%s reminds the owner, but the team \"%s\" has no members", where, team->rule.name);
                if (!load->loader.rules->settings->ops && base_streq(step->remind[i], "ops"))
                        loader_refuse(&load->loader, "%s reminds ops, but the settings name no \"ops\" address", where);
        }
}

static void check_step_move(Load *load, const Sla *sla, const SlaStep *step, bool has_reason, const char *where) {
        const Move *move = step->move;
        if (!move) {
                if (has_reason)
                        loader_refuse(&load->loader, "%s has a reason but no move", where);
                return;
        }
        bool starts_here = false, allows = false;
        for (size_t i = 0; i < move->n_from; i++)
                starts_here = starts_here || move->from[i] == sla->status;
        for (size_t i = 0; i < move->n_reasons; i++)
                allows = allows || move->reasons[i] == step->reason;
        if (!starts_here && sla->status)
                loader_refuse(
                        &load->loader, "%s: the move \"%s\" does not start from \"%s\"", where, move->rule.name, sla->status->rule.name);
        if (move->n_reasons > 0 && !has_reason)
                loader_error(&load->loader, "%s: the move \"%s\" needs a reason", where, move->rule.name);
        else if (step->reason && !allows)
                loader_refuse(&load->loader, "%s: \"%s\" is no reason of the move \"%s\"", where, step->reason->rule.name, move->rule.name);
}

static int compile_step(Load *load, int index, const char *where, const Sla *sla, SlaStep *step) {
        static const BodyKey keys[] = {
                { .name = "at", .type = KEY_WORK_DURATION, .required = true, .at = offsetof(SlaStep, at) },
                { .name = "every", .type = KEY_WORK_DURATION, .at = offsetof(SlaStep, every) },
                { .name = "remind", .type = KEY_OWN, .compile = compile_remind },
                { .name = "reassign", .type = KEY_BOOL, .at = offsetof(SlaStep, reassign) },
                { .name = "move", .type = KEY_RULE, .at = offsetof(SlaStep, move), .kind = RULE_MOVE },
                { .name = "reason", .type = KEY_RULE, .at = offsetof(SlaStep, reason), .kind = RULE_REASON },
                { .name = "message", .type = KEY_RULE, .at = offsetof(SlaStep, message), .kind = RULE_MESSAGE },
        };
        lua_State *L = load->loader.L;
        if (lua_type(L, index) != LUA_TTABLE) {
                loader_error(&load->loader, "\"%s\" must be a table such as { at = \"4h\", remind = { \"owner\" } }, not %s", where,
                        keys_type_name(L, index));
                return 0;
        }
        size_t n_before = load->loader.report->n_errors;
        int r = keys_compile(load, index, where, keys, ARRAY_SIZE(keys), step);
        if (r < 0 || load->loader.report->n_errors > n_before)
                return r; /* what else it lacks may only look so */
        if (!keys_has(L, index, "remind") && !keys_has(L, index, "move") && !step->reassign)
                loader_refuse(&load->loader, "%s does nothing: it needs \"remind\", \"reassign\" or \"move\"", where);
        if (keys_has(L, index, "message") && !keys_has(L, index, "remind"))
                loader_refuse(&load->loader, "%s has a message but reminds nobody", where);
        if (step->message && step->message->to && base_streq(step->message->to, "lead"))
                loader_refuse(&load->loader, "%s: the message \"%s\" is for the lead, and no reminder", where, step->message->rule.name);
        if (keys_has(L, index, "every") && step->every.us == 0 && step->every.workdays == 0)
                loader_error(&load->loader, "%s repeats without a pause", where);
        else if (step->every.us != 0 && step->every.us < US_PER_MINUTE)
                loader_error(&load->loader, "%s repeats more often than once a minute", where);
        check_readers(load, sla, step, where);
        check_step_move(load, sla, step, keys_has(L, index, "reason"), where);
        return 0;
}

/* Is the last step due before one above it? A working day and an hour cannot be compared without a calendar: such pairs are passed over. */
static bool steps_back(const SlaStep *steps, size_t last) {
        Duration at = steps[last].at;

        for (size_t i = last; i-- > 0;) {
                Duration before = steps[i].at;
                if ((at.workdays != 0) == (before.workdays != 0))
                        return at.workdays != 0 ? at.workdays < before.workdays : at.us < before.us;
        }
        return false;
}

static int compile_steps(Load *load, int index, const char *name, void *target) {
        lua_State *L = load->loader.L;
        Sla *sla = target;
        if (lua_type(L, index) != LUA_TTABLE) {
                loader_error(&load->loader, "\"%s\" must be a list of steps, not %s", name, keys_type_name(L, index));
                return 0;
        }
        size_t n = keys_list_count(load, index, name);
        if (n == SIZE_MAX)
                return 0;
        if (n == 0)
                loader_error(&load->loader, "\"%s\" is empty: nothing would ever happen", name);
        if (n > POLICY_STEPS_MAX) {
                loader_error(&load->loader, "\"%s\" has more than %d entries", name, POLICY_STEPS_MAX);
                return 0;
        }
        SlaStep *steps = ARENA_ARRAY(load->loader.arena, SlaStep, n + 1);
        if (!steps)
                return load_exhausted(load);
        for (size_t i = 0; i < n; i++) {
                char where[40];
                snprintf(where, sizeof(where), "%s[%zu]", name, i + 1);
                lua_rawgeti(L, index, (lua_Integer) i + 1);
                int r = compile_step(load, lua_gettop(L), where, sla, &steps[i]);
                lua_pop(L, 1);
                if (r < 0)
                        return r;
                if (steps_back(steps, i))
                        loader_refuse(&load->loader, "%s comes before a step above it", where);
                if (i + 1 < n && (steps[i].every.us != 0 || steps[i].every.workdays != 0))
                        loader_refuse(&load->loader, "%s repeats, but only the last step can", where);
        }
        sla->steps = steps;
        sla->n_steps = n;
        return 0;
}

/* ---- the whole ----------------------------------------------------------- */

/* Working days need a calendar to be counted by. */
static void check_clock(Load *load, const Sla *sla) {
        bool workdays = sla->within.workdays != 0 || sla->max_snooze.workdays != 0;
        for (size_t i = 0; i < sla->n_steps; i++)
                workdays = workdays || sla->steps[i].at.workdays != 0 || sla->steps[i].every.workdays != 0;
        const Team *team = sla->status ? sla->status->team : NULL;
        if (!workdays || !team)
                return;
        if (sla->clock == CLOCK_WALL)
                loader_error(&load->loader, "counts working days, but the clock \"wall\" has none");
        else if (sla->clock == CLOCK_TEAM && !team->calendar)
                loader_error(&load->loader, "counts working days, but the team \"%s\" has no calendar", team->rule.name);
        else if (sla->clock == CLOCK_OWNER && team->n_members == 0 && !team->calendar)
                loader_error(&load->loader, "counts working days, but the team \"%s\" has no calendar", team->rule.name);
        for (size_t i = 0; sla->clock == CLOCK_OWNER && !team->calendar && i < team->n_members; i++)
                if (!team->members[i]->calendar)
                        loader_error(&load->loader, "counts working days, but neither \"%s\" nor the team \"%s\" has a calendar",
                                team->members[i]->rule.name, team->rule.name);
}

int kind_compile_sla(Load *load, int index, void *head) {
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(Sla, rule.doc) },
                { .name = "status",
                        .type = KEY_RULE,
                        .required = true,
                        .at = offsetof(Sla, status),
                        .kind = RULE_STATUS }, /* before the steps, which need it */
                { .name = "when", .type = KEY_CONDITION, .at = offsetof(Sla, when), .phase = PHASE_DECISION },
                { .name = "within", .type = KEY_WORK_DURATION, .required = true, .at = offsetof(Sla, within) },
                { .name = "clock", .type = KEY_OWN, .compile = compile_clock },
                { .name = "start_on", .type = KEY_CONDITION, .at = offsetof(Sla, start_on), .phase = PHASE_DECISION },
                { .name = "stop", .type = KEY_CONDITION, .at = offsetof(Sla, stop), .phase = PHASE_DECISION },
                { .name = "roll_on", .type = KEY_CONDITION, .at = offsetof(Sla, roll_on), .phase = PHASE_ACTIVITY },
                { .name = "max_snooze", .type = KEY_WORK_DURATION, .at = offsetof(Sla, max_snooze) },
                { .name = "retime", .type = KEY_BOOL, .at = offsetof(Sla, retime) },
                { .name = "steps", .type = KEY_OWN, .required = true, .compile = compile_steps },
        };
        Sla *sla = head;
        sla->clock = CLOCK_OWNER;
        int r = keys_compile(load, index, "", keys, ARRAY_SIZE(keys), sla);
        if (r < 0)
                return r;
        if (sla->status && sla->status->kind != STATUS_SLA)
                loader_refuse(&load->loader, "the status \"%s\" is not of kind \"sla\"", sla->status->rule.name);
        check_clock(load, sla);
        return load->loader.report->n_errors > 0 ? 0 : kind_say_sla_version(sla, load->loader.arena);
}
