/* SPDX-License-Identifier: MIT */
/*
 * forget: looks for a person in files. An address is the person's wherever it stands. An id or a telephone number may be in
 * a record of somebody else (a switchboard, a customer number): in a record with another address it is.
 *
 * Copies in done/ are a courtesy: a file in which the person may be is removed whole. In held/ other people's records wait
 * for somebody to mend them: files of lines lose the person's lines, and only what has no lines (a JSON array, a compressed
 * file) goes whole. Everything is done again after a kill; a second time there is nothing to do.
 */
#include "leadd/spool.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define ID_SIZE_MIN 6 /* a shorter id is found in everything */
#define DIGITS_MIN 8  /* the end of a telephone number, however it is written */
#define CHUNK_SIZE (1024 * 1024)
#define OVERLAP_SIZE 1024 /* longer than any address or id that can be cut by the end of a chunk */
#define TMP_NAME ".leadd.erase"

typedef struct Needle {
        char kind;
        const char *text;
        size_t size;
} Needle;
typedef struct Person {
        Needle *needles;
        size_t n;
} Person;

static void person_done(Person *person) { free(person->needles); }

static int person_parse(const char *text, size_t size, Person *ret) {
        size_t n = 0;
        *ret = (Person){ .needles = calloc(SPOOL_NEEDLES_MAX, sizeof(Needle)) };
        if (!ret->needles)
                return -ENOMEM;
        for (const char *at = text, *end = text + size; at < end && n < SPOOL_NEEDLES_MAX;) {
                const char *line_end = memchr(at, '\n', (size_t) (end - at));
                line_end = line_end ? line_end : end;
                if (line_end - at > 2) {
                        Needle needle = { .kind = at[0], .text = at + 2, .size = (size_t) (line_end - at) - 2 };
                        if (needle.kind != 'i' || needle.size >= ID_SIZE_MIN)
                                ret->needles[n++] = needle;
                }
                at = line_end + 1;
        }
        ret->n = n;
        return 0;
}

/* ---- looking ---- */

static bool is_word(char c) { return isalnum((unsigned char) c) || c == '_' || c == '-' || c == '.' || c == '+' || c == '@' || (c & 0x80); }

static int hex_at(const char *at, size_t left) {
        char digits[3] = { 0 };
        if (left < 2 || !isxdigit((unsigned char) at[0]) || !isxdigit((unsigned char) at[1]))
                return -1;
        memcpy(digits, at, 2);
        return (int) strtol(digits, NULL, 16);
}

/* The bytes of the character that JSON writes as \uXXXX; 0: there is none. Half of a pair is none: addresses do not need them. */
static size_t escaped_at(const char *at, size_t left, char ret[static 4]) {
        int high = left >= 6 && at[0] == '\\' && at[1] == 'u' ? hex_at(at + 2, 2) : -1, low = high >= 0 ? hex_at(at + 4, 2) : -1;
        unsigned c = low >= 0 ? (unsigned) high << 8 | (unsigned) low : 0;
        if (c == 0 || (c >= 0xd800 && c < 0xe000))
                return 0;
        if (c < 0x80) {
                ret[0] = (char) c;
                return 1;
        }
        size_t n = c < 0x800 ? 2 : 3;
        for (size_t i = n; i > 1; i--, c >>= 6)
                ret[i - 1] = (char) (0x80 | (c & 0x3f));
        ret[0] = (char) ((n == 2 ? 0xc0 : 0xe0) | c);
        return n;
}

static bool same_bytes(const char *a, const char *b, size_t size) {
        for (size_t i = 0; i < size; i++)
                if (tolower((unsigned char) a[i]) != tolower((unsigned char) b[i]))
                        return false;
        return true;
}

/* Case does not matter, and any character may be written as an escape of JSON or of a form. */
static size_t address_at(const Needle *needle, const char *at, size_t left) {
        size_t used = 0;
        for (size_t i = 0, n; i < needle->size; i += n) {
                char c[4];
                int hex;
                n = 1;
                if (used < left && same_bytes(at + used, needle->text + i, 1))
                        used++;
                else if (left - used >= 3 && at[used] == '%' && (hex = hex_at(at + used + 1, left - used - 1)) >= 0 &&
                         same_bytes((const char[]){ (char) hex }, needle->text + i, 1))
                        used += 3;
                else if ((n = escaped_at(at + used, left - used, c)) > 0 && n <= needle->size - i && same_bytes(c, needle->text + i, n))
                        used += 6;
                else
                        return 0;
        }
        return used;
}

/* Behind an escape that is no part of a word: a line break, or whatever a form writes as %0A. */
static bool follows_escape(const char *data, size_t i) {
        return (i >= 2 && data[i - 2] == '\\' && strchr("bfnrt", data[i - 1])) || (i >= 3 && data[i - 3] == '%') ||
               (i >= 6 && data[i - 6] == '\\' && data[i - 5] == 'u');
}

static bool has_address(const Needle *needle, const char *data, size_t size) {
        for (size_t i = 0; i < size; i++) {
                if (i > 0 && is_word(data[i - 1]) && !follows_escape(data, i))
                        continue;
                size_t used = address_at(needle, data + i, size - i);
                if (used > 0 && (i + used == size || !is_word(data[i + used]) || data[i + used] == '.'))
                        return true;
        }
        return false;
}

static bool has_id(const Needle *needle, const char *data, size_t size) {
        for (const char *at = data; (at = memmem(at, size - (size_t) (at - data), needle->text, needle->size)); at++) {
                const char *after = at + needle->size;
                bool begins = at == data || !isalnum((unsigned char) at[-1]);
                if (begins && (after == data + size || !isalnum((unsigned char) *after)))
                        return true;
        }
        return false;
}

/* The last digits of the number, with anything between them that people write there. */
static bool has_number(const Needle *needle, const char *data, size_t size) {
        char digits[32];
        size_t n = 0;
        for (size_t i = needle->size; i > 0 && n < DIGITS_MIN; i--)
                if (isdigit((unsigned char) needle->text[i - 1]))
                        digits[n++] = needle->text[i - 1];
        if (n < DIGITS_MIN)
                return false;
        for (size_t end = size; end > 0; end--) {
                if (!isdigit((unsigned char) data[end - 1]) || (end < size && isdigit((unsigned char) data[end])))
                        continue;
                size_t found = 0, gap = 0;
                for (size_t i = end; i > 0 && found < n && gap < 4; i--) {
                        if (data[i - 1] == digits[found]) {
                                found++;
                                gap = 0;
                        } else if (isdigit((unsigned char) data[i - 1]) || !strchr(" -()/.", data[i - 1]))
                                break;
                        else
                                gap++;
                }
                if (found == n)
                        return true;
        }
        return false;
}

static bool is_known_address(const Person *person, const char *at, size_t size) {
        for (size_t i = 0; i < person->n; i++)
                if (person->needles[i].kind == 'e' && person->needles[i].size == size &&
                        strncasecmp(person->needles[i].text, at, size) == 0)
                        return true;
        return false;
}

static bool has_other_address(const Person *person, const char *data, size_t size) {
        for (const char *at = data; (at = memchr(at, '@', size - (size_t) (at - data))); at++) {
                const char *from = at, *to = at + 1;
                while (from > data && is_word(from[-1]) && from[-1] != '@')
                        from--;
                while (to < data + size && is_word(*to) && *to != '@')
                        to++;
                if (from < at && memchr(at, '.', (size_t) (to - at)) && !is_known_address(person, from, (size_t) (to - from)))
                        return true;
        }
        return false;
}

static bool has_of_kind(const Person *person, const char *kinds, const char *data, size_t size) {
        for (size_t i = 0; i < person->n; i++) {
                const Needle *needle = &person->needles[i];
                if (!strchr(kinds, needle->kind))
                        continue;
                if (needle->kind == 'e'       ? has_address(needle, data, size)
                        : needle->kind == 'p' ? has_number(needle, data, size)
                                              : has_id(needle, data, size))
                        return true;
        }
        return false;
}

static bool concerns(const Person *person, const char *data, size_t size) {
        /* The ids of a bot are as many as its visits: they are looked for last. */
        return has_of_kind(person, "e", data, size) || (!has_other_address(person, data, size) && has_of_kind(person, "ip", data, size));
}

bool spool_concerns(const char *needles, size_t needles_size, const char *record, size_t size) {
        Person person;
        bool found = person_parse(needles, needles_size, &person) == 0 && concerns(&person, record, size);
        person_done(&person);
        return found;
}

/* ---- whole files ---- */

typedef struct Source {
        int fd;
        gzFile gz;
        ZSTD_DStream *zstd;
        ZSTD_inBuffer in;
        char *buffer;
} Source;

static void source_close(Source *source) {
        if (source->gz)
                (void) gzclose(source->gz);
        else if (source->fd >= 0)
                (void) close(source->fd);
        if (source->zstd)
                (void) ZSTD_freeDStream(source->zstd);
        free(source->buffer);
}

static bool ends_with(const char *name, const char *end) {
        size_t size = strlen(name), end_size = strlen(end);
        return size >= end_size && strcasecmp(name + size - end_size, end) == 0;
}

static int source_open(int dir_fd, const char *name, Source *ret) {
        *ret = (Source){ .fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) };
        if (ret->fd < 0)
                return -errno;
        if (ends_with(name, ".gz")) {
                ret->gz = gzdopen(ret->fd, "r");
                return ret->gz ? 0 : -ENOMEM;
        }
        if (!ends_with(name, ".zst"))
                return 0;
        ret->zstd = ZSTD_createDStream();
        ret->buffer = malloc(CHUNK_SIZE);
        ret->in = (ZSTD_inBuffer){ .src = ret->buffer };
        return ret->zstd && ret->buffer ? 0 : -ENOMEM;
}

/* 0 = the end. What is no compressed file after all has nothing to be found in it. */
static ssize_t source_read(Source *source, char *into, size_t size) {
        if (source->gz) {
                int n = gzread(source->gz, into, (unsigned) size);
                return n < 0 ? 0 : n;
        }
        if (!source->zstd) {
                ssize_t n = read(source->fd, into, size);
                return n < 0 ? -errno : n;
        }
        ZSTD_outBuffer out = { .dst = into, .size = size };
        while (out.pos == 0) {
                if (source->in.pos == source->in.size) {
                        ssize_t n = read(source->fd, source->buffer, CHUNK_SIZE);
                        if (n <= 0)
                                return n < 0 ? -errno : 0;
                        source->in.size = (size_t) n;
                        source->in.pos = 0;
                }
                if (ZSTD_isError(ZSTD_decompressStream(source->zstd, &out, &source->in)))
                        return 0;
        }
        return (ssize_t) out.pos;
}

/* UTF-16 as spreadsheets write it: what is looked for has no other bytes than these. */
static size_t drop_zeros(char *data, size_t size) {
        size_t n = 0;
        for (size_t i = 0; i < size; i++)
                if (data[i] != '\0' && data[i] != '\xfe' && data[i] != '\xff') /* nor are these bytes of UTF-8 */
                        data[n++] = data[i];
        return n;
}

static int find_in_file(const Person *person, int dir_fd, const char *name, const char *kinds, bool *ret) {
        _cleanup_(base_freep) char *data = malloc(OVERLAP_SIZE + CHUNK_SIZE);
        Source source;
        size_t kept = 0;
        ssize_t n = 0;
        uint64_t total = 0;
        *ret = false;
        if (!data)
                return -ENOMEM;
        int r = source_open(dir_fd, name, &source);
        while (r == 0 && !*ret && total < (uint64_t) SPOOL_FILE_SIZE_MAX && (n = source_read(&source, data + kept, CHUNK_SIZE)) > 0) {
                total += (uint64_t) n;
                size_t size = kept + drop_zeros(data + kept, (size_t) n);
                *ret = has_of_kind(person, kinds, data, size);
                kept = size < OVERLAP_SIZE ? size : OVERLAP_SIZE;
                memmove(data, data + size - kept, kept);
        }
        if (r == 0 && n < 0)
                r = (int) n;
        source_close(&source);
        return r;
}

static int remove_file(int dir_fd, const char *name, SpoolForgotten *found) {
        if (unlinkat(dir_fd, name, 0) < 0)
                return errno == ENOENT ? 0 : -errno;
        found->n_files++;
        return 0;
}

/* ---- files of lines ---- */

static void file_close(FILE **file) {
        if (*file)
                (void) fclose(*file);
        *file = NULL;
}

/* A quoted field with a line break in it makes records of more than one line. */
static bool has_records_of_lines(FILE *in) {
        _cleanup_(base_freep) char *line = NULL;
        size_t capacity = 0;
        ssize_t size;
        bool even = true;
        while (even && (size = getline(&line, &capacity, in)) > 0) {
                size_t n = 0;
                for (ssize_t i = 0; i < size; i++)
                        n += line[i] == '"';
                even = n % 2 == 0 && !memchr(line, '\0', (size_t) size);
        }
        rewind(in);
        return even;
}

typedef bool (*IsGone)(const Person *person, const char *line, size_t size);

/* Writes the file anew without the lines that are gone; with its times, by which others know it. */
static int filter_lines(const Person *person, int dir_fd, const char *name, bool csv, IsGone is_gone, SpoolForgotten *found) {
        _cleanup_(file_close) FILE *in = NULL;
        _cleanup_(file_close) FILE *out = NULL;
        _cleanup_(base_freep) char *line = NULL;
        size_t capacity = 0;
        ssize_t size;
        uint64_t n_gone = 0, n_stays = 0;
        struct stat st, now;
        int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        in = fdopen(fd, "r");
        if (!in) {
                (void) close(fd);
                return -ENOMEM;
        }
        if (fstat(fd, &st) < 0)
                return -errno;
        if (csv && !has_records_of_lines(in)) {
                bool has;
                int r = find_in_file(person, dir_fd, name, "e", &has);
                return r == 0 && has ? remove_file(dir_fd, name, found) : r;
        }
        fd = openat(dir_fd, TMP_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, st.st_mode & 0777);
        if (fd < 0)
                return -errno;
        out = fdopen(fd, "w");
        if (!out) {
                (void) close(fd);
                return -ENOMEM;
        }
        int r = 0;
        while (r == 0 && (size = getline(&line, &capacity, in)) > 0) {
                if (is_gone(person, line, (size_t) size)) {
                        n_gone++;
                        continue;
                }
                n_stays++;
                if (fwrite(line, 1, (size_t) size, out) != (size_t) size)
                        r = -EIO;
        }
        if (ferror(in))
                r = -EIO;
        struct timespec times[2] = { st.st_atim, st.st_mtim };
        if (r == 0 && n_gone > 0 && (fflush(out) != 0 || futimens(fileno(out), times) < 0 || fsync(fileno(out)) < 0))
                r = -errno;
        if (r < 0 || n_gone == 0) {
                (void) unlinkat(dir_fd, TMP_NAME, 0);
                return r;
        }
        found->n_records += n_gone;
        if (n_stays == 0) {
                (void) unlinkat(dir_fd, TMP_NAME, 0);
                return remove_file(dir_fd, name, found);
        }
        /* Somebody may have fetched it meanwhile: then it must not come back. */
        if (fstatat(dir_fd, name, &now, AT_SYMLINK_NOFOLLOW) < 0 || now.st_ino != st.st_ino) {
                (void) unlinkat(dir_fd, TMP_NAME, 0);
                return 0;
        }
        return renameat(dir_fd, TMP_NAME, dir_fd, name) < 0 ? -errno : 0;
}

/* ---- the three places ---- */

static int erase_kept(const Person *person, int dir_fd, const char *name, SpoolForgotten *found) {
        bool has = has_of_kind(person, "eip", name, strlen(name));
        int r = has ? 0 : find_in_file(person, dir_fd, name, "eip", &has);
        return r == 0 && has ? remove_file(dir_fd, name, found) : r;
}

static int erase_held(const Person *person, int dir_fd, const char *name, SpoolForgotten *found) {
        static const char reason_end[] = ".reason.json";
        char reason[NAME_MAX + sizeof(reason_end)];
        if (ends_with(name, reason_end) && !has_of_kind(person, "e", name, strlen(name))) {
                /* It goes with the file it is about, unless it names a person itself. */
                bool has;
                int r = find_in_file(person, dir_fd, name, "e", &has);
                return r == 0 && has ? remove_file(dir_fd, name, found) : r;
        }
        bool has = has_of_kind(person, "e", name, strlen(name));
        int r = 0;
        if (!has && (ends_with(name, ".ndjson") || ends_with(name, ".csv")))
                return filter_lines(person, dir_fd, name, ends_with(name, ".csv"), concerns, found);
        if (!has)
                r = find_in_file(person, dir_fd, name, "e", &has);
        if (r < 0 || !has)
                return r;
        (void) snprintf(reason, sizeof(reason), "%s%s", name, reason_end);
        r = remove_file(dir_fd, name, found);
        if (r == 0 && faccessat(dir_fd, reason, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                r = remove_file(dir_fd, reason, found);
        return r;
}

static bool is_outgoing_gone(const Person *person, const char *line, size_t size) {
        return has_of_kind(person, "n", line, size) || concerns(person, line, size);
}

static int erase_outgoing(const Person *person, int dir_fd, const char *name, SpoolForgotten *found) {
        return filter_lines(person, dir_fd, name, false, is_outgoing_gone, found);
}

typedef struct Walk {
        const Person *person;
        int (*on_file)(const Person *person, int dir_fd, const char *name, SpoolForgotten *found);
        void (*alive)(void *userdata);
        void *userdata;
        SpoolForgotten *found;
        int error; /* the first; the others are gone through all the same */
} Walk;

static void dir_close(DIR **dir) {
        if (*dir)
                (void) closedir(*dir);
        *dir = NULL;
}

/* below: how many directories deep the files are. */
static void walk(Walk *w, int parent_fd, const char *name, unsigned below) {
        _cleanup_(dir_close) DIR *dir = NULL;
        int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
                return;
        dir = fd >= 0 ? fdopendir(fd) : NULL;
        if (!dir) {
                if (w->error == 0)
                        w->error = -errno;
                if (fd >= 0)
                        (void) close(fd);
                return;
        }
        bool touched = false;
        for (const struct dirent *entry; (entry = readdir(dir));) {
                struct stat st;
                if (base_streq(entry->d_name, ".") || base_streq(entry->d_name, ".."))
                        continue;
                if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                /* What is just being written is not there yet. */
                if (base_streq(entry->d_name, "tmp") && w->on_file == erase_outgoing)
                        continue;
                if (below > 0 && S_ISDIR(st.st_mode))
                        walk(w, fd, entry->d_name, below - 1);
                if (below > 0 || !S_ISREG(st.st_mode))
                        continue;
                SpoolForgotten before = *w->found;
                int r = w->on_file(w->person, fd, entry->d_name, w->found);
                if (r < 0 && r != -ENOENT && w->error == 0)
                        w->error = r;
                touched |= before.n_files != w->found->n_files || before.n_records != w->found->n_records;
                if (w->alive)
                        w->alive(w->userdata);
        }
        if (touched && fsync(fd) < 0 && errno != EINVAL && w->error == 0)
                w->error = -errno;
}

int spool_forget(const char *spool, const char *needles, size_t size, void (*alive)(void *userdata), void *userdata, SpoolForgotten *ret) {
        static const struct {
                const char *directory;
                unsigned below;
                int (*on_file)(const Person *person, int dir_fd, const char *name, SpoolForgotten *found);
        } places[] = { { "done", 1, erase_kept }, { "held", 1, erase_held }, { "outgoing", 2, erase_outgoing } };
        Person person;
        *ret = (SpoolForgotten){ 0 };
        int r = person_parse(needles, size, &person);
        _cleanup_(base_closep) int fd = r == 0 ? open(spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        if (r == 0 && fd < 0)
                r = -errno;
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(places); i++) {
                Walk w = { .person = &person, .on_file = places[i].on_file, .alive = alive, .userdata = userdata, .found = ret };
                walk(&w, fd, places[i].directory, places[i].below);
                r = w.error;
        }
        person_done(&person);
        return r;
}
