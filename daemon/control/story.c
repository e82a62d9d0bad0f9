/* SPDX-License-Identifier: MIT */
/*
 * One event of a lead as a sentence: what somebody did, in the words of the record, then what the rules made of it. For people who
 * work on the lead; programs take the fields. Pure: what was erased with a payload is left out, and the sentence stands without it.
 */
#include "internal.h"
#include <errno.h>

#define STORY_NOTE_MAX 300 /* bytes of a note; the rest is "..." */

void story_actor(const char *actor, Text *out) {
        static const char *const kinds[] = { "rep:", "integration:", "system:", "team:", "sla:" };
        if (!actor)
                actor = "";
        if (base_streq(actor, "rules")) {
                text_append(out, "the rules");
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (strncmp(actor, kinds[i], strlen(kinds[i])) == 0)
                        actor += strlen(kinds[i]);
        text_append(out, actor);
}

static void add_quoted(Text *out, const char *lead_in, const char *text) {
        if (!text || !*text)
                return;
        size_t size = strlen(text);
        bool cut = size > STORY_NOTE_MAX;
        if (cut)
                for (size = STORY_NOTE_MAX; size > 0 && ((unsigned char) text[size] & 0xc0) == 0x80;)
                        size--; /* not in the middle of a character */
        text_append(out, lead_in);
        text_append_char(out, '"');
        /* A story is one line: what was typed on several is told on it. */
        for (const char *c = text; c < text + size;) {
                size_t n_gap = strspn(c, " \t\r\n");
                if (n_gap > 0)
                        text_append_char(out, ' ');
                c += n_gap;
                size_t n_word = strcspn(c, " \t\r\n");
                text_append_size(out, c, c + n_word > text + size ? (size_t) (text + size - c) : n_word);
                c += n_word;
        }
        text_append(out, cut ? "...\"" : "\"");
}

/* call_made -> "call made" */
static void add_words(Text *out, const char *name) {
        for (const char *c = name; *c; c++)
                text_append_char(out, *c == '_' ? ' ' : *c);
}

static void tell_activity(const char *name, const Facts *facts, Text *out) {
        static const struct {
                const char *name, *words;
        } known[] = {
                { "call_made", "called" },
                { "email_sent", "wrote a mail" },
                { "meeting_held", "held a meeting" },
                { "page_viewed", "viewed a page" },
                { "email_opened", "opened a mail" },
                { "email_clicked", "clicked in a mail" },
                { "event_registered", "registered for an event" },
                { "event_attended", "came to an event" },
                { "asset_downloaded", "downloaded something" },
                { "form_submitted", "filled in a form" },
        };
        const char *words = NULL, *url = facts_text(facts, FIELD_ACTIVITY_URL), *what = facts_text(facts, FIELD_ACTIVITY_NAME);
        for (size_t i = 0; i < ARRAY_SIZE(known) && !words; i++)
                if (base_streq(known[i].name, name))
                        words = known[i].words;
        if (words)
                text_append(out, words);
        else
                add_words(out, name);
        if (what && !base_streq(what, name))
                add_quoted(out, " ", what);
        if (url)
                text_printf(out, " (%s)", url);
        else
                add_quoted(out, ", ", facts_text(facts, FIELD_ACTIVITY_ASSET));
        add_quoted(out, ": ", facts_text(facts, FIELD_OUTCOME_NOTE));
}

/* "kept it out of spring-webinar until 2026-06-01T00:00:00Z: budget talks". */
static void tell_exclusion(const Facts *facts, const StoredEvent *event, Text *out) {
        const char *campaign = facts_text(facts, FIELD_OUTCOME_CAMPAIGN);
        const char *until = event->summary ? strstr(event->summary, " until ") : NULL;
        bool is_all = !campaign || base_streq(campaign, DECIDE_ALL_CAMPAIGNS);
        text_printf(out, "%s %s%s", until ? "kept it out of" : "no longer keeps it out of", is_all ? "all campaigns" : campaign,
                until ? " until " : "");
        if (until)
                text_printf(out, "%.*s", (int) strcspn(until + 7, " "), until + 7);
        add_quoted(out, ": ", facts_text(facts, FIELD_OUTCOME_REASON));
}

static void tell_outcome(const char *name, const Facts *facts, const StoredEvent *event, Text *out) {
        if (base_streq(name, "opportunity") && event->n_moves == 0)
                return; /* the summary says what is new */
        if (base_streq(name, "note"))
                text_append(out, "noted");
        else if (base_streq(name, "assign"))
                text_append(out, "gave it away");
        else if (base_streq(name, "snooze")) {
                text_append(out, "put it off");
                const char *until = event->summary ? strstr(event->summary, " until ") : NULL;
                if (until)
                        text_printf(out, "%.*s", (int) (strcspn(until + 7, " ") + 7), until);
                add_quoted(out, ": ", facts_text(facts, FIELD_OUTCOME_REASON));
        } else if (base_streq(name, "exclude") && event->n_moves == 0) {
                tell_exclusion(facts, event, out);
        } else if (event->n_moves > 0) {
                const MoveMade *move = &event->moves[0];
                text_append(out, move->move);
                if (move->from && move->to && !base_streq(move->from, move->to))
                        text_printf(out, ": %s -> %s", move->from, move->to);
                if (move->reason)
                        text_printf(out, ", %s", move->reason);
        } else
                text_append(out, name);
        add_quoted(out, ": ", facts_text(facts, FIELD_OUTCOME_NOTE));
}

/* What happened. */
static void tell_record(const StoredEvent *event, const Facts *facts, Text *out) {
        const char *type = event->type ? event->type : "", *dot = strchr(type, '.'), *name = dot ? dot + 1 : type;
        if (base_streq(type, "lead.submitted")) {
                const char *form = facts_text(facts, FIELD_ATTRIBUTION_FORM_NAME);
                text_append(out, form ? "filled in the form" : "came in");
                add_quoted(out, " ", form);
                add_quoted(out, ": ", facts_text(facts, FIELD_INTEREST_MESSAGE));
        } else if (strncmp(type, "activity.", 9) == 0)
                tell_activity(name, facts, out);
        else if (strncmp(type, "outcome.", 8) == 0)
                tell_outcome(name, facts, event, out);
        else if (base_streq(type, "timer.step") || base_streq(type, "timer.track"))
                return; /* the summary says which */
        else if (strncmp(type, "timer.", 6) == 0)
                text_append(out, base_streq(name, "reload") ? "the rules changed" : "time passed");
        else if (strncmp(type, "consent.", 8) == 0) {
                text_append(out, "consent ");
                add_words(out, name);
        } else if (base_streq(type, "lead.updated") || base_streq(type, "company.updated"))
                text_append(out, "its data was updated");
        else if (base_streq(type, "lead.merged") || base_streq(type, "lead.unmerged"))
                return; /* the summary says with which */
        else
                add_words(out, type);
}

/* "opportunity 2" in the summary: people know it by the id that the record had. NULL: none, or the summary speaks of several. */
static const char *find_opportunity(const char *summary, const Facts *facts) {
        static const char word[] = "opportunity ";
        const char *at = NULL;
        if (!facts_text(facts, FIELD_OPPORTUNITY_ID))
                return NULL;
        for (const char *next = summary; (next = strstr(next, word)); next += sizeof(word) - 1) {
                if (next[sizeof(word) - 1] < '1' || next[sizeof(word) - 1] > '9')
                        continue;
                if (at)
                        return NULL;
                at = next + sizeof(word) - 1;
        }
        return at;
}

/* The summary without what the sentence has said: who acted, and that it was judged. */
static void tell_outcome_of_rules(const StoredEvent *event, const Facts *facts, Text *out) {
        const char *s = event->summary ? event->summary : "";
        const char *type = event->type ? event->type : "";
        bool is_told = base_streq(type, "outcome.note") || base_streq(type, "outcome.snooze") ||
                       (strncmp(type, "outcome.", 8) == 0 && event->n_moves > 0 && !base_streq(type, "outcome.assign"));
        if (is_told) { /* but not what the rules made of it, or what it says of an opportunity */
                const char *rest = strstr(s, "; ");
                s = rest ? rest + 2 : "";
        }
        if (strncmp(s, "judged: ", 8) == 0)
                s += 8;
        else if (strncmp(s, "new: ", 5) == 0)
                s += 5;
        if (*s && out->size > 0)
                text_append(out, "; ");
        const char *number = find_opportunity(s, facts);
        while (*s) {
                if (s == number) {
                        text_append(out, facts_text(facts, FIELD_OPPORTUNITY_ID));
                        s += strspn(s, "0123456789");
                        continue;
                }
                size_t n = strncmp(s, "by rep:", 7) == 0            ? 7
                           : strncmp(s, "by integration:", 15) == 0 ? 15
                           : strncmp(s, "by sla:", 7) == 0          ? 7
                                                                    : 0;
                if (n > 0) {
                        text_append(out, "by ");
                        s += n;
                } else
                        text_append_char(out, *s++);
        }
}

int story_tell_facts(const StoredEvent *event, const Facts *facts, Text *out) {
        tell_record(event, facts, out);
        tell_outcome_of_rules(event, facts, out);
        return out->error;
}

int story_tell(const StoredEvent *event, Text *out) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        Facts facts = { 0 };
        if (!arena)
                return -ENOMEM;
        if (event->facts) {
                int r = facts_decode(event->facts, event->facts_size, false, arena, &facts);
                if (r < 0)
                        return r;
                if (r > 0)
                        facts = (Facts){ 0 };
        }
        return story_tell_facts(event, &facts, out);
}
