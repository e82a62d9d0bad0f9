/* SPDX-License-Identifier: MIT */
/* What routing did, summed up by the day: the sums, their days, rollbacks, and the facts as the log has them. */
#include "test_store_fixture.h"

static const FairFact facts[] = {
        { "desk", "ALL", "anna", FAIR_ENTITLED, FAIR_LEAD / 4 },
        { "desk", "ALL", "ben", FAIR_ENTITLED, FAIR_LEAD / 4 * 3 },
        { "desk", "ALL", "ben", FAIR_BY_TURN, 1 },
        { "desk", NULL, "anna", FAIR_ACCEPTED, 1 },
};

typedef struct FairSums {
        int64_t entitled, by_turn, accepted;
        size_t n;
} FairSums;

static int on_fact(const FairFact *fact, void *userdata) {
        FairSums *sums = userdata;
        same_text(fact->team, "desk");
        same_text(fact->route, fact->kind == FAIR_ACCEPTED ? NULL : "ALL");
        *(fact->kind == FAIR_ENTITLED ? &sums->entitled : fact->kind == FAIR_BY_TURN ? &sums->by_turn : &sums->accepted) += fact->n;
        sums->n++;
        return 0;
}

static void same_sums_until(Fixture *f, int64_t from_day, int64_t until_day, int64_t n) {
        Store *reader = NULL;
        for (int pass = 0; pass < 2; pass++) {
                FairSums sums = { 0 };
                if (pass == 1)
                        ok(store_open(f->path, STORE_READ_ONLY, &reader));
                ok(store_fairness(pass ? reader : f->store, from_day, until_day, on_fact, &sums));
                same(sums.entitled, n * FAIR_LEAD);
                same(sums.by_turn, n);
                same(sums.accepted, n);
                same(sums.n, n > 0 ? 4 : 0);
        }
        store_close(reader);
}
static void same_sums(Fixture *f, int64_t from_day, int64_t n) { same_sums_until(f, from_day, INT64_MAX, n); }
#define FACTS(day) STEP(.fair = facts, .n_fair = ARRAY_SIZE(facts), .fair_day = (day))

static void facts__of_several_days__are_summed_from_a_day_on(void **state) {
        Fixture *f = *state;
        same_sums(f, 0, 0);
        (void) commit_step(f, FACTS(20500));
        ok(store_begin(f->store));
        (void) step(f, FACTS(20501));
        (void) step(f, FACTS(20501));
        ok(store_commit(f->store));
        same_sums(f, 20500, 3);
        same_sums(f, 20501, 2);
        same_sums(f, 20502, 0);
        same_sums_until(f, 20500, 20501, 1);
        same_sums_until(f, 20501, 20501, 0);
        /* What is rolled back did not happen. */
        ok(store_begin(f->store));
        (void) step(f, FACTS(20501));
        ok(store_rollback(f->store));
        (void) commit_step(f, FACTS(20501));
        same_sums(f, 20501, 3);
        fixture_reopen(f);
        same_sums(f, 20501, 3);
}

static void days__that_are_too_old__are_dropped_however_events_are_spread(void **state) {
        Fixture *f = *state;
        (void) commit_step(f, FACTS(20000));
        (void) commit_step(f, FACTS(20000 + STORE_FAIR_DAYS_KEPT - 1));
        same_sums(f, 0, 2);
        (void) commit_step(f, FACTS(20000 + STORE_FAIR_DAYS_KEPT));
        same_sums(f, 0, 2);
        /* A clock that goes back brings no such day back. */
        (void) commit_step(f, FACTS(20000));
        ok(store_begin(f->store));
        (void) step(f, FACTS(20000));
        ok(store_commit(f->store));
        same_sums(f, 0, 2);
        fixture_reopen(f);
        (void) commit_step(f, FACTS(20000));
        same_sums(f, 0, 2);
}

static int on_event(const StoredEvent *event, void *userdata) {
        if (event->n_fair == 0)
                return 0;
        same(event->n_fair, ARRAY_SIZE(facts));
        same(event->fair_day, -3);
        for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
                same_text(event->fair[i].team, facts[i].team);
                same_text(event->fair[i].route, facts[i].route);
                same_text(event->fair[i].member, facts[i].member);
                same(event->fair[i].kind, facts[i].kind);
                same(event->fair[i].n, facts[i].n);
        }
        *(bool *) userdata = true;
        return 0;
}

static void facts__in_the_log__come_back_as_they_were(void **state) {
        Fixture *f = *state;
        bool found = false;
        (void) commit_step(f, FACTS(-3));
        ok(store_log(f->store, 0, 0, on_event, &found));
        assert_true(found);
        same_and_sound(f->store);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
        const struct CMUnitTest tests[] = {
                TEST(facts__of_several_days__are_summed_from_a_day_on),
                TEST(days__that_are_too_old__are_dropped_however_events_are_spread),
                TEST(facts__in_the_log__come_back_as_they_were),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
