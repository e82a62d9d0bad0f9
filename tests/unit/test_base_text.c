/* SPDX-License-Identifier: MIT */
/* UTF-8: validity and folding; and which word somebody probably meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <glib.h>
#include <stdio.h>

#include "leadd/base.h"

/* ---- validity ---- */

static void utf8_is_valid__table__is_judged(void **state) {
        (void) state;
        static const struct {
                const char *name;
                const char *s;
                size_t size;
                bool want;
        } cases[] = {
                { "empty", "", 0, true },
                { "ASCII", "plain text, longer than a word", 30, true },
                { "NUL is a character", "a\0b", 3, true },
                { "umlauts", "M\xc3\xbcller", 7, true },
                { "three bytes", "\xe2\x82\xac", 3, true },
                { "four bytes", "\xf0\x9f\x98\x80", 4, true },
                { "last code point", "\xf4\x8f\xbf\xbf", 4, true },
                { "below the surrogates", "\xed\x9f\xbf", 3, true },
                { "lone continuation", "\x80", 1, false },
                { "Latin-1", "M\xfcller", 6, false },
                { "cut after one of two", "abc\xc3", 4, false },
                { "cut after three of four", "\xf0\x9f\x98", 3, false },
                { "overlong slash", "\xc0\xaf", 2, false },
                { "overlong, three bytes", "\xe0\x80\xaf", 3, false },
                { "overlong, four bytes", "\xf0\x80\x80\xaf", 4, false },
                { "surrogate", "\xed\xa0\x80", 3, false },
                { "past the last code point", "\xf4\x90\x80\x80", 4, false },
                { "five bytes", "\xf8\x88\x80\x80\x80", 5, false },
                { "0xff", "\xff", 1, false },
                { "bad in the ninth byte", "12345678\xff", 9, false },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                if (utf8_is_valid(cases[i].s, cases[i].size) != cases[i].want)
                        fail_msg("%s: got %d, want %d", cases[i].name, !cases[i].want, cases[i].want);
}

static void utf8_is_valid__random_bytes__agrees_with_glib(void **state) {
        (void) state;
        static const char *const pieces[] = { "a", "zz", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\xa0\x80", "\xc3", "\xf4\x90",
                "\x80" };
        uint32_t seed = 20260305;
        for (int round = 0; round < 50000; round++) {
                _cleanup_(text_free) Text text = { 0 };
                text_append(&text, "");
                for (int n = 0; n < 6; n++) {
                        seed = seed * 1664525 + 1013904223;
                        text_append(&text, pieces[(seed >> 16) % (round % 2 ? 5 : ARRAY_SIZE(pieces))]);
                }
                bool want = g_utf8_validate(text.data, (gssize) text.size, NULL);
                if (utf8_is_valid(text.data, text.size) != want)
                        fail_msg("round %d: want %d", round, want);
        }
}

/* ---- folding ---- */

static void utf8_casefold__table__is_folded(void **state) {
        (void) state;
        static const struct {
                const char *s;
                const char *want;
        } cases[] = {
                { "", "" },
                { "VP Marketing", "vp marketing" },
                { "[@`{~", "[@`{~" },
                { "M\xc3\x9cLLER", "m\xc3\xbcller" }, /* MÜLLER */
                { "Stra\xc3\x9f"
                  "e",
                        "strasse" },                                                        /* Straße */
                { "\xce\x91\xce\xa3", "\xce\xb1\xcf\x83" },                                 /* ΑΣ */
                { "\xce\xb1\xcf\x82", "\xce\xb1\xcf\x83" },                                 /* ας: the final sigma equals the other */
                { "\xd0\x98\xd0\xb2\xd0\xb0\xd0\xbd", "\xd0\xb8\xd0\xb2\xd0\xb0\xd0\xbd" }, /* Иван */
                { "A\xff"
                  "B",
                        "a\xff"
                        "b" }, /* not UTF-8: stands for itself */
                { "A\xc3", "a\xc3" },
        };
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                size_t size = 0;
                char *got = utf8_casefold(arena, cases[i].s, strlen(cases[i].s), &size);
                assert_non_null(got);
                if (!base_streq(got, cases[i].want) || size != strlen(cases[i].want))
                        fail_msg("case %zu: got \"%s\" (%zu), want \"%s\"", i, got, size, cases[i].want);
        }
}

static void utf8_casefold__long_text__equals_its_pieces(void **state) {
        (void) state;
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        _cleanup_(text_free) Text text = { 0 }, want = { 0 };
        for (int i = 0; i < 3000; i++) {
                text_append(&text, i % 3 ? "\xc3\x84" : "X");
                text_append(&want, i % 3 ? "\xc3\xa4" : "x");
                if (i % 500 == 499) {
                        text_append_size(&text, "\0\xfe", 2);
                        text_append_size(&want, "\0\xfe", 2);
                }
        }
        size_t size = 0;
        char *got = utf8_casefold(arena, text.data, text.size, &size);
        assert_int_equal(size, want.size);
        assert_memory_equal(got, want.data, want.size + 1);
}

/* Every character, and one beside it: folding has no context. */
static void utf8_casefold__all_of_unicode__is_as_glib_does_it(void **state) {
        (void) state;
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        size_t n_changed = 0;
        for (gunichar c = 1; c < 0x110000; c++) {
                char s[16] = "A";
                if (c >= 0xd800 && c < 0xe000)
                        continue;
                int n = 1 + g_unichar_to_utf8(c, s + 1);
                s[n++] = 'Z';
                char *want = g_utf8_casefold(s, n);
                size_t size;
                const char *got = utf8_casefold(arena, s, (size_t) n, &size);
                if (!got || size != strlen(want) || memcmp(got, want, size) != 0)
                        fail_msg("U+%04X: got %s, want %s", c, got, want);
                n_changed += size != (size_t) n || memcmp(got + 1, s + 1, size - 2) != 0;
                g_free(want);
                if (c % 1024 == 0)
                        arena_reset(arena);
        }
        assert_true(n_changed > 1400);
}

static void utf8_casefold__full_arena__is_refused(void **state) {
        (void) state;
        _cleanup_(arena_freep) Arena *arena = arena_new(16);
        assert_null(utf8_casefold(arena, "a text of more than sixteen bytes", 33, NULL));
        assert_null(utf8_casefold(arena, "\xc3\x84 text of more than sixteen bytes", 34, NULL));
        assert_string_equal(utf8_casefold(arena, "SHORT", 5, NULL), "short");
}

/* ---- the nearest word ---- */

static void text_closest__typing_mistakes__find_the_word(void **state) {
        (void) state;
        static const char *const paths[] = { "person.email", "person.seniority", "company.employees", "status", "segment", "grade", "fit",
                "engagement", "mql", "sal", "in_status" };
        static const struct {
                const char *word;
                const char *want;
        } cases[] = {
                { "person.emial", "person.email" },
                { "person.seniorty", "person.seniority" },
                { "company.employes", "company.employees" },
                { "Status", "status" },
                { "staus", "status" },
                { "in-status", "in_status" },
                { "instatus", "in_status" },
                { "gradee", "grade" },
                { "msl", "mql" },
                { "fti", "fit" },
                { "engagment", "engagement" },
                { "telephone", NULL },
                { "x", NULL },
                { "", NULL },
                { "a word that is much longer than any that somebody could have meant by it", NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const char *got = text_closest(cases[i].word, paths, ARRAY_SIZE(paths));
                if ((got == NULL) != (cases[i].want == NULL) || (got && !base_streq(got, cases[i].want)))
                        fail_msg(
                                "\"%s\": got %s, want %s", cases[i].word, got ? got : "nothing", cases[i].want ? cases[i].want : "nothing");
        }
}

static void text_closest__no_candidates__finds_nothing(void **state) {
        (void) state;
        const char *const with_holes[] = { NULL, "", "near" };
        assert_null(text_closest("near", NULL, 0));
        assert_string_equal(text_closest("naer", with_holes, ARRAY_SIZE(with_holes)), "near");
}

static void text_closest__equally_near__takes_the_first(void **state) {
        (void) state;
        const char *const words[] = { "bar", "car", "far" };
        assert_string_equal(text_closest("xar", words, ARRAY_SIZE(words)), "bar");
        assert_string_equal(text_closest("car", words, ARRAY_SIZE(words)), "car");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(utf8_is_valid__table__is_judged),
                cmocka_unit_test(utf8_is_valid__random_bytes__agrees_with_glib),
                cmocka_unit_test(utf8_casefold__table__is_folded),
                cmocka_unit_test(utf8_casefold__all_of_unicode__is_as_glib_does_it),
                cmocka_unit_test(utf8_casefold__long_text__equals_its_pieces),
                cmocka_unit_test(utf8_casefold__full_arena__is_refused),
                cmocka_unit_test(text_closest__typing_mistakes__find_the_word),
                cmocka_unit_test(text_closest__no_candidates__finds_nothing),
                cmocka_unit_test(text_closest__equally_near__takes_the_first),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
