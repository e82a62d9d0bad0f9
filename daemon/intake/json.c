/* SPDX-License-Identifier: MIT */
/*
 * One JSON object from bytes, after RFC 8259 and stricter: no NUL (jansson lets a raw
 * one pass behind a number), valid UTF-8, bounded depth before jansson recurses, no
 * duplicate keys, no numbers beyond int64 and double, no lone surrogates, nothing
 * behind the object. jansson's error texts quote the input and are not used.
 */
#include "json.h"

#include <errno.h>
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
        int n = place->line ? snprintf(text, JSON_TEXT_SIZE,
                                      "line %llu, column %zu (byte %llu): ", (unsigned long long) (place->line + n_lines),
                                      at - line_start + 1, (unsigned long long) (place->offset + at))
                            : snprintf(text, JSON_TEXT_SIZE, "byte %llu: ", (unsigned long long) (place->offset + at));
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

/* SIZE_MAX: never deeper than allowed. Brackets inside strings do not count. */
static size_t find_too_deep(const char *data, size_t size) {
        unsigned depth = 0;
        for (size_t i = 0; i < size; i++) {
                switch (data[i]) {
                case '"':
                        for (i++; i < size && data[i] != '"'; i++)
                                i += data[i] == '\\';
                        break;
                case '{':
                case '[':
                        if (++depth > INTAKE_DEPTH_MAX)
                                return i;
                        break;
                case '}':
                case ']':
                        depth -= depth > 0;
                        break;
                default:
                        break;
                }
        }
        return SIZE_MAX;
}

static const struct {
        enum json_error_code code;
        const char *reason, *text;
} sentences[] = {
        { json_error_duplicate_key, "json_duplicate_key", "a key occurs twice in one object" },
        { json_error_numeric_overflow, "json_number", "a number is beyond what a 64-bit integer or a double holds" },
        { json_error_null_character, "nul", "a text or key holds U+0000" },
        { json_error_null_byte_in_key, "nul", "a text or key holds U+0000" },
        { json_error_invalid_utf8, "utf8", "not UTF-8" },
        { json_error_premature_end_of_input, "json_syntax", "the text ends before the value does" },
        { json_error_end_of_input_expected, "json_syntax", "there is text behind the value" },
        { json_error_stack_overflow, "too_deep", "nested too deeply" },
};

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

int json_read(const char *data, size_t size, uint64_t line, uint64_t offset, json_t **ret, const char **ret_reason,
        char text[static JSON_TEXT_SIZE]) {
        const Place place = { data, size, line, offset };
        const char *nul = memchr(data, '\0', size);
        if (nul)
                return refuse(&place, (size_t) (nul - data), "nul", ret_reason, text, "a NUL byte");
        if (!utf8_is_valid(data, size))
                return refuse(&place, utf8_end(data, size), "utf8", ret_reason, text, "not UTF-8");
        size_t deep = find_too_deep(data, size);
        if (deep != SIZE_MAX)
                return refuse(&place, deep, "too_deep", ret_reason, text, "nested deeper than %d levels", INTAKE_DEPTH_MAX);

        json_error_t error;
        json_t *value = json_loadb(data, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
        if (!value) {
                enum json_error_code code = json_error_code(&error);
                if (code == json_error_out_of_memory)
                        return -ENOMEM;
                size_t at = error.position > 0 && (size_t) error.position <= size ? (size_t) error.position - 1 : 0;
                for (size_t i = 0; i < ARRAY_SIZE(sentences); i++)
                        if (sentences[i].code == code)
                                return refuse(&place, at, sentences[i].reason, ret_reason, text, "%s", sentences[i].text);
                return refuse(&place, at, "json_syntax", ret_reason, text, "not JSON");
        }
        if (!json_is_object(value)) {
                size_t start = 0;
                while (start < size && is_space(data[start]))
                        start++;
                json_decref(value);
                return refuse(&place, start, "not_an_object", ret_reason, text, "a record is a JSON object");
        }
        *ret = value;
        return 0;
}
