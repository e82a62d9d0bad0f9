/* SPDX-License-Identifier: MIT */
/*
 * Counters that only grow: what they count, that a rollback takes nothing along, that a replay comes to the same; and the text
 * that is made of them: labels of names that hold anything, and no more of them than are allowed. That the text is what Prometheus reads
 * is shown by tests/scenario/leaks.py.
 */
#include "leadd/metrics.h"
#include "test_gate_fixture.h"

#include <stdlib.h>

static const char rules[] = GATE_BASE_RULES "status \"mql\" { team = \"desk\", meaning = \"m\" }\n"
                                            "status \"work\" { team = \"desk\", meaning = \"w\" }\n"
                                            "move \"raise\" { from = \"inquiry\", to = \"mql\", by = \"rules\",\n"
                                            "  when = { did{ type = \"form_submitted\" } } }\n"
                                            "move \"accept\" { from = \"mql\", to = \"work\", by = \"owner\" }\n"
                                            "move \"book\" { from = \"work\", to = \"work\", by = \"owner\" }\n"
                                            "move \"end\" { from = \"work\", to = \"closed\", by = \"owner\" }\n";

typedef struct Wanted {
        SumKind kind;
        uint64_t a, b;
        const char *name, *to;
        int64_t n;
} Wanted;

static int on_wanted(const StoredSum *sum, void *userdata) {
        Wanted *wanted = userdata;

        if (sum->kind == wanted->kind && (!wanted->name || base_streq(wanted->name, sum->name)) &&
                (!wanted->to || base_streq(wanted->to, sum->to)) && (wanted->name || sum->a == wanted->a) &&
                (wanted->to || sum->b == wanted->b))
                wanted->n += sum->n;
        return 0;
}

#define SUM(store, ...) sum_of((store), (Wanted){ __VA_ARGS__ })
static int64_t sum_of(Store *store, Wanted wanted) {
        assert_int_equal(store_sums(store, on_wanted, &wanted), 0);
        return wanted.n;
}

static void events__move_and_accept__are_counted_and_a_replay_counts_the_same(void **state _unused_) {
        RuleSet *set = gate_load_rules(rules);
        char directory[] = "/tmp/leadd-test-metrics-XXXXXX", path[64], command[96];
        Text differences = { 0 };
        uint64_t n_events = 0, n = 0;
        GateBook book;

        assert_non_null(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/leadd.db", directory);
        snprintf(command, sizeof(command), "rm -rf %s", directory);
        gate_open_book(&book, path, set, NOW_US);
        (void) gate_happen(&book, "lead.submitted", NOW_US, NULL, value_text(""), NOW_US);
        (void) gate_happen(&book, "outcome.accept", NOW_US, NULL, value_text(""), NOW_US + 20 * US_PER_MINUTE);
        (void) gate_happen(&book, "outcome.book", NOW_US, NULL, value_text(""), NOW_US + US_PER_HOUR); /* to where it is */
        assert_int_equal(SUM(book.store, .kind = SUM_TRANSITIONS, .name = "inquiry", .to = "mql"), 1);
        assert_int_equal(SUM(book.store, .kind = SUM_TRANSITIONS, .name = "mql", .to = "work"), 1);
        assert_int_equal(SUM(book.store, .kind = SUM_TRANSITIONS, .name = "work", .to = "work"), 0);
        assert_int_equal(store_acceptance_bound_us(2), 30 * US_PER_MINUTE);
        assert_int_equal(store_acceptance_bound_us(STORE_ACCEPTANCE_BOUNDS), TIME_NONE);
        assert_int_equal(SUM(book.store, .kind = SUM_ACCEPTANCE, .a = 2), 1);
        assert_int_equal(SUM(book.store, .kind = SUM_ACCEPTANCE_SECONDS), 1200);

        gate_close_book(&book);
        assert_int_equal(gate_replay(path, &differences, &n_events, &n), 0);
        if (n > 0)
                fail_msg("%s", differences.data);
        text_free(&differences);
        assert_int_equal(system(command), 0);
        policy_free(set);
}

static void files__and_what_a_rollback_takes_back__are_counted_by_directory(void **state _unused_) {
        const SpoolIdentity web = { .source = "web", .name = "a.json", .device = 1, .inode = 1, .size = 1, .mtime_us = NOW_US };
        RuleSet *set = gate_load_rules(rules);
        LedgerEntry entry;
        GateBook book;

        gate_open_book(&book, NULL, set, NOW_US);
        for (int round = 0; round < 2; round++) {
                assert_int_equal(store_begin(book.store), 0);
                assert_int_equal(store_ledger_open(book.store, &web, NOW_US, &entry), 0);
                entry.n_accepted = 5;
                entry.n_refused = 2;
                assert_int_equal(store_ledger_save(book.store, &entry, NOW_US), 0);
                entry.n_accepted = 7;
                assert_int_equal(store_ledger_save(book.store, &entry, NOW_US), 0);
                assert_int_equal(round == 0 ? store_rollback(book.store) : store_commit(book.store), 0);
                assert_int_equal(SUM(book.store, .kind = SUM_RECORDS, .name = "web", .b = SUM_ACCEPTED), round == 0 ? 0 : 7);
                assert_int_equal(SUM(book.store, .kind = SUM_RECORDS, .name = "web", .b = SUM_REFUSED), round == 0 ? 0 : 2);
        }
        gate_close_book(&book);
        policy_free(set);
}

static void days__of_leaks__are_told_once_whatever_the_clock_showed(void **state _unused_) {
        RuleSet *set = gate_load_rules(rules);
        const uint64_t some[LEAK_KINDS] = { [LEAK_STALE] = 3, [LEAK_UNOWNED] = 1 }, none[LEAK_KINDS] = { 0 };
        static const struct {
                int64_t day;
                bool is_told;
        } cases[] = { { 19998, false }, { 19999, true }, { 20000, true }, { 20001, true }, { 20002, false }, { 20365, true },
                { 20366, false } };
        bool is_told = true;
        GateBook book;

        gate_open_book(&book, NULL, set, NOW_US);
        assert_int_equal(store_leaks_told(book.store, 20000, &is_told), 0);
        assert_false(is_told);
        assert_int_equal(store_begin(book.store), 0);
        assert_int_equal(store_note_leaks(book.store, 20000, some), 0);
        assert_int_equal(store_note_leaks(book.store, 20001, none), 0);
        assert_int_equal(store_note_leaks(book.store, 20365, none), 0); /* by a clock that was wrong */
        assert_int_equal(store_commit(book.store), 0);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                assert_int_equal(store_leaks_told(book.store, cases[i].day, &is_told), 0);
                assert_int_equal(is_told, cases[i].is_told);
        }
        gate_close_book(&book);
        policy_free(set);
}

/* How often it stands in the text. */
static size_t times(const char *text, const char *what) {
        size_t n = 0;

        for (const char *at = text; (at = strstr(at, what)); at++)
                n++;
        return n;
}

static void labels__of_any_name__are_quoted_and_no_more_than_allowed(void **state _unused_) {
        RuleSet *set = gate_load_rules(rules);
        DaemonFigures daemon = { 0 };
        Text text = { 0 };
        GateBook book;
        int64_t n_all = 0;

        gate_open_book(&book, NULL, set, NOW_US);
        assert_int_equal(store_begin(book.store), 0);
        for (uint64_t i = 0; i < METRICS_LABELS_MAX + 50; i++) {
                char source[64];
                LedgerEntry entry;
                snprintf(source, sizeof source, i == 0 ? "a \"b\"\\c\nd" : i == 1 ? "other" : "source-%llu", (unsigned long long) i);
                const SpoolIdentity file = {
                        .source = source, .name = "a.json", .device = 1, .inode = i + 1, .size = 1, .mtime_us = NOW_US
                };
                assert_int_equal(store_ledger_open(book.store, &file, NOW_US, &entry), 0);
                entry.n_accepted = i + 1;
                entry.n_dropped = 1;
                assert_int_equal(store_ledger_save(book.store, &entry, NOW_US), 0);
                /* a source that is called other is one of them */
                n_all += i == 1 || i > METRICS_LABELS_MAX ? (int64_t) i + 1 : 0;
        }
        assert_int_equal(store_commit(book.store), 0);
        assert_int_equal(metrics_format(book.store, &daemon, NOW_US, &text), 0);
        assert_non_null(strstr(text.data, "leadd_records_total{source=\"a \\\"b\\\"\\\\c\\nd\",outcome=\"accepted\"} 1\n"));
        assert_int_equal(times(text.data, "leadd_records_total{"), 2 * (METRICS_LABELS_MAX + 1));
        char other[96];
        snprintf(other, sizeof other, "leadd_records_total{source=\"other\",outcome=\"accepted\"} %lld\n", (long long) n_all);
        assert_non_null(strstr(text.data, other));
        assert_non_null(strstr(text.data, "leadd_records_total{source=\"other\",outcome=\"dropped\"} 50\n"));
        text_free(&text);
        gate_close_book(&book);
        policy_free(set);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(events__move_and_accept__are_counted_and_a_replay_counts_the_same),
                cmocka_unit_test(files__and_what_a_rollback_takes_back__are_counted_by_directory),
                cmocka_unit_test(days__of_leaks__are_told_once_whatever_the_clock_showed),
                cmocka_unit_test(labels__of_any_name__are_quoted_and_no_more_than_allowed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
