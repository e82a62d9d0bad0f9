/* SPDX-License-Identifier: MIT */
/*
 * bind_math: arithmetic for rule functions. Only what gives the same bits everywhere: no random, and
 * none of the functions (log, exp, sin) whose last digit is the C library's business.
 */
#include "sandbox.h"

#include <lauxlib.h>
#include <math.h>

static void math_push_whole(lua_State *L, lua_Number value) {
        lua_Integer whole;
        if (lua_numbertointeger(value, &whole))
                lua_pushinteger(L, whole);
        else
                lua_pushnumber(L, value);
}

/* math.abs(x)  [-0, +1, e] */
static int math_abs(lua_State *L) {
        if (lua_isinteger(L, 1)) {
                lua_Integer value = lua_tointeger(L, 1);
                lua_pushinteger(L, value < 0 ? (lua_Integer) (0 - (lua_Unsigned) value) : value);
        } else
                lua_pushnumber(L, fabs(bind_check_number(L, 1, "math.abs")));
        return 1;
}

/* math.ceil(x)  [-0, +1, e] */
static int math_ceil(lua_State *L) {
        if (lua_isinteger(L, 1))
                lua_pushvalue(L, 1);
        else
                math_push_whole(L, ceil(bind_check_number(L, 1, "math.ceil")));
        return 1;
}

/* math.floor(x)  [-0, +1, e] */
static int math_floor(lua_State *L) {
        if (lua_isinteger(L, 1))
                lua_pushvalue(L, 1);
        else
                math_push_whole(L, floor(bind_check_number(L, 1, "math.floor")));
        return 1;
}

/* math.fmod(x, y): the remainder with the sign of x.  [-0, +1, e] */
static int math_fmod(lua_State *L) {
        if (lua_isinteger(L, 1) && lua_isinteger(L, 2)) {
                lua_Integer x = lua_tointeger(L, 1), y = lua_tointeger(L, 2);
                if (y == 0)
                        return bind_fail(L, "math.fmod: division by zero");
                lua_pushinteger(L, y == -1 ? 0 : x % y);
        } else
                lua_pushnumber(L, fmod(bind_check_number(L, 1, "math.fmod"), bind_check_number(L, 2, "math.fmod")));
        return 1;
}

static int math_pick(lua_State *L, const char *function, bool greatest) {
        int n = lua_gettop(L), best = 1;
        (void) bind_check_number(L, 1, function);
        for (int i = 2; i <= n; i++) {
                (void) bind_check_number(L, i, function);
                if (greatest ? lua_compare(L, best, i, LUA_OPLT) : lua_compare(L, i, best, LUA_OPLT))
                        best = i;
        }
        lua_pushvalue(L, best);
        return 1;
}

/* math.max(x, ...)  [-0, +1, e] */
static int math_max(lua_State *L) { return math_pick(L, "math.max", true); }

/* math.min(x, ...)  [-0, +1, e] */
static int math_min(lua_State *L) { return math_pick(L, "math.min", false); }

/* math.sqrt(x): exactly rounded everywhere.  [-0, +1, e] */
static int math_sqrt(lua_State *L) {
        lua_pushnumber(L, sqrt(bind_check_number(L, 1, "math.sqrt")));
        return 1;
}

/* math.tointeger(x): nil when x is no whole number.  [-0, +1, e] */
static int math_tointeger(lua_State *L) {
        int is_integer = 0;
        lua_Integer value = lua_type(L, 1) == LUA_TNUMBER ? lua_tointegerx(L, 1, &is_integer) : 0;
        if (is_integer)
                lua_pushinteger(L, value);
        else
                lua_pushnil(L);
        return 1;
}

/* math.type(x): "integer", "float" or nil.  [-0, +1, e] */
static int math_type(lua_State *L) {
        if (lua_type(L, 1) == LUA_TNUMBER)
                lua_pushstring(L, lua_isinteger(L, 1) ? "integer" : "float");
        else
                lua_pushnil(L);
        return 1;
}

void bind_open_math(lua_State *L) {
        static const luaL_Reg functions[] = { { "abs", math_abs }, { "ceil", math_ceil }, { "floor", math_floor }, { "fmod", math_fmod },
                { "max", math_max }, { "min", math_min }, { "sqrt", math_sqrt }, { "tointeger", math_tointeger }, { "type", math_type },
                { NULL, NULL } };
        luaL_newlib(L, functions);
        lua_pushnumber(L, HUGE_VAL);
        lua_setfield(L, -2, "huge");
        lua_pushinteger(L, LUA_MAXINTEGER);
        lua_setfield(L, -2, "maxinteger");
        lua_pushinteger(L, LUA_MININTEGER);
        lua_setfield(L, -2, "mininteger");
        lua_pushnumber(L, 3.141592653589793);
        lua_setfield(L, -2, "pi");
}
