/* SPDX-License-Identifier: MIT */
/*
 * Leads that a new rule set would leave behind: in a status it does not have, or with an owner it does not know. Such a set is
 * refused, with the number of leads and the word that would make it good (renamed_from, left = true). Counted from the tallies,
 * which do not know test leads: one of those waits visibly in its old status, and nobody works on it.
 */
#include "leadd/gate.h"

#include <errno.h>

typedef struct Stranded {
        const char *name;
        uint64_t n;
} Stranded;

typedef struct StrandedList {
        const RuleSet *rules;
        Stranded *items;
        size_t n, capacity;
        bool owners; /* else statuses */
} StrandedList;

static int add(StrandedList *list, const char *name, uint64_t n) {
        for (size_t i = 0; i < list->n; i++)
                if (base_streq(list->items[i].name, name)) {
                        list->items[i].n += n;
                        return 0;
                }
        if (list->n == list->capacity) {
                size_t capacity = list->capacity ? list->capacity * 2 : 16;
                Stranded *grown = reallocarray(list->items, capacity, sizeof *grown);
                if (!grown)
                        return -ENOMEM;
                list->items = grown;
                list->capacity = capacity;
        }
        list->items[list->n++] = (Stranded){ .name = name, .n = n };
        return 0;
}

static int on_tally(const char *owner, const char *status_name, uint64_t n, void *userdata) {
        StrandedList *list = userdata;
        const Status *status = status_name ? policy_status(list->rules, status_name) : NULL;

        /* What was final counts, too: without its status nobody knows any more that it is. */
        if (!list->owners)
                return status || !status_name ? 0 : add(list, status_name, n);
        bool is_open = !status || status->kind != STATUS_FINAL;
        return owner && is_open && !policy_member(list->rules, owner) ? add(list, owner, n) : 0;
}

int gate_check_stranded(Store *store, const RuleSet *rules, const RuleSet *running, PolicyReport *report) {
        StrandedList list = { .rules = rules };
        int r = store_tallies(store, on_tally, &list);

        for (size_t i = 0; i < list.n && r == 0; i++) {
                const Stranded *item = &list.items[i];
                const Status *status = running ? policy_status(running, item->name) : NULL;
                static const char text[] = "%llu %s in \"%s\", which the new rules do not have: renamed_from = \"%s\" on its successor";
                const char *are = item->n == 1 ? "lead is" : "leads are";
                r = status ? policy_report_error(report, &status->rule, text, (unsigned long long) item->n, are, item->name, item->name)
                           : policy_report_refuse(report, text, (unsigned long long) item->n, are, item->name, item->name);
        }
        list.n = 0;
        list.owners = true;
        if (r == 0)
                r = store_tallies(store, on_tally, &list);
        for (size_t i = 0; i < list.n && r == 0; i++) {
                const Stranded *item = &list.items[i];
                const Member *member = running ? policy_member(running, item->name) : NULL;
                static const char text[] =
                        "%llu open %s owned by \"%s\", whom the new rules do not have: keep the member with left = true, and "
                        "others get them";
                const char *are = item->n == 1 ? "lead is" : "leads are";
                r = member ? policy_report_error(report, &member->rule, text, (unsigned long long) item->n, are, item->name)
                           : policy_report_refuse(report, text, (unsigned long long) item->n, are, item->name);
        }
        free(list.items);
        return r;
}
