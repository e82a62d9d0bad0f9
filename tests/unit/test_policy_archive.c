/* SPDX-License-Identifier: MIT */
/*
 * What ran once loads for ever: rule sets that today's checks refuse on disk, as a book of an earlier leadd has them in its
 * archive. They load from there with the same hash, leads are judged under them, and the log is replayed under them.
 */
#include "leadd/trial.h"
#include "test_gate_fixture.h"
#include "test_policy_directory.h"

#define PEOPLE \
        "settings \"site\" { zone = \"UTC\" }\n" \
        "team \"marketing\" { doc = \"a queue\" }\n" \
        "team \"other\" { members = { z = { } } }\n" \
        "status \"inquiry\" { team = \"marketing\", kind = \"open\", initial = true, meaning = \"i\" }\n" \
        "status \"closed\" { team = \"marketing\", kind = \"final\", meaning = \"c\" }\n" \
        "move \"close\" { from = { \"inquiry\", \"mql\" }, to = \"closed\", by = \"desk\" }\n" \
        "move \"hand\" { from = \"inquiry\", to = \"mql\", by = \"rules\", when = { [\"person.email\"] = present } }\n" \
        "move \"again\" { from = \"mql\", to = \"mql\", by = \"owner\" }\n"
#define DESK "team \"desk\" { members = { a = { } } }\n"
#define ROUTE "route \"ALL\" { team = \"desk\" }\n"
#define MQL_OPEN "status \"mql\" { team = \"desk\", kind = \"open\", meaning = \"m\" }\n"
#define MQL_SLA "status \"mql\" { team = \"desk\", kind = \"sla\", meaning = \"m\" }\n"
#define REST "sla \"REST\" { status = \"mql\", within = \"1h\", steps = { { at = \"1h\", every = \"1h\", remind = { \"owner\" } } } }\n"
#define WEIGHTED(percent) \
        "group \"fit\" { weights = true }\n" \
        "score \"MAIL\" { group = \"fit\", weight = " percent \
        ", best_of = { { when = { [\"person.email\"] = present }, percent = 100 } } }\n"
#define GROUPS "group \"fit\" { }\ngroup \"engagement\" { }\n"
#define TEST(body) "test \"t\" { at = \"2026-03-05T09:00:00Z\", given = { lead{ person = { email = \"m@example.com\" } } }, " body " }\n"

typedef struct Set {
        const char *text, *refusal, *test;
} Set;

static const Set sets[] = {
        { PEOPLE DESK ROUTE MQL_OPEN "team \"third\" { head = \"z\", members = { y = { } } }\n", "is in the team \"other\"", NULL },
        { PEOPLE "team \"desk\" { head = \"z\", members = { a = { } } }\n" ROUTE MQL_OPEN, "its head \"z\" is in the team \"other\"",
                NULL },
        { PEOPLE DESK ROUTE MQL_SLA, "no sla has status = \"mql\"", NULL },
        { PEOPLE DESK ROUTE MQL_SLA
                "sla \"SOME\" { status = \"mql\", when = { country = \"DE\" }, within = \"1h\", steps = { { at = \"1h\", every = \"1h\","
                " remind = { \"owner\" } } } }\n",
                "every sla for it has a condition", NULL },
        { PEOPLE DESK ROUTE MQL_SLA
                "sla \"BACK\" { status = \"mql\", within = \"1h\", clock = \"wall\", steps = { { at = \"1h\", move = \"again\" } } }\n",
                "leads back to \"mql\"", NULL },
        { PEOPLE DESK ROUTE MQL_SLA REST
                "sla \"STILL\" { status = \"mql\", within = \"1h\", steps = { { at = \"1h\", remind = { \"owner\" } } } }\n",
                "neither moves the lead nor repeats", NULL },
        { PEOPLE DESK "route \"SOME\" { team = \"desk\", when = { country = \"DE\" } }\n" MQL_OPEN, "so it must take every lead", NULL },
        { PEOPLE DESK MQL_OPEN, "no route leads to it", NULL },
        { PEOPLE DESK ROUTE MQL_OPEN "status \"lost\" { team = \"marketing\", kind = \"final\", meaning = \"l\" }\n", "cannot be reached",
                NULL },
        { PEOPLE DESK ROUTE MQL_OPEN WEIGHTED("90"), "its weights sum to 90", NULL },
        { PEOPLE DESK ROUTE MQL_OPEN GROUPS "score \"CAP\" { group = \"fit\", on = { type = \"x\" }, points = 5, cap = 9 }\n",
                "cap needs each", NULL },
        { PEOPLE DESK ROUTE MQL_OPEN "move \"note\" { from = \"mql\", to = \"closed\", by = \"owner\" }\n", "leadd's own word", NULL },
        { PEOPLE DESK ROUTE MQL_OPEN GROUPS "junk \"J\" { when = did{ type = \"page_viewed\", within = \"1d\" } }\n", "does not fit",
                NULL },
        { PEOPLE DESK ROUTE MQL_OPEN "channel \"c\" { via = \"exec\", target = \"tool\" }\n", "is the absolute path of a program", NULL },
        { PEOPLE DESK ROUTE MQL_OPEN, "nobody", TEST("expect = { owner = \"nobody\" }") },
        { PEOPLE DESK ROUTE MQL_OPEN, "expects nothing", TEST("doc = \"x\"") },
};

static void add_file(Text *out, const char *name, const char *text) {
        text_append_varint(out, strlen(name));
        text_append(out, name);
        text_append_varint(out, strlen(text));
        text_append(out, text);
}

/* The archive that a leadd without the check would have written. */
static void archive_of(const Set *set, Text *out) {
        RuleSet *rules = gate_load_rules(GATE_BASE_RULES);
        const char *data;
        size_t size;

        assert_int_equal(policy_archive(rules, (const void **) &data, &size), 0);
        const char *name = memmem(data, size, "rules.lua", 9);
        assert_non_null(name);
        text_append_size(out, data, (size_t) (name - 1 - data)); /* what archives begin with, up to the length of the name */
        policy_free(rules);
        add_file(out, "rules.lua", set->text);
        if (set->test)
                add_file(out, "rules_test.lua", set->test);
        assert_int_equal(out->error, 0);
}

static void check_judges(RuleSet *rules, const char *name) {
        char directory[] = "/tmp/leadd-test-archive-XXXXXX", path[64], command[80];
        Text differences = { 0 };
        uint64_t n_events, n_differences;
        GateBook book;

        assert_non_null(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/leadd.db", directory);
        gate_open_book(&book, path, rules, NOW_US);
        GateOutcome outcome = gate_happen(&book, "lead.submitted", NOW_US, NULL, value_bool(true), NOW_US);
        if (!base_streq(outcome.decision->after.status, "mql"))
                fail_msg("%s: the lead is in \"%s\"", name, outcome.decision->after.status);
        gate_happen(&book, "activity.page_viewed", NOW_US, NULL, value_bool(true), NOW_US + US_PER_HOUR);
        gate_close_book(&book);
        assert_int_equal(gate_replay(path, &differences, &n_events, &n_differences), 0);
        if (n_differences > 0)
                fail_msg("%s: replayed:\n%s", name, differences.data);
        assert_int_equal(n_events, 3);
        text_free(&differences);
        snprintf(command, sizeof(command), "rm -r %s", directory);
        assert_int_equal(system(command), 0);
}

static void policy_load_archive__a_set_that_todays_checks_refuse_on_disk__loads_and_judges(void **state) {
        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
                _cleanup_(text_free) Text archive = { 0 };
                _cleanup_(policy_freep) RuleSet *rules = NULL;
                PolicyReport report = { 0 };
                Directory directory;
                uint8_t hash[DIGEST_SIZE];

                directory_open(&directory);
                directory_write_text(&directory, "rules.lua", sets[i].text);
                if (sets[i].test)
                        directory_write_text(&directory, "rules_test.lua", sets[i].test);
                _cleanup_(base_freep) char *problems = directory_load(&directory, 0, &rules);
                directory_close(&directory);
                if (!strstr(problems, sets[i].refusal))
                        fail_msg("set %zu on disk: want \"%s\", got:\n%s", i, sets[i].refusal, problems);
                assert_null(rules);
                archive_of(&sets[i], &archive);
                int r = policy_load_archive(archive.data, archive.size, &rules, &report);
                bool is_said = false;
                for (size_t k = 0; k < report.n_problems; k++) {
                        is_said = is_said || strstr(report.problems[k].text, sets[i].refusal);
                        if (report.problems[k].is_error)
                                fail_msg("set %zu (%s) from the archive: %s", i, sets[i].refusal, report.problems[k].text);
                }
                policy_report_done(&report);
                assert_int_equal(r, 0);
                if (!is_said)
                        fail_msg("set %zu: the warning \"%s\" is missing", i, sets[i].refusal);
                assert_int_equal(digest_sha256(archive.data, archive.size, hash), 0);
                assert_memory_equal(rules->hash, hash, DIGEST_SIZE);
                check_judges(rules, sets[i].refusal);
                if (!sets[i].test)
                        continue;
                TrialReport trial;
                assert_int_equal(rules->n_tests, 1);
                assert_int_equal(trial_run(rules, NULL, &trial), 0);
                assert_int_equal(trial.n_tests, 0); /* it neither passes nor fails */
                trial_report_done(&trial);
        }
}

/* Words that came later are what its files made of them. */
static void policy_load_archive__a_set_that_calls_things_by_todays_words__keeps_them(void **state) {
        static const Set set = { .text = PEOPLE DESK ROUTE MQL_OPEN GROUPS
                                 "target = 7\n"
                                 "function stage(lead) return target > 5 end\n"
                                 "segment \"all\" { when = function(lead) return stage(lead) end }\n"
                                 "score \"S\" { group = \"fit\", when = { segment = \"all\" }, points = target }\n" };
        _cleanup_(text_free) Text archive = { 0 };
        _cleanup_(policy_freep) RuleSet *rules = NULL;
        PolicyReport report = { 0 };
        Directory directory;

        (void) state;
        directory_open(&directory);
        directory_write_text(&directory, "rules.lua", set.text);
        _cleanup_(base_freep) char *problems = directory_load(&directory, 0, NULL);
        directory_close(&directory);
        assert_non_null(strstr(problems, "\"target\" is a word of the rule language and keeps its meaning"));
        archive_of(&set, &archive);
        assert_int_equal(policy_load_archive(archive.data, archive.size, &rules, &report), 0);
        assert_int_equal(report.n_errors, 0);
        policy_report_done(&report);
        assert_int_equal(rules->n_targets, 0);
        check_judges(rules, "words of today");
}

static void policy_load_archive__a_set_that_names_what_is_not_there__is_refused(void **state) {
        (void) state;
        static const char *const broken[] = {
                PEOPLE DESK ROUTE MQL_OPEN "route \"R\" { team = \"nobody\" }\n",
                PEOPLE DESK ROUTE MQL_OPEN "move \"m\" { from = \"mql\", to = \"nowhere\", by = \"owner\" }\n",
                PEOPLE DESK ROUTE MQL_OPEN "move \"m\" { from = \"mql\", by = \"owner\" }\n",
                "team \"marketing\" { }\nstatus \"a\" { team = \"marketing\", kind = \"final\", meaning = \"a\" }\n",
                "this is no rule\n",
        };
        for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
                _cleanup_(text_free) Text archive = { 0 };
                RuleSet *rules = NULL;
                PolicyReport report = { 0 };

                archive_of(&(Set){ .text = broken[i] }, &archive);
                assert_int_equal(policy_load_archive(archive.data, archive.size, &rules, &report), POLICY_E_RULES);
                assert_true(report.n_errors > 0);
                policy_report_done(&report);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(policy_load_archive__a_set_that_todays_checks_refuse_on_disk__loads_and_judges),
                cmocka_unit_test(policy_load_archive__a_set_that_calls_things_by_todays_words__keeps_them),
                cmocka_unit_test(policy_load_archive__a_set_that_names_what_is_not_there__is_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
