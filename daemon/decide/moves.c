/* SPDX-License-Identifier: MIT */
/*
 * moves: the only way a status changes. A move of a person, of an SLA step or of
 * the rules themselves passes the same checks (from, by, needs, reason, fences)
 * with the exemptions language.md section 4 names, and leaves the same trace.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

typedef enum ActorKind { ACTOR_REP, ACTOR_TEAM, ACTOR_OTHER } ActorKind;

static ActorKind actor_parse(const char *actor, const char **ret_name) {
        const char *colon = actor ? strchr(actor, ':') : NULL;

        *ret_name = colon ? colon + 1 : "";
        if (colon && strncmp(actor, "rep:", 4) == 0)
                return ACTOR_REP;
        if (colon && strncmp(actor, "team:", 5) == 0)
                return ACTOR_TEAM;
        return ACTOR_OTHER;
}

const Member *moves_actor(const Deciding *deciding) {
        const char *name;

        return actor_parse(deciding->input->actor, &name) == ACTOR_REP ? policy_member(deciding->rules, name) : NULL;
}

static bool is_member_of(const Member *member, const Team *team) { return member && member->team == team; }

bool moves_leave(const Move *move, const Status *status) {
        for (size_t i = 0; i < move->n_from; i++)
                if (move->from[i] == status)
                        return true;
        return false;
}

/* "REACHABLE (a phone number or an e-mail)"; a bare condition in words. */
static int describe_need(Deciding *deciding, const Need *need, const Criterion *criterion, const char **ret) {
        Text text = { 0 };

        if (need->name) {
                const char *doc = criterion ? criterion->rule.doc : NULL;
                text_printf(&text, doc && *doc ? "%s (%s)" : "%s", need->name, doc);
        } else
                policy_describe(deciding->rules, need->condition, &text);
        *ret = text.error ? NULL : arena_strndup(deciding->arena, text.data ? text.data : "", text.size);
        text_free(&text);
        return *ret ? 0 : -ENOMEM;
}

static const char *join(Deciding *deciding, const char *list, const char *text) {
        return list && text ? arena_printf(deciding->arena, "%s; %s", list, text) : list ? list : text;
}

int moves_note_block(Deciding *deciding, const Rule *rule, const char *move) {
        Decision *out = deciding->out;

        if (!deciding->blocked) {
                deciding->blocked = ARENA_ARRAY(deciding->arena, uint64_t, deciding->rules->n_rules / 64 + 1);
                if (!deciding->blocked)
                        return -ENOMEM;
        }
        uint64_t *word = &deciding->blocked[rule->index / 64], bit = UINT64_C(1) << (rule->index % 64);
        if (*word & bit)
                return 0;
        if ((out->n_blocks & (out->n_blocks - 1)) == 0) {
                Block *grown = ARENA_ARRAY(deciding->arena, Block, out->n_blocks > 0 ? 2 * out->n_blocks : 1);
                if (!grown)
                        return -ENOMEM;
                if (out->n_blocks > 0)
                        memcpy(grown, out->blocks, out->n_blocks * sizeof(Block));
                out->blocks = grown;
        }
        out->blocks[out->n_blocks++] = (Block){ .rule = rule, .move = move };
        *word |= bit;
        return 0;
}

int moves_add_missing(Deciding *deciding, const Move *move, const Need *needs, size_t n_needs, const char **ret, const char **ret_failed) {
        for (size_t i = 0; i < n_needs; i++) {
                const char *text, *note = NULL;
                bool holds = false;
                int r = policy_holds(deciding->rules, needs[i].condition, &deciding->subject, deciding->arena, &holds, &note, NULL);
                if (r < 0)
                        return r;
                bool failed = r == POLICY_E_FAILED;
                if (holds && !failed)
                        continue;
                const Criterion *criterion = needs[i].name ? hurdles_find_criterion(deciding->rules, needs[i].name) : NULL;
                r = describe_need(deciding, &needs[i], criterion, &text);
                if (r == 0 && criterion && !failed)
                        r = moves_note_block(deciding, &criterion->rule, move->rule.name);
                if (r < 0)
                        return r;
                if (failed) {
                        text = arena_printf(deciding->arena, "%s, which failed: %s", text, note ? note : "it cannot be judged");
                        if (!text)
                                return -ENOMEM;
                }
                const char **list = failed ? ret_failed : ret;
                *list = join(deciding, *list, text);
                if (!*list)
                        return -ENOMEM;
        }
        return 0;
}

int moves_hold(Deciding *deciding, const Move *move, const char *text) {
        if (!text)
                return -ENOMEM;
        deciding->move_failed = true;
        deciding_hold(deciding, move->rule.name, text, TIME_NONE);
        return receipts_add(&deciding->out->receipts, deciding->arena, (Receipt){ .rule = &move->rule, .failed = true, .note = text });
}

static int add_move(Deciding *deciding, MoveMade made) {
        Decision *out = deciding->out;

        if (!out->moves) {
                out->moves = ARENA_ARRAY(deciding->arena, MoveMade, POLICY_CHAIN_MAX + 2);
                if (!out->moves)
                        return -ENOMEM;
        }
        out->moves[out->n_moves++] = made;
        return 0;
}

/* Status, the owner's turn, recycle, and what "since the last move" means from here on. */
int moves_carry_out(
        Deciding *deciding, const char *name, const Status *to, bool restart, const Reason *reason, const char *by, const char *note) {
        LeadState *after = &deciding->out->after;
        const Status *from = deciding->status;
        int r;

        r = add_move(deciding, (MoveMade){ .move = name,
                                       .from = from->rule.name,
                                       .to = to->rule.name,
                                       .by = by,
                                       .reason = reason ? reason->rule.name : NULL,
                                       .note = note });
        if (r < 0)
                return r;
        r = to == from ? deciding_summarise(deciding, "%s by %s", name, by)
                       : deciding_summarise(deciding, "%s -> %s (%s by %s%s%s)", from->rule.name, to->rule.name, name, by,
                                 reason ? ", " : "", reason ? reason->rule.name : "");
        if (r < 0)
                return r;

        after->moved_event = deciding->input->event_id;
        bool were_newer = false;
        for (size_t i = 0; i < deciding->n_history; i++) {
                were_newer |= deciding->history[i].after_move;
                deciding->history[i].after_move = false;
        }
        if (were_newer)
                policy_moved(deciding->rules, &deciding->subject);
        if (reason) {
                r = fences_note_reason(deciding, reason);
                if (r < 0)
                        return r;
                if (reason->credit) {
                        r = turns_give_back(deciding);
                        if (r < 0)
                                return r;
                }
        }
        if (to == from && !restart)
                return 0;

        deciding->visited[deciding->n_visited++] = from;
        deciding->status = deciding->subject.status = to;
        deciding->entered = true;
        after->status = to->rule.name;
        after->entered_us = deciding->subject.entered_us = deciding->input->now_us;
        after->sla = SLA_STATE_NONE;
        after->held = (HeldState){ .next_look_us = TIME_NONE };
        deciding->move_failed = false;
        after->recycle_us = TIME_NONE;
        after->recycle_reason = NULL;
        if (to->team != from->team) {
                deciding->team_changed = true;
                deciding_set_owner(deciding, NULL, name, NULL);
                after->unaccepted = false;
                if (after->n_expired > 0)
                        deciding->out->expired_changed = true;
                after->expired = NULL; /* another hand-off: everybody may have it */
                after->n_expired = 0;
        }
        if (to->kind == STATUS_FINAL)
                after->unaccepted = false; /* nothing is left to accept */
        if (reason && (reason->recycle_after.us || reason->recycle_after.workdays || reason->wake_on)) {
                after->recycle_reason = reason->rule.name;
                after->recycle_us = RECYCLE_UNTIL_WOKEN;
                if (reason->recycle_after.us || reason->recycle_after.workdays) {
                        const Calendar *calendar = to->team->calendar ? to->team->calendar->calendar : NULL;
                        if (reason->recycle_after.workdays == 0)
                                calendar = NULL; /* "90d" is days of life, not of work */
                        if (calendar_add(calendar, deciding->input->now_us, reason->recycle_after, &after->recycle_us) != 0)
                                after->recycle_us =
                                        deciding->input->now_us + reason->recycle_after.workdays * US_PER_DAY + reason->recycle_after.us;
                }
        }
        return 0;
}

/* ---- moves of people ---- */

bool moves_may_make(const Deciding *deciding, const Move *move, const Member *member) {
        const Team *team = deciding->status->team;

        switch (move->by) {
        case BY_OWNER:
                return member == deciding->owner || member == team->head;
        case BY_TEAM:
                return member->team == team;
        case BY_NAMED_TEAM:
                return member->team == move->by_team;
        case BY_RULES:
                break;
        }
        return false;
}

int moves_describe_answers(const Deciding *deciding, const Member *member, Text *out) {
        const RuleSet *rules = deciding->rules;

        for (size_t i = 0; i < rules->n_moves; i++) {
                const Move *move = &rules->moves[i];
                if (!moves_leave(move, deciding->status) || !moves_may_make(deciding, move, member))
                        continue;
                text_printf(out, "%s%s", out->size > 0 ? "\n" : "", move->rule.name);
                for (size_t k = 0; k < move->n_reasons; k++)
                        text_printf(out, "%s%s%s", k == 0 ? " " : " | ", move->reasons[k]->rule.name,
                                move->reasons[k]->note_required ? " NOTE" : "");
        }
        return out->error;
}

/* *ret_owner_acts: the owner makes it, or the head in the owner's place. */
static int check_by(Deciding *deciding, const Move *move, bool *ret_owner_acts) {
        const Team *team = deciding->status->team;
        const char *actor = deciding->input->actor;
        const char *name;
        ActorKind kind = actor_parse(actor, &name);
        const Member *member = kind == ACTOR_REP ? policy_member(deciding->rules, name) : NULL;

        *ret_owner_acts = member && (member == deciding->owner || (move->by == BY_OWNER && member == team->head));
        if (kind == ACTOR_REP && !member)
                return deciding_refuse(deciding, "not_allowed", "nobody named \"%s\" is a member of any team", name);
        if (kind == ACTOR_OTHER)
                return deciding_refuse(deciding, "not_allowed", "\"%s\" is made by a person: name one (rep:NAME)", move->rule.name);
        switch (move->by) {
        case BY_OWNER:
                if (*ret_owner_acts)
                        return 0;
                if (!deciding->owner)
                        return deciding_refuse(
                                deciding, "not_allowed", "\"%s\" is made by the owner, and nobody owns this lead", move->rule.name);
                return deciding_refuse(deciding, "not_allowed", "\"%s\" is made by the owner (%s)%s%s; %s is not", move->rule.name,
                        deciding->owner->rule.name, team->head ? " or the head of the team, " : "", team->head ? team->head->rule.name : "",
                        name);
        case BY_TEAM:
        case BY_NAMED_TEAM: {
                const Team *wanted = move->by == BY_TEAM ? team : move->by_team;
                if (is_member_of(member, wanted) || (kind == ACTOR_TEAM && base_streq(name, wanted->rule.name)))
                        return 0;
                return deciding_refuse(deciding, "not_allowed", "\"%s\" is made by the team %s; %s is not in it", move->rule.name,
                        wanted->rule.name, name);
        }
        case BY_RULES:
                break;
        }
        return deciding_refuse(deciding, "not_allowed", "\"%s\" is made by the rules, not by people", move->rule.name);
}

/* Without a reason, or with one that the move does not have: which it takes. */
static int refuse_reason(Deciding *deciding, const Move *move, const char *name, const char *const *candidates, size_t n) {
        _cleanup_(text_free) Text list = { 0 };
        const char *near = name ? text_closest(name, candidates, n) : NULL;

        for (size_t i = 0; i < n; i++)
                text_printf(&list, "%s%s", i ? ", " : "", candidates[i]);
        if (list.error < 0)
                return list.error;
        if (!name)
                return deciding_refuse(deciding, "reason_required", "\"%s\" needs a reason: %s", move->rule.name, list.data);
        if (near)
                return deciding_refuse(
                        deciding, "unknown_reason", "\"%s\" has no reason \"%s\"; did you mean \"%s\"?", move->rule.name, name, near);
        return deciding_refuse(deciding, "unknown_reason", "\"%s\" has no reason \"%s\"%s%s", move->rule.name, name,
                n > 0 ? "; its reasons are: " : ": it is made without one", n > 0 ? list.data : "");
}

static int check_reason(Deciding *deciding, const Move *move, const char *name, const Reason **ret) {
        const char *candidates[64];
        size_t n = 0;

        *ret = NULL;
        for (size_t i = 0; i < move->n_reasons && n < ARRAY_SIZE(candidates); i++)
                candidates[n++] = move->reasons[i]->rule.name;
        if (!name)
                return n > 0 ? refuse_reason(deciding, move, NULL, candidates, n) : 0;
        for (size_t i = 0; i < move->n_reasons; i++)
                if (base_streq(move->reasons[i]->rule.name, name))
                        *ret = move->reasons[i];
        return *ret ? 0 : refuse_reason(deciding, move, name, candidates, n);
}

/* Everything that is missing is named at once: nobody should have to ask three times. */
static int check_needs(Deciding *deciding, const Move *move, const Reason *reason, const Status *to, const char *note) {
        bool needs_note = reason && reason->note_required && (!note || !*note);
        const char *missing = NULL, *failed = NULL, *closed = "", *code = needs_note ? "note_required" : "needs";
        const Fence *fence = NULL;
        char until[TIME_TEXT_SIZE];
        int64_t opens_us;
        int r;

        if (needs_note)
                missing = "a note";
        r = moves_add_missing(deciding, move, move->needs, move->n_needs, &missing, &failed);
        if (r >= 0 && reason)
                r = moves_add_missing(deciding, move, reason->needs, reason->n_needs, &missing, &failed);
        if (r >= 0 && failed) {
                /* What cannot be judged counts as not met, and whoever asks learns that it is not the lead's fault. */
                missing = join(deciding, missing, failed);
                r = missing ? 0 : -ENOMEM;
        }
        if (r >= 0 && to != deciding->status)
                r = moves_find_fence(deciding, to, &fence, &opens_us, NULL);
        if (r >= 0 && fence)
                r = moves_note_block(deciding, &fence->rule, move->rule.name);
        if (r < 0)
                return r;
        if (fence)
                closed = arena_printf(deciding->arena, "the fence %s keeps the lead out of \"%s\"%s%s%s%s", fence->rule.name, to->rule.name,
                        opens_us != TIME_NONE ? " until " : "", opens_us != TIME_NONE ? time_format_rfc3339(opens_us, until) : "",
                        fence->rule.doc ? ": " : "", fence->rule.doc ? fence->rule.doc : "");
        if (!closed)
                return -ENOMEM;
        if (missing)
                return deciding_refuse(deciding, code, "\"%s\"%s%s%s is missing: %s%s%s", move->rule.name, reason ? " with reason \"" : "",
                        reason ? reason->rule.name : "", reason ? "\"" : "", missing, fence ? "; and " : "", closed);
        return fence ? deciding_refuse(deciding, "fence", "%s", closed) : 0;
}

int moves_by_person(Deciding *deciding) {
        const Record *record = deciding->input->record;
        const RuleSet *rules = deciding->rules;
        const char *reason_name = facts_text(&record->facts, FIELD_OUTCOME_REASON);
        const char *note = facts_text(&record->facts, FIELD_OUTCOME_NOTE);
        const Move *move = NULL, *named = NULL;
        const Reason *reason = NULL;
        bool owner_acts;
        int r;

        /* Several moves may share a verb (one a status): the one that leaves this status is meant. */
        for (size_t i = 0; i < rules->n_moves && !move; i++) {
                const Move *candidate = &rules->moves[i];
                bool is_named = base_streq(candidate->rule.name, record->event);
                for (size_t k = 0; k < candidate->n_aliases && !is_named; k++)
                        is_named = base_streq(candidate->aliases[k], record->event);
                if (!is_named)
                        continue;
                named = named ? named : candidate;
                if (moves_leave(candidate, deciding->status))
                        move = candidate;
        }
        if (!named && base_streq(record->event, "opportunity"))
                return deciding->opportunity > 0 ? 0
                                                 : deciding_refuse(deciding, "bad_record",
                                                           "outcome.opportunity says what is new of an opportunity, and this says nothing");
        if (!named) {
                const char *candidates[256];
                size_t n = 0;
                for (size_t i = 0; i < rules->n_moves && n < ARRAY_SIZE(candidates); i++)
                        if (rules->moves[i].by != BY_RULES)
                                candidates[n++] = rules->moves[i].rule.name;
                const char *near = text_closest(record->event, candidates, n);
                return deciding_refuse(deciding, "unknown_move", "the rules have no move \"%s\"%s%s%s", record->event,
                        near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        }
        if (!move) {
                char since[TIME_TEXT_SIZE];
                return deciding_refuse(deciding, "wrong_status", "\"%s\" does not leave \"%s\", where the lead is since %s%s%s",
                        named->rule.name, deciding->status->rule.name, time_format_rfc3339(deciding->out->after.entered_us, since),
                        deciding->owner ? ", owned by " : "", deciding->owner ? deciding->owner->rule.name : "");
        }
        r = check_by(deciding, move, &owner_acts);
        if (r < 0 || deciding->out->refused)
                return r;
        r = check_reason(deciding, move, reason_name, &reason);
        if (r < 0 || deciding->out->refused)
                return r;
        const Status *to = move->to ? move->to : reason ? reason->to : NULL;
        if (!to)
                return deciding_refuse(deciding, "reason_required", "\"%s\" needs a reason that says where the lead goes", move->rule.name);
        r = check_needs(deciding, move, reason, to, note);
        if (r < 0 || deciding->out->refused)
                return r;
        if (owner_acts)
                deciding->out->after.unaccepted = false;
        return moves_carry_out(deciding, move->rule.name, to, move->restart, reason, deciding->input->actor, note);
}

int moves_assign(Deciding *deciding) {
        const Record *record = deciding->input->record;
        const char *owner_name = facts_text(&record->facts, FIELD_OUTCOME_OWNER);
        const Member *owner = owner_name ? policy_member(deciding->rules, owner_name) : NULL;
        const Team *team = deciding->status->team;
        const char *name;
        ActorKind kind = actor_parse(deciding->input->actor, &name);
        const Member *actor = kind == ACTOR_REP ? policy_member(deciding->rules, name) : NULL;

        if (!owner)
                return deciding_refuse(deciding, "unknown_owner", "no member \"%s\" in the rules", owner_name ? owner_name : "");
        if (owner->left)
                return deciding_refuse(deciding, "unknown_owner", "%s has left", owner->rule.name);
        if (owner->team != team)
                return deciding_refuse(deciding, "not_allowed", "\"%s\" is owned by the team %s; %s is in %s", deciding->status->rule.name,
                        team->rule.name, owner->rule.name, owner->team->rule.name);
        if (!deciding->input->actor_is_operator && !(actor && (actor == team->head || actor == deciding->owner)))
                return deciding_refuse(deciding, "not_allowed", "a lead is assigned by its owner, the head of its team or an operator");
        if (owner == deciding->owner)
                return deciding_refuse(deciding, "stale", "%s owns the lead already", owner->rule.name);
        deciding_set_owner(deciding, owner, "assign", "by hand");
        deciding->out->after.unaccepted = false;
        deciding->out->after.held = (HeldState){ .next_look_us = TIME_NONE };
        int r = fairness_add(deciding, team->rule.name, "assign", owner->rule.name, FAIR_BY_HAND, 1);
        if (r == 0)
                r = deciding_summarise(deciding, "handed to %s by %s", owner->rule.name, deciding->input->actor);
        if (r < 0)
                return r;
        return add_move(deciding, (MoveMade){ .move = "assign",
                                          .from = deciding->status->rule.name,
                                          .to = deciding->status->rule.name,
                                          .by = deciding->input->actor,
                                          .note = facts_text(&record->facts, FIELD_OUTCOME_NOTE) });
}

int moves_by_sla(Deciding *deciding, const Sla *sla, const Move *move, const Reason *reason, int64_t *ret_again_us) {
        const Status *to = move->to ? move->to : reason ? reason->to : NULL;
        const char *missing = NULL, *failed = NULL;
        const Fence *fence;
        int64_t opens_us;
        int r;

        *ret_again_us = TIME_NONE;
        if (!to || !moves_leave(move, deciding->status))
                return deciding_summarise(
                        deciding, "%s: %s does not apply from %s", sla->rule.name, move->rule.name, deciding->status->rule.name);
        r = moves_add_missing(deciding, move, move->needs, move->n_needs, &missing, &failed);
        if (r == 0 && failed && !missing)
                r = moves_hold(deciding, move, arena_printf(deciding->arena, "needs %s", failed));
        if (r < 0)
                return r;
        if (missing || failed) {
                *ret_again_us = deciding->input->now_us + DECIDE_LOOK_AGAIN_US;
                return deciding_summarise(deciding, "%s: %s is missing what it needs", sla->rule.name, move->rule.name);
        }
        r = moves_find_fence(deciding, to, &fence, &opens_us, NULL);
        if (r == 0 && fence)
                r = moves_note_block(deciding, &fence->rule, move->rule.name);
        if (r < 0)
                return r;
        if (fence)
                *ret_again_us = opens_us != TIME_NONE ? opens_us : deciding->input->now_us + DECIDE_LOOK_AGAIN_US;
        if (fence)
                return deciding_summarise(
                        deciding, "%s: %s is kept out of %s by %s", sla->rule.name, move->rule.name, to->rule.name, fence->rule.name);
        const char *by = arena_printf(deciding->arena, "sla:%s", sla->rule.name);
        return by ? moves_carry_out(deciding, move->rule.name, to, move->restart, reason, by, NULL) : -ENOMEM;
}
