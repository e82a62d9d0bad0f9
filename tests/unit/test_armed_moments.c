/* SPDX-License-Identifier: MIT */
/*
 * The property that the armed moment is never too late, for random rule sets made of a table of condition shapes and random
 * leads. Two books hold the same lead: one is looked at when it asked for it and never else, as the daemon does; the other at
 * these moments and every hour besides. If silence is an event, nobody can tell the two apart at any hour. Between two
 * moments, moreover, nothing that rules can ask about the first changes, to the last microsecond.
 */
#include "test_gate_fixture.h"

#include <time.h>
#include <unistd.h>

#define RULE_SETS 12
#define HOURS (14 * 24)
#define LOOKS_MAX 20000 /* of one lead: more is spinning */
#define N_SEGMENTS 5
#define N_CRITERIA 6

static uint64_t random_state;

static uint64_t random_below(uint64_t n) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (random_state >> 11) % n;
}

static int some(int from, int to) { return from + (int) random_below((uint64_t) (to - from + 1)); }

/* ---- rules ---- */

/* %h: hours, %n: a small number, %p: points, %t: a type of activity, %s: a segment. A shape holds at most one of each after another. */
static const char *const early_shapes[] = {
        "{ idle = ge(\"%hh\") }",
        "{ idle = lt(\"%hh\") }",
        "{ idle = between(\"%nh\", \"%hh\") }",
        "{ age = gt(\"%hh\") }",
        "{ age = le(\"%hh\") }",
        "did{ within = \"%hh\" }",
        "did{ type = \"%t\", within = \"%hh\", at_least = %n }",
        "did{ type = \"%t\", within = \"%hh\", exactly = %n }",
        "did{ within = \"%hh\", exactly = 0 }",
        "did{ type = \"%t\", within = \"%hh\", distinct = \"url\", at_least = 2 }",
        "did{ within = \"%hh\", url = has(\"x\"), at_least = %n }",
        "none{ did{ type = \"%t\", within = \"%hh\" }, { idle = lt(\"%hh\") } }",
        "any{ { age = ge(\"%hh\") }, did{ type = \"%t\", within = \"%hh\", at_least = 2 } }",
        "all{ did{ type = \"%t\" }, none{ did{ type = \"%t\", within = \"%hh\" } } }",
        "function(lead, now) return (now // 86400) %% 3 == 0 end",
};
static const char *const late_shapes[] = {
        "{ engagement = ge(%p) }",
        "{ engagement = lt(%p) }",
        "{ engagement = between(%n, %p) }",
        "{ [\"score.mixed\"] = gt(%p) }",
        "{ [\"score.mixed\"] = le(-%n) }",
        "{ [\"score.mixed\"] = is_not(0) }",
        "{ fit = ge(%p) }",
        "{ grade = one_of{ \"A1\", \"B1\", \"A2\" } }",
        "{ grade = ends(\"3\") }",
        "{ segment = \"s%s\" }",
        "none{ { segment = \"s%s\" } }",
        "{ in_status = ge(\"%hh\") }",
        "{ in_status = lt(\"%hh\"), idle = ge(\"%nh\") }",
        "did{ type = \"%t\", since = \"move\", within = \"%hh\" }",
        "all{ { engagement = lt(%p) }, none{ { idle = lt(\"%hh\") } } }",
};
static const char *const score_shapes[] = {
        "on = { type = \"%t\" }, each = %p",
        "on = { type = \"%t\" }, each = %p, cap = 40",
        "on = { type = \"%t\" }, each = -%n",
        "on = { type = \"%t\", within = \"%hh\" }, each = %n",
        "on = { type = \"%t\" }, points = %p",
        "on = { type = \"%t\", within = \"%hh\" }, points = -%p",
        "on = { type = \"%t\" }, each = %p, per = \"url\", fade = { every = \"%hh\", percent = 30 }",
        "on = { }, each = %n, per = \"day\", cap = 30",
        "when = { idle = ge(\"%hh\") }, points = -%n",
        "when = did{ type = \"%t\", within = \"%hh\", at_least = %n }, points = %p",
};

static void put_shape(Text *out, const char *shape) {
        for (; *shape; shape++) {
                if (*shape != '%') {
                        text_append_char(out, *shape);
                        continue;
                }
                switch (*++shape) {
                case 'h':
                        text_printf(out, "%d", some(5, 200));
                        break;
                case 'n':
                        text_printf(out, "%d", some(1, 4));
                        break;
                case 'p':
                        text_printf(out, "%d", some(5, 45));
                        break;
                case 's':
                        text_printf(out, "%d", some(0, N_SEGMENTS - 1));
                        break;
                case 't':
                        text_append_char(out, "abc"[random_below(3)]);
                        break;
                default:
                        text_append_char(out, *shape);
                }
        }
}

static void put_condition(Text *out, bool is_late) {
        const char *shape = is_late && random_below(3) ? late_shapes[random_below(ARRAY_SIZE(late_shapes))]
                                                       : early_shapes[random_below(ARRAY_SIZE(early_shapes))];
        put_shape(out, shape);
}

/* Moves lead one way: a ring of them would take a step with each event, and the two books see different numbers of events. */
static void make_rules(Text *out) {
        text_append(out, "settings \"site\" { zone = \"UTC\" }\n"
                         "team \"marketing\" { doc = \"a queue\" }\n"
                         "team \"desk\" { members = { a = { } } }\n"
                         "route \"ALL\" { team = \"desk\" }\n");
        for (int i = 0; i < 5; i++)
                text_printf(out, "status \"st%d\" { team = \"marketing\", kind = \"%s\", %smeaning = \"m\" }\n", i,
                        i == 4 ? "final" : "open", i == 0 ? "initial = true, " : "");
        text_append(out, "move \"end\" { from = { \"st0\", \"st1\", \"st2\", \"st3\" }, to = \"st4\", by = \"desk\" }\n");
        for (int i = 1; i < 4; i++)
                text_printf(out, "move \"to%d\" { from = \"st0\", to = \"st%d\", by = \"desk\" }\n", i, i);
        text_printf(out, "group \"fit\" { min = -50, half_life = \"%dh\" }\n", some(10, 300));
        text_printf(out, "group \"engagement\" { min = -20, max = %d, half_life = \"%dh\" }\n", some(30, 120), some(10, 300));
        text_append(out, "group \"mixed\" { min = -60, max = 90, half_life = \"50h\" }\n");
        text_printf(out,
                "grade \"G\" { fit = { A = 30, B = 5, C = -50 }, engagement = { [\"1\"] = 25, [\"2\"] = 10, [\"3\"] = -20 }, leave = %d "
                "}\n",
                some(0, 8));
        for (int i = 0; i < N_SEGMENTS; i++) {
                text_printf(out, "segment \"s%d\" { when = all{ ", i);
                put_condition(out, false);
                text_append(out, " } }\n");
        }
        for (int i = 0; i < 9; i++) {
                text_printf(out, "score \"P%d\" { group = \"%s\", ", i, (const char *[]){ "fit", "engagement", "mixed" }[i % 3]);
                put_shape(out, score_shapes[random_below(ARRAY_SIZE(score_shapes))]);
                if (i > 5)
                        text_printf(out, ", unless = \"P%d\"", some(0, 5));
                text_append(out, " }\n");
        }
        for (int i = 0; i < 3; i++)
                for (int j = 0; j < 2; j++) {
                        text_printf(out, "move \"m%d%d\" { from = \"st%d\", to = \"st%d\", by = \"rules\", when = all{ ", i, j, i,
                                some(i + 1, 3));
                        put_condition(out, true);
                        text_append(out, " } }\n");
                }
        for (int i = 0; i < N_CRITERIA; i++) {
                text_printf(out, "criterion \"c%d\" { when = all{ ", i);
                put_condition(out, true);
                text_append(out, " } }\n");
        }
        text_append(out, "junk \"J\" { when = { name = \"junk\" } }\n");
        assert_int_equal(out->error, 0);
}

/* ---- the two books ---- */

typedef struct Pair {
        GateBook armed, hourly;
        LeadState at_armed, at_hourly;
        uint64_t n_looks;
        const char *rules_text;
        uint64_t seed;
} Pair;

static void take(GateBook *book, const char *type, int64_t time_us, const char *url, const char *name, int64_t now_us, LeadState *ret) {
        char id[32];

        snprintf(id, sizeof(id), "r%llu", (unsigned long long) ++book->n_records);
        Record *record = gate_record(book, type, id, time_us);
        if (url)
                gate_field(record, "activity.url", value_text(url));
        if (name)
                gate_field(record, "activity.name", value_text(name));
        GateOutcome outcome = gate_take(book, record, record->family == FAMILY_TIMER ? 1 : 0, now_us);
        *ret = outcome.decision->after; /* its texts live until the next: only what is compared at once is looked at */
        record_free(record);
}

static void tell_state(const LeadState *state, Text *out) {
        text_clear(out);
        text_printf(out, "%s %s", state->status, state->grade);
        for (size_t i = 0; i < state->n_segments; i++)
                text_printf(out, " %s", state->segments[i]);
}

static void assert_same(Pair *pair, int64_t now_us) {
        _cleanup_(text_free) Text armed = { 0 }, hourly = { 0 };

        tell_state(&pair->at_armed, &armed);
        tell_state(&pair->at_hourly, &hourly);
        if (base_streq(armed.data, hourly.data))
                return;
        fprintf(stderr, "%s\n", pair->rules_text);
        fail_msg("LEADD_SEED=%llu, hour %g: armed %s, but really %s", (unsigned long long) pair->seed,
                (double) (now_us - NOW_US) / (double) US_PER_HOUR, armed.data, hourly.data);
}

static void look_at_both(Pair *pair, int64_t now_us) {
        take(&pair->armed, "timer.look", now_us, NULL, NULL, now_us, &pair->at_armed);
        take(&pair->hourly, "timer.look", now_us, NULL, NULL, now_us, &pair->at_hourly);
        if (++pair->n_looks > LOOKS_MAX) {
                fprintf(stderr, "%s\n", pair->rules_text);
                fail_msg("LEADD_SEED=%llu: looks again and again", (unsigned long long) pair->seed);
        }
}

static void happen_to_both(Pair *pair, int64_t now_us) {
        static const char *const types[] = { "activity.a", "activity.b", "activity.c" }, *const urls[] = { "/x", "/y", "/xy", NULL };
        const char *type = types[random_below(3)], *url = urls[random_below(4)], *name = random_below(5) == 0 ? "junk" : NULL;
        int64_t time_us = now_us - (random_below(2) ? 0 : (int64_t) random_below(5 * 24 * 60) * US_PER_MINUTE + 7);

        take(&pair->armed, type, time_us, url, name, now_us, &pair->at_armed);
        take(&pair->hourly, type, time_us, url, name, now_us, &pair->at_hourly);
}

/* All that rules can ask of the armed book at that moment; *ret_next: until when it must stay so. */
static void ask_all(Pair *pair, int64_t now_us, Text *out, int64_t *ret_next) {
        GateBook *book = &pair->armed;
        GateLook look;

        text_clear(out);
        gate_look(book, 1, now_us, &look);
        text_printf(out, "%s %llx", look.subject.grade, (unsigned long long) look.subject.segments[0]);
        for (size_t i = 0; i < book->rules->n_criteria; i++) {
                bool holds;
                assert_int_equal(
                        policy_holds(book->rules, book->rules->criteria[i].when, &look.subject, book->arena, &holds, NULL, NULL), 0);
                text_printf(out, " %d", holds);
        }
        *ret_next = look.subject.next_change_us;
        assert_true(*ret_next == TIME_NONE || *ret_next > now_us);
}

static void assert_unchanged(Pair *pair, const Text *was, int64_t was_us, int64_t now_us) {
        _cleanup_(text_free) Text is = { 0 };
        int64_t next_us;

        ask_all(pair, now_us, &is, &next_us);
        if (base_streq(was->data, is.data))
                return;
        fprintf(stderr, "%s\n", pair->rules_text);
        fail_msg("LEADD_SEED=%llu: %s at hour %.9g, but %s at hour %.9g, and nothing was armed between", (unsigned long long) pair->seed,
                was->data, (double) (was_us - NOW_US) / (double) US_PER_HOUR, is.data, (double) (now_us - NOW_US) / (double) US_PER_HOUR);
}

/* late_us: how much later than asked the armed book is looked at: 0, but where the test shows that it bites. Counts the hours at which
 * the books differ then. */
static size_t run_pair(RuleSet *rules, const char *text, uint64_t seed, int64_t late_us, uint64_t *ret_n_looks) {
        Pair pair = { .rules_text = text, .seed = seed };
        _cleanup_(text_free) Text was = { 0 }, armed = { 0 }, hourly = { 0 };
        int64_t was_us = 0, until_us = INT64_MIN;
        size_t n_differing = 0;

        gate_open_book(&pair.armed, NULL, rules, NOW_US);
        gate_open_book(&pair.hourly, NULL, rules, NOW_US);
        for (int i = some(1, 6); i > 0; i--)
                happen_to_both(&pair, NOW_US);
        for (int hour = 1; hour <= HOURS; hour++) {
                int64_t now_us = NOW_US + hour * US_PER_HOUR;

                while (pair.at_armed.wake_us != TIME_NONE && pair.at_armed.wake_us + late_us <= now_us) {
                        int64_t due_us = pair.at_armed.wake_us;
                        if (late_us == 0 && due_us - 1 < until_us)
                                assert_unchanged(&pair, &was, was_us, due_us - 1);
                        look_at_both(&pair, due_us + late_us);
                        until_us = INT64_MIN;
                }
                take(&pair.hourly, "timer.look", now_us, NULL, NULL, now_us, &pair.at_hourly);
                if (late_us == 0) {
                        assert_same(&pair, now_us);
                        if (now_us < until_us)
                                assert_unchanged(&pair, &was, was_us, now_us);
                        else {
                                ask_all(&pair, now_us, &was, &until_us);
                                was_us = now_us;
                                if (until_us == TIME_NONE)
                                        until_us = INT64_MAX;
                                else
                                        assert_unchanged(&pair, &was, was_us, until_us - 1);
                        }
                } else {
                        tell_state(&pair.at_armed, &armed);
                        tell_state(&pair.at_hourly, &hourly);
                        n_differing += !base_streq(armed.data, hourly.data);
                }
                if (random_below(60) == 0) {
                        happen_to_both(&pair, now_us);
                        until_us = INT64_MIN;
                }
        }
        *ret_n_looks += pair.n_looks;
        gate_close_book(&pair.armed);
        gate_close_book(&pair.hourly);
        return n_differing;
}

static size_t run_rule_sets(int n, int64_t late_us, uint64_t *ret_n_looks) {
        size_t n_differing = 0;

        *ret_n_looks = 0;
        for (int i = 0; i < n; i++) {
                uint64_t seed = random_state;
                _cleanup_(text_free) Text text = { 0 };
                make_rules(&text);
                _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(text.data);
                n_differing += run_pair(rules, text.data, seed, late_us, ret_n_looks) > 0;
        }
        return n_differing;
}

static void lead__looked_at_when_it_is_armed_only__is_what_it_is_when_looked_at_every_hour(void **state) {
        uint64_t n_looks;

        (void) state;
        assert_int_equal(run_rule_sets(RULE_SETS, 0, &n_looks), 0);
        print_message("%llu looks in %d leads' two weeks\n", (unsigned long long) n_looks, RULE_SETS);
        assert_true(n_looks > RULE_SETS);
}

static void lead__looked_at_five_hours_late__is_seen_to_differ(void **state) {
        uint64_t n_looks;

        (void) state;
        assert_true(run_rule_sets(4, 5 * US_PER_HOUR, &n_looks) > 0);
}

static int set_up(void **state) {
        const char *given = getenv("LEADD_SEED");

        (void) state;
        random_state = given ? strtoull(given, NULL, 10) : (uint64_t) time(NULL) * 1000003 + (uint64_t) getpid();
        print_message("LEADD_SEED=%llu\n", (unsigned long long) random_state);
        random_state = random_state ? random_state : 1;
        return 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lead__looked_at_when_it_is_armed_only__is_what_it_is_when_looked_at_every_hour),
                cmocka_unit_test(lead__looked_at_five_hours_late__is_seen_to_differ),
        };
        return cmocka_run_group_tests(tests, set_up, NULL);
}
