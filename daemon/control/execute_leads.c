/* SPDX-License-Identifier: MIT */
/*
 * What org.leadd.Leads answers about leads: list, show, log. Reads only. List runs on the reading
 * connection; the others need the rule set or the indexes and run where those are. Why a lead is
 * where it is stands in execute_explain.c and execute_why.c.
 */
#include "internal.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

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
                .track = call_text(call, "track"),
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

int control_look(const ControlDesk *desk, uint64_t lead, int64_t now_us, Arena *arena, LeadLook *ret) {
        *ret = (LeadLook){ 0 };
        int r = store_load_lead(desk->store, lead, arena, &ret->state, &ret->profile, &ret->history, &ret->n_history);
        if (r == 0)
                r = store_load_desk(
                        desk->store, facts_text(&ret->profile, FIELD_COMPANY_DOMAIN), lead, desk->rules, now_us, arena, &ret->desk);
        if (r != 0)
                return r;
        ret->input = (DecideInput){
                .event_id = store_next_event(desk->store),
                .lead_id = lead,
                .before = &ret->state,
                .profile = &ret->profile,
                .history = ret->history,
                .n_history = ret->n_history,
                .actor = "system:leadd",
                .now_us = now_us,
                .desk = &ret->desk,
        };
        return 0;
}

/* The state with points, grade and segments as of the look. */
int control_look_refresh(const RuleSet *rules, Arena *arena, const Subject *subject, LeadState *state) {
        state->fit_mp = subject->fit_mp;
        state->engagement_mp = subject->engagement_mp;
        state->grade = subject->grade;
        const char **names = ARENA_ARRAY(arena, const char *, rules->n_segments + 1);
        if (!names)
                return -ENOMEM;
        size_t n = 0;
        for (size_t i = 0; i < rules->n_segments && i < POLICY_SEGMENTS_MAX; i++)
                if (subject->segments[i / 64] & (UINT64_C(1) << (i % 64)))
                        names[n++] = rules->segments[i].rule.name;
        for (size_t i = 1; i < n; i++) /* sorted, as the state has them */
                for (size_t k = i; k > 0 && strcmp(names[k - 1], names[k]) > 0; k--) {
                        const char *other = names[k];
                        names[k] = names[k - 1];
                        names[k - 1] = other;
                }
        state->segments = names;
        state->n_segments = n;
        return 0;
}

/* ---- show ---- */

static bool move_leaves(const Move *move, const Status *status) {
        for (size_t i = 0; i < move->n_from; i++)
                if (move->from[i] == status)
                        return true;
        return false;
}

void execute_list_moves(const RuleSet *rules, const Status *status, Text *out) {
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
                execute_list_moves(rules, status, out);
                if (state->sla.due_us != TIME_NONE)
                        text_printf(out, " by %s", time_format_rfc3339(state->sla.due_us, buffer));
                text_printf(out, " (%s)", state->sla.rule);
                return true;
        }
        if (state->owner) {
                text_printf(out, "%s to ", state->owner);
                execute_list_moves(rules, status, out);
                return true;
        }
        return false;
}

/* Members of the fact tree that show gives, in this order. The others belong to single events. */
static const char *const shown_parts[] = { "person", "company", "consent", "attribution", "interest", "answers", "opportunity" };

static json_t *json_amount(int64_t amount) {
        if (amount == AMOUNT_NONE)
                return json_null();
        return amount % AMOUNT_UNIT == 0 ? json_integer(amount / AMOUNT_UNIT) : json_real((double) amount / (double) AMOUNT_UNIT);
}

static json_t *json_stages(const Opportunity *item, bool *failed) {
        json_t *list = json_array();
        for (size_t i = 0; i < item->n_stages; i++) {
                json_t *stage = json_object();
                put(stage, "stage", json_text(item->stages[i].stage), failed);
                put(stage, "state", json_text(opportunity_state_name(item->stages[i].state)), failed);
                put(stage, "at", json_time(item->stages[i].at_us), failed);
                if (json_array_append_new(list, stage) < 0)
                        *failed = true;
        }
        return list;
}

static json_t *json_opportunities(const LeadState *state, bool *failed) {
        json_t *list = json_array();
        for (size_t i = 0; i < state->n_opportunities; i++) {
                const Opportunity *item = &state->opportunities[i];
                json_t *json = json_object();
                put(json, "number", json_integer(item->n), failed);
                put(json, "id", json_text(item->id), failed);
                put(json, "state", json_text(opportunity_state_name(item->state)), failed);
                put(json, "stage", json_text(item->stage), failed);
                put(json, "amount", json_amount(item->amount), failed);
                put(json, "currency", json_text(item->currency), failed);
                put(json, "probability", item->probability < 0 ? json_null() : json_real(item->probability / 1e6), failed);
                put(json, "close_date", json_text(item->close_date), failed);
                put(json, "opened", json_time(item->opened_us), failed);
                put(json, "changed", json_time(item->changed_us), failed);
                put(json, "staged", json_time(item->staged_us), failed);
                put(json, "ended", json_time(item->ended_us), failed);
                put(json, "stages", json_stages(item, failed), failed);
                if (json_array_append_new(list, json) < 0)
                        *failed = true;
        }
        return list;
}

#define SHOWN_WRITTEN_MAX 10 /* the newest of what a lead was sent */

static int compare_written(const void *a, const void *b) {
        const Written *x = a, *y = b;
        return x->at_us < y->at_us ? 1 : x->at_us > y->at_us ? -1 : x->event < y->event ? 1 : x->event > y->event ? -1 : 0;
}

int execute_excluded(Store *store, uint64_t lead, int64_t now_us, json_t **ret_excluded, json_t **ret_written) {
        _cleanup_(arena_freep) Arena *arena = arena_new(CONTROL_LOOK_MEMORY_MAX);
        _cleanup_(json_decrefp) json_t *kept_out = json_array();
        _cleanup_(json_decrefp) json_t *sent = json_array();
        Written *written;
        Exclusion *exclusions;
        size_t n_written, n_exclusions;
        bool failed = !kept_out || !sent || !arena;
        int r = failed ? -ENOMEM : store_sent_to(store, lead, arena, &written, &n_written, &exclusions, &n_exclusions);
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        for (size_t i = 0; i < n_exclusions; i++) {
                const Exclusion *exclusion = &exclusions[i];
                if (exclusion->until_us <= now_us)
                        continue;
                const char *campaign = exclusion->campaign ? exclusion->campaign : DECIDE_ALL_CAMPAIGNS;
                failed |= json_array_append_new(
                                  kept_out, json_pack("{s:s, s:o, s:o, s:o}", "campaign", campaign, "until", json_time(exclusion->until_us),
                                                    "by", json_text(exclusion->by), "reason", json_text(exclusion->reason))) < 0;
        }
        if (n_written > 0)
                qsort(written, n_written, sizeof *written, compare_written);
        for (size_t i = 0; i < n_written && i < SHOWN_WRITTEN_MAX; i++)
                failed |= json_array_append_new(
                                  sent, json_pack("{s:s, s:s, s:o}", "kind", written[i].kind == EFFECT_SENT ? "track" : "campaign", "name",
                                                written[i].by, "time", json_time(written[i].at_us))) < 0;
        if (failed)
                return -ENOMEM;
        *ret_excluded = TAKE(kept_out);
        if (ret_written)
                *ret_written = TAKE(sent);
        return 0;
}

int execute_show(const ControlDesk *desk, ControlCall *call) {
        uint64_t lead;
        const Member *member;
        int r = execute_find_lead(desk, call, &lead);
        if (r < 0 || lead == 0)
                return r;
        bool known;
        r = execute_find_looker(desk, call, &member, &known);
        if (r < 0 || !known)
                return r;
        _cleanup_(arena_freep) Arena *arena = arena_new(CONTROL_LOOK_MEMORY_MAX);
        if (!arena)
                return -ENOMEM;
        int64_t now_us = clock_now_us(desk->clock);
        LeadLook look;
        Subject subject;
        const Message *next = NULL;
        const char *no_track = NULL;
        r = control_look(desk, lead, now_us, arena, &look);
        if (r == 0)
                r = decide_look(desk->rules, &look.input, arena, &subject, NULL);
        if (r == 0)
                r = decide_say_track(desk->rules, &look.input, arena, &no_track, &next);
        if (r == 0)
                r = control_look_refresh(desk->rules, arena, &subject, &look.state);
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
        put(item, "opportunities", json_opportunities(&look.state, &failed), &failed);
        put(item, "snoozed", json_snoozed(&look.state.sla, now_us), &failed);
        put(item, "response", json_response(&look.state, now_us), &failed);
        put(item, "waiting_for", json_text(waits ? waiting.data : NULL), &failed);
        put(item, "returned", json_returned(&look.state.returned), &failed);
        put(item, "track", json_track(desk->rules, &look.state.track, next), &failed);
        put(item, "no_track", json_text(no_track), &failed);
        json_t *excluded, *written;
        r = execute_excluded(desk->store, lead, now_us, &excluded, &written);
        if (r < 0) {
                json_decref(item);
                return r;
        }
        put(item, "excluded", excluded, &failed);
        put(item, "written", written, &failed);
        json_t *changed = json_null();
        if (member && !failed) {
                r = execute_changes(desk, member, lead, look.state.grade, now_us, &changed);
                if (r < 0) {
                        json_decref(item);
                        return r;
                }
        }
        put(item, "changed", changed, &failed);
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
        _cleanup_(text_free) Text story = { 0 }, actor = { 0 };
        json_t *json = json_object();
        bool failed = !json || story_tell(event, &story) < 0;
        story_actor(event->actor, &actor);
        put(json, "event", json_integer((json_int_t) event->id), &failed);
        put(json, "time", json_time(event->time_us), &failed);
        put(json, "type", json_text(event->type), &failed);
        put(json, "source", json_text(event->source), &failed);
        put(json, "id", json_text(event->record_id), &failed);
        put(json, "summary", json_text(event->summary ? event->summary : ""), &failed);
        put(json, "rules", json_text(event->rules_hash ? event->rules_hash : ""), &failed);
        put(json, "actor", actor.error < 0 ? NULL : json_text(actor.data ? actor.data : ""), &failed);
        put(json, "story", json_text(story.data ? story.data : ""), &failed);
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
