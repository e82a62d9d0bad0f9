/* SPDX-License-Identifier: MIT */
/*
 * Deals of leads through the real gate, in a book on disk: whatever is told, moved, merged, parted and erased, the rows of a lead are what
 * its state says, a scan says the same of all of them, conditions see the one touched last, and the log alone gives the same book.
 */
#include "test_person_fixture.h"

#ifdef __SANITIZE_ADDRESS__ /* a second time */
#define ROUNDS 4
#else
#define ROUNDS 12
#endif

static void news__through_the_gate__stand_in_the_book_and_in_the_summary(_unused_ void **state) {
        Fixture f;
        start(&f);
        uint64_t maria = happens(&f, "lead.submitted", "maria@keller.example", "attribution.form_name=demo");
        assert_null(moves(&f, "accept", maria, NULL, "c"));
        Record *record =
                make(&f, "lead.updated", "maria@keller.example", "opportunity.id=O-1;opportunity.stage=demo;opportunity.amount=12000");
        GateOutcome outcome = gate_take(&f.book, record, 0, f.now_us);
        assert_string_equal(outcome.decision->summary, "opportunity 1 opened: stage demo, 12,000");
        record_free(record);
        record = make(&f, "lead.updated", "maria@keller.example", "opportunity.id=O-1;opportunity.stage=demo;opportunity.amount=12000");
        outcome = gate_take(&f.book, record, 0, f.now_us);
        assert_false(outcome.decision->opportunities_changed && outcome.decision->after.opportunities[0].changed_us == f.now_us);
        record_free(record);
        record = make(&f, "lead.updated", "maria@keller.example", "opportunity.id=O-1;opportunity.stage=won;opportunity.amount=13000");
        outcome = gate_take(&f.book, record, 0, f.now_us);
        assert_string_equal(outcome.decision->summary, "opportunity 1 won: stage demo -> won, 12,000 -> 13,000");
        record_free(record);
        GateLook found = look(&f, maria);
        assert_int_equal(found.state.n_opportunities, 1);
        assert_int_equal(found.state.opportunities[0].n_stages, 2);
        assert_string_equal(say(&found, "opportunity.id"), "-");

        /* What a move ends is said as well; a hand-back with a reason loses what is open. */
        (void) happens(&f, "lead.updated", "maria@keller.example", "opportunity.id=O-2;opportunity.stage=demo");
        assert_null(moves(&f, "reject", maria, "late", "c"));
        found = look(&f, maria);
        assert_int_equal(found.state.opportunities[1].state, OPPORTUNITY_LOST);
        assert_int_equal(found.state.opportunities[1].ended_us, f.now_us);
        end(&f);
}

/* ---- anything ---- */

typedef struct Seen {
        Fixture *f;
        Arena *arena;
        uint64_t lead;
        size_t n, n_all;
        const Opportunity *items;
        const char *stages[8]; /* the same name is the same pointer */
        size_t n_stages;
} Seen;

static int on_row(const StoredOpportunity *row, void *userdata) {
        Seen *seen = userdata;
        if (seen->lead != row->lead) {
                assert_true(row->lead > seen->lead);
                seen->lead = row->lead;
                assert_int_equal(store_opportunities(seen->f->book.store, row->lead, seen->arena, &seen->items, &seen->n), 0);
                seen->n_all = 0;
        }
        assert_true(seen->n_all < seen->n);
        Opportunity item = seen->items[seen->n_all++], scanned = row->opportunity;
        assert_true(item.n_stages > 0 || row->is_erased);
        item.n_stages = 0;
        assert_true(opportunities_equal(&item, 1, &scanned, 1));
        if (row->is_erased)
                assert_true(!scanned.id && !opportunity_is_alive(scanned.state));
        for (size_t i = 0; scanned.stage && i < seen->n_stages; i++)
                if (base_streq(seen->stages[i], scanned.stage)) {
                        assert_ptr_equal(seen->stages[i], scanned.stage);
                        scanned.stage = NULL;
                }
        if (scanned.stage && seen->n_stages < ARRAY_SIZE(seen->stages))
                seen->stages[seen->n_stages++] = scanned.stage;
        return 0;
}

static void check_leads(Fixture *f) {
        Seen seen = { .f = f, .arena = arena_new(0) };
        assert_int_equal(store_scan_opportunities(f->book.store, 0, on_row, &seen), 0);
        for (uint64_t lead = 1; lead < store_next_lead(f->book.store); lead++) {
                GateLook found;
                bool erased;
                int64_t at_us;
                assert_int_equal(store_is_erased(f->book.store, lead, &erased, &at_us), 0);
                if (erased)
                        continue;
                found = look(f, lead);
                const Opportunity *current = opportunities_current(found.state.opportunities, found.state.n_opportunities);
                if (found.state.merged_into == 0)
                        assert_string_equal(say(&found, "opportunity.id"), current && current->id ? current->id : "-");
                for (size_t i = 0; i < found.state.n_opportunities; i++)
                        for (size_t k = i + 1; k < found.state.n_opportunities; k++) {
                                const Opportunity *a = &found.state.opportunities[i], *b = &found.state.opportunities[k];
                                assert_true(a->n < b->n);
                                assert_true(!a->id || !b->id || !base_streq(a->id, b->id));
                        }
        }
        arena_free(seen.arena);
}

static void news_of(unsigned *seed, char said[static 200]) {
        static const char *const stages[] = { "demo", "proposal", "contract", "closedwon", "Closed Lost" };
        size_t n = 0;
        said[0] = '\0';
        if (roll(seed, 4))
                n += (size_t) snprintf(said + n, 200 - n, "opportunity.id=O-%u;", roll(seed, 5));
        if (roll(seed, 3))
                n += (size_t) snprintf(said + n, 200 - n, "opportunity.stage=%s;", stages[roll(seed, 5)]);
        if (n == 0 || roll(seed, 2))
                n += (size_t) snprintf(said + n, 200 - n, "opportunity.amount=%u;opportunity.currency=EUR", 100 + roll(seed, 5));
        if (n > 0 && said[n - 1] == ';')
                said[n - 1] = '\0';
}

static void anything__random_news_moves_merges_and_erasures__rows_agree_and_the_replay_is_equal(_unused_ void **state) {
        for (unsigned round = 0; round < ROUNDS; round++) {
                Fixture f;
                GateOutcome outcome;
                unsigned seed = round * 104729 + 11;
                start(&f);
                for (unsigned step = 0; step < 120; step++) {
                        char email[32], said[200];
                        uint64_t n_leads = store_next_lead(f.book.store) - 1;
                        uint64_t lead = n_leads > 0 ? 1 + roll(&seed, (unsigned) n_leads) : 0;
                        uint64_t other = n_leads > 0 ? 1 + roll(&seed, (unsigned) n_leads) : 0;
                        (void) snprintf(email, sizeof(email), "p%u@c.example", roll(&seed, 5));
                        unsigned what = roll(&seed, 12);
                        if (what == 0)
                                (void) happens(&f, "lead.submitted", email, "attribution.form_name=demo");
                        else if (what < 6) {
                                news_of(&seed, said);
                                (void) happens(&f, "lead.updated", email, said);
                        } else if (lead == 0)
                                continue;
                        else if (what == 6)
                                (void) moves(&f, "accept", lead, NULL, "c");
                        else if (what == 7)
                                (void) moves(&f, roll(&seed, 2) ? "reject" : "close", lead, roll(&seed, 2) ? "no_budget" : NULL, "c");
                        else if (what < 10)
                                (void) merge(&f, lead, other);
                        else if (what == 10) {
                                GateLook found = look(&f, lead);
                                if (!found.state.erased && found.state.merged_into > 0)
                                        assert_null(unmerge(&f, lead, found.state.merged_into));
                        } else if (roll(&seed, 4) == 0)
                                (void) try(&f, "lead.erased", lead, FIELD_NONE, (Value){ 0 }, "system:root", &outcome);
                        if (step % 20 == 0)
                                check_leads(&f);
                }
                check_leads(&f);
                end(&f);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(news__through_the_gate__stand_in_the_book_and_in_the_summary),
                cmocka_unit_test(anything__random_news_moves_merges_and_erasures__rows_agree_and_the_replay_is_equal),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
