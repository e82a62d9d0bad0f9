/* SPDX-License-Identifier: MIT */
/*
 * leadctl outbox: what people and programs are still to be told, what cannot be delivered, and what to do about it.
 */
#include "leadctl.h"
#include <errno.h>

static const Column columns[] = {
        { "ID", true, false },
        { "STATE", false, false },
        { "LEAD", false, false },
        { "KIND", false, false },
        { "CHANNEL", false, false },
        { "TO", false, false },
        { "TRIES", true, false },
        { "SINCE", true, false },
        { "NEXT", true, false },
        { "ERROR", false, true },
};

static void add_relative(Table *table, const json_t *value, const Output *output) {
        Text text = { 0 };
        int64_t time_us;
        if (time_from_json(value, &time_us))
                text_append_relative(&text, time_us - output->now_us);
        table_add(table, STYLE_PLAIN, text.data);
        text_free(&text);
}

static void add_number(Table *table, const json_t *value) {
        Text text = { 0 };
        text_printf(&text, "%lld", (long long) json_integer_value(value));
        table_add(table, STYLE_PLAIN, text.data);
        text_free(&text);
}

static void add_row(Table *table, const json_t *item, const Output *output) {
        const char *state = text_at(item, "state");
        add_number(table, json_object_get(item, "id"));
        table_add(table, !state || base_streq(state, "waiting") ? STYLE_PLAIN : base_streq(state, "dead") ? STYLE_BAD : STYLE_WARN, state);
        table_add(table, STYLE_PLAIN, text_at(item, "lead"));
        table_add(table, STYLE_PLAIN, text_at(item, "kind"));
        table_add(table, STYLE_PLAIN, text_at(item, "channel"));
        table_add(table, STYLE_PLAIN, text_at(item, "recipient"));
        add_number(table, json_object_get(item, "attempts"));
        add_relative(table, json_object_get(item, "since"), output);
        add_relative(table, json_object_get(item, "next"), output);
        table_add(table, STYLE_PLAIN, text_at(item, "error"));
}

static int list(const Arguments *arguments) {
        json_auto_t *reply = NULL;
        int r = client_ask(arguments, "org.leadd.Control.Outbox", json_object(), LEADCTL_TIMEOUT_MS, &reply);
        if (r != 0)
                return r;
        Output output;
        output_open(&output);
        (void) time_from_json(json_object_get(reply, "now"), &output.now_us);
        Table table;
        table_start(&table, columns, ARRAY_SIZE(columns));
        size_t i;
        json_t *item;
        json_array_foreach(json_object_get(reply, "items"), i, item) {
                if (arguments->json)
                        print_json(item);
                else
                        add_row(&table, item, &output);
        }
        if (arguments->json) {
                table_done(&table);
                return EXIT_DONE;
        }
        return table_finish(&table, &output, "Everything is delivered.", json_is_true(json_object_get(reply, "more")));
}

static int run(const Arguments *arguments) {
        if (arguments->n_positional == 0)
                return list(arguments);
        char *end;
        errno = 0;
        long long id = arguments->n_positional == 2 ? strtoll(arguments->positional[1], &end, 10) : 0;
        if (id < 1 || errno != 0 || *end != '\0') {
                say_error("usage: leadctl outbox [retry|cancel ID]");
                return EXIT_USAGE;
        }
        _cleanup_(client_close) Client client = { .fd = -1 };
        int r = client_open(arguments, &client);
        if (r != 0)
                return r;
        json_auto_t *reply = NULL;
        r = client_call_once(&client, "org.leadd.Control.OutboxAct",
                json_pack("{s:s, s:I}", "action", arguments->positional[0], "id", (json_int_t) id), LEADCTL_TIMEOUT_MS, &reply);
        if (r != 0)
                return r;
        if (arguments->json)
                print_json(reply);
        else
                (void) printf("done\n");
        return EXIT_DONE;
}

const Verb verb_outbox = {
        .name = "outbox",
        .section = "care",
        .usage = "[retry|cancel ID]",
        .summary = "what is still to be told, and what could not be; try a row now, or forget it",
        .details = "A row whose delivery failed is tried again with growing pauses (30 s to 4,000 s) for five days; then it is dead\n"
                   "and waits here. retry tries it once more, cancel forgets it for good.",
        .n_max = 2,
        .run = run,
};
