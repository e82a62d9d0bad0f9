/* SPDX-License-Identifier: MIT */
/*
 * CSV after RFC 4180: a header, then rows with as many fields. The delimiter is the
 * one of , ; and tab that the header has most of. Quoted fields may hold newlines. A
 * quote inside an unquoted field is a character like others. A row with another
 * number of fields is refused; a quote that is never closed makes the file unusable,
 * because nobody can say where the rows behind it begin.
 */
#include <errno.h>
#include <stdio.h>

#include "framer.h"
#include "leadd/intake.h"

struct CsvHeader {
        char delimiter;
        char line_end; /* LF; CR in old Macintosh exports */
        char **names;  /* unique; NULL: a column without a name */
        size_t n_names;
        char *row; /* scratch: the fields of one row, unquoted, each with a NUL */
        size_t row_capacity;
};

/* ---- where a row ends ---- */

typedef enum RowState { AT_FIELD_START, IN_PLAIN, IN_QUOTES, AFTER_QUOTE } RowState;

typedef struct RowScan {
        size_t at;
        RowState state;
        size_t n_newlines; /* inside quotes */
        bool bad_quote;    /* text directly behind a closing quote */
} RowScan;

/* Goes on until the row at data[0] ends; true when it has, with scan->at at its line end. */
static bool scan_row(RowScan *scan, const CsvHeader *header, const char *data, size_t size) {
        for (; scan->at < size; scan->at++) {
                char c = data[scan->at];
                bool is_end = c == header->line_end;
                switch (scan->state) {
                case IN_QUOTES:
                        if (c == '"')
                                scan->state = AFTER_QUOTE;
                        scan->n_newlines += is_end;
                        break;
                case AFTER_QUOTE:
                        if (c == '"') {
                                scan->state = IN_QUOTES;
                                break;
                        }
                        if (is_end)
                                return true;
                        if (c == header->delimiter)
                                scan->state = AT_FIELD_START;
                        else if (c != '\r') {
                                scan->bad_quote = true;
                                scan->state = IN_PLAIN;
                        }
                        break;
                case AT_FIELD_START:
                case IN_PLAIN:
                        if (is_end)
                                return true;
                        if (c == '"' && scan->state == AT_FIELD_START)
                                scan->state = IN_QUOTES;
                        else
                                scan->state = c == header->delimiter ? AT_FIELD_START : IN_PLAIN;
                        break;
                }
        }
        return false;
}

static const char open_quote[] = "a quote is opened and never closed";

/* Line numbers are only worth counting for a refusal. */
static int find_line(Framer *framer, Frame *frame) {
        int r = framer_count_lines(framer);
        frame->line = framer->n_lines + 1;
        return r;
}

static int refuse_large_row(Framer *framer, Frame *frame) {
        char what[48];
        int r = find_line(framer, frame);
        (void) snprintf(what, sizeof what, "the row at line %llu", (unsigned long long) frame->line);
        return r < 0 ? r : framer_refuse_large(framer, frame, what);
}

/* The whole row into the window; framer->taken is behind its line end. *ret_size without the line end. A row that is too large is
 * refused in frame and let go. FRAMER_E_END when there is none. */
static int take_row(Framer *framer, Frame *frame, size_t *ret_size, bool *ret_bad_quote) {
        Stream *stream = framer->stream;
        const CsvHeader *header = framer->header;
        RowScan scan = { 0 };
        bool ended;
        while (!(ended = scan_row(&scan, header, stream->data, stream->size))) {
                int r = framer_more(framer);
                if (r == STREAM_E_FULL) {
                        r = frame->reason ? 0 : refuse_large_row(framer, frame);
                        stream_consume(stream, scan.at);
                        scan.at = 0;
                }
                if (r == FRAMER_E_END)
                        break;
                if (r != 0)
                        return r;
        }
        if (!ended && scan.state == IN_QUOTES)
                return framer_unusable(framer, "csv_quote", open_quote);
        if (!ended && scan.at == 0 && !frame->reason)
                return FRAMER_E_END;
        *ret_bad_quote = scan.bad_quote;
        *ret_size = scan.at;
        framer->taken = scan.at + ended;
        frame->line = framer->line_known ? framer->n_lines + 1 : frame->line;
        size_t n_newlines = scan.n_newlines + ended;
        int r = !frame->reason && scan.at > INTAKE_RECORD_SIZE_MAX ? refuse_large_row(framer, frame) : 0;
        framer->n_lines += n_newlines;
        return r;
}

/* ---- fields ---- */

/* Splits a row into header->row: n fields, one behind the other, each with its NUL. false: out of memory. */
static bool split_row(CsvHeader *header, const char *data, size_t size, size_t *ret_n) {
        if (header->row_capacity < size + 2) {
                char *row = realloc(header->row, size + 2);
                if (!row)
                        return false;
                header->row = row;
                header->row_capacity = size + 2;
        }
        if (size > 0 && data[size - 1] == '\r')
                size--;
        char *out = header->row;
        size_t n = 1;
        bool in_quotes = false, at_start = true;
        for (size_t i = 0; i < size; i++) {
                char c = data[i];
                if (in_quotes) {
                        if (c != '"')
                                *out++ = c;
                        else if (i + 1 < size && data[i + 1] == '"')
                                *out++ = data[i++];
                        else
                                in_quotes = false;
                        continue;
                }
                if (c == '"' && at_start)
                        in_quotes = true;
                else if (c == header->delimiter) {
                        *out++ = '\0';
                        n++;
                        at_start = true;
                        continue;
                } else
                        *out++ = c;
                at_start = false;
        }
        *out = '\0';
        *ret_n = n;
        return true;
}

static bool is_blank_row(const char *data, size_t size) {
        for (size_t i = 0; i < size; i++)
                if (data[i] != ' ' && data[i] != '\t' && data[i] != '\r')
                        return false;
        return true;
}

/* ---- the header ---- */

static void look_at_first_line(CsvHeader *header, const char *data, size_t size) {
        size_t commas = 0, semicolons = 0, tabs = 0;
        header->line_end = '\n';
        bool in_quotes = false;
        for (size_t i = 0; i < size; i++) {
                char c = data[i];
                if (c == '"')
                        in_quotes = !in_quotes;
                if (in_quotes)
                        continue;
                commas += c == ',';
                semicolons += c == ';';
                tabs += c == '\t';
                if (c == '\n')
                        break;
                if (c == '\r' && i + 1 < size && data[i + 1] != '\n') {
                        header->line_end = '\r';
                        break;
                }
        }
        header->delimiter = tabs > commas && tabs >= semicolons ? '\t' : semicolons > commas ? ';' : ',';
}

static bool name_is_taken(const CsvHeader *header, const char *name) {
        for (size_t i = 0; i < header->n_names; i++)
                if (header->names[i] && base_streq(header->names[i], name))
                        return true;
        return false;
}

/* A name that occurs again becomes "name 2": a row is a JSON object, and no column may be lost. */
static char *unique_name(const CsvHeader *header, const char *name) {
        if (!name_is_taken(header, name))
                return strdup(name);
        for (unsigned i = 2; i <= INTAKE_CSV_COLUMNS_MAX + 1; i++) {
                char *numbered = NULL;
                if (asprintf(&numbered, "%s %u", name, i) < 0)
                        return NULL;
                if (!name_is_taken(header, numbered))
                        return numbered;
                free(numbered);
        }
        return NULL;
}

static int read_names(Framer *framer, const char *data, size_t size) {
        CsvHeader *header = framer->header;
        size_t n;
        if (memchr(data, '\0', size))
                return framer_unusable(framer, "nul", "the header holds a NUL character (UTF-16 without a byte order mark?)");
        if (!utf8_is_valid(data, size))
                return framer_unusable(framer, "utf8", "the header is not UTF-8");
        if (!split_row(header, data, size, &n))
                return -ENOMEM;
        if (n > INTAKE_CSV_COLUMNS_MAX)
                return framer_unusable(framer, "csv_header", "the header has more than 1024 columns");
        header->names = calloc(n, sizeof *header->names);
        if (!header->names)
                return -ENOMEM;
        const char *field = header->row;
        bool any = false;
        for (size_t i = 0; i < n; i++) {
                const char *next = field + strlen(field) + 1;
                size_t start = strspn(field, " \t\r\n"), end = strlen(field);
                while (end > start && strchr(" \t\r\n", field[end - 1]))
                        end--;
                if (end - start > INTAKE_KEY_MAX)
                        return framer_unusable(framer, "csv_header", "a column has a name of more than 256 bytes");
                if (memchr(field + start, '@', end - start) && memchr(field + start, '.', end - start) &&
                        !memchr(field + start, ' ', end - start))
                        return framer_unusable(framer, "csv_header", "the first line is no header: it holds an e-mail address");
                if (end > start) {
                        char name[INTAKE_KEY_MAX + 1];
                        memcpy(name, field + start, end - start);
                        name[end - start] = '\0';
                        header->names[i] = unique_name(header, name);
                        if (!header->names[i])
                                return -ENOMEM;
                        any = true;
                }
                header->n_names = i + 1;
                field = next;
        }
        return any ? 0 : framer_unusable(framer, "csv_header", "the header names no column");
}

int csv_open(Framer *framer) {
        Stream *stream = framer->stream;
        framer->header = calloc(1, sizeof *framer->header);
        if (!framer->header)
                return -ENOMEM;
        CsvHeader *header = framer->header;
        size_t size = 0;
        bool bad_quote = false;
        for (;;) {
                Frame frame = { 0 };
                int r = 0;
                while (r == 0 && !(stream->size > 0 && memchr(stream->data, '\n', stream->size)))
                        r = framer_more(framer);
                if (r != 0 && r != FRAMER_E_END && r != STREAM_E_FULL)
                        return r;
                look_at_first_line(header, stream->data, stream->size);
                framer->line_end = header->line_end;
                r = take_row(framer, &frame, &size, &bad_quote);
                if (r == FRAMER_E_END)
                        return framer_unusable(framer, "csv_header", "the file has no header");
                if (r != 0)
                        return r;
                if (frame.reason)
                        return framer_unusable(framer, "csv_header", "the header is longer than 256 KiB");
                bool is_hint = size <= 6 && size >= 5 && strncasecmp(stream->data, "sep=", 4) == 0;
                if (is_hint || is_blank_row(stream->data, size)) {
                        /* Spreadsheets write a first line for themselves; the header behind it is looked at all the same. */
                        stream_consume(stream, framer->taken);
                        framer->taken = 0;
                        continue;
                }
                break;
        }
        if (bad_quote)
                return framer_unusable(framer, "csv_quote", "the header has text behind a closing quote");
        return read_names(framer, stream->data, size);
}

void csv_close(Framer *framer) {
        CsvHeader *header = framer->header;
        if (!header)
                return;
        for (size_t i = 0; i < header->n_names; i++)
                free(header->names[i]);
        free(header->names);
        free(header->row);
        free(header);
        framer->header = NULL;
}

/* ---- rows ---- */

/* The row as an object of texts. Fields beyond the header get a number for a name; a nameless column only matters when it says something.
 */
static json_t *row_to_json(const CsvHeader *header, size_t n) {
        json_t *object = json_object();
        const char *field = header->row;
        for (size_t i = 0; object && i < n; i++) {
                size_t size = strlen(field);
                char numbered[32];
                const char *name = i < header->n_names ? header->names[i] : NULL;
                if (!name && size > 0) {
                        (void) snprintf(numbered, sizeof numbered, "column %zu", i + 1);
                        name = numbered;
                }
                if (name && json_object_set_new(object, name, json_stringn(field, size)) < 0) {
                        json_decref(object);
                        return NULL;
                }
                field += size + 1;
        }
        return object;
}

/* The row was taken: the lines before it are counted from the file when they were jumped over. */
static int refuse_row(Framer *framer, Frame *frame, const char *reason, const char *why) {
        if (frame->line == 0) {
                uint64_t n_lines = 0;
                int r = stream_count_lines(framer->stream, framer->stream->offset, framer->line_end, &n_lines);
                if (r < 0)
                        return r;
                frame->line = n_lines + 1;
        }
        frame_refuse(frame, reason, NULL, "the row at line %llu %s", (unsigned long long) frame->line, why);
        return 0;
}

int csv_next(Framer *framer, Frame *frame) {
        Stream *stream = framer->stream;
        CsvHeader *header = framer->header;
        size_t size, n;
        bool bad_quote;
        for (;;) {
                int r = take_row(framer, frame, &size, &bad_quote);
                if (r != 0 || frame->reason)
                        return r;
                if (!is_blank_row(stream->data, size))
                        break;
                stream_consume(stream, framer->taken);
                framer->taken = 0;
        }
        frame->data = stream->data;
        frame->size = size;
        if (memchr(stream->data, '\0', size))
                return refuse_row(framer, frame, "nul", "holds a NUL character");
        if (!utf8_is_valid(stream->data, size))
                return refuse_row(framer, frame, "utf8", "is not UTF-8");
        if (!split_row(header, stream->data, size, &n))
                return -ENOMEM;
        if (bad_quote)
                return refuse_row(framer, frame, "csv_quote", "has text behind a closing quote");
        frame->payload = n > INTAKE_CSV_COLUMNS_MAX ? NULL : row_to_json(header, n);
        if (n <= INTAKE_CSV_COLUMNS_MAX && !frame->payload)
                return -ENOMEM;
        if (n != header->n_names) {
                char why[80];
                (void) snprintf(why, sizeof why, "has %zu fields, the header %zu", n, header->n_names);
                return refuse_row(framer, frame, "csv_columns", why);
        }
        return 0;
}
