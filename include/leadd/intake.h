#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * intake: understands what a file says. Turns an open descriptor into records
 * or refusals, one after the other, in bounded memory: JSON, NDJSON, CSV, form,
 * gzip and zstd; canonical records, flat records and vendors' payloads through
 * adapters. Pure: touches no directory, no database. One Intake a thread.
 */
#include "leadd/base.h"
#include "leadd/record.h"
#include "leadd/worktime.h"

#define INTAKE_RECORD_SIZE_MAX (256 * 1024)
#define INTAKE_DEPTH_MAX 16
#define INTAKE_TEXT_MAX 1000     /* characters of a text */
#define INTAKE_MESSAGE_MAX 16384 /* characters of interest.message */
#define INTAKE_ANSWERS_MAX 200
#define INTAKE_AMOUNT_MAX 9e11 /* of an opportunity: one above it is kept as an answer */
#define INTAKE_EMAIL_MAX 254
#define INTAKE_KEY_MAX 256 /* characters of a key, id, source */
#define INTAKE_FUTURE_US (5 * US_PER_MINUTE)
#define INTAKE_CSV_COLUMNS_MAX 1024

/* ---- adapters: a vendor's payload as plain mapping data (record.md section 2; the Lua form: rules/adapters/README.md) ----
 * A path into a payload: "a.b.c", list items by position "a.0.b"; a key that itself holds dots is found as well. "a|b" tries a, then b:
 * the first that has a value. A CSV or form payload is a flat object of texts.
 * A target is a field path of the field table or one of "id", "time", "source", "type", "subject", "skip" (read, not kept).
 * Who writes a target first keeps it; what does not fit its target, or comes second, is left for `rest`. */

typedef enum AdapterForm {
        ADAPTER_AUTO = 0,
        ADAPTER_INTEGER,
        ADAPTER_NUMBER,
        ADAPTER_BOOL,         /* true/false/yes/no/1/0/on/off, case-folded */
        ADAPTER_PHONE,        /* resolved with the phone region */
        ADAPTER_COUNTRY,      /* "Germany", "DEU", "de" -> "DE" */
        ADAPTER_STRIP_PREFIX, /* "l:123" -> "123" (argument: "l:"); a value without it stays as it is */
        ADAPTER_LOWER,
        ADAPTER_LAST_URN, /* "urn:li:sponsoredCampaign:198" -> "198" */
} AdapterForm;

typedef enum AdapterTime {
        ADAPTER_TIME_AUTO = 0,
        ADAPTER_TIME_RFC3339,
        ADAPTER_TIME_UNIX,
        ADAPTER_TIME_UNIX_MS,
        ADAPTER_TIME_LOCAL
} AdapterTime;

/* The vendor's word for a value and ours: option numbers, "1"/"" check boxes, opt-outs. */
typedef struct AdapterValue {
        const char *from; /* as text; "" is the empty text */
        Value value;
} AdapterValue;

typedef struct AdapterMap {
        const char *from;   /* path in the payload, or the name in a list of pairs (ASCII case ignored) */
        const char *target; /* checked against the field table when the rule set is loaded */
        AdapterForm form;
        const char *argument;
        const AdapterValue *values; /* when there are any, a value not among them does not fit */
        size_t n_values;
} AdapterMap;

typedef struct AdapterMatch {
        const char *path;
        const char *equals; /* NULL = being there (and not null) is enough; "*" globs allowed */
} AdapterMatch;

/* A list whose items are {name, value} pairs: Google's user_column_data, Meta's field_data, HubSpot's fields, Typeform's answers.
 * Several may read one list: an item that one has taken is not seen by those after it. */
typedef struct AdapterPairs {
        const char *list;          /* path of the list */
        const AdapterMatch *where; /* only items for which all hold */
        size_t n_where;
        const char *name;          /* path of the name inside an item ("column_id", "field.ref"); numbers count as their digits */
        const char *const *values; /* paths tried in order inside an item ("string_value"; "text","email","choice.label") */
        size_t n_values;
        const AdapterMap *map; /* by name */
        size_t n_map;
        const char *rest; /* MAP path that takes names not in map, as rest below; NULL = left for the next pairs, else dropped */
} AdapterPairs;

/* What nothing above has read: each remaining value below `from` (NULL = the whole payload) becomes target.KEY, deeper ones target.KEY.KEY.
 */
typedef struct AdapterRest {
        const char *from;
        const char *target; /* a MAP field, or one with the start of a key: "answers", "activity.properties", "answers.hidden" */
} AdapterRest;

typedef struct AdapterSet {
        const char *target;
        Value value;
} AdapterSet;

typedef struct Adapter {
        const char *name;
        const char *format;        /* json | csv | form: NULL = any (ndjson counts as json) */
        const char *source_glob;   /* spool directory, NULL = any */
        const AdapterMatch *match; /* all must hold */
        size_t n_match;
        const char *each;      /* path of a list: each item is a record of its own; NULL = the payload is one */
        const char *const *id; /* paths joined by ":" ; none = derived id */
        size_t n_id;
        const char *type;        /* record type, default "lead.submitted"; "drop" = counted and dropped */
        const char *type_path;   /* path whose value picks from types; NULL = none */
        const AdapterMap *types; /* from = value ("*" = any other), target = record type or "drop"; a value without one is refused */
        size_t n_types;
        const char *time; /* path; NULL = arrival */
        AdapterTime time_form;
        const char *time_zone;   /* for ADAPTER_TIME_LOCAL; NULL = the site's */
        const char *const *drop; /* paths never kept (secrets: blanked in rejects too) */
        size_t n_drop;
        const char *secret;       /* path that must equal the content of secret_file (trailing newline ignored); implies drop */
        const char *secret_file;  /* absolute, or a name in the directory of systemd's credentials */
        const char *const *empty; /* texts that mean "not given" ("Select", "n/a"), compared case-folded */
        size_t n_empty;
        const AdapterMap *map; /* in order of `from` */
        size_t n_map;
        const AdapterPairs *pairs;
        size_t n_pairs;
        const AdapterSet *set; /* where nothing was mapped */
        size_t n_set;
        const AdapterRest *rest;
        size_t n_rest;
} Adapter;

/* ---- settings ---- */

typedef struct IntakeSettings {
        const Adapter *adapters; /* in order: the first that matches wins; borrowed for the Intake's life */
        size_t n_adapters;
        const char *phone_region; /* ISO 3166 alpha-2, or NULL */
        const Zone *zone;         /* of zone-less times; NULL = UTC */
        const uint8_t *secret;    /* DIGEST_SIZE bytes: for keys */
        /* May this spool directory send what none may by default: outcome.* (FAMILY_OUTCOME), owner.* (FAMILY_OWNER), lead.erased
         * (FAMILY_LEAD)? Asked for these only. NULL = none may. */
        bool (*may)(const char *directory, const char *source, RecordFamily family, void *userdata);
        void *userdata;
        /* Of tests of rules, which are to say the same everywhere: no file is read, whatever text stands where an adapter's secret does
         * is the agreed one. */
        bool any_secret;
} IntakeSettings;

typedef struct Intake Intake;
int intake_new(const IntakeSettings *settings, Intake **ret);
Intake *intake_free(Intake *intake);
void intake_freep(Intake **intake);

/* ---- reading a file ---- */

typedef struct Refusal {
        const char *reason; /* static token: json_syntax, json_duplicate_key, utf8, too_large, too_deep, no_identity, bad_email,
                               unknown_type, not_allowed, csv_columns, ... */
        const char *field;  /* field path or column, or NULL; malloc'ed */
        char *text;         /* a sentence that names the place (line, column, byte), without lead data; malloc'ed */
        char *raw; /* the record as delivered (a row or form: a JSON object of its texts), secrets blanked, cut to INTAKE_RECORD_SIZE_MAX;
                      bytes that are not UTF-8 as \xNN; malloc'ed, NUL terminated. Empty when an item before it holds the payload whole. */
        size_t raw_size;
} Refusal;
void refusal_done(Refusal *refusal); /* frees what it holds */

typedef struct IntakeItem {
        uint64_t index;         /* of the record in its file, from 1 (file.ndjson#3) */
        Record *record;         /* NULL when refused or dropped by the adapter */
        Refusal *refusal;       /* NULL unless refused */
        bool dropped;           /* the adapter said so (a test webhook, a ping) */
        const Adapter *adapter; /* that made the record or dropped it; NULL: none did. One of the settings' */
} IntakeItem;

typedef struct IntakeBatch {
        IntakeItem *items;
        size_t n_items;
        uint64_t next_offset; /* decoded bytes: where to go on */
        uint64_t next_index;  /* index of the next record */
        bool end;             /* nothing is left */
        bool holds_secret;    /* an adapter drops something of these payloads for good: the file is not to be kept */
} IntakeBatch;
IntakeBatch *intake_batch_free(IntakeBatch *batch);

enum {
        INTAKE_E_UNUSABLE = 1, /* the file itself: intake_reader_problem() says why */
        INTAKE_E_NAME = 2,     /* intake_open: the name has no known extension */
};

typedef struct IntakeReader IntakeReader;
/* fd is borrowed. name gives the format (ANYTHING.EXT[.gz|.zst]); directory is the spool source; offset and index are where an
 * earlier run stopped (0 and 1 at first): CSV reads its header again, compressed files are decoded up to it. now_us: arrival. */
int intake_open(Intake *intake, int fd, const char *directory, const char *name, int64_t now_us, uint64_t offset, uint64_t index,
        IntakeReader **ret);
/* The next records, at most max_records (more when one payload holds many) and about max_size decoded bytes; may be none before the
 * end. INTAKE_E_UNUSABLE: *ret is set as well, to what came before, which stays valid, and with end = true. */
int intake_read(IntakeReader *reader, size_t max_records, size_t max_size, IntakeBatch **ret);
/* Reason token and sentence of INTAKE_E_UNUSABLE. */
void intake_reader_problem(const IntakeReader *reader, const char **ret_reason, const char **ret_text);
IntakeReader *intake_reader_free(IntakeReader *reader);
void intake_reader_freep(IntakeReader **reader);
/* json, csv, ndjson, form, xml (known, but its files are unusable in this version) from a file name, without compression; NULL when
 * unknown. Upper and lower case do not matter. */
const char *intake_format(const char *name);

/* A file's content that is already in memory (offline checks, the socket): format as in intake_format, INTAKE_E_NAME when unknown.
 * What would make a file unusable is one more refused item here. */
int intake_parse(
        Intake *intake, const char *directory, const char *format, const char *data, size_t size, int64_t now_us, IntakeBatch **ret);
