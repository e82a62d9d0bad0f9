/* SPDX-License-Identifier: MIT */
/* Arenas, growing texts and varints: what they hold, and what they answer when they may not hold more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <stdalign.h>
#include <stdio.h>

#include "leadd/base.h"

/* ---- arena ---- */

static void arena_alloc__any_size__is_zeroed_and_aligned(void **state) {
        (void) state;
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        assert_non_null(arena);
        for (int round = 0; round < 3; round++) {
                for (size_t size = 0; size < 3000; size += 7) {
                        uint8_t *p = arena_alloc(arena, size);
                        assert_non_null(p);
                        assert_int_equal((uintptr_t) p % alignof(max_align_t), 0);
                        for (size_t i = 0; i < size; i++)
                                assert_int_equal(p[i], 0);
                        memset(p, 0xa5, size);
                }
                arena_reset(arena);
                assert_int_equal(arena_size(arena), 0);
        }
}

static void arena_alloc__objects__do_not_overlap(void **state) {
        (void) state;
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        enum { N = 2000 };
        uint8_t *objects[N];
        size_t sizes[N];
        for (size_t i = 0; i < N; i++) {
                sizes[i] = i % 100 == 99 ? 300000 : 1 + i * 37 % 500;
                objects[i] = arena_alloc(arena, sizes[i]);
                assert_non_null(objects[i]);
                memset(objects[i], (int) (i & 0xff), sizes[i]);
        }
        for (size_t i = 0; i < N; i++)
                for (size_t at = 0; at < sizes[i]; at += 1 + sizes[i] / 50)
                        if (objects[i][at] != (i & 0xff))
                                fail_msg("object %zu at %zu: got %u, want %zu", i, at, objects[i][at], i & 0xff);
}

static void arena_alloc__over_max_size__is_refused_and_recovers_after_reset(void **state) {
        (void) state;
        _cleanup_(arena_freep) Arena *arena = arena_new(1024);
        assert_non_null(arena_alloc(arena, 1000));
        assert_null(arena_alloc(arena, 100));
        assert_non_null(arena_alloc(arena, 16));
        assert_null(arena_alloc(arena, 1));
        assert_null(arena_strdup(arena, "x"));
        assert_null(arena_printf(arena, "%s", "x"));
        assert_int_equal(arena_size(arena), 1024);
        arena_reset(arena);
        assert_non_null(arena_alloc(arena, 1024));
}

static void arena_alloc__absurd_sizes__are_refused(void **state) {
        (void) state;
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        volatile size_t huge = SIZE_MAX; /* the compiler would warn of a constant */
        assert_null(arena_alloc(arena, huge));
        assert_null(arena_alloc(arena, huge - 15));
        assert_null(arena_alloc(arena, huge / 2));
        assert_null(arena_strndup(arena, "x", huge));
        assert_null(ARENA_ARRAY(arena, uint64_t, huge / 4));
        assert_non_null(ARENA_ARRAY(arena, uint64_t, 4));
}

static void arena_printf__short_and_long__is_exact(void **state) {
        (void) state;
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        char line[1000];
        for (size_t n = 0; n < sizeof line; n++) {
                memset(line, 'a', n);
                line[n] = '\0';
                char *got = arena_printf(arena, "%s|%d", line, 7);
                assert_non_null(got);
                assert_int_equal(strlen(got), n + 2);
                assert_string_equal(got + n, "|7");
        }
        assert_string_equal(arena_strndup(arena, "abcdef", 3), "abc");
        assert_string_equal(arena_strndup(arena, NULL, 0), "");
}

/* ---- text ---- */

static void text__appends__are_one_terminated_string(void **state) {
        (void) state;
        _cleanup_(text_free) Text text = { 0 };
        assert_null(text.data);
        text_append(&text, "");
        assert_string_equal(text.data, "");
        text_append(&text, "a");
        text_append_char(&text, 'b');
        text_append_size(&text, "cdX", 2);
        text_printf(&text, "%d-%s", 42, "e");
        assert_string_equal(text.data, "abcd42-e");
        assert_int_equal(text.size, 8);
        text_clear(&text);
        assert_string_equal(text.data, "");
        assert_int_equal(text.size, 0);
        text_append_size(&text, "a\0b", 3);
        assert_int_equal(text.size, 3);
        assert_memory_equal(text.data, "a\0b", 4);
        text_free(&text);
        text_append(&text, "again");
        assert_string_equal(text.data, "again");
}

static void text_printf__every_length__is_exact(void **state) {
        (void) state;
        char line[300];
        for (size_t n = 0; n < sizeof line; n++) {
                _cleanup_(text_free) Text text = { 0 };
                memset(line, 'x', n);
                line[n] = '\0';
                text_append(&text, "<");
                text_printf(&text, "%s>", line);
                assert_int_equal(text.error, 0);
                assert_int_equal(text.size, n + 2);
                assert_int_equal(text.data[n + 1], '>');
                assert_int_equal(text.data[n + 2], 0);
        }
}

static void text__first_failure__sticks_until_cleared(void **state) {
        (void) state;
        _cleanup_(text_free) Text text = { 0 };
        volatile size_t huge = SIZE_MAX; /* the data is never read: there is no room for it */
        text_append(&text, "kept");
        text_append_size(&text, "x", huge);
        assert_int_equal(text.error, -ENOMEM);
        text_append(&text, "lost");
        text_printf(&text, "%s", "lost");
        text_append_varint(&text, 5);
        assert_string_equal(text.data, "kept");
        assert_int_equal(text.size, 4);
        text_clear(&text);
        assert_int_equal(text.error, 0);
        text_append(&text, "new");
        assert_string_equal(text.data, "new");
}

/* ---- varints ---- */

static void varint__every_width__comes_back(void **state) {
        (void) state;
        _cleanup_(text_free) Text text = { 0 };
        uint64_t values[64 * 3], n = 0;
        for (unsigned bit = 0; bit < 64; bit++) {
                values[n++] = UINT64_C(1) << bit;
                values[n++] = (UINT64_C(1) << bit) - 1;
                values[n++] = ~UINT64_C(0) >> bit;
        }
        for (size_t i = 0; i < n; i++)
                text_append_varint(&text, values[i]);
        const uint8_t *at = (const uint8_t *) text.data, *end = at + text.size;
        for (size_t i = 0; i < n; i++) {
                uint64_t got = 0;
                assert_true(base_varint_read(&at, end, &got));
                if (got != values[i])
                        fail_msg("varint %zu: got %llu, want %llu", i, (unsigned long long) got, (unsigned long long) values[i]);
        }
        assert_ptr_equal(at, end);
}

static void varint__bad_data__is_refused_and_moves_nothing(void **state) {
        (void) state;
        static const struct {
                const char *name;
                const char *data;
                size_t size;
        } cases[] = {
                { "nothing", "", 0 },
                { "ends in the middle", "\x80\x80", 2 },
                { "eleven bytes", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11 },
                { "65 bits", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const uint8_t *start = (const uint8_t *) cases[i].data, *at = start;
                uint64_t got = 77;
                if (base_varint_read(&at, start + cases[i].size, &got) || at != start || got != 77)
                        fail_msg("%s: was read as %llu", cases[i].name, (unsigned long long) got);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(arena_alloc__any_size__is_zeroed_and_aligned),
                cmocka_unit_test(arena_alloc__objects__do_not_overlap),
                cmocka_unit_test(arena_alloc__over_max_size__is_refused_and_recovers_after_reset),
                cmocka_unit_test(arena_alloc__absurd_sizes__are_refused),
                cmocka_unit_test(arena_printf__short_and_long__is_exact),
                cmocka_unit_test(text__appends__are_one_terminated_string),
                cmocka_unit_test(text_printf__every_length__is_exact),
                cmocka_unit_test(text__first_failure__sticks_until_cleared),
                cmocka_unit_test(varint__every_width__comes_back),
                cmocka_unit_test(varint__bad_data__is_refused_and_moves_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
