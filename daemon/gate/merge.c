/* SPDX-License-Identifier: MIT */
/*
 * Two leads become one, and one becomes two again: what decide has to know of both, and the two events of which each
 * is made (more where one parts from leads that are one with another themselves). All are judged in the caller's
 * transaction; replay meets them one by one in the log.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static bool is_lead_event(const Record *record, const char *event) {
        return record->family == FAMILY_LEAD && base_streq(record->event, event);
}

bool gate_is_merge(const Record *record) { return is_lead_event(record, "merged") || is_lead_event(record, "unmerged"); }

static uint64_t named_in(const Record *record, FieldId field) {
        const Value *value = facts_get(&record->facts, field, NULL);

        return value && value->type == VALUE_INTEGER && value->integer > 0 ? (uint64_t) value->integer : 0;
}

/* ---- what a lead is by its own events ---- */

typedef struct Refolding {
        Gate *gate;
        Refolded *into;
        ReasonUse *uses;
        size_t uses_capacity;
        Opportunities opportunities;
        /* by the lead that each event came by */
        uint64_t leads[STORE_FAMILY_MAX + 1];
        Facts profiles[STORE_FAMILY_MAX + 1];
        size_t n;
        /* the newest activities, as the history keeps them: what has left it still counts for idle */
        int64_t *times;
        size_t n_times;
        int error;
} Refolding;

static Facts *profile_of(Refolding *refolding, uint64_t lead) {
        for (size_t i = 0; i < refolding->n; i++)
                if (refolding->leads[i] == lead)
                        return &refolding->profiles[i];
        if (refolding->n == ARRAY_SIZE(refolding->leads))
                return NULL;
        refolding->leads[refolding->n] = lead;
        return &refolding->profiles[refolding->n++];
}

static int note_use(Refolding *refolding, const StoredEvent *event, bool is_outcome) {
        Refolded *into = refolding->into;

        for (size_t i = 0; i < event->n_moves; i++) {
                const char *reason = event->moves[i].reason;
                size_t at = 0;
                if (!reason || strncmp(event->moves[i].by, "rules", 5) == 0)
                        continue;
                while (at < into->n_uses && strcmp(refolding->uses[at].reason, reason) < 0)
                        at++;
                if (at == into->n_uses || !base_streq(refolding->uses[at].reason, reason)) {
                        if (into->n_uses == refolding->uses_capacity)
                                return -EOVERFLOW;
                        memmove(&refolding->uses[at + 1], &refolding->uses[at], (into->n_uses - at) * sizeof(ReasonUse));
                        into->n_uses++;
                }
                refolding->uses[at] = (ReasonUse){ .reason = arena_strdup(refolding->gate->arena, reason),
                        .event = event->id,
                        .at_us = is_outcome && event->time_us < event->now_us ? event->time_us : event->now_us };
                if (!refolding->uses[at].reason)
                        return -ENOMEM;
                if (into->n_uses <= DECIDE_REASON_USES_MAX)
                        continue;
                size_t oldest = 0;
                for (size_t k = 1; k < into->n_uses; k++)
                        if (refolding->uses[k].event < refolding->uses[oldest].event)
                                oldest = k;
                into->n_uses--;
                memmove(&refolding->uses[oldest], &refolding->uses[oldest + 1], (into->n_uses - oldest) * sizeof(ReasonUse));
        }
        return 0;
}

/* As deals.c has it, with the rules of today. */
static int note_opportunities(Refolding *refolding, const StoredEvent *event, const Facts *facts) {
        Gate *gate = refolding->gate;
        uint32_t named = 0;
        int r = facts ? opportunities_take(&refolding->opportunities, gate->arena, facts, event->time_us, &named) : 0;

        for (size_t i = 0; i < event->n_moves && r == 0; i++) {
                const MoveMade *made = &event->moves[i];
                const Status *to = policy_status(gate->rules, made->to);
                bool by_person = strncmp(made->by, "rep:", 4) == 0 || strncmp(made->by, "team:", 5) == 0;
                const OpportunityMove move = { .move = made->move,
                        .to_final = to && to->kind == STATUS_FINAL,
                        .to_queue = to && to->team && to->team->n_members == 0,
                        .stays = base_streq(made->from, made->to),
                        .by_person = by_person,
                        .has_reason = made->reason,
                        .named = named };
                r = opportunities_move(&refolding->opportunities, gate->arena, &move,
                        by_person && event->time_us < event->now_us ? event->time_us : event->now_us);
        }
        return r;
}

static int note_activity(Refolding *refolding, int64_t time_us) {
        size_t at = refolding->n_times++ % DECIDE_HISTORY_MAX;

        if (refolding->n_times > DECIDE_HISTORY_MAX && refolding->times[at] > refolding->into->idle_from_us)
                refolding->into->idle_from_us = refolding->times[at];
        refolding->times[at] = time_us;
        return 0;
}

static int note_first_touch(Refolding *refolding, const StoredEvent *event) {
        Arena *arena = refolding->gate->arena;
        Refolded *into = refolding->into;
        const char *source = event->source ? arena_strdup(arena, event->source) : NULL;
        Facts facts = { 0 };

        if (event->source && !source)
                return -ENOMEM;
        int r = event->facts ? facts_decode(event->facts, event->facts_size, true, arena, &facts) : 0;
        return r != 0 ? (r < 0 ? r : -EBADMSG) : decide_first_touch(&facts, source, arena, &into->came_from, &into->campaign);
}

static int take_event(Refolding *refolding, const StoredEvent *event) {
        Arena *arena = refolding->gate->arena;
        Refolded *into = refolding->into;
        bool is_outcome = strncmp(event->type, "outcome.", 8) == 0, is_activity = strncmp(event->type, "activity.", 9) == 0;
        bool is_lead = strncmp(event->type, "lead.", 5) == 0;
        bool is_care = is_lead && (base_streq(event->type, "lead.merged") || base_streq(event->type, "lead.unmerged"));
        bool is_outside = is_activity || (is_lead && !is_care) || strncmp(event->type, "consent.", 8) == 0 ||
                          strncmp(event->type, "company.", 8) == 0;
        bool changed;

        if (is_care)
                return 0;
        bool is_oldest = into->created_us == TIME_NONE || event->time_us < into->created_us;
        if (is_oldest)
                into->created_us = event->time_us;
        if (is_outcome && event->time_us > into->idle_from_us)
                into->idle_from_us = event->time_us;
        if (is_outside && event->source && *event->source &&
                (event->time_us > into->source_us ||
                        (event->time_us == into->source_us && strcmp(event->source, into->source ? into->source : "") > 0))) {
                into->source = arena_strdup(arena, event->source);
                into->source_us = event->time_us;
                if (!into->source)
                        return -ENOMEM;
        }
        int r = note_use(refolding, event, is_outcome);
        if (r == 0 && is_outside && is_oldest) {
                into->came_from = into->campaign = NULL;
                r = note_first_touch(refolding, event);
        }
        if (r == 0 && (is_activity || base_streq(event->type, "lead.submitted")))
                r = note_activity(refolding, event->time_us);
        if (r != 0)
                return r;
        if (!event->facts || strncmp(event->type, "timer.", 6) == 0)
                return note_opportunities(refolding, event, NULL);
        Facts *profile = profile_of(refolding, event->named > 0 ? event->named : event->lead), facts;
        if (!profile)
                return -EOVERFLOW;
        r = facts_decode(event->facts, event->facts_size, true, arena, &facts);
        if (r == 0)
                r = note_opportunities(refolding, event, &facts);
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        return facts_merge(profile, arena, &facts, &changed);
}

static int on_own_event(const StoredEvent *event, void *userdata) {
        Refolding *refolding = userdata;

        refolding->error = take_event(refolding, event);
        return refolding->error != 0;
}

/* without: leads of its family that do not count. */
static int refold(Gate *gate, uint64_t lead, const uint64_t *without, size_t n_without, Refolded **ret) {
        Refolded *into = ARENA_NEW(gate->arena, Refolded);
        Refolding refolding = {
                .gate = gate,
                .into = into,
                .uses = ARENA_ARRAY(gate->arena, ReasonUse, DECIDE_REASON_USES_MAX + 1),
                .uses_capacity = DECIDE_REASON_USES_MAX + 1,
                .times = ARENA_ARRAY(gate->arena, int64_t, DECIDE_HISTORY_MAX),
        };
        bool changed;

        if (!into || !refolding.uses || !refolding.times)
                return -ENOMEM;
        *into = (Refolded){ .created_us = TIME_NONE, .idle_from_us = TIME_NONE, .source_us = TIME_NONE };
        /* Its own facts come first, whenever others were merged into it. */
        (void) profile_of(&refolding, lead);
        int r = store_log(gate->store, lead, 0, on_own_event, &refolding);
        if (refolding.error != 0)
                return refolding.error;
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        for (size_t i = 0; i < refolding.n; i++) {
                bool counts = true;
                for (size_t j = 0; j < n_without; j++)
                        counts = counts && refolding.leads[i] != without[j];
                if (!counts)
                        continue;
                r = facts_join(&into->profile, gate->arena, &refolding.profiles[i], &changed);
                if (r < 0)
                        return r;
        }
        into->uses = refolding.uses;
        into->opportunities = refolding.opportunities.items;
        into->n_opportunities = refolding.opportunities.n_items;
        *ret = into;
        return 0;
}

/* Whoever owns the account of a lead that is by itself again. The lead it parts from still stands under the company of both: it has the
 * account only when that is what it says itself. */
static int find_account(Gate *gate, uint64_t lead, uint64_t into, DecideInput *input) {
        const char *domain = facts_text(&input->refolded->profile, FIELD_COMPANY_DOMAIN);
        uint64_t except[2] = { lead }, family[STORE_FAMILY_MAX];
        size_t n_except = 1, n_family;
        Desk *desk = ARENA_NEW(gate->arena, Desk);

        if (!desk)
                return -ENOMEM;
        *desk = *input->desk;
        input->desk = desk;
        if (into > 0 && domain) {
                Refolded *host;
                int r = store_survivor(gate->store, into, &except[1]);
                if (r == 0)
                        r = store_family(gate->store, lead, family, &n_family);
                if (r == 0)
                        r = refold(gate, except[1], family, n_family, &host);
                if (r != 0)
                        return r;
                const char *said = facts_text(&host->profile, FIELD_COMPANY_DOMAIN);
                n_except += !said || !base_streq(said, domain);
        }
        return store_account_owner(gate->store, domain, except, n_except, gate->arena, &desk->account_owner);
}

int gate_prepare_merge(Gate *gate, const Record *record, uint64_t lead, DecideInput *input) {
        uint64_t into = named_in(record, FIELD_CARE_INTO), from = named_in(record, FIELD_CARE_FROM);

        if (!gate_is_merge(record))
                return 0;
        if (is_lead_event(record, "unmerged")) {
                Refolded *refolded;
                int r = refold(gate, lead, NULL, 0, &refolded);
                if (r != 0)
                        return r;
                input->refolded = refolded;
                return find_account(gate, lead, into, input);
        }
        LeadState *other = ARENA_NEW(gate->arena, LeadState);
        Facts *profile = ARENA_NEW(gate->arena, Facts);
        if (!other || !profile)
                return -ENOMEM;
        int r = store_load_lead(gate->store, into > 0 ? into : from, gate->arena, other, profile, NULL, NULL);
        if (r != 0)
                return r;
        input->other = other;
        input->other_profile = profile;
        if (from == 0)
                return 0;
        Activity *history;
        r = store_load_joined_history(gate->store, lead, gate->arena, &history, &input->n_history);
        if (r == 0)
                input->history = history;
        return r;
}

/* ---- judging ---- */

static int refuse(Gate *gate, GateOutcome *ret, const char *code, const char *text) {
        policy_begin_event(gate->rules, false, NULL, 0);
        policy_end_event(gate->rules);
        gate->decision = (Decision){ .refused = true, .refusal_code = code, .refusal_text = text };
        ret->decision = &gate->decision;
        return 0;
}

int gate_make_record(Gate *gate, const char *type, const char *id, int64_t time_us, Record **ret) {
        _cleanup_(record_freep) Record *record = record_new();

        if (!record)
                return -ENOMEM;
        record->source = "leadd";
        record->family = FAMILY_LEAD;
        record->type = arena_strdup(record->arena, type);
        record->id = arena_strdup(record->arena, id);
        record->time_us = time_us;
        if (!record->type || !record->id)
                return -ENOMEM;
        record->event = strchr(record->type, '.') + 1;
        const DigestPart parts[] = { { "leadd", 5 }, { record->type, strlen(record->type) }, { record->id, strlen(record->id) } };
        int r = digest_keyed(store_secret(gate->store), parts, ARRAY_SIZE(parts), &record->key);
        if (r == 0)
                *ret = TAKE(record);
        return r;
}

/* The event of a lead that stays, named after that of the other. part: of one that was itself merged into the lead that goes on. */
static int second_record(Gate *gate, const GateInput *first, uint64_t event, uint64_t from, uint64_t part, Record **ret) {
        _cleanup_(record_freep) Record *record = NULL;
        char id[48];

        if (part > 0)
                (void) snprintf(id, sizeof id, "%" PRIu64 "-L-%" PRIu64, event, part);
        else
                (void) snprintf(id, sizeof id, "%" PRIu64, event);
        int r = gate_make_record(gate, first->record->type, id, first->record->time_us, &record);
        if (r == 0)
                r = facts_set(&record->facts, record->arena, FIELD_CARE_FROM, NULL, value_integer((int64_t) from), record->time_us);
        if (r == 0)
                *ret = TAKE(record);
        return r;
}

/* A replay in which the one that parts was erased cannot find out what the lead is. */
static int write_down(Gate *gate, const LeadState *state, Record *record) {
        const char *text;
        int r = ghosts_write_state(gate, state, &text);

        return r == 0 ? facts_set(&record->facts, record->arena, FIELD_CARE_STATE, NULL, value_text(text), record->time_us) : r;
}

/* One that parts may have been part of leads that were merged later. Each says so itself: it keeps nothing of that person, neither now nor
 * when it is a lead of its own again. */
static int judge_parts(Gate *gate, const GateInput *input, uint64_t event, uint64_t lead, uint64_t into, uint64_t stays, GateOutcome *ret) {
        while (into != stays) {
                _cleanup_(record_freep) Record *record = NULL;
                LeadState state;
                int r = store_load_lead(gate->store, into, gate->arena, &state, NULL, NULL, NULL);
                if (r == 0 && state.merged_into == 0)
                        r = -EBADMSG;
                if (r == 0)
                        r = second_record(gate, input, event, lead, into, &record);
                if (r == 0)
                        r = write_down(gate, &state, record);
                if (r != 0)
                        return r < 0 ? r : -EBADMSG;
                GateInput one = *input;
                one.record = record;
                uint64_t next = state.merged_into;
                r = gate_judge_lead(gate, &one, into, 0, NULL, &gate->decision, ret);
                if (r != 0 || gate->decision.refused)
                        return r != 0 ? r : -EINVAL;
                into = next;
        }
        return 0;
}

int gate_judge_merge(Gate *gate, const GateInput *input, GateOutcome *ret) {
        _cleanup_(record_freep) Record *record = NULL;
        uint64_t lead = input->lead, into = named_in(input->record, FIELD_CARE_INTO), stays;
        uint64_t family[STORE_FAMILY_MAX];
        size_t n_going, n_staying;

        if (lead == 0 || into == 0)
                return refuse(gate, ret, "unknown_lead", "no such lead");
        int r = 0;
        if (is_lead_event(input->record, "unmerged")) {
                LeadState state;
                r = store_load_lead(gate->store, lead, gate->arena, &state, NULL, NULL, NULL);
                if (r == 0 && state.merged_into > 0)
                        into = state.merged_into; /* whatever it is called by */
        }
        if (r == 0)
                r = store_survivor(gate->store, into, &stays);
        if (r == 0)
                r = store_family(gate->store, lead, family, &n_going);
        if (r == 0)
                r = store_family(gate->store, stays, family, &n_staying);
        if (r == STORE_E_NONE)
                return refuse(gate, ret, "unknown_lead", "no such lead");
        if (r != 0)
                return r;
        if (is_lead_event(input->record, "merged") && n_going + n_staying > STORE_FAMILY_MAX)
                return refuse(gate, ret, "too_many", "the two are made of more leads than can become one");
        r = gate_judge_lead(gate, input, lead, 0, NULL, &gate->decision, ret);
        if (r != 0 || gate->decision.refused)
                return r;
        const char *freed_team = gate->decision.freed_team;
        const uint64_t first = ret->event;
        if (is_lead_event(input->record, "unmerged")) {
                r = judge_parts(gate, input, first, lead, into, stays, ret);
                if (r != 0)
                        return r;
        }
        r = second_record(gate, input, first, lead, 0, &record);
        if (r != 0)
                return r;
        if (is_lead_event(input->record, "unmerged")) {
                LeadState state;
                r = store_load_lead(gate->store, stays, gate->arena, &state, NULL, NULL, NULL);
                if (r == 0)
                        r = write_down(gate, &state, record);
                if (r != 0)
                        return r < 0 ? r : -EBADMSG;
        }
        GateInput second = *input;
        second.record = record;
        r = gate_judge_lead(gate, &second, stays, 0, NULL, &gate->decision, ret);
        if (r == 0 && gate->decision.refused)
                return -EINVAL; /* the first one was not: nothing of both may be kept */
        if (r == 0 && !gate->decision.freed_team)
                gate->decision.freed_team = freed_team;
        return r;
}
