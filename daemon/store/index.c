/* SPDX-License-Identifier: MIT */
/*
 * An open-addressing table of 8 bytes a slot: a 32-bit fingerprint and a 32-bit id.
 * It stands where a database would have an index on random keys, which costs a
 * random page an insert. Equal fingerprints are normal: whoever asks verifies each
 * candidate against its row. Position comes from the fingerprint alone, so that the
 * table grows without reading a key again.
 */
#include "internal.h"
#include <errno.h>

#define INDEX_BITS_MIN 10
#define INDEX_BITS_MAX 32

static size_t slot_home(const Index *index, uint32_t fingerprint) { return fingerprint >> (32 - index->bits); }

static void slot_put(Index *index, uint64_t slot) {
        size_t mask = ((size_t) 1 << index->bits) - 1, at = slot_home(index, (uint32_t) (slot >> 32));
        while (index->slots[at] != 0)
                at = (at + 1) & mask;
        index->slots[at] = slot;
        index->n++;
}

void index_free(Index *index) {
        free(index->slots);
        *index = (Index){ 0 };
}

int index_reserve(Index *index, size_t n) {
        /* At most two thirds full: the mean probe of a miss stays below five. */
        unsigned bits = index->bits > 0 ? index->bits : INDEX_BITS_MIN;
        while ((index->n + n) * 3 > ((size_t) 1 << bits) * 2)
                if (++bits > INDEX_BITS_MAX)
                        return -EOVERFLOW;
        if (bits == index->bits)
                return 0;
        Index larger = { .bits = bits, .slots = calloc((size_t) 1 << bits, sizeof(uint64_t)) };
        if (!larger.slots)
                return -ENOMEM;
        for (size_t i = 0, size = index->bits > 0 ? (size_t) 1 << index->bits : 0; i < size; i++)
                if (index->slots[i] != 0)
                        slot_put(&larger, index->slots[i]);
        free(index->slots);
        *index = larger;
        return 0;
}

int index_add(Index *index, uint32_t fingerprint, uint32_t id) {
        int r = index_reserve(index, 1);
        if (r == 0)
                slot_put(index, (uint64_t) fingerprint << 32 | id);
        return r;
}

/* A table that outgrew the caches waits for memory at every entry: so the slots of the whole batch are asked for first. */
int index_add_all(Index *index, const uint64_t *slots, size_t n) {
        int r = index_reserve(index, n);
        if (r != 0)
                return r;
        for (size_t i = 0; i < n; i++)
                __builtin_prefetch(&index->slots[slot_home(index, (uint32_t) (slots[i] >> 32))], 1);
        for (size_t i = 0; i < n; i++)
                slot_put(index, slots[i]);
        return 0;
}

bool index_remove(Index *index, uint32_t fingerprint, uint32_t id) {
        if (index->bits == 0)
                return false;
        uint64_t wanted = (uint64_t) fingerprint << 32 | id;
        size_t mask = ((size_t) 1 << index->bits) - 1, at = slot_home(index, fingerprint);
        while (index->slots[at] != wanted) {
                if (index->slots[at] == 0)
                        return false;
                at = (at + 1) & mask;
        }
        /* Close the gap: a slot moves back when its home is not between the gap and itself. No tombstones. */
        for (size_t next = (at + 1) & mask; index->slots[next] != 0; next = (next + 1) & mask) {
                size_t home = slot_home(index, (uint32_t) (index->slots[next] >> 32));
                if (((next - home) & mask) >= ((next - at) & mask)) {
                        index->slots[at] = index->slots[next];
                        at = next;
                }
        }
        index->slots[at] = 0;
        index->n--;
        return true;
}

uint32_t index_find(const Index *index, uint32_t fingerprint, size_t *cursor) {
        if (index->bits == 0)
                return 0;
        size_t mask = ((size_t) 1 << index->bits) - 1, home = slot_home(index, fingerprint);
        for (;;) {
                uint64_t slot = index->slots[(home + *cursor) & mask];
                if (slot == 0)
                        return 0;
                (*cursor)++;
                if (slot >> 32 == fingerprint)
                        return (uint32_t) slot;
        }
}

static uint64_t mix(uint64_t a, uint64_t b) {
        unsigned __int128 product = (unsigned __int128) a * b;
        return (uint64_t) product ^ (uint64_t) (product >> 64);
}

/* Multiply and fold, eight bytes at a time. The seed is secret: who chooses the texts cannot choose the slots. */
uint64_t index_hash(uint64_t seed, const void *data, size_t size) {
        const uint8_t *p = data;
        uint64_t hash = seed ^ (size * UINT64_C(0x9e3779b97f4a7c15));
        while (size > 0) {
                uint64_t word = 0;
                size_t n = size < sizeof(word) ? size : sizeof(word);
                memcpy(&word, p, n);
                hash = mix(hash ^ word, seed | UINT64_C(0x8000000000000001));
                hash = (hash << 23 | hash >> 41) + UINT64_C(0x2545f4914f6cdd1d);
                p += n;
                size -= n;
        }
        return mix(hash, UINT64_C(0xd6e8feb86659fd93));
}
