/* SPDX-License-Identifier: MIT */
/*
 * kind_message: the bodies of what is said to people and programs: principle, channel, message, feed. Whether a
 * message's ${names} exist is render.c's business.
 */
#include "load.h"

#include <errno.h>
#include <lauxlib.h>

int kind_compile_principle(Load *load, int index, void *head) {
        Principle *principle = head;
        lua_State *L = load->loader.L;
        if (lua_rawlen(L, index) != 1 || lua_rawgeti(L, index, 1) != LUA_TSTRING) {
                loader_error(&load->loader, "must hold one sentence: { \"...\" }");
                return 0;
        }
        principle->text = keys_text(load, lua_gettop(L), "text");
        return 0;
}
