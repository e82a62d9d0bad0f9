/* SPDX-License-Identifier: MIT */
/*
 * coverage: what the tests of a rule set have never made happen: rules that were never hit, steps that never fired, bands that no
 * lead reached, and comparisons that came out only one way. What a comparison came out as is counted by policy where it is made; what
 * a rule did is read off decisions.
 */
#include "internal.h"
#include "leadd/plans.h"

#include <errno.h>

struct Coverage {
        RuleSet *rules;
        bool *hits;      /* by Rule.index */
        uint64_t *steps; /* by SLA: a bit a step that fired */
        uint64_t *sent;  /* by track: a bit a step that somebody was sent */
        bool fit[64], engagement[64];
};

_Static_assert(POLICY_STEPS_MAX <= 64, "steps are kept as bits");

int coverage_new(RuleSet *rules, Coverage **ret) {
        Coverage *coverage = calloc(1, sizeof(*coverage));
        if (!coverage)
                return -ENOMEM;
        coverage->rules = rules;
        coverage->hits = calloc(rules->n_rules + 1, sizeof(*coverage->hits));
        coverage->steps = calloc(rules->n_slas + 1, sizeof(*coverage->steps));
        coverage->sent = calloc(rules->n_tracks + 1, sizeof(*coverage->sent));
        int r = coverage->hits && coverage->steps && coverage->sent ? policy_cover(rules) : -ENOMEM;
        if (r < 0) {
                (void) trial_coverage_free(coverage);
                return r;
        }
        *ret = coverage;
        return 0;
}

Coverage *trial_coverage_free(Coverage *coverage) {
        if (coverage) {
                policy_cover_pause(coverage->rules);
                free(coverage->hits);
                free(coverage->steps);
                free(coverage->sent);
                free(coverage);
        }
        return NULL;
}

void coverage_hit(Coverage *coverage, const Rule *rule) {
        if (rule && rule->index < coverage->rules->n_rules)
                coverage->hits[rule->index] = true;
}

/* "A1": the longest names that fit, as grades are made of two. */
static void hit_grade(Coverage *coverage, const char *text) {
        const Grade *grade = coverage->rules->grade;
        if (!grade || !text)
                return;
        coverage_hit(coverage, text[0] ? &grade->rule : NULL);
        for (size_t i = 0; i < grade->n_fit && i < ARRAY_SIZE(coverage->fit); i++) {
                size_t size = strlen(grade->fit[i].name);
                for (size_t k = 0; k < grade->n_engagement && k < ARRAY_SIZE(coverage->engagement); k++)
                        if (strncmp(text, grade->fit[i].name, size) == 0 && base_streq(text + size, grade->engagement[k].name))
                                coverage->fit[i] = coverage->engagement[k] = true;
        }
}

static void hit_step(Coverage *coverage, const Record *record) {
        const char *name = facts_text(&record->facts, FIELD_TIMER_RULE);
        const Value *step = facts_get(&record->facts, FIELD_TIMER_STEP, NULL);
        const Sla *sla = name ? policy_sla(coverage->rules, name) : NULL;
        if (!sla || !step || step->type != VALUE_INTEGER || step->integer < 0)
                return;
        size_t at = (size_t) step->integer < sla->n_steps ? (size_t) step->integer : sla->n_steps - 1; /* repeats count on */
        coverage->steps[sla - coverage->rules->slas] |= UINT64_C(1) << at;
}

static void hit_sent(Coverage *coverage, const Effect *effect) {
        const Track *track = policy_track(coverage->rules, effect->rule);
        if (track && effect->step < track->n_steps)
                coverage->sent[track - coverage->rules->tracks] |= UINT64_C(1) << effect->step;
}

void coverage_add(Coverage *coverage, const Record *record, const Decision *decision) {
        const RuleSet *rules = coverage->rules;
        for (size_t i = 0; i < decision->receipts.n_items; i++)
                if (decision->receipts.items[i].matched)
                        coverage_hit(coverage, decision->receipts.items[i].rule);
        if (decision->after.status)
                coverage_hit(coverage, policy_rule(rules, RULE_STATUS, decision->after.status));
        for (size_t i = 0; i < decision->n_moves; i++)
                coverage_hit(coverage, policy_rule(rules, RULE_STATUS, decision->moves[i].to));
        hit_grade(coverage, decision->after.grade);
        for (size_t i = 0; i < decision->n_effects; i++) {
                const Effect *effect = &decision->effects[i];
                if (effect->message)
                        coverage_hit(coverage, policy_rule(rules, RULE_MESSAGE, effect->message));
                if (effect->kind == EFFECT_SENT)
                        hit_sent(coverage, effect);
                else if (!effect->recipient)
                        coverage_hit(coverage, policy_rule(rules, RULE_FEED, effect->channel));
        }
        if (record->family == FAMILY_TIMER && base_streq(record->event, "step"))
                hit_step(coverage, record);
}

/* ---- what is missing ---- */

static int add_gap(Coverage *coverage, TrialReport *report, size_t *capacity, const Rule *rule, const Text *text) {
        (void) coverage;
        TrialGap *gaps = trial_grow(report->arena, report->gaps, report->n_gaps, capacity, sizeof(*gaps));
        const char *copy = text->error < 0 ? NULL : arena_strndup(report->arena, text->data, text->size);
        if (!gaps || !copy)
                return -ENOMEM;
        report->gaps = gaps;
        gaps[report->n_gaps++] = (TrialGap){ .rule = rule, .text = copy };
        return 0;
}

/* What decides something, reads something or tells somebody. Others are there for these, or only say what things are. */
static bool can_be_hit(RuleKind kind) {
        switch (kind) {
        case RULE_STATUS:
        case RULE_SEGMENT:
        case RULE_SCORE:
        case RULE_JUNK:
        case RULE_CRITERION:
        case RULE_MOVE:
        case RULE_REASON:
        case RULE_FENCE:
        case RULE_ROUTE:
        case RULE_SLA:
        case RULE_TRACK:
        case RULE_CAMPAIGN:
        case RULE_GRADE:
        case RULE_MESSAGE:
        case RULE_FEED:
        case RULE_ADAPTER:
                return true;
        default:
                return false;
        }
}

static int report_bands(Coverage *coverage, TrialReport *report, size_t *capacity, const Grade *grade) {
        Text text = { 0 };
        int r = 0;
        for (size_t i = 0; i < grade->n_fit && i < ARRAY_SIZE(coverage->fit) && r == 0; i++)
                if (!coverage->fit[i]) {
                        text_clear(&text);
                        text_printf(&text, "no lead reached the band \"%s\" of fit", grade->fit[i].name);
                        r = add_gap(coverage, report, capacity, &grade->rule, &text);
                }
        for (size_t i = 0; i < grade->n_engagement && i < ARRAY_SIZE(coverage->engagement) && r == 0; i++)
                if (!coverage->engagement[i]) {
                        text_clear(&text);
                        text_printf(&text, "no lead reached the band \"%s\" of engagement", grade->engagement[i].name);
                        r = add_gap(coverage, report, capacity, &grade->rule, &text);
                }
        text_free(&text);
        return r;
}

static int report_steps(Coverage *coverage, TrialReport *report, size_t *capacity, const Sla *sla) {
        Text text = { 0 };
        int r = 0;
        for (size_t i = 0; i < sla->n_steps && r == 0; i++)
                if (!(coverage->steps[sla - coverage->rules->slas] >> i & 1)) {
                        text_clear(&text);
                        text_printf(&text, "steps[%zu] never fired", i + 1);
                        r = add_gap(coverage, report, capacity, &sla->rule, &text);
                }
        text_free(&text);
        return r;
}

static int report_sent(Coverage *coverage, TrialReport *report, size_t *capacity, const Track *track) {
        Text text = { 0 };
        int r = 0;
        for (size_t i = 0; i < track->n_steps && r == 0; i++)
                if (!(coverage->sent[track - coverage->rules->tracks] >> i & 1)) {
                        text_clear(&text);
                        text_printf(&text, "nobody was sent steps[%zu]", i + 1);
                        r = add_gap(coverage, report, capacity, &track->rule, &text);
                }
        text_free(&text);
        return r;
}

static int report_sites(Coverage *coverage, TrialReport *report, size_t *capacity, const Rule *rule) {
        Text text = { 0 };
        size_t n;
        const PolicySite *sites = policy_covered(coverage->rules, &n);
        int r = 0;
        for (size_t i = 0; i < n && r == 0; i++) {
                const PolicySite *site = &sites[i];
                if (site->rule != rule || (site->n_true > 0 && site->n_false > 0))
                        continue;
                text_clear(&text);
                text_printf(&text, "%s: ", site->key);
                policy_describe(coverage->rules, site->condition, &text);
                text_printf(&text, ": %s", site->n_true > 0 ? "never false" : site->n_false > 0 ? "never true" : "never looked at");
                r = add_gap(coverage, report, capacity, rule, &text);
        }
        text_free(&text);
        return r;
}

/* What a criterion, fence or junk rule asks held at least once. */
static void hit_conditions(Coverage *coverage) {
        size_t n;
        const PolicySite *sites = policy_covered(coverage->rules, &n);
        for (size_t i = 0; i < n; i++) {
                RuleKind kind = sites[i].rule->kind;
                bool decides = kind == RULE_CRITERION || kind == RULE_FENCE || kind == RULE_JUNK;
                if (decides && sites[i].is_whole && sites[i].n_true > 0 && base_streq(sites[i].key, "when"))
                        coverage_hit(coverage, sites[i].rule);
        }
}

int coverage_report(Coverage *coverage, TrialReport *report) {
        static const Text never = { .data = "never hit", .size = 9 };
        const RuleSet *rules = coverage->rules;
        size_t capacity = 0;
        int r = 0;
        policy_cover_pause(coverage->rules);
        hit_conditions(coverage);
        for (size_t i = 0; i < rules->n_rules && r == 0; i++) {
                const Rule *rule = rules->rules[i];
                if (!can_be_hit(rule->kind))
                        continue;
                if (!coverage->hits[i]) {
                        r = add_gap(coverage, report, &capacity, rule, &never);
                        continue;
                }
                if (rule->kind == RULE_GRADE)
                        r = report_bands(coverage, report, &capacity, rules->grade);
                if (rule->kind == RULE_SLA)
                        r = report_steps(coverage, report, &capacity, (const Sla *) (const void *) rule);
                if (rule->kind == RULE_TRACK)
                        r = report_sent(coverage, report, &capacity, (const Track *) (const void *) rule);
                if (r == 0)
                        r = report_sites(coverage, report, &capacity, rule);
        }
        return r;
}
