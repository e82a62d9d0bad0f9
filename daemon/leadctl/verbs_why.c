/* SPDX-License-Identifier: MIT */
/*
 * Verbs that say why: explain (every rule's receipt, the story of moves and owners), whynot (what stands in the way), need (what
 * would lift a lead). For people the lines fit PRINT_WIDTH columns; programs get the daemon's JSON.
 */
#include "leadctl.h"
#include <inttypes.h>

static bool true_at(const json_t *object, const char *key) { return json_is_true(json_object_get(object, key)); }

static void heading(Text *out, const Output *output, const char *title) {
        if (out->size > 0)
                text_append_char(out, '\n');
        style_begin(output, STYLE_HEAD, out);
        text_append_safe(out, title);
        style_end(output, STYLE_HEAD, out);
        text_append_char(out, '\n');
}

/* "  label  sentence", wrapped behind the label. The scratch text is cleared. */
static void sentence_at(Text *out, size_t column, size_t indent, Text *scratch) {
        Text local = { 0 };
        text_append_sentence(&local, scratch->data);
        text_append_wrapped(out, column, indent, local.data ? local.data : "");
        text_free(&local);
        text_clear(scratch);
}

static void sentence(Text *out, size_t indent, Text *scratch) { sentence_at(out, indent, indent, scratch); }

/* ---- explain ---- */

#define RECEIPT_INDENT 39 /* columns before a receipt's text: kind, rule, points */

/* "7.9 of 8": what is left of the points after age and cap. */
static void append_counts(Text *out, const json_t *receipt) {
        const json_t *before = json_object_get(receipt, "before"), *after = json_object_get(receipt, "after");
        text_append_points(out, json_object_get(receipt, "points"));
        if (json_is_number(before) && json_is_number(after) && json_number_value(before) != json_number_value(after)) {
                text_append(out, " of ");
                text_append_points(out, before);
        }
}

/* The one reason that decided: a trace stops where the evaluation did. */
static const char *last_piece(const char *because) {
        const char *piece = because;
        for (const char *at = because; at && (at = strstr(at, "; ")); at += 2)
                piece = at + 2;
        return piece;
}

static void append_receipt_text(Text *out, const json_t *receipt, bool matched) {
        const char *note = text_at(receipt, "note"), *because = text_at(receipt, "because"), *at = text_at(receipt, "at");
        const json_t *event = json_object_get(receipt, "event");
        if (!matched && because)
                because = last_piece(because);
        if (!matched && note)
                because = NULL; /* the note says what decided */
        text_printf(out, "%s%s%s", note ? note : "", note && because ? "; " : "", because ? because : "");
        if (json_is_integer(event) && !(because && strstr(because, "event")))
                text_printf(out, "%s(event %" JSON_INTEGER_FORMAT ")", out->size ? " " : "", json_integer_value(event));
        if (at)
                text_printf(out, "%s[%s]", out->size ? " " : "", at);
}

static void add_receipt(Text *out, const Output *output, const json_t *receipt, bool matched, const char *kind) {
        const char *rule = text_at(receipt, "rule"), *own = text_at(receipt, "kind");
        bool counts = own && (base_streq(own, "score") || base_streq(own, "group"));
        Text points = { 0 }, text = { 0 }, name = { 0 };
        if (counts && matched)
                append_counts(&points, receipt);
        text_append_safe(&name, rule ? rule : "-");
        text_printf(out, "  %-9s ", kind ? kind : "-");
        style_begin(output, matched ? STYLE_GOOD : STYLE_DIM, out);
        text_append(out, name.data ? name.data : "-");
        style_end(output, matched ? STYLE_GOOD : STYLE_DIM, out);
        size_t shown = 12 + text_columns(name.data ? name.data : "-", name.size);
        size_t width = points.size > 0 ? text_columns(points.data, points.size) : 0;
        for (; shown + width < RECEIPT_INDENT - 2; shown++)
                text_append_char(out, ' ');
        if (width > 0) {
                text_printf(out, " %s", points.data);
                shown += width + 1;
        }
        /* A long name pushes its text to the next line rather than out of the page. */
        if (shown >= RECEIPT_INDENT) {
                text_append_char(out, '\n');
                shown = 0;
        }
        text_printf(out, "%*s", (int) (RECEIPT_INDENT - shown), "");
        append_receipt_text(&text, receipt, matched);
        sentence(out, RECEIPT_INDENT, &text);
        text_free(&points);
        text_free(&name);
        text_free(&text);
}

static void add_receipts(Text *out, const Output *output, const json_t *reply, bool matched, const char *title) {
        const json_t *receipts = json_object_get(reply, "receipts");
        const char *before = NULL;
        bool any = false;
        for (size_t i = 0; i < json_array_size(receipts); i++) {
                const json_t *receipt = json_array_get(receipts, i);
                const char *kind = text_at(receipt, "kind");
                if (true_at(receipt, "matched") != matched)
                        continue;
                if (!any)
                        heading(out, output, title);
                any = true;
                /* The kind stands once before its rules. */
                add_receipt(out, output, receipt, matched, before && kind && base_streq(before, kind) ? "" : kind);
                before = kind;
        }
}

static void add_story(Text *out, const Output *output, const json_t *reply) {
        const json_t *moves = json_object_get(reply, "moves"), *assignments = json_object_get(reply, "assignments");
        Text text = { 0 };
        for (size_t i = 0; i < json_array_size(moves); i++) {
                const json_t *move = json_array_get(moves, i);
                if (i == 0)
                        heading(out, output, "Why it is in this status");
                text_append(&text, text_at(move, "time"));
                text_printf(&text, " %s -> %s: %s", text_at(move, "from") ? text_at(move, "from") : "-",
                        text_at(move, "to") ? text_at(move, "to") : "-", text_at(move, "move") ? text_at(move, "move") : "-");
                text_printf(&text, " by %s", text_at(move, "by") ? text_at(move, "by") : "-");
                if (text_at(move, "reason"))
                        text_printf(&text, ", reason %s", text_at(move, "reason"));
                if (text_at(move, "note"))
                        text_printf(&text, ", \"%s\"", text_at(move, "note"));
                text_printf(&text, " (event %" JSON_INTEGER_FORMAT ")", json_integer_value(json_object_get(move, "event")));
                text_append(out, "  ");
                sentence(out, 4, &text);
        }
        for (size_t i = 0; i < json_array_size(assignments); i++) {
                const json_t *assignment = json_array_get(assignments, i);
                if (i == 0)
                        heading(out, output, "Why this owner");
                text_append(&text, text_at(assignment, "time"));
                text_printf(&text, " %s", text_at(assignment, "owner") ? text_at(assignment, "owner") : "nobody");
                if (text_at(assignment, "previous"))
                        text_printf(&text, ", before %s", text_at(assignment, "previous"));
                if (text_at(assignment, "route"))
                        text_printf(&text, ", by %s", text_at(assignment, "route"));
                if (text_at(assignment, "text"))
                        text_printf(&text, ": %s", text_at(assignment, "text"));
                text_printf(&text, " (event %" JSON_INTEGER_FORMAT ")", json_integer_value(json_object_get(assignment, "event")));
                text_append(out, "  ");
                sentence(out, 4, &text);
        }
        text_free(&text);
}

static void format_explanation(Text *out, const Output *output, const json_t *reply) {
        Text text = { 0 };
        bool recorded = true_at(reply, "recorded");
        text_printf(&text, "%s at ", text_at(reply, "lead") ? text_at(reply, "lead") : "-");
        text_append_time(&text, text_at(reply, "at"));
        text_append(&text, recorded ? ", as it was recorded" : "");
        heading(out, output, text.data ? text.data : "");
        text_clear(&text);
        if (recorded && !json_is_integer(json_object_get(reply, "event"))) {
                text_append(&text, "Nothing is recorded of it before then.");
                sentence(out, 0, &text);
                text_free(&text);
                return;
        }
        text_printf(&text, "%s, owner %s", text_at(reply, "status") ? text_at(reply, "status") : "-",
                text_at(reply, "owner") ? text_at(reply, "owner") : "nobody");
        if (!recorded) {
                text_printf(&text, ", grade %s: fit ", text_at(reply, "grade") ? text_at(reply, "grade") : "-");
                text_append_points(&text, json_object_get(reply, "fit"));
                text_append(&text, ", engagement ");
                text_append_points(&text, json_object_get(reply, "engagement"));
        }
        sentence(out, 0, &text);
        const json_t *held = json_object_get(reply, "held");
        if (json_is_object(held)) {
                text_printf(&text, "held by %s: %s", text_at(held, "by"), text_at(held, "text") ? text_at(held, "text") : "");
                sentence(out, 0, &text);
        }
        size_t i;
        json_t *kept;
        json_array_foreach(json_object_get(reply, "excluded"), i, kept) {
                const char *by = text_at(kept, "by"), *colon = by ? strchr(by, ':') : NULL;
                text_printf(&text, "kept out of %s until %s by %s",
                        base_streq(text_at(kept, "campaign"), "all") ? "all campaigns" : text_at(kept, "campaign"), text_at(kept, "until"),
                        colon ? colon + 1 : "somebody");
                if (text_at(kept, "reason"))
                        text_printf(&text, ": %s", text_at(kept, "reason"));
                sentence(out, 0, &text);
        }
        text_printf(&text, "rules %.12s", text_at(reply, "rules") ? text_at(reply, "rules") : "-");
        if (text_at(reply, "next_change"))
                text_printf(&text, ", may change by itself at %s", text_at(reply, "next_change"));
        sentence(out, 0, &text);
        add_receipts(out, output, reply, true, "Applied");
        add_receipts(out, output, reply, false, "Did not apply");
        add_story(out, output, reply);
        text_free(&text);
}

static int run_explain(const Arguments *arguments) {
        json_auto_t *reply = NULL;
        int r = client_ask(arguments, "org.leadd.Leads.Explain",
                PARAMETERS({ "lead", arguments->positional[0] }, { "at", arguments_value(arguments, "at") }), LEADCTL_TIMEOUT_MS, &reply);
        if (r != 0)
                return r;
        return print_answer(arguments, reply, reply, format_explanation);
}

const Verb verb_explain = {
        .name = "explain",
        .section = "a lead",
        .usage = "LEAD [--at TIME]",
        .summary = "why: every rule's receipt, every move, every owner",
        .details = "--at a later instant: as it would be if nothing happened. --at an earlier one: what the log recorded then.",
        .flags = { { "at", "TIME", "RFC 3339, such as 2026-03-05T14:00:00+01:00" } },
        .n_min = 1,
        .n_max = 1,
        .run = run_explain,
};

/* ---- whynot ---- */

static void add_hurdles(Text *out, const json_t *hurdles, size_t indent) {
        Text text = { 0 };
        for (size_t i = 0; i < json_array_size(hurdles); i++) {
                const json_t *hurdle = json_array_get(hurdles, i);
                const char *words = text_at(hurdle, "text"), *until = text_at(hurdle, "until"), *at = text_at(hurdle, "at");
                text_append(&text, words ? words : "");
                if (until && !(words && strstr(words, until)))
                        text_printf(&text, "; until %s", until);
                if (at)
                        text_printf(&text, " [%s]", at);
                text_printf(out, "%*s- ", (int) indent, "");
                sentence(out, indent + 2, &text);
        }
        text_free(&text);
}

static void format_whynot(Text *out, const Output *output, const json_t *reply) {
        const json_t *ways = json_object_get(reply, "ways");
        Text text = { 0 };
        text_printf(&text, "%s: %s %s", text_at(reply, "lead") ? text_at(reply, "lead") : "-",
                text_at(reply, "kind") ? text_at(reply, "kind") : "", text_at(reply, "asked") ? text_at(reply, "asked") : "");
        if (text_at(reply, "at"))
                text_printf(&text, " [%s]", text_at(reply, "at"));
        heading(out, output, text.data ? text.data : "");
        text_clear(&text);
        text_printf(&text, "%s%s.", true_at(reply, "so") ? "It is so: " : "", text_at(reply, "text") ? text_at(reply, "text") : "");
        sentence(out, 0, &text);
        for (size_t i = 0; i < json_array_size(ways); i++) {
                const json_t *way = json_array_get(ways, i);
                bool open = true_at(way, "open");
                text_append(out, "  ");
                style_begin(output, open ? STYLE_GOOD : STYLE_PLAIN, out);
                text_append_safe(out, text_at(way, "move") ? text_at(way, "move") : "-");
                style_end(output, open ? STYLE_GOOD : STYLE_PLAIN, out);
                if (text_at(way, "reason"))
                        text_printf(&text, "with %s, ", text_at(way, "reason"));
                text_printf(&text, "%s -> %s, by %s%s [%s]", text_at(way, "from") ? text_at(way, "from") : "-",
                        text_at(way, "to") ? text_at(way, "to") : "-", text_at(way, "by") ? text_at(way, "by") : "-", open ? ": open" : "",
                        text_at(way, "at") ? text_at(way, "at") : "");
                /* The blank between is the wrapping's. */
                size_t shown = text_at(way, "move") ? text_columns(text_at(way, "move"), strlen(text_at(way, "move"))) : 1;
                sentence_at(out, 2 + shown > 4 ? 2 + shown : 5, 4, &text);
                add_hurdles(out, json_object_get(way, "hurdles"), 4);
        }
        add_hurdles(out, json_object_get(reply, "hurdles"), 2);
        text_free(&text);
}

static int run_whynot(const Arguments *arguments) {
        const char *status = arguments_value(arguments, "status"), *owner = arguments_value(arguments, "owner"),
                   *rule = arguments_value(arguments, "rule");
        if (!!status + !!owner + !!rule != 1) {
                say_error("whynot wants exactly one of --status, --owner and --rule");
                return EXIT_USAGE;
        }
        json_auto_t *reply = NULL;
        int r = client_ask(arguments, "org.leadd.Leads.WhyNot",
                PARAMETERS({ "lead", arguments->positional[0] }, { "status", status }, { "owner", owner }, { "rule", rule }),
                LEADCTL_TIMEOUT_MS, &reply);
        if (r != 0)
                return r;
        return print_answer(arguments, reply, reply, format_whynot);
}

const Verb verb_whynot = {
        .name = "whynot",
        .section = "a lead",
        .usage = "LEAD (--status S | --owner O | --rule R)",
        .summary = "what stands in the way of a status, an owner or a rule",
        .details = "--status lists the moves that lead there from where the lead stands, or those on the way, each with who makes it and\n"
                   "what is missing. --owner says why that person does not have the lead. --rule says which matcher decided; R is a name,\n"
                   "or KIND:NAME where two kinds share it.",
        .flags = { { "status", "S", "why it is not in this status" }, { "owner", "O", "why it is not this person's" },
                { "rule", "R", "why this rule does not apply, or gives less than it might" } },
        .n_min = 1,
        .n_max = 1,
        .run = run_whynot,
};

/* ---- need ---- */

static void add_set(Text *out, const Output *output, const json_t *set, size_t number) {
        const json_t *additions = json_object_get(set, "additions"), *moves = json_object_get(set, "moves");
        Text text = { 0 };
        text_printf(out, "%3zu. ", number);
        for (size_t i = 0; i < json_array_size(additions); i++) {
                const json_t *addition = json_array_get(additions, i);
                text_printf(&text, "%s%s", i > 0 ? "  +  " : "", text_at(addition, "text") ? text_at(addition, "text") : "");
        }
        if (json_array_size(additions) == 0)
                text_append(&text, json_array_size(moves) > 0 ? "nothing more need be known" : "nothing: time alone");
        if (text_at(set, "at"))
                text_printf(&text, ", from %s on", text_at(set, "at"));
        sentence(out, 5, &text);
        for (size_t i = 0; i < json_array_size(moves); i++) {
                const json_t *move = json_array_get(moves, i);
                text_printf(&text, "then %s", text_at(move, "move") ? text_at(move, "move") : "-");
                if (text_at(move, "reason"))
                        text_printf(&text, " with %s", text_at(move, "reason"));
                text_printf(&text, " by %s: %s -> %s", text_at(move, "by") ? text_at(move, "by") : "-",
                        text_at(move, "from") ? text_at(move, "from") : "-", text_at(move, "to") ? text_at(move, "to") : "-");
                text_append(out, "     ");
                sentence(out, 7, &text);
        }
        text_printf(&text, "gives %s, fit ", text_at(set, "grade") ? text_at(set, "grade") : "no grade");
        text_append_points(&text, json_object_get(set, "fit"));
        text_append(&text, ", engagement ");
        text_append_points(&text, json_object_get(set, "engagement"));
        text_printf(&text, ", %s", text_at(set, "status") ? text_at(set, "status") : "-");
        text_append(out, "     ");
        style_begin(output, STYLE_DIM, out);
        sentence(out, 7, &text);
        style_end(output, STYLE_DIM, out);
        text_free(&text);
}

static void add_list(Text *out, const json_t *list, const char *lead_in) {
        Text text = { 0 };
        for (size_t i = 0; i < json_array_size(list); i++) {
                const char *item = json_string_value(json_array_get(list, i));
                text_printf(&text, "%s%s", lead_in, item ? item : "");
                text_append(out, "  ");
                sentence(out, 4, &text);
        }
        text_free(&text);
}

static void format_need(Text *out, const Output *output, const json_t *reply) {
        const json_t *sets = json_object_get(reply, "sets");
        Text text = { 0 };
        bool changes = false;
        text_printf(&text, "%s: what would make it %s", text_at(reply, "lead") ? text_at(reply, "lead") : "-",
                text_at(reply, "target") ? text_at(reply, "target") : "-");
        heading(out, output, text.data ? text.data : "");
        text_clear(&text);
        text_printf(&text, "%s.", text_at(reply, "text") ? text_at(reply, "text") : "");
        sentence(out, 0, &text);
        for (size_t i = 0; i < json_array_size(sets); i++) {
                const json_t *set = json_array_get(sets, i);
                if (true_at(set, "changes") && !changes) {
                        changes = true;
                        text_append(out, "If something known were different:\n");
                }
                add_set(out, output, set, i + 1);
        }
        add_list(out, json_object_get(reply, "limits"), "");
        add_list(out, json_object_get(reply, "functions"), "cannot be searched, it is a function: ");
        text_free(&text);
}

static int run_need(const Arguments *arguments) {
        const char *grade = arguments_value(arguments, "grade"), *status = arguments_value(arguments, "status");
        if (!!grade + !!status != 1) {
                say_error("need wants exactly one of --grade and --status");
                return EXIT_USAGE;
        }
        json_auto_t *reply = NULL;
        int r = client_ask(arguments, "org.leadd.Leads.Need",
                PARAMETERS({ "lead", arguments->positional[0] }, { "grade", grade }, { "status", status },
                        { "within", arguments_value(arguments, "within") }),
                LEADCTL_TIMEOUT_MS, &reply);
        if (r != 0)
                return r;
        bool found = true_at(reply, "so") || json_array_size(json_object_get(reply, "sets")) > 0;
        (void) print_answer(arguments, reply, reply, format_need);
        return found ? EXIT_DONE : EXIT_REFUSED;
}

const Verb verb_need = {
        .name = "need",
        .section = "a lead",
        .usage = "LEAD (--grade A1 | --status S) [--within D]",
        .summary = "the smallest sets of facts or activities that would lift it there",
        .details = "Each set was tried: the lead was judged with it. What contradicts something known stands last. Exit 1 when the search\n"
                   "found none; it says what caps and bands make impossible, and which rules are functions and cannot be searched.",
        .flags = { { "grade", "A1", "at least this grade" }, { "status", "S", "this status" },
                { "within", "D", "also at later instants, up to this duration from now: 30d" } },
        .n_min = 1,
        .n_max = 1,
        .run = run_need,
};
