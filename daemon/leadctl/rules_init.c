/* SPDX-License-Identifier: MIT */
/*
 * `leadctl rules init [DIR]`: copies the shipped policy to where ops keep theirs, as
 * something to start from. Never touches a directory that holds rules already.
 */
#include "leadctl.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define SHIPPED_RULES LEADD_PREFIX "/share/leadd/rules"
#define OWN_RULES "/etc/leadd/rules"

static void close_directory(DIR **directory) {
        if (*directory)
                (void) closedir(*directory);
}

static bool is_lua(const char *name) {
        size_t size = strlen(name);
        return name[0] != '.' && size > 4 && base_streq(name + size - 4, ".lua");
}

static int copy_file(int from_fd, int to_fd, const char *name) {
        _cleanup_(base_closep) int in = openat(from_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (in < 0)
                return -errno;
        _cleanup_(base_closep) int out = openat(to_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (out < 0)
                return -errno;
        char buffer[16384];
        ssize_t n;
        while ((n = read(in, buffer, sizeof buffer)) > 0) {
                int r = base_write_all(out, buffer, (size_t) n);
                if (r < 0)
                        return r;
        }
        return n < 0 ? -errno : 0;
}

/* The regular files of one directory; *failed names the file something went wrong with. */
static int copy_directory(int from_at, int to_at, const char *name, size_t *n_files, char *failed, size_t failed_size) {
        int from_fd = openat(from_at, name, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        if (from_fd < 0)
                return errno == ENOENT && !base_streq(name, ".") ? 0 : -errno;
        _cleanup_(close_directory) DIR *directory = fdopendir(from_fd);
        if (!directory) {
                (void) close(from_fd);
                return -ENOMEM;
        }
        if (mkdirat(to_at, name, 0755) < 0 && errno != EEXIST)
                return -errno;
        _cleanup_(base_closep) int to_fd = openat(to_at, name, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        if (to_fd < 0)
                return -errno;
        for (const struct dirent *entry; (entry = readdir(directory));) {
                struct stat st;
                if (entry->d_name[0] == '.' || fstatat(from_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                        continue;
                int r = copy_file(from_fd, to_fd, entry->d_name);
                if (r < 0) {
                        (void) snprintf(failed, failed_size, "%s", entry->d_name);
                        return r;
                }
                (*n_files)++;
        }
        return 0;
}

static bool holds_rules(const char *path) {
        _cleanup_(close_directory) DIR *directory = opendir(path);
        if (!directory)
                return false;
        for (const struct dirent *entry; (entry = readdir(directory));)
                if (is_lua(entry->d_name))
                        return true;
        return false;
}

/* Every directory on the way, as mkdir -p. */
static int make_path(const char *path) {
        _cleanup_(base_freep) char *copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        for (char *at = copy + 1;; at++) {
                if (*at != '/' && *at != '\0')
                        continue;
                char end = *at;
                *at = '\0';
                if (mkdir(copy, 0755) < 0 && errno != EEXIST)
                        return -errno;
                if (end == '\0')
                        return 0;
                *at = end;
        }
}

int rules_init(const char *from, const char *to) {
        static const char *const directories[] = { ".", "adapters", "lists" };
        char failed[256] = "";
        size_t n_files = 0;

        from = from ? from : SHIPPED_RULES;
        to = to ? to : OWN_RULES;
        if (holds_rules(to)) {
                say_error("%s holds rules already; nothing was copied", to);
                return EXIT_REFUSED;
        }
        _cleanup_(base_closep) int from_fd = open(from, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        if (from_fd < 0) {
                say_error("the shipped rules in %s: %s; name others with --from=DIR", from, strerror(errno));
                return EXIT_NO_SUCH_THING;
        }
        int r = make_path(to);
        _cleanup_(base_closep) int to_fd = r < 0 ? -1 : open(to, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        if (r >= 0 && to_fd < 0)
                r = -errno;
        for (size_t i = 0; i < ARRAY_SIZE(directories) && r >= 0; i++)
                r = copy_directory(from_fd, to_fd, directories[i], &n_files, failed, sizeof failed);
        if (r < 0) {
                say_error("%s%s%s: %s", to, *failed ? "/" : "", failed, strerror(-r));
                return r == -EACCES || r == -EPERM || r == -EROFS ? EXIT_NOT_PERMITTED : EXIT_REFUSED;
        }
        (void) printf("%zu files copied from %s to %s. Edit them, then: leadctl check %s && leadctl reload\n", n_files, from, to, to);
        return EXIT_DONE;
}
