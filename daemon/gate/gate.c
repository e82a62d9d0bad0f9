/* SPDX-License-Identifier: MIT */
/*
 * gate: find, load, decide, remember, for one event. Owns the arena a decision
 * lives in and nothing else; the transaction belongs to the caller, because many
 * events share one.
 */
#include "leadd/gate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

struct Gate {
        Store *store;
        RuleSet *rules;
        Arena *arena;
        Decision decision;
};

int gate_new(Store *store, Gate **ret) {
        _cleanup_(gate_freep) Gate *gate = calloc(1, sizeof *gate);

        if (!gate)
                return -ENOMEM;
        gate->store = store;
        gate->arena = arena_new(GATE_EVENT_MEMORY_MAX);
        if (!gate->arena)
                return -ENOMEM;
        *ret = TAKE(gate);
        return 0;
}

Gate *gate_free(Gate *gate) {
        if (gate) {
                arena_free(gate->arena);
                free(gate);
        }
        return NULL;
}

void gate_freep(Gate **gate) { *gate = gate_free(*gate); }

void gate_set_rules(Gate *gate, RuleSet *rules) { gate->rules = rules; }

static bool concerns_lead(const Record *record) { return record->family != FAMILY_RULES && record->family != FAMILY_OWNER; }

static int refuse_unknown(Gate *gate, GateOutcome *ret) {
        gate->decision = (Decision){ .refused = true, .refusal_code = "unknown_lead", .refusal_text = "no such lead" };
        ret->decision = &gate->decision;
        return 0;
}

/* Everything after the lead is known: one path for live events and for replay. */
static int judge_lead(Gate *gate, const GateInput *input, uint64_t lead, GateOutcome *ret) {
        LeadState before = { .grade = "", .wake_us = TIME_NONE };
        Facts profile = { 0 };
        Activity *history = NULL;
        size_t n_history = 0;
        Desk desk = { 0 };
        int r;

        if (concerns_lead(input->record)) {
                r = store_load_lead(gate->store, lead, gate->arena, &before, &profile, &history, &n_history);
                if (r == STORE_E_NONE)
                        return refuse_unknown(gate, ret);
                if (r != 0)
                        return r;
                const char *domain = facts_text(&input->record->facts, FIELD_COMPANY_DOMAIN);
                if (!domain)
                        domain = facts_text(&profile, FIELD_COMPANY_DOMAIN);
                r = store_load_desk(gate->store, domain, lead, gate->rules, input->now_us, gate->arena, &desk);
                if (r != 0)
                        return r;
        }
        const DecideInput decide = {
                .event_id = store_next_event(gate->store),
                .lead_id = !concerns_lead(input->record) ? 0
                           : lead                        ? lead
                                                         : store_next_lead(gate->store),
                .before = &before,
                .profile = &profile,
                .history = history,
                .n_history = n_history,
                .record = input->record,
                .actor = input->actor,
                .actor_is_operator = input->actor_is_operator,
                .now_us = input->now_us,
                .desk = &desk,
        };
        r = decide_event(gate->rules, &decide, gate->arena, &gate->decision);
        if (r < 0)
                return r;
        ret->decision = &gate->decision;
        ret->lead = decide.lead_id;
        if (gate->decision.refused)
                return 0;
        const StoreEntry entry = {
                .record = input->record,
                .decision = &gate->decision,
                .event_id = decide.event_id,
                .lead_id = decide.lead_id,
                .actor = input->actor,
                .now_us = input->now_us,
                .ledger = input->ledger,
                .ledger_index = input->ledger_index,
        };
        ret->event = decide.event_id;
        return store_apply(gate->store, &entry);
}

int gate_judge(Gate *gate, const GateInput *input, GateOutcome *ret) {
        uint64_t lead = input->lead;

        *ret = (GateOutcome){ 0 };
        arena_reset(gate->arena);
        ret->event = store_find_event(gate->store, &input->record->key);
        if (ret->event != 0) {
                ret->duplicate = true;
                return 0;
        }
        if (lead == 0 && concerns_lead(input->record)) {
                int r = store_find_lead(gate->store, input->record, &lead, &ret->similar);
                if (r == STORE_E_NONE)
                        return refuse_unknown(gate, ret);
                if (r != 0)
                        return r;
        }
        return judge_lead(gate, input, lead, ret);
}

int gate_log_rules(Gate *gate, int64_t now_us) {
        _cleanup_(record_freep) Record *record = record_new();
        GateOutcome outcome;

        if (!record)
                return -ENOMEM;
        record->source = "leadd";
        record->type = "rules.activated";
        record->event = "activated";
        record->family = FAMILY_RULES;
        record->time_us = now_us;
        record->id = arena_printf(record->arena, "rules-%" PRIu64 "-%.16s", store_next_event(gate->store), gate->rules->hash_text);
        if (!record->id)
                return -ENOMEM;
        const DigestPart parts[] = { { "leadd", 5 }, { record->id, strlen(record->id) } };
        int r = digest_keyed(store_secret(gate->store), parts, ARRAY_SIZE(parts), &record->key);
        if (r < 0)
                return r;
        const GateInput input = { .record = record, .actor = "system:leadd", .now_us = now_us };
        return gate_judge(gate, &input, &outcome);
}

/* ---- replay ---- */

typedef struct Replay {
        Store *from, *to;
        Gate *gate;
        RuleSet *rules;
        Text *differences;
        uint64_t n_events, n_differences;
        int error;
} Replay;

static void differ(Replay *replay, uint64_t event, const char *text) {
        if (replay->n_differences++ < 100)
                text_printf(replay->differences, "event %" PRIu64 ": %s\n", event, text);
}

static int use_rules(Replay *replay, const StoredEvent *event) {
        _cleanup_(policy_freep) RuleSet *rules = NULL;
        PolicyReport report = { 0 };
        const void *archive;
        size_t size;
        int r;

        if (replay->rules && base_streq(replay->rules->hash_text, event->rules_hash))
                return 0;
        r = store_rules_find(replay->from, event->rules_hash, &archive, &size);
        if (r != 0)
                return r < 0 ? r : -ENOENT;
        r = policy_load_archive(archive, size, &rules, &report);
        policy_report_done(&report);
        if (r != 0)
                return r < 0 ? r : -EINVAL;
        r = store_rules_activate(replay->to, rules, event->now_us);
        if (r != 0)
                return r < 0 ? r : -EIO;
        gate_set_rules(replay->gate, rules);
        policy_free(replay->rules);
        replay->rules = TAKE(rules);
        return 0;
}

static int on_event(const StoredEvent *event, void *userdata) {
        Replay *replay = userdata;
        _cleanup_(record_freep) Record *record = NULL;
        GateOutcome outcome = { 0 };
        int r;

        r = use_rules(replay, event);
        if (r < 0) {
                differ(replay, event->id, "its rule set cannot be loaded from the archive");
                replay->error = r;
                return 1;
        }
        r = store_event_record(replay->from, event, &record);
        if (r != 0) {
                differ(replay, event->id, "its record cannot be rebuilt");
                replay->error = r < 0 ? r : -EIO;
                return 1;
        }
        const GateInput input = { .record = record, .actor = event->actor, .actor_is_operator = true, .now_us = event->now_us };
        arena_reset(replay->gate->arena);
        replay->n_events++;
        /* The log names the lead; a lead it had not seen before is the next new one. */
        uint64_t lead = event->lead >= store_next_lead(replay->to) ? 0 : event->lead;
        r = judge_lead(replay->gate, &input, lead, &outcome);
        if (r != 0) {
                replay->error = r < 0 ? r : -EIO;
                return 1;
        }
        if (outcome.decision->refused)
                differ(replay, event->id, outcome.decision->refusal_text);
        else if (outcome.event != event->id || outcome.lead != event->lead)
                differ(replay, event->id, "got another number");
        if (outcome.decision->refused || outcome.event != event->id)
                return 1; /* all later numbers would differ, too: one cause is enough */
        return 0;
}

int gate_replay(const char *path, Text *differences, uint64_t *ret_n_events, uint64_t *ret_n_differences) {
        _cleanup_(store_closep) Store *from = NULL;
        _cleanup_(store_closep) Store *to = NULL;
        _cleanup_(gate_freep) Gate *gate = NULL;
        Replay replay = { .differences = differences };
        int r;

        r = store_open(path, STORE_READ_ONLY, &from);
        if (r != 0)
                return r;
        r = store_open_with_secret(NULL, STORE_MEMORY, store_secret(from), &to);
        if (r != 0)
                return r;
        r = gate_new(to, &gate);
        if (r < 0)
                return r;
        replay.from = from;
        replay.to = to;
        replay.gate = gate;
        r = store_begin(to);
        if (r != 0)
                return r;
        r = store_log(from, 0, 0, on_event, &replay);
        if (r >= 0 && replay.error < 0)
                r = replay.error;
        if (r >= 0) {
                r = store_commit(to);
                if (r == 0) {
                        uint64_t n = 0;
                        r = store_compare(from, to, differences, &n);
                        replay.n_differences += n;
                }
        }
        policy_free(replay.rules);
        *ret_n_events = replay.n_events;
        *ret_n_differences = replay.n_differences;
        return r;
}
