/* SPDX-License-Identifier: MIT */
/*
 * The field table at run time: by number, by path, in order. Lookup by path is a
 * hash table that is built once a process and never changes, so that it may be
 * read by any thread. Does not know values.
 */
#include <pthread.h>

#include "leadd/record.h"

#define FIELD_SLOTS 512 /* a power of two, more than twice the number of fields */

#define FIELD_ROW(number, NAME, path, kind, meaning) { FIELD_##NAME, path, FIELD_KIND_##kind, meaning },
static const FieldInfo field_rows[] = { LEADD_FIELDS(FIELD_ROW) };

static const FieldInfo *fields_by_id[FIELD_ID_MAX + 1];
static uint8_t fields_by_hash[FIELD_SLOTS];
static pthread_once_t fields_once = PTHREAD_ONCE_INIT;

_Static_assert(ARRAY_SIZE(field_rows) * 2 < FIELD_SLOTS, "the field hash table is too full");

/* FNV-1a: its state after a prefix is the hash of the prefix, so one pass over a path serves all its prefixes. */
#define FIELD_HASH_START UINT32_C(2166136261)
static uint32_t field_hash_add(uint32_t hash, char c) { return (hash ^ (uint8_t) c) * UINT32_C(16777619); }

static size_t field_slot(uint32_t hash) { return (hash ^ (hash >> 15)) & (FIELD_SLOTS - 1); }

static void fields_build(void) {
        for (size_t i = 0; i < ARRAY_SIZE(field_rows); i++) {
                uint32_t hash = FIELD_HASH_START;
                for (const char *c = field_rows[i].path; *c; c++)
                        hash = field_hash_add(hash, *c);
                size_t slot = field_slot(hash);
                while (fields_by_hash[slot])
                        slot = (slot + 1) & (FIELD_SLOTS - 1);
                fields_by_hash[slot] = (uint8_t) field_rows[i].id;
                fields_by_id[field_rows[i].id] = &field_rows[i];
        }
}

const FieldInfo *field_info(FieldId id) {
        (void) pthread_once(&fields_once, fields_build);
        return (unsigned) id <= FIELD_ID_MAX ? fields_by_id[id] : NULL;
}

const FieldInfo *field_all(size_t *ret_n) {
        *ret_n = ARRAY_SIZE(field_rows);
        return field_rows;
}

static const FieldInfo *field_at(uint32_t hash, const char *path, size_t size) {
        for (size_t slot = field_slot(hash); fields_by_hash[slot]; slot = (slot + 1) & (FIELD_SLOTS - 1)) {
                const FieldInfo *info = fields_by_id[fields_by_hash[slot]];
                if (strncmp(info->path, path, size) == 0 && info->path[size] == '\0')
                        return info;
        }
        return NULL;
}

bool field_find(const char *path, FieldId *ret_id, const char **ret_key) {
        (void) pthread_once(&fields_once, fields_build);
        uint32_t hash = FIELD_HASH_START;
        size_t size = 0;
        for (; path[size]; size++) {
                if (path[size] == '.') {
                        const FieldInfo *info = field_at(hash, path, size);
                        if (info && info->kind == FIELD_KIND_MAP) {
                                if (!path[size + 1])
                                        return false;
                                *ret_id = info->id;
                                *ret_key = path + size + 1;
                                return true;
                        }
                }
                hash = field_hash_add(hash, path[size]);
        }
        const FieldInfo *info = field_at(hash, path, size);
        if (!info)
                return false;
        *ret_id = info->id;
        *ret_key = NULL;
        return true;
}

bool field_is_profile(FieldId id) {
        if (id >= FIELD_PERSON_EMAIL && id <= FIELD_CONSENT_BASIS)
                return true;
        return (id >= FIELD_OPPORTUNITY_ID && id <= FIELD_OPPORTUNITY_STAGED) || id == FIELD_TEST;
}
