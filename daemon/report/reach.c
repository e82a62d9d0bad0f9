/* SPDX-License-Identifier: MIT */
/*
 * Which leads of a period reached which stages, and when: one scan over leads, one over moves, and over hand-offs and opportunities where
 * a stage is made of them. What is known now counts, whenever it came to be known: a lead belongs to the period in which it was first heard
 * of, and a move counts whenever it was made.
 *
 * A million leads with six stages need 56 MB while they are gathered (REACH_LEADS_MAX).
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

/* ---- stages of a name ---- */

static bool has_status(const RuleSet *rules, const Stage *stage, const char *name) {
        const Status *status = policy_status(rules, name); /* as it is called now */
        for (size_t i = 0; i < stage->n_statuses; i++)
                if (stage->statuses[i] == status)
                        return true;
        return false;
}

static bool has_move(const RuleSet *rules _unused_, const Stage *stage, const char *name) {
        for (size_t i = 0; i < stage->n_moves; i++) {
                const Move *move = stage->moves[i];
                if (base_streq(move->rule.name, name))
                        return true;
                for (size_t k = 0; k < move->n_aliases; k++)
                        if (base_streq(move->aliases[k], name))
                                return true;
        }
        return false;
}

/* The stages a name stands for are found once. */
static int find_bits(const Reach *reach, Numbered *names, uint32_t **bits,
        bool (*has)(const RuleSet *rules, const Stage *stage, const char *name), const char *name, uint32_t *ret) {
        uint32_t number;
        bool is_new;
        int r = numbered_find(names, name, &number, &is_new);
        if (r < 0)
                return r;
        if (is_new) {
                uint32_t *grown = reallocarray(*bits, names->capacity, sizeof(uint32_t));
                if (!grown)
                        return -ENOMEM;
                *bits = grown;
                grown[number] = 0;
                for (size_t i = 0; name && i < reach->n_stages; i++)
                        if (has(reach->rules, &reach->stages[i], name))
                                grown[number] |= UINT32_C(1) << i;
        }
        *ret = (*bits)[number];
        return 0;
}

static int status_bits(Reach *reach, const char *status, uint32_t *ret) {
        return find_bits(reach, &reach->statuses, &reach->status_bits, has_status, status, ret);
}

/* ---- leads ---- */

static int keep_merged(Reach *reach, const ScanLead *lead) {
        if (reach->n_merged == reach->merged_capacity) {
                size_t capacity = reach->merged_capacity > 0 ? reach->merged_capacity * 2 : 64;
                struct Merged *merged = reallocarray(reach->merged, capacity, sizeof(*merged));
                if (!merged)
                        return -ENOMEM;
                reach->merged = merged;
                reach->merged_capacity = capacity;
        }
        reach->merged[reach->n_merged++] = (struct Merged){ .lead = lead->id, .survivor = lead->survivor };
        return 0;
}

static int slot_for(Reach *reach, uint64_t lead, uint32_t slot) {
        if (lead >= reach->n_slots) {
                size_t n_slots = lead + lead / 2 + 1024;
                uint32_t *slots = reallocarray(reach->slots, n_slots, sizeof(uint32_t));
                if (!slots)
                        return -ENOMEM;
                memset(slots + reach->n_slots, 0, (n_slots - reach->n_slots) * sizeof(uint32_t));
                reach->slots = slots;
                reach->n_slots = n_slots;
        }
        reach->slots[lead] = slot;
        return 0;
}

static uint32_t slot_of(const Reach *reach, uint64_t lead) { return lead < reach->n_slots ? reach->slots[lead] : 0; }

/* Whole seconds, and none before it was created: what a merged lead brought along may be older. */
static uint32_t seconds_after(const Reacher *reacher, int64_t at_us) {
        int64_t seconds = at_us <= reacher->created_us ? 0 : (at_us - reacher->created_us) / US_PER_SECOND;
        return seconds < UINT32_MAX - 1 ? (uint32_t) seconds : UINT32_MAX - 1;
}

static const char *key_of(ReachBy by, const ScanLead *lead) {
        switch (by) {
        case REACH_BY_SOURCE:
                return lead->came_from;
        case REACH_BY_CAMPAIGN:
                return lead->campaign;
        case REACH_BY_SEGMENT:
                return lead->segments;
        case REACH_BY_GRADE:
                return lead->grade;
        case REACH_BY_OWNER:
                return lead->owner;
        case REACH_BY_NOTHING:
                break;
        }
        return NULL;
}

static int on_lead(const ScanLead *lead, void *userdata) {
        Reach *reach = userdata;
        if (lead->merged)
                return lead->erased ? 0 : keep_merged(reach, lead);
        if (lead->erased || lead->test || lead->created_us < reach->from_us || lead->created_us >= reach->until_us)
                return 0;
        if (reach->n_leads == REACH_LEADS_MAX)
                return -EFBIG;
        if (reach->n_leads == reach->capacity) {
                size_t capacity = reach->capacity > 0 ? reach->capacity + reach->capacity / 2 : 1024;
                Reacher *leads = reallocarray(reach->leads, capacity, sizeof(Reacher));
                if (!leads)
                        return -ENOMEM;
                reach->leads = leads;
                reach->capacity = capacity;
        }
        Reacher *reacher = &reach->leads[reach->n_leads];
        *reacher = (Reacher){ .created_us = lead->created_us, .has_owner = lead->owner != NULL };
        reacher->entered = seconds_after(reacher, lead->entered_us);
        int r = status_bits(reach, lead->status, &reacher->in_status);
        if (r == 0)
                r = numbered_find(&reach->keys, key_of(reach->by, lead), &reacher->key, NULL);
        if (r == 0)
                r = slot_for(reach, lead->id, (uint32_t) ++reach->n_leads);
        return r;
}

/* ---- what they reached ---- */

static void take(Reach *reach, size_t lead, uint32_t bits, uint32_t seconds) {
        for (; bits; bits &= bits - 1) {
                uint32_t *at = &reach->reached[lead * reach->n_stages + (size_t) __builtin_ctz(bits)];
                if (*at == 0 || seconds + 1 < *at)
                        *at = seconds + 1;
        }
}

static int take_owner(Reach *reach, Reacher *reacher, const char *owner) {
        if (reach->by != REACH_BY_OWNER || reacher->has_owner || !owner)
                return 0;
        return numbered_find(&reach->keys, owner, &reacher->key, NULL);
}

static int on_transition(const ScanTransition *row, void *userdata) {
        Reach *reach = userdata;
        uint32_t slot = slot_of(reach, row->lead), came, went, moved;
        if (slot == 0 || row->test)
                return 0;
        Reacher *reacher = &reach->leads[slot - 1];
        int r = status_bits(reach, row->from, &came);
        if (r == 0)
                r = status_bits(reach, row->to, &went);
        if (r == 0)
                r = find_bits(reach, &reach->moves, &reach->move_bits, has_move, row->move, &moved);
        if (r != 0)
                return r;
        /* The status it was created in is the `from` of its first move. */
        take(reach, slot - 1, came, seconds_after(reacher, row->at_us - row->spent_us));
        take(reach, slot - 1, went | moved, seconds_after(reacher, row->at_us));
        return take_owner(reach, reacher, row->owner);
}

static int on_handoff(const ScanHandoff *row, void *userdata) {
        Reach *reach = userdata;
        uint32_t slot = slot_of(reach, row->lead);
        if (slot == 0 || row->test)
                return 0;
        Reacher *reacher = &reach->leads[slot - 1];
        if (row->how == HANDOFF_ACCEPTED)
                take(reach, slot - 1, reach->accepted, seconds_after(reacher, row->ended_us));
        return take_owner(reach, reacher, row->owner);
}

/* Known of the lead, whatever became of it: from when it was opened. */
static int on_opportunity(const StoredOpportunity *row, void *userdata) {
        Reach *reach = userdata;
        uint32_t slot = slot_of(reach, row->lead);
        if (slot > 0 && !row->is_test)
                take(reach, slot - 1, reach->opportunity, seconds_after(&reach->leads[slot - 1], row->opportunity.opened_us));
        return 0;
}

static void take_marks(Reach *reach) {
        for (size_t i = 0; i < reach->n_stages; i++) {
                uint32_t bit = UINT32_C(1) << i;
                reach->every |= reach->stages[i].every ? bit : 0;
                reach->accepted |= reach->stages[i].accepted ? bit : 0;
                reach->opportunity |= reach->stages[i].opportunity ? bit : 0;
        }
}

static int gather(const ReportInput *input, Reach *reach) {
        int r = store_scan_leads(input->store, 0, SCAN_FEW, on_lead, reach);
        if (r != 0)
                return r;
        for (size_t i = 0; i < reach->n_merged && r == 0; i++) {
                uint32_t slot = slot_of(reach, reach->merged[i].survivor);
                if (slot > 0)
                        r = slot_for(reach, reach->merged[i].lead, slot);
        }
        if (r == 0 && reach->n_leads > 0) {
                reach->reached = calloc(reach->n_leads * reach->n_stages, sizeof(uint32_t));
                if (!reach->reached)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < reach->n_leads; i++)
                take(reach, i, reach->every, 0);
        /* Nothing happened to a lead before it was heard of. */
        if (r == 0 && reach->n_leads > 0)
                r = store_scan_transitions(input->store, reach->from_us, TIME_NONE, on_transition, reach);
        if (r == 0 && reach->n_leads > 0 && (reach->accepted || reach->by == REACH_BY_OWNER))
                r = store_scan_handoff_ends(input->store, reach->from_us, TIME_NONE, on_handoff, reach);
        if (r == 0 && reach->n_leads > 0 && reach->opportunity)
                r = store_scan_opportunities(input->store, 0, on_opportunity, reach);
        for (size_t i = 0; i < reach->n_leads && r == 0; i++)
                take(reach, i, reach->leads[i].in_status, reach->leads[i].entered);
        return r;
}

int reach_gather(const ReportInput *input, ReachBy by, Reach *ret) {
        *ret = (Reach){
                .by = by,
                .rules = input->rules,
                .stages = input->rules->stages,
                .n_stages = input->rules->n_stages < REACH_STAGES_MAX ? input->rules->n_stages : REACH_STAGES_MAX,
                .from_us = input->from_us,
                .until_us = report_until(input),
        };
        take_marks(ret);
        int r = gather(input, ret);
        free(ret->slots);
        free(ret->merged);
        ret->slots = NULL;
        ret->merged = NULL;
        return r;
}

void reach_done(Reach *reach) {
        free(reach->leads);
        free(reach->reached);
        free(reach->slots);
        free(reach->merged);
        free(reach->status_bits);
        free(reach->move_bits);
        numbered_done(&reach->keys);
        numbered_done(&reach->statuses);
        numbered_done(&reach->moves);
        *reach = (Reach){ 0 };
}
