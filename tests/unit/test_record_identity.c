/* SPDX-License-Identifier: MIT */
/*
 * Identity: which keys a record has and in which order, and that a person's spelling
 * of an address or a LEAD argument finds the same key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "leadd/record.h"

static const uint8_t secret[DIGEST_SIZE] = { 1, 2, 3 }, other_secret[DIGEST_SIZE] = { 4 };

static void set_text(Record *record, FieldId field, const char *key, const char *text) {
        assert_int_equal(facts_set(&record->facts, record->arena, field, key, value_text(text), 1), 0);
}

static bool same(const Key *a, const Key *b) { return memcmp(a, b, sizeof *a) == 0; }

static void identify__order__is_address_then_ids_by_system_then_number(void **state) {
        (void) state;
        _cleanup_(record_freep) Record *record = record_new();
        set_text(record, FIELD_PERSON_PHONE_NUMBER, NULL, "+493055501042");
        set_text(record, FIELD_PERSON_EXTERNAL_IDS, "segment", "s-1");
        set_text(record, FIELD_PERSON_EXTERNAL_IDS, "crm", "7");
        set_text(record, FIELD_PERSON_EMAIL, NULL, "m@keller.example");
        assert_int_equal(record_identify(record, secret), 0);
        assert_int_equal(record->n_identities, 4);
        static const struct {
                IdentityKind kind;
                const char *system, *text;
        } want[] = {
                { IDENTITY_EMAIL, NULL, "M@KELLER.example" },
                { IDENTITY_EXTERNAL_ID, "crm", "7" },
                { IDENTITY_EXTERNAL_ID, "segment", "s-1" },
                { IDENTITY_PHONE, NULL, "+493055501042" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
                Key key, other;
                assert_int_equal(record->identities[i].kind, want[i].kind);
                assert_int_equal(identity_key(secret, want[i].kind, want[i].system, want[i].text, &key), 0);
                assert_true(same(&key, &record->identities[i].key));
                assert_int_equal(identity_key(other_secret, want[i].kind, want[i].system, want[i].text, &other), 0);
                assert_false(same(&key, &other));
        }
}

static void identify__what_is_no_key__is_left_out(void **state) {
        (void) state;
        _cleanup_(record_freep) Record *record = record_new();
        set_text(record, FIELD_PERSON_PHONE_NUMBER, NULL, "030 5550 1042");
        set_text(record, FIELD_PERSON_EXTERNAL_IDS, "crm", "");
        assert_int_equal(record_identify(record, secret), 0);
        assert_int_equal(record->n_identities, 0);
        assert_int_equal(facts_set(&record->facts, record->arena, FIELD_PERSON_EXTERNAL_IDS, "crm", value_integer(9007199254740993), 1), 0);
        assert_int_equal(record_identify(record, secret), 0);
        assert_int_equal(record->n_identities, 1);
        Key key;
        assert_int_equal(identity_key(secret, IDENTITY_EXTERNAL_ID, "crm", "9007199254740993", &key), 0);
        assert_true(same(&key, &record->identities[0].key));
}

static void key__of_kinds_and_systems__never_collides(void **state) {
        (void) state;
        static const struct {
                IdentityKind kind;
                const char *system, *text;
        } keys[] = {
                { IDENTITY_EMAIL, NULL, "a@b.example" },
                { IDENTITY_EXTERNAL_ID, "email", "a@b.example" },
                { IDENTITY_EXTERNAL_ID, "crm", "a@b.example" },
                { IDENTITY_EXTERNAL_ID, "c", "rma@b.example" },
                { IDENTITY_EXTERNAL_ID, "phone", "+493055501042" },
                { IDENTITY_PHONE, NULL, "+493055501042" },
        };
        Key got[ARRAY_SIZE(keys)];
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                assert_int_equal(identity_key(secret, keys[i].kind, keys[i].system, keys[i].text, &got[i]), 0);
                for (size_t j = 0; j < i; j++)
                        if (same(&got[i], &got[j]))
                                fail_msg("keys %zu and %zu are equal", i, j);
        }
}

static void key__of_what_is_none__is_refused(void **state) {
        (void) state;
        Key key;
        assert_int_equal(identity_key(secret, IDENTITY_EMAIL, NULL, "no address", &key), RECORD_E_CORRUPT);
        assert_int_equal(identity_key(secret, IDENTITY_EXTERNAL_ID, NULL, "7", &key), RECORD_E_CORRUPT);
        assert_int_equal(identity_key(secret, IDENTITY_EXTERNAL_ID, "", "7", &key), RECORD_E_CORRUPT);
        assert_int_equal(identity_key(secret, IDENTITY_EXTERNAL_ID, "crm", "", &key), RECORD_E_CORRUPT);
        assert_int_equal(identity_key(secret, IDENTITY_PHONE, NULL, "030 5550 1042", &key), RECORD_E_CORRUPT);
        assert_true(identity_key(secret, (IdentityKind) 9, NULL, "x", &key) < 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(identify__order__is_address_then_ids_by_system_then_number),
                cmocka_unit_test(identify__what_is_no_key__is_left_out),
                cmocka_unit_test(key__of_kinds_and_systems__never_collides),
                cmocka_unit_test(key__of_what_is_none__is_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
