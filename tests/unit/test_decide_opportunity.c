/* SPDX-License-Identifier: MIT */
/*
 * What is known of a lead's deals: news and moves in, the list as it then is out. At the end random news against a model that keeps
 * nothing and asks the whole list of what was said instead.
 */
#include "leadd/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define DAY(n) ((n) *US_PER_DAY)

/* One piece of news, or a move (to: where it leads, NULL = it is news). */
typedef struct Step {
        int day;
        const char *id, *stage, *amount, *currency, *state, *close_date;
        const char *move, *to; /* to: queue, sales, final, here */
        bool by_rules, reason;
} Step;

static void say(Facts *facts, Arena *arena, FieldId field, const char *text) {
        if (text)
                assert_int_equal(facts_set(facts, arena, field, NULL, value_text(text), 0), 0);
}

static void take(Opportunities *list, Arena *arena, const Step *step, uint32_t *ret_n) {
        Facts *facts = ARENA_NEW(arena, Facts);
        assert_non_null(facts);
        *facts = (Facts){ 0 };
        say(facts, arena, FIELD_OPPORTUNITY_ID, step->id);
        say(facts, arena, FIELD_OPPORTUNITY_STAGE, step->stage);
        say(facts, arena, FIELD_OPPORTUNITY_CURRENCY, step->currency);
        say(facts, arena, FIELD_OPPORTUNITY_STATE, step->state);
        say(facts, arena, FIELD_OPPORTUNITY_CLOSE_DATE, step->close_date);
        if (step->amount) {
                bool whole = !strchr(step->amount, '.');
                assert_int_equal(facts_set(facts, arena, FIELD_OPPORTUNITY_AMOUNT, NULL,
                                         whole ? value_integer(atoll(step->amount)) : value_number(atof(step->amount)), 0),
                        0);
        }
        assert_int_equal(opportunities_take(list, arena, facts, DAY(step->day), ret_n), 0);
}

static void move(Opportunities *list, Arena *arena, const Step *step, uint32_t named) {
        const OpportunityMove made = { .move = step->move,
                .to_final = base_streq(step->to, "final"),
                .to_queue = base_streq(step->to, "queue"),
                .stays = base_streq(step->to, "here"),
                .by_person = !step->by_rules,
                .has_reason = step->reason,
                .named = named };
        assert_int_equal(opportunities_move(list, arena, &made, DAY(step->day)), 0);
}

/* "O-1 open proposal 12,000 EUR d3..d5; - won" : since when it is in its stage, and when it changed last or ended */
static void describe(const Opportunities *list, Text *out) {
        for (size_t i = 0; i < list->n_items; i++) {
                const Opportunity *item = &list->items[i];
                text_printf(out, "%s%s %s", i ? "; " : "", item->id ? item->id : "-", opportunity_state_name(item->state));
                if (item->stage)
                        text_printf(out, " %s", item->stage);
                if (item->amount != AMOUNT_NONE) {
                        text_append_char(out, ' ');
                        text_append_amount(out, item->amount, item->currency);
                }
                text_printf(out, " %d/%d", (int) (item->staged_us / DAY(1)), (int) (item->changed_us / DAY(1)));
                if (item->ended_us != TIME_NONE)
                        text_printf(out, " ended %d", (int) (item->ended_us / DAY(1)));
        }
}

static const struct {
        const char *what;
        Step steps[8];
        const char *expected;
} cases[] = {
        { "an id and later news of it",
                { { .day = 1, .id = "O-1", .stage = "proposal", .amount = "12000", .currency = "EUR" },
                        { .day = 4, .id = "O-1", .stage = "negotiation" } },
                "O-1 open negotiation 12,000 EUR 4/4" },
        { "two ids are two",
                { { .day = 1, .id = "O-1", .stage = "proposal" }, { .day = 2, .id = "O-2", .stage = "demo", .amount = "1.5" } },
                "O-1 open proposal 1/1; O-2 open demo 1.50 2/2" },
        { "without an id: the live one", { { .day = 1, .id = "O-1", .stage = "proposal" }, { .day = 3, .amount = "7" } },
                "O-1 open proposal 7 1/3" },
        { "without an id: of two the one touched last",
                { { .day = 1, .id = "O-1", .stage = "a" }, { .day = 2, .id = "O-2", .stage = "b" }, { .day = 3, .id = "O-1" },
                        { .day = 4, .stage = "c" } },
                "O-1 open c 4/4; O-2 open b 2/2" },
        { "without an id and none: a nameless one", { { .day = 1, .stage = "demo" } }, "- open demo 1/1" },
        { "the first id names the nameless one", { { .day = 1, .stage = "demo" }, { .day = 2, .id = "O-1", .amount = "5" } },
                "O-1 open demo 5 1/2" },
        { "... and not one that ended", { { .day = 1, .stage = "won" }, { .day = 2, .id = "O-1", .stage = "demo" } },
                "- won won 1/1 ended 1; O-1 open demo 2/2" },
        { "a snapshot that says nothing new is no change",
                { { .day = 1, .id = "O-1", .stage = "demo", .amount = "5" }, { .day = 9, .id = "O-1", .stage = "demo", .amount = "5" } },
                "O-1 open demo 5 1/1" },
        { "older news fill gaps",
                { { .day = 5, .id = "O-1", .stage = "demo" }, { .day = 2, .id = "O-1", .stage = "old", .amount = "5", .currency = "EUR" } },
                "O-1 open demo 5 EUR 5/5" },
        { "an end that comes late is an end",
                { { .day = 1, .id = "O-1", .stage = "demo" }, { .day = 5, .id = "O-1", .amount = "6" },
                        { .day = 3, .id = "O-1", .stage = "Closed Won" } },
                "O-1 won Closed Won 6 3/5 ended 3" },
        { "stages that CRMs close with",
                { { .day = 1, .id = "A", .stage = "closedwon" }, { .day = 1, .id = "B", .stage = "Closed Lost" },
                        { .day = 1, .id = "C", .stage = "closed_won" }, { .day = 1, .id = "D", .stage = "Closed-Lost to Competition" },
                        { .day = 1, .id = "E", .stage = "Won" }, { .day = 1, .id = "F", .stage = "wonderful" } },
                "A won closedwon 1/1 ended 1; B lost Closed Lost 1/1 ended 1; C won closed_won 1/1 ended 1; "
                "D lost Closed-Lost to Competition 1/1 ended 1; E won Won 1/1 ended 1; F open wonderful 1/1" },
        { "what the sender says counts more than the stage", { { .day = 1, .id = "O-1", .stage = "Signed", .state = "won" } },
                "O-1 won Signed 1/1 ended 1" },
        { "an ended one is open again by another stage, not by the same",
                { { .day = 1, .id = "O-1", .stage = "demo" }, { .day = 2, .move = "win", .to = "final" },
                        { .day = 3, .id = "O-1", .stage = "demo" }, { .day = 4, .id = "O-1", .stage = "renegotiation" } },
                "O-1 open renegotiation 4/4" },
        { "... or by being called open", { { .day = 1, .id = "O-1", .stage = "lost" }, { .day = 2, .id = "O-1", .state = "open" } },
                "O-1 open lost 1/2" },
        { "without an id, of an end that is known: no second one",
                { { .day = 1, .id = "O-1", .stage = "lost" }, { .day = 2, .stage = "lost", .amount = "3" } },
                "O-1 lost lost 3 1/2 ended 1" },
        /* moves */
        { "win ends the one touched last",
                { { .day = 1, .id = "A", .stage = "x" }, { .day = 2, .id = "B", .stage = "y" },
                        { .day = 3, .move = "win", .to = "final" } },
                "A open x 1/1; B won y 2/3 ended 3" },
        { "... or the one it names",
                { { .day = 1, .id = "A", .stage = "x" }, { .day = 2, .id = "B", .stage = "y" },
                        { .day = 3, .id = "A", .move = "won", .to = "final" } },
                "A won x 1/3 ended 3; B open y 2/2" },
        { "lose ends all",
                { { .day = 1, .id = "A", .stage = "x" }, { .day = 2, .id = "B", .stage = "y" },
                        { .day = 3, .move = "lose", .to = "queue", .reason = true } },
                "A lost x 1/3 ended 3; B lost y 2/3 ended 3" },
        { "... or the one it names",
                { { .day = 1, .id = "A", .stage = "x" }, { .day = 2, .id = "B", .stage = "y" },
                        { .day = 3, .id = "B", .move = "lose", .to = "queue", .reason = true } },
                "A open x 1/1; B lost y 2/3 ended 3" },
        { "so does any way to a final status",
                { { .day = 1, .id = "A", .stage = "x" }, { .day = 3, .move = "discard", .to = "final", .by_rules = true } },
                "A lost x 1/3 ended 3" },
        { "a hand-back with a reason is a loss",
                { { .day = 1, .id = "A", .stage = "x" }, { .day = 3, .move = "reject", .to = "queue", .reason = true } },
                "A lost x 1/3 ended 3" },
        { "what rules put aside is stalled, and that is no movement",
                { { .day = 1, .id = "A", .stage = "x" }, { .day = 30, .move = "stall", .to = "queue", .by_rules = true } },
                "A stalled x 1/1" },
        { "so is what a person parks without a reason",
                { { .day = 1, .id = "A", .stage = "x" }, { .day = 30, .move = "park", .to = "queue" } }, "A stalled x 1/1" },
        { "news wake it",
                { { .day = 1, .id = "A", .stage = "x" }, { .day = 30, .move = "stall", .to = "queue", .by_rules = true },
                        { .day = 40, .id = "A", .stage = "y" } },
                "A open y 40/40" },
        { "a snapshot does not",
                { { .day = 1, .id = "A", .stage = "x" }, { .day = 30, .move = "stall", .to = "queue", .by_rules = true },
                        { .day = 40, .id = "A", .stage = "x", .state = "open" } },
                "A stalled x 1/1" },
        { "a move back to sales does",
                { { .day = 1, .id = "A", .stage = "x" }, { .day = 30, .move = "stall", .to = "queue", .by_rules = true },
                        { .day = 40, .move = "revive", .to = "sales" } },
                "A open x 1/40" },
        { "a move to itself means nothing", { { .day = 1, .id = "A", .stage = "x" }, { .day = 2, .move = "meeting_booked", .to = "here" } },
                "A open x 1/1" },
        { "win_back is no win",
                { { .day = 1, .id = "A", .stage = "lost" }, { .day = 2, .id = "B", .stage = "x" },
                        { .day = 3, .move = "win_back", .to = "sales" } },
                "A lost lost 1/1 ended 1; B open x 2/2" },
};

static void news_and_moves__leave_what_is_known(void **state _unused_) {
        size_t n_failed = 0;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Arena *arena = arena_new(0);
                Opportunities list = { 0 };
                Text text = { 0 };
                for (const Step *step = cases[i].steps; step->day > 0; step++) {
                        uint32_t n = 0;
                        take(&list, arena, step, &n);
                        if (step->move)
                                move(&list, arena, step, n);
                }
                describe(&list, &text);
                if (!base_streq(text.data ? text.data : "", cases[i].expected)) {
                        print_error("%s:\n  got  %s\n  want %s\n", cases[i].what, text.data, cases[i].expected);
                        n_failed++;
                }
                text_free(&text);
                arena_free(arena);
        }
        assert_int_equal(n_failed, 0);
}

static void stages__keep_when_each_began__and_the_newest_when_there_are_too_many(void **state _unused_) {
        Arena *arena = arena_new(0);
        Opportunities list = { 0 };
        uint32_t n;
        char stage[16];
        take(&list, arena, &(const Step){ .day = 1, .id = "A", .stage = "a" }, &n);
        take(&list, arena, &(const Step){ .day = 4, .id = "A", .stage = "b" }, &n);
        take(&list, arena, &(const Step){ .day = 4, .id = "A", .amount = "3" }, &n);
        move(&list, arena, &(const Step){ .day = 9, .move = "win", .to = "final" }, 0);
        assert_int_equal(list.items[0].n_stages, 3);
        assert_string_equal(list.items[0].stages[0].stage, "a");
        assert_int_equal(list.items[0].stages[1].at_us, DAY(4));
        assert_int_equal(list.items[0].stages[2].state, OPPORTUNITY_WON);
        for (int i = 0; i < 2 * DECIDE_STAGES_MAX; i++) {
                (void) snprintf(stage, sizeof(stage), "s%d", i);
                take(&list, arena, &(const Step){ .day = 10 + i, .id = "B", .stage = arena_strdup(arena, stage) }, &n);
        }
        assert_int_equal(list.items[1].n_stages, DECIDE_STAGES_MAX);
        assert_string_equal(list.items[1].stages[0].stage, "s0");
        assert_string_equal(list.items[1].stages[DECIDE_STAGES_MAX - 1].stage, "s127");
        arena_free(arena);
}

static void too_many__forgets_what_ended_longest_ago__and_gives_no_number_twice(void **state _unused_) {
        Arena *arena = arena_new(0);
        Opportunities list = { 0 };
        char id[16];
        uint32_t n = 0;
        for (int i = 1; i <= DECIDE_OPPORTUNITIES_MAX + 3; i++) {
                (void) snprintf(id, sizeof(id), "O-%d", i);
                take(&list, arena, &(const Step){ .day = i, .id = arena_strdup(arena, id), .stage = i == 5 || i == 7 ? "won" : "demo" },
                        &n);
        }
        assert_int_equal(list.n_items, DECIDE_OPPORTUNITIES_MAX);
        assert_int_equal(n, DECIDE_OPPORTUNITIES_MAX + 3);
        /* 5, then 7, then of those that are alive the one nobody has spoken of for longest */
        for (size_t i = 0; i < list.n_items; i++)
                assert_true(list.items[i].n != 5 && list.items[i].n != 7 && list.items[i].n != 1);
        arena_free(arena);
}

static void amounts__are_exact_and_read_by_people(void **state _unused_) {
        static const struct {
                const char *said, *currency, *shown;
        } amounts[] = {
                { "0", NULL, "0" }, { "999", "EUR", "999 EUR" }, { "12000", "EUR", "12,000 EUR" }, { "0.1", NULL, "0.10" },
                { "1234567.89", "USD", "1,234,567.89 USD" }, { "46500.5", "EUR", "46,500.50 EUR" }, { "1.2345", "CLF", "1.2345 CLF" },
                { "-1500.25", "EUR", "-1,500.25 EUR" }, { "899999999999.9999", NULL, "899,999,999,999.9999" },
                { "1e15.", NULL, "" }, /* more than there is room for: not known */
        };
        for (size_t i = 0; i < ARRAY_SIZE(amounts); i++) {
                Arena *arena = arena_new(0);
                Opportunities list = { 0 };
                uint32_t n;
                Text text = { 0 };
                take(&list, arena, &(const Step){ .day = 1, .id = "A", .amount = amounts[i].said, .currency = amounts[i].currency }, &n);
                if (list.items[0].amount != AMOUNT_NONE)
                        text_append_amount(&text, list.items[0].amount, list.items[0].currency);
                assert_string_equal(text.data ? text.data : "", amounts[i].shown);
                text_free(&text);
                arena_free(arena);
        }
        /* a tenth ten times is one */
        int64_t sum = 0;
        for (int i = 0; i < 10; i++)
                sum += (int64_t) (0.1 * (double) AMOUNT_UNIT + 0.5);
        assert_int_equal(sum, AMOUNT_UNIT);
}

static void profile__has_the_current_one_and_nothing_of_those_that_ended(void **state _unused_) {
        Arena *arena = arena_new(0);
        Opportunities list = { 0 };
        Facts profile = { 0 };
        uint32_t n;
        bool changed;
        say(&profile, arena, FIELD_PERSON_NAME, "M");
        assert_int_equal(facts_set(&profile, arena, FIELD_TEST, NULL, value_bool(true), 0), 0);
        take(&list, arena, &(const Step){ .day = 1, .id = "A", .stage = "x", .amount = "5.25", .currency = "EUR" }, &n);
        take(&list, arena, &(const Step){ .day = 2, .id = "B", .stage = "y" }, &n);
        assert_int_equal(opportunities_project(&list, arena, &profile, &changed), 0);
        assert_true(changed);
        assert_string_equal(facts_text(&profile, FIELD_OPPORTUNITY_ID), "B");
        assert_string_equal(facts_text(&profile, FIELD_OPPORTUNITY_STATE), "open");
        assert_null(facts_get(&profile, FIELD_OPPORTUNITY_AMOUNT, NULL));
        assert_int_equal(opportunities_project(&list, arena, &profile, &changed), 0);
        assert_false(changed);
        move(&list, arena, &(const Step){ .day = 3, .move = "win", .to = "final" }, 2);
        assert_int_equal(opportunities_project(&list, arena, &profile, &changed), 0);
        assert_true(changed);
        assert_string_equal(facts_text(&profile, FIELD_OPPORTUNITY_ID), "A");
        assert_true(facts_get(&profile, FIELD_OPPORTUNITY_AMOUNT, NULL)->number == 5.25);
        move(&list, arena, &(const Step){ .day = 4, .move = "lose", .to = "final" }, 0);
        assert_int_equal(opportunities_project(&list, arena, &profile, &changed), 0);
        assert_true(changed);
        assert_int_equal(profile.n_items, 2);
        assert_string_equal(facts_text(&profile, FIELD_PERSON_NAME), "M");
        assert_non_null(facts_get(&profile, FIELD_TEST, NULL));
        arena_free(arena);
}

static void joined__an_id_known_to_both_is_one(void **state _unused_) {
        Arena *arena = arena_new(0);
        Opportunities a = { 0 }, b = { 0 };
        Text text = { 0 };
        uint32_t n;
        take(&a, arena, &(const Step){ .day = 1, .id = "A", .stage = "x", .amount = "5" }, &n);
        take(&a, arena, &(const Step){ .day = 3, .id = "B", .stage = "newer" }, &n);
        take(&b, arena, &(const Step){ .day = 2, .id = "B", .stage = "older" }, &n);
        take(&b, arena, &(const Step){ .day = 4, .id = "C", .stage = "z" }, &n);
        take(&b, arena, &(const Step){ .day = 5, .id = "A", .stage = "y" }, &n);
        assert_int_equal(opportunities_join(&a, arena, b.items, b.n_items), 0);
        describe(&a, &text);
        assert_string_equal(text.data, "A open y 5/5; B open newer 3/3; C open z 4/4");
        assert_int_equal(a.items[0].opened_us, DAY(1));
        assert_int_equal(a.items[1].opened_us, DAY(2));
        text_free(&text);
        arena_free(arena);
}

/* ---- random news against a model ---- */

#define SAID_MAX 60

static uint64_t next_random(uint64_t *state) {
        *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return *state >> 33;
}

/* The model keeps what was said, in order, and asks it anew for each field. */
static const char *model_last(const Step *said, size_t n, const char *id, size_t offset) {
        for (size_t i = n; i-- > 0;) {
                const char *value;
                memcpy(&value, (const char *) &said[i] + offset, sizeof(value));
                if (base_streq(said[i].id, id) && value)
                        return value;
        }
        return NULL;
}

static bool model_is_won(const char *stage) { return stage && base_streq(stage, "closedwon"); }

/* Won by its last stage, or by a move after it; any word of another stage after that opens it again. */
static bool model_won(const Step *said, size_t n, const char *id, int *ret_day) {
        const char *stage = NULL;
        bool won = false;
        for (size_t i = 0; i < n; i++) {
                if (!base_streq(said[i].id, id))
                        continue;
                bool other = said[i].stage && (!stage || !base_streq(stage, said[i].stage)), was = won;
                stage = said[i].stage ? said[i].stage : stage;
                if (said[i].stage && model_is_won(said[i].stage))
                        won = true;
                else if (other)
                        won = false;
                if ((won && !was) || (!won && said[i].move))
                        *ret_day = said[i].day;
                won |= said[i].move != NULL;
        }
        return won;
}

static void random_news__fold_to_what_a_model_without_memory_says(void **state _unused_) {
        static const char *const ids[] = { "O-1", "O-2", "O-3" }, *const stages[] = { "demo", "proposal", "closedwon" };
        static const char *const amounts[] = { "10", "0.1", "250.75" };
        for (uint64_t round = 1; round <= 400; round++) {
                uint64_t random = round * 7919;
                Arena *arena = arena_new(0);
                Opportunities list = { 0 };
                Step said[SAID_MAX];
                size_t n = 1 + next_random(&random) % SAID_MAX;
                for (size_t i = 0; i < n; i++) {
                        uint32_t named;
                        said[i] = (Step){ .day = (int) i + 1, .id = ids[next_random(&random) % 3] };
                        said[i].stage = next_random(&random) % 2 ? stages[next_random(&random) % 3] : NULL;
                        said[i].amount = next_random(&random) % 2 ? amounts[next_random(&random) % 3] : NULL;
                        said[i].move = next_random(&random) % 8 == 0 ? "win" : NULL;
                        said[i].to = "final";
                        take(&list, arena, &said[i], &named);
                        if (said[i].move)
                                move(&list, arena, &said[i], named);
                }
                size_t n_known = 0;
                for (size_t k = 0; k < ARRAY_SIZE(ids); k++) {
                        const Opportunity *item = NULL;
                        int day = 0;
                        for (size_t i = 0; i < list.n_items; i++)
                                if (base_streq(list.items[i].id, ids[k]))
                                        item = &list.items[i];
                        const char *stage = model_last(said, n, ids[k], offsetof(Step, stage));
                        const char *amount = model_last(said, n, ids[k], offsetof(Step, amount));
                        bool won = model_won(said, n, ids[k], &day), is_known = model_last(said, n, ids[k], offsetof(Step, id));
                        assert_true(is_known == (item != NULL));
                        if (!item)
                                continue;
                        n_known++;
                        if (stage)
                                assert_string_equal(item->stage, stage);
                        else
                                assert_null(item->stage);
                        assert_int_equal(item->amount, amount ? (int64_t) (atof(amount) * 10000 + 0.5) : AMOUNT_NONE);
                        if (won != (item->state == OPPORTUNITY_WON))
                                print_error("round %d: %s is %s\n", (int) round, ids[k], opportunity_state_name(item->state));
                        assert_int_equal(won, item->state == OPPORTUNITY_WON);
                        assert_int_equal(item->ended_us, won ? DAY(day) : TIME_NONE);
                        int64_t at_us = INT64_MIN;
                        for (size_t i = 0; i < item->n_stages; i++) {
                                assert_true(item->stages[i].at_us >= at_us);
                                at_us = item->stages[i].at_us;
                        }
                        assert_true(item->n_stages > 0 && item->stages[item->n_stages - 1].state == item->state);
                }
                assert_int_equal(n_known, list.n_items);
                arena_free(arena);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(news_and_moves__leave_what_is_known),
                cmocka_unit_test(stages__keep_when_each_began__and_the_newest_when_there_are_too_many),
                cmocka_unit_test(too_many__forgets_what_ended_longest_ago__and_gives_no_number_twice),
                cmocka_unit_test(amounts__are_exact_and_read_by_people),
                cmocka_unit_test(profile__has_the_current_one_and_nothing_of_those_that_ended),
                cmocka_unit_test(joined__an_id_known_to_both_is_one),
                cmocka_unit_test(random_news__fold_to_what_a_model_without_memory_says),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
