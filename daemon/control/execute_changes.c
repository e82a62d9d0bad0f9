/* SPDX-License-Identifier: MIT */
/*
 * What is new on a lead's card: what the log holds of it between somebody's last look and this one, in words. Reads the
 * log where the rule set is; the look itself is remembered by the store and costs no transaction.
 */
#include "internal.h"
#include <errno.h>
#include <stdio.h>

#define CHANGES_SHOWN_MAX 8 /* moves and owners told one by one: the newest */

int execute_find_looker(const ControlDesk *desk, ControlCall *call, const Member **ret, bool *ret_known) {
        const char *as = call_text(call, "as");
        int r = execute_find_self(desk, call, ret);
        *ret_known = false;
        if (r < 0)
                return r;
        if (as && !(*ret && base_streq((*ret)->rule.name, as))) {
                if (!call->peer.in_group) {
                        control_set_error(call, "org.varlink.service.PermissionDenied", json_object());
                        return 0;
                }
                *ret = policy_member(desk->rules, as);
                if (!*ret) {
                        execute_unknown_owner(desk, call, as);
                        return 0;
                }
        }
        *ret_known = true;
        return 0;
}

typedef struct Changes {
        json_t *texts;
        size_t n_events, n_hidden;
        size_t n_activities, n_updates, n_notes, n_reminders;
        bool failed;
} Changes;

static void add_text(Changes *changes, const Text *text) {
        if (text->error < 0 || json_array_append_new(changes->texts, json_text(text->data ? text->data : "")) < 0)
                changes->failed = true;
        else if (json_array_size(changes->texts) > CHANGES_SHOWN_MAX) {
                (void) json_array_remove(changes->texts, 0);
                changes->n_hidden++;
        }
}

static int on_change(const StoredEvent *event, void *userdata) {
        Changes *changes = userdata;
        const char *type = event->type ? event->type : "";
        changes->n_events++;
        for (size_t i = 0; i < event->n_moves; i++) {
                const MoveMade *move = &event->moves[i];
                _cleanup_(text_free) Text text = { 0 };
                if (base_streq(move->move, "assign"))
                        continue; /* told by the owner it gave */
                text_printf(&text, "%s -> %s by ", move->from ? move->from : "-", move->to ? move->to : "-");
                story_actor(move->by, &text);
                if (move->reason)
                        text_printf(&text, ", %s", move->reason);
                add_text(changes, &text);
        }
        if (event->assignment.changed) {
                _cleanup_(text_free) Text text = { 0 };
                if (event->assignment.owner)
                        text_printf(&text, "given to %s", event->assignment.owner);
                else
                        text_append(&text, "taken into the queue");
                if (event->assignment.previous)
                        text_printf(&text, ", was %s's", event->assignment.previous);
                add_text(changes, &text);
        }
        changes->n_activities += strncmp(type, "activity.", 9) == 0 || base_streq(type, "lead.submitted");
        changes->n_updates += base_streq(type, "lead.updated") || base_streq(type, "company.updated") || strncmp(type, "consent.", 8) == 0;
        changes->n_notes += base_streq(type, "outcome.note");
        changes->n_reminders += event->reminded_roles != NULL;
        return changes->failed;
}

static void add_count(Changes *changes, size_t n, const char *one, const char *many) {
        _cleanup_(text_free) Text text = { 0 };
        if (n == 0)
                return;
        text_printf(&text, "%zu %s", n, n == 1 ? one : many);
        if (text.error < 0 || json_array_append_new(changes->texts, json_text(text.data)) < 0)
                changes->failed = true;
}

int execute_changes(const ControlDesk *desk, const Member *member, uint64_t lead, const char *grade, int64_t now_us, json_t **ret) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        SeenLead seen;
        bool more = false;
        *ret = json_null();
        if (!arena)
                return -ENOMEM;
        int r = store_last_look(desk->store, member->rule.name, lead, arena, &seen);
        int noted = r < 0 ? r : store_note_look(desk->store, member->rule.name, lead, grade, now_us);
        if (r == STORE_E_NONE)
                return noted < 0 ? noted : 0;
        if (r != 0 || noted != 0)
                return r < 0 ? r : noted < 0 ? noted : -EIO;
        _cleanup_(json_decrefp) json_t *texts = json_array();
        Changes changes = { .texts = texts, .failed = !texts };
        r = store_log_newest(desk->store, lead, seen.event + 1, CONTROL_CHANGES_MAX, on_change, &changes, &more);
        if (r < 0)
                return r;
        if (!base_streq(seen.grade, grade ? grade : "")) {
                _cleanup_(text_free) Text text = { 0 };
                text_printf(&text, "grade %s -> %s", *seen.grade ? seen.grade : "-", grade && *grade ? grade : "-");
                if (text.error < 0 || json_array_insert_new(texts, 0, json_text(text.data)) < 0)
                        changes.failed = true;
        }
        add_count(&changes, changes.n_hidden, "earlier change", "earlier changes");
        add_count(&changes, changes.n_activities, "activity", "activities");
        add_count(&changes, changes.n_updates, "update of its data", "updates of its data");
        add_count(&changes, changes.n_notes, "note", "notes");
        add_count(&changes, changes.n_reminders, "reminder", "reminders");
        json_t *json = json_object();
        bool failed = !json || changes.failed;
        put(json, "since", json_time(seen.at_us), &failed);
        put(json, "events", json_integer((json_int_t) changes.n_events), &failed);
        put(json, "more", json_boolean(more), &failed);
        put(json, "texts", json_incref(texts), &failed);
        if (failed) {
                json_decref(json);
                return -ENOMEM;
        }
        *ret = json;
        return 0;
}
