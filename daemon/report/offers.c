/* SPDX-License-Identifier: MIT */
#include "offers.h"

#include "tally.h"

OfferFate offer_fate(const Offer *offer, int64_t at_us) {
        if (offer->offered_us > at_us)
                return OFFER_LATER;
        if (offer->event == 0 || offer->ended_us > at_us)
                return offer->due_us != TIME_NONE && offer->due_us <= at_us ? OFFER_OVERDUE : OFFER_OPEN;
        bool is_late = offer->response == RESPONSE_FAILED;
        switch (offer->how) {
        case HANDOFF_ACCEPTED:
                return is_late ? OFFER_ACCEPTED_LATE : OFFER_ACCEPTED;
        case HANDOFF_RETURNED:
                return is_late ? OFFER_REJECTED_LATE : OFFER_REJECTED;
        case HANDOFF_EXPIRED:
                return OFFER_EXPIRED;
        default:
                return is_late ? OFFER_LEFT_LATE : OFFER_LEFT;
        }
}

bool offer_is_kept(const Offer *offer, OfferFate fate) {
        return (fate == OFFER_ACCEPTED || fate == OFFER_REJECTED) && offer->response != RESPONSE_NONE;
}

bool offer_is_broken(const Offer *offer, OfferFate fate) {
        /* Those that expired are the only ones of which an older book says it. */
        if (offer->is_old)
                return false;
        return fate == OFFER_OVERDUE || fate == OFFER_ACCEPTED_LATE || fate == OFFER_REJECTED_LATE || fate == OFFER_EXPIRED ||
               fate == OFFER_LEFT_LATE;
}

/* ---- out of the book ---- */

typedef struct Owner {
        bool is_known;
        const char *team;
} Owner;

typedef struct Scanning {
        const RuleSet *rules;
        int64_t from_us, until_us;
        int (*on_offer)(const Offer *offer, void *userdata);
        void *userdata;
        Tally owners; /* Owner, by owner */
        Tally teams;  /* of hand-offs that ended; bool, nothing is counted */
} Scanning;

static int on_handoff(const ScanHandoff *row, void *userdata) {
        Scanning *scanning = userdata;
        uint32_t number;

        if (row->test || row->offered_us < scanning->from_us || row->offered_us >= scanning->until_us)
                return 0;
        const Offer offer = {
                .lead = row->lead,
                .event = row->event,
                .offered_us = row->offered_us,
                .ended_us = row->ended_us,
                .due_us = row->due_us,
                .working_us = row->working_us,
                .how = row->how,
                .response = row->response,
                .team = row->team,
                .owner = row->owner,
                .sla = row->sla,
                .reason = row->reason,
                .scores = row->scores,
                .n_scores = row->n_scores,
                .is_old = row->is_old,
        };
        int r = tally_find(&scanning->teams, (TallyKey){ row->team, NULL }, &number);
        return r == 0 ? scanning->on_offer(&offer, scanning->userdata) : r;
}

/* The store's name of the team, where hand-offs of it have ended, so that those that wait count beside them. */
static const char *same_name(const Scanning *scanning, const char *team) {
        for (uint32_t i = 0; i < scanning->teams.n; i++)
                if (scanning->teams.keys[i].a && base_streq(scanning->teams.keys[i].a, team))
                        return scanning->teams.keys[i].a;
        return team;
}

static int find_team(Scanning *scanning, const char *owner, const char **ret) {
        uint32_t number;
        int r = tally_find(&scanning->owners, (TallyKey){ owner, NULL }, &number);

        if (r != 0)
                return r;
        Owner *found = tally_line(&scanning->owners, number);
        if (!found->is_known) {
                const Member *member = policy_member(scanning->rules, owner);
                *found = (Owner){ .is_known = true, .team = member ? same_name(scanning, member->team->rule.name) : NULL };
        }
        *ret = found->team;
        return 0;
}

static int on_waiting(const ScanWaiting *row, void *userdata) {
        Scanning *scanning = userdata;
        Offer offer = {
                .lead = row->lead,
                .offered_us = row->offered_us,
                .ended_us = TIME_NONE,
                .due_us = row->due_us,
                .working_us = TIME_NONE,
                .owner = row->owner,
                .sla = row->sla,
        };

        if (row->offered_us < scanning->from_us || row->offered_us >= scanning->until_us)
                return 0;
        int r = find_team(scanning, row->owner, &offer.team);
        return r == 0 ? scanning->on_offer(&offer, scanning->userdata) : r;
}

static int scan_ended(Store *store, Scanning *scanning) {
        return store_scan_handoffs(store, scanning->from_us, TIME_NONE, on_handoff, scanning);
}

int offers_scan_ended(
        Store *store, int64_t from_us, int64_t until_us, int (*on_offer)(const Offer *offer, void *userdata), void *userdata) {
        Scanning scanning = {
                .from_us = from_us, .until_us = until_us, .on_offer = on_offer, .userdata = userdata, .teams = { .line_size = sizeof(bool) }
        };
        int r = scan_ended(store, &scanning);

        tally_done(&scanning.teams);
        return r;
}

int offers_scan(Store *store, const RuleSet *rules, int64_t from_us, int64_t until_us, int (*on_offer)(const Offer *offer, void *userdata),
        void *userdata) {
        Scanning scanning = {
                .rules = rules,
                .from_us = from_us,
                .until_us = until_us,
                .on_offer = on_offer,
                .userdata = userdata,
                .owners = { .line_size = sizeof(Owner) },
                .teams = { .line_size = sizeof(bool) },
        };
        int r = scan_ended(store, &scanning);

        if (r == 0)
                r = store_scan_waiting(store, on_waiting, &scanning);
        tally_done(&scanning.owners);
        tally_done(&scanning.teams);
        return r;
}
