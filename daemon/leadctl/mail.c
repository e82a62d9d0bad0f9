/* SPDX-License-Identifier: MIT */
/*
 * submit --format eml: a mail from a pipe of the mail system. leadd-mail, a process of its own, takes it apart; what is an answer to a mail
 * of leadd goes to org.leadd.Leads.Answer, what holds records goes to the spool like any file.
 *
 * Who runs this is a mail system, so the exit status is one it understands: 0 it is done, 65 it goes back to its sender with what was said
 * on stderr, 75 it is kept and tried again. What no person wrote is never sent back: two programs would write to each other for ever.
 */
#include "leadctl.h"
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define READER "leadd-mail"
#define READER_OUTPUT_MAX (64 * 1024 * 1024)

extern char **environ;

/* Beside leadctl, where it was built; else where it is installed. */
static void find_reader(Text *out) {
        char self[4096];
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        char *slash = n > 0 ? memrchr(self, '/', (size_t) n) : NULL;

        if (slash) {
                text_append_size(out, self, (size_t) (slash - self));
                text_append(out, "/" READER);
                if (out->error == 0 && access(out->data, X_OK) == 0)
                        return;
        }
        text_clear(out);
        text_append(out, LEADD_PREFIX "/libexec/leadd/" READER);
}

/* What the reader says of the mail at fd. An exit code; what is wrong was said. */
static int take_apart(int fd, json_t **ret) {
        _cleanup_(text_free) Text path = { 0 }, said = { 0 };
        posix_spawn_file_actions_t actions;
        char *const argv[] = { (char *) READER, NULL };
        int ends[2], status = 0;
        pid_t pid;

        find_reader(&path);
        if (path.error < 0 || pipe2(ends, O_CLOEXEC) < 0 || posix_spawn_file_actions_init(&actions) != 0) {
                say_error("cannot start " READER ": %m");
                return EXIT_LATER;
        }
        (void) posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
        (void) posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        int r = posix_spawn(&pid, path.data, &actions, NULL, argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        (void) close(ends[1]);
        if (r != 0) {
                (void) close(ends[0]);
                say_error("cannot start %s: %s", path.data, strerror(r));
                return EXIT_LATER;
        }
        r = base_read_all(ends[0], READER_OUTPUT_MAX, &said);
        (void) close(ends[0]);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_BAD_DATA)
                return EXIT_BAD_DATA; /* it has said why */
        if (WIFSIGNALED(status)) {
                say_error("the mail cannot be read: it is more than a reader may spend on one (signal %d)", WTERMSIG(status));
                return EXIT_BAD_DATA;
        }
        *ret = r == 0 && status == 0 ? json_loadb(said.data ? said.data : "", said.size, 0, NULL) : NULL;
        if (json_is_object(*ret))
                return EXIT_DONE;
        say_error("the mail cannot be read now");
        json_decref(*ret);
        *ret = NULL;
        return EXIT_LATER;
}

/* What leadctl says to a person becomes what a mail system understands. */
static int as_mail_system(int code) {
        switch (code) {
        case EXIT_DONE:
                return EXIT_DONE;
        case EXIT_NO_DAEMON: /* it comes back, and whoever runs leadctl is let in some day: no mail is lost over that */
        case EXIT_NOT_PERMITTED:
        case EXIT_LATER:
                return EXIT_LATER;
        default:
                return EXIT_BAD_DATA;
        }
}

static const char *said_at(const json_t *object, const char *key) {
        const char *text = json_string_value(json_object_get(object, key));

        return text ? text : "";
}

static int answer(const Arguments *arguments, const json_t *mail) {
        _cleanup_(client_close) Client client = { .fd = -1 };
        json_auto_t *reply = NULL;

        if (!*said_at(mail, "line")) {
                say_error("refused: the reply says nothing above what it quotes and its signature; its first line is the answer");
                return EXIT_BAD_DATA;
        }
        int r = client_open(arguments, &client);
        if (r == EXIT_DONE)
                r = client_call_once(&client, "org.leadd.Leads.Answer",
                        PARAMETERS({ "tokens", *said_at(mail, "tokens") ? said_at(mail, "tokens") : NULL },
                                { "quoted", *said_at(mail, "quoted") ? said_at(mail, "quoted") : NULL }, { "line", said_at(mail, "line") }),
                        LEADCTL_TIMEOUT_MS, &reply);
        if (r != EXIT_DONE)
                return r;
        if (arguments->json)
                print_json(reply);
        else {
                _cleanup_(text_free) Text text = { 0 };
                text_append_safe(&text, said_at(reply, "lead"));
                text_append(&text, json_is_true(json_object_get(reply, "duplicate")) ? ": done before: " : ": ");
                text_append_safe(&text, said_at(reply, "summary"));
                text_append_char(&text, '\n');
                print_text(&text);
        }
        return EXIT_DONE;
}

static int submit_record(const Arguments *arguments, const json_t *record, bool wait, bool *ret_kept) {
        gsize size = 0;
        *ret_kept = false;
        g_autofree guchar *data = g_base64_decode(said_at(record, "data"), &size);
        _cleanup_(base_closep) int fd = memfd_create("leadctl-mail", MFD_CLOEXEC);

        if (fd < 0 || base_write_all(fd, (const char *) data, size) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
                say_error("cannot keep the attachment: %m");
                return EXIT_LATER;
        }
        return submit_file(arguments, fd, said_at(record, "format"), wait, ret_kept);
}

int submit_mail(const Arguments *arguments, int fd, bool wait) {
        json_auto_t *mail = NULL;
        int r = take_apart(fd, &mail);

        if (r != EXIT_DONE)
                return r;
        const json_t *records = json_object_get(mail, "records");
        const char *automatic = json_string_value(json_object_get(mail, "automatic"));
        /* A lead that quotes what looks like a token is a lead; a reply that has something attached is a reply. */
        bool is_answer = *said_at(mail, "tokens") || (json_array_size(records) == 0 && *said_at(mail, "quoted"));
        if (automatic && (is_answer || json_array_size(records) == 0)) {
                (void) printf("passed over: %s\n", automatic);
                return EXIT_DONE;
        }
        if (is_answer)
                return as_mail_system(answer(arguments, mail));
        if (json_array_size(records) == 0) {
                say_error("refused: the mail answers none of leadd's, and no record is attached to it (json, ndjson, csv or form)");
                return EXIT_BAD_DATA;
        }
        /* One that must be tried again has the whole mail tried again: what was taken counts once, however often it comes. */
        int worst = EXIT_DONE;
        size_t i;
        json_t *record;
        json_array_foreach((json_t *) records, i, record) {
                bool kept;
                r = as_mail_system(submit_record(arguments, record, wait, &kept));
                /* A program reads no reasons: what it sent stays in the spool for those who do, or the mail stays with the mail system. */
                if (automatic && r == EXIT_BAD_DATA)
                        r = kept ? EXIT_DONE : EXIT_LATER;
                worst = r == EXIT_LATER || worst == EXIT_LATER ? EXIT_LATER : r > worst ? r : worst;
        }
        return worst;
}
