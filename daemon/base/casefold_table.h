#pragma once
/* SPDX-License-Identifier: MIT */
/* casefold_table, for text.c only. */
#include "leadd/base.h"

typedef struct CasefoldEntry {
        uint32_t character;
        const char *folded; /* UTF-8 */
} CasefoldEntry;
extern const CasefoldEntry casefold_table[]; /* sorted */
extern const size_t casefold_table_size;
