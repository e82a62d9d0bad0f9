/* SPDX-License-Identifier: MIT */
/*
 * Arbitrary bytes as a JSON and as an NDJSON file. Beside "no crash": the reader takes
 * exactly what jansson takes in its strict mode (but for depth, NULs and scalars, which
 * it refuses by design) and means the same by it; every record can be shown and encoded.
 */
#include <jansson.h>
#include <stdio.h>

#include "../../daemon/intake/json.h"
#include "leadd/intake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what) {
        fprintf(stderr, "%s\n", what);
        abort();
}

static void compare(const char *data, size_t size) {
        json_t *ours = NULL;
        const char *reason = NULL;
        char text[JSON_TEXT_SIZE];
        json_error_t error;
        json_t *theirs = json_loadb(data, size, JSON_REJECT_DUPLICATES, &error);
        int r = json_read(data, size, 1, 0, &ours, &reason, text);
        if (r == 0 && !theirs)
                fail("taken by us, refused by jansson");
        if (r == 0 && !json_equal(ours, theirs))
                fail("read differently");
        if (r == JSON_E_REFUSED && json_is_object(theirs) && strcmp(reason, "too_deep") != 0 && !memchr(data, '\0', size) &&
                strcmp(reason, "json_number") != 0)
                fail("refused by us, taken by jansson");
        json_decref(ours);
        json_decref(theirs);
}

static void check_batch(IntakeBatch *batch) {
        for (size_t i = 0; i < batch->n_items; i++) {
                const IntakeItem *item = &batch->items[i];
                if (item->refusal && (!utf8_is_valid(item->refusal->raw, item->refusal->raw_size) ||
                                             strlen(item->refusal->raw) != item->refusal->raw_size))
                        fail("raw is no text");
                if (!item->record)
                        continue;
                json_t *shown = NULL;
                Text encoded = { 0 };
                Facts decoded = { 0 };
                if (facts_to_json(&item->record->facts, &shown) != 0 || facts_encode(&item->record->facts, &encoded) != 0)
                        fail("a record cannot be shown or encoded");
                if (facts_decode(encoded.data, encoded.size, false, item->record->arena, &decoded) != 0 ||
                        !facts_equal(&decoded, &item->record->facts))
                        fail("a record does not survive encoding");
                json_decref(shown);
                text_free(&encoded);
        }
        intake_batch_free(batch);
}

static bool may(const char *directory, const char *source, RecordFamily family, void *userdata) {
        (void) directory;
        (void) source;
        (void) family;
        (void) userdata;
        return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static Intake *intake;
        static const char *const formats[] = { "json", "ndjson" };
        if (!intake && intake_new(&(IntakeSettings){ .phone_region = "DE", .may = may }, &intake) < 0)
                return 0;
        compare((const char *) data, size);
        for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
                IntakeBatch *batch = NULL;
                if (intake_parse(intake, "fuzz", formats[i], (const char *) data, size, INT64_C(1772720551000000), &batch) != 0)
                        fail("intake_parse failed");
                check_batch(batch);
        }
        return 0;
}
