/* SPDX-License-Identifier: MIT */
/*
 * Can a condition ever hold? A small search over the compiled tree, for the checks of whole rule sets. It is sound: when it says no,
 * there is no such lead. It is not complete, and need not be: a warning that is wrong costs more than one that is missing.
 *
 * Conditions are taken apart into literals: this path matches (or does not), this did{} holds (or does not). all{} adds to what must hold,
 * any{} is tried choice by choice. For each path the literals met so far are put to every value that could tell them apart: the listed
 * words, numbers at and beside each bound, all statuses and grades there are. When no value and no absence satisfies them, this choice is
 * closed. Where texts are not listed (has, starts, ..) only what one pattern says of another is used. Functions are free to say anything.
 */
#include "check_satisfy.h"
#include <errno.h>

typedef struct Pending Pending;
struct Pending {
        const Condition *condition;
        bool negated;
        const Pending *next;
};

Solver *solver_new(const RuleSet *rules) {
        Solver *solver = calloc(1, sizeof(Solver));

        if (!solver)
                return NULL;
        solver->rules = rules;
        solver->arena = arena_new(POLICY_ARENA_MAX);
        if (!solver->arena)
                return solver_free(solver);
        for (size_t i = 0; i < rules->n_groups && i < POLICY_GROUPS_MAX; i++)
                score_group_reach(rules, &rules->groups[i], &solver->least_mp[i], &solver->most_mp[i]);
        return solver;
}

Solver *solver_free(Solver *solver) {
        if (solver)
                (void) arena_free(solver->arena);
        free(solver);
        return NULL;
}

void solver_freep(Solver **solver) { *solver = solver_free(*solver); }

bool condition_has_function(const Condition *condition) {
        if (!condition || condition->type == NODE_MATCH || condition->type == NODE_DID)
                return false;
        if (condition->type == NODE_FUNCTION)
                return true;
        for (uint32_t i = 0; i < condition->n_children; i++)
                if (condition_has_function(&condition->children[i]))
                        return true;
        return false;
}

/* ---- in words ---- */

static void say_literal(Solver *solver, const Literal *literal, Text *out) {
        Condition shown = literal->did ? (Condition){ .type = NODE_DID, .did = literal->did }
                                       : (Condition){ .type = NODE_MATCH, .matcher = literal->matcher, .ref = *literal->ref };

        text_append(out, literal->negated ? "not (" : "");
        condition_describe(solver->rules, &shown, out);
        text_append(out, literal->negated ? ")" : "");
}

static void say_limits(Solver *solver, const Literal *literal, Text *out) {
        if (literal->ref && (literal->ref->kind == REF_STATUS || literal->ref->kind == REF_TEAM) && solver->n_statuses > 0)
                for (size_t i = 0; i < solver->n_statuses; i++)
                        text_printf(out, "%s\"%s\"",
                                i == 0                       ? ", but it is asked in "
                                : i + 1 < solver->n_statuses ? ", "
                                                             : " and ",
                                solver->statuses[i]->rule.name);
        else if (literal->ref && literal->ref->kind == REF_GROUP)
                text_printf(out, ", but %s goes from %.12g to %.12g", literal->ref->path,
                        (double) solver->least_mp[literal->ref->group] / 1000, (double) solver->most_mp[literal->ref->group] / 1000);
        else if (literal->matcher && literal->matcher->op == MATCH_LIST && literal->matcher->list->n_items == 0)
                text_append(out, ", which is empty");
        else if (literal->matcher && literal->matcher->op == MATCH_ABSENT)
                text_append(out, ", but what is not known matches nothing here");
}

static void say_conflict(Solver *solver, const Literal *first, const Literal *second) {
        if (!solver->why || solver->why->size > 0)
                return;
        say_literal(solver, first, solver->why);
        if (second) {
                text_append(solver->why, ", and ");
                say_literal(solver, second, solver->why);
        } else
                say_limits(solver, first, solver->why);
}

/* ---- did{} ---- */

/* The words of did{} as literals about one activity. */
static size_t did_literals(const Did *did, Matcher *type_matcher, Word *type_word, Literal *ret, size_t n_max) {
        static const Ref type_ref = { .kind = REF_ACTIVITY_TYPE, .type = TYPE_TEXT, .path = "type" };
        size_t n = 0;

        if (did->type) {
                *type_word = (Word){ .text = did->type, .size = strlen(did->type), .written = did->type };
                *type_matcher = (Matcher){ .op = MATCH_EQUALS, .words = type_word, .n_words = 1 };
                ret[n++] = (Literal){ .ref = &type_ref, .matcher = type_matcher };
        }
        for (size_t i = 0; i < did->n_matchers && n < n_max; i++)
                ret[n++] = (Literal){ .ref = &did->matchers[i].ref, .matcher = did->matchers[i].matcher };
        return n;
}

/* Can one activity be what it looks for? */
static bool did_can_match(Solver *solver, const Did *did) {
        Literal literals[SOLVER_LITERALS_MAX];
        Matcher type_matcher;
        Word type_word;
        size_t n = did_literals(did, &type_matcher, &type_word, literals, ARRAY_SIZE(literals));

        for (size_t i = 0; i < n; i++) {
                const Literal *same[SOLVER_LITERALS_MAX];
                size_t n_same = 0;

                for (size_t k = 0; k < n; k++)
                        if (same_variable(literals[k].ref, literals[i].ref))
                                same[n_same++] = &literals[k];
                if (!path_can(solver, same, n_same))
                        return false;
        }
        return true;
}

static bool did_within(Solver *solver, const Did *did, const Did *other) {
        Literal literals[SOLVER_LITERALS_MAX], asked[SOLVER_LITERALS_MAX];
        Matcher type_matcher, other_type;
        Word type_word, other_word;
        size_t n = did_literals(did, &type_matcher, &type_word, literals, ARRAY_SIZE(literals) - 1);
        size_t n_asked = did_literals(other, &other_type, &other_word, asked, ARRAY_SIZE(asked));

        if (other->within_us > 0 && (did->within_us == 0 || did->within_us > other->within_us))
                return false;
        if (other->since_move && !did->since_move)
                return false;
        for (size_t i = 0; i < n_asked; i++) {
                const Literal *same[SOLVER_LITERALS_MAX];
                Literal fails = asked[i];
                size_t n_same = 0;

                fails.negated = true;
                same[n_same++] = &fails;
                for (size_t k = 0; k < n; k++)
                        if (same_variable(literals[k].ref, asked[i].ref))
                                same[n_same++] = &literals[k];
                if (path_can(solver, same, n_same))
                        return false;
        }
        return true;
}

/* How many there must and may be, when the literal is true. false: it says nothing that is one range. */
static bool did_range(const Literal *literal, int64_t *ret_low, int64_t *ret_high) {
        const Did *did = literal->did;
        bool exactly = did->exactly >= 0;

        *ret_low = 0;
        *ret_high = INT64_MAX;
        if (!literal->negated) {
                *ret_low = exactly ? did->exactly : did->at_least;
                *ret_high = exactly ? did->exactly : INT64_MAX;
        } else if (!exactly)
                *ret_high = did->at_least - 1;
        else if (did->exactly == 0)
                *ret_low = 1;
        else
                return false;
        return true;
}

/* The most different values that `distinct` can meet. */
static int64_t did_most_distinct(const Did *did) {
        if (!did->distinct)
                return INT64_MAX;
        if (did->distinct->kind == REF_ACTIVITY_TYPE && did->type)
                return 1;
        for (size_t i = 0; i < did->n_matchers; i++) {
                const Matcher *matcher = did->matchers[i].matcher;
                /* Texts are counted as sent and compared without case: "a" and "A" are two, so lists of texts bound nothing. */
                if (same_variable(did->distinct, &did->matchers[i].ref) && matcher->op == MATCH_EQUALS && !matcher->negate &&
                        matcher->n_words == 0)
                        return (int64_t) matcher->n_numbers + matcher->with_true + matcher->with_false;
        }
        return INT64_MAX;
}

static bool did_can(Solver *solver, const Literal *literal) {
        int64_t low, high;

        if (!did_range(literal, &low, &high) || low == 0)
                return true;
        if (did_can_match(solver, literal->did) && low <= did_most_distinct(literal->did))
                return true;
        say_conflict(solver, literal, NULL);
        return false;
}

/* Two did{}s exclude each other when one counts at most what the other counts, and must count more. */
static bool dids_meet(Solver *solver, const Literal *a, const Literal *b) {
        const Literal *pairs[2][2] = { { a, b }, { b, a } };

        for (size_t turn = 0; turn < 2; turn++) {
                a = pairs[turn][0];
                b = pairs[turn][1];
                int64_t a_low, a_high, b_low, b_high;
                bool same_counting = a->did->distinct && b->did->distinct ? same_variable(a->did->distinct, b->did->distinct)
                                                                          : !a->did->distinct && !b->did->distinct;

                if (!same_counting || !did_range(a, &a_low, &a_high) || !did_range(b, &b_low, &b_high) || a_low <= b_high)
                        continue;
                if (did_within(solver, a->did, b->did)) {
                        say_conflict(solver, a, b);
                        return false;
                }
        }
        return true;
}

/* ---- the search ---- */

static bool give_up(Solver *solver) {
        solver->gave_up = true;
        return true;
}

/* Adds a literal; false when it excludes those before it. */
static bool add_literal(Solver *solver, Literal literal) {
        const Literal *same[SOLVER_LITERALS_MAX];
        size_t n = 0;

        if (solver->n_literals == SOLVER_LITERALS_MAX || solver->n_steps > SOLVER_STEPS_MAX)
                return give_up(solver);
        solver->literals[solver->n_literals] = literal;
        const Literal *added = &solver->literals[solver->n_literals++];
        if (literal.did) {
                if (!did_can(solver, added))
                        return false;
                for (size_t i = 0; i + 1 < solver->n_literals; i++)
                        if (solver->literals[i].did && !dids_meet(solver, &solver->literals[i], added))
                                return false;
                return true;
        }
        for (size_t i = 0; i < solver->n_literals; i++)
                if (solver->literals[i].ref && same_variable(solver->literals[i].ref, literal.ref))
                        same[n++] = &solver->literals[i];
        if (path_can(solver, same, n))
                return true;
        if (solver->why && solver->why->size == 0) {
                const Literal *other = NULL;
                if (path_can(solver, &added, 1))
                        for (size_t i = 0; i + 1 < n && !other; i++)
                                if (!path_can(solver, (const Literal *[]){ same[i], added }, 2))
                                        other = same[i];
                if (other)
                        say_conflict(solver, other, added);
                else if (n == 1 || !path_can(solver, &added, 1))
                        say_conflict(solver, added, NULL);
                else
                        say_conflict(solver, same[0], added);
        }
        return false;
}

static const Pending *push(Solver *solver, const Pending *next, const Condition *condition, bool negated) {
        Pending *pending = ARENA_NEW(solver->arena, Pending);

        if (!pending) {
                solver->gave_up = true;
                return next;
        }
        *pending = (Pending){ .condition = condition, .negated = negated, .next = next };
        return pending;
}

/* A segment is what its condition says, now. */
static const Pending *push_segments(Solver *solver, const Pending *next, const Condition *node, bool negated) {
        const Matcher *matcher = node->matcher;
        const RuleSet *rules = solver->rules;

        if (matcher->op != MATCH_SEGMENTS)
                return next;
        if (matcher->negate == negated) {
                Condition *children = ARENA_ARRAY(solver->arena, Condition, matcher->n_segments),
                          *any = ARENA_NEW(solver->arena, Condition);

                if (!children || !any) {
                        solver->gave_up = true;
                        return next;
                }
                for (size_t i = 0; i < matcher->n_segments; i++)
                        children[i] = *rules->segments[matcher->segments[i]].when;
                *any = (Condition){ .type = NODE_ANY, .n_children = (uint32_t) matcher->n_segments, .children = children };
                return push(solver, next, any, false);
        }
        /* One whose function broke is not joined, whatever else its condition says. */
        for (size_t i = 0; i < matcher->n_segments; i++)
                if (!condition_has_function(rules->segments[matcher->segments[i]].when))
                        next = push(solver, next, rules->segments[matcher->segments[i]].when, true);
        return next;
}

/* The parts in todo hold one by one; of each in choices one child must. */
static bool search(Solver *solver, const Pending *todo, const Pending *choices, int depth) {
        while (todo && !solver->gave_up) {
                const Condition *node = todo->condition;
                bool negated = todo->negated, is_choice = node->type == NODE_ANY ? !negated : negated;

                todo = todo->next;
                if (node->type == NODE_MATCH && node->ref.kind == REF_SEGMENT)
                        todo = push_segments(solver, todo, node, negated);
                else if (node->type == NODE_MATCH || node->type == NODE_DID) {
                        const Literal literal = { .ref = node->type == NODE_MATCH ? &node->ref : NULL,
                                .matcher = node->type == NODE_MATCH ? node->matcher : NULL,
                                .did = node->type == NODE_DID ? node->did : NULL,
                                .negated = negated };

                        if (!add_literal(solver, literal))
                                return false;
                } else if (node->type == NODE_FUNCTION)
                        continue;
                else if (is_choice && node->n_children != 1)
                        choices = push(solver, choices, node, negated);
                else
                        for (uint32_t i = node->n_children; i-- > 0;)
                                todo = push(solver, todo, &node->children[i], node->type == NODE_NONE ? !negated : negated);
        }
        if (solver->gave_up || !choices)
                return true;
        if (depth == SOLVER_DEPTH_MAX)
                return give_up(solver);

        const Condition *node = choices->condition;
        bool negated = node->type == NODE_NONE ? !choices->negated : choices->negated;
        size_t n_literals = solver->n_literals;

        for (uint32_t i = 0; i < node->n_children && !solver->gave_up; i++) {
                if (++solver->n_steps > SOLVER_STEPS_MAX)
                        return give_up(solver);
                if (search(solver, push(solver, NULL, &node->children[i], negated), choices->next, depth + 1))
                        return true;
                solver->n_literals = n_literals;
        }
        return solver->gave_up;
}

static void begin(Solver *solver, const Status *const *statuses, size_t n_statuses) {
        arena_reset(solver->arena);
        solver->nobody = (Subject){ 0 };
        eval_init(&solver->eval, (RuleSet *) solver->rules, &solver->nobody, solver->arena, PHASE_DECISION);
        solver->statuses = statuses;
        solver->n_statuses = n_statuses;
        solver->n_total += solver->n_steps + 1;
        solver->n_steps = solver->n_literals = 0;
        solver->gave_up = solver->n_total > SOLVER_TOTAL_MAX;
        solver->why = NULL;
}

bool solver_can_hold(Solver *solver, const Part *parts, size_t n_parts, const Status *const *statuses, size_t n_statuses, Text *why) {
        const Pending *todo = NULL;

        begin(solver, statuses, n_statuses);
        solver->why = why;
        for (size_t i = n_parts; i-- > 0;) {
                if (!parts[i].condition && parts[i].negated)
                        return false;
                /* What a broken function's condition would have said is not known: it just does not hold. */
                if (parts[i].condition && !(parts[i].negated && condition_has_function(parts[i].condition)))
                        todo = push(solver, todo, parts[i].condition, parts[i].negated);
        }
        return search(solver, todo, NULL, 0) || solver->eval.error < 0;
}

bool solver_did_within(Solver *solver, const Did *did, const Did *other) {
        begin(solver, NULL, 0);
        return did_within(solver, did, other);
}

int policy_can_hold_in(const RuleSet *rules, const Condition *condition, const Status *status, bool *ret) {
        _cleanup_(solver_freep) Solver *solver = solver_new(rules);
        const Part part = { .condition = condition };

        if (!solver)
                return -ENOMEM;
        *ret = solver_can_hold(solver, &part, 1, &status, 1, NULL);
        return 0;
}
