#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * digest, inside: the screen that is being written, and the lines that both kinds of teams have. digest.c writes the desk of a team with
 * members, digest_queue.c what came of the leads of one without.
 */
#include "leadd/report.h"

#define DIGEST_NAMED_MAX 4 /* leads named in one line */
#define DIGEST_REASONS_MAX 32
#define DIGEST_LABEL_COLUMNS 13

typedef struct DigestCount {
        const char *name;
        size_t n, n_waiting, n_overdue, n_next;
} DigestCount;

/* The newest leads of a line, each once however often something happened to it. */
typedef struct Named {
        uint64_t leads[DIGEST_NAMED_MAX];
        size_t n;
        bool has_more;
} Named;

typedef struct DigestBoard {
        Store *store;
        RuleSet *rules;
        const Team *team;
        const Calendar *calendar;
        const Zone *zone;
        int64_t since_us, now_us, next_from_us, next_until_us; /* the next working day */
        int64_t n_leaks;                                       /* -1 = not known */
        Arena *arena;
        DeskLead *leads; /* of all members, in the pecking order */
        size_t n_leads, n_left_out;
        DigestCount *members;
        /* from the log */
        Named new_leads;
        size_t n_new, n_back, n_reasons;
        DigestCount reasons[DIGEST_REASONS_MAX];
        bool events_cut;
        Text line;
        Text *out;
        size_t n_lines;
} DigestBoard;

/* The line that was put together, cut to the width of the screen. */
void digest_end_line(DigestBoard *board);
void digest_begin_count(DigestBoard *board, const char *label, size_t n);
void digest_add_time(DigestBoard *board, int64_t time_us);
int digest_compare_counts(const void *a, const void *b);
void digest_name(Named *named, uint64_t lead);       /* of leads told from the newest on */
void digest_name_newer(Named *named, uint64_t lead); /* ... from the oldest on */
void digest_add_named(DigestBoard *board, const Named *named);
bool digest_is_of_team(const DigestBoard *board, const char *status);
int digest_write_held(DigestBoard *board);
/* What nobody has. */
int digest_write_queue(DigestBoard *board);
/* What came of the leads of a team without members. */
int digest_write_returns(DigestBoard *board);
