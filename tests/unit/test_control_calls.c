/* SPDX-License-Identifier: MIT */
/* Calls that are worked on elsewhere: clients and servers that go away first, repeated requests, descriptors, roles, introspection. */
#include "control_harness.h"

#define STATUS "{\"method\":\"org.leadd.Control.Status\"}"
#define PING "{\"method\":\"org.leadd.Control.Ping\"}"
#define DENIED "{\"error\":\"org.varlink.service.PermissionDenied\",\"parameters\":{}}"

/* ---- who goes away first ---- */

static void client__that_disconnects_while_its_call_is_out__leaves_a_call_that_ends_safely(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        unsigned before = harness_count_fds();
        int fd = harness_connect(&h);
        harness_send(fd, STATUS, sizeof(STATUS));
        harness_run(&h);
        assert_int_equal(h.n_calls, 1);
        (void) close(fd);
        harness_run(&h);
        assert_true(h.n_turns < 100);
        control_set_reply(h.calls[0], json_pack("{s:i}", "n", 1));
        control_finish(h.calls[0]);
        harness_run(&h);
        assert_int_equal(harness_count_fds(), before);
        harness_stop(&h);
}

static void server__that_ends_while_calls_are_out__leaves_calls_that_end_safely(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        int fds[3];
        static const char *const requests[] = { STATUS, "{\"method\":\"org.leadd.Control.Watch\",\"more\":true}",
                "{\"method\":\"org.leadd.Control.Reload\",\"parameters\":{\"request_id\":\"r\"}}" };
        for (size_t i = 0; i < 3; i++) {
                fds[i] = harness_connect(&h);
                harness_send(fds[i], requests[i], strlen(requests[i]) + 1);
                harness_run(&h);
        }
        /* one more waits for the answer of the third */
        int fd = harness_connect(&h);
        harness_send(fd, requests[2], strlen(requests[2]) + 1);
        harness_run(&h);
        assert_int_equal(h.n_calls, 3);
        h.control = control_free(h.control);
        assert_string_equal(control_call_method(h.calls[0]), "org.leadd.Control.Status");
        assert_false(control_continue(h.calls[1], json_object()));
        for (size_t i = 0; i < 3; i++) {
                control_set_reply(h.calls[i], json_object());
                control_finish(h.calls[i]);
                (void) close(fds[i]);
        }
        (void) close(fd);
        harness_stop(&h);
}

static void call__that_is_finished_without_an_answer__is_answered_as_failed(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        int fd = harness_connect(&h);
        harness_send(fd, STATUS, sizeof(STATUS));
        harness_run(&h);
        control_finish(h.calls[0]);
        harness_run(&h);
        Text got = { 0 };
        harness_receive(fd, &got, NULL);
        assert_string_equal(got.data, "{\"error\":\"org.leadd.Control.Failed\",\"parameters\":{\"text\":\"no answer could be made\"}}");
        text_free(&got);
        free(harness_ask(&h, fd, "{\"method\":\"org.leadd.Control.Watch\",\"more\":true}"));
        control_finish(h.calls[1]);
        harness_run(&h);
        harness_receive(fd, &got, NULL);
        assert_string_equal(got.data, "{\"error\":\"org.leadd.Control.Stopping\",\"parameters\":{}}");
        text_free(&got);
        (void) close(fd);
        harness_stop(&h);
}

/* ---- repeated requests ---- */

#define MOVE(id) "{\"method\":\"org.leadd.Leads.Move\",\"parameters\":{\"move\":\"accept\",\"lead\":\"42\",\"request_id\":\"" id "\"}}"

static void request_id__repeated__gets_the_first_answer_without_being_carried_out(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        int fd = harness_connect(&h);
        free(harness_ask(&h, fd, MOVE("a")));
        assert_int_equal(h.n_calls, 1);
        control_set_reply(h.calls[0], json_pack("{s:i}", "event", 7));
        control_finish(h.calls[0]);
        harness_run(&h);
        Text got = { 0 };
        harness_receive(fd, &got, NULL);
        assert_string_equal(got.data, "{\"parameters\":{\"event\":7}}");
        text_free(&got);

        static const struct {
                const char *request, *reply;
        } cases[] = {
                { MOVE("a"), "{\"parameters\":{\"event\":7}}" },
                /* the order of members says nothing */
                { "{\"parameters\":{\"request_id\":\"a\",\"lead\":\"42\",\"move\":\"accept\"},\"method\":\"org.leadd.Leads.Move\"}",
                        "{\"parameters\":{\"event\":7}}" },
                /* something else under the same id is a mistake of the client */
                { "{\"method\":\"org.leadd.Leads.Move\",\"parameters\":{\"move\":\"reject\",\"lead\":\"42\",\"request_id\":\"a\"}}",
                        "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"request_id\"}}" },
                { "{\"method\":\"org.leadd.Leads.Did\",\"parameters\":{\"activity\":\"call_made\",\"lead\":\"42\",\"request_id\":\"a\"}}",
                        "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"request_id\"}}" },
        };
        int other = harness_connect(&h);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char *answer = harness_ask(&h, other, cases[i].request);
                assert_string_equal(answer, cases[i].reply);
                free(answer);
        }
        assert_int_equal(h.n_calls, 1);
        free(harness_ask(&h, other, MOVE("b")));
        assert_int_equal(h.n_calls, 2);
        control_finish(h.calls[1]);
        (void) close(fd);
        (void) close(other);
        harness_stop(&h);
}

static void request_id__repeated_while_the_first_is_out__waits_for_its_answer(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        int fds[4];
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
                fds[i] = harness_connect(&h);
                harness_send(fds[i], MOVE("x"), sizeof(MOVE("x")));
                harness_run(&h);
        }
        assert_int_equal(h.n_calls, 1);
        (void) close(fds[0]); /* the first asker goes, and one of those who wait */
        (void) close(fds[2]);
        harness_run(&h);
        control_set_error(h.calls[0], "org.leadd.Leads.Refused", json_pack("{s:s}", "code", "fence"));
        control_finish(h.calls[0]);
        harness_run(&h);
        for (size_t i = 1; i < ARRAY_SIZE(fds); i += 2) {
                Text got = { 0 };
                harness_receive(fds[i], &got, NULL);
                assert_string_equal(got.data, "{\"error\":\"org.leadd.Leads.Refused\",\"parameters\":{\"code\":\"fence\"}}");
                text_free(&got);
                (void) close(fds[i]);
        }
        assert_int_equal(h.n_calls, 1);
        harness_stop(&h);
}

static void request_id__of_somebody_else__is_another_request(void **state) {
        (void) state;
        struct group *group = getgrnam("games");
        if (geteuid() != 0 || !group)
                skip();
        Harness h;
        harness_start_with(&h, harness_on_call, NULL, "games");
        const uid_t uids[] = { 0, 65534, 65533 };
        for (size_t i = 0; i < ARRAY_SIZE(uids); i++) {
                int fd = harness_connect_as(&h, uids[i], group->gr_gid, NULL, 0);
                free(harness_ask(&h, fd, MOVE("same")));
                assert_int_equal(h.n_calls, i + 1);
                control_set_reply(h.calls[i], json_object());
                control_finish(h.calls[i]);
                harness_run(&h);
                (void) close(fd);
        }
        harness_stop(&h);
}

static void request_id__whose_call_failed__is_tried_again(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        int fd = harness_connect(&h);
        static const struct {
                const char *error;
                bool again;
        } cases[] = { { "org.leadd.Leads.Failed", true }, { "org.leadd.Control.Stopping", true }, { "org.leadd.Leads.Refused", false } };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char request[256];
                size_t n = h.n_calls;
                (void) snprintf(request, sizeof(request),
                        "{\"method\":\"org.leadd.Leads.Move\",\"parameters\":{\"move\":\"accept\",\"lead\":\"42\",\"request_id\":\"%zu\"}}",
                        i);
                free(harness_ask(&h, fd, request));
                control_set_error(h.calls[n], cases[i].error, i == 1 ? NULL : json_object());
                control_finish(h.calls[n]);
                harness_run(&h);
                free(harness_ask(&h, fd, request));
                if ((h.n_calls == n + 2) != cases[i].again)
                        fail_msg("%s: %s", cases[i].error, cases[i].again ? "not tried again" : "tried again");
                if (cases[i].again) {
                        control_finish(h.calls[n + 1]);
                        harness_run(&h);
                }
        }
        (void) close(fd);
        harness_stop(&h);
}

static void request_id__after_very_many_others__is_forgotten(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        int fd = harness_connect(&h);
        char request[256];
        for (unsigned i = 0; i <= CONTROL_ANSWERS_MAX; i++) {
                (void) snprintf(
                        request, sizeof(request), "{\"method\":\"org.leadd.Control.Reload\",\"parameters\":{\"request_id\":\"%u\"}}", i);
                free(harness_ask(&h, fd, request));
                control_set_reply(h.calls[i], json_object());
                control_finish(h.calls[i]);
                harness_run(&h);
        }
        size_t n = h.n_calls;
        free(harness_ask(&h, fd, request));
        assert_int_equal(h.n_calls, n); /* the newest is known */
        free(harness_ask(&h, fd, "{\"method\":\"org.leadd.Control.Reload\",\"parameters\":{\"request_id\":\"1\"}}"));
        assert_int_equal(h.n_calls, n);
        free(harness_ask(&h, fd, "{\"method\":\"org.leadd.Control.Reload\",\"parameters\":{\"request_id\":\"0\"}}"));
        assert_int_equal(h.n_calls, n + 1); /* the oldest is not */
        control_finish(h.calls[n]);
        (void) close(fd);
        harness_stop(&h);
}

/* ---- descriptors ---- */

static void send_with_fds(int fd, const char *request, size_t size, const int *fds, size_t n_fds) {
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(int) * 32)];
        } control = { 0 };
        struct iovec iov = { .iov_base = (char *) request, .iov_len = size };
        struct msghdr message = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(sizeof(int) * n_fds)
        };
        struct cmsghdr *m = CMSG_FIRSTHDR(&message);
        m->cmsg_level = SOL_SOCKET;
        m->cmsg_type = SCM_RIGHTS;
        m->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(m), fds, sizeof(int) * n_fds);
        assert_int_equal(sendmsg(fd, &message, MSG_NOSIGNAL), size);
}

#define SUBMIT "{\"method\":\"org.leadd.Control.Submit\",\"parameters\":{\"format\":\"json\"}}"
#define NO_DESCRIPTOR "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"descriptor\"}}"

static int temporary_file(const Harness *h, int flags) {
        char path[128];
        (void) snprintf(path, sizeof(path), "%s/file", h->directory);
        int fd = open(path, O_CREAT | O_RDWR, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, "{}", 2), 2);
        (void) close(fd);
        fd = open(path, flags);
        assert_true(fd >= 0);
        assert_int_equal(unlink(path), 0);
        return fd;
}

static void submit__with_one_readable_file__gets_it_and_anything_else_is_refused(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        int pipes[2];
        assert_int_equal(pipe(pipes), 0);
        int file = temporary_file(&h, O_RDONLY), writing = temporary_file(&h, O_WRONLY), path = temporary_file(&h, O_PATH),
            directory = open("/", O_RDONLY);
        const struct {
                const char *name;
                int fds[4];
                size_t n;
                bool accepted;
        } cases[] = {
                { "one file", { file }, 1, true },
                { "two files", { file, file }, 2, false },
                { "a pipe", { pipes[0] }, 1, false },
                { "open for writing", { writing }, 1, false },
                { "open for nothing", { path }, 1, false },
                { "a directory", { directory }, 1, false },
        };
        unsigned before = harness_count_fds();
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int fd = harness_connect(&h);
                size_t n = h.n_calls;
                send_with_fds(fd, SUBMIT, sizeof(SUBMIT), cases[i].fds, cases[i].n);
                harness_run(&h);
                if (cases[i].accepted != (h.n_calls == n + 1))
                        fail_msg("%s: %s", cases[i].name, cases[i].accepted ? "refused" : "accepted");
                if (cases[i].accepted) {
                        int taken = control_call_take_fd(h.calls[n]);
                        char content[3] = { 0 };
                        assert_true(taken >= 0);
                        assert_int_equal(fcntl(taken, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
                        assert_int_equal(pread(taken, content, 2, 0), 2);
                        assert_string_equal(content, "{}");
                        assert_int_equal(control_call_take_fd(h.calls[n]), -1);
                        (void) close(taken);
                        control_set_reply(h.calls[n], json_object());
                        control_finish(h.calls[n]);
                        harness_run(&h);
                } else {
                        Text got = { 0 };
                        harness_receive(fd, &got, NULL);
                        assert_string_equal(got.data, NO_DESCRIPTOR);
                        text_free(&got);
                }
                (void) close(fd);
                harness_run(&h);
                if (harness_count_fds() != before)
                        fail_msg("%s: a descriptor is left", cases[i].name);
        }
        for (size_t i = 0; i < 2; i++)
                (void) close(pipes[i]);
        (void) close(file);
        (void) close(writing);
        (void) close(path);
        (void) close(directory);
        harness_stop(&h);
}

static void descriptors__nobody_asked_for__are_closed(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        int null = open("/dev/null", O_RDONLY), fds[32];
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                fds[i] = null;
        unsigned before = harness_count_fds();
        /* with a method that takes none; with half a request; more than fit; beside an unanswered call */
        static const struct {
                const char *request;
                size_t size, n;
        } cases[] = { { PING, sizeof(PING), 1 }, { PING, sizeof(PING), 4 }, { PING, 10, 1 }, { PING, sizeof(PING), 5 },
                { PING, sizeof(PING), 32 }, { "x", 2, 1 }, { STATUS, sizeof(STATUS), 2 } };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int fd = harness_connect(&h);
                send_with_fds(fd, cases[i].request, cases[i].size, fds, cases[i].n);
                harness_run(&h);
                (void) close(fd);
                harness_run(&h);
                for (size_t k = 0; k < h.n_calls; k++)
                        control_finish(h.calls[k]);
                h.n_calls = 0;
                harness_run(&h);
                if (harness_count_fds() != before)
                        fail_msg("case %zu: %d descriptors are left", i, (int) harness_count_fds() - (int) before);
        }
        (void) close(null);
        harness_stop(&h);
}

static void descriptor__of_the_second_request__is_not_given_to_the_first(void **state) {
        (void) state;
        Harness h;
        harness_start(&h);
        int fd = harness_connect(&h), first = temporary_file(&h, O_RDONLY), second = temporary_file(&h, O_RDONLY);
        struct stat want, got;
        harness_send(fd, PING, sizeof(PING));
        send_with_fds(fd, SUBMIT, sizeof(SUBMIT), &first, 1);
        send_with_fds(fd, SUBMIT, 7, &second, 1); /* goes with the first bytes, wherever the rest is cut */
        harness_send(fd, &SUBMIT[7], sizeof(SUBMIT) - 7);
        harness_run(&h);
        const int sent[] = { first, second };
        for (size_t i = 0; i < 2; i++) {
                assert_int_equal(h.n_calls, i + 1);
                int taken = control_call_take_fd(h.calls[i]);
                assert_int_equal(fstat(taken, &got), 0);
                assert_int_equal(fstat(sent[i], &want), 0);
                assert_int_equal(got.st_ino, want.st_ino);
                (void) close(taken);
                control_set_reply(h.calls[i], json_object());
                control_finish(h.calls[i]);
                harness_run(&h);
        }
        (void) close(first);
        (void) close(second);
        (void) close(fd);
        harness_stop(&h);
}

/* ---- roles: every method for everybody ---- */

static char *ask_as(Harness *h, int fd, const Interface *interface, const Method *method) {
        char request[256];
        (void) snprintf(request, sizeof(request), "{\"method\":\"%s.%s\"}", interface->name, method->name);
        return harness_ask(h, fd, request);
}

static void role__of_every_method__lets_in_whom_the_table_says(void **state) {
        (void) state;
        static const Interface *const interfaces[] = { &interface_service, &interface_control, &interface_leads, &interface_report };
        struct group *group = getgrnam("games"); /* any group that exists */
        if (geteuid() != 0 || !group)
                skip();
        gid_t member = group->gr_gid;
        const struct {
                const char *name;
                uid_t uid;
                gid_t gid, groups[3];
                size_t n_groups;
                bool in_group;
        } peers[] = {
                { "root", 0, 0, { 0 }, 0, true },
                { "nobody", 65534, 65534, { 0 }, 0, false },
                { "nobody in other groups", 65534, 65534, { 1, 2, 3 }, 3, false },
                { "a member by primary group", 65534, member, { 0 }, 0, true },
                { "a member by supplementary group", 65534, 65534, { 1, member, 3 }, 3, true },
        };
        Harness h;
        harness_start_with(&h, harness_on_call, NULL, "games");
        for (size_t p = 0; p < ARRAY_SIZE(peers); p++)
                for (size_t i = 0; i < ARRAY_SIZE(interfaces); i++)
                        for (size_t m = 0; m < interfaces[i]->n_methods; m++) {
                                const Method *method = &interfaces[i]->methods[m];
                                int fd = harness_connect_as(&h, peers[p].uid, peers[p].gid, peers[p].groups, peers[p].n_groups);
                                char *got = ask_as(&h, fd, interfaces[i], method);
                                bool denied = base_streq(got, DENIED), want = method->role == ROLE_GROUP && !peers[p].in_group;
                                if (denied != want)
                                        fail_msg("%s, %s: got %s", peers[p].name, method->name, got);
                                free(got);
                                (void) close(fd);
                                while (h.n_calls > 0)
                                        control_finish(h.calls[--h.n_calls]);
                                harness_run(&h);
                        }
        harness_stop(&h);
}

static void role__without_the_group_in_the_system__is_root_alone(void **state) {
        (void) state;
        if (geteuid() != 0)
                skip();
        Harness h;
        harness_start_with(&h, harness_on_call, NULL, "no-such-group-here");
        int fd = harness_connect_as(&h, 65534, (gid_t) 65533, NULL, 0);
        char *got = harness_ask(&h, fd, STATUS);
        assert_string_equal(got, DENIED);
        free(got);
        got = harness_ask(&h, fd, PING);
        assert_non_null(strstr(got, "version"));
        free(got);
        (void) close(fd);
        harness_stop(&h);
}

static void strangers__at_their_limit__leave_room_for_the_team(void **state) {
        (void) state;
        if (geteuid() != 0)
                skip();
        Harness h;
        harness_start(&h);
        int fds[CONTROL_CONNECTIONS_ANYONE_MAX + 8];
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
                fds[i] = harness_connect_as(&h, (uid_t) (60000 + i / 30), 65534, NULL, 0);
                harness_run(&h);
        }
        size_t n_open = 0;
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
                Text got = { 0 };
                bool end;
                harness_receive(fds[i], &got, &end);
                n_open += !end;
                text_free(&got);
        }
        assert_int_equal(n_open, CONTROL_CONNECTIONS_ANYONE_MAX);
        int fd = harness_connect(&h);
        char *got = harness_ask(&h, fd, PING);
        assert_non_null(strstr(got, "version"));
        free(got);
        /* and a stranger's request is small */
        Text large = { 0 }, reply = { 0 };
        bool end;
        for (size_t i = 0; i < CONTROL_REQUEST_SIZE_ANYONE + 100; i++)
                text_append_char(&large, ' ');
        text_append(&large, PING);
        (void) harness_push(&h, fds[0], large.data, large.size + 1);
        harness_run(&h);
        harness_receive(fds[0], &reply, &end);
        assert_true(end);
        assert_int_equal(reply.size, 0);
        text_free(&large);
        text_free(&reply);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                (void) close(fds[i]);
        (void) close(fd);
        harness_stop(&h);
}

/* ---- introspection ---- */

static void description__of_every_interface__names_what_is_served(void **state) {
        (void) state;
        static const Interface *const interfaces[] = { &interface_service, &interface_control, &interface_leads, &interface_report };
        Harness h;
        harness_start(&h);
        int fd = harness_connect(&h);
        for (size_t i = 0; i < ARRAY_SIZE(interfaces); i++) {
                char request[256];
                (void) snprintf(request, sizeof(request),
                        "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":\"%s\"}}",
                        interfaces[i]->name);
                char *got = harness_ask(&h, fd, request);
                json_auto_t *reply = json_loads(got, 0, NULL);
                const char *text = json_string_value(json_object_get(json_object_get(reply, "parameters"), "description"));
                assert_non_null(text);
                char line[512];
                (void) snprintf(line, sizeof(line), "\ninterface %s\n", interfaces[i]->name);
                assert_non_null(strstr(text, line));
                for (size_t m = 0; m < interfaces[i]->n_methods; m++) {
                        const Method *method = &interfaces[i]->methods[m];
                        (void) snprintf(line, sizeof(line), "\nmethod %s(", method->name);
                        const char *at = strstr(text, line);
                        if (!at)
                                fail_msg("no method %s in the text", method->name);
                        for (const Input *input = method->inputs; input->name; input++) {
                                (void) snprintf(line, sizeof(line), "%s: ", input->name);
                                const char *found = strstr(at, line);
                                if (!found || found > strchr(at, ')'))
                                        fail_msg("%s does not name %s", method->name, input->name);
                        }
                }
                free(got);
        }
        (void) close(fd);
        harness_stop(&h);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(client__that_disconnects_while_its_call_is_out__leaves_a_call_that_ends_safely),
                cmocka_unit_test(server__that_ends_while_calls_are_out__leaves_calls_that_end_safely),
                cmocka_unit_test(call__that_is_finished_without_an_answer__is_answered_as_failed),
                cmocka_unit_test(request_id__repeated__gets_the_first_answer_without_being_carried_out),
                cmocka_unit_test(request_id__repeated_while_the_first_is_out__waits_for_its_answer),
                cmocka_unit_test(request_id__of_somebody_else__is_another_request),
                cmocka_unit_test(request_id__whose_call_failed__is_tried_again),
                cmocka_unit_test(request_id__after_very_many_others__is_forgotten),
                cmocka_unit_test(submit__with_one_readable_file__gets_it_and_anything_else_is_refused),
                cmocka_unit_test(descriptors__nobody_asked_for__are_closed),
                cmocka_unit_test(descriptor__of_the_second_request__is_not_given_to_the_first),
                cmocka_unit_test(role__of_every_method__lets_in_whom_the_table_says),
                cmocka_unit_test(role__without_the_group_in_the_system__is_root_alone),
                cmocka_unit_test(strangers__at_their_limit__leave_room_for_the_team),
                cmocka_unit_test(description__of_every_interface__names_what_is_served),
        };
        return cmocka_run_group_tests_name("control: calls", tests, NULL, NULL);
}
