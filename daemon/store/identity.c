/* SPDX-License-Identifier: MIT */
/*
 * Who is it, and have we seen it: idempotency keys of events and identity keys of
 * leads. Keys are keyed digests, kept once, in the order of their events; finding them
 * is the in-memory index's work, each hit verified against its row. The first lead
 * that brought a key keeps it.
 */
#include "internal.h"
#include <errno.h>

#define KEY_GROUP (1 + KEY_SIZE) /* kind and key */
#define DATABASE_PAGE_SIZE 4096  /* SQLite's own, which nothing here changes */

uint32_t key_fingerprint(unsigned kind, const Key *key) {
        uint32_t fingerprint;
        memcpy(&fingerprint, key->bytes, sizeof(fingerprint));
        return fingerprint ^ kind * UINT32_C(0x9e3779b9);
}

static bool key_is_none(const Key *key) {
        static const Key none;
        return memcmp(key, &none, sizeof(none)) == 0;
}

/* Does the blob hold that key? kind (with KEY_ERASED: of somebody erased) 0 is the event's own, at the front. */
static bool keys_hold(Blob keys, unsigned kind, const Key *key) {
        const uint8_t *at = keys.data;
        if (keys.size < KEY_SIZE)
                return false;
        if (kind == 0)
                return memcmp(at, key->bytes, KEY_SIZE) == 0;
        for (size_t i = KEY_SIZE; i + KEY_GROUP <= keys.size; i += KEY_GROUP)
                if (at[i] == kind && memcmp(at + i + 1, key->bytes, KEY_SIZE) == 0)
                        return true;
        return false;
}

static int find(Store *store, unsigned kind, const Key *key, uint64_t *ret_event, uint64_t *ret_lead) {
        uint32_t fingerprint = key_fingerprint(kind, key), event;
        *ret_event = *ret_lead = 0;
        for (size_t cursor = 0; (event = index_find(&store->keys, fingerprint, &cursor)) != 0;) {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                int r = sql_row(store, SQL_KEY_GET, &row, ARG((uint64_t) event));
                if (r == STORE_E_NONE)
                        continue;
                if (r != 0)
                        return r;
                if (keys_hold(column_blob(row, 1), kind, key)) {
                        *ret_event = event;
                        *ret_lead = column_u64(row, 0);
                        return 0;
                }
        }
        return 0;
}

int key_find(Store *store, unsigned kind, const Key *key, uint64_t *ret_event, uint64_t *ret_lead) {
        return find(store, kind, key, ret_event, ret_lead);
}

int key_find_lead(Store *store, IdentityKind kind, const Key *key, uint64_t *ret_lead) {
        uint64_t event;
        return find(store, kind, key, &event, ret_lead);
}

int key_find_event(Store *store, const Key *key, uint64_t *ret_event) {
        uint64_t lead;
        *ret_event = 0;
        return key_is_none(key) ? 0 : find(store, 0, key, ret_event, &lead);
}

uint64_t store_find_event(Store *store, const Key *key) {
        uint64_t event;
        int r = key_find_event(store, key, &event);
        /* "Never seen" would count it twice: so nothing more is written by a store that cannot read its keys. */
        if (r != 0 && store->failed == 0)
                store->failed = r < 0 ? r : -EIO;
        return event;
}

/* Known of another lead, and not by its e-mail or id, which find it: somebody should look whether the two are one. */
static int note_duplicate(Store *store, const StoreEntry *entry, IdentityKind kind, uint64_t known) {
        if (entry->lead_id == 0 || known == entry->lead_id || known == entry->named || store_is_before_6(store, entry->event_id))
                return 0;
        uint64_t newer = known > entry->lead_id ? known : entry->lead_id, older = known > entry->lead_id ? entry->lead_id : known;
        return sql_run(store, SQL_DUPLICATE_ADD, ARG(newer), ARG(older), ARG(1u << kind), ARG(entry->event_id));
}

static int collect(Store *store, const StoreEntry *entry, IdentityKind kind, const Key *key, Text *out, bool *ret_new) {
        uint64_t known;
        *ret_new = false;
        int r = key_find_lead(store, kind, key, &known);
        if (r != 0)
                return r;
        if (known > 0)
                return note_duplicate(store, entry, kind, known);
        if (keys_hold((Blob){ out->data, out->size }, kind, key))
                return 0;
        text_append_char(out, (char) kind);
        text_append_size(out, key->bytes, KEY_SIZE);
        *ret_new = true;
        return out->error;
}

/* What two leads are as one, or each for itself again, nobody has said of a person. */
static bool is_stated(const Record *record) {
        return record->family != FAMILY_LEAD || (!base_streq(record->event, "merged") && !base_streq(record->event, "unmerged"));
}

int keys_collect(Store *store, const StoreEntry *entry, Text *out, bool *ret_email) {
        const Record *record = entry->record;
        bool is_new;
        text_clear(out);
        text_append_size(out, record->key.bytes, KEY_SIZE);
        *ret_email = false;
        for (size_t i = 0; i < record->n_identities; i++) {
                const Identity *identity = &record->identities[i];
                int r = collect(store, entry, identity->kind, &identity->key, out, &is_new);
                if (r != 0)
                        return r;
                *ret_email |= is_new && identity->kind == IDENTITY_EMAIL;
        }
        /* Of an event of an older book neither names nor pairs are kept: it was not asked for them, and a replay must come to the same. */
        if (entry->lead_id > 0 && entry->decision->profile_changed && is_stated(record) && !store_is_before_6(store, entry->event_id)) {
                Key key;
                int r = identity_key_of_name(store->secret, &entry->decision->profile, &key);
                if (r == 0)
                        r = collect(store, entry, IDENTITY_NAME, &key, out, &is_new);
                if (r < 0)
                        return r;
                if (r > 0 && r != RECORD_E_CORRUPT)
                        return r;
        }
        return out->error;
}

/* The next key of a row from *at on; false = no more. */
static bool next_key(Blob keys, size_t *at, unsigned *ret_kind, Key *ret) {
        const uint8_t *bytes = keys.data;
        size_t kind_size = *at == 0 ? 0 : 1;
        if (*at + kind_size + KEY_SIZE > keys.size)
                return false;
        *ret_kind = kind_size == 0 ? 0 : bytes[*at];
        memcpy(ret->bytes, bytes + *at + kind_size, KEY_SIZE);
        *at += kind_size + KEY_SIZE;
        return true;
}

static int index_keys(Store *store, uint64_t event, Blob keys) {
        size_t at = 0;
        unsigned kind;
        for (Key key; next_key(keys, &at, &kind, &key);) {
                if (kind == 0 && key_is_none(&key))
                        continue;
                int r = index_add_undoable(store, &store->keys, key_fingerprint(kind, &key), (uint32_t) event);
                if (r != 0)
                        return r;
        }
        return at == keys.size ? 0 : -EBADMSG;
}

int keys_add(Store *store, uint64_t event, uint64_t lead, const Text *keys) {
        Key own;
        memcpy(own.bytes, keys->data, KEY_SIZE);
        if (keys->size == KEY_SIZE && key_is_none(&own))
                return 0;
        int r = sql_run(store, SQL_KEY_ADD, ARG(event), ARG(lead), ARG_BYTES(keys->data, keys->size));
        if (r == 0)
                r = index_keys(store, event, (Blob){ keys->data, keys->size });
        return r;
}

/* Nearly every event brought a key and every lead an identity, so that the table can have its size at once. No more than the file has room
 * for: a damaged one may claim any number of events. */
static int reserve_keys(Store *store) {
        int64_t n_pages = 0;
        int r = sql_pragma(store, "PRAGMA page_count", &n_pages);
        if (r != 0)
                return r;
        uint64_t n_max = (uint64_t) n_pages * (DATABASE_PAGE_SIZE / KEY_SIZE);
        uint64_t n = store->now.next_event < n_max ? store->now.next_event : n_max;
        n += store->now.next_lead < n_max ? store->now.next_lead : n_max;
        return index_reserve(&store->keys, n);
}

/* Start-up waits for this: the table is filled in batches. */
static int unindex_keys(Store *store, uint64_t event, Blob keys) {
        const uint8_t *at = keys.data;
        for (size_t i = KEY_SIZE; i + KEY_GROUP <= keys.size; i += KEY_GROUP) {
                Key key;
                memcpy(key.bytes, at + i + 1, KEY_SIZE);
                int r = index_remove_undoable(store, &store->keys, key_fingerprint(at[i], &key), (uint32_t) event);
                if (r != 0)
                        return r;
        }
        return 0;
}

/* The blob, with every identity of somebody erased or of somebody living. */
static int read_keys(Store *store, uint64_t event, bool erased, Text *out, uint64_t *ret_lead) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        text_clear(out);
        int r = sql_row(store, SQL_KEY_GET, &row, ARG(event));
        if (r != 0)
                return r;
        Blob keys = column_blob(row, 1);
        if (keys.size < KEY_SIZE || (keys.size - KEY_SIZE) % KEY_GROUP != 0)
                return -EBADMSG;
        *ret_lead = column_u64(row, 0);
        text_append_size(out, keys.data, keys.size);
        for (size_t i = KEY_SIZE; out->error == 0 && i < out->size; i += KEY_GROUP)
                out->data[i] = (char) ((out->data[i] & 0x7f) | (erased ? KEY_ERASED : 0));
        return out->error;
}

int keys_erase(Store *store, uint64_t event) {
        uint64_t lead;
        Text *keys = &store->key_text;
        int r = read_keys(store, event, false, keys, &lead);
        if (r == STORE_E_NONE)
                return 0;
        if (r == 0)
                r = unindex_keys(store, event, (Blob){ keys->data, keys->size });
        if (r == 0)
                r = read_keys(store, event, true, keys, &lead);
        if (r == 0)
                r = sql_run(store, SQL_KEY_SET, ARG(event), ARG_BYTES(keys->data, keys->size));
        for (size_t i = KEY_SIZE; r == 0 && i < keys->size; i += KEY_GROUP) {
                Key key;
                memcpy(key.bytes, keys->data + i + 1, KEY_SIZE);
                r = index_add_undoable(store, &store->keys, key_fingerprint((uint8_t) keys->data[i], &key), (uint32_t) event);
        }
        return r;
}

int keys_copy(Store *store, Store *from, uint64_t event) {
        _cleanup_(text_free) Text keys = { 0 };
        uint64_t lead;
        int r = read_keys(from, event, false, &keys, &lead);
        if (r == 0)
                r = keys_add(store, event, lead, &keys);
        if (r != 0 && r != STORE_E_NONE)
                return r;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        for (r = sql_row(from, SQL_DUPLICATE_OF_EVENT, &row, ARG(event)); r == 0; r = sql_next(from, row)) {
                r = sql_run(
                        store, SQL_DUPLICATE_ADD, ARG(column_u64(row, 0)), ARG(column_u64(row, 1)), ARG(column_u64(row, 2)), ARG(event));
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}

int keys_load(Store *store) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        uint64_t slots[INDEX_BATCH];
        size_t n = 0;
        int r = reserve_keys(store);
        if (r != 0)
                return r;
        for (r = sql_row_plain(store, SQL_KEY_ALL, &row); r == 0; r = sql_next(store, row)) {
                uint64_t event = column_u64(row, 0);
                Blob keys = column_blob(row, 1);
                size_t at = 0;
                unsigned kind;
                if (event > STORE_IDS_MAX)
                        return -EBADMSG;
                for (Key key; next_key(keys, &at, &kind, &key);) {
                        if (kind == 0 && key_is_none(&key))
                                continue;
                        slots[n++] = (uint64_t) key_fingerprint(kind, &key) << 32 | event;
                        if (n < ARRAY_SIZE(slots))
                                continue;
                        r = index_add_all(&store->keys, slots, n);
                        if (r != 0)
                                return r;
                        n = 0;
                }
                if (at == 0 || at != keys.size)
                        return -EBADMSG;
        }
        return r == STORE_E_NONE ? index_add_all(&store->keys, slots, n) : r;
}

/* ---- finding the lead ---- */

/* "42" or "L-42"; 0 = no lead's number. */
static uint64_t parse_lead(const char *text) {
        uint64_t lead = 0;
        if ((text[0] == 'L' || text[0] == 'l') && text[1] == '-')
                text += 2;
        if (text[0] == '\0')
                return 0;
        for (; *text; text++) {
                if (*text < '0' || *text > '9' || lead > STORE_IDS_MAX)
                        return 0;
                lead = lead * 10 + (uint64_t) (*text - '0');
        }
        return lead;
}

static int lead_exists(Store *store, uint64_t lead, uint64_t *ret) {
        LeadRow row;
        int r = lead == 0 ? STORE_E_NONE : lead_row(store, lead, &row);
        *ret = r == 0 ? lead : 0;
        return r;
}

int store_find_lead(Store *store, const Record *record, uint64_t *ret_lead, uint64_t *ret_similar) {
        *ret_lead = *ret_similar = 0;
        if (!store_is_writer(store))
                return -EOPNOTSUPP;
        if (record->subject && strncmp(record->subject, "lead:", 5) == 0)
                return lead_exists(store, parse_lead(record->subject + 5), ret_lead);

        bool has_email = false, has_other = false;
        for (size_t i = 0; i < record->n_identities; i++) {
                has_email |= record->identities[i].kind == IDENTITY_EMAIL;
                has_other |= record->identities[i].kind != IDENTITY_PHONE;
        }
        /* In the order of the kinds, not of the array: the e-mail decides wherever it stands. */
        for (IdentityKind kind = IDENTITY_EMAIL; kind <= IDENTITY_PHONE; kind++)
                for (size_t i = 0; i < record->n_identities; i++) {
                        const Identity *identity = &record->identities[i];
                        uint64_t lead;
                        LeadRow row;
                        if (identity->kind != kind)
                                continue;
                        int r = key_find_lead(store, kind, &identity->key, &lead);
                        if (r != 0)
                                return r;
                        if (lead == 0)
                                continue;
                        if (kind == IDENTITY_PHONE && has_other) {
                                /* A switchboard has one number for many people: a hint, no more. */
                                *ret_similar = lead;
                                return 0;
                        }
                        if (kind == IDENTITY_EXTERNAL_ID && has_email) {
                                /* This record's address is new. If the lead has one, it is another person's or another life's. */
                                uint64_t survivor;
                                r = lead_row(store, lead, &row);
                                bool known_email = r == 0 && row.flags & LEAD_HAS_EMAIL;
                                if (r == 0)
                                        r = store_survivor(store, lead, &survivor);
                                if (r == 0)
                                        r = lead_row(store, survivor, &row);
                                if (r != 0)
                                        return r == STORE_E_NONE ? -EBADMSG : r;
                                if (known_email || row.flags & LEAD_HAS_EMAIL) {
                                        *ret_similar = lead;
                                        return 0;
                                }
                        }
                        *ret_lead = lead;
                        return 0;
                }
        return 0;
}

static int resolve_key(Store *store, IdentityKind kind, unsigned erased, const char *system, const char *text, uint64_t *ret_lead) {
        uint64_t event;
        Key key;
        int r = identity_key(store->secret, kind, system, text, &key);
        if (r < 0)
                return r;
        if (r > 0)
                return STORE_E_NONE;
        r = find(store, kind | erased, &key, &event, ret_lead);
        return r == 0 && *ret_lead == 0 ? STORE_E_NONE : r;
}

static int resolve(Store *store, const char *text, unsigned erased, uint64_t *ret_lead) {
        uint64_t lead = parse_lead(text);
        *ret_lead = 0;
        if (lead > 0)
                return lead_exists(store, lead, ret_lead);
        const char *colon = strchr(text, ':'), *at = strchr(text, '@');
        if (!colon && !at)
                return STORE_E_NONE;
        if (!store_is_writer(store))
                return -EOPNOTSUPP;
        /* "crm:a@b" is an id that looks like an address; "a@b" has no colon before its at sign. */
        if (at && (!colon || at < colon))
                return resolve_key(store, IDENTITY_EMAIL, erased, NULL, text, ret_lead);
        _cleanup_(base_freep) char *system = strndup(text, (size_t) (colon - text));
        if (!system)
                return -ENOMEM;
        return resolve_key(store, IDENTITY_EXTERNAL_ID, erased, system, colon + 1, ret_lead);
}

int store_resolve_named(Store *store, const char *text, uint64_t *ret_lead) { return resolve(store, text, 0, ret_lead); }

int store_resolve_lead(Store *store, const char *text, uint64_t *ret_lead) {
        int r = store_resolve_named(store, text, ret_lead);
        return r == 0 ? store_survivor(store, *ret_lead, ret_lead) : r;
}

/* ---- of somebody who was erased ---- */

int store_is_erased(Store *store, uint64_t lead, bool *ret, int64_t *ret_at_us) {
        LeadRow row;
        int r = lead_row(store, lead, &row);
        if (r != 0)
                return r;
        *ret = row.flags & LEAD_ERASED;
        *ret_at_us = row.created_us;
        return 0;
}

int store_resolve_erased(Store *store, const char *text, uint64_t *ret_lead) {
        bool erased = false;
        int64_t at_us;
        int r = resolve(store, text, KEY_ERASED, ret_lead);
        if (r == 0)
                r = store_is_erased(store, *ret_lead, &erased, &at_us);
        return r == 0 && !erased ? STORE_E_NONE : r;
}

int store_find_erased(Store *store, const Record *record, uint64_t *ret_lead, int64_t *ret_at_us) {
        *ret_lead = 0;
        for (size_t i = 0; i < record->n_identities && *ret_lead == 0; i++) {
                const Identity *identity = &record->identities[i];
                bool erased = false;
                uint64_t event, lead;
                if (identity->kind == IDENTITY_PHONE)
                        continue; /* others answer it, too */
                int r = find(store, identity->kind | KEY_ERASED, &identity->key, &event, &lead);
                if (r == 0 && lead > 0)
                        r = store_is_erased(store, lead, &erased, ret_at_us);
                if (r != 0)
                        return r == STORE_E_NONE ? -EBADMSG : r;
                if (erased)
                        *ret_lead = lead;
        }
        return 0;
}

int store_event_lead(Store *store, uint64_t event, uint64_t *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_KEY_GET, &row, ARG(event));
        *ret = r == 0 ? column_u64(row, 0) : 0;
        return r;
}
