/* SPDX-License-Identifier: MIT */
/*
 * What a lead is known by: keyed digests of the normalised e-mail, the external ids
 * and the telephone number, in the order in which they decide (record.md section 3).
 * A key is all that indexes and the erasure list hold; it says nothing without the secret.
 */
#include <errno.h>
#include <stdio.h>

#include "internal.h"

static int key_of(const uint8_t secret[static DIGEST_SIZE], const char *kind, const char *system, const char *text, Key *ret) {
        DigestPart parts[3] = { { kind, strlen(kind) } };
        size_t n = 1;
        if (system)
                parts[n++] = (DigestPart){ system, strlen(system) };
        parts[n++] = (DigestPart){ text, strlen(text) };
        return digest_keyed(secret, parts, n, ret);
}

static int key_of_kind(const uint8_t secret[static DIGEST_SIZE], IdentityKind kind, const char *system, const char *text, Key *ret) {
        switch (kind) {
        case IDENTITY_EMAIL:
                return key_of(secret, "email", NULL, text, ret);
        case IDENTITY_EXTERNAL_ID:
                if (!system || !*system || !*text)
                        return RECORD_E_CORRUPT;
                return key_of(secret, "external_id", system, text, ret);
        case IDENTITY_PHONE:
                if (!phone_is_e164(text))
                        return RECORD_E_CORRUPT;
                return key_of(secret, "phone", NULL, text, ret);
        case IDENTITY_NAME:
                break;
        }
        return -EINVAL;
}

int identity_key(const uint8_t secret[static DIGEST_SIZE], IdentityKind kind, const char *system, const char *text, Key *ret) {
        char email[EMAIL_TEXT_SIZE];
        if (kind == IDENTITY_EMAIL) {
                int r = email_normalise(text, strlen(text), email);
                if (r != 0)
                        return r;
                text = email;
        }
        return key_of_kind(secret, kind, system, text, ret);
}

int identity_key_of_name(const uint8_t secret[static DIGEST_SIZE], const Facts *profile, Key *ret) {
        const char *name = facts_text(profile, FIELD_PERSON_NAME), *domain = facts_text(profile, FIELD_COMPANY_DOMAIN);
        size_t size;
        if (!name || !*name || !domain || !*domain || email_domain_is_free(domain))
                return RECORD_E_CORRUPT;
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        const char *folded = arena ? utf8_casefold(arena, name, strlen(name), &size) : NULL;
        return folded ? key_of(secret, "name", domain, folded, ret) : -ENOMEM;
}

/* The text of an external id: systems that count write numbers. NULL: it is neither. */
static const char *id_text(const Value *value, char buf[static 24]) {
        if (value->type == VALUE_TEXT)
                return value->text;
        if (value->type != VALUE_INTEGER)
                return NULL;
        (void) snprintf(buf, 24, "%lld", (long long) value->integer);
        return buf;
}

int record_identify(Record *record, const uint8_t secret[static DIGEST_SIZE]) {
        const Facts *facts = &record->facts;
        size_t n_max = 2; /* address and number */
        for (size_t i = 0; i < facts->n_items; i++)
                n_max += facts->items[i].field == FIELD_PERSON_EXTERNAL_IDS;
        Identity *identities = ARENA_ARRAY(record->arena, Identity, n_max);
        if (!identities)
                return -ENOMEM;

        /* Facts are sorted by field and key: the address comes first, the number second, ids by system. The number has to go last. */
        size_t n = 0;
        const char *phone = facts_text(facts, FIELD_PERSON_PHONE_NUMBER);
        const char *email = facts_text(facts, FIELD_PERSON_EMAIL);
        if (email && *email) {
                identities[n].kind = IDENTITY_EMAIL;
                int r = identity_key(secret, IDENTITY_EMAIL, NULL, email, &identities[n].key);
                if (r < 0)
                        return r;
                n += r == 0;
        }
        for (size_t i = 0; i < facts->n_items; i++) {
                const Fact *fact = &facts->items[i];
                if (fact->field != FIELD_PERSON_EXTERNAL_IDS)
                        continue;
                char buf[24];
                const char *text = id_text(&fact->value, buf);
                if (!text)
                        continue;
                identities[n].kind = IDENTITY_EXTERNAL_ID;
                int r = key_of_kind(secret, IDENTITY_EXTERNAL_ID, fact->key, text, &identities[n].key);
                if (r < 0)
                        return r;
                n += r == 0;
        }
        if (phone && phone_is_e164(phone)) {
                identities[n].kind = IDENTITY_PHONE;
                int r = key_of_kind(secret, IDENTITY_PHONE, NULL, phone, &identities[n].key);
                if (r < 0)
                        return r;
                n += r == 0;
        }
        record->identities = identities;
        record->n_identities = n;
        return 0;
}
