/* SPDX-License-Identifier: MIT */
/*
 * Rules that are functions: what they are given, what they may answer, and that one that breaks loses nothing but itself.
 */
#include "test_policy_fixture.h"

#include "../../daemon/policy/condition.h"

/* Each expression must be true of the lead below, as a segment sees it. */
static const char *const truths[] = {
        "lead.id == 'L-42'",
        "lead.source == 'forms'",
        "lead.country == 'DE'",
        "lead.test == false",
        "lead.created == now - 30 * 86400",
        "lead.touched == now - 2 * 86400",
        "now == 1772701200",
        "lead.person.title == 'VP Sales'",
        "lead.person.address.country == 'AT'",
        "lead.person.external_ids.crm == 'C-7'",
        "lead.person.department == nil",
        "lead.company.employees == 180",
        "lead.company.annual_revenue.amount == 1.5e6 and lead.company.annual_revenue.currency == 'EUR'",
        "lead.interest.budget.amount == 9007199254740993 and lead.interest.budget.currency == 'EUR'",
        "lead.interest.product == nil",
        "lead.answers.fleet == '51-200' and lead.answers['a.b'] == true",
        "lead.consent.contact == true and lead.consent.marketing == nil",
        "lead.consent_at.contact == now - 86400",
        "type(lead.opportunity) == 'table' and lead.opportunity.stage == nil",
        "lead.nothing == nil",
        "lead.segments == nil and lead.status == nil and lead.grade == nil and lead.owner == nil and lead.score == nil",
        "#lead.activities == 3",
        "lead.activities[1].type == 'page_viewed' and lead.activities[1].time == now - 3600 and lead.activities[1].url == '/p'",
        "lead.activities[1].count == 2 and lead.activities[1].properties.depth == 0.5 and lead.activities[1].after_move == true",
        "lead.activities[2].type == 'form_submitted' and lead.activities[2].name == 'Demo' and not lead.activities[2].after_move",
        "lead.activities[3].type == 'call_made' and lead.activities[3].name == nil",
};

static void lead_fill(Lead *lead) {
        lead_text(lead, "person.title", "VP Sales");
        lead_text(lead, "person.address.country", "AT");
        lead_text(lead, "person.external_ids.crm", "C-7");
        lead_text(lead, "company.country", "DE");
        lead_set(lead, "company.employees", value_integer(180));
        lead_set(lead, "company.annual_revenue.amount", value_number(1.5e6));
        lead_text(lead, "company.annual_revenue.currency", "EUR");
        lead_set(lead, "interest.budget.amount", value_integer(INT64_C(9007199254740993)));
        lead_text(lead, "interest.budget.currency", "EUR");
        lead_text(lead, "answers.fleet", "51-200");
        lead_set(lead, "answers.a.b", value_bool(true));
        lead_set(lead, "consent.contact", value_bool(true));
        lead_set(lead, "consent_at.contact", value_integer(NOW_US - US_PER_DAY));
        /* Not in the order of time. */
        Activity *visit = lead_did(lead, "page_viewed", US_PER_HOUR);
        activity_text(lead, visit, "activity.url", "/p");
        activity_set(lead, visit, "activity.count", value_integer(2));
        activity_set(lead, visit, "activity.properties.depth", value_number(0.5));
        visit->after_move = true;
        lead_did(lead, "call_made", 9 * US_PER_DAY);
        activity_text(lead, lead_did(lead, "form_submitted", 5 * US_PER_DAY), "attribution.form_name", "Demo");
}

static void function__its_lead__is_nested_as_in_a_record(void **state _unused_) {
        Text text = { 0 };
        Lead lead;
        Receipts receipts = { .all = true };
        int n_wrong = 0;

        for (size_t i = 0; i < ARRAY_SIZE(truths); i++)
                text_printf(&text, "segment 's%zu' { when = function(lead, now) return %s end }\n", i, truths[i]);
        RuleSet *rules = rules_load(text.data);
        lead_begin(&lead);
        lead_fill(&lead);
        lead_judge(&lead, rules, &receipts);
        for (size_t i = 0; i < ARRAY_SIZE(truths); i++)
                if (!receipts.items[i].matched) {
                        print_error("%s: false (%s)\n", truths[i], receipts.items[i].note ? receipts.items[i].note : "no note");
                        n_wrong++;
                }
        assert_int_equal(n_wrong, 0);
        lead_end(&lead);
        text_free(&text);
        policy_free(rules);
}

static void function__of_a_score__sees_segments_and_no_status(void **state _unused_) {
        RuleSet *rules = rules_load("group 'fit' {} segment 'a' { when = { country = 'DE' } } segment 'b' { when = { country = 'FR' } }\n"
                                    "segment 'c' { when = function(lead) return lead.country == 'DE' end }\n"
                                    "score 'S' { group = 'fit', points = function(lead)\n"
                                    "  if lead.segments.a and lead.segments.c and not lead.segments.b and lead.status == nil and lead.fit "
                                    "== nil then return 5 end end }");
        Lead lead;

        lead_begin(&lead);
        lead_fill(&lead);
        assert_int_equal(lead_judge(&lead, rules, NULL)->fit_mp, 5000);
        lead_end(&lead);
        policy_free(rules);
}

static void function__with_a_long_history__sees_the_newest_hundred(void **state _unused_) {
        RuleSet *rules = rules_load(
                "group 'fit' { max = 1e6 } score 'S' { group = 'fit', points = function(lead)\n"
                "  for i = 2, #lead.activities do if lead.activities[i].time > lead.activities[i - 1].time then return -1 end end\n"
                "  return #lead.activities * 1000 + lead.activities[100].value end }");
        Lead lead;

        lead_begin(&lead);
        for (int64_t i = 0; i < 350; i++) /* 0, 1, 2 ... minutes ago, in a scattered order */
                activity_set(&lead, lead_did(&lead, "x", (i * 37 % 350) * US_PER_MINUTE), "activity.value", value_integer(i * 37 % 350));
        assert_int_equal(lead_judge(&lead, rules, NULL)->fit_mp, (100 * 1000 + 99) * 1000);
        lead_end(&lead);
        policy_free(rules);
}

/* ---- answers ---- */

static void function__what_it_answers__is_checked(void **state _unused_) {
        static const struct {
                const char *function;
                bool matched, failed;
                int64_t points_mp;
                const char *note; /* must be part of it; NULL: none */
        } cases[] = {
                { "function() return 5 end", true, false, 5000, NULL },
                { "function() return -2.5, 'because' end", true, false, -2500, "because" },
                { "function() return 0 end", true, false, 0, NULL },
                { "function() end", false, false, 0, NULL },
                { "function() return nil, 'nothing found' end", false, false, 0, "nothing found" },
                { "function() return false end", false, false, 0, NULL },
                { "function() return 1e9 - 1000 end", true, false, INT64_C(999999000000), NULL },
                { "function() return true end", false, true, 0, "rules.lua:2: returned a boolean; expected a number of points or nil" },
                { "function() return '5' end", false, true, 0, "rules.lua:2: returned a string; expected a number of points or nil" },
                { "function() return {} end", false, true, 0, "returned a table" },
                { "function() return 1e10 end", false, true, 0, "expected points from -1e9 to 1e9" },
                { "function() return 0/0 end", false, true, 0, "expected points from -1e9 to 1e9" },
                { "function() return math.huge end", false, true, 0, "expected points from -1e9 to 1e9" },
                { "function() return 1, 2 end", false, true, 0, "returned a number; expected a text as note" },
                { "function() return 1, 'a', 'b' end", true, false, 1000, "a" },
                { "function() return 1, 'two\\nlines\\0and' end", true, false, 1000, "two lines and" },
                { "function() return 1, '\\xff' end", true, false, 1000, "?" },
                { "function(lead) return lead.person.nothing.x end", false, true, 0, "rules.lua:2: " },
                { "function(lead) return lead.nothing.x end", false, true, 0, "rules.lua:2: " },
                { "function() error('no idea') end", false, true, 0, "rules.lua:2: " },
                { "function(lead) lead.company.employees = 0; error('half done') end", false, true, 0, "rules.lua:2: " },
                { "function() while true do end end", false, true, 0, "rules.lua:2: " },
                { "function() local t = {} while true do t[#t + 1] = { #t } end end", false, true, 0, "rules.lua:2: " },
                { "function() local function f() return 1 + f() end return f() end", false, true, 0, "rules.lua:2: " },
        };
        int n_wrong = 0;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Text text = { 0 };
                Lead lead;
                Receipts receipts = { .all = true };

                text_printf(&text,
                        "group 'fit' { min = -1e9, max = 1e9 } score 'OTHER' { group = 'fit', points = 3 }\n"
                        "score 'S' { group = 'fit', points = %s }\nscore 'LAST' { group = 'fit', points = function(lead) return "
                        "lead.company.employees end }\n",
                        cases[i].function);
                RuleSet *rules = rules_load(text.data);
                lead_begin(&lead);
                lead_fill(&lead);
                lead_judge(&lead, rules, &receipts);
                const Receipt *receipt = receipt_of(&receipts, "S");
                bool note_good = cases[i].note ? receipt->note && strstr(receipt->note, cases[i].note) : !receipt->note;
                /* Whatever it did, the others count, and the function after it runs. */
                if (receipt->matched != cases[i].matched || receipt->failed != cases[i].failed ||
                        receipt->points_mp != cases[i].points_mp || !note_good || lead.subject.fit_mp != cases[i].points_mp + 183000) {
                        print_error("%s: got matched %d, failed %d, %lld points, fit %lld, note %s\n", cases[i].function, receipt->matched,
                                receipt->failed, (long long) receipt->points_mp, (long long) lead.subject.fit_mp,
                                receipt->note ? receipt->note : "-");
                        n_wrong++;
                }
                lead_end(&lead);
                text_free(&text);
                policy_free(rules);
        }
        assert_int_equal(n_wrong, 0);
}

static void function__long_note__is_cut_at_two_hundred_characters(void **state _unused_) {
        RuleSet *rules = rules_load("group 'fit' {} score 'S' { group = 'fit', points = function() return 1, string.rep('ä', 300) end }");
        Lead lead;
        Receipts receipts = { 0 };

        lead_begin(&lead);
        lead_judge(&lead, rules, &receipts);
        assert_int_equal(strlen(receipt_of(&receipts, "S")->note), 400);
        assert_true(utf8_is_valid(receipt_of(&receipts, "S")->note, 400));
        lead_end(&lead);
        policy_free(rules);
}

static void function__of_a_segment_that_breaks__leaves_the_others_alone(void **state _unused_) {
        RuleSet *rules = rules_load("segment 'a' { when = function(lead) return lead.x.y end }\nsegment 'b' { when = { country = 'DE' } }\n"
                                    "segment 'c' { when = none{ function(lead) return lead.x.y end } }\nsegment 'd' { when = any{ { "
                                    "country = 'DE' }, function(lead) return lead.x.y end } }\n");
        Lead lead;
        Receipts receipts = { .all = true };

        lead_begin(&lead);
        lead_fill(&lead);
        assert_int_equal(lead_judge(&lead, rules, &receipts)->segments[0], 0xa); /* b and d: what is decided first is not asked further */
        assert_true(receipts.items[0].failed);
        assert_non_null(receipts.items[0].note);
        assert_false(receipts.items[1].failed);
        assert_null(receipts.items[1].note);
        assert_true(receipts.items[2].failed);
        lead_end(&lead);
        policy_free(rules);
}

/* ---- state ---- */

/* Whatever a function keeps or breaks, the next lead meets the rules as they were loaded. */
static void function__that_keeps_state__cannot_reach_the_next_lead(void **state _unused_) {
        RuleSet *rules = rules_load("local seen = 0\nlocal box = {}\ngroup 'fit' {}\n"
                                    "score 'COUNT' { group = 'fit', points = function() seen = seen + 1; return seen end }\n"
                                    "score 'BOX' { group = 'fit', points = function(lead) box[#box + 1] = lead.id; return #box end }\n"
                                    "score 'LEAD' { group = 'fit', points = function(lead) local old = lead.person.mark; lead.person.mark "
                                    "= 50; return old end }\n");

        for (int i = 0; i < 20; i++) {
                Lead lead;

                lead_begin(&lead);
                assert_int_equal(lead_judge(&lead, rules, NULL)->fit_mp, 2000);
                /* Nor the same lead judged again. */
                assert_int_equal(lead_judge(&lead, rules, NULL)->fit_mp, 2000);
                lead_end(&lead);
        }
        policy_free(rules);
}

/* A function cannot be felt by another one on the same lead, however it went about it. */
static void function__whatever_another_one_did__sees_the_lead_as_it_is(void **state _unused_) {
        static const char *const meddlers[] = {
                "lead.company.employees = 1",
                "lead.company = nil",
                "lead.person = { email = 'x' }",
                "lead.activities[1] = nil",
                "table.remove(lead.activities)",
                "table.insert(lead.activities, { type = 'page_viewed' })",
                "table.sort(lead.activities, function(a, b) return a.time < b.time end)",
                "lead.segments = nil",
                "shared.n = shared.n + 1",
                "shared = { n = 7 }",
                "upvalue = upvalue + 1",
                "string.rep = function() return '' end",
                "math.max = math.min",
                "ipairs_is_gone = true; table.concat = nil",
                "kept = {} local s = ('x'):rep(15000) for i = 1, 900 do kept[i] = s .. i end",
                "local t = {} for i = 1, 20000 do t['k' .. i] = i end kept = t",
                "local s = ('y'):rep(15000) for i = 1, 900 do kept = s .. i end",
        };
        static const char probe[] =
                "  local n = 0 for _, a in ipairs(lead.activities) do n = n * 3 + #a.type end\n"
                "  local big, s = {}, ('x'):rep(60000) for i = 1, 80 do big[i] = s .. i end\n" /* 5 MB of its own */
                "  shared.n = shared.n + 1 upvalue = upvalue + 1\n"
                "  return n + shared.n * 1000 + upvalue * 10000 + math.max(1, 2) * 100000 + lead.company.employees\n"
                "    + #table.concat({ 'a', ('b'):rep(3) }) * 1000000 + (lead.segments and lead.segments.on and 5e7 or 0)\n";
        int64_t alone_mp = 0;

        for (size_t i = 0; i <= ARRAY_SIZE(meddlers); i++) {
                Text text = { 0 };
                Lead lead;
                Receipts receipts = { .all = true };

                text_printf(&text,
                        "shared = { n = 1 } local upvalue = 1 kept = false ipairs_is_gone = false\n"
                        "group 'fit' { min = -1e9, max = 1e9 } segment 'on' { when = { country = 'DE' } }\n"
                        "score 'MEDDLER' { group = 'fit', points = function(lead) %s end }\n"
                        "score 'READER' { group = 'fit', points = function(lead) return lead.company.employees end }\n"
                        "score 'PROBE' { group = 'fit', points = function(lead)\n%send }\n"
                        "score 'AGAIN' { group = 'fit', points = function(lead)\n%send }\n",
                        i == 0 ? "" : meddlers[i - 1], probe, probe);
                RuleSet *rules = rules_load(text.data);
                lead_begin(&lead);
                lead_fill(&lead);
                lead_judge(&lead, rules, &receipts);
                for (size_t j = 0; j < receipts.n_items; j++)
                        if (receipts.items[j].failed)
                                fail_msg("%s: %s: %s", i ? meddlers[i - 1] : "", receipts.items[j].rule->name, receipts.items[j].note);
                if (i == 0)
                        alone_mp = receipt_of(&receipts, "PROBE")->points_mp;
                if (receipt_of(&receipts, "READER")->points_mp != 180000 || receipt_of(&receipts, "PROBE")->points_mp != alone_mp ||
                        receipt_of(&receipts, "AGAIN")->points_mp != alone_mp)
                        fail_msg("%s: READER %lld, PROBE %lld and AGAIN %lld, alone %lld", i ? meddlers[i - 1] : "",
                                (long long) receipt_of(&receipts, "READER")->points_mp,
                                (long long) receipt_of(&receipts, "PROBE")->points_mp,
                                (long long) receipt_of(&receipts, "AGAIN")->points_mp, (long long) alone_mp);
                lead_end(&lead);
                text_free(&text);
                policy_free(rules);
        }
}

static void function__of_an_earlier_phase__does_not_see_what_a_later_one_was_shown(void **state _unused_) {
        RuleSet *rules =
                rules_load("team 't' {} status 'a' { team = 't', kind = 'open', initial = true } group 'fit' {}\n"
                           "criterion 'later' { when = function(lead) return lead.status == 'a' and lead.segments ~= nil end }\n"
                           "segment 'earlier' { when = function(lead) return lead.status == nil and lead.segments == nil and lead.score == "
                           "nil and lead.fit == nil and lead.entered == nil end }\n");
        Lead lead;

        lead_begin(&lead);
        lead_judge(&lead, rules, NULL);
        assert_int_equal(lead.subject.segments[0], 1);
        lead.subject.status = policy_status(rules, "a");
        for (int i = 0; i < 3; i++) {
                bool holds;
                assert_int_equal(policy_holds(rules, rules->criteria[0].when, &lead.subject, lead.arena, &holds, NULL, NULL), 0);
                assert_true(holds);
                Eval eval;
                eval_init(&eval, rules, &lead.subject, lead.arena, PHASE_SEGMENT);
                assert_true(eval_condition(&eval, rules->segments[0].when));
        }
        lead_end(&lead);
        policy_free(rules);
}

static void function__of_a_decision__sees_the_status_of_each_moment(void **state _unused_) {
        RuleSet *rules =
                rules_load("team 't' {} status 'a' { team = 't', kind = 'open', initial = true } status 'b' { team = 't', kind = 'open' }\n"
                           "criterion 'in_b' { when = function(lead) return lead.status == 'b', 'status ' .. lead.status end }\n"
                           "criterion 'broken' { when = any{ function(lead) return lead.x.y end, { status = 'b' } } }\n");
        Lead lead;
        bool holds;
        const char *note;

        lead_begin(&lead);
        lead_judge(&lead, rules, NULL);
        lead.subject.status = policy_status(rules, "a");
        assert_int_equal(policy_holds(rules, rules->criteria[0].when, &lead.subject, lead.arena, &holds, &note, NULL), 0);
        assert_false(holds);
        assert_string_equal(note, "status a");
        lead.subject.status = policy_status(rules, "b");
        assert_int_equal(policy_holds(rules, rules->criteria[0].when, &lead.subject, lead.arena, &holds, &note, NULL), 0);
        assert_true(holds);
        /* A function that breaks is an outcome, and nothing holds because of it. */
        assert_int_equal(policy_holds(rules, rules->criteria[1].when, &lead.subject, lead.arena, &holds, &note, NULL), POLICY_E_FAILED);
        assert_false(holds);
        assert_non_null(strstr(note, "rules.lua:3:"));
        assert_int_equal(policy_holds(rules, rules->criteria[0].when, &lead.subject, lead.arena, &holds, &note, NULL), 0);
        assert_true(holds);
        lead_end(&lead);
        policy_free(rules);
}

/* Asked without having been judged: never by chance with the table of the lead before. */
static void function__of_another_lead_not_judged__sees_that_lead(void **state _unused_) {
        RuleSet *rules = rules_load("criterion 'big' { when = function(lead) return lead.company.employees == 7 end }\n");
        bool holds;

        for (int64_t i = 5; i < 10; i++) {
                Lead lead;

                lead_begin(&lead);
                lead_set(&lead, "company.employees", value_integer(i));
                assert_int_equal(policy_holds(rules, rules->criteria[0].when, lead_subject(&lead), lead.arena, &holds, NULL, NULL), 0);
                assert_int_equal(holds, i == 7);
                lead_end(&lead);
        }
        policy_free(rules);
}

/* Its keys are made when they are asked for; nothing a function can do tells that from a table that was there. */
static void function__that_looks_closely__cannot_tell_that_keys_are_made_when_asked(void **state _unused_) {
        static const char *const bodies[] = {
                "return lead.person == lead.person and lead.activities == lead.activities and lead.segments == lead.segments",
                "lead.person = nil return lead.person == nil and lead.company ~= nil",
                "lead.activities = nil return lead.activities == nil",
                "lead.person = 5 return lead.person == 5",
                "local first = lead.person lead.person = nil lead.person = first return lead.person == first",
                "local n = 0 for key, value in pairs(lead) do n = n + 1 if lead[key] ~= value then return false end end return n >= 12",
                "local keys = {} for key in pairs(lead) do keys[#keys + 1] = key end "
                "return table.concat(keys, ' ') == 'activities answers attribution company consent country created id interest opportunity "
                "person segments source test touched'",
                "lead.company = nil for key in pairs(lead) do if key == 'company' then return false end end return true",
                "lead.own = 1 local seen for key in pairs(lead) do seen = seen or key == 'own' end return seen and lead.own == 1",
                ("return lead[1] == nil and lead[true] == nil and lead.nothing == nil and #lead == 0 and lead.status == nil and lead.score "
                 "== nil"),
                "local key = 'activ' .. 'ities' return #lead[key] == 2 and lead[key][1].type == 'page_viewed'",
                "for key, value in pairs(lead) do lead[key] = nil end for key in pairs(lead) do return false end return lead.person == nil",
                "local ok = pcall(function() lead.person.title = nil error('x') end) return not ok and lead.person.title == nil",
        };
        Text text = { 0 };
        Receipts receipts = { .all = true };
        Lead lead;
        int n_wrong = 0;

        text_append(&text, "group 'fit' { max = 1000 } segment 'EU' { when = { country = present } } ");
        /* Each twice: what the first time leaves must not be felt, and a score that only reads stands between. */
        for (size_t i = 0; i < 2 * ARRAY_SIZE(bodies); i++)
                text_printf(&text,
                        "score 'f%zu' { group = 'fit', points = function(lead) local yes = (function() %s end)() return yes and 1 or nil "
                        "end }\n"
                        "score 'r%zu' { group = 'fit', points = function(lead) if lead.person.title == 'VP' and lead.activities[2] then "
                        "return 1 "
                        "end end }\n",
                        i, bodies[i / 2], i);
        RuleSet *rules = rules_load(text.data);
        lead_begin(&lead);
        lead_text(&lead, "person.title", "VP");
        lead_text(&lead, "company.country", "DE");
        (void) lead_did(&lead, "email_opened", 2000);
        (void) lead_did(&lead, "page_viewed", 1000);
        (void) lead_judge(&lead, rules, &receipts);
        for (size_t i = 0; i < rules->n_scores; i++) {
                const Receipt *receipt = receipt_of(&receipts, rules->scores[i]->rule.name);
                if (!receipt || receipt->points_mp != 1000) {
                        print_error("%s: %s: %s\n", rules->scores[i]->rule.name, bodies[i / 4],
                                receipt && receipt->note ? receipt->note : "says no");
                        n_wrong++;
                }
        }
        assert_int_equal(n_wrong, 0);
        lead_end(&lead);
        text_free(&text);
        policy_free(rules);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(function__its_lead__is_nested_as_in_a_record),
                cmocka_unit_test(function__of_a_score__sees_segments_and_no_status),
                cmocka_unit_test(function__with_a_long_history__sees_the_newest_hundred),
                cmocka_unit_test(function__what_it_answers__is_checked),
                cmocka_unit_test(function__long_note__is_cut_at_two_hundred_characters),
                cmocka_unit_test(function__of_a_segment_that_breaks__leaves_the_others_alone),
                cmocka_unit_test(function__that_keeps_state__cannot_reach_the_next_lead),
                cmocka_unit_test(function__whatever_another_one_did__sees_the_lead_as_it_is),
                cmocka_unit_test(function__of_an_earlier_phase__does_not_see_what_a_later_one_was_shown),
                cmocka_unit_test(function__of_a_decision__sees_the_status_of_each_moment),
                cmocka_unit_test(function__of_another_lead_not_judged__sees_that_lead),
                cmocka_unit_test(function__that_looks_closely__cannot_tell_that_keys_are_made_when_asked),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
