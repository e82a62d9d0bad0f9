/* SPDX-License-Identifier: MIT */
/*
 * The proof that a warning is never wrong, by trying: thousands of conditions made at random of few words, so that many exclude each
 * other, and leads made at random of the same words. What "can never match" may match none of them, what "always holds" must match
 * all, and whenever a route "never applies" because of another, that other applies, too.
 */
#include "test_policy_directory.h"
#include "test_policy_fixture.h"

#define SETS 60
#define CRITERIA 40
#define ROUTES 12
#define LEADS 250
#define DEPTH 3

static uint64_t seed = 0x9e3779b97f4a7c15u;

static unsigned dice(unsigned n) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return (unsigned) (seed >> 20) % n;
}

static const char *pick(const char *const *words) {
        unsigned n = 0;
        while (words[n])
                n++;
        return words[dice(n)];
}
#define PICK(...) pick((const char *const[]){ __VA_ARGS__, NULL })

/* ---- conditions ---------------------------------------------------------- */

static void add_text_matcher(Text *out) {
        const char *a = PICK("de", "fr", "DE", "de at", "at", "fr de", "x"), *b = PICK("de", "fr", "AT de");
        switch (dice(10)) {
        case 0:
                text_printf(out, "one_of{ '%s', '%s' }", a, b);
                return;
        case 1:
                text_printf(out, "is_not '%s'", a);
                return;
        case 2:
                text_append(out, "in_list 'words'");
                return;
        case 3:
                text_append(out, PICK("present", "absent"));
                return;
        case 4:
                text_printf(out, "like('%s')", PICK("de*", "*de", "*t d*", "d*e", "fr", "*", "f*e"));
                return;
        case 5:
                text_printf(out, "%s{ '%s', '%s' }", PICK("has", "word", "starts", "ends"), a, b);
                return;
        case 6:
        case 7:
                text_printf(out, "%s('%s')", PICK("has", "word", "starts", "ends"), PICK("d", "de", "fr", "at", "e", "r d", "t"));
                return;
        default:
                text_printf(out, "'%s'", a);
        }
}

static void add_number_matcher(Text *out) {
        unsigned a = dice(4);
        switch (dice(6)) {
        case 0:
                text_printf(out, "one_of{ %u, %u.5 }", a, dice(4));
                return;
        case 1:
                text_printf(out, "is_not(%u)", a);
                return;
        case 2:
                text_append(out, PICK("present", "absent"));
                return;
        case 3:
                text_printf(out, "between(%u, %u)", a, a + dice(3));
                return;
        case 4:
                text_printf(out, "%u", a);
                return;
        default:
                text_printf(out, "%s(%u%s)", PICK("ge", "gt", "le", "lt"), a, PICK("", ".5"));
        }
}

static void add_did(Text *out) {
        text_append(out, "did{ ");
        if (dice(4))
                text_printf(out, "type = '%s', ", PICK("seen", "sent"));
        if (dice(2)) {
                text_append(out, "url = ");
                add_text_matcher(out);
                text_append(out, ", ");
        }
        if (dice(3) == 0) {
                text_append(out, "value = ");
                add_number_matcher(out);
                text_append(out, ", ");
        }
        if (dice(3) == 0)
                text_printf(out, "within = '%s', ", PICK("1d", "2d"));
        if (dice(4) == 0)
                text_append(out, "since = 'move', ");
        if (dice(4) == 0)
                text_printf(out, "distinct = '%s', ", PICK("url", "type", "value"));
        switch (dice(4)) {
        case 0:
                text_printf(out, "at_least = %u", 1 + dice(3));
                break;
        case 1:
                text_printf(out, "exactly = %u", dice(3));
                break;
        default:
                break;
        }
        text_append(out, " }");
}

static void add_condition(Text *out, int depth, bool decision);

static void add_entry(Text *out, int depth, bool decision) {
        if (depth > 0 && dice(3) == 0) {
                add_condition(out, depth - 1, decision);
                return;
        }
        unsigned what = dice(decision ? 14 : 9);
        if (what == 0) {
                add_did(out);
                return;
        }
        text_append(out, "{ ");
        switch (what) {
        case 1:
                text_append(out, "country = ");
                add_text_matcher(out);
                break;
        case 2:
                text_append(out, "['person.title'] = ");
                add_text_matcher(out);
                break;
        case 3:
                text_append(out, "['company.employees'] = ");
                add_number_matcher(out);
                break;
        case 4:
                text_append(out, "['answers.x'] = ");
                if (dice(2))
                        add_text_matcher(out);
                else
                        add_number_matcher(out);
                break;
        case 5:
                text_printf(out, "%s = %s", PICK("['consent.contact']", "test", "['attribution.is_organic']"),
                        PICK("true", "false", "present", "is_not(true)"));
                break;
        case 6:
                text_printf(out, "%s = %s('%ud')", PICK("idle", "age"), PICK("ge", "gt", "le", "lt"), dice(4));
                break;
        case 7:
                text_append(out, "source = ");
                add_text_matcher(out);
                break;
        case 8:
                if (decision)
                        text_printf(out, "segment = %s", PICK("'s0'", "'s1'", "is_not 's2'", "one_of{ 's0', 's2' }", "present"));
                else
                        text_append(out, "test = true");
                break;
        case 9:
                text_printf(out, "status = %s", PICK("'new'", "'work'", "one_of{ 'work', 'done' }", "is_not 'new'", "present"));
                break;
        case 10:
                text_printf(out, "team = %s", PICK("'desk'", "'queue'", "is_not 'desk'"));
                break;
        case 11:
                text_printf(out, "owner = %s", PICK("'anna'", "'ben'", "absent", "is_not 'anna'"));
                break;
        case 12:
                text_printf(out, "grade = %s",
                        PICK("'A1'", "one_of{ 'A1', 'B2' }", "starts('A')", "ends('2')", "is_not 'A1'", "present", "absent"));
                break;
        default:
                text_printf(out, "%s = %s(%u)", PICK("fit", "engagement"), PICK("ge", "gt", "le", "lt"), dice(5) * 5);
        }
        text_append(out, " }");
}

static void add_condition(Text *out, int depth, bool decision) {
        unsigned n = 1 + dice(4);
        text_append(out, PICK("any{ ", "all{ ", "none{ ", "all{ ", "{ "));
        for (unsigned i = 0; i < n; i++) {
                add_entry(out, depth, decision);
                text_append(out, ", ");
        }
        text_append(out, "}");
}

static void add_rules(Text *out) {
        text_append(out, "team 'queue' {}\n"
                         "team 'desk' { members = { anna = {}, ben = {} } }\n"
                         "status 'new' { team = 'queue', initial = true }\n"
                         "status 'work' { team = 'desk' }\n"
                         "status 'done' { team = 'desk', kind = 'final' }\n"
                         "move 'take' { from = 'new', to = 'work', by = 'rules' }\n"
                         "move 'finish' { from = 'work', to = 'done', by = 'owner' }\n"
                         "list 'words' { 'de', 'de at', 'it' }\n"
                         "group 'fit' { max = 20 } group 'engagement' { max = 20 }\n"
                         "score 'a' { group = 'fit', field = 'company.employees', bands = { { 2, 15 }, { 1, 5 } } }\n"
                         "score 'b' { group = 'engagement', on = { type = 'seen' }, each = 4, cap = 12 }\n"
                         "grade 'G' { fit = { A = 10, B = 0 }, engagement = { ['1'] = 8, ['2'] = 0 } }\n");
        for (int i = 0; i < 3; i++) {
                text_printf(out, "segment 's%d' { when = ", i);
                add_condition(out, 1, false);
                text_append(out, " }\n");
        }
        for (int i = 0; i < CRITERIA; i++) {
                text_printf(out, "criterion 'c%d' { when = ", i);
                add_condition(out, DEPTH, true);
                text_append(out, " }\n");
        }
        for (int i = 0; i < ROUTES; i++) {
                text_printf(out, "route 'r%d' { team = 'desk', when = ", i);
                add_condition(out, 1, true);
                text_append(out, " }\n");
        }
        text_append(out, "route 'all' { team = 'desk' }\n");
}

/* ---- leads --------------------------------------------------------------- */

static const char *random_text(void) {
        return PICK("de", "fr", "DE", "de at", "at", "fr de", "at de", "x", "it", "dee", "Freie", "at fr e");
}

static void make_lead(Lead *lead, const RuleSet *rules) {
        lead_begin(lead);
        if (dice(4))
                lead_text(lead, "company.country", random_text());
        if (dice(4))
                lead_text(lead, "person.title", random_text());
        if (dice(4))
                lead_set(lead, "company.employees", dice(2) ? value_integer(dice(4)) : value_number(dice(4) + 0.5));
        switch (dice(5)) {
        case 0:
                break;
        case 1:
                lead_set(lead, "answers.x", value_integer(dice(4)));
                break;
        case 2:
                lead_set(lead, "answers.x", value_bool(dice(2)));
                break;
        case 3:
                lead_set(lead, "answers.x", value_number(dice(4) + 0.5));
                break;
        default:
                lead_text(lead, "answers.x", random_text());
        }
        if (dice(3))
                lead_set(lead, "consent.contact", value_bool(dice(2)));
        if (dice(2))
                lead_set(lead, "test", value_bool(dice(2)));
        if (dice(2))
                lead_set(lead, "attribution.is_organic", value_bool(dice(2)));
        lead->subject.source = dice(5) ? random_text() : NULL;
        lead->subject.touched_us = dice(5) ? NOW_US - (int64_t) dice(9) * US_PER_DAY / 2 : TIME_NONE;
        lead->subject.created_us = NOW_US - (int64_t) dice(9) * US_PER_DAY / 2;
        for (unsigned i = 0, n = dice(5); i < n; i++) {
                Activity *activity = lead_did(lead, PICK("seen", "sent"), (int64_t) dice(6) * US_PER_DAY / 2);
                activity->after_move = dice(2);
                if (dice(3))
                        activity_text(lead, activity, "activity.url", random_text());
                if (dice(3))
                        activity_set(lead, activity, "activity.value", dice(2) ? value_integer(dice(4)) : value_number(dice(4) + 0.5));
                if (dice(6) == 0)
                        activity_set(lead, activity, "activity.count", value_integer(dice(3)));
        }
        (void) lead_judge(lead, (RuleSet *) rules, NULL);
        lead->subject.status = &rules->statuses[dice(3)];
        lead->subject.owner = PICK("anna", "ben", "");
        if (!*lead->subject.owner)
                lead->subject.owner = NULL;
}

static bool holds(const RuleSet *rules, const Condition *condition, Lead *lead) {
        bool ret;
        assert_int_equal(policy_holds((RuleSet *) rules, condition, &lead->subject, lead->arena, &ret, NULL, NULL), 0);
        return ret;
}

/* ---- what was said of them ----------------------------------------------- */

static bool was_said(const PolicyReport *report, const char *kind, const char *name, const char *text) {
        char prefix[80];
        (void) snprintf(prefix, sizeof(prefix), "%s \"%s\": %s", kind, name, text);
        for (size_t i = 0; i < report->n_problems; i++)
                if (strncmp(report->problems[i].text, prefix, strlen(prefix)) == 0)
                        return true;
        return false;
}

/* The rule that a route stands behind; NULL = it was not warned of. */
static const Route *stands_behind(const PolicyReport *report, const RuleSet *rules, const Route *route) {
        for (size_t i = 0; i < rules->n_routes; i++) {
                char text[80];
                (void) snprintf(text, sizeof(text), "never applies: \"%s\"", rules->routes[i].rule.name);
                if (was_said(report, "route", route->rule.name, text))
                        return &rules->routes[i];
        }
        return NULL;
}

static void policy_load__warnings_of_random_rules__are_never_wrong(void **state _unused_) {
        size_t n_never = 0, n_always = 0, n_behind = 0, n_unseen = 0;

        for (int set = 0; set < SETS; set++) {
                RulesDirectory directory;
                PolicyReport report = { 0 };
                RuleSet *rules = NULL;
                Text text = { 0 };
                bool never[CRITERIA], always[CRITERIA], seen[CRITERIA] = { 0 };
                const Route *behind[ROUTES + 1];

                add_rules(&text);
                directory_make(&directory, text.data);
                int r = policy_load(directory.path, 0, &rules, &report);
                directory_remove(&directory);
                if (r != 0) {
                        Text problems = { 0 };
                        (void) policy_report_format(&report, &problems);
                        fail_msg("%s\n%s", text.data, problems.data);
                }
                for (size_t c = 0; c < CRITERIA; c++) {
                        never[c] = was_said(&report, "criterion", rules->criteria[c].rule.name, "when: can never match");
                        always[c] = was_said(&report, "criterion", rules->criteria[c].rule.name, "when: always holds");
                        n_never += never[c];
                        n_always += always[c];
                }
                for (size_t i = 0; i < rules->n_routes; i++) {
                        behind[i] = stands_behind(&report, rules, &rules->routes[i]);
                        n_behind += behind[i] != NULL;
                }
                for (int i = 0; i < LEADS; i++) {
                        Lead lead;
                        make_lead(&lead, rules);
                        for (size_t c = 0; c < CRITERIA; c++) {
                                bool matches = holds(rules, rules->criteria[c].when, &lead);
                                seen[c] = seen[c] || matches;
                                if ((never[c] && matches) || (always[c] && !matches)) {
                                        Text shown = { 0 };
                                        (void) policy_holds(
                                                rules, rules->criteria[c].when, &lead.subject, lead.arena, &matches, NULL, &shown);
                                        fail_msg("set %d, criterion %s: %s, but: %s", set, rules->criteria[c].rule.name,
                                                never[c] ? "never" : "always", shown.data);
                                }
                        }
                        lead.subject.status = &rules->statuses[1 + dice(2)];
                        for (size_t k = 0; k < rules->n_routes; k++)
                                if (behind[k] && holds(rules, rules->routes[k].when, &lead) && !holds(rules, behind[k]->when, &lead))
                                        fail_msg("set %d: route %s applies without %s", set, rules->routes[k].rule.name,
                                                behind[k]->rule.name);
                        lead_end(&lead);
                }
                for (size_t c = 0; c < CRITERIA; c++)
                        n_unseen += !seen[c] && !never[c];
                policy_report_done(&report);
                policy_free(rules);
                text_free(&text);
        }
        /* And there were warnings to be wrong about. */
        print_message("%zu never, %zu always, %zu behind another; %zu of %d met no lead and were not warned of\n", n_never, n_always,
                n_behind, n_unseen, SETS * CRITERIA);
        assert_true(n_never > 100 && n_always > 10 && n_behind > 10);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(policy_load__warnings_of_random_rules__are_never_wrong),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
