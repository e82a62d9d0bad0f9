/* SPDX-License-Identifier: MIT */
/*
 * Reads compiled conditions backwards: which facts or activities might make one hold. A matcher on a field becomes a value that
 * satisfies it, a did{} as many activities as are missing, an all{} the union of what its parts ask for, an any{} the choice between
 * them; a score becomes each step by which it could give more.
 *
 * These are candidates. Whether they lift a lead is found by judging it with them (decide/need.c): decay, caps, bands, fences and
 * functions have their say there. Of a number the least that a condition asks for is offered, and those
 * past the numbers at which something else ends (suggest_bounds.c). What no fact or activity can change (the clock, an owner, a
 * function) gives no candidate.
 */
#include "suggest.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>

#define SETS_MAX 48        /* alternatives of one condition */
#define LIST_CHOICES_MAX 1 /* entries of a list that are offered: any is as good */
#define DID_MISSING_MAX 50 /* activities of one kind a did{} may want */

typedef struct Sets {
        Suggestion items[SETS_MAX];
        size_t n;
        bool is_full; /* there were more */
} Sets;

typedef struct Suggesting {
        Eval eval;
        RuleSet *rules;
        Subject *subject;
        Arena *arena;
        Suggestions *out;
        const Rule *rule;
        bool fresh; /* an activity that comes now is asked for, whatever came before */
} Suggesting;

int suggestions_init(Suggestions *suggestions, Arena *arena) {
        *suggestions = (Suggestions){
                .additions = ARENA_ARRAY(arena, Addition, SUGGEST_ADDITIONS_MAX),
                .items = ARENA_ARRAY(arena, Suggestion, SUGGEST_ITEMS_MAX),
        };
        return suggestions->additions && suggestions->items ? 0 : -ENOMEM;
}

static bool broken(const Suggesting *suggesting) { return suggesting->eval.error < 0; }

static bool is_so(Suggesting *suggesting, const Condition *condition) {
        suggesting->eval.failed = false;
        return eval_condition(&suggesting->eval, condition) && !suggesting->eval.failed;
}

static void add_function(Suggesting *suggesting) {
        Suggestions *out = suggesting->out;

        for (size_t i = 0; i < out->n_functions; i++)
                if (out->functions[i] == suggesting->rule)
                        return;
        if (out->n_functions == out->functions_capacity) {
                size_t capacity = out->functions_capacity ? out->functions_capacity * 2 : 8;
                const Rule **functions = ARENA_ARRAY(suggesting->arena, const Rule *, capacity);

                if (!functions) {
                        suggesting->eval.error = -ENOMEM;
                        return;
                }
                for (size_t i = 0; i < out->n_functions; i++)
                        functions[i] = out->functions[i];
                out->functions = functions;
                out->functions_capacity = capacity;
        }
        out->functions[out->n_functions++] = suggesting->rule;
}

/* ---- additions ---- */

static bool same_text(const char *a, const char *b) { return a == b || (a && b && base_streq(a, b)); }

/* The index; UINT32_MAX when there is no room for it. */
static uint32_t add_addition(Suggesting *suggesting, Addition addition) {
        Suggestions *out = suggesting->out;

        for (uint32_t i = 0; i < out->n_additions; i++) {
                const Addition *other = &out->additions[i];
                bool same = other->field == addition.field && other->n == addition.n && same_text(other->key, addition.key) &&
                            same_text(other->type, addition.type);
                if (same && (addition.field == FIELD_NONE ? facts_equal(&other->facts[0], &addition.facts[0])
                                                          : value_equal(&other->value, &addition.value)))
                        return i;
        }
        for (uint32_t i = 0; i < out->n_additions && addition.field == FIELD_NONE; i++) {
                const Addition *other = &out->additions[i];
                /* The same activity, another number of times: whoever asked for it. */
                if (other->field == FIELD_NONE && same_text(other->type, addition.type) &&
                        facts_equal(&other->facts[0], &addition.facts[0])) {
                        addition.family = other->family;
                        break;
                }
        }
        if (out->n_additions == SUGGEST_ADDITIONS_MAX) {
                out->is_full = true;
                return UINT32_MAX;
        }
        if (addition.family == UINT32_MAX)
                addition.family = (uint32_t) out->n_additions;
        out->additions[out->n_additions] = addition;
        return (uint32_t) out->n_additions++;
}

static const char *keep(Suggesting *suggesting, Text *text) {
        const char *kept = text->error < 0 ? NULL : arena_strndup(suggesting->arena, text->data ? text->data : "", text->size);

        text_free(text);
        if (!kept)
                suggesting->eval.error = -ENOMEM;
        return kept;
}

/* A fact for a path; UINT32_MAX when the path is none that somebody could state. how: "at least ", "known", NULL for the plain value. */
static uint32_t add_fact(Suggesting *suggesting, const Ref *ref, Value value, const char *how, uint32_t family, uint32_t rank) {
        FieldId field = ref->kind == REF_FIELD ? ref->field : ref->kind == REF_COUNTRY ? FIELD_COMPANY_COUNTRY : FIELD_NONE;
        const FieldInfo *info = field_info(field);
        Text text = { 0 };

        if (!info || !field_is_profile(field) || (info->kind == FIELD_KIND_MAP && !ref->key) || field == FIELD_TEST)
                return UINT32_MAX;
        if (info->kind != FIELD_KIND_MAP && !value_fits(info->kind, value.type))
                return UINT32_MAX;
        const Value *now = facts_get(suggesting->subject->facts, field, ref->key);
        text_append(&text, ref->path);
        if (how && base_streq(how, "known"))
                text_append(&text, " known");
        else {
                text_append(&text, how ? how : " = ");
                eval_show_value(&text, &value);
        }
        if (now) {
                text_append(&text, " (now ");
                eval_show_value(&text, now);
                text_append_char(&text, ')');
        }
        return add_addition(suggesting, (Addition){ .field = field,
                                                .key = ref->key,
                                                .value = value,
                                                .is_change = now != NULL,
                                                .n = 1,
                                                .family = family,
                                                .rank = rank,
                                                .text = keep(suggesting, &text) });
}

/* ---- values ---- */

static Value number_value(double number) {
        return number == floor(number) && fabs(number) < 1e15 ? value_integer((int64_t) number) : value_number(number);
}

static size_t positive_values(const Suggesting *suggesting, const Ref *ref, const Matcher *matcher, Value *ret) {
        size_t n = 0;

        switch (matcher->op) {
        case MATCH_EQUALS:
                for (size_t i = 0; i < matcher->n_words && n < SUGGEST_CHOICES_MAX; i++)
                        ret[n++] = value_text(matcher->words[i].written);
                for (size_t i = 0; i < matcher->n_numbers && n < SUGGEST_CHOICES_MAX; i++)
                        ret[n++] = matcher->numbers[i];
                if (matcher->with_true && n < SUGGEST_CHOICES_MAX)
                        ret[n++] = value_bool(true);
                if (matcher->with_false && n < SUGGEST_CHOICES_MAX)
                        ret[n++] = value_bool(false);
                break;
        case MATCH_HAS:
        case MATCH_WORD:
        case MATCH_STARTS:
        case MATCH_ENDS:
                for (size_t i = 0; i < matcher->n_words && n < SUGGEST_CHOICES_MAX; i++)
                        ret[n++] = value_text(matcher->words[i].written);
                break;
        case MATCH_LIKE:
                for (size_t i = 0; i < matcher->n_words && n < SUGGEST_CHOICES_MAX; i++) {
                        const char *written = matcher->words[i].written;
                        char *plain = arena_strdup(suggesting->arena, written);
                        size_t size = 0;
                        for (const char *at = written; plain && *at; at++)
                                if (*at != '*')
                                        plain[size++] = *at;
                        if (plain) {
                                plain[size] = '\0';
                                ret[n++] = value_text_size(plain, size);
                        }
                }
                break;
        case MATCH_NUMBERS: {
                bool has_low = matcher->low_number > -INFINITY, has_high = matcher->high_number < INFINITY;
                double number =
                        has_low ? matcher->low_number + (matcher->low_open ? 1 : 0) : matcher->high_number - (matcher->high_open ? 1 : 0);
                if (!has_low && !has_high)
                        number = 0;
                ret[n++] = number_value(number);
                break;
        }
        case MATCH_INTEGERS:
                if (ref->type == TYPE_TIME)
                        ret[n++] = value_integer(matcher->low != INT64_MIN ? matcher->low : matcher->high);
                break;
        case MATCH_LIST:
                for (size_t i = 0; i < matcher->list->n_items && n < LIST_CHOICES_MAX; i++)
                        ret[n++] = value_text(matcher->list->items[i]);
                break;
        case MATCH_PRESENT:
        case MATCH_ABSENT:
        case MATCH_SEGMENTS:
                break;
        }
        return n;
}

/* Something that is there and is none of what the matcher names. */
static size_t other_values(const Ref *ref, const Matcher *matcher, Value *ret) {
        switch (matcher->op) {
        case MATCH_EQUALS:
                if (matcher->with_true || matcher->with_false) {
                        if (matcher->with_true && matcher->with_false)
                                return 0;
                        ret[0] = value_bool(matcher->with_false);
                } else if (matcher->n_words > 0)
                        ret[0] = value_text("something else");
                else {
                        double largest = 0, number;
                        for (size_t i = 0; i < matcher->n_numbers; i++)
                                if (value_as_number(&matcher->numbers[i], &number) && number > largest)
                                        largest = number;
                        ret[0] = value_number(largest + 1);
                }
                return 1;
        case MATCH_HAS:
        case MATCH_WORD:
        case MATCH_STARTS:
        case MATCH_ENDS:
        case MATCH_LIKE:
        case MATCH_LIST:
                ret[0] = value_text("something else");
                return 1;
        case MATCH_NUMBERS:
                ret[0] = value_number(matcher->low_number > -INFINITY ? matcher->low_number - (matcher->low_open ? 0 : 1)
                                                                      : matcher->high_number + (matcher->high_open ? 0 : 1));
                return ret[0].number > -INFINITY && ret[0].number < INFINITY;
        case MATCH_INTEGERS:
                if (ref->type != TYPE_TIME)
                        return 0;
                ret[0] = value_integer(matcher->low != INT64_MIN ? matcher->low - 1 : matcher->high + 1);
                return 1;
        case MATCH_PRESENT:
        case MATCH_ABSENT:
        case MATCH_SEGMENTS:
                break;
        }
        return 0;
}

static Value any_value(const Ref *ref, const Subject *subject) {
        switch (ref->type) {
        case TYPE_NUMBER:
                return value_integer(1);
        case TYPE_BOOL:
                return value_bool(true);
        case TYPE_TIME:
                return value_integer(subject->now_us);
        default:
                return value_text("known");
        }
}

/* ---- sets ---- */

static void sets_add(Sets *sets, Suggestion item) {
        for (size_t i = 0; i < sets->n; i++)
                if (suggestion_is_same(&sets->items[i], &item))
                        return;
        if (sets->n < SETS_MAX)
                sets->items[sets->n++] = item;
        else
                sets->is_full = true;
}

static void sets_add_one(Sets *sets, uint32_t addition) {
        if (addition != UINT32_MAX)
                sets_add(sets, (Suggestion){ .parts = { addition }, .n_parts = 1 });
}

/* Of two parts one can be: they say two things about one field, or how often about one kind of activity. */
static bool excludes(const Addition *a, const Addition *b) {
        return a->family == b->family || (a->field != FIELD_NONE && a->field == b->field && same_text(a->key, b->key));
}

bool suggestion_unite(const Suggestions *suggestions, const Suggestion *a, const Suggestion *b, unsigned second, Suggestion *ret,
        unsigned *ret_excluded) {
        bool b_stays[SUGGEST_PARTS_MAX] = { false }, a_stays[SUGGEST_PARTS_MAX] = { false };

        *ret = (Suggestion){ 0 };
        *ret_excluded = 0;
        for (size_t k = 0; k < b->n_parts; k++)
                b_stays[k] = true;
        for (size_t i = 0; i < a->n_parts; i++) {
                a_stays[i] = true;
                for (size_t k = 0; k < b->n_parts; k++) {
                        if (a->parts[i] == b->parts[k])
                                b_stays[k] = false; /* once is enough */
                        else if (excludes(&suggestions->additions[a->parts[i]], &suggestions->additions[b->parts[k]])) {
                                *ret_excluded |= 1u << i;
                                a_stays[i] = !(second >> i & 1);
                                b_stays[k] = b_stays[k] && !a_stays[i];
                        }
                }
        }
        for (size_t k = 0; k < a->n_parts + b->n_parts; k++) {
                bool stays = k < a->n_parts ? a_stays[k] : b_stays[k - a->n_parts];
                uint32_t part = k < a->n_parts ? a->parts[k] : b->parts[k - a->n_parts];
                size_t at = ret->n_parts;
                if (!stays)
                        continue;
                if (ret->n_parts == SUGGEST_PARTS_MAX)
                        return false;
                for (; at > 0 && ret->parts[at - 1] > part; at--)
                        ret->parts[at] = ret->parts[at - 1];
                ret->parts[at] = part;
                ret->n_parts++;
        }
        return true;
}

bool suggestion_is_same(const Suggestion *a, const Suggestion *b) {
        return a->n_parts == b->n_parts && memcmp(a->parts, b->parts, a->n_parts * sizeof(a->parts[0])) == 0;
}

static void sets_cross(const Suggestions *suggestions, Sets *sets, const Sets *with) {
        Sets crossed = { .is_full = sets->is_full || with->is_full };

        for (size_t i = 0; i < sets->n; i++)
                for (size_t k = 0; k < with->n; k++) {
                        Suggestion both;
                        unsigned excluded;
                        if (suggestion_unite(suggestions, &sets->items[i], &with->items[k], 0, &both, &excluded))
                                sets_add(&crossed, both);
                        /* What one side asks of a field may do for the other, too: whoever asked finds out. */
                        for (unsigned second = excluded; second > 0; second = (second - 1) & excluded) {
                                unsigned again;
                                if (suggestion_unite(suggestions, &sets->items[i], &with->items[k], second, &both, &again))
                                        sets_add(&crossed, both);
                        }
                }
        *sets = crossed;
}

/* ---- numbers ---- */

/* At least the number. Those of one field are one family. */
static uint32_t add_number(Suggesting *suggesting, const Ref *ref, double number, const char *how) {
        const Suggestions *out = suggesting->out;

        for (size_t i = 0; i < out->n_bounds; i++)
                if (out->bounds[i].value == number && bound_is_of(&out->bounds[i], ref))
                        return add_fact(suggesting, ref, number_value(number), how, out->bounds[i].family, out->bounds[i].rank);
        return add_fact(suggesting, ref, number_value(number), how, UINT32_MAX, 0);
}

/* The numbers from low to high that are past one at which something may end. */
static void want_past(Suggesting *suggesting, const Ref *ref, double low, double high, bool high_open, Sets *ret) {
        const Suggestions *out = suggesting->out;

        for (size_t i = 0; i < out->n_bounds; i++) {
                const Bound *bound = &out->bounds[i];
                if (bound->kind == BOUND_HIGH && bound_is_of(bound, ref) && bound->value > low &&
                        (high_open ? bound->value < high : bound->value <= high))
                        sets_add_one(ret, add_number(suggesting, ref, bound->value, " at least "));
        }
}

/* ---- activities ---- */

static int set_fact(Suggesting *suggesting, Facts *facts, FieldId field, const char *key, Value value) {
        int r = facts_set(facts, suggesting->arena, field, key, value, suggesting->subject->now_us);
        if (r == -ENOMEM)
                suggesting->eval.error = r;
        return r;
}

/* One activity as did{} wants it; number makes it differ from others in what must be distinct. False: none can be thought of. */
static bool make_activity(Suggesting *suggesting, const Did *did, const Ref *distinct, uint32_t number, const char **ret_type, Facts *ret) {
        const char *type = did->type;
        Value values[SUGGEST_CHOICES_MAX];

        *ret = (Facts){ 0 };
        for (size_t i = 0; i < did->n_matchers; i++) {
                const Ref *ref = &did->matchers[i].ref;
                const Matcher *matcher = did->matchers[i].matcher;
                size_t n = matcher->negate ? other_values(ref, matcher, values) : positive_values(suggesting, ref, matcher, values);
                if (matcher->op == MATCH_ABSENT)
                        continue;
                if (matcher->op == MATCH_PRESENT) {
                        values[0] = any_value(ref, suggesting->subject);
                        n = 1;
                }
                if (n == 0)
                        return false;
                if (ref->kind == REF_ACTIVITY_TYPE)
                        type = values[0].type == VALUE_TEXT ? values[0].text : NULL;
                else if (set_fact(suggesting, ret, ref->kind == REF_ACTIVITY_NAME ? FIELD_ACTIVITY_NAME : ref->field, ref->key,
                                 values[0]) != 0)
                        return false;
        }
        if (distinct && distinct->kind != REF_ACTIVITY_TYPE) {
                FieldId field = distinct->kind == REF_ACTIVITY_NAME ? FIELD_ACTIVITY_NAME : distinct->field;
                const Value *base = facts_get(ret, field, distinct->key);
                const FieldInfo *info = field_info(field);
                Value value = info && info->kind == FIELD_KIND_NUMBER
                                      ? value_integer(1000000 + (int64_t) number)
                                      : value_text(arena_printf(suggesting->arena, "%.*s%s%" PRIu32,
                                                base && base->type == VALUE_TEXT ? (int) base->size : 0,
                                                base && base->type == VALUE_TEXT ? base->text : "", base ? "-" : "new-", number + 1));
                if (set_fact(suggesting, ret, field, distinct->key, value) != 0)
                        return false;
        }
        *ret_type = type ? type : "tracked";
        const Activity activity = {
                .event = UINT64_MAX, .time_us = suggesting->subject->now_us, .type = *ret_type, .facts = ret, .after_move = true
        };
        return eval_did_matches(&suggesting->eval, did, &activity);
}

/* n activities. family: of the same with other n. */
static uint32_t add_activities(Suggesting *suggesting, const Did *did, const Ref *distinct, uint32_t n, uint32_t *family) {
        const char *type = NULL;
        Facts *facts = ARENA_ARRAY(suggesting->arena, Facts, n);
        Text text = { 0 };

        if (!facts) {
                suggesting->eval.error = -ENOMEM;
                return UINT32_MAX;
        }
        for (uint32_t i = 0; i < n; i++)
                if (!make_activity(suggesting, did, distinct, i, &type, &facts[i]))
                        return UINT32_MAX;
        if (n > 1)
                text_printf(&text, "%" PRIu32 " x ", n);
        text_append(&text, type);
        for (size_t i = 0; i < facts[0].n_items; i++) {
                const Fact *fact = &facts[0].items[i];
                const FieldInfo *info = field_info(fact->field);
                const char *path = info ? info->path : "";
                if (distinct && n > 1 &&
                        (fact->field == distinct->field || (distinct->kind == REF_ACTIVITY_NAME && fact->field == FIELD_ACTIVITY_NAME))) {
                        text_printf(&text, ", each with another %s", distinct->path);
                        continue;
                }
                text_printf(&text, ", %s%s%s ", strncmp(path, "activity.", 9) == 0 ? path + 9 : path, fact->key ? "." : "",
                        fact->key ? fact->key : "");
                eval_show_value(&text, &fact->value);
        }
        uint32_t added = add_addition(suggesting,
                (Addition){ .type = type, .facts = facts, .n = n, .family = *family, .rank = n, .text = keep(suggesting, &text) });
        if (added != UINT32_MAX && *family == UINT32_MAX)
                *family = suggesting->out->additions[added].family;
        return added;
}

static void want_did(Suggesting *suggesting, const Did *did, bool wanted, Sets *ret) {
        int64_t count = suggesting->fresh ? 0 : eval_did_count(&suggesting->eval, did);
        int64_t target = suggesting->fresh ? 1 : did->exactly >= 0 ? did->exactly : did->at_least;
        uint32_t family = UINT32_MAX;

        if (!wanted) {
                /* What was done cannot be undone; one more than exactly so many is no longer exactly so many. */
                if (did->exactly >= 0 && count == did->exactly)
                        sets_add_one(ret, add_activities(suggesting, did, did->distinct, 1, &family));
                return;
        }
        if (target <= count || target - count > DID_MISSING_MAX)
                return;
        sets_add_one(ret, add_activities(suggesting, did, did->distinct, (uint32_t) (target - count), &family));
}

/* ---- conditions ---- */

static void want(Suggesting *suggesting, const Condition *node, bool wanted, Sets *ret);

static void want_points(Suggesting *suggesting, const Condition *node, bool wanted, Sets *ret) {
        const Matcher *matcher = node->matcher;
        Suggestions *out = suggesting->out;

        if (!wanted || matcher->negate)
                return;
        if (node->ref.kind == REF_GRADE)
                for (size_t i = 0; i < matcher->n_words && out->n_grades < SUGGEST_GOALS_MAX; i++)
                        out->grades[out->n_grades++] = matcher->words[i].written;
        else if (matcher->op == MATCH_INTEGERS && matcher->low != INT64_MIN && out->n_points < SUGGEST_GOALS_MAX) {
                out->points[out->n_points].group = node->ref.group;
                out->points[out->n_points++].from_mp = matcher->low;
        } else
                return;
        sets_add(ret, (Suggestion){ 0 }); /* the points are found by whoever asked */
}

static void want_segment(Suggesting *suggesting, const Condition *node, bool wanted, Sets *ret) {
        const Matcher *matcher = node->matcher;
        bool inside = wanted != matcher->negate;

        if (matcher->op != MATCH_SEGMENTS)
                return;
        if (!inside) {
                sets_add(ret, (Suggestion){ 0 });
                for (size_t i = 0; i < matcher->n_segments; i++) {
                        Sets out_of = { 0 };
                        want(suggesting, suggesting->rules->segments[matcher->segments[i]].when, false, &out_of);
                        sets_cross(suggesting->out, ret, &out_of);
                }
                return;
        }
        for (size_t i = 0; i < matcher->n_segments; i++)
                want(suggesting, suggesting->rules->segments[matcher->segments[i]].when, true, ret);
}

static void want_match(Suggesting *suggesting, const Condition *node, bool wanted, Sets *ret) {
        const Matcher *matcher = node->matcher;
        const Ref *ref = &node->ref;
        Value values[SUGGEST_CHOICES_MAX];
        Value storage;
        uint32_t slot;

        switch (ref->kind) {
        case REF_SEGMENT:
                want_segment(suggesting, node, wanted, ret);
                return;
        case REF_GRADE:
        case REF_GROUP:
                want_points(suggesting, node, wanted, ret);
                return;
        case REF_FIELD:
        case REF_COUNTRY:
                break;
        default:
                return; /* the clock, the status, the owner, the source: no fact changes them */
        }
        bool absent = !eval_read(&suggesting->eval, ref, &storage, &slot);
        if (matcher->op == MATCH_PRESENT ? wanted : matcher->op == MATCH_ABSENT ? !wanted : false) {
                if (absent)
                        sets_add_one(ret, add_fact(suggesting, ref, any_value(ref, suggesting->subject), "known", UINT32_MAX, 0));
                return;
        }
        if (matcher->op == MATCH_PRESENT || matcher->op == MATCH_ABSENT)
                return;
        size_t n = wanted != matcher->negate ? positive_values(suggesting, ref, matcher, values) : other_values(ref, matcher, values);
        for (size_t i = 0; i < n; i++) {
                bool from = wanted && matcher->op == MATCH_NUMBERS && matcher->low_number > -INFINITY && !matcher->low_open &&
                            matcher->high_number == INFINITY;
                const char *how = from ? " at least " : NULL;
                if (wanted && matcher->op == MATCH_LIST) {
                        how = arena_printf(suggesting->arena, " in list \"%s\", such as ", matcher->list->rule.name);
                        if (!how)
                                suggesting->eval.error = -ENOMEM;
                }
                double number;
                bool is_least = wanted && matcher->op == MATCH_NUMBERS && matcher->low_number > -INFINITY && ref->kind == REF_FIELD &&
                                value_as_number(&values[i], &number);
                if (!is_least) {
                        sets_add_one(ret, add_fact(suggesting, ref, values[i], how, UINT32_MAX, 0));
                        continue;
                }
                sets_add_one(ret, add_number(suggesting, ref, number, how));
                want_past(suggesting, ref, number, matcher->high_number, matcher->high_open, ret);
        }
}

/* It is as wanted as long as something is not known: an addition for another rule may end that. */
static bool is_by_silence(Suggesting *suggesting, const Condition *node, bool wanted) {
        bool child_wanted = node->type == NODE_NONE ? !wanted : wanted;

        switch (node->type) {
        case NODE_MATCH:
                for (size_t i = 0; node->matcher->op == MATCH_SEGMENTS && i < node->matcher->n_segments; i++) {
                        const Condition *when = suggesting->rules->segments[node->matcher->segments[i]].when;
                        if (when && is_by_silence(suggesting, when, is_so(suggesting, when)))
                                return true;
                }
                return wanted == (node->matcher->op == MATCH_ABSENT) || (wanted && node->matcher->op == MATCH_NUMBERS);
        case NODE_DID:
                return !wanted || node->did->exactly >= 0;
        case NODE_FUNCTION:
                return false;
        case NODE_ALL:
        case NODE_ANY:
        case NODE_NONE:
                for (uint32_t i = 0; i < node->n_children; i++)
                        if (is_so(suggesting, &node->children[i]) == child_wanted &&
                                is_by_silence(suggesting, &node->children[i], child_wanted))
                                return true;
        }
        return false;
}

/* One of several is as wanted, and may not stay so: the others are ways as well. */
static void want_instead(Suggesting *suggesting, const Condition *node, bool wanted, Sets *ret) {
        bool child_wanted = node->type == NODE_NONE ? !wanted : wanted;
        bool one_will_do = node->type == NODE_ALL ? !wanted : node->type == NODE_ANY ? wanted : node->type == NODE_NONE && !wanted;

        for (uint32_t i = 0; one_will_do && i < node->n_children; i++)
                if (is_so(suggesting, &node->children[i]) == child_wanted && !is_by_silence(suggesting, &node->children[i], child_wanted))
                        return; /* nothing takes that away */
        for (uint32_t i = 0; one_will_do && i < node->n_children; i++)
                if (is_so(suggesting, &node->children[i]) != child_wanted)
                        want(suggesting, &node->children[i], child_wanted, ret);
}

static void want(Suggesting *suggesting, const Condition *node, bool wanted, Sets *ret) {
        if (broken(suggesting))
                return;
        if (!node || (!suggesting->fresh && is_so(suggesting, node) == wanted)) {
                if (!node ? wanted : true)
                        sets_add(ret, (Suggestion){ 0 });
                if (node && !suggesting->fresh)
                        want_instead(suggesting, node, wanted, ret);
                return;
        }
        switch (node->type) {
        case NODE_MATCH:
                want_match(suggesting, node, wanted, ret);
                break;
        case NODE_DID:
                want_did(suggesting, node->did, wanted, ret);
                break;
        case NODE_FUNCTION:
                add_function(suggesting);
                break;
        case NODE_ALL:
        case NODE_ANY:
        case NODE_NONE: {
                bool child_wanted = node->type == NODE_NONE ? !wanted : wanted;
                bool all_of_them = node->type == NODE_ALL ? wanted : node->type == NODE_ANY ? !wanted : wanted;
                Sets all = { .items = { { .n_parts = 0 } }, .n = 1 };
                for (uint32_t i = 0; i < node->n_children; i++) {
                        Sets child = { 0 };
                        want(suggesting, &node->children[i], child_wanted, all_of_them ? &child : ret);
                        if (all_of_them)
                                sets_cross(suggesting->out, &all, &child);
                }
                for (size_t i = 0; all_of_them && i < all.n; i++)
                        sets_add(ret, all.items[i]);
                break;
        }
        }
}

static void begin(Suggesting *suggesting, RuleSet *rules, const Rule *rule, Subject *subject, Arena *arena, ConditionPhase phase,
        Suggestions *suggestions) {
        eval_init(&suggesting->eval, rules, subject, arena, phase);
        suggesting->rules = rules;
        suggesting->subject = subject;
        suggesting->arena = arena;
        suggesting->out = suggestions;
        suggesting->rule = rule;
        suggesting->fresh = false;
        if (suggestions->has_bounds)
                return;
        suggestions->has_bounds = true;
        if (bounds_find(rules, arena, &suggestions->bounds, &suggestions->n_bounds) < 0)
                suggesting->eval.error = -ENOMEM;
}

static int end(Suggesting *suggesting, const Sets *sets) {
        Suggestions *out = suggesting->out;

        out->is_full |= sets->is_full;
        for (size_t i = 0; i < sets->n && !broken(suggesting); i++) {
                const Suggestion *item = &sets->items[i];
                bool known = item->n_parts == 0;
                for (size_t k = 0; k < out->n_items && !known; k++)
                        known = suggestion_is_same(&out->items[k], item);
                if (known)
                        continue;
                if (out->n_items == SUGGEST_ITEMS_MAX) {
                        out->is_full = true;
                        break;
                }
                out->items[out->n_items++] = *item;
        }
        return suggesting->eval.error;
}

int policy_suggest(RuleSet *rules, const Rule *rule, const Condition *condition, bool wanted, Subject *subject, Arena *arena,
        Suggestions *suggestions) {
        Suggesting suggesting;
        Sets sets = { 0 };

        begin(&suggesting, rules, rule, subject, arena, PHASE_DECISION, suggestions);
        want(&suggesting, condition, wanted, &sets);
        return end(&suggesting, &sets);
}

int policy_suggest_signal(
        RuleSet *rules, const Rule *rule, const Condition *condition, Subject *subject, Arena *arena, Suggestions *suggestions) {
        Suggesting suggesting;
        Sets sets = { 0 };

        begin(&suggesting, rules, rule, subject, arena, PHASE_ACTIVITY, suggestions);
        suggesting.fresh = true;
        want(&suggesting, condition, true, &sets);
        return end(&suggesting, &sets);
}

/* ---- scores ---- */

static void want_map(Suggesting *suggesting, const ScoreBody *score, Sets *ret) {
        uint32_t family = UINT32_MAX;

        for (size_t i = 0; i < score->n_choices && i < SUGGEST_ADDITIONS_MAX; i++) {
                const ScoreChoice *choice = &score->choices[i];
                uint32_t rank = 0;
                if (choice->points_mp <= 0)
                        continue;
                for (size_t k = 0; k < score->n_choices; k++)
                        rank += score->choices[k].points_mp < choice->points_mp;
                uint32_t added = add_fact(suggesting, &score->field, choice->word.text ? value_text(choice->word.written) : choice->value,
                        NULL, family, rank);
                if (added != UINT32_MAX && family == UINT32_MAX)
                        family = suggesting->out->additions[added].family;
                sets_add_one(ret, added);
        }
}

static void want_bands(Suggesting *suggesting, const ScoreBody *score, Sets *ret) {
        double lowest = INFINITY;

        for (size_t i = score->n_bands; i-- > 0;) {
                double from = score->bands[i].from;
                if (score->bands[i].points_mp <= 0)
                        continue;
                sets_add_one(ret, add_number(suggesting, &score->field, from, " at least "));
                lowest = from < lowest ? from : lowest;
        }
        want_past(suggesting, &score->field, lowest, INFINITY, false, ret);
}

static void want_on(Suggesting *suggesting, const ScoreBody *score, Sets *ret) {
        static const Ref campaign = { .kind = REF_ACTIVITY_FIELD, .field = FIELD_ACTIVITY_CAMPAIGN, .path = "campaign" };
        static const Ref url = { .kind = REF_ACTIVITY_FIELD, .field = FIELD_ACTIVITY_URL, .path = "url" };
        static const Ref asset = { .kind = REF_ACTIVITY_FIELD, .field = FIELD_ACTIVITY_ASSET, .path = "asset" };
        const Ref *distinct = score->per == PER_CAMPAIGN ? &campaign
                              : score->per == PER_URL    ? &url
                              : score->per == PER_ASSET  ? &asset
                                                         : NULL;
        bool once = !score->each || score->per == PER_DAY || score->per == PER_EVER;
        uint32_t family = UINT32_MAX, n_most = once ? 1 : SUGGEST_REPEATS_MAX;

        if (score->points_mp <= 0)
                return;
        if (score->cap_mp > 0 && !once) {
                int64_t reached = (score->cap_mp + score->points_mp - 1) / score->points_mp;
                n_most = reached < n_most ? (uint32_t) reached : n_most;
        }
        for (uint32_t n = 1; n <= n_most && !broken(suggesting); n++)
                sets_add_one(ret, add_activities(suggesting, score->on, distinct, n, &family));
}

int policy_suggest_score(RuleSet *rules, const Score *public, Subject *subject, Arena *arena, Suggestions *suggestions) {
        const ScoreBody *score = (const ScoreBody *) public;
        Suggesting suggesting;
        Sets when = { 0 }, own = { 0 };
        bool lowers = score->kind == SCORE_POINTS && score->points_mp < 0;

        begin(&suggesting, rules, &public->rule, subject, arena, PHASE_SCORE, suggestions);
        want(&suggesting, score->when, !lowers, &when);
        switch (score->kind) {
        case SCORE_POINTS:
                sets_add(&own, (Suggestion){ 0 });
                break;
        case SCORE_MAP:
                want_map(&suggesting, score, &own);
                break;
        case SCORE_BANDS:
                want_bands(&suggesting, score, &own);
                break;
        case SCORE_ON:
                want_on(&suggesting, score, &own);
                break;
        case SCORE_BEST_OF:
                for (size_t i = 0; i < score->n_best; i++)
                        if (score->best[i].points_mp > 0)
                                want(&suggesting, score->best[i].when, true, &own);
                break;
        case SCORE_FUNCTION:
                add_function(&suggesting);
                break;
        case SCORE_INERT:
                break;
        }
        sets_cross(suggestions, &own, &when);
        return end(&suggesting, &own);
}
