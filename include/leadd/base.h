#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * base: what every room stands on. Cleanup helpers, arenas, text, time, the
 * clock seam, keyed digests, bounded queues and the log. Knows nothing of leads.
 * Prefixes: base_, arena_, text_, time_, duration_, clock_, digest_, queue_, log_.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- errors and cleanup -------------------------------------------------
 * Every function that can fail returns int: 0 it happened, < 0 -errno (our
 * machinery broke), > 0 a documented outcome ROOM_E_*. */

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_ __attribute__((unused))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Moves a pointer out of its variable, which becomes NULL. */
#define TAKE(p) \
        ({ \
                __typeof__(p) *_take_at = &(p); \
                __typeof__(p) _take_value = *_take_at; \
                *_take_at = NULL; \
                _take_value; \
        })
/* Moves a descriptor out of its variable, which becomes -1. */
#define TAKE_FD(fd) \
        ({ \
                int *_take_at = &(fd); \
                int _take_value = *_take_at; \
                *_take_at = -1; \
                _take_value; \
        })

static inline void base_freep(void *p) {
        free(*(void **) p);
        *(void **) p = NULL;
}
static inline void base_closep(int *fd) {
        if (*fd >= 0)
                (void) close(*fd);
        *fd = -1;
}
/* Writes all of it, through interruptions and short writes. -errno. */
int base_write_all(int fd, const void *data, size_t size);
static inline bool base_streq(const char *a, const char *b) { return strcmp(a, b) == 0; }

/* ---- arena: memory that lives and dies together -------------------------
 * Not thread safe; may be handed from one thread to another. */

typedef struct Arena Arena;

/* max_size: the most it may ever hold in bytes (0 = unlimited). NULL on exhaustion. */
Arena *arena_new(size_t max_size);
Arena *arena_free(Arena *arena);
void arena_freep(Arena **arena);
/* Forgets all content, keeps one chunk for the next use. */
void arena_reset(Arena *arena);
/* Zeroed, aligned for any type. NULL when exhausted or over max_size. */
void *arena_alloc(Arena *arena, size_t size);
/* n elements; NULL as well when size * n overflows. */
void *arena_alloc_array(Arena *arena, size_t size, size_t n);
char *arena_strndup(Arena *arena, const char *s, size_t size);
char *arena_strdup(Arena *arena, const char *s);
char *arena_printf(Arena *arena, const char *format, ...) _printf_(2, 3);
/* Bytes handed out since the last reset. */
size_t arena_size(const Arena *arena);

#define ARENA_NEW(arena, type) ((type *) arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, n) ((type *) arena_alloc_array((arena), sizeof(type), (n)))

/* ---- text: a growing byte string ----------------------------------------
 * Always NUL terminated once data is not NULL. The first failure sticks in
 * `error` (-ENOMEM) and later appends do nothing, so that a caller checks once. */

typedef struct Text {
        char *data;
        size_t size;
        size_t capacity;
        int error;
} Text;

void text_append(Text *text, const char *s);
void text_append_size(Text *text, const void *data, size_t size);
void text_append_char(Text *text, char c);
void text_printf(Text *text, const char *format, ...) _printf_(2, 3);
void text_vprintf(Text *text, const char *format, va_list args);
/* Sets size to 0, keeps the memory and clears error. */
void text_clear(Text *text);
/* Frees the memory; the Text can be used again. */
void text_free(Text *text);
/* Appends all that is left of a file or pipe. -EFBIG: the text would be longer than size_max. */
int base_read_all(int fd, size_t size_max, Text *text);
/* Unsigned LEB128. */
void text_append_varint(Text *text, uint64_t value);
/* Reads one varint at *at; false when the data ends or the number is longer than 64 bits. */
bool base_varint_read(const uint8_t **at, const uint8_t *end, uint64_t *ret);

/* Strict: no overlong forms, no surrogates. U+0000 is a character like others. */
bool utf8_is_valid(const char *s, size_t size);
/* Unicode case folding, for comparing; NULL on exhaustion. Pure ASCII never leaves the fast path. Bytes that are not
 * UTF-8 stand for themselves. ret_size may be NULL. */
char *utf8_casefold(Arena *arena, const char *s, size_t size, size_t *ret_size);
/* The candidate nearest to word by edit distance, or NULL when none is near enough to be a typing mistake. */
const char *text_closest(const char *word, const char *const *candidates, size_t n_candidates);

/* ---- time ---------------------------------------------------------------
 * One unit everywhere: microseconds since 1970-01-01 UTC, int64_t, names end in _us. */

#define TIME_NONE INT64_MIN /* "no time" */
#define US_PER_SECOND INT64_C(1000000)
#define US_PER_MINUTE (60 * US_PER_SECOND)
#define US_PER_HOUR (60 * US_PER_MINUTE)
#define US_PER_DAY (24 * US_PER_HOUR)
#define TIME_TEXT_SIZE 40

enum {
        TIME_E_SYNTAX = 1,
};

/* RFC 3339 with an offset or Z; also accepts a space for T and +0000. Years 1970 to 9999 (in UTC). 23:59:60 UTC, a leap
 * second, counts as 59.999999. TIME_E_SYNTAX otherwise. */
int time_parse_rfc3339(const char *s, size_t size, int64_t *ret_us);
/* A date-time without offset ("2026-03-05 09:22:31.153", "2026-03-05T09:22:31"): microseconds as if UTC;
 * the caller shifts it by its zone. */
int time_parse_local(const char *s, size_t size, int64_t *ret_us);
/* "2026-12-24": days since 1970-01-01. */
int time_parse_date(const char *s, size_t size, int64_t *ret_days);
/* The Gregorian calendar: days since 1970-01-01 of a date, and back. */
int64_t time_days_from_civil(int64_t year, unsigned month, unsigned day);
void time_civil_from_days(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day);
unsigned time_days_in_month(int64_t year, unsigned month);
/* "2026-03-05T14:22:31Z", with .mmm or .uuuuuu only when not zero. Returns buf. */
const char *time_format_rfc3339(int64_t time_us, char buf[static TIME_TEXT_SIZE]);
/* The same in a fixed offset: "2026-03-05T15:22:31+01:00". */
const char *time_format_offset(int64_t time_us, int32_t offset_seconds, char buf[static TIME_TEXT_SIZE]);

/* "15m" "4h" "30d" "1w" "90s", or working days "2wd"; exactly one of the two is not 0 unless it is "0d"/"0m"... */
typedef struct Duration {
        int64_t us;
        int32_t workdays;
} Duration;
/* Largest: 100 years, 1000 workdays. TIME_E_SYNTAX otherwise. */
int duration_parse(const char *s, Duration *ret);
/* The shortest exact form: "4h", "90m", "2wd"; parts of a second are left out. Returns buf. */
const char *duration_format(Duration duration, char buf[static TIME_TEXT_SIZE]);

/* ---- clock: the seam through which every room learns the time ----------- */

typedef struct Clock Clock;
Clock *clock_new_real(void);
Clock *clock_new_virtual(int64_t start_us);
Clock *clock_free(Clock *clock);
bool clock_is_virtual(const Clock *clock);
/* Thread safe. */
int64_t clock_now_us(const Clock *clock);
/* Virtual only: moves to time_us; going back is refused with -EINVAL. */
int clock_set_us(Clock *clock, int64_t time_us);

/* ---- digests (GLib underneath) ------------------------------------------ */

#define DIGEST_SIZE 32
#define KEY_SIZE 16 /* a keyed digest cut to 128 bits: what identity and idempotency are kept as */
typedef struct Key {
        uint8_t bytes[KEY_SIZE];
} Key;

int digest_sha256(const void *data, size_t size, uint8_t ret[static DIGEST_SIZE]);
void digest_hex(const uint8_t *digest, size_t size, char *ret /* 2*size+1 */);
/* HMAC-SHA256 over the parts, each preceded by its length, cut to KEY_SIZE. */
typedef struct DigestPart {
        const void *data;
        size_t size;
} DigestPart;
int digest_keyed(const uint8_t secret[static DIGEST_SIZE], const DigestPart *parts, size_t n_parts, Key *ret);

/* ---- bounded queue of owned pointers between two threads ----------------- */

#define QUEUE_URGENT_MAX 4096 /* items that queue_push_front() can have waiting */

typedef struct Queue Queue;
/* with_fd: the queue has an eventfd that is readable while it is not empty. */
int queue_new(size_t capacity, bool with_fd, Queue **ret);
/* Frees the queue; items still inside are given to drop (may be NULL). */
Queue *queue_free(Queue *queue, void (*drop)(void *item));
/* Waits for room. false when the queue is closed: the caller still owns item. */
bool queue_push(Queue *queue, void *item);
/* Never waits: false when full or closed. */
bool queue_try_push(Queue *queue, void *item);
/* In front of everything that queue_push() brought, even when that is at capacity (for calls of people, that must not wait
 * behind bulk); among themselves in the order of their pushes. Never waits: false when closed or QUEUE_URGENT_MAX wait. */
bool queue_push_front(Queue *queue, void *item);
/* Waits until an item is there or the queue is closed and empty (then NULL), at most timeout_us (-1 = for ever; 0 = not at all). */
void *queue_pop(Queue *queue, int64_t timeout_us);
/* The same, but takes only what was pushed in front: for a consumer that cannot take bulk now. */
void *queue_pop_urgent(Queue *queue, int64_t timeout_us);
/* No more pushes; what is inside can still be popped. */
void queue_close(Queue *queue);
int queue_fd(const Queue *queue);
size_t queue_size(const Queue *queue);

/* ---- log: the journal when there is one, else stderr ---------------------
 * Only ids reach it, never lead data. One line an event; rooms below a boundary
 * log at debug level only. */

typedef enum LogLevel {
        LOG_LEVEL_ERROR = 3,
        LOG_LEVEL_WARNING = 4,
        LOG_LEVEL_NOTICE = 5,
        LOG_LEVEL_INFO = 6,
        LOG_LEVEL_DEBUG = 7
} LogLevel;

typedef struct LogField {
        const char *name;  /* LEAD_ID, LEAD_FROM, ... */
        const char *value; /* NULL: left out */
} LogField;

/* Uses the journal when stderr is connected to it (JOURNAL_STREAM), else stderr. */
void log_open(LogLevel max_level);
LogLevel log_max_level(void);
/* message_id: 32 hex digits of leadd/messages.h, or NULL. */
void log_event(LogLevel level, const char *message_id, const LogField *fields, size_t n_fields, const char *format, ...) _printf_(5, 6);
#define log_plain(level, ...) log_event((level), NULL, NULL, 0, __VA_ARGS__)
#define log_error(...) log_plain(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_plain(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_plain(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_plain(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_plain(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* ---- builds that tests break on purpose --------------------------------- */

#ifdef LEADD_BREAKABLE
/* Is it broken in this way (LEADD_BREAK in the environment)? */
bool base_is_broken(const char *way);
#define LEADD_BROKEN(way) base_is_broken(way)
#else
#define LEADD_BROKEN(way) false
#endif
