/* SPDX-License-Identifier: MIT */
/*
 * Mean cost per rule: every rule that was asked has its figures, a dear one more than a cheap one, and no answer depends on whether
 * the clock was read.
 */
#include "test_policy_fixture.h"

#define RULES \
        "list 'eea' { 'DE' } " \
        "group 'fit' { max = 100 } group 'engagement' { max = 100, half_life = '30d' } " \
        "grade 'G' { fit = { A = 50, D = 0 }, engagement = { ['1'] = 50, ['2'] = 0 } } " \
        "segment 'BIG' { when = { ['company.employees'] = ge(100) } } " \
        "score 'CHEAP' { group = 'fit', when = { ['person.title'] = word('vp') }, points = 20 } " \
        "score 'DEAR' { group = 'fit', points = function(lead) local n = 0 for i = 1, 20000 do n = n + i end return 1 end } " \
        "score 'VISITS' { group = 'engagement', on = { type = 'page_viewed' }, each = 5 } " \
        "team 'desk' {} " \
        "status 'new' { team = 'desk', kind = 'open', initial = true } status 'mql' { team = 'desk', kind = 'final' } " \
        "criterion 'REACHABLE' { when = { ['person.title'] = present } } " \
        "fence 'SHUT' { blocks = { 'mql' }, when = { country = in_list 'eea' } } " \
        "move 'qualify' { from = 'new', to = 'mql', by = 'rules', needs = { 'REACHABLE' }, when = { grade = 'A1' } } " \
        "junk 'SCANNER' { when = { type = 'email_clicked', ['properties.seconds_after_send'] = lt(2) } } " \
        "reason 'later' { to = 'new', wake_on = did{ type = 'page_viewed' } } "

#define N_LEADS 2000

static uint32_t index_of(const RuleSet *rules, const char *name) {
        for (size_t i = 0; i < rules->n_rules; i++)
                if (strcmp(rules->rules[i]->name, name) == 0)
                        return rules->rules[i]->index;
        fail_msg("no rule %s", name);
        return 0;
}

static double mean_ns(const RuleSet *rules, const char *name) {
        uint64_t n, ns;

        policy_cost(rules, index_of(rules, name), &n, &ns);
        return n > 0 ? (double) ns / (double) n : -1;
}

static uint64_t times(const RuleSet *rules, const char *name) {
        uint64_t n, ns;

        policy_cost(rules, index_of(rules, name), &n, &ns);
        return n;
}

static void cost__of_each_rule__is_counted_where_it_was_asked(void **state _unused_) {
        RuleSet *rules = rules_load(RULES);
        uint64_t n, ns;

        assert_true(mean_ns(rules, "CHEAP") < 0);
        for (int i = 0; i < N_LEADS; i++) {
                Lead lead;
                Receipts receipts = { 0 };
                bool holds;

                lead_begin(&lead);
                lead_set(&lead, "person.title", value_text("VP Sales"));
                activity_text(&lead, lead_did(&lead, "page_viewed", US_PER_DAY), "activity.url", "/pricing");
                assert_int_equal(policy_mark_junk(rules, lead.history, lead.n_history, lead.arena), 0);
                Subject *subject = lead_judge(&lead, rules, &receipts);
                /* What is the same on every lead must be the same on those that were timed. */
                assert_int_equal(subject->fit_mp, 21000);
                assert_int_equal(receipts.n_items, 4);
                assert_int_equal(policy_holds(rules, rules->criteria[0].when, subject, lead.arena, &holds, NULL, NULL), 0);
                assert_true(holds);
                assert_int_equal(policy_holds(rules, rules->fences[0].when, subject, lead.arena, &holds, NULL, NULL), 0);
                assert_false(holds);
                assert_int_equal(policy_holds(rules, rules->moves[0].when, subject, lead.arena, &holds, NULL, NULL), 0);
                assert_int_equal(
                        policy_matches_activity(rules, rules->reasons[0].wake_on, subject, &subject->history[0], lead.arena, &holds), 0);
                assert_true(holds);
                lead_end(&lead);
        }
        static const char *const asked[] = { "BIG", "CHEAP", "DEAR", "VISITS", "G", "REACHABLE", "SHUT", "qualify", "later", "SCANNER" };
        for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
                /* All of the first ones, then a small part. */
                if (times(rules, asked[i]) < 64 || times(rules, asked[i]) > 64 + N_LEADS / 16)
                        fail_msg("%s was timed %llu times", asked[i], (unsigned long long) times(rules, asked[i]));
                assert_true(mean_ns(rules, asked[i]) >= 0);
        }
        /* Twenty thousand turns of a loop against one word looked for: no noise of a shared machine turns that round. */
        assert_true(mean_ns(rules, "DEAR") > 10000);
        assert_true(mean_ns(rules, "DEAR") > 4 * mean_ns(rules, "CHEAP"));
        /* Nothing to evaluate, nothing known. */
        assert_int_equal(times(rules, "desk"), 0);
        policy_cost(rules, (uint32_t) rules->n_rules, &n, &ns);
        assert_int_equal(n, 0);
        policy_cost(rules, UINT32_MAX, &n, &ns);
        assert_int_equal(n, 0);
        policy_free(rules);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(cost__of_each_rule__is_counted_where_it_was_asked),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
