/* SPDX-License-Identifier: MIT */
/* leadctl: words to arguments, values to tables, and the verbs and exit codes that need no daemon. The client's parts are compiled in,
 * because the library holds the daemon's rooms only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include "../../daemon/leadctl/arguments.c"
#include "../../daemon/leadctl/print.c"
#include <cmocka.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

/* ---- arguments ---- */

static int run_nothing(_unused_ const Arguments *arguments) { return EXIT_DONE; }
static const Verb test_list = { .name = "list",
        .usage = "[--status S]",
        .flags = { { "status", "S", "" }, { "held", NULL, "" }, { "limit", "N", "" } },
        .run = run_nothing };
static const Verb test_show = { .name = "show", .usage = "LEAD", .n_min = 1, .n_max = 1, .run = run_nothing };
static const Verb test_note = {
        .name = "note", .usage = "LEAD TEXT", .n_min = 2, .n_max = LEADCTL_ARGUMENTS_MAX, .acts = true, .run = run_nothing
};
static const Verb test_move = { .name = "move",
        .usage = "NAME LEAD",
        .flags = { { "reason", "R", "" }, { "note", "N", "" } },
        .n_min = 2,
        .n_max = 2,
        .acts = true,
        .run = run_nothing };
static const Verb *const test_verbs[] = { &test_list, &test_show, &test_note, &test_move, NULL };

typedef struct ArgumentsCase {
        const char *words; /* separated by | */
        int code;
        const char *want; /* what was understood, or a part of what is said */
} ArgumentsCase;

static const ArgumentsCase argument_cases[] = {
        { "list", 0, "list" },
        { "list|--status|mql", 0, "list status=mql" },
        { "list|--status=mql|--held", 0, "list status=mql held=" },
        { "--json|list", 0, "list json" },
        { "list|--json", 0, "list json" },
        { "--socket|/s|list|--limit|5", 0, "list limit=5 socket=/s" },
        { "list|--socket=/s", 0, "list socket=/s" },
        { "show|42", 0, "show 42" },
        { "show|--|-42", 0, "show -42" },
        { "show|-", 0, "show -" },
        { "--|show|--json", 0, "show --json" },
        { "accept|42", 0, "move accept 42 short" },
        { "accept|42|--as|anna", 0, "move accept 42 short as=anna" },
        { "--as=anna|accept|42", 0, "move accept 42 short as=anna" },
        { "reject|42|--reason|no_budget|--note|a b", 0, "move reject 42 short reason=no_budget note=a b" },
        { "move|reject|42|--note=", 2, "--note needs a value" },
        { "move|reject|42", 0, "move reject 42" },
        { "note|42|one|two|three", 0, "note 42 one two three" },
        { "-h", 0, "help" },
        { "show|--help", 0, "show help" },
        { "--version", 0, "version" },
        { "-V", 0, "version" },
        { "", 2, "say what to do" },
        { "show", 2, "something is missing: usage: leadctl show LEAD" },
        { "show|1|2", 2, "too many arguments: usage: leadctl show LEAD" },
        { "accept|42|43", 2, "too many arguments" },
        { "accept", 2, "no verb \"accept\"" },
        { "lst", 2, "did you mean \"list\"?" },
        { "shwo|--help", 2, "did you mean \"show\"?" },
        { "list|--stauts|mql", 2, "no option --stauts; did you mean --status?" },
        { "list|--xyzzy", 2, "list has no option --xyzzy" },
        { "--xyzzy|list", 2, "no option --xyzzy" },
        { "list|-x", 2, "no option -x" },
        { "list|--status", 2, "--status needs a value" },
        { "list|--status=", 2, "--status needs a value" },
        { "list|--held=yes", 2, "--held takes no value" },
        { "list|--json=yes", 2, "--json takes no value" },
        { "list|--status|a|--status|b", 2, "--status is given twice" },
        { "list|--as|anna", 2, "list acts for nobody" },
        { "note|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17", 2, "too many arguments" },
};

static void describe(const Arguments *a, Text *out) {
        if (a->verb)
                text_append(out, a->verb->name);
        for (size_t i = 0; i < a->n_positional; i++)
                text_printf(out, " %s", a->positional[i]);
        if (a->is_short)
                text_append(out, " short");
        for (size_t i = 0; a->verb && i < LEADCTL_FLAGS_MAX && a->verb->flags[i].name; i++)
                if (a->values[i])
                        text_printf(out, " %s=%s", a->verb->flags[i].name, a->values[i]);
        if (a->socket)
                text_printf(out, " socket=%s", a->socket);
        if (a->as)
                text_printf(out, " as=%s", a->as);
        text_printf(out, "%s%s%s", a->json ? " json" : "", a->help ? " help" : "", a->version ? " version" : "");
}

static void arguments__of_a_table__are_understood_or_refused_with_a_hint(void **state) {
        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(argument_cases); i++) {
                const ArgumentsCase *c = &argument_cases[i];
                char *words[32], *copy = strdup(c->words), *at = copy;
                int n = 0;
                if (*c->words)
                        for (char *bar; at; at = bar ? bar + 1 : NULL) {
                                bar = strchr(at, '|');
                                if (bar)
                                        *bar = '\0';
                                words[n++] = at;
                        }
                Arguments arguments = { 0 };
                Text problem = { 0 }, got = { 0 };
                int code = arguments_parse(n, words, test_verbs, &test_move, &arguments, &problem);
                if (code == 0)
                        describe(&arguments, &got);
                const char *text = code == 0 ? got.data : problem.data;
                while (code == 0 && *text == ' ')
                        text++;
                if (code != c->code || (code == 0 ? !base_streq(text, c->want) : !strstr(text, c->want)))
                        fail_msg("%s: got %d \"%s\", want %d \"%s\"", c->words, code, text, c->code, c->want);
                text_free(&problem);
                text_free(&got);
                free(copy);
        }
}

/* ---- tables ---- */

static const Column test_columns[] = { { "LEAD", false, false }, { "FIT", true, false }, { "WHO", false, true } };

static void expect_table(const char *const *cells, size_t n, size_t width, bool colours, const char *want) {
        const Output output = { .width = width, .colours = colours };
        Table table;
        Text text = { 0 };
        table_start(&table, test_columns, ARRAY_SIZE(test_columns));
        for (size_t i = 0; i < n; i++)
                table_add(&table, i % 3 == 0 ? STYLE_GOOD : STYLE_PLAIN, cells[i]);
        table_format(&table, &output, &text);
        if (!base_streq(text.data, want))
                fail_msg("width %zu\n got\n%s\nwant\n%s", width, text.data, want);
        table_done(&table);
        text_free(&text);
}

static void table__of_cells__is_aligned_and_numbers_stand_right(void **state) {
        (void) state;
        static const char *const cells[] = { "L-1", "55", "m@keller.example", "L-1000", "7.5", NULL, "L-2", "", "Zo\xc3\xab" };
        expect_table(cells, ARRAY_SIZE(cells), 0, false,
                "LEAD    FIT  WHO\n"
                "L-1      55  m@keller.example\n"
                "L-1000  7.5  -\n"
                "L-2       -  Zo\xc3\xab\n");
        expect_table(cells, 3, 0, true,
                "\x1b[1mLEAD\x1b[0m  \x1b[1mFIT\x1b[0m  \x1b[1mWHO\x1b[0m\n\x1b[32mL-1\x1b[0m    55  m@keller.example\n");
        expect_table(NULL, 0, 0, false, "LEAD  FIT  WHO\n");
}

static void table__on_a_narrow_terminal__cuts_what_may_shrink(void **state) {
        (void) state;
        static const char *const cells[] = { "L-1", "55", "m.keller@keller.example", "L-2", "1",
                "\xe5\xb1\xb1\xe7\x94\xb0\xe5\xa4\xaa\xe9\x83\x8e\xe5\xb1\xb1\xe7\x94\xb0" };
        expect_table(cells, ARRAY_SIZE(cells), 24, false,
                "LEAD  FIT  WHO\n"
                "L-1    55  m.keller@kel…\n"
                "L-2     1  \xe5\xb1\xb1\xe7\x94\xb0\xe5\xa4\xaa\xe9\x83\x8e\xe5\xb1\xb1\xe7\x94\xb0\n");
        expect_table(cells, ARRAY_SIZE(cells), 19, false,
                "LEAD  FIT  WHO\n"
                "L-1    55  m.kelle…\n"
                "L-2     1  \xe5\xb1\xb1\xe7\x94\xb0\xe5\xa4\xaa… \n");
        expect_table(cells, 3, 5, false, "LEAD  FIT  WHO\nL-1    55  m.kelle…\n"); /* eight columns stay in any case */
}

static void cell__from_outside__cannot_command_the_terminal(void **state) {
        (void) state;
        static const struct {
                const char *text, *want;
        } cases[] = {
                { "plain", "plain" }, { "\x1b[2Jcleared", "?[2Jcleared" }, { "a\rb\bc\x7f", "a?b?c?" },
                { "\xc2\x9b"
                  "31m",
                        "?31m" }, /* C1 */
                { "\xe2\x80\xae"
                  "gpj.exe",
                        "?gpj.exe" },                                                               /* right-to-left override */
                { "\xff\xfe", "??" }, { "cut \xe2\x82", "cut ??" }, { "two\nlines", "two\nlines" }, /* a cell makes it one */
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Text text = { 0 };
                text_append_safe(&text, cases[i].text);
                assert_string_equal(text.data, cases[i].want);
                text_free(&text);
        }
        static const char *const cells[] = { "L-1", "1", "two\nlines\tand \x1b[31mred" };
        expect_table(cells, 3, 0, false, "LEAD  FIT  WHO\nL-1     1  two lines and ?[31mred\n");
}

static void relative__of_a_table__reads_as_people_say_it(void **state) {
        (void) state;
        static const struct {
                int64_t delta_us;
                const char *want;
        } cases[] = { { 0, "now" }, { 999999, "now" }, { -1, "now" }, { US_PER_SECOND, "in 1 s" }, { 59 * US_PER_SECOND, "in 59 s" },
                { US_PER_MINUTE, "in 1 min" }, { 89 * US_PER_MINUTE, "in 89 min" }, { 90 * US_PER_MINUTE, "in 1 h" },
                { 3 * US_PER_HOUR, "in 3 h" }, { -3 * US_PER_HOUR, "3 h ago" }, { 35 * US_PER_HOUR, "in 35 h" },
                { 36 * US_PER_HOUR, "in 1 d" }, { -400 * US_PER_DAY, "400 d ago" } };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Text text = { 0 };
                text_append_relative(&text, cases[i].delta_us);
                assert_string_equal(text.data, cases[i].want);
                text_free(&text);
        }
        static const struct {
                double points;
                const char *want;
        } points[] = { { 40, "40" }, { 7.5, "7.5" }, { 7.46, "7.5" }, { 0, "0" }, { -100, "-100" } };
        for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
                json_t *number = json_real(points[i].points);
                Text text = { 0 };
                text_append_points(&text, number);
                assert_string_equal(text.data, points[i].want);
                text_free(&text);
                json_decref(number);
        }
}

/* ---- the program itself, without a daemon ---- */

typedef struct Ran {
        int code;
        char out[8192], err[8192];
} Ran;

static bool find_leadctl(char path[static 512]) {
        ssize_t n = readlink("/proc/self/exe", path, 480);
        if (n < 0)
                return false;
        path[n] = '\0';
        for (unsigned i = 0; i < 3; i++) { /* BUILD/tests/unit/NAME */
                char *slash = strrchr(path, '/');
                if (!slash)
                        return false;
                *slash = '\0';
        }
        strcat(path, "/leadctl");
        return access(path, X_OK) == 0;
}

static void read_all(int fd, char *buffer, size_t size) {
        size_t n = 0;
        for (ssize_t m; n + 1 < size && (m = read(fd, buffer + n, size - 1 - n)) > 0;)
                n += (size_t) m;
        buffer[n] = '\0';
        (void) close(fd);
}

/* Words separated by |. The output is small enough for the pipes. */
static Ran run(const char *program, const char *words) {
        Ran ran = { 0 };
        int out[2], err[2];
        assert_int_equal(pipe(out), 0);
        assert_int_equal(pipe(err), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                char *copy = strdup(words), *argv[32] = { (char *) program }, *save = NULL;
                int n = 1;
                for (char *word = strtok_r(copy, "|", &save); word && n < 31; word = strtok_r(NULL, "|", &save))
                        argv[n++] = word;
                (void) dup2(out[1], STDOUT_FILENO);
                (void) dup2(err[1], STDERR_FILENO);
                for (int fd = 3; fd < 64; fd++)
                        (void) close(fd);
                (void) execv(program, argv);
                _exit(127);
        }
        (void) close(out[1]);
        (void) close(err[1]);
        read_all(out[0], ran.out, sizeof(ran.out));
        read_all(err[0], ran.err, sizeof(ran.err));
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        return ran;
}

static void program__without_a_daemon__answers_with_the_codes_of_the_manual(void **state) {
        (void) state;
        char program[512], directory[] = "/tmp/leadd-leadctl-XXXXXX", path[128], words[512];
        if (!find_leadctl(program))
                skip(); /* only the tests were built */
        assert_non_null(mkdtemp(directory));
        (void) snprintf(path, sizeof(path), "%s/calendars.lua", directory);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        (void) fputs("calendar \"berlin\" { zone = \"Europe/Berlin\", open = { mon_fri = \"09:00-17:00\" } }\n"
                     "calendar \"never\" { zone = \"UTC\", open = { mon = \"09:00-17:00\" }, except = { [\"2024-01-01..2025-12-31\"] = "
                     "\"closed\" } }\n",
                file);
        assert_int_equal(fclose(file), 0);
        static const struct {
                const char *words;
                int code;
                const char *out, *err; /* parts */
        } cases[] = {
                { "version", 0, "leadctl " LEADD_VERSION, "" },
                { "--version", 0, "leadctl " LEADD_VERSION, "" },
                { "help", 0, "explain", "" },
                { "help|list", 0, "--status S", "" },
                { "list|--help", 0, "--status S", "" },
                { "help|nothing", 3, "", "no verb" },
                { "", 2, "", "say what to do" },
                { "frobnicate", 2, "", "no verb" },
                { "list|--limit|none", 2, "", "at least 1" },
                { "--socket=/nonexistent/s|ping", 69, "", "no leadd answers" },
                { "--socket=/nonexistent/s|accept|42", 69, "", "no leadd answers" },
                { "--socket=/nonexistent/s|submit|/nonexistent/f.json", 3, "", "No such file" },
                { "--socket=/nonexistent/s|submit|/etc/hostname", 2, "", "--format" },
                { "check|/nonexistent/rules", 3, "", "/nonexistent/rules" },
                { "check|DIR", 65, "", "does not load" },
                { "calendar|add|berlin|2024-01-01T10:00:00+01:00|1h|--rules|DIR", 0, "2024-01-01T11:00:00+01:00\n", "" },
                { "calendar|add|berlin|2024-01-01T16:00:00+01:00|2h|--rules|DIR", 0, "2024-01-02T10:00:00+01:00\n", "" },
                { "calendar|between|berlin|2024-01-12T10:00:00+01:00|2024-01-16T12:00:00+01:00|--rules|DIR", 0, "64800\n", "" },
                { "--json|calendar|between|berlin|2024-01-12T10:00:00+01:00|2024-01-12T10:00:01+01:00|--rules|DIR", 0, "\"seconds\":1",
                        "" },
                { "calendar|add|never|2024-01-01T10:00:00Z|1h|--rules|DIR", 1, "none\n", "" },
                { "calendar|add|belrin|2024-01-01T10:00:00Z|1h|--rules|DIR", 3, "", "did you mean \"berlin\"?" },
                { "calendar|add|berlin|yesterday|1h|--rules|DIR", 2, "", "RFC 3339" },
                { "calendar|add|berlin|2024-01-01T10:00:00Z|soon|--rules|DIR", 2, "", "no duration" },
                { "calendar|subtract|berlin|2024-01-01T10:00:00Z|1h|--rules|DIR", 2, "", "usage" },
                { "calendar|add|berlin", 2, "", "usage" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Text text = { 0 };
                const char *dir = strstr(cases[i].words, "DIR");
                text_printf(&text, "%.*s%s", dir ? (int) (dir - cases[i].words) : (int) strlen(cases[i].words), cases[i].words,
                        dir ? directory : "");
                Ran ran = run(program, text.data ? text.data : "");
                if (ran.code != cases[i].code || !strstr(ran.out, cases[i].out) || !strstr(ran.err, cases[i].err) ||
                        (!*cases[i].err && *ran.err))
                        fail_msg("leadctl %s: got %d, want %d\nstdout: %s\nstderr: %s", cases[i].words, ran.code, cases[i].code, ran.out,
                                ran.err);
                text_free(&text);
        }
        (void) snprintf(words, sizeof(words), "rm -rf '%s'", directory);
        assert_int_equal(system(words), 0);
}

/* What hangs up, and what is no leadd at all. */
static void program__before_a_strange_server__says_so(void **state) {
        (void) state;
        char program[512], directory[] = "/tmp/leadd-leadctl-XXXXXX", words[256];
        if (!find_leadctl(program))
                skip();
        assert_non_null(mkdtemp(directory));
        static const struct {
                const char *reply;
                int code;
                const char *err;
        } cases[] = {
                { "", 69, "hung up" },
                { "HTTP/1.1 400 Bad Request\r\n", 69, "hung up" },
                { "{\"parameters\":[", 69, "hung up" },
                { "[]%", 69, "is not leadd" },
                { "hello%", 69, "is not leadd" },
                { "{\"error\":\"org.example.Strange\"}%", 69, "of the same version" },
                { "{\"error\":\"org.varlink.service.PermissionDenied\",\"parameters\":{}}%", 77, "group leadd" },
                { "{\"error\":\"org.leadd.Control.Stopping\"}%", 69, "stopping" },
                { "{}%", 0, "" },
        };
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", directory);
        int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(listening, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(listening, 10), 0);
        (void) snprintf(words, sizeof(words), "--socket=%s/s|ping", directory);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                pid_t server = fork();
                assert_true(server >= 0);
                if (server == 0) {
                        char request[4096];
                        size_t size = strlen(cases[i].reply);
                        char *reply = strdup(cases[i].reply);
                        int fd = accept(listening, NULL, NULL);
                        if (size > 0 && reply[size - 1] == '%')
                                reply[size - 1] = '\0'; /* the end of a message */
                        bool ok = read(fd, request, sizeof(request)) > 0 && write(fd, reply, size) == (ssize_t) size;
                        _exit(ok ? 0 : 1);
                }
                Ran ran = run(program, words);
                int status;
                assert_int_equal(waitpid(server, &status, 0), server);
                if (ran.code != cases[i].code || !strstr(ran.err, cases[i].err))
                        fail_msg("%s: got %d, want %d\nstdout: %s\nstderr: %s", cases[i].reply, ran.code, cases[i].code, ran.out, ran.err);
        }
        (void) close(listening);
        (void) unlink(address.sun_path);
        (void) rmdir(directory);
}

/* The daemon goes away between taking a request and answering it: asked again under the same id, it says what became of it. */
static void program__whose_connection_breaks__asks_again_with_the_same_id(void **state) {
        (void) state;
        char program[512], directory[] = "/tmp/leadd-leadctl-XXXXXX", words[256];
        if (!find_leadctl(program))
                skip();
        assert_non_null(mkdtemp(directory));
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", directory);
        int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(listening, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(listening, 10), 0);
        pid_t server = fork();
        assert_true(server >= 0);
        if (server == 0) {
                char requests[2][4096] = { 0 };
                static const char reply[] = "{\"parameters\":{\"lead\":\"L-42\",\"event\":7,\"duplicate\":true,\"summary\":\"\"}}";
                for (unsigned i = 0; i < 2; i++) {
                        int fd = accept(listening, NULL, NULL);
                        if (read(fd, requests[i], sizeof(requests[i]) - 1) <= 0 || (i == 1 && write(fd, reply, sizeof(reply)) < 0))
                                _exit(2);
                        (void) close(fd);
                }
                _exit(base_streq(requests[0], requests[1]) && strstr(requests[0], "\"request_id\":\"") ? 0 : 1);
        }
        (void) close(listening);
        (void) snprintf(words, sizeof(words), "--socket=%s/s|accept|42|--as|anna", directory);
        Ran ran = run(program, words);
        int status;
        assert_int_equal(waitpid(server, &status, 0), server);
        assert_int_equal(status, 0);
        assert_int_equal(ran.code, 0);
        assert_string_equal(ran.out, "L-42: done before\n");
        (void) unlink(address.sun_path);
        (void) rmdir(directory);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(arguments__of_a_table__are_understood_or_refused_with_a_hint),
                cmocka_unit_test(table__of_cells__is_aligned_and_numbers_stand_right),
                cmocka_unit_test(table__on_a_narrow_terminal__cuts_what_may_shrink),
                cmocka_unit_test(cell__from_outside__cannot_command_the_terminal),
                cmocka_unit_test(relative__of_a_table__reads_as_people_say_it),
                cmocka_unit_test(program__without_a_daemon__answers_with_the_codes_of_the_manual),
                cmocka_unit_test(program__before_a_strange_server__says_so),
                cmocka_unit_test(program__whose_connection_breaks__asks_again_with_the_same_id),
        };
        return cmocka_run_group_tests_name("leadctl", tests, NULL, NULL);
}
