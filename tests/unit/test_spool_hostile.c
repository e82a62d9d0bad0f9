/* SPDX-License-Identifier: MIT */
/*
 * Entries that can never be a record file, and odd ones that are: each is put
 * into one directory, which is then read until nothing is left to say. Nobody
 * may be blocked, fooled or lost.
 */
#include "test_spool_fixture.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

typedef enum Kind {
        REGULAR,
        EMPTY,
        SYMLINK,
        FIFO,
        SOCKET,
        DIRECTORY,
        CHARACTER_DEVICE,
        BLOCK_DEVICE,
        HARD_LINK,
        SPARSE,
} Kind;

typedef enum Fate {
        READ,    /* handed out */
        IGNORED, /* stays, and nobody hears of it */
        HELD,
} Fate;

typedef struct Case {
        const char *name;
        Kind kind;
        Fate fate;
        const char *reason;
        const char *detail; /* target of a link */
        mode_t mode;        /* 0 = 0644 */
        off_t size;
        const char *held_name; /* NULL = name */
} Case;

#define N10 "0123456789"
#define N100 N10 N10 N10 N10 N10 N10 N10 N10 N10 N10
#define N250 N100 N100 N10 N10 N10 N10 N10
#define EURO10 "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
#define EURO80 EURO10 EURO10 EURO10 EURO10 EURO10 EURO10 EURO10 EURO10
#define CUT "*" /* held under a shortened name */

#define REFUSED(name_, kind_, reason_, ...) \
        { .name = (name_), .kind = (kind_), .fate = HELD, .reason = (reason_), ##__VA_ARGS__ }
#define ACCEPTED(name_, kind_, ...) \
        { .name = (name_), .kind = (kind_), .fate = READ, ##__VA_ARGS__ }
#define PASSED_OVER(name_, kind_) \
        { .name = (name_), .kind = (kind_), .fate = IGNORED }

static const Case cases[] = {
        /* kinds */
        REFUSED("link-to-file.json", SYMLINK, "symlink", .detail = "good.json"),
        REFUSED("link-outside.json", SYMLINK, "symlink", .detail = "/etc/passwd"),
        REFUSED("link-dangling.json", SYMLINK, "symlink", .detail = "nothing-here"),
        REFUSED("link-to-directory.json", SYMLINK, "symlink", .detail = "/"),
        REFUSED("link-to-device.json", SYMLINK, "symlink", .detail = "/dev/zero"),
        REFUSED("link-to-itself.json", SYMLINK, "symlink", .detail = "link-to-itself.json"),
        REFUSED("link-wrong-name", SYMLINK, "symlink", .detail = "good.json"),
        REFUSED("fifo.json", FIFO, "fifo"),
        REFUSED("fifo.ndjson.gz", FIFO, "fifo"),
        REFUSED("socket.json", SOCKET, "socket"),
        REFUSED("directory.json", DIRECTORY, "directory"),
        REFUSED("directory-full.json", DIRECTORY, "directory", .detail = "inside.json"),
        REFUSED("null.json", CHARACTER_DEVICE, "device"),
        REFUSED("disk.json", BLOCK_DEVICE, "device"),
        REFUSED("twice.json", HARD_LINK, "hard_link", .detail = "twice-again.json"),
        REFUSED("set-uid.json", REGULAR, "set_id", .mode = 04644),
        REFUSED("set-gid.csv", REGULAR, "set_id", .mode = 02644),
        REFUSED("set-gid-executable.csv", REGULAR, "set_id", .mode = 02755),
        REFUSED("empty.json", EMPTY, "empty"),
        REFUSED("too-large.ndjson", SPARSE, "too_large", .size = (INT64_C(1) << 30) + 1),
        REFUSED("way-too-large.ndjson.zst", SPARSE, "too_large", .size = INT64_C(1) << 40),
        /* names that are no record file's */
        REFUSED("notes.txt", REGULAR, "wrong_name"),
        REFUSED("plain", REGULAR, "wrong_name"),
        REFUSED("json", REGULAR, "wrong_name"),
        REFUSED("leads.json.bak", REGULAR, "wrong_name"),
        REFUSED("leads.json~", REGULAR, "wrong_name"),
        REFUSED("leads.gz", REGULAR, "wrong_name"),
        REFUSED("leads.json.gz.zst", REGULAR, "wrong_name"),
        REFUSED("leads.json.bz2", REGULAR, "wrong_name"),
        REFUSED("leads.json.", REGULAR, "wrong_name"),
        REFUSED("leads.json ", REGULAR, "wrong_name"),
        REFUSED("leads.json\n", REGULAR, "wrong_name"),
        REFUSED("leads.jsonx", REGULAR, "wrong_name"),
        REFUSED("leads.json.2", REGULAR, "wrong_name"),
        REFUSED("bad-\xff\xfe-bytes.txt", REGULAR, "wrong_name"),
        REFUSED("half-\xe2\x82.txt", REGULAR, "wrong_name"),
        REFUSED("\x1b[2J\x07.txt", REGULAR, "wrong_name"),
        REFUSED(N250 ".bad", REGULAR, "wrong_name", .held_name = CUT),
        REFUSED(N250 ".evil", REGULAR, "wrong_name", .held_name = CUT),
        REFUSED(EURO80 "." N10, REGULAR, "wrong_name", .held_name = CUT),
        REFUSED(N100 N100 N10 N10 "\xff.txt", REGULAR, "wrong_name", .held_name = CUT),
        /* names that would take the place of our own files in held/ */
        REFUSED("notes.txt.reason.json", EMPTY, "empty", .held_name = CUT),
        REFUSED("notes.txt.rejects.ndjson", EMPTY, "empty", .held_name = CUT),
        /* not ours to look at */
        PASSED_OVER(".hidden.json", REGULAR),
        PASSED_OVER(".leads.json.Xy12Z", REGULAR),
        PASSED_OVER("..json", REGULAR),
        PASSED_OVER(".fifo.json", FIFO),
        /* odd, but files like any other */
        ACCEPTED("good.json", REGULAR),
        ACCEPTED("good.xml", REGULAR),
        ACCEPTED("good.form.gz", REGULAR),
        ACCEPTED("EXPORT.CSV", REGULAR),
        ACCEPTED("Export.Json.GZ", REGULAR),
        ACCEPTED("good.csv.zst", REGULAR),
        ACCEPTED("dots.in.the.name.ndjson", REGULAR),
        ACCEPTED("a\nb.json", REGULAR),
        ACCEPTED(" .json", REGULAR),
        ACCEPTED("-rf.json", REGULAR),
        ACCEPTED("%s%n%999999d.json", REGULAR),
        ACCEPTED("$(reboot);`reboot`.json", REGULAR),
        ACCEPTED("back\\slash\\x41.json", REGULAR),
        ACCEPTED("quote\"'.json", REGULAR),
        ACCEPTED("bad-\xff\xfe.json", REGULAR),
        ACCEPTED("\xe2\x80\xaenosj.json", REGULAR),
        ACCEPTED(N250 ".json", REGULAR),
        ACCEPTED("ann@example.com.json", REGULAR),
        ACCEPTED("sticky.json", REGULAR, .mode = 01644),
        ACCEPTED("executable.json", REGULAR, .mode = 0755),
        ACCEPTED("as-large-as-may-be.ndjson", SPARSE, .size = INT64_C(1) << 30),
};

static void make_socket(const char *path, const Fixture *fixture) {
        /* A path that is long does not fit into sun_path: bound short, moved. */
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/s", fixture->directory);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(close(fd), 0);
        assert_int_equal(rename(address.sun_path, path), 0);
}

/* false when this user may not make such a thing. */
static bool make_entry(const Fixture *fixture, const Case *c) {
        const char *path = fixture_path(fixture, "incoming/web/new/%s", c->name);
        int fd;
        switch (c->kind) {
        case REGULAR:
                fixture_write(path, LEAD);
                break;
        case EMPTY:
                fixture_write(path, "");
                break;
        case SPARSE:
                fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
                assert_true(fd >= 0);
                assert_int_equal(ftruncate(fd, c->size), 0);
                assert_int_equal(close(fd), 0);
                break;
        case SYMLINK:
                assert_int_equal(symlink(c->detail, path), 0);
                break;
        case FIFO:
                assert_int_equal(mkfifo(path, 0644), 0);
                break;
        case SOCKET:
                make_socket(path, fixture);
                break;
        case DIRECTORY:
                assert_int_equal(mkdir(path, 0755), 0);
                if (c->detail)
                        fixture_copy(fixture, "web", "directory-full.json/inside.json", LEAD);
                break;
        case CHARACTER_DEVICE:
                if (mknod(path, S_IFCHR | 0666, makedev(1, 3)) < 0)
                        return false;
                break;
        case BLOCK_DEVICE:
                if (mknod(path, S_IFBLK | 0666, makedev(7, 0)) < 0)
                        return false;
                break;
        case HARD_LINK:
                fixture_write(path, LEAD);
                assert_int_equal(link(path, fixture_path(fixture, "incoming/web/new/%s", c->detail)), 0);
                break;
        }
        if (c->mode != 0)
                assert_int_equal(chmod(path, c->mode), 0);
        return true;
}

static json_t *load_reason(const Fixture *fixture, const char *held_name) {
        char name[NAME_MAX + 32];
        (void) snprintf(name, sizeof(name), "%s.reason.json", held_name);
        _cleanup_(base_freep) char *text = fixture_read(fixture_path(fixture, "held/web/%s", name));
        return text ? json_loads(text, 0, NULL) : NULL;
}

/* The reason whose `file` (or file_hex) is that name, wherever it stands. */
static json_t *find_reason(const Fixture *fixture, const char *name, char ret_held_name[static NAME_MAX + 1]) {
        DIR *directory = opendir(fixture_path(fixture, "held/web"));
        json_t *found = NULL;
        char hex[2 * NAME_MAX + 1];
        digest_hex((const uint8_t *) name, strlen(name), hex);
        assert_non_null(directory);
        for (const struct dirent *entry; !found && (entry = readdir(directory));) {
                size_t size = strlen(entry->d_name), suffix = strlen(".reason.json");
                if (size < suffix || !base_streq(entry->d_name + size - suffix, ".reason.json"))
                        continue;
                (void) snprintf(ret_held_name, NAME_MAX + 1, "%.*s", (int) (size - suffix), entry->d_name);
                json_t *reason = load_reason(fixture, ret_held_name);
                const char *file_hex = json_string_value(json_object_get(reason, "file_hex"));
                if (base_streq(file_hex ? file_hex : json_string_value(json_object_get(reason, "file")), file_hex ? hex : name))
                        found = reason;
                else
                        json_decref(reason);
        }
        (void) closedir(directory);
        return found;
}

static void check_held(const Fixture *fixture, const Case *c, const char *name) {
        char held_name[NAME_MAX + 1];
        struct stat st;
        json_t *reason = find_reason(fixture, name, held_name);
        if (!reason)
                fail_msg("%s: want a reason file, got none", name);
        if (!base_streq(json_string_value(json_object_get(reason, "reason")), c->reason))
                fail_msg("%s: want %s, got %s", name, c->reason, json_string_value(json_object_get(reason, "reason")));
        assert_true(json_string_length(json_object_get(reason, "text")) > 10);
        assert_true(json_is_integer(json_object_get(reason, "size")));
        assert_true(json_is_integer(json_object_get(reason, "attempts")));
        assert_int_equal(json_string_length(json_object_get(reason, "first_seen")) >= strlen("2026-03-05T14:22:31Z"), 1);
        json_decref(reason);
        if (lstat(fixture_path(fixture, "held/web/%s", held_name), &st) < 0)
                fail_msg("%s: want it in held/, got %s", name, strerror(errno));
        if (c->held_name)
                assert_true(!base_streq(held_name, name) && strlen(held_name) <= NAME_MAX - strlen(".rejects.ndjson"));
        else
                assert_string_equal(held_name, name);
        assert_false(fixture_exists(fixture, "incoming/web", "new", name));
}

static void spool__hostile_entries__are_set_aside_with_reason_or_read(void **state) {
        Fixture *fixture = *state;
        Harvest harvest = { 0 };
        bool made[ARRAY_SIZE(cases)];
        fixture_make_source(fixture, "web");
        fixture_expect_nothing(fixture, 0);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                made[i] = make_entry(fixture, &cases[i]);
        reap(fixture, &harvest, SETTLED_US);

        size_t n_read = 0, n_held = 1; /* the other name of the hard link */
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const Case *c = &cases[i];
                if (!made[i])
                        continue;
                n_read += c->fate == READ;
                n_held += c->fate == HELD;
                if (times_read(&harvest, c->name) != (c->fate == READ))
                        fail_msg("%s: want read %d times, got %zu", c->name, c->fate == READ, times_read(&harvest, c->name));
                if (c->fate == HELD)
                        check_held(fixture, c, c->name);
                if (c->fate == IGNORED)
                        assert_true(fixture_exists(fixture, "incoming/web", "new", c->name));
                if (c->fate == READ)
                        assert_false(fixture_exists(fixture, "incoming/web", "new", c->name));
        }
        check_held(fixture, &(const Case){ .reason = "hard_link" }, "twice-again.json");
        assert_int_equal(harvest.n_read, n_read);
        assert_int_equal(harvest.n_told, n_held);
        for (size_t i = 0; i < harvest.n_told; i++) {
                assert_true(harvest.told[i].moved);
                assert_true(utf8_is_valid(harvest.told[i].name, strlen(harvest.told[i].name)));
                assert_null(strpbrk(harvest.told[i].name, "\n\x1b\x07"));
        }
        assert_int_equal(fixture_count(fixture_path(fixture, "held/web")), 2 * n_held);
        assert_int_equal(fixture_count(fixture_path(fixture, "incoming/web/new")), 0);
        assert_true(spool_is_idle(fixture->spool));
        harvest_done(&harvest);
}

/* ---- swaps ---- */

typedef struct Swapper {
        Fixture *fixture;
        atomic_bool stop;
} Swapper;

/* Keeps putting a good file, a link to a secret and a FIFO under the same name. */
static void *swapper_run(void *userdata) {
        Swapper *swapper = userdata;
        char name[PATH_MAX + 64], good[PATH_MAX + 64], link_path[PATH_MAX + 64], fifo[PATH_MAX + 64], secret[PATH_MAX + 64];
        const char *directory = swapper->fixture->directory;
        (void) snprintf(name, sizeof(name), "%s/incoming/web/new/swap.json", directory);
        (void) snprintf(good, sizeof(good), "%s/incoming/web/tmp/good", directory);
        (void) snprintf(link_path, sizeof(link_path), "%s/incoming/web/tmp/link", directory);
        (void) snprintf(fifo, sizeof(fifo), "%s/incoming/web/tmp/fifo", directory);
        (void) snprintf(secret, sizeof(secret), "%s/secret", directory);
        while (!atomic_load(&swapper->stop)) {
                int fd = open(good, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
                if (fd >= 0) {
                        (void) !write(fd, LEAD, strlen(LEAD));
                        (void) close(fd);
                }
                (void) symlink(secret, link_path);
                (void) mkfifo(fifo, 0644);
                (void) rename(good, name);
                (void) rename(link_path, name);
                (void) rename(fifo, name);
        }
        return NULL;
}

static void spool__name_that_is_swapped_all_the_time__never_gives_anything_but_its_own_file(void **state) {
        Fixture *fixture = *state;
        Swapper swapper = { .fixture = fixture };
        pthread_t thread;
        size_t n_read = 0;
        fixture_make_source(fixture, "web");
        fixture_write(fixture_path(fixture, "secret"), "root:x:0:0\n");
        fixture_expect_nothing(fixture, 0);
        assert_int_equal(pthread_create(&thread, NULL, swapper_run, &swapper), 0);
        for (int64_t end_us = fixture_now_us() + US_PER_SECOND; fixture_now_us() < end_us;) {
                SpoolFile *file = fixture_next(fixture, US_PER_SECOND / 100);
                if (!file)
                        continue;
                char content[64] = { 0 };
                ssize_t size = read(file->fd, content, sizeof(content) - 1);
                /* The good file may be read while the swapper makes it again; it is never the secret. */
                if (size > 0 && strncmp(LEAD, content, (size_t) size) != 0)
                        fail_msg("want the lead, got '%s'", content);
                n_read++;
                assert_int_equal(spool_finish(fixture->spool, file), 0);
        }
        atomic_store(&swapper.stop, true);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(n_read > 0);
        assert_true(access(fixture_path(fixture, "secret"), F_OK) == 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(spool__hostile_entries__are_set_aside_with_reason_or_read, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(
                        spool__name_that_is_swapped_all_the_time__never_gives_anything_but_its_own_file, fixture_setup, fixture_teardown),
        };
        return cmocka_run_group_tests_name("spool: hostile entries", tests, NULL, NULL);
}
