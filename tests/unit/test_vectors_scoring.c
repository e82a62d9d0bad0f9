/* SPDX-License-Identifier: MIT */
/*
 * Worked examples from other systems' tests and manuals (vectors.md V5 to V8), through the real gate on a book in memory.
 */
#include "test_gate_fixture.h"

#define GROUPS "group \"fit\" { }\ngroup \"engagement\" { }\n"
#define NONE ((Value){ 0 })

static GateLook look;

static void V5__an_action_worth_5_once__is_5_after_any_number_of_deliveries(void **state) {
        (void) state;
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(
                GATE_BASE_RULES GROUPS "score \"ACTION\" { group = \"engagement\", on = { type = \"page_viewed\" }, points = 5 }\n"
                                       "score \"EACH\" { group = \"fit\", on = { type = \"page_viewed\" }, each = 3 }\n");
        GateBook book;
        gate_open_book(&book, NULL, rules, NOW_US);
        Record *record = gate_record(&book, "activity.page_viewed", "the-same", NOW_US - US_PER_HOUR);
        for (int i = 0; i < 10; i++) {
                GateOutcome outcome = gate_take(&book, record, 0, NOW_US + i);
                assert_int_equal(outcome.duplicate, i > 0);
                gate_look(&book, 1, NOW_US + i, &look);
                assert_int_equal(look.subject.engagement_mp, 5000);
                assert_int_equal(look.subject.fit_mp, 3000);
                assert_int_equal(look.state.version, 1);
        }
        record_free(record);
        /* Another event of the same kind: once stays once, each is two. */
        (void) gate_happen(&book, "activity.page_viewed", NOW_US - 2 * US_PER_HOUR, NULL, NONE, NOW_US);
        gate_look(&book, 1, NOW_US, &look);
        assert_int_equal(look.subject.engagement_mp, 5000);
        assert_int_equal(look.subject.fit_mp, 6000);
        gate_close_book(&book);
}

static void V5__returns_within_4_hours_and_not_within_1__for_a_last_visit_3_hours_ago(void **state) {
        (void) state;
        _cleanup_(policy_freep) RuleSet *rules =
                gate_load_rules(GATE_BASE_RULES "segment \"within 4h\" { when = { did{ type = \"page_viewed\", within = \"4h\" } } }\n"
                                                "segment \"within 1h\" { when = { did{ type = \"page_viewed\", within = \"1h\" } } }\n"
                                                "segment \"within 3h\" { when = { did{ type = \"page_viewed\", within = \"3h\" } } }\n");
        GateBook book;
        gate_open_book(&book, NULL, rules, NOW_US);
        (void) gate_happen(&book, "activity.page_viewed", NOW_US - 5 * US_PER_HOUR, NULL, NONE, NOW_US);
        (void) gate_happen(&book, "activity.page_viewed", NOW_US - 3 * US_PER_HOUR, NULL, NONE, NOW_US);
        gate_look(&book, 1, NOW_US, &look);
        assert_true(gate_receipt(&look.receipts, "within 4h")->matched);
        assert_false(gate_receipt(&look.receipts, "within 1h")->matched);
        assert_true(gate_receipt(&look.receipts, "within 3h")->matched); /* both ends count */
        gate_look(&book, 1, NOW_US + 1, &look);
        assert_false(gate_receipt(&look.receipts, "within 3h")->matched);
        gate_close_book(&book);
}

static void V6__points_fade_by_half_each_month_and_halve_each_7_days(void **state) {
        static const struct {
                int days;
                int64_t fading_mp, halving_mp;
        } cases[] = { { 0, 10000, 10000 }, { 7, 10000, 5000 }, { 14, 10000, 2500 }, { 29, 10000, 566 }, { 30, 5000, 513 }, { 59, 5000, 29 },
                { 60, 0, 26 }, { 90, 0, 1 } };
        (void) state;
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(GATE_BASE_RULES
                "group \"fit\" { half_life = \"1d\" }\n"
                "group \"engagement\" { half_life = \"7d\" }\n"
                "score \"FADE\" { group = \"fit\", on = { type = \"page_viewed\" }, each = 10, fade = { every = \"30d\", percent = 50 } }\n"
                "score \"HALVE\" { group = \"engagement\", on = { type = \"page_viewed\" }, each = 10 }\n");
        GateBook once, daily;
        gate_open_book(&once, NULL, rules, NOW_US);
        gate_open_book(&daily, NULL, rules, NOW_US);
        (void) gate_happen(&once, "activity.page_viewed", NOW_US, NULL, NONE, NOW_US);
        GateOutcome outcome = gate_happen(&daily, "activity.page_viewed", NOW_US, NULL, NONE, NOW_US);
        int day = 0;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int64_t now_us = NOW_US + cases[i].days * US_PER_DAY;
                gate_look(&once, 1, now_us, &look);
                assert_int_equal(look.subject.fit_mp, cases[i].fading_mp);
                assert_int_equal(look.subject.engagement_mp, cases[i].halving_mp);
                for (; day < cases[i].days; day++)
                        outcome = gate_happen(&daily, "lead.updated", NOW_US, NULL, NONE, NOW_US + (day + 1) * US_PER_DAY);
                assert_int_equal(outcome.decision->after.fit_mp, cases[i].fading_mp);
                assert_int_equal(outcome.decision->after.engagement_mp, cases[i].halving_mp);
        }
        gate_close_book(&once);
        gate_close_book(&daily);
}

/* ---- V7 ---- */

typedef struct Answer {
        const char *path;
        Value value;
} Answer;
typedef struct Deed {
        const char *type;
        int days_ago, n;
} Deed;

static void V7__eloqua_scorecard__three_leads_get_their_points_and_grades(void **state) {
        static const struct {
                const char *name;
                Answer answers[4];
                Deed deeds[4];
                int64_t fit_mp, engagement_mp;
                const char *grade;
        } cases[] = {
                { "VP",
                        { { "person.title", { .type = VALUE_TEXT, .text = "VP Marketing", .size = 12 } },
                                { "company.industry", { .type = VALUE_TEXT, .text = "Software", .size = 8 } },
                                { "company.annual_revenue.amount", { .type = VALUE_INTEGER, .integer = 1000000000 } },
                                { "answers.current_solution", { .type = VALUE_TEXT, .text = "Comp1", .size = 5 } } },
                        { { "form_submitted", 3, 1 }, { "email_clicked", 6, 3 }, { "page_viewed", 7, 3 }, { "email_opened", 1, 3 } },
                        100000, 100000, "A1" },
                { "Director",
                        { { "person.title", { .type = VALUE_TEXT, .text = "Director Sales", .size = 14 } },
                                { "company.industry", { .type = VALUE_TEXT, .text = "Pharma", .size = 6 } },
                                { "company.annual_revenue.amount", { .type = VALUE_INTEGER, .integer = 100000000 } },
                                { "answers.current_solution", { .type = VALUE_TEXT, .text = "Comp2", .size = 5 } } },
                        { { "form_submitted", 10, 1 }, { "email_clicked", 20, 3 }, { "page_viewed", 10, 1 }, { "email_opened", 10, 1 } },
                        62000, 71250, "B2" },
                { "Manager",
                        { { "person.title", { .type = VALUE_TEXT, .text = "Manager Sales", .size = 13 } },
                                { "company.industry", { .type = VALUE_TEXT, .text = "Mining", .size = 6 } },
                                { "company.annual_revenue.amount", { .type = VALUE_INTEGER, .integer = 100000000 } } },
                        { { NULL, 0, 0 } }, 12500, 0, "D4" },
        };
        (void) state;
        char text[8192] = GATE_BASE_RULES;
        FILE *file = fopen("tests/data/rules/scorecard.lua", "re");
        if (!file)
                fail_msg("cannot read tests/data/rules/scorecard.lua from here");
        size_t size = strlen(text);
        size += fread(text + size, 1, sizeof(text) - 1 - size, file);
        assert_true(feof(file));
        fclose(file);
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(text);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                GateBook book;
                gate_open_book(&book, NULL, rules, NOW_US);
                Record *record = gate_record(&book, "lead.updated", "profile", NOW_US - 60 * US_PER_DAY);
                for (size_t j = 0; j < ARRAY_SIZE(cases[i].answers) && cases[i].answers[j].path; j++)
                        gate_field(record, cases[i].answers[j].path, cases[i].answers[j].value);
                (void) gate_take(&book, record, 0, NOW_US);
                record_free(record);
                for (size_t j = 0; j < ARRAY_SIZE(cases[i].deeds) && cases[i].deeds[j].type; j++)
                        for (int k = 0; k < cases[i].deeds[j].n; k++) {
                                char type[64];
                                snprintf(type, sizeof(type), "activity.%s", cases[i].deeds[j].type);
                                (void) gate_happen(&book, type, NOW_US - cases[i].deeds[j].days_ago * US_PER_DAY, "activity.url",
                                        value_text("https://www.example.com/product/x"), NOW_US);
                        }
                gate_look(&book, 1, NOW_US, &look);
                if (look.subject.fit_mp != cases[i].fit_mp || look.subject.engagement_mp != cases[i].engagement_mp ||
                        !base_streq(look.subject.grade, cases[i].grade))
                        fail_msg("%s: got %lld / %lld = %s", cases[i].name, (long long) look.subject.fit_mp,
                                (long long) look.subject.engagement_mp, look.subject.grade);
                gate_close_book(&book);
        }
}

static void V7__exactly_one__makes_two_clicks_score_less_than_one_and_the_checker_warns(void **state) {
        static const char card[] = "group \"engagement\" { weights = true }\n"
                                   "score \"CLICKS\" { group = \"engagement\", weight = 100, best_of = { { when = { did{ type = "
                                   "\"email_clicked\", within = \"14d\", "
                                   "exactly = 1 } }, percent = 50 } } }\n";
        (void) state;
        char text[2048];
        snprintf(text, sizeof(text), "%s%s", GATE_BASE_RULES, card);
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(text);
        GateBook book;
        gate_open_book(&book, NULL, rules, NOW_US);
        (void) gate_happen(&book, "activity.email_clicked", NOW_US - US_PER_DAY, NULL, NONE, NOW_US);
        gate_look(&book, 1, NOW_US, &look);
        assert_int_equal(look.subject.engagement_mp, 50000);
        (void) gate_happen(&book, "activity.email_clicked", NOW_US - US_PER_DAY, NULL, NONE, NOW_US);
        gate_look(&book, 1, NOW_US, &look);
        assert_int_equal(look.subject.engagement_mp, 0);
        gate_close_book(&book);

        char *problems = gate_problems(text);
        assert_non_null(strstr(problems, "warning: score \"CLICKS\": "));
        assert_non_null(strstr(problems, "exactly = 1: two such activities score less than one; at_least = 1 is usually meant"));
        free(problems);
}

static void V8__band_entered_at_80_and_left_below_65__follows_the_series(void **state) {
        static const struct {
                int points;
                const char *grade;
        } series[] = { { 79, "2" }, { 80, "1" }, { 70, "1" }, { 64, "2" }, { 66, "2" }, { 81, "1" } };
        (void) state;
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(
                GATE_BASE_RULES GROUPS "score \"F\" { group = \"fit\", when = { [\"answers.points\"] = present }, points = 1 }\n"
                                       "score \"P\" { group = \"engagement\", points = function(lead) return lead.answers.points end }\n"
                                       "grade \"G\" { fit = { A = 0 }, engagement = { [\"1\"] = 80, [\"2\"] = 0 }, leave = 15 }\n");
        GateBook book;
        gate_open_book(&book, NULL, rules, NOW_US);
        for (size_t i = 0; i < ARRAY_SIZE(series); i++) {
                int64_t now_us = NOW_US + (int64_t) i * US_PER_HOUR;
                GateOutcome outcome = gate_happen(&book, "lead.updated", now_us, "answers.points", value_integer(series[i].points), now_us);
                char want[8];
                snprintf(want, sizeof(want), "A%s", series[i].grade);
                assert_int_equal(outcome.decision->after.engagement_mp, series[i].points * 1000);
                assert_string_equal(outcome.decision->after.grade, want);
        }
        gate_close_book(&book);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(V5__an_action_worth_5_once__is_5_after_any_number_of_deliveries),
                cmocka_unit_test(V5__returns_within_4_hours_and_not_within_1__for_a_last_visit_3_hours_ago),
                cmocka_unit_test(V6__points_fade_by_half_each_month_and_halve_each_7_days),
                cmocka_unit_test(V7__eloqua_scorecard__three_leads_get_their_points_and_grades),
                cmocka_unit_test(V7__exactly_one__makes_two_clicks_score_less_than_one_and_the_checker_warns),
                cmocka_unit_test(V8__band_entered_at_80_and_left_below_65__follows_the_series),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
