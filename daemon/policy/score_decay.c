/* SPDX-License-Identifier: MIT */
/*
 * How points fall with age, and when a falling group next crosses a bound.
 *
 * Integers only, so that the same history gives the same milli-points in any process, on any machine, in any order, and whether it is
 * looked at daily or once: p * 0.5^(age/h) is p * 2^-n * 2^-f with n whole and f a 64-bit fraction; 2^-f is the product of the
 * tabled 2^-(2^-i) of f's set bits in 63-bit fixed point. The error stays below 2^-50 of the points, then each event is rounded to
 * its nearest milli-point, half away from zero. Whole half-lives are exact: 10 points are 2.5 after two. Ages count whole seconds
 * between whole seconds, so a score changes at whole seconds only.
 *
 * Floating point alone was rejected because C libraries differ in the last bits; but it is ten times as fast, and the last bits only
 * matter where the result lies that close to the middle between two milli-points. So it goes first, and where the rounding is not beyond
 * doubt by a margin a thousand times the error of any exp2, the integers decide: the answer is theirs in either case.
 */
#include "condition.h"
#include <math.h>

typedef unsigned __int128 Wide;

#define FRACTION_BITS 64
#define FAST_WEIGHT_MAX (INT64_C(1) << 36) /* beyond, doubles have no digits left for the fraction */
#define FAST_MARGIN 0x1p-42                /* of the points; the factors below are good to about 2^-46 */
#define FAST_HALVINGS_MAX 100.0            /* nothing that the fast way is used for is left by then */
#define DECAY_HORIZON_S (INT64_C(1) << 38) /* 8700 years: what has not happened by then does not */

/* [i] = 2^64 * 2^-(2^-(i+1)), rounded. */
static const uint64_t powers[FRACTION_BITS] = {
        UINT64_C(0xb504f333f9de6484),
        UINT64_C(0xd744fccad69d6af4),
        UINT64_C(0xeac0c6e7dd24392f),
        UINT64_C(0xf5257d152486cc2c),
        UINT64_C(0xfa83b2db722a033a),
        UINT64_C(0xfd3e0c0cf486c175),
        UINT64_C(0xfe9e115c7b8f884c),
        UINT64_C(0xff4ecb59511ec8a5),
        UINT64_C(0xffa756521c8daed2),
        UINT64_C(0xffd3a751c0f7e10c),
        UINT64_C(0xffe9d2b2f7db2756),
        UINT64_C(0xfff4e91bff1b8c3e),
        UINT64_C(0xfffa747ea0040664),
        UINT64_C(0xfffd3a3b7814eb54),
        UINT64_C(0xfffe9d1cc60ddab1),
        UINT64_C(0xffff4e8e25879bfa),
        UINT64_C(0xffffa7470363f451),
        UINT64_C(0xffffd3a37dda0313),
        UINT64_C(0xffffe9d1bdf703af),
        UINT64_C(0xfffff4e8debe025e),
        UINT64_C(0xfffffa746f4fa150),
        UINT64_C(0xfffffd3a37a3f8b0),
        UINT64_C(0xfffffe9d1bd1065a),
        UINT64_C(0xffffff4e8de845ae),
        UINT64_C(0xffffffa746f41377),
        UINT64_C(0xffffffd3a37a05e4),
        UINT64_C(0xffffffe9d1bd01fc),
        UINT64_C(0xfffffff4e8de80c0),
        UINT64_C(0xfffffffa746f4051),
        UINT64_C(0xfffffffd3a37a025),
        UINT64_C(0xfffffffe9d1bd011),
        UINT64_C(0xffffffff4e8de808),
        UINT64_C(0xffffffffa746f404),
        UINT64_C(0xffffffffd3a37a02),
        UINT64_C(0xffffffffe9d1bd01),
        UINT64_C(0xfffffffff4e8de81),
        UINT64_C(0xfffffffffa746f40),
        UINT64_C(0xfffffffffd3a37a0),
        UINT64_C(0xfffffffffe9d1bd0),
        UINT64_C(0xffffffffff4e8de8),
        UINT64_C(0xffffffffffa746f4),
        UINT64_C(0xffffffffffd3a37a),
        UINT64_C(0xffffffffffe9d1bd),
        UINT64_C(0xfffffffffff4e8df),
        UINT64_C(0xfffffffffffa746f),
        UINT64_C(0xfffffffffffd3a38),
        UINT64_C(0xfffffffffffe9d1c),
        UINT64_C(0xffffffffffff4e8e),
        UINT64_C(0xffffffffffffa747),
        UINT64_C(0xffffffffffffd3a3),
        UINT64_C(0xffffffffffffe9d2),
        UINT64_C(0xfffffffffffff4e9),
        UINT64_C(0xfffffffffffffa74),
        UINT64_C(0xfffffffffffffd3a),
        UINT64_C(0xfffffffffffffe9d),
        UINT64_C(0xffffffffffffff4f),
        UINT64_C(0xffffffffffffffa7),
        UINT64_C(0xffffffffffffffd4),
        UINT64_C(0xffffffffffffffea),
        UINT64_C(0xfffffffffffffff5),
        UINT64_C(0xfffffffffffffffa),
        UINT64_C(0xfffffffffffffffd),
        UINT64_C(0xffffffffffffffff),
        UINT64_C(0xffffffffffffffff),
};

/* 2^-f in 63-bit fixed point; bit 63 of fraction is a half. */
static uint64_t power_of_fraction(uint64_t fraction) {
        uint64_t power = UINT64_C(1) << 63;

        while (fraction != 0) {
                int i = __builtin_clzll(fraction);

                power = (uint64_t) (((Wide) power * powers[i]) >> 64);
                fraction &= ~(UINT64_C(1) << (63 - i));
        }
        return power;
}

int64_t decay_halve_exactly(int64_t weight_mp, int64_t age_s, int64_t half_life_s) {
        uint64_t age = (uint64_t) age_s, life = (uint64_t) half_life_s, whole = age / life, rest = age % life;
        uint64_t magnitude = weight_mp < 0 ? (uint64_t) -weight_mp : (uint64_t) weight_mp;

        /* Nothing is left after 60 halvings of the largest weight. */
        if (whole > 60)
                return 0;
        /* rest/life to 64 bits in two steps of 32: the largest duration is below 2^32 seconds. */
        uint64_t high = (rest << 32) / life, low = (((rest << 32) % life) << 32) / life;
        Wide product = (Wide) magnitude * power_of_fraction(high << 32 | low);
        unsigned shift = 63 + (unsigned) whole;
        int64_t result = (int64_t) ((product + ((Wide) 1 << (shift - 1))) >> shift);
        return weight_mp < 0 ? -result : result;
}

static double shrink_over(int64_t seconds, int64_t half_life_s) {
        double halvings = (double) seconds / (double) half_life_s;

        return seconds <= 0 ? 1 : halvings > FAST_HALVINGS_MAX ? 0 : exp2(-halvings);
}

/* To the nearest milli-point where that is beyond doubt; never for what is not a number (decay_points). */
static inline bool round_surely(double points, int64_t *ret) {
        double magnitude = fabs(points), margin = magnitude * FAST_MARGIN;

        if (!(magnitude <= (double) FAST_WEIGHT_MAX))
                return false;
        int64_t whole = (int64_t) (magnitude + 0.5);
        double rest = magnitude + 0.5 - (double) whole;
        *ret = points < 0 ? -whole : whole;
        return rest > margin && rest < 1 - margin;
}

static bool is_fast(int64_t weight_mp) { return weight_mp < FAST_WEIGHT_MAX && weight_mp > -FAST_WEIGHT_MAX; }

double decay_factor(const Decay *decay, int64_t age_s) {
        return decay->fade_every_s > 0 || decay->half_life_s == 0 ? 1 : shrink_over(age_s, decay->half_life_s);
}

static int64_t fade(int64_t weight_mp, int64_t age_s, const Decay *decay) {
        int64_t steps = age_s / decay->fade_every_s;

        if (steps >= 100 || steps * decay->fade_percent >= 100)
                return 0;
        if (is_fast(weight_mp))
                return (weight_mp * (100 - steps * decay->fade_percent) + (weight_mp < 0 ? -50 : 50)) / 100;
        /* Half away from zero, as above. */
        __int128 scaled = (__int128) weight_mp * (100 - steps * decay->fade_percent);
        return (int64_t) ((scaled + (weight_mp < 0 ? -50 : 50)) / 100);
}

int64_t decay_apply_factor(const Decay *decay, int64_t weight_mp, int64_t age_s, double factor) {
        int64_t points_mp;

        if (age_s <= 0 || weight_mp == 0)
                return weight_mp;
        if (decay->fade_every_s > 0)
                return fade(weight_mp, age_s, decay);
        if (decay->half_life_s == 0)
                return weight_mp;
        if (is_fast(weight_mp) && round_surely((double) weight_mp * factor, &points_mp))
                return points_mp;
        return decay_halve_exactly(weight_mp, age_s, decay->half_life_s);
}

double decay_points(const Decay *decay, int64_t weight_mp, int64_t age_s, double factor) {
        return decay->fade_every_s == 0 && decay->half_life_s > 0 && age_s >= 0 && is_fast(weight_mp) ? (double) weight_mp * factor : NAN;
}

int64_t decay_apply(const Decay *decay, int64_t weight_mp, int64_t age_s) {
        return decay_apply_factor(decay, weight_mp, age_s, decay_factor(decay, age_s));
}

static int64_t clamp_sum(const DecayScore *score, __int128 sum) {
        __int128 limit = score->cap_mp > 0 ? score->cap_mp : DECAY_SUM_MAX;

        return (int64_t) (sum > limit ? limit : sum < -limit ? -limit : sum);
}

int64_t decay_sum(const DecayScore *score, int64_t time_s) {
        __int128 sum = 0;

        for (size_t i = 0; i < score->n_events; i++)
                if (score->events[i].leaves_us > time_s * US_PER_SECOND)
                        sum += decay_apply(&score->decay, score->events[i].weight_mp, time_s - score->events[i].time_s);
        return clamp_sum(score, sum);
}

/* decay_sum at time_s from what the events were worth at now_s: all have shrunk by the same factor since. */
static int64_t sum_later(const DecayScore *score, int64_t time_s, double shrink) {
        int64_t sum = 0, time_us = time_s * US_PER_SECOND; /* of weights below FAST_WEIGHT_MAX: as many as there can be do not fill it */
        __int128 rest = 0;

        for (size_t i = 0; i < score->n_events; i++) {
                const DecayEvent *event = &score->events[i];
                int64_t points_mp;

                if (event->leaves_us <= time_us)
                        continue;
                if (round_surely(event->points * shrink, &points_mp))
                        sum += points_mp;
                else
                        rest += decay_apply(&score->decay, event->weight_mp, time_s - event->time_s);
        }
        return clamp_sum(score, rest + sum);
}

/* ---- crossings ----------------------------------------------------------
 * Points of an event only go towards zero: by age, or all at once when they leave their window. So with all negative scores held still
 * the group is at least what it will be, and with all positive ones held still at most: bounds that move one way, exact while only one
 * sign is falling. When both are, the bounds would be reached in many small steps; then the sum itself is followed as far as it can be
 * trusted to move one way. */

typedef enum Signs { SIGNS_POSITIVE = 1, SIGNS_NEGATIVE = 2, SIGNS_BOTH = 3 } Signs;

static bool has_sign(const DecayScore *score, Signs signs) {
        return (score->now_mp > 0 && (signs & SIGNS_POSITIVE)) || (score->now_mp < 0 && (signs & SIGNS_NEGATIVE));
}

static int64_t clamp_group(const DecayGroup *group, __int128 total) {
        return (int64_t) (total < group->min_mp ? group->min_mp : total > group->max_mp ? group->max_mp : total);
}

static bool is_halving(const DecayScore *score) { return score->decay.fade_every_s == 0 && score->decay.half_life_s > 0; }

/* The group at time_s when only the scores of these signs go on. */
static int64_t group_at(const DecayGroup *group, int64_t now_s, int64_t time_s, Signs signs) {
        __int128 total = group->total_mp;
        int64_t half_life_s = 0;
        double shrink = 1;

        for (size_t i = 0; i < group->n_scores; i++) {
                const DecayScore *score = &group->scores[i];

                if (!has_sign(score, signs))
                        continue;
                if (!is_halving(score)) {
                        total += decay_sum(score, time_s) - score->now_mp;
                        continue;
                }
                if (score->decay.half_life_s != half_life_s) {
                        half_life_s = score->decay.half_life_s;
                        shrink = shrink_over(time_s - now_s, half_life_s);
                }
                total += sum_later(score, time_s, shrink) - score->now_mp;
        }
        return clamp_group(group, total);
}

/* Where it ends when everything of these signs is gone. */
static int64_t group_at_last(const DecayGroup *group, Signs signs) {
        __int128 total = group->total_mp;

        for (size_t i = 0; i < group->n_scores; i++)
                if (has_sign(&group->scores[i], signs))
                        total -= group->scores[i].now_mp;
        return clamp_group(group, total);
}

/* ---- the search ---- */

typedef struct Crossing {
        const DecayGroup *group;
        Signs signs;
        bool falling; /* from bound upwards to below it, else the other way */
        int64_t bound_mp, now_s;
} Crossing;

static bool is_across(const Crossing *crossing, int64_t value_mp) {
        return crossing->falling ? value_mp < crossing->bound_mp : value_mp >= crossing->bound_mp;
}

static int64_t value_at(const Crossing *crossing, int64_t time_s) {
        return group_at(crossing->group, crossing->now_s, time_s, crossing->signs);
}

static bool has_crossed(const Crossing *crossing, int64_t time_s) { return is_across(crossing, value_at(crossing, time_s)); }

/* A guess at how many seconds it takes, and how many milli-points a second it then moves; any guess gives the same answer, a good one
 * sooner. Halving scores are taken for smooth ones of one half-life, with their caps; what fades or leaves, as it is at the guess before.
 */
typedef struct Guess {
        int64_t seconds;
        double rate; /* 0 = not known */
} Guess;

typedef struct Smooth {
        double sum; /* now, without the cap, of what is there at the guess before */
        double cap; /* 0 = none */
} Smooth;

#define GUESS_SCORES_MAX 64
#define GUESS_TURNS 4

/* By which factor must they shrink to be worth `wanted` together? Their sum over the factor is concave, so that tangents from below never
 * overshoot, and piecewise straight, so that a few arrive. */
static double guess_shrink(const Smooth *scores, size_t n, double wanted, double *ret_moving) {
        double shrink = 0, moving = 0;

        for (int turn = 0; turn < 8; turn++) {
                double total = 0, slope = 0;

                for (size_t i = 0; i < n; i++)
                        if (scores[i].cap > 0 && fabs(scores[i].sum * shrink) >= scores[i].cap)
                                total += copysign(scores[i].cap, scores[i].sum);
                        else {
                                total += scores[i].sum * shrink;
                                slope += scores[i].sum;
                        }
                moving = fabs(slope) * shrink;
                double step = slope != 0 ? (wanted - fabs(total)) / fabs(slope) : 0;
                if (fabs(step) < 1e-9)
                        break;
                shrink += step;
        }
        *ret_moving = moving;
        return shrink;
}

static Guess guess_crossing(const Crossing *crossing) {
        const DecayGroup *group = crossing->group;
        Guess guess = { .seconds = 1 };

        for (int turn = 0; turn < GUESS_TURNS; turn++) {
                int64_t time_s = crossing->now_s + (turn > 0 ? guess.seconds : 0), life_s = 0;
                double wanted = (double) crossing->bound_mp - (double) group->total_mp, moving;
                Smooth scores[GUESS_SCORES_MAX];
                size_t n = 0;

                for (size_t i = 0; i < group->n_scores; i++) {
                        const DecayScore *score = &group->scores[i];

                        if (!has_sign(score, crossing->signs))
                                continue;
                        wanted += (double) score->now_mp;
                        if (!is_halving(score) || n == GUESS_SCORES_MAX) {
                                wanted -= turn > 0 ? (double) decay_sum(score, time_s) : 0;
                                continue;
                        }
                        life_s = score->decay.half_life_s;
                        scores[n] = (Smooth){ .cap = (double) score->cap_mp };
                        for (size_t j = 0; j < score->n_events; j++)
                                if (score->events[j].leaves_us > time_s * US_PER_SECOND)
                                        scores[n].sum += score->events[j].points;
                        n++;
                }
                /* Points of the other sign, or so few of these that what leaves decides. */
                double shrink = guess_shrink(scores, n, fabs(wanted), &moving), seconds = (double) life_s * -log2(shrink);
                if ((wanted < 0) != (crossing->signs == SIGNS_NEGATIVE) || !(seconds >= 1) || !(seconds < (double) DECAY_HORIZON_S))
                        break;
                bool settled = turn > 0 && fabs(seconds - (double) guess.seconds) < 60;
                guess = (Guess){ .seconds = (int64_t) seconds, .rate = moving * M_LN2 / (double) life_s };
                if (settled)
                        break;
        }
        return guess;
}

/* From the guess a few steps along the slope: each of them is nearer, and is one side of the crossing. after_s 0: not found yet. */
static int64_t approach(const Crossing *crossing, const Guess *guess, int64_t *before_s, int64_t *before_mp, int64_t *after_s) {
        int64_t at_s = crossing->now_s + guess->seconds;

        for (int turn = 0; turn < 3 && guess->rate > 0; turn++) {
                int64_t value_mp = value_at(crossing, at_s);
                bool across = is_across(crossing, value_mp);
                double step = fabs((double) value_mp - (double) crossing->bound_mp) / guess->rate;
                int64_t next_s;

                if (across)
                        *after_s = at_s;
                else {
                        *before_s = at_s;
                        *before_mp = value_mp;
                }
                if (!(step < (double) DECAY_HORIZON_S))
                        break;
                next_s = across ? at_s - (int64_t) step : at_s + (int64_t) step + 1;
                /* From a few milli-points before it, walking is sooner there. */
                if (next_s <= *before_s || (*after_s > 0 && next_s >= *after_s) || step < 1 || (!across && step * guess->rate < 4))
                        break;
                at_s = next_s;
        }
        return at_s;
}

/* The second in which the next of these points falls by one milli-point, as far as doubles can tell; 0: none will. */
static int64_t next_step(const Crossing *crossing, int64_t at_s) {
        const DecayGroup *group = crossing->group;
        double first = INFINITY;

        for (size_t i = 0; i < group->n_scores; i++) {
                const DecayScore *score = &group->scores[i];
                double shrink, ratio = INFINITY;
                int64_t sum = 0;

                if (!has_sign(score, crossing->signs) || !is_halving(score))
                        continue;
                shrink = shrink_over(at_s - crossing->now_s, score->decay.half_life_s);
                for (size_t j = 0; j < score->n_events; j++) {
                        double points = fabs(score->events[j].points) * shrink;

                        if (!(points >= 0.5) || score->events[j].leaves_us <= at_s * US_PER_SECOND)
                                continue;
                        int64_t whole = (int64_t) (points + 0.5);
                        sum += whole;
                        ratio = fmin(ratio, points / ((double) whole - 0.5));
                }
                if (ratio < INFINITY && !(score->cap_mp > 0 && sum > score->cap_mp))
                        first = fmin(first, log2(ratio) * (double) score->decay.half_life_s);
        }
        return first < (double) DECAY_HORIZON_S ? at_s + (int64_t) first + 1 : 0;
}

/* A few milli-points before the crossing: from one that falls to the next. */
static void walk(const Crossing *crossing, int64_t *before_s, int64_t before_mp, int64_t *after_s) {
        for (int turn = 0; turn < 6 && crossing->signs != SIGNS_BOTH; turn++) {
                int64_t needed_mp = crossing->falling ? before_mp - crossing->bound_mp + 1 : crossing->bound_mp - before_mp, next_s;

                next_s = needed_mp > 6 ? 0 : next_step(crossing, *before_s);
                if (next_s <= *before_s || (*after_s > 0 && next_s >= *after_s))
                        return;
                before_mp = value_at(crossing, next_s);
                if (!is_across(crossing, before_mp)) {
                        *before_s = next_s;
                        continue;
                }
                *after_s = next_s;
                if (next_s - 1 > *before_s) {
                        if (has_crossed(crossing, next_s - 1))
                                *after_s = next_s - 1;
                        else
                                *before_s = next_s - 1;
                }
                return;
        }
}

/* The first second after now at which it has crossed; INT64_MAX = never. The value moves one way. */
static int64_t find_crossing(const Crossing *crossing) {
        int64_t now_s = crossing->now_s, before_s = now_s, after_s = 0, at_s, step_s = 1;
        int64_t before_mp = clamp_group(crossing->group, crossing->group->total_mp);

        if (!is_across(crossing, group_at_last(crossing->group, crossing->signs)))
                return INT64_MAX;
        Guess guess = guess_crossing(crossing);
        at_s = approach(crossing, &guess, &before_s, &before_mp, &after_s);
        if (guess.rate > 0 && guess.rate < 1)
                step_s = (int64_t) (1 / guess.rate) + 1;
        if (after_s > 0 && after_s - before_s > 4 * step_s) {
                int64_t value_mp = value_at(crossing, after_s - 2 * step_s);

                if (is_across(crossing, value_mp))
                        after_s -= 2 * step_s;
                else {
                        before_s = after_s - 2 * step_s;
                        before_mp = value_mp;
                }
        } else if (after_s == 0 && at_s > before_s) {
                before_mp = value_at(crossing, at_s);
                if (is_across(crossing, before_mp))
                        after_s = at_s;
                else
                        before_s = at_s;
        }
        if (!is_across(crossing, before_mp))
                walk(crossing, &before_s, before_mp, &after_s);
        /* By doubling steps, onwards or back, until the crossing lies between two instants; then by halves. */
        if (after_s == 0)
                for (int64_t step = step_s; after_s == 0; step *= 2) {
                        if (before_s - now_s > DECAY_HORIZON_S)
                                return INT64_MAX;
                        if (has_crossed(crossing, before_s + step))
                                after_s = before_s + step;
                        else
                                before_s += step;
                }
        else
                for (int64_t step = step_s; after_s - step > before_s; step *= 2) {
                        if (!has_crossed(crossing, after_s - step)) {
                                before_s = after_s - step;
                                break;
                        }
                        after_s -= step;
                }
        while (after_s - before_s > 1) {
                int64_t middle_s = before_s + (after_s - before_s) / 2;

                if (has_crossed(crossing, middle_s))
                        after_s = middle_s;
                else
                        before_s = middle_s;
        }
        return after_s;
}

/* Within the second that ends at time_s, windows close at their own microsecond: the first of them, else time_s. */
static int64_t first_leave(const DecayGroup *group, int64_t now_us, int64_t time_s) {
        int64_t first_us = time_s * US_PER_SECOND;

        for (size_t i = 0; i < group->n_scores; i++)
                for (size_t j = 0; j < group->scores[i].n_events; j++) {
                        int64_t leaves_us = group->scores[i].events[j].leaves_us;

                        if (leaves_us < first_us && leaves_us > now_us && leaves_us > (time_s - 1) * US_PER_SECOND)
                                first_us = leaves_us;
                }
        return first_us;
}

/* Points of both signs that all shrink by the same half-life, with no cap in the way, are one sum that shrinks: it moves one way but for
 * the rounding of each event. *ret_margin_mp: how much that can be. */
static bool is_one_sum(const DecayGroup *group, int64_t now_s, int64_t *ret_margin_mp) {
        int64_t n_events = 0, life_s = 0;
        Signs signs = 0;

        for (size_t i = 0; i < group->n_scores; i++)
                signs |= group->scores[i].now_mp > 0 ? SIGNS_POSITIVE : group->scores[i].now_mp < 0 ? SIGNS_NEGATIVE : 0;
        if (signs != SIGNS_BOTH)
                return false;
        for (size_t i = 0; i < group->n_scores; i++) {
                const DecayScore *score = &group->scores[i];
                DecayScore uncapped = { .decay = score->decay, .events = score->events, .n_events = score->n_events };

                if (!is_halving(score) || (life_s != 0 && life_s != score->decay.half_life_s) ||
                        decay_sum(&uncapped, now_s) != score->now_mp)
                        return false;
                life_s = score->decay.half_life_s;
                for (size_t j = 0; j < score->n_events; j++)
                        if (score->events[j].leaves_us != INT64_MAX || score->events[j].time_s > now_s)
                                return false;
                n_events += (int64_t) score->n_events;
        }
        *ret_margin_mp = n_events + 1;
        return true;
}

int64_t decay_next_crossing(const DecayGroup *group, int64_t now_us, int64_t bound_mp) {
        Crossing crossing = { .group = group, .bound_mp = bound_mp, .now_s = now_us / US_PER_SECOND };
        int64_t value_mp = clamp_group(group, group->total_mp), margin_mp, found_s;

        crossing.falling = value_mp >= bound_mp;
        if (is_one_sum(group, crossing.now_s, &margin_mp)) {
                Crossing sum = crossing;

                /* Up to where rounding could make the difference. Nearer than that, the bounds decide. */
                sum.signs = SIGNS_BOTH;
                sum.bound_mp += sum.falling ? margin_mp : -margin_mp;
                if (!is_across(&sum, value_mp)) {
                        found_s = find_crossing(&sum);
                        return found_s == INT64_MAX ? TIME_NONE : found_s * US_PER_SECOND;
                }
        }
        crossing.signs = crossing.falling ? SIGNS_POSITIVE : SIGNS_NEGATIVE;
        found_s = find_crossing(&crossing);
        return found_s == INT64_MAX ? TIME_NONE : first_leave(group, now_us, found_s);
}
