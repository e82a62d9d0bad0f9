/* SPDX-License-Identifier: MIT */
/*
 * leadctl audience, leadctl exclude: whom marketing may write to, for which campaign, and why somebody is not among them. A look changes
 * nothing, and says so. --take goes through the same pages and takes each of them as it is shown; what the daemon did not give, because it
 * was out by then, is not printed with what was taken.
 */
#include "leadctl.h"
#include "leadd/report.h"
#include <stdlib.h>

#define PAGE_MAX 1000 /* persons asked for at once, and taken at once */

typedef enum Form { FORM_TABLE, FORM_CSV, FORM_JSON } Form;

typedef struct Printing {
        Form form;
        bool explain, diff; /* with what stands in the way; with what has changed */
        Output output;
        Table table;
        int64_t n;
} Printing;

/* ---- rows ---- */

static const Column columns[] = {
        { "LEAD", false, false },
        { "NAME", false, true },
        { "EMAIL", false, true },
        { "COMPANY", false, true },
        { "STATUS", false, false },
        { "GRADE", false, false },
        { "WRITTEN", false, false },
};
static const Column columns_why[] = {
        { "LEAD", false, false },
        { "IN", false, false },
        { "NAME", false, true },
        { "STATUS", false, false },
        { "OWNER", false, false },
        { "WHY", false, true },
};

static bool is_in(const json_t *item) { return json_is_true(json_object_get(item, "in")); }

static void append_why(const json_t *item, Text *out) {
        size_t i;
        json_t *reason;
        json_array_foreach(json_object_get(item, "reasons"), i, reason) {
                if (i > 0)
                        text_append(out, "; ");
                text_append(out, text_at(reason, "text") ? text_at(reason, "text") : "");
        }
}

static const char *say_change(const Printing *printing, const json_t *item) {
        return printing->diff ? (is_in(item) ? "came" : "went") : is_in(item) ? "yes" : "no";
}

static void add_table_row(Printing *printing, const json_t *item) {
        static const char *const keys[] = { "lead", "name", "email", "company", "status", "grade" };
        Table *table = &printing->table;
        if (printing->explain || printing->diff) {
                Text why = { 0 };
                append_why(item, &why);
                table_add(table, STYLE_PLAIN, text_at(item, "lead"));
                table_add(table, is_in(item) ? STYLE_GOOD : STYLE_DIM, say_change(printing, item));
                table_add(table, STYLE_PLAIN, text_at(item, "name") ? text_at(item, "name") : text_at(item, "email"));
                table_add(table, STYLE_PLAIN, text_at(item, "status"));
                table_add(table, STYLE_PLAIN, text_at(item, "owner"));
                table_add(table, STYLE_PLAIN, why.data ? why.data : "");
                text_free(&why);
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                table_add(table, STYLE_PLAIN, text_at(item, keys[i]));
        Text when = { 0 };
        text_append_time(&when, text_at(item, "written"));
        table_add(table, STYLE_DIM, when.data);
        text_free(&when);
}

static const char *const csv_keys[] = { "lead", "email", "name", "company", "status", "owner", "grade" };

static void print_csv_head(const Printing *printing) {
        for (size_t i = 0; i < ARRAY_SIZE(csv_keys); i++)
                (void) printf("%s%s", i > 0 ? "," : "", csv_keys[i]);
        (void) printf("%s\r\n", printing->diff ? ",change,why" : printing->explain ? ",in,why" : "");
}

static void print_csv_row(const Printing *printing, const json_t *item) {
        Text line = { 0 };
        for (size_t i = 0; i < ARRAY_SIZE(csv_keys); i++) {
                if (i > 0)
                        text_append_char(&line, ',');
                report_csv_text(&line, text_at(item, csv_keys[i]) ? text_at(item, csv_keys[i]) : "");
        }
        if (printing->explain || printing->diff) {
                Text why = { 0 };
                append_why(item, &why);
                text_printf(&line, ",%s,", say_change(printing, item));
                report_csv_text(&line, why.data ? why.data : "");
                text_free(&why);
        }
        text_append(&line, "\r\n");
        print_text(&line);
        text_free(&line);
}

static void print_person(Printing *printing, json_t *item) {
        printing->n++;
        switch (printing->form) {
        case FORM_CSV:
                print_csv_row(printing, item);
                break;
        case FORM_JSON:
                print_json(item);
                break;
        case FORM_TABLE:
                add_table_row(printing, item);
                break;
        }
}

static void printing_start(const Arguments *arguments, Printing *ret) {
        *ret = (Printing){ .form = arguments->json                     ? FORM_JSON
                                   : arguments_value(arguments, "csv") ? FORM_CSV
                                                                       : FORM_TABLE,
                .explain = arguments_value(arguments, "explain") != NULL,
                .diff = arguments_value(arguments, "diff") != NULL };
        output_open(&ret->output);
        if (ret->explain || ret->diff)
                table_start(&ret->table, columns_why, ARRAY_SIZE(columns_why));
        else
                table_start(&ret->table, columns, ARRAY_SIZE(columns));
        if (ret->form == FORM_CSV)
                print_csv_head(ret);
}

/* ---- what is said of the whole ---- */

/* To people: behind the table, or where rows are for programs, beside them. */
static FILE *words(const Printing *printing) { return printing->form == FORM_TABLE ? stdout : stderr; }

static void add_counts(json_t *sums, const json_t *counts) {
        const char *code;
        json_t *n;
        json_object_foreach((json_t *) counts, code, n)(void)
                json_object_set_new(sums, code, json_integer(number_at(sums, code) + json_integer_value(n)));
}

static void say_counts(FILE *out, const json_t *sums) {
        const char *code;
        json_t *n;
        int64_t n_out = 0;
        bool is_first = true;
        json_object_foreach((json_t *) sums, code, n) n_out += base_streq(code, "in") ? 0 : json_integer_value(n);
        (void) fprintf(out, "%lld in, %lld out", number_at(sums, "in"), (long long) n_out);
        json_object_foreach((json_t *) sums, code, n) {
                if (base_streq(code, "in"))
                        continue;
                (void) fprintf(out, "%s%s %lld", is_first ? ": " : ", ", code, json_integer_value(n));
                is_first = false;
        }
        (void) fprintf(out, ".\n");
}

static void say_dates(FILE *out, const json_t *campaign) {
        const char *from = text_at(campaign, "from"), *to = text_at(campaign, "to");
        if (json_is_true(json_object_get(campaign, "runs")))
                return;
        (void) fprintf(out, "%s does not run now (", text_at(campaign, "campaign") ? text_at(campaign, "campaign") : "");
        (void) fprintf(out, "%s%s%s%s): nobody can be taken for it.\n", from ? "from " : "", from ? from : "",
                to ? (from ? " to " : "until ") : "", to ? to : "");
}

static void say_take(FILE *out, const json_t *take) {
        Text text = { 0 };
        text_printf(&text, "Take %lld of ", number_at(take, "take"));
        text_append_safe(&text, text_at(take, "campaign") ? text_at(take, "campaign") : "");
        text_append(&text, ": ");
        text_append_time(&text, text_at(take, "time"));
        text_append(&text, " by ");
        text_append_safe(&text, text_at(take, "by") ? text_at(take, "by") : "-");
        text_printf(&text, ", %lld lead%s%s\n", number_at(take, "leads"), number_at(take, "leads") == 1 ? "" : "s",
                json_is_true(json_object_get(take, "done")) ? "" : "; it is not whole");
        (void) fputs(text.data ? text.data : "", out);
        text_free(&text);
}

/* ---- looking, and taking what one sees ---- */

typedef struct Look {
        const Arguments *arguments;
        Client client;
        Printing printing;
        json_t *sums;
        json_t *reply; /* the last page */
        json_t *take;  /* the last part of it */
        int64_t came, went, n_out;
} Look;

/* A page of the audience. from: 0 = the first. */
static int ask(Look *look, int64_t from, int64_t limit) {
        static const char *const switches[][2] = { { "explain", "explain" }, { "diff", "diff" }, { "new", "only_new" } };
        json_t *parameters = PARAMETERS({ "campaign", look->arguments->positional[0] });
        if (!parameters)
                return EXIT_NO_DAEMON;
        for (size_t i = 0; i < ARRAY_SIZE(switches); i++)
                if (arguments_value(look->arguments, switches[i][0]))
                        (void) json_object_set_new(parameters, switches[i][1], json_true());
        (void) json_object_set_new(parameters, "from", json_integer(from));
        (void) json_object_set_new(parameters, "limit", json_integer(limit));
        json_decref(look->reply);
        look->reply = NULL;
        return client_call(&look->client, "org.leadd.Report.Audience", parameters, LEADCTL_TIMEOUT_MS, &look->reply);
}

static int64_t lead_number(const json_t *item) {
        const char *lead = text_at(item, "lead");
        return lead && strncmp(lead, "L-", 2) == 0 ? strtoll(lead + 2, NULL, 10) : 0;
}

/* Takes the page, and prints whom the daemon gave. */
static int take_page(Look *look) {
        json_t *items = json_object_get(look->reply, "items"), *leads = json_array(), *item, *out;
        bool is_last = !json_is_integer(json_object_get(look->reply, "next"));
        json_t *parameters = PARAMETERS({ "campaign", look->arguments->positional[0] }, { "as", look->arguments->as });
        size_t i, at = 0;
        if (json_array_size(items) == 0 && !is_last) { /* the page ended by time */
                json_decref(parameters);
                json_decref(leads);
                return EXIT_DONE;
        }
        if (!parameters || !leads) {
                json_decref(parameters);
                json_decref(leads);
                return EXIT_NO_DAEMON;
        }
        json_array_foreach(items, i, item)(void) json_array_append_new(leads, json_integer(lead_number(item)));
        (void) json_object_set_new(parameters, "leads", leads);
        if (look->take)
                (void) json_object_set(parameters, "take", json_object_get(look->take, "take"));
        if (arguments_value(look->arguments, "new"))
                (void) json_object_set_new(parameters, "only_new", json_true());
        if (is_last)
                (void) json_object_set_new(parameters, "last", json_true());
        json_t *reply = NULL;
        int r = client_call_once(&look->client, "org.leadd.Report.Take", parameters, LEADCTL_TIMEOUT_MS, &reply);
        if (r != 0)
                return r;
        if (!look->take && json_is_true(json_object_get(reply, "goes_on")))
                (void) fprintf(stderr, "Goes on with a take that was left.\n");
        json_decref(look->take);
        look->take = reply;
        out = json_object_get(reply, "out");
        json_array_foreach(items, i, item) {
                const json_t *dropped = json_array_get(out, at);
                if (dropped && base_streq(text_at(dropped, "lead"), text_at(item, "lead"))) {
                        Text text = { 0 };
                        text_append_safe(&text, text_at(dropped, "lead"));
                        text_append(&text, ": ");
                        text_append_safe(&text, text_at(dropped, "text") ? text_at(dropped, "text") : "");
                        (void) fprintf(stderr, "Not taken: %s\n", text.data ? text.data : "");
                        text_free(&text);
                        look->n_out++;
                        at++;
                } else
                        print_person(&look->printing, item);
        }
        return EXIT_DONE;
}

static int print_page(Look *look) {
        size_t i;
        json_t *item;
        json_array_foreach(json_object_get(look->reply, "items"), i, item) print_person(&look->printing, item);
        return EXIT_DONE;
}

/* All pages, or as many as --limit wants; *ret_more: there are more. */
static int go_through(Look *look, bool takes, int64_t limit, bool *ret_more) {
        const json_t *next = NULL;
        int64_t from = 0;
        do {
                int64_t left = limit - look->printing.n, n = left < PAGE_MAX ? left : PAGE_MAX;
                int r = ask(look, from, arguments_value(look->arguments, "count") ? 0 : n);
                if (r == 0)
                        r = takes ? take_page(look) : print_page(look);
                if (r != 0)
                        return r;
                add_counts(look->sums, json_object_get(look->reply, "counts"));
                look->came += number_at(look->reply, "came");
                look->went += number_at(look->reply, "went");
                next = json_object_get(look->reply, "next");
                from = json_integer_value(next);
        } while (json_is_integer(next) && look->printing.n < limit);
        *ret_more = json_is_integer(next);
        return EXIT_DONE;
}

static int finish(Look *look, bool takes, bool more) {
        Printing *printing = &look->printing;
        FILE *out = words(printing);
        bool counts_only = arguments_value(look->arguments, "count") != NULL;
        int r = EXIT_DONE;
        if (printing->form == FORM_TABLE && !counts_only) {
                output_now(&printing->output, text_at(look->reply, "now"));
                r = printing->n > 0 ? table_print(&printing->table, &printing->output) : (printf("Nobody.\n"), EXIT_DONE);
                (void) printf("\n");
        }
        if (counts_only && printing->form == FORM_JSON)
                print_json(look->sums);
        if (printing->form == FORM_JSON && !takes)
                return r;
        if (printing->diff) {
                const json_t *last = json_object_get(look->reply, "last");
                if (json_is_object(last))
                        say_take(out, last);
                else
                        (void) fprintf(out, "It was never taken before.\n");
                (void) fprintf(out, "%lld came in since, %lld went out.\n", (long long) look->came, (long long) look->went);
        }
        if (takes) {
                (void) fprintf(out, "Take %lld: %lld lead%s taken for %s.", number_at(look->take, "take"), number_at(look->take, "leads"),
                        number_at(look->take, "leads") == 1 ? "" : "s", look->arguments->positional[0]);
                if (look->n_out > 0)
                        (void) fprintf(out, " %lld were out by then.", (long long) look->n_out);
                (void) fprintf(out, "\n");
                return r;
        }
        if (more)
                (void) fprintf(out, "There are more: --limit.\n");
        else
                say_counts(out, look->sums);
        say_dates(out, json_object_get(look->reply, "campaign"));
        const json_t *open = json_object_get(look->reply, "open");
        if (json_is_object(open)) {
                say_take(out, open);
                (void) fprintf(out, "--take goes on with it.\n");
        }
        (void) fprintf(out, "A look: nothing was changed, nobody counts as written to.\n");
        return r;
}

static int look_or_take(const Arguments *arguments, bool takes) {
        Look look = { .arguments = arguments, .client = { .fd = -1 }, .sums = json_object() };
        int64_t limit;
        bool more = false;
        int r = arguments_number(arguments, "limit", INT64_MAX, &limit);
        if (r != 0 || !look.sums) {
                json_decref(look.sums);
                return r != 0 ? r : EXIT_NO_DAEMON;
        }
        printing_start(arguments, &look.printing);
        r = client_open(arguments, &look.client);
        if (r == 0)
                r = go_through(&look, takes, limit, &more);
        if (r == 0)
                r = finish(&look, takes, more);
        else if (look.take && !json_is_true(json_object_get(look.take, "done")))
                say_error("take %lld is not whole; the same again goes on with it", number_at(look.take, "take"));
        client_close(&look.client);
        table_done(&look.printing.table);
        json_decref(look.sums);
        json_decref(look.reply);
        json_decref(look.take);
        return r;
}

/* ---- what was taken ---- */

static int list_takes(const Arguments *arguments) {
        static const Column titles[] = { { "TAKE", true, false }, { "CAMPAIGN", false, true }, { "WHEN", false, false },
                { "BY", false, false }, { "LEADS", true, false }, { "OUT", true, false }, { "", false, false } };
        int64_t limit, n = 0, before = 0;
        Output output;
        Table table;
        int r = arguments_number(arguments, "limit", 100, &limit);
        if (r != 0)
                return r;
        output_open(&output);
        table_start(&table, titles, ARRAY_SIZE(titles));
        do {
                json_auto_t *reply = NULL;
                size_t i;
                json_t *item;
                json_t *parameters = PARAMETERS({ "campaign", arguments->n_positional > 0 ? arguments->positional[0] : NULL });
                if (parameters) {
                        (void) json_object_set_new(parameters, "before", json_integer(before));
                        (void) json_object_set_new(parameters, "limit", json_integer(limit - n < PAGE_MAX ? limit - n : PAGE_MAX));
                }
                r = client_ask(arguments, "org.leadd.Report.Takes", parameters, LEADCTL_TIMEOUT_MS, &reply);
                if (r != 0)
                        break;
                json_array_foreach(json_object_get(reply, "items"), i, item) {
                        n++;
                        if (arguments->json) {
                                print_json(item);
                                continue;
                        }
                        Text when = { 0 };
                        text_append_time(&when, text_at(item, "time"));
                        table_addf(&table, STYLE_PLAIN, "%lld", number_at(item, "take"));
                        table_add(&table, STYLE_PLAIN, text_at(item, "campaign"));
                        table_add(&table, STYLE_PLAIN, when.data);
                        table_add(&table, STYLE_PLAIN, text_at(item, "by"));
                        table_addf(&table, STYLE_PLAIN, "%lld", number_at(item, "leads"));
                        table_addf(&table, STYLE_PLAIN, "%lld", number_at(item, "dropped"));
                        table_add(&table, STYLE_WARN, json_is_true(json_object_get(item, "done")) ? "" : "not whole");
                        text_free(&when);
                }
                before = number_at(reply, "next");
        } while (before > 0 && n < limit);
        if (arguments->json || r != 0) {
                table_done(&table);
                return r;
        }
        return table_finish(&table, &output, "Nothing was taken.", before > 0);
}

static int list_taken(const Arguments *arguments) {
        Printing printing;
        int64_t take, limit, from = 0;
        int r = arguments_number(arguments, "of", 0, &take);
        if (r == 0)
                r = arguments_number(arguments, "limit", INT64_MAX, &limit);
        if (r != 0)
                return r;
        printing_start(arguments, &printing);
        do {
                json_auto_t *reply = NULL;
                int64_t left = limit - printing.n;
                size_t i;
                json_t *item, *parameters = json_pack("{s:I, s:I, s:I}", "take", (json_int_t) take, "from", (json_int_t) from, "limit",
                                      (json_int_t) (left < PAGE_MAX ? left : PAGE_MAX));
                r = client_ask(arguments, "org.leadd.Report.Taken", parameters, LEADCTL_TIMEOUT_MS, &reply);
                if (r != 0)
                        break;
                if (from == 0 && printing.form != FORM_JSON)
                        say_take(words(&printing), json_object_get(reply, "take"));
                json_array_foreach(json_object_get(reply, "items"), i, item) print_person(&printing, item);
                from = number_at(reply, "next");
        } while (from > 0 && printing.n < limit);
        if (r == 0 && printing.n > 0 && printing.form != FORM_JSON)
                (void) fprintf(stderr,
                        "Who is out since (said no, went to sales) is among them: `leadctl audience` says who may be written to.\n");
        if (r == 0 && printing.form == FORM_TABLE)
                return table_finish(&printing.table, &printing.output, "Nobody of them is left.", from > 0);
        table_done(&printing.table);
        return r;
}

static int run_audience(const Arguments *arguments) {
        bool takes = arguments_value(arguments, "take") != NULL, of = arguments_value(arguments, "of") != NULL;
        if (arguments->json && arguments_value(arguments, "csv")) {
                say_error("--csv and --json are two answers");
                return EXIT_USAGE;
        }
        if (of)
                return list_taken(arguments);
        if (arguments_value(arguments, "taken"))
                return list_takes(arguments);
        if (arguments->n_positional == 0) {
                say_error("which campaign? `leadctl report campaigns` lists them, --taken what was taken");
                return EXIT_USAGE;
        }
        if (takes && (arguments_value(arguments, "explain") || arguments_value(arguments, "diff") || arguments_value(arguments, "count"))) {
                say_error("what is taken is who is in: --take goes with --new, --csv and --json");
                return EXIT_USAGE;
        }
        if (takes && arguments_value(arguments, "limit")) {
                say_error("--take takes all who are in: an include condition of the campaign makes it smaller");
                return EXIT_USAGE;
        }
        return look_or_take(arguments, takes);
}

const Verb verb_audience = {
        .name = "audience",
        .section = "answers",
        .usage = "CAMPAIGN [--explain|--diff|--take] [--new] [--count] [--csv|--json] [--limit N] | --taken [CAMPAIGN] | --of TAKE",
        .summary = "whom a campaign may write to, and why somebody is not among them; --take takes them",
        .details =
                "A look changes nothing. --take is an event: whoever it gives out counts as written to, for the caps of every campaign.\n"
                "Each lead is looked at once more then, and who is out by now is not taken. A take that was cut off is gone on with\n"
                "by the same command, within a day. leadd sends nothing for it: the list is for the program that does.\n"
                "A cell that a spreadsheet would take for a formula gets an apostrophe in front.",
        .flags = { { "explain", NULL, "everybody, with every reason in the way" },
                { "diff", NULL, "only who came in and who went out since it was taken last" },
                { "take", NULL, "takes them, and prints whom" }, { "new", NULL, "not whom the campaign was taken for before" },
                { "count", NULL, "only how many are in and out, and why" }, { "csv", NULL, "for spreadsheets" },
                { "limit", "N", "at most so many rows" }, { "taken", NULL, "who took what when, the newest first" },
                { "of", "TAKE", "whom that take took, as they are now" } },
        .n_max = 1,
        .acts = true,
        .run = run_audience,
};
