/* SPDX-License-Identifier: MIT */
/*
 * Since when nobody has done anything: derived from the history and what of it cannot be derived any more, whatever the
 * order of arrival. And where a lead came from last, which leadd's own events do not change.
 */
#include "test_gate_fixture.h"

#include <sqlite3.h>
#include <unistd.h>

#define RULES \
        GATE_BASE_RULES "group \"fit\" { }\n" \
                        "group \"engagement\" { }\n" \
                        "score \"PARTNER\" { group = \"fit\", when = { source = \"partner\" }, points = 7 }\n" \
                        "score \"QUIET\" { group = \"fit\", when = { idle = ge(\"3d\") }, points = 50 }\n"
#define SCANNER "junk \"SCANNER\" { when = { type = \"email_clicked\" } }\n"
#define NONE ((Value){ 0 })

static int64_t touched(GateBook *book) {
        GateLook look;

        gate_look(book, 1, NOW_US, &look);
        return look.subject.touched_us;
}

static void idle__counts_from_the_newest_by_its_own_time_of_what_counts(void **state) {
        enum { MAX = 5 };
        static const struct {
                const char *name;
                struct {
                        const char *type;
                        int hours_ago;
                } events[MAX];
                int want_hours_ago;
        } cases[] = {
                { "nothing but facts: since it is known", { { "lead.updated", 30 }, { "company.updated", 9 } }, 30 },
                { "... also when the first became known last", { { "lead.updated", 9 }, { "consent.granted", 30 } }, 30 },
                { "an activity", { { "lead.updated", 30 }, { "activity.page_viewed", 20 } }, 20 },
                { "a late one changes nothing", { { "activity.page_viewed", 20 }, { "activity.page_viewed", 25 } }, 20 },
                { "a submission", { { "activity.page_viewed", 20 }, { "lead.submitted", 10 } }, 10 },
                { "an outcome", { { "lead.submitted", 20 }, { "outcome.note", 5 } }, 5 },
                { "an outcome that is told late", { { "lead.submitted", 20 }, { "activity.page_viewed", 7 }, { "outcome.note", 15 } }, 7 },
                { "not junk", { { "lead.submitted", 20 }, { "activity.email_clicked", 1 } }, 20 },
                { "not junk, but what is older", { { "activity.email_clicked", 1 }, { "activity.page_viewed", 8 } }, 8 },
                { "not junk, but the outcome", { { "lead.updated", 40 }, { "outcome.note", 6 }, { "activity.email_clicked", 1 } }, 6 },
                { "nothing but junk: since it is known", { { "activity.email_clicked", 9 }, { "activity.email_clicked", 3 } }, 9 },
        };
        (void) state;
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(RULES SCANNER);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                GateBook book;
                gate_open_book(&book, NULL, rules, NOW_US);
                for (size_t j = 0; j < MAX && cases[i].events[j].type; j++)
                        (void) gate_happen(
                                &book, cases[i].events[j].type, NOW_US - cases[i].events[j].hours_ago * US_PER_HOUR, NULL, NONE, NOW_US);
                int64_t got = (NOW_US - touched(&book)) / US_PER_HOUR;
                if (got != cases[i].want_hours_ago)
                        fail_msg("%s: got %lld hours ago, want %d", cases[i].name, (long long) got, cases[i].want_hours_ago);
                gate_close_book(&book);
        }
}

static void idle__junk_rule_comes_and_goes__the_silence_is_the_right_one(void **state) {
        (void) state;
        _cleanup_(policy_freep) RuleSet *without = gate_load_rules(RULES);
        _cleanup_(policy_freep) RuleSet *with = gate_load_rules(RULES SCANNER);
        GateBook book;
        gate_open_book(&book, NULL, without, NOW_US);
        (void) gate_happen(&book, "activity.page_viewed", NOW_US - 4 * US_PER_DAY, NULL, NONE, NOW_US);
        (void) gate_happen(&book, "activity.email_clicked", NOW_US - US_PER_DAY, NULL, NONE, NOW_US);
        assert_int_equal(touched(&book), NOW_US - US_PER_DAY);
        gate_use_rules(&book, with, NOW_US);
        assert_int_equal(touched(&book), NOW_US - 4 * US_PER_DAY);
        /* a judged event, too */
        GateOutcome outcome = gate_happen(&book, "lead.updated", NOW_US, NULL, NONE, NOW_US);
        assert_int_equal(outcome.decision->after.fit_mp, 50000);
        gate_use_rules(&book, without, NOW_US);
        assert_int_equal(touched(&book), NOW_US - US_PER_DAY);
        outcome = gate_happen(&book, "lead.updated", NOW_US, NULL, NONE, NOW_US);
        assert_int_equal(outcome.decision->after.fit_mp, 0);
        gate_close_book(&book);
}

static void source__is_that_of_the_newest_record_from_outside(void **state) {
        (void) state;
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(RULES);
        GateBook book;
        GateLook look;
        gate_open_book(&book, NULL, rules, NOW_US);
        static const struct {
                const char *type, *source;
                int hours_ago;
                const char *want;
        } steps[] = {
                { "lead.submitted", "web/landing", 10, "web" },
                { "activity.page_viewed", "partner/berlin", 8, "partner" },
                { "activity.page_viewed", "web", 9, "partner" }, /* older, told late */
                { "activity.page_viewed", "ads", 8, "partner" }, /* at the same instant the greater */
                { "outcome.note", "crm", 1, "partner" },         /* what sales says is not where it came from */
                { "timer.look", "leadd", 0, "partner" },         /* nor what leadd does */
                { "consent.granted", "web/privacy", 0, "web" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                char id[16];
                snprintf(id, sizeof(id), "s%zu", i);
                Record *record = gate_record(&book, steps[i].type, id, NOW_US - steps[i].hours_ago * US_PER_HOUR);
                record->source = steps[i].source;
                GateOutcome outcome = gate_take(&book, record, i == 0 ? 0 : 1, NOW_US);
                assert_int_equal(outcome.decision->after.fit_mp, base_streq(steps[i].want, "partner") ? 7000 : 0);
                record_free(record);
                gate_look(&book, 1, NOW_US, &look);
                if (!base_streq(look.subject.source, steps[i].want))
                        fail_msg("step %zu: got %s, want %s", i, look.subject.source, steps[i].want);
        }
        gate_close_book(&book);
}

/* The history is full: what is the first of it now will not be handed to the next decision. */
static void history__longer_than_rules_look__is_not_forgotten_by_idle(void **state) {
        (void) state;
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(RULES SCANNER);
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        const Facts nothing = { 0 };
        static const struct {
                const char *name, *oldest;
                size_t n_history;
                int64_t want_us;
        } cases[] = {
                { "leaves", "page_viewed", DECIDE_HISTORY_MAX, NOW_US - 4 * US_PER_DAY },
                { "is junk when it leaves", "email_clicked", DECIDE_HISTORY_MAX, TIME_NONE },
                { "stays", "page_viewed", DECIDE_HISTORY_MAX - 1, TIME_NONE },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Activity *history = ARENA_ARRAY(arena, Activity, DECIDE_HISTORY_MAX);
                assert_non_null(history);
                for (size_t j = 0; j < cases[i].n_history; j++)
                        history[j] = (Activity){ .event = 10 + j,
                                .type = j == 0 ? cases[i].oldest : "email_clicked",
                                .facts = &nothing,
                                /* the first event is not the first by its own time */
                                .time_us = NOW_US - (j == 0 ? 4 : 9) * US_PER_DAY };
                Record record = { .type = "activity.email_clicked",
                        .event = "email_clicked",
                        .family = FAMILY_ACTIVITY,
                        .source = "web",
                        .time_us = NOW_US };
                const LeadState before = { .id = 1,
                        .status = "inquiry",
                        .grade = "",
                        .created_us = NOW_US - 9 * US_PER_DAY,
                        .idle_from_us = TIME_NONE,
                        .source_us = TIME_NONE,
                        .recycle_us = TIME_NONE };
                const DecideInput input = { .event_id = 2000,
                        .lead_id = 1,
                        .before = &before,
                        .profile = &nothing,
                        .history = history,
                        .n_history = cases[i].n_history,
                        .record = &record,
                        .actor = "integration:web",
                        .now_us = NOW_US,
                        .desk = &(const Desk){ 0 } };
                Decision decision;
                assert_int_equal(decide_event(rules, &input, arena, &decision), 0);
                if (decision.after.idle_from_us != cases[i].want_us)
                        fail_msg("%s: got %lld", cases[i].name, (long long) decision.after.idle_from_us);
        }
}

/* A file of that version, made for this test by the program that wrote them. */
static void make_version_1(const char *path, const char *more) {
        char text[16384], *error = NULL;
        sqlite3 *db;
        FILE *file = fopen("tests/data/store/version-1.sql", "re");

        if (!file)
                fail_msg("cannot read tests/data/store/version-1.sql from here");
        size_t size = fread(text, 1, sizeof(text) - 1, file);
        assert_true(feof(file));
        fclose(file);
        text[size] = '\0';
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        if (sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK || sqlite3_exec(db, more, NULL, NULL, &error) != SQLITE_OK)
                fail_msg("%s", error);
        sqlite3_close(db);
}

/* A form nine hours ago, then an hour each: a page, a note of sales, a click, a look of leadd, a consent. What version 1 had in the
 * place of idle_from was the newest of everything. */
static void file_of_version_1__is_worked_out_again_from_its_log(void **state) {
        static const struct {
                const char *more;
                int64_t idle_from_us;
        } cases[] = {
                { "", NOW_US - 7 * US_PER_HOUR }, /* the note */
                /* Beyond the 1000 newest activities, which are of an earlier day, is the click. */
                { "WITH RECURSIVE n(i) AS (SELECT 8 UNION ALL SELECT i + 1 FROM n WHERE i < 1007) INSERT INTO event SELECT i, 1, i - 1, "
                  "12, 13,"
                  " 10, 1, 1772701200000000, 86400000000, 256, 'm' || i, 0, 0, x'010000001C00' FROM n",
                        NOW_US - 6 * US_PER_HOUR },
        };
        (void) state;
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(RULES);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char directory[] = "/tmp/leadd-test-idle-XXXXXX", path[64], command[96];
                GateBook book;
                GateLook look;
                assert_non_null(mkdtemp(directory));
                snprintf(path, sizeof(path), "%s/leadd.db", directory);
                make_version_1(path, cases[i].more);
                gate_open_book(&book, path, rules, NOW_US);
                gate_look(&book, 1, NOW_US, &look);
                assert_int_equal(look.state.idle_from_us, cases[i].idle_from_us);
                assert_int_equal(look.subject.touched_us, NOW_US - 6 * US_PER_HOUR);
                assert_string_equal(look.state.source, "ads/x"); /* of the consent */
                assert_int_equal(look.state.source_us, NOW_US - 4 * US_PER_HOUR);
                gate_close_book(&book);
                snprintf(command, sizeof(command), "rm -r %s", directory);
                assert_int_equal(system(command), 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(idle__counts_from_the_newest_by_its_own_time_of_what_counts),
                cmocka_unit_test(idle__junk_rule_comes_and_goes__the_silence_is_the_right_one),
                cmocka_unit_test(source__is_that_of_the_newest_record_from_outside),
                cmocka_unit_test(history__longer_than_rules_look__is_not_forgotten_by_idle),
                cmocka_unit_test(file_of_version_1__is_worked_out_again_from_its_log),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
