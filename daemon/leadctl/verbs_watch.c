/* SPDX-License-Identifier: MIT */
/*
 * Verbs for what watches the machine: its figures as Prometheus reads them, and whether it is well as monitoring plugins say it: one line
 * with figures behind a bar, exit 0 (OK), 1 (WARNING), 2 (CRITICAL) or 3 (UNKNOWN).
 */
#include "leadctl.h"
#include <math.h>
#include <stdlib.h>

/* ---- metrics ---- */

static int run_metrics(const Arguments *arguments) {
        json_auto_t *reply = NULL;
        const char *path = arguments_value(arguments, "output");
        int r = client_ask(arguments, "org.leadd.Control.Metrics", json_object(), LEADCTL_TIMEOUT_MS, &reply);
        if (r != 0)
                return r;
        const char *text = text_at(reply, "text");
        if (path)
                return write_whole(path, text ? text : "");
        if (arguments->json)
                print_json(reply);
        else
                (void) fputs(text ? text : "", stdout);
        return EXIT_DONE;
}

const Verb verb_metrics = {
        .name = "metrics",
        .section = "care",
        .usage = "[--output FILE]",
        .summary = "figures of the daemon in Prometheus' text format",
        .details = "For node_exporter's textfile collector: --output FILE is written whole or not at all, as leadd-metrics.timer does.\n"
                   "Counters come from the book and survive a restart. No person's name is in any label.",
        .flags = { { "output", "FILE", "writes them there instead" } },
        .letters = "o",
        .run = run_metrics,
};

/* ---- health ---- */

typedef enum Health { HEALTH_OK, HEALTH_WARNING, HEALTH_CRITICAL, HEALTH_UNKNOWN } Health;
static const char *const health_names[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

/* As monitoring plugins write ranges: 10 (0 to 10 is well), 10: (at least), ~:10 (at most), 10:20, @10:20 (outside of it). */
typedef struct Range {
        double low, high;
        bool inside; /* what lies inside is not well */
        char text[32];
} Range;

static bool read_number(const char *text, size_t size, double *ret) {
        char copy[32];
        char *end;
        if (size == 0 || size >= sizeof(copy))
                return false;
        memcpy(copy, text, size);
        copy[size] = '\0';
        *ret = strtod(copy, &end);
        return *end == '\0' && isfinite(*ret);
}

static bool read_range(const char *text, size_t size, Range *ret) {
        *ret = (Range){ .high = INFINITY };
        if (size == 0 || size >= sizeof(ret->text))
                return false;
        memcpy(ret->text, text, size);
        if (*text == '@') {
                ret->inside = true;
                text++;
                size--;
        }
        const char *colon = memchr(text, ':', size);
        if (!colon)
                return read_number(text, size, &ret->high) && ret->high >= 0;
        size_t n_low = (size_t) (colon - text);
        if (n_low == 1 && *text == '~')
                ret->low = -INFINITY;
        else if (n_low > 0 && !read_number(text, n_low, &ret->low))
                return false;
        size_t n_high = size - n_low - 1;
        return (n_high == 0 || read_number(colon + 1, n_high, &ret->high)) && ret->low <= ret->high;
}

static bool is_well(const Range *range, double value) {
        bool within = value >= range->low && value <= range->high;
        return !*range->text || within != range->inside;
}

/* What is asked of each figure, unless -w and -c say otherwise. */
typedef struct Check {
        const char *name, *unit;
        const char *text, *one; /* what is said of a figure that is not well, with its number, and of 1; NULL = the same */
        const char *warning, *critical;
        const char *floor; /* of the figure, for the plot */
} Check;
static const Check checks[] = {
        { "spool", "s", "the oldest file in the spool waits for %.0f s", NULL, "300", "3600", "0" },
        { "held", "", "%.0f leads are held", "1 lead is held", "100", "1000", "0" },
        { "dead", "", "%.0f notifications were given up", "1 notification was given up", "0", "100", "0" },
        { "failing", "", "%.0f notifications fail", "1 notification fails", "10", "100", "0" },
        { "leaks", "", "%.0f leads leak", "1 lead leaks", "0", "", "0" },
        { "room", "%", "%.1f %% of the disk are free", NULL, "10:", "5:", "0" },
        { "busy", "s", "a thread has been at one piece of work for %.0f s", NULL, "10", "60", "0" },
        { "suspended", "", "%.0f rules are suspended", "1 rule is suspended", "0", "", "0" },
};

static const Check *find_check(const char *name, size_t size) {
        for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
                if (strlen(checks[i].name) == size && memcmp(checks[i].name, name, size) == 0)
                        return &checks[i];
        return NULL;
}

/* "spool=600,held=50"; NULL leaves them as they are. */
static bool read_thresholds(const char *text, Range ranges[static ARRAY_SIZE(checks)], Text *problem) {
        while (text && *text) {
                size_t size = strcspn(text, ","), n_name = strcspn(text, "=");
                const Check *check = n_name < size ? find_check(text, n_name) : NULL;
                if (!check) {
                        text_printf(problem, "no threshold \"%.*s\": NAME=RANGE, where NAME is", (int) size, text);
                        for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
                                text_printf(problem, "%s %s", i > 0 ? "," : "", checks[i].name);
                        return false;
                }
                if (!read_range(text + n_name + 1, size - n_name - 1, &ranges[check - checks])) {
                        text_printf(
                                problem, "no range \"%.*s\": 10, 10:, ~:10, 10:20 or @10:20", (int) (size - n_name - 1), text + n_name + 1);
                        return false;
                }
                text += size + (text[size] == ',');
        }
        return true;
}

static int conclude(Health health, const char *text, const char *figures) {
        (void) printf("LEADD %s - %s%s%s\n", health_names[health], text, figures ? " | " : "", figures ? figures : "");
        return (int) health;
}

static void add_problem(Text *text, Health *health, Health found) {
        if (found > *health)
                *health = found;
        if (text->size > 0)
                text_append(text, ", ");
}

static void check_figure(
        const Check *check, const json_t *value, const Range *warning, const Range *critical, Text *text, Text *figures, Health *health) {
        if (!json_is_number(value))
                return; /* not known yet */
        double number = json_number_value(value);
        Health found = !is_well(critical, number) ? HEALTH_CRITICAL : !is_well(warning, number) ? HEALTH_WARNING : HEALTH_OK;
        if (found != HEALTH_OK) {
                add_problem(text, health, found);
                text_printf(text, check->one && number == 1 ? check->one : check->text, number);
        }
        text_printf(figures, "%s%s=%.10g%s;%s;%s;%s", figures->size > 0 ? " " : "", check->name, number, check->unit, warning->text,
                critical->text, check->floor);
}

static int say_health(const json_t *reply, const Range *warnings, const Range *criticals) {
        Text text = { 0 }, figures = { 0 };
        Health health = HEALTH_OK;
        if (json_is_true(json_object_get(reply, "disk_full"))) {
                add_problem(&text, &health, HEALTH_CRITICAL);
                text_append(&text, "the disk is full: intake waits");
        }
        for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
                check_figure(&checks[i], json_object_get(reply, checks[i].name), &warnings[i], &criticals[i], &text, &figures, &health);
        if (json_is_true(json_object_get(reply, "rules_refused"))) {
                add_problem(&text, &health, HEALTH_WARNING);
                text_append(&text, "the rules on disk are refused, the last good ones run");
        }
        text_printf(&figures, "%sleads=%lld;;;0 files=%lld;;;0", figures.size > 0 ? " " : "", number_at(reply, "leads"),
                number_at(reply, "files"));
        if (health == HEALTH_OK)
                text_printf(&text, "%lld leads, %lld files wait in the spool, %lld leaks", number_at(reply, "leads"),
                        number_at(reply, "files"), number_at(reply, "leaks"));
        int r = text.error < 0 || figures.error < 0 ? conclude(HEALTH_UNKNOWN, "out of memory", NULL)
                                                    : conclude(health, text.data, figures.data);
        text_free(&text);
        text_free(&figures);
        return r;
}

static int run_health(const Arguments *arguments) {
        Range warnings[ARRAY_SIZE(checks)], criticals[ARRAY_SIZE(checks)];
        json_auto_t *reply = NULL;
        Text problem = { 0 };
        for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
                (void) read_range(checks[i].warning, strlen(checks[i].warning), &warnings[i]);
                (void) read_range(checks[i].critical, strlen(checks[i].critical), &criticals[i]);
        }
        if (!read_thresholds(arguments_value(arguments, "warning"), warnings, &problem) ||
                !read_thresholds(arguments_value(arguments, "critical"), criticals, &problem)) {
                int r = conclude(HEALTH_UNKNOWN, problem.data ? problem.data : "out of memory", NULL);
                text_free(&problem);
                return r;
        }
        int r = client_ask(arguments, "org.leadd.Control.Health", json_object(), LEADCTL_TIMEOUT_HEALTH_MS, &reply);
        if (r == EXIT_NO_DAEMON)
                return conclude(HEALTH_CRITICAL, "no leadd answers", NULL);
        if (r == EXIT_NOT_PERMITTED)
                return conclude(HEALTH_UNKNOWN, "not permitted to ask: the user who watches has to be in the group leadd", NULL);
        if (r != 0)
                return conclude(HEALTH_UNKNOWN, "leadd does not say", NULL);
        if (arguments->json) {
                print_json(reply);
                return EXIT_DONE;
        }
        return say_health(reply, warnings, criticals);
}

const Verb verb_health = {
        .name = "health",
        .section = "care",
        .usage = "[-w NAME=RANGE,..] [-c NAME=RANGE,..]",
        .summary = "is the daemon well? as monitoring plugins say it",
        .details = "One line and exit 0 (OK), 1 (WARNING), 2 (CRITICAL) or 3 (UNKNOWN). NAME is spool (seconds the oldest file waits),\n"
                   "held, dead and failing (notifications), leaks, room (percent of the disk), busy (seconds a thread is at one piece\n"
                   "of work) or suspended (rules). RANGE is 10 (0 to 10 is well), 10: (at least), ~:10 (at most), 10:20, @10:20\n"
                   "(outside of it). A full disk is critical, rules on disk that do not load are a warning.",
        .flags = { { "warning", "NAME=RANGE,..", "else spool=300,held=100,dead=0,failing=10,leaks=0,room=10:,busy=10,suspended=0" },
                { "critical", "NAME=RANGE,..", "else spool=3600,held=1000,dead=100,failing=100,room=5:,busy=60" } },
        .letters = "wc",
        .run = run_health,
};
