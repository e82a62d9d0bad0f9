/* SPDX-License-Identifier: MIT */
/*
 * Finding a vendor's field: paths with dots, positions in lists, keys that hold
 * dots or bars themselves, alternatives, and whether anything is given there.
 * The payload is hostile, the path is the rule writer's; both are bounded (a
 * payload by INTAKE_RECORD_SIZE_MAX and INTAKE_DEPTH_MAX, a path by its file).
 */
#include <stdio.h>
#include <strings.h>

#include "adapter.h"

/* How often one search may look for a key. A path of six parts needs at most 64 looks however its dots fall on keys; without a bound, a
 * payload made of keys with dots could make a long path cost exponentially many. */
#define PATH_LOOKS_MAX 512

bool place_equal(const Place *a, const Place *b) {
        if (a->parent != b->parent)
                return false;
        if (!a->key || !b->key)
                return !a->key && !b->key && a->index == b->index;
        return a->key_size == b->key_size && memcmp(a->key, b->key, a->key_size) == 0;
}

static bool find_in_list(json_t *list, const char *path, size_t path_size, int *looks, Place *ret);

static bool find_in_object(json_t *object, const char *path, size_t path_size, int *looks, Place *ret) {
        json_t *value = path_size > 0 ? json_object_getn(object, path, path_size) : NULL;
        if (value) {
                *ret = (Place){ .value = value, .parent = object, .key = path, .key_size = path_size };
                return true;
        }
        for (size_t i = 1; i + 1 < path_size; i++) {
                if (path[i] != '.')
                        continue;
                if (--*looks < 0)
                        return false;
                json_t *inner = json_object_getn(object, path, i);
                if (!inner)
                        continue;
                const char *rest = path + i + 1;
                size_t rest_size = path_size - i - 1;
                if (json_is_object(inner) ? find_in_object(inner, rest, rest_size, looks, ret)
                                          : find_in_list(inner, rest, rest_size, looks, ret))
                        return true;
        }
        return false;
}

/* Also asked for scalars, which hold nothing. */
static bool find_in_list(json_t *list, const char *path, size_t path_size, int *looks, Place *ret) {
        if (!json_is_array(list))
                return false;
        size_t i = 0, index = 0;
        while (i < path_size && path[i] >= '0' && path[i] <= '9' && index <= INTAKE_RECORD_SIZE_MAX)
                index = index * 10 + (size_t) (path[i++] - '0');
        json_t *value = i > 0 ? json_array_get(list, index) : NULL;
        if (!value)
                return false;
        if (i == path_size) {
                *ret = (Place){ .value = value, .parent = list, .index = index };
                return true;
        }
        if (path[i] != '.')
                return false;
        i++;
        return json_is_object(value) ? find_in_object(value, path + i, path_size - i, looks, ret)
                                     : find_in_list(value, path + i, path_size - i, looks, ret);
}

bool place_find(json_t *root, const char *path, size_t path_size, Place *ret) {
        int looks = PATH_LOOKS_MAX;
        if (json_is_object(root))
                return find_in_object(root, path, path_size, &looks, ret);
        return find_in_list(root, path, path_size, &looks, ret);
}

bool path_next(const char *path, size_t *state, const char **ret_part, size_t *ret_size) {
        size_t size = strlen(path);
        if (*state == 0) { /* the whole; what follows starts at state - 1 */
                *ret_part = path;
                *ret_size = size;
                *state = memchr(path, '|', size) ? 1 : size + 2;
                return true;
        }
        size_t start = *state - 1;
        if (start > size)
                return false;
        const char *bar = memchr(path + start, '|', size - start);
        size_t end = bar ? (size_t) (bar - path) : size;
        *ret_part = path + start;
        *ret_size = end - start;
        *state = end + 2;
        return true;
}

static bool text_is_blank(const char *text, size_t size) {
        for (size_t i = 0; i < size; i++)
                if (!text[i] || !strchr(" \t\r\n\v\f", text[i]))
                        return false;
        return true;
}

bool value_is_given(const Adapter *adapter, const json_t *value) {
        switch (json_typeof(value)) {
        case JSON_NULL:
                return false;
        case JSON_STRING:
                if (text_is_blank(json_string_value(value), json_string_length(value)))
                        return false;
                for (size_t i = 0; i < adapter->n_empty; i++)
                        if (strcasecmp(adapter->empty[i], json_string_value(value)) == 0)
                                return false;
                return true;
        case JSON_ARRAY:
                for (size_t i = 0; i < json_array_size(value); i++)
                        if (value_is_given(adapter, json_array_get(value, i)))
                                return true;
                return false;
        case JSON_OBJECT:
                return json_object_size(value) > 0;
        default:
                return true;
        }
}

bool place_find_given(const Adapter *adapter, json_t *root, const char *path, Place *ret) {
        const char *part;
        size_t size, state = 0;
        while (path_next(path, &state, &part, &size))
                if (place_find(root, part, size, ret) && value_is_given(adapter, ret->value))
                        return true;
        return false;
}

bool glob_matches(const char *glob, const char *text) {
        const char *star = NULL, *retry = NULL;
        while (*text) {
                if (*glob == '*') {
                        star = ++glob;
                        retry = text;
                } else if (*glob == *text) {
                        glob++;
                        text++;
                } else if (star) { /* let the last star swallow one byte more */
                        glob = star;
                        text = ++retry;
                } else
                        return false;
        }
        while (*glob == '*')
                glob++;
        return !*glob;
}

static bool value_matches(const json_t *value, const char *glob) {
        char number[32];
        switch (json_typeof(value)) {
        case JSON_STRING:
                return glob_matches(glob, json_string_value(value));
        case JSON_INTEGER:
                (void) snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
                return glob_matches(glob, number);
        case JSON_REAL:
                (void) snprintf(number, sizeof number, "%.15g", json_real_value(value));
                return glob_matches(glob, number);
        case JSON_TRUE:
                return glob_matches(glob, "true");
        case JSON_FALSE:
                return glob_matches(glob, "false");
        default:
                return false;
        }
}

bool matches_hold(const AdapterMatch *matches, size_t n_matches, json_t *root) {
        for (size_t i = 0; i < n_matches; i++) {
                bool held = false;
                const char *part;
                size_t size, state = 0;
                while (!held && path_next(matches[i].path, &state, &part, &size)) {
                        Place place;
                        /* Blank counts as being there: an empty CSV cell has its column, a blanked secret has been delivered. */
                        held = place_find(root, part, size, &place) && !json_is_null(place.value) &&
                               (!matches[i].equals || value_matches(place.value, matches[i].equals));
                }
                if (!held)
                        return false;
        }
        return true;
}
