/* SPDX-License-Identifier: MIT */
/* Adapters: where a path leads in a vendor's payload, which adapter is chosen, what is blanked, and when a secret is right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "../../daemon/intake/adapter.h"

static void json_freep(json_t **json) { json_decref(*json); }

static json_t *parse(const char *text) {
        json_error_t error;
        json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
        if (!json)
                fail_msg("the test's own JSON at %d: %s", error.position, text);
        return json;
}

static char *print(const json_t *json) { return json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY); }

/* ---- paths ---- */

static void place_find_given__table__leads_there(void **state) {
        (void) state;
        static const char payload[] = "{\"a\":{\"b\":{\"c\":1}},\"a.b\":{\"d\":2},\"1.3\":\"input\",\"list\":[{\"x\":3},[4,5],\"six\"],"
                                      "\"a|b\":\"bar\",\"null\":null,\"blank\":\" \\t\",\"none\":[],\"nothing\":[null,\"\"],\"no\":{},"
                                      "\"select\":\"Select\",\"zero\":0,\"false\":false,\"dots\":{\"x.y.z\":7},\"\":8,\"end\":{\"\":9}}";
        static const struct {
                const char *path;
                const char *want; /* NULL: nothing there */
        } cases[] = {
                { "a.b.c", "1" },
                { "a.b.d", "2" },
                { "a.b.e", NULL },
                { "1.3", "\"input\"" },
                { "list.0.x", "3" },
                { "list.1.1", "5" },
                { "list.2", "\"six\"" },
                { "list.3", NULL },
                { "list.x", NULL },
                { "list.-1", NULL },
                { "list.0x", NULL },
                { "list.", NULL },
                { "list.99999999999999999999999999999", NULL },
                { "list.2.x", NULL },
                { "a|b", "\"bar\"" },
                { "absent|zero", "0" },
                { "blank|null|none|nothing|no|select|false|zero", "false" },
                { "absent|", NULL },
                { "null", NULL },
                { "blank", NULL },
                { "none", NULL },
                { "nothing", NULL },
                { "no", NULL },
                { "select", NULL },
                { "zero", "0" },
                { "dots.x.y.z", "7" },
                { "...", NULL },
                { ".", NULL },
        };
        _cleanup_(json_freep) json_t *root = parse(payload);
        static const char *const empty[] = { "n/a", "SELECT" };
        const Adapter adapter = { .name = "test", .empty = empty, .n_empty = ARRAY_SIZE(empty) };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Place place;
                bool found = place_find_given(&adapter, root, cases[i].path, &place);
                _cleanup_(base_freep) char *got = found ? print(place.value) : NULL;
                if (!got != !cases[i].want || (got && !base_streq(got, cases[i].want)))
                        fail_msg("%s: got %s, want %s", cases[i].path, got ? got : "nothing", cases[i].want ? cases[i].want : "nothing");
        }
}

static void place_find__path_full_of_dots__ends(void **state) {
        (void) state;
        /* Every prefix of "a.a.a..." is a key, so that each dot is a choice; without a bound the search would be exponential. */
        _cleanup_(json_freep) json_t *root = json_object();
        for (int depth = 0; depth < INTAKE_DEPTH_MAX; depth++) {
                json_t *outer = json_object();
                char key[64] = "a";
                for (int dots = 0; dots < 6; dots++) {
                        assert_int_equal(json_object_set(outer, key, root), 0);
                        strcat(key, ".a");
                }
                json_decref(root);
                root = outer;
        }
        char path[2 * 30 + 2] = "";
        for (int i = 0; i < 30; i++)
                strcat(path, "a.");
        strcat(path, "b");
        Place place;
        assert_false(place_find(root, path, strlen(path), &place));
}

static void glob_matches__table__is_judged(void **state) {
        (void) state;
        static const struct {
                const char *glob, *text;
                bool want;
        } cases[] = {
                { "", "", true },
                { "", "a", false },
                { "*", "", true },
                { "*", "anything", true },
                { "l:*", "l:1", true },
                { "l:*", "al:1", false },
                { "*@*.example", "a@b.c.example", true },
                { "*@*.example", "a@example", false },
                { "a*b*c", "aXXbXXbc", true },
                { "a*b*c", "aXXbXX", false },
                { "a?", "ab", false },
                { "[ab]", "a", false },
                { "Track", "track", false },
                { "a**b", "ab", true },
                { "*ab", "aab", true },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                if (glob_matches(cases[i].glob, cases[i].text) != cases[i].want)
                        fail_msg("%s on %s: got %d", cases[i].glob, cases[i].text, !cases[i].want);
}

/* ---- which adapter ---- */

static void adapter_find__several_adapters__first_that_matches_wins(void **state) {
        (void) state;
        static const AdapterMatch by_key[] = { { .path = "key" }, { .path = "kind", .equals = "lead*" } };
        static const AdapterMatch by_number[] = { { .path = "version", .equals = "2" } };
        static const AdapterMatch by_bool[] = { { .path = "test", .equals = "true" } };
        static const AdapterMatch by_either[] = { { .path = "x|y", .equals = "1" } };
        static const Adapter adapters[] = {
                { .name = "key", .match = by_key, .n_match = 2 },
                { .name = "csv", .format = "csv", .match = by_number, .n_match = 1 },
                { .name = "number", .match = by_number, .n_match = 1 },
                { .name = "bool", .match = by_bool, .n_match = 1 },
                { .name = "either", .match = by_either, .n_match = 1 },
                { .name = "directory", .source_glob = "meta*" },
        };
        static const struct {
                const char *directory, *format, *payload, *want;
        } cases[] = {
                { "web", "json", "{\"key\":\"\",\"kind\":\"lead.new\"}", "key" }, /* a blanked key is still there */
                { "web", "json", "{\"key\":null,\"kind\":\"lead.new\"}", NULL },
                { "web", "json", "{\"key\":1,\"kind\":\"ping\"}", NULL },
                { "web", "json", "{\"version\":2}", "number" },
                { "web", "csv", "{\"version\":\"2\"}", "csv" },
                { "web", "json", "{\"version\":2.5}", NULL },
                { "web", "json", "{\"version\":[2]}", NULL },
                { "web", "json", "{\"test\":true}", "bool" },
                { "web", "json", "{\"test\":\"true\"}", "bool" },
                { "web", "json", "{\"x\":0,\"y\":1}", "either" },
                { "meta-eu", "json", "{}", "directory" },
                { "a-meta", "json", "{}", NULL },
        };
        IntakeSettings settings = { .adapters = adapters, .n_adapters = ARRAY_SIZE(adapters) };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(json_freep) json_t *payload = parse(cases[i].payload);
                const Adapter *found = adapter_find(&settings, cases[i].directory, cases[i].format, payload);
                const char *got = found ? found->name : "none", *want = cases[i].want ? cases[i].want : "none";
                if (!base_streq(got, want))
                        fail_msg("%s: got %s, want %s", cases[i].payload, got, want);
        }
}

/* ---- what is kept of a refused payload ---- */

static void adapter_raw__table__blanks_what_must_not_be_kept(void **state) {
        (void) state;
        static const char *const drop[] = { "key", "auth.token|auth.password", "headers.0" };
        static const struct {
                const char *each;
                size_t item;
                const char *payload, *want;
        } cases[] = {
                { NULL, SIZE_MAX, "{\"key\":\"s3cret\",\"a\":1}", "{\"a\":1,\"key\":\"\"}" },
                { NULL, SIZE_MAX, "{\"a\":1}", "{\"a\":1}" },
                { NULL, SIZE_MAX, "{\"key\":null}", "{\"key\":null}" },
                { NULL, SIZE_MAX, "{\"key\":{\"deep\":\"s3cret\"}}", "{\"key\":\"\"}" },
                { NULL, SIZE_MAX, "{\"auth\":{\"password\":\"p\",\"token\":\"t\",\"user\":\"u\"}}",
                        "{\"auth\":{\"password\":\"\",\"token\":\"\",\"user\":\"u\"}}" },
                { NULL, SIZE_MAX, "{\"headers\":[\"s3cret\",\"b\"]}", "{\"headers\":[\"\",\"b\"]}" },
                { NULL, SIZE_MAX, "{\"mine\":\"s3cret\"}", "{\"mine\":\"\"}" }, /* the adapter's `secret` */
                { "rows", 1, "{\"key\":\"k\",\"rows\":[{\"a\":1},{\"a\":2,\"key\":\"k\"},{\"a\":3}]}",
                        "{\"key\":\"\",\"rows\":[{\"a\":2,\"key\":\"\"}]}" },
                { "rows", SIZE_MAX, "{\"rows\":[{\"key\":\"k\"},{\"a\":3}]}", "{\"rows\":[{\"key\":\"\"},{\"a\":3}]}" },
                { "in.rows", 0, "{\"in\":{\"rows\":[[1],[2]],\"n\":[7]}}", "{\"in\":{\"n\":[7],\"rows\":[[1]]}}" },
                { "rows", 5, "{\"rows\":[1,2]}", "{\"rows\":[1,2]}" },
                { "rows", 0, "{\"rows\":7}", "{\"rows\":7}" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const Adapter adapter = {
                        .name = "test", .each = cases[i].each, .drop = drop, .n_drop = ARRAY_SIZE(drop), .secret = "mine"
                };
                _cleanup_(json_freep) json_t *payload = parse(cases[i].payload);
                _cleanup_(base_freep) char *before = print(payload);
                _cleanup_(json_freep) json_t *raw = adapter_raw(&adapter, payload, cases[i].item);
                _cleanup_(base_freep) char *got = print(raw), *after = print(payload);
                assert_string_equal(before, after);
                if (!base_streq(got, cases[i].want))
                        fail_msg("%s: got %s, want %s", cases[i].payload, got, cases[i].want);
        }
}

/* ---- the shared key ---- */

static void write_file(const char *path, const char *content) {
        _cleanup_(base_closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, content, strlen(content)), strlen(content));
}

static void secret_check__table__compares_with_the_file(void **state) {
        (void) state;
        char directory[] = "/tmp/leadd-adapter-XXXXXX";
        assert_non_null(mkdtemp(directory));
        _cleanup_(text_free) Text file = { 0 };
        text_printf(&file, "%s/key", directory);
        static const struct {
                const char *content; /* NULL: no file */
                const char *payload;
                bool right;
        } cases[] = {
                { "k3y\n", "{\"auth\":{\"key\":\"k3y\"}}", true },
                { "k3y", "{\"auth\":{\"key\":\"k3y\"}}", true },
                { "k3y\r\n", "{\"auth\":{\"key\":\"k3y\"}}", true },
                { "12345\n", "{\"auth\":{\"key\":12345}}", true },
                { "k3y\n", "{\"auth\":{\"key\":\"k3Y\"}}", false },
                { "k3y\n", "{\"auth\":{\"key\":\"k3\"}}", false },
                { "k3y\n", "{\"auth\":{\"key\":\"k3yy\"}}", false },
                { "k3y\n", "{\"auth\":{\"key\":\"\"}}", false },
                { "k3y\n", "{\"auth\":{\"key\":null}}", false },
                { "k3y\n", "{\"auth\":{\"key\":[\"k3y\"]}}", false },
                { "k3y\n", "{\"auth\":{}}", false },
                { "\n", "{\"auth\":{\"key\":\"\"}}", false }, /* an empty file opens no door */
                { "", "{\"auth\":{\"key\":\"\"}}", false },
                { NULL, "{\"auth\":{\"key\":\"k3y\"}}", false },
        };
        static const IntakeSettings usual = { 0 };
        const Adapter adapter = { .name = "test", .secret = "auth.key", .secret_file = file.data };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                (void) unlink(file.data);
                if (cases[i].content)
                        write_file(file.data, cases[i].content);
                _cleanup_(json_freep) json_t *payload = parse(cases[i].payload);
                const char *text = NULL;
                int r = secret_check(&adapter, &usual, payload, &text);
                if ((r == 0) != cases[i].right)
                        fail_msg("%s against \"%s\": got %d", cases[i].payload, cases[i].content ? cases[i].content : "(none)", r);
                if (text && strstr(text, "k3"))
                        fail_msg("the text says the secret: %s", text);
        }
        _cleanup_(json_freep) json_t *payload = parse("{\"auth\":{\"key\":\"k3y\"}}");
        static const char *const unusable[] = { "../key", "sub/key", "/", "/dev/zero", "no-such-credential" };
        for (size_t i = 0; i < ARRAY_SIZE(unusable); i++) {
                const Adapter other = { .name = "test", .secret = "auth.key", .secret_file = unusable[i] };
                const char *text = NULL;
                if (secret_check(&other, &usual, payload, &text) != 1)
                        fail_msg("%s opened the door", unusable[i]);
        }
        (void) unlink(file.data);
        (void) rmdir(directory);
}

static void secret_check__any_secret__asks_for_one_and_reads_no_file(void **state) {
        (void) state;
        static const struct {
                const char *payload;
                bool right;
        } cases[] = {
                { "{\"auth\":{\"key\":\"whatever\"}}", true },
                { "{\"auth\":{\"key\":12345}}", true },
                { "{\"auth\":{\"key\":\"\"}}", false },
                { "{\"auth\":{\"key\":null}}", false },
                { "{\"auth\":{\"key\":[\"k3y\"]}}", false },
                { "{\"auth\":{}}", false },
        };
        static const IntakeSettings settings = { .any_secret = true };
        const Adapter adapter = { .name = "test", .secret = "auth.key", .secret_file = "/nowhere/key" };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(json_freep) json_t *payload = parse(cases[i].payload);
                const char *text = NULL;
                int r = secret_check(&adapter, &settings, payload, &text);
                if ((r == 0) != cases[i].right)
                        fail_msg("%s: got %d", cases[i].payload, r);
        }
}

int main(void) {
        json_object_seed(0);
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(place_find_given__table__leads_there),
                cmocka_unit_test(place_find__path_full_of_dots__ends),
                cmocka_unit_test(glob_matches__table__is_judged),
                cmocka_unit_test(adapter_find__several_adapters__first_that_matches_wins),
                cmocka_unit_test(adapter_raw__table__blanks_what_must_not_be_kept),
                cmocka_unit_test(secret_check__table__compares_with_the_file),
                cmocka_unit_test(secret_check__any_secret__asks_for_one_and_reads_no_file),
        };
        return cmocka_run_group_tests_name("adapter paths", tests, NULL, NULL);
}
