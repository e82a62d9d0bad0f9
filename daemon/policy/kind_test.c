/* SPDX-License-Identifier: MIT */
/*
 * kind_test: the body of a test: when it begins, what happens, what is expected, and what happens later. Every instant of a test is
 * fixed here: its clock moves by what it says and by nothing else.
 */
#include "test.h"

#include <errno.h>
#include <lauxlib.h>

typedef struct StepDraft {
        TestDraft *draft;
        Duration advance;
        int64_t to_us;
        bool has_to;
} StepDraft;

bool test_read_time(Load *load, int index, const char *name, int64_t *ret_us) {
        lua_State *L = load->loader.L;
        size_t size = 0;
        const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &size) : NULL;
        if (text && time_parse_rfc3339(text, size, ret_us) == 0)
                return true;
        if (text)
                loader_error(&load->loader, "\"%s\" must be a time such as \"2026-03-05T10:00:00+01:00\", not \"%.60s\"", name, text);
        else
                loader_error(&load->loader, "\"%s\" must be a time such as \"2026-03-05T10:00:00+01:00\", not %s", name,
                        keys_type_name(L, index));
        return false;
}

static int compile_at(Load *load, int index, const char *where, void *target) {
        TestDraft *draft = target;
        if (test_read_time(load, index, where, &draft->at_us))
                draft->steps[0].at_us = draft->at_us;
        return 0;
}

static int compile_given(Load *load _unused_, int index, const char *where, void *target) {
        return test_compile_given(target, index, where);
}

static int compile_expect(Load *load _unused_, int index, const char *where, void *target) {
        return test_compile_expect(target, index, where);
}

static int compile_to(Load *load, int index, const char *where, void *target) {
        StepDraft *step = target;
        step->has_to = test_read_time(load, index, where, &step->to_us);
        return 0;
}

/* The instant of a later step: advance or to, the latter at or after what was before it. */
static void place_step(StepDraft *step, const char *where, bool has_advance) {
        TestDraft *draft = step->draft;
        Loader *loader = &draft->load->loader;
        TestStep *this = &draft->steps[draft->step];
        int64_t before_us = this[-1].at_us;
        this->at_us = before_us;
        if (has_advance && step->has_to)
                loader_error(loader, "\"%s\" has both \"advance\" and \"to\"", where);
        else if (has_advance && __builtin_add_overflow(before_us, step->advance.us, &this->at_us))
                loader_error(loader, "\"%s\" leads too far", where);
        else if (step->has_to && step->to_us < before_us)
                loader_error(loader, "\"%s.to\" lies before the step it follows", where);
        else if (step->has_to)
                this->at_us = step->to_us;
        else if (!has_advance)
                this->at_us = before_us;
}

static int compile_step(TestDraft *draft, int index, const char *where) {
        Load *load = draft->load;
        lua_State *L = load->loader.L;
        StepDraft step = { .draft = draft };
        static const BodyKey keys[] = {
                { .name = "advance", .type = KEY_DURATION, .at = offsetof(StepDraft, advance) },
                { .name = "to", .type = KEY_OWN, .compile = compile_to },
                { .name = "given", .type = KEY_SKIP },
                { .name = "expect", .type = KEY_SKIP },
        };
        int r = keys_compile(load, index, where, keys, ARRAY_SIZE(keys), &step);
        if (r < 0)
                return r;
        place_step(&step, where, keys_has(L, index, "advance"));
        if (lua_getfield(L, index, "given") != LUA_TNIL)
                r = test_compile_given(draft, lua_gettop(L), keys_where(load, where, "given"));
        lua_pop(L, 1);
        if (r == 0 && lua_getfield(L, index, "expect") != LUA_TNIL)
                r = test_compile_expect(draft, lua_gettop(L), keys_where(load, where, "expect"));
        return r;
}

static int compile_later(Load *load, int index, const char *where, void *target) {
        TestDraft *draft = target;
        lua_State *L = load->loader.L;
        size_t n = draft->test->n_steps - 1;
        for (size_t i = 0; i < n; i++) {
                const char *place = arena_printf(load->loader.arena, "%s[%zu]", where, i + 1);
                if (!place)
                        return load_exhausted(load);
                int top = lua_gettop(L), r = 0;
                luaL_checkstack(L, 20, NULL);
                draft->step = i + 1;
                draft->steps[i + 1].at_us = draft->steps[i].at_us;
                if (lua_rawgeti(L, index, (lua_Integer) i + 1) != LUA_TTABLE)
                        loader_error(&load->loader, "\"%s\" must be a table, not %s", place, keys_type_name(L, top + 1));
                else
                        r = compile_step(draft, top + 1, place);
                lua_settop(L, top);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int compile_lists(Load *load, int index, const char *where, void *target) {
        TestDraft *draft = target;
        Test *test = draft->test;
        lua_State *L = load->loader.L;
        const char *const *names = NULL;
        size_t n = 0, n_lists;
        if (lua_type(L, index) != LUA_TTABLE) {
                loader_error(&load->loader, "\"%s\" must be a table: { NAME = { \"entry\" } }, not %s", where, keys_type_name(L, index));
                return 0;
        }
        int r = keys_names(load, index, where, &names, &n);
        test->lists = ARENA_ARRAY(load->loader.arena, TestList, n + 1);
        if (!test->lists)
                return load_exhausted(load);
        for (size_t i = 0; r == 0 && i < n; i++) {
                List fresh = { 0 };
                const Rule *list = load_find(load, RULE_LIST, names[i]);
                if (!list) {
                        const char *const *lists = loader_names(&load->loader, RULE_LIST, &n_lists);
                        loader_unknown(&load->loader, "list in \"lists\":", names[i], lists, n_lists);
                        continue;
                }
                if (lua_getfield(L, index, names[i]) == LUA_TTABLE)
                        r = kind_compile_list(load, lua_gettop(L), &fresh);
                else
                        loader_error(&load->loader, "\"%s.%s\" must be a list, not %s", where, names[i], keys_type_name(L, -1));
                lua_pop(L, 1);
                test->lists[test->n_lists++] =
                        (TestList){ .list = (List *) (uintptr_t) list, .items = fresh.items, .n_items = fresh.n_items };
        }
        return r;
}

void policy_test_lists(const Test *test) {
        for (size_t i = 0; i < test->n_lists; i++) {
                TestList *mine = &test->lists[i];
                const TestList theirs = { .items = mine->list->items, .n_items = mine->list->n_items };
                mine->list->items = mine->items;
                mine->list->n_items = mine->n_items;
                mine->items = theirs.items;
                mine->n_items = theirs.n_items;
        }
}

/* Everybody who is in the test, before anything is said about one of them. */
static int find_people(TestDraft *draft, int index) {
        lua_State *L = draft->load->loader.L;
        luaL_checkstack(L, 10, NULL);
        int top = lua_gettop(L);
        lua_getfield(L, index, "given");
        int r = test_find_people(draft, top + 1);
        if (r == 0 && lua_getfield(L, index, "later") == LUA_TTABLE) {
                size_t n = lua_rawlen(L, top + 2);
                draft->test->n_steps += n < POLICY_TEST_STEPS_MAX ? n : POLICY_TEST_STEPS_MAX;
                if (n >= POLICY_TEST_STEPS_MAX)
                        loader_error(&draft->load->loader, "\"later\" has more than %d steps", POLICY_TEST_STEPS_MAX - 1);
                for (size_t i = 1; i < draft->test->n_steps && r == 0; i++) {
                        if (lua_rawgeti(L, top + 2, (lua_Integer) i) == LUA_TTABLE) {
                                lua_getfield(L, -1, "given");
                                r = test_find_people(draft, lua_gettop(L));
                        }
                        lua_settop(L, top + 2);
                }
        }
        lua_settop(L, top);
        return r;
}

int kind_compile_test(Load *load, int index, void *head) {
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(TestDraft, doc) },
                { .name = "lists", .type = KEY_OWN, .compile = compile_lists },
                { .name = "at", .type = KEY_OWN, .required = true, .compile = compile_at },
                { .name = "given", .type = KEY_OWN, .required = true, .compile = compile_given },
                { .name = "expect", .type = KEY_OWN, .compile = compile_expect },
                { .name = "later", .type = KEY_OWN, .compile = compile_later },
        };
        Test *test = head;
        TestDraft draft = { .load = load, .test = test, .at_us = TIME_NONE };
        test->n_steps = 1;
        int r = find_people(&draft, index);
        if (r < 0)
                return r;
        draft.steps = ARENA_ARRAY(load->loader.arena, TestStep, test->n_steps);
        if (!draft.steps)
                return load_exhausted(load);
        test->steps = draft.steps;
        r = keys_compile(load, index, "", keys, ARRAY_SIZE(keys), &draft);
        test->rule.doc = draft.doc;
        size_t n_expected = 0;
        for (size_t i = 0; i < test->n_steps; i++)
                n_expected += test->steps[i].n_looks;
        if (r == 0 && n_expected == 0 && !load->broken[test->rule.index])
                loader_error(&load->loader, "expects nothing: without \"expect\" it cannot fail");
        if (load->archived && load->broken[test->rule.index])
                test->n_steps = test->n_lists = 0;
        return r;
}
