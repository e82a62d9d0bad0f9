/* SPDX-License-Identifier: MIT */
/*
 * need, from the question to the answer: what a grade or a status asks for (scores; the moves on the ways there with their
 * conditions, needs and fences), the instants to try, and the sets in words. need.c tries and combines.
 */
#include "need.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define PLAN_VISITS_MAX 50000 /* moves looked at for the ways to a status */
#define AUTOMATIC_SETS 6      /* of NEED_SETS_MAX, when there are ways of people as well */
#define GRADE_SETS 6          /* for each grade that a move's condition names */

/* ---- the pool ---- */

/* What was suggested since n_items was 0 becomes items of the pool. */
static void pool_take(Needing *needing, const Rule *rule) {
        needing->suggestions.is_full |= needing->suggestions.n_items > NEED_POOL_MAX - needing->n_pool;
        for (size_t i = 0; i < needing->suggestions.n_items && needing->n_pool < NEED_POOL_MAX; i++) {
                PoolItem item = { .set = needing->suggestions.items[i], .rule = rule };
                for (size_t k = 0; k < item.set.n_parts; k++)
                        item.changes |= needing->suggestions.additions[item.set.parts[k]].is_change;
                needing->pool[needing->n_pool++] = item;
        }
        needing->suggestions.n_items = 0;
}

static void pool_add(Needing *needing, const Suggestion *set) {
        PoolItem item = { .set = *set };

        for (size_t i = 0; i < needing->n_pool; i++)
                if (suggestion_is_same(&needing->pool[i].set, set))
                        return;
        for (size_t i = 0; i < set->n_parts; i++)
                item.changes |= needing->suggestions.additions[set->parts[i]].is_change;
        if (needing->n_pool < NEED_POOL_MAX)
                needing->pool[needing->n_pool++] = item;
        else
                needing->suggestions.is_full = true;
}

/* Where two items exclude each other (two numbers of one field, beside other parts), the parts of both with the one or the other; a second
 * time for two fields. */
static void pool_settle(Needing *needing) {
        for (size_t round = 0, n_before = 0, n = needing->n_pool; round < 2; round++, n_before = n, n = needing->n_pool)
                for (size_t i = 0; i < n; i++)
                        for (size_t k = i + 1 > n_before ? i + 1 : n_before; k < n; k++) {
                                const Suggestion *a = &needing->pool[i].set, *b = &needing->pool[k].set;
                                Suggestion both;
                                unsigned excluded, again;
                                if (a->n_parts == 1 && b->n_parts == 1)
                                        continue;
                                bool fits = suggestion_unite(&needing->suggestions, a, b, 0, &both, &excluded);
                                if (fits && excluded != 0)
                                        pool_add(needing, &both);
                                for (unsigned second = excluded; second > 0; second = (second - 1) & excluded)
                                        if (suggestion_unite(&needing->suggestions, a, b, second, &both, &again))
                                                pool_add(needing, &both);
                        }
}

static bool is_below(const Needing *needing, const NeedTarget *target, uint32_t group, const Tried *base) {
        const char *name = needing->rules->groups[group].rule.name;

        if (target->from_mp[group] != INT64_MIN)
                return base->raw_mp[group] < target->from_mp[group] + (needing->rules->grade ? needing->rules->grade->leave_mp : 0);
        /* Nothing is asked of the points, but the letter must be known at all. */
        return target->kind == TARGET_GRADE && base_streq(name, "fit") && base->grade[0] == '?';
}

/* Everything that may give points in the groups that fall short. */
static int pool_scores(Needing *needing, const NeedTarget *target, const Tried *base) {
        const RuleSet *rules = needing->rules;

        for (size_t i = 0; i < rules->n_scores; i++) {
                const Score *score = rules->scores[i];
                if (!is_below(needing, target, (uint32_t) (score->group - rules->groups), base))
                        continue;
                int r = policy_suggest_score(needing->rules, score, &needing->subject, needing->arena, &needing->suggestions);
                if (r < 0)
                        return r;
                pool_take(needing, &score->rule);
        }
        return 0;
}

static void weigh(Needing *needing) { needing->look_weight = 1 + NEED_FUNCTION_LOOKS * (needing->suggestions.n_functions > 0); }

/* ---- instants ---- */

/* Now, then those at which something changes by itself, then the last; ascending. */
static int find_moments(Needing *needing, int64_t within_us, int64_t ret[static NEED_MOMENTS_MAX + 2], size_t *ret_n) {
        static const Suggestion nothing = { .n_parts = 0 };
        int64_t now_us = needing->input->now_us, last_us;
        Tried tried;

        *ret_n = 0;
        ret[(*ret_n)++] = now_us;
        if (within_us <= 0)
                return 0;
        if (__builtin_add_overflow(now_us, within_us, &last_us))
                last_us = INT64_MAX;
        for (int64_t at_us = now_us; *ret_n <= NEED_MOMENTS_MAX;) {
                int r = need_try(needing, &nothing, at_us, NULL, &tried);
                if (r < 0)
                        return r;
                if (tried.wake_us == TIME_NONE || tried.wake_us <= at_us || tried.wake_us >= last_us)
                        break;
                at_us = ret[(*ret_n)++] = tried.wake_us;
        }
        ret[(*ret_n)++] = last_us;
        return 0;
}

/* ---- what is out of reach ---- */

static int note_limit(Needing *needing, NeedAnswer *answer, const char *format, ...) _printf_(3, 4);
static int note_limit(Needing *needing, NeedAnswer *answer, const char *format, ...) {
        const char **limits = (const char **) answer->limits;
        Text text = { 0 };
        va_list args;

        va_start(args, format);
        text_vprintf(&text, format, args);
        va_end(args);
        if (answer->n_limits < POLICY_GROUPS_MAX)
                limits[answer->n_limits++] = text.error < 0 ? NULL : arena_strndup(needing->arena, text.data, text.size);
        bool failed = text.error < 0 || !limits[answer->n_limits - 1];
        text_free(&text);
        return failed ? -ENOMEM : 0;
}

/* What the best of every score together come to. */
static int note_limits(Needing *needing, const NeedTarget *target, NeedAnswer *answer) {
        const RuleSet *rules = needing->rules;

        for (size_t g = 0; g < rules->n_groups && g < POLICY_GROUPS_MAX; g++) {
                const Group *group = &rules->groups[g];
                int64_t sum_mp = needing->base.raw_mp[g];
                bool all = true;
                int r = 0;
                if (target->asked_mp[g] == INT64_MIN || needing->base.raw_mp[g] >= target->asked_mp[g])
                        continue;
                for (size_t i = 0; i < rules->n_scores; i++) {
                        int64_t best_mp = 0;
                        for (size_t k = 0; k < needing->n_pool; k++)
                                if (needing->pool[k].rule == &rules->scores[i]->rule && needing->pool[k].delta_mp[g] > best_mp)
                                        best_mp = needing->pool[k].delta_mp[g];
                        sum_mp += best_mp;
                }
                for (size_t i = 0; i < needing->suggestions.n_functions; i++)
                        all &= needing->suggestions.functions[i]->kind != RULE_SCORE;
                if (group->max_mp < target->asked_mp[g])
                        r = note_limit(needing, answer, "%s ends at %.15g points, and %.15g are asked for", group->rule.name,
                                (double) group->max_mp / 1000, (double) target->asked_mp[g] / 1000);
                else if (sum_mp < target->asked_mp[g])
                        r = note_limit(needing, answer, "%s has %.15g points and reaches %.15g at most%s, and %.15g are asked for",
                                group->rule.name, (double) needing->base.raw_mp[g] / 1000, (double) sum_mp / 1000,
                                all ? "" : " by what can be searched", (double) target->asked_mp[g] / 1000);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- a grade ---- */

static int search_moments(Needing *needing, const int64_t *moments, size_t n) {
        for (size_t i = 0; i < n; i++) {
                int r = need_search(needing, moments[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int need_grade(Needing *needing, const NeedGoal *goal, NeedAnswer *answer) {
        static const Suggestion nothing = { .n_parts = 0 };
        int64_t moments[NEED_MOMENTS_MAX + 2];
        size_t n_moments;
        NeedTarget *target = ARENA_NEW(needing->arena, NeedTarget);
        Tried base;

        if (!target)
                return -ENOMEM;
        int r = need_target_grade(needing, goal->grade, target);
        if (r != 0)
                return r;
        needing->target = target;
        r = need_try(needing, &nothing, needing->input->now_us, NULL, &base);
        if (r < 0)
                return r;
        if (base.reached) {
                answer->is_so = true;
                answer->text = base_streq(base.grade, goal->grade) ? arena_printf(needing->arena, "it is %s already", base.grade)
                                                                   : arena_printf(needing->arena, "it is %s, which is no less", base.grade);
                return answer->text ? 0 : -ENOMEM;
        }
        r = pool_scores(needing, target, &base);
        if (r < 0)
                return r;
        pool_settle(needing);
        weigh(needing);
        needing->n_found_max = NEED_SETS_MAX;
        r = find_moments(needing, goal->within_us, moments, &n_moments);
        if (r == 0)
                r = search_moments(needing, moments, n_moments);
        if (r == 0 && needing->n_found == 0)
                r = note_limits(needing, target, answer);
        return r;
}

/* ---- a status ---- */

typedef struct Plans {
        Plan items[NEED_PLANS_MAX];
        size_t n;
        Plan by_itself[NEED_PLANS_MAX]; /* ways without people */
        size_t n_by_itself;
        size_t n_visited;
} Plans;

static bool same_by_people(const Plan *a, const Plan *b) {
        size_t i = 0, k = 0;

        for (;; i++, k++) {
                while (i < a->n_steps && a->steps[i].move->by == BY_RULES)
                        i++;
                while (k < b->n_steps && b->steps[k].move->by == BY_RULES)
                        k++;
                if (i == a->n_steps || k == b->n_steps)
                        return i == a->n_steps && k == b->n_steps;
                if (a->steps[i].move != b->steps[k].move || a->steps[i].reason != b->steps[k].reason)
                        return false;
        }
}

static void keep_plan(Plans *plans, const Plan *plan) {
        if (plan->n_by_people == 0) {
                if (plans->n_by_itself < NEED_PLANS_MAX)
                        plans->by_itself[plans->n_by_itself++] = *plan;
                return;
        }
        for (size_t i = 0; i < plans->n; i++)
                if (same_by_people(&plans->items[i], plan))
                        return;
        if (plans->n < NEED_PLANS_MAX)
                plans->items[plans->n++] = *plan;
}

/* All ways of exactly `length` moves that enter no status twice, in the order of the rules. */
static void find_plans(const RuleSet *rules, const Status *from, const Status *to, size_t length, Plan *plan, Plans *plans) {
        for (size_t i = 0; i < rules->n_moves && plans->n_visited < PLAN_VISITS_MAX; i++) {
                const Move *move = &rules->moves[i];
                size_t n = move->to ? 1 : move->n_reasons;
                plans->n_visited++;
                if (!moves_leave(move, from))
                        continue;
                for (size_t k = 0; k < n; k++) {
                        const Reason *reason = move->to ? move->n_reasons > 0 ? move->reasons[0] : NULL : move->reasons[k];
                        const Status *next = move->to ? move->to : reason->to;
                        bool again = next == from;
                        for (size_t s = 0; s < plan->n_steps; s++)
                                again |= plan->steps[s].from == next;
                        if (again || (length > 1) == (next == to))
                                continue;
                        plan->steps[plan->n_steps++] = (PlanStep){ .move = move, .reason = reason, .from = from, .to = next };
                        plan->n_by_people += move->by != BY_RULES;
                        if (length == 1)
                                keep_plan(plans, plan);
                        else
                                find_plans(rules, next, to, length - 1, plan, plans);
                        plan->n_steps--;
                        plan->n_by_people -= move->by != BY_RULES;
                }
        }
}

static int suggest_needs(Needing *needing, const Rule *rule, const Need *needs, size_t n) {
        for (size_t i = 0; i < n; i++) {
                int r = policy_suggest(
                        needing->rules, rule, needs[i].condition, true, &needing->subject, needing->arena, &needing->suggestions);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int suggest_signal(Needing *needing, const Reason *reason) {
        return reason && reason->wake_on ? policy_suggest_signal(needing->rules, &reason->rule, reason->wake_on, &needing->subject,
                                                   needing->arena, &needing->suggestions)
                                         : 0;
}

static int suggest_fences(Needing *needing, const Status *to) {
        const RuleSet *rules = needing->rules;
        int r = 0;

        for (size_t i = 0; i < rules->n_fences && r == 0; i++) {
                const Fence *fence = &rules->fences[i];
                bool blocks = false;
                for (size_t k = 0; k < fence->n_blocks; k++)
                        blocks |= fence->blocks[k] == to;
                if (!blocks)
                        continue;
                if (fence->when)
                        r = policy_suggest(
                                needing->rules, &fence->rule, fence->when, false, &needing->subject, needing->arena, &needing->suggestions);
                for (size_t k = 0; k < fence->n_since && r == 0; k++)
                        r = suggest_signal(needing, fence->since[k]);
        }
        return r;
}

static int suggest_plan(Needing *needing, const Plan *plan) {
        const LeadState *state = needing->input->before;
        int r = 0;

        for (size_t i = 0; i < plan->n_steps && r == 0; i++) {
                const PlanStep *step = &plan->steps[i];
                if (step->move->by == BY_RULES) {
                        r = policy_suggest(needing->rules, &step->move->rule, step->move->when, true, &needing->subject, needing->arena,
                                &needing->suggestions);
                        if (r == 0 && i == 0 && state->recycle_us != TIME_NONE && state->recycle_reason)
                                r = suggest_signal(needing, policy_reason(needing->rules, state->recycle_reason));
                }
                if (r == 0)
                        r = suggest_needs(needing, &step->move->rule, step->move->needs, step->move->n_needs);
                if (r == 0 && step->reason)
                        r = suggest_needs(needing, &step->reason->rule, step->reason->needs, step->reason->n_needs);
                if (r == 0)
                        r = suggest_fences(needing, step->to);
        }
        if (r == 0)
                pool_take(needing, NULL);
        return r;
}

/* A condition asks for a grade or for points: the sets that give them become items like any other. */
static int find_partial(Needing *needing, const NeedTarget *target) {
        static const Suggestion nothing = { .n_parts = 0 };
        PoolItem *pool = needing->pool;
        const NeedTarget *whole = needing->target;
        const Plan *plan = needing->plan;
        Found *found = needing->found;
        size_t n_pool = needing->n_pool, n_found = needing->n_found, n_found_max = needing->n_found_max;
        Tried base;

        needing->pool = ARENA_ARRAY(needing->arena, PoolItem, NEED_POOL_MAX);
        needing->found = ARENA_ARRAY(needing->arena, Found, NEED_FOUND_MAX);
        if (!needing->pool || !needing->found)
                return -ENOMEM;
        needing->n_pool = needing->n_found = 0;
        needing->n_found_max = GRADE_SETS;
        needing->target = target;
        needing->plan = NULL;
        int r = need_try(needing, &nothing, needing->input->now_us, NULL, &base);
        if (r == 0 && !base.reached)
                r = pool_scores(needing, target, &base);
        pool_settle(needing);
        weigh(needing);
        if (r == 0 && !base.reached)
                r = need_search(needing, needing->input->now_us);
        needing->suggestions.is_full |= needing->n_found == GRADE_SETS || needing->n_found > NEED_POOL_MAX - n_pool;
        for (size_t i = 0; i < needing->n_found && r == 0 && n_pool < NEED_POOL_MAX; i++) {
                PoolItem item = { .set = needing->found[i].set };
                for (size_t k = 0; k < item.set.n_parts; k++)
                        item.changes |= needing->suggestions.additions[item.set.parts[k]].is_change;
                pool[n_pool++] = item;
        }
        needing->pool = pool;
        needing->n_pool = n_pool;
        needing->found = found;
        needing->n_found = n_found;
        needing->n_found_max = n_found_max;
        needing->target = whole;
        needing->plan = plan;
        return r;
}

static int find_partials(Needing *needing) {
        Suggestions *suggestions = &needing->suggestions;
        size_t n_grades = suggestions->n_grades, n_points = suggestions->n_points;
        NeedTarget target;
        int r = 0;

        suggestions->n_grades = suggestions->n_points = 0;
        /* The lowest that is asked for covers the others; need_target_grade asks for "at least". Several may stand side by side. */
        for (size_t i = 0; i < n_grades && r == 0; i++)
                if (need_target_grade(needing, suggestions->grades[i], &target) == 0)
                        r = find_partial(needing, &target);
        for (size_t i = 0; i < n_points && r == 0; i++) {
                target = (NeedTarget){ .kind = TARGET_POINTS };
                for (size_t g = 0; g < POLICY_GROUPS_MAX; g++)
                        target.from_mp[g] = INT64_MIN;
                target.from_mp[suggestions->points[i].group] = suggestions->points[i].from_mp;
                target.asked_mp[suggestions->points[i].group] = suggestions->points[i].from_mp;
                r = find_partial(needing, &target);
        }
        return r;
}

static int search_plan(
        Needing *needing, const Plan *plan, const Plan *sources, size_t n_sources, const int64_t *moments, size_t n_moments) {
        int r = 0;

        needing->plan = plan;
        needing->n_pool = 0;
        needing->suggestions.n_items = 0;
        for (size_t i = 0; i < n_sources && r == 0; i++)
                r = suggest_plan(needing, &sources[i]);
        if (r == 0)
                r = find_partials(needing);
        pool_settle(needing);
        weigh(needing);
        return r == 0 ? search_moments(needing, moments, n_moments) : r;
}

static int need_status(Needing *needing, const NeedGoal *goal, const Status *here, NeedAnswer *answer) {
        int64_t moments[NEED_MOMENTS_MAX + 2];
        Plans *plans = ARENA_NEW(needing->arena, Plans);
        NeedTarget *target = ARENA_NEW(needing->arena, NeedTarget);
        Plan plan = { 0 };
        size_t n_moments, length = 1;
        int r;

        if (!plans || !target)
                return -ENOMEM;
        *target = (NeedTarget){ .kind = TARGET_STATUS, .status = goal->status };
        for (size_t i = 0; i < POLICY_GROUPS_MAX; i++)
                target->from_mp[i] = INT64_MIN;
        needing->target = target;
        if (here == goal->status) {
                answer->is_so = true;
                answer->text = arena_printf(needing->arena, "it is in %s already", here->rule.name);
                return answer->text ? 0 : -ENOMEM;
        }
        /* The shortest ways, and what leads there by itself though it be longer. */
        for (; length <= NEED_MOVES_MAX && plans->n + plans->n_by_itself == 0; length++)
                find_plans(needing->rules, here, goal->status, length, &plan, plans);
        for (; length <= NEED_MOVES_MAX && plans->n_by_itself == 0; length++) {
                Plans *longer = ARENA_NEW(needing->arena, Plans);
                if (!longer)
                        return -ENOMEM;
                find_plans(needing->rules, here, goal->status, length, &plan, longer);
                memcpy(plans->by_itself, longer->by_itself, sizeof(plans->by_itself));
                plans->n_by_itself = longer->n_by_itself;
        }
        if (plans->n + plans->n_by_itself == 0) {
                answer->text = arena_printf(needing->arena, "no way of up to %d moves leads from %s to %s", NEED_MOVES_MAX, here->rule.name,
                        goal->status->rule.name);
                return answer->text ? 0 : -ENOMEM;
        }
        r = find_moments(needing, goal->within_us, moments, &n_moments);
        needing->n_found_max = plans->n > 0 ? AUTOMATIC_SETS : NEED_SETS_MAX;
        if (r == 0 && plans->n_by_itself > 0)
                r = search_plan(needing, NULL, plans->by_itself, plans->n_by_itself, moments, n_moments);
        for (size_t i = 0; i < plans->n && r == 0; i++) {
                size_t share = (NEED_SETS_MAX - needing->n_found) / (plans->n - i);
                needing->n_found_max = needing->n_found + share;
                if (share > 0)
                        r = search_plan(needing, &plans->items[i], &plans->items[i], 1, moments, n_moments);
        }
        return r;
}

/* ---- the answer ---- */

static int write_set(Needing *needing, const Found *found, NeedSet *set) {
        *set = (NeedSet){ .n_parts = found->set.n_parts,
                .at_us = found->at_us == needing->input->now_us ? TIME_NONE : found->at_us,
                .grade = arena_strdup(needing->arena, found->tried.grade),
                .status = arena_strdup(needing->arena, found->tried.status),
                .fit_mp = found->tried.fit_mp,
                .engagement_mp = found->tried.engagement_mp,
                .n_steps = found->tried.n_steps };
        if (!set->grade || !set->status)
                return -ENOMEM;
        for (size_t i = 0; i < set->n_parts; i++) {
                set->parts[i] = &needing->suggestions.additions[found->set.parts[i]];
                set->changes |= set->parts[i]->is_change;
        }
        for (size_t i = 0; i < set->n_steps; i++) {
                set->steps[i] = found->tried.steps[i];
                set->steps[i].by = need_say_who(needing, set->steps[i].move, set->steps[i].from, found->tried.owners[i]);
                if (!set->steps[i].by)
                        return -ENOMEM;
        }
        return 0;
}

static int write_answer(Needing *needing, NeedAnswer *answer) {
        answer->sets = ARENA_ARRAY(needing->arena, NeedSet, needing->n_found + 1);
        if (!answer->sets)
                return -ENOMEM;
        for (int changes = 0; changes <= 1; changes++)
                for (size_t i = 0; i < needing->n_found && answer->n_sets < NEED_SETS_MAX; i++) {
                        NeedSet set;
                        int r = write_set(needing, &needing->found[i], &set);
                        if (r < 0)
                                return r;
                        if (set.changes == (changes == 1))
                                answer->sets[answer->n_sets++] = set;
                }
        answer->functions = needing->suggestions.functions;
        answer->n_functions = needing->suggestions.n_functions;
        answer->n_looks = needing->n_looks;
        answer->is_complete = !needing->is_over && needing->n_looks < NEED_LOOKS_MAX && needing->n_steps < NEED_STEPS_MAX &&
                              !needing->suggestions.is_full;
        if (answer->text)
                return 0;
        const char *rest = answer->is_complete ? "" : "; the search ended at its limit, so there may be more";
        answer->text = answer->n_sets > 0
                               ? arena_printf(needing->arena, "%zu minimal set%s, each tried on the lead%s", answer->n_sets,
                                         answer->n_sets == 1 ? "" : "s", rest)
                               : arena_printf(needing->arena, "no set of up to %d facts or activities does it%s", NEED_PARTS_MAX, rest);
        return answer->text ? 0 : -ENOMEM;
}

int decide_need(RuleSet *rules, const DecideInput *input, const NeedGoal *goal, Arena *arena, NeedAnswer *ret) {
        _cleanup_(arena_freep) Arena *scratch = arena_new(0);
        Decision decision = { .after = *input->before, .profile = *input->profile };
        Deciding deciding = deciding_new(rules, input, arena, &decision);
        Receipts receipts = { 0 };
        Needing needing = { .rules = rules, .input = input, .arena = arena, .scratch = scratch, .look_weight = 1, .goal = goal };
        int r;

        *ret = (NeedAnswer){ .limits = ARENA_ARRAY(arena, const char *, POLICY_GROUPS_MAX) };
        needing.pool = ARENA_ARRAY(arena, PoolItem, NEED_POOL_MAX);
        needing.found = ARENA_ARRAY(arena, Found, NEED_FOUND_MAX);
        needing.visited = ARENA_ARRAY(arena, uint64_t, NEED_VISITED_SLOTS);
        needing.points_mp = ARENA_ARRAY(arena, int64_t, rules->n_rules);
        needing.base_points_mp = ARENA_ARRAY(arena, int64_t, rules->n_rules);
        if (!scratch || !ret->limits || !needing.pool || !needing.found || !needing.visited || !needing.points_mp ||
                !needing.base_points_mp)
                return -ENOMEM;
        r = suggestions_init(&needing.suggestions, arena);
        if (r == 0)
                r = deciding_look(&deciding, &receipts);
        if (r < 0)
                return r;
        needing.subject = deciding.subject;
        if (!deciding.status) {
                ret->text = arena_printf(arena, "the lead is in %s, which these rules do not have", input->before->status);
                return ret->text ? 0 : -ENOMEM;
        }
        r = goal->grade ? need_grade(&needing, goal, ret) : need_status(&needing, goal, deciding.status, ret);
        return r != 0 ? r : write_answer(&needing, ret);
}
