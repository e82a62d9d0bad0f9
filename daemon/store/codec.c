/* SPDX-License-Identifier: MIT */
/*
 * What stands inside an event row: one blob of variable-length integers with the moves,
 * the assignment, the receipts and the summary of a decision, and the short forms of
 * record ids. Every blob read back is checked, a damaged one is an error, never a crash.
 * Free text that may speak of a person (notes) is not in the log: it goes to the payload row, which can be deleted.
 *
 * The blob: format (1); number of moves, each: move, from, to, by, reason, note; has assignment: owner, previous, route, team, text;
 * reminded roles; summary; number of receipts, each: rule, bits, points, before, after, distance of its event; then, where there is one
 * of these: number of cuts, each a call; parts, each: its mark, what it holds. The bits of a receipt hold the kind of its rule above
 * the others.
 */
#include "internal.h"
#include <errno.h>

#define BODY_FORMAT 1
#define BODY_ITEMS_MAX 100000 /* moves or receipts of one event: what a damaged blob may ask memory for */

enum { NOTE_NONE = 0, NOTE_OF_RECORD = 1, NOTE_KEPT = 2 }; /* a move's note: outcome.note, or in the payload */
enum {
        PART_BLOCKS = 1,
        PART_ADAPTER = 2,
        PART_TURNS = 3,
        PART_ACCOUNT = 4,
        PART_MESSAGES = 5,
        PART_FAIR = 6,
        PART_HANDOFF = 7
}; /* blocks: number, each: kind, rule, move. Adapter: name */
enum { HANDOFF_HAS_DUE = 1 << 0, HANDOFF_HAS_WORKING = 1 << 1, HANDOFF_RESPONSE = 2, HANDOFF_HOW = 4 };
enum { RECEIPT_FAILED = 1 << 0, RECEIPT_HAS_NOTE = 1 << 1, RECEIPT_MATCHED = 1 << 2, RECEIPT_KIND = 3 };

static uint64_t zigzag(int64_t v) { return ((uint64_t) v << 1) ^ (uint64_t) (v >> 63); }
static int64_t unzigzag(uint64_t v) { return (int64_t) (v >> 1) ^ -(int64_t) (v & 1); }

/* ---- writing ---- */

/* 0 = NULL; even = a dictionary entry; odd = the text itself, preceded by its size. */
static int put_name(Store *store, Text *out, const char *text, size_t n_max) {
        if (!text) {
                text_append_varint(out, 0);
                return 0;
        }
        Ref ref;
        int r = name_ref(store, text, n_max, &ref);
        if (r != 0)
                return r;
        if (ref.id > 0) {
                text_append_varint(out, ref.id << 1);
                return 0;
        }
        size_t size = strlen(text);
        text_append_varint(out, (uint64_t) size << 1 | 1);
        text_append_size(out, text, size);
        return 0;
}

static void put_note(Text *notes, const char *note) {
        size_t size = strlen(note);
        text_append_varint(notes, size);
        text_append_size(notes, note, size);
}

static int put_moves(Store *store, const StoreEntry *entry, Text *body, Text *notes) {
        const Decision *decision = entry->decision;
        const char *of_record = facts_text(&entry->record->facts, FIELD_OUTCOME_NOTE);
        text_append_varint(body, decision->n_moves);
        for (size_t i = 0; i < decision->n_moves; i++) {
                const MoveMade *move = &decision->moves[i];
                const char *const names[] = { move->move, move->from, move->to, move->by, move->reason };
                for (size_t j = 0; j < ARRAY_SIZE(names); j++) {
                        int r = put_name(store, body, names[j], STORE_NAMES_MAX);
                        if (r != 0)
                                return r;
                }
                if (!move->note)
                        text_append_varint(body, NOTE_NONE);
                else if (of_record && base_streq(of_record, move->note))
                        text_append_varint(body, NOTE_OF_RECORD);
                else {
                        text_append_varint(body, NOTE_KEPT);
                        put_note(notes, move->note);
                }
        }
        return 0;
}

static int put_assignment(Store *store, const Assignment *assignment, Text *body) {
        text_append_varint(body, assignment->changed);
        if (!assignment->changed)
                return 0;
        const char *const names[] = { assignment->owner, assignment->previous, assignment->route, assignment->team };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                int r = put_name(store, body, names[i], STORE_NAMES_MAX);
                if (r != 0)
                        return r;
        }
        return put_name(store, body, assignment->text, STORE_PHRASES_MAX);
}

static int put_receipts(Store *store, const StoreEntry *entry, Text *body, Text *notes) {
        const Receipts *receipts = &entry->decision->receipts;
        size_t n = 0;
        for (size_t i = 0; i < receipts->n_items; i++)
                n += receipts->items[i].matched || receipts->items[i].failed;
        text_append_varint(body, n);
        for (size_t i = 0; i < receipts->n_items; i++) {
                const Receipt *receipt = &receipts->items[i];
                if (!receipt->matched && !receipt->failed)
                        continue;
                int r = put_name(store, body, receipt->rule->name, STORE_NAMES_MAX);
                if (r != 0)
                        return r;
                text_append_varint(body, (receipt->failed ? RECEIPT_FAILED : 0) | (receipt->note ? RECEIPT_HAS_NOTE : 0) |
                                                 (receipt->matched ? RECEIPT_MATCHED : 0) | (uint64_t) receipt->rule->kind << RECEIPT_KIND);
                text_append_varint(body, zigzag(receipt->points_mp));
                text_append_varint(body, zigzag(receipt->before_mp));
                text_append_varint(body, zigzag(receipt->after_mp));
                text_append_varint(body, receipt->event == 0 ? 0 : entry->event_id - receipt->event + 1);
                if (receipt->note)
                        put_note(notes, receipt->note);
        }
        return 0;
}

static int put_blocks(Store *store, const Decision *decision, Text *body) {
        int r = 0;
        text_append_varint(body, PART_BLOCKS);
        text_append_varint(body, decision->n_blocks);
        for (size_t i = 0; i < decision->n_blocks && r == 0; i++) {
                const Block *block = &decision->blocks[i];
                text_append_varint(body, (uint64_t) block->rule->kind);
                r = put_name(store, body, block->rule->name, STORE_NAMES_MAX);
                if (r == 0)
                        r = put_name(store, body, block->move, STORE_NAMES_MAX);
        }
        return r;
}

/* Facts of one turn are of one team and one route: said once. */
static int put_fair(Store *store, const Decision *decision, Text *body) {
        int r = 0;
        text_append_varint(body, PART_FAIR);
        text_append_varint(body, decision->n_fair);
        text_append_varint(body, zigzag(decision->fair_day));
        for (size_t i = 0; i < decision->n_fair && r == 0; i++) {
                const FairFact *fact = &decision->fair[i], *before = i > 0 ? &decision->fair[i - 1] : NULL;
                bool is_same = before && base_streq(before->team, fact->team) && (before->route == NULL) == (fact->route == NULL) &&
                               (!fact->route || base_streq(before->route, fact->route));
                text_append_varint(body, (uint64_t) fact->kind << 1 | is_same);
                if (!is_same)
                        r = put_name(store, body, fact->team, STORE_NAMES_MAX);
                if (r == 0 && !is_same)
                        r = put_name(store, body, fact->route, STORE_NAMES_MAX);
                if (r == 0)
                        r = put_name(store, body, fact->member, STORE_NAMES_MAX);
                text_append_varint(body, zigzag(fact->n));
        }
        return r;
}

/* Bits; distance of the event of the offer, its instant, due and working time; team, owner, route, SLA, reason. */
static int put_handoff(Store *store, const StoreEntry *entry, Text *body) {
        const HandOff *handoff = &entry->decision->handoff;
        const char *const names[] = { handoff->team, handoff->owner, handoff->route, handoff->sla, handoff->reason };
        bool has_due = handoff->due_us != TIME_NONE, has_working = handoff->working_us != TIME_NONE;
        int r = 0;
        text_append_varint(body, PART_HANDOFF);
        text_append_varint(body, (has_due ? HANDOFF_HAS_DUE : 0) | (has_working ? HANDOFF_HAS_WORKING : 0) |
                                         (uint64_t) handoff->response << HANDOFF_RESPONSE | (uint64_t) handoff->how << HANDOFF_HOW);
        text_append_varint(body, entry->event_id - handoff->offered_event);
        text_append_varint(body, zigzag(handoff->offered_us));
        if (has_due)
                text_append_varint(body, zigzag(handoff->due_us));
        if (has_working)
                text_append_varint(body, zigzag(handoff->working_us));
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++)
                r = put_name(store, body, names[i], STORE_NAMES_MAX);
        return r;
}

/* What is rare stands behind the rest, or nowhere. What an older leadd did not write is not written of its events, either. */
static int put_rest(Store *store, const StoreEntry *entry, Text *body) {
        const Decision *decision = entry->decision;
        bool is_new = entry->event_id >= store->uses_from;
        bool has_blocks = is_new && decision->n_blocks > 0, has_adapter = is_new && entry->record->adapter;
        int r = 0;
        bool has_messages = false, has_turns = is_new && decision->n_turns > 0, has_account = is_new && decision->account_asked;
        bool has_handoff = decision->handoff.how && !store_is_before_7(store, entry->event_id);
        for (size_t i = 0; is_new && i < decision->n_effects; i++)
                has_messages |= decision->effects[i].message != NULL;
        if (decision->n_cuts == 0 && !has_blocks && !has_adapter && !has_turns && !has_account && !has_messages && decision->n_fair == 0 &&
                !has_handoff)
                return 0;
        text_append_varint(body, decision->n_cuts);
        for (size_t i = 0; i < decision->n_cuts; i++)
                text_append_varint(body, decision->cuts[i]);
        if (has_blocks)
                r = put_blocks(store, decision, body);
        if (r == 0 && has_adapter) {
                text_append_varint(body, PART_ADAPTER);
                r = put_name(store, body, entry->record->adapter, STORE_NAMES_MAX);
        }
        /* What a replay cannot find out of a lead that was erased, and others depend on. */
        if (r == 0 && has_turns) {
                text_append_varint(body, PART_TURNS);
                text_append_varint(body, decision->n_turns);
        }
        for (size_t i = 0; r == 0 && has_turns && i < decision->n_turns; i++) {
                r = put_name(store, body, decision->turns[i].member, STORE_NAMES_MAX);
                text_append_varint(body, zigzag(decision->turns[i].turn));
                text_append_varint(body, decision->turns[i].took_part);
                text_append_varint(body, decision->turns[i].served);
                text_append_varint(body, decision->turns[i].credits);
        }
        if (r == 0 && has_account) {
                text_append_varint(body, PART_ACCOUNT);
                r = put_name(store, body, decision->account_owner, STORE_NAMES_MAX);
        }
        if (r == 0 && has_messages) {
                text_append_varint(body, PART_MESSAGES);
                text_append_varint(body, decision->n_effects);
        }
        for (size_t i = 0; r == 0 && has_messages && i < decision->n_effects; i++)
                r = put_name(store, body, decision->effects[i].message, STORE_NAMES_MAX);
        if (r == 0 && decision->n_fair > 0)
                r = put_fair(store, decision, body);
        return r == 0 && has_handoff ? put_handoff(store, entry, body) : r;
}

int body_encode(Store *store, const StoreEntry *entry, Text *body, Text *notes) {
        const Decision *decision = entry->decision;
        text_clear(body);
        text_clear(notes);
        text_append_varint(body, BODY_FORMAT);
        int r = put_moves(store, entry, body, notes);
        if (r == 0)
                r = put_assignment(store, &decision->assignment, body);
        if (r == 0)
                r = put_name(store, body, decision->reminded_roles, STORE_PHRASES_MAX);
        if (r == 0)
                r = put_name(store, body, decision->summary, STORE_PHRASES_MAX);
        if (r == 0)
                r = put_receipts(store, entry, body, notes);
        if (r == 0)
                r = put_rest(store, entry, body);
        if (r == 0)
                r = body->error != 0 ? body->error : notes->error;
        return r;
}

/* ---- reading ---- */

typedef struct Reader {
        const uint8_t *at, *end;
        int error; /* the first one sticks */
} Reader;

static uint64_t get_number(Reader *reader) {
        uint64_t value = 0;
        if (reader->error == 0 && !base_varint_read(&reader->at, reader->end, &value))
                reader->error = -EBADMSG;
        return reader->error == 0 ? value : 0;
}

static const char *get_text(Reader *reader, Arena *arena, uint64_t size) {
        if (reader->error == 0 && size > (uint64_t) (reader->end - reader->at))
                reader->error = -EBADMSG;
        if (reader->error != 0)
                return NULL;
        const char *text = arena_strndup(arena, (const char *) reader->at, (size_t) size);
        reader->at += size;
        if (!text)
                reader->error = -ENOMEM;
        return text;
}

static const char *get_name(Reader *reader, Store *store, Arena *arena) {
        uint64_t value = get_number(reader);
        if (value & 1)
                return get_text(reader, arena, value >> 1);
        const char *text = NULL;
        if (reader->error == 0 && value > 0)
                reader->error = name_copy(store, value >> 1, arena, &text);
        return text;
}

static size_t get_count(Reader *reader) {
        uint64_t n = get_number(reader);
        /* Each item takes several bytes: a count beyond what is left is a lie. */
        if (reader->error == 0 && (n > BODY_ITEMS_MAX || n > (uint64_t) (reader->end - reader->at)))
                reader->error = -EBADMSG;
        return reader->error == 0 ? (size_t) n : 0;
}

/* The next note kept beside the facts; NULL when they were deleted together. */
static const char *get_note(Reader *notes, Arena *arena) {
        if (!notes->at || notes->at == notes->end)
                return NULL;
        uint64_t size = get_number(notes);
        return get_text(notes, arena, size);
}

static void get_moves(Reader *reader, Reader *notes, Store *store, const Facts *facts, Arena *arena, StoredEvent *ret) {
        size_t n = get_count(reader);
        MoveMade *moves = n > 0 ? ARENA_ARRAY(arena, MoveMade, n) : NULL;
        if (n > 0 && !moves)
                reader->error = -ENOMEM;
        for (size_t i = 0; i < n && reader->error == 0; i++) {
                moves[i].move = get_name(reader, store, arena);
                moves[i].from = get_name(reader, store, arena);
                moves[i].to = get_name(reader, store, arena);
                moves[i].by = get_name(reader, store, arena);
                moves[i].reason = get_name(reader, store, arena);
                uint64_t note = get_number(reader);
                if (note == NOTE_OF_RECORD)
                        moves[i].note = facts ? facts_text(facts, FIELD_OUTCOME_NOTE) : NULL;
                else if (note == NOTE_KEPT)
                        moves[i].note = get_note(notes, arena);
        }
        ret->moves = moves;
        ret->n_moves = n;
}

static void get_assignment(Reader *reader, Store *store, Arena *arena, Assignment *ret) {
        if (get_number(reader) == 0)
                return;
        ret->changed = true;
        ret->owner = get_name(reader, store, arena);
        ret->previous = get_name(reader, store, arena);
        ret->route = get_name(reader, store, arena);
        ret->team = get_name(reader, store, arena);
        ret->text = get_name(reader, store, arena);
}

static void get_receipts(Reader *reader, Reader *notes, Store *store, uint64_t event, Arena *arena, StoredEvent *ret) {
        size_t n = get_count(reader);
        StoredReceipt *receipts = n > 0 ? ARENA_ARRAY(arena, StoredReceipt, n) : NULL;
        if (n > 0 && !receipts)
                reader->error = -ENOMEM;
        for (size_t i = 0; i < n && reader->error == 0; i++) {
                receipts[i].rule = get_name(reader, store, arena);
                uint64_t bits = get_number(reader);
                receipts[i].failed = bits & RECEIPT_FAILED;
                receipts[i].matched = bits & RECEIPT_MATCHED;
                receipts[i].kind = (RuleKind) (bits >> RECEIPT_KIND);
                receipts[i].points_mp = unzigzag(get_number(reader));
                receipts[i].before_mp = unzigzag(get_number(reader));
                receipts[i].after_mp = unzigzag(get_number(reader));
                uint64_t distance = get_number(reader);
                receipts[i].event = distance > 0 ? event - (distance - 1) : 0;
                if (bits & RECEIPT_HAS_NOTE)
                        receipts[i].note = get_note(notes, arena);
        }
        ret->receipts = receipts;
        ret->n_receipts = n;
}

static void get_cuts(Reader *reader, Arena *arena, StoredEvent *ret) {
        if (reader->error != 0 || reader->at == reader->end)
                return;
        size_t n = get_count(reader);
        uint32_t *cuts = n > 0 ? ARENA_ARRAY(arena, uint32_t, n) : NULL;
        if (n > 0 && !cuts)
                reader->error = -ENOMEM;
        for (size_t i = 0; i < n && reader->error == 0; i++) {
                uint64_t call = get_number(reader);
                if (reader->error == 0 && call > UINT32_MAX)
                        reader->error = -EBADMSG;
                else
                        cuts[i] = (uint32_t) call;
        }
        ret->cuts = cuts;
        ret->n_cuts = n;
}

static void get_blocks(Reader *reader, Store *store, Arena *arena, StoredEvent *ret) {
        size_t n = get_count(reader);
        StoredBlock *blocks = n > 0 ? ARENA_ARRAY(arena, StoredBlock, n) : NULL;
        if (n > 0 && !blocks)
                reader->error = -ENOMEM;
        for (size_t i = 0; i < n && reader->error == 0; i++) {
                blocks[i].kind = (RuleKind) get_number(reader);
                blocks[i].rule = get_name(reader, store, arena);
                blocks[i].move = get_name(reader, store, arena);
        }
        ret->blocks = blocks;
        ret->n_blocks = n;
}

static void get_turns(Reader *reader, Store *store, Arena *arena, StoredEvent *ret) {
        size_t n = get_count(reader);
        TurnChange *turns = n > 0 ? ARENA_ARRAY(arena, TurnChange, n) : NULL;
        if (n > 0 && !turns)
                reader->error = -ENOMEM;
        for (size_t i = 0; i < n && reader->error == 0; i++) {
                turns[i].member = get_name(reader, store, arena);
                turns[i].turn = unzigzag(get_number(reader));
                turns[i].took_part = get_number(reader);
                turns[i].served = get_number(reader);
                turns[i].credits = (uint32_t) get_number(reader);
        }
        ret->turns = turns;
        ret->n_turns = n;
}

static void get_fair(Reader *reader, Store *store, Arena *arena, StoredEvent *ret) {
        size_t n = get_count(reader);
        FairFact *fair = n > 0 ? ARENA_ARRAY(arena, FairFact, n) : NULL;
        if (n > 0 && !fair)
                reader->error = -ENOMEM;
        ret->fair_day = unzigzag(get_number(reader));
        for (size_t i = 0; i < n && reader->error == 0; i++) {
                uint64_t head = get_number(reader);
                bool is_same = head & 1;
                if (is_same && i == 0)
                        reader->error = -EBADMSG;
                fair[i].kind = (FairKind) (head >> 1);
                fair[i].team = is_same && i > 0 ? fair[i - 1].team : get_name(reader, store, arena);
                fair[i].route = is_same && i > 0 ? fair[i - 1].route : get_name(reader, store, arena);
                fair[i].member = get_name(reader, store, arena);
                fair[i].n = unzigzag(get_number(reader));
        }
        ret->fair = fair;
        ret->n_fair = n;
}

static void get_messages(Reader *reader, Store *store, Arena *arena, StoredEvent *ret) {
        size_t n = get_count(reader);
        const char **messages = n > 0 ? ARENA_ARRAY(arena, const char *, n) : NULL;
        if (n > 0 && !messages)
                reader->error = -ENOMEM;
        for (size_t i = 0; i < n && reader->error == 0; i++)
                messages[i] = get_name(reader, store, arena);
        ret->messages = messages;
        ret->n_messages = n;
}

static void get_handoff(Reader *reader, Store *store, uint64_t event, Arena *arena, HandOff *ret) {
        uint64_t bits = get_number(reader);
        ret->how = (HandOffHow) (bits >> HANDOFF_HOW);
        ret->response = (ResponseStatus) (bits >> HANDOFF_RESPONSE & 3);
        uint64_t distance = get_number(reader);
        if (reader->error == 0 && (ret->how < HANDOFF_ACCEPTED || ret->how > HANDOFF_LEFT || distance >= event))
                reader->error = -EBADMSG;
        ret->offered_event = event - distance;
        ret->offered_us = unzigzag(get_number(reader));
        ret->due_us = bits & HANDOFF_HAS_DUE ? unzigzag(get_number(reader)) : TIME_NONE;
        ret->working_us = bits & HANDOFF_HAS_WORKING ? unzigzag(get_number(reader)) : TIME_NONE;
        ret->team = get_name(reader, store, arena);
        ret->owner = get_name(reader, store, arena);
        ret->route = get_name(reader, store, arena);
        ret->sla = get_name(reader, store, arena);
        ret->reason = get_name(reader, store, arena);
}

static void get_parts(Reader *reader, Store *store, uint64_t event, Arena *arena, StoredEvent *ret) {
        while (reader->error == 0 && reader->at < reader->end)
                switch (get_number(reader)) {
                case PART_BLOCKS:
                        get_blocks(reader, store, arena, ret);
                        break;
                case PART_ADAPTER:
                        ret->adapter = get_name(reader, store, arena);
                        break;
                case PART_TURNS:
                        get_turns(reader, store, arena, ret);
                        break;
                case PART_ACCOUNT:
                        ret->account_asked = true;
                        ret->account_owner = get_name(reader, store, arena);
                        break;
                case PART_MESSAGES:
                        get_messages(reader, store, arena, ret);
                        break;
                case PART_FAIR:
                        get_fair(reader, store, arena, ret);
                        break;
                case PART_HANDOFF:
                        get_handoff(reader, store, event, arena, &ret->handoff);
                        break;
                default:
                        reader->error = -EBADMSG;
                }
}

static Reader reader_of(Blob blob) {
        return (Reader){ .at = blob.data, .end = blob.data ? (const uint8_t *) blob.data + blob.size : NULL };
}

int body_decode(Store *store, uint64_t event, Blob body, Blob notes_blob, const Facts *facts, Arena *arena, StoredEvent *ret) {
        Reader reader = reader_of(body), notes = reader_of(notes_blob);
        if (!body.data || get_number(&reader) != BODY_FORMAT)
                return -EBADMSG;
        get_moves(&reader, &notes, store, facts, arena, ret);
        get_assignment(&reader, store, arena, &ret->assignment);
        ret->reminded_roles = get_name(&reader, store, arena);
        ret->summary = get_name(&reader, store, arena);
        get_receipts(&reader, &notes, store, event, arena, ret);
        get_cuts(&reader, arena, ret);
        get_parts(&reader, store, event, arena, ret);
        return reader.error != 0 ? reader.error : notes.error;
}

int body_decode_moves(Store *store, Blob body, Arena *arena, StoredEvent *ret) {
        Reader reader = reader_of(body), notes = { 0 };
        if (!body.data || get_number(&reader) != BODY_FORMAT)
                return -EBADMSG;
        get_moves(&reader, &notes, store, NULL, arena, ret);
        get_assignment(&reader, store, arena, &ret->assignment);
        return reader.error;
}

int body_decode_owner(Store *store, Blob body, Arena *arena, const char **ret_owner) {
        StoredEvent event = { 0 };
        int r = body_decode_moves(store, body, arena, &event);
        *ret_owner = event.assignment.owner;
        return r;
}

/* ---- record ids ---- */

static int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

/* Lower-case hex digits with dashes at the given places (a bit set), and nothing else. */
static bool parse_hex(const char *s, size_t size, uint64_t dashes, uint8_t *ret) {
        size_t n = 0;
        for (size_t i = 0; i < size; i++) {
                if (i < 64 && dashes >> i & 1) {
                        if (s[i] != '-')
                                return false;
                        continue;
                }
                int digit = hex_digit(s[i]);
                if (digit < 0)
                        return false;
                if (n % 2 == 0)
                        ret[n / 2] = (uint8_t) (digit << 4);
                else
                        ret[n / 2] |= (uint8_t) digit;
                n++;
        }
        return true;
}

#define UUID_SIZE 16
#define UUID_DASHES (UINT64_C(1) << 8 | UINT64_C(1) << 13 | UINT64_C(1) << 18 | UINT64_C(1) << 23)

Arg record_id_pack(const char *id, uint8_t buf[static DIGEST_SIZE]) {
        if (!id)
                return (Arg){ .type = ARG_NULL };
        size_t size = strlen(id);
        if (size == 2 * DIGEST_SIZE && parse_hex(id, size, 0, buf))
                return ARG_BYTES(buf, DIGEST_SIZE);
        if (size == 2 * UUID_SIZE + 4 && parse_hex(id, size, UUID_DASHES, buf))
                return ARG_BYTES(buf, UUID_SIZE);
        /* A number as printf would print it. */
        if (size > 0 && size <= 18 && (id[0] != '0' || size == 1) && strspn(id, "0123456789") == size)
                return ARG((int64_t) strtoll(id, NULL, 10));
        return ARG(id);
}

int record_id_unpack(sqlite3_stmt *row, int column, Arena *arena, const char **ret) {
        char text[2 * DIGEST_SIZE + 5];
        switch (sqlite3_column_type(row, column)) {
        case SQLITE_NULL:
                *ret = NULL;
                return 0;
        case SQLITE_INTEGER:
                *ret = arena_printf(arena, "%lld", (long long) sqlite3_column_int64(row, column));
                break;
        case SQLITE_BLOB: {
                Blob blob = column_blob(row, column);
                if (blob.size == DIGEST_SIZE) {
                        digest_hex(blob.data, blob.size, text);
                        *ret = arena_strdup(arena, text);
                        break;
                }
                if (blob.size != UUID_SIZE)
                        return -EBADMSG;
                digest_hex(blob.data, blob.size, text);
                *ret = arena_printf(arena, "%.8s-%.4s-%.4s-%.4s-%.12s", text, text + 8, text + 12, text + 16, text + 20);
                break;
        }
        default: {
                const char *kept = column_text(row, column);
                *ret = kept ? arena_strdup(arena, kept) : NULL;
        }
        }
        return *ret ? 0 : -ENOMEM;
}

RecordFamily record_family(const char *type, const char **ret_event) {
        static const struct {
                const char *name;
                RecordFamily family;
        } families[] = {
                { "lead", FAMILY_LEAD },
                { "activity", FAMILY_ACTIVITY },
                { "outcome", FAMILY_OUTCOME },
                { "consent", FAMILY_CONSENT },
                { "company", FAMILY_COMPANY },
                { "owner", FAMILY_OWNER },
                { "timer", FAMILY_TIMER },
                { "rules", FAMILY_RULES },
                { "campaign", FAMILY_CAMPAIGN },
        };
        const char *dot = strchr(type, '.');
        size_t size = dot ? (size_t) (dot - type) : strlen(type);
        for (size_t i = 0; i < ARRAY_SIZE(families); i++)
                if (strlen(families[i].name) == size && memcmp(families[i].name, type, size) == 0) {
                        *ret_event = dot ? dot + 1 : "";
                        return families[i].family;
                }
        return 0;
}
