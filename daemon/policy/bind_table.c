/* SPDX-License-Identifier: MIT */
/*
 * bind_table: lists for rule functions. Written for the sandbox: what takes time in proportion to a list
 * charges for it, and sort ends whatever its comparison says.
 *
 * Not here on purpose: move (a huge range runs inside one instruction).
 */
#include "sandbox.h"

#include <lauxlib.h>

static lua_Integer list_size(lua_State *L, int index, const char *function) {
        bind_check_table(L, index, function);
        return (lua_Integer) lua_rawlen(L, index);
}

/* table.insert(list, [place,] value)  [-0, +0, e] */
static int table_insert(lua_State *L) {
        lua_Integer n = list_size(L, 1, "table.insert");
        switch (lua_gettop(L)) {
        case 2:
                lua_rawseti(L, 1, n + 1);
                return 0;
        case 3: {
                lua_Integer place = bind_check_integer(L, 2, "table.insert");
                if (place < 1 || place > n + 1)
                        return bind_fail(L, "table.insert: place %lld is outside the list", (long long) place);
                sandbox_charge(L, (uint64_t) (n + 1 - place));
                for (lua_Integer i = n; i >= place; i--) {
                        lua_rawgeti(L, 1, i);
                        lua_rawseti(L, 1, i + 1);
                }
                lua_rawseti(L, 1, place);
                return 0;
        }
        default:
                return bind_fail(L, "table.insert: takes a list, perhaps a place, and a value");
        }
}

/* table.remove(list [, place]): what stood there, the last when no place is given.  [-0, +1, e] */
static int table_remove(lua_State *L) {
        lua_Integer n = list_size(L, 1, "table.remove");
        lua_Integer place = bind_opt_integer(L, 2, "table.remove", n);
        if (n == 0 && (place == 0 || place == n + 1)) {
                lua_pushnil(L);
                return 1;
        }
        if (place < 1 || place > n + 1)
                return bind_fail(L, "table.remove: place %lld is outside the list", (long long) place);
        sandbox_charge(L, (uint64_t) (n + 1 - place));
        lua_rawgeti(L, 1, place);
        for (lua_Integer i = place; i < n; i++) {
                lua_rawgeti(L, 1, i + 1);
                lua_rawseti(L, 1, i);
        }
        if (place <= n) {
                lua_pushnil(L);
                lua_rawseti(L, 1, n);
        }
        return 1;
}

/* table.concat(list [, separator [, from [, to]]]) of texts and numbers.  [-0, +1, e] */
static int table_concat(lua_State *L) {
        lua_Integer n = list_size(L, 1, "table.concat");
        size_t separator_size = 0;
        const char *separator = lua_isnoneornil(L, 2) ? "" : bind_check_text(L, 2, "table.concat", &separator_size);
        lua_Integer from = bind_opt_integer(L, 3, "table.concat", 1), to = bind_opt_integer(L, 4, "table.concat", n);
        luaL_Buffer buffer;
        size_t size = 0;
        luaL_buffinit(L, &buffer);
        for (lua_Integer i = from; i <= to; i++) {
                sandbox_charge(L, 1 + separator_size / 16);
                if (i > from)
                        luaL_addlstring(&buffer, separator, separator_size);
                int type = lua_rawgeti(L, 1, i);
                if (type != LUA_TSTRING && type != LUA_TNUMBER)
                        return bind_fail(L, "table.concat: item %lld is a %s", (long long) i, luaL_typename(L, -1));
                size += separator_size + lua_rawlen(L, -1);
                if (size > POLICY_LUA_STRING_MAX)
                        return bind_fail(L, "table.concat: the text would be longer than %d KiB", POLICY_LUA_STRING_MAX / 1024);
                luaL_addvalue(&buffer);
                if (i == LUA_MAXINTEGER)
                        break;
        }
        luaL_pushresult(&buffer);
        return 1;
}

/* table.unpack(list [, from [, to]])  [-0, +n, e] */
static int table_unpack(lua_State *L) {
        lua_Integer n = list_size(L, 1, "table.unpack");
        lua_Integer from = bind_opt_integer(L, 2, "table.unpack", 1), to = bind_opt_integer(L, 3, "table.unpack", n);
        if (from > to)
                return 0;
        if ((lua_Unsigned) to - (lua_Unsigned) from >= POLICY_UNPACK_MAX)
                return bind_fail(L, "table.unpack: more than %d values", POLICY_UNPACK_MAX);
        int count = (int) (to - from) + 1;
        luaL_checkstack(L, count, NULL);
        sandbox_charge(L, (uint64_t) count);
        for (lua_Integer i = 0; i < count; i++)
                lua_rawgeti(L, 1, from + i);
        return count;
}

/* table.pack(...): a list with its size in n.  [-0, +1, m] */
static int table_pack(lua_State *L) {
        int n = lua_gettop(L);
        sandbox_charge(L, (uint64_t) n);
        lua_createtable(L, n, 1);
        lua_insert(L, 1);
        for (int i = n; i >= 1; i--)
                lua_rawseti(L, 1, i);
        lua_pushinteger(L, n);
        lua_setfield(L, 1, "n");
        return 1;
}

/* Whether the value on top comes strictly before the one below it; function (or nil) at 2.  [-2, +0, e] */
static bool sort_is_before(lua_State *L) {
        bool before;
        sandbox_charge(L, 4);
        if (lua_isnil(L, 2)) {
                int type = lua_type(L, -1);
                if (type != lua_type(L, -2) || (type != LUA_TNUMBER && type != LUA_TSTRING))
                        (void) bind_fail(L, "table.sort: cannot compare a %s with a %s", luaL_typename(L, -1), luaL_typename(L, -2));
                before = lua_compare(L, -1, -2, LUA_OPLT);
                lua_pop(L, 2);
                return before;
        }
        lua_pushvalue(L, 2);
        lua_insert(L, -3);
        lua_insert(L, -2); /* function, b, a */
        lua_call(L, 2, 1);
        before = lua_toboolean(L, -1);
        lua_pop(L, 1);
        return before;
}

/* table.sort(list [, before]): what compares equal keeps its order, so that the result is the same everywhere. Merging
 * from the bottom up ends after n log n comparisons even when `before` contradicts itself.  [-0, +0, e] */
static int table_sort(lua_State *L) {
        lua_Integer n = list_size(L, 1, "table.sort");
        if (!lua_isnoneornil(L, 2))
                bind_check_function(L, 2, "table.sort");
        lua_settop(L, 2);
        lua_createtable(L, 0, 0);
        int source = 1, target = 3;
        for (lua_Integer width = 1; width < n; width *= 2) {
                sandbox_charge(L, (uint64_t) n);
                for (lua_Integer start = 1; start <= n; start += 2 * width) {
                        lua_Integer middle = start + width <= n + 1 ? start + width : n + 1;
                        lua_Integer end = start + 2 * width <= n + 1 ? start + 2 * width : n + 1;
                        lua_Integer left = start, right = middle;
                        for (lua_Integer at = start; at < end; at++) {
                                bool take_right = right < end;
                                if (take_right && left < middle) {
                                        lua_rawgeti(L, source, left);
                                        lua_rawgeti(L, source, right);
                                        take_right = sort_is_before(L);
                                }
                                lua_rawgeti(L, source, take_right ? right++ : left++);
                                lua_rawseti(L, target, at);
                        }
                }
                int other = source;
                source = target;
                target = other;
        }
        if (source != 1)
                for (lua_Integer i = 1; i <= n; i++) {
                        lua_rawgeti(L, source, i);
                        lua_rawseti(L, 1, i);
                }
        return 0;
}

void bind_open_table(lua_State *L) {
        static const luaL_Reg functions[] = { { "concat", table_concat }, { "insert", table_insert }, { "pack", table_pack },
                { "remove", table_remove }, { "sort", table_sort }, { "unpack", table_unpack }, { NULL, NULL } };
        luaL_newlib(L, functions);
}
