/* SPDX-License-Identifier: MIT */
/*
 * keys: the body of a declaration, read by a table that says for each key its type, whether it is needed and
 * where it goes. Whatever is not in the table is an error, so that a misspelt key cannot be a rule that silently
 * does nothing. Knows types, not kinds.
 */
#include "load.h"

#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>

#define COUNT_MAX 1000000000
#define POINTS_MAX 1e9

const char *keys_type_name(lua_State *L, int index) {
        switch (lua_type(L, index)) {
        case LUA_TNONE:
        case LUA_TNIL:
                return "nothing";
        case LUA_TBOOLEAN:
                return lua_toboolean(L, index) ? "true" : "false";
        case LUA_TNUMBER:
                return "a number";
        case LUA_TSTRING:
                return "a text";
        case LUA_TTABLE:
                return "a table";
        case LUA_TFUNCTION:
                return "a function";
        default:
                return "something else";
        }
}

const char *keys_where(Load *load, const char *where, const char *name) {
        if (where[0] == '\0')
                return name;
        const char *text = arena_printf(load->scratch, "%s.%s", where, name);
        return text ? text : name;
}

static void key_expects(Load *load, int index, const char *name, const char *wanted) {
        lua_State *L = load->loader.L;
        if (lua_type(L, index) == LUA_TSTRING)
                loader_error(&load->loader, "\"%s\" must be %s, not \"%.60s\"", name, wanted, lua_tostring(L, index));
        else if (lua_type(L, index) == LUA_TNUMBER)
                loader_error(&load->loader, "\"%s\" must be %s, not %.12g", name, wanted, lua_tonumber(L, index));
        else
                loader_error(&load->loader, "\"%s\" must be %s, not %s", name, wanted, keys_type_name(L, index));
}

const char *keys_text(Load *load, int index, const char *name) {
        lua_State *L = load->loader.L;
        if (lua_type(L, index) != LUA_TSTRING) {
                key_expects(load, index, name, "a text");
                return NULL;
        }
        size_t size;
        const char *text = lua_tolstring(L, index, &size);
        if (strlen(text) != size || !utf8_is_valid(text, size)) {
                loader_error(&load->loader, "\"%s\" is not UTF-8 text", name);
                return NULL;
        }
        const char *copy = arena_strndup(load->loader.arena, text, size);
        if (!copy)
                (void) load_exhausted(load);
        return copy;
}

size_t keys_count(const char *const *words) {
        size_t n = 0;
        while (words[n])
                n++;
        return n;
}

bool keys_is_among(const char *word, const char *const *words) {
        for (; *words; words++)
                if (base_streq(*words, word))
                        return true;
        return false;
}

/* ---- lists --------------------------------------------------------------- */

/* How many positional entries the table has; anything beside them is reported. SIZE_MAX: that happened. */
size_t keys_list_count(Load *load, int index, const char *name) {
        lua_State *L = load->loader.L;
        size_t n = lua_rawlen(L, index), seen = 0;
        lua_pushnil(L);
        while (lua_next(L, index)) {
                lua_pop(L, 1);
                if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 1 || (size_t) lua_tointeger(L, -1) > n) {
                        lua_pop(L, 1);
                        loader_error(&load->loader, "\"%s\" must be a plain list: { \"a\", \"b\" }", name);
                        return SIZE_MAX;
                }
                seen++;
        }
        if (seen != n) {
                loader_error(&load->loader, "\"%s\" is a list with gaps", name);
                return SIZE_MAX;
        }
        return n;
}

int keys_compile_texts(Load *load, int index, const char *name, const char *const **ret, size_t *ret_n) {
        lua_State *L = load->loader.L;
        Arena *arena = load->loader.arena;
        if (lua_type(L, index) == LUA_TSTRING) {
                const char **one = ARENA_ARRAY(arena, const char *, 1);
                if (!one)
                        return load_exhausted(load);
                if (!(one[0] = keys_text(load, index, name)))
                        return 0;
                *ret = one;
                *ret_n = 1;
                return 0;
        }
        if (lua_type(L, index) != LUA_TTABLE) {
                key_expects(load, index, name, "a text or a list of texts");
                return 0;
        }
        size_t n = keys_list_count(load, index, name);
        if (n == SIZE_MAX)
                return 0;
        const char **items = ARENA_ARRAY(arena, const char *, n + 1);
        if (!items)
                return load_exhausted(load);
        size_t n_good = 0;
        for (size_t i = 0; i < n; i++) {
                char place[160];
                snprintf(place, sizeof(place), "%s[%zu]", name, i + 1);
                lua_rawgeti(L, index, (lua_Integer) i + 1);
                const char *text = keys_text(load, lua_gettop(L), place);
                lua_pop(L, 1);
                if (text)
                        items[n_good++] = text;
        }
        *ret = items;
        *ret_n = n_good;
        return 0;
}

static int text_compare(const void *a, const void *b) { return strcmp(*(const char *const *) a, *(const char *const *) b); }

static int collect_names(Load *load, int index, const char *const **ret, size_t *ret_n, bool *ret_odd) {
        lua_State *L = load->loader.L;
        const char **names = NULL;
        size_t n = 0, capacity = 0;
        *ret = NULL;
        *ret_n = 0;
        lua_pushnil(L);
        while (lua_next(L, index)) {
                lua_pop(L, 1);
                if (lua_type(L, -1) != LUA_TSTRING) {
                        *ret_odd = true;
                        continue;
                }
                names = load_grow(load, names, n, &capacity, sizeof(*names));
                if (!names || !(names[n++] = arena_strdup(load->loader.arena, lua_tostring(L, -1))))
                        return load_exhausted(load);
        }
        if (n > 0)
                qsort(names, n, sizeof(*names), text_compare);
        *ret = names;
        *ret_n = n;
        return 0;
}

int keys_names(Load *load, int index, const char *where, const char *const **ret, size_t *ret_n) {
        bool odd = false;
        int r = collect_names(load, index, ret, ret_n, &odd);
        if (r == 0 && odd)
                loader_error(&load->loader, "\"%s\" has an entry without a name", where);
        return r;
}

int keys_names_beside_items(Load *load, int index, const char *const **ret, size_t *ret_n) {
        bool odd = false;
        return collect_names(load, index, ret, ret_n, &odd);
}

bool keys_has(lua_State *L, int index, const char *name) {
        bool has = lua_getfield(L, index, name) != LUA_TNIL;
        lua_pop(L, 1);
        return has;
}

bool keys_find_field(Load *load, const char *path, const char *what, FieldId *ret_field, const char **ret_key) {
        if (field_find(path, ret_field, ret_key))
                return true;
        size_t n;
        const FieldInfo *fields = field_all(&n);
        const char **paths = ARENA_ARRAY(load->scratch, const char *, n + 1);
        if (!paths) {
                (void) load_exhausted(load);
                return false;
        }
        for (size_t i = 0; i < n; i++)
                paths[i] = fields[i].path;
        loader_unknown(&load->loader, what, path, paths, n);
        return false;
}

/* ---- single values ------------------------------------------------------- */

int keys_compile_duration(Load *load, int index, const char *name, bool workdays, Duration *ret) {
        lua_State *L = load->loader.L;
        Duration duration;
        if (lua_type(L, index) != LUA_TSTRING || duration_parse(lua_tostring(L, index), &duration) != 0) {
                key_expects(load, index, name,
                        workdays ? "a duration such as \"4h\", \"30d\" or \"2wd\"" : "a duration such as \"4h\" or \"30d\"");
                return 0;
        }
        if (duration.workdays != 0 && !workdays) {
                loader_error(&load->loader, "\"%s\" cannot be in working days (\"%s\"): they are for SLAs and recycle dates", name,
                        lua_tostring(L, index));
                return 0;
        }
        *ret = duration;
        return 0;
}

int keys_compile_clock(Load *load, int index, const char *where, const char *const *words, size_t n_words, size_t *ret_clock,
        const CalendarDecl **ret_calendar) {
        const char *text = keys_text(load, index, where);

        if (!text)
                return 0;
        for (size_t i = 0; i < n_words; i++)
                if (base_streq(words[i], text)) {
                        *ret_clock = i;
                        return 0;
                }
        *ret_clock = n_words;
        *ret_calendar = (const CalendarDecl *) (const void *) load_find(load, RULE_CALENDAR, text);
        if (*ret_calendar)
                return 0;
        size_t n;
        const char *const *calendars = loader_names(&load->loader, RULE_CALENDAR, &n);
        const char **names = ARENA_ARRAY(load->scratch, const char *, n + n_words);
        if (!calendars || !names)
                return load_exhausted(load);
        memcpy(names, words, n_words * sizeof(*names));
        memcpy(names + n_words, calendars, n * sizeof(*names));
        loader_unknown(&load->loader, "calendar in \"clock\":", text, names, n + n_words);
        return 0;
}

int keys_compile_time_of_day(Load *load, int index, const char *name, int64_t *ret_us) {
        const char *text = keys_text(load, index, name);
        int hour = -1, minute = -1;
        if (!text)
                return 0;
        if (strlen(text) == 5 && text[2] == ':' && strspn(text, "0123456789:") == 5) {
                hour = (text[0] - '0') * 10 + text[1] - '0';
                minute = (text[3] - '0') * 10 + text[4] - '0';
        }
        if (hour < 0 || hour > 23 || minute > 59 || text[0] > '9' || text[1] > '9' || text[3] > '9' || text[4] > '9')
                loader_error(&load->loader, "\"%s\" must be a time of day such as \"08:30\", not \"%.60s\"", name, text);
        else
                *ret_us = (hour * INT64_C(60) + minute) * US_PER_MINUTE;
        return 0;
}

static void key_compile_count(Load *load, int index, const char *name, uint32_t *ret) {
        lua_State *L = load->loader.L;
        int is_integer = 0;
        lua_Integer value = lua_type(L, index) == LUA_TNUMBER ? lua_tointegerx(L, index, &is_integer) : 0;
        if (!is_integer || value < 0 || value > COUNT_MAX)
                key_expects(load, index, name, "a whole number that is not negative");
        else
                *ret = (uint32_t) value;
}

static void key_compile_points(Load *load, int index, const char *name, int64_t *ret) {
        lua_State *L = load->loader.L;
        double value = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : NAN;
        if (!(fabs(value) <= POINTS_MAX))
                key_expects(load, index, name, "a number of points");
        else
                *ret = llround(value * 1000);
}

static void key_compile_choice(Load *load, int index, const char *name, const char *const *choices, int *ret) {
        lua_State *L = load->loader.L;
        size_t n = 0;
        if (lua_type(L, index) != LUA_TSTRING) {
                key_expects(load, index, name, "a text");
                return;
        }
        for (; choices[n]; n++)
                if (base_streq(choices[n], lua_tostring(L, index))) {
                        *ret = (int) n;
                        return;
                }
        const char *closest = text_closest(lua_tostring(L, index), choices, n);
        Text list = {};
        for (size_t i = 0; i < n; i++)
                text_printf(&list, "%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", choices[i]);
        loader_error(&load->loader, "\"%s\" must be %s, not \"%.60s\"%s%s%s", name, list.data ? list.data : "", lua_tostring(L, index),
                closest ? "; did you mean \"" : "", closest ? closest : "", closest ? "\"?" : "");
        text_free(&list);
}

static void key_compile_rule(Load *load, const char *text, RuleKind kind, const void **ret) {
        const Rule *rule = load_find(load, kind, text);
        if (rule) {
                *ret = rule;
                return;
        }
        size_t n;
        const char *const *names = loader_names(&load->loader, kind, &n);
        loader_unknown(&load->loader, rule_kind_name(kind), text, names, n);
}

static int key_compile_rules(Load *load, int index, const char *name, RuleKind kind, const void *const **ret, size_t *ret_n) {
        const char *const *names = NULL;
        size_t n = 0, n_good = 0;
        int r = keys_compile_texts(load, index, name, &names, &n);
        if (r < 0)
                return r;
        const void **rules = ARENA_ARRAY(load->loader.arena, const void *, n + 1);
        if (!rules)
                return load_exhausted(load);
        for (size_t i = 0; i < n; i++) {
                const void *rule = NULL;
                key_compile_rule(load, names[i], kind, &rule);
                for (size_t j = 0; rule && j < n_good; j++)
                        if (rules[j] == rule) {
                                loader_error(&load->loader, "\"%s\" names \"%s\" twice", name, names[i]);
                                rule = NULL;
                        }
                if (rule)
                        rules[n_good++] = rule;
        }
        *ret = rules;
        *ret_n = n_good;
        return 0;
}

/* One need: a criterion's name or a condition. */
static int key_compile_need(Load *load, int index, const char *name, Need *need, bool *ret_good) {
        lua_State *L = load->loader.L;
        *ret_good = false;
        if (lua_type(L, index) != LUA_TSTRING) {
                int r = condition_compile(&load->loader, index, name, PHASE_DECISION, &need->condition);
                *ret_good = r == 0 && need->condition;
                return r;
        }
        const void *criterion = NULL;
        key_compile_rule(load, lua_tostring(L, index), RULE_CRITERION, &criterion);
        if (!criterion)
                return 0;
        *ret_good = true;
        need->name = ((const Rule *) criterion)->name;
        need->condition = ((const Criterion *) criterion)->when; /* criteria are compiled first */
        return 0;
}

/* A text, a condition, or a list of these. A condition is a table, too: what has only places 1..n, and was not made by a word of
 * the language (these have a metatable), is a list. */
static int key_compile_needs(Load *load, int index, const char *name, const Need **ret, size_t *ret_n) {
        lua_State *L = load->loader.L;
        size_t n = 0;
        bool is_list = lua_type(L, index) == LUA_TTABLE && !lua_getmetatable(L, index);
        if (is_list) {
                n = lua_rawlen(L, index);
                size_t seen = 0;
                lua_pushnil(L);
                while (lua_next(L, index)) {
                        lua_pop(L, 1);
                        seen++;
                }
                is_list = n > 0 && seen == n;
        } else if (lua_type(L, index) == LUA_TTABLE)
                lua_pop(L, 1);
        Need *needs = ARENA_ARRAY(load->loader.arena, Need, (is_list ? n : 1) + 1);
        if (!needs)
                return load_exhausted(load);
        size_t n_good = 0;
        for (size_t i = 0; i < (is_list ? n : 1); i++) {
                char place[160];
                bool good;
                snprintf(place, sizeof(place), is_list ? "%s[%zu]" : "%s", name, i + 1);
                if (is_list)
                        lua_rawgeti(L, index, (lua_Integer) i + 1);
                else
                        lua_pushvalue(L, index);
                int r = key_compile_need(load, lua_gettop(L), place, &needs[n_good], &good);
                lua_pop(L, 1);
                if (r < 0)
                        return r;
                n_good += good;
        }
        *ret = needs;
        *ret_n = n_good;
        return 0;
}

/* ---- the table ----------------------------------------------------------- */

int keys_compile_value(Load *load, int index, const char *name, const BodyKey *key, void *target) {
        lua_State *L = load->loader.L;
        uint8_t *at = (uint8_t *) target + key->at;
        size_t *count = (size_t *) (void *) ((uint8_t *) target + key->count_at);
        switch (key->type) {
        case KEY_TEXT: {
                const char *text = keys_text(load, index, name);
                if (text)
                        *(const char **) (void *) at = text;
                return 0;
        }
        case KEY_TEXTS:
                return keys_compile_texts(load, index, name, (const char *const **) (void *) at, count);
        case KEY_BOOL:
                if (lua_type(L, index) == LUA_TBOOLEAN)
                        *(bool *) at = lua_toboolean(L, index);
                else
                        key_expects(load, index, name, "true or false");
                return 0;
        case KEY_COUNT:
                key_compile_count(load, index, name, (uint32_t *) (void *) at);
                return 0;
        case KEY_POINTS:
                key_compile_points(load, index, name, (int64_t *) (void *) at);
                return 0;
        case KEY_DURATION:
                return keys_compile_duration(load, index, name, false, (Duration *) (void *) at);
        case KEY_WORK_DURATION:
                return keys_compile_duration(load, index, name, true, (Duration *) (void *) at);
        case KEY_CHOICE:
                key_compile_choice(load, index, name, key->choices, (int *) (void *) at);
                return 0;
        case KEY_RULE: {
                const char *text = keys_text(load, index, name);
                if (text)
                        key_compile_rule(load, text, key->kind, (const void **) (void *) at);
                return 0;
        }
        case KEY_RULES:
                return key_compile_rules(load, index, name, key->kind, (const void *const **) (void *) at, count);
        case KEY_CONDITION:
                return condition_compile(&load->loader, index, name, key->phase, (const Condition **) (void *) at);
        case KEY_NEEDS:
                return key_compile_needs(load, index, name, (const Need **) (void *) at, count);
        case KEY_WORD: {
                int place = -1;
                key_compile_choice(load, index, name, key->choices, &place);
                if (place >= 0)
                        *(const char **) (void *) at = key->choices[place];
                return 0;
        }
        case KEY_OWN:
                return key->compile(load, index, name, target);
        case KEY_ITEMS:
        case KEY_SKIP:
                return 0;
        }
        return 0;
}

/* meant[i]: key i is not there, but a misspelling of it is. */
static int keys_report_unknown(Load *load, int index, const char *where, const BodyKey *keys, size_t n_keys, bool positional, bool *meant) {
        lua_State *L = load->loader.L;
        const char **known = ARENA_ARRAY(load->scratch, const char *, n_keys + 1);
        if (!known)
                return load_exhausted(load);
        size_t n_known = 0, n_unknown = 0;
        for (size_t i = 0; i < n_keys; i++)
                if (keys[i].type != KEY_ITEMS)
                        known[n_known++] = keys[i].name;
        bool odd = false;
        const char **unknown = NULL;
        size_t capacity = 0;
        lua_pushnil(L);
        while (lua_next(L, index)) {
                lua_pop(L, 1);
                if (lua_type(L, -1) != LUA_TSTRING) {
                        odd = true;
                        continue;
                }
                bool found = false;
                for (size_t i = 0; i < n_known && !found; i++)
                        found = base_streq(known[i], lua_tostring(L, -1));
                if (found)
                        continue;
                unknown = load_grow(load, unknown, n_unknown, &capacity, sizeof(*unknown));
                if (!unknown || !(unknown[n_unknown++] = arena_strdup(load->scratch, lua_tostring(L, -1))))
                        return load_exhausted(load);
        }
        if (n_unknown > 0)
                qsort(unknown, n_unknown, sizeof(*unknown), text_compare);
        char what[160];
        snprintf(what, sizeof(what), where[0] ? "key in \"%.120s\":" : "key", where);
        for (size_t i = 0; i < n_unknown; i++) {
                const char *closest = text_closest(unknown[i], known, n_known);
                loader_unknown(&load->loader, what, unknown[i], known, n_known);
                for (size_t k = 0; closest && k < n_keys; k++)
                        meant[k] = meant[k] || base_streq(keys[k].name, closest);
        }
        if (odd && !positional && where[0])
                loader_error(&load->loader, "\"%s\" has a value without a key", where);
        else if (odd && !positional)
                loader_error(&load->loader, "has a value without a key");
        return 0;
}

int keys_compile(Load *load, int index, const char *where, const BodyKey *keys, size_t n_keys, void *target) {
        lua_State *L = load->loader.L;
        bool positional = false;
        for (size_t i = 0; i < n_keys; i++)
                positional = positional || keys[i].type == KEY_ITEMS;
        bool *meant = ARENA_ARRAY(load->scratch, bool, n_keys + 1);
        if (!meant)
                return load_exhausted(load);
        int r = keys_report_unknown(load, index, where, keys, n_keys, positional, meant);
        for (size_t i = 0; i < n_keys && r == 0; i++) {
                const BodyKey *key = &keys[i];
                if (key->type == KEY_ITEMS)
                        continue;
                const char *name = keys_where(load, where, key->name);
                lua_pushstring(L, key->name);
                if (lua_rawget(L, index) == LUA_TNIL) {
                        lua_pop(L, 1);
                        if (key->required && !meant[i])
                                loader_error(&load->loader, "\"%s\" is missing", name);
                        continue;
                }
                int top = lua_gettop(L);
                r = keys_compile_value(load, top, name, key, target);
                lua_settop(L, top - 1);
        }
        return r;
}
