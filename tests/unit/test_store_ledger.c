/* SPDX-License-Identifier: MIT */
/* Spool files, refused records, what is to be delivered and when to wake. */
#include "test_store_fixture.h"
#include <jansson.h>

static const SpoolIdentity file_a = { .source = "forms", .name = "a.ndjson", .device = 1, .inode = 2, .size = 3, .mtime_us = NOON };

static LedgerEntry open_file(Fixture *f, const SpoolIdentity *identity) {
        LedgerEntry entry;
        ok(store_ledger_open(f->store, identity, NOON, &entry));
        return entry;
}

static void same_entry(const LedgerEntry *got, const LedgerEntry *want) {
        same(got->id, want->id);
        same(got->state, want->state);
        same(got->next_offset, want->next_offset);
        same(got->next_index, want->next_index);
        same(got->n_accepted, want->n_accepted);
        same(got->n_duplicates, want->n_duplicates);
        same(got->n_refused, want->n_refused);
        same(got->n_dropped, want->n_dropped);
        same(got->attempts, want->attempts);
}

static void ledger__a_file__goes_on_where_it_was_committed_until_it_is_settled(void **state) {
        Fixture *f = *state;
        ok(store_begin(f->store));
        LedgerEntry entry = open_file(f, &file_a);
        same_entry(&entry, &(LedgerEntry){ .id = 1, .state = LEDGER_READING, .next_index = 1 });
        entry.next_offset = 4096;
        entry.next_index = 12;
        entry.n_accepted = 8;
        entry.n_duplicates = 2;
        entry.n_refused = 1;
        entry.attempts = 1;
        ok(store_ledger_save(f->store, &entry, NOON + 1));
        ok(store_commit(f->store));

        ok(store_begin(f->store));
        LedgerEntry later = entry;
        later.next_offset = 9999;
        later.n_accepted = 100;
        ok(store_ledger_save(f->store, &later, NOON + 2));
        ok(store_rollback(f->store));

        fixture_reopen(f);
        ok(store_begin(f->store));
        LedgerEntry again = open_file(f, &file_a);
        same_entry(&again, &entry);
        again.state = LEDGER_FINISHED;
        again.n_accepted = 9;
        again.n_dropped = 4;
        ok(store_ledger_save(f->store, &again, NOON + 3));
        LedgerEntry finished = open_file(f, &file_a);
        same_entry(&finished, &again);
        ok(store_ledger_settle(f->store, finished.id, false, NOON + 4));
        ok(store_ledger_settle(f->store, finished.id, true, NOON + 5)); /* it stays as it was settled first */
        same(store_ledger_settle(f->store, 99, false, NOON), STORE_E_NONE);
        LedgerEntry next = open_file(f, &file_a); /* the same name and inode, used again */
        same(next.id, 2);
        same(next.next_offset, 0);
        ok(store_commit(f->store));
        same(fixture_number(f->store, "SELECT state FROM ledger WHERE id = 1"), LEDGER_SETTLED);

        StoreCounts counts;
        ok(store_counts(f->store, &counts));
        same(counts.n_files, 2);
        same(counts.n_accepted, 9);
        same(counts.n_duplicates, 2);
        same(counts.n_refused, 1);
        same(counts.n_dropped, 4);
}

static void ledger__another_file__is_another_entry(void **state) {
        Fixture *f = *state;
        SpoolIdentity others[] = { file_a, file_a, file_a, file_a, file_a, file_a, file_a };
        others[0].source = "mail";
        others[1].name = "b.ndjson";
        others[2].name = "a.ndjson\xff\xfe";
        others[3].device++;
        others[4].inode++;
        others[5].size++;
        others[6].mtime_us++;
        ok(store_begin(f->store));
        same(open_file(f, &file_a).id, 1);
        for (size_t i = 0; i < ARRAY_SIZE(others); i++)
                same(open_file(f, &others[i]).id, i + 2);
        for (size_t i = 0; i < ARRAY_SIZE(others); i++)
                same(open_file(f, &others[i]).id, i + 2);
        ok(store_commit(f->store));
}

typedef struct Unsettled {
        size_t n;
        uint64_t ids[8];
        char names[8][16];
} Unsettled;
static int on_entry(const SpoolIdentity *identity, const LedgerEntry *entry, void *userdata) {
        Unsettled *unsettled = userdata;
        (void) snprintf(unsettled->names[unsettled->n], 16, "%s/%s", identity->source, identity->name);
        same(identity->device, 1);
        same(identity->size, 3);
        same(identity->mtime_us, NOON);
        unsettled->ids[unsettled->n++] = entry->id;
        return 0;
}

static void ledger__unsettled_files__are_those_still_in_the_spool(void **state) {
        Fixture *f = *state;
        static const char *const names[] = { "1", "2", "3\xff", "4" };
        ok(store_begin(f->store));
        for (size_t i = 0; i < 4; i++) {
                SpoolIdentity identity = file_a;
                identity.name = names[i];
                LedgerEntry entry = open_file(f, &identity);
                entry.state = i == 2 ? LEDGER_FINISHED : LEDGER_READING;
                ok(store_ledger_save(f->store, &entry, NOON));
        }
        ok(store_ledger_settle(f->store, 1, false, NOON));
        ok(store_ledger_settle(f->store, 2, true, NOON));
        ok(store_commit(f->store));
        Unsettled unsettled = { 0 };
        ok(store_ledger_unsettled(f->store, on_entry, &unsettled));
        same(unsettled.n, 2);
        same_text(unsettled.names[0], "forms/3\xff");
        same_text(unsettled.names[1], "forms/4");
        /* Nothing of what is settled is looked up again. */
        ok(store_begin(f->store));
        SpoolIdentity second = file_a;
        second.name = "2";
        same(open_file(f, &second).id, 5);
        ok(store_rollback(f->store));
        /* The rollback forgot it in memory, too. */
        ok(store_begin(f->store));
        second.name = "5";
        same(open_file(f, &second).id, 5);
        second.name = "2";
        same(open_file(f, &second).id, 6);
        ok(store_commit(f->store));
}

static void ledger__settled_in_a_transaction_that_is_rolled_back__is_found_again(void **state) {
        Fixture *f = *state;
        ok(store_begin(f->store));
        (void) open_file(f, &file_a);
        ok(store_commit(f->store));
        ok(store_begin(f->store));
        ok(store_ledger_settle(f->store, 1, false, NOON));
        ok(store_rollback(f->store));
        ok(store_begin(f->store));
        same(open_file(f, &file_a).id, 1);
        ok(store_rollback(f->store));
}

/* ---- rejects ---- */

static void rejects__as_lines__hold_what_was_refused_and_why(void **state) {
        Fixture *f = *state;
        ok(store_begin(f->store));
        (void) open_file(f, &file_a);
        ok(store_reject_add(f->store, 1, 3, "bad_email", "person.email", "no at sign", "{\"email\":\"x\"}", 13));
        ok(store_reject_add(f->store, 1, 1, "bad_json", NULL, NULL, "\xff\0{", 3));
        ok(store_reject_add(f->store, 1, 2, "empty", NULL, "nothing in it", NULL, 0));
        ok(store_reject_add(f->store, 1, 2, "empty", NULL, "still nothing", NULL, 0)); /* read again after a kill */
        ok(store_reject_add(f->store, 2, 1, "other", NULL, NULL, "x", 1));
        Text lines = { 0 };
        ok(store_rejects_format(f->store, 1, &lines));
        same_text(lines.data, "{\"index\":1,\"reason\":\"bad_json\",\"field\":null,\"text\":null,\"raw\":\"\xc3\xbf\xef\xbf\xbd{\"}\n"
                              "{\"index\":2,\"reason\":\"empty\",\"field\":null,\"text\":\"still nothing\",\"raw\":null}\n"
                              "{\"index\":3,\"reason\":\"bad_email\",\"field\":\"person.email\",\"text\":\"no at "
                              "sign\",\"raw\":\"{\\\"email\\\":\\\"x\\\"}\"}\n");
        ok(store_ledger_settle(f->store, 1, false, NOON));
        text_clear(&lines);
        ok(store_rejects_format(f->store, 1, &lines));
        same(lines.size, 0);
        ok(store_rejects_format(f->store, 2, &lines));
        assert_true(lines.size > 0);
        ok(store_commit(f->store));
        text_free(&lines);
}

/* ---- outbox ---- */

static void outbox__rows__are_due_in_order_delivered_once_and_retried(void **state) {
        Fixture *f = *state;
        Effect effects[] = {
                { .kind = EFFECT_ASSIGNED,
                        .channel = "mail",
                        .via = VIA_SENDMAIL,
                        .recipient = "anna",
                        .address = "anna@example.com",
                        .role = "owner",
                        .rule = "DACH",
                        .step = 2,
                        .body = "Subject\n\nText" },
                { .kind = EFFECT_MOVED, .channel = "crm", .via = VIA_DROP, .body = "{}" },
                { .kind = EFFECT_HELD, .channel = "journal", .via = VIA_JOURNAL },
        };
        same(store_outbox_next(f->store, OUTBOX_REMOTE), TIME_NONE);
        (void) commit_step(f, STEP(.said = { .email = "a@example.com" }, .effects = effects, .n_effects = 3));
        same(store_outbox_next(f->store, OUTBOX_REMOTE), NOON);
        OutboxRow *rows;
        size_t n;
        ok(store_outbox_due(f->store, OUTBOX_LOCAL, NOON - 1, 10, f->arena, &rows, &n));
        same(n, 0);
        ok(store_outbox_due(f->store, OUTBOX_LOCAL, NOON, 1, f->arena, &rows, &n));
        same(n, 1);
        OutboxRow all[3];
        ok(store_outbox_due(f->store, OUTBOX_REMOTE, NOON, 10, f->arena, &rows, &n));
        same(n, 1);
        all[0] = rows[0];
        ok(store_outbox_due(f->store, OUTBOX_LOCAL, NOON, 10, f->arena, &rows, &n));
        same(n, 2);
        all[1] = rows[0];
        all[2] = rows[1];
        rows = all;
        for (size_t i = 0; i < 3; i++) {
                same(rows[i].id, i + 1);
                same(rows[i].event, 1);
                same(rows[i].lead, 1);
                same(rows[i].kind, effects[i].kind);
                same(rows[i].via, effects[i].via);
                same_text(rows[i].channel, effects[i].channel);
                same_text(rows[i].recipient, effects[i].recipient);
                same_text(rows[i].address, effects[i].address);
                same_text(rows[i].role, effects[i].role);
                same_text(rows[i].rule, effects[i].rule);
                same_text(rows[i].body, effects[i].body);
                same(rows[i].step, effects[i].step);
                same(rows[i].attempts, 0);
                same(rows[i].created_us, NOON);
                same(rows[i].next_us, NOON);
        }
        ok(store_begin(f->store));
        ok(store_outbox_done(f->store, 1, NOON + 1));
        same(store_outbox_done(f->store, 1, NOON + 1), STORE_E_NONE);
        same(store_outbox_retry(f->store, 1, NOON, NOON, "x"), STORE_E_NONE);
        same(store_outbox_done(f->store, 9, NOON + 1), STORE_E_NONE);
        ok(store_outbox_retry(f->store, 2, NOON, NOON + 60, "refused"));
        ok(store_outbox_done(f->store, 3, NOON + 1));
        ok(store_commit(f->store));
        fixture_reopen(f);
        same(store_outbox_next(f->store, OUTBOX_REMOTE), NOON + 60);
        ok(store_outbox_due(f->store, OUTBOX_LOCAL, NOON + 60, 10, f->arena, &rows, &n));
        same(n, 1);
        same(rows[0].id, 2);
        same(rows[0].attempts, 1);
        StoreCounts counts;
        ok(store_counts(f->store, &counts));
        same(counts.n_outbox, 1);
        same(counts.n_outbox_failing, 1);
        /* What was delivered no longer says anything about anybody. */
        same(fixture_number(
                     f->store, "SELECT count(*) FROM outbox WHERE id = 1 AND address IS NULL AND typeof(body) = 'blob' AND done > 0"),
                1);
}

/* Each batch of leads asks for what is delivered here: whoever mails must not make that slow by not being there. */
static void outbox__what_is_delivered_here__is_found_without_reading_the_mails_that_wait(void **state) {
        Fixture *f = *state;
        Effect effects[40];
        OutboxRow *rows;
        size_t n;
        for (size_t i = 0; i < ARRAY_SIZE(effects); i++)
                effects[i] = (Effect){ .kind = EFFECT_REMINDED, .channel = "mail", .via = VIA_SMTP, .body = "s\n\nt" };
        for (int i = 0; i < 10; i++)
                (void) commit_step(f, STEP(.said = { .email = "a@example.com" }, .effects = effects, .n_effects = ARRAY_SIZE(effects)));
        sqlite3_stmt *const statements[] = { f->store->statements[SQL_OUTBOX_DUE_LOCAL], f->store->statements[SQL_OUTBOX_NEXT_LOCAL] };
        for (size_t i = 0; i < ARRAY_SIZE(statements); i++)
                (void) sqlite3_stmt_status(statements[i], SQLITE_STMTSTATUS_VM_STEP, 1);
        ok(store_outbox_due(f->store, OUTBOX_LOCAL, NOON, 100, f->arena, &rows, &n));
        same(n, 0);
        same(store_outbox_next(f->store, OUTBOX_LOCAL), TIME_NONE);
        for (size_t i = 0; i < ARRAY_SIZE(statements); i++)
                assert_in_range(sqlite3_stmt_status(statements[i], SQLITE_STMTSTATUS_VM_STEP, 0), 1, 100);
}

/* ---- waking ---- */

static void wakes__several_leads__by_instant_then_lead(void **state) {
        Fixture *f = *state;
        static const int64_t due[] = { NOON + 50, NOON + 10, NOON + 50, NOON + 30, TIME_NONE };
        uint64_t leads[8];
        int64_t dues[8];
        size_t n;
        same(store_wake_next(f->store), TIME_NONE);
        for (size_t i = 0; i < ARRAY_SIZE(due); i++)
                (void) commit_step(f, STEP(.said = { .id = (const char *[]){ "a", "b", "c", "d", "e" }[i] }, .wake_us = due[i]));
        same(store_wake_next(f->store), NOON + 10);
        ok(store_wake_due(f->store, NOON + 9, 8, leads, dues, &n));
        same(n, 0);
        ok(store_wake_due(f->store, NOON + 50, 8, leads, dues, &n));
        same(n, 4);
        static const uint64_t want[] = { 2, 4, 1, 3 };
        for (size_t i = 0; i < 4; i++) {
                same(leads[i], want[i]);
                same(dues[i], due[want[i] - 1]);
        }
        ok(store_wake_due(f->store, NOON + 50, 1, leads, dues, &n));
        same(n, 1);
        same(leads[0], 2);
        (void) commit_step(f, STEP(.said = { .type = "timer.look" }, .lead = 2, .wake_us = NOON + 70));
        (void) commit_step(f, STEP(.said = { .type = "timer.look" }, .lead = 4, .wake_us = TIME_NONE));
        same(store_wake_next(f->store), NOON + 50);
        ok(store_wake_due(f->store, NOON + 100, 8, leads, dues, &n));
        same(n, 3);
        same(leads[2], 2);
        same_and_sound(f->store);
}

/* Everybody is back at one instant: who has waited longest comes first, whatever its number; other leads keep their places. */
static void wakes__of_held_leads_at_one_instant__are_in_the_order_of_waiting(void **state) {
        Fixture *f = *state;
        const int64_t due_us = NOON + US_PER_HOUR + 7;
        static const int64_t since[] = { 7, 0, 5, 0, 6, 2 }; /* 0: not held; 2 is held until another instant than it wakes at */
        uint64_t leads[8];
        int64_t dues[8];
        size_t n;
        for (size_t i = 0; i < ARRAY_SIZE(since); i++)
                (void) commit_step(
                        f, STEP(.status = "mql", .held = since[i] ? "DACH" : NULL, .now_us = NOON + since[i], .wake_us = due_us));
        fixture_sql(f->store, "UPDATE held SET next_look = 1772715600000007 WHERE lead < 6");
        ok(store_wake_due(f->store, due_us, 8, leads, dues, &n));
        same(n, 6);
        static const uint64_t want[] = { 3, 2, 5, 4, 1, 6 };
        for (size_t i = 0; i < n; i++)
                same(leads[i], want[i]);
        static const uint64_t waiting[] = { 3, 5, 1 };
        for (size_t i = 0; i < 3; i++) { /* in pieces: the first of those that wait, each time */
                ok(store_wake_due(f->store, due_us, 1, leads, dues, &n));
                same(n, 1);
                same(leads[0], waiting[i]);
                (void) commit_step(f, STEP(.said = { .type = "timer.look" }, .lead = leads[0], .no_held = true, .wake_us = TIME_NONE));
        }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
        const struct CMUnitTest tests[] = {
                TEST(ledger__a_file__goes_on_where_it_was_committed_until_it_is_settled),
                TEST(ledger__another_file__is_another_entry),
                TEST(ledger__unsettled_files__are_those_still_in_the_spool),
                TEST(ledger__settled_in_a_transaction_that_is_rolled_back__is_found_again),
                TEST(rejects__as_lines__hold_what_was_refused_and_why),
                TEST(outbox__rows__are_due_in_order_delivered_once_and_retried),
                TEST(outbox__what_is_delivered_here__is_found_without_reading_the_mails_that_wait),
                TEST(wakes__several_leads__by_instant_then_lead),
                TEST(wakes__of_held_leads_at_one_instant__are_in_the_order_of_waiting),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
