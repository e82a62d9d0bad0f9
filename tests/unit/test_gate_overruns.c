/* SPDX-License-Identifier: MIT */
/*
 * Tests of counting overruns: ten of one rule within a minute suspend it, whatever was rolled back and judged again in between, and
 * whatever the clock did.
 */
#include "test_gate_fixture.h"

static const char rules_text[] =
        GATE_BASE_RULES "group \"engagement\" { min = 0, max = 100 }\n"
                        "score \"LOOP\" { group = \"engagement\", points = function(lead) while true do end end }\n";

/* Inside a transaction. */
static size_t overrun(GateBook *book, int64_t now_us) {
        GateOutcome outcome;
        char id[32];

        snprintf(id, sizeof(id), "r%llu", (unsigned long long) ++book->n_records);
        Record *record = gate_record(book, "activity.page_viewed", id, now_us);
        const GateInput input = { .record = record, .actor = "integration:web", .now_us = now_us };
        assert_int_equal(gate_judge(book->gate, &input, &outcome), 0);
        assert_false(outcome.decision->refused);
        record_free(record);
        return outcome.n_suspended;
}

static size_t overrun_times(GateBook *book, size_t n, int64_t now_us, bool is_kept) {
        size_t n_suspended = 0;

        assert_int_equal(store_begin(book->store), 0);
        for (size_t i = 0; i < n; i++)
                n_suspended += overrun(book, now_us);
        assert_int_equal(is_kept ? store_commit(book->store) : store_rollback(book->store), 0);
        return n_suspended;
}

static void overruns__ten_within_a_minute__suspend_the_rule(void **state _unused_) {
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(rules_text);
        GateBook book;

        gate_open_book(&book, NULL, rules, NOW_US);
        /* nine and nine, just too far apart */
        assert_int_equal(overrun_times(&book, 9, NOW_US, true), 0);
        assert_int_equal(overrun_times(&book, 9, NOW_US + GATE_OVERRUNS_US + 1, true), 0);
        assert_int_equal(overrun_times(&book, 1, NOW_US + 2 * GATE_OVERRUNS_US + 1, true), 1);
        assert_true(policy_is_suspended(rules, policy_rule(rules, RULE_SCORE, "LOOP")));
        gate_close_book(&book);
}

static void overruns__of_what_was_rolled_back__are_not_counted_twice(void **state _unused_) {
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(rules_text);
        GateBook book;

        gate_open_book(&book, NULL, rules, NOW_US);
        assert_int_equal(overrun_times(&book, 5, NOW_US, true), 0);
        for (int i = 0; i < 3; i++)
                assert_int_equal(overrun_times(&book, 4, NOW_US, false), 0);
        assert_int_equal(overrun_times(&book, 4, NOW_US, true), 0);
        /* the suspension goes back as well, and comes again */
        assert_int_equal(overrun_times(&book, 1, NOW_US, false), 1);
        assert_int_equal(overrun_times(&book, 1, NOW_US, true), 1);
        assert_true(policy_is_suspended(rules, policy_rule(rules, RULE_SCORE, "LOOP")));
        gate_close_book(&book);
}

static void overruns__before_the_clock_was_set_back__are_not_within_a_minute(void **state _unused_) {
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(rules_text);
        GateBook book;

        gate_open_book(&book, NULL, rules, NOW_US);
        assert_int_equal(overrun_times(&book, 9, NOW_US + US_PER_HOUR, true), 0);
        assert_int_equal(overrun_times(&book, 9, NOW_US, true), 0);
        assert_int_equal(overrun_times(&book, 1, NOW_US, true), 1);
        gate_close_book(&book);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(overruns__ten_within_a_minute__suspend_the_rule),
                cmocka_unit_test(overruns__of_what_was_rolled_back__are_not_counted_twice),
                cmocka_unit_test(overruns__before_the_clock_was_set_back__are_not_within_a_minute),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
