/* SPDX-License-Identifier: MIT */
/*
 * Reading an object whose members are columns, as spreadsheets, web forms and
 * "send webhook" steps write it. Nothing is thrown away: what no field is known for,
 * what does not convert, and what came second for a field is kept as an answer.
 */
#include <errno.h>

#include "flat.h"

/* An activity's own data are its properties; everything else is an answer of the lead. */
static FieldId keep_field(const Draft *draft) {
        RecordFamily family;
        const char *name;
        size_t event_at;
        bool is_activity = draft->type && record_type_parse(draft->type, &family, &name, &event_at) && family == FAMILY_ACTIVITY;
        return is_activity ? FIELD_ACTIVITY_PROPERTIES : FIELD_ANSWERS;
}

int flat_keep(Draft *draft, const char *name, const json_t *value) {
        if (json_is_object(value) && json_object_size(value) == 0)
                return 0;
        int r = draft_set(draft, keep_field(draft), *name ? name : "?", value, ADAPTER_AUTO, NULL);
        return r == DRAFT_E_VALUE ? draft_refuse(draft, "bad_value", name, "a value is nested too deeply") : r;
}

/* A column that says no by saying yes. Its "no" is not a consent: nobody was asked. */
static int apply_opt_out(Draft *draft, const Column *column, const json_t *value) {
        FieldId field;
        const char *key;
        if (draft_has_target(draft, column->target) || !field_find(column->target, &field, &key))
                return DRAFT_E_VALUE;
        int r = draft_set(draft, field, key, value, ADAPTER_BOOL, NULL);
        const Value *set = r == 0 ? facts_get(&draft->record->facts, field, key) : NULL;
        if (!set)
                return r;
        return facts_set(
                &draft->record->facts, draft->record->arena, field, key, set->boolean ? value_bool(false) : (Value){ 0 }, TIME_NONE);
}

static int apply_event(Draft *draft, const Column *column, const json_t *value) {
        if (draft_has_target(draft, column->target))
                return DRAFT_E_VALUE;
        bool is_lead_subject = json_is_string(value) && strncmp(json_string_value(value), "lead:", 5) == 0;
        if (base_streq(column->target, "subject") && !is_lead_subject)
                return DRAFT_E_VALUE; /* the subject line of a contact form */
        if (base_streq(column->target, "type"))
                return DRAFT_E_VALUE; /* read before, when it is one of ours */
        return draft_set_target(draft, column->target, value, ADAPTER_AUTO, NULL);
}

static int apply_column(Draft *draft, const Column *column, const json_t *value) {
        switch (column->kind) {
        case COLUMN_OPT_OUT:
                return apply_opt_out(draft, column, value);
        case COLUMN_EVENT:
                return apply_event(draft, column, value);
        case COLUMN_FIELD:
                break;
        }
        if (draft_has_target(draft, column->target))
                return DRAFT_E_VALUE;
        return draft_set_target(draft, column->target, value, ADAPTER_AUTO, NULL);
}

/* A heading may be a field path itself: "company.annual_revenue.amount". */
static int apply_path(Draft *draft, const char *name, const json_t *value) {
        FieldId field;
        const char *key;
        if (!strchr(name, '.') || !field_find(name, &field, &key) || draft_has_target(draft, name))
                return DRAFT_E_VALUE;
        return draft_set(draft, field, key, value, ADAPTER_AUTO, NULL);
}

static bool is_nothing(const json_t *value) { return json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0); }

/* The type decides where unknown columns are kept, so it is looked for first. A word of somebody else's ("type": "Webinar") is a column. */
static int find_type(Draft *draft, const json_t *object, FlatSkip skip, const char **ret_column) {
        const char *name;
        json_t *value;
        RecordFamily family;
        const char *family_name;
        size_t event_at;
        *ret_column = NULL;
        if (draft->type)
                return 0;
        json_object_foreach((json_t *) object, name, value) {
                if (!json_is_string(value) || (skip && skip(name, value)))
                        continue;
                const Column *column = column_find(name, strlen(name));
                if (!column || !base_streq(column->target, "type") ||
                        !record_type_parse(json_string_value(value), &family, &family_name, &event_at))
                        continue;
                *ret_column = name;
                return draft_set_target(draft, "type", value, ADAPTER_AUTO, NULL);
        }
        return 0;
}

int flat_apply(Draft *draft, const json_t *object, bool is_top, FlatSkip skip) {
        const char *name, *type_column = NULL;
        json_t *value;
        bool has_second = false;
        int r = is_top ? find_type(draft, object, skip, &type_column) : 0;
        if (r != 0)
                return r;
        for (int pass = 1; pass <= 1 + has_second; pass++)
                json_object_foreach((json_t *) object, name, value) {
                        if (is_nothing(value) || name == type_column || (skip && skip(name, value)))
                                continue;
                        const Column *column = column_find(name, strlen(name));
                        if (column && column->kind == COLUMN_EVENT && !is_top)
                                column = NULL;
                        int own_pass = column ? column->pass : 1;
                        has_second = has_second || own_pass == 2;
                        if (own_pass != pass)
                                continue;
                        r = column ? apply_column(draft, column, value) : apply_path(draft, name, value);
                        if (r == DRAFT_E_VALUE)
                                r = flat_keep(draft, name, value);
                        if (r != 0)
                                return r;
                }
        return 0;
}
