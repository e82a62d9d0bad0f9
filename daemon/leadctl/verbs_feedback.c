/* SPDX-License-Identifier: MIT */
/*
 * leadctl feedback: what sales tells marketing about its leads.
 */
#include "leadctl.h"

#define PAGE_MAX 1000

static const Column columns[] = {
        { "WHEN", false, false },
        { "LEAD", false, false },
        { "REASON", false, false },
        { "OWNER", false, false },
        { "FROM", false, false },
        { "TO", false, false },
        { "SOURCE", false, true },
        { "CAMPAIGN", false, true },
        { "NOTE", false, true },
};

static void add_row(Table *table, const json_t *item) {
        static const char *const keys[] = { "lead", "reason", "owner", "from", "to", "source", "campaign", "note" };
        Text when = { 0 };

        text_append_time(&when, text_at(item, "time"));
        table_add(table, STYLE_PLAIN, when.data);
        text_free(&when);
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                table_add(table, STYLE_PLAIN, text_at(item, keys[i]));
}

static int run_feedback(const Arguments *arguments) {
        int64_t limit, n = 0;
        json_t *before = NULL;
        Output output;
        Table table;
        int r = arguments_number(arguments, "limit", 100, &limit);

        if (r != 0)
                return r;
        output_open(&output);
        table_start(&table, columns, ARRAY_SIZE(columns));
        do {
                json_auto_t *reply = NULL;
                size_t i;
                json_t *item;
                int64_t left = limit - n;
                json_t *parameters =
                        PARAMETERS({ "since", arguments_value(arguments, "since") }, { "reason", arguments_value(arguments, "reason") },
                                { "source", arguments_value(arguments, "source") }, { "owner", arguments_value(arguments, "owner") });
                if (parameters) {
                        (void) json_object_set_new(parameters, "limit", json_integer(left < PAGE_MAX ? left : PAGE_MAX));
                        (void) json_object_set_new(parameters, "before", before ? before : json_null());
                }
                before = NULL;
                r = client_ask(arguments, "org.leadd.Leads.Feedback", parameters, LEADCTL_TIMEOUT_MS, &reply);
                if (r != 0)
                        break;
                json_array_foreach(json_object_get(reply, "items"), i, item) {
                        n++;
                        if (arguments->json)
                                print_json(item);
                        else
                                add_row(&table, item);
                }
                const json_t *next = json_object_get(reply, "next");
                before = json_is_integer(next) ? json_incref((json_t *) next) : NULL;
        } while (before && n < limit);
        json_decref(before);
        if (r == 0 && !arguments->json) {
                if (table.n_cells == 0)
                        (void) printf("No lead came back with a reason.\n");
                else
                        r = table_print(&table, &output);
        }
        table_done(&table);
        return r;
}

const Verb verb_feedback = {
        .name = "feedback",
        .section = "care",
        .usage = "[--since T] [--reason R] [--source S] [--owner O] [--limit N]",
        .summary = "which leads came back, with what reason, and where they had come from; the newest first",
        .details = "One line a move with a reason, a person's or an SLA's. OWNER had the lead; SOURCE and CAMPAIGN are those of then.\n"
                   "Leads that are tests do not count.",
        .flags = { { "since", "T", "a duration (90d), a date (UTC) or a time" }, { "reason", "R", "only with this reason" },
                { "source", "S", "only from this source" }, { "owner", "O", "only from this owner" },
                { "limit", "N", "at most so many (100)" } },
        .run = run_feedback,
};
