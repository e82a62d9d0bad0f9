/* SPDX-License-Identifier: MIT */
/*
 * payload{..} of a test: a vendor's body as it is dropped into a spool directory. It is read by the real intake with the adapters of
 * the rule set, here to learn who is in it, and again when the test runs, because that is the way everything comes in.
 *
 * A body that intake refuses is no mistake of the test: it may be there to show just that. What is a mistake is a body that is none.
 */
#include "test.h"

#include <errno.h>

typedef struct PayloadDraft {
        Duration ago;
        const char *source, *format, *body;
} PayloadDraft;

static int make_intake(Load *load) {
        static const uint8_t secret[DIGEST_SIZE] = { 0 };
        const RuleSet *rules = load->loader.rules;
        if (load->payloads)
                return 0;
        Adapter *adapters = ARENA_ARRAY(load->scratch, Adapter, rules->n_adapters + 1);
        if (!adapters)
                return load_exhausted(load);
        for (size_t i = 0; i < rules->n_adapters; i++)
                adapters[i] = rules->adapters[i].adapter;
        const IntakeSettings settings = {
                .adapters = adapters,
                .n_adapters = rules->n_adapters,
                .phone_region = rules->settings->phone_region,
                .zone = rules->settings->zone,
                .secret = secret,
                .may = policy_spool_may,
                .userdata = (void *) (uintptr_t) rules,
                .any_secret = true,
        };
        return intake_new(&settings, &load->payloads);
}

/* What the record's person is known by, as members of data.person; NULL: nothing. */
static int find_identity(TestDraft *draft, const Facts *facts, const char **ret) {
        static const FieldId fields[] = { FIELD_PERSON_EMAIL, FIELD_PERSON_EXTERNAL_IDS, FIELD_PERSON_PHONE_NUMBER };
        static const char *const names[] = { "email", "external_ids", "phone_number" };
        Text *out = &draft->load->text;
        *ret = NULL;
        text_clear(out);
        for (size_t i = 0; i < ARRAY_SIZE(fields) && out->size == 0; i++)
                for (size_t k = 0; k < facts->n_items && out->size == 0; k++) {
                        const Fact *fact = &facts->items[k];
                        if (fact->field != fields[i] || fact->value.type != VALUE_TEXT)
                                continue;
                        text_printf(out, "\"%s\":", names[i]);
                        if (fact->key) {
                                text_append_char(out, '{');
                                test_write_text(out, fact->key, strlen(fact->key));
                                text_append_char(out, ':');
                        }
                        test_write_text(out, fact->value.text, fact->value.size);
                        text_append(out, fact->key ? "}" : "");
                }
        if (out->error == 0 && out->size == 0)
                return 0;
        *ret = out->error < 0 ? NULL : arena_strndup(draft->load->loader.arena, out->data, out->size);
        return *ret ? 0 : load_exhausted(draft->load);
}

static int note_people(TestDraft *draft, const IntakeBatch *batch, TestGiven *given) {
        Load *load = draft->load;
        bool is_first = true;
        for (size_t i = 0; i < batch->n_items; i++) {
                const Record *record = batch->items[i].record;
                if (!record)
                        continue;
                const char *email = facts_text(&record->facts, FIELD_PERSON_EMAIL);
                if (email && test_note_email(draft, email) < 0)
                        return -ENOMEM;
                if (is_first && !draft->has_subject) {
                        draft->has_subject = draft->subject_is_known = given->is_subject = true;
                        draft->subject_of = email ? arena_strdup(load->loader.arena, email) : NULL;
                        if (find_identity(draft, &record->facts, &draft->subject) < 0 || (email && !draft->subject_of))
                                return load_exhausted(load);
                } else if (is_first)
                        given->is_subject = email && draft->subject_of && base_streq(email, draft->subject_of);
                is_first = false;
        }
        return 0;
}

static int read_payload(TestDraft *draft, TestGiven *given) {
        Load *load = draft->load;
        IntakeBatch *batch = NULL;
        /* Adapters that are faulty themselves would only be reported twice. */
        if (load->loader.report->n_errors > 0) {
                draft->payload_unread = true;
                return 0;
        }
        int r = make_intake(load);
        if (r == 0)
                r = intake_parse(load->payloads, given->directory, given->format, given->body, given->size, given->now_us, &batch);
        if (r != 0)
                return r < 0 ? r : -EINVAL;
        r = note_people(draft, batch, given);
        intake_batch_free(batch);
        return r;
}

int test_compile_payload(TestDraft *draft, int index, const char *where, TestGiven *ret) {
        static const char *const formats[] = { "json", "ndjson", "csv", "form", NULL };
        static const BodyKey keys[] = {
                { .name = "ago", .type = KEY_DURATION, .at = offsetof(PayloadDraft, ago) },
                { .name = "source", .type = KEY_TEXT, .required = true, .at = offsetof(PayloadDraft, source) },
                { .name = "format", .type = KEY_WORD, .required = true, .at = offsetof(PayloadDraft, format), .choices = formats },
                { .name = "body", .type = KEY_TEXT, .required = true, .at = offsetof(PayloadDraft, body) },
        };
        Load *load = draft->load;
        Loader *loader = &load->loader;
        PayloadDraft payload = { 0 };
        size_t n_errors = loader->report->n_errors;
        int r = keys_compile(load, index, where, keys, ARRAY_SIZE(keys), &payload);
        if (r < 0)
                return r;
        if (payload.source && (payload.source[0] == '\0' || payload.source[0] == '.' || strchr(payload.source, '/')))
                loader_error(loader, "%s: \"source\" must be the name of a spool directory, such as \"web\", not \"%.60s\"", where,
                        payload.source);
        size_t size = payload.body ? strlen(payload.body) : 0;
        if (payload.body && payload.body[strspn(payload.body, " \t\r\n")] == '\0')
                loader_error(loader, "%s: \"body\" is empty", where);
        if (size > POLICY_TEST_PAYLOAD_SIZE_MAX)
                loader_error(loader, "%s: \"body\" has more than %d bytes", where, POLICY_TEST_PAYLOAD_SIZE_MAX);
        if (payload.ago.us != 0 && draft->step > 0)
                loader_error(loader, "%s: \"ago\" is for what arrived before the test begins; later, a payload arrives when its step does",
                        where);
        int64_t now_us = draft->at_us == TIME_NONE ? 0 : draft->steps[draft->step].at_us - payload.ago.us;
        if (now_us < 0)
                loader_error(loader, "%s: \"ago\" leads to before 1970", where);
        if (loader->report->n_errors != n_errors || draft->at_us == TIME_NONE) {
                draft->payload_unread = true;
                return 0;
        }
        *ret = (TestGiven){
                .where = where, .body = payload.body, .size = size, .directory = payload.source, .format = payload.format, .now_us = now_us
        };
        return read_payload(draft, ret);
}
