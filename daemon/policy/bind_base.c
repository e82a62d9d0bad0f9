/* SPDX-License-Identifier: MIT */
/*
 * bind_base: the global names of a rule function and the environment they stand in. Lua's own base
 * library is not opened; what is here is written for the sandbox: pairs goes in sorted order, tostring
 * shows no address, pcall lets a spent budget through, an error's text never carries a lead's data.
 *
 * Not here on purpose: load*, require, setmetatable, getmetatable, raw*, next, xpcall, collectgarbage,
 * print, _G, coroutine, io, os, debug.
 */
#include "sandbox.h"

#include <errno.h>
#include <inttypes.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>

/* ---- arguments ---------------------------------------------------------- */

/* What an error costs beside its instruction: unwinding, and its text. */
#define FAIL_STEPS 16

int bind_fail(lua_State *L, const char *format, ...) {
        char text[256];
        sandbox_charge(L, FAIL_STEPS);
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        luaL_where(L, 1);
        lua_pushstring(L, text);
        lua_concat(L, 2);
        return lua_error(L);
}

static int bind_fail_type(lua_State *L, int index, const char *function, const char *wanted) {
        return bind_fail(L, "%s: argument %d must be a %s, not %s", function, index, wanted,
                lua_isnone(L, index) ? "missing" : luaL_typename(L, index));
}

lua_Integer bind_check_integer(lua_State *L, int index, const char *function) {
        int is_integer = 0;
        lua_Integer value = lua_type(L, index) == LUA_TNUMBER ? lua_tointegerx(L, index, &is_integer) : 0;
        if (!is_integer)
                bind_fail_type(L, index, function, "whole number");
        return value;
}

lua_Integer bind_opt_integer(lua_State *L, int index, const char *function, lua_Integer otherwise) {
        return lua_isnoneornil(L, index) ? otherwise : bind_check_integer(L, index, function);
}

lua_Number bind_check_number(lua_State *L, int index, const char *function) {
        if (lua_type(L, index) != LUA_TNUMBER)
                bind_fail_type(L, index, function, "number");
        return lua_tonumber(L, index);
}

const char *bind_check_text(lua_State *L, int index, const char *function, size_t *ret_size) {
        int type = lua_type(L, index);
        if (type != LUA_TSTRING && type != LUA_TNUMBER)
                bind_fail_type(L, index, function, "text");
        return lua_tolstring(L, index, ret_size);
}

void bind_check_table(lua_State *L, int index, const char *function) {
        if (lua_type(L, index) != LUA_TTABLE)
                bind_fail_type(L, index, function, "table");
}

void bind_check_function(lua_State *L, int index, const char *function) {
        if (lua_type(L, index) != LUA_TFUNCTION)
                bind_fail_type(L, index, function, "function");
}

static void bind_check_any(lua_State *L, int index, const char *function) {
        if (lua_isnone(L, index))
                bind_fail(L, "%s: argument %d is missing", function, index);
}

void bind_push_text(lua_State *L, int index) {
        switch (lua_type(L, index)) {
        case LUA_TSTRING:
                lua_pushvalue(L, index);
                break;
        case LUA_TNUMBER:
                lua_pushvalue(L, index);
                (void) lua_tostring(L, -1);
                break;
        case LUA_TBOOLEAN:
                lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false");
                break;
        default:
                lua_pushstring(L, luaL_typename(L, index));
                break;
        }
}

/* ---- errors ------------------------------------------------------------- */

/* error(value [, level]) stops the rule; text gets the place in front of it. Text made from a lead is not shown,
 * because the error is printed where lead data has no business.  [-0, +0, e] */
static int base_error(lua_State *L) {
        lua_Integer level = bind_opt_integer(L, 2, "error", 1);
        lua_settop(L, 1);
        if (lua_type(L, 1) != LUA_TSTRING)
                return lua_error(L);
        if (!sandbox_is_rule_text(L, lua_tostring(L, 1))) {
                lua_pushliteral(L, "an error whose text was made from the lead");
                lua_replace(L, 1);
        }
        if (level > 0 && level < 100) {
                luaL_where(L, (int) level);
                lua_insert(L, 1);
                lua_concat(L, 2);
        }
        return lua_error(L);
}

/* assert(value [, text]) returns its arguments when value is neither nil nor false.  [-0, +n, e] */
static int base_assert(lua_State *L) {
        bind_check_any(L, 1, "assert");
        if (lua_toboolean(L, 1))
                return lua_gettop(L);
        if (lua_type(L, 2) == LUA_TSTRING && sandbox_is_rule_text(L, lua_tostring(L, 2)))
                return bind_fail(L, "%.200s", lua_tostring(L, 2));
        return bind_fail(L, "assertion failed");
}

/* pcall(f, ...) returns true and f's results, or false and the error. A spent budget is no error that can be caught.  [-0, +n, e] */
static int base_pcall(lua_State *L) {
        bind_check_any(L, 1, "pcall");
        sandbox_charge(L, FAIL_STEPS);
        int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
        if (status == LUA_OK) {
                lua_pushboolean(L, 1);
                lua_insert(L, 1);
                return lua_gettop(L);
        }
        if (status == LUA_ERRMEM || sandbox_is_spent(L))
                return lua_error(L);
        lua_pushboolean(L, 0);
        lua_insert(L, -2);
        return 2;
}

/* ---- looking at values -------------------------------------------------- */

/* type(value)  [-0, +1, e] */
static int base_type(lua_State *L) {
        bind_check_any(L, 1, "type");
        lua_pushstring(L, luaL_typename(L, 1));
        return 1;
}

/* tostring(value): tables and functions are just "table" and "function".  [-0, +1, e] */
static int base_tostring(lua_State *L) {
        bind_check_any(L, 1, "tostring");
        bind_push_text(L, 1);
        return 1;
}

static int digit_value(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'Z')
                return c - 'A' + 10;
        return 99;
}

/* tonumber(value [, base]): nil when it is no number.  [-0, +1, e] */
static int base_tonumber(lua_State *L) {
        bind_check_any(L, 1, "tonumber");
        if (lua_isnoneornil(L, 2)) {
                if (lua_type(L, 1) == LUA_TNUMBER) {
                        lua_pushvalue(L, 1);
                        return 1;
                }
                size_t size = 0;
                const char *text = lua_type(L, 1) == LUA_TSTRING ? lua_tolstring(L, 1, &size) : NULL;
                if (text && size <= 200 && lua_stringtonumber(L, text) == size + 1)
                        return 1;
                lua_settop(L, 0);
                lua_pushnil(L);
                return 1;
        }
        size_t size;
        const char *text = bind_check_text(L, 1, "tonumber", &size);
        lua_Integer base = bind_check_integer(L, 2, "tonumber");
        if (base < 2 || base > 36)
                return bind_fail(L, "tonumber: the base must be 2 to 36");
        const char *end = text + size;
        bool negative = text < end && *text == '-';
        if (negative)
                text++;
        uint64_t value = 0;
        bool ok = text < end && end - text <= 64;
        for (; ok && text < end; text++) {
                int digit = digit_value(*text);
                ok = digit < base;
                value = value * (uint64_t) base + (uint64_t) digit;
        }
        if (ok)
                lua_pushinteger(L, (lua_Integer) (negative ? 0 - value : value));
        else
                lua_pushnil(L);
        return 1;
}

/* select(n, ...): the arguments from the n-th on; select("#", ...) counts them.  [-0, +n, e] */
static int base_select(lua_State *L) {
        int n = lua_gettop(L);
        if (lua_type(L, 1) == LUA_TSTRING && base_streq(lua_tostring(L, 1), "#")) {
                lua_pushinteger(L, n - 1);
                return 1;
        }
        lua_Integer from = bind_check_integer(L, 1, "select");
        if (from < 0)
                from = n + from;
        if (from < 1)
                return bind_fail(L, "select: argument 1 is out of range");
        return from >= n ? 0 : n - (int) from;
}

/* ---- going through tables ----------------------------------------------- */

/* for i, value in ipairs(table): 1, 2, 3 up to the first nil.  [-0, +3, e] */
static int on_ipairs_next(lua_State *L) {
        lua_Integer i = bind_check_integer(L, 2, "ipairs");
        if (i == LUA_MAXINTEGER)
                return 0;
        lua_pushinteger(L, i + 1);
        return lua_geti(L, 1, i + 1) == LUA_TNIL ? 1 : 2;
}
static int base_ipairs(lua_State *L) {
        bind_check_table(L, 1, "ipairs");
        lua_pushcfunction(L, on_ipairs_next);
        lua_pushvalue(L, 1);
        lua_pushinteger(L, 0);
        return 3;
}

/* Numbers before texts before false before true. Nothing else has an order that is the same in every process. */
static int key_rank(lua_State *L, int index) {
        switch (lua_type(L, index)) {
        case LUA_TNUMBER:
                return 0;
        case LUA_TSTRING:
                return 1;
        case LUA_TBOOLEAN:
                return lua_toboolean(L, index) ? 3 : 2;
        default:
                return -1;
        }
}

static bool key_is_before(lua_State *L, int a, int b) {
        int rank_a = key_rank(L, a), rank_b = key_rank(L, b);
        if (rank_a != rank_b)
                return rank_a < rank_b;
        if (rank_a == 0)
                return lua_compare(L, a, b, LUA_OPLT);
        if (rank_a != 1)
                return false;
        size_t size_a, size_b;
        const char *text_a = lua_tolstring(L, a, &size_a), *text_b = lua_tolstring(L, b, &size_b);
        int order = memcmp(text_a, text_b, size_a < size_b ? size_a : size_b);
        return order != 0 ? order < 0 : size_a < size_b;
}

/* Moves the key at `root` of the heap in the list at `keys` down to its place; [-0, +0, m]. */
static void keys_sift(lua_State *L, int keys, lua_Integer root, lua_Integer n) {
        for (;;) {
                lua_Integer child = 2 * root;
                if (child > n)
                        return;
                lua_rawgeti(L, keys, root);
                lua_rawgeti(L, keys, child);
                if (child < n) {
                        lua_rawgeti(L, keys, child + 1);
                        if (key_is_before(L, -2, -1)) {
                                lua_remove(L, -2);
                                child++;
                        } else
                                lua_pop(L, 1);
                }
                if (!key_is_before(L, -2, -1)) {
                        lua_pop(L, 2);
                        return;
                }
                lua_rawseti(L, keys, root);
                lua_rawseti(L, keys, child);
                root = child;
        }
}

static void keys_swap_first(lua_State *L, int keys, lua_Integer n) {
        lua_rawgeti(L, keys, 1);
        lua_rawgeti(L, keys, n);
        lua_rawseti(L, keys, 1);
        lua_rawseti(L, keys, n);
}

/* How many keys the table has, and the price of putting them in order, charged before anything is sorted. Lua hands keys out in an order
 * that differs from one process to the next, and so do the comparisons that sorting makes: a price counted while sorting, or a fault found
 * at the first bad key, would let one process cut a function that another lets through. */
static lua_Integer charge_for_keys(lua_State *L, int table) {
        lua_Integer n = 0;
        uint64_t n_bytes = 0, levels = 1;
        int bad = 0;
        lua_pushnil(L);
        for (; lua_next(L, table); n++) {
                lua_pop(L, 1);
                int type = lua_type(L, -1);
                if (key_rank(L, -1) < 0)
                        bad = type > bad ? type : bad;
                else if (type == LUA_TSTRING)
                        n_bytes += lua_rawlen(L, -1);
        }
        for (lua_Integer rest = n; rest > 1; rest /= 2)
                levels++;
        sandbox_charge(L, (uint64_t) n);
        if (n > POLICY_PAIRS_MAX)
                bind_fail(L, "pairs: more than %d keys", POLICY_PAIRS_MAX);
        sandbox_charge(L, (uint64_t) n * (3 + 2 * levels) + n_bytes / 64 * levels);
        if (bad != 0)
                bind_fail(L, "pairs: a %s as key has no order", lua_typename(L, bad));
        return n;
}

/* Pushes a list of the keys of the table at index, sorted. */
static lua_Integer bind_push_sorted_keys(lua_State *L, int table) {
        lua_Integer n = charge_for_keys(L, table), at = 0;
        lua_newtable(L);
        int keys = lua_gettop(L);
        lua_pushnil(L);
        while (lua_next(L, table)) {
                lua_pop(L, 1);
                lua_pushvalue(L, -1);
                lua_rawseti(L, keys, ++at);
        }
        for (lua_Integer root = n / 2; root >= 1; root--)
                keys_sift(L, keys, root, n);
        for (lua_Integer rest = n; rest > 1; rest--) {
                keys_swap_first(L, keys, rest);
                keys_sift(L, keys, 1, rest - 1);
        }
        return n;
}

/* for key, value in pairs(table): in the order of the keys, numbers before texts. Keys that are tables or functions
 * are an error; what was set to nil meanwhile is left out.  [-0, +1, e] */
static int on_pairs_next(lua_State *L) {
        lua_Integer i = lua_tointeger(L, lua_upvalueindex(3));
        lua_Integer n = lua_tointeger(L, lua_upvalueindex(4));
        while (i < n) {
                lua_settop(L, 0);
                lua_rawgeti(L, lua_upvalueindex(2), ++i);
                lua_pushvalue(L, -1);
                if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) {
                        lua_pushinteger(L, i);
                        lua_replace(L, lua_upvalueindex(3));
                        return 2;
                }
        }
        return 0;
}
static int base_pairs(lua_State *L) {
        bind_check_table(L, 1, "pairs");
        lua_settop(L, 1);
        /* A table that is made as it is asked (`lead`) is made now. Rules have no setmetatable: only our own tables can say so. */
        if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
                lua_pushvalue(L, 1);
                lua_call(L, 1, 0);
        }
        lua_Integer n = bind_push_sorted_keys(L, 1);
        lua_pushinteger(L, 0);
        lua_pushinteger(L, n);
        lua_pushcclosure(L, on_pairs_next, 4);
        return 1;
}

void bind_open_base(lua_State *L) {
        static const luaL_Reg functions[] = { { "assert", base_assert }, { "error", base_error }, { "ipairs", base_ipairs },
                { "pairs", base_pairs }, { "pcall", base_pcall }, { "select", base_select }, { "tonumber", base_tonumber },
                { "tostring", base_tostring }, { "type", base_type }, { NULL, NULL } };
        luaL_setfuncs(L, functions, 0);
}

/* ---- the environment ---------------------------------------------------- */

void bind_open(lua_State *L) {
        lua_pushglobaltable(L);
        bind_open_base(L);
        bind_open_math(L);
        lua_setfield(L, -2, "math");
        bind_open_string(L);
        lua_setfield(L, -2, "string");
        bind_open_table(L);
        lua_setfield(L, -2, "table");
        lua_pop(L, 1);
}

/* Upvalue 1: the words, 2: they give way.  [-0, +0, e] */
static int on_new_global(lua_State *L) {
        bool give_way = lua_toboolean(L, lua_upvalueindex(2));

        lua_settop(L, 3);
        lua_pushvalue(L, 2);
        if (!give_way && lua_type(L, 2) == LUA_TSTRING && lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
                return bind_fail(L, "\"%.80s\" is a word of the rule language and keeps its meaning; choose another name or make it local",
                        lua_tostring(L, 2));
        lua_settop(L, 3);
        lua_rawset(L, 1);
        return 0;
}

/* Address only: where the registry keeps the libraries as they were. */
static const char libraries_key = 0;
static const char *const libraries[] = { "math", "string", "table" };

static void copy_table(lua_State *L, int from, int to) {
        lua_pushnil(L);
        while (lua_next(L, from)) {
                lua_pushvalue(L, -2);
                lua_insert(L, -2);
                lua_rawset(L, to);
        }
}

static void keep_libraries(lua_State *L) {
        lua_newtable(L);
        for (size_t i = 0; i < ARRAY_SIZE(libraries); i++) {
                lua_newtable(L);
                lua_getglobal(L, libraries[i]);
                copy_table(L, lua_gettop(L), lua_gettop(L) - 1);
                lua_pop(L, 1);
                lua_setfield(L, -2, libraries[i]);
        }
        lua_rawsetp(L, LUA_REGISTRYINDEX, &libraries_key);
}

/* The least key, as text, whose value differs between the tables at a and b; replaces changed when it comes before it. */
static void find_change(lua_State *L, int a, int b, const char *library, char changed[static BIND_WORD_SIZE]) {
        lua_pushnil(L);
        while (lua_next(L, a)) {
                lua_pushvalue(L, -2);
                lua_rawget(L, b);
                if (!lua_rawequal(L, -1, -2)) {
                        char word[BIND_WORD_SIZE];
                        bind_push_text(L, -3);
                        snprintf(word, sizeof(word), "%s.%s", library, lua_tostring(L, -1));
                        lua_pop(L, 1);
                        if (!changed[0] || strcmp(word, changed) < 0)
                                memcpy(changed, word, BIND_WORD_SIZE);
                }
                lua_pop(L, 2);
        }
}

bool bind_restore_libraries(lua_State *L, char changed[static BIND_WORD_SIZE]) {
        int top = lua_gettop(L);
        changed[0] = '\0';
        luaL_checkstack(L, 8, NULL);
        lua_rawgetp(L, LUA_REGISTRYINDEX, &libraries_key);
        lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
        for (size_t i = 0; i < ARRAY_SIZE(libraries); i++) {
                lua_getfield(L, top + 1, libraries[i]);
                lua_getfield(L, top + 2, libraries[i]);
                int kept = top + 3, now = top + 4;
                find_change(L, now, kept, libraries[i], changed);
                find_change(L, kept, now, libraries[i], changed);
                if (changed[0]) {
                        lua_pushnil(L);
                        while (lua_next(L, now)) {
                                lua_pop(L, 1);
                                lua_pushvalue(L, -1);
                                lua_pushnil(L);
                                lua_rawset(L, now);
                        }
                        copy_table(L, kept, now);
                }
                lua_settop(L, top + 2);
        }
        lua_settop(L, top);
        return changed[0] == '\0';
}

void bind_forget_libraries(lua_State *L) {
        lua_pushnil(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &libraries_key);
}

void bind_close(lua_State *L, lua_CFunction on_unknown, bool words_give_way) {
        keep_libraries(L);

        lua_newtable(L); /* the environment */
        lua_newtable(L); /* its metatable */
        lua_pushglobaltable(L);
        lua_setfield(L, -2, "__index");
        lua_pushglobaltable(L);
        lua_pushboolean(L, words_give_way);
        lua_pushcclosure(L, on_new_global, 2);
        lua_setfield(L, -2, "__newindex");
        lua_setmetatable(L, -2);

        lua_pushglobaltable(L);
        lua_newtable(L);
        lua_pushglobaltable(L);
        lua_pushcclosure(L, on_unknown, 1);
        lua_setfield(L, -2, "__index");
        lua_setmetatable(L, -2);
        lua_pop(L, 1);
        lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
}
