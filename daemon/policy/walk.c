/* SPDX-License-Identifier: MIT */
/*
 * walk: every condition of a rule set, and every comparison in a condition, for whoever checks or lists them. Reads only.
 */
#include "check.h"
#include "leadd/plans.h"

typedef struct Walk {
        int (*on_place)(const Place *place, void *userdata);
        void *userdata;
} Walk;

static int visit(const Walk *walk, const Rule *rule, const char *key, const Condition *condition, ConditionPhase phase) {
        const Place place = { .rule = rule, .key = key, .condition = condition, .phase = phase };

        return condition ? walk->on_place(&place, walk->userdata) : 0;
}

static int visit_needs(const Walk *walk, const Rule *rule, const Need *needs, size_t n) {
        int r = 0;

        for (size_t i = 0; i < n && r == 0; i++)
                if (!needs[i].name)
                        r = visit(walk, rule, "needs", needs[i].condition, PHASE_DECISION);
        return r;
}

static int visit_score(const Walk *walk, const ScoreBody *score) {
        const Rule *rule = &score->public.rule;
        int r = visit(walk, rule, "when", score->when, PHASE_SCORE);

        if (r == 0 && score->on) {
                const Condition on = { .type = NODE_DID, .did = score->on };
                r = visit(walk, rule, "on", &on, PHASE_ACTIVITY);
        }
        for (size_t i = 0; i < score->n_best && r == 0; i++)
                r = visit(walk, rule, "best_of", score->best[i].when, PHASE_SCORE);
        return r;
}

static int visit_sla(const Walk *walk, const Sla *sla) {
        int r = visit(walk, &sla->rule, "when", sla->when, PHASE_DECISION);

        if (r == 0)
                r = visit(walk, &sla->rule, "start_on", sla->start_on, PHASE_DECISION);
        if (r == 0)
                r = visit(walk, &sla->rule, "stop", sla->stop, PHASE_DECISION);
        return r == 0 ? visit(walk, &sla->rule, "roll_on", sla->roll_on, PHASE_ACTIVITY) : r;
}

static int visit_campaign(const Walk *walk, const Campaign *campaign) {
        int r = visit(walk, &campaign->rule, "include", campaign->include, PHASE_DECISION);

        return r == 0 ? visit(walk, &campaign->rule, "exclude", campaign->exclude, PHASE_DECISION) : r;
}

static int visit_track(const Walk *walk, const Track *track) {
        int r = visit(walk, &track->rule, "enter", track->enter, PHASE_DECISION);

        if (r == 0)
                r = visit(walk, &track->rule, "leave", track->leave, PHASE_DECISION);
        return r == 0 ? visit(walk, &track->rule, "wake_on", track->wake_on, PHASE_ACTIVITY) : r;
}

static int visit_rule(const Walk *walk, const Rule *rule) {
        const void *body = rule;
        int r;

        switch (rule->kind) {
        case RULE_CRITERION:
                return visit(walk, rule, "when", ((const Criterion *) body)->when, PHASE_DECISION);
        case RULE_SEGMENT:
                return visit(walk, rule, "when", ((const Segment *) body)->when, PHASE_SEGMENT);
        case RULE_SCORE:
                return visit_score(walk, body);
        case RULE_MOVE: {
                const Move *move = body;
                r = visit(walk, rule, "when", move->when, PHASE_DECISION);
                return r == 0 ? visit_needs(walk, rule, move->needs, move->n_needs) : r;
        }
        case RULE_REASON: {
                const Reason *reason = body;
                r = visit(walk, rule, "wake_on", reason->wake_on, PHASE_ACTIVITY);
                return r == 0 ? visit_needs(walk, rule, reason->needs, reason->n_needs) : r;
        }
        case RULE_JUNK:
                return visit(walk, rule, "when", ((const Junk *) body)->when, PHASE_ACTIVITY);
        case RULE_FENCE:
                return visit(walk, rule, "when", ((const Fence *) body)->when, PHASE_DECISION);
        case RULE_ROUTE:
                return visit(walk, rule, "when", ((const Route *) body)->when, PHASE_DECISION);
        case RULE_SLA:
                return visit_sla(walk, body);
        case RULE_CAMPAIGN:
                return visit_campaign(walk, body);
        case RULE_TRACK:
                return visit_track(walk, body);
        default:
                return 0;
        }
}

int walk_conditions(const RuleSet *rules, int (*on_place)(const Place *place, void *userdata), void *userdata) {
        const Walk walk = { .on_place = on_place, .userdata = userdata };
        int r = 0;

        for (size_t i = 0; i < rules->n_rules && r == 0; i++)
                r = visit_rule(&walk, rules->rules[i]);
        return r;
}

static int visit_did(const Did *did, int (*on_compared)(const Compared *compared, void *userdata), void *userdata) {
        int r = did->type ? on_compared(&(const Compared){ .type = did->type, .in_did = true }, userdata) : 0;

        for (size_t i = 0; i < did->n_matchers && r == 0; i++)
                r = on_compared(
                        &(const Compared){ .ref = &did->matchers[i].ref, .matcher = did->matchers[i].matcher, .in_did = true }, userdata);
        return r;
}

int walk_compared(const Condition *condition, int (*on_compared)(const Compared *compared, void *userdata), void *userdata) {
        int r = 0;

        if (!condition)
                return 0;
        switch (condition->type) {
        case NODE_MATCH:
                return on_compared(&(const Compared){ .ref = &condition->ref, .matcher = condition->matcher }, userdata);
        case NODE_DID:
                return visit_did(condition->did, on_compared, userdata);
        case NODE_FUNCTION:
                return 0;
        case NODE_ALL:
        case NODE_ANY:
        case NODE_NONE:
                for (uint32_t i = 0; i < condition->n_children && r == 0; i++)
                        r = walk_compared(&condition->children[i], on_compared, userdata);
        }
        return r;
}
