/* SPDX-License-Identifier: MIT */
/*
 * Arbitrary bytes as a urlencoded form: one record, or one refusal whose raw is text.
 */
#include <stdio.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static Intake *intake;
        IntakeBatch *batch = NULL;
        if (!intake && intake_new(&(IntakeSettings){ .phone_region = "DE" }, &intake) < 0)
                return 0;
        if (intake_parse(intake, "fuzz", "form", (const char *) data, size, INT64_C(1772720551000000), &batch) != 0 || batch->n_items > 1)
                abort();
        check(batch);
        intake_batch_free(batch);
        return 0;
}
