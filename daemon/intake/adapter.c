/* SPDX-License-Identifier: MIT */
/*
 * The adapter engine: reads a vendor's payload by an Adapter, which is plain
 * data, into drafts. Order: id, time, type; map; pairs; set; rest. Who writes a
 * target first keeps it; a value that comes second or does not fit its target
 * is left for `rest`. It converts nothing itself (draft_set does) and accepts
 * nothing (draft_finish does).
 */
#include <errno.h>
#include <strings.h>

#include "adapter.h"

/* Values that `rest` may take: more are refused before they cost time, the finished record is held to its own limits. */
#define REST_VALUES_MAX (4 * INTAKE_ANSWERS_MAX)

/* A list that pairs read: what one of them has taken, the next does not see. */
typedef struct PairsList {
        const json_t *list;
        bool *taken;
} PairsList;

typedef struct Run {
        const Adapter *adapter;
        IntakeContext *context;
        Draft *draft;
        json_t *root; /* the payload or the item of `each` */
        Place *used;  /* what was read and so is not for `rest`; in the draft's arena, as all below */
        size_t n_used, used_capacity;
        PairsList *lists; /* at most one for each of adapter->pairs */
        size_t n_lists;
        size_t n_rest;
} Run;

static Arena *run_arena(const Run *run) { return run->draft->record->arena; }

static int run_use(Run *run, Place place) {
        if (run->n_used == run->used_capacity) {
                size_t capacity = run->used_capacity ? 2 * run->used_capacity : 32;
                Place *used = ARENA_ARRAY(run_arena(run), Place, capacity);
                if (!used)
                        return -ENOMEM;
                if (run->n_used > 0)
                        memcpy(used, run->used, run->n_used * sizeof *used);
                run->used = used;
                run->used_capacity = capacity;
        }
        run->used[run->n_used++] = place;
        return 0;
}

static bool run_is_used(const Run *run, Place place) {
        for (size_t i = 0; i < run->n_used; i++)
                if (place_equal(&run->used[i], &place))
                        return true;
        return false;
}

/* Takes every place a path names, kept or not. */
static int run_use_path(Run *run, const char *path) {
        const char *part;
        size_t size, state = 0;
        while (path_next(path, &state, &part, &size)) {
                Place place;
                if (place_find(run->root, part, size, &place) && run_use(run, place) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* *ret is NULL when the value is no scalar and no list of scalars. */
static int run_text_of(Run *run, const json_t *value, const char **ret) {
        size_t size;
        int error = 0;
        *ret = draft_text_of(run_arena(run), value, &size, &error);
        return error;
}

/* ---- one value into its target ---- */

static const AdapterValue *map_value(const AdapterMap *map, const char *text) {
        for (size_t i = 0; i < map->n_values; i++)
                if (strcasecmp(map->values[i].from, text) == 0)
                        return &map->values[i];
        return NULL;
}

static int value_as_text(Run *run, const Value *value, const char **ret) {
        if (value->type == VALUE_TEXT) {
                *ret = value->text;
                return 0;
        }
        json_t *json = value->type == VALUE_INTEGER  ? json_integer(value->integer)
                       : value->type == VALUE_NUMBER ? json_real(value->number)
                                                     : json_boolean(value->type == VALUE_BOOL && value->boolean);
        int r = json ? run_text_of(run, json, ret) : -ENOMEM;
        json_decref(json);
        return r < 0 || *ret ? r : -ENOMEM;
}

/* Several words (a multiple choice) become ours, joined as any list; one that is not known leaves the whole to `rest`. */
static int set_listed(Run *run, const AdapterMap *map, const json_t *list) {
        char *joined = NULL;
        size_t n_words = json_array_size(list);
        if (n_words > INTAKE_ANSWERS_MAX)
                return DRAFT_E_VALUE;
        for (size_t i = 0; i < n_words; i++) {
                const char *text, *word;
                int r = run_text_of(run, json_array_get(list, i), &text);
                if (r < 0)
                        return r;
                const AdapterValue *known = text ? map_value(map, text) : NULL;
                if (!known)
                        return DRAFT_E_VALUE;
                if (n_words == 1)
                        return draft_set_target_value(run->draft, map->target, &known->value);
                r = value_as_text(run, &known->value, &word);
                if (r < 0)
                        return r;
                joined = joined ? arena_printf(run_arena(run), "%s, %s", joined, word) : arena_strdup(run_arena(run), word);
                if (!joined)
                        return -ENOMEM;
                if (strlen(joined) > INTAKE_MESSAGE_MAX)
                        return DRAFT_E_VALUE;
        }
        if (!joined)
                return DRAFT_E_VALUE;
        Value value = value_text(joined);
        return draft_set_target_value(run->draft, map->target, &value);
}

/* 0 it was set; DRAFT_E_VALUE: it does not fit, is not given or comes second; DRAFT_E_REFUSED; -ENOMEM. */
static int set_mapped(Run *run, const AdapterMap *map, const json_t *value) {
        bool given = value_is_given(run->adapter, value);
        if (base_streq(map->target, "skip"))
                return 0;
        if (draft_has_target(run->draft, map->target))
                return DRAFT_E_VALUE;
        if (map->n_values == 0)
                return given ? draft_set_target(run->draft, map->target, value, map->form, map->argument) : DRAFT_E_VALUE;
        if (json_is_array(value))
                return set_listed(run, map, value);
        const char *text;
        int r = run_text_of(run, value, &text);
        if (r < 0)
                return r;
        const AdapterValue *known = text ? map_value(map, text) : NULL;
        return known ? draft_set_target_value(run->draft, map->target, &known->value) : DRAFT_E_VALUE;
}

/* ---- id, time, type ---- */

static int read_id(Run *run) {
        const Adapter *adapter = run->adapter;
        const char *id = NULL;
        size_t n_used = run->n_used;
        for (size_t i = 0; i < adapter->n_id; i++) {
                Place place;
                const char *part = NULL;
                int r = place_find_given(adapter, run->root, adapter->id[i], &place) ? run_text_of(run, place.value, &part) : 0;
                if (r < 0)
                        return r;
                if (!part) { /* half an id would make two events one: it is derived from the content instead */
                        run->n_used = n_used;
                        return 0;
                }
                r = run_use(run, place);
                if (r < 0)
                        return r;
                id = id ? arena_printf(run_arena(run), "%s:%s", id, part) : part;
                if (!id)
                        return -ENOMEM;
        }
        if (id && !(run->draft->id = arena_strdup(run_arena(run), id)))
                return -ENOMEM;
        return 0;
}

static int read_time(Run *run) {
        const Adapter *adapter = run->adapter;
        Place place;
        if (!adapter->time || !place_find_given(adapter, run->root, adapter->time, &place))
                return 0;
        if (!draft_parse_time(run->context, place.value, adapter->time_form, adapter->time_zone, &run->draft->time_us))
                /* Arrival instead would make every point's age wrong without anybody seeing it. */
                return draft_refuse(run->draft, "bad_time", adapter->time, "adapter \"%s\" cannot read the time", adapter->name);
        return run_use(run, place);
}

static int read_type(Run *run) {
        const Adapter *adapter = run->adapter;
        const char *type = adapter->type;
        if (adapter->type_path) {
                Place place;
                const char *text = NULL;
                if (place_find_given(adapter, run->root, adapter->type_path, &place)) {
                        int r = run_text_of(run, place.value, &text);
                        if (r < 0)
                                return r;
                        r = run_use(run, place);
                        if (r < 0)
                                return r;
                }
                const AdapterMap *known = NULL, *other = NULL;
                for (size_t i = 0; i < adapter->n_types && !known; i++) {
                        if (base_streq(adapter->types[i].from, "*"))
                                other = &adapter->types[i];
                        else if (text && strcasecmp(adapter->types[i].from, text) == 0)
                                known = &adapter->types[i];
                }
                if (!known && !other)
                        return draft_refuse(run->draft, "unknown_type", adapter->type_path,
                                "adapter \"%s\" has no record type for this value", adapter->name);
                type = (known ? known : other)->target;
        }
        if (!type)
                return 0;
        if (base_streq(type, "drop")) {
                run->draft->dropped = true;
                return 0;
        }
        /* A copy: the record may outlive the rule set that the adapter belongs to. */
        return (run->draft->type = arena_strdup(run_arena(run), type)) ? 0 : -ENOMEM;
}

/* ---- map ---- */

static int read_map(Run *run) {
        for (size_t i = 0; i < run->adapter->n_map; i++) {
                const AdapterMap *map = &run->adapter->map[i];
                const char *part;
                size_t size, state = 0;
                while (path_next(map->from, &state, &part, &size)) {
                        Place place;
                        if (!place_find(run->root, part, size, &place))
                                continue;
                        int r = set_mapped(run, map, place.value);
                        if (r == DRAFT_E_VALUE)
                                continue;
                        if (r != 0)
                                return r;
                        r = run_use(run, place);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* ---- pairs ---- */

typedef struct PairItem {
        json_t *item;
        size_t position;
        const char *name; /* NULL: has none */
        bool *taken;
} PairItem;

/* The value of an item: the first path with something given, else the first that is there at all (an empty text can be a word). */
static json_t *pair_value(const Run *run, const AdapterPairs *pairs, json_t *item) {
        json_t *empty = NULL;
        for (size_t i = 0; i < pairs->n_values; i++) {
                Place place;
                if (place_find_given(run->adapter, item, pairs->values[i], &place))
                        return place.value;
                const char *part;
                size_t size, state = 0;
                while (!empty && path_next(pairs->values[i], &state, &part, &size))
                        if (place_find(item, part, size, &place))
                                empty = place.value;
        }
        return empty;
}

static int pairs_taken(Run *run, const json_t *list, bool **ret) {
        for (size_t i = 0; i < run->n_lists; i++)
                if (run->lists[i].list == list) {
                        *ret = run->lists[i].taken;
                        return 0;
                }
        if (!run->lists && !(run->lists = ARENA_ARRAY(run_arena(run), PairsList, run->adapter->n_pairs)))
                return -ENOMEM;
        bool *taken = ARENA_ARRAY(run_arena(run), bool, json_array_size(list) + 1);
        if (!taken)
                return -ENOMEM;
        run->lists[run->n_lists++] = (PairsList){ .list = list, .taken = taken };
        *ret = taken;
        return 0;
}

static int pairs_map(Run *run, const AdapterPairs *pairs, PairItem *items, size_t n_items, const AdapterMap *map) {
        const char *part;
        size_t size, state = 0;
        while (path_next(map->from, &state, &part, &size)) {
                for (size_t i = 0; i < n_items; i++) {
                        PairItem *item = &items[i];
                        if (*item->taken || !item->name || strncasecmp(item->name, part, size) != 0 || item->name[size])
                                continue;
                        json_t *value = pair_value(run, pairs, item->item);
                        if (!value)
                                continue;
                        int r = set_mapped(run, map, value);
                        if (r == DRAFT_E_VALUE)
                                continue;
                        if (r != 0)
                                return r;
                        *item->taken = true;
                }
        }
        return 0;
}

static int rest_set(Run *run, const char *target, const char *key, json_t *value);

static int pairs_rest(Run *run, const AdapterPairs *pairs, PairItem *items, size_t n_items) {
        for (size_t i = 0; i < n_items; i++) {
                json_t *value = *items[i].taken ? NULL : pair_value(run, pairs, items[i].item);
                if (!value)
                        continue;
                /* An item without a name is called by its position. */
                const char *name = items[i].name ? items[i].name : arena_printf(run_arena(run), "%zu", items[i].position);
                if (!name)
                        return -ENOMEM;
                int r = rest_set(run, pairs->rest, name, value);
                if (r != 0)
                        return r;
                *items[i].taken = true;
        }
        return 0;
}

static int read_pairs(Run *run, const AdapterPairs *pairs) {
        Place place;
        bool *taken;
        if (!place_find_given(run->adapter, run->root, pairs->list, &place) || !json_is_array(place.value))
                return 0;
        int r = run_use(run, place);
        if (r < 0)
                return r;
        r = pairs_taken(run, place.value, &taken);
        if (r < 0)
                return r;
        size_t n_items = 0;
        PairItem *items = ARENA_ARRAY(run_arena(run), PairItem, json_array_size(place.value) + 1);
        if (!items)
                return -ENOMEM;
        for (size_t i = 0; i < json_array_size(place.value); i++) {
                json_t *item = json_array_get(place.value, i);
                if (taken[i] || !json_is_object(item) || !matches_hold(pairs->where, pairs->n_where, item))
                        continue;
                PairItem *it = &items[n_items++];
                Place name;
                *it = (PairItem){ .item = item, .position = i, .taken = &taken[i] };
                if (place_find_given(run->adapter, item, pairs->name, &name)) {
                        r = run_text_of(run, name.value, &it->name);
                        if (r < 0)
                                return r;
                }
        }
        for (size_t i = 0; i < pairs->n_map; i++) {
                r = pairs_map(run, pairs, items, n_items, &pairs->map[i]);
                if (r != 0)
                        return r;
        }
        return pairs->rest ? pairs_rest(run, pairs, items, n_items) : 0;
}

/* ---- rest ---- */

/* target.KEY = value. The same name twice becomes one text, as the two items of a list would. Not kept: what cannot be a value of the
 * target at all. */
static int rest_set(Run *run, const char *target, const char *key, json_t *value) {
        if (!value_is_given(run->adapter, value))
                return 0;
        if (++run->n_rest > REST_VALUES_MAX)
                return draft_refuse(run->draft, "too_many_answers", target, "more than %d values are left over", REST_VALUES_MAX);
        const char *path = *key ? arena_printf(run_arena(run), "%s.%s", target, key) : target;
        if (!path)
                return -ENOMEM;
        FieldId field;
        const char *map_key;
        if (!field_find(path, &field, &map_key) || !map_key)
                return 0;
        const Value *before = facts_get(&run->draft->record->facts, field, map_key);
        int r;
        if (before) {
                const char *first, *second;
                if ((r = value_as_text(run, before, &first)) < 0 || (r = run_text_of(run, value, &second)) < 0)
                        return r;
                char *both = second ? arena_printf(run_arena(run), "%s, %s", first, second) : NULL;
                if (second && !both)
                        return -ENOMEM;
                Value joined = both ? value_text(both) : *before;
                r = draft_set_target_value(run->draft, path, &joined);
        } else
                r = draft_set(run->draft, field, map_key, value, ADAPTER_AUTO, NULL);
        return r == DRAFT_E_VALUE ? 0 : r;
}

static bool list_has_containers(const json_t *list) {
        for (size_t i = 0; i < json_array_size(list); i++) {
                const json_t *item = json_array_get(list, i);
                if (json_is_object(item) || json_is_array(item))
                        return true;
        }
        return false;
}

/* Bounded by the payload's depth (INTAKE_DEPTH_MAX) and, because each level repeats the keys above it, by the length of a key. */
static int rest_walk(Run *run, const char *target, const char *prefix, json_t *value) {
        if (strlen(prefix) > INTAKE_KEY_MAX)
                return draft_refuse(run->draft, "key_too_long", target, "a key is longer than %d characters", INTAKE_KEY_MAX);
        if (json_is_object(value)) {
                const char *key;
                json_t *inner;
                json_object_foreach(value, key, inner) {
                        if (run_is_used(run, (Place){ .parent = value, .key = key, .key_size = strlen(key) }))
                                continue;
                        const char *name = *key ? key : "?"; /* as in a flat record */
                        const char *path = *prefix ? arena_printf(run_arena(run), "%s.%s", prefix, name) : name;
                        int r = path ? rest_walk(run, target, path, inner) : -ENOMEM;
                        if (r != 0)
                                return r;
                }
                return 0;
        }
        if (!json_is_array(value) || !list_has_containers(value))
                return rest_set(run, target, prefix, value);
        for (size_t i = 0; i < json_array_size(value); i++) {
                if (run_is_used(run, (Place){ .parent = value, .index = i }))
                        continue;
                const char *path = *prefix ? arena_printf(run_arena(run), "%s.%zu", prefix, i) : arena_printf(run_arena(run), "%zu", i);
                int r = path ? rest_walk(run, target, path, json_array_get(value, i)) : -ENOMEM;
                if (r != 0)
                        return r;
        }
        return 0;
}

static int read_rest(Run *run, const AdapterRest *rest) {
        Place place = { .value = run->root };
        if (rest->from && (!place_find_given(run->adapter, run->root, rest->from, &place) || run_is_used(run, place)))
                return 0;
        int r = rest_walk(run, rest->target, "", place.value);
        /* So that a later rest of the whole does not take it again. */
        return r == 0 && rest->from ? run_use(run, place) : r;
}

/* ---- the whole ---- */

static int run_steps(Run *run) {
        const Adapter *adapter = run->adapter;
        int r;
        if ((r = read_id(run)) != 0 || (r = read_time(run)) != 0 || (r = read_type(run)) != 0)
                return r;
        if (run->draft->dropped)
                return 0;
        for (size_t i = 0; i < adapter->n_drop; i++)
                if ((r = run_use_path(run, adapter->drop[i])) != 0)
                        return r;
        if (adapter->secret && (r = run_use_path(run, adapter->secret)) != 0)
                return r;
        if ((r = read_map(run)) != 0)
                return r;
        for (size_t i = 0; i < adapter->n_pairs; i++)
                if ((r = read_pairs(run, &adapter->pairs[i])) != 0)
                        return r;
        for (size_t i = 0; i < adapter->n_set; i++) {
                const AdapterSet *set = &adapter->set[i];
                if (draft_has_target(run->draft, set->target))
                        continue;
                r = draft_set_target_value(run->draft, set->target, &set->value);
                if (r != 0 && r != DRAFT_E_VALUE)
                        return r;
        }
        for (size_t i = 0; i < adapter->n_rest; i++)
                if ((r = read_rest(run, &adapter->rest[i])) != 0)
                        return r;
        return 0;
}

static int apply_one(const Adapter *adapter, IntakeContext *context, json_t *root, size_t item, DraftSink sink, void *userdata) {
        _cleanup_(draft_freep) Draft *draft = NULL;
        int r = draft_new(context, root, &draft);
        if (r < 0)
                return r;
        draft->adapter = adapter;
        draft->item = item;
        if (!json_is_object(root))
                r = draft_refuse(draft, "not_an_object", adapter->each, "adapter \"%s\": an item of the list is no object", adapter->name);
        else {
                Run run = { .adapter = adapter, .context = context, .draft = draft, .root = root };
                r = run_steps(&run);
        }
        if (r < 0)
                return r;
        return sink(TAKE(draft), userdata);
}

static int apply_refused(const Adapter *adapter, IntakeContext *context, json_t *payload, const char *reason, const char *field,
        const char *text, DraftSink sink, void *userdata) {
        _cleanup_(draft_freep) Draft *draft = NULL;
        int r = draft_new(context, payload, &draft);
        if (r < 0)
                return r;
        draft->adapter = adapter;
        r = draft_refuse(draft, reason, field, "adapter \"%s\": %s", adapter->name, text);
        return r < 0 ? r : sink(TAKE(draft), userdata);
}

int adapter_apply(const Adapter *adapter, IntakeContext *context, json_t *payload, DraftSink sink, void *userdata) {
        const char *text;
        int r = secret_check(adapter, context->settings, payload, &text);
        if (r < 0)
                return r;
        if (r > 0)
                return apply_refused(adapter, context, payload, "bad_secret", adapter->secret, text, sink, userdata);
        if (!adapter->each)
                return apply_one(adapter, context, payload, SIZE_MAX, sink, userdata);
        Place list;
        if (!place_find(payload, adapter->each, strlen(adapter->each), &list) || !json_is_array(list.value))
                return apply_refused(
                        adapter, context, payload, "no_list", adapter->each, "the list of records is not there", sink, userdata);
        for (size_t i = 0; i < json_array_size(list.value); i++) {
                r = apply_one(adapter, context, json_array_get(list.value, i), i, sink, userdata);
                if (r != 0)
                        return r;
        }
        return 0;
}

const Adapter *adapter_find(const IntakeSettings *settings, const char *directory, const char *format, const json_t *payload) {
        for (size_t i = 0; i < settings->n_adapters; i++) {
                const Adapter *adapter = &settings->adapters[i];
                if (adapter->format && !base_streq(adapter->format, format))
                        continue;
                if (adapter->source_glob && !glob_matches(adapter->source_glob, directory))
                        continue;
                if (matches_hold(adapter->match, adapter->n_match, (json_t *) payload))
                        return adapter;
        }
        return NULL;
}
