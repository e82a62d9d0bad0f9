/* SPDX-License-Identifier: MIT */
/*
 * fairness: what routing did and did not do for each member, as facts that are summed up for the report. Of each lead given
 * by turn everybody in the running is entitled to the share that turns.c gave them: the weight by the sum of the weights of those
 * who could take it. A lead that makes good a turn given back was shared out when that turn was taken. A skip is a lead that went to
 * somebody else by a route of the team while there was a cause against this member; who waits because nobody can take a lead has been
 * passed over by nobody.
 */
#include "internal.h"

#include <errno.h>

int fairness_add(Deciding *deciding, const char *team, const char *route, const char *member, FairKind kind, int64_t n) {
        Decision *out = deciding->out;
        const Zone *zone = deciding->rules->settings->zone;
        int64_t now_us = deciding->input->now_us;

        if (deciding->input->before_6 || out->after.test)
                return 0;
        if ((out->n_fair & (out->n_fair - 1)) == 0) {
                FairFact *grown = ARENA_ARRAY(deciding->arena, FairFact, out->n_fair > 0 ? 2 * out->n_fair : 1);
                if (!grown)
                        return -ENOMEM;
                if (out->n_fair > 0)
                        memcpy(grown, out->fair, out->n_fair * sizeof(FairFact));
                out->fair = grown;
        }
        int64_t local_us = now_us + (zone ? zone_offset_seconds(zone, now_us) * US_PER_SECOND : 0);
        out->fair_day = local_us / US_PER_DAY - (local_us % US_PER_DAY < 0);
        out->fair[out->n_fair++] = (FairFact){ .team = team, .route = route, .member = member, .kind = kind, .n = n };
        return 0;
}

int fairness_of_turn(
        Deciding *deciding, const Team *team, const char *route, const Candidate *candidates, size_t n, const Candidate *chosen) {
        const char *name = team->rule.name;
        int r = 0;

        for (size_t i = 0; i < n && r == 0; i++) {
                const char *member = candidates[i].member->rule.name;
                bool is_head = !chosen && candidates[i].member == team->head;
                if (candidates[i].runs) {
                        int64_t share = (int64_t) (((__int128) candidates[i].share * FAIR_LEAD + DECIDE_TURN / 2) / DECIDE_TURN);
                        if (share > 0)
                                r = fairness_add(deciding, name, route, member, FAIR_ENTITLED, share);
                } else if (!candidates[i].cause)
                        r = fairness_add(deciding, name, route, member, FAIR_SKIPPED_BEHIND, 1);
                else if (candidates[i].skipped && !is_head)
                        r = fairness_add(deciding, name, route, member, candidates[i].skipped, 1);
        }
        if (r < 0)
                return r;
        if (!chosen)
                return fairness_add(deciding, name, route, team->head->rule.name, FAIR_AS_HEAD, 1);
        return fairness_add(deciding, name, route, chosen->member->rule.name, chosen->by_credit ? FAIR_MADE_GOOD : FAIR_BY_TURN, 1);
}
