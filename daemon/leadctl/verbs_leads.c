/* SPDX-License-Identifier: MIT */
/*
 * Verbs that look at leads: list, show, log, watch (why: verbs_why.c). Each asks one method and prints its answer, as a
 * table for people or as JSON, one object a line, for programs.
 */
#include "leadctl.h"
#include "leadd/decide.h"
#include <inttypes.h>
#include <math.h>

#define PAGE_MAX 1000

/* ---- list ---- */

static void add_due(Table *table, const Output *output, const json_t *item) {
        int64_t due_us;
        if (!time_from_json(json_object_get(item, "due"), &due_us)) {
                table_add(table, STYLE_DIM, NULL);
                return;
        }
        Text text = { 0 };
        text_append_relative(&text, due_us - output->now_us);
        table_add(table, due_us < output->now_us ? STYLE_BAD : due_us - output->now_us < US_PER_HOUR ? STYLE_WARN : STYLE_PLAIN, text.data);
        text_free(&text);
}

static void add_list_row(Table *table, const Output *output, const json_t *item) {
        Text text = { 0 };
        int64_t since_us;
        bool held = json_is_object(json_object_get(item, "held"));
        table_add(table, STYLE_PLAIN, text_at(item, "lead"));
        table_addf(table, held ? STYLE_WARN : STYLE_PLAIN, "%s%s", text_at(item, "status") ? text_at(item, "status") : "-",
                held ? " (held)" : "");
        if (text_at(item, "owner"))
                table_add(table, STYLE_PLAIN, text_at(item, "owner"));
        else /* nobody: it is in the team's queue */
                table_addf(table, STYLE_DIM, "(%s)", text_at(item, "team") ? text_at(item, "team") : "nobody");
        table_add(table, STYLE_PLAIN, text_at(item, "grade"));
        text_append_points(&text, json_object_get(item, "fit"));
        table_add(table, STYLE_PLAIN, text.data);
        text_clear(&text);
        text_append_points(&text, json_object_get(item, "engagement"));
        table_add(table, STYLE_PLAIN, text.data);
        text_clear(&text);
        if (time_from_json(json_object_get(item, "since"), &since_us))
                text_append_relative(&text, since_us - output->now_us);
        table_add(table, STYLE_PLAIN, text.data);
        add_due(table, output, item);
        table_add(table, STYLE_PLAIN, text_at(item, "email") ? text_at(item, "email") : text_at(item, "name"));
        text_free(&text);
}

static const Column list_columns[] = {
        { "LEAD", false, false },
        { "STATUS", false, false },
        { "OWNER", false, true },
        { "GRADE", false, false },
        { "FIT", true, false },
        { "ENG", true, false },
        { "SINCE", true, false },
        { "DUE", true, false },
        { "WHO", false, true },
};

/* An empty list has a reason worth telling when the word asked for is none of the rules'. */
static int explain_empty(Client *client, const Arguments *arguments) {
        static const struct {
                const char *flag, *kind;
        } words[] = { { "status", "status" }, { "segment", "segment" }, { "owner", "member" }, { "track", "track" } };
        json_auto_t *reply = NULL;
        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                const char *word = arguments_value(arguments, words[i].flag);
                if (!word || base_streq(word, "-"))
                        continue;
                if (!reply && client_call(client, "org.leadd.Control.Rules", json_object(), LEADCTL_TIMEOUT_MS, &reply) != 0)
                        return EXIT_DONE;
                const char *names[512], *near;
                size_t n = 0, k;
                json_t *rule;
                bool known = false;
                json_array_foreach(json_object_get(reply, "rules"), k, rule) {
                        const char *name = text_at(rule, "rule"), *kind = text_at(rule, "kind");
                        if (!name || !kind || !base_streq(kind, words[i].kind) || n == ARRAY_SIZE(names))
                                continue;
                        names[n++] = name;
                        known = known || base_streq(name, word);
                }
                if (known || n == 0)
                        continue;
                near = text_closest(word, names, n);
                say_error("the rules know no %s \"%s\"%s%s%s", words[i].kind, word, near ? "; did you mean \"" : "", near ? near : "",
                        near ? "\"?" : "");
                return EXIT_NO_SUCH_THING;
        }
        return EXIT_DONE;
}

static json_t *list_parameters(const Arguments *arguments, int64_t limit, int64_t before) {
        json_t *parameters = PARAMETERS({ "status", arguments_value(arguments, "status") },
                { "owner", arguments_value(arguments, "owner") }, { "segment", arguments_value(arguments, "segment") },
                { "grade", arguments_value(arguments, "grade") }, { "track", arguments_value(arguments, "track") });
        if (parameters && arguments_value(arguments, "held"))
                (void) json_object_set_new(parameters, "held", json_true());
        if (parameters)
                (void) json_object_set_new(parameters, "limit", json_integer(limit < PAGE_MAX ? limit : PAGE_MAX));
        if (parameters && before > 0)
                (void) json_object_set_new(parameters, "before", json_integer(before));
        return parameters;
}

static int run_list(const Arguments *arguments) {
        int64_t limit, before = 0;
        int r = arguments_number(arguments, "limit", 100, &limit);
        if (r != 0)
                return r;
        _cleanup_(client_close) Client client = { .fd = -1 };
        r = client_open(arguments, &client);
        if (r != 0)
                return r;
        Output output;
        output_open(&output);
        _cleanup_(table_done) Table table = { 0 };
        table_start(&table, list_columns, ARRAY_SIZE(list_columns));
        int64_t n = 0;
        do {
                json_auto_t *reply = NULL;
                r = client_call(&client, "org.leadd.Leads.List", list_parameters(arguments, limit - n, before), LEADCTL_TIMEOUT_MS, &reply);
                if (r != 0)
                        return r;
                output_now(&output, text_at(reply, "now"));
                size_t i;
                json_t *item;
                json_array_foreach(json_object_get(reply, "items"), i, item) {
                        n++;
                        if (arguments->json) {
                                (void) json_object_del(item, "name"); /* the promised fields and no other */
                                print_json(item);
                        } else
                                add_list_row(&table, &output, item);
                }
                before = json_integer_value(json_object_get(reply, "next"));
        } while (before > 0 && n < limit);
        if (n == 0) {
                r = explain_empty(&client, arguments);
                if (r == EXIT_DONE && !arguments->json)
                        (void) fprintf(stderr, "No such leads.\n");
                return r;
        }
        if (!arguments->json)
                r = table_print(&table, &output);
        if (before > 0 && !arguments->json) {
                (void) fflush(stdout);
                (void) fprintf(stderr, "There are more; --limit %" PRId64 " shows them.\n", 10 * limit);
        }
        return r;
}

const Verb verb_list = {
        .name = "list",
        .section = "daily",
        .usage = "[--status S] [--owner O] [--segment G] [--grade A1] [--track T] [--held] [--limit N]",
        .summary = "leads, newest first",
        .details = "Points are those of each lead's last event; `show` has them as of now. --owner - lists leads nobody owns.",
        .flags = { { "status", "S", "only in this status" }, { "owner", "O", "only of this person; - for nobody" },
                { "segment", "G", "only in this segment" }, { "grade", "A1", "only of this grade" },
                { "track", "T", "only in this track of marketing's" },
                { "held", NULL, "only those that wait because nobody could take them or a rule broke" },
                { "limit", "N", "at most so many (default 100)" } },
        .n_max = 0,
        .run = run_list,
};

/* ---- show ---- */

static void add_line(Text *out, const Output *output, const char *label, Style style, const char *value) {
        style_begin(output, STYLE_DIM, out);
        text_printf(out, "%-12s", label);
        style_end(output, STYLE_DIM, out);
        text_append_char(out, ' ');
        style_begin(output, style, out);
        text_append_safe(out, value && *value ? value : "-");
        style_end(output, style, out);
        text_append_char(out, '\n');
}

static void add_time_line(Text *out, const Output *output, const char *label, const json_t *value) {
        Text text = { 0 };
        int64_t time_us;
        Style style = STYLE_PLAIN;
        text_append_time(&text, json_string_value(value));
        if (time_from_json(value, &time_us)) {
                text_append(&text, " (");
                text_append_relative(&text, time_us - output->now_us);
                text_append(&text, ")");
                if (base_streq(label, "due") && time_us < output->now_us)
                        style = STYLE_BAD;
        }
        add_line(out, output, label, style, text.data);
        text_free(&text);
}

/* One line a fact, nested names joined by dots. */
static void add_facts(Text *out, const Output *output, const char *prefix, const json_t *value) {
        Text text = { 0 };
        const char *key;
        json_t *item;
        if (json_is_object(value)) {
                json_object_foreach((json_t *) value, key, item) {
                        text_clear(&text);
                        text_printf(&text, "%s%s%s", prefix, *prefix ? "." : "", key);
                        add_facts(out, output, text.data ? text.data : prefix, item);
                }
        } else if (!json_is_null(value)) {
                _cleanup_(base_freep) char *dump = json_is_string(value)
                                                           ? strdup(json_string_value(value))
                                                           : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
                text_append_safe(&text, prefix);
                style_begin(output, STYLE_DIM, out);
                text_printf(out, "  %-34s", text.data ? text.data : "");
                style_end(output, STYLE_DIM, out);
                text_append_char(out, ' ');
                /* Answers of a form may hold anything, line breaks too. */
                for (char *c = dump; c && *c; c++)
                        if (*c == '\n' || *c == '\t')
                                *c = ' ';
                text_append_safe(out, dump ? dump : "");
                text_append_char(out, '\n');
        }
        text_free(&text);
}

/* "since 2 d ago: grade D2 -> C2, mql -> sal by anna, 2 activities" */
static void add_changed(Text *out, const Output *output, const json_t *changed) {
        Text text = { 0 };
        int64_t since_us;
        size_t i;
        json_t *item;
        const json_t *texts = json_object_get(changed, "texts");
        if (!json_is_object(changed))
                return;
        text_append(&text, "you last looked ");
        if (time_from_json(json_object_get(changed, "since"), &since_us))
                text_append_relative(&text, since_us - output->now_us);
        text_append(&text, json_array_size(texts) > 0 ? ": " : ": nothing");
        json_array_foreach(texts, i, item) text_printf(&text, "%s%s", i > 0 ? ", " : "", json_string_value(item));
        if (json_is_true(json_object_get(changed, "more")))
                text_append(&text, ", and more");
        add_line(out, output, "changed", json_array_size(texts) > 0 ? STYLE_GOOD : STYLE_DIM, text.data);
        text_free(&text);
}

/* "dana until 4 d ago: stall by rules" */
static void add_returned(Text *out, const Output *output, const json_t *item) {
        const json_t *returned = json_object_get(item, "returned");
        Text text = { 0 };
        int64_t time_us;
        if (!text_at(returned, "owner") || !time_from_json(json_object_get(returned, "at"), &time_us))
                return;
        text_printf(&text, "%s until ", text_at(returned, "owner"));
        text_append_relative(&text, time_us - output->now_us);
        text_printf(&text, ": %s by %s%s%s", text_at(returned, "move"), text_at(returned, "by") ? text_at(returned, "by") : "-",
                text_at(returned, "reason") ? ", " : "", text_at(returned, "reason") ? text_at(returned, "reason") : "");
        add_line(out, output, "had by", STYLE_PLAIN, text.data);
        text_free(&text);
}

/* "re-nurture since 3 d ago, 1 of 3 steps taken; next welcome in 11 d", or "none: why". Nothing, where the rules have no tracks. */
static void add_track(Text *out, const Output *output, const json_t *item) {
        const json_t *track = json_object_get(item, "track");
        Text text = { 0 };
        int64_t time_us;
        if (json_is_object(track)) {
                text_printf(&text, "%s since ", text_at(track, "track"));
                if (time_from_json(json_object_get(track, "since"), &time_us))
                        text_append_relative(&text, time_us - output->now_us);
                text_printf(&text, ", %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " steps taken",
                        json_integer_value(json_object_get(track, "taken")), json_integer_value(json_object_get(track, "steps")));
                if (text_at(track, "next") && time_from_json(json_object_get(track, "next_at"), &time_us)) {
                        text_printf(&text, "; next %s ", text_at(track, "next"));
                        text_append_relative(&text, time_us - output->now_us);
                }
        } else if (text_at(item, "no_track"))
                text_printf(&text, "none: %s", text_at(item, "no_track"));
        if (text.size > 0)
                add_line(out, output, "track", json_is_object(track) ? STYLE_PLAIN : STYLE_DIM, text.data);
        text_free(&text);
}

static void add_age(Table *table, const Output *output, const json_t *since, const json_t *until) {
        int64_t since_us, until_us;
        Text text = { 0 };
        if (!time_from_json(until, &until_us))
                until_us = output->now_us;
        if (time_from_json(since, &since_us))
                text_append_relative(&text, until_us - since_us);
        /* how long, not when */
        bool is_long = text.size > 3 && strncmp(text.data, "in ", 3) == 0;
        table_add(table, STYLE_PLAIN, is_long ? text.data + 3 : text.size > 0 ? "0 s" : NULL);
        text_free(&text);
}

static void add_opportunities(Text *out, const Output *output, const json_t *list) {
        static const Column columns[] = { { "OPPORTUNITY", false, true }, { "STATE", false, false }, { "STAGE", false, true },
                { "AMOUNT", true, false }, { "AGE", true, false }, { "IN STAGE", true, false }, { "IDLE", true, false },
                { "CLOSES", false, false } };
        _cleanup_(table_done) Table table = { 0 };
        size_t i;
        json_t *item;
        if (json_array_size(list) == 0)
                return;
        table_start(&table, columns, ARRAY_SIZE(columns));
        json_array_foreach(list, i, item) {
                const json_t *ended = json_object_get(item, "ended"), *amount = json_object_get(item, "amount");
                const char *state = text_at(item, "state"), *id = text_at(item, "id");
                bool open = base_streq(state ? state : "", "open");
                Text text = { 0 };
                if (id)
                        table_add(&table, STYLE_PLAIN, id);
                else
                        table_addf(&table, STYLE_DIM, "(%lld, no id)", (long long) json_integer_value(json_object_get(item, "number")));
                table_add(&table, open ? STYLE_GOOD : STYLE_PLAIN, state);
                table_add(&table, STYLE_PLAIN, text_at(item, "stage"));
                if (json_is_number(amount))
                        text_append_amount(
                                &text, (int64_t) llround(json_number_value(amount) * (double) AMOUNT_UNIT), text_at(item, "currency"));
                table_add(&table, STYLE_PLAIN, text.data);
                text_free(&text);
                add_age(&table, output, json_object_get(item, "opened"), ended);
                add_age(&table, output, json_object_get(item, "staged"), ended);
                if (json_is_null(ended))
                        add_age(&table, output, json_object_get(item, "changed"), NULL);
                else
                        table_add(&table, STYLE_PLAIN, NULL);
                table_add(&table, STYLE_PLAIN, text_at(item, "close_date"));
        }
        table_format(&table, output, out);
}

/* What marketing sent it last, and what it may not send it. */
static void add_marketing(Text *out, const Output *output, const json_t *item) {
        size_t i;
        json_t *part;
        Text text = { 0 };
        json_array_foreach(json_object_get(item, "excluded"), i, part) {
                const char *by = text_at(part, "by"), *colon = by ? strchr(by, ':') : NULL;
                text_clear(&text);
                text_append_safe(&text, text_at(part, "campaign") ? text_at(part, "campaign") : "-");
                text_append(&text, " until ");
                text_append_time(&text, text_at(part, "until"));
                text_append(&text, " by ");
                text_append_safe(&text, colon ? colon + 1 : by ? by : "-");
                if (text_at(part, "reason")) {
                        text_append(&text, ": ");
                        text_append_safe(&text, text_at(part, "reason"));
                }
                add_line(out, output, i == 0 ? "excluded" : "", STYLE_WARN, text.data);
        }
        json_array_foreach(json_object_get(item, "written"), i, part) {
                text_clear(&text);
                text_append_time(&text, text_at(part, "time"));
                text_printf(&text, " %s ", text_at(part, "kind") ? text_at(part, "kind") : "");
                text_append_safe(&text, text_at(part, "name") ? text_at(part, "name") : "-");
                add_line(out, output, i == 0 ? "written" : "", STYLE_PLAIN, text.data);
        }
        text_free(&text);
}

static void format_show(Text *out, const Output *output, const json_t *reply) {
        const json_t *item = json_object_get(reply, "item");
        Text text = { 0 };
        text_printf(&text, "%s", text_at(item, "lead") ? text_at(item, "lead") : "-");
        if (text_at(item, "email"))
                text_printf(&text, "  %s", text_at(item, "email"));
        style_begin(output, STYLE_HEAD, out);
        text_append_safe(out, text.data ? text.data : "");
        style_end(output, STYLE_HEAD, out);
        text_append_char(out, '\n');

        text_clear(&text);
        text_printf(&text, "%s", text_at(item, "status") ? text_at(item, "status") : "-");
        if (text_at(item, "team"))
                text_printf(&text, " (%s)", text_at(item, "team"));
        add_line(out, output, "status", STYLE_PLAIN, text.data);
        add_line(out, output, "owner", STYLE_PLAIN, text_at(item, "owner"));
        add_time_line(out, output, "since", json_object_get(item, "since"));
        add_time_line(out, output, "due", json_object_get(item, "due"));
        if (json_is_object(json_object_get(item, "snoozed"))) {
                add_time_line(out, output, "snoozed", json_object_get(json_object_get(item, "snoozed"), "until"));
                add_line(out, output, "because", STYLE_PLAIN, text_at(json_object_get(item, "snoozed"), "reason"));
        }
        add_marketing(out, output, item);
        const json_t *response = json_object_get(item, "response");
        if (json_is_object(response)) {
                json_int_t n_in_time = json_integer_value(json_object_get(response, "in_time"));
                json_int_t n_late = json_integer_value(json_object_get(response, "late"));
                bool failed = base_streq(text_at(response, "status"), "failed");
                text_clear(&text);
                text_printf(&text, "%s (%s)", text_at(response, "status"), text_at(response, "sla"));
                if (n_in_time + n_late > 0)
                        text_printf(&text, ": %lld in time, %lld not", (long long) n_in_time, (long long) n_late);
                add_line(out, output, "response", failed ? STYLE_WARN : STYLE_PLAIN, text.data);
        }
        text_clear(&text);
        if (text_at(item, "waiting_for"))
                text_append_sentence(&text, text_at(item, "waiting_for"));
        add_line(out, output, "waiting for", json_is_object(json_object_get(item, "held")) ? STYLE_WARN : STYLE_PLAIN, text.data);
        add_returned(out, output, item);
        add_track(out, output, item);
        text_clear(&text);
        text_printf(&text, "%s  fit ", text_at(item, "grade") ? text_at(item, "grade") : "-");
        text_append_points(&text, json_object_get(item, "fit"));
        text_append(&text, ", engagement ");
        text_append_points(&text, json_object_get(item, "engagement"));
        add_line(out, output, "grade", STYLE_PLAIN, text.data);
        text_clear(&text);
        size_t i;
        json_t *segment;
        json_array_foreach(json_object_get(item, "segments"), i, segment)
                text_printf(&text, "%s%s", i ? ", " : "", json_string_value(segment));
        add_line(out, output, "segments", STYLE_PLAIN, text.data);
        text_clear(&text);
        text_printf(&text, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(item, "version")));
        add_line(out, output, "events", STYLE_PLAIN, text.data);
        add_changed(out, output, json_object_get(item, "changed"));

        static const char *const parts[] = { "person", "company", "consent", "interest", "answers", "attribution" };
        for (i = 0; i < ARRAY_SIZE(parts); i++) {
                const json_t *part = json_object_get(item, parts[i]);
                if (!json_is_object(part) || json_object_size(part) == 0)
                        continue;
                style_begin(output, STYLE_HEAD, out);
                text_append(out, parts[i]);
                style_end(output, STYLE_HEAD, out);
                text_append_char(out, '\n');
                add_facts(out, output, "", part);
        }
        add_opportunities(out, output, json_object_get(item, "opportunities"));
        text_free(&text);
}

static int run_show(const Arguments *arguments) {
        json_auto_t *reply = NULL;
        int r = client_ask(arguments, "org.leadd.Leads.Show", PARAMETERS({ "lead", arguments->positional[0] }, { "as", arguments->as }),
                LEADCTL_TIMEOUT_MS, &reply);
        if (r != 0)
                return r;
        return print_answer(arguments, json_object_get(reply, "item"), reply, format_show);
}

const Verb verb_show = {
        .name = "show",
        .section = "daily",
        .usage = "LEAD [--as PERSON]",
        .summary = "one lead as the rules see it now, and what changed since you last looked",
        .details =
                "LEAD is 42, L-42, an e-mail address or SYSTEM:ID. What changed is said to members of the rules, from the second look on.\n"
                "Its opportunities stand last: how long each has been known, has been in its stage and has not changed; one that ended, "
                "until it did.",
        .n_min = 1,
        .n_max = 1,
        .acts = true,
        .run = run_show,
};

/* ---- log ---- */

static const Column log_columns[] = {
        { "EVENT", true, false },
        { "TIME", false, false },
        { "BY", false, true },
        { "STORY", false, true },
};

static int run_log(const Arguments *arguments) {
        _cleanup_(client_close) Client client = { .fd = -1 };
        int r = client_open(arguments, &client);
        if (r != 0)
                return r;
        Output output;
        output_open(&output);
        _cleanup_(table_done) Table table = { 0 };
        table_start(&table, log_columns, ARRAY_SIZE(log_columns));
        json_int_t after = 0;
        for (bool more = true; more;) {
                json_t *parameters = PARAMETERS({ "lead", arguments->positional[0] });
                if (parameters) {
                        (void) json_object_set_new(parameters, "limit", json_integer(PAGE_MAX));
                        (void) json_object_set_new(parameters, "after", json_integer(after));
                }
                json_auto_t *reply = NULL;
                r = client_call(&client, "org.leadd.Leads.Log", parameters, LEADCTL_TIMEOUT_MS, &reply);
                if (r != 0)
                        return r;
                size_t i;
                json_t *item;
                json_array_foreach(json_object_get(reply, "items"), i, item) {
                        after = json_integer_value(json_object_get(item, "event"));
                        if (arguments->json) {
                                print_json(item);
                                continue;
                        }
                        Text text = { 0 };
                        table_addf(&table, STYLE_PLAIN, "%" JSON_INTEGER_FORMAT, after);
                        text_append_time(&text, text_at(item, "time"));
                        table_add(&table, STYLE_PLAIN, text.data);
                        table_add(&table, STYLE_DIM, text_at(item, "actor"));
                        text_clear(&text);
                        if (text_at(item, "story"))
                                text_append_sentence(&text, text_at(item, "story"));
                        table_add(&table, STYLE_PLAIN, text.data);
                        text_free(&text);
                }
                more = i > 0 && json_is_true(json_object_get(reply, "more"));
        }
        return arguments->json ? EXIT_DONE : table_print(&table, &output);
}

const Verb verb_log = {
        .name = "log",
        .section = "daily",
        .usage = "LEAD",
        .summary = "the story of a lead in words, newest last",
        .details = "BY is who brought it about: a person, an integration, or leadd itself when time passed.",
        .n_min = 1,
        .n_max = 1,
        .run = run_log,
};

/* ---- watch ---- */

typedef struct Watching {
        bool json;
        Output output;
} Watching;

static bool on_watch_item(json_t *item, void *userdata) {
        const Watching *watching = userdata;
        if (watching->json)
                print_json(item);
        else {
                Text text = { 0 }, safe = { 0 };
                bool refused = json_is_true(json_object_get(item, "refused"));
                const char *story = text_at(item, refused ? "summary" : "story");
                text_append_time(&text, text_at(item, "time"));
                text_printf(&text, "  %-8s %-12s %s", text_at(item, "lead") ? text_at(item, "lead") : "-",
                        text_at(item, "source") ? text_at(item, "source") : "-", refused ? "refused: " : "");
                text_append_sentence(&text, story ? story : "");
                /* What somebody wrote may hold line breaks: one event is one line. */
                for (char *c = text.data; c && *c; c++)
                        if (*c == '\n' || *c == '\t')
                                *c = ' ';
                text_append_char(&text, '\n');
                text_append_safe(&safe, text.data ? text.data : "");
                Text line = { 0 };
                style_begin(&watching->output, refused ? STYLE_WARN : STYLE_PLAIN, &line);
                text_append(&line, safe.data ? safe.data : "");
                style_end(&watching->output, refused ? STYLE_WARN : STYLE_PLAIN, &line);
                print_text(&line);
                text_free(&line);
                text_free(&safe);
                text_free(&text);
        }
        return fflush(stdout) == 0;
}

static int run_watch(const Arguments *arguments) {
        _cleanup_(client_close) Client client = { .fd = -1 };
        int r = client_open(arguments, &client);
        if (r != 0)
                return r;
        Watching watching = { .json = arguments->json };
        output_open(&watching.output);
        return client_call_more(&client, "org.leadd.Control.Watch", json_object(), -1, on_watch_item, &watching, NULL);
}

const Verb verb_watch = {
        .name = "watch",
        .section = "daily",
        .usage = "",
        .summary = "every event as it is committed, until interrupted",
        .details = "For people one line an event: when, the lead, where it came from, its story.",
        .run = run_watch,
};
