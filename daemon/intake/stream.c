/* SPDX-License-Identifier: MIT */
/*
 * The window over a file's decoded bytes. Layers, outermost first: UTF-16 to UTF-8,
 * decompression, the file. Each is bounded: what is decoded by a named limit, the
 * window by its capacity, zstd by its window. A compressed file that ends early or
 * is damaged is unusable, whatever came out of it before stays valid.
 * Does not know records.
 */
#include "stream.h"

#include <errno.h>
#include <stdio.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "leadd/intake.h"
#include "leadd/spool.h"

#define WINDOW_SIZE_MAX ((size_t) INTAKE_RECORD_SIZE_MAX + 2 * STREAM_CHUNK_SIZE)
#define ZSTD_WINDOW_LOG_MAX_OURS 26 /* 64 MiB: what zstd -19 --long would need is refused rather than allocated */
#define GZIP_WINDOW_BITS (15 + 16)  /* the largest window, gzip header required */

typedef struct StreamBody {
        int fd;
        const char *memory;
        size_t memory_size;
        uint64_t position; /* of the next byte to read from the file */
        char *window;      /* stream->data points into it */
        size_t capacity;

        Compression compression;
        z_stream gzip;
        bool gzip_open, in_member; /* between members only another member may follow */
        ZSTD_DStream *zstd;
        bool in_frame;
        char *input; /* compressed bytes: input[input_at .. input_size) */
        size_t input_at, input_size;
        bool input_end;

        uint64_t n_decoded; /* bytes handed to the window or dropped by transcoding, for the limit */

        bool is_text, looked; /* looked: the first bytes were examined for a byte order mark */
        enum { TEXT_UTF8, TEXT_UTF16LE, TEXT_UTF16BE } encoding;
        unsigned char pending[4]; /* of UTF-16: an incomplete unit or pair */
        size_t n_pending;
        char *units; /* decoded bytes before transcoding */
} StreamBody;

static int unusable(Stream *stream, const char *reason, const char *text) {
        stream->reason = reason;
        stream->text = text;
        return STREAM_E_UNUSABLE;
}

/* ---- life ---- */

int stream_open(Stream *stream, int fd, const void *memory, size_t memory_size, Compression compression, bool is_text) {
        StreamBody *body = calloc(1, sizeof *body);
        if (!body)
                return -ENOMEM;
        *body = (StreamBody){ .fd = fd, .memory = memory, .memory_size = memory_size, .compression = compression, .is_text = is_text };
        *stream = (Stream){ .body = body };
        bool ok = true;
        if (compression != COMPRESSION_NONE)
                ok = (body->input = malloc(STREAM_CHUNK_SIZE));
        if (ok && compression == COMPRESSION_GZIP)
                ok = body->gzip_open = inflateInit2(&body->gzip, GZIP_WINDOW_BITS) == Z_OK;
        if (ok && compression == COMPRESSION_ZSTD) {
                ok = (body->zstd = ZSTD_createDStream());
                if (ok)
                        ok = !ZSTD_isError(ZSTD_DCtx_setParameter(body->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX_OURS));
        }
        if (!ok) {
                stream_close(stream);
                return -ENOMEM;
        }
        return 0;
}

void stream_close(Stream *stream) {
        StreamBody *body = stream->body;
        if (body) {
                free(body->window);
                if (body->gzip_open)
                        inflateEnd(&body->gzip);
                ZSTD_freeDStream(body->zstd);
                free(body->input);
                free(body->units);
                free(body);
        }
        *stream = (Stream){ 0 };
}

/* ---- the file ---- */

/* *ret_n 0: the end. */
static int read_at(StreamBody *body, uint64_t position, char *buf, size_t size, size_t *ret_n) {
        if (body->memory) {
                size_t left = position < body->memory_size ? body->memory_size - (size_t) position : 0;
                *ret_n = left < size ? left : size;
                memcpy(buf, body->memory + (position < body->memory_size ? position : 0), *ret_n);
                return 0;
        }
        for (;;) {
                ssize_t n = pread(body->fd, buf, size, (off_t) position);
                if (n < 0 && errno == EINTR)
                        continue;
                *ret_n = n > 0 ? (size_t) n : 0;
                return n < 0 ? -errno : 0;
        }
}

static int read_next(StreamBody *body, char *buf, size_t size, size_t *ret_n) {
        int r = read_at(body, body->position, buf, size, ret_n);
        body->position += *ret_n;
        return r;
}

static int fill_input(StreamBody *body) {
        if (body->input_at < body->input_size || body->input_end)
                return 0;
        body->input_at = 0;
        int r = read_next(body, body->input, STREAM_CHUNK_SIZE, &body->input_size);
        body->input_end = r == 0 && body->input_size == 0;
        return r;
}

/* ---- decompression ---- */

static bool is_zero_padding(const StreamBody *body) {
        for (size_t i = body->input_at; i < body->input_size; i++)
                if (body->input[i] != 0)
                        return false;
        return true;
}

static int decode_gzip(Stream *stream, char *out, size_t size, size_t *ret_n) {
        StreamBody *body = stream->body;
        z_stream *gzip = &body->gzip;
        *ret_n = 0;
        while (*ret_n == 0) {
                int r = fill_input(body);
                if (r < 0)
                        return r;
                if (body->input_end) {
                        if (body->in_member || body->position == 0)
                                return unusable(stream, "truncated", "the gzip data end before they are complete");
                        return 0;
                }
                /* Tape and block devices pad with zeros; anything else after the last member is damage. */
                if (!body->in_member && body->n_decoded > 0 && is_zero_padding(body)) {
                        body->input_at = body->input_size;
                        continue;
                }
                body->in_member = true;
                gzip->next_in = (Bytef *) body->input + body->input_at;
                gzip->avail_in = (uInt) (body->input_size - body->input_at);
                gzip->next_out = (Bytef *) out;
                gzip->avail_out = (uInt) size;
                int z = inflate(gzip, Z_NO_FLUSH);
                body->input_at = body->input_size - gzip->avail_in;
                *ret_n = size - gzip->avail_out;
                if (z == Z_MEM_ERROR)
                        return -ENOMEM;
                if (z == Z_STREAM_END) {
                        body->in_member = false;
                        if (inflateReset(gzip) != Z_OK)
                                return -EINVAL;
                } else if (z != Z_OK && z != Z_BUF_ERROR && *ret_n == 0) /* what came out before the damage first; the error stays */
                        return unusable(stream, "undecodable", "the gzip data are damaged");
        }
        return 0;
}

static int decode_zstd(Stream *stream, char *out, size_t size, size_t *ret_n) {
        StreamBody *body = stream->body;
        *ret_n = 0;
        while (*ret_n == 0) {
                int r = fill_input(body);
                if (r < 0)
                        return r;
                if (body->input_end) {
                        if (body->in_frame || body->position == 0)
                                return unusable(stream, "truncated", "the zstd data end before they are complete");
                        return 0;
                }
                ZSTD_inBuffer in = { body->input, body->input_size, body->input_at };
                ZSTD_outBuffer decoded = { out, size, 0 };
                size_t z = ZSTD_decompressStream(body->zstd, &decoded, &in);
                body->input_at = in.pos;
                *ret_n = decoded.pos;
                if (ZSTD_isError(z)) {
                        if (ZSTD_getErrorCode(z) == ZSTD_error_memory_allocation)
                                return -ENOMEM;
                        if (ZSTD_getErrorCode(z) == ZSTD_error_frameParameter_windowTooLarge)
                                return unusable(
                                        stream, "undecodable", "the zstd data need a larger window than 64 MiB (written with --long?)");
                        return unusable(stream, "undecodable", "the zstd data are damaged");
                }
                body->in_frame = z != 0;
        }
        return 0;
}

static int decode(Stream *stream, char *out, size_t size, size_t *ret_n) {
        StreamBody *body = stream->body;
        int r = body->compression == COMPRESSION_GZIP   ? decode_gzip(stream, out, size, ret_n)
                : body->compression == COMPRESSION_ZSTD ? decode_zstd(stream, out, size, ret_n)
                                                        : read_next(body, out, size, ret_n);
        if (r != 0)
                return r;
        body->n_decoded += *ret_n;
        if (body->n_decoded > (uint64_t) SPOOL_FILE_SIZE_MAX)
                return unusable(stream, "too_large", "the decoded file is larger than 1 GiB");
        return 0;
}

/* ---- UTF-16 ---- */

static size_t put_utf8(uint32_t c, char *out) {
        if (c < 0x80) {
                out[0] = (char) c;
                return 1;
        }
        if (c < 0x800) {
                out[0] = (char) (0xc0 | c >> 6);
                out[1] = (char) (0x80 | (c & 0x3f));
                return 2;
        }
        if (c < 0x10000) {
                out[0] = (char) (0xe0 | c >> 12);
                out[1] = (char) (0x80 | (c >> 6 & 0x3f));
                out[2] = (char) (0x80 | (c & 0x3f));
                return 3;
        }
        out[0] = (char) (0xf0 | c >> 18);
        out[1] = (char) (0x80 | (c >> 12 & 0x3f));
        out[2] = (char) (0x80 | (c >> 6 & 0x3f));
        out[3] = (char) (0x80 | (c & 0x3f));
        return 4;
}

static uint32_t unit_at(const StreamBody *body, const unsigned char *bytes) {
        return body->encoding == TEXT_UTF16LE ? (uint32_t) bytes[0] | (uint32_t) bytes[1] << 8
                                              : (uint32_t) bytes[1] | (uint32_t) bytes[0] << 8;
}

/* A lone surrogate becomes the three bytes that are no valid UTF-8: the record that holds it is refused, not the file. */
static size_t transcode(StreamBody *body, const unsigned char *in, size_t size, char *out) {
        size_t n = 0;
        for (size_t i = 0; i < size; i++) {
                body->pending[body->n_pending++] = in[i];
                if (body->n_pending % 2)
                        continue;
                uint32_t unit = unit_at(body, body->pending);
                bool is_high = unit >= 0xd800 && unit < 0xdc00;
                if (body->n_pending == 2 && is_high)
                        continue;
                if (body->n_pending == 4) {
                        uint32_t low = unit_at(body, body->pending + 2);
                        if (low >= 0xdc00 && low < 0xe000) {
                                n += put_utf8(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), out + n);
                                body->n_pending = 0;
                                continue;
                        }
                        n += put_utf8(unit, out + n);
                        memmove(body->pending, body->pending + 2, 2);
                        body->n_pending = 2;
                        unit = low;
                        if (unit >= 0xd800 && unit < 0xdc00)
                                continue;
                }
                n += put_utf8(unit, out + n);
                body->n_pending = 0;
        }
        return n;
}

static int decode_utf16(Stream *stream, char *out, size_t size, size_t *ret_n) {
        StreamBody *body = stream->body;
        /* Two bytes become at most three, a pair of four becomes four. */
        size_t in_size = size / 2 < STREAM_CHUNK_SIZE ? size / 2 : STREAM_CHUNK_SIZE;
        *ret_n = 0;
        while (*ret_n == 0) {
                size_t n;
                int r = decode(stream, body->units, in_size, &n);
                if (r != 0)
                        return r;
                if (n == 0) {
                        if (body->n_pending % 2)
                                return unusable(stream, "truncated", "the UTF-16 text ends inside a character");
                        if (body->n_pending == 2)
                                *ret_n = put_utf8(unit_at(body, body->pending), out);
                        body->n_pending = 0;
                        return 0;
                }
                *ret_n = transcode(body, (const unsigned char *) body->units, n, out);
        }
        return 0;
}

/* ---- the window ---- */

/* The first bytes say how the text is written. They are decoded into the window like all others and taken out again. */
static int look_for_mark(Stream *stream) {
        StreamBody *body = stream->body;
        const unsigned char *data = (const unsigned char *) stream->data;
        body->looked = true;
        if (stream->size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
                stream_consume(stream, 3); /* a mark of UTF-8 counts in offsets: the file can still be sought in */
                return 0;
        }
        if (!body->is_text || stream->size < 2)
                return 0;
        bool le = data[0] == 0xff && data[1] == 0xfe, be = data[0] == 0xfe && data[1] == 0xff;
        if (!le && !be)
                return 0;
        body->encoding = le ? TEXT_UTF16LE : TEXT_UTF16BE;
        body->units = malloc(STREAM_CHUNK_SIZE);
        size_t n_units = stream->size - 2, capacity = n_units * 2 + STREAM_CHUNK_SIZE;
        char *text = malloc(capacity), *units = stream->data + 2;
        if (!body->units || !text) {
                free(text);
                return -ENOMEM;
        }
        stream->size = transcode(body, (const unsigned char *) units, n_units, text);
        free(body->window);
        body->window = stream->data = text;
        body->capacity = capacity;
        return 0;
}

static int fill(Stream *stream) {
        StreamBody *body = stream->body;
        size_t n = 0;
        if (stream->at_end)
                return STREAM_E_END;
        if (!body->window || (size_t) (body->window + body->capacity - (stream->data + stream->size)) < STREAM_CHUNK_SIZE) {
                if (stream->size + STREAM_CHUNK_SIZE > WINDOW_SIZE_MAX)
                        return STREAM_E_FULL;
                /* What was consumed makes room first; the window only grows for a record that is larger than half of it. */
                if (body->window && stream->size > 0)
                        memmove(body->window, stream->data, stream->size);
                if (body->capacity < stream->size + STREAM_CHUNK_SIZE) {
                        size_t capacity = stream->size + 2 * STREAM_CHUNK_SIZE;
                        char *window = realloc(body->window, capacity);
                        if (!window)
                                return -ENOMEM;
                        body->window = window;
                        body->capacity = capacity;
                }
                stream->data = body->window;
        }
        char *free_part = stream->data + stream->size;
        size_t room = (size_t) (body->window + body->capacity - free_part);
        int r = body->encoding == TEXT_UTF8 ? decode(stream, free_part, room, &n) : decode_utf16(stream, free_part, room, &n);
        if (r != 0)
                return r;
        stream->size += n;
        stream->at_end = n == 0;
        return n == 0 ? STREAM_E_END : 0;
}

int stream_more(Stream *stream) {
        if (stream->reason)
                return STREAM_E_UNUSABLE;
        if (stream->body->looked)
                return fill(stream);
        /* The mark is up to three bytes; a decompressor may give them one at a time. */
        int r = 0;
        while (r == 0 && stream->size < 3)
                r = fill(stream);
        if (r != 0 && r != STREAM_E_END)
                return r;
        int q = look_for_mark(stream);
        if (q < 0)
                return q;
        if (stream->size > 0)
                return 0;
        return r == 0 ? stream_more(stream) : r;
}

void stream_consume(Stream *stream, size_t n) {
        if (n == 0) /* also while there is no window yet */
                return;
        stream->size -= n;
        stream->offset += n;
        stream->data += n;
}

static uint64_t count_line_ends(const char *data, size_t size, char line_end) {
        uint64_t n = 0;
        for (const char *at = data, *end = data + size; at < end && (at = memchr(at, line_end, (size_t) (end - at))); at++)
                n++;
        return n;
}

static bool can_jump(const StreamBody *body) { return body->compression == COMPRESSION_NONE && body->encoding == TEXT_UTF8; }

int stream_seek(Stream *stream, uint64_t offset, char line_end, uint64_t *ret_n_lines) {
        StreamBody *body = stream->body;
        *ret_n_lines = 0;
        while (!body->looked || stream->offset < offset) {
                if (body->looked && can_jump(body) && offset > stream->offset + stream->size) {
                        body->position = body->n_decoded = stream->offset = offset;
                        stream->size = 0;
                        stream->at_end = false;
                        *ret_n_lines = UINT64_MAX;
                        return 0;
                }
                if (stream->size == 0) {
                        int r = stream_more(stream);
                        if (r != 0)
                                return r;
                        continue;
                }
                uint64_t left = offset - stream->offset;
                size_t n = left < stream->size ? (size_t) left : stream->size;
                *ret_n_lines += count_line_ends(stream->data, n, line_end);
                stream_consume(stream, n);
        }
        return 0;
}

int stream_count_lines(Stream *stream, uint64_t offset, char line_end, uint64_t *ret) {
        char *buf = malloc(STREAM_CHUNK_SIZE);
        if (!buf)
                return -ENOMEM;
        int r = 0;
        *ret = 0;
        for (uint64_t at = 0; at < offset;) {
                size_t n, wanted = offset - at < STREAM_CHUNK_SIZE ? (size_t) (offset - at) : STREAM_CHUNK_SIZE;
                r = read_at(stream->body, at, buf, wanted, &n);
                if (r < 0 || n == 0)
                        break;
                *ret += count_line_ends(buf, n, line_end);
                at += n;
        }
        free(buf);
        return r;
}
