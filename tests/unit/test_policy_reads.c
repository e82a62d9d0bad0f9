/* SPDX-License-Identifier: MIT */
/*
 * Functions that surely only read are run one after the other without taking the sandbox back (sandbox_reads.c). Bodies made at random,
 * of which some write and some do not, answer as when it is taken back before each of them, in whatever order they stand.
 */
#include "test_policy_fixture.h"

#include "../../daemon/policy/condition.h"
#include "../../daemon/policy/score.h"

static const char *const random_values[] = { "lead.person.title", "lead.company.employees", "lead.id", "lead.person.nothing", "lead.source",
        "lead.activities[1].url", "lead.activities[2].type", "#lead.activities", "lead.answers.fleet", "now - lead.created", "('x')", "(7)",
        "lead.country", "lead.nothing" };
/* The last RANDOM_WILD of each fail often or take all there is, after which everything is taken back: every second seed is without. */
#define RANDOM_WILD 4
static const char *const random_conditions[] = {
        "tostring(%s):lower():find('%s')",
        "type(%s) == 'string' or '%s' == 'x'",
        "(%s or 'none') == '%s'",
        "tostring(%s):rep(50, '%s'):len() > 300",
        "math.max(tonumber(%s) or 0, #'%s') > 5",
        "tostring(%s):upper():match('^%%u+') == '%s'",
        "(tostring(%s):gsub('%s', '-')):len() > 4",
        "tostring(%s) .. '%s' > 'f'",
        "string.format('%%s-%%s', %s, '%s'):byte(2) > 60",
        "select('#', table.unpack({ %s, '%s' })) == 1",
        "pcall(function() return %s.x == '%s' end)",
        "(function(s) for w in s:gmatch('%%a+') do if w == '%2$s' then return true end end end)(tostring(%1$s))",
        "%s:len() > #'%s'",
        "%s .. '%s' > 'f'",
};
static const char *const random_loops[] = {
        "for _, a in ipairs(lead.activities) do if a.%s and tostring(a.%s):find('%s') then n = n + 1 end end",
        "for k, v in pairs(lead.answers) do if k == '%s' or tostring(v) == '%s' or v == '%s' then n = n + 10 end end",
        "for k in pairs(lead) do if k < '%s' or #k == #'%s' or k == '%s' then n = n + 3 end end",
        "for w in tostring(lead.%s):gmatch('%%w') do if w == '%s' or w == '%s' then n = n + 7 end end",
        "local s = '%s' for i = 1, 40 do s = s .. i .. '%s' .. '%s' end n = n + #s %% 17",
        "lead.person.title = '%s%s' n = n + #'%s'",
        "n = n + #tostring(lead.person.%s or lead.activities[1].%s or lead.%s)",
        "seen = seen + 1 n = n + seen + #'%s%s%s'",
        "local own = { '%s', a = '%s' } own.b = #own[1] table.insert(own, '%s') n = n + #table.concat(own, ' ') + own.b",
        "local own = { lead.person } own[1].title = '%s%s%s' n = n + 1",
        "table.insert(lead.activities, 1, { %s = '%s%s' }) n = n + #lead.activities",
        "if lead.%s then return n, 'because of ' .. tostring(lead.%s) .. ' %s' end",
        /* A large text makes steps be counted more finely; the next takes about as long as the budget lasts. */
        "n = n + ('%s%s%s'):rep(700):len() %% 3",
        "for i = 1, 99970 + #'%s%s%s' * 3 do n = n + 1 end",
        "for i = 1, #'%s%s%s' < 5 and 1e9 or 3 do n = n + #('x'):rep(i) end",
        "local s = ('%s%s%s'):rep(900) for i = 1, 20 do n = n + (s .. i):len() %% 3 end",
        "local own = {} for i = 1, 3000 do own[i] = '%s' .. i end n = n + #own[#own] + #'%s%s'",
        "for i = 1, 6 do n = n + #tostring(lead.id):rep(9000, '%s%s%s') end",
};
static const char *const random_words[] = { "type", "name", "url", "title", "e", "x", "vp", "id", "p", "fleet", "country", "source" };

#define PICK(from) (from[random_below(&seed, ARRAY_SIZE(from))])
#define PICK_CALM(from, calm) (from[random_below(&seed, ARRAY_SIZE(from) - (calm ? RANDOM_WILD : 0))])
#define RANDOM_RULES 8
#define RANDOM_SEEDS 100

static uint64_t random_below(uint64_t *seed, uint64_t n) {
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (*seed >> 33) % n;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void random_body(Text *text, uint64_t seed, bool calm) {
        for (uint64_t i = random_below(&seed, 4); i > 0; i--) {
                const char *a = PICK(random_words), *b = PICK(random_words), *c = PICK(random_words);
                if (random_below(&seed, 2) == 0)
                        text_printf(text, PICK_CALM(random_loops, calm), a, b, c);
                else {
                        text_append(text, "if ");
                        text_printf(text, PICK_CALM(random_conditions, calm), PICK(random_values), a);
                        text_printf(text, " then n = n + %d end", (int) random_below(&seed, 100));
                }
                text_append(text, " ");
        }
        text_append(text, "if ");
        text_printf(text, PICK_CALM(random_conditions, calm), PICK(random_values), PICK(random_words));
        text_append(text, " then n = n + 1 end");
}
#pragma GCC diagnostic pop

/* The rules of the seed in an order. */
static RuleSet *random_rules(uint64_t seed, const uint8_t order[static RANDOM_RULES]) {
        Text text = { 0 };

        text_append(&text, "seen = 0 group 'fit' { min = -1e9, max = 1e9 } segment 'on' { when = { country = 'DE' } }\n");
        for (size_t i = 0; i < RANDOM_RULES; i++) {
                text_printf(&text, "score 'S%d' { group = 'fit', points = function(lead, now) local n = 0 ", order[i]);
                random_body(&text, seed * RANDOM_RULES + order[i], seed % 2 == 0);
                text_append(&text, " return n end }\n");
        }
        RuleSet *rules = rules_load(text.data);
        text_free(&text);
        return rules;
}

static Function *function_of(const RuleSet *rules, size_t score) { return &((ScoreBody *) (void *) rules->scores[score])->function; }

static void lead_fill(Lead *lead, int which) {
        lead_text(lead, "person.title", which == 1 ? "Head of Fleet" : "VP Sales");
        lead_text(lead, "company.country", "DE");
        lead_set(lead, "company.employees", value_integer(180 + which));
        lead_text(lead, "answers.fleet", "51-200");
        lead_set(lead, "answers.x", value_bool(true));
        Activity *visit = lead_did(lead, "page_viewed", US_PER_HOUR);
        activity_text(lead, visit, "activity.url", "/pricing");
        if (which == 2)
                for (int i = 0; i < 20; i++)
                        activity_text(lead, lead_did(lead, "form_submitted", (5 + i) * US_PER_DAY), "attribution.form_name", "Demo");
}

static void function__that_only_reads__whatever_ran_before__answers_as_when_taken_back(void **state _unused_) {
        size_t n_reading = 0, n_matched = 0, n_failed = 0;

        for (uint64_t seed = 1; seed <= RANDOM_SEEDS; seed++) {
                Text want[3][RANDOM_RULES] = { 0 };
                uint8_t order[RANDOM_RULES];
                uint64_t shuffle = seed;

                for (uint8_t i = 0; i < RANDOM_RULES; i++)
                        order[i] = i;
                /* The first time taken back before each, then as it comes. */
                for (int turn = 0; turn < 4; turn++) {
                        RuleSet *rules = random_rules(seed, order);
                        for (size_t i = 0; i < rules->n_scores; i++) {
                                n_reading += turn == 0 && function_of(rules, i)->only_reads;
                                if (turn == 0)
                                        function_of(rules, i)->only_reads = false;
                        }
                        /* Three leads one after the other: what was left of one must not be felt on the next. */
                        for (int which = 0; which < 3; which++) {
                                Receipts receipts = { .all = true };
                                Lead lead;

                                lead_begin(&lead);
                                lead_fill(&lead, which);
                                lead_judge(&lead, rules, &receipts);
                                for (uint8_t i = 0; i < RANDOM_RULES; i++) {
                                        char name[8];
                                        Text got = { 0 };

                                        snprintf(name, sizeof(name), "S%d", i);
                                        const Receipt *receipt = receipt_of(&receipts, name);
                                        /* Errors name a line, which is the rule's place in the order. */
                                        text_printf(&got, "%d %d %lld %s", receipt->matched, receipt->failed,
                                                (long long) receipt->points_mp,
                                                !receipt->note    ? "-"
                                                : receipt->failed ? strchr(strchr(receipt->note, ':') + 1, ':')
                                                                  : receipt->note);
                                        if (turn == 0) {
                                                want[which][i] = got;
                                                n_matched += which == 0 && receipt->points_mp != 0;
                                                n_failed += which == 0 && receipt->failed;
                                                continue;
                                        }
                                        if (!base_streq(got.data, want[which][i].data))
                                                fail_msg("seed %llu, turn %d, lead %d, %s:\n got %s\nwant %s", (unsigned long long) seed,
                                                        turn, which, name, got.data, want[which][i].data);
                                        text_free(&got);
                                }
                                lead_end(&lead);
                        }
                        policy_free(rules);
                        for (size_t i = RANDOM_RULES - 1; i > 0; i--) {
                                size_t other = random_below(&shuffle, i + 1);
                                uint8_t kept = order[i];
                                order[i] = order[other];
                                order[other] = kept;
                        }
                }
                for (size_t i = 0; i < 3 * (size_t) RANDOM_RULES; i++)
                        text_free(&want[i / RANDOM_RULES][i % RANDOM_RULES]);
        }
        print_message("%zu of %d functions only read, %zu gave points, %zu failed\n", n_reading, RANDOM_SEEDS * RANDOM_RULES, n_matched,
                n_failed);
        assert_true(
                n_reading > RANDOM_SEEDS && n_reading < RANDOM_SEEDS * RANDOM_RULES && n_matched > RANDOM_SEEDS && n_failed > RANDOM_SEEDS);
}

/* After a large text, steps are counted more finely: whether a function that just keeps its budget keeps it must not depend on that. */
static void function__whose_budget_just_lasts__is_not_cut_for_what_ran_before(void **state _unused_) {
        size_t n_cut = 0, n_kept = 0;

        for (int n = 99980; n < 100100; n += 2) {
                bool failed[2];

                for (int after = 0; after < 2; after++) {
                        Text text = { 0 };
                        Receipts receipts = { .all = true };
                        Lead lead;

                        text_append(&text, "group 'fit' { min = -1e9, max = 1e9 }\n");
                        if (after)
                                text_append(&text,
                                        "score 'BEFORE' { group = 'fit', points = function(lead) return lead.id:rep(1500):len() end }\n");
                        text_printf(&text, "score 'LONG' { group = 'fit', points = function() for i = 1, %d do local x = i end end }", n);
                        RuleSet *rules = rules_load(text.data);
                        assert_true(function_of(rules, 0)->only_reads && function_of(rules, rules->n_scores - 1)->only_reads);
                        lead_begin(&lead);
                        lead_judge(&lead, rules, &receipts);
                        failed[after] = receipt_of(&receipts, "LONG")->failed;
                        lead_end(&lead);
                        policy_free(rules);
                        text_free(&text);
                }
                if (failed[0] != failed[1])
                        fail_msg("%d times: alone it is %s", n, failed[0] ? "cut" : "not cut");
                n_cut += failed[0];
                n_kept += !failed[0];
        }
        assert_true(n_cut > 10 && n_kept > 10);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(function__that_only_reads__whatever_ran_before__answers_as_when_taken_back),
                cmocka_unit_test(function__whose_budget_just_lasts__is_not_cut_for_what_ran_before),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
