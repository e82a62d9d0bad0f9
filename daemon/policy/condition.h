#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * policy, inside: compiled conditions and the evaluation of one lead, as condition*.c, score*.c and judge.c
 * share them. What is declared here is compiled once at load, lives in the rule set's arena and never changes;
 * Eval is the work of one call and lives on the caller's stack.
 */
#include "internal.h"

#define CONDITION_DEPTH_MAX 32      /* tables within tables */
#define CONDITION_ENTRIES_MAX 1000  /* entries of one table, items of one list */
#define CONDITION_COUNT_MAX 1000000 /* activity.count, at_least, exactly */
#define CONDITION_NOTE_MAX 200      /* characters of a function's note */
#define EVAL_RECENT 16              /* texts of activities whose folded form is kept */
#define CONDITION_SCRATCH_SIZE 512  /* texts up to this are folded on the stack */

/* ---- what a matcher reads ---- */

typedef enum RefKind {
        REF_FIELD = 1, /* a fact of the profile */
        REF_SOURCE,
        REF_COUNTRY, /* company.country, else person.address.country */
        REF_TEST,    /* never absent */
        REF_STATUS,
        REF_TEAM,
        REF_OWNER,
        REF_TRACK,
        REF_SEGMENT, /* a set of names */
        REF_GRADE,
        REF_GROUP, /* points: fit, engagement, score.GROUP */
        REF_IDLE,
        REF_AGE,
        REF_IN_STATUS,
        REF_SINCE,         /* the instant in `field` */
        REF_ACTIVITY_TYPE, /* of the activity at hand, as are the next two */
        REF_ACTIVITY_NAME, /* activity.name, else form_name, else form_id */
        REF_ACTIVITY_FIELD,
} RefKind;

/* Which matchers fit a path; decided at load so that evaluation never meets nonsense. */
typedef enum RefType {
        TYPE_TEXT = 1,
        TYPE_NUMBER,
        TYPE_BOOL,
        TYPE_TIME,
        TYPE_ANY,
        TYPE_DURATION,
        TYPE_NAME,
        TYPE_GRADE,
        TYPE_POINTS
} RefType;

typedef struct Ref {
        RefKind kind;
        RefType type;
        FieldId field;
        FieldId fallback; /* of an activity that was a form: its page, its campaign */
        uint32_t group;   /* REF_GROUP: index in RuleSet.groups */
        uint32_t column;  /* of an activity, within did{}: what reads the same has the same number; 0 = none */
        const char *key;  /* of a MAP field */
        const char *path; /* as written */
} Ref;

/* ---- matchers ---- */

typedef struct Word {
        const char *text; /* case-folded */
        size_t size;
        size_t rare;         /* of a rule: the place of its rarest character */
        const char *written; /* of a rule: as it stands in the file, for texts */
} Word;

typedef enum MatchOp {
        MATCH_EQUALS = 1, /* plain value, one_of, is_not (negated): texts, numbers, booleans */
        MATCH_HAS,
        MATCH_WORD,
        MATCH_STARTS,
        MATCH_ENDS,
        MATCH_LIKE,
        MATCH_NUMBERS,  /* low..high as numbers */
        MATCH_INTEGERS, /* low..high, both inclusive: microseconds or milli-points */
        MATCH_PRESENT,
        MATCH_ABSENT,
        MATCH_LIST,
        MATCH_SEGMENTS, /* by index */
} MatchOp;

typedef struct Matcher {
        MatchOp op;
        bool negate;                /* is_not: true when the value is there and differs */
        bool with_true, with_false; /* MATCH_EQUALS on booleans */
        bool low_open, high_open;   /* MATCH_NUMBERS: gt, lt */
        const Word *words;          /* MATCH_EQUALS: sorted */
        size_t n_words;
        const Value *numbers; /* MATCH_EQUALS */
        size_t n_numbers;
        const uint32_t *segments;
        size_t n_segments;
        const List *list;
        double low_number, high_number;
        int64_t low, high;
} Matcher;

/* ---- the tree ---- */

typedef enum NodeType { NODE_ALL = 1, NODE_ANY, NODE_NONE, NODE_MATCH, NODE_DID, NODE_FUNCTION } NodeType;

typedef struct Function {
        int ref;          /* in the registry */
        bool takes_now;   /* declared with a second parameter: judged again every day */
        bool only_reads;  /* leaves nothing behind */
        const Rule *rule; /* that declared it: who overruns, and is suspended */
} Function;

/* Activities that did{} and `on` look for. */
typedef struct Did {
        const char *type;          /* plain `type`, case-folded; NULL: any, or a matcher below */
        const Condition *matchers; /* NODE_MATCH over one activity, sorted by path */
        size_t n_matchers;
        int64_t within_us; /* 0 = whole history */
        bool since_move;
        int64_t at_least;     /* default 1 */
        int64_t exactly;      /* -1 = not asked */
        const Ref *distinct;  /* NULL = count matches, times activity.count */
        uint32_t pattern;     /* the number of this type with these matchers: equal ones share it */
        uint32_t type_number; /* of the type, if there is one */
} Did;

struct Condition {
        NodeType type;
        uint32_t n_children;
        union {
                const Condition *children; /* sorted by path, then positional ones as written */
                const Matcher *matcher;
                const Did *did;
                Function function;
        };
        Ref ref;       /* NODE_MATCH */
        uint32_t rule; /* of the whole: index of the rule that declared it */
};

/* ---- compiling (condition_compile.c) ---- */

/* Which builder made the value at index (1.. of the list in condition_compile.c); 0: none. */
typedef enum BuilderKind {
        BUILD_NOTHING = 0,
        BUILD_ANY,
        BUILD_ALL,
        BUILD_NONE,
        BUILD_DID,
        BUILD_ONE_OF,
        BUILD_IS_NOT,
        BUILD_HAS,
        BUILD_WORD,
        BUILD_STARTS,
        BUILD_ENDS,
        BUILD_LIKE,
        BUILD_GE,
        BUILD_GT,
        BUILD_LE,
        BUILD_LT,
        BUILD_BETWEEN,
        BUILD_PRESENT,
        BUILD_ABSENT,
        BUILD_IN_LIST,
        N_BUILDERS,
} BuilderKind;
BuilderKind condition_builder(lua_State *L, int index);
const char *condition_builder_name(BuilderKind kind);

/* The parts that score_compile.c uses as well. Each reports mistakes itself and answers false then; false with
 * loader->out_of_memory when memory is short. */
bool condition_compile_ref(Loader *loader, const char *where, const char *path, ConditionPhase phase, Ref *ret);
/* The value at index (a tagged table or a plain value) against a path. */
bool condition_compile_matcher(Loader *loader, const char *where, const Ref *ref, int index, const Matcher **ret);
/* The argument of did{} or the value of `on`. counting: at_least, exactly and distinct may be used. */
bool condition_compile_did(Loader *loader, const char *where, int index, bool counting, const Did **ret);
/* Pass 4: reports a grade that no lead can have. */
void condition_check_grade(Loader *loader, const GradeUse *use);
/* Gives it its numbers (condition_cache.c). False: out of memory. */
bool condition_number_did(Loader *loader, Did *did);
/* After all of them: 0 or -ENOMEM. */
int condition_index_types(Loader *loader);
bool condition_compile_function(Loader *loader, int index, Function *ret);
bool condition_fold(Loader *loader, const char *text, size_t size, Word *ret);
int condition_compare_words(const void *a, const void *b);
/* Keys of the table at index as a sorted array; integer keys come after texts and have text NULL. False: reported. */
typedef struct Entry {
        const char *key; /* borrowed from Lua while the table lives; NULL: positional */
        int64_t position;
} Entry;
bool condition_entries(Loader *loader, const char *where, int index, Entry **ret, size_t *ret_n);

/* ---- evaluating (condition.c, condition_match.c, condition_function.c) ---- */

/* What was found out about a lead already (condition_cache.c). */
typedef struct LeadCache LeadCache;

typedef struct Eval {
        RuleSet *rules;
        Subject *subject;
        Arena *arena;
        ConditionPhase phase;
        const Activity *activity; /* the one at hand */
        PolicyCoverage *coverage; /* NULL = nobody counts */
        Text *trace;              /* NULL = none wanted */
        const char *note;         /* of the last function */
        bool failed;              /* a function broke */
        int error;                /* -ENOMEM; what was answered is worthless */
        int64_t next_us;          /* the earliest instant at which something read changes by itself */
        LeadCache *cache;         /* NULL: not needed so far */
        bool has_recent;
        Word recent[EVAL_RECENT]; /* folded texts of single activities; written: of which text */
        char scratch[CONDITION_SCRATCH_SIZE];
} Eval;

/* Remembers that the rule failed, by eval's note; said: what of it may stand in the journal. Once a rule, however often it was asked. */
void eval_note_failure(Eval *eval, const Rule *rule, const char *said, bool asked);
void eval_init(Eval *eval, RuleSet *rules, Subject *subject, Arena *arena, ConditionPhase phase);
/* Something read changes by itself at that instant (ignored when it has passed). */
static inline void eval_wake(Eval *eval, int64_t time_us) {
        if (time_us > eval->subject->now_us && (eval->next_us == TIME_NONE || time_us < eval->next_us))
                eval->next_us = time_us;
}
/* Instants far away must not wrap round. */
static inline int64_t eval_time_add(int64_t time_us, int64_t delta_us) {
        int64_t sum;
        return __builtin_add_overflow(time_us, delta_us, &sum) ? INT64_MAX : sum;
}

static inline int64_t eval_whole_seconds(int64_t time_us) {
        int64_t seconds = time_us / US_PER_SECOND;
        return time_us % US_PER_SECOND < 0 ? seconds - 1 : seconds;
}
/* b may be NULL. */
static inline bool eval_is_newer(const Activity *a, const Activity *b) {
        return !b || (a->time_us != b->time_us ? a->time_us > b->time_us : policy_is_newer(a, b));
}

/* NULL holds. Check failed and error afterwards. */
bool eval_condition(Eval *eval, const Condition *condition);
/* The instant from which the activity is outside did's `within`; INT64_MAX = never. */
int64_t eval_did_leaves(const Did *did, const Activity *activity);
/* How many of the history a did{} counts now; eval->error on exhaustion. */
int64_t eval_did_count(Eval *eval, const Did *did);
/* Does the activity satisfy did's own words (type, matchers, within, since)? For one that is alone; in a history the next does. */
bool eval_did_matches(Eval *eval, const Did *did, const Activity *activity);
/* The next activity of the history from place *at on that satisfies did's own words; NULL: there is none, or eval->error. */
const Activity *eval_did_next(Eval *eval, const Did *did, size_t *at);
/* Of an activity of the history: activity.count; the factor of its age (decay_factor). */
int64_t eval_history_count(Eval *eval, const Activity *activity);
/* True when any of the profile's fields that the condition reads is present (segments: what they read). */
bool eval_any_field_present(Eval *eval, const Condition *condition);

/* For the subject: NULL on exhaustion. */
LeadCache *cache_new(const RuleSet *rules, const Subject *subject, Arena *arena);
Arena *cache_arena(const LeadCache *cache);
bool cache_is_of(const LeadCache *cache, const Subject *subject);
LeadCache *eval_make_cache(Eval *eval);
/* NULL with eval->error on exhaustion. */
static inline LeadCache *eval_cache(Eval *eval) { return eval->cache ? eval->cache : eval_make_cache(eval); }
/* Where the folded text of the fact in that slot is kept. */
Word *eval_field_place(Eval *eval, uint32_t slot);
const Value *eval_read_activity(const Activity *activity, const Ref *ref, Value *storage);

/* The fact's value; *ret_slot its index for the fold cache. NULL = absent. */
const Value *eval_field(Eval *eval, FieldId field, const char *key, uint32_t *ret_slot);
/* What a path is now. A value that is made on the spot is put into *storage. NULL = absent. */
#define EVAL_NO_SLOT UINT32_MAX
const Value *eval_read(Eval *eval, const Ref *ref, Value *storage, uint32_t *ret_slot);
/* The text case-folded; NULL with eval->error on exhaustion. Valid until the next call unless it has a slot. */
const char *eval_fold(Eval *eval, const Value *value, uint32_t slot, size_t *ret_size);
/* The same, kept at that place. */
const char *eval_fold_kept(Eval *eval, const Value *value, Word *kept);
/* Does the matcher look at a text's words (condition_text_matches)? */
static inline bool condition_reads_text(const Matcher *matcher) {
        return (matcher->op >= MATCH_EQUALS && matcher->op <= MATCH_LIKE) || matcher->op == MATCH_LIST;
}
/* value NULL = absent. kept: where its folded form is kept; NULL where it is not. */
bool eval_matches_kept(Eval *eval, const Ref *ref, const Matcher *matcher, const Value *value, Word *kept);
bool eval_matches(Eval *eval, const Ref *ref, const Matcher *matcher, const Value *value, uint32_t slot);
/* A case-folded text against a matcher of texts, negate left aside. */
bool condition_text_matches(const Matcher *matcher, const char *text, size_t size);
bool eval_words_contain(const Word *words, size_t n_words, const char *text, size_t size);

/* ---- words (condition_show.c) ---- */

/* "director", 180, true: for traces. */
void eval_show_value(Text *out, const Value *value);
void eval_trace_separate(Eval *eval);
void eval_trace_match(Eval *eval, const Ref *ref, const Matcher *matcher, const Value *value, bool matched);
void eval_trace_did(Eval *eval, const Did *did, int64_t n, bool matched);
/* What it asks for: "country in list "eea" and (...)". */
void condition_describe(const RuleSet *rules, const Condition *condition, Text *out);

/* What a matcher asks for ("at least 1000"), what a path is ("absent", "180", "12d"), what a did{} counts. */
void condition_show_wanted(Text *out, const RuleSet *rules, const Ref *ref, const Matcher *matcher);
void condition_show_got(Text *out, const Ref *ref, const Value *value);
void condition_show_did(Text *out, const Did *did);

/* activity.count as a whole number, 1 when absent. */
int64_t eval_activity_count(const Activity *activity);

/* A set of texts (distinct, per): which values were met before. */
typedef struct Met {
        const Value **slots;
        size_t *items; /* what the caller keeps with each */
        size_t n_slots, n_items;
} Met;
/* Finds or adds the value (NULL is a value, too). *ret_is_new; *ret_item points at the caller's number. -ENOMEM. */
int eval_met(Arena *arena, Met *met, const Value *value, bool *ret_is_new, size_t **ret_item);

/* Calls a rule's function with the lead. Failures set eval->failed and note. */
bool eval_function_holds(Eval *eval, const Function *function);
/* *ret_matched false: it returned nil or false, or failed. */
int64_t eval_function_points(Eval *eval, const Function *function, bool *ret_matched);

/* ---- decay (score_decay.c) ---- */

#define DECAY_WEIGHT_MAX INT64_C(1000000000000000000) /* milli-points of one event, with its count */
#define DECAY_SUM_MAX INT64_C(1000000000000000)       /* milli-points of a score or group */

typedef struct Decay {
        int64_t half_life_s;  /* 0 = none */
        int64_t fade_every_s; /* 0 = none; wins over half_life_s */
        int32_t fade_percent;
} Decay;

/* weight after age seconds; age below 0 counts as 0. */
int64_t decay_apply(const Decay *decay, int64_t weight_mp, int64_t age_s);
/* The same where the factor of that age is known already: many scores look at one activity. */
double decay_factor(const Decay *decay, int64_t age_s);
int64_t decay_apply_factor(const Decay *decay, int64_t weight_mp, int64_t age_s, double factor);
/* What it is worth before rounding; not a number where doubles do not do. */
double decay_points(const Decay *decay, int64_t weight_mp, int64_t age_s, double factor);
/* What decay_apply gives for half-lives, by integers only. */
int64_t decay_halve_exactly(int64_t weight_mp, int64_t age_s, int64_t half_life_s);
double eval_history_factor(Eval *eval, const Decay *decay, const Activity *activity);

typedef struct DecayEvent {
        int64_t time_s;
        int64_t weight_mp;
        int64_t leaves_us; /* counts before this instant only (`within`); INT64_MAX = for ever */
        double points;     /* decay_points, now */
} DecayEvent;

/* The events behind one score. */
typedef struct DecayScore {
        Decay decay;
        int64_t cap_mp; /* of the sum, as a magnitude; 0 = none */
        const DecayEvent *events;
        size_t n_events;
        int64_t now_mp; /* filled by decay_sum's caller: the score at now_s */
} DecayScore;

int64_t decay_sum(const DecayScore *score, int64_t time_s);

/* A group whose points fall by themselves. */
typedef struct DecayGroup {
        int64_t total_mp; /* the sum of everything at now_s, before min and max */
        int64_t min_mp, max_mp;
        const DecayScore *scores;
        size_t n_scores;
} DecayGroup;

/* The earliest instant after now at which the group may be on the other side of bound (below it when it is at or above it now);
 * TIME_NONE = never by itself. Exact when all falling scores have one sign, else it may be too early. */
int64_t decay_next_crossing(const DecayGroup *group, int64_t now_us, int64_t bound_mp);

/* ---- scores (score.c) ---- */

/* The falling events of a group, for decay_next_crossing. -ENOMEM. */
int score_collect_group(Eval *eval, uint32_t group, DecayGroup *ret);
