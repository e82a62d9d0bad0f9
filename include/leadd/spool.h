#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * spool: the room where files arrive. Watches SPOOL/incoming/SOURCE/new, finds
 * files that are ready, classifies hostile entries without blocking, opens one
 * file at a time in round robin over the sources, and settles what is done:
 * unlink, keep, set aside. Knows nothing of records. Used by one thread.
 *
 * A file's life: found -> ready (renamed in, closed after writing, or its ctime is SPOOL_SETTLE_US old)
 * -> claimed (open descriptor handed out) -> finished | set aside | released (tried again later).
 */
#include "leadd/base.h"

#include <limits.h>

typedef struct Spool Spool;

#define SPOOL_SETTLE_US (2 * US_PER_SECOND) /* a file found by a scan only is ready when its ctime is this old */
#define SPOOL_RESCAN_US (60 * US_PER_SECOND)
#define SPOOL_FILE_SIZE_MAX (INT64_C(1) << 30) /* bytes of a file, decoded */
#define SPOOL_ATTEMPTS_MAX 3                   /* a file that killed the daemon so often is set aside as poison */
#define SPOOL_SOURCES_MAX 4096                 /* sources beyond it are reported and not read */
#define SPOOL_STALLED_US (10 * US_PER_MINUTE)  /* a file that was seen being written waits until it is closed, or silent for so long */
#define SPOOL_RETRY_US (1 * US_PER_SECOND)     /* a released file is handed out again after this */

typedef struct SpoolConfig {
        const char *directory; /* SPOOL: incoming/, held/, done/, outgoing/ are made below it when missing */
        int64_t keep_done_us;  /* 0 = unlink finished files, else move them to done/SOURCE/ and remove them when older */
} SpoolConfig;

/* What identifies a file across a kill: the same name, inode, size and mtime is the same file. */
typedef struct SpoolIdentity {
        const char *source; /* the directory's name */
        const char *name;   /* bytes as in the directory; may not be UTF-8 */
        uint64_t device, inode, size;
        int64_t mtime_us;
} SpoolIdentity;

typedef struct SpoolFile {
        SpoolIdentity identity; /* owned by the SpoolFile */
        int fd;                 /* open, regular, single-linked, readable, O_NONBLOCK cleared; -1 once taken */
        int64_t first_seen_us;  /* when it arrived under its name */
        bool never_keep;        /* set by the caller: it holds a secret, so it does not go to done/ */
        void *userdata;         /* the caller's */
} SpoolFile;

enum {
        SPOOL_E_EMPTY = 1, /* nothing is ready now */
};

int spool_new(const SpoolConfig *config, Spool **ret);
/* Files that are still handed out are closed and freed; they stay in the spool. */
Spool *spool_free(Spool *spool);
void spool_freep(Spool **spool);

/* Readable when something may have changed (inotify); poll it, then call spool_next. */
int spool_fd(const Spool *spool);
/* When to call spool_next again although the descriptor is silent (a settling file, the rescan, work that one call did not finish):
 * monotonic microseconds. */
int64_t spool_wake_us(const Spool *spool);
/* Looks again at every directory, as at start. */
int spool_rescan(Spool *spool);
/* Has everything that was in the spool been handed out and ended? Not counted: what is left in place, what somebody is still writing. */
bool spool_is_idle(const Spool *spool);

/* The next ready file, in round robin over the sources; entries that can never be a record file are set aside on the way
 * (their reasons are queued for spool_next_notice; take them after each call). A refusal waits until the entry has settled, as names
 * and links may be half made. One call does a bounded amount of work. SPOOL_E_EMPTY: call again when spool_fd() is readable or at
 * spool_wake_us(). The caller owns *ret and ends it with exactly one of finish, set_aside, release. < 0: the spool itself cannot be
 * read or synced. */
int spool_next(Spool *spool, SpoolFile **ret);
/* Is another source waiting? Then a bulk file should give way after its chunk. */
bool spool_others_waiting(const Spool *spool, const SpoolFile *file);

/* Everything in the file is remembered durably: unlink it (or keep it in done/), sync the directory lazily. A file that was changed
 * or replaced since it was handed out stays and is found again; one that may not be removed stays and is reported once. Frees file. */
int spool_finish(Spool *spool, SpoolFile *file);
/* The file itself is unusable: moves it to held/SOURCE/ (".2", ".3" when the name is taken) and writes NAME.reason.json
 * {file, reason, text, size, first_seen, attempts}; where it may not be moved it is left, reported once and not tried again until it
 * changes. Durable when it returns. Frees file. reason: a token such as "wrong_name"; text: a sentence without lead data. */
int spool_set_aside(Spool *spool, SpoolFile *file, const char *reason, const char *text, unsigned attempts);
/* Not now (disk full, shutdown): it stays where it is and is found again. Frees file. */
void spool_release(Spool *spool, SpoolFile *file);

/* Writes (replaces) held/SOURCE/NAME.rejects.ndjson, durable when it returns; empty lines = remove it. The rejects carry the time of the
 * file they come from: those of another file of that name are kept, and ours are written to NAME.2.rejects.ndjson. */
int spool_write_rejects(Spool *spool, const SpoolIdentity *identity, const char *lines, size_t size);

/* Puts a file into incoming/SOURCE/new as a well-behaved integration does (tmp, fsync, rename, fsync): from a descriptor (read to
 * its end, at most SPOOL_FILE_SIZE_MAX). Makes the source directory when missing. *ret_name: malloc'ed name in new/.
 * extension: as in ANYTHING.EXT, "ndjson.gz". SPOOL_E_NAME: bad source or extension; SPOOL_E_SIZE: too large, or empty. Thread safe:
 * touches the file system only. Waits for a pipe: a service gives it regular files only. */
int spool_submit(const char *directory, const char *source, const char *extension, int fd, char **ret_name);
enum { SPOOL_E_NAME = 2, SPOOL_E_SIZE = 3 };

/* Something ops should see about an entry that was set aside or left alone by spool_next itself. */
typedef struct SpoolNotice {
        char *source, *name; /* name escaped for printing */
        const char *reason; /* static token: symlink, fifo, directory, device, socket, hard_link, set_id, unreadable, wrong_name, too_large,
                               empty, leased */
        bool moved;         /* into held/; false = left in place */
} SpoolNotice;
SpoolNotice *spool_next_notice(Spool *spool); /* NULL when there is none; the caller frees */
SpoolNotice *spool_notice_free(SpoolNotice *notice);

/* What stands in held/ and incoming/, for `leadctl spool`; touches the file system only. Calls back once an entry, in directory order:
 * state is "waiting", "held" or "rejects"; reason/text from NAME.reason.json, or why a waiting entry will never be read (NULL when
 * none). Names are escaped for printing (\xHH for control, undecodable bytes and the backslash). Stop by returning != 0, which is
 * returned. */
typedef struct SpoolEntry {
        const char *state, *source, *name, *reason, *text;
        uint64_t size;
        int64_t time_us; /* when it came where it is */
} SpoolEntry;
int spool_list(const char *directory, int (*on_entry)(const SpoolEntry *entry, void *userdata), void *userdata);
/* What waits in incoming/, as its directories say; touches the file system only. 0 or -errno. */
typedef struct SpoolWaiting {
        uint64_t n;        /* entries that were looked at */
        bool more;         /* there are more: n and oldest_us are those of the ones looked at */
        int64_t oldest_us; /* when the oldest came (CLOCK_REALTIME); TIME_NONE = nothing waits */
} SpoolWaiting;
int spool_waiting(const char *directory, SpoolWaiting *ret);
/* "SOURCE/NAME" as listed -> the bytes of the two names in the file system; -EINVAL: no such name can exist. */
int spool_parse_name(const char *listed, char ret_source[static NAME_MAX + 1], char ret_name[static NAME_MAX + 1]);
/* Moves a held file back into new/ under the name it came with, as a new arrival (its reason file is removed; "2.NAME" when NAME waits
 * there already) / removes a held file or rejects. -ENOENT when there is none; -EINVAL: rejects cannot be released, they are judged
 * again. NAME as listed, "SOURCE/NAME". */
int spool_held_release(const char *directory, const char *name);
int spool_held_discard(const char *directory, const char *name);

/* ---- a person who is to be forgotten ----
 * What was kept in done/, set aside in held/, or not fetched from outgoing/. What waits in incoming/ is not touched: nobody knows whom it
 * is about before it is judged, and then a redelivery is told by its key. Touches the file system only; on the thread that has the
 * spool, because nothing else must move files meanwhile. */
#define SPOOL_NEEDLES_MAX 4096 /* lines to look for; more would never end */
/* What to look for: lines "e ADDRESS", "p NUMBER", "i ID", "n L-42", as the gate wrote them. */
typedef struct SpoolForgotten {
        uint64_t n_files;   /* removed */
        uint64_t n_records; /* lines taken out of files that stay */
} SpoolForgotten;
/* alive is called between files, by whoever must show a sign of life; NULL. What cannot be gone through is an error, the rest is done. */
int spool_forget(const char *spool, const char *needles, size_t size, void (*alive)(void *userdata), void *userdata, SpoolForgotten *ret);
/* Is this one record about the person? With the address, or with an id or number and no other address. */
bool spool_concerns(const char *needles, size_t needles_size, const char *record, size_t size);
