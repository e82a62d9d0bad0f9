#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * Strict JSON: what jansson would let pass is looked for first.
 */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum {
        JSON_E_REFUSED = 1, /* *ret_reason is a static token, text a sentence that names the place */
};

#define JSON_TEXT_SIZE 256

/* One object. line: where data begins in its file, 0 = say bytes only; offset: of its first byte in the file. 0, JSON_E_REFUSED,
 * -ENOMEM. Error sentences never quote the data. */
int json_read(const char *data, size_t size, uint64_t line, uint64_t offset, json_t **ret, const char **ret_reason,
        char text[static JSON_TEXT_SIZE]);
