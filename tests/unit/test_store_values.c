/* SPDX-License-Identifier: MIT */
/*
 * What sources have sent, as a check of the rules asks for it: which texts, folded and counted, of which events, and no more of them
 * than there is room for.
 */
#include "test_store_fixture.h"

static StoreValues values_of(Fixture *f, const StoreField *fields, size_t n) {
        StoreValues values;
        Store *reader = NULL;
        arena_reset(f->arena);
        ok(store_open(f->path, STORE_READ_ONLY, &reader));
        ok(store_values(reader, fields, n, f->arena, &values));
        store_close(reader);
        same(values.n_fields, n);
        return values;
}

/* "search 2, social 1" as the store has them, newest text first seen first. */
static const char *shown(Fixture *f, const StoreFieldValues *values) {
        const char *text = "";
        for (size_t i = 0; i < values->n_values; i++)
                text = arena_printf(f->arena, "%s%s%s %llu", text, i > 0 ? ", " : "", values->values[i].text,
                        (unsigned long long) values->values[i].n_records);
        return text;
}

static void store_values__of_each_kind_of_field__are_told_apart(void **state) {
        Fixture *f = *state;
        static const StoreField fields[] = {
                { .of = MENTION_TYPE },
                { .of = MENTION_SOURCE },
                { .of = MENTION_ACTIVITY, .fields = { FIELD_ACTIVITY_NAME, FIELD_ATTRIBUTION_FORM_NAME, FIELD_ATTRIBUTION_FORM_ID } },
                { .of = MENTION_FIELD, .fields = { FIELD_ATTRIBUTION_FORM_NAME } },
                { .of = MENTION_ACTIVITY, .fields = { FIELD_ACTIVITY_URL } },
                { .of = MENTION_FIELD, .fields = { FIELD_PERSON_EXTERNAL_IDS }, .key = "crm" },
                { .of = MENTION_FIELD, .fields = { FIELD_ANSWERS }, .key = "never" },
        };
        static const struct {
                const char *values;
                uint64_t n_records;
        } want[] = {
                { "page_viewed 2, form_submitted 3", 5 },
                { "forms 6", 6 },
                { "Demo 3", 3 },
                { "Demo 3", 3 },
                { "/a 2", 2 },
                { "7 1", 1 },
                { "", 0 },
        };
        commit_step(f, STEP(.said = { .email = "a@example.com", .form = "demo", .crm = "7" }));
        commit_step(f, STEP(.said = { .email = "b@example.com", .form = "DEMO" }));
        commit_step(f, STEP(.said = { .email = "c@example.com", .form = "Demo" }));
        commit_step(f, STEP(.said = { .type = "activity.page_viewed", .email = "a@example.com", .url = "/A" }));
        commit_step(f, STEP(.said = { .type = "activity.page_viewed", .email = "b@example.com", .url = "/a" }));
        commit_step(f, STEP(.said = { .type = "outcome.note", .email = "b@example.com", .note = "called" }));
        StoreValues values = values_of(f, fields, ARRAY_SIZE(fields));
        same(values.n_events, 6);
        assert_true(values.is_whole_book);
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
                assert_string_equal(shown(f, &values.fields[i]), want[i].values);
                same(values.fields[i].n_records, want[i].n_records);
                assert_false(values.fields[i].many);
        }
        assert_string_equal(values.fields[3].values[0].folded, "demo");
}

static void store_values__of_a_field_with_too_many_texts__say_many_and_stop(void **state) {
        Fixture *f = *state;
        static const StoreField field = { .of = MENTION_FIELD, .fields = { FIELD_ATTRIBUTION_FORM_NAME } };
        ok(store_begin(f->store));
        for (int i = 0; i <= STORE_VALUES_DISTINCT_MAX; i++) {
                char email[32], form[32];
                (void) snprintf(email, sizeof(email), "p%d@example.com", i);
                (void) snprintf(form, sizeof(form), "form %d", i);
                step(f, STEP(.said = { .email = email, .form = form }));
                if (i == STORE_VALUES_DISTINCT_MAX - 1) {
                        ok(store_commit(f->store));
                        StoreValues values = values_of(f, &field, 1);
                        same(values.fields[0].n_values, STORE_VALUES_DISTINCT_MAX);
                        assert_false(values.fields[0].many);
                        for (size_t k = 0; k < values.fields[0].n_values; k++)
                                same(values.fields[0].values[k].n_records, 1);
                        ok(store_begin(f->store));
                }
        }
        ok(store_commit(f->store));
        StoreValues values = values_of(f, &field, 1);
        same(values.fields[0].n_records, STORE_VALUES_DISTINCT_MAX + 1); /* more than a page of the log, too */
        same(values.n_events, STORE_VALUES_DISTINCT_MAX + 1);
        assert_true(values.fields[0].many);
}

/* Of a book with more events than are looked at the newest count, and the answer says that these are not all. */
static void store_values__of_a_very_long_book__are_those_of_its_newest_events(void **state) {
        Fixture *f = *state;
        static const StoreField fields[] = { { .of = MENTION_FIELD, .fields = { FIELD_ATTRIBUTION_FORM_NAME } }, { .of = MENTION_TYPE } };
        char sql[512];
        commit_step(f, STEP(.said = { .email = "a@example.com", .form = "ancient" }));
        commit_step(f, STEP(.said = { .email = "a@example.com", .form = "old" }));
        commit_step(f, STEP(.said = { .type = "activity.page_viewed", .email = "a@example.com" }));
        /* Copies of the third, so that of all of them the second is the last that is looked at. */
        (void) snprintf(sql, sizeof(sql),
                "INSERT INTO event SELECT value, lead, value - 1, type, source, actor, rules, now, age, flags, record_id, ledger, idx, body"
                " FROM event, (WITH RECURSIVE n(value) AS (SELECT 4 UNION ALL SELECT value + 1 FROM n WHERE value < %d) SELECT value FROM "
                "n)"
                " WHERE id = 3",
                STORE_VALUES_EVENTS_MAX);
        fixture_sql(f->store, sql);
        fixture_reopen(f);
        fixture_activate(f, f->rules);
        fixture_sql(f->store, "UPDATE lead SET last_event = (SELECT max(id) FROM event), version = (SELECT count(*) FROM event)");
        StoreValues values = values_of(f, fields, ARRAY_SIZE(fields));
        if (values.n_events == STORE_VALUES_EVENTS_MAX)
                assert_string_equal(shown(f, &values.fields[0]), "old 1, ancient 1");
        fixture_reopen(f);
        fixture_activate(f, f->rules);
        commit_step(f, STEP(.said = { .email = "a@example.com", .form = "fresh" }));
        values = values_of(f, fields, ARRAY_SIZE(fields));
        /* Time is the other limit; a slow machine meets it first. */
        assert_true(values.n_events <= STORE_VALUES_EVENTS_MAX);
        assert_false(values.is_whole_book);
        if (values.n_events == STORE_VALUES_EVENTS_MAX)
                assert_string_equal(shown(f, &values.fields[0]), "fresh 1, old 1");
        else
                assert_string_equal(shown(f, &values.fields[0]), "fresh 1");
        same(values.fields[1].n_records, values.n_events);
}

static void store_values__of_an_erased_payload__are_gone(void **state) {
        Fixture *f = *state;
        static const StoreField field = { .of = MENTION_FIELD, .fields = { FIELD_ATTRIBUTION_FORM_NAME } };
        commit_step(f, STEP(.said = { .email = "a@example.com", .form = "demo" }));
        fixture_sql(f->store, "DELETE FROM payload");
        StoreValues values = values_of(f, &field, 1);
        same(values.n_events, 1);
        same(values.fields[0].n_records, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(store_values__of_each_kind_of_field__are_told_apart, fixture_set_up, fixture_tear_down),
                cmocka_unit_test_setup_teardown(
                        store_values__of_a_field_with_too_many_texts__say_many_and_stop, fixture_set_up, fixture_tear_down),
                cmocka_unit_test_setup_teardown(
                        store_values__of_a_very_long_book__are_those_of_its_newest_events, fixture_set_up, fixture_tear_down),
                cmocka_unit_test_setup_teardown(store_values__of_an_erased_payload__are_gone, fixture_set_up, fixture_tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
