#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * Erasing a person from the files of the spool: what was kept in done/, what was set aside in held/, what was not fetched from
 * outgoing/. What still waits in incoming/ is not touched: nobody knows whom it is about before it is judged, and then a
 * redelivery is told by its key.
 */
#include "leadd/base.h"

/* What to look for: lines "e ADDRESS", "p NUMBER", "i ID", "n L-42", as the gate wrote them. */
typedef struct EraseFound {
        uint64_t n_files;   /* removed */
        uint64_t n_records; /* lines taken out of files that stay */
} EraseFound;
/* alive is called between files, by whoever must show a sign of life; NULL. What cannot be gone through is an error, the rest is done. */
int erase_files(const char *spool, const char *needles, size_t size, void (*alive)(void *userdata), void *userdata, EraseFound *ret);
/* Is this one record about the person? With the address, or with an id or number and no other address. */
bool erase_concerns(const char *needles, size_t needles_size, const char *record, size_t size);
