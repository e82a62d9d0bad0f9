#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * What tests of judging through the real gate share: rules written into a directory and loaded whole, a book in memory, records
 * made of fields, and the look that `show` and `explain` take. Nothing in it stands for one of our rooms.
 */
#include "leadd/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <sys/stat.h>

#define NOW_US INT64_C(1772701200000000) /* 2026-03-05T09:00:00Z, a Thursday */

/* The least that loads whole: a queue, a person, one status that never ends a lead and one that does. */
#define GATE_BASE_RULES \
        "settings \"site\" { zone = \"UTC\" }\n" \
        "team \"marketing\" { doc = \"a queue\" }\n" \
        "team \"desk\" { members = { a = { } } }\n" \
        "route \"ALL\" { team = \"desk\" }\n" \
        "status \"inquiry\" { team = \"marketing\", kind = \"open\", initial = true, meaning = \"i\" }\n" \
        "status \"closed\" { team = \"marketing\", kind = \"final\", meaning = \"c\" }\n" \
        "move \"close\" { from = \"inquiry\", to = \"closed\", by = \"desk\" }\n"

/* Rules by their text, checked as a whole like every rule set; NULL when they do not load. What is wrong or odd goes to *ret_problems
 * (freed by the caller). */
_unused_ static RuleSet *gate_try_rules(const char *text, char **ret_problems) {
        char directory[] = "/tmp/leadd-test-gate-XXXXXX", path[64];
        PolicyReport report = { 0 };
        Text problems = { 0 };
        RuleSet *rules = NULL;

        assert_non_null(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/rules.lua", directory);
        FILE *out = fopen(path, "w");
        assert_non_null(out);
        assert_int_equal(fwrite(text, 1, strlen(text), out), strlen(text));
        assert_int_equal(fclose(out), 0);
        int r = policy_load(directory, 0, &rules, &report);
        assert_true(r == 0 || r == POLICY_E_RULES);
        assert_int_equal(policy_report_format(&report, &problems), 0);
        policy_report_done(&report);
        (void) unlink(path);
        (void) rmdir(directory);
        *ret_problems = problems.data ? problems.data : strdup("");
        return rules;
}

_unused_ static RuleSet *gate_load_rules(const char *text) {
        _cleanup_(base_freep) char *problems = NULL;
        RuleSet *rules = gate_try_rules(text, &problems);

        if (!rules)
                fail_msg("the rules do not load:\n%s", problems);
        return rules;
}

_unused_ static char *gate_problems(const char *text) {
        char *problems;

        policy_free(gate_try_rules(text, &problems));
        return problems;
}

typedef struct GateBook {
        Store *store;
        Gate *gate;
        RuleSet *rules; /* the ones in force; borrowed */
        Arena *arena;   /* of looks */
        uint64_t n_records;
} GateBook;

_unused_ static void gate_use_rules(GateBook *book, RuleSet *rules, int64_t now_us) {
        assert_int_equal(store_begin(book->store), 0);
        assert_int_equal(store_rules_activate(book->store, rules, now_us), 0);
        gate_set_rules(book->gate, rules);
        book->rules = rules;
        assert_int_equal(gate_log_activation(book->gate, now_us, false), 0);
        assert_int_equal(store_commit(book->store), 0);
}

/* path NULL: in memory */
_unused_ static void gate_open_book(GateBook *book, const char *path, RuleSet *rules, int64_t now_us) {
        *book = (GateBook){ .arena = arena_new(0) };
        assert_non_null(book->arena);
        assert_int_equal(store_open(path, path ? STORE_WRITE : STORE_MEMORY, &book->store), 0);
        assert_int_equal(gate_new(book->store, &book->gate), 0);
        gate_use_rules(book, rules, now_us);
}

_unused_ static void gate_close_book(GateBook *book) {
        gate_free(book->gate);
        store_close(book->store);
        arena_free(book->arena);
        *book = (GateBook){ 0 };
}

/* A record of m@example.com; type "activity.page_viewed". The id makes it the event it is. */
_unused_ static Record *gate_record(GateBook *book, const char *type, const char *id, int64_t time_us) {
        Record *record = record_new();

        assert_non_null(record);
        record->source = "web";
        record->id = arena_strdup(record->arena, id);
        record->type = arena_strdup(record->arena, type);
        record->event = strchr(record->type, '.') + 1;
        record->time_us = time_us;
        record->family = strncmp(type, "lead.", 5) == 0       ? FAMILY_LEAD
                         : strncmp(type, "activity.", 9) == 0 ? FAMILY_ACTIVITY
                         : strncmp(type, "outcome.", 8) == 0  ? FAMILY_OUTCOME
                         : strncmp(type, "consent.", 8) == 0  ? FAMILY_CONSENT
                         : strncmp(type, "timer.", 6) == 0    ? FAMILY_TIMER
                                                              : FAMILY_COMPANY;
        const DigestPart parts[] = { { "web", 3 }, { record->id, strlen(record->id) } };
        assert_int_equal(digest_keyed(store_secret(book->store), parts, ARRAY_SIZE(parts), &record->key), 0);
        if (record->family != FAMILY_TIMER && record->family != FAMILY_OUTCOME)
                assert_int_equal(
                        facts_set(&record->facts, record->arena, FIELD_PERSON_EMAIL, NULL, value_text("m@example.com"), time_us), 0);
        assert_int_equal(record_identify(record, store_secret(book->store)), 0);
        return record;
}

_unused_ static void gate_field(Record *record, const char *path, Value value) {
        FieldId field;
        const char *key = NULL;

        if (!field_find(path, &field, &key))
                fail_msg("no such path: %s", path);
        assert_int_equal(facts_set(&record->facts, record->arena, field, key, value, record->time_us), 0);
}

/* Judges and remembers it; lead 0: as its address says. */
_unused_ static GateOutcome gate_take(GateBook *book, const Record *record, uint64_t lead, int64_t now_us) {
        GateOutcome outcome = { 0 };
        const GateInput input = { .record = record,
                .lead = lead,
                .actor = record->family == FAMILY_OUTCOME ? "rep:a" : "integration:web",
                .actor_is_operator = true,
                .now_us = now_us };

        assert_int_equal(store_begin(book->store), 0);
        assert_int_equal(gate_judge(book->gate, &input, &outcome), 0);
        if (outcome.decision && outcome.decision->refused)
                fail_msg("refused: %s", outcome.decision->refusal_text);
        assert_int_equal(store_commit(book->store), 0);
        return outcome;
}

/* The same with a record made on the spot, of one activity field. */
_unused_ static GateOutcome gate_happen(GateBook *book, const char *type, int64_t time_us, const char *path, Value value, int64_t now_us) {
        char id[32];

        snprintf(id, sizeof(id), "r%llu", (unsigned long long) ++book->n_records);
        Record *record = gate_record(book, type, id, time_us);
        if (path)
                gate_field(record, path, value);
        GateOutcome outcome = gate_take(book, record, strncmp(type, "outcome.", 8) == 0 ? 1 : 0, now_us);
        record_free(record);
        return outcome;
}

typedef struct GateLook {
        LeadState state;
        Facts profile;
        Activity *history;
        size_t n_history;
        Subject subject;
        Receipts receipts;
} GateLook;

/* The lead as rules see it at that moment, as `explain` has it. */
_unused_ static void gate_look(GateBook *book, uint64_t lead, int64_t now_us, GateLook *ret) {
        Explanation explanation;

        *ret = (GateLook){ 0 };
        arena_reset(book->arena);
        assert_int_equal(store_load_lead(book->store, lead, book->arena, &ret->state, &ret->profile, &ret->history, &ret->n_history), 0);
        const DecideInput input = { .lead_id = lead,
                .before = &ret->state,
                .profile = &ret->profile,
                .history = ret->history,
                .n_history = ret->n_history,
                .actor = "system:leadd",
                .now_us = now_us,
                .desk = &(const Desk){ 0 } };
        assert_int_equal(decide_explain(book->rules, &input, book->arena, &explanation), 0);
        ret->subject = explanation.subject;
        ret->receipts = explanation.receipts;
}

_unused_ static const Receipt *gate_receipt(const Receipts *receipts, const char *name) {
        for (size_t i = 0; i < receipts->n_items; i++)
                if (base_streq(receipts->items[i].rule->name, name))
                        return &receipts->items[i];
        return NULL;
}
