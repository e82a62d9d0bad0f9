/* SPDX-License-Identifier: MIT */
/*
 * check_conditions: rules that can never match, whole or in part, and conditions that decide nothing because they always hold. Each
 * condition is asked where it is asked: a move's in the statuses it leaves, an SLA's in its status, a route's in those of its team.
 */
#include "check.h"

#define WHY_SIZE 300 /* bytes of an explanation in a warning */

typedef struct Checking {
        Load *load;
        Solver *solver;
        const Status **statuses; /* scratch: of the place at hand */
        size_t n_statuses;
        bool *never; /* by rule index */
        Text why;
} Checking;

/* ---- where a condition is asked ------------------------------------------ */

static void add_status(Checking *checking, const Status *status) {
        for (size_t i = 0; i < checking->n_statuses; i++)
                if (checking->statuses[i] == status)
                        return;
        checking->statuses[checking->n_statuses++] = status;
}

static void find_statuses(Checking *checking, const Rule *rule) {
        const RuleSet *rules = checking->load->loader.rules;
        const void *body = rule;

        checking->n_statuses = 0;
        switch (rule->kind) {
        case RULE_MOVE:
                for (size_t i = 0; i < ((const Move *) body)->n_from; i++)
                        add_status(checking, ((const Move *) body)->from[i]);
                break;
        case RULE_REASON:
                for (size_t m = 0; m < rules->n_moves; m++)
                        for (size_t k = 0; k < rules->moves[m].n_reasons; k++)
                                for (size_t i = 0; rules->moves[m].reasons[k] == body && i < rules->moves[m].n_from; i++)
                                        add_status(checking, rules->moves[m].from[i]);
                break;
        case RULE_SLA:
                add_status(checking, ((const Sla *) body)->status);
                break;
        case RULE_ROUTE:
                for (size_t s = 0; s < rules->n_statuses; s++)
                        if (((const Route *) body)->team && rules->statuses[s].team == ((const Route *) body)->team)
                                add_status(checking, &rules->statuses[s]);
                break;
        default:
                break;
        }
}

static bool can_hold(Checking *checking, const Part *parts, size_t n) {
        text_clear(&checking->why);
        return solver_can_hold(checking->solver, parts, n, checking->statuses, checking->n_statuses, &checking->why);
}

static const char *why(const Checking *checking) { return checking->why.size > 0 ? checking->why.data : "its parts exclude each other"; }

/* ---- never --------------------------------------------------------------- */

/* One choice of an any{} that stands among the parts of an all{}: together with the other parts. */
static void check_choices(Checking *checking, const Place *place, const Condition *any, const Condition *others, size_t n_others) {
        Part *parts = ARENA_ARRAY(checking->load->scratch, Part, n_others + 1);

        if (!parts) {
                (void) load_exhausted(checking->load);
                return;
        }
        for (uint32_t i = 0; i < any->n_children; i++) {
                size_t n = 0;

                parts[n++].condition = &any->children[i];
                for (size_t k = 0; k < n_others; k++)
                        if (&others[k] != any)
                                parts[n++].condition = &others[k];
                if (!can_hold(checking, parts, n))
                        loader_warning(&checking->load->loader, "%s: choice %u of its any{..} can never match: %.*s", place->key, i + 1,
                                WHY_SIZE, why(checking));
        }
}

static void check_parts(Checking *checking, const Place *place) {
        const Condition *root = place->condition;
        const Condition *parts = root->type == NODE_ALL ? root->children : root;
        size_t n = root->type == NODE_ALL ? root->n_children : 1;

        for (size_t i = 0; i < n; i++) {
                if (parts[i].type == NODE_ANY)
                        check_choices(checking, place, &parts[i], parts, n);
                for (uint32_t k = 0; parts[i].type == NODE_NONE && k < parts[i].n_children; k++) {
                        const Part part = { .condition = &parts[i].children[k] };

                        if (!can_hold(checking, &part, 1))
                                loader_warning(&checking->load->loader, "%s: none{..} excludes what can never match: %.*s", place->key,
                                        WHY_SIZE, why(checking));
                }
        }
}

/* Criteria, segments and fences are there to tell leads apart. */
static bool should_decide(const Rule *rule) {
        return rule->kind == RULE_CRITERION || rule->kind == RULE_SEGMENT || rule->kind == RULE_FENCE || rule->kind == RULE_JUNK;
}

static int on_place(const Place *place, void *userdata) {
        Checking *checking = userdata;
        Loader *loader = &checking->load->loader;
        const Part holds = { .condition = place->condition }, fails = { .condition = place->condition, .negated = true };

        loader->rule = place->rule;
        find_statuses(checking, place->rule);
        if (!can_hold(checking, &holds, 1)) {
                checking->never[place->rule->index] = true;
                loader_warning(loader, "%s: can never match: %.*s", place->key, WHY_SIZE, why(checking));
                return 0;
        }
        if (should_decide(place->rule) && !condition_is_always(place->condition) && !can_hold(checking, &fails, 1)) {
                loader_warning(loader,
                        place->rule->kind == RULE_FENCE ? "%s: always holds: nobody ever gets past this fence"
                                                        : "%s: always holds, so it decides nothing",
                        place->key);
                return 0;
        }
        check_parts(checking, place);
        return 0;
}

/* ---- moves: when, needs and fences together ------------------------------ */

static bool names_status(const Status *const *statuses, size_t n, const Status *status) {
        for (size_t i = 0; i < n; i++)
                if (statuses[i] == status)
                        return true;
        return false;
}

static void check_move(Checking *checking, const Move *move) {
        const RuleSet *rules = checking->load->loader.rules;
        size_t n = 0;
        Part *parts = ARENA_ARRAY(checking->load->scratch, Part, move->n_needs + 2);

        if (!parts) {
                (void) load_exhausted(checking->load);
                return;
        }
        checking->load->loader.rule = &move->rule;
        find_statuses(checking, &move->rule);
        parts[n++].condition = move->when;
        for (size_t i = 0; i < move->n_needs; i++)
                parts[n++].condition = move->needs[i].condition;
        if (n > 1 && !can_hold(checking, parts, n)) {
                checking->never[move->rule.index] = true;
                loader_warning(&checking->load->loader, "never applies: %s exclude each other: %.*s",
                        move->when ? "\"when\" and \"needs\"" : "its \"needs\"", WHY_SIZE, why(checking));
                return;
        }
        for (size_t f = 0; f < rules->n_fences; f++) {
                const Fence *fence = &rules->fences[f];
                bool blocks = false, everywhere = true;

                for (size_t i = 0; i < fence->n_blocks; i++)
                        blocks = blocks || (move->to && fence->blocks[i] == move->to);
                for (size_t i = 0; i < move->n_from && fence->n_from > 0; i++)
                        everywhere = everywhere && names_status(fence->from, fence->n_from, move->from[i]);
                if (!blocks || !everywhere || !fence->when || checking->never[fence->rule.index])
                        continue;
                parts[n] = (Part){ .condition = fence->when, .negated = true };
                if (!can_hold(checking, parts, n + 1))
                        loader_warning(&checking->load->loader,
                                "never gets through: whenever it applies, the fence \"%s\" (%s:%d) is closed", fence->rule.name,
                                fence->rule.file, fence->rule.line);
        }
}

int check_conditions(Load *load, Solver *solver, bool *never) {
        const RuleSet *rules = load->loader.rules;
        Checking checking = { .load = load, .solver = solver, .never = never };

        checking.statuses = ARENA_ARRAY(load->scratch, const Status *, rules->n_statuses + 1);
        if (!checking.statuses)
                return load_exhausted(load);
        (void) walk_conditions(rules, on_place, &checking);
        for (size_t i = 0; i < rules->n_moves; i++)
                if (!never[rules->moves[i].rule.index])
                        check_move(&checking, &rules->moves[i]);
        int r = checking.why.error;
        text_free(&checking.why);
        return r < 0 || load->loader.out_of_memory ? load_exhausted(load) : 0;
}
