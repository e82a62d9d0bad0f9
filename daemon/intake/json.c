/* SPDX-License-Identifier: MIT */
/*
 * One JSON object from bytes, after RFC 8259 and stricter: no NUL, valid UTF-8,
 * bounded depth, no duplicate keys, no numbers beyond int64 and double, no lone
 * surrogates, nothing behind the object. The values are jansson's, the reading is
 * ours: jansson looks at each byte through several calls, which took 16 of the 31
 * microseconds a record cost (building and freeing the same values: 3), its error
 * texts quote the input, and it lets a raw NUL pass behind a number. A test reads
 * everything with both.
 */
#include "json.h"

#include <errno.h>
#include <glib.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "leadd/base.h"
#include "leadd/intake.h"

typedef struct Place {
        const char *data;
        size_t size;
        uint64_t line, offset;
} Place;

/* "line 7, column 12 (byte 345): WHAT" or "byte 345: WHAT". Columns count bytes. */
static int refuse(const Place *place, size_t at, const char *reason, const char **ret_reason, char text[static JSON_TEXT_SIZE],
        const char *format, ...) _printf_(6, 7);
static int refuse(const Place *place, size_t at, const char *reason, const char **ret_reason, char text[static JSON_TEXT_SIZE],
        const char *format, ...) {
        va_list args;
        size_t line_start = 0, n_lines = 0;
        for (size_t i = 0; i < at && i < place->size; i++)
                if (place->data[i] == '\n') {
                        line_start = i + 1;
                        n_lines++;
                }
        int n = place->line
                        ? snprintf(text, JSON_TEXT_SIZE, "line %llu, column %zu (byte %llu): ", (unsigned long long) place->line + n_lines,
                                  at - line_start + 1, (unsigned long long) place->offset + at)
                        : snprintf(text, JSON_TEXT_SIZE, "byte %llu: ", (unsigned long long) place->offset + at);
        va_start(args, format);
        (void) vsnprintf(text + n, JSON_TEXT_SIZE - (size_t) n, format, args);
        va_end(args);
        *ret_reason = reason;
        return JSON_E_REFUSED;
}

/* The first byte at which the text stops being UTF-8. */
static size_t utf8_end(const char *data, size_t size) {
        size_t low = 0, high = size; /* data[0 .. low) is valid, data[0 .. high] is not */
        while (low < high) {
                size_t middle = low + (high - low + 1) / 2, cut = middle;
                while (cut > low && cut < size && ((unsigned char) data[cut] & 0xc0) == 0x80)
                        cut--;
                if (utf8_is_valid(data, cut) && cut > low)
                        low = cut;
                else if (high > middle - 1)
                        high = middle - 1;
        }
        return low;
}

/* ---- reading values ---- */

#define NUMBER_SIZE_MAX 512 /* digits of a number that is no integer: enough for any double, written out */

typedef struct Reader {
        const char *at, *end;
        unsigned depth;
        Text text;                 /* scratch: a string with escapes */
        const char *reason, *what; /* why reading stopped, at `at`; NULL reason: out of memory */
} Reader;

/* All functions below: NULL (or false) means that reading stopped. */
static void *stop(Reader *reader, const char *reason, const char *what) {
        reader->reason = reason;
        reader->what = what;
        return NULL;
}

static void *stop_syntax(Reader *reader) {
        if (reader->at == reader->end)
                return stop(reader, "json_syntax", "the text ends before the value does");
        return stop(reader, "json_syntax", "not JSON");
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static void skip_spaces(Reader *reader) {
        while (reader->at < reader->end && is_space(*reader->at))
                reader->at++;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* ---- strings ---- */

static bool read_hex4(Reader *reader, const char *at, uint32_t *ret) {
        *ret = 0;
        for (int i = 0; i < 4; i++) {
                int digit = at + i < reader->end ? g_ascii_xdigit_value(at[i]) : -1;
                if (digit < 0) {
                        stop(reader, "json_syntax", "\\u is not followed by four hexadecimal digits");
                        return false;
                }
                *ret = *ret << 4 | (uint32_t) digit;
        }
        return true;
}

/* The character behind "\u", with its second half when it is a pair; reader->at is at the u. */
static bool read_unicode_escape(Reader *reader) {
        uint32_t c, low;
        if (!read_hex4(reader, reader->at + 1, &c))
                return false;
        if (c == 0) {
                stop(reader, "nul", "a text or key holds U+0000");
                return false;
        }
        if (c >= 0xd800 && c < 0xe000) {
                bool is_pair = c < 0xdc00 && reader->end - reader->at >= 7 && reader->at[5] == '\\' && reader->at[6] == 'u';
                if (is_pair && !read_hex4(reader, reader->at + 7, &low))
                        return false;
                if (!is_pair || low < 0xdc00 || low >= 0xe000) {
                        stop(reader, "json_surrogate", "half of a surrogate pair");
                        return false;
                }
                c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                reader->at += 6;
        }
        reader->at += 5;
        char utf8[6];
        text_append_size(&reader->text, utf8, (size_t) g_unichar_to_utf8(c, utf8));
        return true;
}

static bool read_escape(Reader *reader) {
        static const char escapes[] = "\"\\/bfnrt", characters[] = "\"\\/\b\f\n\r\t";
        const char *found = reader->at < reader->end && *reader->at ? strchr(escapes, *reader->at) : NULL;
        if (found) {
                text_append_char(&reader->text, characters[found - escapes]);
                reader->at++;
                return true;
        }
        if (reader->at < reader->end && *reader->at == 'u')
                return read_unicode_escape(reader);
        stop(reader, "json_syntax", "\\ is followed by something that is no escape");
        return false;
}

/* Bytes of a string that stand for themselves. */
static const char *plain_end(const char *at, const char *end) {
        while (at < end && *at != '"' && *at != '\\' && (unsigned char) *at >= 0x20)
                at++;
        return at;
}

/* reader->at is behind the opening quote. The bytes are in the input or in reader->text, until the next string. */
static bool read_string(Reader *reader, const char **ret, size_t *ret_size) {
        const char *start = reader->at;
        reader->at = plain_end(start, reader->end);
        if (reader->at < reader->end && *reader->at == '"') {
                *ret = start;
                *ret_size = (size_t) (reader->at++ - start);
                return true;
        }
        text_clear(&reader->text);
        for (;;) {
                text_append_size(&reader->text, start, (size_t) (reader->at - start));
                if (reader->at == reader->end) {
                        stop(reader, "json_syntax", "the text ends inside a string");
                        return false;
                }
                char c = *reader->at;
                if (c == '"')
                        break;
                if (c != '\\') {
                        stop(reader, "json_syntax", "a control character inside a string");
                        return false;
                }
                reader->at++;
                if (!read_escape(reader))
                        return false;
                start = reader->at;
                reader->at = plain_end(start, reader->end);
        }
        reader->at++;
        *ret = reader->text.data;
        *ret_size = reader->text.size;
        return !reader->text.error; /* without a reason: no memory */
}

/* ---- numbers ---- */

/* Exact: a mantissa below 2^53 and a power of ten that a double holds exactly make one rounding, as strtod() does. */
static bool small_real(const char *start, const char *end, double *ret) {
        static const double powers[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
        uint64_t mantissa = 0;
        size_t n_digits = 0, n_fraction = 0;
        bool in_fraction = false;
        for (const char *at = start + (*start == '-'); at < end; at++) {
                if (*at == '.') {
                        in_fraction = true;
                        continue;
                }
                if (!is_digit(*at) || ++n_digits > 15)
                        return false;
                mantissa = mantissa * 10 + (uint64_t) (*at - '0');
                n_fraction += in_fraction;
        }
        *ret = (double) mantissa / powers[n_fraction];
        if (*start == '-')
                *ret = -*ret;
        return true;
}

static json_t *read_real(Reader *reader, const char *start) {
        static const char beyond[] = "a number is beyond what a 64-bit integer or a double holds";
        char copy[NUMBER_SIZE_MAX];
        double number;
        size_t size = (size_t) (reader->at - start);
        if (!small_real(start, reader->at, &number)) {
                if (size >= sizeof copy)
                        return stop(reader, "json_number", beyond);
                memcpy(copy, start, size);
                copy[size] = '\0';
                number = g_ascii_strtod(copy, NULL);
                if (!isfinite(number))
                        return stop(reader, "json_number", beyond);
        }
        return json_real(number);
}

static json_t *read_number(Reader *reader) {
        const char *start = reader->at;
        bool is_negative = *reader->at == '-';
        reader->at += is_negative;
        const char *digits = reader->at;
        uint64_t magnitude = 0;
        bool overflows = false;
        while (reader->at < reader->end && is_digit(*reader->at)) {
                overflows = overflows || magnitude > (UINT64_MAX - 9) / 10;
                magnitude = magnitude * 10 + (uint64_t) (*reader->at++ - '0');
        }
        if (reader->at == digits)
                return stop_syntax(reader);
        if (*digits == '0' && reader->at - digits > 1) {
                reader->at = digits;
                return stop(reader, "json_syntax", "a number begins with 0");
        }
        bool is_real = false;
        if (reader->at < reader->end && *reader->at == '.') {
                is_real = true;
                const char *fraction = ++reader->at;
                while (reader->at < reader->end && is_digit(*reader->at))
                        reader->at++;
                if (reader->at == fraction)
                        return stop_syntax(reader);
        }
        if (reader->at < reader->end && (*reader->at == 'e' || *reader->at == 'E')) {
                is_real = true;
                reader->at++;
                if (reader->at < reader->end && (*reader->at == '+' || *reader->at == '-'))
                        reader->at++;
                const char *exponent = reader->at;
                while (reader->at < reader->end && is_digit(*reader->at))
                        reader->at++;
                if (reader->at == exponent)
                        return stop_syntax(reader);
        }
        if (is_real)
                return read_real(reader, start);
        if (overflows || magnitude > (uint64_t) INT64_MAX + is_negative) {
                reader->at = start;
                return stop(reader, "json_number", "a number is beyond what a 64-bit integer holds (ids that large are texts)");
        }
        return json_integer(is_negative ? (json_int_t) (0 - magnitude) : (json_int_t) magnitude);
}

/* ---- values ---- */

static json_t *read_value(Reader *reader);

static json_t *read_word(Reader *reader) {
        static const char *const words[] = { "true", "false", "null" };
        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                size_t size = strlen(words[i]);
                if ((size_t) (reader->end - reader->at) >= size && memcmp(reader->at, words[i], size) == 0) {
                        reader->at += size;
                        return i == 0 ? json_true() : i == 1 ? json_false() : json_null();
                }
        }
        return stop_syntax(reader);
}

/* Behind a member or an element: the closing bracket ends it, a comma wants another one. */
static bool read_separator(Reader *reader, char close, bool *ret_done) {
        skip_spaces(reader);
        char c = reader->at < reader->end ? *reader->at : '\0';
        *ret_done = c == close;
        if (c != close && c != ',') {
                stop_syntax(reader);
                return false;
        }
        reader->at++;
        skip_spaces(reader);
        return true;
}

/* `key` is of this member and outlives the reading of its value, which uses the scratch text again. */
static bool read_member_value(Reader *reader, json_t *object, const char *key, size_t size, const char *start) {
        skip_spaces(reader);
        if (reader->at == reader->end || *reader->at != ':') {
                stop_syntax(reader);
                return false;
        }
        reader->at++;
        skip_spaces(reader);
        json_t *value = read_value(reader);
        if (!value)
                return false;
        size_t n = json_object_size(object);
        if (json_object_setn_new_nocheck(object, key, size, value) < 0)
                return false;
        if (json_object_size(object) > n)
                return true;
        reader->at = start;
        stop(reader, "json_duplicate_key", "a key occurs twice in one object");
        return false;
}

static bool read_member(Reader *reader, json_t *object) {
        const char *key, *start = reader->at;
        size_t size;
        if (reader->at == reader->end || *reader->at != '"') {
                stop_syntax(reader);
                return false;
        }
        reader->at++;
        if (!read_string(reader, &key, &size))
                return false;
        if (key != reader->text.data) /* the input's own bytes stay where they are */
                return read_member_value(reader, object, key, size, start);
        char *copy = malloc(size + 1);
        if (!copy)
                return false;
        memcpy(copy, key, size);
        bool ok = read_member_value(reader, object, copy, size, start);
        free(copy);
        return ok;
}

static json_t *read_object(Reader *reader) {
        json_t *object = json_object();
        bool done = reader->at < reader->end && *reader->at == '}';
        bool ok = object;
        reader->at += done;
        while (ok && !done)
                ok = read_member(reader, object) && read_separator(reader, '}', &done);
        if (ok)
                return object;
        json_decref(object);
        return NULL;
}

static json_t *read_array(Reader *reader) {
        json_t *array = json_array();
        bool done = reader->at < reader->end && *reader->at == ']';
        bool ok = array;
        reader->at += done;
        while (ok && !done) {
                json_t *value = read_value(reader);
                ok = value && json_array_append_new(array, value) == 0 && read_separator(reader, ']', &done);
        }
        if (ok)
                return array;
        json_decref(array);
        return NULL;
}

static json_t *read_value(Reader *reader) {
        if (reader->at == reader->end)
                return stop_syntax(reader);
        char c = *reader->at;
        if (c == '"') {
                const char *text;
                size_t size;
                reader->at++;
                return read_string(reader, &text, &size) ? json_stringn_nocheck(text, size) : NULL;
        }
        if (c == '{' || c == '[') {
                if (reader->depth == INTAKE_DEPTH_MAX)
                        return stop(reader, "too_deep", "nested deeper than 16 levels");
                reader->at++;
                reader->depth++;
                skip_spaces(reader);
                json_t *value = c == '{' ? read_object(reader) : read_array(reader);
                reader->depth--;
                return value;
        }
        return c == '-' || is_digit(c) ? read_number(reader) : read_word(reader);
}

_Static_assert(INTAKE_DEPTH_MAX == 16, "the sentence about depth names the limit");

int json_read(const char *data, size_t size, uint64_t line, uint64_t offset, json_t **ret, const char **ret_reason,
        char text[static JSON_TEXT_SIZE]) {
        const Place place = { data, size, line, offset };
        const char *nul = memchr(data, '\0', size);
        if (nul)
                return refuse(&place, (size_t) (nul - data), "nul", ret_reason, text, "a NUL byte");
        if (!utf8_is_valid(data, size))
                return refuse(&place, utf8_end(data, size), "utf8", ret_reason, text, "not UTF-8");

        Reader reader = { .at = data, .end = data + size };
        skip_spaces(&reader);
        const char *start = reader.at;
        json_t *value = read_value(&reader);
        text_free(&reader.text);
        if (value) {
                skip_spaces(&reader);
                if (reader.at < reader.end)
                        stop(&reader, "json_syntax", "there is text behind the value");
                else if (!json_is_object(value)) {
                        reader.at = start;
                        stop(&reader, "not_an_object", "a record is a JSON object");
                }
        } else if (!reader.reason)
                return -ENOMEM;
        if (!reader.reason) {
                *ret = value;
                return 0;
        }
        json_decref(value);
        return refuse(&place, (size_t) (reader.at - data), reader.reason, ret_reason, text, "%s", reader.what);
}
