#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * store, inside: what the files of the room share. Nothing outside daemon/store
 * includes this but tests/bench/floor.c, which writes the same rows through the
 * same statements so that it stays in step with the schema.
 *
 * sql.c      every statement of the program, typed binding, stepping, error mapping; schema.c the tables; invariants.c what proofs ask
 * open.c     the file: lock, pragmas, migrations, transactions, checkpoints
 * index.c    in-memory open addressing: 8 bytes a slot, verified against the row
 * passage.c  moves and hand-offs as rows that reports count; scan.c reads them and the leads, fast
 * names.c    the dictionary: text <-> small integer
 * desk.c     seats and tallies: counters in memory, and the undo journal
 * accounts.c the open leads of each company and of each person, in memory
 * codec.c    the compact blobs inside an event row
 * identity.c idempotency and identity keys, finding a lead
 * family.c   leads that were merged: who goes on for whom, and the events of all of them
 * erase.c    nothing is left of a person but numbers and keyed hashes
 * lead.c     reading leads; apply.c writing events; log.c reading events back
 * ledger.c   spool files and rejects; outbox.c what is to be delivered and when to wake
 * digests.c  when the digests of teams are due
 * seen.c     what a person has looked at; opportunity.c the deals of leads
 * audience.c whom marketing wrote to, and whom it may not
 * sums.c     counters for the metrics, and how much leaked on a day; leaks.c leads as the look for leaks needs them
 * rules.c    archived rule sets; hits.c how often each rule applied; backfill.c and hindsight.c what an older leadd did not keep;
 * activation.c suspended rules, the pass after a reload proof.c comparing and checking; counts.c numbers
 */
#include "leadd/store.h"
#include <sqlite3.h>
#include <stdatomic.h>
#include <time.h>

/* "LEAD": set in the file's header, so that a foreign database is told apart. */
#define STORE_APPLICATION_ID 0x4c454144
/* Above this many dictionary entries, texts that outsiders choose (types, sources, actors) are kept in their row instead. */
#define STORE_NAMES_MAX 100000
/* The same for phrases (summaries, texts of assignments), which mostly repeat. */
#define STORE_PHRASES_MAX 20000
#define STORE_NAME_SIZE_MAX 512 /* a longer text is never made a dictionary entry */
/* Events of one lead looked at on the way to its STORE_HISTORY_MAX newest activities. */
#define STORE_CHAIN_MAX 10000
/* Slots of the indexes hold 32-bit ids. */
#define STORE_IDS_MAX UINT32_MAX

/* ---- sql.c -------------------------------------------------------------- */

typedef enum Sql {
        SQL_BEGIN,
        SQL_BEGIN_READ,
        SQL_COMMIT,
        SQL_ROLLBACK,
        SQL_META_GET,
        SQL_META_DELETE,
        SQL_META_SET,
        SQL_COUNTERS,
        SQL_TOTAL_GET,
        SQL_TOTAL_SET,
        SQL_NAME_ADD,
        SQL_NAME_AFTER,
        SQL_RULESET_ADD,
        SQL_RULESET_TOUCH,
        SQL_RULESET_BY_HASH,
        SQL_RULESET_BY_ID,
        SQL_RULESET_BY_PREFIX,
        SQL_STATUS_ALL,
        SQL_STATUS_ADD,
        SQL_STATUS_CLEAR,
        SQL_COMPANY_ADD,
        SQL_COMPANY_GET,
        SQL_COMPANY_ALL,
        SQL_EVENT_ADD,
        SQL_EVENT_GET,
        SQL_EVENT_NEXT,
        SQL_EVENT_BEFORE,
        SQL_EVENT_PREV,
        SQL_EVENT_ACTIVITY,
        SQL_EVENT_ROUTED,
        SQL_EVENT_VALUES,
        SQL_PAYLOAD_ADD,
        SQL_KEY_ADD,
        SQL_KEY_GET,
        SQL_KEY_ALL,
        SQL_LEAD_ADD,
        SQL_LEAD_SET,
        SQL_LEAD_GET,
        SQL_LEAD_LIST,
        SQL_LEAD_LIST_HELD,
        SQL_LEAD_LIST_TRACK,
        SQL_LEAD_OWNED,
        SQL_LEAD_ON_DESK,
        SQL_LEAD_UNACCEPTED,
        SQL_PROFILE_SET,
        SQL_PROFILE_GET,
        SQL_PROFILE_SAID,
        SQL_SLA_SET,
        SQL_SLA_GET,
        SQL_SLA_DELETE,
        SQL_RESPONSE_SET,
        SQL_RESPONSE_GET,
        SQL_RESPONSE_DELETE,
        SQL_HELD_SET,
        SQL_HELD_GET,
        SQL_HELD_IN_TEAM,
        SQL_HELD_DUE,
        SQL_HELD_DELETE,
        SQL_RECYCLE_SET,
        SQL_RECYCLE_GET,
        SQL_RECYCLE_DELETE,
        SQL_TRACK_SET,
        SQL_TRACK_GET,
        SQL_TRACK_DELETE,
        SQL_USED_ADD,
        SQL_USED_ALL,
        SQL_USED_BACKFILL,
        SQL_USED_FLAGS,
        SQL_USED_DELETE,
        SQL_EXPIRED_ADD,
        SQL_EXPIRED_ALL,
        SQL_EXPIRED_DELETE,
        SQL_OPPORTUNITY_ADD,
        SQL_OPPORTUNITY_ALL,
        SQL_OPPORTUNITY_SCAN,
        SQL_OPPORTUNITY_DELETE,
        SQL_OPPORTUNITY_STAGE_ADD,
        SQL_OPPORTUNITY_STAGES,
        SQL_OPPORTUNITY_STAGE_DELETE,
        SQL_OPPORTUNITY_STAGE_ERASE,
        SQL_OPPORTUNITY_ERASE_ALIVE,
        SQL_OPPORTUNITY_ERASE,
        SQL_OPPORTUNITY_PROFILES,
        SQL_OPPORTUNITY_FLAGS,
        SQL_MERGED_ADD,
        SQL_MERGED_GET,
        SQL_MERGED_INTO,
        SQL_MERGED_DELETE,
        SQL_NAMED_ADD,
        SQL_NAMED_GET,
        SQL_NAMED_BEFORE,
        SQL_DUPLICATE_ADD,
        SQL_DUPLICATE_ALL,
        SQL_DUPLICATE_OF_EVENT,
        SQL_DUPLICATE_DELETE,
        SQL_ERASURE_ADD,
        SQL_ERASURE_NEXT,
        SQL_ERASURE_GET,
        SQL_ERASURE_DONE,
        SQL_LEDGER_PURGE,
        SQL_LEDGER_UNNAME,
        SQL_REJECT_CLEAR_ONE,
        SQL_REJECT_NEXT,
        SQL_PAYLOAD_DELETE,
        SQL_EVENT_ERASE,
        SQL_KEY_SET,
        SQL_PROFILE_DELETE,
        SQL_OUTBOX_ERASE,
        SQL_OUTBOX_AT,
        SQL_OUTBOX_OF_EVENT,
        SQL_OUTBOX_COPY,
        SQL_LEAD_AT_COMPANY,
        SQL_COMPANY_ERASE,
        SQL_OUTBOX_CANCEL_OF,
        SQL_SCAN_LEADS,
        SQL_SCAN_FEW,
        SQL_SCAN_ENDS,
        SQL_SCAN_SLAS,
        SQL_SCAN_HELD,
        SQL_SCAN_RECYCLE,
        SQL_SCAN_TRANSITIONS,
        SQL_SCAN_HANDOFFS,
        SQL_SCAN_FEEDBACK,
        SQL_SCAN_WORK,
        SQL_SCAN_OVERDUE,
        SQL_COUNT_RUNNING,
        SQL_SCAN_WAITING,
        SQL_EVENT_LAST,
        SQL_RETURNED_SET,
        SQL_RETURNED_GET,
        SQL_RETURNED_DELETE,
        SQL_RETURNED_FLAGS,
        SQL_EVENT_PAST,
        SQL_EVENT_SOURCE,
        SQL_LEAD_FLAGS,
        SQL_LEAD_TOUCH,
        SQL_LEAD_OFFERED,
        SQL_FEEDBACK_SCORES,
        SQL_TRANSITION_ADD,
        SQL_TRANSITION_GET,
        SQL_HANDOFF_ADD,
        SQL_WORK_ADD,
        SQL_FEEDBACK_ADD,
        SQL_FEEDBACK_ALL,
        SQL_SEEN_FORGET,
        SQL_FEEDBACK_KNOWN_BY,
        SQL_FEEDBACK_FORGET,
        SQL_WAKE_ADD,
        SQL_WAKE_DELETE,
        SQL_WAKE_NEXT,
        SQL_WAKE_DUE,
        SQL_SEAT_SET,
        SQL_SEAT_ALL,
        SQL_SUM_ADD,
        SQL_SUM_ALL,
        SQL_LEAK_LEADS,
        SQL_LEAK_SLAS,
        SQL_LEAK_HELD,
        SQL_LEAK_RECYCLES,
        SQL_LEAK_TRACKS,
        SQL_LEAK_OPPORTUNITIES,
        SQL_LEAK_RETURN,
        SQL_LEAK_EVENT,
        SQL_LEAK_EVENTS,
        SQL_LEAK_TOUCHED,
        SQL_LEAK_TOLD,
        SQL_LEAK_ADD,
        SQL_LEAK_PRUNE,
        SQL_LEAK_DAYS,
        SQL_FAIR_ADD,
        SQL_FAIR_PRUNE,
        SQL_FAIR_NEWEST,
        SQL_FAIR_SUMS,
        SQL_ABSENCE_ADD,
        SQL_ABSENCE_ALL,
        SQL_ABSENCE_CLEAR,
        SQL_TALLY_SET,
        SQL_TALLY_DELETE,
        SQL_TALLY_ALL,
        SQL_TALLY_BY_STATUS,
        SQL_LEDGER_ADD,
        SQL_LEDGER_GET,
        SQL_LEDGER_SET,
        SQL_LEDGER_UNSETTLED,
        SQL_REJECT_ADD,
        SQL_REJECT_ALL,
        SQL_REJECT_CLEAR,
        SQL_OUTBOX_ADD,
        SQL_OUTBOX_DUE_LOCAL,
        SQL_OUTBOX_DUE_REMOTE,
        SQL_OUTBOX_NEXT_LOCAL,
        SQL_OUTBOX_NEXT,
        SQL_OUTBOX_NEXT_FREE,
        SQL_OUTBOX_LIST,
        SQL_OUTBOX_GATHER,
        SQL_OUTBOX_MAIL_IDS,
        SQL_OUTBOX_MAIL_LEADS,
        SQL_OUTBOX_MAIL_ROWS,
        SQL_OUTBOX_DONE,
        SQL_OUTBOX_RETRY,
        SQL_OUTBOX_POSTPONE,
        SQL_OUTBOX_LEASE,
        SQL_OUTBOX_UNLEASE,
        SQL_OUTBOX_BURY,
        SQL_OUTBOX_REVIVE,
        SQL_OUTBOX_CANCEL,
        SQL_COUNT_HELD,
        SQL_COUNT_OUTBOX,
        SQL_COUNT_DEAD,
        SQL_COUNT_WAKES,
        SQL_HIT_ADD,
        SQL_HIT_EVER,
        SQL_HIT_PRUNE,
        SQL_HIT_NEWEST,
        SQL_REFUSAL_ADD,
        SQL_REFUSAL_EVER,
        SQL_REFUSAL_PRUNE,
        SQL_HIT_SUMS,
        SQL_EVENT_TIME,
        SQL_DIGEST_CLEAR,
        SQL_DIGEST_ADD,
        SQL_DIGEST_ALL,
        SQL_DIGEST_NEXT,
        SQL_SEEN_GET,
        SQL_SEEN_SET,
        SQL_SEEN_PRUNE,
        SQL_SUSPENDED_ADD,
        SQL_SUSPENDED_CLEAR,
        SQL_SUSPENDED_ALL,
        SQL_SUSPENDED_LAST,
        SQL_PASS_SET,
        SQL_PASS_GET,
        SQL_PASS_STEP,
        SQL_PASS_MOVED,
        SQL_AUDIENCE,
        SQL_WRITTEN_ADD,
        SQL_WRITTEN_FROM,
        SQL_WRITTEN_MERGED,
        SQL_WRITTEN_TAKEN,
        SQL_WRITTEN_FORGET,
        SQL_EXCLUSION_SET,
        SQL_EXCLUSION_DELETE,
        SQL_EXCLUSION_FORGET,
        SQL_EXCLUSION_FROM,
        SQL_EXCLUSION_GET,
        SQL_EXCLUSION_MERGED,
        SQL_TAKE_ADD,
        SQL_TAKE_STEP,
        SQL_TAKE_ALL,
        SQL_TAKE_GET,
        SQL_N
} Sql;

typedef struct Blob {
        const void *data; /* NULL = SQL NULL */
        size_t size;
} Blob;
/* A text that is mostly a dictionary entry: the entry's id, or (id 0) the text itself, or NULL. */
typedef struct Ref {
        uint64_t id;
        const char *text;
} Ref;
/* An instant: TIME_NONE is SQL NULL. */
typedef struct Instant {
        int64_t us;
} Instant;

typedef enum ArgType { ARG_NULL, ARG_INTEGER, ARG_TEXT, ARG_BLOB } ArgType;
typedef struct Arg {
        ArgType type;
        int64_t integer; /* or the size of a blob */
        const void *data;
} Arg;

static inline Arg arg_int(int v) { return (Arg){ .type = ARG_INTEGER, .integer = v }; }
static inline Arg arg_unsigned(unsigned v) { return (Arg){ .type = ARG_INTEGER, .integer = v }; }
static inline Arg arg_i64(int64_t v) { return (Arg){ .type = ARG_INTEGER, .integer = v }; }
static inline Arg arg_u64(uint64_t v) { return (Arg){ .type = ARG_INTEGER, .integer = (int64_t) v }; }
static inline Arg arg_text(const char *v) { return (Arg){ .type = v ? ARG_TEXT : ARG_NULL, .data = v }; }
static inline Arg arg_blob(Blob v) { return (Arg){ .type = v.data ? ARG_BLOB : ARG_NULL, .data = v.data, .integer = (int64_t) v.size }; }
static inline Arg arg_ref(Ref v) { return v.id > 0 ? arg_u64(v.id) : arg_text(v.text); }
static inline Arg arg_instant(Instant v) { return v.us == TIME_NONE ? (Arg){ .type = ARG_NULL } : arg_i64(v.us); }

/* The type of the C value decides how it is bound; a type without a line here does not compile. */
#define ARG(v) \
        _Generic((v), \
                bool: arg_int, \
                int: arg_int, \
                unsigned: arg_unsigned, \
                int64_t: arg_i64, \
                uint64_t: arg_u64, \
                char *: arg_text, \
                const char *: arg_text, \
                Blob: arg_blob, \
                Ref: arg_ref, \
                Instant: arg_instant)(v)
#define ARG_TIME(us) arg_instant((Instant){ (us) })
#define ARG_BYTES(p, n) arg_blob((Blob){ (p), (n) })

#define SQL_ARGS_(...) (const Arg[]){ __VA_ARGS__ }, sizeof((const Arg[]){ __VA_ARGS__ }) / sizeof(Arg)
/* Runs a statement that yields no row. 0, STORE_E_FULL, -errno. */
#define sql_run(store, sql, ...) sql_run_args((store), (sql), SQL_ARGS_(__VA_ARGS__))
/* Runs a statement and stands on its first row: 0, STORE_E_NONE, STORE_E_FULL, -errno. The row lives until *ret is reset:
 * hold it in a `_cleanup_(sql_resetp) sqlite3_stmt *` and let nobody outside this room see it. */
#define sql_row(store, sql, ret, ...) sql_row_args((store), (sql), (ret), SQL_ARGS_(__VA_ARGS__))

int sql_run_args(Store *store, Sql sql, const Arg *args, size_t n_args);
int sql_run_plain(Store *store, Sql sql);
int sql_row_args(Store *store, Sql sql, sqlite3_stmt **ret, const Arg *args, size_t n_args);
int sql_row_plain(Store *store, Sql sql, sqlite3_stmt **ret);
int sql_next(Store *store, sqlite3_stmt *statement);
void sql_resetp(sqlite3_stmt **statement);
/* What an SQLite result means here: 0, STORE_E_FULL or -errno. */
int sql_error(Store *store, int rc);
int sql_prepare_all(Store *store);
void sql_finalize_all(Store *store);
/* Pragmas for the mode, the file's identity, migrations. STORE_E_NEWER, STORE_E_OLDER, STORE_E_CORRUPT. */
int sql_set_up(Store *store);
/* A value of one row and column from a fixed text. */
int sql_pragma(Store *store, const char *text, int64_t *ret);

static inline uint64_t column_u64(sqlite3_stmt *s, int i) { return (uint64_t) sqlite3_column_int64(s, i); }
static inline int64_t column_time(sqlite3_stmt *s, int i) {
        return sqlite3_column_type(s, i) == SQLITE_NULL ? TIME_NONE : sqlite3_column_int64(s, i);
}
static inline const char *column_text(sqlite3_stmt *s, int i) { return (const char *) sqlite3_column_text(s, i); }
static inline Blob column_blob(sqlite3_stmt *s, int i) {
        const void *data = sqlite3_column_blob(s, i);
        return (Blob){ .data = data, .size = (size_t) sqlite3_column_bytes(s, i) };
}

/* What the proofs read: a query per projection, dictionary ids replaced by their texts; and the invariants of store_check,
 * each yielding a row (id, text) per problem. */
typedef struct SqlQuery {
        const char *name;
        const char *text;
        int n_keys; /* leading columns that order and identify a row */
} SqlQuery;
const SqlQuery *sql_projections(size_t *ret_n);
const SqlQuery *sql_invariants(size_t *ret_n);
const char *sql_integrity_check(void);
int sql_run_text(Store *store, const char *text);
/* schema.c: from that version to ours. */
int schema_migrate(Store *store, int64_t version);

/* ---- index.c ------------------------------------------------------------ */

/* Fingerprint -> ids. Many keys may share a fingerprint: the caller verifies each candidate against its row. */
typedef struct Index {
        uint64_t *slots; /* fingerprint << 32 | id; 0 = empty */
        unsigned bits;   /* log2 of the number of slots; 0 = none yet */
        size_t n;
} Index;
void index_free(Index *index);
int index_reserve(Index *index, size_t n); /* room for n more: adding them cannot fail */
int index_add(Index *index, uint32_t fingerprint, uint32_t id);
#define INDEX_BATCH 64
int index_add_all(Index *index, const uint64_t *slots, size_t n); /* fingerprint << 32 | id, INDEX_BATCH at a time */
bool index_remove(Index *index, uint32_t fingerprint, uint32_t id);
/* Walks the candidates: start with *cursor = 0; 0 = no more. */
uint32_t index_find(const Index *index, uint32_t fingerprint, size_t *cursor);
/* A seeded hash of bytes, for keys that outsiders choose. */
uint64_t index_hash(uint64_t seed, const void *data, size_t size);

/* ---- names.c ------------------------------------------------------------ */

typedef struct Name {
        char *text;
        uint32_t hash;
        uint32_t seat; /* index in the desk, 0 = none */
        /* as a status under the active rules: */
        uint64_t team;
        uint8_t status_kind; /* StatusKind + 1; 0 = no status */
        bool is_staffed;     /* its team has members */
        uint32_t hit;        /* index + 1 in store->hits of the rule with that name seen last in this transaction; 0 = none */
} Name;
typedef struct Names {
        Name *items; /* by id; item 0 is nobody */
        size_t n;    /* ids below n are loaded */
        size_t capacity;
        Index index;
} Names;
void names_free(Names *names);
int names_load(Store *store); /* what the file has and memory has not */
void names_truncate(Store *store, size_t n);
/* Of another set of texts than the dictionary. */
uint64_t name_find_in(const Names *names, uint64_t seed, const char *text);
int name_append_to(Names *names, uint64_t seed, const char *text, uint64_t *ret);
/* The id of a text, made when new. NULL or "" is 0. */
int name_intern(Store *store, const char *text, uint64_t *ret);
/* The same without ever making one; 0 = not there. */
uint64_t name_find(Store *store, const char *text);
/* A dictionary entry while there are fewer than n_max of them, else the text itself. */
int name_ref(Store *store, const char *text, size_t n_max, Ref *ret);
/* The same for what a record may say of a person: an address is never made an entry, which nobody could erase again. */
int said_ref(Store *store, const char *text, size_t n_max, Ref *ret);
/* NULL for 0 and for what does not exist. Valid until the store is closed or the transaction that made it is rolled back. */
const char *name_text(Store *store, uint64_t id);
int name_copy(Store *store, uint64_t id, Arena *arena, const char **ret); /* NULL for 0 */
/* A column that holds a Ref. */
int column_ref(Store *store, sqlite3_stmt *row, int column, Arena *arena, const char **ret);

/* ---- desk.c ------------------------------------------------------------- */

/* How many leads somebody (or nobody) owns in a status. Kept in the `tally` table, written once a transaction. */
typedef struct Tally {
        uint64_t status;
        int64_t n, n_unaccepted;
        bool is_dirty;
} Tally;
/* Leads routed in one quarter of an hour: midnight falls on one in every zone. */
#define SEAT_QUARTER_US (15 * US_PER_MINUTE)
#define SEAT_QUARTERS 128 /* 32 hours: more than a day in any zone */
typedef struct Quarter {
        int64_t number;
        uint32_t n;
} Quarter;
typedef struct SeatInside {
        uint64_t member; /* name; 0 for seat 0: nobody */
        bool is_dirty;   /* turn */
        bool has_dirty_tally, has_dirty_absence;
        Tally *tallies;
        size_t n_tallies;
        Quarter *quarters; /* NULL until the first routed lead */
        Absence *absences; /* of the seat */
        size_t absences_capacity;
} SeatInside;
/* The leads of one company, or of one person, that are open and owned, ids ascending. */
typedef struct Account {
        uint32_t n, capacity; /* capacity 0: the one lead stands in `one` */
        union {
                uint32_t one;
                uint32_t *many;
        };
} Account;
typedef struct Accounts {
        Account *items; /* by the id of the company, or of the owner's name */
        size_t n;
} Accounts;
typedef struct Members {
        Seat *seats; /* public halves; item 0 is nobody */
        SeatInside *inside;
        size_t n, capacity;
        Accounts companies; /* to whom the leads of a company belong */
        Accounts owners;    /* what stands on somebody's desk, without test leads */
        /* n_today of all seats holds for instants in [from, until) under the rules with that hash */
        bool today_is_known;
        int64_t today_from_us, today_until_us;
        uint8_t today_rules[DIGEST_SIZE];
} Members;

typedef enum UndoKind { UNDO_INDEX_ADD = 1, UNDO_INDEX_REMOVE, UNDO_ACCOUNT_ADD, UNDO_ACCOUNT_REMOVE, UNDO_QUARTER } UndoKind;
typedef struct Undo {
        UndoKind kind;
        union {
                Index *index;
                Accounts *accounts;
        };
        uint64_t a, b; /* fingerprint, id | company or owner, lead | seat << 32 + slot, quarter's number */
        uint32_t n;
} Undo;

void desk_free(Members *members);
int desk_load(Store *store);       /* seats and tallies from their tables */
int desk_load_today(Store *store); /* quarters from the tail of the log */
int desk_load_statuses(Store *store);
int companies_load(Store *store);
int desk_flush(Store *store); /* dirty seats and tallies, before COMMIT */
int desk_set_turn(Store *store, const TurnChange *turn);
int desk_set_absences(Store *store, const char *member, const Absence *absences, size_t n);
int desk_add_routed(Store *store, uint64_t owner, int64_t now_us);
int desk_count(Store *store, uint64_t owner, uint64_t status, int64_t n, int64_t n_unaccepted);
int company_intern(Store *store, const char *domain, uint64_t *ret); /* NULL is 0 */
int company_find(Store *store, const char *domain, uint64_t *ret);   /* 0 = not known */
bool status_is_open(Store *store, uint64_t status);                  /* not final under the active rules */

/* Room for one more entry: made before the change, so that a change is never without its undo. */
int undo_reserve(Store *store);
void undo_push(Store *store, Undo undo); /* after undo_reserve; nothing outside a transaction */
void undo_all(Store *store);
/* index_add and index_remove inside a transaction. */
int index_add_undoable(Store *store, Index *index, uint32_t fingerprint, uint32_t id);
int index_remove_undoable(Store *store, Index *index, uint32_t fingerprint, uint32_t id);

/* ---- codec.c ------------------------------------------------------------ */

/* Bits of event.flags above those of RecordFlags. */
enum {
        EVENT_RECORD_FLAGS = 0xff,
        EVENT_IS_ACTIVITY = 1 << 8,   /* an activity or a submission: history */
        EVENT_IS_SUBMISSION = 1 << 9, /* lead.submitted */
        EVENT_IS_ROUTED = 1 << 10,    /* rules chose a new owner: counts for per_day */
        /* What the lead was after it, for a replay that no longer knows why. */
        EVENT_LEAVES_UNACCEPTED = 1 << 11,
        EVENT_LEAVES_TEST = 1 << 12,
        EVENT_LEAVES_BY_TURN = 1 << 13,
};
/* Encodes what the decision did into the body; what may hold personal data (notes) goes to ret_notes, which shares the payload's fate. */
int body_encode(Store *store, const StoreEntry *entry, Text *body, Text *notes);
/* Fills moves, assignment, receipts, summary, reminded of an event; strings in the arena. facts: for notes kept in the payload. */
int body_decode(Store *store, uint64_t event, Blob body, Blob notes, const Facts *facts, Arena *arena, StoredEvent *ret);
/* Its moves and its assignment alone, without their notes. */
int body_decode_moves(Store *store, Blob body, Arena *arena, StoredEvent *ret);
/* The owner an event routed its lead to. */
int body_decode_owner(Store *store, Blob body, Arena *arena, const char **ret_owner);
/* Record ids: a hex digest, a UUID or a number takes a fraction of its text. */
Arg record_id_pack(const char *id, uint8_t buf[static DIGEST_SIZE]);
int record_id_unpack(sqlite3_stmt *row, int column, Arena *arena, const char **ret);
/* family and event from a type; 0 when it is none of ours. */
RecordFamily record_family(const char *type, const char **ret_event);

/* ---- identity.c --------------------------------------------------------- */

int keys_load(Store *store);
uint32_t key_fingerprint(unsigned kind, const Key *key); /* kind 0: an event's */
/* The lead with that key, 0 = none. */
int key_find_lead(Store *store, IdentityKind kind, const Key *key, uint64_t *ret_lead);
int key_find_event(Store *store, const Key *key, uint64_t *ret_event);
/* The keys an event brings, as kept in key.keys: its own, then kind + key of each identity not known yet. */
int keys_collect(Store *store, const StoreEntry *entry, Text *out, bool *ret_email);
int keys_add(Store *store, uint64_t event, uint64_t lead, const Text *keys);

/* ---- hits.c ------------------------------------------------------------- */

/* How often a rule applied within an hour, in this transaction: written once, however many events it holds. */
typedef struct Hit {
        uint64_t rule; /* name */
        int kind;
        bool is_refusal; /* beside the log */
        int64_t hour;
        uint64_t n, n_failed;
        int64_t last_us, last_failed_us;
        uint32_t next; /* index + 1 of another with the same name */
} Hit;
#define HIT_HOUR_US US_PER_HOUR
#define HIT_HOURS_KEPT (8 * 24)
int hits_load(Store *store);
int hits_fold(Store *store, const StoreEntry *entry);
int hits_flush(Store *store); /* before COMMIT */
void hits_forget(Store *store);

/* ---- fair.c ------------------------------------------------------------- */

/* What routing did in this transaction: written once, however many events it holds. */
typedef struct Fair {
        int64_t day;
        uint64_t team, route, member;
        FairKind kind;
        int64_t n;
        uint32_t next; /* index + 1 of another in the same bucket */
} Fair;
#define FAIR_BUCKETS 256
typedef struct Fairs {
        Fair *items;
        size_t n, capacity;
        uint32_t buckets[FAIR_BUCKETS]; /* index + 1 of the first */
} Fairs;
int fair_load(Store *store);
int fair_fold(Store *store, const Decision *decision);
int fair_flush(Store *store); /* before COMMIT */
void fair_forget(Store *store);

/* ---- sums.c ------------------------------------------------------------- */

/* A counter, as it grew in this transaction. */
typedef struct Sum {
        SumKind kind;
        uint64_t a, b;
        int64_t n;
        uint32_t next; /* index + 1 of another in the same bucket */
} Sum;
#define SUM_BUCKETS 64
typedef struct Sums {
        Sum *items;
        size_t n, capacity;
        uint32_t buckets[SUM_BUCKETS]; /* index + 1 of the first */
} Sums;
int sum_add(Store *store, SumKind kind, uint64_t a, uint64_t b, int64_t n);
int sums_fold(Store *store, const StoreEntry *entry);
int sums_flush(Store *store); /* before COMMIT */
void sums_forget(Store *store);
/* Records of a drop directory, as its file's entry grew. */
int sums_note_records(Store *store, const char *source, const LedgerEntry *before, const LedgerEntry *now);
int sums_note_delivery(Store *store, uint64_t channel, SumDelivery result);

/* ---- backfill.c --------------------------------------------------------- */

/* Once, when a book is brought up to date: what an older leadd did not keep and the log says. */
int backfill(Store *store);

/* ---- hindsight.c -------------------------------------------------------- */

/* Once, when a book becomes one of version 7. */
int hindsight(Store *store);

/* ---- activation.c ------------------------------------------------------- */

int activation_load(Store *store);
/* What events of the rules family, and looks a pass asked for, mean to the projections. */
int activation_fold(Store *store, const StoreEntry *entry);

/* ---- seen.c ------------------------------------------------------------- */

/* A look that is not written yet. */
typedef struct Look {
        char *person, *grade;
        uint64_t lead, event;
        int64_t at_us;
} Look;
void looks_forget(Store *store, uint64_t lead); /* what waits to be written of that lead; a rollback does not bring it back */
int looks_flush(Store *store);                  /* before COMMIT */
void looks_done(Store *store);                  /* after it: they are in the file */

/* ---- digests.c ---------------------------------------------------------- */

int digests_fold(Store *store, const Decision *decision);

/* ---- lead.c ------------------------------------------------------------- */

/* Bits of lead.flags. */
enum {
        LEAD_UNACCEPTED = 1 << 0,
        LEAD_TEST = 1 << 1,
        LEAD_HAS_SLA = 1 << 2, /* rows in the side tables */
        LEAD_HAS_HELD = 1 << 3,
        LEAD_HAS_RECYCLE = 1 << 4,
        LEAD_HAS_EMAIL = 1 << 5, /* an e-mail leads here */
        LEAD_HAS_USED = 1 << 6,
        LEAD_HAS_EXPIRED = 1 << 7,
        LEAD_BY_TURN = 1 << 8,
        LEAD_HAS_RESPONSE = 1 << 9,
        LEAD_HAS_TRACK = 1 << 10,       /* invariants.c writes it as a number */
        LEAD_NO_REASON = 1 << 11,       /* its last move was a person's, out of the hands of a team with members, and had no reason */
        LEAD_HAS_RETURNED = 1 << 12,    /* likewise, and sql.c */
        LEAD_HAS_OPPORTUNITY = 1 << 14, /* likewise */
        LEAD_MERGED = 1 << 16,          /* another lead goes on for it: sql.c writes it as a number */
        LEAD_JOINED = 1 << 17,          /* was part of a merge */
        LEAD_ERASED = 1 << 18,          /* a number without a person: sql.c writes it as a number */
};
/* The hot row, as integers. */
typedef struct LeadRow {
        uint64_t id, version, last_event, moved_event, offered_event;
        uint64_t profile_event; /* the event whose facts are the whole profile; 0: it has a row of its own, or none */
        uint64_t status, owner, grade, company, route;
        int64_t created_us, entered_us, idle_from_us, source_us, wake_us, offered_us;
        unsigned flags;
} LeadRow;

/* ---- passage.c ---------------------------------------------------------- */

/* Bits of transition.flags and handoff.flags. */
enum {
        PASSAGE_TEST = 1 << 0,    /* the lead was a test then */
        PASSAGE_FOLLOWS = 1 << 1, /* transition: not the first move of its event */
        PASSAGE_OLD = 1 << 2,     /* handoff: found by hindsight.c: due, working time and how the promise was kept are not known */
        PASSAGE_RESPONSE = 3,     /* handoff: from this bit on, a ResponseStatus */
};
#define PASSAGES_PER_EVENT 16 /* rows of one event: more than it can have moves */
int returned_fold(Store *store, const LeadRow *row, const ReturnState *returned);
int returned_load(Store *store, uint64_t lead, Arena *arena, ReturnState *ret);
int passage_fold(Store *store, const StoreEntry *entry, const LeadRow *before, const LeadRow *row);
/* Did a person do something for the lead: a move, a note, an activity in their name, or one that only people do? */
bool passage_is_work(const char *type, const char *actor);
/* The rules that gave the lead points, as a blob of ids; data NULL = none did. In the store's buffer. */
int scores_encode(Store *store, const Receipts *receipts, Blob *ret);

/* feedback.c */
int feedback_fold(Store *store, const StoreEntry *entry, const LeadRow *before);
int feedback_forget(Store *store, uint64_t lead);        /* what an erasure takes from the lead's rows */
int lead_row(Store *store, uint64_t lead, LeadRow *ret); /* STORE_E_NONE */
/* A set of segments as one text and back. */
#define SEGMENT_SEPARATOR STORE_SEGMENT_SEPARATOR
int segments_join(const LeadState *state, Text *out);
int segments_split(const char *text, Arena *arena, LeadState *ret);
int facts_load(Blob blob, Arena *arena, Facts *ret);
/* Does the event say exactly what the profile holds? Then the profile is read from its payload: most leads are heard of once, and
 * facts are most of a book's bytes. */
int lead_profile(Store *store, const LeadRow *lead, Arena *arena, Facts *ret);
bool profile_is_said(const Facts *event, const Facts *profile);

/* ---- accounts.c --------------------------------------------------------- */

void accounts_free(Accounts *accounts);
int accounts_load(Store *store); /* both, from the lead rows */
int accounts_add(Accounts *accounts, uint64_t of, uint32_t lead);
bool accounts_remove(Accounts *accounts, uint64_t of, uint32_t lead);
/* Borrowed until the next change; 0 = nobody's, and none. */
const uint32_t *accounts_leads(const Accounts *accounts, uint64_t of, uint32_t *ret_n);
/* Whose the lead is, by company and by owner, after its row changed; before->id 0 = new. */
int accounts_fold(Store *store, const LeadRow *before, const LeadRow *row);
/* ---- scan.c ---- */

/* A column that holds a Ref, as scans say names: the same name is the same pointer until the store is closed. */
int scan_read_name(Store *store, sqlite3_stmt *row, int column, const char **ret);

/* ---- opportunity.c ---- */

int opportunities_load(Store *store, uint64_t lead, Arena *arena, const Opportunity **ret, size_t *ret_n);
int opportunities_fold(Store *store, uint64_t lead, const LeadState *after);
/* Once, when a book is brought up to date. */
int opportunities_backfill(Store *store);
/* What an erasure leaves of them. */
int opportunities_erase(Store *store, uint64_t lead);

/* ---- family.c ---- */

/* The events of a lead and of those merged into it, newest first, one at a time; of events that came by another lead of a merge that
 * was undone, those that belong here. For leads with LEAD_JOINED: the chain of any other is as good. */
typedef struct FamilyWalk {
        uint64_t members[STORE_FAMILY_MAX];
        uint64_t heads[STORE_FAMILY_MAX];  /* the next event of each one's chain, 0 = none is left */
        uint64_t astray[STORE_FAMILY_MAX]; /* ... and of those in other leads' chains that came by it */
        size_t n;
} FamilyWalk;
int family_start(Store *store, uint64_t lead, FamilyWalk *ret);
int family_next(Store *store, FamilyWalk *walk, uint64_t *ret_event); /* 0 = the end */
/* All of them from `from` on, oldest first; free()d by the caller. */
int family_events(Store *store, uint64_t lead, uint64_t from, uint64_t **ret, size_t *ret_n);
/* What the event does to the tables of merges, before the lead's row is written. */
int family_fold(Store *store, const StoreEntry *entry, const LeadRow *before, const LeadRow *row);

/* ---- erase.c ---- */

/* Everything that is said of the person goes, after the lead's row has become a number. */
int erase_fold(Store *store, const StoreEntry *entry, const LeadRow *before);
/* In the blob of keys, those a person is known by become such of somebody erased, and back. */
#define KEY_ERASED 0x80
int key_find(Store *store, unsigned kind, const Key *key, uint64_t *ret_event, uint64_t *ret_lead);
int keys_erase(Store *store, uint64_t event);
/* Replay: the event's own blob, as it was before anybody was erased. */
int keys_copy(Store *store, Store *from, uint64_t event);
int company_erase(Store *store, uint64_t company, uint64_t lead);
int outbox_copy(Store *store, Store *from, uint64_t event, uint64_t lead);
/* Everything that was told or waits because of events of that lead's own. */
int outbox_erase(Store *store, const LeadRow *lead, int64_t now_us);

/* ---- audience.c ---- */

/* Takes, mails of tracks, and what people keep leads out of. */
int audience_fold(Store *store, const StoreEntry *entry);
int audience_forget(Store *store, uint64_t lead);

/* ---- ledger.c ---- */

int ledgers_load(Store *store);

/* ---- proof.c ---- */

/* The SQL functions name(), body() and digest() of this connection. */
int proof_register(Store *store);

/* ---- the store ---------------------------------------------------------- */

/* Next ids and sums that go back to their values at BEGIN on a rollback. */
typedef struct Counters {
        uint64_t next_event, next_lead, next_outbox, next_ledger, next_company;
        uint64_t rules; /* id of the active rule set; 0 = none */
        uint64_t n_accepted, n_duplicates, n_refused, n_dropped, n_files;
        size_t n_names, n_seats;
        int64_t newest_hour; /* that a rule applied in */
        int64_t newest_day;  /* that routing did anything on */
        uint64_t suspended;  /* event that changed last what is suspended */
} Counters;

struct Store {
        sqlite3 *db;
        sqlite3_stmt *statements[SQL_N];
        StoreMode mode;
        char *path;
        int lock_fd;
        uint8_t secret[DIGEST_SIZE];
        uint64_t seed; /* of in-memory hashes */

        bool is_in_transaction;
        bool is_spoiled;       /* a write in it failed half-way: it can only be rolled back */
        bool statuses_changed; /* in this transaction */
        bool totals_changed;
        unsigned n_snapshots;
        int failed; /* sticky: what broke where no error can be returned, or a commit that failed */
        int n_wal_pages;

        Counters now, saved;
        Names names;
        Names texts;     /* met by a scan, and no entries */
        Index keys;      /* events by key, identities by key -> event that brought it */
        Index ledgers;   /* unsettled files */
        Index companies; /* by domain */
        Members members;
        Undo *undo;
        size_t n_undo, undo_capacity;

        uint64_t hits_from;  /* the first event whose hits are counted */
        uint64_t facts_from; /* the first event that is of version 7 */
        uint64_t uses_from;  /* ... of every kind, and whose body says all of it; from then on leads that are tests do not count */
        Hit *hits;           /* of this transaction */
        size_t n_hits, hits_capacity;

        Look looks[STORE_LOOKS_MAX];
        size_t n_looks;

        Fairs fairs; /* of this transaction */
        Sums sums;   /* likewise */
        atomic_uint_least64_t n_commits, commit_us, n_checkpoints;

        LeadRow hot; /* the row read or written last; id 0 = none */
        Text body, notes, facts, profile, key_text, segments, scores;
        Text archive; /* lent by store_rules_* */
};

/* For how long something took. */
static inline int64_t store_monotonic_us(void) {
        struct timespec ts;
        return clock_gettime(CLOCK_MONOTONIC, &ts) == 0 ? ts.tv_sec * US_PER_SECOND + ts.tv_nsec / 1000 : 0;
}
static inline bool store_is_writer(const Store *store) { return store->mode != STORE_READ_ONLY; }
/* A reader's several statements see one state of the file; nests. */
int snapshot_enter(Store *store);
void snapshot_leave(Store *store);
static inline void snapshot_leavep(Store **store) {
        if (*store)
                snapshot_leave(*store);
}
/* In a transaction of a healthy writer? Else -errno. */
int store_may_write(const Store *store);
/* After a failed write: STORE_E_FULL rolls everything back; returns r. */
int store_write_failed(Store *store, int r);
