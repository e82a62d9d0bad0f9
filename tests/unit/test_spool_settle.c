/* SPDX-License-Identifier: MIT */
/*
 * What becomes of a file that was handed out: removed, kept, set aside or given
 * back, also when it was changed or replaced meanwhile; reasons and rejects.
 */
#include "test_spool_fixture.h"

#include <jansson.h>
#include <sys/wait.h>

#define SOON_US (US_PER_SECOND / 2)

static SpoolFile *next_of(const Fixture *fixture, const char *name) {
        SpoolFile *file = fixture_next(fixture, SOON_US);
        if (!file)
                fail_msg("want %s, got nothing", name);
        assert_string_equal(file->identity.name, name);
        return file;
}

static SpoolFile *drop_and_take(const Fixture *fixture, const char *name, const char *content) {
        fixture_drop(fixture, "web", name, content);
        return next_of(fixture, name);
}

static int setup_web(void **state) {
        (void) fixture_setup(state);
        fixture_make_source(*state, "web");
        fixture_expect_nothing(*state, 0);
        return 0;
}

static int setup_keeping(void **state) {
        (void) fixture_setup(state);
        Fixture *fixture = *state;
        fixture->spool = spool_free(fixture->spool);
        fixture->keep_done_us = US_PER_SECOND / 2;
        fixture_open(fixture);
        fixture_make_source(fixture, "web");
        fixture_expect_nothing(fixture, 0);
        return 0;
}

/* ---- handed out once ---- */

static void spool__file_that_is_handed_out__is_not_handed_out_again(void **state) {
        Fixture *fixture = *state;
        enum { N = 3000 };
        static SpoolFile *files[N];
        char name[32];
        for (int i = 0; i < N; i++) {
                (void) snprintf(name, sizeof(name), "%04d.json", i);
                files[i] = drop_and_take(fixture, name, LEAD);
                /* So many at a time are in hand only without their descriptors. */
                int fd = TAKE_FD(files[i]->fd);
                assert_int_equal(close(fd), 0);
        }
        assert_false(spool_is_idle(fixture->spool));
        for (int i = 0; i < 3; i++) {
                assert_int_equal(spool_rescan(fixture->spool), 0);
                fixture_expect_nothing(fixture, US_PER_SECOND / 20);
        }
        for (int i = 0; i < N; i++)
                assert_int_equal(spool_finish(fixture->spool, files[i]), 0);
        fixture_expect_nothing(fixture, US_PER_SECOND / 20);
        assert_true(spool_is_idle(fixture->spool));
        assert_int_equal(fixture_count(fixture_path(fixture, "incoming/web/new")), 0);
}

static void spool__file_that_is_given_back__comes_again(void **state) {
        Fixture *fixture = *state;
        SpoolFile *file = drop_and_take(fixture, "a.json", LEAD);
        uint64_t inode = file->identity.inode;
        int64_t mtime_us = file->identity.mtime_us;
        spool_release(fixture->spool, file);
        fixture_expect_nothing(fixture, SPOOL_RETRY_US / 2);
        file = fixture_next(fixture, 2 * SPOOL_RETRY_US);
        assert_non_null(file);
        assert_int_equal(file->identity.inode, inode);
        assert_int_equal(file->identity.mtime_us, mtime_us);
        assert_int_equal(spool_finish(fixture->spool, file), 0);
}

static void spool__file_replaced_while_handed_out__is_neither_lost_nor_removed(void **state) {
        Fixture *fixture = *state;
        SpoolFile *file = drop_and_take(fixture, "a.json", "{\"n\":1}");
        fixture_drop(fixture, "web", "a.json", "{\"n\":22}");
        fixture_expect_nothing(fixture, US_PER_SECOND / 20);
        assert_int_equal(spool_finish(fixture->spool, file), 0);
        file = next_of(fixture, "a.json");
        assert_int_equal(file->identity.size, strlen("{\"n\":22}"));
        /* And when it turns out to be unusable. */
        fixture_drop(fixture, "web", "a.json", "{\"n\":333}");
        assert_int_equal(spool_set_aside(fixture->spool, file, "undecodable", "It cannot be decoded.", 0), 0);
        assert_false(fixture_exists(fixture, "held", "web", "a.json"));
        file = next_of(fixture, "a.json");
        assert_int_equal(file->identity.size, strlen("{\"n\":333}"));
        assert_int_equal(spool_finish(fixture->spool, file), 0);
        fixture_expect_nothing(fixture, US_PER_SECOND / 20);
}

static void spool__file_appended_to_while_handed_out__is_read_again_when_closed(void **state) {
        Fixture *fixture = *state;
        SpoolFile *file = drop_and_take(fixture, "a.ndjson", LEAD);
        int fd = open(fixture_path(fixture, "incoming/web/new/a.ndjson"), O_WRONLY | O_APPEND | O_CLOEXEC);
        assert_int_equal(write(fd, LEAD, strlen(LEAD)), (ssize_t) strlen(LEAD));
        assert_int_equal(spool_finish(fixture->spool, file), 0);
        fixture_expect_nothing(fixture, US_PER_SECOND / 10);
        assert_int_equal(write(fd, LEAD, strlen(LEAD)), (ssize_t) strlen(LEAD));
        assert_int_equal(close(fd), 0);
        file = next_of(fixture, "a.ndjson");
        assert_int_equal(file->identity.size, 3 * strlen(LEAD));
        assert_int_equal(spool_finish(fixture->spool, file), 0);
}

/* The same size and inode, other content. */
static void spool__file_overwritten_while_handed_out__is_read_again(void **state) {
        Fixture *fixture = *state;
        SpoolFile *file = drop_and_take(fixture, "a.json", "{\"n\":1}");
        (void) usleep(20000); /* a tick of the file system's clock */
        int fd = open(fixture_path(fixture, "incoming/web/new/a.json"), O_WRONLY | O_CLOEXEC);
        assert_int_equal(write(fd, "{\"n\":2}", 7), 7);
        assert_int_equal(close(fd), 0);
        assert_int_equal(spool_finish(fixture->spool, file), 0);
        file = next_of(fixture, "a.json");
        char content[8] = { 0 };
        assert_int_equal(read(file->fd, content, 7), 7);
        assert_string_equal(content, "{\"n\":2}");
        /* A second name, as a backup by hard links gives, changes nothing. */
        assert_int_equal(link(fixture_path(fixture, "incoming/web/new/a.json"), fixture_path(fixture, "backup")), 0);
        assert_int_equal(spool_finish(fixture->spool, file), 0);
        assert_false(fixture_exists(fixture, "incoming/web", "new", "a.json"));
}

static void spool__file_removed_while_handed_out__is_no_error(void **state) {
        Fixture *fixture = *state;
        for (int way = 0; way < 3; way++) {
                SpoolFile *file = drop_and_take(fixture, "a.json", LEAD);
                assert_int_equal(unlink(fixture_path(fixture, "incoming/web/new/a.json")), 0);
                if (way == 0)
                        assert_int_equal(spool_finish(fixture->spool, file), 0);
                else if (way == 1)
                        assert_int_equal(spool_set_aside(fixture->spool, file, "undecodable", "It cannot be decoded.", 0), 0);
                else
                        spool_release(fixture->spool, file);
        }
        fixture_expect_nothing(fixture, 6 * SPOOL_RETRY_US / 5);
        assert_true(spool_is_idle(fixture->spool));
}

static void spool__freed_with_files_in_hand__leaves_them_in_the_spool(void **state) {
        Fixture *fixture = *state;
        (void) drop_and_take(fixture, "a.json", LEAD);
        (void) drop_and_take(fixture, "b.json", LEAD);
        fixture->spool = spool_free(fixture->spool);
        assert_int_equal(fixture_count(fixture_path(fixture, "incoming/web/new")), 2);
        fixture_open(fixture);
}

/* ---- set aside ---- */

static void spool__file_set_aside__stands_in_held_with_its_reason(void **state) {
        Fixture *fixture = *state;
        static const char *const names[] = { "a.json", "a.json.2", "a.json.3" };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                SpoolFile *file = drop_and_take(fixture, "a.json", LEAD);
                assert_int_equal(spool_set_aside(fixture->spool, file, "undecodable", "Line 1 is \xff no text.", 3), 0);
                assert_false(fixture_exists(fixture, "incoming/web", "new", "a.json"));
                assert_true(fixture_exists(fixture, "held", "web", names[i]));
                _cleanup_(base_freep) char *text = fixture_read(fixture_path(fixture, "held/web/%s.reason.json", names[i]));
                assert_non_null(text);
                json_t *reason = json_loads(text, 0, NULL);
                assert_non_null(reason);
                assert_string_equal(json_string_value(json_object_get(reason, "file")), "a.json");
                assert_string_equal(json_string_value(json_object_get(reason, "reason")), "undecodable");
                assert_int_equal(json_integer_value(json_object_get(reason, "size")), strlen(LEAD));
                assert_int_equal(json_integer_value(json_object_get(reason, "attempts")), 3);
                int64_t first_seen_us;
                const char *first_seen = json_string_value(json_object_get(reason, "first_seen"));
                assert_int_equal(time_parse_rfc3339(first_seen, strlen(first_seen), &first_seen_us), 0);
                struct timespec now;
                (void) clock_gettime(CLOCK_REALTIME, &now);
                assert_true(first_seen_us <= (int64_t) now.tv_sec * US_PER_SECOND + US_PER_SECOND);
                assert_true(first_seen_us >= (int64_t) now.tv_sec * US_PER_SECOND - 10 * US_PER_SECOND);
                json_decref(reason);
        }
        assert_int_equal(fixture_count(fixture_path(fixture, "held/web")), 6);
        assert_null(spool_next_notice(fixture->spool));
}

static void spool__held_that_cannot_be_written__leaves_the_file_and_tells_once(void **state) {
        Fixture *fixture = *state;
        Harvest harvest = { 0 };
        /* Something has the place of held/web. */
        fixture_write(fixture_path(fixture, "held/web"), "");
        SpoolFile *file = drop_and_take(fixture, "a.json", LEAD);
        assert_int_equal(spool_set_aside(fixture->spool, file, "undecodable", "It cannot be decoded.", 0), 0);
        assert_true(fixture_exists(fixture, "incoming/web", "new", "a.json"));
        assert_int_equal(spool_rescan(fixture->spool), 0);
        fixture_expect_nothing(fixture, US_PER_SECOND / 10);
        take_notices(fixture, &harvest);
        assert_int_equal(harvest.n_told, 1);
        assert_string_equal(harvest.told[0].reason, "undecodable");
        assert_false(harvest.told[0].moved);
        assert_true(spool_is_idle(fixture->spool));
        /* When it changes it is tried again. */
        assert_int_equal(unlink(fixture_path(fixture, "held/web")), 0);
        fixture_copy(fixture, "web", "a.json", "{}");
        file = next_of(fixture, "a.json");
        assert_int_equal(spool_set_aside(fixture->spool, file, "undecodable", "It cannot be decoded.", 0), 0);
        assert_true(fixture_exists(fixture, "held", "web", "a.json.reason.json"));
        harvest_done(&harvest);
}

/* A drop may be called like the reason of another: neither may take the other's place, in whatever order they come. */
static void spool__file_named_like_a_reason__is_not_overwritten_by_one(void **state) {
        Fixture *fixture = *state;
        static const char *const names[] = { "b.json.reason.json", "b.json", "b.json.rejects.ndjson", "b.json.reason.json" };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                SpoolFile *file = drop_and_take(fixture, names[i], LEAD);
                assert_int_equal(spool_write_rejects(fixture->spool, &file->identity, "{}\n", 3), 0);
                assert_int_equal(spool_set_aside(fixture->spool, file, "undecodable", "It cannot be decoded.", 1), 0);
        }
        size_t n_leads = 0, n_others = 0;
        DIR *directory = opendir(fixture_path(fixture, "held/web"));
        assert_non_null(directory);
        for (const struct dirent *entry; (entry = readdir(directory));) {
                if (entry->d_name[0] == '.')
                        continue;
                _cleanup_(base_freep) char *content = fixture_read(fixture_path(fixture, "held/web/%s", entry->d_name));
                n_leads += base_streq(content, LEAD);
                n_others += !base_streq(content, LEAD);
        }
        (void) closedir(directory);
        assert_int_equal(n_leads, ARRAY_SIZE(names));
        assert_int_equal(n_others, 2 * ARRAY_SIZE(names));
}

/* The states that a kill between two steps leaves behind. */
static void spool__half_done_setting_aside__is_completed(void **state) {
        Fixture *fixture = *state;
        assert_int_equal(mkdir(fixture_path(fixture, "held/web"), 0755), 0);
        fixture_write(fixture_path(fixture, "held/web/.leadd.tmp"), "{\"half");
        fixture_write(fixture_path(fixture, "held/web/a.json.reason.json"), "{\"file\":\"a.json\",\"reason\":\"written before the kill\"}");
        SpoolFile *file = drop_and_take(fixture, "a.json", LEAD);
        assert_int_equal(spool_set_aside(fixture->spool, file, "undecodable", "It cannot be decoded.", 1), 0);
        _cleanup_(base_freep) char *text = fixture_read(fixture_path(fixture, "held/web/a.json.reason.json"));
        assert_non_null(strstr(text, "undecodable"));
        assert_int_equal(fixture_count(fixture_path(fixture, "held/web")), 2);
        assert_false(fixture_exists(fixture, "held", "web", ".leadd.tmp"));
}

/* ---- rejects ---- */

static void check_rejects(const Fixture *fixture, const char *name, const char *want) {
        _cleanup_(base_freep) char *got = fixture_read(fixture_path(fixture, "held/web/%s", name));
        if (!want != !got || (want && !base_streq(want, got)))
                fail_msg("%s: want %s, got %s", name, want ? want : "none", got ? got : "none");
}

static void spool__rejects__are_replaced_for_one_file_and_kept_apart_for_two(void **state) {
        Fixture *fixture = *state;
        static const char first[] = "{\"index\":1}\n", again[] = "{\"index\":1}\n{\"index\":7}\n", other[] = "{\"index\":3}\n";
        SpoolFile *file = drop_and_take(fixture, "a.ndjson", LEAD);
        assert_int_equal(spool_write_rejects(fixture->spool, &file->identity, first, strlen(first)), 0);
        check_rejects(fixture, "a.ndjson.rejects.ndjson", first);
        assert_int_equal(spool_write_rejects(fixture->spool, &file->identity, again, strlen(again)), 0);
        check_rejects(fixture, "a.ndjson.rejects.ndjson", again);
        assert_int_equal(spool_finish(fixture->spool, file), 0);

        /* The next day's file of that name. */
        file = drop_and_take(fixture, "a.ndjson", LEAD LEAD);
        assert_int_equal(spool_write_rejects(fixture->spool, &file->identity, other, strlen(other)), 0);
        check_rejects(fixture, "a.ndjson.rejects.ndjson", again);
        check_rejects(fixture, "a.ndjson.2.rejects.ndjson", other);
        assert_int_equal(spool_write_rejects(fixture->spool, &file->identity, "", 0), 0);
        check_rejects(fixture, "a.ndjson.rejects.ndjson", again);
        check_rejects(fixture, "a.ndjson.2.rejects.ndjson", NULL);
        assert_int_equal(spool_write_rejects(fixture->spool, &file->identity, "", 0), 0);
        assert_int_equal(spool_finish(fixture->spool, file), 0);

        /* The longest name that there is. */
        char name[NAME_MAX + 1];
        memset(name, 'x', NAME_MAX - 5);
        memcpy(name + NAME_MAX - 5, ".json", 6);
        file = drop_and_take(fixture, name, LEAD);
        assert_int_equal(spool_write_rejects(fixture->spool, &file->identity, first, strlen(first)), 0);
        assert_int_equal(spool_write_rejects(fixture->spool, &file->identity, other, strlen(other)), 0);
        assert_int_equal(fixture_count(fixture_path(fixture, "held/web")), 2);
        assert_int_equal(spool_set_aside(fixture->spool, file, "truncated", "It ends too early.", 0), 0);
        assert_int_equal(fixture_count(fixture_path(fixture, "held/web")), 4);
}

/* A file of an old or odd date is the same file, too. */
static void spool__rejects_of_files_with_odd_dates__are_replaced(void **state) {
        Fixture *fixture = *state;
        static const int64_t seconds[] = { 0, 1, 1772720551, INT64_C(4102444800), -1, -86400 };
        for (size_t i = 0; i < ARRAY_SIZE(seconds); i++) {
                struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = seconds[i], .tv_nsec = 999999999 } };
                fixture_write(fixture_path(fixture, "incoming/web/tmp/dated"), LEAD);
                assert_int_equal(utimensat(AT_FDCWD, fixture_path(fixture, "incoming/web/tmp/dated"), times, 0), 0);
                assert_int_equal(
                        rename(fixture_path(fixture, "incoming/web/tmp/dated"), fixture_path(fixture, "incoming/web/new/d.ndjson")), 0);
                SpoolFile *file = next_of(fixture, "d.ndjson");
                for (int k = 0; k < 2; k++)
                        assert_int_equal(spool_write_rejects(fixture->spool, &file->identity, "{}\n", 3), 0);
                assert_int_equal(spool_finish(fixture->spool, file), 0);
                assert_int_equal(fixture_count(fixture_path(fixture, "held/web")), i + 1);
        }
}

/* ---- done ---- */

static void spool__finished_files__are_kept_for_their_time(void **state) {
        Fixture *fixture = *state;
        for (int i = 0; i < 2; i++)
                assert_int_equal(spool_finish(fixture->spool, drop_and_take(fixture, "a.json", LEAD)), 0);
        SpoolFile *file = drop_and_take(fixture, "secret.json", LEAD);
        file->never_keep = true;
        assert_int_equal(spool_finish(fixture->spool, file), 0);
        assert_true(fixture_exists(fixture, "done", "web", "a.json"));
        assert_true(fixture_exists(fixture, "done", "web", "a.json.2"));
        assert_int_equal(fixture_count(fixture_path(fixture, "done/web")), 2);
        assert_int_equal(fixture_count(fixture_path(fixture, "incoming/web/new")), 0);
        fixture_expect_nothing(fixture, US_PER_SECOND / 4);
        assert_int_equal(fixture_count(fixture_path(fixture, "done/web")), 2);
        fixture_expect_nothing(fixture, 3 * US_PER_SECOND / 2);
        assert_int_equal(fixture_count(fixture_path(fixture, "done/web")), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(spool__file_that_is_handed_out__is_not_handed_out_again, setup_web, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__file_that_is_given_back__comes_again, setup_web, fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        spool__file_replaced_while_handed_out__is_neither_lost_nor_removed, setup_web, fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        spool__file_appended_to_while_handed_out__is_read_again_when_closed, setup_web, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__file_overwritten_while_handed_out__is_read_again, setup_web, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__file_named_like_a_reason__is_not_overwritten_by_one, setup_web, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__file_removed_while_handed_out__is_no_error, setup_web, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__freed_with_files_in_hand__leaves_them_in_the_spool, setup_web, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__file_set_aside__stands_in_held_with_its_reason, setup_web, fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        spool__held_that_cannot_be_written__leaves_the_file_and_tells_once, setup_web, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__half_done_setting_aside__is_completed, setup_web, fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        spool__rejects__are_replaced_for_one_file_and_kept_apart_for_two, setup_web, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__rejects_of_files_with_odd_dates__are_replaced, setup_web, fixture_teardown),
                cmocka_unit_test_setup_teardown(spool__finished_files__are_kept_for_their_time, setup_keeping, fixture_teardown),
        };
        return cmocka_run_group_tests_name("spool: settling files", tests, NULL, NULL);
}
