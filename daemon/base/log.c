/* SPDX-License-Identifier: MIT */
/*
 * The log: entries with fields for the journal when stderr is connected to it,
 * else one line an entry on stderr ("notice: text LEAD_ID=42"). Nothing is allocated, so that it
 * works when memory is short; what is too long is cut.
 * It does not decide what may be said: callers give ids, never lead data.
 */
#include "leadd/base.h"

#define SD_JOURNAL_SUPPRESS_LOCATION /* the location would be this file, always */

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#define LOG_TEXT_SIZE 2048  /* the message */
#define LOG_ENTRY_SIZE 4096 /* everything together */
#define LOG_FIELDS_MAX 16

/* The log has no object that callers could hand about: the level and the way out are the process's, set once at start. */
static atomic_int max_level = LOG_LEVEL_INFO;
static atomic_bool to_journal;

static bool stderr_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long device, inode;
        struct stat st;
        char end;
        if (!stream || sscanf(stream, "%llu:%llu%c", &device, &inode, &end) != 2)
                return false;
        /* The variable is inherited even where stderr has been redirected. */
        return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_open(LogLevel level) {
        atomic_store(&max_level, (int) level);
        atomic_store(&to_journal, stderr_is_journal());
}

LogLevel log_max_level(void) { return (LogLevel) atomic_load(&max_level); }

static const char *level_name(LogLevel level) {
        switch (level) {
        case LOG_LEVEL_ERROR:
                return "error";
        case LOG_LEVEL_WARNING:
                return "warning";
        case LOG_LEVEL_NOTICE:
                return "notice";
        case LOG_LEVEL_INFO:
                return "info";
        case LOG_LEVEL_DEBUG:
                break;
        }
        return "debug";
}

/* ---- an entry: strings one behind the other in one fixed buffer ---- */

typedef struct Entry {
        char data[LOG_ENTRY_SIZE];
        size_t size;
} Entry;

/* Appends and cuts; keeps one byte for the end of the line. */
static void entry_append(Entry *entry, const char *s) {
        size_t n = strlen(s), room = sizeof entry->data - 1 - entry->size;
        if (n > room)
                n = room;
        memcpy(entry->data + entry->size, s, n);
        entry->size += n;
}

static int journal_send(LogLevel level, const char *message_id, const LogField *fields, size_t n_fields, const char *text) {
        Entry entry = { .size = 0 };
        struct iovec iov[LOG_FIELDS_MAX + 3];
        size_t n = 0;
        char priority[] = { (char) ('0' + (int) level), '\0' };
        const LogField own[] = { { "PRIORITY", priority }, { "MESSAGE", text }, { "MESSAGE_ID", message_id } };
        for (size_t i = 0; i < ARRAY_SIZE(own) + n_fields; i++) {
                const LogField *field = i < ARRAY_SIZE(own) ? &own[i] : &fields[i - ARRAY_SIZE(own)];
                size_t start = entry.size;
                if (!field->value)
                        continue;
                /* A field that does not fit is left out: a cut id would be another lead's. */
                if (strlen(field->name) + 1 + strlen(field->value) > sizeof entry.data - 1 - start)
                        continue;
                entry_append(&entry, field->name);
                entry_append(&entry, "=");
                entry_append(&entry, field->value);
                iov[n++] = (struct iovec){ entry.data + start, entry.size - start };
        }
        return sd_journal_sendv(iov, (int) n);
}

static void stderr_send(LogLevel level, const LogField *fields, size_t n_fields, const char *text) {
        Entry entry = { .size = 0 };
        entry_append(&entry, level_name(level));
        entry_append(&entry, ": ");
        entry_append(&entry, text);
        for (size_t i = 0; i < n_fields; i++)
                if (fields[i].value) {
                        entry_append(&entry, " ");
                        entry_append(&entry, fields[i].name);
                        entry_append(&entry, "=");
                        entry_append(&entry, fields[i].value);
                }
        /* Ids can come from outside: they must neither start a line of their own nor steer a terminal. */
        for (size_t i = 0; i < entry.size; i++)
                if ((unsigned char) entry.data[i] < 0x20 || entry.data[i] == 0x7f)
                        entry.data[i] = '?';
        entry.data[entry.size++] = '\n';
        /* One write, so that lines of several threads do not mix. Nobody is left to tell when it fails. */
        ssize_t n = write(STDERR_FILENO, entry.data, entry.size);
        (void) n;
}

void log_event(LogLevel level, const char *message_id, const LogField *fields, size_t n_fields, const char *format, ...) {
        char text[LOG_TEXT_SIZE];
        va_list args;
        int saved_errno = errno;
        if (level > log_max_level())
                return;
        if (n_fields > LOG_FIELDS_MAX)
                n_fields = LOG_FIELDS_MAX;
        va_start(args, format);
        if (vsnprintf(text, sizeof text, format, args) < 0)
                text[0] = '\0';
        va_end(args);
        if (!atomic_load(&to_journal) || journal_send(level, message_id, fields, n_fields, text) < 0)
                stderr_send(level, fields, n_fields, text);
        errno = saved_errno;
}
