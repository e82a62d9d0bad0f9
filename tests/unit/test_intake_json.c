/* SPDX-License-Identifier: MIT */
/*
 * Strict JSON: what is taken, what is refused and why, where the sentence says it
 * stands; the same verdicts as jansson's strict mode but for what is stricter here.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../daemon/intake/json.h"
#include "leadd/intake.h"

/* ---- what is taken and what is refused ---- */

#define SIZED(text) text, sizeof(text) - 1
#define DEEP4 "[[[["
#define SHUT4 "]]]]"

static const struct {
        const char *text;
        size_t size;
        const char *reason; /* NULL: taken */
        bool only_ours;     /* jansson takes it */
} cases[] = {
        /* values */
        { SIZED("{}"), NULL, false },
        { SIZED("{\"a\":1}"), NULL, false },
        { SIZED("{\"a\":\"\"}"), NULL, false },
        { SIZED("{\"\":1}"), NULL, false },
        { SIZED("{\"a\":null,\"b\":true,\"c\":false}"), NULL, false },
        { SIZED("{\"a\":[]}"), NULL, false },
        { SIZED("{\"a\":[1,2,3]}"), NULL, false },
        { SIZED("{\"a\":[ ]}"), NULL, false },
        { SIZED("{\"a\":{\"b\":{\"c\":{}}}}"), NULL, false },
        { SIZED("{\"a\":[null,\"x\",{}]}"), NULL, false },
        { SIZED(" {\"a\":1}"), NULL, false },
        { SIZED("{\"a\":1} "), NULL, false },
        { SIZED("\t\r\n{\"a\"\t:\r1\n,\"b\" : 2 }\n"), NULL, false },
        { SIZED("{\"a\":1,\"A\":2}"), NULL, false },
        { SIZED("{\"a\":{\"x\":1},\"b\":{\"x\":1}}"), NULL, false },
        /* numbers */
        { SIZED("{\"a\":0}"), NULL, false },
        { SIZED("{\"a\":-0}"), NULL, false },
        { SIZED("{\"a\":-1}"), NULL, false },
        { SIZED("{\"a\":9223372036854775807}"), NULL, false },
        { SIZED("{\"a\":-9223372036854775808}"), NULL, false },
        { SIZED("{\"a\":0.5}"), NULL, false },
        { SIZED("{\"a\":-0.0}"), NULL, false },
        { SIZED("{\"a\":1e0}"), NULL, false },
        { SIZED("{\"a\":1E+2}"), NULL, false },
        { SIZED("{\"a\":1e-400}"), NULL, false },
        { SIZED("{\"a\":123456789.123456789}"), NULL, false },
        { SIZED("{\"a\":1.7976931348623157e308}"), NULL, false },
        { SIZED("{\"a\":0e1}"), NULL, false },
        { SIZED("{\"a\":0.1e-2}"), NULL, false },
        { SIZED("{\"a\":20e1}"), NULL, false },
        { SIZED("{\"a\":9223372036854775808}"), "json_number", false },
        { SIZED("{\"a\":-9223372036854775809}"), "json_number", false },
        { SIZED("{\"a\":100000000000000000000000}"), "json_number", false },
        { SIZED("{\"a\":1e309}"), "json_number", false },
        { SIZED("{\"a\":-1e999}"), "json_number", false },
        { SIZED("{\"a\":01}"), "json_syntax", false },
        { SIZED("{\"a\":-01}"), "json_syntax", false },
        { SIZED("{\"a\":00}"), "json_syntax", false },
        { SIZED("{\"a\":1.}"), "json_syntax", false },
        { SIZED("{\"a\":.5}"), "json_syntax", false },
        { SIZED("{\"a\":1.e1}"), "json_syntax", false },
        { SIZED("{\"a\":1e}"), "json_syntax", false },
        { SIZED("{\"a\":1e+}"), "json_syntax", false },
        { SIZED("{\"a\":+1}"), "json_syntax", false },
        { SIZED("{\"a\":-}"), "json_syntax", false },
        { SIZED("{\"a\":--1}"), "json_syntax", false },
        { SIZED("{\"a\":0x1}"), "json_syntax", false },
        { SIZED("{\"a\":1_000}"), "json_syntax", false },
        { SIZED("{\"a\":NaN}"), "json_syntax", false },
        { SIZED("{\"a\":Infinity}"), "json_syntax", false },
        { SIZED("{\"a\":-Infinity}"), "json_syntax", false },
        { SIZED("{\"a\":1 2}"), "json_syntax", false },
        { SIZED("{\"a\":\xef\xbc\x91}"), "json_syntax", false },
        /* strings */
        { SIZED("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}"), NULL, false },
        { SIZED("{\"a\":\"\\u0041\"}"), NULL, false },
        { SIZED("{\"a\":\"\\u00e4\\u20AC\"}"), NULL, false },
        { SIZED("{\"a\":\"\\ud83d\\ude00\"}"), NULL, false },
        { SIZED("{\"a\":\"\\uDBFF\\uDFFF\"}"), NULL, false },
        { SIZED("{\"a\":\"\\uFFFF\"}"), NULL, false },
        { SIZED("{\"a\":\"\\uFFFE\"}"), NULL, false },
        { SIZED("{\"a\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"}"), NULL, false },
        { SIZED("{\"\xc3\xa4\":1}"), NULL, false },
        { SIZED("{\"a\":\"\x7f\"}"), NULL, false },
        { SIZED("{\"a\":\"\xe2\x80\xa8\"}"), NULL, false },
        { SIZED("{\"a\":\"\\u0001\"}"), NULL, false },
        { SIZED("{\"a\":\"/\"}"), NULL, false },
        { SIZED("{\"\\u0061\":1}"), NULL, false },
        { SIZED("{\"a\":\"\n\"}"), "json_syntax", false },
        { SIZED("{\"a\":\"\t\"}"), "json_syntax", false },
        { SIZED("{\"a\":\"\x1f\"}"), "json_syntax", false },
        { SIZED("{\"a\":\"\\x41\"}"), "json_syntax", false },
        { SIZED("{\"a\":\"\\'\"}"), "json_syntax", false },
        { SIZED("{\"a\":\"\\a\"}"), "json_syntax", false },
        { SIZED("{\"a\":\"\\u00\"}"), "json_syntax", false },
        { SIZED("{\"a\":\"\\u00g0\"}"), "json_syntax", false },
        { SIZED("{\"a\":\"\\U0041\"}"), "json_syntax", false },
        { SIZED("{\"a\":\"\\"), "json_syntax", false },
        { SIZED("{\"a\":\"\\u004"), "json_syntax", false },
        { SIZED("{\"a\":\"x}"), "json_syntax", false },
        { SIZED("{'a':1}"), "json_syntax", false },
        { SIZED("{\"a\":'x'}"), "json_syntax", false },
        { SIZED("{\"a\":x}"), "json_syntax", false },
        { SIZED("{\"a\":\"\\ud800\"}"), "json_surrogate", false },
        { SIZED("{\"a\":\"\\udc00\"}"), "json_surrogate", false },
        { SIZED("{\"a\":\"\\ud800\\u0041\"}"), "json_surrogate", false },
        { SIZED("{\"a\":\"\\ud800\\ud800\"}"), "json_surrogate", false },
        { SIZED("{\"a\":\"\\ud800\\n\"}"), "json_surrogate", false },
        { SIZED("{\"a\":\"\\ud800x\"}"), "json_surrogate", false },
        { SIZED("{\"\\udead\":1}"), "json_surrogate", false },
        { SIZED("{\"a\":\"\\u0000\"}"), "nul", false },
        { SIZED("{\"\\u0000\":1}"), "nul", false },
        { SIZED("{\"a\\u0000b\":1}"), "nul", false },
        { SIZED("{\"a\":1\0}"), "nul", true },
        { SIZED("{\"a\":[1\0,2]}"), "nul", true },
        { SIZED("{\"a\":\"x\0y\"}"), "nul", false },
        { SIZED("{\"a\":1}\0"), "nul", false },
        { SIZED("\0"), "nul", false },
        /* UTF-8 */
        { SIZED("{\"a\":\"\xff\"}"), "utf8", false },
        { SIZED("{\"a\":\"\xc3\"}"), "utf8", false },
        { SIZED("{\"a\":\"\xe4\"}"), "utf8", false },
        { SIZED("{\"a\":\"\xc0\xaf\"}"), "utf8", false },
        { SIZED("{\"a\":\"\xe0\x80\xaf\"}"), "utf8", false },
        { SIZED("{\"a\":\"\xed\xa0\x80\"}"), "utf8", false },
        { SIZED("{\"a\":\"\xf4\x90\x80\x80\"}"), "utf8", false },
        { SIZED("{\"a\":\"\x80\"}"), "utf8", false },
        { SIZED("{\"\xff\":1}"), "utf8", false },
        { SIZED("\xff\xfe{\0"), "nul", false },
        /* structure */
        { SIZED("{"), "json_syntax", false },
        { SIZED("}"), "json_syntax", false },
        { SIZED("{\"a\""), "json_syntax", false },
        { SIZED("{\"a\":"), "json_syntax", false },
        { SIZED("{\"a\":1"), "json_syntax", false },
        { SIZED("{\"a\":1,"), "json_syntax", false },
        { SIZED("{\"a\":1,}"), "json_syntax", false },
        { SIZED("{,\"a\":1}"), "json_syntax", false },
        { SIZED("{\"a\":1,,\"b\":2}"), "json_syntax", false },
        { SIZED("{\"a\" 1}"), "json_syntax", false },
        { SIZED("{\"a\"::1}"), "json_syntax", false },
        { SIZED("{\"a\":1 \"b\":2}"), "json_syntax", false },
        { SIZED("{\"a\"}"), "json_syntax", false },
        { SIZED("{a:1}"), "json_syntax", false },
        { SIZED("{1:1}"), "json_syntax", false },
        { SIZED("{null:1}"), "json_syntax", false },
        { SIZED("{\"a\":[1,]}"), "json_syntax", false },
        { SIZED("{\"a\":[,1]}"), "json_syntax", false },
        { SIZED("{\"a\":[1 2]}"), "json_syntax", false },
        { SIZED("{\"a\":[1}"), "json_syntax", false },
        { SIZED("{\"a\":[1]"), "json_syntax", false },
        { SIZED("{\"a\":1]"), "json_syntax", false },
        { SIZED("{\"a\":tru}"), "json_syntax", false },
        { SIZED("{\"a\":True}"), "json_syntax", false },
        { SIZED("{\"a\":nul}"), "json_syntax", false },
        { SIZED("{\"a\":truefalse}"), "json_syntax", false },
        { SIZED("{\"a\":1} x"), "json_syntax", false },
        { SIZED("{\"a\":1}{\"a\":1}"), "json_syntax", false },
        { SIZED("{\"a\":1},"), "json_syntax", false },
        { SIZED("{\"a\":1}]"), "json_syntax", false },
        { SIZED("{\"a\":1/**/}"), "json_syntax", false },
        { SIZED("{\"a\":1} // c"), "json_syntax", false },
        { SIZED("{\"a\":1}#"), "json_syntax", false },
        { SIZED("{\"a\":\xc2\xa0"
                "1}"),
                "json_syntax", false },
        { SIZED("{\"a\":\v1}"), "json_syntax", false },
        { SIZED("\xef\xbb\xbf{}"), "json_syntax", false }, /* a file's mark is taken off before; a line has none */
        { SIZED(""), "json_syntax", false },
        { SIZED(" "), "json_syntax", false },
        { SIZED("{\"a\":1,\"a\":2}"), "json_duplicate_key", false },
        { SIZED("{\"a\":{\"b\":1,\"b\":1}}"), "json_duplicate_key", false },
        { SIZED("{\"a\":1,\"\\u0061\":2}"), "json_duplicate_key", false },
        { SIZED("{\"\":1,\"\":1}"), "json_duplicate_key", false },
        { SIZED("[]"), "not_an_object", false },
        { SIZED("[{\"a\":1}]"), "not_an_object", false },
        { SIZED("1"), "not_an_object", false },
        { SIZED("\"x\""), "not_an_object", false },
        { SIZED("null"), "not_an_object", false },
        { SIZED("true"), "not_an_object", false },
        /* depth: the object is the first of 16 levels */
        { SIZED("{\"a\":" DEEP4 DEEP4 DEEP4 "[[["
                "]]]" SHUT4 SHUT4 SHUT4 "}"),
                NULL, false },
        { SIZED("{\"a\":" DEEP4 DEEP4 DEEP4 DEEP4 SHUT4 SHUT4 SHUT4 SHUT4 "}"), "too_deep", true },
        { SIZED("{\"a\":" DEEP4 DEEP4 DEEP4 DEEP4 DEEP4), "too_deep", false },
        { SIZED("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[\"}"), NULL, false },
        { SIZED("{\"a\":[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]}"), NULL, false },
};

static void strict_json__table__is_taken_or_refused_as_it_should(void **state) {
        (void) state;
        size_t n_wrong = 0;
        assert_true(ARRAY_SIZE(cases) >= 120);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                /* Exactly as many bytes as there are, so that a sanitizer sees each byte too far. */
                _cleanup_(base_freep) char *exact = malloc(cases[i].size ? cases[i].size : 1);
                memcpy(exact, cases[i].text, cases[i].size);
                json_t *value = NULL;
                const char *reason = NULL;
                char text[JSON_TEXT_SIZE] = "";
                int r = json_read(exact, cases[i].size, 1, 0, &value, &reason, text);
                const char *got = r == 0 ? NULL : reason;
                if ((got == NULL) != (cases[i].reason == NULL) || (got && strcmp(got, cases[i].reason) != 0)) {
                        print_error("case %zu %s: got %s (%s), want %s\n", i, cases[i].text, got ? got : "taken", text,
                                cases[i].reason ? cases[i].reason : "taken");
                        n_wrong++;
                }
                json_error_t error;
                json_t *theirs = json_loadb(exact, cases[i].size, JSON_REJECT_DUPLICATES, &error);
                bool is_taken_there = json_is_object(theirs);
                if (is_taken_there != (cases[i].reason == NULL || cases[i].only_ours)) {
                        print_error("case %zu %s: jansson %s\n", i, cases[i].text, is_taken_there ? "takes it" : error.text);
                        n_wrong++;
                }
                if (value && !json_equal(value, theirs)) {
                        print_error("case %zu %s: means something else than with jansson\n", i, cases[i].text);
                        n_wrong++;
                }
                json_decref(value);
                json_decref(theirs);
        }
        assert_int_equal(n_wrong, 0);
}

static void strict_json__numbers__are_as_exact_as_strtod(void **state) {
        (void) state;
        static const char *const numbers[] = { "0.1", "0.3", "1.1", "123.456", "1e22", "1e23", "9007199254740993.0", "0.000001",
                "3.141592653589793", "2.2250738585072014e-308", "5e-324", "1.0000000000000002", "999999999999999.9", "0.30000000000000004",
                "-12.5", "123456789012345.6" };
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                char text[128], why[JSON_TEXT_SIZE];
                const char *reason;
                json_t *value = NULL;
                (void) snprintf(text, sizeof text, "{\"a\":%s}", numbers[i]);
                assert_int_equal(json_read(text, strlen(text), 0, 0, &value, &reason, why), 0);
                double got = json_number_value(json_object_get(value, "a")), want = strtod(numbers[i], NULL);
                if (got != want)
                        fail_msg("%s: got %.17g, want %.17g", numbers[i], got, want);
                json_decref(value);
        }
}

/* ---- what refusals say ---- */

static void refusal__sentence__names_the_place_and_not_the_data(void **state) {
        (void) state;
        static const struct {
                const char *text;
                uint64_t line, offset;
                const char *want;
        } places[] = {
                { "{\"secret\":tru}", 7, 100, "line 7, column 11 (byte 110): not JSON" },
                { "{\n \"secret\": 1,\n \"secret\": 2}", 1, 0, "line 3, column 2 (byte 17): a key occurs twice in one object" },
                { "{\"a\":\"secret", 0, 5, "byte 17: the text ends inside a string" },
                { "{\"a\":\"s\xff\"}", 1, 0, "line 1, column 8 (byte 7): not UTF-8" },
                { "{\"a\":1} secret", 2, 20, "line 2, column 9 (byte 28): there is text behind the value" },
                { "  [\"secret\"]", 1, 0, "line 1, column 3 (byte 2): a record is a JSON object" },
                { "{\"a\":12345678901234567890}", 1, 0,
                        "line 1, column 6 (byte 5): a number is beyond what a 64-bit integer holds (ids that large are texts)" },
                { "{\"a\":\"\\ud800\"}", 1, 0, "line 1, column 8 (byte 7): half of a surrogate pair" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                json_t *value = NULL;
                const char *reason;
                char text[JSON_TEXT_SIZE];
                assert_int_equal(json_read(places[i].text, strlen(places[i].text), places[i].line, places[i].offset, &value, &reason, text),
                        JSON_E_REFUSED);
                assert_string_equal(text, places[i].want);
        }
}

static void refusal__bad_lines_of_ndjson__leave_the_good_ones(void **state) {
        (void) state;
        static const char lines[] = "{\"email\":\"a@x.example\"}\n"
                                    "\n"
                                    "{\"email\":\"b@x.example\",}\n"
                                    "{\"email\":\"c@x.example\"}\r\n"
                                    "[1]\n"
                                    "  {\"email\":\"d\xff@x.example\"}\n"
                                    "{\"email\":\"e@x.example\"}";
        static const struct {
                const char *id_or_reason, *text;
        } want[] = {
                { "a@x.example", NULL },
                { "json_syntax", "line 3, column 24 (byte 48): not JSON" },
                { "c@x.example", NULL },
                { "not_an_object", "line 5, column 1 (byte 75): a record is a JSON object" },
                { "utf8", "line 6, column 12 (byte 92): not UTF-8" },
                { "e@x.example", NULL },
        };
        Intake *intake = NULL;
        IntakeBatch *batch = NULL;
        assert_int_equal(intake_new(&(IntakeSettings){ 0 }, &intake), 0);
        assert_int_equal(intake_parse(intake, "forms", "ndjson", lines, sizeof lines - 1, 0, &batch), 0);
        assert_int_equal(batch->n_items, ARRAY_SIZE(want));
        for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
                const IntakeItem *item = &batch->items[i];
                assert_int_equal(item->index, i + 1);
                if (!want[i].text) {
                        assert_non_null(item->record);
                        assert_string_equal(facts_text(&item->record->facts, FIELD_PERSON_EMAIL), want[i].id_or_reason);
                        continue;
                }
                assert_non_null(item->refusal);
                assert_string_equal(item->refusal->reason, want[i].id_or_reason);
                assert_string_equal(item->refusal->text, want[i].text);
        }
        assert_string_equal(batch->items[1].refusal->raw, "{\"email\":\"b@x.example\",}");
        assert_string_equal(batch->items[4].refusal->raw, "{\"email\":\"d\\xFF@x.example\"}");
        assert_true(batch->end);
        assert_int_equal(batch->next_index, 7);
        intake_batch_free(batch);
        intake_free(intake);
}

/* ---- arrays and single objects ---- */

static void array__split_while_streaming__refuses_bad_elements_only(void **state) {
        (void) state;
        static const struct {
                const char *text;
                size_t n_records;
                const char *last; /* reason of the last item, NULL: a record */
                const char *sentence;
        } arrays[] = {
                { "[]", 0, NULL, NULL },
                { " [ ] ", 0, NULL, NULL },
                { "[{\"email\":\"a@x.example\"}]", 1, NULL, NULL },
                { "\xef\xbb\xbf[{\"email\":\"a@x.example\"}]", 1, NULL, NULL },
                { "[ {\"email\":\"a@x.example\"} ,\n{\"email\":\"b@x.example\",\"s\":\"]}\\\"[\"} ]\n", 2, NULL, NULL },
                { "[{\"email\":\"a@x.example\"},7]", 1, "not_an_object", "byte 25: a record is a JSON object" },
                { "[{\"email\":\"a@x.example\"},\"x\"]", 1, "not_an_object", "byte 25: a record is a JSON object" },
                { "[{\"email\":\"a@x.example\"},{\"b\":tru}]", 1, "json_syntax", "byte 30: not JSON" },
                { "[{\"email\":\"a@x.example\"},{\"b\":1]]", 1, "json_syntax", "byte 31: not JSON" },
                { "[{\"email\":\"a@x.example\"}", 1, "truncated", "the file ends before the array does" },
                { "[{\"email\":\"a@x.example\"},", 1, "truncated", "the file ends before the array does" },
                { "[{\"email\":\"a@x.example\"},{\"b\"", 1, "truncated", "the file ends before the array does" },
                { "[{\"email\":\"a@x.example\"},]", 1, "json_syntax", "an element is missing in the array" },
                { "[,{\"email\":\"a@x.example\"}]", 0, "json_syntax", "an element is missing in the array" },
                { "[{\"email\":\"a@x.example\"}{\"email\":\"b@x.example\"}]", 1, "json_syntax",
                        "two elements of the array have no comma between them" },
                { "[{\"email\":\"a@x.example\"}] x", 1, "json_syntax", "there is text behind the array" },
                { "{\"email\":\"a@x.example\"}\n", 1, NULL, NULL },
                { "{\"email\":\"a@x.example\"}\n{\"email\":\"b@x.example\"}\n", 0, "json_syntax",
                        "byte 24: there is text behind the value" },
                { "", 0, "empty", "the file holds no JSON value" },
                { " \n", 0, "empty", "the file holds no JSON value" },
                { "7", 0, "not_an_object", "byte 0: a record is a JSON object" },
        };
        Intake *intake = NULL;
        assert_int_equal(intake_new(&(IntakeSettings){ 0 }, &intake), 0);
        for (size_t i = 0; i < ARRAY_SIZE(arrays); i++) {
                IntakeBatch *batch = NULL;
                size_t n_records = 0;
                assert_int_equal(intake_parse(intake, "forms", "json", arrays[i].text, strlen(arrays[i].text), 0, &batch), 0);
                for (size_t j = 0; j < batch->n_items; j++)
                        n_records += batch->items[j].record != NULL;
                const Refusal *last = batch->n_items ? batch->items[batch->n_items - 1].refusal : NULL;
                if (n_records != arrays[i].n_records || (last != NULL) != (arrays[i].last != NULL) ||
                        (last && strcmp(last->reason, arrays[i].last) != 0) || (last && strcmp(last->text, arrays[i].sentence) != 0))
                        fail_msg("case %zu %s: got %zu records, then %s (%s); want %zu, then %s (%s)", i, arrays[i].text, n_records,
                                last ? last->reason : "the end", last ? last->text : "", arrays[i].n_records,
                                arrays[i].last ? arrays[i].last : "the end", arrays[i].sentence ? arrays[i].sentence : "");
                intake_batch_free(batch);
        }
        intake_free(intake);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(strict_json__table__is_taken_or_refused_as_it_should),
                cmocka_unit_test(strict_json__numbers__are_as_exact_as_strtod),
                cmocka_unit_test(refusal__sentence__names_the_place_and_not_the_data),
                cmocka_unit_test(refusal__bad_lines_of_ndjson__leave_the_good_ones),
                cmocka_unit_test(array__split_while_streaming__refuses_bad_elements_only),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
