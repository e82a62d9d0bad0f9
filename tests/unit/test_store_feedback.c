/* SPDX-License-Identifier: MIT */
/*
 * What sales tells marketing: a row for each move with a reason, in the transaction of the move, as the lead was known then.
 */
#include "test_store_fixture.h"

typedef struct Found {
        char lines[16][160];
        size_t n;
} Found;

static const char *dash(const char *text) { return text ? text : "-"; }

static int on_row(const Feedback *row, void *userdata) {
        Found *found = userdata;

        assert_true(found->n < ARRAY_SIZE(found->lines));
        (void) snprintf(found->lines[found->n++], sizeof(found->lines[0]), "%d L-%d %s %s %s>%s %s%s by %s, %s/%s: %s", (int) row->event,
                (int) row->lead, row->move, row->reason, row->from, row->to, dash(row->owner), row->accepted ? "!" : "", row->by,
                dash(row->source), dash(row->campaign), dash(row->note));
        return 0;
}

/* The rows, newest first, joined by line breaks. */
static void assert_rows(Fixture *f, Store *store, FeedbackFilter filter, const char *want) {
        Found found = { 0 };
        const char *got = "";

        ok(store_feedback(store, &filter, on_row, &found));
        for (size_t i = 0; i < found.n; i++)
                got = arena_printf(f->arena, "%s%s%s", got, i > 0 ? "\n" : "", found.lines[i]);
        assert_string_equal(got, want);
}
#define ALL ((FeedbackFilter){ .since_us = TIME_NONE })

static void two_leads(Fixture *f) {
        commit_step(
                f, STEP(.said = { .email = "a@example.com", .campaign = "spring" }, .status = "mql", .owner = "anna", .unaccepted = true));
        commit_step(f, STEP(.said = { .email = "b@example.com" }, .status = "mql", .owner = "ben"));
        commit_step(f, STEP(.said = { .type = "outcome.reject", .email = "a@example.com", .note = "no money" }, .status = "nurture",
                               .reason = "no_budget", .disown = true));
        commit_step(f, STEP(.said = { .type = "outcome.reject", .email = "b@example.com" }, .status = "nurture", .reason = "competitor",
                               .disown = true, .now_us = NOON + US_PER_DAY));
}
#define ROW_A "3 L-1 qualify no_budget mql>nurture anna by rules, forms/spring: no money"
#define ROW_B "4 L-2 qualify competitor mql>nurture ben! by rules, forms/-: -"

static void feedback__of_moves_with_a_reason__is_kept_as_the_lead_was_known(void **state) {
        Fixture *f = *state;

        two_leads(f);
        assert_rows(f, f->store, ALL, ROW_B "\n" ROW_A);
        /* What the lead is known by later changes nothing of it. */
        commit_step(f, STEP(.said = { .email = "a@example.com", .campaign = "autumn" }, .now_us = NOON + 2 * US_PER_DAY));
        assert_rows(f, f->store, ALL, ROW_B "\n" ROW_A);
        Store *reader = NULL;
        ok(store_open(f->path, STORE_READ_ONLY, &reader));
        assert_rows(f, reader, ALL, ROW_B "\n" ROW_A);
        store_close(reader);
        fixture_reopen(f);
        assert_rows(f, f->store, ALL, ROW_B "\n" ROW_A);
}

static void feedback__by_filter__is_what_was_asked_for(void **state) {
        static const struct {
                FeedbackFilter filter;
                const char *want;
        } cases[] = {
                { { .since_us = NOON + 1 }, ROW_B },
                { { .since_us = NOON + US_PER_DAY }, ROW_B },
                { { .since_us = NOON + US_PER_DAY + 1 }, "" },
                { { .since_us = TIME_NONE, .reason = "no_budget" }, ROW_A },
                { { .since_us = TIME_NONE, .reason = "never" }, "" },
                { { .since_us = TIME_NONE, .owner = "ben" }, ROW_B },
                { { .since_us = TIME_NONE, .source = "forms" }, ROW_B "\n" ROW_A },
                { { .since_us = TIME_NONE, .source = "ads" }, "" },
                { { .since_us = TIME_NONE, .before = 4 }, ROW_A },
                { { .since_us = TIME_NONE, .before = 3 }, "" },
        };
        Fixture *f = *state;

        two_leads(f);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_rows(f, f->store, cases[i].filter, cases[i].want);
}

static void feedback__of_tests_and_moves_without_a_reason__is_none(void **state) {
        Fixture *f = *state;

        commit_step(f, STEP(.said = { .email = "a@example.com" }, .status = "mql", .owner = "anna", .test = true));
        commit_step(f, STEP(.said = { .type = "outcome.reject", .email = "a@example.com" }, .status = "nurture", .reason = "no_budget"));
        commit_step(f, STEP(.said = { .email = "b@example.com" }, .status = "mql"));
        assert_rows(f, f->store, ALL, "");
}

static void feedback__of_a_move_that_is_rolled_back__never_was(void **state) {
        Fixture *f = *state;

        two_leads(f);
        ok(store_begin(f->store));
        step(f, STEP(.said = { .email = "a@example.com" }, .status = "mql", .owner = "anna"));
        step(f, STEP(.said = { .type = "outcome.reject", .email = "a@example.com" }, .status = "nurture", .reason = "competitor",
                        .disown = true));
        same(fixture_number(f->store, "SELECT count(*) FROM feedback"), 3);
        ok(store_rollback(f->store));
        assert_rows(f, f->store, ALL, ROW_B "\n" ROW_A);
        same(fixture_number(f->store, "SELECT count(*) FROM lead WHERE owner > 0"), 0);
}

static void feedback__after_an_erasure__says_why_and_no_more_of_whom(void **state) {
        Fixture *f = *state;

        two_leads(f);
        ok(store_begin(f->store));
        ok(feedback_forget(f->store, 1));
        ok(store_commit(f->store));
        fixture_sql(f->store, "DELETE FROM payload WHERE event = 3");
        assert_rows(f, f->store, ALL, ROW_B "\n3 L-1 qualify no_budget mql>nurture anna by rules, -/-: -");
}

static void feedback__of_a_book_from_before__begins_where_the_counts_do(void **state) {
        Fixture *f = *state;

        fixture_sql(f->store, "UPDATE meta SET value = 4 WHERE key = 'uses'");
        fixture_reopen(f);
        two_leads(f);
        assert_rows(f, f->store, ALL, ROW_B);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        feedback__of_moves_with_a_reason__is_kept_as_the_lead_was_known, fixture_set_up, fixture_tear_down),
                cmocka_unit_test_setup_teardown(feedback__by_filter__is_what_was_asked_for, fixture_set_up, fixture_tear_down),
                cmocka_unit_test_setup_teardown(feedback__of_tests_and_moves_without_a_reason__is_none, fixture_set_up, fixture_tear_down),
                cmocka_unit_test_setup_teardown(feedback__of_a_move_that_is_rolled_back__never_was, fixture_set_up, fixture_tear_down),
                cmocka_unit_test_setup_teardown(
                        feedback__after_an_erasure__says_why_and_no_more_of_whom, fixture_set_up, fixture_tear_down),
                cmocka_unit_test_setup_teardown(
                        feedback__of_a_book_from_before__begins_where_the_counts_do, fixture_set_up, fixture_tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
