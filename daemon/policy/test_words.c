/* SPDX-License-Identifier: MIT */
/*
 * The words that only test files have: lead{..}, activity{..} and so on. A word keeps what it was given in a table whose
 * metatable says which word it was; test_given.c looks at it.
 *
 * A test file has an environment of its own over the bare words of the language: it sees nothing that rule files made and rule
 * files see nothing of it, so that a test cannot change what it tests.
 */
#include "sandbox.h"
#include "test.h"

#include <lauxlib.h>

static const char *const word_names[N_TEST_WORDS] = {
        [WORD_LEAD] = "lead",
        [WORD_ACTIVITY] = "activity",
        [WORD_OUTCOME] = "outcome",
        [WORD_CONSENT] = "consent",
        [WORD_COMPANY] = "company",
        [WORD_AWAY] = "away",
        [WORD_BACK] = "back",
        [WORD_PAYLOAD] = "payload",
};

/* Addresses only: the key of the tag in a metatable, and of each metatable in the registry. */
static const char tag_key = 0;
static const char metatable_keys[N_TEST_WORDS];

const char *test_word_name(TestWord word) { return word > WORD_NONE && word < N_TEST_WORDS ? word_names[word] : "a plain value"; }

static int build(lua_State *L) {
        luaL_checkstack(L, 4, NULL);
        lua_settop(L, 1);
        lua_createtable(L, 1, 0);
        lua_insert(L, 1);
        lua_rawseti(L, 1, 1);
        lua_rawgetp(L, LUA_REGISTRYINDEX, &metatable_keys[lua_tointeger(L, lua_upvalueindex(1))]);
        lua_setmetatable(L, 1);
        return 1;
}

void test_words_register(lua_State *L) {
        luaL_checkstack(L, 4, NULL);
        for (TestWord word = WORD_NONE + 1; word < N_TEST_WORDS; word++) {
                sandbox_new_fixed_table(L, 0, 2);
                lua_pushinteger(L, word);
                lua_rawsetp(L, -2, &tag_key);
                lua_pushboolean(L, false);
                lua_setfield(L, -2, "__metatable");
                lua_rawsetp(L, LUA_REGISTRYINDEX, &metatable_keys[word]);
        }
}

static void push_word(lua_State *L, TestWord word) {
        lua_pushinteger(L, word);
        sandbox_push_fixed_function(L, build, 1);
}

bool test_word_push(lua_State *L, const char *name) {
        for (TestWord word = WORD_NONE + 1; word < N_TEST_WORDS; word++)
                if (base_streq(word_names[word], name)) {
                        push_word(L, word);
                        return true;
                }
        return false;
}

/* Upvalue 1: the words of the language.  [-0, +0, e] */
static int on_new_name(lua_State *L) {
        lua_settop(L, 3);
        lua_pushvalue(L, 2);
        if (lua_type(L, 2) == LUA_TSTRING && lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
                return bind_fail(L, "\"%.80s\" is a word of the rule language and keeps its meaning; choose another name or make it local",
                        lua_tostring(L, 2));
        lua_settop(L, 3);
        lua_rawset(L, 1);
        return 0;
}

void test_words_open(lua_State *L) {
        luaL_checkstack(L, 6, NULL);
        lua_newtable(L); /* the environment */
        for (TestWord word = WORD_NONE + 1; word < N_TEST_WORDS; word++) {
                push_word(L, word);
                lua_setfield(L, -2, word_names[word]);
        }
        lua_newtable(L); /* its metatable */
        lua_pushglobaltable(L);
        if (lua_getmetatable(L, -1)) {
                lua_getfield(L, -1, "__index"); /* the words behind the environment of rule files */
                lua_replace(L, -3);
                lua_pop(L, 1);
        }
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, "__index");
        lua_pushcclosure(L, on_new_name, 1);
        lua_setfield(L, -2, "__newindex");
        lua_setmetatable(L, -2);
}

TestWord test_word(lua_State *L, int index) {
        TestWord word = WORD_NONE;
        if (!lua_istable(L, index) || !lua_getmetatable(L, index))
                return WORD_NONE;
        if (lua_rawgetp(L, -1, &tag_key) == LUA_TNUMBER)
                word = (TestWord) lua_tointeger(L, -1);
        lua_pop(L, 2);
        return word;
}
