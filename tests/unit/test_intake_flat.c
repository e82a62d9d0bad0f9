/* SPDX-License-Identifier: MIT */
/*
 * Flat records: the well-known columns in their spellings, what becomes of the rest,
 * attribution, the event's own columns, and forms.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../daemon/intake/flat.h"
#include "../support/describe.h"

static IntakeBatch *parse(const char *format, const char *text) {
        Intake *intake = NULL;
        IntakeBatch *batch = NULL;
        assert_int_equal(intake_new(&(IntakeSettings){ .phone_region = "DE" }, &intake), 0);
        assert_int_equal(intake_parse(intake, "forms", format, text, strlen(text), INT64_C(1772800000) * US_PER_SECOND, &batch), 0);
        intake_free(intake);
        return batch;
}

static void expect(const char *format, const char *text, const char *want) {
        IntakeBatch *batch = parse(format, text);
        char *got = describe_batch(batch);
        if (strcmp(got, want) != 0)
                fail_msg("%s\ngot:\n%s\nwant:\n%s", text, got, want);
        free(got);
        intake_batch_free(batch);
}

/* ---- the table ---- */

static void columns__each_name__is_folded_unique_and_of_a_known_target(void **state) {
        (void) state;
        size_t n;
        const Column *columns = column_all(&n);
        for (size_t i = 0; i < n; i++) {
                FieldId field;
                const char *key;
                if (columns[i].kind != COLUMN_EVENT && !field_find(columns[i].target, &field, &key))
                        fail_msg("%s is no field", columns[i].target);
                for (const char *name = columns[i].names; *name;) {
                        size_t size = strcspn(name, "|"), folded_size;
                        char folded[FOLD_SIZE_MAX];
                        assert_true(name_fold(name, size, folded, &folded_size));
                        if (folded_size != size || memcmp(folded, name, size) != 0)
                                fail_msg("%.*s is not folded", (int) size, name);
                        if (column_find(name, size) != &columns[i])
                                fail_msg("%.*s is there twice", (int) size, name);
                        name += size + (name[size] == '|');
                }
        }
}

static void columns__spellings__mean_the_same(void **state) {
        (void) state;
        static const struct {
                const char *name, *target;
        } spellings[] = {
                { "email", "person.email" },
                { "E-Mail", "person.email" },
                { "e_mail", "person.email" },
                { "Email Address", "person.email" },
                { "EMAIL-ADDRESS", "person.email" },
                { "emailAddress", "person.email" },
                { "E-Mail-Adresse", "person.email" },
                { "Adresse e-mail", "person.email" },
                { "Correo electr\xc3\xb3nico", "person.email" },
                { "First Name", "person.given_name" },
                { "first_name", "person.given_name" },
                { "firstname", "person.given_name" },
                { "Vorname", "person.given_name" },
                { "Pr\xc3\xa9nom", "person.given_name" },
                { "Last Name", "person.family_name" },
                { "Nachname", "person.family_name" },
                { "Full name:", "person.name" },
                { "Phone Number", "person.phone_number" },
                { "T\xc3\xa9l\xc3\xa9phone", "person.phone_number" },
                { "Handy-Nr", NULL },
                { "Handynummer", "person.phone_number" },
                { "Mobile", "person.phone_number" },
                { "Job Title", "person.title" },
                { "jobTitle", "person.title" },
                { "Company", "company.name" },
                { "Company Name*", "company.name" },
                { "Soci\xc3\xa9t\xc3\xa9", "company.name" },
                { "Firma", "company.name" },
                { "Unternehmensgr\xc3\xb6\xc3\x9f"
                  "e",
                        "company.employees" },
                { "Stra\xc3\x9f"
                  "e",
                        "person.address.street_address" },
                { "PLZ", "person.address.postal_code" },
                { "ZIP / Postal Code", "person.address.postal_code" },
                { "Pa\xc3\xads", "person.address.country" },
                { "utm_source", "attribution.source" },
                { "utm-campaign", "attribution.campaign" },
                { "UTM Medium", "attribution.medium" },
                { "Lead Source", "attribution.source" },
                { "gclid", "attribution.click_ids.gclid" },
                { "Nachricht", "interest.message" },
                { "Submission Date", "time" },
                { "Zeitstempel", "time" },
                { "created_at", "time" },
                { "mailbox", NULL },
                { "", NULL },
                { "***", NULL },
                { "emails sent", NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(spellings); i++) {
                const Column *column = column_find(spellings[i].name, strlen(spellings[i].name));
                if ((column == NULL) != (spellings[i].target == NULL) || (column && strcmp(column->target, spellings[i].target) != 0))
                        fail_msg("\"%s\": got %s, want %s", spellings[i].name, column ? column->target : "nothing",
                                spellings[i].target ? spellings[i].target : "nothing");
        }
}

/* ---- flat JSON ---- */

static void flat__attribution__source_gives_way_to_utm_source(void **state) {
        (void) state;
        expect("json", "{\"id\":\"7\",\"source\":\"webinar\",\"campaign\":\"a\",\"email\":\"m@k.example\",\"utm_source\":\"newsletter\"}",
                "type lead.submitted\nid 7\ntime arrival\nperson.email \"m@k.example\"\nattribution.source "
                "\"newsletter\"\nattribution.campaign \"a\"\n"
                "answers.source \"webinar\"\n");
        expect("json", "{\"id\":\"7\",\"lead_source\":\"Web\",\"email\":\"m@k.example\",\"utm_source\":\"\"}",
                "type lead.submitted\nid 7\ntime arrival\nperson.email \"m@k.example\"\nattribution.source \"Web\"\n");
        IntakeBatch *batch = parse("json", "{\"source\":\"webinar\",\"email\":\"m@k.example\"}");
        assert_string_equal(batch->items[0].record->source, "forms");
        intake_batch_free(batch);
}

static void flat__nothing__is_thrown_away(void **state) {
        (void) state;
        expect("json",
                "{\"id\":7,\"email\":\"m@k.example\",\"Work "
                "Email\":\"m2@k.example\",\"employees\":\"51-200\",\"budget\":\"5000\",\"time\":\"whenever\","
                "\"type\":\"Webinar\",\"subject\":\"Hello\",\"empty\":\"\",\"blank\":\"  "
                "\",\"none\":null,\"list\":[\"a\",\"b\"],\"custom\":{\"x\":{\"y\":1}},"
                "\"address\":{\"city\":\"Berlin\"},\"flag\":true,\"n\":1.5,\"company.annual_revenue.amount\":100,\"timer.rule\":\"x\","
                "\"website\":\"k.example\"}",
                "type lead.submitted\nid 7\ntime arrival\nperson.email \"m@k.example\"\nperson.website "
                "\"k.example\"\ncompany.annual_revenue.amount 100\n"
                "interest.budget.amount 5000\nanswers.Work Email \"m2@k.example\"\nanswers.address.city \"Berlin\"\nanswers.custom.x.y 1\n"
                "answers.employees \"51-200\"\nanswers.flag true\nanswers.list \"a, b\"\nanswers.n 1.5\nanswers.subject \"Hello\"\n"
                "answers.time \"whenever\"\nanswers.timer.rule \"x\"\nanswers.type \"Webinar\"\n");
}

static void flat__event_columns__are_type_time_and_id(void **state) {
        (void) state;
        expect("json",
                "{\"event_id\":\"e1\",\"Type\":\"activity.page_viewed\",\"timestamp\":1772720551,\"email\":\"m@k.example\",\"activity."
                "url\":\"/p\",\"browser\":\"x\"}",
                "type activity.page_viewed\nid e1\ntime 2026-03-05T14:22:31Z\nperson.email \"m@k.example\"\nactivity.url \"/p\"\n"
                "activity.properties.browser \"x\"\n");
        expect("json",
                "{\"id\":\"1\",\"created\":\"05.03.2026 "
                "15:22\",\"date\":\"2026-03-01\",\"email\":\"m@k.example\",\"subject\":\"lead:L-1\",\"type\":\"lead.updated\"}",
                "type lead.updated\nid 1\ntime 2026-03-05T15:22:00Z\nsubject lead:L-1\nperson.email \"m@k.example\"\nanswers.date "
                "\"2026-03-01\"\n");
        /* inside an envelope's data they are the lead's own */
        expect("json",
                "{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"lead.submitted\",\"data\":{\"email\":\"m@k.example\",\"id\":\"x\","
                "\"time\":\"later\"}}",
                "type lead.submitted\nid 1\ntime arrival\nperson.email \"m@k.example\"\nanswers.id \"x\"\nanswers.time \"later\"\n");
}

static void flat__consent_columns__say_yes_or_no_and_opting_in_is_never_guessed(void **state) {
        (void) state;
        expect("json",
                "{\"id\":\"1\",\"time\":\"2026-03-05T00:00:00Z\",\"email\":\"m@k.example\",\"consent\":\"yes\",\"newsletter\":0,\"do not "
                "call\":\"1\"}",
                "type lead.submitted\nid 1\ntime 2026-03-05T00:00:00Z\nperson.email \"m@k.example\"\nconsent.contact "
                "true\nconsent.marketing false\n"
                "consent.phone false\nconsent_at.contact 2026-03-05T00:00:00Z\nconsent_at.marketing 2026-03-05T00:00:00Z\nconsent_at.phone "
                "2026-03-05T00:00:00Z\n");
        expect("json", "{\"id\":\"1\",\"email\":\"m@k.example\",\"emailOptOut\":\"0\",\"consent\":\"I agree to the terms\"}",
                "type lead.submitted\nid 1\ntime arrival\nperson.email \"m@k.example\"\nanswers.consent \"I agree to the terms\"\n");
}

static void flat__mixed_with_sections__is_read_as_both(void **state) {
        (void) state;
        expect("json",
                "{\"id\":\"1\",\"person\":{\"email\":\"m@k.example\"},\"company\":\"Keller\",\"utm_source\":\"x\",\"answers\":{\"q\":\"a\"}"
                "}",
                "type lead.submitted\nid 1\ntime arrival\nperson.email \"m@k.example\"\ncompany.name \"Keller\"\nattribution.source "
                "\"x\"\nanswers.q \"a\"\n");
}

static void flat__bad_records__are_refused(void **state) {
        (void) state;
        expect("json", "{\"name\":\"M\"}", "refused no_identity person\n");
        expect("json", "{}", "refused no_identity person\n");
        expect("json", "{\"email\":\"m at k\"}", "refused bad_email person.email\n");
        expect("json", "{\"email\":\"m@k.example\",\"type\":\"outcome.accept\"}", "refused not_allowed type\n");
        expect("json", "{\"email\":\"m@k.example\",\"type\":\"timer.sla\"}", "refused not_allowed type\n");
}

/* ---- forms ---- */

static void form__pairs__are_decoded_joined_and_kept(void **state) {
        (void) state;
        expect("form",
                "id=1&first_name=J%C3%BCrgen&email=j%2Bx%40k.example&interest%5B%5D=a&interest[]=b&empty=&novalue&message=two%0D%0Alines+"
                "here&=&q=1=2\r\n",
                "type lead.submitted\nid 1\ntime arrival\nperson.email \"j+x@k.example\"\nperson.given_name \"J\xc3\xbcrgen\"\n"
                "interest.message \"two\r\nlines here\"\nanswers.interest \"a, b\"\nanswers.q \"1=2\"\n");
        expect("form", "email=a%40k.example&id=%zz", "refused form_syntax -\n");
        expect("form", "email=a%40k.example&id=%f", "refused form_syntax -\n");
        expect("form", "email=a%40k.example&x=%00", "refused nul -\n");
        expect("form", "email=a%40k.example&x=%FF", "refused utf8 -\n");
        expect("form", "", "refused empty -\n");
        expect("form", "\n", "refused empty -\n");
}

static void form__refused__shows_its_pairs_as_an_object(void **state) {
        (void) state;
        IntakeBatch *batch = parse("form", "name=M&note=a%22b");
        assert_string_equal(batch->items[0].refusal->raw, "{\"name\":\"M\",\"note\":\"a\\\"b\"}");
        intake_batch_free(batch);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(columns__each_name__is_folded_unique_and_of_a_known_target),
                cmocka_unit_test(columns__spellings__mean_the_same),
                cmocka_unit_test(flat__attribution__source_gives_way_to_utm_source),
                cmocka_unit_test(flat__nothing__is_thrown_away),
                cmocka_unit_test(flat__event_columns__are_type_time_and_id),
                cmocka_unit_test(flat__consent_columns__say_yes_or_no_and_opting_in_is_never_guessed),
                cmocka_unit_test(flat__mixed_with_sections__is_read_as_both),
                cmocka_unit_test(flat__bad_records__are_refused),
                cmocka_unit_test(form__pairs__are_decoded_joined_and_kept),
                cmocka_unit_test(form__refused__shows_its_pairs_as_an_object),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
