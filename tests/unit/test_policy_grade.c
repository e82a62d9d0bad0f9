/* SPDX-License-Identifier: MIT */
/*
 * Grades, and when what was judged changes with nobody doing anything. The promise of next_change_us is tested as what it is: until
 * that instant nothing changes, whatever the lead.
 */
#include "test_policy_fixture.h"

#define ENGAGED \
        "group 'engagement' { max = 1000%s } grade 'G' { fit = { A = 75, B = 50, C = 25, D = 0 }, engagement = { ['1'] = 80, ['2'] = 40, " \
        "['3'] = 0 }, " \
        "leave = 15 }\n" \
        "group 'fit' {} score 'KNOWN' { group = 'fit', points = 60 }\n"

static RuleSet *rules_engaged(const char *half_life, const char *scores) {
        Text text = { 0 };

        text_printf(&text, ENGAGED, half_life);
        text_append(&text, scores);
        RuleSet *rules = rules_load(text.data);
        text_free(&text);
        return rules;
}

static void grade__between_its_bounds__is_letter_then_number(void **state _unused_) {
        static const struct {
                double points;
                const char *grade;
        } cases[] = { { 80, "B1" }, { 79.999, "B2" }, { 40, "B2" }, { 39.9, "B3" }, { 0, "B3" } };
        RuleSet *rules = rules_engaged("", "score 'P' { group = 'engagement', points = function(lead) return lead.answers.p end }");

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Lead lead;

                lead_begin(&lead);
                lead_set(&lead, "answers.p", value_number(cases[i].points));
                assert_string_equal(lead_judge(&lead, rules, NULL)->grade, cases[i].grade);
                lead_end(&lead);
        }
        policy_free(rules);
}

/* V8: 80/65 (leave = 15). Enters at the 2nd, leaves at the 4th, enters at the 6th. */
static void grade__sinking_a_little__is_kept(void **state _unused_) {
        static const struct {
                double points;
                const char *grade;
        } series[] = { { 79, "B2" }, { 80, "B1" }, { 70, "B1" }, { 64, "B2" }, { 66, "B2" }, { 81, "B1" } };
        RuleSet *rules = rules_engaged("", "score 'P' { group = 'engagement', points = function(lead) return lead.answers.p end }");
        char prior[32] = "";

        for (size_t i = 0; i < ARRAY_SIZE(series); i++) {
                Lead lead;
                Receipts receipts = { .trace = true, .all = true };

                lead_begin(&lead);
                lead_set(&lead, "answers.p", value_number(series[i].points));
                lead.subject.prior_grade = prior;
                lead_judge(&lead, rules, &receipts);
                if (!base_streq(lead.subject.grade, series[i].grade))
                        fail_msg("%g: got %s, want %s", series[i].points, lead.subject.grade, series[i].grade);
                const Receipt *receipt = receipt_of(&receipts, "G");
                assert_non_null(receipt);
                assert_int_equal(strstr(receipt->trace, "kept by leave") != NULL, i == 2);
                snprintf(prior, sizeof(prior), "%s", lead.subject.grade);
                lead_end(&lead);
        }
        policy_free(rules);
}

/* From 1 straight to 30: 2 is held from 40 - 15 = 25 on, just as if the points had sunk slowly. */
static void grade__sinking_at_once__lands_where_slow_sinking_lands(void **state _unused_) {
        static const double slow[] = { 80, 66, 64, 50, 39, 30 }, at_once[] = { 80, 30 };
        RuleSet *rules = rules_engaged("", "score 'P' { group = 'engagement', points = function(lead) return lead.answers.p end }");
        char grades[2][32] = { "", "" };

        for (int way = 0; way < 2; way++)
                for (size_t i = 0; i < (way ? ARRAY_SIZE(at_once) : ARRAY_SIZE(slow)); i++) {
                        Lead lead;

                        lead_begin(&lead);
                        lead_set(&lead, "answers.p", value_number(way ? at_once[i] : slow[i]));
                        lead.subject.prior_grade = grades[way];
                        lead_judge(&lead, rules, NULL);
                        snprintf(grades[way], sizeof(grades[way]), "%s", lead.subject.grade);
                        lead_end(&lead);
                }
        assert_string_equal(grades[0], "B2");
        assert_string_equal(grades[1], "B2");
        policy_free(rules);
}

static void grade__prior_of_other_rules__counts_as_none(void **state _unused_) {
        static const char *const priors[] = { "Z9", "?1", "B", "", "B1B1", "hot" };
        RuleSet *rules = rules_engaged("", "score 'P' { group = 'engagement', points = 70 }");

        for (size_t i = 0; i < ARRAY_SIZE(priors); i++) {
                Lead lead;

                lead_begin(&lead);
                lead.subject.prior_grade = priors[i];
                lead_judge(&lead, rules, NULL);
                /* After "?1" the number was 1 and is kept. */
                assert_string_equal(lead.subject.grade, base_streq(priors[i], "?1") ? "B1" : "B2");
                lead_end(&lead);
        }
        policy_free(rules);
}

static void grade__changing__leaves_a_receipt(void **state _unused_) {
        RuleSet *rules = rules_engaged("", "score 'P' { group = 'engagement', points = 70 }");
        Lead lead;
        Receipts receipts = { 0 };

        lead_begin(&lead);
        lead_judge(&lead, rules, &receipts);
        assert_string_equal(receipt_of(&receipts, "G")->note, "none -> B2");
        receipts.n_items = 0;
        lead.subject.prior_grade = "B2";
        lead_judge(&lead, rules, &receipts);
        assert_null(receipt_of(&receipts, "G"));
        receipts.n_items = 0;
        lead.subject.prior_grade = "B3";
        lead_judge(&lead, rules, &receipts);
        assert_string_equal(receipt_of(&receipts, "G")->note, "B3 -> B2");
        lead_end(&lead);
        policy_free(rules);
}

static void fit__known_by_segment_or_function__is_known(void **state _unused_) {
        RuleSet *rules =
                rules_load("group 'fit' {} group 'engagement' {} grade 'G' { fit = { A = 50, B = 0 }, engagement = { ['1'] = 0 } }\n"
                           "segment 'rival' { when = any{ { ['company.domain'] = 'rival.example' }, { country = 'XX' } } }\n"
                           "score 'R' { group = 'fit', when = { segment = 'rival' }, points = -100 }\n"
                           "score 'F' { group = 'fit', points = function(lead) if lead.answers.vip then return 60 end end }\n");
        static const struct {
                const char *path, *text, *grade;
        } cases[] = {
                { "person.title", "CEO", "?1" },
                { "company.domain", "good.example", "B1" }, /* the segment looked at it */
                { "company.domain", "rival.example", "B1" },
                { "person.address.country", "DE", "B1" },
                { "answers.vip", "yes", "A1" }, /* the function found something */
                { "answers.other", "yes", "?1" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Lead lead;

                lead_begin(&lead);
                lead_text(&lead, cases[i].path, cases[i].text);
                lead_judge(&lead, rules, NULL);
                if (!base_streq(lead.subject.grade, cases[i].grade))
                        fail_msg("%s = %s: got %s, want %s", cases[i].path, cases[i].text, lead.subject.grade, cases[i].grade);
                lead_end(&lead);
        }
        policy_free(rules);
}

/* ---- when it changes by itself ---- */

static void change__of_a_falling_grade__is_foretold_to_the_second(void **state _unused_) {
        /* 100 points, half gone after 10 days: 65 is left after 10 d * log2(100/65) = 6.2149 d, 25 after 20 d. */
        RuleSet *rules = rules_engaged(", half_life = '10d'", "score 'P' { group = 'engagement', on = { type = 'a' }, each = 100 }");
        Lead lead;

        lead_begin(&lead);
        lead_did(&lead, "a", 0);
        lead_judge(&lead, rules, NULL);
        assert_string_equal(lead.subject.grade, "B1");
        int64_t next_us = lead.subject.next_change_us;
        assert_int_equal((next_us - NOW_US) / US_PER_HOUR, 149);
        lead.subject.prior_grade = "B1";
        lead.subject.now_us = next_us - 1;
        lead_judge(&lead, rules, NULL);
        assert_string_equal(lead.subject.grade, "B1");
        assert_int_equal(lead.subject.next_change_us, next_us);
        lead.subject.now_us = next_us;
        lead_judge(&lead, rules, NULL);
        assert_string_equal(lead.subject.grade, "B2");
        lead.subject.prior_grade = "B2";
        next_us = lead.subject.next_change_us;
        lead.subject.now_us = next_us;
        lead_judge(&lead, rules, NULL);
        assert_string_equal(lead.subject.grade, "B3");
        assert_int_equal((next_us - NOW_US) / US_PER_DAY, 20);
        assert_int_equal(lead.subject.next_change_us, TIME_NONE); /* the lowest: nothing more can happen */
        lead_end(&lead);
        policy_free(rules);
}

static void change__of_durations_and_windows__is_foretold_to_the_microsecond(void **state _unused_) {
        static const struct {
                const char *condition;
                int64_t after_us; /* of NOW_US; TIME_NONE = never */
        } cases[] = {
                { "{ age = ge('31d') }", US_PER_DAY },
                { "{ age = gt('31d') }", US_PER_DAY + 1 },
                { "{ age = lt('31d') }", US_PER_DAY },
                { "{ age = le('31d') }", US_PER_DAY + 1 },
                { "{ age = between('40d', '50d') }", 10 * US_PER_DAY },
                { "{ age = between('10d', '31d') }", US_PER_DAY + 1 },
                { "{ age = ge('30d') }", TIME_NONE },
                { "{ idle = ge('21d') }", 19 * US_PER_DAY },
                { "{ any{ { idle = ge('21d') }, { age = ge('31d') } } }", US_PER_DAY },
                { "none{ { idle = ge('21d') } }", 19 * US_PER_DAY },
                { "{ country = 'FR', idle = ge('21d') }", TIME_NONE }, /* decided by what does not change */
                { "did{ type = 'a', within = '5d' }", 2 * US_PER_DAY + 1 },
                { "did{ type = 'a', within = '3d' }", 1 },
                { "did{ type = 'a', within = '2d' }", TIME_NONE },
                { "did{ type = 'a' }", TIME_NONE },
                { "did{ type = 'b', within = '5d' }", 4 * US_PER_DAY + 1 },               /* when the newest leaves */
                { "did{ type = 'b', within = '5d', at_least = 2 }", 3 * US_PER_DAY + 1 }, /* the second newest */
                { "did{ type = 'b', within = '5d', at_least = 4 }", 1 * US_PER_DAY + 1 }, /* the oldest counts three times */
                { "did{ type = 'b', within = '5d', at_least = 6 }", TIME_NONE },          /* fewer will not do either */
                { "did{ type = 'b', within = '5d', exactly = 5 }", 1 * US_PER_DAY + 1 },
                { "did{ type = 'b', within = '5d', exactly = 6 }", TIME_NONE },
                { "did{ type = 'b', within = '5d', distinct = 'url', at_least = 2 }", 3 * US_PER_DAY + 1 },
                { "did{ type = 'b', within = '5d', distinct = 'url' }", 4 * US_PER_DAY + 1 },
                { "function(lead) return true end", TIME_NONE },
                { "function(lead, now) return true end", 15 * US_PER_HOUR }, /* the next day, UTC */
                { "function(...) return true end", 15 * US_PER_HOUR },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Text text = { 0 };
                Lead lead;

                text_printf(&text, "segment 's' { when = %s }", cases[i].condition);
                RuleSet *rules = rules_load(text.data);
                lead_begin(&lead);
                lead_did(&lead, "a", 3 * US_PER_DAY);
                Activity *first = lead_did(&lead, "b", 4 * US_PER_DAY);
                activity_text(&lead, first, "activity.url", "/1");
                activity_set(&lead, first, "activity.count", value_integer(3));
                activity_text(&lead, lead_did(&lead, "b", 1 * US_PER_DAY), "activity.url", "/1");
                activity_text(&lead, lead_did(&lead, "b", 2 * US_PER_DAY), "activity.url", "/2");
                int64_t got_us = lead_judge(&lead, rules, NULL)->next_change_us;
                int64_t want_us = cases[i].after_us == TIME_NONE ? TIME_NONE : NOW_US + cases[i].after_us;
                if (got_us != want_us)
                        fail_msg("%s: got %lld, want %lld after now", cases[i].condition, (long long) (got_us - NOW_US),
                                (long long) (want_us - NOW_US));
                lead_end(&lead);
                text_free(&text);
                policy_free(rules);
        }
}

static uint64_t random_next(uint64_t *seed) {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        return *seed;
}

/* All that must not change before next_change_us. */
static void look(RuleSet *rules, Lead *lead, Text *out) {
        lead_judge(lead, rules, NULL);
        text_printf(out, "%s %llx", lead->subject.grade, (unsigned long long) lead->subject.segments[0]);
        for (size_t i = 0; i < rules->n_criteria; i++) {
                bool holds;
                assert_int_equal(policy_holds(rules, rules->criteria[i].when, &lead->subject, lead->arena, &holds, NULL, NULL), 0);
                text_append(out, holds ? " yes" : " no");
        }
}

static const char changing[] =
        "group 'fit' { half_life = '3d', min = -100 } group 'engagement' { half_life = '9d', min = -20, max = 150 } group 'extra' { "
        "half_life = '1d' }\n"
        "grade 'G' { fit = { A = 60, B = 20, C = -10, D = -100 }, engagement = { ['1'] = 80, ['2'] = 40, ['3'] = 10, ['4'] = -20 }, leave "
        "= 5 }\n"
        "segment 'old' { when = { age = ge('45d'), idle = lt('12d') } }\n"
        "segment 'busy' { when = did{ type = 'a', within = '6d', at_least = 2 } }\n"
        "score 'A' { group = 'engagement', on = { type = 'a' }, each = 30, cap = 70 }\n"
        "score 'B' { group = 'engagement', on = { type = 'b' }, points = 45 }\n"
        "score 'C' { group = 'engagement', on = { type = 'c' }, each = -25 }\n" /* rises as it is forgotten */
        "score 'D' { group = 'engagement', on = { type = 'b', within = '8d' }, each = 20, per = 'url' }\n"
        "score 'E' { group = 'engagement', on = { type = 'a' }, each = 12, fade = { every = '2d', percent = 15 } }\n"
        "score 'F' { group = 'fit', on = { type = 'c' }, each = 25, cap = 90 }\n"
        "score 'G' { group = 'fit', on = { type = 'b' }, each = -8 }\n"
        "score 'H' { group = 'extra', on = { type = 'a' }, each = 10 }\n"
        "score 'I' { group = 'fit', when = { idle = ge('10d') }, points = 15 }\n"
        "group 'quiet' {} score 'J' { group = 'quiet', on = { type = 'a', within = '4d' }, points = 1 }\n" /* read by nobody but its absence
                                                                                                            */
        "score 'K' { group = 'engagement', points = 25, unless = 'J' }\n"
        "criterion 'c1' { when = { engagement = between(33, 66) } }\n"
        "criterion 'c2' { when = { ['score.extra'] = le(7) } }\n"
        "criterion 'c3' { when = { fit = is_not(25), in_status = lt('14d') } }\n"
        "criterion 'c4' { when = any{ { grade = 'A1' }, did{ type = 'c', within = '11d' } } }\n";

static void change__whatever_the_lead__nothing_changes_before_it(void **state _unused_) {
        static const char *const types[] = { "a", "b", "c" };
        RuleSet *rules = rules_load(changing);
        uint64_t seed = 0x5eed1;
        int n_steps = 0, n_idle = 0;

        for (int round = 0; round < 150; round++) {
                uint64_t round_seed = seed;
                Lead lead;
                char prior[32];

                lead_begin(&lead);
                for (size_t i = random_next(&seed) % 12; i > 0; i--) {
                        Activity *activity = lead_did(
                                &lead, types[random_next(&seed) % 3], (int64_t) (random_next(&seed) % (uint64_t) (12 * US_PER_DAY)));
                        activity_text(&lead, activity, "activity.url", types[random_next(&seed) % 3]);
                        if (random_next(&seed) % 4 == 0)
                                activity->time_us = NOW_US + 90 * US_PER_SECOND; /* ahead by its source's clock */
                }
                Text now = { 0 }, later = { 0 };
                look(rules, &lead, &now);
                snprintf(prior, sizeof(prior), "%s", lead.subject.grade);
                lead.subject.prior_grade = prior;
                for (int step = 0; step < 12; step++) {
                        int64_t now_us = lead.subject.now_us, next_us, end_us;

                        text_clear(&now);
                        look(rules, &lead, &now);
                        next_us = lead.subject.next_change_us;
                        if (next_us != TIME_NONE)
                                assert_true(next_us > now_us);
                        end_us = next_us != TIME_NONE ? next_us : now_us + 2000 * US_PER_DAY;
                        for (int probe = 0; probe < 12; probe++) {
                                lead.subject.now_us =
                                        probe == 0 ? end_us - 1 : now_us + (int64_t) (random_next(&seed) % (uint64_t) (end_us - now_us));
                                text_clear(&later);
                                look(rules, &lead, &later);
                                if (!base_streq(now.data, later.data))
                                        fail_msg("seed %llu, step %d: %s at %lld, but %s %lld us later, before %lld us",
                                                (unsigned long long) round_seed, step, now.data, (long long) now_us, later.data,
                                                (long long) (lead.subject.now_us - now_us), (long long) (end_us - now_us));
                        }
                        if (next_us == TIME_NONE)
                                break;
                        lead.subject.now_us = next_us;
                        text_clear(&later);
                        look(rules, &lead, &later);
                        n_steps++;
                        n_idle += base_streq(now.data, later.data);
                        snprintf(prior, sizeof(prior), "%s", lead.subject.grade);
                }
                text_free(&now);
                text_free(&later);
                lead_end(&lead);
        }
        print_message("%d changes foretold, %d of them nothing to see\n", n_steps, n_idle);
        policy_free(rules);
}

/* Signs that pull against each other: each look comes nearer, none is too late, and it ends. */
static void change__of_points_of_both_signs__is_reached_in_few_looks(void **state _unused_) {
        RuleSet *rules = rules_load(
                "group 'fit' {} score 'K' { group = 'fit', points = 60 } group 'engagement' { half_life = '10d', min = -500, max = 500 }\n"
                "grade 'G' { fit = { B = 0 }, engagement = { ['1'] = 80, ['2'] = -500 }, leave = 15 }\n"
                "score 'P' { group = 'engagement', on = { type = 'a' }, each = 200 }\n"
                "score 'N' { group = 'engagement', on = { type = 'b' }, each = -110 }\n");
        Lead lead;
        int n_looks = 0;

        lead_begin(&lead);
        lead_did(&lead, "a", 0);
        lead_did(&lead, "b", 0);
        lead_judge(&lead, rules, NULL);
        assert_string_equal(lead.subject.grade, "B1");
        lead.subject.prior_grade = "B1";
        for (; base_streq(lead.subject.grade, "B1"); n_looks++) {
                assert_int_not_equal(lead.subject.next_change_us, TIME_NONE);
                lead.subject.now_us = lead.subject.next_change_us;
                lead_judge(&lead, rules, NULL);
        }
        /* 90 * 0.5^(t/10 d) sinks below 65 after 4.695 days. */
        assert_int_equal((lead.subject.now_us - NOW_US) / US_PER_HOUR, 112);
        assert_true(n_looks < 8);
        lead_end(&lead);
        policy_free(rules);
}

/* N stands back for K and so does not count: its points must not be seen to hold up those of P. */
static void change__beside_points_that_stand_back__is_not_foretold_too_late(void **state _unused_) {
        RuleSet *rules =
                rules_load("group 'fit' {} group 'mixed' { half_life = '10d', min = -500, max = 500 }\n"
                           "score 'K' { group = 'fit', on = { type = 'b' }, each = 1 }\n"
                           "score 'P' { group = 'mixed', on = { type = 'a' }, each = 200 }\n"
                           "score 'N' { group = 'mixed', on = { type = 'b' }, each = -110, unless = 'K' }\n"
                           "score 'W' { group = 'mixed', on = { type = 'b' }, each = -50, when = { ['person.title'] = present } }\n"
                           "criterion 'warm' { when = { ['score.mixed'] = ge(100) } }\n");
        Lead lead;
        bool holds;

        lead_begin(&lead);
        lead_did(&lead, "a", 0);
        lead_did(&lead, "b", 0);
        lead_judge(&lead, rules, NULL);
        assert_int_equal(lead.subject.group_mp[1], 200000);
        assert_int_equal(policy_holds(rules, rules->criteria[0].when, &lead.subject, lead.arena, &holds, NULL, NULL), 0);
        assert_true(holds);
        assert_in_range(lead.subject.next_change_us, NOW_US + 1, NOW_US + 10 * US_PER_DAY + 10 * US_PER_SECOND);
        /* Nothing else falls: at 10 days they are 100.000 still, seven seconds later rounded to less. */
        assert_true(lead.subject.next_change_us > NOW_US + 10 * US_PER_DAY);
        lead_end(&lead);
        policy_free(rules);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(grade__between_its_bounds__is_letter_then_number),
                cmocka_unit_test(grade__sinking_a_little__is_kept),
                cmocka_unit_test(grade__sinking_at_once__lands_where_slow_sinking_lands),
                cmocka_unit_test(grade__prior_of_other_rules__counts_as_none),
                cmocka_unit_test(grade__changing__leaves_a_receipt),
                cmocka_unit_test(fit__known_by_segment_or_function__is_known),
                cmocka_unit_test(change__of_a_falling_grade__is_foretold_to_the_second),
                cmocka_unit_test(change__of_durations_and_windows__is_foretold_to_the_microsecond),
                cmocka_unit_test(change__whatever_the_lead__nothing_changes_before_it),
                cmocka_unit_test(change__of_points_of_both_signs__is_reached_in_few_looks),
                cmocka_unit_test(change__beside_points_that_stand_back__is_not_foretold_too_late),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
