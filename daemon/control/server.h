#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * The server's own parts: what a connection and a Control are made of, and what call.c, connection.c and server.c
 * ask of each other. Everything here lives on the loop's thread.
 */
#include "internal.h"

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

/* ---- call.c ---- */

/* Reads one request and carries it out or hands it on; a request that is none ends the connection's input. Descriptors that
 * are not taken stay the caller's. */
void call_receive(Connection *c, char *frame, size_t size, int *descriptors, size_t n_descriptors);
ControlCall *call_free(ControlCall *call);
void call_service_error(ControlCall *call, const char *error, const char *key, const char *value);

/* ---- connection.c ---- */

/* Takes fd. 0 as well when there is no room for it. */
int connection_new(Control *control, int fd);
void connection_close(Connection *c);
/* Takes parameters (NULL = none). Afterwards the connection may be gone or dead, but it is still there. */
void connection_send(Connection *c, const char *error, json_t *parameters, bool continues);
/* The peer broke the protocol or has nothing more to say: what is owed is sent, nothing more is read. */
void connection_end_input(Connection *c);
/* After something was sent from outside the connection's own turn: it may be closed by this. */
void connection_touched(Connection *c);
static inline size_t connection_unsent(const Connection *c) { return c->out.size - c->out_sent; }

/* ---- server.c ---- */

const Interface *server_find_interface(const Control *control, const char *name, size_t size);
