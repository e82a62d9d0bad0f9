#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * offers: leads that were given to somebody who has to answer, and what became of each. An offer's fate is what the book says of it at one
 * instant, so that a period that is over is counted the same for ever, and two periods are counted alike. Names are the store's: the same
 * pointer is the same name.
 */
#include "leadd/report.h"

typedef struct Offer {
        uint64_t lead;
        uint64_t event; /* that ended it; 0 = it waits */
        int64_t offered_us, ended_us;
        int64_t due_us;     /* TIME_NONE = none runs, or ran when it ended */
        int64_t working_us; /* the owner's working time from the offer to its end; TIME_NONE = not known */
        HandOffHow how;
        ResponseStatus response; /* when it ended */
        const char *team, *owner, *sla, *reason;
        const char *const *scores; /* rules that gave it points when it ended */
        size_t n_scores;
        bool is_old; /* found in the log of an older book: how the promise was kept is not known */
} Offer;

typedef enum OfferFate {
        OFFER_LATER, /* it was not made yet */
        OFFER_OPEN,  /* waits, and there is time */
        OFFER_OVERDUE,
        OFFER_ACCEPTED,
        OFFER_ACCEPTED_LATE,
        OFFER_REJECTED,
        OFFER_REJECTED_LATE,
        OFFER_EXPIRED,   /* taken away because there was no answer */
        OFFER_LEFT,      /* went to somebody else before an answer was due: by hand, an absence, a merge */
        OFFER_LEFT_LATE, /* ... when one had been due */
        OFFER_FATES,
} OfferFate;
OfferFate offer_fate(const Offer *offer, int64_t at_us);
static inline bool offer_is_accepted(OfferFate fate) { return fate == OFFER_ACCEPTED || fate == OFFER_ACCEPTED_LATE; }
static inline bool offer_is_rejected(OfferFate fate) { return fate == OFFER_REJECTED || fate == OFFER_REJECTED_LATE; }
/* Was the promise kept or broken? Neither while there is time, where nothing was promised, and where it left before it was due. */
bool offer_is_kept(const Offer *offer, OfferFate fate);
bool offer_is_broken(const Offer *offer, OfferFate fate);

/* Those alone that ended, in the order of their ends. */
int offers_scan_ended(Store *store, int64_t from_us, int64_t until_us, int (*on_offer)(const Offer *offer, void *userdata), void *userdata);
/* Offers made in [from_us, until_us): first those that ended, in the order of their ends, then those that wait. Without leads that are
 * tests. What on_offer returns if it is not 0; STORE_E_*, -errno. */
int offers_scan(Store *store, const RuleSet *rules, int64_t from_us, int64_t until_us, int (*on_offer)(const Offer *offer, void *userdata),
        void *userdata);
