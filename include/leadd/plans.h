#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * plans: the part of a rule set that is about many leads: whom marketing writes to (campaigns, tracks), by which stages both teams count
 * what became of leads, and by which measures (targets). Values of policy's, read-only, declared and checked as every other rule
 * (daemon/policy/kind_plan.c); what a condition has to read of a lead, so that who looks at a million of them loads no more than that.
 */
#include "leadd/policy.h"

#define POLICY_CAP_MAX 1000                /* of a campaign's at_most */
#define POLICY_TRACK_WAIT_MAX_DAYS 400     /* of one step; in working days as many as a calendar looks ahead */
#define POLICY_TRACK_WAIT_MAX_WORKDAYS 120 /* less than WORKTIME_HORIZON_DAYS, whatever the holidays */
#define POLICY_PURPOSE_DEFAULT "marketing" /* consent.marketing */

/* ---- campaigns ---- */

/* A mailing, and whom it is meant for. Who is in it is asked each time (audience): included, not excluded, in a status that lets marketing
 * write, and in no campaign that goes first. */
struct Campaign {
        Rule rule;
        const Team *owner;
        uint32_t priority;               /* the larger goes first; of equals neither holds a person from the other */
        const char *from_text, *to_text; /* the days as written, both included; NULL = open */
        int64_t from_us, to_us;          /* half-open, in the site's zone; TIME_NONE = open */
        const Channel *channel;          /* NULL = it is only listed */
        const Condition *include;        /* NULL = everybody */
        const Condition *exclude;        /* NULL = nobody */
        uint32_t cap;                    /* at_most: that many mails to one person, of whatever campaign or track, .. */
        Duration cap_per;                /* .. in any stretch of time so long; cap 0 = no cap */
        const char *purpose;             /* of the consent: consent.PURPOSE */
        bool needs_consent;              /* false: only who refused is out; who was never asked is in */
};

const Campaign *policy_campaign(const RuleSet *rules, const char *name);
/* Is the first listed before the other: the larger priority, of equals the one declared first? */
bool policy_campaign_goes_first(const Campaign *a, const Campaign *b);
/* Within its dates? */
bool policy_campaign_runs(const Campaign *campaign, int64_t now_us);

/* ---- tracks ---- */

typedef enum TrackClock {
        TRACK_CLOCK_WALL,     /* waits pass day and night */
        TRACK_CLOCK_PERSON,   /* the open hours of `calendar`, in the lead's own zone (person.zoneinfo; not known: the calendar's), or the
                                 default hours, which without a zone are the site's */
        TRACK_CLOCK_CALENDAR, /* the open hours of `calendar` */
} TrackClock;
typedef struct TrackStep {
        Duration wait;       /* since the step before, of the first: since the track was entered */
        const Message *send; /* to = "lead" */
        int64_t at_us;       /* then at the next such time of day, since midnight in the zone of the clock; TIME_NONE = at once */
} TrackStep;
/* What one lead is sent, step by step, while marketing has it. A lead is in one track at a time: the first declared whose `enter` holds in
 * a status that lets marketing write. It leaves when either no longer holds, or `leave` does, or consent is withdrawn. */
struct Track {
        Rule rule;
        const Condition *enter;
        const Condition *leave;   /* a lead for whom this holds leaves, and does not enter, whatever `enter` says; NULL = none */
        const Condition *wake_on; /* over one activity: a new one ends the track at once; NULL = none does */
        TrackClock clock;
        const CalendarDecl *calendar; /* NULL with TRACK_CLOCK_WALL; with TRACK_CLOCK_PERSON: the default hours */
        const TrackStep *steps;
        size_t n_steps;
        const char *purpose;
        bool needs_consent;
};

const Track *policy_track(const RuleSet *rules, const char *name);
/* Where the person is by the clock, as the profile says (person.zoneinfo); NULL = it does not, or there is no such zone. Borrowed from the
 * rules. -ENOMEM, or what keeps the machine's data of zones from being read. */
int policy_person_zone(RuleSet *rules, const Facts *profile, const Zone **ret);
/* The hours in which people are written to when no calendar is named: Monday to Friday, 09:00 to 17:00, in whatever zone (calendar_add_in).
 */
int policy_default_hours(RuleSet *rules, const Calendar **ret);

/* ---- stages ---- */

/* A stage of the funnel: a lead has reached it that was ever in one of the statuses, made one of the moves, or did what the marks say. */
struct Stage {
        Rule rule; /* index UINT32_MAX: of the default, declared by nobody */
        const Status *const *statuses;
        size_t n_statuses;
        const Move *const *moves;
        size_t n_moves;
        bool every;       /* every lead */
        bool accepted;    /* its owner moved it on after it was routed to them, and did not send it back to a team without members */
        bool opportunity; /* an opportunity is known of it */
};
/* RuleSet.stages is never empty after a full load: where no rule declares one, it is what statuses and moves say (kind_plan.c), and
 * stages_are_declared is false. The order is that of the funnel. */

/* ---- targets ---- */

typedef enum TargetMeasure {
        MEASURE_ACCEPTANCE_RATE = 1, /* of leads that somebody answered for: accepted. No answer says nothing about the lead */
        MEASURE_SLA_KEPT,            /* of promises that were kept or broken: answered in time */
        MEASURE_REASONS_GIVEN,       /* of leads that people sent back: with a reason */
        MEASURE_FEEDBACK_GIVEN,      /* of accepted leads: sales has said what became of them (a move after the acceptance) */
        MEASURE_MEETINGS,            /* of accepted leads: a meeting was held or booked */
        MEASURE_WON,                 /* of accepted leads: won */
        MEASURE_RECYCLED,            /* of leads that went back to marketing: handed over again */
        MEASURE_BAD_DATA,            /* of leads that somebody answered for: refused, or sent back later, with a reason that has credit */
        MEASURE_RESPONSE,            /* median working time until an owner's first answer, in hours */
        MEASURE_LEAKS,               /* leads that leak now */
        MEASURE_OVERDUE,             /* leads whose promise is broken now */
        MEASURE_LAST = MEASURE_OVERDUE,
} TargetMeasure;
typedef enum MeasureUnit { UNIT_PERCENT, UNIT_HOURS, UNIT_LEADS } MeasureUnit;
typedef struct MeasureInfo {
        const char *name; /* as rules write it */
        MeasureUnit unit;
        bool more_is_better;
        const char *of; /* "of the hand-offs that ended, those that were accepted" */
} MeasureInfo;
const MeasureInfo *policy_measure(TargetMeasure measure);

typedef enum TargetSide { SIDE_SALES, SIDE_MARKETING } TargetSide;
/* What one side promised the other, as a number. */
struct Target {
        Rule rule;
        TargetMeasure measure;
        TargetSide side;     /* whose promise */
        bool is_least;       /* at_least; else at_most */
        int64_t bound_milli; /* thousandths of the measure's unit: 70 percent = 70000 */
};

/* ---- what a condition has to read ---- */

typedef enum PolicyReads {
        READS_STATUS = 1 << 0, /* and the team, which is the status' */
        READS_OWNER = 1 << 1,
        READS_GRADE = 1 << 2,
        READS_POINTS = 1 << 3, /* fit, engagement, score.GROUP */
        READS_SEGMENT = 1 << 4,
        READS_IN_STATUS = 1 << 5, /* Subject.entered_us */
        READS_AGE = 1 << 6,       /* created_us */
        READS_IDLE = 1 << 7,      /* touched_us */
        READS_SOURCE = 1 << 8,
        READS_TEST = 1 << 9,
        READS_CONSENT = 1 << 10,  /* consent.PURPOSE, of the profile */
        READS_PROFILE = 1 << 11,  /* any other fact of the profile */
        READS_HISTORY = 1 << 12,  /* did{} */
        READS_FUNCTION = 1 << 13, /* Lua: may read whatever there is */
        READS_OPPORTUNITY = 1 << 14,
        READS_TRACK = 1 << 15,
        READS_NOW = 1 << 16,        /* comes out differently by the clock alone: durations, within, functions that take now */
        READS_SINCE_MOVE = 1 << 17, /* did{ since = "move" }: what came after the last move */
} PolicyReads;
/* Bits of PolicyReads; NULL reads nothing. */
unsigned policy_reads(const Condition *condition);
/* Can there be a lead in that status of which it holds? false is a proof. 0 or -ENOMEM. */
int policy_can_hold_in(const RuleSet *rules, const Condition *condition, const Status *status, bool *ret);
