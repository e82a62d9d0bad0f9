/* SPDX-License-Identifier: MIT */
/*
 * The Varlink server: sockets, frames, order, limits. A connection works on one request at a time, so replies
 * leave in the order of the requests however the calls behind them are scheduled; a request that is worked on
 * elsewhere is a ControlCall, and connection and call may each go away first. Nothing here waits: input is read
 * when it is there, output that is not taken is kept up to a limit and for a limited time, then the client is
 * dropped. Requests that break the protocol end their connection after what was owed has been sent.
 * What the methods do is not known here; which there are is a table (interface.c).
 *
 * A connection: reading -> (call is out) -> reading ... -> no more input -> output taken -> closed;
 * gone = the peer has closed, so replies are void, but requests that change something are still carried out.
 */
#include "internal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#define READ_SIZE (64 * 1024)
#define ACCEPTS_A_TURN 32

typedef struct Descriptor {
        int fd;
        uint64_t position; /* in the stream, of a byte it came with */
} Descriptor;

struct Connection {
        Control *control;
        Connection *previous, *next;
        int fd;
        sd_event_source *io, *turn, *stall;
        Peer peer;
        char *in;
        size_t in_start, in_size, in_scanned, in_capacity; /* unread input is in[in_start..in_size) */
        uint64_t in_position;                              /* in the stream, of in[0] */
        Descriptor descriptors[CONTROL_DESCRIPTORS_MAX];
        size_t n_descriptors;
        Text out;
        size_t out_sent;
        ControlCall *call; /* the one that is out */
        bool readable, eof, gone, dead, working;
};

struct Control {
        sd_event *event;
        const Interface *const *interfaces;
        size_t n_interfaces;
        ControlOnCall on_call;
        void *userdata;
        gid_t group;
        int listen_fd;
        sd_event_source *listen, *pause;
        char *path; /* bound by us: removed at the end */
        dev_t path_device;
        ino_t path_inode;
        Connection *connections;
        size_t n_connections;
        ControlCall *calls;
        Answers *answers;
};

static void connection_update(Connection *c);

static size_t unsent(const Connection *c) { return c->out.size - c->out_sent; }

/* ---- calls ---- */

static ControlCall *call_free(ControlCall *call) {
        if (!call)
                return NULL;
        if (call->control) {
                *(call->previous ? &call->previous->next : &call->control->calls) = call->next;
                if (call->next)
                        call->next->previous = call->previous;
        }
        if (call->connection)
                call->connection->call = NULL;
        base_closep(&call->fd);
        json_decref(call->parameters);
        json_decref(call->reply);
        free(call->error);
        free(call->name);
        free(call);
        return NULL;
}

const char *control_call_method(const ControlCall *call) { return call->name; }
json_t *control_call_parameters(const ControlCall *call) { return call->parameters; }
uid_t control_call_uid(const ControlCall *call) { return call->peer.uid; }
int control_call_take_fd(ControlCall *call) { return TAKE_FD(call->fd); }
bool control_call_more(const ControlCall *call) { return call->more; }

void control_set_reply(ControlCall *call, json_t *parameters) {
        free(call->error);
        call->error = NULL;
        json_decref(call->reply);
        call->reply = parameters;
}

void control_set_error(ControlCall *call, const char *error, json_t *parameters) {
        char *copy = strdup(error);
        free(call->error);
        call->error = copy;
        json_decref(call->reply);
        call->reply = parameters;
        if (!copy) { /* without its name it is no error: control_finish says Failed */
                json_decref(call->reply);
                call->reply = NULL;
        }
}

void call_fail(ControlCall *call, const char *name, json_t *parameters) {
        char full[256];
        (void) snprintf(full, sizeof(full), "%s.%s", call->interface->name, name);
        control_set_error(call, full, parameters);
}

void call_bad_value(ControlCall *call, const char *parameter, const char *text) {
        call_fail(call, "BadValue", json_pack("{s:s, s:s}", "parameter", parameter, "text", text));
}

const char *call_text(const ControlCall *call, const char *name) { return json_string_value(json_object_get(call->parameters, name)); }
bool call_bool(const ControlCall *call, const char *name) { return json_is_true(json_object_get(call->parameters, name)); }
int64_t call_integer(const ControlCall *call, const char *name, int64_t absent) {
        const json_t *value = json_object_get(call->parameters, name);
        return json_is_integer(value) ? json_integer_value(value) : absent;
}

/* ---- output ---- */

static void connection_flush(Connection *c) {
        while (unsent(c) > 0 && !c->gone) {
                ssize_t n = send(c->fd, c->out.data + c->out_sent, unsent(c), MSG_NOSIGNAL | MSG_DONTWAIT);
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
        if (c->gone || unsent(c) == 0) {
                if (c->out.capacity > CONTROL_PAUSE_SIZE)
                        text_free(&c->out);
                else
                        text_clear(&c->out);
                c->out_sent = 0;
        } else if (c->out_sent > CONTROL_PAUSE_SIZE) {
                memmove(c->out.data, c->out.data + c->out_sent, unsent(c) + 1);
                c->out.size -= c->out_sent;
                c->out_sent = 0;
        }
}

static int on_dump(const char *data, size_t size, void *userdata) {
        Text *out = userdata;
        text_append_size(out, data, size);
        return out->error < 0 ? -1 : 0;
}

/* Takes parameters (NULL = none). Afterwards the connection may be gone or dead, but it is still there. */
static void connection_send(Connection *c, const char *error, json_t *parameters, bool continues) {
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
                if (unsent(c) > CONTROL_REPLY_BACKLOG_MAX) {
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

static void connection_close(Connection *c) {
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

/* The peer broke the protocol or has nothing more to say: what is owed is sent, nothing more is read. */
static void connection_end_input(Connection *c) {
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

static bool too_deep(const char *s, size_t size) {
        unsigned depth = 0;
        bool in_text = false;
        for (size_t i = 0; i < size; i++)
                if (in_text) {
                        if (s[i] == '\\')
                                i++;
                        else if (s[i] == '"')
                                in_text = false;
                } else if (s[i] == '"')
                        in_text = true;
                else if (s[i] == '{' || s[i] == '[') {
                        if (++depth > CONTROL_DEPTH_MAX)
                                return true;
                } else if (s[i] == '}' || s[i] == ']')
                        depth -= depth > 0;
        return false;
}

/* ---- one request ---- */

typedef struct Request {
        const char *method;
        json_t *parameters; /* borrowed; NULL = none */
        bool oneway, more, upgrade;
} Request;

static bool request_read(json_t *message, Request *ret) {
        if (!json_is_object(message))
                return false;
        Request request = { 0 };
        const char *key;
        json_t *value;
        json_object_foreach(message, key, value) {
                bool *flag = base_streq(key, "oneway")    ? &request.oneway
                             : base_streq(key, "more")    ? &request.more
                             : base_streq(key, "upgrade") ? &request.upgrade
                                                          : NULL;
                if (flag && (json_is_boolean(value) || json_is_null(value)))
                        *flag = json_is_true(value);
                else if (base_streq(key, "method") && json_is_string(value))
                        request.method = json_string_value(value);
                else if (base_streq(key, "parameters") && (json_is_object(value) || json_is_null(value)))
                        request.parameters = json_is_object(value) ? value : NULL;
                else
                        return false;
        }
        *ret = request;
        return request.method != NULL;
}

static const Interface *find_interface(const Control *control, const char *name, size_t size) {
        for (size_t i = 0; i < control->n_interfaces; i++)
                if (strlen(control->interfaces[i]->name) == size && memcmp(control->interfaces[i]->name, name, size) == 0)
                        return control->interfaces[i];
        return NULL;
}

static bool input_is_valid(const Input *input, const json_t *value) {
        switch (input->type) {
        case INPUT_TEXT:
                return json_is_string(value) && json_string_length(value) > 0 && json_string_length(value) <= input->size_max;
        case INPUT_INTEGER:
                return json_is_integer(value);
        case INPUT_NUMBER:
                return json_is_number(value);
        case INPUT_BOOL:
                return json_is_boolean(value);
        case INPUT_ANY:
                break;
        }
        return true;
}

/* The first parameter that is unknown, missing or not of its type; NULL when all is well. Removes nulls. */
static const char *check_parameters(const Method *method, json_t *parameters) {
        const char *key;
        json_t *value;
        void *next;
        json_object_foreach_safe(parameters, next, key, value) {
                const Input *input = method->inputs;
                while (input < method->inputs + METHOD_INPUTS_MAX && input->name && !base_streq(input->name, key))
                        input++;
                if (input == method->inputs + METHOD_INPUTS_MAX || !input->name)
                        return key;
                if (json_is_null(value) && !input->required)
                        (void) json_object_del(parameters, key);
                else if (!input_is_valid(input, value))
                        return input->name;
        }
        for (const Input *input = method->inputs; input < method->inputs + METHOD_INPUTS_MAX && input->name; input++)
                if (input->required && !json_object_get(parameters, input->name))
                        return input->name;
        return NULL;
}

static bool is_readable_file(int fd) {
        struct stat st;
        int flags = fcntl(fd, F_GETFL);
        return flags >= 0 && !(flags & O_PATH) && (flags & O_ACCMODE) != O_WRONLY && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static void service_error(ControlCall *call, const char *error, const char *key, const char *value) {
        char full[128];
        (void) snprintf(full, sizeof(full), "org.varlink.service.%s", error);
        control_set_error(call, full, key ? json_pack("{s:s}", key, value) : json_object());
}

/* Everything that must hold before the method is entered. false: the error is set. Order matters: who may not call it learns nothing of
 * its parameters. */
static bool call_check(ControlCall *call, const Request *request, int *descriptors, size_t n_descriptors) {
        const char *dot = strrchr(request->method, '.');
        call->interface = dot ? find_interface(call->control, request->method, (size_t) (dot - request->method)) : NULL;
        if (!call->interface) {
                _cleanup_(base_freep) char *name =
                        dot ? strndup(request->method, (size_t) (dot - request->method)) : strdup(request->method);
                service_error(call, "InterfaceNotFound", "interface", name ? name : "");
                return false;
        }
        call->method = interface_method(call->interface, dot + 1);
        if (!call->method) {
                service_error(call, "MethodNotFound", "method", request->method);
                return false;
        }
        if (call->method->role == ROLE_GROUP && !call->peer.in_group) {
                service_error(call, "PermissionDenied", NULL, NULL);
                return false;
        }
        if (request->upgrade) {
                service_error(call, "MethodNotImplemented", "method", request->method);
                return false;
        }
        const char *bad = check_parameters(call->method, call->parameters);
        if (bad) {
                service_error(call, "InvalidParameter", "parameter", bad);
                return false;
        }
        if (call->method->only_more && !call->more) {
                service_error(call, "ExpectedMore", NULL, NULL);
                return false;
        }
        if (call->method->takes_fd) {
                if (n_descriptors != 1 || !is_readable_file(descriptors[0])) {
                        service_error(call, "InvalidParameter", "parameter", "descriptor");
                        return false;
                }
                call->fd = TAKE_FD(descriptors[0]);
        }
        return true;
}

static ControlCall *call_new(Connection *c, const Request *request) {
        ControlCall *call = calloc(1, sizeof(ControlCall));
        if (!call)
                return NULL;
        call->fd = -1;
        call->peer = c->peer;
        call->oneway = request->oneway;
        call->more = request->more && !request->oneway;
        call->name = strdup(request->method);
        call->parameters = request->parameters ? json_incref(request->parameters) : json_object();
        call->control = c->control;
        call->next = c->control->calls;
        if (call->next)
                call->next->previous = call;
        c->control->calls = call;
        if (!call->name || !call->parameters)
                return call_free(call);
        call->connection = c;
        c->call = call;
        return call;
}

static void call_dispatch(Control *control, ControlCall *call) {
        if (call->method->answer) {
                call->method->answer(control, call);
                control_finish(call);
                return;
        }
        if (call->method->changes) {
                AnswerOutcome outcome;
                if (answers_look(control->answers, call, &outcome) < 0)
                        outcome = ANSWER_KNOWN; /* no memory: answered as Failed, nothing was done */
                switch (outcome) {
                case ANSWER_NEW:
                        break;
                case ANSWER_WAITS:
                        call->parked = true;
                        return;
                case ANSWER_CONFLICT:
                        service_error(call, "InvalidParameter", "parameter", "request_id");
                        control_finish(call);
                        return;
                case ANSWER_KNOWN:
                        control_finish(call);
                        return;
                }
        }
        if (control->on_call)
                control->on_call(call, call->method->where, control->userdata);
        else
                control_finish(call);
}

static void connection_handle(Connection *c, char *frame, size_t size, int *descriptors, size_t n_descriptors) {
        json_error_t error;
        json_t *message = too_deep(frame, size) ? NULL : json_loadb(frame, size, JSON_REJECT_DUPLICATES, &error);
        Request request;
        if (!message || !request_read(message, &request)) {
                log_debug("A control client of uid %u sent what is no Varlink request", (unsigned) c->peer.uid);
                json_decref(message);
                connection_end_input(c);
                return;
        }
        ControlCall *call = call_new(c, &request);
        if (!call)
                c->dead = true;
        else if (!call_check(call, &request, descriptors, n_descriptors) || (c->gone && !call->method->changes))
                control_finish(call);
        else
                call_dispatch(c->control, call);
        /* request.method points into message; the parameters were counted. */
        json_decref(message);
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
        while (!c->dead && !c->call && unsent(c) <= CONTROL_PAUSE_SIZE && n++ < CONTROL_FRAMES_A_TURN) {
                char *frame;
                size_t size;
                uint64_t end;
                if (connection_next_frame(c, &frame, &size, &end)) {
                        int descriptors[CONTROL_DESCRIPTORS_MAX];
                        size_t n_descriptors = take_descriptors(c, end, descriptors);
                        connection_handle(c, frame, size, descriptors, n_descriptors);
                        for (size_t i = 0; i < n_descriptors; i++)
                                base_closep(&descriptors[i]);
                } else if (c->eof) {
                        if (c->gone || unsent(c) == 0)
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
        if (unsent(c) > 0) {
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
                bool wants_input = !c->call && !c->eof && unsent(c) <= CONTROL_PAUSE_SIZE;
                (void) sd_event_source_set_io_events(c->io, (wants_input ? EPOLLIN : 0) | (unsent(c) > 0 ? EPOLLOUT : 0));
        }
        bool waits = unsent(c) > 0 && !c->gone;
        int enabled = SD_EVENT_OFF;
        (void) sd_event_source_get_enabled(c->stall, &enabled);
        if (waits && enabled == SD_EVENT_OFF) {
                (void) sd_event_source_set_time_relative(c->stall, CONTROL_STALL_US);
                (void) sd_event_source_set_enabled(c->stall, SD_EVENT_ONESHOT);
        } else if (!waits && enabled != SD_EVENT_OFF)
                (void) sd_event_source_set_enabled(c->stall, SD_EVENT_OFF);
}

/* After something was sent from outside the connection's own turn. */
static void connection_touched(Connection *c) {
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

static void call_end(ControlCall *call) {
        Connection *c = call->connection;
        bool silent = call->oneway;
        if (c) {
                c->call = NULL;
                call->connection = NULL;
                if (!silent) {
                        if (call->reply || call->error)
                                connection_send(c, call->error, TAKE(call->reply), false);
                        else
                                connection_send(
                                        c, "org.leadd.Control.Failed", json_pack("{s:s}", "text", "no answer could be made"), false);
                }
                connection_touched(c);
        }
        (void) call_free(call);
}

void control_finish(ControlCall *call) {
        ControlCall *waiters = call->control && call->answer ? answers_settle(call->control->answers, call) : NULL;
        call_end(call);
        while (waiters) {
                ControlCall *next = waiters->next_waiter;
                call_end(waiters);
                waiters = next;
        }
}

bool control_continue(ControlCall *call, json_t *item) {
        Connection *c = call->connection;
        if (!c || c->dead || (c->gone && call->more)) {
                json_decref(item);
                return false;
        }
        if (!call->more || !item) {
                json_decref(item);
                return true;
        }
        connection_send(c, NULL, item, true);
        connection_touched(c);
        return call->connection != NULL;
}

/* ---- what the server answers itself ---- */

void server_ping(_unused_ Control *control, ControlCall *call) { control_set_reply(call, json_pack("{s:s}", "version", LEADD_VERSION)); }

void server_get_info(Control *control, ControlCall *call) {
        json_t *interfaces = json_array();
        for (size_t i = 0; i < control->n_interfaces; i++)
                if (json_array_append_new(interfaces, json_string(control->interfaces[i]->name)) < 0) {
                        json_decref(interfaces);
                        return;
                }
        control_set_reply(call, json_pack("{s:s, s:s, s:s, s:s, s:o}", "vendor", "leadd", "product", "leadd", "version", LEADD_VERSION,
                                        "url", "man:leadctl(1)", "interfaces", interfaces));
}

void server_get_description(Control *control, ControlCall *call) {
        const char *name = call_text(call, "interface");
        const Interface *interface = find_interface(control, name, strlen(name));
        if (!interface) {
                service_error(call, "InterfaceNotFound", "interface", name);
                return;
        }
        _cleanup_(text_free) Text text = { 0 };
        if (interface_describe(interface, &text) == 0)
                control_set_reply(call, json_pack("{s:s}", "description", text.data));
}

/* ---- listening ---- */

static bool has_room(const Control *control, const Peer *peer) {
        size_t n_same = 0, n_strangers = 0;
        for (const Connection *c = control->connections; c; c = c->next) {
                n_same += c->peer.uid == peer->uid;
                n_strangers += !c->peer.in_group;
        }
        return control->n_connections < CONTROL_CONNECTIONS_MAX && n_same < CONTROL_CONNECTIONS_UID_MAX &&
               (peer->in_group || n_strangers < CONTROL_CONNECTIONS_ANYONE_MAX);
}

/* Takes fd. */
static int connection_new(Control *control, int fd) {
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

static int on_pause_over(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        Control *control = userdata;
        (void) sd_event_source_set_enabled(control->listen, SD_EVENT_ON);
        return 0;
}

static int on_listen(_unused_ sd_event_source *source, int fd, _unused_ uint32_t revents, void *userdata) {
        Control *control = userdata;
        for (unsigned i = 0; i < ACCEPTS_A_TURN; i++) {
                int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
                int r = client < 0 ? -errno : connection_new(control, client);
                if (r == -EAGAIN)
                        break;
                if (r >= 0 || r == -EINTR || r == -ECONNABORTED)
                        continue;
                /* Out of descriptors or memory: the socket stays readable, so without a pause the loop would spin. */
                log_warning("Cannot take a control connection, trying again in a second: %s", strerror(-r));
                (void) sd_event_source_set_enabled(control->listen, SD_EVENT_OFF);
                (void) sd_event_source_set_time_relative(control->pause, CONTROL_ACCEPT_PAUSE_US);
                (void) sd_event_source_set_enabled(control->pause, SD_EVENT_ONESHOT);
                break;
        }
        return 0;
}

/* Binds the path. A socket that nobody answers any more is a leftover and is replaced; one that is answered is not ours to take. */
static int bind_path(const char *path, int *ret) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path));
        _cleanup_(base_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0) {
                if (errno != EADDRINUSE)
                        return -errno;
                _cleanup_(base_closep) int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
                if (probe < 0)
                        return -errno;
                if (connect(probe, (struct sockaddr *) &address, sizeof(address)) == 0 || errno != ECONNREFUSED)
                        return -EADDRINUSE; /* answered, busy (EAGAIN), or no socket at all */
                if (unlink(path) < 0 || bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                        return -errno;
        }
        /* Everybody may connect and ping; what else a peer may do is decided by its credentials. */
        if (chmod(path, 0666) < 0 || listen(fd, SOMAXCONN) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

static void control_freep(Control **control) { *control = control_free(*control); }

int control_new_with(sd_event *event, const ControlConfig *config, const Interface *const *interfaces, size_t n_interfaces, Control **ret) {
        _cleanup_(base_closep) int fd = config->listen_fd;
        _cleanup_(control_freep) Control *control = calloc(1, sizeof(Control));
        if (!control)
                return -ENOMEM;
        control->listen_fd = -1;
        control->event = sd_event_ref(event);
        control->interfaces = interfaces;
        control->n_interfaces = n_interfaces;
        control->on_call = config->on_call;
        control->userdata = config->userdata;
        control->group = peer_find_group(config->group ? config->group : "leadd");
        control->answers = answers_new(CONTROL_ANSWERS_MAX);
        if (!control->answers)
                return -ENOMEM;
        int r;
        if (fd >= 0) {
                if (sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) <= 0)
                        return -EINVAL;
                int flags = fcntl(fd, F_GETFL);
                if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                        return -errno;
        } else {
                if (!config->path)
                        return -EINVAL;
                r = bind_path(config->path, &fd);
                if (r < 0)
                        return r;
                struct stat st;
                if (stat(config->path, &st) == 0) {
                        control->path = strdup(config->path);
                        control->path_device = st.st_dev;
                        control->path_inode = st.st_ino;
                }
        }
        control->listen_fd = TAKE_FD(fd);
        r = sd_event_add_io(event, &control->listen, control->listen_fd, EPOLLIN, on_listen, control);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(event, &control->pause, CLOCK_MONOTONIC, CONTROL_ACCEPT_PAUSE_US, 0, on_pause_over, control);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(control->pause, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE(control);
        return 0;
}

int control_new(sd_event *event, const ControlConfig *config, Control **ret) {
        static const Interface *const interfaces[] = { &interface_service, &interface_control, &interface_leads };
        return control_new_with(event, config, interfaces, ARRAY_SIZE(interfaces), ret);
}

Control *control_free(Control *control) {
        if (!control)
                return NULL;
        while (control->connections)
                connection_close(control->connections);
        for (ControlCall *call = control->calls, *next; call; call = next) {
                next = call->next;
                if (call->parked)
                        (void) call_free(call);
        }
        (void) answers_free(control->answers);
        /* The rest is being worked on by others, who finish it into the void. */
        for (ControlCall *call = control->calls; call; call = call->next)
                call->control = NULL;
        sd_event_source_disable_unref(control->listen);
        sd_event_source_disable_unref(control->pause);
        base_closep(&control->listen_fd);
        struct stat st;
        if (control->path && stat(control->path, &st) == 0 && st.st_dev == control->path_device && st.st_ino == control->path_inode)
                (void) unlink(control->path);
        free(control->path);
        sd_event_unref(control->event);
        free(control);
        return NULL;
}
