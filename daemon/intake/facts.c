/* SPDX-License-Identifier: MIT */
/*
 * Values and facts: a sorted set of field values with the time of each statement.
 * Invariants: sorted by field, then key; no field twice; the value's type fits the
 * field's kind. Setting and merging keep them, so that encoding needs no checks.
 * Does not know JSON or bytes on disk (record_json.c, facts_code.c).
 */
#include <errno.h>
#include <math.h>

#include "leadd/record.h"

/* ---- values ---- */

/* Exact comparison of an integer with a finite number: neither is converted into a type that cannot hold it. */
static int compare_integer_number(int64_t a, double b) {
        if (b >= 9223372036854775808.0)
                return -1;
        if (b < -9223372036854775808.0)
                return 1;
        double whole = trunc(b);
        int64_t b_whole = (int64_t) whole;
        if (a != b_whole)
                return a < b_whole ? -1 : 1;
        return b > whole ? -1 : b < whole ? 1 : 0;
}

static int value_rank(const Value *v) {
        switch (v->type) {
        case VALUE_BOOL:
                return 1;
        case VALUE_INTEGER:
        case VALUE_NUMBER:
                return 2;
        case VALUE_TEXT:
                return 3;
        case VALUE_ABSENT:
                break;
        }
        return 0;
}

/* A total order: absent, bools, numbers, texts by their bytes. */
static int value_compare(const Value *a, const Value *b) {
        int rank_a = value_rank(a), rank_b = value_rank(b);
        if (rank_a != rank_b)
                return rank_a < rank_b ? -1 : 1;
        switch (a->type) {
        case VALUE_BOOL:
                return (int) a->boolean - (int) b->boolean;
        case VALUE_INTEGER:
                if (b->type == VALUE_NUMBER)
                        return compare_integer_number(a->integer, b->number);
                return a->integer < b->integer ? -1 : a->integer > b->integer;
        case VALUE_NUMBER:
                if (b->type == VALUE_INTEGER)
                        return -compare_integer_number(b->integer, a->number);
                return a->number < b->number ? -1 : a->number > b->number;
        case VALUE_TEXT: {
                int c = memcmp(a->text, b->text, a->size < b->size ? a->size : b->size);
                if (c == 0)
                        c = a->size < b->size ? -1 : a->size > b->size;
                return c;
        }
        case VALUE_ABSENT:
                break;
        }
        return 0;
}

/* 3 and 3.0 are equal, 0.0 and -0.0, too; but a book must not hold one or the other depending on which came first. */
static int value_compare_exactly(const Value *a, const Value *b) {
        int c = value_compare(a, b);
        if (c != 0)
                return c;
        if (a->type != b->type)
                return a->type < b->type ? -1 : 1;
        return a->type == VALUE_NUMBER ? (signbit(b->number) != 0) - (signbit(a->number) != 0) : 0;
}

bool value_equal(const Value *a, const Value *b) { return value_compare(a, b) == 0; }

bool value_as_number(const Value *v, double *ret) {
        if (v->type == VALUE_INTEGER)
                *ret = (double) v->integer;
        else if (v->type == VALUE_NUMBER)
                *ret = v->number;
        else
                return false;
        return true;
}

bool value_fits(FieldKind kind, ValueType type) {
        switch (kind) {
        case FIELD_KIND_TEXT:
                return type == VALUE_TEXT;
        case FIELD_KIND_NUMBER:
                return type == VALUE_INTEGER || type == VALUE_NUMBER;
        case FIELD_KIND_BOOL:
                return type == VALUE_BOOL;
        case FIELD_KIND_TIME:
                return type == VALUE_INTEGER;
        case FIELD_KIND_MAP:
                return type != VALUE_ABSENT;
        }
        return false;
}

/* ---- a set of facts ---- */

static int fact_compare(FieldId field, const char *key, const Fact *fact) {
        if (field != fact->field)
                return field < fact->field ? -1 : 1;
        if (!key || !fact->key)
                return 0;
        return strcmp(key, fact->key);
}

/* The place of a field: of the fact itself (*ret_found), or where it would be inserted. */
static size_t facts_place(const Facts *facts, FieldId field, const char *key, bool *ret_found) {
        size_t low = 0, high = facts->n_items;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int c = fact_compare(field, key, &facts->items[middle]);
                if (c == 0) {
                        *ret_found = true;
                        return middle;
                }
                if (c < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        *ret_found = false;
        return low;
}

const Value *facts_get(const Facts *facts, FieldId field, const char *key) {
        bool found;
        size_t at = facts_place(facts, field, key, &found);
        /* A MAP field without a key would compare equal to any of its facts. */
        if (!found || (facts->items[at].key && !key))
                return NULL;
        return &facts->items[at].value;
}

const char *facts_text(const Facts *facts, FieldId field) {
        const Value *value = facts_get(facts, field, NULL);
        return value && value->type == VALUE_TEXT ? value->text : NULL;
}

static int facts_reserve(Facts *facts, Arena *arena, size_t n) {
        if (n <= facts->capacity)
                return 0;
        size_t capacity = facts->capacity * 2 > n ? facts->capacity * 2 : n;
        if (capacity < 16)
                capacity = 16;
        Fact *items = ARENA_ARRAY(arena, Fact, capacity);
        if (!items)
                return -ENOMEM;
        if (facts->n_items)
                memcpy(items, facts->items, facts->n_items * sizeof *items);
        facts->items = items;
        facts->capacity = capacity;
        return 0;
}

static int value_copy(Arena *arena, const Value *value, Value *ret) {
        *ret = *value;
        if (value->type == VALUE_TEXT) {
                ret->text = arena_strndup(arena, value->text, value->size);
                if (!ret->text)
                        return -ENOMEM;
        }
        return 0;
}

int facts_set(Facts *facts, Arena *arena, FieldId field, const char *key, Value value, int64_t time_us) {
        const FieldInfo *info = field_info(field);
        if (!info || (info->kind == FIELD_KIND_MAP) != (key != NULL) || (key && !*key))
                return -EINVAL;
        bool found;
        size_t at = facts_place(facts, field, key, &found);
        if (value.type == VALUE_ABSENT) {
                if (found) {
                        facts->n_items--;
                        memmove(&facts->items[at], &facts->items[at + 1], (facts->n_items - at) * sizeof *facts->items);
                }
                return 0;
        }
        if (!value_fits(info->kind, value.type) || (value.type == VALUE_NUMBER && !isfinite(value.number)))
                return -EINVAL;

        Fact fact = { .field = field, .time_us = time_us };
        int r = value_copy(arena, &value, &fact.value);
        if (r < 0)
                return r;
        if (found) {
                fact.key = facts->items[at].key;
                facts->items[at] = fact;
                return 0;
        }
        if (key) {
                fact.key = arena_strdup(arena, key);
                if (!fact.key)
                        return -ENOMEM;
        }
        r = facts_reserve(facts, arena, facts->n_items + 1);
        if (r < 0)
                return r;
        memmove(&facts->items[at + 1], &facts->items[at], (facts->n_items - at) * sizeof *facts->items);
        facts->items[at] = fact;
        facts->n_items++;
        return 0;
}

int facts_compare(const Facts *a, const Facts *b) {
        for (size_t i = 0; i < a->n_items && i < b->n_items; i++) {
                const Fact *x = &a->items[i], *y = &b->items[i];
                int c = fact_compare(x->field, x->key, y);
                if (c == 0)
                        c = value_compare_exactly(&x->value, &y->value);
                if (c != 0)
                        return c;
        }
        return a->n_items < b->n_items ? -1 : a->n_items > b->n_items;
}

bool facts_equal(const Facts *a, const Facts *b) {
        if (a->n_items != b->n_items)
                return false;
        for (size_t i = 0; i < a->n_items; i++) {
                const Fact *x = &a->items[i], *y = &b->items[i];
                if (fact_compare(x->field, x->key, y) != 0 || x->time_us != y->time_us || !value_equal(&x->value, &y->value))
                        return false;
        }
        return true;
}

/* ---- merging ---- */

static bool fact_is_mergeable(const Fact *fact) {
        return field_is_profile(fact->field) && !(fact->value.type == VALUE_TEXT && fact->value.size == 0);
}

/* Saying again what a lead is known by is no news: each page view carries the address, and the profile is not written for that. */
static bool restating_is_news(const Fact *known) {
        if (known->field == FIELD_PERSON_EMAIL || known->field == FIELD_PERSON_EXTERNAL_IDS)
                return false;
        return known->field != FIELD_COMPANY_DOMAIN || !fact_is_derived(known);
}

/* Does the statement take the place of what is known? */
static bool fact_outranks(const Fact *statement, const Fact *known) {
        int c = value_compare_exactly(&statement->value, &known->value);
        if (statement->time_us != known->time_us)
                return statement->time_us > known->time_us && (c != 0 || restating_is_news(known));
        /* Of two statements about consent at one instant the more restrictive holds. */
        if (statement->field == FIELD_CONSENT)
                c = -c;
        return c > 0;
}

/* The domain is a function of the address, whichever statement won. */
static int facts_derive_email_domain(Facts *profile, Arena *arena, bool *changed) {
        bool found;
        size_t at = facts_place(profile, FIELD_PERSON_EMAIL, NULL, &found);
        if (!found)
                return 0;
        const Fact *email = &profile->items[at];
        const char *sign = memrchr(email->value.text, '@', email->value.size);
        if (!sign)
                return 0;
        Value domain = value_text(sign + 1);
        const Value *known = facts_get(profile, FIELD_PERSON_EMAIL_DOMAIN, NULL);
        if (known && value_equal(known, &domain))
                return 0;
        *changed = true;
        return facts_set(profile, arena, FIELD_PERSON_EMAIL_DOMAIN, NULL, domain, fact_derived_time(email->time_us));
}

int facts_merge(Facts *profile, Arena *arena, const Facts *update, bool *ret_changed) {
        bool changed = false;
        size_t n_new = 0;
        for (size_t i = 0, j = 0; j < update->n_items; j++) {
                const Fact *statement = &update->items[j];
                while (i < profile->n_items && fact_compare(statement->field, statement->key, &profile->items[i]) > 0)
                        i++;
                bool known = i < profile->n_items && fact_compare(statement->field, statement->key, &profile->items[i]) == 0;
                if (!known && fact_is_mergeable(statement) && statement->field != FIELD_PERSON_EMAIL_DOMAIN)
                        n_new++;
        }
        int r = facts_reserve(profile, arena, profile->n_items + n_new);
        if (r < 0)
                return r;

        /* From the end, so that one array serves as source and target. */
        size_t from = profile->n_items, to = profile->n_items + n_new;
        for (size_t j = update->n_items; j > 0; j--) {
                const Fact *statement = &update->items[j - 1];
                if (!fact_is_mergeable(statement) || statement->field == FIELD_PERSON_EMAIL_DOMAIN)
                        continue;
                while (from > 0 && fact_compare(statement->field, statement->key, &profile->items[from - 1]) < 0)
                        profile->items[--to] = profile->items[--from];
                bool known = from > 0 && fact_compare(statement->field, statement->key, &profile->items[from - 1]) == 0;
                if (known)
                        profile->items[--to] = profile->items[--from];
                if (known && !fact_outranks(statement, &profile->items[to]))
                        continue;
                Fact fact = *statement;
                r = value_copy(arena, &statement->value, &fact.value);
                if (r < 0)
                        return r;
                if (known)
                        fact.key = profile->items[to].key;
                else {
                        to--;
                        if (fact.key) {
                                fact.key = arena_strdup(arena, fact.key);
                                if (!fact.key)
                                        return -ENOMEM;
                        }
                }
                profile->items[to] = fact;
                changed = true;
        }
        profile->n_items += n_new;

        r = facts_derive_email_domain(profile, arena, &changed);
        if (r < 0)
                return r;
        *ret_changed = changed;
        return 0;
}

/* ---- two leads become one ---- */

/* Somebody of whom nothing is known by which a person could be called. */
static bool is_anonymous(const Facts *profile) {
        static const FieldId known_by[] = { FIELD_PERSON_EMAIL, FIELD_PERSON_PHONE_NUMBER, FIELD_PERSON_NAME, FIELD_PERSON_GIVEN_NAME,
                FIELD_PERSON_FAMILY_NAME };
        for (size_t i = 0; i < ARRAY_SIZE(known_by); i++)
                if (facts_get(profile, known_by[i], NULL))
                        return false;
        return true;
}

/* What a form or a tracker sends when nobody has said anything. */
static bool is_default(const Fact *fact) {
        switch (fact->field) {
        case FIELD_PERSON_SENIORITY:
                return fact->value.type == VALUE_TEXT && base_streq(fact->value.text, "unknown");
        case FIELD_PERSON_EMAIL_VERIFIED:
        case FIELD_ATTRIBUTION_IS_ORGANIC:
                return !fact->value.boolean;
        case FIELD_COMPANY_EMPLOYEES:
        case FIELD_COMPANY_REVENUE_AMOUNT:
        case FIELD_INTEREST_QUANTITY:
        case FIELD_INTEREST_BUDGET_AMOUNT:
                return fact->value.type == VALUE_INTEGER ? fact->value.integer == 0 : fact->value.number == 0;
        default:
                return false;
        }
}

/* Without the defaults of an anonymous profile that the other one would lose a value to. */
static int without_defaults(const Facts *profile, const Facts *other, Arena *arena, Facts *ret) {
        bool drops = is_anonymous(profile);
        *ret = (Facts){ 0 };
        int r = facts_reserve(ret, arena, profile->n_items);
        for (size_t i = 0; r == 0 && i < profile->n_items; i++) {
                const Fact *fact = &profile->items[i];
                if (!drops || !is_default(fact) || !facts_get(other, fact->field, fact->key))
                        ret->items[ret->n_items++] = *fact;
        }
        return r;
}

int facts_join(Facts *profile, Arena *arena, const Facts *other, bool *ret_changed) {
        Facts own, update;
        bool merged;
        int r = without_defaults(profile, other, arena, &own);
        if (r == 0)
                r = without_defaults(other, profile, arena, &update);
        size_t n = own.n_items;
        if (r == 0)
                r = facts_merge(&own, arena, &update, &merged);
        if (r < 0)
                return r;
        *ret_changed = merged || n != profile->n_items;
        *profile = own;
        return 0;
}
