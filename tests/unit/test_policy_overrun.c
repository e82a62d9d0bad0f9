/* SPDX-License-Identifier: MIT */
/*
 * Functions that use up their budget: who did is known, the clock's part in it can be repeated, and a suspended one is not run.
 */
#include "test_policy_fixture.h"

/* Within the steps, but each of them compares long texts: only the clock stops it. */
#define ASK8 "a > b or a > b or a > b or a > b or a > b or a > b or a > b or a > b"
#define SLOW \
        "segment 'slow' { when = function(lead) local a, b = ('x'):rep(65000) .. 'a', ('x'):rep(65000) .. 'b'\n" \
        " for i = 1, 2800 do if " ASK8 " or " ASK8 " or " ASK8 " or " ASK8 " then return false end end return true end }\n"
#define QUICK "segment 'quick' { when = function(lead) return true end }\n"
#define ENDLESS "segment 'endless' { when = function(lead) while true do end end }\n"

static void overrun__steps__is_named_with_its_call(void **state _unused_) {
        Lead lead;
        Receipts receipts = { 0 };
        size_t n;
        RuleSet *rules = rules_load(QUICK ENDLESS);

        lead_begin(&lead);
        policy_begin_event(rules, false, NULL, 0);
        lead_judge(&lead, rules, &receipts);
        const PolicyOverrun *overruns = policy_overruns(rules, &n);
        assert_int_equal(n, 1);
        assert_string_equal(overruns[0].rule->name, "endless");
        assert_int_equal(overruns[0].call, 1);
        assert_false(overruns[0].by_cpu);
        policy_begin_event(rules, false, NULL, 0);
        (void) policy_overruns(rules, &n);
        assert_int_equal(n, 0);
        lead_end(&lead);
        policy_free(rules);
}

static void broken_function__is_no_overrun(void **state _unused_) {
        Lead lead;
        Receipts receipts = { 0 };
        size_t n;
        RuleSet *rules = rules_load("segment 'broken' { when = function(lead) return lead.person.a.b end }\n");

        lead_begin(&lead);
        policy_begin_event(rules, false, NULL, 0);
        lead_judge(&lead, rules, &receipts);
        assert_true(receipt_of(&receipts, "broken")->failed);
        (void) policy_overruns(rules, &n);
        assert_int_equal(n, 0);
        lead_end(&lead);
        policy_free(rules);
}

/* What the clock cut once is cut at the same call again, with the same words, on a machine of any speed. */
static void backstop__is_repeated_by_a_replay_and_not_used_by_it(void **state _unused_) {
        Lead lead;
        Receipts live = { 0 }, replayed = { 0 }, forced = { 0 };
        size_t n;
        RuleSet *rules = rules_load(QUICK SLOW);

        lead_begin(&lead);
        policy_begin_event(rules, false, NULL, 0);
        lead_judge(&lead, rules, &live);
        const PolicyOverrun *overruns = policy_overruns(rules, &n);
        assert_int_equal(n, 1);
        assert_true(overruns[0].by_cpu);
        assert_int_equal(overruns[0].call, 1);
        assert_true(receipt_of(&live, "slow")->failed);
        assert_string_equal(receipt_of(&live, "slow")->note, "rules.lua:2: took too long: more than 50 ms of processor time");

        policy_begin_event(rules, true, NULL, 0);
        lead_judge(&lead, rules, &replayed);
        assert_true(receipt_of(&replayed, "slow")->matched);
        (void) policy_overruns(rules, &n);
        assert_int_equal(n, 0);

        const uint32_t cuts[] = { 1 };
        policy_begin_event(rules, true, cuts, 1);
        lead_judge(&lead, rules, &forced);
        assert_true(receipt_of(&forced, "quick")->matched);
        assert_true(receipt_of(&forced, "slow")->failed);
        assert_string_equal(receipt_of(&forced, "slow")->note, receipt_of(&live, "slow")->note);
        overruns = policy_overruns(rules, &n);
        assert_int_equal(n, 1);
        assert_true(overruns[0].by_cpu);
        assert_int_equal(overruns[0].call, 1);
        lead_end(&lead);
        policy_free(rules);
}

static void suspended_rule__fails_without_being_run_until_all_are_resumed(void **state _unused_) {
        Lead lead;
        Receipts receipts = { 0 }, again = { 0 };
        size_t n;
        RuleSet *rules = rules_load(QUICK ENDLESS);
        const Rule *quick = policy_rule(rules, RULE_SEGMENT, "quick");

        assert_non_null(quick);
        assert_null(policy_rule(rules, RULE_SCORE, "quick"));
        assert_int_equal(policy_suspend(rules, quick), 0);
        assert_true(policy_is_suspended(rules, quick));
        assert_false(policy_is_suspended(rules, policy_rule(rules, RULE_SEGMENT, "endless")));
        lead_begin(&lead);
        policy_begin_event(rules, false, NULL, 0);
        lead_judge(&lead, rules, &receipts);
        assert_false(receipt_of(&receipts, "quick")->matched);
        assert_true(receipt_of(&receipts, "quick")->failed);
        assert_non_null(strstr(receipt_of(&receipts, "quick")->note, "suspended"));
        /* The numbers of the calls do not depend on who is suspended. */
        const PolicyOverrun *overruns = policy_overruns(rules, &n);
        assert_int_equal(n, 1);
        assert_int_equal(overruns[0].call, 1);
        policy_resume_all(rules);
        lead_judge(&lead, rules, &again);
        assert_true(receipt_of(&again, "quick")->matched);
        lead_end(&lead);
        policy_free(rules);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(overrun__steps__is_named_with_its_call),
                cmocka_unit_test(broken_function__is_no_overrun),
                cmocka_unit_test(backstop__is_repeated_by_a_replay_and_not_used_by_it),
                cmocka_unit_test(suspended_rule__fails_without_being_run_until_all_are_resumed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
