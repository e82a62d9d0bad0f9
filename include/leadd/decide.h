#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * decide: the one transition function. Event + lead + rule set + desk + now ->
 * Decision. Pure: reads no clock, no database, no files; the same input gives the
 * same output in any process. Every door (spool, socket, timer) goes through it.
 */
#include "leadd/base.h"
#include "leadd/policy.h"
#include "leadd/record.h"

#define DECIDE_LOOK_DAILY_US US_PER_DAY
#define DECIDE_HISTORY_MAX 1000   /* newest activities of a lead that rules look at */
#define DECIDE_REASON_USES_MAX 64 /* reasons remembered of one lead: the one used longest ago is forgotten first */
#define DECIDE_EXPIRED_MAX 64     /* members remembered of one hand-off: the one who had it longest ago is forgotten first */
#define DECIDE_SNOOZE_REASON_MAX 1024
#define DECIDE_EXCLUDE_DAYS_MAX \
        400 /* a lead is kept out of campaigns at most so long at once: a fence that nobody looks at any more \
               is no fence */
#define DECIDE_EXCLUDE_REASON_MAX 1024
#define DECIDE_TAKE_LEADS_MAX 1000            /* leads that one event of a take can take or drop */
#define DECIDE_EFFECTS_MAX 256                /* rows one event may put into the outbox */
#define DECIDE_ABSENCES_MAX 64                /* recorded absences of one member that are not over */
#define DECIDE_TURN INT64_C(5342931457063200) /* one lead in Seat.turn: every sum of weights up to 40 divides it */
#define DECIDE_MISSED_US US_PER_MINUTE        /* a step that fires so late was missed: it gives way to a later one that is due as well */

/* The running SLA timer of a lead. Due instants are facts fixed when it started. */
typedef struct SlaState {
        const char *rule;    /* NULL = none runs */
        const char *version; /* what the rule said when it started (Sla.version); NULL = as it is, which retime makes of it, too */
        uint64_t start_event;
        int64_t start_us;
        int64_t due_us;           /* `within`; TIME_NONE when there is none */
        uint32_t next_step;       /* counts on through repeats */
        int64_t next_due_us;      /* of next_step; TIME_NONE = no step is left */
        int64_t paused_us;        /* by snoozes, in working time: what due and steps came later by */
        int64_t snoozed_until_us; /* the last snooze; TIME_NONE = none */
        const char *snooze_reason;
} SlaState;
#define SLA_STATE_NONE ((SlaState){ .due_us = TIME_NONE, .next_due_us = TIME_NONE, .snoozed_until_us = TIME_NONE })

/* How the promise was kept while the lead stands in its status: answers in time, and promises broken by a late answer or by none. */
typedef struct ResponseState {
        const char *rule; /* the SLA kept or broken last; NULL = none was */
        uint32_t n_in_time, n_late;
} ResponseState;
/* Failed outranks fulfilled outranks due. */
typedef enum ResponseStatus { RESPONSE_NONE, RESPONSE_DUE, RESPONSE_FULFILLED, RESPONSE_FAILED } ResponseStatus;

/* The last move of the lead with that reason: what since/hold and wake_on count from. */
typedef struct ReasonUse {
        const char *reason;
        uint64_t event;
        int64_t at_us;
        bool woken; /* an activity newer than it matched the reason's wake_on */
} ReasonUse;

/* Why nobody could be given the lead, or a rule that broke: it waits, visibly. */
typedef struct HeldState {
        const char *by; /* rule that holds it; NULL = not held */
        const char *text;
        int64_t since_us, next_look_us; /* next_look: TIME_NONE = only a reload or an event */
} HeldState;

/* Where the lead stands in the track of marketing's that it is in. */
typedef struct TrackState {
        const char *name;    /* NULL = in none */
        uint64_t event;      /* that entered it, or ended it */
        int64_t since_us;    /* likewise */
        uint32_t next_step;  /* so many were taken */
        int64_t next_due_us; /* of next_step; TIME_NONE = none is left */
        bool ended;          /* woken by a signal: it is in none until `enter` has been false or it moved */
} TrackState;
#define TRACK_STATE_NONE ((TrackState){ .next_due_us = TIME_NONE })

/* ---- opportunities (opportunity.c) ---- */

#define DECIDE_OPPORTUNITIES_MAX 64 /* remembered of one lead: the one that ended longest ago is forgotten first */
#define DECIDE_STAGES_MAX 64        /* of one opportunity: from then on its newest takes the place of the one before */
#define AMOUNT_UNIT INT64_C(10000)  /* amounts are whole ten-thousandths, which every currency divides: sums are exact */
#define AMOUNT_NONE INT64_MIN
#define AMOUNT_MAX (INT64_C(900000000000) * AMOUNT_UNIT) /* of one opportunity, to both sides: a million of them can be summed up */

/* Open and stalled ones are alive. Stalled: the lead went back to marketing by itself; whoever speaks of it makes it open again. */
typedef enum OpportunityState { OPPORTUNITY_OPEN = 1, OPPORTUNITY_STALLED = 2, OPPORTUNITY_WON = 3, OPPORTUNITY_LOST = 4 } OpportunityState;
const char *opportunity_state_name(OpportunityState state); /* "open", ... */
bool opportunity_state_find(const char *name, OpportunityState *ret);
static inline bool opportunity_is_alive(OpportunityState state) { return state == OPPORTUNITY_OPEN || state == OPPORTUNITY_STALLED; }

/* From at_us on it was in that stage and state. */
typedef struct OpportunityStage {
        const char *stage; /* NULL = not known */
        OpportunityState state;
        int64_t at_us;
} OpportunityStage;

typedef struct Opportunity {
        uint32_t n; /* of the lead, from 1 in the order in which they were heard of */
        OpportunityState state;
        const char *id;                                    /* the CRM's; NULL = none is known */
        const char *stage;                                 /* as the CRM calls it; NULL */
        const char *currency;                              /* ISO 4217; NULL */
        const char *close_date;                            /* NULL */
        int64_t amount;                                    /* in AMOUNT_UNIT; AMOUNT_NONE */
        int32_t probability;                               /* parts per million; -1 = not known */
        int64_t opened_us, said_us, changed_us, staged_us; /* said: of the newest record that spoke of it */
        int64_t ended_us;                                  /* won or lost; TIME_NONE */
        const OpportunityStage *stages;                    /* oldest first, the present one included */
        size_t n_stages;
} Opportunity;

/* Those of one lead, by n. */
typedef struct Opportunities {
        Opportunity *items;
        size_t n_items, capacity;
} Opportunities;

/* A copy that can be changed. -ENOMEM. */
int opportunities_copy(const Opportunity *items, size_t n_items, Arena *arena, Opportunities *ret);
/* Folds what a record says into them; texts are borrowed from the facts. *ret_n: the one it spoke of, 0 = of none. */
int opportunities_take(Opportunities *opportunities, Arena *arena, const Facts *facts, int64_t time_us, uint32_t *ret_n);
/* What a move means to them. */
typedef struct OpportunityMove {
        const char *move;
        bool to_final; /* the status it leads to */
        bool to_queue; /* ... is of a team without members */
        bool stays;    /* it leads to where the lead stood */
        bool by_person, has_reason;
        uint32_t named; /* the one the record spoke of; 0 = none */
} OpportunityMove;
/* won: a move called win or won ends the one named, else the live one touched last. lost: a move called lose or lost, any other to a final
 * status, a person's with a reason to a queue; stalled: any other to a queue; open again: a move to a team with members. The last three:
 * the one named, else all that are alive. */
int opportunities_move(Opportunities *opportunities, Arena *arena, const OpportunityMove *move, int64_t at_us);
/* The live one touched last, an open one before a stalled one: what conditions read. NULL = none is alive. */
const Opportunity *opportunities_current(const Opportunity *items, size_t n_items);
/* Makes opportunity.* of the profile those of the current one. *ret_changed: they were others. */
int opportunities_project(const Opportunities *opportunities, Arena *arena, Facts *profile, bool *ret_changed);
bool opportunities_equal(const Opportunity *a, size_t n_a, const Opportunity *b, size_t n_b);
/* The opportunities of a lead that is made of two: of one known by id to both, what is known last. */
int opportunities_join(Opportunities *opportunities, Arena *arena, const Opportunity *other, size_t n_other);
/* "12,000 EUR", "1,234.50"; currency may be NULL. */
void text_append_amount(Text *out, int64_t amount, const char *currency);

/* Who had the lead when it last went from an owner to a team without members: given back, taken by an SLA's move or by a rule's. It stands
 * until somebody of that one's team has the lead, or another owner loses it so. */
typedef struct ReturnState {
        const char *owner; /* NULL = nobody did, or an older leadd did not keep it */
        uint64_t event;
        int64_t at_us;
        const char *move, *reason; /* reason NULL: none */
        const char *by;            /* "rep:anna", "sla:ACCEPT", "rules" */
} ReturnState;

typedef struct LeadState {
        uint64_t id;      /* 0 = not known yet */
        uint64_t version; /* number of its events */
        const char *status;
        const char *owner; /* member; NULL = nobody (queue) */
        const char *grade; /* "" = none */
        int64_t created_us, entered_us;
        int64_t idle_from_us; /* of what `idle` counts from, what the history does not hold: the newest outcome, and what counted when it
                                 left the history. What was junk or not then stays so. TIME_NONE = nothing */
        const char *source;   /* of the newest record from outside, by its own time; NULL */
        int64_t source_us;    /* its time */
        uint64_t moved_event; /* the event of its last move; 0 = never moved */
        int64_t fit_mp, engagement_mp;
        const char *const *segments; /* names, sorted */
        size_t n_segments;
        bool unaccepted;   /* routed and not yet moved by its owner */
        bool by_turn;      /* its owner paid with a turn for it */
        const char *route; /* how its owner got it: a route, "assign", "deputy"; NULL = nobody owns it, or it was not recorded */
        bool test;
        int64_t recycle_us;         /* no automatic move before this instant; TIME_NONE */
        const char *recycle_reason; /* whose wake_on opens it earlier */
        const ReasonUse *uses;      /* by reason */
        size_t n_uses;
        const char *const *expired; /* members who let it expire in this hand-off, in that order */
        size_t n_expired;
        const Opportunity *opportunities; /* by n */
        size_t n_opportunities;
        SlaState sla;
        ResponseState response;
        HeldState held;
        TrackState track;
        ReturnState returned;
        bool joined;              /* was part of a merge, be it undone */
        uint64_t merged_into;     /* another lead goes on for it, 0 = none does */
        const char *merged_owner; /* who owned it then, NULL = nobody */
        bool merged_unaccepted;
        bool erased;            /* the person is: what is left is a number, and created_us when it was done */
        int64_t offered_us;     /* when its present owner got it; TIME_NONE = nobody owns it */
        uint64_t offered_event; /* ... and in which event, 0 */
        /* Its first touch, the oldest record from outside: attribution.source, else the record's source; attribution.campaign. NULL */
        const char *came_from, *campaign;
        const char *consents; /* of its profile: "contact+ marketing-", by purpose; NULL = none is known */
        int64_t wake_us;      /* the one armed instant: the earliest of SLA step, step of a track, look, recycle; TIME_NONE */
} LeadState;

/* What routing needs to know about everybody, as the database has it. */
typedef struct Seat {
        const char *member;
        int64_t turn;                           /* leads owed, by DECIDE_TURN: those entitled to by turn less those got */
        uint64_t took_part, served;             /* events of the last turn in which the member was in the running, and got the lead */
        uint32_t credits;                       /* turns given back and not made good yet */
        uint32_t n_open, n_unaccepted, n_today; /* n_today: routed since midnight in the member's zone */
        const Absence *absences;                /* recorded by owner.away, by their beginning; none overlap */
        size_t n_absences;
} Seat;
typedef struct Desk {
        const Seat *seats; /* a member without a seat counts as all zero */
        size_t n_seats;
        const char *account_owner; /* of the same company's other open leads; NULL */
} Desk;

/* What a lead is by its own events alone, after a merge was undone. */
typedef struct Refolded {
        Facts profile;
        int64_t created_us, idle_from_us, source_us;
        const char *source, *came_from, *campaign;
        const ReasonUse *uses; /* by reason; none is woken yet */
        size_t n_uses;
        const Opportunity *opportunities;
        size_t n_opportunities;
} Refolded;

/* When the next digest of a rule is due, and when the last one was. */
typedef struct DigestMoment {
        const char *rule;
        int64_t due_us;  /* TIME_NONE = none is: the rules no longer have it, or its calendar never opens */
        int64_t sent_us; /* the moment of the one sent last; TIME_NONE = none was */
} DigestMoment;

/* Somebody keeps a lead out of a campaign until an instant. */
typedef struct Exclusion {
        const char *campaign; /* NULL = all of them */
        int64_t until_us;     /* from then on it is over; at or before the event's now: it is taken back */
        int64_t at_us;        /* since when */
        const char *by;       /* "rep:anna" */
        const char *reason;   /* free text; NULL where it was erased */
        uint64_t event;       /* that says it: of two about one campaign the newer counts */
} Exclusion;

typedef struct DecideInput {
        uint64_t event_id;       /* the id the event will get */
        uint64_t lead_id;        /* the id the lead has or will get */
        const LeadState *before; /* id 0 = new */
        const Facts *profile;    /* before */
        const Activity *history; /* before: the newest DECIDE_HISTORY_MAX by event; without this record */
        size_t n_history;
        const Record *record;
        const char *actor;      /* "rep:anna", "system:leadd", "integration:forms" */
        bool actor_is_operator; /* may act for the person named */
        int64_t now_us;
        const Desk *desk;
        const LeadState *other;      /* lead.merged: the other lead, before */
        const Facts *other_profile;  /* ... of the lead that stays: the profile of the one that comes */
        const Refolded *refolded;    /* lead.unmerged */
        bool stays;                  /* no automatic move and no veto: what would hold for the lead where it is */
        bool before_6;               /* an event of a book before its version 6, which decided some things otherwise: for a replay */
        bool before_7;               /* likewise of version 7 */
        const DigestMoment *digests; /* of an event without a lead: as the book has them */
        size_t n_digests;
        const Exclusion *exclusions; /* of outcome.exclude: what keeps the lead out before, also what is over */
        size_t n_exclusions;
} DecideInput;

typedef struct MoveMade {
        const char *move; /* name of the rule; "assign" for an assignment by hand */
        const char *from, *to;
        const char *by;            /* actor: "rules", "rep:anna", "sla:ACCEPT" */
        const char *reason, *note; /* NULL */
} MoveMade;

/* How an offer ended. */
typedef enum HandOffHow {
        HANDOFF_ACCEPTED = 1,
        HANDOFF_RETURNED, /* the owner, or the head in the owner's place, gave it back */
        HANDOFF_EXPIRED,  /* an SLA took it away: no answer in time */
        HANDOFF_LEFT,     /* it went to somebody else, or nowhere, before there was an answer */
} HandOffHow;
const char *decide_handoff_name(HandOffHow how); /* "accepted", ... */

/* An offer that ended with the event: the lead waited for the owner's answer, and no longer does. */
typedef struct HandOff {
        HandOffHow how; /* 0 = none ended */
        uint64_t offered_event;
        int64_t offered_us;
        const char *team, *owner; /* the owner's team, or that of the status where the rules no longer have the owner */
        const char *route;        /* how the owner got it; NULL = it was not recorded */
        const char *sla;          /* the promise that ran, or was answered already; NULL = there was none */
        int64_t due_us;           /* when it was due; TIME_NONE = it did not run any more, or had no due */
        ResponseStatus response;  /* how it was kept; due: it ended in time */
        int64_t working_us;       /* from the offer to the end, in the owner's clock, else the team's, else wall time */
        const char *reason;       /* of the move that ended it; NULL */
} HandOff;

typedef struct Assignment {
        bool changed;
        const char *owner, *previous; /* NULL = nobody */
        const char *route;            /* the rule that chose; "assign" by hand */
        const char *team;
        const char *text; /* why this one: "the turn of anna; ben is away until 2026-03-09T08:00:00Z; petra gets leads only as head" */
} Assignment;

/* As in Seat. */
typedef struct TurnChange {
        const char *member;
        int64_t turn;
        uint64_t took_part, served;
        uint32_t credits;
} TurnChange;

/* What routing did, for the report on fairness: by team, route and member. */
typedef enum FairKind {
        FAIR_ENTITLED = 1, /* shares of leads given by turn, in parts of FAIR_LEAD */
        /* received */
        FAIR_BY_TURN,
        FAIR_MADE_GOOD, /* in the place of one whose turn was given back */
        FAIR_BY_ACCOUNT,
        FAIR_AS_DEPUTY,
        FAIR_AS_HEAD, /* nobody else could take it */
        FAIR_BY_HAND,
        /* what became of those */
        FAIR_ACCEPTED,
        FAIR_RETURNED,
        FAIR_EXPIRED,    /* no answer in time */
        FAIR_LEFT,       /* went to somebody else before there was an answer: an absence, by hand */
        FAIR_GIVEN_BACK, /* ... with the turn, be it after it had been accepted */
        /* a lead went to somebody else, because this one: */
        FAIR_SKIPPED_AWAY,
        FAIR_SKIPPED_UNACCEPTED,
        FAIR_SKIPPED_OPEN,
        FAIR_SKIPPED_TODAY,
        FAIR_SKIPPED_SKILL,
        FAIR_SKIPPED_WEIGHT,
        FAIR_SKIPPED_EXPIRED, /* let this very lead expire */
        FAIR_SKIPPED_BEHIND,  /* has more open leads, or a higher rank, where the strategy asks for that */
        FAIR_AS_BEFORE,       /* received: had it before it went back */
        FAIR_KINDS,
} FairKind;
#define FAIR_LEAD INT64_C(1000000000)
typedef struct FairFact {
        const char *team, *route, *member; /* route NULL: it was not recorded */
        FairKind kind;
        int64_t n;
} FairFact;

typedef enum EffectKind {
        EFFECT_ASSIGNED = 1,
        EFFECT_MOVED = 2,
        EFFECT_REMINDED = 3,
        EFFECT_HELD = 4,
        EFFECT_DIGEST = 5,
        EFFECT_SENT = 6,     /* to the lead itself, by a track */
        EFFECT_AUDIENCE = 7, /* leads were taken for a campaign */
} EffectKind;
const char *decide_effect_name(EffectKind kind); /* "assigned", ... */

/* Something the world is told, through the outbox: one row a recipient and channel. */
typedef struct Effect {
        EffectKind kind;
        const char *channel; /* channel or feed name; "journal" when the rules name none */
        Via via;
        const char *recipient; /* member's name or "ops"; NULL for a feed, and for the lead */
        const char *address;   /* e-mail, NULL */
        const char *role;      /* owner, head, ops, lead */
        const char *rule;      /* the SLA, route, move or track behind it */
        const char *message;   /* a reminder's, or what is sent; NULL = none is declared, or a feed */
        const char *sender;    /* the member in whose name it goes to the lead; NULL = the channel's */
        uint32_t step;
        int64_t not_before_us; /* told from then on (quiet hours, mail that is gathered); 0 = at once */
        const char
                *body; /* what is delivered: for drop a CloudEvents JSON object (one line), for mail subject LF LF body; NULL for journal */
} Effect;

/* A part of a take: whose names marketing was given, to write to them for a campaign. */
typedef struct TakenPart {
        const char *campaign;            /* NULL = the event takes nobody */
        uint64_t take;                   /* the event the take began with: this one, or an earlier one */
        const uint64_t *leads, *dropped; /* ascending; dropped: asked for, and out by then */
        size_t n_leads, n_dropped;
        bool is_last;
} TakenPart;

/* What re-deriving a range of leads came to. */
typedef struct Rederivation {
        uint64_t n_leads;
        uint64_t n_changed;  /* other points, grade or segments than before */
        uint64_t n_regraded; /* another grade */
        uint64_t n_moving;   /* an automatic move would apply now */
} Rederivation;

/* A criterion that was missing, or a fence that was closed, when a move was due or asked for: it kept the lead from it. */
typedef struct Block {
        const Rule *rule;
        const char *move; /* the first it kept the lead from: a move's name, or that of a score whose veto met a fence */
} Block;

typedef struct Decision {
        bool refused;             /* policy says no: nothing changes; code, field and text say why */
        const char *refusal_code; /* unknown_lead, unknown_move, not_allowed, wrong_status, needs, reason_required, unknown_reason,
                                     note_required, fence, stale, unknown_owner, bad_record, no_timer, no_snooze,
                                     snooze_too_long */
        const char *refusal_text;
        LeadState after;
        bool is_new;
        bool profile_changed;
        bool uses_changed, expired_changed, opportunities_changed, returned_changed; /* those of `after` are others than before */
        Facts profile;
        Receipts receipts;
        MoveMade *moves;
        size_t n_moves;
        Block *blocks; /* each rule once; of a refusal as well */
        size_t n_blocks;
        Assignment assignment;
        HandOff handoff; /* that ended */
        TurnChange *turns;
        size_t n_turns;
        bool account_asked;        /* a route asked who owns the company's other leads: */
        const char *account_owner; /* ... it was told, NULL = nobody */
        Effect *effects;
        size_t n_effects;
        const char *reminded_roles; /* "owner, head" when an SLA step reminded, else NULL */
        FairFact *fair;             /* none of events before version 6 */
        size_t n_fair;
        int64_t fair_day;        /* days since 1970 in the site's zone */
        const char *absences_of; /* owner.away|back: a member whose recorded absences are now these; NULL */
        const Absence *absences;
        size_t n_absences;
        const char *absent; /* a member who is or will be away and whose unaccepted leads others should have: they may be looked at; NULL */
        const char *freed_team;      /* a member of it can take another lead than before: its held leads may be offered; NULL */
        Rederivation rederivation;   /* of rules.rederived: the gate's */
        const DigestMoment *digests; /* all of them, as they are from now on, when digests_changed */
        size_t n_digests;
        bool digests_changed;
        const Exclusion *exclusion; /* from now on, beside those of other campaigns; NULL = none */
        TakenPart taken;            /* of campaign.taken */
        int64_t look_us;            /* when anything that was read may next change by itself; TIME_NONE */
        const uint32_t *cuts;       /* calls of functions that the CPU backstop cut (policy_overruns): the gate's */
        size_t n_cuts;
        const char *summary; /* one line for `log`, ids and rule names only: "inquiry -> mql (qualify); offered to anna by DACH" */
} Decision;

/* Everything in *ret lives in the arena (or points into the input and the rule set). A refusal is 0 with ret->refused. */
int decide_event(RuleSet *rules, const DecideInput *input, Arena *arena, Decision *ret);

/* What a record from outside says of where the lead came from (LeadState.came_from, campaign): in it, or in the arena. */
int decide_first_touch(const Facts *facts, const char *source, Arena *arena, const char **ret_came_from, const char **ret_campaign);
/* The member who gave the lead back by a move of their own, or as the head in the owner's place; NULL = nobody did. In the name's text. */
const char *decide_gave_back(const ReturnState *returned);
/* LeadState.consents. */
int decide_consents(const Facts *profile, Arena *arena, const char **ret);

/* A timer that is past its due is a broken promise already. */
ResponseStatus decide_response(const LeadState *state, int64_t now_us);
/* "due", "fulfilled", "failed"; NULL for none. */
const char *decide_response_name(ResponseStatus status);

/* Is the lead in another track, or was it entered or ended anew? */
bool decide_track_differs(const TrackState *a, const TrackState *b);

/* Is it about a lead? Not: rules, absences, digests. */
bool decide_concerns_lead(const Record *record);

/* The subject as rules would see the lead at input->now_us, judged, and nothing decided: for show. receipts: of segments, scores and
 * what broke, as asked for in it; NULL = not wanted. */
int decide_look(RuleSet *rules, const DecideInput *input, Arena *arena, Subject *ret, Receipts *receipts);

/* Of a lead in a track: what it is sent next, NULL = nothing. Of one in none, while the rules have any: *ret_out says why not. */
int decide_say_track(RuleSet *rules, const DecideInput *input, Arena *arena, const char **ret_out, const Message **ret_next);

/* ---- why, and why not (explain.c, whynot.c) ---- */

/* A member of the status' team, as the routes would see the person now. */
typedef struct Candidacy {
        const char *member;
        const char *cause; /* why not this one; NULL = could have it */
        int64_t free_us;   /* when the cause ends; TIME_NONE = not known, or no cause */
        int64_t turn;      /* leads owed with the share of this one, by DECIDE_TURN; 0 with a cause */
        uint32_t n_open, n_unaccepted;
        bool chosen; /* the lead would be offered to this one */
} Candidacy;

/* Everything the rules have to say of a lead as it stands. */
typedef struct Explanation {
        Subject subject;    /* judged; its facts are the input's profile */
        Receipts receipts;  /* of every rule that can bear on the lead, those that did not apply as well, with traces */
        const Route *route; /* would give the lead an owner now; NULL = none, or the lead needs none */
        const Candidacy *candidates;
        size_t n_candidates;
} Explanation;
/* As decide_look, with receipts: a move's says what is missing and who makes it, a fence's until when it is closed, a route's why
 * it missed or which one came before it. */
int decide_explain(RuleSet *rules, const DecideInput *input, Arena *arena, Explanation *ret);
/* What an event that brings nothing new would decide now: the automatic moves that wait. Nobody is told and nothing is kept. */
int decide_next(RuleSet *rules, const DecideInput *input, Arena *arena, Decision *ret);
/* The text of an assignment (Assignment.text): why and who (NULL), then the candidates that have a cause. NULL on exhaustion. */
const char *decide_say_assignment(const char *why, const char *name, const Candidacy *candidates, size_t n, Arena *arena);
/* What such a text says of those who did not get the lead. */
int decide_others_of(const char *text, Arena *arena, Candidacy **ret, size_t *ret_n);

/* Something that stands in the way. */
typedef struct Hurdle {
        const char *kind; /* a word for programs: from, by, when, broken, needs, fence, resting, final, queue, test, team, route, candidate,
                             turn, held, owned, points, decay, limit, other_status, earlier, stopped, not_started, loop, veto; of tracks
                             status, consent, woken, leave */
        const Rule *rule; /* the criterion, fence, route, ... behind it; NULL */
        const char *text; /* a sentence without its full stop */
        int64_t until_us; /* when it is gone by itself; TIME_NONE = not known */
        const Miss *misses;
        size_t n_misses;
} Hurdle;
typedef struct Hurdles {
        Hurdle *items;
        size_t n_items, capacity;
} Hurdles;

/* A move that would lead to a status. */
typedef struct Way {
        const Move *move;
        const Reason *reason; /* NULL = none is needed */
        const Status *from;   /* where the lead must stand: its own status, or one on the way */
        const char *by;       /* who makes it: "leadd", "the owner (anna) or the head petra" */
        bool is_next;         /* leaves the status the lead is in */
        Hurdles hurdles;      /* none: it can be made now */
} Way;

#define WHYNOT_WAYS_MAX 64

typedef struct WhyNot {
        bool is_so;       /* it is as asked already */
        const char *text; /* the answer in a sentence */
        Way *ways;        /* of a status: first those from where the lead stands, then those on the way there */
        size_t n_ways;
        Hurdles hurdles;
} WhyNot;
int decide_whynot_status(RuleSet *rules, const DecideInput *input, const Status *status, Arena *arena, WhyNot *ret);
int decide_whynot_owner(RuleSet *rules, const DecideInput *input, const Member *member, Arena *arena, WhyNot *ret);
int decide_whynot_rule(RuleSet *rules, const DecideInput *input, const Rule *rule, Arena *arena, WhyNot *ret);

/* ---- the pecking order (pecking.c) ---- */

#define DECIDE_SOON_US (2 * US_PER_HOUR) /* due within so long goes before what is only worth more */

typedef enum PeckRank {
        PECK_OVERDUE, /* its clock has run out: the longest overdue first */
        PECK_SOON,    /* due within DECIDE_SOON_US: the soonest first */
        PECK_WAITS,   /* waits for its owner, and there is time: the best first */
        PECK_OPEN,    /* waits for nobody: the best first */
        PECK_RESTS,   /* snoozed by its owner: the best first */
} PeckRank;

/* An open lead of somebody, as far as its place on the desk depends on it. */
typedef struct DeskLead {
        uint64_t lead;
        const char *owner;
        const char *status, *grade; /* grade "" = none; of the lead's last event */
        int64_t engagement_mp;      /* likewise */
        int64_t since_us;           /* entry into the status */
        bool unaccepted;
        const char *sla;                  /* NULL = none runs */
        int64_t due_us, snoozed_until_us; /* TIME_NONE = not */
        /* filled by decide_peck: */
        PeckRank rank;
        uint32_t letter, number; /* where the grade stands in fit and engagement, 0 is best */
        uint32_t place;          /* in the pecking order, from 1 */
} DeskLead;
/* Does it wait for its owner: unaccepted, or an SLA runs that a move or an activity of the owner would stop? */
bool decide_waits_for_owner(const RuleSet *rules, const DeskLead *lead);
/* Puts the leads into the pecking order as of now, and numbers them. A total order: rank; in the first two the due instant; the grade's
 * letter, then its number; more engagement; longer in its status; the lower number of the lead. */
void decide_peck(const RuleSet *rules, int64_t now_us, DeskLead *leads, size_t n);
/* Of two leads that decide_peck has placed, by due instant as an inbox has them: < 0, 0 for the same lead, > 0. */
int decide_compare_due(const DeskLead *a, const DeskLead *b);

/* ---- what would lift a lead (need.c) ---- */

#define NEED_PARTS_MAX 4       /* facts and activities of one set */
#define NEED_SETS_MAX 10       /* sets of one answer */
#define NEED_LOOKS_MAX 16000   /* evaluations of one question; a rule function weighs as much as NEED_FUNCTION_LOOKS */
#define NEED_FUNCTION_LOOKS 4  /* ... because it is slower than the table conditions of a whole lead */
#define NEED_STEPS_MAX 3000000 /* combinations looked at of one question */
#define NEED_MOMENTS_MAX 4     /* later instants that --within tries, besides the last */
#define NEED_MOVES_MAX 6       /* moves of people on the way to a status */
#define NEED_PLANS_MAX 8       /* ways to a status */

typedef struct NeedStep {
        const Move *move;
        const Reason *reason;
        const Status *from, *to;
        const char *by;
} NeedStep;

/* One minimal set: the lead was judged with it and reached the target; with no proper part of it does it. */
typedef struct NeedSet {
        const Addition *parts[NEED_PARTS_MAX];
        size_t n_parts;
        bool changes;  /* one of them contradicts what is known */
        int64_t at_us; /* judged at this instant; TIME_NONE = now */
        const char *grade, *status;
        int64_t fit_mp, engagement_mp;
        NeedStep steps[NEED_MOVES_MAX]; /* what people then do */
        size_t n_steps;
} NeedSet;

typedef struct NeedGoal {
        const char *grade;    /* at least this; NULL: */
        const Status *status; /* this one, if only in passing */
        int64_t within_us;    /* 0 = now */
        /* Asked between two looks: true ends the search with what was found. For whoever must not wait on slow rule functions; NULL. */
        bool (*is_over)(void *userdata);
        void *userdata;
} NeedGoal;

typedef struct NeedAnswer {
        bool is_so;
        bool is_complete; /* everything within the limits was tried */
        const char *text;
        NeedSet *sets; /* pure additions first, the smaller first */
        size_t n_sets;
        const char *const *limits; /* what caps and bands make impossible, as sentences */
        size_t n_limits;
        const Rule *const *functions; /* cannot be searched */
        size_t n_functions;
        size_t n_looks;
} NeedAnswer;

enum {
        DECIDE_E_NO_SUCH_GRADE = 1,
};
int decide_need(RuleSet *rules, const DecideInput *input, const NeedGoal *goal, Arena *arena, NeedAnswer *ret);
/* The grades that can be given: "A1" .. "D4", in the arena. */
int decide_grades(const RuleSet *rules, Arena *arena, const char *const **ret, size_t *ret_n);

/* ---- whom a campaign may write to (audience.c) ---- */

#define DECIDE_ALL_CAMPAIGNS "all" /* in an exclusion: whichever */
#define DECIDE_AUDIENCE_REASONS_MAX 12
#define DECIDE_AUDIENCE_RIVALS_MAX 256 /* campaigns that run and go first: above, the lowest of them do not hold anybody */

/* Something a person was sent: by a campaign's take or by a track. */
typedef struct Written {
        const char *by;  /* the campaign, or the track */
        EffectKind kind; /* EFFECT_AUDIENCE or EFFECT_SENT */
        uint64_t event;  /* the take, or the event that sent it */
        int64_t at_us;
} Written;

/* In the order in which they are asked; the words stand in replies, so they stay. */
typedef enum AudienceCode {
        AUDIENCE_IN = 0,
        AUDIENCE_TEST,
        AUDIENCE_STATUS,      /* does not let marketing write */
        AUDIENCE_INCLUDE,     /* not met */
        AUDIENCE_EXCLUDE,     /* met */
        AUDIENCE_BROKEN,      /* a condition could not be judged */
        AUDIENCE_OPPORTUNITY, /* one is open */
        AUDIENCE_CONSENT,     /* none, or refused */
        AUDIENCE_VETO,        /* somebody keeps the lead out */
        AUDIENCE_ADDRESS,     /* none, and the campaign needs one */
        AUDIENCE_WRITTEN,     /* was taken for the campaign before, and only new ones are asked for */
        AUDIENCE_FREQUENCY,   /* was sent as many mails as may be */
        AUDIENCE_PRIORITY,    /* a campaign that goes first has the person */
        AUDIENCE_CODES,
} AudienceCode;
const char *decide_audience_word(AudienceCode code); /* "in", "status", ... */

/* A person as far as it is known whether a campaign may write to them. The subject need not have been judged: what it lacks is loaded. */
typedef struct AudiencePerson {
        Subject subject;
        bool test, has_email;
        const char *consents; /* "contact+ marketing-", NULL = none is known */
        const Written *written;
        size_t n_written;
        const Exclusion *exclusions;
        size_t n_exclusions;
        const char *opportunity, *opportunity_owner; /* an open one; NULL */
} AudiencePerson;

typedef struct AudienceReason {
        AudienceCode code;
        int64_t until_us; /* when it is gone by itself; TIME_NONE = not known */
        const char *text;
} AudienceReason;
typedef struct AudienceVerdict {
        AudienceCode code; /* of the first reason */
        AudienceReason reasons[DECIDE_AUDIENCE_REASONS_MAX];
        size_t n_reasons;
} AudienceVerdict;

/* One campaign at one instant. */
typedef struct AudiencePlan {
        RuleSet *rules;
        const Campaign *campaign;
        int64_t now_us;
        bool only_new;         /* not whom the campaign was taken for before */
        uint64_t except_event; /* what this take has given out already does not count against it; 0 = none */
        /* Makes the subject answer conditions that read this (PolicyReads), besides what it can answer. 0 or -errno. */
        int (*deepen)(void *userdata, AudiencePerson *person, unsigned reads);
        void *userdata;
        /* made by decide_audience_plan: */
        const Campaign *rivals[DECIDE_AUDIENCE_RIVALS_MAX]; /* run now and go first, the first of them first */
        size_t n_rivals;
        bool needs_address;
} AudiencePlan;
/* Fills what is made of rules, campaign and now_us. */
void decide_audience_plan(AudiencePlan *plan);
/* The one place that says whether somebody is in: whoever looks, and whoever takes, asks it. all: every reason with its text, else the
 * first reason's code alone. 0 or -errno. */
int decide_audience(AudiencePlan *plan, AudiencePerson *person, bool all, Arena *arena, AudienceVerdict *ret);

/* Ascending numbers as text ("3-7,12") and back, in the arena, at most DECIDE_TAKE_LEADS_MAX. RECORD_E_CORRUPT. */
int decide_write_leads(const uint64_t *leads, size_t n, Text *out);
int decide_read_leads(const char *text, Arena *arena, uint64_t **ret, size_t *ret_n);
/* What an outcome.exclude says, where it says anything: for replays of events that cannot be judged again. */
bool decide_read_exclusion(const RuleSet *rules, const Record *record, int64_t now_us, Exclusion *ret);
