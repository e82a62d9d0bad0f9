/* SPDX-License-Identifier: MIT */
/*
 * Whose the open leads are: of each company, so that routing finds who has the account, and of each person, so that a
 * desk is listed without going through the book. In memory only, four bytes a lead, ids ascending; found again from the
 * lead rows at start, and taken back with a rollback. Which of them waits for what is decided by whoever reads them.
 */
#include "internal.h"
#include <errno.h>

void accounts_free(Accounts *accounts) {
        for (size_t i = 0; i < accounts->n; i++)
                if (accounts->items[i].capacity > 0)
                        free(accounts->items[i].many);
        free(accounts->items);
        *accounts = (Accounts){ 0 };
}

static int reserve(Accounts *accounts, uint64_t of) {
        if (of < accounts->n)
                return 0;
        size_t n = accounts->n > 0 ? accounts->n : 1024;
        while (n <= of)
                n *= 2;
        Account *items = reallocarray(accounts->items, n, sizeof(Account));
        if (!items)
                return -ENOMEM;
        memset(items + accounts->n, 0, (n - accounts->n) * sizeof(Account));
        accounts->items = items;
        accounts->n = n;
        return 0;
}

static uint32_t *leads_of(Account *account) { return account->capacity == 0 ? &account->one : account->many; }

/* Where the lead stands or belongs: most often the end, since new leads have the highest ids. */
static uint32_t place_of(Account *account, uint32_t lead) {
        const uint32_t *leads = leads_of(account);
        uint32_t low = 0, high = account->n;
        if (high > 0 && leads[high - 1] < lead)
                return high;
        while (low < high) {
                uint32_t middle = low + (high - low) / 2;
                if (leads[middle] < lead)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

int accounts_add(Accounts *accounts, uint64_t of, uint32_t lead) {
        int r = reserve(accounts, of);
        if (r != 0)
                return r;
        Account *account = &accounts->items[of];
        if (account->n >= (account->capacity > 0 ? account->capacity : 1)) {
                uint32_t capacity = account->n < 2 ? 4 : account->n * 2;
                uint32_t *many = reallocarray(account->capacity > 0 ? account->many : NULL, capacity, sizeof(uint32_t));
                if (!many)
                        return -ENOMEM;
                if (account->capacity == 0)
                        many[0] = account->one;
                account->many = many;
                account->capacity = capacity;
        }
        uint32_t at = place_of(account, lead), *leads = leads_of(account);
        memmove(leads + at + 1, leads + at, (account->n - at) * sizeof(uint32_t));
        leads[at] = lead;
        account->n++;
        return 0;
}

/* Keeps the memory: so adding it again, as an undo does, cannot fail. */
bool accounts_remove(Accounts *accounts, uint64_t of, uint32_t lead) {
        if (of >= accounts->n)
                return false;
        Account *account = &accounts->items[of];
        uint32_t at = place_of(account, lead), *leads = leads_of(account);
        if (at >= account->n || leads[at] != lead)
                return false;
        memmove(leads + at, leads + at + 1, (account->n - at - 1) * sizeof(uint32_t));
        account->n--;
        return true;
}

const uint32_t *accounts_leads(const Accounts *accounts, uint64_t of, uint32_t *ret_n) {
        *ret_n = 0;
        if (of == 0 || of >= accounts->n)
                return NULL;
        *ret_n = accounts->items[of].n;
        return leads_of(&accounts->items[of]);
}

static int add_undoable(Store *store, Accounts *accounts, uint64_t of, uint64_t lead) {
        int r = undo_reserve(store);
        if (r == 0)
                r = accounts_add(accounts, of, (uint32_t) lead);
        if (r == 0)
                undo_push(store, (Undo){ .kind = UNDO_ACCOUNT_ADD, .accounts = accounts, .a = of, .b = lead });
        return r;
}

static int remove_undoable(Store *store, Accounts *accounts, uint64_t of, uint64_t lead) {
        int r = undo_reserve(store);
        if (r == 0 && accounts_remove(accounts, of, (uint32_t) lead))
                undo_push(store, (Undo){ .kind = UNDO_ACCOUNT_REMOVE, .accounts = accounts, .a = of, .b = lead });
        return r;
}

/* The entry of one lead: `was` and `is` say of whom, 0 = of nobody. */
static int fold(Store *store, Accounts *accounts, uint64_t was, uint64_t is, uint64_t lead) {
        int r = 0;
        if (was == is)
                return 0;
        if (was > 0)
                r = remove_undoable(store, accounts, was, lead);
        if (r == 0 && is > 0)
                r = add_undoable(store, accounts, is, lead);
        return r;
}

static uint64_t company_of(Store *store, const LeadRow *row) {
        return row->id > 0 && row->owner > 0 && status_is_open(store, row->status) ? row->company : 0;
}

static uint64_t owner_of(Store *store, const LeadRow *row) {
        return row->id > 0 && !(row->flags & LEAD_TEST) && status_is_open(store, row->status) ? row->owner : 0;
}

int accounts_fold(Store *store, const LeadRow *before, const LeadRow *row) {
        Members *members = &store->members;
        int r = fold(store, &members->companies, company_of(store, before), company_of(store, row), row->id);
        return r == 0 ? fold(store, &members->owners, owner_of(store, before), owner_of(store, row), row->id) : r;
}

int accounts_load(Store *store) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        Members *members = &store->members;
        accounts_free(&members->companies);
        accounts_free(&members->owners);
        int r;
        for (r = sql_row_plain(store, SQL_LEAD_OWNED, &row); r == 0; r = sql_next(store, row)) {
                const LeadRow lead = {
                        .id = column_u64(row, 0),
                        .status = column_u64(row, 1),
                        .company = column_u64(row, 2),
                        .owner = column_u64(row, 3),
                        .flags = (unsigned) sqlite3_column_int(row, 4),
                };
                uint64_t company = company_of(store, &lead), owner = owner_of(store, &lead);
                if (company > 0)
                        r = accounts_add(&members->companies, company, (uint32_t) lead.id);
                if (r == 0 && owner > 0)
                        r = accounts_add(&members->owners, owner, (uint32_t) lead.id);
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}

/* ---- one desk ---- */

/* Columns of SQL_LEAD_ON_DESK. */
enum {
        ON_DESK_STATUS,
        ON_DESK_GRADE,
        ON_DESK_ENGAGEMENT,
        ON_DESK_ENTERED,
        ON_DESK_FLAGS,
        ON_DESK_SLA,
        ON_DESK_DUE,
        ON_DESK_SNOOZED,
        ON_DESK_OWNER
};

static int read_desk_lead(Store *store, uint64_t lead, DeskLead *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_LEAD_ON_DESK, &row, ARG(lead));
        if (r != 0)
                return r == STORE_E_NONE ? -EBADMSG : r;
        const char *grade = name_text(store, column_u64(row, ON_DESK_GRADE));
        *ret = (DeskLead){
                .lead = lead,
                .owner = name_text(store, column_u64(row, ON_DESK_OWNER)),
                .status = name_text(store, column_u64(row, ON_DESK_STATUS)),
                .grade = grade ? grade : "",
                .engagement_mp = sqlite3_column_int64(row, ON_DESK_ENGAGEMENT),
                .since_us = sqlite3_column_int64(row, ON_DESK_ENTERED),
                .unaccepted = sqlite3_column_int(row, ON_DESK_FLAGS) & LEAD_UNACCEPTED,
                .sla = name_text(store, column_u64(row, ON_DESK_SLA)),
                .due_us = column_time(row, ON_DESK_DUE),
                .snoozed_until_us = column_time(row, ON_DESK_SNOOZED),
        };
        return 0;
}

int store_on_desk(Store *store, const char *owner, size_t n_max, Arena *arena, DeskLead **ret, size_t *ret_n, size_t *ret_n_all) {
        *ret = NULL;
        *ret_n = *ret_n_all = 0;
        if (!store_is_writer(store))
                return -EOPNOTSUPP;
        uint32_t n_all;
        const uint32_t *leads = accounts_leads(&store->members.owners, name_find(store, owner), &n_all);
        if (n_max > STORE_DESK_MAX)
                n_max = STORE_DESK_MAX;
        size_t n = n_all < n_max ? n_all : n_max;
        DeskLead *items = ARENA_ARRAY(arena, DeskLead, n + 1);
        if (!items)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                int r = read_desk_lead(store, leads[n_all - 1 - i], &items[i]);
                if (r != 0)
                        return r;
        }
        *ret = items;
        *ret_n = n;
        *ret_n_all = n_all;
        return 0;
}
