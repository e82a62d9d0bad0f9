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

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sandbox_begin__state_written_by_the_lead_before__is_gone),
                cmocka_unit_test(sandbox_begin__after_twenty_thousand_mixed_leads__is_exact),
                cmocka_unit_test(sandbox_begin__on_an_image_of_ordinary_size__is_cheap),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
