/* SPDX-License-Identifier: MIT */
/*
 * The pecking order of a desk: a table of pairs that says what goes before what, and properties over random desks: it is total,
 * it does not depend on the order in which the leads are given, and where leads are due it is the order of the inbox.
 */
#include "test_decide_book.h"

#define NOW_US INT64_C(1772701200000000) /* 2026-03-05T09:00:00Z */
#define HOUR US_PER_HOUR

static const char rules[] = "settings \"site\" { zone = \"UTC\" }\n"
                            "team \"marketing\" {}\n"
                            "team \"desk\" { members = { a = {} } }\n"
                            "status \"inquiry\" { team = \"marketing\", kind = \"open\", initial = true, meaning = \"i\" }\n"
                            "status \"mql\" { team = \"desk\", kind = \"sla\", meaning = \"m\" }\n"
                            "status \"sal\" { team = \"desk\", kind = \"sla\", meaning = \"s\" }\n"
                            "status \"parked\" { team = \"desk\", kind = \"sla\", meaning = \"only the rules move it\" }\n"
                            "status \"closed\" { team = \"marketing\", kind = \"final\", meaning = \"c\" }\n"
                            "move \"raise\" { from = \"inquiry\", to = \"mql\", by = \"rules\" }\n"
                            "move \"accept\" { from = \"mql\", to = \"sal\", by = \"owner\" }\n"
                            "move \"finish\" { from = \"sal\", to = \"closed\", by = \"team\" }\n"
                            "move \"park\" { from = \"sal\", to = \"parked\", by = \"marketing\" }\n"
                            "move \"drop\" { from = \"parked\", to = \"closed\", by = \"rules\", when = { in_status = ge(\"90d\") } }\n"
                            "route \"ALL\" { team = \"desk\" }\n"
                            "group \"fit\" { min = 0, max = 100 }\n"
                            "group \"engagement\" { min = 0, max = 100 }\n"
                            "grade \"G\" { fit = { A = 50, B = 20, C = 0 }, engagement = { [\"1\"] = 50, [\"2\"] = 0 } }\n"
                            "sla \"ANSWER\" { status = \"mql\", within = \"8h\", clock = \"wall\", steps = { { at = \"8h\", every = "
                            "\"8h\", remind = { \"owner\" } } } }\n"
                            "sla \"CALL\" { status = \"sal\", within = \"8h\", clock = \"wall\", stop = did{ type = \"call_made\" },\n"
                            "  steps = { { at = \"8h\", every = \"8h\", remind = { \"owner\" } } } }\n"
                            "sla \"REST\" { status = \"parked\", within = \"8h\", clock = \"wall\", steps = { { at = \"8h\", every = "
                            "\"8h\", remind = { \"owner\" } } } }\n";

#define LEAD(...) ((DeskLead){ __VA_ARGS__ })
/* What a row leaves out: an mql of B2 whose answer is due in five hours. */
static DeskLead full(DeskLead lead) {
        if (!lead.status)
                lead.status = "mql";
        if (!lead.grade)
                lead.grade = "B2";
        if (!lead.sla)
                lead.sla = "ANSWER";
        else if (base_streq(lead.sla, "-"))
                lead.sla = "-";
        if (lead.due_us == 0)
                lead.due_us = NOW_US + 5 * HOUR;
        if (lead.snoozed_until_us == 0)
                lead.snoozed_until_us = TIME_NONE;
        return lead;
}

/* In each row the first goes before the second, whichever stands first. */
static const DeskLead pairs[][2] = {
        { LEAD(.lead = 9, .due_us = NOW_US - HOUR, .grade = "C2"), LEAD(.lead = 1, .due_us = NOW_US + 60, .grade = "A1") },
        { LEAD(.lead = 9, .due_us = NOW_US), LEAD(.lead = 1, .due_us = NOW_US + 1) },
        { LEAD(.lead = 9, .due_us = NOW_US - 3 * HOUR, .grade = "C2"), LEAD(.lead = 1, .due_us = NOW_US - 2 * HOUR, .grade = "A1") },
        { LEAD(.lead = 9, .due_us = NOW_US + HOUR, .grade = "C2"), LEAD(.lead = 1, .due_us = NOW_US + 2 * HOUR, .grade = "A1") },
        { LEAD(.lead = 9, .due_us = NOW_US + DECIDE_SOON_US, .grade = "C2"),
                LEAD(.lead = 1, .due_us = NOW_US + DECIDE_SOON_US + 1, .grade = "A1") },
        { LEAD(.lead = 9, .due_us = NOW_US + 9 * HOUR, .grade = "A2"), LEAD(.lead = 1, .due_us = NOW_US + 3 * HOUR, .grade = "B1") },
        { LEAD(.lead = 9, .grade = "A1"), LEAD(.lead = 1, .grade = "A2", .engagement_mp = 99000) },
        { LEAD(.lead = 9, .grade = "C2"), LEAD(.lead = 1, .grade = "?1") },
        { LEAD(.lead = 9, .grade = "?1"), LEAD(.lead = 1, .grade = "") },
        { LEAD(.lead = 9, .engagement_mp = 2), LEAD(.lead = 1, .engagement_mp = 1, .since_us = -5) },
        { LEAD(.lead = 9, .since_us = 1), LEAD(.lead = 1, .since_us = 2) },
        { LEAD(.lead = 1), LEAD(.lead = 9) },
        { LEAD(.lead = 9, .unaccepted = true, .sla = "-", .due_us = TIME_NONE),
                LEAD(.lead = 1, .sla = "-", .due_us = TIME_NONE, .grade = "A1") },
        { LEAD(.lead = 9, .status = "sal", .sla = "-", .due_us = TIME_NONE, .grade = "C2"),
                LEAD(.lead = 1, .due_us = NOW_US - HOUR, .snoozed_until_us = NOW_US + HOUR, .grade = "A1") },
        { LEAD(.lead = 9, .due_us = NOW_US - HOUR, .snoozed_until_us = NOW_US), LEAD(.lead = 1, .grade = "A1") },
        { LEAD(.lead = 9, .grade = "C2"), LEAD(.lead = 1, .status = "parked", .sla = "REST", .due_us = NOW_US - HOUR, .grade = "A1") },
};

static void order__of_a_table_of_pairs__is_as_the_manual_says(void **state) {
        Book *book = malloc(sizeof *book);
        (void) state;
        assert_non_null(book);
        open_rules(book, rules, "", NULL);
        for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
                for (size_t first = 0; first < 2; first++) {
                        DeskLead leads[] = { full(pairs[i][first]), full(pairs[i][1 - first]) };
                        decide_peck(book->rules, NOW_US, leads, 2);
                        if (leads[0].lead != pairs[i][0].lead || leads[0].place != 1 || leads[1].place != 2)
                                fail_msg("pair %zu: got L-%" PRIu64 " first, want L-%" PRIu64, i, leads[0].lead, pairs[i][0].lead);
                }
        close_book(book);
        free(book);
}

static void waiting__is_what_a_person_can_end(void **state) {
        static const struct {
                DeskLead lead;
                bool waits;
        } cases[] = {
                { LEAD(.unaccepted = true, .sla = "-"), true },
                { LEAD(.lead = 1), true },
                { LEAD(.status = "sal", .sla = "CALL"), true },
                { LEAD(.status = "sal", .sla = "-"), false },
                { LEAD(.status = "parked", .sla = "REST"), false },
                { LEAD(.status = "closed", .sla = "CALL"), false },
                { LEAD(.status = "gone", .sla = "ANSWER", .unaccepted = true), false },
                { LEAD(.status = "mql", .sla = "GONE"), false },
        };
        Book *book = malloc(sizeof *book);
        (void) state;
        assert_non_null(book);
        open_rules(book, rules, "", NULL);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const DeskLead lead = full(cases[i].lead);
                if (decide_waits_for_owner(book->rules, &lead) != cases[i].waits)
                        fail_msg("case %zu: want %s", i, cases[i].waits ? "waits" : "waits not");
        }
        close_book(book);
        free(book);
}

/* ---- properties ---- */

static uint64_t seed = 88172645463325252u;
static uint64_t pick(uint64_t n) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return seed % n;
}

/* Few values each, so that every tie occurs. */
static DeskLead random_lead(uint64_t id) {
        static const char *const grades[] = { "A1", "A2", "B1", "C2", "?1", "" }, *const statuses[] = { "mql", "sal", "parked" },
                                 *const slas[] = { "ANSWER", "CALL", "REST" };
        size_t status = pick(3);
        bool runs = pick(4) > 0;
        return (DeskLead){ .lead = id,
                .status = statuses[status],
                .grade = grades[pick(ARRAY_SIZE(grades))],
                .engagement_mp = (int64_t) pick(2),
                .since_us = (int64_t) pick(2),
                .unaccepted = pick(3) == 0,
                .sla = runs ? slas[status] : NULL,
                .due_us = runs && pick(5) > 0 ? NOW_US + ((int64_t) pick(7) - 3) * HOUR : TIME_NONE,
                .snoozed_until_us = runs && pick(6) == 0 ? NOW_US + ((int64_t) pick(3) - 1) * HOUR : TIME_NONE };
}

static int compare_due(const void *a, const void *b) { return decide_compare_due(a, b); }

static void order__of_random_desks__is_total_and_the_same_however_they_are_given(void **state) {
        enum { N = 60 };
        Book *book = malloc(sizeof *book);
        DeskLead leads[N], shuffled[N];
        (void) state;
        assert_non_null(book);
        open_rules(book, rules, "", NULL);
        for (unsigned round = 0; round < 300; round++) {
                for (size_t i = 0; i < N; i++)
                        leads[i] = random_lead(i + 1);
                memcpy(shuffled, leads, sizeof(leads));
                for (size_t i = N - 1; i > 0; i--) {
                        size_t k = pick(i + 1);
                        DeskLead swap = shuffled[i];
                        shuffled[i] = shuffled[k];
                        shuffled[k] = swap;
                }
                decide_peck(book->rules, NOW_US, leads, N);
                decide_peck(book->rules, NOW_US, shuffled, N);
                for (size_t i = 0; i < N; i++) {
                        assert_int_equal(leads[i].lead, shuffled[i].lead);
                        assert_int_equal(leads[i].place, i + 1);
                        if (i > 0)
                                assert_true(leads[i - 1].rank <= leads[i].rank);
                }
                /* Any two of them, alone, stand as they stand among the others: so it is transitive and total. */
                for (size_t i = 0; i < N; i++) {
                        size_t k = pick(N);
                        if (k == i)
                                continue;
                        DeskLead two[] = { leads[i], leads[k] };
                        decide_peck(book->rules, NOW_US, two, 2);
                        assert_int_equal(two[0].lead, leads[i < k ? i : k].lead);
                }
                /* By due instant it is an order as well; what is overdue and soon due stands as in the pecking order. */
                qsort(shuffled, N, sizeof(*shuffled), compare_due);
                uint32_t last = 0;
                for (size_t i = 0; i < N; i++) {
                        if (i > 0)
                                assert_true(decide_compare_due(&shuffled[i - 1], &shuffled[i]) < 0);
                        if (shuffled[i].rank > PECK_SOON)
                                continue;
                        assert_true(shuffled[i].place > last);
                        last = shuffled[i].place;
                }
        }
        close_book(book);
        free(book);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(order__of_a_table_of_pairs__is_as_the_manual_says),
                cmocka_unit_test(waiting__is_what_a_person_can_end),
                cmocka_unit_test(order__of_random_desks__is_total_and_the_same_however_they_are_given),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
