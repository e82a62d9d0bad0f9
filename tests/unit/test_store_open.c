/* SPDX-License-Identifier: MIT */
/* Which files are ours, who may write them, and who checkpoints. */
#include "test_store_fixture.h"
#include <pthread.h>
#include <unistd.h>

static void write_file(const char *path, const char *data, size_t size) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_true(fd >= 0);
        assert_true(write(fd, data, size) == (ssize_t) size);
        close(fd);
}

static void foreign(const char *path, const char *sql) {
        sqlite3 *db;
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
}

static void same_open(const char *path, StoreMode mode, int want) {
        Store *store = NULL;
        same(store_open(path, mode, &store), want);
        assert_null(want != 0 ? store : NULL);
        store_close(store);
}

static void new_file__is_ours_private_and_durable(void **state) {
        Fixture *f = *state;
        struct stat st;
        same(fixture_number(f->store, "PRAGMA application_id"), STORE_APPLICATION_ID);
        same(fixture_number(f->store, "PRAGMA user_version"), STORE_SCHEMA_VERSION);
        same(fixture_number(f->store, "PRAGMA synchronous"), 2);
        same(fixture_number(f->store, "PRAGMA wal_autocheckpoint"), 0);
        same(fixture_number(f->store, "PRAGMA trusted_schema"), 0);
        same(fixture_number(f->store, "PRAGMA cell_size_check"), 1);
        same(fixture_number(f->store, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"), 1);
        assert_int_equal(stat(f->path, &st), 0);
        same(st.st_mode & 0777, 0600);
        char wal[128];
        (void) snprintf(wal, sizeof(wal), "%s-wal", f->path);
        assert_int_equal(stat(wal, &st), 0);
        same(st.st_mode & 0777, 0600);
        assert_true(strlen(store_sqlite_version()) >= 5);
}

static void secret__is_random_kept_and_may_be_given(void **state) {
        Fixture *f = *state;
        uint8_t first[DIGEST_SIZE], given[DIGEST_SIZE];
        memcpy(first, store_secret(f->store), DIGEST_SIZE);
        fixture_reopen(f);
        assert_memory_equal(store_secret(f->store), first, DIGEST_SIZE);
        memset(given, 7, DIGEST_SIZE);
        Store *other;
        ok(store_open_with_secret(NULL, STORE_MEMORY, given, &other));
        assert_memory_equal(store_secret(other), given, DIGEST_SIZE);
        store_close(other);
        ok(store_open(NULL, STORE_MEMORY, &other));
        assert_memory_not_equal(store_secret(other), first, DIGEST_SIZE);
        store_close(other);
        /* An existing file keeps its own. */
        f->store = store_close(f->store);
        ok(store_open_with_secret(f->path, STORE_WRITE, given, &f->store));
        assert_memory_equal(store_secret(f->store), first, DIGEST_SIZE);
}

static void second_writer__is_told_busy__until_the_first_is_gone(void **state) {
        Fixture *f = *state;
        same_open(f->path, STORE_WRITE, STORE_E_BUSY);
        same_open(f->path, STORE_READ_ONLY, 0);
        f->store = store_close(f->store);
        same_open(f->path, STORE_WRITE, 0);
}

static void reader__of_what_is_not_there__makes_nothing(void **state) {
        Fixture *f = *state;
        char path[128];
        (void) snprintf(path, sizeof(path), "%s/none.db", f->directory);
        same_open(path, STORE_READ_ONLY, -ENOENT);
        assert_int_equal(access(path, F_OK), -1);
        (void) snprintf(path, sizeof(path), "%s/none/none.db", f->directory);
        same_open(path, STORE_WRITE, -ENOENT);
}

static void reader__may_not_write__and_does_not_checkpoint(void **state) {
        Fixture *f = *state;
        Store *reader;
        (void) commit_step(f, STEP(.said = { .email = "a@example.com" }));
        ok(store_open(f->path, STORE_READ_ONLY, &reader));
        assert_true(store_may_checkpoint(f->store));
        assert_false(store_may_checkpoint(reader));
        ok(store_begin(reader));
        LedgerEntry entry;
        SpoolIdentity identity = { .source = "s", .name = "n" };
        same(store_ledger_open(reader, &identity, NOON, &entry), -EINVAL);
        same(store_rules_activate(reader, f->rules, NOON), -EINVAL);
        same(store_outbox_done(reader, 1, NOON), -EINVAL);
        same(store_apply(reader, &(StoreEntry){ 0 }), -EINVAL);
        Desk desk;
        same(store_load_desk(reader, NULL, 0, NULL, NOON, f->arena, &desk), -EOPNOTSUPP);
        ok(store_commit(reader));
        ok(store_checkpoint(reader, true));
        StoreCounts counts;
        ok(store_counts(reader, &counts));
        assert_true(counts.wal_size > 0);
        /* The log stays although it was the last to close. */
        int64_t wal_size = (int64_t) counts.wal_size;
        sqlite3_db_config(f->store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        f->store = store_close(f->store);
        store_close(reader);
        char wal[128];
        struct stat st;
        (void) snprintf(wal, sizeof(wal), "%s-wal", f->path);
        assert_int_equal(stat(wal, &st), 0);
        same(st.st_size, wal_size);
        fixture_reopen(f);
        same(fixture_number(f->store, "SELECT count(*) FROM lead"), 1);
}

static void writer__checkpoints_when_the_log_is_large_or_idle__and_only_between_transactions(void **state) {
        Fixture *f = *state;
        ok(store_checkpoint(f->store, true));
        same(f->store->n_wal_pages, 0);
        (void) commit_step(f, STEP(.said = { .email = "a@example.com" }));
        int n_pages = f->store->n_wal_pages;
        assert_true(n_pages > 0);
        ok(store_checkpoint(f->store, false));
        same(f->store->n_wal_pages, n_pages); /* small: not now */
        ok(store_begin(f->store));
        ok(store_checkpoint(f->store, true));
        same(f->store->n_wal_pages, n_pages);
        ok(store_rollback(f->store));
        f->store->n_wal_pages = STORE_CHECKPOINT_PAGES;
        ok(store_checkpoint(f->store, false));
        same(f->store->n_wal_pages, 0);
        int n_log = -1, n_done = -1;
        assert_int_equal(sqlite3_wal_checkpoint_v2(f->store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &n_log, &n_done), SQLITE_OK);
        same(n_done, n_log);
}

static void file_of_another_program_or_version__is_refused_and_left_alone(void **state) {
        Fixture *f = *state;
        char path[128], sql[128];
        static const struct {
                const char *name, *sql;
                int r;
        } cases[] = {
                { "foreign", "CREATE TABLE t(x); INSERT INTO t VALUES(1)", STORE_E_CORRUPT },
                { "marked by another", "PRAGMA application_id = 7", STORE_E_CORRUPT },
                { "of another's version", "PRAGMA user_version = 2", STORE_E_CORRUPT },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                (void) snprintf(path, sizeof(path), "%s/%zu.db", f->directory, i);
                foreign(path, cases[i].sql);
                for (int mode = 0; mode < 2; mode++) {
                        Store *store = NULL;
                        int r = store_open(path, (StoreMode) mode, &store);
                        if (r != cases[i].r)
                                print_error("%s: mode %d\n", cases[i].name, mode);
                        same(r, cases[i].r);
                }
        }
        f->store = store_close(f->store);
        (void) snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", STORE_SCHEMA_VERSION + 1);
        foreign(f->path, sql);
        same_open(f->path, STORE_WRITE, STORE_E_NEWER);
        same_open(f->path, STORE_READ_ONLY, STORE_E_NEWER);
        /* A reader does not bring it up to date. */
        foreign(f->path, "PRAGMA user_version = 1; DELETE FROM meta WHERE key = 'secret'");
        same_open(f->path, STORE_READ_ONLY, STORE_E_OLDER);
        (void) snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", STORE_SCHEMA_VERSION);
        foreign(f->path, sql);
        same_open(f->path, STORE_READ_ONLY, STORE_E_CORRUPT);
}

/* ---- an older book ---- */

/* L-1 was handed back for "later" and came again, L-2 and L-5 for "never" (L-5 last of all); L-3 and L-4 never were. */
static void book_of_version_2__knows_what_its_leads_were_handed_back_for(void **state) {
        Fixture *f = *state;
        static char text[65536];
        static const struct {
                uint64_t lead, event;
                const char *reason;
                int64_t at_us;
        } want[] = {
                { 1, 6, "later", INT64_C(1772701200000000) },
                { 2, 7, "never", INT64_C(1772701200000000) },
                { 5, 16, "never", INT64_C(1772704800000000) },
        };
        char *error = NULL;
        sqlite3 *db = NULL;
        FILE *file = fopen("tests/data/store/version-2.sql", "re");
        if (!file)
                fail_msg("cannot read tests/data/store/version-2.sql from here");
        size_t size = fread(text, 1, sizeof(text) - 1, file);
        assert_true(feof(file));
        fclose(file);
        text[size] = '\0';
        f->store = store_close(f->store);
        assert_int_equal(unlink(f->path), 0);
        assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
        if (sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK)
                fail_msg("%s", error);
        sqlite3_close(db);
        for (int again = 0; again < 2; again++) {
                size_t n = 0;
                ok(store_open(f->path, STORE_WRITE, &f->store));
                for (uint64_t lead = 1; lead <= 5; lead++) {
                        LeadState got;
                        arena_reset(f->arena);
                        ok(store_load_lead(f->store, lead, f->arena, &got, NULL, NULL, NULL));
                        if (n == ARRAY_SIZE(want) || want[n].lead != lead) {
                                same(got.n_uses, 0);
                                continue;
                        }
                        same(got.n_uses, 1);
                        same_text(got.uses[0].reason, want[n].reason);
                        same(got.uses[0].event, want[n].event);
                        same(got.uses[0].at_us, want[n].at_us);
                        same(got.uses[0].woken, false);
                        n++;
                }
                same(n, ARRAY_SIZE(want));
                same_and_sound(f->store);
                same(fixture_number(f->store, "SELECT count(*) FROM meta WHERE key = 'backfill'"), 0);
                f->store = store_close(f->store);
        }
        ok(store_open(f->path, STORE_WRITE, &f->store));
}

/* Does opening, checking or reading it tell that something is wrong? */
static bool examine(Fixture *f, const char *path) {
        Store *store = NULL;
        int r = store_open(path, STORE_WRITE, &store);
        if (r != 0) {
                same(r, STORE_E_CORRUPT);
                return true;
        }
        Text problems = { 0 };
        uint64_t n = 0;
        ok(store_check(store, &problems, &n));
        text_free(&problems);
        for (uint64_t lead = 1; lead < 4; lead++) {
                LeadState state;
                Facts profile;
                Activity *history;
                size_t n_history;
                arena_reset(f->arena);
                r = store_load_lead(store, lead, f->arena, &state, &profile, &history, &n_history);
                assert_true(r == 0 || r == STORE_E_NONE || r == -EBADMSG);
        }
        store_close(store);
        return n > 0;
}

static void damaged_file__is_refused_or_reported__never_a_crash(void **state) {
        Fixture *f = *state;
        for (int i = 0; i < 40; i++)
                (void) commit_step(f, STEP(.said = { .type = i % 3 ? "activity.x" : "lead.submitted",
                                                   .email = i % 2 ? "a@example.com" : "b@example.com",
                                                   .domain = "firm.example" },
                                              .status = i % 5 ? "mql" : "sal", .owner = "anna", .sla = "ACCEPT", .used = "no_budget",
                                              .expired = "dana", .wake_us = NOON + i));
        /* Empty pages at the end would lose nothing when it is cut. */
        Effect effects[] = { { .kind = EFFECT_MOVED, .channel = "crm", .via = VIA_DROP, .body = "{}" },
                { .kind = EFFECT_REMINDED, .channel = "mail", .via = VIA_SMTP, .recipient = "anna", .body = "s\n\nb" },
                { .kind = EFFECT_REMINDED, .channel = "mail", .via = VIA_SMTP, .recipient = "ben", .body = "s\n\nb" },
                { .kind = EFFECT_MOVED, .channel = "crm", .via = VIA_DROP, .body = "{}" } };
        (void) commit_step(f, STEP(.said = { .email = "a@example.com" }, .effects = effects, .n_effects = ARRAY_SIZE(effects)));
        ok(store_begin(f->store));
        ok(store_outbox_bury(f->store, 1, "refused"));
        ok(store_outbox_gather(f->store, 2, NOON, 1));
        ok(store_note_look(f->store, "anna", 1, "A1", NOON));
        ok(store_commit(f->store));
        fixture_sql(f->store, "INSERT INTO digest VALUES(1, 1, 1)");
        fixture_sql(f->store, "INSERT INTO pass VALUES(1, 1, 1, 1, 0, 0, 0, 0, 0, 0); INSERT INTO refusal VALUES(1, 1, 10, 1);"
                              "INSERT INTO refusal_ever VALUES(1, 10, 1, 1); INSERT INTO response VALUES(1, 1, 1, 1);"
                              "INSERT INTO track VALUES(1, 1, 1, 1, 1, NULL, 0); INSERT INTO written VALUES(1, 1, 1, 1, 1);"
                              "UPDATE lead SET flags = flags | 5632 | 16384 WHERE id = 1;"
                              "INSERT INTO opportunity VALUES(1, 1, 1, 'O-1', 1, 1, 1, 1, '2026-04-01', 1, 1, 1, 1, NULL);"
                              "INSERT INTO opportunity_stage VALUES(1, 1, 1, 1, 1, 1);");
        (void) commit_step(f, STEP(.said = { .email = "c@example.com" }));
        fixture_sql(f->store,
                "UPDATE lead SET flags = flags | 65536 WHERE id = 3; DELETE FROM tally WHERE owner = 0;"
                "INSERT INTO merged VALUES(3, 1, 1, 0, 0); INSERT INTO named VALUES(2, 3);"
                "INSERT INTO duplicate VALUES(2, 1, 8, 1); INSERT INTO erasure VALUES(1, x'65');"
                "INSERT INTO handoff VALUES(16, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, NULL, 0); INSERT INTO work VALUES(1, 1, 1, 1);"
                "INSERT INTO returned VALUES(1, 1, 1, 1, 1, 0, 1);");
        f->store = store_close(f->store);
        FILE *file = fopen(f->path, "rb");
        static char data[1 << 20];
        size_t size = fread(data, 1, sizeof(data), file);
        fclose(file);
        assert_true(size > 4096 && size < sizeof(data));

        char path[128];
        (void) snprintf(path, sizeof(path), "%s/damaged.db", f->directory);
        write_file(
                path, "this is no database, it is a text that is longer than a header of SQLite, is it not? yes it is, it really is.", 110);
        same_open(path, STORE_WRITE, STORE_E_CORRUPT);
        same_open(path, STORE_READ_ONLY, STORE_E_CORRUPT);

        /* A page of garbage, a few damaged bytes in every place, cut off anywhere: whatever it answers, it answers. */
        enum { PAGE, BYTES, CUT, N_WAYS };
#ifdef __SANITIZE_ADDRESS__
        static const size_t strides[N_WAYS] = { 4096, 1009, 2539 };
#else
        static const size_t strides[N_WAYS] = { 4096, 397, 1021 };
#endif
        for (int way = 0; way < N_WAYS; way++) {
                unsigned n_tried = 0, n_seen = 0;
                for (size_t at = way == PAGE ? 4096 : 100; at < size; at += strides[way], n_tried++) {
                        static char copy[1 << 20];
                        memcpy(copy, data, size);
                        for (size_t i = at, end = at + (way == PAGE ? 4096 : way == BYTES ? 60 : 0); i < end && i < size; i++)
                                copy[i] ^= (char) 0xff;
                        write_file(path, copy, way == CUT ? at : size);
                        n_seen += examine(f, path);
                }
                /* SQLite keeps no checksums: damaged bytes inside a value are its new value. */
                if (way != BYTES)
                        same(n_seen, n_tried);
        }
        ok(store_open(f->path, STORE_WRITE, &f->store)); /* the original is untouched */
        same_and_sound(f->store);
}

/* ---- readers beside the writer ---- */

typedef struct Looking {
        const char *path;
        bool stop;
        uint64_t n_looks;
        int r;
} Looking;

/* Each event is one lead's, so a reader that sees half a transaction sees numbers that differ. */
static void *look(void *userdata) {
        Looking *looking = userdata;
        Store *reader;
        Arena *arena = arena_new(0);
        looking->r = store_open(looking->path, STORE_READ_ONLY, &reader);
        while (looking->r == 0 && !__atomic_load_n(&looking->stop, __ATOMIC_ACQUIRE)) {
                StoreCounts counts;
                LeadState lead;
                looking->r = store_begin(reader);
                if (looking->r == 0)
                        looking->r = store_counts(reader, &counts);
                arena_reset(arena);
                if (looking->r == 0 && counts.n_leads > 0)
                        looking->r = store_load_lead(reader, counts.n_leads, arena, &lead, NULL, NULL, NULL);
                if (looking->r == 0 && (counts.n_leads != counts.n_events || counts.n_leads % 5 != 0))
                        looking->r = -1000;
                if (looking->r == 0)
                        looking->r = store_commit(reader);
                looking->n_looks++;
        }
        store_close(reader);
        arena_free(arena);
        return NULL;
}

static void reader__while_the_writer_commits__sees_whole_transactions(void **state) {
        Fixture *f = *state;
        Looking looking = { .path = f->path };
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, look, &looking), 0);
        for (int i = 0; i < 200 || __atomic_load_n(&looking.n_looks, __ATOMIC_RELAXED) < 20; i++) {
                ok(store_begin(f->store));
                for (int j = 0; j < 5; j++) {
                        char email[32];
                        (void) snprintf(email, sizeof(email), "p%d.%d@example.com", i, j);
                        (void) step(f, STEP(.said = { .email = email }, .grade = i % 2 ? "A1" : NULL, .status = "mql"));
                }
                if (i % 7 == 3)
                        ok(store_rollback(f->store));
                else
                        ok(store_commit(f->store));
                ok(store_checkpoint(f->store, i % 3 == 0));
                if (i > 5000)
                        break;
        }
        __atomic_store_n(&looking.stop, true, __ATOMIC_RELEASE);
        pthread_join(thread, NULL);
        same(looking.r, 0);
        assert_true(looking.n_looks >= 20);
        same_and_sound(f->store);
}

static void reader__meets_names_made_after_it_was_opened(void **state) {
        Fixture *f = *state;
        Store *reader;
        ok(store_open(f->path, STORE_READ_ONLY, &reader));
        Done done = commit_step(f, STEP(.said = { .email = "a@example.com" }, .status = "sal", .owner = "dana", .grade = "B2"));
        LeadState got;
        ok(store_load_lead(reader, 1, f->arena, &got, NULL, NULL, NULL));
        same_state(&got, &done.after);
        store_close(reader);
}

/* ---- rule sets ---- */

static void rule_sets__each_one_that_was_ever_active__is_kept_whole(void **state) {
        Fixture *f = *state;
        RuleSet *two = RULES(.tag = "two");
        const void *data_one, *data_two;
        size_t size_one, size_two;
        ok(policy_archive(f->rules, &data_one, &size_one));
        ok(policy_archive(two, &data_two, &size_two));
        const void *data;
        size_t size;
        fixture_activate(f, two);
        ok(store_rules_last(f->store, &data, &size));
        same(size, size_two);
        assert_memory_equal(data, data_two, size);
        fixture_activate(f, f->rules);
        fixture_reopen(f);
        ok(store_rules_last(f->store, &data, &size));
        same(size, size_one);
        assert_memory_equal(data, data_one, size);
        char prefix[9];
        (void) snprintf(prefix, sizeof(prefix), "%.8s", two->hash_text);
        ok(store_rules_find(f->store, prefix, &data, &size));
        assert_memory_equal(data, data_two, size);
        same(store_rules_find(f->store, "zz", &data, &size), STORE_E_NONE);
        same(fixture_number(f->store, "SELECT count(*) FROM ruleset"), 2);
        Store *empty;
        ok(store_open(NULL, STORE_MEMORY, &empty));
        same(store_rules_last(empty, &data, &size), STORE_E_NONE);
        store_close(empty);
        policy_free(two);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
        const struct CMUnitTest tests[] = {
                TEST(new_file__is_ours_private_and_durable),
                TEST(secret__is_random_kept_and_may_be_given),
                TEST(second_writer__is_told_busy__until_the_first_is_gone),
                TEST(reader__of_what_is_not_there__makes_nothing),
                TEST(reader__may_not_write__and_does_not_checkpoint),
                TEST(writer__checkpoints_when_the_log_is_large_or_idle__and_only_between_transactions),
                TEST(file_of_another_program_or_version__is_refused_and_left_alone),
                TEST(book_of_version_2__knows_what_its_leads_were_handed_back_for),
                TEST(damaged_file__is_refused_or_reported__never_a_crash),
                TEST(reader__while_the_writer_commits__sees_whole_transactions),
                TEST(reader__meets_names_made_after_it_was_opened),
                TEST(rule_sets__each_one_that_was_ever_active__is_kept_whole),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
