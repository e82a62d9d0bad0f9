/* SPDX-License-Identifier: MIT */
/*
 * Canonical records: the envelope, the families and what each needs, permissions,
 * time, ids, consent, normalised and derived fields, limits; and that what is shown
 * of a record can be submitted again.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "../support/describe.h"

#define NOW_US (INT64_C(1772800000) * US_PER_SECOND) /* 2026-03-06T12:26:40Z */

static bool may_all(const char *directory, const char *source, RecordFamily family, void *userdata) {
        (void) source;
        (void) family;
        (void) userdata;
        return base_streq(directory, "crm");
}

static IntakeBatch *parse_in(const char *directory, const char *format, const char *text) {
        Intake *intake = NULL;
        IntakeBatch *batch = NULL;
        assert_int_equal(intake_new(&(IntakeSettings){ .phone_region = "DE", .may = may_all }, &intake), 0);
        assert_int_equal(intake_parse(intake, directory, format, text, strlen(text), NOW_US, &batch), 0);
        intake_free(intake);
        return batch;
}

static IntakeBatch *parse(const char *text) { return parse_in("crm", "json", text); }

/* The record of a text that holds one. */
static const Record *only_record(const IntakeBatch *batch) {
        assert_int_equal(batch->n_items, 1);
        if (batch->items[0].refusal)
                fail_msg("refused: %s: %s", batch->items[0].refusal->reason, batch->items[0].refusal->text);
        return batch->items[0].record;
}

static void expect_description(const char *text, const char *want) {
        IntakeBatch *batch = parse(text);
        char *got = describe_batch(batch);
        if (strcmp(got, want) != 0)
                fail_msg("%s\ngot:\n%s\nwant:\n%s", text, got, want);
        free(got);
        intake_batch_free(batch);
}

static void expect_refusal(const char *text, const char *reason, const char *field) {
        IntakeBatch *batch = parse(text);
        assert_int_equal(batch->n_items, 1);
        const Refusal *refusal = batch->items[0].refusal;
        if (!refusal)
                fail_msg("%s\nwas taken, want %s", text, reason);
        if (strcmp(refusal->reason, reason) != 0 || strcmp(refusal->field ? refusal->field : "", field ? field : "") != 0)
                fail_msg("%s\ngot %s at %s (%s), want %s at %s", text, refusal->reason, refusal->field ? refusal->field : "-",
                        refusal->text, reason, field ? field : "-");
        assert_string_equal(refusal->raw, text);
        intake_batch_free(batch);
}

static char *read_sample(const char *name) {
        char path[256];
        (void) snprintf(path, sizeof path, "tests/data/payloads/%s", name);
        FILE *file = fopen(path, "re");
        if (!file)
                fail_msg("%s: run from the top of the source tree", path);
        char *text = calloc(1, 65536);
        assert_true(fread(text, 1, 65535, file) > 0);
        fclose(file);
        return text;
}

#define ENVELOPE(type, rest) "{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"" type "\"" rest "}"
#define PERSON "\"person\":{\"email\":\"m@keller.example\"}"

/* ---- the samples ---- */

static void sample__lead_submitted__has_every_field_and_the_derived_ones(void **state) {
        (void) state;
        char *text = read_sample("leadd-lead-submitted.json");
        IntakeBatch *batch = parse_in("google", "json", text);
        const Record *record = only_record(batch);
        assert_string_equal(record->source, "google-ads/40000000123");
        assert_string_equal(record->id, "TeSterLeadIdCj0KEQjw-5y2BRDh1qHx0rSGzYEQ");
        assert_string_equal(record->type, "lead.submitted");
        assert_string_equal(record->event, "submitted");
        assert_int_equal(record->family, FAMILY_LEAD);
        assert_int_equal(record->flags, 0);
        assert_int_equal(record->time_us, INT64_C(1772720551) * US_PER_SECOND);
        assert_null(record->subject);
        assert_int_equal(record->n_identities, 2);
        assert_int_equal(record->identities[0].kind, IDENTITY_EMAIL);
        assert_int_equal(record->identities[1].kind, IDENTITY_PHONE);
        json_t *shown = NULL, *delivered = json_loads(text, 0, NULL);
        assert_int_equal(facts_to_json(&record->facts, &shown), 0);
        json_t *want = json_incref(json_object_get(delivered, "data"));
        json_object_set_new(json_object_get(want, "person"), "email_domain", json_string("spedition-keller.example"));
        json_object_set_new(json_object_get(want, "person"), "seniority", json_string("director"));
        if (!json_equal(shown, want))
                fail_msg("got %s\nwant %s", json_dumps(shown, JSON_SORT_KEYS), json_dumps(want, JSON_SORT_KEYS));
        json_decref(shown);
        json_decref(want);
        json_decref(delivered);
        intake_batch_free(batch);
        free(text);
}

static void sample__activities_and_outcomes__are_understood_line_by_line(void **state) {
        (void) state;
        static const struct {
                const char *file;
                const char *types[8];
                size_t n;
        } samples[] = {
                { "leadd-activity.ndjson", { "activity.page_viewed", "activity.email_opened", "activity.tracked" }, 3 },
                { "leadd-outcome.ndjson",
                        { "outcome.accept", "outcome.reject", "outcome.meeting_booked", "outcome.open_opportunity", "outcome.won" }, 5 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
                char *text = read_sample(samples[i].file);
                IntakeBatch *batch = parse_in("crm", "ndjson", text);
                assert_int_equal(batch->n_items, samples[i].n);
                for (size_t j = 0; j < batch->n_items; j++) {
                        assert_non_null(batch->items[j].record);
                        assert_string_equal(batch->items[j].record->type, samples[i].types[j]);
                }
                if (i == 1) {
                        assert_string_equal(batch->items[0].record->subject, "lead:L-1042");
                        assert_string_equal(facts_text(&batch->items[1].record->facts, FIELD_OUTCOME_REASON), "no_budget");
                        assert_int_equal(facts_get(&batch->items[2].record->facts, FIELD_OUTCOME_MEETING_STARTS_AT, NULL)->integer,
                                INT64_C(1773133200) * US_PER_SECOND);
                        assert_string_equal(facts_text(&batch->items[3].record->facts, FIELD_OPPORTUNITY_STAGE), "proposal");
                }
                intake_batch_free(batch);
                batch = parse_in("forms", "ndjson", text);
                for (size_t j = 0; i == 1 && j < batch->n_items; j++)
                        assert_string_equal(batch->items[j].refusal->reason, "not_allowed");
                intake_batch_free(batch);
                free(text);
        }
}

static void sample__cloudevents__carry_flat_data_and_refuse_what_is_no_record(void **state) {
        (void) state;
        char *text = read_sample("cloudevents-lead.json");
        IntakeBatch *batch = parse_in("forms", "json", text);
        char *got = describe_batch(batch);
        assert_string_equal(got,
                "type lead.submitted\nid A234-1234-1234\ntime 2026-03-05T14:22:31Z\nsubject maria.keller@spedition-keller.example\n"
                "person.email \"maria.keller@spedition-keller.example\"\nperson.name \"Maria Keller\"\ncompany.name \"Keller Spedition "
                "GmbH\"\n");
        free(got);
        intake_batch_free(batch);
        free(text);
        text = read_sample("cloudevents-batch.json");
        batch = parse_in("forms", "json", text);
        got = describe_batch(batch);
        assert_string_equal(got, "refused unknown_type type\n--\nrefused no_data data\n--\nrefused no_data data\n");
        free(got);
        intake_batch_free(batch);
        free(text);
}

/* ---- the envelope ---- */

static void envelope__odd_or_wrong_attributes__are_refused_by_name(void **state) {
        (void) state;
        static const struct {
                const char *text, *reason, *field;
        } wrong[] = {
                { "{\"specversion\":\"0.3\",\"type\":\"lead.submitted\",\"data\":{" PERSON "}}", "bad_specversion", "specversion" },
                { "{\"specversion\":1.0,\"type\":\"lead.submitted\",\"data\":{" PERSON "}}", "bad_specversion", "specversion" },
                { "{\"specversion\":\"1.0\",\"data\":{" PERSON "}}", "unknown_type", "type" },
                { ENVELOPE("lead.submitted", ""), "no_data", "data" },
                { ENVELOPE("lead.submitted", ",\"data\":\"x\""), "no_data", "data" },
                { ENVELOPE("lead.submitted", ",\"data\":[]"), "no_data", "data" },
                { ENVELOPE("lead.submitted", ",\"data_base64\":\"e30=\""), "no_data", "data" },
                { ENVELOPE("lead.accepted", ",\"data\":{" PERSON "}"), "unknown_type", "type" },
                { ENVELOPE("lead", ",\"data\":{" PERSON "}"), "unknown_type", "type" },
                { ENVELOPE("leads.submitted", ",\"data\":{" PERSON "}"), "unknown_type", "type" },
                { ENVELOPE("activity.", ",\"data\":{" PERSON "}"), "unknown_type", "type" },
                { ENVELOPE("activity.2nd", ",\"data\":{" PERSON "}"), "unknown_type", "type" },
                { ENVELOPE("activity.page viewed", ",\"data\":{" PERSON "}"), "unknown_type", "type" },
                { ENVELOPE("com..lead.submitted", ",\"data\":{" PERSON "}"), "unknown_type", "type" },
                { ENVELOPE("submitted|updated", ",\"data\":{" PERSON "}"), "unknown_type", "type" },
                { ENVELOPE("lead.submitted|updated", ",\"data\":{" PERSON "}"), "unknown_type", "type" },
                { ENVELOPE("timer.sla", ",\"data\":{" PERSON "}"), "not_allowed", "type" },
                { ENVELOPE("rules.activated", ",\"data\":{" PERSON "}"), "not_allowed", "type" },
                { ENVELOPE("lead.submitted", ",\"time\":\"yesterday\",\"data\":{" PERSON "}"), "bad_time", "time" },
                { ENVELOPE("lead.submitted", ",\"time\":1772720551,\"data\":{" PERSON "}"), "bad_time", "time" },
                { ENVELOPE("lead.submitted", ",\"time\":\"2026-03-05 14:22\",\"data\":{" PERSON "}"), "bad_time", "time" },
                { ENVELOPE("lead.submitted", ",\"source\":7,\"data\":{" PERSON "}"), "bad_value", "source" },
                { ENVELOPE("lead.submitted", ",\"source\":\"\",\"data\":{" PERSON "}"), "bad_value", "source" },
                { ENVELOPE("lead.submitted", ",\"source\":\"a\\nb\",\"data\":{" PERSON "}"), "bad_value", "source" },
                { "{\"specversion\":\"1.0\",\"id\":7,\"type\":\"lead.submitted\",\"data\":{" PERSON "}}", "bad_value", "id" },
                { ENVELOPE("lead.submitted", ",\"subject\":\"lead:L-7\",\"data\":{" PERSON "}"), "bad_subject", "subject" },
                { ENVELOPE("activity.x", ",\"subject\":\"lead:7\",\"data\":{}"), "bad_subject", "subject" },
                { ENVELOPE("activity.x", ",\"subject\":\"lead:L-\",\"data\":{}"), "bad_subject", "subject" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
                expect_refusal(wrong[i].text, wrong[i].reason, wrong[i].field);
}

static void envelope__defaults__are_directory_arrival_and_a_digest(void **state) {
        (void) state;
        IntakeBatch *batch = parse("{\"specversion\":\"1.0\",\"type\":\"lead.submitted\",\"data\":{" PERSON "}}");
        const Record *record = only_record(batch);
        assert_string_equal(record->source, "crm");
        assert_int_equal(record->time_us, NOW_US);
        assert_int_equal(record->flags, RECORD_TIME_FROM_ARRIVAL | RECORD_ID_DERIVED);
        /* printf '%s' '{"data":{"person":{"email":"m@keller.example"}},"specversion":"1.0","type":"lead.submitted"}' | sha256sum */
        assert_string_equal(record->id, "300a2e85acdfb5dc8022b71d775cfabfecd92f3e7a3dfa086ae35330a1ef1327");
        IntakeBatch *other = parse("{ \"type\": \"lead.submitted\",\n\"data\":{" PERSON "}, \"specversion\":\"1.0\"}");
        assert_string_equal(only_record(other)->id, record->id);
        assert_memory_equal(&only_record(other)->key, &record->key, sizeof record->key);
        intake_batch_free(other);
        intake_batch_free(batch);
}

static void envelope__type__loses_its_prefix_and_case(void **state) {
        (void) state;
        static const struct {
                const char *text, *type;
        } types[] = {
                { ENVELOPE("com.example.lead.submitted", ",\"data\":{" PERSON "}"), "lead.submitted" },
                { ENVELOPE("Com.Example.Lead.Updated", ",\"data\":{" PERSON "}"), "lead.updated" },
                { ENVELOPE("activity.page_viewed", ",\"data\":{" PERSON "}"), "activity.page_viewed" },
                { ENVELOPE("lead.activity.Opened", ",\"data\":{" PERSON "}"), "activity.opened" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
                IntakeBatch *batch = parse(types[i].text);
                assert_string_equal(only_record(batch)->type, types[i].type);
                intake_batch_free(batch);
        }
}

static void envelope__time__is_kept_when_late_and_arrival_when_far_ahead(void **state) {
        (void) state;
        static const struct {
                const char *text;
                int64_t time_us;
                unsigned flags;
        } times[] = {
                { ENVELOPE("lead.submitted", ",\"time\":\"2020-01-01T00:00:00Z\",\"data\":{" PERSON "}"),
                        INT64_C(1577836800) * US_PER_SECOND, 0 },
                { ENVELOPE("lead.submitted", ",\"time\":\"2026-03-06T12:31:40Z\",\"data\":{" PERSON "}"), NOW_US + 5 * US_PER_MINUTE, 0 },
                { ENVELOPE("lead.submitted", ",\"time\":\"2026-03-06T12:31:41Z\",\"data\":{" PERSON "}"), NOW_US, RECORD_TIME_IN_FUTURE },
                { ENVELOPE("lead.submitted", ",\"time\":null,\"data\":{" PERSON "}"), NOW_US, RECORD_TIME_FROM_ARRIVAL },
                { ENVELOPE("lead.submitted", ",\"time\":\"2026-03-06T13:00:00.5+0100\",\"data\":{" PERSON "}"),
                        INT64_C(1772798400) * US_PER_SECOND + 500000, 0 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
                IntakeBatch *batch = parse(times[i].text);
                const Record *record = only_record(batch);
                if (record->time_us != times[i].time_us || record->flags != times[i].flags)
                        fail_msg("case %zu: got %lld flags %u, want %lld flags %u", i, (long long) record->time_us, record->flags,
                                (long long) times[i].time_us, times[i].flags);
                for (size_t j = 0; j < record->facts.n_items; j++)
                        assert_int_equal(fact_time(&record->facts.items[j]), record->time_us);
                intake_batch_free(batch);
        }
}

static void envelope__key__is_of_directory_source_and_id(void **state) {
        (void) state;
        static const char a[] = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"lead.submitted\",\"data\":{" PERSON "}}";
        static const char b[] = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"t\",\"type\":\"lead.submitted\",\"data\":{" PERSON "}}";
        IntakeBatch *same = parse_in("one", "json", a), *again = parse_in("one", "ndjson", a), *directory = parse_in("two", "json", a),
                    *source = parse_in("one", "json", b);
        const Key *key = &only_record(same)->key;
        assert_memory_equal(key, &only_record(again)->key, sizeof *key);
        assert_memory_not_equal(key, &only_record(directory)->key, sizeof *key);
        assert_memory_not_equal(key, &only_record(source)->key, sizeof *key);
        intake_batch_free(same);
        intake_batch_free(again);
        intake_batch_free(directory);
        intake_batch_free(source);
}

/* ---- families ---- */

static void families__what_each_needs__is_asked_for(void **state) {
        (void) state;
        static const struct {
                const char *text, *reason, *field;
        } wrong[] = {
                { ENVELOPE("lead.submitted", ",\"data\":{}"), "no_identity", "person" },
                { ENVELOPE("lead.submitted", ",\"data\":{\"person\":{\"name\":\"M\"}}"), "no_identity", "person" },
                { ENVELOPE("lead.submitted", ",\"data\":{\"person\":{\"email\":\"  \"}}"), "no_identity", "person" },
                { ENVELOPE("lead.submitted", ",\"data\":{\"person\":{\"phone_number\":\"12\"}}"), "no_identity", "person.phone_number" },
                { ENVELOPE("activity.x", ",\"data\":{\"activity\":{\"name\":\"n\"}}"), "no_identity", "person" },
                { ENVELOPE("outcome.accept", ",\"data\":{" PERSON "}"), "bad_actor", "outcome.actor" },
                { ENVELOPE("outcome.accept", ",\"data\":{" PERSON ",\"outcome\":{\"actor\":\"anna\"}}"), "bad_actor", "outcome.actor" },
                { ENVELOPE("outcome.accept", ",\"data\":{" PERSON ",\"outcome\":{\"actor\":\"rep:\"}}"), "bad_actor", "outcome.actor" },
                { ENVELOPE("outcome.accept", ",\"data\":{\"outcome\":{\"actor\":\"rep:anna\"}}"), "no_identity", "person" },
                { ENVELOPE("company.updated", ",\"data\":{" PERSON "}"), "no_identity", "company" },
                { ENVELOPE("company.updated", ",\"data\":{\"company\":{\"employees\":5}}"), "no_identity", "company" },
                { ENVELOPE("owner.away", ",\"data\":{\"owner\":{\"from\":\"2026-03-09T00:00:00Z\"}}"), "no_identity", "owner.name" },
                { ENVELOPE("consent.granted", ",\"data\":{" PERSON "}"), "bad_consent", "consent" },
                { ENVELOPE("consent.granted", ",\"data\":{" PERSON ",\"consent\":[{\"purpose\":\"a\",\"granted\":false}]}"), "bad_consent",
                        "consent" },
                { ENVELOPE("lead.submitted", ",\"data\":{" PERSON ",\"consent\":[{\"purpose\":\"a\"}]}"), "bad_consent", "consent" },
                { ENVELOPE("lead.submitted", ",\"data\":{" PERSON ",\"consent\":[{\"granted\":true}]}"), "bad_consent", "consent" },
                { ENVELOPE("lead.submitted", ",\"data\":{" PERSON ",\"consent\":[{\"purpose\":\"a\",\"granted\":1}]}"), "bad_consent",
                        "consent" },
                { ENVELOPE("lead.submitted", ",\"data\":{" PERSON ",\"consent\":[{\"purpose\":\"a\",\"granted\":true,\"at\":\"x\"}]}"),
                        "bad_consent", "consent" },
                { ENVELOPE("lead.submitted", ",\"data\":{" PERSON ",\"consent\":[7]}"), "bad_consent", "consent" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
                expect_refusal(wrong[i].text, wrong[i].reason, wrong[i].field);
        expect_description(
                ENVELOPE("owner.away",
                        ",\"time\":\"2026-03-05T00:00:00Z\",\"data\":{\"owner\":{\"name\":\"anna\",\"from\":\"2026-03-09T00:00:00Z\"}}"),
                "type owner.away\nid 1\ntime 2026-03-05T00:00:00Z\nowner_absence.name \"anna\"\nowner_absence.from 2026-03-09T00:00:00Z\n");
        expect_description(ENVELOPE("outcome.accept", ",\"subject\":\"L-7\",\"data\":{\"outcome\":{\"actor\":\"rep:anna\"}}"),
                "type outcome.accept\nid 1\ntime arrival\nsubject lead:L-7\noutcome.actor \"rep:anna\"\n");
        expect_description(ENVELOPE("company.updated",
                                   ",\"data\":{\"company\":{\"domain\":\"https://WWW.Keller.example/about\",\"employees\":\"180\"}}"),
                "type company.updated\nid 1\ntime arrival\ncompany.domain \"keller.example\"\ncompany.employees 180\n");
}

static void permission__privileged_types__only_where_the_settings_allow(void **state) {
        (void) state;
        static const struct {
                const char *text;
                bool is_privileged;
        } types[] = {
                { ENVELOPE("outcome.accept", ",\"data\":{" PERSON ",\"outcome\":{\"actor\":\"rep:anna\"}}"), true },
                { ENVELOPE("owner.back", ",\"data\":{\"owner\":{\"name\":\"anna\"}}"), true },
                { ENVELOPE("lead.erased", ",\"data\":{" PERSON "}"), true },
                { ENVELOPE("lead.updated", ",\"data\":{" PERSON "}"), false },
                { ENVELOPE("activity.x", ",\"data\":{" PERSON "}"), false },
                { ENVELOPE("consent.withdrawn", ",\"data\":{" PERSON ",\"consent\":[{\"purpose\":\"a\"}]}"), false },
        };
        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
                IntakeBatch *allowed = parse_in("crm", "json", types[i].text), *other = parse_in("forms", "json", types[i].text);
                assert_non_null(allowed->items[0].record);
                assert_int_equal(other->items[0].record == NULL, types[i].is_privileged);
                if (types[i].is_privileged)
                        assert_string_equal(other->items[0].refusal->reason, "not_allowed");
                intake_batch_free(allowed);
                intake_batch_free(other);
        }
}

/* ---- consent ---- */

static void consent__statements__have_their_own_instants(void **state) {
        (void) state;
        expect_description(
                ENVELOPE("lead.submitted",
                        ",\"time\":\"2026-03-05T00:00:00Z\",\"data\":{" PERSON
                        ",\"consent\":[{\"purpose\":\"Contact\",\"granted\":true,\"basis\":\"consent\",\"at\":\"2026-03-01T00:00:00Z\"},"
                        "{\"purpose\":\"news\",\"granted\":false}]}"),
                "type lead.submitted\nid 1\ntime 2026-03-05T00:00:00Z\nperson.email \"m@keller.example\"\nconsent.contact "
                "true\nconsent.news false\n"
                "consent_at.contact 2026-03-01T00:00:00Z\nconsent_at.news 2026-03-05T00:00:00Z\nconsent_basis.contact \"consent\"\n");
        /* the later of two about one purpose; of two without an order the more restrictive; the short form; flat data */
        expect_description(ENVELOPE("lead.submitted", ",\"time\":\"2026-03-05T00:00:00Z\",\"data\":{" PERSON
                                                      ",\"consent\":[{\"purpose\":\"a\",\"granted\":true,\"at\":\"2026-03-03T00:00:00Z\"},"
                                                      "{\"purpose\":\"a\",\"granted\":false,\"at\":\"2026-03-02T00:00:00Z\"},"
                                                      "{\"purpose\":\"b\",\"granted\":false},{\"purpose\":\"b\",\"granted\":true}]}"),
                "type lead.submitted\nid 1\ntime 2026-03-05T00:00:00Z\nperson.email \"m@keller.example\"\nconsent.a true\nconsent.b false\n"
                "consent_at.a 2026-03-03T00:00:00Z\nconsent_at.b 2026-03-05T00:00:00Z\n");
        expect_description(
                ENVELOPE("lead.submitted", ",\"time\":\"2026-03-05T00:00:00Z\",\"data\":{" PERSON ",\"consent\":{\"contact\":true}}"),
                "type lead.submitted\nid 1\ntime 2026-03-05T00:00:00Z\nperson.email \"m@keller.example\"\nconsent.contact true\n"
                "consent_at.contact 2026-03-05T00:00:00Z\n");
        expect_description(ENVELOPE("consent.withdrawn",
                                   ",\"time\":\"2026-03-05T00:00:00Z\",\"data\":{\"email\":\"m@keller.example\",\"purpose\":\"news\"}"),
                "type consent.withdrawn\nid 1\ntime 2026-03-05T00:00:00Z\nperson.email \"m@keller.example\"\nconsent.news false\n"
                "consent_at.news 2026-03-05T00:00:00Z\n");
        IntakeBatch *batch =
                parse(ENVELOPE("lead.submitted", ",\"time\":\"2026-03-05T00:00:00Z\",\"data\":{" PERSON
                                                 ",\"consent\":[{\"purpose\":\"a\",\"granted\":true,\"at\":\"2026-03-01T00:00:00Z\"},"
                                                 "{\"purpose\":\"b\",\"granted\":true,\"at\":\"2036-03-01T00:00:00Z\"}]}"));
        const Facts *facts = &only_record(batch)->facts;
        for (size_t i = 0; i < facts->n_items; i++) {
                if (facts->items[i].field != FIELD_CONSENT)
                        continue;
                /* the fact is as old as the statement; one from the future is as old as the record */
                int64_t want = base_streq(facts->items[i].key, "a") ? INT64_C(1772323200) * US_PER_SECOND : only_record(batch)->time_us;
                assert_int_equal(facts->items[i].time_us, want);
        }
        intake_batch_free(batch);
}

/* ---- values ---- */

static void values__are_normalised_or_kept_as_answers(void **state) {
        (void) state;
        expect_description(ENVELOPE("lead.submitted",
                                   ",\"time\":\"2026-03-05T00:00:00Z\",\"data\":{\"person\":{\"email\":\" M.Keller@KELLER.Example \","
                                   "\"phone_number\":\"030 5550 "
                                   "1042\",\"locale\":\"de_DE\",\"seniority\":\"VP\",\"address\":{\"country\":\"Deutschland\"}},"
                                   "\"company\":{\"country\":\"usa\",\"annual_revenue\":{\"amount\":1.5e6,\"currency\":\"eur\"}}}"),
                "type lead.submitted\nid 1\ntime 2026-03-05T00:00:00Z\nperson.email \"m.keller@keller.example\"\nperson.phone_number "
                "\"+493055501042\"\n"
                "person.seniority \"vp\"\nperson.locale \"de-DE\"\nperson.address.country \"DE\"\ncompany.annual_revenue.amount 1500000\n"
                "company.annual_revenue.currency \"EUR\"\ncompany.country \"US\"\n");
        expect_description(
                ENVELOPE("lead.submitted",
                        ",\"time\":\"2026-03-05T00:00:00Z\",\"data\":{\"person\":{\"email\":\"m@keller.example\","
                        "\"phone_number\":\"ask "
                        "me\",\"locale\":\"German\",\"seniority\":\"wizard\",\"shoe_size\":42,\"address\":{\"country\":\"Atlantis\"}},"
                        "\"company\":{\"domain\":\"not a "
                        "domain\",\"annual_revenue\":{\"amount\":5,\"currency\":\"Euro\"},\"crm\":{\"tier\":\"A\"}}}"),
                "type lead.submitted\nid 1\ntime 2026-03-05T00:00:00Z\nperson.email \"m@keller.example\"\nperson.phone_number \"ask me\"\n"
                "company.annual_revenue.amount 5\nanswers.company.annual_revenue.currency \"Euro\"\nanswers.company.crm.tier \"A\"\n"
                "answers.company.domain \"not a domain\"\nanswers.person.address.country \"Atlantis\"\nanswers.person.locale \"German\"\n"
                "answers.person.seniority \"wizard\"\nanswers.person.shoe_size 42\n");
        /* the person's country tells how the number is written */
        IntakeBatch *batch = parse(ENVELOPE(
                "lead.submitted", ",\"data\":{\"person\":{\"phone_number\":\"(415) 555-0100\",\"address\":{\"country\":\"US\"}}}"));
        assert_string_equal(facts_text(&only_record(batch)->facts, FIELD_PERSON_PHONE_NUMBER), "+14155550100");
        assert_int_equal(only_record(batch)->n_identities, 1);
        intake_batch_free(batch);
}

static void values__maps__keep_types_join_lists_and_go_on_with_dots(void **state) {
        (void) state;
        expect_description(ENVELOPE("activity.tracked",
                                   ",\"time\":\"2026-03-05T00:00:00Z\",\"data\":{\"person\":{\"external_ids\":{\"crm\":42,\"seg\":\"x\"}},"
                                   "\"activity\":{\"name\":\"Cart\",\"count\":2,\"value\":1.5,\"properties\":{\"a\":1,\"b\":1.5,\"c\":true,"
                                   "\"d\":null,\"e\":\"\","
                                   "\"f\":[\"x\",2,null,true],\"g\":{\"h\":{\"i\":\"deep\"}},\"items\":[{\"sku\":\"p1\"},{\"sku\":\"p2\"}],"
                                   "\"big\":9007199254740993}},"
                                   "\"unknown\":\"kept\",\"raw\":{\"format\":\"v\",\"ref\":\"r\"}}"),
                "type activity.tracked\nid 1\ntime 2026-03-05T00:00:00Z\nperson.external_ids.crm \"42\"\nperson.external_ids.seg "
                "\"x\"\nactivity.name \"Cart\"\n"
                "activity.value 1.5\nactivity.count 2\nactivity.properties.a 1\nactivity.properties.b 1.5\nactivity.properties.big "
                "9007199254740993\n"
                "activity.properties.c true\nactivity.properties.f \"x, 2, true\"\nactivity.properties.g.h.i "
                "\"deep\"\nactivity.properties.items.0.sku \"p1\"\n"
                "activity.properties.items.1.sku \"p2\"\nactivity.properties.unknown \"kept\"\nraw.format \"v\"\nraw.ref \"r\"\n");
}

static void values__that_a_field_cannot_hold__refuse_a_canonical_record(void **state) {
        (void) state;
        static const struct {
                const char *data, *field;
        } wrong[] = {
                { "\"person\":{\"email\":{\"a\":1}}", "person.email" },
                { "\"person\":{\"email\":\"m@k.example\",\"name\":{}}", "person.name" },
                { "\"person\":{\"email\":\"m@k.example\"},\"company\":{\"employees\":\"many\"}", "company.employees" },
                { "\"person\":{\"email\":\"m@k.example\"},\"company\":{\"employees\":true}", "company.employees" },
                { "\"person\":{\"email\":\"m@k.example\",\"email_verified\":\"perhaps\"}", "person.email_verified" },
                { "\"person\":{\"email\":\"m@k.example\"},\"outcome\":{\"meeting\":{\"starts_at\":\"soon\"}}",
                        "outcome.meeting.starts_at" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                char text[512];
                (void) snprintf(text, sizeof text, "{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"lead.submitted\",\"data\":{%s}}",
                        wrong[i].data);
                expect_refusal(text, "bad_value", wrong[i].field);
        }
        expect_refusal(ENVELOPE("lead.submitted", ",\"data\":{\"person\":{\"email\":\"m@\"}}"), "bad_email", "person.email");
        /* timers are leadd's own: their fields cannot be set from outside */
        expect_description(ENVELOPE("lead.submitted", ",\"time\":\"2026-03-05T00:00:00Z\",\"data\":{" PERSON
                                                      ",\"timer\":{\"rule\":\"ACCEPT\"},\"timer.step\":1}"),
                "type lead.submitted\nid 1\ntime 2026-03-05T00:00:00Z\nperson.email \"m@keller.example\"\nanswers.timer.rule "
                "\"ACCEPT\"\nanswers.timer.step 1\n");
}

static void derived__fields__come_from_address_title_and_names(void **state) {
        (void) state;
        static const struct {
                const char *person, *domain, *seniority, *name;
        } cases[] = {
                { "\"email\":\"m@keller.example\",\"title\":\"Head of Logistics\"", "keller.example", "director", NULL },
                { "\"email\":\"m@gmail.com\",\"given_name\":\"Maria\",\"family_name\":\"Keller\"", NULL, NULL, "Maria Keller" },
                { "\"email\":\"m@sub.keller.example\",\"family_name\":\"Keller\",\"title\":\"MVP\"", "sub.keller.example", NULL, "Keller" },
                { "\"email\":\"m@B\xc3\xbc"
                  "cher.example\",\"title\":\"CEO\",\"seniority\":\"owner\",\"name\":\"M\",\"given_name\":\"X\"",
                        "xn--bcher-kva.example", "owner", "M" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char text[512];
                (void) snprintf(text, sizeof text, "{\"specversion\":\"1.0\",\"type\":\"lead.submitted\",\"data\":{\"person\":{%s}}}",
                        cases[i].person);
                IntakeBatch *batch = parse(text);
                const Facts *facts = &only_record(batch)->facts;
                const struct {
                        FieldId field;
                        const char *want;
                } checks[] = { { FIELD_COMPANY_DOMAIN, cases[i].domain }, { FIELD_PERSON_SENIORITY, cases[i].seniority },
                        { FIELD_PERSON_NAME, cases[i].name } };
                for (size_t j = 0; j < ARRAY_SIZE(checks); j++) {
                        const char *got = facts_text(facts, checks[j].field);
                        if ((got == NULL) != (checks[j].want == NULL) || (got && strcmp(got, checks[j].want) != 0))
                                fail_msg("case %zu %s: got %s, want %s", i, field_info(checks[j].field)->path, got ? got : "nothing",
                                        checks[j].want ? checks[j].want : "nothing");
                }
                intake_batch_free(batch);
        }
}

/* ---- limits ---- */

static void limits__of_texts_keys_and_answers__refuse_by_name(void **state) {
        (void) state;
        static const struct {
                const char *field, *format;
                size_t taken; /* characters */
        } texts[] = {
                { "person.name", "{\"email\":\"m@k.example\",\"name\":\"%s\"}", INTAKE_TEXT_MAX },
                { "interest.message", "{\"email\":\"m@k.example\",\"message\":\"%s\"}", INTAKE_MESSAGE_MAX },
                { "answers.q", "{\"email\":\"m@k.example\",\"q\":\"%s\"}", INTAKE_TEXT_MAX },
                { "person.external_ids.crm", "{\"person\":{\"external_ids\":{\"crm\":\"%s\"}}}", INTAKE_KEY_MAX },
                { "id", "{\"email\":\"m@k.example\",\"id\":\"%s\"}", INTAKE_KEY_MAX },
        };
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                for (size_t over = 0; over < 2; over++) {
                        size_t n = texts[i].taken + over;
                        _cleanup_(base_freep) char *long_text = malloc(2 * n + 1), *text = malloc(2 * n + 256);
                        for (size_t j = 0; j < n; j++)
                                memcpy(long_text + 2 * j, "\xc3\xa4", 2); /* characters count, not bytes */
                        long_text[2 * n] = '\0';
                        (void) snprintf(text, 2 * n + 256, texts[i].format, long_text);
                        IntakeBatch *batch = parse(text);
                        const Refusal *refusal = batch->items[0].refusal;
                        if ((refusal != NULL) != over || (refusal && strcmp(refusal->field, texts[i].field) != 0))
                                fail_msg("%s with %zu characters: got %s", texts[i].field, n, refusal ? refusal->text : "a record");
                        intake_batch_free(batch);
                }
        for (size_t over = 0; over < 2; over++) {
                Text text = { 0 };
                text_append(&text, "{\"email\":\"m@k.example\"");
                for (size_t i = 0; i < INTAKE_ANSWERS_MAX + over; i++)
                        text_printf(&text, ",\"q%zu\":%zu", i, i);
                text_append(&text, "}");
                IntakeBatch *batch = parse(text.data);
                assert_int_equal(batch->items[0].refusal != NULL, over);
                if (over)
                        assert_string_equal(batch->items[0].refusal->reason, "too_many_answers");
                intake_batch_free(batch);
                text_free(&text);
        }
        char key[INTAKE_KEY_MAX + 64];
        (void) snprintf(key, sizeof key, "{\"email\":\"m@k.example\",\"%0*d\":1}", INTAKE_KEY_MAX + 1, 7);
        expect_refusal(key, "key_too_long", "answers");
        (void) snprintf(key, sizeof key, "{\"email\":\"%0*d@k.example\"}", 65, 7);
        expect_refusal(key, "bad_email", "person.email");
}

/* Payloads at the size limit, made to cost time or memory: each is a record or a refusal, soon. */
static void hostile__payloads__are_answered_soon(void **state) {
        (void) state;
        static const struct {
                const char *start, *repeat, *end;
                size_t key; /* length of a key in front of everything */
        } shapes[] = {
                { "{\"email\":\"m@k.example\"", ",\"k%zu\":null", "}", 0 },
                { "{\"email\":\"m@k.example\"", ",\"k%zu\":1", "}", 0 },
                { "{\"email\":\"m@k.example\"", ",\"k%zu\":\" \"", "}", 0 },
                { "{\"email\":\"m@k.example\"", ",\"k%zu\":{}", "}", 0 },
                { "{\"email\":\"m@k.example\",\"x\":[0", ",%zu", "]}", 0 },
                { "{\"email\":\"m@k.example\",\"x\":[{}", ",{\"a\":%zu}", "]}", 0 },
                { "{\"email\":\"m@k.example\",\"x\":[[]", ",[]", "]}", 0 },
                { "{\"email\":\"m@k.example\",\"%s\":{\"x\":0", ",\"k%zu\":1", "}}", 1000 },
                { "{\"email\":\"m@k.example\",\"%s\":{\"x\":0", ",\"k%zu\":1", "}}", 100000 },
                { "{\"answers\":{\"%s\":{\"x\":0", ",\"k%zu\":1", "}},\"email\":\"m@k.example\"}", 100000 },
                { "{\"specversion\":\"1.0\",\"type\":\"lead.submitted\",\"data\":{\"person\":{\"email\":\"m@k.example\",\"%s\":{\"x\":0",
                        ",\"k%zu\":1", "}}}}", 100 },
                { "{\"email\":\"m@k.example\",\"consent\":[{\"purpose\":\"a\",\"granted\":true}",
                        ",{\"purpose\":\"p%zu\",\"granted\":true}", "]}", 0 },
                { "{\"person\":{\"external_ids\":{\"a\":\"1\"", ",\"k%zu\":1", "}}}", 0 },
                { "{\"email\":\"m@k.example\",\"title\":\"", "chief ", "\"}", 0 },
                { "{\"email\":\"m@k.example\",\"country\":\"", "\xcc\x88", "\"}", 0 },
                { "{\"email\":\"", "\xc3\x84", "@k.example\"}", 0 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
                Text text = { 0 };
                _cleanup_(base_freep) char *key = malloc(shapes[i].key + 1);
                memset(key, 'k', shapes[i].key);
                key[shapes[i].key] = '\0';
                for (const char *at = shapes[i].start; *at; at++)
                        if (at[0] == '%' && at[1] == 's')
                                text_append(&text, key), at++;
                        else
                                text_append_char(&text, *at);
                for (size_t n = 1; text.size < INTAKE_RECORD_SIZE_MAX - 64; n++) {
                        const char *number = strstr(shapes[i].repeat, "%zu");
                        text_append_size(&text, shapes[i].repeat, number ? (size_t) (number - shapes[i].repeat) : strlen(shapes[i].repeat));
                        if (number)
                                text_printf(&text, "%zu%s", n, number + 3);
                }
                text_append(&text, shapes[i].end);
                struct timespec before, after;
                (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
                IntakeBatch *batch = parse(text.data);
                (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
                double seconds = (double) (after.tv_sec - before.tv_sec) + (double) (after.tv_nsec - before.tv_nsec) / 1e9;
                assert_int_equal(batch->n_items, 1);
                if (seconds > 0.5)
                        fail_msg("shape %zu took %.2f s", i, seconds);
                intake_batch_free(batch);
                text_free(&text);
        }
}

/* ---- what is shown can be submitted ---- */

static void round_trip__facts_shown_as_data__give_the_same_facts(void **state) {
        (void) state;
        static const char *const files[] = { "leadd-lead-submitted.json", "leadd-activity.ndjson", "leadd-outcome.ndjson",
                "zapier-generic.json" };
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                char *text = read_sample(files[i]);
                IntakeBatch *batch = parse_in("crm", strstr(files[i], "ndjson") ? "ndjson" : "json", text);
                for (size_t j = 0; j < batch->n_items; j++) {
                        const Record *record = batch->items[j].record;
                        char time[TIME_TEXT_SIZE];
                        json_t *data = NULL;
                        assert_int_equal(facts_to_json(&record->facts, &data), 0);
                        json_t *envelope = json_pack("{s:s,s:s,s:s,s:s*,s:s,s:o}", "specversion", "1.0", "id", "again", "type",
                                record->type, "subject", record->subject, "time", time_format_rfc3339(record->time_us, time), "data", data);
                        char *dumped = json_dumps(envelope, 0);
                        IntakeBatch *again = parse(dumped);
                        const Facts *facts = &only_record(again)->facts;
                        assert_int_equal(facts->n_items, record->facts.n_items);
                        for (size_t k = 0; k < facts->n_items; k++)
                                if (!value_equal(&facts->items[k].value, &record->facts.items[k].value) ||
                                        facts->items[k].field != record->facts.items[k].field)
                                        fail_msg("%s: %s differs", files[i], field_info(record->facts.items[k].field)->path);
                        intake_batch_free(again);
                        free(dumped);
                        json_decref(envelope);
                }
                intake_batch_free(batch);
                free(text);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sample__lead_submitted__has_every_field_and_the_derived_ones),
                cmocka_unit_test(sample__activities_and_outcomes__are_understood_line_by_line),
                cmocka_unit_test(sample__cloudevents__carry_flat_data_and_refuse_what_is_no_record),
                cmocka_unit_test(envelope__odd_or_wrong_attributes__are_refused_by_name),
                cmocka_unit_test(envelope__defaults__are_directory_arrival_and_a_digest),
                cmocka_unit_test(envelope__type__loses_its_prefix_and_case),
                cmocka_unit_test(envelope__time__is_kept_when_late_and_arrival_when_far_ahead),
                cmocka_unit_test(envelope__key__is_of_directory_source_and_id),
                cmocka_unit_test(families__what_each_needs__is_asked_for),
                cmocka_unit_test(permission__privileged_types__only_where_the_settings_allow),
                cmocka_unit_test(consent__statements__have_their_own_instants),
                cmocka_unit_test(values__are_normalised_or_kept_as_answers),
                cmocka_unit_test(values__maps__keep_types_join_lists_and_go_on_with_dots),
                cmocka_unit_test(values__that_a_field_cannot_hold__refuse_a_canonical_record),
                cmocka_unit_test(derived__fields__come_from_address_title_and_names),
                cmocka_unit_test(limits__of_texts_keys_and_answers__refuse_by_name),
                cmocka_unit_test(hostile__payloads__are_answered_soon),
                cmocka_unit_test(round_trip__facts_shown_as_data__give_the_same_facts),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
