/* SPDX-License-Identifier: MIT */
/*
 * leadctl away: who is or will be away, and saying so. A member says it for themself, an operator for others.
 */
#include "leadctl.h"

static const Column columns[] = {
        { "OWNER", false, false },
        { "TEAM", false, false },
        { "FROM", false, false },
        { "UNTIL", false, false },
        { "BY", false, false },
        { "IS", false, false },
};

static void add_time(Table *table, const char *time) {
        Text text = { 0 };
        text_append_time(&text, time);
        table_add(table, STYLE_PLAIN, text.data);
        text_free(&text);
}

static int print_absences(const Arguments *arguments, const char *owner, const json_t *items) {
        Output output;
        Table table;
        size_t i;
        json_t *item;
        output_open(&output);
        table_start(&table, columns, ARRAY_SIZE(columns));
        json_array_foreach(items, i, item) {
                bool away = json_is_true(json_object_get(item, "away"));
                if (arguments->json) {
                        print_json(item);
                        continue;
                }
                table_add(&table, STYLE_PLAIN, text_at(item, "owner"));
                table_add(&table, STYLE_DIM, text_at(item, "team"));
                add_time(&table, text_at(item, "from"));
                add_time(&table, text_at(item, "until"));
                table_add(&table, STYLE_DIM, text_at(item, "source"));
                table_add(&table, away ? STYLE_WARN : STYLE_PLAIN, away ? "away now" : "to come");
        }
        if (arguments->json || table.n_cells > 0) {
                int r = arguments->json ? EXIT_DONE : table_print(&table, &output);
                table_done(&table);
                return r;
        }
        table_done(&table);
        if (owner)
                (void) printf("No absence of %s is known.\n", owner);
        else
                (void) printf("Nobody is or will be away.\n");
        return EXIT_DONE;
}

static int list(const Arguments *arguments) {
        json_auto_t *reply = NULL;
        const char *owner = arguments->n_positional > 0 ? arguments->positional[0] : NULL;
        int r = client_ask(arguments, "org.leadd.Leads.Absences", PARAMETERS({ "owner", owner }), LEADCTL_TIMEOUT_MS, &reply);
        return r != 0 ? r : print_absences(arguments, owner, json_object_get(reply, "items"));
}

static int run(const Arguments *arguments) {
        bool cancels = arguments_value(arguments, "cancel") != NULL;
        if (arguments->n_positional < 2) {
                if (!cancels)
                        return list(arguments);
                say_error("--cancel wants the days: leadctl away OWNER FROM..TO --cancel; `leadctl away OWNER back` ends what has begun");
                return EXIT_USAGE;
        }
        bool is_back = base_streq(arguments->positional[1], "back");
        if (is_back && cancels) {
                say_error("either back, which ends what has begun, or FROM..TO --cancel");
                return EXIT_USAGE;
        }
        _cleanup_(client_close) Client client = { .fd = -1 };
        int r = client_open(arguments, &client);
        if (r != 0)
                return r;
        json_t *parameters = PARAMETERS({ "owner", arguments->positional[0] }, { "when", is_back ? NULL : arguments->positional[1] });
        if (parameters && (is_back || cancels))
                (void) json_object_set_new(parameters, "back", json_true());
        json_auto_t *reply = NULL;
        r = client_call_once(&client, "org.leadd.Leads.Away", parameters, LEADCTL_TIMEOUT_MS, &reply);
        if (r != 0)
                return r;
        if (arguments->json)
                print_json(reply);
        else {
                Text text = { 0 };
                text_append_sentence(&text, json_is_true(json_object_get(reply, "duplicate")) ? "done before" : text_at(reply, "summary"));
                text_append_char(&text, '\n');
                print_text(&text);
                text_free(&text);
        }
        return EXIT_DONE;
}

const Verb verb_away = {
        .name = "away",
        .section = "people",
        .usage = "[OWNER [FROM..TO [--cancel] | back]]",
        .summary = "who is or will be away; says when somebody is, or that they are back",
        .details = "FROM and TO are days (2026-03-09..2026-03-13, both included, in the member's zone) or instants in RFC 3339; one day\n"
                   "stands for itself, and without FROM it begins now. An absence takes the place of recorded ones that it overlaps.\n"
                   "back ends what has begun; --cancel takes back what is recorded for these days. Absences in the rules stay.\n"
                   "A member says it for themself, root and the group leadd for others.",
        .flags = { { "cancel", NULL, "takes back what is recorded for these days" } },
        .n_max = 2,
        .run = run,
};
