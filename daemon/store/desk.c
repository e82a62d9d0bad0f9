/* SPDX-License-Identifier: MIT */
/*
 * What routing asks about everybody at every event, so it stands in memory: turns and
 * absences, how many leads somebody owns and has not accepted, how many were routed
 * to them today, and who owns the other open leads of a company. The first three are
 * written to their small tables once a transaction (a turn changes every seat of a
 * team at every lead); the last (accounts.c) is found again from the lead rows at start.
 *
 * Also the undo journal: what a transaction did to anything in memory, so that a rollback leaves memory as the file is.
 */
#include "internal.h"
#include <errno.h>

/* ---- undo ---- */

int undo_reserve(Store *store) {
        if (store->n_undo < store->undo_capacity)
                return 0;
        size_t capacity = store->undo_capacity > 0 ? store->undo_capacity * 2 : 1024;
        Undo *undo = reallocarray(store->undo, capacity, sizeof(Undo));
        if (!undo)
                return -ENOMEM;
        store->undo = undo;
        store->undo_capacity = capacity;
        return 0;
}

void undo_push(Store *store, Undo undo) {
        if (store->is_in_transaction)
                store->undo[store->n_undo++] = undo;
}

int index_add_undoable(Store *store, Index *index, uint32_t fingerprint, uint32_t id) {
        int r = undo_reserve(store);
        if (r == 0)
                r = index_add(index, fingerprint, id);
        if (r == 0)
                undo_push(store, (Undo){ .kind = UNDO_INDEX_ADD, .index = index, .a = fingerprint, .b = id });
        return r;
}

int index_remove_undoable(Store *store, Index *index, uint32_t fingerprint, uint32_t id) {
        int r = undo_reserve(store);
        if (r == 0 && index_remove(index, fingerprint, id))
                undo_push(store, (Undo){ .kind = UNDO_INDEX_REMOVE, .index = index, .a = fingerprint, .b = id });
        return r;
}

/* ---- companies ---- */

static uint32_t company_hash(const Store *store, const char *domain) {
        return (uint32_t) (index_hash(store->seed, domain, strlen(domain)) >> 32);
}

int company_find(Store *store, const char *domain, uint64_t *ret) {
        *ret = 0;
        if (!domain || domain[0] == '\0')
                return 0;
        uint32_t hash = company_hash(store, domain), id;
        for (size_t cursor = 0; (id = index_find(&store->companies, hash, &cursor)) != 0;) {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                int r = sql_row(store, SQL_COMPANY_GET, &row, ARG((uint64_t) id));
                if (r == STORE_E_NONE)
                        continue;
                if (r != 0)
                        return r;
                const char *text = column_text(row, 0);
                if (text && base_streq(text, domain)) {
                        *ret = id;
                        return 0;
                }
        }
        return 0;
}

int company_intern(Store *store, const char *domain, uint64_t *ret) {
        int r = company_find(store, domain, ret);
        if (r != 0 || *ret > 0 || !domain || domain[0] == '\0')
                return r;
        uint64_t id = store->now.next_company;
        if (id > STORE_IDS_MAX)
                return -EOVERFLOW;
        r = sql_run(store, SQL_COMPANY_ADD, ARG(id), ARG(domain));
        if (r == 0)
                r = index_add_undoable(store, &store->companies, company_hash(store, domain), (uint32_t) id);
        if (r != 0)
                return r;
        store->now.next_company++;
        *ret = id;
        return 0;
}

int company_erase(Store *store, uint64_t company, uint64_t lead) {
        _cleanup_(sql_resetp) sqlite3_stmt *other = NULL;
        int r = sql_row(store, SQL_LEAD_AT_COMPANY, &other, ARG(company), ARG(lead));
        if (r != STORE_E_NONE)
                return r; /* others are there */
        {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                r = sql_row(store, SQL_COMPANY_GET, &row, ARG(company));
                const char *domain = r == 0 ? column_text(row, 0) : NULL;
                if (r == 0 && domain && *domain)
                        r = index_remove_undoable(store, &store->companies, company_hash(store, domain), (uint32_t) company);
        }
        if (r == STORE_E_NONE)
                return -EBADMSG;
        /* The number is never given again. */
        return r == 0 ? sql_run(store, SQL_COMPANY_ERASE, ARG(company)) : r;
}

int companies_load(Store *store) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        index_free(&store->companies);
        int r;
        for (r = sql_row_plain(store, SQL_COMPANY_ALL, &row); r == 0; r = sql_next(store, row)) {
                const char *domain = column_text(row, 1);
                if (!domain)
                        return -ENOMEM;
                if (!*domain)
                        continue; /* of nobody any more */
                r = index_add(&store->companies, company_hash(store, domain), (uint32_t) column_u64(row, 0));
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}

/* ---- seats ---- */

void desk_free(Members *members) {
        for (size_t i = 0; i < members->n; i++) {
                free(members->inside[i].tallies);
                free(members->inside[i].quarters);
                free(members->inside[i].absences);
        }
        free(members->seats);
        free(members->inside);
        accounts_free(&members->companies);
        accounts_free(&members->owners);
        *members = (Members){ 0 };
}

static int seat_for(Store *store, uint64_t member, size_t *ret) {
        Members *members = &store->members;
        if (members->n > 0 && member == 0) {
                *ret = 0;
                return 0;
        }
        if (member >= store->names.n && member > 0)
                return -EBADMSG;
        if (member > 0 && store->names.items[member].seat > 0) {
                *ret = store->names.items[member].seat;
                return 0;
        }
        if (members->n == members->capacity) {
                size_t capacity = members->capacity > 0 ? members->capacity * 2 : 16;
                Seat *seats = reallocarray(members->seats, capacity, sizeof(Seat));
                if (!seats)
                        return -ENOMEM;
                members->seats = seats;
                SeatInside *inside = reallocarray(members->inside, capacity, sizeof(SeatInside));
                if (!inside)
                        return -ENOMEM;
                members->inside = inside;
                members->capacity = capacity;
        }
        size_t at = members->n++;
        members->seats[at] = (Seat){ .member = name_text(store, member) };
        members->inside[at] = (SeatInside){ .member = member };
        if (member > 0)
                store->names.items[member].seat = (uint32_t) at;
        members->today_is_known = false;
        *ret = at;
        return 0;
}

bool status_is_open(Store *store, uint64_t status) {
        return status > 0 && status < store->names.n && store->names.items[status].status_kind != STATUS_FINAL + 1;
}

static void recount(Store *store, size_t at) {
        const SeatInside *inside = &store->members.inside[at];
        int64_t n_open = 0, n_unaccepted = 0;
        for (size_t i = 0; i < inside->n_tallies; i++) {
                if (status_is_open(store, inside->tallies[i].status))
                        n_open += inside->tallies[i].n;
                n_unaccepted += inside->tallies[i].n_unaccepted;
        }
        store->members.seats[at].n_open = (uint32_t) (n_open > 0 ? n_open : 0);
        store->members.seats[at].n_unaccepted = (uint32_t) (n_unaccepted > 0 ? n_unaccepted : 0);
}

static int tally_for(SeatInside *inside, uint64_t status, Tally **ret) {
        for (size_t i = 0; i < inside->n_tallies; i++)
                if (inside->tallies[i].status == status) {
                        *ret = &inside->tallies[i];
                        return 0;
                }
        Tally *tallies = reallocarray(inside->tallies, inside->n_tallies + 1, sizeof(Tally));
        if (!tallies)
                return -ENOMEM;
        inside->tallies = tallies;
        *ret = &tallies[inside->n_tallies++];
        **ret = (Tally){ .status = status };
        return 0;
}

int desk_count(Store *store, uint64_t owner, uint64_t status, int64_t n, int64_t n_unaccepted) {
        size_t at;
        Tally *tally;
        int r = seat_for(store, owner, &at);
        if (r == 0)
                r = tally_for(&store->members.inside[at], status, &tally);
        if (r != 0)
                return r;
        tally->n += n;
        tally->n_unaccepted += n_unaccepted;
        tally->is_dirty = store->members.inside[at].has_dirty_tally = true;
        recount(store, at);
        return 0;
}

int desk_set_turn(Store *store, const TurnChange *turn) {
        uint64_t id;
        size_t at;
        int r = name_intern(store, turn->member, &id);
        if (r == 0)
                r = seat_for(store, id, &at);
        if (r != 0)
                return r;
        Seat *seat = &store->members.seats[at];
        seat->turn = turn->turn;
        seat->took_part = turn->took_part;
        seat->served = turn->served;
        seat->credits = turn->credits;
        store->members.inside[at].is_dirty = true;
        return 0;
}

int store_restart_turns(Store *store) {
        int r = store_may_write(store);
        for (size_t i = 1; i < store->members.n && r == 0; i++) {
                store->members.inside[i].is_dirty |= store->members.seats[i].turn != 0;
                store->members.seats[i].turn = 0;
        }
        return r;
}

static int set_absences(Members *members, size_t at, const Absence *absences, size_t n) {
        SeatInside *inside = &members->inside[at];
        if (n > inside->absences_capacity) {
                Absence *grown = reallocarray(inside->absences, n, sizeof(Absence));
                if (!grown)
                        return -ENOMEM;
                inside->absences = grown;
                inside->absences_capacity = n;
        }
        if (n > 0)
                memmove(inside->absences, absences, n * sizeof(Absence));
        members->seats[at].absences = inside->absences;
        members->seats[at].n_absences = n;
        return 0;
}

int desk_set_absences(Store *store, const char *member, const Absence *absences, size_t n) {
        uint64_t id;
        size_t at;
        int r = name_intern(store, member, &id);
        if (r == 0)
                r = seat_for(store, id, &at);
        if (r == 0)
                r = set_absences(&store->members, at, absences, n);
        if (r == 0)
                store->members.inside[at].has_dirty_absence = true;
        return r;
}

static int load_absences(Store *store) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        Members *members = &store->members;
        int r;
        for (r = sql_row_plain(store, SQL_ABSENCE_ALL, &row); r == 0; r = sql_next(store, row)) {
                Absence all[DECIDE_ABSENCES_MAX];
                size_t at, n;
                r = seat_for(store, column_u64(row, 0), &at);
                if (r != 0)
                        return r;
                n = members->seats[at].n_absences;
                if (n == ARRAY_SIZE(all))
                        return -EBADMSG;
                if (n > 0)
                        memcpy(all, members->seats[at].absences, n * sizeof(Absence));
                all[n++] = (Absence){ sqlite3_column_int64(row, 1), sqlite3_column_int64(row, 2) };
                r = set_absences(members, at, all, n);
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}

static int flush_absences(Store *store, size_t at) {
        const Seat *seat = &store->members.seats[at];
        SeatInside *inside = &store->members.inside[at];
        int r = sql_run(store, SQL_ABSENCE_CLEAR, ARG(inside->member));
        for (size_t i = 0; i < seat->n_absences && r == 0; i++)
                r = sql_run(store, SQL_ABSENCE_ADD, ARG(inside->member), ARG(seat->absences[i].from_us), ARG(seat->absences[i].to_us));
        inside->has_dirty_absence = false;
        return r;
}

int desk_load(Store *store) {
        Members *members = &store->members;
        size_t at;
        /* What the rolled back transaction made has no row; the quarters of the others stay, the journal has mended them. */
        while (members->n > store->saved.n_seats && members->n > 1) {
                SeatInside *inside = &members->inside[--members->n];
                if (inside->member < store->names.n)
                        store->names.items[inside->member].seat = 0;
                free(inside->tallies);
                free(inside->quarters);
                free(inside->absences);
        }
        for (size_t i = 0; i < members->n; i++) {
                members->seats[i] = (Seat){ .member = members->seats[i].member };
                members->inside[i].n_tallies = 0;
                members->inside[i].is_dirty = members->inside[i].has_dirty_tally = members->inside[i].has_dirty_absence = false;
        }
        members->today_is_known = false;

        int r = seat_for(store, 0, &at);
        if (r != 0)
                return r;
        {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                for (r = sql_row_plain(store, SQL_SEAT_ALL, &row); r == 0; r = sql_next(store, row)) {
                        r = seat_for(store, column_u64(row, 0), &at);
                        if (r != 0)
                                return r;
                        members->seats[at].turn = sqlite3_column_int64(row, 1);
                        members->seats[at].took_part = column_u64(row, 2);
                        members->seats[at].served = column_u64(row, 3);
                        members->seats[at].credits = (uint32_t) column_u64(row, 4);
                }
                if (r != STORE_E_NONE)
                        return r;
        }
        r = load_absences(store);
        if (r != 0)
                return r;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        for (r = sql_row_plain(store, SQL_TALLY_ALL, &row); r == 0; r = sql_next(store, row)) {
                Tally *tally;
                r = seat_for(store, column_u64(row, 0), &at);
                if (r == 0)
                        r = tally_for(&members->inside[at], column_u64(row, 1), &tally);
                if (r != 0)
                        return r;
                tally->n = sqlite3_column_int64(row, 2);
                tally->n_unaccepted = sqlite3_column_int64(row, 3);
                recount(store, at);
        }
        return r == STORE_E_NONE ? 0 : r;
}

int desk_flush(Store *store) {
        Members *members = &store->members;
        for (size_t i = 0; i < members->n; i++) {
                const Seat *seat = &members->seats[i];
                SeatInside *inside = &members->inside[i];
                int r = 0;
                if (inside->is_dirty)
                        r = sql_run(store, SQL_SEAT_SET, ARG(inside->member), ARG(seat->turn), ARG(seat->took_part), ARG(seat->served),
                                ARG(seat->credits));
                inside->is_dirty = false;
                if (r == 0 && inside->has_dirty_absence)
                        r = flush_absences(store, i);
                for (size_t j = 0; r == 0 && inside->has_dirty_tally && j < inside->n_tallies; j++) {
                        Tally *tally = &inside->tallies[j];
                        if (tally->is_dirty && tally->n == 0 && tally->n_unaccepted == 0)
                                r = sql_run(store, SQL_TALLY_DELETE, ARG(inside->member), ARG(tally->status));
                        else if (tally->is_dirty)
                                r = sql_run(store, SQL_TALLY_SET, ARG(inside->member), ARG(tally->status), ARG(tally->n),
                                        ARG(tally->n_unaccepted));
                        tally->is_dirty = false;
                }
                inside->has_dirty_tally = false;
                if (r != 0)
                        return r;
        }
        return 0;
}

int desk_load_statuses(Store *store) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = names_load(store);
        if (r != 0)
                return r;
        for (size_t i = 0; i < store->names.n; i++)
                store->names.items[i].status_kind = 0;
        for (r = sql_row_plain(store, SQL_STATUS_ALL, &row); r == 0; r = sql_next(store, row)) {
                uint64_t id = column_u64(row, 0);
                if (id >= store->names.n)
                        return -EBADMSG;
                Name *name = &store->names.items[id];
                name->team = column_u64(row, 1);
                name->status_kind = (uint8_t) (sqlite3_column_int(row, 2) + 1);
                name->is_staffed = sqlite3_column_int(row, 3) != 0;
        }
        for (size_t i = 0; i < store->members.n; i++)
                recount(store, i);
        return r == STORE_E_NONE ? 0 : r;
}

/* ---- today ---- */

static int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* The newest quarter that falls on a slot wins, in whatever order they come: so the tail of the log gives what living through it gave. */
static int add_quarter(Store *store, size_t at, int64_t now_us) {
        SeatInside *inside = &store->members.inside[at];
        if (!inside->quarters) {
                inside->quarters = calloc(SEAT_QUARTERS, sizeof(Quarter));
                if (!inside->quarters)
                        return -ENOMEM;
        }
        int64_t number = floor_divide(now_us, SEAT_QUARTER_US);
        size_t slot = (size_t) (number - floor_divide(number, SEAT_QUARTERS) * SEAT_QUARTERS);
        Quarter *quarter = &inside->quarters[slot];
        if (quarter->n > 0 && quarter->number > number)
                return 0;
        int r = undo_reserve(store);
        if (r != 0)
                return r;
        undo_push(store, (Undo){ .kind = UNDO_QUARTER, .a = (uint64_t) at << 32 | slot, .b = (uint64_t) quarter->number, .n = quarter->n });
        if (quarter->number != number)
                *quarter = (Quarter){ .number = number };
        quarter->n++;
        return 0;
}

int desk_add_routed(Store *store, uint64_t owner, int64_t now_us) {
        size_t at;
        Members *members = &store->members;
        int r = seat_for(store, owner, &at);
        if (r == 0)
                r = add_quarter(store, at, now_us);
        if (r != 0)
                return r;
        if (now_us >= members->today_from_us && now_us < members->today_until_us)
                members->seats[at].n_today++;
        else
                members->today_is_known = false;
        return 0;
}

int desk_load_today(Store *store) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        if (!arena)
                return -ENOMEM;
        uint64_t last = store->now.next_event - 1;
        int64_t oldest_us = TIME_NONE;
        int r;
        for (r = sql_row(store, SQL_EVENT_ROUTED, &row, ARG(last)); r == 0; r = sql_next(store, row)) {
                int64_t now_us = sqlite3_column_int64(row, 1);
                if (oldest_us == TIME_NONE)
                        oldest_us = now_us - SEAT_QUARTERS * SEAT_QUARTER_US;
                if (now_us < oldest_us)
                        return 0;
                if ((sqlite3_column_int64(row, 2) & EVENT_IS_ROUTED) == 0)
                        continue;
                const char *owner;
                size_t at;
                arena_reset(arena);
                r = body_decode_owner(store, column_blob(row, 3), arena, &owner);
                if (r != 0)
                        return r;
                uint64_t id = name_find(store, owner);
                if (id == 0)
                        continue;
                r = seat_for(store, id, &at);
                if (r == 0)
                        r = add_quarter(store, at, now_us);
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}

static const Zone *member_zone(const RuleSet *rules, const char *name) {
        const Member *member = rules && name ? policy_member(rules, name) : NULL;
        const Calendar *calendar = member ? policy_member_calendar(member) : NULL;
        if (calendar)
                return calendar_zone(calendar);
        return rules && rules->settings ? rules->settings->zone : NULL;
}

/* Midnight before and after now, on the member's own clock; UTC without a zone. */
static void day_of(const Zone *zone, int64_t now_us, int64_t *ret_from_us, int64_t *ret_until_us) {
        int64_t local_us = now_us + (zone ? zone_offset_seconds(zone, now_us) * US_PER_SECOND : 0);
        int64_t day_us = floor_divide(local_us, US_PER_DAY) * US_PER_DAY;
        *ret_from_us = zone ? zone_local_to_utc(zone, day_us) : day_us;
        *ret_until_us = zone ? zone_local_to_utc(zone, day_us + US_PER_DAY) : day_us + US_PER_DAY;
}

static void count_today(Store *store, const RuleSet *rules, int64_t now_us) {
        static const uint8_t no_rules[DIGEST_SIZE];
        const uint8_t *hash = rules ? rules->hash : no_rules;
        Members *members = &store->members;
        if (members->today_is_known && now_us >= members->today_from_us && now_us < members->today_until_us &&
                memcmp(members->today_rules, hash, DIGEST_SIZE) == 0)
                return;
        members->today_from_us = INT64_MIN;
        members->today_until_us = INT64_MAX;
        for (size_t i = 1; i < members->n; i++) {
                int64_t from_us, until_us;
                day_of(member_zone(rules, members->seats[i].member), now_us, &from_us, &until_us);
                if (from_us > members->today_from_us)
                        members->today_from_us = from_us;
                if (until_us < members->today_until_us)
                        members->today_until_us = until_us;
                const Quarter *quarters = members->inside[i].quarters;
                int64_t first = floor_divide(from_us, SEAT_QUARTER_US), end = floor_divide(until_us + SEAT_QUARTER_US - 1, SEAT_QUARTER_US);
                uint32_t n = 0;
                for (size_t j = 0; quarters && j < SEAT_QUARTERS; j++)
                        if (quarters[j].number >= first && quarters[j].number < end)
                                n += quarters[j].n;
                members->seats[i].n_today = n;
        }
        memcpy(members->today_rules, hash, DIGEST_SIZE);
        members->today_is_known = true;
}

/* ---- the desk ---- */

static bool is_among(uint64_t lead, const uint64_t *leads, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (leads[i] == lead)
                        return true;
        return false;
}

int store_account_owner(
        Store *store, const char *company_domain, const uint64_t *except, size_t n_except, Arena *arena, const char **ret_owner) {
        if (!store_is_writer(store))
                return -EOPNOTSUPP;
        uint64_t company;
        int r = company_find(store, company_domain, &company);
        if (r != 0)
                return r;
        uint32_t n;
        const uint32_t *leads = accounts_leads(&store->members.companies, company, &n);
        while (n > 0 && is_among(leads[n - 1], except, n_except))
                n--;
        *ret_owner = NULL;
        if (n == 0)
                return 0;
        LeadRow row;
        r = lead_row(store, leads[n - 1], &row);
        if (r != 0)
                return r == STORE_E_NONE ? -EBADMSG : r;
        return name_copy(store, row.owner, arena, ret_owner);
}

int store_load_desk(
        Store *store, const char *company_domain, uint64_t except_lead, const RuleSet *rules, int64_t now_us, Arena *arena, Desk *ret) {
        const char *account_owner;
        int r = store_account_owner(store, company_domain, &except_lead, 1, arena, &account_owner);
        if (r != 0)
                return r;
        count_today(store, rules, now_us);
        *ret = (Desk){ .seats = store->members.seats + 1, .n_seats = store->members.n - 1, .account_owner = account_owner };
        return 0;
}

int store_tallies(Store *store, int (*on_tally)(const char *owner, const char *status, uint64_t n, void *userdata), void *userdata) {
        const Members *members = &store->members;
        if (!store_is_writer(store))
                return -EOPNOTSUPP;
        for (size_t i = 0; i < members->n; i++)
                for (size_t j = 0; j < members->inside[i].n_tallies; j++) {
                        const Tally *tally = &members->inside[i].tallies[j];
                        if (tally->n <= 0)
                                continue;
                        int r = on_tally(name_text(store, members->inside[i].member), name_text(store, tally->status), (uint64_t) tally->n,
                                userdata);
                        if (r != 0)
                                return r;
                }
        return 0;
}

/* ---- rolling back ---- */

void undo_all(Store *store) {
        while (store->n_undo > 0) {
                const Undo *undo = &store->undo[--store->n_undo];
                switch (undo->kind) {
                case UNDO_INDEX_ADD:
                        (void) index_remove(undo->index, (uint32_t) undo->a, (uint32_t) undo->b);
                        break;
                /* Neither can fail: the slot and the place were there before. */
                case UNDO_INDEX_REMOVE:
                        (void) index_add(undo->index, (uint32_t) undo->a, (uint32_t) undo->b);
                        break;
                case UNDO_ACCOUNT_ADD:
                        (void) accounts_remove(undo->accounts, undo->a, (uint32_t) undo->b);
                        break;
                case UNDO_ACCOUNT_REMOVE:
                        (void) accounts_add(undo->accounts, undo->a, (uint32_t) undo->b);
                        break;
                case UNDO_QUARTER:
                        store->members.inside[undo->a >> 32].quarters[(uint32_t) undo->a] =
                                (Quarter){ .number = (int64_t) undo->b, .n = undo->n };
                        break;
                }
        }
}
