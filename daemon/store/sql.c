/* SPDX-License-Identifier: MIT */
/*
 * Every SQL text of the program: the schema with its migrations, the statements by
 * enum, what the proofs read. Around them typed binding, stepping and the meaning of
 * SQLite's results. A statement is reset before anybody outside this room sees what
 * it found. Decides nothing about leads.
 *
 * The layout answers one measurement: random pages dirtied per event govern the speed. So the lead's hot row is
 * integers only, the profile is written when it changes, rarely used states have side tables, everything else is
 * appended in the order of its own id, and no index has random keys: those are in memory (index.c).
 */
#include "internal.h"
#include <errno.h>
#include <stdio.h>

/* ---- schema ---- */

static const char schema_1[] =
        /* secret, active rule set */
        "CREATE TABLE meta(key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;"
        /* sums over the whole ledger, so that nobody has to scan it */
        "CREATE TABLE total(id INTEGER PRIMARY KEY, accepted INTEGER NOT NULL, duplicates INTEGER NOT NULL, refused INTEGER NOT NULL,"
        " dropped INTEGER NOT NULL, files INTEGER NOT NULL) STRICT;"
        "INSERT INTO total VALUES(1, 0, 0, 0, 0, 0);"
        "CREATE TABLE name(id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;"
        "CREATE TABLE ruleset(id INTEGER PRIMARY KEY, hash TEXT NOT NULL, archive BLOB NOT NULL, first INTEGER NOT NULL,"
        " last INTEGER NOT NULL) STRICT;"
        /* the statuses of the active rule set: what readers and counters must know of them */
        "CREATE TABLE status(name INTEGER PRIMARY KEY, team INTEGER NOT NULL, kind INTEGER NOT NULL, staffed INTEGER NOT NULL) STRICT;"
        "CREATE TABLE company(id INTEGER PRIMARY KEY, domain TEXT NOT NULL) STRICT;"
        /* type, source, actor: a name's id, or the text itself once there are too many names; age = now - time */
        "CREATE TABLE event(id INTEGER PRIMARY KEY, lead INTEGER NOT NULL, prev INTEGER NOT NULL, type ANY NOT NULL, source ANY NOT NULL,"
        " actor ANY, rules INTEGER NOT NULL, now INTEGER NOT NULL, age INTEGER NOT NULL, flags INTEGER NOT NULL, record_id ANY,"
        " ledger INTEGER NOT NULL, idx INTEGER NOT NULL, body BLOB NOT NULL) STRICT;"
        /* what of an event may be personal: deletable without touching the log (a lead's profile_event goes with its profile) */
        "CREATE TABLE payload(event INTEGER PRIMARY KEY, facts BLOB, subject TEXT, notes BLOB) STRICT;"
        /* 16 bytes idempotency key, then 17 bytes (kind, key) for each identity this event made known */
        "CREATE TABLE key(event INTEGER PRIMARY KEY, lead INTEGER NOT NULL, keys BLOB NOT NULL) STRICT;"
        /* entered, touched (idle_from later) and wake count from created */
        "CREATE TABLE lead(id INTEGER PRIMARY KEY, status INTEGER NOT NULL, owner INTEGER NOT NULL, version INTEGER NOT NULL,"
        " last_event INTEGER NOT NULL, moved_event INTEGER NOT NULL, created INTEGER NOT NULL, entered INTEGER NOT NULL,"
        " touched INTEGER NOT NULL, fit INTEGER NOT NULL, engagement INTEGER NOT NULL, grade INTEGER NOT NULL, segments ANY,"
        " flags INTEGER NOT NULL, wake INTEGER, company INTEGER NOT NULL, profile_event INTEGER NOT NULL) STRICT;"
        /* only where no single event says all of it (lead.profile_event) */
        "CREATE TABLE profile(lead INTEGER PRIMARY KEY, facts BLOB NOT NULL) STRICT;"
        "CREATE TABLE sla(lead INTEGER PRIMARY KEY, rule INTEGER NOT NULL, start_event INTEGER NOT NULL, start INTEGER NOT NULL,"
        " due INTEGER, next_step INTEGER NOT NULL, next_due INTEGER) STRICT;"
        "CREATE TABLE held(lead INTEGER PRIMARY KEY, by INTEGER NOT NULL, text TEXT, since INTEGER NOT NULL, next_look INTEGER) STRICT;"
        "CREATE TABLE recycle(lead INTEGER PRIMARY KEY, until INTEGER, reason INTEGER NOT NULL) STRICT;"
        "CREATE TABLE wake(due INTEGER NOT NULL, lead INTEGER NOT NULL, PRIMARY KEY(due, lead)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE seat(member INTEGER PRIMARY KEY, turn INTEGER NOT NULL, away_from INTEGER, away_until INTEGER) STRICT;"
        "CREATE TABLE tally(owner INTEGER NOT NULL, status INTEGER NOT NULL, n INTEGER NOT NULL, unaccepted INTEGER NOT NULL,"
        " PRIMARY KEY(owner, status)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE ledger(id INTEGER PRIMARY KEY, state INTEGER NOT NULL, source TEXT NOT NULL, name BLOB NOT NULL,"
        " device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL, first INTEGER NOT NULL,"
        " last INTEGER NOT NULL, next_offset INTEGER NOT NULL, next_index INTEGER NOT NULL, accepted INTEGER NOT NULL,"
        " duplicates INTEGER NOT NULL, refused INTEGER NOT NULL, dropped INTEGER NOT NULL, attempts INTEGER NOT NULL) STRICT;"
        /* only what still stands in the spool: a handful of rows of a long table */
        "CREATE INDEX ledger_unsettled ON ledger(id) WHERE state < 3;"
        "CREATE TABLE reject(ledger INTEGER NOT NULL, idx INTEGER NOT NULL, reason TEXT NOT NULL, field TEXT, text TEXT, raw BLOB,"
        " PRIMARY KEY(ledger, idx)) STRICT, WITHOUT ROWID;"
        /* next is NULL once delivered; the body is then its digest: enough to prove, too little to leak */
        "CREATE TABLE outbox(id INTEGER PRIMARY KEY, event INTEGER NOT NULL, lead INTEGER NOT NULL, kind INTEGER NOT NULL,"
        " via INTEGER NOT NULL, channel ANY, recipient ANY, address TEXT, role ANY, rule ANY, step INTEGER NOT NULL, body ANY,"
        " created INTEGER NOT NULL, attempts INTEGER NOT NULL, next INTEGER, done INTEGER, error TEXT) STRICT;"
        "CREATE INDEX outbox_pending ON outbox(next) WHERE next IS NOT NULL;";

/* What a junk rule may take back is derived (idle), and what a record from leadd must not change is kept (source). No rule set of
 * version 1 knew junk: all activities that the history does not reach any more counted. */
static const char schema_2[] =
        "ALTER TABLE lead RENAME COLUMN touched TO idle_from;" /* from created; -1 = nothing */
        "ALTER TABLE lead ADD COLUMN source ANY;"
        "ALTER TABLE lead ADD COLUMN source_at INTEGER NOT NULL DEFAULT -1;" /* from created */
        "CREATE TEMP TABLE said(lead INTEGER PRIMARY KEY, at INTEGER NOT NULL, source ANY) STRICT;"
        "INSERT INTO temp.said SELECT lead, max(at), NULL FROM (SELECT e.lead, e.now - e.age AS at FROM event e LEFT JOIN name n ON"
        " n.id = e.type WHERE e.lead > 0 AND coalesce(n.text, e.type) GLOB 'outcome.*' UNION ALL SELECT lead, now - age FROM (SELECT lead,"
        " now, age, row_number() OVER (PARTITION BY lead ORDER BY id DESC) AS place FROM event WHERE lead > 0 AND flags & 256)"
        " WHERE place > 1000) GROUP BY lead;"
        "UPDATE lead SET idle_from = coalesce((SELECT at FROM temp.said WHERE temp.said.lead = lead.id) - created, -1);"
        "DELETE FROM temp.said;"
        "INSERT INTO temp.said SELECT lead, at, source FROM (SELECT e.lead, e.now - e.age AS at, e.source, row_number() OVER (PARTITION BY"
        " e.lead ORDER BY e.now - e.age DESC, coalesce(s.text, e.source) DESC) AS place FROM event e LEFT JOIN name n ON n.id = e.type"
        " LEFT JOIN name s ON s.id = e.source WHERE e.lead > 0 AND NOT coalesce(n.text, e.type) GLOB 'outcome.*' AND NOT"
        " coalesce(n.text, e.type) GLOB 'timer.*') WHERE place = 1;"
        "UPDATE lead SET (source, source_at) = (SELECT source, at - created FROM temp.said WHERE temp.said.lead = lead.id)"
        " WHERE id IN (SELECT lead FROM temp.said);"
        "DROP TABLE temp.said;";
static const char schema_3[] =
        /* the last hand-back of a lead for each reason, and who let it expire in this hand-off (n counts up) */
        "CREATE TABLE used(lead INTEGER NOT NULL, reason INTEGER NOT NULL, event INTEGER NOT NULL, at INTEGER NOT NULL,"
        " woken INTEGER NOT NULL, PRIMARY KEY(lead, reason)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE expired(lead INTEGER NOT NULL, n INTEGER NOT NULL, member INTEGER NOT NULL, PRIMARY KEY(lead, n)) STRICT,"
        " WITHOUT ROWID;"
        "ALTER TABLE sla ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE sla ADD COLUMN snoozed_until INTEGER;"
        "ALTER TABLE sla ADD COLUMN snooze_reason TEXT;";

/* lease: since when an attempt is under way in another process; what has neither next nor done is a dead letter */
static const char schema_4[] = "ALTER TABLE outbox ADD COLUMN lease INTEGER;"
                               "CREATE INDEX outbox_dead ON outbox(id) WHERE next IS NULL AND done IS NULL;";

static const char schema_5[] =
        /* how often a rule matched and failed, by the hour, and over all time; last, last_failed: instants, NULL = never */
        "CREATE TABLE hit(hour INTEGER NOT NULL, rule INTEGER NOT NULL, kind INTEGER NOT NULL, n INTEGER NOT NULL, failed INTEGER NOT NULL,"
        " PRIMARY KEY(hour, rule, kind)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE hit_ever(rule INTEGER NOT NULL, kind INTEGER NOT NULL, n INTEGER NOT NULL, failed INTEGER NOT NULL, last INTEGER,"
        " last_failed INTEGER, PRIMARY KEY(rule, kind)) STRICT, WITHOUT ROWID;"
        /* what an older book did before is not counted */
        "INSERT INTO meta SELECT 'hits', coalesce(max(id), 0) + 1 FROM event;"
        "CREATE TABLE suspended(event INTEGER PRIMARY KEY, kind INTEGER NOT NULL, rule INTEGER NOT NULL, since INTEGER NOT NULL) STRICT;"
        /* the pass that re-derives leads after an activation: one row */
        "CREATE TABLE pass(id INTEGER PRIMARY KEY, event INTEGER NOT NULL, next INTEGER NOT NULL, upto INTEGER NOT NULL,"
        " apply INTEGER NOT NULL, leads INTEGER NOT NULL, changed INTEGER NOT NULL, regraded INTEGER NOT NULL, moving INTEGER NOT NULL,"
        " moved INTEGER NOT NULL) STRICT;";

static const char schema_6[] =
        /* tried: the first attempt. mail: rows that are told as one mail carry the id of one of them, from the first attempt on */
        "ALTER TABLE outbox ADD COLUMN tried INTEGER;"
        "ALTER TABLE outbox ADD COLUMN mail INTEGER;"
        "UPDATE outbox SET tried = created WHERE attempts > 0;"
        "CREATE INDEX outbox_reader ON outbox(recipient, channel, next) WHERE next IS NOT NULL AND mail IS NULL AND via IN (1, 2);"
        "CREATE INDEX outbox_mail ON outbox(mail) WHERE mail IS NOT NULL AND next IS NOT NULL;"
        /* held leads in the order of waiting, all of them and those that are looked at at one instant */
        "CREATE INDEX held_since ON held(since, lead);"
        "CREATE INDEX held_look ON held(next_look, since, lead) WHERE next_look IS NOT NULL;"
        /* turns are in leads and no longer in weights: they begin anew */
        "ALTER TABLE seat ADD COLUMN took_part INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE seat ADD COLUMN served INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE seat ADD COLUMN credits INTEGER NOT NULL DEFAULT 0;"
        "UPDATE seat SET turn = 0;"
        /* any number of absences a member */
        "CREATE TABLE absence(member INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY(member, since))"
        " STRICT, WITHOUT ROWID;"
        "INSERT INTO absence SELECT member, away_from, away_until FROM seat WHERE away_from IS NOT NULL AND away_until IS NOT NULL;"
        /* how its owner got it; a day is one of the site's zone */
        "ALTER TABLE lead ADD COLUMN route INTEGER NOT NULL DEFAULT 0;"
        "CREATE TABLE fair(day INTEGER NOT NULL, team INTEGER NOT NULL, route INTEGER NOT NULL, member INTEGER NOT NULL,"
        " kind INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(day, team, route, member, kind)) STRICT, WITHOUT ROWID;"
        "ALTER TABLE seat DROP COLUMN away_from;"
        "ALTER TABLE seat DROP COLUMN away_until;"
        /* fences and criteria that refused what a person asked for: no event says so, and no replay can */
        "CREATE TABLE refusal(hour INTEGER NOT NULL, rule INTEGER NOT NULL, kind INTEGER NOT NULL, n INTEGER NOT NULL,"
        " PRIMARY KEY(hour, rule, kind)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE refusal_ever(rule INTEGER NOT NULL, kind INTEGER NOT NULL, n INTEGER NOT NULL, last INTEGER,"
        " PRIMARY KEY(rule, kind)) STRICT, WITHOUT ROWID;"
        /* from this event on, hits of every kind are counted, and of no lead that is a test */
        "INSERT INTO meta SELECT 'uses', coalesce(max(id), 0) + 1 FROM event;"
        /* events before this one may be of a leadd that did not keep hand-backs: see backfill.c */
        "INSERT INTO meta SELECT 'backfill', value FROM meta WHERE key = 'hits';"
        /* leads that another one goes on for: who owned it, and had not accepted it, when it was merged */
        "CREATE TABLE merged(lead INTEGER PRIMARY KEY, into_lead INTEGER NOT NULL, event INTEGER NOT NULL, owner INTEGER NOT NULL,"
        " unaccepted INTEGER NOT NULL) STRICT;"
        "CREATE INDEX merged_into ON merged(into_lead);"
        /* by which lead an event came to the one that goes on for it: where it belongs once that is undone */
        "CREATE TABLE named(event INTEGER PRIMARY KEY, lead INTEGER NOT NULL) STRICT;"
        "CREATE INDEX named_lead ON named(lead, event);"
        /* which event of a lead was the last that a person has looked at, and its grade then */
        "CREATE TABLE seen(person INTEGER NOT NULL, lead INTEGER NOT NULL, event INTEGER NOT NULL, at INTEGER NOT NULL,"
        " grade INTEGER NOT NULL, PRIMARY KEY(person, lead)) STRICT, WITHOUT ROWID;"
        /* moves with a reason, n: which of the event's; owner, accepted: before it; source and campaign go with an erasure */
        "CREATE TABLE feedback(event INTEGER NOT NULL, n INTEGER NOT NULL, lead INTEGER NOT NULL, at INTEGER NOT NULL,"
        " move INTEGER NOT NULL, reason INTEGER NOT NULL, was INTEGER NOT NULL, goes INTEGER NOT NULL, owner INTEGER NOT NULL,"
        " accepted INTEGER NOT NULL, by ANY, source ANY, campaign TEXT, PRIMARY KEY(event, n)) STRICT, WITHOUT ROWID;"
        "CREATE INDEX feedback_lead ON feedback(lead);"
        /* what is delivered here must not be looked for among the mails that wait for leadd-notify */
        "CREATE INDEX outbox_local ON outbox(next) WHERE next IS NOT NULL AND via IN (0, 5);"
        /* what a timer's rule said when it started; how promises were kept in the lead's present status */
        "ALTER TABLE sla ADD COLUMN version ANY;"
        "CREATE TABLE response(lead INTEGER PRIMARY KEY, rule INTEGER NOT NULL, in_time INTEGER NOT NULL, late INTEGER NOT NULL) STRICT;"
        /* when the next digest of a rule is due, and when the last one was */
        "CREATE TABLE digest(rule INTEGER PRIMARY KEY, due INTEGER, sent INTEGER) STRICT;"
        /* two leads that may be one person; reasons: a bit, 1 << IdentityKind */
        "CREATE TABLE duplicate(lead INTEGER NOT NULL, other INTEGER NOT NULL, reasons INTEGER NOT NULL, event INTEGER NOT NULL,"
        " PRIMARY KEY(lead, other, reasons)) STRICT, WITHOUT ROWID;"
        "ALTER TABLE ledger ADD COLUMN purge INTEGER NOT NULL DEFAULT 0;"
        /* erasures whose files are not gone through yet, with what to look for */
        "CREATE TABLE erasure(id INTEGER PRIMARY KEY, needles BLOB NOT NULL) STRICT;";

static const struct {
        int version;
        const char *sql;
} migrations[] = {
        { 1, schema_1 },
        { 2, schema_2 },
        { 3, schema_3 },
        { 4, schema_4 },
        { 5, schema_5 },
        { 6, schema_6 },
};

/* ---- statements ---- */

#define EVENT_COLUMNS \
        "e.id, e.lead, e.prev, e.type, e.source, e.actor, (SELECT hash FROM ruleset WHERE id = e.rules), e.now, e.age, e.flags," \
        " e.record_id, e.body, p.facts, p.subject, p.notes, (SELECT lead FROM named WHERE event = e.id) FROM event e LEFT JOIN payload p " \
        "ON p.event = e.id"
#define LEDGER_COLUMNS \
        "id, state, source, name, device, inode, size, mtime, next_offset, next_index, accepted, duplicates, refused, dropped," \
        " attempts, purge FROM ledger"
#define OUTBOX_COLUMNS \
        "id, event, lead, kind, via, channel, recipient, address, role, rule, step, body, created, attempts, next, lease, error," \
        " tried, mail, (SELECT r.hash FROM event e CROSS JOIN ruleset r ON r.id = e.rules WHERE e.id = outbox.event) FROM outbox"
#define OUTBOX_IS_LOCAL "via IN (0, 5)" /* VIA_JOURNAL, VIA_DROP: no other process is needed */
#define OUTBOX_IS_MAIL "via IN (1, 2)"  /* VIA_SENDMAIL, VIA_SMTP */
/* a row, or the rows of a mail; both found by their ids, whatever the planner thinks of the index of all that is pending */
#define OUTBOX_THAT \
        "id IN (SELECT id FROM outbox WHERE id = ?1 AND mail IS NULL UNION ALL SELECT id FROM outbox WHERE mail = ?1 AND next IS NOT " \
        "NULL)" \
        " AND +next IS NOT NULL"
#define LEAD_IS_GONE "327680" /* LEAD_MERGED, LEAD_ERASED */
#define LEAD_FILTER \
        "l.flags & " LEAD_IS_GONE \
        " = 0 AND l.id < ?1 AND (?2 IS NULL OR l.status = ?2) AND (?3 IS NULL OR l.owner = ?3) AND (?4 IS NULL OR l.grade = ?4)"

static const char *const statement_texts[SQL_N] = {
        [SQL_BEGIN] = "BEGIN IMMEDIATE",
        [SQL_BEGIN_READ] = "BEGIN",
        [SQL_COMMIT] = "COMMIT",
        [SQL_ROLLBACK] = "ROLLBACK",
        [SQL_META_GET] = "SELECT value FROM meta WHERE key = ?1",
        [SQL_META_DELETE] = "DELETE FROM meta WHERE key = ?1",
        [SQL_META_SET] = "INSERT INTO meta VALUES(?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
        [SQL_COUNTERS] = "SELECT (SELECT coalesce(max(id), 0) FROM event), (SELECT coalesce(max(id), 0) FROM lead),"
                         " (SELECT coalesce(max(id), 0) FROM outbox), (SELECT coalesce(max(id), 0) FROM ledger),"
                         " (SELECT coalesce(max(id), 0) FROM company)",
        [SQL_TOTAL_GET] = "SELECT accepted, duplicates, refused, dropped, files FROM total WHERE id = 1",
        [SQL_TOTAL_SET] = "UPDATE total SET accepted = ?1, duplicates = ?2, refused = ?3, dropped = ?4, files = ?5 WHERE id = 1",
        [SQL_NAME_ADD] = "INSERT INTO name VALUES(?1, ?2)",
        [SQL_NAME_AFTER] = "SELECT id, text FROM name WHERE id >= ?1 ORDER BY id",
        [SQL_RULESET_ADD] = "INSERT INTO ruleset VALUES(NULL, ?1, ?2, ?3, ?3) RETURNING id",
        [SQL_RULESET_TOUCH] = "UPDATE ruleset SET last = ?2 WHERE id = ?1",
        [SQL_RULESET_BY_HASH] = "SELECT id FROM ruleset WHERE hash = ?1",
        [SQL_RULESET_BY_ID] = "SELECT archive FROM ruleset WHERE id = ?1",
        [SQL_RULESET_BY_PREFIX] = "SELECT archive FROM ruleset WHERE substr(hash, 1, length(?1)) = ?1 ORDER BY last DESC, id DESC LIMIT 1",
        [SQL_STATUS_ALL] = "SELECT name, team, kind, staffed FROM status",
        [SQL_STATUS_ADD] = "INSERT INTO status VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        [SQL_STATUS_CLEAR] = "DELETE FROM status",
        [SQL_COMPANY_ADD] = "INSERT INTO company VALUES(?1, ?2)",
        [SQL_COMPANY_GET] = "SELECT domain FROM company WHERE id = ?1",
        [SQL_COMPANY_ALL] = "SELECT id, domain FROM company",
        [SQL_EVENT_ADD] = "INSERT INTO event VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        [SQL_EVENT_GET] = "SELECT " EVENT_COLUMNS " WHERE e.id = ?1",
        [SQL_EVENT_NEXT] = "SELECT " EVENT_COLUMNS " WHERE e.id >= ?1 ORDER BY e.id LIMIT 1",
        [SQL_EVENT_BEFORE] = "SELECT e.id, e.lead, e.prev, e.now, e.body, coalesce(l.flags & 2, 0) FROM event e"
                             " LEFT JOIN lead l ON l.id = e.lead WHERE e.id < ?1 ORDER BY e.id DESC LIMIT 1",
        [SQL_EVENT_PREV] = "SELECT prev FROM event WHERE id = ?1",
        [SQL_EVENT_ACTIVITY] = "SELECT prev, flags, CASE WHEN flags & 256 THEN type END, now - age,"
                               " CASE WHEN flags & 256 THEN (SELECT facts FROM payload WHERE event = id) END FROM event WHERE id = ?1",
        [SQL_EVENT_ROUTED] = "SELECT id, now, flags, CASE WHEN flags & 1024 THEN body END FROM event WHERE id <= ?1 ORDER BY id DESC",
        [SQL_EVENT_VALUES] = "SELECT e.id, e.type, e.source, e.flags, p.facts FROM event e LEFT JOIN payload p ON p.event = e.id"
                             " WHERE e.id < ?1 AND e.lead > 0 ORDER BY e.id DESC LIMIT ?2",
        [SQL_PAYLOAD_ADD] = "INSERT INTO payload VALUES(?1, ?2, ?3, ?4)",
        [SQL_KEY_ADD] = "INSERT INTO key VALUES(?1, ?2, ?3)",
        [SQL_KEY_GET] = "SELECT lead, keys FROM key WHERE event = ?1",
        [SQL_KEY_ALL] = "SELECT event, keys FROM key ORDER BY event",
        [SQL_LEAD_ADD] =
                "INSERT INTO lead VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
        [SQL_LEAD_SET] = "UPDATE lead SET status = ?2, owner = ?3, version = ?4, last_event = ?5, moved_event = ?6, created = ?7,"
                         " entered = ?8, idle_from = ?9, fit = ?10, engagement = ?11, grade = ?12, segments = ?13, flags = ?14, wake = ?15,"
                         " company = ?16, profile_event = ?17, source = ?19, source_at = ?20, route = ?21 WHERE id = ?1 AND last_event ="
                         " ?18",
        [SQL_LEAD_GET] = "SELECT status, owner, version, last_event, moved_event, created, entered, idle_from, fit, engagement, grade,"
                         " segments, flags, wake, company, profile_event, source, source_at, route FROM lead WHERE id = ?1",
        [SQL_LEAD_LIST] = "SELECT l.id, l.segments FROM lead l WHERE " LEAD_FILTER " ORDER BY l.id DESC",
        [SQL_LEAD_LIST_HELD] = "SELECT l.id, l.segments FROM held h CROSS JOIN lead l ON l.id = h.lead WHERE h.lead < ?1 AND " LEAD_FILTER
                               " ORDER BY h.lead DESC",
        [SQL_LEAD_OWNED] = "SELECT id, status, company, owner, flags FROM lead WHERE owner > 0",
        [SQL_LEAD_ON_DESK] =
                "SELECT l.status, l.grade, l.engagement, l.created + l.entered, l.flags, s.rule, s.due, s.snoozed_until, l.owner"
                " FROM lead l LEFT JOIN sla s ON s.lead = l.id WHERE l.id = ?1",
        [SQL_LEAD_UNACCEPTED] = "SELECT id, owner FROM lead WHERE id >= ?1 AND id < ?2 AND flags & 1 ORDER BY id",
        [SQL_PROFILE_SET] = "INSERT INTO profile VALUES(?1, ?2) ON CONFLICT DO UPDATE SET facts = excluded.facts",
        [SQL_PROFILE_GET] = "SELECT facts FROM profile WHERE lead = ?1",
        [SQL_PROFILE_SAID] = "SELECT facts FROM payload WHERE event = ?1",
        /* what has not changed dirties no page */
        [SQL_SLA_SET] = "INSERT INTO sla VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO UPDATE SET rule = ?2,"
                        " start_event = ?3, start = ?4, due = ?5, next_step = ?6, next_due = ?7, paused = ?8, snoozed_until = ?9,"
                        " snooze_reason = ?10, version = ?11 WHERE (rule, start_event, start, due, next_step, next_due, paused,"
                        " snoozed_until, snooze_reason, version) IS NOT (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        [SQL_SLA_GET] = "SELECT rule, start_event, start, due, next_step, next_due, paused, snoozed_until, snooze_reason, version FROM sla"
                        " WHERE lead = ?1",
        [SQL_RESPONSE_SET] = "INSERT INTO response VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET rule = ?2, in_time = ?3, late = ?4"
                             " WHERE (rule, in_time, late) IS NOT (?2, ?3, ?4)",
        [SQL_RESPONSE_GET] = "SELECT rule, in_time, late FROM response WHERE lead = ?1",
        [SQL_RESPONSE_DELETE] = "DELETE FROM response WHERE lead = ?1",
        [SQL_SLA_DELETE] = "DELETE FROM sla WHERE lead = ?1",
        [SQL_HELD_SET] = "INSERT INTO held VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET by = ?2, text = ?3, since = ?4,"
                         " next_look = ?5 WHERE (by, text, since, next_look) IS NOT (?2, ?3, ?4, ?5)",
        [SQL_HELD_GET] = "SELECT by, text, since, next_look FROM held WHERE lead = ?1",
        [SQL_HELD_IN_TEAM] = "SELECT h.lead, h.since, h.by, h.text FROM held h CROSS JOIN lead l ON l.id = h.lead CROSS JOIN status s ON"
                             " s.name = l.status WHERE (h.since, h.lead) > (?2, ?3) AND s.team = ?1 ORDER BY h.since, h.lead LIMIT ?4",
        [SQL_HELD_DUE] = "SELECT h.lead FROM held h WHERE h.next_look = ?1 AND EXISTS (SELECT 1 FROM wake w WHERE w.due = ?1 AND w.lead ="
                         " h.lead) ORDER BY h.since, h.lead LIMIT ?2",
        [SQL_HELD_DELETE] = "DELETE FROM held WHERE lead = ?1",
        [SQL_RECYCLE_SET] = "INSERT INTO recycle VALUES(?1, ?2, ?3) ON CONFLICT DO UPDATE SET until = ?2, reason = ?3"
                            " WHERE (until, reason) IS NOT (?2, ?3)",
        [SQL_RECYCLE_GET] = "SELECT until, reason FROM recycle WHERE lead = ?1",
        [SQL_RECYCLE_DELETE] = "DELETE FROM recycle WHERE lead = ?1",
        [SQL_USED_ADD] = "INSERT INTO used VALUES(?1, ?2, ?3, ?4, ?5)",
        [SQL_USED_ALL] = "SELECT reason, event, at, woken FROM used WHERE lead = ?1",
        /* of an older event than what is there: nothing */
        [SQL_USED_BACKFILL] = "INSERT INTO used VALUES(?1, ?2, ?3, ?4, 0) ON CONFLICT DO UPDATE SET event = ?3, at = ?4, woken = 0"
                              " WHERE event < ?3",
        [SQL_USED_FLAGS] = "UPDATE lead SET flags = flags | 64 WHERE id IN (SELECT lead FROM used) AND flags & 64 = 0",
        [SQL_USED_DELETE] = "DELETE FROM used WHERE lead = ?1",
        [SQL_EXPIRED_ADD] = "INSERT INTO expired VALUES(?1, ?2, ?3)",
        [SQL_EXPIRED_ALL] = "SELECT member FROM expired WHERE lead = ?1 ORDER BY n",
        [SQL_EXPIRED_DELETE] = "DELETE FROM expired WHERE lead = ?1",
        [SQL_MERGED_ADD] = "INSERT INTO merged VALUES(?1, ?2, ?3, ?4, ?5)",
        [SQL_MERGED_GET] = "SELECT into_lead, owner, unaccepted FROM merged WHERE lead = ?1",
        [SQL_MERGED_INTO] = "SELECT lead FROM merged WHERE into_lead = ?1 ORDER BY lead",
        [SQL_MERGED_DELETE] = "DELETE FROM merged WHERE lead = ?1",
        [SQL_NAMED_ADD] = "INSERT INTO named VALUES(?1, ?2)",
        [SQL_NAMED_GET] = "SELECT lead FROM named WHERE event = ?1",
        [SQL_NAMED_BEFORE] = "SELECT n.event, e.lead FROM named n CROSS JOIN event e ON e.id = n.event WHERE n.lead = ?1 AND n.event < ?2"
                             " ORDER BY n.event DESC LIMIT 1",
        [SQL_DUPLICATE_ADD] = "INSERT INTO duplicate VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        [SQL_DUPLICATE_OF_EVENT] = "SELECT lead, other, reasons FROM duplicate WHERE event = ?1",
        [SQL_DUPLICATE_DELETE] = "DELETE FROM duplicate WHERE lead = ?1 OR other = ?1",
        [SQL_ERASURE_ADD] = "INSERT INTO erasure VALUES(NULL, ?1) RETURNING id",
        [SQL_ERASURE_NEXT] = "SELECT id, needles FROM erasure ORDER BY id LIMIT 1",
        [SQL_ERASURE_GET] = "SELECT id, needles FROM erasure WHERE id = ?1",
        [SQL_ERASURE_DONE] = "DELETE FROM erasure WHERE id = ?1",
        [SQL_LEDGER_PURGE] = "UPDATE ledger SET purge = 1 WHERE state < 3",
        [SQL_LEDGER_UNNAME] = "UPDATE ledger SET name = x'' WHERE id = ?1 AND state >= 3",
        [SQL_REJECT_CLEAR_ONE] = "DELETE FROM reject WHERE ledger = ?1 AND idx = ?2",
        [SQL_REJECT_NEXT] = "SELECT ledger, idx, text, raw FROM reject WHERE (ledger, idx) > (?1, ?2) ORDER BY ledger, idx LIMIT 1",
        [SQL_PAYLOAD_DELETE] = "DELETE FROM payload WHERE event = ?1",
        [SQL_EVENT_ERASE] = "UPDATE event SET record_id = NULL WHERE id = ?1 RETURNING ledger",
        [SQL_KEY_SET] = "UPDATE key SET keys = ?2 WHERE event = ?1",
        [SQL_PROFILE_DELETE] = "DELETE FROM profile WHERE lead = ?1",
        [SQL_OUTBOX_ERASE] = "UPDATE outbox SET next = NULL, done = coalesce(done, ?2), lease = NULL, address = NULL, body = NULL, error ="
                             " NULL WHERE lead = ?1 AND id >= ?3 AND id < ?4",
        /* ids ascend with events, so that those of an event are found without an index */
        [SQL_OUTBOX_AT] = "SELECT id, event FROM outbox WHERE id >= ?1 ORDER BY id LIMIT 1",
        [SQL_OUTBOX_OF_EVENT] = "SELECT kind, via, channel, recipient, role, rule, step, body, created FROM outbox WHERE event = ?1"
                                " AND id >= ?2 AND id < ?3 ORDER BY id",
        [SQL_OUTBOX_COPY] = "INSERT INTO outbox(id, event, lead, kind, via, channel, recipient, address, role, rule, step, body, created,"
                            " attempts, next) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, ?8, ?9, ?10, ?11, ?12, 0, NULL)",
        [SQL_LEAD_AT_COMPANY] = "SELECT id FROM lead WHERE company = ?1 AND id != ?2 LIMIT 1",
        [SQL_COMPANY_ERASE] = "UPDATE company SET domain = '' WHERE id = ?1",
        [SQL_DUPLICATE_ALL] = "SELECT lead, other, reasons FROM duplicate WHERE lead < ?1 ORDER BY lead DESC, other DESC, reasons DESC",
        /* found among what waits and what is dead, not among all that was ever told */
        [SQL_OUTBOX_CANCEL_OF] = "UPDATE outbox SET next = NULL, done = ?2, address = NULL, body = digest(body), error = 'cancelled'"
                                 " WHERE id IN (SELECT id FROM outbox INDEXED BY outbox_pending WHERE next IS NOT NULL AND lead = ?1"
                                 " UNION ALL SELECT id FROM outbox INDEXED BY outbox_dead WHERE next IS NULL AND done IS NULL AND lead ="
                                 " ?1) AND lease IS NULL AND event <= ?3",
        [SQL_FEEDBACK_ADD] = "INSERT INTO feedback VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        [SQL_FEEDBACK_ALL] = "SELECT event, n, lead, at, move, reason, was, goes, owner, accepted, by, source, campaign FROM feedback"
                             " WHERE event < ?1 AND at >= ?2 ORDER BY event DESC, n DESC",
        [SQL_SEEN_FORGET] = "DELETE FROM seen WHERE lead = ?1",
        [SQL_FEEDBACK_KNOWN_BY] = "SELECT source, campaign FROM feedback WHERE event = ?1 AND n = ?2",
        [SQL_FEEDBACK_FORGET] = "UPDATE feedback SET source = NULL, campaign = NULL WHERE lead = ?1",
        [SQL_WAKE_ADD] = "INSERT INTO wake VALUES(?1, ?2)",
        [SQL_WAKE_DELETE] = "DELETE FROM wake WHERE due = ?1 AND lead = ?2",
        [SQL_WAKE_NEXT] = "SELECT due FROM wake ORDER BY due LIMIT 1",
        [SQL_WAKE_DUE] = "SELECT w.due, w.lead, h.next_look IS w.due FROM wake w LEFT JOIN held h ON h.lead = w.lead WHERE w.due <= ?1"
                         " ORDER BY w.due, w.lead LIMIT ?2",
        [SQL_SEAT_SET] = "INSERT INTO seat VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET turn = ?2, took_part = ?3, served = ?4,"
                         " credits = ?5",
        [SQL_SEAT_ALL] = "SELECT member, turn, took_part, served, credits FROM seat ORDER BY member",
        [SQL_FAIR_ADD] = "INSERT INTO fair VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET n = n + ?6",
        [SQL_FAIR_PRUNE] = "DELETE FROM fair WHERE day <= ?1",
        [SQL_FAIR_NEWEST] = "SELECT day FROM fair ORDER BY day DESC LIMIT 1",
        [SQL_FAIR_SUMS] = "SELECT team, route, member, kind, sum(n) FROM fair WHERE day >= ?1 GROUP BY team, route, member, kind",
        [SQL_ABSENCE_ADD] = "INSERT INTO absence VALUES(?1, ?2, ?3)",
        [SQL_ABSENCE_ALL] = "SELECT member, since, until FROM absence ORDER BY member, since",
        [SQL_ABSENCE_CLEAR] = "DELETE FROM absence WHERE member = ?1",
        [SQL_TALLY_SET] = "INSERT INTO tally VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET n = ?3, unaccepted = ?4",
        [SQL_TALLY_DELETE] = "DELETE FROM tally WHERE owner = ?1 AND status = ?2",
        [SQL_TALLY_ALL] = "SELECT owner, status, n, unaccepted FROM tally ORDER BY owner, status",
        [SQL_LEDGER_ADD] = "INSERT INTO ledger VALUES(?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, 0, 1, 0, 0, 0, 0, 0, 0)",
        [SQL_LEDGER_GET] = "SELECT " LEDGER_COLUMNS " WHERE id = ?1",
        [SQL_LEDGER_SET] = "UPDATE ledger SET state = ?2, last = ?3, next_offset = ?4, next_index = ?5, accepted = ?6, duplicates = ?7,"
                           " refused = ?8, dropped = ?9, attempts = ?10, purge = max(purge, ?11) WHERE id = ?1",
        [SQL_LEDGER_UNSETTLED] = "SELECT " LEDGER_COLUMNS " WHERE state < 3 AND id >= ?1 ORDER BY id LIMIT 1",
        [SQL_REJECT_ADD] = "INSERT INTO reject VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET reason = ?3, field = ?4, text = ?5,"
                           " raw = ?6",
        [SQL_REJECT_ALL] = "SELECT idx, reason, field, text, raw FROM reject WHERE ledger = ?1 ORDER BY idx",
        [SQL_REJECT_CLEAR] = "DELETE FROM reject WHERE ledger = ?1",
        [SQL_OUTBOX_ADD] = "INSERT INTO outbox VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 0, ?14, NULL, NULL, NULL,"
                           " NULL, NULL)",
        [SQL_OUTBOX_DUE_LOCAL] = "SELECT " OUTBOX_COLUMNS " WHERE next <= ?1 AND " OUTBOX_IS_LOCAL " ORDER BY next, id LIMIT ?2",
        [SQL_OUTBOX_DUE_REMOTE] = "SELECT " OUTBOX_COLUMNS " WHERE next <= ?1 AND NOT " OUTBOX_IS_LOCAL " ORDER BY next, id LIMIT ?2",
        [SQL_OUTBOX_NEXT_LOCAL] = "SELECT next FROM outbox WHERE next IS NOT NULL AND " OUTBOX_IS_LOCAL " ORDER BY next LIMIT 1",
        [SQL_OUTBOX_NEXT] = "SELECT next FROM outbox WHERE next IS NOT NULL ORDER BY next LIMIT 1",
        [SQL_OUTBOX_LIST] = "SELECT " OUTBOX_COLUMNS " WHERE id > ?1 AND (next IS NOT NULL OR done IS NULL) ORDER BY id LIMIT ?2",
        /* EFFECT_REMINDED; the row itself is among them, or the limit has no room for it */
        [SQL_OUTBOX_GATHER] =
                "UPDATE outbox SET mail = ?1 WHERE id = ?1 OR id IN (SELECT id FROM outbox WHERE next IS NOT NULL AND mail IS NULL"
                " AND " OUTBOX_IS_MAIL " AND recipient = (SELECT recipient FROM outbox WHERE id = ?1)"
                " AND channel = (SELECT channel FROM outbox WHERE id = ?1) AND next <= ?2 AND lease IS NULL AND kind = 3"
                " AND address IS (SELECT address FROM outbox WHERE id = ?1) ORDER BY next, id LIMIT ?3)",
        [SQL_OUTBOX_MAIL_IDS] = "SELECT id FROM outbox WHERE mail = ?1 AND next IS NOT NULL ORDER BY id",
        [SQL_OUTBOX_MAIL_LEADS] = "SELECT count(DISTINCT lead) FROM outbox WHERE mail = ?1 AND next IS NOT NULL",
        [SQL_OUTBOX_MAIL_ROWS] = "SELECT " OUTBOX_COLUMNS " WHERE id IN (SELECT max(id) FROM outbox WHERE mail = ?1 AND next IS NOT NULL"
                                 " GROUP BY lead ORDER BY 1 LIMIT ?2) ORDER BY id",
        [SQL_OUTBOX_DONE] = "UPDATE outbox SET next = NULL, done = ?2, lease = NULL, address = NULL, body = digest(body), error = NULL"
                            " WHERE " OUTBOX_THAT " RETURNING id",
        /* an attempt that was leased is counted already */
        [SQL_OUTBOX_RETRY] = "UPDATE outbox SET next = ?2, attempts = attempts + (lease IS NULL), lease = NULL, error = ?3,"
                             " tried = coalesce(tried, ?4) WHERE " OUTBOX_THAT " RETURNING id",
        [SQL_OUTBOX_POSTPONE] = "UPDATE outbox SET next = ?2 WHERE " OUTBOX_THAT " RETURNING id",
        [SQL_OUTBOX_LEASE] = "UPDATE outbox SET next = ?2, attempts = attempts + 1, lease = ?3, tried = coalesce(tried, ?3)"
                             " WHERE " OUTBOX_THAT " RETURNING id",
        [SQL_OUTBOX_UNLEASE] = "UPDATE outbox SET next = ?1, lease = NULL WHERE lease IS NOT NULL AND next IS NOT NULL",
        [SQL_OUTBOX_BURY] = "UPDATE outbox SET next = NULL, lease = NULL, error = ?2 WHERE " OUTBOX_THAT " RETURNING id",
        /* by a person: dead letters as well as what waits, but nothing that was delivered */
        [SQL_OUTBOX_REVIVE] = "UPDATE outbox SET next = ?2, mail = NULL WHERE id = ?1 AND done IS NULL AND lease IS NULL RETURNING id",
        [SQL_OUTBOX_CANCEL] = "UPDATE outbox SET next = NULL, done = ?2, address = NULL, body = digest(body), error = 'cancelled'"
                              " WHERE id = ?1 AND done IS NULL AND lease IS NULL RETURNING id",
        [SQL_COUNT_HELD] = "SELECT count(*) FROM held",
        [SQL_COUNT_OUTBOX] = "SELECT count(*), coalesce(sum(attempts > 0), 0) FROM outbox WHERE next IS NOT NULL",
        [SQL_COUNT_DEAD] = "SELECT count(*) FROM outbox WHERE next IS NULL AND done IS NULL",
        [SQL_COUNT_WAKES] = "SELECT count(*) FROM wake",
        [SQL_HIT_ADD] = "INSERT INTO hit VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET n = n + ?4, failed = failed + ?5",
        [SQL_HIT_EVER] = "INSERT INTO hit_ever VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET n = n + ?3, failed = failed + ?4,"
                         " last = coalesce(max(last, ?5), last, ?5), last_failed = coalesce(max(last_failed, ?6), last_failed, ?6)",
        [SQL_HIT_PRUNE] = "DELETE FROM hit WHERE hour <= ?1",
        [SQL_HIT_NEWEST] = "SELECT hour FROM hit ORDER BY hour DESC LIMIT 1",
        [SQL_HIT_SUMS] = "SELECT kind, rule, sum(n_1d), sum(n_7d), sum(failed_7d), sum(n), sum(failed), max(last), max(last_failed) FROM"
                         " (SELECT kind, rule, CASE WHEN hour > ?1 THEN n ELSE 0 END AS n_1d, n AS n_7d, failed AS failed_7d, 0 AS n,"
                         " 0 AS failed, NULL AS last, NULL AS last_failed FROM hit WHERE hour > ?2 UNION ALL"
                         " SELECT kind, rule, 0, 0, 0, n, failed, last, last_failed FROM hit_ever UNION ALL"
                         " SELECT kind, rule, CASE WHEN hour > ?1 THEN n ELSE 0 END, n, 0, 0, 0, NULL, NULL FROM refusal WHERE hour > ?2"
                         " UNION ALL SELECT kind, rule, 0, 0, 0, n, 0, last, NULL FROM refusal_ever) GROUP BY kind, rule",
        [SQL_REFUSAL_ADD] = "INSERT INTO refusal VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET n = n + ?4",
        [SQL_REFUSAL_EVER] = "INSERT INTO refusal_ever VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET n = n + ?3, last = max(last, ?4)",
        [SQL_REFUSAL_PRUNE] = "DELETE FROM refusal WHERE hour <= ?1",
        [SQL_EVENT_TIME] = "SELECT now FROM event WHERE id >= ?1 ORDER BY id LIMIT 1",
        [SQL_DIGEST_CLEAR] = "DELETE FROM digest",
        [SQL_DIGEST_ADD] = "INSERT INTO digest VALUES(?1, ?2, ?3)",
        /* by name: ids are another store's */
        [SQL_DIGEST_ALL] = "SELECT d.rule, d.due, d.sent FROM digest d JOIN name n ON n.id = d.rule ORDER BY n.text",
        [SQL_DIGEST_NEXT] = "SELECT due FROM digest WHERE due IS NOT NULL ORDER BY due LIMIT 1",
        [SQL_SEEN_GET] = "SELECT event, at, grade FROM seen WHERE person = ?1 AND lead = ?2",
        [SQL_SEEN_SET] = "INSERT INTO seen VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET event = ?3, at = ?4, grade = ?5",
        [SQL_SEEN_PRUNE] = "DELETE FROM seen WHERE person = ?1 AND lead IN (SELECT lead FROM seen WHERE person = ?1"
                           " ORDER BY at DESC, lead DESC LIMIT -1 OFFSET ?2)",
        [SQL_SUSPENDED_ADD] = "INSERT INTO suspended VALUES(?1, ?2, ?3, ?4)",
        [SQL_SUSPENDED_CLEAR] = "DELETE FROM suspended",
        [SQL_SUSPENDED_ALL] = "SELECT kind, rule, since FROM suspended ORDER BY event",
        [SQL_SUSPENDED_LAST] = "SELECT coalesce(max(event), 0) FROM suspended",
        [SQL_PASS_SET] =
                "INSERT INTO pass VALUES(1, ?1, 1, ?2, ?3, 0, 0, 0, 0, 0) ON CONFLICT DO UPDATE SET event = ?1, next = 1, upto = ?2,"
                " apply = ?3, leads = 0, changed = 0, regraded = 0, moving = 0, moved = 0",
        [SQL_PASS_GET] = "SELECT event, next, upto, apply, leads, changed, regraded, moving, moved FROM pass WHERE id = 1",
        [SQL_PASS_STEP] = "UPDATE pass SET next = ?1, leads = leads + ?2, changed = changed + ?3, regraded = regraded + ?4,"
                          " moving = moving + ?5 WHERE id = 1",
        [SQL_PASS_MOVED] = "UPDATE pass SET moved = moved + 1 WHERE id = 1",
};

/* ---- proofs ---- */

/* name(), body() and digest() are ours (proof.c): ids become texts, so that two dictionaries may differ. */
static const SqlQuery projections[] = {
        { "event",
                "SELECT id, lead, prev, name(type) AS type, name(source) AS source, name(actor) AS actor,"
                " (SELECT hash FROM ruleset WHERE id = rules) AS rules, now, age, flags, record_id, body(id, body) AS body"
                " FROM event ORDER BY id",
                1 },
        { "payload", "SELECT event, facts, subject, notes FROM payload ORDER BY event", 1 },
        { "key", "SELECT event, lead, keys FROM key ORDER BY event", 1 },
        { "lead",
                "SELECT id, name(status) AS status, name(owner) AS owner, version, last_event, moved_event, created, created + entered AS"
                " entered, created + idle_from AS idle_from, fit, engagement, name(grade) AS grade, name(segments) AS segments, flags,"
                " created + wake AS wake, (SELECT domain FROM company WHERE company.id = lead.company) AS company, profile_event, "
                "name(source) AS source, created + source_at AS source_at, name(route) AS route FROM lead "
                "ORDER BY id",
                1 },
        { "profile", "SELECT lead, facts FROM profile ORDER BY lead", 1 },
        { "sla",
                "SELECT lead, name(rule) AS rule, start_event, start, due, next_step, next_due, paused, snoozed_until, snooze_reason,"
                " name(version) AS version FROM sla ORDER BY lead",
                1 },
        { "response", "SELECT lead, name(rule) AS rule, in_time, late FROM response ORDER BY lead", 1 },
        { "held", "SELECT lead, name(by) AS by, text, since, next_look FROM held ORDER BY lead", 1 },
        { "recycle", "SELECT lead, until, name(reason) AS reason FROM recycle ORDER BY lead", 1 },
        { "used", "SELECT lead, name(reason) AS reason, event, at, woken FROM used ORDER BY 1, 2", 2 },
        { "expired", "SELECT lead, n, name(member) AS member FROM expired ORDER BY lead, n", 2 },
        { "merged", "SELECT lead, into_lead, event, name(owner) AS owner, unaccepted FROM merged ORDER BY lead", 1 },
        { "named", "SELECT event, lead FROM named ORDER BY event", 1 },
        { "duplicate", "SELECT lead, other, reasons, event FROM duplicate ORDER BY lead, other, reasons", 3 },
        { "feedback",
                "SELECT event, n, lead, at, name(move) AS move, name(reason) AS reason, name(was) AS was, name(goes) AS goes, name(owner) "
                "AS"
                " owner, accepted, name(by) AS by, name(source) AS source, campaign FROM feedback ORDER BY event, n",
                2 },
        { "digest", "SELECT name(rule) AS rule, due, sent FROM digest ORDER BY 1", 1 },
        { "wake", "SELECT due, lead FROM wake ORDER BY due, lead", 2 },
        /* a row of nothing but zeros says what no row says: a book before version 6 has them of who was only away */
        { "seat",
                "SELECT name(member) AS member, turn, took_part, served, credits FROM seat WHERE turn != 0 OR took_part != 0 OR served != 0"
                " OR credits != 0 ORDER BY 1",
                1 },
        { "absence", "SELECT name(member) AS member, since, until FROM absence ORDER BY 1, 2", 2 },
        { "tally", "SELECT name(owner) AS owner, name(status) AS status, n, unaccepted FROM tally ORDER BY 1, 2", 2 },
        { "outbox",
                "SELECT id, event, lead, kind, via, name(channel) AS channel, name(recipient) AS recipient, name(role) AS role,"
                " name(rule) AS rule, step, digest(body) AS body, created FROM outbox ORDER BY id",
                1 },
        { "status", "SELECT name(name) AS name, name(team) AS team, kind, staffed FROM status ORDER BY 1", 1 },
        { "ruleset", "SELECT hash FROM ruleset ORDER BY hash", 1 },
        { "hit", "SELECT hour, name(rule) AS rule, kind, n, failed FROM hit ORDER BY 1, 2, 3", 3 },
        { "fair", "SELECT day, name(team) AS team, name(route) AS route, name(member) AS member, kind, n FROM fair ORDER BY 1, 2, 3, 4, 5",
                5 },
        { "hit_ever", "SELECT name(rule) AS rule, kind, n, failed, last, last_failed FROM hit_ever ORDER BY 1, 2", 2 },
        { "suspended", "SELECT event, kind, name(rule) AS rule, since FROM suspended ORDER BY event", 1 },
        { "pass", "SELECT id, event, next, upto, apply, leads, changed, regraded, moving, moved FROM pass", 1 },
};

static const SqlQuery invariants[] = {
        { "lead", "SELECT id, 'has no status' FROM lead WHERE status NOT IN (SELECT id FROM name)", 1 },
        { "lead",
                "SELECT l.id, 'its version or last event is not what the log holds' FROM lead l LEFT JOIN (SELECT lead, count(*) AS n,"
                " max(id) AS last FROM event WHERE lead > 0 GROUP BY lead) e ON e.lead = l.id WHERE e.n IS NOT l.version OR e.last IS NOT"
                " l.last_event",
                1 },
        { "lead",
                "SELECT l.id, 'its armed instant has no wake row' FROM lead l WHERE l.wake IS NOT NULL AND NOT EXISTS"
                " (SELECT 1 FROM wake w WHERE w.due = l.created + l.wake AND w.lead = l.id)",
                1 },
        { "wake",
                "SELECT w.lead, 'wakes at an instant its lead does not know' FROM wake w LEFT JOIN lead l ON l.id = w.lead WHERE"
                " l.created + l.wake IS NOT w.due",
                1 },
        { "sla",
                "SELECT l.id, 'flag and row differ' FROM lead l LEFT JOIN sla s ON s.lead = l.id WHERE (l.flags & 4 != 0) != (s.lead IS "
                "NOT NULL)",
                1 },
        { "response",
                "SELECT l.id, 'flag and row differ' FROM lead l LEFT JOIN response s ON s.lead = l.id WHERE (l.flags & 512 != 0) != (s.lead"
                " IS NOT NULL)",
                1 },
        { "held",
                "SELECT l.id, 'flag and row differ' FROM lead l LEFT JOIN held s ON s.lead = l.id WHERE (l.flags & 8 != 0) != (s.lead IS "
                "NOT NULL)",
                1 },
        { "recycle",
                "SELECT l.id, 'flag and row differ' FROM lead l LEFT JOIN recycle s ON s.lead = l.id WHERE (l.flags & 16 != 0) != (s.lead "
                "IS"
                " NOT NULL)",
                1 },
        { "used",
                "SELECT l.id, 'flag and rows differ' FROM lead l WHERE (l.flags & 64 != 0) != EXISTS (SELECT 1 FROM used u WHERE u.lead ="
                " l.id)",
                1 },
        { "expired",
                "SELECT l.id, 'flag and rows differ' FROM lead l WHERE (l.flags & 128 != 0) != EXISTS (SELECT 1 FROM expired e WHERE"
                " e.lead = l.id)",
                1 },
        { "merged",
                "SELECT l.id, 'flag and row differ' FROM lead l LEFT JOIN merged m ON m.lead = l.id WHERE (l.flags & 65536 != 0) !="
                " (m.lead IS NOT NULL)",
                1 },
        { "merged",
                "SELECT l.id, 'another lead goes on for it, and it is owned, timed, held or armed' FROM lead l WHERE l.flags & 65536 AND"
                " (l.owner != 0 OR l.flags & 13 OR l.wake IS NOT NULL)",
                1 },
        { "merged", "SELECT lead, 'is merged into no lead' FROM merged WHERE into_lead NOT IN (SELECT id FROM lead)", 1 },
        { "merged",
                "WITH RECURSIVE up(lead, at, n) AS (SELECT lead, into_lead, 1 FROM merged UNION ALL SELECT up.lead, m.into_lead, n + 1"
                " FROM up JOIN merged m ON m.lead = up.at WHERE n < 70) SELECT DISTINCT lead, 'is merged into itself' FROM up"
                " WHERE at = lead OR n >= 70",
                1 },
        { "erased",
                "SELECT id, 'was erased, and something is left' FROM lead l WHERE l.flags & 262144 AND (l.owner != 0 OR l.company != 0 OR"
                " l.profile_event != 0 OR l.flags & ~262146 OR l.wake IS NOT NULL OR l.segments IS NOT NULL OR l.source IS NOT NULL OR"
                " EXISTS (SELECT 1 FROM profile p WHERE p.lead = l.id) OR EXISTS (SELECT 1 FROM outbox o WHERE o.lead = l.id AND o.event"
                " < l.last_event AND (o.body IS NOT NULL OR o.address IS NOT NULL)))",
                1 },
        { "erased",
                "SELECT e.id, 'is of somebody who was erased, and says something' FROM event e JOIN lead l ON l.id = e.lead JOIN payload p"
                " ON p.event = e.id WHERE l.flags & 262144 AND e.id != l.last_event AND coalesce((SELECT text FROM name WHERE id = e.type),"
                " e.type) NOT IN ('lead.merged', 'lead.unmerged') AND NOT EXISTS (SELECT 1 FROM named n JOIN lead o ON o.id = n.lead"
                " WHERE n.event = e.id AND o.flags & 262144 = 0)",
                1 },
        { "named", "SELECT event, 'came by a lead that is not known' FROM named WHERE lead NOT IN (SELECT id FROM lead)", 1 },
        { "duplicate",
                "SELECT lead, 'may be the same person as a lead that is not known' FROM duplicate WHERE lead NOT IN (SELECT id FROM"
                " lead) OR other NOT IN (SELECT id FROM lead)",
                1 },
        { "used", "SELECT lead, 'has no lead' FROM used WHERE lead NOT IN (SELECT id FROM lead)", 1 },
        { "expired", "SELECT lead, 'has no lead' FROM expired WHERE lead NOT IN (SELECT id FROM lead)", 1 },
        { "sla", "SELECT lead, 'has no lead' FROM sla WHERE lead NOT IN (SELECT id FROM lead)", 1 },
        { "response", "SELECT lead, 'has no lead' FROM response WHERE lead NOT IN (SELECT id FROM lead)", 1 },
        { "held", "SELECT lead, 'has no lead' FROM held WHERE lead NOT IN (SELECT id FROM lead)", 1 },
        { "recycle", "SELECT lead, 'has no lead' FROM recycle WHERE lead NOT IN (SELECT id FROM lead)", 1 },
        { "lead",
                "SELECT l.id, 'its profile is said by an event that is not its own' FROM lead l LEFT JOIN event e ON e.id = l.profile_event"
                " WHERE l.profile_event > 0 AND e.lead IS NOT l.id",
                1 },
        { "profile", "SELECT p.lead, 'is kept twice' FROM profile p JOIN lead l ON l.id = p.lead WHERE l.profile_event > 0", 1 },
        { "profile", "SELECT lead, 'has no lead' FROM profile WHERE lead NOT IN (SELECT id FROM lead)", 1 },
        { "event",
                "SELECT e.id, 'its back pointer leads to another lead or nowhere' FROM event e LEFT JOIN event p ON p.id = e.prev"
                " WHERE e.prev > 0 AND (p.lead IS NOT e.lead OR p.id >= e.id)",
                1 },
        { "event", "SELECT id, 'has no lead' FROM event WHERE lead > 0 AND lead NOT IN (SELECT id FROM lead)", 1 },
        { "event", "SELECT id, 'has no rule set' FROM event WHERE rules > 0 AND rules NOT IN (SELECT id FROM ruleset)", 1 },
        { "feedback", "SELECT event, 'has no event' FROM feedback WHERE event NOT IN (SELECT id FROM event)", 1 },
        { "payload", "SELECT event, 'has no event' FROM payload WHERE event NOT IN (SELECT id FROM event)", 1 },
        { "key", "SELECT event, 'has no event' FROM key WHERE event NOT IN (SELECT id FROM event)", 1 },
        { "key",
                "SELECT max(event), 'the same record was counted twice' FROM key WHERE substr(keys, 1, 16) != zeroblob(16)"
                " GROUP BY substr(keys, 1, 16) HAVING count(*) > 1",
                1 },
        { "outbox", "SELECT id, 'has no event' FROM outbox WHERE event NOT IN (SELECT id FROM event)", 1 },
        { "tally",
                "SELECT coalesce(t.status, l.status), 'the count of leads by owner and status is wrong' FROM (SELECT owner, status,"
                " count(*) AS n, sum(flags & 1) AS unaccepted FROM lead WHERE flags & 327682 = 0 GROUP BY owner, status) l FULL JOIN tally "
                "t"
                " ON t.owner = l.owner AND t.status = l.status WHERE (t.n, t.unaccepted) IS NOT (l.n, l.unaccepted)",
                1 },
};

const SqlQuery *sql_projections(size_t *ret_n) {
        *ret_n = ARRAY_SIZE(projections);
        return projections;
}

const SqlQuery *sql_invariants(size_t *ret_n) {
        *ret_n = ARRAY_SIZE(invariants);
        return invariants;
}

const char *sql_integrity_check(void) { return "PRAGMA integrity_check(100)"; }

/* ---- running ---- */

int sql_error(Store *store, int rc) {
        switch (rc & 0xff) {
        case SQLITE_OK:
        case SQLITE_ROW:
        case SQLITE_DONE:
                return 0;
        case SQLITE_FULL:
                return STORE_E_FULL;
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return -EBADMSG;
        case SQLITE_READONLY:
                return -EROFS;
        case SQLITE_TOOBIG:
                return -E2BIG;
        case SQLITE_CONSTRAINT:
                return -EEXIST;
        case SQLITE_MISUSE:
        case SQLITE_RANGE:
                return -EINVAL;
        case SQLITE_CANTOPEN: {
                int error = sqlite3_system_errno(store->db);
                return error > 0 ? -error : -ENOENT;
        }
        case SQLITE_IOERR: {
                /* The file system says "full" in other calls than write(), too. An fsync that fails has lost data, whatever
                 * it says: it is never a reason to go on. */
                int error = sqlite3_system_errno(store->db);
                if ((error == ENOSPC || error == EDQUOT) && rc != SQLITE_IOERR_FSYNC && rc != SQLITE_IOERR_DIR_FSYNC)
                        return STORE_E_FULL;
                return -EIO;
        }
        default:
                return -EIO;
        }
}

static int bind_args(sqlite3_stmt *statement, const Arg *args, size_t n_args) {
        /* A NULL in the middle of a WHERE would be a silent mistake: the caller gives exactly what the text asks for. */
        if ((size_t) sqlite3_bind_parameter_count(statement) != n_args)
                return SQLITE_RANGE;
        for (size_t i = 0; i < n_args; i++) {
                const Arg *arg = &args[i];
                int rc, at = (int) i + 1;
                switch (arg->type) {
                case ARG_INTEGER:
                        rc = sqlite3_bind_int64(statement, at, arg->integer);
                        break;
                /* Static: the arguments outlive the step, and every parameter is bound anew before the next one. */
                case ARG_TEXT:
                        rc = sqlite3_bind_text(statement, at, arg->data, -1, SQLITE_STATIC);
                        break;
                case ARG_BLOB:
                        rc = sqlite3_bind_blob64(statement, at, arg->data, (sqlite3_uint64) arg->integer, SQLITE_STATIC);
                        break;
                default:
                        rc = sqlite3_bind_null(statement, at);
                        break;
                }
                if (rc != SQLITE_OK)
                        return rc;
        }
        return SQLITE_OK;
}

int sql_run_args(Store *store, Sql sql, const Arg *args, size_t n_args) {
        sqlite3_stmt *statement = store->statements[sql];
        int rc = bind_args(statement, args, n_args);
        if (rc != SQLITE_OK)
                return sql_error(store, rc);
        rc = sqlite3_step(statement);
        int r = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : sql_error(store, rc);
        (void) sqlite3_reset(statement);
        return r;
}

int sql_run_plain(Store *store, Sql sql) { return sql_run_args(store, sql, NULL, 0); }

int sql_next(Store *store, sqlite3_stmt *statement) {
        int rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW)
                return 0;
        return rc == SQLITE_DONE ? STORE_E_NONE : sql_error(store, rc);
}

int sql_row_args(Store *store, Sql sql, sqlite3_stmt **ret, const Arg *args, size_t n_args) {
        _cleanup_(sql_resetp) sqlite3_stmt *statement = store->statements[sql];
        int rc = bind_args(statement, args, n_args);
        if (rc != SQLITE_OK)
                return sql_error(store, rc);
        int r = sql_next(store, statement);
        if (r == 0)
                *ret = TAKE(statement);
        return r;
}

int sql_row_plain(Store *store, Sql sql, sqlite3_stmt **ret) { return sql_row_args(store, sql, ret, NULL, 0); }

void sql_resetp(sqlite3_stmt **statement) {
        if (*statement)
                (void) sqlite3_reset(*statement);
        *statement = NULL;
}

int sql_prepare_all(Store *store) {
        for (size_t i = 0; i < SQL_N; i++) {
                int rc = sqlite3_prepare_v3(store->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT, &store->statements[i], NULL);
                /* They are right for a file of our version: one that lacks a table or a column of theirs is damaged. */
                if ((rc & 0xff) == SQLITE_ERROR)
                        return -EBADMSG;
                if (rc != SQLITE_OK)
                        return sql_error(store, rc);
        }
        return 0;
}

void sql_finalize_all(Store *store) {
        for (size_t i = 0; i < SQL_N; i++) {
                (void) sqlite3_finalize(store->statements[i]);
                store->statements[i] = NULL;
        }
}

/* ---- setting up ---- */

static int run_text(Store *store, const char *text) { return sql_error(store, sqlite3_exec(store->db, text, NULL, NULL, NULL)); }

int sql_pragma(Store *store, const char *text, int64_t *ret) {
        sqlite3_stmt *statement = NULL;
        int rc = sqlite3_prepare_v2(store->db, text, -1, &statement, NULL);
        if (rc == SQLITE_OK) {
                rc = sqlite3_step(statement);
                if (rc == SQLITE_ROW && ret)
                        *ret = sqlite3_column_int64(statement, 0);
        }
        int r = sql_error(store, rc);
        (void) sqlite3_finalize(statement);
        return r;
}

static int migrate(Store *store, int64_t version) {
        for (size_t i = 0; i < ARRAY_SIZE(migrations); i++) {
                if (migrations[i].version <= version)
                        continue;
                char text[64];
                int r = run_text(store, "BEGIN IMMEDIATE");
                if (r == 0)
                        r = run_text(store, migrations[i].sql);
                if (r == 0) {
                        (void) snprintf(text, sizeof(text), "PRAGMA application_id = %d", STORE_APPLICATION_ID);
                        r = run_text(store, text);
                }
                if (r == 0) {
                        (void) snprintf(text, sizeof(text), "PRAGMA user_version = %d", migrations[i].version);
                        r = run_text(store, text);
                }
                if (r == 0)
                        r = run_text(store, "COMMIT");
                if (r != 0) {
                        (void) run_text(store, "ROLLBACK");
                        return r;
                }
        }
        return 0;
}

int sql_set_up(Store *store) {
        static const char common[] = "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"
                                     "PRAGMA cache_size = -65536;";
        /* The log is truncated to this after a reader held it long. */
        static const char writer[] = "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864;"
                                     "PRAGMA secure_delete = ON;"; /* what is deleted is overwritten, or nobody could be erased */
        int64_t application = 0, version = 0, n_objects = 0;

        int r = run_text(store, common);
        if (r == 0)
                r = sql_pragma(store, "PRAGMA application_id", &application);
        if (r == 0)
                r = sql_pragma(store, "PRAGMA user_version", &version);
        if (r == 0)
                r = sql_pragma(store, "SELECT count(*) FROM sqlite_schema", &n_objects);
        if (r == -EBADMSG)
                return STORE_E_CORRUPT;
        if (r != 0)
                return r;

        bool is_empty = application == 0 && version == 0 && n_objects == 0;
        if (!is_empty && application != STORE_APPLICATION_ID)
                return STORE_E_CORRUPT;
        if (version > STORE_SCHEMA_VERSION)
                return STORE_E_NEWER;
        if (!store_is_writer(store))
                return version == STORE_SCHEMA_VERSION ? 0 : version > 0 ? STORE_E_OLDER : STORE_E_CORRUPT;

        if (store->mode == STORE_WRITE) {
                /* Once set it stays in the file, so readers find it. */
                sqlite3_stmt *statement = NULL;
                int rc = sqlite3_prepare_v2(store->db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
                if (rc == SQLITE_OK)
                        rc = sqlite3_step(statement);
                bool is_wal = rc == SQLITE_ROW && base_streq(column_text(statement, 0), "wal");
                (void) sqlite3_finalize(statement);
                if (rc != SQLITE_ROW)
                        return sql_error(store, rc);
                if (!is_wal)
                        return -ENOTSUP;
                r = run_text(store, writer);
        } else
                r = run_text(store, "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;");
        if (r != 0)
                return r;
        return migrate(store, version);
}
