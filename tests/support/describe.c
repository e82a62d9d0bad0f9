/* SPDX-License-Identifier: MIT */
/* What intake derived by itself (company.domain, seniority) is left out: it is the same whatever the adapter. */
#include <inttypes.h>

#include "describe.h"

static bool is_time(const Fact *fact, const FieldInfo *info) { return info->kind == FIELD_KIND_TIME || fact->field == FIELD_CONSENT_AT; }

static void describe_fact(const Fact *fact, Text *out) {
        const FieldInfo *info = field_info(fact->field);
        char time[TIME_TEXT_SIZE];
        text_printf(out, "%s%s%s ", info ? info->path : "unknown", fact->key ? "." : "", fact->key ? fact->key : "");
        switch (fact->value.type) {
        case VALUE_ABSENT:
                text_append(out, "absent");
                break;
        case VALUE_BOOL:
                text_append(out, fact->value.boolean ? "true" : "false");
                break;
        case VALUE_INTEGER:
                if (info && is_time(fact, info))
                        text_append(out, time_format_rfc3339(fact->value.integer, time));
                else
                        text_printf(out, "%" PRId64, fact->value.integer);
                break;
        case VALUE_NUMBER:
                text_printf(out, "%.15g", fact->value.number);
                break;
        case VALUE_TEXT:
                text_append_char(out, '"');
                text_append_size(out, fact->value.text, fact->value.size);
                text_append_char(out, '"');
                break;
        }
        text_append_char(out, '\n');
}

static void describe_record(const Record *record, Text *out) {
        char time[TIME_TEXT_SIZE];
        text_printf(out, "type %s\n", record->type);
        text_printf(out, "id %s\n", record->flags & RECORD_ID_DERIVED ? "derived" : record->id);
        text_printf(out, "time %s\n", record->flags & RECORD_TIME_FROM_ARRIVAL ? "arrival" : time_format_rfc3339(record->time_us, time));
        if (record->subject)
                text_printf(out, "subject %s\n", record->subject);
        for (size_t i = 0; i < record->facts.n_items; i++)
                if (!fact_is_derived(&record->facts.items[i]))
                        describe_fact(&record->facts.items[i], out);
}

char *describe_batch(const IntakeBatch *batch) {
        Text out = { 0 };
        text_append(&out, "");
        for (size_t i = 0; i < batch->n_items; i++) {
                const IntakeItem *item = &batch->items[i];
                if (i > 0)
                        text_append(&out, "--\n");
                if (item->refusal)
                        text_printf(&out, "refused %s %s\n", item->refusal->reason, item->refusal->field ? item->refusal->field : "-");
                else if (item->dropped)
                        text_append(&out, "dropped\n");
                else if (item->record)
                        describe_record(item->record, &out);
        }
        return out.data;
}
