/* SPDX-License-Identifier: MIT */
/*
 * kind_score: the bodies of what describes and weighs a lead: list, criterion, segment, group, grade; score's own
 * body is compiled by score.c. Texts of lists are kept case-folded and sorted, because that is how they are searched.
 */
#include "load.h"

#include <errno.h>
#include <lauxlib.h>

/* ---- list ---------------------------------------------------------------- */

static int text_compare(const void *a, const void *b) { return strcmp(*(const char *const *) a, *(const char *const *) b); }

/* Folds, sorts, removes doubles. */
static int list_finish(Load *load, const char **items, size_t n, List *list) {
        for (size_t i = 0; i < n; i++) {
                size_t size;
                items[i] = utf8_casefold(load->loader.arena, items[i], strlen(items[i]), &size);
                if (!items[i])
                        return load_exhausted(load);
        }
        if (n > 0)
                qsort(items, n, sizeof(*items), text_compare);
        size_t n_kept = 0;
        for (size_t i = 0; i < n; i++)
                if (n_kept == 0 || !base_streq(items[n_kept - 1], items[i]))
                        items[n_kept++] = items[i];
        list->items = items;
        list->n_items = n_kept;
        if (n_kept == 0)
                loader_warning(&load->loader, "is empty: nothing is in it");
        return 0;
}

int kind_compile_list(Load *load, int index, void *head) {
        List *list = head;
        lua_State *L = load->loader.L;
        lua_getfield(L, index, "doc");
        if (!lua_isnil(L, -1))
                list->rule.doc = keys_text(load, lua_gettop(L), "doc");
        lua_pop(L, 1);
        size_t n = lua_rawlen(L, index), seen = 0;
        bool odd = false;
        lua_pushnil(L);
        while (lua_next(L, index)) {
                lua_pop(L, 1);
                bool is_place = lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 1 && (size_t) lua_tointeger(L, -1) <= n;
                seen += is_place;
                if (!is_place && !(lua_type(L, -1) == LUA_TSTRING && base_streq(lua_tostring(L, -1), "doc")))
                        odd = true;
        }
        if (odd || seen != n) {
                loader_error(&load->loader, "must be a plain list: { \"a\", \"b\" }");
                return 0;
        }
        const char **items = ARENA_ARRAY(load->loader.arena, const char *, n + 1);
        if (!items)
                return load_exhausted(load);
        size_t n_good = 0;
        for (size_t i = 0; i < n; i++) {
                if (lua_rawgeti(L, index, (lua_Integer) i + 1) != LUA_TSTRING)
                        loader_error(&load->loader, "entry %zu must be a text, not %s", i + 1, keys_type_name(L, -1));
                else if ((items[n_good] = keys_text(load, lua_gettop(L), "entry")))
                        n_good++;
                lua_pop(L, 1);
        }
        return list_finish(load, items, n_good, list);
}

/* One entry a line; "#" at the beginning of a line or behind a blank starts a comment. */
int kind_compile_list_file(Load *load, const RuleFile *file, List *list) {
        const char **items = NULL;
        size_t n = 0, capacity = 0;
        if (file->broken)
                return 0;
        const char *end = file->data + file->size;
        for (const char *at = file->data, *next; at < end; at = next + 1) {
                next = memchr(at, '\n', (size_t) (end - at));
                if (!next)
                        next = end;
                if (at == file->data && end - at >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
                        at += 3;
                const char *stop = at;
                while (stop < next && !(*stop == '#' && (stop == at || stop[-1] == ' ' || stop[-1] == '\t')))
                        stop++;
                while (at < stop && (*at == ' ' || *at == '\t'))
                        at++;
                while (stop > at && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '\r'))
                        stop--;
                if (at == stop)
                        continue;
                if (n == POLICY_LIST_ITEMS_MAX) {
                        loader_error(&load->loader, "has more than %d entries", POLICY_LIST_ITEMS_MAX);
                        return 0;
                }
                items = load_grow(load, items, n, &capacity, sizeof(*items));
                if (!items || !(items[n++] = arena_strndup(load->scratch, at, (size_t) (stop - at))))
                        return load_exhausted(load);
        }
        const char **kept = ARENA_ARRAY(load->loader.arena, const char *, n + 1);
        if (!kept)
                return load_exhausted(load);
        if (n > 0)
                memcpy(kept, items, n * sizeof(*items));
        return list_finish(load, kept, n, list);
}

/* ---- criterion, segment -------------------------------------------------- */

int kind_compile_criterion(Load *load, int index, void *head) {
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(Criterion, rule.doc) },
                { .name = "when", .type = KEY_CONDITION, .required = true, .at = offsetof(Criterion, when), .phase = PHASE_DECISION },
        };
        return keys_compile(load, index, "", keys, ARRAY_SIZE(keys), head);
}

int kind_compile_segment(Load *load, int index, void *head) {
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(Segment, rule.doc) },
                { .name = "when", .type = KEY_CONDITION, .required = true, .at = offsetof(Segment, when), .phase = PHASE_SEGMENT },
        };
        if (load->loader.rules->n_segments > POLICY_SEGMENTS_MAX && head == &load->loader.rules->segments[POLICY_SEGMENTS_MAX])
                loader_error(&load->loader, "is one segment more than the %d there may be", POLICY_SEGMENTS_MAX);
        return keys_compile(load, index, "", keys, ARRAY_SIZE(keys), head);
}

/* ---- group, score -------------------------------------------------------- */

int kind_compile_group(Load *load, int index, void *head) {
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(Group, rule.doc) },
                { .name = "min", .type = KEY_POINTS, .at = offsetof(Group, min_mp) },
                { .name = "max", .type = KEY_POINTS, .at = offsetof(Group, max_mp) },
                { .name = "half_life", .type = KEY_DURATION, .at = offsetof(Group, half_life) },
                { .name = "weights", .type = KEY_BOOL, .at = offsetof(Group, weights) },
        };
        Group *group = head;
        group->min_mp = 0;
        group->max_mp = 100 * 1000;
        if (load->loader.rules->n_groups > POLICY_GROUPS_MAX && group == &load->loader.rules->groups[POLICY_GROUPS_MAX])
                loader_error(&load->loader, "is one group more than the %d there may be", POLICY_GROUPS_MAX);
        int r = keys_compile(load, index, "", keys, ARRAY_SIZE(keys), head);
        if (r == 0 && group->min_mp >= group->max_mp)
                loader_error(&load->loader, "\"min\" must be less than \"max\"");
        return r;
}

int kind_compile_score(Load *load, int index, void *head) { return score_compile(&load->loader, index, head); }

/* ---- grade --------------------------------------------------------------- */

#define GRADE_BANDS_MAX 26
#define GRADE_NAME_MAX 8

static int band_compare(const void *a, const void *b) {
        const Band *x = a, *y = b;
        return (x->from_mp < y->from_mp) - (x->from_mp > y->from_mp);
}

/* { A = 75, B = 50, ... }: letters for fit, digits for engagement, so that "A1" can be read in one way only. */
static int compile_bands(
        Load *load, int index, const char *where, const char *alphabet, const char *alphabet_name, const Band **ret, size_t *ret_n) {
        static const BodyKey key = { .name = "band", .type = KEY_POINTS };
        lua_State *L = load->loader.L;
        const char *const *names;
        size_t n;
        if (lua_type(L, index) != LUA_TTABLE) {
                loader_error(&load->loader, "\"%s\" must be a table of bands, not %s", where, keys_type_name(L, index));
                return 0;
        }
        size_t n_before = load->loader.report->n_errors;
        int r = keys_names(load, index, where, &names, &n);
        if (r < 0 || load->loader.report->n_errors > n_before)
                return r;
        if (n == 0 || n > GRADE_BANDS_MAX) {
                loader_error(&load->loader, "\"%s\" must have 1 to %d bands", where, GRADE_BANDS_MAX);
                return 0;
        }
        Band *bands = ARENA_ARRAY(load->loader.arena, Band, n);
        if (!bands)
                return load_exhausted(load);
        for (size_t i = 0; i < n && r == 0; i++) {
                bands[i].name = names[i];
                if (names[i][0] == '\0' || names[i][strspn(names[i], alphabet)] != '\0' || strlen(names[i]) > GRADE_NAME_MAX)
                        loader_error(&load->loader, "\"%s\": a band's name is %s, not \"%.60s\"", where, alphabet_name, names[i]);
                lua_getfield(L, index, names[i]);
                r = keys_compile_value(load, lua_gettop(L), keys_where(load, where, names[i]), &key, &bands[i].from_mp);
                lua_pop(L, 1);
        }
        qsort(bands, n, sizeof(Band), band_compare);
        for (size_t i = 1; i < n; i++)
                if (bands[i].from_mp == bands[i - 1].from_mp)
                        loader_refuse(&load->loader, "\"%s\": the bands \"%s\" and \"%s\" begin at the same points", where,
                                bands[i - 1].name, bands[i].name);
        *ret = bands;
        *ret_n = n;
        return r;
}

static int compile_fit(Load *load, int index, const char *where, void *target) {
        Grade *grade = target;
        return compile_bands(
                load, index, where, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "made of letters", &grade->fit, &grade->n_fit);
}

static int compile_engagement(Load *load, int index, const char *where, void *target) {
        Grade *grade = target;
        return compile_bands(load, index, where, "0123456789", "made of digits", &grade->engagement, &grade->n_engagement);
}

/* Every value that the group can have is in a band. */
static void check_bands(Load *load, const char *name, const Band *bands, size_t n) {
        const Group *group = (const Group *) (const void *) load_find(load, RULE_GROUP, name);
        if (!group)
                loader_error(&load->loader, "needs the group \"%s\", which is not declared", name);
        else if (n > 0 && bands[n - 1].from_mp > group->min_mp)
                loader_error(&load->loader, "\"%s\": the lowest band begins at %.12g, but the group can fall to %.12g", name,
                        (double) bands[n - 1].from_mp / 1000, (double) group->min_mp / 1000);
}

int kind_compile_grade(Load *load, int index, void *head) {
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(Grade, rule.doc) },
                { .name = "fit", .type = KEY_OWN, .required = true, .compile = compile_fit },
                { .name = "engagement", .type = KEY_OWN, .required = true, .compile = compile_engagement },
                { .name = "leave", .type = KEY_POINTS, .at = offsetof(Grade, leave_mp) },
        };
        Grade *grade = head;
        int r = keys_compile(load, index, "", keys, ARRAY_SIZE(keys), grade);
        if (r < 0)
                return r;
        if (grade->leave_mp < 0)
                loader_error(&load->loader, "\"leave\" must not be negative");
        check_bands(load, "fit", grade->fit, grade->n_fit);
        check_bands(load, "engagement", grade->engagement, grade->n_engagement);
        return 0;
}
