/* SPDX-License-Identifier: MIT */
/*
 * A few threads, each with a connection to leadd-notify, that hand over one job at a time and wait for what became of it.
 * Waiting is all they do: they touch neither the store nor the rules. A connection that breaks is opened anew for the next job;
 * the job at hand may or may not have been carried out, so it is told again (with the same id).
 */
#include "internal.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define ANSWER_SIZE_MAX (64 * 1024)

typedef struct Job {
        uint64_t id;
        char *request;
} Job;

typedef struct Teller {
        Tellers *tellers;
        pthread_t thread;
        int fd;
} Teller;

struct Tellers {
        NotifyConfig config;
        char *socket;
        Queue *jobs;
        int stop_fd; /* readable once we end */
        Teller items[NOTIFY_TELLERS];
        size_t n_running;
};

static int64_t monotonic_us(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return ts.tv_sec * US_PER_SECOND + ts.tv_nsec / 1000;
}

static int open_connection(const char *path, int *ret) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_(base_closep) int fd = -1;

        if (strlen(path) >= sizeof address.sun_path)
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path));
        /* Not blocking: a full backlog is an answer, too. */
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof address) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

/* Waits until the connection can be read or written. -ETIMEDOUT, -ECANCELED when we end. */
static int wait_for(const Teller *teller, short events, int64_t until_us) {
        struct pollfd fds[] = { { .fd = teller->fd, .events = events }, { .fd = teller->tellers->stop_fd, .events = POLLIN } };

        for (;;) {
                int64_t left_us = until_us - monotonic_us();
                int r = left_us <= 0 ? 0 : poll(fds, ARRAY_SIZE(fds), (int) (left_us / 1000) + 1);
                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return -errno;
                if (r == 0)
                        return -ETIMEDOUT;
                return fds[1].revents ? -ECANCELED : 0;
        }
}

static int send_request(const Teller *teller, const char *request, int64_t until_us) {
        size_t size = strlen(request) + 1, at = 0;

        while (at < size) {
                ssize_t n = send(teller->fd, request + at, size - at, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n >= 0) {
                        at += (size_t) n;
                        continue;
                }
                if (errno == EINTR)
                        continue;
                if (errno != EAGAIN)
                        return -errno;
                int r = wait_for(teller, POLLOUT, until_us);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* One frame; what stands behind its NUL would be an answer to nothing. */
static int read_answer(const Teller *teller, int64_t until_us, Text *out) {
        char buffer[4096];

        for (;;) {
                int r = wait_for(teller, POLLIN, until_us);
                if (r < 0)
                        return r;
                ssize_t n = recv(teller->fd, buffer, sizeof buffer, MSG_DONTWAIT);
                if (n < 0 && (errno == EINTR || errno == EAGAIN))
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -ECONNRESET;
                text_append_size(out, buffer, (size_t) n);
                if (out->error < 0)
                        return out->error;
                if (memchr(buffer, '\0', (size_t) n))
                        return 0;
                if (out->size > ANSWER_SIZE_MAX)
                        return -EMSGSIZE;
        }
}

static void read_outcome(const char *answer, Told *told) {
        json_error_t error;
        json_t *json = json_loads(answer, 0, &error);
        const json_t *parameters = json_object_get(json, "parameters");
        const char *outcome = json_string_value(json_object_get(parameters, "outcome"));
        const char *text = json_string_value(json_object_get(parameters, "text"));
        json_int_t wait_s = json_integer_value(json_object_get(parameters, "retry_after"));

        if (outcome && base_streq(outcome, "delivered"))
                told->outcome = TOLD_DELIVERED;
        else if (outcome && base_streq(outcome, "failed"))
                told->outcome = TOLD_FAILED;
        else
                told->outcome = TOLD_RETRY;
        (void) snprintf(told->text, sizeof told->text, "%s", outcome ? text ? text : "" : "leadd-notify does not understand the job");
        if (wait_s > 0)
                told->retry_after_us = wait_s < NOTIFY_GIVE_UP_US / US_PER_SECOND ? wait_s * US_PER_SECOND : NOTIFY_GIVE_UP_US;
        json_decref(json);
}

static int tell(Teller *teller, const Job *job, Told *told) {
        _cleanup_(text_free) Text answer = { 0 };
        int64_t until_us = monotonic_us() + NOTIFY_ANSWER_US;
        int r = 0;

        if (teller->fd < 0)
                r = open_connection(teller->tellers->socket, &teller->fd);
        if (r == 0)
                r = send_request(teller, job->request, until_us);
        if (r == 0)
                r = read_answer(teller, until_us, &answer);
        if (r == 0)
                read_outcome(answer.data, told);
        else
                base_closep(&teller->fd);
        return r;
}

static void *run(void *userdata) {
        Teller *teller = userdata;
        Tellers *tellers = teller->tellers;

        for (Job *job; (job = queue_pop(tellers->jobs, -1));) {
                Told told = { .id = job->id, .outcome = TOLD_RETRY };
                bool was_open = teller->fd >= 0;
                int r = tell(teller, job, &told);
                /* leadd-notify was restarted since the last job: nothing was handed over on a connection that is closed. */
                if ((r == -EPIPE || r == -ECONNRESET) && was_open)
                        r = tell(teller, job, &told);
                if (r < 0 && r != -ECANCELED)
                        (void) snprintf(told.text, sizeof told.text, "leadd-notify does not answer: %s", strerror(-r));
                if (r != -ECANCELED)
                        tellers->config.on_told(&told, tellers->config.userdata);
                free(job->request);
                free(job);
                if (r == -ECANCELED)
                        break;
        }
        base_closep(&teller->fd);
        return NULL;
}

static void job_drop(void *item) {
        Job *job = item;

        free(job->request);
        free(job);
}

int tellers_new(const NotifyConfig *config, Tellers **ret) {
        Tellers *tellers = calloc(1, sizeof *tellers);
        int r;

        if (!tellers)
                return -ENOMEM;
        tellers->config = *config;
        tellers->socket = strdup(config->socket);
        tellers->stop_fd = eventfd(0, EFD_CLOEXEC);
        r = !tellers->socket ? -ENOMEM : tellers->stop_fd < 0 ? -errno : queue_new(NOTIFY_IN_FLIGHT_MAX, false, &tellers->jobs);
        for (size_t i = 0; i < NOTIFY_TELLERS && r == 0; i++) {
                tellers->items[i] = (Teller){ .tellers = tellers, .fd = -1 };
                r = -pthread_create(&tellers->items[i].thread, NULL, run, &tellers->items[i]);
                tellers->n_running += r == 0;
        }
        if (r < 0) {
                (void) tellers_free(tellers);
                return r;
        }
        *ret = tellers;
        return 0;
}

Tellers *tellers_free(Tellers *tellers) {
        if (!tellers)
                return NULL;
        if (tellers->jobs)
                queue_close(tellers->jobs);
        if (tellers->stop_fd >= 0)
                (void) eventfd_write(tellers->stop_fd, 1);
        for (size_t i = 0; i < tellers->n_running; i++)
                (void) pthread_join(tellers->items[i].thread, NULL);
        tellers->jobs = queue_free(tellers->jobs, job_drop);
        base_closep(&tellers->stop_fd);
        free(tellers->socket);
        free(tellers);
        return NULL;
}

bool tellers_give(Tellers *tellers, uint64_t id, char *request) {
        Job *job = malloc(sizeof *job);

        if (job)
                *job = (Job){ .id = id, .request = request };
        if (job && queue_try_push(tellers->jobs, job))
                return true;
        free(job);
        free(request);
        return false;
}
