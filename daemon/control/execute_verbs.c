/* SPDX-License-Identifier: MIT */
/*
 * What people do to leads: moves, activities, notes, assignments, snoozes. Each becomes a record like any other and goes
 * through the one gate; nothing is decided here but who acts. The person is the one whose `user` in the rules is
 * the caller's, or the one an operator names; root is nobody's owner and has to name somebody. A team that is a queue may be named as well.
 */
#include "internal.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#define SOURCE "leadctl"

void execute_refuse(ControlCall *call, const char *code, const char *text, uint64_t lead) {
        call_fail(call, "Refused", json_pack("{s:s, s:o, s:o}", "code", code, "text", json_text(text), "lead", json_lead(lead)));
}

int execute_find_actor(const ControlDesk *desk, ControlCall *call, bool must_be_member, Actor *ret, bool *ret_known) {
        const char *as = call_text(call, "as");
        _cleanup_(base_freep) char *user = NULL;
        int r = peer_user_name(call->peer.uid, &user);
        if (r < 0)
                return r;
        const Member *self = user ? policy_member_by_user(desk->rules, user) : NULL;
        bool is_operator = call->peer.in_group;
        *ret_known = false;
        if (as && !(self && base_streq(self->rule.name, as))) {
                if (!is_operator) {
                        control_set_error(call, "org.varlink.service.PermissionDenied", json_object());
                        return 0;
                }
                /* A team without members is a queue: nobody in it can be named, and it has moves of its own. */
                const Team *queue = policy_member(desk->rules, as) ? NULL : policy_team(desk->rules, as);
                if (queue && queue->n_members == 0) {
                        (void) snprintf(ret->text, sizeof(ret->text), "team:%s", as);
                        ret->is_operator = *ret_known = true;
                        return 0;
                }
                if (!policy_member(desk->rules, as)) {
                        const char *names[256], *near;
                        size_t n = 0;
                        for (size_t i = 0; i < desk->rules->n_members && n < ARRAY_SIZE(names); i++)
                                names[n++] = desk->rules->members[i].rule.name;
                        near = text_closest(as, names, n);
                        char text[256];
                        (void) snprintf(text, sizeof(text), "the rules know no member \"%s\"%s%s%s%s", as,
                                queue ? ", and that team has members: name one of them" : "", near ? "; did you mean \"" : "",
                                near ? near : "", near ? "\"?" : "");
                        execute_refuse(call, "unknown_owner", text, 0);
                        return 0;
                }
                (void) snprintf(ret->text, sizeof(ret->text), "rep:%s", as);
                ret->is_operator = true;
        } else if (self) {
                (void) snprintf(ret->text, sizeof(ret->text), "rep:%s", self->rule.name);
                ret->is_operator = false;
        } else if (!is_operator) {
                control_set_error(call, "org.varlink.service.PermissionDenied", json_object());
                return 0;
        } else if (must_be_member) {
                char text[256];
                (void) snprintf(
                        text, sizeof(text), "%s is no member of any team: say for whom you act (--as PERSON)", user ? user : "this user");
                execute_refuse(call, "actor_required", text, 0);
                return 0;
        } else {
                (void) snprintf(ret->text, sizeof(ret->text), "system:%.*s", CONTROL_NAME_MAX, user ? user : "leadctl");
                ret->is_operator = true;
        }
        *ret_known = true;
        return 0;
}

/* A word that may stand in a record's type. */
static bool is_event_word(const char *s) {
        for (const char *c = s; *c; c++)
                if (!(*c >= 'a' && *c <= 'z') && !(*c >= '0' && *c <= '9') && *c != '_' && *c != '-')
                        return false;
        return *s != '\0';
}

static int random_id(Arena *arena, const char **ret) {
        uint8_t bytes[16];
        char hex[2 * sizeof(bytes) + 1];
        if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t) sizeof(bytes))
                return -EIO;
        digest_hex(bytes, sizeof(bytes), hex);
        *ret = arena_strdup(arena, hex);
        return *ret ? 0 : -ENOMEM;
}

int execute_make_record(const ControlDesk *desk, ControlCall *call, RecordFamily family, const char *event, uint64_t lead, Record **ret) {
        _cleanup_(record_freep) Record *record = record_new();
        if (!record)
                return -ENOMEM;
        const char *prefix = family == FAMILY_ACTIVITY   ? "activity"
                             : family == FAMILY_LEAD     ? "lead"
                             : family == FAMILY_OWNER    ? "owner"
                             : family == FAMILY_CAMPAIGN ? "campaign"
                                                         : "outcome",
                   *request_id = call_text(call, "request_id");
        record->source = SOURCE;
        record->family = family;
        record->type = arena_printf(record->arena, "%s.%s", prefix, event);
        if (lead > 0)
                record->subject = arena_printf(record->arena, "lead:L-%llu", (unsigned long long) lead);
        if (!record->type || (lead > 0 && !record->subject))
                return -ENOMEM;
        record->event = strchr(record->type, '.') + 1;
        record->time_us = clock_now_us(desk->clock);
        if (request_id) {
                record->id = arena_printf(record->arena, "%u:%s", (unsigned) call->peer.uid, request_id);
                if (!record->id)
                        return -ENOMEM;
        } else {
                int r = random_id(record->arena, &record->id);
                if (r < 0)
                        return r;
        }
        const DigestPart parts[] = { { "", 0 }, { SOURCE, strlen(SOURCE) }, { record->id, strlen(record->id) } };
        int r = digest_keyed(store_secret(desk->store), parts, ARRAY_SIZE(parts), &record->key);
        if (r < 0)
                return r;
        *ret = TAKE(record);
        return 0;
}

static int set_fact(Record *record, FieldId field, const char *text) {
        return text ? facts_set(&record->facts, record->arena, field, NULL, value_text(text), record->time_us) : 0;
}

/* Hands the record to the gate and answers with what came of it. Takes record. */
static int judge(const ControlDesk *desk, ControlCall *call, Record *record, uint64_t lead, const Actor *actor) {
        ControlJudged judged = { 0 };
        int r = desk->judge(desk->userdata, record, lead, actor->text, actor->is_operator, &judged);
        if (r < 0)
                return r;
        if (judged.refused) {
                if (base_streq(judged.code, "unknown_lead"))
                        call_fail(call, "NoSuchLead", json_pack("{s:s}", "lead", call_text(call, "lead")));
                else
                        execute_refuse(call, judged.code, judged.text, lead);
                return 0;
        }
        json_t *reply = json_object();
        bool failed = !reply;
        put(reply, "lead", json_lead(judged.lead ? judged.lead : lead), &failed);
        put(reply, "event", json_integer((json_int_t) judged.event), &failed);
        put(reply, "duplicate", json_boolean(judged.duplicate), &failed);
        put(reply, "summary", json_text(judged.summary), &failed);
        control_set_reply(call, reply);
        return failed ? -ENOMEM : 0;
}

static int act(const ControlDesk *desk, ControlCall *call, RecordFamily family, const char *event, bool must_be_member, const char *note,
        const char *reason, const char *owner, const char *until) {
        uint64_t lead;
        int r = execute_find_lead(desk, call, &lead);
        if (r < 0 || lead == 0)
                return r;
        Actor actor;
        bool known;
        r = execute_find_actor(desk, call, must_be_member, &actor, &known);
        if (r < 0 || !known)
                return r;
        _cleanup_(record_freep) Record *record = NULL;
        r = execute_make_record(desk, call, family, event, lead, &record);
        if (r >= 0)
                r = set_fact(record, FIELD_OUTCOME_ACTOR, actor.text);
        if (r >= 0)
                r = set_fact(record, FIELD_OUTCOME_REASON, reason);
        if (r >= 0)
                r = set_fact(record, FIELD_OUTCOME_NOTE, note);
        if (r >= 0)
                r = set_fact(record, FIELD_OUTCOME_OWNER, owner);
        if (r >= 0)
                r = set_fact(record, FIELD_OUTCOME_NOT_BEFORE, until);
        if (r >= 0)
                r = set_fact(record, FIELD_OUTCOME_CAMPAIGN, family == FAMILY_OUTCOME ? call_text(call, "campaign") : NULL);
        if (r < 0)
                return r;
        return judge(desk, call, TAKE(record), lead, &actor);
}

bool execute_is_move_word(const char *word) {
        return is_event_word(word) && !base_streq(word, "note") && !base_streq(word, "assign") && !base_streq(word, "snooze") &&
               !base_streq(word, "exclude");
}

int execute_move(const ControlDesk *desk, ControlCall *call) {
        const char *move = call_text(call, "move");
        if (!execute_is_move_word(move)) {
                char text[256];
                (void) snprintf(text, sizeof(text), "no move can be called \"%s\"", move);
                execute_refuse(call, "unknown_move", text, 0);
                return 0;
        }
        return act(desk, call, FAMILY_OUTCOME, move, true, call_text(call, "note"), call_text(call, "reason"), NULL, NULL);
}

int execute_did(const ControlDesk *desk, ControlCall *call) {
        const char *activity = call_text(call, "activity");
        if (!is_event_word(activity)) {
                call_bad_value(call, "activity", "one word in lower case, such as call_made");
                return 0;
        }
        return act(desk, call, FAMILY_ACTIVITY, activity, true, call_text(call, "note"), NULL, NULL, NULL);
}

int execute_note(const ControlDesk *desk, ControlCall *call) {
        return act(desk, call, FAMILY_OUTCOME, "note", false, call_text(call, "text"), NULL, NULL, NULL);
}

int execute_assign(const ControlDesk *desk, ControlCall *call) {
        return act(desk, call, FAMILY_OUTCOME, "assign", false, call_text(call, "note"), NULL, call_text(call, "owner"), NULL);
}

int execute_snooze(const ControlDesk *desk, ControlCall *call) {
        return act(desk, call, FAMILY_OUTCOME, "snooze", true, NULL, call_text(call, "reason"), NULL, call_text(call, "until"));
}

int execute_exclude(const ControlDesk *desk, ControlCall *call) {
        return act(desk, call, FAMILY_OUTCOME, "exclude", true, NULL, call_text(call, "reason"), NULL, call_text(call, "until"));
}

/* ---- leads that are one, and leads that are gone ---- */

/* A lead of the request as it is named, be it that another one goes on for it; 0 and *ret = 0 when the error is already set. */
static int find_named(const ControlDesk *desk, ControlCall *call, const char *parameter, uint64_t *ret) {
        const char *text = call_text(call, parameter);
        int r = store_resolve_named(desk->store, text, ret);
        if (r <= 0)
                return r;
        *ret = 0;
        call_fail(call, "NoSuchLead", json_pack("{s:s}", "lead", text));
        return 0;
}

static int join_or_part(const ControlDesk *desk, ControlCall *call, const char *event, uint64_t lead, uint64_t into) {
        _cleanup_(record_freep) Record *record = NULL;
        Actor actor;
        bool known;
        int r = execute_find_actor(desk, call, false, &actor, &known);
        if (r < 0 || !known)
                return r;
        r = execute_make_record(desk, call, FAMILY_LEAD, event, lead, &record);
        if (r == 0)
                r = facts_set(&record->facts, record->arena, FIELD_CARE_INTO, NULL, value_integer((int64_t) into), record->time_us);
        return r < 0 ? r : judge(desk, call, TAKE(record), lead, &actor);
}

int execute_merge(const ControlDesk *desk, ControlCall *call) {
        uint64_t lead, into = 0;
        int r = find_named(desk, call, "lead", &lead);
        if (r == 0 && lead > 0)
                r = find_named(desk, call, "into", &into);
        if (r == 0 && into > 0)
                r = store_survivor(desk->store, into, &into);
        return r < 0 || into == 0 ? r : join_or_part(desk, call, "merged", lead, into);
}

int execute_unmerge(const ControlDesk *desk, ControlCall *call) {
        _cleanup_(arena_freep) Arena *arena = arena_new(CONTROL_LOOK_MEMORY_MAX);
        LeadState state;
        uint64_t lead;
        if (!arena)
                return -ENOMEM;
        int r = find_named(desk, call, "lead", &lead);
        if (r < 0 || lead == 0)
                return r;
        r = store_load_lead(desk->store, lead, arena, &state, NULL, NULL, NULL);
        if (r != 0)
                return r < 0 ? r : -ENOENT;
        if (state.merged_into == 0) {
                char text[96];
                (void) snprintf(text, sizeof(text), "L-%llu was not merged into another lead", (unsigned long long) lead);
                execute_refuse(call, "not_merged", text, lead);
                return 0;
        }
        return join_or_part(desk, call, "unmerged", lead, state.merged_into);
}

int execute_erase(const ControlDesk *desk, ControlCall *call) {
        const char *text = call_text(call, "lead");
        _cleanup_(record_freep) Record *record = NULL;
        uint64_t lead = 0;
        Actor actor;
        bool known;
        int r = store_resolve_lead(desk->store, text, &lead);
        if (r < 0)
                return r;
        /* Of an address that no lead has, a file may still know. */
        if (r > 0 && !strchr(text, '@')) {
                call_fail(call, "NoSuchLead", json_pack("{s:s}", "lead", text));
                return 0;
        }
        if (r > 0)
                lead = 0;
        else {
                bool erased;
                int64_t at_us;
                r = store_is_erased(desk->store, lead, &erased, &at_us);
                if (r == 0 && erased) {
                        call_fail(call, "Erased", json_pack("{s:o, s:o}", "lead", json_lead(lead), "time", json_time(at_us)));
                        return 0;
                }
        }
        r = execute_find_actor(desk, call, false, &actor, &known);
        if (r < 0 || !known)
                return r;
        r = execute_make_record(desk, call, FAMILY_LEAD, "erased", lead, &record);
        if (r == 0 && lead == 0) {
                record->subject = NULL;
                r = set_fact(record, FIELD_PERSON_EMAIL, text);
                if (r == 0)
                        r = record_identify(record, store_secret(desk->store));
        }
        if (r < 0)
                return r;
        r = desk->erase(desk->userdata, call, TAKE(record), lead, actor.text);
        return r == 1 ? EXECUTE_LATER : r;
}
