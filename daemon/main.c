/* SPDX-License-Identifier: MIT */
/*
 * main: argv and nothing else. Finds the directories (options, systemd's variables,
 * defaults), then hands over to leadd_run.
 */
#include "leadd.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>

#define ETC_RULES "/etc/leadd/rules"
#define EXAMPLE_RULES LEADD_PREFIX "/share/leadd/rules"
#define EXIT_USAGE 2
#define EXIT_DATA 65

static const char usage[] = "usage: leadd [OPTION]...\n"
                            "Takes lead records from a spool, judges them by Lua rules, hands them over and reminds.\n"
                            "\n"
                            "  --rules=DIR            rule files (default: /etc/leadd/rules if it holds a *.lua,\n"
                            "                         else the shipped example in " EXAMPLE_RULES ")\n"
                            "  --spool=DIR            spool (default: /var/spool/leadd)\n"
                            "  --state=DIR            database (default: $STATE_DIRECTORY or /var/lib/leadd)\n"
                            "  --socket=PATH          control socket (default: $RUNTIME_DIRECTORY or /run/leadd,\n"
                            "                         /org.leadd.Control); sockets passed by systemd come first\n"
                            "  --notifier=PATH        socket of leadd-notify, which mails and calls webhooks\n"
                            "                         (default: /run/leadd-notify/org.leadd.Notify)\n"
                            "  --once                 take everything in the spool, fire what is due, exit\n"
                            "  --check                load the rules, print every problem, exit (65 = they do not load)\n"
                            "  --virtual-clock=TIME   time starts at TIME (RFC 3339) and moves only by `leadctl clock advance`\n"
                            "  --version              print the versions of leadd and of SQLite\n"
                            "  --help                 print this\n"
                            "\n"
                            "Exit status: 0 stopped in good order, 1 something broke (restart), 2 usage, 65 rules that do not\n"
                            "load and no earlier set known, 75 another leadd runs or the disk is full, 78 a directory cannot be used.\n";

static bool holds_rules(const char *path) {
        DIR *directory = opendir(path);
        struct dirent *entry;
        bool found = false;

        while (directory && (entry = readdir(directory))) {
                size_t size = strlen(entry->d_name);
                found |= size > 4 && entry->d_name[0] != '.' && base_streq(entry->d_name + size - 4, ".lua");
        }
        if (directory)
                (void) closedir(directory);
        return found;
}

/* systemd's variables may name several directories: the first is ours. */
static char *directory_variable(const char *name) {
        const char *value = getenv(name);

        return value && *value ? strndup(value, strcspn(value, ":")) : NULL;
}

static int check(const char *rules_directory) {
        _cleanup_(policy_freep) RuleSet *rules = NULL;
        PolicyReport report = { 0 };
        Text text = { 0 };
        int r = policy_load(rules_directory, 0, &rules, &report);

        (void) policy_report_format(&report, &text);
        if (text.data)
                (void) fputs(text.data, stderr);
        text_free(&text);
        policy_report_done(&report);
        if (r < 0)
                (void) fprintf(stderr, "%s: %s\n", rules_directory, strerror(-r));
        if (r == 0)
                (void) printf(
                        "%s: %zu rules, %zu tests, set %.12s\n", rules_directory, policy_n_rules(rules), rules->n_tests, rules->hash_text);
        return r == 0 ? EXIT_SUCCESS : EXIT_DATA;
}

int main(int argc, char **argv) {
        enum { OPT_RULES = 1000, OPT_SPOOL, OPT_STATE, OPT_SOCKET, OPT_NOTIFIER, OPT_ONCE, OPT_CHECK, OPT_CLOCK, OPT_VERSION, OPT_HELP };
        static const struct option long_options[] = {
                { "rules", required_argument, NULL, OPT_RULES },
                { "spool", required_argument, NULL, OPT_SPOOL },
                { "state", required_argument, NULL, OPT_STATE },
                { "socket", required_argument, NULL, OPT_SOCKET },
                { "notifier", required_argument, NULL, OPT_NOTIFIER },
                { "once", no_argument, NULL, OPT_ONCE },
                { "check", no_argument, NULL, OPT_CHECK },
                { "virtual-clock", required_argument, NULL, OPT_CLOCK },
                { "version", no_argument, NULL, OPT_VERSION },
                { "help", no_argument, NULL, OPT_HELP },
                { 0 },
        };
        _cleanup_(base_freep) char *state = directory_variable("STATE_DIRECTORY");
        _cleanup_(base_freep) char *runtime = directory_variable("RUNTIME_DIRECTORY");
        _cleanup_(base_freep) char *socket_path = NULL;
        Options options = { .spool = "/var/spool/leadd",
                .state = state ? state : "/var/lib/leadd",
                .notifier = "/run/leadd-notify/org.leadd.Notify",
                .virtual_clock_us = TIME_NONE };
        int option;

        /* Numbers and comparisons must not depend on where the daemon runs. */
        (void) setlocale(LC_ALL, "C");
        log_open(getenv("LEADD_DEBUG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
        while ((option = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
                switch (option) {
                case OPT_RULES:
                        options.rules = optarg;
                        break;
                case OPT_SPOOL:
                        options.spool = optarg;
                        break;
                case OPT_STATE:
                        options.state = optarg;
                        break;
                case OPT_SOCKET:
                        options.socket = optarg;
                        break;
                case OPT_NOTIFIER:
                        options.notifier = optarg;
                        break;
                case OPT_ONCE:
                        options.once = true;
                        break;
                case OPT_CHECK:
                        options.check = true;
                        break;
                case OPT_CLOCK:
                        if (time_parse_rfc3339(optarg, strlen(optarg), &options.virtual_clock_us) != 0) {
                                (void) fprintf(stderr,
                                        "leadd: --virtual-clock wants an instant such as 2026-03-05T10:00:00+01:00, not \"%s\"\n", optarg);
                                return EXIT_USAGE;
                        }
                        break;
                case OPT_VERSION:
                        (void) printf("leadd %s (SQLite %s)\n", LEADD_VERSION, store_sqlite_version());
                        return EXIT_SUCCESS;
                case OPT_HELP:
                        (void) fputs(usage, stdout);
                        return EXIT_SUCCESS;
                default:
                        (void) fputs("leadd --help says what there is\n", stderr);
                        return EXIT_USAGE;
                }
        }
        if (optind < argc) {
                (void) fprintf(stderr, "leadd: what is \"%s\"? leadd --help says what there is\n", argv[optind]);
                return EXIT_USAGE;
        }
        if (!options.rules) {
                options.is_example = !holds_rules(ETC_RULES);
                options.rules = options.is_example ? EXAMPLE_RULES : ETC_RULES;
        }
        if (options.check)
                return check(options.rules);
        if (!options.socket) {
                if (asprintf(&socket_path, "%s/org.leadd.Control", runtime ? runtime : "/run/leadd") < 0) {
                        socket_path = NULL;
                        return EXIT_FAILURE;
                }
                options.socket = socket_path;
        }
        return leadd_run(&options);
}
