/* SPDX-License-Identifier: MIT */
/*
 * whynot: why a lead is not in a status, not somebody's, or not matched by a rule. It asks the same conditions, routes and SLAs as
 * the phases do and decides nothing. Where the answer depends on what happened (who had it, who gave it away) the log has the rest;
 * control adds that.
 */
#include "internal.h"
#include "leadd/plans.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

typedef struct Asking {
        Deciding deciding;
        Decision decision;
        Receipts receipts;
        WhyNot *out;
} Asking;

static int begin(Asking *asking, RuleSet *rules, const DecideInput *input, Arena *arena, WhyNot *ret) {
        *asking = (Asking){ .decision = { .after = *input->before, .profile = *input->profile }, .receipts = { .all = true }, .out = ret };
        asking->deciding = deciding_new(rules, input, arena, &asking->decision);
        *ret = (WhyNot){ .text = "" };
        return deciding_look(&asking->deciding, &asking->receipts);
}

static int answer(Asking *asking, const char *format, ...) _printf_(2, 3);
static int answer(Asking *asking, const char *format, ...) {
        Text text = { 0 };
        va_list args;

        va_start(args, format);
        text_vprintf(&text, format, args);
        va_end(args);
        asking->out->text = deciding_keep(&asking->deciding, &text);
        return asking->out->text ? 0 : -ENOMEM;
}

/* A hurdle without structure. */
#define HURDLE(asking, kind, rule, until_us, ...) \
        hurdles_printf(&(asking)->deciding, &(asking)->out->hurdles, (kind), (rule), (until_us), __VA_ARGS__)

/* ---- a status ---- */

static const Receipt *find_receipt(const Asking *asking, const Rule *rule) {
        for (size_t i = 0; i < asking->receipts.n_items; i++)
                if (asking->receipts.items[i].rule == rule)
                        return &asking->receipts.items[i];
        return NULL;
}

static bool leads_to(const Move *move, const Reason *reason, const Status *status) {
        const Status *to = move->to ? move->to : reason ? reason->to : NULL;
        return to == status;
}

static int add_way(Asking *asking, const Move *move, const Reason *reason, const Status *from) {
        Deciding *deciding = &asking->deciding;
        WhyNot *out = asking->out;
        Text who = { 0 };

        if (out->n_ways == WHYNOT_WAYS_MAX)
                return 0;
        hurdles_say_who(deciding, move, from, &who);
        Way way = {
                .move = move, .reason = reason, .from = from, .by = deciding_keep(deciding, &who), .is_next = from == deciding->status
        };
        if (!way.by)
                return -ENOMEM;
        int r = way.is_next ? 0
                            : hurdles_printf(deciding, &way.hurdles, "from", NULL, TIME_NONE, "it leaves %s, and the lead is in %s",
                                      from->rule.name, deciding->status->rule.name);
        if (r == 0 && move->by == BY_OWNER && way.is_next && !deciding->owner && !(from->team && from->team->head))
                r = hurdles_printf(deciding, &way.hurdles, "by", NULL, TIME_NONE, "nobody owns the lead, and the owner makes it");
        if (r == 0)
                r = hurdles_of_move(deciding, move, reason, &way.hurdles);
        if (r == 0 && move->by == BY_RULES && way.is_next && asking->decision.after.held.by)
                r = hurdles_printf(deciding, &way.hurdles, "held", NULL, asking->decision.after.held.next_look_us,
                        "the lead is held by %s: %s", asking->decision.after.held.by,
                        asking->decision.after.held.text ? asking->decision.after.held.text : "");
        if (r == 0)
                out->ways[out->n_ways++] = way;
        return r;
}

/* All moves that lead to the status from the one given. */
static int add_ways_between(Asking *asking, const Status *from, const Status *to) {
        const RuleSet *rules = asking->deciding.rules;
        int r = 0;

        for (size_t i = 0; i < rules->n_moves && r == 0; i++) {
                const Move *move = &rules->moves[i];
                if (!moves_leave(move, from))
                        continue;
                if (move->to)
                        r = leads_to(move, NULL, to) ? add_way(asking, move, NULL, from) : 0;
                else
                        for (size_t k = 0; k < move->n_reasons && r == 0; k++)
                                if (leads_to(move, move->reasons[k], to))
                                        r = add_way(asking, move, move->reasons[k], from);
        }
        return r;
}

static bool is_next_to(const RuleSet *rules, const Status *from, const Status *to) {
        for (size_t i = 0; i < rules->n_moves; i++) {
                const Move *move = &rules->moves[i];
                if (!moves_leave(move, from) || (move->by == BY_RULES && from->kind == STATUS_FINAL))
                        continue;
                if (move->to == to)
                        return true;
                for (size_t k = 0; !move->to && k < move->n_reasons; k++)
                        if (move->reasons[k]->to == to)
                                return true;
        }
        return false;
}

/* The statuses on one shortest way, the target last; 0 when there is none. */
static size_t find_path(const RuleSet *rules, const Status *from, const Status *to, Arena *arena, const Status ***ret) {
        size_t n = rules->n_statuses, head = 0, tail = 0, length = 0;
        const Status **queue = ARENA_ARRAY(arena, const Status *, n + 1);
        size_t *before = ARENA_ARRAY(arena, size_t, n + 1);
        const Status **path = ARENA_ARRAY(arena, const Status *, n + 1);

        *ret = path;
        if (!queue || !before || !path)
                return 0;
        queue[tail++] = from;
        before[0] = 0;
        for (; head < tail; head++) {
                for (size_t i = 0; i < n; i++) {
                        const Status *next = &rules->statuses[i];
                        bool seen = false;
                        for (size_t k = 0; k < tail; k++)
                                seen |= queue[k] == next;
                        if (seen || !is_next_to(rules, queue[head], next))
                                continue;
                        before[tail] = head;
                        queue[tail++] = next;
                        if (next != to)
                                continue;
                        for (size_t at = tail - 1; at != 0; at = before[at])
                                path[length++] = queue[at];
                        for (size_t k = 0; k < length / 2; k++) {
                                const Status *other = path[k];
                                path[k] = path[length - 1 - k];
                                path[length - 1 - k] = other;
                        }
                        return length;
                }
        }
        return 0;
}

/* A way of the rules that nothing stands in front of was not gone all the same: what the next event would do says why. */
static int ask_next(Asking *asking, const DecideInput *input, const Status *status) {
        Decision next;
        WhyNot *out = asking->out;
        bool any = false;

        for (size_t i = 0; i < out->n_ways; i++)
                any |= out->ways[i].is_next && out->ways[i].move->by == BY_RULES && out->ways[i].hurdles.n_items == 0;
        if (!any)
                return 0;
        int r = decide_next(asking->deciding.rules, input, asking->deciding.arena, &next);
        if (r < 0)
                return r;
        /* A chain that was stopped, and one that goes on, are told of: the lead would not stay where it was asked about. */
        for (size_t i = 0; i < next.receipts.n_items && r == 0; i++) {
                const Receipt *receipt = &next.receipts.items[i];
                if (receipt->rule->kind == RULE_MOVE && receipt->note && strncmp(receipt->note, "stopped: ", 9) == 0)
                        r = HURDLE(asking, "loop", receipt->rule, TIME_NONE, "%s", receipt->note);
        }
        bool passes = false;
        for (size_t i = 0; i < next.n_moves; i++) {
                if (r == 0 && passes)
                        r = HURDLE(asking, "loop", NULL, TIME_NONE, "the lead would not stay: %s takes it on to %s", next.moves[i].move,
                                next.moves[i].to);
                passes |= base_streq(next.moves[i].to, status->rule.name);
        }
        if (r == 0)
                r = moves_look_veto(&asking->deciding, &asking->receipts);
        for (size_t i = 0; i < out->n_ways && r == 0 && !passes; i++) {
                Way *way = &out->ways[i];
                if (!way->is_next || way->move->by != BY_RULES || way->hurdles.n_items > 0)
                        continue;
                if (asking->deciding.vetoed)
                        r = hurdles_printf(&asking->deciding, &way->hurdles, "veto", &asking->deciding.veto->rule, TIME_NONE,
                                "the veto of %s keeps the lead in %s", asking->deciding.veto->rule.name, way->from->rule.name);
                else if (next.after.held.by)
                        r = hurdles_printf(&asking->deciding, &way->hurdles, "held", NULL, next.after.held.next_look_us,
                                "the lead would be held by %s: %s", next.after.held.by, next.after.held.text ? next.after.held.text : "");
                else if (next.n_moves > 0)
                        r = hurdles_printf(&asking->deciding, &way->hurdles, "earlier", NULL, TIME_NONE, "%s comes first: %s -> %s",
                                next.moves[0].move, next.moves[0].from, next.moves[0].to);
        }
        return r;
}

/* A veto leads there from anywhere, and is no move: what it waits for is said beside them. */
static int add_vetoes(Asking *asking, const Status *status) {
        const RuleSet *rules = asking->deciding.rules;

        for (size_t i = 0; i < rules->n_scores; i++) {
                const Score *score = rules->scores[i];
                const Receipt *receipt = find_receipt(asking, &score->rule);
                Misses misses;
                if (score->veto != status || (receipt && receipt->matched))
                        continue;
                int r = policy_score_misses(
                        asking->deciding.rules, score, &asking->deciding.subject, &asking->receipts, asking->deciding.arena, &misses);
                if (r == 0)
                        r = hurdles_add(&asking->out->hurdles, asking->deciding.arena,
                                (Hurdle){ .kind = "veto",
                                        .rule = &score->rule,
                                        .text = arena_printf(
                                                asking->deciding.arena, "the veto of %s does not match: %s", score->rule.name, misses.text),
                                        .until_us = TIME_NONE,
                                        .misses = misses.items,
                                        .n_misses = misses.n_items });
                if (r < 0)
                        return r;
        }
        return 0;
}

int decide_whynot_status(RuleSet *rules, const DecideInput *input, const Status *status, Arena *arena, WhyNot *ret) {
        Asking asking;
        const Status **path;
        size_t n_open = 0;
        int r = begin(&asking, rules, input, arena, ret);

        if (r < 0)
                return r;
        const Status *here = asking.deciding.status;
        if (!here)
                return answer(&asking, "the lead is in %s, which these rules do not have", input->before->status);
        if (here == status) {
                ret->is_so = true;
                return answer(&asking, "the lead is in %s", status->rule.name);
        }
        ret->ways = ARENA_ARRAY(arena, Way, WHYNOT_WAYS_MAX);
        if (!ret->ways)
                return -ENOMEM;
        r = add_ways_between(&asking, here, status);
        if (r == 0)
                r = ask_next(&asking, input, status);
        if (r == 0)
                r = add_vetoes(&asking, status);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ret->n_ways; i++)
                n_open += ret->ways[i].hurdles.n_items == 0;
        if (n_open > 0)
                return answer(
                        &asking, "nothing stands in the way: %s", n_open == 1 ? "it waits for the move" : "it waits for one of the moves");
        if (ret->n_ways > 0)
                return answer(&asking, "the moves from %s to %s have something in their way", here->rule.name, status->rule.name);
        /* Not next to each other: the steps of a shortest way, each with what stands in its own. */
        size_t length = find_path(rules, here, status, arena, &path);
        if (length == 0) {
                r = HURDLE(&asking, here->kind == STATUS_FINAL ? "final" : "from", &here->rule, TIME_NONE, "no move leads from %s to %s%s",
                        here->rule.name, status->rule.name, here->kind == STATUS_FINAL ? ": it is final" : ", nor over other statuses");
                return r < 0 ? r : answer(&asking, "no move leads from %s to %s", here->rule.name, status->rule.name);
        }
        Text text = { 0 };
        text_printf(&text, "no move leads there from %s; the way is %s", here->rule.name, here->rule.name);
        const Status *from = here;
        for (size_t i = 0; i < length && r == 0; i++) {
                text_printf(&text, " -> %s", path[i]->rule.name);
                r = add_ways_between(&asking, from, path[i]);
                from = path[i];
        }
        ret->text = deciding_keep(&asking.deciding, &text);
        return r < 0 ? r : ret->text ? 0 : -ENOMEM;
}

/* ---- an owner ---- */

static int add_candidate(Asking *asking, const Route *route, const Member *member, bool *ret_chosen) {
        Candidacy *candidates, *mine = NULL, *chosen = NULL;
        size_t n;
        int r = route_explain_team(&asking->deciding, route, &candidates, &n);

        *ret_chosen = false;
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                if (base_streq(candidates[i].member, member->rule.name))
                        mine = &candidates[i];
                if (candidates[i].chosen)
                        chosen = &candidates[i];
        }
        if (!mine)
                return 0;
        *ret_chosen = mine->chosen;
        if (mine->cause)
                return HURDLE(asking, "candidate", &member->rule, mine->free_us, "%s %s", mine->member, mine->cause);
        if (!mine->chosen && chosen) {
                static const char *const why[] = {
                        [STRATEGY_ROUND_ROBIN] = "turns go round",
                        [STRATEGY_WEIGHTED] = "turns go by weight",
                        [STRATEGY_LEAST_OPEN] = "who has the fewest open leads comes first",
                        [STRATEGY_TOP_FIRST] = "the first by rank comes first",
                };
                return HURDLE(asking, "turn", &member->rule, TIME_NONE,
                        "it would be the turn of %s (%s: %s is owed %.2f leads and has %u open, %s %.2f and %u)", chosen->member,
                        why[member->team->strategy], chosen->member, (double) chosen->turn / DECIDE_TURN, chosen->n_open, mine->member,
                        (double) mine->turn / DECIDE_TURN, mine->n_open);
        }
        return 0;
}

/* What the routes would do with the lead if it had no owner. */
static int ask_routes(Asking *asking, const Member *member, bool *ret_chosen) {
        Deciding *deciding = &asking->deciding;
        const RuleSet *rules = deciding->rules;

        *ret_chosen = false;
        for (size_t i = 0; i < rules->n_routes; i++) {
                const Route *route = &rules->routes[i];
                const char *note = NULL, *why = "";
                const Member *person;
                bool holds;
                if (!route_leads_to(route, deciding->status->team))
                        continue;
                int r = policy_holds(deciding->rules, route->when, &deciding->subject, deciding->arena, &holds, &note, NULL);
                if (r < 0)
                        return r;
                if (r == POLICY_E_FAILED)
                        return HURDLE(asking, "broken", &route->rule, TIME_NONE, "the route %s breaks on this lead: %s", route->rule.name,
                                note ? note : "it failed");
                if (!holds)
                        continue;
                if (route->team && !route_is_met(deciding, route))
                        continue;
                if (route->team)
                        return add_candidate(asking, route, member, ret_chosen);
                r = route_find_person(deciding, route, &person, &why);
                if (r < 0)
                        return r;
                if (!person)
                        continue;
                *ret_chosen = person == member;
                return *ret_chosen
                               ? 0
                               : HURDLE(asking, "route", &route->rule, TIME_NONE, "the route %s comes first: %s", route->rule.name, why);
        }
        return HURDLE(asking, "route", NULL, TIME_NONE, "no route to %s applies", deciding->status->team->rule.name);
}

int decide_whynot_owner(RuleSet *rules, const DecideInput *input, const Member *member, Arena *arena, WhyNot *ret) {
        Asking asking;
        bool chosen;
        int r = begin(&asking, rules, input, arena, ret);

        if (r < 0)
                return r;
        const Deciding *deciding = &asking.deciding;
        const Status *here = deciding->status;
        const char *name = member->rule.name;
        if (!here)
                return answer(&asking, "the lead is in %s, which these rules do not have", input->before->status);
        if (deciding->owner == member) {
                ret->is_so = true;
                return answer(&asking, "%s owns the lead", name);
        }
        if (input->before->test)
                r = HURDLE(&asking, "test", NULL, TIME_NONE, "it is a test lead: nobody is given those");
        else if (here->team->n_members == 0)
                r = HURDLE(&asking, "queue", &here->rule, TIME_NONE, "%s belongs to %s, whose leads wait in a queue", here->rule.name,
                        here->team->rule.name);
        else if (member->team != here->team)
                r = HURDLE(&asking, "team", &here->rule, TIME_NONE, "%s belongs to %s, and %s is in %s", here->rule.name,
                        here->team->rule.name, name, member->team->rule.name);
        else if (here->kind == STATUS_FINAL)
                r = HURDLE(&asking, "final", &here->rule, TIME_NONE, "%s is final: nobody is given the lead any more", here->rule.name);
        if (r < 0)
                return r;
        if (ret->hurdles.n_items > 0)
                return answer(&asking, "%s cannot own the lead where it is", name);
        if (deciding->owner) {
                r = HURDLE(&asking, "owned", &deciding->owner->rule, TIME_NONE, "%s owns it; leads are routed once a hand-off",
                        deciding->owner->rule.name);
                if (r < 0)
                        return r;
        }
        r = ask_routes(&asking, member, &chosen);
        if (r < 0)
                return r;
        if (deciding->owner)
                return answer(&asking, chosen ? "%s owns it; %s would be next if it were routed now" : "%s owns it, not %s",
                        deciding->owner->rule.name, name);
        return answer(&asking, chosen ? "%s will be offered the lead at its next event" : "%s would not be offered the lead", name);
}

/* ---- a rule ---- */

static int ask_condition(Asking *asking, const Rule *rule, const Condition *condition) {
        int r = hurdles_of_condition(&asking->deciding, &asking->out->hurdles, "when", rule, condition, true, "");

        asking->out->is_so = asking->out->hurdles.n_items == 0;
        return r;
}

static double points(int64_t mp) { return (double) mp / 1000.0; }

/* A score that matched and gives less than it might: who took the rest. */
static int ask_matched_score(Asking *asking, const Score *score, const Receipt *receipt) {
        const Receipt *group = find_receipt(asking, &score->group->rule);
        int r = 0;

        asking->out->is_so = true;
        if (receipt->after_mp != receipt->before_mp)
                r = HURDLE(asking, "decay", &score->rule, TIME_NONE, "%.15g of %.15g points are left after age and cap",
                        points(receipt->after_mp), points(receipt->before_mp));
        if (r == 0 && group && group->after_mp != group->before_mp)
                r = HURDLE(asking, "limit", &score->group->rule, TIME_NONE,
                        "the group %s holds %.15g of %.15g points: its limits are %.15g to %.15g", score->group->rule.name,
                        points(group->after_mp), points(group->before_mp), points(score->group->min_mp), points(score->group->max_mp));
        return r < 0 ? r : answer(asking, "%s gives %.15g points", score->rule.name, points(receipt->points_mp));
}

static int ask_score(Asking *asking, const Score *score) {
        const Receipt *receipt = find_receipt(asking, &score->rule);
        Misses misses;

        if (receipt && receipt->matched)
                return ask_matched_score(asking, score, receipt);
        if (receipt && receipt->failed)
                return HURDLE(asking, "broken", &score->rule, TIME_NONE, "it breaks on this lead: %s", receipt->note ? receipt->note : "");
        int r = policy_score_misses(
                asking->deciding.rules, score, &asking->deciding.subject, &asking->receipts, asking->deciding.arena, &misses);
        if (r < 0)
                return r;
        return hurdles_add(&asking->out->hurdles, asking->deciding.arena,
                (Hurdle){ .kind = "points",
                        .rule = &score->rule,
                        .text = misses.text,
                        .until_us = TIME_NONE,
                        .misses = misses.items,
                        .n_misses = misses.n_items });
}

static int ask_fence(Asking *asking, const Fence *fence) {
        int64_t opens_us;
        bool closed;
        int r = fence_is_closed(&asking->deciding, fence, &closed, &opens_us, NULL);

        if (r < 0)
                return r;
        asking->out->is_so = closed;
        if (closed)
                return opens_us == TIME_NONE ? 0 : HURDLE(asking, "fence", &fence->rule, opens_us, "it opens by itself");
        if (fence->when)
                return hurdles_of_condition(
                        &asking->deciding, &asking->out->hurdles, "when", &fence->rule, fence->when, true, "it is open: ");
        return HURDLE(asking, "fence", &fence->rule, TIME_NONE, "it is open: no move with one of its reasons in the time it holds");
}

static int ask_move(Asking *asking, const Move *move) {
        Deciding *deciding = &asking->deciding;
        Text who = { 0 };
        int r = 0;

        if (!moves_leave(move, deciding->status))
                r = HURDLE(asking, "from", NULL, TIME_NONE, "it does not leave %s, where the lead is", deciding->status->rule.name);
        if (r == 0)
                r = hurdles_of_move(deciding, move, NULL, &asking->out->hurdles);
        if (r < 0)
                return r;
        hurdles_say_who(deciding, move, deciding->status, &who);
        const char *kept = deciding_keep(deciding, &who);
        if (!kept)
                return -ENOMEM;
        asking->out->is_so = asking->out->hurdles.n_items == 0;
        if (asking->out->is_so)
                return answer(asking, move->by == BY_RULES ? "%s is made at the lead's next event, by %s" : "%s can be made now, by %s",
                        move->rule.name, kept);
        return answer(asking, "%s cannot be made now (by %s)", move->rule.name, kept);
}

static int ask_route(Asking *asking, const Route *route) {
        Deciding *deciding = &asking->deciding;
        const RuleSet *rules = deciding->rules;
        const Team *team = deciding->status->team;
        const Member *person;
        int r;

        if (team->n_members == 0 || asking->decision.after.test || deciding->status->kind == STATUS_FINAL)
                return HURDLE(
                        asking, "queue", &deciding->status->rule, TIME_NONE, "nobody is given a lead in %s", deciding->status->rule.name);
        if (!route_leads_to(route, team))
                return HURDLE(asking, "team", &route->rule, TIME_NONE, "it leads to %s, and %s belongs to %s", route->team->rule.name,
                        deciding->status->rule.name, team->rule.name);
        for (size_t i = 0; i < rules->n_routes && &rules->routes[i] != route; i++) {
                const Route *above = &rules->routes[i];
                const char *why = "";
                bool holds;
                if (!route_leads_to(above, team))
                        continue;
                r = policy_holds(deciding->rules, above->when, &deciding->subject, deciding->arena, &holds, NULL, NULL);
                if (r >= 0 && holds && !above->team) {
                        r = route_find_person(deciding, above, &person, &why);
                        holds = person;
                } else if (r >= 0 && holds)
                        holds = route_is_met(deciding, above);
                if (r < 0)
                        return r;
                if (holds)
                        return HURDLE(asking, "route", &above->rule, TIME_NONE, "%s stands above it and takes the lead%s%s",
                                above->rule.name, *why ? ": " : "", why);
        }
        r = ask_condition(asking, &route->rule, route->when);
        if (r < 0 || !asking->out->is_so)
                return r;
        if (route->team) {
                asking->out->is_so = route_is_met(deciding, route);
                return asking->out->is_so ? 0
                                          : HURDLE(asking, "candidate", &route->rule, TIME_NONE, "nobody in %s has the skill it asks for",
                                                    team->rule.name);
        }
        const char *why = "";
        r = route_find_person(deciding, route, &person, &why);
        asking->out->is_so = r == 0 && person;
        return r < 0 || person ? r : HURDLE(asking, "route", &route->rule, TIME_NONE, "%s", why);
}

static int ask_sla(Asking *asking, const Sla *sla) {
        Deciding *deciding = &asking->deciding;
        const RuleSet *rules = deciding->rules;
        const SlaState *state = &asking->decision.after.sla;
        const Sla *running = state->rule ? policy_sla(rules, state->rule) : NULL;
        bool takes;
        int r;

        if (state->rule && base_streq(state->rule, sla->rule.name)) {
                char since[TIME_TEXT_SIZE];
                asking->out->is_so = true;
                return answer(asking, "%s runs since %s", sla->rule.name, time_format_rfc3339(state->start_us, since));
        }
        if (sla->status != deciding->status)
                return HURDLE(asking, "other_status", &sla->rule, TIME_NONE, "it is for %s, and the lead is in %s", sla->status->rule.name,
                        deciding->status->rule.name);
        for (size_t i = 0; i < rules->n_slas && &rules->slas[i] != sla; i++) {
                if (rules->slas[i].status != deciding->status)
                        continue;
                r = timers_takes(deciding, &rules->slas[i], &takes);
                if (r < 0)
                        return r;
                if (takes)
                        return HURDLE(asking, "earlier", &rules->slas[i].rule, TIME_NONE, "%s stands above it and applies",
                                rules->slas[i].rule.name);
        }
        r = hurdles_of_condition(deciding, &asking->out->hurdles, "when", &sla->rule, sla->when, true, "");
        if (r == 0 && sla->start_on)
                r = hurdles_of_condition(
                        deciding, &asking->out->hurdles, "not_started", &sla->rule, sla->start_on, true, "it has not begun: ");
        bool met = false;
        if (r == 0)
                r = timers_is_met(deciding, sla, &met);
        if (r == 0 && met)
                r = hurdles_of_condition(deciding, &asking->out->hurdles, "stopped", &sla->rule, sla->stop, false, "it is met: ");
        if (r < 0 || asking->out->hurdles.n_items > 0)
                return r;
        if (sla->start_on && (!running || sla < running))
                return HURDLE(asking, "not_started", &sla->rule, TIME_NONE, "it applies now, and starts at the lead's next event");
        if (state->rule)
                return HURDLE(
                        asking, "earlier", NULL, TIME_NONE, "%s has been running since before, and a running timer stays", state->rule);
        return HURDLE(asking, "not_started", &sla->rule, TIME_NONE,
                "it applies now; a timer starts when the status is entered or the lead gets an owner");
}

/* Which moves take the reason, and what it asks for. */
static int ask_reason(Asking *asking, const Reason *reason) {
        Deciding *deciding = &asking->deciding;
        const RuleSet *rules = deciding->rules;
        bool used = false;
        int r = 0;

        for (size_t i = 0; i < rules->n_moves && r == 0; i++) {
                const Move *move = &rules->moves[i];
                bool takes = false;
                for (size_t k = 0; k < move->n_reasons; k++)
                        takes |= move->reasons[k] == reason;
                if (!takes || !moves_leave(move, deciding->status))
                        continue;
                used = true;
                r = hurdles_of_move(deciding, move, reason, &asking->out->hurdles);
        }
        if (r == 0 && !used)
                r = HURDLE(asking, "from", NULL, TIME_NONE, "no move from %s takes it", deciding->status->rule.name);
        asking->out->is_so = asking->out->hurdles.n_items == 0;
        return r;
}

/* How far the next better bands are. */
static int ask_grade(Asking *asking, const Grade *grade) {
        const Subject *subject = &asking->deciding.subject;
        int r = 0;

        asking->out->is_so = true;
        if (!subject->fit_known && grade->n_fit > 0)
                r = HURDLE(asking, "points", &grade->rule, TIME_NONE,
                        "nothing is known of the lead that any fit score looks at: the letter is ?");
        for (size_t i = 0; i < grade->n_fit && r == 0 && subject->fit_known; i++)
                if (subject->fit_mp < grade->fit[i].from_mp)
                        r = HURDLE(asking, "points", &grade->rule, TIME_NONE, "%s begins at %.15g of fit, and the lead has %.15g",
                                grade->fit[i].name, points(grade->fit[i].from_mp), points(subject->fit_mp));
        for (size_t i = 0; i < grade->n_engagement && r == 0; i++)
                if (subject->engagement_mp < grade->engagement[i].from_mp)
                        r = HURDLE(asking, "points", &grade->rule, TIME_NONE, "%s begins at %.15g of engagement, and the lead has %.15g",
                                grade->engagement[i].name, points(grade->engagement[i].from_mp), points(subject->engagement_mp));
        return r < 0 ? r : answer(asking, "the grade is %s", subject->grade);
}

static int ask_junk(Asking *asking, const Junk *junk) {
        const Deciding *deciding = &asking->deciding;
        const Receipt *receipt = find_receipt(asking, &junk->rule);
        Text text = { 0 };

        asking->out->is_so = receipt && receipt->matched;
        if (asking->out->is_so)
                return answer(asking, "%s calls %s junk", junk->rule.name, receipt->note ? receipt->note : "activities");
        policy_describe(deciding->rules, junk->when, &text);
        const char *wanted = deciding_keep(&asking->deciding, &text);
        if (!wanted)
                return -ENOMEM;
        return HURDLE(asking, "when", &junk->rule, TIME_NONE, "none of %zu activities is as it asks: %s", deciding->n_history, wanted);
}

static int ask_track(Asking *asking, const Track *track) {
        const TrackState *state = &asking->deciding.out->after.track;
        const char *kind, *text, *said;
        int r = tracks_find_hurdle(&asking->deciding, track, &kind, &text);

        if (r < 0)
                return r;
        if (kind)
                return HURDLE(asking, kind, &track->rule, TIME_NONE, "%s", text);
        asking->out->is_so = state->name && base_streq(state->name, track->rule.name);
        if (!asking->out->is_so)
                return HURDLE(asking, "not_started", &track->rule, TIME_NONE, "the lead enters it at its next event");
        r = tracks_say(&asking->deciding, track, &said);
        return r < 0 ? r : answer(asking, "the lead is %s", said);
}

int decide_whynot_rule(RuleSet *rules, const DecideInput *input, const Rule *rule, Arena *arena, WhyNot *ret) {
        Asking asking;
        int r = begin(&asking, rules, input, arena, ret);

        if (r < 0)
                return r;
        if (!asking.deciding.status)
                return answer(&asking, "the lead is in %s, which these rules do not have", input->before->status);
        switch (rule->kind) {
        case RULE_STATUS:
                return decide_whynot_status(rules, input, (const Status *) rule, arena, ret);
        case RULE_MEMBER:
                return decide_whynot_owner(rules, input, (const Member *) rule, arena, ret);
        case RULE_SEGMENT:
                r = ask_condition(&asking, rule, ((const Segment *) rule)->when);
                break;
        case RULE_CRITERION:
                r = ask_condition(&asking, rule, ((const Criterion *) rule)->when);
                break;
        case RULE_SCORE:
                r = ask_score(&asking, (const Score *) rule);
                break;
        case RULE_FENCE:
                r = ask_fence(&asking, (const Fence *) rule);
                break;
        case RULE_MOVE:
                r = ask_move(&asking, (const Move *) rule);
                break;
        case RULE_ROUTE:
                r = ask_route(&asking, (const Route *) rule);
                break;
        case RULE_SLA:
                r = ask_sla(&asking, (const Sla *) rule);
                break;
        case RULE_REASON:
                r = ask_reason(&asking, (const Reason *) rule);
                break;
        case RULE_GRADE:
                r = ask_grade(&asking, (const Grade *) rule);
                break;
        case RULE_TRACK:
                r = ask_track(&asking, (const Track *) rule);
                break;
        case RULE_JUNK:
                r = ask_junk(&asking, (const Junk *) rule);
                break;
        default:
                r = answer(&asking, "a %s judges no lead", rule_kind_name(rule->kind));
        }
        if (r < 0 || *ret->text)
                return r < 0 ? r : 0;
        if (rule->kind == RULE_FENCE)
                return answer(&asking, ret->is_so ? "%s is closed to the lead" : "%s is open", rule->name);
        return answer(&asking, ret->is_so ? "%s applies to the lead" : "%s does not apply", rule->name);
}
