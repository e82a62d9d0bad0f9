#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * store: remembers. The only SQL in the program. Offers domain operations on one
 * SQLite file: the append-only event log, the projections folded from it, the spool
 * ledger, the outbox. One writing Store (it alone checkpoints), any number of
 * read-only ones. A Store is used by one thread.
 */
#include "leadd/base.h"
#include "leadd/decide.h"
#include "leadd/leaks.h"
#include "leadd/policy.h"
#include "leadd/record.h"
#include "leadd/spool.h"

#define STORE_SCHEMA_VERSION 7
#define STORE_HISTORY_MAX DECIDE_HISTORY_MAX
#define STORE_FAMILY_MAX 64         /* leads that are one after merges */
#define STORE_CHECKPOINT_PAGES 2000 /* WAL pages after which the writer checkpoints between two transactions */

typedef struct Store Store;

enum {
        STORE_E_NONE = 1,    /* no such row */
        STORE_E_NEWER = 2,   /* the file was written by a newer leadd */
        STORE_E_CORRUPT = 3, /* not our file, or damaged */
        STORE_E_FULL = 4,    /* the disk is full: the transaction was rolled back, try later */
        STORE_E_BUSY = 5,    /* another leadd has the file */
        STORE_E_OLDER = 6,   /* read only: an older leadd wrote the file; opening it for writing brings it up to date */
};

typedef enum StoreMode { STORE_WRITE = 0, STORE_READ_ONLY = 1, STORE_MEMORY = 2 } StoreMode;
/* path: the file (leadd.db); made when missing in STORE_WRITE. Builds the in-memory indexes in the writing modes. */
int store_open(const char *path, StoreMode mode, Store **ret);
/* secret: the one to use for a new file (a replay), NULL = random. */
int store_open_with_secret(const char *path, StoreMode mode, const uint8_t *secret, Store **ret);
Store *store_close(Store *store);
/* Gives back the pages it has in memory: for a connection that goes through the whole book now and then, and has no use for them between.
 */
void store_rest(Store *store);
void store_closep(Store **store);
const uint8_t *store_secret(const Store *store); /* DIGEST_SIZE bytes: keys of identity and idempotency */
const char *store_sqlite_version(void);

/* ---- one transaction an event batch ---- */
int store_begin(Store *store); /* on a reader: a snapshot, until commit or rollback */
/* Durable (WAL, synchronous=FULL) when it returns 0. STORE_E_FULL: rolled back. < 0: end the process (the second fsync lies). */
int store_commit(Store *store);
int store_rollback(Store *store); /* what is in memory goes back as well; without a transaction: nothing */
/* Between two transactions: checkpoints when the WAL is large or idle is true. */
int store_checkpoint(Store *store, bool idle);

/* ---- rule sets ---- */
/* Makes this set the one decisions are stored under: archives it once a hash. Call inside a transaction and again after a restart. */
int store_rules_activate(Store *store, const RuleSet *rules, int64_t now_us);
/* The archive of the set activated last (for a broken boot), or of the set with that hash. Borrowed until the next call. STORE_E_NONE. */
int store_rules_last(Store *store, const void **ret_data, size_t *ret_size);
int store_rules_find(Store *store, const char *hash_prefix, const void **ret_data, size_t *ret_size);

/* ---- identity ---- */
/* The event with that key, 0 = never seen. */
uint64_t store_find_event(Store *store, const Key *key);
/* The lead the record speaks of (record.md section 3): e-mail, else external id, else phone when it is the only key; an id match under a
 * different known e-mail is a new lead (0) with *ret_similar = the other (as is a phone match beside other keys). Also follows subject
 * "lead:L-42". 0 = a new lead. STORE_E_NONE: the subject names a lead that does not exist. Of a lead that was merged into another one it
 * is still the one named: store_survivor says where that leads. */
int store_find_lead(Store *store, const Record *record, uint64_t *ret_lead, uint64_t *ret_similar);
/* LEAD as people write it: "42", "L-42", an e-mail, "SYSTEM:ID". STORE_E_NONE. Writing store only for the last two. */
int store_resolve_lead(Store *store, const char *text, uint64_t *ret_lead);  /* the survivor of a merge */
int store_resolve_named(Store *store, const char *text, uint64_t *ret_lead); /* the lead that is named, merged or not */
/* The lead that goes on where this one was merged into another, over all steps; itself when it was not. STORE_E_NONE: no such lead. */
int store_survivor(Store *store, uint64_t lead, uint64_t *ret);
/* The leads that the lead is made of: itself, then those merged into it, over all steps; at most STORE_FAMILY_MAX. */
int store_family(Store *store, uint64_t lead, uint64_t ret[static STORE_FAMILY_MAX], size_t *ret_n);
/* Leads that may be the same person, newest first below `before` (0 = from the newest): what was found when the lead was judged, without
 * pairs that have become one since. Stop by returning != 0. */
typedef struct StoredDuplicate {
        uint64_t id; /* for `before` */
        uint64_t lead, other;
        unsigned reasons; /* bits: 1 << IdentityKind */
} StoredDuplicate;
/* Was the person erased, and when? false = not. Any number. */
int store_is_erased(Store *store, uint64_t lead, bool *ret, int64_t *ret_at_us);
/* Somebody who was erased, by what the record is known by: the lead there was, 0 = nobody. *ret_at_us: when it was done. */
int store_find_erased(Store *store, const Record *record, uint64_t *ret_lead, int64_t *ret_at_us);
/* "42", "L-42", an e-mail or "SYSTEM:ID" of somebody who was erased. STORE_E_NONE. */
int store_resolve_erased(Store *store, const char *text, uint64_t *ret_lead);
/* The lead of an event that was found by its key. */
int store_event_lead(Store *store, uint64_t event, uint64_t *ret);

/* What an event had to tell, as far as the outbox still knows: no text, no address, no message; in the arena. Either mode. */
int store_outbox_of(Store *store, uint64_t event, Arena *arena, Effect **ret, size_t *ret_n);

/* What is to be found in files after an erasure, kept until it is done: the one place where something of the person is left. */
int store_erasure_add(Store *store, const char *needles, size_t size, uint64_t *ret_id);
/* The oldest; needles in the text. STORE_E_NONE. */
int store_erasure_next(Store *store, uint64_t *ret_id, Text *needles);
int store_erasure_get(Store *store, uint64_t id, Text *needles);
int store_erasure_done(Store *store, uint64_t id);
/* Forgets refused records of files that are not settled yet. */
int store_rejects_filter(Store *store, bool (*is_gone)(const char *text, size_t size, void *userdata), void *userdata);
/* Between two transactions: the write-ahead log is emptied, so that nothing that was overwritten is left in it. -EBUSY: a reader has it. */
int store_empty_log(Store *store);
int store_duplicates(Store *store, uint64_t before, int (*on_pair)(const StoredDuplicate *pair, void *userdata), void *userdata);

/* ---- leads ---- */
uint64_t store_next_event(const Store *store);
uint64_t store_next_lead(const Store *store);
/* State, profile and history; all in the arena. For lead 0: an empty state. STORE_E_NONE. Any of the outputs may be NULL. */
int store_load_lead(
        Store *store, uint64_t lead, Arena *arena, LeadState *ret_state, Facts *ret_profile, Activity **ret_history, size_t *ret_n_history);
/* Is the lead still in the track that the event sent it something from: the same one, not entered anew since, not ended? */
int store_is_in_track(Store *store, uint64_t lead, const char *track, uint64_t event, bool *ret);
/* The profile alone: a third of the work. STORE_E_NONE. */
int store_load_profile(Store *store, uint64_t lead, Arena *arena, Facts *ret);
/* The history alone, with that of all leads merged into it, be it that the lead's own row does not say so yet. */
int store_load_joined_history(Store *store, uint64_t lead, Arena *arena, Activity **ret_history, size_t *ret_n_history);
/* Seats of everybody, and the account owner for a company domain (NULL domain: none): the owner of its newest open owned lead but this
 * one. Writing modes only. ret->seats is borrowed and stands until the next store_apply, store_rollback or store_load_desk. */
int store_load_desk(
        Store *store, const char *company_domain, uint64_t except_lead, const RuleSet *rules, int64_t now_us, Arena *arena, Desk *ret);
/* The owner of the company's newest open owned lead that is none of those; NULL = there is none. Writing modes only. */
int store_account_owner(
        Store *store, const char *company_domain, const uint64_t *except, size_t n_except, Arena *arena, const char **ret_owner);

typedef struct StoreEntry {
        const Record *record;
        const Decision *decision;
        uint64_t event_id, lead_id; /* as given to decide; lead_id 0 for events without a lead (rules, owner absences) */
        uint64_t named;             /* the lead by which it came to this one, which was merged into it; 0 = this one itself */
        Store *copied_from;         /* replay: keys, outbox rows and hints of the event are those of that store */
        const char *actor;
        int64_t now_us;
        uint64_t ledger; /* file, 0 = none */
        uint64_t ledger_index;
} StoreEntry;
/* Appends the event and folds it into every projection, the outbox included. Not for refused decisions. STORE_E_FULL: the whole
 * transaction was rolled back. -ESTALE: decided on a state the lead no longer has; nothing was written. After another failure the
 * transaction can only be rolled back (store_commit says -ECANCELED). */
int store_apply(Store *store, const StoreEntry *entry);

/* ---- the ledger of spool files ---- */
typedef enum LedgerState { LEDGER_READING = 1, LEDGER_FINISHED = 2, LEDGER_ASIDE = 3, LEDGER_SETTLED = 4 } LedgerState;
typedef struct LedgerEntry {
        uint64_t id;
        LedgerState state;
        uint64_t next_offset, next_index;
        uint64_t n_accepted, n_duplicates, n_refused, n_dropped;
        unsigned attempts;
        bool purge; /* somebody in it was erased: it is not kept in done/ */
} LedgerEntry;
/* The unsettled entry of that file, or a new one (LEDGER_READING, offset 0, index 1). */
int store_ledger_open(Store *store, const SpoolIdentity *identity, int64_t now_us, LedgerEntry *ret);
int store_ledger_save(Store *store, const LedgerEntry *entry, int64_t now_us);
/* The file is gone from the spool (finished or set aside): its name and inode may be used by another from now on. Its rejects are
 * forgotten. */
int store_ledger_settle(Store *store, uint64_t ledger, bool aside, int64_t now_us);
/* At start: unsettled files, so that the reader resumes them; stop by returning != 0. */
int store_ledger_unsettled(
        Store *store, int (*on_entry)(const SpoolIdentity *identity, const LedgerEntry *entry, void *userdata), void *userdata);
/* A refused record, kept until its file's rejects are written; one row a (ledger, index). */
int store_reject_add(Store *store, uint64_t ledger, uint64_t index, const char *reason, const char *field, const char *text,
        const char *raw, size_t raw_size);
/* The rejects of a file as NDJSON lines {index, reason, field, text, raw}. */
int store_rejects_format(Store *store, uint64_t ledger, Text *out);

/* ---- the armed instants ---- */
int64_t store_wake_next(Store *store); /* the earliest, TIME_NONE = none */
/* Leads whose instant is <= now, earliest first (by instant, then lead, but held leads in the order in which they wait), at most n_max. */
int store_wake_due(Store *store, int64_t now_us, size_t n_max, uint64_t *ret_leads, int64_t *ret_due_us, size_t *ret_n);

typedef struct HeldLead {
        uint64_t lead;
        int64_t since_us;
        const char *by; /* the rule; stands as long as the store, or until the transaction that made it is rolled back */
        uint64_t cause; /* the same for leads that the same rule holds with the same text */
} HeldLead;
/* Held leads whose status belongs to the team, the longest waiting first, behind `after` (NULL: from the first), at most n_max. */
int store_held_in(Store *store, const char *team, const HeldLead *after, size_t n_max, HeldLead *ret, size_t *ret_n);

#define STORE_DESK_MAX 10000 /* open leads of one person that are looked at for one answer: the newest */
/* The open leads that somebody owns, newest first, without test leads: found from memory, not by going through the book. Their texts are
 * borrowed until the store is closed or the transaction ends; *ret_n_all counts those above n_max, at most STORE_DESK_MAX, as well. Writing
 * modes only. */
int store_on_desk(Store *store, const char *owner, size_t n_max, Arena *arena, DeskLead **ret, size_t *ret_n, size_t *ret_n_all);

#define STORE_SEEN_MAX 1000 /* leads remembered of one person: the one looked at longest ago is forgotten first */
#define STORE_LOOKS_MAX 256 /* looks that wait for a transaction: on a disk that stays full the oldest is forgotten */
/* What a person saw of a lead when looking at it last. */
typedef struct SeenLead {
        uint64_t event; /* the lead's last event then */
        int64_t at_us;
        const char *grade;
} SeenLead;
/* STORE_E_NONE: never, or forgotten. Writing modes. */
int store_last_look(Store *store, const char *person, uint64_t lead, Arena *arena, SeenLead *ret);
/* The person looks at the lead now. Writes nothing: the next transaction does. */
int store_note_look(Store *store, const char *person, uint64_t lead, const char *grade, int64_t now_us);
size_t store_looks(const Store *store); /* that wait for it */

/* Leads that the members have not accepted, from the id *next to before `to`, ascending, at most n_max. Reads all leads of that range, none
 * when there can be none. *next is where to go on: `to` when the range was gone through. */
int store_unaccepted_of(Store *store, const char *const *members, size_t n_members, uint64_t *next, uint64_t to, size_t n_max,
        uint64_t *ret_leads, size_t *ret_n);

/* ---- digests ---- */
/* Every rule's that is armed or was sent, by name, in the arena. */
int store_digests(Store *store, Arena *arena, DigestMoment **ret, size_t *ret_n);
int64_t store_digest_next(Store *store); /* the earliest, TIME_NONE = none */

/* ---- the outbox ---- */
typedef enum OutboxPart {
        OUTBOX_LOCAL,  /* the journal and drops */
        OUTBOX_REMOTE, /* what another process delivers */
        OUTBOX_FREE,   /* both, without what is under way */
} OutboxPart;
typedef struct OutboxRow {
        uint64_t id; /* the same for every attempt */
        uint64_t event, lead;
        EffectKind kind;
        Via via;
        const char *channel, *recipient, *address, *role, *rule, *body;
        const char *sender; /* the member in whose name it goes to the lead; NULL = the channel's sender */
        const char *error;  /* of the last attempt, NULL */
        const char *rules;  /* hash of the set that decided it */
        uint32_t step, attempts;
        int64_t created_us, next_us; /* next_us TIME_NONE: a dead letter */
        int64_t tried_us;            /* the first attempt; TIME_NONE = none yet */
        bool leased;                 /* an attempt is under way */
        uint64_t mail;               /* told with other rows as one mail, known by the id of one of them; 0 = not gathered (yet) */
} OutboxRow;
/* Rows that are told as one mail. */
typedef struct OutboxMail {
        OutboxRow *rows; /* the newest of each lead, the longest waiting first, at most n_max */
        size_t n_rows;
        uint64_t n_leads, n_all;     /* without the limit; n_all counts rows */
        uint8_t digest[DIGEST_SIZE]; /* of the ids of all: the same rows, the same digest */
} OutboxMail;
/* Rows due for a first or another attempt, oldest first; strings in the arena. */
int store_outbox_due(Store *store, OutboxPart part, int64_t now_us, size_t n_max, Arena *arena, OutboxRow **ret, size_t *ret_n);
/* Binds to the row (a reminder by mail) those to the same reader over the same channel that were not tried yet and are due by until_us, at
 * most n_max: from now on they are one mail. */
int store_outbox_gather(Store *store, uint64_t id, int64_t until_us, size_t n_max);
int store_outbox_mail(Store *store, uint64_t mail, size_t n_max, Arena *arena, OutboxMail *ret);
/* Here id is that of a row, or of a mail and then stands for all its rows. Each answers STORE_E_NONE for a row that does not exist or was
 * delivered. */
int store_outbox_done(Store *store, uint64_t id, int64_t now_us);
/* An attempt failed (counted here, unless it was when it was leased); next_us: when it is tried again. */
int store_outbox_retry(Store *store, uint64_t id, int64_t now_us, int64_t next_us, const char *error);
int store_outbox_postpone(Store *store, uint64_t id, int64_t next_us); /* without an attempt */
/* An attempt begins in another process: counted before it is made. Nobody else takes the row until until_us. */
int store_outbox_lease(Store *store, uint64_t id, int64_t now_us, int64_t until_us);
int store_outbox_unlease(Store *store, int64_t now_us);              /* at start: attempts that were under way are over */
int store_outbox_bury(Store *store, uint64_t id, const char *error); /* given up: a dead letter, kept until a person decides */
/* By a person, one row, also a dead letter, which then leaves its mail; STORE_E_NONE as well while an attempt is under way. */
int store_outbox_revive(Store *store, uint64_t id, int64_t now_us);
int store_outbox_cancel(Store *store, uint64_t id, int64_t now_us);
/* The earliest next attempt of the local ones, or (OUTBOX_REMOTE) of all, or of those not under way; TIME_NONE. */
int64_t store_outbox_next(Store *store, OutboxPart part);
/* What is not delivered, dead letters included, by id, at most n_max; stop by returning != 0 (either mode). */
int store_outbox_list(Store *store, uint64_t after, size_t n_max, int (*on_row)(const OutboxRow *row, void *userdata), void *userdata);

/* ---- reading (either mode) ---- */
typedef struct ListFilter {
        const char *status, *owner, *segment, *grade; /* NULL = any; owner "-" = nobody */
        const char *track;                            /* that the lead is in; NULL = any or none */
        bool held;
        size_t limit;    /* 0 = 100 */
        uint64_t before; /* page: leads with an id below this; 0 = from the newest */
} ListFilter;
typedef struct ListRow {
        LeadState state;
        const char *team;                   /* owning team of the status under the active rules */
        const char *email, *name, *company; /* NULL */
} ListRow;
int store_list(Store *store, const ListFilter *filter, int (*on_row)(const ListRow *row, void *userdata), void *userdata);

typedef struct StoredReceipt {
        const char *rule;
        int64_t points_mp, before_mp, after_mp;
        bool matched, failed;
        RuleKind kind;    /* 0: an older leadd did not write it */
        uint64_t event;   /* the newest activity that counted, 0 = none */
        const char *note; /* NULL also when it was erased with the payload */
} StoredReceipt;
typedef struct StoredBlock {
        RuleKind kind; /* a criterion or a fence */
        const char *rule, *move;
} StoredBlock;
typedef struct StoredEvent {
        uint64_t id, lead, named; /* named: the lead by which it came to this one, 0 = itself */
        bool is_first;            /* of its lead */
        bool is_test;             /* its lead is a test, as it stands now: store_log_since alone says so */
        const char *type, *source, *record_id, *actor, *rules_hash, *summary, *subject, *reminded_roles;
        int64_t time_us, now_us;
        unsigned flags;
        const MoveMade *moves;
        size_t n_moves;
        Assignment assignment;
        const StoredReceipt *receipts;
        size_t n_receipts;
        const void *facts;
        size_t facts_size; /* encoded; NULL when erased */
        const StoredBlock *blocks;
        size_t n_blocks;
        const char *adapter; /* that made the record, NULL */
        const TurnChange *turns;
        size_t n_turns;
        const FairFact *fair;
        size_t n_fair;
        int64_t fair_day;
        HandOff handoff; /* how 0: none ended */
        bool account_asked;
        const char *account_owner;
        const char *const *messages; /* of its effects, each NULL or a name; NULL = of none */
        size_t n_messages;
        bool leaves_unaccepted, leaves_test, leaves_by_turn; /* what the lead was after it */
        const uint32_t *cuts;                                /* function calls that the CPU backstop cut */
        size_t n_cuts;
} StoredEvent;
/* A lead's events with those of the leads merged into it, oldest first; lead 0: the whole log in commit order from event `from`. Strings
 * live during the callback. */
int store_log(Store *store, uint64_t lead, uint64_t from, int (*on_event)(const StoredEvent *event, void *userdata), void *userdata);
/* Moves and assignments of the whole log backwards (of an event's other fields id, lead, is_first, is_test and now_us alone), from its
 * newest event to the first that was made before since_us; *ret_more: there were more than n_max. */
int store_log_since(Store *store, int64_t since_us, size_t n_max, int (*on_event)(const StoredEvent *event, void *userdata), void *userdata,
        bool *ret_more);
/* As store_log, of at most the n_max newest of them; *ret_more: there are older ones from `from` on. */
int store_log_newest(Store *store, uint64_t lead, uint64_t from, size_t n_max, int (*on_event)(const StoredEvent *event, void *userdata),
        void *userdata, bool *ret_more);

typedef struct StoreCounts {
        /* n_unowned: open leads nobody owns although their status' team has members; without test leads */
        uint64_t n_leads, n_events, n_held, n_unowned, n_outbox, n_outbox_failing, n_outbox_dead, n_wakes;
        uint64_t n_accepted, n_duplicates, n_refused, n_dropped, n_files; /* of the ledger, for ever */
        uint64_t file_size, wal_size;
} StoreCounts;
int store_counts(Store *store, StoreCounts *ret);
/* The same without n_wakes, which alone takes longer the more leads are armed. */
int store_counts_kept(Store *store, StoreCounts *ret);
/* Leads by status, without tests, as the tables have it (either mode). */
typedef struct StatusCount {
        const char *status;
        uint64_t n, n_unaccepted;
} StatusCount;
int store_status_counts(Store *store, int (*on_status)(const StatusCount *count, void *userdata), void *userdata);
/* What the writing store has done since it was opened; any thread. */
typedef struct StoreWork {
        uint64_t n_commits, n_checkpoints;
        int64_t commit_us; /* in COMMIT */
} StoreWork;
StoreWork store_work(const Store *store);

/* ---- counters ---- */
/* Sums that only grow, so that nobody has to go through the book for them. The numbers stand in books. */
typedef enum SumKind {
        /* folded from the log since the book is of version 7 */
        SUM_TRANSITIONS = 1,    /* from, to */
        SUM_ACCEPTANCE,         /* bucket of working time until an owner accepted */
        SUM_ACCEPTANCE_SECONDS, /* ... the seconds together */
        /* beside the log */
        SUM_RECORDS = 10, /* drop directory, what became of them */
        SUM_DELIVERIES,   /* channel, what became of an attempt */
        SUM_STEPS,        /* SLA, number of the step (from 0) * SUM_STEP_RESULTS + what it did */
} SumKind;
enum { SUM_ACCEPTED = 1, SUM_DUPLICATE, SUM_REFUSED, SUM_DROPPED };
typedef enum SumDelivery { SUM_DELIVERED = 1, SUM_FAILED, SUM_DEAD, SUM_CANCELLED } SumDelivery;
typedef enum SumStep { SUM_STEP_NOTHING, SUM_STEP_REMINDED, SUM_STEP_REASSIGNED, SUM_STEP_MOVED, SUM_STEP_RESULTS } SumStep;
typedef struct StoredSum {
        SumKind kind;
        uint64_t a, b;
        const char *name, *to; /* of a and b where they are names */
        int64_t n;
} StoredSum;
/* By kind, a, b: names in the order in which they came up (either mode). */
int store_sums(Store *store, int (*on_sum)(const StoredSum *sum, void *userdata), void *userdata);
#define STORE_ACCEPTANCE_BOUNDS 9
int64_t store_acceptance_bound_us(size_t bucket); /* its upper end, included; TIME_NONE = of the last, which has none */

/* ---- leaks ---- */
#define STORE_LEAK_DAYS_KEPT 800
/* Leads from the id `from` on that can leak at all, by id, from at most n_max rows; *ret_next: where to go on, 0 = that was all. Names
 * stand as long as the store, consents during the callback. Either mode; inside a snapshot of the caller's. */
int store_leak_leads(Store *store, uint64_t from, size_t n_max, int (*on_lead)(const LeakLead *lead, void *userdata), void *userdata,
        uint64_t *ret_next);
/* STORE_E_NONE: it cannot leak, and on_lead was not called. */
int store_leak_lead(Store *store, uint64_t lead, int (*on_lead)(const LeakLead *lead, void *userdata), void *userdata);
int store_leak_work(Store *store, const LeakLead *lead, LeakWork *ret);
/* The leads of at most n_max events from *event on, which becomes where to go on. */
int store_leads_touched(Store *store, uint64_t *event, size_t n_max, uint64_t *ret_leads, size_t *ret_n);
int store_log_end(Store *store, uint64_t *ret); /* the next event's id, as the file says */
/* What was told of a day (since 1970, in the site's zone). n: by kind. */
int store_note_leaks(Store *store, int64_t day, const uint64_t n[static LEAK_KINDS]);
/* Was it told of that day, or of the one after it: the clock was set back over midnight. A day far ahead that a clock once showed by
 * mistake silences nothing. */
int store_leaks_told(Store *store, int64_t day, bool *ret);
/* By day; kind LEAK_NONE: all of them together, which every day has. */
int store_leak_days(Store *store, int64_t from_day, int (*on_day)(int64_t day, LeakKind kind, uint64_t n, void *userdata), void *userdata);
/* How often a rule was hit, folded from what events say they did: in the last day and week (by the hour), and the last time ever. */
typedef struct RuleHits {
        RuleKind kind;
        const char *rule;                /* valid during the callback */
        uint64_t n_1d, n_7d, n_ever;     /* hits */
        uint64_t n_failed_7d, n_failed;  /* broke or overran */
        int64_t last_us, last_failed_us; /* TIME_NONE = never */
} RuleHits;
int store_rule_hits(Store *store, int64_t now_us, int (*on_rule)(const RuleHits *hits, void *userdata), void *userdata);
/* What a hit of that kind is, as the end of "a hit is ...": "a move that was made". NULL: of this kind nothing is counted. */
const char *store_hit_meaning(RuleKind kind);
/* Hits of the kind are counted from that event on (a book that is older than the counting has no earlier ones); the event's time,
 * TIME_NONE = there is none yet. */
int64_t store_hits_since(Store *store, RuleKind kind);
/* A move that was asked for and refused is no event: what kept the lead from it is counted beside the log, inside the transaction of
 * whatever else came of it. Not for replays. */
int store_note_refusal(Store *store, const Decision *decision, int64_t now_us);
/* For a replay of a book: counts from where that one does. */
int store_count_as(Store *store, const Store *other);
/* Is it an event of the book before it became one of version 6? These are judged as they were (DecideInput.before_6). */
bool store_is_before_6(const Store *store, uint64_t event);
/* Is it one of the book before its version 7? What such events did not say, a replay must not say either: nothing of them is folded into
 * what came with that version. */
bool store_is_before_7(const Store *store, uint64_t event);
/* What becoming one of version 7 did: what the log says of the time before is kept as if it had been kept then. */
int store_look_back(Store *store);
/* What becoming one did to the turns: nobody is owed anything. */
int store_restart_turns(Store *store);

/* ---- what routing did ---- */
#define STORE_FAIR_DAYS_KEPT 800
/* Sums of the days from one up to before another (days since 1970 in the site's zone) by team, route, member and kind (either mode). */
int store_fairness(Store *store, int64_t from_day, int64_t until_day, int (*on_fact)(const FairFact *fact, void *userdata), void *userdata);
/* Of what came before nothing is recorded; TIME_NONE = there is no event yet. */
int64_t store_fairness_since(Store *store);
/* What everybody is owed now (either mode). */
int store_turns(Store *store, int (*on_turn)(const TurnChange *turn, void *userdata), void *userdata);

/* ---- suspended rules, and what a new rule set still has to go through ---- */
/* Changes with every change of what is suspended, and goes back with a rollback. */
uint64_t store_suspended_serial(const Store *store);
/* Rules suspended under the active set, oldest first. */
int store_suspended(Store *store, int (*on_rule)(RuleKind kind, const char *rule, int64_t since_us, void *userdata), void *userdata);
/* The pass that re-derives all leads after a rule set was activated. Over when next > to. */
typedef struct RulesPass {
        uint64_t event;    /* the activation; 0 = there was none yet */
        uint64_t next, to; /* leads */
        bool apply;
        uint64_t n_leads, n_changed, n_regraded, n_moving, n_moved; /* so far: gone through, other points, another grade, would move, did */
} RulesPass;
int store_rules_pass(Store *store, RulesPass *ret);
/* Writes points, grade, segments, the armed instant and the name of the status (where it was renamed) of a lead that is in the file, as
 * part of an event that names it (rules.rederived); what is the same is not written. */
typedef struct Rederived {
        const LeadState *before, *after;
} Rederived;
int store_rederive(Store *store, const Rederived *rederived, bool *ret_changed);
/* Leads by owner and status, without test leads: the writing modes' memory. owner NULL = nobody. */
int store_tallies(Store *store, int (*on_tally)(const char *owner, const char *status, uint64_t n, void *userdata), void *userdata);

/* ---- what sources have sent ---- */

#define STORE_VALUES_EVENTS_MAX 200000               /* newest events looked at */
#define STORE_VALUES_TIME_MAX_US (5 * US_PER_SECOND) /* and for how long */
#define STORE_VALUES_DISTINCT_MAX 500                /* different texts of one field; above, it only says "many" */
typedef struct StoreField {
        MentionOf of;
        FieldId fields[MENTION_FIELDS_MAX];
        const char *key;
} StoreField;
typedef struct StoreValue {
        const char *text, *folded; /* as it was sent last, and case-folded */
        size_t folded_size;
        uint64_t n_records;
} StoreValue;
typedef struct StoreFieldValues {
        uint64_t n_records; /* in which the field was stated, as text or not */
        const StoreValue *values;
        size_t n_values;
        bool many; /* more different texts than are kept: values are not all */
} StoreFieldValues;
typedef struct StoreValues {
        StoreFieldValues *fields; /* as asked */
        size_t n_fields;
        uint64_t n_events;  /* looked at */
        bool is_whole_book; /* false: these are the newest */
} StoreValues;
/* The different texts that the newest events brought in each of the fields, in the arena. Outside a transaction, so that a long
 * look keeps no snapshot; either mode. */
int store_values(Store *store, const StoreField *fields, size_t n_fields, Arena *arena, StoreValues *ret);

/* ---- what sales tells marketing ---- */

/* A move with a reason, with what the lead was known by then. Folded since the book is of version 6. */
typedef struct Feedback {
        uint64_t event, lead;
        int64_t at_us;
        const char *move, *reason, *from, *to;
        const char *owner;             /* who had it; NULL = nobody */
        bool accepted;                 /* the owner had moved it before, after it was routed */
        const char *by;                /* "rep:anna", "sla:ACCEPT" */
        const char *source, *campaign; /* NULL = none is known, or it was erased */
        const char *note;              /* NULL */
        const char *const *scores;     /* the rules that gave the lead points then; none of moves before the book was of version 7 */
        size_t n_scores;
} Feedback;
typedef struct FeedbackFilter {
        int64_t since_us;                    /* TIME_NONE = from the beginning */
        const char *reason, *source, *owner; /* NULL = any */
        uint64_t before;                     /* page: events below this; 0 = from the newest */
} FeedbackFilter;
/* The newest first; strings live during the callback; stop by returning != 0. Either mode. */
int store_feedback(Store *store, const FeedbackFilter *filter, int (*on_row)(const Feedback *row, void *userdata), void *userdata);

/* ---- whom marketing wrote to, and whom it may not (audience.c; either mode) ---- */

/* A lead as far as an audience has to know it. Texts of the dictionary: the same id, the same text; they stand as long as the store. */
typedef struct AudienceRow {
        uint64_t lead;
        uint64_t status_id, segments_id, consents_id; /* 0: none, or the text stands in the row and only for the callback */
        const char *status, *owner, *grade, *source;  /* grade "" = none */
        const char *segments;                         /* names, a character 0x1f between two; NULL = none */
        const char *consents;                         /* "contact+ marketing-" */
        int64_t created_us, entered_us;
        bool test, has_email, has_opportunities;
        const Written *written; /* with what was sent to leads that were merged into it */
        size_t n_written;
        const Exclusion *exclusions; /* likewise, those that are over as well */
        size_t n_exclusions;
} AudienceRow;
/* The leads from one number to another (0 = to the last), ascending, without those that were merged or erased. Stop by returning != 0,
 * which is then returned. Other statements may run meanwhile; on a reader inside store_begin, or it is a snapshot of its own. */
int store_audience(Store *store, uint64_t from, uint64_t to, int (*on_row)(const AudienceRow *row, void *userdata), void *userdata);
/* The same of those leads alone, ascending; who was merged or erased, or never was, is not among the rows. */
int store_audience_of(
        Store *store, const uint64_t *leads, size_t n_leads, int (*on_row)(const AudienceRow *row, void *userdata), void *userdata);
/* All of one lead, for show. Texts in the arena. */
int store_sent_to(Store *store, uint64_t lead, Arena *arena, Written **ret_written, size_t *ret_n_written, Exclusion **ret_exclusions,
        size_t *ret_n_exclusions);

typedef struct StoredTake {
        uint64_t take; /* the event it began with */
        const char *campaign, *by;
        int64_t at_us, last_us; /* its first part and its last so far */
        uint64_t last_event;
        uint64_t n_leads, n_dropped, n_parts;
        bool is_done;
} StoredTake;
/* The newest first, below `before` (0 = from the newest); campaign NULL = of all. Strings live during the callback. */
int store_takes(
        Store *store, const char *campaign, uint64_t before, int (*on_take)(const StoredTake *take, void *userdata), void *userdata);
int store_take_get(Store *store, uint64_t take, Arena *arena, StoredTake *ret); /* STORE_E_NONE */
/* Whom it took, as far as they were not erased since: ascending numbers from `from` on. A merged lead is named by its own number. */
int store_take_leads(Store *store, uint64_t take, uint64_t from, int (*on_lead)(uint64_t lead, void *userdata), void *userdata);
/* All that was written, by lead; in snapshots of so many rows that none lasts two seconds. */
int store_scan_written(Store *store, int (*on_row)(uint64_t lead, const Written *written, void *userdata), void *userdata);
/* Exclusions of all leads that are not over at that instant, by lead. */
int store_exclusions(
        Store *store, int64_t now_us, int (*on_one)(uint64_t lead, const Exclusion *exclusion, void *userdata), void *userdata);

/* ---- scans: what reports count from ---- */

/*
 * Each goes through its rows in order as fast as they can be read, in snapshots of at most two seconds, and says numbers and names:
 * the same name is the same pointer until the store is closed, whichever scan says it, NULL is none. Stop by returning != 0, which
 * is what the scan then answers. A callback may read from the store but not write, nor scan what is being scanned. Either mode.
 *
 * A lead that was merged keeps what happened to it; ScanLead.survivor says which lead goes on for it. To count people, go through
 * the leads first, keep the survivor of each, and add what the other scans say of a lead to that of its survivor.
 */
enum {
        SCAN_SLA = 1 << 0,
        SCAN_HELD = 1 << 1,
        SCAN_RECYCLE = 1 << 2,
        SCAN_FEW = 1 << 3, /* without what ScanLead says under `not with SCAN_FEW`: nearly twice as fast */
};
#define STORE_SEGMENT_SEPARATOR '\x1f'
typedef struct ScanLead {
        uint64_t id;
        uint64_t survivor; /* itself when it was not merged into another one */
        bool merged, erased, test, unaccepted, has_email, has_sla, is_held, rests, has_opportunities;
        const char *status, *owner, *grade;
        const char *segments; /* joined by STORE_SEGMENT_SEPARATOR: store_has_segment */
        const char *came_from, *campaign, *consents;
        int64_t created_us, entered_us;
        int64_t offered_us; /* with `unaccepted` and SCAN_SLA's due: an open hand-off */
        /* not with SCAN_FEW */
        uint64_t version, last_event, moved_event, offered_event;
        const char *route, *source;
        int64_t idle_from_us, wake_us;
        int64_t fit_mp, engagement_mp;
        /* with SCAN_SLA, else NULL and TIME_NONE */
        const char *sla;
        int64_t due_us, next_due_us, snoozed_until_us;
        /* with SCAN_HELD */
        const char *held_by;
        int64_t held_since_us, held_look_us;
        /* with SCAN_RECYCLE */
        const char *recycle_reason;
        int64_t recycle_us; /* INT64_MAX: until a signal wakes it */
} ScanLead;
/* In the order of ids, from that one on; with: which of SCAN_*. */
int store_scan_leads(Store *store, uint64_t from, unsigned with, int (*on_lead)(const ScanLead *lead, void *userdata), void *userdata);
bool store_has_segment(const char *segments, const char *segment);

/* The first event at or after the instant; the one after the last when there is none. */
int store_find_instant(Store *store, int64_t at_us, uint64_t *ret_event);

/* A move. */
typedef struct ScanTransition {
        uint64_t event, lead;
        int64_t at_us;
        const char *move, *from, *to; /* "assign" and others may leave the lead where it is: from and to are the same pointer */
        const char *owner;            /* who had it when it was made */
        const char *by;               /* "rules", "rep:anna", "sla:ACCEPT" */
        int64_t spent_us;             /* in `from`, which it left; 0 where it stays */
        bool follows;                 /* not the first of its event: the rules went on from there */
        bool test;                    /* the lead was a test then */
} ScanTransition;
/* Those at or after since_us and before until_us; TIME_NONE: from the first, to the last. */
int store_scan_transitions(
        Store *store, int64_t since_us, int64_t until_us, int (*on_row)(const ScanTransition *row, void *userdata), void *userdata);

/* An offer that ended (HandOff). */
typedef struct ScanHandoff {
        uint64_t event, lead, offered_event;
        int64_t offered_us, ended_us;
        HandOffHow how;
        const char *team, *owner, *route, *sla, *reason;
        int64_t due_us, working_us; /* TIME_NONE */
        ResponseStatus response;
        const char *const *scores; /* rules that gave the lead points then; until the next row */
        size_t n_scores;
        bool test, is_old; /* is_old: before the book was of version 7, so that due, working time and response are not known */
} ScanHandoff;
/* Those that ended in that time. */
int store_scan_handoffs(
        Store *store, int64_t since_us, int64_t until_us, int (*on_row)(const ScanHandoff *row, void *userdata), void *userdata);
/* The same in a third of the time: of each only event, lead, ended_us, how, owner, test and is_old are known. */
int store_scan_handoff_ends(
        Store *store, int64_t since_us, int64_t until_us, int (*on_row)(const ScanHandoff *row, void *userdata), void *userdata);

/* Moves with a reason, oldest first; of leads that are no tests. The note is the log's: store_feedback. */
typedef Feedback ScanFeedback;
int store_scan_feedback(
        Store *store, int64_t since_us, int64_t until_us, int (*on_row)(const ScanFeedback *row, void *userdata), void *userdata);

/* What a person did for a lead that its owner had accepted, but for moves; of leads that are no tests. Since the book is of version 7. */
typedef struct ScanWork {
        uint64_t event, lead;
        int64_t at_us;
        const char *owner; /* who had it */
} ScanWork;
int store_scan_work(Store *store, int64_t since_us, int64_t until_us, int (*on_row)(const ScanWork *row, void *userdata), void *userdata);

/* An offer that waits for its owner's answer; of leads that are no tests. */
typedef struct ScanWaiting {
        uint64_t lead;
        const char *owner, *sla; /* sla NULL = none runs */
        int64_t offered_us, due_us;
} ScanWaiting;
int store_scan_waiting(Store *store, int (*on_row)(const ScanWaiting *row, void *userdata), void *userdata);

/* A promise that is broken: an agreement runs and its time is over; of leads that are no tests. */
typedef struct ScanOverdue {
        uint64_t lead;
        const char *sla, *owner;
        int64_t due_us;
        int64_t offered_us; /* when its owner got it; TIME_NONE */
        bool unaccepted;
} ScanOverdue;
/* Those due by then, in the order of leads: reads what runs, not the book. */
int store_scan_overdue(Store *store, int64_t now_us, int (*on_row)(const ScanOverdue *row, void *userdata), void *userdata);
/* How many agreements run; counts no further than n_max. */
int store_count_running(Store *store, uint64_t n_max, uint64_t *ret);

/* ---- opportunities ---- */

/* Those of a lead, by number, with their stages; in the arena. Either mode. */
int store_opportunities(Store *store, uint64_t lead, Arena *arena, const Opportunity **ret, size_t *ret_n);
/* One of some lead, without its stages. Names of stages and currencies are as in scans, the rest lives during the callback. Of a lead that
 * was merged its host has its own; of somebody erased those that ended are left, without their ids. */
typedef struct StoredOpportunity {
        uint64_t lead;
        bool is_test, is_merged, is_erased;
        Opportunity opportunity;
} StoredOpportunity;
/* All of them from a lead on, in the order of leads, then of numbers; stop by returning != 0. A reader holds no snapshot
 * for longer than two seconds. */
int store_scan_opportunities(Store *store, uint64_t from_lead, int (*on_row)(const StoredOpportunity *row, void *userdata), void *userdata);
/* Replay, of somebody erased: what that store has left of them. */
int store_copy_opportunities(Store *store, Store *from, uint64_t lead);
/* What a book of before version 7 has of them in profiles and its log: once, when it becomes one of version 7. In a transaction. */
int store_backfill_opportunities(Store *store);

/* ---- proof ---- */
/* Rebuilds one event's Record from the log (for replay). */
int store_event_record(Store *store, const StoredEvent *event, Record **ret);
/* Compares every projection and the log of two stores row by row (delivery state of the outbox, ledger and rejects apart).
 * Differences are appended as lines, at most 100; *ret_n counts all. */
int store_compare(Store *a, Store *b, Text *differences, uint64_t *ret_n);
/* SQLite's integrity_check and our invariants (no lead without status, every wake has its lead, ...). Lines appended to problems. */
int store_check(Store *store, Text *problems, uint64_t *ret_n);
/* How many connections of this process may checkpoint: a test holds it to one. */
bool store_may_checkpoint(const Store *store);
