#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * The judge, inside: what its files share. judge.c is the thread and the spool's transactions, judge_journal.c
 * what is told after a commit, judge_timers.c what falls due, judge_digests.c what teams are sent, judge_rules.c the rule set,
 * judge_reload.c how it changes, judge_pass.c how leads follow, judge_offers.c how held leads are offered, judge_calls.c people's calls,
 * judge_erase.c what is left of a person in files, judge_leaks.c the line of the day about leaks.
 */
#include "leadd.h"
#include <jansson.h>
#include <pthread.h>

/* Which record is being judged, in a small mapped file beside the database: survives the death of the process, so that what killed the
 * daemon three times is set aside. Never synced: after a power cut nobody is to blame. */
typedef struct InFlight {
        uint64_t inode, size, index;
        int64_t mtime_us;
        uint32_t attempts; /* 0 = nothing is in flight */
} InFlight;

/* One line for the journal, kept until the commit. */
typedef struct Line {
        LogLevel level;
        const char *message_id;
        LogField fields[7];
        size_t n_fields;
        const char *text;
} Line;

/* Names of teams or members, each once; the texts are its own. */
typedef struct Names {
        char **items;
        size_t n, capacity;
} Names;

#define FULL_WAIT_US (5 * US_PER_SECOND) /* between two attempts of timers and outbox on a full disk */
#define FIRE_SLICE_US (50 * 1000)        /* timers fire at most so long while people and files wait */
#define FIRE_TRANSACTION_US (40 * 1000)  /* ... of it in one transaction */

#define PASS_ON_LEADS 10000        /* leads read at once for those that who is away has not accepted */
#define PASS_ON_LOOKS_MAX 50       /* leads of who is away that are looked at in one transaction */
#define OFFER_SLICE_US (25 * 1000) /* held leads are offered so long in one transaction */

#define RELOADS_WAITING_MAX 16               /* reloads that wait for the one that runs */
#define RELOAD_TESTS_US (60 * US_PER_SECOND) /* the tests of a rule set take at most so long */
#define PASS_LEADS_FIRST 50                  /* leads of the first slice of a pass; later ones follow from the time it took */
#define PASS_LEADS_MAX 500
#define PASS_SLICE_US (25 * 1000) /* a slice is to take so long */

/* Where the worker is, for texts about what broke. */
typedef enum ReloadStage { RELOAD_READING, RELOAD_TESTING, RELOAD_COMPARING } ReloadStage;

/* One wish for a reload, on its way from whoever wishes it to the worker and back. */
typedef struct Reload {
        Leadd *leadd;
        ControlCall *call; /* NULL: a signal, or the start */
        ControlReload wanted;
        bool at_start;
        atomic_bool stop; /* the tests are to end: so are we, or a wish has arrived that need not wait for those of the start */
        /* what the worker found */
        pthread_t thread;
        ReloadStage stage;
        int error;
        RuleSet *rules; /* NULL: they do not load, or they are the running ones */
        PolicyReport report;
        size_t n_ran; /* tests that came to their end */
        size_t n_tests, n_failed;
        bool stopped;
        char hash[2 * DIGEST_SIZE + 1]; /* of the set that it made the running one; "" = none */
} Reload;

#define SWEEP_AGAIN_US (60 * US_PER_SECOND) /* after files could not be gone through */
/* A call that is answered when nothing is left. */
typedef struct Erased {
        uint64_t id;
        ControlCall *call;
        json_t *reply;
        bool swept;
        struct Erased *next;
} Erased;

typedef struct Judge {
        Leadd *leadd;
        Store *store;
        Gate *gate;
        Notify *notify;
        ControlDesk desk;
        Arena *lines_arena;
        Line *lines;
        size_t n_lines, lines_capacity;
        json_t **watch_items;
        size_t n_watch_items;
        uint64_t *settled; /* ledger ids whose files are gone: marked in the next transaction */
        bool *settled_aside;
        size_t n_settled, settled_capacity;
        InFlight *in_flight;
        InFlight suspect;      /* what was in flight when the daemon died */
        int64_t hold_until_us; /* monotonic: the clock jumped, timers wait */
        int64_t full_until_us; /* monotonic: the disk was full, timers and outbox wait before they try again */
        uint64_t n_rejected_rules;
        bool disk_full, spool_empty, broken;
        const char *status; /* what systemd was told last */
        bool leaving;       /* stopping: a batch was left uncommitted, so nothing behind it may be committed either */
        Reload *reload;     /* with the worker */
        Reload *reloads[RELOADS_WAITING_MAX];
        size_t n_reloads;
        Reload *passing; /* its reply waits for the pass */
        RulesPass pass;
        uint64_t poked_event; /* the reporter knows of the events before it */
        bool tests_wait;      /* those of the running rules: they gave way to a reload */
        size_t slice_leads;
        size_t n_tests, n_tests_failed; /* of the running rules; n_tests SIZE_MAX: not run yet */
        Names freed;                    /* teams whose members have room for another lead: their held leads are to be offered */
        char *offering;                 /* the team whose held leads are being gone through; NULL = none */
        GateOffers offers;
        Names absent;          /* members whose leads others should have */
        Names going;           /* those of them whose leads are being gone through */
        uint64_t pass_on_next; /* ... from that lead on */
        bool sweeping;         /* an erasure is with the reader */
        int64_t sweep_us;      /* monotonic: one that failed is tried again; 0 = none failed */
        bool log_is_full;      /* what was overwritten still stands in the write-ahead log */
        Erased *erased;        /* calls that wait for their erasure */
} Judge;

/* ---- judge.c: failing, and a full disk ---- */

/* Our machinery broke: no later answer could be trusted. Returns a negative code. */
int judge_give_up(Judge *judge, int error, const char *what);
/* The disk is full: timers and outbox wait a while before the next attempt. */
void judge_note_full(Judge *judge);
void judge_note_room(Judge *judge);
/* Commits what went well (r is 0) and tells of it, or takes it back; the outcomes of store_commit, or r. */
int judge_end(Judge *judge, int r);
bool judge_waits_for_room(const Judge *judge);

/* One line of `systemctl status`, said anew whenever it is another one. */
void judge_say_status(Judge *judge);

/* ---- judge_journal.c ---- */

/* Remembers that a team has room again. */
void judge_add_freed(Judge *judge, const char *team);
/* Remembers a member who is or will be away, until what has not been accepted is passed on. */
void judge_add_absent(Judge *judge, const char *member);
void judge_names_done(Names *names);
void judge_add_decision(Judge *judge, const GateOutcome *outcome, bool bulk);
void judge_add_take(Judge *judge, const GateOutcome *outcome, const char *actor);
void judge_add_suspended(Judge *judge, const Rule *const *rules, size_t n_rules);
void judge_add_refusal(Judge *judge, const GateOutcome *outcome, const char *event);
void judge_add_file(Judge *judge, const Ticket *ticket);
void judge_add_watch_item(Judge *judge, const Record *record, const GateOutcome *outcome, int64_t now_us);
/* After the commit: everything that was added is told; after a rollback it is forgotten. */
void judge_tell(Judge *judge);
void judge_forget(Judge *judge);

/* ---- judge_timers.c ---- */

/* Members who are away under the rules now in force: the daemon or the rules may be newer than their absence. those_to_come: those whose
 * recorded absence begins later as well. */
int judge_note_absences(Judge *judge, bool those_to_come);
/* Leads of who is away go to others, in slices between two other pieces of work. */
bool judge_passes_on(const Judge *judge);
void judge_pass_on_slice(Judge *judge);
/* Judges a lead at now as due, inside a transaction; by_pass: because of new rules. */
int judge_fire_one(Judge *judge, uint64_t lead, int64_t due_us, int64_t now_us, bool by_pass);
/* What a commit makes possible: the outbox is delivered. 0, STORE_E_FULL (tried again later), or < 0: the judge is broken. */
int judge_deliver(Judge *judge);
/* Everything due at the clock's now, in order; without `all` for a moment only. The outcomes of judge_deliver. */
int judge_fire_due(Judge *judge, bool all, uint64_t *ret_n);
int judge_on_advance(void *userdata, int64_t time_us, uint64_t *ret_n_fired);
void judge_on_tick(Judge *judge);
/* The clock was set forward: what became due by it waits a while. */
bool judge_holds_timers(const Judge *judge);
/* Arms the one timer for the earliest of all that is armed. */
void judge_arm(Judge *judge);

/* ---- judge_offers.c ---- */

/* At start: who was freed before the end may not have been offered anything. */
void judge_start_offers(Judge *judge);
/* Held leads of teams that have room again are offered, the longest waiting first, in slices between two other pieces of work. */
bool judge_offers(const Judge *judge);
void judge_offer_slice(Judge *judge);
void judge_end_offers(Judge *judge);

/* ---- judge_digests.c ---- */

/* Sends what is due at now, in one transaction; *ret_n = how many. The outcomes of store_commit. */
int judge_send_digests(Judge *judge, int64_t now_us, size_t *ret_n);
/* The earliest instant of leads and digests, TIME_NONE = none. */
int64_t judge_next_armed(Judge *judge);

/* ---- judge_rules.c ---- */

/* Makes a loaded rule set the running one, between two events. */
int judge_activate(Judge *judge, RuleSet *rules, bool apply);
/* One line of the journal a problem, behind what is said about it; running: the hash of the rules that stay, NULL at the start. */
void judge_say_problem(LogLevel level, const char *message_id, const char *said, const PolicyProblem *problem, const char *running);
/* Why the rules on disk are not the running ones; NULL = they are. */
void judge_set_problem(Leadd *leadd, const PolicyReport *report);

/* ---- judge_reload.c ---- */

int judge_on_reload(void *userdata, ControlCall *call, const ControlReload *wanted);
/* The tests of the rules that run, after the start: nothing is refused for them. */
void judge_try_running(Judge *judge);
void judge_reload_by_signal(Judge *judge);
/* The worker is done. */
void judge_take_reloaded(Judge *judge, Reload *reload);
/* Sets the reply of whoever wished the reload, and takes it. pass: what became of the leads, NULL = not known or not asked. */
void judge_answer_reload(Judge *judge, Reload *reload, bool loaded, const RulesPass *pass, bool superseded);
/* Before the end: waits for the worker and answers who waits. */
void judge_end_reloads(Judge *judge);
int judge_status_of_reload(Judge *judge, json_t *rules);

/* ---- judge_pass.c ---- */

/* Takes up the pass where the last run left it. */
int judge_start_pass(Judge *judge);
bool judge_pass_runs(const Judge *judge);
/* One slice of it, in a transaction of its own. */
void judge_pass_slice(Judge *judge);

/* ---- judge_leaks.c ---- */

void judge_on_leaks(Judge *judge, const Work *work);

/* ---- judge_calls.c: the desk that control executes methods on ---- */

int judge_on_judge(void *userdata, Record *record_taken, uint64_t lead, const char *actor, bool actor_is_operator, ControlJudged *ret);
int judge_on_take(void *userdata, Record *record, const char *actor, GateTake *take, ControlJudged *ret);
int judge_on_status(void *userdata, json_t *into);
int judge_on_retry(void *userdata, const char *name, json_t **ret);
int judge_on_outbox(void *userdata, uint64_t id, bool cancel);
/* Carries out whatever is no batch; takes the work. */
void judge_take_call(Judge *judge, Work *work);

/* ---- judge_erase.c ---- */

/* In the transaction: rejects that are not in a file yet are gone through with it. */
int judge_note_erasure(Judge *judge, uint64_t id);
/* Gives the next erasure to the reader, when none is there. */
void judge_sweep(Judge *judge);
void judge_on_swept(Judge *judge, const Work *work);
void judge_empty_log(Judge *judge);
int judge_resume_erasures(Judge *judge);
bool judge_erases(const Judge *judge);
void judge_end_erasures(Judge *judge);
int judge_on_erase(void *userdata, ControlCall *call, Record *record_taken, uint64_t lead, const char *actor);
