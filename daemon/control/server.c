/* SPDX-License-Identifier: MIT */
/*
 * The Varlink server: the listening socket, the connections that are open, and the few methods it answers itself.
 * A table says which interfaces it serves (interface.c); what one connection does stands in connection.c, what one
 * call does in call.c.
 */
#include "server.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#define ACCEPTS_A_TURN 32

/* ---- what the server answers itself ---- */

const Interface *server_find_interface(const Control *control, const char *name, size_t size) {
        for (size_t i = 0; i < control->n_interfaces; i++)
                if (strlen(control->interfaces[i]->name) == size && memcmp(control->interfaces[i]->name, name, size) == 0)
                        return control->interfaces[i];
        return NULL;
}

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
        const Interface *interface = server_find_interface(control, name, strlen(name));
        if (!interface) {
                call_service_error(call, "InterfaceNotFound", "interface", name);
                return;
        }
        _cleanup_(text_free) Text text = { 0 };
        if (interface_describe(interface, &text) == 0)
                control_set_reply(call, json_pack("{s:s}", "description", text.data));
}

/* ---- listening ---- */

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
                struct stat st;
                if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
                        return -EADDRINUSE; /* connecting to a file that is no socket is "refused", too */
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

/* Takes fd (-1 = bind config->path). What was begun when it fails is control_free's. */
static int listen_on(Control *control, const ControlConfig *config, int fd) {
        _cleanup_(base_closep) int owned = fd;
        int r;
        if (owned >= 0) {
                if (sd_is_socket_unix(owned, SOCK_STREAM, 1, NULL, 0) <= 0)
                        return -EINVAL;
                int flags = fcntl(owned, F_GETFL);
                if (flags < 0 || fcntl(owned, F_SETFL, flags | O_NONBLOCK) < 0)
                        return -errno;
        } else {
                if (!config->path)
                        return -EINVAL;
                r = bind_path(config->path, &owned);
                if (r < 0)
                        return r;
                struct stat st;
                if (stat(config->path, &st) == 0) {
                        control->path = strdup(config->path);
                        control->path_device = st.st_dev;
                        control->path_inode = st.st_ino;
                }
        }
        control->listen_fd = TAKE_FD(owned);
        r = sd_event_add_io(control->event, &control->listen, control->listen_fd, EPOLLIN, on_listen, control);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(
                control->event, &control->pause, CLOCK_MONOTONIC, CONTROL_ACCEPT_PAUSE_US, 0, on_pause_over, control);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(control->pause, SD_EVENT_OFF);
}

int control_new_with(sd_event *event, const ControlConfig *config, const Interface *const *interfaces, size_t n_interfaces, Control **ret) {
        Control *control = calloc(1, sizeof(Control));
        if (!control) {
                base_closep(&(int){ config->listen_fd });
                return -ENOMEM;
        }
        control->listen_fd = -1;
        control->event = sd_event_ref(event);
        control->interfaces = interfaces;
        control->n_interfaces = n_interfaces;
        control->on_call = config->on_call;
        control->userdata = config->userdata;
        control->group = peer_find_group(config->group ? config->group : "leadd");
        control->answers = answers_new(CONTROL_ANSWERS_MAX);
        int r = listen_on(control, config, config->listen_fd);
        if (r >= 0 && !control->answers)
                r = -ENOMEM;
        if (r < 0) {
                (void) control_free(control);
                return r;
        }
        *ret = control;
        return 0;
}

int control_new(sd_event *event, const ControlConfig *config, Control **ret) {
        static const Interface *const interfaces[] = { &interface_service, &interface_control, &interface_leads, &interface_report };
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
