/* SPDX-License-Identifier: MIT */
/*
 * explain: a receipt for every rule that can bear on a lead, in the order in which the phases ask them: junk, segments, scores,
 * groups and grade (policy's own receipts), then criteria, fences, vetoes, moves, the reason the lead rests for, routes with their
 * candidates, SLAs, tracks. A look decides nothing; each receipt's note says the one thing that decided.
 */
#include "internal.h"
#include "leadd/plans.h"

#include <errno.h>
#include <stdio.h>

typedef struct Explaining {
        Deciding deciding;
        Decision decision;
        Explanation *out;
} Explaining;

/* Takes trace's memory. note may be NULL. */
static int add(Explaining *explaining, Receipt receipt, Text *trace) {
        if (trace) {
                bool any = trace->size > 0;
                receipt.trace = any ? deciding_keep(&explaining->deciding, trace) : NULL;
                text_free(trace);
                if (any && !receipt.trace)
                        return -ENOMEM;
        }
        return receipts_add(&explaining->out->receipts, explaining->deciding.arena, receipt);
}

/* Does it hold? A broken function is a failed receipt, and no. */
static int look(Explaining *explaining, const Condition *condition, Receipt *receipt, Text *trace) {
        const char *note = NULL;
        bool holds;
        int r = policy_holds(
                explaining->deciding.rules, condition, &explaining->deciding.subject, explaining->deciding.arena, &holds, &note, trace);

        receipt->matched = r == 0 && holds;
        receipt->failed = r == POLICY_E_FAILED;
        receipt->note = note;
        return r < 0 ? r : 0;
}

/* What did not hold says what was wanted, too: all of it, where the trace stops at the first. */
static int note_misses(Explaining *explaining, const Condition *condition, Receipt *receipt) {
        Misses misses;

        if (receipt->matched || receipt->failed || receipt->note)
                return 0;
        int r = policy_misses(
                explaining->deciding.rules, condition, true, &explaining->deciding.subject, explaining->deciding.arena, &misses);
        if (r == 0 && *misses.text)
                receipt->note = misses.text;
        return r;
}

/* policy's receipts are of every evaluation and short; a look has time for words. */
static int note_scores(Explaining *explaining) {
        Receipts *receipts = &explaining->out->receipts;

        for (size_t i = 0; i < receipts->n_items; i++) {
                Receipt *receipt = &receipts->items[i];
                Misses misses;
                int r = 0;
                if (receipt->matched || receipt->failed || receipt->note)
                        continue;
                if (receipt->rule->kind == RULE_SEGMENT)
                        r = note_misses(explaining, ((const Segment *) receipt->rule)->when, receipt);
                else if (receipt->rule->kind == RULE_SCORE) {
                        r = policy_score_misses(explaining->deciding.rules, (const Score *) receipt->rule, &explaining->deciding.subject,
                                receipts, explaining->deciding.arena, &misses);
                        if (r == 0 && *misses.text)
                                receipt->note = misses.text;
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

static int explain_criteria(Explaining *explaining) {
        const RuleSet *rules = explaining->deciding.rules;
        int r = 0;

        for (size_t i = 0; i < rules->n_criteria && r == 0; i++) {
                Receipt receipt = { .rule = &rules->criteria[i].rule };
                Text trace = { 0 };
                r = look(explaining, rules->criteria[i].when, &receipt, &trace);
                if (r == 0)
                        r = note_misses(explaining, rules->criteria[i].when, &receipt);
                if (r == 0)
                        r = add(explaining, receipt, &trace);
                text_free(&trace);
        }
        return r;
}

/* ---- fences ---- */

static const char *say_fence(Explaining *explaining, const Fence *fence, bool closed, int64_t opens_us) {
        char until[TIME_TEXT_SIZE];
        Text text = { 0 };

        int64_t since_us = TIME_NONE;
        for (size_t i = 0; i < fence->n_since; i++) {
                const ReasonUse *use = fences_find_use(&explaining->decision.after, fence->since[i]->rule.name);
                if (use && (since_us == TIME_NONE || use->at_us > since_us))
                        since_us = use->at_us;
        }
        text_append(&text, closed ? "closed" : "open");
        if (closed && since_us != TIME_NONE)
                text_printf(&text, " since %s", time_format_rfc3339(since_us, until));
        if (closed && opens_us != TIME_NONE)
                text_printf(&text, " until %s", time_format_rfc3339(opens_us, until));
        text_append(&text, closed ? ": keeps the lead out of " : ", before ");
        for (size_t i = 0; i < fence->n_blocks; i++)
                text_printf(&text, "%s%s", i > 0 ? " and " : "", fence->blocks[i]->rule.name);
        return deciding_keep(&explaining->deciding, &text);
}

static int explain_fences(Explaining *explaining) {
        const RuleSet *rules = explaining->deciding.rules;
        int r = 0;

        for (size_t i = 0; i < rules->n_fences && r == 0; i++) {
                const Fence *fence = &rules->fences[i];
                Text trace = { 0 };
                int64_t opens_us;
                bool closed;
                r = fence_is_closed(&explaining->deciding, fence, &closed, &opens_us, &trace);
                if (r >= 0) {
                        Receipt receipt = { .rule = &fence->rule,
                                .matched = closed,
                                .failed = r == POLICY_E_FAILED,
                                .note = say_fence(explaining, fence, closed, opens_us) };
                        if (closed && opens_us != TIME_NONE &&
                                (explaining->deciding.subject.next_change_us == TIME_NONE ||
                                        opens_us < explaining->deciding.subject.next_change_us))
                                explaining->deciding.subject.next_change_us = opens_us;
                        r = receipt.note ? add(explaining, receipt, &trace) : -ENOMEM;
                }
                text_free(&trace);
        }
        return r;
}

/* ---- moves ---- */

static bool names(const Hurdles *hurdles, const char *text) {
        for (size_t i = 0; i < hurdles->n_items; i++)
                if (base_streq(hurdles->items[i].text, text))
                        return true;
        return false;
}

/* What the reason alone adds to what the move asks for: "to nurture; with a note; needs did call_made ...". *ret_can: nothing of it is
 * missing, as far as it is not asked for with the move. */
static int say_reason(Explaining *explaining, const Move *move, const Reason *reason, const Hurdles *hurdles, Text *out, bool *ret_can) {
        Hurdles with = { 0 };
        int r = hurdles_of_move(&explaining->deciding, move, reason, &with);

        *ret_can = true;
        if (r < 0)
                return r;
        if (!move->to && reason->to)
                text_printf(out, "to %s", reason->to->rule.name);
        if (reason->note_required)
                text_printf(out, "%swith a note", out->size > 0 ? "; " : "");
        for (size_t i = 0; i < with.n_items; i++)
                if (!names(hurdles, with.items[i].text)) {
                        text_printf(out, "%s%s", out->size > 0 ? "; " : "", with.items[i].text);
                        *ret_can = false;
                }
        return 0;
}

/* "no_budget (to nurture), unreachable (to nurture; needs ...)". *ret_any: the move can be made with one of them. */
static int say_reasons(Explaining *explaining, const Move *move, const Hurdles *hurdles, Text *out, bool *ret_any) {
        *ret_any = move->n_reasons == 0;
        for (size_t i = 0; i < move->n_reasons; i++) {
                Text own = { 0 };
                bool can;
                int r = say_reason(explaining, move, move->reasons[i], hurdles, &own, &can);
                text_printf(out, "%s%s", i == 0 ? "; with a reason: " : ", ", move->reasons[i]->rule.name);
                if (own.size > 0)
                        text_printf(out, " (%s)", own.data);
                if (r == 0)
                        r = own.error;
                text_free(&own);
                if (r < 0)
                        return r;
                *ret_any |= can;
        }
        return 0;
}

/* "to mql, by the owner (anna); with a reason: ...; can be made now". */
static int say_move(Explaining *explaining, const Move *move, const Hurdles *hurdles, Text *out, bool *ret_can) {
        const Status *to = move->to;
        bool any;

        text_printf(out, "to %s, by ", to ? to->rule.name : "where the reason says");
        hurdles_say_who(&explaining->deciding, move, explaining->deciding.status, out);
        int r = say_reasons(explaining, move, hurdles, out, &any);
        if (r < 0)
                return r;
        *ret_can = hurdles->n_items == 0 && any;
        if (*ret_can)
                text_append(out, move->by == BY_RULES ? "; at the lead's next event" : "; can be made now");
        for (size_t i = 0; i < hurdles->n_items; i++)
                text_printf(out, "; %s", hurdles->items[i].text);
        return 0;
}

static int explain_moves(Explaining *explaining) {
        Deciding *deciding = &explaining->deciding;
        const RuleSet *rules = deciding->rules;
        int r = 0;

        for (size_t i = 0; i < rules->n_moves && r == 0; i++) {
                const Move *move = &rules->moves[i];
                Receipt receipt = { .rule = &move->rule };
                Hurdles hurdles = { 0 };
                Text trace = { 0 }, text = { 0 };
                if (!moves_leave(move, deciding->status))
                        continue;
                r = move->by == BY_RULES ? look(explaining, move->when, &receipt, &trace) : 0;
                if (r == 0)
                        r = hurdles_of_move(deciding, move, NULL, &hurdles);
                bool can = false;
                if (r == 0)
                        r = say_move(explaining, move, &hurdles, &text, &can);
                if (r == 0) {
                        receipt.matched = can && !receipt.failed;
                        receipt.note = deciding_keep(deciding, &text);
                        r = receipt.note ? add(explaining, receipt, &trace) : -ENOMEM;
                }
                text_free(&text);
                text_free(&trace);
        }
        return r;
}

static int explain_rest(Explaining *explaining) {
        char until[TIME_TEXT_SIZE];
        const Reason *reason;
        int64_t until_us;
        bool rests = hurdles_rest(&explaining->deciding, &until_us, &reason);

        if (!reason)
                return 0;
        Text text = { 0 };
        text_printf(&text, "%s%s%s", rests ? "no automatic move" : "the rest is over", rests && until_us != TIME_NONE ? " before " : "",
                rests && until_us != TIME_NONE ? time_format_rfc3339(until_us, until) : "");
        if (rests && reason->wake_on) {
                text_append(&text, ", or after: ");
                policy_describe(explaining->deciding.rules, reason->wake_on, &text);
        }
        Receipt receipt = { .rule = &reason->rule, .matched = rests, .note = deciding_keep(&explaining->deciding, &text) };
        return receipt.note ? add(explaining, receipt, NULL) : -ENOMEM;
}

/* ---- routes ---- */

/* "it would be the turn of anna; ben is away until ..." */
static const char *say_candidates(Explaining *explaining) {
        const Explanation *out = explaining->out;
        Text text = { 0 };
        bool any = false;

        for (size_t i = 0; i < out->n_candidates; i++)
                if (out->candidates[i].chosen) {
                        text_printf(&text, "next would be %s", out->candidates[i].member);
                        any = true;
                }
        if (!any)
                text_append(&text, "nobody can take it");
        for (size_t i = 0; i < out->n_candidates; i++)
                if (out->candidates[i].cause)
                        text_printf(&text, "; %s %s", out->candidates[i].member, out->candidates[i].cause);
        return deciding_keep(&explaining->deciding, &text);
}

static int explain_route(Explaining *explaining, const Route *route, Receipt *receipt, Text *trace) {
        Deciding *deciding = &explaining->deciding;
        Candidacy *candidates;
        size_t n;
        int r;

        if (explaining->out->route) {
                receipt->note = arena_printf(deciding->arena, "not asked: %s comes first", explaining->out->route->rule.name);
                return receipt->note ? 0 : -ENOMEM;
        }
        r = look(explaining, route->when, receipt, trace);
        if (r < 0 || !receipt->matched)
                return r < 0 ? r : note_misses(explaining, route->when, receipt);
        if (!route->team) {
                const Member *member;
                receipt->note = "";
                r = route_find_person(deciding, route, &member, &receipt->note);
                receipt->matched = r == 0 && member;
                if (receipt->matched)
                        explaining->out->route = route;
                return r;
        }
        if (!route_is_met(deciding, route)) {
                receipt->matched = false;
                receipt->note = arena_printf(deciding->arena, "nobody in %s has the skill it asks for", route->team->rule.name);
                return receipt->note ? 0 : -ENOMEM;
        }
        r = route_explain_team(deciding, route, &candidates, &n);
        if (r < 0)
                return r;
        explaining->out->route = route;
        explaining->out->candidates = candidates;
        explaining->out->n_candidates = n;
        receipt->note = say_candidates(explaining);
        return receipt->note ? 0 : -ENOMEM;
}

static int explain_routes(Explaining *explaining) {
        const Deciding *deciding = &explaining->deciding;
        const RuleSet *rules = deciding->rules;
        const Team *team = deciding->status->team;
        int r = 0;

        if (team->n_members == 0 || deciding->status->kind == STATUS_FINAL || explaining->decision.after.test)
                return 0;
        for (size_t i = 0; i < rules->n_routes && r == 0; i++) {
                Receipt receipt = { .rule = &rules->routes[i].rule };
                Text trace = { 0 };
                if (!route_leads_to(&rules->routes[i], team))
                        continue;
                r = explain_route(explaining, &rules->routes[i], &receipt, &trace);
                if (r == 0)
                        r = add(explaining, receipt, &trace);
                text_free(&trace);
        }
        return r;
}

/* ---- SLAs ---- */

/* "; response failed: 2 in time, 1 not" */
static const char *say_response(Explaining *explaining, const Sla *sla, bool runs) {
        const LeadState *lead = &explaining->decision.after;
        const char *name = decide_response_name(decide_response(lead, explaining->deciding.input->now_us));

        if (!name || !(runs || (lead->response.rule && base_streq(lead->response.rule, sla->rule.name))))
                return "";
        if (lead->response.n_in_time + lead->response.n_late == 0)
                return arena_printf(explaining->deciding.arena, "; response %s", name);
        return arena_printf(
                explaining->deciding.arena, "; response %s: %u in time, %u not", name, lead->response.n_in_time, lead->response.n_late);
}

static int explain_sla(Explaining *explaining, const Sla *sla, const Sla **first, Receipt *receipt, Text *trace) {
        const SlaState *state = &explaining->decision.after.sla;
        Deciding *deciding = &explaining->deciding;
        char a[TIME_TEXT_SIZE], b[TIME_TEXT_SIZE], c[TIME_TEXT_SIZE];
        bool runs = state->rule && base_streq(state->rule, sla->rule.name), started, stopped = false;
        int r;

        if (*first && !runs) {
                receipt->note = arena_printf(deciding->arena, "not asked: %s comes first", (*first)->rule.name);
                return receipt->note ? 0 : -ENOMEM;
        }
        r = look(explaining, sla->when, receipt, trace);
        if (r < 0 || !receipt->matched)
                return r < 0 ? r : note_misses(explaining, sla->when, receipt);
        r = policy_holds(deciding->rules, sla->start_on, &deciding->subject, deciding->arena, &started, NULL, NULL);
        if (r >= 0)
                r = timers_is_met(deciding, sla, &stopped);
        if (r < 0)
                return r;
        if (started)
                *first = sla;
        bool snoozed = state->snoozed_until_us > deciding->input->now_us;
        const char *response = say_response(explaining, sla, runs);
        if (!response)
                return -ENOMEM;
        if (runs)
                receipt->note = arena_printf(deciding->arena, "runs since %s%s%s%s%s%s%s%s", time_format_rfc3339(state->start_us, a),
                        state->due_us != TIME_NONE ? ", due " : "", state->due_us != TIME_NONE ? time_format_rfc3339(state->due_us, b) : "",
                        snoozed ? ", snoozed until " : "", snoozed ? time_format_rfc3339(state->snoozed_until_us, c) : "",
                        snoozed ? ": " : "", snoozed && state->snooze_reason ? state->snooze_reason : "", response);
        else if (!started)
                receipt->note = "waits for its start_on";
        else if (stopped)
                receipt->note = arena_printf(deciding->arena, "met%s", response);
        else
                receipt->note = "applies, and does not run";
        return receipt->note ? 0 : -ENOMEM;
}

static int explain_slas(Explaining *explaining) {
        const RuleSet *rules = explaining->deciding.rules;
        const Sla *first = NULL;
        int r = 0;

        for (size_t i = 0; i < rules->n_slas && r == 0; i++) {
                Receipt receipt = { .rule = &rules->slas[i].rule };
                Text trace = { 0 };
                if (rules->slas[i].status != explaining->deciding.status)
                        continue;
                r = explain_sla(explaining, &rules->slas[i], &first, &receipt, &trace);
                if (r == 0)
                        r = add(explaining, receipt, &trace);
                text_free(&trace);
        }
        return r;
}

/* ---- tracks ---- */

static int explain_tracks(Explaining *explaining) {
        Deciding *deciding = &explaining->deciding;
        const TrackState *state = &explaining->decision.after.track;
        const RuleSet *rules = deciding->rules;
        int r = 0;

        for (size_t i = 0; i < rules->n_tracks && r == 0; i++) {
                const Track *track = &rules->tracks[i];
                Receipt receipt = { .rule = &track->rule };
                Text trace = { 0 };
                const char *kind, *text;
                r = look(explaining, track->enter, &receipt, &trace);
                if (r == 0)
                        r = tracks_find_hurdle(deciding, track, &kind, &text);
                if (r == 0) {
                        receipt.matched = state->name && !state->ended && base_streq(state->name, track->rule.name);
                        receipt.note = text;
                        r = receipt.matched && !text ? tracks_say(deciding, track, &receipt.note) : 0;
                }
                if (r == 0 && !receipt.note)
                        receipt.note = "enters at the lead's next event";
                if (r == 0)
                        r = add(explaining, receipt, &trace);
                text_free(&trace);
        }
        return r;
}

int decide_look(RuleSet *rules, const DecideInput *input, Arena *arena, Subject *ret, Receipts *receipts) {
        Decision decision = { .after = *input->before, .profile = *input->profile };
        Deciding deciding = deciding_new(rules, input, arena, &decision);
        Receipts unwanted = { 0 };
        int r = deciding_look(&deciding, receipts ? receipts : &unwanted);

        if (r < 0)
                return r;
        *ret = deciding.subject;
        /* The subject's facts live in this frame's decision: give back the caller's. */
        ret->facts = input->profile;
        return 0;
}

int decide_explain(RuleSet *rules, const DecideInput *input, Arena *arena, Explanation *ret) {
        Explaining explaining = { .decision = { .after = *input->before, .profile = *input->profile }, .out = ret };
        int r;

        explaining.deciding = deciding_new(rules, input, arena, &explaining.decision);
        *ret = (Explanation){ .receipts = { .all = true, .trace = true } };
        r = deciding_look(&explaining.deciding, &ret->receipts);
        if (r == 0)
                r = note_scores(&explaining);
        if (r == 0)
                r = explain_criteria(&explaining);
        if (r == 0)
                r = explain_fences(&explaining);
        if (r == 0 && explaining.deciding.status)
                r = explain_moves(&explaining);
        if (r == 0)
                r = explain_rest(&explaining);
        if (r == 0 && explaining.deciding.status)
                r = explain_routes(&explaining);
        if (r == 0 && explaining.deciding.status)
                r = explain_slas(&explaining);
        if (r == 0 && explaining.deciding.status)
                r = explain_tracks(&explaining);
        if (r < 0)
                return r;
        ret->subject = explaining.deciding.subject;
        /* The subject's facts live in this frame's decision: give back the caller's. */
        ret->subject.facts = input->profile;
        return 0;
}

int decide_next(RuleSet *rules, const DecideInput *input, Arena *arena, Decision *ret) {
        DecideInput next = *input;
        const Record nothing = {
                .arena = arena, .id = "look", .type = "lead.updated", .event = "updated", .family = FAMILY_LEAD, .time_us = input->now_us
        };

        next.record = &nothing;
        return decide_event(rules, &next, arena, ret);
}
