/* SPDX-License-Identifier: MIT */
/*
 * Names of one directory in order, each once: the window through which a source
 * is read. Descending, so that taking the first name costs nothing; a window is
 * small enough for plain insertion. Owns its candidates, not their accounting.
 */
#include "internal.h"

#include <errno.h>

bool names_find(const Names *names, const char *name, size_t *ret_at) {
        size_t from = 0, to = names->n_items;
        while (from < to) {
                size_t middle = from + (to - from) / 2;
                int order = strcmp(names->items[middle]->name, name);
                if (order == 0) {
                        *ret_at = middle;
                        return true;
                }
                if (order > 0)
                        from = middle + 1;
                else
                        to = middle;
        }
        *ret_at = from;
        return false;
}

int names_insert(Names *names, size_t at, Candidate *candidate) {
        if (names->n_items == names->capacity) {
                size_t capacity = names->capacity > 0 ? names->capacity * 2 : 16;
                Candidate **items = reallocarray(names->items, capacity, sizeof(*items));
                if (!items)
                        return -ENOMEM;
                names->items = items;
                names->capacity = capacity;
        }
        memmove(names->items + at + 1, names->items + at, (names->n_items - at) * sizeof(*names->items));
        names->items[at] = candidate;
        names->n_items++;
        return 0;
}

Candidate *names_remove(Names *names, size_t at) {
        Candidate *candidate = names->items[at];
        names->n_items--;
        memmove(names->items + at, names->items + at + 1, (names->n_items - at) * sizeof(*names->items));
        return candidate;
}

void names_shrink(Names *names) {
        if (names->n_items > 0)
                return;
        free(names->items);
        *names = (Names){ 0 };
}
