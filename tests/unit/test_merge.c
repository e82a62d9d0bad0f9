/* SPDX-License-Identifier: MIT */
/*
 * Leads that are one person: merged and unmerged through the real gate, in a book on disk that is replayed at the end of
 * each test. The worked examples are M1 and M2 of what other systems test.
 */
#include "test_person_fixture.h"

/* ---- M1 ---- */

#ifdef __SANITIZE_ADDRESS__ /* a second time */
#define ROUNDS 4
#else
#define ROUNDS 12
#endif

static void merge__bob_into_jane_into_joey__old_ids_answer_with_joey_and_points_of_distinct_events_add_up(_unused_ void **state) {
        Fixture f;
        start(&f);
        uint64_t bob = happens(&f, "activity.bought", "bob@a.example", "activity.campaign=spring");
        uint64_t jane = happens(&f, "activity.page_viewed", "jane@b.example", NULL);
        uint64_t joey = happens(&f, "activity.page_viewed", "joey@c.example", NULL);
        assert_int_equal(points(&f, bob), 50);

        assert_null(merge(&f, bob, jane));
        assert_int_equal(points(&f, jane), 53);
        assert_int_equal(resolve(&f, "L-1"), jane);
        assert_int_equal(resolve(&f, "bob@a.example"), jane);

        assert_null(merge(&f, jane, joey));
        assert_int_equal(points(&f, joey), 56);
        assert_int_equal(resolve(&f, "L-1"), joey);
        assert_int_equal(resolve(&f, "jane@b.example"), joey);
        assert_int_equal(resolve(&f, "L-2"), joey);

        /* Records follow, by address and by number. */
        assert_int_equal(happens(&f, "activity.page_viewed", "bob@a.example", NULL), joey);
        assert_int_equal(points(&f, joey), 59);
        assert_null(moves(&f, "close", bob, NULL, "a"));
        GateLook found = look(&f, joey);
        assert_string_equal(found.state.status, "closed");
        end(&f);
}

static void merge__the_same_award_on_both_sides__counts_once(_unused_ void **state) {
        Fixture f;
        start(&f);
        uint64_t bob = happens(&f, "activity.signed_up", "bob@a.example", NULL);
        uint64_t jane = happens(&f, "activity.signed_up", "jane@b.example", NULL);
        (void) happens(&f, "activity.bought", "bob@a.example", "activity.campaign=spring");
        (void) happens(&f, "activity.bought", "jane@b.example", "activity.campaign=spring");
        (void) happens(&f, "activity.bought", "jane@b.example", "activity.campaign=autumn");
        assert_int_equal(points(&f, bob), 57);
        assert_int_equal(points(&f, jane), 107);
        assert_null(merge(&f, bob, jane));
        assert_int_equal(points(&f, jane), 107);
        end(&f);
}

/* ---- M2 ---- */

static void merge__values_of_two_profiles__the_newest_wins_unless_it_is_the_default_of_somebody_anonymous(_unused_ void **state) {
        static const struct {
                const char *older_email, *older, *newer_email, *newer, *path, *want;
        } cases[] = {
                { "b@a.example", "person.title=Head", "j@b.example", "person.title=Director", "person.title", "Director" },
                { "b@a.example", "person.title=Head", "j@b.example", "person.locale=de", "person.title", "Head" },
                { "b@a.example", "person.title=Head", "j@b.example", "person.locale=de", "person.locale", "de" },
                /* a default, but of somebody who is known */
                { "b@a.example", "person.seniority=director", "j@b.example", "person.seniority=unknown", "person.seniority", "unknown" },
                /* a default of somebody who is not */
                { "b@a.example", "person.seniority=director", NULL, "person.external_ids.web=7;person.seniority=unknown",
                        "person.seniority", "director" },
                { "b@a.example", "company.employees=180", NULL, "person.external_ids.web=7;company.employees=0", "company.employees",
                        "180" },
                /* anonymous, and no default */
                { "b@a.example", "company.employees=180", NULL, "person.external_ids.web=7;company.employees=200", "company.employees",
                        "200" },
                /* anonymous, a default, and nothing is known better */
                { "b@a.example", "person.title=Head", NULL, "person.external_ids.web=7;company.employees=0", "company.employees", "0" },
                /* a refusal is never a default */
                { "b@a.example", "consent.contact=true", NULL, "person.external_ids.web=7;consent.contact=false", "consent.contact",
                        "false" },
                { "b@a.example", "person.email_verified=true", NULL, "person.external_ids.web=7;person.email_verified=false",
                        "person.email_verified", "true" },
        };
        for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
                bool forth = i % 2 == 0;
                Fixture f;
                start(&f);
                uint64_t older = happens(&f, "lead.submitted", cases[i / 2].older_email, cases[i / 2].older);
                uint64_t newer = happens(&f, "lead.submitted", cases[i / 2].newer_email, cases[i / 2].newer);
                assert_int_not_equal(older, newer);
                assert_null(merge(&f, forth ? older : newer, forth ? newer : older));
                GateLook found = look(&f, forth ? newer : older);
                if (!base_streq(say(&found, cases[i / 2].path), cases[i / 2].want))
                        fail_msg("case %zu: %s: got %s, want %s", i, cases[i / 2].path, say(&found, cases[i / 2].path), cases[i / 2].want);
                end(&f);
        }
}

/* Any order of arrival, any split over two leads, any direction: of each purpose the latest statement, of two at one instant the refusal.
 */
static void merge__statements_about_consent_in_any_order__the_latest_holds_by_purpose(_unused_ void **state) {
        static const struct {
                int64_t at;
                bool granted;
        } sets[][3] = {
                { { 1, true }, { 2, false }, { 3, true } },
                { { 1, false }, { 2, true }, { 3, false } },
                { { 1, true }, { 3, true }, { 3, false } },
                { { 2, false }, { 2, true }, { 1, true } },
        };
        static const unsigned orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
        static const bool want[] = { true, false, false, false };

        Fixture f;
        start(&f);
        for (size_t i = 0; i < 3 * ARRAY_SIZE(sets) * ARRAY_SIZE(orders); i++) {
                size_t set = i / 3 / ARRAY_SIZE(orders);
                const unsigned *order = orders[i / 3 % ARRAY_SIZE(orders)];
                unsigned split = (unsigned) (i % 3) * 3; /* bits: who says which; both are there before */
                char bobs[32], janes[32];
                (void) snprintf(bobs, sizeof(bobs), "bob%zu@a.example", i);
                (void) snprintf(janes, sizeof(janes), "jane%zu@b.example", i);
                uint64_t bob = happens(&f, "lead.submitted", bobs, "consent.other=true");
                uint64_t jane = happens(&f, "lead.submitted", janes, NULL);
                for (size_t k = 0; k < 3; k++) {
                        bool granted = sets[set][order[k]].granted;
                        Record *record =
                                make(&f, granted ? "consent.granted" : "consent.withdrawn", split >> order[k] & 1 ? bobs : janes, NULL);
                        int64_t at_us = NOW_US - US_PER_DAY + sets[set][order[k]].at * US_PER_HOUR;
                        assert_int_equal(facts_set(&record->facts, record->arena, FIELD_CONSENT, "contact", value_bool(granted), at_us), 0);
                        assert_int_equal(
                                facts_set(&record->facts, record->arena, FIELD_CONSENT_AT, "contact", value_integer(at_us), at_us), 0);
                        (void) gate_take(&f.book, record, 0, f.now_us);
                        record_free(record);
                }
                bool forth = order[0] % 2;
                assert_null(forth ? merge(&f, bob, jane) : merge(&f, jane, bob));
                GateLook found = look(&f, forth ? jane : bob);
                assert_string_equal(say(&found, "consent.contact"), want[set] ? "true" : "false");
                assert_string_equal(say(&found, "consent.other"), "true");
        }
        end(&f);
}

/* ---- who has it ---- */

static void merge__two_owners__the_survivor_keeps_its_own_and_the_other_is_told(_unused_ void **state) {
        Fixture f;
        GateOutcome outcome;
        start(&f);
        uint64_t bob = happens(&f, "lead.submitted", "bob@a.example", "attribution.form_name=demo");
        uint64_t jane = happens(&f, "lead.submitted", "jane@b.example", "attribution.form_name=demo");
        GateLook found = look(&f, bob);
        assert_string_equal(found.state.owner, "a");
        found = look(&f, jane);
        assert_string_equal(found.state.owner, "b");
        int64_t due_us = found.state.sla.due_us;
        assert_null(moves(&f, "accept", bob, NULL, "a"));
        assert_null(try(&f, "lead.merged", bob, FIELD_CARE_INTO, value_integer((int64_t) jane), "system:root", &outcome));
        assert_int_equal(outcome.lead, jane);

        found = look(&f, jane);
        assert_string_equal(found.state.status, "offered");
        assert_string_equal(found.state.owner, "b");
        assert_true(found.state.unaccepted);
        assert_int_equal(found.state.sla.due_us, due_us);
        found = look(&f, bob);
        assert_null(found.state.owner);
        assert_null(found.state.sla.rule);
        assert_int_equal(found.state.wake_us, TIME_NONE);
        assert_int_equal(found.state.merged_into, jane);
        _cleanup_(base_freep) char *told = outbox(&f);
        assert_string_equal(told, "L-1 a merge journal; ");
        _cleanup_(base_freep) char *counted = tallies(&f);
        assert_string_equal(counted, "b offered 1; ");

        /* The next turn is a's, as if nothing had happened. */
        uint64_t next = happens(&f, "lead.submitted", "kim@d.example", "attribution.form_name=demo");
        found = look(&f, next);
        assert_string_equal(found.state.owner, "a");
        end(&f);
}

static int on_listed(_unused_ const ListRow *row, void *userdata) {
        *(size_t *) userdata += 1;
        return 0;
}

static void unmerge__after_more_has_come__each_gets_back_what_is_its_own(_unused_ void **state) {
        Fixture f;
        size_t n = 0;
        start(&f);
        uint64_t bob = happens(&f, "lead.submitted", "bob@a.example", "attribution.form_name=demo;person.title=Head");
        (void) happens(&f, "activity.bought", "bob@a.example", "activity.campaign=spring");
        uint64_t jane = happens(&f, "lead.submitted", "jane@b.example", "person.title=Director");
        assert_null(merge(&f, bob, jane));
        GateLook found = look(&f, jane);
        assert_string_equal(found.state.status, "offered"); /* bob's demo is hers now */
        assert_int_equal(store_list(f.book.store, &(ListFilter){ 0 }, on_listed, &n), 0);
        assert_int_equal(n, 1);

        (void) happens(&f, "activity.page_viewed", "bob@a.example", "person.locale=fr");
        (void) happens(&f, "activity.page_viewed", "jane@b.example", "person.locale=de");
        (void) happens(&f, "activity.page_viewed", "jane@b.example", NULL);
        assert_int_equal(points(&f, jane), 59);

        assert_null(unmerge(&f, bob, jane));
        assert_int_equal(points(&f, bob), 53);
        assert_int_equal(points(&f, jane), 6);
        found = look(&f, bob);
        assert_string_equal(say(&found, "person.title"), "Head");
        assert_string_equal(say(&found, "person.locale"), "fr");
        assert_string_equal(say(&found, "person.email"), "bob@a.example");
        assert_string_equal(found.state.status, "offered");
        assert_string_equal(found.state.owner, "a");
        assert_true(found.state.unaccepted);
        assert_string_equal(found.state.sla.rule, "ANSWER");
        found = look(&f, jane);
        assert_string_equal(say(&found, "person.title"), "Director");
        assert_string_equal(say(&found, "person.locale"), "de");
        assert_string_equal(say(&found, "person.email"), "jane@b.example");
        assert_string_equal(found.state.status, "offered"); /* she stays where she got to */

        /* And from now on each has its own again. */
        assert_int_equal(happens(&f, "activity.page_viewed", "bob@a.example", NULL), bob);
        assert_int_equal(points(&f, bob), 56);
        assert_int_equal(points(&f, jane), 6);
        assert_int_equal(resolve(&f, "L-1"), bob);
        end(&f);
}

static void unmerge__of_another_company__is_not_given_to_the_owner_of_the_account_it_lent(_unused_ void **state) {
        /* what jane says of her company herself, and whose bob then is */
        static const struct {
                const char *jane, *owner;
        } cases[] = {
                { "attribution.form_name=demo;company.domain=janeco.example", "b" },
                { "attribution.form_name=demo", "b" },
                { "attribution.form_name=demo;company.domain=bobco.example", "a" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Fixture f;
                start(&f);
                uint64_t jane = happens(&f, "lead.submitted", "jane@b.example", cases[i].jane);
                uint64_t bob = happens(&f, "lead.submitted", "bob@a.example", "company.domain=bobco.example");
                GateLook found = look(&f, jane);
                assert_string_equal(found.state.owner, "a");
                assert_null(merge(&f, bob, jane));
                (void) happens(&f, "lead.submitted", "bob@a.example", "attribution.form_name=demo");
                found = look(&f, jane);
                assert_string_equal(say(&found, "company.domain"), "bobco.example");
                assert_null(unmerge(&f, bob, jane));
                found = look(&f, bob);
                assert_string_equal(found.state.status, "offered");
                if (!base_streq(found.state.owner, cases[i].owner))
                        fail_msg("case %zu: got %s, want %s", i, found.state.owner, cases[i].owner);
                end(&f);
        }
}

static void unmerge__one_of_a_chain__takes_along_what_was_merged_into_it(_unused_ void **state) {
        Fixture f;
        start(&f);
        uint64_t bob = happens(&f, "activity.bought", "bob@a.example", "activity.campaign=spring");
        uint64_t jane = happens(&f, "activity.page_viewed", "jane@b.example", NULL);
        uint64_t joey = happens(&f, "activity.page_viewed", "joey@c.example", NULL);
        assert_null(merge(&f, bob, jane));
        assert_null(merge(&f, jane, joey));
        (void) happens(&f, "activity.page_viewed", "bob@a.example", NULL);
        assert_null(unmerge(&f, jane, joey));
        assert_int_equal(points(&f, jane), 56);
        assert_int_equal(points(&f, joey), 3);
        assert_int_equal(resolve(&f, "L-1"), jane);
        assert_null(merge(&f, jane, joey));
        assert_null(unmerge(&f, bob, jane)); /* out of the middle: it was part of joey */
        assert_int_equal(points(&f, bob), 53);
        assert_int_equal(points(&f, joey), 6);
        end(&f);
}

static void merge__handed_back_for_a_reason__its_fence_stands_for_both_until_they_are_two_again(_unused_ void **state) {
        Fixture f;
        start(&f);
        uint64_t bob = happens(&f, "lead.submitted", "bob@a.example", "attribution.form_name=demo");
        assert_null(moves(&f, "reject", bob, "no_budget", "a"));
        uint64_t jane = happens(&f, "lead.submitted", "jane@b.example", NULL);
        assert_null(merge(&f, bob, jane));
        (void) happens(&f, "lead.submitted", "jane@b.example", "attribution.form_name=demo");
        GateLook found = look(&f, jane);
        assert_string_equal(found.state.status, "inquiry");
        assert_null(unmerge(&f, bob, jane));
        found = look(&f, jane);
        assert_string_equal(found.state.status, "offered");
        found = look(&f, bob);
        assert_string_equal(found.state.status, "nurture");
        assert_int_equal(found.state.n_uses, 1);
        end(&f);
}

static void merge__what_makes_no_sense__is_refused_and_changes_nothing(_unused_ void **state) {
        Fixture f;
        start(&f);
        uint64_t bob = happens(&f, "lead.submitted", "bob@a.example", NULL);
        uint64_t jane = happens(&f, "lead.submitted", "jane@b.example", NULL);
        uint64_t joey = happens(&f, "lead.submitted", "joey@c.example", NULL);
        uint64_t test = happens(&f, "lead.submitted", "test@d.example", "test=true");
        assert_string_equal(merge(&f, bob, bob), "merged");
        assert_string_equal(merge(&f, bob, 99), "unknown_lead");
        assert_string_equal(merge(&f, 99, bob), "unknown_lead");
        assert_string_equal(merge(&f, 0, bob), "unknown_lead");
        assert_string_equal(merge(&f, test, bob), "test_lead");
        assert_string_equal(merge(&f, bob, test), "test_lead");
        assert_string_equal(unmerge(&f, bob, jane), "not_merged");
        assert_null(merge(&f, bob, jane));
        assert_string_equal(merge(&f, bob, joey), "merged");
        assert_string_equal(merge(&f, jane, jane), "merged");
        end(&f);
}

static void merge__more_leads_than_one_can_be_made_of__is_refused(_unused_ void **state) {
        Fixture f;
        char email[32];
        start(&f);
        uint64_t first = happens(&f, "activity.page_viewed", "p0@a.example", NULL), lead = 0;
        for (unsigned i = 1; i <= STORE_FAMILY_MAX; i++) {
                (void) snprintf(email, sizeof(email), "p%u@a.example", i);
                lead = happens(&f, "activity.page_viewed", email, NULL);
                if (i < STORE_FAMILY_MAX)
                        assert_null(merge(&f, lead, first));
        }
        assert_string_equal(merge(&f, lead, first), "too_many");
        assert_string_equal(merge(&f, first, lead), "too_many");
        assert_int_equal(points(&f, first), 3 * STORE_FAMILY_MAX);
        end(&f);
}

/* ---- possible duplicates ---- */

static int on_pair(const StoredDuplicate *pair, void *userdata) {
        text_printf(userdata, "%llu %llu %x; ", (unsigned long long) pair->lead, (unsigned long long) pair->other, pair->reasons);
        return 0;
}

static void check_pairs(Fixture *f, const char *want) {
        Text text = { 0 };
        assert_int_equal(store_duplicates(f->book.store, 0, on_pair, &text), 0);
        if (!base_streq(text.data ? text.data : "", want))
                fail_msg("got %s, want %s", text.data, want);
        text_free(&text);
}

static void duplicates__number_name_at_a_company_or_id_under_another_address__are_listed_and_never_merged(_unused_ void **state) {
        Fixture f;
        start(&f);
        (void) happens(&f, "lead.submitted", "bob@a.example",
                "person.phone_number=+493012345;person.name=Bob Grün;company.domain=a.example;person.external_ids.crm=7");
        (void) happens(&f, "lead.submitted", "x@b.example", "person.phone_number=+493012345");
        (void) happens(&f, "lead.submitted", "bob.gruen@a.example", "person.name=BOB GRÜN;company.domain=a.example");
        (void) happens(&f, "lead.submitted", "y@c.example", "person.external_ids.crm=7");
        /* the same name elsewhere, or at a provider of mailboxes: nothing */
        (void) happens(&f, "lead.submitted", "bob@d.example", "person.name=Bob Grün;company.domain=d.example");
        (void) happens(&f, "lead.submitted", "eve1@gmail.com", "person.name=Eve;company.domain=gmail.com");
        (void) happens(&f, "lead.submitted", "eve2@gmail.com", "person.name=Eve;company.domain=gmail.com");
        check_pairs(&f, "4 1 4; 3 1 10; 2 1 8; ");
        /* more comes to be known of one of them */
        (void) happens(&f, "lead.submitted", "bob.gruen@a.example", "person.phone_number=+493012345");
        check_pairs(&f, "4 1 4; 3 1 18; 2 1 8; ");
        assert_null(merge(&f, 3, 1));
        check_pairs(&f, "4 1 4; 2 1 8; ");
        assert_null(merge(&f, 1, 2));
        check_pairs(&f, "4 2 4; ");
        assert_null(unmerge(&f, 3, 1));
        check_pairs(&f, "4 2 4; 3 2 18; ");
        end(&f);
}

/* ---- anything ---- */

static void anything__random_lives_merges_and_unmerges__tallies_and_invariants_hold_and_the_replay_is_equal(_unused_ void **state) {
        for (unsigned round = 0; round < ROUNDS; round++) {
                Fixture f;
                unsigned seed = round * 7919 + 1;
                start(&f);
                for (unsigned step = 0; step < 120; step++) {
                        char email[32], said[160];
                        unsigned who = roll(&seed, 8);
                        uint64_t n_leads = store_next_lead(f.book.store) - 1;
                        uint64_t lead = n_leads > 0 ? 1 + roll(&seed, (unsigned) n_leads) : 0;
                        uint64_t other = n_leads > 0 ? 1 + roll(&seed, (unsigned) n_leads) : 0;
                        (void) snprintf(email, sizeof(email), "p%u@c%u.example", who, who % 3);
                        (void) snprintf(said, sizeof(said), "person.title=T%u;person.phone_number=+4930%u;company.domain=c%u.example%s",
                                roll(&seed, 5), 100000 + roll(&seed, 4), who % 3, roll(&seed, 2) ? ";attribution.form_name=demo" : "");
                        switch (roll(&seed, 9)) {
                        case 0:
                        case 1:
                                (void) happens(&f, "lead.submitted", email, said);
                                break;
                        case 2:
                                (void) happens(&f, "activity.page_viewed", email, NULL);
                                break;
                        case 3:
                                if (lead > 0)
                                        (void) moves(&f, "accept", lead, NULL, roll(&seed, 2) ? "a" : "b");
                                break;
                        case 4:
                                if (lead > 0)
                                        (void) moves(&f, "reject", lead, roll(&seed, 2) ? "no_budget" : "late", "c");
                                break;
                        case 5:
                        case 6:
                                if (lead > 0)
                                        (void) merge(&f, lead, other);
                                break;
                        case 7:
                                if (lead > 0) {
                                        GateLook found = look(&f, lead);
                                        if (found.state.merged_into > 0)
                                                assert_null(unmerge(&f, lead, found.state.merged_into));
                                }
                                break;
                        default: {
                                GateOutcome outcome;
                                uint64_t due[16];
                                int64_t due_us;
                                size_t n;
                                f.now_us += (int64_t) roll(&seed, 5) * US_PER_HOUR;
                                assert_int_equal(store_wake_due(f.book.store, f.now_us, 1, due, &due_us, &n), 0);
                                if (n > 0)
                                        (void) try(&f, "timer.look", due[0], FIELD_NONE, (Value){ 0 }, "system:leadd", &outcome);
                        }
                        }
                }
                /* Nobody is counted twice, and what was joined is what it is made of. */
                for (uint64_t lead = 1; lead < store_next_lead(f.book.store); lead++) {
                        GateLook found = look(&f, lead);
                        if (found.state.merged_into == 0)
                                (void) points(&f, lead);
                }
                end(&f);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(merge__bob_into_jane_into_joey__old_ids_answer_with_joey_and_points_of_distinct_events_add_up),
                cmocka_unit_test(merge__the_same_award_on_both_sides__counts_once),
                cmocka_unit_test(merge__values_of_two_profiles__the_newest_wins_unless_it_is_the_default_of_somebody_anonymous),
                cmocka_unit_test(merge__statements_about_consent_in_any_order__the_latest_holds_by_purpose),
                cmocka_unit_test(merge__two_owners__the_survivor_keeps_its_own_and_the_other_is_told),
                cmocka_unit_test(unmerge__after_more_has_come__each_gets_back_what_is_its_own),
                cmocka_unit_test(unmerge__of_another_company__is_not_given_to_the_owner_of_the_account_it_lent),
                cmocka_unit_test(unmerge__one_of_a_chain__takes_along_what_was_merged_into_it),
                cmocka_unit_test(merge__handed_back_for_a_reason__its_fence_stands_for_both_until_they_are_two_again),
                cmocka_unit_test(merge__what_makes_no_sense__is_refused_and_changes_nothing),
                cmocka_unit_test(merge__more_leads_than_one_can_be_made_of__is_refused),
                cmocka_unit_test(duplicates__number_name_at_a_company_or_id_under_another_address__are_listed_and_never_merged),
                cmocka_unit_test(anything__random_lives_merges_and_unmerges__tallies_and_invariants_hold_and_the_replay_is_equal),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
