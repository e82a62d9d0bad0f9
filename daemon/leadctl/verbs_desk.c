/* SPDX-License-Identifier: MIT */
/*
 * Verbs for somebody's working day: inbox (what waits for an answer), next (what comes first), digest (the desk of a team). The daemon says
 * what is on the desk and in which order; here it is only put into words.
 */
#include "leadctl.h"
#include <inttypes.h>

/* "asked for a demo (FORM +30)" */
static void append_reason(Text *out, const json_t *reason) {
        text_printf(out, "%s (%s +", text_at(reason, "text") ? text_at(reason, "text") : "",
                text_at(reason, "rule") ? text_at(reason, "rule") : "");
        text_append_points(out, json_object_get(reason, "points"));
        text_append_char(out, ')');
}

static void append_reasons(Text *out, const json_t *item) {
        size_t i;
        json_t *reason;
        json_array_foreach(json_object_get(item, "reasons"), i, reason) {
                if (i > 0)
                        text_append(out, "; ");
                append_reason(out, reason);
        }
}

/* "Maria Keller, Keller AG", or the address. */
static void append_who(Text *out, const json_t *item) {
        const char *name = text_at(item, "name"), *company = text_at(item, "company"), *email = text_at(item, "email");
        text_append(out, name ? name : email ? email : company ? company : "-");
        if (company && (name || email))
                text_printf(out, ", %s", company);
}

static bool is_snoozed(const json_t *item) { return json_is_object(json_object_get(item, "snoozed")); }

/* "overdue 2 h", "in 3 h", "snoozed", and when exactly. */
static Style append_due(Text *out, const Output *output, const json_t *item, bool exact) {
        const json_t *due = json_object_get(item, "due"), *until = json_object_get(json_object_get(item, "snoozed"), "until");
        int64_t due_us;
        if (is_snoozed(item)) {
                text_append(out, "snoozed until ");
                text_append_time(out, json_string_value(until));
                return STYLE_DIM;
        }
        if (!time_from_json(due, &due_us)) {
                text_append_char(out, '-');
                return STYLE_DIM;
        }
        int64_t left_us = due_us - output->now_us;
        if (left_us <= 0)
                text_append(out, left_us > -US_PER_MINUTE ? "due" : "overdue, ");
        if (left_us > 0 || left_us <= -US_PER_MINUTE)
                text_append_relative(out, left_us);
        if (exact) {
                text_append(out, " (");
                text_append_time(out, json_string_value(due));
                text_append_char(out, ')');
        }
        return left_us <= 0 ? STYLE_BAD : left_us < US_PER_HOUR ? STYLE_WARN : STYLE_PLAIN;
}

/* ---- inbox ---- */

static const Column inbox_columns[] = {
        { "#", true, false },
        { "LEAD", false, false },
        { "DUE", false, false },
        { "GRADE", false, false },
        { "STATUS", false, false },
        { "WHO", false, true },
        { "BECAUSE", false, true },
};

static void add_inbox_row(Table *table, const Output *output, const json_t *item) {
        Text text = { 0 };
        table_addf(table, STYLE_DIM, "%" JSON_INTEGER_FORMAT, number_at(item, "place"));
        table_add(table, STYLE_PLAIN, text_at(item, "lead"));
        Style style = append_due(&text, output, item, true);
        table_add(table, style, text.data);
        table_add(table, STYLE_PLAIN, text_at(item, "grade"));
        table_add(table, STYLE_PLAIN, text_at(item, "status"));
        text_clear(&text);
        append_who(&text, item);
        table_add(table, STYLE_PLAIN, text.data);
        text_clear(&text);
        append_reasons(&text, item);
        table_add(table, STYLE_PLAIN, text.data);
        text_free(&text);
}

static int run_inbox(const Arguments *arguments) {
        int64_t limit;
        int r = arguments_number(arguments, "limit", 50, &limit);
        if (r != 0)
                return r;
        json_t *parameters = PARAMETERS({ "owner", arguments->n_positional > 0 ? arguments->positional[0] : NULL });
        if (parameters)
                (void) json_object_set_new(parameters, "limit", json_integer(limit));
        json_auto_t *reply = NULL;
        r = client_ask(arguments, "org.leadd.Leads.Inbox", parameters, LEADCTL_TIMEOUT_MS, &reply);
        if (r != 0)
                return r;
        const json_t *items = json_object_get(reply, "items");
        json_t *item;
        size_t i, n = json_array_size(items);
        if (arguments->json) {
                json_array_foreach(items, i, item) print_json(item);
                return EXIT_DONE;
        }
        Output output;
        output_open(&output);
        output_now(&output, text_at(reply, "now"));
        Text text = { 0 };
        if (n == 0)
                text_printf(&text, "Nothing waits for %s.\n", text_at(reply, "owner") ? text_at(reply, "owner") : "you");
        print_text(&text);
        text_free(&text);
        if (n == 0)
                return EXIT_DONE;
        _cleanup_(table_done) Table table = { 0 };
        table_start(&table, inbox_columns, ARRAY_SIZE(inbox_columns));
        json_array_foreach(items, i, item) add_inbox_row(&table, &output, item);
        r = table_print(&table, &output);
        if (number_at(reply, "waiting") > (json_int_t) n) {
                (void) fflush(stdout);
                (void) fprintf(stderr, "%zu of %" JSON_INTEGER_FORMAT ", %" JSON_INTEGER_FORMAT " overdue; --limit shows more.\n", n,
                        number_at(reply, "waiting"), number_at(reply, "overdue"));
        }
        return r;
}

const Verb verb_inbox = {
        .name = "inbox",
        .section = "daily",
        .usage = "[OWNER] [--limit N]",
        .summary = "what waits for somebody's answer, by due time, and why it matters",
        .details = "OWNER is a member of the rules; without one it is you. # is the place in the pecking order: 1 is what `next` gives.\n"
                   "BECAUSE names the three scores that give the lead most points now, after decay and cap.",
        .flags = { { "limit", "N", "at most so many (default 50, at most 500)" } },
        .n_max = 1,
        .run = run_inbox,
};

/* ---- next ---- */

static const char *why_next(const char *rank) {
        static const struct {
                const char *rank, *why;
        } words[] = {
                { "overdue", "it is overdue longest" },
                { "soon", "it is due soonest" },
                { "waits", "nothing is due within two hours, and it has the best grade of what waits" },
                { "open", "nothing waits for an answer, and it has the best grade of what is open" },
        };
        for (size_t i = 0; rank && i < ARRAY_SIZE(words); i++)
                if (base_streq(words[i].rank, rank))
                        return words[i].why;
        return "it is first";
}

static void add_next_line(Text *out, const Output *output, const char *label, Style style, const Text *value) {
        style_begin(output, STYLE_DIM, out);
        text_printf(out, "%-10s", label);
        style_end(output, STYLE_DIM, out);
        text_append_char(out, ' ');
        style_begin(output, style, out);
        text_append_safe(out, value->data ? value->data : "-");
        style_end(output, style, out);
        text_append_char(out, '\n');
}

static void format_next(Text *out, const Output *output, const json_t *reply) {
        const json_t *item = json_object_get(reply, "item");
        if (!json_is_object(item)) {
                text_printf(out, "%s has nothing to do%s.\n", text_at(reply, "owner") ? text_at(reply, "owner") : "-",
                        number_at(reply, "open") > 0 ? ": every open lead is snoozed" : "");
                return;
        }
        Text line = { 0 };
        text_printf(&line, "%s  %s  ", text_at(item, "lead") ? text_at(item, "lead") : "-",
                text_at(item, "grade") ? text_at(item, "grade") : "-");
        append_who(&line, item);
        style_begin(output, STYLE_HEAD, out);
        text_append_safe(out, line.data ? line.data : "");
        style_end(output, STYLE_HEAD, out);
        text_append_char(out, '\n');

        text_clear(&line);
        text_append(&line, text_at(item, "todo") ? text_at(item, "todo") : "");
        text_printf(&line, " (%s%s%s)", text_at(item, "status") ? text_at(item, "status") : "-", text_at(item, "sla") ? ", " : "",
                text_at(item, "sla") ? text_at(item, "sla") : "");
        add_next_line(out, output, "do", STYLE_PLAIN, &line);
        text_clear(&line);
        Style style = append_due(&line, output, item, true);
        add_next_line(out, output, "due", style, &line);
        text_clear(&line);
        text_append(&line, why_next(text_at(item, "rank")));
        add_next_line(out, output, "first", STYLE_PLAIN, &line);
        size_t i;
        json_t *reason;
        json_array_foreach(json_object_get(item, "reasons"), i, reason) {
                text_clear(&line);
                append_reason(&line, reason);
                add_next_line(out, output, i == 0 ? "because" : "", STYLE_PLAIN, &line);
        }
        text_clear(&line);
        text_printf(&line, "%" JSON_INTEGER_FORMAT " waiting, %" JSON_INTEGER_FORMAT " open", number_at(reply, "waiting"),
                number_at(reply, "open"));
        add_next_line(out, output, "desk", STYLE_PLAIN, &line);
        text_free(&line);
}

static int run_next(const Arguments *arguments) {
        json_auto_t *reply = NULL;
        int r = client_ask(arguments, "org.leadd.Leads.Next",
                PARAMETERS({ "owner", arguments->n_positional > 0 ? arguments->positional[0] : NULL }), LEADCTL_TIMEOUT_MS, &reply);
        if (r != 0)
                return r;
        return print_answer(arguments, json_object_get(reply, "item"), reply, format_next);
}

const Verb verb_next = {
        .name = "next",
        .section = "daily",
        .usage = "[OWNER]",
        .summary = "the lead somebody should take up now, and what to do",
        .details = "OWNER is a member of the rules; without one it is you. The pecking order: what is overdue, the longest first;\n"
                   "what is due within two hours, the soonest first; what waits for its owner and is not due so soon; what is open\n"
                   "and waits for nobody.\n"
                   "Among equals, and from the third on, the better grade (letter, then number), more engagement, longer in its\n"
                   "status, the lower number. What was snoozed is never next.",
        .n_max = 1,
        .run = run_next,
};

/* ---- digest ---- */

static int run_digest(const Arguments *arguments) {
        json_auto_t *reply = NULL;
        int r = client_ask(
                arguments, "org.leadd.Leads.Digest", PARAMETERS({ "team", arguments->positional[0] }), LEADCTL_TIMEOUT_MS, &reply);
        if (r != 0)
                return r;
        if (arguments->json) {
                print_json(reply);
                return EXIT_DONE;
        }
        Text text = { 0 };
        for (const char *line = text_at(reply, "text"); line && *line;) {
                size_t size = strcspn(line, "\n");
                _cleanup_(base_freep) char *copy = strndup(line, size);
                text_append_safe(&text, copy ? copy : "");
                text_append_char(&text, '\n');
                line += size + (line[size] == '\n');
        }
        print_text(&text);
        text_free(&text);
        return EXIT_DONE;
}

const Verb verb_digest = {
        .name = "digest",
        .section = "daily",
        .usage = "TEAM",
        .summary = "the desk of a team on one screen: new, waiting, held, handed back, stalled, due next, who has what",
        .details = "As a `digest` of the rules sends it every morning: how both teams stand, then the desk of a team with members, or what "
                   "came\n"
                   "back to one without, and why. It names leads by number and members, nobody else.",
        .n_min = 1,
        .n_max = 1,
        .run = run_digest,
};
