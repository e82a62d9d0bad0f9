/* SPDX-License-Identifier: MIT */
/* The wire: frames in any cut, pipelines, half closes, garbage, limits. Whatever a client sends, the next client is answered. */
#include "control_harness.h"
#include <sys/resource.h>

#define PING "{\"method\":\"org.leadd.Control.Ping\"}"
#define PONG "{\"parameters\":{\"version\":\"" LEADD_VERSION "\"}}"
#define STATUS "{\"method\":\"org.leadd.Control.Status\"}"

/* ---- what is answered ---- */

typedef struct Exchange {
        const char *request, *reply;
} Exchange;

static const Exchange exchanges[] = {
        { PING, PONG },
        { "{\"method\":\"org.leadd.Control.Ping\",\"parameters\":{}}", PONG },
        { "{\"method\":\"org.leadd.Control.Ping\",\"parameters\":null,\"more\":false,\"oneway\":null}", PONG },
        { "  {\"method\" : \"org.leadd.Control.Ping\"}\n", PONG },
        { "{\"method\":\"org.leadd.Control.Ping\",\"more\":true}", PONG },
        { "{\"method\":\"org.leadd.Control.Pong\"}",
                "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"org.leadd.Control.Pong\"}}" },
        { "{\"method\":\"org.leadd.Nothing.Ping\"}",
                "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"org.leadd.Nothing\"}}" },
        { "{\"method\":\"Ping\"}", "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"Ping\"}}" },
        { "{\"method\":\"\"}", "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"\"}}" },
        { "{\"method\":\".\"}", "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"\"}}" },
        { "{\"method\":\"org.leadd.Control.\"}",
                "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"org.leadd.Control.\"}}" },
        { "{\"method\":\"org.leadd.Control.Ping\",\"upgrade\":true}",
                "{\"error\":\"org.varlink.service.MethodNotImplemented\",\"parameters\":{\"method\":\"org.leadd.Control.Ping\"}}" },
        { "{\"method\":\"org.leadd.Control.Ping\",\"parameters\":{\"x\":1}}",
                "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"x\"}}" },
        { "{\"method\":\"org.leadd.Leads.Show\"}",
                "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"lead\"}}" },
        { "{\"method\":\"org.leadd.Leads.Show\",\"parameters\":{\"lead\":42}}",
                "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"lead\"}}" },
        { "{\"method\":\"org.leadd.Leads.Show\",\"parameters\":{\"lead\":null}}",
                "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"lead\"}}" },
        { "{\"method\":\"org.leadd.Leads.Show\",\"parameters\":{\"lead\":\"\"}}",
                "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"lead\"}}" },
        { "{\"method\":\"org.leadd.Leads.List\",\"parameters\":{\"limit\":1.5}}",
                "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"limit\"}}" },
        { "{\"method\":\"org.leadd.Leads.List\",\"parameters\":{\"held\":\"yes\"}}",
                "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"held\"}}" },
        { "{\"method\":\"org.leadd.Control.Watch\"}", "{\"error\":\"org.varlink.service.ExpectedMore\",\"parameters\":{}}" },
        { "{\"method\":\"org.leadd.Control.Submit\",\"parameters\":{\"format\":\"json\"}}",
                "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"descriptor\"}}" },
        { "{\"method\":\"org.varlink.service.GetInfo\"}",
                "{\"parameters\":{\"vendor\":\"leadd\",\"product\":\"leadd\",\"version\":\"" LEADD_VERSION
                "\",\"url\":\"man:leadctl(1)\",\"interfaces\":[\"org.varlink.service\",\"org.leadd.Control\",\"org.leadd.Leads\",\"org."
                "leadd.Report\"]}}" },
        { "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":\"org.example\"}}",
                "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"org.example\"}}" },
};

static void request__of_a_table__gets_its_reply(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        int fd = harness_connect(&h);
        for (size_t i = 0; i < ARRAY_SIZE(exchanges); i++) {
                char *got = harness_ask(&h, fd, exchanges[i].request);
                if (!base_streq(got, exchanges[i].reply))
                        print_error("request %s\n got %s\nwant %s\n", exchanges[i].request, got, exchanges[i].reply);
                assert_string_equal(got, exchanges[i].reply);
                free(got);
        }
        assert_int_equal(h.n_calls, 0); /* nothing of this reaches the owner */
        (void) close(fd);
        harness_stop(&h);
}

static void request__split_at_every_byte__gets_its_reply(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        int fd = harness_connect(&h);
        static const char request[] = "{\"method\":\"org.leadd.Control.Ping\",\"parameters\":{}}";
        for (size_t cut = 0; cut <= sizeof(request); cut++) {
                Text text = { 0 };
                harness_send(fd, request, cut);
                harness_run(&h);
                harness_send(fd, request + cut, sizeof(request) - cut);
                harness_run(&h);
                harness_receive(fd, &text, NULL);
                assert_string_equal(text.data, PONG);
                text_free(&text);
        }
        /* and one byte at a time */
        Text text = { 0 };
        for (size_t i = 0; i < sizeof(request); i++) {
                harness_send(fd, request + i, 1);
                harness_run(&h);
        }
        harness_receive(fd, &text, NULL);
        assert_string_equal(text.data, PONG);
        text_free(&text);
        (void) close(fd);
        harness_stop(&h);
}

/* ---- what ends the connection ---- */

typedef struct Hostile {
        const char *name;
        const char *data;
        size_t size;
} Hostile;
#define HOSTILE(name, text) \
        { name, text, sizeof(text) } /* with its NUL */
#define HOSTILE_RAW(name, text) \
        { name, text, sizeof(text) - 1 } /* as it is */

static const Hostile hostiles[] = {
        HOSTILE("an empty frame", ""),
        HOSTILE("a space", " "),
        HOSTILE("no JSON", "hello"),
        HOSTILE("HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        HOSTILE("a list", "[]"),
        HOSTILE("a number", "1"),
        HOSTILE("a text", "\"org.leadd.Control.Ping\""),
        HOSTILE("null", "null"),
        HOSTILE("no method", "{}"),
        HOSTILE("a method that is a number", "{\"method\":1}"),
        HOSTILE("a method that is null", "{\"method\":null}"),
        HOSTILE("parameters that are a list", "{\"method\":\"org.leadd.Control.Ping\",\"parameters\":[]}"),
        HOSTILE("more that is a text", "{\"method\":\"org.leadd.Control.Ping\",\"more\":\"true\"}"),
        HOSTILE("an unknown member", "{\"method\":\"org.leadd.Control.Ping\",\"extra\":1}"),
        HOSTILE("a member twice", "{\"method\":\"org.leadd.Control.Ping\",\"method\":\"org.leadd.Control.Status\"}"),
        HOSTILE("a parameter twice", "{\"method\":\"org.leadd.Leads.Show\",\"parameters\":{\"lead\":\"1\",\"lead\":\"2\"}}"),
        HOSTILE("half an object", "{\"method\":\"org.leadd.Control.Ping\""),
        HOSTILE("something behind the object", PING "x"),
        HOSTILE("two objects in one frame", PING PING),
        HOSTILE("bad UTF-8", "{\"method\":\"org.leadd.Control.Ping\xff\"}"),
        HOSTILE("a lone surrogate", "{\"method\":\"\\ud800\"}"),
        HOSTILE("an escaped NUL", "{\"method\":\"org.leadd.Control.Ping\\u0000\"}"),
        HOSTILE("a NUL inside the frame", "{\"method\":\"org.leadd\0.Control.Ping\"}"),
        HOSTILE("a number beyond int64", "{\"method\":\"org.leadd.Leads.List\",\"parameters\":{\"limit\":99999999999999999999}}"),
        HOSTILE("a number beyond double", "{\"method\":\"org.leadd.Leads.List\",\"parameters\":{\"limit\":1e999}}"),
        HOSTILE_RAW("half a frame and a hang-up", "{\"method\":"),
        HOSTILE_RAW("a byte order mark", "\xef\xbb\xbf" PING "\0"),
};

static void garbage__of_a_table__closes_cleanly_and_the_next_is_answered(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        unsigned before = harness_count_fds();
        for (size_t i = 0; i < ARRAY_SIZE(hostiles); i++) {
                int fd = harness_connect(&h);
                /* What came before is answered, what comes after is not read. */
                harness_send(fd, PING, sizeof(PING));
                harness_send(fd, hostiles[i].data, hostiles[i].size);
                if (hostiles[i].data[hostiles[i].size - 1] != '\0')
                        assert_int_equal(shutdown(fd, SHUT_WR), 0);
                harness_run(&h);
                Text text = { 0 };
                bool end;
                harness_receive(fd, &text, &end);
                if (!end || !text.data || !base_streq(text.data, PONG) || text.size != sizeof(PONG))
                        fail_msg("%s: got %s, %s", hostiles[i].name, text.data ? text.data : "nothing", end ? "closed" : "left open");
                text_free(&text);
                (void) close(fd);

                fd = harness_connect(&h);
                char *got = harness_ask(&h, fd, PING);
                assert_string_equal(got, PONG);
                free(got);
                (void) close(fd);
                harness_run(&h);
        }
        assert_int_equal(h.n_calls, 0);
        assert_int_equal(harness_count_fds(), before);
        harness_stop(&h);
}

static void nesting__beyond_the_limit__closes(void **state) {
        (void) state;
        static const struct {
                size_t depth;
                bool open;
        } cases[] = { { CONTROL_DEPTH_MAX - 2, true }, { CONTROL_DEPTH_MAX - 1, false }, { 100000, false } };
        Harness h;
        harness_start(&h);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int fd = harness_connect(&h);
                Text text = { 0 }, got = { 0 };
                bool end;
                text_append(&text, "{\"method\":\"org.leadd.Control.Ping\",\"parameters\":{\"x\":");
                for (size_t k = 0; k < cases[i].depth; k++)
                        text_append_char(&text, '[');
                for (size_t k = 0; k < cases[i].depth; k++)
                        text_append_char(&text, ']');
                text_append(&text, "}}");
                (void) harness_push(&h, fd, text.data, text.size + 1);
                harness_run(&h);
                harness_receive(fd, &got, &end);
                if (end == cases[i].open)
                        fail_msg("depth %zu: %s", cases[i].depth, end ? "closed" : "left open");
                text_free(&text);
                text_free(&got);
                (void) close(fd);
        }
        harness_stop(&h);
}

static void size__at_and_beyond_the_limit__is_answered_or_closes(void **state) {
        (void) state;
        static const struct {
                size_t size;
                bool answered;
        } cases[] = {
                { CONTROL_REQUEST_SIZE_MAX, true },
                { CONTROL_REQUEST_SIZE_MAX + 1, false },
                { CONTROL_REQUEST_SIZE_MAX + 60000, false },
                { 8 * CONTROL_REQUEST_SIZE_MAX, false },
        };
        Harness h;
        harness_start(&h);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int fd = harness_connect(&h);
                char *frame = malloc(cases[i].size + 1);
                assert_non_null(frame);
                memset(frame, ' ', cases[i].size);
                memcpy(frame, PING, strlen(PING));
                frame[cases[i].size] = '\0';
                (void) harness_push(&h, fd, frame, cases[i].size + 1);
                harness_run(&h);
                Text got = { 0 };
                bool end;
                harness_receive(fd, &got, &end);
                if (cases[i].answered)
                        assert_string_equal(got.data, PONG);
                else if (!end || got.size > 0)
                        fail_msg("%zu bytes: %s, %zu bytes came back", cases[i].size, end ? "closed" : "left open", got.size);
                text_free(&got);
                free(frame);
                (void) close(fd);
                harness_run(&h);
        }
        /* without a NUL there is nothing to answer, and no more than the limit is kept */
        int fd = harness_connect(&h);
        char *endless = malloc(65536);
        assert_non_null(endless);
        memset(endless, '{', 65536);
        size_t taken = 0;
        while (taken < 16 * (size_t) CONTROL_REQUEST_SIZE_MAX && harness_push(&h, fd, endless, 65536)) {
                taken += 65536;
                harness_run(&h);
        }
        assert_true(taken < 2 * (size_t) CONTROL_REQUEST_SIZE_MAX);
        free(endless);
        (void) close(fd);
        harness_stop(&h);
}

/* ---- many ---- */

/* Sends all, reading what comes in between, until nothing more comes. */
static void exchange(Harness *h, int fd, const Text *requests, Text *got) {
        size_t sent = 0;
        for (unsigned quiet = 0; quiet < 3;) {
                size_t before = got->size + sent;
                ssize_t n = sent < requests->size ? send(fd, requests->data + sent, requests->size - sent, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
                sent += n > 0 ? (size_t) n : 0;
                harness_run(h);
                harness_receive(fd, got, NULL);
                quiet = got->size + sent == before ? quiet + 1 : 0;
        }
        assert_int_equal(sent, requests->size);
}

static void calls__a_thousand_in_one_pipeline__are_answered_in_order(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        int fd = harness_connect(&h);
        Text requests = { 0 }, got = { 0 };
        for (unsigned i = 0; i < 1000; i++) {
                text_printf(&requests, "{\"method\":\"org.leadd.Control.N%u\"}", i);
                text_append_char(&requests, '\0');
        }
        exchange(&h, fd, &requests, &got);
        size_t at = 0;
        for (unsigned i = 0; i < 1000; i++) {
                char want[128];
                (void) snprintf(want, sizeof(want),
                        "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"org.leadd.Control.N%u\"}}", i);
                assert_string_equal(harness_next(&got, &at), want);
        }
        assert_int_equal(at, got.size);
        text_free(&requests);
        text_free(&got);
        (void) close(fd);
        harness_stop(&h);
}

static void calls__a_thousand_connections_one_after_the_other__leave_nothing(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        unsigned before = harness_count_fds();
        for (unsigned i = 0; i < 1000; i++) {
                int fd = harness_connect(&h);
                char *got = harness_ask(&h, fd, PING);
                assert_string_equal(got, PONG);
                free(got);
                (void) close(fd);
                harness_run(&h);
        }
        assert_int_equal(harness_count_fds(), before);
        harness_stop(&h);
}

static void pipeline__with_a_call_that_takes_long__keeps_the_order(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        int fd = harness_connect(&h);
        Text got = { 0 };
        size_t at = 0;
        static const char requests[] = PING "\0" STATUS "\0" PING "\0" STATUS;
        harness_send(fd, requests, sizeof(requests));
        harness_run(&h);
        harness_receive(fd, &got, NULL);
        assert_string_equal(harness_next(&got, &at), PONG);
        assert_int_equal(at, got.size); /* the second Ping waits behind Status */
        assert_int_equal(h.n_calls, 1);
        control_set_reply(h.calls[0], json_pack("{s:i}", "n", 1));
        control_finish(h.calls[0]);
        harness_run(&h);
        assert_int_equal(h.n_calls, 2);
        control_set_reply(h.calls[1], json_pack("{s:i}", "n", 2));
        control_finish(h.calls[1]);
        harness_run(&h);
        harness_receive(fd, &got, NULL);
        assert_string_equal(harness_next(&got, &at), "{\"parameters\":{\"n\":1}}");
        assert_string_equal(harness_next(&got, &at), PONG);
        assert_string_equal(harness_next(&got, &at), "{\"parameters\":{\"n\":2}}");
        text_free(&got);
        (void) close(fd);
        harness_stop(&h);
}

/* ---- closing halves ---- */

static void half_close__after_the_requests__gets_every_reply_and_then_the_end(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        int fd = harness_connect(&h);
        static const char requests[] = PING "\0" STATUS "\0" PING;
        harness_send(fd, requests, sizeof(requests));
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        harness_run(&h);
        assert_int_equal(h.n_calls, 1);
        control_set_reply(h.calls[0], json_object());
        control_finish(h.calls[0]);
        harness_run(&h);
        Text got = { 0 };
        bool end;
        size_t at = 0;
        harness_receive(fd, &got, &end);
        assert_string_equal(harness_next(&got, &at), PONG);
        assert_string_equal(harness_next(&got, &at), "{\"parameters\":{}}");
        assert_string_equal(harness_next(&got, &at), PONG);
        assert_true(end);
        text_free(&got);
        (void) close(fd);
        harness_stop(&h);
}

static void half_close__of_the_reading_side__does_not_make_the_loop_spin(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        int fd = harness_connect(&h);
        assert_int_equal(shutdown(fd, SHUT_RD), 0);
        harness_send(fd, PING, sizeof(PING));
        harness_run(&h);
        assert_true(h.n_turns < 100);
        (void) close(fd);
        harness_run(&h);
        harness_stop(&h);
}

static void oneway__is_carried_out_without_a_reply_even_when_the_client_hangs_up(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        int fd = harness_connect(&h);
        static const char requests[] = "{\"method\":\"org.leadd.Control.Reload\",\"oneway\":true}\0" PING;
        harness_send(fd, requests, sizeof(requests));
        harness_run(&h);
        assert_int_equal(h.n_calls, 1);
        control_set_reply(h.calls[0], json_pack("{s:b}", "loaded", 1));
        control_finish(h.calls[0]);
        harness_run(&h);
        Text got = { 0 };
        harness_receive(fd, &got, NULL);
        assert_string_equal(got.data, PONG);
        assert_int_equal(got.size, sizeof(PONG));
        text_free(&got);

        static const char twice[] = "{\"method\":\"org.leadd.Control.Reload\",\"oneway\":true}\0" STATUS
                                    "\0{\"method\":\"org.leadd.Control.Reload\",\"oneway\":true}";
        harness_send(fd, twice, sizeof(twice));
        (void) close(fd);
        harness_run(&h);
        assert_int_equal(h.n_calls, 2);
        control_finish(h.calls[1]);
        harness_run(&h);
        /* Status changes nothing and has nobody to tell: it is not asked; the second Reload is. */
        assert_int_equal(h.n_calls, 3);
        assert_string_equal(control_call_method(h.calls[2]), "org.leadd.Control.Reload");
        control_finish(h.calls[2]);
        harness_run(&h);
        harness_stop(&h);
}

/* ---- readers that do not read ---- */

static void watcher__that_reads_nothing__is_dropped_at_the_limit(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        int fd = harness_connect(&h), other = harness_connect(&h);
        static const char watch[] = "{\"method\":\"org.leadd.Control.Watch\",\"more\":true}";
        harness_send(fd, watch, sizeof(watch));
        harness_run(&h);
        assert_int_equal(h.n_calls, 1);
        char filler[4001];
        memset(filler, 'x', sizeof(filler) - 1);
        filler[sizeof(filler) - 1] = '\0';
        unsigned n = 0;
        while (control_continue(h.calls[0], json_pack("{s:s}", "summary", filler))) {
                n++;
                if (n > 2 * CONTROL_REPLY_BACKLOG_MAX / 4000)
                        fail_msg("still kept after %u items", n);
        }
        assert_true(n >= CONTROL_REPLY_BACKLOG_MAX / 4200);
        control_finish(h.calls[0]);
        harness_run(&h);
        char *got = harness_ask(&h, other, PING);
        assert_string_equal(got, PONG);
        free(got);
        (void) close(fd);
        (void) close(other);
        harness_stop(&h);
}

static void watcher__that_hangs_up__is_noticed_with_the_next_item(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        unsigned before = harness_count_fds();
        int fd = harness_connect(&h);
        static const char watch[] = "{\"method\":\"org.leadd.Control.Watch\",\"more\":true}";
        harness_send(fd, watch, sizeof(watch));
        harness_run(&h);
        Text got = { 0 };
        size_t at = 0;
        assert_true(control_continue(h.calls[0], json_pack("{s:i}", "event", 1)));
        harness_run(&h);
        harness_receive(fd, &got, NULL);
        assert_string_equal(harness_next(&got, &at), "{\"parameters\":{\"event\":1},\"continues\":true}");
        /* a half close is no hang-up: it says all it wanted to say */
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        harness_run(&h);
        assert_true(control_continue(h.calls[0], json_pack("{s:i}", "event", 2)));
        harness_receive(fd, &got, NULL);
        assert_string_equal(harness_next(&got, &at), "{\"parameters\":{\"event\":2},\"continues\":true}");
        text_free(&got);
        (void) close(fd);
        harness_run(&h);
        assert_int_equal(harness_count_fds(), before); /* the connection does not wait for the next item */
        assert_false(control_continue(h.calls[0], json_pack("{s:i}", "event", 3)));
        control_finish(h.calls[0]);
        harness_stop(&h);
}

static void pipeline__of_replies_nobody_reads__waits_instead_of_piling_up(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        int fd = harness_connect(&h);
        static const char request[] =
                "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":\"org.leadd.Leads\"}}";
        const unsigned n = 4000; /* twice the backlog at which a reader is dropped */
        Text requests = { 0 }, got = { 0 };
        size_t at = 0;
        unsigned n_replies = 0;
        char *one = harness_ask(&h, fd, request);
        assert_true(strlen(one) > 2000);
        for (unsigned i = 0; i < n; i++)
                text_append_size(&requests, request, sizeof(request));
        /* First without reading: the server stops taking requests instead of gathering replies. */
        size_t sent = 0;
        for (unsigned quiet = 0; quiet < 3;) {
                ssize_t m = send(fd, requests.data + sent, requests.size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
                sent += m > 0 ? (size_t) m : 0;
                harness_run(&h);
                quiet = m > 0 ? 0 : quiet + 1;
        }
        requests.size -= sent;
        memmove(requests.data, requests.data + sent, requests.size);
        exchange(&h, fd, &requests, &got);
        text_free(&requests);
        for (const char *reply; *(reply = harness_next(&got, &at));) {
                assert_string_equal(reply, one);
                n_replies++;
        }
        assert_int_equal(n_replies, n);
        free(one);
        text_free(&got);
        (void) close(fd);
        harness_stop(&h);
}

/* ---- the socket ---- */

static void bind__over_a_leftover__replaces_it_and_over_anything_else_refuses(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        Control *second = NULL;
        ControlConfig config = { .path = h.path, .listen_fd = -1 };
        assert_int_equal(control_new(h.event, &config, &second), -EADDRINUSE); /* somebody answers there */
        struct stat st;
        assert_int_equal(stat(h.path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0666);
        h.control = control_free(h.control);
        assert_int_equal(stat(h.path, &st), -1); /* removed at the end */

        struct sockaddr_un address = { .sun_family = AF_UNIX };
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", h.path);
        int stale = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(bind(stale, (struct sockaddr *) &address, sizeof(address)), 0);
        (void) close(stale); /* as a kill leaves it */
        assert_int_equal(control_new(h.event, &config, &second), 0);
        (void) control_free(second);

        int file = open(h.path, O_CREAT | O_WRONLY, 0644);
        (void) close(file);
        assert_int_equal(control_new(h.event, &config, &second), -EADDRINUSE);
        assert_int_equal(stat(h.path, &st), 0);
        (void) unlink(h.path);

        char long_path[200];
        memset(long_path, 'x', sizeof(long_path) - 1);
        long_path[0] = '/';
        long_path[sizeof(long_path) - 1] = '\0';
        config.path = long_path;
        assert_int_equal(control_new(h.event, &config, &second), -ENAMETOOLONG);
        config.path = "/nonexistent/leadd/socket";
        assert_int_equal(control_new(h.event, &config, &second), -ENOENT);
        harness_stop(&h);
}

static void socket__passed_by_systemd__is_served_and_left_in_place(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        h.control = control_free(h.control);
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", h.path);
        int listening = socket(AF_UNIX, SOCK_STREAM, 0), datagram = socket(AF_UNIX, SOCK_DGRAM, 0);
        assert_int_equal(bind(listening, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(listening, 10), 0);
        ControlConfig config = { .listen_fd = datagram };
        assert_int_equal(control_new(h.event, &config, &h.control), -EINVAL);
        config.listen_fd = listening;
        assert_int_equal(control_new(h.event, &config, &h.control), 0);
        int fd = harness_connect(&h);
        char *got = harness_ask(&h, fd, PING);
        assert_string_equal(got, PONG);
        free(got);
        (void) close(fd);
        h.control = control_free(h.control);
        struct stat st;
        assert_int_equal(stat(h.path, &st), 0);
        (void) unlink(h.path);
        harness_stop(&h);
}

static void connections__beyond_the_limit_of_a_uid__are_closed_and_room_is_found_again(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        int fds[CONTROL_CONNECTIONS_UID_MAX + 5];
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                fds[i] = harness_connect(&h);
        harness_run(&h);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
                Text got = { 0 };
                bool end;
                harness_receive(fds[i], &got, &end);
                if (end != (i >= CONTROL_CONNECTIONS_UID_MAX))
                        fail_msg("connection %zu is %s", i, end ? "closed" : "open");
                text_free(&got);
        }
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                (void) close(fds[i]);
        harness_run(&h);
        int fd = harness_connect(&h);
        char *got = harness_ask(&h, fd, PING);
        assert_string_equal(got, PONG);
        free(got);
        (void) close(fd);
        harness_stop(&h);
}

static void descriptors__running_out__pauses_listening_without_spinning(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        struct rlimit before, low;
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        low = (struct rlimit){ .rlim_cur = 64, .rlim_max = before.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
        int fd = harness_connect(&h), spare[64];
        size_t n = 0;
        while (n < ARRAY_SIZE(spare) && (spare[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
                n++;
        assert_true(n < ARRAY_SIZE(spare));
        harness_run(&h);
        assert_true(h.n_turns < 100);
        while (n > 0)
                (void) close(spare[--n]);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        Text got = { 0 };
        harness_send(fd, PING, sizeof(PING));
        for (unsigned i = 0; i < 30 && got.size == 0; i++) {
                (void) sd_event_run(h.event, 100 * 1000);
                harness_receive(fd, &got, NULL);
        }
        assert_string_equal(got.data, PONG);
        text_free(&got);
        (void) close(fd);
        harness_stop(&h);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(request__of_a_table__gets_its_reply),
                cmocka_unit_test(request__split_at_every_byte__gets_its_reply),
                cmocka_unit_test(garbage__of_a_table__closes_cleanly_and_the_next_is_answered),
                cmocka_unit_test(nesting__beyond_the_limit__closes),
                cmocka_unit_test(size__at_and_beyond_the_limit__is_answered_or_closes),
                cmocka_unit_test(calls__a_thousand_in_one_pipeline__are_answered_in_order),
                cmocka_unit_test(calls__a_thousand_connections_one_after_the_other__leave_nothing),
                cmocka_unit_test(pipeline__with_a_call_that_takes_long__keeps_the_order),
                cmocka_unit_test(half_close__after_the_requests__gets_every_reply_and_then_the_end),
                cmocka_unit_test(half_close__of_the_reading_side__does_not_make_the_loop_spin),
                cmocka_unit_test(oneway__is_carried_out_without_a_reply_even_when_the_client_hangs_up),
                cmocka_unit_test(watcher__that_reads_nothing__is_dropped_at_the_limit),
                cmocka_unit_test(watcher__that_hangs_up__is_noticed_with_the_next_item),
                cmocka_unit_test(pipeline__of_replies_nobody_reads__waits_instead_of_piling_up),
                cmocka_unit_test(bind__over_a_leftover__replaces_it_and_over_anything_else_refuses),
                cmocka_unit_test(socket__passed_by_systemd__is_served_and_left_in_place),
                cmocka_unit_test(connections__beyond_the_limit_of_a_uid__are_closed_and_room_is_found_again),
                cmocka_unit_test(descriptors__running_out__pauses_listening_without_spinning),
        };
        return cmocka_run_group_tests_name("control: protocol", tests, NULL, NULL);
}
