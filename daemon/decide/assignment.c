/* SPDX-License-Identifier: MIT */
/*
 * assignment: the text that an assignment leaves in the log, written and read back. "the turn of anna; ben is away until
 * 2026-03-09T08:00:00Z; petra gets leads only as head": why this one, then everybody else with the cause. Causes are
 * decide's own words and have no quotation mark and no "; "; a name is whatever the rules say, and stands in quotation
 * marks where it could be taken for more than a name.
 */
#include "internal.h"

#include <errno.h>

#define SEPARATOR "; "

const char *assignment_name(const char *name, Arena *arena) {
        Text text = { 0 };

        if (name[strcspn(name, " ;\"\\")] == '\0')
                return name;
        text_append_char(&text, '"');
        for (const char *at = name; *at; at++) {
                if (*at == '"' || *at == '\\')
                        text_append_char(&text, '\\');
                text_append_char(&text, *at);
        }
        text_append_char(&text, '"');
        const char *kept = text.error < 0 ? NULL : arena_strndup(arena, text.data, text.size);
        text_free(&text);
        return kept;
}

const char *decide_say_assignment(const char *why, const char *name, const Candidacy *candidates, size_t n, Arena *arena) {
        const char *said = name ? assignment_name(name, arena) : "";
        Text text = { 0 };

        text_printf(&text, "%s%s", why, said ? said : "");
        for (size_t i = 0; i < n && said; i++) {
                if (!candidates[i].cause)
                        continue;
                said = assignment_name(candidates[i].member, arena);
                text_printf(&text, SEPARATOR "%s %s", said ? said : "", candidates[i].cause);
        }
        const char *kept = !said || text.error < 0 ? NULL : arena_strndup(arena, text.data, text.size);
        text_free(&text);
        return kept;
}

/* The end of what stands at `at`: the next separator that is not part of a name, or the end of the text. */
static const char *find_end(const char *at) {
        bool quoted = false;

        for (; *at; at++) {
                if (*at == '"')
                        quoted = !quoted;
                else if (quoted && *at == '\\' && at[1])
                        at++;
                else if (!quoted && strncmp(at, SEPARATOR, strlen(SEPARATOR)) == 0)
                        break;
        }
        return at;
}

/* Takes a name off the front. NULL: there is none, or its end is missing. */
static const char *take_name(const char **at, Arena *arena, int *ret_error) {
        size_t size = 0;

        if (**at != '"') {
                const char *start = *at;
                size = strcspn(start, " ;");
                *at += size;
                const char *kept = size > 0 ? arena_strndup(arena, start, size) : NULL;
                *ret_error = size > 0 && !kept ? -ENOMEM : 0;
                return kept;
        }
        char *name = arena_strdup(arena, ++*at);
        *ret_error = name ? 0 : -ENOMEM;
        for (; name && **at && **at != '"'; ++*at) {
                if (**at == '\\' && (*at)[1])
                        ++*at;
                name[size++] = **at;
        }
        if (!name || **at != '"')
                return NULL;
        name[size] = '\0';
        ++*at;
        return name;
}

int decide_others_of(const char *text, Arena *arena, Candidacy **ret, size_t *ret_n) {
        size_t n = 0;

        *ret = NULL;
        *ret_n = 0;
        for (const char *at = text ? find_end(text) : ""; *at; at = find_end(at + strlen(SEPARATOR)))
                n++;
        if (n == 0)
                return 0;
        Candidacy *others = ARENA_ARRAY(arena, Candidacy, n);
        if (!others)
                return -ENOMEM;
        for (const char *at = find_end(text); *at;) {
                at += strlen(SEPARATOR);
                const char *end = find_end(at);
                int r;
                const char *member = take_name(&at, arena, &r);
                if (r < 0)
                        return r;
                if (member && *at == ' ') {
                        const char *cause = arena_strndup(arena, at + 1, (size_t) (end - at) - 1);
                        if (!cause)
                                return -ENOMEM;
                        others[(*ret_n)++] = (Candidacy){ .member = member, .cause = cause, .free_us = TIME_NONE };
                }
                at = end;
        }
        *ret = others;
        return 0;
}
