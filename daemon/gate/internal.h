#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * gate, inside: what its files share. gate.c judges one event, re-derives and replays; merge.c makes one of two leads and
 * two of one.
 */
#include "leadd/gate.h"

/* More than the times before the one that suspends a rule: a rollback takes the newest back. */
#define MARKS_MAX (3 * GATE_OVERRUNS_MAX)
/* When a rule overran last, oldest first. */
typedef struct Marks {
        const Rule *rule;
        size_t n;
        struct {
                uint64_t event; /* the newest of the log then: its own, or of a refused one the event before */
                int64_t at_us;
        } items[MARKS_MAX];
} Marks;

struct Gate {
        Store *store;
        RuleSet *rules;
        Arena *arena;
        Decision decision;
        uint64_t suspended_serial; /* of the store, that the rule set is in step with */
        Marks *marks;              /* of the rules that ever overran since the set was given */
        size_t n_marks;
        uint64_t *looks; /* of the last slice */
        size_t n_looks, looks_capacity;
};

/* Everything after the lead is known: one path for live events and for replay. named: the lead by which the record came to this one, 0 or
 * the lead itself when by its own. */
int gate_judge_lead(Gate *gate, const GateInput *input, uint64_t lead, uint64_t named, const StoredEvent *replayed, Decision *decision,
        GateOutcome *ret);

/* merge.c */
bool gate_is_merge(const Record *record);
/* What decide has to know of the other lead, or of this one by itself; in the gate's arena. STORE_E_NONE: there is no such lead. */
int gate_prepare_merge(Gate *gate, const Record *record, uint64_t lead, DecideInput *input);
/* lead.merged, lead.unmerged: two events, of the lead that goes or comes back and of the one that stays. */
int gate_judge_merge(Gate *gate, const GateInput *input, GateOutcome *ret);
