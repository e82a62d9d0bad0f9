/* SPDX-License-Identifier: MIT */
/*
 * The reports about hand-offs against a slow count of the same histories: random books are lived through the real gate, then each lead's
 * events are read one by one from its log, and what became of each offer is worked out from these alone, however often a row is looked
 * at. Nothing of it reads the tables that the reports count from.
 */
#include "../../daemon/report/measures.h"
#include "test_person_fixture.h"

#include <jansson.h>

#define LEADS_MAX 200
#define OFFERS_MAX 4000
#define HANDOFF_RULES \
        "settings \"site\" { zone = \"UTC\" }\n" \
        "team \"marketing\" { doc = \"a queue\" }\n" \
        "team \"desk\" { head = \"c\", members = { a = { }, b = { }, c = { weight = 0 } } }\n" \
        "team \"field\" { members = { x = { }, y = { } } }\n" \
        "route \"ALL\" { team = \"desk\" }\n" \
        "route \"FIELD\" { team = \"field\" }\n" \
        "status \"inquiry\" { team = \"marketing\", kind = \"open\", initial = true, meaning = \"i\" }\n" \
        "status \"offered\" { team = \"desk\", kind = \"sla\", meaning = \"o\" }\n" \
        "status \"working\" { team = \"desk\", kind = \"open\", meaning = \"w\" }\n" \
        "status \"opportunity\" { team = \"field\", kind = \"open\", meaning = \"d\" }\n" \
        "status \"customer\" { team = \"field\", kind = \"final\", meaning = \"c\" }\n" \
        "status \"nurture\" { team = \"marketing\", kind = \"open\", meaning = \"n\" }\n" \
        "status \"closed\" { team = \"marketing\", kind = \"final\", meaning = \"c\" }\n" \
        "move \"qualify\" { from = \"inquiry\", to = \"offered\", by = \"rules\" }\n" \
        "move \"accept\" { from = \"offered\", to = \"working\", by = \"owner\" }\n" \
        "move \"reject\" { from = { \"offered\", \"working\" }, by = \"owner\", reasons = { \"no_budget\", \"bad_data\", \"late\" } }\n" \
        "move \"meeting_booked\" { from = \"working\", to = \"working\", by = \"owner\" }\n" \
        "move \"deal\" { from = \"working\", to = \"opportunity\", by = \"desk\" }\n" \
        "move \"win\" { from = \"opportunity\", to = \"customer\", by = \"owner\" }\n" \
        "move \"lose\" { from = \"opportunity\", by = \"owner\", reasons = { \"no_budget\" } }\n" \
        "move \"drop\" { from = \"working\", to = \"closed\", by = \"owner\" }\n" \
        "move \"again\" { from = \"nurture\", to = \"offered\", by = \"desk\" }\n" \
        "reason \"no_budget\" { to = \"nurture\" }\n" \
        "reason \"bad_data\" { to = \"closed\", credit = true }\n" \
        "reason \"late\" { to = \"nurture\" }\n" \
        "sla \"ANSWER\" { status = \"offered\", within = \"2h\", clock = \"wall\", steps = { { at = \"1h\", remind = { \"owner\" } },\n" \
        "  { at = \"3h\", reassign = true }, { at = \"9h\", move = \"reject\", reason = \"late\" } } }\n" \
        "group \"fit\" { min = 0, max = 100 }\n" \
        "group \"engagement\" { min = 0, max = 100 }\n" \
        "score \"SENIOR\" { group = \"fit\", field = \"person.seniority\", map = { director = 20 } }\n" \
        "score \"EBOOK\" { group = \"fit\", when = { [\"attribution.source\"] = \"ebook\" }, points = 5 }\n"
#define PROMISE_US (2 * US_PER_HOUR)

static uint64_t random_state;
static unsigned pick(unsigned n) { /* xorshift: the same cases every time */
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (unsigned) ((random_state >> 11) % n);
}

/* ---- the slow count ---- */

typedef enum Ending { WAITS, ACCEPTED, RETURNED, EXPIRED, LEFT } Ending;
typedef struct Given {
        uint64_t lead, event;
        int64_t at_us, ended_us, due_us;
        Ending ending;
        char owner[8];
        const char *team;
        bool promised, late, overdue, is_deal;
        char reason[16], back_reason[16];
        bool moved, worked, met, won, opportunity, back, over; /* after it was accepted */
} Given;

static Given given[OFFERS_MAX];
static size_t n_given;
static bool leads_senior[LEADS_MAX], leads_ebook[LEADS_MAX];

/* A lead that went back. */
typedef struct Returned {
        uint64_t lead;
        int64_t at_us;
        bool by_person, has_reason, is_final, again;
} Returned;
static Returned returned[OFFERS_MAX];
static size_t n_returned;

typedef struct Life {
        uint64_t lead;
        Given *open;                  /* waits */
        size_t first, first_returned; /* of the lead, in given and returned */
        char owner[8], status[16];
        bool unaccepted, test;
        int64_t due_us; /* of the promise that ran last */
} Life;

static bool is_staffed(const char *status) {
        return base_streq(status, "offered") || base_streq(status, "working") || base_streq(status, "opportunity") ||
               base_streq(status, "customer");
}

static bool by_person(const StoredEvent *event) { return strncmp(event->actor, "rep:", 4) == 0; }

static void end_given(Life *life, const StoredEvent *event, const char *status) {
        Given *open = life->open;
        bool is_head = base_streq(event->actor, "rep:c") && base_streq(open->team, "desk");
        bool own = by_person(event) && (base_streq(event->actor + 4, open->owner) || is_head);
        const char *reason = event->n_moves > 0 ? event->moves[0].reason : NULL;

        if (own && event->n_moves > 0 && !base_streq(event->type, "outcome.assign"))
                open->ending = is_staffed(status) && !reason ? ACCEPTED : RETURNED;
        else
                open->ending = base_streq(event->type, "timer.step") ? EXPIRED : LEFT;
        open->ended_us = event->now_us;
        open->event = event->id;
        open->late = open->promised && event->now_us > open->due_us;
        open->is_deal = base_streq(life->status, "opportunity");
        if (reason)
                (void) snprintf(open->reason, sizeof(open->reason), "%s", reason);
        life->open = NULL;
}

/* What the event did for whoever had accepted the lead before. */
static void credit(Life *life, const StoredEvent *event) {
        for (size_t i = life->first; i < n_given; i++) {
                Given *one = &given[i];
                char from[16];
                if (one->ending != ACCEPTED || one->event > event->id || one->over)
                        continue;
                if (one->event == event->id) { /* the answer itself: accepting is no work, winning is */
                        for (size_t k = 0; k < event->n_moves; k++) {
                                bool won = base_streq(event->moves[k].to, "customer");
                                one->won |= won;
                                one->worked |= won;
                        }
                        continue;
                }
                bool own = base_streq(one->owner, life->owner);
                if (own && !life->unaccepted && event->n_moves == 0 && (by_person(event) || base_streq(event->type, "activity.call_made")))
                        one->worked = true;
                for (size_t k = 0; k < event->n_moves; k++) {
                        const MoveMade *move = &event->moves[k];
                        bool is_back;
                        (void) snprintf(from, sizeof(from), "%s", move->from);
                        own = own && (k == 0 || !event->assignment.changed);
                        if (own && strncmp(move->by, "rep:", 4) == 0)
                                one->moved = one->worked = true;
                        is_back = is_staffed(from) && !is_staffed(move->to);
                        if (is_back && own && by_person(event) && move->reason && !one->opportunity) {
                                one->back = true;
                                (void) snprintf(one->back_reason, sizeof(one->back_reason), "%s", move->reason);
                        }
                        one->met |= base_streq(move->move, "meeting_booked");
                        one->opportunity |= base_streq(move->to, "opportunity");
                        one->won |= base_streq(move->to, "customer");
                        one->over |= is_back;
                }
        }
}

static void note_returns(const Life *life, const StoredEvent *event) {
        for (size_t k = 0; k < event->n_moves; k++) {
                const MoveMade *move = &event->moves[k];
                if (is_staffed(move->from) && !is_staffed(move->to))
                        returned[n_returned++] = (Returned){ .lead = life->lead,
                                .at_us = event->now_us,
                                .by_person = strncmp(move->by, "rep:", 4) == 0,
                                .has_reason = move->reason != NULL,
                                .is_final = base_streq(move->to, "closed") };
                else if (!is_staffed(move->from) && is_staffed(move->to) && n_returned > life->first_returned)
                        returned[n_returned - 1].again = true;
        }
}

static int on_event(const StoredEvent *event, void *userdata) {
        Life *life = userdata;
        const char *owner = event->assignment.changed ? event->assignment.owner : *life->owner ? life->owner : NULL;
        const char *status = event->n_moves > 0 ? event->moves[event->n_moves - 1].to : life->status;
        bool changes = (owner == NULL) != (*life->owner == '\0') || (owner && !base_streq(owner, life->owner));
        char kept[8];

        life->test |= event->leaves_test;
        if (life->open && (changes || !event->leaves_unaccepted))
                end_given(life, event, status);
        credit(life, event);
        note_returns(life, event);
        (void) snprintf(kept, sizeof(kept), "%s", owner ? owner : "");
        if (owner && event->leaves_unaccepted && (changes || !life->unaccepted)) {
                assert_in_range(n_given, 0, OFFERS_MAX - 1);
                life->open = &given[n_given++];
                *life->open = (Given){ .lead = life->lead,
                        .at_us = event->now_us,
                        .team = *kept == 'x' || *kept == 'y' ? "field" : "desk",
                        .promised = base_streq(status, "offered") };
                memcpy(life->open->owner, kept, sizeof(kept));
                /* The head has it because all others let it expire: it is as late as it was. */
                life->open->due_us = life->due_us = *kept == 'c' ? life->due_us : event->now_us + PROMISE_US;
        }
        memcpy(life->owner, kept, sizeof(kept));
        life->unaccepted = event->leaves_unaccepted;
        if (status != life->status)
                (void) snprintf(life->status, sizeof(life->status), "%s", status);
        return 0;
}

static void count_slowly(Store *store, int64_t now_us) {
        n_given = n_returned = 0;
        for (uint64_t lead = 1; lead < store_next_lead(store); lead++) {
                Life life = { .lead = lead, .first = n_given, .first_returned = n_returned, .status = "inquiry" };
                assert_int_equal(store_log(store, lead, 0, on_event, &life), 0);
                if (life.open)
                        life.open->overdue = life.open->promised && life.open->due_us <= now_us;
                if (life.test) {
                        n_given = life.first;
                        n_returned = life.first_returned;
                }
        }
}

/* ---- what happens ---- */

static void live(Fixture *f, unsigned n_steps) {
        for (unsigned i = 0; i < n_steps; i++) {
                uint64_t n = store_next_lead(f->book.store) - 1, lead = n > 0 ? 1 + pick((unsigned) n) : 0;
                const char *reason = pick(2) ? "no_budget" : "bad_data";
                GateOutcome outcome;
                char email[32], said[128];
                LeadState state = { 0 };
                f->now_us += pick(12) * US_PER_MINUTE;
                if (lead == 0 || (n < LEADS_MAX - 1 && pick(8) == 0)) {
                        bool senior = pick(2), ebook = pick(3) == 0;
                        (void) snprintf(email, sizeof(email), "p%llu@firm.example", (unsigned long long) n + 1);
                        (void) snprintf(said, sizeof(said), "person.locale=de%s%s%s", senior ? ";person.seniority=director" : "",
                                ebook ? ";attribution.source=ebook" : "", pick(12) == 0 ? ";test=true" : "");
                        lead = happens(f, "lead.submitted", email, said);
                        leads_senior[lead] = senior;
                        leads_ebook[lead] = ebook;
                        continue;
                }
                arena_reset(f->book.arena);
                assert_int_equal(store_load_lead(f->book.store, lead, f->book.arena, &state, NULL, NULL, NULL), 0);
                char who[16];
                (void) snprintf(who, sizeof(who), "%s", state.owner ? state.owner : pick(2) ? "a" : "b");
                if (pick(9) == 0)
                        (void) snprintf(who, sizeof(who), "c");
                switch (pick(13)) {
                case 0:
                case 1:
                case 2:
                        (void) moves(f, "accept", lead, NULL, who);
                        break;
                case 3:
                        (void) moves(f, "reject", lead, reason, who);
                        break;
                case 4:
                        (void) moves(f, "meeting_booked", lead, NULL, who);
                        break;
                case 5:
                        (void) moves(f, "deal", lead, NULL, pick(2) ? "a" : "b");
                        break;
                case 6:
                        (void) moves(f, pick(3) ? "win" : "lose", lead, NULL, who);
                        (void) moves(f, "lose", lead, "no_budget", who);
                        break;
                case 7:
                        (void) moves(f, pick(3) ? "again" : "drop", lead, NULL, state.owner ? who : "a");
                        break;
                case 8:
                        (void) try(f, "outcome.assign", lead, FIELD_OUTCOME_OWNER, value_text(pick(2) ? "a" : "b"), "rep:c", &outcome);
                        break;
                case 9:
                        (void) try(f, "activity.call_made", lead, FIELD_NONE, (Value){ 0 }, "integration:phone", &outcome);
                        break;
                case 11:
                        (void) moves(f, "win", lead, NULL, who);
                        break;
                case 10:
                        (void) try(f, "outcome.note", lead, FIELD_OUTCOME_NOTE, value_text("n"), "rep:a", &outcome);
                        break;
                default:
                        f->now_us += pick(3) * US_PER_HOUR;
                        for (uint64_t due = 1; due <= n; due++)
                                for (unsigned k = 0; k < 4; k++) {
                                        arena_reset(f->book.arena);
                                        assert_int_equal(store_load_lead(f->book.store, due, f->book.arena, &state, NULL, NULL, NULL), 0);
                                        if (!state.sla.rule || state.sla.next_due_us == TIME_NONE || state.sla.next_due_us > f->now_us)
                                                break;
                                        f->now_us -= US_PER_MINUTE; /* taken back: all of them are due in one minute */
                                        assert_null(try(f, "timer.step", due, FIELD_NONE, (Value){ 0 }, "system:leadd", &outcome));
                                }
                }
        }
}

/* ---- comparing ---- */

static json_t *make_report(Fixture *f, const char *name, const char *by, int64_t from_us, int64_t until_us, Arena *arena) {
        const ReportInput input = { .store = f->book.store,
                .rules = f->rules,
                .from_us = from_us,
                .until_us = until_us,
                .now_us = f->now_us,
                .by = by,
                .arena = arena };
        json_t *json = NULL;
        Report report;

        assert_int_equal(report_make(report_find(name), &input, &report), 0);
        assert_int_equal(report_json(&report, &json), 0);
        return json;
}

static json_t *row_of(const json_t *report, const char *table, const char *key, const char *name) {
        size_t i;
        json_t *row;
        json_array_foreach(json_object_get(report, table), i, row) {
                if (base_streq(json_string_value(json_object_get(row, key)), name))
                        return row;
        }
        return NULL;
}

/* What stands in the row: a count, the part of a share that counts, and what it is of. */
static int64_t n_in(const json_t *row, const char *key) {
        const json_t *cell = json_object_get(row, key);
        return json_is_object(cell) ? json_integer_value(json_object_get(cell, "n")) : json_integer_value(cell);
}
static int64_t of_in(const json_t *row, const char *key) { return json_integer_value(json_object_get(json_object_get(row, key), "of")); }

static int compare_times(const void *a, const void *b) {
        int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;
        return x < y ? -1 : x > y;
}

static int64_t median(int64_t *values, size_t n) {
        qsort(values, n, sizeof(int64_t), compare_times);
        return n > 0 ? values[(n + 1) / 2 - 1] / US_PER_SECOND : 0;
}

static bool is_in(const Given *one, int64_t from_us, int64_t until_us) { return one->at_us >= from_us && one->at_us < until_us; }

#define COUNT(condition) \
        ({ \
                int64_t _n = 0; \
                for (size_t _i = 0; _i < n_given; _i++) { \
                        const Given *g = &given[_i]; \
                        _n += is_in(g, from_us, until_us) && base_streq(g->owner, owner) && (condition); \
                } \
                _n; \
        })

static void compare_owner(const json_t *sla, const json_t *owners, const char *owner, int64_t from_us, int64_t until_us) {
        const json_t *kept = row_of(sla, "owners", "owner", owner), *row = row_of(owners, "owners", "owner", owner);
        static int64_t accepted_us[OFFERS_MAX], answered_us[OFFERS_MAX];
        size_t n_accepted = 0, n_answered = 0, n_taken = 0;

        if (COUNT(true) == 0) {
                assert_true(kept == NULL && row == NULL);
                return;
        }
        for (size_t i = 0; i < n_given; i++) {
                const Given *g = &given[i];
                if (!is_in(g, from_us, until_us) || !base_streq(g->owner, owner) || (g->ending != ACCEPTED && g->ending != RETURNED))
                        continue;
                if (!g->is_deal)
                        answered_us[n_answered++] = g->ended_us - g->at_us;
                if (g->ending == ACCEPTED && !g->is_deal)
                        n_taken++;
                if (g->ending == ACCEPTED && g->promised)
                        accepted_us[n_accepted++] = g->ended_us - g->at_us;
        }
        int64_t n_kept = COUNT((g->ending == ACCEPTED || g->ending == RETURNED) && g->promised && !g->late);
        int64_t n_broken = COUNT(
                ((g->ending == ACCEPTED || g->ending == RETURNED || g->ending == LEFT) && g->late) || g->ending == EXPIRED || g->overdue);
        assert_int_equal(n_in(kept, "offered"), COUNT(true));
        assert_int_equal(n_in(kept, "accepted_in_time"), COUNT(g->ending == ACCEPTED && !g->late));
        assert_int_equal(n_in(kept, "accepted_late"), COUNT(g->ending == ACCEPTED && g->late));
        assert_int_equal(n_in(kept, "rejected_in_time"), COUNT(g->ending == RETURNED && !g->late));
        assert_int_equal(n_in(kept, "rejected_late"), COUNT(g->ending == RETURNED && g->late));
        assert_int_equal(n_in(kept, "expired"), COUNT(g->ending == EXPIRED));
        assert_int_equal(n_in(kept, "left"), COUNT(g->ending == LEFT && !g->late));
        assert_int_equal(n_in(kept, "left_late"), COUNT(g->ending == LEFT && g->late));
        assert_int_equal(n_in(kept, "open"), COUNT(g->ending == WAITS && !g->overdue));
        assert_int_equal(n_in(kept, "overdue"), COUNT(g->overdue));
        assert_int_equal(n_in(kept, "kept"), n_kept);
        assert_int_equal(of_in(kept, "kept"), n_kept + n_broken);
        assert_int_equal(n_in(kept, "median_seconds"), median(accepted_us, n_accepted));

        assert_int_equal(n_in(row, "received"), COUNT(true));
        assert_int_equal(n_in(row, "accepted"), n_taken);
        assert_int_equal(n_in(row, "rejected"), COUNT(g->ending == RETURNED && !g->is_deal));
        assert_int_equal(n_in(row, "lost_deals"), COUNT(g->ending == RETURNED && g->is_deal));
        assert_int_equal(
                of_in(row, "accepted"), COUNT(((g->ending == ACCEPTED || g->ending == RETURNED) && !g->is_deal) || g->ending == EXPIRED));
        assert_int_equal(n_in(row, "worked"), COUNT(g->worked && !g->is_deal));
        assert_int_equal(of_in(row, "worked"), n_taken);
        assert_int_equal(n_in(row, "meetings"), COUNT(g->met && !g->is_deal));
        assert_int_equal(n_in(row, "won"), COUNT(g->won));
        assert_int_equal(of_in(row, "won"), n_taken + COUNT((g->ending == ACCEPTED || g->ending == RETURNED) && g->is_deal));
        assert_int_equal(n_in(row, "sent_back"), COUNT(g->back));
        assert_int_equal(n_in(row, "median_seconds"), median(answered_us, n_answered));
        for (int i = 0; i < 2; i++) {
                static const char *const reasons[] = { "no_budget", "bad_data" };
                int64_t n = COUNT((g->ending == RETURNED && !g->is_deal && base_streq(g->reason, reasons[i])) ||
                                  (g->back && base_streq(g->back_reason, reasons[i])));
                int64_t got = 0;
                size_t k;
                json_t *line;
                json_array_foreach(json_object_get(owners, "reasons"), k, line) {
                        if (base_streq(json_string_value(json_object_get(line, "owner")), owner) &&
                                base_streq(json_string_value(json_object_get(line, "reason")), reasons[i]))
                                got = n_in(line, "of_refused");
                }
                assert_int_equal(got, n);
        }
}

static void compare_reasons(Fixture *f, int64_t from_us, int64_t until_us, Arena *arena) {
        json_t *report = make_report(f, "reasons", NULL, from_us, until_us, arena);
        static const struct {
                const char *table, *key, *name;
        } lines[] = { { "rules", "rule", "SENIOR" }, { "rules", "rule", "EBOOK" }, { "rules", "rule", "(none)" },
                { "sources", "source", "ebook" }, { "sources", "source", "web" } };

        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                int64_t n = 0, n_refused = 0, n_back = 0, n_bad = 0;
                const json_t *row = row_of(report, lines[i].table, lines[i].key, lines[i].name);
                for (size_t k = 0; k < n_given; k++) {
                        const Given *g = &given[k];
                        bool senior = leads_senior[g->lead], ebook = leads_ebook[g->lead];
                        const bool counts[] = { senior, ebook, !senior && !ebook, ebook, !ebook };
                        if (!counts[i] || !is_in(g, from_us, until_us) || g->is_deal || !(g->ending == ACCEPTED || g->ending == RETURNED))
                                continue;
                        bool refused = g->ending == RETURNED;
                        n++;
                        n_refused += refused;
                        n_back += g->back;
                        n_bad += base_streq(refused ? g->reason : g->back ? g->back_reason : "", "bad_data");
                }
                if (n == 0) {
                        assert_null(row);
                        continue;
                }
                assert_int_equal(n_in(row, "answered"), n);
                assert_int_equal(n_in(row, "refused"), n_refused);
                assert_int_equal(n_in(row, "sent_back"), n_back);
                assert_int_equal(n_in(row, "unwanted"), n_refused + n_back);
                assert_int_equal(of_in(row, "unwanted"), n);
                assert_int_equal(json_integer_value(json_object_get(json_object_get(row, "reasons"), "bad_data")), n_bad);
        }
        json_decref(report);
}

/* What is measured up to now. */
static void compare_measures(Fixture *f, int64_t from_us, Arena *arena) {
        static const char *const names[] = { "acceptance_rate", "sla_kept", "feedback_given", "meetings", "won", "bad_data",
                "reasons_given", "recycled" };
        json_t *report = make_report(f, "alignment", NULL, from_us, f->now_us, arena);
        int64_t n[ARRAY_SIZE(names)] = { 0 }, of[ARRAY_SIZE(names)] = { 0 };

        for (size_t i = 0; i < n_given; i++) {
                const Given *g = &given[i];
                bool answered = g->ending == ACCEPTED || g->ending == RETURNED;
                const bool accepted = g->ending == ACCEPTED && !g->is_deal;
                const bool counts[] = { accepted, answered && !g->late, g->moved, g->met, g->won,
                        base_streq(g->ending == RETURNED ? g->reason
                                   : g->back             ? g->back_reason
                                                         : "",
                                "bad_data") };
                const bool all[] = { answered && !g->is_deal,
                        (g->promised && answered) || (g->ending == LEFT && g->late) || g->ending == EXPIRED || g->overdue, accepted,
                        accepted, accepted, answered && !g->is_deal };
                for (size_t k = 0; k < ARRAY_SIZE(all) && g->at_us >= from_us; k++) {
                        of[k] += all[k];
                        n[k] += all[k] && counts[k];
                }
        }
        for (size_t i = 0; i < n_returned; i++) {
                const Returned *r = &returned[i];
                if (r->at_us < from_us)
                        continue;
                n[6] += r->by_person && r->has_reason;
                of[6] += r->by_person;
                n[7] += r->again && !r->is_final;
                of[7] += !r->is_final;
        }
        for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
                const json_t *row = row_of(report, "measures", "measure", names[k]);
                assert_int_equal(n_in(row, "share"), n[k]);
                assert_int_equal(of_in(row, "share"), of[k]);
        }
        json_decref(report);

        /* What the judging thread counts when too much waits to be gone through between two decisions. */
        Measures answered;
        uint64_t n_running;
        assert_int_equal(measures_take(f->book.store, f->rules, from_us, f->now_us, MEASURES_ANSWERED, &answered), 0);
        assert_false(answered.items[MEASURE_SLA_KEPT].is_known);
        assert_int_equal(answered.items[MEASURE_ACCEPTANCE_RATE].n, n[0]);
        assert_int_equal(answered.items[MEASURE_ACCEPTANCE_RATE].of, of[0]);
        measures_done(&answered);
        assert_int_equal(store_count_running(f->book.store, 3, &n_running), 0);
        assert_int_equal(n_running, 3);
        assert_int_equal(store_count_running(f->book.store, 1000000, &n_running), 0);
        assert_in_range(n_running, 4, n_given);
}

static void any_history__counted_slowly__comes_out_the_same(void **state) {
        (void) state;
        size_t n_seen = 0, seen[LEFT + 1] = { 0 }, n_back = 0, n_won = 0, n_worked = 0, n_deals = 0;
        for (uint64_t round = 1; round <= 6; round++) {
                Fixture f = { .now_us = NOW_US };
                Arena *arena = arena_new(0);
                random_state = 0x9e3779b97f4a7c15u * round;
                (void) snprintf(f.path, sizeof(f.path), "%s/leadd-test-handoffs-%d.db", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
                        (int) getpid());
                (void) unlink(f.path);
                f.rules = gate_load_rules(HANDOFF_RULES);
                gate_open_book(&f.book, f.path, f.rules, NOW_US);
                live(&f, 400);
                count_slowly(f.book.store, f.now_us);
                for (int k = 0; k < 3; k++) {
                        int64_t from_us = NOW_US + (k > 0 ? pick(100) * US_PER_HOUR : 0),
                                until_us = k > 1 ? from_us + pick(300) * US_PER_HOUR : f.now_us + 1;
                        json_t *sla = make_report(&f, "sla", NULL, from_us, until_us, arena),
                               *owners = make_report(&f, "owners", NULL, from_us, until_us, arena);
                        static const char *const names[] = { "a", "b", "c", "x", "y" };
                        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                                compare_owner(sla, owners, names[i], from_us, until_us);
                        compare_reasons(&f, from_us, until_us, arena);
                        compare_measures(&f, from_us, arena);
                        json_decref(sla);
                        json_decref(owners);
                }
                for (size_t i = 0; i < n_given; i++) {
                        seen[given[i].ending]++;
                        n_back += given[i].back;
                        n_won += given[i].won;
                        n_worked += given[i].worked;
                        n_deals += given[i].is_deal;
                }
                n_seen += n_given;
                arena_free(arena);
                end(&f);
        }
        print_message(
                "%zu offers: %zu wait, %zu accepted, %zu returned, %zu expired, %zu left; %zu sent back, %zu won, %zu worked, %zu deals\n",
                n_seen, seen[WAITS], seen[ACCEPTED], seen[RETURNED], seen[EXPIRED], seen[LEFT], n_back, n_won, n_worked, n_deals);
        /* All of it did happen. */
        for (size_t i = 0; i < ARRAY_SIZE(seen); i++)
                assert_true(seen[i] > 20);
        assert_true(n_back > 15 && n_won > 10 && n_worked > 50 && n_deals > 10);
}

/* Somebody answered after 1, 1, 2, 4 and 9 hours. */
static void target__says_how_many_leads_it_takes(void **state) {
        static const struct {
                TargetMeasure measure;
                bool is_least;
                int64_t bound_milli, n, of, missing;
                bool may_be_chance;
        } cases[] = {
                { MEASURE_SLA_KEPT, true, 90000, 54, 60, 0, false }, /* to the lead */
                { MEASURE_SLA_KEPT, true, 90000, 53, 60, 1, true },
                { MEASURE_SLA_KEPT, true, 90000, 30, 60, 24, false },
                { MEASURE_SLA_KEPT, true, 66667, 2, 3, 1, true }, /* two thirds are less */
                { MEASURE_SLA_KEPT, true, 66666, 2, 3, 0, false },
                { MEASURE_SLA_KEPT, true, 100000, 3, 3, 0, false },
                { MEASURE_SLA_KEPT, true, 0, 0, 3, 0, false },
                { MEASURE_BAD_DATA, false, 5000, 1, 20, 0, false },
                { MEASURE_BAD_DATA, false, 5000, 1, 19, 1, true },
                { MEASURE_BAD_DATA, false, 5000, 15, 20, 14, false },
                { MEASURE_LEAKS, false, 0, 4, 0, 4, false },
                { MEASURE_LEAKS, false, 4500, 5, 0, 1, false },
                { MEASURE_LEAKS, false, 4500, 4, 0, 0, false },
                { MEASURE_RESPONSE, false, 2000, 0, 5, 0, false }, /* the median is one of them */
                { MEASURE_RESPONSE, false, 1999, 0, 5, 1, false },
                { MEASURE_RESPONSE, false, 500, 0, 5, 3, false },
        };
        int64_t times_us[] = { US_PER_HOUR, US_PER_HOUR, 2 * US_PER_HOUR, 4 * US_PER_HOUR, 9 * US_PER_HOUR };
        (void) state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Measures measures = { .times_us = times_us, .n_times = ARRAY_SIZE(times_us) };
                const Target target = { .measure = cases[i].measure, .is_least = cases[i].is_least, .bound_milli = cases[i].bound_milli };
                assert_int_equal(measure_missing(&measures, &target), 0); /* nothing was measured */
                assert_false(measure_keeps(&measures, &target));
                measures.items[cases[i].measure] =
                        (Measured){ .is_known = true, .n = cases[i].n, .of = cases[i].of, .median_us = 2 * US_PER_HOUR };
                if (measure_missing(&measures, &target) != cases[i].missing)
                        fail_msg("case %zu: got %lld, want %lld", i, (long long) measure_missing(&measures, &target),
                                (long long) cases[i].missing);
                assert_int_equal(measure_keeps(&measures, &target), cases[i].missing == 0);
                if (measure_may_be_chance(&measures, &target) != cases[i].may_be_chance)
                        fail_msg("case %zu: chance", i);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(target__says_how_many_leads_it_takes),
                cmocka_unit_test(any_history__counted_slowly__comes_out_the_same),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
