/* SPDX-License-Identifier: MIT */
/*
 * What one lead's function writes, the next one's does not see: the sandbox is set back, and what of it is not set back is never written.
 */
#include "test_policy_script.h"

/* ---- nothing leaks from lead to lead ------------------------------------- */

static const char *const leaks[] = {
        "local n = 0 return function() n = n + 1 return n end",
        "n = 0 return function() n = n + 1 return n end",
        "local t = {} return function(x) t[#t + 1] = x return #t end",
        "return function() string.count = (string.count or 0) + 1 return string.count end",
        "return function() math.count = (math.count or 0) + 1 return math.count end",
        "return function() table.count = (table.count or 0) + 1 return table.count end",
        "return function() local r = ('x').len and ('x'):len() string.len = nil return r end",
        "return function() local r = string.rep('x', 2) string.rep = function() return 'taken' end return r end",
        "return function() local r = ('x'):rep(2) string.rep = function() return 'taken' end return r end",
        "return function() local r = math.pi math.pi = 3 return r end",
        "local memo = {} return function(x) memo[x] = (memo[x] or 0) + 1 return memo[x] end",
        "local f f = function() f = function() return 'taken' end return 'first' end return function() return f() end",
        "return function(x) global = (global_seen and 'seen' or 'first') return global end",
        "local list = { 3, 1, 2 } return function() local r = table.concat(list, ',') table.sort(list) return r end",
        "local list = { 1, 2, 3 } return function() return table.remove(list) end",
        "local it = ('a b c'):gmatch('%a') return function() return it() end",
        "local it, s = pairs({ a = 1, b = 2 }) return function() return (it(s)) end",
        "local deep = { a = { b = { c = 0 } } } return function() deep.a.b.c = deep.a.b.c + 1 return deep.a.b.c end",
        "local s = '' return function(x) s = s .. 'x' return #s end",
        "local big = {} return function() for i = 1, 2000 do big[#big + 1] = { i } end return #big end",
};

static void sandbox_begin__state_written_by_the_lead_before__is_gone(void **state) {
        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(leaks); i++) {
                Script script;
                char first[512];
                const char *source = leaks[i];
                char shown[600];
                /* One of them needs a name to be known that is not there yet. */
                snprintf(shown, sizeof(shown), "global_seen = false %s", source);
                script_open(&script, shown);
                if (script_call(&script, "lead 1") != 0)
                        fail_msg("%s\n%s", source, script.error);
                snprintf(first, sizeof(first), "%s", script.result);
                for (int lead = 2; lead < 50; lead++) {
                        if (script_call(&script, "lead 1") != 0)
                                fail_msg("%s\nlead %d: %s", source, lead, script.error);
                        if (strcmp(script.result, first) != 0)
                                fail_msg("%s\nlead %d\n got %s\nwant %s", source, lead, script.result, first);
                }
                script_close(&script);
        }
}

static void sandbox_begin__after_twenty_thousand_mixed_leads__is_exact(void **state) {
        (void) state;
        Script script;
        script_open(&script, "local seen, n = {}, 0\n"
                             "return function(x)\n"
                             "  n = n + 1 seen[x] = true string.x = x\n"
                             "  if x == 'loop' then while true do end end\n"
                             "  if x == 'deep' then local function f() return 1 + f() end return f() end\n"
                             "  if x == 'fail' then local t = nil + 1 end\n"
                             "  local keys = {} for k in pairs(seen) do keys[#keys + 1] = k end\n"
                             "  return n .. ':' .. table.concat(keys, ',') .. ':' .. string.x\n"
                             "end");
        for (int lead = 0; lead < 20000; lead++) {
                char want[96], name[32];
                if (lead % 500 == 13) {
                        static const char *const bad[] = { "loop", "deep", "fail" };
                        assert_int_equal(script_call(&script, bad[lead / 500 % 3]), POLICY_E_FAILED);
                        continue;
                }
                snprintf(name, sizeof(name), "lead %d", lead % 7);
                snprintf(want, sizeof(want), "1:%s:%s", name, name);
                assert_int_equal(script_call(&script, name), 0);
                assert_string_equal(script.result, want);
        }
        script_close(&script);
}

static void sandbox_begin__on_an_image_of_ordinary_size__is_cheap(void **state) {
        (void) state;
        Text source = {};
        text_append(&source, "local f = {}\n");
        for (int i = 0; i < 50; i++)
                text_printf(&source,
                        "f[%d] = function(lead) if lead == 'name %d' and #lead > %d then return %d, 'a note' end return 0 end\n", i + 1, i,
                        i, i);
        text_append(&source, "return function(x) return f[1](x) end");
        Script script;
        script_open(&script, source.data);
        const int n = 20000;
        int64_t begin_us = 0, start_us = now_us(CLOCK_THREAD_CPUTIME_ID);
        for (int i = 0; i < n; i++)
                assert_int_equal(script_call(&script, "x"), 0);
        begin_us = now_us(CLOCK_THREAD_CPUTIME_ID) - start_us;
        start_us = now_us(CLOCK_THREAD_CPUTIME_ID);
        for (int i = 0; i < n; i++)
                assert_int_equal(sandbox_run(script.sandbox, call, &script, script.error, sizeof(script.error)), 0);
        int64_t run_us = now_us(CLOCK_THREAD_CPUTIME_ID) - start_us;
        print_message("50 functions: an image of %zu bytes, restored in %.2f us; a call takes %.2f us\n",
                sandbox_image_size(script.sandbox), (double) (begin_us - run_us) / n, (double) run_us / n);
        assert_true(sandbox_image_size(script.sandbox) < 100 * 1024);
        script_close(&script);
        text_free(&source);
}

/* ---- what is not set back ------------------------------------------------- */

/* Each runs out of memory, makes the table of texts grow, or keeps its place in something of C: it writes where others do not. */
static const struct {
        const char *source, *result; /* NULL: it fails */
} writers[] = {
        { "local it = ('a b c'):gmatch('%a') it() return function() return it() end", "b" },
        { "local it, s = pairs({ 7, 8, 9 }) it(s) return function() return (select(2, it(s))) end", "8" },
        { "return function() local n = 0 for i = 1, 3000 do n = n + #('t' .. i) end return n end", "13893" },
        { "return function(x) local t = {} for i = 1, 3000 do t['k' .. i] = i end return t.k7 + t.k2999 end", "3006" },
        { "local t = {} for i = 1, 100 do t[i] = i end return function() for i = 101, 300 do t[i] = i end return #t end", "300" },
        { "local t = {} return function(x) t[x] = 1 for i = 1, 100 do t[x .. i] = i end return t[x] end", "1" },
        { "return function() local t = {} while true do t[#t + 1] = {} end end", NULL },
        { "return function() local s = 'x' while true do s = s .. s end end", NULL },
        { "global = { f = function() return 1 end } return function() global.f = nil local t = {} while true do t[#t + 1] = {} end end",
                NULL },
        { "return function() local function f(n) return 1 + f(n + 1) end return f(1) end", NULL },
        { "return function() local function f(n) if n == 0 then return 0 end return 1 + f(n - 1) end return f(1500) end", "1500" },
        { "local f = function() return string.rep('x', 3) end return function() f = nil string.rep = nil return 'gone' end", "gone" },
};

static void sandbox_begin__what_it_does_not_copy__is_never_written(void **state _unused_) {

        for (size_t i = 0; i < ARRAY_SIZE(writers) + ARRAY_SIZE(leaks); i++) {
                const char *source = i < ARRAY_SIZE(writers) ? writers[i].source : leaks[i - ARRAY_SIZE(writers)];
                char text[600];
                Script script;

                snprintf(text, sizeof(text), "global_seen = false %s", source);
                script_open(&script, text);
                for (int turn = 0; turn < 3; turn++) {
                        int r = script_call(&script, "lead 1");
                        bool fails = i < ARRAY_SIZE(writers) && !writers[i].result;

                        if ((r != 0) != fails || (!fails && i < ARRAY_SIZE(writers) && strcmp(script.result, writers[i].result) != 0))
                                fail_msg("%s\nturn %d: %s%s", source, turn, script.result, script.error);
                        if (sandbox_still_changes(script.sandbox) > 0)
                                fail_msg("%s\nturn %d: %zu bytes were written", source, turn, sandbox_still_changes(script.sandbox));
                        assert_int_equal(sandbox_begin(script.sandbox), 0);
                        if (sandbox_still_changes(script.sandbox) > 0)
                                fail_msg("%s\nturn %d: %zu bytes are not set back", source, turn, sandbox_still_changes(script.sandbox));
                }
                script_close(&script);
        }
}

/* What had to be written there before the mark must still be so after going back to it. */
static void sandbox_rewind__to_a_mark_set_after_the_table_of_texts_grew__finds_each_text(void **state _unused_) {
        Script script;

        script_open(&script, "local kept = { alpha = 1, beta = 2 } local made = {}\n"
                             "return function(x)\n"
                             "  if x == 'grow' then for i = 1, 3000 do made[i] = 'text ' .. i end return #made end\n"
                             "  if x == 'grow more' then for i = 1, 9000 do made[i] = 'further ' .. i end kept.beta = 3 return #made end\n"
                             "  return kept['al' .. 'pha'] .. kept['be' .. x] .. #made .. (made[7] == 'text ' .. 7 and 'y' or 'n')\n"
                             "end");
        assert_int_equal(script_call(&script, "grow"), 0);
        assert_int_equal(sandbox_mark(script.sandbox), 0);
        for (int turn = 0; turn < 3; turn++) {
                script.argument = "grow more";
                assert_int_equal(sandbox_run(script.sandbox, call, &script, script.error, sizeof(script.error)), 0);
                assert_string_equal(script.result, "9000");
                sandbox_rewind(script.sandbox);
                script.argument = "ta";
                assert_int_equal(sandbox_run(script.sandbox, call, &script, script.error, sizeof(script.error)), 0);
                assert_string_equal(script.result, "123000y");
                sandbox_rewind(script.sandbox);
        }
        assert_int_equal(script_call(&script, "ta"), 0);
        assert_string_equal(script.result, "120n");
        assert_int_equal(sandbox_still_changes(script.sandbox), 0);
        script_close(&script);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sandbox_begin__what_it_does_not_copy__is_never_written),
                cmocka_unit_test(sandbox_rewind__to_a_mark_set_after_the_table_of_texts_grew__finds_each_text),
                cmocka_unit_test(sandbox_begin__state_written_by_the_lead_before__is_gone),
                cmocka_unit_test(sandbox_begin__after_twenty_thousand_mixed_leads__is_exact),
                cmocka_unit_test(sandbox_begin__on_an_image_of_ordinary_size__is_cheap),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
