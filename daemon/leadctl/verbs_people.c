/* SPDX-License-Identifier: MIT */
/*
 * Verbs by which people act: the moves the rules declare, activities, notes, assignments, snoozes. All are sent with a
 * request_id, so that a lost connection never makes anything happen twice.
 */
#include "leadctl.h"

static int act(const Arguments *arguments, const char *method, json_t *parameters) {
        _cleanup_(client_close) Client client = { .fd = -1 };
        int r = client_open(arguments, &client);
        if (r != 0) {
                json_decref(parameters);
                return r;
        }
        json_auto_t *reply = NULL;
        r = client_call_once(&client, method, parameters, LEADCTL_TIMEOUT_MS, &reply);
        if (r == EXIT_NO_SUCH_THING && arguments->is_short && base_streq(client.refusal, "unknown_move"))
                return EXIT_USAGE; /* what was typed is neither a verb nor a move */
        if (r != 0)
                return r;
        if (arguments->json)
                print_json(reply);
        else {
                const char *lead = json_string_value(json_object_get(reply, "lead")),
                           *summary = json_string_value(json_object_get(reply, "summary"));
                Text text = { 0 };
                text_append_safe(&text, lead ? lead : "-");
                text_append(&text, ": ");
                text_append_safe(&text, json_is_true(json_object_get(reply, "duplicate")) ? "done before"
                                        : summary && *summary                             ? summary
                                                                                          : "noted");
                text_append_char(&text, '\n');
                print_text(&text);
                text_free(&text);
        }
        return EXIT_DONE;
}

static int run_move(const Arguments *arguments) {
        return act(arguments, "org.leadd.Leads.Move",
                PARAMETERS({ "move", arguments->positional[0] }, { "lead", arguments->positional[1] },
                        { "reason", arguments_value(arguments, "reason") }, { "note", arguments_value(arguments, "note") },
                        { "as", arguments->as }));
}

const Verb verb_move = {
        .name = "move",
        .section = "people",
        .usage = "NAME LEAD [--reason R] [--note N] [--as PERSON]",
        .summary = "a move that the rules declare; `leadctl accept 42` is short for `leadctl move accept 42`",
        .details = "`leadctl rules` lists the moves. A refusal says what is missing and changes nothing (exit 1).\n"
                   "Root and operators say for whom they act with --as.",
        .flags = { { "reason", "R", "a reason of the rules; says where the lead goes when it is handed back" },
                { "note", "N", "text for the log" } },
        .n_min = 2,
        .n_max = 2,
        .acts = true,
        .run = run_move,
};

static int run_did(const Arguments *arguments) {
        return act(arguments, "org.leadd.Leads.Did",
                PARAMETERS({ "lead", arguments->positional[0] }, { "activity", arguments->positional[1] },
                        { "note", arguments_value(arguments, "note") }, { "as", arguments->as }));
}

const Verb verb_did = {
        .name = "did",
        .section = "people",
        .usage = "LEAD ACTIVITY [--note N] [--as PERSON]",
        .summary = "records what somebody did for the lead: call_made, email_sent, ...",
        .flags = { { "note", "N", "text for the log" } },
        .n_min = 2,
        .n_max = 2,
        .acts = true,
        .run = run_did,
};

static int run_note(const Arguments *arguments) {
        /* Words without quotes are one text. */
        Text text = { 0 };
        for (size_t i = 1; i < arguments->n_positional; i++)
                text_printf(&text, "%s%s", i > 1 ? " " : "", arguments->positional[i]);
        int r = text.error < 0 ? EXIT_NO_DAEMON
                               : act(arguments, "org.leadd.Leads.Note",
                                         PARAMETERS({ "lead", arguments->positional[0] }, { "text", text.data }, { "as", arguments->as }));
        text_free(&text);
        return r;
}

const Verb verb_note = {
        .name = "note",
        .section = "people",
        .usage = "LEAD TEXT [--as PERSON]",
        .summary = "writes a note into the lead's log",
        .n_min = 2,
        .n_max = LEADCTL_ARGUMENTS_MAX,
        .acts = true,
        .run = run_note,
};

static int run_assign(const Arguments *arguments) {
        return act(arguments, "org.leadd.Leads.Assign",
                PARAMETERS({ "lead", arguments->positional[0] }, { "owner", arguments->positional[1] },
                        { "note", arguments_value(arguments, "note") }, { "as", arguments->as }));
}

const Verb verb_assign = {
        .name = "assign",
        .section = "people",
        .usage = "LEAD OWNER [--note N] [--as PERSON]",
        .summary = "hands the lead to a person by hand; turns are not disturbed",
        .flags = { { "note", "N", "text for the log" } },
        .n_min = 2,
        .n_max = 2,
        .acts = true,
        .run = run_assign,
};

static int run_snooze(const Arguments *arguments) {
        if (!arguments_value(arguments, "reason")) {
                say_error("a snooze says why: --reason R");
                return EXIT_USAGE;
        }
        return act(arguments, "org.leadd.Leads.Snooze",
                PARAMETERS({ "lead", arguments->positional[0] }, { "until", arguments->positional[1] },
                        { "reason", arguments_value(arguments, "reason") }, { "as", arguments->as }));
}

const Verb verb_snooze = {
        .name = "snooze",
        .section = "people",
        .usage = "LEAD UNTIL --reason R [--as PERSON]",
        .summary = "puts the lead's reminders off until then, within what its SLA allows",
        .details = "UNTIL is a date (2026-03-12), a time (2026-03-12T09:00:00+01:00) or a duration (2d, 1wd).\n"
                   "The working time that was left is left when it is over. Its owner or the head of the team may.",
        .flags = { { "reason", "R", "why, for whoever looks at the lead" } },
        .n_min = 2,
        .n_max = 2,
        .acts = true,
        .run = run_snooze,
};

static int run_exclude(const Arguments *arguments) {
        const char *until = arguments_value(arguments, "until"), *reason = arguments_value(arguments, "reason");
        bool is_lifted = arguments_value(arguments, "lift") != NULL;
        if (!arguments_value(arguments, "campaign")) {
                say_error("out of which campaign? --campaign C, or --campaign all");
                return EXIT_USAGE;
        }
        if (is_lifted ? until != NULL : !until || !reason) {
                say_error("%s", is_lifted ? "--lift takes it back: it has no --until"
                                : until   ? "marketing has to know why: --reason R"
                                          : "until when? --until D: 2026-06-01, or 90d");
                return EXIT_USAGE;
        }
        return act(arguments, "org.leadd.Leads.Exclude",
                PARAMETERS({ "lead", arguments->positional[0] }, { "campaign", arguments_value(arguments, "campaign") },
                        { "until", is_lifted ? "now" : until }, { "reason", reason }, { "as", arguments->as }));
}

const Verb verb_exclude = {
        .name = "exclude",
        .section = "people",
        .usage = "LEAD --campaign C (--until D --reason R | --lift) [--as PERSON]",
        .summary = "keeps the lead out of a campaign, or of all, until then; marketing reads why",
        .details =
                "D is a date (2026-06-01), a time (2026-06-01T09:00:00+02:00) or a duration (90d), at most 400 days away; it ends by\n"
                "itself. Its owner or the head of the team may; of a lead that nobody owns every member, and the team whose queue it is\n"
                "in. `leadctl audience C --explain` shows it, `leadctl report campaigns` lists what is in force.",
        .flags = { { "campaign", "C", "a campaign of the rules; all is every one" }, { "until", "D", "how long" },
                { "reason", "R", "why, for marketing" }, { "lift", NULL, "takes it back" } },
        .n_min = 1,
        .n_max = 1,
        .acts = true,
        .run = run_exclude,
};
