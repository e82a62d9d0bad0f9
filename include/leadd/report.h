#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * report: measures what was decided. A report reads over a read-only connection on a thread of its own and is a value: a period,
 * sentences, tables with typed columns, and plots that show a table's columns. From the value the same figures become JSON, CSV, a
 * table on a terminal and a page with plots. Decides nothing and changes nothing; how a report is added stands in daemon/report/report.c.
 */
#include "leadd/base.h"
#include "leadd/metrics.h"
#include "leadd/policy.h"
#include "leadd/store.h"

struct json_t;

#define REPORT_MEMORY_MAX ((size_t) 512 * 1024 * 1024) /* bytes one report may hold while it is made; each says what it needs */
#define REPORT_ROWS_MAX 10000                          /* rows of one table; what is above it is counted, not kept */
#define REPORT_PAGE_ROWS_MAX 500                       /* of them on a page */
#define REPORT_PLOT_ROWS_MAX 40                        /* and in a plot */
#define REPORT_COLUMNS_MAX 32
#define REPORT_PLOT_COLUMNS_MAX 4
#define REPORT_FEW 20 /* a share of fewer is shown as "3 of 12", not as a percentage */

/* ---- cells ---- */

typedef enum ReportType {
        REPORT_NONE = 0, /* of a cell: not known, or does not apply */
        REPORT_TEXT,
        REPORT_LEAD,
        REPORT_COUNT,
        REPORT_NUMBER,   /* with a fraction */
        REPORT_SHARE,    /* how many of how many, with the 95 % interval of the share */
        REPORT_DURATION, /* elapsed time; JSON and CSV have seconds, so name the key ..._seconds */
        REPORT_WORKING,  /* working time, likewise */
        REPORT_MONEY,    /* an amount and its currency */
        REPORT_INSTANT,
        REPORT_FLAG,
        REPORT_PARTS, /* counts by name: "away 3, open 1"; the names are the column's */
} ReportType;

typedef struct ReportCell {
        ReportType type;
        int64_t n, of; /* of: of a share */
        double number;
        const char *text;     /* or the currency */
        const int64_t *parts; /* as many as the column has */
} ReportCell;
/* What is handed to report_row is copied. NULL texts, TIME_NONE and negative durations are cells with nothing in them. */
static inline ReportCell cell_none(void) { return (ReportCell){ .type = REPORT_NONE }; }
static inline ReportCell cell_text(const char *text) { return (ReportCell){ text ? REPORT_TEXT : REPORT_NONE, .text = text }; }
static inline ReportCell cell_lead(uint64_t lead) { return (ReportCell){ lead ? REPORT_LEAD : REPORT_NONE, .n = (int64_t) lead }; }
static inline ReportCell cell_count(int64_t n) { return (ReportCell){ REPORT_COUNT, .n = n }; }
static inline ReportCell cell_number(double number) { return (ReportCell){ REPORT_NUMBER, .number = number }; }
static inline ReportCell cell_share(int64_t n, int64_t of) { return (ReportCell){ REPORT_SHARE, .n = n, .of = of }; }
static inline ReportCell cell_duration(int64_t us) { return (ReportCell){ us < 0 ? REPORT_NONE : REPORT_DURATION, .n = us }; }
static inline ReportCell cell_working(int64_t us) { return (ReportCell){ us < 0 ? REPORT_NONE : REPORT_WORKING, .n = us }; }
static inline ReportCell cell_money(double amount, const char *currency) {
        return (ReportCell){ REPORT_MONEY, .number = amount, .text = currency };
}
static inline ReportCell cell_instant(int64_t us) { return (ReportCell){ us == TIME_NONE ? REPORT_NONE : REPORT_INSTANT, .n = us }; }
static inline ReportCell cell_flag(bool is_set) { return (ReportCell){ REPORT_FLAG, .n = is_set }; }
static inline ReportCell cell_parts(const int64_t *parts) { return (ReportCell){ REPORT_PARTS, .parts = parts }; }

/* The 95 % interval of a share (Wilson 1927): between 0 and 1 also for 0 or all of few. false: of nothing. */
bool report_wilson(int64_t n, int64_t of, double *ret_low, double *ret_high);
/* The value that the share q of the values is not above (nearest rank); moves the values. -1: there are none. */
int64_t report_quantile(int64_t *values, size_t n, double q);

/* ---- the value ---- */

typedef struct ReportColumn {
        const char *key;   /* in JSON and CSV: "by_turn" */
        const char *title; /* for people; NULL = the key with blanks for its underscores */
        ReportType type;
        bool is_detail; /* for programs: not shown to people */
        bool is_brief;  /* of a share: how many it is of stands in another column */
        bool may_idle;  /* not shown to people while every row has 0 or nothing in it */
        const char *const *parts;
        size_t n_parts;
} ReportColumn;

typedef struct Report Report;
typedef struct ReportTable {
        struct ReportTable *next;
        Report *report;
        const char *key, *title;
        const char *empty; /* what is said when there is no row */
        const ReportColumn *columns;
        size_t n_columns;
        ReportCell *cells; /* row by row */
        size_t n_rows, capacity;
        size_t n_left_out; /* rows above REPORT_ROWS_MAX */
} ReportTable;

typedef enum ReportPlotKind {
        REPORT_BARS,         /* a row's values, one bar each; shares with their interval, else to the scale of the largest */
        REPORT_FUNNEL,       /* two shares: of the first stage as a bar, of the stage before in words */
        REPORT_TIMELINE,     /* two instants, from and to; nothing in the second = goes on */
        REPORT_DISTRIBUTION, /* rows are classes in their order, the value is how many are in each */
} ReportPlotKind;
typedef struct ReportPlot {
        struct ReportPlot *next;
        ReportPlotKind kind;
        const char *title;
        const ReportTable *table;
        size_t groups[REPORT_PLOT_COLUMNS_MAX], n_groups; /* columns; rows with the same values in them stand under one heading */
        size_t label;
        size_t values[REPORT_PLOT_COLUMNS_MAX], n_values;
} ReportPlot;

typedef struct ReportNote {
        struct ReportNote *next;
        const char *text;
} ReportNote;
/* Something that is said once, not row by row. */
typedef struct ReportFact {
        struct ReportFact *next;
        ReportColumn column;
        ReportCell cell;
} ReportFact;

struct Report {
        const char *name, *title;
        const char *by;                    /* the dimension, NULL = none */
        int64_t from_us, until_us, now_us; /* what happened in [from, until), as known now */
        const Zone *zone;                  /* of days and instants on a page; NULL = UTC */
        const char *headline;
        ReportNote *notes;
        ReportFact *facts;
        ReportTable *tables;
        ReportPlot *plots;
        Arena *arena; /* of everything */
        int error;    /* the first failure; later calls do nothing, so that a report checks once */
        ReportTable broken;
};

/* One sentence, the first thing that is read: a rate, never a bare count of leads. */
void report_headline(Report *report, const char *format, ...) _printf_(2, 3);
/* A sentence: what is counted and how. */
void report_note(Report *report, const char *format, ...) _printf_(2, 3);
void report_fact(Report *report, const char *key, const char *title, ReportCell cell);
/* Never NULL. Keys are no other table's or fact's, and none of name, title, by, from, until, now, headline, notes, more. Borrows the
 * columns and its texts for as long as the report lives; a title made at run time goes into report->arena. */
ReportTable *report_table(
        Report *report, const char *key, const char *title, const char *empty, const ReportColumn *columns, size_t n_columns);
/* A row. Each cell is of its column's type, or has nothing in it. */
void report_row(ReportTable *table, const ReportCell *cells, size_t n_cells);
#define REPORT_ROW(table, ...) \
        report_row((table), (const ReportCell[]){ __VA_ARGS__ }, sizeof((const ReportCell[]){ __VA_ARGS__ }) / sizeof(ReportCell))
/* Keys of columns, several with blanks between: report_plot(report, table, REPORT_BARS, "Turns", "team route", "owner", "entitled
 * by_turn"). groups may be NULL. */
void report_plot(Report *report, const ReportTable *table, ReportPlotKind kind, const char *title, const char *groups, const char *label,
        const char *values);
/* How durations are spread: a table of classes from a minute to months with how many are in each, and its plot. type: REPORT_DURATION or
 * REPORT_WORKING. */
void report_distribution(Report *report, const char *key, const char *title, ReportType type, const int64_t *durations_us, size_t n);

/* ---- reports ---- */

typedef struct ReportInput {
        Store *store;
        const RuleSet *rules;
        LeakBook *leaks; /* that is kept up; NULL: who needs one looks for itself */
        int64_t from_us, until_us, now_us;
        const char *by; /* one of the kind's, NULL = none */
        Arena *arena;
} ReportInput;
typedef struct ReportKind {
        const char *name;
        const char *title;
        const char *doc;                                       /* a few lines for help and the interface */
        const char *by;                                        /* what --by takes: "source campaign"; NULL = nothing */
        bool is_of_now;                                        /* has no period: how things stand */
        int (*make)(const ReportInput *input, Report *report); /* STORE_E_*, -errno */
} ReportKind;
extern const ReportKind report_kinds[]; /* ends with a NULL name */
const ReportKind *report_find(const char *name);
/* Everything in the arena, or borrowed from store and rules. STORE_E_*, -errno. */
int report_make(const ReportKind *kind, const ReportInput *input, Report *ret);

/* ---- what it becomes ---- */

/* {name, title, ..., KEY: fact, KEY: [{KEY: cell}]}; and how it is laid out: what facts, tables and columns are (leadd.Report's Layout). */
int report_json(const Report *report, struct json_t **ret);
int report_layout(const Report *report, struct json_t **ret);
/* RFC 4180: a line of keys, then the rows of one table. Safe to open in a spreadsheet. */
int report_csv(const ReportTable *table, Text *out);
/* One field of a CSV line: quoted where it must be; what a spreadsheet would take for a formula gets an apostrophe in front. */
void report_csv_text(Text *out, const char *text);
/* One page that stands alone: no script, nothing to load. */
int report_html(const Report *report, Text *out);
/* For people: "42 % (29-56) of 50", "3 h 20 min". Nothing gives "-". Instants in the zone; NULL = UTC. */
void report_show(const ReportColumn *column, const ReportCell *cell, const Zone *zone, Text *out);
/* The column's title for people. */
void report_show_title(const ReportColumn *column, Text *out);
/* Is it left out for people? */
bool report_is_hidden(const ReportTable *table, size_t column);
const char *report_type_name(ReportType type);

/* ---- the desk of a team ---- */

#define REPORT_DIGEST_LINES_MAX 24                /* one screen */
#define REPORT_DIGEST_COLUMNS_MAX 80              /* ... of plain text */
#define REPORT_DIGEST_EVENTS_MAX 10000            /* newest events that are gone through for what is new and what was handed back */
#define REPORT_DIGEST_LEADS_MAX 10000             /* open leads of a team that are looked at: each member's newest, in equal shares */
#define REPORT_DIGEST_STALLED_US (7 * US_PER_DAY) /* a lead that waits for nobody and for so long had no activity is stalled */
#define REPORT_DIGEST_STALLED_LOOKS_MAX 500       /* leads that are judged for it: those longest in their status */
#define REPORT_DIGEST_MEASURED_MAX 100000         /* events of the period of which both teams are told, and agreements that run */
typedef struct DigestInput {
        Store *store; /* in a writing mode */
        RuleSet *rules;
        const Team *team;
        int64_t since_us, now_us;
        int64_t n_leaks; /* as of the last look; -1 = not known */
} DigestInput;
/* How both teams stand. Then of a team with members: what is new since an instant, what waits, is held, was handed back and is stalled,
 * what falls due next, and what each member has. Of one without: what it handed over and what came back, with the reasons. It names leads
 * by number and members, nobody else. */
int report_compose_digest(const DigestInput *input, Text *out);
