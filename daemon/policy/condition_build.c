/* SPDX-License-Identifier: MIT */
/*
 * The words that rule files write conditions with: any{..}, ge(..), present and so on.
 *
 * A word keeps what it was given in a table whose metatable says which word it was; nothing is checked here, because a mistake
 * raised now would end the whole file, while condition_compile.c can place it at its declaration and go on. The tag is a light
 * userdata key that no rule file can write, so a table cannot pretend to be a matcher.
 */
#include "condition.h"
#include "sandbox.h"
#include <errno.h>
#include <lauxlib.h>

static const char *const builder_names[N_BUILDERS] = {
        [BUILD_ANY] = "any",
        [BUILD_ALL] = "all",
        [BUILD_NONE] = "none",
        [BUILD_DID] = "did",
        [BUILD_ONE_OF] = "one_of",
        [BUILD_IS_NOT] = "is_not",
        [BUILD_HAS] = "has",
        [BUILD_WORD] = "word",
        [BUILD_STARTS] = "starts",
        [BUILD_ENDS] = "ends",
        [BUILD_LIKE] = "like",
        [BUILD_GE] = "ge",
        [BUILD_GT] = "gt",
        [BUILD_LE] = "le",
        [BUILD_LT] = "lt",
        [BUILD_BETWEEN] = "between",
        [BUILD_PRESENT] = "present",
        [BUILD_ABSENT] = "absent",
        [BUILD_IN_LIST] = "in_list",
};

/* Addresses only: the key of the tag in a metatable, and of each metatable in the registry. */
static const char tag_key = 0;
static const char metatable_keys[N_BUILDERS];

const char *condition_builder_name(BuilderKind kind) {
        return kind > BUILD_NOTHING && kind < N_BUILDERS ? builder_names[kind] : "a plain value";
}

/* Makes the tagged table of the n values on top of the stack. [-n, +1, m] */
static void push_tagged(lua_State *L, BuilderKind kind, int n) {
        lua_createtable(L, n, 1);
        lua_insert(L, -n - 1);
        for (int i = n; i >= 1; i--)
                lua_rawseti(L, -i - 1, i);
        lua_pushinteger(L, n);
        lua_setfield(L, -2, "n");
        lua_rawgetp(L, LUA_REGISTRYINDEX, &metatable_keys[kind]);
        lua_setmetatable(L, -2);
}

static int build(lua_State *L) {
        BuilderKind kind = (BuilderKind) lua_tointeger(L, lua_upvalueindex(1));

        luaL_checkstack(L, 4, NULL);
        push_tagged(L, kind, lua_gettop(L));
        return 1;
}

int condition_register(lua_State *L) {
        if (!lua_checkstack(L, 6))
                return -ENOMEM;
        for (BuilderKind kind = BUILD_NOTHING + 1; kind < N_BUILDERS; kind++) {
                sandbox_new_fixed_table(L, 0, 3);
                lua_pushinteger(L, kind);
                lua_rawsetp(L, -2, &tag_key);
                lua_pushboolean(L, false);
                lua_setfield(L, -2, "__metatable");
                lua_pushstring(L, builder_names[kind]);
                lua_setfield(L, -2, "__name"); /* keys.c tells words from lists by it */
                lua_rawsetp(L, LUA_REGISTRYINDEX, &metatable_keys[kind]);

                if (kind == BUILD_PRESENT || kind == BUILD_ABSENT)
                        push_tagged(L, kind, 0);
                else {
                        lua_pushinteger(L, kind);
                        sandbox_push_fixed_function(L, build, 1);
                }
                lua_setglobal(L, builder_names[kind]);
        }
        return 0;
}

BuilderKind condition_builder(lua_State *L, int index) {
        BuilderKind kind = BUILD_NOTHING;

        if (!lua_istable(L, index) || !lua_getmetatable(L, index))
                return BUILD_NOTHING;
        if (lua_rawgetp(L, -1, &tag_key) == LUA_TNUMBER)
                kind = (BuilderKind) lua_tointeger(L, -1);
        lua_pop(L, 2);
        return kind;
}
