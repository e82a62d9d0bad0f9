/* SPDX-License-Identifier: MIT */
/*
 * The fast ways of score_decay.c beside plain ones: points by doubles with the integers where it matters, crossings by a guess and a few
 * looks. Both must give what integers alone and a search by halves give, bit for bit, for any weights, ages, caps and windows.
 */
#include "test_policy_fixture.h"

#include "../../daemon/policy/condition.h"

#include <math.h>

#define NOW_S (NOW_US / US_PER_SECOND)
#define SCORES_MAX 6
#define EVENTS_MAX 12

static uint64_t random_state;
static uint64_t random_below(uint64_t n) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (random_state >> 11) % n;
}

/* ---- points -------------------------------------------------------------- */

static void decay__by_doubles__is_what_the_integers_say(void **state _unused_) {
        static const int64_t lives[] = { 1, 3, 3600, 86400, 7 * 86400, 30 * 86400, 365 * 86400, INT64_C(3155760000) };
        int n_wrong = 0;

        random_state = 88172645463325252u;
        for (int i = 0; i < 2000000; i++) {
                Decay decay = { .half_life_s = lives[random_below(ARRAY_SIZE(lives))] };
                int64_t weight = (int64_t) random_below(UINT64_C(1) << (1 + random_below(59)));
                int64_t age = (int64_t) random_below((uint64_t) decay.half_life_s * (1 + random_below(70)));

                /* Near whole half-lives small weights lie near the middle between two milli-points, where doubles are in doubt. */
                if (i % 3 == 0) {
                        weight = (int64_t) random_below(70000);
                        age = age / decay.half_life_s * decay.half_life_s + (int64_t) random_below(5) - 2;
                }
                if (age < 0)
                        age = 0;
                int64_t got = decay_apply(&decay, weight, age),
                        want = age == 0 ? weight : decay_halve_exactly(weight, age, decay.half_life_s);
                if ((got != want || decay_apply(&decay, -weight, age) != -want) && n_wrong++ < 5)
                        print_error("%lld after %lld s of %lld: got %lld, want %lld\n", (long long) weight, (long long) age,
                                (long long) decay.half_life_s, (long long) got, (long long) want);
        }
        assert_int_equal(n_wrong, 0);
}

/* Where rounding is in doubt: weights whose points lie nearer to the middle between two milli-points than doubles can tell. */
static void decay__between_two_milli_points__is_what_the_integers_say(void **state _unused_) {
        int n_near = 0, n_wrong = 0;

        random_state = 362436069u;
        for (int i = 0; i < 3000; i++) {
                Decay decay = { .half_life_s = 1 + (int64_t) random_below(365 * 86400) };
                int64_t age = (int64_t) random_below((uint64_t) decay.half_life_s);
                double factor = decay_factor(&decay, age);

                for (int64_t weight = (INT64_C(1) << 36) - 2000; weight < (INT64_C(1) << 36); weight++) {
                        double points = (double) weight * factor, rest = points - floor(points);

                        if (fabs(rest - 0.5) > 0x1p-14)
                                continue;
                        n_near++;
                        n_wrong += decay_apply(&decay, weight, age) != decay_halve_exactly(weight, age, decay.half_life_s);
                }
        }
        assert_true(n_near > 300);
        assert_int_equal(n_wrong, 0);
}

/* ---- crossings ----------------------------------------------------------- */

static int64_t plain_sum(const DecayScore *score, int64_t time_s) {
        __int128 sum = 0, limit = score->cap_mp > 0 ? score->cap_mp : DECAY_SUM_MAX;

        for (size_t i = 0; i < score->n_events; i++) {
                const DecayEvent *event = &score->events[i];
                int64_t age = time_s - event->time_s;

                if (event->leaves_us <= time_s * US_PER_SECOND)
                        continue;
                if (age > 0 && score->decay.fade_every_s == 0 && score->decay.half_life_s > 0)
                        sum += decay_halve_exactly(event->weight_mp, age, score->decay.half_life_s);
                else
                        sum += decay_apply(&score->decay, event->weight_mp, age);
        }
        return (int64_t) (sum > limit ? limit : sum < -limit ? -limit : sum);
}

static bool plain_is_across(const DecayGroup *group, int64_t time_s, bool falling, int64_t bound_mp) {
        __int128 total = group->total_mp;

        for (size_t i = 0; i < group->n_scores; i++)
                if (falling ? group->scores[i].now_mp > 0 : group->scores[i].now_mp < 0)
                        total += plain_sum(&group->scores[i], time_s) - group->scores[i].now_mp;
        total = total < group->min_mp ? group->min_mp : total > group->max_mp ? group->max_mp : total;
        return falling ? total < bound_mp : total >= bound_mp;
}

static int64_t plain_crossing(const DecayGroup *group, int64_t now_us, int64_t bound_mp) {
        int64_t total = group->total_mp < group->min_mp ? group->min_mp : group->total_mp > group->max_mp ? group->max_mp : group->total_mp;
        int64_t now_s = now_us / US_PER_SECOND, before_s = now_s, after_s, first_us;
        bool falling = total >= bound_mp;

        for (int64_t step = 1;; step *= 2) {
                if (step > INT64_C(1) << 40)
                        return TIME_NONE;
                after_s = now_s + step;
                if (plain_is_across(group, after_s, falling, bound_mp))
                        break;
                before_s = after_s;
        }
        while (after_s - before_s > 1) {
                int64_t middle_s = before_s + (after_s - before_s) / 2;

                if (plain_is_across(group, middle_s, falling, bound_mp))
                        after_s = middle_s;
                else
                        before_s = middle_s;
        }
        first_us = after_s * US_PER_SECOND;
        for (size_t i = 0; i < group->n_scores; i++)
                for (size_t j = 0; j < group->scores[i].n_events; j++) {
                        int64_t leaves_us = group->scores[i].events[j].leaves_us;

                        if (leaves_us < first_us && leaves_us > now_us && leaves_us > (after_s - 1) * US_PER_SECOND)
                                first_us = leaves_us;
                }
        return first_us;
}

static void fill_score(DecayScore *score, DecayEvent *events, int sign) {
        static const int64_t lives[] = { 86400, 30 * 86400, 30 * 86400, 90 * 86400 };
        uint64_t form = random_below(8);

        *score = (DecayScore){ .events = events, .n_events = 1 + random_below(EVENTS_MAX) };
        if (form == 0)
                score->decay =
                        (Decay){ .fade_every_s = 86400 * (int64_t) (1 + random_below(30)), .fade_percent = 1 + (int) random_below(100) };
        else if (form > 1)
                score->decay.half_life_s = lives[random_below(ARRAY_SIZE(lives))];
        if (random_below(2))
                score->cap_mp = 1000 * (int64_t) (1 + random_below(100));
        for (size_t i = 0; i < score->n_events; i++) {
                int64_t time_us = NOW_US - (int64_t) random_below(UINT64_C(100) * US_PER_DAY) +
                                  (random_below(20) ? 0 : (int64_t) random_below(UINT64_C(120) * US_PER_DAY));

                events[i] = (DecayEvent){ .time_s = time_us / US_PER_SECOND,
                        .weight_mp = sign * (int64_t) (1 + random_below(random_below(3) ? 20000 : UINT64_C(1) << 50)),
                        .leaves_us = form == 1 || random_below(6) == 0 ? time_us + (int64_t) random_below(UINT64_C(120) * US_PER_DAY)
                                                                       : INT64_MAX };
                int64_t age_s = NOW_S - events[i].time_s;
                events[i].points = decay_points(&score->decay, events[i].weight_mp, age_s, decay_factor(&score->decay, age_s));
        }
        score->now_mp = plain_sum(score, NOW_S);
}

static void crossing__by_a_guess__is_the_second_that_a_plain_search_finds(void **state _unused_) {
        int n_wrong = 0, n_found = 0;

        random_state = 2463534242u;
        for (int turn = 0; turn < 20000; turn++) {
                DecayEvent events[SCORES_MAX][EVENTS_MAX];
                DecayScore scores[SCORES_MAX];
                DecayGroup group = { .scores = scores, .n_scores = 1 + random_below(SCORES_MAX) };
                int sign = turn % 4 ? 1 : -1;

                group.min_mp = random_below(2) ? 0 : -1000000000;
                group.max_mp = random_below(2) ? 100000 : INT64_C(1000000000000000);
                group.total_mp = random_below(2) ? 0 : (int64_t) random_below(50000) - 10000;
                for (size_t i = 0; i < group.n_scores; i++) {
                        fill_score(&scores[i], events[i], sign);
                        group.total_mp += scores[i].now_mp;
                }
                int64_t span = group.total_mp < 0 ? -group.total_mp : group.total_mp;
                int64_t bound = (int64_t) random_below((uint64_t) span + 2000) * (group.total_mp < 0 ? -1 : 1) + (turn % 7 ? 0 : 1);
                int64_t got = decay_next_crossing(&group, NOW_US, bound), want = plain_crossing(&group, NOW_US, bound);
                n_found += want != TIME_NONE;
                if (got != want && n_wrong++ < 5)
                        print_error("turn %d, bound %lld of %lld: got %lld, want %lld\n", turn, (long long) bound,
                                (long long) group.total_mp, (long long) got, (long long) want);
        }
        assert_int_equal(n_wrong, 0);
        assert_true(n_found > 5000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(decay__by_doubles__is_what_the_integers_say),
                cmocka_unit_test(decay__between_two_milli_points__is_what_the_integers_say),
                cmocka_unit_test(crossing__by_a_guess__is_the_second_that_a_plain_search_finds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
