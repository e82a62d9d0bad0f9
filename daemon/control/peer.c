/* SPDX-License-Identifier: MIT */
/*
 * Who is at the other end of a connection. The kernel says it (SO_PEERCRED, SO_PEERGROUPS), as it was when
 * the peer connected; nothing a client writes is believed. Supplementary groups count, so that adding a
 * person to the group leadd is all it takes. Roles beyond "in the group" are not decided here.
 */
#include "internal.h"
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>

#define GROUP_BUFFER_SIZE_MAX (1024 * 1024) /* of a group database entry with very many members */
#define PASSWD_BUFFER_SIZE_MAX (1024 * 1024)

gid_t peer_find_group(const char *name) {
        _cleanup_(base_freep) char *buffer = NULL;
        for (size_t size = 4096; size <= GROUP_BUFFER_SIZE_MAX; size *= 4) {
                struct group entry, *found = NULL;
                free(buffer);
                buffer = malloc(size);
                if (!buffer)
                        return (gid_t) -1;
                int r = getgrnam_r(name, &entry, buffer, size, &found);
                if (r == ERANGE)
                        continue;
                return r == 0 && found ? found->gr_gid : (gid_t) -1;
        }
        return (gid_t) -1;
}

static int in_supplementary_groups(int fd, gid_t group, bool *ret) {
        socklen_t size = 64 * sizeof(gid_t);
        for (;;) {
                _cleanup_(base_freep) gid_t *groups = malloc(size);
                if (!groups)
                        return -ENOMEM;
                if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0) {
                        if (errno == ERANGE) /* size now says how much is needed; at most 65536 groups */
                                continue;
                        /* The peer runs without supplementary groups known to the kernel. */
                        *ret = false;
                        return errno == ENODATA || errno == ENOPROTOOPT ? 0 : -errno;
                }
                *ret = false;
                for (size_t i = 0; i < size / sizeof(gid_t); i++)
                        if (groups[i] == group)
                                *ret = true;
                return 0;
        }
}

int peer_read(int fd, gid_t group, Peer *ret) {
        struct ucred credentials;
        socklen_t size = sizeof(credentials);
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
                return -errno;
        bool member = credentials.uid == 0 || credentials.uid == geteuid();
        if (!member && group != (gid_t) -1) {
                member = credentials.gid == group;
                if (!member) {
                        int r = in_supplementary_groups(fd, group, &member);
                        if (r < 0)
                                return r;
                }
        }
        *ret = (Peer){ .uid = credentials.uid, .pid = credentials.pid, .in_group = member };
        return 0;
}

int peer_user_name(uid_t uid, char **ret) {
        _cleanup_(base_freep) char *buffer = NULL;
        *ret = NULL;
        for (size_t size = 4096; size <= PASSWD_BUFFER_SIZE_MAX; size *= 4) {
                struct passwd entry, *found = NULL;
                free(buffer);
                buffer = malloc(size);
                if (!buffer)
                        return -ENOMEM;
                int r = getpwuid_r(uid, &entry, buffer, size, &found);
                if (r == ERANGE)
                        continue;
                if (r != 0 || !found)
                        return 0;
                *ret = strdup(found->pw_name);
                return *ret ? 0 : -ENOMEM;
        }
        return 0;
}
