/* SPDX-License-Identifier: MIT */
/*
 * person_hours: where the person of a lead is, by the clock (person.zoneinfo), and the hours in which to write to people when the rules
 * name none: Monday to Friday, nine to five. Zones are made of the machine's data when the first lead has them, and kept with the rule set;
 * so is that there is none of a name. What people write into a form may be anything: beyond a number of names, none is known.
 */
#include "internal.h"
#include "leadd/plans.h"

#include <errno.h>

#define ZONES_MAX 1024 /* the world has some 600 */

typedef struct PersonZone {
        char *name;
        Zone *zone; /* NULL: there is none of that name */
} PersonZone;

struct PersonHours {
        PersonZone *zones; /* by name */
        size_t n_zones, capacity;
        Calendar *hours; /* NULL until asked for */
};

struct PersonHours *person_hours_free(struct PersonHours *hours) {
        if (!hours)
                return NULL;
        for (size_t i = 0; i < hours->n_zones; i++) {
                free(hours->zones[i].name);
                (void) zone_unref(hours->zones[i].zone);
        }
        free(hours->zones);
        (void) calendar_free(hours->hours);
        free(hours);
        return NULL;
}

static int find_hours(RuleSet *rules, struct PersonHours **ret) {
        RuleSetBody *body = policy_body(rules);

        if (!body->person_hours)
                body->person_hours = calloc(1, sizeof *body->person_hours);
        *ret = body->person_hours;
        return *ret ? 0 : -ENOMEM;
}

/* Where the name stands, or would. */
static bool find_zone(const struct PersonHours *hours, const char *name, size_t *ret_at) {
        size_t low = 0, high = hours->n_zones;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(hours->zones[middle].name, name);
                if (order == 0) {
                        *ret_at = middle;
                        return true;
                }
                *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
        }
        *ret_at = low;
        return false;
}

static int add_zone(struct PersonHours *hours, const char *name, size_t at) {
        if (hours->n_zones == hours->capacity) {
                size_t capacity = hours->capacity > 0 ? 2 * hours->capacity : 16;
                PersonZone *zones = reallocarray(hours->zones, capacity, sizeof *zones);
                if (!zones)
                        return -ENOMEM;
                hours->zones = zones;
                hours->capacity = capacity;
        }
        PersonZone added = { .name = strdup(name) };
        if (!added.name)
                return -ENOMEM;
        int r = zone_new(name, &added.zone);
        if (r < 0) {
                free(added.name);
                return r;
        }
        memmove(&hours->zones[at + 1], &hours->zones[at], (hours->n_zones - at) * sizeof *hours->zones);
        hours->zones[at] = added;
        hours->n_zones++;
        return 0;
}

int policy_person_zone(RuleSet *rules, const Facts *profile, const Zone **ret) {
        const char *name = facts_text(profile, FIELD_PERSON_ZONEINFO);
        struct PersonHours *hours;
        size_t at;

        *ret = NULL;
        if (!name)
                return 0;
        int r = find_hours(rules, &hours);
        if (r < 0)
                return r;
        if (!find_zone(hours, name, &at)) {
                if (hours->n_zones == ZONES_MAX)
                        return 0;
                r = add_zone(hours, name, at);
                if (r < 0)
                        return r;
        }
        *ret = hours->zones[at].zone;
        return 0;
}

int policy_default_hours(RuleSet *rules, const Calendar **ret) {
        static const CalendarRule open[] = { { .key = "mon_fri", .value = "09:00-17:00" } };
        const CalendarSpec spec = { .name = "", .zone = "UTC", .open = open, .n_open = ARRAY_SIZE(open) };
        struct PersonHours *hours;
        int r = find_hours(rules, &hours);

        if (r == 0 && !hours->hours)
                r = calendar_new(&spec, &hours->hours, NULL);
        *ret = hours ? hours->hours : NULL;
        return r > 0 ? -EINVAL : r;
}
