/* SPDX-License-Identifier: MIT */
/*
 * Tests of rules that give a vendor's payload: it comes in as a dropped file would, adapters and all; what is known of the lead
 * afterwards, and what it did, is met or says what was there; and coverage knows which adapters, messages and feeds did anything.
 */
#include "test_policy_directory.h"

#include "leadd/trial.h"

static const char adapters[] = "adapter 'shop' { match = { 'orders' }, format = 'json', each = 'orders', id = 'nr', time = 'at',\n"
                               "  type_from = { 'kind', demo = 'lead.submitted', look = 'activity.page_viewed', ping = 'drop' },\n"
                               "  secret = { field = 'key', file = '/nowhere/key' },\n"
                               "  map = { ['mail'] = 'person.email', ['size'] = 'company.employees', ['say'] = 'consent.contact',\n"
                               "          ['page'] = 'activity.url' }, rest = { ['more'] = 'answers' } }\n"
                               "adapter 'fair' { match = { 'badge' }, source = 'fair*', format = 'csv', id = 'badge',\n"
                               "  map = { ['mail'] = 'person.email', ['tel'] = 'person.phone_number' } }\n"
                               "adapter 'never' { match = { 'neverthere' }, map = { ['mail'] = 'person.email' } }\n";

static char *load_with(const char *tests, RuleSet **ret) {
        Directory directory;
        _cleanup_(base_freep) char *text = file_content(DATA "language.lua", NULL);
        static const char site[] = "settings \"site\" { ";
        const char *at = strstr(text, site);
        _cleanup_(text_free) Text rules = { 0 };
        assert_non_null(at);
        at += strlen(site);
        text_append_size(&rules, text, (size_t) (at - text));
        text_append(&rules, "spool = { crm = { 'outcome' } }, ");
        text_append(&rules, at);
        directory_open(&directory);
        directory_write_text(&directory, "10.lua", rules.data);
        directory_write_text(&directory, "20.lua", adapters);
        directory_write_text(&directory, "20_test.lua", tests);
        char *problems = directory_load(&directory, 0, ret);
        directory_close(&directory);
        return problems;
}

#define AT "at = '2026-03-05T10:00:00+01:00', given = { "
#define ORDER(more) \
        "{ \"key\": \"k\", \"orders\": [ { \"nr\": \"1\", \"kind\": \"demo\", \"at\": \"2026-03-05T08:00:00Z\", \"mail\": " \
        "\"M@keller.example\"" more
#define SHOP(body) "payload{ source = 'shop', format = 'json', body = [[" body "]] }"
#define ONE SHOP(ORDER(", \"size\": 180, \"say\": false, \"more\": { \"colour\": \"blue\" } } ] }"))
#define TWO \
        SHOP(ORDER("}, { \"nr\": \"2\", \"kind\": \"look\", \"at\": \"2026-03-05T08:30:00Z\", \"mail\": \"b@big.example\", " \
                   "\"page\": \"https://x.example/pricing\" } ] }"))

typedef struct MissCase {
        const char *test;
        const char *where; /* of the miss; NULL = it passes */
        const char *key, *want, *got;
} MissCase;

static const MissCase cases[] = {
        { ONE " }, expect = { hits = 'shop', status = 'inquiry', fields = { ['person.email'] = 'm@keller.example',"
              " ['person.phone_number'] = absent, ['company.employees'] = between(100, 200), ['company.domain'] = 'keller.example',"
              " ['consent.contact'] = false, ['answers.colour'] = one_of{ 'blue', 'red' }, ['answers.key'] = absent, source = 'shop',"
              " idle = between('1h', '1h'), test = false }, did = { type = 'form_submitted', time = '2026-03-05T09:00:00+01:00' } }",
                NULL, NULL, NULL, NULL },
        { ONE " }, expect = { fields = { ['person.email'] = 'n@keller.example' } }", "expect", "fields.person.email",
                "\"n@keller.example\"", "\"m@keller.example\"" },
        { ONE " }, expect = { fields = { ['person.phone_number'] = present } }", "expect", "fields.person.phone_number", "present",
                "nothing" },
        { ONE " }, expect = { fields = { ['company.employees'] = absent } }", "expect", "fields.company.employees", "absent", "180" },
        { ONE " }, expect = { fields = { ['consent.contact'] = true } }", "expect", "fields.consent.contact", "true", "false" },
        { ONE " }, expect = { did = { type = 'form_submitted', time = '2026-03-05T08:00:01Z' } }", "expect", "did",
                "type \"form_submitted\", time 2026-03-05T08:00:01Z", "form_submitted at 2026-03-05T08:00:00Z" },
        { ONE " }, expect = { misses = 'shop' }", "expect", "misses", "shop not", "a hit" },
        { ONE " }, expect = { hits = 'fair' }", "expect", "hits", "fair", "none" },
        /* the lead of the payload is the lead of the test, and others have their names */
        { ONE ", activity{ type = 'page_viewed', url = '/pricing' } }, expect = { did = { { type = 'page_viewed', url = has('/pricing') },"
              " { type = 'form_submitted' } } }",
                NULL, NULL, NULL, NULL },
        { TWO " }, expect = { { fields = { ['person.email'] = 'm@keller.example' } }, { of = 'b@big.example',"
              " did = { type = 'page_viewed', url = ends('/pricing'), time = '2026-03-05T08:30:00Z' }, hits = { 'shop', 'PRICING' } } }",
                NULL, NULL, NULL, NULL },
        { TWO " }, expect = { of = 'b@big.example', did = { { type = 'page_viewed' }, { type = 'page_viewed', url = '/x' } } }", "expect",
                "did[2]", "type \"page_viewed\", url \"/x\"", "page_viewed at 2026-03-05T08:30:00Z, url \"https://x.example/pricing\"" },
        { "lead{ person = { email = 'a@a.example' } }, " TWO " }, expect = { fields = { ['person.email'] = 'a@a.example' } }", NULL, NULL,
                NULL, NULL },
        /* the adapter of a directory reads what is dropped there, and there alone */
        { "payload{ source = 'fair-2026', format = 'csv', body = [[\nbadge,mail,tel\n7,m@keller.example,030 5550 1042\n]] } }, expect = { "
          "hits = "
          "'fair', fields = { ['person.phone_number'] = '+493055501042' } }",
                NULL, NULL, NULL, NULL },
        { "payload{ source = 'web', format = 'csv', body = [[\nbadge,mail,tel\n7,m@keller.example,030 5550 1042\n]] } }, expect = { misses "
          "= "
          "'fair', fields = { ['person.email'] = 'm@keller.example' } }",
                NULL, NULL, NULL, NULL },
        /* what comes before the test begins is known from then on; the same again is known already */
        { "payload{ ago = '1d', source = 'web', format = 'ndjson', body = "
          "[[\n{\"email\":\"m@keller.example\"}\n{\"email\":\"n@keller.example\"}]] } }, "
          "expect = { fields = { age = between('1d', '1d') } }",
                NULL, NULL, NULL, NULL },
        { ONE " }, expect = { moved = {} }, later = { { advance = '1d', given = { " ONE
              " }, expect = { fields = { idle = between('25h', '25h') } } } }",
                NULL, NULL, NULL, NULL },
        { "payload{ source = 'web', format = 'form', body = 'email=m%40keller.example&company=Keller' } }, expect = { fields = {"
          " ['company.name'] = 'Keller' } }",
                NULL, NULL, NULL, NULL },
        /* what is refused */
        { SHOP("{ \"orders\": [ { \"nr\": \"1\", \"kind\": \"demo\", \"mail\": \"m@keller.example\" } ] }") " }, expect = { refused = "
                                                                                                            "'bad_secret' }",
                NULL, NULL, NULL, NULL },
        { "lead{ person = { email = 'm@keller.example' } }, " SHOP("{ \"orders\": [ { \"nr\": \"1\", \"kind\": \"demo\", \"mail\": "
                                                                   "\"m@keller.example\" } ] }") " }, expect = { status = 'inquiry' }",
                "given[2]", "", "taken", "refused (bad_secret): adapter \"shop\": the payload's secret is not the agreed one" },
        { SHOP("{ \"orders\": ") " }, expect = { refused = 'json_syntax' }", NULL, NULL, NULL, NULL },
        { SHOP(ORDER("}, { \"nr\": \"2\", \"kind\": \"demo\", \"mail\": \"nobody\" } ] }")) " }, expect = { refused = 'bad_email', status "
                                                                                            "= 'inquiry' }",
                NULL, NULL, NULL, NULL },
        { SHOP(ORDER("}, { \"nr\": \"2\", \"kind\": \"demo\", \"mail\": \"nobody\" }, { \"nr\": \"3\", \"kind\": \"demo\", \"mail\": "
                     "\"c@c.example\" } ] }")) " }, expect = { status = 'inquiry' }",
                "given[1]", "", "taken", NULL },
        { ONE " }, expect = { refused = 'bad_email' }", "expect", "refused", "refused, saying bad_email", "taken" },
        { SHOP("{ \"key\": 7, \"orders\": [ { \"kind\": \"ping\" } ] }") " }, expect = { refused = false }", NULL, NULL, NULL, NULL },
        { SHOP("{ \"key\": 7, \"orders\": [ { \"kind\": \"ping\" } ] }") " }, expect = { status = 'inquiry' }", "expect", "", "a lead",
                "none: nothing that was given made one" },
        /* only the directory that the settings name speaks for people */
        { "lead{ person = { email = 'm@keller.example' }, form = 'demo', consent = { contact = true } } }, expect = { owner = 'anna' }, "
          "later = { { given = { payload{"
          " source = 'crm', format = 'json', body = "
          "[[{\"specversion\":\"1.0\",\"id\":\"9\",\"source\":\"crm\",\"type\":\"outcome.accept\",\"data\":"
          "{\"person\":{\"email\":\"m@keller.example\"},\"outcome\":{\"actor\":\"rep:anna\"}}}]] } }, expect = { status = 'sal' } } }",
                NULL, NULL, NULL, NULL },
        { "lead{ person = { email = 'm@keller.example' }, form = 'demo', consent = { contact = true } } }, expect = { owner = 'anna' }, "
          "later = { { given = { payload{"
          " source = 'web', format = 'json', body = "
          "[[{\"specversion\":\"1.0\",\"id\":\"9\",\"source\":\"crm\",\"type\":\"outcome.accept\",\"data\":"
          "{\"person\":{\"email\":\"m@keller.example\"},\"outcome\":{\"actor\":\"rep:anna\"}}}]] } }, expect = { refused = 'not_allowed', "
          "status = 'mql' } } }",
                NULL, NULL, NULL, NULL },
};

static void trial__a_payload__comes_in_as_a_dropped_file_does(void **state) {
        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const MissCase *it = &cases[i];
                _cleanup_(text_free) Text tests = { 0 };
                _cleanup_(policy_freep) RuleSet *rules = NULL;
                text_printf(&tests, "test 'it' { " AT "%s }", it->test);
                _cleanup_(base_freep) char *problems = load_with(tests.data, &rules);
                if (!rules)
                        fail_msg("%s does not load:\n%s", it->test, problems);
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

/* want: a part of the problem told at the test's line. */
static const struct {
        const char *body, *want;
} faults[] = {
        { "payload{ format = 'json', body = '{}' } }, expect = { refused = true }", "\"given[1].source\" is missing" },
        { "payload{ source = 'web', body = '{}' } }, expect = { refused = true }", "\"given[1].format\" is missing" },
        { "payload{ source = 'web', format = 'json' } }, expect = { refused = true }", "\"given[1].body\" is missing" },
        { "payload{ source = 'web', format = 'jsn', body = '{}' } }, expect = { refused = true }", "\"jsn\"; did you mean \"json\"?" },
        { "payload{ source = 'web', format = 'xml', body = '{}' } }, expect = { refused = true }", "\"xml\"" },
        { "payload{ source = 'web', format = 'json', body = ' \\n' } }, expect = { refused = true }", "given[1]: \"body\" is empty" },
        { "payload{ source = 'a/b', format = 'json', body = '{}' } }, expect = { refused = true }",
                "given[1]: \"source\" must be the name of a spool directory, such as \"web\", not \"a/b\"" },
        { "payload{ source = '..', format = 'json', body = '{}' } }, expect = { refused = true }", "\"source\" must be the name" },
        { "payload{ source = 'web', format = 'csv', body = string.rep('x', 60000) .. string.rep('x', 5537) } }, expect = { refused = true "
          "}",
                "given[1]: \"body\" has more than 65536 bytes" },
        { "payload{ source = 'web', format = 'json', bdy = '{}' } }, expect = { refused = true }",
                "unknown key in \"given[1]\": \"bdy\"; did you mean \"body\"?" },
        { ONE " }, expect = { of = 'm@kelle.example', fit = 0 }",
                "unknown e-mail in \"expect\": \"m@kelle.example\"; did you mean \"m@keller.example\"?" },
        { ONE " }, expect = { fit = 0 }, later = { { given = { payload{ ago = '1d', source = 'web', format = 'json', body = '{}' } } } }",
                "later[1].given[1]: \"ago\" is for what arrived before the test begins" },
        { ONE " }, expect = { fields = { ['person.emial'] = 'x' } }", "\"person.emial\"; did you mean \"person.email\"?" },
        { ONE " }, expect = { fields = { status = 'mql' } }",
                "\"expect.fields\" takes what is known of the lead; \"status\" is a key beside it" },
        { ONE " }, expect = { fields = { ['activity.url'] = 'x' } }", "\"activity.url\" describes one event, not the lead" },
        { ONE " }, expect = { fields = { ['company.employees'] = has('x') } }", "expect.fields.company.employees: " },
        { ONE " }, expect = { fields = { 'person.email' } }", "\"expect.fields\" must be a table: { [\"person.email\"] = " },
        { ONE " }, expect = { fields = 5 }", "not a number" },
        { ONE " }, expect = { did = { typ = 'x' } }", "\"typ\"; did you mean \"type\"?" },
        { ONE " }, expect = { did = { time = 'noon' } }", "\"expect.did.time\" must be a time such as" },
        { ONE " }, expect = { did = { ['person.email'] = 'x' } }", "is about the lead; here only an activity can be asked" },
        { ONE " }, expect = { did = {} }", "\"expect.did\" must ask 1 to 32 things of an activity" },
        { ONE " }, expect = { did = { { type = 'x' }, 5 } }",
                "\"expect.did[2]\" must be a table: { type = \"page_viewed\" }, not a number" },
        { ONE " }, expect = { did = did{ type = 'x' } }", "\"expect.did\" must be a table: " },
};

static void policy_load__a_faulty_payload_or_fact__is_told_at_its_line(void **state) {
        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
                _cleanup_(text_free) Text tests = { 0 };
                text_printf(&tests, "\ntest \"it\" { " AT "%s }\n", faults[i].body);
                _cleanup_(base_freep) char *problems = load_with(tests.data, NULL);
                if (!strstr(problems, "20_test.lua:2: test \"it\": ") || !strstr(problems, faults[i].want))
                        fail_msg("%s\n got %s\nwant %s", faults[i].body, problems, faults[i].want);
        }
}

static const char *gap_of(const TrialReport *report, const char *rule) {
        for (size_t i = 0; i < report->n_gaps; i++)
                if (base_streq(report->gaps[i].rule->name, rule))
                        return report->gaps[i].text;
        return "";
}

static void trial__coverage__knows_adapters_messages_and_feeds(void **state) {
        (void) state;
        static const struct {
                const char *test;
                const char *adapter, *message, *feed; /* the gap of each */
        } covers[] = {
                { ONE " }, expect = { fit = 20 }", "", "never hit", "never hit" },
                /* read by another way, and refused: no adapter made anything */
                { "payload{ source = 'web', format = 'json', body = '{\"email\":\"m@keller.example\"}' } }, expect = { fit = 0 }",
                        "never hit", "never hit", "never hit" },
                { SHOP("{ \"orders\": [] }") " }, expect = { refused = 'bad_secret' }", "never hit", "never hit", "never hit" },
                { SHOP("{ \"key\": 7, \"orders\": [ { \"kind\": \"ping\" } ] }") " }, expect = { refused = false }", "", "never hit",
                        "never hit" },
                { "lead{ person = { email = 'm@keller.example' }, form = 'demo', consent = { contact = true } } }, expect = { status = "
                  "'mql' }",
                        "never hit", "never hit", "" },
                { "lead{ person = { email = 'm@keller.example' }, form = 'demo', consent = { contact = true } } }, expect = { status = "
                  "'mql' },"
                  " later = { { advance = '2d', expect = { reminded = { 'owner', 'head' } } } }",
                        "never hit", "", "" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(covers); i++) {
                _cleanup_(text_free) Text tests = { 0 };
                _cleanup_(policy_freep) RuleSet *rules = NULL;
                text_printf(&tests, "test 'it' { " AT "%s }", covers[i].test);
                _cleanup_(base_freep) char *problems = load_with(tests.data, &rules);
                TrialReport report;
                if (!rules)
                        fail_msg("%s", problems);
                assert_int_equal(trial_run(rules, &(TrialOptions){ .coverage = true }, &report), 0);
                if (report.n_failed > 0)
                        fail_msg("%s", report.failures[0].text);
                if (!base_streq(gap_of(&report, "shop"), covers[i].adapter) ||
                        !base_streq(gap_of(&report, "reminder"), covers[i].message) ||
                        !base_streq(gap_of(&report, "crm"), covers[i].feed) || !base_streq(gap_of(&report, "never"), "never hit"))
                        fail_msg("%s: got shop: %s; reminder: %s; crm: %s; never: %s", covers[i].test, gap_of(&report, "shop"),
                                gap_of(&report, "reminder"), gap_of(&report, "crm"), gap_of(&report, "never"));
                trial_report_done(&report);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(trial__a_payload__comes_in_as_a_dropped_file_does),
                cmocka_unit_test(policy_load__a_faulty_payload_or_fact__is_told_at_its_line),
                cmocka_unit_test(trial__coverage__knows_adapters_messages_and_feeds),
        };
        return cmocka_run_group_tests_name("trial: payloads", tests, NULL, NULL);
}
