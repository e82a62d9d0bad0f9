/* SPDX-License-Identifier: MIT */
/* The kind digest: what is refused, and the moments it is sent at, over week-ends, closed days and changes of the clocks. */
#include "test_policy_fixture.h"

static const char base[] =
        "settings 'site' { zone = 'Europe/Berlin' }\n"
        "calendar 'berlin' { zone = 'Europe/Berlin', open = { mon_fri = '09:00-17:00' }, except = { ['2026-03-10'] = 'closed' } }\n"
        "calendar 'always' { zone = 'Europe/Berlin', open = { mon_sun = '00:00-24:00' } }\n"
        "calendar 'night' { zone = 'America/New_York', open = { fri = '22:00-06:00' } }\n"
        "team 'queue' {}\n"
        "team 'desk' { calendar = 'berlin', head = 'petra', members = { anna = {}, petra = {} } }\n"
        "channel 'mail' { via = 'sendmail', from = 'leads@example.com' }\n"
        "channel 'log' { via = 'journal' }\n";

static RuleSet *load(const char *more, char **ret_problems) {
        _cleanup_(text_free) Text text = { 0 };
        text_printf(&text, "%s%s\n", base, more);
        return rules_try(text.data, ret_problems);
}

static void digest__of_a_table_of_mistakes__is_refused_with_what_is_wrong(void **state) {
        static const struct {
                const char *rule, *want;
        } cases[] = {
                { "digest 'D' { team = 'dsk', at = '08:30', channel = 'mail', to = 'head' }",
                        "unknown team \"dsk\"; did you mean \"desk\"?" },
                { "digest 'D' { team = 'desk', at = '08:30', calendar = 'belin', channel = 'mail', to = 'head' }",
                        "unknown calendar \"belin\"; did you mean \"berlin\"?" },
                { "digest 'D' { team = 'desk', at = '08:30', channel = 'mial', to = 'head' }",
                        "unknown channel \"mial\"; did you mean \"mail\"?" },
                { "digest 'D' { team = 'desk', at = '08:30', channel = 'mail', to = { 'haed' } }", "did you mean \"head\"?" },
                { "digest 'D' { team = 'desk', at = '08:30', channel = 'mail', to = {} }", "\"to\" names nobody" },
                { "digest 'D' { team = 'desk', at = '08:30', channel = 'mail' }", "\"to\" is missing" },
                { "digest 'D' { team = 'desk', channel = 'mail', to = 'head' }", "\"at\" is missing" },
                { "digest 'D' { at = '08:30', channel = 'mail', to = 'head' }", "\"team\" is missing" },
                { "digest 'D' { team = 'desk', at = '08:30', to = 'head' }", "\"channel\" is missing" },
                { "digest 'D' { team = 'desk', at = '8:30', channel = 'mail', to = 'head' }", "\"at\" must be a time of day" },
                { "digest 'D' { team = 'desk', at = '24:00', channel = 'mail', to = 'head' }", "\"at\" must be a time of day" },
                { "digest 'D' { team = 'desk', at = '08:60', channel = 'mail', to = 'head' }", "\"at\" must be a time of day" },
                { "digest 'D' { team = 'desk', at = '0::30', channel = 'mail', to = 'head' }", "\"at\" must be a time of day" },
                { "digest 'D' { team = 'desk', at = 830, channel = 'mail', to = 'head' }", "\"at\" must be a text" },
                { "digest 'D' { team = 'desk', at = '08:30', channel = 'log', to = 'head' }", "the journal gets no lead data" },
                { "digest 'D' { team = 'queue', at = '08:30', channel = 'mail', to = 'head' }", "the team \"queue\" has none" },
                { "digest 'D' { team = 'queue', at = '08:30', channel = 'mail', to = 'members' }", "the team \"queue\" has none" },
                { "digest 'D' { team = 'desk', at = '08:30', channel = 'mail', to = 'head', too = 'anna' }", "unknown key \"too\"" },
        };
        (void) state;
        _cleanup_(text_free) Text many = { 0 };
        text_append(&many, "team 'crowd' { members = {");
        for (int i = 0; i <= POLICY_DIGEST_READERS_MAX; i++)
                text_printf(&many, " m%d = {},", i);
        text_append(&many, " } }\ndigest 'D' { team = 'crowd', at = '08:30', channel = 'mail', to = 'members' }");
        _cleanup_(base_freep) char *crowd = NULL;
        assert_null(load(many.data, &crowd));
        assert_non_null(strstr(crowd, "goes to 201 readers; 200 is the most"));
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(base_freep) char *problems = NULL;
                RuleSet *rules = load(cases[i].rule, &problems);
                if (rules || !strstr(problems, cases[i].want))
                        fail_msg("%s: got %s, want %s", cases[i].rule, rules ? "loaded" : problems, cases[i].want);
        }
}

static int64_t at(const char *text) {
        int64_t us;
        assert_int_equal(time_parse_rfc3339(text, strlen(text), &us), 0);
        return us;
}

static void moments__of_a_table__are_once_a_day_on_days_that_are_open(void **state) {
        static const struct {
                const char *rule, *after, *sent, *want;
        } cases[] = {
                /* Thursday, its own moment, Friday over the week-end, over the closed Tuesday */
                { "team = 'desk', at = '08:30'", "2026-03-05T08:29:59+01:00", NULL, "2026-03-05T08:30:00+01:00" },
                { "team = 'desk', at = '08:30'", "2026-03-05T08:30:00+01:00", NULL, "2026-03-06T08:30:00+01:00" },
                { "team = 'desk', at = '08:30'", "2026-03-06T09:00:00+01:00", NULL, "2026-03-09T08:30:00+01:00" },
                { "team = 'desk', at = '08:30'", "2026-03-09T09:00:00+01:00", NULL, "2026-03-11T08:30:00+01:00" },
                /* the day has had one, at whatever time it was; a day to come that had one, too (a clock set back) */
                { "team = 'desk', at = '11:00'", "2026-03-05T09:00:00+01:00", "2026-03-05T08:30:00+01:00", "2026-03-06T11:00:00+01:00" },
                { "team = 'desk', at = '11:00'", "2026-03-05T09:00:00+01:00", "2026-03-04T23:59:00+01:00", "2026-03-05T11:00:00+01:00" },
                { "team = 'desk', at = '11:00'", "2026-03-05T09:00:00+01:00", "2026-03-11T08:30:00+01:00", "2026-03-12T11:00:00+01:00" },
                /* without a calendar every day counts, in the site's zone */
                { "team = 'queue', at = '08:30'", "2026-03-06T09:00:00+01:00", NULL, "2026-03-07T08:30:00+01:00" },
                /* the day of an interval that passes midnight is that on which it is open */
                { "team = 'queue', calendar = 'night', at = '12:00'", "2026-03-05T09:00:00+01:00", NULL, "2026-03-06T12:00:00-05:00" },
                { "team = 'queue', calendar = 'night', at = '12:00'", "2026-03-06T13:00:00-05:00", NULL, "2026-03-07T12:00:00-05:00" },
                { "team = 'queue', calendar = 'night', at = '12:00'", "2026-03-07T13:00:00-05:00", NULL, "2026-03-13T12:00:00-04:00" },
                /* 02:30 is skipped on 29 March and comes twice on 25 October */
                { "team = 'queue', calendar = 'always', at = '02:30'", "2026-03-28T12:00:00+01:00", NULL, "2026-03-29T01:30:00Z" },
                { "team = 'queue', calendar = 'always', at = '02:30'", "2026-03-29T01:30:00Z", NULL, "2026-03-30T02:30:00+02:00" },
                { "team = 'queue', calendar = 'always', at = '02:30'", "2026-10-25T00:00:00+02:00", NULL, "2026-10-25T02:30:00+02:00" },
                { "team = 'queue', calendar = 'always', at = '02:30'", "2026-10-25T02:30:00+02:00", NULL, "2026-10-26T02:30:00+01:00" },
                { "team = 'queue', calendar = 'always', at = '00:00'", "2026-03-05T00:00:00+01:00", NULL, "2026-03-06T00:00:00+01:00" },
        };
        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(text_free) Text text = { 0 };
                _cleanup_(base_freep) char *problems = NULL;
                text_printf(&text, "digest 'D' { channel = 'mail', to = 'ops', %s }", cases[i].rule);
                RuleSet *rules = load(text.data, &problems);
                if (!rules)
                        fail_msg("%s", problems);
                const DigestDecl *digest = policy_digest(rules, "D");
                assert_non_null(digest);
                int64_t got_us = policy_digest_after(rules, digest, at(cases[i].after), cases[i].sent ? at(cases[i].sent) : TIME_NONE);
                char got[TIME_TEXT_SIZE];
                if (got_us != at(cases[i].want))
                        fail_msg("%s after %s: got %s, want %s", cases[i].rule, cases[i].after, time_format_rfc3339(got_us, got),
                                cases[i].want);
                (void) policy_free(rules);
        }
}

/* From each moment the next is later, on a later day, and the rule's time of day: for a year. */
static void moments__of_a_year__go_up_by_days(void **state) {
        (void) state;
        RuleSet *rules = load("digest 'D' { team = 'desk', at = '08:30', channel = 'mail', to = 'ops' }", NULL);
        const DigestDecl *digest = policy_digest(rules, "D");
        int64_t us = at("2026-01-01T00:00:00Z"), end_us = us + 365 * US_PER_DAY;
        char last[TIME_TEXT_SIZE] = "";
        unsigned n = 0;
        while ((us = policy_digest_after(rules, digest, us, TIME_NONE)) < end_us) {
                char now[TIME_TEXT_SIZE];
                (void) zone_format(policy_digest_zone(rules, digest), us, now);
                assert_memory_equal(now + 11, "08:30:00", 8);
                assert_true(strncmp(last, now, 10) < 0);
                assert_true(calendar_is_open(policy_digest_calendar(digest), us + US_PER_HOUR));
                /* With what was sent last it is the same, also from any instant in between. */
                assert_int_equal(
                        policy_digest_after(rules, digest, us + US_PER_HOUR, us), policy_digest_after(rules, digest, us, TIME_NONE));
                memcpy(last, now, sizeof(last));
                n++;
        }
        assert_int_equal(n, 260); /* working days of 2026 but the closed one */
        (void) policy_free(rules);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(digest__of_a_table_of_mistakes__is_refused_with_what_is_wrong),
                cmocka_unit_test(moments__of_a_table__are_once_a_day_on_days_that_are_open),
                cmocka_unit_test(moments__of_a_year__go_up_by_days),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
