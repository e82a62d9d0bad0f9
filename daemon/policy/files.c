/* SPDX-License-Identifier: MIT */
/*
 * files: the rules directory as bytes: its Lua files, those of adapters/, the texts of lists/ and the holiday files that calendars
 * name. The same bytes make the archive, a blob that holds all of it and nothing else, so that a rule set can be
 * had again, hash and all, when its directory is long gone. Looks at names and sizes, not at what is said.
 *
 * Archive: "leadd rules 1\n", then by name each file as varint size, name, varint size, content.
 */
#include "load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define ARCHIVE_MAGIC "leadd rules 1\n"
#define FILE_NAME_SIZE_MAX 255

static bool text_ends_with(const char *text, const char *end) {
        size_t size = strlen(text), end_size = strlen(end);
        return size > end_size && base_streq(text + size - end_size, end);
}

/* false: no name that belongs into a rule set. */
static bool file_classify(const char *name, FileClass *ret) {
        const char *slash = strchr(name, '/'), *base = slash ? slash + 1 : name;
        if (name[0] == '.' || base[0] == '.' || base[0] == '\0' || strlen(name) > FILE_NAME_SIZE_MAX)
                return false;
        if (text_ends_with(base, ".ics"))
                *ret = FILE_HOLIDAYS;
        else if (!slash && text_ends_with(base, ".lua"))
                *ret = text_ends_with(base, "_test.lua") ? FILE_TEST : FILE_RULES;
        else if (strncmp(name, "adapters/", 9) == 0 && text_ends_with(base, ".lua") && !strchr(base, '/'))
                *ret = text_ends_with(base, "_test.lua") ? FILE_TEST : FILE_ADAPTERS;
        else if (strncmp(name, "lists/", 6) == 0 && text_ends_with(base, ".txt") && !strchr(base, '/'))
                *ret = FILE_LIST;
        else
                return false;
        return true;
}

static int files_add(Load *load, const char *name, FileClass class, const char *data, size_t size) {
        RuleFiles *files = &load->files;
        if (files->n_items == POLICY_FILES_MAX) {
                load_problem(load, true, name, 0, "is one file more than the %d a rule set may have", POLICY_FILES_MAX);
                return 0;
        }
        if (files->total_size + size > POLICY_ARCHIVE_SIZE_MAX) {
                load_problem(load, true, name, 0, "makes the rule set larger than %d MiB", POLICY_ARCHIVE_SIZE_MAX / 1024 / 1024);
                return 0;
        }
        files->items = load_grow(load, files->items, files->n_items, &files->capacity, sizeof(RuleFile));
        const char *name_copy = arena_strdup(load->loader.arena, name);
        if (!files->items || !name_copy)
                return load_exhausted(load);
        files->items[files->n_items++] = (RuleFile){ .name = name_copy, .class = class, .data = data, .size = size };
        files->total_size += size;
        return 0;
}

/* Reads one file; *ret_data stays NULL when it cannot be read, and problem says why. */
static int file_read(Load *load, const char *name, const char **ret_data, size_t *ret_size, char problem[static 160]) {
        _cleanup_(base_closep) int fd = openat(load->files.directory_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0) {
                snprintf(problem, 160, "cannot be read: %s", strerror(errno));
                return 0;
        }
        if (!S_ISREG(st.st_mode)) {
                snprintf(problem, 160, "is not a file");
                return 0;
        }
        if (st.st_size > POLICY_FILE_SIZE_MAX) {
                snprintf(problem, 160, "is larger than %d KiB", POLICY_FILE_SIZE_MAX / 1024);
                return 0;
        }
        size_t capacity = (size_t) st.st_size, size = 0;
        char *data = arena_alloc(load->scratch, capacity + 1);
        if (!data)
                return load_exhausted(load);
        while (size < capacity) {
                ssize_t n = read(fd, data + size, capacity - size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        snprintf(problem, 160, "cannot be read: %s", strerror(errno));
                        return 0;
                }
                if (n == 0)
                        break; /* it became shorter meanwhile: what was read is what is archived */
                size += (size_t) n;
        }
        data[size] = '\0';
        *ret_data = data;
        *ret_size = size;
        return 0;
}

static int files_read_folder(Load *load, const char *folder) {
        _cleanup_(base_closep) int fd = openat(load->files.directory_fd, folder ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
                if (!folder || errno != ENOENT)
                        load_problem(load, true, folder ? folder : "", 0, "cannot be opened: %s", strerror(errno));
                return 0;
        }
        DIR *directory = fdopendir(fd);
        if (!directory)
                return load_exhausted(load);
        TAKE_FD(fd);
        int r = 0;
        for (struct dirent *entry; r == 0 && (entry = readdir(directory));) {
                char name[2 * FILE_NAME_SIZE_MAX + 2];
                snprintf(name, sizeof(name), "%s%s%s", folder ? folder : "", folder ? "/" : "", entry->d_name);
                FileClass class;
                /* Holiday files come when a calendar names them. */
                if (!file_classify(name, &class) || class == FILE_HOLIDAYS)
                        continue;
                const char *data = NULL;
                size_t size = 0;
                char problem[160];
                r = file_read(load, name, &data, &size, problem);
                if (r == 0 && data)
                        r = files_add(load, name, class, data, size);
                else if (r == 0) {
                        load_problem(load, true, name, 0, "%s", problem);
                        load->incomplete = true;
                }
        }
        closedir(directory);
        return r;
}

static int file_compare_run(const void *a, const void *b) {
        const RuleFile *x = a, *y = b;
        return x->class != y->class ? (int) x->class - (int) y->class : strcmp(x->name, y->name);
}

static void files_check(Load *load) {
        RuleFiles *files = &load->files;
        if (files->n_items > 0)
                qsort(files->items, files->n_items, sizeof(RuleFile), file_compare_run);
        for (size_t i = 0; i < files->n_items; i++) {
                RuleFile *file = &files->items[i];
                if (file->class == FILE_HOLIDAYS || utf8_is_valid(file->data, file->size))
                        continue;
                int line = 1;
                for (const char *at = file->data, *end = file->data + file->size, *next; at < end; at = next + 1, line++) {
                        next = memchr(at, '\n', (size_t) (end - at));
                        if (!next)
                                next = end;
                        if (!utf8_is_valid(at, (size_t) (next - at)))
                                break;
                }
                load_problem(load, true, file->name, line, "is not UTF-8 text");
                file->broken = load->incomplete = true;
        }
}

int files_read_directory(Load *load, const char *directory) {
        load->files.directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (load->files.directory_fd < 0) {
                load_problem(load, true, "", 0, "cannot open the rules directory %s: %s", directory, strerror(errno));
                return 0;
        }
        int r = files_read_folder(load, NULL);
        if (r == 0)
                r = files_read_folder(load, "adapters");
        if (r == 0)
                r = files_read_folder(load, "lists");
        if (r < 0)
                return r;
        files_check(load);
        if (load->files.n_items == 0 || load->files.items[0].class != FILE_RULES)
                load_problem(load, true, "", 0, "there is no rule file (*.lua) in %s", directory);
        return 0;
}

static bool archive_read(const uint8_t **at, const uint8_t *end, const char **ret_data, size_t *ret_size) {
        uint64_t size;
        if (!base_varint_read(at, end, &size) || size > (size_t) (end - *at))
                return false;
        *ret_data = (const char *) *at;
        *ret_size = (size_t) size;
        *at += size;
        return true;
}

int files_read_archive(Load *load, const void *data, size_t size) {
        const uint8_t *at = data, *end = at + size;
        const size_t magic_size = sizeof(ARCHIVE_MAGIC) - 1;
        load->files.directory_fd = -1;
        bool ok = size >= magic_size && memcmp(data, ARCHIVE_MAGIC, magic_size) == 0;
        at += ok ? magic_size : 0;
        while (ok && at < end) {
                const char *raw_name, *content;
                size_t name_size, content_size;
                FileClass class;
                ok = archive_read(&at, end, &raw_name, &name_size) && archive_read(&at, end, &content, &content_size) &&
                     name_size <= FILE_NAME_SIZE_MAX && content_size <= POLICY_FILE_SIZE_MAX;
                if (!ok)
                        break;
                const char *name = arena_strndup(load->scratch, raw_name, name_size),
                           *copy = arena_strndup(load->scratch, content, content_size);
                if (!name || !copy)
                        return load_exhausted(load);
                ok = strlen(name) == name_size && file_classify(name, &class);
                if (ok) {
                        int r = files_add(load, name, class, copy, content_size);
                        if (r < 0)
                                return r;
                }
        }
        if (!ok)
                load_problem(load, true, "", 0, "the archived rule set is damaged");
        files_check(load);
        return 0;
}

int files_find_holidays(Load *load, const char *name, const RuleFile **ret) {
        FileClass class;
        for (size_t i = 0; i < load->files.n_items; i++)
                if (load->files.items[i].class == FILE_HOLIDAYS && base_streq(load->files.items[i].name, name)) {
                        *ret = &load->files.items[i];
                        return 0;
                }
        if (!file_classify(name, &class) || class != FILE_HOLIDAYS || name[0] == '/' || strstr(name, "..")) {
                loader_error(&load->loader, "\"holidays\" must name an .ics file beside the rules, not \"%s\"", name);
                return 0;
        }
        const char *data = NULL;
        size_t size = 0;
        if (load->files.directory_fd < 0) {
                loader_error(&load->loader, "the holiday file \"%s\" is not in the archive", name);
                return 0;
        }
        char problem[160];
        int r = file_read(load, name, &data, &size, problem);
        if (r == 0 && !data)
                loader_error(&load->loader, "the holiday file \"%s\" %s", name, problem);
        if (r < 0 || !data)
                return r;
        size_t n_before = load->files.n_items;
        r = files_add(load, name, class, data, size);
        if (r < 0 || load->files.n_items == n_before)
                return r;
        *ret = &load->files.items[n_before];
        return 0;
}

static int file_compare_name(const void *a, const void *b) {
        return strcmp((*(const RuleFile *const *) a)->name, (*(const RuleFile *const *) b)->name);
}

int files_write_archive(const Load *load, Text *out) {
        size_t n = load->files.n_items;
        const RuleFile **sorted = ARENA_ARRAY(load->scratch, const RuleFile *, n + 1);
        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                sorted[i] = &load->files.items[i];
        qsort(sorted, n, sizeof(*sorted), file_compare_name);
        text_append(out, ARCHIVE_MAGIC);
        for (size_t i = 0; i < n; i++) {
                text_append_varint(out, strlen(sorted[i]->name));
                text_append(out, sorted[i]->name);
                text_append_varint(out, sorted[i]->size);
                text_append_size(out, sorted[i]->data, sorted[i]->size);
        }
        return out->error;
}
