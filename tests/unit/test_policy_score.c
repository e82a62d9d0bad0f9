/* SPDX-License-Identifier: MIT */
/*
 * Points: every way to give them, how they fall with age, what they add up to, and that neither order nor process shows.
 * Numbers marked V5, V6, V7 are other systems' own examples.
 */
#include "test_policy_fixture.h"

#include "../../daemon/policy/score.h"

#include <math.h>

#define GROUPS "group 'fit' { min = -1000, max = 1000 } group 'engagement' { min = -1000, max = 1000 } "

/* ---- fields ---- */

typedef struct FieldCase {
        const char *score, *path;
        Value value;
        int64_t want_mp; /* 0 = no match */
} FieldCase;

static void score__of_a_field__gives_what_map_and_bands_say(void **state _unused_) {
#define MAP_TITLE "field = 'person.title', map = { VP = 25, ['Head of Sales'] = 20, ['größe'] = -3.5 }"
#define BANDS "field = 'company.employees', bands = { { 1000, 40 }, { 200, 30.25 }, { 50, 20 }, { -1e9, -5 } }"
        const FieldCase cases[] = {
                { MAP_TITLE, "person.title", value_text("vp"), 25000 },
                { MAP_TITLE, "person.title", value_text("HEAD OF SALES"), 20000 },
                { MAP_TITLE, "person.title", value_text("GRÖSSE"), -3500 },
                { MAP_TITLE, "person.title", value_text("VP Sales"), 0 },
                { MAP_TITLE, "person.name", value_text("vp"), 0 }, /* another field */
                { "field = 'attribution.is_organic', map = { [true] = 5, [false] = 1 }", "attribution.is_organic", value_bool(false),
                        1000 },
                { "field = 'interest.quantity', map = { [3] = 7 }", "interest.quantity", value_integer(3), 7000 },
                { "field = 'interest.quantity', map = { [3] = 7 }", "interest.quantity", value_number(3), 7000 },
                { "field = 'interest.quantity', map = { [3] = 7 }", "interest.quantity", value_integer(4), 0 },
                { "field = 'answers.x', map = { [3] = 7, three = 8 }", "answers.x", value_text("Three"), 8000 },
                { "field = 'answers.x', map = { [3] = 7, three = 8 }", "answers.x", value_text("3"), 0 },
                { "field = 'country', map = { de = 2 }", "person.address.country", value_text("DE"), 2000 },
                { "field = 'source', map = { forms = 2 }", "person.title", value_text("x"), 2000 },
                { BANDS, "company.employees", value_integer(5000), 40000 },
                { BANDS, "company.employees", value_integer(1000), 40000 },
                { BANDS, "company.employees", value_number(999.5), 30250 },
                { BANDS, "company.employees", value_integer(199), 20000 },
                { BANDS, "company.employees", value_integer(0), -5000 },
                { BANDS, "person.title", value_text("x"), 0 },
                { "field = 'answers.n', bands = { { 1, 5 } }", "answers.n", value_text("9"), 0 }, /* a text is no number */
                { "points = 12.5", "person.title", value_text("x"), 12500 },
                { "when = { ['person.title'] = word('vp') }, points = -100", "person.title", value_text("VP"), -100000 },
                { "when = { ['person.title'] = word('vp') }, points = -100", "person.title", value_text("CEO"), 0 },
                { "when = { country = 'DE' }, field = 'person.title', map = { vp = 25 }", "person.title", value_text("vp"), 0 },
                { "points = function(lead) return #lead.person.title end", "person.title", value_text("four"), 4000 },
                { "points = function(lead) return 0.1 + 0.2 end", "person.title", value_text("x"), 300 },
        };
        int n_wrong = 0;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Text text = { 0 };
                Lead lead;
                Receipts receipts = { 0 };

                text_printf(&text, GROUPS "score 'S' { group = 'fit', %s }", cases[i].score);
                RuleSet *rules = rules_load(text.data);
                lead_begin(&lead);
                lead_set(&lead, cases[i].path, cases[i].value);
                Subject *subject = lead_judge(&lead, rules, &receipts);
                const Receipt *receipt = receipt_of(&receipts, "S");
                if (subject->fit_mp != cases[i].want_mp || (receipt != NULL) != (cases[i].want_mp != 0) ||
                        (receipt && receipt->points_mp != cases[i].want_mp)) {
                        print_error("%s on %s: got %lld, want %lld\n", cases[i].score, cases[i].path, (long long) subject->fit_mp,
                                (long long) cases[i].want_mp);
                        n_wrong++;
                }
                lead_end(&lead);
                text_free(&text);
                policy_free(rules);
        }
        assert_int_equal(n_wrong, 0);
}

/* ---- activities ---- */

/* Three visits (1, 10 and 40 days ago; /pricing, /Pricing/eu, /jobs), a webinar twice for the same campaign and once for another, a form,
 * three downloads in one record. */
static void lead_visit(Lead *lead) {
        activity_text(lead, lead_did(lead, "page_viewed", 40 * US_PER_DAY), "activity.url", "/jobs");
        activity_text(lead, lead_did(lead, "page_viewed", 10 * US_PER_DAY), "activity.url", "/Pricing/eu");
        activity_text(lead, lead_did(lead, "page_viewed", 1 * US_PER_DAY), "activity.url", "/pricing");
        activity_text(lead, lead_did(lead, "event_attended", 60 * US_PER_DAY), "activity.campaign", "spring");
        activity_text(lead, lead_did(lead, "event_attended", 30 * US_PER_DAY), "activity.campaign", "spring");
        activity_text(lead, lead_did(lead, "event_attended", 90 * US_PER_DAY), "activity.campaign", "winter");
        Activity *form = lead_did(lead, "form_submitted", 5 * US_PER_DAY);
        activity_text(lead, form, "attribution.form_name", "Demo request");
        activity_text(lead, form, "attribution.form_id", "f-1");
        activity_text(lead, form, "attribution.page_url", "/pricing/demo");
        Activity *download = lead_did(lead, "asset_downloaded", 3 * US_PER_DAY);
        activity_text(lead, download, "activity.asset", "guide");
        activity_set(lead, download, "activity.count", value_integer(3));
        activity_set(lead, download, "activity.properties.pages", value_integer(12));
        lead->history[2].after_move = true;
}

static void score__of_activities__counts_what_they_say(void **state _unused_) {
        static const struct {
                const char *score;
                int64_t want_mp;
                uint64_t event; /* the newest that counted */
        } cases[] = {
                { "on = { type = 'page_viewed' }, each = 8", 24000, 102 },
                { "on = { type = 'page_viewed', url = has('/pricing') }, each = 8", 16000, 102 },
                { "on = { type = 'page_viewed', url = has('/pricing') }, each = 8, cap = 12", 12000, 102 },
                { "on = { type = 'page_viewed' }, each = -8, cap = -12", -12000, 102 },
                { "on = { type = 'page_viewed' }, points = 5", 5000, 102 },
                { "on = { type = 'Page_Viewed' }, points = 5", 5000, 102 },
                { "on = { type = 'page_viewed', url = '/jobs' }, points = 5", 5000, 100 },
                { "on = { type = 'page_viewed', within = '10d' }, each = 1", 2000, 102 }, /* both ends count */
                { "on = { type = 'page_viewed', within = '239h' }, each = 1", 1000, 102 },
                { "on = { type = 'page_viewed', since = 'move' }, each = 1", 1000, 102 },
                { "on = { type = starts('page') }, each = 1", 3000, 102 },
                { "on = {}, each = 1", 10000, 102 }, /* everything, the downloads three times */
                { "on = { type = 'asset_downloaded' }, each = 4", 12000, 107 },
                { "on = { type = 'asset_downloaded' }, points = 4", 4000, 107 },
                { "on = { type = 'asset_downloaded' }, each = 4, per = 'asset'", 4000, 107 },
                { "on = { ['properties.pages'] = ge(10) }, points = 4", 4000, 107 },
                { "on = { count = 3 }, points = 4", 4000, 107 },
                { "on = did{ type = 'form_submitted', name = 'demo request' }, points = 4", 4000, 106 },
                { "on = { type = 'form_submitted', url = has('/pricing') }, points = 4", 4000, 106 },
                { "on = { type = 'form_submitted', name = 'f-1' }, points = 4", 0, 0 }, /* the id stands in for a missing name only */
                { "on = { type = 'event_attended' }, each = 15", 45000, 104 },
                { "on = { type = 'event_attended' }, each = 15, per = 'campaign'", 30000, 104 },
                { "on = { type = 'page_viewed' }, each = 15, per = 'url'", 45000, 102 },
                { "on = { type = 'page_viewed' }, each = 15, per = 'campaign'", 15000, 102 }, /* none says: one value */
                { "on = {}, each = 1, per = 'ever'", 1000, 102 },
                { "on = {}, each = 1, per = 'day'", 8000, 102 },
                { "on = { type = 'nothing' }, each = 1", 0, 0 },
                { "when = did{ type = 'page_viewed', at_least = 3 }, points = 9", 9000, 0 },
                { "when = did{ type = 'page_viewed', at_least = 4 }, points = 9", 0, 0 },
                { "when = did{ type = 'page_viewed', exactly = 3 }, points = 9", 9000, 0 },
                { "when = did{ type = 'page_viewed', within = '20d', exactly = 2 }, points = 9", 9000, 0 },
                { "when = did{ type = 'event_attended', distinct = 'campaign', at_least = 2 }, points = 9", 9000, 0 },
                { "when = did{ type = 'event_attended', distinct = 'campaign', at_least = 3 }, points = 9", 0, 0 },
                { "when = did{ distinct = 'type', exactly = 4 }, points = 9", 9000, 0 },
                { "when = did{ type = 'page_viewed', distinct = 'campaign' }, points = 9", 0, 0 }, /* nothing known is not one of a kind */
                { "when = did{ type = 'asset_downloaded', at_least = 3 }, points = 9", 9000, 0 },
        };
        int n_wrong = 0;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Text text = { 0 };
                Lead lead;
                Receipts receipts = { 0 };

                text_printf(&text, GROUPS "score 'S' { group = 'engagement', %s }", cases[i].score);
                RuleSet *rules = rules_load(text.data);
                lead_begin(&lead);
                lead_visit(&lead);
                Subject *subject = lead_judge(&lead, rules, &receipts);
                const Receipt *receipt = receipt_of(&receipts, "S");
                if (subject->engagement_mp != cases[i].want_mp || (receipt ? receipt->event : 0) != cases[i].event) {
                        print_error("%s: got %lld by event %llu, want %lld by %llu\n", cases[i].score, (long long) subject->engagement_mp,
                                (unsigned long long) (receipt ? receipt->event : 0), (long long) cases[i].want_mp,
                                (unsigned long long) cases[i].event);
                        n_wrong++;
                }
                lead_end(&lead);
                text_free(&text);
                policy_free(rules);
        }
        assert_int_equal(n_wrong, 0);
}

static void score__per_day__takes_days_of_the_house(void **state _unused_) {
        static const char scores[] = GROUPS "score 'S' { group = 'engagement', on = { type = 'x' }, each = 1, per = 'day' }";
        static const struct {
                const char *settings;
                int64_t want_mp;
        } cases[] = {
                { "", 1000 },                                              /* both on 2026-03-04 in UTC */
                { "settings 's' { zone = 'America/New_York' } ", 2000 },   /* 23:30 on the 3rd, 05:30 on the 4th */
                { "settings 's' { zone = 'Pacific/Kiritimati' } ", 2000 }, /* 18:30 on the 4th, 00:30 on the 5th */
                { "settings 's' { zone = 'Europe/Berlin' } ", 1000 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Text text = { 0 };
                Lead lead;

                text_printf(&text, "%s%s", cases[i].settings, scores);
                RuleSet *rules = rules_load(text.data);
                lead_begin(&lead);
                lead_did(&lead, "x", 28 * US_PER_HOUR + 30 * US_PER_MINUTE);
                lead_did(&lead, "x", 22 * US_PER_HOUR + 30 * US_PER_MINUTE);
                int64_t got_mp = lead_judge(&lead, rules, NULL)->engagement_mp;
                if (got_mp != cases[i].want_mp)
                        fail_msg("%s: got %lld, want %lld", cases[i].settings, (long long) got_mp, (long long) cases[i].want_mp);
                lead_end(&lead);
                text_free(&text);
                policy_free(rules);
        }
}

static void score__unless_another_matched__gives_nothing_beside_it(void **state _unused_) {
        /* Declared before what it waits for, and in a row of three: A unless B unless C. */
        RuleSet *rules = rules_load(GROUPS "score 'A' { group = 'fit', points = 1, unless = 'B' }\n"
                                           "score 'B' { group = 'fit', points = 10, unless = 'C' }\n"
                                           "score 'C' { group = 'fit', when = { country = 'DE' }, points = 100 }\n");
        Lead lead;
        Receipts receipts = { .all = true };

        lead_begin(&lead);
        lead_text(&lead, "company.country", "DE");
        assert_int_equal(lead_judge(&lead, rules, &receipts)->fit_mp, 101000); /* C, so not B, so A */
        /* Receipts stand in the order of declaration all the same. */
        assert_string_equal(receipts.items[0].rule->name, "A");
        assert_string_equal(receipts.items[1].rule->name, "B");
        assert_string_equal(receipts.items[2].rule->name, "C");
        lead_text(&lead, "company.country", "FR");
        assert_int_equal(lead_judge(&lead, rules, NULL)->fit_mp, 10000);
        lead_end(&lead);
        policy_free(rules);
}

static void group__beyond_its_bounds__is_cut_with_a_receipt(void **state _unused_) {
        RuleSet *rules = rules_load("group 'fit' { min = -10, max = 100 }\nscore 'A' { group = 'fit', points = 70 }\n"
                                    "score 'B' { group = 'fit', when = { country = 'DE' }, points = 57 }\n"
                                    "score 'C' { group = 'fit', when = { country = 'FR' }, points = -100 }\n");
        Lead lead;
        Receipts receipts = { 0 };

        lead_begin(&lead);
        lead_text(&lead, "company.country", "DE");
        assert_int_equal(lead_judge(&lead, rules, &receipts)->fit_mp, 100000);
        const Receipt *group = receipt_of(&receipts, "fit");
        assert_non_null(group);
        assert_int_equal(group->before_mp, 127000); /* the receipts add up to what the lead shows */
        assert_int_equal(group->after_mp, 100000);
        receipts.n_items = 0;
        lead_text(&lead, "company.country", "FR");
        assert_int_equal(lead_judge(&lead, rules, &receipts)->fit_mp, -10000);
        receipts.n_items = 0;
        lead_text(&lead, "company.country", "IT");
        assert_int_equal(lead_judge(&lead, rules, &receipts)->fit_mp, 70000);
        assert_null(receipt_of(&receipts, "fit"));
        lead_end(&lead);
        policy_free(rules);
}

/* ---- age ---- */

/* Against the C library in long double; ages and weights of every size. */
static void decay__any_age__is_the_nearest_milli_point(void **state _unused_) {
        static const int64_t lives_s[] = { 1, 60, 3600, 7 * 86400, 30 * 86400 + 1, 365 * INT64_C(86400), INT64_C(3155760000) };
        static const int64_t weights[] = { 1, 999, 8000, 15000, INT64_C(123456789), INT64_C(1000000000000) };
        uint64_t seed = 20260305;

        for (size_t i = 0; i < ARRAY_SIZE(lives_s); i++)
                for (size_t j = 0; j < ARRAY_SIZE(weights); j++)
                        for (int n = 0; n < 300; n++) {
                                seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                                int64_t age_s = (int64_t) ((seed >> 16) % (uint64_t) (lives_s[i] * 12 + 1));
                                Decay decay = { .half_life_s = lives_s[i] };
                                int64_t got = decay_apply(&decay, weights[j], age_s);
                                long double want = (long double) weights[j] * exp2l(-(long double) age_s / (long double) lives_s[i]);

                                if (fabsl((long double) got - want) > 0.5L + want * 1e-15L)
                                        fail_msg("%lld after %lld of %lld s: got %lld, want %.3Lf", (long long) weights[j],
                                                (long long) age_s, (long long) lives_s[i], (long long) got, want);
                                assert_int_equal(decay_apply(&decay, -weights[j], age_s), -got);
                        }
}

static void decay__from_one_second_to_the_next__never_rises(void **state _unused_) {
        Decay decay = { .half_life_s = 86400 };

        for (int64_t age_s = 0, last = INT64_MAX; age_s < 5 * 86400; age_s++) {
                int64_t now = decay_apply(&decay, INT64_C(1000000000000000), age_s);
                assert_true(now < last);
                last = now;
        }
}

static void decay__whole_half_lives__are_exact(void **state _unused_) {
        Decay week = { .half_life_s = 7 * 86400 };

        assert_int_equal(decay_apply(&week, 10000, 14 * 86400), 2500); /* V6: 2.5 after 14 days */
        assert_int_equal(decay_apply(&week, 10000, 7 * 86400), 5000);
        assert_int_equal(decay_apply(&week, 10000, 0), 10000);
        assert_int_equal(decay_apply(&week, 10000, -5), 10000); /* ahead by its source's clock */
        assert_int_equal(decay_apply(&week, 10000, INT64_C(7) * 86400 * 61), 0);
        assert_int_equal(decay_apply(&week, 1, 7 * 86400), 1); /* half away from zero */
        assert_int_equal(decay_apply(&week, -1, 7 * 86400), -1);
        assert_int_equal(decay_apply(&week, DECAY_WEIGHT_MAX, 7 * 86400), DECAY_WEIGHT_MAX / 2);
}

/* V6: 10 points, half a month's worth at a time: 10, 5, 0, 0. */
static void fade__half_every_month__is_gone_after_two(void **state _unused_) {
        static const int64_t want_mp[] = { 10000, 5000, 0, 0 };
        RuleSet *rules =
                rules_load("group 'engagement' { half_life = '1d' }\n" /* fade replaces it */
                           "score 'S' { group = 'engagement', on = { type = 'x' }, each = 10, fade = { every = '30d', percent = 50 } }");

        for (size_t i = 0; i < ARRAY_SIZE(want_mp); i++) {
                Lead lead;

                lead_begin(&lead);
                lead_did(&lead, "x", (int64_t) i * 30 * US_PER_DAY);
                assert_int_equal(lead_judge(&lead, rules, NULL)->engagement_mp, want_mp[i]);
                if (i == 0) { /* one second short of the month it is whole */
                        lead.subject.now_us += 30 * US_PER_DAY - US_PER_SECOND;
                        assert_int_equal(lead_judge(&lead, rules, NULL)->engagement_mp, 10000);
                }
                lead_end(&lead);
        }
        policy_free(rules);
}

static void half_life__of_a_group__falls_per_event_then_is_capped(void **state _unused_) {
        RuleSet *rules = rules_load("group 'engagement' { half_life = '30d' }\n"
                                    "score 'A' { group = 'engagement', on = { type = 'a' }, each = 8, cap = 9 }\n"
                                    "score 'B' { group = 'engagement', on = { type = 'b' }, points = 20 }\n");
        Lead lead;
        Receipts receipts = { 0 };

        lead_begin(&lead);
        lead_did(&lead, "a", 30 * US_PER_DAY);
        lead_did(&lead, "a", 0);
        lead_did(&lead, "b", 60 * US_PER_DAY);
        lead_did(&lead, "b", 30 * US_PER_DAY);
        lead_judge(&lead, rules, &receipts);
        assert_int_equal(receipt_of(&receipts, "A")->before_mp, 16000);
        assert_int_equal(receipt_of(&receipts, "A")->after_mp, 9000);   /* 4 + 8, cut to 9 */
        assert_int_equal(receipt_of(&receipts, "B")->points_mp, 10000); /* the newest only */
        assert_int_equal(lead.subject.engagement_mp, 19000);
        lead_end(&lead);
        policy_free(rules);
}

/* V5: "returns within 4 h" for a last visit 3 hours ago, "within 1 h" not. */
static void within__hours__looks_back_that_far(void **state _unused_) {
        RuleSet *rules = rules_load("segment 'four' { when = did{ type = 'page_viewed', within = '4h' } }\n"
                                    "segment 'one' { when = did{ type = 'page_viewed', within = '1h' } }\n");
        Lead lead;

        lead_begin(&lead);
        lead_did(&lead, "page_viewed", 3 * US_PER_HOUR);
        assert_int_equal(lead_judge(&lead, rules, NULL)->segments[0], 1);
        lead_end(&lead);
        policy_free(rules);
}

/* ---- weights ---- */

static const char scorecard[] =
        "group 'fit' { weights = true } group 'engagement' { weights = true }\n"
        "grade 'G' { fit = { A = 75, B = 50, C = 25, D = 0 }, engagement = { ['1'] = 75, ['2'] = 50, ['3'] = 25, ['4'] = 0 } }\n"
        "score 'TITLE' { group = 'fit', weight = 30, best_of = { { when = { ['person.title'] = 'VP Marketing' }, percent = 100 },\n"
        "  { when = { ['person.title'] = 'Director Sales' }, percent = 50 }, { when = { ['person.title'] = 'Manager Sales' }, percent = 25 "
        "} } }\n"
        "score 'INDUSTRY' { group = 'fit', weight = 30, best_of = { { when = { ['company.industry'] = one_of{ 'Software', 'Pharma' } }, "
        "percent = 100 } } }\n"
        "score 'REVENUE' { group = 'fit', weight = 25, best_of = { { when = { ['company.annual_revenue.amount'] = ge(1e9) }, percent = 100 "
        "},\n"
        "  { when = { ['company.annual_revenue.amount'] = ge(1e8) }, percent = 20 } } }\n"
        "score 'SOLUTION' { group = 'fit', weight = 15, best_of = { { when = { ['answers.solution'] = 'Comp1' }, percent = 100 },\n"
        "  { when = { ['answers.solution'] = 'Comp2' }, percent = 80 } } }\n"
        "score 'FORM' { group = 'engagement', weight = 35, best_of = { { when = did{ type = 'form_submitted', within = '7d' }, percent = "
        "100 },\n"
        "  { when = did{ type = 'form_submitted', within = '14d' }, percent = 75 }, { when = did{ type = 'form_submitted', within = '30d' "
        "}, percent = 50 } } }\n"
        "score 'CLICKS' { group = 'engagement', weight = 20, best_of = { { when = did{ type = 'email_clicked', within = '7d', at_least = 3 "
        "}, percent = 100 },\n"
        "  { when = did{ type = 'email_clicked', within = '30d', at_least = 3 }, percent = 75 }, { when = did{ type = 'email_clicked', "
        "within = '14d', exactly = 1 }, percent = 50 } } }\n"
        "score 'PAGES' { group = 'engagement', weight = 30, best_of = { { when = did{ type = 'page_viewed', within = '7d', at_least = 3 }, "
        "percent = 100 },\n"
        "  { when = did{ type = 'page_viewed', within = '30d', at_least = 3 }, percent = 75 }, { when = did{ type = 'page_viewed', within "
        "= '14d' }, percent = 50 } } }\n"
        "score 'OPENS' { group = 'engagement', weight = 15, best_of = { { when = did{ type = 'email_opened', within = '7d', at_least = 3 "
        "}, percent = 100 },\n"
        "  { when = did{ type = 'email_opened', within = '30d', at_least = 3 }, percent = 75 }, { when = did{ type = 'email_opened', "
        "within = '14d', exactly = 1 }, percent = 100 } } }\n";

static void did_times(Lead *lead, const char *type, int n, int64_t days) {
        for (int i = 0; i < n; i++)
                lead_did(lead, type, days * US_PER_DAY);
}

/* V7 */
static void weights__scorecard_of_an_automation_suite__gives_its_ratings(void **state _unused_) {
        RuleSet *rules = rules_load(scorecard);
        Lead lead;

        lead_begin(&lead);
        lead_text(&lead, "person.title", "VP Marketing");
        lead_text(&lead, "company.industry", "Software");
        lead_set(&lead, "company.annual_revenue.amount", value_integer(1000000000));
        lead_text(&lead, "answers.solution", "Comp1");
        did_times(&lead, "form_submitted", 1, 3);
        did_times(&lead, "email_clicked", 3, 5);
        did_times(&lead, "page_viewed", 3, 5);
        did_times(&lead, "email_opened", 3, 5);
        Subject *subject = lead_judge(&lead, rules, NULL);
        assert_int_equal(subject->fit_mp, 100000);
        assert_int_equal(subject->engagement_mp, 100000);
        assert_string_equal(subject->grade, "A1");
        lead_end(&lead);

        lead_begin(&lead);
        lead_text(&lead, "person.title", "Director Sales");
        lead_text(&lead, "company.industry", "Pharma");
        lead_set(&lead, "company.annual_revenue.amount", value_integer(100000000));
        lead_text(&lead, "answers.solution", "Comp2");
        did_times(&lead, "form_submitted", 1, 10);
        did_times(&lead, "email_clicked", 3, 20);
        did_times(&lead, "page_viewed", 1, 10);
        did_times(&lead, "email_opened", 1, 10);
        subject = lead_judge(&lead, rules, NULL);
        assert_int_equal(subject->fit_mp, 62000);
        assert_int_equal(subject->engagement_mp, 71250);
        assert_string_equal(subject->grade, "B2");
        lead_end(&lead);

        lead_begin(&lead);
        lead_text(&lead, "person.title", "Manager Sales");
        lead_text(&lead, "company.industry", "Other");
        lead_set(&lead, "company.annual_revenue.amount", value_integer(100000000));
        subject = lead_judge(&lead, rules, NULL);
        assert_int_equal(subject->fit_mp, 12500);
        assert_string_equal(subject->grade, "D4");
        lead_end(&lead);
        policy_free(rules);
}

/* ---- the language's own example ---- */

/* The test that stands in section 5 of the language, over the rules of its section 3. */
static void example__director_who_looked_at_prices__is_worth_what_the_language_says(void **state _unused_) {
        _cleanup_(text_free) Text text = { 0 };
        char buffer[4096];
        FILE *file = fopen("tests/data/rules/language.lua", "re");

        if (!file)
                fail_msg("cannot read tests/data/rules/language.lua from here");
        for (size_t n; (n = fread(buffer, 1, sizeof(buffer), file)) > 0;)
                text_append_size(&text, buffer, n);
        (void) fclose(file);
        RuleSet *rules = rules_load(text.data);
        Lead lead;
        Receipts receipts = { 0 };
        lead_begin(&lead);
        lead_text(&lead, "person.email", "m@keller.example");
        lead_text(&lead, "person.seniority", "director");
        lead_set(&lead, "company.employees", value_integer(180));
        lead_text(&lead, "company.country", "DE");
        lead_set(&lead, "consent.contact", value_bool(true));
        activity_text(&lead, lead_did(&lead, "page_viewed", 2 * US_PER_DAY), "activity.url", "/pricing");
        lead_judge(&lead, rules, &receipts);
        assert_non_null(receipt_of(&receipts, "SENIOR"));
        assert_non_null(receipt_of(&receipts, "SIZE"));
        assert_non_null(receipt_of(&receipts, "PRICING"));
        assert_null(receipt_of(&receipts, "BUDGET"));
        assert_int_equal(lead.subject.fit_mp, 40000);
        assert_in_range(lead.subject.engagement_mp, 7000, 8000);
        assert_string_equal(lead.subject.grade, "C4");
        lead_set(&lead, "interest.budget.amount", value_integer(5));
        receipts.n_items = 0;
        lead_judge(&lead, rules, &receipts);
        assert_string_equal(receipt_of(&receipts, "BUDGET")->note, "names a budget");
        lead_end(&lead);
        policy_free(rules);
}

/* ---- order and process ---- */

static const char shuffled[] =
        "settings 's' { zone = 'Europe/Berlin' }\n"
        "group 'fit' {} group 'engagement' { half_life = '17d', max = 5000 } group 'other' { min = -1000, max = 5000 }\n"
        "score 'A' { group = 'engagement', on = { type = 'a' }, each = 3 }\n"
        "score 'B' { group = 'engagement', on = { type = 'b', within = '20d' }, each = 7.7, cap = 40 }\n"
        "score 'C' { group = 'engagement', on = { type = 'c' }, points = 12 }\n"
        "score 'D' { group = 'engagement', on = { type = one_of{ 'a', 'b' } }, each = 5, per = 'url' }\n"
        "score 'E' { group = 'other', on = { type = 'a' }, each = 5, per = 'day', fade = { every = '3d', percent = 10 } }\n"
        "score 'F' { group = 'other', on = { type = 'b' }, each = -2, per = 'campaign' }\n"
        "score 'G' { group = 'other', when = did{ distinct = 'url', at_least = 4 }, points = 3, unless = 'A' }\n"
        "score 'H' { group = 'other', points = function(lead) local n = 0; for i, a in ipairs(lead.activities) do n = n + i * (a.value or "
        "0) end; return n % 1000 end }\n";

static void receipts_write(const Receipts *receipts, Text *out) {
        for (size_t i = 0; i < receipts->n_items; i++) {
                const Receipt *r = &receipts->items[i];
                text_printf(out, "%s %d%d %lld %lld %lld %llu %s|%s\n", r->rule->name, r->matched, r->failed, (long long) r->points_mp,
                        (long long) r->before_mp, (long long) r->after_mp, (unsigned long long) r->event, r->note ? r->note : "-",
                        r->trace ? r->trace : "-");
        }
}

static uint64_t random_next(uint64_t *seed) {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        return *seed;
}

static void lead_wander(Lead *lead, uint64_t *seed) {
        static const char *const types[] = { "a", "b", "c" }, *const urls[] = { "/1", "/2", "/3", "/4", "/5" };
        size_t n = random_next(seed) % 60;

        for (size_t i = 0; i < n; i++) {
                Activity *activity =
                        lead_did(lead, types[random_next(seed) % 3], (int64_t) (random_next(seed) % (uint64_t) (40 * US_PER_DAY)));

                /* Some at the same instant: then the event decides which is newer. */
                if (random_next(seed) % 4 == 0)
                        activity->time_us = NOW_US - 6 * US_PER_DAY;
                if (random_next(seed) % 3 > 0)
                        activity_text(lead, activity, "activity.url", urls[random_next(seed) % 5]);
                if (random_next(seed) % 3 == 0)
                        activity_text(lead, activity, "activity.campaign", urls[random_next(seed) % 5]);
                if (random_next(seed) % 3 == 0)
                        activity_set(lead, activity, "activity.count", value_integer((int64_t) (random_next(seed) % 5)));
                activity_set(lead, activity, "activity.value", value_integer((int64_t) (random_next(seed) % 100)));
        }
}

/* Records arrive late, twice and in any order: only what happened counts. Two rule sets loaded apart agree to the byte. */
static void scores__history_in_any_order_and_any_process__are_the_same(void **state _unused_) {
        RuleSet *rules = rules_load(shuffled), *twin = rules_load(shuffled);
        uint64_t seed = 0x1eadd20260305;

        for (int round = 0; round < 100; round++) {
                uint64_t round_seed = seed;
                Text first = { 0 }, second = { 0 };
                Lead lead;

                lead_begin(&lead);
                lead_wander(&lead, &seed);
                Receipts receipts = { .all = true, .trace = true };
                lead_judge(&lead, rules, &receipts);
                Subject before = lead.subject;
                receipts_write(&receipts, &first);
                for (size_t i = lead.n_history; i > 1; i--) {
                        size_t j = random_next(&seed) % i;
                        Activity activity = lead.history[i - 1];
                        lead.history[i - 1] = lead.history[j];
                        lead.history[j] = activity;
                }
                receipts = (Receipts){ .all = true, .trace = true };
                lead_judge(&lead, twin, &receipts);
                receipts_write(&receipts, &second);
                if (!base_streq(first.data, second.data))
                        fail_msg("seed %llu:\n%s\nshuffled:\n%s", (unsigned long long) round_seed, first.data, second.data);
                assert_int_equal(before.next_change_us, lead.subject.next_change_us);
                assert_memory_equal(before.group_mp, lead.subject.group_mp, sizeof(before.group_mp));
                lead_end(&lead);
                text_free(&first);
                text_free(&second);
        }
        policy_free(rules);
        policy_free(twin);
}

/* V6: the same whether computed once or daily. */
static void scores__looked_at_daily__end_where_looking_once_ends(void **state _unused_) {
        RuleSet *rules = rules_load(shuffled);
        uint64_t seed = 7;
        Lead daily, once;

        lead_begin(&daily);
        lead_wander(&daily, &seed);
        seed = 7;
        lead_begin(&once);
        lead_wander(&once, &seed);
        for (int day = 0; day < 50; day++) {
                lead_judge(&daily, rules, NULL);
                daily.subject.now_us += US_PER_DAY;
        }
        lead_judge(&daily, rules, NULL);
        once.subject.now_us += 50 * US_PER_DAY;
        lead_judge(&once, rules, NULL);
        assert_memory_equal(daily.subject.group_mp, once.subject.group_mp, sizeof(once.subject.group_mp));
        lead_end(&daily);
        lead_end(&once);
        policy_free(rules);
}

/* Extreme points and counts saturate; they neither wrap nor trap. */
static void scores__of_absurd_size__stay_in_bounds(void **state _unused_) {
        RuleSet *rules = rules_load("group 'engagement' { half_life = '100d', min = -1e9, max = 1e9 }\n"
                                    "score 'A' { group = 'engagement', on = { type = 'a' }, each = 1e9 }\n"
                                    "score 'B' { group = 'engagement', on = { type = 'b' }, each = -1e9 }\n");
        Lead lead;

        lead_begin(&lead);
        for (int i = 0; i < 300; i++) {
                Activity *activity = lead_did(&lead, i % 2 ? "a" : "b", i * US_PER_DAY);
                activity_set(&lead, activity, "activity.count", i % 3 ? value_number(1e300) : value_integer(INT64_MAX));
        }
        lead_judge(&lead, rules, NULL);
        lead.n_history = 1;
        assert_int_equal(lead_judge(&lead, rules, NULL)->engagement_mp, -INT64_C(1000000000000));
        lead.history[0].type = "a";
        assert_int_equal(lead_judge(&lead, rules, NULL)->engagement_mp, INT64_C(1000000000000));
        activity_set(&lead, &lead.history[0], "activity.count", value_number(-3));
        assert_int_equal(lead_judge(&lead, rules, NULL)->engagement_mp, 0);
        lead_end(&lead);
        policy_free(rules);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(score__of_a_field__gives_what_map_and_bands_say),
                cmocka_unit_test(score__of_activities__counts_what_they_say),
                cmocka_unit_test(score__per_day__takes_days_of_the_house),
                cmocka_unit_test(score__unless_another_matched__gives_nothing_beside_it),
                cmocka_unit_test(group__beyond_its_bounds__is_cut_with_a_receipt),
                cmocka_unit_test(decay__any_age__is_the_nearest_milli_point),
                cmocka_unit_test(decay__from_one_second_to_the_next__never_rises),
                cmocka_unit_test(decay__whole_half_lives__are_exact),
                cmocka_unit_test(fade__half_every_month__is_gone_after_two),
                cmocka_unit_test(half_life__of_a_group__falls_per_event_then_is_capped),
                cmocka_unit_test(within__hours__looks_back_that_far),
                cmocka_unit_test(weights__scorecard_of_an_automation_suite__gives_its_ratings),
                cmocka_unit_test(example__director_who_looked_at_prices__is_worth_what_the_language_says),
                cmocka_unit_test(scores__history_in_any_order_and_any_process__are_the_same),
                cmocka_unit_test(scores__looked_at_daily__end_where_looking_once_ends),
                cmocka_unit_test(scores__of_absurd_size__stay_in_bounds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
