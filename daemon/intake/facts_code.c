/* SPDX-License-Identifier: MIT */
/*
 * Facts as bytes, for profiles and payloads in the database. Version 1:
 *
 *   0x01 | varint n_times | zigzag first time | varint difference to the one before ...   (ascending, distinct)
 *   varint n_facts | fact ...
 *   fact: varint field difference | head | [varint time index] | [key] | value
 *   head: low four bits the value's form, high four the time index (15: it follows)
 *   key (MAP fields) and text: varint size | bytes | NUL; integer: zigzag varint; number: 8 bytes, little endian
 *
 * Texts end in NUL so that decoded facts can point into the bytes. Canonical: a number that is whole and fits an integer is
 * written as one, zero has no sign. Decoding checks everything it relies on: bytes from a damaged file are an outcome.
 */
#include <endian.h>
#include <errno.h>
#include <math.h>

#include "leadd/record.h"

#define FACTS_VERSION 1
#define TIME_INDEX_FOLLOWS 15
#define TIMES_ON_STACK 64

enum { FORM_FALSE = 1, FORM_TRUE, FORM_INTEGER, FORM_NUMBER, FORM_TEXT };

static uint64_t zigzag(int64_t value) { return ((uint64_t) value << 1) ^ (value < 0 ? UINT64_MAX : 0); }
static int64_t unzigzag(uint64_t value) { return (int64_t) (value >> 1) ^ -(int64_t) (value & 1); }

/* ---- encoding ---- */

/* Writes into memory that encode_size_max() has found to be enough. */
static uint8_t *put_varint(uint8_t *at, uint64_t value) {
        while (value >= 0x80) {
                *at++ = (uint8_t) value | 0x80;
                value >>= 7;
        }
        *at++ = (uint8_t) value;
        return at;
}

static uint8_t *put_text(uint8_t *at, const char *text, size_t size) {
        at = put_varint(at, size);
        memcpy(at, text, size);
        at[size] = '\0';
        return at + size + 1;
}

static int compare_times(const void *a, const void *b) {
        int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;
        return x < y ? -1 : x > y;
}

/* The distinct times, ascending. Most facts of one event share theirs, so neighbours are looked at before sorting. */
static size_t collect_times(const Facts *facts, int64_t *times) {
        size_t n = 0;
        for (size_t i = 0; i < facts->n_items; i++)
                if (n == 0 || times[n - 1] != facts->items[i].time_us)
                        times[n++] = facts->items[i].time_us;
        if (n < 2)
                return n;
        qsort(times, n, sizeof *times, compare_times);
        size_t n_distinct = 1;
        for (size_t i = 1; i < n; i++)
                if (times[i] != times[n_distinct - 1])
                        times[n_distinct++] = times[i];
        return n_distinct;
}

static size_t find_time(const int64_t *times, size_t n_times, int64_t time_us) {
        size_t low = 0, high = n_times;
        while (high - low > 1) {
                size_t middle = low + (high - low) / 2;
                if (times[middle] <= time_us)
                        low = middle;
                else
                        high = middle;
        }
        return low;
}

static size_t encode_size_max(const Facts *facts) {
        size_t size = 1 + 10 + 10;
        for (size_t i = 0; i < facts->n_items; i++) {
                const Fact *fact = &facts->items[i];
                size += 10 + 3 + 1 + 5 + 10; /* a time of its own, field, head, time index, an integer or a text's size */
                if (fact->key)
                        size += 5 + strlen(fact->key) + 1;
                if (fact->value.type == VALUE_TEXT)
                        size += fact->value.size + 1;
        }
        return size;
}

static uint8_t *put_value(uint8_t *at, uint8_t *head, const Value *value) {
        switch (value->type) {
        case VALUE_BOOL:
                *head |= value->boolean ? FORM_TRUE : FORM_FALSE;
                return at;
        case VALUE_INTEGER:
                *head |= FORM_INTEGER;
                return put_varint(at, zigzag(value->integer));
        case VALUE_NUMBER: {
                double number = value->number;
                if (number == trunc(number) && number >= -9223372036854775808.0 && number < 9223372036854775808.0) {
                        *head |= FORM_INTEGER;
                        return put_varint(at, zigzag((int64_t) number));
                }
                uint64_t bits;
                memcpy(&bits, &number, sizeof bits);
                bits = htole64(bits);
                memcpy(at, &bits, sizeof bits);
                *head |= FORM_NUMBER;
                return at + sizeof bits;
        }
        case VALUE_TEXT:
                *head |= FORM_TEXT;
                return put_text(at, value->text, value->size);
        case VALUE_ABSENT:
                break;
        }
        return NULL;
}

int facts_encode(const Facts *facts, Text *out) {
        _cleanup_(base_freep) int64_t *more_times = NULL;
        int64_t on_stack[TIMES_ON_STACK];
        if (facts->n_items > TIMES_ON_STACK) {
                more_times = malloc(facts->n_items * sizeof *more_times);
                if (!more_times)
                        return -ENOMEM;
        }
        int64_t *times = more_times ? more_times : on_stack;
        size_t n_times = collect_times(facts, times);

        _cleanup_(base_freep) uint8_t *large = NULL;
        uint8_t small[2048];
        size_t size_max = encode_size_max(facts);
        if (size_max > sizeof small) {
                large = malloc(size_max);
                if (!large)
                        return -ENOMEM;
        }
        uint8_t *start = large ? large : small, *at = start;
        *at++ = FACTS_VERSION;
        at = put_varint(at, n_times);
        for (size_t i = 0; i < n_times; i++)
                at = put_varint(at, i == 0 ? zigzag(times[0]) : (uint64_t) times[i] - (uint64_t) times[i - 1]);
        at = put_varint(at, facts->n_items);

        unsigned field = 0;
        for (size_t i = 0; i < facts->n_items; i++) {
                const Fact *fact = &facts->items[i];
                at = put_varint(at, fact->field - field);
                field = fact->field;
                uint8_t *head = at++;
                size_t time_index = find_time(times, n_times, fact->time_us);
                *head = (uint8_t) ((time_index < TIME_INDEX_FOLLOWS ? time_index : TIME_INDEX_FOLLOWS) << 4);
                if (time_index >= TIME_INDEX_FOLLOWS)
                        at = put_varint(at, time_index);
                if (fact->key)
                        at = put_text(at, fact->key, strlen(fact->key));
                at = put_value(at, head, &fact->value);
                if (!at)
                        return -EINVAL;
        }
        text_append_size(out, start, (size_t) (at - start));
        return out->error;
}

/* ---- decoding ---- */

typedef struct Decoder {
        const uint8_t *at, *end;
        bool broken; /* sticks: checked once a fact */
} Decoder;

static uint64_t get_varint(Decoder *decoder) {
        if (decoder->at < decoder->end && *decoder->at < 0x80)
                return *decoder->at++;
        uint64_t value = 0;
        if (!base_varint_read(&decoder->at, decoder->end, &value))
                decoder->broken = true;
        return value;
}

static const char *get_text(Decoder *decoder, uint32_t *ret_size) {
        uint64_t size = get_varint(decoder);
        if (decoder->broken || size >= (uint64_t) (decoder->end - decoder->at) || size > UINT32_MAX || decoder->at[size] != '\0') {
                decoder->broken = true;
                *ret_size = 0;
                return "";
        }
        const char *text = (const char *) decoder->at;
        decoder->at += size + 1;
        *ret_size = (uint32_t) size;
        return text;
}

static Value get_value(Decoder *decoder, unsigned form) {
        switch (form) {
        case FORM_FALSE:
        case FORM_TRUE:
                return value_bool(form == FORM_TRUE);
        case FORM_INTEGER:
                return value_integer(unzigzag(get_varint(decoder)));
        case FORM_NUMBER: {
                uint64_t bits = 0;
                double number = 0;
                if (decoder->end - decoder->at < (ptrdiff_t) sizeof bits)
                        break;
                memcpy(&bits, decoder->at, sizeof bits);
                decoder->at += sizeof bits;
                bits = le64toh(bits);
                memcpy(&number, &bits, sizeof number);
                if (!isfinite(number))
                        break;
                return value_number(number);
        }
        case FORM_TEXT: {
                uint32_t size;
                const char *text = get_text(decoder, &size);
                return value_text_size(text, size);
        }
        default:
                break;
        }
        decoder->broken = true;
        return (Value){ 0 };
}

/* Also refuses counts that the remaining bytes cannot hold, before anything is allocated for them. */
static uint64_t get_count(Decoder *decoder, size_t size_min) {
        uint64_t n = get_varint(decoder);
        if (n > (uint64_t) (decoder->end - decoder->at) / size_min)
                decoder->broken = true;
        return decoder->broken ? 0 : n;
}

static void get_times(Decoder *decoder, int64_t *times, size_t n_times) {
        uint64_t time = 0;
        for (size_t i = 0; i < n_times; i++) {
                uint64_t step = get_varint(decoder);
                if (i == 0)
                        time = (uint64_t) unzigzag(step);
                else {
                        if (step == 0 || (int64_t) (time + step) < (int64_t) time)
                                decoder->broken = true;
                        time += step;
                }
                times[i] = (int64_t) time;
        }
}

static bool get_fact(Decoder *decoder, const int64_t *times, size_t n_times, const Fact *before, Fact *fact) {
        uint64_t step = get_varint(decoder);
        unsigned field = (before ? before->field : 0) + (unsigned) step;
        if (step > FIELD_ID_MAX || field > FIELD_ID_MAX)
                return false;
        const FieldInfo *info = field_info(field);
        if (!info || decoder->at == decoder->end)
                return false;
        unsigned head = *decoder->at++;
        uint64_t time_index = head >> 4;
        if (time_index == TIME_INDEX_FOLLOWS)
                time_index = get_varint(decoder);
        if (time_index >= n_times)
                return false;
        fact->field = field;
        fact->time_us = times[time_index];
        if (info->kind == FIELD_KIND_MAP) {
                uint32_t size;
                fact->key = get_text(decoder, &size);
                if (size == 0 || strlen(fact->key) != size)
                        return false;
                if (before && before->field == field && strcmp(before->key, fact->key) >= 0)
                        return false;
        } else if (before && before->field == field)
                return false;
        fact->value = get_value(decoder, head & 15);
        return !decoder->broken && value_fits(info->kind, fact->value.type);
}

int facts_decode(const void *data, size_t size, bool copy, Arena *arena, Facts *ret) {
        if (copy && size > 0) {
                void *copied = arena_alloc(arena, size);
                if (!copied)
                        return -ENOMEM;
                data = memcpy(copied, data, size);
        }
        Decoder decoder = { .at = data, .end = (const uint8_t *) data + size };
        if (size == 0 || *decoder.at++ != FACTS_VERSION)
                return RECORD_E_CORRUPT;

        size_t n_times = get_count(&decoder, 1);
        int64_t on_stack[TIMES_ON_STACK], *times = on_stack;
        if (n_times > TIMES_ON_STACK) {
                times = ARENA_ARRAY(arena, int64_t, n_times);
                if (!times)
                        return -ENOMEM;
        }
        get_times(&decoder, times, n_times);

        Facts facts = { 0 };
        size_t n_facts = get_count(&decoder, 2);
        if (decoder.broken)
                return RECORD_E_CORRUPT;
        if (n_facts > 0) {
                facts.items = ARENA_ARRAY(arena, Fact, n_facts);
                if (!facts.items)
                        return -ENOMEM;
                facts.capacity = n_facts;
        }
        while (facts.n_items < n_facts) {
                const Fact *before = facts.n_items ? &facts.items[facts.n_items - 1] : NULL;
                if (!get_fact(&decoder, times, n_times, before, &facts.items[facts.n_items]))
                        return RECORD_E_CORRUPT;
                facts.n_items++;
        }
        if (decoder.at != decoder.end)
                return RECORD_E_CORRUPT;
        *ret = facts;
        return 0;
}
