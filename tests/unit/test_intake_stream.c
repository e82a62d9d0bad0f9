/* SPDX-License-Identifier: MIT */
/*
 * Files: names and formats, compression, going on at every boundary, limits on what
 * is decoded, damage, bounded memory. Real files; now and then of a gigabyte, decoded.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "leadd/intake.h"

#define NOW_US (INT64_C(1772800000) * US_PER_SECOND)
#define N_RECORDS 41

static Intake *intake;

static int setup(void **state) {
        (void) state;
        return intake_new(&(IntakeSettings){ .phone_region = "DE" }, &intake);
}

static int teardown(void **state) {
        (void) state;
        intake = intake_free(intake);
        return 0;
}

/* ---- files ---- */

static int file_of(const void *data, size_t size) {
        int fd = memfd_create("intake", MFD_CLOEXEC);
        assert_true(fd >= 0);
        for (size_t at = 0; at < size;) {
                ssize_t n = write(fd, (const char *) data + at, size - at);
                assert_true(n > 0);
                at += (size_t) n;
        }
        return fd;
}

static void append_gzip(Text *out, const char *data, size_t size) {
        z_stream z = { 0 };
        assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
        size_t bound = deflateBound(&z, size) + 64;
        char *compressed = malloc(bound);
        z.next_in = (Bytef *) data;
        z.avail_in = (uInt) size;
        z.next_out = (Bytef *) compressed;
        z.avail_out = (uInt) bound;
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        text_append_size(out, compressed, z.total_out);
        deflateEnd(&z);
        free(compressed);
}

static void append_zstd(Text *out, const char *data, size_t size) {
        size_t bound = ZSTD_compressBound(size);
        char *compressed = malloc(bound);
        size_t n = ZSTD_compress(compressed, bound, data, size, 3);
        assert_false(ZSTD_isError(n));
        text_append_size(out, compressed, n);
        free(compressed);
}

static void to_utf16(Text *out, const char *text, size_t size) {
        text_append_size(out, "\xff\xfe", 2);
        for (size_t i = 0; i < size; i++) { /* what is used here is below U+0100 */
                unsigned c = (unsigned char) text[i];
                if (c >= 0xc0)
                        c = (c & 0x1f) << 6 | ((unsigned char) text[++i] & 0x3f);
                text_append_size(out, (char[]){ (char) c, (char) (c >> 8) }, 2);
        }
}

/* Records of many sizes, some bad ones between them. */
static void make_content(const char *format, Text *out) {
        if (strcmp(format, "csv") == 0)
                text_append(out, "\"email\",note,\"x\ny\"\r\n");
        if (strcmp(format, "json") == 0)
                text_append(out, " [ ");
        for (int i = 0; i < N_RECORDS; i++) {
                bool is_bad = i % 7 == 3;
                if (strcmp(format, "csv") == 0)
                        text_printf(out, i % 5 == 0 ? "m%d@k.example,\"no\nte %0*d\",x%s\r\n" : "m%d@k.example,%0*d \xc3\xa4,y%s\n", i,
                                i * 13 + 1, i, is_bad ? ",more" : "");
                else if (strcmp(format, "ndjson") == 0)
                        text_printf(out, "%s{\"email\":\"m%d@k.example\",\"note\":\"%0*d\"%s}\n", i % 5 == 0 ? "\n " : "", i, i * 13 + 1, i,
                                is_bad ? "," : "");
                else
                        text_printf(out, "%s{\"email\":\"m%d@k.example\",\"note\":\"%0*d]}\"%s}", i ? " ,\n" : "", i, i * 13 + 1, i,
                                is_bad ? "," : "");
        }
        if (strcmp(format, "json") == 0)
                text_append(out, "\n]\n");
        assert_int_equal(out->error, 0);
}

/* ---- reading ---- */

/* One line an item. */
static void describe(const IntakeBatch *batch, Text *out) {
        for (size_t i = 0; i < batch->n_items; i++) {
                const IntakeItem *item = &batch->items[i];
                if (item->record)
                        text_printf(out, "%llu %s %s\n", (unsigned long long) item->index, item->record->id,
                                facts_text(&item->record->facts, FIELD_PERSON_EMAIL));
                else
                        text_printf(out, "%llu %s %s %s\n", (unsigned long long) item->index, item->refusal->reason, item->refusal->text,
                                item->refusal->raw);
        }
}

/* Reads to the end in batches; with `anew` every batch with a reader of its own, as after a kill. */
static const char *read_all(int fd, const char *name, size_t max_records, size_t max_size, bool anew, Text *out) {
        static char problem[256];
        uint64_t offset = 0, index = 1;
        IntakeReader *reader = NULL;
        *problem = '\0';
        for (bool end = false; !end;) {
                if (!reader)
                        assert_int_equal(intake_open(intake, fd, "forms", name, NOW_US, offset, index, &reader), 0);
                IntakeBatch *batch = NULL;
                int r = intake_read(reader, max_records, max_size, &batch);
                assert_true(r == 0 || r == INTAKE_E_UNUSABLE);
                assert_true(batch->next_offset >= offset);
                assert_int_equal(batch->next_index, index + batch->n_items);
                describe(batch, out);
                offset = batch->next_offset;
                index = batch->next_index;
                end = batch->end;
                if (r == INTAKE_E_UNUSABLE) {
                        const char *reason, *text;
                        intake_reader_problem(reader, &reason, &text);
                        (void) snprintf(problem, sizeof problem, "%s", reason);
                        assert_true(end && *text);
                }
                intake_batch_free(batch);
                if (anew || end)
                        reader = intake_reader_free(reader);
        }
        return problem;
}

static void names__give_format_and_compression(void **state) {
        (void) state;
        static const struct {
                const char *name, *format;
        } names[] = {
                { "a.json", "json" },
                { "a.ndjson", "ndjson" },
                { "a.csv", "csv" },
                { "a.form", "form" },
                { "a.xml", "xml" },
                { "a.json.gz", "json" },
                { "a.csv.zst", "csv" },
                { "A.JSON", "json" },
                { "a.CSV.GZ", "csv" },
                { "a.b.ndjson", "ndjson" },
                { "a", NULL },
                { "json", NULL },
                { ".json", NULL },
                { "a.txt", NULL },
                { "a.gz", NULL },
                { "a.json.bz2", NULL },
                { "a.json.gz.gz", NULL },
                { "a.jsonl", NULL },
                { "a.json~", NULL },
                { "", NULL },
                { ".gz", NULL },
                { "ajson", NULL },
                { "\xff.csv", "csv" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                const char *got = intake_format(names[i].name);
                if ((got == NULL) != (names[i].format == NULL) || (got && strcmp(got, names[i].format) != 0))
                        fail_msg("%s: got %s, want %s", names[i].name, got ? got : "none", names[i].format ? names[i].format : "none");
        }
        IntakeReader *reader = NULL;
        assert_int_equal(intake_open(intake, 0, "forms", "a.txt", NOW_US, 0, 1, &reader), INTAKE_E_NAME);
        IntakeBatch *batch = NULL;
        assert_int_equal(intake_parse(intake, "forms", "txt", "", 0, NOW_US, &batch), INTAKE_E_NAME);
}

static void resume__at_every_boundary__gives_the_same_records(void **state) {
        (void) state;
        static const char *const formats[] = { "json", "ndjson", "csv" };
        static const char *const wrappings[] = { "", ".gz", ".zst", "" };
        for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
                Text content = { 0 }, want = { 0 };
                make_content(formats[i], &content);
                char name[32];
                for (size_t w = 0; w < ARRAY_SIZE(wrappings); w++) {
                        bool is_utf16 = w == 3;
                        if (is_utf16 && strcmp(formats[i], "csv") != 0)
                                continue;
                        Text file = { 0 };
                        if (w == 0)
                                text_append_size(&file, content.data, content.size);
                        else if (w == 1) { /* two members */
                                append_gzip(&file, content.data, content.size / 3);
                                append_gzip(&file, content.data + content.size / 3, content.size - content.size / 3);
                        } else if (w == 2)
                                append_zstd(&file, content.data, content.size);
                        else
                                to_utf16(&file, content.data, content.size);
                        int fd = file_of(file.data, file.size);
                        (void) snprintf(name, sizeof name, "x.%s%s", formats[i], wrappings[w]);
                        Text whole = { 0 };
                        assert_string_equal(read_all(fd, name, SIZE_MAX, SIZE_MAX, false, &whole), "");
                        if (w == 0) {
                                text_append_size(&want, whole.data, whole.size);
                                size_t n = 0;
                                for (char *at = want.data; (at = strchr(at, '\n')); at++)
                                        n++;
                                assert_true(n >= N_RECORDS);
                        } else
                                assert_string_equal(whole.data, want.data);
                        static const struct {
                                size_t records, size;
                                bool anew;
                        } ways[] = { { 1, SIZE_MAX, false }, { 1, SIZE_MAX, true }, { 3, SIZE_MAX, true }, { SIZE_MAX, 1, true },
                                { SIZE_MAX, 700, true }, { 4, 900, false } };
                        for (size_t k = 0; k < ARRAY_SIZE(ways); k++) {
                                Text got = { 0 };
                                assert_string_equal(read_all(fd, name, ways[k].records, ways[k].size, ways[k].anew, &got), "");
                                if (strcmp(got.data, want.data) != 0)
                                        fail_msg("%s in way %zu\ngot:\n%s\nwant:\n%s", name, k, got.data, want.data);
                                text_free(&got);
                        }
                        (void) close(fd);
                        text_free(&whole);
                        text_free(&file);
                }
                text_free(&content);
                text_free(&want);
        }
}

static void resume__single_records__are_not_read_twice(void **state) {
        (void) state;
        static const struct {
                const char *name, *content;
        } singles[] = { { "x.json", " {\"email\":\"a@k.example\"}\n" }, { "x.form", "email=a%40k.example\n" },
                { "x.ndjson", "{\"email\":\"a@k.example\"}" } };
        for (size_t i = 0; i < ARRAY_SIZE(singles); i++) {
                int fd = file_of(singles[i].content, strlen(singles[i].content));
                Text got = { 0 };
                assert_string_equal(read_all(fd, singles[i].name, 1, SIZE_MAX, true, &got), "");
                assert_string_equal(strstr(got.data, " a@k.example"), " a@k.example\n");
                text_free(&got);
                (void) close(fd);
        }
}

static void damage__of_compressed_files__keeps_what_came_before(void **state) {
        (void) state;
        Text content = { 0 }, gzip = { 0 }, zstd = { 0 }, want = { 0 };
        for (int i = 0; i < 20000; i++) /* more than a window, and not alike, so that damage is not at the very end */
                text_printf(&content, "{\"email\":\"m%d@k.example\",\"n\":\"%llx\"}\n", i, (unsigned long long) i * 0x9e3779b97f4a7c15u);
        append_gzip(&gzip, content.data, content.size);
        append_zstd(&zstd, content.data, content.size);
        int fd = file_of(content.data, content.size);
        assert_string_equal(read_all(fd, "x.ndjson", SIZE_MAX, SIZE_MAX, false, &want), "");
        (void) close(fd);

        const struct {
                const char *what, *name;
                const Text *file;
                size_t size;
                size_t flip; /* 0: nothing */
                const char *tail;
                size_t tail_size;
                const char *problem;
                bool some; /* records come before it */
        } cases[] = {
                { "gzip cut", "x.ndjson.gz", &gzip, gzip.size - 1, 0, "", 0, "truncated", true },
                { "gzip cut in the middle", "x.ndjson.gz", &gzip, gzip.size / 2, 0, "", 0, "truncated", true },
                { "gzip cut in the header", "x.ndjson.gz", &gzip, 5, 0, "", 0, "truncated", false },
                { "gzip empty", "x.ndjson.gz", &gzip, 0, 0, "", 0, "truncated", false },
                { "gzip damaged", "x.ndjson.gz", &gzip, gzip.size, gzip.size / 2, "", 0, "undecodable", true },
                { "gzip checksum", "x.ndjson.gz", &gzip, gzip.size, gzip.size - 6, "", 0, "undecodable", true },
                { "gzip and zeros", "x.ndjson.gz", &gzip, gzip.size, 0, "\0\0\0\0", 4, "", true },
                { "gzip and garbage", "x.ndjson.gz", &gzip, gzip.size, 0, "garbage", 7, "undecodable", true },
                { "gzip that is zstd", "x.ndjson.gz", &zstd, zstd.size, 0, "", 0, "undecodable", false },
                { "zstd cut", "x.ndjson.zst", &zstd, zstd.size - 1, 0, "", 0, "truncated", true },
                { "zstd empty", "x.ndjson.zst", &zstd, 0, 0, "", 0, "truncated", false },
                { "zstd damaged", "x.ndjson.zst", &zstd, zstd.size, zstd.size / 2, "", 0, "undecodable", true },
                { "zstd and garbage", "x.ndjson.zst", &zstd, zstd.size, 0, "garbage", 7, "undecodable", true },
                { "zstd that is gzip", "x.ndjson.zst", &gzip, gzip.size, 0, "", 0, "undecodable", false },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Text file = { 0 }, got = { 0 };
                text_append_size(&file, cases[i].file->data, cases[i].size);
                text_append_size(&file, cases[i].tail, cases[i].tail_size);
                if (cases[i].flip)
                        for (size_t j = 0; j < 3; j++)
                                file.data[cases[i].flip + j] ^= 0x55;
                fd = file_of(file.data ? file.data : "", file.size);
                text_append(&got, "");
                const char *problem = read_all(fd, cases[i].name, 500, SIZE_MAX, false, &got);
                if (strcmp(problem, cases[i].problem) != 0)
                        fail_msg("%s: got %s, want %s", cases[i].what, problem, cases[i].problem);
                /* Flipped bits may decode to other text before the checksum shows it; anything else is a prefix of the truth. */
                if (!cases[i].flip && strncmp(got.data, want.data, got.size) != 0)
                        fail_msg("%s: other records came out", cases[i].what);
                if ((got.size > 0) != cases[i].some)
                        fail_msg("%s: %zu bytes of records", cases[i].what, got.size);
                if (!*cases[i].problem)
                        assert_int_equal(got.size, want.size);
                (void) close(fd);
                text_free(&file);
                text_free(&got);
        }
        text_free(&content);
        text_free(&gzip);
        text_free(&zstd);
        text_free(&want);
}

/* zstd of `size` bytes: spaces with a newline at every 4096th, and a record at the end. */
static int bomb_of(uint64_t size) {
        ZSTD_CStream *stream = ZSTD_createCStream();
        ZSTD_initCStream(stream, 1);
        Text out = { 0 };
        static const char record[] = "\n{\"email\":\"a@k.example\"}\n";
        char block[65536], compressed[65536];
        memset(block, ' ', sizeof block);
        for (size_t i = 4095; i < sizeof block; i += 4096)
                block[i] = '\n';
        for (uint64_t left = size; left > 0;) {
                bool is_last = left <= sizeof record - 1;
                size_t n = is_last                                     ? (size_t) left
                           : left - (sizeof record - 1) < sizeof block ? (size_t) (left - (sizeof record - 1))
                                                                       : sizeof block;
                ZSTD_inBuffer in = { is_last ? record + sizeof record - 1 - n : block, n, 0 };
                left -= n;
                size_t z;
                do {
                        ZSTD_outBuffer to = { compressed, sizeof compressed, 0 };
                        z = ZSTD_compressStream2(stream, &to, &in, left == 0 ? ZSTD_e_end : ZSTD_e_continue);
                        assert_false(ZSTD_isError(z));
                        text_append_size(&out, compressed, to.pos);
                } while (in.pos < in.size || (left == 0 && z > 0));
        }
        ZSTD_freeCStream(stream);
        int fd = file_of(out.data, out.size);
        assert_true(out.size < 4 * 1024 * 1024);
        text_free(&out);
        return fd;
}

static void limit__of_decoded_bytes__is_a_gigabyte(void **state) {
        (void) state;
        for (int over = 0; over < 2; over++) {
                Text got = { 0 };
                text_append(&got, "");
                int fd = bomb_of(((uint64_t) 1 << 30) + (unsigned) over);
                struct rusage before, after;
                assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
                assert_string_equal(read_all(fd, "x.ndjson.zst", SIZE_MAX, SIZE_MAX, false, &got), over ? "too_large" : "");
                assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
                assert_true(after.ru_maxrss - before.ru_maxrss < 16 * 1024);
#endif
                (void) close(fd);
                text_free(&got);
        }
}

static void limit__of_a_record__refuses_it_alone_in_bounded_memory(void **state) {
        (void) state;
        static const struct {
                const char *name, *before, *after;
                char fill;
                const char *where;
        } cases[] = {
                { "x.ndjson", "{\"email\":\"a@k.example\"}\n{\"x\":\"", "\"}\n{\"email\":\"b@k.example\"}\n", 'x', "line 2" },
                { "x.ndjson", "{\"email\":\"a@k.example\"}\n{\"x\":\"", "\"}\n{\"email\":\"b@k.example\"}\n", '\xff', "line 2" },
                { "x.json", "[{\"email\":\"a@k.example\"},{\"x\":\"", "\"},{\"email\":\"b@k.example\"}]", 'x', "the value at byte 25" },
                { "x.json", "[{\"email\":\"a@k.example\"},", "1,{\"email\":\"b@k.example\"}]", '1', "the value at byte 25" },
                { "x.csv", "email,x\na@k.example,1\n2,", "\nb@k.example,\n", 'x', "the row at line 3" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                for (size_t size = INTAKE_RECORD_SIZE_MAX + 1; size < 64 * 1024 * 1024; size *= 30) {
                        Text text = { 0 }, got = { 0 };
                        text_append(&text, cases[i].before);
                        char *fill = malloc(size);
                        memset(fill, cases[i].fill, size);
                        text_append_size(&text, fill, size);
                        free(fill);
                        text_append(&text, cases[i].after);
                        int fd = file_of(text.data, text.size);
                        text_free(&text);
                        assert_string_equal(read_all(fd, cases[i].name, 1, SIZE_MAX, true, &got), "");
                        char want[128];
                        (void) snprintf(want, sizeof want, "\n2 too_large %s is longer than 262144 bytes ", cases[i].where);
                        if (!strstr(got.data, " a@k.example\n") || !strstr(got.data, want) || !strstr(got.data, " b@k.example\n"))
                                fail_msg("%s with %zu bytes: got %.200s", cases[i].name, size, got.data);
                        assert_true(got.size < 4 * INTAKE_RECORD_SIZE_MAX + 1024);
                        (void) close(fd);
                        text_free(&got);
                }
        Text got = { 0 };
        char *large = malloc(INTAKE_RECORD_SIZE_MAX * 4);
        memset(large, 'x', INTAKE_RECORD_SIZE_MAX * 4);
        static const char *const whole[] = { "x.json", "x.form" };
        for (size_t i = 0; i < ARRAY_SIZE(whole); i++) {
                int fd = file_of(large, INTAKE_RECORD_SIZE_MAX * 4);
                text_clear(&got);
                assert_string_equal(read_all(fd, whole[i], 1, SIZE_MAX, true, &got), "");
                assert_memory_equal(got.data, "1 too_large ", 12);
                assert_null(strstr(got.data, "\n2 "));
                (void) close(fd);
        }
        free(large);
        text_free(&got);
}

static void xml__is_kept_for_a_later_version(void **state) {
        (void) state;
        int fd = file_of("<adf/>", 6);
        IntakeReader *reader = NULL;
        IntakeBatch *batch = NULL;
        const char *reason, *text;
        assert_int_equal(intake_open(intake, fd, "dealers", "lead.xml", NOW_US, 0, 1, &reader), 0);
        assert_int_equal(intake_read(reader, 10, SIZE_MAX, &batch), INTAKE_E_UNUSABLE);
        intake_reader_problem(reader, &reason, &text);
        assert_string_equal(reason, "adf_not_supported");
        assert_non_null(strstr(text, "the file is kept"));
        assert_int_equal(batch->n_items, 0);
        assert_true(batch->end);
        intake_batch_free(batch);
        intake_reader_free(reader);
        (void) close(fd);
}

static void reading__a_descriptor_that_fails__is_our_error(void **state) {
        (void) state;
        IntakeReader *reader = NULL;
        IntakeBatch *batch = NULL;
        int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(intake_open(intake, fd, "forms", "x.ndjson", NOW_US, 0, 1, &reader), 0);
        assert_int_equal(intake_read(reader, 10, SIZE_MAX, &batch), -21 /* EISDIR */);
        assert_null(batch);
        intake_reader_free(reader);
        (void) close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(limit__of_decoded_bytes__is_a_gigabyte), /* first, while the peak of memory is still small */
                cmocka_unit_test(names__give_format_and_compression),
                cmocka_unit_test(resume__at_every_boundary__gives_the_same_records),
                cmocka_unit_test(resume__single_records__are_not_read_twice),
                cmocka_unit_test(damage__of_compressed_files__keeps_what_came_before),
                cmocka_unit_test(limit__of_a_record__refuses_it_alone_in_bounded_memory),
                cmocka_unit_test(xml__is_kept_for_a_later_version),
                cmocka_unit_test(reading__a_descriptor_that_fails__is_our_error),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
