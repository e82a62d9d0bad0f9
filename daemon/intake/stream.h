#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a file as text: a window that moves over the decoded bytes (gzip,
 * zstd, UTF-16 undone), in bounded memory. Offsets count decoded bytes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_CHUNK_SIZE ((size_t) 128 * 1024) /* read at a time */

typedef enum Compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD } Compression;

typedef struct Stream {
        /* what a framer looks at: data[0 .. size) are the decoded bytes from offset on */
        char *data;
        size_t size;
        uint64_t offset;
        bool at_end; /* no byte follows data[size - 1] */
        /* why the file is unusable: static token and sentence */
        const char *reason, *text;
        struct StreamBody *body;
} Stream;

enum {
        STREAM_E_END = 1,      /* nothing is left */
        STREAM_E_UNUSABLE = 2, /* stream->reason and text say why */
        STREAM_E_FULL = 3,     /* the window holds as much as it may: consume first */
};

/* One of fd (a regular file, read with pread) and memory. is_text: UTF-16 is decoded and a byte order mark left out. Nothing is read yet.
 */
int stream_open(Stream *stream, int fd, const void *memory, size_t memory_size, Compression compression, bool is_text);
void stream_close(Stream *stream);
/* Appends at least one byte. 0, STREAM_E_END, STREAM_E_UNUSABLE, STREAM_E_FULL, -errno. */
int stream_more(Stream *stream);
/* Drops n bytes at the front. */
void stream_consume(Stream *stream, size_t n);
/* Goes forward to an offset; one that has been passed changes nothing. *ret_n_lines: the line ends passed over, when they could be
 * counted; UINT64_MAX when the bytes between were never looked at. STREAM_E_END when the file ends before offset. */
int stream_seek(Stream *stream, uint64_t offset, char line_end, uint64_t *ret_n_lines);
/* Line ends before `offset` of a file that could be jumped in: reads it again. */
int stream_count_lines(Stream *stream, uint64_t offset, char line_end, uint64_t *ret);
