/* SPDX-License-Identifier: MIT */
/*
 * opportunity: what is known of a lead's deals, folded out of what records say and what moves do. Several a lead, told apart by the CRM's
 * id. Pure: a list and news go in, the list as it is from then on comes out, so that a decision, a merge that is undone and a book that
 * is brought up to date all come to the same.
 *
 * News with an id are about the one with that id; where there is none, a live one without an id is named by it, else another is opened.
 * News without an id are about the live one touched last, else they open one without. What is older than what is known fills gaps and
 * changes nothing. Amounts are integers (AMOUNT_UNIT).
 */
#include "leadd/decide.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static const char *const state_names[] = {
        [OPPORTUNITY_OPEN] = "open",
        [OPPORTUNITY_STALLED] = "stalled",
        [OPPORTUNITY_WON] = "won",
        [OPPORTUNITY_LOST] = "lost",
};

const char *opportunity_state_name(OpportunityState state) {
        return state >= OPPORTUNITY_OPEN && state <= OPPORTUNITY_LOST ? state_names[state] : NULL;
}

bool opportunity_state_find(const char *name, OpportunityState *ret) {
        for (size_t i = OPPORTUNITY_OPEN; i < ARRAY_SIZE(state_names); i++)
                if (base_streq(state_names[i], name)) {
                        *ret = (OpportunityState) i;
                        return true;
                }
        return false;
}

/* ---- what stages and moves are called ---- */

/* CRMs write "Closed Won", "closedwon", "closed_won", "Closed-Lost to Competition". */
static bool stage_ends(const char *stage, OpportunityState *ret) {
        char letters[16] = "";
        size_t n = 0;

        for (const char *c = stage; *c && n + 1 < sizeof(letters); c++) {
                char low = *c >= 'A' && *c <= 'Z' ? (char) (*c | 0x20) : *c;
                if (low >= 'a' && low <= 'z')
                        letters[n++] = low;
        }
        letters[n] = '\0';
        if (base_streq(letters, "won") || strncmp(letters, "closedwon", 9) == 0)
                *ret = OPPORTUNITY_WON;
        else if (base_streq(letters, "lost") || strncmp(letters, "closedlost", 10) == 0)
                *ret = OPPORTUNITY_LOST;
        else
                return false;
        return true;
}

static bool is_called(const char *move, const char *a, const char *b) { return base_streq(move, a) || base_streq(move, b); }

/* ---- the list ---- */

static bool same_text(const char *a, const char *b) { return a == b || (a && b && base_streq(a, b)); }

static int64_t touched_us(const Opportunity *opportunity) {
        return opportunity->said_us > opportunity->changed_us ? opportunity->said_us : opportunity->changed_us;
}

const Opportunity *opportunities_current(const Opportunity *items, size_t n_items) {
        const Opportunity *found = NULL;

        for (size_t i = 0; i < n_items; i++) {
                const Opportunity *item = &items[i];
                if (!opportunity_is_alive(item->state))
                        continue;
                if (!found || item->state < found->state || (item->state == found->state && touched_us(item) >= touched_us(found)))
                        found = item;
        }
        return found;
}

int opportunities_copy(const Opportunity *items, size_t n_items, Arena *arena, Opportunities *ret) {
        *ret = (Opportunities){ .n_items = n_items, .capacity = n_items };
        if (n_items == 0)
                return 0;
        ret->items = ARENA_ARRAY(arena, Opportunity, n_items);
        if (!ret->items)
                return -ENOMEM;
        memcpy(ret->items, items, n_items * sizeof(*items));
        return 0;
}

static Opportunity *find_number(Opportunities *opportunities, uint32_t n) {
        for (size_t i = 0; i < opportunities->n_items; i++)
                if (opportunities->items[i].n == n)
                        return &opportunities->items[i];
        return NULL;
}

static Opportunity *find_id(Opportunities *opportunities, const char *id) {
        for (size_t i = 0; i < opportunities->n_items; i++)
                if (id && opportunities->items[i].id && base_streq(opportunities->items[i].id, id))
                        return &opportunities->items[i];
        return NULL;
}

static Opportunity *find_nameless(Opportunities *opportunities) {
        for (size_t i = 0; i < opportunities->n_items; i++)
                if (!opportunities->items[i].id && opportunity_is_alive(opportunities->items[i].state))
                        return &opportunities->items[i];
        return NULL;
}

/* The one that ended last like that. */
static Opportunity *find_ended(Opportunities *opportunities, OpportunityState state) {
        Opportunity *found = NULL;

        for (size_t i = 0; i < opportunities->n_items; i++) {
                Opportunity *item = &opportunities->items[i];
                if (item->state == state && (!found || item->ended_us >= found->ended_us))
                        found = item;
        }
        return found;
}

/* The one that ended longest ago; while all are alive, the one touched longest ago. */
static void forget_one(Opportunities *opportunities) {
        size_t at = 0;

        for (size_t i = 1; i < opportunities->n_items; i++) {
                const Opportunity *item = &opportunities->items[i], *least = &opportunities->items[at];
                bool ended = item->ended_us != TIME_NONE, least_ended = least->ended_us != TIME_NONE;
                if (ended != least_ended ? ended : (ended ? item->ended_us < least->ended_us : touched_us(item) < touched_us(least)))
                        at = i;
        }
        opportunities->n_items--;
        memmove(&opportunities->items[at], &opportunities->items[at + 1], (opportunities->n_items - at) * sizeof(Opportunity));
}

static int add(Opportunities *opportunities, Arena *arena, Opportunity item, Opportunity **ret) {
        if (opportunities->n_items == opportunities->capacity) {
                size_t capacity = opportunities->capacity + 4;
                Opportunity *grown = ARENA_ARRAY(arena, Opportunity, capacity);
                if (!grown)
                        return -ENOMEM;
                if (opportunities->n_items > 0)
                        memcpy(grown, opportunities->items, opportunities->n_items * sizeof(Opportunity));
                opportunities->items = grown;
                opportunities->capacity = capacity;
        }
        item.n = opportunities->n_items > 0 ? opportunities->items[opportunities->n_items - 1].n + 1 : 1;
        if (opportunities->n_items == DECIDE_OPPORTUNITIES_MAX)
                forget_one(opportunities);
        opportunities->items[opportunities->n_items] = item;
        *ret = &opportunities->items[opportunities->n_items++];
        return 0;
}

/* ---- changing one ---- */

/* It is in its present stage and state from at_us on. */
static int note_stage(Opportunity *item, Arena *arena, int64_t at_us) {
        size_t n = item->n_stages < DECIDE_STAGES_MAX ? item->n_stages + 1 : DECIDE_STAGES_MAX;
        OpportunityStage *stages = ARENA_ARRAY(arena, OpportunityStage, n);

        if (!stages)
                return -ENOMEM;
        if (n > 1)
                memcpy(stages, item->stages, (n - 1) * sizeof(*stages));
        /* What came late is not older than what it follows: time in a stage is never negative. */
        if (n > 1 && at_us < stages[n - 2].at_us)
                at_us = stages[n - 2].at_us;
        stages[n - 1] = (OpportunityStage){ .stage = item->stage, .state = item->state, .at_us = at_us };
        item->stages = stages;
        item->n_stages = n;
        return 0;
}

static int set_state(Opportunity *item, Arena *arena, OpportunityState state, int64_t at_us) {
        if (item->state == state)
                return 0;
        item->state = state;
        item->ended_us = opportunity_is_alive(state) ? TIME_NONE : at_us > item->opened_us ? at_us : item->opened_us;
        /* That leadd put it aside is no movement of the deal. */
        if (state != OPPORTUNITY_STALLED && at_us > item->changed_us)
                item->changed_us = at_us;
        return note_stage(item, arena, at_us);
}

static bool take_text(const char **known, const char *said, bool is_newer) {
        if (!said || !*said || (*known && !is_newer) || same_text(*known, said))
                return false;
        *known = said;
        return true;
}

static int64_t amount_of(const Facts *facts) {
        const Value *value = facts_get(facts, FIELD_OPPORTUNITY_AMOUNT, NULL);

        if (value && value->type == VALUE_INTEGER && value->integer >= -AMOUNT_MAX / AMOUNT_UNIT &&
                value->integer <= AMOUNT_MAX / AMOUNT_UNIT)
                return value->integer * AMOUNT_UNIT;
        if (value && value->type == VALUE_NUMBER && fabs(value->number) * (double) AMOUNT_UNIT <= (double) AMOUNT_MAX)
                return (int64_t) llround(value->number * (double) AMOUNT_UNIT);
        return AMOUNT_NONE;
}

static int32_t probability_of(const Facts *facts) {
        const Value *value = facts_get(facts, FIELD_OPPORTUNITY_PROBABILITY, NULL);
        double number;

        if (!value || !value_as_number(value, &number) || !(number >= 0 && number <= 100))
                return -1;
        return (int32_t) lround(number <= 1 ? number * 1e6 : number * 1e4);
}

static bool take_values(Opportunity *item, const Facts *facts, bool is_newer) {
        bool changed = take_text(&item->currency, facts_text(facts, FIELD_OPPORTUNITY_CURRENCY), is_newer);
        int64_t amount = amount_of(facts);
        int32_t probability = probability_of(facts);

        changed |= take_text(&item->close_date, facts_text(facts, FIELD_OPPORTUNITY_CLOSE_DATE), is_newer);
        if (amount != AMOUNT_NONE && amount != item->amount && (is_newer || item->amount == AMOUNT_NONE)) {
                item->amount = amount;
                changed = true;
        }
        if (probability >= 0 && probability != item->probability && (is_newer || item->probability < 0)) {
                item->probability = probability;
                changed = true;
        }
        return changed;
}

typedef struct News {
        const char *id, *stage;
        bool has_state, has_end; /* it says which; it ends it */
        OpportunityState state;
        int64_t opened_us;
} News;

/* false: nothing is said of any. */
static bool read_news(const Facts *facts, int64_t time_us, News *ret) {
        bool any = false;

        for (size_t i = 0; i < facts->n_items && !any; i++)
                any = facts->items[i].field >= FIELD_OPPORTUNITY_ID && facts->items[i].field <= FIELD_OPPORTUNITY_OPENED;
        if (!any)
                return false;
        const char *id = facts_text(facts, FIELD_OPPORTUNITY_ID), *stage = facts_text(facts, FIELD_OPPORTUNITY_STAGE);
        const char *state = facts_text(facts, FIELD_OPPORTUNITY_STATE);
        const Value *opened = facts_get(facts, FIELD_OPPORTUNITY_OPENED, NULL);
        *ret = (News){ .id = id && *id ? id : NULL, .stage = stage && *stage ? stage : NULL, .opened_us = time_us };
        ret->has_state = state && opportunity_state_find(state, &ret->state);
        ret->has_end = ret->has_state ? !opportunity_is_alive(ret->state) : ret->stage && stage_ends(ret->stage, &ret->state);
        if (opened && opened->type == VALUE_INTEGER && opened->integer < time_us)
                ret->opened_us = opened->integer;
        return true;
}

static int open_one(Opportunities *opportunities, Arena *arena, const News *news, const Facts *facts, int64_t time_us, Opportunity **ret) {
        Opportunity item = {
                .state = news->has_end ? news->state : OPPORTUNITY_OPEN,
                .id = news->id,
                .stage = news->stage,
                .amount = AMOUNT_NONE,
                .probability = -1,
                .opened_us = news->opened_us,
                .said_us = time_us,
                .changed_us = time_us,
                .staged_us = time_us,
                .ended_us = news->has_end ? time_us : TIME_NONE,
        };

        (void) take_values(&item, facts, true);
        int r = note_stage(&item, arena, time_us);
        return r < 0 ? r : add(opportunities, arena, item, ret);
}

/* A closed one is open again when the news say so: a snapshot that repeats its stage says nothing. */
static OpportunityState next_state(const Opportunity *item, const News *news, bool is_staged, bool changed) {
        if (news->has_end)
                return news->state;
        if (item->state == OPPORTUNITY_STALLED)
                return changed ? OPPORTUNITY_OPEN : item->state;
        return opportunity_is_alive(item->state) || news->has_state || is_staged ? OPPORTUNITY_OPEN : item->state;
}

static int update(Opportunity *item, Arena *arena, const News *news, const Facts *facts, int64_t time_us) {
        bool is_newer = time_us >= item->said_us, had_stage = item->stage;
        /* An end that arrives behind other news is an end nevertheless. */
        bool is_staging = is_newer || (news->has_end && opportunity_is_alive(item->state) && time_us >= item->staged_us);
        bool changed = take_values(item, facts, is_newer);
        if (take_text(&item->id, news->id, false))
                changed = true;
        bool is_staged = take_text(&item->stage, news->stage, is_staging);
        OpportunityState before = item->state;
        int r = 0;

        if (news->opened_us < item->opened_us)
                item->opened_us = news->opened_us;
        changed |= is_staged;
        if (is_newer)
                item->said_us = time_us;
        if (changed && time_us > item->changed_us)
                item->changed_us = time_us;
        if (is_staged && is_staging)
                item->staged_us = time_us;
        if (is_staging)
                r = set_state(item, arena, next_state(item, news, is_staged, changed), time_us);
        if (r < 0 || !is_staged || item->state != before)
                return r;
        /* That its stage becomes known is no change of stage. */
        if (!had_stage && item->n_stages > 0) {
                OpportunityStage *stages = ARENA_ARRAY(arena, OpportunityStage, item->n_stages);
                if (!stages)
                        return -ENOMEM;
                memcpy(stages, item->stages, item->n_stages * sizeof(*stages));
                stages[item->n_stages - 1].stage = item->stage;
                item->stages = stages;
                return 0;
        }
        return note_stage(item, arena, time_us);
}

int opportunities_take(Opportunities *opportunities, Arena *arena, const Facts *facts, int64_t time_us, uint32_t *ret_n) {
        Opportunity *item = NULL;
        News news;
        int r;

        *ret_n = 0;
        if (!read_news(facts, time_us, &news))
                return 0;
        if (news.id) {
                item = find_id(opportunities, news.id);
                item = item ? item : find_nameless(opportunities);
        } else {
                item = (Opportunity *) opportunities_current(opportunities->items, opportunities->n_items);
                if (!item && news.has_end)
                        item = find_ended(opportunities, news.state);
        }
        r = item ? update(item, arena, &news, facts, time_us) : open_one(opportunities, arena, &news, facts, time_us, &item);
        if (r == 0)
                *ret_n = item->n;
        return r;
}

int opportunities_move(Opportunities *opportunities, Arena *arena, const OpportunityMove *move, int64_t at_us) {
        OpportunityState state;
        int r = 0;

        if (opportunities->n_items == 0)
                return 0;
        if (is_called(move->move, "win", "won"))
                state = OPPORTUNITY_WON;
        else if (is_called(move->move, "lose", "lost"))
                state = OPPORTUNITY_LOST;
        else if (move->stays)
                return 0;
        else if (move->to_final || (move->to_queue && move->by_person && move->has_reason))
                state = OPPORTUNITY_LOST;
        else
                state = move->to_queue ? OPPORTUNITY_STALLED : OPPORTUNITY_OPEN;

        Opportunity *named = move->named > 0 ? find_number(opportunities, move->named) : NULL;
        if (!named && state == OPPORTUNITY_WON)
                named = (Opportunity *) opportunities_current(opportunities->items, opportunities->n_items);
        for (size_t i = 0; i < opportunities->n_items && r == 0; i++) {
                Opportunity *item = &opportunities->items[i];
                if (opportunity_is_alive(item->state) && (!named ? state != OPPORTUNITY_WON : item == named))
                        r = set_state(item, arena, state, at_us);
        }
        return r;
}

/* ---- two leads that become one ---- */

int opportunities_join(Opportunities *opportunities, Arena *arena, const Opportunity *other, size_t n_other) {
        for (size_t i = 0; i < n_other; i++) {
                Opportunity *known = find_id(opportunities, other[i].id);
                if (!known) {
                        int r = add(opportunities, arena, other[i], &known);
                        if (r < 0)
                                return r;
                        continue;
                }
                int64_t opened_us = known->opened_us < other[i].opened_us ? known->opened_us : other[i].opened_us;
                uint32_t n = known->n;
                if (touched_us(&other[i]) > touched_us(known))
                        *known = other[i];
                known->n = n;
                known->opened_us = opened_us;
        }
        return 0;
}

/* ---- equal ---- */

static bool equal_stages(const Opportunity *a, const Opportunity *b) {
        if (a->n_stages != b->n_stages)
                return false;
        for (size_t i = 0; i < a->n_stages && a->stages != b->stages; i++)
                if (!same_text(a->stages[i].stage, b->stages[i].stage) || a->stages[i].state != b->stages[i].state ||
                        a->stages[i].at_us != b->stages[i].at_us)
                        return false;
        return true;
}

static bool equal_one(const Opportunity *a, const Opportunity *b) {
        return a->n == b->n && a->state == b->state && same_text(a->id, b->id) && same_text(a->stage, b->stage) &&
               same_text(a->currency, b->currency) && same_text(a->close_date, b->close_date) && a->amount == b->amount &&
               a->probability == b->probability && a->opened_us == b->opened_us && a->said_us == b->said_us &&
               a->changed_us == b->changed_us && a->staged_us == b->staged_us && a->ended_us == b->ended_us && equal_stages(a, b);
}

bool opportunities_equal(const Opportunity *a, size_t n_a, const Opportunity *b, size_t n_b) {
        if (n_a != n_b)
                return false;
        for (size_t i = 0; i < n_a; i++)
                if (!equal_one(&a[i], &b[i]))
                        return false;
        return true;
}

/* ---- the profile ---- */

static bool is_opportunity(FieldId field) { return field >= FIELD_OPPORTUNITY_ID && field <= FIELD_OPPORTUNITY_STAGED; }

static void put(Facts *into, FieldId field, Value value, int64_t time_us) {
        into->items[into->n_items++] = (Fact){ .field = field, .value = value, .time_us = time_us };
}

static void put_text(Facts *into, FieldId field, const char *text, int64_t time_us) {
        if (text)
                put(into, field, value_text(text), time_us);
}

static void put_current(Facts *into, const Opportunity *item) {
        int64_t said_us = item->said_us;

        put_text(into, FIELD_OPPORTUNITY_ID, item->id, said_us);
        put_text(into, FIELD_OPPORTUNITY_STAGE, item->stage, said_us);
        if (item->probability >= 0)
                put(into, FIELD_OPPORTUNITY_PROBABILITY, value_number(item->probability / 1e6), said_us);
        if (item->amount != AMOUNT_NONE)
                put(into, FIELD_OPPORTUNITY_AMOUNT,
                        item->amount % AMOUNT_UNIT == 0 ? value_integer(item->amount / AMOUNT_UNIT)
                                                        : value_number((double) item->amount / (double) AMOUNT_UNIT),
                        said_us);
        put_text(into, FIELD_OPPORTUNITY_CURRENCY, item->currency, said_us);
        put_text(into, FIELD_OPPORTUNITY_CLOSE_DATE, item->close_date, said_us);
        put_text(into, FIELD_OPPORTUNITY_STATE, opportunity_state_name(item->state), said_us);
        put(into, FIELD_OPPORTUNITY_OPENED, value_integer(item->opened_us), said_us);
        put(into, FIELD_OPPORTUNITY_CHANGED, value_integer(item->changed_us), said_us);
        put(into, FIELD_OPPORTUNITY_STAGED, value_integer(item->staged_us), said_us);
}

static bool same_fact(const Fact *a, const Fact *b) {
        return a->field == b->field && a->time_us == b->time_us && a->value.type == b->value.type && value_equal(&a->value, &b->value);
}

int opportunities_project(const Opportunities *opportunities, Arena *arena, Facts *profile, bool *ret_changed) {
        const Opportunity *current = opportunities_current(opportunities->items, opportunities->n_items);
        size_t from = 0, to;

        while (from < profile->n_items && profile->items[from].field < FIELD_OPPORTUNITY_ID)
                from++;
        for (to = from; to < profile->n_items && is_opportunity(profile->items[to].field);)
                to++;
        Facts made = { .capacity = profile->n_items + FIELD_OPPORTUNITY_STAGED - FIELD_OPPORTUNITY_ID + 1 };
        made.items = ARENA_ARRAY(arena, Fact, made.capacity);
        if (!made.items)
                return -ENOMEM;
        if (from > 0)
                memcpy(made.items, profile->items, from * sizeof(Fact));
        made.n_items = from;
        if (current)
                put_current(&made, current);
        *ret_changed = made.n_items - from != to - from;
        for (size_t i = from; i < to && !*ret_changed; i++)
                *ret_changed = !same_fact(&made.items[i], &profile->items[i]);
        if (!*ret_changed)
                return 0;
        if (to < profile->n_items)
                memcpy(&made.items[made.n_items], &profile->items[to], (profile->n_items - to) * sizeof(Fact));
        made.n_items += profile->n_items - to;
        *profile = made;
        return 0;
}

/* ---- amounts in words ---- */

void text_append_amount(Text *out, int64_t amount, const char *currency) {
        uint64_t size = amount < 0 ? -(uint64_t) amount : (uint64_t) amount;
        uint64_t whole = size / (uint64_t) AMOUNT_UNIT, part = size % (uint64_t) AMOUNT_UNIT;
        char digits[24];

        (void) snprintf(digits, sizeof(digits), "%" PRIu64, whole);
        if (amount < 0)
                text_append_char(out, '-');
        for (size_t i = 0, n = strlen(digits); i < n; i++)
                text_printf(out, "%s%c", i > 0 && (n - i) % 3 == 0 ? "," : "", digits[i]);
        if (part % 100 != 0)
                text_printf(out, ".%04" PRIu64, part);
        else if (part > 0)
                text_printf(out, ".%02" PRIu64, part / 100);
        if (currency)
                text_printf(out, " %s", currency);
}
