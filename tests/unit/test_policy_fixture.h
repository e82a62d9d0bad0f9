#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * What the tests of judging share: rules written into a directory and loaded for real, and leads made of facts and activities.
 */
#include "leadd/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define NOW_US INT64_C(1772701200000000) /* 2026-03-05T09:00:00Z, a Thursday */

typedef struct RulesDirectory {
        char path[64];
} RulesDirectory;

static inline void directory_make(RulesDirectory *directory, const char *text) {
        char file[96];
        FILE *out;

        snprintf(directory->path, sizeof(directory->path), "/tmp/leadd-test-policy-XXXXXX");
        assert_non_null(mkdtemp(directory->path));
        snprintf(file, sizeof(file), "%s/rules.lua", directory->path);
        out = fopen(file, "w");
        assert_non_null(out);
        assert_int_equal(fwrite(text, 1, strlen(text), out), strlen(text));
        assert_int_equal(fclose(out), 0);
}

static inline void directory_remove(RulesDirectory *directory) {
        char file[96];

        snprintf(file, sizeof(file), "%s/rules.lua", directory->path);
        (void) unlink(file);
        (void) rmdir(directory->path);
}

/* The rule set, or NULL with what was wrong in *ret_problems (freed by the caller). */
_unused_ static RuleSet *rules_try(const char *text, char **ret_problems) {
        RulesDirectory directory;
        PolicyReport report = { 0 };
        Text problems = { 0 };
        RuleSet *rules = NULL;
        int r;

        directory_make(&directory, text);
        r = policy_load(directory.path, POLICY_LOAD_CALENDARS, &rules, &report);
        directory_remove(&directory);
        assert_int_equal(policy_report_format(&report, &problems), 0);
        policy_report_done(&report);
        if (r < 0)
                fail_msg("policy_load: %s", strerror(-r));
        if (ret_problems)
                *ret_problems = problems.data ? problems.data : strdup("");
        else {
                if (r > 0)
                        fail_msg("the rules do not load:\n%s", problems.data ? problems.data : "");
                text_free(&problems);
        }
        return r == 0 ? rules : NULL;
}

_unused_ static RuleSet *rules_load(const char *text) { return rules_try(text, NULL); }

/* A lead under construction. */
typedef struct Lead {
        Arena *arena;
        Facts facts;
        Activity *history;
        size_t n_history;
        Subject subject;
} Lead;

#define LEAD_HISTORY_MAX 400

_unused_ static void lead_begin(Lead *lead) {
        *lead = (Lead){ .arena = arena_new(0) };
        assert_non_null(lead->arena);
        lead->history = ARENA_ARRAY(lead->arena, Activity, LEAD_HISTORY_MAX);
        assert_non_null(lead->history);
        lead->subject = (Subject){ .now_us = NOW_US,
                .source = "forms",
                .lead_id = "L-42",
                .created_us = NOW_US - 30 * US_PER_DAY,
                .entered_us = NOW_US - 10 * US_PER_DAY,
                .touched_us = NOW_US - 2 * US_PER_DAY };
}

_unused_ static void lead_end(Lead *lead) { lead->arena = arena_free(lead->arena); }

_unused_ static void facts_put(Facts *facts, Arena *arena, const char *path, Value value) {
        FieldId field;
        const char *key = NULL;

        if (!field_find(path, &field, &key))
                fail_msg("no such path: %s", path);
        assert_int_equal(facts_set(facts, arena, field, key, value, NOW_US), 0);
}

_unused_ static void lead_set(Lead *lead, const char *path, Value value) { facts_put(&lead->facts, lead->arena, path, value); }
_unused_ static void lead_text(Lead *lead, const char *path, const char *text) { lead_set(lead, path, value_text(text)); }

/* Adds an activity; its facts can be filled with activity_text and activity_set. */
_unused_ static Activity *lead_did(Lead *lead, const char *type, int64_t ago_us) {
        Facts *facts = ARENA_NEW(lead->arena, Facts);
        Activity *activity = &lead->history[lead->n_history];

        assert_non_null(facts);
        assert_true(lead->n_history < LEAD_HISTORY_MAX);
        *activity = (Activity){ .event = 100 + lead->n_history, .time_us = lead->subject.now_us - ago_us, .type = type, .facts = facts };
        lead->n_history++;
        return activity;
}

_unused_ static void activity_set(Lead *lead, Activity *activity, const char *path, Value value) {
        facts_put((Facts *) activity->facts, lead->arena, path, value);
}
_unused_ static void activity_text(Lead *lead, Activity *activity, const char *path, const char *text) {
        activity_set(lead, activity, path, value_text(text));
}

_unused_ static Subject *lead_subject(Lead *lead) {
        lead->subject.facts = &lead->facts;
        lead->subject.history = lead->history;
        lead->subject.n_history = lead->n_history;
        return &lead->subject;
}

/* Judged; receipts may be NULL. */
_unused_ static Subject *lead_judge(Lead *lead, RuleSet *rules, Receipts *receipts) {
        assert_int_equal(policy_judge(rules, lead_subject(lead), lead->arena, receipts), 0);
        return &lead->subject;
}

_unused_ static const Receipt *receipt_of(const Receipts *receipts, const char *name) {
        for (size_t i = 0; i < receipts->n_items; i++)
                if (base_streq(receipts->items[i].rule->name, name))
                        return &receipts->items[i];
        return NULL;
}
