/* SPDX-License-Identifier: MIT */
/*
 * Erasing people: nothing that was said is left in the book's files, a redelivery brings nobody back, everybody else
 * goes on as if nothing had happened, and the log that is left still gives the same book.
 */
#include "test_person_fixture.h"

#include <sqlite3.h>

/* ---- orders ---- */

#ifdef __SANITIZE_ADDRESS__ /* a second time */
#define ROUNDS 3
#else
#define ROUNDS 10
#endif

/* LEADD_TEST_ROUNDS: as many as there is time for. */
static unsigned count_rounds(void) {
        const char *given = getenv("LEADD_TEST_ROUNDS");
        return given ? (unsigned) strtoul(given, NULL, 10) : ROUNDS;
}

static const char *erase(Fixture *f, uint64_t lead, GateOutcome *ret) {
        return try(f, "lead.erased", lead, FIELD_NONE, (Value){ 0 }, "system:root", ret);
}

/* What the daemon does once the files of the spool are gone through. */
static void finish_erasures(Fixture *f) {
        Text needles = { 0 };
        uint64_t id;
        while (store_erasure_next(f->book.store, &id, &needles) == 0) {
                assert_int_equal(store_begin(f->book.store), 0);
                assert_int_equal(store_erasure_done(f->book.store, id), 0);
                assert_int_equal(store_commit(f->book.store), 0);
        }
        assert_int_equal(store_empty_log(f->book.store), 0);
        text_free(&needles);
}

/* ---- what is left ---- */

static size_t count_in_file(const char *path, const char *canary) {
        static char data[8 << 20];
        size_t n = 0, size, length = strlen(canary);
        FILE *file = fopen(path, "rb");
        if (!file)
                return 0;
        size = fread(data, 1, sizeof(data), file);
        assert_true(size < sizeof(data));
        fclose(file);
        for (char *at = data; size >= length && (at = memmem(at, size - (size_t) (at - data), canary, length)); at++)
                n++;
        return n;
}

static size_t count_left(Fixture *f, const char *canary) {
        char wal[80];
        (void) snprintf(wal, sizeof(wal), "%s-wal", f->path);
        return count_in_file(f->path, canary) + count_in_file(wal, canary);
}

static const char *const canaries[] = { "maria.canary", "4930777888", "Maria Canariensis", "Canary Works", "canary-works.example",
        "my canary sings", "canary-note", "canary-event-id", "canary-crm-id", "Canary Street", "canary@letters" };

static void plant(Fixture *f) {
        Record *record = make(f, "lead.submitted", "maria.canary@canary-works.example",
                "person.phone_number=+4930777888;person.name=Maria Canariensis;company.name=Canary "
                "Works;company.domain=canary-works.example;"
                "answers.sings=my canary sings;person.external_ids.crm=canary-crm-id;attribution.form_name=demo;"
                "person.address.street_address=Canary Street;attribution.campaign=canary@letters");
        const DigestPart parts[] = { { "web", 3 }, { "canary-event-id", 15 } };
        record->id = "canary-event-id";
        assert_int_equal(digest_keyed(store_secret(f->book.store), parts, ARRAY_SIZE(parts), &record->key), 0);
        GateOutcome outcome = gate_take(&f->book, record, 0, f->now_us);
        record_free(record);
        GateOutcome noted;
        assert_null(try(f, "outcome.note", outcome.lead, FIELD_OUTCOME_NOTE, value_text("canary-note"), "rep:a", &noted));
}

static void erase__a_person__leaves_nothing_of_what_was_said_in_the_files_of_the_book(_unused_ void **state) {
        Fixture f;
        GateOutcome outcome;
        uint64_t lead;
        bool erased = false;
        int64_t at_us;
        start(&f);
        for (unsigned i = 0; i < 200; i++) {
                char email[32];
                if (i == 60)
                        plant(&f);
                (void) snprintf(email, sizeof(email), "other%u@x%u.example", i % 150, i % 7);
                (void) happens(&f, i % 3 ? "lead.submitted" : "activity.page_viewed", email,
                        "person.name=Somebody Else;company.name=Another;answers.long=what one says when one is asked for more than one can "
                        "say");
        }
        /* What was known before, and no longer is, was said as well. */
        (void) happens(&f, "lead.submitted", "maria.canary@canary-works.example", "answers.sings=and whistles;person.title=Head");
        assert_int_equal(store_checkpoint(f.book.store, true), 0);
        for (size_t i = 0; i < ARRAY_SIZE(canaries); i++)
                if (count_left(&f, canaries[i]) == 0)
                        fail_msg("%s is not even there before", canaries[i]);
        lead = resolve(&f, "maria.canary@canary-works.example");
        assert_int_equal(resolve(&f, "crm:canary-crm-id"), lead);

        assert_null(erase(&f, lead, &outcome));
        assert_true(outcome.erasure > 0);
        finish_erasures(&f);
        for (size_t i = 0; i < ARRAY_SIZE(canaries); i++)
                if (count_left(&f, canaries[i]) > 0)
                        fail_msg("%s is left", canaries[i]);
        assert_int_equal(store_is_erased(f.book.store, lead, &erased, &at_us), 0);
        assert_true(erased);
        assert_int_equal(at_us, f.now_us);
        assert_int_equal(store_resolve_lead(f.book.store, "maria.canary@canary-works.example", &lead), STORE_E_NONE);
        assert_int_equal(store_resolve_erased(f.book.store, "maria.canary@canary-works.example", &lead), 0);
        assert_int_equal(store_resolve_erased(f.book.store, "crm:canary-crm-id", &lead), 0);
        assert_string_equal(erase(&f, lead, &outcome), "erased");
        assert_string_equal(moves(&f, "accept", lead, NULL, "a"), "erased");
        assert_string_equal(merge(&f, lead, 1), "erased");
        assert_string_equal(merge(&f, 1, lead), "erased");
        end(&f);
}

static void erase__what_comes_again__brings_nobody_back_and_a_new_record_begins_anew(_unused_ void **state) {
        Fixture f;
        GateOutcome outcome;
        start(&f);
        uint64_t other = happens(&f, "lead.submitted", "joe@other.example", NULL);
        Record *first = make(&f, "lead.submitted", "maria@keller.example", "person.external_ids.crm=1234567");
        uint64_t lead = gate_take(&f.book, first, 0, f.now_us).lead;
        int64_t before_us = f.now_us;
        assert_null(erase(&f, lead, &outcome));
        finish_erasures(&f);

        /* The same again. */
        outcome = gate_take(&f.book, first, 0, f.now_us += US_PER_MINUTE);
        assert_true(outcome.duplicate && outcome.erased);
        assert_int_equal(outcome.lead, 0);
        record_free(first);
        /* The same under another id: a list that is sent whole every night. */
        for (unsigned i = 0; i < 2; i++) {
                Record *again = make(&f, "lead.submitted", i == 0 ? "maria@keller.example" : NULL, "person.external_ids.crm=1234567");
                again->time_us = before_us;
                outcome = gate_take(&f.book, again, 0, f.now_us);
                assert_true(outcome.duplicate && outcome.erased);
                record_free(again);
        }
        assert_int_equal(store_next_lead(f.book.store), lead + 1);

        /* And a new one. */
        uint64_t next = happens(&f, "lead.submitted", "maria@keller.example", NULL);
        assert_int_equal(next, lead + 1);
        assert_int_equal(happens(&f, "activity.page_viewed", "maria@keller.example", NULL), next);
        assert_int_equal(resolve(&f, "maria@keller.example"), next);
        assert_int_equal(happens(&f, "activity.page_viewed", "joe@other.example", NULL), other);
        /* Whose past is still not hers. */
        Record *old = make(&f, "activity.page_viewed", "maria@keller.example", NULL);
        old->time_us = before_us;
        outcome = gate_take(&f.book, old, 0, f.now_us);
        assert_true(outcome.duplicate && outcome.erased);
        record_free(old);
        end(&f);
}

static void erase__two_leads_that_are_one__goes_for_both(_unused_ void **state) {
        Fixture f;
        GateOutcome outcome;
        bool erased;
        int64_t at_us;
        start(&f);
        uint64_t bob = happens(&f, "lead.submitted", "bob@canary.example", "attribution.form_name=demo;person.name=Bobcanary");
        uint64_t jane = happens(&f, "lead.submitted", "jane@b.example", "attribution.form_name=demo");
        uint64_t joey = happens(&f, "lead.submitted", "joey@c.example", NULL);
        assert_null(merge(&f, bob, jane));
        (void) happens(&f, "activity.page_viewed", "bob@canary.example", "person.title=Bobcanary");
        assert_null(erase(&f, bob, &outcome));
        finish_erasures(&f);
        for (uint64_t lead = bob; lead <= jane; lead++) {
                assert_int_equal(store_is_erased(f.book.store, lead, &erased, &at_us), 0);
                assert_true(erased);
        }
        assert_int_equal(count_left(&f, "Bobcanary"), 0);
        assert_int_equal(count_left(&f, "canary.example"), 0);
        _cleanup_(base_freep) char *counted = tallies(&f);
        assert_string_equal(counted, "- inquiry 1; ");
        (void) happens(&f, "lead.submitted", "joey@c.example", "attribution.form_name=demo");
        GateLook found = look(&f, joey);
        assert_string_equal(found.state.status, "offered");
        end(&f);
}

/* The one who stays was judged together with the one who is gone, and is judged by itself since. */
static void erase__somebody_who_was_part_of_another__leaves_the_other_as_it_is(_unused_ void **state) {
        for (unsigned way = 0; way < 2; way++) {
                Fixture f;
                GateOutcome outcome;
                start(&f);
                uint64_t bob = happens(&f, "lead.submitted", "bob@canary.example", "attribution.form_name=demo;person.name=Bobcanary");
                uint64_t jane = happens(&f, "lead.submitted", "jane@b.example", "person.title=Director");
                uint64_t joey = happens(&f, "lead.submitted", "joey@c.example", NULL);
                assert_null(merge(&f, bob, jane));
                (void) happens(&f, "activity.page_viewed", "bob@canary.example", "person.locale=bobcanary");
                (void) happens(&f, "lead.submitted", "jane@b.example", "person.locale=de");
                assert_null(moves(&f, "accept", jane, NULL, "c"));
                (void) happens(&f, "lead.submitted", "joey@c.example", "attribution.form_name=demo");
                assert_null(unmerge(&f, bob, jane));
                (void) happens(&f, "activity.page_viewed", "jane@b.example", NULL);
                (void) happens(&f, "activity.page_viewed", "bob@canary.example", NULL);
                assert_null(moves(&f, "reject", jane, "no_budget", "c"));
                /* the one that came, or the one that stayed */
                uint64_t gone = way == 0 ? bob : jane, stays = way == 0 ? jane : bob;
                GateLook before = look(&f, stays);
                int was = (int) (before.state.engagement_mp / 1000);
                assert_null(erase(&f, gone, &outcome));
                finish_erasures(&f);
                assert_int_equal(points(&f, stays), was);
                assert_true(count_left(&f, way == 0 ? "Bobcanary" : "jane@b.example") == 0);
                (void) happens(&f, "lead.submitted", way == 0 ? "jane@b.example" : "bob@canary.example", "person.title=Boss");
                GateLook found = look(&f, stays);
                assert_string_equal(say(&found, "person.title"), "Boss");
                assert_int_equal(found.state.owner == NULL, way == 0);
                (void) joey;
                end(&f);
        }
}

/* The moves that both made together are moves of the one who stays: what was said before them does not count since the last move. */
static void erase__somebody_in_whose_time_the_other_moved__does_not_move_the_other_again(_unused_ void **state) {
        Fixture f;
        GateOutcome outcome;
        start(&f);
        uint64_t bob = happens(&f, "lead.submitted", "bob@a.example", NULL);
        uint64_t jane = happens(&f, "lead.submitted", "jane@b.example", NULL);
        assert_null(merge(&f, bob, jane));
        assert_int_equal(happens(&f, "lead.submitted", "jane@b.example", "attribution.form_name=demo"), jane);
        assert_null(moves(&f, "reject", jane, "late", "c"));
        assert_null(unmerge(&f, bob, jane));
        GateLook found = look(&f, jane);
        assert_string_equal(found.state.status, "nurture");
        assert_null(erase(&f, bob, &outcome));
        finish_erasures(&f);
        end(&f);
}

/* A lead on the way, which is part of another itself, keeps nothing of one who parted, and is known in a replay. */
static void erase__somebody_who_parted_from_a_part_of_another__leaves_nothing_in_that_part(_unused_ void **state) {
        for (unsigned way = 0; way < 2; way++) {
                Fixture f;
                GateOutcome outcome;
                GateLook found;
                start(&f);
                uint64_t bob = happens(&f, "lead.submitted", "bob@a.example", "person.title=Bobcanary;opportunity.id=canary-deal");
                uint64_t jane = happens(&f, "lead.submitted", "jane@b.example", "attribution.form_name=demo");
                uint64_t joey = happens(&f, "lead.submitted", "joey@c.example", NULL);
                assert_null(merge(&f, bob, jane));
                assert_null(moves(&f, "reject", jane, "no_budget", "c"));
                (void) happens(&f, "activity.page_viewed", "bob@a.example", NULL);
                assert_null(merge(&f, jane, joey));
                found = look(&f, jane);
                assert_string_equal(say(&found, "person.title"), "Bobcanary");
                assert_null(unmerge(&f, bob, jane));
                found = look(&f, jane);
                assert_string_equal(say(&found, "person.title"), "-");
                assert_int_equal(found.state.merged_into, joey);
                found = look(&f, joey);
                assert_string_equal(say(&found, "person.title"), "-");
                assert_null(erase(&f, bob, &outcome));
                finish_erasures(&f);
                assert_int_equal(count_left(&f, "Bobcanary"), 0);
                assert_int_equal(count_left(&f, "canary-deal"), 0);
                if (way == 1) {
                        assert_null(unmerge(&f, jane, joey));
                        found = look(&f, jane);
                        assert_string_equal(found.state.status, "nurture");
                        assert_string_equal(found.state.recycle_reason, "no_budget");
                }
                end(&f);
        }
}

/* Nobody knows any more that the account was hers, but the one who parted then has got its owner. */
static void erase__the_owner_of_an_account__leaves_it_with_one_who_parted_from_another(_unused_ void **state) {
        Fixture f;
        GateOutcome outcome;
        start(&f);
        (void) happens(&f, "lead.submitted", "first@z.example", "attribution.form_name=demo");
        uint64_t maria = happens(&f, "lead.submitted", "maria@x.example", "attribution.form_name=demo;company.domain=x.example");
        uint64_t bob = happens(&f, "lead.submitted", "bob@x.example", "company.domain=x.example");
        uint64_t jane = happens(&f, "lead.submitted", "jane@y.example", "company.domain=y.example");
        assert_null(merge(&f, bob, jane));
        assert_int_equal(happens(&f, "lead.submitted", "bob@x.example", "attribution.form_name=demo"), jane);
        (void) happens(&f, "lead.submitted", "second@z.example", "attribution.form_name=demo");
        assert_null(unmerge(&f, bob, jane));
        char owner[64];
        (void) snprintf(owner, sizeof(owner), "%s", look(&f, maria).state.owner);
        GateLook found = look(&f, bob);
        assert_string_equal(found.state.owner, owner);
        assert_string_equal(found.state.route, "ACCOUNT");
        assert_null(erase(&f, maria, &outcome));
        finish_erasures(&f);
        end(&f);
}

static void erase__somebody_nobody_knows__only_asks_for_a_look_at_the_files(_unused_ void **state) {
        Fixture f;
        GateOutcome outcome;
        Text needles = { 0 };
        uint64_t id;
        start(&f);
        Record *record = make(&f, "lead.erased", "nobody@x.example", "person.phone_number=+49301234567");
        outcome = gate_take(&f.book, record, 0, f.now_us);
        assert_true(outcome.duplicate && outcome.erased && outcome.erasure > 0);
        assert_int_equal(store_erasure_next(f.book.store, &id, &needles), 0);
        assert_string_equal(needles.data, "e nobody@x.example\np +49301234567\n");
        record_free(record);
        text_free(&needles);
        finish_erasures(&f);
        end(&f);
}

/* ---- anything ---- */

static void anything__random_lives_merges_unmerges_and_erasures__the_rest_is_as_it_was_and_the_replay_is_equal(_unused_ void **state) {
        for (unsigned round = 0; round < count_rounds(); round++) {
                Fixture f;
                unsigned seed = round * 104729 + 3;
                char gone[64][32];
                size_t n_gone = 0;
                start(&f);
                for (unsigned step = 0; step < 300; step++) {
                        char email[32], said[200];
                        GateOutcome outcome;
                        unsigned who = roll(&seed, 14);
                        uint64_t n_leads = store_next_lead(f.book.store) - 1;
                        uint64_t lead = n_leads > 0 ? 1 + roll(&seed, (unsigned) n_leads) : 0;
                        uint64_t other = n_leads > 0 ? 1 + roll(&seed, (unsigned) n_leads) : 0;
                        (void) snprintf(email, sizeof(email), "p%u-%u@c%u.example", who, step / 40, who % 3);
                        (void) snprintf(said, sizeof(said), "person.title=T%u;person.phone_number=+4930%u;company.domain=c%u.example%s",
                                roll(&seed, 5), 100000 + roll(&seed, 4), who % 3, roll(&seed, 3) ? ";attribution.form_name=demo" : "");
                        switch (roll(&seed, 10)) {
                        case 0:
                        case 1:
                        case 2:
                                (void) happens(&f, "lead.submitted", email, said);
                                break;
                        case 3:
                                (void) happens(&f, "activity.page_viewed", email, NULL);
                                break;
                        case 4:
                                if (lead > 0)
                                        (void) moves(&f, "accept", lead, NULL, roll(&seed, 2) ? "a" : "b");
                                break;
                        case 5:
                                if (lead > 0)
                                        (void) moves(&f, "reject", lead, roll(&seed, 2) ? "no_budget" : "late", "c");
                                break;
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
                        case 8:
                                if (lead > 0 && roll(&seed, 2)) {
                                        GateLook found = look(&f, lead);
                                        if (n_gone < ARRAY_SIZE(gone) && !found.state.erased)
                                                (void) snprintf(gone[n_gone++], sizeof(gone[0]), "%.31s", say(&found, "person.email"));
                                        (void) erase(&f, lead, &outcome);
                                }
                                break;
                        default: {
                                uint64_t due[16];
                                int64_t due_us;
                                size_t n;
                                f.now_us += (int64_t) roll(&seed, 5) * US_PER_HOUR;
                                assert_int_equal(store_wake_due(f.book.store, f.now_us, 1, due, &due_us, &n), 0);
                                if (n > 0)
                                        (void) try(&f, "timer.look", due[0], FIELD_NONE, (Value){ 0 }, "system:leadd", &outcome);
                        }
                        }
                        if (step % 50 == 49) {
                                GateSlice slice = { .from = 1, .to = store_next_lead(f.book.store) - 1 };
                                gate_use_rules(&f.book, f.rules, f.now_us);
                                assert_int_equal(store_begin(f.book.store), 0);
                                assert_int_equal(gate_rederive(f.book.gate, f.now_us, &slice), 0);
                                assert_int_equal(store_commit(f.book.store), 0);
                        }
                }
                finish_erasures(&f);
                for (size_t i = 0; i < n_gone; i++) {
                        uint64_t lead;
                        if (store_resolve_lead(f.book.store, gone[i], &lead) == 0)
                                continue; /* came back */
                        if (count_left(&f, gone[i]) > 0)
                                fail_msg("round %u: %s is left", round, gone[i]);
                }
                end(&f);
        }
}

/* What names the person is looked for in files however many events there were, and no more lines than files are gone through for. */
static void erase__somebody_with_many_events__looks_for_every_name_and_the_newest_ids(_unused_ void **state) {
        Fixture f;
        GateOutcome outcome;
        Text needles = { 0 };
        size_t n = 0;
        char last[32];
        start(&f);
        uint64_t lead = happens(&f, "lead.submitted", "maria@xn--kller-jua.example", NULL);
        for (unsigned i = 0; i < 2 * GATE_NEEDLES_MAX + 200; i++)
                (void) happens(&f, "lead.updated", "maria@xn--kller-jua.example", NULL);
        (void) snprintf(last, sizeof(last), "\ni m%u\n", f.n);
        assert_null(erase(&f, lead, &outcome));
        assert_int_equal(store_erasure_get(f.book.store, outcome.erasure, &needles), 0);
        assert_int_equal(strncmp(needles.data, "n L-1\n", 6), 0);
        assert_non_null(strstr(needles.data, "\ne maria@xn--kller-jua.example\ne maria@k\u00f6ller.example\n"));
        assert_non_null(strstr(needles.data, last));
        assert_null(strstr(needles.data, "\ni m1\n"));
        for (const char *at = needles.data; (at = strchr(at, '\n')); at++)
                n++;
        assert_int_equal(n, 3 + GATE_NEEDLES_MAX);
        text_free(&needles);
        finish_erasures(&f);
        end(&f);
}

static int64_t count_rows(Fixture *f, const char *sql, uint64_t lead) {
        sqlite3 *db;
        sqlite3_stmt *row;
        assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_bind_int64(row, 1, (sqlite3_int64) lead), SQLITE_OK);
        assert_int_equal(sqlite3_step(row), SQLITE_ROW);
        int64_t n = sqlite3_column_int64(row, 0);
        assert_int_equal(sqlite3_finalize(row), SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        return n;
}

static int64_t count_waiting(Fixture *f, uint64_t lead) {
        return count_rows(f, "SELECT count(*) FROM outbox WHERE lead = ?1 AND next IS NOT NULL", lead);
}

/* A look is written by the next transaction, which may be the one that erases. */
static void erase__somebody_who_was_part_of_another__takes_back_what_waits_of_the_other_since_then(_unused_ void **state) {
        Fixture f;
        GateOutcome outcome;
        start(&f);
        uint64_t bob = happens(&f, "lead.submitted", "bob@a.example", "person.name=Bob");
        uint64_t jane = happens(&f, "lead.submitted", "jane@b.example", NULL);
        uint64_t joey = happens(&f, "lead.submitted", "joey@c.example", "attribution.form_name=demo");
        assert_null(merge(&f, bob, jane));
        (void) happens(&f, "lead.submitted", "jane@b.example", "attribution.form_name=demo");
        f.now_us += 2 * US_PER_HOUR;
        assert_null(try(&f, "timer.look", jane, FIELD_NONE, (Value){ 0 }, "system:leadd", &outcome));
        assert_null(try(&f, "timer.look", joey, FIELD_NONE, (Value){ 0 }, "system:leadd", &outcome));
        int64_t n_others = count_waiting(&f, joey);
        assert_true(n_others > 0);
        assert_null(unmerge(&f, bob, jane));
        assert_null(moves(&f, "reject", jane, "late", "c"));
        (void) happens(&f, "lead.submitted", "jane@b.example", "attribution.form_name=demo;person.title=Boss");
        int64_t n_before = count_waiting(&f, jane);
        f.now_us += 2 * US_PER_HOUR;
        assert_null(try(&f, "timer.look", jane, FIELD_NONE, (Value){ 0 }, "system:leadd", &outcome));
        int64_t n_since = count_waiting(&f, jane) - n_before;
        assert_true(n_before > 0 && n_since > 0);
        assert_null(erase(&f, bob, &outcome));
        assert_int_equal(count_waiting(&f, jane), n_since);
        assert_int_equal(count_waiting(&f, joey), n_others);
        finish_erasures(&f);
        end(&f);
}

static void erase__somebody_just_looked_at__leaves_no_trace_of_the_look(_unused_ void **state) {
        Fixture f;
        GateOutcome outcome;
        start(&f);
        uint64_t lead = happens(&f, "lead.submitted", "maria@keller.example", NULL);
        uint64_t other = happens(&f, "lead.submitted", "joe@other.example", NULL);
        assert_int_equal(store_note_look(f.book.store, "a", lead, "A1", f.now_us), 0);
        assert_int_equal(store_note_look(f.book.store, "a", other, "A1", f.now_us), 0);
        assert_null(erase(&f, lead, &outcome));
        assert_int_equal(count_rows(&f, "SELECT count(*) FROM seen WHERE lead = ?1", lead), 0);
        assert_int_equal(count_rows(&f, "SELECT count(*) FROM seen WHERE lead = ?1", other), 1);
        finish_erasures(&f);
        end(&f);
}

/* What was told of others is not gone through: rows are found by the events of the lead. */
static void erase__one_of_many_of_whom_somebody_was_told__takes_back_what_waits_of_this_one(_unused_ void **state) {
        Fixture f;
        GateOutcome outcome;
        char email[32];
        start(&f);
        for (unsigned i = 0; i < 400; i++) {
                (void) snprintf(email, sizeof(email), "p%u@x.example", i);
                uint64_t lead = happens(&f, "lead.submitted", email, "attribution.form_name=demo");
                assert_null(erase(&f, lead, &outcome));
        }
        uint64_t x = happens(&f, "lead.submitted", "x@x.example", "attribution.form_name=demo");
        uint64_t y = happens(&f, "lead.submitted", "y@y.example", "attribution.form_name=demo");
        assert_null(merge(&f, y, x));
        assert_int_equal(count_waiting(&f, y), 1);
        assert_null(erase(&f, x, &outcome));
        assert_int_equal(count_waiting(&f, y), 0);
        assert_int_equal(count_waiting(&f, x), 1); /* that it was erased */
        assert_int_equal(count_waiting(&f, 1), 1);
        finish_erasures(&f);
        end(&f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(erase__a_person__leaves_nothing_of_what_was_said_in_the_files_of_the_book),
                cmocka_unit_test(erase__what_comes_again__brings_nobody_back_and_a_new_record_begins_anew),
                cmocka_unit_test(erase__two_leads_that_are_one__goes_for_both),
                cmocka_unit_test(erase__somebody_who_was_part_of_another__leaves_the_other_as_it_is),
                cmocka_unit_test(erase__somebody_in_whose_time_the_other_moved__does_not_move_the_other_again),
                cmocka_unit_test(erase__somebody_who_parted_from_a_part_of_another__leaves_nothing_in_that_part),
                cmocka_unit_test(erase__the_owner_of_an_account__leaves_it_with_one_who_parted_from_another),
                cmocka_unit_test(erase__somebody_nobody_knows__only_asks_for_a_look_at_the_files),
                cmocka_unit_test(erase__somebody_with_many_events__looks_for_every_name_and_the_newest_ids),
                cmocka_unit_test(erase__somebody_who_was_part_of_another__takes_back_what_waits_of_the_other_since_then),
                cmocka_unit_test(erase__somebody_just_looked_at__leaves_no_trace_of_the_look),
                cmocka_unit_test(erase__one_of_many_of_whom_somebody_was_told__takes_back_what_waits_of_this_one),
                cmocka_unit_test(anything__random_lives_merges_unmerges_and_erasures__the_rest_is_as_it_was_and_the_replay_is_equal),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
