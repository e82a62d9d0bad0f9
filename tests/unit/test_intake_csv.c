/* SPDX-License-Identifier: MIT */
/*
 * CSV: what a row is, in a table of small files; delimiters, quotes, line ends, byte
 * order marks and UTF-16; headers that are none; refused rows and what is kept of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../daemon/intake/framer.h"
#include "../support/describe.h"

#define SIZED(text) text, sizeof(text) - 1

/* The rows as "NAME=VALUE|..." a line, a refusal as "!REASON TEXT", an unusable file as "X REASON". */
static char *read_rows(const char *data, size_t size) {
        Stream stream;
        Framer framer = { 0 };
        Text out = { 0 };
        text_append(&out, "");
        assert_int_equal(stream_open(&stream, -1, data, size, COMPRESSION_NONE, true), 0);
        int r = framer_open(&framer, FRAMER_CSV, &stream, 0);
        while (r == 0) {
                Frame frame;
                r = framer_next(&framer, &frame);
                if (r != 0)
                        break;
                if (frame.reason)
                        text_printf(&out, "!%s %s", frame.reason, frame.text);
                else {
                        const char *name;
                        json_t *value;
                        json_object_foreach(frame.payload, name, value) text_printf(&out, "%s=%s|", name, json_string_value(value));
                }
                text_append(&out, "\n");
                json_decref(frame.payload);
        }
        if (r == FRAMER_E_UNUSABLE)
                text_printf(&out, "X %s", framer.reason);
        else
                assert_int_equal(r, FRAMER_E_END);
        framer_close(&framer);
        stream_close(&stream);
        return out.data;
}

static const struct {
        const char *what, *data;
        size_t size;
        const char *want;
} files[] = {
        { "plain", SIZED("a,b\n1,2\n3,4\n"), "a=1|b=2|\na=3|b=4|\n" },
        { "no newline at the end", SIZED("a,b\n1,2"), "a=1|b=2|\n" },
        { "CRLF", SIZED("a,b\r\n1,2\r\n"), "a=1|b=2|\n" },
        { "CR alone", SIZED("a,b\r1,2\r3,4"), "a=1|b=2|\na=3|b=4|\n" },
        { "quoted comma", SIZED("a,b\n\"1,5\",2\n"), "a=1,5|b=2|\n" },
        { "quoted quotes", SIZED("a,b\n\"say \"\"hi\"\"\",2\n"), "a=say \"hi\"|b=2|\n" },
        { "only quotes", SIZED("a,b\n\"\"\"\",2\n"), "a=\"|b=2|\n" },
        { "quoted newline", SIZED("a,b\n\"1\n2\",3\n4,5\n"), "a=1\n2|b=3|\na=4|b=5|\n" },
        { "quoted CRLF", SIZED("a,b\r\n\"1\r\n2\",3\r\n"), "a=1\r\n2|b=3|\n" },
        { "empty fields", SIZED("a,b,c\n,,\n1,\"\",\"\"\n"), "a=|b=|c=|\na=1|b=|c=|\n" },
        { "JSON in a field", SIZED("k,v\n1,\"{\"\"type\"\": \"\"Point\"\", \"\"c\"\": [1.0, 2.0]}\"\n"),
                "k=1|v={\"type\": \"Point\", \"c\": [1.0, 2.0]}|\n" },
        { "quoted header", SIZED("\"a,1\",\"b\"\"2\"\nx,y\n"), "a,1=x|b\"2=y|\n" },
        { "UTF-8", SIZED("a,b\nÄ,\xf0\x9f\x98\x80\n"), "a=Ä|b=\xf0\x9f\x98\x80|\n" },
        { "spaces are part of a field", SIZED("a, b\n 1 , 2 \n"), "a= 1 |b= 2 |\n" },
        { "a quote inside a plain field", SIZED("a,b\n5\" disk,x\"y\"\n"), "a=5\" disk|b=x\"y\"|\n" },
        { "semicolons", SIZED("a;b\n1,5;2\n"), "a=1,5|b=2|\n" },
        { "tabs", SIZED("a\tb\n1,5\t2;3\n"), "a=1,5|b=2;3|\n" },
        { "a comma in a quoted header field", SIZED("\"a,b,c\";d\n1;2\n"), "a,b,c=1|d=2|\n" },
        { "one column", SIZED("email\nx\ny\n"), "email=x|\nemail=y|\n" },
        { "hint for spreadsheets", SIZED("sep=;\r\na;b\r\n1;2\r\n"), "a=1|b=2|\n" },
        { "blank lines", SIZED("\n\na,b\n\n1,2\n  \n3,4\n\n"), "a=1|b=2|\na=3|b=4|\n" },
        { "byte order mark",
                SIZED("\xef\xbb\xbf"
                      "a,b\n1,2\n"),
                "a=1|b=2|\n" },
        { "UTF-16LE",
                SIZED("\xff\xfe"
                      "a\0,\0b\0\n\0\xe4\0,\0\x3d\xd8\x00\xde\n\0"),
                "a=\xc3\xa4|b=\xf0\x9f\x98\x80|\n" },
        { "UTF-16BE",
                SIZED("\xfe\xff\0a\0;\0b\0\n\0"
                      "1\0;\x20\xac\0\n"),
                "a=1|b=\xe2\x82\xac|\n" },
        { "half a pair in UTF-16",
                SIZED("\xff\xfe"
                      "a\0\n\0\x3d\xd8\n\0"
                      "1\0\n\0"),
                "!utf8 the row at line 2 is not UTF-8\na=1|\n" },
        { "half a character in UTF-16",
                SIZED("\xff\xfe"
                      "a\0\n\0"
                      "1\0\n\0"
                      "2"),
                "a=1|\nX truncated" },
        { "nameless column", SIZED("a,b,\n1,2,\n3,4,5\n"), "a=1|b=2|\na=3|b=4|column 3=5|\n" },
        { "a name twice", SIZED("a,a,a 2\n1,2,3\n"), "a=1|a 2=2|a 2 2=3|\n" },
        { "too few fields", SIZED("a,b\n1\n1,2\n"), "!csv_columns the row at line 2 has 1 fields, the header 2\na=1|b=2|\n" },
        { "too many fields", SIZED("a,b\n1,2\n1,2,3\n"), "a=1|b=2|\n!csv_columns the row at line 3 has 3 fields, the header 2\n" },
        { "lines count inside quotes", SIZED("a,b\n\"x\ny\nz\",2\n1\n"),
                "a=x\ny\nz|b=2|\n!csv_columns the row at line 5 has 1 fields, the header 2\n" },
        { "text behind a quote", SIZED("a,b\n\"1\"x,2\n3,4\n"),
                "!csv_quote the row at line 2 has text behind a closing quote\na=3|b=4|\n" },
        { "quote never closed", SIZED("a,b\n1,2\n\"3,4\n5,6\n"), "a=1|b=2|\nX csv_quote" },
        { "not UTF-8", SIZED("a,b\n\xe4,2\n3,4\n"), "!utf8 the row at line 2 is not UTF-8\na=3|b=4|\n" },
        { "NUL",
                SIZED("a,b\n1,\0"
                      "2\n3,4\n"),
                "!nul the row at line 2 holds a NUL character\na=3|b=4|\n" },
        { "header not UTF-8", SIZED("\xe4,b\n1,2\n"), "X utf8" },
        { "header of UTF-16 without a mark", SIZED("a\0,\0b\0\n\0"), "X nul" },
        { "header with text behind a quote", SIZED("\"a\"b,c\n1,2\n"), "X csv_quote" },
        { "header without names", SIZED(",,\n1,2,3\n"), "X csv_header" },
        { "data for a header", SIZED("m@keller.example,Maria\nb@keller.example,Ben\n"), "X csv_header" },
        { "header only", SIZED("a,b\n"), "" },
        { "empty", SIZED(""), "X csv_header" },
        { "blank", SIZED("\n \n"), "X csv_header" },
};

static void csv__table_of_files__gives_these_rows(void **state) {
        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                _cleanup_(base_freep) char *exact = malloc(files[i].size ? files[i].size : 1);
                memcpy(exact, files[i].data, files[i].size);
                char *got = read_rows(exact, files[i].size);
                if (strcmp(got, files[i].want) != 0)
                        fail_msg("%s\ngot:\n%s\nwant:\n%s", files[i].what, got, files[i].want);
                free(got);
        }
}

static IntakeBatch *parse(const char *text) {
        Intake *intake = NULL;
        IntakeBatch *batch = NULL;
        assert_int_equal(intake_new(&(IntakeSettings){ .phone_region = "DE" }, &intake), 0);
        assert_int_equal(intake_parse(intake, "fair", "csv", text, strlen(text), INT64_C(1772800000) * US_PER_SECOND, &batch), 0);
        intake_free(intake);
        return batch;
}

static void csv__rows__become_records_or_refusals_with_the_row(void **state) {
        (void) state;
        IntakeBatch *batch = parse("ID;E-Mail;Vorname;Nachname;Telefon;Firma;Land;Notiz\n"
                                   "1;m@keller.example;Maria;Keller;030 5550 1042;\"Keller; Spedition\";Deutschland;ja\n"
                                   "2;not an address;Ben;;;;;\n"
                                   "3;ben@x.example;Ben\n"
                                   "4;;;;+33 1 42 68 53 00;;;\n");
        char *got = describe_batch(batch);
        assert_string_equal(got,
                "type lead.submitted\nid 1\ntime arrival\nperson.email \"m@keller.example\"\nperson.phone_number \"+493055501042\"\n"
                "person.given_name \"Maria\"\nperson.family_name \"Keller\"\nperson.address.country \"DE\"\n"
                "company.name \"Keller; Spedition\"\nanswers.Notiz \"ja\"\n--\nrefused bad_email person.email\n--\nrefused csv_columns "
                "-\n--\n"
                "type lead.submitted\nid 4\ntime arrival\nperson.phone_number \"+33142685300\"\n");
        free(got);
        assert_string_equal(batch->items[1].refusal->raw,
                "{\"ID\":\"2\",\"E-Mail\":\"not an "
                "address\",\"Vorname\":\"Ben\",\"Nachname\":\"\",\"Telefon\":\"\",\"Firma\":\"\",\"Land\":\"\",\"Notiz\":\"\"}");
        assert_string_equal(batch->items[2].refusal->raw, "{\"ID\":\"3\",\"E-Mail\":\"ben@x.example\",\"Vorname\":\"Ben\"}");
        assert_string_equal(batch->items[2].refusal->text, "the row at line 4 has 3 fields, the header 8");
        assert_int_equal(batch->items[3].index, 4);
        intake_batch_free(batch);
}

static void csv__row_without_id__has_the_digest_of_its_texts(void **state) {
        (void) state;
        IntakeBatch *a = parse("email,name\nm@k.example,M\n"), *b = parse("name;email\r\n\"M\";m@k.example\r\n");
        assert_true(a->items[0].record->flags & RECORD_ID_DERIVED);
        assert_string_equal(a->items[0].record->id, b->items[0].record->id);
        intake_batch_free(a);
        intake_batch_free(b);
}

static void csv__limits__of_columns_names_and_rows(void **state) {
        (void) state;
        for (size_t over = 0; over < 2; over++) {
                Text text = { 0 };
                for (size_t i = 0; i < INTAKE_CSV_COLUMNS_MAX + over; i++)
                        text_printf(&text, "%sc%zu", i ? "," : "", i);
                char *got = read_rows(text.data, text.size);
                assert_string_equal(got, over ? "X csv_header" : "");
                free(got);
                text_clear(&text);
                text_printf(&text, "%0*d,b\n", INTAKE_KEY_MAX + (int) over, 7);
                got = read_rows(text.data, text.size);
                assert_string_equal(got, over ? "X csv_header" : "");
                free(got);
                text_clear(&text);
                /* "a,b\n", a row of exactly the limit or one byte more, and a good one */
                text_append(&text, "a,b\n1,");
                for (size_t i = 0; i < INTAKE_RECORD_SIZE_MAX - 2 + over; i++)
                        text_append_char(&text, 'x');
                text_append(&text, "\n1,2\n");
                got = read_rows(text.data, text.size);
                assert_non_null(strstr(got, "\na=1|b=2|\n"));
                assert_int_equal(got[0] == '!', over);
                if (over)
                        assert_non_null(strstr(got, "!too_large the row at line 2 is longer than 262144 bytes\n"));
                free(got);
                text_free(&text);
        }
}

static void csv__row_larger_than_the_window__is_refused_and_let_go(void **state) {
        (void) state;
        Text text = { 0 };
        text_append(&text, "a,b\n\"");
        for (size_t i = 0; i < 400000; i++)
                text_append(&text, "x\n\"\"");
        text_append(&text, "\",2\n3,4\n5\n");
        char *got = read_rows(text.data, text.size);
        assert_string_equal(got, "!too_large the row at line 2 is longer than 262144 bytes\na=3|b=4|\n!csv_columns the row at line 400004 "
                                 "has 1 fields, the header 2\n");
        free(got);
        text_free(&text);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(csv__table_of_files__gives_these_rows),
                cmocka_unit_test(csv__rows__become_records_or_refusals_with_the_row),
                cmocka_unit_test(csv__row_without_id__has_the_digest_of_its_texts),
                cmocka_unit_test(csv__limits__of_columns_names_and_rows),
                cmocka_unit_test(csv__row_larger_than_the_window__is_refused_and_let_go),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
