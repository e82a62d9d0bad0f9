/* SPDX-License-Identifier: MIT */
/*
 * check_order: where the first that applies wins, what stands behind something that always applies when it does: routes, SLAs,
 * automatic moves, adapters. And automatic moves that undo each other. Each rule is compared with at most ORDER_PAIRS_MAX before it.
 */
#include "check.h"

#define ORDER_PAIRS_MAX 64

typedef struct Ordering {
        Load *load;
        Solver *solver;
        const bool *never; /* by rule index: said already */
        const Status **statuses;
        size_t n_statuses;
} Ordering;

/* Does the second hold only when the first does, too? */
static bool implies(Ordering *ordering, const Part *parts, size_t n, const Condition *first) {
        Part all[8];

        if (n + 1 > ARRAY_SIZE(all))
                return false;
        for (size_t i = 0; i < n; i++)
                all[i] = parts[i];
        all[n] = (Part){ .condition = condition_is_always(first) ? NULL : first, .negated = true };
        return !solver_can_hold(ordering->solver, all, n + 1, ordering->statuses, ordering->n_statuses, NULL);
}

static void shadowed(Ordering *ordering, const Rule *rule, const Rule *before, bool always, const char *whom) {
        ordering->load->loader.rule = rule;
        if (always)
                loader_warning(&ordering->load->loader, "never applies: \"%s\" (%s:%d) comes first and applies to every %s", before->name,
                        before->file, before->line, whom);
        else
                loader_warning(&ordering->load->loader,
                        "never applies: \"%s\" (%s:%d) comes first and applies whenever this does; move it below this one, or narrow it",
                        before->name, before->file, before->line);
}

/* ---- routes -------------------------------------------------------------- */

static bool same_match(const Route *a, const Route *b) {
        if (a->n_match != b->n_match)
                return false;
        for (size_t i = 0; i < a->n_match; i++)
                if (!base_streq(a->match[i].skill, b->match[i].skill) || a->match[i].field != b->match[i].field ||
                        (a->match[i].key == NULL) != (b->match[i].key == NULL) ||
                        (a->match[i].key && !base_streq(a->match[i].key, b->match[i].key)))
                        return false;
        return true;
}

static void check_route(Ordering *ordering, const Route *route) {
        const RuleSet *rules = ordering->load->loader.rules;
        const Part part = { .condition = route->when };
        size_t n_pairs = 0;

        if (!route->team || ordering->never[route->rule.index])
                return;
        ordering->n_statuses = 0;
        for (size_t s = 0; s < rules->n_statuses; s++)
                if (rules->statuses[s].team == route->team)
                        ordering->statuses[ordering->n_statuses++] = &rules->statuses[s];
        for (const Route *before = route; before-- > rules->routes && n_pairs < ORDER_PAIRS_MAX;) {
                /* A route whose match nobody meets goes on to the next. */
                if (before->team != route->team || (before->n_match > 0 && !same_match(before, route)))
                        continue;
                n_pairs++;
                if (implies(ordering, &part, 1, before->when)) {
                        shadowed(ordering, &route->rule, &before->rule, condition_is_always(before->when) && before->n_match == 0,
                                "lead of the team");
                        return;
                }
        }
}

/* A route to an owner behind an unconditional one of every team that is routed. */
static void check_owner_route(Ordering *ordering, const Route *route) {
        const RuleSet *rules = ordering->load->loader.rules;
        const Route *found = NULL;

        for (size_t t = 0; t < rules->n_teams; t++) {
                bool routed = false, taken = false;

                for (size_t s = 0; s < rules->n_statuses; s++)
                        routed = routed || (rules->statuses[s].team == &rules->teams[t] && rules->statuses[s].kind != STATUS_FINAL);
                for (const Route *before = rules->routes; before < route; before++)
                        if (before->team == &rules->teams[t] && before->n_match == 0 && condition_is_always(before->when)) {
                                taken = true;
                                found = before;
                        }
                if (routed && rules->teams[t].n_members > 0 && !taken)
                        return;
        }
        if (!found)
                return;
        ordering->load->loader.rule = &route->rule;
        loader_warning(&ordering->load->loader,
                "never applies: every team's leads are taken by routes before it, the last of them \"%s\" (%s:%d); routes to an owner "
                "stand first",
                found->rule.name, found->rule.file, found->rule.line);
}

/* ---- SLAs ---------------------------------------------------------------- */

static void check_sla(Ordering *ordering, const Sla *sla) {
        const RuleSet *rules = ordering->load->loader.rules;
        const Part parts[] = { { .condition = sla->when }, { .condition = sla->start_on } };
        size_t n_pairs = 0;

        if (ordering->never[sla->rule.index])
                return;
        ordering->statuses[0] = sla->status;
        ordering->n_statuses = 1;
        for (const Sla *before = rules->slas; before < sla; before++)
                if (before->status == sla->status && condition_is_always(before->when) && condition_is_always(before->start_on))
                        return; /* check.c said so */
        for (const Sla *before = sla; before-- > rules->slas && n_pairs < ORDER_PAIRS_MAX;) {
                if (before->status != sla->status)
                        continue;
                n_pairs++;
                if (implies(ordering, parts, ARRAY_SIZE(parts), before->when) &&
                        implies(ordering, parts, ARRAY_SIZE(parts), before->start_on)) {
                        shadowed(ordering, &sla->rule, &before->rule, false, "lead");
                        return;
                }
        }
}

/* ---- automatic moves ----------------------------------------------------- */

static bool leaves(const Move *move, const Status *status) {
        for (size_t i = 0; i < move->n_from; i++)
                if (move->from[i] == status)
                        return true;
        return false;
}

static bool is_fenced(const RuleSet *rules, const Status *status) {
        for (size_t f = 0; f < rules->n_fences; f++)
                for (size_t i = 0; i < rules->fences[f].n_blocks; i++)
                        if (rules->fences[f].blocks[i] == status)
                                return true;
        return false;
}

static bool is_left_by_any(const RuleSet *rules, const Status *status) {
        for (size_t m = 0; m < rules->n_moves; m++)
                if (leaves(&rules->moves[m], status))
                        return true;
        return false;
}

/* Whenever `move` applies in the status, does `before`, which is asked first? Fences on another way, and the rule that no status is
 * entered twice in one event, may keep the first from applying where the second could. */
static bool move_wins(Ordering *ordering, const Move *before, const Move *move, const Status *status) {
        const RuleSet *rules = ordering->load->loader.rules;
        Part parts[6];
        size_t n = 0;

        if (before->by != BY_RULES || !leaves(before, status) ||
                (before->to != move->to && (is_fenced(rules, before->to) || is_left_by_any(rules, before->to))))
                return false;
        if (move->n_needs + 1 > ARRAY_SIZE(parts))
                return false;
        parts[n++] = (Part){ .condition = move->when };
        for (size_t i = 0; i < move->n_needs; i++)
                parts[n++] = (Part){ .condition = move->needs[i].condition };
        ordering->statuses[0] = status;
        ordering->n_statuses = 1;
        if (!implies(ordering, parts, n, before->when))
                return false;
        for (size_t i = 0; i < before->n_needs; i++)
                if (!implies(ordering, parts, n, before->needs[i].condition))
                        return false;
        return true;
}

static void check_move(Ordering *ordering, const Move *move) {
        const RuleSet *rules = ordering->load->loader.rules;
        const Move *winner = NULL;
        size_t n_pairs = 0;

        if (move->by != BY_RULES || ordering->never[move->rule.index])
                return;
        for (size_t i = 0; i < move->n_from; i++) {
                bool won = false;

                for (const Move *before = move; before-- > rules->moves && !won && n_pairs < ORDER_PAIRS_MAX; n_pairs++) {
                        won = move_wins(ordering, before, move, move->from[i]);
                        if (won)
                                winner = before;
                }
                if (!won)
                        return;
        }
        if (winner)
                shadowed(ordering, &move->rule, &winner->rule, condition_is_always(winner->when) && winner->n_needs == 0,
                        "lead in these statuses");
}

/* ---- automatic moves that undo each other -------------------------------- */

/* Does it ask for something that the move itself changes? Then what held before says nothing of afterwards. */
static int reads_the_move(const Compared *compared, void *userdata _unused_) {
        if (!compared->ref)
                return 0;
        switch (compared->ref->kind) {
        case REF_STATUS:
        case REF_TEAM:
        case REF_OWNER:
        case REF_TRACK:
        case REF_IN_STATUS:
                return 1;
        default:
                return 0;
        }
}

static bool depends_on_move(const Condition *condition) {
        if (!condition)
                return false;
        if (condition->type == NODE_DID)
                return condition->did->since_move;
        if (condition->type == NODE_FUNCTION || condition->type == NODE_MATCH)
                return condition->type == NODE_FUNCTION || walk_compared(condition, reads_the_move, NULL) != 0;
        for (uint32_t i = 0; i < condition->n_children; i++)
                if (depends_on_move(&condition->children[i]))
                        return true;
        return false;
}

static bool move_depends_on_move(const Move *move) {
        bool depends = depends_on_move(move->when);

        for (size_t i = 0; i < move->n_needs; i++)
                depends = depends || depends_on_move(move->needs[i].condition);
        return depends;
}

/* Does `next` apply in the status whenever the parts hold, fences apart? */
static bool follows(Ordering *ordering, const Part *parts, size_t n, const Move *next, const Status *status) {
        if (next->by != BY_RULES || !leaves(next, status) || ordering->never[next->rule.index] || move_depends_on_move(next) ||
                is_fenced(ordering->load->loader.rules, next->to) || !implies(ordering, parts, n, next->when))
                return false;
        for (size_t i = 0; i < next->n_needs; i++)
                if (!implies(ordering, parts, n, next->needs[i].condition))
                        return false;
        return true;
}

/* A lead that one move takes away, others bring back at its next events, and so on for ever: nothing in between has to change. */
static void check_circle(Ordering *ordering, const Move *start, bool *told) {
        const RuleSet *rules = ordering->load->loader.rules;
        const Status *status = start->to;
        Part parts[6];
        size_t n = 0, n_pairs = 0;

        if (start->by != BY_RULES || ordering->never[start->rule.index] || told[start->rule.index] || move_depends_on_move(start) ||
                is_fenced(rules, start->to) || start->n_needs + 1 > ARRAY_SIZE(parts))
                return;
        parts[n++] = (Part){ .condition = start->when };
        for (size_t i = 0; i < start->n_needs; i++)
                parts[n++] = (Part){ .condition = start->needs[i].condition };
        ordering->n_statuses = 0;
        for (size_t length = 1; length <= rules->n_statuses && !leaves(start, status); length++) {
                const Move *next = NULL;

                if (status->kind == STATUS_FINAL)
                        return; /* no rule leads on */
                for (size_t m = 0; m < rules->n_moves && !next && n_pairs < ORDER_PAIRS_MAX; m++)
                        if (rules->moves[m].by == BY_RULES && leaves(&rules->moves[m], status)) {
                                n_pairs++;
                                if (follows(ordering, parts, n, &rules->moves[m], status))
                                        next = &rules->moves[m];
                        }
                if (!next)
                        return;
                told[next->rule.index] = true;
                status = next->to;
                if (status->kind == STATUS_FINAL || !leaves(start, status))
                        continue;
                ordering->load->loader.rule = &start->rule;
                loader_warning(&ordering->load->loader,
                        "goes round in circles: whenever it applies, \"%s\" (%s:%d) leads back to \"%s\" at a next event", next->rule.name,
                        next->rule.file, next->rule.line, status->rule.name);
                return;
        }
}

/* ---- adapters ------------------------------------------------------------ */

static bool match_is_among(const AdapterMatch *match, const Adapter *adapter) {
        for (size_t i = 0; i < adapter->n_match; i++) {
                const AdapterMatch *other = &adapter->match[i];

                if (base_streq(match->path, other->path) &&
                        (!match->equals || base_streq(match->equals, "*") || (other->equals && base_streq(match->equals, other->equals))))
                        return true;
        }
        return false;
}

static void check_adapter(Ordering *ordering, const AdapterDecl *declared) {
        const RuleSet *rules = ordering->load->loader.rules;
        const Adapter *adapter = &declared->adapter;

        for (const AdapterDecl *before = rules->adapters; before < declared; before++) {
                const Adapter *first = &before->adapter;
                bool wins = (!first->format || (adapter->format && base_streq(first->format, adapter->format))) &&
                            (!first->source_glob || base_streq(first->source_glob, "*") ||
                                    (adapter->source_glob && base_streq(first->source_glob, adapter->source_glob)));

                for (size_t i = 0; i < first->n_match && wins; i++)
                        wins = match_is_among(&first->match[i], adapter);
                if (wins) {
                        ordering->load->loader.rule = &declared->rule;
                        loader_warning(&ordering->load->loader,
                                "never applies: \"%s\" (%s:%d) comes first and takes every payload that this would", before->rule.name,
                                before->rule.file, before->rule.line);
                        return;
                }
        }
}

int check_order(Load *load, Solver *solver, const bool *never) {
        const RuleSet *rules = load->loader.rules;
        Ordering ordering = { .load = load, .solver = solver, .never = never };

        ordering.statuses = ARENA_ARRAY(load->scratch, const Status *, rules->n_statuses + 1);
        bool *told = ARENA_ARRAY(load->scratch, bool, rules->n_rules + 1);
        if (!ordering.statuses || !told)
                return load_exhausted(load);
        for (size_t i = 0; i < rules->n_routes; i++)
                if (rules->routes[i].account || rules->routes[i].previous)
                        check_owner_route(&ordering, &rules->routes[i]);
                else
                        check_route(&ordering, &rules->routes[i]);
        for (size_t i = 0; i < rules->n_slas; i++)
                check_sla(&ordering, &rules->slas[i]);
        for (size_t i = 0; i < rules->n_moves; i++) {
                check_move(&ordering, &rules->moves[i]);
                check_circle(&ordering, &rules->moves[i], told);
        }
        for (size_t i = 0; i < rules->n_adapters; i++)
                check_adapter(&ordering, &rules->adapters[i]);
        return 0;
}
