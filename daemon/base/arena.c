/* SPDX-License-Identifier: MIT */
/*
 * Arenas: memory that lives and dies together. Chunks in a list, the newest
 * first; an allocation moves an offset. Running over max_size is an ordinary
 * answer (NULL), because whoever is outside can make an arena grow.
 * Does not free single objects and knows no destructors.
 */
#include "leadd/base.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>

/* Under AddressSanitizer the unused part of a chunk is poisoned, so that a write past the newest object or into
 * memory from before arena_reset() is caught as it would be with malloc. */
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_IS_POISONED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_IS_POISONED 1
#endif
#endif
#ifdef ARENA_IS_POISONED
#include <sanitizer/asan_interface.h>
#define arena_poison(p, size) ASAN_POISON_MEMORY_REGION((p), (size))
#define arena_unpoison(p, size) ASAN_UNPOISON_MEMORY_REGION((p), (size))
#define ARENA_RED_ZONE ARENA_ALIGN
#else
#define arena_poison(p, size) ((void) (p), (void) (size))
#define arena_unpoison(p, size) ((void) (p), (void) (size))
#define ARENA_RED_ZONE 0
#endif

#define ARENA_ALIGN alignof(max_align_t)
#define ARENA_CHUNK_FIRST ((size_t) 4096)
#define ARENA_CHUNK_MAX ((size_t) 256 * 1024)

typedef struct Chunk Chunk;
struct Chunk {
        Chunk *next; /* older */
        size_t used;
        size_t capacity;
        alignas(max_align_t) uint8_t data[];
};

struct Arena {
        Chunk *chunks;
        size_t size;     /* bytes handed out, rounded to the alignment */
        size_t max_size; /* 0: unlimited */
};

Arena *arena_new(size_t max_size) {
        Arena *arena = malloc(sizeof *arena);
        if (!arena)
                return NULL;
        *arena = (Arena){ .max_size = max_size };
        return arena;
}

static void chunks_free(Chunk *chunk) {
        while (chunk) {
                Chunk *next = chunk->next;
                arena_unpoison(chunk->data, chunk->capacity);
                free(chunk);
                chunk = next;
        }
}

Arena *arena_free(Arena *arena) {
        if (arena) {
                chunks_free(arena->chunks);
                free(arena);
        }
        return NULL;
}

void arena_freep(Arena **arena) { *arena = arena_free(*arena); }

void arena_reset(Arena *arena) {
        /* The newest chunk of ordinary size is the largest of them: an arena that is used again and again settles on
         * one chunk that holds a whole turn. Oversized ones (a single large object) go back to the system. */
        Chunk **at = &arena->chunks;
        while (*at && (*at)->capacity > ARENA_CHUNK_MAX)
                at = &(*at)->next;
        Chunk *kept = *at;
        if (kept) {
                *at = kept->next;
                kept->next = NULL;
                kept->used = 0;
                arena_poison(kept->data, kept->capacity);
        }
        chunks_free(arena->chunks);
        arena->chunks = kept;
        arena->size = 0;
}

static Chunk *chunk_new(size_t capacity) {
        Chunk *chunk = malloc(sizeof *chunk + capacity);
        if (!chunk)
                return NULL;
        *chunk = (Chunk){ .capacity = capacity };
        arena_poison(chunk->data, capacity);
        return chunk;
}

static Chunk *arena_grow(Arena *arena, size_t size) {
        Chunk *newest = arena->chunks;
        size_t capacity = newest ? newest->capacity * 2 : ARENA_CHUNK_FIRST;
        if (capacity > ARENA_CHUNK_MAX)
                capacity = ARENA_CHUNK_MAX;
        if (size <= capacity) {
                Chunk *chunk = chunk_new(capacity);
                if (!chunk)
                        return NULL;
                chunk->next = newest;
                arena->chunks = chunk;
                return chunk;
        }
        /* A large object gets a chunk of its own behind the newest one, whose free part stays in use. */
        Chunk *chunk = chunk_new(size);
        if (!chunk)
                return NULL;
        if (newest) {
                chunk->next = newest->next;
                newest->next = chunk;
        } else
                arena->chunks = chunk;
        return chunk;
}

void *arena_alloc(Arena *arena, size_t size) {
        if (size > PTRDIFF_MAX / 2)
                return NULL;
        size_t rounded = ((size ? size : 1) + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
        if (arena->max_size > 0 && (rounded > arena->max_size || arena->size > arena->max_size - rounded))
                return NULL;
        size_t taken = rounded + ARENA_RED_ZONE;
        Chunk *chunk = arena->chunks;
        if (!chunk || taken > chunk->capacity - chunk->used) {
                chunk = arena_grow(arena, taken);
                if (!chunk)
                        return NULL;
        }
        uint8_t *p = chunk->data + chunk->used;
        chunk->used += taken;
        arena->size += rounded;
        arena_unpoison(p, size);
        memset(p, 0, size);
        return p;
}

void *arena_alloc_array(Arena *arena, size_t size, size_t n) {
        size_t total;
        return __builtin_mul_overflow(size, n, &total) ? NULL : arena_alloc(arena, total);
}

char *arena_strndup(Arena *arena, const char *s, size_t size) {
        if (size == SIZE_MAX)
                return NULL;
        char *copy = arena_alloc(arena, size + 1);
        if (copy && size > 0)
                memcpy(copy, s, size);
        return copy;
}

char *arena_strdup(Arena *arena, const char *s) { return arena_strndup(arena, s, strlen(s)); }

char *arena_printf(Arena *arena, const char *format, ...) {
        char small[256];
        va_list args;
        va_start(args, format);
        int n = vsnprintf(small, sizeof small, format, args);
        va_end(args);
        if (n < 0)
                return NULL;
        if ((size_t) n < sizeof small)
                return arena_strndup(arena, small, (size_t) n);
        char *s = arena_alloc(arena, (size_t) n + 1);
        if (!s)
                return NULL;
        va_start(args, format);
        (void) vsnprintf(s, (size_t) n + 1, format, args);
        va_end(args);
        return s;
}

size_t arena_size(const Arena *arena) { return arena->size; }
