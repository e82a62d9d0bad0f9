/* SPDX-License-Identifier: MIT */
/*
 * leadctl: asks leadd, and does offline what needs no daemon. This file lists the verbs, prints the help and runs
 * one verb; what a verb does stands in verbs_*.c.
 */
#include "leadctl.h"
#include <locale.h>

const Verb *const leadctl_verbs[] = {
        &verb_status,
        &verb_ping,
        &verb_list,
        &verb_inbox,
        &verb_next,
        &verb_show,
        &verb_log,
        &verb_watch,
        &verb_digest,
        &verb_explain,
        &verb_whynot,
        &verb_need,
        &verb_move,
        &verb_did,
        &verb_assign,
        &verb_away,
        &verb_note,
        &verb_snooze,
        &verb_exclude,
        &verb_submit,
        &verb_spool,
        &verb_check,
        &verb_rehearse,
        &verb_test,
        &verb_reload,
        &verb_rules,
        &verb_glossary,
        &verb_calendar,
        &verb_report,
        &verb_audience,
        &verb_merge,
        &verb_unmerge,
        &verb_duplicates,
        &verb_erase,
        &verb_metrics,
        &verb_health,
        &verb_outbox,
        &verb_feedback,
        &verb_clock,
        &verb_version,
        &verb_help,
        NULL,
};

static void append_help_all(Text *out) {
        text_append(out, "leadctl [--socket=PATH] [--json] [--as=PERSON] VERB ...\n");
        const char *section = NULL;
        for (size_t i = 0; leadctl_verbs[i]; i++) {
                const Verb *verb = leadctl_verbs[i];
                if (!section || !base_streq(section, verb->section))
                        text_printf(out, "\n%s\n", verb->section);
                section = verb->section;
                text_printf(out, "  %-10s %s\n", verb->name, verb->summary);
        }
        text_append(out,
                "\nEvery move that the rules declare is a verb, too: leadctl accept 42. LEAD is 42, L-42, an e-mail address or SYSTEM:ID.\n"
                "`leadctl help VERB` says more. Exit: 0 done, 1 refused, 2 usage, 3 no such thing, 65 bad data, 69 no daemon, 77 not "
                "permitted.\n");
}

static void append_help_verb(const Verb *verb, Text *out) {
        text_printf(out, "leadctl %s%s%s\n  %s\n", verb->name, *verb->usage ? " " : "", verb->usage, verb->summary);
        if (verb->details)
                text_printf(out, "\n%s\n", verb->details);
        if (verb->describe)
                verb->describe(out);
        if (verb->flags[0].name)
                text_append_char(out, '\n');
        for (const Flag *flag = verb->flags; flag < verb->flags + LEADCTL_FLAGS_MAX && flag->name; flag++) {
                Text name = { 0 };
                text_printf(&name, "--%s%s%s", flag->name, flag->value ? " " : "", flag->value ? flag->value : "");
                text_printf(out, "  %-16s %s\n", name.data ? name.data : "", flag->help);
                text_free(&name);
        }
}

static int print_help(const Verb *verb) {
        Text text = { 0 };
        if (verb)
                append_help_verb(verb, &text);
        else
                append_help_all(&text);
        print_text(&text);
        text_free(&text);
        return EXIT_DONE;
}

static int run_help(const Arguments *arguments) {
        if (arguments->n_positional == 0)
                return print_help(NULL);
        const char *name = arguments->positional[0];
        for (size_t i = 0; leadctl_verbs[i]; i++)
                if (base_streq(leadctl_verbs[i]->name, name))
                        return print_help(leadctl_verbs[i]);
        say_error("no verb \"%s\"; if it is a move of the rules, `leadctl help move` is meant", name);
        return EXIT_NO_SUCH_THING;
}

const Verb verb_help = {
        .name = "help", .section = "care", .usage = "[VERB]", .summary = "this list, or one verb", .n_max = 1, .run = run_help
};

int main(int argc, char **argv) {
        Arguments arguments;
        Text problem = { 0 };
        bool is_health = false;
        for (int i = 1; i < argc; i++)
                is_health |= base_streq(argv[i], verb_health.name);
        (void) setlocale(LC_ALL, "C"); /* numbers look the same everywhere; text is UTF-8 whatever the locale */
        json_object_seed(0);
        int r = arguments_parse(argc - 1, argv + 1, leadctl_verbs, &verb_move, &arguments, &problem);
        if (r != 0) {
                say_error("%s", problem.data ? problem.data : "out of memory");
                /* Who watches takes 2 for "critical": what could not be asked is unknown. */
                if (is_health)
                        r = EXIT_UNKNOWN;
        } else if (arguments.version)
                r = verb_version.run(&arguments);
        else if (arguments.help)
                r = print_help(arguments.verb);
        else
                r = arguments.verb->run(&arguments);
        text_free(&problem);
        if ((fflush(stdout) != 0 || ferror(stdout)) && r == EXIT_DONE) {
                say_error("cannot write all of the answer: %m");
                r = EXIT_REFUSED;
        }
        return r;
}
