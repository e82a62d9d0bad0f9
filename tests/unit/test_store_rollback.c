/* SPDX-License-Identifier: MIT */
/*
 * A rolled back transaction never was: random operations beside a model small enough to be plainly right, with
 * rollbacks, restarts and a full disk at random. And a disk that fails under a transaction, call by call.
 */
#include "test_store_fixture.h"
#include <time.h>
#include <unistd.h>

/* ---- a disk that fails ---- */

/* A VFS around SQLite's own: the n-th write or sync from now fails. */
static int fail_write_in, fail_sync_in, n_writes;
/* The file and its log have methods of their own; the first field of what SQLite opened says whose they are. */
static sqlite3_io_methods failing_methods[2];
static const sqlite3_io_methods *real_methods[2];
static sqlite3_vfs failing_vfs, *real_vfs;

static const sqlite3_io_methods *real_of(const sqlite3_file *file) { return real_methods[file->pMethods == &failing_methods[1]]; }
static int failing_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 at) {
        n_writes++;
        if (fail_write_in > 0 && --fail_write_in == 0)
                return SQLITE_FULL;
        return real_of(file)->xWrite(file, data, size, at);
}
static int failing_sync(sqlite3_file *file, int flags) {
        if (fail_sync_in > 0 && --fail_sync_in == 0)
                return SQLITE_IOERR_FSYNC;
        return real_of(file)->xSync(file, flags);
}
static int failing_open(sqlite3_vfs *vfs _unused_, const char *name, sqlite3_file *file, int flags, int *ret_flags) {
        int rc = real_vfs->xOpen(real_vfs, name, file, flags, ret_flags);
        bool is_log = flags & SQLITE_OPEN_WAL;
        if (rc == SQLITE_OK && file->pMethods && flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) {
                real_methods[is_log] = file->pMethods;
                failing_methods[is_log] = *file->pMethods;
                failing_methods[is_log].xWrite = failing_write;
                failing_methods[is_log].xSync = failing_sync;
                file->pMethods = &failing_methods[is_log];
        }
        return rc;
}
static int install_vfs(void **state _unused_) {
        real_vfs = sqlite3_vfs_find(NULL);
        failing_vfs = *real_vfs;
        failing_vfs.zName = "failing";
        failing_vfs.xOpen = failing_open;
        return sqlite3_vfs_register(&failing_vfs, 1);
}

/* ---- randomness ---- */

static uint64_t seed;
static uint32_t rnd(uint32_t n) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (uint32_t) (seed >> 33) % n;
}

/* ---- the model ---- */

enum { LEADS_MAX = 60, EMAILS = 40, CRMS = 12, DOMAINS = 5, FILES = 6, ROUTED_MAX = 4096, EVENTS_MAX = 4096 };
static const char *const owners[] = { NULL, "anna", "ben", "dana" };

typedef struct ModelLead {
        int status, owner, domain; /* domain -1: none */
        int grade;                 /* 0: none, else G and one less */
        bool unaccepted, has_email, held, sla, test;
        int64_t wake_us;
        uint64_t version, last_event;
} ModelLead;
typedef struct Model {
        uint64_t n_leads, n_events, n_companies_seen, n_outbox;
        ModelLead leads[LEADS_MAX + 1];
        uint64_t emails[EMAILS], crms[CRMS]; /* -> lead */
        char events[EVENTS_MAX];             /* record id used */
        int64_t turns[4];
        struct {
                int owner;
                int64_t now_us;
        } routed[ROUTED_MAX];
        size_t n_routed;
        uint64_t files[FILES], offsets[FILES], n_ledger;
        bool lost_is_open; /* under rule set two */
        int64_t now_us;
} Model;

static bool is_open(const Model *m, int status) { return status < STATUS_CUSTOMER || (m->lost_is_open && status == STATUS_LOST); }

static const char *email_of(uint32_t i) {
        static char text[32];
        (void) snprintf(text, sizeof(text), "p%u@example.com", i);
        return text;
}

/* One random event; the store must do what the model does. */
static int random_event(Fixture *f, Model *m) {
        static const char *const crms[] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11" };
        static const char *const domains[] = { "a.example", "b.example", "c.example", "d.example", "e.example" };
        uint32_t email = rnd(EMAILS), crm = rnd(4) == 0 ? rnd(CRMS) : CRMS;
        bool with_email = crm == CRMS || rnd(3) == 0;
        char id[16], email_text[32];
        uint32_t id_number = rnd(EVENTS_MAX);
        (void) snprintf(id, sizeof(id), "e%u", id_number);
        (void) snprintf(email_text, sizeof(email_text), "%s", email_of(email));

        /* record.md section 3, by hand */
        uint64_t lead = with_email ? m->emails[email] : 0;
        if (lead == 0 && crm < CRMS && m->crms[crm] > 0 && !(with_email && m->leads[m->crms[crm]].has_email))
                lead = m->crms[crm];
        if (lead == 0 && m->n_leads == LEADS_MAX)
                return 0;
        bool is_new = lead == 0;
        m->now_us += rnd(3 * 60 * 60) * US_PER_SECOND;
        ModelLead after = is_new ? (ModelLead){ .domain = -1, .wake_us = TIME_NONE } : m->leads[lead];
        Step what = {
                .said = { .type = rnd(2) ? "activity.x" : "lead.submitted",
                        .id = id,
                        .email = with_email ? email_text : NULL,
                        .crm = crm < CRMS ? crms[crm] : NULL,
                        .time_us = m->now_us },
                .now_us = m->now_us,
        };
        if (rnd(3) == 0) {
                after.domain = (int) rnd(DOMAINS);
                what.said.domain = domains[after.domain];
        }
        if (rnd(2)) {
                after.status = (int) rnd(N_STATUSES);
                what.status = status_names[after.status];
        }
        if (is_new)
                after.test = what.test = rnd(10) == 0;
        int routed = 0;
        if (rnd(3) == 0) {
                after.owner = (int) rnd(4);
                what.owner = owners[after.owner];
                what.disown = after.owner == 0;
                what.route = rnd(4) ? "DACH" : "assign";
                routed = base_streq(what.route, "DACH") ? after.owner : 0;
        }
        after.unaccepted = what.unaccepted = after.owner > 0 && rnd(2);
        if (rnd(4) == 0) {
                after.wake_us = rnd(3) ? m->now_us + rnd(1000) : TIME_NONE;
                what.wake_us = after.wake_us;
        }
        if (rnd(5) == 0) {
                after.held = !after.held;
                what.held = after.held ? "DACH" : NULL;
                what.no_held = !after.held;
        }
        if (rnd(5) == 0) {
                after.sla = !after.sla;
                what.sla = after.sla ? "ACCEPT" : NULL;
                what.no_sla = !after.sla;
        }
        TurnChange turns[] = { { .member = "anna", .turn = rnd(100) }, { .member = "dana", .turn = rnd(100) } };
        if (rnd(3) == 0) {
                what.turns = turns;
                what.n_turns = 1 + rnd(2);
        }
        char grade[16];
        if (rnd(4) == 0) { /* new names all the time */
                (void) snprintf(grade, sizeof(grade), "G%u", rnd(1000));
                what.grade = grade;
                after.grade = atoi(grade + 1) + 1;
        }
        Effect effect = { .kind = EFFECT_MOVED, .channel = "journal" };
        if (rnd(4) == 0) {
                what.effects = &effect;
                what.n_effects = 1;
        }

        what.expect = 0;
        Done done = step(f, &what);
        if (!f->store->is_in_transaction)
                return STORE_E_FULL;
        same(done.duplicate, m->events[id_number] != 0);
        if (done.duplicate)
                return 0;
        same(done.lead, is_new ? m->n_leads + 1 : lead);
        same(done.event, m->n_events + 1);
        if (is_new)
                lead = ++m->n_leads;
        m->events[id_number] = 1;
        after.version++;
        after.last_event = ++m->n_events;
        if (with_email && m->emails[email] == 0) {
                m->emails[email] = lead;
                after.has_email = true;
        }
        if (crm < CRMS && m->crms[crm] == 0)
                m->crms[crm] = lead;
        m->leads[lead] = after;
        for (size_t i = 0; i < what.n_turns; i++)
                m->turns[i == 0 ? 1 : 3] = turns[i].turn;
        if (routed > 0) {
                assert_true(m->n_routed < ROUTED_MAX);
                m->routed[m->n_routed].owner = routed;
                m->routed[m->n_routed++].now_us = m->now_us;
        }
        m->n_outbox += what.n_effects;
        return 0;
}

static void random_file(Fixture *f, Model *m) {
        static const char *const names[] = { "a", "b", "c", "d", "e", "f" };
        uint32_t i = rnd(FILES);
        SpoolIdentity identity = { .source = "s", .name = names[i] };
        LedgerEntry entry;
        int r = store_ledger_open(f->store, &identity, NOON, &entry);
        ok(r);
        if (m->files[i] == 0) {
                m->files[i] = ++m->n_ledger;
                m->offsets[i] = 0;
        }
        same(entry.id, m->files[i]);
        same(entry.next_offset, m->offsets[i]);
        entry.next_offset = m->offsets[i] = rnd(10000);
        ok(store_ledger_save(f->store, &entry, NOON));
        if (rnd(3) == 0) {
                ok(store_ledger_settle(f->store, entry.id, false, NOON));
                m->files[i] = 0;
        }
}

/* ---- do both say the same? ---- */

static void compare_seats(Fixture *f, const Model *m) {
        static const char *const domains[] = { "a.example", "b.example", "c.example", "d.example", "e.example" };
        Desk desk;
        for (int d = -1; d < DOMAINS; d++) {
                uint64_t except = rnd((uint32_t) m->n_leads + 1), newest = 0;
                for (uint64_t i = 1; d >= 0 && i <= m->n_leads; i++)
                        if (i != except && m->leads[i].domain == d && m->leads[i].owner > 0 && is_open(m, m->leads[i].status))
                                newest = i;
                ok(store_load_desk(f->store, d >= 0 ? domains[d] : NULL, except, f->rules, m->now_us, f->arena, &desk));
                same_text(desk.account_owner, newest > 0 ? owners[m->leads[newest].owner] : NULL);
        }
        int64_t midnight = m->now_us - m->now_us % US_PER_DAY;
        for (int o = 1; o < 4; o++) {
                uint32_t n_open = 0, n_unaccepted = 0, n_today = 0;
                const Seat *seat = NULL;
                for (uint64_t i = 1; i <= m->n_leads; i++)
                        if (m->leads[i].owner == o && !m->leads[i].test) {
                                n_open += is_open(m, m->leads[i].status);
                                n_unaccepted += m->leads[i].unaccepted;
                        }
                for (size_t i = 0; i < m->n_routed; i++)
                        n_today += m->routed[i].owner == o && m->routed[i].now_us >= midnight;
                for (size_t i = 0; i < desk.n_seats; i++)
                        if (base_streq(desk.seats[i].member, owners[o]))
                                seat = &desk.seats[i];
                if (!seat) { /* then as all zero */
                        same(n_open + n_unaccepted + n_today + (uint64_t) m->turns[o], 0);
                        continue;
                }
                same(seat->n_open, n_open);
                same(seat->n_unaccepted, n_unaccepted);
                same(seat->n_today, n_today);
                same(seat->turn, m->turns[o]);
        }
}

static void compare(Fixture *f, const Model *m) {
        arena_reset(f->arena);
        same(store_next_lead(f->store), m->n_leads + 1);
        same(store_next_event(f->store), m->n_events + 1);
        for (uint32_t i = 0; i < EMAILS; i++) {
                _cleanup_(record_freep) Record *record = record_make(f, &(Said){ .email = email_of(i) });
                uint64_t lead, similar;
                ok(store_find_lead(f->store, record, &lead, &similar));
                same(lead, m->emails[i]);
        }
        int64_t next_us = TIME_NONE;
        for (uint64_t i = 1; i <= m->n_leads; i++) {
                const ModelLead *want = &m->leads[i];
                LeadState got;
                ok(store_load_lead(f->store, i, f->arena, &got, NULL, NULL, NULL));
                same_text(got.status, status_names[want->status]);
                same_text(got.owner, owners[want->owner]);
                same(got.unaccepted, want->unaccepted);
                same(got.test, want->test);
                same(got.grade[0] == 'G' ? atoi(got.grade + 1) + 1 : 0, want->grade);
                same(got.version, want->version);
                same(got.wake_us, want->wake_us);
                same(got.held.by != NULL, want->held);
                same(got.sla.rule != NULL, want->sla);
                if (want->wake_us != TIME_NONE && (next_us == TIME_NONE || want->wake_us < next_us))
                        next_us = want->wake_us;
        }
        same(store_load_lead(f->store, m->n_leads + 1, f->arena, NULL, NULL, NULL, NULL), STORE_E_NONE);
        same(store_wake_next(f->store), next_us);
        StoreCounts counts;
        ok(store_counts(f->store, &counts));
        same(counts.n_outbox, m->n_outbox);
        compare_seats(f, m);
}

static void random_operations__with_rollbacks_and_restarts__leave_what_the_model_has(void **state) {
        Fixture *f = *state;
        static Model model, before;
        const char *given = getenv("LEADD_TEST_SEED");
        seed = given ? strtoull(given, NULL, 10) : (uint64_t) time(NULL) * 1000003 + (uint64_t) getpid();
        print_message("LEADD_TEST_SEED=%" PRIu64 "\n", seed);
        RuleSet *two = RULES(.tag = "two", .kinds = { [STATUS_LOST] = "open" });
        model = (Model){ .now_us = NOON };
        for (int round = 0; round < 120; round++) {
                before = model;
                size_t n_keys = f->store->keys.n, n_names = f->store->names.n, n_ledgers = f->store->ledgers.n,
                       n_companies = f->store->companies.n;
                ok(store_begin(f->store));
                for (uint32_t i = 0, n = 1 + rnd(12); i < n; i++) {
                        if (rnd(5) == 0)
                                random_file(f, &model);
                        else
                                ok(random_event(f, &model));
                        if (rnd(40) == 0) {
                                model.lost_is_open = rnd(2);
                                ok(store_rules_activate(f->store, model.lost_is_open ? two : f->rules, NOON));
                        }
                        if (rnd(6) == 0)
                                compare(f, &model);
                }
                if (rnd(3) == 0) {
                        ok(store_rollback(f->store));
                        model = before;
                        same(f->store->keys.n, n_keys); /* nothing stays behind in memory either */
                        same(f->store->names.n, n_names);
                        same(f->store->ledgers.n, n_ledgers);
                        same(f->store->companies.n, n_companies);
                } else
                        ok(store_commit(f->store));
                compare(f, &model);
                if (rnd(6) == 0) {
                        fixture_reopen(f);
                        compare(f, &model);
                }
                if (rnd(10) == 0)
                        same_and_sound(f->store);
        }
        same_and_sound(f->store);
        policy_free(two);
}

/* ---- a disk that is full, and one that lies ---- */

static void fill_some(Fixture *f, const char *suffix) {
        for (int i = 0; i < 3; i++) {
                char email[32];
                (void) snprintf(email, sizeof(email), "p%d%s@example.com", i, suffix);
                (void) step(f, STEP(.said = { .email = email, .domain = "firm.example" }, .status = "mql", .owner = "anna",
                                       .unaccepted = true, .wake_us = NOON + i));
        }
}

static void full_disk__at_any_write__rolls_back_and_goes_on_when_there_is_room(void **state) {
        Fixture *f = *state;
        ok(store_begin(f->store));
        fill_some(f, "a");
        ok(store_commit(f->store));
        n_writes = 0;
        ok(store_begin(f->store));
        fill_some(f, "b");
        ok(store_commit(f->store));
        int n = n_writes;
        assert_true(n > 4);
        for (int i = 1; i <= n; i++) {
                char suffix[16];
                uint64_t lead = store_next_lead(f->store), event = store_next_event(f->store);
                Desk desk;
                (void) snprintf(suffix, sizeof(suffix), "x%d", i);
                fail_write_in = 0;
                ok(store_begin(f->store));
                fill_some(f, suffix);
                fail_write_in = i;
                int r = store_commit(f->store);
                fail_write_in = 0;
                if (r == 0) /* fewer writes than the first time */
                        continue;
                same(r, STORE_E_FULL);
                same(store_next_lead(f->store), lead);
                same(store_next_event(f->store), event);
                ok(store_load_desk(f->store, NULL, 0, f->rules, NOON, f->arena, &desk));
                same(desk.seats[0].n_open, lead - 1);
                same(desk.seats[0].n_today, lead - 1);
                same_and_sound(f->store);
                ok(store_begin(f->store));
                fill_some(f, suffix);
                ok(store_commit(f->store));
                same(store_next_lead(f->store), lead + 3);
        }
        fixture_reopen(f);
        same_and_sound(f->store);
}

static void full_file__while_events_are_applied__rolls_back_the_whole_transaction(void **state) {
        Fixture *f = *state;
        char limit[64];
        (void) commit_step(f, STEP(.said = { .email = "first@example.com" }));
        (void) snprintf(limit, sizeof(limit), "PRAGMA max_page_count = %" PRId64, fixture_number(f->store, "PRAGMA page_count") + 3);
        fixture_sql(f->store, limit);
        _cleanup_(record_freep) Record *record = NULL;
        ok(store_begin(f->store));
        int r = 0;
        for (int i = 0; r == 0 && i < 10000; i++) {
                record_free(record);
                arena_reset(f->arena);
                record = record_make(
                        f, &(Said){ .type = "activity.x", .url = "https://example.com/a/long/path/that/fills/the/pages/of/the/file" });
                LeadState after;
                ok(store_load_lead(f->store, 1, f->arena, &after, NULL, NULL, NULL));
                after.version++;
                Decision decision = { .after = after };
                r = store_apply(f->store, &(StoreEntry){ .record = record,
                                                  .decision = &decision,
                                                  .event_id = store_next_event(f->store),
                                                  .lead_id = 1,
                                                  .now_us = NOON });
        }
        same(r, STORE_E_FULL);
        same(store_commit(f->store), -EINVAL); /* nothing is open any more */
        ok(store_rollback(f->store));
        same(store_next_event(f->store), 2);
        fixture_sql(f->store, "PRAGMA max_page_count = 100000");
        (void) commit_step(f, STEP(.said = { .type = "activity.x", .email = "first@example.com" }));
        same_and_sound(f->store);
}

static void failed_sync__ends_the_store__and_the_file_is_whole(void **state) {
        Fixture *f = *state;
        ok(store_begin(f->store));
        fill_some(f, "a");
        ok(store_commit(f->store));
        ok(store_begin(f->store));
        fill_some(f, "b");
        fail_sync_in = 1;
        same(store_commit(f->store), -EIO);
        fail_sync_in = 0;
        /* The second fsync would say 0 and mean nothing: so there is no second one. */
        same(store_begin(f->store), -EIO);
        fixture_reopen(f);
        uint64_t n = store_next_lead(f->store) - 1;
        assert_true(n == 3 || n == 6);
        same_and_sound(f->store);
}

static void failed_write_half_way__can_only_be_rolled_back(void **state) {
        Fixture *f = *state;
        (void) commit_step(f, STEP(.said = { .email = "a@example.com" }));
        /* As a bug or a damaged row would: the event's payload is already there. */
        fixture_sql(f->store, "INSERT INTO payload VALUES(2, NULL, 'x', NULL)");
        ok(store_begin(f->store));
        (void) step(f, STEP(.said = { .type = "activity.x", .url = "/", .email = "a@example.com" }, .expect = -EEXIST));
        (void) step(f, STEP(.said = { .type = "rules.x" }, .expect = -ECANCELED));
        same(store_commit(f->store), -ECANCELED);
        same(store_begin(f->store), -ECANCELED);
        fixture_reopen(f);
        same(store_next_event(f->store), 2);
}

static void transaction_that_sqlite_rolled_back_itself__takes_no_more_writes(void **state) {
        Fixture *f = *state;
        (void) commit_step(f, STEP(.said = { .email = "a@example.com" }));
        ok(store_begin(f->store));
        (void) step(f, STEP(.said = { .email = "b@example.com" }));
        fixture_sql(f->store, "ROLLBACK"); /* as an I/O error while reading would */
        (void) step(f, STEP(.said = { .type = "rules.x" }, .expect = -ECANCELED));
        ok(store_rollback(f->store));
        same(store_next_lead(f->store), 2);
        same(commit_step(f, STEP(.said = { .email = "b@example.com" })).lead, 2);
        same_and_sound(f->store);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
        const struct CMUnitTest tests[] = {
                TEST(random_operations__with_rollbacks_and_restarts__leave_what_the_model_has),
                TEST(full_disk__at_any_write__rolls_back_and_goes_on_when_there_is_room),
                TEST(full_file__while_events_are_applied__rolls_back_the_whole_transaction),
                TEST(failed_sync__ends_the_store__and_the_file_is_whole),
                TEST(failed_write_half_way__can_only_be_rolled_back),
                TEST(transaction_that_sqlite_rolled_back_itself__takes_no_more_writes),
        };
        return cmocka_run_group_tests(tests, install_vfs, NULL);
}
