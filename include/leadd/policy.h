#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * policy: what both teams agreed on. Loads a directory of Lua rule files into a
 * checked, compiled rule set, evaluates its conditions in C, and enters Lua only
 * for function-valued rules, sandboxed. Knows no database and no files but the rules.
 * A RuleSet is used by one thread at a time; everything public in it is read-only.
 */
#include "leadd/base.h"
#include "leadd/intake.h"
#include "leadd/record.h"
#include "leadd/worktime.h"

#define POLICY_FILES_MAX 256
#define POLICY_FILE_SIZE_MAX (1024 * 1024)
#define POLICY_RULES_MAX 4096
#define POLICY_TESTS_MAX 10000 /* beside the rules */
#define POLICY_TEST_STEPS_MAX 200
#define POLICY_TEST_GIVEN_MAX 2000 /* in one step */
#define POLICY_TEST_PAYLOAD_SIZE_MAX (64 * 1024)
#define POLICY_TEST_DID_MAX 32 /* matchers of one activity */
#define POLICY_SEGMENTS_MAX 256
#define POLICY_GROUPS_MAX 16
#define POLICY_STEPS_MAX 16
#define POLICY_DIGEST_READERS_MAX 200        /* each is a row of the outbox */
#define POLICY_GATHER_US (3 * US_PER_MINUTE) /* what a channel for mail gathers unless it says otherwise */
#define POLICY_GATHER_MAX_US US_PER_HOUR
#define POLICY_CHAIN_MAX 8 /* automatic moves in one event */
#define POLICY_LUA_MEMORY_MAX (16 * 1024 * 1024)
#define POLICY_STEPS_BUDGET 200000                /* Lua instructions of one rule function on one lead */
#define POLICY_CPU_BUDGET_US 50000                /* backstop */
#define POLICY_ANSWER_WITHIN_US (14 * US_PER_DAY) /* of settings' answer_within, when it does not say */
#define POLICY_ANSWER_WITHIN_MIN_US US_PER_HOUR
#define POLICY_ANSWER_WITHIN_MAX_US (365 * US_PER_DAY)
/* What settings' `leaks` say when they do not: after how long it leaks */
#define POLICY_LEAK_UNTOUCHED_US (3 * US_PER_DAY)    /* that an accepted lead was never touched */
#define POLICY_LEAK_STALE_US (14 * US_PER_DAY)       /* that nobody keeps a status of sales up to date */
#define POLICY_LEAK_OPPORTUNITY_US (30 * US_PER_DAY) /* that an opportunity does not move */
#define POLICY_LEAK_MIN_US US_PER_HOUR
#define POLICY_LEAK_MAX_US (365 * US_PER_DAY)

typedef struct RuleSet RuleSet;
typedef struct Condition Condition; /* compiled; belongs to its rule set */

typedef enum RuleKind {
        RULE_PRINCIPLE = 1,
        RULE_SETTINGS,
        RULE_CALENDAR,
        RULE_TEAM,
        RULE_MEMBER,
        RULE_STATUS,
        RULE_CRITERION,
        RULE_MOVE,
        RULE_REASON,
        RULE_FENCE,
        RULE_LIST,
        RULE_SEGMENT,
        RULE_GROUP,
        RULE_SCORE,
        RULE_GRADE,
        RULE_JUNK,
        RULE_ROUTE,
        RULE_SLA,
        RULE_CHANNEL,
        RULE_MESSAGE,
        RULE_CAMPAIGN,
        RULE_TRACK,
        RULE_FEED,
        RULE_ADAPTER,
        RULE_TEST,
        RULE_DIGEST, /* the numbers stand in books: what is new is added at the end */
        RULE_STAGE,
        RULE_TARGET,
        RULE_KIND_LAST = RULE_TARGET,
} RuleKind;
const char *rule_kind_name(RuleKind kind);

/* The head of everything that was declared. */
typedef struct Rule {
        uint32_t index; /* in RuleSet.rules: declaration order */
        RuleKind kind;
        const char *name;
        const char *file; /* relative to the rules directory */
        int line;
        const char *doc;
} Rule;

typedef struct Principle {
        Rule rule;
        const char *text;
} Principle;

/* After how long what nobody looks after is a leak. */
typedef struct LeakLimits {
        Duration untouched, stale, opportunity; /* never 0 after a load */
} LeakLimits;

typedef struct Settings {
        Rule rule;
        const char *zone_text; /* default "UTC" */
        Zone *zone;
        const char *phone_region;
        Duration keep_done, retain;
        Duration answer_within; /* for so long a mail may be answered; default POLICY_ANSWER_WITHIN_US */
        LeakLimits leaks;
        const char *ops;              /* address */
        const char *const *spool_may; /* "DIRECTORY FAMILY": directories that may claim outcome, owner, erased */
        size_t n_spool_may;
} Settings;

typedef struct CalendarDecl {
        Rule rule;
        Calendar *calendar;
} CalendarDecl;

typedef struct Skill {
        const char *name;
        const char *const *values;
        size_t n_values;
} Skill;
typedef struct Absence {
        int64_t from_us, to_us;
} Absence;

typedef struct Team Team;
typedef struct Member Member;
struct Member {
        Rule rule;
        const Team *team;
        const char *user, *email;
        uint32_t weight, rank;                      /* weight default 1 */
        uint32_t max_unaccepted, max_open, per_day; /* 0 = unlimited */
        const CalendarDecl *calendar;               /* NULL = the team's */
        const Skill *skills;
        size_t n_skills;
        const Absence *absences; /* `away`, days in the member's zone */
        size_t n_absences;
        bool left;
        const Member *deputy;
};

typedef enum Strategy { STRATEGY_ROUND_ROBIN, STRATEGY_WEIGHTED, STRATEGY_LEAST_OPEN, STRATEGY_TOP_FIRST } Strategy;
typedef enum OnAbsence { ABSENCE_KEEP, ABSENCE_REASSIGN_UNACCEPTED, ABSENCE_DEPUTY } OnAbsence;
struct Team {
        Rule rule;
        const CalendarDecl *calendar;
        const Member *head;
        Strategy strategy;
        OnAbsence on_absence;
        const Member *deputy;         /* of members that name none */
        const Member *const *members; /* sorted by name */
        size_t n_members;             /* 0: its leads are a queue */
};

typedef enum StatusKind { STATUS_OPEN, STATUS_SLA, STATUS_FINAL } StatusKind;
typedef struct Status {
        Rule rule; /* rule.name; doc = meaning */
        const Team *team;
        StatusKind kind;
        bool initial, marketing_may_contact;
        Duration stale_after; /* 0 = as the settings say (leaks.stale) */
        const char *renamed_from;
} Status;

typedef struct Need {
        const char *name;
        const Condition *condition;
} Need; /* a criterion (name) or a bare condition (name NULL) */
typedef struct Criterion {
        Rule rule;
        const Condition *when;
} Criterion;

typedef struct Reason {
        Rule rule;
        const Status *to;
        Duration recycle_after; /* 0 = none */
        const Condition *wake_on;
        bool credit, note_required;
        const Need *needs;
        size_t n_needs;
} Reason;

typedef enum MoveBy { BY_RULES, BY_OWNER, BY_TEAM, BY_NAMED_TEAM } MoveBy;
typedef struct Move {
        Rule rule;
        const Status *const *from;
        size_t n_from;
        const Status *to; /* NULL: the reason says where to */
        MoveBy by;
        const Team *by_team;
        const char *const *aliases;
        size_t n_aliases;
        const Reason *const *reasons;
        size_t n_reasons;
        const Need *needs;
        size_t n_needs;
        const Condition *when; /* BY_RULES: NULL = always */
        bool restart;
} Move;

typedef struct Fence {
        Rule rule;
        const Status *const *blocks;
        size_t n_blocks;
        const Status *const *from; /* stands only for leads that come from one of these; none = from any */
        size_t n_from;
        const Condition *when; /* the fence is closed while it holds; NULL with since/hold */
        const Reason *const *since;
        size_t n_since;
        Duration hold;
} Fence;

/* About one activity: it stays on record and earns nothing. The first that matches names it. */
typedef struct Junk {
        Rule rule;
        const Condition *when;
} Junk;

typedef struct Segment {
        Rule rule;
        const Condition *when;
} Segment;
typedef struct Group {
        Rule rule;
        int64_t min_mp, max_mp;
        Duration half_life;
        bool weights;
} Group;                    /* _mp: milli-points */
typedef struct Score Score; /* evaluated by policy_judge only */
struct Score {
        Rule rule;
        const Group *group;
        const Status *veto; /* a match moves the lead there at once; NULL = none */
};

typedef struct Band {
        const char *name;
        int64_t from_mp;
} Band;
typedef struct Grade {
        Rule rule;
        const Band *fit, *engagement; /* highest first */
        size_t n_fit, n_engagement;
        int64_t leave_mp;
} Grade;

typedef struct Match {
        const char *skill;
        FieldId field;
        const char *key;
} Match;
typedef struct Route {
        Rule rule;
        const Condition *when; /* NULL = unconditional */
        const Team *team;      /* NULL for a route to an owner */
        bool account;          /* owner = "account": whoever owns the company's other open leads */
        bool previous;         /* owner = "previous": whoever had the lead before it went back to a team without members */
        const Match *match;
        size_t n_match;
} Route;

typedef enum SlaClock { CLOCK_OWNER, CLOCK_TEAM, CLOCK_WALL, CLOCK_CALENDAR } SlaClock;
typedef struct SlaStep {
        Duration at;
        Duration every;            /* 0 = once; only the last step repeats */
        const char *const *remind; /* "owner", "head", "ops", or a member's name */
        size_t n_remind;
        bool reassign;
        const Move *move;
        const Reason *reason;
        const struct Message *message; /* NULL = the message "reminder" if declared, else journal only */
} SlaStep;
typedef struct Sla {
        Rule rule;
        const Status *status;
        const Condition *when, *start_on, *stop, *roll_on;
        Duration within, max_snooze;
        SlaClock clock;
        const CalendarDecl *calendar;
        bool retime;
        const SlaStep *steps;
        size_t n_steps;
        const char *version; /* its times, its clock and what its steps do, as a text: what a running timer keeps over a reload */
} Sla;

typedef enum Via { VIA_JOURNAL, VIA_SENDMAIL, VIA_SMTP, VIA_EXEC, VIA_WEBHOOK, VIA_DROP } Via;
const char *policy_via_name(Via via); /* as rules write it */
typedef struct Channel {
        Rule rule;
        Via via;
        const char *from;
        const char *target;
        const char *secret; /* of a webhook: the name of the file that leadd-notify signs with; NULL = not signed */
        bool quiet_recipient;
        const char *reply_to;    /* of mail: where replies go that answer; NULL = mails cannot be answered */
        const char *unsubscribe; /* of mail to leads: where they say that they want no more, "mailto:..." or "https://..."; NULL */
        int64_t gather_us;       /* mail: how long a reminder waits for others to the same reader; 0 = not */
} Channel;
typedef struct Message {
        Rule rule;
        const Channel *channel;
        const char *to; /* "lead", "owner", "head", "ops", or a member's name; NULL = whom a step reminds */
        bool from_rep;  /* to the lead: as from the member who sent it back; nobody did, or they left: from the channel's sender */
        const char *subject, *body;
} Message;
typedef struct Feed {
        Rule rule;
        Via via;
        const char *const *types;
        size_t n_types;
} Feed;
/* The desk of a team on one screen, sent once a day. */
typedef struct DigestDecl {
        Rule rule;
        const Team *team;
        int64_t at_us;                /* since midnight */
        const CalendarDecl *calendar; /* NULL = the team's; without either every day counts, in the site's zone */
        const Channel *channel;
        const char *const *to; /* "head", "members", "ops", or a member's name */
        size_t n_to;
} DigestDecl;
typedef struct AdapterDecl {
        Rule rule;
        Adapter adapter;
} AdapterDecl;
typedef struct List {
        Rule rule;
        const char *const *items;
        size_t n_items;
} List; /* case-folded, sorted */

/* For many leads, and about them: leadd/plans.h. */
typedef struct Campaign Campaign;
typedef struct Track Track;
typedef struct Stage Stage;
typedef struct Target Target;

/* ---- tests, as the trial room runs them ---- */

/* What arrives in a test: a record as JSON, as a source would write it, or a vendor's payload as it is dropped. */
typedef struct TestGiven {
        const char *where; /* "given[1]", "later[2].given[1]" */
        const char *body;
        size_t size;
        const char *directory; /* of a payload: where it is dropped; NULL = a record */
        const char *format;    /* of a payload: json, ndjson, csv, form */
        int64_t now_us;        /* when it is delivered */
        bool is_subject;       /* (the first record of the payload is) about the lead the test is about */
} TestGiven;

typedef enum TestKey {
        TEST_HITS = 1,
        TEST_MISSES,
        TEST_FIT,
        TEST_ENGAGEMENT,
        TEST_SCORE,
        TEST_GRADE,
        TEST_SEGMENTS,
        TEST_STATUS,
        TEST_TEAM,
        TEST_OWNER,
        TEST_DUE,
        TEST_HELD,
        TEST_FENCE,
        TEST_MOVED,
        TEST_REFUSED,
        TEST_REMINDED,
        TEST_FIELDS,
        TEST_DID,
        TEST_TRACK,
        TEST_SENT,
        TEST_AUDIENCE,
} TestKey;

typedef struct TestMatcher TestMatcher; /* what a value must be, and of which path */
typedef struct TestName {
        const char *name;
        const Rule *const *rules; /* rules of several kinds may have one name */
        size_t n_rules;
} TestName;
typedef struct TestExpect {
        TestKey key;
        const char *name;                   /* "status", "score.web" */
        uint32_t group;                     /* TEST_SCORE: index in RuleSet.groups */
        const TestMatcher *matcher;         /* FIT to TEAM and OWNER, FIELDS, TRACK; NULL: nothing is wanted */
        const TestMatcher *const *matchers; /* DID: all that one activity must match */
        size_t n_matchers;
        const TestName *names; /* HITS, MISSES, SEGMENTS, FENCE, MOVED, REMINDED, SENT, AUDIENCE */
        size_t n_names;
        bool yes;         /* HELD, REFUSED: wanted at all */
        const char *text; /* HELD, REFUSED: a part of what is said, or the code; NULL = whatever */
        int64_t time_us;  /* DUE: TIME_NONE = nothing is due. DID: when, TIME_NONE = whenever */
} TestExpect;

/* What one lead is expected to be at one moment. */
typedef struct TestLook {
        const char *where; /* "expect", "later[1].expect[2]" */
        const char *of;    /* its e-mail; NULL = the lead the test is about */
        const TestExpect *expects;
        size_t n_expects;
} TestLook;

typedef struct TestStep {
        int64_t at_us;
        const TestGiven *given; /* in the order in which they happen */
        size_t n_given;
        const TestLook *looks;
        size_t n_looks;
} TestStep;

typedef struct TestList {
        List *list;
        const char *const *items;
        size_t n_items;
} TestList;

typedef struct Test {
        Rule rule;
        const TestStep *steps; /* the first is `at`, the others are `later` */
        size_t n_steps;
        TestList *lists; /* policy_test_lists exchanges them */
        size_t n_lists;
} Test;

struct RuleSet {
        const char *directory;
        uint8_t hash[DIGEST_SIZE]; /* SHA-256 over the archive */
        char hash_text[2 * DIGEST_SIZE + 1];
        const Rule *const *rules; /* everything declared, by index */
        size_t n_rules;
        const Settings *settings; /* never NULL after a full load */
        const Principle *principles;
        size_t n_principles;
        const CalendarDecl *calendars;
        size_t n_calendars;
        const Team *teams;
        size_t n_teams;
        const Member *members;
        size_t n_members;
        const Status *statuses;
        size_t n_statuses;
        const Status *initial;
        const Criterion *criteria;
        size_t n_criteria;
        const Move *moves;
        size_t n_moves;
        const Reason *reasons;
        size_t n_reasons;
        const Fence *fences;
        size_t n_fences;
        const List *lists;
        size_t n_lists;
        const Junk *junks;
        size_t n_junks;
        const Segment *segments;
        size_t n_segments;
        const Group *groups;
        size_t n_groups;
        const Score *const *scores;
        size_t n_scores;
        const Grade *grade; /* NULL = none */
        const Route *routes;
        size_t n_routes;
        const Sla *slas;
        size_t n_slas;
        const Channel *channels;
        size_t n_channels;
        const Message *messages;
        size_t n_messages;
        const Feed *feeds;
        size_t n_feeds;
        const DigestDecl *digests;
        size_t n_digests;
        const AdapterDecl *adapters;
        size_t n_adapters;
        const Campaign *campaigns;
        size_t n_campaigns;
        const Track *tracks;
        size_t n_tracks;
        const Stage *stages; /* in the order of the funnel */
        size_t n_stages;
        bool stages_are_declared; /* else the default that leadd/plans.h tells of */
        const Target *targets;
        size_t n_targets;
        const Test *tests;
        size_t n_tests;
};

/* The rules people count: everything declared but the tests. */
static inline size_t policy_n_rules(const RuleSet *rules) { return rules->n_rules - rules->n_tests; }

/* ---- loading ---- */

typedef struct PolicyProblem {
        bool is_error; /* else a warning */
        char *file;    /* "" when it concerns the whole set */
        int line;
        char *text;
} PolicyProblem;
typedef struct PolicyReport {
        PolicyProblem *problems; /* sorted by file, line */
        size_t n_problems;
        size_t n_errors;
} PolicyReport;
void policy_report_done(PolicyReport *report);
/* "rules/10.lua:12: text\n" a problem. */
int policy_report_format(const PolicyReport *report, Text *out);

/* Adds "KIND "NAME": text" at the rule's place, sorted in. For checks that need more than the rules: what is in the book. */
int policy_report_warn(PolicyReport *report, const Rule *rule, const char *format, ...) _printf_(3, 4);
int policy_report_error(PolicyReport *report, const Rule *rule, const char *format, ...) _printf_(3, 4);
/* An error that has no rule to stand at. */
int policy_report_refuse(PolicyReport *report, const char *format, ...) _printf_(2, 3);

typedef enum PolicyLoadFlags {
        POLICY_LOAD_CALENDARS = 1 << 0, /* calendars and settings suffice: no checks of the whole */
} PolicyLoadFlags;

enum {
        POLICY_E_RULES = 1, /* the rules do not load: see the report (all problems, not just the first) */
};

/* report is filled in either case (warnings); release it with policy_report_done. */
int policy_load(const char *directory, unsigned flags, RuleSet **ret, PolicyReport *report);
/* The whole set (files, lists, holiday files) as one self-contained blob, and back. Loading an archive gives the same hash.
 *
 * A set that ran once loads from its archive for ever: the book's events are replayed under it, and it is what a broken boot falls back
 * to. So what a later leadd refuses on disk although it compiles (every check of the whole set, and whatever else one would not want to
 * run by) is a warning here, and a test that does not compile any more is no test. What is left are errors without which nothing could be
 * judged: files that do not run, names that nobody declared. */
int policy_archive(const RuleSet *rules, const void **ret_data, size_t *ret_size); /* borrowed from rules */
int policy_load_archive(const void *data, size_t size, RuleSet **ret, PolicyReport *report);
RuleSet *policy_free(RuleSet *rules);
void policy_freep(RuleSet **rules);

/* ---- finding by name (NULL when there is none) ---- */
const Status *policy_status(const RuleSet *rules, const char *name); /* follows renamed_from */
const Team *policy_team(const RuleSet *rules, const char *name);
const Member *policy_member(const RuleSet *rules, const char *name);
const Member *policy_member_by_user(const RuleSet *rules, const char *user);
const Reason *policy_reason(const RuleSet *rules, const char *name);
const CalendarDecl *policy_calendar(const RuleSet *rules, const char *name);
const Sla *policy_sla(const RuleSet *rules, const char *name);
/* The SLA as a version of it said (Sla.version; NULL = as it is): a copy in the arena, with the conditions of today. As it is, when that
 * names a calendar, a move or a reason that is no more, or a move that no longer starts in its status. */
int policy_sla_of_version(const RuleSet *rules, const Sla *sla, const char *version, Arena *arena, const Sla **ret);
/* A move by name or alias that a person may ask for. */
const Move *policy_move(const RuleSet *rules, const char *name);
/* The calendar a member works by: own, team's, else NULL (wall clock). */
const Calendar *policy_member_calendar(const Member *member);
/* The zone whose days are the member's days. */
const Zone *policy_member_zone(const RuleSet *rules, const Member *member);
/* One end of an absence: a day ("2026-03-09", as an end with all of it) or an instant in RFC 3339. -EINVAL. */
int policy_parse_day(const Zone *zone, const char *text, size_t size, bool is_end, int64_t *ret_us);
/* "2026-03-09" or "2026-03-09..2026-03-13", both days included. -EINVAL. */
int policy_parse_days(const Zone *zone, const char *text, Absence *ret);
bool policy_member_is_away(const Member *member, int64_t now_us, int64_t *ret_until_us);

/* ---- evaluating ---- */

/* One thing in the lead's history that did{} and `on` look at. lead.submitted is also form_submitted (name: form_name or form_id). */
typedef struct Activity {
        uint64_t event;
        int64_t time_us;
        const char *type; /* "page_viewed": the event part; "form_submitted" for lead.submitted */
        const Facts *facts;
        bool after_move;  /* its event came after the lead's last move (for since = "move") */
        const Junk *junk; /* the rule that calls it junk; NULL: it counts. Found at each evaluation, never stored */
} Activity;

/* Everything a rule can read. Filled by decide; segments, scores and grade by policy_judge. */
typedef struct Subject {
        int64_t now_us;
        const Facts *facts;      /* the profile */
        const char *source;      /* of the newest record from outside, up to the slash */
        const char *lead_id;     /* "L-42" */
        const Activity *history; /* oldest first, without junk: whatever looks at it need not ask */
        size_t n_history;
        const Status *status;
        const char *owner;                          /* NULL = nobody */
        const char *track;                          /* the one it is in; NULL = none */
        int64_t created_us, entered_us, touched_us; /* for age, in_status, idle */
        const char *prior_grade;                    /* for `leave`; NULL = none */
        uint64_t serial; /* policy's own: start with 0 (`= {}`); policy_judge numbers the subject. Facts and history stay as they are from
                            then on, but for what policy_moved is told */
        struct LeadCache *cache; /* policy's own, in the arena of policy_judge, which must live as long as the subject is asked about */
        /* filled by policy_judge: */
        uint64_t segments[POLICY_SEGMENTS_MAX / 64]; /* by index in RuleSet.segments */
        int64_t group_mp[POLICY_GROUPS_MAX];         /* by index in RuleSet.groups */
        int64_t fit_mp, engagement_mp;
        char grade[32];         /* "A1", "?3"; "" = no grade declared */
        bool fit_known;         /* false: letter is '?' */
        int64_t next_change_us; /* the earliest instant at which something that was read can change by itself; TIME_NONE. policy_judge
                                   starts it, policy_holds moves it closer. It may be too early (then judge again), never too late */
} Subject;

/* What one rule did; kept with the event. Only matched or failed rules are stored. */
typedef struct Receipt {
        const Rule *rule;
        bool matched, failed;
        int64_t points_mp;           /* what it added to its group; for a group (stored when min or max cut it): its value */
        int64_t before_mp, after_mp; /* before and after decay and cap; for a group: before and after min and max */
        uint64_t event;              /* the newest activity that counted, 0 = none */
        uint32_t n_counted;          /* with a trace: activities that the score looked for and found */
        const char *note;            /* the function's note or the error, NULL */
        const char *said;            /* failed: what of the note is no lead data, for the journal; not stored, NULL */
        const char *trace;           /* explain only: "person.seniority = \"director\"; company.employees absent", NULL */
} Receipt;
typedef struct Receipts {
        Receipt *items;
        size_t n_items;
        size_t capacity;
        bool all;   /* also the rules that did not match (explain) */
        bool trace; /* fill trace (explain) */
} Receipts;
int receipts_add(Receipts *receipts, Arena *arena, Receipt receipt);

/* By their own time, then by what they say, and only where they say the same by the order of arrival: what rules see of the history
 * never depends on it. */
bool policy_is_newer(const Activity *a, const Activity *b);

/* Sets `junk` of each activity, to a rule or to NULL. 0 or -ENOMEM. */
int policy_mark_junk(RuleSet *rules, Activity *history, size_t n_history, Arena *arena);

/* Segments, scores, groups, grade: fills the subject and adds receipts. Functions that fail count as not matched. */
int policy_judge(RuleSet *rules, Subject *subject, Arena *arena, Receipts *receipts);

/* The lead was moved after it was judged, and the caller took after_move away from activities of the history: what functions were given
 * of them is made anew. */
void policy_moved(RuleSet *rules, Subject *subject);

/* Does the condition hold? NULL holds. trace (may be NULL) gets "path = value" of each matcher looked at.
 * POLICY_E_FAILED: a function broke or exceeded its budget; *ret_note (may be NULL) says how, and *ret is false. */
int policy_holds(RuleSet *rules, const Condition *condition, Subject *subject, Arena *arena, bool *ret, const char **ret_note, Text *trace);
enum { POLICY_E_FAILED = 2 };

/* What a condition asks for, in words: "person.phone_number is known". */
void policy_describe(const RuleSet *rules, const Condition *condition, Text *out);

/* The rules whose condition failed in policy_holds or policy_matches_activity since policy_forget_failures: a failed receipt for each that
 * has none yet, so that a fence, a criterion or an agreement that breaks is named as a score is. */
void policy_forget_failures(RuleSet *rules);
int policy_add_failures(const RuleSet *rules, Receipts *receipts, Arena *arena);

/* The condition over one activity alone (wake_on, roll_on). Never of one that is marked as junk. */
int policy_matches_activity(
        RuleSet *rules, const Condition *condition, Subject *subject, const Activity *activity, Arena *arena, bool *ret);

/* ---- functions that overrun their budget ---- */

typedef struct PolicyOverrun {
        const Rule *rule;
        uint32_t call; /* number of the function call within the event, from 0 */
        bool by_cpu;   /* the backstop cut it: chance, which a replay has to be told */
} PolicyOverrun;
/* Before each event: function calls are numbered anew and the overruns of the last event forgotten. A replay gives the calls that the
 * backstop cut when the event happened (ascending, borrowed until the next call): they fail as they did then, and no other is cut. */
void policy_begin_event(RuleSet *rules, bool is_replay, const uint32_t *cuts, size_t n_cuts);
/* What runs outside of an event (explain, need) is not noted. */
void policy_end_event(RuleSet *rules);
/* Calls that used up a budget in the event that began last, in their order. */
const PolicyOverrun *policy_overruns(const RuleSet *rules, size_t *ret_n);
/* A suspended rule's functions are not run: they fail at no cost, so that the rule counts as not matched, holds the lead if it is a move or
 * route, and says why, as it did while it overran. 0, -ENOMEM. */
int policy_suspend(RuleSet *rules, const Rule *rule);
void policy_resume_all(RuleSet *rules);
bool policy_is_suspended(const RuleSet *rules, const Rule *rule);
/* As IntakeSettings.may; userdata is the RuleSet: does its settings' `spool` let the directory say that? */
bool policy_spool_may(const char *directory, const char *source, RecordFamily family, void *userdata);
/* The rule of that kind and name, or NULL. */
const Rule *policy_rule(const RuleSet *rules, RuleKind kind, const char *name);

/* What the rule costs, by sampling: how often it was timed, and the nanoseconds of these times together. *ret_ns / *ret_n is the mean of
 * one evaluation, functions and all; a rule has many where a lead asks it many times (a criterion), and a junk rule one for all
 * activities of a lead. 0 of 0: never asked, or nothing to evaluate. Counted since the rule set was loaded; no verdict depends on it. */
void policy_cost(const RuleSet *rules, uint32_t rule_index, uint64_t *ret_n, uint64_t *ret_ns);
/* What was timed so far does not count: the leads of tests are none. */
void policy_forget_costs(RuleSet *rules);

/* Replaces ${lead.person.name}, ${lead.id}, ${due}, ${owner}, ${status}, ${grade}, ${rule} in a message's text. Unknown names were errors
 * at load; absent values give "". Control characters of values become spaces. */
typedef struct MessageContext {
        const Subject *subject;
        const char *owner, *due, *rule, *recipient;
        const char *answers; /* lines of our own words: kept as they are */
        const char *unsubscribe;
} MessageContext;
int policy_render(const char *text, const MessageContext *context, Text *out);
/* Where the lead says that it wants no more mails of the channel. Nothing, when the channel has no such place. */
int policy_render_unsubscribe(const Channel *channel, const char *lead_id, Text *out);

/* ---- what stands in the way (miss.c) ---- */

#define POLICY_MISSES_MAX 64 /* matchers one answer names */

/* One matcher that decided. */
typedef struct Miss {
        const char *path;   /* "company.employees", "did page_viewed, url containing \"/pricing\"", "a function" */
        const char *wanted; /* "at least 1000" */
        const char *got;    /* "180", "absent" */
        uint32_t either;    /* 0 = this one must change; else any one of those with the same number would do */
} Miss;
typedef struct Misses {
        Miss *items;
        size_t n_items;
        bool more;        /* there were more than POLICY_MISSES_MAX */
        const char *text; /* all of it as a sentence, "" when nothing stands in the way */
} Misses;
/* What stands in the way of the condition holding (wanted) or not holding. Everything in the arena. The subject was judged. */
int policy_misses(RuleSet *rules, const Condition *condition, bool wanted, Subject *subject, Arena *arena, Misses *ret);
/* What stands in the way of the score giving (more) points: its `when`, its field, its activities, what it gives way to. receipts: of
 * the same look, with those that did not match. */
int policy_score_misses(RuleSet *rules, const Score *score, Subject *subject, const Receipts *receipts, Arena *arena, Misses *ret);

/* ---- what would make a condition hold (suggest.c) ---- */

#define SUGGEST_PARTS_MAX 4   /* facts and activities of one suggestion */
#define SUGGEST_CHOICES_MAX 8 /* values of one matcher that are offered */
#define SUGGEST_REPEATS_MAX 5 /* activities of one kind that are offered for a score */
#define SUGGEST_ADDITIONS_MAX 256
#define SUGGEST_ITEMS_MAX 512
#define SUGGEST_GOALS_MAX 16

/* Something that might become known of a lead, or be done by it n times. */
typedef struct Addition {
        bool is_change;     /* the profile says something else now */
        FieldId field;      /* FIELD_NONE: an activity */
        const char *key;    /* of a MAP field */
        Value value;        /* of the fact */
        const char *type;   /* of the activity: "page_viewed" */
        const Facts *facts; /* n of them */
        uint32_t n;
        uint32_t family, rank; /* of additions of one family a higher rank asks for more: where a lower one does, it need not be named */
        const char *text;      /* "company.employees at least 200", "2 x page_viewed, url "/pricing"" */
} Addition;
typedef struct Suggestion {
        uint32_t parts[SUGGEST_PARTS_MAX]; /* indexes of additions, ascending */
        uint32_t n_parts;
} Suggestion;
/* Grows with each call. Its texts are in the arena. */
typedef struct Suggestions {
        Addition *additions;
        size_t n_additions;
        Suggestion *items;
        size_t n_items;
        const Rule **functions; /* rules that cannot be searched */
        size_t n_functions, functions_capacity;
        const char *grades[SUGGEST_GOALS_MAX]; /* one of these is asked for as well: points have to be found for it */
        size_t n_grades;
        struct {
                uint32_t group; /* index in RuleSet.groups */
                int64_t from_mp;
        } points[SUGGEST_GOALS_MAX]; /* the same of points */
        size_t n_points;
        bool is_full;               /* a limit was met: there may be more */
        const struct Bound *bounds; /* policy's own: the numbers at which rules change their minds */
        size_t n_bounds;
        bool has_bounds;
} Suggestions;
int suggestions_init(Suggestions *suggestions, Arena *arena);
/* All parts of both. Where two of them exclude each other (two values of one field), b's gives way, or a's where `second` has its bit;
 * *ret_excluded has the bits of all such parts of a. False: they are too many. */
bool suggestion_unite(
        const Suggestions *suggestions, const Suggestion *a, const Suggestion *b, unsigned second, Suggestion *ret, unsigned *ret_excluded);
bool suggestion_is_same(const Suggestion *a, const Suggestion *b);
/* Adds what may make the condition hold (wanted) or not hold; nothing when it is as wanted. rule: whose condition it is. Candidates, not
 * promises: judge the lead with them. 0 or -ENOMEM. */
int policy_suggest(RuleSet *rules, const Rule *rule, const Condition *condition, bool wanted, Subject *subject, Arena *arena,
        Suggestions *suggestions);
/* Adds an activity that a condition over one activity alone (wake_on) matches, whatever was done before. */
int policy_suggest_signal(
        RuleSet *rules, const Rule *rule, const Condition *condition, Subject *subject, Arena *arena, Suggestions *suggestions);
/* Adds what may make the score give more. */
int policy_suggest_score(RuleSet *rules, const Score *score, Subject *subject, Arena *arena, Suggestions *suggestions);

/* ---- what tests need ---- */

/* Does the value (NULL = there is none) fit what a test wants? -ENOMEM. */
int policy_test_matches(RuleSet *rules, const TestMatcher *matcher, const Value *value, Arena *arena, bool *ret);
/* What it wants, and a value, in words. */
void policy_test_describe(const RuleSet *rules, const TestMatcher *matcher, Text *out);
void policy_test_show(const TestMatcher *matcher, const Value *value, Text *out);
/* What the path of the matcher reads of a lead: NULL = there is nothing. */
int policy_test_read(RuleSet *rules, const TestMatcher *matcher, Subject *subject, Arena *arena, Value *storage, const Value **ret);
/* Is that the activity that a test wants: when, and all of what it asks? -ENOMEM. */
int policy_test_did(RuleSet *rules, const TestExpect *expect, const Activity *activity, Arena *arena, bool *ret);
/* "type is "page_viewed", url contains ..". */
void policy_test_describe_did(const RuleSet *rules, const TestExpect *expect, Text *out);
/* Exchanges the lists a test replaces: called again it puts the rules' own back. */
void policy_test_lists(const Test *test);

/* ---- digests ---- */

const DigestDecl *policy_digest(const RuleSet *rules, const char *name);
const Calendar *policy_digest_calendar(const DigestDecl *digest); /* NULL = every day */
const Zone *policy_digest_zone(const RuleSet *rules, const DigestDecl *digest);
/* Its first moment after an instant, on a day after that of the one sent last (TIME_NONE = none was): at most one a day. TIME_NONE: none
 * within WORKTIME_HORIZON_DAYS. */
int64_t policy_digest_after(const RuleSet *rules, const DigestDecl *digest, int64_t after_us, int64_t sent_us);

/* ---- coverage ---- */

/* A condition of a rule, or one comparison in it. */
typedef struct PolicySite {
        const Rule *rule;
        const char *key; /* "when", "needs", ... */
        const Condition *condition;
        bool is_whole; /* all of what the rule asks there */
        uint64_t n_true, n_false;
} PolicySite;
/* From here on it is counted how often each comes out true and false; goes on counting after a pause. -ENOMEM. */
int policy_cover(RuleSet *rules);
void policy_cover_pause(RuleSet *rules);
/* By declaration; none before policy_cover. */
const PolicySite *policy_covered(const RuleSet *rules, size_t *ret_n);

/* leadctl glossary: the language of leads as the rules really are, plain text. */
int policy_glossary(const RuleSet *rules, Text *out);

/* ---- what rules compare with what ---- */

typedef enum MentionOf {
        MENTION_FIELD = 1, /* a fact of the lead */
        MENTION_ACTIVITY,  /* a fact of an activity */
        MENTION_TYPE,      /* an activity's type */
        MENTION_SOURCE,    /* the source up to the slash */
} MentionOf;
#define MENTION_FIELDS_MAX 3
/* A text, or the texts of one has{..}, that a rule compares something with. Lives during the callback; rule, path, written and key as long
 * as the rule set. */
typedef struct Mention {
        const Rule *rule;
        const char *path; /* as the rule says it */
        MentionOf of;
        FieldId fields[MENTION_FIELDS_MAX]; /* in which the value may stand; FIELD_NONE behind the last */
        const char *key;                    /* of a MAP field, else NULL */
        const char *how;                    /* "has", "starts", ...; NULL = equals */
        const char *written;                /* the (first) text as it stands in the file */
        size_t n_texts;
        const void *matcher;
} Mention;
/* Stops at, and returns, what on_mention returns when it is not 0. */
int policy_mentions(const RuleSet *rules, int (*on_mention)(const Mention *mention, void *userdata), void *userdata);
/* Does a case-folded value match what is mentioned? Only inside the callback. */
bool policy_mention_matches(const Mention *mention, const char *folded, size_t size);
