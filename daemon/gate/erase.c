/* SPDX-License-Identifier: MIT */
/*
 * Erasing a person: an event of each lead that was merged into the one named, and one of that lead, in the caller's
 * transaction; beside them, what files of the spool may still say, so that it can be looked for after the commit.
 *
 * Whoever was erased may come back by a new record. What was said before the erasure does not bring anybody back: a record
 * that was seen is known by its key, and one that was not, but is older by its own time, by what it is known by.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

bool gate_is_erasure(const Record *record) { return record->family == FAMILY_LEAD && base_streq(record->event, "erased"); }

/* ---- what to look for ---- */

/* A line each: "n LEAD" (its own number), "e ADDRESS", "p NUMBER", "i ID". What names the person comes first, each once. Ids of records
 * come last, the newest of them: a lead may have any number of events, and each file is gone through for each line. */
typedef struct Needles {
        Text text;
        size_t n;
} Needles;

static void needles_done(Needles *needles) { text_free(&needles->text); }

static void write_needle(Text *out, char kind, const char *text) {
        text_append_char(out, kind);
        text_append_char(out, ' ');
        text_append(out, text);
        text_append_char(out, '\n');
}

static void add_needle(Needles *out, char kind, const char *text) {
        if (!text || !*text || strchr(text, '\n') || out->n == GATE_NEEDLES_MAX)
                return;
        size_t size = strlen(text);
        for (const char *line = out->text.data; line && *line; line = strchr(line, '\n') + 1)
                if (line[0] == kind && strncmp(line + 2, text, size) == 0 && line[2 + size] == '\n')
                        return;
        write_needle(&out->text, kind, text);
        out->n++;
}

/* In files the address may stand as it was written. */
static void add_email(Needles *out, const char *email) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        const char *letters;

        add_needle(out, 'e', email);
        int r = !email ? RECORD_E_CORRUPT : arena ? email_with_letters(email, arena, &letters) : -ENOMEM;
        if (r == 0)
                add_needle(out, 'e', letters);
        else if (r < 0 && out->text.error == 0)
                out->text.error = r;
}

static void add_facts(Needles *out, const Facts *facts) {
        char number[24];
        add_email(out, facts_text(facts, FIELD_PERSON_EMAIL));
        add_needle(out, 'p', facts_text(facts, FIELD_PERSON_PHONE_NUMBER));
        for (size_t i = 0; i < facts->n_items; i++) {
                const Fact *fact = &facts->items[i];
                if (fact->field != FIELD_PERSON_EXTERNAL_IDS)
                        continue;
                if (fact->value.type == VALUE_TEXT)
                        add_needle(out, 'i', fact->value.text);
                else if (fact->value.type == VALUE_INTEGER) {
                        (void) snprintf(number, sizeof number, "%lld", (long long) fact->value.integer);
                        add_needle(out, 'i', number);
                }
        }
}

typedef struct Gathering {
        Needles *needles;
        Text ids; /* lines, the oldest first */
        size_t n_ids;
        Arena *arena;
        int error;
} Gathering;

static int on_said(const StoredEvent *event, void *userdata) {
        Gathering *gathering = userdata;
        Facts facts = { 0 };
        bool is_ours = !event->source || base_streq(event->source, "leadd") || base_streq(event->source, "leadctl");

        /* Ids of leadd's own are only numbers. */
        if (!is_ours && event->record_id && *event->record_id && !strchr(event->record_id, '\n')) {
                write_needle(&gathering->ids, 'i', event->record_id);
                gathering->n_ids++;
        }
        if (event->facts) {
                arena_reset(gathering->arena);
                gathering->error = facts_decode(event->facts, event->facts_size, false, gathering->arena, &facts);
                if (gathering->error == 0)
                        add_facts(gathering->needles, &facts);
        }
        return gathering->error != 0;
}

/* What the lead's events say, then what the order says. */
static int gather(Gate *gate, uint64_t lead, const Facts *order, Needles *needles) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        Gathering gathering = { .needles = needles, .arena = arena };

        if (!arena)
                return -ENOMEM;
        add_facts(needles, order);
        int r = store_log(gate->store, lead, 0, on_said, &gathering);
        const char *ids = gathering.ids.data;
        for (; gathering.n_ids > GATE_NEEDLES_MAX; gathering.n_ids--)
                ids = strchr(ids, '\n') + 1;
        if (ids)
                text_append(&needles->text, ids);
        int error = gathering.ids.error;
        text_free(&gathering.ids);
        return gathering.error != 0 ? -EBADMSG : r < 0 ? r : error != 0 ? error : needles->text.error;
}

/* ---- judging ---- */

/* Nobody is known by what the order names; but a file may have it. */
static int judge_unknown(Gate *gate, const GateInput *input, GateOutcome *ret) {
        _cleanup_(needles_done) Needles needles = { 0 };

        policy_begin_event(gate->rules, false, NULL, 0);
        policy_end_event(gate->rules);
        add_facts(&needles, &input->record->facts);
        ret->duplicate = ret->erased = true;
        if (needles.text.error != 0 || needles.n == 0)
                return needles.text.error;
        return store_erasure_add(gate->store, needles.text.data, needles.text.size, &ret->erasure);
}

int gate_judge_erasure(Gate *gate, const GateInput *input, uint64_t lead, GateOutcome *ret) {
        _cleanup_(needles_done) Needles needles = { 0 };
        uint64_t family[STORE_FAMILY_MAX];
        char text[24];
        size_t n;

        if (lead == 0)
                return judge_unknown(gate, input, ret);
        int r = store_family(gate->store, lead, family, &n);
        if (r != 0)
                return r;
        for (size_t i = n; i > 0; i--) {
                (void) snprintf(text, sizeof text, "L-%" PRIu64, family[i - 1]);
                add_needle(&needles, 'n', text);
        }
        r = gather(gate, lead, &input->record->facts, &needles);
        if (r != 0)
                return r;
        /* From the end: whatever a lead is part of, it goes before that. The order's own event is that of the lead it named last. */
        for (size_t i = n; i > 0; i--) {
                _cleanup_(record_freep) Record *record = NULL;
                char id[48];
                (void) snprintf(id, sizeof id, "L-%" PRIu64 "-%" PRIu64, family[i - 1], store_next_event(gate->store));
                r = gate_make_record(gate, "lead.erased", id, input->now_us, &record);
                if (r != 0)
                        return r;
                /* The order itself must not bring back what it names. */
                if (i == 1)
                        record->key = input->record->key;
                GateInput one = *input;
                one.record = record;
                r = gate_judge_lead(gate, &one, family[i - 1], 0, NULL, &gate->decision, ret);
                if (r != 0)
                        return r;
                if (gate->decision.refused)
                        return i == n ? 0 : -EINVAL;
        }
        ret->erased = true;
        return store_erasure_add(gate->store, needles.text.data, needles.text.size, &ret->erasure);
}

int gate_find_erased(Gate *gate, const Record *record, GateOutcome *ret, bool *ret_is) {
        int64_t at_us;

        *ret_is = false;
        if (record->flags & (RECORD_TIME_FROM_ARRIVAL | RECORD_TIME_IN_FUTURE))
                return 0;
        int r = store_find_erased(gate->store, record, &ret->lead, &at_us);
        if (r != 0 || ret->lead == 0)
                return r;
        if (record->time_us <= at_us)
                *ret_is = ret->duplicate = ret->erased = true;
        else
                ret->lead = 0;
        return 0;
}
