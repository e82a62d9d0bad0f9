/* SPDX-License-Identifier: MIT */
/* What routing sees of everybody: turns, absences, open and unaccepted leads, today's share, account owners. */
#include "test_store_fixture.h"

static Desk load_desk(Fixture *f, const char *domain, uint64_t except, int64_t now_us) {
        Desk desk;
        ok(store_load_desk(f->store, domain, except, f->rules, now_us, f->arena, &desk));
        return desk;
}

static Seat seat_of(Fixture *f, const char *member, int64_t now_us) {
        Desk desk = load_desk(f, NULL, 0, now_us);
        for (size_t i = 0; i < desk.n_seats; i++)
                if (base_streq(desk.seats[i].member, member))
                        return desk.seats[i];
        return (Seat){ 0 };
}

static void same_seat(Fixture *f, const char *member, int64_t now_us, const Seat *want) {
        for (int pass = 0; pass < 2; pass++) { /* as lived, and as found again */
                Seat got = seat_of(f, member, now_us);
                same(got.turn, want->turn);
                same(got.took_part, want->took_part);
                same(got.served, want->served);
                same(got.credits, want->credits);
                same(got.n_open, want->n_open);
                same(got.n_unaccepted, want->n_unaccepted);
                same(got.n_today, want->n_today);
                same(got.n_absences, want->n_absences);
                for (size_t i = 0; i < got.n_absences; i++) {
                        same(got.absences[i].from_us, want->absences[i].from_us);
                        same(got.absences[i].to_us, want->absences[i].to_us);
                }
                if (f->store->is_in_transaction)
                        return;
                fixture_reopen(f);
        }
}
#define SEAT(...) (&(const Seat){ __VA_ARGS__ })

static void seats__turns_and_counts__follow_the_leads(void **state) {
        Fixture *f = *state;
        TurnChange turns[] = { { .member = "anna", .turn = -3, .took_part = 7, .served = 5, .credits = 2 },
                { .member = "ben", .turn = INT64_MAX } };
        same(load_desk(f, NULL, 0, NOON).n_seats, 0);
        (void) commit_step(f, STEP(.said = { .email = "1@example.com" }, .status = "mql", .owner = "anna", .unaccepted = true,
                                      .turns = turns, .n_turns = 2));
        (void) commit_step(f, STEP(.said = { .email = "2@example.com" }, .status = "mql", .owner = "anna", .unaccepted = true));
        same_seat(
                f, "anna", NOON, SEAT(.turn = -3, .took_part = 7, .served = 5, .credits = 2, .n_open = 2, .n_unaccepted = 2, .n_today = 2));
        same_seat(f, "ben", NOON, SEAT(.turn = INT64_MAX));
        (void) commit_step(f, STEP(.said = { .type = "outcome.accept" }, .lead = 1, .status = "sal"));
        same_seat(
                f, "anna", NOON, SEAT(.turn = -3, .took_part = 7, .served = 5, .credits = 2, .n_open = 2, .n_unaccepted = 1, .n_today = 2));
        (void) commit_step(f, STEP(.said = { .type = "outcome.win" }, .lead = 1, .status = "customer"));
        same_seat(
                f, "anna", NOON, SEAT(.turn = -3, .took_part = 7, .served = 5, .credits = 2, .n_open = 1, .n_unaccepted = 1, .n_today = 2));
        /* By hand: no turn, no share of the day. */
        (void) commit_step(f, STEP(.said = { .type = "outcome.assign" }, .lead = 2, .owner = "ben", .route = "assign"));
        same_seat(f, "anna", NOON, SEAT(.turn = -3, .took_part = 7, .served = 5, .credits = 2, .n_today = 2));
        same_seat(f, "ben", NOON, SEAT(.turn = INT64_MAX, .n_open = 1));
        same_and_sound(f->store);
}

static void statuses__that_a_new_rule_set_opens_or_closes__change_who_has_how_many(void **state) {
        Fixture *f = *state;
        RuleSet *two = RULES(.tag = "two", .kinds = { [STATUS_CUSTOMER] = "open", [STATUS_MQL] = "final" });
        RuleSet *three = RULES(.tag = "three", .kinds = { [STATUS_MQL] = "" }),
                *four = RULES(.tag = "four", .kinds = { [STATUS_CUSTOMER] = "" });
        (void) commit_step(f, STEP(.said = { .email = "1@example.com", .domain = "firm.example" }, .status = "mql", .owner = "anna"));
        (void) commit_step(f, STEP(.said = { .email = "2@example.com", .domain = "firm.example" }, .status = "customer", .owner = "ben"));
        same_seat(f, "anna", NOON, SEAT(.n_open = 1, .n_today = 1));
        same_seat(f, "ben", NOON, SEAT(.n_today = 1));
        same_text(load_desk(f, "firm.example", 0, NOON).account_owner, "anna");
        fixture_activate(f, two);
        same_text(load_desk(f, "firm.example", 0, NOON).account_owner, "ben");
        same_seat(f, "anna", NOON, SEAT(.n_today = 1));
        same_seat(f, "ben", NOON, SEAT(.n_open = 1, .n_today = 1));
        same_text(load_desk(f, "firm.example", 0, NOON).account_owner, "ben");
        /* A status the rules no longer have is not final. */
        fixture_activate(f, three);
        same_text(load_desk(f, "firm.example", 0, NOON).account_owner, "anna");
        same_seat(f, "anna", NOON, SEAT(.n_open = 1, .n_today = 1));
        same_seat(f, "ben", NOON, SEAT(.n_today = 1));
        fixture_activate(f, f->rules);
        fixture_activate(f, four);
        same_text(load_desk(f, "firm.example", 0, NOON).account_owner, "ben");
        same(seat_of(f, "ben", NOON).n_open, 1);
        fixture_activate(f, f->rules);
        same_seat(f, "ben", NOON, SEAT(.n_today = 1));
        same_text(load_desk(f, "firm.example", 0, NOON).account_owner, "anna");
        policy_free(two);
        policy_free(three);
        policy_free(four);
}

static void absences__are_kept_until_others_are_said(void **state) {
        Fixture *f = *state;
        const Absence away[] = { { NOON, NOON + US_PER_DAY }, { NOON + 3 * US_PER_DAY, NOON + 9 * US_PER_DAY } };
        (void) commit_step(f, STEP(.said = { .type = "owner.away" }, .absences_of = "ben", .absences = away, .n_absences = 2));
        same_seat(f, "ben", NOON, SEAT(.absences = away, .n_absences = 2));
        /* Rolled back, they are what they were. */
        ok(store_begin(f->store));
        (void) step(f, STEP(.said = { .type = "owner.away" }, .absences_of = "ben", .absences = away + 1, .n_absences = 1));
        same_seat(f, "ben", NOON, SEAT(.absences = away + 1, .n_absences = 1));
        ok(store_rollback(f->store));
        same_seat(f, "ben", NOON, SEAT(.absences = away, .n_absences = 2));
        (void) commit_step(f, STEP(.said = { .type = "owner.back" }, .absences_of = "ben"));
        same_seat(f, "ben", NOON, SEAT(0));
        same_and_sound(f->store);
}

/* ---- today ---- */

static void today__ends_at_midnight__on_each_members_own_clock(void **state) {
        Fixture *f = *state;
        RuleSet *utc = f->rules;
        f->rules = RULES(.tag = "berlin", .zone = "Europe/Berlin", .newyork = true);
        /* 2026-03-05T12:00Z is 13:00 in Berlin and 07:00 in New York. */
        (void) load_desk(f, NULL, 0, NOON); /* nobody has a seat yet */
        (void) commit_step(f, STEP(.said = { .email = "1@example.com" }, .now_us = NOON, .owner = "anna"));
        (void) commit_step(f, STEP(.said = { .email = "2@example.com" }, .now_us = NOON, .owner = "dana"));
        static const struct {
                int64_t hours;
                uint32_t anna, dana;
        } cases[] = { { 0, 1, 1 }, { 10, 1, 1 }, { 11, 0, 1 }, { 16, 0, 1 }, { 17, 0, 0 }, { 0, 1, 1 }, { 11, 0, 1 } };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                same_seat(f, "anna", NOON + cases[i].hours * US_PER_HOUR, SEAT(.n_open = 1, .n_today = cases[i].anna));
                same_seat(f, "dana", NOON + cases[i].hours * US_PER_HOUR, SEAT(.n_open = 1, .n_today = cases[i].dana));
        }
        /* Without a restart between: the window moves with the hours. */
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                same(seat_of(f, "anna", NOON + cases[i].hours * US_PER_HOUR).n_today, cases[i].anna);
                same(seat_of(f, "dana", NOON + cases[i].hours * US_PER_HOUR).n_today, cases[i].dana);
        }
        (void) commit_step(f, STEP(.said = { .email = "3@example.com" }, .now_us = NOON + 11 * US_PER_HOUR, .owner = "anna"));
        same_seat(f, "anna", NOON + 11 * US_PER_HOUR, SEAT(.n_open = 2, .n_today = 1));
        /* Other rules, another zone: midnight is elsewhere. */
        same(seat_of(f, "anna", NOON + 11 * US_PER_HOUR).n_today, 1);
        policy_free(f->rules);
        f->rules = utc;
        same(seat_of(f, "anna", NOON + 11 * US_PER_HOUR).n_today, 2);
        same_seat(f, "anna", NOON + 11 * US_PER_HOUR, SEAT(.n_open = 2, .n_today = 2));
}

static void today__with_no_seats_at_first__still_ends_at_midnight(void **state) {
        Fixture *f = *state;
        (void) load_desk(f, NULL, 0, NOON);
        (void) commit_step(f, STEP(.said = { .email = "1@example.com" }, .owner = "anna"));
        same(seat_of(f, "anna", NOON).n_today, 1);
        same(seat_of(f, "anna", NOON + US_PER_DAY).n_today, 0);
}

static void today__a_clock_set_back__counts_the_same_before_and_after_a_restart(void **state) {
        Fixture *f = *state;
        static const int64_t hours[] = { 0, 40, 41, 9, 10, 41 };
        for (size_t i = 0; i < ARRAY_SIZE(hours); i++) {
                char email[32];
                (void) snprintf(email, sizeof(email), "%zu@example.com", i);
                (void) commit_step(f, STEP(.said = { .email = email }, .now_us = NOON + hours[i] * US_PER_HOUR, .owner = "anna"));
        }
        same_seat(f, "anna", NOON + 41 * US_PER_HOUR, SEAT(.n_open = 6, .n_today = 3));
}

static void today__many_days__forget_the_old_ones(void **state) {
        Fixture *f = *state;
        ok(store_begin(f->store));
        for (int day = 0; day < 10; day++)
                for (int i = 0; i <= day; i++) {
                        char email[32];
                        (void) snprintf(email, sizeof(email), "%d.%d@example.com", day, i);
                        (void) step(
                                f, STEP(.said = { .email = email }, .now_us = NOON + day * US_PER_DAY + i * US_PER_HOUR, .owner = "ben"));
                        same(seat_of(f, "ben", NOON + day * US_PER_DAY + i * US_PER_HOUR).n_today, i + 1);
                }
        ok(store_commit(f->store));
        same_seat(f, "ben", NOON + 9 * US_PER_DAY + 9 * US_PER_HOUR, SEAT(.n_open = 55, .n_today = 10));
}

/* ---- accounts ---- */

static void account_owner__is_who_owns_the_newest_other_open_lead(void **state) {
        Fixture *f = *state;
        static const char *const firm = "firm.example";
        same_text(load_desk(f, firm, 0, NOON).account_owner, NULL);
        (void) commit_step(f, STEP(.said = { .email = "1@firm.example", .domain = firm }, .status = "mql", .owner = "anna"));
        (void) commit_step(f, STEP(.said = { .email = "2@firm.example", .domain = firm }, .status = "mql", .owner = "ben"));
        (void) commit_step(f, STEP(.said = { .email = "3@firm.example", .domain = firm }, .status = "mql"));
        (void) commit_step(f, STEP(.said = { .email = "4@other.example", .domain = "other.example" }, .status = "mql", .owner = "dana"));
        static const struct {
                const char *domain;
                uint64_t except;
                const char *owner;
        } cases[] = { { firm, 0, "ben" }, { firm, 2, "anna" }, { firm, 1, "ben" }, { firm, 3, "ben" }, { "other.example", 0, "dana" },
                { "other.example", 4, NULL }, { "unknown.example", 0, NULL }, { NULL, 0, NULL }, { "", 0, NULL } };
        for (int pass = 0; pass < 2; pass++, fixture_reopen(f))
                for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                        same_text(load_desk(f, cases[i].domain, cases[i].except, NOON).account_owner, cases[i].owner);
        (void) commit_step(f, STEP(.said = { .type = "outcome.win" }, .lead = 2, .status = "customer"));
        same_text(load_desk(f, firm, 0, NOON).account_owner, "anna");
        (void) commit_step(f, STEP(.said = { .domain = "other.example", .time_us = NOON + 1 }, .lead = 1));
        same_text(load_desk(f, firm, 0, NOON).account_owner, NULL);
        same_text(load_desk(f, "other.example", 4, NOON).account_owner, "anna");
}

static void account_owner__after_a_rollback__is_who_it_was(void **state) {
        Fixture *f = *state;
        static const char *const firm = "firm.example";
        (void) commit_step(f, STEP(.said = { .email = "1@firm.example", .domain = firm }, .status = "mql", .owner = "anna"));
        ok(store_begin(f->store));
        (void) step(f, STEP(.said = { .type = "outcome.assign" }, .lead = 1, .owner = "ben"));
        same_text(load_desk(f, firm, 0, NOON).account_owner, "ben");
        ok(store_rollback(f->store));
        ok(store_begin(f->store));
        same_text(load_desk(f, firm, 0, NOON).account_owner, "anna");
        ok(store_commit(f->store));
}

static void account__of_a_large_company__stays_in_order(void **state) {
        Fixture *f = *state;
        ok(store_begin(f->store));
        for (int i = 0; i < 300; i++) {
                char email[32];
                (void) snprintf(email, sizeof(email), "%d@firm.example", i);
                (void) step(f, STEP(.said = { .email = email, .domain = "firm.example" }, .status = "mql", .owner = member_names[i % 3]));
        }
        for (uint64_t lead = 300; lead > 1; lead--) {
                same_text(load_desk(f, "firm.example", 0, NOON).account_owner, member_names[(lead - 1) % 3]);
                (void) step(f, STEP(.said = { .type = "outcome.win" }, .lead = lead, .status = "customer"));
        }
        ok(store_commit(f->store));
        same_text(load_desk(f, "firm.example", 0, NOON).account_owner, "anna");
}

/* ---- one desk ---- */

/* What stands on it, against the rows: open, owned, no test. */
static void same_desk(Fixture *f, const char *owner) {
        uint64_t want[512];
        size_t n_want = 0, n, n_all;
        DeskLead *leads;
        for (uint64_t lead = store_next_lead(f->store); --lead > 0;) {
                LeadState state;
                ok(store_load_lead(f->store, lead, f->arena, &state, NULL, NULL, NULL));
                const Status *status = policy_status(f->rules, state.status);
                if (base_streq(state.owner ? state.owner : "", owner) && !state.test && status->kind != STATUS_FINAL)
                        want[n_want++] = lead;
        }
        ok(store_on_desk(f->store, owner, SIZE_MAX, f->arena, &leads, &n, &n_all));
        same(n, n_want);
        same(n_all, n_want);
        for (size_t i = 0; i < n; i++) {
                LeadState state;
                same(leads[i].lead, want[i]);
                ok(store_load_lead(f->store, leads[i].lead, f->arena, &state, NULL, NULL, NULL));
                same_text(leads[i].status, state.status);
                same_text(leads[i].grade, state.grade);
                same_text(leads[i].sla, state.sla.rule);
                same(leads[i].due_us, state.sla.due_us);
                same(leads[i].since_us, state.entered_us);
                same(leads[i].engagement_mp, state.engagement_mp);
                same(leads[i].unaccepted, state.unaccepted);
        }
}

static void same_desks(Fixture *f) {
        for (size_t i = 0; i < ARRAY_SIZE(member_names); i++)
                same_desk(f, member_names[i]);
        same_desk(f, "nobody");
}

static void desk__of_random_lives__is_what_the_rows_say__also_after_rollbacks_and_restarts(void **state) {
        Fixture *f = *state;
        static const char *const statuses[] = { "mql", "sal", "customer", "inquiry" };
        uint64_t seed = 7;
#define PICK(n) ((seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407, seed >> 33) % (n))
        for (int round = 0; round < 40; round++) {
                ok(store_begin(f->store));
                for (int i = 0; i < 5; i++) {
                        char email[32];
                        uint64_t known = store_next_lead(f->store) - 1, lead = known > 0 && PICK(2) ? 1 + PICK(known) : 0;
                        (void) snprintf(email, sizeof(email), "%d-%d@firm.example", round, i);
                        const char *status = statuses[PICK(4)], *owner = member_names[PICK(3)];
                        bool unaccepted = PICK(2);
                        (void) step(f, STEP(.said = { .type = lead ? "outcome.x" : NULL, .email = lead ? NULL : email }, .lead = lead,
                                               .status = status, .owner = owner, .unaccepted = unaccepted));
                }
                same_desks(f);
                if (PICK(3) == 0) {
                        ok(store_rollback(f->store));
                        same_desks(f);
                } else
                        ok(store_commit(f->store));
                if (PICK(4) == 0) {
                        fixture_reopen(f);
                        same_desks(f);
                }
        }
        same_and_sound(f->store);
}

/* ---- what was looked at ---- */

static void looks__are_told_at_once__and_are_in_the_file_with_the_next_commit(void **state) {
        Fixture *f = *state;
        SeenLead seen;
        (void) commit_step(f, STEP(.said = { .email = "1@example.com" }, .status = "mql", .owner = "anna"));
        same(store_last_look(f->store, "anna", 1, f->arena, &seen), STORE_E_NONE);
        same(store_note_look(f->store, "anna", 9, "A1", NOON), STORE_E_NONE);
        ok(store_note_look(f->store, "anna", 1, "A1", NOON));
        ok(store_last_look(f->store, "anna", 1, f->arena, &seen));
        same(seen.event, 1);
        same_text(seen.grade, "A1");
        same(store_last_look(f->store, "ben", 1, f->arena, &seen), STORE_E_NONE);
        same(store_looks(f->store), 1);
        /* A rollback takes nothing back: looking was no part of it. */
        ok(store_begin(f->store));
        ok(store_rollback(f->store));
        same(store_looks(f->store), 1);
        (void) commit_step(f, STEP(.said = { .type = "outcome.note" }, .lead = 1));
        same(store_looks(f->store), 0);
        fixture_reopen(f);
        ok(store_last_look(f->store, "anna", 1, f->arena, &seen));
        same(seen.event, 1);
        same(seen.at_us, NOON);
        same_text(seen.grade, "A1");
        ok(store_note_look(f->store, "anna", 1, "", NOON + 1));
        ok(store_last_look(f->store, "anna", 1, f->arena, &seen));
        same(seen.event, 2);
        same_text(seen.grade, "");
        same_and_sound(f->store); /* a replay knows nothing of looks */
}

static void looks__above_their_limits__forget_the_oldest(void **state) {
        Fixture *f = *state;
        SeenLead seen;
        ok(store_begin(f->store));
        for (int i = 0; i < STORE_SEEN_MAX + 5; i++) {
                char email[32];
                (void) snprintf(email, sizeof(email), "%d@example.com", i);
                (void) step(f, STEP(.said = { .email = email }, .status = "mql", .owner = "anna"));
        }
        ok(store_commit(f->store));
        for (uint64_t lead = 1; lead <= STORE_LOOKS_MAX + 3; lead++)
                ok(store_note_look(f->store, "ben", lead, "", NOON + (int64_t) lead));
        same(store_looks(f->store), STORE_LOOKS_MAX);
        same(store_last_look(f->store, "ben", 3, f->arena, &seen), STORE_E_NONE);
        ok(store_last_look(f->store, "ben", 4, f->arena, &seen));
        for (uint64_t lead = 1; lead <= STORE_SEEN_MAX + 5; lead++) {
                ok(store_note_look(f->store, "anna", lead, "", NOON + (int64_t) lead));
                if (lead % STORE_LOOKS_MAX == 0 || lead == STORE_SEEN_MAX + 5) {
                        ok(store_begin(f->store));
                        ok(store_commit(f->store));
                }
        }
        same(store_last_look(f->store, "anna", 5, f->arena, &seen), STORE_E_NONE);
        ok(store_last_look(f->store, "anna", 6, f->arena, &seen));
        same(fixture_number(f->store, "SELECT count(*) FROM seen WHERE person = (SELECT id FROM name WHERE text = 'anna')"),
                STORE_SEEN_MAX);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
        const struct CMUnitTest tests[] = {
                TEST(seats__turns_and_counts__follow_the_leads),
                TEST(statuses__that_a_new_rule_set_opens_or_closes__change_who_has_how_many),
                TEST(absences__are_kept_until_others_are_said),
                TEST(today__ends_at_midnight__on_each_members_own_clock),
                TEST(today__with_no_seats_at_first__still_ends_at_midnight),
                TEST(today__a_clock_set_back__counts_the_same_before_and_after_a_restart),
                TEST(today__many_days__forget_the_old_ones),
                TEST(account_owner__is_who_owns_the_newest_other_open_lead),
                TEST(account_owner__after_a_rollback__is_who_it_was),
                TEST(account__of_a_large_company__stays_in_order),
                TEST(looks__are_told_at_once__and_are_in_the_file_with_the_next_commit),
                TEST(looks__above_their_limits__forget_the_oldest),
                TEST(desk__of_random_lives__is_what_the_rows_say__also_after_rollbacks_and_restarts),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
