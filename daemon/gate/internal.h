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

struct Ghosts;
struct Gate {
        Store *store;
        struct Ghosts *ghosts; /* of a replay; NULL */
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

/* A record that leadd makes: its own id, a key that no other has. */
int gate_make_record(Gate *gate, const char *type, const char *id, int64_t time_us, Record **ret);

/* erase.c */
bool gate_is_erasure(const Record *record);
/* lead.erased: an event of each lead that the person was, and what to look for in files. */
int gate_judge_erasure(Gate *gate, const GateInput *input, uint64_t lead, GateOutcome *ret);
/* Is it said by somebody who is erased, before that was done? Then it is as if it had come twice. */
int gate_find_erased(Gate *gate, const Record *record, GateOutcome *ret, bool *ret_is);

/* ghost.c */
/* Replay: leads whose events are not all there any more. Their part in what others got is taken from the log as it stands. */
typedef struct Ghosts {
        Store *from;       /* the book that is replayed */
        bool any;          /* somebody was erased in it */
        uint64_t *strayed; /* leads that were one with somebody erased: known again when they part */
        size_t n_strayed, strayed_capacity;
} Ghosts;
int ghosts_start(Store *from, Ghosts *ret);
void ghosts_done(Ghosts *ghosts);
/* Cannot the event be judged again? */
int ghosts_find(Ghosts *ghosts, Store *to, const StoredEvent *event, const Record *record, bool *ret);
int ghosts_is_one(Ghosts *ghosts, Store *to, uint64_t lead, bool *ret);
/* What a new rule set calls the status the lead is in. */
int ghosts_rename(Gate *gate, const LeadState *before);
/* What the slice came to, as the log says it. */
void ghosts_found(const StoredEvent *event, Rederivation *into);
/* What a replay cannot find out, as the event has it: who owned the account; what a lead was that parts from somebody erased. before: what
 * the input points to. */
int ghosts_remind(Gate *gate, const StoredEvent *event, uint64_t lead, LeadState *before, DecideInput *input, bool *ret_is_restored);
/* The state as a text, for that. In the gate's arena. */
int ghosts_write_state(Gate *gate, const LeadState *state, const char **ret);
/* Applies the event as the log has it. */
int ghosts_apply(Gate *gate, const StoredEvent *event, const Record *record);

/* audience.c */
#define LOOKOUT_STATUSES 64
#define LOOKOUT_SEGMENTS 256
typedef struct StatusKnown {
        uint64_t id;
        const Status *status;
} StatusKnown;
typedef struct SegmentsKnown {
        uint64_t id;
        uint64_t bits[POLICY_SEGMENTS_MAX / 64];
} SegmentsKnown;
/* Asks of one lead after the other whether a campaign may write to it. Stays where it is: its plan points into it. */
typedef struct Lookout {
        Store *store;
        Arena *arena; /* of the lead at hand */
        AudiencePlan plan;
        AudiencePerson person;
        uint64_t lead;
        unsigned loaded;                        /* PolicyReads that the person's subject can answer */
        StatusKnown statuses[LOOKOUT_STATUSES]; /* by the dictionary's ids: met again and again */
        SegmentsKnown segments[LOOKOUT_SEGMENTS];
} Lookout;
int lookout_start(Store *store, RuleSet *rules, const Campaign *campaign, int64_t now_us, Lookout *ret);
void lookout_done(Lookout *lookout);
int lookout_ask(Lookout *lookout, const AudienceRow *row, bool all, AudienceVerdict *ret);
/* Of the lead asked about last. */
int lookout_profile(Lookout *lookout, const Facts **ret);

/* gate.c, for take.c */
int gate_sync_suspended(Gate *gate);
int gate_keep_cuts(Gate *gate, Decision *decision);
int gate_count_overruns(Gate *gate, int64_t now_us, const Rule **ret_suspended, size_t *ret_n);

/* take.c */
/* What keeps the lead out of campaigns; in the gate's arena. */
int gate_find_exclusions(Gate *gate, uint64_t lead, DecideInput *input);
bool gate_is_take(const Record *record);
/* Takes as the log has it, after each lead was looked at again: *ret_differs tells of the first one that would not be taken, or not be
 * dropped, now. In the gate's arena; NULL = none. */
int gate_replay_take(Gate *gate, const Record *record, const StoredEvent *replayed, GateOutcome *ret, const char **ret_differs);

/* merge.c */
bool gate_is_merge(const Record *record);
/* What decide has to know of the other lead, or of this one by itself; in the gate's arena. STORE_E_NONE: there is no such lead. */
int gate_prepare_merge(Gate *gate, const Record *record, uint64_t lead, DecideInput *input);
/* lead.merged, lead.unmerged: two events, of the lead that goes or comes back and of the one that stays. */
int gate_judge_merge(Gate *gate, const GateInput *input, GateOutcome *ret);
