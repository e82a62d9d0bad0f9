/* SPDX-License-Identifier: MIT */
/*
 * Conditions: every matcher on fields that are there, absent or of another type; the combinators; what a decision may read; traces.
 */
#include "test_policy_fixture.h"

typedef struct Case {
        const char *condition;
        bool holds;
} Case;

/* What the lead of these tests is like. */
static void lead_fill(Lead *lead) {
        lead_text(lead, "person.email", "m@keller.example");
        lead_text(lead, "person.name", "Ulrike Mäßig");
        lead_text(lead, "person.title", "Senior VP-Sales (EMEA)");
        lead_text(lead, "person.locale", "de-DE");
        lead_text(lead, "person.external_ids.crm", "C-77");
        lead_text(lead, "company.name", "Keller & Söhne");
        lead_text(lead, "company.country", "DE");
        lead_text(lead, "company.domain", "Keller.Example");
        lead_set(lead, "company.employees", value_integer(180));
        lead_set(lead, "company.annual_revenue.amount", value_number(1.5e6));
        lead_text(lead, "attribution.page_url", "https://example.com/pricing?plan=pro&x=1");
        lead_set(lead, "attribution.is_organic", value_bool(false));
        lead_text(lead, "answers.fleet_size", "51-200");
        lead_set(lead, "answers.trucks", value_integer(INT64_C(9007199254740993)));
        lead_set(lead, "answers.wants_call", value_bool(true));
        lead_set(lead, "answers.share", value_number(0.25));
        lead_text(lead, "answers.a.b", "dotted");
        lead_set(lead, "consent.contact", value_bool(true));
        lead_set(lead, "consent_at.contact", value_integer(NOW_US - 10 * US_PER_DAY));
        lead_set(lead, "opportunity.probability", value_number(0.5));
}

/* Segments read what every phase may read; each case becomes one. */
static const Case cases[] = {
        /* plain values: text without regard to case, also beyond ASCII */
        { "{ ['person.title'] = 'senior vp-sales (emea)' }", true },
        { "{ ['person.title'] = 'senior vp' }", false },
        { "{ ['person.name'] = 'ULRIKE MÄSSIG' }", true },
        { "{ ['person.department'] = 'it' }", false },
        { "{ ['company.employees'] = 180 }", true },
        { "{ ['company.employees'] = 180.0 }", true },
        { "{ ['company.employees'] = 181 }", false },
        { "{ ['interest.quantity'] = 1 }", false },
        { "{ ['attribution.is_organic'] = false }", true },
        { "{ ['attribution.is_organic'] = true }", false },
        { "{ ['person.email_verified'] = false }", false }, /* absent is not false */
        { "{ ['consent.contact'] = true }", true },
        { "{ ['consent.marketing'] = true }", false },
        { "{ ['consent.marketing'] = false }", false },
        { "{ ['answers.fleet_size'] = '51-200' }", true },
        { "{ ['answers.trucks'] = 9007199254740993 }", true },
        { "{ ['answers.trucks'] = 9007199254740992 }", false },   /* ids are not doubles */
        { "{ ['answers.trucks'] = '9007199254740993' }", false }, /* a number is no text */
        { "{ ['answers.a.b'] = 'dotted' }", true },
        { "{ ['person.external_ids.crm'] = 'c-77' }", true },
        { "{ test = false }", true }, /* never absent */
        { "{ test = true }", false },
        { "{ source = 'forms' }", true },
        { "{ country = 'de' }", true },
        /* one_of */
        { "{ ['person.locale'] = one_of{ 'en', 'DE-de' } }", true },
        { "{ ['person.locale'] = one_of('en', 'de-DE') }", true },
        { "{ ['person.locale'] = one_of{ 'en', 'fr' } }", false },
        { "{ ['person.department'] = one_of{ 'it' } }", false },
        { "{ ['company.employees'] = one_of{ 1, 180, 3 } }", true },
        { "{ ['company.employees'] = one_of{ 1, 3 } }", false },
        { "{ ['answers.trucks'] = one_of{ 'x', 9007199254740993, true } }", true },
        { "{ ['answers.wants_call'] = one_of{ 'x', 5, true } }", true },
        { "{ ['answers.wants_call'] = one_of{ 'true', 1 } }", false },
        /* is_not */
        { "{ ['person.locale'] = is_not('en') }", true },
        { "{ ['person.locale'] = is_not('DE-DE') }", false },
        { "{ ['person.locale'] = is_not{ 'en', 'de-de' } }", false },
        { "{ ['person.department'] = is_not('it') }", false }, /* missing is not bad, and not good */
        { "{ none{ { ['person.department'] = 'it' } } }", true },
        { "{ ['company.employees'] = is_not(180) }", false },
        { "{ ['company.employees'] = is_not(7) }", true },
        { "{ ['answers.fleet_size'] = is_not(7) }", true }, /* a text is not 7 */
        { "{ ['attribution.is_organic'] = is_not(true) }", true },
        /* has, word, starts, ends, like */
        { "{ ['person.title'] = has('vp') }", true },
        { "{ ['person.title'] = has('or vp-s') }", true },
        { "{ ['person.title'] = has{ 'cfo', 'SALES' } }", true },
        { "{ ['person.title'] = has{ 'cfo', 'ceo' } }", false },
        { "{ ['person.department'] = has('a') }", false },
        { "{ ['company.name'] = has('SÖHNE') }", true },
        { "{ ['person.title'] = word('vp') }", true },
        { "{ ['person.title'] = word('emea') }", true },
        { "{ ['person.title'] = word('sale') }", false },
        { "{ ['person.title'] = word{ 'x', 'senior' } }", true },
        { "{ ['person.name'] = word('mäßig') }", true },
        { "{ ['person.name'] = word('ßig') }", false }, /* ä is a letter */
        { "{ ['person.name'] = word('m') }", false },
        { "{ ['person.email'] = starts('M@') }", true },
        { "{ ['person.email'] = starts('keller') }", false },
        { "{ ['person.email'] = starts{ 'x', 'm' } }", true },
        { "{ ['person.email'] = ends('.EXAMPLE') }", true },
        { "{ ['person.email'] = ends('keller') }", false },
        { "{ ['attribution.page_url'] = like('*/pricing*') }", true },
        { "{ ['attribution.page_url'] = like('https://*?plan=PRO*') }", true },
        { "{ ['attribution.page_url'] = like('*x=1') }", true },
        { "{ ['attribution.page_url'] = like('/pricing*') }", false },
        { "{ ['attribution.page_url'] = like('*pricing') }", false },
        { "{ ['attribution.page_url'] = like('*pricing*pricing*') }", false },
        { "{ ['attribution.page_url'] = like('https*1=x*') }", false },
        { "{ ['person.locale'] = like('de-de') }", true },
        { "{ ['person.locale'] = like('de-d') }", false },
        { "{ ['person.locale'] = like('**') }", true },
        { "{ ['person.locale'] = like('de-de*de-de') }", false }, /* parts do not overlap */
        { "{ ['answers.trucks'] = has('9') }", false },
        /* order */
        { "{ ['company.employees'] = ge(180) }", true },
        { "{ ['company.employees'] = ge(180.5) }", false },
        { "{ ['company.employees'] = gt(180) }", false },
        { "{ ['company.employees'] = gt(179) }", true },
        { "{ ['company.employees'] = le(180) }", true },
        { "{ ['company.employees'] = le(179) }", false },
        { "{ ['company.employees'] = lt(180) }", false },
        { "{ ['company.employees'] = lt(181) }", true },
        { "{ ['company.employees'] = between(100, 180) }", true },
        { "{ ['company.employees'] = between(181, 200) }", false },
        { "{ ['company.annual_revenue.amount'] = ge(1e6) }", true },
        { "{ ['interest.quantity'] = ge(0) }", false },
        { "{ ['interest.quantity'] = le(0) }", false },
        { "{ ['answers.share'] = between(0.25, 0.25) }", true },
        { "{ ['answers.fleet_size'] = ge(1) }", false }, /* a text is no number */
        { "{ ['answers.wants_call'] = ge(0) }", false },
        { "{ ['consent_at.contact'] = ge('2026-02-01T00:00:00Z') }", true },
        { "{ ['consent_at.contact'] = lt('2026-02-01T00:00:00Z') }", false },
        /* durations: idle 2 days, age 30 days, to the microsecond */
        { "{ idle = ge('2d') }", true },
        { "{ idle = gt('2d') }", false },
        { "{ idle = le('2d') }", true },
        { "{ idle = lt('2d') }", false },
        { "{ idle = between('1d', '3d') }", true },
        { "{ age = ge('30d') }", true },
        { "{ age = ge('31d') }", false },
        /* present, absent */
        { "{ ['person.title'] = present }", true },
        { "{ ['person.title'] = absent }", false },
        { "{ ['person.department'] = present }", false },
        { "{ ['person.department'] = absent }", true },
        { "{ ['answers.nothing'] = absent }", true },
        /* in_list: items and value folded */
        { "{ ['company.domain'] = in_list 'accounts' }", true },
        { "{ country = in_list 'dach' }", true },
        { "{ ['person.locale'] = in_list 'dach' }", false },
        { "{ ['person.department'] = in_list 'dach' }", false },
        { "{ ['answers.trucks'] = in_list 'dach' }", false },
        /* combinators */
        { "{}", true },
        { "{ country = 'DE', ['company.employees'] = ge(100) }", true },
        { "{ country = 'DE', ['company.employees'] = ge(1000) }", false },
        { "{ any{ { country = 'FR' }, { country = 'DE' } } }", true },
        { "any{ { country = 'FR' }, { country = 'DE' } }", true },
        { "any{ country = 'FR', ['company.employees'] = 180 }", true },
        { "any{ { country = 'FR' }, { country = 'AT' } }", false },
        { "all{ { country = 'DE' }, none{ { ['consent.contact'] = false } } }", true },
        { "none{ { country = 'FR' }, { country = 'DE' } }", false },
        { "none{ { country = 'FR' }, { country = 'AT' } }", true },
        { "none{ { country = 'DE', ['company.employees'] = 1 } }", true }, /* not both */
        { "{ country = 'DE', any{ { idle = ge('9d') }, all{ { test = false }, { age = ge('1d') } } } }", true },
        { "{ { country = 'DE' }, { { age = ge('1d') } } }", true },
        { "did{ type = 'page_viewed' }", false },
        { "none{ did{ type = 'page_viewed' } }", true },
        { "did{ type = 'page_viewed', exactly = 0 }", true },
        /* functions */
        { "function(lead) return lead.company.employees == 180 end", true },
        { "function(lead) return lead.company.employees == 181, 'no' end", false },
        { "function(lead) end", false },
        { "{ country = 'DE', any{ function(lead) return lead.country == 'FR' end, function(lead) return lead.country == 'DE' end } }",
                true },
};

static void condition__each_matcher__holds_as_the_language_says(void **state _unused_) {
        Text text = { 0 };
        Lead lead;
        int n_wrong = 0;

        text_append(&text, "list 'accounts' { 'other.example', 'KELLER.example' }\nlist 'dach' { 'de', 'AT', 'Ch' }\n");
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                text_printf(&text, "segment 's%zu' { when = %s }\n", i, cases[i].condition);
        RuleSet *rules = rules_load(text.data);
        lead_begin(&lead);
        lead_fill(&lead);
        Subject *subject = lead_judge(&lead, rules, NULL);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                bool got = subject->segments[i / 64] >> (i % 64) & 1;

                if (got != cases[i].holds) {
                        print_error("%s: got %d, want %d\n", cases[i].condition, got, cases[i].holds);
                        n_wrong++;
                }
        }
        assert_int_equal(n_wrong, 0);
        lead_end(&lead);
        text_free(&text);
        policy_free(rules);
}

/* A lead of whom nothing is known: only what asks for absence, or for nothing, holds. */
static void condition__no_facts_at_all__nothing_holds_but_absence(void **state _unused_) {
        static const Case empty[] = {
                { "{ ['person.title'] = 'x' }", false },
                { "{ ['person.title'] = is_not('x') }", false },
                { "{ ['person.title'] = has('x') }", false },
                { "{ ['person.title'] = like('*') }", false },
                { "{ ['company.employees'] = lt(5) }", false },
                { "{ ['company.employees'] = is_not(5) }", false },
                { "{ country = is_not('DE') }", false },
                { "{ country = absent }", true },
                { "{ source = present }", false },
                { "{ idle = ge('0s') }", false },
                { "{ idle = lt('9d') }", false },
                { "{ age = ge('0s') }", false },
                { "none{ { country = 'DE' } }", true },
                { "function(lead) return lead.person.title == nil and lead.company.country == nil and #lead.activities == 0 end", true },
        };
        Text text = { 0 };
        Lead lead;

        for (size_t i = 0; i < ARRAY_SIZE(empty); i++)
                text_printf(&text, "segment 's%zu' { when = %s }\n", i, empty[i].condition);
        RuleSet *rules = rules_load(text.data);
        lead_begin(&lead);
        lead.subject = (Subject){ .now_us = NOW_US, .created_us = TIME_NONE, .entered_us = TIME_NONE, .touched_us = TIME_NONE };
        Subject *subject = lead_judge(&lead, rules, NULL);
        for (size_t i = 0; i < ARRAY_SIZE(empty); i++)
                if ((subject->segments[i / 64] >> (i % 64) & 1) != empty[i].holds)
                        fail_msg("%s: want %d", empty[i].condition, empty[i].holds);
        lead_end(&lead);
        text_free(&text);
        policy_free(rules);
}

static void country__company_has_none__is_the_persons(void **state _unused_) {
        RuleSet *rules = rules_load("segment 'fr' { when = { country = 'FR' } }");
        Lead lead;

        lead_begin(&lead);
        lead_text(&lead, "person.address.country", "FR");
        assert_int_equal(lead_judge(&lead, rules, NULL)->segments[0], 1);
        lead_text(&lead, "company.country", "DE");
        assert_int_equal(lead_judge(&lead, rules, NULL)->segments[0], 0);
        lead_end(&lead);
        policy_free(rules);
}

/* ---- decisions ---- */

static const char house[] = "team 'marketing' {}\n"
                            "team 'sales' { members = { anna = { user = 'anna' }, ben = { user = 'ben' } } }\n"
                            "status 'inquiry' { team = 'marketing', kind = 'open', initial = true }\n"
                            "status 'mql' { team = 'sales', kind = 'open', renamed_from = 'hot' }\n"
                            "group 'fit' {} group 'engagement' {} group 'extra' { min = -50 }\n"
                            "segment 'big' { when = { ['company.employees'] = ge(100) } }\n"
                            "segment 'small' { when = { ['company.employees'] = lt(100) } }\n"
                            "grade 'G' { fit = { A = 50, B = 0 }, engagement = { ['1'] = 50, ['2'] = 0 } }\n"
                            "score 'SIZE' { group = 'fit', field = 'company.employees', bands = { { 100, 60.5 }, { 10, 20 } } }\n"
                            "score 'VISIT' { group = 'engagement', on = { type = 'page_viewed' }, each = 10 }\n"
                            "score 'EXTRA' { group = 'extra', points = -7 }\n";

static void decision__what_it_reads__holds_as_it_is(void **state _unused_) {
        static const Case decisions[] = {
                { "{ status = 'mql' }", true },
                { "{ status = 'hot' }", true }, /* the name it had */
                { "{ status = one_of{ 'inquiry' } }", false },
                { "{ status = is_not('inquiry') }", true },
                { "{ team = 'sales' }", true },
                { "{ team = is_not('sales') }", false },
                { "{ owner = 'anna' }", true },
                { "{ owner = one_of{ 'ben' } }", false },
                { "{ owner = present }", true },
                { "{ owner = absent }", false },
                { "{ segment = 'big' }", true },
                { "{ segment = 'small' }", false },
                { "{ segment = one_of{ 'small', 'big' } }", true },
                { "{ segment = is_not('small') }", true },
                { "{ segment = is_not('big') }", false },
                { "{ segment = present }", true },
                { "{ segment = absent }", false },
                { "{ grade = 'A2' }", true },
                { "{ grade = one_of{ 'A1', 'B1' } }", false },
                { "{ grade = is_not('A1') }", true },
                { "{ grade = starts('A') }", true },
                { "{ grade = ends('1') }", false },
                { "{ fit = ge(60.5) }", true },
                { "{ fit = gt(60.5) }", false },
                { "{ fit = gt(60.499) }", true },
                { "{ fit = 60.5 }", true },
                { "{ fit = between(60, 60.4) }", false },
                { "{ engagement = 0 }", true },
                { "{ ['score.extra'] = -7 }", true },
                { "{ ['score.extra'] = lt(-6.9) }", true },
                { "{ in_status = ge('10d') }", true },
                { "{ in_status = gt('10d') }", false },
                { "function(lead, now) return lead.status == 'mql' and lead.team == 'sales' and lead.owner == 'anna' and lead.grade == "
                  "'A2' and lead.fit == 60.5 "
                  "and lead.engagement == 0 and lead.score.extra == -7 and lead.segments.big and not lead.segments.small end",
                        true },
        };
        Text text = { 0 };
        Lead lead;

        text_append(&text, house);
        for (size_t i = 0; i < ARRAY_SIZE(decisions); i++)
                text_printf(&text, "criterion 'c%zu' { when = %s }\n", i, decisions[i].condition);
        RuleSet *rules = rules_load(text.data);
        lead_begin(&lead);
        lead_set(&lead, "company.employees", value_integer(180));
        lead.subject.status = policy_status(rules, "mql");
        lead.subject.owner = "anna";
        Subject *subject = lead_judge(&lead, rules, NULL);
        for (size_t i = 0; i < ARRAY_SIZE(decisions); i++) {
                const char *note;
                bool holds;

                assert_int_equal(policy_holds(rules, rules->criteria[i].when, subject, lead.arena, &holds, &note, NULL), 0);
                if (holds != decisions[i].holds)
                        fail_msg("%s: got %d, want %d (%s)", decisions[i].condition, holds, decisions[i].holds, note ? note : "no note");
        }
        lead_end(&lead);
        text_free(&text);
        policy_free(rules);
}

/* "?": it equals no grade and fails every condition that reads grade or fit. */
static void decision__fit_is_not_known__whatever_reads_grade_or_fit_fails(void **state _unused_) {
        static const char *const conditions[] = {
                "{ grade = 'B2' }",
                "{ grade = is_not('A1') }",
                "{ grade = starts('B') }",
                "{ grade = like('*') }",
                "{ grade = present }",
                "{ grade = absent }",
                "{ fit = ge(0) }",
                "{ fit = lt(50) }",
                "{ fit = 0 }",
                "{ fit = is_not(3) }",
                "{ ['score.fit'] = le(0) }",
                "function(lead) return lead.grade ~= nil or lead.fit ~= nil end",
        };
        Text text = { 0 };
        Lead lead;

        text_append(&text, house);
        for (size_t i = 0; i < ARRAY_SIZE(conditions); i++)
                text_printf(&text, "criterion 'c%zu' { when = %s }\n", i, conditions[i]);
        text_append(&text, "criterion 'not' { when = none{ { grade = 'A1' } } }\ncriterion 'other' { when = { engagement = 0 } }\n");
        RuleSet *rules = rules_load(text.data);
        lead_begin(&lead);
        lead_text(&lead, "person.title", "CEO"); /* no fit rule looks at it */
        Subject *subject = lead_judge(&lead, rules, NULL);
        assert_false(subject->fit_known);
        assert_string_equal(subject->grade, "?2");
        for (size_t i = 0; i < rules->n_criteria; i++) {
                bool holds, want = i >= ARRAY_SIZE(conditions);

                assert_int_equal(policy_holds(rules, rules->criteria[i].when, subject, lead.arena, &holds, NULL, NULL), 0);
                if (holds != want)
                        fail_msg("%s: got %d", i < ARRAY_SIZE(conditions) ? conditions[i] : rules->criteria[i].rule.name, holds);
        }
        /* Known to be small is known. */
        lead_set(&lead, "company.employees", value_integer(3));
        subject = lead_judge(&lead, rules, NULL);
        assert_string_equal(subject->grade, "B2");
        lead_end(&lead);
        text_free(&text);
        policy_free(rules);
}

static void decision__no_condition__holds(void **state _unused_) {
        RuleSet *rules = rules_load("");
        Lead lead;
        bool holds = false;

        lead_begin(&lead);
        assert_int_equal(policy_holds(rules, NULL, lead_subject(&lead), lead.arena, &holds, NULL, NULL), 0);
        assert_true(holds);
        lead_end(&lead);
        policy_free(rules);
}

/* ---- traces ---- */

static void trace__of_a_condition__says_which_field_had_which_value(void **state _unused_) {
        static const struct {
                const char *condition, *trace;
        } traces[] = {
                { "{ ['person.title'] = word('VP'), country = 'FR' }",
                        "country = \"DE\", not \"FR\"" }, /* sorted by path; stops where it is decided */
                { "{ ['person.title'] = word('VP'), country = 'DE' }", "country = \"DE\"; person.title = \"Senior VP-Sales (EMEA)\"" },
                { "{ ['person.department'] = 'it' }", "person.department absent" },
                { "{ ['company.employees'] = ge(1000) }", "company.employees = 180, not at least 1000" },
                { "{ ['company.employees'] = between(1, 10) }", "company.employees = 180, not at least 1 and at most 10" },
                { "{ ['company.employees'] = lt(10) }", "company.employees = 180, not below 10" },
                { "{ idle = gt('3d') }", "idle = 2d, not above 3d" },
                { "{ ['person.locale'] = one_of{ 'fr', 'EN' } }", "person.locale = \"de-DE\", not one of \"EN\", \"fr\"" },
                { "{ ['person.locale'] = is_not('de-DE') }", "person.locale = \"de-DE\", not other than \"de-DE\"" },
                { "{ country = in_list 'l' }", "country = \"DE\", not in list \"l\"" },
                { "{ any{ { country = 'FR' }, { country = 'DE' } } }", "country = \"DE\", not \"FR\"; country = \"DE\"" },
                { "{ did{ type = 'call_made', since = 'move', at_least = 2 } }", "did call_made, since the last move: 0, not at least 2" },
                { "{ did{ type = 'page_viewed', url = has('/p'), within = '30d' } }",
                        "did page_viewed, url containing \"/p\", within 30d: 1" },
                { "{ segment = 'big' }", "segment, not \"big\"" },
                { "{ grade = 'A1' }", "grade = \"B2\", not \"A1\"" },
                { "{ fit = ge(50) }", "fit = 20, not at least 50" },
                { "function() return true end", "the function says yes" },
        };
        Text text = { 0 }, trace = { 0 };
        Lead lead;

        text_append(&text, house);
        text_append(&text, "list 'l' { 'x' }\n");
        for (size_t i = 0; i < ARRAY_SIZE(traces); i++)
                text_printf(&text, "criterion 'c%zu' { when = %s }\n", i, traces[i].condition);
        RuleSet *rules = rules_load(text.data);
        lead_begin(&lead);
        lead_fill(&lead);
        activity_text(&lead, lead_did(&lead, "page_viewed", US_PER_DAY), "activity.url", "/Pricing");
        Subject *subject = lead_judge(&lead, rules, NULL);
        strcpy(subject->grade, "B2");
        subject->group_mp[0] = 20000;
        subject->segments[0] = 0;
        for (size_t i = 0; i < ARRAY_SIZE(traces); i++) {
                bool holds;

                text_clear(&trace);
                assert_int_equal(policy_holds(rules, rules->criteria[i].when, subject, lead.arena, &holds, NULL, &trace), 0);
                if (!trace.data || !base_streq(trace.data, traces[i].trace))
                        fail_msg("%s:\n got  %s\n want %s", traces[i].condition, trace.data ? trace.data : "", traces[i].trace);
        }
        lead_end(&lead);
        text_free(&text);
        text_free(&trace);
        policy_free(rules);
}

/* Times since an instant of the deal: absent without one, and armed to the microsecond. */
static void opportunity__times_of_a_deal__pass_by_themselves(void **state _unused_) {
        static const struct {
                const char *condition;
                bool holds;
                int64_t changes_us; /* from NOW_US; TIME_NONE = not by itself */
        } deals[] = {
                { "{ ['opportunity.idle'] = ge('14d') }", false, 4 * US_PER_DAY },
                { "{ ['opportunity.idle'] = ge('10d') }", true, TIME_NONE },
                { "{ ['opportunity.idle'] = lt('14d') }", true, 4 * US_PER_DAY },
                { "{ ['opportunity.age'] = ge('30d') }", true, TIME_NONE },
                { "{ ['opportunity.in_stage'] = ge('30d') }", false, 15 * US_PER_DAY },
                { "{ ['opportunity.state'] = 'open' }", true, TIME_NONE },
                { "{ ['opportunity.id'] = absent }", true, TIME_NONE },
        };
        Text text = { 0 };
        text_append(&text, house);
        for (size_t i = 0; i < ARRAY_SIZE(deals); i++)
                text_printf(&text, "criterion 'c%zu' { when = %s }\n", i, deals[i].condition);
        RuleSet *rules = rules_load(text.data);
        for (size_t with = 0; with < 2; with++)
                for (size_t i = 0; i < ARRAY_SIZE(deals); i++) {
                        Lead lead;
                        bool holds;
                        lead_begin(&lead);
                        if (with) {
                                lead_text(&lead, "opportunity.state", "open");
                                lead_set(&lead, "opportunity.opened", value_integer(NOW_US - 40 * US_PER_DAY));
                                lead_set(&lead, "opportunity.changed", value_integer(NOW_US - 10 * US_PER_DAY));
                                lead_set(&lead, "opportunity.staged", value_integer(NOW_US - 15 * US_PER_DAY));
                        }
                        Subject *subject = lead_judge(&lead, rules, NULL);
                        subject->next_change_us = TIME_NONE;
                        assert_int_equal(policy_holds(rules, rules->criteria[i].when, subject, lead.arena, &holds, NULL, NULL), 0);
                        bool is_absence = i + 1 == ARRAY_SIZE(deals);
                        int64_t at_us = subject->next_change_us;
                        if (holds != (with ? deals[i].holds : is_absence))
                                fail_msg("%s: holds %d with%s a deal", deals[i].condition, holds, with ? "" : "out");
                        if (with && deals[i].changes_us != TIME_NONE)
                                assert_in_range(at_us, NOW_US + deals[i].changes_us - 1, NOW_US + deals[i].changes_us + 1);
                        else
                                assert_true(at_us == TIME_NONE || at_us <= NOW_US);
                        lead_end(&lead);
                }
        text_free(&text);
        policy_free(rules);
}

/* From a CSV file everything is text: whoever asks why is told. */
static void miss__of_a_text_where_a_number_is_asked__says_so(void **state _unused_) {
        static const struct {
                const char *condition, *text;
        } misses[] = {
                { "{ ['answers.visits'] = ge(3) }", "answers.visits is \"5\" (a text, not a number), wanted at least 3" },
                { "{ ['answers.visits'] = 5 }", "answers.visits is \"5\" (a text, not a number), wanted 5" },
                { "{ ['answers.visits'] = one_of{ 6, '7' } }", "answers.visits is \"5\", wanted one of \"7\", 6" },
                { "{ ['answers.visits'] = '7' }", "answers.visits is \"5\", wanted \"7\"" },
        };
        Text text = { 0 };
        Lead lead;
        text_append(&text, house);
        for (size_t i = 0; i < ARRAY_SIZE(misses); i++)
                text_printf(&text, "criterion 'c%zu' { when = %s }\n", i, misses[i].condition);
        RuleSet *rules = rules_load(text.data);
        lead_begin(&lead);
        lead_text(&lead, "answers.visits", "5");
        Subject *subject = lead_judge(&lead, rules, NULL);
        for (size_t i = 0; i < ARRAY_SIZE(misses); i++) {
                Misses got = { 0 };
                assert_int_equal(policy_misses(rules, rules->criteria[i].when, true, subject, lead.arena, &got), 0);
                assert_string_equal(got.text, misses[i].text);
        }
        lead_end(&lead);
        text_free(&text);
        policy_free(rules);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(condition__each_matcher__holds_as_the_language_says),
                cmocka_unit_test(condition__no_facts_at_all__nothing_holds_but_absence),
                cmocka_unit_test(country__company_has_none__is_the_persons),
                cmocka_unit_test(decision__what_it_reads__holds_as_it_is),
                cmocka_unit_test(decision__fit_is_not_known__whatever_reads_grade_or_fit_fails),
                cmocka_unit_test(decision__no_condition__holds),
                cmocka_unit_test(trace__of_a_condition__says_which_field_had_which_value),
                cmocka_unit_test(opportunity__times_of_a_deal__pass_by_themselves),
                cmocka_unit_test(miss__of_a_text_where_a_number_is_asked__says_so),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
