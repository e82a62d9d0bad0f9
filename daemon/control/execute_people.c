/* SPDX-License-Identifier: MIT */
/*
 * Who is away: absences of the rules and those that were recorded, and the verb that records one. It becomes a record like
 * those of a personnel system and goes through the same gate. Everybody speaks for themselves, an operator for others.
 */
#include "internal.h"
#include <errno.h>
#include <stdio.h>

static json_t *absence_json(const Member *member, const Absence *absence, const char *source, int64_t now_us) {
        json_t *json = json_object();
        bool failed = !json;
        put(json, "owner", json_text(member->rule.name), &failed);
        put(json, "team", json_text(member->team->rule.name), &failed);
        put(json, "from", json_time(absence->from_us), &failed);
        put(json, "until", json_time(absence->to_us), &failed);
        put(json, "source", json_text(source), &failed);
        put(json, "away", json_boolean(absence->from_us <= now_us), &failed);
        if (failed) {
                json_decref(json);
                return NULL;
        }
        return json;
}

/* Those of the rules and the recorded ones that are not over, by their beginning. */
static int add_absences(const Member *member, const Seat *seat, int64_t now_us, json_t *list) {
        size_t n_recorded = seat ? seat->n_absences : 0, i = 0, k = 0;
        while (i < member->n_absences || k < n_recorded) {
                bool by_rules = k == n_recorded || (i < member->n_absences && member->absences[i].from_us <= seat->absences[k].from_us);
                const Absence *absence = by_rules ? &member->absences[i++] : &seat->absences[k++];
                if (absence->to_us <= now_us)
                        continue;
                if (json_array_append_new(list, absence_json(member, absence, by_rules ? "rules" : "recorded", now_us)) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int list_absences(const ControlDesk *desk, const Member *only, int64_t now_us, json_t *list) {
        _cleanup_(arena_freep) Arena *arena = arena_new(CONTROL_LOOK_MEMORY_MAX);
        Desk seats;
        if (!arena)
                return -ENOMEM;
        int r = store_load_desk(desk->store, NULL, 0, desk->rules, now_us, arena, &seats);
        for (size_t i = 0; i < desk->rules->n_members && r == 0; i++) {
                const Member *member = &desk->rules->members[i];
                const Seat *seat = NULL;
                if (member->left || (only && only != member))
                        continue;
                for (size_t s = 0; s < seats.n_seats; s++)
                        if (base_streq(seats.seats[s].member, member->rule.name))
                                seat = &seats.seats[s];
                r = add_absences(member, seat, now_us, list);
        }
        return r;
}

/* NULL: the error is set. */
static const Member *find_member(const ControlDesk *desk, ControlCall *call, const char *name) {
        const Member *member = policy_member(desk->rules, name);
        const char *names[256], *near = NULL;
        size_t n = 0;
        char text[256];
        if (member)
                return member;
        for (size_t i = 0; i < desk->rules->n_members && n < ARRAY_SIZE(names); i++)
                names[n++] = desk->rules->members[i].rule.name;
        near = text_closest(name, names, n);
        (void) snprintf(text, sizeof(text), "the rules know no member \"%s\"%s%s%s", name, near ? "; did you mean \"" : "",
                near ? near : "", near ? "\"?" : "");
        call_fail(call, "NoSuchName", json_pack("{s:s, s:o, s:o}", "kind", "member", "name", json_text(name), "text", json_text(text)));
        return NULL;
}

int execute_absences(const ControlDesk *desk, ControlCall *call) {
        const char *name = call_text(call, "owner");
        const Member *only = NULL;
        int64_t now_us = clock_now_us(desk->clock);
        if (name) {
                only = find_member(desk, call, name);
                if (!only)
                        return 0;
        }
        json_t *reply = json_object(), *list = json_array();
        bool failed = !reply || !list;
        int r = failed ? -ENOMEM : list_absences(desk, only, now_us, list);
        put(reply, "items", list, &failed);
        put(reply, "now", json_time(now_us), &failed);
        control_set_reply(call, reply);
        return r != 0 ? (r < 0 ? r : -EIO) : failed ? -ENOMEM : 0;
}

/* "2026-03-09..2026-03-13", "2026-03-09", "..2026-03-13" or instants. */
static bool parse_when(const Zone *zone, const char *text, int64_t now_us, Absence *ret) {
        const char *dots = strstr(text, "..");
        const char *end = dots ? dots + 2 : text;
        size_t n_first = dots ? (size_t) (dots - text) : strlen(text);
        if (!dots && n_first != strlen("2026-03-09"))
                return false;
        if (n_first == 0)
                ret->from_us = now_us;
        else if (policy_parse_day(zone, text, n_first, false, &ret->from_us) != 0)
                return false;
        return policy_parse_day(zone, end, strlen(end), true, &ret->to_us) == 0;
}

static int make_record(const ControlDesk *desk, ControlCall *call, const Member *member, const Absence *when, bool is_back, Record **ret) {
        _cleanup_(record_freep) Record *record = NULL;
        int r = execute_make_record(desk, call, FAMILY_OWNER, is_back ? "back" : "away", 0, &record);
        if (r == 0)
                r = facts_set(&record->facts, record->arena, FIELD_OWNER_NAME, NULL, value_text(member->rule.name), record->time_us);
        if (r == 0 && when)
                r = facts_set(&record->facts, record->arena, FIELD_OWNER_FROM, NULL, value_integer(when->from_us), record->time_us);
        if (r == 0 && when)
                r = facts_set(&record->facts, record->arena, FIELD_OWNER_TO, NULL, value_integer(when->to_us), record->time_us);
        if (r == 0)
                *ret = TAKE(record);
        return r;
}

int execute_away(const ControlDesk *desk, ControlCall *call) {
        const char *name = call_text(call, "owner"), *text = call_text(call, "when");
        bool is_back = call_bool(call, "back"), known;
        int64_t now_us = clock_now_us(desk->clock);
        Absence when;
        Actor actor;
        int r = execute_find_actor(desk, call, !name, &actor, &known);
        if (r < 0 || !known)
                return r;
        const char *self = strncmp(actor.text, "rep:", 4) == 0 ? actor.text + 4 : NULL;
        if (!(self && (!name || base_streq(name, self))) && !call->peer.in_group) {
                control_set_error(call, "org.varlink.service.PermissionDenied", json_object());
                return 0;
        }
        const Member *member = find_member(desk, call, name ? name : self);
        if (!member)
                return 0;
        if (!text && !is_back) {
                call_bad_value(call, "when", "say from when to when, such as 2026-03-09..2026-03-13");
                return 0;
        }
        if (text && !parse_when(policy_member_zone(desk->rules, member), text, now_us, &when)) {
                call_bad_value(call, "when",
                        "a day, or two days or instants in RFC 3339 with .. between them: 2026-03-09..2026-03-13, ..2026-03-13");
                return 0;
        }
        if (text && when.to_us <= when.from_us) {
                call_bad_value(call, "when", "it ends before it begins");
                return 0;
        }
        if (text && when.to_us <= now_us) {
                call_bad_value(call, "when", "it is over already");
                return 0;
        }
        _cleanup_(record_freep) Record *record = NULL;
        r = make_record(desk, call, member, text ? &when : NULL, is_back, &record);
        if (r < 0)
                return r;
        ControlJudged judged = { 0 };
        r = desk->judge(desk->userdata, TAKE(record), 0, actor.text, true, &judged);
        if (r < 0)
                return r;
        if (judged.refused) {
                execute_refuse(call, judged.code, judged.text, 0);
                return 0;
        }
        json_t *reply = json_object(), *list = json_array();
        bool failed = !reply || !list;
        r = failed ? -ENOMEM : list_absences(desk, member, now_us, list);
        put(reply, "owner", json_text(member->rule.name), &failed);
        put(reply, "event", json_integer((json_int_t) judged.event), &failed);
        put(reply, "duplicate", json_boolean(judged.duplicate), &failed);
        put(reply, "summary", json_text(judged.summary), &failed);
        put(reply, "absences", list, &failed);
        control_set_reply(call, reply);
        return r != 0 ? (r < 0 ? r : -EIO) : failed ? -ENOMEM : 0;
}
