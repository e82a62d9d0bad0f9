#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * A book in memory that stands for the store: it keeps each lead's state and history and the desk's counters, judges
 * records by decide_event and folds what it says.
 */
#include "leadd/decide.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#ifndef LEADS_MAX
#define LEADS_MAX 512
#endif

typedef struct Book {
        char directory[64];
        RuleSet *rules;
        Arena *arena; /* everything a test makes lives as long as the test */
        LeadState leads[LEADS_MAX];
        Facts profiles[LEADS_MAX];
        Activity history[LEADS_MAX][64];
        size_t n_history[LEADS_MAX];
        size_t n_leads;
        Seat seats[16];
        size_t n_seats;
        const char *account_owner;
        uint64_t next_event;
        int64_t now_us;
        Decision decision;
} Book;

_unused_ static const char base_rules[] =
        "settings \"site\" { zone = \"Europe/Berlin\", ops = \"ops@example.com\" }\n"
        "calendar \"berlin\" { zone = \"Europe/Berlin\", open = { mon_fri = \"09:00-17:00\" } }\n"
        "team \"marketing\" { doc = \"a queue\" }\n"
        "status \"inquiry\" { team = \"marketing\", kind = \"open\", initial = true, meaning = \"i\" }\n"
        "status \"mql\" { team = \"desk\", kind = \"sla\", meaning = \"m\" }\n"
        "status \"sal\" { team = \"desk\", kind = \"open\", meaning = \"s\" }\n"
        "status \"nurture\" { team = \"marketing\", kind = \"open\", meaning = \"n\" }\n"
        "status \"closed\" { team = \"marketing\", kind = \"final\", meaning = \"c\" }\n"
        "criterion \"NAMED\" { doc = \"has a name\", when = { [\"person.name\"] = present } }\n"
        "move \"hand_raise\" { from = { \"inquiry\", \"nurture\" }, to = \"mql\", by = \"rules\", when = { did{ type = \"form_submitted\", "
        "name = \"demo\", since = \"move\" } } }\n"
        "move \"accept\" { from = \"mql\", to = \"sal\", by = \"owner\", alias = { \"accepted\" } }\n"
        "move \"reject\" { from = { \"mql\", \"sal\" }, by = \"owner\", reasons = { \"no_budget\", \"not_a_fit\" } }\n"
        "move \"finish\" { from = \"sal\", to = \"closed\", by = \"team\", needs = { \"NAMED\" } }\n"
        "reason \"no_budget\" { to = \"nurture\", recycle_after = \"90d\", wake_on = did{ type = \"form_submitted\", name = \"demo\" } }\n"
        "reason \"not_a_fit\" { to = \"closed\", note = \"required\" }\n"
        "route \"ALL\" { team = \"desk\" }\n"
        "sla \"ANSWER\" { status = \"mql\", within = \"1wd\", clock = \"owner\", steps = { { at = \"4h\", remind = { \"owner\" } },\n"
        "  { at = \"1wd\", every = \"1wd\", remind = { \"owner\", \"head\", \"ops\" } } } }\n";

_unused_ static const char team_511[] =
        "team \"desk\" { calendar = \"berlin\", strategy = \"weighted\", head = \"a\", members = { a = { weight = 5 "
        "}, b = { weight = 1 }, c = { weight = 1 } } }\n";

static inline void open_rules(Book *book, const char *base, const char *team, const char *more) {
        char path[128];
        PolicyReport report = { 0 };
        Text text = { 0 };

        memset(book, 0, sizeof *book); /* too large for a temporary */
        book->next_event = 1;
        strcpy(book->directory, "/tmp/leadd-decide.XXXXXX");
        assert_int_equal(time_parse_rfc3339("2026-03-05T10:00:00+01:00", 25, &book->now_us), 0);
        assert_non_null(mkdtemp(book->directory));
        (void) snprintf(path, sizeof path, "%s/rules.lua", book->directory);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fputs(base, file) >= 0 && fputs(team, file) >= 0 && fputs(more ? more : "", file) >= 0);
        assert_int_equal(fclose(file), 0);
        int r = policy_load(book->directory, 0, &book->rules, &report);
        (void) policy_report_format(&report, &text);
        if (r != 0)
                print_error("%s\n", text.data ? text.data : "no report");
        text_free(&text);
        policy_report_done(&report);
        assert_int_equal(r, 0);
        (void) unlink(path);
        (void) rmdir(book->directory);
        book->arena = arena_new(0);
        assert_non_null(book->arena);
}

static inline void open_book(Book *book, const char *team, const char *more) { open_rules(book, base_rules, team, more); }

static inline void close_book(Book *book) {
        policy_free(book->rules);
        arena_free(book->arena);
}

static inline Seat *seat_of(Book *book, const char *member) {
        for (size_t i = 0; i < book->n_seats; i++)
                if (base_streq(book->seats[i].member, member))
                        return &book->seats[i];
        book->seats[book->n_seats] = (Seat){ .member = member };
        return &book->seats[book->n_seats++];
}

_unused_ static inline void set_away(Book *book, const char *member, int64_t from_us, int64_t until_us) {
        Absence *absence = arena_alloc(book->arena, sizeof *absence);
        *absence = (Absence){ from_us, until_us };
        seat_of(book, member)->absences = absence;
        seat_of(book, member)->n_absences = 1;
}

static inline void take_turn(Book *book, const TurnChange *turn) {
        Seat *seat = seat_of(book, turn->member);
        seat->turn = turn->turn;
        seat->took_part = turn->took_part;
        seat->served = turn->served;
        seat->credits = turn->credits;
}

static inline Record *make_record(Book *book, const char *type, RecordFamily family) {
        Record *record = arena_alloc(book->arena, sizeof *record);
        *record = (Record){ .arena = book->arena,
                .source = "test",
                .id = "x",
                .type = type,
                .family = family,
                .event = strchr(type, '.') + 1,
                .time_us = book->now_us };
        return record;
}

static inline void set(Book *book, Record *record, FieldId field, const char *text) {
        assert_int_equal(facts_set(&record->facts, book->arena, field, NULL, value_text(text), record->time_us), 0);
}

static inline bool is_open(const Book *book, const LeadState *state) {
        const Status *status = policy_status(book->rules, state->status);
        return !status || status->kind != STATUS_FINAL;
}

/* What a look at the lead is told of it; nobody is away and nobody has a lead. */
_unused_ static inline DecideInput look_input(const Book *book, uint64_t lead) {
        static const Desk nobody;

        return (DecideInput){ .event_id = book->next_event,
                .lead_id = lead,
                .before = &book->leads[lead],
                .profile = &book->profiles[lead],
                .history = book->history[lead],
                .n_history = book->n_history[lead],
                .now_us = book->now_us,
                .desk = &nobody };
}

/* Judges a record about a lead (0 = new) and folds the decision, as the store would. Returns the lead. */
static inline uint64_t judge(Book *book, uint64_t lead, const Record *record, const char *actor) {
        static const Facts no_facts;
        LeadState unknown = { .grade = "", .recycle_us = TIME_NONE, .wake_us = TIME_NONE };
        uint64_t id = lead ? lead : book->n_leads + 1;
        const Desk desk = { .seats = book->seats, .n_seats = book->n_seats, .account_owner = book->account_owner };
        const DecideInput input = {
                .event_id = book->next_event,
                .lead_id = id,
                .before = lead ? &book->leads[lead] : &unknown,
                .profile = lead ? &book->profiles[lead] : &no_facts,
                .history = book->history[id],
                .n_history = book->n_history[id],
                .record = record,
                .actor = actor,
                .now_us = book->now_us,
                .desk = &desk,
        };
        assert_true(id < LEADS_MAX);
        assert_int_equal(decide_event(book->rules, &input, book->arena, &book->decision), 0);
        const Decision *decision = &book->decision;
        if (decision->refused)
                return id;
        for (size_t i = 0; i < decision->n_turns; i++)
                take_turn(book, &decision->turns[i]);
        const LeadState *before = input.before, *after = &decision->after;
        if (before->owner && is_open(book, before)) {
                seat_of(book, before->owner)->n_open--;
                seat_of(book, before->owner)->n_unaccepted -= before->unaccepted;
        }
        if (after->owner && is_open(book, after)) {
                seat_of(book, after->owner)->n_open++;
                seat_of(book, after->owner)->n_unaccepted += after->unaccepted;
                if (decision->assignment.changed)
                        seat_of(book, after->owner)->n_today++;
        }
        if (decision->absences_of) {
                seat_of(book, decision->absences_of)->absences = decision->absences;
                seat_of(book, decision->absences_of)->n_absences = decision->n_absences;
        }
        if (record->family != FAMILY_OWNER) {
                book->leads[id] = *after;
                book->profiles[id] = decision->profile;
                book->n_leads += lead == 0;
                if (record->family == FAMILY_ACTIVITY || base_streq(record->type, "lead.submitted")) {
                        Facts *facts = arena_alloc(book->arena, sizeof *facts);
                        *facts = record->facts;
                        const char *form = facts_text(facts, FIELD_ATTRIBUTION_FORM_NAME);
                        if (form)
                                assert_int_equal(
                                        facts_set(facts, book->arena, FIELD_ACTIVITY_NAME, NULL, value_text(form), record->time_us), 0);
                        book->history[id][book->n_history[id]++] = (Activity){ .event = book->next_event,
                                .time_us = record->time_us,
                                .type = record->family == FAMILY_ACTIVITY ? record->event : "form_submitted",
                                .facts = facts };
                }
                for (size_t i = 0; i < book->n_history[id]; i++)
                        book->history[id][i].after_move = book->history[id][i].event > after->moved_event;
        }
        book->next_event++;
        return id;
}

static inline uint64_t hand_raise(Book *book) {
        char email[64];
        (void) snprintf(email, sizeof email, "p%zu@example.com", book->n_leads);
        Record *record = make_record(book, "lead.submitted", FAMILY_LEAD);
        set(book, record, FIELD_PERSON_EMAIL, email);
        set(book, record, FIELD_ATTRIBUTION_FORM_NAME, "demo");
        return judge(book, 0, record, "integration:web");
}

static inline void person(Book *book, uint64_t lead, const char *type, const char *actor, const char *reason, const char *note) {
        Record *record = make_record(book, type, FAMILY_OUTCOME);
        if (reason)
                set(book, record, FIELD_OUTCOME_REASON, reason);
        if (note)
                set(book, record, FIELD_OUTCOME_NOTE, note);
        (void) judge(book, lead, record, actor);
}

/* States point into the old set's names only through the arena's copies the store would make. */
static inline void keep_texts(Book *book) {
        for (size_t id = 1; id <= book->n_leads; id++) {
                LeadState *lead = &book->leads[id];
                const char **texts[] = { &lead->status, &lead->owner, &lead->sla.rule, &lead->sla.version, &lead->response.rule,
                        &lead->held.by, &lead->recycle_reason };
                for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                        *texts[i] = *texts[i] ? arena_strdup(book->arena, *texts[i]) : NULL;
        }
        for (size_t i = 0; i < book->n_seats; i++)
                book->seats[i].member = arena_strdup(book->arena, book->seats[i].member);
}

/* The rules of the book, replaced by a reload: the same base with another team and more. */
static inline void reload(Book *book, const char *team, const char *more) {
        Book *other = malloc(sizeof *other);

        assert_non_null(other);
        open_book(other, team, more);
        keep_texts(book);
        policy_free(book->rules);
        book->rules = TAKE(other->rules);
        close_book(other);
        free(other);
}

static inline void look(Book *book, uint64_t lead) {
        (void) judge(book, lead, make_record(book, "timer.look", FAMILY_TIMER), "system:leadd");
}
