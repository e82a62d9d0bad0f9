/* SPDX-License-Identifier: MIT */
/* What leaves the outbox: drop segments in a real directory, retries, channels that wait for a notifier. */
#include "leadd/notify.h"
#include "test_store_fixture.h"

#include <dirent.h>

typedef struct Post {
        Fixture *f;
        Notify *notify;
        char spool[80];
        int64_t now_us;
} Post;

static int set_up(void **state) {
        Post *post = calloc(1, sizeof *post);
        void *fixture;

        if (!post || fixture_set_up(&fixture) != 0)
                return -1;
        post->f = fixture;
        post->now_us = NOON;
        (void) snprintf(post->spool, sizeof post->spool, "%s/spool", post->f->directory);
        assert_int_equal(mkdir(post->spool, 0770), 0);
        ok(notify_new(post->spool, &post->notify));
        *state = post;
        return 0;
}

static int tear_down(void **state) {
        Post *post = *state;
        void *fixture = post->f;

        notify_free(post->notify);
        free(post);
        return fixture_tear_down(&fixture);
}

/* One event with these rows in the outbox. */
static void put(Post *post, Effect *effects, size_t n) {
        (void) commit_step(post->f, STEP(.said = { .email = "a@example.com" }, .effects = effects, .n_effects = n, .now_us = post->now_us));
}

static Effect drop(const char *channel, const char *body) {
        return (Effect){ .kind = EFFECT_MOVED, .channel = channel, .via = VIA_DROP, .rule = "qualify", .body = body };
}

static size_t deliver(Post *post) {
        size_t n;

        ok(notify_run(post->notify, post->f->store, post->now_us, &n));
        return n;
}

/* The names below spool/path joined by blanks, sorted; "-" when there is no such directory. */
static const char *names_in(Post *post, const char *path, char *buffer, size_t size) {
        char full[256];
        struct dirent **entries;
        size_t at = 0;

        (void) snprintf(full, sizeof full, "%s/%s", post->spool, path);
        int n = scandir(full, &entries, NULL, alphasort);
        (void) snprintf(buffer, size, "%s", n < 0 ? "-" : "");
        for (int i = 0; i < n; i++) {
                if (!base_streq(entries[i]->d_name, ".") && !base_streq(entries[i]->d_name, ".."))
                        at += (size_t) snprintf(buffer + at, size - at, "%s%s", at ? " " : "", entries[i]->d_name);
                free(entries[i]);
        }
        if (n >= 0)
                free(entries);
        return buffer;
}

static void assert_content(Post *post, const char *path, const char *want) {
        char full[256], got[512] = "";

        (void) snprintf(full, sizeof full, "%s/%s", post->spool, path);
        int fd = open(full, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        ssize_t n = read(fd, got, sizeof got - 1);
        (void) close(fd);
        assert_true(n >= 0);
        same_text(got, want);
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
        same(store_outbox_next(post->f->store), TIME_NONE);
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
                int64_t next_us = store_outbox_next(post->f->store);
                same((next_us - post->now_us) / US_PER_SECOND, waits_s[i]);
                post->now_us = next_us - 1;
                same(deliver(post), 0);
                post->now_us = next_us;
        }
        assert_int_equal(unlink(path), 0);
        same(deliver(post), 1);
        same(store_outbox_next(post->f->store), TIME_NONE);
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
        assert_true(store_outbox_next(post->f->store) > post->now_us);
}

static void others__one_channel_fails__the_rest_is_delivered(void **state) {
        Post *post = *state;
        Effect effects[] = {
                { .kind = EFFECT_REMINDED,
                        .channel = "mail",
                        .via = VIA_SENDMAIL,
                        .recipient = "anna",
                        .role = "owner",
                        .rule = "A",
                        .body = "s\n\nb" },
                drop("crm", "{}"),
                { .kind = EFFECT_REMINDED, .channel = "journal", .via = VIA_JOURNAL, .recipient = "anna", .role = "owner", .rule = "A" },
        };
        Arena *arena = arena_new(0);
        OutboxRow *rows;
        size_t n;

        put(post, effects, ARRAY_SIZE(effects));
        same(deliver(post), 3);
        /* Mail needs the notifier: it waits, is counted as failing, and keeps its text. */
        StoreCounts counts;
        ok(store_counts(post->f->store, &counts));
        same(counts.n_outbox, 1);
        same(counts.n_outbox_failing, 1);
        ok(store_outbox_due(post->f->store, post->now_us + NOTIFY_RETRY_FIRST_US, 10, arena, &rows, &n));
        same(n, 1);
        same_text(rows[0].channel, "mail");
        same_text(rows[0].body, "s\n\nb");
        same(rows[0].attempts, 1);
        arena_free(arena);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(drop__rows_of_one_round__are_one_segment_a_channel, set_up, tear_down),
                cmocka_unit_test_setup_teardown(drop__killed_before_it_was_marked__repeats_the_same_name_and_content, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        drop__outgoing_not_writable__waits_double_from_half_a_minute_and_then_delivers, set_up, tear_down),
                cmocka_unit_test_setup_teardown(drop__names_that_are_no_directory__are_refused_and_wait_visibly, set_up, tear_down),
                cmocka_unit_test_setup_teardown(drop__symlink_in_place_of_a_channel__is_not_followed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(others__one_channel_fails__the_rest_is_delivered, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
