/* SPDX-License-Identifier: MIT */
/*
 * Verbs that need no daemon: check, calendar, version. They read a rules directory, check the book beside it when asked, and write
 * nothing.
 */
#include "leadctl.h"
#include "leadd/gate.h"
#include "leadd/policy.h"
#include "leadd/store.h"
#include "leadd/worktime.h"
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#define SITE_RULES "/etc/leadd/rules"
#define SHIPPED_RULES LEADD_PREFIX "/share/leadd/rules"

/* The rules leadd itself would use. */
const char *rules_default(void) {
        DIR *directory = opendir(SITE_RULES);
        bool found = false;
        for (struct dirent *entry; directory && !found && (entry = readdir(directory));) {
                size_t n = strlen(entry->d_name);
                found = n > 4 && entry->d_name[0] != '.' && base_streq(entry->d_name + n - 4, ".lua");
        }
        if (directory)
                (void) closedir(directory);
        return found ? SITE_RULES : SHIPPED_RULES;
}

int rules_load(const char *directory, unsigned flags, struct RuleSet **ret, struct PolicyReport *report) {
        struct stat st;
        int r = stat(directory, &st) < 0 ? -errno : !S_ISDIR(st.st_mode) ? -ENOTDIR : policy_load(directory, flags, ret, report);
        if (r < 0) {
                say_error("cannot read the rules in %s: %s", directory, strerror(-r));
                return r == -ENOENT || r == -ENOTDIR ? EXIT_NO_SUCH_THING : r == -EACCES ? EXIT_NOT_PERMITTED : EXIT_BAD_DATA;
        }
        return r > 0 || !*ret ? EXIT_BAD_DATA : EXIT_DONE;
}

/* ---- check ---- */

static int print_report_json(const PolicyReport *report) {
        for (size_t i = 0; i < report->n_problems; i++) {
                const PolicyProblem *p = &report->problems[i];
                json_auto_t *json = json_pack("{s:s, s:s, s:i, s:s}", "severity", p->is_error ? "error" : "warning", "file",
                        p->file ? p->file : "", "line", p->line, "text", p->text ? p->text : "");
                if (json)
                        print_json(json);
        }
        return EXIT_DONE;
}

static void print_summary(const RuleSet *rules, size_t n_warnings) {
        const struct {
                size_t n;
                const char *one, *many;
        } counts[] = {
                { rules->n_statuses, "status", "statuses" },
                { rules->n_moves, "move", "moves" },
                { rules->n_scores, "score", "scores" },
                { rules->n_segments, "segment", "segments" },
                { rules->n_teams, "team", "teams" },
                { rules->n_members, "member", "members" },
                { rules->n_routes, "route", "routes" },
                { rules->n_slas, "SLA", "SLAs" },
                { rules->n_adapters, "adapter", "adapters" },
        };
        (void) printf("%s loads:", rules->directory);
        for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
                (void) printf("%s %zu %s", i ? "," : "", counts[i].n, counts[i].n == 1 ? counts[i].one : counts[i].many);
        if (n_warnings > 0)
                (void) printf("; %zu warning%s", n_warnings, n_warnings == 1 ? "" : "s");
        (void) printf(" (%.12s)\n", rules->hash_text);
}

int say_unreadable(const char *path, int r) {
        say_error("cannot read %s: %s", path,
                r == STORE_E_NEWER     ? "another leadd, newer than this leadctl, has written it"
                : r == STORE_E_OLDER   ? "an older leadd has written it; this one brings it up to date at its next start"
                : r == STORE_E_CORRUPT ? "it is no file of this leadd's, or damaged"
                : r > 0                ? "it is in use; try again"
                                       : strerror(-r));
        return r == -ENOENT ? EXIT_NO_SUCH_THING : r == -EACCES || r == -EPERM ? EXIT_NOT_PERMITTED : EXIT_BAD_DATA;
}

/* Warns of values that no source has ever sent to the leadd whose state stands in that directory. */
static int check_values(const char *directory, const RuleSet *rules, PolicyReport *report) {
        char path[4096];
        _cleanup_(store_closep) Store *store = NULL;
        if ((size_t) snprintf(path, sizeof(path), "%s/leadd.db", directory) >= sizeof(path)) {
                say_error("--state: too long a path");
                return EXIT_USAGE;
        }
        int r = store_open(path, STORE_READ_ONLY, &store);
        if (r == 0)
                r = gate_check_values(store, rules, report);
        if (r == 0)
                return EXIT_DONE;
        return say_unreadable(path, r);
}

static int run_check(const Arguments *arguments) {
        const char *directory = arguments->n_positional ? arguments->positional[0] : arguments_value(arguments, "rules");
        if (!directory)
                directory = rules_default();
        _cleanup_(policy_freep) RuleSet *rules = NULL;
        _cleanup_(policy_report_done) PolicyReport report = { 0 };
        int code = rules_load(directory, 0, &rules, &report);
        const char *state = arguments_value(arguments, "state");
        if (code == EXIT_DONE && state)
                code = check_values(state, rules, &report);
        if (arguments->json)
                (void) print_report_json(&report);
        else {
                Text text = { 0 };
                if (policy_report_format(&report, &text) == 0)
                        print_text(&text);
                text_free(&text);
        }
        if (code == EXIT_DONE && rules && !arguments->json)
                print_summary(rules, report.n_problems - report.n_errors);
        else if (code == EXIT_BAD_DATA && report.n_errors > 0) {
                (void) fflush(stdout);
                say_error("%s does not load: %zu error%s", directory, report.n_errors, report.n_errors == 1 ? "" : "s");
        }
        return code;
}

const Verb verb_check = {
        .name = "check",
        .section = "rules",
        .usage = "[DIR] [--state=DIR]",
        .summary = "do the rules in DIR load? Every problem with its place (exit 65); needs no daemon",
        .details =
                "Warnings (exit 0) name what loads but is hardly meant: a rule that can never match, one behind another that always wins,\n"
                "a band out of reach. With --state they also name values that no source has ever sent in the records so far.",
        .flags = { { "rules", "DIR", "the same as DIR (default: " SITE_RULES ", else the shipped example)" },
                { "state", "DIR", "where leadd.db is (/var/lib/leadd): also warns of values that were never sent" } },
        .n_max = 1,
        .run = run_check,
};

/* ---- calendar ---- */

static int read_instant(const char *text, int64_t *ret_us) {
        if (time_parse_rfc3339(text, strlen(text), ret_us) == 0)
                return 0;
        say_error("\"%s\" is no instant in RFC 3339; write 2026-03-05T14:00:00+01:00 or 2026-03-05T13:00:00Z", text);
        return EXIT_USAGE;
}

static int calendar_find(const Arguments *arguments, RuleSet **ret_rules, const Calendar **ret) {
        const char *directory = arguments_value(arguments, "rules"), *name = arguments->positional[1];
        _cleanup_(policy_report_done) PolicyReport report = { 0 };
        if (!directory)
                directory = rules_default();
        int code = rules_load(directory, POLICY_LOAD_CALENDARS, ret_rules, &report);
        if (code != EXIT_DONE) {
                _cleanup_(text_free) Text text = { 0 };
                if (policy_report_format(&report, &text) == 0 && text.data)
                        (void) fputs(text.data, stderr);
                return code;
        }
        const CalendarDecl *found = policy_calendar(*ret_rules, name);
        if (!found) {
                const char *names[256], *near;
                size_t n = 0;
                for (size_t i = 0; i < (*ret_rules)->n_calendars && n < ARRAY_SIZE(names); i++)
                        names[n++] = (*ret_rules)->calendars[i].rule.name;
                near = text_closest(name, names, n);
                say_error("%s declares no calendar \"%s\"%s%s%s", directory, name, near ? "; did you mean \"" : "", near ? near : "",
                        near ? "\"?" : "");
                return EXIT_NO_SUCH_THING;
        }
        *ret = found->calendar;
        return EXIT_DONE;
}

static int calendar_print_due(const Arguments *arguments, const Calendar *calendar, int64_t from_us) {
        Duration duration;
        const char *text = arguments->positional[3];
        if (duration_parse(text, &duration) != 0) {
                say_error("\"%s\" is no duration; write 90m, 4h, 30d, 1w, or 2wd for work days", text);
                return EXIT_USAGE;
        }
        int64_t due_us;
        int r = calendar_add(calendar, from_us, duration, &due_us);
        if (r < 0) {
                say_error("cannot compute it: %s", strerror(-r));
                return EXIT_BAD_DATA;
        }
        char buffer[TIME_TEXT_SIZE];
        if (arguments->json) {
                json_auto_t *json = json_pack(
                        "{s:s, s:s?}", "calendar", calendar_name(calendar), "due", r == 0 ? time_format_rfc3339(due_us, buffer) : NULL);
                if (json)
                        print_json(json);
        } else
                (void) printf("%s\n", r == 0 ? zone_format(calendar_zone(calendar), due_us, buffer) : "none");
        return r == 0 ? EXIT_DONE : EXIT_REFUSED;
}

static int run_calendar(const Arguments *arguments) {
        bool add = base_streq(arguments->positional[0], "add");
        if (!add && !base_streq(arguments->positional[0], "between")) {
                say_error("usage: leadctl calendar add NAME FROM DURATION, or leadctl calendar between NAME A B");
                return EXIT_USAGE;
        }
        int64_t from_us, until_us = 0;
        int r = read_instant(arguments->positional[2], &from_us);
        if (r == 0 && !add)
                r = read_instant(arguments->positional[3], &until_us);
        if (r != 0)
                return r;
        _cleanup_(policy_freep) RuleSet *rules = NULL;
        const Calendar *calendar = NULL;
        r = calendar_find(arguments, &rules, &calendar);
        if (r != EXIT_DONE)
                return r;
        if (add)
                return calendar_print_due(arguments, calendar, from_us);
        int64_t between_us = calendar_between(calendar, from_us, until_us);
        if (arguments->json) {
                json_auto_t *json =
                        json_pack("{s:s, s:I}", "calendar", calendar_name(calendar), "seconds", (json_int_t) (between_us / US_PER_SECOND));
                if (json)
                        print_json(json);
        } else
                (void) printf("%" PRId64 "\n", between_us / US_PER_SECOND);
        return EXIT_DONE;
}

const Verb verb_calendar = {
        .name = "calendar",
        .section = "rules",
        .usage = "add NAME FROM DURATION | between NAME A B [--rules DIR]",
        .summary = "working time: when is it due, how many seconds are between; needs no daemon",
        .details = "add prints the due instant in the calendar's zone, or `none` (exit 1) when nothing opens within 200 days;\n"
                   "between prints working seconds. FROM, A and B are RFC 3339.",
        .flags = { { "rules", "DIR", "where the calendar is declared (default: " SITE_RULES ", else the shipped example)" } },
        .n_min = 4,
        .n_max = 4,
        .run = run_calendar,
};

/* ---- version ---- */

static int run_version(const Arguments *arguments) {
        if (arguments->json)
                (void) printf("{\"version\":\"%s\"}\n", LEADD_VERSION);
        else
                (void) printf("leadctl %s\n", LEADD_VERSION);
        return EXIT_DONE;
}

const Verb verb_version = {
        .name = "version", .section = "care", .usage = "", .summary = "of leadctl; `ping` says that of the daemon", .run = run_version
};
