/* SPDX-License-Identifier: MIT */
/*
 * The tables, version by version: each text makes a book of one version out of one of the version before, and runs once, in
 * a transaction of its own. What a version has to find out of the log is not done here but in backfill.c.
 *
 * The layout answers one measurement: random pages dirtied per event govern the speed. So the lead's hot row is
 * integers only, the profile is written when it changes, rarely used states have side tables, everything else is
 * appended in the order of its own id, and no index has random keys: those are in memory (index.c).
 */
#include "internal.h"
#include <stdio.h>

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

static const char schema_7[] =
        /* events before this one are of a leadd that did not keep what reports count from: what they say of it is found by hindsight.c */
        "INSERT INTO meta SELECT 'facts', coalesce(max(id), 0) + 1 FROM event;"
        "INSERT INTO meta VALUES('hindsight', 1);" /* is still to be done */
        /* since when its owner has it (from created); its first touch; the consents of its profile, "contact+ marketing-" */
        "ALTER TABLE lead ADD COLUMN offered INTEGER;"
        "ALTER TABLE lead ADD COLUMN offered_event INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE lead ADD COLUMN came_from ANY;"
        "ALTER TABLE lead ADD COLUMN campaign ANY;"
        "ALTER TABLE lead ADD COLUMN consents ANY;"
        /* moves and hand-offs that ended; id: the event's by 16, and which of the event's. spent: in `was`, which it left; owner: before
         * it. due, working: of the promise that ran, and of the owner's clock. scores: ids of the rules that gave points then */
        "CREATE TABLE transition(id INTEGER PRIMARY KEY, lead INTEGER NOT NULL, at INTEGER NOT NULL, move INTEGER NOT NULL,"
        " was INTEGER NOT NULL, goes INTEGER NOT NULL, owner INTEGER NOT NULL, by ANY, spent INTEGER NOT NULL, flags INTEGER NOT NULL)"
        " STRICT;"
        "CREATE TABLE handoff(id INTEGER PRIMARY KEY, lead INTEGER NOT NULL, offered_event INTEGER NOT NULL, offered INTEGER NOT NULL,"
        " ended INTEGER NOT NULL, how INTEGER NOT NULL, team INTEGER NOT NULL, owner INTEGER NOT NULL, route INTEGER NOT NULL,"
        " sla INTEGER NOT NULL, due INTEGER, working INTEGER, reason INTEGER NOT NULL, scores BLOB, flags INTEGER NOT NULL) STRICT;"
        /* counters for the metrics (StoredSum); a, b: names or numbers, as the kind says */
        "CREATE TABLE sums(kind INTEGER NOT NULL, a INTEGER NOT NULL, b INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(kind, a, b))"
        " STRICT, WITHOUT ROWID;"
        /* how many leads leaked on a day of the site's zone, as the journal was told; kind 0: all of them */
        "CREATE TABLE leaked(day INTEGER NOT NULL, kind INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(day, kind)) STRICT, WITHOUT"
        " ROWID;"
        "ALTER TABLE feedback ADD COLUMN scores BLOB;"
        /* who had a lead when it last went to a team without members, and by which move */
        "CREATE TABLE returned(lead INTEGER PRIMARY KEY, owner INTEGER NOT NULL, event INTEGER NOT NULL, at INTEGER NOT NULL,"
        " move INTEGER NOT NULL, reason INTEGER NOT NULL, by ANY) STRICT;"
        /* what people did for a lead that somebody had accepted, but for moves: those stand in transition */
        "CREATE TABLE work(event INTEGER PRIMARY KEY, lead INTEGER NOT NULL, at INTEGER NOT NULL, owner INTEGER NOT NULL) STRICT;"
        /* the track a lead is in, or (ended) was woken from; event, since: of that; step: so many were taken; due: of the next */
        "CREATE TABLE track(lead INTEGER PRIMARY KEY, name INTEGER NOT NULL, event INTEGER NOT NULL, since INTEGER NOT NULL,"
        " step INTEGER NOT NULL, due INTEGER, ended INTEGER NOT NULL) STRICT;"
        /* the member in whose name it goes to the lead */
        "ALTER TABLE outbox ADD COLUMN sender ANY;"
        /* who was written to: event is the take's first, or that of the mail; kind: an EffectKind. In the order in which an audience goes
         * through the leads */
        "CREATE TABLE written(lead INTEGER NOT NULL, event INTEGER NOT NULL, campaign INTEGER NOT NULL, kind INTEGER NOT NULL,"
        " at INTEGER NOT NULL, PRIMARY KEY(lead, event, campaign)) STRICT, WITHOUT ROWID;"
        /* whom people keep out of a campaign, 0 = of all; the newest word */
        "CREATE TABLE exclusion(lead INTEGER NOT NULL, campaign INTEGER NOT NULL, until INTEGER NOT NULL, at INTEGER NOT NULL, by ANY,"
        " reason TEXT, event INTEGER NOT NULL, PRIMARY KEY(lead, campaign)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE take(event INTEGER PRIMARY KEY, campaign INTEGER NOT NULL, by ANY, at INTEGER NOT NULL, last_event INTEGER NOT NULL,"
        " last_at INTEGER NOT NULL, leads INTEGER NOT NULL, dropped INTEGER NOT NULL, parts INTEGER NOT NULL, done INTEGER NOT NULL)"
        " STRICT;"
        /* a lead's deals, n: which. amount: ten-thousandths; probability: millionths; ended: won or lost. k: which of its stages */
        "CREATE TABLE opportunity(lead INTEGER NOT NULL, n INTEGER NOT NULL, state INTEGER NOT NULL, id TEXT, stage ANY, amount INTEGER,"
        " currency ANY, probability INTEGER, close_date TEXT, opened INTEGER NOT NULL, said INTEGER NOT NULL, changed INTEGER NOT NULL,"
        " staged INTEGER NOT NULL, ended INTEGER, PRIMARY KEY(lead, n)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE opportunity_stage(lead INTEGER NOT NULL, n INTEGER NOT NULL, k INTEGER NOT NULL, stage ANY, state INTEGER NOT NULL,"
        " at INTEGER NOT NULL, PRIMARY KEY(lead, n, k)) STRICT, WITHOUT ROWID;"
        /* what profiles and the log of an older book say of them is not folded yet: opportunity.c */
        "INSERT INTO meta SELECT 'deals', 1 WHERE EXISTS (SELECT 1 FROM event);";

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
        { 7, schema_7 },
};

int schema_migrate(Store *store, int64_t version) {
        for (size_t i = 0; i < ARRAY_SIZE(migrations); i++) {
                if (migrations[i].version <= version)
                        continue;
                char text[64];
                int r = sql_run_text(store, "BEGIN IMMEDIATE");
                if (r == 0)
                        r = sql_run_text(store, migrations[i].sql);
                if (r == 0) {
                        (void) snprintf(text, sizeof(text), "PRAGMA application_id = %d", STORE_APPLICATION_ID);
                        r = sql_run_text(store, text);
                }
                if (r == 0) {
                        (void) snprintf(text, sizeof(text), "PRAGMA user_version = %d", migrations[i].version);
                        r = sql_run_text(store, text);
                }
                if (r == 0)
                        r = sql_run_text(store, "COMMIT");
                if (r != 0) {
                        (void) sql_run_text(store, "ROLLBACK");
                        return r;
                }
        }
        return 0;
}
