/* SPDX-License-Identifier: MIT */
/*
 * coverage: which comparisons of the rules have come out true, and which false, while tests ran. Counted where conditions are
 * evaluated, so that a comparison that another one before it has made superfluous does not count as looked at.
 *
 * Sites are the conditions that stand in rules and the comparisons in them, not the lists that join these: such a list comes out as the
 * last that was looked at. A set that nobody covers pays one comparison with NULL a condition.
 */
#include "check.h"

#include <errno.h>

struct PolicyCoverage {
        PolicySite *sites;
        size_t n_sites, capacity;
        uint32_t *slots; /* 1 + place in sites, by address of the condition */
        size_t n_slots;  /* a power of two */
};

static size_t slot_of(const PolicyCoverage *coverage, const Condition *condition) {
        uint64_t hash = (uint64_t) (uintptr_t) condition * UINT64_C(0x9e3779b97f4a7c15);
        size_t at = (size_t) (hash >> 32) & (coverage->n_slots - 1);
        while (coverage->slots[at] != 0 && coverage->sites[coverage->slots[at] - 1].condition != condition)
                at = (at + 1) & (coverage->n_slots - 1);
        return at;
}

static int add_site(PolicyCoverage *coverage, PolicySite site) {
        if (coverage->n_sites == coverage->capacity) {
                size_t capacity = coverage->capacity ? 2 * coverage->capacity : 256;
                PolicySite *sites = reallocarray(coverage->sites, capacity, sizeof(*sites));
                if (!sites)
                        return -ENOMEM;
                coverage->sites = sites;
                coverage->capacity = capacity;
        }
        coverage->sites[coverage->n_sites++] = site;
        return 0;
}

typedef struct Adding {
        PolicyCoverage *coverage;
        const Place *place;
} Adding;

static int add_node(const Adding *adding, const Condition *condition, bool is_whole) {
        bool joins = condition->type == NODE_ALL || condition->type == NODE_ANY || condition->type == NODE_NONE;
        int r = 0;
        if (is_whole || !joins)
                r = add_site(adding->coverage,
                        (PolicySite){
                                .rule = adding->place->rule, .key = adding->place->key, .condition = condition, .is_whole = is_whole });
        for (uint32_t i = 0; joins && i < condition->n_children && r == 0; i++)
                r = add_node(adding, &condition->children[i], false);
        return r;
}

static int on_place(const Place *place, void *userdata) {
        const Adding adding = { .coverage = userdata, .place = place };
        /* What a score counts is no condition of the lead: that it is never hit is all there is to say. What means everybody has no other
         * side. */
        bool decides = !base_streq(place->key, "on") && !condition_is_always(place->condition);
        return !decides ? 0 : add_node(&adding, place->condition, true);
}

PolicyCoverage *coverage_free(PolicyCoverage *coverage) {
        if (coverage) {
                free(coverage->sites);
                free(coverage->slots);
                free(coverage);
        }
        return NULL;
}

int policy_cover(RuleSet *rules) {
        RuleSetBody *body = policy_body(rules);
        if (body->covered) {
                body->covering = body->covered;
                return 0;
        }
        PolicyCoverage *coverage = calloc(1, sizeof(*coverage));
        if (!coverage)
                return -ENOMEM;
        int r = walk_conditions(rules, on_place, coverage);
        coverage->n_slots = 64;
        while (coverage->n_slots < 2 * coverage->n_sites)
                coverage->n_slots *= 2;
        coverage->slots = calloc(coverage->n_slots, sizeof(*coverage->slots));
        if (r < 0 || !coverage->slots) {
                (void) coverage_free(coverage);
                return -ENOMEM;
        }
        for (size_t i = 0; i < coverage->n_sites; i++)
                coverage->slots[slot_of(coverage, coverage->sites[i].condition)] = (uint32_t) i + 1;
        body->covering = body->covered = coverage;
        return 0;
}

void policy_cover_pause(RuleSet *rules) { policy_body(rules)->covering = NULL; }

const PolicySite *policy_covered(const RuleSet *rules, size_t *ret_n) {
        const PolicyCoverage *coverage = ((const RuleSetBody *) rules)->covered;
        *ret_n = coverage ? coverage->n_sites : 0;
        return coverage ? coverage->sites : NULL;
}

void coverage_count(PolicyCoverage *coverage, const Condition *condition, bool holds) {
        uint32_t slot = coverage->slots[slot_of(coverage, condition)];
        if (slot != 0 && holds)
                coverage->sites[slot - 1].n_true++;
        else if (slot != 0)
                coverage->sites[slot - 1].n_false++;
}
