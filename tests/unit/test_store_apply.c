/* SPDX-License-Identifier: MIT */
/* What is applied is what is read, after the transaction and after a restart. */
#include "test_store_fixture.h"

static LeadState load(Fixture *f, uint64_t lead) {
        LeadState state;
        ok(store_load_lead(f->store, lead, f->arena, &state, NULL, NULL, NULL));
        return state;
}

static void lead__every_part_of_its_state__is_read_back_before_and_after_a_restart(void **state) {
        Fixture *f = *state;
        static const char *const segments[] = { "dach", "enterprise" };
        static const Step steps[] = {
                { .said = { .email = "ann@keller.example", .domain = "keller.example" }, .wake_us = NOON + US_PER_DAY },
                { .said = { .type = "activity.page_viewed", .email = "ann@keller.example" },
                        .grade = "A1",
                        .segments = segments,
                        .n_segments = 2 },
                { .said = { .email = "ann@keller.example" },
                        .now_us = NOON + 5,
                        .status = "mql",
                        .owner = "anna",
                        .unaccepted = true,
                        .sla = "ACCEPT",
                        .wake_us = NOON + US_PER_HOUR },
                { .said = { .type = "activity.x", .email = "ann@keller.example" },
                        .held = "DACH",
                        .unaccepted = true,
                        .wake_us = NOON - US_PER_DAY },
                { .said = { .type = "outcome.reject", .email = "ann@keller.example" },
                        .status = "inquiry",
                        .disown = true,
                        .no_sla = true,
                        .no_held = true,
                        .recycle = "no_budget",
                        .wake_us = TIME_NONE },
                { .said = { .type = "activity.x", .email = "ann@keller.example" },
                        .no_recycle = true,
                        .segments = segments,
                        .n_segments = 1 },
                { .said = { .type = "activity.x", .email = "ann@keller.example" },
                        .now_us = NOON - US_PER_DAY,
                        .segments = segments,
                        .n_segments = 0 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                ok(store_begin(f->store));
                Done done = step(f, &steps[i]);
                same(done.lead, 1);
                LeadState got = load(f, 1);
                same_state(&got, &done.after);
                ok(store_commit(f->store));
                got = load(f, 1);
                same_state(&got, &done.after);
                same(store_wake_next(f->store), done.after.wake_us);
                fixture_reopen(f);
                got = load(f, 1);
                same_state(&got, &done.after);
                same_and_sound(f->store);
        }
}

static void track__entered_walked_ended_and_left__comes_back_as_it_was(void **state) {
        Fixture *f = *state;
        static const struct {
                const char *track;
                int64_t wake_us;
                bool is_in;
        } steps[] = { { "re-nurture", NOON + US_PER_DAY, true }, { NULL, 0, true }, { "re-nurture", NOON + US_PER_DAY, true },
                { "!", TIME_NONE, false }, { "", 0, false }, { "re-nurture", NOON, true }, { "other", NOON, false },
                { "", TIME_NONE, false } };
        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                bool is_in;
                ok(store_begin(f->store));
                Done done = step(f, STEP(.said = { .type = "activity.x", .email = "a@example.com" }, .status = "nurture",
                                            .track = steps[i].track, .wake_us = steps[i].wake_us));
                LeadState got = load(f, 1);
                same_state(&got, &done.after);
                ok(store_commit(f->store));
                fixture_reopen(f);
                got = load(f, 1);
                same_state(&got, &done.after);
                same_and_sound(f->store);
                ok(store_is_in_track(f->store, 1, "re-nurture", done.event, &is_in));
                same(is_in, steps[i].is_in);
                /* What an earlier stay in it has sent is over. */
                ok(store_is_in_track(f->store, 1, "re-nurture", 1, &is_in));
                same(is_in, steps[i].is_in && i < 3);
        }
        static bool is_in = true;
        ok(store_is_in_track(f->store, 7, "re-nurture", 1, &is_in));
        same(is_in, false);
}

/* Of what an older version wrote, a replay must make what that version made of it. */
static void promises_of_an_older_book__are_not_invented(void **state) {
        Fixture *f = *state;
        uint64_t now = f->store->uses_from;
        f->store->uses_from = 3;
        (void) commit_step(f, STEP(.said = { .email = "a@example.com" }, .status = "mql", .sla = "ACCEPT"));
        (void) commit_step(f, STEP(.said = { .type = "activity.x" }, .lead = 1, .snooze = "a fair"));
        LeadState got = load(f, 1);
        same_text(got.sla.rule, "ACCEPT");
        same_text(got.sla.version, NULL);
        same_text(got.response.rule, NULL);
        same_and_sound(f->store);
        /* From then on promises are counted; a timer that was started before knows no version all its life. */
        (void) commit_step(f, STEP(.said = { .type = "activity.y" }, .lead = 1, .snooze = "another"));
        got = load(f, 1);
        same_text(got.sla.version, NULL);
        same_text(got.response.rule, "ACCEPT");
        same(got.response.n_late, 1);
        f->store->uses_from = now;
}

static void test_lead__stays_one__and_is_not_counted(void **state) {
        Fixture *f = *state;
        Done done = commit_step(f, STEP(.said = { .email = "t@example.com" }, .status = "mql", .test = true));
        same(load(f, done.lead).test, true);
        StoreCounts counts;
        ok(store_counts(f->store, &counts));
        same(counts.n_leads, 1);
        same(counts.n_unowned, 0);
        same_and_sound(f->store);
}

static void unknown_lead__is_none__and_lead_zero_is_empty(void **state) {
        Fixture *f = *state;
        LeadState got;
        Facts profile;
        Activity *history;
        size_t n;
        same(store_load_lead(f->store, 7, f->arena, &got, &profile, &history, &n), STORE_E_NONE);
        ok(store_load_lead(f->store, 0, f->arena, &got, &profile, &history, &n));
        same(got.id, 0);
        same(got.wake_us, TIME_NONE);
        same(got.recycle_us, TIME_NONE);
        same(got.sla.next_due_us, TIME_NONE);
        same_text(got.grade, "");
        same_text(got.status, NULL);
        same(n, 0);
}

static const char *profile_name(Fixture *f, uint64_t lead) {
        Facts profile;
        ok(store_load_lead(f->store, lead, f->arena, NULL, &profile, NULL, NULL));
        return facts_text(&profile, FIELD_PERSON_NAME);
}

static void profile__is_kept_once__in_the_event_that_says_all_of_it_or_in_a_row(void **state) {
        Fixture *f = *state;
        static const struct {
                Said said;
                const char *name;
                int64_t event; /* that is the whole profile; 0: a row */
        } cases[] = {
                { { .email = "ann@example.com", .name = "Ann", .url = "/not/of/the/profile" }, "Ann", 1 },
                { { .type = "activity.page_viewed", .email = "ann@example.com", .url = "/a" }, "Ann", 1 }, /* changes nothing */
                { { .email = "ann@example.com", .name = "Anna", .time_us = NOON + 1 }, "Anna", 0 },
                { { .email = "ann@example.com", .name = "Annie", .time_us = NOON + 2 }, "Annie", 0 },
                { { .email = "ann@example.com", .name = "Old", .time_us = NOON - 9 }, "Annie", 0 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Done done = commit_step(f, STEP(.said = cases[i].said));
                Facts profile;
                same(done.lead, 1);
                ok(store_load_lead(f->store, 1, f->arena, NULL, &profile, NULL, NULL));
                assert_true(facts_equal(&profile, &done.profile));
                same_text(profile_name(f, 1), cases[i].name);
                same(fixture_number(f->store, "SELECT profile_event FROM lead"), cases[i].event);
                same(fixture_number(f->store, "SELECT count(*) FROM profile"), cases[i].event == 0);
                same_and_sound(f->store);
        }
        /* Said again in full by a later event: no row is written. */
        Done second = commit_step(f, STEP(.said = { .email = "bob@example.com" }));
        same(second.lead, 2);
        (void) commit_step(f, STEP(.said = { .type = "activity.x", .email = "bob@example.com", .name = "Bob" }));
        same(fixture_number(f->store, "SELECT count(*) FROM profile WHERE lead = 2"),
                fixture_number(f->store, "SELECT profile_event = 0 FROM lead WHERE id = 2"));
        same_text(profile_name(f, 2), "Bob");
        /* A lead that nothing is known of. */
        (void) commit_step(f, STEP(.said = { .type = "activity.x", .url = "/" }));
        same_text(profile_name(f, 3), NULL);
        (void) commit_step(f, STEP(.said = { .type = "activity.x", .name = "C" }, .lead = 3));
        same_text(profile_name(f, 3), "C");
        same(fixture_number(f->store, "SELECT count(*) FROM profile WHERE lead = 3"), 1);
        (void) commit_step(f, STEP(.said = { .type = "activity.x", .name = "D", .time_us = NOON + 1 }, .lead = 3));
        same_text(profile_name(f, 3), "D");
        same_and_sound(f->store);
        /* An event that says only the beginning of what is known does not say it all. */
        (void) commit_step(f, STEP(.said = { .type = "activity.x", .name = "E", .domain = "firm.example" }));
        (void) commit_step(f, STEP(.said = { .type = "activity.x", .name = "F", .time_us = NOON + 1 }, .lead = 4));
        Facts profile;
        ok(store_load_lead(f->store, 4, f->arena, NULL, &profile, NULL, NULL));
        same_text(facts_text(&profile, FIELD_PERSON_NAME), "F");
        same_text(facts_text(&profile, FIELD_COMPANY_DOMAIN), "firm.example");
        /* One that says all of it anew takes over, without a row. */
        (void) commit_step(f, STEP(.said = { .type = "activity.x", .name = "G" }));
        Done anew = commit_step(f, STEP(.said = { .type = "activity.x", .name = "H", .time_us = NOON + 1 }, .lead = 5));
        same(fixture_number(f->store, "SELECT profile_event FROM lead WHERE id = 5"), anew.event);
        same_text(profile_name(f, 5), "H");
        same_and_sound(f->store);
}

static void profile__that_has_not_changed__is_not_written(void **state) {
        Fixture *f = *state;
        (void) commit_step(f, STEP(.said = { .email = "ann@example.com" }));
        (void) commit_step(f, STEP(.said = { .name = "Ann", .time_us = NOON + 1 }, .lead = 1));
        fixture_sql(f->store, "DELETE FROM profile");
        (void) commit_step(f, STEP(.said = { .type = "activity.page_viewed", .url = "/a" }, .lead = 1));
        same(fixture_number(f->store, "SELECT count(*) FROM profile"), 0);
}

static void history__is_activities_and_submissions__oldest_first_with_the_forms_name(void **state) {
        Fixture *f = *state;
        Activity *history;
        size_t n;
        (void) commit_step(f, STEP(.said = { .email = "ann@example.com", .form = "demo" }));
        (void) commit_step(f, STEP(.said = { .type = "lead.updated" }, .lead = 1));
        (void) commit_step(f, STEP(.said = { .type = "activity.page_viewed", .url = "/pricing" }, .lead = 1));
        (void) commit_step(f, STEP(.said = { .type = "outcome.accept" }, .lead = 1, .status = "mql"));
        (void) commit_step(f, STEP(.said = { .type = "activity.call_made", .time_us = NOON - 5 }, .lead = 1));
        ok(store_load_lead(f->store, 1, f->arena, NULL, NULL, &history, &n));
        same(n, 3);
        same_text(history[0].type, "form_submitted");
        same_text(facts_text(history[0].facts, FIELD_ACTIVITY_NAME), "demo");
        same_text(history[1].type, "page_viewed");
        same_text(facts_text(history[1].facts, FIELD_ACTIVITY_URL), "/pricing");
        same(history[1].event, 3);
        same(history[1].after_move, false);
        same_text(history[2].type, "call_made");
        same(history[2].time_us, NOON - 5);
        same(history[2].after_move, true);
        /* What caused the move is not newer than it. */
        (void) commit_step(f, STEP(.said = { .type = "activity.demo" }, .lead = 1, .status = "sal"));
        ok(store_load_lead(f->store, 1, f->arena, NULL, NULL, &history, &n));
        same(n, 4);
        for (size_t i = 0; i < n; i++)
                same(history[i].after_move, false);
}

static void history__of_a_busy_lead__is_its_newest_activities(void **state) {
        Fixture *f = *state;
        Activity *history;
        size_t n;
        ok(store_begin(f->store));
        (void) step(f, STEP(.said = { .type = "lead.updated", .email = "ann@example.com" }));
        for (int i = 0; i < STORE_HISTORY_MAX + 5; i++)
                (void) step(f, STEP(.said = { .type = "activity.page_viewed" }, .lead = 1));
        ok(store_commit(f->store));
        ok(store_load_lead(f->store, 1, f->arena, NULL, NULL, &history, &n));
        same(n, STORE_HISTORY_MAX);
        same(history[0].event, 7);
        same(history[n - 1].event, STORE_HISTORY_MAX + 6);
}

static void stale_decision__changes_nothing(void **state) {
        Fixture *f = *state;
        (void) commit_step(f, STEP(.said = { .email = "ann@example.com" }));
        ok(store_begin(f->store));
        Record *record = record_make(f, &(Said){ .type = "activity.x" });
        LeadState after;
        ok(store_load_lead(f->store, 1, f->arena, &after, NULL, NULL, NULL));
        Decision decision = { .after = after };
        StoreEntry entry = {
                .record = record, .decision = &decision, .event_id = store_next_event(f->store), .lead_id = 1, .now_us = NOON
        };
        same(store_apply(f->store, &entry), -ESTALE);
        decision.after.version = 3;
        same(store_apply(f->store, &entry), -ESTALE);
        decision.after.version = 2;
        entry.event_id++;
        same(store_apply(f->store, &entry), -EINVAL);
        entry.event_id--;
        entry.lead_id = 5;
        same(store_apply(f->store, &entry), -EINVAL);
        entry.lead_id = 1;
        decision.is_new = true;
        same(store_apply(f->store, &entry), -EINVAL);
        decision.is_new = false;
        decision.refused = true;
        same(store_apply(f->store, &entry), -EINVAL);
        decision.refused = false;
        ok(store_apply(f->store, &entry));
        ok(store_commit(f->store));
        same(fixture_number(f->store, "SELECT count(*) FROM event"), 2);
        same_and_sound(f->store);
        record_free(record);
        record = NULL;
        same(store_apply(f->store, &entry), -EINVAL); /* outside a transaction */
}

/* ---- the log ---- */

typedef struct Seen {
        size_t n;
        StoredEvent events[32];
        char types[32][32];
} Seen;

static int on_event(const StoredEvent *event, void *userdata) {
        Seen *seen = userdata;
        (void) snprintf(seen->types[seen->n], sizeof(seen->types[0]), "%s", event->type);
        seen->events[seen->n++] = *event;
        return 0;
}

static int on_full_event(const StoredEvent *event, void *userdata) {
        const bool *erased = userdata;
        same(event->id, 1);
        same(event->lead, 1);
        same_text(event->type, "outcome.accept");
        same_text(event->source, "forms");
        same_text(event->record_id, "rec 1");
        same_text(event->actor, "rep:anna");
        same_text(event->summary, "inquiry -> mql (qualify)");
        same_text(event->reminded_roles, NULL);
        same_text(event->subject, *erased ? NULL : "form/12");
        same(strlen(event->rules_hash), 2 * DIGEST_SIZE);
        same(event->time_us, NOON - 7);
        same(event->now_us, NOON + 9);
        same(event->n_moves, 1);
        same_text(event->moves[0].move, "qualify");
        same_text(event->moves[0].from, "inquiry");
        same_text(event->moves[0].to, "mql");
        same_text(event->moves[0].by, "rules");
        same_text(event->moves[0].reason, NULL);
        same_text(event->moves[0].note, *erased ? NULL : "call her Ann");
        same(event->assignment.changed, true);
        same_text(event->assignment.owner, "anna");
        same_text(event->assignment.previous, NULL);
        same_text(event->assignment.route, "DACH");
        same_text(event->assignment.team, "sales");
        same_text(event->assignment.text, "turn 1");
        same(event->n_receipts, 3);
        same_text(event->receipts[0].rule, "SENIOR");
        same(event->receipts[0].points_mp, 20000);
        same(event->receipts[0].before_mp, -5);
        same(event->receipts[0].after_mp, INT64_MIN);
        same(event->receipts[0].matched, true);
        same(event->receipts[0].failed, false);
        same(event->receipts[0].event, 0);
        same_text(event->receipts[0].note, NULL);
        same_text(event->receipts[1].rule, "SIZE");
        same_text(event->receipts[1].note, *erased ? NULL : "names a budget");
        same(event->receipts[1].event, 1);
        same_text(event->receipts[2].rule, "BROKEN");
        same(event->receipts[2].failed, true);
        same(event->receipts[2].matched, false);
        same_text(event->receipts[2].note, *erased ? NULL : "10.lua:3: nil");
        same(event->facts == NULL, *erased);
        return 0;
}

static void event__everything_said_about_it__is_read_back_and_notes_go_with_the_payload(void **state) {
        Fixture *f = *state;
        Receipt receipts[] = {
                { .rule = &f->rules->scores[SCORE_SENIOR]->rule,
                        .matched = true,
                        .points_mp = 20000,
                        .before_mp = -5,
                        .after_mp = INT64_MIN },
                { .rule = &f->rules->scores[SCORE_SIZE]->rule },
                { .rule = &f->rules->scores[SCORE_SIZE]->rule, .matched = true, .points_mp = 1, .event = 1, .note = "names a budget" },
                { .rule = &f->rules->scores[SCORE_BROKEN]->rule, .failed = true, .note = "10.lua:3: nil" },
        };
        (void) commit_step(f, STEP(.said = { .type = "outcome.accept",
                                           .id = "rec 1",
                                           .email = "ann@example.com",
                                           .subject = "form/12",
                                           .time_us = NOON - 7,
                                           .note = "call her Ann" },
                                      .now_us = NOON + 9, .actor = "rep:anna", .status = "mql", .owner = "anna",
                                      .summary = "inquiry -> mql (qualify)", .receipts = receipts, .n_receipts = ARRAY_SIZE(receipts)));
        bool erased = false;
        ok(store_log(f->store, 1, 0, on_full_event, &erased));
        ok(store_log(f->store, 0, 1, on_full_event, &erased));
        /* "call her Ann" stands in the payload alone: when that is deleted, nothing personal is left. */
        fixture_sql(f->store, "DELETE FROM payload");
        erased = true;
        ok(store_log(f->store, 1, 0, on_full_event, &erased));
}

static void log__of_one_lead_and_of_all__comes_in_order_from_where_it_is_asked(void **state) {
        Fixture *f = *state;
        for (int i = 0; i < 6; i++)
                (void) commit_step(f, STEP(.said = { .type = i % 2 ? "activity.odd" : "activity.even",
                                                   .email = i % 2 ? "odd@example.com" : "even@example.com" }));
        struct {
                uint64_t lead, from;
                size_t n;
                uint64_t first, last;
        } cases[] = { { 0, 0, 6, 1, 6 }, { 0, 4, 3, 4, 6 }, { 0, 7, 0, 0, 0 }, { 1, 0, 3, 1, 5 }, { 2, 0, 3, 2, 6 }, { 1, 2, 2, 3, 5 },
                { 2, 6, 1, 6, 6 }, { 2, 7, 0, 0, 0 } };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Seen seen = { 0 };
                ok(store_log(f->store, cases[i].lead, cases[i].from, on_event, &seen));
                same(seen.n, cases[i].n);
                if (seen.n == 0)
                        continue;
                same(seen.events[0].id, cases[i].first);
                same(seen.events[seen.n - 1].id, cases[i].last);
                for (size_t j = 1; j < seen.n; j++)
                        assert_true(seen.events[j - 1].id < seen.events[j].id);
        }
        Seen seen = { 0 };
        same(store_log(f->store, 9, 0, on_event, &seen), STORE_E_NONE);
}

static int on_stop(const StoredEvent *event, void *userdata) {
        (*(int *) userdata)++;
        return event->id == 2 ? 42 : 0;
}

static void log__a_callback_that_stops__stops_it(void **state) {
        Fixture *f = *state;
        int n = 0;
        for (int i = 0; i < 4; i++)
                (void) commit_step(f, STEP(.said = { .email = "a@example.com" }));
        same(store_log(f->store, 1, 0, on_stop, &n), 42);
        same(n, 2);
}

static int on_rebuild(const StoredEvent *event, void *userdata) {
        Fixture *f = ((void **) userdata)[0];
        Record *want = ((void **) userdata)[1];
        _cleanup_(record_freep) Record *got = NULL;
        ok(store_event_record(f->store, event, &got));
        same_text(got->source, want->source);
        same_text(got->id, want->id);
        same_text(got->type, want->type);
        same_text(got->event, want->event);
        same_text(got->subject, want->subject);
        same(got->family, want->family);
        same(got->flags, want->flags);
        same(got->time_us, want->time_us);
        assert_true(facts_equal(&got->facts, &want->facts));
        assert_memory_equal(&got->key, &want->key, sizeof(Key));
        same(got->n_identities, want->n_identities);
        for (size_t i = 0; i < want->n_identities; i++) {
                same(got->identities[i].kind, want->identities[i].kind);
                assert_memory_equal(&got->identities[i].key, &want->identities[i].key, sizeof(Key));
        }
        return 0;
}

static void event__as_a_record_again__is_the_record_it_was(void **state) {
        Fixture *f = *state;
        static const Said said[] = {
                { .id = "rec 1", .email = "ann@example.com", .crm = "77", .phone = "+4930123", .time_us = NOON - 1 },
                { .id = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9", .email = "b@example.com" },
                { .id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8", .email = "c@example.com" },
                { .id = "123456789012345678", .email = "d@example.com", .subject = "anything" },
                { .type = "timer.sla", .id = "007" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(said); i++) {
                _cleanup_(record_freep) Record *record = record_make(f, &said[i]);
                Done done = commit_step(f, STEP(.said = said[i]));
                void *both[] = { f, record };
                ok(store_log(f->store, done.lead, 0, on_rebuild, both));
        }
}

/* ---- held leads ---- */

static void held_leads__of_a_team__stand_in_the_order_of_waiting(void **state) {
        Fixture *f = *state;
        static const struct {
                int64_t since_us;
                const char *status, *held;
        } leads[] = { { NOON + 3, "mql", "DACH" }, { NOON + 1, "mql", "DACH" }, { NOON, "inquiry", "DACH" }, { NOON + 1, "sal", "REST" },
                { NOON + 9, "mql", NULL }, { NOON + 2, "mql", "DACH" } };
        static const uint64_t want[] = { 2, 4, 6, 1 };
        HeldLead held[8];
        size_t n;
        for (size_t i = 0; i < ARRAY_SIZE(leads); i++)
                (void) commit_step(f, STEP(.now_us = leads[i].since_us, .status = leads[i].status, .held = leads[i].held));
        for (int pass = 0; pass < 2; pass++) {
                ok(store_held_in(f->store, "sales", NULL, 8, held, &n));
                same(n, 4);
                for (size_t i = 0; i < 4; i++) {
                        same(held[i].lead, want[i]);
                        same(held[i].since_us, leads[want[i] - 1].since_us);
                        same_text(held[i].by, leads[want[i] - 1].held);
                }
                assert_true(held[0].cause == held[2].cause && held[0].cause != held[1].cause);
                HeldLead second = held[1];
                ok(store_held_in(f->store, "sales", &second, 1, held, &n));
                same(n, 1);
                same(held[0].lead, 6);
                ok(store_held_in(f->store, "marketing", NULL, 8, held, &n));
                same(n, 1);
                ok(store_held_in(f->store, "nobody", NULL, 8, held, &n));
                same(n, 0);
                fixture_reopen(f);
        }
}

/* ---- listings and numbers ---- */

typedef struct Listed {
        size_t n;
        uint64_t leads[16];
        char last[256];
} Listed;

static int on_row(const ListRow *row, void *userdata) {
        Listed *listed = userdata;
        listed->leads[listed->n++] = row->state.id;
        (void) snprintf(listed->last, sizeof(listed->last), "%s %s %s %s %s", row->state.status, row->team ? row->team : "-",
                row->email ? row->email : "-", row->name ? row->name : "-", row->company ? row->company : "-");
        return 0;
}

static void listing__every_filter__newest_first_in_pages(void **state) {
        Fixture *f = *state;
        static const char *const dach[] = { "dach" }, *const both[] = { "dach", "enterprise" };
        (void) commit_step(f, STEP(.said = { .email = "a@example.com", .name = "A" }, .grade = "A1", .segments = both, .n_segments = 2));
        (void) commit_step(
                f, STEP(.said = { .email = "b@example.com" }, .status = "mql", .owner = "anna", .segments = dach, .n_segments = 1));
        (void) commit_step(f, STEP(.said = { .email = "c@example.com" }, .status = "mql", .owner = "ben", .held = "DACH"));
        (void) commit_step(f, STEP(.said = { .email = "d@example.com" }, .status = "mql", .grade = "A1", .held = "DACH"));
        static const struct {
                ListFilter filter;
                size_t n;
                uint64_t leads[4];
        } cases[] = {
                { { 0 }, 4, { 4, 3, 2, 1 } },
                { { .limit = 2 }, 2, { 4, 3 } },
                { { .before = 3 }, 2, { 2, 1 } },
                { { .status = "mql" }, 3, { 4, 3, 2 } },
                { { .status = "nowhere" }, 0, { 0 } },
                { { .owner = "anna" }, 1, { 2 } },
                { { .owner = "-" }, 2, { 4, 1 } },
                { { .owner = "nobody" }, 0, { 0 } },
                { { .grade = "A1" }, 2, { 4, 1 } },
                { { .segment = "dach" }, 2, { 2, 1 } },
                { { .segment = "enterprise" }, 1, { 1 } },
                { { .segment = "ent" }, 0, { 0 } },
                { { .held = true }, 2, { 4, 3 } },
                { { .held = true, .owner = "ben" }, 1, { 3 } },
                { { .held = true, .before = 4 }, 1, { 3 } },
                { { .status = "mql", .owner = "-", .grade = "A1", .held = true }, 1, { 4 } },
        };
        Store *reader;
        ok(store_open(f->path, STORE_READ_ONLY, &reader));
        for (int pass = 0; pass < 2; pass++)
                for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                        Listed listed = { 0 };
                        ok(store_list(pass ? reader : f->store, &cases[i].filter, on_row, &listed));
                        if (listed.n != cases[i].n)
                                print_error("case %zu\n", i);
                        same(listed.n, cases[i].n);
                        for (size_t j = 0; j < listed.n; j++)
                                same(listed.leads[j], cases[i].leads[j]);
                }
        Listed listed = { 0 };
        ok(store_list(reader, &(ListFilter){ 0 }, on_row, &listed));
        same_text(listed.last, "inquiry marketing a@example.com A -");
        store_close(reader);
}

static void counts__of_a_small_book__on_both_sides(void **state) {
        Fixture *f = *state;
        Effect effect = { .kind = EFFECT_ASSIGNED, .channel = "journal" };
        (void) commit_step(f, STEP(.said = { .email = "a@example.com" }, .wake_us = NOON));
        (void) commit_step(f, STEP(.said = { .email = "b@example.com" }, .status = "mql", .effects = &effect, .n_effects = 1));
        (void) commit_step(f, STEP(.said = { .email = "c@example.com" }, .status = "mql", .owner = "anna", .held = "DACH"));
        (void) commit_step(f, STEP(.said = { .email = "d@example.com" }, .status = "customer"));
        (void) commit_step(f, STEP(.said = { .type = "activity.x", .email = "d@example.com" }));
        Store *reader;
        ok(store_open(f->path, STORE_READ_ONLY, &reader));
        for (int pass = 0; pass < 2; pass++) {
                StoreCounts counts;
                ok(store_counts(pass ? reader : f->store, &counts));
                same(counts.n_leads, 4);
                same(counts.n_events, 5);
                same(counts.n_held, 1);
                same(counts.n_unowned, 1); /* b: the inquiry belongs to a team without members, d is a customer */
                same(counts.n_outbox, 1);
                same(counts.n_outbox_failing, 0);
                same(counts.n_wakes, 1);
                assert_true(counts.file_size > 0);
                assert_true(counts.wal_size > 0);
        }
        store_close(reader);
}

/* ---- names that outsiders choose ---- */

static void names__beyond_the_limit__stay_in_their_rows(void **state) {
        Fixture *f = *state;
        /* As if 100,000 had been met. */
        size_t n = f->store->names.n;
        ok(store_begin(f->store));
        Text text = { 0 };
        for (size_t i = n; i < STORE_NAMES_MAX; i++) {
                uint64_t id;
                text_clear(&text);
                text_printf(&text, "name %zu", i);
                ok(name_intern(f->store, text.data, &id));
        }
        text_free(&text);
        static const char *const segments[] = { "s1", "s2" };
        Done done = step(f, STEP(.said = { .type = "activity.never_seen", .email = "a@example.com" }, .actor = "integration:odd",
                                    .status = "mql", .owner = "anna", .segments = segments, .n_segments = 2, .summary = "a new phrase"));
        ok(store_commit(f->store));
        same(f->store->names.n <= STORE_NAMES_MAX + 4, true); /* status, owner: what rules name always gets an id */
        fixture_reopen(f);
        LeadState got;
        ok(store_load_lead(f->store, done.lead, f->arena, &got, NULL, NULL, NULL));
        same_text(got.owner, "anna");
        same_text(got.segments[1], "s2");
        Seen seen = { 0 };
        ok(store_log(f->store, done.lead, 0, on_event, &seen));
        same_text(seen.types[0], "activity.never_seen");
}

static void names__of_any_bytes_and_length__come_back(void **state) {
        Fixture *f = *state;
        char longer[STORE_NAME_SIZE_MAX + 50];
        memset(longer, 'x', sizeof(longer) - 1);
        memcpy(longer, "activity.", 9);
        longer[sizeof(longer) - 1] = '\0';
        (void) commit_step(f, STEP(.said = { .type = longer, .email = "a@example.com" }, .actor = "\xff\xfe"));
        Activity *history;
        size_t n;
        ok(store_load_lead(f->store, 1, f->arena, NULL, NULL, &history, &n));
        same(n, 1);
        same_text(history[0].type, longer + 9);
        same_and_sound(f->store);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
        const struct CMUnitTest tests[] = {
                TEST(track__entered_walked_ended_and_left__comes_back_as_it_was),
                TEST(lead__every_part_of_its_state__is_read_back_before_and_after_a_restart),
                TEST(promises_of_an_older_book__are_not_invented),
                TEST(test_lead__stays_one__and_is_not_counted),
                TEST(unknown_lead__is_none__and_lead_zero_is_empty),
                TEST(profile__is_kept_once__in_the_event_that_says_all_of_it_or_in_a_row),
                TEST(profile__that_has_not_changed__is_not_written),
                TEST(history__is_activities_and_submissions__oldest_first_with_the_forms_name),
                TEST(history__of_a_busy_lead__is_its_newest_activities),
                TEST(stale_decision__changes_nothing),
                TEST(event__everything_said_about_it__is_read_back_and_notes_go_with_the_payload),
                TEST(log__of_one_lead_and_of_all__comes_in_order_from_where_it_is_asked),
                TEST(log__a_callback_that_stops__stops_it),
                TEST(event__as_a_record_again__is_the_record_it_was),
                TEST(held_leads__of_a_team__stand_in_the_order_of_waiting),
                TEST(listing__every_filter__newest_first_in_pages),
                TEST(counts__of_a_small_book__on_both_sides),
                TEST(names__beyond_the_limit__stay_in_their_rows),
                TEST(names__of_any_bytes_and_length__come_back),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
