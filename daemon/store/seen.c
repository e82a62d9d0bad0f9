/* SPDX-License-Identifier: MIT */
/*
 * What each person has looked at, and when: so that a card can say what is new. Not folded from the log and no
 * projection, as the attempts of a delivery are none: looking is no event, and a replay looks at nothing. A look is
 * remembered in memory at once and written by the next transaction, so that reading a card costs no transaction and
 * works on a full disk; what a crash takes is told once more.
 */
#include "internal.h"
#include <errno.h>

static void look_done(Look *look) {
        free(look->person);
        free(look->grade);
        *look = (Look){ 0 };
}

void looks_done(Store *store) {
        for (size_t i = 0; i < store->n_looks; i++)
                look_done(&store->looks[i]);
        store->n_looks = 0;
}

void looks_forget(Store *store, uint64_t lead) {
        size_t n = 0;
        for (size_t i = 0; i < store->n_looks; i++)
                if (store->looks[i].lead == lead)
                        look_done(&store->looks[i]);
                else
                        store->looks[n++] = store->looks[i];
        store->n_looks = n;
}

size_t store_looks(const Store *store) { return store->n_looks; }

int store_note_look(Store *store, const char *person, uint64_t lead, const char *grade, int64_t now_us) {
        if (!store_is_writer(store))
                return -EOPNOTSUPP;
        LeadRow row;
        int r = lead_row(store, lead, &row);
        if (r != 0)
                return r;
        size_t at = 0;
        while (at < store->n_looks && (store->looks[at].lead != lead || !base_streq(store->looks[at].person, person)))
                at++;
        Look look = {
                .person = strdup(person), .grade = strdup(grade ? grade : ""), .lead = lead, .event = row.last_event, .at_us = now_us
        };
        if (!look.person || !look.grade) {
                look_done(&look);
                return -ENOMEM;
        }
        if (at == STORE_LOOKS_MAX) { /* a disk that stays full: the oldest is forgotten */
                look_done(&store->looks[0]);
                memmove(&store->looks[0], &store->looks[1], --at * sizeof(Look));
        } else if (at == store->n_looks)
                store->n_looks++;
        else
                look_done(&store->looks[at]);
        store->looks[at] = look;
        return 0;
}

int store_last_look(Store *store, const char *person, uint64_t lead, Arena *arena, SeenLead *ret) {
        for (size_t i = 0; i < store->n_looks; i++) {
                const Look *look = &store->looks[i];
                if (look->lead != lead || !base_streq(look->person, person))
                        continue;
                *ret = (SeenLead){ .event = look->event, .at_us = look->at_us, .grade = arena_strdup(arena, look->grade) };
                return ret->grade ? 0 : -ENOMEM;
        }
        uint64_t id = name_find(store, person);
        if (id == 0)
                return STORE_E_NONE;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_SEEN_GET, &row, ARG(id), ARG(lead));
        if (r != 0)
                return r;
        *ret = (SeenLead){ .event = column_u64(row, 0), .at_us = sqlite3_column_int64(row, 1) };
        r = name_copy(store, column_u64(row, 2), arena, &ret->grade);
        if (r == 0 && !ret->grade)
                ret->grade = "";
        return r;
}

int looks_flush(Store *store) {
        for (size_t i = 0; i < store->n_looks; i++) {
                const Look *look = &store->looks[i];
                uint64_t person, grade;
                int r = name_intern(store, look->person, &person);
                if (r == 0)
                        r = name_intern(store, look->grade, &grade);
                if (r == 0)
                        r = sql_run(store, SQL_SEEN_SET, ARG(person), ARG(look->lead), ARG(look->event), ARG(look->at_us), ARG(grade));
                if (r == 0)
                        r = sql_run(store, SQL_SEEN_PRUNE, ARG(person), ARG(STORE_SEEN_MAX));
                if (r != 0)
                        return r;
        }
        return 0;
}
