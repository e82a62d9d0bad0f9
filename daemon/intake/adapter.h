#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * What the files of the adapter engine share: finding a vendor's field in a
 * payload by its path, and deciding whether anything stands there. Knows no
 * record; adapter.c maps, adapter_raw.c keeps secrets out of the rejects.
 */
#include "internal.h"

/* Where a value stands: in which object under which key, or in which list at which position. Values alone do not tell:
 * jansson shares one true, one false and one null. */
typedef struct Place {
        json_t *value;
        json_t *parent;
        const char *key; /* in the path or in the payload; not NUL terminated there: key_size */
        size_t key_size;
        size_t index; /* in a list, when key is NULL */
} Place;

bool place_equal(const Place *a, const Place *b);

/* One path without alternatives. At each object the whole rest of the path is tried as a key before it is split at its dots, so that
 * keys with dots are found. false: nothing is there. */
bool place_find(json_t *root, const char *path, size_t path_size, Place *ret);

/* The alternatives of "a|b", one after the other; the first is the whole text, for keys that hold a bar themselves.
 * *state is 0 at first. false: there are no more. */
bool path_next(const char *path, size_t *state, const char **ret_part, size_t *ret_size);

/* Does this value say anything: not null, not blank, no empty list or object, not one of the adapter's `empty` texts. */
bool value_is_given(const Adapter *adapter, const json_t *value);
/* The first alternative at which something is given. */
bool place_find_given(const Adapter *adapter, json_t *root, const char *path, Place *ret);

/* "*" is any run of bytes; everything else stands for itself. */
bool glob_matches(const char *glob, const char *text);
/* All matches hold for this object (or item of a list). */
bool matches_hold(const AdapterMatch *matches, size_t n_matches, json_t *root);

/* 0: there is no secret or it is right; 1: it is not, *ret_text says why without the secret; -ENOMEM. */
int secret_check(const Adapter *adapter, const IntakeSettings *settings, json_t *payload, const char **ret_text);
