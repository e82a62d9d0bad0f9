/* SPDX-License-Identifier: MIT */
/*
 * sandbox: the one Lua state of a rule set, caged. Everything Lua owns lies in one block of
 * POLICY_LUA_MEMORY_MAX bytes at a fixed address; when loading is over the live part is remembered
 * (sandbox_seal) and copied back once a rule may have written (sandbox_begin), so that nothing of it
 * can reach another lead. That copy is reset, memory cap and determinism in one: no object is ever
 * freed one by one, the collector stands still, and no finaliser exists.
 *
 * What no running function can write (texts, code) lies apart, at the end of the block, and is copied back only after the two events
 * that do write there: a collection, since the block was full, and a growth of the table of texts, which strings them anew.
 *
 * Invariants: the image is restored only outside any call into Lua, at the address it was taken from;
 * no userdata owns C memory; nothing outside keeps a pointer into the block but registry references
 * made before sealing; a budget error passes through every pcall.
 *
 * What it does not do: it knows no rule, no file and no lead. Which names a rule can see stands in the
 * bind_*.c files.
 */
#include "sandbox.h"

#include <assert.h>
#include <errno.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

/* ---- the heap inside the block -----------------------------------------
 * Lua tells the size of what it frees, so blocks carry no header. Sizes are rounded to classes: steps of
 * 16 bytes up to 1 KiB, then four to a doubling. */

#define HEAP_GRAIN 16u
#define HEAP_SMALL_MAX 1024u
#define HEAP_SMALL_CLASSES (HEAP_SMALL_MAX / HEAP_GRAIN)
#define HEAP_CLASSES (HEAP_SMALL_CLASSES + 4 * 15)
/* Neighbouring live parts closer than this are copied as one: a memcpy call costs about as much. */
#define IMAGE_GAP 256u
/* While loading, this much is kept back, so that rules with large tables do not starve their own functions. */
#define HEAP_RUN_RESERVE (POLICY_LUA_MEMORY_MAX / 4)

typedef struct FreeBlock {
        struct FreeBlock *next;
} FreeBlock;

/* First thing in the block: restored with it. */
typedef struct Heap {
        size_t used; /* everything beyond was never handed out, up to the still part */
        FreeBlock *free[HEAP_CLASSES];
} Heap;

typedef struct Extent {
        size_t offset, size;
} Extent;

typedef enum Spent { SPENT_NOTHING, SPENT_STEPS, SPENT_CPU, SPENT_MEMORY, SPENT_STRING } Spent;

struct Sandbox {
        uint8_t *block;
        lua_State *L;
        void *user;
        bool sealed, dirty, running;
        bool careful;   /* something is large: the hook looks often */
        bool long_text; /* a text was made that is */
        bool gave;      /* there are free blocks, or were */
        size_t limit;   /* of the heap now */

        /* The still part, filled from the end of the block down; its free blocks are not part of the image. */
        size_t still;
        FreeBlock *still_free[HEAP_CLASSES];
        uint8_t *still_image;
        bool parsing;       /* vectors are code */
        bool fixing;        /* what is made now cannot be written by rules */
        bool still_touched; /* since its image was taken, or restored */
        bool still_unsure;  /* an error within the parser may have put something else there */

        /* the image of the rest */
        Extent *extents;
        size_t n_extents;
        uint8_t *image;
        size_t image_size, sealed_end;
        bool image_careful, grew;

        /* the state as it was marked: the heap's lists, the image's parts, everything behind them, and the still part if it was touched */
        uint8_t *mark;
        size_t mark_capacity, mark_tail;
        bool mark_careful, mark_still;

        /* the budget of the call that runs */
        Spent spent;
        char spent_where[96]; /* "file:line: ", for errors that carry no place */
        uint64_t steps, steps_max;
        int64_t cpu_max_us, cpu_since_us; /* since: TIME_NONE until the clock is first read */
        int64_t wall_look_us;             /* before then it cannot be late; TIME_NONE: nobody looked yet */
        bool no_backstop;
};

static size_t heap_class(size_t size, size_t *ret_capacity) {
        if (size <= HEAP_SMALL_MAX) {
                size_t class = size == 0 ? 0 : (size - 1) / HEAP_GRAIN;
                *ret_capacity = (class + 1) * HEAP_GRAIN;
                return class;
        }
        size_t last = size - 1;
        unsigned shift = 63u - (unsigned) __builtin_clzll(last) - 2;
        size_t quarter = last >> shift; /* 4..7 */
        *ret_capacity = (quarter + 1) << shift;
        return HEAP_SMALL_CLASSES + (shift - 8) * 4 + (quarter - 4);
}

static size_t heap_class_capacity(size_t class) {
        if (class < HEAP_SMALL_CLASSES)
                return (class + 1) * HEAP_GRAIN;
        size_t above = class - HEAP_SMALL_CLASSES;
        return (above % 4 + 5) << (above / 4 + 8);
}

static inline bool heap_is_still(const Sandbox *sandbox, const void *at) { return (const uint8_t *) at >= sandbox->block + sandbox->still; }

static size_t still_size(const Sandbox *sandbox) { return POLICY_LUA_MEMORY_MAX - sandbox->still; }

static void *heap_take(Sandbox *sandbox, size_t size, bool is_still) {
        Heap *heap = (Heap *) (void *) sandbox->block;
        size_t capacity, in_use = heap->used + still_size(sandbox);
        size_t class = heap_class(size, &capacity);
        FreeBlock **first = is_still ? &sandbox->still_free[class] : &heap->free[class];
        if (*first) {
                FreeBlock *block = *first;
                *first = block->next;
                return block;
        }
        if (in_use > sandbox->limit || capacity > sandbox->limit - in_use)
                return NULL;
        if (is_still)
                return sandbox->block + (sandbox->still -= capacity);
        void *at = sandbox->block + heap->used;
        heap->used += capacity;
        return at;
}

static void heap_give(Sandbox *sandbox, void *at, size_t size) {
        Heap *heap = (Heap *) (void *) sandbox->block;
        size_t capacity;
        size_t class = heap_class(size, &capacity);
        bool is_still = heap_is_still(sandbox, at);
        FreeBlock *block = at;
        if (is_still && sandbox->sealed) {
                sandbox->still_touched = true; /* the collector; the memory is not handed out again */
                return;
        }
        FreeBlock **first = is_still ? &sandbox->still_free[class] : &heap->free[class];
        block->next = *first;
        *first = block;
        sandbox->gave |= !is_still;
}

/* A stretch of any size (a multiple of the grain), as the largest blocks that fit. */
static void heap_give_stretch(Sandbox *sandbox, uint8_t *at, size_t size) {
        while (size > 0) {
                size_t capacity, class = heap_class(size, &capacity);
                if (capacity > size)
                        capacity = heap_class_capacity(class - 1);
                heap_give(sandbox, at, capacity);
                at += capacity;
                size -= capacity;
        }
}

/* The hook looks every so many instructions: rarely enough to cost nothing for a rule of ordinary size. Once something is large, single
 * instructions can be dear (comparing two texts of POLICY_LUA_STRING_MAX, growing a table of a megabyte: up to some milliseconds), and
 * it looks often enough to end them in time. Which it is depends on what the rules allocate alone, so that the steps are the same in
 * every process. */
#define HOOK_INSTRUCTIONS 100
#define HOOK_CAREFUL_INSTRUCTIONS 4
#define CAREFUL_SIZE 4096u

static void on_count(lua_State *L, lua_Debug *frame);

static int hook_instructions(const Sandbox *sandbox) { return sandbox->careful ? HOOK_CAREFUL_INSTRUCTIONS : HOOK_INSTRUCTIONS; }

static void heap_note_size(Sandbox *sandbox, size_t size, bool is_text) {
        if (size <= CAREFUL_SIZE)
                return;
        sandbox->long_text |= is_text;
        if (sandbox->careful)
                return;
        sandbox->careful = true;
        if (sandbox->running && sandbox->spent == SPENT_NOTHING)
                lua_sethook(sandbox->L, on_count, LUA_MASKCOUNT, hook_instructions(sandbox));
}

/* "file:line: " of the innermost Lua function (nothing when there is none). */
static const char *sandbox_where(lua_State *L, char buf[static 96]) {
        lua_Debug frame;
        buf[0] = '\0';
        for (int level = 0; lua_getstack(L, level, &frame); level++)
                if (lua_getinfo(L, "Sl", &frame) && frame.currentline > 0) {
                        snprintf(buf, 96, "%s:%d: ", frame.short_src, frame.currentline);
                        break;
                }
        return buf;
}

/* Memory has run out, or a text is too long. Lua passes the error on without asking any handler, and by the time it arrives the place is
 * gone: it is looked up here. Nothing in that allocates. */
static void *heap_refuse(Sandbox *sandbox, Spent spent) {
        sandbox->still_touched = true; /* Lua collects before it asks again: marks are everywhere */
        if (sandbox->spent == SPENT_NOTHING) {
                sandbox->spent = spent;
                if (sandbox->running)
                        (void) sandbox_where(sandbox->L, sandbox->spent_where);
        }
        return NULL;
}

/* The table of texts grows by a reallocation that doubles it, from 128 pointers on. Others that are as large look the same. */
#define STRINGS_SIZE_MIN 1024

/* What Lua asks for: an object's type (that of a prototype is not in lua.h), or 0: a vector. No function writes into a text or into
 * code; of functions it does (iterators of C keep their place in themselves). */
#define TYPE_PROTOTYPE (LUA_NUMTYPES + 1)
static bool is_still_type(const Sandbox *sandbox, size_t type) {
        return !sandbox->sealed && (sandbox->fixing || type == LUA_TSTRING || type == TYPE_PROTOTYPE || (type == 0 && sandbox->parsing));
}

/* lua_Alloc. When the block is full Lua collects once and asks again; the refusal then stands, because a rule
 * that lives at the brim would buy a whole collection with every instruction. */
static void *on_alloc(void *userdata, void *at, size_t old_size, size_t new_size) {
        Sandbox *sandbox = userdata;
        if (new_size == 0) {
                if (at)
                        heap_give(sandbox, at, old_size);
                return NULL;
        }
        heap_note_size(sandbox, new_size, !at && old_size == LUA_TSTRING);
        if (!at) {
                /* Comparing strings is one instruction however long they are: so they are never long. */
                if (old_size == LUA_TSTRING && new_size > POLICY_LUA_STRING_MAX + 64)
                        return heap_refuse(sandbox, SPENT_STRING);
                void *fresh = sandbox->spent == SPENT_MEMORY || new_size > POLICY_LUA_MEMORY_MAX
                                      ? NULL
                                      : heap_take(sandbox, new_size, is_still_type(sandbox, old_size));
                return fresh ? fresh : heap_refuse(sandbox, SPENT_MEMORY);
        }
        size_t old_capacity, new_capacity = 0;
        heap_class(old_size, &old_capacity);
        if (new_size <= POLICY_LUA_MEMORY_MAX)
                heap_class(new_size, &new_capacity);
        if (old_capacity == new_capacity)
                return at;
        if (new_size <= old_size) {
                /* Lua relies on shrinking, also at the brim: the block stays, its tail is free. */
                heap_give_stretch(sandbox, (uint8_t *) at + new_capacity, old_capacity - new_capacity);
                return at;
        }
        if (old_size >= STRINGS_SIZE_MIN)
                sandbox->still_touched = sandbox->grew = true;
        void *fresh = new_capacity > 0 && sandbox->spent != SPENT_MEMORY ? heap_take(sandbox, new_size, heap_is_still(sandbox, at)) : NULL;
        if (!fresh)
                return heap_refuse(sandbox, SPENT_MEMORY);
        memcpy(fresh, at, old_size);
        heap_give(sandbox, at, old_size);
        return fresh;
}

/* ---- budget ------------------------------------------------------------- */

static inline Sandbox *sandbox_of(lua_State *L) { return *(Sandbox **) lua_getextraspace(L); }

static int64_t sandbox_clock_us(clockid_t clock) {
        struct timespec t;
        if (clock_gettime(clock, &t) < 0)
                return 0;
        return (int64_t) t.tv_sec * US_PER_SECOND + t.tv_nsec / 1000;
}

/* CPU time cannot have passed without wall time: the cheap clock is read, and the system call happens only when the whole budget may
 * have been used since the last one. Most rules end within the grace and never pay for it. */
#define CPU_GRACE_US 1000

static bool sandbox_is_late(Sandbox *sandbox) {
        if (sandbox->no_backstop)
                return false;
        int64_t wall_us = sandbox_clock_us(CLOCK_MONOTONIC);
        if (sandbox->wall_look_us == TIME_NONE) {
                sandbox->wall_look_us = wall_us + CPU_GRACE_US;
                return false;
        }
        if (wall_us < sandbox->wall_look_us)
                return false;
        int64_t cpu_us = sandbox_clock_us(CLOCK_THREAD_CPUTIME_ID);
        if (sandbox->cpu_since_us == TIME_NONE)
                sandbox->cpu_since_us = cpu_us - CPU_GRACE_US;
        int64_t left_us = sandbox->cpu_max_us - (cpu_us - sandbox->cpu_since_us);
        sandbox->wall_look_us = wall_us + left_us;
        return left_us < 0;
}

static const char *sandbox_spent_text(const Sandbox *sandbox, char buf[static 96]) {
        switch (sandbox->spent) {
        case SPENT_STEPS:
                snprintf(buf, 96, "took too long: more than %llu steps", (unsigned long long) sandbox->steps_max);
                break;
        case SPENT_CPU:
                snprintf(buf, 96, "took too long: more than %lld ms of processor time", (long long) (sandbox->cpu_max_us / 1000));
                break;
        case SPENT_MEMORY:
                snprintf(buf, 96, "took too much memory: more than %d MiB", POLICY_LUA_MEMORY_MAX / 1024 / 1024);
                break;
        case SPENT_STRING:
                snprintf(buf, 96, "made too long a text: more than %d KiB", POLICY_LUA_STRING_MAX / 1024);
                break;
        case SPENT_NOTHING:
                buf[0] = '\0';
                break;
        }
        return buf;
}

/* From now on the hook fires at every instruction: what swallows this error is stopped by the next one. */
static int sandbox_overrun(lua_State *L) {
        Sandbox *sandbox = sandbox_of(L);
        char text[96];
        lua_sethook(L, lua_gethook(L), LUA_MASKCOUNT, 1);
        char where[96];
        lua_pushstring(L, sandbox_where(L, where));
        lua_pushstring(L, sandbox_spent_text(sandbox, text));
        lua_concat(L, 2);
        return lua_error(L);
}

static void sandbox_spend(lua_State *L, uint64_t steps) {
        Sandbox *sandbox = sandbox_of(L);
        if (sandbox->spent != SPENT_NOTHING)
                (void) sandbox_overrun(L);
        if (steps > sandbox->steps_max || sandbox->steps > sandbox->steps_max - steps) {
                sandbox->steps = sandbox->steps_max;
                sandbox->spent = SPENT_STEPS;
                (void) sandbox_overrun(L);
        }
        sandbox->steps += steps;
        if (sandbox_is_late(sandbox)) {
                sandbox->spent = SPENT_CPU;
                (void) sandbox_overrun(L);
        }
}

static void on_count(lua_State *L, lua_Debug *frame _unused_) { sandbox_spend(L, (uint64_t) hook_instructions(sandbox_of(L))); }

bool sandbox_overran(const Sandbox *sandbox) { return sandbox->spent != SPENT_NOTHING; }
bool sandbox_overran_cpu(const Sandbox *sandbox) { return sandbox->spent == SPENT_CPU; }

/* What was in use when it was sealed. */
static size_t sandbox_sealed(const Sandbox *sandbox) { return sandbox->sealed_end + still_size(sandbox); }

bool sandbox_neared_limits(const Sandbox *sandbox) {
        size_t used = sandbox_used(sandbox), sealed = sandbox_sealed(sandbox);
        return sandbox->spent != SPENT_NOTHING || sandbox->steps > sandbox->steps_max / 4 || used > sandbox->limit ||
               used - sealed > (sandbox->limit - sealed) / 2;
}

void sandbox_set_backstop(Sandbox *sandbox, bool on) { sandbox->no_backstop = !on; }

void sandbox_charge(lua_State *L, uint64_t steps) { sandbox_spend(L, steps); }

bool sandbox_is_spent(lua_State *L) { return sandbox_of(L)->spent != SPENT_NOTHING; }

bool sandbox_is_sealed(lua_State *L) { return sandbox_of(L)->sealed; }

/* Text that was there when the rules were loaded is the rules' own; what lies beyond was made from a lead. */
bool sandbox_is_rule_text(lua_State *L, const char *text) {
        const Sandbox *sandbox = sandbox_of(L);
        if (!sandbox->sealed)
                return true;
        const uint8_t *at = (const uint8_t *) text, *end = sandbox->block + POLICY_LUA_MEMORY_MAX;
        return (at >= sandbox->block && at < sandbox->block + sandbox->sealed_end) || (heap_is_still(sandbox, at) && at < end);
}

void sandbox_new_fixed_table(lua_State *L, int n_list, int n_keys) {
        sandbox_of(L)->fixing = true;
        lua_createtable(L, n_list, n_keys);
        sandbox_of(L)->fixing = false;
}

void sandbox_push_fixed_function(lua_State *L, lua_CFunction function, int n_upvalues) {
        sandbox_of(L)->fixing = true;
        lua_pushcclosure(L, function, n_upvalues);
        sandbox_of(L)->fixing = false;
}

void sandbox_set_user(Sandbox *sandbox, void *user) { sandbox->user = user; }
void *sandbox_user(lua_State *L) { return sandbox_of(L)->user; }

/* ---- life --------------------------------------------------------------- */

static int on_setup(lua_State *L) {
        bind_open(L);
        return 0;
}

int sandbox_new(Sandbox **ret) {
        Sandbox *sandbox = calloc(1, sizeof(Sandbox));
        if (!sandbox)
                return -ENOMEM;
        void *block = mmap(NULL, POLICY_LUA_MEMORY_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (block == MAP_FAILED) {
                free(sandbox);
                return -ENOMEM;
        }
        sandbox->block = block;
        sandbox->still = POLICY_LUA_MEMORY_MAX;
        sandbox->limit = POLICY_LUA_MEMORY_MAX - HEAP_RUN_RESERVE;
        ((Heap *) block)->used = (sizeof(Heap) + HEAP_GRAIN - 1) / HEAP_GRAIN * HEAP_GRAIN;
        sandbox->L = lua_newstate(on_alloc, sandbox);
        if (!sandbox->L) {
                sandbox_free(sandbox);
                return -ENOMEM;
        }
        *(Sandbox **) lua_getextraspace(sandbox->L) = sandbox;
        lua_gc(sandbox->L, LUA_GCINC, 0, 0, 0);
        lua_gc(sandbox->L, LUA_GCSTOP);
        lua_pushcfunction(sandbox->L, on_setup);
        if (lua_pcall(sandbox->L, 0, 0, 0) != LUA_OK) {
                sandbox_free(sandbox);
                return -ENOMEM; /* nothing else can go wrong in there */
        }
        *ret = sandbox;
        return 0;
}

/* The state is not closed: it owns nothing outside its block. */
Sandbox *sandbox_free(Sandbox *sandbox) {
        if (!sandbox)
                return NULL;
        if (sandbox->block)
                (void) munmap(sandbox->block, POLICY_LUA_MEMORY_MAX);
        free(sandbox->extents);
        free(sandbox->image);
        free(sandbox->still_image);
        free(sandbox->mark);
        free(sandbox);
        return NULL;
}

lua_State *sandbox_state(Sandbox *sandbox) { return sandbox->L; }

/* ---- sealing and restoring ---------------------------------------------- */

typedef struct Hole {
        size_t offset, size;
} Hole;

static int hole_compare(const void *a, const void *b) {
        const Hole *x = a, *y = b;
        return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Adds [from, to) to the extents, or joins it to the last. */
static void image_add(Sandbox *sandbox, size_t from, size_t to) {
        if (to <= from)
                return;
        Extent *last = sandbox->n_extents > 0 ? &sandbox->extents[sandbox->n_extents - 1] : NULL;
        if (last && from - (last->offset + last->size) < IMAGE_GAP)
                last->size = to - last->offset;
        else
                sandbox->extents[sandbox->n_extents++] = (Extent){ .offset = from, .size = to - from };
}

/* All blocks of the lists, by address. The caller frees them. */
static int heap_holes(const Sandbox *sandbox, FreeBlock *const free_blocks[static HEAP_CLASSES], Hole **ret, size_t *ret_n) {
        size_t n = 0, at = 0;
        for (size_t i = 0; i < HEAP_CLASSES; i++)
                for (const FreeBlock *block = free_blocks[i]; block; block = block->next)
                        n++;
        Hole *holes = calloc(n + 1, sizeof(Hole));
        if (!holes)
                return -ENOMEM;
        for (size_t i = 0; i < HEAP_CLASSES; i++)
                for (const FreeBlock *block = free_blocks[i]; block; block = block->next)
                        holes[at++] =
                                (Hole){ .offset = (size_t) ((const uint8_t *) block - sandbox->block), .size = heap_class_capacity(i) };
        qsort(holes, n, sizeof(Hole), hole_compare);
        *ret = holes;
        *ret_n = n;
        return 0;
}

int sandbox_collect(Sandbox *sandbox) {
        assert(!sandbox->running && !sandbox->sealed);
        Heap *heap = (Heap *) (void *) sandbox->block;
        _cleanup_(base_freep) Hole *holes = NULL, *still_holes = NULL;
        size_t n, n_still, first = 0;
        lua_settop(sandbox->L, 0);
        sandbox->spent = SPENT_NOTHING;
        /* What a deep recursion left is given back by halves. */
        for (int left = INT_MAX, last = 0; left != last;) {
                last = left;
                lua_gc(sandbox->L, LUA_GCCOLLECT);
                left = lua_gc(sandbox->L, LUA_GCCOUNT);
        }
        lua_gc(sandbox->L, LUA_GCSTOP);
        int r = heap_holes(sandbox, heap->free, &holes, &n);
        if (r == 0)
                r = heap_holes(sandbox, sandbox->still_free, &still_holes, &n_still);
        if (r < 0)
                return r;
        /* What a file has left behind lies where the parts meet, in blocks of its own sizes: one stretch again for the next. */
        for (; n > 0 && holes[n - 1].offset + holes[n - 1].size == heap->used; n--)
                heap->used = holes[n - 1].offset;
        for (; first < n_still && still_holes[first].offset == sandbox->still; first++)
                sandbox->still += still_holes[first].size;
        memset(heap->free, 0, sizeof(heap->free));
        memset(sandbox->still_free, 0, sizeof(sandbox->still_free));
        for (size_t i = n; i-- > 0;)
                heap_give(sandbox, sandbox->block + holes[i].offset, holes[i].size);
        for (size_t i = first; i < n_still; i++)
                heap_give(sandbox, sandbox->block + still_holes[i].offset, still_holes[i].size);
        return 0;
}

/* Room for the texts of leads in the table of texts: one that grows while functions run makes the next set-back dear. */
#define TEXTS_ROOM 256

static int on_make_room(lua_State *L) {
        Sandbox *sandbox = sandbox_of(L);
        for (int i = 0; i < TEXTS_ROOM && !sandbox->grew; i++) {
                lua_pushfstring(L, "\1%d", i);
                lua_pop(L, 1);
        }
        return 0;
}

/* It is there unless the block is as good as full. */
static int sandbox_make_room(Sandbox *sandbox) {
        int r = sandbox_collect(sandbox);
        if (r < 0)
                return r;
        sandbox->grew = false;
        lua_pushcfunction(sandbox->L, on_make_room);
        if (lua_pcall(sandbox->L, 0, 0, 0) != LUA_OK)
                lua_settop(sandbox->L, 0);
        return 0;
}

/* Copies the image's parts from the block to `at`, or back; answers what lies behind them at `at`. */
static uint8_t *image_copy(Sandbox *sandbox, uint8_t *at, bool back) {
        for (size_t i = 0; i < sandbox->n_extents; i++) {
                uint8_t *part = sandbox->block + sandbox->extents[i].offset;
                size_t size = sandbox->extents[i].size;
                memcpy(back ? part : at, back ? at : part, size);
                at += size;
        }
        return at;
}

int sandbox_seal(Sandbox *sandbox) {
        Heap *heap = (Heap *) (void *) sandbox->block;
        _cleanup_(base_freep) Hole *holes = NULL;
        size_t n_holes = 0;
        lua_sethook(sandbox->L, NULL, 0, 0);
        /* The declarations go; what a function still refers to stays. */
        int r = sandbox_make_room(sandbox);
        if (r == 0)
                r = sandbox_collect(sandbox);
        if (r == 0)
                r = heap_holes(sandbox, heap->free, &holes, &n_holes);
        if (r < 0)
                return r;
        sandbox->extents = calloc(n_holes + 1, sizeof(Extent));
        if (!sandbox->extents)
                return -ENOMEM;

        /* The holes are given up for good: memory that is never handed out again needs no restoring. */
        memset(heap->free, 0, sizeof(heap->free));
        size_t from = sizeof(Heap);
        for (size_t i = 0; i < n_holes; i++) {
                image_add(sandbox, from, holes[i].offset);
                from = holes[i].offset + holes[i].size;
        }
        image_add(sandbox, from, heap->used);
        sandbox->sealed_end = heap->used;
        sandbox->limit = POLICY_LUA_MEMORY_MAX;

        for (size_t i = 0; i < sandbox->n_extents; i++)
                sandbox->image_size += sandbox->extents[i].size;
        sandbox->image = malloc(sandbox->image_size);
        sandbox->still_image = malloc(still_size(sandbox));
        if (!sandbox->image || !sandbox->still_image)
                return -ENOMEM;
        memcpy(sandbox->still_image, sandbox->block + sandbox->still, still_size(sandbox));
        (void) image_copy(sandbox, sandbox->image, false);
        /* What else was large belonged to the parser, or is a table, which shows itself when it grows. */
        sandbox->careful = sandbox->image_careful = sandbox->long_text;
        sandbox->sealed = true;
        sandbox->dirty = sandbox->still_touched = false;
        sandbox->user = NULL;
        return 0;
}

static void still_restore(Sandbox *sandbox) {
        if (sandbox->still_touched || sandbox->still_unsure)
                memcpy(sandbox->block + sandbox->still, sandbox->still_image, still_size(sandbox));
        sandbox->still_touched = false;
}

int sandbox_begin(Sandbox *sandbox) {
        assert(sandbox->sealed && !sandbox->running);
        if (!sandbox->dirty)
                return 0;
        Heap *heap = (Heap *) (void *) sandbox->block;
        heap->used = sandbox->sealed_end;
        if (sandbox->gave)
                memset(heap->free, 0, sizeof(heap->free));
        sandbox->gave = false;
        (void) image_copy(sandbox, sandbox->image, true);
        still_restore(sandbox);
        sandbox->careful = sandbox->image_careful;
        sandbox->dirty = false;
        return 0;
}

int sandbox_mark(Sandbox *sandbox) {
        assert(sandbox->sealed && !sandbox->running);
        const Heap *heap = (const Heap *) (const void *) sandbox->block;
        size_t tail = heap->used - sandbox->sealed_end, still = sandbox->still_touched ? still_size(sandbox) : 0;
        size_t needed = sandbox->image_size + sizeof(Heap) + tail + still;
        if (needed > sandbox->mark_capacity) {
                size_t capacity = needed + needed / 2;
                uint8_t *mark = malloc(capacity);
                if (!mark)
                        return -ENOMEM;
                free(sandbox->mark);
                sandbox->mark = mark;
                sandbox->mark_capacity = capacity;
        }
        memcpy(sandbox->mark, heap, sizeof(Heap));
        uint8_t *at = image_copy(sandbox, sandbox->mark + sizeof(Heap), false);
        memcpy(at, sandbox->block + sandbox->sealed_end, tail);
        memcpy(at + tail, sandbox->block + sandbox->still, still);
        sandbox->mark_tail = tail;
        sandbox->mark_still = sandbox->still_touched;
        sandbox->mark_careful = sandbox->careful;
        return 0;
}

void sandbox_rewind(Sandbox *sandbox) {
        assert(sandbox->mark && !sandbox->running);
        memcpy(sandbox->block, sandbox->mark, sizeof(Heap));
        const uint8_t *at = image_copy(sandbox, sandbox->mark + sizeof(Heap), true);
        memcpy(sandbox->block + sandbox->sealed_end, at, sandbox->mark_tail);
        if (sandbox->mark_still)
                memcpy(sandbox->block + sandbox->still, at + sandbox->mark_tail, still_size(sandbox));
        else
                still_restore(sandbox);
        sandbox->careful = sandbox->mark_careful;
}

void sandbox_set_limit(Sandbox *sandbox, size_t limit) { sandbox->limit = limit; }

size_t sandbox_used(const Sandbox *sandbox) { return ((const Heap *) (const void *) sandbox->block)->used + still_size(sandbox); }

size_t sandbox_waste(const Sandbox *sandbox) {
        return sandbox->careful != sandbox->image_careful ? SIZE_MAX : sandbox_used(sandbox) - sandbox_sealed(sandbox);
}

size_t sandbox_image_size(const Sandbox *sandbox) { return sandbox->image_size; }

size_t sandbox_still_changes(const Sandbox *sandbox) {
        size_t n = 0;
        for (size_t i = 0; i < still_size(sandbox) && !sandbox->still_touched; i++)
                n += sandbox->block[sandbox->still + i] != sandbox->still_image[i];
        return n;
}

/* ---- running ------------------------------------------------------------ */

typedef struct Call {
        void (*f)(lua_State *L, void *userdata);
        void *userdata;
} Call;

static int on_call(lua_State *L) {
        Call call = *(Call *) lua_touserdata(L, 1);
        lua_settop(L, 0);
        call.f(L, call.userdata);
        return 0;
}

/* ---- loading ------------------------------------------------------------ */

/* The parser runs inside no instruction, and takes time that grows as the square of what it is fed (a chain of elseif, labels): it is fed
 * in pieces, and each is charged. */
#define LOAD_PIECE_SIZE 1024

typedef struct Reading {
        const char *at;
        size_t left;
        int line; /* of the piece that is being read */
        bool is_start;
} Reading;

/* A line, or a part of a long one. */
static const char *on_read(lua_State *L, void *userdata, size_t *ret_size) {
        Reading *reading = userdata;
        const char *piece = reading->at;
        size_t most = reading->left < LOAD_PIECE_SIZE ? reading->left : LOAD_PIECE_SIZE;
        const char *newline = memchr(piece, '\n', most);
        size_t size = newline ? (size_t) (newline - piece) + 1 : most;
        reading->line += reading->is_start;
        reading->is_start = newline != NULL;
        reading->at += size;
        reading->left -= size;
        sandbox_spend(L, 1 + size / 16);
        *ret_size = size;
        return size > 0 ? piece : NULL;
}

/* "FILE:LINE: ..." */
static bool has_place(const char *text) {
        const char *colon = strchr(text, ':');
        size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
        return digits > 0 && colon[1 + digits] == ':';
}

void sandbox_load(lua_State *L, const char *name, const char *data, size_t size) {
        Reading reading = { .at = data, .left = size, .is_start = true };
        Sandbox *sandbox = sandbox_of(L);
        sandbox->parsing = true;
        int status = lua_load(L, on_read, &reading, name, "t");
        sandbox->parsing = false;
        if (status == LUA_OK)
                return;
        sandbox->still_unsure = true; /* the handler of errors may have been given its frame there */
        /* Some errors of the parser (nesting, a spent budget) do not say where. */
        if (!sandbox->spent_where[0])
                snprintf(sandbox->spent_where, sizeof(sandbox->spent_where), "%s:%d: ", name + 1, reading.line);
        if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING && !has_place(lua_tostring(L, -1))) {
                lua_pushfstring(L, "%s:%d: ", name + 1, reading.line);
                lua_insert(L, -2);
                lua_concat(L, 2);
        }
        (void) lua_error(L);
}

/* Where an error was raised that does not say it (no text, a level of 0, raised by Lua's core within C) is lost once the stack is unwound.
 */
static int on_error(lua_State *L) {
        char where[96];
        if (lua_type(L, 1) == LUA_TSTRING && has_place(lua_tostring(L, 1)))
                return 1;
        lua_pushstring(L, sandbox_where(L, where));
        if (lua_type(L, 1) == LUA_TSTRING)
                lua_pushvalue(L, 1);
        else
                lua_pushfstring(L, "raised an error that is no text but a %s", luaL_typename(L, 1));
        lua_concat(L, 2);
        return 1;
}

/* Errors are raised by many, and some put a value into their text; the place in front is Lua's own. */
void sandbox_say(const Sandbox *sandbox, const char *error, char *ret, size_t size) {
        const char *colon = has_place(error) ? strchr(strchr(error, ':') + 1, ':') : NULL;
        char text[96];

        snprintf(ret, size, "%.*s%s", colon ? (int) (colon + 2 - error) : 0, error,
                sandbox->spent != SPENT_NOTHING ? sandbox_spent_text(sandbox, text) : "raised an error");
}

int sandbox_run(Sandbox *sandbox, void (*f)(lua_State *L, void *userdata), void *userdata, char *error, size_t error_size) {
        assert(!sandbox->running);
        lua_State *L = sandbox->L;
        int top = lua_gettop(L);
        sandbox->spent = SPENT_NOTHING;
        sandbox->spent_where[0] = '\0';
        sandbox->steps = 0;
        sandbox->steps_max = sandbox->sealed ? POLICY_STEPS_BUDGET : POLICY_LOAD_STEPS_BUDGET;
        sandbox->cpu_max_us = sandbox->sealed ? POLICY_CPU_BUDGET_US : POLICY_LOAD_CPU_BUDGET_US;
        sandbox->wall_look_us = sandbox->cpu_since_us = TIME_NONE;
        sandbox->dirty = sandbox->running = true;
        sandbox->fixing = false;
        lua_sethook(L, on_count, LUA_MASKCOUNT, hook_instructions(sandbox));

        Call call = { .f = f, .userdata = userdata };
        lua_pushcfunction(L, on_error);
        lua_pushcfunction(L, on_call);
        lua_pushlightuserdata(L, &call);
        int status = lua_pcall(L, 1, 0, top + 1);
        sandbox->running = false;
        lua_sethook(L, NULL, 0, 0);
        if (status != LUA_OK) {
                char text[96];
                /* A memory error that a pcall passed on is an ordinary error by now, with Lua's own words. */
                bool is_memory = status == LUA_ERRMEM || sandbox->spent == SPENT_MEMORY || sandbox->spent == SPENT_STRING;
                if (!is_memory && lua_type(L, -1) == LUA_TSTRING)
                        snprintf(error, error_size, "%s", lua_tostring(L, -1));
                else
                        snprintf(error, error_size, "%s%s", sandbox->spent_where,
                                sandbox->spent != SPENT_NOTHING ? sandbox_spent_text(sandbox, text) : "failed");
        }
        lua_settop(L, top);
        assert(lua_gettop(L) == top);
        return status == LUA_OK ? 0 : POLICY_E_FAILED;
}
