/* SPDX-License-Identifier: MIT */
/*
 * Which time zone somebody probably meant. The names come from the system's list
 * of rules (tzdata.zi); where a system has none, nothing is suggested.
 * Only for error texts: whether a zone exists is zone.c's business.
 */
#include "internal.h"

#include <fcntl.h>
#include <stdio.h>

#define ZONE_LIST_SIZE_MAX ((size_t) 1024 * 1024)
#define ZONE_NAMES_MAX 2000

static char *read_zone_list(void) {
        const char *folder = getenv("TZDIR");
        char path[4096];
        int n = snprintf(path, sizeof path, "%s/tzdata.zi", folder ? folder : "/usr/share/zoneinfo");
        if (n < 0 || (size_t) n >= sizeof path)
                return NULL;
        _cleanup_(base_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        char *list = fd >= 0 ? malloc(ZONE_LIST_SIZE_MAX + 1) : NULL;
        if (!list)
                return NULL;
        size_t size = 0;
        while (size < ZONE_LIST_SIZE_MAX) {
                ssize_t got = read(fd, list + size, ZONE_LIST_SIZE_MAX - size);
                if (got <= 0) /* a list that is cut short by an error suggests less */
                        break;
                size += (size_t) got;
        }
        list[size] = '\0';
        return list;
}

/* "Z NAME offset ..." begins a zone, "L TARGET NAME" gives it another name. */
static size_t find_zone_names(char *list, const char **names) {
        size_t n = 0;
        char *rest = NULL;
        for (char *line = strtok_r(list, "\n", &rest); line && n < ZONE_NAMES_MAX; line = strtok_r(NULL, "\n", &rest)) {
                char *word = NULL;
                if (strncmp(line, "Z ", 2) == 0)
                        word = line + 2;
                else if (strncmp(line, "L ", 2) == 0 && (word = strchr(line + 2, ' ')))
                        word++;
                if (!word || *word == '\0')
                        continue;
                word[strcspn(word, " \t")] = '\0';
                names[n++] = word;
        }
        return n;
}

char *zone_closest(const char *name) {
        _cleanup_(base_freep) char *list = read_zone_list();
        _cleanup_(base_freep) const char **names = calloc(ZONE_NAMES_MAX * 2, sizeof *names);
        if (!list || !names)
                return NULL;
        size_t n = find_zone_names(list, names);
        const char *closest = text_closest(name, names, n);
        if (!closest && !strchr(name, '/')) {
                /* "Berlin": the last part of a name, which stands for the whole. */
                const char **cities = names + ZONE_NAMES_MAX;
                for (size_t i = 0; i < n; i++) {
                        const char *slash = strrchr(names[i], '/');
                        cities[i] = slash ? slash + 1 : NULL;
                }
                const char *city = text_closest(name, cities, n);
                for (size_t i = 0; city && i < n && !closest; i++)
                        if (cities[i] == city)
                                closest = names[i];
        }
        return closest ? strdup(closest) : NULL;
}
