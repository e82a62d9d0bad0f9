/* SPDX-License-Identifier: MIT */
/*
 * One call: from a request's bytes to its reply. Everything that must hold before a method is entered is checked
 * here, from the table, in an order that tells a stranger nothing: protocol, method, role, then parameters. A call and its
 * connection may each go away first; whoever holds the call ends it, and a reply without a client is dropped.
 */
#include "server.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* ---- what a holder of a call sees ---- */

ControlCall *call_free(ControlCall *call) {
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

bool call_read_since(const char *text, const Zone *zone, int64_t now_us, int64_t *ret_us) {
        Duration duration;
        int64_t days;
        size_t size = strlen(text);
        if (duration_parse(text, &duration) == 0) {
                *ret_us = now_us - duration.us;
                return duration.workdays == 0;
        }
        if (time_parse_date(text, size, &days) == 0) {
                *ret_us = zone ? zone_local_to_utc(zone, days * US_PER_DAY) : days * US_PER_DAY;
                return true;
        }
        return time_parse_rfc3339(text, size, ret_us) == 0;
}

/* ---- reading a request ---- */

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

void call_service_error(ControlCall *call, const char *error, const char *key, const char *value) {
        char full[128];
        (void) snprintf(full, sizeof(full), "org.varlink.service.%s", error);
        control_set_error(call, full, key ? json_pack("{s:s}", key, value) : json_object());
}

/* Everything that must hold before the method is entered. false: the error is set. Order matters: who may not call it learns nothing of
 * its parameters. */
static bool call_check(ControlCall *call, const Request *request, int *descriptors, size_t n_descriptors) {
        const char *dot = strrchr(request->method, '.');
        call->interface = dot ? server_find_interface(call->control, request->method, (size_t) (dot - request->method)) : NULL;
        if (!call->interface) {
                _cleanup_(base_freep) char *name =
                        dot ? strndup(request->method, (size_t) (dot - request->method)) : strdup(request->method);
                call_service_error(call, "InterfaceNotFound", "interface", name ? name : "");
                return false;
        }
        call->method = interface_method(call->interface, dot + 1);
        if (!call->method) {
                call_service_error(call, "MethodNotFound", "method", request->method);
                return false;
        }
        if (call->method->role == ROLE_GROUP && !call->peer.in_group) {
                call_service_error(call, "PermissionDenied", NULL, NULL);
                return false;
        }
        if (request->upgrade) {
                call_service_error(call, "MethodNotImplemented", "method", request->method);
                return false;
        }
        const char *bad = check_parameters(call->method, call->parameters);
        if (bad) {
                call_service_error(call, "InvalidParameter", "parameter", bad);
                return false;
        }
        if (call->method->only_more && !call->more) {
                call_service_error(call, "ExpectedMore", NULL, NULL);
                return false;
        }
        if (call->method->takes_fd) {
                if (n_descriptors != 1 || !is_readable_file(descriptors[0])) {
                        call_service_error(call, "InvalidParameter", "parameter", "descriptor");
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
                        call_service_error(call, "InvalidParameter", "parameter", "request_id");
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

void call_receive(Connection *c, char *frame, size_t size, int *descriptors, size_t n_descriptors) {
        json_error_t error;
        size_t size_max = c->peer.in_group ? CONTROL_REQUEST_SIZE_MAX : CONTROL_REQUEST_SIZE_ANYONE;
        json_t *message = size > size_max || too_deep(frame, size) ? NULL : json_loadb(frame, size, JSON_REJECT_DUPLICATES, &error);
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

/* ---- ending ---- */

static void call_end(ControlCall *call) {
        Connection *c = call->connection;
        bool silent = call->oneway;
        if (c) {
                c->call = NULL;
                call->connection = NULL;
                if (!silent) {
                        if (call->reply || call->error)
                                connection_send(c, call->error, TAKE(call->reply), false);
                        else if (call->method && call->method->only_more) /* a stream without end ends when the daemon does */
                                connection_send(c, "org.leadd.Control.Stopping", NULL, false);
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
