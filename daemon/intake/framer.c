/* SPDX-License-Identifier: MIT */
/*
 * Framers of JSON files (one object, or an array that is split while streaming) and
 * of NDJSON (one object a line). They only find where a value ends; whether it is
 * JSON is json.c's to say. Structural damage between the elements of an array makes
 * the file unusable; a bad element is refused and the next one read.
 */
#include "framer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "leadd/intake.h"

int framer_unusable(Framer *framer, const char *reason, const char *text) {
        framer->reason = reason;
        framer->text = text;
        return FRAMER_E_UNUSABLE;
}

int framer_more(Framer *framer) {
        int r = stream_more(framer->stream);
        if (r == STREAM_E_UNUSABLE)
                return framer_unusable(framer, framer->stream->reason, framer->stream->text);
        return r == STREAM_E_END ? FRAMER_E_END : r;
}

int framer_count_lines(Framer *framer) {
        if (framer->line_known)
                return 0;
        int r = stream_count_lines(framer->stream, framer->stream->offset, framer->line_end, &framer->n_lines);
        framer->line_known = r == 0;
        return r;
}

void frame_refuse(Frame *frame, const char *reason, const char *field, const char *format, ...) {
        va_list args;
        va_start(args, format);
        (void) vsnprintf(frame->text, sizeof frame->text, format, args);
        va_end(args);
        frame->reason = reason;
        frame->field = field;
}

int framer_refuse_large(Framer *framer, Frame *frame, const char *what) {
        if (!framer->large)
                framer->large = malloc(INTAKE_RECORD_SIZE_MAX);
        if (!framer->large)
                return -ENOMEM;
        frame->size = framer->stream->size < INTAKE_RECORD_SIZE_MAX ? framer->stream->size : INTAKE_RECORD_SIZE_MAX;
        frame->data = memcpy(framer->large, framer->stream->data, frame->size);
        frame_refuse(frame, "too_large", NULL, "%s is longer than %d bytes", what, INTAKE_RECORD_SIZE_MAX);
        return 0;
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* ---- NDJSON ---- */

/* The window is full and holds no newline: lets bytes go until one comes. */
static int refuse_long_line(Framer *framer, Frame *frame) {
        Stream *stream = framer->stream;
        char what[48];
        int r = framer_count_lines(framer);
        if (r < 0)
                return r;
        frame->line = framer->n_lines + 1;
        (void) snprintf(what, sizeof what, "line %llu", (unsigned long long) frame->line);
        r = framer_refuse_large(framer, frame, what);
        while (r == 0) {
                char *newline = stream->size ? memchr(stream->data, '\n', stream->size) : NULL;
                if (newline) {
                        framer->taken = (size_t) (newline + 1 - stream->data);
                        framer->n_lines++;
                        return 0;
                }
                stream_consume(stream, stream->size);
                r = framer_more(framer);
        }
        return r == FRAMER_E_END ? 0 : r;
}

/* Finds the newline that ends the line at the front; without one *ret_size is all there is, and *ret_newline is false. */
static int find_line(Framer *framer, size_t *ret_size, bool *ret_newline) {
        Stream *stream = framer->stream;
        size_t searched = 0;
        for (;;) {
                char *newline = stream->size > searched ? memchr(stream->data + searched, '\n', stream->size - searched) : NULL;
                *ret_newline = newline;
                *ret_size = newline ? (size_t) (newline - stream->data) : stream->size;
                if (newline)
                        return 0;
                searched = stream->size;
                int r = framer_more(framer);
                if (r != 0)
                        return r == FRAMER_E_END ? 0 : r;
        }
}

static int ndjson_next(Framer *framer, Frame *frame) {
        Stream *stream = framer->stream;
        for (;;) {
                size_t size;
                bool newline;
                int r = find_line(framer, &size, &newline);
                if (r == STREAM_E_FULL || (r == 0 && size > INTAKE_RECORD_SIZE_MAX))
                        return refuse_long_line(framer, frame);
                if (r != 0)
                        return r;
                size_t start = 0, end = size;
                while (start < end && is_space(stream->data[start]))
                        start++;
                while (end > start && is_space(stream->data[end - 1]))
                        end--;
                framer->n_lines += newline;
                if (start < end) {
                        frame->data = stream->data + start;
                        frame->size = end - start;
                        frame->line = framer->line_known ? framer->n_lines + !newline : 0;
                        framer->taken = size + newline;
                        return 0;
                }
                stream_consume(stream, size + newline);
                if (!newline)
                        return FRAMER_E_END;
        }
}

/* ---- JSON ---- */

enum { JSON_SINGLE, JSON_FIRST, JSON_AFTER, JSON_DONE };

/* Where in a value a scan stands; survives the arrival of more bytes. */
typedef struct ValueScan {
        size_t at;
        unsigned depth;
        bool started, in_string, escaped, is_scalar;
} ValueScan;

/* Goes on until the value that started at data[0] ends; true when it has, with scan->at behind it. Brackets of both kinds count
 * alike: whether they match is for the parser. */
static bool scan_value(ValueScan *scan, const char *data, size_t size) {
        if (!scan->started && size > 0) {
                scan->started = true;
                scan->is_scalar = data[0] != '{' && data[0] != '[' && data[0] != '"';
        }
        for (; scan->at < size; scan->at++) {
                char c = data[scan->at];
                if (scan->in_string) {
                        if (scan->escaped)
                                scan->escaped = false;
                        else if (c == '\\')
                                scan->escaped = true;
                        else if (c == '"') {
                                scan->in_string = false;
                                if (scan->depth == 0) {
                                        scan->at++;
                                        return true;
                                }
                        }
                } else if (scan->is_scalar) {
                        if (c == ',' || c == ']' || is_space(c))
                                return true;
                } else if (c == '"')
                        scan->in_string = true;
                else if (c == '{' || c == '[')
                        scan->depth++;
                else if ((c == '}' || c == ']') && --scan->depth == 0) {
                        scan->at++;
                        return true;
                }
        }
        return false;
}

/* Drops spaces; FRAMER_E_END when nothing else is left. */
static int skip_spaces(Framer *framer) {
        Stream *stream = framer->stream;
        for (;;) {
                size_t n = 0;
                while (n < stream->size && is_space(stream->data[n]))
                        n++;
                stream_consume(stream, n);
                if (stream->size > 0)
                        return 0;
                int r = framer_more(framer);
                if (r != 0)
                        return r;
        }
}

/* The element at the front of the window becomes the frame. One that is too large is refused, and its bytes are let go until it ends. */
static int take_element(Framer *framer, Frame *frame) {
        Stream *stream = framer->stream;
        ValueScan scan = { 0 };
        char what[48];
        (void) snprintf(what, sizeof what, "the value at byte %llu", (unsigned long long) stream->offset);
        while (!scan_value(&scan, stream->data, stream->size)) {
                int r = framer_more(framer);
                if (r == STREAM_E_FULL) {
                        r = frame->reason ? 0 : framer_refuse_large(framer, frame, what);
                        stream_consume(stream, scan.at);
                        scan.at = 0;
                }
                if (r == FRAMER_E_END)
                        return framer_unusable(framer, "truncated", "the file ends before the array does");
                if (r != 0)
                        return r;
        }
        framer->taken = scan.at;
        if (frame->reason)
                return 0;
        if (scan.at > INTAKE_RECORD_SIZE_MAX)
                return framer_refuse_large(framer, frame, what);
        frame->data = stream->data;
        frame->size = scan.at;
        return 0;
}

/* Everything there is, which has to be one value: text behind it would make the file something else than it says it is. */
static int json_single(Framer *framer, Frame *frame) {
        Stream *stream = framer->stream;
        int r = skip_spaces(framer);
        if (r == FRAMER_E_END)
                return framer_unusable(framer, "empty", "the file holds no JSON value");
        while (r == 0)
                r = framer_more(framer);
        if (r != FRAMER_E_END && r != STREAM_E_FULL)
                return r;
        framer->state = JSON_DONE;
        size_t size = stream->size;
        while (size > 0 && is_space(stream->data[size - 1]))
                size--;
        framer->taken = stream->size;
        if (r == FRAMER_E_END && size <= INTAKE_RECORD_SIZE_MAX) {
                frame->data = stream->data;
                frame->size = size;
                return 0;
        }
        r = framer_refuse_large(framer, frame, "the value (an array of records may be longer)");
        while (r == 0) {
                framer->taken = 0;
                stream_consume(stream, stream->size);
                r = framer_more(framer);
        }
        return r == FRAMER_E_END ? 0 : r;
}

static int json_done(Framer *framer) {
        int r = skip_spaces(framer);
        return r == 0 ? framer_unusable(framer, "json_syntax", "there is text behind the array") : r;
}

static int json_next(Framer *framer, Frame *frame) {
        Stream *stream = framer->stream;
        if (framer->state == JSON_SINGLE)
                return json_single(framer, frame);
        if (framer->state == JSON_DONE)
                return json_done(framer);
        int r = skip_spaces(framer);
        if (r == 0 && *stream->data == ']') {
                stream_consume(stream, 1);
                framer->state = JSON_DONE;
                return json_done(framer);
        }
        if (r == 0 && framer->state == JSON_AFTER) {
                if (*stream->data != ',')
                        return framer_unusable(framer, "json_syntax", "two elements of the array have no comma between them");
                stream_consume(stream, 1);
                r = skip_spaces(framer);
        }
        if (r == FRAMER_E_END)
                return framer_unusable(framer, "truncated", "the file ends before the array does");
        if (r != 0)
                return r;
        if (*stream->data == ',' || *stream->data == ']')
                return framer_unusable(framer, "json_syntax", "an element is missing in the array");
        framer->state = JSON_AFTER;
        return take_element(framer, frame);
}

/* An array or one value? The first character tells, also when going on in the middle. */
static int json_open(Framer *framer, uint64_t offset) {
        int r = skip_spaces(framer);
        if (r == FRAMER_E_END)
                return 0; /* json_single() says that it is empty */
        if (r != 0)
                return r;
        if (*framer->stream->data != '[') {
                framer->state = offset > framer->stream->offset ? JSON_DONE : JSON_SINGLE;
                return 0;
        }
        stream_consume(framer->stream, 1);
        framer->state = offset > framer->stream->offset ? JSON_AFTER : JSON_FIRST;
        return 0;
}

/* ---- all kinds ---- */

int framer_open(Framer *framer, FramerKind kind, Stream *stream, uint64_t offset) {
        *framer = (Framer){ .stream = stream, .kind = kind, .line_end = '\n', .line_known = true };
        int r = kind == FRAMER_JSON ? json_open(framer, offset) : kind == FRAMER_CSV ? csv_open(framer) : 0;
        if (r != 0 || offset == 0)
                return r;
        uint64_t n_lines = 0;
        stream_consume(stream, framer->taken);
        framer->taken = 0;
        r = stream_seek(stream, offset, framer->line_end, &n_lines);
        framer->line_known = n_lines != UINT64_MAX;
        if (framer->line_known)
                framer->n_lines += n_lines;
        if (r == STREAM_E_UNUSABLE)
                return framer_unusable(framer, stream->reason, stream->text);
        return r == STREAM_E_END ? 0 : r; /* the next call says that nothing is left */
}

void framer_close(Framer *framer) {
        csv_close(framer);
        free(framer->large);
        framer->large = NULL;
}

int framer_next(Framer *framer, Frame *ret) {
        *ret = (Frame){ 0 };
        if (framer->reason)
                return FRAMER_E_UNUSABLE;
        stream_consume(framer->stream, framer->taken);
        framer->taken = 0;
        switch (framer->kind) {
        case FRAMER_NDJSON:
                return ndjson_next(framer, ret);
        case FRAMER_JSON:
                return json_next(framer, ret);
        case FRAMER_CSV:
                return csv_next(framer, ret);
        case FRAMER_FORM:
                return form_next(framer, ret);
        }
        return -EINVAL;
}
