/* SPDX-License-Identifier: MIT */
/*
 * The glossary as text for people, and the same taken apart for programs: sections, their terms, and what is said of each. policy
 * writes titles at column 0, terms at 2, what is said of them at 6, and what continues any of these at 8 or more; the names of
 * rules hold no line breaks, so nothing a rule says can look like one of its neighbours.
 */
#include "internal.h"
#include <errno.h>

#define TERM_COLUMN 2
#define SAYING_COLUMN 6
#define CONTINUED_COLUMN 8

typedef struct Sections {
        json_t *list, *terms, *says; /* terms and says are borrowed from the last of their list */
        Text words;                  /* the line at hand, with what continues it */
        size_t column;
        bool failed;
} Sections;

static void add(Sections *sections, json_t *list, json_t *item) {
        if (!list || !item || json_array_append_new(list, item) < 0)
                sections->failed = true;
}

/* The line is whole. */
static void end_line(Sections *sections) {
        const char *words = sections->words.data;
        if (sections->words.error < 0)
                sections->failed = true;
        if (sections->words.size == 0 || sections->failed)
                return;
        if (sections->column == 0) {
                sections->terms = json_array();
                add(sections, sections->list, json_pack("{s:s, s:o?}", "title", words, "terms", sections->terms));
        } else if (sections->column == TERM_COLUMN) {
                size_t n = strcspn(words, " ,:");
                sections->says = json_array();
                add(sections, sections->terms,
                        json_pack("{s:s%, s:s, s:o?}", "name", words, (int) n, "text", words, "says", sections->says));
        } else
                add(sections, sections->says, json_text(words));
        text_clear(&sections->words);
}

static json_t *sections_json(const char *text) {
        Sections sections = { .list = json_array() };
        sections.failed = !sections.list;
        for (const char *at = text; *at && !sections.failed;) {
                size_t size = strcspn(at, "\n"), column = strspn(at, " ");
                if (size > 0 && column >= CONTINUED_COLUMN)
                        text_append_char(&sections.words, ' ');
                else {
                        end_line(&sections);
                        sections.column = column;
                }
                if (size > 0)
                        text_append_size(&sections.words, at + column, size - column);
                at += size + (at[size] == '\n');
        }
        end_line(&sections);
        text_free(&sections.words);
        if (sections.failed) {
                json_decref(sections.list);
                return NULL;
        }
        return sections.list;
}

int execute_glossary(const ControlDesk *desk, ControlCall *call) {
        _cleanup_(text_free) Text text = { 0 };
        int r = policy_glossary(desk->rules, &text);
        if (r < 0)
                return r;
        const char *words = text.data ? text.data : "";
        json_t *reply = json_object();
        bool failed = !reply;
        put(reply, "text", json_text(words), &failed);
        put(reply, "sections", sections_json(words), &failed);
        control_set_reply(call, reply);
        return failed ? -ENOMEM : 0;
}
