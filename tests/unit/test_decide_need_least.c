/* SPDX-License-Identifier: MIT */
/*
 * What `need` does not print is not smaller. Over random rules, every lead that can be made of a few facts and activities is judged,
 * without any of the search's knowledge; the smallest way there that this finds is the size of the smallest set of the answer.
 */
#include "test_gate_fixture.h"

#include <inttypes.h>

static uint64_t seed;
static uint32_t rnd(uint32_t n) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (uint32_t) (seed >> 33) % n;
}
static int say_seed(void **state _unused_) {
        const char *given = getenv("LEADD_TEST_SEED");
        seed = given ? strtoull(given, NULL, 10) : 1; /* the same in every run: the search may miss, and says when it met a limit */
        print_message("LEADD_TEST_SEED=%" PRIu64 "\n", seed);
        return 0;
}

/* ---- everything that can be known of a lead, or done by it ---- */

typedef struct Choice {
        const char *text;
        int64_t number; /* of a fact without a text; of an activity how often */
} Choice;
static const struct {
        const char *path, *type; /* of a fact; of an activity */
        Choice choices[6];       /* up to the first that says nothing */
} dimensions[] = {
        { "company.employees", NULL, { { NULL, 60 }, { NULL, 150 }, { NULL, 250 }, { NULL, 500 }, { NULL, 2000 } } },
        { "person.seniority", NULL, { { "director", 0 }, { "vp", 0 }, { "c_level", 0 } } },
        { "company.industry", NULL, { { "software", 0 }, { "steel", 0 } } },
        { "interest.product", NULL, { { "fleet", 0 } } },
        { NULL, "page_viewed", { { NULL, 1 }, { NULL, 2 }, { NULL, 3 } } },
        { NULL, "event_attended", { { NULL, 1 }, { NULL, 2 } } },
};

#define N_DIMENSIONS ARRAY_SIZE(dimensions)

/* The smallest number of dimensions in which something has to be said. */
typedef struct Oracle {
        RuleSet *rules;
        const char *grade; /* or */
        const Status *status;
        size_t at[N_DIMENSIONS]; /* 0 = nothing is said, else 1 + its choice */
        size_t n_least;          /* SIZE_MAX = there is no way */
        size_t least[N_DIMENSIONS];
        Arena *arena;
} Oracle;

static bool is_reached(Oracle *oracle) {
        static const Facts nothing;
        const LeadState before = { .grade = "", .recycle_us = TIME_NONE, .wake_us = TIME_NONE };
        static Activity history[8];
        static const Desk desk;
        Decision decision;
        size_t n_history = 0;
        arena_reset(oracle->arena);
        Facts *facts = ARENA_NEW(oracle->arena, Facts), *empty = ARENA_NEW(oracle->arena, Facts);
        for (size_t i = 0; i < N_DIMENSIONS; i++) {
                FieldId field;
                const char *key;
                if (oracle->at[i] == 0)
                        continue;
                const Choice *choice = &dimensions[i].choices[oracle->at[i] - 1];
                for (int64_t k = 0; dimensions[i].type && k < choice->number; k++)
                        history[n_history++] = (Activity){ .event = 1, .time_us = NOW_US, .type = dimensions[i].type, .facts = empty };
                if (!dimensions[i].path)
                        continue;
                assert_true(field_find(dimensions[i].path, &field, &key));
                assert_int_equal(facts_set(facts, oracle->arena, field, NULL,
                                         choice->text ? value_text(choice->text) : value_integer(choice->number), NOW_US),
                        0);
        }
        const Record record = { .arena = oracle->arena,
                .id = "x",
                .type = "lead.updated",
                .event = "updated",
                .family = FAMILY_LEAD,
                .time_us = NOW_US,
                .facts = *facts };
        const DecideInput input = { .event_id = 2,
                .lead_id = 1,
                .before = &before,
                .profile = &nothing,
                .history = history,
                .n_history = n_history,
                .record = &record,
                .actor = "system:leadd",
                .now_us = NOW_US,
                .desk = &desk };
        assert_int_equal(decide_event(oracle->rules, &input, oracle->arena, &decision), 0);
        assert_false(decision.refused);
        bool passed = oracle->status && base_streq(decision.after.status, oracle->status->rule.name);
        for (size_t i = 0; i < decision.n_moves; i++)
                passed |= oracle->status && base_streq(decision.moves[i].to, oracle->status->rule.name);
        const char *grade = decision.after.grade;
        return oracle->status ? passed : grade[0] != '?' && grade[0] <= oracle->grade[0] && grade[1] <= oracle->grade[1];
}

static void try_all(Oracle *oracle, size_t dimension, size_t n_said) {
        if (n_said >= oracle->n_least)
                return;
        if (dimension == N_DIMENSIONS) {
                if (is_reached(oracle)) {
                        oracle->n_least = n_said;
                        memcpy(oracle->least, oracle->at, sizeof(oracle->at));
                }
                return;
        }
        for (size_t i = 0; i == 0 || (i <= ARRAY_SIZE(dimensions[0].choices) && (dimensions[dimension].choices[i - 1].text ||
                                                                                        dimensions[dimension].choices[i - 1].number > 0));
                i++) {
                oracle->at[dimension] = i;
                try_all(oracle, dimension + 1, n_said + (i > 0));
        }
}

/* ---- random rules ---- */

static void condition(Text *out, int depth, bool with_segments) {
        static const int bounds[] = { 50, 100, 200, 300, 1000 };
        switch (rnd(depth > 0 ? 12 : 9)) {
        case 0:
        case 1:
                text_printf(out, "{ [\"company.employees\"] = ge(%d) }", bounds[rnd(ARRAY_SIZE(bounds))]);
                break;
        case 2:
                text_printf(out, "{ [\"company.employees\"] = between(%d, %d) }", bounds[rnd(3)], bounds[3 + rnd(2)]);
                break;
        case 3:
                text_append(out, rnd(2) ? "{ [\"person.seniority\"] = \"director\" }"
                                        : "{ [\"person.seniority\"] = one_of{ \"vp\", \"c_level\" } }");
                break;
        case 4:
                text_append(
                        out, rnd(2) ? "{ [\"company.industry\"] = \"software\" }" : "{ [\"company.industry\"] = is_not(\"software\") }");
                break;
        case 5:
                text_append(out, "{ [\"interest.product\"] = present }");
                break;
        case 6:
                text_printf(out, "{ did{ type = \"page_viewed\", at_least = %u } }", 1 + rnd(3));
                break;
        case 7:
                text_append(out, "{ did{ type = \"event_attended\" } }");
                break;
        case 8:
                text_append(out, with_segments ? rnd(2) ? "{ segment = \"one\" }" : "{ segment = \"two\" }"
                                               : "{ [\"person.seniority\"] = present }");
                break;
        default: {
                static const char *const joins[] = { "all", "any", "all", "none" };
                text_printf(out, "%s{ ", joins[rnd(depth > 1 ? 3 : 4)]);
                for (uint32_t n = 2 + rnd(2); n > 0; n--) {
                        condition(out, depth - 1, with_segments);
                        text_append(out, n > 1 ? ", " : " }");
                }
        }
        }
}

static void rule(Text *out, const char *before, int depth, bool with_segments, const char *after) {
        text_append(out, before);
        condition(out, depth, with_segments);
        text_append(out, after);
}

static void random_rules(Text *out) {
        text_append(out, GATE_BASE_RULES
                "status \"mql\" { team = \"desk\", kind = \"open\", meaning = \"m\" }\n"
                "move \"end\" { from = \"mql\", to = \"closed\", by = \"desk\" }\n"
                "group \"fit\" { min = 0, max = 100 }\n"
                "group \"engagement\" { min = 0, max = 100 }\n"
                "grade \"GRADE\" { fit = { A = 60, B = 40, C = 20, D = 0 }, engagement = { [\"1\"] = 40, [\"2\"] = 20, [\"3\"] = 0 } }\n"
                "score \"SENIOR\" { group = \"fit\", field = \"person.seniority\", map = { director = 20, vp = 25, c_level = 45 } }\n"
                "score \"SIZE\" { group = \"fit\", field = \"company.employees\", bands = { { 1000, 60 }, { 200, 30 }, { 50, 20 } } }\n"
                "score \"PRICING\" { group = \"engagement\", on = { type = \"page_viewed\" }, each = 15, cap = 40 }\n"
                "score \"EVENT\" { group = \"engagement\", on = { type = \"event_attended\" }, each = 25 }\n");
        rule(out, "segment \"one\" { when = ", 1, false, " }\n");
        rule(out, "segment \"two\" { when = ", 1, false, " }\n");
        rule(out, "score \"PLUS\" { group = \"fit\", when = ", 1, true, ", points = 15 }\n");
        rule(out, "score \"MINUS\" { group = \"fit\", when = ", 1, true, ", points = -25 }\n");
        rule(out, "fence \"SHUT\" { blocks = { \"mql\" }, when = ", 1, true, " }\n");
        rule(out, "criterion \"MET\" { when = ", 1, true, " }\n");
        text_append(out, "move \"up\" { from = \"inquiry\", to = \"mql\", by = \"rules\", needs = { \"MET\" }, when = all{ ");
        condition(out, 2, true);
        text_append(out, rnd(3) ? ", " : ", { grade = one_of{ \"A1\", \"B1\", \"B2\", \"A2\" } }, ");
        condition(out, 1, true);
        text_append(out, " } }\n");
}

static void check_goal(RuleSet *rules, const char *text, const char *grade, const Status *status, size_t *n_found, size_t *n_complete) {
        static const Facts nothing;
        static const Desk desk;
        _cleanup_(arena_freep) Arena *arena = arena_new(0), *scratch = arena_new(0);
        const NeedGoal goal = { .grade = grade, .status = status };
        const LeadState before = { .id = 1,
                .version = 1,
                .status = "inquiry",
                .grade = "",
                .created_us = NOW_US,
                .entered_us = NOW_US,
                .idle_from_us = TIME_NONE,
                .source_us = TIME_NONE,
                .recycle_us = TIME_NONE,
                .wake_us = TIME_NONE,
                .sla = SLA_STATE_NONE,
                .held = { .next_look_us = TIME_NONE } };
        const DecideInput input = { .event_id = 2,
                .lead_id = 1,
                .before = &before,
                .profile = &nothing,
                .actor = "system:leadd",
                .now_us = NOW_US,
                .desk = &desk };
        Oracle oracle = { .rules = rules, .grade = grade, .status = status, .n_least = SIZE_MAX, .arena = scratch };
        NeedAnswer answer;
        size_t n_least = SIZE_MAX;
        try_all(&oracle, 0, 0);
        assert_int_equal(decide_need(rules, &input, &goal, arena, &answer), 0);
        if (answer.is_so)
                n_least = 0;
        for (size_t i = 0; i < answer.n_sets; i++)
                if (answer.sets[i].n_steps == 0 && answer.sets[i].n_parts < n_least)
                        n_least = answer.sets[i].n_parts;
        *n_found += oracle.n_least <= NEED_PARTS_MAX;
        *n_complete += answer.is_complete;
        if (oracle.n_least > NEED_PARTS_MAX || n_least <= oracle.n_least || !answer.is_complete)
                return;
        (void) fprintf(stderr, "%s\n%s: %s\n%zu parts are enough:\n", text, grade ? grade : "mql", answer.text, oracle.n_least);
        for (size_t i = 0; i < N_DIMENSIONS; i++)
                if (oracle.least[i] > 0) {
                        const Choice *choice = &dimensions[i].choices[oracle.least[i] - 1];
                        print_error("  %s %s %" PRId64 "\n", dimensions[i].path ? dimensions[i].path : dimensions[i].type,
                                choice->text ? choice->text : "", choice->number);
                }
        for (size_t i = 0; i < answer.n_sets; i++)
                for (size_t k = 0; k < answer.sets[i].n_parts; k++)
                        print_error("set %zu: %s\n", i + 1, answer.sets[i].parts[k]->text);
        fail_msg("the smallest set printed is larger");
}

static void need__over_random_rules__misses_no_smaller_set(_unused_ void **state) {
        enum { N = 80 };
        size_t n_found = 0, n_complete = 0, n_loaded = 0;
        for (int i = 0; i < N; i++) {
                Text text = { 0 };
                char *problems = NULL;
                random_rules(&text);
                RuleSet *rules = gate_try_rules(text.data, &problems);
                /* What can never match is a warning, a circle an error: neither is the matter here. */
                if (rules) {
                        n_loaded++;
                        check_goal(rules, text.data, NULL, policy_status(rules, "mql"), &n_found, &n_complete);
                        check_goal(rules, text.data, "A1", NULL, &n_found, &n_complete);
                        check_goal(rules, text.data, "B2", NULL, &n_found, &n_complete);
                } else
                        print_error("%s", problems);
                free(problems);
                policy_free(rules);
                text_free(&text);
        }
        print_message("%zu of %d rule sets, %zu ways of at most %d parts, %zu answers complete\n", n_loaded, N, n_found, NEED_PARTS_MAX,
                n_complete);
        assert_true(n_loaded > N / 2 && n_found > n_loaded && n_complete > n_loaded);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(need__over_random_rules__misses_no_smaller_set),
        };
        return cmocka_run_group_tests(tests, say_seed, NULL);
}
