#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * decide, inside: the state of one decision while its phases run.
 * decide.c drives the phases, moves.c changes the status by people and SLAs, automatic.c by the
 * rules themselves, fences.c keeps it from changing, route.c finds an owner, assignment.c says why, handoff.c how it ended, timers.c starts
 * and fires SLA steps, snooze.c puts them off, tracks.c writes to the lead, opportunity.c folds what is known of deals and deals.c makes
 * it part of the decision, effects.c says what the world is told, merge.c makes one of two leads, and two of one.
 */
#include "leadd/decide.h"

/* A held lead whose cause has no known end is offered when somebody of its team answers (freed_team); this look is only the backstop. */
#define DECIDE_LOOK_AGAIN_US US_PER_DAY
#define RECYCLE_UNTIL_WOKEN INT64_MAX /* recycle_us of a hand-back that only a signal ends */

typedef struct Deciding {
        RuleSet *rules;
        const DecideInput *input;
        Arena *arena;
        Decision *out;
        Subject subject;
        Activity *history; /* with this record when it is an activity: what counts, oldest first, which is the subject's; then the junk */
        size_t n_history;  /* both */
        size_t n_counting; /* without the junk */
        const Status *status;                        /* where the lead stands now */
        const Member *owner;                         /* NULL = nobody */
        const Status *visited[POLICY_CHAIN_MAX + 2]; /* statuses left in this event: by a person or SLA, a veto, a chain */
        size_t n_visited;
        bool entered;      /* a status was entered (or restarted) in this event */
        bool team_changed; /* ... of another team: a hand-off */
        bool owner_changed;
        bool reassigned;             /* by an SLA step that had a candidate, or by an absence: the timer restarts */
        const char *fired_sla;       /* the SLA whose step fired in this event */
        const Score *veto;           /* the first that matched; NULL */
        bool vetoed;                 /* the lead is where it wants it */
        bool move_failed;            /* a move that cannot be judged holds the lead: what routing has to say stands behind it */
        uint64_t *blocked;           /* by Rule.index: in out->blocks; NULL = none is */
        int64_t fence_opens_us;      /* when a fence opens that alone keeps an automatic move from happening; TIME_NONE */
        Opportunities opportunities; /* as the record leaves them */
        uint32_t opportunity;        /* the one the record spoke of; 0 = none */
} Deciding;

/* Before any phase. out is the decision, or of a look the state and profile looked at. */
Deciding deciding_new(RuleSet *rules, const DecideInput *input, Arena *arena, Decision *out);
/* Refuses: nothing else of the decision counts. Returns 0, or -ENOMEM. */
int deciding_refuse(Deciding *deciding, const char *code, const char *format, ...) _printf_(3, 4);
void deciding_hold(Deciding *deciding, const char *by, const char *text, int64_t next_look_us);
/* Appends "; text" to the summary. -ENOMEM. */
int deciding_summarise(Deciding *deciding, const char *format, ...) _printf_(2, 3);

/* moves.c */
int moves_by_person(Deciding *deciding);
int moves_assign(Deciding *deciding);
/* The move of an SLA step: exempt from `by` and a reason's needs, not from its own nor from fences. *ret_again_us: when to try again
 * because one of them was closed, else TIME_NONE. */
int moves_by_sla(Deciding *deciding, const Sla *sla, const Move *move, const Reason *reason, int64_t *ret_again_us);
/* The member who acts; NULL = no person, or nobody in the rules. */
const Member *moves_actor(const Deciding *deciding);
bool moves_leave(const Move *move, const Status *status);
/* Does the member satisfy its `by`, as the lead stands now? */
bool moves_may_make(const Deciding *deciding, const Move *move, const Member *member);
/* What the member can answer from here, a move a line: "reject no_budget | not_a_fit NOTE". */
int moves_describe_answers(const Deciding *deciding, const Member *member, Text *out);
/* What of the needs of the move is not met, in words, joined by "; " after what *ret holds, and likewise what cannot be judged, with what
 * went wrong: both stay as they are (NULL) when all are met. Criteria that are not met are noted as what kept the lead from the move. */
int moves_add_missing(Deciding *deciding, const Move *move, const Need *needs, size_t n_needs, const char **ret, const char **ret_failed);
/* Notes that the rule kept the lead from the move (or the veto of that name). */
int moves_note_block(Deciding *deciding, const Rule *rule, const char *move);
/* A move that cannot be judged holds the lead where it is: guessing would be worse. */
int moves_hold(Deciding *deciding, const Move *move, const char *text);
/* Carries a checked move out. name: the move's or the score's that vetoed. */
int moves_carry_out(
        Deciding *deciding, const char *name, const Status *to, bool restart, const Reason *reason, const char *by, const char *note);

/* automatic.c */
int moves_veto(Deciding *deciding);
/* The same for a look: says in the receipt what the veto would do, and does nothing. */
int moves_look_veto(Deciding *deciding, Receipts *receipts);
int moves_automatic(Deciding *deciding);

/* fences.c */
bool fence_blocks(const Fence *fence, const Status *to);
/* The first fence that closes the status, NULL = open; *ret_opens_us: when it opens by itself, TIME_NONE = not known. trace (may be
 * NULL): what each fence before the status was found to be. */
int moves_find_fence(Deciding *deciding, const Status *to, const Fence **ret, int64_t *ret_opens_us, Text *trace);
/* Is this one closed to the lead as it stands? POLICY_E_FAILED: its condition broke, and it is closed. */
int fence_is_closed(Deciding *deciding, const Fence *fence, bool *ret, int64_t *ret_opens_us, Text *trace);
/* The lead moves by itself when the fence opens. */
void fences_arm(Deciding *deciding, int64_t opens_us);
int fences_note_reason(Deciding *deciding, const Reason *reason);
const ReasonUse *fences_find_use(const LeadState *state, const char *reason);
/* Marks the uses whose signal has come. */
int fences_wake(Deciding *deciding);
/* Has the reason the lead rests for a signal that may end the rest? Rules loaded since may have dropped it, and the reason with it. */
bool fences_can_wake(const Deciding *deciding);
/* Did an activity match the reason's wake_on that arrived after the event and is not older than the instant? */
int fences_find_signal(Deciding *deciding, const Reason *reason, uint64_t event, int64_t at_us, bool *ret);

/* route.c */
/* Finds an owner in the team of the present status. again: an SLA takes it from the one who has it. */
int route_lead(Deciding *deciding, bool again);
/* Is it asked for leads of that team? */
bool route_leads_to(const Route *route, const Team *team);
/* Has anybody who takes turns in the team the skills the route asks for, be it that they cannot take the lead now? Without, it misses. */
bool route_is_met(const Deciding *deciding, const Route *route);
/* Whoever is away keeps what has been accepted; the rest goes to others as the team's on_absence says. */
int route_absence(Deciding *deciding);
/* When the owner's next absence begins that would take the lead away; TIME_NONE = none is known. */
int64_t route_next_absence(const Deciding *deciding);
const Seat *route_seat(const Desk *desk, const char *member);
/* By the rules or by a recorded absence; *ret_until_us: when the last of those that follow on one another ends. */
bool route_is_away(const Deciding *deciding, const Member *member, int64_t *ret_until_us);
void deciding_set_owner(Deciding *deciding, const Member *owner, const char *route, const char *text);

/* turns.c */
typedef struct Candidate {
        const Member *member;
        const Seat *seat;
        const char *cause; /* NULL = eligible */
        FairKind skipped;  /* ... of that kind; 0 = has left */
        int64_t free_us;   /* when the cause ends; TIME_NONE = not known */
        /* by turns_choose: */
        bool runs;       /* the turn decides between this one and others */
        bool by_credit;  /* gets the lead in the place of one whose turn was given back */
        int64_t share;   /* of the lead, in DECIDE_TURN; 0 where a credit decides */
        int64_t owed;    /* with the share, before anybody has the lead */
        TurnChange turn; /* afterwards */
} Candidate;
/* Whose turn it is; NULL: nobody is eligible. */
int turns_choose(const Deciding *deciding, const Team *team, Candidate *candidates, size_t n, Candidate **ret);
/* Did the lead cost anything? Not, where nobody else was in the running. */
bool turns_is_paid(const Candidate *chosen);
/* Keeps what that came to. */
int turns_save(Deciding *deciding, const Candidate *candidates, size_t n, const Candidate *chosen);
/* The owner's turn is given back: the lead came by one and was not worth it. */
int turns_give_back(Deciding *deciding);

/* fairness.c */
int fairness_add(Deciding *deciding, const char *team, const char *route, const char *member, FairKind kind, int64_t n);
/* A lead went to the chosen one, or to the head when that is NULL, and not to the others. */
int fairness_of_turn(
        Deciding *deciding, const Team *team, const char *route, const Candidate *candidates, size_t n, const Candidate *chosen);

/* handoff.c */
/* At the end of the decision: what became of a lead that its owner had not accepted, and since when the present one has it. */
int handoff_update(Deciding *deciding);
/* The lead is gone, merged into another one or erased: the owner has it no longer. */
void handoff_leave(Deciding *deciding, const Member *owner);

/* absence.c */
/* owner.away, owner.back */
int absence_record(Deciding *deciding);

/* assignment.c */
/* The name as the text of an assignment has it: in quotation marks where it has a blank, a semicolon or one of those. NULL on exhaustion.
 */
const char *assignment_name(const char *name, Arena *arena);

/* timers.c */
int timers_fire(Deciding *deciding);
int timers_update(Deciding *deciding);
void timers_arm(Deciding *deciding);
/* Does it apply to the lead, and has it begun (start_on)? Then those below it are not asked. */
int timers_takes(Deciding *deciding, const Sla *sla, bool *ret);
/* Does its `stop` hold? Where responses roll: by what came after the prospect's last message. */
int timers_is_met(Deciding *deciding, const Sla *sla, bool *ret);
/* The SLA as the running timer has it: as it was when that started. */
int timers_version(Deciding *deciding, const Sla *sla, const Sla **ret);
/* The calendar an SLA runs in (NULL = wall time); false = it cannot run yet (the owner's clock, and nobody owns the lead). */
bool timers_find_calendar(const Deciding *deciding, const Sla *sla, const Calendar **ret);
/* from + duration, TIME_NONE when the calendar never opens again. Work days without a calendar are days. */
int64_t timers_add(const Calendar *calendar, int64_t from_us, Duration duration);
/* An instant put off by so much working time. */
int64_t timers_later(const Calendar *calendar, int64_t due_us, int64_t paused_us);
/* When step `number` (counting on through repeats) is due; previous_us: when the one before was. */
int64_t timers_step_due(const Sla *sla, const Calendar *calendar, const SlaState *state, uint32_t number, int64_t previous_us);

/* tracks.c */
/* The lead enters, leaves or stays in a track, and takes the step that is due. After the moves and routing. */
int tracks_update(Deciding *deciding);
/* A step that fell due where nothing can be judged is not lost: it comes again. */
void tracks_keep_step(Deciding *deciding);
/* Does the status let marketing contact the lead, and is it none that is a test? */
bool tracks_may_write(const Deciding *deciding);
/* What is missing of the consent that the track needs; NULL = nothing (or no memory, where something is). */
const char *tracks_consent(Deciding *deciding, const Track *track);

/* track_words.c */
/* Of a track that the lead is in: since when, and what is next. */
int tracks_say(Deciding *deciding, const Track *track, const char **ret);
/* What keeps the lead out of the track, with a word for programs (Hurdle.kind); both NULL: nothing. */
int tracks_find_hurdle(Deciding *deciding, const Track *track, const char **ret_kind, const char **ret_text);

/* deals.c */
/* What the record says of opportunities, before the rules judge the lead. */
int deals_take(Deciding *deciding);
/* What the moves made of them, after all has been decided. */
int deals_settle(Deciding *deciding);

/* snooze.c */
int moves_snooze(Deciding *deciding);

/* exclude.c */
int moves_exclude(Deciding *deciding);

/* take.c */
/* campaign.taken */
int take_decide(Deciding *deciding);

/* pecking.c */
/* Where the grade stands in both dimensions, 0 is best; the number of bands: in none. NULL grade: 0 and 0. */
void decide_find_bands(const Grade *grade, const char *text, uint32_t *ret_letter, uint32_t *ret_number);
/* erase.c */
bool erase_is_one(const Record *record);
int erase_decide(Deciding *deciding);

/* merge.c */
/* lead.merged, lead.unmerged. */
bool merge_is_one(const Record *record);
/* The lead that the record names; 0 = none. */
uint64_t merge_lead(const Record *record, FieldId field);
/* The whole decision about a lead that another one goes on for. */
int merge_absorb(Deciding *deciding);
/* What the lead is made of, before the rules judge it: joined with another, or by itself again. */
int merge_take(Deciding *deciding);
/* The lead that stays was itself merged into another: one that was part of it parts. */
int merge_lose_part(Deciding *deciding);
void merge_give_back(Deciding *deciding);

/* digests.c */
/* The rules were activated: what was due stays due, the rest follows the rules that hold now. */
int digests_arm(Deciding *deciding);
/* timer.digest: the text goes to its readers, and the next moment is armed. */
int digests_send(Deciding *deciding);

/* effects.c */
/* Adds a row for the outbox, within DECIDE_EFFECTS_MAX. */
int effects_add(Deciding *deciding, Effect effect);
void effects_append_string(Text *out, const char *s); /* as JSON */
bool effects_feed_wants(const Feed *feed, const char *type);
/* The owner of a lead that was merged into another one, or (into 0) erased, learns of it. */
int effects_gone(Deciding *deciding, const Member *owner, uint64_t into);
int effects_moved(Deciding *deciding, const MoveMade *move);
int effects_assigned(Deciding *deciding);
/* A message to the lead: the effect without its body. */
int effects_sent(Deciding *deciding, const Message *message, const Member *sender, Effect effect);
int effects_reminded(Deciding *deciding, const Sla *sla, const SlaStep *step, uint32_t number);
int effects_held(Deciding *deciding);

/* decide.c */
/* A look at the lead as it stands: it is judged and nothing is decided. deciding->out, rules, input and arena are set. */
int deciding_look(Deciding *deciding, Receipts *receipts);

/* route.c, for explanations */
/* Who gets the lead by a route that names a person and no team (owner = "account", "previous"); NULL = it misses. *ret_why: why, where it
 * is not NULL before. */
int route_find_person(Deciding *deciding, const Route *route, const Member **ret, const char **ret_why);
/* The members of the team as the route sees them. */
int route_explain_team(Deciding *deciding, const Route *route, Candidacy **ret, size_t *ret_n);

/* hurdles.c */
int hurdles_add(Hurdles *hurdles, Arena *arena, Hurdle hurdle);
int hurdles_printf(Deciding *deciding, Hurdles *hurdles, const char *kind, const Rule *rule, int64_t until_us, const char *format, ...)
        _printf_(6, 7);
/* Adds what stands in the way of a condition that should hold; nothing when it does. failed: it is a broken function. */
int hurdles_of_condition(Deciding *deciding, Hurdles *hurdles, const char *kind, const Rule *rule, const Condition *condition, bool wanted,
        const char *lead_in);
/* What keeps the move, with the reason (NULL), from being made from where the lead stands, apart from who makes it. Of a move that
 * starts elsewhere: apart from `from` and rest as well. */
int hurdles_of_move(Deciding *deciding, const Move *move, const Reason *reason, Hurdles *hurdles);
/* Does the lead rest, and until when (TIME_NONE: until its signal)? */
bool hurdles_rest(const Deciding *deciding, int64_t *ret_until_us, const Reason **ret_reason);
/* "leadd", "the owner (anna) or the head petra", "anybody in sales". */
void hurdles_say_who(const Deciding *deciding, const Move *move, const Status *from, Text *out);
const Criterion *hurdles_find_criterion(const RuleSet *rules, const char *name);
/* The text in the arena; frees it. NULL on exhaustion. */
const char *deciding_keep(Deciding *deciding, Text *text);
