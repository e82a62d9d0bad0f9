/* SPDX-License-Identifier: MIT */
/*
 * Every statement of the program, by enum, but the tables (schema.c) and what the proofs ask (invariants.c). Around them
 * typed binding, stepping and the meaning of SQLite's results. A statement is reset before anybody outside this room sees
 * what it found. Decides nothing about leads.
 */
#include "internal.h"
#include <errno.h>

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
        " tried, mail, (SELECT r.hash FROM event e CROSS JOIN ruleset r ON r.id = e.rules WHERE e.id = outbox.event), sender FROM outbox"
#define OUTBOX_IS_LOCAL "via IN (0, 5)" /* VIA_JOURNAL, VIA_DROP: no other process is needed */
#define OUTBOX_IS_MAIL "via IN (1, 2)"  /* VIA_SENDMAIL, VIA_SMTP */
/* a row, or the rows of a mail; both found by their ids, whatever the planner thinks of the index of all that is pending */
#define OUTBOX_THAT \
        "id IN (SELECT id FROM outbox WHERE id = ?1 AND mail IS NULL UNION ALL SELECT id FROM outbox WHERE mail = ?1 AND next IS NOT " \
        "NULL)" \
        " AND +next IS NOT NULL"
#define LEAD_FEW "id, status, owner, grade, segments, created, entered, offered, flags, came_from, campaign, consents"
#define OPPORTUNITY_COLUMNS \
        "o.lead, o.n, o.state, o.id, o.stage, o.amount, o.currency, o.probability, o.close_date, o.opened, o.said, o.changed, o.staged," \
        " o.ended"
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
        [SQL_LEAD_ADD] = "INSERT INTO lead VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, "
                         "?20, ?21, ?22,"
                         " ?23, ?24, ?25)",
        [SQL_LEAD_SET] = "UPDATE lead SET status = ?2, owner = ?3, version = ?4, last_event = ?5, moved_event = ?6, created = ?7,"
                         " entered = ?8, idle_from = ?9, fit = ?10, engagement = ?11, grade = ?12, segments = ?13, flags = ?14, wake = ?15,"
                         " company = ?16, profile_event = ?17, source = ?19, source_at = ?20, route = ?21, offered = ?22, offered_event ="
                         " ?23, came_from = ?24, campaign = ?25, consents = ?26 WHERE id = ?1 AND last_event = ?18",
        [SQL_LEAD_GET] = "SELECT status, owner, version, last_event, moved_event, created, entered, idle_from, fit, engagement, grade,"
                         " segments, flags, wake, company, profile_event, source, source_at, route, offered, offered_event, came_from,"
                         " campaign, consents FROM lead WHERE id = ?1",
        [SQL_LEAD_LIST] = "SELECT l.id, l.segments FROM lead l WHERE " LEAD_FILTER " ORDER BY l.id DESC",
        [SQL_LEAD_LIST_HELD] = "SELECT l.id, l.segments FROM held h CROSS JOIN lead l ON l.id = h.lead WHERE h.lead < ?1 AND " LEAD_FILTER
                               " ORDER BY h.lead DESC",
        [SQL_LEAD_LIST_TRACK] = "SELECT l.id, l.segments FROM track t CROSS JOIN lead l ON l.id = t.lead WHERE t.lead < ?1 AND t.name = ?5"
                                " AND t.ended = 0 AND " LEAD_FILTER " ORDER BY t.lead DESC",
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
        [SQL_TRACK_SET] =
                "INSERT INTO track VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET name = ?2, event = ?3, since = ?4,"
                " step = ?5, due = ?6, ended = ?7 WHERE (name, event, since, step, due, ended) IS NOT (?2, ?3, ?4, ?5, ?6, ?7)",
        [SQL_TRACK_GET] = "SELECT name, event, since, step, due, ended FROM track WHERE lead = ?1",
        [SQL_TRACK_DELETE] = "DELETE FROM track WHERE lead = ?1",
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
        [SQL_OPPORTUNITY_ADD] = "INSERT INTO opportunity VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        [SQL_OPPORTUNITY_ALL] = "SELECT " OPPORTUNITY_COLUMNS " FROM opportunity o WHERE o.lead = ?1 ORDER BY o.n",
        [SQL_OPPORTUNITY_SCAN] = "SELECT " OPPORTUNITY_COLUMNS ", l.flags FROM opportunity o CROSS JOIN lead l ON l.id = o.lead"
                                 " WHERE (o.lead, o.n) > (?1, ?2) ORDER BY o.lead, o.n",
        [SQL_OPPORTUNITY_DELETE] = "DELETE FROM opportunity WHERE lead = ?1",
        [SQL_OPPORTUNITY_STAGE_ADD] = "INSERT INTO opportunity_stage VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
        [SQL_OPPORTUNITY_STAGES] = "SELECT n, stage, state, at FROM opportunity_stage WHERE lead = ?1 ORDER BY n, k",
        [SQL_OPPORTUNITY_STAGE_DELETE] = "DELETE FROM opportunity_stage WHERE lead = ?1",
        /* open or stalled */
        [SQL_OPPORTUNITY_STAGE_ERASE] = "DELETE FROM opportunity_stage WHERE lead = ?1 AND n IN (SELECT n FROM opportunity WHERE lead = ?1"
                                        " AND state <= 2)",
        [SQL_OPPORTUNITY_ERASE_ALIVE] = "DELETE FROM opportunity WHERE lead = ?1 AND state <= 2",
        [SQL_OPPORTUNITY_ERASE] = "UPDATE opportunity SET id = NULL, close_date = NULL WHERE lead = ?1",
        [SQL_OPPORTUNITY_PROFILES] = "SELECT l.id, coalesce(p.facts, y.facts) FROM lead l LEFT JOIN profile p ON p.lead = l.id LEFT JOIN"
                                     " payload y ON y.event = l.profile_event WHERE l.id > ?1 AND l.flags & 262144 = 0 ORDER BY l.id",
        [SQL_OPPORTUNITY_FLAGS] = "UPDATE lead SET flags = flags | 16384 WHERE id IN (SELECT lead FROM opportunity) AND flags & 278528 = 0",
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
        [SQL_OUTBOX_OF_EVENT] = "SELECT kind, via, channel, recipient, role, rule, step, body, created, sender FROM outbox WHERE event = ?1"
                                " AND id >= ?2 AND id < ?3 ORDER BY id",
        [SQL_OUTBOX_COPY] = "INSERT INTO outbox(id, event, lead, kind, via, channel, recipient, address, role, rule, step, body, created,"
                            " attempts, next, sender) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, ?8, ?9, ?10, ?11, ?12, 0, NULL, ?13)",
        [SQL_LEAD_AT_COMPANY] = "SELECT id FROM lead WHERE company = ?1 AND id != ?2 LIMIT 1",
        [SQL_COMPANY_ERASE] = "UPDATE company SET domain = '' WHERE id = ?1",
        [SQL_DUPLICATE_ALL] = "SELECT lead, other, reasons FROM duplicate WHERE lead < ?1 ORDER BY lead DESC, other DESC, reasons DESC",
        /* found among what waits and what is dead, not among all that was ever told */
        [SQL_OUTBOX_CANCEL_OF] = "UPDATE outbox SET next = NULL, done = ?2, address = NULL, body = digest(body), error = 'cancelled'"
                                 " WHERE id IN (SELECT id FROM outbox INDEXED BY outbox_pending WHERE next IS NOT NULL AND lead = ?1"
                                 " UNION ALL SELECT id FROM outbox INDEXED BY outbox_dead WHERE next IS NULL AND done IS NULL AND lead ="
                                 " ?1) AND lease IS NULL AND event <= ?3",
        [SQL_FEEDBACK_ADD] = "INSERT INTO feedback VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        [SQL_FEEDBACK_ALL] =
                "SELECT event, n, lead, at, move, reason, was, goes, owner, accepted, by, source, campaign, scores FROM feedback"
                " WHERE event < ?1 AND at >= ?2 ORDER BY event DESC, n DESC",
        [SQL_SCAN_LEADS] = "SELECT " LEAD_FEW ", version, last_event, moved_event, offered_event, idle_from, wake, fit, engagement, route,"
                           " source FROM lead WHERE id >= ?1 ORDER BY id",
        [SQL_SCAN_FEW] = "SELECT " LEAD_FEW " FROM lead WHERE id >= ?1 ORDER BY id",
        [SQL_SCAN_SLAS] = "SELECT lead, rule, due, next_due, snoozed_until FROM sla WHERE lead >= ?1 ORDER BY lead",
        [SQL_SCAN_HELD] = "SELECT lead, by, since, next_look FROM held WHERE lead >= ?1 ORDER BY lead",
        [SQL_SCAN_RECYCLE] = "SELECT lead, until, reason FROM recycle WHERE lead >= ?1 ORDER BY lead",
        [SQL_SCAN_TRANSITIONS] = "SELECT id, lead, at, move, was, goes, owner, by, spent, flags FROM transition WHERE id >= ?1 AND id < ?2"
                                 " ORDER BY id",
        [SQL_SCAN_HANDOFFS] = "SELECT id, lead, offered_event, offered, ended, how, team, owner, route, sla, due, working, reason, scores,"
                              " flags FROM handoff WHERE id >= ?1 AND id < ?2 ORDER BY id",
        [SQL_SCAN_ENDS] = "SELECT id, lead, ended, how, owner, flags FROM handoff WHERE id >= ?1 AND id < ?2 ORDER BY id",
        /* LEAD_UNACCEPTED, and neither a test nor gone */
        [SQL_SCAN_WAITING] =
                "SELECT l.id, l.owner, l.created + l.offered, s.rule, s.due FROM lead l LEFT JOIN sla s ON s.lead = l.id WHERE l.id >= ?1"
                " AND l.flags & 327683 = 1 AND l.owner > 0 AND l.offered IS NOT NULL ORDER BY l.id",
        [SQL_SCAN_OVERDUE] = "SELECT s.lead, s.rule, s.due, l.owner, l.flags, l.created + l.offered FROM sla s CROSS JOIN lead l ON l.id ="
                             " s.lead WHERE s.lead >= ?1 AND s.due <= ?2 AND l.flags & " LEAD_IS_GONE " = 0 ORDER BY s.lead",
        [SQL_COUNT_RUNNING] = "SELECT count(*) FROM (SELECT 1 FROM sla LIMIT ?1)",
        [SQL_SCAN_WORK] = "SELECT event, lead, at, owner FROM work WHERE event >= ?1 AND event < ?2 ORDER BY event",
        [SQL_SCAN_FEEDBACK] = "SELECT event, n, lead, at, move, reason, was, goes, owner, accepted, by, source, campaign, scores"
                              " FROM feedback WHERE (event, n) >= (?1, ?2) AND event < ?3 ORDER BY event, n",
        [SQL_EVENT_LAST] = "SELECT coalesce(max(id), 0) FROM event",
        [SQL_RETURNED_SET] =
                "INSERT INTO returned VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET owner = ?2, event = ?3, at ="
                " ?4, move = ?5, reason = ?6, by = ?7",
        [SQL_RETURNED_GET] = "SELECT owner, event, at, move, reason, by FROM returned WHERE lead = ?1",
        [SQL_RETURNED_DELETE] = "DELETE FROM returned WHERE lead = ?1",
        [SQL_RETURNED_FLAGS] = "UPDATE lead SET flags = flags | 4096 WHERE id IN (SELECT lead FROM returned)",
        [SQL_EVENT_PAST] = "SELECT id, lead, prev, type, source, actor, now, age, flags, body FROM event WHERE id < ?1 ORDER BY id",
        [SQL_EVENT_SOURCE] = "SELECT source FROM event WHERE id = ?1",
        [SQL_LEAD_FLAGS] = "SELECT id, flags FROM lead",
        [SQL_LEAD_TOUCH] = "UPDATE lead SET came_from = ?2, campaign = ?3 WHERE id = ?1",
        [SQL_LEAD_OFFERED] = "UPDATE lead SET offered = ?2, offered_event = ?3, consents = ?4 WHERE id = ?1",
        [SQL_FEEDBACK_SCORES] = "UPDATE feedback SET scores = ?3 WHERE event = ?1 AND n = ?2",
        [SQL_TRANSITION_ADD] = "INSERT INTO transition VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        [SQL_TRANSITION_GET] = "SELECT spent, flags FROM transition WHERE id = ?1",
        [SQL_WORK_ADD] = "INSERT INTO work VALUES(?1, ?2, ?3, ?4)",
        [SQL_HANDOFF_ADD] = "INSERT INTO handoff VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
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
        [SQL_SUM_ADD] = "INSERT INTO sums VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET n = n + ?4",
        [SQL_SUM_ALL] = "SELECT kind, a, b, n FROM sums ORDER BY kind, a, b",
        [SQL_LEAK_LEADS] = "SELECT id, status, owner, created, entered, flags, offered, last_event, consents, moved_event FROM lead WHERE "
                           "id >= ?1 ORDER BY id",
        [SQL_LEAK_SLAS] = "SELECT lead, rule, due, next_due FROM sla WHERE lead >= ?1 ORDER BY lead",
        [SQL_LEAK_HELD] = "SELECT lead, by, next_look FROM held WHERE lead >= ?1 ORDER BY lead",
        [SQL_LEAK_RECYCLES] = "SELECT lead, until FROM recycle WHERE lead >= ?1 ORDER BY lead",
        [SQL_LEAK_TRACKS] = "SELECT lead, since, ended FROM track WHERE lead >= ?1 ORDER BY lead",
        /* the open ones, OPPORTUNITY_OPEN */
        [SQL_LEAK_OPPORTUNITIES] = "SELECT lead, max(changed) FROM opportunity WHERE lead >= ?1 AND state = 1 GROUP BY lead ORDER BY lead",
        [SQL_LEAK_RETURN] = "SELECT at, move FROM transition WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT 1",
        [SQL_LEAK_EVENT] = "SELECT prev, type, actor, now FROM event WHERE id = ?1",
        [SQL_LEAK_EVENTS] = "SELECT coalesce(max(id), 0) FROM event",
        [SQL_LEAK_TOUCHED] = "SELECT id, lead FROM event WHERE id >= ?1 ORDER BY id LIMIT ?2",
        [SQL_LEAK_TOLD] = "SELECT 1 FROM leaked WHERE day BETWEEN ?1 AND ?1 + 1 LIMIT 1",
        [SQL_LEAK_ADD] = "INSERT INTO leaked VALUES(?1, ?2, ?3) ON CONFLICT DO UPDATE SET n = ?3",
        [SQL_LEAK_PRUNE] = "DELETE FROM leaked WHERE day <= ?1",
        [SQL_LEAK_DAYS] = "SELECT day, kind, n FROM leaked WHERE day >= ?1 ORDER BY day, kind",
        [SQL_FAIR_ADD] = "INSERT INTO fair VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET n = n + ?6",
        [SQL_FAIR_PRUNE] = "DELETE FROM fair WHERE day <= ?1",
        [SQL_FAIR_NEWEST] = "SELECT day FROM fair ORDER BY day DESC LIMIT 1",
        [SQL_FAIR_SUMS] =
                "SELECT team, route, member, kind, sum(n) FROM fair WHERE day >= ?1 AND day < ?2 GROUP BY team, route, member, kind",
        [SQL_ABSENCE_ADD] = "INSERT INTO absence VALUES(?1, ?2, ?3)",
        [SQL_ABSENCE_ALL] = "SELECT member, since, until FROM absence ORDER BY member, since",
        [SQL_ABSENCE_CLEAR] = "DELETE FROM absence WHERE member = ?1",
        [SQL_TALLY_SET] = "INSERT INTO tally VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET n = ?3, unaccepted = ?4",
        [SQL_TALLY_DELETE] = "DELETE FROM tally WHERE owner = ?1 AND status = ?2",
        [SQL_TALLY_ALL] = "SELECT owner, status, n, unaccepted FROM tally ORDER BY owner, status",
        [SQL_TALLY_BY_STATUS] = "SELECT status, sum(n), sum(unaccepted) FROM tally GROUP BY status ORDER BY status",
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
                           " NULL, NULL, ?15)",
        [SQL_OUTBOX_DUE_LOCAL] = "SELECT " OUTBOX_COLUMNS " WHERE next <= ?1 AND " OUTBOX_IS_LOCAL " ORDER BY next, id LIMIT ?2",
        [SQL_OUTBOX_DUE_REMOTE] = "SELECT " OUTBOX_COLUMNS " WHERE next <= ?1 AND NOT " OUTBOX_IS_LOCAL " ORDER BY next, id LIMIT ?2",
        [SQL_OUTBOX_NEXT_LOCAL] = "SELECT next FROM outbox WHERE next IS NOT NULL AND " OUTBOX_IS_LOCAL " ORDER BY next LIMIT 1",
        [SQL_OUTBOX_NEXT] = "SELECT next FROM outbox WHERE next IS NOT NULL ORDER BY next LIMIT 1",
        [SQL_OUTBOX_NEXT_FREE] = "SELECT next FROM outbox WHERE next IS NOT NULL AND lease IS NULL ORDER BY next LIMIT 1",
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
                            " WHERE " OUTBOX_THAT " RETURNING channel",
        /* an attempt that was leased is counted already */
        [SQL_OUTBOX_RETRY] = "UPDATE outbox SET next = ?2, attempts = attempts + (lease IS NULL), lease = NULL, error = ?3,"
                             " tried = coalesce(tried, ?4) WHERE " OUTBOX_THAT " RETURNING channel",
        [SQL_OUTBOX_POSTPONE] = "UPDATE outbox SET next = ?2 WHERE " OUTBOX_THAT " RETURNING id",
        [SQL_OUTBOX_LEASE] = "UPDATE outbox SET next = ?2, attempts = attempts + 1, lease = ?3, tried = coalesce(tried, ?3)"
                             " WHERE " OUTBOX_THAT " RETURNING id",
        [SQL_OUTBOX_UNLEASE] = "UPDATE outbox SET next = ?1, lease = NULL WHERE lease IS NOT NULL AND next IS NOT NULL",
        [SQL_OUTBOX_BURY] = "UPDATE outbox SET next = NULL, lease = NULL, error = ?2 WHERE " OUTBOX_THAT " RETURNING channel",
        /* by a person: dead letters as well as what waits, but nothing that was delivered */
        [SQL_OUTBOX_REVIVE] = "UPDATE outbox SET next = ?2, mail = NULL WHERE id = ?1 AND done IS NULL AND lease IS NULL RETURNING id",
        [SQL_OUTBOX_CANCEL] = "UPDATE outbox SET next = NULL, done = ?2, address = NULL, body = digest(body), error = 'cancelled'"
                              " WHERE id = ?1 AND done IS NULL AND lease IS NULL RETURNING channel",
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
        [SQL_AUDIENCE] = "SELECT id, flags, status, owner, grade, segments, consents, source, created, entered FROM lead WHERE id >= ?1 AND"
                         " id <= ?2 AND flags & " LEAD_IS_GONE " = 0 ORDER BY id",
        [SQL_WRITTEN_ADD] = "INSERT INTO written VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        [SQL_WRITTEN_FROM] = "SELECT lead, event, campaign, kind, at FROM written WHERE lead >= ?1 AND lead <= ?2 ORDER BY lead, event",
        [SQL_WRITTEN_MERGED] = "SELECT w.lead, w.event, w.campaign, w.kind, w.at FROM merged m CROSS JOIN written w ON w.lead = m.lead",
        /* a take goes through the leads by number, so that nothing is sorted */
        [SQL_WRITTEN_TAKEN] = "SELECT lead FROM written WHERE event = ?1 AND lead >= ?2 ORDER BY lead",
        [SQL_WRITTEN_FORGET] = "DELETE FROM written WHERE lead = ?1",
        [SQL_EXCLUSION_SET] = "INSERT INTO exclusion VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET until = ?3, at = ?4,"
                              " by = ?5, reason = ?6, event = ?7",
        [SQL_EXCLUSION_DELETE] = "DELETE FROM exclusion WHERE lead = ?1 AND campaign = ?2",
        [SQL_EXCLUSION_FORGET] = "DELETE FROM exclusion WHERE lead = ?1",
        [SQL_EXCLUSION_FROM] = "SELECT lead, campaign, until, at, by, reason, event FROM exclusion WHERE lead >= ?1 AND lead <= ?2"
                               " ORDER BY lead, campaign",
        [SQL_EXCLUSION_GET] = "SELECT event FROM exclusion WHERE lead = ?1 AND campaign = ?2",
        [SQL_EXCLUSION_MERGED] = "SELECT x.lead, x.campaign, x.until, x.at, x.by, x.reason, x.event FROM merged m CROSS JOIN exclusion x ON"
                                 " x.lead = m.lead",
        [SQL_TAKE_ADD] = "INSERT INTO take VALUES(?1, ?2, ?3, ?4, ?1, ?4, 0, 0, 0, 0)",
        [SQL_TAKE_STEP] = "UPDATE take SET last_event = ?2, last_at = ?3, leads = leads + ?4, dropped = dropped + ?5, parts = parts + 1,"
                          " done = ?6 WHERE event = ?1",
        [SQL_TAKE_ALL] = "SELECT event, campaign, by, at, last_event, last_at, leads, dropped, parts, done FROM take WHERE event < ?1"
                         " ORDER BY event DESC",
        [SQL_TAKE_GET] = "SELECT event, campaign, by, at, last_event, last_at, leads, dropped, parts, done FROM take WHERE event = ?1",
};

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

int sql_run_text(Store *store, const char *text) { return sql_error(store, sqlite3_exec(store->db, text, NULL, NULL, NULL)); }

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

int sql_set_up(Store *store) {
        static const char common[] = "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"
                                     "PRAGMA cache_size = -65536;";
        /* The log is truncated to this after a reader held it long. */
        static const char writer[] = "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864;"
                                     "PRAGMA secure_delete = ON;"; /* what is deleted is overwritten, or nobody could be erased */
        int64_t application = 0, version = 0, n_objects = 0;

        int r = sql_run_text(store, common);
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
                r = sql_run_text(store, writer);
        } else
                r = sql_run_text(store, "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;");
        if (r != 0)
                return r;
        return schema_migrate(store, version);
}
