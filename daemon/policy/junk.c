/* SPDX-License-Identifier: MIT */
/*
 * junk: which activities earn nothing, because nobody did them: mail scanners' clicks, monitors' page views.
 *
 * Junk is a judgement, not a fact. Nothing of it is kept: at each evaluation the rules in force are asked about the whole history,
 * so that a corrected rule gives the right score back at the next look without touching data. So a junk rule reads one activity
 * and nothing that moves with the clock or the lead: what is junk today must not be a page view tomorrow.
 */
#include "condition.h"
#include "load.h"

/* Does anything in it look beyond the one activity? */
static const char *moving_word(const Condition *condition) {
        const char *word = NULL;

        if (condition->type == NODE_DID)
                return condition->did->within_us > 0 ? "within" : condition->did->since_move ? "since" : NULL;
        if (condition->type == NODE_ALL || condition->type == NODE_ANY || condition->type == NODE_NONE)
                for (uint32_t i = 0; i < condition->n_children && !word; i++)
                        word = moving_word(&condition->children[i]);
        return word;
}

int kind_compile_junk(Load *load, int index, void *head) {
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(Junk, rule.doc) },
                { .name = "when", .type = KEY_CONDITION, .required = true, .at = offsetof(Junk, when), .phase = PHASE_ACTIVITY },
        };
        Junk *junk = head;
        int r = keys_compile(load, index, "", keys, ARRAY_SIZE(keys), head);

        if (r < 0 || !junk->when)
                return r;
        const char *word = moving_word(junk->when);
        if (word)
                loader_refuse(&load->loader, "when: %s does not fit: an activity is junk for good or not at all", word);
        else if (condition_is_always(junk->when) ||
                 (junk->when->type == NODE_DID && !junk->when->did->type && junk->when->did->n_matchers == 0))
                loader_refuse(&load->loader, "when: is every activity: none would count");
        return 0;
}

/* The one type an activity must have, where the condition says so plainly: most activities are of another, and asked no further. */
static const char *plain_type(const Condition *condition) {
        const char *type = NULL;

        if (condition->type == NODE_DID)
                return condition->did->type;
        if (condition->type == NODE_MATCH && condition->ref.kind == REF_ACTIVITY_TYPE) {
                const Matcher *matcher = condition->matcher;
                return matcher->op == MATCH_EQUALS && !matcher->negate && matcher->n_words == 1 ? matcher->words[0].text : NULL;
        }
        for (uint32_t i = 0; condition->type == NODE_ALL && i < condition->n_children && !type; i++)
                type = plain_type(&condition->children[i]);
        return type;
}

int policy_mark_junk(RuleSet *rules, Activity *history, size_t n_history, Arena *arena) {
        Subject nobody = { 0 };                                                 /* of which an activity's condition reads nothing */
        const Subject next = { .serial = policy_body(rules)->last_serial + 1 }; /* whom this history is of: timed as with all other rules */
        bool timed = n_history > 0 && rules->n_junks > 0 && cost_is_sampled(&next);
        Stopwatch watch;
        Eval eval;

        if (rules->n_junks > 0)
                eval_init(&eval, rules, &nobody, arena, PHASE_ACTIVITY);
        if (timed)
                stopwatch_start(&watch);
        for (size_t i = 0; i < n_history; i++)
                history[i].junk = NULL;
        for (size_t j = 0; j < rules->n_junks; j++) {
                const char *type = plain_type(rules->junks[j].when);

                for (size_t i = 0; i < n_history; i++) {
                        /* Where tests count what comparisons come out as, all of them are made. */
                        bool is_other = type && !eval.coverage && !base_streq(type, history[i].type);
                        if (history[i].junk || is_other)
                                continue;
                        eval.activity = &history[i];
                        if (eval_condition(&eval, rules->junks[j].when))
                                history[i].junk = &rules->junks[j];
                        if (eval.error < 0)
                                return eval.error;
                }
                if (timed)
                        stopwatch_lap(&watch, policy_body(rules), rules->junks[j].rule.index);
        }
        return 0;
}
