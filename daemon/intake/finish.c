/* SPDX-License-Identifier: MIT */
/*
 * Finishing a draft: what concerns the record as a whole. Type and permission, id
 * and source, time, normalised values, consent, what each family needs, derived
 * fields, limits, identity and key, in this order. After it a record is complete
 * and never looked at by intake again.
 */
#include <errno.h>
#include <glib.h>
#include <math.h>
#include <stdio.h>

#include "internal.h"

/* ---- type and permission ---- */

static const struct {
        const char *name;
        RecordFamily family;
        const char *events; /* "|a|b|"; NULL = any */
} families[] = {
        { "lead", FAMILY_LEAD, "|submitted|updated|erased|" },
        { "activity", FAMILY_ACTIVITY, NULL },
        { "outcome", FAMILY_OUTCOME, NULL },
        { "consent", FAMILY_CONSENT, "|granted|withdrawn|" },
        { "company", FAMILY_COMPANY, "|updated|" },
        { "owner", FAMILY_OWNER, "|away|back|" },
        { "timer", FAMILY_TIMER, NULL },
        { "rules", FAMILY_RULES, NULL },
        { "campaign", FAMILY_CAMPAIGN, NULL },
};

static bool is_label(const char *s, size_t size) {
        if (size == 0)
                return false;
        for (size_t i = 0; i < size; i++)
                if (!g_ascii_islower(s[i]) && !g_ascii_isdigit(s[i]) && s[i] != '-' && s[i] != '_')
                        return false;
        return true;
}

/* Is the event one of "|a|b|"? */
static bool has_event(const char *events, const char *event) {
        size_t size = strlen(event);
        for (const char *at = events; (at = strstr(at, event)); at++)
                if (at[-1] == '|' && at[size] == '|')
                        return true;
        return false;
}

bool record_type_parse(const char *text, RecordFamily *ret_family, const char **ret_family_name, size_t *ret_event_at) {
        size_t size = strlen(text);
        const char *event = memrchr(text, '.', size);
        if (!event || size > INTAKE_KEY_MAX || !is_label(event + 1, strlen(event + 1)) || !g_ascii_islower(event[1]))
                return false;
        const char *family = memrchr(text, '.', (size_t) (event - text));
        /* What stands before the family is a name that somebody made unique by their domain; it has to look like one. */
        for (const char *label = text; family && label <= family;) {
                size_t n = strcspn(label, ".");
                if (!is_label(label, n))
                        return false;
                label += n + 1;
        }
        family = family ? family + 1 : text;
        size_t family_size = (size_t) (event - family);
        for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
                if (strlen(families[i].name) != family_size || memcmp(families[i].name, family, family_size) != 0)
                        continue;
                if (families[i].events && !has_event(families[i].events, event + 1))
                        return false;
                *ret_family = families[i].family;
                *ret_family_name = families[i].name;
                *ret_event_at = (size_t) (event + 1 - text);
                return true;
        }
        return false;
}

static int finish_type(Draft *draft) {
        Record *record = draft->record;
        if (!draft->type) {
                record->type = "lead.submitted";
                record->event = record->type + 5;
                record->family = FAMILY_LEAD;
                return 0;
        }
        const char *family;
        size_t event_at;
        if (!record_type_parse(draft->type, &record->family, &family, &event_at))
                return draft_refuse(draft, "unknown_type", "type",
                        "type is not one of lead.submitted|updated|erased, activity.NAME, outcome.MOVE, consent.granted|withdrawn, "
                        "company.updated, "
                        "owner.away|back");
        /* Without the prefix: FAMILY.EVENT is the end of the text. */
        record->type = draft->type + event_at - strlen(family) - 1;
        record->event = record->type + strlen(family) + 1;
        return 0;
}

/* Speaking for a person or erasing one is for directories that the settings name; leadd's own types are for nobody. */
static bool is_privileged(const Record *record) {
        return record->family == FAMILY_OUTCOME || record->family == FAMILY_OWNER || base_streq(record->type, "lead.erased");
}

static int finish_permission(Draft *draft) {
        const IntakeSettings *settings = draft->context->settings;
        const Record *record = draft->record;
        bool may = record->family != FAMILY_TIMER && record->family != FAMILY_RULES && record->family != FAMILY_CAMPAIGN;
        if (may && is_privileged(record))
                may = settings->may && settings->may(draft->context->directory, record->source, record->family, settings->userdata);
        if (may)
                return 0;
        return draft_refuse(draft, "not_allowed", "type", "this spool directory may not send %s records",
                record->family == FAMILY_LEAD ? record->type : families[record->family - 1].name);
}

/* ---- source, id, subject, time ---- */

static bool has_control_character(const char *text) {
        for (; *text; text++)
                if ((unsigned char) *text < 0x20 || *text == 0x7f)
                        return true;
        return false;
}

static int check_name(Draft *draft, const char *name, const char *value) {
        if (g_utf8_strlen(value, -1) > INTAKE_KEY_MAX)
                return draft_refuse(draft, "bad_value", name, "%s has more than %d characters", name, INTAKE_KEY_MAX);
        if (has_control_character(value))
                return draft_refuse(draft, "bad_value", name, "%s has a control character", name);
        return 0;
}

static int derive_id(Draft *draft) {
        uint8_t digest[DIGEST_SIZE];
        char *text = json_dumps(draft->delivered, JSON_COMPACT | JSON_SORT_KEYS);
        if (!text)
                return -ENOMEM;
        int r = digest_sha256(text, strlen(text), digest);
        free(text);
        if (r < 0)
                return r;
        char *hex = arena_alloc(draft->record->arena, 2 * DIGEST_SIZE + 1);
        if (!hex)
                return -ENOMEM;
        digest_hex(digest, DIGEST_SIZE, hex);
        draft->record->id = hex;
        draft->record->flags |= RECORD_ID_DERIVED;
        return 0;
}

static int finish_names(Draft *draft) {
        Record *record = draft->record;
        record->source = draft->source ? draft->source : arena_strdup(record->arena, draft->context->directory);
        if (!record->source)
                return -ENOMEM;
        if (draft->adapter) {
                /* A copy: the record may outlive the rules. */
                record->adapter = arena_strdup(record->arena, draft->adapter->name);
                if (!record->adapter)
                        return -ENOMEM;
        }
        int r = check_name(draft, "source", record->source);
        if (r != 0)
                return r;
        if (!draft->id)
                return derive_id(draft);
        record->id = draft->id;
        return check_name(draft, "id", record->id);
}

static bool is_lead_number(const char *text) {
        return strncmp(text, "L-", 2) == 0 && text[2] && strspn(text + 2, "0123456789") == strlen(text + 2) && strlen(text) < 22;
}

/* "lead:L-42", also written "L-42", names a lead; any other subject is kept and means nothing here. */
static int finish_subject(Draft *draft) {
        Record *record = draft->record;
        if (!draft->subject)
                return 0;
        int r = check_name(draft, "subject", draft->subject);
        if (r != 0)
                return r;
        record->subject = draft->subject;
        const char *number = draft->subject;
        if (strncmp(number, "lead:", 5) == 0)
                number += 5;
        else if (!is_lead_number(number))
                return 0;
        if (!is_lead_number(number))
                return draft_refuse(draft, "bad_subject", "subject", "subject names no lead: lead:L-NUMBER is expected");
        if (base_streq(record->type, "lead.submitted"))
                return draft_refuse(draft, "bad_subject", "subject", "a submitted lead is found by its person, not by subject");
        record->subject = arena_printf(record->arena, "lead:%s", number);
        return record->subject ? 0 : -ENOMEM;
}

static bool names_a_lead(const Record *record) { return record->subject && strncmp(record->subject, "lead:", 5) == 0; }

static void finish_time(Draft *draft) {
        Record *record = draft->record;
        int64_t now_us = draft->context->now_us;
        record->time_us = draft->time_us;
        if (draft->time_us == TIME_NONE) {
                record->time_us = now_us;
                record->flags |= RECORD_TIME_FROM_ARRIVAL;
        } else if (draft->time_us > now_us + INTAKE_FUTURE_US) {
                record->time_us = now_us;
                record->flags |= RECORD_TIME_IN_FUTURE;
        }
}

/* ---- normalised values ---- */

static int set_fact(Draft *draft, FieldId field, const char *key, Value value) {
        return facts_set(&draft->record->facts, draft->record->arena, field, key, value, TIME_NONE);
}

/* What a field cannot hold is not thrown away: it is kept as an answer under the field's path. */
static int keep_as_answer(Draft *draft, FieldId field) {
        const Value *value = facts_get(&draft->record->facts, field, NULL);
        const char *path = field_info(field)->path;
        int r = 0;
        if (!facts_get(&draft->record->facts, FIELD_ANSWERS, path))
                r = set_fact(draft, FIELD_ANSWERS, path, *value);
        return r == 0 ? set_fact(draft, field, NULL, (Value){ 0 }) : r;
}

static int normalise_email(Draft *draft) {
        const Value *value = facts_get(&draft->record->facts, FIELD_PERSON_EMAIL, NULL);
        char email[EMAIL_TEXT_SIZE];
        if (!value)
                return 0;
        int r = email_normalise(value->text, value->size, email);
        if (r == RECORD_E_CORRUPT)
                return draft_refuse(draft, "bad_email", "person.email", "person.email is not an e-mail address");
        if (r == 0 && !base_streq(email, value->text))
                r = set_fact(draft, FIELD_PERSON_EMAIL, NULL, value_text(email));
        return r;
}

static int normalise_country(Draft *draft, FieldId field) {
        const Value *value = facts_get(&draft->record->facts, field, NULL);
        if (!value)
                return 0;
        const char *country = country_find(value->text, value->size);
        if (!country)
                return keep_as_answer(draft, field);
        return base_streq(country, value->text) ? 0 : set_fact(draft, field, NULL, value_text(country));
}

static int normalise_phone(Draft *draft) {
        const Facts *facts = &draft->record->facts;
        const Value *value = facts_get(facts, FIELD_PERSON_PHONE_NUMBER, NULL);
        char phone[PHONE_TEXT_SIZE];
        if (!value)
                return 0;
        /* The person's own country knows better than the site's how its numbers are written. */
        const char *region = facts_text(facts, FIELD_PERSON_ADDRESS_COUNTRY);
        if (!region)
                region = draft->context->settings->phone_region;
        if (!phone_resolve(value->text, value->size, region, phone) || base_streq(phone, value->text))
                return 0;
        return set_fact(draft, FIELD_PERSON_PHONE_NUMBER, NULL, value_text(phone));
}

/* "https://www.keller.example/about" -> "keller.example" */
static int normalise_company_domain(Draft *draft) {
        const Value *value = facts_get(&draft->record->facts, FIELD_COMPANY_DOMAIN, NULL);
        char domain[EMAIL_TEXT_SIZE];
        if (!value)
                return 0;
        const char *start = strstr(value->text, "://");
        start = start ? start + 3 : value->text;
        if (g_ascii_strncasecmp(start, "www.", 4) == 0)
                start += 4;
        int r = email_normalise_domain(start, strcspn(start, "/?#:"), domain);
        if (r == RECORD_E_CORRUPT)
                return keep_as_answer(draft, FIELD_COMPANY_DOMAIN);
        if (r == 0 && !base_streq(domain, value->text))
                r = set_fact(draft, FIELD_COMPANY_DOMAIN, NULL, value_text(domain));
        return r;
}

static int normalise_seniority(Draft *draft) {
        static const char *const words[] = { "owner", "c_level", "vp", "director", "manager", "senior", "individual", "entry", "unknown" };
        const Value *value = facts_get(&draft->record->facts, FIELD_PERSON_SENIORITY, NULL);
        if (!value)
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (g_ascii_strcasecmp(words[i], value->text) == 0)
                        return base_streq(words[i], value->text) ? 0 : set_fact(draft, FIELD_PERSON_SENIORITY, NULL, value_text(words[i]));
        const char *seniority = title_seniority(draft->record->arena, value->text, value->size);
        int r = keep_as_answer(draft, FIELD_PERSON_SENIORITY);
        return r == 0 && seniority ? set_fact(draft, FIELD_PERSON_SENIORITY, NULL, value_text(seniority)) : r;
}

/* A language tag, "de_DE" with the hyphen of BCP 47; the name of a language is none. */
static int normalise_locale(Draft *draft) {
        const Value *value = facts_get(&draft->record->facts, FIELD_PERSON_LOCALE, NULL);
        if (!value)
                return 0;
        size_t letters = 0;
        while (g_ascii_isalpha(value->text[letters]))
                letters++;
        size_t rest = letters + strspn(value->text + letters, "-_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
        if (letters < 2 || letters > 3 || rest != value->size || value->size > 35)
                return keep_as_answer(draft, FIELD_PERSON_LOCALE);
        if (!strchr(value->text, '_'))
                return 0;
        char tag[36];
        for (size_t i = 0; i <= value->size; i++)
                tag[i] = value->text[i] == '_' ? '-' : value->text[i];
        return set_fact(draft, FIELD_PERSON_LOCALE, NULL, value_text(tag));
}

static int normalise_currency(Draft *draft, FieldId field) {
        const Value *value = facts_get(&draft->record->facts, field, NULL);
        char code[4] = "";
        if (!value)
                return 0;
        if (value->size != 3)
                return keep_as_answer(draft, field);
        for (size_t i = 0; i < 3; i++) {
                if (!g_ascii_isalpha(value->text[i]))
                        return keep_as_answer(draft, field);
                code[i] = g_ascii_toupper(value->text[i]);
        }
        return base_streq(code, value->text) ? 0 : set_fact(draft, field, NULL, value_text(code));
}

/* What leadd itself says of an opportunity is not taken from anybody: changed, staged. An end or a sum that is not understood is kept. */
static int normalise_opportunity(Draft *draft) {
        static const char *const states[] = { "open", "won", "lost" };
        Facts *facts = &draft->record->facts;
        const Value *state = facts_get(facts, FIELD_OPPORTUNITY_STATE, NULL);
        double number;
        int r = 0;
        if (state) {
                const char *known = NULL;
                for (size_t i = 0; i < ARRAY_SIZE(states); i++)
                        if (g_ascii_strcasecmp(states[i], state->text) == 0)
                                known = states[i];
                r = known ? set_fact(draft, FIELD_OPPORTUNITY_STATE, NULL, value_text(known))
                          : keep_as_answer(draft, FIELD_OPPORTUNITY_STATE);
        }
        const Value *amount = facts_get(facts, FIELD_OPPORTUNITY_AMOUNT, NULL);
        if (r == 0 && amount && value_as_number(amount, &number) && !(fabs(number) <= INTAKE_AMOUNT_MAX))
                r = keep_as_answer(draft, FIELD_OPPORTUNITY_AMOUNT);
        const Value *probability = facts_get(facts, FIELD_OPPORTUNITY_PROBABILITY, NULL);
        if (r == 0 && probability && value_as_number(probability, &number) && !(number >= 0 && number <= 1))
                r = number > 1 && number <= 100 ? set_fact(draft, FIELD_OPPORTUNITY_PROBABILITY, NULL, value_number(number / 100))
                                                : keep_as_answer(draft, FIELD_OPPORTUNITY_PROBABILITY);
        if (r == 0)
                r = set_fact(draft, FIELD_OPPORTUNITY_CHANGED, NULL, (Value){ 0 });
        return r == 0 ? set_fact(draft, FIELD_OPPORTUNITY_STAGED, NULL, (Value){ 0 }) : r;
}

static int finish_values(Draft *draft) {
        static const FieldId countries[] = { FIELD_PERSON_ADDRESS_COUNTRY, FIELD_COMPANY_COUNTRY, FIELD_COMPANY_ADDRESS_COUNTRY };
        static const FieldId currencies[] = { FIELD_COMPANY_REVENUE_CURRENCY, FIELD_INTEREST_BUDGET_CURRENCY, FIELD_OPPORTUNITY_CURRENCY };
        static int (*const normalise[])(Draft *) = { normalise_email, normalise_phone, normalise_company_domain, normalise_seniority,
                normalise_locale, normalise_opportunity };
        int r = 0;
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(countries); i++)
                r = normalise_country(draft, countries[i]);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(normalise); i++)
                r = normalise[i](draft);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(currencies); i++)
                r = normalise_currency(draft, currencies[i]);
        return r;
}

/* ---- consent ---- */

/* Each statement gets its instant, which is also the time of the fact: of two statements the later one holds, whenever they arrive.
 * An instant or a basis without a statement says nothing. */
static int finish_consent(Draft *draft) {
        Record *record = draft->record;
        Facts *facts = &record->facts;
        for (size_t i = facts->n_items; i > 0; i--) {
                const Fact *fact = &facts->items[i - 1];
                bool is_detail = fact->field == FIELD_CONSENT_AT || fact->field == FIELD_CONSENT_BASIS;
                if (is_detail && !facts_get(facts, FIELD_CONSENT, fact->key)) {
                        int r = set_fact(draft, fact->field, fact->key, (Value){ 0 });
                        if (r < 0)
                                return r;
                }
        }
        size_t n_statements = 0;
        for (size_t i = 0; i < facts->n_items; i++) {
                Fact *fact = &facts->items[i];
                if (fact->field != FIELD_CONSENT)
                        continue;
                n_statements++;
                const char *key = fact->key;
                if (record->family == FAMILY_CONSENT && fact->value.boolean != base_streq(record->event, "granted"))
                        return draft_refuse(
                                draft, "bad_consent", "consent", "a consent.%s record says the opposite in data.consent", record->event);
                const Value *at = facts_get(facts, FIELD_CONSENT_AT, key);
                int64_t at_us = at ? at->integer : record->time_us;
                if (at_us > draft->context->now_us + INTAKE_FUTURE_US)
                        at_us = record->time_us;
                fact->time_us = at_us;
                int r = facts_set(facts, record->arena, FIELD_CONSENT_AT, key, value_integer(at_us), at_us);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < facts->n_items; i++) {
                Fact *fact = &facts->items[i];
                if (fact->field == FIELD_CONSENT_BASIS)
                        fact->time_us = facts_get(facts, FIELD_CONSENT_AT, fact->key)->integer;
        }
        if (record->family == FAMILY_CONSENT && n_statements == 0)
                return draft_refuse(draft, "bad_consent", "consent", "data.consent names no purpose");
        return 0;
}

/* ---- what each family needs ---- */

static bool has_field(const Facts *facts, FieldId field) {
        for (size_t i = 0; i < facts->n_items; i++)
                if (facts->items[i].field == field)
                        return true;
        return false;
}

static bool is_actor(const char *actor) {
        static const char *const kinds[] = { "rep:", "team:", "system:", "integration:" };
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (strncmp(actor, kinds[i], strlen(kinds[i])) == 0 && actor[strlen(kinds[i])])
                        return true;
        return false;
}

static int need_person(Draft *draft) {
        const Facts *facts = &draft->record->facts;
        if (names_a_lead(draft->record) || has_field(facts, FIELD_PERSON_EMAIL) || has_field(facts, FIELD_PERSON_EXTERNAL_IDS))
                return 0;
        const char *phone = facts_text(facts, FIELD_PERSON_PHONE_NUMBER);
        if (!phone)
                return draft_refuse(
                        draft, "no_identity", "person", "one of person.email, person.phone_number and person.external_ids is needed");
        if (!phone_is_e164(phone))
                return draft_refuse(draft, "no_identity", "person.phone_number",
                        "the telephone number alone identifies the person, but it cannot be resolved to E.164 (is phone_region set?)");
        return 0;
}

static int finish_family(Draft *draft) {
        const Record *record = draft->record;
        const Facts *facts = &record->facts;
        switch (record->family) {
        case FAMILY_OUTCOME: {
                const char *actor = facts_text(facts, FIELD_OUTCOME_ACTOR);
                if (!actor || !is_actor(actor))
                        return draft_refuse(draft, "bad_actor", "outcome.actor",
                                "outcome.actor says who did it: rep:NAME, team:NAME, system:NAME or integration:NAME");
                return need_person(draft);
        }
        case FAMILY_COMPANY:
                if (!has_field(facts, FIELD_COMPANY_DOMAIN) && !has_field(facts, FIELD_COMPANY_NAME) &&
                        !has_field(facts, FIELD_COMPANY_EXTERNAL_IDS) && !names_a_lead(record))
                        return draft_refuse(
                                draft, "no_identity", "company", "one of company.domain, company.name and company.external_ids is needed");
                return 0;
        case FAMILY_OWNER:
                if (!has_field(facts, FIELD_OWNER_NAME))
                        return draft_refuse(draft, "no_identity", "owner.name", "data.owner.name says who is away");
                return 0;
        default:
                return need_person(draft);
        }
}

/* ---- derived fields, times, limits ---- */

static int derive(Draft *draft, FieldId field, const char *text) {
        Record *record = draft->record;
        return facts_set(&record->facts, record->arena, field, NULL, value_text(text), fact_derived_time(record->time_us));
}

static int finish_derived(Draft *draft) {
        Record *record = draft->record;
        const Facts *facts = &record->facts;
        int r = 0;
        const char *email = facts_text(facts, FIELD_PERSON_EMAIL), *company = facts_text(facts, FIELD_COMPANY_DOMAIN);
        /* Whoever has a mailbox there would be a colleague of everybody else who has. */
        if (company && email_domain_is_free(company))
                r = facts_set(&record->facts, record->arena, FIELD_COMPANY_DOMAIN, NULL, (Value){ 0 }, TIME_NONE);
        if (r == 0 && email) {
                const char *domain = strrchr(email, '@') + 1;
                r = derive(draft, FIELD_PERSON_EMAIL_DOMAIN, domain);
                if (r == 0 && !email_domain_is_free(domain) && !has_field(facts, FIELD_COMPANY_DOMAIN))
                        r = derive(draft, FIELD_COMPANY_DOMAIN, domain);
        }
        const Value *title = facts_get(facts, FIELD_PERSON_TITLE, NULL);
        if (r == 0 && title && !has_field(facts, FIELD_PERSON_SENIORITY)) {
                const char *seniority = title_seniority(record->arena, title->text, title->size);
                if (seniority)
                        r = derive(draft, FIELD_PERSON_SENIORITY, seniority);
        }
        const char *given = facts_text(facts, FIELD_PERSON_GIVEN_NAME), *family = facts_text(facts, FIELD_PERSON_FAMILY_NAME);
        if (r == 0 && (given || family) && !has_field(facts, FIELD_PERSON_NAME)) {
                const char *name = given && family ? arena_printf(record->arena, "%s %s", given, family) : given ? given : family;
                r = name ? derive(draft, FIELD_PERSON_NAME, name) : -ENOMEM;
        }
        return r;
}

static int finish_limits(Draft *draft) {
        const Facts *facts = &draft->record->facts;
        for (size_t i = 0, n = 0; i < facts->n_items; i++) {
                n = i > 0 && facts->items[i - 1].field == facts->items[i].field ? n + 1 : 1;
                if (n <= INTAKE_ANSWERS_MAX)
                        continue;
                const char *path = field_info(facts->items[i].field)->path;
                return draft_refuse(draft, "too_many_answers", path, "%s has more than %d members", path, INTAKE_ANSWERS_MAX);
        }
        return 0;
}

static void stamp_times(Record *record) {
        for (size_t i = 0; i < record->facts.n_items; i++)
                if (record->facts.items[i].time_us == TIME_NONE)
                        record->facts.items[i].time_us = record->time_us;
}

static int finish_keys(Draft *draft) {
        static const uint8_t no_secret[DIGEST_SIZE];
        Record *record = draft->record;
        const char *directory = draft->context->directory;
        const uint8_t *secret = draft->context->settings->secret ? draft->context->settings->secret : no_secret;
        const DigestPart parts[] = {
                { directory, strlen(directory) },
                { record->source, strlen(record->source) },
                { record->id, strlen(record->id) },
        };
        int r = digest_keyed(secret, parts, ARRAY_SIZE(parts), &record->key);
        return r < 0 ? r : record_identify(record, secret);
}

int draft_finish(Draft *draft) {
        if (draft->reason)
                return DRAFT_E_REFUSED;
        int r = finish_type(draft);
        if (r == 0)
                r = finish_names(draft);
        if (r == 0)
                r = finish_permission(draft);
        if (r == 0)
                r = finish_subject(draft);
        if (r == 0) {
                finish_time(draft);
                r = finish_values(draft);
        }
        if (r == 0)
                r = finish_consent(draft);
        if (r == 0)
                r = finish_family(draft);
        if (r == 0) {
                stamp_times(draft->record);
                r = finish_derived(draft);
        }
        if (r == 0)
                r = finish_limits(draft);
        if (r == 0)
                r = finish_keys(draft);
        return r;
}
