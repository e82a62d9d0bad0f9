/* SPDX-License-Identifier: MIT */
/*
 * The file: who may write it (one process, by a lock file beside it), what it is
 * (application id, version), and its transactions. Memory follows the file: what a
 * transaction changed in the in-memory indexes is undone when it is rolled back.
 *
 * The writing connection alone checkpoints, between two transactions: SQLite before 3.51.3 can lose a committed page when
 * a second connection resets the write-ahead log. So automatic checkpoints are off everywhere, and readers do not
 * checkpoint on close either.
 */
#include "internal.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* For the instant in which the log is opened or recovered, and for somebody else's short transaction on our file. */
#define BUSY_TIMEOUT_MS 2000
/* Of the file, at start: what a larger book's rest takes is read when it is needed. */
#define READ_AHEAD_MAX (INT64_C(4) << 30)
#define READ_AHEAD_STEP (1 << 20)          /* Linux reads no more for one advice */
#define VALUE_SIZE_MAX (300 * 1024 * 1024) /* a rule set's archive: POLICY_FILES_MAX files of POLICY_FILE_SIZE_MAX, and lists */

const char *store_sqlite_version(void) { return sqlite3_libversion(); }
const uint8_t *store_secret(const Store *store) { return store->secret; }
uint64_t store_next_event(const Store *store) { return store->now.next_event; }
uint64_t store_next_lead(const Store *store) { return store->now.next_lead; }
bool store_may_checkpoint(const Store *store) { return store->mode == STORE_WRITE; }

/* ---- opening ---- */

static int lock_file(Store *store, const char *path) {
        char name[4096];
        if ((size_t) snprintf(name, sizeof(name), "%s.lock", path) >= sizeof(name))
                return -ENAMETOOLONG;
        store->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
        if (store->lock_fd < 0)
                return -errno;
        if (flock(store->lock_fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? STORE_E_BUSY : -errno;
        return 0;
}

/* Memory is filled from tables that are spread over the whole file, page by page: after a boot that would be a wait for the disk at each.
 * So the kernel is asked for the file first, unless the machine is short of memory. Before SQLite has it: closing one descriptor of a file
 * gives up the process' locks on it. */
static void read_ahead(const char *path) {
        _cleanup_(base_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        struct stat st;
        long n_free = sysconf(_SC_AVPHYS_PAGES), page_size = sysconf(_SC_PAGESIZE);
        if (fd < 0 || fstat(fd, &st) < 0 || n_free <= 0 || page_size <= 0 || st.st_size / page_size > n_free / 2)
                return;
        for (off_t at = 0; at < st.st_size && at < READ_AHEAD_MAX; at += READ_AHEAD_STEP)
                (void) posix_fadvise(fd, at, READ_AHEAD_STEP, POSIX_FADV_WILLNEED);
}

/* Made here and not by SQLite: leads are nobody else's business, and -wal and -shm inherit the mode. */
static int make_file(const char *path) {
        _cleanup_(base_closep) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return errno == EEXIST ? 0 : -errno;
        _cleanup_(base_freep) char *copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        _cleanup_(base_closep) int directory = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0 || fsync(directory) < 0)
                return -errno;
        return 0;
}

static int on_wal_grown(void *userdata, sqlite3 *db _unused_, const char *schema _unused_, int n_pages) {
        ((Store *) userdata)->n_wal_pages = n_pages;
        return SQLITE_OK;
}

static int open_database(Store *store, const char *path) {
        int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_PRIVATECACHE;
        flags |= store->mode == STORE_READ_ONLY ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
        int rc = sqlite3_open_v2(store->mode == STORE_MEMORY ? ":memory:" : path, &store->db, flags, NULL);
        if (!store->db)
                return -ENOMEM;
        if (rc != SQLITE_OK)
                return sql_error(store, rc);
        (void) sqlite3_limit(store->db, SQLITE_LIMIT_LENGTH, VALUE_SIZE_MAX);
        (void) sqlite3_limit(store->db, SQLITE_LIMIT_ATTACHED, 0);
        (void) sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        (void) sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
        (void) sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
        if (store->mode == STORE_READ_ONLY)
                (void) sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        return 0;
}

static int load_secret(Store *store, const uint8_t *secret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_META_GET, &row, ARG("secret"));
        if (r == 0) {
                Blob kept = column_blob(row, 0);
                if (kept.size != DIGEST_SIZE)
                        return STORE_E_CORRUPT;
                memcpy(store->secret, kept.data, DIGEST_SIZE);
                return 0;
        }
        if (r != STORE_E_NONE)
                return r;
        if (!store_is_writer(store))
                return STORE_E_CORRUPT;
        if (secret)
                memcpy(store->secret, secret, DIGEST_SIZE);
        else if (getrandom(store->secret, DIGEST_SIZE, 0) != DIGEST_SIZE)
                return -EIO;
        return sql_run(store, SQL_META_SET, ARG("secret"), ARG_BYTES(store->secret, DIGEST_SIZE));
}

static int load_counters(Store *store) {
        {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                int r = sql_row_plain(store, SQL_COUNTERS, &row);
                if (r != 0)
                        return r;
                store->now.next_event = column_u64(row, 0) + 1;
                store->now.next_lead = column_u64(row, 1) + 1;
                store->now.next_outbox = column_u64(row, 2) + 1;
                store->now.next_ledger = column_u64(row, 3) + 1;
                store->now.next_company = column_u64(row, 4) + 1;
        }
        {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                int r = sql_row(store, SQL_META_GET, &row, ARG("rules"));
                if (r == 0)
                        store->now.rules = column_u64(row, 0);
                else if (r != STORE_E_NONE)
                        return r;
        }
        {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                int r = sql_row_plain(store, SQL_TOTAL_GET, &row);
                if (r != 0)
                        return r == STORE_E_NONE ? STORE_E_CORRUPT : r;
                store->now.n_accepted = column_u64(row, 0);
                store->now.n_duplicates = column_u64(row, 1);
                store->now.n_refused = column_u64(row, 2);
                store->now.n_dropped = column_u64(row, 3);
                store->now.n_files = column_u64(row, 4);
        }
        return 0;
}

static int load_memory(Store *store) {
        int r = names_load(store);
        if (r == 0)
                r = hits_load(store);
        if (r == 0)
                r = fair_load(store);
        if (r == 0)
                r = activation_load(store);
        if (r == 0)
                r = desk_load_statuses(store);
        if (r == 0 && store_is_writer(store)) {
                r = desk_load(store);
                if (r == 0)
                        r = keys_load(store);
                if (r == 0)
                        r = companies_load(store);
                if (r == 0)
                        r = ledgers_load(store);
                if (r == 0)
                        r = accounts_load(store);
                if (r == 0)
                        r = desk_load_today(store);
        }
        return r;
}

int store_open(const char *path, StoreMode mode, Store **ret) { return store_open_with_secret(path, mode, NULL, ret); }

int store_open_with_secret(const char *path, StoreMode mode, const uint8_t *secret, Store **ret) {
        _cleanup_(store_closep) Store *store = calloc(1, sizeof(Store));
        if (!store)
                return -ENOMEM;
        store->lock_fd = -1;
        store->mode = mode;
        store->n_wal_pages = 0;
        if (getrandom(&store->seed, sizeof(store->seed), 0) != sizeof(store->seed))
                return -EIO;
        int r;
        if (mode != STORE_MEMORY) {
                store->path = strdup(path);
                if (!store->path)
                        return -ENOMEM;
        }
        if (mode == STORE_WRITE) {
                r = lock_file(store, path);
                if (r == 0)
                        r = make_file(path);
                if (r != 0)
                        return r;
                read_ahead(path);
        }
        r = open_database(store, path);
        if (r == 0)
                r = sql_set_up(store);
        if (r == 0)
                r = proof_register(store);
        if (r == 0)
                r = sql_prepare_all(store);
        if (r == 0)
                r = load_secret(store, secret);
        if (r == 0)
                r = load_counters(store);
        if (r == 0)
                r = load_memory(store);
        if (r == 0 && store_is_writer(store))
                r = backfill(store);
        if (r == 0 && store_is_writer(store))
                r = hindsight(store);
        if (r == 0 && store_is_writer(store))
                r = opportunities_backfill(store);
        if (r == 0 && mode == STORE_WRITE)
                (void) sqlite3_wal_hook(store->db, on_wal_grown, store);
        if (r == -EBADMSG)
                r = STORE_E_CORRUPT;
        if (r == 0)
                *ret = TAKE(store);
        return r;
}

void store_rest(Store *store) { (void) sqlite3_db_release_memory(store->db); }

Store *store_close(Store *store) {
        if (!store)
                return NULL;
        if (store->is_in_transaction)
                (void) store_rollback(store);
        sql_finalize_all(store);
        /* The writer's close checkpoints and removes the log when no reader is left. */
        if (store->db)
                (void) sqlite3_close(store->db);
        names_free(&store->names);
        names_free(&store->texts);
        index_free(&store->keys);
        index_free(&store->ledgers);
        index_free(&store->companies);
        desk_free(&store->members);
        looks_done(store);
        free(store->undo);
        free(store->hits);
        free(store->fairs.items);
        free(store->sums.items);
        Text *texts[] = { &store->body, &store->notes, &store->facts, &store->profile, &store->key_text, &store->segments, &store->scores,
                &store->archive };
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                text_free(texts[i]);
        base_closep(&store->lock_fd);
        free(store->path);
        free(store);
        return NULL;
}

void store_closep(Store **store) { *store = store_close(*store); }

/* ---- transactions ---- */

int snapshot_enter(Store *store) {
        if (store_is_writer(store) || store->is_in_transaction)
                return 0;
        if (store->n_snapshots == 0) {
                int r = sql_run_plain(store, SQL_BEGIN_READ);
                if (r != 0)
                        return r;
        }
        store->n_snapshots++;
        return 0;
}

void snapshot_leave(Store *store) {
        if (store->n_snapshots > 0 && --store->n_snapshots == 0)
                (void) sql_run_plain(store, SQL_ROLLBACK);
}

int store_begin(Store *store) {
        if (store->failed < 0)
                return store->failed;
        if (store->is_in_transaction || store->n_snapshots > 0)
                return -EINVAL;
        int r = sql_run_plain(store, store_is_writer(store) ? SQL_BEGIN : SQL_BEGIN_READ);
        if (r != 0)
                return r;
        store->is_in_transaction = true;
        store->is_spoiled = store->statuses_changed = store->totals_changed = false;
        store->now.n_names = store->names.n;
        store->now.n_seats = store->members.n;
        store->saved = store->now;
        store->n_undo = 0;
        return 0;
}

int store_rollback(Store *store) {
        if (!store->is_in_transaction)
                return 0;
        store->is_in_transaction = false;
        /* After some errors SQLite has rolled back by itself. */
        int r = sqlite3_get_autocommit(store->db) ? 0 : sql_run_plain(store, SQL_ROLLBACK);
        if (!store_is_writer(store))
                return r;
        undo_all(store);
        hits_forget(store);
        fair_forget(store);
        sums_forget(store);
        store->now = store->saved;
        store->hot = (LeadRow){ 0 };
        names_truncate(store, store->saved.n_names);
        if (r == 0)
                r = desk_load(store);
        if (r == 0 && store->statuses_changed)
                r = desk_load_statuses(store);
        if (r == 0 && store->statuses_changed)
                r = accounts_load(store);
        if (r != 0 && store->failed == 0)
                store->failed = r < 0 ? r : -EIO; /* memory may no longer be what the file is */
        return r;
}

static int flush(Store *store) {
        int r = desk_flush(store);
        if (r == 0)
                r = hits_flush(store);
        if (r == 0)
                r = fair_flush(store);
        if (r == 0)
                r = sums_flush(store);
        if (r == 0)
                r = looks_flush(store);
        if (r == 0 && store->totals_changed)
                r = sql_run(store, SQL_TOTAL_SET, ARG(store->now.n_accepted), ARG(store->now.n_duplicates), ARG(store->now.n_refused),
                        ARG(store->now.n_dropped), ARG(store->now.n_files));
        return r;
}

int store_commit(Store *store) {
        if (!store->is_in_transaction)
                return -EINVAL;
        if (!store_is_writer(store))
                return store_rollback(store);
        int r = store_may_write(store);
        if (r == 0)
                r = flush(store);
        int64_t start_us = store_monotonic_us();
        if (r == 0)
                r = sql_run_plain(store, SQL_COMMIT);
        if (r != 0) {
                int rolled_back = store_rollback(store);
                if (r == STORE_E_FULL)
                        return rolled_back < 0 ? rolled_back : r;
                /* Whether it is on the disk is not known, and asking again would be answered with a lie. */
                if (store->failed == 0)
                        store->failed = r < 0 ? r : -EIO;
                return store->failed;
        }
        store->is_in_transaction = false;
        store->n_undo = 0;
        atomic_fetch_add(&store->n_commits, 1);
        atomic_fetch_add(&store->commit_us, (uint64_t) (store_monotonic_us() - start_us));
        looks_done(store);
        return 0;
}

int store_may_write(const Store *store) {
        if (store->failed < 0)
                return store->failed;
        if (!store->is_in_transaction || !store_is_writer(store))
                return -EINVAL;
        /* Some errors make SQLite roll back by itself, even while reading: what came now would be committed row by row. */
        return store->is_spoiled || sqlite3_get_autocommit(store->db) ? -ECANCELED : 0;
}

int store_write_failed(Store *store, int r) {
        if (r == STORE_E_FULL) {
                int rolled_back = store_rollback(store);
                return rolled_back < 0 ? rolled_back : r;
        }
        store->is_spoiled = true;
        return r;
}

int store_checkpoint(Store *store, bool idle) {
        if (store->mode != STORE_WRITE || store->is_in_transaction)
                return 0;
        if (store->n_wal_pages == 0 || (!idle && store->n_wal_pages < STORE_CHECKPOINT_PAGES))
                return 0;
        int n_log = 0, n_done = 0;
        int rc = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &n_log, &n_done);
        if ((rc & 0xff) == SQLITE_BUSY)
                return 0;
        if (rc != SQLITE_OK)
                return sql_error(store, rc);
        atomic_fetch_add(&store->n_checkpoints, 1);
        /* A reader in an old snapshot keeps the rest: asked again after as many new pages, not at every batch. */
        store->n_wal_pages = 0;
        return 0;
}
