/* SPDX-License-Identifier: MIT */
/*
 * Text: a growing byte string whose first failure sticks, varints, and what
 * must be known of UTF-8: validity, case folding and the nearest word.
 * GLib's GString is not used because it aborts when memory runs out.
 */
#include "casefold_table.h"

#include <errno.h>
#include <glib.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- growing ---- */

/* Room for `more` bytes and the final NUL; false when the text is in error. */
static bool text_reserve(Text *text, size_t more) {
        size_t needed;
        if (text->error < 0)
                return false;
        if (__builtin_add_overflow(text->size, more, &needed) || __builtin_add_overflow(needed, 1, &needed) || needed > PTRDIFF_MAX) {
                text->error = -ENOMEM;
                return false;
        }
        if (text->data && needed <= text->capacity)
                return true;
        size_t capacity = text->capacity < 64 ? 64 : text->capacity;
        while (capacity < needed)
                capacity = capacity > PTRDIFF_MAX / 2 ? needed : capacity * 2;
        char *data = realloc(text->data, capacity);
        if (!data) {
                text->error = -ENOMEM;
                return false;
        }
        text->data = data;
        text->capacity = capacity;
        return true;
}

void text_append_size(Text *text, const void *data, size_t size) {
        if (!text_reserve(text, size))
                return;
        if (size > 0)
                memcpy(text->data + text->size, data, size);
        text->size += size;
        text->data[text->size] = '\0';
}

void text_append(Text *text, const char *s) { text_append_size(text, s, strlen(s)); }

void text_append_char(Text *text, char c) { text_append_size(text, &c, 1); }

void text_vprintf(Text *text, const char *format, va_list args) {
        va_list again;
        /* Most lines are short: one pass into the free part, a second only when it did not fit. */
        if (!text_reserve(text, 64))
                return;
        va_copy(again, args);
        size_t room = text->capacity - text->size;
        int n = vsnprintf(text->data + text->size, room, format, args);
        if (n >= 0 && (size_t) n >= room && text_reserve(text, (size_t) n))
                n = vsnprintf(text->data + text->size, text->capacity - text->size, format, again);
        va_end(again);
        if (n < 0)
                text->error = -ENOMEM;
        if (text->error < 0) {
                text->data[text->size] = '\0';
                return;
        }
        text->size += (size_t) n;
}

void text_printf(Text *text, const char *format, ...) {
        va_list args;
        va_start(args, format);
        text_vprintf(text, format, args);
        va_end(args);
}

void text_clear(Text *text) {
        text->size = 0;
        text->error = 0;
        if (text->data)
                text->data[0] = '\0';
}

void text_free(Text *text) {
        free(text->data);
        *text = (Text){ 0 };
}

/* ---- varints ---- */

void text_append_varint(Text *text, uint64_t value) {
        uint8_t bytes[10];
        size_t n = 0;
        while (value >= 0x80) {
                bytes[n++] = (uint8_t) (value | 0x80);
                value >>= 7;
        }
        bytes[n++] = (uint8_t) value;
        text_append_size(text, bytes, n);
}

bool base_varint_read(const uint8_t **at, const uint8_t *end, uint64_t *ret) {
        uint64_t value = 0;
        const uint8_t *p = *at;
        for (unsigned shift = 0; shift < 64 && p < end; shift += 7) {
                uint8_t byte = *p++;
                if (shift == 63 && byte > 1)
                        return false;
                value |= (uint64_t) (byte & 0x7f) << shift;
                if (byte < 0x80) {
                        *at = p;
                        *ret = value;
                        return true;
                }
        }
        return false;
}

/* ---- UTF-8 ---- */

static size_t ascii_prefix(const uint8_t *s, size_t size) {
        size_t i = 0;
        for (; i + 8 <= size; i += 8) {
                uint64_t word;
                memcpy(&word, s + i, sizeof word);
                if (word & UINT64_C(0x8080808080808080))
                        break;
        }
        while (i < size && s[i] < 0x80)
                i++;
        return i;
}

/* Length of the sequence at s (2 to 4), or 0 when it is not well-formed: truncated, overlong, a surrogate, past U+10FFFF. */
static size_t utf8_sequence(const uint8_t *s, size_t size) {
        uint8_t lead = s[0], low = 0x80, high = 0xbf;
        size_t n;
        if (lead >= 0xc2 && lead <= 0xdf)
                n = 2;
        else if (lead >= 0xe0 && lead <= 0xef) {
                n = 3;
                if (lead == 0xe0)
                        low = 0xa0;
                if (lead == 0xed)
                        high = 0x9f;
        } else if (lead >= 0xf0 && lead <= 0xf4) {
                n = 4;
                if (lead == 0xf0)
                        low = 0x90;
                if (lead == 0xf4)
                        high = 0x8f;
        } else
                return 0;
        if (size < n || s[1] < low || s[1] > high)
                return 0;
        for (size_t i = 2; i < n; i++)
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
        return n;
}

bool utf8_is_valid(const char *s, size_t size) {
        const uint8_t *p = (const uint8_t *) s;
        for (size_t i = 0; i < size;) {
                i += ascii_prefix(p + i, size - i);
                if (i == size)
                        break;
                size_t n = utf8_sequence(p + i, size - i);
                if (n == 0)
                        return false;
                i += n;
        }
        return true;
}

/* As g_utf8_casefold, which allocates and aborts on exhaustion; these two parts of it do not. */
static void text_append_folded(Text *text, const char *s) {
        gunichar c = g_utf8_get_char(s);
        size_t low = 0, high = casefold_table_size;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (casefold_table[middle].character == c) {
                        text_append(text, casefold_table[middle].folded);
                        return;
                }
                if (casefold_table[middle].character < c)
                        low = middle + 1;
                else
                        high = middle;
        }
        char folded[6];
        text_append_size(text, folded, (size_t) g_unichar_to_utf8(g_unichar_tolower(c), folded));
}

char *utf8_casefold(Arena *arena, const char *s, size_t size, size_t *ret_size) {
        const uint8_t *p = (const uint8_t *) s;
        size_t n_ascii = ascii_prefix(p, size);
        if (n_ascii == size) {
                char *copy = arena_strndup(arena, s, size);
                if (!copy)
                        return NULL;
                for (size_t i = 0; i < size; i++)
                        if (copy[i] >= 'A' && copy[i] <= 'Z')
                                copy[i] = (char) (copy[i] | 0x20);
                if (ret_size)
                        *ret_size = size;
                return copy;
        }
        _cleanup_(text_free) Text text = { 0 };
        for (size_t i = 0; i < size;) {
                size_t n = p[i] < 0x80 ? 1 : utf8_sequence(p + i, size - i);
                if (n > 1)
                        text_append_folded(&text, s + i);
                else /* a byte that is not UTF-8 stands for itself */
                        text_append_char(&text, n == 1 && s[i] >= 'A' && s[i] <= 'Z' ? (char) (s[i] | 0x20) : s[i]);
                i += n > 0 ? n : 1;
        }
        if (text.error < 0)
                return NULL;
        char *folded = arena_strndup(arena, text.data, text.size);
        if (folded && ret_size)
                *ret_size = text.size;
        return folded;
}

/* ---- the nearest word ---- */

#define CLOSEST_SIZE_MAX 64 /* longer words are not compared */

static char closest_fold(char c) {
        if (c >= 'A' && c <= 'Z')
                return (char) (c | 0x20);
        return c == '-' ? '_' : c;
}

/* Edit distance in which two swapped neighbours are one mistake, as on a keyboard. Case and - for _ cost nothing. */
static size_t closest_distance(const char *a, size_t n_a, const char *b, size_t n_b) {
        size_t rows[3][CLOSEST_SIZE_MAX + 1];
        size_t *before = rows[0], *last = rows[1], *row = rows[2];
        for (size_t j = 0; j <= n_b; j++)
                last[j] = j;
        for (size_t i = 1; i <= n_a; i++) {
                row[0] = i;
                for (size_t j = 1; j <= n_b; j++) {
                        char x = closest_fold(a[i - 1]), y = closest_fold(b[j - 1]);
                        size_t best = last[j - 1] + (x != y);
                        if (last[j] + 1 < best)
                                best = last[j] + 1;
                        if (row[j - 1] + 1 < best)
                                best = row[j - 1] + 1;
                        if (i > 1 && j > 1 && x == closest_fold(b[j - 2]) && y == closest_fold(a[i - 2]) && before[j - 2] + 1 < best)
                                best = before[j - 2] + 1;
                        row[j] = best;
                }
                size_t *oldest = before;
                before = last;
                last = row;
                row = oldest;
        }
        return last[n_b];
}

const char *text_closest(const char *word, const char *const *candidates, size_t n_candidates) {
        size_t n_word = strnlen(word, CLOSEST_SIZE_MAX + 1), best_distance = SIZE_MAX;
        const char *best = NULL;
        if (n_word == 0 || n_word > CLOSEST_SIZE_MAX)
                return NULL;
        for (size_t i = 0; i < n_candidates; i++) {
                size_t n = candidates[i] ? strnlen(candidates[i], CLOSEST_SIZE_MAX + 1) : 0;
                if (n == 0 || n > CLOSEST_SIZE_MAX)
                        continue;
                /* One mistake in a short word, up to three in a long one; never more than half of what was typed. */
                size_t longer = n > n_word ? n : n_word, allowed = longer < 4 ? 1 : longer < 8 ? 2 : 3;
                if (allowed * 2 > n_word)
                        allowed = n_word / 2;
                size_t distance = closest_distance(word, n_word, candidates[i], n);
                if (distance <= allowed && distance < best_distance) {
                        best_distance = distance;
                        best = candidates[i];
                }
        }
        return best;
}
