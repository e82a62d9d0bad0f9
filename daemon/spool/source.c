/* SPDX-License-Identifier: MIT */
/*
 * One SOURCE directory: opens its new/, reads it piece by piece into a bounded
 * window of names, and keeps the names that must wait. tmp/ is never opened.
 *
 * A name is in `ready` or in `waiting`, never in both. What finds no room is
 * not kept: the directory is read again (relist). A source is in the spool's
 * ring exactly while it has something to do at once.
 * Does not look at the files themselves.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>

/* ---- the table of sources ---- */

static bool source_search(const Spool *spool, const char *name, size_t *ret_at) {
        size_t from = 0, to = spool->n_sources;
        while (from < to) {
                size_t middle = from + (to - from) / 2;
                int order = strcmp(spool->sources[middle]->name, name);
                if (order == 0) {
                        *ret_at = middle;
                        return true;
                }
                if (order < 0)
                        from = middle + 1;
                else
                        to = middle;
        }
        *ret_at = from;
        return false;
}

Source *source_find(const Spool *spool, const char *name) {
        size_t at;
        return source_search(spool, name, &at) ? spool->sources[at] : NULL;
}

static void source_clear_names(Source *source, Names *names) {
        while (names->n_items > 0)
                (void) source_free_candidate(source, names_remove(names, names->n_items - 1));
        names_shrink(names);
}

Source *source_free(Source *source) {
        if (!source)
                return NULL;
        source_deactivate(source);
        source_close(source);
        watch_drop(source->spool, &source->self);
        watch_drop(source->spool, &source->below);
        source_clear_names(source, &source->ready);
        source_clear_names(source, &source->waiting);
        free(source->name);
        free(source);
        return NULL;
}

static int source_new(Spool *spool, const char *name, size_t at) {
        if (spool->n_sources == spool->sources_capacity) {
                size_t capacity = spool->sources_capacity > 0 ? spool->sources_capacity * 2 : 16;
                Source **sources = reallocarray(spool->sources, capacity, sizeof(*sources));
                if (!sources)
                        return -ENOMEM;
                spool->sources = sources;
                spool->sources_capacity = capacity;
        }
        Source *source = calloc(1, sizeof(*source));
        char *copy = strdup(name);
        if (!source || !copy) {
                free(source);
                free(copy);
                return -ENOMEM;
        }
        *source = (Source){
                .spool = spool,
                .name = copy,
                .fd = -1,
                .self = { .wd = -1, .source = source },
                .below = { .wd = -1, .source = source, .of_new = true },
                .relist_us = SPOOL_NEVER,
                .due_us = SPOOL_NEVER,
        };
        memmove(spool->sources + at + 1, spool->sources + at, (spool->n_sources - at) * sizeof(*spool->sources));
        spool->sources[at] = source;
        spool->n_sources++;
        source_look_again(source);
        return 0;
}

int source_admit(Spool *spool, const char *name) {
        size_t at;
        if (!entry_source_is_valid(name))
                return 0;
        if (source_search(spool, name, &at)) {
                source_look_again(spool->sources[at]);
                return 0;
        }
        struct stat st;
        if (fstatat(spool->incoming_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        const char *problem = S_ISLNK(st.st_mode) ? "symlink" : !S_ISDIR(st.st_mode) ? "misplaced" : NULL;
        if (!problem && spool->n_sources == SPOOL_SOURCES_MAX)
                problem = "source_limit";
        if (problem) {
                notice_left(spool, notice_key(NULL, name, &st), name, "", problem);
                return 0;
        }
        return source_new(spool, name, at);
}

void source_remove(Source *source) {
        Spool *spool = source->spool;
        size_t at;
        if (source->removed)
                return;
        if (source_search(spool, source->name, &at)) {
                spool->n_sources--;
                memmove(spool->sources + at, spool->sources + at + 1, (spool->n_sources - at) * sizeof(*spool->sources));
        }
        source->removed = true;
        source_deactivate(source);
        source_close(source);
        watch_drop(spool, &source->self);
        watch_drop(spool, &source->below);
        if (source->n_claims == 0)
                (void) source_free(source);
}

/* ---- the ring ---- */

void source_activate(Source *source) {
        Spool *spool = source->spool;
        if (source->in_ring || source->removed)
                return;
        source->in_ring = true;
        if (!spool->ring) {
                source->ring_next = source->ring_previous = source;
                spool->ring = source;
                return;
        }
        /* Before the one that has the next turn: at the end of the line. */
        source->ring_next = spool->ring;
        source->ring_previous = spool->ring->ring_previous;
        source->ring_previous->ring_next = source;
        spool->ring->ring_previous = source;
}

void source_deactivate(Source *source) {
        Spool *spool = source->spool;
        if (!source->in_ring)
                return;
        source->in_ring = false;
        source->ring_next->ring_previous = source->ring_previous;
        source->ring_previous->ring_next = source->ring_next;
        if (spool->ring == source)
                spool->ring = source->ring_next == source ? NULL : source->ring_next;
        source->ring_next = source->ring_previous = NULL;
        names_shrink(&source->ready);
        names_shrink(&source->waiting);
}

void source_look_again(Source *source) {
        source->reopen = true;
        source->relist = true;
        source->listing = false;
        source->missing = false;
        source_activate(source);
}

static void source_set_due(Source *source, int64_t due_us) {
        if (due_us < source->due_us)
                source->due_us = due_us;
        if (due_us < source->spool->due_us)
                source->spool->due_us = due_us;
}

/* Reads the directory again at that time. */
static void source_relist_at(Source *source, int64_t due_us) {
        if (due_us < source->relist_us)
                source->relist_us = due_us;
        source_set_due(source, due_us);
}

void source_pause(Source *source, int64_t until_us) {
        source_relist_at(source, until_us);
        source_deactivate(source);
}

/* ---- its directory ---- */

/* The open directories, the newest first; one more than SPOOL_OPEN_MAX closes the oldest. */
static void source_unlink_open(Source *source) {
        Spool *spool = source->spool;
        source->open_next->open_previous = source->open_previous;
        source->open_previous->open_next = source->open_next;
        if (spool->open_newest == source)
                spool->open_newest = source->open_next == source ? NULL : source->open_next;
        source->open_next = source->open_previous = NULL;
        spool->n_open--;
}

static void source_link_open(Source *source) {
        Spool *spool = source->spool;
        if (!spool->open_newest) {
                source->open_next = source->open_previous = source;
        } else {
                source->open_next = spool->open_newest;
                source->open_previous = spool->open_newest->open_previous;
                source->open_previous->open_next = source;
                source->open_next->open_previous = source;
        }
        spool->open_newest = source;
        spool->n_open++;
}

void source_close(Source *source) {
        if (source->fd < 0)
                return;
        if (source->listing) {
                off_t position = lseek(source->fd, 0, SEEK_CUR);
                source->position = position > 0 ? position : 0;
        }
        base_closep(&source->fd);
        source_unlink_open(source);
}

void source_close_oldest(Spool *spool) {
        if (spool->open_newest)
                source_close(spool->open_newest->open_previous);
}

static int source_open_directory(Spool *spool, int parent_fd, const char *name, int flags, int *ret_fd) {
        for (;;) {
                int fd = openat(parent_fd, name, flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (fd >= 0) {
                        *ret_fd = fd;
                        return 0;
                }
                if ((errno != EMFILE && errno != ENFILE) || !spool->open_newest)
                        return -errno;
                source_close_oldest(spool);
        }
}

static int source_lose(Source *source) {
        source_clear_names(source, &source->ready);
        source_clear_names(source, &source->waiting);
        source->listing = source->relist = source->reopen = false;
        source->inode = 0;
        return SOURCE_E_NONE;
}

/* The directory is there but may not be used: reported once, tried again with each scan. */
static int source_refuse(Source *source, const char *name, const struct stat *st, const char *reason) {
        notice_left(source->spool, notice_key(source, name, st), source->name, name, reason);
        return source_lose(source);
}

int source_open(Source *source) {
        Spool *spool = source->spool;
        _cleanup_(base_closep) int self_fd = -1, fd = -1;
        struct stat st, self_st;

        if (source->removed)
                return SOURCE_E_NONE;
        if (source->reopen)
                source_close(source);
        if (source->fd >= 0) {
                if (spool->open_newest != source) {
                        source_unlink_open(source);
                        source_link_open(source);
                }
                return 0;
        }

        int r = source_open_directory(spool, spool->incoming_fd, source->name, O_PATH, &self_fd);
        if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP) {
                source->missing = true;
                source_activate(source);
                return source_lose(source);
        }
        if (r < 0)
                return r;
        if (fstat(self_fd, &self_st) < 0)
                return -errno;
        /* Watched before it is looked at, so that nothing comes between the two unseen. */
        if (source->reopen || source->self.wd < 0 || source->self.inode != self_st.st_ino || source->self.device != self_st.st_dev) {
                r = watch_set(spool, &source->self, self_fd, &self_st, WATCH_SOURCE);
                if (r < 0)
                        return r;
        }

        r = source_open_directory(spool, self_fd, "new", O_RDONLY, &fd);
        if (r == -ENOENT)
                return source_lose(source);
        if (r == -EMFILE || r == -ENFILE || r == -ENOMEM)
                return r;
        if (r < 0) {
                if (fstatat(self_fd, "new", &st, AT_SYMLINK_NOFOLLOW) < 0)
                        st = self_st;
                return source_refuse(source, "new", &st,
                        S_ISLNK(st.st_mode)   ? "symlink"
                        : S_ISDIR(st.st_mode) ? "unreadable"
                                              : "misplaced");
        }
        if (fstat(fd, &st) < 0)
                return -errno;
        if (source->reopen || source->below.wd < 0 || source->below.inode != st.st_ino || source->below.device != st.st_dev) {
                r = watch_set(spool, &source->below, fd, &st, WATCH_NEW);
                if (r < 0)
                        return r;
        }

        if (source->inode != st.st_ino || source->device != st.st_dev) {
                source->listing = false;
                source->relist = true;
        }
        if (source->listing && lseek(fd, source->position, SEEK_SET) < 0) {
                source->listing = false;
                source->relist = true;
        }
        source->device = st.st_dev;
        source->inode = st.st_ino;
        source->mode = ((uint64_t) st.st_uid << 32 | st.st_gid) * 31 + st.st_mode;
        source->reopen = false;
        if (spool->n_open >= SPOOL_OPEN_MAX)
                source_close_oldest(spool);
        source->fd = TAKE_FD(fd);
        source_link_open(source);
        return 0;
}

int source_fill(Source *source) {
        Spool *spool = source->spool;
        if (!source->reopen && !source->listing && !source->relist)
                return 0;
        for (int i = 0; i < SPOOL_CHUNKS_MAX && source->ready.n_items <= SPOOL_READY_MAX - SPOOL_CHUNK_NAMES; i++) {
                int r = source_open(source);
                if (r != 0)
                        return r;
                if (!source->listing) {
                        if (!source->relist)
                                return 0;
                        if (lseek(source->fd, 0, SEEK_SET) < 0)
                                return -errno;
                        source->relist = false;
                        source->listing = true;
                        source->relist_us = SPOOL_NEVER;
                }
                spool->effort += SPOOL_EFFORT_CHUNK;
                ssize_t size = spool_read_directory(spool, source->fd);
                if (size == 0) {
                        source->listing = false;
                        return 0;
                }
                if (size == -ENOENT) {
                        source_look_again(source);
                        return 0;
                }
                if (size < 0) {
                        struct stat st;
                        if (fstat(source->fd, &st) < 0)
                                return -errno;
                        return source_refuse(source, "new", &st, "unreadable");
                }
                FOREACH_ENTRY(entry, spool, size) {
                        if (entry->d_name[0] == '.')
                                continue;
                        r = source_add_name(source, entry->d_name, false);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* ---- its names ---- */

Candidate *source_free_candidate(Source *source, Candidate *candidate) {
        if (candidate) {
                source->spool->names_size -= sizeof(*candidate) + strlen(candidate->name) + 1;
                free(candidate);
        }
        return NULL;
}

/* Member by member: assigning the struct would also write its padding, in which the name begins. */
static void source_reset_candidate(Candidate *candidate) {
        candidate->due_us = 0;
        candidate->ctime_us = TIME_NONE;
        candidate->n_tries = 0;
        candidate->announced = false;
        candidate->writing = false;
}

static Candidate *source_new_candidate(Source *source, const char *name) {
        size_t size = strlen(name) + 1;
        Candidate *candidate = malloc(sizeof(*candidate) + size);
        if (!candidate)
                return NULL;
        source_reset_candidate(candidate);
        memcpy(candidate->name, name, size);
        source->spool->names_size += sizeof(*candidate) + size;
        return candidate;
}

/* A name was not kept: the directory still has it. */
static void source_relist(Source *source) {
        source->relist = true;
        source_activate(source);
}

static int source_insert(Source *source, Names *names, Candidate *candidate) {
        size_t at;
        if (names_find(names, candidate->name, &at)) {
                (void) source_free_candidate(source, candidate);
                return 0;
        }
        int r = names_insert(names, at, candidate);
        if (r < 0) {
                (void) source_free_candidate(source, candidate);
                source_relist(source);
        }
        return r;
}

int source_add_name(Source *source, const char *name, bool announced) {
        Spool *spool = source->spool;
        Candidate *candidate;
        size_t at;
        if (names_find(&source->ready, name, &at)) {
                source->ready.items[at]->announced |= announced;
                return 0;
        }
        if (names_find(&source->waiting, name, &at)) {
                if (!announced)
                        return 0;
                candidate = names_remove(&source->waiting, at);
                source_reset_candidate(candidate);
        } else if (source->ready.n_items >= SPOOL_READY_MAX || spool->names_size > SPOOL_NAMES_SIZE_MAX) {
                source_relist(source);
                return 0;
        } else {
                candidate = source_new_candidate(source, name);
                if (!candidate) {
                        source_relist(source);
                        return -ENOMEM;
                }
        }
        candidate->announced = announced;
        source_activate(source);
        return source_insert(source, &source->ready, candidate);
}

void source_wait(Source *source, Candidate *candidate, int64_t due_us) {
        if (source->removed) {
                (void) source_free_candidate(source, candidate);
                return;
        }
        candidate->due_us = due_us;
        source_set_due(source, due_us);
        if (source->waiting.n_items < SPOOL_WAITING_MAX) {
                (void) source_insert(source, &source->waiting, candidate);
                return;
        }
        (void) source_free_candidate(source, candidate);
        source_relist_at(source, due_us);
}

int source_mark_unfinished(Source *source, const char *name, bool writing, int64_t now_us) {
        int64_t due_us = now_us + (writing ? SPOOL_STALLED_US : SPOOL_SETTLE_US);
        Candidate *candidate;
        size_t at;
        if (names_find(&source->waiting, name, &at))
                candidate = names_remove(&source->waiting, at);
        else if (names_find(&source->ready, name, &at))
                candidate = names_remove(&source->ready, at);
        else if (source->waiting.n_items >= SPOOL_WAITING_MAX || source->spool->names_size > SPOOL_NAMES_SIZE_MAX) {
                /* Without room for the name its ctime alone must tell when it has settled. */
                source_relist_at(source, now_us + SPOOL_SETTLE_US);
                return 0;
        } else
                candidate = source_new_candidate(source, name);
        if (!candidate)
                return -ENOMEM;
        source_reset_candidate(candidate);
        candidate->writing = writing;
        source_wait(source, candidate, due_us);
        return 0;
}

void source_return_name(Source *source, const char *name, int64_t due_us) {
        Candidate *candidate = source_new_candidate(source, name);
        if (!candidate) {
                source_relist_at(source, due_us);
                return;
        }
        candidate->announced = true;
        source_wait(source, candidate, due_us);
}

void source_forget_writers(Source *source, int64_t now_us) {
        for (size_t i = 0; i < source->waiting.n_items; i++) {
                Candidate *candidate = source->waiting.items[i];
                if (!candidate->writing)
                        continue;
                candidate->writing = false;
                candidate->due_us = now_us;
                source_set_due(source, now_us);
        }
}

int source_wake(Source *source, int64_t now_us) {
        int64_t next_us = SPOOL_NEVER;
        int result = 0;
        if (source->relist_us <= now_us) {
                source->relist_us = SPOOL_NEVER;
                source_relist(source);
        }
        for (size_t i = source->waiting.n_items; i-- > 0;) {
                Candidate *candidate = source->waiting.items[i];
                if (candidate->due_us > now_us) {
                        if (candidate->due_us < next_us)
                                next_us = candidate->due_us;
                        continue;
                }
                (void) names_remove(&source->waiting, i);
                candidate->writing = false;
                source_activate(source);
                int r = source_insert(source, &source->ready, candidate);
                if (r < 0)
                        result = r;
        }
        source->due_us = source->relist_us < next_us ? source->relist_us : next_us;
        return result;
}

Candidate *source_pop(Source *source) { return source->ready.n_items > 0 ? names_remove(&source->ready, source->ready.n_items - 1) : NULL; }
