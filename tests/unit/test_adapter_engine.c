/* SPDX-License-Identifier: MIT */
/* The adapter engine, feature by feature: adapters are written here in C, as the loader would build them, and go through intake_parse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>

#include "../support/describe.h"
#include "leadd/intake.h"

#define NOW_US INT64_C(1772800000000000) /* 2026-03-06T12:26:40Z */

static void batch_freep(IntakeBatch **batch) { intake_batch_free(*batch); }

static IntakeBatch *read_with(const Adapter *adapter, const char *format, const char *payload) {
        static const uint8_t secret[DIGEST_SIZE] = { 1 };
        const IntakeSettings settings = { .adapters = adapter, .n_adapters = adapter ? 1 : 0, .phone_region = "DE", .secret = secret };
        _cleanup_(intake_freep) Intake *intake = NULL;
        IntakeBatch *batch = NULL;
        assert_int_equal(intake_new(&settings, &intake), 0);
        int r = intake_parse(intake, "web", format, payload, strlen(payload), NOW_US, &batch);
        if (r != 0)
                fail_msg("intake_parse gave %d for %s", r, payload);
        return batch;
}

static void expect(const Adapter *adapter, const char *format, const char *payload, const char *want) {
        _cleanup_(batch_freep) IntakeBatch *batch = read_with(adapter, format, payload);
        _cleanup_(base_freep) char *got = describe_batch(batch);
        if (!base_streq(got, want))
                fail_msg("adapter \"%s\" on %s\n--- got\n%s--- want\n%s", adapter->name, payload, got, want);
}

typedef struct Case {
        const char *payload, *want;
} Case;

static void expect_all(const Adapter *adapter, const Case *cases, size_t n_cases) {
        for (size_t i = 0; i < n_cases; i++)
                expect(adapter, "json", cases[i].payload, cases[i].want);
}

/* What intake adds to a consent that says no time of its own: the record's. */
#define AT(purpose) "consent_at." purpose " 2026-03-06T12:26:40Z\n"
#define IS_EMAIL(target_of_mail) \
        { .from = "mail", .target = (target_of_mail) }
static const AdapterMatch has_mail[] = { { .path = "mail" } };

/* ---- id, time, type ---- */

static void id__one_path_or_several__is_kept_exactly(void **state) {
        (void) state;
        static const AdapterMap map[] = { IS_EMAIL("person.email") };
        static const char *const one[] = { "id" }, *const two[] = { "kind", "n|id" };
        const Adapter single = { .name = "one", .match = has_mail, .n_match = 1, .map = map, .n_map = 1, .id = one, .n_id = 1 };
        const Adapter joined = { .name = "two", .match = has_mail, .n_match = 1, .map = map, .n_map = 1, .id = two, .n_id = 2 };
        static const Case of_one[] = {
                { "{\"mail\":\"a@b.example\",\"id\":9007199254740993}",
                        "type lead.submitted\nid 9007199254740993\ntime arrival\nperson.email \"a@b.example\"\n" },
                { "{\"mail\":\"a@b.example\",\"id\":\"\"}",
                        "type lead.submitted\nid derived\ntime arrival\nperson.email \"a@b.example\"\n" },
                { "{\"mail\":\"a@b.example\",\"id\":{\"x\":1}}",
                        "type lead.submitted\nid derived\ntime arrival\nperson.email \"a@b.example\"\n" },
        };
        static const Case of_two[] = {
                { "{\"mail\":\"a@b.example\",\"kind\":\"open\",\"id\":7}",
                        "type lead.submitted\nid open:7\ntime arrival\nperson.email \"a@b.example\"\n" },
                /* Half an id would make two events one. */
                { "{\"mail\":\"a@b.example\",\"kind\":\"open\"}",
                        "type lead.submitted\nid derived\ntime arrival\nperson.email \"a@b.example\"\n" },
        };
        expect_all(&single, of_one, ARRAY_SIZE(of_one));
        expect_all(&joined, of_two, ARRAY_SIZE(of_two));
}

static void time__each_form__is_read_or_refused(void **state) {
        (void) state;
        static const AdapterMap map[] = { IS_EMAIL("person.email") };
        static const struct {
                AdapterTime form;
                const char *zone, *value, *want;
        } cases[] = {
                { ADAPTER_TIME_AUTO, NULL, "\"2026-03-05T14:22:28+0000\"", "2026-03-05T14:22:28Z" },
                { ADAPTER_TIME_AUTO, NULL, "\"2026-03-05T14:22:28+01:00\"", "2026-03-05T13:22:28Z" },
                { ADAPTER_TIME_AUTO, NULL, "1772720551288", "2026-03-05T14:22:31.288Z" },
                { ADAPTER_TIME_AUTO, NULL, "\"1772720551000\"", "2026-03-05T14:22:31Z" },
                { ADAPTER_TIME_AUTO, NULL, "1772720551", "2026-03-05T14:22:31Z" },
                { ADAPTER_TIME_UNIX_MS, NULL, "\"1772720551000\"", "2026-03-05T14:22:31Z" },
                { ADAPTER_TIME_UNIX, NULL, "1772720551", "2026-03-05T14:22:31Z" },
                { ADAPTER_TIME_LOCAL, "Europe/Berlin", "\"2026-03-05 15:22:31\"", "2026-03-05T14:22:31Z" },
                { ADAPTER_TIME_LOCAL, NULL, "\"2026-03-05 14:22:31\"", "2026-03-05T14:22:31Z" },
                { ADAPTER_TIME_AUTO, NULL, "null", "arrival" },
                { ADAPTER_TIME_AUTO, NULL, "\" \"", "arrival" },
                { ADAPTER_TIME_AUTO, NULL, "\"tomorrow\"", NULL },
                { ADAPTER_TIME_RFC3339, NULL, "1772720551", NULL },
                { ADAPTER_TIME_UNIX_MS, NULL, "\"2026-03-05T14:22:28Z\"", NULL },
                { ADAPTER_TIME_AUTO, NULL, "{\"at\":1}", NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const Adapter adapter = { .name = "time",
                        .match = has_mail,
                        .n_match = 1,
                        .map = map,
                        .n_map = 1,
                        .time = "at",
                        .time_form = cases[i].form,
                        .time_zone = cases[i].zone };
                _cleanup_(text_free) Text payload = { 0 }, want = { 0 };
                text_printf(&payload, "{\"mail\":\"a@b.example\",\"at\":%s}", cases[i].value);
                if (cases[i].want)
                        text_printf(&want, "type lead.submitted\nid derived\ntime %s\nperson.email \"a@b.example\"\n", cases[i].want);
                else
                        text_append(&want, "refused bad_time at\n");
                expect(&adapter, "json", payload.data, want.data);
        }
}

static void type_from__table__picks_refuses_or_drops(void **state) {
        (void) state;
        static const AdapterMap map[] = { IS_EMAIL("person.email"), { .from = "what", .target = "activity.name" } };
        static const AdapterMap types[] = {
                { .from = "identify", .target = "lead.updated" },
                { .from = "page", .target = "activity.page_viewed" },
                { .from = "ping", .target = "drop" },
                { .from = "7", .target = "activity.opened" },
                { .from = "*", .target = "activity.other" },
        };
        Adapter adapter = {
                .name = "types", .match = has_mail, .n_match = 1, .map = map, .n_map = 2, .type_path = "kind", .types = types, .n_types = 4
        };
        static const Case without_other[] = {
                { "{\"mail\":\"a@b.example\",\"kind\":\"identify\"}",
                        "type lead.updated\nid derived\ntime arrival\nperson.email \"a@b.example\"\n" },
                { "{\"mail\":\"a@b.example\",\"kind\":\"Page\",\"what\":\"x\"}",
                        "type activity.page_viewed\nid derived\ntime arrival\nperson.email \"a@b.example\"\nactivity.name \"x\"\n" },
                { "{\"mail\":\"a@b.example\",\"kind\":7,\"what\":\"x\"}",
                        "type activity.opened\nid derived\ntime arrival\nperson.email \"a@b.example\"\nactivity.name \"x\"\n" },
                { "{\"mail\":\"a@b.example\",\"kind\":\"ping\"}", "dropped\n" },
                { "{\"mail\":\"a@b.example\",\"kind\":\"alias\"}", "refused unknown_type kind\n" },
                { "{\"mail\":\"a@b.example\"}", "refused unknown_type kind\n" },
        };
        expect_all(&adapter, without_other, ARRAY_SIZE(without_other));
        adapter.n_types = 5;
        static const Case with_other[] = {
                { "{\"mail\":\"a@b.example\",\"kind\":\"alias\",\"what\":\"x\"}",
                        "type activity.other\nid derived\ntime arrival\nperson.email \"a@b.example\"\nactivity.name \"x\"\n" },
                { "{\"mail\":\"a@b.example\",\"what\":\"x\"}",
                        "type activity.other\nid derived\ntime arrival\nperson.email \"a@b.example\"\nactivity.name \"x\"\n" },
        };
        expect_all(&adapter, with_other, ARRAY_SIZE(with_other));
        const Adapter dropping = { .name = "drop", .match = has_mail, .n_match = 1, .type = "drop" };
        expect(&dropping, "json", "{\"mail\":\"a@b.example\"}", "dropped\n");
}

/* ---- map ---- */

static void map__first_writer__keeps_the_target_and_the_other_goes_to_rest(void **state) {
        (void) state;
        static const AdapterMap map[] = {
                IS_EMAIL("person.email"),
                { .from = "phone|mobile", .target = "person.phone_number" },
                { .from = "staff|size", .target = "company.employees" },
                { .from = "tracking", .target = "skip" },
        };
        static const AdapterRest rest[] = { { .target = "answers" } };
        const Adapter adapter = {
                .name = "map", .match = has_mail, .n_match = 1, .map = map, .n_map = ARRAY_SIZE(map), .rest = rest, .n_rest = 1
        };
        static const Case cases[] = {
                { "{\"mail\":\"a@b.example\",\"phone\":\"+49 30 5550 1042\",\"mobile\":\"+49 151 12345678\"}",
                        "type lead.submitted\nid derived\ntime arrival\nperson.email \"a@b.example\"\nperson.phone_number "
                        "\"+493055501042\"\n"
                        "answers.mobile \"+49 151 12345678\"\n" },
                { "{\"mail\":\"a@b.example\",\"phone\":\"\",\"mobile\":\"030 5550 1042\"}",
                        "type lead.submitted\nid derived\ntime arrival\nperson.email \"a@b.example\"\nperson.phone_number "
                        "\"+493055501042\"\n" },
                { "{\"mail\":\"a@b.example\",\"staff\":\"51-200\",\"size\":180}",
                        "type lead.submitted\nid derived\ntime arrival\nperson.email \"a@b.example\"\ncompany.employees 180\n"
                        "answers.staff \"51-200\"\n" },
                { "{\"mail\":\"a@b.example\",\"staff\":\"180\",\"tracking\":\"xyz\"}",
                        "type lead.submitted\nid derived\ntime arrival\nperson.email \"a@b.example\"\ncompany.employees 180\n" },
        };
        expect_all(&adapter, cases, ARRAY_SIZE(cases));
}

static void map__forms__convert(void **state) {
        (void) state;
        static const AdapterMap map[] = {
                { .from = "campaign", .target = "attribution.campaign_id", .form = ADAPTER_LAST_URN },
                { .from = "country", .target = "answers.land", .form = ADAPTER_COUNTRY },
                { .from = "flag", .target = "answers.flag", .form = ADAPTER_BOOL },
                { .from = "form", .target = "attribution.form_id", .form = ADAPTER_STRIP_PREFIX, .argument = "f:" },
                IS_EMAIL("person.email"),
                { .from = "n", .target = "answers.n", .form = ADAPTER_INTEGER },
                { .from = "source", .target = "attribution.source", .form = ADAPTER_LOWER },
        };
        const Adapter adapter = { .name = "forms", .match = has_mail, .n_match = 1, .map = map, .n_map = ARRAY_SIZE(map) };
        static const Case cases[] = {
                { "{\"mail\":\"a@b.example\",\"campaign\":\"urn:li:sponsoredCampaign:198356826\",\"country\":\"Germany\",\"flag\":\"Yes\","
                  "\"form\":\"f:987650001112223\",\"n\":\"42\",\"source\":\"GOOGLE\"}",
                        "type lead.submitted\nid derived\ntime arrival\nperson.email \"a@b.example\"\nattribution.source \"google\"\n"
                        "attribution.campaign_id \"198356826\"\nattribution.form_id \"987650001112223\"\nanswers.flag true\n"
                        "answers.land \"DE\"\nanswers.n 42\n" },
                { "{\"mail\":\"a@b.example\",\"campaign\":198356826,\"flag\":0,\"form\":987650001112223,\"n\":\"many\"}",
                        "type lead.submitted\nid derived\ntime arrival\nperson.email \"a@b.example\"\nattribution.campaign_id "
                        "\"198356826\"\n"
                        "attribution.form_id \"987650001112223\"\nanswers.flag false\n" },
        };
        expect_all(&adapter, cases, ARRAY_SIZE(cases));
}

static void map__values__are_the_vendors_words_in_ours(void **state) {
        (void) state;
        static const AdapterValue box[] = { { "1", { .type = VALUE_BOOL, .boolean = true } }, { "", { .type = VALUE_BOOL } } };
        static const AdapterValue opt_out[] = { { "1", { .type = VALUE_BOOL, .boolean = false } } };
        static const AdapterValue size[] = { { "0", { .type = VALUE_TEXT, .text = "1-50", .size = 4 } },
                { "1", { .type = VALUE_INTEGER, .integer = 51 } } };
        static const AdapterMap map[] = {
                { .from = "box", .target = "consent.contact", .values = box, .n_values = 2 },
                IS_EMAIL("person.email"),
                { .from = "out", .target = "consent.newsletter", .values = opt_out, .n_values = 1 },
                { .from = "size", .target = "answers.fleet", .values = size, .n_values = 2 },
        };
        static const AdapterRest rest[] = { { .target = "answers" } };
        const Adapter adapter = {
                .name = "values", .match = has_mail, .n_match = 1, .map = map, .n_map = ARRAY_SIZE(map), .rest = rest, .n_rest = 1
        };
#define HEAD "type lead.submitted\nid derived\ntime arrival\nperson.email \"a@b.example\"\n"
        static const Case cases[] = {
                { "{\"mail\":\"a@b.example\",\"box\":\"1\",\"out\":1}",
                        HEAD "consent.contact true\nconsent.newsletter false\n" AT("contact") AT("newsletter") },
                { "{\"mail\":\"a@b.example\",\"box\":\"\",\"out\":0}", HEAD "answers.out 0\nconsent.contact false\n" AT("contact") },
                { "{\"mail\":\"a@b.example\",\"box\":null}", HEAD },
                { "{\"mail\":\"a@b.example\",\"size\":[0]}", HEAD "answers.fleet \"1-50\"\n" },
                { "{\"mail\":\"a@b.example\",\"size\":[1]}", HEAD "answers.fleet 51\n" },
                { "{\"mail\":\"a@b.example\",\"size\":[0,1]}", HEAD "answers.fleet \"1-50, 51\"\n" },
                { "{\"mail\":\"a@b.example\",\"size\":[0,7]}", HEAD "answers.size \"0, 7\"\n" },
                { "{\"mail\":\"a@b.example\",\"size\":[]}", HEAD },
        };
        expect_all(&adapter, cases, ARRAY_SIZE(cases));
}

static void empty__words_for_nothing__count_as_absent(void **state) {
        (void) state;
        static const AdapterMap map[] = { { .from = "Company", .target = "company.name" },
                { .from = "Prospect ID", .target = "person.external_ids.xe" } };
        static const char *const empty[] = { "Select", "n/a" };
        static const AdapterRest rest[] = { { .target = "answers" } };
        static const AdapterMatch match[] = { { .path = "Prospect ID" } };
        const Adapter adapter = { .name = "empty",
                .format = "csv",
                .match = match,
                .n_match = 1,
                .empty = empty,
                .n_empty = 2,
                .map = map,
                .n_map = 2,
                .rest = rest,
                .n_rest = 1 };
        /* No e-mail and no telephone: the vendor's id is the person's key. The last column has no name and nothing in it. */
        expect(&adapter, "csv", "Prospect ID,Company,City,Total Visits,\n7927b2df,SELECT,Mumbai,5,\n2a272436,Acme,select,0,\n",
                "type lead.submitted\nid derived\ntime arrival\nperson.external_ids.xe \"7927b2df\"\nanswers.City \"Mumbai\"\n"
                "answers.Total Visits \"5\"\n--\n"
                "type lead.submitted\nid derived\ntime arrival\nperson.external_ids.xe \"2a272436\"\ncompany.name \"Acme\"\n"
                "answers.Total Visits \"0\"\n");
}

/* ---- pairs ---- */

static void pairs__several_on_one_list__share_its_items(void **state) {
        (void) state;
        static const char *const values[] = { "text", "mail", "choice.label", "flag" };
        static const AdapterMatch company[] = { { .path = "object", .equals = "0-2" } };
        static const AdapterMap of_company[] = { { .from = "name", .target = "company.name" } };
        static const AdapterMap by_name[] = {
                { .from = "Calls?", .target = "consent.contact" },
                { .from = "work|private", .target = "person.email" },
                { .from = "name", .target = "person.name" },
        };
        static const AdapterMap by_type[] = { { .from = "mail", .target = "person.email" } };
        static const AdapterPairs pairs[] = {
                { .list = "f",
                        .where = company,
                        .n_where = 1,
                        .name = "name",
                        .values = values,
                        .n_values = 4,
                        .map = of_company,
                        .n_map = 1 },
                { .list = "f", .name = "name|id", .values = values, .n_values = 4, .map = by_name, .n_map = 3 },
                { .list = "f", .name = "type", .values = values, .n_values = 4, .map = by_type, .n_map = 1 },
                { .list = "f", .name = "name|id", .values = values, .n_values = 4, .rest = "answers" },
        };
        static const AdapterMatch match[] = { { .path = "f" } };
        static const AdapterRest rest[] = { { .target = "answers.more" } };
        const Adapter adapter = {
                .name = "pairs", .match = match, .n_match = 1, .pairs = pairs, .n_pairs = ARRAY_SIZE(pairs), .rest = rest, .n_rest = 1
        };
        static const Case cases[] = {
                { "{\"f\":[{\"name\":\"name\",\"text\":\"Maria\"},{\"object\":\"0-2\",\"name\":\"name\",\"text\":\"Keller GmbH\"},"
                  "{\"name\":\"PRIVATE\",\"text\":\"m@home.example\"},{\"name\":\"Work\",\"text\":\"m@keller.example\"},"
                  "{\"name\":\"calls?\",\"flag\":true},{\"id\":707234246,\"choice\":{\"label\":\"51-200\"}}]}",
                        "type lead.submitted\nid derived\ntime arrival\nperson.email \"m@keller.example\"\nperson.name \"Maria\"\n"
                        "company.name \"Keller GmbH\"\nanswers.707234246 \"51-200\"\nanswers.PRIVATE \"m@home.example\"\nconsent.contact "
                        "true\n" AT("contact") },
                /* By type when no name is known; the first of two. */
                { "{\"f\":[{\"name\":\"q1\",\"type\":\"mail\",\"mail\":\"a@b.example\"},{\"name\":\"q2\",\"type\":\"mail\",\"mail\":\"c@d."
                  "example\"}]}",
                        "type lead.submitted\nid derived\ntime arrival\nperson.email \"a@b.example\"\nanswers.q2 \"c@d.example\"\n" },
                /* The same name twice, lists, an item without a name, an empty one, one that is no object, a name with dots. */
                { "{\"f\":[{\"name\":\"work\",\"text\":\"a@b.example\"},{\"name\":\"use\",\"text\":[\"routing\",\"telematics\"]},"
                  "{\"name\":\"use\",\"text\":\"other\"},{\"text\":\"nameless\"},{\"name\":\"blank\",\"text\":\" \"},7,"
                  "{\"name\":\"v1.2\",\"text\":\"dots\"}],\"extra\":{\"a\":1,\"b\":[{\"c\":2.5},\"d\"]},\"list\":[1,\"x\"],\"none\":null}",
                        "type lead.submitted\nid derived\ntime arrival\nperson.email \"a@b.example\"\nanswers.3 \"nameless\"\n"
                        "answers.more.extra.a 1\nanswers.more.extra.b.0.c 2.5\nanswers.more.extra.b.1 \"d\"\nanswers.more.list \"1, x\"\n"
                        "answers.use \"routing, telematics, other\"\nanswers.v1.2 \"dots\"\n" },
                { "{\"f\":7}", "refused no_identity person\n" },
        };
        expect_all(&adapter, cases, ARRAY_SIZE(cases));
}

/* ---- set, rest, drop ---- */

static void set_and_rest__what_is_left__is_kept_where_it_belongs(void **state) {
        (void) state;
        static const char *const id[] = { "id" }, *const drop[] = { "key", "auth.token" };
        static const AdapterMap map[] = { IS_EMAIL("person.email"), { .from = "ch", .target = "attribution.channel" } };
        static const AdapterSet set[] = {
                { "attribution.channel", { .type = VALUE_TEXT, .text = "website", .size = 7 } },
                { "type", { .type = VALUE_TEXT, .text = "activity.clicked", .size = 16 } },
                { "activity.count", { .type = VALUE_INTEGER, .integer = 1 } },
        };
        static const AdapterRest rest[] = { { .from = "props", .target = "activity.properties" }, { .target = "answers" } };
        const Adapter adapter = { .name = "rest",
                .match = has_mail,
                .n_match = 1,
                .id = id,
                .n_id = 1,
                .drop = drop,
                .n_drop = 2,
                .map = map,
                .n_map = 2,
                .set = set,
                .n_set = 3,
                .rest = rest,
                .n_rest = 2 };
        static const Case cases[] = {
                { "{\"mail\":\"a@b.example\",\"id\":1,\"key\":\"s3cret\",\"auth\":{\"token\":\"t\",\"user\":\"u\"},"
                  "\"props\":{\"a\":true,\"n\":-3,\"deep\":{\"er\":\"x\"}},\"other\":\"o\"}",
                        "type activity.clicked\nid 1\ntime arrival\nperson.email \"a@b.example\"\nattribution.channel \"website\"\n"
                        "answers.auth.user \"u\"\nanswers.other \"o\"\nactivity.count 1\nactivity.properties.a true\n"
                        "activity.properties.deep.er \"x\"\nactivity.properties.n -3\n" },
                { "{\"mail\":\"a@b.example\",\"id\":1,\"ch\":\"fair\"}",
                        "type activity.clicked\nid 1\ntime arrival\nperson.email \"a@b.example\"\nattribution.channel \"fair\"\n"
                        "activity.count 1\n" },
        };
        expect_all(&adapter, cases, ARRAY_SIZE(cases));
}

static void rest__hostile_amounts__are_refused_soon(void **state) {
        (void) state;
        static const char *const values[] = { "v" };
        static const AdapterPairs pairs[] = { { .list = "list", .name = "n", .values = values, .n_values = 1, .rest = "answers" } };
        static const AdapterMap map[] = { IS_EMAIL("person.email") };
        static const AdapterRest rest[] = { { .target = "answers" } };
        const Adapter adapter = { .name = "many",
                .match = has_mail,
                .n_match = 1,
                .map = map,
                .n_map = 1,
                .pairs = pairs,
                .n_pairs = 1,
                .rest = rest,
                .n_rest = 1 };
        _cleanup_(text_free) Text items = { 0 }, keys = { 0 }, nested = { 0 };
        text_append(&items, "{\"mail\":\"a@b.example\",\"list\":[");
        text_append(&keys, "{\"mail\":\"a@b.example\",\"deep\":{");
        for (int i = 0; i < 12000; i++) {
                text_printf(&items, "%s{\"n\":%d,\"v\":1}", i ? "," : "", i);
                text_printf(&keys, "%s\"%d\":1", i ? "," : "", i);
        }
        text_append(&items, "]}");
        text_append(&keys, "}}");
        text_append(&nested, "{\"mail\":\"a@b.example\",\"");
        for (int i = 0; i < 100000; i++)
                text_append_char(&nested, 'k');
        text_append(&nested, "\":{");
        for (int i = 0; i < 10000; i++)
                text_printf(&nested, "%s\"%d\":1", i ? "," : "", i);
        text_append(&nested, "}}");
        const Text *const payloads[] = { &items, &keys, &nested };
        clock_t start = clock();
        for (size_t i = 0; i < ARRAY_SIZE(payloads); i++) {
                _cleanup_(batch_freep) IntakeBatch *batch = read_with(&adapter, "json", payloads[i]->data);
                assert_int_equal(batch->n_items, 1);
                if (!batch->items[0].refusal)
                        fail_msg("payload %zu was not refused", i);
        }
        double seconds = (double) (clock() - start) / CLOCKS_PER_SEC;
        if (seconds > 2)
                fail_msg("refusing took %.1f s", seconds);
}

/* ---- each ---- */

static void each__list_of_records__gives_results_one_by_one(void **state) {
        (void) state;
        static const char *const id[] = { "id" }, *const drop[] = { "key" };
        static const AdapterMap map[] = { IS_EMAIL("person.email") };
        static const AdapterMap types[] = { { .from = "lead", .target = "lead.submitted" }, { .from = "ping", .target = "drop" } };
        static const AdapterMatch match[] = { { .path = "rows" } };
        const Adapter adapter = { .name = "each",
                .match = match,
                .n_match = 1,
                .each = "rows",
                .id = id,
                .n_id = 1,
                .type_path = "kind",
                .types = types,
                .n_types = 2,
                .drop = drop,
                .n_drop = 1,
                .map = map,
                .n_map = 1 };
        static const char payload[] = "{\"key\":\"s3cret\",\"rows\":[{\"id\":1,\"kind\":\"lead\",\"mail\":\"a@b.example\"},"
                                      "{\"id\":2,\"kind\":\"ping\"},{\"id\":3,\"kind\":\"lead\"},7,"
                                      "{\"id\":5,\"kind\":\"lead\",\"mail\":\"c@d.example\"}]}";
        expect(&adapter, "json", payload,
                "type lead.submitted\nid 1\ntime arrival\nperson.email \"a@b.example\"\n--\ndropped\n--\nrefused no_identity person\n--\n"
                "refused not_an_object rows\n--\ntype lead.submitted\nid 5\ntime arrival\nperson.email \"c@d.example\"\n");
        expect(&adapter, "json", "{\"rows\":[]}", "");
        expect(&adapter, "json", "{\"rows\":{\"a\":1}}", "refused no_list rows\n");
        _cleanup_(batch_freep) IntakeBatch *batch = read_with(&adapter, "json", payload);
        const char *raw = batch->items[2].refusal->raw;
        if (strstr(raw, "s3cret") || !strstr(raw, "\"id\":3") || strstr(raw, "\"id\":1"))
                fail_msg("the refused item's raw is %s", raw);
        /* It can be judged again after the adapter was mended. */
        expect(&adapter, "json", raw, "refused no_identity person\n");
}

/* ---- the shared key ---- */

static void secret__wrong_key__refuses_and_shows_nothing(void **state) {
        (void) state;
        char file[] = "/tmp/leadd-adapter-key-XXXXXX";
        _cleanup_(base_closep) int fd = mkstemp(file);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, "k3y\n", 4), 4);
        static const AdapterMap map[] = { IS_EMAIL("person.email") };
        static const AdapterRest rest[] = { { .target = "answers" } };
        const Adapter adapter = { .name = "secret",
                .match = has_mail,
                .n_match = 1,
                .secret = "key",
                .secret_file = file,
                .map = map,
                .n_map = 1,
                .rest = rest,
                .n_rest = 1 };
        expect(&adapter, "json", "{\"mail\":\"a@b.example\",\"key\":\"k3y\"}",
                "type lead.submitted\nid derived\ntime arrival\nperson.email \"a@b.example\"\n");
        static const char wrong[] = "{\"mail\":\"a@b.example\",\"key\":\"gu3ss\"}";
        expect(&adapter, "json", wrong, "refused bad_secret key\n");
        _cleanup_(batch_freep) IntakeBatch *batch = read_with(&adapter, "json", wrong);
        const Refusal *refusal = batch->items[0].refusal;
        if (strstr(refusal->raw, "gu3ss") || strstr(refusal->text, "gu3ss") || strstr(refusal->text, "k3y"))
                fail_msg("the refusal shows the key: %s / %s", refusal->text, refusal->raw);
        (void) unlink(file);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(id__one_path_or_several__is_kept_exactly),
                cmocka_unit_test(time__each_form__is_read_or_refused),
                cmocka_unit_test(type_from__table__picks_refuses_or_drops),
                cmocka_unit_test(map__first_writer__keeps_the_target_and_the_other_goes_to_rest),
                cmocka_unit_test(map__forms__convert),
                cmocka_unit_test(map__values__are_the_vendors_words_in_ours),
                cmocka_unit_test(empty__words_for_nothing__count_as_absent),
                cmocka_unit_test(pairs__several_on_one_list__share_its_items),
                cmocka_unit_test(set_and_rest__what_is_left__is_kept_where_it_belongs),
                cmocka_unit_test(rest__hostile_amounts__are_refused_soon),
                cmocka_unit_test(each__list_of_records__gives_results_one_by_one),
                cmocka_unit_test(secret__wrong_key__refuses_and_shows_nothing),
        };
        return cmocka_run_group_tests_name("adapter engine", tests, NULL, NULL);
}
