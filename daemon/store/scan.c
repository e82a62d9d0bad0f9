/* SPDX-License-Identifier: MIT */
/*
 * Going through leads, moves, hand-offs and feedback as fast as rows can be read: what reports and audiences count from. Of each
 * row only numbers are read, and its names are those that the store has in memory: the same name is the same pointer.
 *
 * A scan holds no snapshot for longer than SCAN_SNAPSHOT_US, or the write-ahead log could not be reset behind it: it goes on
 * in a new one behind the last row. So a lead is seen once, as it was at some instant of the scan.
 */
#include "internal.h"
#include <errno.h>
#include <time.h>

#define SCAN_SNAPSHOT_US (2 * US_PER_SECOND)
#define SCAN_ROWS_A_LOOK 1024 /* rows between two looks at the clock */
#define SCAN_TEXTS_MAX 100000 /* texts that are no dictionary entries, kept as one pointer each; those above are one text */
#define SCAN_OTHER "(other)"

static int64_t monotonic_us(void) {
        struct timespec now;
        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t) now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

/* ---- names ---- */

/* A text that stands in its row, because there were too many entries, or because it may speak of a person. */
static int keep_text(Store *store, const char *text, const char **ret) {
        Names *texts = &store->texts;
        uint64_t id = name_find(store, text);
        if (id > 0) {
                *ret = name_text(store, id);
                return 0;
        }
        id = name_find_in(texts, store->seed, text);
        if (id == 0 && texts->n >= SCAN_TEXTS_MAX) {
                *ret = SCAN_OTHER;
                return 0;
        }
        int r = id > 0 ? 0 : name_append_to(texts, store->seed, text, &id);
        if (r == 0)
                *ret = texts->items[id].text;
        return r;
}

static int read_id(Store *store, uint64_t id, const char **ret) {
        if (id < store->names.n && store->names.items[id].text) {
                *ret = store->names.items[id].text;
                return 0;
        }
        *ret = name_text(store, id);
        return *ret || id == 0 ? 0 : store->failed < 0 ? store->failed : -EBADMSG;
}

int scan_read_name(Store *store, sqlite3_stmt *row, int column, const char **ret) {
        /* Of a column one call instead of two, a third of what a row costs. Allowed where one thread alone has the connection. */
        sqlite3_value *value = sqlite3_column_value(row, column);
        if (sqlite3_value_type(value) == SQLITE_INTEGER)
                return read_id(store, (uint64_t) sqlite3_value_int64(value), ret);
        const char *text = column_text(row, column);
        *ret = NULL;
        return text ? keep_text(store, text, ret) : 0;
}

/* Columns and where their names go. */
typedef struct NameAt {
        int column;
        const char **at;
} NameAt;

static int read_names(Store *store, sqlite3_stmt *row, const NameAt *names, size_t n) {
        int r = 0;
        for (size_t i = 0; r == 0 && i < n; i++)
                r = scan_read_name(store, row, names[i].column, names[i].at);
        return r;
}

/* The scores of one row, until the next one. */
typedef struct Scores {
        const char **items;
        size_t n, capacity;
} Scores;

static void scores_free(Scores *scores) { free(scores->items); }

static int read_scores(Store *store, Blob blob, Scores *ret) {
        const uint8_t *at = blob.data, *end = at ? at + blob.size : NULL;
        ret->n = 0;
        while (at < end) {
                uint64_t id;
                if (!base_varint_read(&at, end, &id))
                        return -EBADMSG;
                if (ret->n == ret->capacity) {
                        size_t capacity = ret->capacity > 0 ? ret->capacity * 2 : 64;
                        const char **grown = reallocarray(ret->items, capacity, sizeof(*grown));
                        if (!grown)
                                return -ENOMEM;
                        ret->items = grown;
                        ret->capacity = capacity;
                }
                int r = read_id(store, id, &ret->items[ret->n]);
                if (r != 0)
                        return r;
                ret->n++;
        }
        return 0;
}

/* ---- going through ---- */

/* What a kind of scan does with the rows of one snapshot, from `next` on: 0 = the end of the rows; 1 = the time is over. */
typedef struct Scan {
        Store *store;
        uint64_t next, end; /* ids, [next, end) */
        int64_t began_us;
        unsigned n_rows;
        void *userdata;
} Scan;

static bool is_over(Scan *scan) { return ++scan->n_rows % SCAN_ROWS_A_LOOK == 0 && monotonic_us() - scan->began_us > SCAN_SNAPSHOT_US; }

typedef enum Step { STEP_END = 0, STEP_AGAIN = 1 } Step;

/* *ret_told: what the callback answered, when it stopped the scan. */
static int run(Scan *scan, int (*part)(Scan *scan, Step *ret, int *ret_told)) {
        Step step = STEP_AGAIN;
        int r = names_load(scan->store), told = 0;
        while (r == 0 && step == STEP_AGAIN && told == 0) {
                r = snapshot_enter(scan->store);
                if (r != 0)
                        return r;
                scan->began_us = monotonic_us();
                r = part(scan, &step, &told);
                snapshot_leave(scan->store);
        }
        return r != 0 ? r : told;
}

/* ---- leads ---- */

/* Columns of SQL_SCAN_FEW, and then those that SQL_SCAN_LEADS has besides. */
enum {
        LEAD_ID,
        LEAD_STATUS,
        LEAD_OWNER,
        LEAD_GRADE,
        LEAD_SEGMENTS,
        LEAD_CREATED,
        LEAD_ENTERED,
        LEAD_OFFERED,
        LEAD_FLAGS,
        LEAD_CAME_FROM,
        LEAD_CAMPAIGN,
        LEAD_CONSENTS,
        LEAD_VERSION,
        LEAD_LAST_EVENT,
        LEAD_MOVED_EVENT,
        LEAD_OFFERED_EVENT,
        LEAD_IDLE_FROM,
        LEAD_WAKE,
        LEAD_FIT,
        LEAD_ENGAGEMENT,
        LEAD_ROUTE,
        LEAD_SOURCE,
};

/* A side table is gone through beside the leads, both in the order of ids. */
typedef struct Beside {
        sqlite3_stmt *row;
        uint64_t lead; /* of the row it stands at; UINT64_MAX = behind the last */
} Beside;

static int move_on(Store *store, Beside *beside) {
        int r = sql_next(store, beside->row);
        beside->lead = r == 0 ? column_u64(beside->row, 0) : UINT64_MAX;
        return r == STORE_E_NONE ? 0 : r;
}

static int open_beside(Store *store, Sql sql, uint64_t from, Beside *ret) {
        int r = sql_row(store, sql, &ret->row, ARG(from));
        ret->lead = r == 0 ? column_u64(ret->row, 0) : UINT64_MAX;
        return r == STORE_E_NONE ? 0 : r;
}

/* Is there a row of that lead? */
static int find_beside(Store *store, Beside *beside, uint64_t lead, bool *ret) {
        int r = 0;
        while (r == 0 && beside->lead < lead)
                r = move_on(store, beside);
        *ret = r == 0 && beside->lead == lead;
        return r;
}

typedef struct LeadScan {
        int (*on_lead)(const ScanLead *lead, void *userdata);
        void *userdata;
        unsigned with;
        Beside sla, held, recycle;
} LeadScan;

static int64_t after_created(sqlite3_stmt *row, int column, int64_t created_us) {
        int64_t us = column_time(row, column);
        return us == TIME_NONE ? TIME_NONE : created_us + us;
}

static int read_sides(Store *store, LeadScan *scan, unsigned flags, ScanLead *lead) {
        bool found;
        int r = 0;
        if (scan->with & SCAN_SLA && flags & LEAD_HAS_SLA) {
                r = find_beside(store, &scan->sla, lead->id, &found);
                if (r == 0 && found) {
                        lead->due_us = column_time(scan->sla.row, 2);
                        lead->next_due_us = column_time(scan->sla.row, 3);
                        lead->snoozed_until_us = column_time(scan->sla.row, 4);
                        r = scan_read_name(store, scan->sla.row, 1, &lead->sla);
                }
        }
        if (r == 0 && scan->with & SCAN_HELD && flags & LEAD_HAS_HELD) {
                r = find_beside(store, &scan->held, lead->id, &found);
                if (r == 0 && found) {
                        lead->held_since_us = column_time(scan->held.row, 2);
                        lead->held_look_us = column_time(scan->held.row, 3);
                        r = scan_read_name(store, scan->held.row, 1, &lead->held_by);
                }
        }
        if (r == 0 && scan->with & SCAN_RECYCLE && flags & LEAD_HAS_RECYCLE) {
                r = find_beside(store, &scan->recycle, lead->id, &found);
                if (r == 0 && found) {
                        lead->recycle_us = column_time(scan->recycle.row, 1);
                        r = scan_read_name(store, scan->recycle.row, 2, &lead->recycle_reason);
                }
        }
        return r;
}

static int read_more(Store *store, sqlite3_stmt *row, ScanLead *ret) {
        const NameAt names[] = { { LEAD_ROUTE, &ret->route }, { LEAD_SOURCE, &ret->source } };
        int64_t idle_from_us = sqlite3_column_int64(row, LEAD_IDLE_FROM);
        ret->version = column_u64(row, LEAD_VERSION);
        ret->last_event = column_u64(row, LEAD_LAST_EVENT);
        ret->moved_event = column_u64(row, LEAD_MOVED_EVENT);
        ret->offered_event = column_u64(row, LEAD_OFFERED_EVENT);
        ret->idle_from_us = idle_from_us < 0 ? TIME_NONE : ret->created_us + idle_from_us;
        ret->wake_us = after_created(row, LEAD_WAKE, ret->created_us);
        ret->fit_mp = sqlite3_column_int64(row, LEAD_FIT);
        ret->engagement_mp = sqlite3_column_int64(row, LEAD_ENGAGEMENT);
        return read_names(store, row, names, ARRAY_SIZE(names));
}

static int read_lead(Store *store, sqlite3_stmt *row, LeadScan *scan, ScanLead *ret) {
        int64_t created_us = sqlite3_column_int64(row, LEAD_CREATED);
        unsigned flags = (unsigned) sqlite3_column_int(row, LEAD_FLAGS);
        *ret = (ScanLead){
                .id = column_u64(row, LEAD_ID),
                .created_us = created_us,
                .entered_us = created_us + sqlite3_column_int64(row, LEAD_ENTERED),
                .offered_us = after_created(row, LEAD_OFFERED, created_us),
                .unaccepted = flags & LEAD_UNACCEPTED,
                .test = flags & LEAD_TEST,
                .merged = flags & LEAD_MERGED,
                .erased = flags & LEAD_ERASED,
                .has_email = flags & LEAD_HAS_EMAIL,
                .has_sla = flags & LEAD_HAS_SLA,
                .has_opportunities = flags & LEAD_HAS_OPPORTUNITY,
                .is_held = flags & LEAD_HAS_HELD,
                .rests = flags & LEAD_HAS_RECYCLE,
                .idle_from_us = TIME_NONE,
                .wake_us = TIME_NONE,
                .due_us = TIME_NONE,
                .next_due_us = TIME_NONE,
                .snoozed_until_us = TIME_NONE,
                .held_since_us = TIME_NONE,
                .held_look_us = TIME_NONE,
                .recycle_us = TIME_NONE,
        };
        const NameAt names[] = {
                { LEAD_STATUS, &ret->status },
                { LEAD_OWNER, &ret->owner },
                { LEAD_GRADE, &ret->grade },
                { LEAD_SEGMENTS, &ret->segments },
                { LEAD_CAME_FROM, &ret->came_from },
                { LEAD_CAMPAIGN, &ret->campaign },
                { LEAD_CONSENTS, &ret->consents },
        };
        int r = read_names(store, row, names, ARRAY_SIZE(names));
        if (r == 0 && !(scan->with & SCAN_FEW))
                r = read_more(store, row, ret);
        ret->survivor = ret->id;
        if (r == 0 && ret->merged) {
                r = store_survivor(store, ret->id, &ret->survivor);
                r = r == STORE_E_NONE ? -EBADMSG : r;
        }
        return r == 0 && scan->with & ~(unsigned) SCAN_FEW ? read_sides(store, scan, flags, ret) : r;
}

static int scan_leads(Scan *scan, Step *ret, int *ret_told) {
        Store *store = scan->store;
        LeadScan *leads = scan->userdata;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = 0;
        leads->sla = leads->held = leads->recycle = (Beside){ 0 };
        if (leads->with & SCAN_SLA)
                r = open_beside(store, SQL_SCAN_SLAS, scan->next, &leads->sla);
        if (r == 0 && leads->with & SCAN_HELD)
                r = open_beside(store, SQL_SCAN_HELD, scan->next, &leads->held);
        if (r == 0 && leads->with & SCAN_RECYCLE)
                r = open_beside(store, SQL_SCAN_RECYCLE, scan->next, &leads->recycle);
        if (r == 0)
                for (r = sql_row(store, leads->with & SCAN_FEW ? SQL_SCAN_FEW : SQL_SCAN_LEADS, &row, ARG(scan->next)); r == 0;
                        r = sql_next(store, row)) {
                        ScanLead lead;
                        r = read_lead(store, row, leads, &lead);
                        if (r != 0)
                                break;
                        scan->next = lead.id + 1;
                        *ret_told = leads->on_lead(&lead, leads->userdata);
                        if (*ret_told != 0 || is_over(scan))
                                break;
                }
        *ret = r == STORE_E_NONE ? STEP_END : STEP_AGAIN;
        sql_resetp(&leads->sla.row);
        sql_resetp(&leads->held.row);
        sql_resetp(&leads->recycle.row);
        return r == STORE_E_NONE ? 0 : r;
}

int store_scan_leads(Store *store, uint64_t from, unsigned with, int (*on_lead)(const ScanLead *lead, void *userdata), void *userdata) {
        LeadScan leads = { .on_lead = on_lead, .userdata = userdata, .with = with };
        Scan scan = { .store = store, .next = from, .userdata = &leads };
        return run(&scan, scan_leads);
}

bool store_has_segment(const char *segments, const char *segment) {
        size_t size = strlen(segment);
        for (const char *at = segments; at;) {
                const char *end = strchr(at, SEGMENT_SEPARATOR);
                if ((end ? (size_t) (end - at) : strlen(at)) == size && memcmp(at, segment, size) == 0)
                        return true;
                at = end ? end + 1 : NULL;
        }
        return false;
}

/* ---- by instants ---- */

static int last_event(Store *store, uint64_t *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row_plain(store, SQL_EVENT_LAST, &row);
        *ret = r == 0 ? column_u64(row, 0) : 0;
        return r;
}

/* The log is in the order of its instants, but where a clock was set back: there the order is the log's. */
int store_find_instant(Store *store, int64_t at_us, uint64_t *ret_event) {
        uint64_t low = 1, high;
        int r = last_event(store, &high);
        high++;
        while (r == 0 && low < high) {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                uint64_t middle = low + (high - low) / 2;
                r = sql_row(store, SQL_EVENT_TIME, &row, ARG(middle));
                if (r == 0 && sqlite3_column_int64(row, 0) < at_us)
                        low = middle + 1;
                else
                        high = middle;
        }
        *ret_event = low;
        return r;
}

static int find_range(Store *store, int64_t since_us, int64_t until_us, Scan *ret) {
        uint64_t first = 1, end = STORE_IDS_MAX;
        int r = since_us == TIME_NONE ? 0 : store_find_instant(store, since_us, &first);
        if (r == 0 && until_us != TIME_NONE)
                r = store_find_instant(store, until_us, &end);
        ret->next = first;
        ret->end = end;
        return r;
}

/* ---- moves ---- */

typedef struct TransitionScan {
        int (*on_row)(const ScanTransition *row, void *userdata);
        void *userdata;
} TransitionScan;

static int scan_transitions(Scan *scan, Step *ret, int *ret_told) {
        Store *store = scan->store;
        const TransitionScan *rows = scan->userdata;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r;
        for (r = sql_row(store, SQL_SCAN_TRANSITIONS, &row, ARG(scan->next), ARG(scan->end)); r == 0; r = sql_next(store, row)) {
                unsigned flags = (unsigned) sqlite3_column_int(row, 9);
                uint64_t id = column_u64(row, 0);
                ScanTransition found = {
                        .event = id / PASSAGES_PER_EVENT,
                        .lead = column_u64(row, 1),
                        .at_us = sqlite3_column_int64(row, 2),
                        .spent_us = sqlite3_column_int64(row, 8),
                        .test = flags & PASSAGE_TEST,
                        .follows = flags & PASSAGE_FOLLOWS,
                };
                const NameAt names[] = {
                        { 3, &found.move },
                        { 4, &found.from },
                        { 5, &found.to },
                        { 6, &found.owner },
                        { 7, &found.by },
                };
                r = read_names(store, row, names, ARRAY_SIZE(names));
                if (r != 0)
                        break;
                scan->next = id + 1;
                *ret_told = rows->on_row(&found, rows->userdata);
                if (*ret_told != 0 || is_over(scan))
                        break;
        }
        *ret = r == STORE_E_NONE ? STEP_END : STEP_AGAIN;
        return r == STORE_E_NONE ? 0 : r;
}

int store_scan_transitions(
        Store *store, int64_t since_us, int64_t until_us, int (*on_row)(const ScanTransition *row, void *userdata), void *userdata) {
        TransitionScan rows = { .on_row = on_row, .userdata = userdata };
        Scan scan = { .store = store, .userdata = &rows };
        int r = find_range(store, since_us, until_us, &scan);
        scan.next *= PASSAGES_PER_EVENT;
        scan.end *= PASSAGES_PER_EVENT;
        return r == 0 ? run(&scan, scan_transitions) : r;
}

/* ---- hand-offs ---- */

typedef struct HandoffScan {
        int (*on_row)(const ScanHandoff *row, void *userdata);
        void *userdata;
        Scores scores;
} HandoffScan;

static int scan_handoffs(Scan *scan, Step *ret, int *ret_told) {
        Store *store = scan->store;
        HandoffScan *rows = scan->userdata;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r;
        for (r = sql_row(store, SQL_SCAN_HANDOFFS, &row, ARG(scan->next), ARG(scan->end)); r == 0; r = sql_next(store, row)) {
                unsigned flags = (unsigned) sqlite3_column_int(row, 14);
                uint64_t id = column_u64(row, 0);
                ScanHandoff found = {
                        .event = id / PASSAGES_PER_EVENT,
                        .lead = column_u64(row, 1),
                        .offered_event = column_u64(row, 2),
                        .offered_us = sqlite3_column_int64(row, 3),
                        .ended_us = sqlite3_column_int64(row, 4),
                        .how = (HandOffHow) sqlite3_column_int(row, 5),
                        .due_us = column_time(row, 10),
                        .working_us = column_time(row, 11),
                        .response = (ResponseStatus) (flags >> PASSAGE_RESPONSE & 3),
                        .test = flags & PASSAGE_TEST,
                        .is_old = flags & PASSAGE_OLD,
                };
                const NameAt names[] = {
                        { 6, &found.team },
                        { 7, &found.owner },
                        { 8, &found.route },
                        { 9, &found.sla },
                        { 12, &found.reason },
                };
                r = read_names(store, row, names, ARRAY_SIZE(names));
                if (r == 0)
                        r = read_scores(store, column_blob(row, 13), &rows->scores);
                if (r != 0)
                        break;
                found.scores = rows->scores.items;
                found.n_scores = rows->scores.n;
                scan->next = id + 1;
                *ret_told = rows->on_row(&found, rows->userdata);
                if (*ret_told != 0 || is_over(scan))
                        break;
        }
        *ret = r == STORE_E_NONE ? STEP_END : STEP_AGAIN;
        return r == STORE_E_NONE ? 0 : r;
}

static int scan_ends(Scan *scan, Step *ret, int *ret_told) {
        Store *store = scan->store;
        const HandoffScan *rows = scan->userdata;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r;
        for (r = sql_row(store, SQL_SCAN_ENDS, &row, ARG(scan->next), ARG(scan->end)); r == 0; r = sql_next(store, row)) {
                unsigned flags = (unsigned) sqlite3_column_int(row, 5);
                uint64_t id = column_u64(row, 0);
                ScanHandoff found = {
                        .event = id / PASSAGES_PER_EVENT,
                        .lead = column_u64(row, 1),
                        .offered_us = TIME_NONE,
                        .ended_us = sqlite3_column_int64(row, 2),
                        .how = (HandOffHow) sqlite3_column_int(row, 3),
                        .due_us = TIME_NONE,
                        .working_us = TIME_NONE,
                        .test = flags & PASSAGE_TEST,
                        .is_old = flags & PASSAGE_OLD,
                };
                r = scan_read_name(store, row, 4, &found.owner);
                if (r != 0)
                        break;
                scan->next = id + 1;
                *ret_told = rows->on_row(&found, rows->userdata);
                if (*ret_told != 0 || is_over(scan))
                        break;
        }
        *ret = r == STORE_E_NONE ? STEP_END : STEP_AGAIN;
        return r == STORE_E_NONE ? 0 : r;
}

static int scan_ended(
        Store *store, int64_t since_us, int64_t until_us, int (*part)(Scan *scan, Step *ret, int *ret_told), HandoffScan *rows) {
        Scan scan = { .store = store, .userdata = rows };
        int r = find_range(store, since_us, until_us, &scan);
        scan.next *= PASSAGES_PER_EVENT;
        scan.end *= PASSAGES_PER_EVENT;
        if (r == 0)
                r = run(&scan, part);
        scores_free(&rows->scores);
        return r;
}

int store_scan_handoffs(
        Store *store, int64_t since_us, int64_t until_us, int (*on_row)(const ScanHandoff *row, void *userdata), void *userdata) {
        return scan_ended(store, since_us, until_us, scan_handoffs, &(HandoffScan){ .on_row = on_row, .userdata = userdata });
}

int store_scan_handoff_ends(
        Store *store, int64_t since_us, int64_t until_us, int (*on_row)(const ScanHandoff *row, void *userdata), void *userdata) {
        return scan_ended(store, since_us, until_us, scan_ends, &(HandoffScan){ .on_row = on_row, .userdata = userdata });
}

/* ---- feedback ---- */

typedef struct FeedbackScan {
        int (*on_row)(const ScanFeedback *row, void *userdata);
        void *userdata;
        uint64_t n; /* of the event `next`: where to go on */
        Scores scores;
} FeedbackScan;

static int scan_feedback(Scan *scan, Step *ret, int *ret_told) {
        Store *store = scan->store;
        FeedbackScan *rows = scan->userdata;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r;
        for (r = sql_row(store, SQL_SCAN_FEEDBACK, &row, ARG(scan->next), ARG(rows->n), ARG(scan->end)); r == 0; r = sql_next(store, row)) {
                ScanFeedback found = {
                        .event = column_u64(row, 0),
                        .lead = column_u64(row, 2),
                        .at_us = sqlite3_column_int64(row, 3),
                        .accepted = sqlite3_column_int(row, 9) != 0,
                };
                const NameAt names[] = {
                        { 4, &found.move },
                        { 5, &found.reason },
                        { 6, &found.from },
                        { 7, &found.to },
                        { 8, &found.owner },
                        { 10, &found.by },
                        { 11, &found.source },
                        { 12, &found.campaign },
                };
                r = read_names(store, row, names, ARRAY_SIZE(names));
                if (r == 0)
                        r = read_scores(store, column_blob(row, 13), &rows->scores);
                if (r != 0)
                        break;
                found.scores = rows->scores.items;
                found.n_scores = rows->scores.n;
                scan->next = found.event;
                rows->n = column_u64(row, 1) + 1;
                *ret_told = rows->on_row(&found, rows->userdata);
                if (*ret_told != 0 || is_over(scan))
                        break;
        }
        *ret = r == STORE_E_NONE ? STEP_END : STEP_AGAIN;
        return r == STORE_E_NONE ? 0 : r;
}

int store_scan_feedback(
        Store *store, int64_t since_us, int64_t until_us, int (*on_row)(const ScanFeedback *row, void *userdata), void *userdata) {
        FeedbackScan rows = { .on_row = on_row, .userdata = userdata };
        Scan scan = { .store = store, .userdata = &rows };
        int r = find_range(store, since_us, until_us, &scan);
        if (r == 0)
                r = run(&scan, scan_feedback);
        scores_free(&rows.scores);
        return r;
}

/* ---- work ---- */

typedef struct WorkScan {
        int (*on_row)(const ScanWork *row, void *userdata);
        void *userdata;
} WorkScan;

static int scan_work(Scan *scan, Step *ret, int *ret_told) {
        Store *store = scan->store;
        const WorkScan *rows = scan->userdata;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r;
        for (r = sql_row(store, SQL_SCAN_WORK, &row, ARG(scan->next), ARG(scan->end)); r == 0; r = sql_next(store, row)) {
                ScanWork found = { .event = column_u64(row, 0), .lead = column_u64(row, 1), .at_us = sqlite3_column_int64(row, 2) };
                r = read_id(store, column_u64(row, 3), &found.owner);
                if (r != 0)
                        break;
                scan->next = found.event + 1;
                *ret_told = rows->on_row(&found, rows->userdata);
                if (*ret_told != 0 || is_over(scan))
                        break;
        }
        *ret = r == STORE_E_NONE ? STEP_END : STEP_AGAIN;
        return r == STORE_E_NONE ? 0 : r;
}

int store_scan_work(Store *store, int64_t since_us, int64_t until_us, int (*on_row)(const ScanWork *row, void *userdata), void *userdata) {
        WorkScan rows = { .on_row = on_row, .userdata = userdata };
        Scan scan = { .store = store, .userdata = &rows };
        int r = find_range(store, since_us, until_us, &scan);
        return r == 0 ? run(&scan, scan_work) : r;
}

/* ---- broken promises ---- */

typedef struct OverdueScan {
        int64_t now_us;
        int (*on_row)(const ScanOverdue *row, void *userdata);
        void *userdata;
} OverdueScan;

static int scan_overdue(Scan *scan, Step *ret, int *ret_told) {
        Store *store = scan->store;
        const OverdueScan *rows = scan->userdata;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r;
        for (r = sql_row(store, SQL_SCAN_OVERDUE, &row, ARG(scan->next), ARG(rows->now_us)); r == 0; r = sql_next(store, row)) {
                unsigned flags = (unsigned) sqlite3_column_int(row, 4);
                ScanOverdue found = {
                        .lead = column_u64(row, 0),
                        .due_us = sqlite3_column_int64(row, 2),
                        .offered_us = column_time(row, 5),
                        .unaccepted = flags & LEAD_UNACCEPTED,
                };
                const NameAt names[] = { { 1, &found.sla }, { 3, &found.owner } };
                r = read_names(store, row, names, ARRAY_SIZE(names));
                if (r != 0)
                        break;
                scan->next = found.lead + 1;
                if (!(flags & LEAD_TEST))
                        *ret_told = rows->on_row(&found, rows->userdata);
                if (*ret_told != 0 || is_over(scan))
                        break;
        }
        *ret = r == STORE_E_NONE ? STEP_END : STEP_AGAIN;
        return r == STORE_E_NONE ? 0 : r;
}

int store_scan_overdue(Store *store, int64_t now_us, int (*on_row)(const ScanOverdue *row, void *userdata), void *userdata) {
        OverdueScan rows = { .now_us = now_us, .on_row = on_row, .userdata = userdata };
        Scan scan = { .store = store, .userdata = &rows };
        return run(&scan, scan_overdue);
}

int store_count_running(Store *store, uint64_t n_max, uint64_t *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_COUNT_RUNNING, &row, ARG(n_max));
        if (r == 0)
                *ret = column_u64(row, 0);
        return r;
}

/* ---- offers that wait ---- */

typedef struct WaitingScan {
        int (*on_row)(const ScanWaiting *row, void *userdata);
        void *userdata;
} WaitingScan;

static int scan_waiting(Scan *scan, Step *ret, int *ret_told) {
        Store *store = scan->store;
        const WaitingScan *rows = scan->userdata;
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r;
        for (r = sql_row(store, SQL_SCAN_WAITING, &row, ARG(scan->next)); r == 0; r = sql_next(store, row)) {
                ScanWaiting found = {
                        .lead = column_u64(row, 0), .offered_us = sqlite3_column_int64(row, 2), .due_us = column_time(row, 4)
                };
                const NameAt names[] = { { 1, &found.owner }, { 3, &found.sla } };
                r = read_names(store, row, names, ARRAY_SIZE(names));
                if (r != 0)
                        break;
                scan->next = found.lead + 1;
                *ret_told = rows->on_row(&found, rows->userdata);
                if (*ret_told != 0 || is_over(scan))
                        break;
        }
        *ret = r == STORE_E_NONE ? STEP_END : STEP_AGAIN;
        return r == STORE_E_NONE ? 0 : r;
}

int store_scan_waiting(Store *store, int (*on_row)(const ScanWaiting *row, void *userdata), void *userdata) {
        WaitingScan rows = { .on_row = on_row, .userdata = userdata };
        Scan scan = { .store = store, .userdata = &rows };
        return run(&scan, scan_waiting);
}
