/* SPDX-License-Identifier: MIT */
/*
 * The client of the control socket: one connection, one call at a time, a time limit where an answer is at hand.
 * Turns error replies into a sentence that says what to do next and into an exit code. Knows no verbs.
 */
#include "leadctl.h"
#include <errno.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define DEFAULT_DIRECTORY "/run/leadd"
#define SOCKET_NAME "org.leadd.Control"
#define READ_SIZE (64 * 1024)
#define RECONNECT_TRIES 50
#define RECONNECT_WAIT_US (100 * 1000)

json_t *client_parameters(const Parameter *parameters, size_t n) {
        json_t *object = json_object();
        for (size_t i = 0; i < n && object; i++)
                if (parameters[i].text && json_object_set_new(object, parameters[i].name, json_string(parameters[i].text)) < 0) {
                        say_error("%s is no valid UTF-8", parameters[i].name);
                        json_decref(object);
                        return NULL;
                }
        return object;
}

/* ---- connecting ---- */

static char *socket_path(const Arguments *arguments) {
        if (arguments->socket)
                return strdup(arguments->socket);
        const char *directory = getenv("RUNTIME_DIRECTORY");
        if (!directory || !*directory)
                directory = DEFAULT_DIRECTORY;
        Text path = { 0 };
        text_append_size(&path, directory, strcspn(directory, ":")); /* systemd separates several by colons */
        text_append(&path, "/" SOCKET_NAME);
        if (path.error < 0) {
                text_free(&path);
                return NULL;
        }
        return path.data;
}

static int try_connect(Client *client) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        if (strlen(client->path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, client->path, strlen(client->path));
        base_closep(&client->fd);
        text_clear(&client->in);
        client->in_start = 0;
        client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (client->fd < 0)
                return -errno;
        if (connect(client->fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        return 0;
}

int client_open(const Arguments *arguments, Client *ret) {
        *ret = (Client){ .fd = -1, .path = socket_path(arguments) };
        if (!ret->path) {
                say_error("out of memory");
                return EXIT_NO_DAEMON;
        }
        int r = try_connect(ret);
        if (r == 0)
                return 0;
        if (r == -EACCES || r == -EPERM) {
                say_error("not permitted to open %s; ask for membership in the group leadd", ret->path);
                return EXIT_NOT_PERMITTED;
        }
        if (r == -ENOENT || r == -ECONNREFUSED)
                say_error("no leadd answers at %s; start it (systemctl start leadd) or name its socket with --socket=PATH", ret->path);
        else
                say_error("cannot reach leadd at %s: %s", ret->path, strerror(-r));
        return EXIT_NO_DAEMON;
}

void client_close(Client *client) {
        base_closep(&client->fd);
        text_free(&client->in);
        free(client->path);
        client->path = NULL;
}

/* ---- frames ---- */

static int64_t monotonic_ms(void) {
        struct timespec now;
        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int wait_for(int fd, short events, int64_t deadline_ms) {
        for (;;) {
                int64_t left = deadline_ms < 0 ? -1 : deadline_ms - monotonic_ms();
                if (deadline_ms >= 0 && left < 0)
                        left = 0;
                struct pollfd poller = { .fd = fd, .events = events };
                int r = poll(&poller, 1, (int) left);
                if (r > 0)
                        return 0;
                if (r == 0)
                        return -ETIMEDOUT;
                if (errno != EINTR)
                        return -errno;
        }
}

static int send_all(Client *client, const char *data, size_t size, int fd, int64_t deadline_ms) {
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        for (size_t sent = 0; sent < size;) {
                struct iovec iov = { .iov_base = (char *) data + sent, .iov_len = size - sent };
                struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };
                if (fd >= 0 && sent == 0) { /* goes with the first byte */
                        header.msg_control = &control;
                        header.msg_controllen = sizeof(control);
                        struct cmsghdr *m = CMSG_FIRSTHDR(&header);
                        m->cmsg_level = SOL_SOCKET;
                        m->cmsg_type = SCM_RIGHTS;
                        m->cmsg_len = CMSG_LEN(sizeof(int));
                        memcpy(CMSG_DATA(m), &fd, sizeof(int));
                }
                ssize_t n = sendmsg(client->fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n > 0)
                        sent += (size_t) n;
                else if (n < 0 && errno == EAGAIN) {
                        int r = wait_for(client->fd, POLLOUT, deadline_ms);
                        if (r < 0)
                                return r;
                } else if (n < 0 && errno != EINTR)
                        return -errno;
        }
        return 0;
}

static int send_request(Client *client, const char *method, json_t *parameters, bool more, int fd, int64_t deadline_ms) {
        _cleanup_(json_decrefp) json_t *message = json_pack("{s:s, s:O}", "method", method, "parameters", parameters);
        if (more && message && json_object_set_new(message, "more", json_true()) < 0)
                return -ENOMEM;
        _cleanup_(base_freep) char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
        if (!text)
                return -ENOMEM;
        return send_all(client, text, strlen(text) + 1, fd, deadline_ms);
}

/* The next whole message. -ECONNRESET: the daemon hung up. */
static int read_message(Client *client, int64_t deadline_ms, json_t **ret) {
        size_t scanned = client->in_start;
        for (;;) {
                char *end = client->in.size > scanned ? memchr(client->in.data + scanned, '\0', client->in.size - scanned) : NULL;
                if (end) {
                        char *start = client->in.data + client->in_start;
                        client->in_start = (size_t) (end - client->in.data) + 1;
                        *ret = json_loadb(start, (size_t) (end - start), 0, NULL);
                        return json_is_object(*ret) ? 0 : -EBADMSG;
                }
                scanned = client->in.size;
                if (client->in_start > 0) {
                        scanned -= client->in_start;
                        client->in.size -= client->in_start;
                        memmove(client->in.data, client->in.data + client->in_start, client->in.size);
                        client->in_start = 0;
                }
                if (client->in.size > LEADCTL_REPLY_SIZE_MAX)
                        return -EMSGSIZE;
                char buffer[READ_SIZE];
                ssize_t n = recv(client->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
                if (n == 0)
                        return -ECONNRESET;
                if (n > 0) {
                        text_append_size(&client->in, buffer, (size_t) n);
                        if (client->in.error < 0)
                                return client->in.error;
                } else if (errno == EAGAIN) {
                        int r = wait_for(client->fd, POLLIN, deadline_ms);
                        if (r < 0)
                                return r;
                } else if (errno != EINTR)
                        return -errno;
        }
}

/* ---- replies ---- */

static int say_transport(const Client *client, int r, int timeout_ms) {
        if (r == -ETIMEDOUT)
                say_error("leadd at %s did not answer within %d s; `journalctl -u leadd` may say why", client->path, timeout_ms / 1000);
        else if (r == -ECONNRESET || r == -EPIPE)
                say_error("leadd at %s hung up; is it stopping? `systemctl status leadd` says", client->path);
        else if (r == -EBADMSG)
                say_error("what answers at %s is not leadd", client->path);
        else
                say_error("cannot talk to leadd at %s: %s", client->path, strerror(-r));
        return EXIT_NO_DAEMON;
}

/* Codes of refusals that mean "there is no such thing" rather than "policy says no". */
static int refusal_exit(const char *code) {
        static const char *const nothing[] = { "unknown_lead", "unknown_move", "unknown_owner" };
        for (size_t i = 0; i < ARRAY_SIZE(nothing); i++)
                if (base_streq(code, nothing[i]))
                        return EXIT_NO_SUCH_THING;
        return base_streq(code, "actor_required") ? EXIT_NOT_PERMITTED : EXIT_REFUSED;
}

static const char *text_of(json_t *object, const char *key) {
        const char *text = json_string_value(json_object_get(object, key));
        return text ? text : "";
}

/* What the daemon says, with its instants in the zone of whoever reads it. */
static void say_sentence(const char *before, const char *s) {
        _cleanup_(text_free) Text text = { 0 };

        text_append_sentence(&text, s);
        say_error("%s%s", before, text.error == 0 && text.data ? text.data : s);
}

static int say_reply_error(Client *client, const char *error, json_t *parameters) {
        const char *name = strrchr(error, '.') ? strrchr(error, '.') + 1 : error;
        if (base_streq(name, "NoSuchLead")) {
                say_error("no lead \"%s\"; name it as 42, L-42, an e-mail address or SYSTEM:ID (`leadctl list` shows the newest)",
                        text_of(parameters, "lead"));
                return EXIT_NO_SUCH_THING;
        }
        if (base_streq(name, "Erased")) {
                _cleanup_(text_free) Text time = { 0 };
                text_append_time(&time, text_of(parameters, "time"));
                say_error("%s was erased on %s", text_of(parameters, "lead"), time.data ? time.data : "");
                return EXIT_NO_SUCH_THING;
        }
        if (base_streq(name, "NoSuchName")) {
                say_error("%s", text_of(parameters, "text"));
                return EXIT_NO_SUCH_THING;
        }
        if (base_streq(name, "NoSuchEntry")) {
                const char *entry = text_of(parameters, "name");
                if (*entry && entry[strspn(entry, "0123456789")] == '\0') /* of the outbox: in the spool it is SOURCE/NAME */
                        say_error("nothing in the outbox has the id %s; `leadctl outbox` lists what is there", entry);
                else
                        say_error("nothing in the spool is called \"%s\"; `leadctl spool` lists what is there as SOURCE/NAME", entry);
                return EXIT_NO_SUCH_THING;
        }
        if (base_streq(name, "Refused")) {
                (void) snprintf(client->refusal, sizeof(client->refusal), "%s", text_of(parameters, "code"));
                say_sentence("refused: ", text_of(parameters, "text"));
                return refusal_exit(client->refusal);
        }
        if (base_streq(name, "BadValue")) {
                say_error("%s: %s", text_of(parameters, "parameter"), text_of(parameters, "text"));
                return EXIT_USAGE;
        }
        if (base_streq(name, "InvalidParameter")) {
                say_error("leadd cannot take this %s: it is empty, too long or not of its kind", text_of(parameters, "parameter"));
                return EXIT_USAGE;
        }
        if (base_streq(name, "PermissionDenied")) {
                say_error("not permitted; this needs root or membership in the group leadd (usermod --append --groups leadd USER, then log "
                          "in again)");
                return EXIT_NOT_PERMITTED;
        }
        if (base_streq(name, "ClockIsReal")) {
                say_error("refused: leadd runs on the real clock; start a staging copy with --virtual-clock=TIME to move it");
                return EXIT_REFUSED;
        }
        if (base_streq(name, "SubmitRefused")) {
                say_error("refused: %s; nothing was taken", text_of(parameters, "text"));
                return EXIT_BAD_DATA;
        }
        if (base_streq(name, "Stopping"))
                say_error("leadd is stopping; try again when it is back (`systemctl status leadd`)");
        else if (base_streq(name, "TooManyWatchers"))
                say_error("too many are watching already; end one of them");
        else if (base_streq(name, "Failed"))
                say_error("leadd could not do it: %s; `journalctl -u leadd` says more", text_of(parameters, "text"));
        else
                say_error("leadd answers %s; are leadctl and leadd of the same version? (`leadctl ping`)", error);
        return EXIT_NO_DAEMON;
}

/* One reply of a call. *ret gets its parameters. < 0: the transport broke. */
static int read_reply(Client *client, int64_t deadline_ms, bool *ret_continues, json_t **ret) {
        _cleanup_(json_decrefp) json_t *message = NULL;
        int r = read_message(client, deadline_ms, &message);
        if (r < 0)
                return r;
        json_t *parameters = json_object_get(message, "parameters");
        const char *error = json_string_value(json_object_get(message, "error"));
        if (error)
                return say_reply_error(client, error, parameters);
        *ret_continues = json_is_true(json_object_get(message, "continues"));
        *ret = json_is_object(parameters) ? json_incref(parameters) : json_object();
        return *ret ? 0 : -ENOMEM;
}

static int call(Client *client, const char *method, json_t *parameters, int timeout_ms, json_t **ret) {
        int64_t deadline_ms = timeout_ms < 0 ? -1 : monotonic_ms() + timeout_ms;
        bool continues = false;
        int r = send_request(client, method, parameters, false, -1, deadline_ms);
        return r < 0 ? r : read_reply(client, deadline_ms, &continues, ret);
}

int client_call(Client *client, const char *method, json_t *parameters, int timeout_ms, json_t **ret) {
        if (!parameters)
                return EXIT_USAGE;
        int r = call(client, method, parameters, timeout_ms, ret);
        json_decref(parameters);
        return r < 0 ? say_transport(client, r, timeout_ms) : r;
}

int client_call_once(Client *client, const char *method, json_t *parameters, int timeout_ms, json_t **ret) {
        if (!parameters)
                return EXIT_USAGE;
        uint8_t bytes[16];
        char id[2 * sizeof(bytes) + 1];
        if (getrandom(bytes, sizeof(bytes), 0) == (ssize_t) sizeof(bytes)) {
                digest_hex(bytes, sizeof(bytes), id);
                (void) json_object_set_new(parameters, "request_id", json_string(id));
        }
        int r = call(client, method, parameters, timeout_ms, ret);
        /* Was it done before the daemon went away? Asking again under the same id is the way to know. */
        if ((r == -ECONNRESET || r == -EPIPE) && json_object_get(parameters, "request_id")) {
                int connected = -1;
                for (unsigned i = 0; i < RECONNECT_TRIES && connected < 0; i++) {
                        (void) usleep(RECONNECT_WAIT_US);
                        connected = try_connect(client);
                }
                if (connected == 0)
                        r = call(client, method, parameters, timeout_ms, ret);
        }
        json_decref(parameters);
        return r < 0 ? say_transport(client, r, timeout_ms) : r;
}

int client_call_more(Client *client, const char *method, json_t *parameters, int fd, bool (*on_item)(json_t *parameters, void *userdata),
        void *userdata, json_t **ret) {
        if (!parameters)
                return EXIT_USAGE;
        int r = send_request(client, method, parameters, true, fd, LEADCTL_TIMEOUT_NONE);
        json_decref(parameters);
        bool continues = true, wanted = true;
        while (r == 0 && continues && wanted) {
                json_t *item = NULL;
                r = read_reply(client, LEADCTL_TIMEOUT_NONE, &continues, &item);
                if (r == 0 && continues)
                        wanted = on_item(item, userdata);
                else if (r == 0 && ret)
                        *ret = json_incref(item);
                json_decref(item);
        }
        return r < 0 ? say_transport(client, r, 0) : r;
}

int client_ask(const Arguments *arguments, const char *method, json_t *parameters, int timeout_ms, json_t **ret) {
        _cleanup_(client_close) Client client = { .fd = -1 };
        int r = client_open(arguments, &client);
        if (r != 0) {
                json_decref(parameters);
                return r;
        }
        return client_call(&client, method, parameters, timeout_ms, ret);
}
