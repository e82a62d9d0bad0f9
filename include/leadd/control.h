#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * control: answers people. A Varlink server on a Unix stream socket (introspectable),
 * the table of methods with their roles, and the execution of each on a desk the daemon
 * provides. The loop never waits for a client: slow readers are dropped.
 */
#include "leadd/base.h"
#include "leadd/decide.h"
#include "leadd/gate.h"
#include "leadd/metrics.h"
#include "leadd/policy.h"
#include "leadd/store.h"
#include <sys/types.h>

struct sd_event;
struct json_t;

#define CONTROL_REQUEST_SIZE_MAX (1024 * 1024)
#define CONTROL_REPLY_BACKLOG_MAX (8 * 1024 * 1024) /* unsent bytes after which a slow reader is dropped */
#define CONTROL_CONNECTIONS_MAX 256
#define CONTROL_CONNECTIONS_UID_MAX 32
#define CONTROL_SUBMIT_ITEMS_MAX 1000   /* results in one reply of Submit */
#define CONTROL_SUBMIT_SOURCE "leadctl" /* spool directory of Submit without a source */

typedef struct Control Control;
typedef struct ControlCall ControlCall; /* one request: owned by whoever holds it, ended by control_finish on the loop's thread */

typedef enum ControlWhere {
        CONTROL_ON_LOOP,     /* needs no book: answered at once inside control */
        CONTROL_ON_READER,   /* reads with a read-only store on the loop's thread */
        CONTROL_ON_GATE,     /* needs the rule set, the indexes or changes something: runs on the judging thread between two transactions */
        CONTROL_ON_REPORTER, /* reads with a read-only store and rules of its own, on a thread that may take its time */
        CONTROL_BY_OWNER,    /* submit, watch: the daemon itself */
} ControlWhere;

/* Called on the loop's thread for every call that is not CONTROL_ON_LOOP; takes the call. */
typedef void (*ControlOnCall)(ControlCall *call, ControlWhere where, void *userdata);

typedef struct ControlConfig {
        const char *path;  /* socket to bind (mode 0666; access is by peer credentials), or NULL */
        int listen_fd;     /* passed by systemd, or -1; taken */
        const char *group; /* members may do everything, as root may; NULL = "leadd" */
        ControlOnCall on_call;
        void *userdata;
} ControlConfig;
int control_new(struct sd_event *event, const ControlConfig *config, Control **ret);
Control *control_free(Control *control);

const char *control_call_method(const ControlCall *call);        /* "org.leadd.Leads.Show" */
struct json_t *control_call_parameters(const ControlCall *call); /* borrowed object */
uid_t control_call_uid(const ControlCall *call);
/* The descriptor that came along, -1 = none. For Submit it was checked to be a regular file open for reading. */
int control_call_take_fd(ControlCall *call);
bool control_call_more(const ControlCall *call);
/* Fills the reply (any thread that owns the call). Both take their json. error: "org.leadd.Leads.NoSuchLead". */
void control_set_reply(ControlCall *call, struct json_t *parameters);
void control_set_error(ControlCall *call, const char *error, struct json_t *parameters);
/* Sends what was set and frees the call; on the loop's thread. A client that is gone is no error. */
void control_finish(ControlCall *call);
/* For watch ("more"): sends one item on the loop's thread, keeps the call; false when the client is gone: then free it with control_finish.
 * When the client did not ask for more the item is dropped and the answer is true. Takes item. */
bool control_continue(ControlCall *call, struct json_t *item);

/* ---- executing a method on a desk ---- */

/* What judging one record came to. */
typedef struct ControlJudged {
        uint64_t event, lead;
        bool duplicate;
        bool refused;
        char code[32];
        char text[512];
        char summary[512];
} ControlJudged;

typedef struct ControlReload {
        bool check;   /* only say what would become of it */
        bool apply;   /* leads that would move by themselves are moved at once */
        bool no_wait; /* answer when the rules decide, not when all leads are re-derived */
} ControlReload;

/* Provided by the daemon; the functions run on the gate's thread, in a transaction of their own. */
typedef struct ControlDesk {
        Store *store;    /* either mode */
        RuleSet *rules;  /* NULL on the reader */
        LeakBook *leaks; /* the reporter's; NULL elsewhere */
        Clock *clock;
        const char *spool_directory;
        const char *rules_directory;
        void *userdata;
        /* Judges a record made from a verb; lead 0 = by the record's identity. Takes the record. Its key is set (directory "", source
         * "leadctl"), so that a request that is sent again after a restart is a duplicate. actor_is_operator: somebody with that role acts
         * for the person. */
        int (*judge)(void *userdata, Record *record, uint64_t lead, const char *actor, bool actor_is_operator, ControlJudged *ret);
        /* Loads the rules again, beside the judging: takes the call, sets its reply and ends it when it is known what became of it. < 0:
         * did not begin, the call stays the caller's; -EBUSY: too many wait already. */
        int (*reload)(void *userdata, ControlCall *call, const ControlReload *wanted);
        /* Virtual clock: fires what is due up to and including time_us, in order. -EPERM with a real clock. */
        int (*advance)(void *userdata, int64_t time_us, uint64_t *ret_n_fired);
        /* Adds what the daemon knows beside the store to `status` (spool, threads, rules problem, uptime). */
        int (*status)(void *userdata, struct json_t *into);
        /* What the daemon shows of itself to any thread; NULL where nobody does. */
        const void *daemon;
        void (*figures)(const void *daemon, DaemonFigures *ret);
        int64_t (*n_leaks)(const void *daemon); /* as of the last look; -1 = not known. NULL where nobody knows */
        /* Erases whom the record, made from a verb, or the lead says. Takes the record. 1: the call is taken, and answered when nothing is
         * left; 0: its reply is set. */
        int (*erase)(void *userdata, ControlCall *call, Record *record, uint64_t lead, const char *actor);
        /* Takes a part of an audience. Takes the record, made of a request. */
        int (*take)(void *userdata, Record *record, const char *actor, GateTake *take, ControlJudged *ret);
        /* spool retry NAME: judges the refused records of a file again. */
        int (*retry)(void *userdata, const char *name, struct json_t **ret);
        /* outbox retry|cancel ID: a row that waits or is dead. -ENOENT: there is none, or an attempt is under way. */
        int (*outbox)(void *userdata, uint64_t id, bool cancel);
} ControlDesk;
/* Runs the call's method and sets its reply or error. Never blocks on the client. false: the desk has taken the call, and ends it later. */
bool control_execute(const ControlDesk *desk, ControlCall *call);
/*
 * What CONTROL_BY_OWNER methods are given and owe (daemon/control/interface.c has the types).
 *
 * Submit {source?, format, wait?} and a descriptor: {name} at once when wait is false, else when all is judged {name, accepted,
 * duplicates, refused, dropped, aside, text, results}. control_continue(call, {"results": [...]}) may send results as they are made.
 * Errors: org.leadd.Control.SubmitRefused {reason, text}.
 *
 * Watch {}: control_continue(call, control_watch_item(...)) until it returns false; then control_finish.
 */
/* result: accepted, duplicate, refused, dropped. NULL and 0 give null. */
struct json_t *control_submit_item(uint64_t index, const char *result, uint64_t lead, uint64_t event, const char *reason, const char *field,
        const char *text, const char *summary);
/* For ControlDesk.reload: the problems as [{severity, file, line, text}]. */
struct json_t *control_report_json(const PolicyReport *report);
/* One item of the watch stream for a committed event. */
struct json_t *control_watch_item(const Record *record, const Decision *decision, uint64_t event, uint64_t lead, int64_t now_us);
