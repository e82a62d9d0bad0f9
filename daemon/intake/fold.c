/* SPDX-License-Identifier: MIT */
/*
 * Folding of names that people write in many ways (countries, column headings):
 * case, accents, spaces and punctuation do not count. "E-Mail", "e_mail" and
 * "email" fold to one text. Letters of other scripts stay.
 */
#include <glib.h>

#include "internal.h"

/* Letters that decomposition does not turn into a plain one. */
static const struct {
        gunichar letter;
        char plain[3];
} plain_letters[] = {
        { 0xe6, "ae" },
        { 0xf0, "d" },
        { 0xf8, "o" },
        { 0xfe, "th" },
        { 0x111, "d" },
        { 0x131, "i" },
        { 0x142, "l" },
        { 0x153, "oe" },
};

static size_t fold_character(gunichar c, char *out) {
        if (c < 0x80) {
                if (!g_ascii_isalnum((gchar) c))
                        return 0;
                *out = (char) c;
                return 1;
        }
        bool is_mark = c >= 0x300 && c <= 0x36f;
        bool is_punctuation = (c >= 0xa0 && c <= 0xbf) || (c >= 0x2000 && c <= 0x206f);
        if (is_mark || is_punctuation)
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(plain_letters); i++)
                if (plain_letters[i].letter == c) {
                        size_t size = strlen(plain_letters[i].plain);
                        memcpy(out, plain_letters[i].plain, size);
                        return size;
                }
        return (size_t) g_unichar_to_utf8(c, out);
}

/* false: too long, or no UTF-8. GLib aborts when memory is exhausted; what it is given here is short. */
static bool fold_unicode(const char *text, size_t size, char ret[static FOLD_SIZE_MAX], size_t *ret_size) {
        if (!g_utf8_validate(text, (gssize) size, NULL))
                return false;
        g_autofree char *folded = g_utf8_casefold(text, (gssize) size);
        g_autofree char *apart = g_utf8_normalize(folded, -1, G_NORMALIZE_ALL);
        if (!apart)
                return false;
        size_t n = 0;
        for (const char *at = apart; *at; at = g_utf8_next_char(at)) {
                if (n + 6 >= FOLD_SIZE_MAX)
                        return false;
                n += fold_character(g_utf8_get_char(at), ret + n);
        }
        g_autofree char *composed = g_utf8_normalize(ret, (gssize) n, G_NORMALIZE_ALL_COMPOSE);
        *ret_size = composed ? strlen(composed) : FOLD_SIZE_MAX;
        if (*ret_size >= FOLD_SIZE_MAX)
                return false;
        memcpy(ret, composed, *ret_size);
        return true;
}

bool name_fold(const char *text, size_t size, char ret[static FOLD_SIZE_MAX], size_t *ret_size) {
        size_t n = 0;
        if (size >= FOLD_SIZE_MAX)
                return false;
        for (size_t i = 0; i < size; i++) {
                if ((unsigned char) text[i] >= 0x80)
                        return fold_unicode(text, size, ret, ret_size);
                if (g_ascii_isalnum(text[i]))
                        ret[n++] = g_ascii_tolower(text[i]);
        }
        *ret_size = n;
        return true;
}
