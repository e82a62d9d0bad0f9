/* SPDX-License-Identifier: MIT */
/*
 * One path and all that a condition asks of it: is there a value that satisfies everything? Where values can be listed they are tried
 * one by one, through the very code that judges leads: statuses, grades, words, numbers at and beside each bound. Of texts that are
 * only described (has, starts, ..) what one pattern says of another is used, and nothing else.
 */
#include "check_satisfy.h"
#include "leadd/plans.h"
#include <math.h>

/* ---- one value ---- */

bool same_variable(const Ref *a, const Ref *b) {
        /* A lead's team is that of its status: both are asked of one status at a time. */
        if ((a->kind == REF_STATUS || a->kind == REF_TEAM) && (b->kind == REF_STATUS || b->kind == REF_TEAM))
                return true;
        return a->kind == b->kind && a->field == b->field && a->fallback == b->fallback && a->group == b->group &&
               (a->key == NULL) == (b->key == NULL) && (!a->key || base_streq(a->key, b->key));
}

/* What the matcher says of a value that is there, `negate` left aside. */
static bool value_fits_matcher(Solver *solver, const Ref *ref, const Matcher *matcher, const Value *value) {
        if (value->type != VALUE_TEXT)
                return eval_matches(&solver->eval, ref, matcher, value, EVAL_NO_SLOT) != matcher->negate;
        switch (matcher->op) {
        case MATCH_PRESENT:
                return true;
        case MATCH_EQUALS:
        case MATCH_HAS:
        case MATCH_WORD:
        case MATCH_STARTS:
        case MATCH_ENDS:
        case MATCH_LIKE:
        case MATCH_LIST:
                return condition_text_matches(matcher, value->text, value->size);
        default:
                return false;
        }
}

/* Does the value have to match, `negate` and the literal's own sign together? Of a value that is there. */
static bool literal_wants_match(const Literal *literal) { return literal->matcher->negate == literal->negated; }

static bool literal_allows(Solver *solver, const Literal *literal, const Value *value) {
        /* Long lists and long texts take as many steps as they take time. */
        solver->n_steps += 1 + (literal->matcher->n_words + 1) * ((value && value->type == VALUE_TEXT ? value->size : 0) / 64 + 1) / 8;
        if (!value)
                return eval_matches(&solver->eval, literal->ref, literal->matcher, NULL, EVAL_NO_SLOT) != literal->negated;
        return value_fits_matcher(solver, literal->ref, literal->matcher, value) == literal_wants_match(literal);
}

static bool all_allow(Solver *solver, const Literal *const *literals, size_t n, const Value *value) {
        for (size_t i = 0; i < n; i++)
                if (!literal_allows(solver, literals[i], value))
                        return false;
        return true;
}

/* ---- every value that there can be: statuses, grades, true and false ---- */

static Value name_value(Solver *solver, const char *name) {
        size_t size = 0;
        const char *folded = utf8_casefold(solver->arena, name, strlen(name), &size);

        if (!folded)
                solver->gave_up = true;
        return folded ? value_text_size(folded, size) : value_text(name);
}

static bool status_can(Solver *solver, const Literal *const *literals, size_t n) {
        size_t n_all = solver->n_statuses > 0 ? solver->n_statuses : solver->rules->n_statuses;

        for (size_t s = 0; s < n_all; s++) {
                const Status *status = solver->n_statuses > 0 ? solver->statuses[s] : &solver->rules->statuses[s];
                Value name = name_value(solver, status->rule.name);
                Value team = status->team ? name_value(solver, status->team->rule.name) : name;
                bool can = true;

                for (size_t i = 0; i < n && can; i++)
                        can = literal_allows(solver, literals[i], literals[i]->ref->kind == REF_TEAM ? &team : &name);
                if (can || solver->gave_up)
                        return true;
        }
        return solver->n_statuses == 0 && all_allow(solver, literals, n, NULL);
}

static bool owner_can(Solver *solver, const Literal *const *literals, size_t n) {
        for (size_t i = 0; i < solver->rules->n_members; i++) {
                Value name = name_value(solver, solver->rules->members[i].rule.name);

                if (solver->gave_up || all_allow(solver, literals, n, &name))
                        return true;
        }
        return all_allow(solver, literals, n, NULL);
}

static bool track_can(Solver *solver, const Literal *const *literals, size_t n) {
        for (size_t i = 0; i < solver->rules->n_tracks; i++) {
                Value name = name_value(solver, solver->rules->tracks[i].rule.name);

                if (solver->gave_up || all_allow(solver, literals, n, &name))
                        return true;
        }
        return all_allow(solver, literals, n, NULL);
}

static bool grade_can(Solver *solver, const Literal *const *literals, size_t n) {
        const Grade *grade = solver->rules->grade;

        for (size_t i = 0; grade && i < grade->n_fit; i++)
                for (size_t j = 0; j < grade->n_engagement; j++) {
                        const char *text = arena_printf(solver->arena, "%s%s", grade->fit[i].name, grade->engagement[j].name);

                        if (!text) {
                                solver->gave_up = true;
                                return true;
                        }
                        Value name = name_value(solver, text);
                        if (all_allow(solver, literals, n, &name))
                                return true;
                }
        return all_allow(solver, literals, n, NULL);
}

static bool bool_can(Solver *solver, const Literal *const *literals, size_t n) {
        const Value yes = value_bool(true), no = value_bool(false);

        return all_allow(solver, literals, n, &yes) || all_allow(solver, literals, n, &no);
}

/* ---- numbers: every bound, and a value on each side of it ---- */

typedef struct Candidates {
        Value items[SOLVER_CANDIDATES_MAX];
        size_t n;
        bool too_many;
} Candidates;

static void add_candidate(Candidates *candidates, Value value) {
        if (candidates->n == SOLVER_CANDIDATES_MAX)
                candidates->too_many = true;
        else
                candidates->items[candidates->n++] = value;
}

static int compare_doubles(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

static void add_integers_around(Candidates *candidates, int64_t at) {
        add_candidate(candidates, value_integer(at));
        if (at > INT64_MIN)
                add_candidate(candidates, value_integer(at - 1));
        if (at < INT64_MAX)
                add_candidate(candidates, value_integer(at + 1));
}

/* Between two neighbouring bounds all numbers are alike: each bound and one number of each gap stand for all there are. */
static void add_numbers(Candidates *candidates, const Literal *const *literals, size_t n) {
        double bounds[SOLVER_CANDIDATES_MAX / 4];
        size_t n_bounds = 0;

        for (size_t i = 0; i < n; i++) {
                const Matcher *matcher = literals[i]->matcher;

                if (matcher->op == MATCH_INTEGERS) {
                        add_integers_around(candidates, matcher->low);
                        add_integers_around(candidates, matcher->high);
                }
                if (matcher->op == MATCH_NUMBERS || matcher->n_numbers > 0)
                        for (size_t k = 0; k < matcher->n_numbers + 2; k++) {
                                double number = matcher->low_number;

                                if (k == 1)
                                        number = matcher->high_number;
                                else if (k > 1) {
                                        add_candidate(candidates, matcher->numbers[k - 2]);
                                        if (matcher->numbers[k - 2].type == VALUE_INTEGER)
                                                add_integers_around(candidates, matcher->numbers[k - 2].integer);
                                        (void) value_as_number(&matcher->numbers[k - 2], &number);
                                } else if (matcher->op != MATCH_NUMBERS)
                                        continue;
                                if (k == 1 && matcher->op != MATCH_NUMBERS)
                                        continue;
                                if (n_bounds == ARRAY_SIZE(bounds)) {
                                        candidates->too_many = true;
                                        return;
                                }
                                if (isfinite(number))
                                        bounds[n_bounds++] = number;
                        }
        }
        add_candidate(candidates, value_number(0));
        add_candidate(candidates, value_integer(0));
        if (n_bounds == 0)
                return;
        qsort(bounds, n_bounds, sizeof(*bounds), compare_doubles);
        add_candidate(candidates, value_number(bounds[0] - fabs(bounds[0]) - 1));
        add_candidate(candidates, value_number(bounds[n_bounds - 1] + fabs(bounds[n_bounds - 1]) + 1));
        for (size_t i = 0; i < n_bounds; i++) {
                if (fabs(bounds[i]) < 9e18)
                        add_integers_around(candidates, (int64_t) floor(bounds[i]));
                add_candidate(candidates, value_number(bounds[i]));
                if (i > 0)
                        add_candidate(candidates, value_number(bounds[i - 1] + (bounds[i] - bounds[i - 1]) / 2));
        }
}

/* low..high: what whole numbers can be at all. whole: there are no others. */
static bool number_can(Solver *solver, const Literal *const *literals, size_t n, bool whole, int64_t low, int64_t high) {
        Candidates candidates = { .n = 0 };

        add_numbers(&candidates, literals, n);
        if (low > INT64_MIN)
                add_candidate(&candidates, value_integer(low));
        if (high < INT64_MAX)
                add_candidate(&candidates, value_integer(high));
        if (candidates.too_many)
                return true;
        for (size_t i = 0; i < candidates.n; i++) {
                if (solver->n_steps > SOLVER_STEPS_MAX)
                        return true;
                const Value *value = &candidates.items[i];

                if (value->type == VALUE_INTEGER ? value->integer < low || value->integer > high : whole)
                        continue;
                if (all_allow(solver, literals, n, value))
                        return true;
        }
        return false;
}

/* ---- texts that are listed ---- */

static bool is_plain_like(const Matcher *matcher) {
        for (size_t i = 0; i < matcher->n_words; i++)
                if (memchr(matcher->words[i].text, '*', matcher->words[i].size))
                        return false;
        return matcher->op == MATCH_LIKE;
}

/* How many texts satisfy the literal, when they are listed; SIZE_MAX: any number. */
static size_t count_listed(const Literal *literal) {
        const Matcher *matcher = literal->matcher;

        if (!literal_wants_match(literal))
                return SIZE_MAX;
        if (matcher->op == MATCH_LIST)
                return matcher->list->n_items;
        return matcher->op == MATCH_EQUALS || is_plain_like(matcher) ? matcher->n_words : SIZE_MAX;
}

static bool listed_can(Solver *solver, const Literal *listed, const Literal *const *literals, size_t n) {
        const Matcher *matcher = listed->matcher;
        size_t n_texts = count_listed(listed);

        if (n_texts > SOLVER_CHOICES_MAX)
                return true;
        for (size_t i = 0; i < n_texts; i++) {
                if (solver->n_steps > SOLVER_STEPS_MAX)
                        return true;
                const Value value = matcher->op == MATCH_LIST ? value_text(matcher->list->items[i])
                                                              : value_text_size(matcher->words[i].text, matcher->words[i].size);

                if (all_allow(solver, literals, n, &value))
                        return true;
        }
        return false;
}

/* ---- texts that are described: what one pattern says of another ---- */

/* What a text must begin with, end with, and contain, for one word of a pattern. */
typedef struct Shape {
        const char *head, *tail, *inside;
        size_t n_head, n_tail, n_inside;
        bool whole; /* inside stands as a whole word */
} Shape;

static Shape shape_of(MatchOp op, const Word *word) {
        Shape shape = { 0 };

        switch (op) {
        case MATCH_STARTS:
                shape = (Shape){ .head = word->text, .n_head = word->size, .inside = word->text, .n_inside = word->size };
                break;
        case MATCH_ENDS:
                shape = (Shape){ .tail = word->text, .n_tail = word->size, .inside = word->text, .n_inside = word->size };
                break;
        case MATCH_HAS:
        case MATCH_WORD:
                shape = (Shape){ .inside = word->text, .n_inside = word->size, .whole = op == MATCH_WORD };
                break;
        case MATCH_LIKE: {
                const char *first = memchr(word->text, '*', word->size), *last = memrchr(word->text, '*', word->size);

                if (!first)
                        break;
                shape.head = word->text;
                shape.n_head = (size_t) (first - word->text);
                shape.tail = last + 1;
                shape.n_tail = (size_t) (word->text + word->size - shape.tail);
                /* The longest piece between stars says most. */
                for (const char *at = word->text, *end = word->text + word->size; at <= end;) {
                        const char *stop = memchr(at, '*', (size_t) (end - at));
                        size_t size = (size_t) ((stop ? stop : end) - at);

                        if (size > shape.n_inside) {
                                shape.inside = at;
                                shape.n_inside = size;
                        }
                        at = stop ? stop + 1 : end + 1;
                }
                break;
        }
        default:
                break;
        }
        return shape;
}

static bool begins(const char *text, size_t size, const char *with, size_t n) {
        return n <= size && (n == 0 || memcmp(text, with, n) == 0);
}

static bool ends(const char *text, size_t size, const char *with, size_t n) {
        return n <= size && (n == 0 || memcmp(text + size - n, with, n) == 0);
}

static bool contains(const char *text, size_t size, const char *what, size_t n) {
        return n <= size && (n == 0 || memmem(text, size, what, n) != NULL);
}

/* Does every text of that shape also match the word of the other pattern? */
static bool shape_implies(const Shape *shape, MatchOp op, const Word *word) {
        const char *text = word->text;
        size_t size = word->size;

        if (op == MATCH_LIKE) {
                size_t n_stars = 0;
                for (size_t i = 0; i < size; i++)
                        n_stars += text[i] == '*';
                if (size == n_stars && size > 0)
                        return true;
                if (n_stars == 1 && text[size - 1] == '*')
                        return shape_implies(shape, MATCH_STARTS, &(const Word){ .text = text, .size = size - 1 });
                if (n_stars == 1 && text[0] == '*')
                        return shape_implies(shape, MATCH_ENDS, &(const Word){ .text = text + 1, .size = size - 1 });
                return n_stars == 2 && size > 2 && text[0] == '*' && text[size - 1] == '*' &&
                       shape_implies(shape, MATCH_HAS, &(const Word){ .text = text + 1, .size = size - 2 });
        }
        switch (op) {
        case MATCH_HAS:
                return contains(shape->inside, shape->n_inside, text, size) || contains(shape->head, shape->n_head, text, size) ||
                       contains(shape->tail, shape->n_tail, text, size);
        case MATCH_WORD: {
                const Matcher matcher = { .op = MATCH_WORD, .words = word, .n_words = 1 };
                return shape->whole && condition_text_matches(&matcher, shape->inside, shape->n_inside);
        }
        case MATCH_STARTS:
                return begins(shape->head, shape->n_head, text, size);
        case MATCH_ENDS:
                return ends(shape->tail, shape->n_tail, text, size);
        default:
                return false;
        }
}

static bool is_pattern(const Matcher *matcher) {
        return matcher->op == MATCH_HAS || matcher->op == MATCH_WORD || matcher->op == MATCH_STARTS || matcher->op == MATCH_ENDS ||
               (matcher->op == MATCH_LIKE && !is_plain_like(matcher));
}

static bool shapes_meet(const Shape *a, const Shape *b) {
        return (begins(a->head, a->n_head, b->head, b->n_head) || begins(b->head, b->n_head, a->head, a->n_head)) &&
               (ends(a->tail, a->n_tail, b->tail, b->n_tail) || ends(b->tail, b->n_tail, a->tail, a->n_tail));
}

/* Does this one way of satisfying a pattern leave room for all the other literals? */
static bool shape_survives(Solver *solver, const Shape *shape, const Literal *const *literals, size_t n) {
        for (size_t i = 0; i < n; i++) {
                const Matcher *matcher = literals[i]->matcher;
                bool wants_match = literal_wants_match(literals[i]), meets = !wants_match;

                if (!is_pattern(matcher))
                        continue;
                for (size_t k = 0; k < matcher->n_words && meets != wants_match; k++) {
                        solver->n_steps += 1 + (shape->n_inside + matcher->words[k].size) / 64;
                        if (solver->n_steps > SOLVER_STEPS_MAX)
                                return true;
                        if (wants_match) {
                                const Shape other = shape_of(matcher->op, &matcher->words[k]);
                                meets = shapes_meet(shape, &other);
                        } else
                                meets = !shape_implies(shape, matcher->op, &matcher->words[k]);
                }
                if (!meets)
                        return false;
        }
        return true;
}

static bool described_can(Solver *solver, const Literal *const *literals, size_t n) {
        for (size_t i = 0; i < n; i++) {
                const Matcher *matcher = literals[i]->matcher;
                bool survives = false;

                if (!is_pattern(matcher) || !literal_wants_match(literals[i]))
                        continue;
                for (size_t k = 0; k < matcher->n_words && !survives; k++) {
                        const Shape shape = shape_of(matcher->op, &matcher->words[k]);
                        survives = shape_survives(solver, &shape, literals, n);
                }
                if (!survives)
                        return false;
        }
        return true;
}

/* ---- one path ---- */

bool path_can(Solver *solver, const Literal *const *literals, size_t n) {
        const Ref *ref = literals[0]->ref;
        const Literal *listed = NULL;
        bool has_range = false;

        switch (ref->kind) {
        case REF_STATUS:
        case REF_TEAM:
                return status_can(solver, literals, n);
        case REF_OWNER:
                return owner_can(solver, literals, n);
        case REF_TRACK:
                return track_can(solver, literals, n);
        case REF_GRADE:
                return grade_can(solver, literals, n);
        case REF_GROUP:
                return number_can(solver, literals, n, true, solver->least_mp[ref->group], solver->most_mp[ref->group]) ||
                       (base_streq(solver->rules->groups[ref->group].rule.name, "fit") && all_allow(solver, literals, n, NULL));
        case REF_SEGMENT:
                return true;
        case REF_TEST:
                return bool_can(solver, literals, n);
        case REF_ACTIVITY_TYPE:
                break;
        default:
                if (all_allow(solver, literals, n, NULL))
                        return true;
        }
        for (size_t i = 0; i < n; i++) {
                const Matcher *matcher = literals[i]->matcher;

                has_range = has_range || matcher->op == MATCH_INTEGERS || matcher->op == MATCH_NUMBERS || matcher->n_numbers > 0;
                if (count_listed(literals[i]) != SIZE_MAX && (!listed || count_listed(literals[i]) < count_listed(listed)))
                        listed = literals[i];
        }
        switch (ref->type) {
        case TYPE_BOOL:
                return bool_can(solver, literals, n);
        case TYPE_NUMBER:
        case TYPE_TIME:
                return number_can(solver, literals, n, ref->type == TYPE_TIME, INT64_MIN, INT64_MAX);
        case TYPE_DURATION:
                return number_can(solver, literals, n, true, 0, INT64_MAX);
        case TYPE_TEXT:
                break;
        default:
                if (bool_can(solver, literals, n) || number_can(solver, literals, n, false, INT64_MIN, INT64_MAX))
                        return true;
        }
        if (listed)
                return listed_can(solver, listed, literals, n);
        /* A number or a time is asked for, and no number will do. */
        for (size_t i = 0; has_range && i < n; i++)
                if (literal_wants_match(literals[i]) &&
                        (literals[i]->matcher->op == MATCH_NUMBERS || literals[i]->matcher->op == MATCH_INTEGERS))
                        return false;
        for (size_t i = 0; i < n; i++) {
                MatchOp op = literals[i]->matcher->op;
                if ((op == MATCH_ABSENT && literal_wants_match(literals[i])) || (op == MATCH_PRESENT && !literal_wants_match(literals[i])))
                        return false; /* nothing was asked of a value but that it is not there */
        }
        return described_can(solver, literals, n);
}
