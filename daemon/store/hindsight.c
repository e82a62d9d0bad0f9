/* SPDX-License-Identifier: MIT */
/*
 * hindsight: what a leadd before version 7 did not keep for reports, found in its log when the book is brought up to date: moves,
 * hand-offs that ended, work, the rules that gave points, and of each lead its first touch, its consents and since when its owner
 * has it. Of hand-offs it finds those of version 6, which wrote down how each ended; when they were due and the working time are
 * facts that were not, and stay unknown.
 *
 * It goes through the log once, in its order, with 64 bytes for each lead in memory, in one transaction that also says that it ran. A
 * replay of the book does the same at the same event (store_look_back): so both say the same, whatever is found.
 */
#include "internal.h"
#include <errno.h>

/* What is known of a lead so far. */
typedef struct Past {
        int64_t created_us, entered_us, offered_us;
        uint32_t owner, route, sla, offered_event; /* owner 0 = nobody */
        uint32_t first_event, touch_event;         /* its first, and that of its first touch; 0 = none yet */
        uint32_t returned_team;                    /* of the row that stands in returned; 0 = none does */
        bool is_erased, is_test;                   /* as it stands now */
        bool unaccepted, is_known;                 /* is_known: whether it was accepted */
} Past;

typedef struct Hindsight {
        Store *store;
        uint64_t before; /* the first event that is not looked at */
        Past *leads;     /* by id */
        size_t n_leads;
        Arena *arena; /* of one event */
} Hindsight;

/* Columns of SQL_EVENT_PAST. */
enum { PAST_ID, PAST_LEAD, PAST_PREV, PAST_TYPE, PAST_SOURCE, PAST_ACTOR, PAST_NOW, PAST_AGE, PAST_FLAGS, PAST_BODY };

typedef struct Looked {
        uint64_t id;
        Past *past;
        uint64_t lead;
        const char *type;
        int64_t now_us, time_us;
        unsigned flags;
        StoredEvent said; /* moves, assignment, and the rest where there is any of these */
        Blob scores;
        bool is_6, is_test;
} Looked;

static const char *said_name(Store *store, sqlite3_stmt *row, int column) {
        return sqlite3_column_type(row, column) == SQLITE_INTEGER ? name_text(store, column_u64(row, column)) : column_text(row, column);
}

/* ---- where the lead came from ---- */

static bool starts_with(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

static bool is_merge(const char *type) { return base_streq(type, "lead.merged") || base_streq(type, "lead.unmerged"); }

static bool is_from_outside(const char *type) {
        return starts_with(type, "activity.") || starts_with(type, "consent.") || starts_with(type, "company.") ||
               (starts_with(type, "lead.") && !is_merge(type) && !base_streq(type, "lead.erased"));
}

static int load_facts(Hindsight *hindsight, uint64_t event, Facts *ret) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r = sql_row(hindsight->store, SQL_PROFILE_SAID, &row, ARG(event));
        *ret = (Facts){ 0 };
        return r == 0 ? facts_load(column_blob(row, 0), hindsight->arena, ret) : r == STORE_E_NONE ? 0 : r;
}

static int touch(Hindsight *hindsight, uint64_t lead, uint64_t event) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        const char *source, *came_from, *campaign;
        Ref from, in;
        Facts facts;
        int r = load_facts(hindsight, event, &facts);
        if (r == 0)
                r = sql_row(hindsight->store, SQL_EVENT_SOURCE, &row, ARG(event));
        if (r == 0)
                r = column_ref(hindsight->store, row, 0, hindsight->arena, &source);
        sql_resetp(&row);
        if (r == 0)
                r = decide_first_touch(&facts, source, hindsight->arena, &came_from, &campaign);
        if (r == 0)
                r = said_ref(hindsight->store, came_from, STORE_NAMES_MAX, &from);
        if (r == 0)
                r = said_ref(hindsight->store, campaign, STORE_NAMES_MAX, &in);
        return r == 0 ? sql_run(hindsight->store, SQL_LEAD_TOUCH, ARG(lead), ARG(from), ARG(in)) : r;
}

/* The lead that went or came, of the one that stays: what both were is joined, and parted again. */
static int take_merge(Hindsight *hindsight, const Looked *event) {
        Past *past = event->past;
        Facts facts;
        int r = load_facts(hindsight, event->id, &facts);
        const Value *from = r == 0 ? facts_get(&facts, FIELD_CARE_FROM, NULL) : NULL, *into = NULL;
        if (r == 0 && !from)
                into = facts_get(&facts, FIELD_CARE_INTO, NULL);
        if (r != 0)
                return r;
        if (from && base_streq(event->type, "lead.merged") && from->type == VALUE_INTEGER &&
                (uint64_t) from->integer < hindsight->n_leads) {
                const Past *other = &hindsight->leads[from->integer];
                if (other->first_event > 0 && other->created_us < past->created_us) {
                        past->created_us = other->created_us;
                        past->touch_event = other->touch_event;
                }
        } else if ((from || into) && base_streq(event->type, "lead.unmerged"))
                past->touch_event = past->first_event;
        return 0;
}

/* ---- what it went through ---- */

static int encode_scores(Hindsight *hindsight, Looked *event) {
        Store *store = hindsight->store;
        text_clear(&store->scores);
        for (size_t i = 0; i < event->said.n_receipts; i++) {
                const StoredReceipt *receipt = &event->said.receipts[i];
                uint64_t id;
                if (!receipt->matched || receipt->kind != RULE_SCORE || receipt->points_mp <= 0)
                        continue;
                int r = name_intern(store, receipt->rule, &id);
                if (r != 0)
                        return r;
                text_append_varint(&store->scores, id);
        }
        event->scores = store->scores.size > 0 ? (Blob){ store->scores.data, store->scores.size } : (Blob){ 0 };
        return store->scores.error;
}

static int keep_moves(Hindsight *hindsight, const Looked *event) {
        Store *store = hindsight->store;
        Past *past = event->past;
        uint64_t left = 0;
        for (size_t i = 0; i < event->said.n_moves && i < PASSAGES_PER_EVENT; i++) {
                const MoveMade *made = &event->said.moves[i];
                uint64_t move, was, goes;
                Ref by;
                int r = name_intern(store, made->move, &move);
                if (r == 0)
                        r = name_intern(store, made->from, &was);
                if (r == 0)
                        r = name_intern(store, made->to, &goes);
                if (r == 0)
                        r = name_ref(store, made->by, STORE_NAMES_MAX, &by);
                if (r != 0)
                        return r;
                left = left > 0 ? left : was;
                bool keeps_owner = was == left || store->names.items[was].team == store->names.items[left].team;
                int64_t spent_us = was != goes && event->id != past->first_event ? event->now_us - past->entered_us : 0;
                unsigned flags = (event->is_test ? PASSAGE_TEST : 0) | (i > 0 ? PASSAGE_FOLLOWS : 0);
                if (was != goes)
                        past->entered_us = event->now_us;
                r = sql_run(store, SQL_TRANSITION_ADD, ARG(event->id * PASSAGES_PER_EVENT + i), ARG(event->lead), ARG(event->now_us),
                        ARG(move), ARG(was), ARG(goes), ARG(keeps_owner ? (uint64_t) past->owner : 0), ARG(by), ARG(spent_us), ARG(flags));
                if (r == 0 && made->reason && event->scores.data && event->is_6 && !event->is_test)
                        r = sql_run(store, SQL_FEEDBACK_SCORES, ARG(event->id), ARG((uint64_t) i), ARG(event->scores));
                if (r != 0)
                        return r;
        }
        return 0;
}

static int keep_handoff(
        Hindsight *hindsight, const Looked *event, HandOffHow how, const char *team_name, const char *route_name, uint64_t owner) {
        Store *store = hindsight->store;
        const Past *past = event->past;
        uint64_t team, route, reason;
        int r = name_intern(store, team_name, &team);
        if (r == 0)
                r = name_intern(store, route_name, &route);
        if (r == 0)
                r = name_intern(store, event->said.n_moves > 0 ? event->said.moves[0].reason : NULL, &reason);
        if (r != 0 || past->offered_event == 0)
                return r;
        return sql_run(store, SQL_HANDOFF_ADD, ARG(event->id * PASSAGES_PER_EVENT), ARG(event->lead), ARG((uint64_t) past->offered_event),
                ARG(past->offered_us), ARG(event->now_us), ARG((int) how), ARG(team), ARG(owner), ARG(route), ARG((uint64_t) past->sla),
                ARG_TIME(TIME_NONE), ARG_TIME(TIME_NONE), ARG(reason), ARG(event->scores),
                ARG(PASSAGE_OLD | (event->is_test ? PASSAGE_TEST : 0)));
}

/* Version 6 counted how each offer ended, and wrote that into its event; but not of merges and erasures. */
static int keep_end(Hindsight *hindsight, const Looked *event) {
        static const HandOffHow ends[FAIR_KINDS] = { [FAIR_ACCEPTED] = HANDOFF_ACCEPTED,
                [FAIR_RETURNED] = HANDOFF_RETURNED,
                [FAIR_EXPIRED] = HANDOFF_EXPIRED,
                [FAIR_LEFT] = HANDOFF_LEFT };
        const StoredEvent *said = &event->said;
        for (size_t i = 0; i < said->n_fair; i++) {
                const FairFact *fact = &said->fair[i];
                uint64_t owner;
                if (fact->kind >= FAIR_KINDS || ends[fact->kind] == 0)
                        continue;
                int r = name_intern(hindsight->store, fact->member, &owner);
                return r == 0 ? keep_handoff(hindsight, event, ends[fact->kind], fact->team, fact->route, owner) : r;
        }
        bool is_gone =
                said->assignment.changed && !said->assignment.owner && (is_merge(event->type) || base_streq(event->type, "lead.erased"));
        if (!is_gone || !event->past->unaccepted || event->is_test)
                return 0;
        return keep_handoff(
                hindsight, event, HANDOFF_LEFT, said->assignment.team, name_text(hindsight->store, event->past->route), event->past->owner);
}

static int take_owner(Hindsight *hindsight, const Looked *event) {
        const Assignment *assignment = &event->said.assignment;
        Past *past = event->past;
        uint64_t owner = past->owner, route = past->route;
        bool unaccepted = event->is_6 && event->flags & EVENT_LEAVES_UNACCEPTED;
        int r = 0;
        if (assignment->changed) {
                r = name_intern(hindsight->store, assignment->owner, &owner);
                if (r == 0)
                        r = name_intern(hindsight->store, assignment->owner && event->is_6 ? assignment->route : NULL, &route);
        }
        if (r != 0)
                return r;
        if (owner == 0)
                past->offered_event = 0;
        else if (owner != past->owner || (unaccepted && past->is_known && !past->unaccepted)) {
                past->offered_event = (uint32_t) event->id;
                past->offered_us = event->now_us;
        }
        past->owner = (uint32_t) owner;
        past->route = (uint32_t) route;
        past->unaccepted = unaccepted;
        past->is_known = event->is_6;
        return 0;
}

/* Who lost it to a team without members, as long as nobody of that one's team has it. Which team has members is what the rules said last.
 */
static int take_return(Hindsight *hindsight, const Looked *event) {
        Store *store = hindsight->store;
        const StoredEvent *said = &event->said;
        Past *past = event->past;
        const Name *names = store->names.items;
        if (!said->assignment.changed)
                return 0;
        for (size_t i = 0; !said->assignment.owner && past->owner > 0 && i < said->n_moves; i++) {
                uint64_t was = name_find(store, said->moves[i].from), goes = name_find(store, said->moves[i].to), move, reason;
                Ref by;
                if (names[goes].status_kind == 0 || names[goes].is_staffed)
                        continue;
                int r = name_intern(store, said->moves[i].move, &move);
                if (r == 0)
                        r = name_intern(store, said->moves[i].reason, &reason);
                if (r == 0)
                        r = name_ref(store, said->moves[i].by, STORE_NAMES_MAX, &by);
                past->returned_team = (uint32_t) store->names.items[was].team;
                return r == 0 ? sql_run(store, SQL_RETURNED_SET, ARG(event->lead), ARG((uint64_t) past->owner), ARG(event->id),
                                        ARG(event->now_us), ARG(move), ARG(reason), ARG(by))
                              : r;
        }
        if (!said->assignment.owner || past->returned_team != name_find(store, said->assignment.team))
                return 0;
        past->returned_team = 0;
        return sql_run(store, SQL_RETURNED_DELETE, ARG(event->lead));
}

/* The promise that began with it, for the offer that ends later. */
static int take_sla(Hindsight *hindsight, const Looked *event) {
        if (event->said.assignment.changed)
                event->past->sla = 0;
        for (size_t i = 0; i < event->said.n_receipts; i++) {
                uint64_t rule;
                if (!event->said.receipts[i].matched || event->said.receipts[i].kind != RULE_SLA)
                        continue;
                int r = name_intern(hindsight->store, event->said.receipts[i].rule, &rule);
                if (r != 0)
                        return r;
                event->past->sla = (uint32_t) rule;
        }
        return 0;
}

static int keep_work(Hindsight *hindsight, const Looked *event, const char *actor) {
        const Past *past = event->past;
        if (!event->is_6 || !past->is_known || past->unaccepted || past->owner == 0 || event->said.n_moves > 0 || event->is_test ||
                !passage_is_work(event->type, actor))
                return 0;
        return sql_run(hindsight->store, SQL_WORK_ADD, ARG(event->id), ARG(event->lead), ARG(event->now_us), ARG((uint64_t) past->owner));
}

/* ---- one event ---- */

static int take_changes(Hindsight *hindsight, Looked *event, Blob body) {
        event->said = (StoredEvent){ 0 };
        int r = body_decode(hindsight->store, event->id, body, (Blob){ 0 }, NULL, hindsight->arena, &event->said);
        if (r == 0)
                r = encode_scores(hindsight, event);
        if (r == 0)
                r = keep_moves(hindsight, event);
        if (r == 0 && event->is_6)
                r = keep_end(hindsight, event);
        if (r == 0)
                r = take_return(hindsight, event);
        return r == 0 ? take_sla(hindsight, event) : r;
}

static int take_time(Hindsight *hindsight, const Looked *event, bool is_first) {
        Past *past = event->past;
        if (is_merge(event->type))
                return take_merge(hindsight, event);
        if (is_first) {
                past->created_us = event->time_us;
                past->entered_us = event->now_us;
                past->first_event = past->touch_event = (uint32_t) event->id;
        } else if (event->time_us < past->created_us) {
                past->created_us = event->time_us;
                if (is_from_outside(event->type))
                        past->touch_event = (uint32_t) event->id;
        }
        return 0;
}

static int take_event(Hindsight *hindsight, sqlite3_stmt *row) {
        Store *store = hindsight->store;
        Looked event = {
                .id = column_u64(row, PAST_ID),
                .lead = column_u64(row, PAST_LEAD),
                .now_us = sqlite3_column_int64(row, PAST_NOW),
                .flags = (unsigned) sqlite3_column_int(row, PAST_FLAGS),
        };
        const char *type = said_name(store, row, PAST_TYPE), *actor = said_name(store, row, PAST_ACTOR);
        Blob body = column_blob(row, PAST_BODY);
        if (event.lead == 0)
                return 0;
        if (event.lead >= hindsight->n_leads || !type)
                return -EBADMSG;
        event.past = &hindsight->leads[event.lead];
        event.type = type;
        event.time_us = event.now_us - sqlite3_column_int64(row, PAST_AGE);
        event.is_6 = !store_is_before_6(store, event.id);
        event.is_test = event.is_6 ? event.flags & EVENT_LEAVES_TEST : event.past->is_test;
        arena_reset(hindsight->arena);
        int r = take_time(hindsight, &event, column_u64(row, PAST_PREV) == 0);
        if (r == 0)
                r = body_decode_moves(store, body, hindsight->arena, &event.said);
        if (r == 0 && (event.said.n_moves > 0 || event.said.assignment.changed))
                r = take_changes(hindsight, &event, body);
        if (r == 0 && base_streq(type, "lead.erased"))
                r = sql_run(store, SQL_RETURNED_DELETE, ARG(event.lead));
        if (r == 0)
                r = keep_work(hindsight, &event, actor);
        return r == 0 ? take_owner(hindsight, &event) : r;
}

static int take_log(Hindsight *hindsight) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r;
        for (r = sql_row(hindsight->store, SQL_EVENT_PAST, &row, ARG(hindsight->before)); r == 0; r = sql_next(hindsight->store, row)) {
                r = take_event(hindsight, row);
                if (r != 0)
                        return r;
        }
        return r == STORE_E_NONE ? 0 : r;
}

/* ---- the leads ---- */

static int read_leads(Hindsight *hindsight) {
        _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
        int r;
        hindsight->n_leads = store_next_lead(hindsight->store);
        hindsight->leads = calloc(hindsight->n_leads, sizeof(Past));
        if (!hindsight->leads)
                return -ENOMEM;
        for (r = sql_row_plain(hindsight->store, SQL_LEAD_FLAGS, &row); r == 0; r = sql_next(hindsight->store, row)) {
                unsigned flags = (unsigned) sqlite3_column_int(row, 1);
                Past *past = &hindsight->leads[column_u64(row, 0)];
                past->is_erased = flags & LEAD_ERASED;
                past->is_test = flags & LEAD_TEST;
        }
        return r == STORE_E_NONE ? 0 : r;
}

static int write_lead(Hindsight *hindsight, uint64_t lead) {
        Store *store = hindsight->store;
        const Past *past = &hindsight->leads[lead];
        const char *text;
        Facts profile;
        LeadRow row;
        Ref consents;
        arena_reset(hindsight->arena);
        int r = lead_row(store, lead, &row);
        if (r == 0)
                r = lead_profile(store, &row, hindsight->arena, &profile);
        if (r == 0)
                r = decide_consents(&profile, hindsight->arena, &text);
        if (r == 0)
                r = said_ref(store, text, STORE_PHRASES_MAX, &consents);
        if (r != 0)
                return r == STORE_E_NONE ? 0 : r;
        bool is_offered = past->offered_event > 0 && past->owner == row.owner;
        if (is_offered || text)
                r = sql_run(store, SQL_LEAD_OFFERED, ARG(lead), is_offered ? ARG(past->offered_us - row.created_us) : ARG_TIME(TIME_NONE),
                        ARG(is_offered ? (uint64_t) past->offered_event : 0), ARG(consents));
        return r == 0 && past->touch_event > 0 ? touch(hindsight, lead, past->touch_event) : r;
}

static int look_back(Hindsight *hindsight) {
        int r = read_leads(hindsight);
        if (r == 0)
                r = take_log(hindsight);
        for (uint64_t lead = 1; r == 0 && lead < hindsight->n_leads; lead++)
                if (!hindsight->leads[lead].is_erased)
                        r = write_lead(hindsight, lead);
        if (r == 0)
                r = sql_run_plain(hindsight->store, SQL_RETURNED_FLAGS);
        hindsight->store->hot = (LeadRow){ 0 };
        return r;
}

int store_look_back(Store *store) {
        Hindsight hindsight = { .store = store, .before = store->facts_from };
        int r = store_may_write(store);
        if (r != 0 || store->facts_from <= 1)
                return r;
        hindsight.arena = arena_new(0);
        r = hindsight.arena ? look_back(&hindsight) : -ENOMEM;
        arena_free(hindsight.arena);
        free(hindsight.leads);
        return r;
}

int hindsight(Store *store) {
        {
                _cleanup_(sql_resetp) sqlite3_stmt *row = NULL;
                int r = sql_row(store, SQL_META_GET, &row, ARG("hindsight"));
                if (r != 0)
                        return r == STORE_E_NONE ? 0 : r;
        }
        int r = store_begin(store);
        if (r == 0)
                r = store_look_back(store);
        if (r == 0)
                r = sql_run(store, SQL_META_DELETE, ARG("hindsight"));
        if (r == 0)
                return store_commit(store);
        (void) store_rollback(store);
        return r;
}
