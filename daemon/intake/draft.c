/* SPDX-License-Identifier: MIT */
/*
 * Drafts: a record being understood. Conversion of JSON values to fields, limits
 * of a single value, refusals. Canonical, flat and adapter reading all write through
 * here, so that a field means the same whichever way it came. What concerns the
 * record as a whole is finish.c.
 */
#include <errno.h>
#include <glib.h>
#include <math.h>
#include <stdio.h>

#include "internal.h"

#define LIST_DEPTH_MAX INTAKE_DEPTH_MAX
#define FACTS_EXPECTED 40
#define FACTS_MAX 1000                     /* of one record: every field, and several maps filled to their limit */
#define KEY_BYTES_MAX (INTAKE_KEY_MAX * 4) /* what cannot be less than too many characters */

/* ---- life ---- */

int draft_new(IntakeContext *context, const json_t *delivered, Draft **ret) {
        Draft *draft = malloc(sizeof *draft);
        if (!draft)
                return -ENOMEM;
        *draft = (Draft){ .context = context, .record = record_new(), .delivered = delivered, .item = SIZE_MAX, .time_us = TIME_NONE };
        if (!draft->record) {
                free(draft);
                return -ENOMEM;
        }
        /* Room for an ordinary lead at once; growing would leave the smaller arrays in the arena. */
        draft->record->facts.items = ARENA_ARRAY(draft->record->arena, Fact, FACTS_EXPECTED);
        if (!draft->record->facts.items) {
                draft_free(draft);
                return -ENOMEM;
        }
        draft->record->facts.capacity = FACTS_EXPECTED;
        *ret = draft;
        return 0;
}

Draft *draft_free(Draft *draft) {
        if (draft) {
                record_free(draft->record);
                free(draft);
        }
        return NULL;
}

void draft_freep(Draft **draft) { *draft = draft_free(*draft); }

int draft_refuse(Draft *draft, const char *reason, const char *field, const char *format, ...) {
        if (draft->reason)
                return DRAFT_E_REFUSED;
        char text[512];
        va_list args;
        va_start(args, format);
        (void) vsnprintf(text, sizeof text, format, args);
        va_end(args);
        draft->text = arena_strdup(draft->record->arena, text);
        draft->field = field ? arena_strdup(draft->record->arena, field) : NULL;
        if (!draft->text || (field && !draft->field))
                return -ENOMEM;
        draft->reason = reason;
        return DRAFT_E_REFUSED;
}

const Zone *context_zone(IntakeContext *context, const char *name) {
        if (!name)
                return context->settings->zone;
        for (size_t i = 0; i < *context->n_zones; i++)
                if (base_streq(context->zones[i].name, name))
                        return context->zones[i].zone;
        /* Names come from adapters, which are few; one over the limit is looked up each time and read as UTC. */
        if (*context->n_zones == INTAKE_ZONES_MAX)
                return NULL;
        Zone *zone = NULL;
        if (zone_new(name, &zone) != 0)
                zone = NULL;
        context->zones[(*context->n_zones)++] = (ZoneCacheEntry){ .name = name, .zone = zone };
        return zone;
}

/* ---- texts of values ---- */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static void trim(const char **text, size_t *size) {
        while (*size > 0 && is_blank(**text)) {
                (*text)++;
                (*size)--;
        }
        while (*size > 0 && is_blank((*text)[*size - 1]))
                (*size)--;
}

/* The shortest decimal text that reads back as the same number. */
static void number_text(double number, char buf[static 32]) {
        for (int digits = 15; digits <= 17; digits++) {
                char format[16];
                (void) snprintf(format, sizeof format, "%%.%dg", digits);
                g_ascii_formatd(buf, 32, format, number);
                if (g_ascii_strtod(buf, NULL) == number)
                        return;
        }
}

static bool is_scalar(const json_t *value) { return !json_is_object(value) && !json_is_array(value); }

/* Appends a scalar's text; nothing for null. */
static void append_scalar(Text *out, const json_t *value) {
        char buf[32];
        switch (json_typeof(value)) {
        case JSON_STRING:
                text_append_size(out, json_string_value(value), json_string_length(value));
                break;
        case JSON_INTEGER:
                text_printf(out, "%lld", (long long) json_integer_value(value));
                break;
        case JSON_REAL:
                number_text(json_real_value(value), buf);
                text_append(out, buf);
                break;
        case JSON_TRUE:
        case JSON_FALSE:
                text_append(out, json_is_true(value) ? "true" : "false");
                break;
        default:
                break;
        }
}

const char *draft_text_of(Arena *arena, const json_t *value, size_t *ret_size, int *ret_error) {
        *ret_error = 0;
        if (json_is_string(value)) {
                *ret_size = json_string_length(value);
                return json_string_value(value);
        }
        if (!value || json_is_null(value) || json_is_object(value))
                return NULL;
        Text text = { 0 };
        if (json_is_array(value)) {
                size_t index;
                json_t *item;
                json_array_foreach((json_t *) value, index, item) {
                        if (!is_scalar(item)) {
                                text_free(&text);
                                return NULL;
                        }
                        if (json_is_null(item))
                                continue;
                        if (text.size > 0)
                                text_append(&text, ", ");
                        append_scalar(&text, item);
                }
        } else
                append_scalar(&text, value);
        const char *copy = text.error ? NULL : arena_strndup(arena, text.data ? text.data : "", text.size);
        if (!copy)
                *ret_error = -ENOMEM;
        *ret_size = text.size;
        text_free(&text);
        return copy;
}

/* ---- conversions ---- */

static bool is_one_of(const char *text, size_t size, const char *const *words) {
        for (; *words; words++)
                if (strlen(*words) == size && g_ascii_strncasecmp(*words, text, size) == 0)
                        return true;
        return false;
}

static bool text_to_bool(const char *text, size_t size, bool *ret) {
        static const char *const yes[] = { "true", "yes", "y", "1", "on", "ja", "oui", "si", "sí", "checked", NULL };
        static const char *const no[] = { "false", "no", "n", "0", "off", "nein", "non", "unchecked", NULL };
        *ret = is_one_of(text, size, yes);
        return *ret || is_one_of(text, size, no);
}

/* A decimal number as JSON writes it, with an optional plus sign: no thousands separators, for they are decimal points elsewhere. */
static bool text_to_number(const char *text, size_t size, Value *ret) {
        char buf[64];
        if (size == 0 || size >= sizeof buf)
                return false;
        memcpy(buf, text, size);
        buf[size] = '\0';
        const char *at = buf + (*buf == '-' || *buf == '+');
        size_t n_whole = strspn(at, "0123456789");
        at += n_whole;
        bool is_whole = *at == '\0';
        if (*at == '.') {
                size_t n_fraction = strspn(at + 1, "0123456789");
                if (n_fraction == 0)
                        return false;
                at += 1 + n_fraction;
        }
        if (n_whole == 0)
                return false;
        if (*at == 'e' || *at == 'E') {
                at += 1 + (at[1] == '-' || at[1] == '+');
                size_t n_exponent = strspn(at, "0123456789");
                if (n_exponent == 0)
                        return false;
                at += n_exponent;
        }
        if (*at != '\0')
                return false;
        if (is_whole) {
                errno = 0;
                int64_t integer = g_ascii_strtoll(buf, NULL, 10);
                if (errno == 0) {
                        *ret = value_integer(integer);
                        return true;
                }
        }
        *ret = value_number(g_ascii_strtod(buf, NULL));
        return isfinite(ret->number);
}

static int to_number(const json_t *value, const char *text, size_t size, Value *ret) {
        if (json_is_integer(value))
                *ret = value_integer(json_integer_value(value));
        else if (json_is_real(value))
                *ret = value_number(json_real_value(value));
        else if (!json_is_string(value) || !text_to_number(text, size, ret))
                return DRAFT_E_VALUE;
        return 0;
}

static int to_bool(const json_t *value, const char *text, size_t size, Value *ret) {
        bool yes;
        if (json_is_boolean(value))
                yes = json_is_true(value);
        else if (json_is_integer(value) && (json_integer_value(value) == 0 || json_integer_value(value) == 1))
                yes = json_integer_value(value) == 1;
        else if (!json_is_string(value) || !text_to_bool(text, size, &yes))
                return DRAFT_E_VALUE;
        *ret = value_bool(yes);
        return 0;
}

static char *lower_copy(Arena *arena, const char *text, size_t size) {
        char *copy = arena_strndup(arena, text, size);
        for (char *c = copy; c && *c; c++)
                *c = g_ascii_tolower(*c);
        return copy;
}

/* The value after the adapter's form, before it is made to fit the field. text is the value's trimmed text. */
static int apply_form(
        Draft *draft, const json_t *value, const char *text, size_t size, AdapterForm form, const char *argument, Value *ret) {
        Arena *arena = draft->record->arena;
        switch (form) {
        case ADAPTER_INTEGER: {
                int r = to_number(value, text, size, ret);
                if (r == 0 && ret->type == VALUE_NUMBER) {
                        if (ret->number != trunc(ret->number) || fabs(ret->number) >= 9e15)
                                return DRAFT_E_VALUE;
                        *ret = value_integer((int64_t) ret->number);
                }
                return r;
        }
        case ADAPTER_NUMBER:
                return to_number(value, text, size, ret);
        case ADAPTER_BOOL:
                return to_bool(value, text, size, ret);
        case ADAPTER_PHONE: {
                char phone[PHONE_TEXT_SIZE];
                if (phone_resolve(text, size, draft->context->settings->phone_region, phone)) {
                        text = arena_strdup(arena, phone);
                        if (!text)
                                return -ENOMEM;
                        size = strlen(text);
                }
                break;
        }
        case ADAPTER_COUNTRY: {
                const char *country = country_find(text, size);
                if (!country)
                        return DRAFT_E_VALUE;
                *ret = value_text(country);
                return 0;
        }
        case ADAPTER_STRIP_PREFIX: {
                size_t prefix = argument ? strlen(argument) : 0;
                if (prefix > 0 && size >= prefix && memcmp(text, argument, prefix) == 0) {
                        text += prefix;
                        size -= prefix;
                }
                break;
        }
        case ADAPTER_LOWER: {
                text = lower_copy(arena, text, size);
                if (!text)
                        return -ENOMEM;
                break;
        }
        case ADAPTER_LAST_URN: {
                const char *colon = memrchr(text, ':', size);
                if (colon) {
                        size -= (size_t) (colon + 1 - text);
                        text = colon + 1;
                }
                break;
        }
        case ADAPTER_AUTO:
                switch (json_typeof(value)) {
                case JSON_INTEGER:
                        *ret = value_integer(json_integer_value(value));
                        return 0;
                case JSON_REAL:
                        *ret = value_number(json_real_value(value));
                        return 0;
                case JSON_TRUE:
                case JSON_FALSE:
                        *ret = value_bool(json_is_true(value));
                        return 0;
                default:
                        break;
                }
                break;
        }
        *ret = value_text_size(text, size);
        return 0;
}

/* ---- setting one fact ---- */

static bool is_always_text(FieldId field) {
        return field == FIELD_PERSON_EXTERNAL_IDS || field == FIELD_COMPANY_EXTERNAL_IDS || field == FIELD_ATTRIBUTION_CLICK_IDS ||
               field == FIELD_CONSENT_BASIS;
}

static FieldKind kind_of(const FieldInfo *info) {
        if (info->id == FIELD_CONSENT)
                return FIELD_KIND_BOOL;
        if (info->id == FIELD_CONSENT_AT)
                return FIELD_KIND_TIME;
        return is_always_text(info->id) ? FIELD_KIND_TEXT : info->kind;
}

static int value_to_text(Arena *arena, Value *value) {
        char buf[32];
        switch (value->type) {
        case VALUE_TEXT:
                return 0;
        case VALUE_INTEGER:
                (void) snprintf(buf, sizeof buf, "%lld", (long long) value->integer);
                break;
        case VALUE_NUMBER:
                number_text(value->number, buf);
                break;
        case VALUE_BOOL:
                (void) snprintf(buf, sizeof buf, "%s", value->boolean ? "true" : "false");
                break;
        case VALUE_ABSENT:
                return DRAFT_E_VALUE;
        }
        char *text = arena_strdup(arena, buf);
        if (!text)
                return -ENOMEM;
        *value = value_text(text);
        return 0;
}

/* Makes the value's type one that the field takes. */
static int fit_value(Draft *draft, const FieldInfo *info, Value *value) {
        bool yes;
        int64_t time_us;
        switch (kind_of(info)) {
        case FIELD_KIND_TEXT:
                return value_to_text(draft->record->arena, value);
        case FIELD_KIND_NUMBER:
                if (value->type == VALUE_TEXT)
                        return text_to_number(value->text, value->size, value) ? 0 : DRAFT_E_VALUE;
                return value->type == VALUE_BOOL ? DRAFT_E_VALUE : 0;
        case FIELD_KIND_BOOL:
                if (value->type == VALUE_TEXT && text_to_bool(value->text, value->size, &yes))
                        *value = value_bool(yes);
                else if (value->type == VALUE_INTEGER && (value->integer == 0 || value->integer == 1))
                        *value = value_bool(value->integer == 1);
                return value->type == VALUE_BOOL ? 0 : DRAFT_E_VALUE;
        case FIELD_KIND_TIME: {
                json_t *json = value->type == VALUE_TEXT      ? json_stringn(value->text, value->size)
                               : value->type == VALUE_INTEGER ? json_integer(value->integer)
                               : value->type == VALUE_NUMBER  ? json_real(value->number)
                                                              : NULL;
                bool ok = json && draft_parse_time(draft->context, json, ADAPTER_TIME_AUTO, NULL, &time_us);
                json_decref(json);
                if (!ok)
                        return DRAFT_E_VALUE;
                *value = value_integer(time_us);
                return 0;
        }
        case FIELD_KIND_MAP:
                return 0;
        }
        return DRAFT_E_VALUE;
}

static size_t count_characters(const char *text, size_t size) {
        size_t n = 0;
        for (size_t i = 0; i < size; i++)
                n += ((unsigned char) text[i] & 0xc0) != 0x80;
        return n;
}

static void path_text(const FieldInfo *info, const char *key, char buf[static 192]) {
        (void) snprintf(buf, 192, "%s%s%.100s", info->path, key ? "." : "", key ? key : "");
}

static int check_limits(Draft *draft, const FieldInfo *info, const char *key, const Value *value) {
        char path[192];
        if (key && strlen(key) > INTAKE_KEY_MAX && count_characters(key, strlen(key)) > INTAKE_KEY_MAX)
                return draft_refuse(
                        draft, "key_too_long", info->path, "a key of %s has more than %d characters", info->path, INTAKE_KEY_MAX);
        if (value->type != VALUE_TEXT)
                return 0;
        size_t limit = info->id == FIELD_INTEREST_MESSAGE      ? INTAKE_MESSAGE_MAX
                       : info->id == FIELD_PERSON_EXTERNAL_IDS ? INTAKE_KEY_MAX
                                                               : INTAKE_TEXT_MAX;
        if (value->size <= limit || count_characters(value->text, value->size) <= limit)
                return 0;
        path_text(info, key, path);
        return draft_refuse(draft, "text_too_long", path, "%s has more than %zu characters", path, limit);
}

static int set_value(Draft *draft, const FieldInfo *info, const char *key, Value value) {
        if (value.type == VALUE_TEXT) {
                size_t size = value.size;
                trim(&value.text, &size);
                value.size = (uint32_t) size;
                if (size == 0)
                        return 0;
        }
        int r = fit_value(draft, info, &value);
        if (r != 0)
                return r;
        r = check_limits(draft, info, key, &value);
        if (r != 0)
                return r;
        if (draft->record->facts.n_items >= FACTS_MAX)
                return draft_refuse(draft, "too_many_answers", info->path, "the record has more than %d values", FACTS_MAX);
        return facts_set(&draft->record->facts, draft->record->arena, info->id, key, value, TIME_NONE);
}

/* A field only leadd itself writes. */
static bool is_internal(FieldId field) {
        return (field >= FIELD_TIMER_RULE && field <= FIELD_RULES_APPLY) || field == FIELD_CARE_INTO || field == FIELD_CARE_FROM ||
               field == FIELD_CARE_STATE || field == FIELD_PERSON_EMAIL_DOMAIN;
}

static int set_scalar(Draft *draft, const FieldInfo *info, const char *key, const json_t *value, AdapterForm form, const char *argument) {
        size_t size;
        int error;
        const char *text = draft_text_of(draft->record->arena, value, &size, &error);
        if (!text)
                return error < 0 ? error : DRAFT_E_VALUE;
        trim(&text, &size);
        if (size == 0)
                return 0;
        Value converted;
        int r = apply_form(draft, value, text, size, form, argument, &converted);
        if (r != 0)
                return r;
        return set_value(draft, info, key, converted);
}

static bool holds_only_scalars(const json_t *list) {
        size_t index;
        json_t *item;
        json_array_foreach((json_t *) list, index, item) {
                if (!is_scalar(item))
                        return false;
        }
        return true;
}

/* The key of a MAP field while it grows by its members' names. Not in the arena: a payload of a few hundred kilobytes could name
 * one long key in front of thousands of members. */
typedef struct GrowingKey {
        char text[KEY_BYTES_MAX + 1];
        size_t size;
} GrowingKey;

static bool key_append(GrowingKey *key, const char *name) {
        size_t size = strlen(name);
        bool dot = key->size > 0;
        if (key->size + dot + size > KEY_BYTES_MAX)
                return false;
        if (dot)
                key->text[key->size++] = '.';
        memcpy(key->text + key->size, name, size + 1);
        key->size += size;
        return true;
}

static bool is_nothing(const json_t *value) { return json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0); }

static int set_members(
        Draft *draft, const FieldInfo *info, GrowingKey *key, const json_t *value, AdapterForm form, const char *argument, unsigned depth);

static int set_member(Draft *draft, const FieldInfo *info, GrowingKey *key, const char *name, const json_t *value, AdapterForm form,
        const char *argument, unsigned depth) {
        size_t size = key->size;
        if (is_nothing(value))
                return 0;
        if (!key_append(key, name))
                return draft_refuse(
                        draft, "key_too_long", info->path, "a key of %s has more than %d characters", info->path, INTAKE_KEY_MAX);
        int r = set_members(draft, info, key, value, form, argument, depth + 1);
        key->size = size;
        key->text[size] = '\0';
        return r;
}

static int set_members(
        Draft *draft, const FieldInfo *info, GrowingKey *key, const json_t *value, AdapterForm form, const char *argument, unsigned depth) {
        bool is_list = json_is_array(value) && !holds_only_scalars(value);
        int r = 0;
        if (!json_is_object(value) && !is_list)
                return key->size > 0 ? set_scalar(draft, info, key->text, value, form, argument) : DRAFT_E_VALUE;
        if (depth >= LIST_DEPTH_MAX)
                return DRAFT_E_VALUE;
        if (is_list) {
                size_t index;
                json_t *item;
                json_array_foreach((json_t *) value, index, item) {
                        char position[24];
                        (void) snprintf(position, sizeof position, "%zu", index);
                        r = set_member(draft, info, key, position, item, form, argument, depth);
                        if (r != 0)
                                return r;
                }
                return 0;
        }
        const char *name;
        json_t *member;
        json_object_foreach((json_t *) value, name, member) {
                r = set_member(draft, info, key, *name ? name : "?", member, form, argument, depth);
                if (r != 0)
                        return r;
        }
        return 0;
}

int draft_set(Draft *draft, FieldId field, const char *key, const json_t *value, AdapterForm form, const char *argument) {
        const FieldInfo *info = field_info(field);
        if (!info || is_internal(field) || (info->kind != FIELD_KIND_MAP && key))
                return DRAFT_E_VALUE;
        if (!value || json_is_null(value))
                return 0;
        if (info->kind == FIELD_KIND_MAP) {
                GrowingKey growing = { .size = 0 };
                if (key && !key_append(&growing, key))
                        return draft_refuse(
                                draft, "key_too_long", info->path, "a key of %s has more than %d characters", info->path, INTAKE_KEY_MAX);
                return set_members(draft, info, &growing, value, form, argument, 0);
        }
        if (json_is_object(value))
                return DRAFT_E_VALUE;
        return set_scalar(draft, info, NULL, value, form, argument);
}

/* ---- setting by target ---- */

typedef enum Target {
        TARGET_FIELD,
        TARGET_ID,
        TARGET_TIME,
        TARGET_SOURCE,
        TARGET_TYPE,
        TARGET_SUBJECT,
        TARGET_SKIP,
        TARGET_UNKNOWN
} Target;

static Target find_target(const char *target, FieldId *ret_field, const char **ret_key) {
        static const struct {
                const char *name;
                Target target;
        } names[] = {
                { "id", TARGET_ID },
                { "time", TARGET_TIME },
                { "source", TARGET_SOURCE },
                { "type", TARGET_TYPE },
                { "subject", TARGET_SUBJECT },
                { "skip", TARGET_SKIP },
        };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (base_streq(target, names[i].name))
                        return names[i].target;
        return field_find(target, ret_field, ret_key) ? TARGET_FIELD : TARGET_UNKNOWN;
}

static const char **text_member(Draft *draft, Target target) {
        switch (target) {
        case TARGET_ID:
                return &draft->id;
        case TARGET_SOURCE:
                return &draft->source;
        case TARGET_TYPE:
                return &draft->type;
        case TARGET_SUBJECT:
                return &draft->subject;
        default:
                return NULL;
        }
}

bool draft_has_target(const Draft *draft, const char *target) {
        FieldId field;
        const char *key;
        Target found = find_target(target, &field, &key);
        if (found == TARGET_FIELD)
                return facts_get(&draft->record->facts, field, key);
        if (found == TARGET_TIME)
                return draft->time_us != TIME_NONE;
        const char **member = text_member((Draft *) draft, found);
        return member && *member;
}

/* The arena's copy without blanks around it; empty text leaves the member alone. */
static int set_text_member(Draft *draft, const char **member, const char *text, size_t size) {
        trim(&text, &size);
        if (size == 0)
                return 0;
        char *copy = arena_strndup(draft->record->arena, text, size);
        if (!copy)
                return -ENOMEM;
        /* Types are compared in many places, and always in lower case. */
        for (char *c = copy; member == &draft->type && *c; c++)
                *c = g_ascii_tolower(*c);
        *member = copy;
        return 0;
}

int draft_set_target(Draft *draft, const char *target, const json_t *value, AdapterForm form, const char *argument) {
        FieldId field;
        const char *key;
        Target found = find_target(target, &field, &key);
        if (found == TARGET_FIELD)
                return draft_set(draft, field, key, value, form, argument);
        if (found == TARGET_UNKNOWN)
                return DRAFT_E_VALUE;
        if (found == TARGET_SKIP || !value || json_is_null(value))
                return 0;
        if (found == TARGET_TIME)
                return draft_parse_time(draft->context, value, ADAPTER_TIME_AUTO, NULL, &draft->time_us) ? 0 : DRAFT_E_VALUE;

        size_t size;
        int error;
        const char *text = draft_text_of(draft->record->arena, value, &size, &error);
        if (!text)
                return error < 0 ? error : DRAFT_E_VALUE;
        trim(&text, &size);
        if (size == 0)
                return 0;
        Value converted;
        int r = apply_form(draft, value, text, size, form, argument, &converted);
        if (r == 0)
                r = value_to_text(draft->record->arena, &converted);
        if (r != 0)
                return r;
        return set_text_member(draft, text_member(draft, found), converted.text, converted.size);
}

int draft_set_target_value(Draft *draft, const char *target, const Value *value) {
        FieldId field;
        const char *key;
        Target found = find_target(target, &field, &key);
        if (found == TARGET_FIELD) {
                const FieldInfo *info = field_info(field);
                if (is_internal(field) || (info->kind == FIELD_KIND_MAP && !key) || value->type == VALUE_ABSENT)
                        return DRAFT_E_VALUE;
                return set_value(draft, info, key, *value);
        }
        if (found == TARGET_SKIP)
                return 0;
        if (found == TARGET_TIME && value->type == VALUE_INTEGER) {
                draft->time_us = value->integer;
                return 0;
        }
        const char **member = text_member(draft, found);
        if (!member)
                return DRAFT_E_VALUE;
        Value text = *value;
        int r = value_to_text(draft->record->arena, &text);
        return r == 0 ? set_text_member(draft, member, text.text, text.size) : r;
}
