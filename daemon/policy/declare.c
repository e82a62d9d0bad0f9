/* SPDX-License-Identifier: MIT */
/*
 * declare: pass 1 of loading. Runs every rule file in the sandbox; each `kind "NAME" { ... }` is two calls: the
 * first records kind, name, file and line, the second the table. Nothing is looked at yet. What a file gets wrong
 * is a problem at its line; where it can go on it does, so that one run shows all of them.
 */
#include "load.h"
#include "test.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>

static Load *load_current(lua_State *L) { return sandbox_user(L); }

/* File and line of the Lua function that called. */
static void declare_place(lua_State *L, const Load *load, const char **ret_file, int *ret_line) {
        lua_Debug frame;
        *ret_file = load->file->name;
        *ret_line = 0;
        for (int level = 1; lua_getstack(L, level, &frame); level++) {
                if (!lua_getinfo(L, "Sl", &frame) || frame.currentline <= 0)
                        continue;
                *ret_line = frame.currentline;
                for (size_t i = 0; i < load->files.n_items; i++)
                        if (frame.source[0] == '@' && base_streq(load->files.items[i].name, frame.source + 1))
                                *ret_file = load->files.items[i].name;
                return;
        }
}

/* ---- names nobody knows -------------------------------------------------- */

/* Stands for what a misspelt name was to be: can be called and indexed, and gives itself. */
static int on_void(lua_State *L) {
        Load *load = load_current(L);
        if (load && lua_type(L, 2) == LUA_TSTRING && lua_toboolean(L, lua_upvalueindex(1))) {
                const char **lost = load_grow(load, load->lost, load->n_lost, &load->lost_capacity, sizeof(*lost));
                if (lost) {
                        load->lost = lost;
                        if ((lost[load->n_lost] = arena_strdup(load->scratch, lua_tostring(L, 2))))
                                load->n_lost++;
                }
        }
        lua_settop(L, 1);
        return 1;
}

static void push_void(lua_State *L) {
        lua_newtable(L);
        lua_createtable(L, 0, 2);
        lua_pushboolean(L, 1);
        lua_pushcclosure(L, on_void, 1);
        lua_setfield(L, -2, "__call");
        lua_pushboolean(L, 0);
        lua_pushcclosure(L, on_void, 1);
        lua_setfield(L, -2, "__index");
        lua_setmetatable(L, -2);
}

static int text_compare(const void *a, const void *b) { return strcmp(*(const char *const *) a, *(const char *const *) b); }

/* The kinds that a file of tests cannot hold. */
static bool is_rule_kind(const char *word) {
        for (size_t i = 0; i < load_n_kinds; i++)
                if (load_kinds[i].kind != RULE_TEST && base_streq(load_kinds[i].name, word))
                        return true;
        return false;
}

/* The word nearest to name, by an order that is the same in every process; [-0, +0, e]. The words are at upvalue 1. */
static const char *closest_word(lua_State *L, const Load *load, const char *name) {
        const char *words[200] = { NULL };
        size_t n = 0;
        bool is_test = load && load->file->class == FILE_TEST;
        lua_pushnil(L);
        while (lua_next(L, lua_upvalueindex(1))) {
                lua_pop(L, 1);
                if (n < ARRAY_SIZE(words) && lua_type(L, -1) == LUA_TSTRING && !(is_test && is_rule_kind(lua_tostring(L, -1))))
                        words[n++] = lua_tostring(L, -1);
        }
        for (TestWord word = WORD_NONE + 1; is_test && word < N_TEST_WORDS && n < ARRAY_SIZE(words); word++)
                words[n++] = test_word_name(word);
        qsort(words, n, sizeof(words[0]), text_compare);
        return text_closest(name, words, n);
}

/* A name that is no word and no global of the files. While loading it is a problem, and the nearest word stands in for
 * it, so that the rest of the file says what it was meant to say.  [-0, +1, e] */
static int on_unknown(lua_State *L) {
        Load *load = load_current(L);
        if (lua_type(L, 2) != LUA_TSTRING)
                return bind_fail(L, "unknown name");
        const char *name = lua_tostring(L, 2), *closest = closest_word(L, load, name);
        if (!load)
                return closest ? bind_fail(L, "unknown name \"%.80s\"; did you mean \"%s\"?", name, closest)
                               : bind_fail(L, "unknown name \"%.80s\"", name);
        const char *file;
        int line;
        declare_place(L, load, &file, &line);
        if (closest) {
                load_problem(load, true, file, line, "unknown name \"%.80s\"; did you mean \"%s\"?", name, closest);
                if (load->file->class != FILE_TEST || !test_word_push(L, closest)) {
                        lua_pushstring(L, closest);
                        lua_rawget(L, lua_upvalueindex(1));
                }
        } else {
                load_problem(load, true, file, line, "unknown name \"%.80s\"", name);
                push_void(L);
        }
        return 1;
}

/* ---- kinds --------------------------------------------------------------- */

/* Upvalue 1: the declaration's number. */
static int on_declaration_body(lua_State *L) {
        Load *load = load_current(L);
        size_t i = (size_t) lua_tointeger(L, lua_upvalueindex(1));
        if (!load || i >= load->n_declarations)
                return bind_fail(L, "declarations stand in rule files, not in functions");
        Declaration *declaration = &load->declarations[i];
        const char *kind = rule_kind_name(declaration->kind);
        if (lua_type(L, 1) != LUA_TTABLE || lua_gettop(L) != 1) {
                load_problem(load, true, declaration->file, declaration->line, "%s \"%s\": a table must follow: %s \"%s\" { ... }, not %s",
                        kind, declaration->name, kind, declaration->name, lua_gettop(L) == 0 ? "nothing" : keys_type_name(L, 1));
                declaration->table = LUA_REFNIL;
                return 0;
        }
        if (declaration->table != LUA_NOREF) {
                load_problem(load, true, declaration->file, declaration->line, "%s \"%s\": has two tables", kind, declaration->name);
                return 0;
        }
        lua_settop(L, 1);
        declaration->table = declare_keep_table(L);
        return 0;
}

bool name_is_good_within(const char *name, size_t size, size_t size_max) {
        if (size == 0 || size > size_max || strlen(name) != size || !utf8_is_valid(name, size) || name[0] == ' ' || name[size - 1] == ' ')
                return false;
        for (size_t i = 0; i < size; i++)
                if ((unsigned char) name[i] < 0x20 || name[i] == 0x7f)
                        return false;
        return true;
}

bool name_is_good(const char *name, size_t size) { return name_is_good_within(name, size, POLICY_NAME_SIZE_MAX); }

/* Upvalue 1: the kind. */
static int on_kind(lua_State *L) {
        Load *load = load_current(L);
        const KindInfo *info = load_kind((RuleKind) lua_tointeger(L, lua_upvalueindex(1)));
        if (!load)
                return bind_fail(L, "declarations stand in rule files, not in functions");
        const char *file;
        int line;
        declare_place(L, load, &file, &line);
        if (lua_type(L, 1) != LUA_TSTRING)
                load_problem(load, true, file, line, "%s: a name must follow: %s \"NAME\" { ... }, not %s", info->name, info->name,
                        lua_gettop(L) == 0 ? "nothing" : keys_type_name(L, 1));
        /* Rules never see what a test file says, so that a test cannot change what it tests. */
        bool is_test = info->kind == RULE_TEST, is_misplaced = is_test != (load->file->class == FILE_TEST);
        if (is_misplaced && is_test)
                load_problem(load, true, file, line, "test: tests stand in files whose names end in _test.lua");
        else if (is_misplaced)
                load_problem(load, true, file, line, "%s: a file whose name ends in _test.lua holds tests only", info->name);
        if (is_misplaced || lua_type(L, 1) != LUA_TSTRING) {
                push_void(L);
                return 1;
        }
        size_t size;
        const char *name = lua_tolstring(L, 1, &size);
        size_t size_max = is_test ? POLICY_TEST_NAME_SIZE_MAX : POLICY_NAME_SIZE_MAX;
        if (!name_is_good_within(name, size, size_max)) {
                load_problem(load, true, file, line,
                        "%s: a name is 1 to %zu characters without control characters and without blanks around it", info->name, size_max);
                push_void(L);
                return 1;
        }
        Declaration declaration = { .kind = info->kind, .file = file, .line = line, .table = LUA_NOREF };
        declaration.name = arena_strdup(load->loader.arena, name);
        lua_Integer number = (lua_Integer) load->n_declarations;
        if (!declaration.name || load_declare(load, declaration) != 0) {
                push_void(L);
                return 1;
        }
        lua_pushinteger(L, number);
        lua_pushcclosure(L, on_declaration_body, 1);
        return 1;
}

/* Address only: where the registry keeps the declared tables. Not in the registry itself, which would stay as large for good, and is set
 * back after each function that may have written. */
static const char tables_key = 0;

int declare_keep_table(lua_State *L) {
        luaL_checkstack(L, 1, NULL);
        lua_rawgetp(L, LUA_REGISTRYINDEX, &tables_key);
        lua_insert(L, -2);
        int table = luaL_ref(L, -2);
        lua_pop(L, 1);
        return table;
}

void declare_push_table(lua_State *L, int table) {
        lua_rawgetp(L, LUA_REGISTRYINDEX, &tables_key);
        lua_rawgeti(L, -1, table);
        lua_replace(L, -2);
}

void declare_drop_tables(lua_State *L) {
        lua_pushnil(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &tables_key);
}

void declare_register(lua_State *L) {
        lua_newtable(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &tables_key);
        for (size_t i = 0; i < load_n_kinds; i++) {
                if (load_kinds[i].kind == RULE_MEMBER)
                        continue; /* members stand in their team */
                lua_pushinteger(L, load_kinds[i].kind);
                sandbox_push_fixed_function(L, on_kind, 1);
                lua_setglobal(L, load_kinds[i].name);
        }
        bind_close(L, on_unknown, load_current(L)->archived);
}

/* ---- running files ------------------------------------------------------- */

static void check_libraries(lua_State *L, void *userdata) {
        Load *load = userdata;
        char changed[BIND_WORD_SIZE];
        if (!bind_restore_libraries(L, changed))
                load_problem(load, true, load->file->name, 0, "changes \"%s\": the words of the language keep their meaning", changed);
}

static void run_file(lua_State *L, void *userdata) {
        Load *load = userdata;
        char name[300];
        snprintf(name, sizeof(name), "@%s", load->file->name);
        const char *data = load->file->data;
        size_t size = load->file->size;
        if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
                data += 3;
                size -= 3;
        }
        if (size > 0 && data[0] == LUA_SIGNATURE[0])
                (void) luaL_error(L, "is compiled Lua; rule files are text");
        sandbox_load(L, name, data, size);
        if (load->file->class == FILE_TEST) {
                test_words_open(L);
                (void) lua_setupvalue(L, -2, 1); /* _ENV, the only one of a file */
        }
        lua_call(L, 0, 0);
}

/* "file:line: text" as Lua says it. The file name in it may be shortened. */
static void report_lua_error(Load *load, const char *message) {
        const char *file = load->file->name, *text = message;
        int line = 0;
        for (const char *colon = strchr(message, ':'); colon && line == 0; colon = strchr(colon + 1, ':')) {
                char *end;
                long number = strtol(colon + 1, &end, 10);
                if (end == colon + 1 || number <= 0 || number > INT32_MAX || strncmp(end, ": ", 2) != 0)
                        continue;
                line = (int) number;
                text = end + 2;
                for (size_t i = 0; i < load->files.n_items; i++)
                        if (strlen(load->files.items[i].name) == (size_t) (colon - message) &&
                                strncmp(load->files.items[i].name, message, (size_t) (colon - message)) == 0)
                                file = load->files.items[i].name;
        }
        load_problem(load, true, file, line, "%s", text);
        load->incomplete = true;
        /* The declaration it broke off in is not blamed for its missing table. */
        if (load->n_declarations > 0 && load->declarations[load->n_declarations - 1].table == LUA_NOREF)
                load->declarations[load->n_declarations - 1].table = LUA_REFNIL;
}

static int declare_list_file(Load *load, const RuleFile *file) {
        const char *base = file->name + strlen("lists/");
        size_t size = strlen(base) - strlen(".txt");
        if (!name_is_good(file->name, strlen(file->name))) {
                load_problem(load, true, file->name, 0, "cannot be the name of a list");
                return 0;
        }
        Declaration declaration = { .kind = RULE_LIST, .file = file->name, .line = 1, .table = LUA_NOREF, .list = file };
        declaration.name = arena_strndup(load->loader.arena, base, size);
        return declaration.name ? load_declare(load, declaration) : load_exhausted(load);
}

int declare_run(Load *load) {
        for (size_t i = 0; i < load->files.n_items; i++) {
                const RuleFile *file = &load->files.items[i];
                load->file = file;
                if (file->class == FILE_LIST) {
                        int r = declare_list_file(load, file);
                        if (r < 0)
                                return r;
                }
                bool is_run =
                        file->class == FILE_RULES || file->class == FILE_ADAPTERS || (file->class == FILE_TEST && !load->calendars_suffice);
                if (!is_run || file->broken)
                        continue;
                char error[512];
                if (sandbox_run(load->body->sandbox, run_file, load, error, sizeof(error)) != 0) {
                        report_lua_error(load, error);
                        /* If it was memory it ran out of, the other files are not to suffer for it. */
                        int r = sandbox_collect(load->body->sandbox);
                        if (r < 0)
                                return r;
                }
                if (sandbox_run(load->body->sandbox, check_libraries, load, error, sizeof(error)) != 0)
                        report_lua_error(load, error);
        }
        bind_forget_libraries(sandbox_state(load->body->sandbox)); /* writing over what is there allocates nothing */
        load->file = NULL;
        for (size_t i = 0; i < load->n_declarations; i++) {
                const Declaration *declaration = &load->declarations[i];
                const char *kind = rule_kind_name(declaration->kind);
                if (declaration->table == LUA_NOREF && !declaration->list)
                        load_problem(load, true, declaration->file, declaration->line, "%s \"%s\": its table is missing: %s \"%s\" { ... }",
                                kind, declaration->name, kind, declaration->name);
        }
        return 0;
}
