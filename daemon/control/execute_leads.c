/* SPDX-License-Identifier: MIT */
/*
 * What org.leadd.Leads answers about leads: list, show, log, explain. Reads only. List runs on the
 * reading connection; the others need the rule set or the indexes and run where those are.
 */
#include "internal.h"
#include <errno.h>
#include <stdio.h>

#define LOOK_MEMORY_MAX (64 * 1024 * 1024) /* bytes one look at a lead may use */
#define STORY_MAX 50                       /* newest moves and assignments that explain tells */

/* ---- list ---- */

typedef struct Listing {
        json_t *items;
        size_t n_max;
        uint64_t last;
        bool failed, more;
} Listing;

static int on_list_row(const ListRow *row, void *userdata) {
        Listing *listing = userdata;
        if (json_array_size(listing->items) >= listing->n_max) {
                listing->more = true;
                return 1;
        }
        json_t *json = json_state(&row->state, row->email, row->team);
        bool failed = !json;
        /* A column people look for; `show` has it as person.name. */
        if (row->name)
                put(json, "name", json_text(row->name), &failed);
        if (failed) {
                json_decref(json);
                listing->failed = true;
        } else if (json_array_append_new(listing->items, json) < 0)
                listing->failed = true;
        listing->last = row->state.id;
        return listing->failed;
}

static bool page_size(ControlCall *call, size_t *ret) {
        int64_t limit = call_integer(call, "limit", CONTROL_PAGE_DEFAULT);
        if (limit < 1) {
                call_bad_value(call, "limit", "at least 1");
                return false;
        }
        *ret = limit > CONTROL_PAGE_MAX ? CONTROL_PAGE_MAX : (size_t) limit;
        return true;
}

int execute_list(const ControlDesk *desk, ControlCall *call) {
        _cleanup_(json_decrefp) json_t *items = json_array();
        Listing listing = { .items = items, .failed = !items };
        if (!page_size(call, &listing.n_max))
                return 0;
        int64_t before = call_integer(call, "before", 0);
        if (before < 0) {
                call_bad_value(call, "before", "the number of a lead");
                return 0;
        }
        const ListFilter filter = {
                .status = call_text(call, "status"),
                .owner = call_text(call, "owner"),
                .segment = call_text(call, "segment"),
                .grade = call_text(call, "grade"),
                .held = call_bool(call, "held"),
                .limit = listing.n_max + 1, /* one more says whether there is another page */
                .before = (uint64_t) before,
        };
        int r = store_list(desk->store, &filter, on_list_row, &listing);
        if (r < 0)
                return r;
        json_t *reply = json_object();
        bool failed = !reply || listing.failed;
        put(reply, "items", json_incref(items), &failed);
        put(reply, "now", json_time(clock_now_us(desk->clock)), &failed);
        put(reply, "next", listing.more ? json_integer((json_int_t) listing.last) : json_null(), &failed);
        control_set_reply(call, reply);
        return failed ? -ENOMEM : 0;
}

/* ---- a look at one lead ---- */

typedef struct Look {
        LeadState state;
        Facts profile;
        Activity *history;
        size_t n_history;
        Subject subject;
        Receipts receipts;
} Look;

static int look_at(const ControlDesk *desk, uint64_t lead, int64_t now_us, Arena *arena, Look *look) {
        int r = store_load_lead(desk->store, lead, arena, &look->state, &look->profile, &look->history, &look->n_history);
        if (r != 0)
                return r;
        const DecideInput input = {
                .lead_id = lead,
                .before = &look->state,
                .profile = &look->profile,
                .history = look->history,
                .n_history = look->n_history,
                .actor = "system:leadd",
                .now_us = now_us,
                .desk = &(const Desk){ 0 },
        };
        r = decide_look(desk->rules, &input, arena, &look->subject, &look->receipts);
        return r > 0 ? -EIO : r;
}

/* The state with points, grade and segments as of the look. */
static int look_refresh(const RuleSet *rules, Arena *arena, Look *look) {
        look->state.fit_mp = look->subject.fit_mp;
        look->state.engagement_mp = look->subject.engagement_mp;
        look->state.grade = look->subject.grade;
        const char **names = ARENA_ARRAY(arena, const char *, rules->n_segments + 1);
        if (!names)
                return -ENOMEM;
        size_t n = 0;
        for (size_t i = 0; i < rules->n_segments && i < POLICY_SEGMENTS_MAX; i++)
                if (look->subject.segments[i / 64] & (UINT64_C(1) << (i % 64)))
                        names[n++] = rules->segments[i].rule.name;
        for (size_t i = 1; i < n; i++) /* sorted, as the state has them */
                for (size_t k = i; k > 0 && strcmp(names[k - 1], names[k]) > 0; k--) {
                        const char *other = names[k];
                        names[k] = names[k - 1];
                        names[k - 1] = other;
                }
        look->state.segments = names;
        look->state.n_segments = n;
        return 0;
}

/* ---- show ---- */

static bool move_leaves(const Move *move, const Status *status) {
        for (size_t i = 0; i < move->n_from; i++)
                if (move->from[i] == status)
                        return true;
        return false;
}

/* What a person may do from here: "accept or reject". */
static void list_moves(const RuleSet *rules, const Status *status, Text *out) {
        size_t n = 0;
        for (size_t i = 0; i < rules->n_moves; i++)
                if (rules->moves[i].by != BY_RULES && move_leaves(&rules->moves[i], status))
                        text_printf(out, "%s%s", n++ ? " or " : "", rules->moves[i].rule.name);
        if (n == 0)
                text_append(out, "act");
}

/* One sentence: on whom or what the lead waits. false: on nothing. */
static bool describe_waiting(const RuleSet *rules, const LeadState *state, Text *out) {
        const Status *status = policy_status(rules, state->status);
        char buffer[TIME_TEXT_SIZE];
        if (state->held.by) {
                text_printf(out, "held by %s: %s", state->held.by, state->held.text ? state->held.text : "");
                if (state->held.next_look_us != TIME_NONE)
                        text_printf(out, "; next look %s", time_format_rfc3339(state->held.next_look_us, buffer));
                return true;
        }
        if (!status || status->kind == STATUS_FINAL)
                return false;
        if (state->recycle_us != TIME_NONE && state->recycle_us > 0) {
                text_printf(out, "rests until %s", time_format_rfc3339(state->recycle_us, buffer));
                if (state->recycle_reason)
                        text_printf(out, " (%s)", state->recycle_reason);
                return true;
        }
        if (state->sla.rule) {
                text_printf(out, "%s to ", state->owner ? state->owner : status->team ? status->team->rule.name : "somebody");
                list_moves(rules, status, out);
                if (state->sla.due_us != TIME_NONE)
                        text_printf(out, " by %s", time_format_rfc3339(state->sla.due_us, buffer));
                text_printf(out, " (%s)", state->sla.rule);
                return true;
        }
        if (state->owner) {
                text_printf(out, "%s to ", state->owner);
                list_moves(rules, status, out);
                return true;
        }
        return false;
}

/* Members of the fact tree that show gives, in this order. The others belong to single events. */
static const char *const shown_parts[] = { "person", "company", "consent", "attribution", "interest", "answers", "opportunity" };

int execute_show(const ControlDesk *desk, ControlCall *call) {
        uint64_t lead;
        int r = execute_find_lead(desk, call, &lead);
        if (r < 0 || lead == 0)
                return r;
        _cleanup_(arena_freep) Arena *arena = arena_new(LOOK_MEMORY_MAX);
        if (!arena)
                return -ENOMEM;
        int64_t now_us = clock_now_us(desk->clock);
        Look look = { 0 };
        r = look_at(desk, lead, now_us, arena, &look);
        if (r == 0)
                r = look_refresh(desk->rules, arena, &look);
        if (r != 0) {
                if (r > 0)
                        call_fail(call, "NoSuchLead", json_pack("{s:s}", "lead", call_text(call, "lead")));
                return r < 0 ? r : 0;
        }
        _cleanup_(json_decrefp) json_t *facts = NULL;
        r = facts_to_json(&look.profile, &facts);
        if (r < 0)
                return r;
        const Status *status = policy_status(desk->rules, look.state.status);
        _cleanup_(text_free) Text waiting = { 0 };
        bool waits = describe_waiting(desk->rules, &look.state, &waiting);
        json_t *item = json_state(
                &look.state, facts_text(&look.profile, FIELD_PERSON_EMAIL), status && status->team ? status->team->rule.name : NULL);
        bool failed = !item || waiting.error < 0;
        for (size_t i = 0; i < ARRAY_SIZE(shown_parts); i++) {
                json_t *part = json_object_get(facts, shown_parts[i]);
                put(item, shown_parts[i], part ? json_incref(part) : json_null(), &failed);
        }
        put(item, "waiting_for", json_text(waits ? waiting.data : NULL), &failed);
        json_t *reply = json_object();
        put(reply, "item", item, &failed);
        put(reply, "now", json_time(now_us), &failed);
        control_set_reply(call, reply);
        return failed ? -ENOMEM : 0;
}

/* ---- log ---- */

typedef struct LogListing {
        json_t *items;
        size_t n_max;
        uint64_t after;
        bool failed, more;
} LogListing;

static int on_log_event(const StoredEvent *event, void *userdata) {
        LogListing *listing = userdata;
        if (event->id <= listing->after)
                return 0;
        if (json_array_size(listing->items) >= listing->n_max) {
                listing->more = true;
                return 1;
        }
        json_t *json = json_object();
        bool failed = !json;
        put(json, "event", json_integer((json_int_t) event->id), &failed);
        put(json, "time", json_time(event->time_us), &failed);
        put(json, "type", json_text(event->type), &failed);
        put(json, "source", json_text(event->source), &failed);
        put(json, "id", json_text(event->record_id), &failed);
        put(json, "summary", json_text(event->summary ? event->summary : ""), &failed);
        if (failed) {
                json_decref(json);
                listing->failed = true;
        } else if (json_array_append_new(listing->items, json) < 0)
                listing->failed = true;
        return listing->failed;
}

int execute_log(const ControlDesk *desk, ControlCall *call) {
        _cleanup_(json_decrefp) json_t *items = json_array();
        LogListing listing = { .items = items, .failed = !items };
        if (!page_size(call, &listing.n_max))
                return 0;
        int64_t after = call_integer(call, "after", 0);
        if (after < 0) {
                call_bad_value(call, "after", "the number of an event");
                return 0;
        }
        listing.after = (uint64_t) after;
        uint64_t lead;
        int r = execute_find_lead(desk, call, &lead);
        if (r < 0 || lead == 0)
                return r;
        r = store_log(desk->store, lead, listing.after + 1, on_log_event, &listing);
        if (r < 0)
                return r;
        json_t *reply = json_object();
        bool failed = !reply || listing.failed;
        put(reply, "lead", json_lead(lead), &failed);
        put(reply, "items", json_incref(items), &failed);
        put(reply, "more", json_boolean(listing.more), &failed);
        control_set_reply(call, reply);
        return failed ? -ENOMEM : 0;
}

/* ---- explain ---- */

static json_t *receipt_json(const Receipt *receipt) {
        json_t *json = json_object();
        bool failed = !json;
        put(json, "rule", json_text(receipt->rule->name), &failed);
        put(json, "kind", json_text(rule_kind_name(receipt->rule->kind)), &failed);
        put(json, "at", json_place(receipt->rule), &failed);
        put(json, "matched", json_boolean(receipt->matched), &failed);
        put(json, "points", json_points(receipt->points_mp), &failed);
        put(json, "before", json_points(receipt->before_mp), &failed);
        put(json, "after", json_points(receipt->after_mp), &failed);
        put(json, "event", receipt->event ? json_integer((json_int_t) receipt->event) : json_null(), &failed);
        put(json, "fields", json_trace(receipt->trace), &failed);
        put(json, "because", json_text(receipt->trace && *receipt->trace ? receipt->trace : NULL), &failed);
        put(json, "note", json_text(receipt->note), &failed);
        if (failed) {
                json_decref(json);
                return NULL;
        }
        return json;
}

/* A receipt as the log has it; the rule's place is known when the running set still declares it. */
static json_t *stored_receipt_json(const RuleSet *rules, const StoredReceipt *receipt, uint64_t event) {
        const Rule *rule = NULL;
        for (size_t i = 0; i < rules->n_rules && !rule; i++)
                if (base_streq(rules->rules[i]->name, receipt->rule))
                        rule = rules->rules[i];
        json_t *json = json_object();
        bool failed = !json;
        put(json, "rule", json_text(receipt->rule), &failed);
        put(json, "kind", json_text(rule ? rule_kind_name(rule->kind) : NULL), &failed);
        put(json, "at", rule ? json_place(rule) : json_null(), &failed);
        put(json, "matched", json_boolean(!receipt->failed), &failed);
        put(json, "points", json_points(receipt->points_mp), &failed);
        put(json, "before", json_points(receipt->before_mp), &failed);
        put(json, "after", json_points(receipt->after_mp), &failed);
        put(json, "event", json_integer((json_int_t) event), &failed);
        put(json, "fields", json_null(), &failed);
        put(json, "note", json_text(receipt->note), &failed);
        if (failed) {
                json_decref(json);
                return NULL;
        }
        return json;
}

typedef struct Story {
        const RuleSet *rules;
        int64_t until_us;   /* events after it are not told */
        bool want_receipts; /* of the last event told */
        json_t *moves, *assignments, *receipts;
        uint64_t event;
        char rules_hash[2 * DIGEST_SIZE + 1];
        char status[CONTROL_NAME_MAX + 1], owner[CONTROL_NAME_MAX + 1];
        bool failed;
} Story;

static void story_add(Story *story, json_t *list, json_t *item, bool failed) {
        if (failed) {
                json_decref(item);
                story->failed = true;
        } else if (json_array_append_new(list, item) < 0)
                story->failed = true;
        else if (json_array_size(list) > STORY_MAX)
                (void) json_array_remove(list, 0);
}

static int on_story_event(const StoredEvent *event, void *userdata) {
        Story *story = userdata;
        if (event->now_us > story->until_us)
                return 1;
        story->event = event->id;
        (void) snprintf(story->rules_hash, sizeof(story->rules_hash), "%s", event->rules_hash ? event->rules_hash : "");
        for (size_t i = 0; i < event->n_moves; i++) {
                const MoveMade *move = &event->moves[i];
                json_t *json = json_object();
                bool failed = !json;
                put(json, "event", json_integer((json_int_t) event->id), &failed);
                put(json, "time", json_time(event->now_us), &failed);
                put(json, "move", json_text(move->move), &failed);
                put(json, "from", json_text(move->from), &failed);
                put(json, "to", json_text(move->to), &failed);
                put(json, "by", json_text(move->by), &failed);
                put(json, "reason", json_text(move->reason), &failed);
                put(json, "note", json_text(move->note), &failed);
                story_add(story, story->moves, json, failed);
                if (move->to)
                        (void) snprintf(story->status, sizeof(story->status), "%s", move->to);
        }
        const Assignment *assignment = &event->assignment;
        if (assignment->changed) {
                json_t *json = json_object();
                bool failed = !json;
                put(json, "event", json_integer((json_int_t) event->id), &failed);
                put(json, "time", json_time(event->now_us), &failed);
                put(json, "owner", json_text(assignment->owner), &failed);
                put(json, "previous", json_text(assignment->previous), &failed);
                put(json, "route", json_text(assignment->route), &failed);
                put(json, "text", json_text(assignment->text), &failed);
                story_add(story, story->assignments, json, failed);
                (void) snprintf(story->owner, sizeof(story->owner), "%s", assignment->owner ? assignment->owner : "");
        }
        if (story->want_receipts && !story->failed) {
                (void) json_array_clear(story->receipts);
                for (size_t i = 0; i < event->n_receipts; i++)
                        if (json_array_append_new(story->receipts, stored_receipt_json(story->rules, &event->receipts[i], event->id)) < 0)
                                story->failed = true;
        }
        return story->failed;
}

/* As the rules see the lead at `at`, from what is known now. */
static int explain_look(const ControlDesk *desk, uint64_t lead, int64_t at_us, json_t *reply, json_t *receipts, bool *failed) {
        _cleanup_(arena_freep) Arena *arena = arena_new(LOOK_MEMORY_MAX);
        if (!arena)
                return -ENOMEM;
        Look look = { .receipts = { .all = true, .trace = true } };
        int r = look_at(desk, lead, at_us, arena, &look);
        if (r == 0)
                r = look_refresh(desk->rules, arena, &look);
        if (r != 0)
                return r < 0 ? r : -ESTALE;
        _cleanup_(json_decrefp) json_t *state = json_state(&look.state, NULL, NULL);
        static const char *const keys[] = { "status", "owner", "fit", "engagement", "grade", "segments", "held" };
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                json_t *value = json_object_get(state, keys[i]);
                put(reply, keys[i], json_incref(value), failed);
        }
        put(reply, "next_change", json_time(look.subject.next_change_us), failed);
        put(reply, "rules", json_text(desk->rules->hash_text), failed);
        for (size_t i = 0; i < look.receipts.n_items; i++)
                if (json_array_append_new(receipts, receipt_json(&look.receipts.items[i])) < 0)
                        return -ENOMEM;
        return 0;
}

int execute_explain(const ControlDesk *desk, ControlCall *call) {
        int64_t now_us = clock_now_us(desk->clock), at_us = now_us;
        const char *at = call_text(call, "at");
        if (at && time_parse_rfc3339(at, strlen(at), &at_us) != 0) {
                call_bad_value(call, "at", "an instant in RFC 3339, such as 2026-03-05T14:00:00+01:00");
                return 0;
        }
        uint64_t lead;
        int r = execute_find_lead(desk, call, &lead);
        if (r < 0 || lead == 0)
                return r;
        _cleanup_(json_decrefp) json_t *moves = json_array();
        _cleanup_(json_decrefp) json_t *assignments = json_array();
        _cleanup_(json_decrefp) json_t *receipts = json_array();
        /* The past is told from the log: looking back with today's knowledge would make up what nobody saw. */
        bool recorded = at_us < now_us;
        Story story = {
                .rules = desk->rules,
                .until_us = at_us,
                .want_receipts = recorded,
                .moves = moves,
                .assignments = assignments,
                .receipts = receipts,
                .failed = !moves || !assignments || !receipts,
        };
        r = store_log(desk->store, lead, 0, on_story_event, &story);
        if (r < 0)
                return r;
        json_t *reply = json_object();
        bool failed = !reply || story.failed;
        put(reply, "lead", json_lead(lead), &failed);
        put(reply, "at", json_time(at_us), &failed);
        put(reply, "recorded", json_boolean(recorded), &failed);
        put(reply, "event", story.event ? json_integer((json_int_t) story.event) : json_null(), &failed);
        put(reply, "receipts", json_incref(receipts), &failed);
        put(reply, "moves", json_incref(moves), &failed);
        put(reply, "assignments", json_incref(assignments), &failed);
        control_set_reply(call, reply);
        if (failed)
                return -ENOMEM;
        if (!recorded)
                r = explain_look(desk, lead, at_us, reply, receipts, &failed);
        else {
                put(reply, "status",
                        json_text(*story.status                         ? story.status
                                  : story.event && desk->rules->initial ? desk->rules->initial->rule.name
                                                                        : NULL),
                        &failed);
                put(reply, "owner", json_text(*story.owner ? story.owner : NULL), &failed);
                put(reply, "segments", json_array(), &failed);
                put(reply, "rules", json_text(story.rules_hash), &failed);
                r = 0;
        }
        return r < 0 ? r : failed ? -ENOMEM : 0;
}
