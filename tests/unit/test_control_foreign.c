/* SPDX-License-Identifier: MIT */
/*
 * Do others understand our Varlink, and we theirs? The certification of the Varlink project in both directions, against the Go
 * implementation that distributions ship (package varlink-go), and its parser over our interface texts. Skipped where that is not
 * installed.
 */
#include "control_harness.h"
/* The client's parts are compiled in: the library holds the daemon's rooms only. */
#include "../../daemon/leadctl/client.c"
#include "../../daemon/leadctl/print.c"
#include <ctype.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

#define PROGRAM "/usr/bin/varlink-go-certification"
#define GENERATOR "/usr/bin/varlink-go-interface-generator"
#define CERTIFICATION "org.varlink.certification"

/* ---- the interface of the certification, served by our server ---- */

static const char my_type[] =
        "{\"object\":{\"method\":\"x\"},\"enum\":\"two\",\"struct\":{\"first\":1,\"second\":\"2\"},\"array\":[\"one\",\"two\"],"
        "\"dictionary\":{\"foo\":\"Foo\"},\"stringset\":{\"one\":{}},\"nullable\":null,\"nullable_array_struct\":null,"
        "\"interface\":{\"foo\":[null,{\"foo\":\"foo\",\"bar\":\"bar\"}],\"anon\":{\"foo\":true,\"bar\":false}}}";

/* Each call brings back what the one before it answered. */
static const struct {
        const char *name, *wants, *answers; /* members, without client_id */
} steps[] = {
        { "Test01", "{}", "{\"bool\":true}" },
        { "Test02", "{\"bool\":true}", "{\"int\":1}" },
        { "Test03", "{\"int\":1}", "{\"float\":1.5}" },
        { "Test04", "{\"float\":1.5}", "{\"string\":\"ping\"}" },
        { "Test05", "{\"string\":\"ping\"}", "{\"bool\":false,\"int\":2,\"float\":3.25,\"string\":\"a lot of string\"}" },
        { "Test06", "{\"bool\":false,\"int\":2,\"float\":3.25,\"string\":\"a lot of string\"}",
                "{\"struct\":{\"bool\":false,\"int\":2,\"float\":3.25,\"string\":\"a lot of string\"}}" },
        { "Test07", "{\"struct\":{\"bool\":false,\"int\":2,\"float\":3.25,\"string\":\"a lot of string\"}}",
                "{\"map\":{\"foo\":\"Foo\",\"bar\":\"Bar\"}}" },
        { "Test08", "{\"map\":{\"foo\":\"Foo\",\"bar\":\"Bar\"}}", "{\"set\":{\"one\":{},\"two\":{},\"three\":{}}}" },
        { "Test09", "{\"set\":{\"one\":{},\"two\":{},\"three\":{}}}", NULL /* my_type */ },
};

static unsigned n_right;

static void answer_start(_unused_ Control *control, ControlCall *call) {
        control_set_reply(call, json_pack("{s:s}", "client_id", "certified"));
}

static bool is_wanted(ControlCall *call, const json_t *wanted) {
        json_auto_t *got = json_copy(call->parameters);
        (void) json_object_del(got, "client_id");
        if (json_equal(got, wanted))
                return true;
        control_set_error(call, CERTIFICATION ".CertificationError", json_pack("{s:O, s:O}", "wants", wanted, "got", got));
        return false;
}

static void answer_step(_unused_ Control *control, ControlCall *call) {
        for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
                if (base_streq(steps[i].name, call->method->name)) {
                        json_auto_t *wanted = json_loads(steps[i].wants, 0, NULL);
                        if (!is_wanted(call, wanted))
                                return;
                        n_right++;
                        control_set_reply(call, steps[i].answers ? json_loads(steps[i].answers, 0, NULL)
                                                                 : json_pack("{s:o}", "mytype", json_loads(my_type, 0, NULL)));
                }
}

static void answer_test10(_unused_ Control *control, ControlCall *call) {
        json_auto_t *wanted = json_pack("{s:o}", "mytype", json_loads(my_type, 0, NULL));
        /* What is null may as well be left out. */
        json_t *mytype = json_object_get(call->parameters, "mytype"), *type = json_object_get(wanted, "mytype");
        static const char *const nullables[] = { "nullable", "nullable_array_struct" };
        for (size_t i = 0; i < ARRAY_SIZE(nullables); i++) {
                (void) json_object_del(type, nullables[i]);
                if (json_is_null(json_object_get(mytype, nullables[i])))
                        (void) json_object_del(mytype, nullables[i]);
        }
        if (!is_wanted(call, wanted))
                return;
        n_right++;
        for (unsigned i = 1; i < 10; i++)
                (void) control_continue(call, json_pack("{s:o}", "string", json_sprintf("Reply number %u", i)));
        control_set_reply(call, json_pack("{s:s}", "string", "Reply number 10"));
}

static void answer_test11(_unused_ Control *control, ControlCall *call) {
        json_t *replies = json_array();
        for (unsigned i = 1; i <= 10; i++)
                (void) json_array_append_new(replies, json_sprintf("Reply number %u", i));
        json_auto_t *wanted = json_pack("{s:o}", "last_more_replies", replies);
        if (!is_wanted(call, wanted))
                return;
        n_right++;
        control_set_reply(call, json_object());
}

static void answer_end(_unused_ Control *control, ControlCall *call) {
        control_set_reply(call, json_pack("{s:b}", "all_ok", n_right == ARRAY_SIZE(steps) + 2));
}

#define ID \
        { .name = "client_id", .type = INPUT_TEXT, .required = true, .size_max = 100 }
#define ANY(n, t) \
        { .name = (n), .type = INPUT_ANY, .required = true, .type_text = (t) }
#define FLAT "bool: bool, int: int, float: float, string: string"
static const Method methods[] = {
        { .name = "Start", .output = "(client_id: string)", .answer = answer_start },
        { .name = "Test01", .inputs = { ID }, .output = "(bool: bool)", .answer = answer_step },
        { .name = "Test02",
                .inputs = { ID, { .name = "bool", .type = INPUT_BOOL, .required = true } },
                .output = "(int: int)",
                .answer = answer_step },
        { .name = "Test03",
                .inputs = { ID, { .name = "int", .type = INPUT_INTEGER, .required = true } },
                .output = "(float: float)",
                .answer = answer_step },
        { .name = "Test04",
                .inputs = { ID, { .name = "float", .type = INPUT_NUMBER, .required = true } },
                .output = "(string: string)",
                .answer = answer_step },
        { .name = "Test05",
                .inputs = { ID, { .name = "string", .type = INPUT_TEXT, .required = true, .size_max = 100 } },
                .output = "(" FLAT ")",
                .answer = answer_step },
        { .name = "Test06",
                .inputs = { ID, ANY("bool", "bool"), ANY("int", "int"), ANY("float", "float"), ANY("string", "string") },
                .output = "(struct: (" FLAT "))",
                .answer = answer_step },
        { .name = "Test07", .inputs = { ID, ANY("struct", "(" FLAT ")") }, .output = "(map: [string]string)", .answer = answer_step },
        { .name = "Test08", .inputs = { ID, ANY("map", "[string]string") }, .output = "(set: [string]())", .answer = answer_step },
        { .name = "Test09", .inputs = { ID, ANY("set", "[string]()") }, .output = "(mytype: MyType)", .answer = answer_step },
        { .name = "Test10",
                .inputs = { ID, ANY("mytype", "MyType") },
                .output = "(string: string)",
                .streams = true,
                .answer = answer_test10 },
        { .name = "Test11", .inputs = { ID, ANY("last_more_replies", "[]string") }, .output = "()", .answer = answer_test11 },
        { .name = "End", .inputs = { ID }, .output = "(all_ok: bool)", .answer = answer_end },
};
static const Interface interface_certification = {
        .name = CERTIFICATION,
        .types = "type Interface (foo: ?[]?[string](foo, bar, baz), anon: (foo: bool, bar: bool))\n"
                 "type MyType (object: object, enum: (one, two, three), struct: (first: int, second: string), array: []string,\n"
                 "  dictionary: [string]string, stringset: [string](), nullable: ?string, nullable_array_struct: ?[](first: int, second: "
                 "string),\n"
                 "  interface: Interface)\n",
        .methods = methods,
        .n_methods = ARRAY_SIZE(methods),
        .errors = "error ClientIdError ()\nerror CertificationError (wants: object, got: object)\n",
};

/* ---- their programs ---- */

/* Starts a program with its output in a pipe. */
static pid_t start(const char *const *argv, int *ret_out) {
        int out[2];
        assert_int_equal(pipe2(out, O_CLOEXEC), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
                (void) dup2(out[1], STDOUT_FILENO);
                (void) dup2(out[1], STDERR_FILENO);
                (void) execv(argv[0], (char *const *) argv);
                _exit(127);
        }
        (void) close(out[1]);
        *ret_out = out[0];
        return pid;
}

static int finish(pid_t pid, int signal) {
        int status;
        if (signal != 0)
                (void) kill(pid, signal);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void their_client__before_our_server__certifies_it(void **state) {
        (void) state;
        static const Interface *const interfaces[] = { &interface_service, &interface_certification };
        if (access(PROGRAM, X_OK) < 0)
                skip();
        Harness h;
        harness_start(&h);
        h.control = control_free(h.control);
        const ControlConfig config = { .path = h.path, .listen_fd = -1 };
        assert_int_equal(control_new_with(h.event, &config, interfaces, ARRAY_SIZE(interfaces), &h.control), 0);
        char address[128];
        (void) snprintf(address, sizeof(address), "unix:%s", h.path);
        int out;
        pid_t pid = start((const char *const[]){ PROGRAM, "-client", "-varlink", address, NULL }, &out);
        Text text = { 0 };
        for (bool open = true; open;) {
                (void) sd_event_run(h.event, 20 * 1000);
                for (struct pollfd poller = { .fd = out, .events = POLLIN }; open && poll(&poller, 1, 0) > 0;) {
                        char buffer[4096];
                        ssize_t n = read(out, buffer, sizeof(buffer));
                        open = n > 0;
                        if (n > 0)
                                text_append_size(&text, buffer, (size_t) n);
                }
        }
        (void) close(out);
        int code = finish(pid, 0);
        /* It says 0 in any case; its last word counts. */
        if (code != 0 || !text.data || !strstr(text.data, "End: 'true'") || n_right != ARRAY_SIZE(steps) + 2)
                fail_msg("exit %d after %u right calls: %s", code, n_right, text.data ? text.data : "nothing said");
        text_free(&text);
        harness_stop(&h);
}

static bool on_reply(json_t *parameters, void *userdata) { return json_array_append(userdata, json_object_get(parameters, "string")) == 0; }

static void our_client__before_their_server__is_certified(void **state) {
        (void) state;
        if (access(PROGRAM, X_OK) < 0)
                skip();
        char directory[] = "/tmp/leadd-foreign-XXXXXX", path[64], address[80];
        assert_non_null(mkdtemp(directory));
        (void) snprintf(path, sizeof(path), "%s/s", directory);
        (void) snprintf(address, sizeof(address), "unix:%s", path);
        int out;
        pid_t pid = start((const char *const[]){ PROGRAM, "-varlink", address, NULL }, &out);
        struct stat st;
        for (unsigned i = 0; i < 500 && stat(path, &st) < 0; i++)
                (void) usleep(10 * 1000);

        const Arguments arguments = { .socket = path };
        Client client;
        assert_int_equal(client_open(&arguments, &client), 0);
        json_auto_t *last = NULL;
        assert_int_equal(client_call(&client, CERTIFICATION ".Start", json_object(), 5000, &last), 0);
        json_auto_t *id = json_incref(json_object_get(last, "client_id"));
        assert_non_null(id);
        json_t *empty = json_object();
        json_decref(last);
        last = empty;
        for (unsigned i = 1; i <= 9; i++) {
                char method[64];
                json_t *next = NULL;
                (void) snprintf(method, sizeof(method), CERTIFICATION ".Test%02u", i);
                (void) json_object_set(last, "client_id", id);
                assert_int_equal(client_call(&client, method, last, 5000, &next), 0); /* takes last */
                last = next;
        }
        json_t *replies = json_array(), *final = NULL;
        (void) json_object_set(last, "client_id", id);
        assert_int_equal(client_call_more(&client, CERTIFICATION ".Test10", last, -1, on_reply, replies, &final), 0);
        last = NULL;
        (void) json_array_append(replies, json_object_get(final, "string"));
        json_decref(final);
        final = NULL;
        /* The last one is called without wanting a reply. */
        json_auto_t *oneway = json_pack("{s:s, s:b, s:{s:O, s:o}}", "method", CERTIFICATION ".Test11", "oneway", 1, "parameters",
                "client_id", id, "last_more_replies", replies);
        _cleanup_(base_freep) char *request = json_dumps(oneway, JSON_COMPACT);
        assert_non_null(request);
        assert_int_equal(send_all(&client, request, strlen(request) + 1, -1, -1), 0);
        assert_int_equal(client_call(&client, CERTIFICATION ".End", json_pack("{s:O}", "client_id", id), 5000, &final), 0);
        assert_true(json_is_true(json_object_get(final, "all_ok")));
        json_decref(final);
        client_close(&client);
        (void) close(out);
        (void) finish(pid, SIGKILL);
        (void) unlink(path);
        (void) rmdir(directory);
}

static void their_parser__over_our_descriptions__finds_no_fault(void **state) {
        (void) state;
        static const Interface *const interfaces[] = { &interface_service, &interface_control, &interface_leads, &interface_report,
                &interface_certification };
        if (access(GENERATOR, X_OK) < 0)
                skip();
        for (size_t i = 0; i < ARRAY_SIZE(interfaces); i++) {
                char directory[] = "/tmp/leadd-foreign-XXXXXX", path[128], command[200], output[4096];
                assert_non_null(mkdtemp(directory));
                (void) snprintf(path, sizeof(path), "%s/%s.varlink", directory, interfaces[i]->name);
                Text text = { 0 };
                assert_int_equal(interface_describe(interfaces[i], &text), 0);
                /* This parser is older than capitals in the names of interfaces (io.systemd.UserDatabase has them, too). */
                for (char *c = strstr(text.data, "interface org."); *c != '\n'; c++)
                        *c = (char) tolower(*c);
                FILE *file = fopen(path, "w");
                assert_non_null(file);
                assert_int_equal(fwrite(text.data, 1, text.size, file), text.size);
                assert_int_equal(fclose(file), 0);
                int out;
                pid_t pid = start((const char *const[]){ GENERATOR, path, NULL }, &out);
                ssize_t n = read(out, output, sizeof(output) - 1);
                output[n > 0 ? n : 0] = '\0';
                (void) close(out);
                int code = finish(pid, 0);
                if (code != 0)
                        fail_msg("%s: %s\n%s", interfaces[i]->name, output, text.data);
                text_free(&text);
                (void) snprintf(command, sizeof(command), "rm -rf '%s'", directory);
                assert_int_equal(system(command), 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(their_client__before_our_server__certifies_it),
                cmocka_unit_test(our_client__before_their_server__is_certified),
                cmocka_unit_test(their_parser__over_our_descriptions__finds_no_fault),
        };
        return cmocka_run_group_tests_name("control: foreign", tests, NULL, NULL);
}
