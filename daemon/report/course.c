/* SPDX-License-Identifier: MIT */
#include "course.h"

#include "leadd/plans.h"
#include "tally.h"

#include <errno.h>
#include <stdlib.h>

/* What a name of a status or a move means. */
enum {
        NAME_KNOWN = 1 << 8, /* a status the rules have */
        NAME_STAFFED = 1 << 9,
        NAME_FINAL = 1 << 10,
        NAME_PERSON = 1 << 11, /* somebody who acts: "rep:anna" */
};

typedef struct Meaning {
        bool is_looked_up;
        unsigned as_status, as_move, as_actor;
} Meaning;

typedef struct Follower {
        Course *course;
        const RuleSet *rules;
        Tally names;        /* Meaning, by name */
        ByLead answers;     /* by lead: the newest of its course, index and one */
        ByLead returns;     /* by lead: the last, index and one, while it is not handed over again */
        size_t next;        /* item that has not begun */
        size_t next_return; /* of feedback */
} Follower;

static unsigned stage_bit(const Stage *stage) {
        static const struct {
                const char *name;
                unsigned bit;
        } stages[] = { { "meeting", COURSE_MEETING }, { "opportunity", COURSE_OPPORTUNITY }, { "won", COURSE_WON } };

        for (size_t i = 0; i < ARRAY_SIZE(stages); i++)
                if (base_streq(stage->rule.name, stages[i].name))
                        return stages[i].bit;
        return 0;
}

static void look_up(const RuleSet *rules, const char *name, Meaning *meaning) {
        const Status *status = policy_status(rules, name);

        meaning->is_looked_up = true;
        meaning->as_actor = strncmp(name, "rep:", 4) == 0 ? NAME_PERSON : 0;
        if (status)
                meaning->as_status =
                        NAME_KNOWN | (status->team->n_members > 0 ? NAME_STAFFED : 0) | (status->kind == STATUS_FINAL ? NAME_FINAL : 0);
        for (size_t i = 0; i < rules->n_stages; i++) {
                const Stage *stage = &rules->stages[i];
                unsigned bit = stage_bit(stage);
                for (size_t k = 0; bit && k < stage->n_statuses; k++)
                        if (stage->statuses[k] == status)
                                meaning->as_status |= bit;
                for (size_t k = 0; bit && k < stage->n_moves; k++)
                        if (base_streq(stage->moves[k]->rule.name, name))
                                meaning->as_move |= bit;
        }
}

static int mean(Follower *follower, const char *name, Meaning *ret) {
        uint32_t number;

        *ret = (Meaning){ 0 };
        if (!name)
                return 0;
        int r = tally_find(&follower->names, (TallyKey){ name, NULL }, &number);
        if (r != 0)
                return r;
        Meaning *meaning = tally_line(&follower->names, number);
        if (!meaning->is_looked_up)
                look_up(follower->rules, name, meaning);
        *ret = *meaning;
        return 0;
}

/* ---- moves ---- */

static Answer *newest(const Follower *follower, uint64_t lead) {
        uint32_t at = by_lead_get(&follower->answers, lead);

        return at > 0 ? &follower->course->items[at - 1] : NULL;
}

static Answer *previous(const Follower *follower, const Answer *answer) {
        return answer->previous > 0 ? &follower->course->items[answer->previous - 1] : NULL;
}

/* Those that came before the event. */
static int begin_until(Follower *follower, uint64_t event) {
        Course *course = follower->course;
        int r = 0;

        for (; r == 0 && follower->next < course->n && course->items[follower->next].event < event; follower->next++) {
                Answer *answer = &course->items[follower->next];
                if (!answer->is_accepted || answer->until <= event)
                        continue;
                answer->previous = by_lead_get(&follower->answers, answer->lead);
                r = by_lead_set(&follower->answers, answer->lead, (uint32_t) follower->next + 1);
        }
        return r;
}

/* Where the lead stood when it was answered, and what the answer itself reached: who wins a deal needs no second move to have won it. */
static void note_answer(const Follower *follower, const ScanTransition *moved, unsigned was, unsigned reached, bool by_person) {
        Course *course = follower->course;

        for (size_t i = follower->next; i < course->n && course->items[i].event == moved->event; i++) {
                Answer *answer = &course->items[i];
                if (answer->lead != moved->lead)
                        continue;
                if (!moved->follows && was & COURSE_OPPORTUNITY)
                        answer->marks |= COURSE_DEAL;
                if (answer->is_accepted && reached)
                        answer->marks |= (uint16_t) (reached | (by_person ? COURSE_MOVED | COURSE_WORKED : 0));
        }
}

static int add_return(Follower *follower, const ScanTransition *moved, bool by_person, bool is_final, uint32_t *ret) {
        Course *course = follower->course;

        if (course->n_returns == course->returns_capacity) {
                size_t capacity = course->returns_capacity > 0 ? 2 * course->returns_capacity : 1024;
                Return *grown = reallocarray(course->returns, capacity, sizeof(Return));
                if (!grown)
                        return -ENOMEM;
                course->returns = grown;
                course->returns_capacity = capacity;
        }
        course->returns[course->n_returns++] = (Return){ .lead = moved->lead,
                .event = moved->event,
                .at_us = moved->at_us,
                .from = moved->from,
                .by_person = by_person,
                .is_final = is_final };
        *ret = (uint32_t) course->n_returns;
        return 0;
}

static int on_move(const ScanTransition *moved, void *userdata) {
        Follower *follower = userdata;
        Meaning was, goes, move, by;
        uint32_t back = 0;

        int r = mean(follower, moved->from, &was);
        if (r == 0)
                r = mean(follower, moved->to, &goes);
        if (r == 0)
                r = mean(follower, moved->move, &move);
        if (r == 0)
                r = mean(follower, moved->by, &by);
        if (r != 0)
                return r;
        r = begin_until(follower, moved->event);
        if (r < 0)
                return r;
        const unsigned stages = COURSE_MEETING | COURSE_OPPORTUNITY | COURSE_WON;
        unsigned reached = (goes.as_status | move.as_move) & stages;
        bool by_person = by.as_actor & NAME_PERSON;
        note_answer(follower, moved, was.as_status, reached, by_person);
        if (moved->test)
                return 0;
        bool returns =
                was.as_status & NAME_STAFFED && goes.as_status & NAME_KNOWN && !(goes.as_status & NAME_STAFFED) && !(reached & COURSE_WON);
        if (returns) {
                r = add_return(follower, moved, by_person, goes.as_status & NAME_FINAL, &back);
                if (r < 0)
                        return r;
        }
        for (Answer *answer = newest(follower, moved->lead); answer; answer = previous(follower, answer)) {
                bool is_own = answer->owner == moved->owner;
                if (is_own && by_person)
                        answer->marks |= COURSE_MOVED | COURSE_WORKED;
                if (is_own && back > 0 && by_person && !(answer->marks & COURSE_OPPORTUNITY))
                        answer->back = back;
                answer->marks |= reached;
                if (returns)
                        answer->until = moved->event;
        }
        if (returns && by_lead_get(&follower->answers, moved->lead) > 0)
                (void) by_lead_set(&follower->answers, moved->lead, 0);
        uint32_t before = by_lead_get(&follower->returns, moved->lead);
        if (!(was.as_status & NAME_STAFFED) && goes.as_status & NAME_STAFFED && before > 0)
                follower->course->returns[before - 1].is_again = true;
        bool is_over = back != before && (was.as_status & NAME_STAFFED || goes.as_status & NAME_STAFFED);
        return is_over ? by_lead_set(&follower->returns, moved->lead, back) : 0;
}

/* ---- reasons ---- */

/* Both come in the order of their events. */
static int on_reason(const ScanFeedback *row, void *userdata) {
        Follower *follower = userdata;
        Course *course = follower->course;
        size_t *next = &follower->next_return;

        while (*next < course->n_returns && course->returns[*next].event < row->event)
                (*next)++;
        for (size_t i = *next; i < course->n_returns && course->returns[i].event == row->event; i++)
                if (course->returns[i].lead == row->lead && course->returns[i].from == row->from)
                        course->returns[i].reason = row->reason;
        return 0;
}

static void take_reasons(Course *course) {
        for (size_t i = 0; i < course->n; i++) {
                Answer *answer = &course->items[i];
                if (answer->back == 0 || !course->returns[answer->back - 1].reason)
                        continue;
                answer->marks |= COURSE_BACK;
                answer->reason = course->returns[answer->back - 1].reason;
        }
}

/* ---- what else was done ---- */

static int on_work(const ScanWork *work, void *userdata) {
        Follower *follower = userdata;

        int r = begin_until(follower, work->event);
        for (Answer *answer = newest(follower, work->lead); answer; answer = previous(follower, answer))
                if (answer->owner == work->owner && answer->until > work->event)
                        answer->marks |= COURSE_WORKED;
        return r;
}

/* ---- from outside ---- */

int course_add(Course *course, const Offer *offer, uint32_t tag) {
        if (course->n == course->capacity) {
                size_t capacity = course->capacity > 0 ? 2 * course->capacity : 1024;
                Answer *grown = capacity < UINT32_MAX ? reallocarray(course->items, capacity, sizeof(Answer)) : NULL;
                if (!grown)
                        return -ENOMEM;
                course->items = grown;
                course->capacity = capacity;
        }
        course->items[course->n++] = (Answer){ .lead = offer->lead,
                .event = offer->event,
                .owner = offer->owner,
                .working_us = offer->working_us,
                .is_accepted = offer->how == HANDOFF_ACCEPTED,
                .reason = offer->reason,
                .tag = tag,
                .until = UINT64_MAX };
        return 0;
}

int course_follow(Course *course, Store *store, const RuleSet *rules, int64_t from_us, int64_t until_us) {
        Follower follower = { .course = course, .rules = rules, .names = { .line_size = sizeof(Meaning) } };
        int r = store_scan_transitions(store, from_us, until_us, on_move, &follower);

        if (r == 0)
                r = store_scan_feedback(store, from_us, until_us, on_reason, &follower);
        if (r == 0) {
                take_reasons(course);
                follower.next = 0;
                by_lead_done(&follower.answers);
                r = store_scan_work(store, from_us, until_us, on_work, &follower);
        }
        tally_done(&follower.names);
        by_lead_done(&follower.answers);
        by_lead_done(&follower.returns);
        return r;
}

void course_done(Course *course) {
        free(course->items);
        free(course->returns);
        *course = (Course){ 0 };
}
