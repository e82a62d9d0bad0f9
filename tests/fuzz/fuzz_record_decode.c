/* SPDX-License-Identifier: MIT */
/*
 * Arbitrary bytes as encoded facts: refused, or facts that encode and decode to the
 * same, can be found one by one, and can be shown.
 */
#include <jansson.h>

#include "leadd/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Arena *arena = arena_new((size_t) 64 << 20);
        Facts facts = { 0 }, again = { 0 }, profile = { 0 };
        Text encoded = { 0 };
        json_t *shown = NULL;
        bool changed;
        if (!arena)
                return 0;
        if (facts_decode(data, size, size % 2, arena, &facts) == 0) {
                if (facts_encode(&facts, &encoded) != 0 || facts_decode(encoded.data, encoded.size, false, arena, &again) != 0 ||
                        !facts_equal(&facts, &again))
                        abort();
                for (size_t i = 0; i < facts.n_items; i++)
                        if (facts_get(&facts, facts.items[i].field, facts.items[i].key) != &facts.items[i].value)
                                abort();
                if (facts_merge(&profile, arena, &facts, &changed) != 0)
                        abort();
                if (facts_to_json(&facts, &shown) == 0)
                        json_decref(shown);
        }
        text_free(&encoded);
        arena_free(arena);
        return 0;
}
