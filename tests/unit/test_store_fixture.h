#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * What the store's tests share: a store in a temporary directory, rules loaded for real, records as intake makes
 * them, and a toy in place of decide: it says exactly what a test tells it to say.
 */
#include "../../daemon/store/internal.h"
#include "leadd/store.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

/* cmocka wants the headers above. */
#include <cmocka.h>

#define NOON INT64_C(1772712000000000) /* 2026-03-05T12:00:00Z */

static inline int check_0(int r, const char *what, const char *file, int line) {
        if (r != 0) {
                print_error("%s:%d: %s: got %d, want 0\n", file, line, what, r);
                fail();
        }
        return r;
}
#define ok(call) check_0((call), #call, __FILE__, __LINE__)

static inline void check_text(const char *got, const char *want, const char *file, int line) {
        if ((got == NULL) != (want == NULL) || (got && want && strcmp(got, want) != 0)) {
                print_error("%s:%d: got %s, want %s\n", file, line, got ? got : "NULL", want ? want : "NULL");
                fail();
        }
}
#define same_text(got, want) check_text((got), (want), __FILE__, __LINE__)

static inline void check_number(int64_t got, int64_t want, const char *what, const char *file, int line) {
        if (got != want) {
                print_error("%s:%d: %s: got %" PRId64 ", want %" PRId64 "\n", file, line, what, got, want);
                fail();
        }
}
#define same(got, want) check_number((int64_t) (got), (int64_t) (want), #got, __FILE__, __LINE__)

/* ---- rules ---- */

enum { STATUS_INQUIRY, STATUS_MQL, STATUS_SAL, STATUS_CUSTOMER, STATUS_LOST, N_STATUSES };
static const char *const status_names[N_STATUSES] = { "inquiry", "mql", "sal", "customer", "lost" };
static const char *const member_names[] = { "anna", "ben", "dana" };
enum { SCORE_SENIOR, SCORE_SIZE, SCORE_BROKEN };

typedef struct RulesText {
        const char *tag;               /* another tag, another hash */
        const char *zone;              /* NULL: UTC */
        bool newyork;                  /* dana works there */
        const char *kinds[N_STATUSES]; /* NULL: as usual; "": there is no such status */
} RulesText;

static inline int remove_entry(const char *path, const struct stat *st _unused_, int flag _unused_, struct FTW *ftw _unused_) {
        return remove(path);
}

/* Written into a directory and loaded for real. */
static inline RuleSet *rules_load(const RulesText *want) {
        static const char *const usual[N_STATUSES] = { "open", "sla", "sla", "final", "final" };
        static const char *const teams[N_STATUSES] = { "marketing", "sales", "sales", "sales", "marketing" };
        char directory[] = "/tmp/leadd-store-rules-XXXXXX", path[64];
        assert_non_null(mkdtemp(directory));
        (void) snprintf(path, sizeof(path), "%s/rules.lua", directory);
        FILE *out = fopen(path, "w");
        assert_non_null(out);
        (void) fprintf(out,
                "-- %s\n"
                "settings \"site\" { zone = \"%s\" }\n"
                "calendar \"newyork\" { zone = \"America/New_York\", open = { mon_fri = \"09:00-17:00\" } }\n"
                "team \"marketing\" { doc = \"asks\" }\n"
                "team \"sales\" { members = { anna = { user = \"anna\", email = \"anna@example.com\" }, ben = { user = \"ben\", email = "
                "\"ben@example.com\" },"
                " dana = { user = \"dana\", email = \"dana@example.com\"%s } } }\n"
                "group \"fit\" { min = 0, max = 100 }\n"
                "score \"SENIOR\" { group = \"fit\", field = \"person.seniority\", map = { director = 20 } }\n"
                "score \"SIZE\" { group = \"fit\", field = \"company.employees\", bands = { { 50, 20 } } }\n"
                "score \"BROKEN\" { group = \"fit\", points = function(lead) error(\"no\") end }\n",
                want->tag, want->zone ? want->zone : "UTC", want->newyork ? ", calendar = \"newyork\"" : "");
        for (size_t i = 0; i < N_STATUSES; i++) {
                const char *kind = want->kinds[i] ? want->kinds[i] : usual[i];
                if (kind[0])
                        (void) fprintf(out, "status \"%s\" { team = \"%s\", kind = \"%s\", %smeaning = \"m\" }\n", status_names[i],
                                teams[i], kind, i == 0 ? "initial = true, " : "");
        }
        (void) fclose(out);
        RuleSet *rules = NULL;
        PolicyReport report = { 0 };
        Text problems = { 0 };
        /* Unchecked as a whole: the store asks for names and kinds, not for sense. */
        int r = policy_load(directory, POLICY_LOAD_CALENDARS, &rules, &report);
        if (r != 0) {
                (void) policy_report_format(&report, &problems);
                print_error("policy_load: %d\n%s\n", r, problems.data ? problems.data : "");
                fail();
        }
        policy_report_done(&report);
        text_free(&problems);
        (void) nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        return rules;
}
#define RULES(...) rules_load(&(const RulesText){ __VA_ARGS__ })

/* ---- the store ---- */

typedef struct Fixture {
        char directory[64];
        char path[96];
        Store *store;
        RuleSet *rules;
        Arena *arena; /* of one step */
        unsigned n_ids;
} Fixture;

static inline void fixture_activate(Fixture *f, const RuleSet *rules) {
        ok(store_begin(f->store));
        ok(store_rules_activate(f->store, rules, NOON));
        ok(store_commit(f->store));
}

static inline int fixture_set_up(void **state) {
        Fixture *f = calloc(1, sizeof(Fixture));
        strcpy(f->directory, "/tmp/leadd-store-XXXXXX");
        if (!mkdtemp(f->directory))
                return -1;
        (void) snprintf(f->path, sizeof(f->path), "%s/leadd.db", f->directory);
        f->arena = arena_new(0);
        f->rules = RULES(.tag = "one");
        ok(store_open(f->path, STORE_WRITE, &f->store));
        fixture_activate(f, f->rules);
        *state = f;
        return 0;
}

static inline int fixture_tear_down(void **state) {
        Fixture *f = *state;
        store_close(f->store);
        policy_free(f->rules);
        arena_free(f->arena);
        (void) nftw(f->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        free(f);
        return 0;
}

static inline void fixture_reopen(Fixture *f) {
        f->store = store_close(f->store);
        ok(store_open(f->path, STORE_WRITE, &f->store));
}

/* Runs SQL on the store's own connection: to plant what no operation would ever write. */
static inline void fixture_sql(Store *store, const char *sql) {
        char *message = NULL;
        if (sqlite3_exec(store->db, sql, NULL, NULL, &message) != SQLITE_OK) {
                print_error("%s: %s\n", sql, message ? message : "?");
                fail();
        }
}

static inline int64_t fixture_number(Store *store, const char *sql) {
        int64_t value = INT64_MIN;
        ok(sql_pragma(store, sql, &value));
        return value;
}

/* ---- records ---- */

typedef struct Said {
        const char *type;                      /* "lead.submitted" */
        const char *id;                        /* NULL: one of its own */
        const char *email, *phone, *crm, *erp; /* crm, erp: external ids */
        const char *subject, *domain, *name, *form, *url, *note, *campaign;
        int64_t time_us; /* 0: NOON */
} Said;

static inline void set_fact(Record *record, FieldId field, const char *key, const char *text) {
        if (text)
                ok(facts_set(&record->facts, record->arena, field, key, value_text(text), record->time_us));
}

static inline Record *record_make(Fixture *f, const Said *said) {
        Record *record = record_new();
        assert_non_null(record);
        record->source = "forms";
        record->id = said->id ? said->id : arena_printf(record->arena, "id-%u", ++f->n_ids);
        record->type = said->type ? said->type : "lead.submitted";
        record->family = record_family(record->type, &record->event);
        record->time_us = said->time_us != 0 ? said->time_us : NOON;
        record->subject = said->subject;
        set_fact(record, FIELD_PERSON_EMAIL, NULL, said->email);
        if (said->email) /* as intake derives it */
                ok(facts_set(&record->facts, record->arena, FIELD_PERSON_EMAIL_DOMAIN, NULL, value_text(strchr(said->email, '@') + 1),
                        fact_derived_time(record->time_us)));
        set_fact(record, FIELD_PERSON_PHONE_NUMBER, NULL, said->phone);
        set_fact(record, FIELD_PERSON_EXTERNAL_IDS, "crm", said->crm);
        set_fact(record, FIELD_PERSON_EXTERNAL_IDS, "erp", said->erp);
        set_fact(record, FIELD_PERSON_NAME, NULL, said->name);
        set_fact(record, FIELD_COMPANY_DOMAIN, NULL, said->domain);
        set_fact(record, FIELD_ATTRIBUTION_FORM_NAME, NULL, said->form);
        set_fact(record, FIELD_ATTRIBUTION_CAMPAIGN, NULL, said->campaign);
        set_fact(record, FIELD_ACTIVITY_URL, NULL, said->url);
        set_fact(record, FIELD_OUTCOME_NOTE, NULL, said->note);
        const DigestPart parts[] = { { "forms", 5 }, { record->source, strlen(record->source) }, { record->id, strlen(record->id) } };
        ok(digest_keyed(store_secret(f->store), parts, ARRAY_SIZE(parts), &record->key));
        ok(record_identify(record, store_secret(f->store)));
        return record;
}

/* ---- a step: load, let the test change the state, apply ---- */

typedef struct Step {
        Said said;
        uint64_t lead;  /* 0: by identity */
        int64_t now_us; /* 0: NOON */
        const char *actor;
        /* what the toy decides; NULL and 0 keep what was */
        const char *status, *owner, *grade, *sla, *held, *recycle;
        const char *used, *expired, *snooze; /* a reason just used; a member who let it expire; why the SLA is snoozed */
        const char *track;                   /* entered, or another of its steps taken; "" left, "!" ended by a signal */
        bool disown, unaccepted, test, no_sla, no_held, no_recycle, moved;
        int64_t wake_us; /* 0 keeps, TIME_NONE disarms */
        const char *const *segments;
        size_t n_segments;
        const char *route, *summary;
        const char *reason; /* of the move */
        Receipt *receipts;
        size_t n_receipts;
        Block *blocks;
        size_t n_blocks;
        const char *adapter;
        Effect *effects;
        size_t n_effects;
        TurnChange *turns;
        size_t n_turns;
        const char *absences_of;
        const Absence *absences;
        size_t n_absences;
        const FairFact *fair;
        size_t n_fair;
        int64_t fair_day;
        int expect; /* of store_apply */
} Step;

typedef struct Done {
        uint64_t event, lead, similar;
        bool duplicate;
        LeadState after; /* in the fixture's arena, until the next step */
        Facts profile;
} Done;

static inline Done step(Fixture *f, const Step *step) {
        Done done = { 0 };
        arena_reset(f->arena);
        _cleanup_(record_freep) Record *record = record_make(f, &step->said);
        int64_t now_us = step->now_us != 0 ? step->now_us : NOON;
        done.event = store_find_event(f->store, &record->key);
        if (done.event != 0) {
                done.duplicate = true;
                return done;
        }
        uint64_t lead = step->lead;
        bool has_lead = record->family != FAMILY_OWNER && record->family != FAMILY_RULES;
        if (lead == 0 && has_lead)
                ok(store_find_lead(f->store, record, &lead, &done.similar));
        Decision decision = { 0 };
        LeadState before;
        ok(store_load_lead(f->store, lead, f->arena, &before, &decision.profile, NULL, NULL));
        LeadState after = before;
        decision.is_new = lead == 0 && has_lead;
        done.event = store_next_event(f->store);
        done.lead = !has_lead ? 0 : decision.is_new ? store_next_lead(f->store) : lead;
        after.id = done.lead;
        after.version++;
        if (decision.is_new) {
                after.created_us = after.entered_us = now_us;
                after.status = "inquiry";
        }
        /* Nothing is older than its lead: a clock that went back says nothing. */
        after.idle_from_us = after.source_us = now_us >= after.created_us ? now_us : TIME_NONE;
        after.source = now_us >= after.created_us ? record->source : NULL;
        if (step->status && (!after.status || strcmp(step->status, after.status) != 0)) {
                decision.moves = ARENA_NEW(f->arena, MoveMade);
                decision.moves[0] = (MoveMade){ .move = "qualify",
                        .from = after.status,
                        .to = step->status,
                        .by = "rules",
                        .reason = step->reason,
                        .note = step->said.note };
                decision.n_moves = 1;
                after.status = step->status;
                after.entered_us = now_us;
                after.moved_event = done.event;
        }
        if (step->moved)
                after.moved_event = done.event;
        if (step->owner || step->disown) {
                decision.assignment = (Assignment){
                        .changed = true,
                        .owner = step->owner,
                        .previous = after.owner,
                        .route = step->route ? step->route : "DACH",
                        .team = "sales",
                        .text = "turn 1",
                };
                after.owner = step->owner;
        }
        if (step->grade)
                after.grade = step->grade;
        after.fit_mp += 1500;
        after.engagement_mp -= 250;
        after.unaccepted = step->unaccepted;
        after.test = step->test || before.test;
        if (step->segments) {
                after.segments = step->segments;
                after.n_segments = step->n_segments;
        }
        if (step->sla)
                after.sla = (SlaState){ .rule = step->sla,
                        .version = "{\"within\":1,\"steps\":[]}",
                        .start_event = done.event,
                        .start_us = now_us,
                        .due_us = now_us + US_PER_DAY,
                        .next_step = 1,
                        .next_due_us = now_us + US_PER_HOUR,
                        .snoozed_until_us = TIME_NONE };
        if (step->no_sla) {
                after.sla = SLA_STATE_NONE;
                after.response = (ResponseState){ 0 };
        }
        if (step->snooze) {
                after.sla.paused_us = US_PER_HOUR;
                after.sla.snoozed_until_us = now_us + US_PER_HOUR;
                after.sla.snooze_reason = step->snooze;
                after.response = (ResponseState){ .rule = after.sla.rule, .n_in_time = 2, .n_late = 1 };
        }
        if (step->track && base_streq(step->track, ""))
                after.track = TRACK_STATE_NONE;
        else if (step->track && base_streq(step->track, "!")) {
                after.track.ended = true;
                after.track.next_due_us = TIME_NONE;
        } else if (step->track) {
                bool on = after.track.name && base_streq(after.track.name, step->track);
                after.track = (TrackState){ .name = step->track,
                        .event = on ? after.track.event : done.event,
                        .since_us = on ? after.track.since_us : now_us,
                        .next_step = on ? after.track.next_step + 1 : 0,
                        .next_due_us = now_us + US_PER_DAY };
        }
        const ReasonUse use = { .reason = step->used, .event = done.event, .at_us = now_us, .woken = after.n_uses > 0 };
        if (step->used) {
                after.uses = &use;
                after.n_uses = 1;
                decision.uses_changed = true;
        }
        if (step->expired) {
                after.expired = &step->expired;
                after.n_expired = 1;
                decision.expired_changed = true;
        }
        if (step->held)
                after.held =
                        (HeldState){ .by = step->held, .text = "nobody there", .since_us = now_us, .next_look_us = now_us + US_PER_HOUR };
        if (step->no_held)
                after.held = (HeldState){ .next_look_us = TIME_NONE };
        if (step->recycle) {
                after.recycle_us = now_us + 90 * US_PER_DAY;
                after.recycle_reason = step->recycle;
        }
        if (step->no_recycle) {
                after.recycle_us = TIME_NONE;
                after.recycle_reason = NULL;
        }
        if (step->wake_us != 0)
                after.wake_us = step->wake_us;
        if (has_lead)
                ok(facts_merge(&decision.profile, f->arena, &record->facts, &decision.profile_changed));
        decision.after = after;
        decision.summary = step->summary ? step->summary : "said so";
        decision.receipts = (Receipts){ .items = step->receipts, .n_items = step->n_receipts };
        decision.blocks = step->blocks;
        decision.n_blocks = step->n_blocks;
        record->adapter = step->adapter;
        decision.effects = step->effects;
        decision.n_effects = step->n_effects;
        decision.turns = step->turns;
        decision.n_turns = step->n_turns;
        decision.fair = (FairFact *) step->fair;
        decision.n_fair = step->n_fair;
        decision.fair_day = step->fair_day;
        decision.absences_of = step->absences_of;
        decision.absences = step->absences;
        decision.n_absences = step->n_absences;
        const StoreEntry entry = {
                .record = record,
                .decision = &decision,
                .event_id = done.event,
                .lead_id = done.lead,
                .actor = step->actor ? step->actor : "integration:forms",
                .now_us = now_us,
                .ledger = 1,
                .ledger_index = done.event,
        };
        int r = store_apply(f->store, &entry);
        if (r != step->expect) {
                print_error("store_apply: got %d, want %d\n", r, step->expect);
                fail();
        }
        done.after = after;
        done.profile = decision.profile;
        return done;
}

/* In a transaction of its own. */
static inline Done commit_step(Fixture *f, const Step *what) {
        ok(store_begin(f->store));
        Done done = step(f, what);
        ok(store_commit(f->store));
        return done;
}
#define STEP(...) (&(const Step){ __VA_ARGS__ })

static inline void same_state(const LeadState *got, const LeadState *want) {
        same(got->id, want->id);
        same(got->version, want->version);
        same_text(got->status, want->status);
        same_text(got->owner, want->owner);
        same_text(got->grade, want->grade);
        same(got->created_us, want->created_us);
        same(got->entered_us, want->entered_us);
        same(got->idle_from_us, want->idle_from_us);
        same_text(got->source, want->source);
        same(got->source_us, want->source_us);
        same(got->moved_event, want->moved_event);
        same(got->fit_mp, want->fit_mp);
        same(got->engagement_mp, want->engagement_mp);
        same(got->n_segments, want->n_segments);
        for (size_t i = 0; i < want->n_segments; i++)
                same_text(got->segments[i], want->segments[i]);
        same(got->unaccepted, want->unaccepted);
        same(got->test, want->test);
        same(got->recycle_us, want->recycle_us);
        same_text(got->recycle_reason, want->recycle_reason);
        same_text(got->response.rule, want->response.rule);
        same(got->response.n_in_time, want->response.n_in_time);
        same(got->response.n_late, want->response.n_late);
        same_text(got->sla.rule, want->sla.rule);
        same_text(got->sla.version, want->sla.version);
        if (want->sla.rule) {
                same(got->sla.start_event, want->sla.start_event);
                same(got->sla.start_us, want->sla.start_us);
                same(got->sla.due_us, want->sla.due_us);
                same(got->sla.next_step, want->sla.next_step);
                same(got->sla.next_due_us, want->sla.next_due_us);
        }
        same_text(got->track.name, want->track.name);
        if (want->track.name) {
                same(got->track.event, want->track.event);
                same(got->track.since_us, want->track.since_us);
                same(got->track.next_step, want->track.next_step);
                same(got->track.next_due_us, want->track.next_due_us);
                same(got->track.ended, want->track.ended);
        }
        same_text(got->held.by, want->held.by);
        if (want->held.by) {
                same_text(got->held.text, want->held.text);
                same(got->held.since_us, want->held.since_us);
                same(got->held.next_look_us, want->held.next_look_us);
        }
        same(got->wake_us, want->wake_us);
}

/* No problems, or they are printed. */
static inline void same_and_sound(Store *store) {
        Text problems = { 0 };
        uint64_t n = 0;
        ok(store_check(store, &problems, &n));
        if (n > 0) {
                print_error("%s", problems.data);
                fail();
        }
        text_free(&problems);
}
