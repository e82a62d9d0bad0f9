/* SPDX-License-Identifier: MIT */
/*
 * Whom marketing wrote to, and whom it may not: `written` has a row for each lead and take, and for each mail of a track; `take` one for
 * each take; `exclusion` what people keep leads out of, the newest word for each campaign. All three are folded from events.
 *
 * Rows stay with the lead they were written for: whoever was merged counts for the one that goes on, and takes it along when the two part.
 * An audience goes through all leads in the order of their numbers; the side tables are in that order as well and are read alongside.
 */
#include "internal.h"
#include <errno.h>

/* ---- folding ---- */

static int add_written(Store *store, uint64_t lead, const char *by, EffectKind kind, uint64_t event, int64_t at_us) {
        uint64_t name;
        int r = name_intern(store, by, &name);

        return r == 0 ? sql_run(store, SQL_WRITTEN_ADD, ARG(lead), ARG(event), ARG(name), ARG((int) kind), ARG(at_us)) : r;
}

/* Whoever takes back all of it takes back what was said of single campaigns, too; of a lead also what was said of those merged into it. */
static int take_back(Store *store, uint64_t lead, uint64_t campaign) {
        uint64_t family[STORE_FAMILY_MAX];
        size_t n;

        int r = store_family(store, lead, family, &n);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = campaign == 0 ? sql_run(store, SQL_EXCLUSION_FORGET, ARG(family[i]))
                                  : sql_run(store, SQL_EXCLUSION_DELETE, ARG(family[i]), ARG(campaign));
        return r;
}

static int fold_exclusion(Store *store, const StoreEntry *entry) {
        const Exclusion *exclusion = entry->decision->exclusion;
        uint64_t campaign;
        Ref by;

        int r = name_intern(store, exclusion->campaign, &campaign);
        if (r == 0 && exclusion->until_us <= entry->now_us)
                return take_back(store, entry->lead_id, campaign);
        if (r == 0)
                r = name_ref(store, exclusion->by, STORE_NAMES_MAX, &by);
        if (r == 0)
                r = sql_run(store, SQL_EXCLUSION_SET, ARG(entry->lead_id), ARG(campaign), ARG(exclusion->until_us), ARG(entry->now_us),
                        ARG(by), ARG(exclusion->reason), ARG(entry->event_id));
        return r;
}

static int fold_taken(Store *store, const StoreEntry *entry) {
        const TakenPart *taken = &entry->decision->taken;
        uint64_t campaign;
        Ref by;

        int r = name_intern(store, taken->campaign, &campaign);
        if (r == 0)
                r = name_ref(store, entry->actor, STORE_NAMES_MAX, &by);
        if (r == 0 && taken->take == entry->event_id)
                r = sql_run(store, SQL_TAKE_ADD, ARG(taken->take), ARG(campaign), ARG(by), ARG(entry->now_us));
        if (r == 0)
                r = sql_run(store, SQL_TAKE_STEP, ARG(taken->take), ARG(entry->event_id), ARG(entry->now_us),
                        ARG((uint64_t) taken->n_leads), ARG((uint64_t) taken->n_dropped), ARG(taken->is_last));
        for (size_t i = 0; i < taken->n_leads && r == 0; i++)
                r = sql_run(store, SQL_WRITTEN_ADD, ARG(taken->leads[i]), ARG(taken->take), ARG(campaign), ARG((int) EFFECT_AUDIENCE),
                        ARG(entry->now_us));
        return r;
}

int audience_fold(Store *store, const StoreEntry *entry) {
        const Decision *decision = entry->decision;
        int r = 0;

        if (decision->taken.campaign)
                r = fold_taken(store, entry);
        if (r == 0 && decision->exclusion && entry->lead_id > 0)
                r = fold_exclusion(store, entry);
        /* Whoever was written to counts against the caps of campaigns, be it that it never arrived. */
        for (size_t i = 0; i < decision->n_effects && entry->lead_id > 0 && r == 0; i++)
                if (decision->effects[i].kind == EFFECT_SENT)
                        r = add_written(store, entry->lead_id, decision->effects[i].rule, EFFECT_SENT, entry->event_id, entry->now_us);
        return r;
}

int audience_forget(Store *store, uint64_t lead) {
        int r = sql_run(store, SQL_WRITTEN_FORGET, ARG(lead));

        return r == 0 ? sql_run(store, SQL_EXCLUSION_FORGET, ARG(lead)) : r;
}

/* ---- reading what belongs to one lead ---- */

typedef struct Sent {
        uint64_t lead; /* that goes on for the one it was written for */
        Written written;
} Sent;
typedef struct Kept {
        uint64_t lead;
        Exclusion exclusion;
} Kept;

/* The lists of one lead, used again for the next. */
typedef struct Lists {
        Written *written;
        size_t n_written, written_capacity;
        Exclusion *exclusions;
        size_t n_exclusions, exclusions_capacity;
} Lists;

static void lists_done(Lists *lists) {
        free(lists->written);
        free(lists->exclusions);
}

static int grow(void **items, size_t *capacity, size_t size) {
        size_t wanted = *capacity > 0 ? *capacity * 2 : 16;
        void *grown = reallocarray(*items, wanted, size);

        if (!grown)
                return -ENOMEM;
        *items = grown;
        *capacity = wanted;
        return 0;
}

static int add_to_written(Lists *lists, const Written *written) {
        if (lists->n_written == lists->written_capacity) {
                int r = grow((void **) &lists->written, &lists->written_capacity, sizeof *lists->written);
                if (r < 0)
                        return r;
        }
        lists->written[lists->n_written++] = *written;
        return 0;
}

static bool is_same(const char *a, const char *b) { return a && b ? base_streq(a, b) : a == b; }

/* Of the word about a lead and that about one merged into it, the newer is the one about both. */
static int add_to_exclusions(Lists *lists, const Exclusion *exclusion) {
        for (size_t i = 0; i < lists->n_exclusions; i++) {
                Exclusion *known = &lists->exclusions[i];
                if (!is_same(known->campaign, exclusion->campaign))
                        continue;
                if (known->event < exclusion->event)
                        *known = *exclusion;
                return 0;
        }
        if (lists->n_exclusions == lists->exclusions_capacity) {
                int r = grow((void **) &lists->exclusions, &lists->exclusions_capacity, sizeof *lists->exclusions);
                if (r < 0)
                        return r;
        }
        lists->exclusions[lists->n_exclusions++] = *exclusion;
        return 0;
}

/* Columns of SQL_WRITTEN_FROM, SQL_WRITTEN_MERGED and SQL_WRITTEN_OF: lead, event, campaign, kind, at. */
static Written read_written(Store *store, sqlite3_stmt *row) {
        return (Written){ .event = column_u64(row, 1),
                .by = name_text(store, column_u64(row, 2)),
                .kind = (EffectKind) sqlite3_column_int(row, 3),
                .at_us = sqlite3_column_int64(row, 4) };
}

/* Columns of SQL_EXCLUSION_FROM and its like: lead, campaign, until, at, by, reason, event. Texts in the arena, or of the dictionary. */
static int read_exclusion(Store *store, sqlite3_stmt *row, Arena *arena, Exclusion *ret) {
        const char *reason = column_text(row, 5);

        *ret = (Exclusion){ .campaign = name_text(store, column_u64(row, 1)),
                .until_us = sqlite3_column_int64(row, 2),
                .at_us = sqlite3_column_int64(row, 3),
                .event = column_u64(row, 6),
                .reason = reason ? arena_strdup(arena, reason) : NULL };
        if (reason && !ret->reason)
                return -ENOMEM;
        return column_ref(store, row, 4, arena, &ret->by);
}

/* ---- going through all leads ---- */

typedef struct Going {
        Store *store;
        Arena *arena; /* texts of one lead's exclusions, and of a row that is not of the dictionary */
        Arena *kept;  /* what leads that were merged have, for the whole time */
        sqlite3_stmt *leads, *written, *exclusions;
        Sent *sent; /* of leads that were merged, by the lead that goes on */
        size_t n_sent, sent_capacity, sent_at;
        Kept *keeps;
        size_t n_keeps, keeps_capacity, keeps_at;
        Lists lists;
} Going;

static void going_done(Going *going) {
        sql_resetp(&going->leads);
        sql_resetp(&going->written);
        sql_resetp(&going->exclusions);
        lists_done(&going->lists);
        free(going->sent);
        free(going->keeps);
        arena_free(going->arena);
        arena_free(going->kept);
}

static int compare_sent(const void *a, const void *b) {
        const Sent *x = a, *y = b;
        return x->lead != y->lead                     ? (x->lead < y->lead ? -1 : 1)
               : x->written.event != y->written.event ? (x->written.event < y->written.event ? -1 : 1)
                                                      : 0;
}

static int compare_kept(const void *a, const void *b) {
        const Kept *x = a, *y = b;
        return x->lead != y->lead ? (x->lead < y->lead ? -1 : 1) : 0;
}

static int survivor_of(Store *store, uint64_t lead, uint64_t *ret) {
        int r = store_survivor(store, lead, ret);
        return r == STORE_E_NONE ? -EBADMSG : r;
}

static int add_sent(Going *going, const Sent *sent) {
        if (going->n_sent == going->sent_capacity) {
                int r = grow((void **) &going->sent, &going->sent_capacity, sizeof *going->sent);
                if (r < 0)
                        return r;
        }
        going->sent[going->n_sent++] = *sent;
        return 0;
}

static int add_kept(Going *going, const Kept *kept) {
        if (going->n_keeps == going->keeps_capacity) {
                int r = grow((void **) &going->keeps, &going->keeps_capacity, sizeof *going->keeps);
                if (r < 0)
                        return r;
        }
        going->keeps[going->n_keeps++] = *kept;
        return 0;
}

static void sort_merged(Going *going) {
        if (going->n_sent > 0)
                qsort(going->sent, going->n_sent, sizeof *going->sent, compare_sent);
        if (going->n_keeps > 0)
                qsort(going->keeps, going->n_keeps, sizeof *going->keeps, compare_kept);
}

/* Of all leads that were merged: once for all who are gone through. */
static int load_merged(Going *going, uint64_t from) {
        Store *store = going->store;
        {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                int r;
                for (r = sql_row_plain(store, SQL_WRITTEN_MERGED, &row); r == 0; r = sql_next(store, row)) {
                        Sent sent = { .written = read_written(store, row) };
                        r = survivor_of(store, column_u64(row, 0), &sent.lead);
                        if (r == 0 && sent.lead >= from)
                                r = add_sent(going, &sent);
                        if (r < 0)
                                return r;
                }
                if (r != STORE_E_NONE)
                        return r;
        }
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r;
        for (r = sql_row_plain(store, SQL_EXCLUSION_MERGED, &row); r == 0; r = sql_next(store, row)) {
                Kept kept;
                r = survivor_of(store, column_u64(row, 0), &kept.lead);
                if (r == 0 && kept.lead < from)
                        continue;
                if (r == 0)
                        r = read_exclusion(store, row, going->kept, &kept.exclusion);
                if (r == 0)
                        r = add_kept(going, &kept);
                if (r < 0)
                        return r;
        }
        if (r != STORE_E_NONE)
                return r;
        sort_merged(going);
        return 0;
}

static int load_member(Going *going, uint64_t member, uint64_t lead) {
        Store *store = going->store;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r;
        for (r = sql_row(store, SQL_WRITTEN_FROM, &row, ARG(member), ARG(member)); r == 0; r = sql_next(store, row)) {
                const Sent sent = { .lead = lead, .written = read_written(store, row) };
                r = add_sent(going, &sent);
                if (r < 0)
                        return r;
        }
        sql_resetp(&row);
        if (r != STORE_E_NONE)
                return r;
        for (r = sql_row(store, SQL_EXCLUSION_FROM, &row, ARG(member), ARG(member)); r == 0; r = sql_next(store, row)) {
                Kept kept = { .lead = lead };
                r = read_exclusion(store, row, going->kept, &kept.exclusion);
                if (r == 0)
                        r = add_kept(going, &kept);
                if (r < 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}

/* Of those merged into these leads: however many others were. */
static int load_families(Going *going, const uint64_t *leads, size_t n_leads) {
        uint64_t family[STORE_FAMILY_MAX];
        size_t n;
        for (size_t i = 0; i < n_leads; i++) {
                int r = store_family(going->store, leads[i], family, &n);
                for (size_t k = 1; r == 0 && k < n; k++)
                        r = load_member(going, family[k], leads[i]);
                if (r != 0)
                        return r;
        }
        sort_merged(going);
        return 0;
}

/* A side table that is read alongside: its statement stands on a row, or is NULL behind the last. */
static int step(Store *store, sqlite3_stmt **statement) {
        int r = sql_next(store, *statement);

        if (r == STORE_E_NONE)
                sql_resetp(statement);
        return r == STORE_E_NONE ? 0 : r;
}

static int collect(Going *going, uint64_t lead) {
        Store *store = going->store;
        int r = 0;

        going->lists.n_written = going->lists.n_exclusions = 0;
        while (going->written && column_u64(going->written, 0) <= lead && r == 0) {
                const Written written = read_written(store, going->written);
                if (column_u64(going->written, 0) == lead)
                        r = add_to_written(&going->lists, &written);
                if (r == 0)
                        r = step(store, &going->written);
        }
        while (going->exclusions && column_u64(going->exclusions, 0) <= lead && r == 0) {
                Exclusion exclusion;
                if (column_u64(going->exclusions, 0) == lead) {
                        r = read_exclusion(store, going->exclusions, going->arena, &exclusion);
                        if (r == 0)
                                r = add_to_exclusions(&going->lists, &exclusion);
                }
                if (r == 0)
                        r = step(store, &going->exclusions);
        }
        for (; going->sent_at < going->n_sent && going->sent[going->sent_at].lead <= lead && r == 0; going->sent_at++)
                if (going->sent[going->sent_at].lead == lead)
                        r = add_to_written(&going->lists, &going->sent[going->sent_at].written);
        for (; going->keeps_at < going->n_keeps && going->keeps[going->keeps_at].lead <= lead && r == 0; going->keeps_at++)
                if (going->keeps[going->keeps_at].lead == lead)
                        r = add_to_exclusions(&going->lists, &going->keeps[going->keeps_at].exclusion);
        return r;
}

/* A dictionary entry by its id, else the text. */
static int read_ref(Going *going, int column, uint64_t *ret_id, const char **ret) {
        *ret_id = 0;
        if (sqlite3_column_type(going->leads, column) != SQLITE_INTEGER)
                return column_ref(going->store, going->leads, column, going->arena, ret);
        *ret_id = column_u64(going->leads, column);
        *ret = name_text(going->store, *ret_id);
        return *ret_id > 0 && !*ret ? -EBADMSG : 0;
}

/* Columns of SQL_AUDIENCE. */
enum {
        AUDIENCE_LEAD,
        AUDIENCE_FLAGS,
        AUDIENCE_STATUS_ID,
        AUDIENCE_OWNER,
        AUDIENCE_GRADE,
        AUDIENCE_SEGMENTS,
        AUDIENCE_CONSENTS,
        AUDIENCE_SOURCE,
        AUDIENCE_CREATED,
        AUDIENCE_ENTERED,
};

static int read_lead(Going *going, AudienceRow *ret) {
        sqlite3_stmt *row = going->leads;
        unsigned flags = (unsigned) sqlite3_column_int(row, AUDIENCE_FLAGS);
        uint64_t source;

        *ret = (AudienceRow){
                .lead = column_u64(row, AUDIENCE_LEAD),
                .status_id = column_u64(row, AUDIENCE_STATUS_ID),
                .owner = name_text(going->store, column_u64(row, AUDIENCE_OWNER)),
                .grade = name_text(going->store, column_u64(row, AUDIENCE_GRADE)),
                .created_us = sqlite3_column_int64(row, AUDIENCE_CREATED),
                .test = flags & LEAD_TEST,
                .has_email = flags & LEAD_HAS_EMAIL,
                .has_opportunities = flags & LEAD_HAS_OPPORTUNITY,
        };
        ret->entered_us = ret->created_us + sqlite3_column_int64(row, AUDIENCE_ENTERED);
        ret->status = name_text(going->store, ret->status_id);
        if (!ret->status)
                return -EBADMSG;
        if (!ret->grade)
                ret->grade = "";
        int r = read_ref(going, AUDIENCE_SEGMENTS, &ret->segments_id, &ret->segments);
        if (r == 0)
                r = read_ref(going, AUDIENCE_CONSENTS, &ret->consents_id, &ret->consents);
        if (r == 0)
                r = read_ref(going, AUDIENCE_SOURCE, &source, &ret->source);
        if (r == 0)
                r = collect(going, ret->lead);
        ret->written = going->lists.written;
        ret->n_written = going->lists.n_written;
        ret->exclusions = going->lists.exclusions;
        ret->n_exclusions = going->lists.n_exclusions;
        return r;
}

/* Sets the three statements on what there is of these leads. */
static int stand_on(Going *going, uint64_t from, uint64_t to) {
        Store *store = going->store;

        sql_resetp(&going->written);
        sql_resetp(&going->exclusions);
        sql_resetp(&going->leads);
        int r = sql_row(store, SQL_WRITTEN_FROM, &going->written, ARG(from), ARG(to));
        if (r == 0 || r == STORE_E_NONE)
                r = sql_row(store, SQL_EXCLUSION_FROM, &going->exclusions, ARG(from), ARG(to));
        if (r == 0 || r == STORE_E_NONE)
                r = sql_row(store, SQL_AUDIENCE, &going->leads, ARG(from), ARG(to));
        return r;
}

static int tell_all(Going *going, uint64_t from, uint64_t to, int (*on_row)(const AudienceRow *row, void *userdata), void *userdata) {
        int r = stand_on(going, from, to);

        for (; r == 0; r = r != 0 ? r : sql_next(going->store, going->leads)) {
                AudienceRow row;
                arena_reset(going->arena);
                r = read_lead(going, &row);
                if (r == 0)
                        r = on_row(&row, userdata);
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}

static int start(Store *store, Going *ret) {
        *ret = (Going){ .store = store, .arena = arena_new(0), .kept = arena_new(0) };
        int r = ret->arena && ret->kept ? 0 : -ENOMEM;
        if (r == 0 && !store_is_writer(store))
                r = names_load(store);
        return r;
}

int store_audience(Store *store, uint64_t from, uint64_t to, int (*on_row)(const AudienceRow *row, void *userdata), void *userdata) {
        int r = snapshot_enter(store);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot _unused_ = store;
        _cleanup_(going_done) Going going = { 0 };

        to = to > 0 ? to : (uint64_t) INT64_MAX;
        r = start(store, &going);
        if (r == 0)
                r = load_merged(&going, from);
        return r == 0 ? tell_all(&going, from, to, on_row, userdata) : r;
}

int store_audience_of(
        Store *store, const uint64_t *leads, size_t n_leads, int (*on_row)(const AudienceRow *row, void *userdata), void *userdata) {
        if (n_leads == 0)
                return 0;
        int r = snapshot_enter(store);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot _unused_ = store;
        _cleanup_(going_done) Going going = { 0 };

        r = start(store, &going);
        if (r == 0)
                r = load_families(&going, leads, n_leads);
        for (size_t i = 0; i < n_leads && r == 0; i++)
                r = tell_all(&going, leads[i], leads[i], on_row, userdata);
        return r;
}

/* ---- one lead, for show ---- */

static int copy_lists(const Lists *lists, Arena *arena, Written **ret_written, Exclusion **ret_exclusions) {
        *ret_written = ARENA_ARRAY(arena, Written, lists->n_written + 1);
        *ret_exclusions = ARENA_ARRAY(arena, Exclusion, lists->n_exclusions + 1);
        if (!*ret_written || !*ret_exclusions)
                return -ENOMEM;
        if (lists->n_written > 0)
                memcpy(*ret_written, lists->written, lists->n_written * sizeof **ret_written);
        if (lists->n_exclusions > 0)
                memcpy(*ret_exclusions, lists->exclusions, lists->n_exclusions * sizeof **ret_exclusions);
        return 0;
}

int store_sent_to(Store *store, uint64_t lead, Arena *arena, Written **ret_written, size_t *ret_n_written, Exclusion **ret_exclusions,
        size_t *ret_n_exclusions) {
        _cleanup_(lists_done) Lists lists = { 0 };
        uint64_t family[STORE_FAMILY_MAX];
        size_t n;
        int r = snapshot_enter(store);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot _unused_ = store;
        r = store_is_writer(store) ? 0 : names_load(store);
        if (r == 0)
                r = store_family(store, lead, family, &n);
        for (size_t i = 0; r == 0 && i < n; i++) {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                for (r = sql_row(store, SQL_WRITTEN_FROM, &row, ARG(family[i]), ARG(family[i])); r == 0; r = sql_next(store, row)) {
                        const Written written = read_written(store, row);
                        r = add_to_written(&lists, &written);
                        if (r != 0)
                                return r;
                }
                sql_resetp(&row);
                if (r == STORE_E_NONE)
                        r = sql_row(store, SQL_EXCLUSION_FROM, &row, ARG(family[i]), ARG(family[i]));
                for (; r == 0; r = sql_next(store, row)) {
                        Exclusion exclusion;
                        r = read_exclusion(store, row, arena, &exclusion);
                        if (r == 0)
                                r = add_to_exclusions(&lists, &exclusion);
                        if (r != 0)
                                return r;
                }
                if (r == STORE_E_NONE)
                        r = 0;
        }
        if (r == 0)
                r = copy_lists(&lists, arena, ret_written, ret_exclusions);
        if (r == 0) {
                *ret_n_written = lists.n_written;
                *ret_n_exclusions = lists.n_exclusions;
        }
        return r;
}

/* Is there a newer word about the same campaign, of a lead that is the same person by now? */
static int is_outdated(Store *store, uint64_t lead, uint64_t campaign, uint64_t event, bool *ret) {
        uint64_t family[STORE_FAMILY_MAX], survivor;
        size_t n;

        *ret = false;
        int r = survivor_of(store, lead, &survivor);
        if (r == 0)
                r = store_family(store, survivor, family, &n);
        for (size_t i = 0; r == 0 && n > 1 && i < n && !*ret; i++) {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                r = sql_row(store, SQL_EXCLUSION_GET, &row, ARG(family[i]), ARG(campaign));
                *ret = r == 0 && column_u64(row, 0) > event;
                r = r == STORE_E_NONE ? 0 : r;
        }
        return r;
}

int store_exclusions(
        Store *store, int64_t now_us, int (*on_one)(uint64_t lead, const Exclusion *exclusion, void *userdata), void *userdata) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        if (!arena)
                return -ENOMEM;
        int r = snapshot_enter(store);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot _unused_ = store;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        r = store_is_writer(store) ? 0 : names_load(store);
        if (r == 0)
                r = sql_row(store, SQL_EXCLUSION_FROM, &row, ARG((uint64_t) 1), ARG((uint64_t) INT64_MAX));
        for (; r == 0; r = sql_next(store, row)) {
                Exclusion exclusion;
                bool is_old = false;
                arena_reset(arena);
                r = read_exclusion(store, row, arena, &exclusion);
                if (r == 0 && exclusion.until_us > now_us)
                        r = is_outdated(store, column_u64(row, 0), column_u64(row, 1), exclusion.event, &is_old);
                if (r == 0 && exclusion.until_us > now_us && !is_old)
                        r = on_one(column_u64(row, 0), &exclusion, userdata);
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}

#define WRITTEN_ROWS 500000 /* read in one snapshot: a fraction of a second */

/* From a lead on; *ret_next: where to go on, 0 = it was the end. */
static int scan_written(Store *store, uint64_t from, uint64_t *ret_next, int (*on_row)(uint64_t, const Written *, void *), void *userdata) {
        *ret_next = 0;
        int r = snapshot_enter(store);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot _unused_ = store;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        size_t n = 0;
        r = store_is_writer(store) ? 0 : names_load(store);
        if (r == 0)
                r = sql_row(store, SQL_WRITTEN_FROM, &row, ARG(from), ARG((uint64_t) INT64_MAX));
        for (; r == 0; r = sql_next(store, row)) {
                uint64_t lead = column_u64(row, 0);
                const Written written = read_written(store, row);
                if (n++ >= WRITTEN_ROWS && lead != from) {
                        *ret_next = lead;
                        return 0;
                }
                from = lead;
                r = on_row(lead, &written, userdata);
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}

int store_scan_written(Store *store, int (*on_row)(uint64_t lead, const Written *written, void *userdata), void *userdata) {
        uint64_t from = 1;
        int r = 0;
        while (r == 0 && from > 0)
                r = scan_written(store, from, &from, on_row, userdata);
        return r;
}

/* ---- takes ---- */

/* Columns of SQL_TAKE_ALL and SQL_TAKE_GET. */
static int read_take(Store *store, sqlite3_stmt *row, Arena *arena, StoredTake *ret) {
        *ret = (StoredTake){
                .take = column_u64(row, 0),
                .campaign = name_text(store, column_u64(row, 1)),
                .at_us = sqlite3_column_int64(row, 3),
                .last_event = column_u64(row, 4),
                .last_us = sqlite3_column_int64(row, 5),
                .n_leads = column_u64(row, 6),
                .n_dropped = column_u64(row, 7),
                .n_parts = column_u64(row, 8),
                .is_done = sqlite3_column_int(row, 9) != 0,
        };
        return ret->campaign ? column_ref(store, row, 2, arena, &ret->by) : -EBADMSG;
}

int store_takes(
        Store *store, const char *campaign, uint64_t before, int (*on_take)(const StoredTake *take, void *userdata), void *userdata) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        if (!arena)
                return -ENOMEM;
        int r = snapshot_enter(store);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot _unused_ = store;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        r = store_is_writer(store) ? 0 : names_load(store);
        if (r == 0)
                r = sql_row(store, SQL_TAKE_ALL, &row, ARG(before > 0 ? before : (uint64_t) INT64_MAX));
        for (; r == 0; r = sql_next(store, row)) {
                StoredTake take;
                arena_reset(arena);
                r = read_take(store, row, arena, &take);
                if (r == 0 && (!campaign || base_streq(take.campaign, campaign)))
                        r = on_take(&take, userdata);
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}

int store_take_get(Store *store, uint64_t take, Arena *arena, StoredTake *ret) {
        int r = snapshot_enter(store);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot _unused_ = store;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        r = store_is_writer(store) ? 0 : names_load(store);
        if (r == 0)
                r = sql_row(store, SQL_TAKE_GET, &row, ARG(take));
        return r == 0 ? read_take(store, row, arena, ret) : r;
}

int store_take_leads(Store *store, uint64_t take, uint64_t from, int (*on_lead)(uint64_t lead, void *userdata), void *userdata) {
        int r = snapshot_enter(store);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot _unused_ = store;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        for (r = sql_row(store, SQL_WRITTEN_TAKEN, &row, ARG(take), ARG(from)); r == 0; r = sql_next(store, row)) {
                r = on_lead(column_u64(row, 0), userdata);
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}
