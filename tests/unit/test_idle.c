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

static void sql(const char *path, const char *text) {
        sqlite3 *db;
        char *error = NULL;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        if (sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK)
                fail_msg("%s", error);
        sqlite3_close(db);
}

static void assert_replays(const char *path) {
        Text differences = { 0 };
        uint64_t n_events, n_differences;

        assert_int_equal(gate_replay(path, &differences, &n_events, &n_differences), 0);
        if (n_differences != 0)
                fail_msg("%s", differences.data);
        assert_true(n_events > DECIDE_HISTORY_MAX);
        text_free(&differences);
}

/* Every lead with its source, touched and history; then the same file as version 1 had it. */
static void history__longer_than_rules_look__is_not_forgotten_by_idle_nor_by_a_migration(void **state) {
        (void) state;
        char directory[] = "/tmp/leadd-test-idle-XXXXXX", path[64];
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(RULES);
        _cleanup_(policy_freep) RuleSet *junk = gate_load_rules(RULES SCANNER);
        GateBook book;
        assert_non_null(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/leadd.db", directory);
        gate_open_book(&book, path, rules, NOW_US);
        Record *other = gate_record(&book, "lead.updated", "other", NOW_US - US_PER_DAY);
        assert_int_equal(facts_set(&other->facts, other->arena, FIELD_PERSON_EMAIL, NULL, value_text("x@example.com"), NOW_US), 0);
        other->n_identities = 0;
        assert_int_equal(record_identify(other, store_secret(book.store)), 0);
        assert_int_equal(gate_take(&book, other, 0, NOW_US).lead, 1);
        record_free(other);

        (void) gate_happen(&book, "activity.page_viewed", NOW_US - 5 * US_PER_DAY, NULL, NONE, NOW_US);
        (void) gate_happen(&book, "activity.email_clicked", NOW_US - 4 * US_PER_DAY, NULL, NONE, NOW_US);
        for (int i = 0; i < DECIDE_HISTORY_MAX; i++)
                (void) gate_happen(&book, "activity.email_clicked", NOW_US - 9 * US_PER_DAY + i, NULL, NONE, NOW_US);
        GateLook look;
        gate_look(&book, 2, NOW_US, &look);
        assert_int_equal(look.n_history, DECIDE_HISTORY_MAX);
        assert_int_equal(look.subject.touched_us, NOW_US - 4 * US_PER_DAY);
        assert_int_equal(look.state.idle_from_us, NOW_US - 4 * US_PER_DAY);
        gate_close_book(&book);

        sql(path, "DROP TABLE used; DROP TABLE expired; ALTER TABLE sla DROP COLUMN paused; ALTER TABLE sla DROP COLUMN snoozed_until;"
                  "ALTER TABLE sla DROP COLUMN snooze_reason;");
        sql(path, "ALTER TABLE lead DROP COLUMN source; ALTER TABLE lead DROP COLUMN source_at;"
                  "ALTER TABLE lead RENAME COLUMN idle_from TO touched; UPDATE lead SET touched = 17;"
                  "DROP INDEX outbox_dead; ALTER TABLE outbox DROP COLUMN lease; PRAGMA user_version = 1");
        gate_open_book(&book, path, rules, NOW_US);
        gate_look(&book, 2, NOW_US, &look);
        assert_int_equal(look.state.idle_from_us, NOW_US - 4 * US_PER_DAY);
        assert_string_equal(look.state.source, "web");
        gate_look(&book, 1, NOW_US, &look);
        assert_int_equal(look.state.idle_from_us, TIME_NONE);

        /* What leaves the history as junk is not counted; what counted when it left still does. */
        gate_use_rules(&book, junk, NOW_US);
        (void) gate_happen(&book, "activity.email_clicked", NOW_US, NULL, NONE, NOW_US);
        gate_look(&book, 2, NOW_US, &look);
        assert_int_equal(look.subject.touched_us, NOW_US - 4 * US_PER_DAY);
        assert_replays(path); /* of rows written, migrated, and written upon migrated ones */
        gate_close_book(&book);
        char command[96];
        snprintf(command, sizeof(command), "rm -r %s", directory);
        assert_int_equal(system(command), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(idle__counts_from_the_newest_by_its_own_time_of_what_counts),
                cmocka_unit_test(idle__junk_rule_comes_and_goes__the_silence_is_the_right_one),
                cmocka_unit_test(source__is_that_of_the_newest_record_from_outside),
                cmocka_unit_test(history__longer_than_rules_look__is_not_forgotten_by_idle_nor_by_a_migration),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
