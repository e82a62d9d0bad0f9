/* SPDX-License-Identifier: MIT */
/*
 * What each rule costs: wall time of its evaluation on a sample of the leads, so that `leadctl rules` can say which rule is dear.
 *
 * It only counts. Nothing that is decided reads these numbers, and which leads are timed follows from how many were judged, so the
 * verdicts of a timed lead are those of any other. What several rules share (a text folded once, a lead table built once) is on the
 * bill of the one that asked first.
 */
#include "internal.h"
#include <time.h>

static int64_t clock_ns(void) {
        struct timespec t;

        if (clock_gettime(CLOCK_MONOTONIC, &t) < 0)
                return 0;
        return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

void stopwatch_start(Stopwatch *watch) {
        int64_t first_ns = clock_ns();

        watch->last_ns = clock_ns();
        watch->reading_ns = watch->last_ns - first_ns;
}

void stopwatch_lap(Stopwatch *watch, RuleSetBody *body, uint32_t rule_index) {
        int64_t now_ns = clock_ns(), took_ns = now_ns - watch->last_ns - watch->reading_ns;

        watch->last_ns = now_ns;
        if (rule_index >= body->public.n_rules)
                return;
        body->costs[rule_index].n++;
        body->costs[rule_index].ns += took_ns > 0 ? (uint64_t) took_ns : 0;
}

void policy_forget_costs(RuleSet *rules) {
        for (size_t i = 0; i < rules->n_rules; i++)
                policy_body(rules)->costs[i] = (RuleCost){ 0 };
}

void policy_cost(const RuleSet *rules, uint32_t rule_index, uint64_t *ret_n, uint64_t *ret_ns) {
        const RuleSetBody *body = (const RuleSetBody *) rules;
        bool is_known = rule_index < rules->n_rules;

        *ret_n = is_known ? body->costs[rule_index].n : 0;
        *ret_ns = is_known ? body->costs[rule_index].ns : 0;
}
