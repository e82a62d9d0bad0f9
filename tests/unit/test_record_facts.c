/* SPDX-License-Identifier: MIT */
/*
 * Facts: the field table, setting and getting, merging whatever the order of
 * delivery, encoding and decoding, and what a damaged encoding does. Random parts
 * print the seed they ran with; LEADD_SEED repeats one.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "leadd/record.h"

/* ---- random facts ---- */

static uint64_t random_state;

static uint64_t random_next(void) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return random_state;
}
static size_t random_below(size_t n) { return (size_t) (random_next() % n); }

static void random_start(const char *what) {
        const char *given = getenv("LEADD_SEED");
        random_state = given ? strtoull(given, NULL, 10) : (uint64_t) time(NULL) * 1000003 + (uint64_t) getpid();
        print_message("%s: LEADD_SEED=%llu\n", what, (unsigned long long) random_state);
        if (random_state == 0)
                random_state = 1;
}

static const char *const random_texts[] = { "a", "b", "Keller GmbH", "x@y.example", "Ünal", "", "51-200", "a, b" };
static const char *const random_keys[] = { "contact", "crm", "segment", "budget.eur", "x" };

static Value random_value(FieldKind kind) {
        switch (kind) {
        case FIELD_KIND_TEXT:
                return value_text(random_texts[random_below(ARRAY_SIZE(random_texts))]);
        case FIELD_KIND_NUMBER:
                return random_below(2) ? value_integer((int64_t) random_below(5) - 2) : value_number((double) random_below(10) / 2 - 2);
        case FIELD_KIND_BOOL:
                return value_bool(random_below(2));
        case FIELD_KIND_TIME:
                return value_integer((int64_t) random_next() >> (8 + random_below(50)));
        case FIELD_KIND_MAP:
                return random_value((FieldKind) (1 + random_below(3)));
        }
        return (Value){ 0 };
}

static void random_facts(Arena *arena, Facts *facts, size_t n, int64_t time_us) {
        size_t n_fields;
        const FieldInfo *fields = field_all(&n_fields);
        for (size_t i = 0; i < n; i++) {
                const FieldInfo *info = &fields[random_below(n_fields)];
                const char *key = info->kind == FIELD_KIND_MAP ? random_keys[random_below(ARRAY_SIZE(random_keys))] : NULL;
                int64_t t = random_below(4) ? time_us : time_us + (int64_t) random_below(3) - 1;
                assert_int_equal(facts_set(facts, arena, info->id, key, random_value(info->kind), t), 0);
        }
}

static void print_facts(const char *name, const Facts *facts) {
        print_message("%s:\n", name);
        for (size_t i = 0; i < facts->n_items; i++) {
                const Fact *f = &facts->items[i];
                print_message("  %s%s%s @%lld type %d", field_info(f->field)->path, f->key ? "." : "", f->key ? f->key : "",
                        (long long) f->time_us, f->value.type);
                if (f->value.type == VALUE_TEXT)
                        print_message(" \"%s\"\n", f->value.text);
                else if (f->value.type == VALUE_NUMBER)
                        print_message(" %g\n", f->value.number);
                else
                        print_message(" %lld\n", (long long) (f->value.type == VALUE_BOOL ? f->value.boolean : f->value.integer));
        }
}

static void expect_equal(const Facts *got, const Facts *want) {
        if (facts_equal(got, want))
                return;
        print_facts("got", got);
        print_facts("want", want);
        fail();
}

/* ---- the field table ---- */

static void fields__every_path__is_found(void **state) {
        (void) state;
        size_t n;
        const FieldInfo *fields = field_all(&n);
        for (size_t i = 0; i < n; i++) {
                FieldId id = FIELD_NONE;
                const char *key = "?";
                assert_true(field_find(fields[i].path, &id, &key));
                assert_int_equal(id, fields[i].id);
                assert_null(key);
                assert_ptr_equal(field_info(id), &fields[i]);
                if (i > 0)
                        assert_true(fields[i].id > fields[i - 1].id);
                char path[128];
                (void) snprintf(path, sizeof path, "%s.some.key", fields[i].path);
                bool is_map = fields[i].kind == FIELD_KIND_MAP;
                assert_int_equal(field_find(path, &id, &key), is_map);
                if (is_map) {
                        assert_int_equal(id, fields[i].id);
                        assert_string_equal(key, "some.key");
                }
        }
}

static void fields__what_is_no_path__is_not_found(void **state) {
        (void) state;
        static const char *const wrong[] = { "", ".", "person", "person.", "person.emai", "person.email2", "answers.", "email", "consent_",
                "person.email.x" };
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                FieldId id;
                const char *key;
                if (field_find(wrong[i], &id, &key))
                        fail_msg("found \"%s\"", wrong[i]);
        }
        assert_null(field_info(FIELD_NONE));
        assert_null(field_info(FIELD_ID_MAX));
        assert_null(field_info((FieldId) 100000));
}

/* ---- values ---- */

static void values__integers_and_numbers__are_equal_only_when_exactly_so(void **state) {
        (void) state;
        static const struct {
                Value a, b;
                bool equal;
        } cases[] = {
                { { VALUE_INTEGER, 0, { .integer = 5 } }, { VALUE_NUMBER, 0, { .number = 5.0 } }, true },
                { { VALUE_INTEGER, 0, { .integer = 5 } }, { VALUE_NUMBER, 0, { .number = 5.5 } }, false },
                { { VALUE_INTEGER, 0, { .integer = INT64_MAX } }, { VALUE_NUMBER, 0, { .number = 9223372036854775808.0 } }, false },
                { { VALUE_INTEGER, 0, { .integer = INT64_MIN } }, { VALUE_NUMBER, 0, { .number = -9223372036854775808.0 } }, true },
                { { VALUE_INTEGER, 0, { .integer = 9007199254740993 } }, { VALUE_NUMBER, 0, { .number = 9007199254740992.0 } }, false },
                { { VALUE_INTEGER, 0, { .integer = 0 } }, { VALUE_NUMBER, 0, { .number = -0.0 } }, true },
                { { VALUE_INTEGER, 0, { .integer = 1 } }, { VALUE_BOOL, 0, { .boolean = true } }, false },
                { { VALUE_INTEGER, 0, { .integer = 1 } }, { VALUE_TEXT, 1, { .text = "1" } }, false },
                { { VALUE_TEXT, 1, { .text = "a" } }, { VALUE_TEXT, 2, { .text = "ab" } }, false },
                { { VALUE_TEXT, 2, { .text = "ab" } }, { VALUE_TEXT, 2, { .text = "ab" } }, true },
                { { VALUE_ABSENT, 0, { 0 } }, { VALUE_ABSENT, 0, { 0 } }, true },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                if (value_equal(&cases[i].a, &cases[i].b) != cases[i].equal || value_equal(&cases[i].b, &cases[i].a) != cases[i].equal)
                        fail_msg("case %zu: want %d", i, cases[i].equal);
        }
}

/* ---- setting ---- */

static void facts__set_get_and_remove__keep_them_sorted(void **state) {
        (void) state;
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        Facts facts = { 0 };
        char volatile_text[] = "a@b.example", volatile_key[] = "z";
        assert_int_equal(facts_set(&facts, arena, FIELD_ANSWERS, volatile_key, value_text(volatile_text), 1), 0);
        assert_int_equal(facts_set(&facts, arena, FIELD_ANSWERS, "a", value_integer(1), 1), 0);
        assert_int_equal(facts_set(&facts, arena, FIELD_PERSON_EMAIL, NULL, value_text(volatile_text), 1), 0);
        volatile_text[0] = volatile_key[0] = '#';
        assert_int_equal(facts.n_items, 3);
        assert_int_equal(facts.items[0].field, FIELD_PERSON_EMAIL);
        assert_string_equal(facts.items[1].key, "a");
        assert_string_equal(facts_get(&facts, FIELD_ANSWERS, "z")->text, "a@b.example");
        assert_string_equal(facts_text(&facts, FIELD_PERSON_EMAIL), "a@b.example");
        assert_null(facts_get(&facts, FIELD_ANSWERS, NULL));
        assert_null(facts_get(&facts, FIELD_ANSWERS, "b"));
        assert_null(facts_text(&facts, FIELD_PERSON_NAME));
        assert_int_equal(facts_set(&facts, arena, FIELD_ANSWERS, "a", value_bool(true), 2), 0);
        assert_int_equal(facts.n_items, 3);
        assert_true(facts_get(&facts, FIELD_ANSWERS, "a")->boolean);
        assert_int_equal(facts_set(&facts, arena, FIELD_ANSWERS, "a", (Value){ 0 }, 2), 0);
        assert_int_equal(facts_set(&facts, arena, FIELD_ANSWERS, "a", (Value){ 0 }, 2), 0);
        assert_int_equal(facts.n_items, 2);
        assert_null(facts_get(&facts, FIELD_ANSWERS, "a"));
}

static void facts__what_does_not_fit__is_refused(void **state) {
        (void) state;
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        Facts facts = { 0 };
        assert_int_equal(facts_set(&facts, arena, FIELD_NONE, NULL, value_text("x"), 1), -EINVAL);
        assert_int_equal(facts_set(&facts, arena, (FieldId) 254, NULL, value_text("x"), 1), -EINVAL);
        assert_int_equal(facts_set(&facts, arena, FIELD_ANSWERS, NULL, value_text("x"), 1), -EINVAL);
        assert_int_equal(facts_set(&facts, arena, FIELD_ANSWERS, "", value_text("x"), 1), -EINVAL);
        assert_int_equal(facts_set(&facts, arena, FIELD_PERSON_EMAIL, "x", value_text("x"), 1), -EINVAL);
        assert_int_equal(facts_set(&facts, arena, FIELD_PERSON_EMAIL, NULL, value_integer(1), 1), -EINVAL);
        assert_int_equal(facts_set(&facts, arena, FIELD_COMPANY_EMPLOYEES, NULL, value_text("1"), 1), -EINVAL);
        assert_int_equal(facts_set(&facts, arena, FIELD_COMPANY_EMPLOYEES, NULL, value_number(NAN), 1), -EINVAL);
        assert_int_equal(facts_set(&facts, arena, FIELD_COMPANY_EMPLOYEES, NULL, value_number(INFINITY), 1), -EINVAL);
        assert_int_equal(facts.n_items, 0);
}

/* ---- merging ---- */

static void merge__newest_statement_wins_and_the_rest_stays(void **state) {
        (void) state;
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        Facts profile = { 0 }, update = { 0 };
        bool changed = false;
        facts_set(&profile, arena, FIELD_PERSON_TITLE, NULL, value_text("Manager"), 10);
        facts_set(&profile, arena, FIELD_PERSON_NAME, NULL, value_text("Maria"), 10);
        facts_set(&profile, arena, FIELD_COMPANY_EMPLOYEES, NULL, value_integer(5), 10);
        facts_set(&update, arena, FIELD_PERSON_TITLE, NULL, value_text("Director"), 11);
        facts_set(&update, arena, FIELD_PERSON_NAME, NULL, value_text(""), 11);
        facts_set(&update, arena, FIELD_COMPANY_EMPLOYEES, NULL, value_integer(9), 9);
        facts_set(&update, arena, FIELD_ANSWERS, "q", value_text("yes"), 11);
        facts_set(&update, arena, FIELD_ACTIVITY_NAME, NULL, value_text("not of the lead"), 11);
        assert_int_equal(facts_merge(&profile, arena, &update, &changed), 0);
        assert_true(changed);
        assert_string_equal(facts_text(&profile, FIELD_PERSON_TITLE), "Director");
        assert_string_equal(facts_text(&profile, FIELD_PERSON_NAME), "Maria");
        assert_int_equal(facts_get(&profile, FIELD_COMPANY_EMPLOYEES, NULL)->integer, 5);
        assert_string_equal(facts_get(&profile, FIELD_ANSWERS, "q")->text, "yes");
        assert_null(facts_text(&profile, FIELD_ACTIVITY_NAME));
        assert_int_equal(facts_merge(&profile, arena, &update, &changed), 0);
        assert_false(changed);
}

static void merge__saying_the_address_again__is_no_change(void **state) {
        (void) state;
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        Facts profile = { 0 }, update = { 0 };
        bool changed = true;
        for (int i = 0; i < 2; i++) {
                Facts *facts = i ? &update : &profile;
                facts_set(facts, arena, FIELD_PERSON_EMAIL, NULL, value_text("m@keller.example"), 10 + i);
                facts_set(facts, arena, FIELD_PERSON_EMAIL_DOMAIN, NULL, value_text("keller.example"), fact_derived_time(10 + i));
                facts_set(facts, arena, FIELD_COMPANY_DOMAIN, NULL, value_text("keller.example"), fact_derived_time(10 + i));
                facts_set(facts, arena, FIELD_PERSON_EXTERNAL_IDS, "crm", value_text("7"), 10 + i);
        }
        assert_int_equal(facts_merge(&profile, arena, &update, &changed), 0);
        assert_false(changed);
        facts_set(&update, arena, FIELD_PERSON_TITLE, NULL, value_text("Chef"), 12);
        assert_int_equal(facts_merge(&profile, arena, &update, &changed), 0);
        assert_true(changed);
}

static void merge__derived_values__never_displace_stated_ones(void **state) {
        (void) state;
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        Facts profile = { 0 }, update = { 0 };
        bool changed;
        facts_set(&profile, arena, FIELD_PERSON_SENIORITY, NULL, value_text("vp"), 10);
        facts_set(&update, arena, FIELD_PERSON_SENIORITY, NULL, value_text("director"), fact_derived_time(20));
        assert_int_equal(facts_merge(&profile, arena, &update, &changed), 0);
        assert_false(changed);
        assert_string_equal(facts_text(&profile, FIELD_PERSON_SENIORITY), "vp");
        facts_set(&update, arena, FIELD_PERSON_SENIORITY, NULL, value_text("manager"), 5);
        Facts derived_first = { 0 };
        facts_set(&derived_first, arena, FIELD_PERSON_SENIORITY, NULL, value_text("director"), fact_derived_time(20));
        assert_int_equal(facts_merge(&derived_first, arena, &update, &changed), 0);
        assert_string_equal(facts_text(&derived_first, FIELD_PERSON_SENIORITY), "manager");
        assert_int_equal(fact_time(&(Fact){ .time_us = fact_derived_time(20) }), 20);
}

static void merge__email_domain__follows_the_address(void **state) {
        (void) state;
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        Facts profile = { 0 }, update = { 0 };
        bool changed;
        facts_set(&profile, arena, FIELD_PERSON_EMAIL, NULL, value_text("a@z.example"), 10);
        facts_set(&profile, arena, FIELD_PERSON_EMAIL_DOMAIN, NULL, value_text("z.example"), fact_derived_time(10));
        facts_set(&update, arena, FIELD_PERSON_EMAIL, NULL, value_text("b@a.example"), 10);
        facts_set(&update, arena, FIELD_PERSON_EMAIL_DOMAIN, NULL, value_text("a.example"), fact_derived_time(10));
        assert_int_equal(facts_merge(&profile, arena, &update, &changed), 0);
        assert_string_equal(facts_text(&profile, FIELD_PERSON_EMAIL), "b@a.example");
        assert_string_equal(facts_text(&profile, FIELD_PERSON_EMAIL_DOMAIN), "a.example");
}

static void merge__consent_at_one_instant__is_the_more_restrictive(void **state) {
        (void) state;
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        for (int first = 0; first < 2; first++) {
                Facts profile = { 0 }, update = { 0 };
                bool changed;
                facts_set(&profile, arena, FIELD_CONSENT, "contact", value_bool(first), 10);
                facts_set(&update, arena, FIELD_CONSENT, "contact", value_bool(!first), 10);
                assert_int_equal(facts_merge(&profile, arena, &update, &changed), 0);
                assert_false(facts_get(&profile, FIELD_CONSENT, "contact")->boolean);
                facts_set(&update, arena, FIELD_CONSENT, "contact", value_bool(true), 11);
                assert_int_equal(facts_merge(&profile, arena, &update, &changed), 0);
                assert_true(facts_get(&profile, FIELD_CONSENT, "contact")->boolean);
        }
}

/* One lead has one address and one id a system (they identify it), so these do not vary here. */
static void fix_identity(Arena *arena, Facts *facts, int64_t time_us) {
        for (size_t i = facts->n_items; i > 0; i--) {
                Fact *fact = &facts->items[i - 1];
                if (fact->field == FIELD_PERSON_EXTERNAL_IDS || fact->field == FIELD_PERSON_EMAIL ||
                        fact->field == FIELD_PERSON_EMAIL_DOMAIN)
                        facts_set(facts, arena, fact->field, fact->key, (Value){ 0 }, 0);
        }
        facts_set(facts, arena, FIELD_PERSON_EMAIL, NULL, value_text("m@keller.example"), time_us);
}

static void forget_address_times(Facts *facts) {
        for (size_t i = 0; i < facts->n_items; i++)
                if (facts->items[i].field == FIELD_PERSON_EMAIL || facts->items[i].field == FIELD_PERSON_EMAIL_DOMAIN)
                        facts->items[i].time_us = 0;
}

/* Equal as numbers, not as bytes: a book must not tell which came first. */
static void merge__one_number_written_two_ways_at_one_instant__is_kept_one_way(void **state) {
        static const struct {
                Value a, b;
        } cases[] = {
                { { .type = VALUE_INTEGER, .integer = 600 }, { .type = VALUE_NUMBER, .number = 600.0 } },
                { { .type = VALUE_NUMBER, .number = 0.0 }, { .type = VALUE_NUMBER, .number = -0.0 } },
        };
        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(arena_freep) Arena *arena = arena_new(0);
                Facts a = { 0 }, b = { 0 }, forward = { 0 }, backward = { 0 };
                bool changed;
                assert_int_equal(facts_set(&a, arena, FIELD_COMPANY_EMPLOYEES, NULL, cases[i].a, 100), 0);
                assert_int_equal(facts_set(&b, arena, FIELD_COMPANY_EMPLOYEES, NULL, cases[i].b, 100), 0);
                assert_true(facts_equal(&a, &b));
                assert_true(facts_compare(&a, &b) != 0);
                assert_int_equal(facts_compare(&a, &b), -facts_compare(&b, &a));
                assert_int_equal(facts_merge(&forward, arena, &a, &changed), 0);
                assert_int_equal(facts_merge(&forward, arena, &b, &changed), 0);
                assert_int_equal(facts_merge(&backward, arena, &b, &changed), 0);
                assert_int_equal(facts_merge(&backward, arena, &a, &changed), 0);
                assert_int_equal(facts_compare(&forward, &backward), 0);
        }
}

static void merge__any_order_of_delivery__gives_the_same_profile(void **state) {
        (void) state;
        random_start("merge in any order");
        for (int round = 0; round < 2000; round++) {
                _cleanup_(arena_freep) Arena *arena = arena_new(0);
                Facts updates[5] = { 0 }, forward = { 0 }, shuffled = { 0 };
                for (size_t i = 0; i < ARRAY_SIZE(updates); i++) {
                        random_facts(arena, &updates[i], random_below(12), 100 + (int64_t) random_below(4));
                        fix_identity(arena, &updates[i], 100);
                }
                size_t order[ARRAY_SIZE(updates)] = { 0, 1, 2, 3, 4 };
                for (size_t i = ARRAY_SIZE(order) - 1; i > 0; i--) {
                        size_t j = random_below(i + 1), swap = order[i];
                        order[i] = order[j];
                        order[j] = swap;
                }
                bool changed;
                for (size_t i = 0; i < ARRAY_SIZE(updates); i++) {
                        assert_int_equal(facts_merge(&forward, arena, &updates[i], &changed), 0);
                        assert_int_equal(facts_merge(&shuffled, arena, &updates[order[i]], &changed), 0);
                }
                forget_address_times(&forward);
                forget_address_times(&shuffled);
                expect_equal(&shuffled, &forward);
                for (size_t i = 0; i < ARRAY_SIZE(updates); i++) {
                        assert_int_equal(facts_merge(&forward, arena, &updates[i], &changed), 0);
                        if (changed) {
                                expect_equal(&forward, &shuffled);
                                fail_msg("a redelivery changed the profile");
                        }
                }
        }
}

/* ---- encoding ---- */

static void encoding__random_facts__come_back_and_equal_facts_give_equal_bytes(void **state) {
        (void) state;
        random_start("encoding round trips");
        Text a = { 0 }, b = { 0 };
        for (int round = 0; round < 3000; round++) {
                _cleanup_(arena_freep) Arena *arena = arena_new(0);
                Facts facts = { 0 }, decoded = { 0 };
                random_facts(arena, &facts, random_below(60), (int64_t) random_next() >> (1 + random_below(60)));
                text_clear(&a);
                assert_int_equal(facts_encode(&facts, &a), 0);
                assert_int_equal(facts_decode(a.data, a.size, round % 2, arena, &decoded), 0);
                expect_equal(&decoded, &facts);
                text_clear(&b);
                assert_int_equal(facts_encode(&decoded, &b), 0);
                assert_int_equal(b.size, a.size);
                assert_memory_equal(b.data, a.data, a.size);
        }
        text_free(&a);
        text_free(&b);
}

static void encoding__limits_of_the_types__survive(void **state) {
        (void) state;
        static const int64_t integers[] = { 0, 1, -1, INT64_MAX, INT64_MIN, 9007199254740993, -64, 63, 64, 40000000123 };
        static const double numbers[] = { 0.5, -0.0, 1e300, -1e-300, 4.9e-324, 9223372036854775808.0, -9223372036854775808.0, 3.0 };
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        Facts facts = { 0 }, decoded = { 0 };
        char key[32];
        for (size_t i = 0; i < ARRAY_SIZE(integers); i++) {
                (void) snprintf(key, sizeof key, "i%zu", i);
                facts_set(&facts, arena, FIELD_ANSWERS, key, value_integer(integers[i]), integers[i]);
        }
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                (void) snprintf(key, sizeof key, "n%zu", i);
                facts_set(&facts, arena, FIELD_ANSWERS, key, value_number(numbers[i]), (int64_t) i);
        }
        for (int i = 0; i < 200; i++) { /* many distinct times */
                (void) snprintf(key, sizeof key, "t%d", i);
                facts_set(&facts, arena, FIELD_ACTIVITY_PROPERTIES, key, value_text("x"), INT64_C(1772720551000000) + i * 1000003);
        }
        Text text = { 0 };
        assert_int_equal(facts_encode(&facts, &text), 0);
        assert_int_equal(facts_decode(text.data, text.size, false, arena, &decoded), 0);
        expect_equal(&decoded, &facts);
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                (void) snprintf(key, sizeof key, "n%zu", i);
                double got = NAN;
                assert_true(value_as_number(facts_get(&decoded, FIELD_ANSWERS, key), &got));
                if (got != numbers[i])
                        fail_msg("got %.17g, want %.17g", got, numbers[i]);
        }
        text_free(&text);
}

static void encoding__damaged_bytes__are_an_outcome(void **state) {
        (void) state;
        random_start("damaged encodings");
        _cleanup_(arena_freep) Arena *keep = arena_new(0);
        Facts facts = { 0 };
        random_facts(keep, &facts, 40, 1000);
        Text text = { 0 };
        assert_int_equal(facts_encode(&facts, &text), 0);
        for (size_t size = 0; size < text.size; size++) {
                _cleanup_(arena_freep) Arena *arena = arena_new(1 << 20);
                _cleanup_(base_freep) void *cut = malloc(size ? size : 1); /* exact, so that a sanitizer sees each byte too far */
                memcpy(cut, text.data, size);
                Facts decoded = { 0 };
                int r = facts_decode(cut, size, false, arena, &decoded);
                if (r != RECORD_E_CORRUPT)
                        fail_msg("cut to %zu of %zu: got %d", size, text.size, r);
                assert_null(decoded.items);
        }
        for (int round = 0; round < 20000; round++) {
                _cleanup_(arena_freep) Arena *arena = arena_new(1 << 20);
                _cleanup_(base_freep) char *bytes = malloc(text.size);
                memcpy(bytes, text.data, text.size);
                for (size_t i = 0; i <= random_below(3); i++)
                        bytes[random_below(text.size)] = (char) random_next();
                Facts decoded = { 0 };
                int r = facts_decode(bytes, text.size, round % 2, arena, &decoded);
                assert_true(r == 0 || r == RECORD_E_CORRUPT);
                if (r == 0) {
                        Text again = { 0 };
                        assert_int_equal(facts_encode(&decoded, &again), 0);
                        text_free(&again);
                }
        }
        Facts decoded = { 0 };
        static const uint8_t newer[] = { 2, 0, 0 }, huge[] = { 1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f };
        assert_int_equal(facts_decode(newer, sizeof newer, false, keep, &decoded), RECORD_E_CORRUPT);
        assert_int_equal(facts_decode(huge, sizeof huge, false, keep, &decoded), RECORD_E_CORRUPT);
        text_free(&text);
}

/* ---- JSON ---- */

static void to_json__all_places__are_those_of_the_record(void **state) {
        (void) state;
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        Facts facts = { 0 };
        int64_t at = INT64_C(1772720551000000);
        facts_set(&facts, arena, FIELD_PERSON_EMAIL, NULL, value_text("m@keller.example"), at);
        facts_set(&facts, arena, FIELD_PERSON_ADDRESS_COUNTRY, NULL, value_text("DE"), at);
        facts_set(&facts, arena, FIELD_PERSON_EXTERNAL_IDS, "crm.eu", value_text("7"), at);
        facts_set(&facts, arena, FIELD_COMPANY_EMPLOYEES, NULL, value_integer(180), at);
        facts_set(&facts, arena, FIELD_ANSWERS, "a", value_integer(1), at);
        facts_set(&facts, arena, FIELD_ANSWERS, "a.b", value_number(2.5), at);
        facts_set(&facts, arena, FIELD_CONSENT, "contact", value_bool(true), at);
        facts_set(&facts, arena, FIELD_CONSENT_AT, "contact", value_integer(at), at);
        facts_set(&facts, arena, FIELD_CONSENT_BASIS, "contact", value_text("consent"), at);
        facts_set(&facts, arena, FIELD_OUTCOME_ACTOR, NULL, value_text("rep:anna"), at);
        facts_set(&facts, arena, FIELD_OUTCOME_MEETING_STARTS_AT, NULL, value_integer(at), at);
        facts_set(&facts, arena, FIELD_OPPORTUNITY_STAGE, NULL, value_text("proposal"), at);
        facts_set(&facts, arena, FIELD_OWNER_NAME, NULL, value_text("anna"), at);
        json_t *data = NULL;
        assert_int_equal(facts_to_json(&facts, &data), 0);
        char *got = json_dumps(data, JSON_COMPACT | JSON_SORT_KEYS);
        assert_string_equal(got,
                "{\"answers\":{\"a\":1,\"a.b\":2.5},\"company\":{\"employees\":180},"
                "\"consent\":[{\"at\":\"2026-03-05T14:22:31Z\",\"basis\":\"consent\",\"granted\":true,\"purpose\":\"contact\"}],"
                "\"outcome\":{\"actor\":\"rep:anna\",\"meeting\":{\"starts_at\":\"2026-03-05T14:22:31Z\"},\"opportunity\":{\"stage\":"
                "\"proposal\"}},"
                "\"owner\":{\"name\":\"anna\"},"
                "\"person\":{\"address\":{\"country\":\"DE\"},\"email\":\"m@keller.example\",\"external_ids\":{\"crm.eu\":\"7\"}}}");
        free(got);
        json_decref(data);
        facts_set(&facts, arena, FIELD_PERSON_NAME, NULL, value_text("\xff"), at);
        assert_int_equal(facts_to_json(&facts, &data), RECORD_E_CORRUPT);
}

static void derived_time__of_the_earliest_instant__does_not_overflow(void **state) {
        (void) state;
        assert_int_equal(fact_derived_time(INT64_MIN), INT64_MIN);
        assert_int_equal(fact_derived_time(INT64_MIN + FACT_DERIVED_US), INT64_MIN);
        assert_int_equal(fact_derived_time(7), 7 - FACT_DERIVED_US);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(derived_time__of_the_earliest_instant__does_not_overflow),
                cmocka_unit_test(fields__every_path__is_found),
                cmocka_unit_test(fields__what_is_no_path__is_not_found),
                cmocka_unit_test(values__integers_and_numbers__are_equal_only_when_exactly_so),
                cmocka_unit_test(facts__set_get_and_remove__keep_them_sorted),
                cmocka_unit_test(facts__what_does_not_fit__is_refused),
                cmocka_unit_test(merge__newest_statement_wins_and_the_rest_stays),
                cmocka_unit_test(merge__saying_the_address_again__is_no_change),
                cmocka_unit_test(merge__derived_values__never_displace_stated_ones),
                cmocka_unit_test(merge__email_domain__follows_the_address),
                cmocka_unit_test(merge__consent_at_one_instant__is_the_more_restrictive),
                cmocka_unit_test(merge__one_number_written_two_ways_at_one_instant__is_kept_one_way),
                cmocka_unit_test(merge__any_order_of_delivery__gives_the_same_profile),
                cmocka_unit_test(encoding__random_facts__come_back_and_equal_facts_give_equal_bytes),
                cmocka_unit_test(encoding__limits_of_the_types__survive),
                cmocka_unit_test(encoding__damaged_bytes__are_an_outcome),
                cmocka_unit_test(to_json__all_places__are_those_of_the_record),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
