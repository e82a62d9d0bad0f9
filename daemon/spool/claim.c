/* SPDX-License-Identifier: MIT */
/*
 * Hands files out and ends them. A candidate is judged by its stat, opened
 * without following or waiting, and judged again by what was opened, so that a
 * swap in between is seen. A file that is handed out is in the table of claims
 * and is not handed out again before it is ended; what ends it acts on the name
 * only while the name still means the file that was read.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

struct Claim {
        SpoolFile file; /* first: the caller's pointer */
        Source *source;
        Claim *next;
        bool again;   /* its name was announced meanwhile: another file may have it */
        char names[]; /* source and name; the reading thread's caller may hand them to another thread */
};

static Claim **claim_bucket(Spool *spool, const Source *source, const char *name) {
        uint64_t hash = entry_hash(ENTRY_HASH_SEED ^ (uintptr_t) source, name, strlen(name));
        return &spool->claims[hash % SPOOL_BUCKETS];
}

static Claim *claim_find(const Source *source, const char *name) {
        for (Claim *claim = *claim_bucket(source->spool, source, name); claim; claim = claim->next)
                if (claim->source == source && base_streq(claim->file.identity.name, name))
                        return claim;
        return NULL;
}

static int claim_new(Source *source, const char *name, int *fd, const struct stat *st, SpoolFile **ret) {
        Spool *spool = source->spool;
        size_t source_size = strlen(source->name) + 1, name_size = strlen(name) + 1;
        Claim *claim = calloc(1, sizeof(*claim) + source_size + name_size);
        if (!claim)
                return -ENOMEM;
        memcpy(claim->names, source->name, source_size);
        memcpy(claim->names + source_size, name, name_size);
        int64_t now_us = entry_now_us(CLOCK_REALTIME), ctime_us = entry_ctime_us(st);
        claim->source = source;
        claim->file = (SpoolFile){
                .identity = {
                        .source = claim->names,
                        .name = claim->names + source_size,
                        .device = st->st_dev,
                        .inode = st->st_ino,
                        .size = (uint64_t) st->st_size,
                        .mtime_us = entry_mtime_us(st),
                },
                .fd = TAKE_FD(*fd),
                .first_seen_us = ctime_us < now_us ? ctime_us : now_us,
        };
        Claim **bucket = claim_bucket(spool, source, name);
        claim->next = *bucket;
        *bucket = claim;
        spool->n_claims++;
        source->n_claims++;
        *ret = &claim->file;
        return 0;
}

const Source *claim_source(const SpoolFile *file) { return ((const Claim *) file)->source; }

static void claim_free(Claim *claim) {
        Source *source = claim->source;
        Spool *spool = source->spool;
        for (Claim **at = claim_bucket(spool, source, claim->file.identity.name); *at; at = &(*at)->next)
                if (*at == claim) {
                        *at = claim->next;
                        break;
                }
        base_closep(&claim->file.fd);
        free(claim);
        spool->n_claims--;
        source->n_claims--;
        if (source->removed && source->n_claims == 0)
                (void) source_free(source);
}

void claim_free_all(Spool *spool) {
        for (size_t i = 0; i < SPOOL_BUCKETS; i++)
                while (spool->claims[i])
                        claim_free(spool->claims[i]);
}

/* ---- handing out ---- */

/* Has the entry been left alone for that long? When not, it is put to wait (and taken). A ctime in the future (a clock set back, a
 * file server's clock) says nothing; then it must stay the same under our own eyes for that long. */
static bool claim_is_settled(Source *source, Candidate *candidate, const struct stat *st, int64_t period_us, int64_t now_us) {
        int64_t ctime_us = entry_ctime_us(st), age_us = entry_now_us(CLOCK_REALTIME) - ctime_us;
        if (age_us >= period_us || (candidate->ctime_us == ctime_us && candidate->due_us <= now_us))
                return true;
        candidate->ctime_us = ctime_us;
        source_wait(source, candidate, now_us + (age_us < 0 ? period_us : period_us - age_us));
        return false;
}

/* It changed while it was looked at, or may not be opened yet: another look soon, then only with the next scan. */
static int claim_try_again(Source *source, Candidate *candidate, unsigned tries_max, int64_t due_us) {
        if (++candidate->n_tries < tries_max)
                source_wait(source, candidate, due_us);
        else
                (void) source_free_candidate(source, candidate);
        return CLAIM_E_NOT_NOW;
}

/* Takes candidate. */
static int claim_refuse(Source *source, Candidate *candidate, const struct stat *st, const char *reason, int64_t now_us) {
        Spool *spool = source->spool;
        HeldRequest request = {
                .source = source->name,
                .name = candidate->name,
                .from_fd = source->fd,
                .st = st,
                .reason = reason,
                .text = entry_reason_text(reason),
                .first_seen_us = entry_ctime_us(st),
        };
        spool->effort += SPOOL_EFFORT_ASIDE;
        int r = held_take(spool->held_fd, &request);
        if (r == HELD_E_GONE)
                return claim_try_again(source, candidate, SPOOL_SWAPS_MAX, now_us);
        if (r == -ENOSPC || r == -EDQUOT) {
                source_wait(source, candidate, now_us + SPOOL_DISK_FULL_US);
                return CLAIM_E_NOT_NOW;
        }
        if (r < 0) {
                source_wait(source, candidate, now_us + SPOOL_RETRY_US);
                return r;
        }
        if (r == HELD_E_LEFT)
                notice_left(spool, notice_key(source, candidate->name, st), source->name, candidate->name, reason);
        else
                notice_add(spool, source->name, candidate->name, reason, true);
        (void) source_free_candidate(source, candidate);
        return CLAIM_E_NOT_NOW;
}

/* A refusal waits as well: a link that is about to lose its other name, a NAME.part that is about to be renamed and a file that was
 * only created yet are normal. An empty file whose writer was not seen to close it gets longer, as a report that is written by a
 * shell's redirection is empty until the query is through. */
static int claim_judge(Source *source, Candidate *candidate, const struct stat *st, int64_t now_us) {
        const char *reason = entry_judge(candidate->name, st);
        if (!reason && candidate->announced)
                return 0;
        bool unwritten = reason && base_streq(reason, "empty") && !candidate->announced;
        candidate->writing = unwritten;
        if (!claim_is_settled(source, candidate, st, unwritten ? SPOOL_STALLED_US : SPOOL_SETTLE_US, now_us))
                return CLAIM_E_NOT_NOW;
        return reason ? claim_refuse(source, candidate, st, reason, now_us) : 0;
}

static int claim_open(Source *source, Candidate *candidate, const struct stat *st, int64_t now_us, SpoolFile **ret) {
        _cleanup_(base_closep) int fd = -1;
        struct stat open_st;
        fd = openat(source->fd, candidate->name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
        if (fd < 0) {
                switch (errno) {
                case ENOENT:
                case ELOOP:
                case ENXIO:
                case ENODEV:
                case ENOTDIR:
                        return claim_try_again(source, candidate, SPOOL_SWAPS_MAX, now_us);
                case EMFILE:
                case ENFILE:
                case ENOMEM:
                        source_close_oldest(source->spool);
                        source_wait(source, candidate, now_us + SPOOL_RETRY_US);
                        return CLAIM_E_NOT_NOW;
                case EWOULDBLOCK:
                        /* The holder is asked by the kernel to give the lease up, within 45 s at most. So it is not moved away. */
                        if (candidate->n_tries + 1 >= SPOOL_LEASE_TRIES_MAX)
                                notice_left(source->spool, notice_key(source, candidate->name, st) ^ 1, source->name, candidate->name,
                                        "leased");
                        return claim_try_again(source, candidate, SPOOL_LEASE_TRIES_MAX, now_us + SPOOL_RETRY_US);
                default:
                        if (!claim_is_settled(source, candidate, st, SPOOL_SETTLE_US, now_us))
                                return CLAIM_E_NOT_NOW;
                        return claim_refuse(source, candidate, st, "unreadable", now_us);
                }
        }
        if (fstat(fd, &open_st) < 0 || open_st.st_ino != st->st_ino || open_st.st_dev != st->st_dev)
                return claim_try_again(source, candidate, SPOOL_SWAPS_MAX, now_us);
        /* What was looked at and what was opened are the same, but it may have changed in between. */
        int r = claim_judge(source, candidate, &open_st, now_us);
        if (r != 0)
                return r;
        r = fcntl(fd, F_SETFL, 0) < 0 ? -errno : claim_new(source, candidate->name, &fd, &open_st, ret);
        if (r < 0)
                source_wait(source, candidate, now_us + SPOOL_RETRY_US);
        else
                (void) source_free_candidate(source, candidate);
        return r;
}

int claim_take(Source *source, Candidate *candidate, int64_t now_us, SpoolFile **ret) {
        Claim *claim = claim_find(source, candidate->name);
        struct stat st;
        source->spool->effort++;
        if (claim) {
                claim->again |= candidate->announced;
                (void) source_free_candidate(source, candidate);
                return CLAIM_E_NOT_NOW;
        }
        int r = source_open(source);
        if (r == SOURCE_E_NONE) {
                (void) source_free_candidate(source, candidate);
                return CLAIM_E_NOT_NOW;
        }
        if (r < 0) {
                source_wait(source, candidate, now_us + SPOOL_RETRY_US);
                return r;
        }
        if (fstatat(source->fd, candidate->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                /* Mostly it is gone. A directory that may be listed but not entered, and a failing disk, are told once and tried
                 * again with each scan. */
                if (errno != ENOENT) {
                        st = (struct stat){ 0 };
                        notice_left(source->spool, notice_key(source, candidate->name, &st), source->name, candidate->name, "unreadable");
                }
                (void) source_free_candidate(source, candidate);
                return CLAIM_E_NOT_NOW;
        }
        if (notice_is_left(source->spool, notice_key(source, candidate->name, &st))) {
                (void) source_free_candidate(source, candidate);
                return CLAIM_E_NOT_NOW;
        }
        r = claim_judge(source, candidate, &st, now_us);
        return r != 0 ? r : claim_open(source, candidate, &st, now_us, ret);
}

/* ---- ending ---- */

/* Does the name still mean the file that was handed out, as it was then? 0 yes, CLAIM_E_NOT_NOW no. Between this look and what follows
 * another file can be renamed onto the name: producers that reuse a name while the file before it is being read live with that
 * microsecond, as Linux cannot remove a name on the condition of its inode. */
static int claim_verify(Claim *claim, struct stat *ret_st) {
        const SpoolIdentity *identity = &claim->file.identity;
        int r = source_open(claim->source);
        if (r < 0)
                return r;
        if (r == SOURCE_E_NONE || fstatat(claim->source->fd, identity->name, ret_st, AT_SYMLINK_NOFOLLOW) < 0)
                return CLAIM_E_NOT_NOW;
        bool same = ret_st->st_ino == identity->inode && ret_st->st_dev == identity->device &&
                    (uint64_t) ret_st->st_size == identity->size && entry_mtime_us(ret_st) == identity->mtime_us;
        return same ? 0 : CLAIM_E_NOT_NOW;
}

/* Ends the claim; what has its name now is looked at again. */
static int claim_end_changed(Claim *claim) {
        Source *source = claim->source;
        int r = source->removed ? 0 : source_add_name(source, claim->file.identity.name, claim->again);
        claim_free(claim);
        return r;
}

static void claim_end(Claim *claim) {
        if (claim->again)
                (void) claim_end_changed(claim);
        else
                claim_free(claim);
}

static void claim_give_back(Claim *claim, int64_t after_us) {
        if (!claim->source->removed)
                source_return_name(claim->source, claim->file.identity.name, entry_now_us(CLOCK_MONOTONIC) + after_us);
        claim_free(claim);
}

int spool_finish(Spool *spool, SpoolFile *file) {
        Claim *claim = (Claim *) file;
        Source *source = claim->source;
        struct stat st;
        int r = claim_verify(claim, &st);
        if (r != 0) {
                int end = claim_end_changed(claim);
                return r < 0 ? r : end;
        }
        if (spool->keep_done_us > 0 && !file->never_keep)
                r = done_keep(spool->done_fd, source->fd, source->name, file->identity.name);
        else
                r = unlinkat(source->fd, file->identity.name, 0) < 0 ? -errno : 0;
        if (r == 0) {
                source->unsynced = true;
                if (spool->sync_us == SPOOL_NEVER)
                        spool->sync_us = entry_now_us(CLOCK_MONOTONIC) + SPOOL_SYNC_US;
        } else if (r == -ENOENT) {
                r = 0;
        } else if (held_errno_is_refusal(r)) {
                /* Left where it is; whoever remembers the file will not judge it again. */
                notice_left(spool, notice_key(source, file->identity.name, &st), source->name, file->identity.name, "unremovable");
                r = 0;
        }
        claim_end(claim);
        return r;
}

int spool_set_aside(Spool *spool, SpoolFile *file, const char *reason, const char *text, unsigned attempts) {
        Claim *claim = (Claim *) file;
        Source *source = claim->source;
        struct stat st;
        int r = claim_verify(claim, &st);
        if (r != 0) {
                int end = claim_end_changed(claim);
                return r < 0 ? r : end;
        }
        HeldRequest request = {
                .source = source->name,
                .name = file->identity.name,
                .from_fd = source->fd,
                .st = &st,
                .reason = reason,
                .text = text,
                .first_seen_us = file->first_seen_us,
                .attempts = attempts,
        };
        /* Its writer may have been careless; from now on it is ours to keep. What cannot be written out is still better in held/. */
        if (file->fd >= 0)
                (void) fsync(file->fd);
        r = held_take(spool->held_fd, &request);
        if (r == HELD_E_LEFT)
                notice_left(spool, notice_key(source, file->identity.name, &st), source->name, file->identity.name, reason);
        if (r == HELD_E_GONE)
                return claim_end_changed(claim);
        if (r < 0)
                claim_give_back(claim, r == -ENOSPC || r == -EDQUOT ? SPOOL_DISK_FULL_US : SPOOL_RETRY_US);
        else
                claim_end(claim);
        return r < 0 ? r : 0;
}

void spool_release(Spool *spool, SpoolFile *file) {
        (void) spool;
        claim_give_back((Claim *) file, SPOOL_RETRY_US);
}
