/* SPDX-License-Identifier: MIT */
/*
 * How leadd's values look in JSON: times in RFC 3339 UTC, points as decimal numbers, leads as "L-42", absent
 * as null. One place, because these forms are promised to programs outside. No failure is silent: an object
 * that could not be completed is marked failed and never sent.
 */
#include "internal.h"
#include "leadd/plans.h"
#include <math.h>
#include <stdio.h>

void put(json_t *object, const char *key, json_t *value, bool *failed) {
        if (!value || json_object_set_new(object, key, value) < 0)
                *failed = true;
}

/* The journal, file names and vendors may hold anything; JSON is UTF-8. */
static json_t *text_repaired(const char *s) {
        Text text = { 0 };
        for (size_t left = strlen(s); left > 0;) {
                size_t n = left < 4 ? left : 4;
                while (n > 0 && !(utf8_is_valid(s, n) && (n == 1 || (unsigned char) *s >= 0x80)))
                        n--;
                if (n == 0) {
                        text_append(&text, "\xEF\xBF\xBD");
                        n = 1;
                } else
                        text_append_size(&text, s, n);
                s += n;
                left -= n;
        }
        json_t *json = text.error < 0 ? NULL : json_stringn(text.data ? text.data : "", text.size);
        text_free(&text);
        return json;
}

json_t *json_text(const char *s) {
        if (!s)
                return json_null();
        json_t *json = json_string(s);
        return json ? json : text_repaired(s);
}

json_t *json_time(int64_t time_us) {
        char buffer[TIME_TEXT_SIZE];
        return time_us == TIME_NONE ? json_null() : json_string(time_format_rfc3339(time_us, buffer));
}

json_t *json_points(int64_t mp) { return mp % 1000 == 0 ? json_integer(mp / 1000) : json_real((double) mp / 1000); }

json_t *json_lead(uint64_t lead) {
        char buffer[32];
        if (lead == 0)
                return json_null();
        (void) snprintf(buffer, sizeof(buffer), "L-%llu", (unsigned long long) lead);
        return json_string(buffer);
}

json_t *json_place(const Rule *rule) {
        char buffer[512];
        (void) snprintf(buffer, sizeof(buffer), "%s:%d", rule->file, rule->line);
        return json_text(buffer);
}

static json_t *json_held(const HeldState *held) {
        if (!held->by)
                return json_null();
        json_t *json = json_object();
        bool failed = !json;
        put(json, "by", json_text(held->by), &failed);
        put(json, "text", json_text(held->text), &failed);
        put(json, "since", json_time(held->since_us), &failed);
        put(json, "next_look", json_time(held->next_look_us), &failed);
        if (failed) {
                json_decref(json);
                return NULL;
        }
        return json;
}

static json_t *json_names(const char *const *names, size_t n) {
        json_t *list = json_array();
        for (size_t i = 0; i < n; i++)
                if (json_array_append_new(list, json_text(names[i])) < 0) {
                        json_decref(list);
                        return NULL;
                }
        return list;
}

json_t *json_snoozed(const SlaState *sla, int64_t now_us) {
        if (!sla->rule || sla->snoozed_until_us <= now_us)
                return json_null();
        return json_pack("{s:o, s:o}", "until", json_time(sla->snoozed_until_us), "reason", json_text(sla->snooze_reason));
}

json_t *json_response(const LeadState *state, int64_t now_us) {
        const char *name = decide_response_name(decide_response(state, now_us));
        if (!name)
                return json_null();
        const char *rule = state->sla.rule ? state->sla.rule : state->response.rule;
        return json_pack("{s:s, s:o, s:i, s:i}", "status", name, "sla", json_text(rule), "in_time", (int) state->response.n_in_time, "late",
                (int) state->response.n_late);
}

json_t *json_returned(const ReturnState *state) {
        if (!state->owner)
                return json_null();
        return json_pack("{s:s, s:o, s:s, s:o, s:o}", "owner", state->owner, "at", json_time(state->at_us), "move", state->move, "by",
                json_text(state->by), "reason", json_text(state->reason));
}

json_t *json_track(const RuleSet *rules, const TrackState *state, const Message *next) {
        const Track *track = state->name && !state->ended ? policy_track(rules, state->name) : NULL;
        if (!track)
                return json_null();
        return json_pack("{s:s, s:o, s:i, s:i, s:o, s:o}", "track", state->name, "since", json_time(state->since_us), "taken",
                (int) state->next_step, "steps", (int) track->n_steps, "next", json_text(next ? next->rule.name : NULL), "next_at",
                next ? json_time(state->next_due_us) : json_null());
}

json_t *json_state(const LeadState *state, const char *email, const char *team) {
        json_t *json = json_object();
        bool failed = !json;
        put(json, "lead", json_lead(state->id), &failed);
        put(json, "email", json_text(email), &failed);
        put(json, "status", json_text(state->status), &failed);
        put(json, "team", json_text(team), &failed);
        put(json, "owner", json_text(state->owner), &failed);
        put(json, "fit", json_points(state->fit_mp), &failed);
        put(json, "engagement", json_points(state->engagement_mp), &failed);
        put(json, "grade", json_text(state->grade && *state->grade ? state->grade : NULL), &failed);
        put(json, "segments", json_names(state->segments, state->n_segments), &failed);
        put(json, "since", json_time(state->entered_us), &failed);
        put(json, "due", json_time(state->sla.rule ? state->sla.due_us : TIME_NONE), &failed);
        put(json, "held", json_held(&state->held), &failed);
        put(json, "version", json_integer((json_int_t) state->version), &failed);
        if (failed) {
                json_decref(json);
                return NULL;
        }
        return json;
}

/* What a matcher saw: `"director"`, `300`, `true`, `12d`; what it wanted instead (", not at least 1000") is cut. */
static json_t *trace_value(char *text) {
        char *not = strstr(text, *text == '"' ? "\", not " : ", not ");
        if (not )
                not [*text == '"'] = '\0';
        size_t size = strlen(text);
        if (size >= 2 && text[0] == '"' && text[size - 1] == '"') {
                text[size - 1] = '\0';
                return json_text(text + 1);
        }
        json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
        return value ? value : json_text(text);
}

/* One piece of a trace: `path = value`, `path absent`, `segment "x"`, `did page_viewed: 3`, or anything else, which is kept as a name with
 * true. Not matching is told by ", not ..." behind it. */
static void add_piece(json_t *object, const char *piece, size_t size, bool *failed) {
        static const char *const nothing[] = { " absent", " unknown" };
        _cleanup_(base_freep) char *copy = strndup(piece, size);
        if (!copy) {
                *failed = true;
                return;
        }
        char *equals = strstr(copy, " = ");
        if (equals) {
                *equals = '\0';
                put(object, copy, trace_value(equals + 3), failed);
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(nothing); i++)
                if (size > strlen(nothing[i]) && base_streq(copy + size - strlen(nothing[i]), nothing[i])) {
                        copy[size - strlen(nothing[i])] = '\0';
                        put(object, copy, json_null(), failed);
                        return;
                }
        if (strncmp(copy, "segment", 7) == 0 && (copy[7] == ' ' || copy[7] == ',')) {
                put(object, "segment", copy[7] == ' ' ? trace_value(copy + 8) : json_null(), failed);
                return;
        }
        char *not = strstr(copy, ", not ");
        if (not )
                *not = '\0';
        char *colon = strrchr(copy, ':');
        if (colon && colon[1] == ' ') {
                const char *number = strrchr(colon, ' ') + 1; /* "3", "newest event 2" */
                if (*number && strspn(number, "0123456789") == strlen(number)) {
                        *colon = '\0';
                        put(object, copy, json_integer(strtoll(number, NULL, 10)), failed);
                        return;
                }
        }
        put(object, copy, json_true(), failed);
}

json_t *json_trace(const char *trace) {
        if (!trace || !*trace)
                return json_null();
        json_t *object = json_object();
        bool failed = !object, quoted = false;
        const char *start = trace;
        for (const char *s = trace; !failed; s++) {
                if (*s == '"')
                        quoted = !quoted;
                else if (*s == '\0' || (*s == ';' && !quoted)) {
                        while (*start == ' ')
                                start++;
                        if (s > start)
                                add_piece(object, start, (size_t) (s - start), &failed);
                        start = s + 1;
                }
                if (*s == '\0')
                        break;
        }
        if (failed) {
                json_decref(object);
                return NULL;
        }
        return object;
}

json_t *control_report_json(const PolicyReport *report) {
        json_t *list = json_array();
        for (size_t i = 0; i < report->n_problems; i++) {
                const PolicyProblem *p = &report->problems[i];
                json_t *item = json_object();
                bool failed = !item;
                put(item, "severity", json_string(p->is_error ? "error" : "warning"), &failed);
                put(item, "file", json_text(p->file ? p->file : ""), &failed);
                put(item, "line", json_integer(p->line), &failed);
                put(item, "text", json_text(p->text), &failed);
                if (failed)
                        json_decref(item);
                if (failed || json_array_append_new(list, item) < 0) {
                        json_decref(list);
                        return NULL;
                }
        }
        return list;
}

json_t *control_watch_item(const Record *record, const Decision *decision, uint64_t event, uint64_t lead, int64_t now_us) {
        _cleanup_(text_free) Text story = { 0 };
        const StoredEvent told = {
                .type = record->type, .moves = decision->moves, .n_moves = decision->n_moves, .summary = decision->summary
        };
        json_t *item = json_object();
        bool failed = !item || (!decision->refused && story_tell_facts(&told, &record->facts, &story) < 0);
        put(item, "event", json_integer((json_int_t) event), &failed);
        put(item, "time", json_time(now_us), &failed);
        put(item, "type", json_text(record->type), &failed);
        put(item, "source", json_text(record->source), &failed);
        put(item, "id", json_text(record->id), &failed);
        put(item, "lead", json_lead(lead), &failed);
        put(item, "summary", json_text(decision->refused ? decision->refusal_text : decision->summary ? decision->summary : ""), &failed);
        put(item, "status", json_text(decision->refused ? NULL : decision->after.status), &failed);
        put(item, "owner", json_text(decision->refused ? NULL : decision->after.owner), &failed);
        put(item, "story", json_text(decision->refused ? NULL : story.data ? story.data : ""), &failed);
        if (decision->refused)
                put(item, "refused", json_true(), &failed);
        if (failed) {
                json_decref(item);
                return NULL;
        }
        return item;
}

json_t *control_submit_item(uint64_t index, const char *result, uint64_t lead, uint64_t event, const char *reason, const char *field,
        const char *text, const char *summary) {
        json_t *item = json_object();
        bool failed = !item;
        put(item, "index", json_integer((json_int_t) index), &failed);
        put(item, "result", json_text(result), &failed);
        put(item, "lead", json_lead(lead), &failed);
        put(item, "event", event ? json_integer((json_int_t) event) : json_null(), &failed);
        put(item, "reason", json_text(reason), &failed);
        put(item, "field", json_text(field), &failed);
        put(item, "text", json_text(text), &failed);
        put(item, "summary", json_text(summary), &failed);
        if (failed) {
                json_decref(item);
                return NULL;
        }
        return item;
}
