/* SPDX-License-Identifier: MIT */
/*
 * The shipped rules load without a word, and their adapters turn each vendor's sample into exactly the facts written here.
 * Runs in the project's top folder, as `make` does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>

#include "../support/describe.h"
#include "leadd/policy.h"

#define NOW_US INT64_C(1772800000000000) /* 2026-03-06T12:26:40Z */
#define SAMPLES "tests/data/payloads/"

static RuleSet *rules;
static Adapter *adapters;

static void batch_freep(IntakeBatch **batch) { intake_batch_free(*batch); }

static int load_rules(void **state) {
        (void) state;
        PolicyReport report = { 0 };
        _cleanup_(text_free) Text problems = { 0 };
        int r = policy_load("rules", 0, &rules, &report);
        assert_int_equal(policy_report_format(&report, &problems), 0);
        bool clean = r == 0 && report.n_problems == 0;
        policy_report_done(&report);
        if (!clean)
                fail_msg("loading the shipped rules gave %d:\n%s", r, problems.data ? problems.data : "");
        adapters = calloc(rules->n_adapters, sizeof *adapters);
        assert_non_null(adapters);
        for (size_t i = 0; i < rules->n_adapters; i++)
                adapters[i] = rules->adapters[i].adapter;
        return 0;
}

static int free_rules(void **state) {
        (void) state;
        base_freep(&adapters);
        rules = policy_free(rules);
        return 0;
}

static char *read_sample(const char *name, size_t *ret_size) {
        _cleanup_(text_free) Text path = { 0 };
        text_printf(&path, SAMPLES "%s", name);
        FILE *file = fopen(path.data, "re");
        if (!file)
                fail_msg("no sample %s", path.data);
        char *data = calloc(1, 65536);
        assert_non_null(data);
        *ret_size = fread(data, 1, 65535, file);
        (void) fclose(file);
        return data;
}

static IntakeBatch *parse(const char *directory, const char *format, const char *data, size_t size) {
        static const uint8_t secret[DIGEST_SIZE] = { 1 };
        const IntakeSettings settings = { .adapters = adapters,
                .n_adapters = rules->n_adapters,
                .phone_region = rules->settings->phone_region,
                .zone = rules->settings->zone,
                .secret = secret };
        _cleanup_(intake_freep) Intake *intake = NULL;
        IntakeBatch *batch = NULL;
        assert_int_equal(intake_new(&settings, &intake), 0);
        assert_int_equal(intake_parse(intake, directory, format, data, size, NOW_US, &batch), 0);
        return batch;
}

static void expect_sample(const char *name, const char *want) {
        size_t size;
        _cleanup_(base_freep) char *data = read_sample(name, &size);
        _cleanup_(batch_freep) IntakeBatch *batch = parse("web", intake_format(name), data, size);
        _cleanup_(base_freep) char *got = describe_batch(batch);
        if (!base_streq(got, want))
                fail_msg("%s\n--- got\n%s--- want\n%s", name, got, want);
}

static void google_ads_lead__ids_are_exact_and_the_key_is_not_kept(void **state) {
        (void) state;
        expect_sample("google-ads-lead.json", "type lead.submitted\n"
                                              "id TeSterLeadIdCj0KEQjw-5y2BRDh1qHx0rSGzYEQ\n"
                                              "time 2026-03-05T14:22:31Z\n"
                                              "person.email \"maria.keller@spedition-keller.example\"\n"
                                              "person.phone_number \"+493055501042\"\n"
                                              "person.name \"Maria Keller\"\n"
                                              "person.title \"Head of Logistics\"\n"
                                              "person.address.postal_code \"10115\"\n"
                                              "person.address.country \"DE\"\n"
                                              "company.name \"Keller Spedition GmbH\"\n"
                                              "attribution.channel \"paid-search\"\n"
                                              "attribution.source \"google\"\n"
                                              "attribution.medium \"cpc\"\n"
                                              "attribution.campaign_id \"21098765432\"\n"
                                              "attribution.adset_id \"160012345678\"\n"
                                              "attribution.ad_id \"700123456789\"\n"
                                              "attribution.form_id \"40000000123\"\n"
                                              "attribution.click_ids.gclid \"EAIaIQobChMIz5Tq7e2tiQMVb4GDBx0exampleEAAYASAAEgJ\"\n"
                                              "answers.fleet_size \"51-200\"\n"
                                              "test false\n");
}

static void google_ads_lead__test_lead_large_ids_and_a_bad_address__are_told_apart(void **state) {
        (void) state;
        static const char test_lead[] = "{\"google_key\":\"k3y\",\"lead_id\":\"t1\",\"is_test\":true,\"form_id\":9223372036854775807,"
                                        "\"campaign_id\":9007199254740993,\"user_column_data\":["
                                        "{\"column_id\":\"EMAIL\",\"string_value\":\"private@home.example\"},"
                                        "{\"column_id\":\"WORK_EMAIL\",\"string_value\":\"m@keller.example\"}]}";
        _cleanup_(batch_freep) IntakeBatch *batch = parse("web", "json", test_lead, strlen(test_lead));
        _cleanup_(base_freep) char *got = describe_batch(batch);
        assert_string_equal(got, "type lead.submitted\nid t1\ntime arrival\nperson.email \"m@keller.example\"\n"
                                 "attribution.channel \"paid-search\"\nattribution.source \"google\"\nattribution.medium \"cpc\"\n"
                                 "attribution.campaign_id \"9007199254740993\"\nattribution.form_id \"9223372036854775807\"\n"
                                 "answers.EMAIL \"private@home.example\"\ntest true\n");
        static const char bad[] = "{\"google_key\":\"k3y-of-ours\",\"lead_id\":\"t2\",\"user_column_data\":["
                                  "{\"column_id\":\"EMAIL\",\"string_value\":\"not an address\"}]}";
        _cleanup_(batch_freep) IntakeBatch *refused = parse("web", "json", bad, strlen(bad));
        assert_int_equal(refused->n_items, 1);
        const Refusal *refusal = refused->items[0].refusal;
        if (!refusal || !base_streq(refusal->reason, "bad_email"))
                fail_msg("a bad address: got %s", refusal ? refusal->reason : "a record");
        if (strstr(refusal->raw, "k3y") || strstr(refusal->text, "k3y") || !strstr(refusal->raw, "not an address"))
                fail_msg("the raw of the refusal: %s", refusal->raw);
}

static void meta_lead__offset_without_colon_lists_and_check_boxes__are_read(void **state) {
        (void) state;
        expect_sample("meta-lead.json", "type lead.submitted\n"
                                        "id 1203341234567890\n"
                                        "time 2026-03-05T14:22:28Z\n"
                                        "person.email \"j.brandt@brandt-logistik.example\"\n"
                                        "person.phone_number \"+4915112345678\"\n"
                                        "person.name \"Jonas Brandt\"\n"
                                        "person.title \"Geschäftsführer\"\n"
                                        "company.name \"Brandt Logistik KG\"\n"
                                        "attribution.channel \"paid-social\"\n"
                                        "attribution.source \"facebook\"\n"
                                        "attribution.campaign \"spring-b2b\"\n"
                                        "attribution.term \"DE logistics managers\"\n"
                                        "attribution.content \"Fleet video A\"\n"
                                        "attribution.campaign_id \"23851000000000001\"\n"
                                        "attribution.adset_id \"23851000000000100\"\n"
                                        "attribution.ad_id \"23851000000000123\"\n"
                                        "attribution.form_id \"987650001112223\"\n"
                                        "attribution.is_organic false\n"
                                        "answers.fleet_size \"11-50\"\n"
                                        "answers.which_services_interest_you? \"routing, telematics\"\n"
                                        "consent.contact true\n"
                                        "consent.newsletter false\n"
                                        "consent_at.contact 2026-03-05T14:22:28Z\n"
                                        "consent_at.newsletter 2026-03-05T14:22:28Z\n");
}

#define META_EXPORT \
        "type lead.submitted\n" \
        "id 1203341234567890\n" \
        "time 2026-03-05T13:22:28Z\n" \
        "person.email \"j.brandt@brandt-logistik.example\"\n" \
        "person.phone_number \"+4915112345678\"\n" \
        "person.name \"Jonas Brandt\"\n" \
        "company.name \"Brandt Logistik, KG\"\n" \
        "attribution.channel \"paid-social\"\n" \
        "attribution.source \"facebook\"\n" \
        "attribution.campaign \"spring-b2b\"\n" \
        "attribution.term \"DE logistics managers\"\n" \
        "attribution.content \"Fleet video A\"\n" \
        "attribution.campaign_id \"23851000000000001\"\n" \
        "attribution.adset_id \"23851000000000100\"\n" \
        "attribution.ad_id \"23851000000000123\"\n" \
        "attribution.form_id \"987650001112223\"\n" \
        "attribution.form_name \"Fleet form v3\"\n" \
        "attribution.is_organic false\n" \
        "answers.fleet_size \"11-50\"\n" \
        "--\n" \
        "type lead.submitted\n" \
        "id 1203341234567891\n" \
        "time 2026-03-05T14:01:02Z\n" \
        "person.email \"sarka@doprava.example\"\n" \
        "person.phone_number \"+420601234567\"\n" \
        "person.name \"Šárka \"Sára\" Nová\"\n" \
        "company.name \"Doprava Nová s.r.o.\"\n" \
        "attribution.channel \"paid-social\"\n" \
        "attribution.source \"instagram\"\n" \
        "attribution.form_id \"987650001112223\"\n" \
        "attribution.form_name \"Fleet form v3\"\n" \
        "attribution.is_organic true\n" \
        "answers.fleet_size \"51-200\"\n"

static void meta_export__comma_and_utf16_with_tabs__give_the_same(void **state) {
        (void) state;
        expect_sample("meta-leads-export.csv", META_EXPORT);
        expect_sample("meta-leads-export-utf16.csv", META_EXPORT);
}

static void meta_page_webhook__ids_only__is_refused_and_not_lost(void **state) {
        (void) state;
        expect_sample("meta-leadgen-webhook.json", "refused no_identity person\n");
}

static void linkedin_response__answers_by_number__are_named(void **state) {
        (void) state;
        expect_sample("linkedin-lead-response.json", "type lead.submitted\n"
                                                     "id 249592fc-d272-44ba-a7db-c2bdce579507-6\n"
                                                     "time 2026-03-05T14:22:31.288Z\n"
                                                     "person.email \"ingrid.solberg@fjordfrakt.example\"\n"
                                                     "person.given_name \"Ingrid\"\n"
                                                     "person.family_name \"Solberg\"\n"
                                                     "person.title \"Director of Operations\"\n"
                                                     "person.external_ids.linkedin \"exampleSubm1\"\n"
                                                     "person.external_ids.linkedin_response \"249592fc-d272-44ba-a7db-c2bdce579507-6\"\n"
                                                     "company.name \"Fjordfrakt AS\"\n"
                                                     "attribution.channel \"paid-social\"\n"
                                                     "attribution.source \"linkedin\"\n"
                                                     "attribution.campaign_id \"198356826\"\n"
                                                     "attribution.ad_id \"241257736\"\n"
                                                     "attribution.form_id \"urn:li:versionedLeadGenForm:(urn:li:leadGenForm:7234246,1)\"\n"
                                                     "answers.fleet_size \"51-200\"\n"
                                                     "consent.contact true\n"
                                                     "consent_at.contact 2026-03-05T14:22:31.288Z\n"
                                                     "test false\n");
}

static void linkedin_response__form_that_is_not_named__loses_nothing(void **state) {
        (void) state;
        static const char other[] =
                "{\"id\":\"r2\",\"submittedAt\":1772720551288,\"submitter\":\"urn:li:person:p2\",\"testLead\":true,"
                "\"formResponse\":{\"answers\":[{\"questionId\":1,\"answerDetails\":{\"textQuestionAnswer\":"
                "{\"answer\":\"x@y.example\"}}},{\"questionId\":707234246,\"answerDetails\":"
                "{\"multipleChoiceAnswer\":{\"options\":[3]}}}],\"consentResponses\":[{\"accepted\":false,\"consentId\":4}]}}";
        _cleanup_(batch_freep) IntakeBatch *batch = parse("web", "json", other, strlen(other));
        _cleanup_(base_freep) char *got = describe_batch(batch);
        assert_string_equal(got, "type lead.submitted\nid r2\ntime 2026-03-05T14:22:31.288Z\nperson.external_ids.linkedin \"p2\"\n"
                                 "person.external_ids.linkedin_response \"r2\"\n"
                                 "attribution.source \"linkedin\"\nanswers.1 \"x@y.example\"\nanswers.707234246 \"3\"\n"
                                 "answers.consent.4 false\ntest true\n");
}

static void hubspot_form__company_name_and_time_as_text__are_read(void **state) {
        (void) state;
        expect_sample("hubspot-form-submit.json", "type lead.submitted\n"
                                                  "id derived\n"
                                                  "time 2026-03-05T14:22:31Z\n"
                                                  "person.email \"maria.keller@spedition-keller.example\"\n"
                                                  "person.given_name \"Maria\"\n"
                                                  "person.family_name \"Keller\"\n"
                                                  "person.external_ids.hubspot_visitor \"6f453d92607b8108998dc213178ad214\"\n"
                                                  "company.name \"Keller Spedition GmbH\"\n"
                                                  "attribution.channel \"website\"\n"
                                                  "attribution.form_name \"Book a demo\"\n"
                                                  "attribution.page_url \"https://www.example.com/demo\"\n"
                                                  "interest.message \"Please call me about 60 trucks.\"\n"
                                                  "consent.newsletter true\n"
                                                  "consent.processing true\n"
                                                  "consent_at.newsletter 2026-03-05T14:22:31Z\n"
                                                  "consent_at.processing 2026-03-05T14:22:31Z\n");
}

static void typeform_response__answers_of_each_type__keep_their_type(void **state) {
        (void) state;
        expect_sample("typeform-response.json", "type lead.submitted\n"
                                                "id 01JNQ4R5PFZZP6C8H14RTP4YW6\n"
                                                "time 2026-03-05T14:22:31Z\n"
                                                "person.email \"maria.keller@spedition-keller.example\"\n"
                                                "person.name \"Maria Keller\"\n"
                                                "attribution.channel \"website\"\n"
                                                "attribution.source \"newsletter\"\n"
                                                "attribution.campaign \"spring-b2b\"\n"
                                                "attribution.form_id \"g8hcyeXS\"\n"
                                                "attribution.form_name \"Fleet enquiry\"\n"
                                                "interest.budget.amount 50000\n"
                                                "answers.fleet_size \"51-200\"\n"
                                                "answers.typeform_score 9\n"
                                                "consent.contact true\n"
                                                "consent_at.contact 2026-03-05T14:22:31Z\n");
}

static void salesforce_web_to_lead__form_without_id_and_time__keeps_both_lines(void **state) {
        (void) state;
        expect_sample("salesforce-web-to-lead.form", "type lead.submitted\n"
                                                     "id derived\n"
                                                     "time arrival\n"
                                                     "person.email \"maria.keller@spedition-keller.example\"\n"
                                                     "person.phone_number \"+493055501042\"\n"
                                                     "person.given_name \"Maria\"\n"
                                                     "person.family_name \"Keller\"\n"
                                                     "person.title \"Head of Logistics\"\n"
                                                     "person.website \"https://spedition-keller.example\"\n"
                                                     "person.address.locality \"Berlin\"\n"
                                                     "person.address.region \"BE\"\n"
                                                     "person.address.postal_code \"10115\"\n"
                                                     "person.address.country \"DE\"\n"
                                                     "company.name \"Keller Spedition GmbH\"\n"
                                                     "company.industry \"Transportation\"\n"
                                                     "company.employees 180\n"
                                                     "attribution.channel \"website\"\n"
                                                     "attribution.source \"Web\"\n"
                                                     "attribution.campaign_id \"701000000000EXA\"\n"
                                                     "attribution.form_name \"contact\"\n"
                                                     "interest.message \"Please call me about 60 trucks.\r\nSecond line.\"\n"
                                                     "answers.emailOptOut \"0\"\n"
                                                     "answers.fleet_size \"51-200\"\n");
}

static void segment_calls__are_updates_and_activities(void **state) {
        (void) state;
        expect_sample("segment-identify.json", "type lead.updated\n"
                                               "id 022bb90c-bbac-11e4-8dfc-aa07a5b093db\n"
                                               "time 2026-03-05T14:22:31.220Z\n"
                                               "person.email \"maria.keller@spedition-keller.example\"\n"
                                               "person.phone_number \"+493055501042\"\n"
                                               "person.name \"Maria Keller\"\n"
                                               "person.given_name \"Maria\"\n"
                                               "person.family_name \"Keller\"\n"
                                               "person.title \"Head of Logistics\"\n"
                                               "person.locale \"de-DE\"\n"
                                               "person.zoneinfo \"Europe/Berlin\"\n"
                                               "person.address.locality \"Berlin\"\n"
                                               "person.address.postal_code \"10115\"\n"
                                               "person.address.country \"DE\"\n"
                                               "person.external_ids.segment \"97980cfea0067\"\n"
                                               "person.external_ids.segment_anonymous \"507f191e810c19729de860ea\"\n"
                                               "company.name \"Keller Spedition GmbH\"\n"
                                               "company.industry \"Transportation\"\n"
                                               "company.employees 180\n"
                                               "company.external_ids.segment \"kel-1\"\n"
                                               "answers.company.plan \"trial\"\n");
        expect_sample("segment-group.json", "type lead.updated\n"
                                            "id 5f0f3c1e-8f4f-4e40-b6b1-2f2f9d1f2a77\n"
                                            "time 2026-03-05T14:30:02Z\n"
                                            "person.external_ids.segment \"97980cfea0067\"\n"
                                            "company.name \"Keller Spedition GmbH\"\n"
                                            "company.industry \"Transportation\"\n"
                                            "company.employees 180\n"
                                            "company.external_ids.segment \"kel-1\"\n"
                                            "answers.company.plan \"trial\"\n"
                                            "answers.company.website \"https://spedition-keller.example\"\n");
        expect_sample("segment-page.json", "type activity.page_viewed\n"
                                           "id 0b0c9a7e-3b7a-4f7c-9d40-3ac9d8f4e111\n"
                                           "time 2026-03-05T14:12:01.249Z\n"
                                           "person.external_ids.segment_anonymous \"507f191e810c19729de860ea\"\n"
                                           "activity.name \"Pricing\"\n"
                                           "activity.channel \"web\"\n"
                                           "activity.url \"https://www.example.com/pricing\"\n"
                                           "activity.properties.path \"/pricing\"\n"
                                           "activity.properties.referrer \"https://www.google.com/\"\n"
                                           "activity.properties.search \"?gclid=EAIaIQexample\"\n"
                                           "activity.properties.title \"Pricing\"\n");
        expect_sample("segment-track.json", "type activity.tracked\n"
                                            "id ajs-f8ca1e4de5024d9430b3928bd8ac6b96\n"
                                            "time 2026-03-05T14:30:01.249Z\n"
                                            "person.external_ids.segment \"97980cfea0067\"\n"
                                            "person.external_ids.segment_anonymous \"507f191e810c19729de860ea\"\n"
                                            "activity.name \"Trial Started\"\n"
                                            "activity.channel \"product\"\n"
                                            "activity.url \"https://www.example.com/trial\"\n"
                                            "activity.campaign \"spring-b2b\"\n"
                                            "activity.properties.trial_end_date \"2026-04-04T14:30:00.000Z\"\n"
                                            "activity.properties.trial_plan_name \"Business\"\n"
                                            "activity.properties.trial_start_date \"2026-03-05T14:30:00.000Z\"\n"
                                            "activity.properties.utm_content \"button-a\"\n"
                                            "activity.properties.utm_medium \"email\"\n"
                                            "activity.properties.utm_source \"newsletter\"\n"
                                            "activity.properties.utm_term \"fleet routing\"\n");
}

/* No adapter: the flat record's usual names. */
static void zapier_json__goes_the_way_of_flat_records(void **state) {
        (void) state;
        expect_sample("zapier-generic.json", "type lead.submitted\n"
                                             "id zap-000123\n"
                                             "time 2026-03-05T14:22:31Z\n"
                                             "person.email \"maria.keller@spedition-keller.example\"\n"
                                             "person.phone_number \"+493055501042\"\n"
                                             "person.given_name \"Maria\"\n"
                                             "person.family_name \"Keller\"\n"
                                             "person.title \"Head of Logistics\"\n"
                                             "person.address.country \"DE\"\n"
                                             "company.name \"Keller Spedition GmbH\"\n"
                                             "attribution.source \"newsletter\"\n"
                                             "attribution.medium \"email\"\n"
                                             "attribution.campaign \"spring-b2b\"\n"
                                             "interest.message \"Please call me about 60 trucks.\"\n"
                                             "answers.source \"webinar\"\n"
                                             "consent.contact true\n"
                                             "consent_at.contact 2026-03-05T14:22:31Z\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(google_ads_lead__ids_are_exact_and_the_key_is_not_kept),
                cmocka_unit_test(google_ads_lead__test_lead_large_ids_and_a_bad_address__are_told_apart),
                cmocka_unit_test(meta_lead__offset_without_colon_lists_and_check_boxes__are_read),
                cmocka_unit_test(meta_export__comma_and_utf16_with_tabs__give_the_same),
                cmocka_unit_test(meta_page_webhook__ids_only__is_refused_and_not_lost),
                cmocka_unit_test(linkedin_response__answers_by_number__are_named),
                cmocka_unit_test(linkedin_response__form_that_is_not_named__loses_nothing),
                cmocka_unit_test(hubspot_form__company_name_and_time_as_text__are_read),
                cmocka_unit_test(typeform_response__answers_of_each_type__keep_their_type),
                cmocka_unit_test(salesforce_web_to_lead__form_without_id_and_time__keeps_both_lines),
                cmocka_unit_test(segment_calls__are_updates_and_activities),
                cmocka_unit_test(zapier_json__goes_the_way_of_flat_records),
        };
        return cmocka_run_group_tests_name("vendors' samples", tests, load_rules, free_rules);
}
