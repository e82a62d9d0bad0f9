/* SPDX-License-Identifier: MIT */
/*
 * One connection: bytes to frames, replies to bytes, in order and within limits. It works on one request at a time,
 * so replies leave in the order of the requests however the calls behind them are scheduled. Nothing waits: input is read
 * when it is there, output that is not taken is kept up to a limit and for a limited time, then the client is dropped. What breaks
 * the protocol ends the input; what was owed before is still sent. What a request means is not known here.
 *
 * A connection: reading -> (a call is out) -> reading ... -> no more input -> output taken -> closed;
 * gone = the peer has closed, so replies are void, but requests that change something are still carried out.
 */
#include "server.h"
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define READ_SIZE (64 * 1024)

static void connection_update(Connection *c);

/* ---- output ---- */

static void connection_flush(Connection *c) {
        while (connection_unsent(c) > 0 && !c->gone) {
                ssize_t n = send(c->fd, c->out.data + c->out_sent, connection_unsent(c), MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        if (errno == EAGAIN)
                                break;
                        if (errno != EPIPE && errno != ECONNRESET)
                                c->dead = true;
                        c->gone = true;
                        break;
                }
                c->out_sent += (size_t) n;
                if (c->stall)
                        (void) sd_event_source_set_time_relative(c->stall, CONTROL_STALL_US);
        }
        if (c->gone || connection_unsent(c) == 0) {
                if (c->out.capacity > CONTROL_PAUSE_SIZE)
                        text_free(&c->out);
                else
                        text_clear(&c->out);
                c->out_sent = 0;
        } else if (c->out_sent > CONTROL_PAUSE_SIZE) {
                memmove(c->out.data, c->out.data + c->out_sent, connection_unsent(c) + 1);
                c->out.size -= c->out_sent;
                c->out_sent = 0;
        }
}

static int on_dump(const char *data, size_t size, void *userdata) {
        Text *out = userdata;
        text_append_size(out, data, size);
        return out->error < 0 ? -1 : 0;
}

void connection_send(Connection *c, const char *error, json_t *parameters, bool continues) {
        json_t *message = json_object();
        bool failed = !message;
        if (error)
                put(message, "error", json_string(error), &failed);
        put(message, "parameters", parameters ? parameters : json_object(), &failed);
        if (continues)
                put(message, "continues", json_true(), &failed);
        if (!c->gone && !c->dead) {
                if (!failed)
                        failed = json_dump_callback(message, on_dump, &c->out, JSON_COMPACT | JSON_REAL_PRECISION(15)) < 0;
                text_append_char(&c->out, '\0');
                if (failed || c->out.error < 0)
                        c->dead = true; /* half a message cannot be taken back */
                else
                        connection_flush(c);
                if (connection_unsent(c) > CONTROL_REPLY_BACKLOG_MAX) {
                        log_notice("Dropping a control client of uid %u that reads too slowly", (unsigned) c->peer.uid);
                        c->dead = true;
                }
        }
        json_decref(message);
}

/* ---- closing ---- */

static void connection_drop_descriptors(Connection *c) {
        for (size_t i = 0; i < c->n_descriptors; i++)
                (void) close(c->descriptors[i].fd);
        c->n_descriptors = 0;
}

void connection_close(Connection *c) {
        Control *control = c->control;
        *(c->previous ? &c->previous->next : &control->connections) = c->next;
        if (c->next)
                c->next->previous = c->previous;
        control->n_connections--;
        if (c->call)
                c->call->connection = NULL; /* whoever works on it finishes into the void */
        connection_drop_descriptors(c);
        sd_event_source_disable_unref(c->io);
        sd_event_source_disable_unref(c->turn);
        sd_event_source_disable_unref(c->stall);
        (void) close(c->fd);
        text_free(&c->out);
        free(c->in);
        free(c);
}

void connection_end_input(Connection *c) {
        c->eof = true;
        c->in_position += c->in_size;
        c->in_start = c->in_size = c->in_scanned = 0;
        connection_drop_descriptors(c);
}

/* ---- input ---- */

static void on_descriptors(Connection *c, struct msghdr *header, uint64_t position) {
        for (struct cmsghdr *m = CMSG_FIRSTHDR(header); m; m = CMSG_NXTHDR(header, m)) {
                if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
                        continue;
                size_t n = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (size_t i = 0; i < n; i++) {
                        int fd;
                        memcpy(&fd, CMSG_DATA(m) + i * sizeof(int), sizeof(int));
                        if (c->n_descriptors < CONTROL_DESCRIPTORS_MAX)
                                c->descriptors[c->n_descriptors++] = (Descriptor){ .fd = fd, .position = position };
                        else {
                                (void) close(fd);
                                c->dead = true;
                        }
                }
        }
        if (header->msg_flags & MSG_CTRUNC)
                c->dead = true; /* more than fit, or our table is full: the kernel has closed them */
}

/* Reads once. Sets readable = false when there is nothing, eof at the end, dead when the connection broke. */
static void connection_read(Connection *c) {
        size_t size_max = c->peer.in_group ? CONTROL_REQUEST_SIZE_MAX : CONTROL_REQUEST_SIZE_ANYONE;
        if (c->in_start > 0) {
                memmove(c->in, c->in + c->in_start, c->in_size - c->in_start);
                c->in_position += c->in_start;
                c->in_size -= c->in_start;
                c->in_scanned -= c->in_start;
                c->in_start = 0;
        }
        if (c->in_size > size_max) { /* that many bytes and no end of the request in them */
                log_debug("A control client of uid %u sent a request of more than %zu bytes", (unsigned) c->peer.uid, size_max);
                connection_end_input(c);
                return;
        }
        if (c->in_capacity - c->in_size < 4096) {
                size_t capacity = c->in_capacity * 2 < 8192 ? 8192 : c->in_capacity * 2;
                if (capacity > size_max + READ_SIZE)
                        capacity = size_max + READ_SIZE;
                char *in = realloc(c->in, capacity);
                if (!in) {
                        c->dead = true;
                        return;
                }
                c->in = in;
                c->in_capacity = capacity;
        }
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(int) * CONTROL_DESCRIPTORS_MAX)];
        } control;
        struct iovec iov = { .iov_base = c->in + c->in_size, .iov_len = c->in_capacity - c->in_size };
        struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
        ssize_t n = recvmsg(c->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0) {
                if (errno == EAGAIN)
                        c->readable = false;
                else if (errno != EINTR)
                        c->dead = true;
                return;
        }
        /* The kernel ends a read at the message that carries descriptors, so the last byte came with them. */
        on_descriptors(c, &header, c->in_position + c->in_size + (n > 0 ? (uint64_t) n - 1 : 0));
        if (n == 0)
                c->eof = true;
        c->in_size += (size_t) n;
}

/* The next whole request, without its NUL; valid until the next read. */
static bool connection_next_frame(Connection *c, char **ret, size_t *ret_size, uint64_t *ret_end) {
        char *end = c->in_size > c->in_scanned ? memchr(c->in + c->in_scanned, '\0', c->in_size - c->in_scanned) : NULL;
        if (!end) {
                c->in_scanned = c->in_size;
                return false;
        }
        *ret = c->in + c->in_start;
        *ret_size = (size_t) (end - *ret);
        c->in_start = c->in_scanned = (size_t) (end - c->in) + 1;
        *ret_end = c->in_position + c->in_start;
        return true;
}

/* Descriptors that came with the bytes up to `end`. */
static size_t take_descriptors(Connection *c, uint64_t end, int ret[static CONTROL_DESCRIPTORS_MAX]) {
        size_t n = 0;
        while (n < c->n_descriptors && c->descriptors[n].position < end) {
                ret[n] = c->descriptors[n].fd;
                n++;
        }
        c->n_descriptors -= n;
        memmove(c->descriptors, c->descriptors + n, c->n_descriptors * sizeof(Descriptor));
        return n;
}

/* ---- the turn of a connection ---- */

static void connection_work(Connection *c) {
        c->working = true;
        connection_flush(c);
        unsigned n = 0;
        while (!c->dead && !c->call && connection_unsent(c) <= CONTROL_PAUSE_SIZE && n++ < CONTROL_FRAMES_A_TURN) {
                char *frame;
                size_t size;
                uint64_t end;
                if (connection_next_frame(c, &frame, &size, &end)) {
                        int descriptors[CONTROL_DESCRIPTORS_MAX];
                        size_t n_descriptors = take_descriptors(c, end, descriptors);
                        call_receive(c, frame, size, descriptors, n_descriptors);
                        for (size_t i = 0; i < n_descriptors; i++)
                                base_closep(&descriptors[i]);
                } else if (c->eof) {
                        if (c->gone || connection_unsent(c) == 0)
                                c->dead = true;
                        break;
                } else if (c->readable)
                        connection_read(c);
                else {
                        c->dead = c->gone; /* it takes no replies and says nothing: not worth waiting for */
                        break;
                }
        }
        c->working = false;
        if (c->dead)
                connection_close(c);
        else {
                if (n >= CONTROL_FRAMES_A_TURN)
                        (void) sd_event_source_set_enabled(c->turn, SD_EVENT_ONESHOT);
                connection_update(c);
        }
}

static int on_turn(_unused_ sd_event_source *source, void *userdata) {
        connection_work(userdata);
        return 0;
}

static int on_io(_unused_ sd_event_source *source, _unused_ int fd, uint32_t revents, void *userdata) {
        Connection *c = userdata;
        if (revents & (EPOLLHUP | EPOLLERR)) {
                c->gone = true;
                /* A stream nobody reads any more ends; other calls are finished first, and what was sent is read. */
                if (c->call && c->call->method->streams)
                        c->dead = true;
        }
        if (revents & (EPOLLIN | EPOLLHUP))
                c->readable = true;
        connection_work(c);
        return 0;
}

static int on_stall(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        Connection *c = userdata;
        if (connection_unsent(c) > 0) {
                log_notice("Dropping a control client of uid %u that stopped reading", (unsigned) c->peer.uid);
                connection_close(c);
        }
        return 0;
}

/* What to be woken for. A hang-up is always reported, so a connection that is gone is not watched at all: it ends when its work is done. */
static void connection_update(Connection *c) {
        if (c->gone) {
                (void) sd_event_source_set_enabled(c->io, SD_EVENT_OFF);
                if (!c->call)
                        (void) sd_event_source_set_enabled(c->turn, SD_EVENT_ONESHOT);
        } else {
                bool wants_input = !c->call && !c->eof && connection_unsent(c) <= CONTROL_PAUSE_SIZE;
                (void) sd_event_source_set_io_events(c->io, (wants_input ? EPOLLIN : 0) | (connection_unsent(c) > 0 ? EPOLLOUT : 0));
        }
        bool waits = connection_unsent(c) > 0 && !c->gone;
        int enabled = SD_EVENT_OFF;
        (void) sd_event_source_get_enabled(c->stall, &enabled);
        if (waits && enabled == SD_EVENT_OFF) {
                (void) sd_event_source_set_time_relative(c->stall, CONTROL_STALL_US);
                (void) sd_event_source_set_enabled(c->stall, SD_EVENT_ONESHOT);
        } else if (!waits && enabled != SD_EVENT_OFF)
                (void) sd_event_source_set_enabled(c->stall, SD_EVENT_OFF);
}

void connection_touched(Connection *c) {
        if (c->working)
                return;
        if (c->dead)
                connection_close(c);
        else {
                if (!c->call)
                        (void) sd_event_source_set_enabled(c->turn, SD_EVENT_ONESHOT);
                connection_update(c);
        }
}

/* ---- a new one ---- */

static bool has_room(const Control *control, const Peer *peer) {
        size_t n_same = 0, n_strangers = 0;
        for (const Connection *c = control->connections; c; c = c->next) {
                n_same += c->peer.uid == peer->uid;
                n_strangers += !c->peer.in_group;
        }
        return control->n_connections < CONTROL_CONNECTIONS_MAX && n_same < CONTROL_CONNECTIONS_UID_MAX &&
               (peer->in_group || n_strangers < CONTROL_CONNECTIONS_ANYONE_MAX);
}

int connection_new(Control *control, int fd) {
        _cleanup_(base_closep) int owned = fd;
        Peer peer;
        int r = peer_read(fd, control->group, &peer);
        if (r < 0)
                return r;
        if (!has_room(control, &peer)) {
                log_debug("Refusing a control connection of uid %u: too many are open", (unsigned) peer.uid);
                return 0;
        }
        Connection *c = calloc(1, sizeof(Connection));
        if (!c)
                return -ENOMEM;
        c->control = control;
        c->peer = peer;
        c->fd = TAKE_FD(owned);
        c->next = control->connections;
        if (c->next)
                c->next->previous = c;
        control->connections = c;
        control->n_connections++;
        r = sd_event_add_io(control->event, &c->io, c->fd, EPOLLIN, on_io, c);
        if (r >= 0)
                r = sd_event_add_defer(control->event, &c->turn, on_turn, c);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->turn, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(control->event, &c->stall, CLOCK_MONOTONIC, CONTROL_STALL_US, US_PER_SECOND, on_stall, c);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->stall, SD_EVENT_OFF);
        if (r < 0)
                connection_close(c);
        return r;
}
