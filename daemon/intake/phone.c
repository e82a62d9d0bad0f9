/* SPDX-License-Identifier: MIT */
/*
 * Telephone numbers to E.164, so that one number written in several ways is one key.
 * A wrong key would give one person's history to another: what is not certain (no
 * region, an unlikely length, letters, an extension) is not resolved.
 */
#include <stdio.h>

#include "country.h"
#include "internal.h"

#define E164_DIGITS_MIN 7
#define E164_DIGITS_MAX 15
#define CALLING_CODE_DIGITS_MAX 3

bool phone_is_e164(const char *text) {
        if (text[0] != '+' || text[1] == '0')
                return false;
        size_t n = strspn(text + 1, "0123456789");
        return text[1 + n] == '\0' && n >= E164_DIGITS_MIN && n <= E164_DIGITS_MAX;
}

/* Digits of a written number. *ret_plus: it began with +. A "(0)" after a + is the trunk zero people write for readers at home. */
static bool phone_digits(const char *text, size_t size, char digits[static E164_DIGITS_MAX + 8], size_t *ret_n, bool *ret_plus) {
        if (size >= 4 && strncasecmp(text, "tel:", 4) == 0) {
                text += 4;
                size -= 4;
        }
        size_t n = 0;
        bool plus = false;
        for (size_t i = 0; i < size; i++) {
                char c = text[i];
                if (c >= '0' && c <= '9') {
                        if (n == E164_DIGITS_MAX + 7)
                                return false;
                        digits[n++] = c;
                } else if (c == '+') {
                        if (plus || n > 0)
                                return false;
                        plus = true;
                } else if (plus && c == '(' && size - i >= 3 && text[i + 1] == '0' && text[i + 2] == ')')
                        i += 2;
                else if (c == '\xc2' && i + 1 < size && text[i + 1] == '\xa0')
                        i++; /* the no-break space of word processors */
                else if (!strchr(" \t-./()", c) || c == '\0')
                        return false;
        }
        digits[n] = '\0';
        *ret_n = n;
        *ret_plus = plus;
        return n > 0;
}

static bool length_fits(const Country *country, size_t n) { return n >= country->digits_min && n <= country->digits_max; }

/* +CODE REST: the code must exist and the rest be as long as numbers are in a country that has it. */
static bool resolve_international(const char *digits, char ret[static PHONE_TEXT_SIZE]) {
        if (digits[0] == '0')
                return false;
        for (size_t code_size = 1; code_size <= CALLING_CODE_DIGITS_MAX && digits[code_size - 1]; code_size++) {
                unsigned code = 0;
                for (size_t i = 0; i < code_size; i++)
                        code = code * 10 + (unsigned) (digits[i] - '0');
                const char *rest = digits + code_size;
                for (size_t i = 0; i < intake_n_countries; i++) {
                        const Country *country = &intake_countries[i];
                        if (country->calling_code != code)
                                continue;
                        const char *number = rest;
                        if (base_streq(country->trunk, "0") && *number == '0')
                                number++;
                        if (*number && length_fits(country, strlen(number)))
                                return snprintf(ret, PHONE_TEXT_SIZE, "+%u%s", code, number) < PHONE_TEXT_SIZE;
                }
        }
        return false;
}

/* Where all numbers have about one length, a local number (without its town) is shorter than any of them: then the trunk prefix
 * may be missing, as spreadsheets like to drop a leading 0. Elsewhere a number without it could be of any town. */
static bool may_omit_trunk(const Country *country) {
        return !base_streq(country->trunk, "0") || country->digits_max - country->digits_min <= 1;
}

static bool resolve_national(const Country *country, const char *digits, char ret[static PHONE_TEXT_SIZE]) {
        size_t trunk = strlen(country->trunk);
        bool has_trunk = trunk > 0 && strncmp(digits, country->trunk, trunk) == 0;
        const char *number = NULL;
        if (has_trunk && length_fits(country, strlen(digits + trunk)))
                number = digits + trunk;
        else if ((!has_trunk || !base_streq(country->trunk, "0")) && may_omit_trunk(country) && length_fits(country, strlen(digits)))
                number = digits;
        if (!number)
                return false;
        return snprintf(ret, PHONE_TEXT_SIZE, "+%u%s", country->calling_code, number) < PHONE_TEXT_SIZE;
}

bool phone_resolve(const char *text, size_t size, const char *region, char ret[static PHONE_TEXT_SIZE]) {
        char digits[E164_DIGITS_MAX + 8] = "";
        size_t n;
        bool plus;
        if (!phone_digits(text, size, digits, &n, &plus))
                return false;
        if (plus)
                return resolve_international(digits, ret);
        const Country *country = region ? country_by_alpha2(region) : NULL;
        if (!country || country->calling_code == 0)
                return strncmp(digits, "00", 2) == 0 && resolve_international(digits + 2, ret);
        const char *international = *country->international ? country->international : "00";
        size_t prefix = strlen(international);
        if (strncmp(digits, international, prefix) == 0 && resolve_international(digits + prefix, ret))
                return true;
        return resolve_national(country, digits, ret);
}
