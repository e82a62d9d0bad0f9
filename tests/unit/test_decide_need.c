/* SPDX-License-Identifier: MIT */
/*
 * What `need` prints is true: each set is applied to the lead through the real gate, record by record, and lifts it; no proper part
 * of it does. And why not: what stands in the way of a status, an owner, a rule, over a small rule set.
 */
#include "test_gate_fixture.h"

static const char rules_text[] = GATE_BASE_RULES
        "status \"mql\" { team = \"desk\", kind = \"open\", meaning = \"m\" }\n"
        "status \"sal\" { team = \"desk\", kind = \"open\", meaning = \"s\" }\n"
        "status \"cold\" { team = \"marketing\", kind = \"open\", meaning = \"k\" }\n"
        "move \"cool\" { from = \"inquiry\", to = \"cold\", by = \"rules\", when = { idle = ge(\"60d\") } }\n"
        "move \"end\" { from = \"cold\", to = \"closed\", by = \"desk\" }\n"
        "criterion \"NAMED\" { doc = \"has a name\", when = { [\"person.name\"] = present } }\n"
        "move \"qualify\" { from = \"inquiry\", to = \"mql\", by = \"rules\", needs = { \"NAMED\" }, when = { grade = one_of{ \"A1\", "
        "\"A2\", \"B1\" } } }\n"
        "move \"raise\" { from = \"inquiry\", to = \"mql\", by = \"rules\", when = { did{ type = \"form_submitted\", name = \"demo\", "
        "since = "
        "\"move\" } } }\n"
        "move \"accept\" { from = \"mql\", to = \"sal\", by = \"owner\" }\n"
        "move \"back\" { from = { \"mql\", \"sal\" }, by = \"owner\", reasons = { \"later\" } }\n"
        "reason \"later\" { to = \"inquiry\", recycle_after = \"30d\", wake_on = did{ type = \"form_submitted\" },\n"
        "  needs = did{ type = \"call_made\", at_least = 2, since = \"move\" } }\n"
        "fence \"NO_CONSENT\" { blocks = { \"mql\" }, doc = \"needs consent\", when = all{ { country = \"DE\" }, none{ { "
        "[\"consent.contact\"] "
        "= true } } } }\n"
        "list \"rivals\" { \"rival.example\" }\n"
        "segment \"big\" { when = { [\"company.employees\"] = ge(1000) } }\n"
        "segment \"rival\" { when = { [\"company.domain\"] = in_list \"rivals\" } }\n"
        "group \"fit\" { min = 0, max = 100 }\n"
        "group \"engagement\" { min = 0, max = 100, half_life = \"30d\" }\n"
        "score \"SENIOR\" { group = \"fit\", field = \"person.seniority\", map = { director = 20, vp = 25, c_level = 30 } }\n"
        "score \"SIZE\" { group = \"fit\", field = \"company.employees\", bands = { { 1000, 40 }, { 200, 30 }, { 50, 20 } } }\n"
        "score \"TECH\" { group = \"fit\", when = all{ { [\"company.industry\"] = \"software\" }, { [\"interest.product\"] = present } }, "
        "points "
        "= 25 }\n"
        "score \"BIG\" { group = \"fit\", when = { segment = \"big\" }, points = 10 }\n"
        "score \"RIVAL\" { group = \"fit\", when = { segment = \"rival\" }, points = -100 }\n"
        "score \"STUDENT\" { group = \"fit\", when = { [\"person.title\"] = word(\"student\") }, points = -40 }\n"
        "score \"BUDGET\" { group = \"fit\", points = function(lead) if lead.interest.budget then return 15, \"names a budget\" end end }\n"
        "score \"PRICING\" { group = \"engagement\", on = { type = \"page_viewed\", url = has(\"/pricing\") }, each = 8, cap = 24 }\n"
        "score \"WEBINAR\" { group = \"engagement\", on = { type = \"event_attended\" }, each = 15, per = \"campaign\" }\n"
        "score \"FORM\" { group = \"engagement\", on = { type = \"form_submitted\" }, points = 30 }\n"
        "score \"CALM\" { group = \"engagement\", when = { [\"person.locale\"] = present }, points = 5, unless = \"FORM\" }\n"
        "grade \"GRADE\" { fit = { A = 60, B = 40, C = 20, D = 0 }, engagement = { [\"1\"] = 60, [\"2\"] = 40, [\"3\"] = 20, [\"4\"] = 0 "
        "}, "
        "leave = 10 }\n";

/* What is known of a lead before the question; each line is one record a day apart. */
typedef struct Given {
        const char *type, *path, *text;
        int64_t number; /* when text is NULL */
} Given;
#define GIVEN_MAX 6

static const Given base_leads[][GIVEN_MAX] = {
        { { "lead.updated", "person.name", "Jo", 0 } },
        { { "lead.updated", "person.seniority", "director", 0 }, { "activity.page_viewed", "activity.url", "/pricing", 0 } },
        { { "lead.updated", "company.employees", NULL, 300 }, { "lead.updated", "company.country", "DE", 0 },
                { "lead.updated", "person.locale", "de-DE", 0 } },
        { { "lead.updated", "person.title", "student", 0 }, { "lead.updated", "person.seniority", "vp", 0 },
                { "lead.updated", "company.employees", NULL, 60 } },
        { { "lead.updated", "company.domain", "rival.example", 0 }, { "activity.event_attended", "activity.campaign", "spring", 0 } },
        { { "activity.event_attended", "activity.campaign", "spring", 0 }, { "activity.form_submitted", "activity.name", "news", 0 },
                { "activity.page_viewed", "activity.url", "/pricing", 0 }, { "lead.updated", "company.industry", "software", 0 } },
};

/* One book for all leads of a test: each has an address of its own. */
typedef struct World {
        GateBook book;
        size_t n_people, n_records;
        uint64_t lead; /* the one at hand */
} World;

static Record *record_of(World *world, const char *type, int64_t time_us) {
        char id[64], email[64];

        snprintf(id, sizeof(id), "r%zu", ++world->n_records);
        snprintf(email, sizeof(email), "m%zu@example.com", world->n_people);
        Record *record = gate_record(&world->book, type, id, time_us);
        if (record->family == FAMILY_OUTCOME)
                return record;
        gate_field(record, "person.email", value_text(email));
        assert_int_equal(record_identify(record, store_secret(world->book.store)), 0);
        return record;
}

static void take(World *world, Record *record, int64_t now_us) {
        GateOutcome outcome = gate_take(&world->book, record, record->family == FAMILY_OUTCOME ? world->lead : 0, now_us);
        world->lead = outcome.lead;
        record_free(record);
}

static void happen(World *world, const char *type, const char *path, Value value, int64_t at_us) {
        Record *record = record_of(world, type, at_us);
        if (path)
                gate_field(record, path, value);
        take(world, record, at_us);
}

static void make_lead(World *world, const Given *given) {
        world->n_people++;
        for (size_t i = 0; i < GIVEN_MAX && given[i].type; i++)
                happen(world, given[i].type, given[i].path, given[i].text ? value_text(given[i].text) : value_integer(given[i].number),
                        NOW_US - (int64_t) (GIVEN_MAX - i) * US_PER_DAY);
}

static void open_world(World *world, RuleSet *rules) {
        *world = (World){ 0 };
        gate_open_book(&world->book, NULL, rules, NOW_US - 10 * US_PER_DAY);
}

typedef struct Asked {
        LeadState state;
        Facts profile;
        Activity *history;
        size_t n_history;
        Desk desk;
        DecideInput input;
} Asked;

static void ask_about(World *world, Arena *arena, int64_t now_us, Asked *ret) {
        GateBook *book = &world->book;

        *ret = (Asked){ 0 };
        assert_int_equal(store_load_lead(book->store, world->lead, arena, &ret->state, &ret->profile, &ret->history, &ret->n_history), 0);
        assert_int_equal(store_load_desk(book->store, NULL, world->lead, book->rules, now_us, arena, &ret->desk), 0);
        ret->input = (DecideInput){ .event_id = store_next_event(book->store),
                .lead_id = world->lead,
                .before = &ret->state,
                .profile = &ret->profile,
                .history = ret->history,
                .n_history = ret->n_history,
                .actor = "system:leadd",
                .now_us = now_us,
                .desk = &ret->desk };
}

/* ---- need ---- */

/* Gives the lead what the mask picks of the set, as records like any others, then makes the people's moves. */
static void apply(World *world, const NeedSet *set, unsigned mask) {
        int64_t at_us = set->at_us == TIME_NONE ? NOW_US : set->at_us;

        for (size_t i = 0; i < set->n_parts; i++) {
                const Addition *part = set->parts[i];
                if (!(mask >> i & 1))
                        continue;
                if (part->field != FIELD_NONE) {
                        Record *record = record_of(world, "lead.updated", at_us);
                        assert_int_equal(facts_set(&record->facts, record->arena, part->field, part->key, part->value, at_us), 0);
                        take(world, record, at_us);
                        continue;
                }
                for (uint32_t k = 0; k < part->n; k++) {
                        char type[64];
                        snprintf(type, sizeof(type), "activity.%s", part->type);
                        Record *record = record_of(world, type, at_us);
                        for (size_t f = 0; f < part->facts[k].n_items; f++) {
                                const Fact *fact = &part->facts[k].items[f];
                                assert_int_equal(facts_set(&record->facts, record->arena, fact->field, fact->key, fact->value, at_us), 0);
                        }
                        take(world, record, at_us);
                }
        }
        for (size_t i = 0; i < set->n_steps; i++) {
                char type[64];
                GateOutcome outcome;
                snprintf(type, sizeof(type), "outcome.%s", set->steps[i].move->rule.name);
                Record *record = record_of(world, type, at_us);
                if (set->steps[i].reason)
                        gate_field(record, "outcome.reason", value_text(set->steps[i].reason->rule.name));
                /* A part alone may leave the move refused: that is one way of not getting there. */
                const GateInput input = {
                        .record = record, .lead = world->lead, .actor = "rep:a", .actor_is_operator = true, .now_us = at_us
                };
                assert_int_equal(store_begin(world->book.store), 0);
                assert_int_equal(gate_judge(world->book.gate, &input, &outcome), 0);
                bool refused = outcome.decision && outcome.decision->refused;
                assert_int_equal(refused ? store_rollback(world->book.store) : store_commit(world->book.store), 0);
                record_free(record);
        }
}

static bool is_there(World *world, const NeedGoal *goal, int64_t at_us) {
        GateLook look;

        gate_look(&world->book, world->lead, at_us, &look);
        if (goal->status)
                return base_streq(look.state.status, goal->status->rule.name);
        /* Letters and digits of these grades sort as the bands do; ? is none of them. */
        return look.subject.grade[0] != '?' && look.subject.grade[0] <= goal->grade[0] && look.subject.grade[1] <= goal->grade[1];
}

/* Each set on leads made like the one asked about: with all of its parts, and with every proper part of it. */
static size_t prove_sets(World *world, const Given *given, const NeedGoal *goal, const NeedAnswer *answer, const char *what) {
        for (size_t s = 0; s < answer->n_sets; s++) {
                const NeedSet *set = &answer->sets[s];
                unsigned all = (1u << set->n_parts) - 1;
                for (unsigned mask = 0; mask <= all; mask++) {
                        make_lead(world, given);
                        apply(world, set, mask);
                        bool there = is_there(world, goal, set->at_us == TIME_NONE ? NOW_US : set->at_us);
                        if (there == (mask == all))
                                continue;
                        print_error("%s, set %zu, parts %x of %x:\n", what, s + 1, mask, all);
                        for (size_t i = 0; i < set->n_parts; i++)
                                print_error("  %s\n", set->parts[i]->text);
                        fail_msg("%s", there ? "a proper part reaches the target" : "the set does not reach the target");
                }
        }
        return answer->n_sets;
}

static size_t prove_goal(World *world, size_t lead, const NeedGoal *goal) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        char what[64];
        Asked asked;
        NeedAnswer answer;

        snprintf(what, sizeof(what), "lead %zu, %s", lead, goal->grade ? goal->grade : goal->status->rule.name);
        make_lead(world, base_leads[lead]);
        ask_about(world, arena, NOW_US, &asked);
        assert_int_equal(decide_need(world->book.rules, &asked.input, goal, arena, &answer), 0);
        assert_int_equal(answer.is_so, is_there(world, goal, NOW_US));
        assert_true(answer.n_looks <= NEED_LOOKS_MAX + 256);
        return prove_sets(world, base_leads[lead], goal, &answer, what);
}

static void need__of_every_grade__prints_sets_that_lift_and_no_part_of_them_does(_unused_ void **state) {
        static const char *const grades[] = { "A1", "A4", "B2", "C3", "D1" };
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(rules_text);
        World world;
        size_t n = 0;

        open_world(&world, rules);
        for (size_t l = 0; l < ARRAY_SIZE(base_leads); l++)
                for (size_t g = 0; g < ARRAY_SIZE(grades); g++)
                        n += prove_goal(&world, l, &(const NeedGoal){ .grade = grades[g] });
        gate_close_book(&world.book);
        assert_true(n > 60); /* the search finds what there is, not only nothing that is wrong */
}

static void need__of_every_status__prints_sets_that_lead_there_with_the_moves_named(_unused_ void **state) {
        static const char *const statuses[] = { "mql", "sal", "closed" };
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(rules_text);
        World world;
        size_t n = 0;

        open_world(&world, rules);
        for (size_t l = 0; l < ARRAY_SIZE(base_leads); l++)
                for (size_t g = 0; g < ARRAY_SIZE(statuses); g++)
                        n += prove_goal(&world, l, &(const NeedGoal){ .status = policy_status(rules, statuses[g]) });
        gate_close_book(&world.book);
        assert_true(n > 18);
}

static void need__of_the_same_lead_twice__gives_the_same_answer(_unused_ void **state) {
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(rules_text);
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        const NeedGoal goal = { .grade = "A1" };
        NeedAnswer answers[2];
        World world;
        Asked asked;

        open_world(&world, rules);
        make_lead(&world, base_leads[1]);
        for (size_t i = 0; i < 2; i++) {
                ask_about(&world, arena, NOW_US, &asked);
                assert_int_equal(decide_need(rules, &asked.input, &goal, arena, &answers[i]), 0);
        }
        assert_true(answers[0].n_sets > 0);
        assert_int_equal(answers[0].n_sets, answers[1].n_sets);
        for (size_t s = 0; s < answers[0].n_sets; s++) {
                assert_int_equal(answers[0].sets[s].n_parts, answers[1].sets[s].n_parts);
                for (size_t i = 0; i < answers[0].sets[s].n_parts; i++)
                        assert_string_equal(answers[0].sets[s].parts[i]->text, answers[1].sets[s].parts[i]->text);
        }
        gate_close_book(&world.book);
}

static void need__of_what_caps_make_impossible__says_so_and_names_the_functions(_unused_ void **state) {
        static const char poor_rules[] = GATE_BASE_RULES
                "group \"fit\" { min = 0, max = 100 }\n"
                "group \"engagement\" { min = 0, max = 100 }\n"
                "score \"SIZE\" { group = \"fit\", field = \"company.employees\", bands = { { 200, 30 } } }\n"
                "score \"BUDGET\" { group = \"fit\", points = function(lead) if lead.interest.budget then return 90 end end }\n"
                "score \"PRICING\" { group = \"engagement\", on = { type = \"page_viewed\" }, each = 8, cap = 24 }\n"
                "grade \"GRADE\" { fit = { A = 60, B = 0 }, engagement = { [\"1\"] = 50, [\"2\"] = 0 } }\n";
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(poor_rules);
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        const NeedGoal goal = { .grade = "A1" };
        NeedAnswer answer;
        World world;
        Asked asked;

        open_world(&world, rules);
        make_lead(&world, base_leads[0]);
        ask_about(&world, arena, NOW_US, &asked);
        assert_int_equal(decide_need(rules, &asked.input, &goal, arena, &answer), 0);
        assert_int_equal(answer.n_sets, 0);
        assert_true(answer.is_complete);
        assert_int_equal(answer.n_functions, 1);
        assert_string_equal(answer.functions[0]->name, "BUDGET");
        assert_int_equal(answer.n_limits, 2);
        assert_string_equal(answer.limits[0], "fit has 0 points and reaches 30 at most by what can be searched, and 60 are asked for");
        assert_non_null(strstr(answer.limits[1], "engagement has 0 points and reaches 24 at most"));
        assert_int_equal(decide_need(rules, &asked.input, &(const NeedGoal){ .grade = "C7" }, arena, &answer), DECIDE_E_NO_SUCH_GRADE);
        gate_close_book(&world.book);
}

static bool after_some_looks(void *userdata) {
        unsigned *n = userdata;
        return ++*n > 200;
}

static void need__that_is_told_to_stop__ends_with_what_it_found_and_says_so(_unused_ void **state) {
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(rules_text);
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        unsigned n = 0;
        const NeedGoal goal = { .grade = "A1", .is_over = after_some_looks, .userdata = &n };
        NeedAnswer answer;
        World world;
        Asked asked;

        open_world(&world, rules);
        make_lead(&world, base_leads[5]);
        ask_about(&world, arena, NOW_US, &asked);
        assert_int_equal(decide_need(rules, &asked.input, &goal, arena, &answer), 0);
        assert_false(answer.is_complete);
        assert_non_null(strstr(answer.text, "the search ended at its limit"));
        assert_int_equal(n, 201); /* and it did not go on asking */
        prove_sets(&world, base_leads[5], &goal, &answer, "stopped");
        gate_close_book(&world.book);
}

static void need__of_a_resting_lead__finds_the_signal_that_ends_the_rest(_unused_ void **state) {
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(rules_text);
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        NeedGoal goal = { .status = policy_status(rules, "mql") };
        NeedAnswer answer;
        World world;
        Asked asked;
        WhyNot whynot;
        bool rests = false;

        /* Raised, handed back after two calls: it rests for 30 days, or until a form. */
        open_world(&world, rules);
        make_lead(&world, base_leads[0]);
        happen(&world, "activity.form_submitted", "activity.name", value_text("demo"), NOW_US - 4 * US_PER_HOUR);
        happen(&world, "activity.call_made", NULL, value_bool(true), NOW_US - 3 * US_PER_HOUR);
        happen(&world, "activity.call_made", NULL, value_bool(true), NOW_US - 2 * US_PER_HOUR);
        happen(&world, "outcome.back", "outcome.reason", value_text("later"), NOW_US - US_PER_HOUR);
        ask_about(&world, arena, NOW_US, &asked);
        assert_string_equal(asked.state.status, "inquiry");
        assert_int_equal(decide_need(rules, &asked.input, &goal, arena, &answer), 0);
        assert_true(answer.n_sets > 0);
        assert_int_equal(answer.sets[0].n_parts, 1);
        assert_string_equal(answer.sets[0].parts[0]->text, "form_submitted, name \"demo\"");
        assert_int_equal(decide_whynot_status(rules, &asked.input, goal.status, arena, &whynot), 0);
        for (size_t i = 0; i < whynot.n_ways; i++)
                for (size_t k = 0; k < whynot.ways[i].hurdles.n_items; k++)
                        rests |= base_streq(whynot.ways[i].hurdles.items[k].kind, "resting") &&
                                 whynot.ways[i].hurdles.items[k].until_us == NOW_US - US_PER_HOUR + 30 * US_PER_DAY;
        assert_true(rests);
        gate_close_book(&world.book);
}

static void need__within_a_time__finds_what_time_alone_brings(_unused_ void **state) {
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(rules_text);
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        NeedGoal goal = { .status = policy_status(rules, "cold") };
        NeedAnswer answer;
        World world;
        Asked asked;

        open_world(&world, rules);
        make_lead(&world, base_leads[1]);
        ask_about(&world, arena, NOW_US, &asked);
        assert_int_equal(decide_need(rules, &asked.input, &goal, arena, &answer), 0);
        assert_int_equal(answer.n_sets, 0);
        goal.within_us = 100 * US_PER_DAY;
        assert_int_equal(decide_need(rules, &asked.input, &goal, arena, &answer), 0);
        assert_int_equal(answer.n_sets, 1);
        assert_int_equal(answer.sets[0].n_parts, 0);
        assert_true(answer.sets[0].at_us > NOW_US && answer.sets[0].at_us <= NOW_US + 100 * US_PER_DAY);
        gate_close_book(&world.book);
}

/* ---- whynot ---- */

static const Rule *rule_named(const RuleSet *rules, const char *name) {
        for (size_t i = 0; i < rules->n_rules; i++)
                if (base_streq(rules->rules[i]->name, name))
                        return rules->rules[i];
        fail_msg("no rule %s", name);
        return NULL;
}

static void whynot__of_a_table__names_what_stands_in_the_way(_unused_ void **state) {
        static const struct {
                size_t lead;
                const char *asked;
                bool is_so;
                const char *kind, *part; /* of a hurdle, or of a way's; NULL = none is looked for */
        } cases[] = {
                { 0, "inquiry", true, NULL, "" },
                { 0, "mql", false, "when", "grade is unknown, wanted one of" },
                { 0, "mql", false, "when", "did form_submitted, name is \"demo\", since the last move is 0, wanted at least once" },
                { 1, "mql", false, "needs", "needs NAMED (has a name): person.name is absent, wanted present" },
                { 2, "mql", false, "fence", "the fence NO_CONSENT keeps the lead out of mql (needs consent)" },
                { 0, "sal", false, "from", "it leaves mql, and the lead is in inquiry" },
                { 0, "closed", false, NULL, "" },
                { 0, "a", false, "queue", "inquiry belongs to marketing" },
                { 0, "big", false, "when", "company.employees is absent, wanted at least 1000" },
                { 2, "big", false, "when", "company.employees is 300, wanted at least 1000" },
                { 4, "rival", true, NULL, "" },
                { 0, "SIZE", false, "points", "company.employees is absent, wanted at least 50" },
                { 2, "SIZE", true, NULL, "" },
                { 0, "SENIOR", false, "points", "person.seniority is absent, wanted one of" },
                { 0, "TECH", false, "points",
                        "company.industry is absent, wanted \"software\"; interest.product is absent, wanted present" },
                { 5, "TECH", false, "points", "interest.product is absent" },
                { 0, "BIG", false, "points", "company.employees is absent" },
                { 0, "BUDGET", false, "points", "a function gave nothing" },
                { 1, "PRICING", true, "decay", "of 8 points are left after age and cap" },
                { 0, "PRICING", false, "points", "is 0, wanted at least once" },
                { 4, "RIVAL", true, "limit", "the group fit holds 0 of -100 points" },
                { 5, "FORM", true, "decay", "of 30 points are left" },
                { 2, "CALM", true, NULL, "" },
                { 0, "CALM", false, "points", "person.locale is absent" },
                { 2, "NAMED", false, "when", "person.name is absent, wanted present" },
                { 2, "NO_CONSENT", true, NULL, "" },
                { 0, "NO_CONSENT", false, "when", "it is open: country is absent" },
                { 0, "accept", false, "from", "it does not leave inquiry" },
                { 0, "close", true, NULL, "" },
                { 0, "qualify", false, "when", "grade is unknown" },
                { 0, "later", false, "from", "no move from inquiry takes it" },
                { 0, "ALL", false, "queue", "nobody is given a lead in inquiry" },
                { 1, "GRADE", true, "points", "A begins at 60 of fit, and the lead has 20" },
        };
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(rules_text);

        for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
                _cleanup_(arena_freep) Arena *arena = arena_new(0);
                _cleanup_(text_free) Text got = { 0 };
                bool found = !cases[c].kind;
                World world;
                Asked asked;
                WhyNot whynot;
                open_world(&world, rules);
                make_lead(&world, base_leads[cases[c].lead]);
                ask_about(&world, arena, NOW_US, &asked);
                assert_int_equal(decide_whynot_rule(rules, &asked.input, rule_named(rules, cases[c].asked), arena, &whynot), 0);
                assert_true(*whynot.text != '\0');
                text_printf(&got, "%s%s", whynot.is_so ? "so: " : "", whynot.text);
                for (size_t i = 0; i <= whynot.n_ways; i++) {
                        const Hurdles *hurdles = i < whynot.n_ways ? &whynot.ways[i].hurdles : &whynot.hurdles;
                        for (size_t k = 0; k < hurdles->n_items; k++) {
                                text_printf(&got, "\n  %s: %s", hurdles->items[k].kind, hurdles->items[k].text);
                                found |= cases[c].kind && base_streq(hurdles->items[k].kind, cases[c].kind) &&
                                         strstr(hurdles->items[k].text, cases[c].part);
                        }
                }
                if (!found || whynot.is_so != cases[c].is_so)
                        fail_msg("lead %zu, %s: want %s%s: %s; got %s", cases[c].lead, cases[c].asked, cases[c].is_so ? "so, " : "",
                                cases[c].kind ? cases[c].kind : "", cases[c].part, got.data);
                gate_close_book(&world.book);
        }
}

static void whynot__of_rules_that_chase_a_lead_round__names_the_chain_and_the_veto(_unused_ void **state) {
        static const char round_rules[] = GATE_BASE_RULES
                "status \"mql\" { team = \"desk\", kind = \"open\", meaning = \"m\" }\n"
                "status \"out\" { team = \"marketing\", kind = \"open\", meaning = \"o\" }\n"
                "group \"fit\" { min = 0, max = 100 }\n"
                "score \"RIVAL\" { group = \"fit\", when = { [\"company.domain\"] = \"rival.example\" }, points = -50, veto = \"out\" }\n"
                "move \"there\" { from = \"inquiry\", to = \"mql\", by = \"rules\", when = { [\"person.locale\"] = present } }\n"
                "move \"back\" { from = \"mql\", to = \"inquiry\", by = \"rules\", when = { [\"person.locale\"] = present } }\n"
                "move \"return\" { from = \"out\", to = \"inquiry\", by = \"desk\" }\n"
                "move \"leave\" { from = \"mql\", to = \"out\", by = \"desk\" }\n";
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(round_rules);
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        World world;
        Asked asked;
        WhyNot whynot;
        bool loops = false, vetoes = false;

        open_world(&world, rules);
        make_lead(&world, base_leads[2]); /* its locale moves it to mql, where the way back is stopped */
        ask_about(&world, arena, NOW_US, &asked);
        const char *other = base_streq(asked.state.status, "mql") ? "inquiry" : "mql";
        assert_int_equal(decide_whynot_status(rules, &asked.input, policy_status(rules, other), arena, &whynot), 0);
        for (size_t i = 0; i < whynot.hurdles.n_items; i++)
                loops |= base_streq(whynot.hurdles.items[i].kind, "loop") && strstr(whynot.hurdles.items[i].text, "would lead back to");
        assert_true(loops);
        assert_int_equal(decide_whynot_status(rules, &asked.input, policy_status(rules, "out"), arena, &whynot), 0);
        for (size_t i = 0; i < whynot.hurdles.n_items; i++)
                vetoes |= base_streq(whynot.hurdles.items[i].kind, "veto") &&
                          base_streq(whynot.hurdles.items[i].text,
                                  "the veto of RIVAL does not match: company.domain is absent, wanted \"rival.example\"");
        assert_true(vetoes);
        gate_close_book(&world.book);
}

static void whynot__of_a_matcher__has_path_wanted_and_got(_unused_ void **state) {
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(rules_text);
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        World world;
        Asked asked;
        WhyNot whynot;

        open_world(&world, rules);
        make_lead(&world, base_leads[2]);
        ask_about(&world, arena, NOW_US, &asked);
        assert_int_equal(decide_whynot_rule(rules, &asked.input, rule_named(rules, "big"), arena, &whynot), 0);
        assert_int_equal(whynot.hurdles.n_items, 1);
        assert_int_equal(whynot.hurdles.items[0].n_misses, 1);
        assert_string_equal(whynot.hurdles.items[0].misses[0].path, "company.employees");
        assert_string_equal(whynot.hurdles.items[0].misses[0].wanted, "at least 1000");
        assert_string_equal(whynot.hurdles.items[0].misses[0].got, "300");
        gate_close_book(&world.book);
}

/* ---- explain ---- */

static void explain__of_any_lead__has_one_receipt_for_each_rule_that_bears_on_it(_unused_ void **state) {
        static const char *const names[] = { "big", "rival", "SENIOR", "SIZE", "TECH", "BIG", "RIVAL", "STUDENT", "BUDGET", "PRICING",
                "WEBINAR", "FORM", "CALM", "fit", "engagement", "GRADE", "NAMED", "NO_CONSENT", "qualify", "raise", "close" };
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(rules_text);

        for (size_t l = 0; l < ARRAY_SIZE(base_leads); l++) {
                _cleanup_(arena_freep) Arena *arena = arena_new(0);
                Explanation explanation;
                World world;
                Asked asked;
                open_world(&world, rules);
                make_lead(&world, base_leads[l]);
                ask_about(&world, arena, NOW_US, &asked);
                assert_int_equal(decide_explain(rules, &asked.input, arena, &explanation), 0);
                for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                        size_t n = 0;
                        for (size_t k = 0; k < explanation.receipts.n_items; k++)
                                if (base_streq(explanation.receipts.items[k].rule->name, names[i])) {
                                        const Receipt *receipt = &explanation.receipts.items[k];
                                        n++;
                                        /* What did not apply says why. */
                                        assert_true(
                                                receipt->matched || receipt->note || receipt->trace || receipt->rule->kind == RULE_GROUP);
                                }
                        if (n != 1)
                                fail_msg("lead %zu: %zu receipts of %s", l, n, names[i]);
                }
                gate_close_book(&world.book);
        }
}

static void assignment__of_a_table__is_taken_apart_into_those_who_did_not_get_it(_unused_ void **state) {
        static const struct {
                const char *text, *owners;
        } cases[] = {
                { NULL, "" },
                { "by hand", "" },
                { "the turn of anna", "" },
                { "the turn of anna; ben is away until 2026-03-09T08:00:00Z; petra gets leads only as head",
                        "ben=is away until 2026-03-09T08:00:00Z petra=gets leads only as head " },
        };

        for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
                _cleanup_(arena_freep) Arena *arena = arena_new(0);
                _cleanup_(text_free) Text got = { 0 };
                Candidacy *others;
                size_t n;
                assert_int_equal(decide_others_of(cases[c].text, arena, &others, &n), 0);
                text_append(&got, "");
                for (size_t i = 0; i < n; i++)
                        text_printf(&got, "%s=%s ", others[i].member, others[i].cause);
                assert_string_equal(got.data ? got.data : "", cases[c].owners);
        }
}

/* Whatever names the rules have, what is written is read back; what was cut off anywhere is read as far as it goes. */
static void assignment__of_any_names__is_read_back_as_it_was_written(_unused_ void **state) {
        static const char *const names[] = { "anna", "Anna Berg", "x; y is away", "; ", "a\"b", "c\\", "\\\"; \\\"", "J\303\266rg", "\"",
                "d;", ";" };
        static const char *const causes[] = { "has 5 of 5 not yet accepted", "is away until 2026-03-09T08:00:00Z", NULL,
                "lacks the skill" };

        for (size_t first = 0; first < ARRAY_SIZE(names); first++) {
                _cleanup_(arena_freep) Arena *arena = arena_new(0);
                Candidacy written[ARRAY_SIZE(names)], *read;
                size_t n, at = 0;
                for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                        written[i] = (Candidacy){ .member = names[(first + i) % ARRAY_SIZE(names)],
                                .cause = causes[(first + i) % ARRAY_SIZE(causes)] };
                const char *text = decide_say_assignment("the turn of ", names[first], written, ARRAY_SIZE(written), arena);
                assert_non_null(text);
                assert_int_equal(decide_others_of(text, arena, &read, &n), 0);
                for (size_t i = 0; i < ARRAY_SIZE(written); i++) {
                        if (!written[i].cause)
                                continue;
                        assert_true(at < n);
                        assert_string_equal(read[at].member, written[i].member);
                        assert_string_equal(read[at++].cause, written[i].cause);
                }
                assert_int_equal(at, n);
                for (size_t size = 0; size < strlen(text); size++) {
                        Candidacy *part;
                        size_t n_part;
                        assert_int_equal(decide_others_of(arena_strndup(arena, text, size), arena, &part, &n_part), 0);
                        assert_true(n_part <= n);
                        for (size_t i = 0; i + 1 < n_part; i++)
                                assert_string_equal(part[i].member, read[i].member);
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(need__of_every_grade__prints_sets_that_lift_and_no_part_of_them_does),
                cmocka_unit_test(need__of_every_status__prints_sets_that_lead_there_with_the_moves_named),
                cmocka_unit_test(need__of_the_same_lead_twice__gives_the_same_answer),
                cmocka_unit_test(need__of_what_caps_make_impossible__says_so_and_names_the_functions),
                cmocka_unit_test(need__that_is_told_to_stop__ends_with_what_it_found_and_says_so),
                cmocka_unit_test(need__of_a_resting_lead__finds_the_signal_that_ends_the_rest),
                cmocka_unit_test(need__within_a_time__finds_what_time_alone_brings),
                cmocka_unit_test(whynot__of_a_table__names_what_stands_in_the_way),
                cmocka_unit_test(whynot__of_rules_that_chase_a_lead_round__names_the_chain_and_the_veto),
                cmocka_unit_test(whynot__of_a_matcher__has_path_wanted_and_got),
                cmocka_unit_test(explain__of_any_lead__has_one_receipt_for_each_rule_that_bears_on_it),
                cmocka_unit_test(assignment__of_any_names__is_read_back_as_it_was_written),
                cmocka_unit_test(assignment__of_a_table__is_taken_apart_into_those_who_did_not_get_it),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
