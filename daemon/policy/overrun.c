/* SPDX-License-Identifier: MIT */
/*
 * Functions that overrun their budget: which did in this event, which calls a replay has to let fail, and which rules are
 * suspended. Counts nothing over time and suspends nobody: that is the gate's, because it is an event of the log.
 *
 * Steps and memory are the same in any process. Processor time is not: a call that the backstop cut is known by its number within the
 * event, the gate keeps the number with the event, and a replay, which runs without the backstop, lets the same call fail.
 */
#include "internal.h"
#include <errno.h>

void policy_begin_event(RuleSet *rules, bool is_replay, const uint32_t *cuts, size_t n_cuts) {
        Overruns *overruns = &policy_body(rules)->overruns;

        overruns->n_calls = 0;
        overruns->n_items = 0;
        overruns->cuts = cuts;
        overruns->n_cuts = n_cuts;
        overruns->next_cut = 0;
        overruns->in_event = true;
        sandbox_set_backstop(policy_body(rules)->sandbox, !is_replay);
}

void policy_end_event(RuleSet *rules) {
        Overruns *overruns = &policy_body(rules)->overruns;

        overruns->cuts = NULL;
        overruns->n_cuts = 0;
        overruns->in_event = false;
        sandbox_set_backstop(policy_body(rules)->sandbox, true);
}

const PolicyOverrun *policy_overruns(const RuleSet *rules, size_t *ret_n) {
        const Overruns *overruns = &((const RuleSetBody *) rules)->overruns;

        *ret_n = overruns->n_items;
        return overruns->items;
}

const char *overrun_cut_text(const Rule *rule, Arena *arena) {
        return arena_printf(
                arena, "%s:%d: took too long: more than %d ms of processor time", rule->file, rule->line, POLICY_CPU_BUDGET_US / 1000);
}

int overrun_note(RuleSetBody *body, const Rule *rule, uint32_t call, bool by_cpu) {
        Overruns *overruns = &body->overruns;

        if (!overruns->in_event)
                return 0;
        if (overruns->n_items == overruns->capacity) {
                size_t capacity = overruns->capacity > 0 ? overruns->capacity * 2 : 16;
                PolicyOverrun *items = reallocarray(overruns->items, capacity, sizeof(*items));
                if (!items)
                        return -ENOMEM;
                overruns->items = items;
                overruns->capacity = capacity;
        }
        overruns->items[overruns->n_items++] = (PolicyOverrun){ .rule = rule, .call = call, .by_cpu = by_cpu };
        return 0;
}

bool overrun_may_call(RuleSetBody *body, const Rule *rule, uint32_t *ret_call, const char **ret_note, Arena *arena) {
        Overruns *overruns = &body->overruns;

        *ret_note = NULL;
        *ret_call = overruns->n_calls++;
        if (policy_is_suspended(&body->public, rule)) {
                *ret_note = "suspended: it overran its budget too often";
                return false;
        }
        if (overruns->next_cut < overruns->n_cuts && overruns->cuts[overruns->next_cut] == *ret_call) {
                overruns->next_cut++;
                if (overrun_note(body, rule, *ret_call, true) == 0)
                        *ret_note = overrun_cut_text(rule, arena);
                return false;
        }
        return true;
}

void overruns_done(Overruns *overruns) {
        free(overruns->items);
        free(overruns->suspended);
        *overruns = (Overruns){ 0 };
}

/* ---- suspended rules ---- */

int policy_suspend(RuleSet *rules, const Rule *rule) {
        Overruns *overruns = &policy_body(rules)->overruns;

        if (!overruns->suspended) {
                overruns->suspended = calloc(rules->n_rules / 64 + 1, sizeof(uint64_t));
                if (!overruns->suspended)
                        return -ENOMEM;
        }
        overruns->suspended[rule->index / 64] |= UINT64_C(1) << (rule->index % 64);
        return 0;
}

void policy_resume_all(RuleSet *rules) {
        Overruns *overruns = &policy_body(rules)->overruns;

        free(overruns->suspended);
        overruns->suspended = NULL;
}

bool policy_is_suspended(const RuleSet *rules, const Rule *rule) {
        const Overruns *overruns = &((const RuleSetBody *) rules)->overruns;

        return overruns->suspended && overruns->suspended[rule->index / 64] >> (rule->index % 64) & 1;
}

const Rule *policy_rule(const RuleSet *rules, RuleKind kind, const char *name) { return policy_find(rules, kind, name); }
