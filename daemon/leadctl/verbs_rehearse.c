/* SPDX-License-Identifier: MIT */
/*
 * rehearse: what the rules of a directory would say of one lead, beside what the rules in force say. Needs no daemon: the book is
 * opened for reading only, and nothing is written anywhere. Who would be given the lead is left out: whose turn it is changes with
 * every lead, and only the daemon knows it.
 */
#include "leadctl.h"
#include "leadd/decide.h"
#include "leadd/policy.h"
#include "leadd/store.h"
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#define DEFAULT_STATE "/var/lib/leadd"
#define LOOK_MEMORY_MAX (256 * 1024 * 1024) /* bytes both looks may use */

/* What one rule set says. */
typedef struct Side {
        const RuleSet *rules;
        Explanation explanation;
        Decision next; /* of an event that brings nothing new */
} Side;

static int look(RuleSet *rules, const DecideInput *input, Arena *arena, Side *ret) {
        *ret = (Side){ .rules = rules };
        int r = decide_explain(rules, input, arena, &ret->explanation);
        return r < 0 ? r : decide_next(rules, input, arena, &ret->next);
}

static const Receipt *find_receipt(const Side *side, const Rule *rule) {
        for (size_t i = 0; i < side->explanation.receipts.n_items; i++) {
                const Receipt *receipt = &side->explanation.receipts.items[i];
                if (receipt->rule->kind == rule->kind && base_streq(receipt->rule->name, rule->name))
                        return receipt;
        }
        return NULL;
}

/* NULL: that set has no such rule, or it bears on no lead where this one is. */
static bool differ(const Receipt *a, const Receipt *b) {
        if (!a || !b)
                return (a && a->matched) || (b && b->matched);
        return a->matched != b->matched || a->failed != b->failed || a->points_mp != b->points_mp;
}

/* ---- JSON ---- */

static json_t *receipt_json(const Receipt *receipt) {
        char at[512];
        if (!receipt)
                return json_null();
        (void) snprintf(at, sizeof(at), "%s:%d", receipt->rule->file, receipt->rule->line);
        return json_pack("{s:s, s:b, s:f, s:s?}", "at", at, "matched", receipt->matched, "points", (double) receipt->points_mp / 1000,
                "note", receipt->note);
}

static json_t *segments_json(const Side *side) {
        json_t *list = json_array();
        for (size_t i = 0; i < side->rules->n_segments && i < POLICY_SEGMENTS_MAX; i++)
                if (side->explanation.subject.segments[i / 64] >> (i % 64) & 1)
                        (void) json_array_append_new(list, json_string(side->rules->segments[i].rule.name));
        return list;
}

static json_t *side_json(const Side *side) {
        const Subject *subject = &side->explanation.subject;
        json_t *moves = json_array();
        for (size_t i = 0; i < side->next.n_moves; i++)
                (void) json_array_append_new(moves, json_pack("{s:s, s:s, s:s}", "move", side->next.moves[i].move, "from",
                                                            side->next.moves[i].from, "to", side->next.moves[i].to));
        return json_pack("{s:s, s:s?, s:f, s:f, s:o, s:s?, s:o, s:s?}", "rules", side->rules->hash_text, "grade",
                *subject->grade ? subject->grade : NULL, "fit", (double) subject->fit_mp / 1000, "engagement",
                (double) subject->engagement_mp / 1000, "segments", segments_json(side), "status", side->next.after.status, "moves", moves,
                "held", side->next.after.held.by ? side->next.after.held.text : NULL);
}

static void add_difference(json_t *list, const Rule *rule, const Receipt *running, const Receipt *rehearsed) {
        (void) json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o}", "rule", rule->name, "kind", rule_kind_name(rule->kind),
                                                   "running", receipt_json(running), "rehearsed", receipt_json(rehearsed)));
}

/* In the order of the rehearsed rules, then those that are gone. */
static json_t *differences_json(const Side *running, const Side *rehearsed) {
        json_t *list = json_array();
        for (size_t i = 0; i < rehearsed->explanation.receipts.n_items; i++) {
                const Receipt *receipt = &rehearsed->explanation.receipts.items[i], *before = find_receipt(running, receipt->rule);
                if (differ(before, receipt))
                        add_difference(list, receipt->rule, before, receipt);
        }
        for (size_t i = 0; i < running->explanation.receipts.n_items; i++) {
                const Receipt *receipt = &running->explanation.receipts.items[i];
                if (!find_receipt(rehearsed, receipt->rule) && differ(receipt, NULL))
                        add_difference(list, receipt->rule, receipt, NULL);
        }
        return list;
}

/* ---- for people ---- */

static void add_row(Table *table, const char *what, const char *running, const char *rehearsed) {
        bool same = base_streq(running, rehearsed);
        table_add(table, STYLE_DIM, what);
        table_add(table, STYLE_PLAIN, running);
        table_add(table, same ? STYLE_PLAIN : STYLE_WARN, rehearsed);
}

static void append_names(Text *out, const json_t *list) {
        for (size_t i = 0; i < json_array_size(list); i++)
                text_printf(out, "%s%s", i > 0 ? ", " : "", json_string_value(json_array_get(list, i)));
        if (json_array_size(list) == 0)
                text_append(out, "none");
}

static void append_next(Text *out, const json_t *side) {
        const json_t *moves = json_object_get(side, "moves");
        text_append(out, text_at(side, "status") ? text_at(side, "status") : "-");
        for (size_t i = 0; i < json_array_size(moves); i++)
                text_printf(out, "%s%s", i == 0 ? " by " : ", ", text_at(json_array_get(moves, i), "move"));
}

static void add_text_row(
        Table *table, const char *what, const json_t *running, const json_t *rehearsed, void (*append)(Text *out, const json_t *value)) {
        Text a = { 0 }, b = { 0 };
        append(&a, running);
        append(&b, rehearsed);
        add_row(table, what, a.data ? a.data : "", b.data ? b.data : "");
        text_free(&a);
        text_free(&b);
}

static void append_receipt(Text *out, const json_t *receipt) {
        if (json_is_null(receipt)) {
                text_append(out, "no such rule here");
                return;
        }
        bool matched = json_is_true(json_object_get(receipt, "matched"));
        if (json_number_value(json_object_get(receipt, "points")) != 0)
                text_append_points(out, json_object_get(receipt, "points"));
        else
                text_append(out, matched ? "applies" : "does not apply");
}

static void print_rehearsal(const json_t *reply, const Output *output, const char *directory) {
        static const Column columns[] = { { "", false, false }, { "IN FORCE", false, true }, { "REHEARSED", false, true } };
        static const Column difference_columns[] = { { "KIND", false, false }, { "RULE", false, false }, { "IN FORCE", false, true },
                { "REHEARSED", false, true }, { "AT", false, true } };
        const json_t *running = json_object_get(reply, "running"), *rehearsed = json_object_get(reply, "rehearsed"),
                     *differ = json_object_get(reply, "differ");
        Text text = { 0 };
        text_printf(&text, "%s under %s (%.12s), beside the rules in force (%.12s)\n", text_at(reply, "lead"), directory,
                text_at(rehearsed, "rules"), text_at(running, "rules"));
        print_text(&text);
        text_free(&text);
        Table table;
        table_start(&table, columns, ARRAY_SIZE(columns));
        add_row(&table, "grade", text_at(running, "grade") ? text_at(running, "grade") : "-",
                text_at(rehearsed, "grade") ? text_at(rehearsed, "grade") : "-");
        add_text_row(&table, "fit", json_object_get(running, "fit"), json_object_get(rehearsed, "fit"), text_append_points);
        add_text_row(
                &table, "engagement", json_object_get(running, "engagement"), json_object_get(rehearsed, "engagement"), text_append_points);
        add_text_row(&table, "segments", json_object_get(running, "segments"), json_object_get(rehearsed, "segments"), append_names);
        add_text_row(&table, "status then", running, rehearsed, append_next);
        if (text_at(running, "held") || text_at(rehearsed, "held"))
                add_row(&table, "held", text_at(running, "held") ? text_at(running, "held") : "-",
                        text_at(rehearsed, "held") ? text_at(rehearsed, "held") : "-");
        (void) table_print(&table, output);
        if (json_array_size(differ) == 0) {
                (void) printf("\nNo rule says anything else of it.\n");
                return;
        }
        (void) printf("\nRules that say something else\n");
        table_start(&table, difference_columns, ARRAY_SIZE(difference_columns));
        for (size_t i = 0; i < json_array_size(differ); i++) {
                const json_t *item = json_array_get(differ, i), *before = json_object_get(item, "running"),
                             *after = json_object_get(item, "rehearsed");
                table_add(&table, STYLE_DIM, text_at(item, "kind"));
                table_add(&table, STYLE_PLAIN, text_at(item, "rule"));
                append_receipt(&text, before);
                table_add(&table, STYLE_PLAIN, text.data);
                text_clear(&text);
                append_receipt(&text, after);
                table_add(&table, STYLE_WARN, text.data);
                text_clear(&text);
                table_add(&table, STYLE_DIM, text_at(json_is_null(after) ? before : after, "at"));
        }
        text_free(&text);
        (void) table_print(&table, output);
}

/* ---- the verb ---- */

static int load_directory(const char *directory, RuleSet **ret) {
        _cleanup_(policy_report_done) PolicyReport report = { 0 };
        struct stat st;
        int r = stat(directory, &st) < 0 ? -errno : !S_ISDIR(st.st_mode) ? -ENOTDIR : policy_load(directory, 0, ret, &report);
        if (r < 0) {
                say_error("cannot read the rules in %s: %s", directory, strerror(-r));
                return r == -ENOENT || r == -ENOTDIR ? EXIT_NO_SUCH_THING : r == -EACCES ? EXIT_NOT_PERMITTED : EXIT_BAD_DATA;
        }
        if (r == 0)
                return EXIT_DONE;
        _cleanup_(text_free) Text text = { 0 };
        if (policy_report_format(&report, &text) == 0 && text.data)
                (void) fputs(text.data, stderr);
        say_error("%s does not load", directory);
        return EXIT_BAD_DATA;
}

static int open_book(const char *state, Store **ret) {
        char path[4096];
        if ((size_t) snprintf(path, sizeof(path), "%s/leadd.db", state) >= sizeof(path)) {
                say_error("the name of the state directory is too long");
                return EXIT_USAGE;
        }
        int r = access(path, R_OK) < 0 ? -errno : store_open(path, STORE_READ_ONLY, ret);
        return r == 0 ? EXIT_DONE : say_unreadable(path, r);
}

static int load_running(Store *store, RuleSet **ret) {
        _cleanup_(policy_report_done) PolicyReport report = { 0 };
        const void *data;
        size_t size;
        int r = store_rules_last(store, &data, &size);
        if (r == 0)
                r = policy_load_archive(data, size, ret, &report);
        if (r == 0)
                return EXIT_DONE;
        say_error("the book has no rules in force that load");
        return EXIT_BAD_DATA;
}

/* Only 42 and L-42: what an e-mail leads to is known to the daemon alone. */
static int load_lead(Store *store, const char *name, int64_t now_us, Arena *arena, LeadState *state, Facts *profile, DecideInput *ret) {
        Activity *history;
        uint64_t lead;
        size_t n_history;
        static const Desk nobody;
        int r = store_resolve_lead(store, name, &lead);
        if (r == 0)
                r = store_load_lead(store, lead, arena, state, profile, &history, &n_history);
        if (r != 0) {
                say_error("no lead \"%s\" in the book; without the daemon a lead is named 42 or L-42", name);
                return EXIT_NO_SUCH_THING;
        }
        *ret = (DecideInput){ .event_id = UINT32_MAX, /* later than any event the lead has */
                .lead_id = lead,
                .before = state,
                .profile = profile,
                .history = history,
                .n_history = n_history,
                .actor = "system:leadd",
                .now_us = now_us,
                .desk = &nobody };
        return EXIT_DONE;
}

static int rehearse(const Arguments *arguments, Store *store, RuleSet *running_rules, RuleSet *rules, int64_t now_us) {
        _cleanup_(arena_freep) Arena *arena = arena_new(LOOK_MEMORY_MAX);
        LeadState state;
        Facts profile;
        DecideInput input;
        Side running, rehearsed;
        char lead[32];
        if (!arena) {
                say_error("out of memory");
                return EXIT_BAD_DATA;
        }
        int r = load_lead(store, arguments_value(arguments, "lead"), now_us, arena, &state, &profile, &input);
        if (r != EXIT_DONE)
                return r;
        if (look(running_rules, &input, arena, &running) < 0 || look(rules, &input, arena, &rehearsed) < 0) {
                say_error("out of memory");
                return EXIT_BAD_DATA;
        }
        (void) snprintf(lead, sizeof(lead), "L-%" PRIu64, input.lead_id);
        char at[TIME_TEXT_SIZE];
        json_auto_t *reply = json_pack("{s:s, s:s, s:s?, s:o, s:o, s:o}", "lead", lead, "at", time_format_rfc3339(now_us, at), "status",
                state.status, "running", side_json(&running), "rehearsed", side_json(&rehearsed), "differ",
                differences_json(&running, &rehearsed));
        if (!reply) {
                say_error("out of memory");
                return EXIT_BAD_DATA;
        }
        if (arguments->json)
                print_json(reply);
        else {
                Output output;
                output_open(&output);
                print_rehearsal(reply, &output, arguments->positional[0]);
        }
        return EXIT_DONE;
}

static int run_rehearse(const Arguments *arguments) {
        const char *state = arguments_value(arguments, "state"), *at = arguments_value(arguments, "at");
        if (!arguments_value(arguments, "lead")) {
                say_error("rehearse wants --lead: one lead at a time");
                return EXIT_USAGE;
        }
        Output clock;
        output_open(&clock); /* the time of day */
        int64_t now_us = clock.now_us;
        if (at && time_parse_rfc3339(at, strlen(at), &now_us) != 0) {
                say_error("\"%s\" is no instant in RFC 3339; write 2026-03-05T14:00:00+01:00", at);
                return EXIT_USAGE;
        }
        _cleanup_(policy_freep) RuleSet *rules = NULL;
        _cleanup_(policy_freep) RuleSet *running = NULL;
        _cleanup_(store_closep) Store *store = NULL;
        int r = load_directory(arguments->positional[0], &rules);
        if (r == EXIT_DONE)
                r = open_book(state ? state : DEFAULT_STATE, &store);
        if (r == EXIT_DONE)
                r = load_running(store, &running);
        return r == EXIT_DONE ? rehearse(arguments, store, running, rules, now_us) : r;
}

const Verb verb_rehearse = {
        .name = "rehearse",
        .section = "rules",
        .usage = "DIR --lead LEAD [--state DIR] [--at TIME]",
        .summary = "what the rules in DIR would say of one lead, beside those in force; needs no daemon",
        .details = "Points, grade, segments, the automatic moves its next event would make, and each rule that says something else.\n"
                   "The book is opened for reading only. LEAD is 42 or L-42.",
        .flags = { { "lead", "LEAD", "the lead: 42 or L-42" }, { "state", "DIR", "where leadd.db is (default: " DEFAULT_STATE ")" },
                { "at", "TIME", "as of this instant instead of now, in RFC 3339" } },
        .n_min = 1,
        .n_max = 1,
        .run = run_rehearse,
};
