/* SPDX-License-Identifier: MIT */
/*
 * What is folded from the events of the rules and from what rules did: hits by the hour, suspended rules, the pass that
 * re-derives leads. All of it the same however the events were spread over transactions, and after a rollback.
 */
#include "test_store_fixture.h"

static Receipt matched(Fixture *f, int score) { return (Receipt){ .rule = &f->rules->scores[score]->rule, .matched = true }; }
static Receipt failed(Fixture *f, int score) { return (Receipt){ .rule = &f->rules->scores[score]->rule, .failed = true }; }

typedef struct Found {
        RuleHits items[16];
        char names[16][32];
        size_t n;
} Found;

static int on_hits(const RuleHits *hits, void *userdata) {
        Found *found = userdata;
        assert_true(found->n < ARRAY_SIZE(found->items));
        found->items[found->n] = *hits;
        (void) snprintf(found->names[found->n], sizeof(found->names[0]), "%s", hits->rule);
        found->n++;
        return 0;
}

static RuleHits hits_of(Store *store, int64_t now_us, RuleKind kind, const char *name) {
        Found found = { 0 };
        ok(store_rule_hits(store, now_us, on_hits, &found));
        for (size_t i = 0; i < found.n; i++)
                if (found.items[i].kind == kind && base_streq(found.names[i], name))
                        return found.items[i];
        return (RuleHits){ .last_us = TIME_NONE, .last_failed_us = TIME_NONE };
}

static void use(Fixture *f, int64_t now_us, Receipt receipt) {
        (void) step(
                f, STEP(.said = { .email = "a@example.com", .time_us = now_us }, .now_us = now_us, .receipts = &receipt, .n_receipts = 1));
}

static void commit_use(Fixture *f, int64_t now_us, Receipt receipt) {
        ok(store_begin(f->store));
        use(f, now_us, receipt);
        ok(store_commit(f->store));
}

static void hits__are_counted_by_day_and_week_and_ever(void **state) {
        Fixture *f = *state;
        commit_use(f, NOON - 20 * US_PER_DAY, matched(f, SCORE_SENIOR));
        commit_use(f, NOON - 3 * US_PER_DAY, matched(f, SCORE_SENIOR));
        commit_use(f, NOON - US_PER_HOUR, matched(f, SCORE_SENIOR));
        commit_use(f, NOON, failed(f, SCORE_BROKEN));
        RuleHits senior = hits_of(f->store, NOON, RULE_SCORE, "SENIOR"), broken = hits_of(f->store, NOON, RULE_SCORE, "BROKEN");
        same(senior.n_1d, 1);
        same(senior.n_7d, 2);
        same(senior.n_ever, 3);
        same(senior.last_us, NOON - US_PER_HOUR);
        same(senior.n_failed, 0);
        same(senior.last_failed_us, TIME_NONE);
        same(broken.n_ever, 0);
        same(broken.n_failed, 1);
        same(broken.n_failed_7d, 1);
        same(broken.last_us, TIME_NONE);
        same(broken.last_failed_us, NOON);
        same(hits_of(f->store, NOON, RULE_SEGMENT, "SENIOR").n_ever, 0);
        /* A week later nothing of it is recent, and all of it is remembered. */
        senior = hits_of(f->store, NOON + 8 * US_PER_DAY, RULE_SCORE, "SENIOR");
        same(senior.n_7d, 0);
        same(senior.n_ever, 3);
        same(store_hits_since(f->store, RULE_SCORE), NOON - 20 * US_PER_DAY);
}

static void moves_and_their_receipts__count_once(void **state) {
        Fixture *f = *state;
        /* The toy moves by "qualify"; a receipt of the same move comes along, as with an automatic one. */
        const Rule move = { .kind = RULE_MOVE, .name = "qualify", .file = "r.lua", .line = 1 };
        Receipt receipt = { .rule = &move, .matched = true };
        (void) commit_step(f, STEP(.said = { .email = "a@example.com" }, .status = "mql", .receipts = &receipt, .n_receipts = 1));
        same(hits_of(f->store, NOON, RULE_MOVE, "qualify").n_ever, 1);
        /* One that broke made no move, and is an error all the same. */
        Receipt broke = { .rule = &move, .failed = true };
        (void) commit_step(f, STEP(.said = { .email = "a@example.com" }, .receipts = &broke, .n_receipts = 1));
        same(hits_of(f->store, NOON, RULE_MOVE, "qualify").n_failed, 1);
}

static void hits__cost_a_few_rows_a_transaction(void **state) {
        Fixture *f = *state;
        ok(store_begin(f->store));
        for (int i = 0; i < 500; i++)
                use(f, NOON + i, matched(f, i % 2 ? SCORE_SENIOR : SCORE_SIZE));
        same(fixture_number(f->store, "SELECT count(*) FROM hit"), 0);
        ok(store_commit(f->store));
        same(fixture_number(f->store, "SELECT count(*) FROM hit"), 4); /* two scores, their group, a status */
        same(hits_of(f->store, NOON, RULE_SCORE, "SENIOR").n_ever, 250);
}

static void hits__of_a_transaction_rolled_back__are_gone(void **state) {
        Fixture *f = *state;
        commit_use(f, NOON, matched(f, SCORE_SENIOR));
        ok(store_begin(f->store));
        use(f, NOON + 30 * US_PER_DAY, matched(f, SCORE_SENIOR));
        use(f, NOON + 30 * US_PER_DAY, matched(f, SCORE_SIZE));
        ok(store_rollback(f->store));
        commit_use(f, NOON, matched(f, SCORE_SIZE));
        same(hits_of(f->store, NOON, RULE_SCORE, "SENIOR").n_ever, 1);
        same(hits_of(f->store, NOON, RULE_SCORE, "SIZE").n_ever, 1);
        same(hits_of(f->store, NOON, RULE_SCORE, "SIZE").last_us, NOON);
}

/* The table after the same events, all in one transaction or each in its own, with a restart in between. */
static void hits__however_events_are_spread__are_the_same(void **state) {
        Fixture *f = *state;
        static const int hours[] = { 0, 1, -300, 2, 400, 3, 210, 399, 208, -5, 401 };
        Text differences = { 0 };
        uint64_t n = 0;
        for (size_t i = 0; i < ARRAY_SIZE(hours); i++) {
                commit_use(f, NOON + hours[i] * US_PER_HOUR, matched(f, SCORE_SENIOR));
                fixture_reopen(f);
        }
        Fixture other = *f;
        other.n_ids = 0;
        ok(store_open_with_secret(NULL, STORE_MEMORY, store_secret(f->store), &other.store));
        ok(store_begin(other.store));
        ok(store_rules_activate(other.store, f->rules, NOON));
        for (size_t i = 0; i < ARRAY_SIZE(hours); i++)
                use(&other, NOON + hours[i] * US_PER_HOUR, matched(f, SCORE_SENIOR));
        ok(store_commit(other.store));
        ok(store_compare(f->store, other.store, &differences, &n));
        if (n > 0)
                print_error("%s", differences.data);
        same(n, 0);
        /* 192 hours are kept: of those above only 400, 210, 399 and 401. */
        same(fixture_number(f->store, "SELECT count(*) FROM hit WHERE kind = 14"), 4);
        store_close(other.store);
        text_free(&differences);
}

/* ---- what a hit is ---- */

static void hits__of_every_kind_that_does_something__are_what_the_event_says_it_did(void **state) {
        Fixture *f = *state;
        const Rule fence = { .kind = RULE_FENCE, .name = "SHUT" }, criterion = { .kind = RULE_CRITERION, .name = "NAMED" };
        const Rule track = { .kind = RULE_TRACK, .name = "back" };
        const Rule *group = &f->rules->groups[0].rule;
        Receipt receipts[] = { matched(f, SCORE_SENIOR), matched(f, SCORE_SIZE), { .rule = group, .matched = true },
                { .rule = &track, .matched = true } };
        Block blocks[] = { { &fence, "qualify" }, { &criterion, "accept" } };
        Effect effects[] = {
                { .kind = EFFECT_REMINDED, .channel = "mail", .via = VIA_SENDMAIL, .recipient = "anna", .message = "reminder" },
                { .kind = EFFECT_REMINDED, .channel = "mail", .via = VIA_SENDMAIL, .recipient = "ben", .message = "reminder" },
                { .kind = EFFECT_MOVED, .channel = "crm", .via = VIA_DROP },
                { .kind = EFFECT_SENT, .channel = "mailing", .via = VIA_SENDMAIL, .role = "lead", .rule = "back", .message = "welcome" },
        };
        (void) commit_step(f, STEP(.said = { .email = "a@example.com" }, .status = "mql", .receipts = receipts, .n_receipts = 4,
                                      .blocks = blocks, .n_blocks = 2, .effects = effects, .n_effects = 4, .adapter = "hubspot"));
        static const struct {
                RuleKind kind;
                const char *rule;
                uint64_t n;
        } want[] = {
                { RULE_STATUS, "inquiry", 1 },
                { RULE_STATUS, "mql", 1 },
                { RULE_STATUS, "sal", 0 },
                { RULE_FENCE, "SHUT", 1 },
                { RULE_CRITERION, "NAMED", 1 },
                { RULE_MOVE, "qualify", 1 },
                { RULE_SCORE, "SENIOR", 1 },
                { RULE_SCORE, "SIZE", 1 },
                { RULE_GROUP, "fit", 1 }, /* two of its scores applied, and it was cut: one judgement */
                { RULE_CHANNEL, "mail", 2 },
                { RULE_MESSAGE, "reminder", 2 },
                { RULE_FEED, "crm", 1 },
                { RULE_CHANNEL, "crm", 0 },
                { RULE_CHANNEL, "mailing", 1 },
                { RULE_FEED, "mailing", 0 },
                { RULE_MESSAGE, "welcome", 1 },
                { RULE_TRACK, "back", 1 },
                { RULE_ADAPTER, "hubspot", 1 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
                RuleHits hits = hits_of(f->store, NOON, want[i].kind, want[i].rule);
                if (hits.n_ever != want[i].n || hits.n_7d != want[i].n)
                        fail_msg("%s %s has %llu hits", rule_kind_name(want[i].kind), want[i].rule, (unsigned long long) hits.n_ever);
                assert_non_null(store_hit_meaning(want[i].kind));
        }
        /* Into the same status nobody enters. */
        (void) commit_step(f, STEP(.said = { .email = "a@example.com" }, .status = "mql"));
        same(hits_of(f->store, NOON, RULE_STATUS, "mql").n_ever, 1);
        same(hits_of(f->store, NOON, RULE_STATUS, "inquiry").n_ever, 1);
        /* A lead that is a test does everything, and counts for nothing. */
        (void) commit_step(f, STEP(.said = { .email = "t@example.com" }, .test = true, .status = "mql", .receipts = receipts,
                                      .n_receipts = 3, .blocks = blocks, .n_blocks = 2, .adapter = "hubspot"));
        for (size_t i = 0; i < ARRAY_SIZE(want); i++)
                same(hits_of(f->store, NOON, want[i].kind, want[i].rule).n_ever, want[i].n);
        assert_non_null(store_hit_meaning(RULE_CAMPAIGN)); /* test_audience.c counts */
        static const RuleKind none[] = { RULE_STAGE, RULE_TARGET, RULE_PRINCIPLE, RULE_SETTINGS, RULE_CALENDAR, RULE_TEAM, RULE_MEMBER,
                RULE_LIST, RULE_TEST };
        for (size_t i = 0; i < ARRAY_SIZE(none); i++)
                assert_null(store_hit_meaning(none[i]));
        assert_null(store_hit_meaning((RuleKind) 1000));
        same_and_sound(f->store);
}

static void refuse(Fixture *f, int64_t now_us, bool test, bool commit) {
        const Rule fence = { .kind = RULE_FENCE, .name = "SHUT" };
        Block block = { &fence, "accept" };
        const Decision decision = { .refused = true, .blocks = &block, .n_blocks = 1, .after = { .test = test } };
        ok(store_begin(f->store));
        ok(store_note_refusal(f->store, &decision, now_us));
        ok(commit ? store_commit(f->store) : store_rollback(f->store));
}

static void refusals__count_as_hits_and_are_no_part_of_what_a_replay_says(void **state) {
        Fixture *f = *state;
        const Rule fence = { .kind = RULE_FENCE, .name = "SHUT" };
        Block block = { &fence, "qualify" };
        refuse(f, NOON - 20 * US_PER_DAY, false, true);
        refuse(f, NOON - 2 * US_PER_DAY, false, true);
        refuse(f, NOON - 2 * US_PER_HOUR, false, true);
        refuse(f, NOON - 1, false, false);
        refuse(f, NOON - 1, true, true);
        (void) commit_step(
                f, STEP(.said = { .email = "a@example.com" }, .now_us = NOON - 3 * US_PER_HOUR, .blocks = &block, .n_blocks = 1));
        fixture_reopen(f);
        RuleHits shut = hits_of(f->store, NOON, RULE_FENCE, "SHUT");
        same(shut.n_1d, 2);
        same(shut.n_7d, 3);
        same(shut.n_ever, 4);
        same(shut.last_us, NOON - 2 * US_PER_HOUR);
        same(fixture_number(f->store, "SELECT sum(n) FROM hit_ever WHERE kind = 10"), 1);
        /* What is older than eight days before the newest is only remembered as a sum. */
        same(fixture_number(f->store, "SELECT count(*) FROM refusal"), 2);
        same(fixture_number(f->store, "SELECT sum(n) FROM refusal_ever"), 3);
        same_and_sound(f->store);
}

/* ---- suspended rules, the pass ---- */

static void log_rules(Fixture *f, const char *type, const Rule *rule, int64_t from, int64_t to, bool apply, Rederivation found) {
        _cleanup_(record_freep) Record *record = record_make(f, &(const Said){ .type = type });
        if (rule) {
                set_fact(record, FIELD_RULES_KIND, NULL, rule_kind_name(rule->kind));
                set_fact(record, FIELD_RULES_NAME, NULL, rule->name);
        }
        if (from > 0)
                ok(facts_set(&record->facts, record->arena, FIELD_RULES_FROM, NULL, value_integer(from), NOON));
        if (to >= 0)
                ok(facts_set(&record->facts, record->arena, FIELD_RULES_TO, NULL, value_integer(to), NOON));
        if (apply)
                ok(facts_set(&record->facts, record->arena, FIELD_RULES_APPLY, NULL, value_bool(true), NOON));
        const Decision decision = { .after = { .grade = "" }, .summary = "rules", .rederivation = found };
        const StoreEntry entry = {
                .record = record, .decision = &decision, .event_id = store_next_event(f->store), .actor = "system:leadd", .now_us = NOON
        };
        ok(store_apply(f->store, &entry));
}

static int on_suspended(RuleKind kind, const char *rule, int64_t since_us, void *userdata) {
        Text *text = userdata;
        text_printf(text, "%s %s %lld;", rule_kind_name(kind), rule, (long long) (since_us - NOON));
        return 0;
}

static void same_suspended(Store *store, const char *want) {
        Text text = { 0 };
        text_append(&text, "");
        ok(store_suspended(store, on_suspended, &text));
        same_text(text.size > 0 ? text.data : "", want);
        text_free(&text);
}

static void suspended_rules__stand_until_the_next_activation(void **state) {
        Fixture *f = *state;
        const Rule *senior = &f->rules->scores[SCORE_SENIOR]->rule, *size = &f->rules->scores[SCORE_SIZE]->rule;
        uint64_t serial = store_suspended_serial(f->store);
        same_suspended(f->store, "");
        ok(store_begin(f->store));
        log_rules(f, "rules.suspended", senior, 0, -1, false, (Rederivation){ 0 });
        assert_true(store_suspended_serial(f->store) != serial);
        ok(store_rollback(f->store));
        same(store_suspended_serial(f->store), serial);
        same_suspended(f->store, "");

        ok(store_begin(f->store));
        log_rules(f, "rules.suspended", senior, 0, -1, false, (Rederivation){ 0 });
        log_rules(f, "rules.suspended", size, 0, -1, false, (Rederivation){ 0 });
        ok(store_commit(f->store));
        serial = store_suspended_serial(f->store);
        fixture_reopen(f);
        fixture_activate(f, f->rules); /* a restart, no event */
        same(store_suspended_serial(f->store), serial);
        same_suspended(f->store, "score SENIOR 0;score SIZE 0;");

        ok(store_begin(f->store));
        log_rules(f, "rules.activated", NULL, 0, -1, false, (Rederivation){ 0 });
        ok(store_commit(f->store));
        assert_true(store_suspended_serial(f->store) != serial);
        same_suspended(f->store, "");
}

static void pass__follows_the_log_and_survives_a_restart(void **state) {
        Fixture *f = *state;
        RulesPass pass;
        ok(store_rules_pass(f->store, &pass));
        same(pass.event, 0);
        assert_true(pass.next > pass.to);

        ok(store_begin(f->store));
        log_rules(f, "rules.activated", NULL, 0, 1000, true, (Rederivation){ 0 });
        log_rules(f, "rules.rederived", NULL, 1, 400, false, (Rederivation){ 400, 30, 20, 3 });
        ok(store_commit(f->store));
        ok(store_begin(f->store));
        log_rules(f, "rules.rederived", NULL, 401, 500, false, (Rederivation){ 99, 1, 0, 1 });
        ok(store_rollback(f->store));
        fixture_reopen(f);
        ok(store_rules_pass(f->store, &pass));
        same(pass.next, 401);
        same(pass.to, 1000);
        same(pass.apply, true);
        same(pass.n_leads, 400);
        same(pass.n_changed, 30);
        same(pass.n_regraded, 20);
        same(pass.n_moving, 3);
        same(pass.n_moved, 0);

        /* Another activation: from the first lead again. One of before there was a pass begins none. */
        ok(store_begin(f->store));
        log_rules(f, "rules.activated", NULL, 0, 1001, false, (Rederivation){ 0 });
        log_rules(f, "rules.activated", NULL, 0, -1, false, (Rederivation){ 0 });
        ok(store_commit(f->store));
        ok(store_rules_pass(f->store, &pass));
        same(pass.next, 1);
        same(pass.to, 1001);
        same(pass.apply, false);
        same(pass.n_leads, 0);
}

/* ---- re-deriving a lead ---- */

static void rederived_lead__is_written_without_an_event_of_its_own(void **state) {
        Fixture *f = *state;
        static const char *const segments[] = { "big", "near" };
        Done done = commit_step(f, STEP(.said = { .email = "a@example.com", .domain = "a.example" }, .status = "mql", .owner = "anna",
                                           .grade = "B2", .wake_us = NOON + US_PER_DAY));
        uint64_t n_events = store_next_event(f->store);
        LeadState before, after, got;
        bool changed;
        ok(store_load_lead(f->store, done.lead, f->arena, &before, NULL, NULL, NULL));
        after = before;
        ok(store_begin(f->store));
        ok(store_rederive(f->store, &(const Rederived){ &before, &after }, &changed));
        same(changed, false);
        after.fit_mp = 77000;
        after.grade = "A1";
        after.segments = segments;
        after.n_segments = 2;
        after.wake_us = NOON + US_PER_HOUR;
        ok(store_rederive(f->store, &(const Rederived){ &before, &after }, &changed));
        same(changed, true);
        ok(store_rollback(f->store));
        ok(store_load_lead(f->store, done.lead, f->arena, &got, NULL, NULL, NULL));
        same_state(&got, &before);
        same(store_wake_next(f->store), NOON + US_PER_DAY);

        ok(store_begin(f->store));
        ok(store_rederive(f->store, &(const Rederived){ &before, &after }, &changed));
        ok(store_commit(f->store));
        fixture_reopen(f);
        ok(store_load_lead(f->store, done.lead, f->arena, &got, NULL, NULL, NULL));
        same_state(&got, &after);
        same(got.version, before.version);
        same(store_next_event(f->store), n_events);
        same(store_wake_next(f->store), NOON + US_PER_HOUR);
        same_and_sound(f->store);
}

static int on_tally(const char *owner, const char *status, uint64_t n, void *userdata) {
        text_printf(userdata, "%s %s %llu;", owner ? owner : "-", status, (unsigned long long) n);
        return 0;
}

static void renamed_status__takes_its_counts_along(void **state) {
        Fixture *f = *state;
        Text text = { 0 };
        bool changed;
        LeadState before, after;
        Done done = commit_step(f, STEP(.said = { .email = "a@example.com" }, .status = "sal", .owner = "anna"));
        (void) commit_step(f, STEP(.said = { .email = "b@example.com" }, .test = true));
        ok(store_tallies(f->store, on_tally, &text));
        same_text(text.data, "anna sal 1;");
        ok(store_load_lead(f->store, done.lead, f->arena, &before, NULL, NULL, NULL));
        after = before;
        after.status = "mql";
        ok(store_begin(f->store));
        ok(store_rederive(f->store, &(const Rederived){ &before, &after }, &changed));
        ok(store_commit(f->store));
        same(changed, false); /* the same status under its new name */
        text_clear(&text);
        ok(store_tallies(f->store, on_tally, &text));
        same_text(text.data, "anna mql 1;");
        same_and_sound(f->store);
        text_free(&text);
}

/* ---- function calls that the clock cut ---- */

static int on_event(const StoredEvent *event, void *userdata) {
        if (event->n_cuts > 0) {
                same(event->n_cuts, 2);
                same(event->cuts[0], 3);
                same(event->cuts[1], 700);
                *(bool *) userdata = true;
        }
        return 0;
}

static void cut_calls__are_kept_with_their_event(void **state) {
        Fixture *f = *state;
        _cleanup_(record_freep) Record *record = record_make(f, &(const Said){ .type = "rules.activated" });
        const uint32_t cuts[] = { 3, 700 };
        bool found = false;
        const Decision decision = { .after = { .grade = "" }, .summary = "rules", .cuts = cuts, .n_cuts = 2 };
        const StoreEntry entry = {
                .record = record, .decision = &decision, .event_id = store_next_event(f->store), .actor = "system:leadd", .now_us = NOON
        };
        ok(store_begin(f->store));
        ok(store_apply(f->store, &entry));
        ok(store_commit(f->store));
        (void) commit_step(f, STEP(.said = { .email = "a@example.com" }));
        ok(store_log(f->store, 0, 0, on_event, &found));
        assert_true(found);
}

/* ---- an older book ---- */

/* What a book of version 5 is made of, written by the program that made such books. */
static sqlite3 *open_version_5(void) {
        static char text[65536];
        char *error = NULL;
        sqlite3 *db = NULL;
        FILE *file = fopen("tests/data/store/version-5.sql", "re");
        if (!file)
                fail_msg("cannot read tests/data/store/version-5.sql from here");
        size_t size = fread(text, 1, sizeof(text) - 1, file);
        assert_true(feof(file));
        fclose(file);
        text[size] = '\0';
        same(sqlite3_open(":memory:", &db), SQLITE_OK);
        if (sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK)
                fail_msg("version-5.sql: %s", error);
        return db;
}

typedef struct Since {
        sqlite3 *old;
        Text *drop;
        const char *there, *format;
} Since;

/* One object or column of the book as it is: dropped where version 5 had none of that name. */
static int drop_newer(void *userdata, int n_columns, char **values, char **names _unused_) {
        Since *since = userdata;
        sqlite3_stmt *statement = NULL;
        same(sqlite3_prepare_v2(since->old, since->there, -1, &statement, NULL), SQLITE_OK);
        for (int i = 0; i < n_columns; i++)
                same(sqlite3_bind_text(statement, i + 1, values[i], -1, SQLITE_STATIC), SQLITE_OK);
        if (sqlite3_step(statement) == SQLITE_DONE) {
                char *sql = sqlite3_mprintf(since->format, values[0], values[1]);
                text_append(since->drop, sql);
                sqlite3_free(sql);
        }
        sqlite3_finalize(statement);
        return 0;
}

/* Back to what an older version had: what came since is gone. */
static void make_older(Fixture *f, int version) {
        static const char objects[] = "SELECT type, name FROM sqlite_schema WHERE type = '%s'";
        sqlite3 *old = open_version_5();
        Text drop = { 0 };
        char sql[128];
        static const char *const types[] = { "index", "table" };
        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
                Since since = { old, &drop, "SELECT 1 FROM sqlite_schema WHERE type = ?1 AND name = ?2", "DROP %s \"%w\";" };
                (void) snprintf(sql, sizeof(sql), objects, types[i]);
                same(sqlite3_exec(f->store->db, sql, drop_newer, &since, NULL), SQLITE_OK);
        }
        Since since = { old, &drop, "SELECT 1 FROM sqlite_schema s, pragma_table_info(s.name) c WHERE s.name = ?1 AND c.name = ?2",
                "ALTER TABLE \"%w\" DROP COLUMN \"%w\";" };
        fixture_sql(f->store, drop.size > 0 ? drop.data : "");
        text_clear(&drop);
        same(sqlite3_exec(f->store->db, "SELECT s.name, c.name FROM sqlite_schema s, pragma_table_info(s.name) c WHERE s.type = 'table'",
                     drop_newer, &since, NULL),
                SQLITE_OK);
        text_append(&drop, "ALTER TABLE seat ADD COLUMN away_from INTEGER; ALTER TABLE seat ADD COLUMN away_until INTEGER;");
        text_append(&drop, "DELETE FROM meta WHERE key NOT IN ('secret', 'rules', 'hits');");
        fixture_sql(f->store, drop.data);
        if (version < 5)
                fixture_sql(f->store,
                        "DROP TABLE hit; DROP TABLE hit_ever; DROP TABLE suspended; DROP TABLE pass; DELETE FROM meta WHERE key = 'hits'");
        (void) snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", version);
        fixture_sql(f->store, sql);
        text_free(&drop);
        sqlite3_close(old);
}

static void older_book__counts_from_its_next_event_on(void **state) {
        Fixture *f = *state;
        commit_use(f, NOON - US_PER_DAY, matched(f, SCORE_SENIOR));
        commit_use(f, NOON, matched(f, SCORE_SENIOR));
        uint64_t next = store_next_event(f->store);
        make_older(f, 4);
        fixture_reopen(f);
        same(fixture_number(f->store, "PRAGMA user_version"), STORE_SCHEMA_VERSION);
        same(f->store->hits_from, next);
        same(store_hits_since(f->store, RULE_SCORE), TIME_NONE);
        fixture_activate(f, f->rules);
        same(hits_of(f->store, NOON, RULE_SCORE, "SENIOR").n_ever, 0);
        commit_use(f, NOON + 1, matched(f, SCORE_SENIOR));
        same(hits_of(f->store, NOON, RULE_SCORE, "SENIOR").n_ever, 1);
        same(store_hits_since(f->store, RULE_SCORE), NOON + 1);
        same(store_hits_since(f->store, RULE_FENCE), NOON + 1);
        same_and_sound(f->store);

        /* A replay of it has to count from there as well. */
        Store *memory = NULL;
        ok(store_open(NULL, STORE_MEMORY, &memory));
        same(memory->hits_from, 1);
        same(memory->uses_from, 1);
        ok(store_begin(memory));
        ok(store_count_as(memory, f->store));
        ok(store_commit(memory));
        same(memory->hits_from, next);
        same(memory->uses_from, next);
        store_close(memory);
}

/* Of version 5: its events say nothing of what kept a lead from a move, and tests counted. */
static void book_of_version_5__counts_the_rest_from_its_next_event_on(void **state) {
        Fixture *f = *state;
        const Rule fence = { .kind = RULE_FENCE, .name = "SHUT" };
        Block block = { &fence, "qualify" };
        Receipt receipts[] = { matched(f, SCORE_SENIOR), { .rule = &f->rules->groups[0].rule, .matched = true } };
        const Step *say = STEP(.said = { .email = "a@example.com" }, .test = true, .receipts = receipts, .n_receipts = 2, .blocks = &block,
                .n_blocks = 1, .adapter = "hubspot");
        /* As version 5 judged: the mark lies ahead. */
        f->store->uses_from = UINT64_MAX;
        (void) commit_step(f, say);
        (void) commit_step(f, say);
        uint64_t next = store_next_event(f->store);
        make_older(f, 5);
        fixture_reopen(f);
        fixture_activate(f, f->rules);
        same(f->store->hits_from, 1);
        same(f->store->uses_from, next);
        same(store_hits_since(f->store, RULE_SCORE), NOON);
        same(store_hits_since(f->store, RULE_FENCE), TIME_NONE);
        same(hits_of(f->store, NOON, RULE_SCORE, "SENIOR").n_ever, 2);
        same(hits_of(f->store, NOON, RULE_GROUP, "fit").n_ever, 2); /* cut */
        same(hits_of(f->store, NOON, RULE_FENCE, "SHUT").n_ever, 0);
        (void) commit_step(f, say);
        same(hits_of(f->store, NOON, RULE_SCORE, "SENIOR").n_ever, 2);
        same(hits_of(f->store, NOON, RULE_FENCE, "SHUT").n_ever, 0);
        (void) commit_step(f, STEP(.said = { .email = "b@example.com" }, .now_us = NOON + 5, .receipts = receipts, .n_receipts = 2,
                                      .blocks = &block, .n_blocks = 1, .adapter = "hubspot"));
        same(hits_of(f->store, NOON, RULE_SCORE, "SENIOR").n_ever, 3);
        same(hits_of(f->store, NOON, RULE_GROUP, "fit").n_ever, 3);
        same(hits_of(f->store, NOON, RULE_FENCE, "SHUT").n_ever, 1);
        same(hits_of(f->store, NOON, RULE_ADAPTER, "hubspot").n_ever, 1);
        same_and_sound(f->store);

        /* The same events in a book that counts as this one does give the same bodies and the same counts. */
        Fixture other = *f;
        Text differences = { 0 };
        uint64_t n = 0;
        other.n_ids = 0;
        ok(store_open_with_secret(NULL, STORE_MEMORY, store_secret(f->store), &other.store));
        ok(store_begin(other.store));
        ok(store_count_as(other.store, f->store));
        ok(store_rules_activate(other.store, f->rules, NOON));
        for (int i = 0; i < 3; i++) {
                if (store_next_event(other.store) == next)
                        ok(store_look_back(other.store));
                (void) step(&other, say);
        }
        (void) step(&other, STEP(.said = { .email = "b@example.com" }, .now_us = NOON + 5, .receipts = receipts, .n_receipts = 2,
                                    .blocks = &block, .n_blocks = 1, .adapter = "hubspot"));
        ok(store_commit(other.store));
        ok(store_compare(f->store, other.store, &differences, &n));
        if (n > 0)
                print_error("%s", differences.data);
        same(n, 0);
        /* It is the mark that makes them so. */
        store_close(other.store);
        text_free(&differences);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(hits__are_counted_by_day_and_week_and_ever),
                TEST(moves_and_their_receipts__count_once),
                TEST(hits__cost_a_few_rows_a_transaction),
                TEST(hits__of_a_transaction_rolled_back__are_gone),
                TEST(hits__however_events_are_spread__are_the_same),
                TEST(hits__of_every_kind_that_does_something__are_what_the_event_says_it_did),
                TEST(refusals__count_as_hits_and_are_no_part_of_what_a_replay_says),
                TEST(suspended_rules__stand_until_the_next_activation),
                TEST(pass__follows_the_log_and_survives_a_restart),
                TEST(rederived_lead__is_written_without_an_event_of_its_own),
                TEST(renamed_status__takes_its_counts_along),
                TEST(cut_calls__are_kept_with_their_event),
                TEST(older_book__counts_from_its_next_event_on),
                TEST(book_of_version_5__counts_the_rest_from_its_next_event_on),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
