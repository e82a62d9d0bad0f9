/* SPDX-License-Identifier: MIT */
/*
 * What one score gives one lead.
 *
 * Points of activities are sums of integers over a set, so neither the order in which events arrived nor the moment at which they are
 * added up shows. `per` and `points` take the newest activity (policy_is_newer) for the same reason.
 * Which half-life applies is the score's own `fade`, else the group's `half_life`.
 */
#include "score.h"
#include <errno.h>

static Decay decay_of(const ScoreBody *score) {
        if (score->fade.fade_every_s > 0)
                return score->fade;
        return (Decay){ .half_life_s = score->public.group->half_life.us / US_PER_SECOND };
}

/* Do its points change by themselves? */
static bool falls(const ScoreBody *score, const Decay *decay) {
        return decay->fade_every_s > 0 || decay->half_life_s > 0 || score->on->within_us > 0;
}

static int64_t clamp_sum(__int128 sum, int64_t cap_mp) {
        __int128 limit = cap_mp > 0 ? cap_mp : DECAY_SUM_MAX;

        return (int64_t) (sum > limit ? limit : sum < -limit ? -limit : sum);
}

/* ---- on ---- */

typedef struct Award {
        const Activity *newest;
        __int128 before, after;
        int64_t now_s;
        const Did *on;
        Decay decay;
        bool collect;
        DecayEvent *events;
        size_t n_events, capacity;
} Award;

static int award_add(Eval *eval, Award *award, const Activity *activity, int64_t weight_mp) {
        int64_t time_s = eval_whole_seconds(activity->time_us);
        double factor = eval_history_factor(eval, &award->decay, activity);

        if (eval_is_newer(activity, award->newest))
                award->newest = activity;
        award->before += weight_mp;
        award->after += decay_apply_factor(&award->decay, weight_mp, award->now_s - time_s, factor);
        if (!award->collect || weight_mp == 0)
                return 0;
        if (award->n_events == award->capacity) {
                size_t capacity = award->capacity ? award->capacity * 2 : 8;
                DecayEvent *events = ARENA_ARRAY(eval->arena, DecayEvent, capacity);

                if (!events)
                        return -ENOMEM;
                if (award->n_events > 0)
                        memcpy(events, award->events, award->n_events * sizeof(*events));
                award->events = events;
                award->capacity = capacity;
        }
        award->events[award->n_events++] = (DecayEvent){ .time_s = time_s,
                .weight_mp = weight_mp,
                .leaves_us = eval_did_leaves(award->on, activity),
                .points = decay_points(&award->decay, weight_mp, award->now_s - time_s, factor) };
        return 0;
}

static int64_t local_day(const Eval *eval, int64_t time_us) {
        const Settings *settings = eval->rules->settings;
        int64_t seconds = eval_whole_seconds(time_us);

        if (settings && settings->zone)
                seconds += zone_offset_seconds(settings->zone, time_us);
        return seconds / 86400 - (seconds % 86400 < 0);
}

/* What must differ between two awards; NULL where the activity does not say (all of these are one). */
static int read_per(Eval *eval, ScorePer per, const Activity *activity, const Value **ret) {
        static const Ref refs[] = {
                [PER_CAMPAIGN] = { .kind = REF_ACTIVITY_FIELD, .field = FIELD_ACTIVITY_CAMPAIGN, .fallback = FIELD_ATTRIBUTION_CAMPAIGN },
                [PER_URL] = { .kind = REF_ACTIVITY_FIELD, .field = FIELD_ACTIVITY_URL, .fallback = FIELD_ATTRIBUTION_PAGE_URL },
                [PER_ASSET] = { .kind = REF_ACTIVITY_FIELD, .field = FIELD_ACTIVITY_ASSET },
        };
        uint32_t slot;

        *ret = NULL;
        if (per == PER_DAY) {
                Value *day = ARENA_NEW(eval->arena, Value);
                if (!day)
                        return -ENOMEM;
                *day = value_integer(local_day(eval, activity->time_us));
                *ret = day;
        } else if (per != PER_EVER) {
                const Activity *outer = eval->activity;
                eval->activity = activity;
                *ret = eval_read(eval, &refs[per], NULL, &slot); /* fields only: nothing is made on the spot */
                eval->activity = outer;
        }
        return 0;
}

/* One award for each distinct value, the newest. */
static int award_per(Eval *eval, const ScoreBody *score, Award *award) {
        const Subject *subject = eval->subject;
        const Activity **newest = NULL, *activity;
        size_t n_newest = 0;
        Met met = { 0 };
        int r;

        for (size_t at = 0; (activity = eval_did_next(eval, score->on, &at));) {
                const Value *value;
                size_t *item;
                bool is_new;

                if (!newest) {
                        newest = ARENA_ARRAY(eval->arena, const Activity *, subject->n_history);
                        if (!newest)
                                return -ENOMEM;
                }
                r = read_per(eval, score->per, activity, &value);
                if (r == 0)
                        r = eval_met(eval->arena, &met, value, &is_new, &item);
                if (r < 0)
                        return r;
                if (is_new) {
                        *item = n_newest++;
                        newest[*item] = activity;
                } else if (eval_is_newer(activity, newest[*item]))
                        newest[*item] = activity;
        }
        for (size_t i = 0; i < n_newest; i++) {
                r = award_add(eval, award, newest[i], score->points_mp);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int award_all(Eval *eval, const ScoreBody *score, Award *award) {
        const Activity *newest = NULL, *activity;

        for (size_t at = 0; (activity = eval_did_next(eval, score->on, &at));) {
                if (!score->each) {
                        if (eval_is_newer(activity, newest))
                                newest = activity;
                        continue;
                }
                int64_t count = eval_history_count(eval, activity);
                if (count == 0)
                        continue;
                int r = award_add(eval, award, activity, score->points_mp * count);
                if (r < 0)
                        return r;
        }
        return newest ? award_add(eval, award, newest, score->points_mp) : 0;
}

static int evaluate_on(Eval *eval, const ScoreBody *score, bool collect, ScoreResult *ret) {
        Award award; /* field by field, for the reason of score_clear */
        int r;

        award.newest = NULL;
        award.before = award.after = 0;
        award.now_s = eval_whole_seconds(eval->subject->now_us);
        award.on = score->on;
        award.decay = decay_of(score);
        award.events = NULL;
        award.n_events = award.capacity = 0;
        award.collect = collect && falls(score, &award.decay);
        r = score->per != PER_EVENT ? award_per(eval, score, &award) : award_all(eval, score, &award);
        if (r == 0)
                r = eval->error;
        if (r < 0)
                return r;
        if (!award.newest)
                return 0;
        ret->matched = true;
        /* Points that leave are foretold by decay_next_crossing; that nothing matches any more matters to some besides. */
        if (score->is_watched && score->on->within_us > 0)
                eval_wake(eval, eval_did_leaves(score->on, award.newest));
        ret->event = award.newest->event;
        ret->before_mp = clamp_sum(award.before, 0);
        ret->after_mp = clamp_sum(award.after, score->cap_mp);
        ret->falling = (DecayScore){
                .decay = award.decay, .cap_mp = score->cap_mp, .events = award.events, .n_events = award.n_events, .now_mp = ret->after_mp
        };
        if (eval->trace) {
                for (size_t at = 0; eval_did_next(eval, score->on, &at);)
                        ret->n_counted++;
                eval_trace_separate(eval);
                text_printf(eval->trace, "%s: newest event %llu", score->on->type ? score->on->type : "activity",
                        (unsigned long long) ret->event);
        }
        return 0;
}

/* ---- the other ways ---- */

static void trace_field(Eval *eval, const ScoreBody *score, const Value *value) {
        if (!eval->trace)
                return;
        eval_trace_separate(eval);
        text_printf(eval->trace, "%s ", score->field.path);
        if (value)
                text_append(eval->trace, "= ");
        eval_show_value(eval->trace, value ? value : &(Value){ 0 });
}

static const ScoreChoice *find_choice(Eval *eval, const ScoreBody *score, const Value *value, uint32_t slot) {
        if (value->type != VALUE_TEXT) {
                for (size_t i = score->n_texts; i < score->n_choices; i++)
                        if (value_equal(&score->choices[i].value, value))
                                return &score->choices[i];
                return NULL;
        }
        size_t size, low = 0, high = score->n_texts;
        const char *text = eval_fold(eval, value, slot, &size);
        Word wanted = { .text = text, .size = size };

        while (text && low < high) {
                size_t middle = low + (high - low) / 2;
                int r = condition_compare_words(&score->choices[middle].word, &wanted);

                if (r == 0)
                        return &score->choices[middle];
                if (r < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return NULL;
}

static void evaluate_field(Eval *eval, const ScoreBody *score, ScoreResult *ret) {
        Value storage;
        uint32_t slot;
        double number;
        const Value *value = eval_read(eval, &score->field, &storage, &slot);

        trace_field(eval, score, value);
        if (!value)
                return;
        if (score->kind == SCORE_MAP) {
                const ScoreChoice *choice = find_choice(eval, score, value, slot);

                ret->matched = choice;
                ret->before_mp = ret->after_mp = choice ? choice->points_mp : 0;
                return;
        }
        if (!value_as_number(value, &number))
                return;
        for (size_t i = 0; i < score->n_bands && !ret->matched; i++)
                if (number >= score->bands[i].from) {
                        ret->matched = true;
                        ret->before_mp = ret->after_mp = score->bands[i].points_mp;
                }
}

static void evaluate_best(Eval *eval, const ScoreBody *score, ScoreResult *ret) {
        for (size_t i = 0; i < score->n_best && !eval->failed; i++)
                if (eval_condition(eval, score->best[i].when) && (!ret->matched || score->best[i].points_mp > ret->after_mp)) {
                        ret->matched = true;
                        ret->before_mp = ret->after_mp = score->best[i].points_mp;
                }
}

int score_evaluate(Eval *eval, const ScoreBody *score, bool collect, ScoreResult *ret) {
        int r = 0;

        score_clear(ret);
        eval->failed = false;
        eval->note = NULL;
        if (score->kind == SCORE_INERT)
                return 0;
        if (!score->when || eval_condition(eval, score->when))
                switch (score->kind) {
                case SCORE_INERT:
                        break;
                case SCORE_POINTS:
                        ret->matched = true;
                        ret->before_mp = ret->after_mp = score->points_mp;
                        break;
                case SCORE_FUNCTION:
                        ret->before_mp = ret->after_mp = eval_function_points(eval, &score->function, &ret->matched);
                        break;
                case SCORE_MAP:
                case SCORE_BANDS:
                        evaluate_field(eval, score, ret);
                        break;
                case SCORE_ON:
                        r = evaluate_on(eval, score, collect, ret);
                        break;
                case SCORE_BEST_OF:
                        evaluate_best(eval, score, ret);
                        break;
                }
        if (eval->failed) {
                score_clear(ret);
                ret->failed = true;
        }
        ret->note = eval->note;
        return r < 0 ? r : eval->error;
}

bool score_sees_field(Eval *eval, const ScoreBody *score) {
        Value storage;
        uint32_t slot;

        if ((score->kind == SCORE_MAP || score->kind == SCORE_BANDS) && score->field.kind != REF_SOURCE && score->field.kind != REF_TEST &&
                eval_read(eval, &score->field, &storage, &slot))
                return true;
        if (eval_any_field_present(eval, score->when))
                return true;
        for (size_t i = 0; i < score->n_best; i++)
                if (eval_any_field_present(eval, score->best[i].when))
                        return true;
        return false;
}

static int score_matches(Eval *eval, const ScoreBody *score, bool *ret);

/* Was it asked at all: does its `when` hold, and did the one it stands back for not match? */
static int score_counts(Eval *eval, const ScoreBody *score, bool *ret) {
        bool beside = false;
        int r = 0;

        eval->failed = false;
        *ret = !score->when || (eval_condition(eval, score->when) && !eval->failed);
        if (*ret && score->unless)
                r = score_matches(eval, score->unless, &beside);
        *ret &= !beside;
        return r < 0 ? r : eval->error;
}

/* As it came out when the scores were judged: SCORE_UNLESS_MAX keeps this from going deep. */
static int score_matches(Eval *eval, const ScoreBody *score, bool *ret) {
        ScoreResult result = { 0 };
        int r = score_counts(eval, score, ret);

        if (r == 0 && *ret) {
                r = score_evaluate(eval, score, false, &result);
                *ret = result.matched;
        }
        return r;
}

/* Only what counts: a score that stands back for another would be taken for points that fall, and let the group seem to last. The
 * group's value is taken after min and max, which brings the moment closer, never further away. */
int score_collect_group(Eval *eval, uint32_t group, DecayGroup *ret) {
        const RuleSet *rules = eval->rules;
        DecayScore *scores = NULL;
        size_t n = 0;

        *ret = (DecayGroup){ .total_mp = eval->subject->group_mp[group] };
        for (size_t i = 0; i < rules->n_scores; i++) {
                const ScoreBody *score = (const ScoreBody *) rules->scores[i];
                Decay decay;
                ScoreResult result = { 0 };

                if (score->kind != SCORE_ON || score->public.group != &rules->groups[group])
                        continue;
                decay = decay_of(score);
                if (!falls(score, &decay))
                        continue;
                /* The condition that reads the points goes on afterwards as if nothing had been asked. */
                Text *trace = eval->trace;
                const char *note = eval->note;
                ConditionPhase phase = eval->phase;
                bool failed = eval->failed, counts = false;
                int r;
                eval->trace = NULL;
                eval->phase = PHASE_SCORE;
                r = score_counts(eval, score, &counts);
                if (r == 0 && counts)
                        r = evaluate_on(eval, score, true, &result);
                eval->trace = trace;
                eval->note = note;
                eval->phase = phase;
                eval->failed = failed;
                if (r < 0)
                        return r;
                if (result.falling.n_events == 0)
                        continue;
                if (!scores) {
                        scores = ARENA_ARRAY(eval->arena, DecayScore, rules->n_scores);
                        if (!scores)
                                return -ENOMEM;
                }
                scores[n++] = result.falling;
        }
        ret->scores = scores;
        ret->n_scores = n;
        return 0;
}
