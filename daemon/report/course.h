#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * course: what became of leads after somebody answered for them, and of leads after they went back. Follows the moves of the book once, in
 * their order, beside the answers in theirs.
 *
 * The course of an accepted lead ends when it goes back from a team with members to one without; what happens to it when it is handed over
 * again belongs to whoever accepts it then. Until that, what it reaches is credited to everybody who accepted it on the way: who qualified
 * a lead that a colleague won has won it, too. What is done for it is credited to whoever had it.
 *
 * A million answers need 72 MB, a million moves back 48 MB, and 8 bytes each lead of the book.
 */
#include "offers.h"

enum {
        COURSE_MOVED = 1 << 0,       /* a person made a move while this owner had it: sales said what became of it */
        COURSE_WORKED = 1 << 1,      /* ... or did something else for it */
        COURSE_MEETING = 1 << 2,     /* it reached the stage of that name */
        COURSE_OPPORTUNITY = 1 << 3, /* likewise */
        COURSE_WON = 1 << 4,
        COURSE_BACK = 1 << 5, /* while this owner had it a person sent it back with a reason, before it was an opportunity */
        COURSE_DEAL = 1 << 6, /* it was an opportunity already when it was answered: a deal is won or lost, no lead taken or refused */
};

/* An offer that was accepted or rejected. */
typedef struct Answer {
        uint64_t lead, event;
        const char *owner;
        int64_t working_us; /* until the answer; TIME_NONE = not known */
        const char *reason; /* it was rejected with, or went back with (COURSE_BACK) */
        uint64_t until;     /* event by which its course ended; UINT64_MAX = it goes on */
        uint32_t tag;       /* the caller's */
        uint32_t previous;  /* course's own: of the same course, index and one; 0 = none */
        uint32_t back;      /* course's own: index of the return and one */
        uint16_t marks;
        bool is_accepted;
} Answer;

/* A lead that went from a team with members back to one without. */
typedef struct Return {
        uint64_t lead, event;
        int64_t at_us;
        const char *from;
        const char *reason;
        bool by_person; /* not by a rule, nor by an agreement */
        bool is_final;
        bool is_again; /* was handed over again */
} Return;

typedef struct Course {
        Answer *items; /* in the order of their events */
        size_t n, capacity;
        Return *returns; /* likewise */
        size_t n_returns, returns_capacity;
} Course;
/* An offer that ended accepted or returned; in the order of their ends. */
int course_add(Course *course, const Offer *offer, uint32_t tag);
/* What became of them in [from_us, until_us), and what went back then. Since when it is counted from: before the first of them. */
int course_follow(Course *course, Store *store, const RuleSet *rules, int64_t from_us, int64_t until_us);
void course_done(Course *course);
