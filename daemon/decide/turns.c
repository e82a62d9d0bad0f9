/* SPDX-License-Identifier: MIT */
/*
 * turns: whose turn it is among those who can take a lead. Each lead that is given by turn is shared out by weight: what
 * everybody in the running is owed grows by the weight's share of one lead, and the one who is owed most gets it and is
 * owed one less. So what somebody is owed is what they were entitled to and did not get, in leads, and turns are smooth
 * (vectors.md R8). Shares are of a lead and not of a sum of weights: who went through a turn of ten is not paid back for it
 * in turns of two.
 *
 * Equals are never more than one apart. While two of the same weight are both in the running their difference only changes
 * when one of them is served, by one lead, and whoever is owed less is never served: so they alternate, if they begin
 * within one lead of each other. They do: who was not in the running when others of the weight were (away, full, without
 * the skill) may have drifted away from them, and is brought within one lead of each of them, no further. So nobody
 * is flooded on return, and nobody is forgotten. Those who took part in the same turns before are moved together,
 * because between them nothing has changed. What is moved is taken from or given to all of the weight: the sum stays.
 *
 * Ties go to the first by name, and among equals to who was served longest ago, which is the first by name at first.
 *
 * Who is alone in the running is entitled to all of the lead and gets it: nothing changes between anybody, nothing is paid, and
 * there is nothing to give back.
 *
 * A turn that is given back is a credit: the next lead that comes by turn is in its place and costs nothing. So the turns
 * of all others are as if the lead had never been, whoever is at work by then.
 *
 * Books before version 6 had turns in weights. Their events are replayed as they were decided.
 */
#include "internal.h"

#include <errno.h>

static const Seat *seat_of(const Deciding *deciding, const Member *member) { return route_seat(deciding->input->desk, member->rule.name); }

/* As this very event has left it. */
static TurnChange turn_of(const Deciding *deciding, const Member *member) {
        const Decision *out = deciding->out;

        for (size_t i = 0; i < out->n_turns; i++)
                if (base_streq(out->turns[i].member, member->rule.name))
                        return out->turns[i];
        const Seat *seat = seat_of(deciding, member);
        return (TurnChange){ .member = member->rule.name,
                .turn = seat->turn,
                .took_part = seat->took_part,
                .served = seat->served,
                .credits = seat->credits };
}

static int set_turn(Deciding *deciding, TurnChange turn) {
        Decision *out = deciding->out;

        if (!out->turns) {
                out->turns = ARENA_ARRAY(deciding->arena, TurnChange, deciding->rules->n_members);
                if (!out->turns)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < out->n_turns; i++)
                if (base_streq(out->turns[i].member, turn.member)) {
                        out->turns[i] = turn;
                        return 0;
                }
        out->turns[out->n_turns++] = turn;
        return 0;
}

static uint32_t weight_of(const Team *team, const Member *member) { return team->strategy == STRATEGY_WEIGHTED ? member->weight : 1; }

/* Does the strategy put a before b, whoever's turn it is? */
static bool comes_before(const Team *team, const Candidate *a, const Candidate *b) {
        switch (team->strategy) {
        case STRATEGY_ROUND_ROBIN:
        case STRATEGY_WEIGHTED:
                return false;
        case STRATEGY_LEAST_OPEN:
                return a->seat->n_open < b->seat->n_open;
        case STRATEGY_TOP_FIRST:
                return a->member->rank < b->member->rank;
        }
        return false;
}

/* Those among whom the turn decides: who can take the lead, and whom the strategy puts behind nobody who can. */
static size_t find_running(const Team *team, Candidate *candidates, size_t n, Candidate **running) {
        size_t n_running = 0;

        for (size_t i = 0; i < n; i++) {
                bool runs = !candidates[i].cause;
                for (size_t k = 0; k < n && runs; k++)
                        runs = candidates[k].cause || !comes_before(team, &candidates[k], &candidates[i]);
                candidates[i].runs = runs;
                if (runs)
                        running[n_running++] = &candidates[i];
        }
        return n_running;
}

/* ---- equals ---- */

typedef struct Range {
        int64_t low, high;
} Range;

static Range range_of(Candidate *const *group, size_t n) {
        Range range = { group[0]->turn.turn, group[0]->turn.turn };

        for (size_t i = 1; i < n; i++) {
                int64_t turn = group[i]->turn.turn;
                range.low = turn < range.low ? turn : range.low;
                range.high = turn > range.high ? turn : range.high;
        }
        return range;
}

/* Those who took part in their last turn together, as near to the others as they must be. settled: the range of those others. */
static Range settle_group(Candidate *const *group, size_t n, const Range *settled) {
        Range range = range_of(group, n);

        /* Only who has got another weight since can be further away. */
        for (size_t i = 0; i < n && range.high - range.low > DECIDE_TURN; i++)
                if (group[i]->turn.turn < range.high - DECIDE_TURN)
                        group[i]->turn.turn = range.high - DECIDE_TURN;
        range = range_of(group, n);
        if (!settled)
                return range;
        int64_t least = settled->high - DECIDE_TURN - range.low, most = settled->low + DECIDE_TURN - range.high;
        int64_t by = least > 0 ? least : most < 0 ? most : 0;
        for (size_t i = 0; i < n; i++)
                group[i]->turn.turn += by;
        range.low += by;
        range.high += by;
        return (Range){ range.low < settled->low ? range.low : settled->low, range.high > settled->high ? range.high : settled->high };
}

/* All of one weight, by when they took part last, the latest first. */
static void settle(Candidate **equals, size_t n) {
        int64_t sum = 0;
        Range settled;

        for (size_t i = 1; i < n; i++)
                for (size_t k = i; k > 0 && equals[k - 1]->turn.took_part < equals[k]->turn.took_part; k--) {
                        Candidate *other = equals[k - 1];
                        equals[k - 1] = equals[k];
                        equals[k] = other;
                }
        for (size_t i = 0; i < n; i++)
                sum -= equals[i]->turn.turn;
        for (size_t from = 0, to; from < n; from = to) {
                for (to = from + 1; to < n && equals[to]->turn.took_part == equals[from]->turn.took_part;)
                        to++;
                settled = settle_group(equals + from, to - from, from > 0 ? &settled : NULL);
        }
        for (size_t i = 0; i < n; i++)
                sum += equals[i]->turn.turn;
        for (size_t i = 0; i < n && sum != 0; i++)
                equals[i]->turn.turn -= sum / (int64_t) n;
}

static int settle_all(const Deciding *deciding, const Team *team, Candidate *const *running, size_t n) {
        Candidate **equals = ARENA_ARRAY(deciding->arena, Candidate *, n);

        if (!equals)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                uint32_t weight = weight_of(team, running[i]->member);
                size_t n_equals = 0;
                bool is_first = true;
                for (size_t k = 0; k < n; k++) {
                        if (weight_of(team, running[k]->member) != weight)
                                continue;
                        is_first &= k >= i;
                        equals[n_equals++] = running[k];
                }
                if (is_first && n_equals > 1)
                        settle(equals, n_equals);
        }
        return 0;
}

/* ---- choosing ---- */

/* Members stand by name, and only a better one takes the place of one before. */
static Candidate *find_best(const Team *team, Candidate *const *running, size_t n, bool by_credit) {
        Candidate *best = NULL;

        for (size_t i = 0; i < n; i++)
                if ((!by_credit || running[i]->turn.credits > 0) && (!best || running[i]->turn.turn > best->turn.turn))
                        best = running[i];
        const Candidate *first = best;
        for (size_t i = 0; i < n && first; i++)
                if ((!by_credit || running[i]->turn.credits > 0) && running[i]->turn.turn == first->turn.turn &&
                        weight_of(team, running[i]->member) == weight_of(team, first->member) &&
                        running[i]->turn.served < best->turn.served)
                        best = running[i];
        return best;
}

static int choose(const Deciding *deciding, const Team *team, Candidate *candidates, size_t n, Candidate **ret) {
        Candidate **running = ARENA_ARRAY(deciding->arena, Candidate *, n);
        int64_t sum = 0;

        if (!running)
                return -ENOMEM;
        size_t n_running = find_running(team, candidates, n, running);
        for (size_t i = 0; i < n_running; i++) {
                running[i]->turn = turn_of(deciding, running[i]->member);
                running[i]->owed = running[i]->turn.turn;
                sum += weight_of(team, running[i]->member);
        }
        *ret = find_best(team, running, n_running, true);
        if (*ret) {
                (*ret)->turn.credits--;
                (*ret)->by_credit = true;
                return 0;
        }
        if (n_running == 1) {
                /* Entitled to all of it and got it: between this one and others nothing has changed. */
                running[0]->share = DECIDE_TURN;
                running[0]->owed += DECIDE_TURN;
                *ret = running[0];
                return 0;
        }
        int r = settle_all(deciding, team, running, n_running);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_running; i++) {
                Candidate *candidate = running[i];
                candidate->share = (int64_t) ((__int128) DECIDE_TURN * weight_of(team, candidate->member) / sum);
                candidate->turn.turn += candidate->share;
                candidate->turn.took_part = deciding->input->event_id;
                candidate->owed = candidate->turn.turn;
        }
        *ret = find_best(team, running, n_running, false);
        if (*ret) {
                (*ret)->turn.turn -= DECIDE_TURN;
                (*ret)->turn.served = deciding->input->event_id;
        }
        return 0;
}

/* ---- books before version 6 ---- */

/* Each one's turn grows by the weight, and the highest pays the sum of the weights. */
static int choose_before_6(const Deciding *deciding, const Team *team, Candidate *candidates, size_t n, Candidate **ret) {
        Candidate *best = NULL;
        int64_t sum = 0;

        for (size_t i = 0; i < n; i++) {
                Candidate *candidate = &candidates[i];
                candidate->runs = !candidate->cause;
                if (candidate->cause)
                        continue;
                candidate->turn = turn_of(deciding, candidate->member);
                candidate->turn.turn += weight_of(team, candidate->member);
                sum += weight_of(team, candidate->member);
                if (!best || comes_before(team, candidate, best) ||
                        (!comes_before(team, best, candidate) && candidate->turn.turn > best->turn.turn))
                        best = candidate;
        }
        if (best)
                best->turn.turn -= sum;
        *ret = best;
        return 0;
}

static int give_back_before_6(Deciding *deciding, const Member *owner) {
        int64_t sum = 0, until_us;

        for (size_t i = 0; i < owner->team->n_members; i++) {
                const Member *member = owner->team->members[i];
                if (member->left || member->weight == 0 || (member != owner && route_is_away(deciding, member, &until_us)))
                        continue;
                TurnChange turn = turn_of(deciding, member);
                sum += weight_of(owner->team, member);
                turn.turn -= weight_of(owner->team, member);
                int r = set_turn(deciding, turn);
                if (r < 0)
                        return r;
        }
        TurnChange turn = turn_of(deciding, owner);
        turn.turn += sum;
        return set_turn(deciding, turn);
}

/* ---- for routing ---- */

int turns_choose(const Deciding *deciding, const Team *team, Candidate *candidates, size_t n, Candidate **ret) {
        return (deciding->input->before_6 ? choose_before_6 : choose)(deciding, team, candidates, n, ret);
}

bool turns_is_paid(const Candidate *chosen) { return chosen->by_credit || chosen->share < DECIDE_TURN; }

int turns_save(Deciding *deciding, const Candidate *candidates, size_t n, const Candidate *chosen) {
        for (size_t i = 0; i < n; i++) {
                /* A credit is nobody else's business. */
                bool changes = chosen->by_credit ? &candidates[i] == chosen : candidates[i].runs && turns_is_paid(chosen);
                int r = changes ? set_turn(deciding, candidates[i].turn) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

int turns_give_back(Deciding *deciding) {
        LeadState *after = &deciding->out->after;
        const Member *owner = deciding->owner;
        int r;

        if (!after->by_turn || !owner)
                return 0;
        after->by_turn = false;
        if (deciding->input->before_6)
                r = give_back_before_6(deciding, owner);
        else {
                TurnChange turn = turn_of(deciding, owner);
                turn.credits++;
                r = set_turn(deciding, turn);
                if (r == 0)
                        r = fairness_add(deciding, owner->team->rule.name, after->route, owner->rule.name, FAIR_GIVEN_BACK, 1);
        }
        return r < 0 ? r : deciding_summarise(deciding, "the turn of %s is given back", owner->rule.name);
}
