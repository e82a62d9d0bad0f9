/* SPDX-License-Identifier: MIT */
/*
 * Messages: ${name} becomes what is known of the lead.
 *
 * What people wrote into a form must not be able to end a header line, start a new one or turn the reading direction, so control
 * characters, line and paragraph separators and bidirectional controls of values become spaces; the message's own text stays as it is.
 * Encoding for mail is the notifier's work.
 */
#include "condition.h"
#include <inttypes.h>

#define RENDER_NAME_MAX 200

typedef enum NameKind {
        NAME_UNKNOWN = 0,
        NAME_LEAD_ID,
        NAME_LEAD_FIELD,
        NAME_LEAD_SOURCE,
        NAME_LEAD_COUNTRY,
        NAME_OWNER,
        NAME_DUE,
        NAME_RULE,
        NAME_RECIPIENT,
        NAME_ANSWERS,
        NAME_STATUS,
        NAME_GRADE,
        NAME_UNSUBSCRIBE
} NameKind;

static const struct {
        const char *name;
        NameKind kind;
} plain_names[] = {
        { "lead.id", NAME_LEAD_ID },
        { "lead.source", NAME_LEAD_SOURCE },
        { "lead.country", NAME_LEAD_COUNTRY },
        { "owner", NAME_OWNER },
        { "due", NAME_DUE },
        { "rule", NAME_RULE },
        { "recipient", NAME_RECIPIENT },
        { "answers", NAME_ANSWERS },
        { "status", NAME_STATUS },
        { "grade", NAME_GRADE },
        { "unsubscribe", NAME_UNSUBSCRIBE },
};

static NameKind find_name(const char *name, FieldId *ret_field, const char **ret_key) {
        for (size_t i = 0; i < ARRAY_SIZE(plain_names); i++)
                if (base_streq(plain_names[i].name, name))
                        return plain_names[i].kind;
        if (strncmp(name, "lead.", 5) != 0 || !field_find(name + 5, ret_field, ret_key) || !field_is_profile(*ret_field))
                return NAME_UNKNOWN;
        return field_info(*ret_field)->kind == FIELD_KIND_MAP && (!*ret_key || !**ret_key) ? NAME_UNKNOWN : NAME_LEAD_FIELD;
}

/* The next ${name} at or after *at. false: none is left (or its brace never closes, or it is longer than any name). */
static bool next_name(const char *at, const char **ret_start, const char **ret_end, char name[static RENDER_NAME_MAX + 1]) {
        for (const char *start = at; (start = strstr(start, "${")); start += 2) {
                const char *end = strchr(start, '}');
                size_t size;

                if (!end)
                        return false;
                size = (size_t) (end - start) - 2;
                if (size > RENDER_NAME_MAX)
                        continue;
                memcpy(name, start + 2, size);
                name[size] = '\0';
                *ret_start = start;
                *ret_end = end + 1;
                return true;
        }
        return false;
}

/* ---- values ---- */

/* Bytes of the character at s that must not reach a reader; 0: harmless. */
static size_t harmful_size(const unsigned char *s, size_t size) {
        if (s[0] < 0x20 || s[0] == 0x7f)
                return 1;
        if (size >= 2 && ((s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0) || (s[0] == 0xd8 && s[1] == 0x9c)))
                return 2; /* U+0080..U+009F, U+061C */
        if (size >= 3 && s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xa8 && s[2] <= 0xae)))
                return 3; /* U+200E, U+200F, U+2028..U+202E */
        if (size >= 3 && s[0] == 0xe2 && s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9)
                return 3; /* U+2066..U+2069 */
        return 0;
}

static void append_clean(Text *out, const char *text, size_t size) {
        size_t from = 0, at = 0;

        while (at < size) {
                size_t harmful = harmful_size((const unsigned char *) text + at, size - at);

                if (harmful == 0) {
                        at++;
                        continue;
                }
                text_append_size(out, text + from, at - from);
                text_append_char(out, ' ');
                from = at += harmful;
        }
        text_append_size(out, text + from, size - from);
}

static void append_text(Text *out, const char *text) {
        if (text)
                append_clean(out, text, strlen(text));
}

static void append_value(Text *out, const Value *value, FieldKind kind) {
        char buf[TIME_TEXT_SIZE];

        if (!value)
                return;
        switch (value->type) {
        case VALUE_ABSENT:
                break;
        case VALUE_BOOL:
                text_append(out, value->boolean ? "yes" : "no");
                break;
        case VALUE_INTEGER:
                if (kind == FIELD_KIND_TIME)
                        text_append(out, time_format_rfc3339(value->integer, buf));
                else
                        text_printf(out, "%" PRId64, value->integer);
                break;
        case VALUE_NUMBER:
                text_printf(out, "%.15g", value->number);
                break;
        case VALUE_TEXT:
                append_clean(out, value->text, value->size);
                break;
        }
}

static void append_name(Text *out, const char *name, const MessageContext *context) {
        const Subject *subject = context->subject;
        const Facts *facts = subject ? subject->facts : NULL;
        FieldId field;
        const char *key = NULL;

        switch (find_name(name, &field, &key)) {
        case NAME_UNKNOWN:
                break;
        case NAME_LEAD_ID:
                append_text(out, subject ? subject->lead_id : NULL);
                break;
        case NAME_LEAD_SOURCE:
                append_text(out, subject ? subject->source : NULL);
                break;
        case NAME_LEAD_COUNTRY: {
                const Value *country = facts ? facts_get(facts, FIELD_COMPANY_COUNTRY, NULL) : NULL;
                if (!country && facts)
                        country = facts_get(facts, FIELD_PERSON_ADDRESS_COUNTRY, NULL);
                append_value(out, country, FIELD_KIND_TEXT);
                break;
        }
        case NAME_LEAD_FIELD:
                append_value(out, facts ? facts_get(facts, field, key) : NULL,
                        field == FIELD_CONSENT_AT ? FIELD_KIND_TIME : field_info(field)->kind);
                break;
        case NAME_OWNER:
                append_text(out, context->owner ? context->owner : subject ? subject->owner : NULL);
                break;
        case NAME_DUE:
                append_text(out, context->due);
                break;
        case NAME_RULE:
                append_text(out, context->rule);
                break;
        case NAME_RECIPIENT:
                append_text(out, context->recipient);
                break;
        case NAME_ANSWERS:
                if (context->answers)
                        text_append(out, context->answers);
                break;
        case NAME_UNSUBSCRIBE:
                append_text(out, context->unsubscribe);
                break;
        case NAME_STATUS:
                append_text(out, subject && subject->status ? subject->status->rule.name : NULL);
                break;
        case NAME_GRADE:
                append_text(out, subject ? subject->grade : NULL);
                break;
        }
}

int policy_render(const char *text, const MessageContext *context, Text *out) {
        char name[RENDER_NAME_MAX + 1];
        const char *start, *end;

        while (next_name(text, &start, &end, name)) {
                text_append_size(out, text, (size_t) (start - text));
                append_name(out, name, context);
                text = end;
        }
        text_append(out, text);
        return out->error;
}

int policy_render_unsubscribe(const Channel *channel, const char *lead_id, Text *out) {
        const Subject subject = { .lead_id = lead_id };

        return channel->unsubscribe ? policy_render(channel->unsubscribe, &(const MessageContext){ .subject = &subject }, out) : 0;
}

/* ---- at load ---- */

static void report_unknown(Loader *loader, const char *name) {
        size_t n_fields, n = 0;
        const FieldInfo *fields = field_all(&n_fields);
        const char **candidates = ARENA_ARRAY(loader->arena, const char *, n_fields + ARRAY_SIZE(plain_names));

        for (size_t i = 0; candidates && i < ARRAY_SIZE(plain_names); i++)
                candidates[n++] = plain_names[i].name;
        for (size_t i = 0; candidates && i < n_fields; i++)
                if (field_is_profile(fields[i].id) && (candidates[n] = arena_printf(loader->arena, "lead.%s", fields[i].path)))
                        n++;
        if (!candidates)
                loader->out_of_memory = true;
        else
                loader_unknown(loader, "name in a message", name, candidates, n);
}

void render_check(Loader *loader, const char *where, const char *text) {
        char name[RENDER_NAME_MAX + 1];
        const char *start, *end, *key;
        FieldId field;

        /* next_name passes these over: they would be sent as they stand. */
        for (start = text; (start = strstr(start, "${")); start += 2)
                if ((end = strchr(start, '}')) && end - start - 2 > RENDER_NAME_MAX)
                        loader_refuse(loader, "\"%s\": a name in ${} has more than %d bytes", where, RENDER_NAME_MAX);
        for (; next_name(text, &start, &end, name); text = end)
                if (find_name(name, &field, &key) == NAME_UNKNOWN)
                        report_unknown(loader, name);
        start = strstr(text, "${");
        if (start && !strchr(start, '}'))
                loader_error(loader, "\"%s\": ${ without its }", where);
}
