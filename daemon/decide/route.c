/* SPDX-License-Identifier: MIT */
/*
 * route: finds the one person who gets a lead. The first route to the status' team
 * whose condition holds decides; among its eligible members the team's strategy does.
 *
 * Nobody eligible: the lead is held with the cause per candidate and the next moment
 * somebody may be free. A calendar says when somebody works, and with that how long they
 * have to answer; it keeps nobody from getting a lead, which would wait for them in either case.
 *
 * A route whose match nobody in the team meets misses, and the next is asked: waiting would
 * bring nobody. Who has the skill and is away or full is waited for.
 *
 * An SLA offers the lead to others: to nobody who let it expire in this hand-off, and when
 * nobody else is left, to the head.
 *
 * What somebody has not accepted does not wait for the end of an absence where the team says
 * so (on_absence): a deputy gets it without a turn, or it is routed anew. Who acts on a lead
 * while away is there after all, and keeps it.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

void deciding_set_owner(Deciding *deciding, const Member *owner, const char *route, const char *text) {
        Assignment *assignment = &deciding->out->assignment;
        const char *before = deciding->input->before->owner;

        deciding->owner = owner;
        deciding->out->after.owner = deciding->subject.owner = owner ? owner->rule.name : NULL;
        *assignment = (Assignment){
                .changed = (before == NULL) != (owner == NULL) || (before && owner && !base_streq(before, owner->rule.name)),
                .owner = owner ? owner->rule.name : NULL,
                .previous = before,
                .route = route,
                .team = deciding->status->team->rule.name,
                .text = text,
        };
        deciding->owner_changed = true;
        deciding->out->after.by_turn = false;
        deciding->out->after.route = !owner || deciding->input->before_6 ? NULL
                                     : assignment->changed               ? route
                                                                         : deciding->input->before->route;
}

const Seat *route_seat(const Desk *desk, const char *member) {
        static const Seat empty;

        for (size_t i = 0; i < desk->n_seats; i++)
                if (base_streq(desk->seats[i].member, member))
                        return &desk->seats[i];
        return &empty;
}

static bool locale_matches(const char *wanted, const char *have) {
        size_t size = strlen(have);

        return strncasecmp(wanted, have, size) == 0 && (wanted[size] == '\0' || wanted[size] == '-' || wanted[size] == '_');
}

/* Does the member have every skill the route asks for? A lead that does not say what it needs is served by anybody. */
static bool has_skills(const Deciding *deciding, const Route *route, const Member *member) {
        for (size_t i = 0; i < route->n_match; i++) {
                const Value *wanted = facts_get(&deciding->out->profile, route->match[i].field, route->match[i].key);
                bool found = !wanted || wanted->type != VALUE_TEXT;
                for (size_t s = 0; s < member->n_skills && !found; s++) {
                        if (!base_streq(member->skills[s].name, route->match[i].skill))
                                continue;
                        for (size_t v = 0; v < member->skills[s].n_values && !found; v++)
                                found = locale_matches(wanted->text, member->skills[s].values[v]);
                }
                if (!found)
                        return false;
        }
        return true;
}

bool route_leads_to(const Route *route, const Team *team) { return !route->team || route->team == team; }

bool route_is_met(const Deciding *deciding, const Route *route) {
        const Team *team = deciding->status->team;

        for (size_t i = 0; i < team->n_members && route->n_match > 0; i++) {
                const Member *member = team->members[i];
                if (!member->left && member->weight > 0 && has_skills(deciding, route, member))
                        return true;
        }
        return route->n_match == 0;
}

static int64_t next_midnight(const Deciding *deciding, const Member *member) {
        const Calendar *calendar = policy_member_calendar(member);
        const Zone *zone = calendar ? calendar_zone(calendar) : deciding->rules->settings->zone;
        int64_t local = deciding->input->now_us + zone_offset_seconds(zone, deciding->input->now_us) * US_PER_SECOND;

        return zone_local_to_utc(zone, (local / US_PER_DAY + 1) * US_PER_DAY);
}

/* When to look again at what waits for somebody who is free from then on. Before version 6 that was when they went to work: leads that
 * came meanwhile were given to them first. */
static int64_t look_from(const Deciding *deciding, const Member *member, int64_t free_us) {
        const Calendar *calendar = deciding->input->before_6 ? policy_member_calendar(member) : NULL;
        int64_t open_us;

        return calendar && calendar_next_open(calendar, free_us, &open_us) == 0 ? open_us : free_us;
}

/* The end of a recorded absence at that instant. */
static bool is_recorded_away(const Seat *seat, int64_t at_us, int64_t *ret_until_us) {
        for (size_t i = 0; i < seat->n_absences; i++)
                if (seat->absences[i].from_us <= at_us && at_us < seat->absences[i].to_us) {
                        *ret_until_us = seat->absences[i].to_us;
                        return true;
                }
        return false;
}

/* Away by the rules or by a recorded absence; *ret_until_us: when the last of those that follow on one another ends. */
static bool is_away(const Member *member, const Seat *seat, int64_t now_us, int64_t *ret_until_us) {
        int64_t at_us = now_us, until_us;
        bool away = false;

        /* Each round ends one absence. */
        for (size_t i = 0; i < member->n_absences + seat->n_absences; i++) {
                if ((!policy_member_is_away(member, at_us, &until_us) || until_us <= at_us) && !is_recorded_away(seat, at_us, &until_us))
                        break;
                at_us = until_us;
                away = true;
        }
        *ret_until_us = at_us;
        return away;
}

bool route_is_away(const Deciding *deciding, const Member *member, int64_t *ret_until_us) {
        return is_away(member, route_seat(deciding->input->desk, member->rule.name), deciding->input->now_us, ret_until_us);
}

static bool let_expire(const LeadState *state, const Member *member) {
        for (size_t i = 0; i < state->n_expired; i++)
                if (base_streq(state->expired[i], member->rule.name))
                        return true;
        return false;
}

static void judge_candidate(const Deciding *deciding, const Route *route, Candidate *candidate) {
        const Member *member = candidate->member;
        const Seat *seat = candidate->seat;
        int64_t now_us = deciding->input->now_us, until_us;

        candidate->free_us = TIME_NONE;
        if (member->left)
                candidate->cause = "has left";
        else if (let_expire(&deciding->out->after, member)) {
                candidate->skipped = FAIR_SKIPPED_EXPIRED;
                candidate->cause = "let it expire";
        } else if (member->weight == 0 && route->team) {
                candidate->skipped = FAIR_SKIPPED_WEIGHT;
                candidate->cause = "gets leads only as head";
        } else if (!has_skills(deciding, route, member)) {
                candidate->skipped = FAIR_SKIPPED_SKILL;
                candidate->cause = "lacks the skill";
        } else if (is_away(member, seat, now_us, &until_us)) {
                candidate->skipped = FAIR_SKIPPED_AWAY;
                char text[TIME_TEXT_SIZE];
                candidate->free_us = look_from(deciding, member, until_us);
                candidate->cause = arena_printf(deciding->arena, "is away until %s", time_format_rfc3339(until_us, text));
        } else if (member->max_unaccepted && seat->n_unaccepted >= member->max_unaccepted) {
                candidate->skipped = FAIR_SKIPPED_UNACCEPTED;
                candidate->cause =
                        arena_printf(deciding->arena, "has %u of %u not yet accepted", seat->n_unaccepted, member->max_unaccepted);
        } else if (member->max_open && seat->n_open >= member->max_open) {
                candidate->skipped = FAIR_SKIPPED_OPEN;
                candidate->cause = arena_printf(deciding->arena, "has %u of %u open", seat->n_open, member->max_open);
        } else if (member->per_day && seat->n_today >= member->per_day) {
                candidate->skipped = FAIR_SKIPPED_TODAY;
                candidate->free_us = look_from(deciding, member, next_midnight(deciding, member));
                candidate->cause = arena_printf(deciding->arena, "got %u of %u today", seat->n_today, member->per_day);
        } else
                candidate->cause = NULL;
}

/* ---- routes ---- */

/* Where a move that failed holds the lead already, that stays to be seen, and the lead is looked at as routing would have it. */
static void hold_by_route(Deciding *deciding, const char *by, const char *text, int64_t look_us) {
        if (deciding->move_failed)
                deciding->out->after.held.next_look_us = look_us;
        else
                deciding_hold(deciding, by, text, look_us);
}

static int hold_for_nobody(Deciding *deciding, const Route *route, const Candidate *candidates, size_t n) {
        Text text = { 0 };
        int64_t look_us = TIME_NONE;
        bool open_ended = false;

        text_printf(&text, "nobody in %s can take it:", deciding->status->team->rule.name);
        for (size_t i = 0; i < n; i++) {
                text_printf(&text, "%s %s %s", i ? "," : "", candidates[i].member->rule.name, candidates[i].cause);
                if (candidates[i].free_us == TIME_NONE)
                        open_ended |= candidates[i].member->weight > 0 && !candidates[i].member->left;
                else if (look_us == TIME_NONE || candidates[i].free_us < look_us)
                        look_us = candidates[i].free_us;
        }
        /* A cap opens whenever an owner answers: nobody can say when. */
        int64_t again_us = deciding->input->now_us + DECIDE_LOOK_AGAIN_US;
        if (open_ended && (look_us == TIME_NONE || again_us < look_us))
                look_us = again_us;
        char *kept = text.error ? NULL : arena_strndup(deciding->arena, text.data, text.size);
        text_free(&text);
        if (!kept)
                return -ENOMEM;
        hold_by_route(deciding, route->rule.name, kept, look_us);
        return deciding_summarise(deciding, "held: %s", kept);
}

/* ---- routes to one person ---- */

static const char *say(Deciding *deciding, bool wanted, const char *format, const char *name, const char *rest) {
        return wanted ? arena_printf(deciding->arena, format, name, rest) : "";
}

/* An account goes to whoever has it, whatever stands on the desk: two people of one customer must not hear from two of us. */
static int find_account(Deciding *deciding, const Member **ret, const char **ret_why) {
        const char *name = deciding->input->desk->account_owner, *team = deciding->status->team->rule.name;
        const Member *member = name ? policy_member(deciding->rules, name) : NULL;
        int64_t until_us;

        *ret = NULL;
        if (!name) {
                *ret_why = "nobody owns another open lead of the same company";
                return 0;
        }
        if (!member || member->team != deciding->status->team)
                *ret_why = say(deciding, *ret_why, "%s has the account and is not in %s", name, team);
        else if (member->left)
                *ret_why = say(deciding, *ret_why, "%s has the account and has left%s", name, "");
        else if (route_is_away(deciding, member, &until_us))
                *ret_why = say(deciding, *ret_why, "%s has the account and is away%s", name, "");
        else {
                *ret = member;
                *ret_why = say(deciding, *ret_why, "%s owns the same company's other open leads%s", name, "");
        }
        return *ret_why ? 0 : -ENOMEM;
}

/* Whoever had the lead before it went back gets it again unless the desk is full; while away, the deputy does where the team has one act.
 */
static int find_previous(Deciding *deciding, const Route *route, const Member **ret, const char **ret_why) {
        const char *name = deciding->out->after.returned.owner, *team = deciding->status->team->rule.name;
        const Member *member = name ? policy_member(deciding->rules, name) : NULL, *deputy;
        bool wants_why = *ret_why;
        int64_t until_us;

        *ret = NULL;
        if (!name) {
                *ret_why = "nobody had the lead before";
                return 0;
        }
        if (!member || member->team != deciding->status->team) {
                *ret_why = say(deciding, wants_why, "%s had it before and is not in %s", name, team);
                return *ret_why ? 0 : -ENOMEM;
        }
        Candidate candidate = { .member = member, .seat = route_seat(deciding->input->desk, name) };
        judge_candidate(deciding, route, &candidate);
        deputy = candidate.skipped == FAIR_SKIPPED_AWAY && member->team->on_absence == ABSENCE_DEPUTY ? member->deputy : NULL;
        if (deputy && !deputy->left && deputy->team == member->team && !route_is_away(deciding, deputy, &until_us)) {
                *ret = deputy;
                *ret_why = say(deciding, wants_why, "the deputy of %s, who had it before and %s", name, candidate.cause);
        } else if (candidate.cause)
                *ret_why = say(deciding, wants_why, "%s had it before and %s", name, candidate.cause);
        else {
                *ret = member;
                *ret_why = say(deciding, wants_why, "%s had it before it went back%s", name, "");
        }
        return *ret_why ? 0 : -ENOMEM;
}

int route_find_person(Deciding *deciding, const Route *route, const Member **ret, const char **ret_why) {
        return route->account ? find_account(deciding, ret, ret_why) : find_previous(deciding, route, ret, ret_why);
}

static int route_to_person(Deciding *deciding, const Route *route, bool *ret_done) {
        const Member *member;
        const char *why = route->previous ? "" : NULL; /* an account's is the same for everybody */
        int r = route_find_person(deciding, route, &member, &why);

        *ret_done = false;
        if (route->account) {
                deciding->out->account_asked = true;
                deciding->out->account_owner = deciding->input->desk->account_owner;
        }
        if (r < 0 || !member)
                return r;
        FairKind kind = route->account                                                       ? FAIR_BY_ACCOUNT
                        : base_streq(member->rule.name, deciding->out->after.returned.owner) ? FAIR_AS_BEFORE
                                                                                             : FAIR_AS_DEPUTY;
        deciding_set_owner(deciding, member, route->rule.name, route->account ? "owns the same company's other open leads" : why);
        *ret_done = true;
        return fairness_add(deciding, member->team->rule.name, route->rule.name, member->rule.name, kind, 1);
}

/* ---- routes to a team ---- */

static const char *why_this_one(Deciding *deciding, const char *why, const char *name, const Candidate *candidates, size_t n) {
        Candidacy *others = ARENA_ARRAY(deciding->arena, Candidacy, n);

        for (size_t i = 0; i < n && others; i++)
                others[i] = (Candidacy){ .member = candidates[i].member->rule.name, .cause = candidates[i].cause };
        return others ? decide_say_assignment(why, name, others, n, deciding->arena) : NULL;
}

static int route_by_team(Deciding *deciding, const Route *route, bool again, bool *ret_done) {
        const Team *team = deciding->status->team;
        Candidate *candidates = ARENA_ARRAY(deciding->arena, Candidate, team->n_members);
        const char *text;

        *ret_done = false;
        if (!candidates)
                return -ENOMEM;
        for (size_t i = 0; i < team->n_members; i++) {
                candidates[i] =
                        (Candidate){ .member = team->members[i], .seat = route_seat(deciding->input->desk, team->members[i]->rule.name) };
                judge_candidate(deciding, route, &candidates[i]);
        }
        Candidate *chosen;
        int r = turns_choose(deciding, team, candidates, team->n_members, &chosen);
        if (r < 0)
                return r;
        if (!chosen) {
                const Member *head = team->head;
                int64_t until_us;
                bool has_head = head && !head->left && head != deciding->owner && (again || !route_is_away(deciding, head, &until_us));
                if (!has_head || (!again && deciding->out->after.n_expired == 0))
                        /* The lead stays with whoever has it when there is no head to turn to. */
                        return again ? 0 : hold_for_nobody(deciding, route, candidates, team->n_members);
                text = why_this_one(deciding, "nobody else can take it: the head gets it", NULL, candidates, team->n_members);
                if (!text)
                        return -ENOMEM;
                deciding_set_owner(deciding, team->head, route->rule.name, text);
                *ret_done = true;
                return fairness_of_turn(deciding, team, route->rule.name, candidates, team->n_members, NULL);
        }
        r = turns_save(deciding, candidates, team->n_members, chosen);
        if (r < 0)
                return r;
        text = why_this_one(deciding, chosen->by_credit ? "for a turn given back, " : "the turn of ", chosen->member->rule.name, candidates,
                team->n_members);
        if (!text)
                return -ENOMEM;
        deciding_set_owner(deciding, chosen->member, route->rule.name, text);
        deciding->out->after.by_turn = turns_is_paid(chosen);
        deciding->reassigned = deciding->reassigned || again;
        *ret_done = true;
        return fairness_of_turn(deciding, team, route->rule.name, candidates, team->n_members, chosen);
}

/* ---- absences ---- */

static bool may_lose_to_absence(const Deciding *deciding) {
        const LeadState *after = &deciding->out->after;

        return deciding->owner && after->unaccepted && !after->test && deciding->status->kind != STATUS_FINAL &&
               deciding->owner->team == deciding->status->team && deciding->owner->team->on_absence != ABSENCE_KEEP;
}

int route_absence(Deciding *deciding) {
        const Member *owner = deciding->owner;
        const Member *deputy;
        char until[TIME_TEXT_SIZE];
        int64_t until_us;

        /* Who got it in this very event was found, or sent for, in spite of everything. */
        if (!may_lose_to_absence(deciding) || deciding->owner_changed || !route_is_away(deciding, owner, &until_us))
                return 0;
        deciding->reassigned = true; /* the timer starts anew, even where one of its steps fired just now */
        deputy = owner->team->on_absence == ABSENCE_DEPUTY ? owner->deputy : NULL;
        const char *name = assignment_name(owner->rule.name, deciding->arena);
        const char *away = name ? arena_printf(deciding->arena, "%s is away until %s", name, time_format_rfc3339(until_us, until)) : NULL;
        if (!away)
                return -ENOMEM;
        if (deputy && deputy != owner && !deputy->left && deputy->team == owner->team && !route_is_away(deciding, deputy, &until_us)) {
                const char *text = arena_printf(deciding->arena, "the deputy of %s", away);
                if (!text)
                        return -ENOMEM;
                deciding_set_owner(deciding, deputy, "deputy", text);
                int r = fairness_add(deciding, deputy->team->rule.name, "deputy", deputy->rule.name, FAIR_AS_DEPUTY, 1);
                return r < 0 ? r : deciding_summarise(deciding, "%s: handed to the deputy %s", away, deputy->rule.name);
        }
        /* The phase after this one routes what nobody owns. */
        deciding_set_owner(deciding, NULL, "absence", away);
        deciding->out->after.unaccepted = false;
        return deciding_summarise(deciding, "%s", away);
}

int64_t route_next_absence(const Deciding *deciding) {
        int64_t now_us = deciding->input->now_us, next_us = TIME_NONE;

        if (!may_lose_to_absence(deciding))
                return TIME_NONE;
        const Member *owner = deciding->owner;
        const Seat *seat = route_seat(deciding->input->desk, owner->rule.name);
        for (size_t i = 0; i < owner->n_absences; i++)
                if (owner->absences[i].from_us > now_us && (next_us == TIME_NONE || owner->absences[i].from_us < next_us))
                        next_us = owner->absences[i].from_us;
        for (size_t i = 0; i < seat->n_absences; i++)
                if (seat->absences[i].from_us > now_us && (next_us == TIME_NONE || seat->absences[i].from_us < next_us))
                        next_us = seat->absences[i].from_us;
        return next_us;
}

/* Remembers that the owner let it expire. */
static int note_expired(Deciding *deciding) {
        LeadState *after = &deciding->out->after;
        size_t skip = after->n_expired == DECIDE_EXPIRED_MAX ? 1 : 0, n = after->n_expired - skip;

        if (let_expire(after, deciding->owner))
                return 0;
        const char **names = ARENA_ARRAY(deciding->arena, const char *, n + 1);
        if (!names)
                return -ENOMEM;
        if (n > 0)
                memcpy(names, after->expired + skip, n * sizeof(*names));
        names[n] = deciding->owner->rule.name;
        after->expired = names;
        after->n_expired = n + 1;
        deciding->out->expired_changed = true;
        return 0;
}

int route_lead(Deciding *deciding, bool again) {
        const Team *team = deciding->status->team;
        LeadState *after = &deciding->out->after;
        int r;

        if (team->n_members == 0 || after->test || deciding->status->kind == STATUS_FINAL) {
                if (deciding->owner)
                        deciding_set_owner(deciding, NULL, "queue", NULL);
                after->unaccepted = false;
                return 0;
        }
        if (deciding->owner && !again)
                return 0;
        if (deciding->owner) {
                r = note_expired(deciding);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < deciding->rules->n_routes; i++) {
                const Route *route = &deciding->rules->routes[i];
                const char *note = NULL;
                bool holds = true, done;
                if (!route_leads_to(route, team) || (route->team == NULL && again))
                        continue;
                r = policy_holds(deciding->rules, route->when, &deciding->subject, deciding->arena, &holds, &note, NULL);
                if (r < 0)
                        return r;
                if (r == POLICY_E_FAILED) {
                        hold_by_route(deciding, route->rule.name, note ? note : "the rule failed", TIME_NONE);
                        return 0;
                }
                if (!holds)
                        continue;
                if (route->team && !route_is_met(deciding, route))
                        continue;
                r = route->team ? route_by_team(deciding, route, again, &done) : route_to_person(deciding, route, &done);
                if (r < 0)
                        return r;
                if (!done) {
                        if (!route->team)
                                continue; /* it misses when there is no such person */
                        return 0;
                }
                if (!deciding->move_failed)
                        after->held = (HeldState){ .next_look_us = TIME_NONE };
                after->unaccepted = true;
                r = receipts_add(&deciding->out->receipts, deciding->arena, (Receipt){ .rule = &route->rule, .matched = true });
                if (r < 0)
                        return r;
                return deciding_summarise(deciding, "offered to %s (%s)", deciding->owner->rule.name, route->rule.name);
        }
        const char *text = arena_printf(deciding->arena, "no route leads to the team %s", team->rule.name);
        if (!text)
                return -ENOMEM;
        hold_by_route(deciding, "route", text, TIME_NONE);
        return 0;
}

/* ---- explanations ---- */

int route_explain_team(Deciding *deciding, const Route *route, Candidacy **ret, size_t *ret_n) {
        const Team *team = deciding->status->team;
        Candidate *candidates = ARENA_ARRAY(deciding->arena, Candidate, team->n_members);
        Candidacy *found = ARENA_ARRAY(deciding->arena, Candidacy, team->n_members);

        if (!candidates || !found)
                return -ENOMEM;
        for (size_t i = 0; i < team->n_members; i++) {
                candidates[i] =
                        (Candidate){ .member = team->members[i], .seat = route_seat(deciding->input->desk, team->members[i]->rule.name) };
                judge_candidate(deciding, route, &candidates[i]);
        }
        Candidate *chosen;
        int r = turns_choose(deciding, team, candidates, team->n_members, &chosen);
        if (r < 0)
                return r;
        for (size_t i = 0; i < team->n_members; i++)
                found[i] = (Candidacy){ .member = team->members[i]->rule.name,
                        .cause = candidates[i].cause,
                        .free_us = candidates[i].free_us,
                        .turn = candidates[i].owed,
                        .n_open = candidates[i].seat->n_open,
                        .n_unaccepted = candidates[i].seat->n_unaccepted,
                        .chosen = &candidates[i] == chosen };
        *ret = found;
        *ret_n = team->n_members;
        return 0;
}
