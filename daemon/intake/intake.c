/* SPDX-License-Identifier: MIT */
/*
 * The front door of the room: opens a file, takes frame after frame, turns each into
 * records or refusals (through an adapter, or as canonical or flat) and hands them
 * out in batches. A batch ends between two frames, so that offset and index always
 * name a place to go on from.
 */
#include <errno.h>
#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>

#include "flat.h"
#include "framer.h"
#include "json.h"

struct Intake {
        IntakeSettings settings;
        ZoneCacheEntry zones[INTAKE_ZONES_MAX];
        size_t n_zones;
};

struct IntakeReader {
        IntakeContext context;
        char *directory;
        const char *format; /* of adapters: json, csv, form */
        bool is_readable;   /* false: a format that is known but not read */
        bool opened;
        uint64_t offset, index;
        Stream stream;
        Framer framer;
        const char *reason, *text; /* why the file is unusable */
};

/* Grows; IntakeBatch is what others see of it. */
typedef struct BatchBody {
        IntakeBatch public;
        size_t capacity;
} BatchBody;

/* ---- life ---- */

int intake_new(const IntakeSettings *settings, Intake **ret) {
        Intake *intake = calloc(1, sizeof *intake);
        if (!intake)
                return -ENOMEM;
        intake->settings = *settings;
        *ret = intake;
        return 0;
}

Intake *intake_free(Intake *intake) {
        if (intake) {
                for (size_t i = 0; i < intake->n_zones; i++)
                        if (intake->zones[i].zone)
                                zone_unref((Zone *) intake->zones[i].zone);
                free(intake);
        }
        return NULL;
}

void intake_freep(Intake **intake) { *intake = intake_free(*intake); }

void refusal_done(Refusal *refusal) {
        free((char *) refusal->field);
        free(refusal->text);
        free(refusal->raw);
        *refusal = (Refusal){ 0 };
}

IntakeBatch *intake_batch_free(IntakeBatch *batch) {
        if (batch) {
                for (size_t i = 0; i < batch->n_items; i++) {
                        record_free(batch->items[i].record);
                        if (batch->items[i].refusal)
                                refusal_done(batch->items[i].refusal);
                        free(batch->items[i].refusal);
                }
                free(batch->items);
                free(batch);
        }
        return NULL;
}

/* ---- names ---- */

static bool ends_with(const char *name, size_t size, const char *extension) {
        size_t extension_size = strlen(extension);
        return size > extension_size && strncasecmp(name + size - extension_size, extension, extension_size) == 0;
}

static Compression compression_of(const char *name, size_t *size) {
        *size = strlen(name);
        if (ends_with(name, *size, ".gz")) {
                *size -= 3;
                return COMPRESSION_GZIP;
        }
        if (ends_with(name, *size, ".zst")) {
                *size -= 4;
                return COMPRESSION_ZSTD;
        }
        return COMPRESSION_NONE;
}

const char *intake_format(const char *name) {
        static const char *const formats[] = { "json", "ndjson", "csv", "form", "xml" };
        size_t size;
        (void) compression_of(name, &size);
        for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
                char extension[8] = ".";
                strcpy(extension + 1, formats[i]);
                if (ends_with(name, size, extension))
                        return formats[i];
        }
        return NULL;
}

/* ---- items ---- */

static int batch_add(BatchBody *batch, IntakeItem item) {
        if (batch->public.n_items == batch->capacity) {
                size_t capacity = batch->capacity ? batch->capacity * 2 : 16;
                IntakeItem *items = reallocarray(batch->public.items, capacity, sizeof *items);
                if (!items)
                        return -ENOMEM;
                batch->public.items = items;
                batch->capacity = capacity;
        }
        item.index = batch->public.next_index++;
        batch->public.items[batch->public.n_items++] = item;
        return 0;
}

/* Raw text goes into JSON files: bytes that are not UTF-8, and NULs, are written as \xNN. */
static int sanitise(const char *data, size_t size, char **ret, size_t *ret_size) {
        bool was_cut = size > INTAKE_RECORD_SIZE_MAX;
        if (was_cut)
                size = INTAKE_RECORD_SIZE_MAX;
        Text out = { 0 };
        for (size_t at = 0; at < size;) {
                unsigned char c = (unsigned char) data[at];
                size_t n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
                if (was_cut && at + n > size)
                        break;
                if (c != '\0' && n <= size - at && (n == 1 || utf8_is_valid(data + at, n)))
                        text_append_size(&out, data + at, n);
                else {
                        text_printf(&out, "\\x%02X", c);
                        n = 1;
                }
                at += n;
        }
        if (!out.data)
                text_append(&out, "");
        if (out.error) {
                text_free(&out);
                return -ENOMEM;
        }
        *ret = out.data;
        *ret_size = out.size;
        return 0;
}

static int add_refusal(BatchBody *batch, const char *reason, const char *field, const char *text, const char *raw, size_t raw_size) {
        Refusal *refusal = calloc(1, sizeof *refusal);
        if (!refusal)
                return -ENOMEM;
        refusal->reason = reason;
        refusal->field = field ? strdup(field) : NULL;
        refusal->text = strdup(text);
        int r = refusal->text && (!field || refusal->field) ? sanitise(raw, raw_size, &refusal->raw, &refusal->raw_size) : -ENOMEM;
        if (r == 0)
                r = batch_add(batch, (IntakeItem){ .refusal = refusal });
        if (r < 0) {
                refusal_done(refusal);
                free(refusal);
        }
        return r;
}

/* ---- one payload ---- */

/* What the sink needs besides the draft. */
typedef struct Judging {
        BatchBody *batch;
        json_t *payload;
        const char *raw; /* as delivered; NULL: the payload is what was delivered (rows, forms) */
        size_t raw_size;
        size_t raw_total; /* of the refused items of this payload */
        bool whole_kept;
} Judging;

/* Each refused item of an `each` payload is kept with what stands around the list, so that it can be judged again. Where that is
 * large and items are many, the payload is kept once, whole. */
#define RAW_TOTAL_MAX ((size_t) 4 * 1024 * 1024)

static int refuse_draft(Judging *judging, const Draft *draft) {
        if (!draft->adapter && judging->raw)
                return add_refusal(judging->batch, draft->reason, draft->field, draft->text, judging->raw, judging->raw_size);
        if (judging->whole_kept)
                return add_refusal(judging->batch, draft->reason, draft->field, draft->text, "", 0);
        judging->whole_kept = judging->raw_total > RAW_TOTAL_MAX;
        size_t item = judging->whole_kept ? SIZE_MAX : draft->item;
        json_t *raw = draft->adapter ? adapter_raw(draft->adapter, judging->payload, item) : json_incref(judging->payload);
        char *text = raw ? json_dumps(raw, JSON_COMPACT) : NULL;
        json_decref(raw);
        if (!text)
                return -ENOMEM;
        size_t size = strlen(text);
        judging->raw_total += size;
        int r = add_refusal(judging->batch, draft->reason, draft->field, draft->text, text, size);
        free(text);
        return r;
}

/* Was it the record's arena that ran out, not the machine's memory? Then it is the record that is wrong. */
static int refuse_when_full(Draft *draft, int r) {
        if (r != -ENOMEM || arena_size(draft->record->arena) < RECORD_ARENA_MAX / 4)
                return r;
        draft->reason = "too_large";
        draft->field = NULL;
        draft->text = "the record needs more memory than a record may";
        return DRAFT_E_REFUSED;
}

static int on_draft(Draft *taken, void *userdata) {
        _cleanup_(draft_freep) Draft *draft = taken;
        Judging *judging = userdata;
        if (draft->dropped)
                return batch_add(judging->batch, (IntakeItem){ .dropped = true, .adapter = draft->adapter });
        int r = refuse_when_full(draft, draft_finish(draft));
        if (r == DRAFT_E_REFUSED)
                return refuse_draft(judging, draft);
        if (r != 0)
                return r < 0 ? r : -EINVAL;
        r = batch_add(judging->batch, (IntakeItem){ .record = draft->record, .adapter = draft->adapter });
        if (r == 0)
                draft->record = NULL;
        return r;
}

static int judge_payload(IntakeReader *reader, Judging *judging) {
        if (!canonical_is_envelope(judging->payload)) {
                const Adapter *adapter =
                        adapter_find(reader->context.settings, reader->context.directory, reader->format, judging->payload);
                if (adapter) {
                        judging->batch->public.holds_secret |= adapter->n_drop > 0 || adapter->secret;
                        return adapter_apply(adapter, &reader->context, judging->payload, on_draft, judging);
                }
        }
        Draft *draft = NULL;
        int r = draft_new(&reader->context, judging->payload, &draft);
        if (r < 0)
                return r;
        r = refuse_when_full(draft, canonical_apply(draft, judging->payload));
        if (r < 0) {
                draft_free(draft);
                return r;
        }
        return on_draft(draft, judging);
}

static int judge_frame(IntakeReader *reader, BatchBody *batch, const Frame *frame) {
        if (frame->reason) {
                if (!frame->payload)
                        return add_refusal(batch, frame->reason, frame->field, frame->text, frame->data, frame->size);
                char *raw = json_dumps(frame->payload, JSON_COMPACT);
                int r = raw ? add_refusal(batch, frame->reason, frame->field, frame->text, raw, strlen(raw)) : -ENOMEM;
                free(raw);
                return r;
        }
        if (frame->payload)
                return judge_payload(reader, &(Judging){ .batch = batch, .payload = frame->payload });

        json_t *payload = NULL;
        const char *reason;
        char text[JSON_TEXT_SIZE];
        uint64_t offset = reader->stream.offset + (uint64_t) (frame->data - reader->stream.data);
        int r = json_read(frame->data, frame->size, frame->line, offset, &payload, &reason, text);
        if (r == JSON_E_REFUSED && reader->framer.kind == FRAMER_NDJSON && frame->line == 0) {
                /* The file was entered in the middle: the same refusal as without that. */
                uint64_t n_lines;
                r = stream_count_lines(&reader->stream, reader->stream.offset, '\n', &n_lines);
                if (r < 0)
                        return r;
                r = json_read(frame->data, frame->size, n_lines + 1, offset, &payload, &reason, text);
        }
        if (r == JSON_E_REFUSED)
                return add_refusal(batch, reason, NULL, text, frame->data, frame->size);
        if (r < 0)
                return r;
        r = judge_payload(reader, &(Judging){ .batch = batch, .payload = payload, .raw = frame->data, .raw_size = frame->size });
        json_decref(payload);
        return r;
}

/* ---- a file ---- */

static int reader_new(
        Intake *intake, const char *directory, const char *format, int64_t now_us, uint64_t offset, uint64_t index, IntakeReader **ret) {
        IntakeReader *reader = calloc(1, sizeof *reader);
        if (!reader)
                return -ENOMEM;
        *reader = (IntakeReader){ .directory = strdup(directory), .offset = offset, .index = index > 0 ? index : 1 };
        if (!reader->directory) {
                free(reader);
                return -ENOMEM;
        }
        reader->context = (IntakeContext){
                .settings = &intake->settings,
                .directory = reader->directory,
                .now_us = now_us,
                .zones = intake->zones,
                .n_zones = &intake->n_zones,
        };
        reader->is_readable = !base_streq(format, "xml");
        reader->format = base_streq(format, "ndjson") ? "json" : format;
        reader->framer.kind = base_streq(format, "ndjson") ? FRAMER_NDJSON
                              : base_streq(format, "csv")  ? FRAMER_CSV
                              : base_streq(format, "form") ? FRAMER_FORM
                                                           : FRAMER_JSON;
        *ret = reader;
        return 0;
}

int intake_open(Intake *intake, int fd, const char *directory, const char *name, int64_t now_us, uint64_t offset, uint64_t index,
        IntakeReader **ret) {
        size_t size;
        const char *format = intake_format(name);
        if (!format)
                return INTAKE_E_NAME;
        IntakeReader *reader = NULL;
        int r = reader_new(intake, directory, format, now_us, offset, index, &reader);
        if (r == 0)
                r = stream_open(&reader->stream, fd, NULL, 0, compression_of(name, &size), reader->framer.kind == FRAMER_CSV);
        if (r < 0) {
                intake_reader_free(reader);
                return r;
        }
        *ret = reader;
        return 0;
}

IntakeReader *intake_reader_free(IntakeReader *reader) {
        if (reader) {
                framer_close(&reader->framer);
                stream_close(&reader->stream);
                free(reader->directory);
                free(reader);
        }
        return NULL;
}

void intake_reader_freep(IntakeReader **reader) { *reader = intake_reader_free(*reader); }

void intake_reader_problem(const IntakeReader *reader, const char **ret_reason, const char **ret_text) {
        *ret_reason = reader->reason ? reader->reason : "";
        *ret_text = reader->text ? reader->text : "";
}

static int set_problem(IntakeReader *reader, const char *reason, const char *text) {
        reader->reason = reason;
        reader->text = text;
        return INTAKE_E_UNUSABLE;
}

static int open_framer(IntakeReader *reader) {
        if (!reader->is_readable)
                return set_problem(reader, "adf_not_supported",
                        "this version of leadd does not read XML (ADF); the file is kept, and `leadctl spool release` puts it back once a "
                        "version that does is installed");
        int r = framer_open(&reader->framer, reader->framer.kind, &reader->stream, reader->offset);
        reader->opened = r == 0;
        return r == FRAMER_E_UNUSABLE ? set_problem(reader, reader->framer.reason, reader->framer.text) : r;
}

/* Frames until a limit is reached. INTAKE_E_UNUSABLE leaves what came before in the batch. */
static int read_frames(IntakeReader *reader, size_t max_records, size_t max_size, BatchBody *batch) {
        if (reader->reason)
                return INTAKE_E_UNUSABLE;
        int r = reader->opened ? 0 : open_framer(reader);
        if (r != 0)
                return r;
        uint64_t start = framer_offset(&reader->framer);
        while (batch->public.n_items < max_records && framer_offset(&reader->framer) - start < max_size) {
                Frame frame;
                r = framer_next(&reader->framer, &frame);
                if (r == FRAMER_E_END) {
                        batch->public.end = true;
                        return 0;
                }
                if (r == FRAMER_E_UNUSABLE)
                        return set_problem(reader, reader->framer.reason, reader->framer.text);
                if (r == 0)
                        r = judge_frame(reader, batch, &frame);
                json_decref(frame.payload);
                if (r < 0)
                        return r;
                reader->index = batch->public.next_index;
                reader->offset = framer_offset(&reader->framer);
        }
        return 0;
}

int intake_read(IntakeReader *reader, size_t max_records, size_t max_size, IntakeBatch **ret) {
        BatchBody *batch = calloc(1, sizeof *batch);
        if (!batch)
                return -ENOMEM;
        batch->public.next_index = reader->index;
        int r = read_frames(reader, max_records, max_size, batch);
        if (r < 0) {
                intake_batch_free(&batch->public);
                return r;
        }
        batch->public.next_offset = reader->offset;
        batch->public.end = batch->public.end || r == INTAKE_E_UNUSABLE;
        *ret = &batch->public;
        return r;
}

int intake_parse(
        Intake *intake, const char *directory, const char *format, const char *data, size_t size, int64_t now_us, IntakeBatch **ret) {
        _cleanup_(intake_reader_freep) IntakeReader *reader = NULL;
        static const char *const formats[] = { "json", "ndjson", "csv", "form", "xml" };
        bool known = false;
        for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
                known = known || base_streq(format, formats[i]);
        if (!known)
                return INTAKE_E_NAME;
        int r = reader_new(intake, directory, format, now_us, 0, 1, &reader);
        if (r == 0)
                r = stream_open(&reader->stream, -1, size ? data : "", size, COMPRESSION_NONE, reader->framer.kind == FRAMER_CSV);
        IntakeBatch *batch = NULL;
        if (r == 0)
                r = intake_read(reader, SIZE_MAX, SIZE_MAX, &batch);
        /* There is no file to set aside: what made it unusable is one more refusal. */
        if (r == INTAKE_E_UNUSABLE)
                r = add_refusal((BatchBody *) batch, reader->reason, NULL, reader->text, "", 0);
        if (r < 0) {
                intake_batch_free(batch);
                return r;
        }
        *ret = batch;
        return 0;
}
