/* SPDX-License-Identifier: MIT */
/*
 * Delivery through a program: the machine's sendmail, or one that the channel names. No shell, an environment of our own,
 * the text on standard input (in a memory file, so that a program that does not read cannot block us), a time limit, and
 * what it prints goes nowhere: it might hold an address. What became of it is the exit status, by the words of sysexits.h.
 */
#include "notifier.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>

/* A file that holds the text, at its beginning. -errno. */
static int open_input(const char *data, size_t size) {
        _cleanup_(base_closep) int fd = memfd_create("job", MFD_CLOEXEC);

        if (fd < 0)
                return -errno;
        int r = base_write_all(fd, data, size);
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static _Noreturn void run_child(char *const *argv, char *const *environment, int input_fd) {
        int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        sigset_t none;

        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) signal(SIGPIPE, SIG_DFL);
        (void) signal(SIGCHLD, SIG_DFL);
        (void) setpgid(0, 0); /* what it starts ends with it */
        if (null_fd < 0 || dup2(input_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0 || dup2(null_fd, STDERR_FILENO) < 0 ||
                chdir("/") < 0)
                _exit(EX_OSERR);
        (void) execve(argv[0], argv, environment);
        _exit(errno == ENOENT || errno == EACCES ? 127 : 126);
}

/* Waits for the end, at most so long; then everything it started is killed. -ETIMEDOUT, -errno, or the status. */
static int wait_for(pid_t pid, int timeout_s, int *ret_status) {
        _cleanup_(base_closep) int fd = pidfd_open(pid, 0);
        bool late = false;

        if (fd >= 0) {
                struct pollfd waiting = { .fd = fd, .events = POLLIN };
                int r;
                do
                        r = poll(&waiting, 1, timeout_s * 1000);
                while (r < 0 && errno == EINTR);
                late = r <= 0;
        }
        if (fd < 0 || late) {
                (void) kill(-pid, SIGKILL);
                (void) kill(pid, SIGKILL);
        }
        while (waitpid(pid, ret_status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return late ? -ETIMEDOUT : fd < 0 ? -EMFILE : 0;
}

static int run_program(char *const *argv, char *const *environment, const char *data, size_t size, int timeout_s, int *ret_status) {
        _cleanup_(base_closep) int input_fd = open_input(data, size);

        if (input_fd < 0)
                return input_fd;
        pid_t pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                run_child(argv, environment, input_fd);
        return wait_for(pid, timeout_s, ret_status);
}

static void read_status(const char *what, int timeout_s, int r, int status, Result *ret) {
        if (r == -ETIMEDOUT)
                result_set(ret, OUTCOME_RETRY, "%s took longer than %d s", what, timeout_s);
        else if (r < 0)
                result_set(ret, OUTCOME_RETRY, "%s cannot be run: %s", what, strerror(-r));
        else if (WIFSIGNALED(status))
                result_set(ret, OUTCOME_RETRY, "%s was ended by signal %d", what, WTERMSIG(status));
        else
                switch (WEXITSTATUS(status)) {
                case 0:
                        result_set(ret, OUTCOME_DELIVERED, "%s", "");
                        break;
                case EX_USAGE:
                case EX_DATAERR:
                case EX_NOUSER:
                case EX_NOHOST:
                case EX_NOPERM:
                        result_set(ret, OUTCOME_FAILED, "%s refused it (exit %d)", what, WEXITSTATUS(status));
                        break;
                case 127:
                        result_set(ret, OUTCOME_RETRY, "%s is not there, or cannot be executed", what);
                        break;
                default:
                        result_set(ret, OUTCOME_RETRY, "%s exited with %d", what, WEXITSTATUS(status));
                }
}

static char *const plain_environment[] = { (char *) "PATH=/usr/sbin:/usr/bin:/sbin:/bin", (char *) "LANG=C.UTF-8", NULL };

void deliver_sendmail(const Job *job, const NotifierConfig *config, Result *ret) {
        _cleanup_(text_free) Text message = { 0 };
        int timeout_s = NOTIFIER_PROGRAM_TIMES * config->timeout_s, status = 0, r = mail_compose(job, false, &message);

        if (r == -EINVAL) {
                result_set(ret, OUTCOME_FAILED, "the sender or the recipient is no plain address");
                return;
        }
        if (r < 0) {
                result_set(ret, OUTCOME_RETRY, "out of memory");
                return;
        }
        /* -i: a line with a single dot is text; --: an address is never an option. */
        char *const argv[] = { (char *) config->sendmail, (char *) "-i", (char *) "-f", (char *) job->from, (char *) "--", (char *) job->to,
                NULL };
        r = run_program(argv, plain_environment, message.data, message.size, timeout_s, &status);
        read_status("sendmail", timeout_s, r, status, ret);
}

/* Rules name the program, so it must be one that only an administrator can have put there. NULL = good. */
static const char *why_not_run(const char *path) {
        struct stat st;

        if (path[0] != '/' || strstr(path, "/../"))
                return "is not named by an absolute path";
        if (stat(path, &st) < 0)
                return "is not there";
        if (!S_ISREG(st.st_mode))
                return "is no regular file";
        if (st.st_uid != 0 && st.st_uid != geteuid())
                return "belongs to another user";
        if (st.st_mode & (S_IWGRP | S_IWOTH))
                return "can be written by others";
        return NULL;
}

void deliver_exec(const Job *job, const NotifierConfig *config, Result *ret) {
        const char *why = why_not_run(job->target ? job->target : "");
        const char *body = job->body ? job->body : "";
        _cleanup_(text_free) Text id = { 0 };
        _cleanup_(text_free) Text lead = { 0 };
        _cleanup_(text_free) Text kind = { 0 };
        int timeout_s = NOTIFIER_PROGRAM_TIMES * config->timeout_s, status = 0;

        if (why) {
                /* An administrator may mend it: what waits is kept. */
                result_set(ret, OUTCOME_RETRY, "the program %s", why);
                return;
        }
        text_printf(&id, "LEADD_ID=%s", job->id);
        text_printf(&lead, "LEADD_LEAD=%s", job->lead ? job->lead : "");
        text_printf(&kind, "LEADD_KIND=%s", job->kind ? job->kind : "");
        if (id.error < 0 || lead.error < 0 || kind.error < 0) {
                result_set(ret, OUTCOME_RETRY, "out of memory");
                return;
        }
        char *const argv[] = { (char *) job->target, NULL };
        char *const environment[] = { plain_environment[0], plain_environment[1], id.data, lead.data, kind.data, NULL };
        int r = run_program(argv, environment, body, strlen(body), timeout_s, &status);
        read_status("the program", timeout_s, r, status, ret);
}
