/* SPDX-License-Identifier: MIT */
/*
 * inotify: says which directory to look at again, and which name is ready at
 * once because its writer renamed or closed it. It is only a hint: what there is
 * the directory says, and lost events lead to a scan of everything.
 */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>

static Watch **watch_bucket(Spool *spool, int wd) { return &spool->watches[(unsigned) wd % SPOOL_BUCKETS]; }

/* Forgets the watch; tells whether another place has the same one (a directory that is mounted twice). */
static bool watch_unlink(Spool *spool, Watch *watch) {
        bool shared = false;
        for (Watch **at = watch_bucket(spool, watch->wd); *at;) {
                if (*at == watch) {
                        *at = watch->next;
                        continue;
                }
                shared |= (*at)->wd == watch->wd;
                at = &(*at)->next;
        }
        watch->wd = -1;
        watch->next = NULL;
        return shared;
}

void watch_drop(Spool *spool, Watch *watch) {
        int wd = watch->wd;
        if (wd >= 0 && !watch_unlink(spool, watch))
                (void) inotify_rm_watch(spool->inotify_fd, wd);
}

int watch_set(Spool *spool, Watch *watch, int fd, const struct stat *st, uint32_t mask) {
        char path[sizeof("/proc/self/fd/") + 11];
        /* By descriptor, as a path could lead to another directory by now. */
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        int wd = inotify_add_watch(spool->inotify_fd, path, mask);
        if (wd < 0) {
                int r = -errno;
                watch_drop(spool, watch);
                if (r == -ENOMEM)
                        return r;
                /* Out of watches, or not permitted: the scans still find everything, so ops are told and it goes on. */
                notice_left(spool, notice_key(watch->source, "", st), watch->source ? watch->source->name : "", "", "unwatched");
                return 0;
        }
        if (wd != watch->wd) {
                watch_drop(spool, watch);
                watch->wd = wd;
                watch->next = *watch_bucket(spool, wd);
                *watch_bucket(spool, wd) = watch;
        }
        watch->device = st->st_dev;
        watch->inode = st->st_ino;
        return 0;
}

static int watch_on_incoming(Spool *spool, const struct inotify_event *event) {
        if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT) || event->len == 0)
                return spool_rescan(spool);
        if (event->mask & (IN_CREATE | IN_MOVED_TO))
                return source_admit(spool, event->name);
        Source *source = source_find(spool, event->name);
        if (source)
                source_look_again(source);
        return 0;
}

static int watch_on_source(Watch *watch, const struct inotify_event *event, int64_t now_us) {
        Source *source = watch->source;
        if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT) || event->len == 0) {
                source_look_again(source);
                return 0;
        }
        if (!watch->of_new) {
                if (base_streq(event->name, "new"))
                        source_look_again(source);
                return 0;
        }
        if (event->name[0] == '.')
                return 0;
        if (event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO))
                return source_add_name(source, event->name, true);
        return source_mark_unfinished(source, event->name, (event->mask & IN_MODIFY) != 0, now_us);
}

static int watch_on_event(Spool *spool, const struct inotify_event *event, int64_t now_us) {
        int result = 0;
        if (event->mask & IN_Q_OVERFLOW) {
                /* At once, but a flood must not make us do nothing but scan. */
                int64_t at_us = spool->scanned_us + SPOOL_OVERFLOW_US;
                spool->events_lost = true;
                if (at_us < spool->rescan_us)
                        spool->rescan_us = at_us;
                return 0;
        }
        for (Watch *watch = *watch_bucket(spool, event->wd), *next; watch; watch = next) {
                next = watch->next;
                if (watch->wd != event->wd)
                        continue;
                if (event->mask & IN_IGNORED)
                        (void) watch_unlink(spool, watch);
                int r = watch->source ? watch_on_source(watch, event, now_us) : watch_on_incoming(spool, event);
                if (r < 0)
                        result = r;
        }
        return result;
}

int watch_take_events(Spool *spool, int64_t now_us) {
        char buffer[SPOOL_EVENTS_SIZE] __attribute__((aligned(__alignof__(struct inotify_event))));
        int result = 0;
        ssize_t size = read(spool->inotify_fd, buffer, sizeof(buffer));
        if (size < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        for (char *at = buffer; at < buffer + size;) {
                const struct inotify_event *event = (const struct inotify_event *) (void *) at;
                at += sizeof(*event) + event->len;
                int r = watch_on_event(spool, event, now_us);
                if (r < 0)
                        result = r;
        }
        if (result < 0) {
                /* Without memory for them the events are as good as lost. */
                spool->events_lost = true;
                (void) spool_rescan(spool);
        }
        return result;
}
