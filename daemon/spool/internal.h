#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * spool/internal: what the files of the room share. entry.c judges names and
 * kinds, names.c keeps a window of names, source.c reads one SOURCE directory,
 * watch.c turns inotify into "look again", claim.c hands out and ends files,
 * held.c and done.c move them away, notice.c tells ops once, spool.c takes
 * turns, offline.c serves those who have only the directory.
 */
#include "leadd/spool.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>

/* ---- limits ---- */
#define SPOOL_CHUNK_SIZE 8192                     /* bytes of one look into a directory */
#define SPOOL_CHUNK_NAMES (SPOOL_CHUNK_SIZE / 24) /* the most names that fit: 24 bytes is the smallest entry */
#define SPOOL_CHUNKS_MAX 8                        /* looks in one turn of a source */
#define SPOOL_READY_MAX 1024                      /* names of a source in memory, in order */
#define SPOOL_WAITING_MAX 256                     /* names of a source that settle or are being written */
#define SPOOL_NAMES_SIZE_MAX ((size_t) 64 << 20)  /* bytes of all names in memory; then the directory is read again later */
#define SPOOL_OPEN_MAX 64                         /* directories of sources held open */
#define SPOOL_EVENTS_SIZE 16384                   /* bytes of inotify events taken by one spool_next */
#define SPOOL_EFFORT_MAX 1024                     /* of one spool_next: about as many looks at entries */
#define SPOOL_EFFORT_CHUNK 16                     /* of a look into a directory */
#define SPOOL_EFFORT_ASIDE 256                    /* of setting aside: three syncs */
#define SPOOL_NOTICES_MAX 1024                    /* then the oldest is forgotten: what it told of still stands in the directory */
#define SPOOL_LEFT_MAX 49152                      /* entries known to be left in place; then all are forgotten and reported again */
#define SPOOL_SWAPS_MAX 8                         /* looks at an entry that changes while it is looked at; then the next scan */
#define SPOOL_LEASE_TRIES_MAX 3                   /* then the next scan */
#define SPOOL_SYNC_US (5 * US_PER_SECOND)         /* removed files are made durable after this */
#define SPOOL_OVERFLOW_US (1 * US_PER_SECOND)     /* scans because of lost events are at least this far apart */
#define SPOOL_PRUNE_US US_PER_HOUR                /* done/ is looked through this often */
#define SPOOL_DISK_FULL_US (10 * US_PER_SECOND)   /* without room for its reason an entry is not set aside; tried again after this */
#define SPOOL_REASON_SIZE_MAX ((size_t) 64 << 10) /* bytes of a NAME.reason.json that is read back */
#define SPOOL_DISCARD_DEPTH_MAX 32                /* of a held directory that is discarded */
#define SPOOL_NUMBER_MAX 100                      /* NAME.2 to NAME.100; then the time is the number */
#define SPOOL_BUCKETS 1024                        /* of the tables by watch and by claim */

#define SPOOL_NEVER INT64_MAX /* a monotonic time that does not come */

typedef struct Source Source;
typedef struct Claim Claim;
typedef struct NoticeItem NoticeItem;

/* ---- entry.c: one name, one stat; pure ---- */

#define ENTRY_REASON_SUFFIX ".reason.json"
#define ENTRY_REJECTS_SUFFIX ".rejects.ndjson"
/* A name in held/ leaves room for a number (of up to 18 digits) and the longest suffix. */
#define ENTRY_HELD_MAX (NAME_MAX - 15 - 19)

/* An extension with its compression: "json", "csv.gz". */
bool entry_extension_is_known(const char *extension);
/* ANYTHING.EXT */
bool entry_name_is_known(const char *name);
/* Can a directory of that name be a source? */
bool entry_source_is_valid(const char *name);
/* Why it can never be a record file, or NULL. */
const char *entry_judge(const char *name, const struct stat *st);
/* The sentence for a reason that the room itself gives; NULL for others. */
const char *entry_reason_text(const char *reason);
bool entry_ends_with(const char *name, const char *suffix);
/* What the entry is called in held/ and done/: itself, or cut in a way that is always the same. */
void entry_held_name(const char *name, char ret[static NAME_MAX + 1]);
/* NAME, NAME.2, NAME.3, ... and suffix. held_name comes from entry_held_name. */
void entry_number_name(const char *held_name, uint64_t number, const char *suffix, char ret[static NAME_MAX + 1]);
/* The number to try after that one. */
uint64_t entry_next_number(uint64_t number);
/* For printing: control characters, the backslash and what is no UTF-8 as \xHH. malloc'ed; NULL on exhaustion. */
char *entry_escape(const char *name);
/* The reverse; -EINVAL when it is no escaped name. */
int entry_unescape(const char *text, size_t size, char ret[static NAME_MAX + 1]);
#define ENTRY_HASH_SEED UINT64_C(0xcbf29ce484222325)
uint64_t entry_hash(uint64_t seed, const void *data, size_t size);
int64_t entry_ctime_us(const struct stat *st);
int64_t entry_mtime_us(const struct stat *st);
int64_t entry_now_us(clockid_t clock);

/* ---- names.c: names of one directory, sorted, each once ---- */

typedef struct Candidate {
        int64_t due_us;   /* monotonic; not looked at before */
        int64_t ctime_us; /* as last seen while it settles, TIME_NONE = not yet */
        unsigned n_tries; /* spoiled by a swap or a lease */
        bool announced;   /* inotify says that its writer is done */
        bool writing;     /* inotify says that its writer is not */
        char name[];
} Candidate;

typedef struct Names {
        Candidate **items; /* descending, so that the first name leaves at the end */
        size_t n_items, capacity;
} Names;

/* Is it there? *ret_at: where, or where it belongs. */
bool names_find(const Names *names, const char *name, size_t *ret_at);
/* Takes candidate when it returns 0. */
int names_insert(Names *names, size_t at, Candidate *candidate);
Candidate *names_remove(Names *names, size_t at);
/* Frees the memory of an empty list. */
void names_shrink(Names *names);

/* ---- the spool and its sources ---- */

/* A directory that inotify looks at. */
typedef struct Watch {
        int wd;
        uint64_t device, inode;
        Source *source; /* NULL: incoming/ itself */
        bool of_new;    /* SOURCE/new, else SOURCE */
        struct Watch *next;
} Watch;

struct Source {
        Spool *spool;
        char *name;
        int fd;                 /* of new/; closed by the spool when many are open */
        uint64_t device, inode; /* of new/ */
        uint64_t mode;          /* of new/, folded with its owners: what decides whether entries may be moved */
        off_t position;         /* of the listing while fd is closed */
        Watch self, below;
        Names ready;       /* to be looked at, in order */
        Names waiting;     /* not before due_us */
        int64_t relist_us; /* monotonic: some names were not kept, read the directory again then */
        int64_t due_us;    /* monotonic: the earliest of relist_us and the waiting */
        size_t n_claims;
        bool listing;  /* the directory is being read */
        bool relist;   /* and again when that is through */
        bool reopen;   /* the directory may be another one */
        bool missing;  /* the directory is not there: removed at its next turn */
        bool removed;  /* no longer a source; freed with its last claim */
        bool unsynced; /* files were removed */
        bool in_ring;
        Source *ring_next, *ring_previous;
        Source *open_next, *open_previous;
};

struct Spool {
        int inotify_fd, root_fd, incoming_fd, held_fd, done_fd;
        int64_t keep_done_us;
        Source **sources; /* by name */
        size_t n_sources, sources_capacity;
        Source *ring; /* those with something to do; has the next turn */
        Source *open_newest;
        size_t n_open;
        Watch incoming;
        Watch *watches[SPOOL_BUCKETS];
        Claim *claims[SPOOL_BUCKETS];
        size_t n_claims;
        size_t names_size;
        uint64_t *left; /* hashes of entries that are left in place; 0 = free */
        size_t n_left;
        NoticeItem *notices, *notices_last;
        size_t n_notices;
        bool incoming_listing;
        bool events_lost;              /* since the last scan began */
        int64_t rescan_us, scanned_us; /* monotonic: the next scan of everything, the one before */
        int64_t due_us;                /* the earliest of the sources */
        int64_t sync_us, prune_us;     /* the next sync of removed files, the next pass over done/ */
        unsigned effort;
        int prune_fd, prune_source_fd; /* done/ and one of its sources while they are being looked through */
        char chunk[SPOOL_CHUNK_SIZE] __attribute__((aligned(8)));
};

/* One look into a directory; the entries are in spool->chunk. 0 = its end; -ENOENT: it was removed. */
ssize_t spool_read_directory(Spool *spool, int fd);
#define FOREACH_ENTRY(entry, spool, size) \
        for (struct dirent64 *entry = (struct dirent64 *) (void *) (spool)->chunk; (char *) entry < (spool)->chunk + (size); \
                entry = (struct dirent64 *) (void *) ((char *) entry + entry->d_reclen))

/* ---- source.c ---- */

Source *source_find(const Spool *spool, const char *name);
/* A directory below incoming/ that may be new to us; anything else is reported. */
int source_admit(Spool *spool, const char *name);
void source_activate(Source *source);
void source_deactivate(Source *source);
/* The directory may be another one, or its content unknown. */
void source_look_again(Source *source);
/* Opens new/ (and watches it); SOURCE_E_NONE: there is none, or it may not be read. */
int source_open(Source *source);
void source_close(Source *source);
void source_close_oldest(Spool *spool);
enum { SOURCE_E_NONE = 1 };
/* Reads names until the window is full. SOURCE_E_NONE as above. */
int source_fill(Source *source);
/* The first name that may be looked at, or NULL; the caller owns it. */
Candidate *source_pop(Source *source);
/* A name was seen: in a scan, or by inotify with its writer done. */
int source_add_name(Source *source, const char *name, bool announced);
/* Inotify saw it being made, or being written: then it is left alone until it is closed or silent for SPOOL_STALLED_US. */
int source_mark_unfinished(Source *source, const char *name, bool writing, int64_t now_us);
/* Not before due_us. Takes candidate. */
void source_wait(Source *source, Candidate *candidate, int64_t due_us);
/* A file was given back: it is ready again then. */
void source_return_name(Source *source, const char *name, int64_t due_us);
/* Events were lost: whoever was writing may have closed. */
void source_forget_writers(Source *source, int64_t now_us);
/* Leaves the ring with what it has, until then. */
void source_pause(Source *source, int64_t until_us);
/* Moves what is due from waiting to ready. */
int source_wake(Source *source, int64_t now_us);
Candidate *source_free_candidate(Source *source, Candidate *candidate);
/* No longer a source; frees it, now or with its last claim. */
void source_remove(Source *source);
Source *source_free(Source *source);

/* ---- watch.c ---- */

/* Watches the directory behind fd; watch keeps its place while it is the same directory. */
int watch_set(Spool *spool, Watch *watch, int fd, const struct stat *st, uint32_t mask);
void watch_drop(Spool *spool, Watch *watch);
/* Takes a bounded number of events. */
int watch_take_events(Spool *spool, int64_t now_us);
#define WATCH_INCOMING (IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define WATCH_SOURCE WATCH_INCOMING
#define WATCH_NEW (IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

/* ---- claim.c ---- */

enum {
        CLAIM_E_NOT_NOW = 1, /* dropped, set aside or waiting */
};
/* Looks at a candidate (which it takes) and hands it out. */
int claim_take(Source *source, Candidate *candidate, int64_t now_us, SpoolFile **ret);
const Source *claim_source(const SpoolFile *file);
void claim_free_all(Spool *spool);

/* ---- held.c ---- */

enum {
        HELD_E_LEFT = 1, /* it may not be moved, or held/ not be written */
        HELD_E_GONE = 2, /* it is not there any more, or something else has its name */
};

typedef struct HeldRequest {
        const char *source, *name;
        int from_fd;           /* the directory it is in */
        const struct stat *st; /* what is moved: something else under that name stays */
        const char *reason, *text;
        int64_t first_seen_us;
        unsigned attempts;
} HeldRequest;

/* Moves an entry to held/SOURCE/ with its reason, durably. */
int held_take(int held_fd, const HeldRequest *request);
int held_write_rejects(int held_fd, const SpoolIdentity *identity, const char *lines, size_t size);
/* parent/SOURCE, made when missing. */
int held_open_source(int parent_fd, const char *source, int *ret_fd);
/* Renames where nothing is replaced: -EEXIST. */
int held_rename(int from_fd, const char *from, int to_fd, const char *to);
/* Is this what a file system says when something may not be done here, however often it is tried? */
bool held_errno_is_refusal(int r);
int held_sync_directory(int fd);

/* ---- done.c ---- */

/* Moves a finished file to done/SOURCE/. */
int done_keep(int done_fd, int from_fd, const char *source, const char *name);
/* One look at done/, when it is time. */
void done_prune(Spool *spool, int64_t now_us);
void done_prune_stop(Spool *spool);

/* ---- notice.c ---- */

void notice_add(Spool *spool, const char *source, const char *name, const char *reason, bool moved);
/* One of our own entries stays where it is. key: what must change before it is looked at again. */
uint64_t notice_key(const Source *source, const char *name, const struct stat *st);
bool notice_is_left(const Spool *spool, uint64_t key);
/* Reports it unless that was done before. */
void notice_left(Spool *spool, uint64_t key, const char *source, const char *name, const char *reason);
void notice_free_all(Spool *spool);
