/* SPDX-License-Identifier: MIT */
/*
 * What leaves the outbox: drop segments in a real directory, retries, and what the real leadd-notify delivers through programs of the
 * test's own that note what they were given, fail, or refuse.
 */
#include "test_notify_fixture.h"

static Effect drop(const char *channel, const char *body) {
        return (Effect){ .kind = EFFECT_MOVED, .channel = channel, .via = VIA_DROP, .rule = "qualify", .body = body };
}

static void drop__rows_of_one_round__are_one_segment_a_channel(void **state) {
        Post *post = *state;
        char names[256];
        Effect effects[] = { drop("crm", "{\"n\":1}"), drop("other", "{\"n\":2}"), drop("crm", "{\"n\":3}") };

        put(post, effects, ARRAY_SIZE(effects));
        same(deliver(post), 3);
        same_text(names_in(post, "outgoing/crm/new", names, sizeof names), "000000000001-000000000003.ndjson");
        same_text(names_in(post, "outgoing/crm/tmp", names, sizeof names), "");
        assert_content(post, "outgoing/crm/new/000000000001-000000000003.ndjson", "{\"n\":1}\n{\"n\":3}\n");
        assert_content(post, "outgoing/other/new/000000000002-000000000002.ndjson", "{\"n\":2}\n");
        same(store_outbox_next(post->f->store, OUTBOX_REMOTE), TIME_NONE);
        same(deliver(post), 0);
}

static void drop__killed_before_it_was_marked__repeats_the_same_name_and_content(void **state) {
        Post *post = *state;
        char names[256];
        Effect effects[] = { drop("crm", "{\"n\":1}") };

        put(post, effects, 1);
        /* What a kill leaves behind: half a segment in tmp/, and a whole one that was not marked. */
        same(deliver(post), 1);
        fixture_sql(post->f->store, "UPDATE outbox SET next = 1, attempts = 0");
        char half[256];
        (void) snprintf(half, sizeof half, "%s/outgoing/crm/tmp/000000000001-000000000001.ndjson", post->spool);
        int fd = open(half, O_WRONLY | O_CREAT | O_CLOEXEC, 0660);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, "{\"n\":1}\n{\"half", 14), 14);
        (void) close(fd);
        same(deliver(post), 1);
        same_text(names_in(post, "outgoing/crm/new", names, sizeof names), "000000000001-000000000001.ndjson");
        same_text(names_in(post, "outgoing/crm/tmp", names, sizeof names), "");
}

static void drop__outgoing_not_writable__waits_double_from_half_a_minute_and_then_delivers(void **state) {
        Post *post = *state;
        static const int64_t waits_s[] = { 30, 60, 120, 240, 480, 960, 1920, 3840, 4000, 4000 };
        Effect effects[] = { drop("crm", "{}") };
        char path[256];

        /* A file where the directory should be: refused to root, too. */
        (void) snprintf(path, sizeof path, "%s/outgoing/crm", post->spool);
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0660);
        assert_true(fd >= 0);
        (void) close(fd);
        put(post, effects, 1);
        for (size_t i = 0; i < ARRAY_SIZE(waits_s); i++) {
                same(deliver(post), 1);
                int64_t next_us = store_outbox_next(post->f->store, OUTBOX_REMOTE);
                assert_in_range((next_us - post->now_us) / US_PER_SECOND, waits_s[i], waits_s[i] + waits_s[i] / 5);
                post->now_us = next_us - 1;
                same(deliver(post), 0);
                post->now_us = next_us;
        }
        assert_int_equal(unlink(path), 0);
        same(deliver(post), 1);
        same(store_outbox_next(post->f->store, OUTBOX_REMOTE), TIME_NONE);
        assert_content(post, "outgoing/crm/new/000000000001-000000000001.ndjson", "{}\n");
}

static void drop__names_that_are_no_directory__are_refused_and_wait_visibly(void **state) {
        Post *post = *state;
        static const char *const bad[] = { "../escape", "a/b", "..", ".", ".hidden", "/tmp/leadd-absolute", "../../etc" };
        char names[256];
        Effect effects[ARRAY_SIZE(bad) + 1];

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                effects[i] = drop(bad[i], "{}");
        effects[ARRAY_SIZE(bad)] = drop("good name", "{}");
        put(post, effects, ARRAY_SIZE(effects));
        same(deliver(post), ARRAY_SIZE(effects));
        same_text(names_in(post, "outgoing", names, sizeof names), "good name");
        same_text(names_in(post, ".", names, sizeof names), "outgoing");
        StoreCounts counts;
        ok(store_counts(post->f->store, &counts));
        same(counts.n_outbox_failing, ARRAY_SIZE(bad));
}

static void drop__symlink_in_place_of_a_channel__is_not_followed(void **state) {
        Post *post = *state;
        char target[256], link[256], names[256];
        Effect effects[] = { drop("crm", "{}") };

        (void) snprintf(target, sizeof target, "%s/elsewhere", post->spool);
        (void) snprintf(link, sizeof link, "%s/outgoing/crm", post->spool);
        assert_int_equal(mkdir(target, 0770), 0);
        assert_int_equal(symlink(target, link), 0);
        put(post, effects, 1);
        same(deliver(post), 1);
        same_text(names_in(post, "elsewhere", names, sizeof names), "");
        assert_true(store_outbox_next(post->f->store, OUTBOX_REMOTE) > post->now_us);
}

/* ---- what a track sends ---- */

static Effect sent(const char *channel, Via via, const char *body) {
        return (Effect){ .kind = EFFECT_SENT, .channel = channel, .via = via, .rule = "re-nurture", .role = "lead", .body = body };
}

/* A drop that the lead was sent, and another row beside it. */
static void sent__to_a_lead_that_left_the_track__is_cancelled_and_the_rest_delivered(void **state) {
        Post *post = *state;
        static const struct {
                const char *before, *after; /* of the track */
                const char *want;
        } cases[] = {
                { "re-nurture", NULL, "sent other" },
                { "re-nurture", "re-nurture", "sent other" },
                { "re-nurture", "", "other" },
                { "re-nurture", "!", "other" },
                { "re-nurture", "another", "other" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char channel[16], path[64], names[256], email[32];
                (void) snprintf(channel, sizeof channel, "crm%zu", i);
                (void) snprintf(email, sizeof email, "p%zu@example.com", i);
                Effect effects[] = { sent(channel, VIA_DROP, "sent"), drop(channel, "other") };
                (void) commit_step(post->f, STEP(.said = { .email = email }, .status = "nurture", .track = cases[i].before));
                (void) commit_step(post->f, STEP(.said = { .type = "activity.x", .email = email }, .effects = effects, .n_effects = 2));
                (void) commit_step(post->f, STEP(.said = { .type = "activity.y", .email = email }, .track = cases[i].after));
                same(deliver(post), 2);
                (void) snprintf(path, sizeof path, "outgoing/%s/new", channel);
                (void) names_in(post, path, names, sizeof names);
                (void) snprintf(path, sizeof path, "outgoing/%s/new/%s", channel, names);
                assert_content(post, path, base_streq(cases[i].want, "other") ? "other\n" : "sent\nother\n");
                same(store_outbox_next(post->f->store, OUTBOX_REMOTE), TIME_NONE);
        }
        /* What was cancelled cannot be brought back. */
        StoreCounts counts;
        ok(store_counts(post->f->store, &counts));
        same(counts.n_outbox, 0);
        same(counts.n_outbox_dead, 0);
}

/* ---- through leadd-notify ---- */

static Effect run_by(const char *channel, const char *body) {
        return (Effect){ .kind = EFFECT_REMINDED,
                .channel = channel,
                .via = VIA_EXEC,
                .recipient = "anna",
                .role = "owner",
                .rule = "A",
                .body = body };
}

static void programs__good_and_bad__one_is_delivered_the_other_waits(void **state) {
        Post *post = *state;
        char names[256];
        Effect effects[] = { run_by("good", "{\"n\":1}"), run_by("bad", "{\"n\":2}"), run_by("never", "{\"n\":3}"), drop("crm", "{}"),
                run_by("gone", "{}") };

        write_program(
                post, 0, "#!/bin/sh\ncd \"$(dirname \"$0\")\" && { cat; echo; echo \"$LEADD_ID $LEADD_LEAD $LEADD_KIND\"; } >>noted\n");
        write_program(post, 1, "#!/bin/sh\nexit 3\n");
        write_program(post, 2, "#!/bin/sh\nexit 65\n");
        start_notifier(post);
        put(post, effects, ARRAY_SIZE(effects));
        same(deliver(post), 1); /* the drop; the others are under way, and one has no channel */
        same(list(post).n_leased, 3);
        same(deliver(post), 0);
        take_told(post, 3);
        same_text(names_in(post, "outgoing/crm/new", names, sizeof names), "000000000004-000000000004.ndjson");
        assert_content(post, "../noted", "{\"n\":1}\n1 L-1 reminded\n");
        Listed listed = list(post);
        same(listed.n, 3);
        same(listed.n_leased, 0);
        same(listed.n_dead, 1); /* exit 65 says that it will never do */
        StoreCounts counts;
        ok(store_counts(post->f->store, &counts));
        same(counts.n_outbox, 2);
        same(counts.n_outbox_failing, 2);
        same(counts.n_outbox_dead, 1);
        same(notify_n_in_flight(post->notify), 0);
}

static void notifier__not_there__rows_wait_and_go_when_it_comes(void **state) {
        Post *post = *state;
        Effect effects[] = { run_by("good", "{}") };

        write_program(post, 0, "#!/bin/sh\nexit 0\n");
        put(post, effects, 1);
        same(deliver(post), 0);
        take_told(post, 1);
        Listed listed = list(post);
        assert_non_null(strstr(listed.error, "leadd-notify does not answer"));
        assert_in_range(listed.next_us - post->now_us, NOTIFY_RETRY_FIRST_US, NOTIFY_RETRY_FIRST_US / 5 * 6);
        same(listed.attempts, 1);
        start_notifier(post);
        post->now_us = listed.next_us;
        same(deliver(post), 0);
        take_told(post, 1);
        same(list(post).n, 0);
}

static void killed__between_attempt_and_mark__told_again_with_the_same_id(void **state) {
        Post *post = *state;
        Effect effects[] = { run_by("good", "{}") };

        write_program(post, 0, "#!/bin/sh\necho \"$LEADD_ID\" >>\"$(dirname \"$0\")/noted\"\n");
        start_notifier(post);
        put(post, effects, 1);
        same(deliver(post), 0);
        assert_content_within(post, "../noted", "1\n");
        /* The daemon dies before it is marked; the next one knows that nothing is under way any more. */
        post->notify = notify_free(post->notify);
        const NotifyConfig config = { .spool_directory = post->spool, .socket = post->socket, .on_told = on_told, .userdata = post };
        ok(notify_new(&config, &post->notify));
        post->n_told = 0;
        same(list(post).n_leased, 1);
        ok(store_begin(post->f->store));
        ok(notify_recover(post->f->store, post->now_us));
        ok(store_commit(post->f->store));
        same(deliver(post), 0);
        take_told(post, 1);
        assert_content(post, "../noted", "1\n1\n");
        same(list(post).n, 0);
}

static void dead__after_five_days_of_failing__kept_until_a_person_decides(void **state) {
        Post *post = *state;
        int64_t start_us = post->now_us;
        unsigned n_attempts = 0;
        Effect effects[] = { run_by("bad", "{}") };

        write_program(post, 1, "#!/bin/sh\nexit 75\n");
        start_notifier(post);
        put(post, effects, 1);
        for (;; n_attempts++) {
                same(deliver(post), 0);
                if (notify_n_in_flight(post->notify) > 0)
                        take_told(post, 1);
                int64_t next_us = store_outbox_next(post->f->store, OUTBOX_REMOTE);
                if (next_us == TIME_NONE)
                        break;
                assert_true(n_attempts < 1000);
                post->now_us = next_us;
        }
        assert_in_range(post->now_us - start_us, NOTIFY_GIVE_UP_US - NOTIFY_RETRY_LAST_US * 2, NOTIFY_GIVE_UP_US);
        Listed listed = list(post);
        same(listed.n_dead, 1);
        same_text(listed.error, "the program exited with 75");
        assert_in_range(listed.attempts, 50, 130); /* 30 s doubling to 4,000 s, less what the breaker put off */
        /* Once more, by a person; the program works now. */
        write_program(post, 1, "#!/bin/sh\nexit 0\n");
        post->now_us += US_PER_DAY;
        ok(store_begin(post->f->store));
        ok(store_outbox_revive(post->f->store, 1, post->now_us));
        ok(store_commit(post->f->store));
        same(deliver(post), 0);
        take_told(post, 1);
        same(list(post).n, 0);
        ok(store_begin(post->f->store));
        same(store_outbox_revive(post->f->store, 1, post->now_us), STORE_E_NONE);
        same(store_outbox_cancel(post->f->store, 1, post->now_us), STORE_E_NONE);
        ok(store_rollback(post->f->store));
}

static void breaker__a_channel_that_fails_again_and_again__is_left_alone_and_the_others_go_on(void **state) {
        Post *post = *state;
        Effect effects[20];
        size_t n_taken = 0;

        write_program(post, 0, "#!/bin/sh\nexit 0\n");
        write_program(post, 1, "#!/bin/sh\nexit 75\n");
        start_notifier(post);
        for (size_t i = 0; i < NOTIFY_BREAKER_FAILURES; i++)
                effects[i] = run_by("bad", "{}");
        put(post, effects, NOTIFY_BREAKER_FAILURES);
        same(deliver(post), 0);
        take_told(post, NOTIFY_BREAKER_FAILURES); /* it opens */
        for (size_t i = 0; i < ARRAY_SIZE(effects); i++)
                effects[i] = run_by(i % 2 ? "bad" : "good", "{}");
        put(post, effects, ARRAY_SIZE(effects));
        same(deliver(post), 0);
        take_told(post, ARRAY_SIZE(effects) / 2); /* the good ones only */
        same(list(post).n, NOTIFY_BREAKER_FAILURES + ARRAY_SIZE(effects) / 2);
        same(list(post).attempts, 0); /* put off, not tried */
        /* When the pause is over, one row is tried, not all. */
        post->now_us += NOTIFY_BREAKER_FIRST_US;
        same(deliver(post), 0);
        same(notify_n_in_flight(post->notify), 1);
        write_program(post, 1, "#!/bin/sh\nexit 0\n");
        take_told(post, 1);
        while (list(post).n > 0 && n_taken++ < 100) {
                int64_t next_us = store_outbox_next(post->f->store, OUTBOX_REMOTE);
                post->now_us = next_us > post->now_us ? next_us : post->now_us;
                same(deliver(post), 0);
                take_told(post, notify_n_in_flight(post->notify));
        }
        same(list(post).n, 0);
}

static void quiet__a_row_that_must_wait__is_not_due_before(void **state) {
        Post *post = *state;
        Effect effect = drop("crm", "{}");

        effect.not_before_us = post->now_us + US_PER_HOUR;
        put(post, &effect, 1);
        same(deliver(post), 0);
        same(store_outbox_next(post->f->store, OUTBOX_REMOTE), post->now_us + US_PER_HOUR);
        post->now_us += US_PER_HOUR;
        same(deliver(post), 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(drop__rows_of_one_round__are_one_segment_a_channel, set_up, tear_down),
                cmocka_unit_test_setup_teardown(drop__killed_before_it_was_marked__repeats_the_same_name_and_content, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        drop__outgoing_not_writable__waits_double_from_half_a_minute_and_then_delivers, set_up, tear_down),
                cmocka_unit_test_setup_teardown(drop__names_that_are_no_directory__are_refused_and_wait_visibly, set_up, tear_down),
                cmocka_unit_test_setup_teardown(drop__symlink_in_place_of_a_channel__is_not_followed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        sent__to_a_lead_that_left_the_track__is_cancelled_and_the_rest_delivered, set_up, tear_down),
                cmocka_unit_test_setup_teardown(programs__good_and_bad__one_is_delivered_the_other_waits, set_up, tear_down),
                cmocka_unit_test_setup_teardown(notifier__not_there__rows_wait_and_go_when_it_comes, set_up, tear_down),
                cmocka_unit_test_setup_teardown(killed__between_attempt_and_mark__told_again_with_the_same_id, set_up, tear_down),
                cmocka_unit_test_setup_teardown(dead__after_five_days_of_failing__kept_until_a_person_decides, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        breaker__a_channel_that_fails_again_and_again__is_left_alone_and_the_others_go_on, set_up, tear_down),
                cmocka_unit_test_setup_teardown(quiet__a_row_that_must_wait__is_not_due_before, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
