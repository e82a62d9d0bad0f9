#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * Framers: where a record begins and ends in a file. They hand out one frame after
 * the other: JSON text, or a row or form that has become a flat JSON object, or a
 * refusal of something that cannot be either. Bounded memory; each boundary is a
 * place to go on from.
 */
#include <jansson.h>

#include "leadd/base.h"
#include "stream.h"

typedef enum FramerKind { FRAMER_JSON, FRAMER_NDJSON, FRAMER_CSV, FRAMER_FORM } FramerKind;

typedef struct Frame {
        const char *data; /* JSON text, or the refused bytes; valid until the next call */
        size_t size;
        json_t *payload;    /* a row or a form; the caller owns it */
        const char *reason; /* static token: refused; text says why, field is a column or NULL */
        const char *field;
        char text[256];
        uint64_t line; /* of its first byte, from 1; 0 where lines mean nothing (json, form) */
} Frame;

typedef struct CsvHeader CsvHeader;

typedef struct Framer {
        Stream *stream;
        FramerKind kind;
        size_t taken; /* bytes of the frame handed out last: consumed by the next call */
        char line_end;
        bool line_known;
        uint64_t n_lines;          /* line ends before the window, where line_known */
        int state;                 /* of the JSON framer */
        CsvHeader *header;         /* of the CSV framer */
        char *large;               /* the start of a record that was too large */
        const char *reason, *text; /* of FRAMER_E_UNUSABLE */
} Framer;

enum {
        FRAMER_E_END = 1,
        FRAMER_E_UNUSABLE = 2,
};

/* Reads what every run needs (the CSV header, whether a JSON file is an array), then goes to offset. FRAMER_E_UNUSABLE, -errno. */
int framer_open(Framer *framer, FramerKind kind, Stream *stream, uint64_t offset);
void framer_close(Framer *framer);
int framer_next(Framer *framer, Frame *ret);
/* Where to go on after the frame handed out last. */
static inline uint64_t framer_offset(const Framer *framer) { return framer->stream->offset + framer->taken; }

/* ---- between the framers' files ---- */
int framer_unusable(Framer *framer, const char *reason, const char *text);
/* stream_more(), its outcomes as the framer's: 0, FRAMER_E_END, FRAMER_E_UNUSABLE, -errno; STREAM_E_FULL is passed on. */
int framer_more(Framer *framer);
/* Counts the lines before the window when nobody did. */
int framer_count_lines(Framer *framer);
/* Refuses what stands at the front of the window as too large: the frame keeps a copy of its start, so that the caller can let the
 * window go on to its end. what: "line 7". */
int framer_refuse_large(Framer *framer, Frame *frame, const char *what);
void frame_refuse(Frame *frame, const char *reason, const char *field, const char *format, ...) _printf_(4, 5);

int csv_open(Framer *framer);
void csv_close(Framer *framer);
int csv_next(Framer *framer, Frame *ret);
int form_next(Framer *framer, Frame *ret);
