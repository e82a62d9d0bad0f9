/* SPDX-License-Identifier: MIT */
/*
 * Segments, scores, groups, grade: in this order, each once, for one lead at one instant.
 *
 * A phase reads earlier phases only. Within the scores, those that wait for another (`unless`) come after it; receipts are in the
 * order of declaration all the same. It decides nothing: moves, owners and times are the decide room's.
 */
#include "score.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

int receipts_add(Receipts *receipts, Arena *arena, Receipt receipt) {
        if (receipts->n_items == receipts->capacity) {
                size_t capacity = receipts->capacity ? receipts->capacity * 2 : 16;
                Receipt *items = ARENA_ARRAY(arena, Receipt, capacity);

                if (!items)
                        return -ENOMEM;
                if (receipts->n_items > 0)
                        memcpy(items, receipts->items, receipts->n_items * sizeof(*items));
                receipts->items = items;
                receipts->capacity = capacity;
        }
        receipts->items[receipts->n_items++] = receipt;
        return 0;
}

/* The work of one policy_judge. */
typedef struct Judging {
        Eval eval;
        RuleSet *rules;
        Subject *subject;
        Receipts *receipts; /* NULL = nobody asks */
        Text trace;
        int64_t raw_mp[POLICY_GROUPS_MAX]; /* before min and max */
        bool group_matched[POLICY_GROUPS_MAX];
        const Group *fit, *engagement;
        DecayScore *falling[2]; /* of fit, of engagement */
        size_t n_falling[2];
        uint64_t matched[POLICY_RULES_MAX / 64]; /* scores, for unless */
        bool timed;
        Stopwatch watch;
} Judging;

static void time_rule(Judging *judging, const Rule *rule) {
        if (judging->timed)
                stopwatch_lap(&judging->watch, policy_body(judging->rules), rule->index);
}

/* Most rules do not match: nothing is put together for them. */
static inline bool wants_receipt(const Judging *judging, bool matched, bool failed) {
        return judging->receipts && (matched || failed || judging->receipts->all);
}

static int add_receipt(Judging *judging, Receipt receipt) {
        if (!wants_receipt(judging, receipt.matched, receipt.failed))
                return 0;
        if (judging->eval.trace) {
                if (judging->trace.error < 0)
                        return judging->trace.error;
                receipt.trace = arena_strndup(judging->eval.arena, judging->trace.data ? judging->trace.data : "", judging->trace.size);
                if (!receipt.trace)
                        return -ENOMEM;
        }
        return receipts_add(judging->receipts, judging->eval.arena, receipt);
}

static void begin_rule(Judging *judging) {
        judging->eval.failed = false;
        judging->eval.note = NULL;
        if (judging->eval.trace)
                text_clear(&judging->trace);
}

/* ---- segments ---- */

static int judge_segments(Judging *judging) {
        Eval *eval = &judging->eval;
        size_t n = judging->rules->n_segments < POLICY_SEGMENTS_MAX ? judging->rules->n_segments : POLICY_SEGMENTS_MAX;

        for (size_t i = 0; i < n; i++) {
                const Segment *segment = &judging->rules->segments[i];

                begin_rule(judging);
                bool inside = eval_condition(eval, segment->when) && !eval->failed;
                if (eval->error < 0)
                        return eval->error;
                if (inside)
                        judging->subject->segments[i / 64] |= UINT64_C(1) << (i % 64);
                if (wants_receipt(judging, inside, eval->failed)) {
                        int r = add_receipt(judging,
                                (Receipt){ .rule = &segment->rule, .matched = inside, .failed = eval->failed, .note = eval->note });
                        if (r < 0)
                                return r;
                }
                time_rule(judging, &segment->rule);
        }
        return 0;
}

/* ---- scores ---- */

static int keep_falling(Judging *judging, int dimension, const DecayScore *falling) {
        if (!judging->falling[dimension]) {
                judging->falling[dimension] = ARENA_ARRAY(judging->eval.arena, DecayScore, judging->rules->n_scores);
                if (!judging->falling[dimension])
                        return -ENOMEM;
        }
        judging->falling[dimension][judging->n_falling[dimension]++] = *falling;
        return 0;
}

static int judge_score(Judging *judging, const ScoreBody *score) {
        const Group *group = score->public.group;
        ptrdiff_t place = group - judging->rules->groups;
        bool is_graded = group == judging->fit || group == judging->engagement;
        ScoreResult result;
        int r;

        begin_rule(judging);
        if (score->unless && judging->matched[score->unless->place / 64] >> (score->unless->place % 64) & 1) {
                score_clear(&result);
                if (judging->eval.trace)
                        text_printf(&judging->trace, "not beside %s", score->unless->public.rule.name);
        } else {
                r = score_evaluate(&judging->eval, score, is_graded, &result);
                if (r < 0)
                        return r;
        }
        if (result.matched) {
                judging->matched[score->place / 64] |= UINT64_C(1) << (score->place % 64);
                judging->raw_mp[place] += result.after_mp; /* at most POLICY_RULES_MAX times DECAY_SUM_MAX: no overflow */
                judging->group_matched[place] = true;
                judging->subject->fit_known |= group == judging->fit;
        }
        if (is_graded && result.falling.n_events > 0) {
                r = keep_falling(judging, group == judging->engagement, &result.falling);
                if (r < 0)
                        return r;
        }
        if (!wants_receipt(judging, result.matched, result.failed))
                return 0;
        return add_receipt(judging, (Receipt){ .rule = &score->public.rule,
                                            .matched = result.matched,
                                            .failed = result.failed,
                                            .points_mp = result.after_mp,
                                            .before_mp = result.before_mp,
                                            .after_mp = result.after_mp,
                                            .event = result.event,
                                            .n_counted = result.n_counted,
                                            .note = result.note });
}

/* In the order of declaration; the few that stand out of it are moved. */
static void sort_receipts(Receipts *receipts, size_t from) {
        for (size_t i = from + 1; i < receipts->n_items; i++) {
                Receipt receipt = receipts->items[i];
                size_t at = i;

                for (; at > from && receipts->items[at - 1].rule->index > receipt.rule->index; at--)
                        receipts->items[at] = receipts->items[at - 1];
                receipts->items[at] = receipt;
        }
}

static int judge_scores(Judging *judging) {
        size_t first_receipt = judging->receipts ? judging->receipts->n_items : 0;
        bool deeper = true;

        for (uint32_t level = 0; deeper; level++) {
                deeper = false;
                for (size_t i = 0; i < judging->rules->n_scores; i++) {
                        const ScoreBody *score = (const ScoreBody *) judging->rules->scores[i];

                        deeper |= score->level > level;
                        if (score->level != level)
                                continue;
                        int r = judge_score(judging, score);
                        if (r < 0)
                                return r;
                        time_rule(judging, &score->public.rule);
                }
                if (level > 0 && !deeper && judging->receipts)
                        sort_receipts(judging->receipts, first_receipt);
        }
        /* No fit rule hit: the lead may still be known, and be no fit. */
        for (size_t i = 0; judging->fit && !judging->subject->fit_known && i < judging->rules->n_scores; i++) {
                const ScoreBody *score = (const ScoreBody *) judging->rules->scores[i];

                if (score->public.group == judging->fit)
                        judging->subject->fit_known = score_sees_field(&judging->eval, score);
        }
        return 0;
}

/* ---- groups ---- */

static int judge_groups(Judging *judging) {
        for (size_t i = 0; i < judging->rules->n_groups && i < POLICY_GROUPS_MAX; i++) {
                const Group *group = &judging->rules->groups[i];
                int64_t raw_mp = judging->raw_mp[i], value_mp = raw_mp < group->min_mp   ? group->min_mp
                                                                : raw_mp > group->max_mp ? group->max_mp
                                                                                         : raw_mp;

                judging->subject->group_mp[i] = value_mp;
                /* Without this receipt the scores would not add up to what the lead shows. */
                if (judging->receipts && (judging->receipts->all || (value_mp != raw_mp && judging->group_matched[i]))) {
                        begin_rule(judging);
                        int r = add_receipt(judging, (Receipt){ .rule = &group->rule,
                                                             .matched = value_mp != raw_mp || judging->group_matched[i],
                                                             .points_mp = value_mp,
                                                             .before_mp = raw_mp,
                                                             .after_mp = value_mp });
                        if (r < 0)
                                return r;
                }
        }
        judging->subject->fit_mp = judging->fit ? judging->subject->group_mp[judging->fit - judging->rules->groups] : 0;
        judging->subject->engagement_mp =
                judging->engagement ? judging->subject->group_mp[judging->engagement - judging->rules->groups] : 0;
        return 0;
}

/* ---- grade ---- */

/* The place of the band whose name is the size bytes at name; n when there is none. */
static size_t find_band(const Band *bands, size_t n, const char *name, size_t size) {
        size_t i = 0;

        while (i < n && !(strlen(bands[i].name) == size && memcmp(bands[i].name, name, size) == 0))
                i++;
        return i;
}

/* Takes "A1" apart. A dimension that cannot be read (another rule set, "?") gives n: it was in no band. */
static void split_prior(const Grade *grade, const char *prior, size_t *ret_fit, size_t *ret_engagement) {
        *ret_fit = grade->n_fit;
        *ret_engagement = grade->n_engagement;
        if (!prior || !*prior)
                return;
        for (size_t i = 0; i <= grade->n_fit; i++) {
                const char *letter = i < grade->n_fit ? grade->fit[i].name : "?";
                size_t size = strlen(letter);

                if (strncmp(prior, letter, size) != 0)
                        continue;
                size_t j = find_band(grade->engagement, grade->n_engagement, prior + size, strlen(prior + size));
                if (j < grade->n_engagement || prior[size] == '\0') {
                        *ret_fit = i;
                        *ret_engagement = j;
                        return;
                }
        }
}

/* The band for value, highest first; the last takes whatever is below. A band is left downwards only below its bound less `leave`,
 * whether the points sank there slowly or at once: every band on the way down is held just as long as the first. */
static size_t choose_band(const Band *bands, size_t n, size_t prior, int64_t value_mp, int64_t leave_mp) {
        size_t plain = 0;

        while (plain + 1 < n && value_mp < bands[plain].from_mp)
                plain++;
        for (size_t held = prior; held < plain; held++)
                if (value_mp >= bands[held].from_mp - leave_mp)
                        return held;
        return plain;
}

/* When will points alone move the lead out of the band? */
static void wake_band(Judging *judging, const Group *group, int dimension, const Band *bands, size_t n, size_t at, int64_t leave_mp) {
        DecayGroup decay;
        size_t place;

        if (!group || judging->n_falling[dimension] == 0)
                return;
        place = (size_t) (group - judging->rules->groups);
        decay = (DecayGroup){ .total_mp = judging->raw_mp[place],
                .min_mp = group->min_mp,
                .max_mp = group->max_mp,
                .scores = judging->falling[dimension],
                .n_scores = judging->n_falling[dimension] };
        if (at + 1 < n)
                eval_wake(&judging->eval, decay_next_crossing(&decay, judging->subject->now_us, bands[at].from_mp - leave_mp));
        if (at > 0)
                eval_wake(&judging->eval, decay_next_crossing(&decay, judging->subject->now_us, bands[at - 1].from_mp));
}

static int grade_receipt(Judging *judging, const Grade *grade, size_t prior_fit, size_t fit, size_t prior_engagement, size_t engagement) {
        const Subject *subject = judging->subject;
        bool changed = !base_streq(subject->grade, subject->prior_grade ? subject->prior_grade : "");
        const char *note = NULL;

        if (!judging->receipts || (!changed && !judging->receipts->all))
                return 0;
        begin_rule(judging);
        if (changed) {
                note = arena_printf(judging->eval.arena, "%s -> %s",
                        subject->prior_grade && *subject->prior_grade ? subject->prior_grade : "none", subject->grade);
                if (!note)
                        return -ENOMEM;
        }
        if (judging->eval.trace) {
                if (subject->fit_known)
                        text_printf(&judging->trace, "fit = %g%s; ", (double) subject->fit_mp / 1000.0,
                                fit == prior_fit && fit < grade->n_fit && subject->fit_mp < grade->fit[fit].from_mp ? ", kept by leave"
                                                                                                                    : "");
                else
                        text_append(&judging->trace, "fit unknown; ");
                text_printf(&judging->trace, "engagement = %g%s", (double) subject->engagement_mp / 1000.0,
                        engagement == prior_engagement && engagement < grade->n_engagement &&
                                        subject->engagement_mp < grade->engagement[engagement].from_mp
                                ? ", kept by leave"
                                : "");
        }
        return add_receipt(judging, (Receipt){ .rule = &grade->rule, .matched = true, .note = note });
}

static int judge_grade(Judging *judging) {
        const Grade *grade = judging->rules->grade;
        Subject *subject = judging->subject;
        size_t prior_fit, prior_engagement, fit = 0, engagement = 0;

        if (!grade)
                return 0;
        split_prior(grade, subject->prior_grade, &prior_fit, &prior_engagement);
        if (subject->fit_known && grade->n_fit > 0) {
                fit = choose_band(grade->fit, grade->n_fit, prior_fit, subject->fit_mp, grade->leave_mp);
                wake_band(judging, judging->fit, 0, grade->fit, grade->n_fit, fit, grade->leave_mp);
        }
        if (grade->n_engagement > 0) {
                engagement = choose_band(grade->engagement, grade->n_engagement, prior_engagement, subject->engagement_mp, grade->leave_mp);
                wake_band(judging, judging->engagement, 1, grade->engagement, grade->n_engagement, engagement, grade->leave_mp);
        }
        snprintf(subject->grade, sizeof(subject->grade), "%s%s",
                !subject->fit_known ? "?"
                : grade->n_fit > 0  ? grade->fit[fit].name
                                    : "",
                grade->n_engagement > 0 ? grade->engagement[engagement].name : "");
        return grade_receipt(judging, grade, prior_fit, fit, prior_engagement, engagement);
}

/* ---- all of it ---- */

static const Group *find_group(const RuleSet *rules, const char *name) {
        for (size_t i = 0; i < rules->n_groups && i < POLICY_GROUPS_MAX; i++)
                if (base_streq(rules->groups[i].rule.name, name))
                        return &rules->groups[i];
        return NULL;
}

int policy_judge(RuleSet *rules, Subject *subject, Arena *arena, Receipts *receipts) {
        Judging judging;
        int r;

        subject->serial = ++policy_body(rules)->last_serial;
        memset(subject->segments, 0, sizeof(subject->segments));
        memset(subject->group_mp, 0, sizeof(subject->group_mp));
        subject->fit_mp = subject->engagement_mp = 0;
        subject->grade[0] = '\0';
        subject->fit_known = false;
        subject->next_change_us = TIME_NONE;

        subject->cache = cache_new(rules, subject, arena);
        if (!subject->cache)
                return -ENOMEM;
        eval_init(&judging.eval, rules, subject, arena, PHASE_SEGMENT);
        judging.rules = rules;
        judging.subject = subject;
        judging.receipts = receipts;
        judging.timed = cost_is_sampled(subject);
        if (judging.timed)
                stopwatch_start(&judging.watch);
        judging.trace = (Text){ 0 };
        if (receipts && receipts->trace)
                judging.eval.trace = &judging.trace;
        memset(judging.raw_mp, 0, sizeof(judging.raw_mp));
        memset(judging.group_matched, 0, sizeof(judging.group_matched));
        memset(judging.matched, 0, (rules->n_scores + 63) / 64 * sizeof(judging.matched[0]));
        memset(judging.n_falling, 0, sizeof(judging.n_falling));
        judging.falling[0] = judging.falling[1] = NULL;
        judging.fit = find_group(rules, "fit");
        judging.engagement = find_group(rules, "engagement");

        r = judge_segments(&judging);
        judging.eval.phase = PHASE_SCORE;
        if (r == 0)
                r = judge_scores(&judging);
        if (r == 0)
                r = judge_groups(&judging);
        if (judging.timed)
                stopwatch_start(&judging.watch);
        if (r == 0)
                r = judge_grade(&judging);
        if (rules->grade)
                time_rule(&judging, &rules->grade->rule);
        if (r == 0)
                r = judging.eval.error;
        subject->next_change_us = judging.eval.next_us;
        text_free(&judging.trace);
        return r;
}

/* Another number: the table that functions are given is known by it. Not 0, with which nothing is timed before a function runs. */
void policy_moved(RuleSet *rules, Subject *subject) { subject->serial = ++policy_body(rules)->last_serial; }
