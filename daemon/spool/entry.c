/* SPDX-License-Identifier: MIT */
/*
 * Judges one entry by its name and its stat: which names are record files,
 * which kinds can never be one, and how a name is written where it may not
 * stay as it is (held/, a terminal, a log). Pure: touches no file.
 */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

bool entry_ends_with(const char *name, const char *suffix) {
        size_t size = strlen(name), suffix_size = strlen(suffix);
        return size >= suffix_size && base_streq(name + size - suffix_size, suffix);
}

/* ---- names ---- */

static const char *const extensions[] = { "json", "ndjson", "csv", "form", "xml" };
static const char *const compressions[] = { "", ".gz", ".zst" };

/* In any case of letters, as some exports write .CSV. */
bool entry_extension_is_known(const char *extension) {
        for (size_t i = 0; i < ARRAY_SIZE(extensions); i++) {
                size_t size = strlen(extensions[i]);
                if (strncasecmp(extension, extensions[i], size) != 0)
                        continue;
                for (size_t k = 0; k < ARRAY_SIZE(compressions); k++)
                        if (strcasecmp(extension + size, compressions[k]) == 0)
                                return true;
        }
        return false;
}

bool entry_name_is_known(const char *name) {
        const char *dot = strrchr(name, '.');
        if (!dot || dot == name)
                return false;
        if (entry_extension_is_known(dot + 1))
                return true;
        /* The dot before the last one, for a compressed file. */
        const char *before = memrchr(name, '.', (size_t) (dot - name));
        return before && before != name && entry_extension_is_known(before + 1);
}

bool entry_source_is_valid(const char *name) {
        size_t size = strlen(name);
        return size > 0 && size <= NAME_MAX && name[0] != '.' && !memchr(name, '/', size);
}

/* ---- kinds ---- */

const char *entry_judge(const char *name, const struct stat *st) {
        switch (st->st_mode & S_IFMT) {
        case S_IFREG:
                break;
        case S_IFLNK:
                return "symlink";
        case S_IFIFO:
                return "fifo";
        case S_IFSOCK:
                return "socket";
        case S_IFDIR:
                return "directory";
        default:
                return "device";
        }
        if (!entry_name_is_known(name))
                return "wrong_name";
        if (st->st_mode & (S_ISUID | S_ISGID))
                return "set_id";
        if (st->st_nlink > 1)
                return "hard_link";
        if (st->st_size > SPOOL_FILE_SIZE_MAX)
                return "too_large";
        if (st->st_size == 0)
                return "empty";
        return NULL;
}

const char *entry_reason_text(const char *reason) {
        static const struct {
                const char *reason, *text;
        } texts[] = {
                { "symlink", "This is a symbolic link; only regular files are read." },
                { "fifo", "This is a FIFO; only regular files are read." },
                { "socket", "This is a socket; only regular files are read." },
                { "directory", "This is a directory; only regular files are read." },
                { "device", "This is a device or something else that is no regular file." },
                { "wrong_name",
                        "The name does not end in .json, .ndjson, .csv, .form or .xml, with .gz or .zst after it when compressed." },
                { "set_id", "The file has a set-user-ID or set-group-ID bit." },
                { "hard_link", "The file has more than one name (hard link), so that it could change after it was read." },
                { "too_large", "The file is larger than 1 GiB." },
                { "empty", "The file is empty." },
                { "unreadable", "The file may not be read by the daemon." },
                { "leased", "Another process holds a lease on the file." },
        };
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                if (base_streq(reason, texts[i].reason))
                        return texts[i].text;
        return NULL;
}

/* ---- names where they may not stay as they are ---- */

uint64_t entry_hash(uint64_t seed, const void *data, size_t size) {
        const uint8_t *bytes = data;
        for (size_t i = 0; i < size; i++)
                seed = (seed ^ bytes[i]) * UINT64_C(0x100000001b3);
        return seed;
}

/* Cut so that a number and a suffix always fit. A name that itself ends like a reason or rejects file is changed as well: such
 * files are ours to replace, and a drop must never be what is replaced. The hash keeps different names apart; equal hashes would
 * only be numbered. */
void entry_held_name(const char *name, char ret[static NAME_MAX + 1]) {
        size_t size = strlen(name);
        if (size <= ENTRY_HELD_MAX && !entry_ends_with(name, ENTRY_REASON_SUFFIX) && !entry_ends_with(name, ENTRY_REJECTS_SUFFIX)) {
                memcpy(ret, name, size + 1);
                return;
        }
        size_t cut = size < ENTRY_HELD_MAX - 17 ? size : ENTRY_HELD_MAX - 17;
        /* Not in the middle of a character, if these are characters. */
        for (int i = 0; i < 3 && cut > 1 && ((uint8_t) name[cut] & 0xc0) == 0x80; i++)
                cut--;
        memcpy(ret, name, cut);
        (void) snprintf(ret + cut, 18, "~%016llx", (unsigned long long) entry_hash(ENTRY_HASH_SEED, name, size));
}

void entry_number_name(const char *held_name, uint64_t number, const char *suffix, char ret[static NAME_MAX + 1]) {
        if (number == 1)
                (void) snprintf(ret, NAME_MAX + 1, "%s%s", held_name, suffix);
        else
                (void) snprintf(ret, NAME_MAX + 1, "%s.%llu%s", held_name, (unsigned long long) number, suffix);
}

uint64_t entry_next_number(uint64_t number) {
        if (number < SPOOL_NUMBER_MAX)
                return number + 1;
        uint64_t now = (uint64_t) entry_now_us(CLOCK_REALTIME);
        return now > number ? now : number + 1;
}

/* The length of the printable character at s, or 0. */
static size_t entry_printable_size(const char *s, size_t size) {
        uint8_t lead = (uint8_t) s[0];
        if (lead < 0x80)
                return lead >= 0x20 && lead != 0x7f && lead != '\\';
        size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        if (length > size || !utf8_is_valid(s, length))
                return 0;
        /* U+0080 to U+009F are control characters, too. */
        if (lead == 0xc2 && (uint8_t) s[1] < 0xa0)
                return 0;
        return length;
}

char *entry_escape(const char *name) {
        Text text = { 0 };
        for (size_t i = 0, size = strlen(name); i < size;) {
                size_t length = entry_printable_size(name + i, size - i);
                if (length > 0)
                        text_append_size(&text, name + i, length);
                else
                        text_printf(&text, "\\x%02x", (uint8_t) name[i]);
                i += length > 0 ? length : 1;
        }
        text_append_size(&text, "", 0);
        if (text.error < 0) {
                text_free(&text);
                return NULL;
        }
        return text.data;
}

static int entry_hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return -1;
}

int entry_unescape(const char *text, size_t size, char ret[static NAME_MAX + 1]) {
        size_t n = 0;
        for (size_t i = 0; i < size; i++) {
                char c = text[i];
                if (c == '\\') {
                        if (size - i < 4 || text[i + 1] != 'x')
                                return -EINVAL;
                        int high = entry_hex_digit(text[i + 2]), low = entry_hex_digit(text[i + 3]);
                        if (high < 0 || low < 0)
                                return -EINVAL;
                        c = (char) (high << 4 | low);
                        i += 3;
                }
                if (c == '\0' || c == '/' || n == NAME_MAX)
                        return -EINVAL;
                ret[n++] = c;
        }
        ret[n] = '\0';
        return 0;
}

/* ---- times ---- */

static int64_t entry_time_us(const struct timespec *ts) { return (int64_t) ts->tv_sec * US_PER_SECOND + ts->tv_nsec / 1000; }

int64_t entry_ctime_us(const struct stat *st) { return entry_time_us(&st->st_ctim); }

int64_t entry_mtime_us(const struct stat *st) { return entry_time_us(&st->st_mtim); }

int64_t entry_now_us(clockid_t clock) {
        struct timespec now;
        (void) clock_gettime(clock, &now);
        return entry_time_us(&now);
}
