#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * control, inside: the method table that everything hangs on (dispatch, checks, roles and the
 * introspection text are all read from it), peers, calls, and the memory of answers.
 * Nothing outside daemon/control and its tests includes this.
 */
#include "leadd/control.h"
#include <jansson.h>
#include <systemd/sd-event.h>

#define CONTROL_REQUEST_SIZE_ANYONE (64 * 1024) /* a request of a peer who may only ping */
#define CONTROL_CONNECTIONS_ANYONE_MAX 128      /* of CONTROL_CONNECTIONS_MAX, so that strangers never lock the team out */
#define CONTROL_DEPTH_MAX 32                    /* nesting of a request; jansson would recurse to 2048 */
#define CONTROL_DESCRIPTORS_MAX 4               /* waiting on one connection */
#define CONTROL_STALL_US (60 * US_PER_SECOND)   /* a reader that takes nothing for this long is dropped */
#define CONTROL_PAUSE_SIZE (256 * 1024)         /* unsent bytes above which a connection's next request waits */
#define CONTROL_ACCEPT_PAUSE_US US_PER_SECOND   /* out of descriptors or memory: no new connections for so long */
#define CONTROL_FRAMES_A_TURN 64                /* requests of one connection before others get their turn */
#define CONTROL_ANSWERS_MAX 1024                /* remembered answers by request_id */
#define CONTROL_NAME_MAX 64                     /* bytes of a status, owner, move, ... */
#define CONTROL_LEAD_MAX 320                    /* bytes of a LEAD argument: the longest e-mail, or SYSTEM:ID */
#define CONTROL_TEXT_MAX 4000                   /* bytes of a note: 1000 characters */
#define CONTROL_ANSWER_TOKENS_MAX 64            /* candidates in one answered mail, each with a blank */
#define CONTROL_PATH_MAX 1024                   /* bytes of SOURCE/NAME */
#define CONTROL_PAGE_MAX 1000                   /* leads, events, spool entries in one reply */
#define CONTROL_PAGE_DEFAULT 100
#define CONTROL_INBOX_MAX 500 /* leads of one inbox: each is judged for its reasons */
#define CONTROL_INBOX_DEFAULT 50
#define CONTROL_CHANGES_MAX 200 /* events since the last look at a lead that are gone through: the newest */

/* ---- the method table ---- */

typedef enum Role { ROLE_ANYONE, ROLE_GROUP } Role;
typedef enum InputType { INPUT_TEXT, INPUT_INTEGER, INPUT_NUMBER, INPUT_BOOL, INPUT_ANY } InputType;

typedef struct Input {
        const char *name;
        InputType type;
        bool required;
        size_t size_max;       /* of INPUT_TEXT in bytes */
        const char *type_text; /* for INPUT_ANY: the Varlink type to print; checked by the method itself */
} Input;

#define METHOD_INPUTS_MAX 9
typedef struct Method {
        const char *name;
        const char *doc;
        Input inputs[METHOD_INPUTS_MAX]; /* ends with a NULL name */
        const char *output;              /* Varlink struct, "(time: string)" */
        ControlWhere where;
        Role role;
        bool changes;                                        /* runs even when its client is gone; its answer is remembered by request_id */
        bool streams;                                        /* may be continued when the client says more */
        bool only_more;                                      /* makes no sense without more */
        bool takes_fd;                                       /* exactly one descriptor must come along */
        void (*answer)(Control *control, ControlCall *call); /* CONTROL_ON_LOOP */
        int (*execute)(const ControlDesk *desk, ControlCall *call); /* reader and gate; < 0 = Failed */
} Method;

typedef struct Interface {
        const char *name;
        const char *doc;   /* lines without '#' */
        const char *types; /* `type` declarations */
        const Method *methods;
        size_t n_methods;
        const char *errors; /* `error` declarations */
} Interface;

extern const Interface interface_service, interface_control, interface_leads, interface_report;
int interface_describe(const Interface *interface, Text *out);
const Method *interface_method(const Interface *interface, const char *name);

/* ---- peers ---- */

typedef struct Peer {
        uid_t uid;
        pid_t pid;
        bool in_group; /* root, our own uid, or a member of the group */
} Peer;
/* (gid_t) -1: there is no such group. */
int peer_read(int fd, gid_t group, Peer *ret);
gid_t peer_find_group(const char *name);
/* The login name of a uid, malloc'ed; NULL when there is none. */
int peer_user_name(uid_t uid, char **ret);

/* ---- calls ---- */

typedef struct Connection Connection;
typedef struct Answer Answer;

struct ControlCall {
        Control *control;             /* loop's thread only; NULL once control is gone */
        Connection *connection;       /* loop's thread only; NULL once the client is gone */
        ControlCall *previous, *next; /* all calls of the control */
        ControlCall *next_waiter;     /* repeats of a request_id that is still being worked on */
        Answer *answer;
        const Interface *interface;
        const Method *method;
        char *name; /* "org.leadd.Leads.Show" */
        json_t *parameters;
        Peer peer;
        int fd;
        bool oneway, more;
        bool parked; /* waits for the answer to the same request_id: owned by control */
        json_t *reply;
        char *error;
};

/* Parameters after the check: absent and null are the same. */
const char *call_text(const ControlCall *call, const char *name); /* NULL = absent */
bool call_bool(const ControlCall *call, const char *name);
int64_t call_integer(const ControlCall *call, const char *name, int64_t absent);
/* "NAME" becomes "<the method's interface>.NAME". Takes parameters. */
void call_fail(ControlCall *call, const char *name, json_t *parameters);
void call_bad_value(ControlCall *call, const char *parameter, const char *text);
/* "90d" ago, a day (of the zone; NULL = UTC), or an instant. */
bool call_read_since(const char *text, const Zone *zone, int64_t now_us, int64_t *ret_us);

/* The server on any interfaces; control_new() serves those of leadd. */
int control_new_with(sd_event *event, const ControlConfig *config, const Interface *const *interfaces, size_t n_interfaces, Control **ret);
void server_get_info(Control *control, ControlCall *call);
void server_get_description(Control *control, ControlCall *call);
void server_ping(Control *control, ControlCall *call);

/* ---- the memory of answers ---- */

typedef struct Answers Answers;
typedef enum AnswerOutcome { ANSWER_NEW, ANSWER_WAITS, ANSWER_KNOWN, ANSWER_CONFLICT } AnswerOutcome;
Answers *answers_new(size_t n_max);
Answers *answers_free(Answers *answers);
/* ANSWER_NEW: work on it. WAITS: parked until the first one is answered. KNOWN: reply and error are filled in.
 * CONFLICT: the id was used for something else. */
int answers_look(Answers *answers, ControlCall *call, AnswerOutcome *ret);
/* The call has its reply. Returns the parked calls, filled in, as a list by next_waiter. */
ControlCall *answers_settle(Answers *answers, ControlCall *call);

/* ---- JSON ---- */

void put(json_t *object, const char *key, json_t *value, bool *failed); /* takes value; NULL value sets failed */
json_t *json_text(const char *s);                                       /* NULL gives null; bad UTF-8 is replaced */
json_t *json_time(int64_t time_us);                                     /* TIME_NONE gives null */
json_t *json_points(int64_t mp);                                        /* 7500 -> 7.5; 40000 -> 40 */
json_t *json_lead(uint64_t lead);                                       /* "L-42"; 0 gives null */
json_t *json_place(const Rule *rule);                                   /* "scores.lua:12" */
/* {until, reason} while the SLA is snoozed, else null. */
json_t *json_snoozed(const SlaState *sla, int64_t now_us);
json_t *json_returned(const ReturnState *state);                                        /* null: nobody had it */
json_t *json_track(const RuleSet *rules, const TrackState *state, const Message *next); /* null: it is in none */
json_t *json_response(const LeadState *state, int64_t now_us);                          /* null where no SLA ran in the status */
/* The object that list, show and explain share. team NULL: unknown. */
json_t *json_state(const LeadState *state, const char *email, const char *team);
/* What policy writes about a condition, as fields: `person.seniority = "vp"; company.employees absent` ->
 * {"person.seniority": "vp", "company.employees": null}. A text inside it is not escaped, so a hostile value can only spoil its own
 * receipt. */
json_t *json_trace(const char *trace);

/* ---- the story of a lead (story.c) ---- */

/* "rep:anna" -> "anna", "rules" -> "the rules". */
void story_actor(const char *actor, Text *out);
/* What happened and what the rules made of it. 0 or -errno. */
int story_tell(const StoredEvent *event, Text *out);
/* The same of an event whose facts are at hand: of it type, moves and summary are read. */
int story_tell_facts(const StoredEvent *event, const Facts *facts, Text *out);

/* ---- a look at one lead ---- */

#define CONTROL_LOOK_MEMORY_MAX (64 * 1024 * 1024) /* bytes one look at a lead may use */

typedef struct LeadLook {
        LeadState state;
        Facts profile;
        Activity *history;
        size_t n_history;
        Desk desk;
        DecideInput input; /* of all of this, with no record */
} LeadLook;
/* Everything in the arena or borrowed from the store. STORE_E_NONE: no such lead. */
int control_look(const ControlDesk *desk, uint64_t lead, int64_t now_us, Arena *arena, LeadLook *ret);
/* The state with points, grade and segments as of the look. */
int control_look_refresh(const RuleSet *rules, Arena *arena, const Subject *subject, LeadState *state);

/* ---- who acts ---- */

typedef struct Actor {
        char text[CONTROL_NAME_MAX + 16]; /* "rep:anna", "system:root" */
        bool is_operator;
} Actor;
/* Who acts. false in *ret_known: the error is set. */
int execute_find_actor(const ControlDesk *desk, ControlCall *call, bool must_be_member, Actor *ret, bool *ret_known);
/* The record of a verb, named so that the same request sent again, even after a restart, is the same event. lead 0: it is of none. */
int execute_make_record(const ControlDesk *desk, ControlCall *call, RecordFamily family, const char *event, uint64_t lead, Record **ret);
void execute_refuse(ControlCall *call, const char *code, const char *text, uint64_t lead);

/* ---- methods (in the table) ---- */

#define EXECUTE_LATER 1 /* the desk has taken the call */
int execute_metrics(const ControlDesk *desk, ControlCall *call);
int execute_health(const ControlDesk *desk, ControlCall *call);
int execute_status(const ControlDesk *desk, ControlCall *call);
int execute_rules(const ControlDesk *desk, ControlCall *call);
int execute_glossary(const ControlDesk *desk, ControlCall *call);
int execute_reload(const ControlDesk *desk, ControlCall *call);
int execute_clock(const ControlDesk *desk, ControlCall *call);
int execute_spool(const ControlDesk *desk, ControlCall *call);
int execute_spool_act(const ControlDesk *desk, ControlCall *call);
int execute_outbox(const ControlDesk *desk, ControlCall *call);
int execute_outbox_act(const ControlDesk *desk, ControlCall *call);
int execute_list(const ControlDesk *desk, ControlCall *call);
int execute_show(const ControlDesk *desk, ControlCall *call);
int execute_log(const ControlDesk *desk, ControlCall *call);
int execute_explain(const ControlDesk *desk, ControlCall *call);
int execute_whynot(const ControlDesk *desk, ControlCall *call);
int execute_need(const ControlDesk *desk, ControlCall *call);
int execute_move(const ControlDesk *desk, ControlCall *call);
int execute_did(const ControlDesk *desk, ControlCall *call);
int execute_note(const ControlDesk *desk, ControlCall *call);
int execute_assign(const ControlDesk *desk, ControlCall *call);
int execute_snooze(const ControlDesk *desk, ControlCall *call);
int execute_report_make(const ControlDesk *desk, ControlCall *call);
int execute_report_list(const ControlDesk *desk, ControlCall *call);
/* What the lead is kept out of at that instant, and (NULL = not wanted) what it was sent last. */
int execute_excluded(Store *store, uint64_t lead, int64_t now_us, json_t **ret_excluded, json_t **ret_written);
int execute_exclude(const ControlDesk *desk, ControlCall *call);
int execute_audience(const ControlDesk *desk, ControlCall *call);
int execute_takes(const ControlDesk *desk, ControlCall *call);
int execute_taken(const ControlDesk *desk, ControlCall *call);
int execute_take(const ControlDesk *desk, ControlCall *call);
int execute_away(const ControlDesk *desk, ControlCall *call);
int execute_absences(const ControlDesk *desk, ControlCall *call);
int execute_merge(const ControlDesk *desk, ControlCall *call);
int execute_unmerge(const ControlDesk *desk, ControlCall *call);
int execute_erase(const ControlDesk *desk, ControlCall *call);
int execute_duplicates(const ControlDesk *desk, ControlCall *call);
int execute_answer(const ControlDesk *desk, ControlCall *call);
int execute_feedback(const ControlDesk *desk, ControlCall *call);
/* May it be the name of a move that people make? Notes, assignments and snoozes have methods of their own. */
bool execute_is_move_word(const char *word);

/* The first line of a reply (answer_words.c), taken apart. */
typedef struct AnswerWords {
        uint64_t lead;                     /* "L-42"; 0 = names none */
        char verb[CONTROL_NAME_MAX + 1];   /* "" = none that could be a name */
        char reason[CONTROL_NAME_MAX + 1]; /* "" = none, or the move has no reasons */
        const char *note;                  /* the rest of the line */
        size_t note_size;
} AnswerWords;
void answer_words_read(const RuleSet *rules, const char *line, AnswerWords *ret);
/* Resolves parameter "lead" to the lead that goes on for it; 0 and *ret = 0 when the error is already set. */
int execute_find_lead(const ControlDesk *desk, ControlCall *call, uint64_t *ret);
/* The member whose `user` in the rules the caller is; NULL = none. 0 or -errno. */
int execute_find_self(const ControlDesk *desk, ControlCall *call, const Member **ret);
/* The rules have no such thing: sets NoSuchName, with what may have been meant. */
void execute_unknown(ControlCall *call, const char *kind, const char *name, const char *const *names, size_t n);
void execute_unknown_owner(const ControlDesk *desk, ControlCall *call, const char *name);
/* What a person may do from the status: "accept or reject". */
void execute_list_moves(const RuleSet *rules, const Status *status, Text *out);
/* Who looks: the member whom `as` names, which is for operators, else the caller, NULL = nobody the rules know. *ret_known false: the
 * error is set. */
int execute_find_looker(const ControlDesk *desk, ControlCall *call, const Member **ret, bool *ret_known);
/* What a member who looks at the lead has not seen of it yet, null when it is the first look; and the look is remembered. grade: as of
 * now. */
int execute_changes(const ControlDesk *desk, const Member *member, uint64_t lead, const char *grade, int64_t now_us, json_t **ret);
int execute_inbox(const ControlDesk *desk, ControlCall *call);
int execute_digest(const ControlDesk *desk, ControlCall *call);
int execute_next(const ControlDesk *desk, ControlCall *call);
