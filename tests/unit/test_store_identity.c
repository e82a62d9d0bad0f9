/* SPDX-License-Identifier: MIT */
/* Who a record speaks of, and whether it was seen before. */
#include "test_store_fixture.h"

/* The book: 1 has an e-mail and a CRM id, 2 only a CRM id, 3 only a phone, 4 an e-mail and a phone. */
static void fill(Fixture *f) {
        (void) commit_step(f, STEP(.said = { .email = "ann@example.com", .crm = "100" }));
        (void) commit_step(f, STEP(.said = { .crm = "200" }));
        (void) commit_step(f, STEP(.said = { .phone = "+4930300" }));
        (void) commit_step(f, STEP(.said = { .email = "dan@example.com", .phone = "+4930400" }));
}

static const struct {
        const char *name;
        Said said;
        int r;
        uint64_t lead, similar;
} cases[] = {
        { "nobody", { .email = "new@example.com" }, 0, 0, 0 },
        { "no key at all", { .name = "Ann" }, 0, 0, 0 },
        { "known e-mail", { .email = "ann@example.com" }, 0, 1, 0 },
        { "known e-mail, id of another", { .email = "ann@example.com", .crm = "200" }, 0, 1, 0 },
        { "known e-mail, unknown id", { .email = "ann@example.com", .crm = "999" }, 0, 1, 0 },
        { "known e-mail, phone of another", { .email = "ann@example.com", .phone = "+4930300" }, 0, 1, 0 },
        { "known id, no e-mail", { .crm = "100" }, 0, 1, 0 },
        { "known id, its lead has another e-mail", { .email = "ann@new.example", .crm = "100" }, 0, 0, 1 },
        { "known id, its lead has no e-mail", { .email = "bob@example.com", .crm = "200" }, 0, 2, 0 },
        { "the same number in another system", { .erp = "100" }, 0, 0, 0 },
        { "unknown id of one system, known of the other", { .crm = "200", .erp = "1" }, 0, 2, 0 },
        { "phone alone", { .phone = "+4930300" }, 0, 3, 0 },
        { "phone alone, of a lead with an e-mail", { .phone = "+4930400" }, 0, 4, 0 },
        { "phone beside a new e-mail", { .email = "new@example.com", .phone = "+4930300" }, 0, 0, 3 },
        { "phone beside a new id", { .crm = "999", .phone = "+4930400" }, 0, 0, 4 },
        { "unknown phone", { .phone = "+4930999" }, 0, 0, 0 },
        { "no E.164", { .phone = "030 300" }, 0, 0, 0 },
        { "subject", { .subject = "lead:L-3" }, 0, 3, 0 },
        { "subject, plain number", { .subject = "lead:4" }, 0, 4, 0 },
        { "subject before e-mail", { .subject = "lead:L-3", .email = "ann@example.com" }, 0, 3, 0 },
        { "subject of nobody", { .subject = "lead:L-5", .email = "ann@example.com" }, STORE_E_NONE, 0, 0 },
        { "subject zero", { .subject = "lead:L-0" }, STORE_E_NONE, 0, 0 },
        { "subject that is no number", { .subject = "lead:ann" }, STORE_E_NONE, 0, 0 },
        { "subject empty", { .subject = "lead:" }, STORE_E_NONE, 0, 0 },
        { "subject beyond all numbers", { .subject = "lead:L-99999999999999999999999999" }, STORE_E_NONE, 0, 0 },
        { "subject that is not ours", { .subject = "form/12", .email = "ann@example.com" }, 0, 1, 0 },
};

static void find_lead__every_case__finds_or_makes_the_right_one(void **state) {
        Fixture *f = *state;
        fill(f);
        /* As it was written, as a restart finds it, and inside a transaction. */
        for (int pass = 0; pass < 3; pass++) {
                if (pass == 1)
                        fixture_reopen(f);
                if (pass == 2)
                        ok(store_begin(f->store));
                for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                        _cleanup_(record_freep) Record *record = record_make(f, &cases[i].said);
                        uint64_t lead = 77, similar = 77;
                        int r = store_find_lead(f->store, record, &lead, &similar);
                        if (r != cases[i].r || lead != cases[i].lead || similar != cases[i].similar) {
                                print_error("%s: got %d lead %" PRIu64 " similar %" PRIu64 ", want %d lead %" PRIu64 " similar %" PRIu64
                                            "\n",
                                        cases[i].name, r, lead, similar, cases[i].r, cases[i].lead, cases[i].similar);
                                fail();
                        }
                }
        }
        ok(store_rollback(f->store));
}

static void find_lead__the_email_decides__wherever_it_stands(void **state) {
        Fixture *f = *state;
        fill(f);
        _cleanup_(record_freep) Record *record = record_make(f, &(Said){ .email = "dan@example.com", .crm = "200" });
        Identity swap = record->identities[0];
        record->identities[0] = record->identities[record->n_identities - 1];
        record->identities[record->n_identities - 1] = swap;
        uint64_t lead, similar;
        ok(store_find_lead(f->store, record, &lead, &similar));
        same(lead, 4);
}

static void new_key__of_a_known_lead__leads_to_it_from_then_on(void **state) {
        Fixture *f = *state;
        static const Said steps[] = {
                { .crm = "1" },
                { .crm = "1", .email = "ann@example.com" }, /* now it has an e-mail */
                { .email = "ann@example.com", .erp = "E9" },
                { .erp = "E9", .phone = "+4930555" },
                { .phone = "+4930555" },
        };
        ok(store_begin(f->store)); /* all in one batch */
        for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
                same(step(f, STEP(.said = steps[i])).lead, 1);
        Done other = step(f, STEP(.said = { .crm = "1", .email = "other@example.com" }));
        same(other.lead, 2);
        same(other.similar, 1);
        ok(store_commit(f->store));
        fixture_reopen(f);
        /* The first lead that brought a key keeps it. */
        same(commit_step(f, STEP(.said = { .crm = "1" })).lead, 1);
        same(commit_step(f, STEP(.said = { .email = "other@example.com" })).lead, 2);
        /* Nothing is kept twice: the first step brought one key, the third one more, the last none. */
        same(fixture_number(f->store, "SELECT length(keys) FROM key WHERE event = 1"), KEY_SIZE + 1 + KEY_SIZE);
        same(fixture_number(f->store, "SELECT length(keys) FROM key WHERE event = 3"), KEY_SIZE + 1 + KEY_SIZE);
        same(fixture_number(f->store, "SELECT length(keys) FROM key WHERE event = 5"), KEY_SIZE);
        same_and_sound(f->store);
}

static void redelivery__is_known__in_the_batch_and_after_a_restart(void **state) {
        Fixture *f = *state;
        ok(store_begin(f->store));
        Done first = step(f, STEP(.said = { .id = "a", .email = "ann@example.com" }));
        Done again = step(f, STEP(.said = { .id = "a", .email = "ann@example.com" }));
        same(again.duplicate, true);
        same(again.event, first.event);
        ok(store_rollback(f->store));
        same(commit_step(f, STEP(.said = { .id = "a", .email = "ann@example.com" })).duplicate, false);
        same(commit_step(f, STEP(.said = { .id = "b", .email = "ann@example.com" })).duplicate, false);
        fixture_reopen(f);
        same(commit_step(f, STEP(.said = { .id = "a" })).event, 1);
        same(commit_step(f, STEP(.said = { .id = "b" })).event, 2);
        same(fixture_number(f->store, "SELECT count(*) FROM event"), 2);
}

static void event_without_a_key__is_never_a_duplicate(void **state) {
        Fixture *f = *state;
        Key none = { 0 };
        same(store_find_event(f->store, &none), 0);
        for (int i = 0; i < 2; i++) {
                _cleanup_(record_freep) Record *record = record_make(f, &(Said){ .type = "rules.activated" });
                memset(&record->key, 0, sizeof(Key));
                Decision decision = { .summary = "x" };
                ok(store_begin(f->store));
                ok(store_apply(f->store,
                        &(StoreEntry){ .record = record, .decision = &decision, .event_id = store_next_event(f->store), .now_us = NOON }));
                ok(store_commit(f->store));
        }
        same(store_find_event(f->store, &none), 0);
        same(fixture_number(f->store, "SELECT count(*) FROM key"), 0);
        fixture_reopen(f);
        same(store_find_event(f->store, &none), 0);
        same_and_sound(f->store);
}

/* Keys that share their first four bytes share a slot's fingerprint: each hit is verified against its row. */
static void keys_with_equal_fingerprints__are_told_apart(void **state) {
        Fixture *f = *state;
        enum { N = 40 };
        Key keys[N] = { 0 };
        for (int i = 0; i < N; i++) {
                memcpy(keys[i].bytes, "\x11\x22\x33\x44", 4);
                keys[i].bytes[15] = (uint8_t) i;
                _cleanup_(record_freep) Record *record = record_make(f, &(Said){ .type = "rules.activated" });
                record->key = keys[i];
                Decision decision = { .summary = "x" };
                same(store_find_event(f->store, &keys[i]), 0);
                ok(store_begin(f->store));
                ok(store_apply(f->store,
                        &(StoreEntry){ .record = record, .decision = &decision, .event_id = store_next_event(f->store), .now_us = NOON }));
                ok(store_commit(f->store));
        }
        for (int pass = 0; pass < 2; pass++, fixture_reopen(f))
                for (int i = 0; i < N; i++)
                        same(store_find_event(f->store, &keys[i]), i + 1);
        /* An event's key is no identity, although the bytes are the same. */
        uint64_t lead;
        ok(key_find_lead(f->store, IDENTITY_EMAIL, &keys[0], &lead));
        same(lead, 0);
}

static void resolve__what_people_write__is_the_lead(void **state) {
        Fixture *f = *state;
        fill(f);
        static const struct {
                const char *text;
                int r;
                uint64_t lead;
                bool needs_writer;
        } said[] = {
                { "1", 0, 1, false },
                { "L-4", 0, 4, false },
                { "l-4", 0, 4, false },
                { "L-5", STORE_E_NONE, 0, false },
                { "0", STORE_E_NONE, 0, false },
                { "", STORE_E_NONE, 0, false },
                { "L-", STORE_E_NONE, 0, false },
                { "ann", STORE_E_NONE, 0, false },
                { "4294967297", STORE_E_NONE, 0, false },
                { "ann@example.com", 0, 1, true },
                { "Ann@Example.COM", 0, 1, true },
                { "nobody@example.com", STORE_E_NONE, 0, true },
                { "@", STORE_E_NONE, 0, true },
                { "crm:200", 0, 2, true },
                { "crm:999", STORE_E_NONE, 0, true },
                { "erp:200", STORE_E_NONE, 0, true },
                { ":", STORE_E_NONE, 0, true },
        };
        Store *reader;
        ok(store_open(f->path, STORE_READ_ONLY, &reader));
        for (size_t i = 0; i < ARRAY_SIZE(said); i++) {
                uint64_t lead = 77;
                int r = store_resolve_lead(f->store, said[i].text, &lead);
                if (r != said[i].r || (r == 0 && lead != said[i].lead)) {
                        print_error("%s: got %d, %" PRIu64 "\n", said[i].text, r, lead);
                        fail();
                }
                r = store_resolve_lead(reader, said[i].text, &lead);
                same(r, said[i].needs_writer ? -EOPNOTSUPP : said[i].r);
        }
        store_close(reader);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
        const struct CMUnitTest tests[] = {
                TEST(find_lead__every_case__finds_or_makes_the_right_one),
                TEST(find_lead__the_email_decides__wherever_it_stands),
                TEST(new_key__of_a_known_lead__leads_to_it_from_then_on),
                TEST(redelivery__is_known__in_the_batch_and_after_a_restart),
                TEST(event_without_a_key__is_never_a_duplicate),
                TEST(keys_with_equal_fingerprints__are_told_apart),
                TEST(resolve__what_people_write__is_the_lead),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
