/* SPDX-License-Identifier: MIT */
/*
 * The dictionary: statuses, owners, rules, sources and the like are kept in rows as
 * small integers. Append-only, whole in memory on the writing side; a reader loads
 * what it meets. Texts that outsiders choose become entries only up to a limit and
 * stand in their row beyond it, so that nobody can fill the memory with names.
 */
#include "internal.h"
#include <errno.h>

static int reserve(Names *names, size_t n) {
        if (n <= names->capacity)
                return 0;
        size_t capacity = names->capacity > 0 ? names->capacity : 256;
        while (capacity < n)
                capacity *= 2;
        Name *items = reallocarray(names->items, capacity, sizeof(Name));
        if (!items)
                return -ENOMEM;
        names->items = items;
        names->capacity = capacity;
        return 0;
}

static int append_at(Names *names, uint64_t seed, uint64_t id, const char *text) {
        if (id > STORE_IDS_MAX)
                return -EOVERFLOW;
        int r = reserve(names, id + 1);
        if (r != 0)
                return r;
        _cleanup_(base_freep) char *copy = strdup(text);
        if (!copy)
                return -ENOMEM;
        uint32_t hash = (uint32_t) index_hash(seed, text, strlen(text));
        r = index_add(&names->index, hash, (uint32_t) id);
        if (r != 0)
                return r;
        while (names->n < id) /* ids without a row: item 0 */
                names->items[names->n++] = (Name){ 0 };
        names->items[names->n++] = (Name){ .text = TAKE(copy), .hash = hash };
        return 0;
}

/* Takes id as the next one in memory; the row is the caller's. */
static int append(Store *store, uint64_t id, const char *text) { return append_at(&store->names, store->seed, id, text); }

int name_append_to(Names *names, uint64_t seed, const char *text, uint64_t *ret) {
        *ret = names->n > 0 ? names->n : 1;
        return append_at(names, seed, *ret, text);
}

void names_free(Names *names) {
        for (size_t i = 0; i < names->n; i++)
                free(names->items[i].text);
        free(names->items);
        index_free(&names->index);
        *names = (Names){ 0 };
}

int names_load(Store *store) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        Names *names = &store->names;
        int r = reserve(names, 1);
        if (r != 0)
                return r;
        if (names->n == 0)
                names->items[names->n++] = (Name){ 0 };
        uint64_t from = names->n;
        for (r = sql_row(store, SQL_NAME_AFTER, &row, ARG(from)); r == 0; r = sql_next(store, row)) {
                const char *text = column_text(row, 1);
                uint64_t id = column_u64(row, 0);
                if (!text)
                        return -ENOMEM;
                /* A reader loads while the writer appends: what it already has is not loaded twice. */
                if (id < names->n)
                        continue;
                r = append(store, id, text);
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}

void names_truncate(Store *store, size_t n) {
        Names *names = &store->names;
        while (names->n > n) {
                Name *name = &names->items[--names->n];
                if (name->text)
                        (void) index_remove(&names->index, name->hash, (uint32_t) names->n);
                free(name->text);
        }
}

uint64_t name_find(Store *store, const char *text) { return name_find_in(&store->names, store->seed, text); }

uint64_t name_find_in(const Names *names, uint64_t seed, const char *text) {
        if (!text || text[0] == '\0')
                return 0;
        uint32_t hash = (uint32_t) index_hash(seed, text, strlen(text)), id;
        for (size_t cursor = 0; (id = index_find(&names->index, hash, &cursor)) != 0;)
                if (base_streq(names->items[id].text, text))
                        return id;
        return 0;
}

int name_intern(Store *store, const char *text, uint64_t *ret) {
        uint64_t id = name_find(store, text);
        if (id == 0 && text && text[0] != '\0') {
                id = store->names.n;
                int r = sql_run(store, SQL_NAME_ADD, ARG(id), ARG(text));
                if (r == 0)
                        r = append(store, id, text);
                if (r != 0)
                        return r;
        }
        *ret = id;
        return 0;
}

int name_ref(Store *store, const char *text, size_t n_max, Ref *ret) {
        *ret = (Ref){ .id = name_find(store, text), .text = text };
        if (ret->id > 0 || !text || text[0] == '\0' || store->names.n >= n_max ||
                strnlen(text, STORE_NAME_SIZE_MAX + 1) > STORE_NAME_SIZE_MAX)
                return 0;
        return name_intern(store, text, &ret->id);
}

int said_ref(Store *store, const char *text, size_t n_max, Ref *ret) {
        if (!text || !strchr(text, '@'))
                return name_ref(store, text, n_max, ret);
        *ret = (Ref){ .text = text };
        return 0;
}

const char *name_text(Store *store, uint64_t id) {
        if (id == 0)
                return NULL;
        if (id >= store->names.n && !store_is_writer(store)) {
                int r = names_load(store);
                if (r != 0 && store->failed == 0)
                        store->failed = r;
        }
        return id < store->names.n ? store->names.items[id].text : NULL;
}

int name_copy(Store *store, uint64_t id, Arena *arena, const char **ret) {
        const char *text = name_text(store, id);
        if (id > 0 && !text)
                return store->failed < 0 ? store->failed : -EBADMSG;
        *ret = text ? arena_strdup(arena, text) : NULL;
        return text && !*ret ? -ENOMEM : 0;
}

int column_ref(Store *store, sqlite3_stmt *row, int column, Arena *arena, const char **ret) {
        switch (sqlite3_column_type(row, column)) {
        case SQLITE_NULL:
                *ret = NULL;
                return 0;
        case SQLITE_INTEGER:
                return name_copy(store, column_u64(row, column), arena, ret);
        default: {
                const char *text = column_text(row, column);
                *ret = text ? arena_strdup(arena, text) : NULL;
                return *ret ? 0 : -ENOMEM;
        }
        }
}
