/* SPDX-License-Identifier: MIT */
/*
 * Records as objects, and facts as the JSON that record.md section 2 calls `data`:
 * the inverse of what canonical.c reads, so that what is shown can be submitted
 * again. Reads nothing; who fills a record is draft.c.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "leadd/record.h"

Record *record_new(void) {
        Arena *arena = arena_new(RECORD_ARENA_MAX);
        if (!arena)
                return NULL;
        Record *record = ARENA_NEW(arena, Record);
        if (!record) {
                arena_free(arena);
                return NULL;
        }
        record->arena = arena;
        record->time_us = TIME_NONE;
        return record;
}

Record *record_free(Record *record) {
        if (record)
                arena_free(record->arena);
        return NULL;
}

void record_freep(Record **record) { *record = record_free(*record); }

/* ---- facts as JSON ---- */

static int text_to_json(const char *text, size_t size, json_t **ret) {
        *ret = json_stringn(text, size);
        if (*ret)
                return 0;
        return utf8_is_valid(text, size) ? -ENOMEM : RECORD_E_CORRUPT;
}

static int value_to_json(const FieldInfo *info, const Value *value, json_t **ret) {
        switch (value->type) {
        case VALUE_BOOL:
                *ret = json_boolean(value->boolean);
                break;
        case VALUE_INTEGER:
                if (info->kind == FIELD_KIND_TIME || info->id == FIELD_CONSENT_AT) {
                        char buf[TIME_TEXT_SIZE];
                        *ret = json_string(time_format_rfc3339(value->integer, buf));
                } else
                        *ret = json_integer(value->integer);
                break;
        case VALUE_NUMBER:
                *ret = json_real(value->number);
                break;
        case VALUE_TEXT:
                return text_to_json(value->text, value->size, ret);
        case VALUE_ABSENT:
                *ret = json_null();
                break;
        }
        return *ret ? 0 : -ENOMEM;
}

/* The object that is the member `name` (of that size) of object; made when missing. Borrowed. */
static json_t *object_member(json_t *object, const char *name, size_t size) {
        char key[64];
        if (size >= sizeof key)
                return NULL;
        memcpy(key, name, size);
        key[size] = '\0';
        json_t *member = json_object_get(object, key);
        if (member)
                return member;
        member = json_object();
        return json_object_set_new(object, key, member) == 0 ? member : NULL;
}

/* Takes value in every case. */
static int put_at_path(json_t *object, const char *path, json_t *value) {
        const char *dot;
        while (object && (dot = strchr(path, '.'))) {
                object = object_member(object, path, (size_t) (dot - path));
                path = dot + 1;
        }
        if (!object) {
                json_decref(value);
                return -ENOMEM;
        }
        return json_object_set_new(object, path, value) == 0 ? 0 : -ENOMEM;
}

/* The item of data.consent for a purpose; made when missing. Borrowed. Purposes are few: a list is searched. */
static json_t *consent_item(json_t *list, const char *purpose) {
        size_t index;
        json_t *item;
        json_array_foreach(list, index, item) {
                if (base_streq(json_string_value(json_object_get(item, "purpose")), purpose))
                        return item;
        }
        item = json_object();
        json_t *name = json_string(purpose);
        if (!name || json_object_set_new(item, "purpose", name) < 0) {
                json_decref(item);
                return NULL;
        }
        return json_array_append_new(list, item) == 0 ? item : NULL;
}

static int put_consent(json_t *data, const Fact *fact, const char *member, json_t *value) {
        json_t *list = json_object_get(data, "consent");
        if (!list) {
                list = json_array();
                if (json_object_set_new(data, "consent", list) < 0)
                        list = NULL;
        }
        json_t *item = list ? consent_item(list, fact->key) : NULL;
        if (!item) {
                json_decref(value);
                return -ENOMEM;
        }
        return json_object_set_new(item, member, value) == 0 ? 0 : -ENOMEM;
}

/* Takes value. A key of a MAP field is one member, dots and all. */
static int put_in_map(json_t *data, const FieldInfo *info, const char *key, json_t *value) {
        json_t *object = data;
        const char *path = info->path, *dot;
        while (object && (dot = strchr(path, '.'))) {
                object = object_member(object, path, (size_t) (dot - path));
                path = dot + 1;
        }
        if (object)
                object = object_member(object, path, strlen(path));
        if (!object || !utf8_is_valid(key, strlen(key))) {
                json_decref(value);
                return object ? RECORD_E_CORRUPT : -ENOMEM;
        }
        return json_object_set_new(object, key, value) == 0 ? 0 : -ENOMEM;
}

static bool has_outcome(const Facts *facts) {
        for (size_t i = 0; i < facts->n_items; i++)
                if (facts->items[i].field >= FIELD_OUTCOME_ACTOR && facts->items[i].field <= FIELD_OUTCOME_MEETING_NO_SHOW)
                        return true;
        return false;
}

static int put_fact(json_t *data, const Fact *fact, bool in_outcome) {
        const FieldInfo *info = field_info(fact->field);
        json_t *value = NULL;
        if (!info)
                return RECORD_E_CORRUPT;
        int r = value_to_json(info, &fact->value, &value);
        if (r != 0)
                return r;
        switch (fact->field) {
        case FIELD_CONSENT:
                return put_consent(data, fact, "granted", value);
        case FIELD_CONSENT_AT:
                return put_consent(data, fact, "at", value);
        case FIELD_CONSENT_BASIS:
                return put_consent(data, fact, "basis", value);
        default:
                break;
        }
        if (info->kind == FIELD_KIND_MAP)
                return put_in_map(data, info, fact->key, value);

        /* Two groups of fields have a name of their own in conditions and another place in a record. */
        char path[64];
        if (strncmp(info->path, "opportunity.", 12) == 0 && in_outcome)
                (void) snprintf(path, sizeof path, "outcome.%s", info->path);
        else if (strncmp(info->path, "owner_absence.", 14) == 0)
                (void) snprintf(path, sizeof path, "owner.%s", info->path + 14);
        else
                (void) snprintf(path, sizeof path, "%s", info->path);
        return put_at_path(data, path, value);
}

int facts_to_json(const Facts *facts, json_t **ret) {
        json_t *data = json_object();
        if (!data)
                return -ENOMEM;
        bool in_outcome = has_outcome(facts);
        for (size_t i = 0; i < facts->n_items; i++) {
                int r = put_fact(data, &facts->items[i], in_outcome);
                if (r != 0) {
                        json_decref(data);
                        return r;
                }
        }
        *ret = data;
        return 0;
}
