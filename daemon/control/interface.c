/* SPDX-License-Identifier: MIT */
/*
 * The interfaces of the socket as one table: what each method takes, where it runs, who may call it, and
 * what it answers. Dispatch, parameter checks, roles and the text that introspection returns are all read
 * from here, so they cannot disagree. What a method does stands in execute_*.c.
 */
#include "internal.h"

#define LEAD \
        { .name = "lead", .type = INPUT_TEXT, .required = true, .size_max = CONTROL_LEAD_MAX }
#define AS \
        { .name = "as", .type = INPUT_TEXT, .size_max = CONTROL_NAME_MAX }
#define NOTE \
        { .name = "note", .type = INPUT_TEXT, .size_max = CONTROL_TEXT_MAX }
#define REQUEST_ID \
        { .name = "request_id", .type = INPUT_TEXT, .size_max = CONTROL_NAME_MAX }
#define NAMED(n) \
        { .name = (n), .type = INPUT_TEXT, .size_max = CONTROL_NAME_MAX }
#define NAMED_REQUIRED(n) \
        { .name = (n), .type = INPUT_TEXT, .required = true, .size_max = CONTROL_NAME_MAX }
#define INTEGER(n) \
        { .name = (n), .type = INPUT_INTEGER }
#define FLAG(n) \
        { .name = (n), .type = INPUT_BOOL }

/* ---- org.varlink.service ---- */

static const Method methods_service[] = {
        { .name = "GetInfo",
                .doc = "Who answers, and with which interfaces.",
                .output = "(vendor: string, product: string, version: string, url: string, interfaces: []string)",
                .where = CONTROL_ON_LOOP,
                .role = ROLE_ANYONE,
                .answer = server_get_info },
        { .name = "GetInterfaceDescription",
                .doc = "The text of one interface.",
                .inputs = { { .name = "interface", .type = INPUT_TEXT, .required = true, .size_max = 255 } },
                .output = "(description: string)",
                .where = CONTROL_ON_LOOP,
                .role = ROLE_ANYONE,
                .answer = server_get_description },
};
const Interface interface_service = {
        .name = "org.varlink.service",
        .doc = "What every Varlink service answers about itself.",
        .types = "",
        .methods = methods_service,
        .n_methods = ARRAY_SIZE(methods_service),
        .errors = "error InterfaceNotFound (interface: string)\n"
                  "error MethodNotFound (method: string)\n"
                  "error MethodNotImplemented (method: string)\n"
                  "error InvalidParameter (parameter: string)\n"
                  "error PermissionDenied ()\n"
                  "error ExpectedMore ()\n",
};

/* ---- org.leadd.Control ---- */

static const Method methods_control[] = {
        { .name = "Ping",
                .doc = "Is anybody there?",
                .output = "(version: string)",
                .where = CONTROL_ON_LOOP,
                .role = ROLE_ANYONE,
                .answer = server_ping },
        { .name = "Status",
                .doc = "How the daemon is: counts, rule set, spool, what waits and what is broken.",
                .output = "(status: object)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .execute = execute_status },
        { .name = "Metrics",
                .doc = "Figures of the daemon and the book in Prometheus' text format. No label names a person.",
                .output = "(text: string)",
                .where = CONTROL_ON_REPORTER,
                .role = ROLE_GROUP,
                .execute = execute_metrics },
        { .name = "Health",
                .doc = "What tells whether the daemon is well; also while a thread is stuck. spool: seconds the oldest file waits; dead,\n"
                       "failing: notifications; leaks: null before the first look; room: percent that is free on the disk with the least;\n"
                       "busy: seconds a thread has been at one piece of work.",
                .output = "(version: string, now: string, leads: int, spool: float, files: int, held: int, dead: int, failing: int, leaks: "
                          "?int, room: ?float, busy: float, suspended: int, rules_refused: bool, disk_full: bool)",
                .where = CONTROL_ON_READER,
                .role = ROLE_GROUP,
                .execute = execute_health },
        { .name = "Rules",
                .doc = "The running rules in the order of their declaration, with how often each was hit in the last day and week.\n"
                       "counted: of which kinds hits are counted, what a hit is and since when; no kind that is not there. dead: only "
                       "rules\n"
                       "of these kinds that have never been hit.",
                .inputs = { FLAG("dead") },
                .output = "(hash: string, directory: string, now: string, counted: []Counted, rules: []RuleUse)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .execute = execute_rules },
        { .name = "Glossary",
                .doc = "The language of leads as the running rules have it, as text for people and taken apart for programs.",
                .output = "(text: string, sections: []Section)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .execute = execute_glossary },
        { .name = "Reload",
                .doc = "Loads the rules again, runs their tests, and decides by them when nothing speaks against it; else the running\n"
                       "rules stay. Answers when all leads are re-derived: n_leads of them, n_changed in points, grade or segments,\n"
                       "n_regraded in grade; n_would_move wait for their next event or armed moment; n_moved did move at once, because\n"
                       "of apply, because their owner has left, or because what held them is gone: held leads are looked at in any case.\n"
                       "no_wait: answers as soon as the rules decide. check: changes nothing, loaded only says whether they would decide.\n"
                       "superseded: another reload began before all leads were gone through; it goes through them again,\n"
                       "and keeps the word of an apply.",
                .inputs = { FLAG("check"), FLAG("apply"), FLAG("no_wait"), REQUEST_ID },
                .output = "(loaded: bool, hash: ?string, problems: []Problem, tests: ?int, tests_failed: ?int, n_leads: ?int,\n"
                          "  n_changed: ?int, n_regraded: ?int, n_would_move: ?int, n_moved: ?int, superseded: ?bool)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .changes = true,
                .execute = execute_reload },
        { .name = "Clock",
                .doc = "The daemon's clock. A virtual one is moved forward by a duration or to an instant, firing what falls\n"
                       "due up to and including it.",
                .inputs = { NAMED("advance"), NAMED("to"), REQUEST_ID },
                .output = "(time: string, virtual: bool, fired: ?int)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .changes = true,
                .execute = execute_clock },
        { .name = "Submit",
                .doc = "Takes the one regular file whose descriptor comes along into the spool under a source (default: leadctl)\n"
                       "in a format (json, ndjson, csv, form; with .gz or .zst). With wait (the default) it answers when all\n"
                       "records are judged; results are the first of them, the counts are all. aside: why the file itself was set aside.",
                .inputs = { NAMED("source"), NAMED_REQUIRED("format"), FLAG("wait") },
                .output = "(name: ?string, accepted: ?int, duplicates: ?int, refused: ?int, dropped: ?int, aside: ?string,\n"
                          "  text: ?string, results: ?[]Result)",
                .where = CONTROL_BY_OWNER,
                .role = ROLE_GROUP,
                .changes = true,
                .streams = true,
                .takes_fd = true },
        { .name = "Spool",
                .doc = "What waits in the spool and what was set aside.",
                .output = "(entries: []SpoolEntry, truncated: bool)",
                .where = CONTROL_ON_READER,
                .role = ROLE_GROUP,
                .execute = execute_spool },
        { .name = "SpoolAct",
                .doc = "retry judges the refused records of a file again, release puts a file that was set aside back,\n"
                       "discard removes it and wants a reason. name is SOURCE/NAME as Spool lists it.",
                .inputs = { { .name = "action", .type = INPUT_TEXT, .required = true, .size_max = 16 },
                        { .name = "name", .type = INPUT_TEXT, .required = true, .size_max = CONTROL_PATH_MAX },
                        { .name = "reason", .type = INPUT_TEXT, .size_max = CONTROL_TEXT_MAX }, REQUEST_ID },
                .output = "(result: ?object)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .changes = true,
                .execute = execute_spool_act },
        { .name = "Outbox",
                .doc = "What is not delivered, by id, from the one after `after`: waiting, under way, failing (tried again), dead (given\n"
                       "up: a person decides). more says that there is another page.",
                .inputs = { INTEGER("after") },
                .output = "(items: []OutboxRow, more: bool, now: string)",
                .where = CONTROL_ON_READER,
                .role = ROLE_GROUP,
                .execute = execute_outbox },
        { .name = "OutboxAct",
                .doc = "retry tries a row now, cancel forgets it for good.",
                .inputs = { { .name = "action", .type = INPUT_TEXT, .required = true, .size_max = 16 },
                        { .name = "id", .type = INPUT_INTEGER, .required = true }, REQUEST_ID },
                .output = "(id: int)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .changes = true,
                .execute = execute_outbox_act },
        { .name = "Watch",
                .doc = "Every event as it is committed, until the client hangs up. Needs more.",
                .output = "(event: int, time: string, type: string, source: string, id: string, lead: ?string, summary: string, status: "
                          "?string,\n"
                          "  owner: ?string, story: ?string, refused: ?bool)",
                .where = CONTROL_BY_OWNER,
                .role = ROLE_GROUP,
                .streams = true,
                .only_more = true },
};
const Interface interface_control = {
        .name = "org.leadd.Control",
        .doc = "The daemon itself: its state, its rules, its spool, its clock.\n"
               "Times are RFC 3339 in UTC. A repeated request_id gets the first answer and changes nothing again.",
        .types = "# One declaration of the running rules. at is file:line; hits (null: of its kind none are counted), last and errors\n"
                 "# (it broke or overran its budget) are since counting began; cost_us is the mean of one evaluation; suspended: not\n"
                 "# run, it overran too often.\n"
                 "type RuleUse (rule: string, kind: string, at: string, doc: ?string, hits_1d: ?int, hits_7d: ?int, hits: ?int,\n"
                 "  last: ?string, errors_7d: int, errors: int, cost_us: ?float, suspended: bool)\n"
                 "\n"
                 "# What a hit of a kind is, and since when hits are counted: null when nothing has happened since.\n"
                 "type Counted (kind: string, hit: string, since: ?string)\n"
                 "\n"
                 "# A part of the glossary: its terms by the name they begin with, and what is said of each.\n"
                 "type Section (title: string, terms: []Term)\n"
                 "type Term (name: string, text: string, says: []string)\n"
                 "\n"
                 "# What is wrong with a rules directory. severity is error or warning.\n"
                 "type Problem (severity: string, file: string, line: int, text: string)\n"
                 "\n"
                 "# What became of one record. result is accepted, duplicate, refused or dropped; reason, field and text say why.\n"
                 "type Result (index: int, result: string, lead: ?string, event: ?int, reason: ?string, field: ?string, text: ?string,\n"
                 "  summary: ?string, status: ?string)\n"
                 "\n"
                 "# Something that is to be told. error is that of the last attempt; next when it is tried again, null when it is dead.\n"
                 "# mail: rows that are told as one mail have the same.\n"
                 "type OutboxRow (id: int, state: string, lead: ?string, kind: string, channel: ?string, recipient: ?string, rule: "
                 "?string,\n"
                 "  since: string, attempts: int, next: ?string, error: ?string, mail: ?int)\n"
                 "\n"
                 "# state is waiting, held (a file that was set aside) or rejects (its refused records).\n"
                 "type SpoolEntry (state: string, name: string, reason: ?string, text: ?string, size: int, since: ?string)\n",
        .methods = methods_control,
        .n_methods = ARRAY_SIZE(methods_control),
        .errors = "# Our machinery broke; the daemon's journal says how.\n"
                  "error Failed (text: string)\n"
                  "error BadValue (parameter: string, text: string)\n"
                  "error NoSuchEntry (name: string)\n"
                  "# Only a daemon started with --virtual-clock lets its clock be moved.\n"
                  "error ClockIsReal ()\n"
                  "# The file could not be put into the spool; nothing was taken.\n"
                  "error SubmitRefused (reason: string, text: string)\n"
                  "error TooManyWatchers ()\n"
                  "# The daemon is going down; ask again when it is back. Any method may answer this.\n"
                  "error Stopping ()\n",
};

/* ---- org.leadd.Leads ---- */

static const Method methods_leads[] = {
        { .name = "List",
                .doc = "Leads, newest first, at most limit (default 100, at most 1000). next is what to give as before for the next page.\n"
                       "owner \"-\" is nobody. Points are those of each lead's last event.",
                .inputs = { NAMED("status"), NAMED("owner"), NAMED("segment"), NAMED("grade"), NAMED("track"), FLAG("held"),
                        INTEGER("limit"), INTEGER("before") },
                .output = "(items: []Lead, now: string, next: ?int)",
                .where = CONTROL_ON_READER,
                .role = ROLE_GROUP,
                .execute = execute_list },
        { .name = "Show",
                .doc = "One lead as the rules see it now. lead is 42, L-42, an e-mail or SYSTEM:ID. changed: what is new since the caller, "
                       "or\n"
                       "the member an operator names, looked last; null at the first look, and for whom the rules do not know.",
                .inputs = { LEAD, AS },
                .output = "(item: Lead, now: string)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .execute = execute_show },
        { .name = "Inbox",
                .doc = "What waits for its owner's answer, by due instant; behind what has none, what the owner has snoozed. owner: a "
                       "member of\n"
                       "the rules, by default the caller. At most limit (default 50, at most 500) of all that are waiting. Points, grade "
                       "and\n"
                       "reasons are as of now; place is that in the pecking order, by which Next goes: 1 is next.",
                .inputs = { NAMED("owner"), INTEGER("limit") },
                .output = "(owner: string, items: []DeskLead, waiting: int, overdue: int, now: string)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .execute = execute_inbox },
        { .name = "Next",
                .doc = "The first of the owner's open leads in the pecking order, null when there is none that is not snoozed. First what "
                       "is\n"
                       "overdue, the longest first; then what is due within two hours, the soonest first; then what waits and is not due "
                       "so\n"
                       "soon; then what waits for nobody. Among equals, and from the third on, the better grade (its letter, then its\n"
                       "number), more engagement, longer in its status, the lower number of the lead; these as of each lead's last event.\n"
                       "waiting counts the leads that wait for the owner, open all open ones.",
                .inputs = { NAMED("owner") },
                .output = "(owner: string, item: ?DeskLead, waiting: int, open: int, now: string)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .execute = execute_next },
        { .name = "Digest",
                .doc = "The desk of a team on one screen of plain text, as a digest of the rules would send it now: how both teams stand, "
                       "what is\n"
                       "new since this time yesterday, what waits, is held, was handed back and is stalled, what is due on the next "
                       "working\n"
                       "day, who has what. Of a team without members: what it handed over, what was accepted, what came back and why.",
                .inputs = { NAMED_REQUIRED("team") },
                .output = "(team: string, text: string, since: string, now: string)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .execute = execute_digest },
        { .name = "Log",
                .doc = "A lead's events, oldest first, from the one after `after`; more says that limit cut the list.",
                .inputs = { LEAD, INTEGER("after"), INTEGER("limit") },
                .output = "(lead: string, items: []Event, more: bool)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .execute = execute_log },
        { .name = "Explain",
                .doc = "Why a lead is where it is: a receipt for every rule, its moves and its owners. at: as it would be at a later "
                       "instant\n"
                       "if nothing happened, or as it was recorded at an earlier one.",
                .inputs = { LEAD, NAMED("at") },
                .output = "(lead: string, at: string, recorded: bool, event: ?int, rules: string, status: ?string, owner: ?string, fit: "
                          "?float,\n"
                          "  engagement: ?float, grade: ?string, segments: []string, held: ?Held, next_change: ?string, receipts: "
                          "[]Receipt,\n"
                          "  moves: []MoveMade, assignments: []Assignment, route: ?string, candidates: ?[]Candidate,\n"
                          "  excluded: ?[]Excluded)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .execute = execute_explain },
        { .name = "WhyNot",
                .doc = "Why a lead is not in a status, not somebody's, or not matched by a rule: exactly one of the three is asked. rule "
                       "is a\n"
                       "name, or KIND:NAME where two kinds share it. so: it is so already. ways lead to a status; hurdles stand in the "
                       "way.",
                .inputs = { LEAD, NAMED("status"), NAMED("owner"), NAMED("rule") },
                .output =
                        "(lead: string, asked: string, kind: string, at: string, so: bool, text: string, status: string, owner: ?string,\n"
                        "  ways: []Way, hurdles: []Hurdle, now: string, rules: string)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .execute = execute_whynot },
        { .name = "Need",
                .doc = "The smallest sets of facts or activities that would lift a lead to a grade (at least) or into a status, each tried "
                       "on\n"
                       "the lead. within: a duration; later instants up to it are tried as well. complete: everything within the limits "
                       "was.",
                .inputs = { LEAD, NAMED("grade"), NAMED("status"), NAMED("within") },
                .output = "(lead: string, target: string, so: bool, text: string, status: string, sets: []NeedSet, limits: []string,\n"
                          "  functions: []string, complete: bool, looks: int, now: string, rules: string)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .execute = execute_need },
        { .name = "Move",
                .doc = "A person's move, by its name or alias in the rules.",
                .inputs = { NAMED_REQUIRED("move"), LEAD, NAMED("reason"), NOTE, AS, REQUEST_ID },
                .output = "(lead: string, event: int, duplicate: bool, summary: string)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .changes = true,
                .execute = execute_move },
        { .name = "Did",
                .doc = "Records an activity of the person who works on the lead: call_made, email_sent, meeting_held, ...",
                .inputs = { LEAD, NAMED_REQUIRED("activity"), NOTE, AS, REQUEST_ID },
                .output = "(lead: string, event: int, duplicate: bool, summary: string)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .changes = true,
                .execute = execute_did },
        { .name = "Note",
                .doc = "Writes a note into the lead's log.",
                .inputs = { LEAD, { .name = "text", .type = INPUT_TEXT, .required = true, .size_max = CONTROL_TEXT_MAX }, AS, REQUEST_ID },
                .output = "(lead: string, event: int, duplicate: bool, summary: string)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .changes = true,
                .execute = execute_note },
        { .name = "Assign",
                .doc = "Hands the lead to a member by hand; turns are not disturbed.",
                .inputs = { LEAD, NAMED_REQUIRED("owner"), NOTE, AS, REQUEST_ID },
                .output = "(lead: string, event: int, duplicate: bool, summary: string)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .changes = true,
                .execute = execute_assign },
        { .name = "Snooze",
                .doc = "Puts the running SLA off until an instant (RFC 3339, a date or a duration), within what it allows.",
                .inputs = { LEAD, NAMED_REQUIRED("until"),
                        { .name = "reason", .type = INPUT_TEXT, .required = true, .size_max = CONTROL_TEXT_MAX }, AS, REQUEST_ID },
                .output = "(lead: string, event: int, duplicate: bool, summary: string)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .changes = true,
                .execute = execute_snooze },
        { .name = "Exclude",
                .doc = "Keeps the lead out of a campaign, or (all) of every one, until an instant (RFC 3339, a date or a duration), and\n"
                       "says why: marketing reads it. By the owner or the head; of a lead that nobody owns by any member. until now takes\n"
                       "it back, and then needs no reason.",
                .inputs = { LEAD, NAMED_REQUIRED("campaign"), NAMED_REQUIRED("until"),
                        { .name = "reason", .type = INPUT_TEXT, .size_max = CONTROL_TEXT_MAX }, AS, REQUEST_ID },
                .output = "(lead: string, event: int, duplicate: bool, summary: string)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .changes = true,
                .execute = execute_exclude },
        { .name = "Away",
                .doc = "Records when a member (default: the caller) is away, or with back that somebody is there again. when: a day, two "
                       "days\n"
                       "or two instants (RFC 3339) with .. between them, days with all of both in the member's zone; without the first it\n"
                       "begins now. It takes the place of recorded absences that it overlaps. back without when ends what has begun,\n"
                       "with when it takes recorded absences back that overlap it. For others than oneself by an operator.",
                .inputs = { NAMED("owner"), NAMED("when"), FLAG("back"), REQUEST_ID },
                .output = "(owner: string, event: int, duplicate: bool, summary: string, absences: []Absence)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .changes = true,
                .execute = execute_away },
        { .name = "Absences",
                .doc = "Who is or will be away, by the rules or as recorded, by member and beginning.",
                .inputs = { NAMED("owner") },
                .output = "(items: []Absence, now: string)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .execute = execute_absences },
        { .name = "Feedback",
                .doc = "Moves with a reason, the newest first: which leads came back, why, and what marketing knew them by then. since: a\n"
                       "duration, a date or an instant. At most limit (default 100, at most 1000); next is what to give as before for the\n"
                       "next page.",
                .inputs = { NAMED("since"), NAMED("reason"), NAMED("source"), NAMED("owner"), INTEGER("limit"), INTEGER("before") },
                .output = "(items: []Returned, next: ?int, now: string)",
                .where = CONTROL_ON_READER,
                .role = ROLE_GROUP,
                .execute = execute_feedback },
        { .name = "Answer",
                .doc = "Answers a mail that a member was sent, as that member: the token says who acts, in which hand-off. tokens: what in "
                       "the\n"
                       "reply's own header may be one, quoted: what in its text may be, with blanks between. line: its first line: a move\n"
                       "by its name or alias, L-42 where the mail told of several leads, a reason, a note. The same answer again gets the\n"
                       "first one's. Refused, and logged, are token_forged, token_used, token_expired, other_lead, lead_required, and "
                       "what\n"
                       "Move refuses.",
                .inputs = { { .name = "tokens", .type = INPUT_TEXT, .size_max = CONTROL_TEXT_MAX },
                        { .name = "quoted", .type = INPUT_TEXT, .size_max = CONTROL_TEXT_MAX },
                        { .name = "line", .type = INPUT_TEXT, .required = true, .size_max = CONTROL_TEXT_MAX }, REQUEST_ID },
                .output = "(lead: string, event: int, duplicate: bool, summary: string)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .changes = true,
                .execute = execute_answer },
        { .name = "Merge",
                .doc = "Two leads are one person: lead becomes part of into, which keeps its status, owner and SLA. What both did and "
                       "said\n"
                       "is one history from then on, and the old number leads to into. The owner of lead is told. Unmerge undoes it.",
                .inputs = { LEAD, { .name = "into", .type = INPUT_TEXT, .required = true, .size_max = CONTROL_LEAD_MAX }, AS, REQUEST_ID },
                .output = "(lead: string, event: int, duplicate: bool, summary: string)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .changes = true,
                .execute = execute_merge },
        { .name = "Unmerge",
                .doc = "A lead that was merged is one of its own again, in the status it had and with what came by its address or ids\n"
                       "since; everything else that came since stays with the other.",
                .inputs = { LEAD, AS, REQUEST_ID },
                .output = "(lead: string, event: int, duplicate: bool, summary: string)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .changes = true,
                .execute = execute_unmerge },
        { .name = "Erase",
                .doc = "Forgets a person, for good: everything that was said of the lead and of all that were merged into it, in the book\n"
                       "and in the files of the spool. lead may be an address that no lead has: files are gone through for it all the\n"
                       "same, and the answer's lead is null. Answers when nothing is left; files were removed whole, records taken out\n"
                       "of files that stay.",
                .inputs = { LEAD, AS, REQUEST_ID },
                .output = "(lead: ?string, event: int, duplicate: bool, summary: string, files: ?int, records: ?int)",
                .where = CONTROL_ON_GATE,
                .role = ROLE_GROUP,
                .changes = true,
                .execute = execute_erase },
        { .name = "Duplicates",
                .doc = "Pairs of leads that may be one person, the newest first, and what speaks for it. next is what to give as before\n"
                       "for the next page.",
                .inputs = { INTEGER("before") },
                .output = "(items: []Pair, next: ?int)",
                .where = CONTROL_ON_READER,
                .role = ROLE_GROUP,
                .execute = execute_duplicates },
};
const Interface interface_leads = {
        .name = "org.leadd.Leads",
        .doc = "The leads: where each is, why, and the moves people make.\n"
               "Times are RFC 3339 in UTC, points decimal numbers. A repeated request_id gets the first answer and changes nothing again.",
        .types = "# Why nobody has the lead, or which rule broke on it.\n"
                 "type Held (by: string, text: ?string, since: ?string, next_look: ?string)\n"
                 "\n"
                 "# source is rules or recorded; away: it has begun.\n"
                 "type Absence (owner: string, team: string, from: string, until: string, source: string, away: bool)\n"
                 "\n"
                 "# The lead's SLA rests until then.\n"
                 "type Snoozed (until: string, reason: ?string)\n"
                 "\n"
                 "# What happened to a lead between two looks of one person: events of them (at most 200, more says so), and in words.\n"
                 "type Changed (since: string, events: int, more: bool, texts: []string)\n"
                 "\n"
                 "# How the promise was kept since the lead entered its status: due, fulfilled, failed (once too late is failed); answers "
                 "in\n"
                 "# time, and promises broken by a late answer or by none.\n"
                 "type Response (status: string, sla: string, in_time: int, late: int)\n"
                 "\n"
                 "# What marketing sends the lead: taken of steps are done; next and next_at: what it is sent next, null when no step is "
                 "left.\n"
                 "type Track (track: string, since: string, taken: int, steps: int, next: ?string, next_at: ?string)\n"
                 "\n"
                 "# Who had the lead when it last went to a team without members, and the move by which it did. It stands until somebody "
                 "of the\n"
                 "# owner's team has the lead again.\n"
                 "type FormerOwner (owner: string, at: string, move: string, by: ?string, reason: ?string)\n"
                 "\n"
                 "# Somebody keeps the lead out of a campaign, or of all.\n"
                 "type Excluded (campaign: string, until: string, by: ?string, reason: ?string)\n"
                 "\n"
                 "# What the lead was sent: taken for a campaign, or a mail of a track; kind is campaign or track.\n"
                 "type Written (kind: string, name: string, time: string)\n"
                 "\n"
                 "# excluded: what is in force; written: the newest first, at most 10.\n"
                 "# track: null in none, and then no_track says why, where the rules have any.\n"
                 "# since: entry into the status; due: the end of the SLA; version: the number of its events. List leaves out everything "
                 "from person on.\n"
                 "type Lead (lead: string, email: ?string, status: string, team: ?string, owner: ?string, fit: float, engagement: float,\n"
                 "  grade: ?string, segments: []string, since: ?string, due: ?string, held: ?Held, version: int, person: ?object, snoozed: "
                 "?Snoozed,\n"
                 "  response: ?Response, company: ?object, consent: ?object, waiting_for: ?string, attribution: ?object, interest: "
                 "?object, answers: ?object,\n"
                 "  opportunity: ?object, opportunities: ?[]Opportunity, changed: ?Changed, name: ?string, track: ?Track, no_track: "
                 "?string,\n"
                 "  excluded: ?[]Excluded, written: ?[]Written, returned: ?FormerOwner)\n"
                 "\n"
                 "# A deal. number: which of the lead's; id: the CRM's; state: open, stalled, won, lost; staged: since when it is in its "
                 "stage;\n"
                 "# changed: its last change; ended: when it was won or lost.\n"
                 "type Opportunity (number: int, id: ?string, state: string, stage: ?string, amount: ?float, currency: ?string,\n"
                 "  probability: ?float, close_date: ?string, opened: string, changed: string, staged: string, ended: ?string, stages: "
                 "[]Stage)\n"
                 "\n"
                 "# From then on it was in that stage and state.\n"
                 "type Stage (stage: ?string, state: string, at: string)\n"
                 "\n"
                 "# A lead on somebody's desk: fields as in Lead. place: in the pecking order, from 1; rank: overdue, soon, waits, open, "
                 "rests;\n"
                 "# sla: the rule whose clock runs; todo: what stops it; reasons: the three scores that give most points, after decay and "
                 "cap,\n"
                 "# among equals the one declared first.\n"
                 "type DeskLead (lead: string, email: ?string, status: string, team: ?string, owner: ?string, fit: float, engagement: "
                 "float,\n"
                 "  grade: ?string, segments: []string, since: ?string, due: ?string, held: ?Held, version: int, name: ?string, company: "
                 "?string,\n"
                 "  snoozed: ?Snoozed, place: int, rank: string, sla: ?string, todo: string, reasons: []Reason)\n"
                 "\n"
                 "# What speaks for a lead, in the words of the rules: the score's doc, else what its function said, else what it looked "
                 "at.\n"
                 "type Reason (rule: string, points: float, text: string)\n"
                 "\n"
                 "# summary has names and ids alone; actor: who brought it about; story: the same as a sentence, with what was filled in, "
                 "called or\n"
                 "# noted.\n"
                 "type Event (event: int, time: string, type: string, source: string, id: string, summary: string, rules: string,\n"
                 "  actor: string, story: string)\n"
                 "\n"
                 "# What one rule did. at is file:line; event the activity that counted last; fields what it looked at, because the same "
                 "as a sentence.\n"
                 "type Receipt (rule: string, kind: ?string, at: ?string, matched: bool, points: ?float, before: ?float, after: ?float, "
                 "event: ?int,\n"
                 "  fields: ?object, note: ?string, because: ?string)\n"
                 "\n"
                 "type MoveMade (event: int, time: string, move: string, from: ?string, to: ?string, by: ?string, reason: ?string, note: "
                 "?string)\n"
                 "\n"
                 "type Assignment (event: int, time: string, owner: ?string, previous: ?string, route: ?string, text: ?string, others: "
                 "[]Other)\n"
                 "\n"
                 "# Somebody who did not get the lead, and why.\n"
                 "type Other (owner: string, cause: string)\n"
                 "\n"
                 "# A member of the team as the route sees the person now. next: would be offered the lead; cause: why not, until free.\n"
                 "type Candidate (owner: string, next: bool, cause: ?string, free: ?string, open: int, unaccepted: int)\n"
                 "\n"
                 "# A move that leads to the status asked about. open: nothing stands in its way but that nobody made it.\n"
                 "type Way (move: string, at: string, reason: ?string, from: string, to: ?string, by: string, open: bool, hurdles: "
                 "[]Hurdle)\n"
                 "\n"
                 "# Something in the way. kind is a word for programs, rule and at what it comes from; until: when it is gone by itself.\n"
                 "type Hurdle (kind: string, rule: ?string, at: ?string, text: string, until: ?string, misses: []Miss)\n"
                 "\n"
                 "# A matcher that decided. either: of those with the same number any one would do.\n"
                 "type Miss (path: string, wanted: string, got: string, either: ?int)\n"
                 "\n"
                 "# With these additions, from the instant at on (null: now), and these moves of people, the lead reaches the target.\n"
                 "type NeedSet (additions: []Addition, moves: []NeedMove, changes: bool, at: ?string, grade: ?string, fit: float,\n"
                 "  engagement: float, status: ?string)\n"
                 "\n"
                 "# kind is fact (of that path) or activity (of that type, so many times); facts as in a record's data. changes: the lead "
                 "says otherwise now.\n"
                 "type Addition (kind: string, text: string, path: ?string, type: ?string, facts: object, times: int,\n"
                 "  changes: bool)\n"
                 "\n"
                 "# Two leads that may be one person, and why.\n"
                 "type Pair (lead: string, other: string, reasons: []string)\n"
                 "\n"
                 "type NeedMove (move: string, reason: ?string, by: string, from: string, to: string)\n"
                 "\n"
                 "# A move with a reason. owner had the lead, accepted: and had moved it before; source and campaign are those of then,\n"
                 "# null also when they were erased.\n"
                 "type Returned (event: int, time: string, lead: string, reason: string, move: string, from: string, to: string,\n"
                 "  owner: ?string, accepted: bool, by: string, source: ?string, campaign: ?string, note: ?string)\n",
        .methods = methods_leads,
        .n_methods = ARRAY_SIZE(methods_leads),
        .errors = "error Failed (text: string)\n"
                  "error BadValue (parameter: string, text: string)\n"
                  "error NoSuchLead (lead: string)\n"
                  "# The person was erased then; a number is all there is.\n"
                  "error Erased (lead: string, time: string)\n"
                  "# The rules have nothing of that kind with that name; text says what may have been meant.\n"
                  "error NoSuchName (kind: string, name: string, text: string)\n"
                  "# Policy says no and nothing changed. code is a word for programs, text a sentence for people.\n"
                  "error Refused (code: string, text: string, lead: ?string)\n",
};

/* ---- the text ---- */

static void describe_doc(const char *doc, Text *out) {
        for (const char *line = doc; line;) {
                const char *end = strchr(line, '\n');
                text_printf(out, "# %.*s\n", end ? (int) (end - line) : (int) strlen(line), line);
                line = end ? end + 1 : NULL;
        }
}

static const char *input_type(const Input *input) {
        switch (input->type) {
        case INPUT_TEXT:
                return "string";
        case INPUT_INTEGER:
                return "int";
        case INPUT_NUMBER:
                return "float";
        case INPUT_BOOL:
                return "bool";
        case INPUT_ANY:
                break;
        }
        return input->type_text;
}

/* The Varlink text of an interface, from the table. */
int interface_describe(const Interface *interface, Text *out) {
        describe_doc(interface->doc, out);
        text_printf(out, "interface %s\n", interface->name);
        if (*interface->types)
                text_printf(out, "\n%s", interface->types);
        for (size_t i = 0; i < interface->n_methods; i++) {
                const Method *m = &interface->methods[i];
                text_append_char(out, '\n');
                describe_doc(m->doc, out);
                text_printf(out, "method %s(", m->name);
                for (const Input *in = m->inputs; in < m->inputs + METHOD_INPUTS_MAX && in->name; in++)
                        text_printf(out, "%s%s: %s%s", in == m->inputs ? "" : ", ", in->name, in->required ? "" : "?", input_type(in));
                text_printf(out, ") -> %s\n", m->output);
        }
        if (*interface->errors)
                text_printf(out, "\n%s", interface->errors);
        return out->error;
}

const Method *interface_method(const Interface *interface, const char *name) {
        for (size_t i = 0; i < interface->n_methods; i++)
                if (base_streq(interface->methods[i].name, name))
                        return &interface->methods[i];
        return NULL;
}
