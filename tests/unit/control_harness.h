#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * A real Control on a real socket, in one thread: a test writes to its end of a connection, lets the loop run until
 * it is idle, and reads what came. The owner behind it keeps the calls it is given until the test answers them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include "../../daemon/control/internal.h"
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#define HARNESS_CALLS_MAX 2048
#define HARNESS_TURNS_MAX 200000 /* a loop that turns more often for one step is spinning */

typedef struct Harness {
        char directory[64], path[80];
        sd_event *event;
        Control *control;
        ControlCall *calls[HARNESS_CALLS_MAX]; /* in the order in which they were given to the owner */
        size_t n_calls;
        unsigned n_turns;
} Harness;

static inline void harness_on_call(ControlCall *call, _unused_ ControlWhere where, void *userdata) {
        Harness *h = userdata;
        assert_true(h->n_calls < HARNESS_CALLS_MAX);
        h->calls[h->n_calls++] = call;
}

static inline void harness_start_with(Harness *h, ControlOnCall on_call, void *userdata, const char *group) {
        *h = (Harness){ 0 };
        (void) snprintf(h->directory, sizeof(h->directory), "/tmp/leadd-control-XXXXXX");
        assert_non_null(mkdtemp(h->directory));
        assert_int_equal(chmod(h->directory, 0755), 0);
        (void) snprintf(h->path, sizeof(h->path), "%s/socket", h->directory);
        assert_true(sd_event_new(&h->event) >= 0);
        const ControlConfig config = {
                .path = h->path, .listen_fd = -1, .group = group, .on_call = on_call, .userdata = userdata ? userdata : h
        };
        assert_int_equal(control_new(h->event, &config, &h->control), 0);
}
static inline void harness_start(Harness *h) { harness_start_with(h, harness_on_call, NULL, NULL); }

static inline void harness_stop(Harness *h) {
        h->control = control_free(h->control);
        h->event = sd_event_unref(h->event);
        (void) rmdir(h->directory);
}

/* Runs the loop until nothing is left to do. */
static inline void harness_run(Harness *h) {
        unsigned n = 0;
        while (sd_event_run(h->event, 0) > 0)
                if (++n > HARNESS_TURNS_MAX)
                        fail_msg("the loop spins");
        h->n_turns = n;
}

static inline int harness_connect(const Harness *h) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", h->path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        assert_int_equal(connect(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        return fd;
}

static inline void harness_send(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
                if (n < 0 && errno == EINTR)
                        continue;
                assert_true(n > 0);
                data += n;
                size -= (size_t) n;
        }
}

/* Sends what it can; the loop runs while the socket is full. */
static inline bool harness_push(Harness *h, int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n < 0 && errno == EAGAIN) {
                        harness_run(h);
                        continue;
                }
                if (n < 0)
                        return false; /* closed by the server */
                data += n;
                size -= (size_t) n;
        }
        return true;
}

/* Everything that is there to read; *ret_end: the server has closed. */
static inline void harness_receive(int fd, Text *out, bool *ret_end) {
        char buffer[65536];
        if (ret_end)
                *ret_end = false;
        for (;;) {
                ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
                if (n > 0)
                        text_append_size(out, buffer, (size_t) n);
                else if (n < 0 && errno == EINTR)
                        continue;
                else {
                        if (ret_end)
                                *ret_end = n == 0 || errno == ECONNRESET;
                        return;
                }
        }
}

/* The next message of what was received, "" when there is none. Valid until text changes. */
static inline const char *harness_next(const Text *text, size_t *at) {
        if (*at >= text->size)
                return "";
        const char *message = text->data + *at;
        *at += strlen(message) + 1;
        return message;
}

/* One request on a connection, run, one reply as text (malloc'ed). */
static inline char *harness_ask(Harness *h, int fd, const char *request) {
        Text text = { 0 };
        harness_send(fd, request, strlen(request) + 1);
        harness_run(h);
        harness_receive(fd, &text, NULL);
        if (!text.data)
                text_append(&text, "");
        return text.data;
}

static inline unsigned harness_count_fds(void) {
        unsigned n = 0;
        DIR *directory = opendir("/proc/self/fd");
        assert_non_null(directory);
        while (readdir(directory))
                n++;
        (void) closedir(directory);
        return n;
}

/* Connects as somebody else; needs root. */
static inline int harness_connect_as(const Harness *h, uid_t uid, gid_t gid, const gid_t *groups, size_t n_groups) {
        assert_int_equal(setgroups(n_groups, groups), 0);
        assert_int_equal(setegid(gid), 0);
        assert_int_equal(seteuid(uid), 0);
        int fd = harness_connect(h);
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(setegid(0), 0);
        assert_int_equal(setgroups(0, NULL), 0);
        return fd;
}
