/* SPDX-License-Identifier: MIT */
/*
 * rules/adapters/README.md is true: its worked example gives the record it says, and an adapter that uses every field of the reference
 * does with a payload what the reference says. From Lua to facts. Runs in the project's top folder, as `make` does.
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

static void batch_freep(IntakeBatch **batch) { intake_batch_free(*batch); }

static void write_file(const char *directory, const char *name, const char *data, size_t size) {
        _cleanup_(text_free) Text path = { 0 };
        text_printf(&path, "%s/%s", directory, name);
        FILE *file = fopen(path.data, "we");
        assert_non_null(file);
        assert_int_equal(fwrite(data, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
}

static void remove_file(const char *directory, const char *name) {
        _cleanup_(text_free) Text path = { 0 };
        text_printf(&path, "%s/%s", directory, name);
        (void) unlink(path.data);
}

static void expect(const char *lua, size_t lua_size, const char *spool_directory, const char *format, const char *payload,
        size_t payload_size, const char *want) {
        char directory[] = "/tmp/leadd-adapter-XXXXXX";
        static const uint8_t secret[DIGEST_SIZE] = { 1 };
        assert_non_null(mkdtemp(directory));
        write_file(directory, "rules.lua", lua, lua_size);
        _cleanup_(policy_freep) RuleSet *rules = NULL;
        PolicyReport report = { 0 };
        _cleanup_(text_free) Text problems = { 0 };
        int r = policy_load(directory, POLICY_LOAD_CALENDARS, &rules, &report);
        assert_int_equal(policy_report_format(&report, &problems), 0);
        policy_report_done(&report);
        remove_file(directory, "rules.lua");
        assert_int_equal(rmdir(directory), 0);
        if (r != 0 || problems.size > 0)
                fail_msg("loading gave %d:\n%s", r, problems.data);
        assert_int_equal(rules->n_adapters, 1);
        const IntakeSettings settings = {
                .adapters = &rules->adapters[0].adapter, .n_adapters = 1, .phone_region = "DE", .secret = secret
        };
        _cleanup_(intake_freep) Intake *intake = NULL;
        _cleanup_(batch_freep) IntakeBatch *batch = NULL;
        assert_int_equal(intake_new(&settings, &intake), 0);
        assert_int_equal(intake_parse(intake, spool_directory, format, payload, payload_size, NOW_US, &batch), 0);
        _cleanup_(base_freep) char *got = describe_batch(batch);
        if (!base_streq(got, want))
                fail_msg("%.*s\n--- got\n%s--- want\n%s", (int) payload_size, payload, got, want);
}

/* The first block of that language in the reference. */
static const char *find_block(const char *text, const char *language, size_t *ret_size) {
        _cleanup_(text_free) Text opening = { 0 };
        text_printf(&opening, "\n```%s\n", language);
        const char *start = strstr(text, opening.data);
        if (!start)
                fail_msg("the reference has no %s block", language);
        start += opening.size;
        const char *end = strstr(start, "\n```");
        assert_non_null(end);
        *ret_size = (size_t) (end - start);
        return start;
}

static void reference__worked_example__gives_the_record_it_says(void **state) {
        (void) state;
        char text[32768];
        FILE *file = fopen("rules/adapters/README.md", "re");
        assert_non_null(file);
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        (void) fclose(file);
        size_t lua_size, payload_size;
        const char *lua = find_block(text, "lua", &lua_size), *payload = find_block(text, "json", &payload_size);
        expect(lua, lua_size, "acme-forms", "json", payload, payload_size,
                "type lead.submitted\n"
                "id S-1001\n"
                "time 2026-03-05T14:22:31Z\n"
                "person.email \"maria@keller.example\"\n"
                "company.name \"Keller GmbH\"\n"
                "attribution.channel \"website\"\n"
                "attribution.page_url \"https://www.example.com/demo\"\n"
                "answers.Colour \"green\"\n"
                "answers.trucks \"51-200\"\n"
                "consent.contact true\n"
                "consent_at.contact 2026-03-05T14:22:31Z\n"
                "test false\n");
}

static void reference__every_field__does_what_it_says(void **state) {
        (void) state;
        static const char lua[] =
                "adapter \"all\" {\n"
                "  match = { \"batch\", kind = \"lead*\" }, source = \"acme*\", format = \"json\", each = \"batch\",\n"
                "  id = { \"form\", \"n|nr\" },\n"
                "  type_from = { \"what\", new = \"lead.submitted\", [\"change\"] = \"lead.updated\", [\"*\"] = \"drop\" },\n"
                "  time = { \"at\", form = \"local\", zone = \"America/New_York\" },\n"
                "  drop = { \"token\" }, empty = { \"Select\" },\n"
                "  map = { [\"mail\"] = \"person.email\", [\"tel\"] = { \"person.phone_number\", strip = \"p:\" },\n"
                "          [\"1.3\"] = \"person.given_name\", [\"urn\"] = { \"attribution.ad_id\", as = \"last_urn\" },\n"
                "          [\"box\"] = { \"consent.contact\", values = { [\"1\"] = true, [\"\"] = false } },\n"
                "          [\"junk\"] = \"skip\" },\n"
                "  pairs = { { list = \"q\", where = { kind = \"company\" }, name = \"k\", value = \"v\",\n"
                "              map = { name = \"company.name\" } },\n"
                "            { list = \"q\", name = \"k\", value = { \"text\", \"choice.label\" }, rest = \"answers.q\" } },\n"
                "  set = { [\"attribution.channel\"] = \"website\", [\"interest.quantity\"] = 3, test = true },\n"
                "  rest = { [\"hidden\"] = \"answers.hidden\" },\n"
                "}\n";
        static const char payload[] =
                "{\"kind\":\"leads\",\"batch\":["
                "{\"form\":\"F\",\"nr\":7,\"what\":\"new\",\"at\":\"2026-03-05 09:22:31\",\"token\":\"s3cret\",\"mail\":\"a@b.example\","
                "\"tel\":\"p:030 5550 1042\",\"1.3\":\"Maria\",\"urn\":\"urn:x:y:198\",\"box\":\"\",\"junk\":1,\"other\":2,"
                "\"q\":[{\"k\":\"name\",\"v\":\"Keller\",\"kind\":\"company\"},{\"k\":\"size\",\"choice\":{\"label\":\"50\"}},"
                "{\"k\":\"country\",\"text\":\"select\"}],\"hidden\":{\"utm\":\"x\",\"token\":{\"n\":1}}},"
                "{\"form\":\"F\",\"n\":8,\"what\":\"change\",\"mail\":\"a@b.example\"},"
                "{\"form\":\"F\",\"n\":9,\"what\":\"ping\"}]}";
        expect(lua, strlen(lua), "acme-eu", "json", payload, strlen(payload),
                "type lead.submitted\n"
                "id F:7\n"
                "time 2026-03-05T14:22:31Z\n"
                "person.email \"a@b.example\"\n"
                "person.phone_number \"+493055501042\"\n"
                "person.given_name \"Maria\"\n"
                "company.name \"Keller\"\n"
                "attribution.channel \"website\"\n"
                "attribution.ad_id \"198\"\n"
                "interest.quantity 3\n"
                "answers.hidden.token.n 1\n"
                "answers.hidden.utm \"x\"\n"
                "answers.q.size \"50\"\n"
                "consent.contact false\n"
                "consent_at.contact 2026-03-05T14:22:31Z\n"
                "test true\n"
                "--\n"
                "type lead.updated\n"
                "id F:8\n"
                "time arrival\n"
                "person.email \"a@b.example\"\n"
                "attribution.channel \"website\"\n"
                "interest.quantity 3\n"
                "test true\n"
                "--\n"
                "dropped\n");
        /* Another spool directory: not this adapter's. As a flat record it has nobody in it. */
        static const char elsewhere[] = "{\"kind\":\"leads\",\"batch\":[]}";
        expect(lua, strlen(lua), "other", "json", elsewhere, strlen(elsewhere), "refused no_identity person\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reference__worked_example__gives_the_record_it_says),
                cmocka_unit_test(reference__every_field__does_what_it_says),
        };
        return cmocka_run_group_tests_name("adapter reference", tests, NULL, NULL);
}
