/* SPDX-License-Identifier: MIT */
/*
 * leadctl test: runs the tests that stand beside the rules, in this process, and says what came of them as TAP version 14
 * (https://testanything.org), so that any TAP reader, such as Debian's prove, can collect it.
 */
#include "leadctl.h"
#include "leadd/policy.h"
#include "leadd/trial.h"

typedef struct Testing {
        const RuleSet *rules;
        bool json;
        size_t n;
        bool failed; /* no memory to say it */
} Testing;

/* ---- TAP ---- */

/* Perl's harness says that it is there, and up to Debian 12's it refuses a version line it does not know. What follows is the same in
 * both. */
static int tap_version(void) { return getenv("HARNESS_ACTIVE") ? 13 : 14; }

/* A test's name on its line: "#" begins a directive there. */
static void print_name(const char *name) {
        for (; *name; name++) {
                if (*name == '#' || *name == '\\')
                        (void) putchar('\\');
                (void) putchar(*name);
        }
}

/* A YAML scalar in double quotes: the one style that can hold any text. */
static void print_quoted(const char *text) {
        (void) putchar('"');
        for (; *text; text++) {
                if (*text == '"' || *text == '\\')
                        (void) putchar('\\');
                if ((unsigned char) *text < 0x20 || *text == 0x7f)
                        (void) printf("\\x%02x", (unsigned) (unsigned char) *text);
                else
                        (void) putchar(*text);
        }
        (void) putchar('"');
}

static void print_key(const char *indent, const char *key, const char *text) {
        (void) printf("%s%s: ", indent, key);
        print_quoted(text);
        (void) putchar('\n');
}

static void print_diagnostic(const TrialFailure *failure) {
        (void) printf("  ---\n");
        print_key("  ", "file", failure->file);
        (void) printf("  line: %d\n  misses:\n", failure->line);
        for (size_t i = 0; i < failure->n_misses; i++) {
                const TrialMiss *miss = &failure->misses[i];
                print_key("    - ", "at", miss->where);
                if (miss->key[0])
                        print_key("      ", "key", miss->key);
                print_key("      ", "want", miss->want);
                print_key("      ", "got", miss->got);
        }
        if (failure->receipts[0]) {
                (void) printf("  receipts:\n");
                for (const char *at = failure->receipts, *end; *at; at = *end ? end + 1 : end) {
                        end = strchrnul(at, '\n');
                        Text line = { 0 };
                        text_append_size(&line, at, (size_t) (end - at));
                        (void) printf("    - ");
                        print_quoted(line.error < 0 || !line.data ? "" : line.data);
                        (void) putchar('\n');
                        text_free(&line);
                }
        }
        (void) printf("  ...\n");
}

static void print_tap(Testing *testing, const Rule *test, const TrialFailure *failure) {
        (void) printf("%s %zu - ", failure ? "not ok" : "ok", testing->n);
        print_name(test->name);
        (void) putchar('\n');
        if (failure)
                print_diagnostic(failure);
}

/* ---- JSON ---- */

static json_t *json_misses(const TrialFailure *failure) {
        json_t *misses = json_array();
        for (size_t i = 0; failure && i < failure->n_misses; i++) {
                const TrialMiss *miss = &failure->misses[i];
                if (json_array_append_new(misses, json_pack("{s:s, s:s, s:s, s:s}", "at", miss->where, "key", miss->key, "want", miss->want,
                                                          "got", miss->got)) < 0) {
                        json_decref(misses);
                        return NULL;
                }
        }
        return misses;
}

static json_t *json_lines(const char *text) {
        json_t *lines = json_array();
        for (const char *at = text, *end; *at; at = *end ? end + 1 : end) {
                end = strchrnul(at, '\n');
                if (json_array_append_new(lines, json_stringn(at, (size_t) (end - at))) < 0) {
                        json_decref(lines);
                        return NULL;
                }
        }
        return lines;
}

static void print_object(Testing *testing, const Rule *test, const TrialFailure *failure) {
        json_auto_t *json = json_pack("{s:s, s:b, s:s, s:i, s:o, s:o}", "test", test->name, "ok", failure == NULL, "file", test->file,
                "line", test->line, "misses", json_misses(failure), "receipts", json_lines(failure ? failure->receipts : ""));
        if (json)
                print_json(json);
        else
                testing->failed = true;
}

/* ---- all of it ---- */

static void on_test(const Rule *test, const TrialFailure *failure, void *userdata) {
        Testing *testing = userdata;
        testing->n++;
        if (testing->json)
                print_object(testing, test, failure);
        else
                print_tap(testing, test, failure);
}

static void print_gaps(Testing *testing, const TrialReport *report) {
        for (size_t i = 0; i < report->n_gaps; i++) {
                const TrialGap *gap = &report->gaps[i];
                const char *kind = rule_kind_name(gap->rule->kind);
                if (!testing->json) {
                        (void) printf("# %s:%d: %s \"%s\": %s\n", gap->rule->file, gap->rule->line, kind, gap->rule->name, gap->text);
                        continue;
                }
                json_auto_t *json = json_pack("{s:s, s:s, s:s, s:i, s:s}", "rule", gap->rule->name, "kind", kind, "file", gap->rule->file,
                        "line", gap->rule->line, "gap", gap->text);
                if (json)
                        print_json(json);
                else
                        testing->failed = true;
        }
        if (testing->json)
                return;
        if (report->n_gaps == 0)
                (void) printf("# coverage: every rule was hit, every condition came out both ways\n");
        else
                (void) printf("# coverage: %zu gap%s\n", report->n_gaps, report->n_gaps == 1 ? "" : "s");
}

/* Rules that do not load are no failing test: whoever collects TAP must see that nothing was tested. */
static void bail_out(const PolicyReport *report, bool json) {
        Text text = { 0 };
        if (policy_report_format(report, &text) == 0 && text.data)
                (void) fputs(text.data, stderr);
        text_free(&text);
        if (!json)
                (void) printf("Bail out! the rules do not load\n");
}

static int run_test(const Arguments *arguments) {
        const char *directory = arguments->n_positional ? arguments->positional[0] : arguments_value(arguments, "rules");
        _cleanup_(policy_freep) RuleSet *rules = NULL;
        _cleanup_(policy_report_done) PolicyReport problems = { 0 };
        if (!directory)
                directory = rules_default();
        int code = rules_load(directory, 0, &rules, &problems);
        if (!arguments->json && code != EXIT_NO_SUCH_THING && code != EXIT_NOT_PERMITTED)
                (void) printf("TAP version %d\n", tap_version());
        if (code != EXIT_DONE) {
                if (problems.n_errors > 0)
                        bail_out(&problems, arguments->json);
                return code;
        }
        Testing testing = { .rules = rules, .json = arguments->json };
        const TrialOptions options = { .filter = arguments_value(arguments, "filter"),
                .coverage = arguments_value(arguments, "coverage") != NULL,
                .on_test = on_test,
                .userdata = &testing };
        TrialReport report;
        int r = trial_run(rules, &options, &report);
        if (r < 0) {
                say_error("cannot run the tests of %s: %s", directory, strerror(-r));
                if (!arguments->json)
                        (void) printf("Bail out! %s\n", strerror(-r));
                return EXIT_BAD_DATA;
        }
        if (!arguments->json && report.n_tests == 0)
                (void) printf("1..0 # SKIP %s\n",
                        rules->n_tests == 0 ? "no *_test.lua file beside the rules has a test" : "no test has such a name");
        else if (!arguments->json)
                (void) printf("1..%zu\n", report.n_tests);
        if (options.coverage)
                print_gaps(&testing, &report);
        code = report.n_failed > 0 ? EXIT_REFUSED : testing.failed ? EXIT_BAD_DATA : EXIT_DONE;
        trial_report_done(&report);
        return code;
}

const Verb verb_test = {
        .name = "test",
        .section = "rules",
        .usage = "[DIR] [--coverage] [--filter TEXT]",
        .summary = "run the tests beside the rules (*_test.lua): TAP, exit 1 when one fails; needs no daemon",
        .details =
                "Each test happens to an empty book in memory under a clock of its own; nothing is sent. A failing test prints what was\n"
                "wanted, what there was, and the receipts of all rules that bear on the lead. --coverage lists after the plan, as "
                "comments\n"
                "or with --json as objects, the rules no test hit and the conditions that never came out false or never true.",
        .flags = { { "coverage", NULL, "say what the tests never made happen" },
                { "filter", "TEXT", "only tests with TEXT in their names" },
                { "rules", "DIR", "the same as DIR (default: /etc/leadd/rules, else the shipped example)" } },
        .n_max = 1,
        .run = run_test,
};
