/* SPDX-License-Identifier: MIT */
/*
 * Replaying a book in which people were erased. What they said is gone, so that their events cannot be judged again; but
 * others were judged beside them: a turn was given to their leads, an owner had one more. Such an event is applied as the log has
 * it: its moves, its owner, its turns, what it told. Points, grade, timers and the like are not known of a ghost, and nobody
 * asks for them any more: its last event, the erasure, leaves a number.
 *
 * A living lead that somebody erased was once part of is a ghost as long as that was so. When the two parted, the event wrote down
 * what the lead then was (care.state): from there on it is judged again.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t named_in(const Record *record, FieldId field) {
        const Value *value = facts_get(&record->facts, field, NULL);

        return value && value->type == VALUE_INTEGER && value->integer > 0 ? (uint64_t) value->integer : 0;
}

/* ---- who is one ---- */

static int is_erased(Ghosts *ghosts, uint64_t lead, bool *ret) {
        int64_t at_us;
        int r = store_is_erased(ghosts->from, lead, ret, &at_us);

        if (r != 0)
                *ret = false;
        return r < 0 ? r : 0;
}

int ghosts_start(Store *from, Ghosts *ret) {
        *ret = (Ghosts){ .from = from };
        for (uint64_t lead = 1; lead < store_next_lead(from) && !ret->any; lead++) {
                int r = is_erased(ret, lead, &ret->any);
                if (r != 0)
                        return r;
        }
        return 0;
}

void ghosts_done(Ghosts *ghosts) {
        free(ghosts->strayed);
        *ghosts = (Ghosts){ 0 };
}

static bool find_strayed(const Ghosts *ghosts, uint64_t lead, size_t *ret_at) {
        for (size_t i = 0; i < ghosts->n_strayed; i++)
                if (ghosts->strayed[i] == lead) {
                        *ret_at = i;
                        return true;
                }
        return false;
}

static int stray(Ghosts *ghosts, uint64_t lead) {
        size_t at;

        if (find_strayed(ghosts, lead, &at))
                return 0;
        if (ghosts->n_strayed == ghosts->strayed_capacity) {
                size_t capacity = ghosts->strayed_capacity ? ghosts->strayed_capacity * 2 : 16;
                uint64_t *grown = reallocarray(ghosts->strayed, capacity, sizeof *grown);
                if (!grown)
                        return -ENOMEM;
                ghosts->strayed = grown;
                ghosts->strayed_capacity = capacity;
        }
        ghosts->strayed[ghosts->n_strayed++] = lead;
        return 0;
}

int ghosts_is_one(Ghosts *ghosts, Store *to, uint64_t lead, bool *ret) {
        uint64_t family[STORE_FAMILY_MAX];
        size_t n = 0;
        int r = is_erased(ghosts, lead, ret);

        if (r == 0 && !*ret)
                r = store_family(to, lead, family, &n);
        for (size_t i = 1; r == 0 && !*ret && i < n; i++)
                r = is_erased(ghosts, family[i], ret);
        return r;
}

int ghosts_find(Ghosts *ghosts, Store *to, const StoredEvent *event, const Record *record, bool *ret) {
        bool erased;
        int r = ghosts_is_one(ghosts, to, event->lead, ret);

        if (r == 0 && gate_is_erasure(record))
                *ret = false;
        if (r == 0 && *ret) {
                r = is_erased(ghosts, event->lead, &erased);
                if (r == 0 && !erased)
                        r = stray(ghosts, event->lead);
        }
        return r;
}

/* ---- applying ---- */

static const Rule *rule_of(Gate *gate, RuleKind kind, const char *name) {
        if (kind > 0)
                return policy_rule(gate->rules, kind, name);
        for (int i = RULE_PRINCIPLE; i <= RULE_TEST; i++) {
                const Rule *rule = policy_rule(gate->rules, (RuleKind) i, name);
                if (rule)
                        return rule;
        }
        return NULL;
}

static int make_receipts(Gate *gate, const StoredEvent *event, Decision *decision) {
        for (size_t i = 0; i < event->n_receipts; i++) {
                const StoredReceipt *stored = &event->receipts[i];
                const Rule *rule = rule_of(gate, stored->kind, stored->rule);
                if (!rule)
                        return -EBADMSG;
                int r = receipts_add(&decision->receipts, gate->arena,
                        (Receipt){ .rule = rule,
                                .points_mp = stored->points_mp,
                                .before_mp = stored->before_mp,
                                .after_mp = stored->after_mp,
                                .matched = stored->matched,
                                .failed = stored->failed,
                                .event = stored->event,
                                .note = stored->note });
                if (r < 0)
                        return r;
        }
        if (event->n_blocks == 0)
                return 0;
        decision->blocks = ARENA_ARRAY(gate->arena, Block, event->n_blocks);
        if (!decision->blocks)
                return -ENOMEM;
        for (size_t i = 0; i < event->n_blocks; i++) {
                decision->blocks[i] =
                        (Block){ .rule = rule_of(gate, event->blocks[i].kind, event->blocks[i].rule), .move = event->blocks[i].move };
                if (!decision->blocks[i].rule)
                        return -EBADMSG;
        }
        decision->n_blocks = event->n_blocks;
        return 0;
}

static int make_effects(Gate *gate, const StoredEvent *event, Decision *decision) {
        int r = store_outbox_of(gate->ghosts->from, event->id, gate->arena, &decision->effects, &decision->n_effects);

        for (size_t i = 0; r == 0 && i < decision->n_effects && i < event->n_messages; i++)
                decision->effects[i].message = event->messages[i];
        return r;
}

static void move_on(Gate *gate, const StoredEvent *event, const Record *record, const LeadState *before, LeadState *after) {
        const Status *status = policy_status(gate->rules, before->id == 0 ? gate->rules->initial->rule.name : before->status);
        uint64_t into = named_in(record, FIELD_CARE_INTO);

        *after = *before;
        after->id = event->lead;
        after->version = before->version + 1;
        if (status)
                after->status = status->rule.name;
        if (before->id == 0) {
                after->created_us = after->entered_us = event->now_us;
                after->grade = "";
        }
        for (size_t i = 0; i < event->n_moves; i++) {
                const MoveMade *made = &event->moves[i];
                if (base_streq(made->move, "assign"))
                        continue;
                after->status = made->to;
                after->moved_event = event->id;
                if (!base_streq(made->from, made->to))
                        after->entered_us = event->now_us;
        }
        if (event->assignment.changed) {
                after->owner = event->assignment.owner;
                after->route = after->owner && !store_is_before_6(gate->store, event->id) ? event->assignment.route : NULL;
                after->offered_us = after->owner ? event->now_us : TIME_NONE;
                after->offered_event = after->owner ? event->id : 0;
        }
        if (after->owner && event->leaves_unaccepted && !before->unaccepted) {
                after->offered_us = event->now_us;
                after->offered_event = event->id;
        }
        after->unaccepted = event->leaves_unaccepted;
        after->test = event->leaves_test;
        after->by_turn = event->leaves_by_turn;
        if (!gate_is_merge(record))
                return;
        after->joined = true;
        if (into > 0 && base_streq(record->event, "merged")) {
                after->merged_into = into;
                after->merged_owner = before->owner;
                after->merged_unaccepted = before->unaccepted;
                after->sla = SLA_STATE_NONE;
                after->held = (HeldState){ .next_look_us = TIME_NONE };
                after->track = TRACK_STATE_NONE;
                after->wake_us = TIME_NONE;
        } else if (into > 0)
                after->merged_into = 0;
}

int ghosts_apply(Gate *gate, const StoredEvent *event, const Record *record) {
        LeadState before;
        Decision decision = { .look_us = TIME_NONE };
        uint64_t lead = event->lead >= store_next_lead(gate->store) ? 0 : event->lead;

        int r = store_load_lead(gate->store, lead, gate->arena, &before, NULL, NULL, NULL);
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        policy_begin_event(gate->rules, true, event->cuts, event->n_cuts);
        policy_end_event(gate->rules);
        decision.is_new = before.id == 0;
        move_on(gate, event, record, &before, &decision.after);
        decision.moves = (MoveMade *) event->moves;
        decision.n_moves = event->n_moves;
        decision.assignment = event->assignment;
        decision.handoff = event->handoff;
        decision.turns = (TurnChange *) event->turns;
        decision.n_turns = event->n_turns;
        decision.fair = (FairFact *) event->fair;
        decision.n_fair = event->n_fair;
        decision.fair_day = event->fair_day;
        decision.account_asked = event->account_asked;
        decision.account_owner = event->account_owner;
        decision.reminded_roles = event->reminded_roles;
        decision.summary = event->summary;
        decision.cuts = event->cuts;
        decision.n_cuts = event->n_cuts;
        Exclusion exclusion;
        if (decide_read_exclusion(gate->rules, record, event->now_us, &exclusion)) {
                exclusion.by = event->actor;
                decision.exclusion = &exclusion;
        }
        r = make_receipts(gate, event, &decision);
        if (r == 0)
                r = make_effects(gate, event, &decision);
        if (r != 0)
                return r;
        const StoreEntry entry = {
                .record = record,
                .decision = &decision,
                .event_id = event->id,
                .lead_id = event->lead,
                .named = event->named,
                .copied_from = gate->ghosts->from,
                .actor = event->actor,
                .now_us = event->now_us,
        };
        return store_apply(gate->store, &entry);
}

int ghosts_rename(Gate *gate, const LeadState *before) {
        const Status *status = policy_status(gate->rules, before->status);
        LeadState after = *before;
        bool changed;

        if (status)
                after.status = status->rule.name;
        int r = store_rederive(gate->store, &(const Rederived){ .before = before, .after = &after }, &changed);
        return r > 0 ? -EBADMSG : r;
}

void ghosts_found(const StoredEvent *event, Rederivation *into) {
        uint64_t from, to, n_changed, n_regraded, n_moving;

        if (event->summary && sscanf(event->summary,
                                      "re-derived L-%" SCNu64 " to L-%" SCNu64 ": %" SCNu64 " changed, %" SCNu64
                                      " of them in grade; %" SCNu64 " would move",
                                      &from, &to, &n_changed, &n_regraded, &n_moving) == 5) {
                into->n_changed = n_changed;
                into->n_regraded = n_regraded;
                into->n_moving = n_moving;
        }
}

/* ---- what a lead was when it parted from another ---- */

static json_t *write_uses(const LeadState *state) {
        json_t *list = json_array();

        for (size_t i = 0; list && i < state->n_uses; i++)
                (void) json_array_append_new(list, json_pack("[s, I, I, b]", state->uses[i].reason, (json_int_t) state->uses[i].event,
                                                           (json_int_t) state->uses[i].at_us, (int) state->uses[i].woken));
        return list;
}

static json_t *write_names(const char *const *names, size_t n) {
        json_t *list = json_array();

        for (size_t i = 0; list && i < n; i++)
                (void) json_array_append_new(list, json_string(names[i]));
        return list;
}

int ghosts_write_state(Gate *gate, const LeadState *state, const char **ret) {
        const SlaState *sla = &state->sla;
        json_t *json = json_pack(
                "{s:s, s:s?, s:s?, s:s, s:I, s:I, s:I, s:s?, s:I, s:I, s:I, s:I, s:o, s:b, s:b, s:b, s:I, s:s?, s:o, s:o, s:I, "
                "s:[s?, I, I, I, I, I, "
                "I, I, s?, s?], s:[s?, s?, I, I], s:[s?, I, I], s:[I, I], s:s?, s:s?, s:s?}",
                "status", state->status, "owner", state->owner, "route", state->route, "grade", state->grade ? state->grade : "", "created",
                (json_int_t) state->created_us, "entered", (json_int_t) state->entered_us, "idle", (json_int_t) state->idle_from_us,
                "source", state->source, "source_at", (json_int_t) state->source_us, "moved", (json_int_t) state->moved_event, "fit",
                (json_int_t) state->fit_mp, "engagement", (json_int_t) state->engagement_mp, "segments",
                write_names(state->segments, state->n_segments), "unaccepted", (int) state->unaccepted, "by_turn", (int) state->by_turn,
                "test", (int) state->test, "recycle", (json_int_t) state->recycle_us, "recycle_reason", state->recycle_reason, "uses",
                write_uses(state), "expired", write_names(state->expired, state->n_expired), "wake", (json_int_t) state->wake_us, "sla",
                sla->rule, (json_int_t) sla->start_event, (json_int_t) sla->start_us, (json_int_t) sla->due_us, (json_int_t) sla->next_step,
                (json_int_t) sla->next_due_us, (json_int_t) sla->paused_us, (json_int_t) sla->snoozed_until_us, sla->snooze_reason,
                sla->version, "held", state->held.by, state->held.text, (json_int_t) state->held.since_us,
                (json_int_t) state->held.next_look_us, "response", state->response.rule, (json_int_t) state->response.n_in_time,
                (json_int_t) state->response.n_late, "offered", (json_int_t) state->offered_us, (json_int_t) state->offered_event,
                "came_from", state->came_from, "campaign", state->campaign, "consents", state->consents);
        const TrackState *track = &state->track;
        if (track->name && json)
                (void) json_object_set_new(json, "track",
                        json_pack("[s, I, I, I, I, b]", track->name, (json_int_t) track->event, (json_int_t) track->since_us,
                                (json_int_t) track->next_step, (json_int_t) track->next_due_us, (int) track->ended));
        const ReturnState *returned = &state->returned;
        if (returned->owner && json)
                (void) json_object_set_new(json, "returned",
                        json_pack("[s, I, I, s, s?, s?]", returned->owner, (json_int_t) returned->event, (json_int_t) returned->at_us,
                                returned->move, returned->reason, returned->by));
        char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

        json_decref(json);
        *ret = text ? arena_strdup(gate->arena, text) : NULL;
        free(text);
        return *ret ? 0 : -ENOMEM;
}

static int read_names(Gate *gate, const json_t *list, const char *const **ret, size_t *ret_n) {
        size_t n = json_array_size(list);
        const char **names = ARENA_ARRAY(gate->arena, const char *, n + 1);

        if (!names)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const char *text = json_string_value(json_array_get(list, i));
                names[i] = text ? arena_strdup(gate->arena, text) : NULL;
                if (!names[i])
                        return text ? -ENOMEM : -EBADMSG;
        }
        *ret = names;
        *ret_n = n;
        return 0;
}

static int read_uses(Gate *gate, const json_t *list, LeadState *into) {
        size_t n = json_array_size(list);
        ReasonUse *uses = ARENA_ARRAY(gate->arena, ReasonUse, n + 1);

        if (!uses)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const json_t *use = json_array_get(list, i);
                const char *reason = json_string_value(json_array_get(use, 0));
                uses[i] = (ReasonUse){ .reason = reason ? arena_strdup(gate->arena, reason) : NULL,
                        .event = (uint64_t) json_integer_value(json_array_get(use, 1)),
                        .at_us = json_integer_value(json_array_get(use, 2)),
                        .woken = json_is_true(json_array_get(use, 3)) };
                if (!uses[i].reason)
                        return -EBADMSG;
        }
        into->uses = uses;
        into->n_uses = n;
        return 0;
}

static int read_state(Gate *gate, const char *text, LeadState *into) {
        json_t *json = json_loads(text, 0, NULL);
        struct {
                const char *key;
                const char **into;
        } texts[] = { { "status", &into->status }, { "owner", &into->owner }, { "route", &into->route }, { "grade", &into->grade },
                { "source", &into->source }, { "recycle_reason", &into->recycle_reason }, { "came_from", &into->came_from },
                { "campaign", &into->campaign }, { "consents", &into->consents } };
        uint64_t moved = 0;
        struct {
                const char *key;
                int64_t *into;
        } numbers[] = { { "created", &into->created_us }, { "entered", &into->entered_us }, { "idle", &into->idle_from_us },
                { "source_at", &into->source_us }, { "fit", &into->fit_mp }, { "engagement", &into->engagement_mp },
                { "recycle", &into->recycle_us }, { "wake", &into->wake_us } };
        int r = json ? 0 : -EBADMSG;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(texts); i++) {
                const char *value = json_string_value(json_object_get(json, texts[i].key));
                *texts[i].into = value ? arena_strdup(gate->arena, value) : NULL;
                r = value && !*texts[i].into ? -ENOMEM : 0;
        }
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(numbers); i++)
                *numbers[i].into = json_integer_value(json_object_get(json, numbers[i].key));
        moved = (uint64_t) json_integer_value(json_object_get(json, "moved"));
        into->moved_event = moved;
        into->unaccepted = json_is_true(json_object_get(json, "unaccepted"));
        into->by_turn = json_is_true(json_object_get(json, "by_turn"));
        into->test = json_is_true(json_object_get(json, "test"));
        if (r == 0)
                r = read_names(gate, json_object_get(json, "segments"), &into->segments, &into->n_segments);
        if (r == 0)
                r = read_names(gate, json_object_get(json, "expired"), &into->expired, &into->n_expired);
        if (r == 0)
                r = read_uses(gate, json_object_get(json, "uses"), into);
        const json_t *sla = json_object_get(json, "sla"), *held = json_object_get(json, "held");
        const json_t *response = json_object_get(json, "response"), *track = json_object_get(json, "track");
        const json_t *returned = json_object_get(json, "returned");
        const char *sla_texts[] = { json_string_value(json_array_get(sla, 0)), json_string_value(json_array_get(sla, 8)),
                json_string_value(json_array_get(held, 0)), json_string_value(json_array_get(held, 1)),
                json_string_value(json_array_get(sla, 9)), json_string_value(json_array_get(response, 0)),
                json_string_value(json_array_get(track, 0)), json_string_value(json_array_get(returned, 0)),
                json_string_value(json_array_get(returned, 3)), json_string_value(json_array_get(returned, 4)),
                json_string_value(json_array_get(returned, 5)) };
        const char **targets[] = { &into->sla.rule, &into->sla.snooze_reason, &into->held.by, &into->held.text, &into->sla.version,
                &into->response.rule, &into->track.name, &into->returned.owner, &into->returned.move, &into->returned.reason,
                &into->returned.by };
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(targets); i++) {
                *targets[i] = sla_texts[i] ? arena_strdup(gate->arena, sla_texts[i]) : NULL;
                r = sla_texts[i] && !*targets[i] ? -ENOMEM : 0;
        }
        into->sla.start_event = (uint64_t) json_integer_value(json_array_get(sla, 1));
        into->sla.start_us = json_integer_value(json_array_get(sla, 2));
        into->sla.due_us = json_integer_value(json_array_get(sla, 3));
        into->sla.next_step = (uint32_t) json_integer_value(json_array_get(sla, 4));
        into->sla.next_due_us = json_integer_value(json_array_get(sla, 5));
        into->sla.paused_us = json_integer_value(json_array_get(sla, 6));
        into->sla.snoozed_until_us = json_integer_value(json_array_get(sla, 7));
        into->response.n_in_time = (uint32_t) json_integer_value(json_array_get(response, 1));
        into->response.n_late = (uint32_t) json_integer_value(json_array_get(response, 2));
        const json_t *offered = json_object_get(json, "offered"); /* not of older ones */
        into->offered_us = offered ? json_integer_value(json_array_get(offered, 0)) : TIME_NONE;
        into->offered_event = (uint64_t) json_integer_value(json_array_get(offered, 1));
        into->returned.event = (uint64_t) json_integer_value(json_array_get(returned, 1));
        into->returned.at_us = json_integer_value(json_array_get(returned, 2));
        into->track.event = (uint64_t) json_integer_value(json_array_get(track, 1));
        into->track.since_us = json_integer_value(json_array_get(track, 2));
        into->track.next_step = (uint32_t) json_integer_value(json_array_get(track, 3));
        into->track.next_due_us = track ? json_integer_value(json_array_get(track, 4)) : TIME_NONE;
        into->track.ended = json_is_true(json_array_get(track, 5));
        into->held.since_us = json_integer_value(json_array_get(held, 2));
        into->held.next_look_us = json_integer_value(json_array_get(held, 3));
        json_decref(json);
        return r == 0 && !into->status ? -EBADMSG : r;
}

static int restore(Gate *gate, const Record *record, uint64_t lead, LeadState *before, bool *ret_is) {
        const char *text = facts_text(&record->facts, FIELD_CARE_STATE);
        Ghosts *ghosts = gate->ghosts;
        size_t at;

        *ret_is = text && find_strayed(ghosts, lead, &at);
        if (!*ret_is)
                return 0;
        ghosts->strayed[at] = ghosts->strayed[--ghosts->n_strayed];
        return read_state(gate, text, before);
}

/* The history was read by the row of a ghost, which does not know of every move. */
static int restore_history(Gate *gate, const LeadState *before, DecideInput *input) {
        Activity *history = ARENA_ARRAY(gate->arena, Activity, input->n_history + 1);

        if (!history)
                return -ENOMEM;
        for (size_t i = 0; i < input->n_history; i++) {
                history[i] = input->history[i];
                history[i].after_move = history[i].event > before->moved_event;
        }
        input->history = history;
        return 0;
}

int ghosts_remind(Gate *gate, const StoredEvent *event, uint64_t lead, LeadState *before, DecideInput *input, bool *ret_is_restored) {
        *ret_is_restored = false;
        /* Who owned the account of somebody erased is no longer to be found out. */
        if (event->account_asked && input->desk) {
                Desk *desk = ARENA_NEW(gate->arena, Desk);
                if (!desk)
                        return -ENOMEM;
                *desk = *input->desk;
                desk->account_owner = event->account_owner;
                input->desk = desk;
        }
        int r = restore(gate, input->record, lead, before, ret_is_restored);
        return r == 0 && *ret_is_restored ? restore_history(gate, before, input) : r;
}
