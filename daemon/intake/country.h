#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * What is known of each country: ISO 3166-1 codes, how it is dialled, what people call it.
 */
#include <stddef.h>
#include <stdint.h>

typedef struct Country {
        char alpha2[3], alpha3[4];
        uint16_t calling_code;          /* 0: it has none */
        char trunk[3];                  /* what is dialled before a national number; "" = nothing */
        char international[5];          /* what is dialled before a calling code; "" = "00" */
        uint8_t digits_min, digits_max; /* of fixed and mobile numbers without calling code and trunk prefix */
        const char *names;              /* folded as country_find() folds, separated by | */
} Country;

extern const Country intake_countries[];
extern const size_t intake_n_countries;

/* By alpha-2, upper case; NULL: there is none. */
const Country *country_by_alpha2(const char *alpha2);
