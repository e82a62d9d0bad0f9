/* SPDX-License-Identifier: MIT */
/*
 * submit: gives a file to the spool and waits for what becomes of each of its records.
 */
#include "leadctl.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* The format in a file name: "leads.csv.gz" -> "csv.gz". NULL when it has none. */
static const char *format_of(const char *path) {
        const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path, *last = strrchr(name, '.');
        if (!last || last == name)
                return NULL;
        if (!base_streq(last, ".gz") && !base_streq(last, ".zst"))
                return last + 1;
        for (const char *c = last - 1; c > name; c--)
                if (*c == '.')
                        return c + 1;
        return NULL;
}

/* leadd takes regular files only, so that no pipe can make it wait: what comes through one is gathered first. */
static int gather(int from, int *ret) {
        _cleanup_(base_closep) int fd = memfd_create("leadctl-submit", MFD_CLOEXEC);
        if (fd < 0)
                return -errno;
        for (;;) {
                char buffer[64 * 1024];
                ssize_t n = read(from, buffer, sizeof(buffer));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                for (ssize_t done = 0; done < n;) {
                        ssize_t m = write(fd, buffer + done, (size_t) (n - done));
                        if (m < 0 && errno != EINTR)
                                return -errno;
                        done += m > 0 ? m : 0;
                }
        }
        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

static int open_input(const char *path, int *ret) {
        struct stat st;
        _cleanup_(base_closep) int fd = base_streq(path, "-") ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (S_ISREG(st.st_mode)) {
                *ret = TAKE_FD(fd);
                return 0;
        }
        return gather(fd, ret);
}

typedef struct Submitting {
        bool json;
        Output output;
} Submitting;

static void print_result(const Submitting *submitting, const json_t *item) {
        if (submitting->json) {
                print_json(item);
                return;
        }
        const char *result = text_at(item, "result") ? text_at(item, "result") : "?";
        Style style = base_streq(result, "refused") ? STYLE_BAD : base_streq(result, "accepted") ? STYLE_GOOD : STYLE_DIM;
        static const char *const keys[] = { "lead", "summary", "reason", "field", "text" };
        Text text = { 0 };
        text_printf(&text, "#%-5" JSON_INTEGER_FORMAT " ", json_integer_value(json_object_get(item, "index")));
        style_begin(&submitting->output, style, &text);
        text_printf(&text, "%-9s", result);
        style_end(&submitting->output, style, &text);
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (text_at(item, keys[i]) && *text_at(item, keys[i])) {
                        text_append(&text, "  ");
                        text_append_safe(&text, text_at(item, keys[i]));
                }
        text_append_char(&text, '\n');
        print_text(&text);
        text_free(&text);
}

static bool on_submit_item(json_t *parameters, void *userdata) {
        size_t i;
        json_t *item;
        json_array_foreach(json_object_get(parameters, "results"), i, item) print_result(userdata, item);
        return true;
}

int submit_file(const Arguments *arguments, int fd, const char *format, bool wait, bool *ret_kept) {
        *ret_kept = false;
        _cleanup_(client_close) Client client = { .fd = -1 };
        int r = client_open(arguments, &client);
        if (r != 0)
                return r;
        json_t *parameters = PARAMETERS({ "format", format }, { "source", arguments_value(arguments, "source") });
        if (parameters)
                (void) json_object_set_new(parameters, "wait", json_boolean(wait));
        Submitting submitting = { .json = arguments->json };
        output_open(&submitting.output);
        json_auto_t *last = NULL;
        r = client_call_more(&client, "org.leadd.Control.Submit", parameters, fd, on_submit_item, &submitting, &last);
        if (r != 0)
                return r;
        *ret_kept = true;
        (void) on_submit_item(last, &submitting);
        if (!wait) {
                if (arguments->json)
                        print_json(last);
                else
                        (void) printf("spooled as %s\n", text_at(last, "name") ? text_at(last, "name") : "?");
                return EXIT_DONE;
        }
        json_int_t refused = json_integer_value(json_object_get(last, "refused"));
        const char *aside = text_at(last, "aside");
        if (aside) {
                (void) fflush(stdout);
                say_error("the file was set aside (%s): %s; `leadctl spool` lists it", aside,
                        text_at(last, "text") ? text_at(last, "text") : "it is unusable");
        } else if (!arguments->json)
                (void) printf("accepted %" JSON_INTEGER_FORMAT ", duplicates %" JSON_INTEGER_FORMAT ", refused %" JSON_INTEGER_FORMAT
                              ", dropped %" JSON_INTEGER_FORMAT "\n",
                        json_integer_value(json_object_get(last, "accepted")), json_integer_value(json_object_get(last, "duplicates")),
                        refused, json_integer_value(json_object_get(last, "dropped")));
        return refused > 0 || aside ? EXIT_BAD_DATA : EXIT_DONE;
}

static int run_submit(const Arguments *arguments) {
        const char *path = arguments->positional[0], *format = arguments_value(arguments, "format");
        bool wait = !arguments_value(arguments, "no-wait");
        if (!format)
                format = base_streq(path, "-") ? NULL : format_of(path);
        if (!format) {
                say_error("cannot tell the format of %s; say --format json, ndjson, csv or form (.gz or .zst may follow), or eml",
                        base_streq(path, "-") ? "standard input" : path);
                return EXIT_USAGE;
        }
        bool is_mail = base_streq(format, "eml");
        _cleanup_(base_closep) int fd = -1;
        int r = open_input(path, &fd);
        if (r < 0) {
                say_error("cannot read %s: %s", path, strerror(-r));
                return r == -ENOENT ? EXIT_NO_SUCH_THING : r == -EACCES || r == -EPERM ? EXIT_NOT_PERMITTED : EXIT_BAD_DATA;
        }
        bool kept;
        return is_mail ? submit_mail(arguments, fd, wait) : submit_file(arguments, fd, format, wait, &kept);
}

const Verb verb_submit = {
        .name = "submit",
        .section = "spool",
        .usage = "FILE|- [--source S] [--format F] [--no-wait]",
        .summary = "gives a file to the spool and prints what became of each record (exit 65 when one was refused)",
        .details = "eml is a mail, as a mail system pipes it: an answer to a mail of leadd does what its first line says (accept, or\n"
                   "reject REASON NOTE), in any other the attached records are taken. Exit then: 0 done, 65 refused (the mail system\n"
                   "returns it to its sender, with the reason), 75 try again later. What no person wrote is passed over.",
        .flags = { { "source", "S", "whose records they are (leadctl)" },
                { "format", "F", "json, ndjson, csv or form, with .gz or .zst, or eml; by default from the file's name" },
                { "no-wait", NULL, "return once the file is safely in the spool" } },
        .n_min = 1,
        .n_max = 1,
        .run = run_submit,
};
