/* SPDX-License-Identifier: MIT */
/* The small parts: the in-memory index beside a plain list, ids in short forms, event bodies with any damage. */
#include "test_store_fixture.h"
#include <time.h>
#include <unistd.h>

static uint64_t seed;
static uint32_t rnd(uint32_t n) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (uint32_t) (seed >> 33) % n;
}
static int say_seed(void **state _unused_) {
        const char *given = getenv("LEADD_TEST_SEED");
        seed = given ? strtoull(given, NULL, 10) : (uint64_t) time(NULL) * 1000003 + (uint64_t) getpid();
        print_message("LEADD_TEST_SEED=%" PRIu64 "\n", seed);
        return 0;
}

/* ---- index ---- */

static void index__random_adds_and_removes__holds_what_a_list_holds(void **state _unused_) {
        enum { N = 4000 };
        static struct {
                uint32_t fingerprint;
                bool in;
        } list[N];
        Index index = { 0 };
        size_t n = 0;
        for (uint32_t i = 1; i < N; i++) {
                /* Few fingerprints, at the ends of the range too: long runs that wrap around. */
                static const uint32_t bases[] = { 0, 0xffffffff, 0x80000000, 0xfffffff0 };
                list[i].fingerprint = bases[rnd(4)] - rnd(3) + (rnd(8) == 0 ? rnd(0x7fffffff) : 0);
                list[i].in = false;
        }
        for (int i = 0; i < 40000; i++) {
                uint32_t id = 1 + rnd(N - 1);
                if (list[id].in) {
                        assert_true(index_remove(&index, list[id].fingerprint, id));
                        assert_false(index_remove(&index, list[id].fingerprint, id));
                        n--;
                } else {
                        ok(index_add(&index, list[id].fingerprint, id));
                        n++;
                }
                list[id].in = !list[id].in;
                same(index.n, n);
                if (i % 500 != 0)
                        continue;
                for (uint32_t j = 1; j < N; j++) {
                        bool found = false;
                        uint32_t got;
                        for (size_t cursor = 0; (got = index_find(&index, list[j].fingerprint, &cursor)) != 0;) {
                                found |= got == j;
                                same(list[got].fingerprint, list[j].fingerprint);
                                assert_true(list[got].in);
                        }
                        same(found, list[j].in);
                }
        }
        index_free(&index);
        size_t cursor = 0;
        same(index_find(&index, 7, &cursor), 0);
        assert_false(index_remove(&index, 7, 7));
}

static void hash__of_any_length__depends_on_every_byte_and_the_seed(void **state _unused_) {
        char text[40] = { 0 };
        for (size_t size = 0; size < sizeof(text); size++) {
                for (size_t i = 0; i < size; i++)
                        text[i] = (char) rnd(256);
                uint64_t hash = index_hash(1, text, size);
                same(index_hash(1, text, size), hash);
                assert_true(index_hash(2, text, size) != hash);
                for (size_t i = 0; i < size; i++) {
                        text[i] ^= 1;
                        assert_true(index_hash(1, text, size) != hash);
                        text[i] ^= 1;
                }
        }
        assert_true(index_hash(1, "a\0", 2) != index_hash(1, "a", 1));
}

/* ---- record ids ---- */

static void record_id__in_any_form__comes_back_as_it_was(void **state) {
        Fixture *f = *state;
        static const struct {
                const char *id;
                const char *type;
        } cases[] = {
                { "", "text" },
                { "b-17", "text" },
                { "0", "integer" },
                { "7", "integer" },
                { "00", "text" },
                { "-7", "text" },
                { "123456789012345678", "integer" },
                { "1234567890123456789", "text" },
                { "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "blob" },
                { "6BA7B810-9dad-11d1-80b4-00c04fd430c8", "text" },
                { "6ba7b8109dad-11d1-80b4-00c04fd430c8-", "text" },
                { "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9", "blob" },
                { "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8fg", "text" },
                { "\xc3\xa4", "text" },
                { NULL, "null" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                uint8_t buf[DIGEST_SIZE];
                ok(store_begin(f->store));
                ok(sql_run(f->store, SQL_META_SET, ARG("probe"), record_id_pack(cases[i].id, buf)));
                sqlite3_stmt *row;
                ok(sql_row(f->store, SQL_META_GET, &row, ARG("probe")));
                static const char *const types[] = {
                        [SQLITE_INTEGER] = "integer", [SQLITE_TEXT] = "text", [SQLITE_BLOB] = "blob", [SQLITE_NULL] = "null"
                };
                const char *got;
                same_text(types[sqlite3_column_type(row, 0)], cases[i].type);
                ok(record_id_unpack(row, 0, f->arena, &got));
                same_text(got, cases[i].id);
                sql_resetp(&row);
                ok(store_rollback(f->store));
        }
}

static void family__of_every_type__is_known(void **state _unused_) {
        static const struct {
                const char *type;
                RecordFamily family;
                const char *event;
        } cases[] = {
                { "lead.submitted", FAMILY_LEAD, "submitted" },
                { "activity.page.viewed", FAMILY_ACTIVITY, "page.viewed" },
                { "outcome.accept", FAMILY_OUTCOME, "accept" },
                { "consent.granted", FAMILY_CONSENT, "granted" },
                { "company.updated", FAMILY_COMPANY, "updated" },
                { "owner.away", FAMILY_OWNER, "away" },
                { "timer.sla", FAMILY_TIMER, "sla" },
                { "rules.activated", FAMILY_RULES, "activated" },
                { "lead", FAMILY_LEAD, "" },
                { "leads.x", 0, NULL },
                { "lea.x", 0, NULL },
                { "", 0, NULL },
                { ".lead", 0, NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const char *event = NULL;
                same(record_family(cases[i].type, &event), cases[i].family);
                same_text(event, cases[i].event);
        }
}

/* ---- bodies ---- */

static void body__with_any_damage__is_an_error_or_an_event_but_never_a_crash(void **state) {
        Fixture *f = *state;
        Receipt receipts[] = {
                { .rule = &f->rules->scores[SCORE_SENIOR]->rule, .matched = true, .points_mp = 20000, .note = "a note" },
                { .rule = &f->rules->scores[SCORE_SIZE]->rule, .failed = true, .event = 1 },
        };
        const Rule fence = { .kind = RULE_FENCE, .name = "SHUT" }, criterion = { .kind = RULE_CRITERION, .name = "NAMED" };
        Block blocks[] = { { &fence, "qualify" }, { &criterion, "accept" } };
        Effect effect = { .kind = EFFECT_MOVED, .channel = "journal" };
        (void) commit_step(f, STEP(.said = { .type = "outcome.x", .email = "a@example.com", .note = "n" }, .status = "mql", .owner = "anna",
                                      .receipts = receipts, .n_receipts = 2, .blocks = blocks, .n_blocks = 2, .adapter = "crm",
                                      .effects = &effect, .n_effects = 1));
        uint8_t body[512], notes[128], damaged[512];
        size_t size, notes_size;
        {
                sqlite3_stmt *row;
                ok(sql_row(f->store, SQL_EVENT_GET, &row, ARG((uint64_t) 1)));
                Blob blob = column_blob(row, 11), note_blob = column_blob(row, 14);
                size = blob.size;
                notes_size = note_blob.size;
                assert_true(size > 20 && size < sizeof(body) && notes_size > 0 && notes_size < sizeof(notes));
                memcpy(body, blob.data, size);
                memcpy(notes, note_blob.data, notes_size);
                sql_resetp(&row);
        }
        {
                StoredEvent event = { 0 };
                ok(body_decode(f->store, 1, (Blob){ body, size }, (Blob){ notes, notes_size }, NULL, f->arena, &event));
                same(event.n_receipts, 2);
                same(event.n_cuts, 0);
                same(event.n_blocks, 2);
                same(event.blocks[0].kind, RULE_FENCE);
                same_text(event.blocks[0].rule, "SHUT");
                same_text(event.blocks[0].move, "qualify");
                same(event.blocks[1].kind, RULE_CRITERION);
                same_text(event.blocks[1].rule, "NAMED");
                same_text(event.blocks[1].move, "accept");
                same_text(event.adapter, "crm");
        }
        unsigned n_bad = 0;
        for (int i = 0; i < 50000; i++) {
                StoredEvent event = { 0 };
                size_t cut = rnd(4) == 0 ? rnd((uint32_t) size) : size;
                memcpy(damaged, body, size);
                for (uint32_t j = rnd(4); j > 0; j--)
                        damaged[rnd((uint32_t) size)] = (uint8_t) rnd(256);
                if (rnd(10) == 0)
                        for (size_t j = 1; j < size; j++)
                                damaged[j] = (uint8_t) rnd(256);
                /* In memory of exactly its size, so that a byte read beyond is seen by the sanitizer. */
                uint8_t *exact = malloc(cut + 1), *exact_notes = malloc(notes_size);
                memcpy(exact, damaged, cut);
                memcpy(exact_notes, notes, notes_size);
                arena_reset(f->arena);
                int r = body_decode(
                        f->store, 1, (Blob){ exact, cut }, (Blob){ exact_notes, rnd((uint32_t) notes_size + 1) }, NULL, f->arena, &event);
                assert_true(r == 0 || r == -EBADMSG);
                n_bad += r != 0;
                const char *owner;
                r = body_decode_owner(f->store, (Blob){ exact, cut }, f->arena, &owner);
                assert_true(r == 0 || r == -EBADMSG);
                free(exact);
                free(exact_notes);
        }
        assert_true(n_bad > 1000);
        same(body_decode(f->store, 1, (Blob){ 0 }, (Blob){ 0 }, NULL, f->arena, &(StoredEvent){ 0 }), -EBADMSG);
}

static void arguments__that_do_not_fit_the_statement__are_refused(void **state) {
        Fixture *f = *state;
        same(sql_run(f->store, SQL_META_SET, ARG("x")), -EINVAL);
        sqlite3_stmt *row = NULL;
        same(sql_row(f->store, SQL_LEAD_GET, &row, ARG(1), ARG(2)), -EINVAL);
        assert_null(row);
        for (int i = 0; i < SQL_N; i++)
                assert_non_null(f->store->statements[i]);
}

/* A sort inside a statement that is asked once a row makes a listing quadratic; it is not seen on a small book. */
static void statements__none_sorts__but_those_over_a_handful_of_rows(void **state) {
        Fixture *f = *state;
        for (int i = 0; i < SQL_N; i++) {
                sqlite3_stmt *plan = NULL;
                char *text = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sqlite3_sql(f->store->statements[i]));
                assert_int_equal(sqlite3_prepare_v2(f->store->db, text, -1, &plan, NULL), SQLITE_OK);
                while (sqlite3_step(plan) == SQLITE_ROW)
                        if (strstr(column_text(plan, 3), "TEMP B-TREE") && i != SQL_RULESET_BY_PREFIX && i != SQL_OUTBOX_MAIL_LEADS &&
                                i != SQL_OUTBOX_MAIL_ROWS /* the rows of one mail, once an attempt */ && i != SQL_DIGEST_ALL &&
                                i != SQL_DIGEST_NEXT &&
                                i != SQL_SEEN_PRUNE /* a handful of declarations; what one person has looked at */ &&
                                i != SQL_FAIR_SUMS /* a report, on a thread of its own */ &&
                                i != SQL_TALLY_BY_STATUS /* owners times statuses, once a scrape */ &&
                                i != SQL_HIT_SUMS /* rules times hours, when somebody asks for them all */) {
                                print_error("%s: %s\n", sqlite3_sql(f->store->statements[i]), column_text(plan, 3));
                                fail();
                        }
                (void) sqlite3_finalize(plan);
                sqlite3_free(text);
        }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(index__random_adds_and_removes__holds_what_a_list_holds),
                cmocka_unit_test(hash__of_any_length__depends_on_every_byte_and_the_seed),
                TEST(record_id__in_any_form__comes_back_as_it_was),
                cmocka_unit_test(family__of_every_type__is_known),
                TEST(body__with_any_damage__is_an_error_or_an_event_but_never_a_crash),
                TEST(arguments__that_do_not_fit_the_statement__are_refused),
                TEST(statements__none_sorts__but_those_over_a_handful_of_rows),
        };
        return cmocka_run_group_tests(tests, say_seed, NULL);
}
