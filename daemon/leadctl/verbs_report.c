/* SPDX-License-Identifier: MIT */
/*
 * leadctl report NAME: what was decided, measured. A report is a row of the table below: the method that makes it and how
 * it looks to people. --html writes the page that the daemon made.
 */
#include "leadctl.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- fairness ---- */

static const Column fairness_columns[] = {
        { "TEAM", false, false },
        { "ROUTE", false, false },
        { "OWNER", false, false },
        { "ENTITLED", true, false },
        { "BY TURN", true, false },
        { "ELSE", false, true },
        { "ACCEPTED", true, false },
        { "RETURNED", true, false },
        { "EXPIRED", true, false },
        { "LEFT", true, false },
        { "CREDIT", true, false },
        { "PASSED OVER", false, true },
};

typedef struct Word {
        const char *key, *text;
} Word;

/* "account 2, hand 1" */
static void add_words(Table *table, const json_t *object, const Word *words, size_t n) {
        Text text = { 0 };
        for (size_t i = 0; i < n; i++)
                if (number_at(object, words[i].key) > 0)
                        text_printf(&text, "%s%s %lld", text.size > 0 ? ", " : "", words[i].text, number_at(object, words[i].key));
        table_add(table, STYLE_PLAIN, text.size > 0 ? text.data : NULL);
        text_free(&text);
}

static int print_fairness(const json_t *report, const Output *output) {
        static const Word others[] = { { "made_good", "made good" }, { "by_account", "account" }, { "as_deputy", "deputy" },
                { "as_head", "head" }, { "by_hand", "hand" } };
        static const Word skips[] = { { "away", "away" }, { "unaccepted", "unaccepted" }, { "open", "open" }, { "today", "today" },
                { "skill", "skill" }, { "weight", "weight 0" }, { "expired", "expired" }, { "behind", "behind" } };
        static const char *const outcomes[] = { "accepted", "returned", "expired", "left", "given_back" };
        _cleanup_(table_done) Table table = { 0 };
        size_t i;
        json_t *line;
        Text text = { 0 };
        text_append(&text, "From ");
        text_append_time(&text, text_at(report, "from"));
        if (text_at(report, "recorded_since")) {
                text_append(&text, ", recorded since ");
                text_append_time(&text, text_at(report, "recorded_since"));
        }
        text_append_char(&text, '\n');
        print_text(&text);
        text_free(&text);
        table_start(&table, fairness_columns, ARRAY_SIZE(fairness_columns));
        json_array_foreach(json_object_get(report, "lines"), i, line) {
                table_add(&table, STYLE_DIM, text_at(line, "team"));
                table_add(&table, STYLE_DIM, text_at(line, "route"));
                table_add(&table, STYLE_PLAIN, text_at(line, "owner"));
                table_addf(&table, STYLE_PLAIN, "%.2f", json_number_value(json_object_get(line, "entitled")));
                table_addf(&table, STYLE_PLAIN, "%lld", number_at(line, "by_turn"));
                add_words(&table, line, others, ARRAY_SIZE(others));
                for (size_t k = 0; k < ARRAY_SIZE(outcomes); k++)
                        table_addf(&table, STYLE_PLAIN, "%lld", number_at(line, outcomes[k]));
                add_words(&table, json_object_get(line, "skipped"), skips, ARRAY_SIZE(skips));
        }
        if (table.n_cells == 0) {
                (void) printf("Nothing was routed.\n");
                return EXIT_DONE;
        }
        int r = table_print(&table, output);
        if (json_is_true(json_object_get(report, "more"))) {
                (void) fflush(stdout);
                (void) fprintf(stderr, "There is more than is shown.\n");
        }
        return r;
}

/* ---- all of them ---- */

static const struct {
        const char *name, *method;
        int (*print)(const json_t *report, const Output *output);
} reports[] = {
        { "fairness", "org.leadd.Report.Fairness", print_fairness },
};

/* Whole or not at all: a page that somebody looks at is never half of one. */
static int write_page(const char *path, const char *html) {
        Text temporary = { 0 };
        text_printf(&temporary, "%s.XXXXXX", path);
        /* A name that nobody can have laid a link at: root may be writing into /tmp. */
        int fd = temporary.error == 0 ? mkostemp(temporary.data, O_CLOEXEC) : -1;
        mode_t mask = umask(0);
        (void) umask(mask);
        FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
        bool good = file && fputs(html, file) >= 0 && fchmod(fd, 0666 & ~mask) == 0;
        if (file && fclose(file) != 0)
                good = false;
        if (good && rename(temporary.data, path) < 0)
                good = false;
        if (!good) {
                say_error("cannot write %s: %m", path);
                if (fd >= 0)
                        (void) remove(temporary.data);
                if (fd >= 0 && !file)
                        (void) close(fd);
        }
        text_free(&temporary);
        return good ? EXIT_DONE : EXIT_REFUSED;
}

static int run(const Arguments *arguments) {
        const char *name = arguments->positional[0], *path = arguments_value(arguments, "html");
        const char *names[ARRAY_SIZE(reports)];
        size_t at = 0;
        for (size_t i = 0; i < ARRAY_SIZE(reports); i++)
                names[i] = reports[i].name;
        while (at < ARRAY_SIZE(reports) && !base_streq(reports[at].name, name))
                at++;
        if (at == ARRAY_SIZE(reports)) {
                const char *near = text_closest(name, names, ARRAY_SIZE(names));
                say_error("no report \"%s\"%s%s%s; there is: fairness", name, near ? "; did you mean \"" : "", near ? near : "",
                        near ? "\"?" : "");
                return EXIT_NO_SUCH_THING;
        }
        json_t *parameters = PARAMETERS({ "since", arguments_value(arguments, "since") });
        if (parameters && path)
                (void) json_object_set_new(parameters, "html", json_true());
        json_auto_t *reply = NULL;
        int r = client_ask(arguments, reports[at].method, parameters, LEADCTL_TIMEOUT_LONG_MS, &reply);
        if (r != 0)
                return r;
        if (path) {
                r = write_page(path, text_at(reply, "html") ? text_at(reply, "html") : "");
                if (r != 0 || !arguments->json)
                        return r;
        }
        const json_t *report = json_object_get(reply, "report");
        if (arguments->json) {
                print_json(report);
                return EXIT_DONE;
        }
        Output output;
        output_open(&output);
        output_now(&output, text_at(report, "now"));
        return reports[at].print(report, &output);
}

const Verb verb_report = {
        .name = "report",
        .section = "answers",
        .usage = "fairness [--since D] [--html FILE]",
        .summary = "what was decided, measured",
        .details = "fairness: who was entitled to how many leads, how many they got by turn and otherwise, what became of them, and why\n"
                   "they were passed over. Entitled: the sum over all leads given by turn of the member's weight by the sum of the\n"
                   "weights of those who could take the lead. Counted in whole days of the site's zone.",
        .flags = { { "since", "D", "a duration, a day or an instant; 30d without" }, { "html", "FILE", "writes it as a page" } },
        .n_min = 1,
        .n_max = 1,
        .run = run,
};
