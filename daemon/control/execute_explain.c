/* SPDX-License-Identifier: MIT */
/*
 * Why a lead is where it is: a receipt for every rule as of now or of a later instant, what the log recorded for an earlier one,
 * and the story of its moves and owners. Reads only, where the rule set is.
 */
#include "internal.h"
#include <errno.h>
#include <stdio.h>

#define STORY_MAX 50 /* newest moves and assignments that explain tells */

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
        put(json, "because", json_null(), &failed);
        put(json, "note", json_text(receipt->note), &failed);
        if (failed) {
                json_decref(json);
                return NULL;
        }
        return json;
}

/* What kept the lead from a move: a closed fence matched, a missing criterion did not. */
static json_t *stored_block_json(const RuleSet *rules, const StoredBlock *block, uint64_t event) {
        const Rule *rule = block->rule ? policy_rule(rules, block->kind, block->rule) : NULL;
        json_t *json = json_object();
        bool failed = !json;
        put(json, "rule", json_text(block->rule), &failed);
        put(json, "kind", json_text(rule_kind_name(block->kind)), &failed);
        put(json, "at", rule ? json_place(rule) : json_null(), &failed);
        put(json, "matched", json_boolean(block->kind == RULE_FENCE), &failed);
        static const char *const points[] = { "points", "before", "after" };
        for (size_t i = 0; i < ARRAY_SIZE(points); i++)
                put(json, points[i], json_points(0), &failed);
        put(json, "event", json_integer((json_int_t) event), &failed);
        put(json, "fields", json_null(), &failed);
        put(json, "because", json_null(), &failed);
        put(json, "note", json_sprintf("kept the lead from %s", block->move ? block->move : "a move"), &failed);
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

/* Why not the others, as the assignment says it. */
static json_t *others_json(const char *text) {
        _cleanup_(arena_freep) Arena *arena = arena_new(CONTROL_LOOK_MEMORY_MAX);
        Candidacy *others;
        size_t n;
        json_t *list = json_array();
        int r = arena ? decide_others_of(text, arena, &others, &n) : -ENOMEM;
        for (size_t i = 0; r == 0 && i < n; i++) {
                json_t *json = json_object();
                bool failed = !json;
                put(json, "owner", json_text(others[i].member), &failed);
                put(json, "cause", json_text(others[i].cause), &failed);
                if (failed)
                        json_decref(json);
                if (failed || json_array_append_new(list, json) < 0)
                        r = -ENOMEM;
        }
        if (r < 0) {
                json_decref(list);
                return NULL;
        }
        return list;
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
                put(json, "others", others_json(assignment->text), &failed);
                story_add(story, story->assignments, json, failed);
                (void) snprintf(story->owner, sizeof(story->owner), "%s", assignment->owner ? assignment->owner : "");
        }
        if (story->want_receipts && !story->failed) {
                (void) json_array_clear(story->receipts);
                for (size_t i = 0; i < event->n_receipts; i++)
                        if (json_array_append_new(story->receipts, stored_receipt_json(story->rules, &event->receipts[i], event->id)) < 0)
                                story->failed = true;
                for (size_t i = 0; i < event->n_blocks; i++)
                        if (json_array_append_new(story->receipts, stored_block_json(story->rules, &event->blocks[i], event->id)) < 0)
                                story->failed = true;
        }
        return story->failed;
}

/* Who could be given it, and why not the others. */
static json_t *candidacies_json(const Candidacy *candidates, size_t n) {
        json_t *list = json_array();
        for (size_t i = 0; i < n; i++) {
                const Candidacy *candidate = &candidates[i];
                json_t *json = json_object();
                bool failed = !json;
                put(json, "owner", json_text(candidate->member), &failed);
                put(json, "next", json_boolean(candidate->chosen), &failed);
                put(json, "cause", json_text(candidate->cause), &failed);
                put(json, "free", json_time(candidate->free_us), &failed);
                put(json, "open", json_integer(candidate->n_open), &failed);
                put(json, "unaccepted", json_integer(candidate->n_unaccepted), &failed);
                if (failed || json_array_append_new(list, json) < 0) {
                        if (failed)
                                json_decref(json);
                        json_decref(list);
                        return NULL;
                }
        }
        return list;
}

/* As the rules see the lead at `at`, from what is known now. */
static int explain_look(const ControlDesk *desk, uint64_t lead, int64_t at_us, json_t *reply, json_t *receipts, bool *failed) {
        _cleanup_(arena_freep) Arena *arena = arena_new(CONTROL_LOOK_MEMORY_MAX);
        if (!arena)
                return -ENOMEM;
        LeadLook look;
        Explanation explanation;
        int r = control_look(desk, lead, at_us, arena, &look);
        if (r == 0)
                r = decide_explain(desk->rules, &look.input, arena, &explanation);
        if (r == 0)
                r = control_look_refresh(desk->rules, arena, &explanation.subject, &look.state);
        if (r != 0)
                return r < 0 ? r : -ESTALE;
        _cleanup_(json_decrefp) json_t *state = json_state(&look.state, NULL, NULL);
        static const char *const keys[] = { "status", "owner", "fit", "engagement", "grade", "segments", "held" };
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                json_t *value = json_object_get(state, keys[i]);
                put(reply, keys[i], json_incref(value), failed);
        }
        put(reply, "next_change", json_time(explanation.subject.next_change_us), failed);
        put(reply, "rules", json_text(desk->rules->hash_text), failed);
        put(reply, "route", json_text(explanation.route ? explanation.route->rule.name : NULL), failed);
        json_t *excluded;
        r = execute_excluded(desk->store, lead, at_us, &excluded, NULL);
        if (r < 0)
                return r;
        put(reply, "excluded", excluded, failed);
        put(reply, "candidates", candidacies_json(explanation.candidates, explanation.n_candidates), failed);
        for (size_t i = 0; i < explanation.receipts.n_items; i++)
                if (json_array_append_new(receipts, receipt_json(&explanation.receipts.items[i])) < 0)
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
