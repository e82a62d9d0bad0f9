/* SPDX-License-Identifier: MIT */
/* Two books that are equal, each difference planted into one of them, and each broken invariant. */
#include "test_store_fixture.h"

static const char *const segments[] = { "dach", "enterprise" };

/* The same story, told to two stores. */
static void tell(Fixture *f) {
        Receipt receipt = { .rule = &f->rules->scores[SCORE_SENIOR]->rule, .matched = true, .points_mp = 20000, .note = "a note" };
        Effect effects[] = {
                { .kind = EFFECT_ASSIGNED, .channel = "mail", .recipient = "anna", .address = "anna@example.com", .body = "text" },
                { .kind = EFFECT_MOVED, .channel = "crm", .via = VIA_DROP, .body = "{}" }
        };
        TurnChange turn = { .member = "anna", .turn = 3 };
        f->n_ids = 0;
        ok(store_begin(f->store));
        (void) step(f, STEP(.said = { .email = "a@example.com", .crm = "1", .domain = "firm.example", .subject = "x/1" }, .status = "mql",
                               .owner = "anna", .unaccepted = true, .sla = "ACCEPT", .wake_us = NOON + 5, .segments = segments,
                               .n_segments = 2, .grade = "A1", .receipts = &receipt, .n_receipts = 1, .effects = effects, .n_effects = 2,
                               .turns = &turn, .n_turns = 1, .expired = "dana", .snooze = "in a fair"));
        (void) step(f, STEP(.said = { .email = "b@example.com" }, .held = "DACH", .recycle = "no_budget", .used = "no_budget"));
        (void) step(f, STEP(.said = { .type = "activity.x", .url = "/a" }, .lead = 1, .unaccepted = true));
        (void) step(f, STEP(.said = { .type = "activity.y" }, .lead = 2));
        (void) step(f, STEP(.said = { .email = "c@example.com" }));
        (void) step(f, STEP(.said = { .name = "C", .time_us = NOON + 1 }, .lead = 3));
        ok(store_commit(f->store));
}

static void set_up_two(Fixture *a, Fixture *b, void **state) {
        *a = *(Fixture *) *state;
        *b = *a;
        uint8_t secret[DIGEST_SIZE];
        memcpy(secret, store_secret(a->store), DIGEST_SIZE);
        ok(store_open_with_secret(NULL, STORE_MEMORY, secret, &b->store));
        /* Another dictionary: what was met in another order has other numbers. */
        ok(store_begin(b->store));
        static const char *const names[] = { "sal", "DACH", "dana", "anna", "zzz", "forms", "enterprise" };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                uint64_t id;
                ok(name_intern(b->store, names[i], &id));
        }
        uint64_t company;
        ok(company_intern(b->store, "other.example", &company));
        ok(store_commit(b->store));
        fixture_activate(b, b->rules);
        tell(a);
        tell(b);
}

static uint64_t compare(Fixture *a, Fixture *b, Text *text) {
        uint64_t n = 77;
        text_clear(text);
        ok(store_compare(a->store, b->store, text, &n));
        return n;
}

static void equal_books__with_other_dictionaries_and_deliveries__are_equal(void **state) {
        Fixture a, b;
        Text text = { 0 };
        set_up_two(&a, &b, state);
        ok(store_begin(a.store));
        ok(store_outbox_done(a.store, 1, NOON));
        ok(store_outbox_retry(a.store, 2, NOON, NOON + 1, "x"));
        LedgerEntry entry;
        ok(store_ledger_open(a.store, &(SpoolIdentity){ .source = "s", .name = "n" }, NOON, &entry));
        ok(store_reject_add(a.store, 1, 1, "r", NULL, NULL, NULL, 0));
        ok(store_commit(a.store));
        uint64_t n = compare(&a, &b, &text);
        if (n != 0)
                print_error("%s", text.data);
        same(n, 0);
        text_free(&text);
        store_close(b.store);
}

static void planted_difference__in_any_projection__is_found_and_named(void **state) {
        static const struct {
                const char *sql, *line;
        } cases[] = {
                { "UPDATE lead SET status = (SELECT id FROM name WHERE text = 'sal') WHERE id = 1", "lead 1: status: 3 bytes / 3 bytes\n" },
                { "UPDATE lead SET owner = 0 WHERE id = 1", "lead 1: owner: 4 bytes / nothing\n" },
                { "UPDATE lead SET version = 9 WHERE id = 2", "lead 2: version: 2 / 9\n" },
                { "UPDATE lead SET last_event = 1 WHERE id = 2", "lead 2: last_event: 4 / 1\n" },
                { "UPDATE lead SET moved_event = 0 WHERE id = 1", "lead 1: moved_event: 1 / 0\n" },
                { "UPDATE lead SET entered = entered + 1 WHERE id = 1", "lead 1: entered: 1772712000000000 / 1772712000000001\n" },
                { "UPDATE lead SET idle_from = idle_from + 1 WHERE id = 1", "lead 1: idle_from: 1772712000000000 / 1772712000000001\n" },
                { "UPDATE lead SET source = NULL WHERE id = 1", "lead 1: source: 5 bytes / nothing\n" },
                { "UPDATE lead SET source_at = source_at + 1 WHERE id = 1", "lead 1: source_at: 1772712000000000 / 1772712000000001\n" },
                { "UPDATE lead SET fit = fit + 1 WHERE id = 1", "lead 1: fit: 3000 / 3001\n" },
                { "UPDATE lead SET engagement = 0 WHERE id = 1", "lead 1: engagement: -500 / 0\n" },
                { "UPDATE lead SET grade = 0 WHERE id = 1", "lead 1: grade: 2 bytes / nothing\n" },
                { "UPDATE lead SET segments = NULL WHERE id = 1", "lead 1: segments: 15 bytes / nothing\n" },
                { "UPDATE lead SET flags = flags | 2 WHERE id = 2", "lead 2: flags: 120 / 122\n" },
                { "UPDATE lead SET wake = wake + 1 WHERE id = 1", "lead 1: wake: 1772712000000005 / 1772712000000006\n" },
                { "UPDATE lead SET company = 0 WHERE id = 1", "lead 1: company: 12 bytes / nothing\n" },
                { "DELETE FROM lead WHERE id = 1", "lead 1: only in the first\n" },
                { "INSERT INTO profile VALUES(9, x'00')", "profile 9: only in the second\n" },
                { "UPDATE lead SET profile_event = 0 WHERE id = 1", "lead 1: profile_event: 1 / 0\n" },
                { "UPDATE profile SET facts = x'00' WHERE lead = 3", "profile 3: facts: 59 bytes / 1 bytes\n" },
                { "UPDATE sla SET due = NULL", "sla 1: due: 1772798400000000 / nothing\n" },
                { "UPDATE sla SET paused = 0", "sla 1: paused: 3600000000 / 0\n" },
                { "UPDATE sla SET snoozed_until = NULL", "sla 1: snoozed_until: 1772715600000000 / nothing\n" },
                { "UPDATE sla SET version = 'x'", "sla 1: version: 23 bytes / 1 bytes\n" },
                { "UPDATE response SET late = 0", "response 1: late: 1 / 0\n" },
                { "DELETE FROM response", "response 1: only in the first\n" },
                { "UPDATE sla SET snooze_reason = 'x'", "sla 1: snooze_reason: 9 bytes / 1 bytes\n" },
                { "UPDATE used SET at = at + 1", "used 2 no_budget: at: 1772712000000000 / 1772712000000001\n" },
                { "UPDATE used SET woken = 1", "used 2 no_budget: woken: 0 / 1\n" },
                { "DELETE FROM used", "used 2 no_budget: only in the first\n" },
                { "UPDATE expired SET member = (SELECT id FROM name WHERE text = 'anna')", "expired 1 1: member: 4 bytes / 4 bytes\n" },
                { "UPDATE held SET text = 'other'", "held 2: text: 12 bytes / 5 bytes\n" },
                { "DELETE FROM recycle", "recycle 2: only in the first\n" },
                { "UPDATE wake SET due = due - 1", NULL },
                { "UPDATE seat SET turn = 4", "seat anna: turn: 3 / 4\n" },
                { "UPDATE tally SET n = 3 WHERE owner = 0", "tally - inquiry: n: 2 / 3\n" },
                { "UPDATE event SET type = 'activity.z' WHERE id = 4", "event 4: type: 10 bytes / 10 bytes\n" },
                { "UPDATE event SET now = now + 1 WHERE id = 4", "event 4: now: 1772712000000000 / 1772712000000001\n" },
                { "UPDATE event SET age = 1 WHERE id = 4", "event 4: age: 0 / 1\n" },
                { "UPDATE event SET record_id = 7 WHERE id = 4", "event 4: record_id: 4 bytes / 7\n" },
                { "UPDATE event SET rules = 0 WHERE id = 4", "event 4: rules: 64 bytes / nothing\n" },
                { "UPDATE event SET body = (SELECT body FROM event WHERE id = 3) WHERE id = 1", NULL },
                { "UPDATE event SET prev = 0 WHERE id = 4", "event 4: prev: 2 / 0\n" },
                { "DELETE FROM payload WHERE event = 3", "payload 3: only in the first\n" },
                { "UPDATE payload SET subject = NULL WHERE event = 1", "payload 1: subject: 3 bytes / nothing\n" },
                { "UPDATE key SET lead = 2 WHERE event = 1", "key 1: lead: 1 / 2\n" },
                { "UPDATE outbox SET recipient = NULL WHERE id = 1", "outbox 1: recipient: 4 bytes / nothing\n" },
                { "UPDATE outbox SET body = 'else' WHERE id = 2", "outbox 2: body: 32 bytes / 32 bytes\n" },
                { "UPDATE status SET kind = 0", NULL },
                { "UPDATE ruleset SET hash = 'x'", NULL },
        };
        Fixture a, b;
        Text text = { 0 };
        set_up_two(&a, &b, state);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                fixture_sql(b.store, "BEGIN");
                fixture_sql(b.store, cases[i].sql);
                uint64_t n = compare(&a, &b, &text);
                fixture_sql(b.store, "ROLLBACK");
                if (n == 0 || !text.data || (cases[i].line && strcmp(text.data, cases[i].line) != 0)) {
                        print_error("%s: got %" PRIu64 " differences\n%swant %s\n", cases[i].sql, n, text.size > 0 ? text.data : "",
                                cases[i].line);
                        fail();
                }
        }
        same(compare(&a, &b, &text), 0);
        text_free(&text);
        store_close(b.store);
}

static void many_differences__are_all_counted_and_the_first_are_listed(void **state) {
        Fixture a, b;
        Text text = { 0 };
        set_up_two(&a, &b, state);
        ok(store_begin(b.store));
        for (int i = 0; i < 150; i++)
                (void) step(&b, STEP(.said = { .type = "rules.x" }));
        ok(store_commit(b.store));
        uint64_t n = compare(&a, &b, &text);
        same(n, 300); /* an event and a key each */
        size_t n_lines = 0;
        for (size_t i = 0; i < text.size; i++)
                n_lines += text.data[i] == '\n';
        same(n_lines, 100);
        text_free(&text);
        store_close(b.store);
}

static void broken_invariant__of_each_kind__is_found(void **state) {
        Fixture *f = *state;
        static const struct {
                const char *sql, *line;
        } cases[] = {
                { "UPDATE lead SET status = 0 WHERE id = 2", "lead 2: has no status\n" },
                { "UPDATE lead SET version = 7 WHERE id = 2", "lead 2: its version or last event is not what the log holds\n" },
                { "UPDATE lead SET last_event = 3 WHERE id = 2", "lead 2: its version or last event is not what the log holds\n" },
                { "DELETE FROM event WHERE id = 4", "lead 2: its version or last event is not what the log holds\n" },
                { "DELETE FROM wake", "lead 1: its armed instant has no wake row\n" },
                { "INSERT INTO wake VALUES(7, 2)", "wake 2: wakes at an instant its lead does not know\n" },
                { "INSERT INTO wake VALUES(7, 9)", "wake 9: wakes at an instant its lead does not know\n" },
                { "DELETE FROM sla", "sla 1: flag and row differ\n" },
                { "DELETE FROM response", "response 1: flag and row differ\n" },
                { "DELETE FROM held", "held 2: flag and row differ\n" },
                { "UPDATE lead SET flags = flags - 16 WHERE id = 2", "recycle 2: flag and row differ\n" },
                { "DELETE FROM used", "used 2: flag and rows differ\n" },
                { "UPDATE lead SET flags = flags - 128 WHERE id = 1", "expired 1: flag and rows differ\n" },
                { "INSERT INTO used VALUES(9, 1, 1, 1, 0)", "used 9: has no lead\n" },
                { "INSERT INTO expired VALUES(9, 1, 1)", "expired 9: has no lead\n" },
                { "INSERT INTO sla VALUES(9, 1, 1, 1, 1, 1, 1, 0, NULL, NULL, NULL)", "sla 9: has no lead\n" },
                { "INSERT INTO response VALUES(9, 1, 1, 1)", "response 9: has no lead\n" },
                { "INSERT INTO held VALUES(9, 1, 'x', 1, 1)", "held 9: has no lead\n" },
                { "INSERT INTO recycle VALUES(9, 1, 1)", "recycle 9: has no lead\n" },
                { "INSERT INTO profile VALUES(9, x'00')", "profile 9: has no lead\n" },
                { "INSERT INTO profile VALUES(1, x'00')", "profile 1: is kept twice\n" },
                { "UPDATE lead SET profile_event = 2 WHERE id = 1", "lead 1: its profile is said by an event that is not its own\n" },
                { "UPDATE lead SET profile_event = 99 WHERE id = 1", "lead 1: its profile is said by an event that is not its own\n" },
                { "UPDATE event SET prev = 1 WHERE id = 4", "event 4: its back pointer leads to another lead or nowhere\n" },
                { "UPDATE event SET prev = 4 WHERE id = 4", "event 4: its back pointer leads to another lead or nowhere\n" },
                { "UPDATE event SET rules = 9 WHERE id = 4", "event 4: has no rule set\n" },
                { "INSERT INTO payload VALUES(9, NULL, NULL, NULL)", "payload 9: has no event\n" },
                { "INSERT INTO key VALUES(9, 1, zeroblob(16))", "key 9: has no event\n" },
                { "UPDATE key SET keys = (SELECT substr(keys, 1, 16) FROM key WHERE event = 1) WHERE event = 3",
                        "key 3: the same record was counted twice\n" },
                { "UPDATE outbox SET event = 9 WHERE id = 1", "outbox 1: has no event\n" },
                { "UPDATE tally SET n = n + 1 WHERE owner > 0", NULL },
                { "DELETE FROM tally", NULL },
                { "INSERT INTO tally VALUES(1, 1, 1, 0)", NULL },
                { "UPDATE lead SET flags = flags - 1 WHERE id = 1", NULL },
        };
        Text text = { 0 };
        uint64_t n;
        tell(f);
        same_and_sound(f->store);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                fixture_sql(f->store, "BEGIN");
                fixture_sql(f->store, cases[i].sql);
                text_clear(&text);
                ok(store_check(f->store, &text, &n));
                fixture_sql(f->store, "ROLLBACK");
                if (n == 0 || !strstr(text.data, cases[i].line ? cases[i].line : "count of leads")) {
                        print_error("%s: got %" PRIu64 "\n%swant %s", cases[i].sql, n, text.size > 0 ? text.data : "", cases[i].line);
                        fail();
                }
        }
        same_and_sound(f->store);
        text_free(&text);
}

/* What a replay does: the log of one store, told to an empty one. */
typedef struct Replay {
        Fixture *from, *to;
} Replay;
static int on_replay(const StoredEvent *event, void *userdata) {
        Replay *replay = userdata;
        _cleanup_(record_freep) Record *record = NULL;
        ok(store_event_record(replay->from->store, event, &record));
        Decision decision = { .summary = event->summary, .after = { .id = event->lead } };
        if (event->lead > 0) {
                ok(store_load_lead(replay->to->store, event->lead < store_next_lead(replay->to->store) ? event->lead : 0, replay->to->arena,
                        &decision.after, &decision.profile, NULL, NULL));
                decision.is_new = decision.after.id == 0;
                ok(facts_merge(&decision.profile, replay->to->arena, &record->facts, &decision.profile_changed));
                if (decision.is_new) {
                        decision.after.status = "inquiry";
                        decision.after.created_us = decision.after.entered_us = event->now_us;
                }
                decision.after.idle_from_us = event->now_us;
                decision.after.source = event->source;
                decision.after.source_us = event->now_us;
                decision.after.fit_mp += 1500;
                decision.after.engagement_mp -= 250;
                decision.after.version++;
        }
        ok(store_apply(replay->to->store, &(StoreEntry){ .record = record,
                                                  .decision = &decision,
                                                  .event_id = event->id,
                                                  .lead_id = event->lead,
                                                  .actor = event->actor,
                                                  .now_us = event->now_us }));
        return 0;
}

static void replayed_log__gives_an_equal_book(void **state) {
        Fixture a = *(Fixture *) *state, b = a;
        Text text = { 0 };
        for (int i = 0; i < 50; i++) {
                char email[32];
                (void) snprintf(email, sizeof(email), "%d@example.com", i % 20);
                (void) commit_step(&a, STEP(.said = { .type = i % 3 ? "activity.x" : "lead.submitted",
                                                    .email = email,
                                                    .phone = i % 4 ? NULL : "+4930123",
                                                    .domain = i % 5 ? NULL : "firm.example",
                                                    .name = i % 7 ? NULL : "N" },
                                               .now_us = NOON + i));
        }
        ok(store_open_with_secret(NULL, STORE_MEMORY, store_secret(a.store), &b.store));
        fixture_activate(&b, b.rules);
        Replay replay = { &a, &b };
        ok(store_begin(b.store));
        ok(store_log(a.store, 0, 0, on_replay, &replay));
        ok(store_commit(b.store));
        uint64_t n = compare(&a, &b, &text);
        if (n > 0)
                print_error("%s", text.data);
        same(n, 0);
        same_and_sound(b.store);
        text_free(&text);
        store_close(b.store);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
        const struct CMUnitTest tests[] = {
                TEST(equal_books__with_other_dictionaries_and_deliveries__are_equal),
                TEST(planted_difference__in_any_projection__is_found_and_named),
                TEST(many_differences__are_all_counted_and_the_first_are_listed),
                TEST(broken_invariant__of_each_kind__is_found),
                TEST(replayed_log__gives_an_equal_book),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
