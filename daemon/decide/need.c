/* SPDX-License-Identifier: MIT */
/*
 * need: the smallest sets of facts or activities that would lift a lead to a grade or into a status.
 *
 * policy reads the compiled conditions backwards and suggests parts (policy/suggest.c). Here they are combined, the smaller sets
 * first and in the order of the rules, and each set that may reach the target is tried: the lead is judged with it on a copy, by the
 * same decide_event that judges life, moves of people included. A set is kept when it reaches the target and no proper part of it
 * does. Nothing is guessed, so whatever is printed is true of the lead as it stands.
 *
 * Before a set is tried, the raw points that its parts gained each alone are added up: points of scores add, caps only take, and a rule
 * that needs two parts was suggested as one item with both. What a score lost is left out, since another part may win it back. A set
 * whose sum falls short of the bands is passed over, which is what makes four parts out of a hundred affordable. Every bound has a name
 * (decide.h); the answer says when one was met.
 */
#include "need.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* ---- grades ---- */

int decide_grades(const RuleSet *rules, Arena *arena, const char *const **ret, size_t *ret_n) {
        const Grade *grade = rules->grade;
        size_t n_fit = grade ? grade->n_fit > 0 ? grade->n_fit : 1 : 0, n_engagement = grade ? grade->n_engagement : 0;
        const char **names = ARENA_ARRAY(arena, const char *, n_fit *n_engagement + 1);

        *ret_n = 0;
        if (!names)
                return -ENOMEM;
        for (size_t i = 0; i < n_fit; i++)
                for (size_t k = 0; k < n_engagement; k++) {
                        names[*ret_n] = arena_printf(arena, "%s%s", grade->n_fit > 0 ? grade->fit[i].name : "", grade->engagement[k].name);
                        if (!names[(*ret_n)++])
                                return -ENOMEM;
                }
        *ret = names;
        return 0;
}

static uint32_t find_group(const RuleSet *rules, const char *name) {
        for (uint32_t i = 0; i < rules->n_groups && i < POLICY_GROUPS_MAX; i++)
                if (base_streq(rules->groups[i].rule.name, name))
                        return i;
        return UINT32_MAX;
}

/* What the points must come to for the grade; a band that is held needs `leave` less. */
int need_target_grade(Needing *needing, const char *name, NeedTarget *ret) {
        const Grade *grade = needing->rules->grade;
        uint32_t fit = find_group(needing->rules, "fit"), engagement = find_group(needing->rules, "engagement");

        *ret = (NeedTarget){ .kind = TARGET_GRADE };
        for (size_t i = 0; i < POLICY_GROUPS_MAX; i++)
                ret->from_mp[i] = INT64_MIN;
        if (!grade)
                return DECIDE_E_NO_SUCH_GRADE;
        uint32_t letter, number;
        decide_find_bands(grade, name, &letter, &number);
        ret->fit = letter;
        ret->engagement = number;
        if ((grade->n_fit > 0 && ret->fit == grade->n_fit) || ret->engagement == grade->n_engagement)
                return DECIDE_E_NO_SUCH_GRADE;
        if (fit != UINT32_MAX && ret->fit + 1 < grade->n_fit)
                ret->from_mp[fit] = grade->fit[ret->fit].from_mp - grade->leave_mp;
        if (engagement != UINT32_MAX && ret->engagement + 1 < grade->n_engagement)
                ret->from_mp[engagement] = grade->engagement[ret->engagement].from_mp - grade->leave_mp;
        for (size_t i = 0; i < POLICY_GROUPS_MAX; i++)
                ret->asked_mp[i] = ret->from_mp[i] == INT64_MIN ? INT64_MIN : ret->from_mp[i] + grade->leave_mp;
        return 0;
}

static bool reaches_grade(const Needing *needing, const NeedTarget *target, const char *got) {
        uint32_t fit, engagement;

        decide_find_bands(needing->rules->grade, got, &fit, &engagement);
        return (needing->rules->grade->n_fit == 0 || fit <= target->fit) && engagement <= target->engagement;
}

/* ---- one look ---- */

static void note_points(Needing *needing, const Decision *decision, Tried *ret) {
        for (size_t i = 0; i < POLICY_GROUPS_MAX; i++)
                ret->raw_mp[i] = 0;
        memset(needing->points_mp, 0, needing->rules->n_rules * sizeof(needing->points_mp[0]));
        for (size_t i = 0; i < decision->receipts.n_items; i++) {
                const Receipt *receipt = &decision->receipts.items[i];
                if (receipt->rule->kind != RULE_SCORE || !receipt->matched)
                        continue;
                ret->raw_mp[((const Score *) receipt->rule)->group - needing->rules->groups] += receipt->points_mp;
                needing->points_mp[receipt->rule->index] = receipt->points_mp;
        }
        ret->fit_mp = decision->after.fit_mp;
        ret->engagement_mp = decision->after.engagement_mp;
        (void) snprintf(ret->grade, sizeof(ret->grade), "%s", decision->after.grade ? decision->after.grade : "");
}

static bool passed_through(const Decision *decision, const Status *status) {
        if (base_streq(decision->after.status, status->rule.name))
                return true;
        for (size_t i = 0; i < decision->n_moves; i++)
                if (base_streq(decision->moves[i].to, status->rule.name))
                        return true;
        return false;
}

/* Who may make the move: the owner, the head, or the first of the team by name. NULL: nobody. */
static const char *find_actor(Needing *needing, const Move *move, const Status *status, const char *owner) {
        const Team *team = move->by == BY_NAMED_TEAM ? move->by_team : status->team;
        const char *name = move->by == BY_OWNER ? owner ? owner : team->head ? team->head->rule.name : NULL : NULL;

        if (move->by == BY_RULES)
                return NULL;
        for (size_t i = 0; i < team->n_members && !name && move->by != BY_OWNER; i++)
                if (!team->members[i]->left)
                        name = team->members[i]->rule.name;
        if (name)
                return arena_printf(needing->scratch, "rep:%s", name);
        return move->by == BY_OWNER ? NULL : arena_printf(needing->scratch, "team:%s", team->rule.name);
}

const char *need_say_who(Needing *needing, const Move *move, const Status *from, const Member *owner) {
        Text text = { 0 };
        const Deciding stands = { .status = from, .owner = owner };

        hurdles_say_who(&stands, move, from, &text);
        const char *kept = text.error < 0 ? NULL : arena_strndup(needing->arena, text.data, text.size);
        text_free(&text);
        return kept;
}

/* The people's moves of the plan, one after the other, each judged. */
static int walk(Needing *needing, const Plan *plan, DecideInput *input, Decision *decision, Tried *ret) {
        for (size_t n = 0; n < NEED_MOVES_MAX && !passed_through(decision, needing->target->status); n++) {
                const PlanStep *step = NULL;
                Record *record = ARENA_NEW(needing->scratch, Record);
                if (!record)
                        return -ENOMEM;
                *record = (Record){
                        .arena = needing->scratch, .source = "leadd", .id = "need", .family = FAMILY_OUTCOME, .time_us = input->now_us
                };
                for (size_t i = 0; i < plan->n_steps && !step; i++)
                        if (plan->steps[i].move->by != BY_RULES && base_streq(plan->steps[i].from->rule.name, decision->after.status))
                                step = &plan->steps[i];
                if (!step)
                        return 0;
                const char *actor = find_actor(needing, step->move, step->from, decision->after.owner);
                if (!actor)
                        return 0;
                NeedStep *made = &ret->steps[ret->n_steps];
                made->move = step->move;
                made->reason = step->reason;
                made->from = step->from;
                made->to = step->to;
                ret->owners[ret->n_steps++] = decision->after.owner ? policy_member(needing->rules, decision->after.owner) : NULL;
                record->event = step->move->rule.name;
                record->type = arena_printf(needing->scratch, "outcome.%s", record->event);
                int r = record->type
                                ? facts_set(&record->facts, needing->scratch, FIELD_OUTCOME_NOTE, NULL, value_text("need"), input->now_us)
                                : -ENOMEM;
                if (r == 0 && step->reason)
                        r = facts_set(&record->facts, needing->scratch, FIELD_OUTCOME_REASON, NULL, value_text(step->reason->rule.name),
                                input->now_us);
                LeadState *before = ARENA_NEW(needing->scratch, LeadState);
                Facts *profile = ARENA_NEW(needing->scratch, Facts);
                Activity *history = ARENA_ARRAY(needing->scratch, Activity, input->n_history + 1);
                if (r < 0 || !before || !profile || !history)
                        return r < 0 ? r : -ENOMEM;
                *before = decision->after;
                *profile = decision->profile;
                for (size_t i = 0; i < input->n_history; i++) {
                        history[i] = input->history[i];
                        history[i].after_move = history[i].event > before->moved_event;
                }
                input->event_id++;
                input->before = before;
                input->profile = profile;
                input->history = history;
                input->record = record;
                input->actor = actor;
                r = decide_event(needing->rules, input, needing->scratch, decision);
                if (r < 0)
                        return r;
                needing->n_looks += needing->look_weight;
                if (decision->refused)
                        return 0;
        }
        ret->reached = passed_through(decision, needing->target->status);
        return 0;
}

/* Judges the lead with the set's parts at the instant. */
int need_try(Needing *needing, const Suggestion *set, int64_t at_us, const Plan *plan, Tried *ret) {
        const DecideInput *real = needing->input;
        const Addition *additions = needing->suggestions.additions;
        DecideInput input = *real;
        LeadState before = *real->before;
        size_t n_more = 0;
        int r = 0;

        *ret = (Tried){ 0 };
        needing->is_over = needing->is_over || (needing->goal->is_over && needing->goal->is_over(needing->goal->userdata));
        if (needing->is_over)
                return 0;
        arena_reset(needing->scratch);
        needing->n_looks += needing->look_weight;
        /* No source: what somebody might state has none, and must not look as if a source had sent it. */
        Record record = {
                .arena = needing->scratch, .id = "need", .type = "lead.updated", .event = "updated", .family = FAMILY_LEAD, .time_us = at_us
        };
        for (size_t i = 0; i < set->n_parts && r == 0; i++) {
                const Addition *part = &additions[set->parts[i]];
                /* Stated after everything known: at one instant the greater of two values would win. */
                if (part->field != FIELD_NONE)
                        r = facts_set(&record.facts, needing->scratch, part->field, part->key, part->value, at_us + 1);
                else
                        n_more += part->n;
        }
        if (r == -EINVAL)
                return 0; /* no such fact can be stated */
        if (r < 0)
                return r;
        /* A copy: merging writes into the items it finds. */
        Facts profile = { .items = ARENA_ARRAY(needing->scratch, Fact, real->profile->n_items + 1),
                .n_items = real->profile->n_items,
                .capacity = real->profile->n_items };
        if (!profile.items)
                return -ENOMEM;
        if (profile.n_items > 0)
                memcpy(profile.items, real->profile->items, profile.n_items * sizeof(*profile.items));
        Activity *history = ARENA_ARRAY(needing->scratch, Activity, real->n_history + n_more + 1);
        if (!history)
                return -ENOMEM;
        if (real->n_history > 0)
                memcpy(history, real->history, real->n_history * sizeof(*history));
        input.n_history = real->n_history;
        for (size_t i = 0; i < set->n_parts; i++) {
                const Addition *part = &additions[set->parts[i]];
                for (uint32_t k = 0; part->field == FIELD_NONE && k < part->n; k++)
                        history[input.n_history++] = (Activity){
                                .event = real->event_id, .time_us = at_us, .type = part->type, .facts = &part->facts[k], .after_move = true
                        };
        }
        input.before = &before;
        input.profile = &profile;
        input.history = history;
        input.record = &record;
        input.actor = "system:leadd";
        input.now_us = at_us;
        Decision decision;
        r = decide_event(needing->rules, &input, needing->scratch, &decision);
        if (r < 0 || decision.refused)
                return r < 0 ? r : 0;
        note_points(needing, &decision, ret);
        ret->wake_us = decision.after.wake_us;
        const NeedTarget *target = needing->target;
        if (target->kind == TARGET_GRADE)
                ret->reached = reaches_grade(needing, target, ret->grade);
        else if (target->kind == TARGET_POINTS) {
                ret->reached = true;
                for (size_t i = 0; i < needing->rules->n_groups && i < POLICY_GROUPS_MAX; i++)
                        ret->reached &= target->from_mp[i] == INT64_MIN || ret->raw_mp[i] >= target->from_mp[i];
        } else {
                ret->reached = passed_through(&decision, target->status);
                if (!ret->reached && plan)
                        r = walk(needing, plan, &input, &decision, ret);
                if (r == 0 && decision.after.status)
                        (void) snprintf(ret->status, sizeof(ret->status), "%s", decision.after.status);
                return r;
        }
        (void) snprintf(ret->status, sizeof(ret->status), "%s", decision.after.status ? decision.after.status : "");
        return r;
}

/* ---- sets ---- */

/* Does a say nothing that b does not say as well? */
static bool is_within(const Needing *needing, const Suggestion *a, const Suggestion *b) {
        const Addition *additions = needing->suggestions.additions;

        for (size_t i = 0; i < a->n_parts; i++) {
                bool found = false;
                for (size_t k = 0; k < b->n_parts && !found; k++)
                        found = a->parts[i] == b->parts[k] || (additions[a->parts[i]].family == additions[b->parts[k]].family &&
                                                                      additions[a->parts[i]].rank <= additions[b->parts[k]].rank);
                if (!found)
                        return false;
        }
        return true;
}

static bool has_change(const Needing *needing, const Suggestion *set) {
        for (size_t i = 0; i < set->n_parts; i++)
                if (needing->suggestions.additions[set->parts[i]].is_change)
                        return true;
        return false;
}

static uint64_t set_key(const Suggestion *set) {
        uint64_t key = 1; /* a set of none is a set, too */

        for (size_t i = 0; i < set->n_parts; i++)
                key = key << 12 | (set->parts[i] + 1); /* four indexes below SUGGEST_ADDITIONS_MAX fit */
        return key;
}

/* True when it was not visited before. */
static bool visit(Needing *needing, const Suggestion *set) {
        uint64_t key = set_key(set);
        size_t at = (size_t) (key * UINT64_C(0x9e3779b97f4a7c15) >> 40) & (NEED_VISITED_SLOTS - 1);

        for (; needing->visited[at] != 0; at = (at + 1) & (NEED_VISITED_SLOTS - 1))
                if (needing->visited[at] == key)
                        return false;
        needing->visited[at] = key;
        return true;
}

static bool is_known(const Needing *needing, const Suggestion *set) {
        for (size_t i = 0; i < needing->n_found; i++) {
                const Found *found = &needing->found[i];
                /* What happens by itself covers what takes people as well. */
                if ((found->plan == needing->plan || !found->plan) && is_within(needing, &found->set, set))
                        return true;
        }
        return false;
}

/* No proper part of the set reaches the target: all of them are tried, and lower ranks of each part. *ret_is_minimal. */
static int check_minimal(Needing *needing, const Suggestion *set, int64_t at_us, bool *ret_is_minimal) {
        const Addition *additions = needing->suggestions.additions;
        Tried tried;

        *ret_is_minimal = false;
        for (uint32_t mask = 0; mask + 1 < UINT32_C(1) << set->n_parts; mask++) {
                Suggestion part = { 0 };
                for (size_t i = 0; i < set->n_parts; i++)
                        if (mask >> i & 1)
                                part.parts[part.n_parts++] = set->parts[i];
                int r = need_try(needing, &part, at_us, needing->plan, &tried);
                if (r < 0 || tried.reached)
                        return r;
        }
        for (size_t i = 0; i < set->n_parts; i++)
                for (uint32_t k = 0; k < needing->suggestions.n_additions; k++) {
                        Suggestion lower = *set;
                        if (additions[k].family != additions[set->parts[i]].family || additions[k].rank >= additions[set->parts[i]].rank)
                                continue;
                        lower.parts[i] = k;
                        int r = need_try(needing, &lower, at_us, needing->plan, &tried);
                        if (r < 0 || tried.reached)
                                return r;
                }
        *ret_is_minimal = true;
        return 0;
}

static bool is_spent(const Needing *needing) {
        return needing->is_over || needing->n_looks >= NEED_LOOKS_MAX || needing->n_steps >= NEED_STEPS_MAX;
}

static int try_set(Needing *needing, const Suggestion *set, int64_t at_us) {
        bool is_minimal;
        Tried tried;

        if (is_known(needing, set) || !visit(needing, set))
                return 0;
        int r = need_try(needing, set, at_us, needing->plan, &tried);
        if (r < 0 || !tried.reached || (needing->plan && tried.n_steps == 0))
                return r; /* what leads there by itself was found before the plans of people */
        r = check_minimal(needing, set, at_us, &is_minimal);
        if (r < 0 || !is_minimal || needing->is_over)
                return r;
        needing->found[needing->n_found++] = (Found){ .set = *set, .plan = needing->plan, .at_us = at_us, .tried = tried };
        return 0;
}

static bool may_reach(const Needing *needing, const int64_t *raw_mp) {
        for (size_t i = 0; i < POLICY_GROUPS_MAX; i++)
                if (needing->target->from_mp[i] != INT64_MIN && raw_mp[i] < needing->target->from_mp[i])
                        return false;
        return true;
}

/* All sets of exactly `size` parts that begin with `set` and take items from `start` on. */
static int combine(Needing *needing, const Suggestion *set, const int64_t *raw_mp, size_t start, size_t size, bool changes, int64_t at_us) {
        for (size_t i = start; i < needing->n_pool; i++) {
                const PoolItem *item = &needing->pool[i];
                int64_t sum_mp[POLICY_GROUPS_MAX];
                Suggestion both;
                unsigned excluded;
                int r;
                if (needing->n_found >= needing->n_found_max || is_spent(needing))
                        return 0;
                needing->n_steps++;
                /* What two items say of one field is an item of its own, for each of the two. */
                if ((!changes && item->changes) || !suggestion_unite(&needing->suggestions, set, &item->set, 0, &both, &excluded) ||
                        excluded != 0 || both.n_parts > size || both.n_parts == set->n_parts)
                        continue;
                for (size_t g = 0; g < POLICY_GROUPS_MAX; g++)
                        sum_mp[g] = raw_mp[g] + item->gain_mp[g];
                if (both.n_parts == size) {
                        if (!may_reach(needing, sum_mp) || (changes && !has_change(needing, &both)))
                                continue;
                        r = try_set(needing, &both, at_us);
                } else
                        r = combine(needing, &both, sum_mp, i + 1, size, changes, at_us);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What the item alone gives, and what of that is more. */
static void note_gains(const Needing *needing, const Tried *base, const Tried *tried, PoolItem *item) {
        const RuleSet *rules = needing->rules;

        for (size_t g = 0; g < POLICY_GROUPS_MAX; g++) {
                item->delta_mp[g] = tried->raw_mp[g] - base->raw_mp[g];
                item->gain_mp[g] = 0;
        }
        for (size_t i = 0; i < rules->n_scores; i++) {
                uint32_t index = rules->scores[i]->rule.index;
                int64_t more_mp = needing->points_mp[index] - needing->base_points_mp[index];
                if (more_mp > 0)
                        item->gain_mp[rules->scores[i]->group - rules->groups] += more_mp;
        }
}

/* Finds minimal sets at one instant, at most n_found_max together with what was found before. */
int need_search(Needing *needing, int64_t at_us) {
        static const Suggestion nothing = { .n_parts = 0 };
        Tried base;
        int r = need_try(needing, &nothing, at_us, needing->plan, &base);

        if (r < 0)
                return r;
        memcpy(needing->base_points_mp, needing->points_mp, needing->rules->n_rules * sizeof(needing->points_mp[0]));
        memset(needing->visited, 0, NEED_VISITED_SLOTS * sizeof(needing->visited[0]));
        /* On the way to a status points are only part of the matter: nothing is passed over for want of them. */
        for (size_t i = 0; i < needing->n_pool && needing->target->kind != TARGET_STATUS && !is_spent(needing); i++) {
                Tried tried;
                r = need_try(needing, &needing->pool[i].set, at_us, NULL, &tried);
                if (r < 0)
                        return r;
                note_gains(needing, &base, &tried, &needing->pool[i]);
        }
        needing->base = base;
        r = try_set(needing, &nothing, at_us);
        for (int changes = 0; changes <= 1 && r == 0; changes++)
                for (size_t size = 1; size <= NEED_PARTS_MAX && r == 0; size++)
                        r = combine(needing, &nothing, base.raw_mp, 0, size, changes, at_us);
        return r;
}
