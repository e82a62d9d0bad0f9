#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * record: the one shape in which anything that happens to a lead travels from
 * room to room: facts (typed fields) under an identity. Part of intake; the
 * field table here is the only list of fields in the program.
 */
#include "leadd/base.h"

/* ---- values ---- */

typedef enum ValueType { VALUE_ABSENT = 0, VALUE_BOOL = 1, VALUE_INTEGER = 2, VALUE_NUMBER = 3, VALUE_TEXT = 4 } ValueType;

typedef struct Value {
        ValueType type;
        uint32_t size; /* of text, without the NUL that always follows */
        union {
                bool boolean;
                int64_t integer; /* ids stay exact: never through a double */
                double number;
                const char *text;
        };
} Value;

static inline Value value_bool(bool b) { return (Value){ .type = VALUE_BOOL, .boolean = b }; }
static inline Value value_integer(int64_t i) { return (Value){ .type = VALUE_INTEGER, .integer = i }; }
static inline Value value_number(double d) { return (Value){ .type = VALUE_NUMBER, .number = d }; }
static inline Value value_text_size(const char *s, size_t size) {
        return (Value){ .type = VALUE_TEXT, .text = s, .size = (uint32_t) size };
}
static inline Value value_text(const char *s) { return value_text_size(s, strlen(s)); }
bool value_equal(const Value *a, const Value *b);  /* an integer equals the same number */
bool value_as_number(const Value *v, double *ret); /* numbers only; text is never converted */

/* ---- the field table ----------------------------------------------------
 * X(number, NAME, "path", kind, "meaning"). The number is stored: never reuse or change one.
 * kind: TEXT, NUMBER (integer or number), BOOL, TIME (integer, microseconds UTC), or MAP: the path is a
 * prefix, the rest of the path is a free key ("answers.budget", "person.external_ids.crm"), any scalar.
 * A list in a payload becomes its items joined by ", "; an object inside a MAP continues the key with a dot. */
#define LEADD_FIELDS(X) \
        X(1, PERSON_EMAIL, "person.email", TEXT, "normalised address: local part case-folded, domain as A-label") \
        X(2, PERSON_EMAIL_VERIFIED, "person.email_verified", BOOL, "the source has verified the address") \
        X(3, PERSON_PHONE_NUMBER, "person.phone_number", TEXT, "E.164 where it could be resolved, else as given") \
        X(4, PERSON_NAME, "person.name", TEXT, "full name") \
        X(5, PERSON_GIVEN_NAME, "person.given_name", TEXT, "given name") \
        X(6, PERSON_FAMILY_NAME, "person.family_name", TEXT, "family name") \
        X(7, PERSON_TITLE, "person.title", TEXT, "job title") \
        X(8, PERSON_DEPARTMENT, "person.department", TEXT, "department") \
        X(9, PERSON_SENIORITY, "person.seniority", TEXT, \
                "owner, c_level, vp, director, manager, senior, individual, entry, unknown; derived from the title when absent") \
        X(10, PERSON_LOCALE, "person.locale", TEXT, "BCP 47 language tag") \
        X(11, PERSON_ZONEINFO, "person.zoneinfo", TEXT, "IANA time zone") \
        X(12, PERSON_WEBSITE, "person.website", TEXT, "URL") \
        X(13, PERSON_ADDRESS_STREET, "person.address.street_address", TEXT, "street and number") \
        X(14, PERSON_ADDRESS_LOCALITY, "person.address.locality", TEXT, "city") \
        X(15, PERSON_ADDRESS_REGION, "person.address.region", TEXT, "state or region") \
        X(16, PERSON_ADDRESS_POSTAL_CODE, "person.address.postal_code", TEXT, "postal code") \
        X(17, PERSON_ADDRESS_COUNTRY, "person.address.country", TEXT, "ISO 3166-1 alpha-2, upper case") \
        X(18, PERSON_ADDRESS_FORMATTED, "person.address.formatted", TEXT, "whole address as text") \
        X(19, PERSON_EXTERNAL_IDS, "person.external_ids", MAP, "the person's id in another system, by system") \
        X(20, PERSON_EMAIL_DOMAIN, "person.email_domain", TEXT, "derived: the domain of the address") \
        X(30, COMPANY_NAME, "company.name", TEXT, "company name") \
        X(31, COMPANY_LEGAL_NAME, "company.legal_name", TEXT, "registered name") \
        X(32, COMPANY_DOMAIN, "company.domain", TEXT, "derived from a private mail domain when absent") \
        X(33, COMPANY_INDUSTRY, "company.industry", TEXT, "industry") \
        X(34, COMPANY_NAICS, "company.naics", TEXT, "NAICS code") \
        X(35, COMPANY_EMPLOYEES, "company.employees", NUMBER, "number of employees") \
        X(36, COMPANY_REVENUE_AMOUNT, "company.annual_revenue.amount", NUMBER, "yearly revenue") \
        X(37, COMPANY_REVENUE_CURRENCY, "company.annual_revenue.currency", TEXT, "ISO 4217") \
        X(38, COMPANY_COUNTRY, "company.country", TEXT, "ISO 3166-1 alpha-2, upper case") \
        X(39, COMPANY_EXTERNAL_IDS, "company.external_ids", MAP, "the company's id in another system, by system") \
        X(40, COMPANY_ADDRESS_LOCALITY, "company.address.locality", TEXT, "city") \
        X(41, COMPANY_ADDRESS_COUNTRY, "company.address.country", TEXT, "ISO 3166-1 alpha-2, upper case") \
        X(42, COMPANY_ADDRESS_STREET, "company.address.street_address", TEXT, "street and number") \
        X(43, COMPANY_ADDRESS_REGION, "company.address.region", TEXT, "state or region") \
        X(44, COMPANY_ADDRESS_POSTAL_CODE, "company.address.postal_code", TEXT, "postal code") \
        X(50, ATTRIBUTION_CHANNEL, "attribution.channel", TEXT, "marketing channel") \
        X(51, ATTRIBUTION_SOURCE, "attribution.source", TEXT, "utm_source") \
        X(52, ATTRIBUTION_MEDIUM, "attribution.medium", TEXT, "utm_medium") \
        X(53, ATTRIBUTION_CAMPAIGN, "attribution.campaign", TEXT, "utm_campaign") \
        X(54, ATTRIBUTION_TERM, "attribution.term", TEXT, "utm_term") \
        X(55, ATTRIBUTION_CONTENT, "attribution.content", TEXT, "utm_content") \
        X(56, ATTRIBUTION_CAMPAIGN_ID, "attribution.campaign_id", TEXT, "the advertiser's campaign id") \
        X(57, ATTRIBUTION_ADSET_ID, "attribution.adset_id", TEXT, "ad set or ad group id") \
        X(58, ATTRIBUTION_AD_ID, "attribution.ad_id", TEXT, "ad or creative id") \
        X(59, ATTRIBUTION_FORM_ID, "attribution.form_id", TEXT, "form id") \
        X(60, ATTRIBUTION_FORM_NAME, "attribution.form_name", TEXT, "form name") \
        X(61, ATTRIBUTION_PAGE_URL, "attribution.page_url", TEXT, "page on which the form stood") \
        X(62, ATTRIBUTION_REFERRER, "attribution.referrer", TEXT, "referring page") \
        X(63, ATTRIBUTION_IS_ORGANIC, "attribution.is_organic", BOOL, "not paid for") \
        X(64, ATTRIBUTION_CLICK_IDS, "attribution.click_ids", MAP, "gclid, fbclid and the like") \
        X(70, INTEREST_PRODUCT, "interest.product", TEXT, "product asked about") \
        X(71, INTEREST_QUANTITY, "interest.quantity", NUMBER, "how many") \
        X(72, INTEREST_BUDGET_AMOUNT, "interest.budget.amount", NUMBER, "budget named") \
        X(73, INTEREST_BUDGET_CURRENCY, "interest.budget.currency", TEXT, "ISO 4217") \
        X(74, INTEREST_TIMEFRAME, "interest.timeframe", TEXT, "ISO 8601 duration") \
        X(75, INTEREST_MESSAGE, "interest.message", TEXT, "free text of the person, up to 16 KiB") \
        X(80, ANSWERS, "answers", MAP, "a form's other answers, by question") \
        X(81, CONSENT, "consent", MAP, "true or false by purpose") \
        X(82, CONSENT_AT, "consent_at", MAP, "when the consent by purpose was given or refused (TIME)") \
        X(83, CONSENT_BASIS, "consent_basis", MAP, "consent, contract or legitimate_interest, by purpose") \
        X(90, ACTIVITY_NAME, "activity.name", TEXT, "what the activity was about") \
        X(91, ACTIVITY_CHANNEL, "activity.channel", TEXT, "web, email, event, phone, chat, social, product, partner, other") \
        X(92, ACTIVITY_URL, "activity.url", TEXT, "page") \
        X(93, ACTIVITY_CAMPAIGN, "activity.campaign", TEXT, "campaign") \
        X(94, ACTIVITY_ASSET, "activity.asset", TEXT, "document, mail or event") \
        X(95, ACTIVITY_VALUE, "activity.value", NUMBER, "a number the source gives") \
        X(96, ACTIVITY_COUNT, "activity.count", NUMBER, "how many times (default 1)") \
        X(97, ACTIVITY_PROPERTIES, "activity.properties", MAP, "the source's own properties") \
        X(110, OUTCOME_ACTOR, "outcome.actor", TEXT, "rep:NAME, team:NAME, system:NAME or integration:NAME") \
        X(111, OUTCOME_CHANNEL, "outcome.channel", TEXT, "email, cli, api, crm") \
        X(112, OUTCOME_REASON, "outcome.reason", TEXT, "reason, by its name in the rules") \
        X(113, OUTCOME_NOTE, "outcome.note", TEXT, "free text") \
        X(114, OUTCOME_OWNER, "outcome.owner", TEXT, "for assign: the new owner") \
        X(115, OUTCOME_NOT_BEFORE, "outcome.not_before", TEXT, "date") \
        X(116, OUTCOME_RECYCLE, "outcome.recycle", TEXT, "the sender's recycle programme") \
        X(117, OUTCOME_MEETING_STARTS_AT, "outcome.meeting.starts_at", TIME, "start of the meeting") \
        X(118, OUTCOME_MEETING_DURATION, "outcome.meeting.duration", TEXT, "ISO 8601 duration") \
        X(119, OUTCOME_MEETING_NO_SHOW, "outcome.meeting.no_show", BOOL, "the person did not come") \
        X(130, OPPORTUNITY_ID, "opportunity.id", TEXT, "id in the CRM") \
        X(131, OPPORTUNITY_STAGE, "opportunity.stage", TEXT, "stage") \
        X(132, OPPORTUNITY_PROBABILITY, "opportunity.probability", NUMBER, "0 to 1; a percentage is divided by 100") \
        X(133, OPPORTUNITY_AMOUNT, "opportunity.amount", NUMBER, "value, exact to four decimals") \
        X(134, OPPORTUNITY_CURRENCY, "opportunity.currency", TEXT, "ISO 4217") \
        X(135, OPPORTUNITY_CLOSE_DATE, "opportunity.close_date", TEXT, "date") \
        X(136, OPPORTUNITY_STATE, "opportunity.state", TEXT, \
                "open, won or lost; derived from the stage when absent; leadd itself says stalled") \
        X(137, OPPORTUNITY_OPENED, "opportunity.opened", TIME, "when it was opened; when it was first heard of when absent") \
        X(138, OPPORTUNITY_CHANGED, "opportunity.changed", TIME, "derived: its last change") \
        X(139, OPPORTUNITY_STAGED, "opportunity.staged", TIME, "derived: since when it is in its stage") \
        X(140, OWNER_NAME, "owner_absence.name", TEXT, "owner.away|back: the member") \
        X(141, OWNER_FROM, "owner_absence.from", TIME, "away from") \
        X(142, OWNER_TO, "owner_absence.to", TIME, "away until") \
        X(150, TEST, "test", BOOL, "a test lead: judged and shown, never routed, sent or counted") \
        X(151, RAW_FORMAT, "raw.format", TEXT, "the vendor's format") \
        X(152, RAW_REF, "raw.ref", TEXT, "where the vendor's original is kept") \
        X(160, TIMER_RULE, "timer.rule", TEXT, "timer events: the SLA or rule whose step fired") \
        X(161, TIMER_STEP, "timer.step", NUMBER, "timer events: which step, from 0; repeats count on") \
        X(162, TIMER_DUE, "timer.due", TIME, "timer events: when the step was due") \
        X(163, TIMER_START, "timer.start", NUMBER, "timer events: the event that started the timer") \
        X(164, TIMER_TEXT, "timer.text", TEXT, "timer.digest: what is sent") \
        X(170, RULES_KIND, "rules.kind", TEXT, "rules.suspended: the kind of the rule") \
        X(171, RULES_NAME, "rules.name", TEXT, "rules.suspended: its name") \
        X(172, RULES_FROM, "rules.from", NUMBER, "rules.rederived: the first lead") \
        X(173, RULES_TO, "rules.to", NUMBER, "rules.rederived: the last; rules.activated: the last there is to re-derive") \
        X(174, RULES_APPLY, "rules.apply", BOOL, "rules.activated: leads that would move are moved at once") \
        X(210, CARE_INTO, "care.into", NUMBER, "lead.merged, lead.unmerged of the lead that goes or comes back: the lead it belongs to") \
        X(211, CARE_FROM, "care.from", NUMBER, "lead.merged, lead.unmerged of the lead that stays: the one that came or went") \
        X(212, CARE_STATE, "care.state", TEXT, "lead.unmerged of the lead that stays: what it was before") \
        X(230, OUTCOME_CAMPAIGN, "outcome.campaign", TEXT, "exclude: the campaign the lead is taken out of, or all") \
        X(231, CAMPAIGN_NAME, "campaign.name", TEXT, "campaign.taken: the campaign") \
        X(232, CAMPAIGN_TAKE, "campaign.take", NUMBER, "campaign.taken: the event the take began with; absent in that one") \
        X(233, CAMPAIGN_LEADS, "campaign.leads", TEXT, "campaign.taken: the leads that were taken: 3-7,12") \
        X(234, CAMPAIGN_DROPPED, "campaign.dropped", TEXT, "campaign.taken: the leads that were asked for and were out by then") \
        X(235, CAMPAIGN_IS_LAST, "campaign.is_last", BOOL, "campaign.taken: the take ends with it") \
        X(236, CAMPAIGN_ONLY_NEW, "campaign.only_new", BOOL, "campaign.taken: not whom the campaign was taken for before")

typedef enum FieldKind { FIELD_KIND_TEXT = 1, FIELD_KIND_NUMBER, FIELD_KIND_BOOL, FIELD_KIND_TIME, FIELD_KIND_MAP } FieldKind;

#define LEADD_FIELD_ENUM(number, NAME, path, kind, meaning) FIELD_##NAME = (number),
typedef enum FieldId { FIELD_NONE = 0, LEADD_FIELDS(LEADD_FIELD_ENUM) FIELD_ID_MAX = 255 } FieldId;
#undef LEADD_FIELD_ENUM

typedef struct FieldInfo {
        FieldId id;
        const char *path;
        FieldKind kind;
        const char *meaning;
} FieldInfo;

const FieldInfo *field_info(FieldId id); /* NULL when there is no such field */
/* Finds a path; for a MAP *ret_key is the rest ("answers.x.y" -> "x.y"; NULL for "answers" alone), else NULL. false: no such path. */
bool field_find(const char *path, FieldId *ret_id, const char **ret_key);
/* All fields in table order, for did-you-mean and generated manuals. */
const FieldInfo *field_all(size_t *ret_n);
/* Fields that describe the lead (person, company, attribution, interest, answers, consent, opportunity, test) and so
 * enter its profile, as opposed to fields of the event alone. */
bool field_is_profile(FieldId id);
bool value_fits(FieldKind kind, ValueType type);

/* ---- facts: a sorted set of field values ---- */

typedef struct Fact {
        FieldId field;
        const char *key; /* of a MAP field, else NULL */
        Value value;
        int64_t time_us; /* when it was stated: in a profile the newest statement wins. Use fact_time() to show it. */
} Fact;

/* What leadd derived (email_domain, company.domain, seniority, name) ranks below anything that somebody stated at any time: its time
 * is kept this much earlier, which is before all stated times. Among derived facts the newest still wins. */
#define FACT_DERIVED_US (INT64_C(1) << 60)
/* What is damaged may claim any time: the earliest there is stays that. */
static inline int64_t fact_derived_time(int64_t time_us) {
        return time_us < INT64_MIN + FACT_DERIVED_US ? INT64_MIN : time_us - FACT_DERIVED_US;
}
static inline bool fact_is_derived(const Fact *fact) { return fact->time_us < -FACT_DERIVED_US / 2; }
static inline int64_t fact_time(const Fact *fact) { return fact_is_derived(fact) ? fact->time_us + FACT_DERIVED_US : fact->time_us; }

typedef struct Facts {
        Fact *items; /* sorted by field, then key (bytewise) */
        size_t n_items;
        size_t capacity;
} Facts;

const Value *facts_get(const Facts *facts, FieldId field, const char *key); /* NULL = absent */
const char *facts_text(const Facts *facts, FieldId field);                  /* NULL unless text */
/* Adds or replaces; text and key are copied into the arena. Setting VALUE_ABSENT removes. -ENOMEM; -EINVAL: no such field, a MAP
 * without a key, a type that does not fit the field's kind, not a finite number. */
int facts_set(Facts *facts, Arena *arena, FieldId field, const char *key, Value value, int64_t time_us);
/* Merges what describes the lead: per field the newest statement wins, on equal time the greater value (so that order of
 * delivery never matters; for consent: the more restrictive); empty text never overwrites; person.email_domain follows person.email.
 * Saying again the e-mail or an external id (what the lead was found by) changes nothing. *ret_changed: the profile is now different. */
int facts_merge(Facts *profile, Arena *arena, const Facts *update, bool *ret_changed);
/* Joins the profile of another lead: per field the newest statement wins, unless it is the field's default (an unknown seniority, a count
 * of 0, a flag that is not set) and was made by an anonymous lead, of whom neither address nor number nor name is known. Consent: the
 * latest statement in any case. */
int facts_join(Facts *profile, Arena *arena, const Facts *other, bool *ret_changed);
/* Appends a compact, canonical, versioned encoding: equal facts give equal bytes. */
int facts_encode(const Facts *facts, Text *out);
/* Strings point into data, which must outlive the facts... or copy = true. RECORD_E_CORRUPT. */
int facts_decode(const void *data, size_t size, bool copy, Arena *arena, Facts *ret);
bool facts_equal(const Facts *a, const Facts *b);
/* A total order by what is said, not by when: < 0, 0, > 0. */
int facts_compare(const Facts *a, const Facts *b);

enum {
        RECORD_E_CORRUPT = 1,
};

/* ---- records: something that happened ---- */

typedef enum RecordFamily {
        FAMILY_LEAD = 1, /* lead.submitted, lead.updated, lead.erased */
        FAMILY_ACTIVITY, /* activity.* : the history that conditions look into */
        FAMILY_OUTCOME,  /* outcome.MOVE: a person's move; also outcome.assign, outcome.note from the socket */
        FAMILY_CONSENT,  /* consent.granted, consent.withdrawn */
        FAMILY_COMPANY,  /* company.updated */
        FAMILY_OWNER,    /* owner.away, owner.back */
        FAMILY_TIMER,    /* timer.sla, ...: made by leadd itself, refused from the spool */
        FAMILY_RULES,    /* rules.activated: made by leadd itself */
        FAMILY_CAMPAIGN, /* campaign.taken: made by leadd itself, of no lead */
} RecordFamily;

typedef enum RecordFlags {
        RECORD_TIME_FROM_ARRIVAL = 1 << 0, /* no time of its own */
        RECORD_TIME_IN_FUTURE = 1 << 1,    /* more than 5 minutes ahead: arrival used */
        RECORD_ID_DERIVED = 1 << 2,        /* no id: digest of the record as delivered */
} RecordFlags;

/* IDENTITY_NAME, a name within a company's domain, leads to possible duplicates only: no record is found by it. */
typedef enum IdentityKind { IDENTITY_EMAIL = 1, IDENTITY_EXTERNAL_ID = 2, IDENTITY_PHONE = 3, IDENTITY_NAME = 4 } IdentityKind;

typedef struct Identity {
        IdentityKind kind;
        Key key; /* digest_keyed(secret, kind name, text...) */
} Identity;

typedef struct Record {
        Arena *arena;       /* owns everything below */
        const char *source; /* the event's source */
        const char *id;
        const char *type; /* "lead.submitted": prefix removed, lower case */
        RecordFamily family;
        const char *event; /* the part after the dot, inside type */
        int64_t time_us;
        unsigned flags;
        const char *subject; /* NULL when absent */
        const char *adapter; /* that made it of a vendor's payload, by name; NULL */
        Facts facts;
        Key key;              /* of spool directory + source + id: the same event for ever */
        Identity *identities; /* in the order of record.md section 3 */
        size_t n_identities;
} Record;

#define RECORD_ARENA_MAX ((size_t) 8 * 1024 * 1024) /* a record is 256 KiB of text; its facts are a few times that at most */
Record *record_new(void);                           /* with an arena of at most that; NULL on exhaustion */
Record *record_free(Record *record);
void record_freep(Record **record);
/* Fills identities from facts (email, external ids sorted by system, phone only when E.164). */
int record_identify(Record *record, const uint8_t secret[static DIGEST_SIZE]);
/* The key of one identity: what a LEAD argument (an e-mail, SYSTEM:ID) is looked up by. system is NULL but for external ids.
 * The e-mail is normalised here. RECORD_E_CORRUPT when it is no address. */
int identity_key(const uint8_t secret[static DIGEST_SIZE], IdentityKind kind, const char *system, const char *text, Key *ret);
/* The key of a profile's name and company domain. RECORD_E_CORRUPT: one of them is not known, or the domain gives addresses to anybody. */
int identity_key_of_name(const uint8_t secret[static DIGEST_SIZE], const Facts *profile, Key *ret);
/* A normalised address as people write it, with the letters of its domain: RECORD_E_CORRUPT when that is the same
 * text, or it is no address. */
int email_with_letters(const char *email, Arena *arena, const char **ret);
/* The facts as the JSON object `data` of record.md section 2 (nested); for show, log and rejects. Caller frees (json_decref). */
struct json_t;
int facts_to_json(const Facts *facts, struct json_t **ret);
