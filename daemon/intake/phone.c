/* SPDX-License-Identifier: MIT */
/*
 * Telephone numbers to E.164, so that one number written in several ways is one key.
 */
#include "internal.h"

#define E164_DIGITS_MIN 7
#define E164_DIGITS_MAX 15

bool phone_is_e164(const char *text) {
        if (text[0] != '+' || text[1] == '0')
                return false;
        size_t n = strspn(text + 1, "0123456789");
        return text[1 + n] == '\0' && n >= E164_DIGITS_MIN && n <= E164_DIGITS_MAX;
}
