/* SPDX-License-Identifier: MIT */
/*
 * leadctl merge, unmerge, duplicates: two leads that are one person.
 */
#include "leadctl.h"

/* Asks once, and says in words what came of it. */
static int change(const Arguments *arguments, const char *method, json_t *parameters) {
        _cleanup_(client_close) Client client = { .fd = -1 };
        json_auto_t *reply = NULL;
        if (arguments->as && json_object_set_new(parameters, "as", json_string(arguments->as)) < 0) {
                json_decref(parameters);
                say_error("out of memory");
                return EXIT_USAGE;
        }
        int r = client_open(arguments, &client);
        if (r != 0) {
                json_decref(parameters);
                return r;
        }
        r = client_call_once(&client, method, parameters, LEADCTL_TIMEOUT_MS, &reply);
        if (r != 0)
                return r;
        if (arguments->json)
                print_json(reply);
        else
                (void) printf("%s: %s\n", text_at(reply, "lead"), text_at(reply, "summary"));
        return EXIT_DONE;
}

static int run_merge(const Arguments *arguments) {
        return change(arguments, "org.leadd.Leads.Merge",
                json_pack("{s:s, s:s}", "lead", arguments->positional[0], "into", arguments->positional[1]));
}

const Verb verb_merge = {
        .name = "merge",
        .section = "care",
        .usage = "A B [--as PERSON]",
        .summary = "two leads are one person: A becomes part of B",
        .details =
                "B keeps its number, status, owner and SLA; A's number leads to B from then on, in every verb and record. What both did,\n"
                "said and agreed to is one history: points are counted anew from it (what is given once is given once), of each\n"
                "fact the newest statement holds, of each consent the latest, of two at one instant the refusal. What A waited for\n"
                "ends, and its owner is told. `leadctl unmerge A` undoes it.",
        .n_min = 2,
        .n_max = 2,
        .acts = true,
        .run = run_merge,
};

static int run_unmerge(const Arguments *arguments) {
        return change(arguments, "org.leadd.Leads.Unmerge", json_pack("{s:s}", "lead", arguments->positional[0]));
}

const Verb verb_unmerge = {
        .name = "unmerge",
        .section = "care",
        .usage = "A [--as PERSON]",
        .summary = "A is a lead of its own again",
        .details = "A comes back in the status it had, to the owner it had if that is still possible (else it is routed), and its SLA\n"
                   "starts anew. What came by A's address or ids since the merge goes with it; everything else stays with the\n"
                   "lead it was merged into, which keeps its status and owner. Both are judged anew, each by its own history.",
        .n_min = 1,
        .n_max = 1,
        .acts = true,
        .run = run_unmerge,
};

/* ---- erase ---- */

static int run_erase(const Arguments *arguments) {
        _cleanup_(client_close) Client client = { .fd = -1 };
        json_auto_t *reply = NULL;
        json_t *parameters = json_pack("{s:s, s:s?}", "lead", arguments->positional[0], "as", arguments->as);
        int r = client_open(arguments, &client);
        if (r != 0) {
                json_decref(parameters);
                return r;
        }
        /* As long as it takes: files of a week may have to be read. */
        r = client_call_once(&client, "org.leadd.Leads.Erase", parameters, -1, &reply);
        if (r != 0)
                return r;
        if (arguments->json) {
                print_json(reply);
                return EXIT_DONE;
        }
        const char *lead = text_at(reply, "lead");
        (void) printf("%s%s; %lld files removed from the spool, %lld records taken out of others\n", lead ? lead : "",
                json_is_true(json_object_get(reply, "duplicate")) ? " was erased already"
                : lead                                            ? ": erased"
                                                                  : "nobody is known by that",
                (long long) json_integer_value(json_object_get(reply, "files")),
                (long long) json_integer_value(json_object_get(reply, "records")));
        return EXIT_DONE;
}

const Verb verb_erase = {
        .name = "erase",
        .section = "care",
        .usage = "LEAD|EMAIL [--as PERSON]",
        .summary = "forget a person for good",
        .details =
                "Everything that was said of the lead, and of all that were merged into it, is deleted and overwritten: in the book and\n"
                "its log, in what is still to be told, in done/, held/ and outgoing/ of the spool. It cannot be undone. A number\n"
                "stays, with the times of its events, its moves and its owners, and keyed hashes of what the person was known by:\n"
                "a record that comes a second time, or is older than the erasure, brings nobody back. A new one may: as a new lead.\n"
                "Answers when nothing is left. Programs that fetched something already, and mail that was sent, are beyond reach.",
        .n_min = 1,
        .n_max = 1,
        .acts = true,
        .run = run_erase,
};

/* ---- duplicates ---- */

static const Column columns[] = {
        { "LEAD", false, false },
        { "OTHER", false, false },
        { "WHY", false, true },
};

static int add_pair(Table *table, const json_t *pair) {
        Text why = { 0 };
        size_t i;
        json_t *reason;
        json_array_foreach(json_object_get(pair, "reasons"), i, reason)
                text_printf(&why, "%s%s", i > 0 ? "; " : "", json_string_value(reason));
        table_add(table, STYLE_PLAIN, text_at(pair, "lead"));
        table_add(table, STYLE_PLAIN, text_at(pair, "other"));
        table_add(table, STYLE_PLAIN, why.data);
        int r = why.error;
        text_free(&why);
        return r;
}

static int run_duplicates(const Arguments *arguments) {
        Output output;
        Table table;
        json_t *before = json_null();
        int r = EXIT_DONE;
        output_open(&output);
        table_start(&table, columns, ARRAY_SIZE(columns));
        do {
                json_auto_t *reply = NULL;
                size_t i;
                json_t *pair;
                r = client_ask(arguments, "org.leadd.Leads.Duplicates", json_pack("{s:o}", "before", before), LEADCTL_TIMEOUT_MS, &reply);
                if (r != 0)
                        break;
                json_array_foreach(json_object_get(reply, "items"), i, pair) {
                        if (arguments->json)
                                print_json(pair);
                        else
                                (void) add_pair(&table, pair);
                }
                before = json_incref(json_object_get(reply, "next"));
                if (json_is_null(before))
                        break;
        } while (true);
        if (r == 0 && !arguments->json) {
                if (table.n_cells == 0)
                        (void) printf("No two leads look like one person.\n");
                else
                        r = table_print(&table, &output);
        }
        table_done(&table);
        return r;
}

const Verb verb_duplicates = {
        .name = "duplicates",
        .section = "care",
        .usage = "",
        .summary = "leads that may be one person, and why",
        .details = "Pairs with the same telephone number, with the same name at the same company domain, or with the same id in another\n"
                   "system under different addresses, as they were noticed when records came in, the newest first. Nothing is merged\n"
                   "by itself: look at both (`leadctl show`), then `leadctl merge A B`. A pair that has become one is not listed.",
        .run = run_duplicates,
};
