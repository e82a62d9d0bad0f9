#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * One function in a sandbox of its own, for the tests of the sandbox.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <lauxlib.h>
#include <stdio.h>
#include <time.h>

#include "../../daemon/policy/sandbox.h"

typedef struct Script {
        Sandbox *sandbox;
        int f; /* reference of the function the source returned */
        char result[512], error[512];
        const char *source, *argument;
} Script;

static inline int on_unknown(lua_State *L) { return bind_fail(L, "unknown name \"%s\"", lua_tostring(L, 2)); }

static inline void prepare(lua_State *L, void *userdata) {
        Script *script = userdata;
        bind_close(L, on_unknown, false);
        sandbox_load(L, "@rule.lua", script->source, strlen(script->source));
        lua_call(L, 0, 1);
        script->f = luaL_ref(L, LUA_REGISTRYINDEX);
        bind_forget_libraries(L);
}

/* Calls the function with the argument; the result as text. */
static inline void call(lua_State *L, void *userdata) {
        Script *script = userdata;
        lua_rawgeti(L, LUA_REGISTRYINDEX, script->f);
        lua_pushstring(L, script->argument ? script->argument : "");
        lua_call(L, 1, 1);
        bind_push_text(L, -1);
        snprintf(script->result, sizeof(script->result), "%s", lua_tostring(L, -1));
}

static inline void script_open(Script *script, const char *source) {
        *script = (Script){ .source = source };
        assert_int_equal(sandbox_new(&script->sandbox), 0);
        if (sandbox_run(script->sandbox, prepare, script, script->error, sizeof(script->error)) != 0)
                fail_msg("does not load: %s\n%s", script->error, source);
        assert_int_equal(sandbox_seal(script->sandbox), 0);
}

static inline int script_call(Script *script, const char *argument) {
        script->result[0] = script->error[0] = '\0';
        script->argument = argument;
        assert_int_equal(sandbox_begin(script->sandbox), 0);
        return sandbox_run(script->sandbox, call, script, script->error, sizeof(script->error));
}

static inline void script_close(Script *script) { script->sandbox = sandbox_free(script->sandbox); }

static inline int64_t now_us(clockid_t clock) {
        struct timespec t;
        clock_gettime(clock, &t);
        return (int64_t) t.tv_sec * US_PER_SECOND + t.tv_nsec / 1000;
}
