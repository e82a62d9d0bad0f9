/* SPDX-License-Identifier: MIT */
/*
 * bind_string: texts for rule functions. Patterns go through match.c, so that each costs what it takes;
 * results are bounded before they are built. Upper and lower case are those of ASCII: the matchers of
 * conditions fold Unicode.
 *
 * Not here on purpose: dump, pack, unpack, packsize. format has no %p, %a and %q.
 */
#include "sandbox.h"

#include <ctype.h>
#include <inttypes.h>
#include <lauxlib.h>
#include <stdio.h>

#define FORMAT_WIDTH_MAX 99

/* A place counted from 1, or from the end when negative, as an offset that is 0 or more. */
static size_t text_from(lua_Integer place, size_t size) {
        if (place > 0)
                return (size_t) place - 1;
        if (place == 0)
                return 0;
        lua_Unsigned back = 0 - (lua_Unsigned) place;
        return back > size ? 0 : size - (size_t) back;
}

/* The same for the end of a stretch: how many characters are left of it. */
static size_t text_to(lua_Integer place, size_t size) {
        if (place >= 0)
                return (lua_Unsigned) place > size ? size : (size_t) place;
        lua_Unsigned back = 0 - (lua_Unsigned) place;
        return back > size ? 0 : size - (size_t) back + 1;
}

static void text_check_size(lua_State *L, const char *function, size_t size) {
        if (size > POLICY_LUA_STRING_MAX)
                bind_fail(L, "%s: the text would be longer than %d KiB", function, POLICY_LUA_STRING_MAX / 1024);
        sandbox_charge(L, size / 16);
}

/* s:len()  [-0, +1, e] */
static int string_len(lua_State *L) {
        size_t size;
        bind_check_text(L, 1, "string.len", &size);
        lua_pushinteger(L, (lua_Integer) size);
        return 1;
}

/* s:sub(from [, to])  [-0, +1, e] */
static int string_sub(lua_State *L) {
        size_t size;
        const char *text = bind_check_text(L, 1, "string.sub", &size);
        size_t from = text_from(bind_check_integer(L, 2, "string.sub"), size);
        size_t to = text_to(bind_opt_integer(L, 3, "string.sub", -1), size);
        if (from < to) {
                sandbox_charge(L, (to - from) / 16);
                lua_pushlstring(L, text + from, to - from);
        } else
                lua_pushliteral(L, "");
        return 1;
}

static int string_map(lua_State *L, const char *function, int (*map)(int)) {
        size_t size;
        const char *text = bind_check_text(L, 1, function, &size);
        text_check_size(L, function, size);
        luaL_Buffer buffer;
        char *to = luaL_buffinitsize(L, &buffer, size);
        for (size_t i = 0; i < size; i++)
                to[i] = (char) map((unsigned char) text[i]);
        luaL_pushresultsize(&buffer, size);
        return 1;
}

static int ascii_lower(int c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }
static int ascii_upper(int c) { return c >= 'a' && c <= 'z' ? c - 32 : c; }

/* s:lower()  [-0, +1, e] */
static int string_lower(lua_State *L) { return string_map(L, "string.lower", ascii_lower); }

/* s:upper()  [-0, +1, e] */
static int string_upper(lua_State *L) { return string_map(L, "string.upper", ascii_upper); }

/* s:reverse(), bytewise  [-0, +1, e] */
static int string_reverse(lua_State *L) {
        size_t size;
        const char *text = bind_check_text(L, 1, "string.reverse", &size);
        text_check_size(L, "string.reverse", size);
        luaL_Buffer buffer;
        char *to = luaL_buffinitsize(L, &buffer, size);
        for (size_t i = 0; i < size; i++)
                to[i] = text[size - 1 - i];
        luaL_pushresultsize(&buffer, size);
        return 1;
}

/* s:rep(n [, separator])  [-0, +1, e] */
static int string_rep(lua_State *L) {
        size_t size, separator_size = 0;
        const char *text = bind_check_text(L, 1, "string.rep", &size);
        lua_Integer n = bind_check_integer(L, 2, "string.rep");
        const char *separator = lua_isnoneornil(L, 3) ? "" : bind_check_text(L, 3, "string.rep", &separator_size);
        if (n <= 0 || size + separator_size == 0) {
                lua_pushliteral(L, "");
                return 1;
        }
        /* Both factors are small before they are multiplied. */
        if (n > POLICY_LUA_STRING_MAX)
                text_check_size(L, "string.rep", SIZE_MAX);
        size_t total = (size_t) n * size + (size_t) (n - 1) * separator_size;
        text_check_size(L, "string.rep", total);
        luaL_Buffer buffer;
        char *to = luaL_buffinitsize(L, &buffer, total);
        for (lua_Integer i = 0; i < n; i++) {
                if (i > 0) {
                        memcpy(to, separator, separator_size);
                        to += separator_size;
                }
                memcpy(to, text, size);
                to += size;
        }
        luaL_pushresultsize(&buffer, total);
        return 1;
}

/* s:byte([from [, to]])  [-0, +n, e] */
static int string_byte(lua_State *L) {
        size_t size;
        const char *text = bind_check_text(L, 1, "string.byte", &size);
        lua_Integer place = bind_opt_integer(L, 2, "string.byte", 1);
        size_t from = text_from(place, size), to = text_to(bind_opt_integer(L, 3, "string.byte", place), size);
        if (from >= to)
                return 0;
        if (to - from > POLICY_UNPACK_MAX)
                return bind_fail(L, "string.byte: more than %d values", POLICY_UNPACK_MAX);
        luaL_checkstack(L, (int) (to - from), NULL);
        for (size_t i = from; i < to; i++)
                lua_pushinteger(L, (unsigned char) text[i]);
        return (int) (to - from);
}

/* string.char(...)  [-0, +1, e] */
static int string_char(lua_State *L) {
        int n = lua_gettop(L);
        luaL_Buffer buffer;
        char *to = luaL_buffinitsize(L, &buffer, (size_t) n);
        for (int i = 1; i <= n; i++) {
                lua_Integer c = bind_check_integer(L, i, "string.char");
                if (c < 0 || c > 255)
                        return bind_fail(L, "string.char: argument %d is not 0 to 255", i);
                to[i - 1] = (char) c;
        }
        luaL_pushresultsize(&buffer, (size_t) n);
        return 1;
}

/* ---- searching ---------------------------------------------------------- */

static bool pattern_is_plain(const char *pattern, size_t size) {
        for (size_t i = 0; i < size; i++)
                if (strchr("^$*+?.([%-", pattern[i]) && pattern[i] != '\0')
                        return false;
        return true;
}

static int string_search(lua_State *L, const char *function, bool find) {
        size_t size, pattern_size;
        const char *text = bind_check_text(L, 1, function, &size), *pattern = bind_check_text(L, 2, function, &pattern_size);
        size_t from = text_from(bind_opt_integer(L, 3, function, 1), size);
        if (from > size) {
                lua_pushnil(L);
                return 1;
        }
        if (find && (lua_toboolean(L, 4) || pattern_is_plain(pattern, pattern_size))) {
                size_t at = match_find_plain(L, text, size, from, pattern, pattern_size);
                if (at == SIZE_MAX) {
                        lua_pushnil(L);
                        return 1;
                }
                lua_pushinteger(L, (lua_Integer) at + 1);
                lua_pushinteger(L, (lua_Integer) at + (lua_Integer) pattern_size);
                return 2;
        }
        PatternMatch match;
        if (!match_find(&match, L, text, size, from, pattern, pattern_size)) {
                lua_pushnil(L);
                return 1;
        }
        if (!find)
                return match_push_captures(&match);
        lua_pushinteger(L, (lua_Integer) (match.start - text) + 1);
        lua_pushinteger(L, (lua_Integer) (match.end - text));
        return 2 + (match.n_captures > 0 ? match_push_captures(&match) : 0);
}

/* s:find(pattern [, from [, plain]]): where it starts and ends, and its captures.  [-0, +n, e] */
static int string_find(lua_State *L) { return string_search(L, "string.find", true); }

/* s:match(pattern [, from]): its captures, or what matched.  [-0, +n, e] */
static int string_match(lua_State *L) { return string_search(L, "string.match", false); }

/* for ... in s:gmatch(pattern)  [-0, +1, e] */
static int on_gmatch_next(lua_State *L) {
        size_t size, pattern_size;
        const char *text = lua_tolstring(L, lua_upvalueindex(1), &size), *pattern = lua_tolstring(L, lua_upvalueindex(2), &pattern_size);
        size_t from = (size_t) lua_tointeger(L, lua_upvalueindex(3));
        const char *last = lua_toboolean(L, lua_upvalueindex(4)) ? text + from : NULL;
        PatternMatch match;
        bool found = from <= size && match_find(&match, L, text, size, from, pattern, pattern_size);
        /* Nothing, right behind what was found last, is no match of its own. */
        if (found && match.end == last)
                found = from < size && match_find(&match, L, text, size, from + 1, pattern, pattern_size);
        if (!found)
                return 0;
        lua_pushinteger(L, (lua_Integer) (match.end - text));
        lua_replace(L, lua_upvalueindex(3));
        lua_pushboolean(L, 1);
        lua_replace(L, lua_upvalueindex(4));
        return match_push_captures(&match);
}
static int string_gmatch(lua_State *L) {
        size_t size;
        bind_check_text(L, 1, "string.gmatch", &size);
        const char *pattern = bind_check_text(L, 2, "string.gmatch", &size);
        if (size > 0 && *pattern == '^')
                return bind_fail(L, "string.gmatch: a pattern that begins with '^' matches once; use string.match");
        lua_settop(L, 2);
        lua_pushinteger(L, 0);
        lua_pushboolean(L, 0);
        lua_pushcclosure(L, on_gmatch_next, 4);
        return 1;
}

/* Adds the replacement of one match; value at 3 (text, table or function).  [-0, +0, e] */
static void gsub_add(lua_State *L, luaL_Buffer *buffer, const PatternMatch *match) {
        switch (lua_type(L, 3)) {
        case LUA_TTABLE:
                match_push_capture(match, 0);
                lua_rawget(L, 3);
                break;
        case LUA_TFUNCTION:
                lua_pushvalue(L, 3);
                lua_call(L, match_push_captures(match), 1);
                break;
        default: {
                size_t size;
                const char *text = lua_tolstring(L, 3, &size);
                for (size_t i = 0; i < size; i++) {
                        if (text[i] != '%') {
                                luaL_addchar(buffer, text[i]);
                                continue;
                        }
                        char c = ++i < size ? text[i] : '\0';
                        if (c == '%')
                                luaL_addchar(buffer, '%');
                        else if (c == '0')
                                luaL_addlstring(buffer, match->start, (size_t) (match->end - match->start));
                        else if (c >= '1' && c <= '9' && (c - '1' < match->n_captures || c == '1')) {
                                match_push_capture(match, c - '1');
                                luaL_addvalue(buffer);
                        } else
                                bind_fail(L, "string.gsub: '%%' in the replacement must be followed by '%%', 0 or a capture's number");
                }
                return;
        }
        }
        if (!lua_toboolean(L, -1)) {
                lua_pop(L, 1);
                luaL_addlstring(buffer, match->start, (size_t) (match->end - match->start));
        } else if (lua_type(L, -1) == LUA_TSTRING || lua_type(L, -1) == LUA_TNUMBER)
                luaL_addvalue(buffer);
        else
                bind_fail(L, "string.gsub: a replacement is a %s", luaL_typename(L, -1));
}

/* s:gsub(pattern, replacement [, n]): text with %0 to %9, a table, or a function; and how often.  [-0, +2, e] */
static int string_gsub(lua_State *L) {
        size_t size, pattern_size;
        const char *text = bind_check_text(L, 1, "string.gsub", &size), *pattern = bind_check_text(L, 2, "string.gsub", &pattern_size);
        int type = lua_type(L, 3);
        if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TTABLE && type != LUA_TFUNCTION)
                return bind_fail(L, "string.gsub: argument 3 must be a text, a table or a function, not %s", luaL_typename(L, 3));
        lua_Integer most = bind_opt_integer(L, 4, "string.gsub", LUA_MAXINTEGER), n = 0;
        lua_settop(L, 4);
        luaL_Buffer buffer;
        luaL_buffinit(L, &buffer);
        size_t at = 0;
        const char *last = NULL;
        while (n < most && at <= size) {
                PatternMatch match;
                if (!match_find(&match, L, text, size, at, pattern, pattern_size))
                        break;
                size_t before = luaL_bufflen(&buffer);
                /* Nothing, right behind what was replaced last, is no match of its own. */
                if (match.end != last) {
                        n++;
                        luaL_addlstring(&buffer, text + at, (size_t) (match.start - (text + at)));
                        gsub_add(L, &buffer, &match);
                        at = (size_t) (match.end - text);
                        last = match.end;
                } else {
                        if (at < size)
                                luaL_addchar(&buffer, text[at]);
                        at++;
                }
                sandbox_charge(L, 1 + (luaL_bufflen(&buffer) - before) / 16);
                if (luaL_bufflen(&buffer) > POLICY_LUA_STRING_MAX)
                        text_check_size(L, "string.gsub", SIZE_MAX);
                if (pattern_size > 0 && *pattern == '^')
                        break;
        }
        if (at < size)
                luaL_addlstring(&buffer, text + at, size - at);
        luaL_pushresult(&buffer);
        lua_pushinteger(L, n);
        return 2;
}

/* ---- format ------------------------------------------------------------- */

/* Flags, width and precision of a conversion, copied into spec behind the "%"; the offset of its letter. */
static size_t format_spec(lua_State *L, const char *format, size_t size, size_t at, char spec[static 16]) {
        size_t n = 0;
        spec[n++] = '%';
        for (; at < size && strchr("-+ #0", format[at]) && format[at] != '\0' && n < 6; at++)
                spec[n++] = format[at];
        for (int digits = 0; at < size && isdigit((unsigned char) format[at]) && digits < 2; digits++)
                spec[n++] = format[at++];
        if (at < size && format[at] == '.') {
                spec[n++] = format[at++];
                for (int digits = 0; at < size && isdigit((unsigned char) format[at]) && digits < 2; digits++)
                        spec[n++] = format[at++];
        }
        spec[n] = '\0';
        if (at >= size || isdigit((unsigned char) format[at]) || strchr("-+ #0.", format[at]))
                bind_fail(L, "string.format: a conversion has too many flags or digits");
        return at;
}

static void format_add_text(lua_State *L, luaL_Buffer *buffer, const char *spec, int argument) {
        bind_push_text(L, argument);
        if (spec[1] == '\0') {
                luaL_addvalue(buffer);
                return;
        }
        char full[20], out[1024];
        size_t size;
        const char *text = lua_tolstring(L, -1, &size);
        if (size >= sizeof(out) - FORMAT_WIDTH_MAX && !strchr(spec, '.')) {
                luaL_addvalue(buffer); /* wider than any width */
                return;
        }
        snprintf(full, sizeof(full), "%ss", spec);
        int n = snprintf(out, sizeof(out), full, text);
        lua_pop(L, 1);
        luaL_addlstring(buffer, out, (size_t) n < sizeof(out) ? (size_t) n : sizeof(out) - 1);
}

/* string.format(text, ...): %d %i %x %X %c %e %f %g %s %%, width and precision up to 99.  [-0, +1, e] */
static int string_format(lua_State *L) {
        size_t size;
        const char *format = bind_check_text(L, 1, "string.format", &size);
        int n_arguments = lua_gettop(L), argument = 1;
        luaL_Buffer buffer;
        luaL_buffinit(L, &buffer);
        for (size_t i = 0; i < size; i++) {
                if (format[i] != '%') {
                        luaL_addchar(&buffer, format[i]);
                        continue;
                }
                if (++i < size && format[i] == '%') {
                        luaL_addchar(&buffer, '%');
                        continue;
                }
                char spec[16], full[20], out[512];
                i = format_spec(L, format, size, i, spec);
                if (++argument > n_arguments)
                        return bind_fail(L, "string.format: argument %d is missing", argument);
                int n;
                switch (format[i]) {
                case 'd':
                case 'i':
                        snprintf(full, sizeof(full), "%s" PRId64, spec);
                        n = snprintf(out, sizeof(out), full, (int64_t) bind_check_integer(L, argument, "string.format"));
                        break;
                case 'x':
                        snprintf(full, sizeof(full), "%s" PRIx64, spec);
                        n = snprintf(out, sizeof(out), full, (uint64_t) bind_check_integer(L, argument, "string.format"));
                        break;
                case 'X':
                        snprintf(full, sizeof(full), "%s" PRIX64, spec);
                        n = snprintf(out, sizeof(out), full, (uint64_t) bind_check_integer(L, argument, "string.format"));
                        break;
                case 'c':
                        out[0] = (char) bind_check_integer(L, argument, "string.format");
                        n = 1;
                        break;
                case 'e':
                case 'f':
                case 'g':
                        snprintf(full, sizeof(full), "%s%c", spec, format[i]);
                        n = snprintf(out, sizeof(out), full, bind_check_number(L, argument, "string.format"));
                        break;
                case 's':
                        format_add_text(L, &buffer, spec, argument);
                        n = 0;
                        break;
                default:
                        return bind_fail(L, "string.format: '%%%c' is not available in rules", format[i]);
                }
                luaL_addlstring(&buffer, out, (size_t) n);
                sandbox_charge(L, 4 + luaL_bufflen(&buffer) / 64);
                if (luaL_bufflen(&buffer) > POLICY_LUA_STRING_MAX)
                        text_check_size(L, "string.format", SIZE_MAX);
        }
        luaL_pushresult(&buffer);
        return 1;
}

void bind_open_string(lua_State *L) {
        static const luaL_Reg functions[] = { { "byte", string_byte }, { "char", string_char }, { "find", string_find },
                { "format", string_format }, { "gmatch", string_gmatch }, { "gsub", string_gsub }, { "len", string_len },
                { "lower", string_lower }, { "match", string_match }, { "rep", string_rep }, { "reverse", string_reverse },
                { "sub", string_sub }, { "upper", string_upper }, { NULL, NULL } };
        luaL_newlib(L, functions);

        lua_pushliteral(L, "");
        lua_createtable(L, 0, 2);
        lua_pushvalue(L, -3);
        lua_setfield(L, -2, "__index");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
        lua_setmetatable(L, -2);
        lua_pop(L, 1);
}
