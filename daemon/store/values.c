/* SPDX-License-Identifier: MIT */
/*
 * Which texts sources have really sent in which fields: what a check of the rules compares its words with. Reads the newest events of
 * the log, a page at a time so that no snapshot holds the writer's log for long, and stops at STORE_VALUES_EVENTS_MAX events or
 * STORE_VALUES_TIME_MAX_US: what it says is then true of those. Erased payloads are not seen.
 */
#include "internal.h"
#include <errno.h>

#define PAGE 512 /* events read in one snapshot */

/* Columns of SQL_EVENT_VALUES. */
enum { VALUES_ID, VALUES_TYPE, VALUES_SOURCE, VALUES_FLAGS, VALUES_FACTS };

typedef struct Slot {
        const char *text; /* folded; NULL = free */
        size_t size;
        size_t value; /* in values */
} Slot;

/* The distinct values of one field that was asked for. */
typedef struct Set {
        Slot *slots;
        size_t n_slots, capacity;
} Set;

typedef struct Scan {
        Store *store;
        const StoreField *fields;
        size_t n_fields;
        Arena *arena; /* the caller's: what is kept */
        Arena *scratch;
        StoreValues *out;
        Set *sets;
} Scan;

/* ---- distinct values ---- */

static Slot *find_slot(const Scan *scan, const Set *set, const char *text, size_t size) {
        size_t at = (size_t) index_hash(scan->store->seed, text, size) & (set->n_slots - 1);
        while (set->slots[at].text && (set->slots[at].size != size || memcmp(set->slots[at].text, text, size) != 0))
                at = (at + 1) & (set->n_slots - 1);
        return &set->slots[at];
}

static int grow(const Scan *scan, Set *set, StoreFieldValues *values) {
        Set bigger = { .n_slots = set->n_slots ? 2 * set->n_slots : 32 };
        bigger.capacity = bigger.n_slots / 2;
        bigger.slots = ARENA_ARRAY(scan->arena, Slot, bigger.n_slots);
        StoreValue *items = ARENA_ARRAY(scan->arena, StoreValue, bigger.capacity);
        if (!bigger.slots || !items)
                return -ENOMEM;
        for (size_t i = 0; i < set->n_slots; i++)
                if (set->slots[i].text)
                        *find_slot(scan, &bigger, set->slots[i].text, set->slots[i].size) = set->slots[i];
        if (values->n_values > 0)
                memcpy(items, values->values, values->n_values * sizeof(*items));
        values->values = items;
        *set = bigger;
        return 0;
}

static int add_text(const Scan *scan, size_t field, const char *text, size_t size) {
        StoreFieldValues *values = &scan->out->fields[field];
        Set *set = &scan->sets[field];
        size_t n_folded;
        if (values->many)
                return 0;
        const char *folded = utf8_casefold(scan->scratch, text, size, &n_folded);
        if (!folded)
                return -ENOMEM;
        if (values->n_values == set->capacity) {
                int r = grow(scan, set, values);
                if (r < 0)
                        return r;
        }
        Slot *slot = find_slot(scan, set, folded, n_folded);
        if (slot->text) {
                ((StoreValue *) values->values)[slot->value].n_records++;
                return 0;
        }
        if (values->n_values == STORE_VALUES_DISTINCT_MAX) {
                values->many = true;
                return 0;
        }
        StoreValue *value = &((StoreValue *) values->values)[values->n_values];
        slot->text = arena_strndup(scan->arena, folded, n_folded);
        value->text = arena_strndup(scan->arena, text, size);
        if (!slot->text || !value->text)
                return -ENOMEM;
        slot->size = n_folded;
        slot->value = values->n_values++;
        value->folded = slot->text;
        value->folded_size = n_folded;
        value->n_records = 1;
        return 0;
}

/* ---- events ---- */

static int add_facts(const Scan *scan, size_t field, const Facts *facts) {
        const StoreField *asked = &scan->fields[field];
        bool stated = false;
        for (size_t i = 0; i < MENTION_FIELDS_MAX && asked->fields[i] != FIELD_NONE; i++) {
                const FieldInfo *info = field_info(asked->fields[i]);
                const Value *value = facts_get(facts, asked->fields[i], info && info->kind == FIELD_KIND_MAP ? asked->key : NULL);
                if (!value)
                        continue;
                stated = true;
                int r = value->type == VALUE_TEXT ? add_text(scan, field, value->text, value->size) : 0;
                if (r < 0)
                        return r;
        }
        scan->out->fields[field].n_records += stated;
        return 0;
}

static int add_event(const Scan *scan, const char *type, const char *source, unsigned flags, const Facts *facts) {
        for (size_t i = 0; i < scan->n_fields; i++) {
                MentionOf of = scan->fields[i].of;
                const char *text = NULL;
                size_t size = 0;
                int r = 0;
                if ((of == MENTION_ACTIVITY || of == MENTION_TYPE) && !(flags & EVENT_IS_ACTIVITY))
                        continue;
                if (of == MENTION_TYPE) {
                        const char *event = NULL;
                        (void) record_family(type ? type : "", &event);
                        text = flags & EVENT_IS_SUBMISSION ? "form_submitted" : event;
                        size = text ? strlen(text) : 0;
                } else if (of == MENTION_SOURCE && source) {
                        text = source;
                        size = strcspn(source, "/");
                } else if (of != MENTION_SOURCE)
                        r = add_facts(scan, i, facts);
                if (text) {
                        scan->out->fields[i].n_records++;
                        r = add_text(scan, i, text, size);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The events below *before, newest first; *before becomes 0 when that was all. */
static int read_page(const Scan *scan, uint64_t *before) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        uint64_t last = 0, left = STORE_VALUES_EVENTS_MAX - scan->out->n_events, n = 0, n_max = left < PAGE ? left : PAGE;
        int r;
        for (r = sql_row(scan->store, SQL_EVENT_VALUES, &row, ARG(*before), ARG(n_max)); r == 0; r = sql_next(scan->store, row), n++) {
                const char *type, *source;
                Facts facts;
                arena_reset(scan->scratch);
                last = column_u64(row, VALUES_ID);
                r = column_ref(scan->store, row, VALUES_TYPE, scan->scratch, &type);
                if (r == 0)
                        r = column_ref(scan->store, row, VALUES_SOURCE, scan->scratch, &source);
                if (r == 0)
                        r = facts_load(column_blob(row, VALUES_FACTS), scan->scratch, &facts);
                if (r == 0)
                        r = add_event(scan, type, source, (unsigned) sqlite3_column_int(row, VALUES_FLAGS), &facts);
                if (r != 0)
                        return r;
                scan->out->n_events++;
        }
        *before = n == n_max ? last : 0;
        return r == STORE_E_NONE ? 0 : r;
}

int store_values(Store *store, const StoreField *fields, size_t n_fields, Arena *arena, StoreValues *ret) {
        _cleanup_(arena_freep) Arena *scratch = arena_new(0);
        StoreValues out = { .n_fields = n_fields };
        Scan scan = { .store = store, .fields = fields, .n_fields = n_fields, .arena = arena, .scratch = scratch, .out = &out };
        if (!scratch)
                return -ENOMEM;
        out.fields = ARENA_ARRAY(arena, StoreFieldValues, n_fields + 1);
        scan.sets = ARENA_ARRAY(arena, Set, n_fields + 1);
        if (!out.fields || !scan.sets)
                return -ENOMEM;
        int64_t until_us = store_monotonic_us() + STORE_VALUES_TIME_MAX_US;
        uint64_t before = INT64_MAX;
        while (n_fields > 0 && before > 0 && out.n_events < STORE_VALUES_EVENTS_MAX && store_monotonic_us() < until_us) {
                int r = read_page(&scan, &before);
                if (r != 0)
                        return r;
        }
        out.is_whole_book = before == 0;
        *ret = out;
        return 0;
}
