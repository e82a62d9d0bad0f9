/* SPDX-License-Identifier: MIT */
/*
 * Verbs about the daemon itself: ping, status, rules, glossary, reload, clock, spool.
 */
#include "leadctl.h"

/* ---- ping, status ---- */

static int run_ping(const Arguments *arguments) {
        json_auto_t *reply = NULL;
        int r = client_ask(arguments, "org.leadd.Control.Ping", json_object(), LEADCTL_TIMEOUT_MS, &reply);
        if (r != 0)
                return r;
        if (arguments->json)
                print_json(reply);
        else
                (void) printf("leadd %s answers\n", text_at(reply, "version") ? text_at(reply, "version") : "?");
        return EXIT_DONE;
}

const Verb verb_ping = { .name = "ping", .section = "daily", .usage = "", .summary = "does the daemon answer?", .run = run_ping };

/* Sizes read better in larger units; other numbers are counts. */
static void append_value(Text *out, const char *key, const json_t *value, const Output *output) {
        int64_t time_us;
        const char *tail = strrchr(key, '_');
        if (json_is_integer(value) && tail && base_streq(tail, "_size")) {
                static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
                double size = (double) json_integer_value(value);
                size_t unit = 0;
                while (size >= 1024 && unit + 1 < ARRAY_SIZE(units)) {
                        size /= 1024;
                        unit++;
                }
                text_printf(out, "%.*f %s", unit ? 1 : 0, size, units[unit]);
        } else if (time_from_json(value, &time_us)) {
                text_append_time(out, json_string_value(value));
                if (!base_streq(key, "now")) {
                        text_append(out, " (");
                        text_append_relative(out, time_us - output->now_us);
                        text_append(out, ")");
                }
        } else if (json_is_string(value))
                text_append_safe(out, json_string_value(value));
        else if (json_is_null(value))
                text_append(out, "-");
        else if (json_is_boolean(value))
                text_append(out, json_is_true(value) ? "yes" : "no");
        else {
                _cleanup_(base_freep) char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
                text_append_safe(out, dump ? dump : "");
        }
}

/* Whatever the daemon says about itself: objects are sections. */
static void append_status(Text *out, const Output *output, const json_t *object, unsigned depth) {
        const char *key;
        json_t *value;
        json_object_foreach((json_t *) object, key, value) {
                _cleanup_(base_freep) char *label = strdup(key);
                for (char *c = label; c && *c; c++)
                        if (*c == '_')
                                *c = ' ';
                style_begin(output, STYLE_DIM, out);
                text_printf(out, "%*s%-*s", (int) depth * 2, "", 20 - (int) depth * 2, label ? label : key);
                style_end(output, STYLE_DIM, out);
                if (json_is_object(value)) {
                        text_append_char(out, '\n');
                        append_status(out, output, value, depth + 1);
                        continue;
                }
                if (json_is_array(value)) {
                        size_t i;
                        json_t *item;
                        text_append(out, json_array_size(value) == 0 ? " none\n" : "\n");
                        json_array_foreach(value, i, item) {
                                text_printf(out, "%*s", (int) depth * 2 + 2, "");
                                append_value(out, "", item, output);
                                text_append_char(out, '\n');
                        }
                        continue;
                }
                text_append_char(out, ' ');
                append_value(out, key, value, output);
                text_append_char(out, '\n');
        }
}

static void format_status(Text *out, const Output *output, const json_t *status) { append_status(out, output, status, 0); }

static int run_status(const Arguments *arguments) {
        json_auto_t *reply = NULL;
        int r = client_ask(arguments, "org.leadd.Control.Status", json_object(), LEADCTL_TIMEOUT_MS, &reply);
        if (r != 0)
                return r;
        const json_t *status = json_object_get(reply, "status");
        return print_answer(arguments, status, status, format_status);
}

const Verb verb_status = {
        .name = "status",
        .section = "daily",
        .usage = "",
        .summary = "how the daemon is: leads, rules, spool, what waits and what is broken",
        .run = run_status,
};

/* ---- rules, glossary, reload ---- */

static const Column rule_columns[] = {
        { "RULE", false, true },
        { "KIND", false, false },
        { "1 DAY", true, false },
        { "7 DAYS", true, false },
        { "LAST", true, false },
        { "ERRORS", true, false },
        { "US", true, false },
        { "AT", false, true },
};

static void append_plural(Text *out, const char *kind) {
        static const char *const irregular[][2] = { { "criterion", "criteria" }, { "status", "statuses" }, { "sla", "SLAs" },
                { "junk", "junk rules" } };
        for (size_t i = 0; i < ARRAY_SIZE(irregular); i++)
                if (base_streq(irregular[i][0], kind)) {
                        text_append(out, irregular[i][1]);
                        return;
                }
        text_append_safe(out, kind);
        text_append_char(out, 's');
}

static bool is_same(const char *a, const char *b) { return a && b ? base_streq(a, b) : a == b; }

/* A young count says little about what never happens, and a book may be older than its counts: a line for each instant since when
 * something is counted, with the kinds. */
static void print_counted(const json_t *counted) {
        size_t i, k;
        json_t *first, *other;
        json_array_foreach((json_t *) counted, i, first) {
                const char *since = text_at(first, "since");
                bool said = false;
                Text line = { 0 };
                for (k = 0; k < i && !said; k++)
                        said = is_same(text_at(json_array_get(counted, k), "since"), since);
                if (said)
                        continue;
                text_append(&line, since ? "(counted since " : "(counted from the next event on");
                if (since)
                        text_append_time(&line, since);
                json_array_foreach((json_t *) counted, k, other) {
                        if (!is_same(text_at(other, "since"), since))
                                continue;
                        text_append(&line, k == i ? ": " : ", ");
                        append_plural(&line, text_at(other, "kind") ? text_at(other, "kind") : "");
                }
                text_append(&line, ")\n");
                print_text(&line);
                text_free(&line);
        }
}

static void add_hits(Table *table, const json_t *hits) {
        if (json_is_integer(hits))
                table_addf(table, json_integer_value(hits) ? STYLE_PLAIN : STYLE_DIM, "%" JSON_INTEGER_FORMAT, json_integer_value(hits));
        else
                table_add(table, STYLE_DIM, NULL);
}

static int run_rules(const Arguments *arguments) {
        if (arguments->n_positional > 0 && base_streq(arguments->positional[0], "init"))
                return rules_init(arguments_value(arguments, "from"), arguments->n_positional > 1 ? arguments->positional[1] : NULL);
        if (arguments->n_positional > 0) {
                say_error("rules has no \"%s\"; see `leadctl help rules`", arguments->positional[0]);
                return EXIT_USAGE;
        }
        json_t *parameters = json_object();
        if (parameters && arguments_value(arguments, "dead"))
                (void) json_object_set_new(parameters, "dead", json_true());
        json_auto_t *reply = NULL;
        int r = client_ask(arguments, "org.leadd.Control.Rules", parameters, LEADCTL_TIMEOUT_MS, &reply);
        if (r != 0)
                return r;
        Output output;
        output_open(&output);
        output_now(&output, text_at(reply, "now"));
        Table table;
        table_start(&table, rule_columns, ARRAY_SIZE(rule_columns));
        size_t i;
        json_t *rule;
        json_array_foreach(json_object_get(reply, "rules"), i, rule) {
                if (arguments->json) {
                        print_json(rule);
                        continue;
                }
                json_int_t errors = json_integer_value(json_object_get(rule, "errors_7d"));
                const json_t *cost = json_object_get(rule, "cost_us");
                bool suspended = json_is_true(json_object_get(rule, "suspended"));
                int64_t last_us;
                Text last = { 0 };
                if (time_from_json(json_object_get(rule, "last"), &last_us))
                        text_append_relative(&last, last_us - output.now_us);
                table_add(&table, suspended ? STYLE_BAD : STYLE_PLAIN, text_at(rule, "rule"));
                table_addf(&table, suspended ? STYLE_BAD : STYLE_PLAIN, "%s%s", text_at(rule, "kind"), suspended ? " (suspended)" : "");
                add_hits(&table, json_object_get(rule, "hits_1d"));
                add_hits(&table, json_object_get(rule, "hits_7d"));
                table_add(&table, STYLE_PLAIN, last.data);
                table_addf(&table, errors ? STYLE_BAD : STYLE_DIM, "%" JSON_INTEGER_FORMAT, errors);
                if (json_is_number(cost))
                        table_addf(&table, STYLE_DIM, "%.2f", json_number_value(cost));
                else
                        table_add(&table, STYLE_DIM, NULL);
                table_add(&table, STYLE_DIM, text_at(rule, "at"));
                text_free(&last);
        }
        if (arguments->json)
                return EXIT_DONE;
        bool dead = arguments_value(arguments, "dead") != NULL;
        if (table.n_cells == 0)
                (void) printf("Every rule whose hits are counted has been hit.\n");
        else if (dead)
                (void) printf("These have never been hit (`leadctl help rules` says what a hit is):\n");
        if (dead)
                print_counted(json_object_get(reply, "counted"));
        r = table.n_cells > 0 ? table_print(&table, &output) : EXIT_DONE;
        table_done(&table);
        return r;
}

const Verb verb_rules = {
        .name = "rules",
        .section = "rules",
        .usage = "[--dead] | init [DIR] [--from DIR]",
        .summary = "the running rules: how often each was hit, broke and what it costs; init copies the shipped ones",
        .details = "A hit is something a rule did to a lead: a move was made, a reason given, a status entered; a lead was in a segment, "
                   "or a\n"
                   "score (or one of its group) applied, when the lead was judged; the grade changed; an activity was junk; a criterion\n"
                   "that was missing or a fence that was closed kept a lead from a move that was due or that somebody asked for; a route\n"
                   "gave it to somebody, an SLA began; something was told through a channel, in the words of a message or into a feed; an\n"
                   "adapter made a record that was taken. Principles, settings, calendars, teams, members, lists and tests do nothing by\n"
                   "themselves: theirs are not counted (-). Leads that are tests do not count.\n"
                   "init copies the shipped policy to DIR (default: /etc/leadd/rules) as something to start from; it needs no daemon,\n"
                   "and refuses a directory that holds rules already (exit 1).",
        .flags = { { "dead", NULL, "only those that have never been hit, of the kinds whose hits are counted; and since when" },
                { "from", "DIR", "init: copy these instead of the shipped ones" } },
        .n_max = 2,
        .run = run_rules,
};

static int run_glossary(const Arguments *arguments) {
        json_auto_t *reply = NULL;
        int r = client_ask(arguments, "org.leadd.Control.Glossary", json_object(), LEADCTL_TIMEOUT_MS, &reply);
        if (r != 0)
                return r;
        if (arguments->json) {
                print_json(reply);
                return EXIT_DONE;
        }
        Text text = { 0 };
        text_append_safe(&text, text_at(reply, "text") ? text_at(reply, "text") : "");
        print_text(&text);
        text_free(&text);
        return EXIT_DONE;
}

const Verb verb_glossary = {
        .name = "glossary",
        .section = "rules",
        .usage = "",
        .summary = "what the words mean here: statuses, moves, reasons, as the running rules have them",
        .run = run_glossary,
};

static void print_problems(const json_t *problems) {
        size_t i;
        json_t *problem;
        json_array_foreach((json_t *) problems, i, problem) {
                Text text = { 0 };
                const char *file = text_at(problem, "file");
                if (file && *file) {
                        text_append_safe(&text, file);
                        text_printf(&text, ":%" JSON_INTEGER_FORMAT ": ", json_integer_value(json_object_get(problem, "line")));
                }
                if (text_at(problem, "severity") && base_streq(text_at(problem, "severity"), "warning"))
                        text_append(&text, "warning: ");
                text_append_safe(&text, text_at(problem, "text") ? text_at(problem, "text") : "");
                text_append_char(&text, '\n');
                print_text(&text);
                text_free(&text);
        }
}

static void print_reloaded(const json_t *reply, bool check) {
        (void) printf("%s %.12s", check ? "the rules would load:" : "now deciding under rules",
                text_at(reply, "hash") ? text_at(reply, "hash") : "");
        if (json_is_integer(json_object_get(reply, "tests")))
                (void) printf("; %" JSON_INTEGER_FORMAT " tests passed", number_at(reply, "tests"));
        (void) printf("\n");
        if (!json_is_integer(json_object_get(reply, "n_leads")))
                return;
        json_int_t n_leads = number_at(reply, "n_leads");
        (void) printf("%" JSON_INTEGER_FORMAT " lead%s re-derived: %" JSON_INTEGER_FORMAT " changed, %" JSON_INTEGER_FORMAT " in grade\n",
                n_leads, n_leads == 1 ? "" : "s", number_at(reply, "n_changed"), number_at(reply, "n_regraded"));
        if (json_is_true(json_object_get(reply, "superseded")))
                (void) printf("another reload began before all leads were gone through; it goes through them again\n");
        json_int_t would_move = number_at(reply, "n_would_move"), moved = number_at(reply, "n_moved");
        if (moved > 0)
                (void) printf("%" JSON_INTEGER_FORMAT " moved\n", moved);
        if (would_move > moved)
                (void) printf("%" JSON_INTEGER_FORMAT
                              " would move by themselves: each with its next event, or all now by `leadctl reload --apply`\n",
                        would_move);
}

static int run_reload(const Arguments *arguments) {
        bool check = arguments_value(arguments, "check") != NULL;
        json_t *parameters = json_object();
        static const char *const flags[][2] = { { "check", "check" }, { "apply", "apply" }, { "no-wait", "no_wait" } };
        for (size_t i = 0; i < ARRAY_SIZE(flags) && parameters; i++)
                if (arguments_value(arguments, flags[i][0]))
                        (void) json_object_set_new(parameters, flags[i][1], json_true());
        if (check && json_object_size(parameters) > 1) {
                json_decref(parameters);
                say_error("--check changes nothing: it goes with neither --apply nor --no-wait");
                return EXIT_USAGE;
        }
        _cleanup_(client_close) Client client = { .fd = -1 };
        int r = client_open(arguments, &client);
        if (r != 0) {
                json_decref(parameters);
                return r;
        }
        json_auto_t *reply = NULL;
        /* However many leads there are: the pass goes on whether anybody waits for it or not. */
        r = client_call_once(&client, "org.leadd.Control.Reload", parameters, LEADCTL_TIMEOUT_NONE, &reply);
        if (r != 0)
                return r;
        bool loaded = json_is_true(json_object_get(reply, "loaded"));
        if (arguments->json)
                print_json(reply);
        else {
                print_problems(json_object_get(reply, "problems"));
                if (loaded)
                        print_reloaded(reply, check);
        }
        if (!loaded) {
                (void) fflush(stdout);
                say_error("refused: the running rules stay; mend what is listed, then reload again");
        }
        return loaded ? EXIT_DONE : EXIT_REFUSED;
}

const Verb verb_reload = {
        .name = "reload",
        .section = "rules",
        .usage = "[--check | [--apply] [--no-wait]]",
        .summary = "loads and tests the rules again; when anything speaks against them, the running ones stay (exit 1)",
        .details = "Every lead is re-derived: points, grade, segments. Automatic moves that follow wait for each lead's next event or\n"
                   "armed moment; they are counted.",
        .flags = { { "check", NULL, "only say what would become of it" },
                { "apply", NULL, "move the leads that would move by themselves at once" },
                { "no-wait", NULL, "do not wait until all leads are re-derived" } },
        .run = run_reload,
};

/* ---- clock ---- */

static int run_clock(const Arguments *arguments) {
        json_t *parameters = NULL;
        if (arguments->n_positional == 0)
                parameters = json_object();
        else if (!base_streq(arguments->positional[0], "advance") || arguments->n_positional != 2) {
                say_error("usage: leadctl clock [advance DURATION|TIME]");
                return EXIT_USAGE;
        } else {
                int64_t time_us;
                const char *by = arguments->positional[1];
                parameters = PARAMETERS({ time_parse_rfc3339(by, strlen(by), &time_us) == 0 ? "to" : "advance", by });
        }
        _cleanup_(client_close) Client client = { .fd = -1 };
        int r = client_open(arguments, &client);
        if (r != 0) {
                json_decref(parameters);
                return r;
        }
        json_auto_t *reply = NULL;
        r = client_call_once(&client, "org.leadd.Control.Clock", parameters, LEADCTL_TIMEOUT_LONG_MS, &reply);
        if (r != 0)
                return r;
        if (arguments->json) {
                print_json(reply);
                return EXIT_DONE;
        }
        Text text = { 0 };
        text_append_time(&text, text_at(reply, "time"));
        if (json_is_true(json_object_get(reply, "virtual")))
                text_append(&text, " (virtual)");
        const json_t *fired = json_object_get(reply, "fired");
        if (json_is_integer(fired))
                text_printf(&text, ", %" JSON_INTEGER_FORMAT " fell due", json_integer_value(fired));
        text_append_char(&text, '\n');
        print_text(&text);
        text_free(&text);
        return EXIT_DONE;
}

const Verb verb_clock = {
        .name = "clock",
        .section = "care",
        .usage = "[advance DURATION|TIME]",
        .summary = "the daemon's clock; a virtual one can be moved forward, firing what falls due",
        .n_max = 2,
        .run = run_clock,
};

/* ---- spool ---- */

static const Column spool_columns[] = {
        { "STATE", false, false },
        { "NAME", false, true },
        { "SIZE", true, false },
        { "SINCE", true, false },
        { "REASON", false, false },
        { "TEXT", false, true },
};

static int list_spool(const Arguments *arguments) {
        json_auto_t *reply = NULL;
        int r = client_ask(arguments, "org.leadd.Control.Spool", json_object(), LEADCTL_TIMEOUT_MS, &reply);
        if (r != 0)
                return r;
        Output output;
        output_open(&output);
        Table table;
        table_start(&table, spool_columns, ARRAY_SIZE(spool_columns));
        size_t i;
        json_t *entry;
        json_array_foreach(json_object_get(reply, "entries"), i, entry) {
                if (arguments->json) {
                        print_json(entry);
                        continue;
                }
                Text since = { 0 }, size = { 0 };
                int64_t since_us;
                if (time_from_json(json_object_get(entry, "since"), &since_us))
                        text_append_relative(&since, since_us - output.now_us);
                append_value(&size, "file_size", json_object_get(entry, "size"), &output);
                const char *state = text_at(entry, "state");
                table_add(&table, state && base_streq(state, "waiting") ? STYLE_PLAIN : STYLE_WARN, state);
                table_add(&table, STYLE_PLAIN, text_at(entry, "name"));
                table_add(&table, STYLE_PLAIN, size.data);
                table_add(&table, STYLE_PLAIN, since.data);
                table_add(&table, STYLE_PLAIN, text_at(entry, "reason"));
                table_add(&table, STYLE_PLAIN, text_at(entry, "text"));
                text_free(&since);
                text_free(&size);
        }
        if (arguments->json)
                return EXIT_DONE;
        return table_finish(&table, &output, "Nothing waits and nothing was set aside.", json_is_true(json_object_get(reply, "truncated")));
}

static int run_spool(const Arguments *arguments) {
        if (arguments->n_positional == 0)
                return list_spool(arguments);
        if (arguments->n_positional != 2) {
                say_error("usage: leadctl spool [retry|release|discard SOURCE/NAME]");
                return EXIT_USAGE;
        }
        _cleanup_(client_close) Client client = { .fd = -1 };
        int r = client_open(arguments, &client);
        if (r != 0)
                return r;
        json_auto_t *reply = NULL;
        r = client_call_once(&client, "org.leadd.Control.SpoolAct",
                PARAMETERS({ "action", arguments->positional[0] }, { "name", arguments->positional[1] },
                        { "reason", arguments_value(arguments, "reason") }),
                LEADCTL_TIMEOUT_LONG_MS, &reply);
        if (r != 0)
                return r;
        const json_t *result = json_object_get(reply, "result");
        if (arguments->json)
                print_json(reply);
        else if (json_is_object(result)) {
                Output output;
                output_open(&output);
                Text text = { 0 };
                append_status(&text, &output, result, 0);
                print_text(&text);
                text_free(&text);
        } else
                (void) printf("done\n");
        return json_integer_value(json_object_get(result, "stays")) > 0 ? EXIT_BAD_DATA : EXIT_DONE;
}

const Verb verb_spool = {
        .name = "spool",
        .section = "spool",
        .usage = "[retry|release|discard SOURCE/NAME] [--reason R]",
        .summary = "what waits and what was set aside; retry, release or discard it",
        .details = "retry judges refused records again, after a rule or an adapter was mended; release puts a file back;\n"
                   "discard removes it for good and wants --reason.",
        .flags = { { "reason", "R", "why it is discarded" } },
        .n_max = 2,
        .run = run_spool,
};
