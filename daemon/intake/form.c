/* SPDX-License-Identifier: MIT */
/*
 * A form as browsers post it: application/x-www-form-urlencoded, one record a file.
 * A name that occurs again (check boxes) has its values joined by ", ", and the
 * "[]" some frameworks write behind such names does not count.
 */
#include <errno.h>

#include "framer.h"
#include "leadd/intake.h"

static int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

/* In place; false: a % without two digits behind it. */
static bool percent_decode(char *text, size_t *size) {
        size_t n = 0;
        for (size_t i = 0; i < *size; i++) {
                if (text[i] == '+')
                        text[n++] = ' ';
                else if (text[i] != '%')
                        text[n++] = text[i];
                else {
                        int high = i + 2 < *size ? hex_digit(text[i + 1]) : -1;
                        int low = i + 2 < *size ? hex_digit(text[i + 2]) : -1;
                        if (high < 0 || low < 0)
                                return false;
                        text[n++] = (char) (high << 4 | low);
                        i += 2;
                }
        }
        *size = n;
        return true;
}

/* Takes nothing; adds to what the name already has. */
static int add_pair(json_t *payload, const char *name, const char *value, size_t size) {
        const json_t *known = json_object_get(payload, name);
        if (!known) {
                json_t *text = json_stringn(value, size);
                return text && json_object_set_new(payload, name, text) == 0 ? 0 : -ENOMEM;
        }
        Text joined = { 0 };
        text_append_size(&joined, json_string_value(known), json_string_length(known));
        if (joined.size > 0 && size > 0)
                text_append(&joined, ", ");
        text_append_size(&joined, value, size);
        json_t *text = joined.error ? NULL : json_stringn(joined.data ? joined.data : "", joined.size);
        text_free(&joined);
        return text && json_object_set_new(payload, name, text) == 0 ? 0 : -ENOMEM;
}

/* One NAME=VALUE of the copy; writes into it. */
static int read_pair(Frame *frame, json_t *payload, char *pair, size_t size, size_t position) {
        char *equals = memchr(pair, '=', size);
        size_t name_size = equals ? (size_t) (equals - pair) : size;
        char *value = equals ? equals + 1 : pair + size;
        size_t value_size = size - (size_t) (value - pair);
        if (!percent_decode(pair, &name_size) || !percent_decode(value, &value_size)) {
                frame_refuse(frame, "form_syntax", NULL, "pair %zu: %% is not followed by two hexadecimal digits", position);
                return 0;
        }
        if (memchr(pair, '\0', name_size) || memchr(value, '\0', value_size)) {
                frame_refuse(frame, "nul", NULL, "pair %zu holds a NUL character", position);
                return 0;
        }
        if (!utf8_is_valid(pair, name_size) || !utf8_is_valid(value, value_size)) {
                frame_refuse(frame, "utf8", NULL, "pair %zu is not UTF-8", position);
                return 0;
        }
        if (name_size > 2 && memcmp(pair + name_size - 2, "[]", 2) == 0)
                name_size -= 2;
        if (name_size == 0 && value_size == 0)
                return 0;
        char *name = strndup(pair, name_size);
        int r = name ? add_pair(payload, name, value, value_size) : -ENOMEM;
        free(name);
        return r;
}

static int read_form(Frame *frame) {
        char *copy = malloc(frame->size + 1);
        json_t *payload = json_object();
        int r = copy && payload ? 0 : -ENOMEM;
        if (r == 0)
                memcpy(copy, frame->data, frame->size);
        size_t position = 1;
        for (size_t at = 0; r == 0 && !frame->reason && at < frame->size; position++) {
                char *end = memchr(copy + at, '&', frame->size - at);
                size_t size = end ? (size_t) (end - copy) - at : frame->size - at;
                if (position > INTAKE_CSV_COLUMNS_MAX)
                        frame_refuse(frame, "too_many_answers", NULL, "the form has more than %d pairs", INTAKE_CSV_COLUMNS_MAX);
                else if (size > 0)
                        r = read_pair(frame, payload, copy + at, size, position);
                at += size + 1;
        }
        free(copy);
        if (r < 0 || frame->reason)
                json_decref(payload);
        else
                frame->payload = payload;
        return r;
}

int form_next(Framer *framer, Frame *frame) {
        Stream *stream = framer->stream;
        int r;
        do
                r = framer_more(framer);
        while (r == 0);
        if (r == STREAM_E_FULL || (r == FRAMER_E_END && stream->size > INTAKE_RECORD_SIZE_MAX)) {
                r = framer_refuse_large(framer, frame, "the form");
                while (r == 0) {
                        stream_consume(stream, stream->size);
                        r = framer_more(framer);
                }
                return r == FRAMER_E_END ? 0 : r;
        }
        if (r != FRAMER_E_END)
                return r;
        size_t size = stream->size;
        while (size > 0 && (stream->data[size - 1] == '\n' || stream->data[size - 1] == '\r' || stream->data[size - 1] == ' '))
                size--;
        framer->taken = stream->size;
        if (size == 0)
                return framer_offset(framer) > 0 && stream->offset > 0 ? FRAMER_E_END
                                                                       : framer_unusable(framer, "empty", "the form is empty");
        frame->data = stream->data;
        frame->size = size;
        return read_form(frame);
}
