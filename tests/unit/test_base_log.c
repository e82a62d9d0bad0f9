/* SPDX-License-Identifier: MIT */
/*
 * The log as others see it: a child process (this program again, with an environment of its own) writes to a file as
 * stderr, or to a journal socket that the test has put into a mount namespace. The second needs user namespaces or root
 * and is skipped where neither is allowed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "leadd/base.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define MESSAGE_ID "00112233445566778899aabbccddeeff"

/* ---- what the child says ---- */

static void say_everything(void) {
        const LogField fields[] = { { "LEAD_ID", "L-42" }, { "LEAD_OWNER", NULL }, { "LEAD_FILE", "a\nb\x1b[31m" } };
        char long_text[6000];
        memset(long_text, 'y', sizeof long_text - 1);
        long_text[sizeof long_text - 1] = '\0';
        log_open(LOG_LEVEL_INFO);
        errno = ENOENT;
        log_event(LOG_LEVEL_NOTICE, MESSAGE_ID, fields, ARRAY_SIZE(fields), "Lead %s moved", "L-42");
        if (errno != ENOENT)
                log_error("errno was changed");
        log_debug("not said");
        log_error("first line\nnot a second line");
        log_warning("%s", long_text);
        log_info("end");
}

/* Replaces this process by the child, whose stderr is fd. */
static void exec_child(int fd, const char *stream) {
        char variable[100];
        char *arguments[] = { "test_base_log", "say", NULL };
        char *environment[] = { variable, NULL };
        (void) snprintf(variable, sizeof variable, "JOURNAL_STREAM=%s", stream);
        if (dup2(fd, STDERR_FILENO) >= 0)
                execve("/proc/self/exe", arguments, environment);
        _exit(99);
}

/* ---- stderr ---- */

static const char *const other_streams[] = { "", "1:2", "garbage", "8:1:7", "99999999999999999999999999:1" };

static void log__stderr_is_not_the_journal__writes_plain_lines(void **state) {
        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(other_streams); i++) {
                char got[16384] = "";
                _cleanup_(base_closep) int fd = memfd_create("stderr", MFD_CLOEXEC);
                assert_true(fd >= 0);
                pid_t pid = fork();
                if (pid == 0)
                        exec_child(fd, other_streams[i]);
                int status;
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_int_equal(status, 0);
                ssize_t n = pread(fd, got, sizeof got - 1, 0);
                assert_true(n > 0);
                static const char head[] = "notice: Lead L-42 moved LEAD_ID=L-42 LEAD_FILE=a?b?[31m\n"
                                           "error: first line?not a second line\n"
                                           "warning: yyy";
                got[n] = '\0';
                if (strncmp(got, head, sizeof head - 1) != 0)
                        fail_msg("JOURNAL_STREAM=%s: got \"%.200s\", want \"%s\"", other_streams[i], got, head);
                assert_string_equal(strrchr(got, 'y') + 1, "\ninfo: end\n");
                assert_null(strstr(got, "not said"));
                assert_null(strstr(got, "errno"));
        }
}

/* ---- the journal ---- */

static int write_file(const char *path, const char *text) {
        _cleanup_(base_closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
        return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text) ? 0 : -1;
}

/* A private /run with a journal socket, and the child in it. Exit: 77 when the kernel does not let us. */
static int serve_journal(int report) {
        char line[64], stream[64];
        unsigned uid = getuid(), gid = getgid();
        if (unshare(CLONE_NEWNS) < 0) {
                if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
                        return 77;
                (void) write_file("/proc/self/setgroups", "deny");
                (void) snprintf(line, sizeof line, "0 %u 1", uid);
                if (write_file("/proc/self/uid_map", line) < 0)
                        return 77;
                (void) snprintf(line, sizeof line, "0 %u 1", gid);
                if (write_file("/proc/self/gid_map", line) < 0)
                        return 77;
        }
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0)
                return 77;
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };
        int journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), sockets[2];
        if (mkdir("/run/systemd", 0755) < 0 || mkdir("/run/systemd/journal", 0755) < 0 || journal < 0 ||
                bind(journal, (struct sockaddr *) &address, sizeof address) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0)
                return 1;
        struct stat st;
        if (fstat(sockets[1], &st) < 0)
                return 1;
        (void) snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long) st.st_dev, (unsigned long long) st.st_ino);
        pid_t pid = fork();
        if (pid == 0)
                exec_child(sockets[1], stream);
        int status;
        if (waitpid(pid, &status, 0) != pid || status != 0)
                return 2;
        for (struct pollfd fd = { .fd = journal, .events = POLLIN }; poll(&fd, 1, 0) == 1;) {
                char entry[8192];
                ssize_t n = recv(journal, entry, sizeof entry, 0);
                if (n < 0 || write(report, entry, (size_t) n) != n || write(report, "\n--\n", 4) != 4)
                        return 3;
        }
        /* Nothing may have gone to stderr as well. */
        char extra;
        return recv(sockets[0], &extra, 1, MSG_DONTWAIT) < 0 ? 0 : 4;
}

static void log__stderr_is_the_journal__sends_entries_with_fields(void **state) {
        (void) state;
        _cleanup_(base_closep) int report = memfd_create("report", MFD_CLOEXEC);
        char got[32768] = "";
        assert_true(report >= 0);
        pid_t pid = fork();
        if (pid == 0)
                _exit(serve_journal(report));
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77) {
                print_message("no mount namespace here\n");
                skip();
        }
        assert_int_equal(WEXITSTATUS(status), 0);
        ssize_t n = pread(report, got, sizeof got - 1, 0);
        assert_true(n > 0);
        static const char head[] = "PRIORITY=5\nMESSAGE=Lead L-42 moved\nMESSAGE_ID=" MESSAGE_ID "\nLEAD_ID=L-42\n";
        if (strncmp(got, head, sizeof head - 1) != 0)
                fail_msg("got \"%.300s\", want \"%s\"", got, head);
        /* A value with a newline goes in the binary form, its length (8) in front, so that it cannot forge a field. */
        static const char field[] = "LEAD_FILE\n\x08\0\0\0\0\0\0\0"
                                    "a\nb\x1b[31m\n";
        assert_non_null(memmem(got, (size_t) n, field, sizeof field - 1));
        assert_null(memmem(got, (size_t) n, "LEAD_OWNER", 10));
        assert_null(memmem(got, (size_t) n, "not said", 8));
        assert_null(memmem(got, (size_t) n, "CODE_FILE", 9));
        assert_non_null(memmem(got, (size_t) n, "\n--\nPRIORITY=3\n", 15));
        assert_non_null(memmem(got, (size_t) n, "\n--\nPRIORITY=4\nMESSAGE=yyy", 26));
        assert_non_null(memmem(got, (size_t) n, "\n--\nPRIORITY=6\nMESSAGE=end\n", 27));
        assert_non_null(memmem(got, (size_t) n, "SYSLOG_IDENTIFIER=", 18));
}

static void log_max_level__opened__is_what_was_asked(void **state) {
        (void) state;
        log_open(LOG_LEVEL_DEBUG);
        assert_int_equal(log_max_level(), LOG_LEVEL_DEBUG);
        log_open(LOG_LEVEL_ERROR);
        assert_int_equal(log_max_level(), LOG_LEVEL_ERROR);
        log_warning("must not be seen in the output of the tests");
}

int main(int argc, char **argv) {
        if (argc == 2 && base_streq(argv[1], "say")) {
                say_everything();
                return 0;
        }
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(log__stderr_is_not_the_journal__writes_plain_lines),
                cmocka_unit_test(log__stderr_is_the_journal__sends_entries_with_fields),
                cmocka_unit_test(log_max_level__opened__is_what_was_asked),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
