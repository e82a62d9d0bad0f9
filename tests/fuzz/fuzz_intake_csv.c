/* SPDX-License-Identifier: MIT */
/*
 * Arbitrary bytes as a CSV file, in UTF-8 or UTF-16: every row is a record or a refusal whose raw
 * is text, and reading on after each row gives the same as reading in one go.
 */
#include <stdio.h>
#include <sys/mman.h>

#include "leadd/intake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const IntakeBatch *batch) {
        for (size_t i = 0; i < batch->n_items; i++) {
                const IntakeItem *item = &batch->items[i];
                if (!item->record == !item->refusal)
                        abort();
                if (item->refusal && !utf8_is_valid(item->refusal->raw, item->refusal->raw_size))
                        abort();
        }
}

/* What two ways of reading have to agree on. */
static bool same_item(const IntakeItem *a, const IntakeItem *b) {
        if (a->index != b->index || !a->record != !b->record)
                return false;
        if (a->record)
                return strcmp(a->record->id, b->record->id) == 0 && facts_equal(&a->record->facts, &b->record->facts);
        return strcmp(a->refusal->reason, b->refusal->reason) == 0 && strcmp(a->refusal->text, b->refusal->text) == 0;
}

/* Opens the file anew after each record. */
static void read_in_steps(Intake *intake, const uint8_t *data, size_t size, const IntakeBatch *whole, int64_t now_us) {
        int fd = memfd_create("fuzz", 0);
        uint64_t offset = 0, index = 1;
        size_t n = 0;
        if (fd < 0 || write(fd, data, size) != (ssize_t) size)
                abort();
        for (bool end = false; !end && n < 64;) {
                IntakeReader *reader = NULL;
                IntakeBatch *batch = NULL;
                if (intake_open(intake, fd, "fuzz", "fuzz.csv", now_us, offset, index, &reader) != 0)
                        abort();
                if (intake_read(reader, 1, SIZE_MAX, &batch) < 0)
                        abort();
                for (size_t i = 0; i < batch->n_items; i++, n++)
                        if (n >= whole->n_items || !same_item(&batch->items[i], &whole->items[n])) {
                                fprintf(stderr, "record %zu differs when read from byte %llu\n", n + 1, (unsigned long long) offset);
                                abort();
                        }
                offset = batch->next_offset;
                index = batch->next_index;
                end = batch->end;
                intake_batch_free(batch);
                intake_reader_free(reader);
        }
        (void) close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static Intake *intake;
        const int64_t now_us = INT64_C(1772720551000000);
        IntakeBatch *batch = NULL;
        if (!intake && intake_new(&(IntakeSettings){ .phone_region = "DE" }, &intake) < 0)
                return 0;
        if (intake_parse(intake, "fuzz", "csv", (const char *) data, size, now_us, &batch) != 0)
                abort();
        check(batch);
        read_in_steps(intake, data, size, batch, now_us);
        intake_batch_free(batch);
        return 0;
}
