#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * sandbox, for the parts of the policy room that put names into it (bind_*.c) and
 * load rules with it (load*.c). What judging needs of it stands in internal.h.
 */
#include "internal.h"

#define POLICY_LUA_STRING_MAX (64 * 1024)          /* bytes of one Lua string */
#define POLICY_PAIRS_MAX 10000                     /* keys that pairs() puts in order */
#define POLICY_UNPACK_MAX 250                      /* values of table.unpack */
#define POLICY_LOAD_STEPS_BUDGET UINT64_C(5000000) /* instructions of one rule file while it is loaded */
#define POLICY_LOAD_CPU_BUDGET_US (2 * US_PER_SECOND)

/* The budget of the running call is used up: whoever catches an error must let this one through. */
bool sandbox_is_spent(lua_State *L);
bool sandbox_is_sealed(lua_State *L);
/* Whether text (of a Lua string) was there when the rules were loaded, and so cannot hold a lead's data. */
bool sandbox_is_rule_text(lua_State *L, const char *text);
/* What no rule can write: metatables, and functions of C that keep nothing in their upvalues. It is not set back, and takes no memory after
 * it was made (a table is filled as far as it was made for). */
void sandbox_new_fixed_table(lua_State *L, int n_list, int n_keys);
void sandbox_push_fixed_function(lua_State *L, lua_CFunction function, int n_upvalues);
/* What the loader's functions find their context by; NULL once sealed. */
void sandbox_set_user(Sandbox *sandbox, void *user);
void *sandbox_user(lua_State *L);
/* Before sealing: throws away what nothing refers to, so that the next file finds its memory. */
int sandbox_collect(Sandbox *sandbox);
/* Inside sandbox_run: pushes the text as a function, or raises. */
void sandbox_load(lua_State *L, const char *name, const char *data, size_t size);
/* The code of the function at index, to be searched for words: others can make one, so what is not found is a hint only. 0 or -ENOMEM. */
int sandbox_dump(lua_State *L, int index, Text *ret);
/* Whether the function at index surely changes nothing that outlives its call (sandbox_reads.c). 0 or -ENOMEM. */
int sandbox_only_reads(lua_State *L, int index, bool *ret);
/* Where the block ends for functions that are called from now on: POLICY_LUA_MEMORY_MAX, unless a test wants to see it end earlier. */
void sandbox_set_limit(Sandbox *sandbox, size_t limit);
/* Bytes that sandbox_begin copies; bytes that differ, and have no reason to, in what it does not copy. */
size_t sandbox_image_size(const Sandbox *sandbox);
size_t sandbox_still_changes(const Sandbox *sandbox);

/* ---- bind_*.c: the allow-list. All may raise (memory): call protected. ---- */

/* Fills the global table with the words every rule may use; further ones can be added until bind_close. */
void bind_open(lua_State *L);
/* From here on rule files see the words through an environment of their own: they can add names, not change words.
 * on_unknown is called for a name that is neither: [-0, +1, e] with a table and the name as arguments; upvalue 1 holds the words.
 * words_give_way: files that ran when the language had fewer words keep what they called by one of them. */
void bind_close(lua_State *L, lua_CFunction on_unknown, bool words_give_way);
/* The tables of the libraries can be written to, and so change for all files what one has done to them. Puts them back; false with what was
 * changed ("string.rep"). Raises (memory). */
#define BIND_WORD_SIZE 100
bool bind_restore_libraries(lua_State *L, char changed[static BIND_WORD_SIZE]);
void bind_forget_libraries(lua_State *L); /* after the last file */
void bind_open_base(lua_State *L);        /* fills the table on top of the stack */
void bind_open_math(lua_State *L);        /* pushes its table */
void bind_open_string(lua_State *L);      /* pushes its table and makes it the methods of texts */
void bind_open_table(lua_State *L);       /* pushes its table */

/* Raises "FUNCTION: text" with the place of the caller. */
int bind_fail(lua_State *L, const char *format, ...) _printf_(2, 3);
/* Arguments, typed. Numbers are never made from text, nor text from anything but numbers. */
lua_Integer bind_check_integer(lua_State *L, int index, const char *function);
lua_Integer bind_opt_integer(lua_State *L, int index, const char *function, lua_Integer otherwise);
lua_Number bind_check_number(lua_State *L, int index, const char *function);
const char *bind_check_text(lua_State *L, int index, const char *function, size_t *ret_size);
void bind_check_table(lua_State *L, int index, const char *function);
void bind_check_function(lua_State *L, int index, const char *function);
/* Pushes the value at index as text, without addresses. */
void bind_push_text(lua_State *L, int index);

/* ---- match.c: patterns, whose every comparison is charged ---- */

#define MATCH_CAPTURES_MAX 16
#define MATCH_PATTERN_MAX 500 /* bytes */

typedef struct MatchCapture {
        const char *start;
        size_t size;
        bool is_position, is_open;
} MatchCapture;

typedef struct PatternMatch {
        lua_State *L;
        const char *text, *text_end, *pattern_end;
        const char *start, *end; /* of the whole match */
        MatchCapture captures[MATCH_CAPTURES_MAX];
        int n_captures;
        uint64_t steps; /* not yet charged */
} PatternMatch;

/* The first match at or behind offset `from`; raises on a faulty pattern and when the budget is spent. */
bool match_find(
        PatternMatch *match, lua_State *L, const char *text, size_t text_size, size_t from, const char *pattern, size_t pattern_size);
/* Pushes capture i; without captures, 0 is the whole match. */
void match_push_capture(const PatternMatch *match, int i);
/* Pushes all captures (the whole match when there is none) and returns how many. */
int match_push_captures(const PatternMatch *match);
/* Offset of the first occurrence of plain text, charged; SIZE_MAX when there is none. */
size_t match_find_plain(lua_State *L, const char *text, size_t text_size, size_t from, const char *needle, size_t needle_size);
