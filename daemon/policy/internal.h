#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * policy, inside: what the parts of the room share. sandbox.c owns the Lua state,
 * load.c runs the files and compiles kinds, condition.c and score.c compile and
 * evaluate what depends on a lead. Nothing outside daemon/policy includes this.
 *
 * Loading in passes: 1 run every file in the sandbox; each `kind "NAME" { ... }` leaves its table in the
 * registry with file:line. 2 make the head (struct and Rule) of everything named, so that names resolve
 * in any order. 3 compile the bodies. 4 check the whole. All problems are collected, not just the first.
 */
#include "leadd/policy.h"
#include <lua.h>

#define POLICY_NOTE_SIZE 512 /* of the text of a function that failed */
#define POLICY_SAID_SIZE 200 /* of what the journal hears of it */

/* ---- sandbox.c ---- */

typedef struct Sandbox Sandbox;

/* A Lua 5.4 state in one arena of POLICY_LUA_MEMORY_MAX with the allow-list of style.md section 6 and nothing else. */
int sandbox_new(Sandbox **ret);
Sandbox *sandbox_free(Sandbox *sandbox);
lua_State *sandbox_state(Sandbox *sandbox);
/* Loading is over: remembers the image that sandbox_begin restores. */
int sandbox_seal(Sandbox *sandbox);
/* Before the first function on a lead: the state is as it was when sealed, whatever the lead before did. */
int sandbox_begin(Sandbox *sandbox);
/* Between two calls: remembers the state as it is now, and goes back to it, as often as wanted until the next sandbox_begin. */
int sandbox_mark(Sandbox *sandbox);
void sandbox_rewind(Sandbox *sandbox);
/* Bytes in use, with what was thrown away since the image was restored. */
size_t sandbox_used(const Sandbox *sandbox);
/* How much of it is not the rules'; SIZE_MAX when something large was made, which makes what runs dearer. */
size_t sandbox_waste(const Sandbox *sandbox);
/* Calls f(L, userdata) protected: steps, CPU and memory are budgeted and the stack is balanced afterwards.
 * POLICY_E_FAILED with the message in error (file:line: text, never the lead's data) when it broke or overran. */
int sandbox_run(Sandbox *sandbox, void (*f)(lua_State *L, void *userdata), void *userdata, char *error, size_t error_size);
/* What the last sandbox_run broke by: a budget of any kind, the CPU backstop. */
bool sandbox_overran(const Sandbox *sandbox);
bool sandbox_overran_cpu(const Sandbox *sandbox);
/* It broke by its budget, or came so close that it could have from another state that looks the same to a rule: after others that made
 * tables grow, steps are counted more finely and sorted keys came in another order. */
bool sandbox_neared_limits(const Sandbox *sandbox);
/* Of an error of the last sandbox_run, what the journal may hear: the place, and our own words. */
void sandbox_say(const Sandbox *sandbox, const char *error, char *ret, size_t size);
/* A replay knows from the log where the backstop was used: without it, steps alone are counted. */
void sandbox_set_backstop(Sandbox *sandbox, bool on);
/* Inside sandbox_run: charges steps for work done in C (patterns, long loops); raises when the budget is spent. */
void sandbox_charge(lua_State *L, uint64_t steps);

/* ---- load.c: the context of compiling one declaration ---- */

typedef struct Loader {
        lua_State *L;
        Arena *arena;   /* of the rule set: everything compiled lives here */
        RuleSet *rules; /* heads are there from pass 3 on */
        PolicyReport *report;
        const Rule *rule; /* the declaration being compiled: problems are placed here */
        bool out_of_memory;
} Loader;

/* Adds a problem at loader->rule: "KIND "NAME": text". */
void loader_error(Loader *loader, const char *format, ...) _printf_(2, 3);
/* The same for what compiled and could be judged by, and is refused for what it would do: a warning in a set that comes from an archive.
 * Checks that are added to what earlier versions have loaded use this one. */
void loader_refuse(Loader *loader, const char *format, ...) _printf_(2, 3);
void loader_warning(Loader *loader, const char *format, ...) _printf_(2, 3);
/* "unknown WHAT "word"" with "; did you mean "x"?" when a candidate is near. */
void loader_unknown(Loader *loader, const char *what, const char *word, const char *const *candidates, size_t n_candidates);
/* The head of that kind and name, or NULL: cast it to the kind's type. */
const Rule *policy_find(const RuleSet *rules, RuleKind kind, const char *name);
/* Names of all heads of a kind (for candidates), in the loader's arena. */
const char *const *loader_names(Loader *loader, RuleKind kind, size_t *ret_n);

/* ---- condition.c ----
 * Compiling keeps everything in loader->arena and nothing elsewhere, so that a Lua memory error may leave it by longjmp: call the passes
 * inside one protected call. Functions are kept as references in the registry (luaL_ref), so they must be compiled before sandbox_seal.
 * Names of lists, segments, statuses, teams, members, groups are resolved through the heads in loader->rules; their bodies are not looked
 * at. */

/* Pass 1: registers any, all, none, did, one_of, is_not, has, word, starts, ends, like, ge, gt, le, lt, between, present, absent,
 * in_list as globals of the sandbox: they build tagged tables. */
int condition_register(lua_State *L);
/* Compiles the value at stack index (a table, a combinator, a function). On a mistake: loader_error was called, *ret stays NULL, returns 0.
 * where: "when", "needs[2]": for the text. -ENOMEM only. Segments and scores may not read grade, status, fit, engagement, score.*: forbid
 * says which phase reads. */
typedef enum ConditionPhase { PHASE_SEGMENT, PHASE_SCORE, PHASE_DECISION, PHASE_ACTIVITY } ConditionPhase;
int condition_compile(Loader *loader, int index, const char *where, ConditionPhase phase, const Condition **ret);
/* May this condition be true at all, and is it unconditional (NULL or empty)? For the checks of the whole. */
bool condition_is_always(const Condition *condition);

/* ---- score.c ---- */

/* Compiles the table at index of a `score` declaration into *ret (its head is made in pass 2 by score_new). */
Score *score_new(Arena *arena); /* NULL on exhaustion */
/* Also resolves score->group (the heads of groups are there). A mistake is reported and leaves the score inert; returns 0 or -ENOMEM. */
int score_compile(Loader *loader, int index, Score *score);
/* Pass 4, once, after every score was compiled: `unless` (names, circles, order), weights that sum to 100. 0 or -ENOMEM. */
int score_check(Loader *loader);

/* ---- render.c ---- */

/* Reports each ${name} of a message's text that policy_render would not know. where: "subject", "body". */
void render_check(Loader *loader, const char *where, const char *text);

/* ---- coverage.c ---- */

typedef struct PolicyCoverage PolicyCoverage;
PolicyCoverage *coverage_free(PolicyCoverage *coverage);
void coverage_count(PolicyCoverage *coverage, const Condition *condition, bool holds);

/* ---- the private part of a rule set ---- */

/* A grade that a condition asks for: whether it can be given is known once the grade is compiled, which may stand further down. */
typedef struct GradeUse GradeUse;
struct GradeUse {
        const GradeUse *next;
        const Rule *rule;
        const char *where, *path, *grade;
};

/* How long a rule took on the leads that were timed (cost.c). */
typedef struct RuleCost {
        uint64_t n, ns;
} RuleCost;

/* Functions that overran (overrun.c). */
typedef struct Overruns {
        uint32_t n_calls;     /* of functions in this event */
        PolicyOverrun *items; /* in this event */
        size_t n_items, capacity;
        const uint32_t *cuts;    /* calls of this event that fail as the backstop cut them when the event happened; borrowed */
        size_t n_cuts, next_cut; /* ascending */
        bool in_event;
        uint64_t *suspended; /* bits by rule index; NULL = none is */
} Overruns;

/* A type of activity that rules name, by its hash. */
typedef struct TypeSlot {
        const char *type; /* NULL = free */
        size_t size;
        uint32_t number;
} TypeSlot;

/* person, company, ..: what functions see of the profile under one key. */
typedef struct LeadPart {
        const char *name;
        size_t size;
        FieldId first, last;
        bool always; /* a table even when nothing is known */
} LeadPart;

typedef struct RuleSetBody {
        RuleSet public; /* first: a RuleSet* is a RuleSetBody* */
        Arena *arena;
        Sandbox *sandbox;
        PolicyCoverage *covered;  /* NULL = never asked for */
        PolicyCoverage *covering; /* the same while it counts */
        Text archive;
        const Rule *const *by_name; /* sorted by kind, then name */
        size_t n_by_name;
        const GradeUse *grade_uses; /* while loading */
        uint64_t last_serial;       /* counts subjects: policy_judge gives each the next one */
        uint64_t lead_serial;       /* of the subject the sandbox's `lead` table was built for; 0 = none */
        size_t lead_used;           /* what the sandbox had in use then */
        bool lead_marked;           /* that state is marked */
        bool lead_touched;          /* a function ran since that may have left something behind */
        bool lead_fresh;            /* none ran at all */
        uint64_t lead_made;         /* the keys of the table that were made, by number (condition_function.c) */
        struct Eval *lead_eval;     /* while a function runs: whose lead it is given */
        uint64_t lead_prepared;     /* those that are made at once */
        LeadPart *lead_parts;
        uint32_t n_lead_parts;
        uint64_t lead_named, lead_named_often; /* by one, by several functions that may leave something behind */
        RuleCost *costs;                       /* by rule index */
        /* what did{} and `on` look for, numbered (condition_cache.c) */
        struct KnownPattern *patterns;
        struct KnownRef *columns;
        struct KnownType *types;
        size_t n_patterns, n_columns, n_types;
        TypeSlot *type_slots;
        size_t type_mask;
        Overruns overruns;
        struct PersonHours *person_hours; /* person_hours.c; NULL until asked for */
        struct Failure {
                const Rule *rule;
                char note[POLICY_NOTE_SIZE];
                char said[POLICY_SAID_SIZE]; /* of it, what the journal may hear */
                bool asked;                  /* by decide: it may have no receipt but this */
        } * failures;                        /* in this event, each rule once */
        size_t n_failures, failures_capacity;
} RuleSetBody;
static inline RuleSetBody *policy_body(RuleSet *rules) { return (RuleSetBody *) rules; }

/* ---- person_hours.c ---- */

struct PersonHours *person_hours_free(struct PersonHours *hours);

/* ---- condition_function.c ---- */

/* Before sealing, in a protected call: what `lead` needs in the sandbox. 0 or -errno. */
int function_prepare(Loader *loader);
/* The function at index may leave something behind: remembers which parts of `lead` it names. 0 or -errno. */
int function_note_keys(Loader *loader, int index);

/* ---- overrun.c ---- */

/* Numbers a call and says whether it is to be made; if not, *ret_note says why it fails (-ENOMEM: NULL). */
bool overrun_may_call(RuleSetBody *body, const Rule *rule, uint32_t *ret_call, const char **ret_note, Arena *arena);
/* The call used up a budget: 0, -ENOMEM. */
int overrun_note(RuleSetBody *body, const Rule *rule, uint32_t call, bool by_cpu);
/* What a call that the backstop cut fails with; the place is the rule's, since where the clock stopped it is chance. */
const char *overrun_cut_text(const Rule *rule, Arena *arena);
void overruns_done(Overruns *overruns);

/* ---- cost.c ---- */

/* The clock is read on all of the first leads, so that a small site has figures, then on one in so many; a prime, because leads come
 * in patterns (a form and its two activities). */
#define COST_FIRST_LEADS 64
#define COST_EVERY 61
static inline bool cost_is_sampled(const Subject *subject) {
        return subject->serial <= COST_FIRST_LEADS ? subject->serial > 0 : subject->serial % COST_EVERY == 0;
}
/* Laps: what passed since the last one, less what reading the clock takes, is the rule's. */
typedef struct Stopwatch {
        int64_t last_ns, reading_ns;
} Stopwatch;
void stopwatch_start(Stopwatch *watch);
void stopwatch_lap(Stopwatch *watch, RuleSetBody *body, uint32_t rule_index);
