/* SPDX-License-Identifier: MIT */
/* Digests against published vectors; keyed digests against values that Python's hmac module computed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>

#include "leadd/base.h"

static void digest_sha256__published_vectors__match(void **state) {
        (void) state;
        static char x_million[1000000];
        memset(x_million, 'x', sizeof x_million);
        const struct {
                const char *data;
                size_t size;
                const char *want;
        } cases[] = {
                { "", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
                { NULL, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
                { "abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
                { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
                        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
                { x_million, sizeof x_million, "1b977e9f84f1b26b6ed7f68b0498faee2385ea4125bd29adce4a7d9106ba3134" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                uint8_t digest[DIGEST_SIZE];
                char hex[2 * DIGEST_SIZE + 1];
                assert_int_equal(digest_sha256(cases[i].data, cases[i].size, digest), 0);
                digest_hex(digest, DIGEST_SIZE, hex);
                assert_string_equal(hex, cases[i].want);
        }
}

static void digest_keyed__table__matches_hmac_over_length_and_part(void **state) {
        (void) state;
        static const uint8_t zeroes[DIGEST_SIZE];
        uint8_t counted[DIGEST_SIZE];
        char xs[1000];
        memset(xs, 'x', sizeof xs);
        for (size_t i = 0; i < DIGEST_SIZE; i++)
                counted[i] = (uint8_t) i;
        const struct {
                const uint8_t *secret;
                DigestPart parts[2];
                size_t n_parts;
                const char *want;
        } cases[] = {
                { zeroes, { { NULL, 0 } }, 0, "b613679a0814d9ec772f95d778c35fc5" },
                { zeroes, { { NULL, 0 } }, 1, "f375180aba92888401f1919be4a8715a" },
                { counted, { { "anna@example.com", 16 } }, 1, "2d1d3ce15d30d317e6a40585563e1840" },
                { counted, { { "e", 1 }, { "anna@example.com", 16 } }, 2, "8b6b7fe22f73b6ac41e0e489d3a0d033" },
                { counted, { { "ab", 2 }, { "c", 1 } }, 2, "b0c00b9c008947559cd4524980c14546" },
                { counted, { { "a", 1 }, { "bc", 2 } }, 2, "c3c9c3696dc367b58a693eb7dfa40171" },
                { counted, { { xs, sizeof xs } }, 1, "7c4c814d170a88536064cca72a02daa0" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Key key;
                char hex[2 * KEY_SIZE + 1];
                assert_int_equal(digest_keyed(cases[i].secret, cases[i].parts, cases[i].n_parts, &key), 0);
                digest_hex(key.bytes, KEY_SIZE, hex);
                if (!base_streq(hex, cases[i].want))
                        fail_msg("case %zu: got %s, want %s", i, hex, cases[i].want);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(digest_sha256__published_vectors__match),
                cmocka_unit_test(digest_keyed__table__matches_hmac_over_length_and_part),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
