/* SPDX-License-Identifier: MIT */
/*
 * check_scores: what points can come to, and what nobody can reach: bands above all that a group's scores add up to, awards larger than
 * their cap, "exactly" where one more activity would cost points. Sums are bounds: a score counts with the most and the least it could
 * ever give, whatever its condition; a function could give anything.
 */
#include "check.h"
#include <errno.h>
#include <stdio.h>

#define UNBOUNDED_MP DECAY_SUM_MAX

/* ---- reach --------------------------------------------------------------- */

typedef struct Reach {
        int64_t least_mp, most_mp;
} Reach;

static void include(Reach *reach, int64_t points_mp) {
        if (points_mp < reach->least_mp)
                reach->least_mp = points_mp;
        if (points_mp > reach->most_mp)
                reach->most_mp = points_mp;
}

/* From nothing (it need not match) to the most and the least it can give. */
static Reach score_reach(const ScoreBody *score) {
        Reach reach = { 0 };

        switch (score->kind) {
        case SCORE_POINTS:
                if (!score->when && !score->unless)
                        reach = (Reach){ score->points_mp, score->points_mp };
                include(&reach, score->points_mp);
                break;
        case SCORE_MAP:
                for (size_t i = 0; i < score->n_choices; i++)
                        include(&reach, score->choices[i].points_mp);
                break;
        case SCORE_BANDS:
                for (size_t i = 0; i < score->n_bands; i++)
                        include(&reach, score->bands[i].points_mp);
                break;
        case SCORE_BEST_OF:
                for (size_t i = 0; i < score->n_best; i++)
                        include(&reach, score->best[i].points_mp);
                break;
        case SCORE_ON:
                if (!score->each || score->per == PER_EVER)
                        include(&reach, score->points_mp);
                else if (score->points_mp != 0)
                        include(&reach, (score->points_mp < 0 ? -1 : 1) * (score->cap_mp > 0 ? score->cap_mp : UNBOUNDED_MP));
                break;
        case SCORE_FUNCTION:
        case SCORE_INERT:
                include(&reach, UNBOUNDED_MP);
                include(&reach, -UNBOUNDED_MP);
                break;
        }
        return reach;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high) { return value < low ? low : value > high ? high : value; }

void score_group_reach(const RuleSet *rules, const Group *group, int64_t *ret_least_mp, int64_t *ret_most_mp) {
        Reach sum = { 0 };

        for (size_t i = 0; i < rules->n_scores; i++) {
                const ScoreBody *score = (const ScoreBody *) rules->scores[i];

                if (score->public.group != group)
                        continue;
                Reach reach = score_reach(score);
                sum.least_mp = clamp(sum.least_mp + reach.least_mp, -UNBOUNDED_MP, UNBOUNDED_MP);
                sum.most_mp = clamp(sum.most_mp + reach.most_mp, -UNBOUNDED_MP, UNBOUNDED_MP);
        }
        *ret_least_mp = clamp(sum.least_mp, group->min_mp, group->max_mp);
        *ret_most_mp = clamp(sum.most_mp, group->min_mp, group->max_mp);
}

static bool has_score(const RuleSet *rules, const Group *group) {
        for (size_t i = 0; i < rules->n_scores; i++)
                if (rules->scores[i]->group == group)
                        return true;
        return false;
}

/* ---- bands --------------------------------------------------------------- */

static void check_grade_bands(Load *load, const char *name, const Band *bands, size_t n) {
        const Group *group = (const Group *) (const void *) load_find(load, RULE_GROUP, name);
        int64_t least_mp, most_mp;

        if (!group || !has_score(load->loader.rules, group))
                return;
        score_group_reach(load->loader.rules, group, &least_mp, &most_mp);
        for (size_t i = 0; i < n; i++) {
                double from = (double) bands[i].from_mp / 1000;

                if (bands[i].from_mp > group->max_mp)
                        loader_warning(&load->loader, "\"%s\": nobody reaches %s: it begins at %.12g, and the group ends at %.12g", name,
                                bands[i].name, from, (double) group->max_mp / 1000);
                else if (bands[i].from_mp > most_mp)
                        loader_warning(&load->loader,
                                "\"%s\": nobody reaches %s: it begins at %.12g, and all scores of the group together give at most %.12g",
                                name, bands[i].name, from, (double) most_mp / 1000);
                else if (i > 0 && bands[i - 1].from_mp <= least_mp)
                        loader_warning(&load->loader, "\"%s\": nobody is in %s: %s begins at %.12g, and nobody has less than %.12g", name,
                                bands[i].name, bands[i - 1].name, (double) bands[i - 1].from_mp / 1000, (double) least_mp / 1000);
        }
}

/* ---- one score ----------------------------------------------------------- */

/* More than the group holds: whoever gets it has them all, and what distinguishes it from less is lost. */
static void check_award(Load *load, const ScoreBody *score, const char *what, int64_t points_mp) {
        const Group *group = score->public.group;

        if (points_mp > group->max_mp - group->min_mp && points_mp > group->max_mp)
                loader_warning(&load->loader, "%s gives %.12g points, and the group \"%s\" ends at %.12g", what, (double) points_mp / 1000,
                        group->rule.name, (double) group->max_mp / 1000);
}

static void check_awards(Load *load, const ScoreBody *score) {
        for (size_t i = 0; i < score->n_choices; i++)
                check_award(load, score, score->choices[i].word.text ? score->choices[i].word.written : "map", score->choices[i].points_mp);
        for (size_t i = 0; i < score->n_bands; i++) {
                char what[40];
                (void) snprintf(what, sizeof(what), "bands[%zu]", i + 1);
                check_award(load, score, what, score->bands[i].points_mp);
        }
        if (score->kind == SCORE_ON || score->kind == SCORE_POINTS)
                check_award(load, score, score->each ? "each" : "it", score->points_mp);
        if (score->cap_mp > 0 && (score->points_mp < 0 ? -score->points_mp : score->points_mp) > score->cap_mp) {
                double sign = score->points_mp < 0 ? -1 : 1;
                loader_warning(&load->loader,
                        "each = %.12g is more than its cap = %.12g: the first gives all there is; write each = %.12g, or a larger cap",
                        (double) score->points_mp / 1000, sign * (double) score->cap_mp / 1000, sign * (double) score->cap_mp / 1000);
        }
}

/* ---- exactly ------------------------------------------------------------- */

static const char *times_text(int64_t n, char buf[static 32]) {
        static const char *const words[] = { "none", "one", "two", "three" };

        if (n >= 0 && n < (int64_t) ARRAY_SIZE(words))
                return words[n];
        (void) snprintf(buf, 32, "%lld", (long long) n);
        return buf;
}

/* Does another entry give at least as much once there is one more? */
static bool more_is_covered(Solver *solver, const ScoreBody *score, size_t entry, const Did *did) {
        for (size_t i = 0; i < score->n_best; i++) {
                const Condition *when = score->best[i].when;

                if (i != entry && score->best[i].percent_m >= score->best[entry].percent_m && when->type == NODE_DID &&
                        when->did->exactly < 0 && when->did->at_least <= did->exactly + 1 && !when->did->distinct && !did->distinct &&
                        solver_did_within(solver, did, when->did))
                        return true;
        }
        return false;
}

static void find_exactly(Load *load, Solver *solver, const ScoreBody *score, size_t entry, const char *where, const Condition *condition) {
        const RuleSet *rules = load->loader.rules;
        char less[32], more[32];

        if (!condition)
                return;
        switch (condition->type) {
        case NODE_DID: {
                const Did *did = condition->did;
                if (did->exactly < 1 || (entry != SIZE_MAX && more_is_covered(solver, score, entry, did)))
                        return;
                loader_warning(&load->loader, "%s: exactly = %lld: %s such activities score less than %s; at_least = %lld is usually meant",
                        where, (long long) did->exactly, times_text(did->exactly + 1, more), times_text(did->exactly, less),
                        (long long) did->exactly);
                return;
        }
        case NODE_MATCH:
                /* A segment's condition is a part of the score's. */
                for (size_t i = 0; condition->ref.kind == REF_SEGMENT && i < condition->matcher->n_segments; i++) {
                        const Segment *segment = &rules->segments[condition->matcher->segments[i]];
                        char place[2 * POLICY_NAME_SIZE_MAX];
                        (void) snprintf(place, sizeof(place), "%s, segment \"%s\"", where, segment->rule.name);
                        find_exactly(load, solver, score, SIZE_MAX, place, segment->when);
                }
                return;
        case NODE_ALL:
        case NODE_ANY:
                for (uint32_t i = 0; i < condition->n_children; i++)
                        find_exactly(load, solver, score, SIZE_MAX, where, &condition->children[i]);
                return;
        case NODE_NONE:
        case NODE_FUNCTION:
                return;
        }
}

static void check_exactly(Load *load, Solver *solver, const ScoreBody *score) {
        int64_t points_mp = score->kind == SCORE_POINTS || score->kind == SCORE_ON ? score->points_mp : 1;

        /* What costs points may stop costing them. */
        if (points_mp > 0)
                find_exactly(load, solver, score, SIZE_MAX, "when", score->when);
        for (size_t i = 0; i < score->n_best; i++) {
                char where[40];
                (void) snprintf(where, sizeof(where), "best_of[%zu]", i + 1);
                if (score->best[i].percent_m > 0)
                        find_exactly(load, solver, score, i, where, score->best[i].when);
        }
}

/* ---- all ----------------------------------------------------------------- */

void check_scores(Load *load, Solver *solver) {
        const RuleSet *rules = load->loader.rules;

        for (size_t i = 0; i < rules->n_scores; i++) {
                const ScoreBody *score = (const ScoreBody *) rules->scores[i];

                load->loader.rule = &score->public.rule;
                check_awards(load, score);
                check_exactly(load, solver, score);
        }
        for (size_t i = 0; i < rules->n_groups; i++) {
                const char *name = rules->groups[i].rule.name;

                load->loader.rule = &rules->groups[i].rule;
                /* A grade wants fit and engagement, as do lists, and a small house may score by one of them. */
                if (!has_score(rules, &rules->groups[i]) && !base_streq(name, "fit") && !base_streq(name, "engagement"))
                        loader_warning(&load->loader, "no score is in it: it is always %.12g",
                                (double) clamp(0, rules->groups[i].min_mp, rules->groups[i].max_mp) / 1000);
        }
        if (rules->grade) {
                load->loader.rule = &rules->grade->rule;
                check_grade_bands(load, "fit", rules->grade->fit, rules->grade->n_fit);
                check_grade_bands(load, "engagement", rules->grade->engagement, rules->grade->n_engagement);
        }
}
