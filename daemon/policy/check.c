/* SPDX-License-Identifier: MIT */
/*
 * check: pass 4 of loading, what can only be said about all rules together: a lead must not be able to fall through.
 * There is one way in, every status has somebody's limit where it promises one, every hand-off finds a route, every
 * lead can reach an end. Compiles nothing; skipped when a file did not run to its end, because what is missing may
 * stand there, and when only calendars are asked for.
 *
 * What it refuses compiled, and was perhaps loaded by a leadd that did not look: from an archive it is a warning.
 */
#include "check.h"

#include <errno.h>

static void check_statuses(Load *load) {
        RuleSet *rules = load->loader.rules;
        if (rules->n_statuses == 0) {
                load_problem(load, true, "", 0, "no status is declared");
                return;
        }
        for (size_t i = 0; i < rules->n_statuses; i++) {
                const Status *status = &rules->statuses[i];
                if (!status->initial)
                        continue;
                load->loader.rule = &status->rule;
                if (!rules->initial)
                        rules->initial = status;
                else
                        loader_refuse(&load->loader, "is initial, but so is \"%s\" (%s:%d); new leads need one place",
                                rules->initial->rule.name, rules->initial->rule.file, rules->initial->rule.line);
                if (status->kind == STATUS_FINAL)
                        loader_refuse(&load->loader, "is initial and final: nothing would ever happen");
        }
        if (!rules->initial)
                load_problem(load, true, "", 0, "no status is initial: new leads have no place (initial = true)");
}

/* ---- reaching an end ----------------------------------------------------- */

/* Whether the move can lead there. */
static bool move_leads_to(const Move *move, const Status *to) {
        if (move->to == to)
                return true;
        for (size_t i = 0; i < move->n_reasons; i++)
                if (move->reasons[i]->to == to)
                        return true;
        return false;
}

static bool move_starts_at(const Move *move, const Status *from) {
        for (size_t i = 0; i < move->n_from; i++)
                if (move->from[i] == from)
                        return true;
        return false;
}

/* A veto is a way in, from wherever a lead may be. It is no way out to count on: it may never match. */
static void mark_vetoes(const RuleSet *rules, bool *marked) {
        for (size_t i = 0; i < rules->n_scores; i++)
                for (size_t s = 0; s < rules->n_statuses; s++)
                        marked[s] = marked[s] || rules->scores[i]->veto == &rules->statuses[s];
}

/* Marks everything that a marked status leads to, or with backwards, all that leads to a marked one. */
static void mark_reach(const RuleSet *rules, bool *marked, bool backwards) {
        if (!backwards)
                mark_vetoes(rules, marked);
        for (bool changed = true; changed;) {
                changed = false;
                for (size_t m = 0; m < rules->n_moves; m++) {
                        const Move *move = &rules->moves[m];
                        bool starts = false, leads = false;
                        for (size_t s = 0; s < rules->n_statuses; s++) {
                                starts = starts || (marked[s] && move_starts_at(move, &rules->statuses[s]));
                                leads = leads || (marked[s] && move_leads_to(move, &rules->statuses[s]));
                        }
                        for (size_t s = 0; s < rules->n_statuses; s++) {
                                bool reached = backwards ? leads && move_starts_at(move, &rules->statuses[s])
                                                         : starts && move_leads_to(move, &rules->statuses[s]);
                                changed = changed || (reached && !marked[s]);
                                marked[s] = marked[s] || reached;
                        }
                }
        }
}

static int check_paths(Load *load) {
        const RuleSet *rules = load->loader.rules;
        bool *from_start = ARENA_ARRAY(load->scratch, bool, rules->n_statuses + 1),
             *to_end = ARENA_ARRAY(load->scratch, bool, rules->n_statuses + 1);
        if (!from_start || !to_end)
                return load_exhausted(load);
        for (size_t s = 0; s < rules->n_statuses; s++) {
                from_start[s] = &rules->statuses[s] == rules->initial;
                to_end[s] = rules->statuses[s].kind == STATUS_FINAL;
        }
        mark_reach(rules, from_start, false);
        mark_reach(rules, to_end, true);
        for (size_t s = 0; s < rules->n_statuses; s++) {
                load->loader.rule = &rules->statuses[s].rule;
                if (rules->initial && !from_start[s])
                        loader_refuse(&load->loader, "cannot be reached: no moves lead there from \"%s\"", rules->initial->rule.name);
                if (!to_end[s])
                        loader_refuse(&load->loader, "no moves lead from here to a status of kind \"final\"");
        }
        return 0;
}

/* ---- limits -------------------------------------------------------------- */

/* Does the step's move end the wait in this status? restart = true begins it anew, SLA and all. */
static bool move_leaves_for_good(const Move *move, const Reason *reason, const Status *status) {
        const Status *to = move->to ? move->to : reason ? reason->to : NULL;
        return !to || to != status || move->restart;
}

/* Does it run for every lead from the moment on at which it comes there? */
static bool sla_is_always(const Sla *sla) { return condition_is_always(sla->when) && condition_is_always(sla->start_on); }

static void check_slas(Load *load) {
        const RuleSet *rules = load->loader.rules;
        for (size_t s = 0; s < rules->n_statuses; s++) {
                const Status *status = &rules->statuses[s];
                if (status->kind != STATUS_SLA)
                        continue;
                bool any = false, always = false;
                for (size_t i = 0; i < rules->n_slas; i++) {
                        any = any || rules->slas[i].status == status;
                        always = always || (rules->slas[i].status == status && sla_is_always(&rules->slas[i]));
                }
                load->loader.rule = &status->rule;
                if (!any)
                        loader_refuse(&load->loader, "is of kind \"sla\", but no sla has status = \"%s\"", status->rule.name);
                else if (!always)
                        loader_refuse(&load->loader, "every sla for it has a condition: one must apply to the leads that are left (without "
                                                     "\"when\" and \"start_on\")");
        }
        for (size_t i = 0; i < rules->n_slas; i++) {
                const Sla *sla = &rules->slas[i];
                const SlaStep *last = sla->n_steps > 0 ? &sla->steps[sla->n_steps - 1] : NULL;
                load->loader.rule = &sla->rule;
                if (load->broken[sla->rule.index])
                        continue;
                if (last && !last->move && last->every.us == 0 && last->every.workdays == 0)
                        loader_refuse(&load->loader,
                                "its last step neither moves the lead nor repeats (\"every\"): after it there would be silence");
                if (last && last->move && !move_leaves_for_good(last->move, last->reason, sla->status) && last->every.us == 0 &&
                        last->every.workdays == 0)
                        loader_refuse(&load->loader,
                                "its last step's move \"%s\" leads back to \"%s\" and does not repeat (\"every\"): after it there would be "
                                "silence",
                                last->move->rule.name, sla->status->rule.name);
                for (size_t j = 0; j < i && sla->status; j++)
                        if (rules->slas[j].status == sla->status && sla_is_always(&rules->slas[j])) {
                                loader_warning(&load->loader, "never applies: \"%s\" (%s:%d) comes first and applies to every lead",
                                        rules->slas[j].rule.name, rules->slas[j].rule.file, rules->slas[j].rule.line);
                                break;
                        }
        }
}

/* The calendar that counts for most of its leads; NULL: none. */
static const Calendar *usual_calendar(const Sla *sla) {
        const Team *team = sla->status->team;
        if (sla->clock == CLOCK_CALENDAR)
                return sla->calendar->calendar;
        if (sla->clock == CLOCK_WALL)
                return NULL;
        if (team->calendar)
                return team->calendar->calendar;
        return sla->clock == CLOCK_OWNER && team->n_members > 0 ? policy_member_calendar(team->members[0]) : NULL;
}

/* Is the one due before the other, on whatever day of the week it starts? */
static bool is_always_before(const Calendar *calendar, Duration a, Duration b) {
        for (int day = 0; day < 7; day++) {
                const int64_t noon_us = (INT64_C(20458) + day) * US_PER_DAY + 12 * US_PER_HOUR; /* from 2026-01-05, a Monday */
                int64_t a_us, b_us;
                if (calendar_add(calendar, noon_us, a, &a_us) != 0 || calendar_add(calendar, noon_us, b, &b_us) != 0 || a_us >= b_us)
                        return false;
        }
        return true;
}

/* Hours behind working days: the unit alone does not tell the order (kind_sla.c), the calendar does. */
static void check_step_order(Load *load, const Sla *sla) {
        const Calendar *calendar = usual_calendar(sla);
        for (size_t i = 1; i < sla->n_steps && calendar; i++)
                for (size_t j = i; j-- > 0;)
                        if (sla->steps[i].at.workdays == 0 && sla->steps[j].at.workdays != 0) {
                                char late[TIME_TEXT_SIZE], early[TIME_TEXT_SIZE];
                                load->loader.rule = &sla->rule;
                                if (is_always_before(calendar, sla->steps[i].at, sla->steps[j].at))
                                        loader_refuse(&load->loader, "steps[%zu] (%s) is over when steps[%zu] (%s) is due", i + 1,
                                                duration_format(sla->steps[i].at, late), j + 1, duration_format(sla->steps[j].at, early));
                                break;
                        }
}

/* ---- people -------------------------------------------------------------- */

static bool team_owns_a_status(const RuleSet *rules, const Team *team) {
        for (size_t s = 0; s < rules->n_statuses; s++)
                if (rules->statuses[s].team == team && rules->statuses[s].kind != STATUS_FINAL)
                        return true;
        return false;
}

/* Whoever is handed a lead by the last route can be anybody: otherwise some lead would find no one. */
static void check_routes(Load *load) {
        const RuleSet *rules = load->loader.rules;
        for (size_t t = 0; t < rules->n_teams; t++) {
                const Team *team = &rules->teams[t];
                const Route *last = NULL;
                if (team->n_members == 0 || !team_owns_a_status(rules, team))
                        continue;
                for (size_t i = 0; i < rules->n_routes; i++)
                        if (rules->routes[i].team == team)
                                last = &rules->routes[i];
                bool anybody = false;
                for (size_t m = 0; m < team->n_members; m++)
                        anybody = anybody || (team->members[m]->weight > 0 && !team->members[m]->left);
                load->loader.rule = &team->rule;
                if (!anybody)
                        loader_refuse(&load->loader, "nobody gets its leads: every member has weight 0 or has left");
                load->loader.rule = last ? &last->rule : &team->rule;
                if (!last)
                        loader_refuse(&load->loader, "no route leads to it: route \"NAME\" { team = \"%s\" }", team->rule.name);
                else if (!condition_is_always(last->when) || last->n_match > 0)
                        loader_refuse(&load->loader,
                                "is the last route to the team \"%s\", so it must take every lead (no \"when\", no \"match\")",
                                team->rule.name);
        }
}

/* A fence where nobody comes by. Scores that veto go anywhere, from anywhere. */
static void check_fence(Load *load, const Fence *fence) {
        const RuleSet *rules = load->loader.rules;
        load->loader.rule = &fence->rule;
        for (size_t i = 0; i < fence->n_blocks; i++) {
                bool comes_by = false;
                for (size_t s = 0; s < rules->n_scores; s++)
                        comes_by = comes_by || rules->scores[s]->veto == fence->blocks[i];
                for (size_t m = 0; m < rules->n_moves && !comes_by; m++) {
                        bool starts = fence->n_from == 0;
                        for (size_t k = 0; k < fence->n_from; k++)
                                starts = starts || move_starts_at(&rules->moves[m], fence->from[k]);
                        comes_by = starts && fence->blocks[i] && move_leads_to(&rules->moves[m], fence->blocks[i]);
                }
                if (!comes_by && fence->blocks[i])
                        loader_warning(&load->loader, "stands where nobody comes by: no move leads to \"%s\"%s",
                                fence->blocks[i]->rule.name, fence->n_from > 0 ? " from where it says" : "");
        }
}

/* A move that nobody could ever ask for. */
static void check_moves(Load *load) {
        const RuleSet *rules = load->loader.rules;
        for (size_t m = 0; m < rules->n_moves; m++) {
                const Move *move = &rules->moves[m];
                load->loader.rule = &move->rule;
                for (size_t i = 0; i < move->n_from && (move->by == BY_OWNER || move->by == BY_TEAM); i++) {
                        const Team *team = move->from[i]->team;
                        if (team && team->n_members == 0 && move->by == BY_OWNER)
                                loader_refuse(&load->loader, "nobody owns a lead in \"%s\": the team \"%s\" has no members",
                                        move->from[i]->rule.name, team->rule.name);
                        else if (team && team->n_members == 0)
                                loader_refuse(&load->loader, "nobody is in the team \"%s\" of the status \"%s\"", team->rule.name,
                                        move->from[i]->rule.name);
                }
        }
        for (size_t f = 0; f < rules->n_fences; f++)
                check_fence(load, &rules->fences[f]);
        for (size_t m = 0; m < rules->n_moves; m++)
                for (size_t i = 0; i < rules->moves[m].n_from && rules->moves[m].by == BY_RULES; i++)
                        if (rules->moves[m].from[i] && rules->moves[m].from[i]->kind == STATUS_FINAL) {
                                load->loader.rule = &rules->moves[m].rule;
                                loader_warning(&load->loader, "never leaves \"%s\": no rule moves a lead out of a final status",
                                        rules->moves[m].from[i]->rule.name);
                        }
        for (size_t i = 0; i < rules->n_reasons; i++) {
                const Reason *reason = &rules->reasons[i];
                load->loader.rule = &reason->rule;
                if (reason->to && reason->to->kind == STATUS_FINAL &&
                        (reason->recycle_after.us != 0 || reason->recycle_after.workdays != 0 || reason->wake_on))
                        loader_warning(&load->loader, "%s brings nobody back: \"%s\" is final",
                                reason->wake_on ? "wake_on" : "recycle_after", reason->to->rule.name);
                bool used = false;
                for (size_t m = 0; m < rules->n_moves && !used; m++)
                        for (size_t k = 0; k < rules->moves[m].n_reasons; k++)
                                used = used || rules->moves[m].reasons[k] == &rules->reasons[i];
                load->loader.rule = &rules->reasons[i].rule;
                if (!used)
                        loader_warning(&load->loader, "no move has this reason");
        }
}

/* Who leads a team or stands in for somebody must be able to own its leads: be in it, and still be there. */
static void check_stand_in(Load *load, const char *what, const Member *member, const Team *team) {
        if (member && member->team != team)
                loader_refuse(&load->loader,
                        "its %s \"%s\" is in the team \"%s\"; only a member can own its leads (weight = 0: gets no turns)", what,
                        member->rule.name, member->team->rule.name);
        else if (member && member->left)
                loader_refuse(&load->loader, "its %s \"%s\" has left", what, member->rule.name);
}

static void check_people(Load *load) {
        const RuleSet *rules = load->loader.rules;
        for (size_t t = 0; t < rules->n_teams; t++) {
                load->loader.rule = &rules->teams[t].rule;
                check_stand_in(load, "head", rules->teams[t].head, &rules->teams[t]);
                check_stand_in(load, "deputy", rules->teams[t].deputy, &rules->teams[t]);
        }
        for (size_t m = 0; m < rules->n_members; m++) {
                load->loader.rule = &rules->members[m].rule;
                if (rules->members[m].deputy != rules->members[m].team->deputy)
                        check_stand_in(load, "deputy", rules->members[m].deputy, rules->members[m].team);
        }
        for (size_t i = 0; i < rules->n_slas; i++)
                for (size_t k = 0; k < rules->slas[i].n_steps; k++)
                        for (size_t j = 0; j < rules->slas[i].steps[k].n_remind; j++) {
                                const Member *member = policy_member(rules, rules->slas[i].steps[k].remind[j]);
                                load->loader.rule = &rules->slas[i].rule;
                                if (member && member->left)
                                        loader_warning(&load->loader, "steps[%zu] reminds \"%s\", who has left", k + 1, member->rule.name);
                        }
}

static void check_deputies(Load *load) {
        RuleSet *rules = load->loader.rules;
        for (size_t m = 0; m < rules->n_members; m++) {
                Member *member = (Member *) &rules->members[m];
                if (!member->deputy && member->team->deputy != member)
                        member->deputy = member->team->deputy;
        }
        for (size_t t = 0; t < rules->n_teams; t++) {
                const Team *team = &rules->teams[t];
                load->loader.rule = &team->rule;
                for (size_t m = 0; m < team->n_members && team->on_absence == ABSENCE_DEPUTY; m++)
                        if (!team->members[m]->deputy && team->members[m]->weight > 0 && team->deputy != team->members[m])
                                loader_refuse(&load->loader, "on_absence is \"deputy\", but \"%s\" has none", team->members[m]->rule.name);
        }
}

/* ---- what loads and is hardly meant ------------------------------------- */

static int on_list_use(const Compared *compared, void *userdata) {
        bool *used = userdata;
        if (compared->matcher && compared->matcher->op == MATCH_LIST)
                used[compared->matcher->list->rule.index] = true;
        return 0;
}

static int on_list_place(const Place *place, void *userdata) { return walk_compared(place->condition, on_list_use, userdata); }

/* A list that nothing looks into was probably meant to be. Criteria and segments are not asked about: they are words, too. */
static int check_unused(Load *load) {
        const RuleSet *rules = load->loader.rules;
        bool *used = ARENA_ARRAY(load->scratch, bool, rules->n_rules + 1);
        if (!used)
                return load_exhausted(load);
        (void) walk_conditions(rules, on_list_place, used);
        for (size_t i = 0; i < rules->n_lists; i++) {
                load->loader.rule = &rules->lists[i].rule;
                if (!used[rules->lists[i].rule.index] && rules->lists[i].n_items > 0)
                        loader_warning(&load->loader, "no condition asks for it: in_list \"%s\"", rules->lists[i].rule.name);
        }
        return 0;
}

static int check_meaning(Load *load) {
        _cleanup_(solver_freep) Solver *solver = solver_new(load->loader.rules);
        bool *never = ARENA_ARRAY(load->scratch, bool, load->loader.rules->n_rules + 1);
        if (!solver || !never)
                return load_exhausted(load);
        int r = check_conditions(load, solver, never);
        if (r == 0)
                r = check_order(load, solver, never);
        if (r == 0)
                r = check_plans(load, solver);
        if (r < 0)
                return r;
        check_scores(load, solver);
        return check_unused(load);
}

int check_whole(Load *load) {
        check_deputies(load);
        if (load->incomplete || load->calendars_suffice)
                return 0;
        check_statuses(load);
        if (load->loader.rules->n_statuses == 0)
                return 0;
        check_slas(load);
        check_routes(load);
        check_moves(load);
        if (load->loader.report->n_errors == 0)
                for (size_t i = 0; i < load->loader.rules->n_slas; i++)
                        check_step_order(load, &load->loader.rules->slas[i]);
        if (load->loader.report->n_errors == 0)
                check_people(load);
        /* A move that did not compile leads nowhere: what is said of paths then would be wrong. */
        if (load->loader.report->n_errors > 0)
                return 0;
        int r = check_paths(load);
        /* Hints are for whoever writes the rules: those of an archive are written. */
        return r == 0 && load->loader.report->n_errors == 0 && !load->archived ? check_meaning(load) : r;
}
