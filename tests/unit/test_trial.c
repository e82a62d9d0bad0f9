/* SPDX-License-Identifier: MIT */
/*
 * Tests of tests: the language's own example passes on the language's own rules, each kind of expectation can fail and says why, a
 * test leaves nothing to the next, and all of it is as fast as a reload needs.
 */
#include "test_policy_directory.h"

#include <time.h>

#include "leadd/trial.h"

static RuleSet *load_with(const char *rules_file, const char *more, const char *tests) {
        Directory directory;
        RuleSet *rules = NULL;
        _cleanup_(base_freep) char *text = file_content(rules_file, NULL);
        directory_open(&directory);
        directory_write_text(&directory, "10.lua", text);
        if (more)
                directory_write_text(&directory, "20.lua", more);
        directory_write_text(&directory, "10_test.lua", tests);
        _cleanup_(base_freep) char *problems = directory_load(&directory, 0, &rules);
        directory_close(&directory);
        if (!rules)
                fail_msg("does not load:\n%s", problems);
        return rules;
}

static RuleSet *load_language(const char *tests) { return load_with(DATA "language.lua", NULL, tests); }

static void language__section_5s_test__passes_on_section_3(void **state) {
        (void) state;
        _cleanup_(base_freep) char *tests = file_content(DATA "language_test.lua", NULL);
        _cleanup_(policy_freep) RuleSet *rules = load_language(tests);
        TrialReport report;
        assert_int_equal(trial_run(rules, NULL, &report), 0);
        assert_int_equal(report.n_tests, 1);
        if (report.n_failed > 0)
                fail_msg("%s", report.failures[0].text);
        trial_report_done(&report);
}

/* ---- what an expectation says when it is not met ---- */

#define KELLER \
        "at = '2026-03-05T10:00:00+01:00', given = { lead{ person = { email = 'm@keller.example', seniority = 'director', " \
        "locale = 'de-DE' }, company = { employees = 180, country = 'DE' }, consent = { contact = true } }"

typedef struct MissCase {
        const char *test;  /* what follows KELLER */
        const char *where; /* of the miss; NULL = it passes */
        const char *key, *want, *got;
} MissCase;

static const MissCase miss_cases[] = {
        { " }, expect = { status = 'inquiry', team = 'marketing', owner = false, due = false, held = false, moved = {}, reminded = false,"
          " segments = {}, fit = 40, engagement = 0, score = { fit = ge(40) }, grade = 'C4', hits = 'SENIOR', misses = { 'BUDGET' } }",
                NULL, NULL, NULL, NULL },
        { " }, expect = { status = 'mql' }", "expect", "status", "\"mql\"", "\"inquiry\"" },
        { " }, expect = { status = is_not('inquiry') }", "expect", "status", "other than \"inquiry\"", "\"inquiry\"" },
        { " }, expect = { team = 'sales' }", "expect", "team", "\"sales\"", "\"marketing\"" },
        { " }, expect = { owner = 'anna' }", "expect", "owner", "\"anna\"", "nothing" },
        { " }, expect = { fit = 41 }", "expect", "fit", "41", "40" },
        { " }, expect = { fit = between(50, 60) }", "expect", "fit", "at least 50 and at most 60", "40" },
        { " }, expect = { engagement = gt(0) }", "expect", "engagement", "above 0", "0" },
        { " }, expect = { score = { fit = lt(40) } }", "expect", "score.fit", "below 40", "40" },
        { " }, expect = { grade = one_of{ 'A1', 'B1' } }", "expect", "grade", "one of \"A1\", \"B1\"", "\"C4\"" },
        { " }, expect = { segments = { 'enterprise' } }", "expect", "segments", "enterprise", "nothing" },
        { " }, expect = { hits = { 'SIZE', 'BUDGET' } }", "expect", "hits", "BUDGET", "none: a function gave nothing" },
        { " }, expect = { hits = { 'enterprise' } }", "expect", "hits", "enterprise",
                "none: company.employees is 180, wanted at least 1000" },
        { " }, expect = { misses = { 'SIZE' } }", "expect", "misses", "SIZE not", "a hit: company.employees = 180" },
        { " }, expect = { due = '2026-03-09T10:00:00+01:00' }", "expect", "due", "2026-03-09T10:00:00+01:00", "nothing" },
        { " }, expect = { held = true }", "expect", "held", "held", "not held" },
        { " }, expect = { moved = { 'hand_raise' } }", "expect", "moved", "hand_raise", "nothing" },
        { " }, expect = { reminded = { 'owner' } }", "expect", "reminded", "owner", "nothing" },
        { " }, expect = { track = 're-nurture' }", "expect", "track", "\"re-nurture\"", "nothing" },
        { " }, expect = { sent = { 'welcome' } }", "expect", "sent", "welcome", "nothing" },
        { " }, expect = { audience = {} }", NULL, NULL, NULL, NULL },
        { " }, expect = { audience = { 'spring-webinar' } }", "expect", "audience", "spring-webinar", "nothing" },
        { ", consent{ purpose = 'marketing', granted = true }, company{ name = 'Keller', employees = 1200 } }, expect = { audience = {} }",
                "expect", "audience", "nothing", "spring-webinar" },
        { " }, expect = { hits = { 're-nurture' } }", "expect", "hits", "re-nurture", "none: consent.marketing is missing" },
        { " }, expect = { refused = true }", "expect", "refused", "refused", "taken" },
        { " }, expect = { fence = 'NO_CONSENT' }", "expect", "fence", "NO_CONSENT", "nothing" },
        { ", outcome{ move = 'accept', by = 'anna' } }, expect = { refused = 'wrong_status' }", NULL, NULL, NULL, NULL },
        { ", outcome{ move = 'accept', by = 'anna' } }, expect = { refused = false }", "expect", "refused", "taken", NULL },
        { ", outcome{ move = 'accept', by = 'anna' } }, expect = { status = 'inquiry' }", "given[2]", "", "taken", NULL },
        { " }, expect = { fit = 40 }, later = { { advance = '1d', given = { activity{ type = 'form_submitted', name = 'demo' } }, expect = "
          "{"
          " moved = 'hand_raise', owner = 'anna', hits = { 'DACH', 'ACCEPT', 'move:hand_raise' }, due = '2026-03-09T10:00:00+01:00' } },"
          " { advance = '4h', expect = { reminded = { 'owner' }, moved = {} } },"
          " { advance = '1h', expect = { reminded = {} } },"
          " { given = { outcome{ move = 'reject', by = 'anna', reason = 'no_budget' } }, expect = { status = 'nurture', owner = false,"
          " hits = 'no_budget' } } }",
                NULL, NULL, NULL, NULL },
        { " }, expect = { fit = 40 }, later = { { advance = '1d', given = { activity{ type = 'form_submitted', name = 'demo' } }, expect = "
          "{"
          " due = false } } }",
                "later[1].expect", "due", "nothing", "2026-03-09T10:00:00+01:00 (ACCEPT)" },
        /* what marketing sends a lead that came back */
        { ", consent{ purpose = 'marketing', granted = true } }, expect = { track = false, sent = {} }, later = {"
          " { advance = '1d', given = { activity{ type = 'form_submitted', name = 'demo' } }, expect = { owner = 'anna', track = false } },"
          " { given = { outcome{ move = 'reject', by = 'anna', reason = 'no_budget' } },"
          "   expect = { status = 'nurture', track = 're-nurture', sent = 'welcome', hits = 'track:re-nurture' } },"
          " { advance = '13d', expect = { sent = {} } }, { advance = '1d', expect = { sent = { 'welcome' } } },"
          " { advance = '90d', expect = { sent = false, track = 're-nurture' } } }",
                NULL, NULL, NULL, NULL },
        { ", consent{ purpose = 'marketing', granted = true } }, expect = { track = false }, later = {"
          " { advance = '1d', given = { activity{ type = 'form_submitted', name = 'demo' } }, expect = { owner = 'anna' } },"
          " { advance = '1h', given = { outcome{ move = 'reject', by = 'anna', reason = 'no_budget' } }, expect = { status = 'nurture' } "
          "},"
          " { advance = '14d', expect = { sent = {} } } }",
                "later[3].expect", "sent", "nothing", "welcome" },
        /* others beside the one the test is about */
        { ", lead{ person = { email = 'b@big.example' }, company = { employees = 2000 } } }, expect = { { fit = 40 },"
          " { of = 'b@big.example', fit = 40, segments = 'enterprise' }, { of = 'm@keller.example', fit = 40 } }",
                NULL, NULL, NULL, NULL },
        { ", lead{ person = { email = 'b@big.example' }, company = { employees = 2000 } } }, expect = { { fit = 40 },"
          " { of = 'b@big.example', fit = 41 } }",
                "expect[2]", "fit", "41", "40" },
        /* history that was there before */
        { ", activity{ ago = '2d', type = 'page_viewed', url = '/pricing', count = 2 } }, expect = { engagement = between(15, 15.5) }",
                NULL, NULL, NULL, NULL },
        /* a list for this test alone */
        { " }, lists = { competitors = { 'Keller.example' } }, expect = { segments = 'competitor', fit = 0 }", NULL, NULL, NULL, NULL },
        { " }, expect = { segments = {} }", NULL, NULL, NULL, NULL },
        /* nobody is there to take it, until somebody comes back */
        { ", away{ owner = 'anna', to = '2026-03-20T00:00:00Z' }, away{ owner = 'ben', to = '2026-03-20T00:00:00Z' },"
          " activity{ type = 'form_submitted', name = 'demo' } }, expect = { status = 'mql', owner = false, held = 'anna' },"
          " later = { { advance = '1h', given = { back{ owner = 'anna' } }, expect = { owner = 'anna', held = false } } }",
                NULL, NULL, NULL, NULL },
        { ", consent{ purpose = 'contact', granted = false }, activity{ type = 'form_submitted', name = 'demo' } }, expect = {"
          " status = 'inquiry', fence = 'NO_CONSENT', hits = 'NO_CONSENT' }",
                NULL, NULL, NULL, NULL },
        { ", company{ name = 'Keller', employees = 1200 } }, expect = { segments = 'enterprise', hits = 'segment:enterprise' }", NULL, NULL,
                NULL, NULL },
};

static void trial__each_expectation__is_met_or_says_what_was_there(void **state) {
        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(miss_cases); i++) {
                const MissCase *it = &miss_cases[i];
                _cleanup_(text_free) Text tests = { 0 };
                text_printf(&tests, "test 'it' { " KELLER "%s }", it->test);
                _cleanup_(policy_freep) RuleSet *rules = load_language(tests.data);
                TrialReport report;
                assert_int_equal(trial_run(rules, NULL, &report), 0);
                assert_int_equal(report.n_tests, 1);
                if (!it->where && report.n_failed > 0)
                        fail_msg("%s:\n%s", it->test, report.failures[0].text);
                if (it->where && report.n_failed == 0)
                        fail_msg("%s: passed", it->test);
                if (it->where) {
                        const TrialMiss *miss = &report.failures[0].misses[0];
                        if (report.failures[0].n_misses != 1 || !base_streq(miss->where, it->where) || !base_streq(miss->key, it->key) ||
                                !base_streq(miss->want, it->want) || (it->got && !base_streq(miss->got, it->got)))
                                fail_msg("%s: got %s|%s|%s|%s", it->test, miss->where, miss->key, miss->want, miss->got);
                }
                trial_report_done(&report);
        }
}

static void trial__a_failing_test__shows_its_place_and_the_receipts(void **state) {
        (void) state;
        _cleanup_(policy_freep) RuleSet *rules = load_language(
                "\n\ntest 'it' { " KELLER ", activity{ ago = '30d', type = 'page_viewed', url = '/pricing' } }, expect = { fit = 50 } }");
        TrialReport report;
        assert_int_equal(trial_run(rules, NULL, &report), 0);
        assert_int_equal(report.n_failed, 1);
        assert_string_equal(report.failures[0].test, "it");
        assert_string_equal(report.failures[0].file, "10_test.lua");
        assert_int_equal(report.failures[0].line, 3);
        static const char *const parts[] = { "expect.fit: want 50, got 40\n", "receipts of L-1 at 2026-03-05T10:00:00+01:00 (expect):\n",
                "+ score SENIOR (10.lua:61) 20: person.seniority = \"director\"\n",
                "- segment enterprise (10.lua:55): company.employees is 180, wanted at least 1000\n",
                "+ score PRICING (10.lua:65) 8 -> 4: " };
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
                if (!strstr(report.failures[0].text, parts[i]))
                        fail_msg("no %s in:\n%s", parts[i], report.failures[0].text);
        trial_report_done(&report);
}

/* ---- many tests ---- */

static void trial__a_test__finds_nothing_of_the_one_before(void **state) {
        (void) state;
        _cleanup_(policy_freep) RuleSet *rules = load_language(
                "test 'a' { " KELLER ", activity{ type = 'form_submitted', name = 'demo' } }, lists = { competitors = { 'x.example' } },"
                " expect = { owner = 'anna', engagement = 0 } }\n"
                "test 'b' { " KELLER " }, expect = { status = 'inquiry', owner = false, segments = {} } }\n"
                "test 'c' { at = '2026-01-01T00:00:00Z', given = { lead{ person = { email = 'a@rival.example' } } },"
                " expect = { segments = 'competitor' } }");
        for (int round = 0; round < 2; round++) { /* nor of the run before */
                TrialReport report;
                assert_int_equal(trial_run(rules, NULL, &report), 0);
                assert_int_equal(report.n_tests, 3);
                if (report.n_failed > 0)
                        fail_msg("%s", report.failures[0].text);
                trial_report_done(&report);
        }
}

/* The tests share a gate, and nine overruns of one would make the first of the next the tenth. */
static void trial__a_test_whose_rule_overruns__suspends_it_in_no_other(void **state) {
        (void) state;
        _cleanup_(text_free) Text tests = { 0 };
        text_append(&tests, "test 'a' { at = '2026-03-05T10:00:00+01:00', given = { ");
        for (int i = 0; i < 9; i++)
                text_printf(&tests, "lead{ person = { email = 'a%d@example.com', title = 'loop' } }, ", i);
        text_append(&tests, "}, expect = { misses = 'LOOP' } }\n");
        for (int i = 0; i < 2; i++)
                text_printf(&tests,
                        "test '%c' { at = '2026-03-05T0%d:00:00+01:00', given = { lead{ person = { email = 'b@example.com', title = 'loop' "
                        "} "
                        "} }, expect = { misses = 'LOOP' }, later = { { advance = '1s', given = { lead{ person = { email = 'c@example.com' "
                        "} "
                        "} }, expect = { of = 'c@example.com', hits = 'LOOP' } } } }\n",
                        'b' + i, 9 - i);
        _cleanup_(base_freep) char *text = file_content(DATA "language.lua", NULL);
        _cleanup_(policy_freep) RuleSet *rules = NULL;
        Directory directory;
        directory_open(&directory);
        directory_write_text(&directory, "10.lua", text);
        directory_write_text(&directory, "20.lua",
                "score 'LOOP' { group = 'fit', points = function(lead) while lead.person.title == 'loop' do end return 1 end }");
        directory_write_text(&directory, "20_test.lua", tests.data);
        _cleanup_(base_freep) char *problems = directory_load(&directory, 0, &rules);
        directory_close(&directory);
        if (!rules)
                fail_msg("does not load:\n%s", problems);
        TrialReport report;
        assert_int_equal(trial_run(rules, NULL, &report), 0);
        assert_int_equal(report.n_tests, 3);
        if (report.n_failed > 0)
                fail_msg("%s", report.failures[0].text);
        trial_report_done(&report);
}

static void on_count(const Rule *test, const TrialFailure *failure, void *userdata) {
        (void) test;
        (void) failure;
        ++*(size_t *) userdata;
}

/* Of the processor: how long a test waits for it says nothing about us. */
static int64_t processor_us(void) {
        struct timespec ts;
        (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
        return ts.tv_sec * US_PER_SECOND + ts.tv_nsec / 1000;
}

static void trial__a_thousand_tests__take_less_than_ten_seconds_and_stop_when_told(void **state) {
        (void) state;
        _cleanup_(text_free) Text tests = { 0 };
        for (int i = 0; i < 1000; i++)
                text_printf(&tests,
                        "test 'number %d' { " KELLER ", activity{ type = 'form_submitted', name = 'demo' } }, expect = { owner = 'anna' },"
                        " later = { { advance = '2d', expect = { fit = 40 } } } }\n",
                        i);
        _cleanup_(policy_freep) RuleSet *rules = load_language(tests.data);
        TrialReport report;
        size_t n = 0;
        TrialOptions options = { .on_test = on_count, .userdata = &n };
        int64_t start_us = processor_us();
        assert_int_equal(trial_run(rules, &options, &report), 0);
        int64_t took_us = processor_us() - start_us;
        assert_int_equal(report.n_tests, 1000);
        assert_int_equal(n, 1000);
        if (report.n_failed > 0)
                fail_msg("%s", report.failures[0].text);
        trial_report_done(&report);
        print_message("1000 tests took %.3f s\n", (double) took_us / 1e6);
#ifndef __SANITIZE_ADDRESS__
        assert_true(took_us < 10 * US_PER_SECOND);
#endif

        options.filter = "NUMBER 12";
        assert_int_equal(trial_run(rules, &options, &report), 0);
        assert_int_equal(report.n_tests, 11); /* 12, 120 to 129 */
        trial_report_done(&report);

        atomic_bool stop = true;
        assert_int_equal(trial_run(rules, &(TrialOptions){ .stop = &stop }, &report), 0);
        assert_true(report.stopped);
        assert_int_equal(report.n_tests, 0);
        trial_report_done(&report);

        assert_int_equal(trial_run(rules, &(TrialOptions){ .budget_us = 1000 }, &report), 0);
        assert_true(report.stopped);
        assert_true(report.n_tests < 1000);
        trial_report_done(&report);
}

/* ---- coverage ---- */

static bool has_gap(const TrialReport *report, const char *rule, const char *text) {
        for (size_t i = 0; i < report->n_gaps; i++)
                if (base_streq(report->gaps[i].rule->name, rule) && (!text || base_streq(report->gaps[i].text, text)))
                        return true;
        return false;
}

static void trial__coverage__names_what_no_test_made_happen(void **state) {
        (void) state;
        _cleanup_(base_freep) char *tests = file_content(DATA "language_test.lua", NULL);
        _cleanup_(policy_freep) RuleSet *rules = load_language(tests);
        TrialReport report;
        assert_int_equal(trial_run(rules, &(TrialOptions){ .coverage = true }, &report), 0);
        assert_true(has_gap(&report, "BUDGET", "never hit"));
        assert_true(has_gap(&report, "NO_CONSENT", "never hit"));
        assert_true(has_gap(&report, "SCANNER", "never hit"));
        assert_true(has_gap(&report, "accept", "never hit"));
        assert_true(has_gap(&report, "no_budget", "never hit"));
        assert_true(has_gap(&report, "ACCEPT", "steps[2] never fired"));
        assert_false(has_gap(&report, "ACCEPT", "steps[1] never fired"));
        assert_true(has_gap(&report, "GRADE", "no lead reached the band \"A\" of fit"));
        assert_false(has_gap(&report, "GRADE", "no lead reached the band \"C\" of fit"));
        assert_true(has_gap(&report, "DACH", "when: country is one of \"AT\", \"CH\", \"DE\": never false"));
        assert_true(has_gap(&report, "REACHABLE", "when: person.phone_number is known: never true"));
        assert_false(has_gap(&report, "SENIOR", NULL));
        assert_false(has_gap(&report, "hand_raise", NULL));
        trial_report_done(&report);

        assert_int_equal(trial_run(rules, NULL, &report), 0);
        assert_int_equal(report.n_gaps, 0); /* nobody asked */
        trial_report_done(&report);
}

/* What is looked at from the left ends with the first that decides: a branch came out true (all{}) or false (any{}) exactly when its last
 * comparison did, so that comparisons say all there is to say of branches. */
static void trial__coverage__of_branches__is_that_of_their_comparisons(void **state) {
        (void) state;
        _cleanup_(policy_freep) RuleSet *rules = load_with(DATA "language.lua",
                "segment 'nested' { when = any{ all{ { ['company.employees'] = ge(100) }, { ['person.seniority'] = 'vp' } },"
                "  { ['person.seniority'] = 'director' }, any{ { ['person.locale'] = 'fr' }, { ['person.locale'] = 'it' } } } }",
                "test 'a' { " KELLER " }, expect = { segments = { 'nested' } } }"
                "test 'b' { at = '2026-03-05T10:00:00+01:00', given = { lead{ person = { email = 'b@example.com', locale = 'it' },"
                "  company = { employees = 3 } } }, expect = { segments = { 'nested' } } }");
        TrialReport report;
        assert_int_equal(trial_run(rules, &(TrialOptions){ .coverage = true }, &report), 0);
        assert_int_equal(report.n_failed, 0);
        assert_true(has_gap(&report, "nested", "when: person.seniority is \"vp\": never true"));
        assert_true(has_gap(&report, "nested", "when: person.locale is \"it\": never false"));
        assert_true(has_gap(&report, "nested", "when: person.locale is \"fr\": never true"));
        assert_false(has_gap(&report, "nested", "when: company.employees at least 100: never true"));
        assert_false(has_gap(&report, "nested", "when: company.employees at least 100: never false"));
        trial_report_done(&report);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(language__section_5s_test__passes_on_section_3),
                cmocka_unit_test(trial__each_expectation__is_met_or_says_what_was_there),
                cmocka_unit_test(trial__a_failing_test__shows_its_place_and_the_receipts),
                cmocka_unit_test(trial__a_test__finds_nothing_of_the_one_before),
                cmocka_unit_test(trial__a_test_whose_rule_overruns__suspends_it_in_no_other),
                cmocka_unit_test(trial__a_thousand_tests__take_less_than_ten_seconds_and_stop_when_told),
                cmocka_unit_test(trial__coverage__names_what_no_test_made_happen),
                cmocka_unit_test(trial__coverage__of_branches__is_that_of_their_comparisons),
        };
        return cmocka_run_group_tests_name("trial", tests, NULL, NULL);
}
