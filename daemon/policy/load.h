#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load, inside: what the parts of loading share. files.c reads the directory or an archive, declare.c runs
 * rule files and records declarations (pass 1), load.c makes the heads (2) and drives the rest, keys.c and
 * kind_*.c compile bodies (3), check.c looks at the whole (4).
 */
#include "sandbox.h"

#define POLICY_NAME_SIZE_MAX 100
#define POLICY_TEST_NAME_SIZE_MAX 250 /* they are sentences */
#define POLICY_PROBLEMS_MAX 500
#define POLICY_ARCHIVE_SIZE_MAX (32 * 1024 * 1024)
#define POLICY_ARENA_MAX (256 * 1024 * 1024)
#define POLICY_LIST_ITEMS_MAX 500000

/* ---- files.c ---- */

typedef enum FileClass { FILE_RULES, FILE_ADAPTERS, FILE_LIST, FILE_TEST, FILE_HOLIDAYS } FileClass;

typedef struct RuleFile {
        const char *name; /* relative to the rules directory */
        FileClass class;
        const char *data; /* NUL terminated */
        size_t size;
        bool broken; /* no text: nothing in it is read */
} RuleFile;

typedef struct RuleFiles {
        int directory_fd; /* -1: everything there is came from an archive */
        RuleFile *items;
        size_t n_items, capacity;
        size_t total_size;
} RuleFiles;

typedef struct Load Load;
/* Fill load->files, sorted by class, then name. What cannot be read is a problem. 0 or -errno of our own machinery. */
int files_read_directory(Load *load, const char *directory);
int files_read_archive(Load *load, const void *data, size_t size);
/* A holiday file that a calendar names; NULL when a problem was reported. */
int files_find_holidays(Load *load, const char *name, const RuleFile **ret);
/* The archive of everything read. */
int files_write_archive(const Load *load, Text *out);

/* ---- load.c ---- */

typedef struct Declaration {
        RuleKind kind;
        const char *name, *file;
        int line;
        int table;            /* see declare_keep_table; LUA_NOREF until it was given */
        const RuleFile *list; /* of a lists/NAME.txt */
        size_t team;          /* of a member: the place of its team in the declarations */
        Rule *rule;           /* its head; NULL for what was declared twice */
} Declaration;

struct Load {
        Loader loader; /* first: a Loader* is a Load* */
        RuleSetBody *body;
        Arena *scratch; /* lives as long as loading */
        RuleFiles files;
        const RuleFile *file; /* the one that runs */
        Declaration *declarations;
        size_t n_declarations, capacity;
        const char **lost; /* names declared with a misspelt kind: not unknown, whoever refers to them */
        size_t n_lost, lost_capacity;
        bool incomplete; /* a file did not run to its end: what seems to be missing may stand there */
        bool *broken;    /* by Rule.index: it has errors of its own */
        bool too_many;
        size_t n_tests;
        Text text;              /* what tests are written into before it is kept: an error of Lua must not lose it */
        Intake *intake;         /* that reads their records; made for the first */
        Intake *payloads;       /* that reads their payloads, with the adapters of the set; likewise */
        bool calendars_suffice; /* POLICY_LOAD_CALENDARS */
        bool archived;          /* it ran once, and shall load for ever: see loader_refuse */
};
static inline Load *load_of(Loader *loader) { return (Load *) loader; }

typedef struct KindInfo {
        RuleKind kind;
        const char *name;
        size_t head_size, items_at, count_at; /* in RuleSet; head_size 0 when it is kept otherwise */
        int (*compile)(Load *load, int index, void *head);
        bool single; /* at most one */
} KindInfo;
extern const KindInfo load_kinds[];
extern const size_t load_n_kinds;
const KindInfo *load_kind(RuleKind kind);

void load_problem(Load *load, bool is_error, const char *file, int line, const char *format, ...) _printf_(5, 6);
int load_declare(Load *load, Declaration declaration);
/* The head of that kind and name, or NULL. */
const Rule *load_find(const Load *load, RuleKind kind, const char *name);
/* Grows an array of the scratch arena by one; NULL when memory is out (and noted). */
void *load_grow(Load *load, void *items, size_t n, size_t *capacity, size_t item_size);
/* Memory is out: noted; returns -ENOMEM. */
int load_exhausted(Load *load);

/* ---- declare.c ---- */

/* Whether a rule may be called that. */
bool name_is_good(const char *name, size_t size);
/* The same for the names of tests. */
bool name_is_good_within(const char *name, size_t size, size_t size_max);

/* Registers the kinds and closes the words. Raises. */
void declare_register(lua_State *L);
/* Pops a declaration's table and keeps it under the number, until all are dropped. [-1, +0, m] */
int declare_keep_table(lua_State *L);
void declare_push_table(lua_State *L, int table); /* [-0, +1, -], two slots */
void declare_drop_tables(lua_State *L);
/* Runs all rule files; afterwards load->declarations holds what they said. */
int declare_run(Load *load);

/* ---- keys.c: bodies by table ---- */

typedef enum KeyType {
        KEY_TEXT,          /* const char * */
        KEY_TEXTS,         /* const char *const *, count; one text counts as a list of one */
        KEY_BOOL,          /* bool */
        KEY_COUNT,         /* uint32_t */
        KEY_POINTS,        /* int64_t, milli-points */
        KEY_DURATION,      /* Duration, no working days */
        KEY_WORK_DURATION, /* Duration */
        KEY_CHOICE,        /* int: place in choices */
        KEY_WORD,          /* const char *: one of choices */
        KEY_RULE,          /* pointer to the head of `kind` */
        KEY_RULES,         /* array of such pointers, count */
        KEY_CONDITION,     /* const Condition * */
        KEY_NEEDS,         /* const Need *, count */
        KEY_ITEMS,         /* the table has positional entries as well, which the kind reads itself */
        KEY_SKIP,          /* may be there; the kind reads it itself */
        KEY_OWN,           /* compile() */
} KeyType;

typedef struct BodyKey {
        const char *name;
        KeyType type;
        bool required;
        size_t at, count_at; /* offsets in the target */
        RuleKind kind;
        ConditionPhase phase;
        const char *const *choices; /* ends with NULL */
        int (*compile)(Load *load, int index, const char *where, void *target);
} BodyKey;

/* Compiles the table at index into target. where is "" or the place inside the declaration ("steps[2]"). What is wrong is reported and
 * leaves its part of target as it was. 0 or -ENOMEM. */
int keys_compile(Load *load, int index, const char *where, const BodyKey *keys, size_t n_keys, void *target);
/* The one value at index; target is where the key's value goes (at is not added). */
int keys_compile_value(Load *load, int index, const char *name, const BodyKey *key, void *target);
/* Does the table at index have that key? */
bool keys_has(lua_State *L, int index, const char *name);
/* How many entries the plain list at index has; SIZE_MAX when it is none (reported). */
size_t keys_list_count(Load *load, int index, const char *name);
/* Finds a field path, or reports "unknown WHAT" with did-you-mean. */
bool keys_find_field(Load *load, const char *path, const char *what, FieldId *ret_field, const char **ret_key);
int keys_compile_texts(Load *load, int index, const char *name, const char *const **ret, size_t *ret_n);
int keys_compile_duration(Load *load, int index, const char *name, bool workdays, Duration *ret);
/* One of the words, whose index it is, or a calendar's name: then the clock is n_words. */
int keys_compile_clock(Load *load, int index, const char *where, const char *const *words, size_t n_words, size_t *ret_clock,
        const CalendarDecl **ret_calendar);
/* "08:30", as microseconds since midnight. */
int keys_compile_time_of_day(Load *load, int index, const char *name, int64_t *ret_us);
/* Text at index in the arena; NULL (reported) when it is none. */
const char *keys_text(Load *load, int index, const char *name);
/* The text keys of the table at index, sorted, in the scratch arena; other keys are reported. */
int keys_names(Load *load, int index, const char *where, const char *const **ret, size_t *ret_n);
/* The same where positional entries stand beside them. */
int keys_names_beside_items(Load *load, int index, const char *const **ret, size_t *ret_n);
/* Lists of words that end with NULL. */
size_t keys_count(const char *const *words);
bool keys_is_among(const char *word, const char *const *words);
/* "where.name" or "name", for texts. */
const char *keys_where(Load *load, const char *where, const char *name);
/* "a number", "a table", ... for texts. */
const char *keys_type_name(lua_State *L, int index);

/* ---- kind_*.c ---- */

int kind_compile_settings(Load *load, int index, void *head);
/* Of leaks and of a status: an error when it is not 0 and out of bounds. */
void kind_check_leak_limit(Load *load, const char *where, const Duration *limit);
int kind_compile_calendar(Load *load, int index, void *head);
int kind_compile_team(Load *load, int index, void *head);
int kind_compile_member(Load *load, int index, void *head);
int kind_compile_status(Load *load, int index, void *head);
int kind_compile_reason(Load *load, int index, void *head);
int kind_compile_move(Load *load, int index, void *head);
int kind_compile_fence(Load *load, int index, void *head);
int kind_compile_route(Load *load, int index, void *head);
int kind_compile_sla(Load *load, int index, void *head);
int kind_say_sla_version(Sla *sla, Arena *arena); /* sla_version.c; 0 or -ENOMEM */
int kind_compile_principle(Load *load, int index, void *head);
int kind_compile_channel(Load *load, int index, void *head);
int kind_compile_message(Load *load, int index, void *head);
int kind_compile_feed(Load *load, int index, void *head);
int kind_compile_digest(Load *load, int index, void *head);
int kind_compile_adapter(Load *load, int index, void *head);
int kind_compile_campaign(Load *load, int index, void *head);
int kind_compile_track(Load *load, int index, void *head);
int kind_compile_stage(Load *load, int index, void *head);
int kind_compile_target(Load *load, int index, void *head);
int kind_finish_stages(Load *load); /* those of the default, where none is declared; 0 or -ENOMEM */
int kind_compile_list(Load *load, int index, void *head);
int kind_compile_criterion(Load *load, int index, void *head);
int kind_compile_segment(Load *load, int index, void *head);
int kind_compile_group(Load *load, int index, void *head);
int kind_compile_score(Load *load, int index, void *head);
int kind_compile_grade(Load *load, int index, void *head);
/* junk.c */
int kind_compile_junk(Load *load, int index, void *head);
int kind_compile_test(Load *load, int index, void *head);
/* lists/NAME.txt */
int kind_compile_list_file(Load *load, const RuleFile *file, List *list);
/* What the settings (declared or not) leave open. 0 or -errno. */
int kind_finish_settings(Load *load, Settings *settings);

/* ---- check.c ---- */

/* What can only be said about all rules together. 0 or -ENOMEM. */
int check_whole(Load *load);
