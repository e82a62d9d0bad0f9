/* SPDX-License-Identifier: MIT */
/*
 * Rules that wait for a word nobody says. policy lists which texts the rules compare with what (a misspelt "serach" is as good a
 * text as any to the loader), store lists which texts sources have really sent there; what is asked for and never came becomes a
 * warning. Stands in gate because it joins the two; writes nothing.
 */
#include "leadd/gate.h"
#include <errno.h>
#include <stdio.h>

#define MENTIONED_FIELDS_MAX 1000 /* different fields of one rule set that are looked at */
#define NEAR_RECORDS_MIN 2        /* a text that occurred once may be a slip itself */

typedef struct Join {
        const RuleSet *rules;
        Arena *arena;
        StoreField *fields;
        size_t n_fields;
        StoreValues values;
        PolicyReport *report;
} Join;

/* Names of people, companies, pages and things: each is new, so that "never seen" says nothing; and a hint would show one. */
static bool identifies_somebody(FieldId field) {
        switch (field) {
        case FIELD_PERSON_EMAIL:
        case FIELD_PERSON_EMAIL_DOMAIN:
        case FIELD_PERSON_PHONE_NUMBER:
        case FIELD_PERSON_NAME:
        case FIELD_PERSON_GIVEN_NAME:
        case FIELD_PERSON_FAMILY_NAME:
        case FIELD_PERSON_WEBSITE:
        case FIELD_PERSON_ADDRESS_STREET:
        case FIELD_PERSON_ADDRESS_FORMATTED:
        case FIELD_PERSON_ADDRESS_POSTAL_CODE:
        case FIELD_PERSON_EXTERNAL_IDS:
        case FIELD_COMPANY_NAME:
        case FIELD_COMPANY_LEGAL_NAME:
        case FIELD_COMPANY_DOMAIN:
        case FIELD_COMPANY_EXTERNAL_IDS:
        case FIELD_COMPANY_ADDRESS_STREET:
        case FIELD_COMPANY_ADDRESS_POSTAL_CODE:
        case FIELD_ATTRIBUTION_PAGE_URL:
        case FIELD_ATTRIBUTION_REFERRER:
        case FIELD_ATTRIBUTION_CLICK_IDS:
        case FIELD_INTEREST_MESSAGE:
        case FIELD_ACTIVITY_URL:
        case FIELD_OPPORTUNITY_ID:
                return true;
        default:
                return false;
        }
}

static bool is_looked_at(const Mention *mention) {
        for (size_t i = 0; i < MENTION_FIELDS_MAX && mention->fields[i] != FIELD_NONE; i++)
                if (identifies_somebody(mention->fields[i]))
                        return false;
        return true;
}

/* The field's place in what the store is asked; SIZE_MAX: not among it. */
static size_t find_field(const Join *join, const Mention *mention) {
        for (size_t i = 0; i < join->n_fields; i++) {
                const StoreField *field = &join->fields[i];
                if (field->of == mention->of && memcmp(field->fields, mention->fields, sizeof(field->fields)) == 0 &&
                        (field->key == NULL) == (mention->key == NULL) && (!field->key || base_streq(field->key, mention->key)))
                        return i;
        }
        return SIZE_MAX;
}

static int on_field(const Mention *mention, void *userdata) {
        Join *join = userdata;
        if (!is_looked_at(mention) || join->n_fields == MENTIONED_FIELDS_MAX || find_field(join, mention) != SIZE_MAX)
                return 0;
        StoreField *field = &join->fields[join->n_fields++];
        *field = (StoreField){ .of = mention->of, .key = mention->key };
        memcpy(field->fields, mention->fields, sizeof(field->fields));
        return 0;
}

/* What the field table itself gives as a value ("owner, c_level, vp, ...") may be rare, but is no slip. */
static bool is_documented(const Mention *mention) {
        const FieldInfo *info = mention->fields[0] != FIELD_NONE ? field_info(mention->fields[0]) : NULL;
        size_t size = strlen(mention->written);
        if (!info || mention->how || !strchr(info->meaning, ','))
                return false;
        for (const char *at = info->meaning; (at = strstr(at, mention->written)); at += size ? size : 1) {
                char before = at == info->meaning ? ' ' : at[-1], after = at[size];
                if (before == ' ' && (after == ',' || after == ';' || after == '\0' || after == ' '))
                        return true;
        }
        return false;
}

static const char *find_near(const Join *join, const Mention *mention, const StoreFieldValues *values) {
        if (mention->n_texts > 1 || values->n_values == 0)
                return NULL;
        const char **texts = ARENA_ARRAY(join->arena, const char *, values->n_values);
        size_t n = 0;
        for (size_t i = 0; texts && i < values->n_values; i++)
                if (values->values[i].n_records >= NEAR_RECORDS_MIN)
                        texts[n++] = values->values[i].text;
        return text_closest(mention->written, texts, n);
}

/* 12,345 */
static const char *count_text(uint64_t n, char buf[static 32]) {
        char digits[24];
        size_t n_digits = (size_t) snprintf(digits, sizeof(digits), "%llu", (unsigned long long) n), at = 0;
        for (size_t i = 0; i < n_digits; i++) {
                if (i > 0 && (n_digits - i) % 3 == 0)
                        buf[at++] = ',';
                buf[at++] = digits[i];
        }
        buf[at] = '\0';
        return buf;
}

static int on_text(const Mention *mention, void *userdata) {
        Join *join = userdata;
        size_t at = is_looked_at(mention) ? find_field(join, mention) : SIZE_MAX;
        if (at == SIZE_MAX || is_documented(mention))
                return 0;
        const StoreFieldValues *values = &join->values.fields[at];
        if (values->n_records < GATE_VALUES_RECORDS_MIN || values->many || values->n_records < values->n_values * GATE_VALUES_REPEAT_MIN)
                return 0;
        for (size_t i = 0; i < values->n_values; i++)
                if (policy_mention_matches(mention, values->values[i].folded, values->values[i].folded_size))
                        return 0;
        const char *near = find_near(join, mention, values);
        char count[32];
        return policy_report_warn(join->report, mention->rule, "%s is never %s%s\"%.100s\"%s in %s%s records%s%.100s%s", mention->path,
                mention->how ? mention->how : "", mention->how ? "(" : "", mention->written,
                mention->n_texts > 1 ? ", ..)"
                : mention->how       ? ")"
                                     : "",
                join->values.is_whole_book ? "" : "the newest ", count_text(values->n_records, count), near ? "; did you mean \"" : "",
                near ? near : "", near ? "\"?" : "");
}

int gate_check_values(Store *store, const RuleSet *rules, PolicyReport *report) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        if (!arena)
                return -ENOMEM;
        Join join = { .rules = rules, .arena = arena, .report = report };
        join.fields = ARENA_ARRAY(arena, StoreField, MENTIONED_FIELDS_MAX);
        if (!join.fields)
                return -ENOMEM;
        int r = policy_mentions(rules, on_field, &join);
        if (r == 0)
                r = store_values(store, join.fields, join.n_fields, arena, &join.values);
        return r == 0 ? policy_mentions(rules, on_text, &join) : r;
}
