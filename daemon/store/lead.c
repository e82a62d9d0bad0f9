/* SPDX-License-Identifier: MIT */
/*
 * Reading leads: the state as its hot row and side tables have it, the profile, and
 * the history that rules look into, found by following the back pointers of the log.
 * Everything returned lives in the caller's arena. Writes nothing.
 */
#include "internal.h"
#include <errno.h>
#include <math.h>

/* Columns of SQL_LEAD_GET. */
enum {
        LEAD_STATUS,
        LEAD_OWNER,
        LEAD_VERSION,
        LEAD_LAST_EVENT,
        LEAD_MOVED_EVENT,
        LEAD_CREATED,
        LEAD_ENTERED,
        LEAD_IDLE_FROM,
        LEAD_FIT,
        LEAD_ENGAGEMENT,
        LEAD_GRADE,
        LEAD_SEGMENTS,
        LEAD_FLAGS,
        LEAD_WAKE,
        LEAD_COMPANY,
        LEAD_PROFILE_EVENT,
        LEAD_SOURCE,
        LEAD_SOURCE_AT,
        LEAD_ROUTE,
        LEAD_OFFERED,
        LEAD_OFFERED_EVENT,
        LEAD_CAME_FROM,
        LEAD_CAMPAIGN,
        LEAD_CONSENTS,
};

static void read_row(sqlite3_stmt *row, uint64_t lead, LeadRow *ret) {
        int64_t created_us = sqlite3_column_int64(row, LEAD_CREATED), wake_us = column_time(row, LEAD_WAKE);
        int64_t offered_us = column_time(row, LEAD_OFFERED);
        int64_t idle_from_us = sqlite3_column_int64(row, LEAD_IDLE_FROM), source_us = sqlite3_column_int64(row, LEAD_SOURCE_AT);
        *ret = (LeadRow){
                .id = lead,
                .version = column_u64(row, LEAD_VERSION),
                .last_event = column_u64(row, LEAD_LAST_EVENT),
                .moved_event = column_u64(row, LEAD_MOVED_EVENT),
                .status = column_u64(row, LEAD_STATUS),
                .owner = column_u64(row, LEAD_OWNER),
                .grade = column_u64(row, LEAD_GRADE),
                .company = column_u64(row, LEAD_COMPANY),
                .route = column_u64(row, LEAD_ROUTE),
                .profile_event = column_u64(row, LEAD_PROFILE_EVENT),
                .created_us = created_us,
                .entered_us = created_us + sqlite3_column_int64(row, LEAD_ENTERED),
                .idle_from_us = idle_from_us < 0 ? TIME_NONE : created_us + idle_from_us,
                .source_us = source_us < 0 ? TIME_NONE : created_us + source_us,
                .wake_us = wake_us == TIME_NONE ? TIME_NONE : created_us + wake_us,
                .offered_us = offered_us == TIME_NONE ? TIME_NONE : created_us + offered_us,
                .offered_event = column_u64(row, LEAD_OFFERED_EVENT),
                .flags = (unsigned) sqlite3_column_int(row, LEAD_FLAGS),
        };
}

int lead_row(Store *store, uint64_t lead, LeadRow *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        if (store->hot.id == lead && store->is_in_transaction && store_is_writer(store)) {
                *ret = store->hot;
                return 0;
        }
        int r = sql_row(store, SQL_LEAD_GET, &row, ARG(lead));
        if (r == 0)
                read_row(row, lead, ret);
        return r;
}

int segments_split(const char *text, Arena *arena, LeadState *ret) {
        size_t n = 1;
        if (!text)
                return 0;
        for (const char *s = text; *s; s++)
                n += *s == SEGMENT_SEPARATOR;
        const char **names = ARENA_ARRAY(arena, const char *, n);
        char *copy = arena_strdup(arena, text);
        if (!names || !copy)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                names[i] = copy;
                char *end = strchr(copy, SEGMENT_SEPARATOR);
                if (!end)
                        break;
                *end = '\0';
                copy = end + 1;
        }
        ret->segments = names;
        ret->n_segments = n;
        return 0;
}

int segments_join(const LeadState *state, Text *out) {
        text_clear(out);
        for (size_t i = 0; i < state->n_segments; i++) {
                if (i > 0)
                        text_append_char(out, SEGMENT_SEPARATOR);
                text_append(out, state->segments[i]);
        }
        return out->error;
}

static int load_sla(Store *store, uint64_t lead, Arena *arena, SlaState *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_SLA_GET, &row, ARG(lead));
        if (r != 0)
                return r == STORE_E_NONE ? -EBADMSG : r;
        ret->start_event = column_u64(row, 1);
        ret->start_us = sqlite3_column_int64(row, 2);
        ret->due_us = column_time(row, 3);
        ret->next_step = (uint32_t) sqlite3_column_int64(row, 4);
        ret->next_due_us = column_time(row, 5);
        ret->paused_us = sqlite3_column_int64(row, 6);
        ret->snoozed_until_us = column_time(row, 7);
        int failed = column_ref(store, row, 9, arena, &ret->version);
        if (failed != 0)
                return failed;
        const char *reason = column_text(row, 8);
        ret->snooze_reason = reason ? arena_strdup(arena, reason) : NULL;
        if (reason && !ret->snooze_reason)
                return -ENOMEM;
        return name_copy(store, column_u64(row, 0), arena, &ret->rule);
}

static int load_response(Store *store, uint64_t lead, Arena *arena, ResponseState *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_RESPONSE_GET, &row, ARG(lead));
        if (r != 0)
                return r == STORE_E_NONE ? -EBADMSG : r;
        ret->n_in_time = (uint32_t) sqlite3_column_int64(row, 1);
        ret->n_late = (uint32_t) sqlite3_column_int64(row, 2);
        return name_copy(store, column_u64(row, 0), arena, &ret->rule);
}

static int load_held(Store *store, uint64_t lead, Arena *arena, HeldState *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_HELD_GET, &row, ARG(lead));
        if (r != 0)
                return r == STORE_E_NONE ? -EBADMSG : r;
        const char *text = column_text(row, 1);
        ret->text = text ? arena_strdup(arena, text) : NULL;
        ret->since_us = sqlite3_column_int64(row, 2);
        ret->next_look_us = column_time(row, 3);
        if (text && !ret->text)
                return -ENOMEM;
        return name_copy(store, column_u64(row, 0), arena, &ret->by);
}

static int load_track(Store *store, uint64_t lead, Arena *arena, TrackState *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_TRACK_GET, &row, ARG(lead));
        if (r != 0)
                return r == STORE_E_NONE ? -EBADMSG : r;
        ret->event = column_u64(row, 1);
        ret->since_us = sqlite3_column_int64(row, 2);
        ret->next_step = (uint32_t) sqlite3_column_int64(row, 3);
        ret->next_due_us = column_time(row, 4);
        ret->ended = sqlite3_column_int(row, 5) != 0;
        return name_copy(store, column_u64(row, 0), arena, &ret->name);
}

int store_is_in_track(Store *store, uint64_t lead, const char *track, uint64_t event, bool *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_TRACK_GET, &row, ARG(lead));
        if (r != 0) {
                *ret = false;
                return r == STORE_E_NONE ? 0 : r;
        }
        const char *name = name_text(store, column_u64(row, 0));
        *ret = name && track && base_streq(name, track) && column_u64(row, 1) <= event && sqlite3_column_int(row, 5) == 0;
        return 0;
}

static int load_recycle(Store *store, uint64_t lead, Arena *arena, LeadState *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_RECYCLE_GET, &row, ARG(lead));
        if (r != 0)
                return r == STORE_E_NONE ? -EBADMSG : r;
        ret->recycle_us = column_time(row, 0);
        return name_copy(store, column_u64(row, 1), arena, &ret->recycle_reason);
}

/* By reason: the rows stand by the ids of a dictionary, which another store numbers otherwise. */
static int load_used(Store *store, uint64_t lead, Arena *arena, LeadState *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        ReasonUse *uses = ARENA_ARRAY(arena, ReasonUse, DECIDE_REASON_USES_MAX);
        size_t n = 0;
        if (!uses)
                return -ENOMEM;
        int r = sql_row(store, SQL_USED_ALL, &row, ARG(lead));
        for (; r == 0; r = sql_next(store, row)) {
                ReasonUse use = {
                        .event = column_u64(row, 1), .at_us = sqlite3_column_int64(row, 2), .woken = sqlite3_column_int(row, 3) != 0
                };
                int s = name_copy(store, column_u64(row, 0), arena, &use.reason);
                if (s != 0)
                        return s;
                if (n == DECIDE_REASON_USES_MAX || !use.reason)
                        return -EBADMSG;
                size_t at = n++;
                for (; at > 0 && strcmp(uses[at - 1].reason, use.reason) > 0; at--)
                        uses[at] = uses[at - 1];
                uses[at] = use;
        }
        ret->uses = uses;
        ret->n_uses = n;
        return r == STORE_E_NONE ? 0 : r;
}

static int load_expired(Store *store, uint64_t lead, Arena *arena, LeadState *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        const char **names = ARENA_ARRAY(arena, const char *, DECIDE_EXPIRED_MAX);
        size_t n = 0;
        if (!names)
                return -ENOMEM;
        int r = sql_row(store, SQL_EXPIRED_ALL, &row, ARG(lead));
        for (; r == 0; r = sql_next(store, row)) {
                if (n == DECIDE_EXPIRED_MAX)
                        return -EBADMSG;
                int s = name_copy(store, column_u64(row, 0), arena, &names[n]);
                if (s != 0)
                        return s;
                if (!names[n++])
                        return -EBADMSG;
        }
        ret->expired = names;
        ret->n_expired = n;
        return r == STORE_E_NONE ? 0 : r;
}

static int load_merged(Store *store, uint64_t lead, Arena *arena, LeadState *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(store, SQL_MERGED_GET, &row, ARG(lead));
        if (r != 0)
                return r == STORE_E_NONE ? -EBADMSG : r;
        ret->merged_into = column_u64(row, 0);
        ret->merged_unaccepted = sqlite3_column_int(row, 2) != 0;
        return name_copy(store, column_u64(row, 1), arena, &ret->merged_owner);
}

static void state_init(LeadState *ret) {
        *ret = (LeadState){
                .grade = "",
                .recycle_us = TIME_NONE,
                .wake_us = TIME_NONE,
                .idle_from_us = TIME_NONE,
                .source_us = TIME_NONE,
                .offered_us = TIME_NONE,
                .sla = SLA_STATE_NONE,
                .held = { .next_look_us = TIME_NONE },
                .track = TRACK_STATE_NONE,
        };
}

static int load_state(Store *store, uint64_t lead, Arena *arena, LeadState *ret, LeadRow *ret_row) {
        const char *segments = NULL;
        state_init(ret);
        {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                int r = sql_row(store, SQL_LEAD_GET, &row, ARG(lead));
                if (r != 0)
                        return r;
                read_row(row, lead, ret_row);
                ret->fit_mp = sqlite3_column_int64(row, LEAD_FIT);
                ret->engagement_mp = sqlite3_column_int64(row, LEAD_ENGAGEMENT);
                r = column_ref(store, row, LEAD_SEGMENTS, arena, &segments);
                if (r == 0)
                        r = column_ref(store, row, LEAD_SOURCE, arena, &ret->source);
                if (r == 0)
                        r = column_ref(store, row, LEAD_CAME_FROM, arena, &ret->came_from);
                if (r == 0)
                        r = column_ref(store, row, LEAD_CAMPAIGN, arena, &ret->campaign);
                if (r == 0)
                        r = column_ref(store, row, LEAD_CONSENTS, arena, &ret->consents);
                if (r != 0)
                        return r;
        }
        ret->id = lead;
        ret->version = ret_row->version;
        ret->created_us = ret_row->created_us;
        ret->entered_us = ret_row->entered_us;
        ret->idle_from_us = ret_row->idle_from_us;
        ret->source_us = ret_row->source_us;
        ret->moved_event = ret_row->moved_event;
        ret->wake_us = ret_row->wake_us;
        ret->offered_us = ret_row->offered_us;
        ret->offered_event = ret_row->offered_event;
        ret->unaccepted = ret_row->flags & LEAD_UNACCEPTED;
        ret->test = ret_row->flags & LEAD_TEST;
        ret->by_turn = ret_row->flags & LEAD_BY_TURN;
        ret->joined = ret_row->flags & LEAD_JOINED;
        ret->erased = ret_row->flags & LEAD_ERASED;
        int r = name_copy(store, ret_row->status, arena, &ret->status);
        if (r == 0)
                r = name_copy(store, ret_row->owner, arena, &ret->owner);
        if (r == 0)
                r = name_copy(store, ret_row->route, arena, &ret->route);
        if (r == 0)
                r = name_copy(store, ret_row->grade, arena, &ret->grade);
        if (r == 0 && !ret->grade)
                ret->grade = "";
        if (r == 0)
                r = segments_split(segments, arena, ret);
        if (r == 0 && ret_row->flags & LEAD_HAS_SLA)
                r = load_sla(store, lead, arena, &ret->sla);
        if (r == 0 && ret_row->flags & LEAD_HAS_RESPONSE)
                r = load_response(store, lead, arena, &ret->response);
        if (r == 0 && ret_row->flags & LEAD_HAS_HELD)
                r = load_held(store, lead, arena, &ret->held);
        if (r == 0 && ret_row->flags & LEAD_HAS_TRACK)
                r = load_track(store, lead, arena, &ret->track);
        if (r == 0 && ret_row->flags & LEAD_HAS_RECYCLE)
                r = load_recycle(store, lead, arena, ret);
        if (r == 0 && ret_row->flags & LEAD_HAS_USED)
                r = load_used(store, lead, arena, ret);
        if (r == 0 && ret_row->flags & LEAD_HAS_EXPIRED)
                r = load_expired(store, lead, arena, ret);
        if (r == 0 && ret_row->flags & LEAD_HAS_OPPORTUNITY)
                r = opportunities_load(store, lead, arena, &ret->opportunities, &ret->n_opportunities);
        if (r == 0 && ret_row->flags & LEAD_HAS_RETURNED)
                r = returned_load(store, lead, arena, &ret->returned);
        if (r == 0 && ret_row->flags & LEAD_MERGED)
                r = load_merged(store, lead, arena, ret);
        if (r == 0 && store->is_in_transaction)
                store->hot = *ret_row;
        return r;
}

int facts_load(Blob blob, Arena *arena, Facts *ret) {
        *ret = (Facts){ 0 };
        if (!blob.data)
                return 0;
        /* One copy of the whole, into which the texts then point. */
        const char *copy = arena_strndup(arena, blob.data, blob.size);
        if (!copy)
                return -ENOMEM;
        int r = facts_decode(copy, blob.size, false, arena, ret);
        return r == RECORD_E_CORRUPT ? -EBADMSG : r;
}

static bool same_fact(const Fact *a, const Fact *b) {
        if (a->field != b->field || a->time_us != b->time_us || a->value.type != b->value.type || (a->key == NULL) != (b->key == NULL) ||
                (a->key && !base_streq(a->key, b->key)))
                return false;
        switch (a->value.type) {
        case VALUE_TEXT:
                return a->value.size == b->value.size && memcmp(a->value.text, b->value.text, a->value.size) == 0;
        case VALUE_NUMBER:
                return a->value.number == b->value.number && signbit(a->value.number) == signbit(b->value.number);
        case VALUE_INTEGER:
                return a->value.integer == b->value.integer;
        case VALUE_BOOL:
                return a->value.boolean == b->value.boolean;
        case VALUE_ABSENT:
                break;
        }
        return true;
}

bool profile_is_said(const Facts *event, const Facts *profile) {
        size_t n = 0;
        for (size_t i = 0; i < event->n_items; i++)
                if (field_is_profile(event->items[i].field) &&
                        (n == profile->n_items || !same_fact(&event->items[i], &profile->items[n++])))
                        return false;
        return n > 0 && n == profile->n_items;
}

int lead_profile(Store *store, const LeadRow *lead, Arena *arena, Facts *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        *ret = (Facts){ 0 };
        int r = lead->profile_event > 0 ? sql_row(store, SQL_PROFILE_SAID, &row, ARG(lead->profile_event))
                                        : sql_row(store, SQL_PROFILE_GET, &row, ARG(lead->id));
        if (r != 0)
                return r == STORE_E_NONE ? 0 : r;
        r = facts_load(column_blob(row, 0), arena, ret);
        if (r != 0 || lead->profile_event == 0)
                return r;
        size_t n = 0;
        for (size_t i = 0; i < ret->n_items; i++)
                if (field_is_profile(ret->items[i].field))
                        ret->items[n++] = ret->items[i];
        ret->n_items = n;
        return 0;
}

/* A submission counts as the activity "form_submitted" whose name is the form's. */
static int name_submission(Arena *arena, Facts *facts, int64_t time_us) {
        if (facts_get(facts, FIELD_ACTIVITY_NAME, NULL))
                return 0;
        const char *name = facts_text(facts, FIELD_ATTRIBUTION_FORM_NAME);
        if (!name)
                name = facts_text(facts, FIELD_ATTRIBUTION_FORM_ID);
        return name ? facts_set(facts, arena, FIELD_ACTIVITY_NAME, NULL, value_text(name), time_us) : 0;
}

static int load_activity(
        Store *store, sqlite3_stmt *row, unsigned flags, uint64_t event, uint64_t moved_event, Arena *arena, Activity *ret) {
        const char *type;
        Facts *facts = ARENA_NEW(arena, Facts);
        if (!facts)
                return -ENOMEM;
        *ret = (Activity){ .event = event,
                .time_us = sqlite3_column_int64(row, 3),
                .type = "form_submitted",
                .facts = facts,
                .after_move = event > moved_event };
        int r = facts_load(column_blob(row, 4), arena, facts);
        if (r != 0)
                return r;
        if (flags & EVENT_IS_SUBMISSION)
                return name_submission(arena, facts, ret->time_us);
        r = column_ref(store, row, 2, arena, &type);
        if (r != 0)
                return r;
        (void) record_family(type ? type : "", &ret->type);
        return 0;
}

static int load_history(Store *store, const LeadRow *lead, Arena *arena, Activity **ret, size_t *ret_n) {
        bool joined = lead->flags & LEAD_JOINED;
        size_t n = 0, n_max = lead->version < STORE_HISTORY_MAX && !joined ? (size_t) lead->version : STORE_HISTORY_MAX;
        FamilyWalk walk;
        *ret = NULL;
        *ret_n = 0;
        Activity *history = n_max > 0 ? ARENA_ARRAY(arena, Activity, n_max) : NULL;
        if (n_max > 0 && !history)
                return -ENOMEM;
        uint64_t event = lead->last_event;
        int r = joined ? family_start(store, lead->id, &walk) : 0;
        if (r == 0 && joined)
                r = family_next(store, &walk, &event);
        if (r != 0)
                return r;
        for (size_t n_seen = 0; event > 0 && n < n_max && n_seen < STORE_CHAIN_MAX; n_seen++) {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                r = sql_row(store, SQL_EVENT_ACTIVITY, &row, ARG(event));
                if (r != 0)
                        return r == STORE_E_NONE ? -EBADMSG : r;
                uint64_t prev = column_u64(row, 0);
                unsigned flags = (unsigned) sqlite3_column_int(row, 1);
                if (prev >= event)
                        return -EBADMSG; /* a damaged chain must not be walked for ever */
                if (flags & EVENT_IS_ACTIVITY) {
                        r = load_activity(store, row, flags, event, lead->moved_event, arena, &history[n]);
                        if (r != 0)
                                return r;
                        n++;
                }
                event = prev;
                if (joined)
                        r = family_next(store, &walk, &event);
                if (r != 0)
                        return r;
        }
        for (size_t i = 0; i < n / 2; i++) {
                Activity swap = history[i];
                history[i] = history[n - 1 - i];
                history[n - 1 - i] = swap;
        }
        *ret = history;
        *ret_n = n;
        return 0;
}

int store_load_lead(Store *store, uint64_t lead, Arena *arena, LeadState *ret_state, Facts *ret_profile, Activity **ret_history,
        size_t *ret_n_history) {
        LeadState state;
        LeadRow row;
        if (lead == 0) {
                if (ret_state)
                        state_init(ret_state);
                if (ret_profile)
                        *ret_profile = (Facts){ 0 };
                if (ret_history) {
                        *ret_history = NULL;
                        *ret_n_history = 0;
                }
                return 0;
        }
        int r = snapshot_enter(store);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot _unused_ = store;
        r = load_state(store, lead, arena, &state, &row);
        if (r == 0 && ret_profile)
                r = lead_profile(store, &row, arena, ret_profile);
        if (r == 0 && ret_history)
                r = load_history(store, &row, arena, ret_history, ret_n_history);
        if (r == 0 && ret_state)
                *ret_state = state;
        return r;
}

int store_load_profile(Store *store, uint64_t lead, Arena *arena, Facts *ret) {
        LeadRow row;
        int r = snapshot_enter(store);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot _unused_ = store;
        r = lead_row(store, lead, &row);
        return r == 0 ? lead_profile(store, &row, arena, ret) : r;
}

int store_load_joined_history(Store *store, uint64_t lead, Arena *arena, Activity **ret_history, size_t *ret_n_history) {
        LeadRow row;
        int r = lead_row(store, lead, &row);
        row.flags |= LEAD_JOINED;
        return r == 0 ? load_history(store, &row, arena, ret_history, ret_n_history) : r;
}

/* ---- listing ---- */

/* A name to filter by: bound as its id; *ret_never when nothing can match. "-" is nobody. */
static int filter_arg(Store *store, const char *text, Arg *ret, bool *ret_never) {
        *ret = (Arg){ .type = ARG_NULL };
        if (!text)
                return 0;
        if (!store_is_writer(store)) {
                int r = names_load(store);
                if (r != 0)
                        return r;
        }
        uint64_t id = base_streq(text, "-") ? 0 : name_find(store, text);
        if (id == 0 && !base_streq(text, "-"))
                *ret_never = true;
        *ret = ARG(id);
        return 0;
}

static bool has_segment(const LeadState *state, const char *segment) {
        for (size_t i = 0; i < state->n_segments; i++)
                if (base_streq(state->segments[i], segment))
                        return true;
        return false;
}

/* The next lead below `before` that passes the filter. */
static int next_listed(
        Store *store, const ListFilter *filter, const Arg args[static 4], Arena *arena, uint64_t before, uint64_t *ret_lead) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        const Arg all[] = { ARG(before), args[0], args[1], args[2], args[3] };
        Sql sql = filter->track ? SQL_LEAD_LIST_TRACK : filter->held ? SQL_LEAD_LIST_HELD : SQL_LEAD_LIST;
        int r;
        for (r = sql_row_args(store, sql, &row, all, filter->track ? 5 : 4); r == 0; r = sql_next(store, row)) {
                *ret_lead = column_u64(row, 0);
                if (!filter->segment)
                        return 0;
                LeadState state = { 0 };
                const char *segments;
                arena_reset(arena);
                r = column_ref(store, row, 1, arena, &segments);
                if (r == 0)
                        r = segments_split(segments, arena, &state);
                if (r != 0 || has_segment(&state, filter->segment))
                        return r;
        }
        return r;
}

int store_list(Store *store, const ListFilter *filter, int (*on_row)(const ListRow *row, void *userdata), void *userdata) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        if (!arena)
                return -ENOMEM;
        int r = snapshot_enter(store);
        if (r != 0)
                return r;
        _cleanup_(snapshot_leavep) Store *snapshot _unused_ = store;
        bool never = false;
        Arg args[4];
        r = store_is_writer(store) ? 0 : desk_load_statuses(store); /* a reader: as they are now */
        if (r == 0)
                r = filter_arg(store, filter->status, &args[0], &never);
        if (r == 0)
                r = filter_arg(store, filter->owner, &args[1], &never);
        if (r == 0)
                r = filter_arg(store, filter->grade, &args[2], &never);
        if (r == 0)
                r = filter_arg(store, filter->track, &args[3], &never);
        if (r != 0 || never)
                return r;

        uint64_t before = filter->before > 0 ? filter->before : INT64_MAX;
        for (size_t n = 0, limit = filter->limit > 0 ? filter->limit : 100; n < limit;) {
                uint64_t lead;
                LeadRow hot;
                Facts profile;
                ListRow row = { 0 };
                arena_reset(arena);
                r = next_listed(store, filter, args, arena, before, &lead);
                if (r == STORE_E_NONE)
                        return 0;
                if (r == 0)
                        r = load_state(store, lead, arena, &row.state, &hot);
                if (r == 0)
                        r = lead_profile(store, &hot, arena, &profile);
                if (r != 0)
                        return r;
                before = lead;
                if (filter->held && !row.state.held.by)
                        continue; /* found by its track */
                n++;
                row.team = hot.status < store->names.n ? name_text(store, store->names.items[hot.status].team) : NULL;
                row.email = facts_text(&profile, FIELD_PERSON_EMAIL);
                row.name = facts_text(&profile, FIELD_PERSON_NAME);
                row.company = facts_text(&profile, FIELD_COMPANY_NAME);
                r = on_row(&row, userdata);
                if (r != 0)
                        return r;
        }
        return 0;
}
