/* SPDX-License-Identifier: MIT */
/*
 * pecking: which of somebody's open leads comes first. One total order, a function of the leads, the rules and now alone,
 * so that two processes, and two verbs, never disagree. What is due decides first, then what the lead is worth; among
 * equals who has waited longer, and at the very last the lead's number. Loads nothing and moves nothing.
 */
#include "internal.h"

#include <stdlib.h>

void decide_find_bands(const Grade *grade, const char *text, uint32_t *ret_letter, uint32_t *ret_number) {
        *ret_letter = grade ? (uint32_t) grade->n_fit : 0;
        *ret_number = grade ? (uint32_t) grade->n_engagement : 0;
        if (!grade)
                return;
        /* Behind the bands of fit stands "?", where nothing is known; without bands of fit a grade is a number alone. */
        for (size_t i = 0; i <= grade->n_fit; i++) {
                const char *letter = grade->n_fit == 0 ? "" : i < grade->n_fit ? grade->fit[i].name : "?";
                size_t size = strlen(letter);
                if (strncmp(text, letter, size) != 0)
                        continue;
                for (size_t k = 0; k < grade->n_engagement; k++)
                        if (base_streq(grade->engagement[k].name, text + size)) {
                                *ret_letter = (uint32_t) i;
                                *ret_number = (uint32_t) k;
                                return;
                        }
        }
}

static bool owner_may_leave(const RuleSet *rules, const Status *status) {
        for (size_t i = 0; i < rules->n_moves; i++) {
                const Move *move = &rules->moves[i];
                bool is_by_owner =
                        move->by == BY_OWNER || move->by == BY_TEAM || (move->by == BY_NAMED_TEAM && move->by_team == status->team);
                if (is_by_owner && moves_leave(move, status))
                        return true;
        }
        return false;
}

bool decide_waits_for_owner(const RuleSet *rules, const DeskLead *lead) {
        const Status *status = policy_status(rules, lead->status);
        const Sla *sla = lead->sla ? policy_sla(rules, lead->sla) : NULL;

        if (!status || status->kind == STATUS_FINAL)
                return false;
        return lead->unaccepted || (sla && (sla->stop || owner_may_leave(rules, status)));
}

static PeckRank rank_of(const RuleSet *rules, const DeskLead *lead, int64_t now_us) {
        bool waits = decide_waits_for_owner(rules, lead);

        if (lead->sla && lead->snoozed_until_us != TIME_NONE && lead->snoozed_until_us > now_us)
                return PECK_RESTS;
        if (waits && lead->due_us != TIME_NONE && lead->due_us <= now_us)
                return PECK_OVERDUE;
        if (waits && lead->due_us != TIME_NONE && lead->due_us - now_us <= DECIDE_SOON_US)
                return PECK_SOON;
        return waits ? PECK_WAITS : PECK_OPEN;
}

static int compare(int64_t a, int64_t b) { return a < b ? -1 : a > b; }

/* What a lead is worth, and who waits longer. */
static int compare_worth(const DeskLead *a, const DeskLead *b) {
        int r = compare(a->letter, b->letter);

        if (r == 0)
                r = compare(a->number, b->number);
        if (r == 0)
                r = compare(b->engagement_mp, a->engagement_mp);
        if (r == 0)
                r = compare(a->since_us, b->since_us);
        return r != 0 ? r : compare((int64_t) a->lead, (int64_t) b->lead);
}

static int compare_peck(const void *a_, const void *b_) {
        const DeskLead *a = a_, *b = b_;

        if (a->rank != b->rank)
                return a->rank < b->rank ? -1 : 1;
        if ((a->rank == PECK_OVERDUE || a->rank == PECK_SOON) && a->due_us != b->due_us)
                return compare(a->due_us, b->due_us);
        return compare_worth(a, b);
}

int decide_compare_due(const DeskLead *a, const DeskLead *b) {
        bool a_is_due = a->due_us != TIME_NONE, b_is_due = b->due_us != TIME_NONE;

        /* What rests is not due before it wakes, whatever its clock says. */
        if ((a->rank == PECK_RESTS) != (b->rank == PECK_RESTS))
                return a->rank == PECK_RESTS ? 1 : -1;
        if (a_is_due != b_is_due)
                return a_is_due ? -1 : 1;
        if (a_is_due && a->due_us != b->due_us)
                return compare(a->due_us, b->due_us);
        return compare(a->place, b->place);
}

void decide_peck(const RuleSet *rules, int64_t now_us, DeskLead *leads, size_t n) {
        for (size_t i = 0; i < n; i++) {
                leads[i].rank = rank_of(rules, &leads[i], now_us);
                decide_find_bands(rules->grade, leads[i].grade, &leads[i].letter, &leads[i].number);
        }
        if (n > 0)
                qsort(leads, n, sizeof(*leads), compare_peck);
        for (size_t i = 0; i < n; i++)
                leads[i].place = (uint32_t) i + 1;
}
