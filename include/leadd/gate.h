#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * gate: the one way from "something happened" to "it is remembered". Finds the
 * lead, loads it, decides, and folds the decision into the store, inside the
 * caller's transaction. Every door uses it: spool, socket, timer, and replay, which
 * proves that the log alone gives the same state.
 */
#include "leadd/base.h"
#include "leadd/decide.h"
#include "leadd/plans.h"
#include "leadd/policy.h"
#include "leadd/record.h"
#include "leadd/store.h"

#define GATE_OVERRUNS_MAX 10                     /* overruns of one rule within GATE_OVERRUNS_US: it is suspended */
#define GATE_OVERRUNS_US US_PER_MINUTE           /* of event time */
#define GATE_SUSPENDED_MAX 16                    /* rules that one event can suspend */
#define GATE_SLICE_MAX 2000                      /* leads re-derived by one event of the log */
#define GATE_NEEDLES_MAX 500                     /* of an erasure: lines that name the person, and as many newest ids of records */
#define GATE_EVENT_MEMORY_MAX (64 * 1024 * 1024) /* bytes one decision may use */

typedef struct Gate Gate;

typedef struct GateInput {
        const Record *record;
        uint64_t lead;     /* 0 = find it by the record's subject and identity */
        const char *actor; /* "rep:anna", "integration:forms", "system:leadd" */
        bool actor_is_operator;
        int64_t now_us;
        uint64_t ledger, ledger_index; /* where in the spool it came from; 0 = not from a file */
} GateInput;

typedef struct GateOutcome {
        bool erased;      /* it is about somebody who is erased, or an order to erase: the file it came in is not kept */
        uint64_t erasure; /* files are to be gone through (store_erasure_next), 0 = no */
        bool duplicate;   /* seen before: counted, nothing changed; event and lead are those of the first time */
        uint64_t event, lead;
        uint64_t similar;                          /* another lead that may be the same person, 0 = none */
        const Decision *decision;                  /* NULL for a duplicate; valid until the next gate_judge */
        const Rule *suspended[GATE_SUSPENDED_MAX]; /* by this event, for having overrun too often: events of their own behind it */
        size_t n_suspended;
} GateOutcome;

/* store is borrowed for the gate's life. */
int gate_new(Store *store, Gate **ret);
Gate *gate_free(Gate *gate);
void gate_freep(Gate **gate);
/* The rule set decisions are made under; borrowed until the next call. */
void gate_set_rules(Gate *gate, RuleSet *rules);

/* Judges one record inside an open transaction. A refusal (policy or unknown lead) is 0 with decision->refused and nothing changed. */
int gate_judge(Gate *gate, const GateInput *input, GateOutcome *ret);

/* What ended a hand-off: the first move, or the first change of owner, after an event. */
#define GATE_NAME_SIZE 128
typedef struct HandOffEnd {
        uint64_t event;
        int64_t at_us;
        char move[GATE_NAME_SIZE];  /* "" = none: it only got another owner, or none */
        char by[GATE_NAME_SIZE];    /* "anna", "rules", "sla:ACCEPT" */
        char owner[GATE_NAME_SIZE]; /* who got the lead by it; "" = the owner did not change, or nobody */
} HandOffEnd;
/* STORE_E_NONE: the hand-off goes on, or there is no such lead. */
int gate_find_handoff_end(Store *store, uint64_t lead, uint64_t after, HandOffEnd *ret);
/* "accept by anna at 2026-03-05T09:03:00Z" */
void gate_say_handoff_end(const HandOffEnd *end, Text *out);

/* Records that rules became active (an event of the log), inside an open transaction. Suspended rules are resumed, and a pass begins
 * that re-derives every lead there is. apply: those that would move are to be moved by it; so they are when the pass before it was to
 * do that and has not come to its end. */
int gate_log_activation(Gate *gate, int64_t now_us, bool apply);

/* A range of leads that is re-derived: points, grade and segments under the rules there are now, and the next moment at which these
 * may change; statuses that were renamed get their name. Nothing moves. */
typedef struct GateSlice {
        uint64_t from, to; /* lead ids, at most GATE_SLICE_MAX; out: the last that was gone through, earlier when functions overran */
        bool apply;
        /* out: */
        uint64_t event;
        Rederivation found;
        uint64_t n_ghosts; /* in a replay: leads of it that cannot be judged again */
        /* leads that are to have an event of their own at once: held ones (their cause may be gone), those whose owner has left or
         * was given to another team, those that come into another track or out of one, with apply those that would move; until the next
         * call */
        const uint64_t *looks;
        size_t n_looks;
        const Rule *suspended[GATE_SUSPENDED_MAX];
        size_t n_suspended;
} GateSlice;
/* One event of the log (rules.rederived), inside an open transaction. */
int gate_rederive(Gate *gate, int64_t now_us, GateSlice *slice);

/* ---- held leads that can be given to somebody ---- */

#define GATE_OFFERS_ROWS 64         /* held leads read at once */
#define GATE_OFFERS_PASSED_MAX 1000 /* passed over by one gate_next_offer */
#define GATE_OFFERS_LOOKS_MAX 20    /* looked at by one */
#define GATE_OFFERS_CAUSES_MAX 256  /* causes remembered that nobody can take a lead with */

/* One round through the held leads of a team, in the order in which they wait. All zero: from the first. */
typedef struct GateOffers {
        HeldLead rows[GATE_OFFERS_ROWS];
        size_t n_rows, at;
        uint64_t causes[GATE_OFFERS_CAUSES_MAX];
        size_t n_causes;
        bool is_over;
} GateOffers;
/* The next held lead that would be given to somebody now: the caller judges it, or it is passed over. 0 with offers->is_over: there is
 * none left; 0 without: ask again. Looks and changes nothing: a lead that nobody can take gets no event. Those that wait for the same
 * cause (the text says who in the team cannot take the lead, and why) are looked at once a round, so that a round over many is short. */
int gate_next_offer(Gate *gate, const char *team, int64_t now_us, GateOffers *offers, uint64_t *ret_lead);

/* Replays the log of the store at path (read only) into an empty one in memory, under the archived rule sets and the recorded
 * clock, and compares every projection. Differences are appended as lines; *ret_n counts them. */
int gate_replay(const char *path, Text *differences, uint64_t *ret_n_events, uint64_t *ret_n_differences);

/* ---- audiences ---- */

#define GATE_AUDIENCE_US (1500 * 1000)         /* one call goes through leads for so long: no snapshot lasts longer */
#define GATE_TAKE_IDLE_US (10 * US_PER_MINUTE) /* a take that somebody else began and left is gone on with after so long */
#define GATE_TAKE_OPEN_US US_PER_DAY           /* after its last part nobody goes on with a take: what it gave out counts like any other */

typedef struct AudienceAsk {
        const Campaign *campaign;
        int64_t now_us;
        bool explain;    /* who is out as well, with every reason */
        bool only_new;   /* not whom the campaign was taken for before */
        uint64_t since;  /* a take: only who came in and who went out since then; 0 = not asked */
        uint64_t except; /* a take that is under way: what it has given out does not count against it */
        uint64_t from;   /* the first lead to look at */
        size_t n_max;    /* persons told; 0 = they are only counted */
} AudienceAsk;
typedef struct AudienceMember {
        const AudienceRow *row;
        const AudienceVerdict *verdict;
        const Subject *subject; /* status NULL = the rules do not have it */
        const Facts *profile;
        bool was_in;        /* of the take */
        int64_t written_us; /* when the campaign was last taken with this person; TIME_NONE = never */
} AudienceMember;
typedef struct AudienceAnswer {
        uint64_t next;              /* where to go on; 0 = all were gone through */
        uint64_t n[AUDIENCE_CODES]; /* leads by the first reason */
        uint64_t n_came, n_went;
} AudienceAnswer;
/* Who is in, by number, from ask->from on until n_max persons were told or GATE_AUDIENCE_US is over. Changes nothing; a read-only store
 * will do. on_person is not told who is out, unless explain or since ask for it; what it is given lives during the callback. */
int gate_audience(Store *store, RuleSet *rules, const AudienceAsk *ask, int (*on_person)(const AudienceMember *member, void *userdata),
        void *userdata, AudienceAnswer *ret);

/* A part of a take: candidates, each looked at again as of now. */
typedef struct GateTake {
        const char *campaign;
        uint64_t take;         /* the event it began with; 0 = begin, or go on with one that was left */
        const uint64_t *leads; /* ascending, at most DECIDE_TAKE_LEADS_MAX */
        size_t n_leads;
        bool only_new, is_last;
        /* Whom it does not get, and why; NULL = not wanted. */
        int (*on_dropped)(uint64_t lead, const AudienceVerdict *verdict, void *userdata);
        void *userdata;
        /* out: */
        uint64_t n_again; /* those that this take has already */
        bool goes_on;     /* with a take that was left */
        StoredTake after; /* the take with this part; its texts are the rule set's and the actor's */
} GateTake;
bool gate_take_is_open(const StoredTake *take, int64_t now_us); /* may be gone on with */
/* One event of the log (campaign.taken), inside an open transaction. record: campaign.taken of a person's request, which gets its facts
 * here. Refused: unknown_campaign, not_running, taken_by_other, unknown_take, bad_leads. Of a record that is known already the outcome says
 * duplicate, and `after` how the take stands. */
int gate_take_part(Gate *gate, Record *record, const char *actor, int64_t now_us, GateTake *take, GateOutcome *ret);

/* ---- the rules and the leads there are ---- */

/* Adds an error to the report for each status that leads are in and the new rules do not have, and each member who owns open leads and is
 * gone without a word, counting the leads. running: the rules so far, whose places are named; NULL = not known. Writing modes only. */
int gate_check_stranded(Store *store, const RuleSet *rules, const RuleSet *running, PolicyReport *report);

/* ---- the rules and what sources really send ---- */

#define GATE_VALUES_RECORDS_MIN 50 /* records that state a field before its missing values mean anything */
#define GATE_VALUES_REPEAT_MIN 3   /* how often a value occurs on average in a field that is a vocabulary, not free text */
/* Adds a warning to the report for each text that a rule compares a field with although no source has ever sent it there, with the
 * nearest text that was sent. Quiet about fields that were stated too rarely, that are no vocabulary (free text, "many" values) or that
 * identify somebody. store: outside a transaction, a read-only one will do, and may be another thread's own; it is read for at most
 * STORE_VALUES_TIME_MAX_US. rules are only read, but must not be judged with meanwhile. 0 or what store says (STORE_E_*, -errno). */
int gate_check_values(Store *store, const RuleSet *rules, PolicyReport *report);
