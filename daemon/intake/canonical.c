/* SPDX-License-Identifier: MIT */
/*
 * Canonical records: the CloudEvents envelope and the sections of its data (person,
 * company, attribution, ...). Members of the data that are no section are columns of
 * a flat record, so an envelope may carry flat data. Members of a section that no
 * field is known for are kept as answers; one with a value that its field cannot
 * hold refuses the record, because its sender knows our fields.
 */
#include <errno.h>

#include "flat.h"

#define PATH_SIZE_MAX 512

bool canonical_is_envelope(const json_t *payload) { return json_object_get(payload, "specversion"); }

/* ---- sections ---- */

/* Where a section's members stand in the field table. */
static const struct {
        const char *member, *prefix;
} sections[] = {
        { "person", "person" },
        { "company", "company" },
        { "attribution", "attribution" },
        { "interest", "interest" },
        { "answers", "answers" },
        { "activity", "activity" },
        { "outcome", "outcome" },
        { "opportunity", "opportunity" },
        { "owner", "owner_absence" },
        { "raw", "raw" },
};

static const char *section_prefix(const char *name, const json_t *value) {
        if (!json_is_object(value))
                return NULL;
        for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
                if (base_streq(sections[i].member, name))
                        return sections[i].prefix;
        return NULL;
}

static bool is_consent(const char *name, const json_t *value) {
        return base_streq(name, "consent") && (json_is_array(value) || json_is_object(value));
}

static bool is_section(const char *name, const json_t *value) { return section_prefix(name, value) || is_consent(name, value); }

static const char *type_name(const json_t *value) {
        return json_is_object(value)   ? "an object"
               : json_is_array(value)  ? "a list"
               : json_is_string(value) ? "a text"
                                       : "a value of that type";
}

static int apply_member(Draft *draft, const char *path, const json_t *value, unsigned depth);

static int apply_members(Draft *draft, const char *prefix, const json_t *object, unsigned depth) {
        const char *name;
        json_t *value;
        char path[PATH_SIZE_MAX];
        size_t start = strlen(prefix) + 1;
        memcpy(path, prefix, start - 1);
        path[start - 1] = '.';
        json_object_foreach((json_t *) object, name, value) {
                size_t size = strlen(name);
                if (start + size >= sizeof path)
                        return draft_refuse(draft, "key_too_long", prefix, "a member of %s has a name of more than %d characters", prefix,
                                INTAKE_KEY_MAX);
                memcpy(path + start, name, size + 1);
                int r = apply_member(draft, path, value, depth + 1);
                if (r != 0)
                        return r;
        }
        return 0;
}

static int apply_member(Draft *draft, const char *path, const json_t *value, unsigned depth) {
        FieldId field;
        const char *key;
        if (json_is_null(value))
                return 0;
        if (strncmp(path, "outcome.opportunity.", 20) == 0)
                path += strlen("outcome.");
        if (field_find(path, &field, &key)) {
                int r = draft_set(draft, field, key, value, ADAPTER_AUTO, NULL);
                if (r != DRAFT_E_VALUE || field == FIELD_PERSON_EMAIL_DOMAIN) /* which is derived again */
                        return r == DRAFT_E_VALUE ? 0 : r;
                return draft_refuse(draft, "bad_value", path, "%s cannot be %s", path, type_name(value));
        }
        if (json_is_object(value) && depth < INTAKE_DEPTH_MAX)
                return apply_members(draft, path, value, depth);
        return flat_keep(draft, path, value);
}

/* ---- consent ---- */

/* consent.granted and consent.withdrawn say with their type what each of their statements is. */
static bool granted_by_type(const Draft *draft, bool *ret) {
        RecordFamily family;
        const char *name;
        size_t event_at;
        if (!draft->type || !record_type_parse(draft->type, &family, &name, &event_at) || family != FAMILY_CONSENT)
                return false;
        *ret = base_streq(draft->type + event_at, "granted");
        return true;
}

static int refuse_consent(Draft *draft, const char *what) {
        return draft_refuse(draft, "bad_consent", "consent", "data.consent: %s", what);
}

/* Statements about one purpose in one record: the later one holds, of two without an order the more restrictive. */
static bool is_superseded(const Draft *draft, const char *purpose, bool granted, int64_t at_us) {
        const Value *known = facts_get(&draft->record->facts, FIELD_CONSENT, purpose);
        if (!known)
                return false;
        const Value *known_at = facts_get(&draft->record->facts, FIELD_CONSENT_AT, purpose);
        int64_t known_us = known_at ? known_at->integer : TIME_NONE;
        if (known_us == TIME_NONE || at_us == TIME_NONE || known_us == at_us)
                return granted;
        return known_us > at_us;
}

static int apply_statement(Draft *draft, const char *purpose, const json_t *granted, const json_t *at, const json_t *basis) {
        Facts *facts = &draft->record->facts;
        Arena *arena = draft->record->arena;
        bool is_granted;
        int64_t at_us = TIME_NONE;
        if (!granted || json_is_null(granted)) {
                if (!granted_by_type(draft, &is_granted))
                        return refuse_consent(draft, "each statement says granted: true or false");
        } else if (json_is_boolean(granted))
                is_granted = json_is_true(granted);
        else
                return refuse_consent(draft, "granted is true or false");
        if (at && !json_is_null(at) && !draft_parse_time(draft->context, at, ADAPTER_TIME_RFC3339, NULL, &at_us))
                return refuse_consent(draft, "at is not an RFC 3339 time");
        if (strlen(purpose) > INTAKE_KEY_MAX || !*purpose)
                return refuse_consent(draft, "a purpose is a text of at most 256 bytes");
        char *key = arena_strdup(arena, purpose);
        if (!key)
                return -ENOMEM;
        for (char *c = key; *c; c++)
                *c = *c >= 'A' && *c <= 'Z' ? (char) (*c + 32) : *c;
        if (is_superseded(draft, key, is_granted, at_us))
                return 0;
        Value instant = { .type = VALUE_ABSENT };
        if (at_us != TIME_NONE)
                instant = value_integer(at_us);
        int r = facts_set(facts, arena, FIELD_CONSENT, key, value_bool(is_granted), TIME_NONE);
        if (r == 0)
                r = facts_set(facts, arena, FIELD_CONSENT_AT, key, instant, TIME_NONE);
        if (r == 0 && basis)
                r = draft_set(draft, FIELD_CONSENT_BASIS, key, basis, ADAPTER_AUTO, NULL);
        return r == DRAFT_E_VALUE ? refuse_consent(draft, "basis is a text") : r;
}

static int apply_consent(Draft *draft, const json_t *consent) {
        if (json_is_object(consent)) { /* the short form: purpose -> true or false */
                const char *purpose;
                json_t *granted;
                json_object_foreach((json_t *) consent, purpose, granted) {
                        int r = apply_statement(draft, purpose, granted, NULL, NULL);
                        if (r != 0)
                                return r;
                }
                return 0;
        }
        size_t index;
        json_t *item;
        json_array_foreach((json_t *) consent, index, item) {
                const char *purpose = json_string_value(json_object_get(item, "purpose"));
                if (!purpose)
                        return refuse_consent(draft, "each statement names its purpose");
                int r = apply_statement(
                        draft, purpose, json_object_get(item, "granted"), json_object_get(item, "at"), json_object_get(item, "basis"));
                if (r != 0)
                        return r;
        }
        return 0;
}

/* Flat data of a consent record: "purpose": "newsletter", which has become an answer. */
static int apply_flat_purpose(Draft *draft) {
        bool granted;
        const Value *purpose = facts_get(&draft->record->facts, FIELD_ANSWERS, "purpose");
        if (!purpose || purpose->type != VALUE_TEXT || !granted_by_type(draft, &granted))
                return 0;
        int r = apply_statement(draft, purpose->text, NULL, NULL, NULL);
        return r == 0 ? facts_set(&draft->record->facts, draft->record->arena, FIELD_ANSWERS, "purpose", (Value){ 0 }, TIME_NONE) : r;
}

/* ---- data and envelope ---- */

static int apply_data(Draft *draft, const json_t *data, bool is_top) {
        /* Columns first: at the top of a record they bring the type, on which consent depends. */
        int r = flat_apply(draft, data, is_top, is_section);
        const char *name;
        json_t *value;
        if (r != 0)
                return r;
        json_object_foreach((json_t *) data, name, value) {
                const char *prefix = section_prefix(name, value);
                if (prefix)
                        r = apply_members(draft, prefix, value, 1);
                else if (is_consent(name, value))
                        r = apply_consent(draft, value);
                if (r != 0)
                        return r;
        }
        return apply_flat_purpose(draft);
}

static int apply_attribute(Draft *draft, const json_t *envelope, const char *name) {
        const json_t *value = json_object_get(envelope, name);
        if (!value || json_is_null(value))
                return 0;
        if (!json_is_string(value) || json_string_length(value) == 0)
                return draft_refuse(draft, "bad_value", name, "%s is a text that is not empty", name);
        int r = draft_set_target(draft, name, value, ADAPTER_AUTO, NULL);
        return r == DRAFT_E_VALUE ? draft_refuse(draft, "bad_value", name, "%s is a text that is not empty", name) : r;
}

static int apply_time(Draft *draft, const json_t *envelope) {
        const json_t *value = json_object_get(envelope, "time");
        if (!value || json_is_null(value) || draft_parse_time(draft->context, value, ADAPTER_TIME_RFC3339, NULL, &draft->time_us))
                return 0;
        return draft_refuse(draft, "bad_time", "time", "time is not an RFC 3339 time of the years 1970 to 9999");
}

static int apply_envelope(Draft *draft, const json_t *envelope) {
        static const char *const attributes[] = { "id", "source", "type", "subject" };
        const char *version = json_string_value(json_object_get(envelope, "specversion"));
        if (!version || !base_streq(version, "1.0"))
                return draft_refuse(draft, "bad_specversion", "specversion", "specversion is not \"1.0\"");
        if (!json_object_get(envelope, "type"))
                return draft_refuse(draft, "unknown_type", "type", "a CloudEvents record has a type");
        for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
                int r = apply_attribute(draft, envelope, attributes[i]);
                if (r != 0)
                        return r;
        }
        int r = apply_time(draft, envelope);
        if (r != 0)
                return r;
        const json_t *data = json_object_get(envelope, "data");
        if (!json_is_object(data))
                return draft_refuse(draft, "no_data", "data", "data is not a JSON object");
        return apply_data(draft, data, false);
}

int canonical_apply(Draft *draft, const json_t *payload) {
        return canonical_is_envelope(payload) ? apply_envelope(draft, payload) : apply_data(draft, payload, true);
}
