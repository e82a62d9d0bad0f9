#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * leadctl, inside: the verb table, the arguments of one call, the client of the socket, and how things are
 * printed for people. Each verb is one `const Verb` in verbs_*.c; main.c lists them.
 */
#include "leadd/base.h"
#include <jansson.h>
#include <stdio.h>

#define LEADCTL_ARGUMENTS_MAX 16
#define LEADCTL_FLAGS_MAX 10
#define LEADCTL_TIMEOUT_MS (30 * 1000)       /* for an answer that is at hand */
#define LEADCTL_TIMEOUT_HEALTH_MS (8 * 1000) /* less than who watches waits for a plugin */
#define LEADCTL_TIMEOUT_LONG_MS (600 * 1000) /* for work: a reload, a clock that fires */
#define LEADCTL_TIMEOUT_NONE (-1)            /* submit, watch */
#define LEADCTL_REPLY_SIZE_MAX (64 * 1024 * 1024)

typedef enum ExitCode {
        EXIT_DONE = 0,
        EXIT_REFUSED = 1,
        EXIT_USAGE = 2,
        EXIT_NO_SUCH_THING = 3,
        EXIT_UNKNOWN = 3, /* of health */
        EXIT_BAD_DATA = 65,
        EXIT_NO_DAEMON = 69,
        EXIT_LATER = 75, /* of mails: the mail system keeps it and tries again */
        EXIT_NOT_PERMITTED = 77,
} ExitCode;

/* ---- arguments ---- */

typedef struct Flag {
        const char *name;  /* without the dashes */
        const char *value; /* what stands for its value in the help; NULL = a switch */
        const char *help;
} Flag;

typedef struct Arguments Arguments;
typedef struct Verb {
        const char *name;
        const char *section;         /* of the help */
        const char *usage;           /* what follows the name: "LEAD [--at TIME]" */
        const char *summary;         /* one line */
        const char *details;         /* lines for `help VERB`; NULL */
        void (*describe)(Text *out); /* further lines, from what the code knows; NULL */
        Flag flags[LEADCTL_FLAGS_MAX];
        const char *letters;                    /* "wc": -w VALUE means the flag that begins with it; NULL = none has a letter */
        size_t n_min, n_max;                    /* positional arguments */
        bool acts;                              /* takes --as */
        int (*run)(const Arguments *arguments); /* an ExitCode */
} Verb;

struct Arguments {
        const Verb *verb;
        const char *socket, *as;
        bool json, help, version;
        bool is_short; /* `accept 42`: the first word was taken for a move */
        const char *positional[LEADCTL_ARGUMENTS_MAX];
        size_t n_positional;
        const char *values[LEADCTL_FLAGS_MAX]; /* by flag of the verb; "" for a switch that is set; NULL = not given */
};

/* Words to arguments. verbs: NULL terminated. An unknown first word with something after it is taken for a move and becomes
 * fallback's first argument. On EXIT_USAGE *problem says what is wrong. */
int arguments_parse(int n_words, char *const *words, const Verb *const *verbs, const Verb *fallback, Arguments *ret, Text *problem);
const char *arguments_value(const Arguments *arguments, const char *flag); /* NULL = not given */
/* A number of at least 1. EXIT_USAGE, said on stderr. */
int arguments_number(const Arguments *arguments, const char *flag, int64_t absent, int64_t *ret);

extern const Verb *const leadctl_verbs[];
struct RuleSet;
struct PolicyReport;
/* verbs_offline.c: the rules leadd itself would use, and loading a directory of them: an ExitCode, what is no matter of the rules said
 * on stderr; the report is filled in either case. */
const char *rules_default(void);
int rules_load(const char *directory, unsigned flags, struct RuleSet **ret, struct PolicyReport *report);
/* rules_init.c: an ExitCode; NULL = the shipped rules, /etc/leadd/rules. */
int rules_init(const char *from, const char *to);

/* verbs_submit.c: gives the regular file at fd to the spool and prints what becomes of it. An ExitCode; *ret_kept: the spool has it, be it
 * with records that are refused. */
int submit_file(const Arguments *arguments, int fd, const char *format, bool wait, bool *ret_kept);
/* mail.c: the mail at fd. EXIT_DONE, EXIT_BAD_DATA, EXIT_LATER. */
int submit_mail(const Arguments *arguments, int fd, bool wait);

extern const Verb verb_test; /* verbs_test.c */

extern const Verb verb_inbox, verb_next, verb_digest; /* verbs_desk.c */
extern const Verb verb_report;                        /* verbs_report.c */
extern const Verb verb_metrics, verb_health;          /* verbs_watch.c */
extern const Verb verb_audience;                      /* verbs_audience.c */

extern const Verb verb_status, verb_ping, verb_list, verb_show, verb_log, verb_explain, verb_whynot, verb_need, verb_watch, verb_move,
        verb_did, verb_note, verb_assign, verb_away, verb_snooze, verb_exclude, verb_submit, verb_spool, verb_rules, verb_glossary,
        verb_check, verb_rehearse, verb_reload, verb_calendar, verb_clock, verb_outbox, verb_feedback, verb_merge, verb_unmerge, verb_erase,
        verb_duplicates, verb_version, verb_help;

/* ---- client ---- */

typedef struct Client {
        int fd;
        char *path;
        Text in;
        size_t in_start;
        char refusal[32]; /* code of the last refusal, "" = none */
} Client;

/* Connects. EXIT_NO_DAEMON, EXIT_NOT_PERMITTED: said on stderr. */
int client_open(const Arguments *arguments, Client *ret);
void client_close(Client *client);
/* One call, one reply. Takes parameters. An error reply is said on stderr and becomes an exit code. */
int client_call(Client *client, const char *method, json_t *parameters, int timeout_ms, json_t **ret);
/* The same with a request_id: when the connection breaks, it is asked again, and nothing happens twice. */
int client_call_once(Client *client, const char *method, json_t *parameters, int timeout_ms, json_t **ret);
/* Many replies: on_item for each (false = stop), the last one in *ret (may be NULL). fd -1 = none goes along. */
int client_call_more(Client *client, const char *method, json_t *parameters, int fd, bool (*on_item)(json_t *parameters, void *userdata),
        void *userdata, json_t **ret);
/* Opens, calls, closes: for verbs of one question. */
int client_ask(const Arguments *arguments, const char *method, json_t *parameters, int timeout_ms, json_t **ret);
typedef struct Parameter {
        const char *name, *text;
} Parameter;
/* The object of a call's parameters; those without a text are left out. NULL was said on stderr. */
json_t *client_parameters(const Parameter *parameters, size_t n);
#define PARAMETERS(...) \
        client_parameters((const Parameter[]){ __VA_ARGS__ }, sizeof((const Parameter[]){ __VA_ARGS__ }) / sizeof(Parameter))

/* ---- printing ---- */

typedef enum Style { STYLE_PLAIN = 0, STYLE_HEAD, STYLE_GOOD, STYLE_WARN, STYLE_BAD, STYLE_DIM } Style;

typedef struct Output {
        bool colours;
        size_t width;   /* columns of the terminal; 0 = not a terminal: nothing is cut */
        int64_t now_us; /* what relative times are relative to */
} Output;
void output_open(Output *ret);
void output_now(Output *output, const char *rfc3339); /* the daemon's clock, which may be virtual */

void say_error(const char *format, ...) _printf_(1, 2); /* "leadctl: ..." on stderr */
/* Why the database cannot be read, by what store_open (or reading) said; the exit code. */
int say_unreadable(const char *path, int r);
/* What came from outside, without what a terminal would obey: control characters and direction marks become "?". */
void text_append_safe(Text *out, const char *s);
size_t text_columns(const char *s, size_t size);
/* At most so many columns, "…" at the end when something was cut. */
void text_append_cut(Text *out, const char *s, size_t columns);
/* "2026-03-05 15:22 +01:00" in the caller's zone, with seconds when they are not 0; "-" for NULL; the text itself when it is no time. */
void text_append_time(Text *out, const char *rfc3339);
/* "in 3 h", "2 d ago", "now". */
void text_append_relative(Text *out, int64_t delta_us);
/* A sentence of the daemon, its instants in the caller's zone. */
void text_append_sentence(Text *out, const char *s);
/* Words and a line break, behind column characters that stand on the line already; further lines are indented. */
#define PRINT_WIDTH 100
void text_append_wrapped(Text *out, size_t column, size_t indent, const char *s);
void text_append_points(Text *out, const json_t *number);
bool time_from_json(const json_t *value, int64_t *ret_us);
void style_begin(const Output *output, Style style, Text *out);
void style_end(const Output *output, Style style, Text *out);

#define TABLE_COLUMNS_MAX 32
typedef struct Column {
        const char *title;
        bool right;
        bool shrinks; /* is cut first when the terminal is narrow */
} Column;
typedef struct Cell {
        char *text;
        Style style;
} Cell;
typedef struct Table {
        const Column *columns;
        size_t n_columns;
        Cell *cells; /* row by row */
        size_t n_cells, capacity;
        int error;
} Table;
void table_start(Table *table, const Column *columns, size_t n_columns);
/* The next cell, left to right, then the next row. Copies; NULL prints "-". */
void table_add(Table *table, Style style, const char *text);
void table_addf(Table *table, Style style, const char *format, ...) _printf_(3, 4);
void table_format(const Table *table, const Output *output, Text *out);
/* To stdout, and frees it. An exit code. */
int table_print(Table *table, const Output *output);
void table_done(Table *table);
/* The end of a listing for people: the table, or what to say where it is empty, and that there is more than is shown. Releases the table;
 * the exit code. */
int table_finish(Table *table, const Output *output, const char *nothing, bool more);
/* stdout; EXIT_NO_DAEMON never: a closed pipe ends the process. */
void print_text(const Text *text);
/* One JSON value a line. */
/* Members of what the daemon answered; NULL and 0 where there is none of that type. */
static inline const char *text_at(const json_t *object, const char *key) { return json_string_value(json_object_get(object, key)); }
static inline json_int_t number_at(const json_t *object, const char *key) { return json_integer_value(json_object_get(object, key)); }
void print_json(const json_t *json);
/* A file, whole or not at all: who reads it never sees half of one. An exit code; failures are said. */
int write_whole(const char *path, const char *text);
/* What the daemon answered: item as JSON, or the reply in words, at the reply's `now`. An exit code. */
int print_answer(const Arguments *arguments, const json_t *item, const json_t *reply,
        void (*format)(Text *out, const Output *output, const json_t *reply));
