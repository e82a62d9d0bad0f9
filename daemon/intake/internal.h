#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * What the files of the intake room share: the draft (a record being understood),
 * conversion of JSON values to fields, and the boundary between the readers and the
 * adapter engine. A payload is always a JSON object; a CSV row or a form reaches
 * canonical.c, flat.c and adapter.c as a flat JSON object of strings.
 */
#include <jansson.h>

#include "leadd/intake.h"

/* ---- context: what is the same for a whole file ---- */

typedef struct ZoneCacheEntry {
        const char *name;
        const Zone *zone; /* NULL: there is no such zone */
} ZoneCacheEntry;

#define INTAKE_ZONES_MAX 64

typedef struct IntakeContext {
        const IntakeSettings *settings;
        const char *directory; /* the spool source */
        int64_t now_us;        /* arrival */
        ZoneCacheEntry *zones; /* INTAKE_ZONES_MAX, owned by the Intake */
        size_t *n_zones;
} IntakeContext;

/* A zone by IANA name, looked up once an Intake; NULL name = the site's zone; NULL result = UTC or unknown. */
const Zone *context_zone(IntakeContext *context, const char *name);

/* ---- draft: a record being understood ----
 * draft_new, then draft_set* and the plain members, then the sink, which finishes it and frees it. Strings put into a draft
 * must live in draft->record->arena or be literals (draft_set* copies by itself). */

enum {
        DRAFT_E_REFUSED = 1, /* the record cannot be accepted: reason, field, text are set */
        DRAFT_E_VALUE = 2,   /* the value does not convert to the field: nothing was set, the caller decides (keep it in answers, refuse) */
};

typedef struct Draft {
        IntakeContext *context;
        Record *record;          /* owned; record->facts is being filled; times of facts are stamped by draft_finish */
        const Adapter *adapter;  /* NULL: canonical or flat */
        const json_t *delivered; /* borrowed until the sink returns: the payload, or the item of `each`; a derived id is its digest */
        size_t item;             /* position in the list of `each`; SIZE_MAX: the payload is one record */
        const char *source, *id, *type, *subject; /* as delivered (type: in lower case); NULL = absent (type: lead.submitted) */
        int64_t time_us;                          /* TIME_NONE = arrival */
        bool dropped;                             /* the adapter said so */
        const char *reason;                       /* static token; NULL = not refused */
        const char *field;                        /* field path, column; NULL */
        const char *text;                         /* a sentence without lead data */
} Draft;

int draft_new(IntakeContext *context, const json_t *delivered, Draft **ret);
Draft *draft_free(Draft *draft);
void draft_freep(Draft **draft);

/* Marks the draft as refused; the first reason stays. field is copied, NULL allowed. Always DRAFT_E_REFUSED (or -ENOMEM). */
int draft_refuse(Draft *draft, const char *reason, const char *field, const char *format, ...) _printf_(4, 5);

/* Sets a field from a JSON value: null and empty or blank text set nothing (0). Conversion by the field's kind after `form`:
 * TEXT takes any scalar (numbers as decimal text) and joins lists by ", "; NUMBER and BOOL take the same written as text; TIME takes
 * what draft_parse_time takes with ADAPTER_TIME_AUTO; a MAP keeps the scalar's own type, joins lists, and continues the key with a dot
 * for objects (key NULL: the object's members are the keys). consent.* is BOOL, consent_at.* TIME. Telephone numbers and countries of
 * the fields that are such are resolved by draft_finish, whatever the form. argument belongs to the form.
 * 0, DRAFT_E_VALUE, DRAFT_E_REFUSED (over a limit), -ENOMEM. Setting twice: the last wins. */
int draft_set(Draft *draft, FieldId field, const char *key, const json_t *value, AdapterForm form, const char *argument);
/* The same by target: a field path (with key), or id, time (AUTO), source, type, subject; "skip" does nothing. An unknown target is
 * DRAFT_E_VALUE. Whether a target has been written already: draft_has_target. */
int draft_set_target(Draft *draft, const char *target, const json_t *value, AdapterForm form, const char *argument);
/* A ready value (AdapterSet). Same targets. */
int draft_set_target_value(Draft *draft, const char *target, const Value *value);
bool draft_has_target(const Draft *draft, const char *target);
/* Reads a time: RFC 3339, "+0000" offsets, a space for T, Unix seconds or milliseconds (number or text; AUTO tells them apart by size),
 * zone-less date-times and dates in `zone` (NULL = the site's). false: it is no time of that form. */
bool draft_parse_time(IntakeContext *context, const json_t *value, AdapterTime form, const char *zone, int64_t *ret_us);
/* A scalar as text (numbers exact, true/false), a list of scalars joined by ", ". NULL: null, an object, or out of memory (then
 * *ret_error = -ENOMEM). */
const char *draft_text_of(Arena *arena, const json_t *value, size_t *ret_size, int *ret_error);

/* Normalises, validates, checks limits and permissions, derives, identifies, keys. On 0 draft->record is complete (the caller takes
 * it). DRAFT_E_REFUSED. Called by the sink, not by the adapter engine. */
int draft_finish(Draft *draft);

/* Family and place of the event's name in a lower-case type, whatever prefix it has. false: no type of ours. */
bool record_type_parse(const char *text, RecordFamily *ret_family, const char **ret_family_name, size_t *ret_event_at);

/* ---- the adapter engine (adapter*.c) ---- */

/* Called once per resulting draft, in the order of the payload: a record to be finished, a refusal (reason set), or one with
 * dropped = true. Takes the draft in every case. Not 0: stop and forward. */
typedef int (*DraftSink)(Draft *draft, void *userdata);

/* The first adapter that matches this payload, NULL = none. format: json (also a line of ndjson), csv, form. Not asked for
 * CloudEvents (objects with a specversion). */
const Adapter *adapter_find(const IntakeSettings *settings, const char *directory, const char *format, const json_t *payload);
/* Maps the payload: one draft, or one for each item of `each`. A wrong secret is one refused draft ("bad_secret"). 0 or -errno. */
int adapter_apply(const Adapter *adapter, IntakeContext *context, json_t *payload, DraftSink sink, void *userdata);
/* What stands as `raw` in the rejects: a new object like the payload in which `drop` and `secret` paths are blanked and, with
 * `each`, the list holds only that item (SIZE_MAX: all), so that the raw can be judged again. NULL on exhaustion. */
json_t *adapter_raw(const Adapter *adapter, const json_t *payload, size_t item);

/* ---- shared knowledge (fold.c, country.c, phone.c, email.c, title.c) ---- */

#define FOLD_SIZE_MAX 128 /* bytes of a folded name; longer ones are not looked up */
/* "E-Mail" -> "email", "Prénom" -> "prenom". false: too long, or no UTF-8. */
bool name_fold(const char *text, size_t size, char ret[static FOLD_SIZE_MAX], size_t *ret_size);

/* "Germany", "DEU", "de", "Deutschland" -> "DE" (static); NULL: not known. */
const char *country_find(const char *text, size_t size);

#define PHONE_TEXT_SIZE 17 /* "+" 15 digits NUL */
/* To E.164: international ("+49 (0)30 ...", "0049...") or national in the region (alpha-2, NULL = none). false: cannot be resolved. */
bool phone_resolve(const char *text, size_t size, const char *region, char ret[static PHONE_TEXT_SIZE]);
/* "+" and 7 to 15 digits. */
bool phone_is_e164(const char *text);

#define EMAIL_TEXT_SIZE 512
/* Local part case-folded, domain lower-case A-label. RECORD_E_CORRUPT: no address. -ENOMEM. */
int email_normalise(const char *text, size_t size, char ret[static EMAIL_TEXT_SIZE]);
/* "Exämple.COM." -> "xn--exmple-cua.com". RECORD_E_CORRUPT. */
int email_normalise_domain(const char *text, size_t size, char ret[static EMAIL_TEXT_SIZE]);
/* A domain that many unrelated people have addresses in: it never makes a company. */
bool email_domain_is_free(const char *domain);

/* "Leiterin Logistik" -> "director"; NULL: the title says nothing about rank. */
const char *title_seniority(Arena *arena, const char *title, size_t size);
