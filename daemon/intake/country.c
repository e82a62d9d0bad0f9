/* SPDX-License-Identifier: MIT */
/*
 * Countries by any of their names or codes. Text is folded (case, accents, spaces
 * and punctuation do not count) and looked up in a hash table that is built once a
 * process. Does not guess: a name that is not in the table is no country.
 */
#include "country.h"

#include <glib.h>
#include <pthread.h>

#include "internal.h"

#define SLOTS 4096 /* a power of two, more than twice the number of names and codes */

typedef struct Slot {
        const char *name; /* inside the table: not NUL terminated */
        uint8_t size;
        uint8_t country; /* index + 1; 0 = free */
} Slot;

static Slot slots[SLOTS];
static pthread_once_t slots_once = PTHREAD_ONCE_INIT;

static size_t slot_of(const char *name, size_t size) {
        uint32_t hash = UINT32_C(2166136261);
        for (size_t i = 0; i < size; i++)
                hash = (hash ^ (uint8_t) name[i]) * UINT32_C(16777619);
        return (hash ^ (hash >> 13)) & (SLOTS - 1);
}

static const Slot *slot_find(const char *name, size_t size) {
        for (size_t at = slot_of(name, size); slots[at].country; at = (at + 1) & (SLOTS - 1))
                if (slots[at].size == size && memcmp(slots[at].name, name, size) == 0)
                        return &slots[at];
        return NULL;
}

static void slot_add(const char *name, size_t size, size_t country) {
        size_t at = slot_of(name, size);
        while (slots[at].country)
                at = (at + 1) & (SLOTS - 1);
        slots[at] = (Slot){ .name = name, .size = (uint8_t) size, .country = (uint8_t) (country + 1) };
}

static void slots_build(void) {
        for (size_t i = 0; i < intake_n_countries; i++) {
                const char *name = intake_countries[i].names;
                while (*name) {
                        size_t size = strcspn(name, "|");
                        slot_add(name, size, i);
                        name += size + (name[size] == '|');
                }
        }
}

/* ---- codes ---- */

static const Country *find_code(const char *code, size_t size) {
        char upper[4] = "";
        for (size_t i = 0; i < size; i++) {
                if (!g_ascii_isalpha(code[i]))
                        return NULL;
                upper[i] = g_ascii_toupper(code[i]);
        }
        for (size_t i = 0; i < intake_n_countries; i++)
                if (base_streq(size == 2 ? intake_countries[i].alpha2 : intake_countries[i].alpha3, upper))
                        return &intake_countries[i];
        return NULL;
}

const Country *country_by_alpha2(const char *alpha2) {
        for (size_t i = 0; i < intake_n_countries; i++)
                if (intake_countries[i].alpha2[0] == alpha2[0] && base_streq(intake_countries[i].alpha2, alpha2))
                        return &intake_countries[i];
        return NULL;
}

const char *country_find(const char *text, size_t size) {
        if (size == 0 || size >= FOLD_SIZE_MAX)
                return NULL;
        (void) pthread_once(&slots_once, slots_build);
        char folded[FOLD_SIZE_MAX];
        size_t folded_size;
        if (!name_fold(text, size, folded, &folded_size) || folded_size == 0)
                return NULL;
        const Country *country = folded_size == 2 || folded_size == 3 ? find_code(folded, folded_size) : NULL;
        if (country)
                return country->alpha2;
        const Slot *slot = slot_find(folded, folded_size);
        if (!slot && folded_size > 3 && memcmp(folded, "the", 3) == 0)
                slot = slot_find(folded + 3, folded_size - 3);
        return slot ? intake_countries[slot->country - 1].alpha2 : NULL;
}
