#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * Flat records: the well-known columns, and reading an object by them.
 */
#include "internal.h"

typedef enum ColumnKind {
        COLUMN_FIELD,   /* target is a field path */
        COLUMN_OPT_OUT, /* target is a consent: a true value refuses it, a false one says nothing */
        COLUMN_EVENT,   /* about the event, not the lead: only at the top of a record */
} ColumnKind;

typedef struct Column {
        const char *target;
        int pass; /* 2: only where pass 1 left the target empty (source gives way to utm_source) */
        ColumnKind kind;
        const char *names; /* folded, separated by | */
} Column;

/* The column that is commonly called so; NULL: none. */
const Column *column_find(const char *name, size_t size);
const Column *column_all(size_t *ret_n);

/* Reads the members of an object as columns: well-known names and field paths to their fields, the rest to answers (or to
 * activity.properties in an activity). is_top: also id, type, time, subject. Members for which `skip` says so are left out
 * (NULL: none). 0, DRAFT_E_REFUSED, -ENOMEM. */
typedef bool (*FlatSkip)(const char *name, const json_t *value);
int flat_apply(Draft *draft, const json_t *object, bool is_top, FlatSkip skip);
/* Keeps a value that no field takes. */
int flat_keep(Draft *draft, const char *name, const json_t *value);

/* Reads a payload that no adapter claimed: a CloudEvents envelope, an object with the sections of record.md section 2, a flat
 * object, or a mixture of both. */
int canonical_apply(Draft *draft, const json_t *payload);
/* The envelope's mark: such a payload is not shown to adapters. */
bool canonical_is_envelope(const json_t *payload);
