/* SPDX-License-Identifier: MIT */
/*
 * notify: carries outbox rows to the journal and to drops. First everything of a
 * round is delivered durably, then one transaction marks it: a kill in between
 * repeats the round with the same ids (a drop segment even with the same name), and
 * loses nothing. Decides nothing; retries with doubling waits.
 */
#include "leadd/notify.h"
#include "leadd/messages.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

struct Notify {
        int outgoing_fd;
};

/* A new directory is synced into its parent: a segment that is durable in a directory that is not would be lost by a power cut. */
static int open_directory(int parent_fd, const char *name, int *ret) {
        if (mkdirat(parent_fd, name, 0770) == 0) {
                if (fsync(parent_fd) < 0)
                        return -errno;
        } else if (errno != EEXIST)
                return -errno;
        *ret = openat(parent_fd, name, O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        return *ret < 0 ? -errno : 0;
}

int notify_new(const char *spool_directory, Notify **ret) {
        _cleanup_(notify_freep) Notify *notify = malloc(sizeof *notify);
        _cleanup_(base_closep) int spool_fd = open(spool_directory, O_DIRECTORY | O_CLOEXEC);

        if (!notify)
                return -ENOMEM;
        notify->outgoing_fd = -1;
        if (spool_fd < 0)
                return -errno;
        int r = open_directory(spool_fd, "outgoing", &notify->outgoing_fd);
        if (r < 0)
                return r;
        *ret = TAKE(notify);
        return 0;
}

Notify *notify_free(Notify *notify) {
        if (notify) {
                base_closep(&notify->outgoing_fd);
                free(notify);
        }
        return NULL;
}

void notify_freep(Notify **notify) { *notify = notify_free(*notify); }

/* Names of rules are free text; below outgoing/ they must be one directory, and not one that programs overlook. */
static bool is_directory_name(const char *name) { return name[0] != '\0' && name[0] != '.' && !strchr(name, '/'); }

/* One segment a channel and round: tmp, fsync, rename, fsync of the directory. */
static int write_segment(Notify *notify, const char *channel, const OutboxRow *rows, size_t n_rows) {
        _cleanup_(base_closep) int channel_fd = -1;
        _cleanup_(base_closep) int tmp_fd = -1;
        _cleanup_(base_closep) int new_fd = -1;
        _cleanup_(base_closep) int fd = -1;
        Text text = { 0 };
        char name[64];
        uint64_t first = 0, last = 0;
        int r;

        if (!is_directory_name(channel))
                return -EINVAL;
        for (size_t i = 0; i < n_rows; i++) {
                if (rows[i].via != VIA_DROP || !base_streq(rows[i].channel, channel))
                        continue;
                first = first ? first : rows[i].id;
                last = rows[i].id;
                text_append(&text, rows[i].body ? rows[i].body : "{}");
                text_append_char(&text, '\n');
        }
        r = text.error;
        if (r >= 0)
                r = open_directory(notify->outgoing_fd, channel, &channel_fd);
        if (r >= 0)
                r = open_directory(channel_fd, "tmp", &tmp_fd);
        if (r >= 0)
                r = open_directory(channel_fd, "new", &new_fd);
        if (r >= 0) {
                (void) snprintf(name, sizeof name, "%012" PRIu64 "-%012" PRIu64 ".ndjson", first, last);
                fd = openat(tmp_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0660);
                r = fd < 0 ? -errno : base_write_all(fd, text.data, text.size);
        }
        if (r >= 0 && fsync(fd) < 0)
                r = -errno;
        if (r >= 0 && renameat(tmp_fd, name, new_fd, name) < 0)
                r = -errno;
        if (r >= 0 && fsync(new_fd) < 0)
                r = -errno;
        text_free(&text);
        return r;
}

static void tell_journal(const OutboxRow *row) {
        char lead[32], step[16];
        const LogField fields[] = {
                { "LEAD_ID", lead },
                { "LEAD_OWNER", row->kind == EFFECT_REMINDED ? row->recipient : NULL },
                { "LEAD_RULE", row->rule },
                { "LEAD_STEP", step },
        };

        (void) snprintf(lead, sizeof lead, "L-%" PRIu64, row->lead);
        (void) snprintf(step, sizeof step, "%u", row->step + 1); /* people count from 1 */
        if (row->kind == EFFECT_HELD)
                log_event(LOG_LEVEL_WARNING, MESSAGE_HELD, fields, ARRAY_SIZE(fields), "%s is held by %s", lead, row->rule);
        else
                log_event(LOG_LEVEL_NOTICE, MESSAGE_REMINDED, fields, ARRAY_SIZE(fields), "%s: %s step %u reminds %s (%s)", lead, row->rule,
                        row->step + 1, row->recipient, row->role ? row->role : "");
}

static const char *via_name(Via via) {
        static const char *const names[] = { "journal", "sendmail", "smtp", "exec", "webhook", "drop" };

        return (size_t) via < ARRAY_SIZE(names) ? names[via] : "?";
}

static int64_t wait_after(uint32_t attempts) {
        int64_t wait_us = NOTIFY_RETRY_FIRST_US;

        for (uint32_t i = 0; i < attempts && wait_us < NOTIFY_RETRY_LAST_US; i++)
                wait_us *= 2;
        return wait_us < NOTIFY_RETRY_LAST_US ? wait_us : NOTIFY_RETRY_LAST_US;
}

/* What became of one row of the round. */
typedef struct Attempt {
        bool tried, done;
        char error[96];
} Attempt;

static void deliver(Notify *notify, const OutboxRow *rows, size_t n_rows, Attempt *attempts) {
        for (size_t i = 0; i < n_rows; i++) {
                if (attempts[i].tried)
                        continue;
                attempts[i].tried = true;
                switch (rows[i].via) {
                case VIA_JOURNAL:
                        tell_journal(&rows[i]);
                        attempts[i].done = true;
                        break;
                case VIA_DROP: {
                        int r = write_segment(notify, rows[i].channel, rows, n_rows);
                        for (size_t k = i; k < n_rows; k++) {
                                if (rows[k].via != VIA_DROP || !base_streq(rows[k].channel, rows[i].channel))
                                        continue;
                                attempts[k].tried = true;
                                attempts[k].done = r >= 0;
                                if (r < 0)
                                        (void) snprintf(attempts[k].error, sizeof attempts[k].error, "outgoing/%.40s: %s", rows[i].channel,
                                                r == -EINVAL ? "the name cannot be a directory's" : strerror(-r));
                        }
                        break;
                }
                default:
                        (void) snprintf(attempts[i].error, sizeof attempts[i].error, "no notifier is installed that delivers by %s",
                                via_name(rows[i].via));
                }
        }
}

int notify_run(Notify *notify, Store *store, int64_t now_us, size_t *ret_n) {
        _cleanup_(arena_freep) Arena *arena = NULL;
        OutboxRow *rows = NULL;
        size_t n_rows = 0;
        int64_t next_us = store_outbox_next(store);
        int r;

        *ret_n = 0;
        if (next_us == TIME_NONE || next_us > now_us)
                return 0;
        arena = arena_new(0);
        if (!arena)
                return -ENOMEM;
        r = store_outbox_due(store, now_us, NOTIFY_BATCH_MAX, arena, &rows, &n_rows);
        if (r != 0 || n_rows == 0)
                return r;
        Attempt *attempts = ARENA_ARRAY(arena, Attempt, n_rows);
        if (!attempts)
                return -ENOMEM;
        deliver(notify, rows, n_rows, attempts);

        r = store_begin(store);
        if (r != 0)
                return r;
        for (size_t i = 0; i < n_rows && r == 0; i++) {
                if (attempts[i].done) {
                        r = store_outbox_done(store, rows[i].id, now_us);
                        continue;
                }
                r = store_outbox_retry(store, rows[i].id, now_us + wait_after(rows[i].attempts), attempts[i].error);
                if (rows[i].attempts == 0) {
                        char lead[32];
                        (void) snprintf(lead, sizeof lead, "L-%" PRIu64, rows[i].lead);
                        const LogField fields[] = { { "LEAD_ID", lead }, { "LEAD_RULE", rows[i].rule } };
                        log_event(LOG_LEVEL_WARNING, MESSAGE_DELIVERY_FAILED, fields, ARRAY_SIZE(fields),
                                "%s: not delivered to channel %s, tried again later: %s", lead, rows[i].channel, attempts[i].error);
                }
        }
        if (r != 0) {
                (void) store_rollback(store);
                return r;
        }
        r = store_commit(store);
        if (r == 0)
                *ret_n = n_rows;
        return r;
}
