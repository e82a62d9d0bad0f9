/* SPDX-License-Identifier: MIT */
/*
 * Reminders by mail to one reader within a few minutes are one mail: who decides when it goes, what is in it, and that the same rows are
 * the same mail under the same id however often it is tried. The sendmail of the test keeps what it is given, or fails.
 */
#include "test_notify_fixture.h"

/* One write each: several run at a time. */
#define KEEPS "#!/bin/sh\ncd \"$(dirname \"$0\")\" && { echo \"=== to $5\"; cat; } >mail.$$ && cat mail.$$ >>mails\n"
#define FAILS KEEPS "exit 75\n"
#define MINUTE US_PER_MINUTE

static char content[1024 * 1024];

/* What sendmail was given and nobody has taken. */
static const char *peek_mails(const Post *post) {
        char path[256];

        (void) snprintf(path, sizeof path, "%s/mails", post->f->directory);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? 0 : read(fd, content, sizeof content - 1);
        if (fd >= 0)
                (void) close(fd);
        content[n > 0 ? n : 0] = '\0';
        return content;
}

/* What sendmail was given since the last call. */
static const char *mails(const Post *post) {
        char path[256];

        (void) snprintf(path, sizeof path, "%s/mails", post->f->directory);
        (void) peek_mails(post);
        (void) unlink(path);
        return content;
}

static size_t count(const char *text, const char *what) {
        size_t n = 0;

        for (; (text = strstr(text, what)); text += strlen(what))
                n++;
        return n;
}

/* The line that begins so, without its beginning; "" = none. */
static const char *line_of(const char *text, const char *begin, char *buffer, size_t size) {
        const char *at = strstr(text, begin);

        (void) snprintf(buffer, size, "%.*s", at ? (int) strcspn(at + strlen(begin), "\n") : 0, at ? at + strlen(begin) : "");
        return buffer;
}

/* A reminder about the lead of that number to the reader, decided now and gathered for three minutes. */
static void remind(Post *post, unsigned lead, const char *reader) {
        char email[64], address[64], body[128];

        (void) snprintf(email, sizeof email, "p%u@example.com", lead);
        (void) snprintf(address, sizeof address, "%s@firm.de", reader);
        (void) snprintf(body, sizeof body, "Lead %u waits\n\nText of %u at %lld.", lead, lead, (long long) (post->now_us - NOON) / MINUTE);
        Effect effect = { .kind = EFFECT_REMINDED,
                .channel = "mail",
                .via = VIA_SENDMAIL,
                .recipient = reader,
                .address = address,
                .role = "owner",
                .rule = "A",
                .not_before_us = post->now_us + POLICY_GATHER_US,
                .body = body };
        (void) commit_step(post->f, STEP(.said = { .email = email }, .effects = &effect, .n_effects = 1, .now_us = post->now_us));
}

/* Everything that is due now, marked. */
static size_t tell(Post *post) {
        same(deliver(post), 0);
        size_t n = notify_n_in_flight(post->notify);
        take_told(post, n);
        return n;
}

static void start(Post *post, const char *program) {
        write_program(post, 3, program);
        start_notifier(post);
}

static void gather__reminders_to_one_reader__are_one_mail_and_the_first_decides_when(void **state) {
        Post *post = *state;
        char line[200];

        start(post, KEEPS);
        remind(post, 1, "anna");
        remind(post, 2, "ben");
        post->now_us += 2 * MINUTE;
        remind(post, 3, "anna");
        post->now_us += MINUTE - 1;
        same(tell(post), 0); /* not yet */
        post->now_us += 1;
        same(tell(post), 2);
        const char *got = mails(post);
        same(count(got, "=== to"), 2);
        const char *anna = strstr(got, "=== to anna@firm.de"), *ben = strstr(got, "=== to ben@firm.de");
        assert_true(anna && ben);
        same_text(line_of(anna, "Subject: ", line, sizeof line), "Lead 1 waits (+1)");
        assert_non_null(strstr(anna, "* Lead 1 waits\n\nText of 1 at 0.\n\n\n* Lead 3 waits\n\nText of 3 at 2."));
        same_text(line_of(ben, "Subject: ", line, sizeof line), "Lead 2 waits");
        assert_non_null(strstr(ben, "\n\nText of 2 at 0.")); /* as the template says, and nothing else */
        assert_null(strstr(ben < anna ? ben : anna, "X-Leadd-Lead: L-1\n"));
        same(list(post).n, 0);
        /* What was decided after the mail went is another one. */
        remind(post, 1, "anna");
        post->now_us += 3 * MINUTE;
        same(tell(post), 1);
        same_text(line_of(mails(post), "Subject: ", line, sizeof line), "Lead 1 waits");
}

static void gather__none__each_that_is_not_due_at_once_is_a_mail(void **state) {
        Post *post = *state;

        post->channels[3].gather_us = 0;
        start(post, KEEPS);
        remind(post, 1, "anna");
        post->now_us += MINUTE;
        remind(post, 2, "anna");
        post->now_us += 2 * MINUTE;
        same(tell(post), 1);
        post->now_us += MINUTE;
        same(tell(post), 1);
        same(count(mails(post), "=== to"), 2);
}

static void gather__twice_about_one_lead__tells_it_as_it_was_last(void **state) {
        Post *post = *state;
        char line[200];

        start(post, KEEPS);
        remind(post, 1, "anna");
        post->now_us += MINUTE;
        remind(post, 1, "anna");
        post->now_us += 2 * MINUTE;
        same(tell(post), 1);
        const char *got = mails(post);
        same_text(line_of(got, "Subject: ", line, sizeof line), "Lead 1 waits");
        same(count(got, "Text of 1"), 1);
        assert_non_null(strstr(got, "Text of 1 at 1."));
        same_text(line_of(got, "X-Leadd-Lead: ", line, sizeof line), "L-1");
        same(list(post).n, 0);
}

static void gather__more_leads_than_a_mail_tells_of__says_how_many_more(void **state) {
        Post *post = *state;
        char line[200];

        start(post, KEEPS);
        for (unsigned i = 1; i <= NOTIFY_DIGEST_SECTIONS_MAX + 17; i++)
                remind(post, i, "anna");
        post->now_us += 3 * MINUTE;
        same(tell(post), 1);
        const char *got = mails(post);
        same_text(line_of(got, "Subject: ", line, sizeof line), "Lead 1 waits (+66)");
        same(count(got, "* Lead "), NOTIFY_DIGEST_SECTIONS_MAX);
        assert_non_null(strstr(got, "\n* and 17 more\n"));
        same(list(post).n, 0);
}

static void gather__a_mail_that_fails__is_tried_again_with_the_same_rows_under_the_same_id(void **state) {
        Post *post = *state;
        char first[200], again[200];

        start(post, FAILS);
        remind(post, 1, "anna");
        remind(post, 2, "anna");
        post->now_us += 3 * MINUTE;
        same(tell(post), 1);
        (void) line_of(mails(post), "Message-Id: ", first, sizeof first);
        assert_true(strncmp(first, "<leadd.1-", 9) == 0);
        Listed listed = list(post);
        same(listed.n, 2);
        same(listed.attempts, 1);
        /* One more comes, and is due before the next attempt: it goes on its own. */
        remind(post, 3, "anna");
        fixture_sql(post->f->store, "UPDATE outbox SET next = 1 WHERE id = 3");
        write_program(post, 3, KEEPS);
        post->now_us += 1;
        same(tell(post), 1);
        assert_non_null(strstr(mails(post), "Message-Id: <leadd.3@"));
        /* The daemon dies while it is under way. */
        post->now_us = listed.next_us;
        same(deliver(post), 0);
        same(notify_n_in_flight(post->notify), 1);
        for (int i = 0; !strstr(peek_mails(post), "Text of 2"); i++) {
                assert_true(i < ANSWER_LIMIT_S * 100);
                (void) usleep(10000);
        }
        post->notify = notify_free(post->notify);
        const NotifyConfig config = { .spool_directory = post->spool, .socket = post->socket, .on_told = on_told, .userdata = post };
        ok(notify_new(&config, &post->notify));
        post->n_told = 0;
        ok(store_begin(post->f->store));
        ok(notify_recover(post->f->store, post->now_us));
        ok(store_commit(post->f->store));
        (void) mails(post);
        remind(post, 4, "anna");
        same(tell(post), 1);
        const char *got = mails(post);
        same_text(line_of(got, "Message-Id: ", again, sizeof again), first);
        same(count(got, "* Lead "), 2);
        same(list(post).n, 1); /* the fourth still gathers */
}

static void gather__a_row_taken_out_by_a_person__the_rest_is_another_mail(void **state) {
        Post *post = *state;
        char first[200], again[200];

        start(post, FAILS);
        for (unsigned i = 1; i <= 3; i++)
                remind(post, i, "anna");
        post->now_us += 3 * MINUTE;
        same(tell(post), 1);
        (void) line_of(mails(post), "Message-Id: ", first, sizeof first);
        write_program(post, 3, KEEPS);
        ok(store_begin(post->f->store));
        ok(store_outbox_cancel(post->f->store, 1, post->now_us));
        ok(store_commit(post->f->store));
        post->now_us = list(post).next_us;
        same(tell(post), 1);
        const char *got = mails(post);
        same(count(got, "* Lead "), 2);
        (void) line_of(got, "Message-Id: ", again, sizeof again);
        assert_true(strncmp(again, "<leadd.1-", 9) == 0 && !base_streq(again, first));
        same(list(post).n, 0);
}

static void gather__dead_letters_by_mail__are_revived_one_by_one(void **state) {
        Post *post = *state;

        start(post, "#!/bin/sh\nexit 65\n");
        for (unsigned i = 1; i <= 3; i++)
                remind(post, i, "anna");
        post->now_us += 3 * MINUTE;
        same(tell(post), 1);
        same(list(post).n_dead, 3);
        write_program(post, 3, KEEPS);
        for (uint64_t id = 2; id <= 3; id++) {
                ok(store_begin(post->f->store));
                ok(store_outbox_revive(post->f->store, id, post->now_us));
                ok(store_commit(post->f->store));
                same(tell(post), 1);
                const char *got = mails(post);
                char want[64];
                (void) snprintf(want, sizeof want, "Message-Id: <leadd.%u@", (unsigned) id);
                assert_non_null(strstr(got, want));
                same(list(post).n_dead, 3 - (id - 1));
        }
}

static void gather__other_address_channel_or_kind__stays_apart(void **state) {
        Post *post = *state;
        int64_t from_us = post->now_us + POLICY_GATHER_US;
        Effect effects[] = {
                { .kind = EFFECT_REMINDED, .channel = "mail", .recipient = "anna", .address = "anna@firm.de" },
                { .kind = EFFECT_REMINDED, .channel = "mail", .recipient = "anna", .address = "anna@other.de" },
                { .kind = EFFECT_REMINDED, .channel = "post", .recipient = "anna", .address = "anna@firm.de" },
                { .kind = EFFECT_MOVED, .channel = "mail", .recipient = "anna", .address = "anna@firm.de" },
        };

        post->channels[2] = post->channels[3];
        post->channels[2].rule.name = "post";
        for (size_t i = 0; i < ARRAY_SIZE(effects); i++) {
                effects[i].via = VIA_SENDMAIL;
                effects[i].not_before_us = from_us;
                effects[i].body = "s\n\nb";
        }
        start(post, KEEPS);
        put(post, effects, ARRAY_SIZE(effects));
        post->now_us = from_us;
        same(tell(post), ARRAY_SIZE(effects));
        same(count(mails(post), "=== to"), ARRAY_SIZE(effects));
}

static void five_days__of_failing__count_from_the_first_attempt_not_from_the_decision(void **state) {
        Post *post = *state;

        start(post, FAILS);
        remind(post, 1, "anna");
        /* Decided before the holidays, told after them. */
        post->now_us += 9 * US_PER_DAY;
        same(tell(post), 1);
        Listed listed = list(post);
        same(listed.n_dead, 0);
        assert_in_range(listed.next_us - post->now_us, NOTIFY_RETRY_FIRST_US, NOTIFY_RETRY_FIRST_US / 5 * 6);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        gather__reminders_to_one_reader__are_one_mail_and_the_first_decides_when, set_up, tear_down),
                cmocka_unit_test_setup_teardown(gather__none__each_that_is_not_due_at_once_is_a_mail, set_up, tear_down),
                cmocka_unit_test_setup_teardown(gather__twice_about_one_lead__tells_it_as_it_was_last, set_up, tear_down),
                cmocka_unit_test_setup_teardown(gather__more_leads_than_a_mail_tells_of__says_how_many_more, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        gather__a_mail_that_fails__is_tried_again_with_the_same_rows_under_the_same_id, set_up, tear_down),
                cmocka_unit_test_setup_teardown(gather__a_row_taken_out_by_a_person__the_rest_is_another_mail, set_up, tear_down),
                cmocka_unit_test_setup_teardown(gather__dead_letters_by_mail__are_revived_one_by_one, set_up, tear_down),
                cmocka_unit_test_setup_teardown(gather__other_address_channel_or_kind__stays_apart, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        five_days__of_failing__count_from_the_first_attempt_not_from_the_decision, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
