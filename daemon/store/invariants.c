/* SPDX-License-Identifier: MIT */
/*
 * What the proofs ask: every projection as rows that two books can be compared by, and what must hold of one book whatever it
 * went through. An invariant finds what breaks it: an id, and what is wrong with it.
 */
#include "internal.h"

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
                "name(source) AS source, created + source_at AS source_at, name(route) AS route, created + offered AS offered, "
                "offered_event,"
                " name(came_from) AS came_from, name(campaign) AS campaign, name(consents) AS consents FROM lead "
                "ORDER BY id",
                1 },
        { "profile", "SELECT lead, facts FROM profile ORDER BY lead", 1 },
        { "sla",
                "SELECT lead, name(rule) AS rule, start_event, start, due, next_step, next_due, paused, snoozed_until, snooze_reason,"
                " name(version) AS version FROM sla ORDER BY lead",
                1 },
        { "response", "SELECT lead, name(rule) AS rule, in_time, late FROM response ORDER BY lead", 1 },
        { "track", "SELECT lead, name(name) AS name, event, since, step, due, ended FROM track ORDER BY lead", 1 },
        { "held", "SELECT lead, name(by) AS by, text, since, next_look FROM held ORDER BY lead", 1 },
        { "recycle", "SELECT lead, until, name(reason) AS reason FROM recycle ORDER BY lead", 1 },
        { "used", "SELECT lead, name(reason) AS reason, event, at, woken FROM used ORDER BY 1, 2", 2 },
        { "expired", "SELECT lead, n, name(member) AS member FROM expired ORDER BY lead, n", 2 },
        { "opportunity",
                "SELECT lead, n, state, id, name(stage) AS stage, amount, name(currency) AS currency, probability, close_date, opened,"
                " said, changed, staged, ended FROM opportunity ORDER BY lead, n",
                2 },
        { "opportunity_stage", "SELECT lead, n, k, name(stage) AS stage, state, at FROM opportunity_stage ORDER BY lead, n, k", 3 },
        { "merged", "SELECT lead, into_lead, event, name(owner) AS owner, unaccepted FROM merged ORDER BY lead", 1 },
        { "named", "SELECT event, lead FROM named ORDER BY event", 1 },
        { "duplicate", "SELECT lead, other, reasons, event FROM duplicate ORDER BY lead, other, reasons", 3 },
        { "feedback",
                "SELECT event, n, lead, at, name(move) AS move, name(reason) AS reason, name(was) AS was, name(goes) AS goes, name(owner) "
                "AS"
                " owner, accepted, name(by) AS by, name(source) AS source, campaign, names(scores) AS scores FROM feedback ORDER BY event, "
                "n",
                2 },
        { "transition",
                "SELECT id, lead, at, name(move) AS move, name(was) AS was, name(goes) AS goes, name(owner) AS owner, name(by) AS by,"
                " spent, flags FROM transition ORDER BY id",
                1 },
        { "handoff",
                "SELECT id, lead, offered_event, offered, ended, how, name(team) AS team, name(owner) AS owner, name(route) AS route,"
                " name(sla) AS sla, due, working, name(reason) AS reason, names(scores) AS scores, flags FROM handoff ORDER BY id",
                1 },
        { "work", "SELECT event, lead, at, name(owner) AS owner FROM work ORDER BY event", 1 },
        { "returned",
                "SELECT lead, name(owner) AS owner, event, at, name(move) AS move, name(reason) AS reason, name(by) AS by FROM returned"
                " ORDER BY lead",
                1 },
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
                " name(rule) AS rule, step, digest(body) AS body, created, name(sender) AS sender FROM outbox ORDER BY id",
                1 },
        { "status", "SELECT name(name) AS name, name(team) AS team, kind, staffed FROM status ORDER BY 1", 1 },
        { "ruleset", "SELECT hash FROM ruleset ORDER BY hash", 1 },
        { "hit", "SELECT hour, name(rule) AS rule, kind, n, failed FROM hit ORDER BY 1, 2, 3", 3 },
        { "fair", "SELECT day, name(team) AS team, name(route) AS route, name(member) AS member, kind, n FROM fair ORDER BY 1, 2, 3, 4, 5",
                5 },
        /* the kinds that the log says */
        { "sums",
                "SELECT kind, CASE WHEN kind = 1 THEN name(a) ELSE a END AS a, CASE WHEN kind = 1 THEN name(b) ELSE b END AS b, n FROM sums"
                " WHERE kind < 10 ORDER BY 1, 2, 3",
                3 },
        { "hit_ever", "SELECT name(rule) AS rule, kind, n, failed, last, last_failed FROM hit_ever ORDER BY 1, 2", 2 },
        { "suspended", "SELECT event, kind, name(rule) AS rule, since FROM suspended ORDER BY event", 1 },
        { "written", "SELECT lead, event, name(campaign) AS campaign, kind, at FROM written ORDER BY lead, event, 3", 3 },
        { "exclusion", "SELECT lead, name(campaign) AS campaign, until, at, name(by) AS by, reason, event FROM exclusion ORDER BY lead, 2",
                2 },
        { "take",
                "SELECT event, name(campaign) AS campaign, name(by) AS by, at, last_event, last_at, leads, dropped, parts, done FROM take"
                " ORDER BY event",
                1 },
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
        { "track",
                "SELECT l.id, 'flag and row differ' FROM lead l LEFT JOIN track t ON t.lead = l.id WHERE (l.flags & 1024 != 0) != (t.lead "
                "IS"
                " NOT NULL)",
                1 },
        { "track", "SELECT lead, 'has no lead' FROM track WHERE lead NOT IN (SELECT id FROM lead)", 1 },
        { "track",
                "SELECT t.lead, 'has a step that is due, and is not armed for it' FROM track t JOIN lead l ON l.id = t.lead WHERE t.ended "
                "= 0"
                " AND t.due IS NOT NULL AND l.wake IS NOT NULL AND l.created + l.wake > t.due",
                1 },
        { "written", "SELECT event, 'has no event' FROM written WHERE event NOT IN (SELECT id FROM event)", 1 },
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
                "SELECT l.id, 'another lead goes on for it, and it is owned, timed, held, in a track or armed' FROM lead l WHERE l.flags & "
                "65536 AND"
                " (l.owner != 0 OR l.flags & 1037 OR l.wake IS NOT NULL)",
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
                " l.offered IS NOT NULL OR l.came_from IS NOT NULL OR l.campaign IS NOT NULL OR l.consents IS NOT NULL OR"
                " EXISTS (SELECT 1 FROM profile p WHERE p.lead = l.id) OR EXISTS (SELECT 1 FROM outbox o WHERE o.lead = l.id AND o.event"
                " < l.last_event AND (o.body IS NOT NULL OR o.address IS NOT NULL)))",
                1 },
        { "erased",
                "SELECT e.id, 'is of somebody who was erased, and says something' FROM event e JOIN lead l ON l.id = e.lead JOIN payload p"
                " ON p.event = e.id WHERE l.flags & 262144 AND e.id != l.last_event AND coalesce((SELECT text FROM name WHERE id = e.type),"
                " e.type) NOT IN ('lead.merged', 'lead.unmerged') AND NOT EXISTS (SELECT 1 FROM named n JOIN lead o ON o.id = n.lead"
                " WHERE n.event = e.id AND o.flags & 262144 = 0)",
                1 },
        { "lead",
                "SELECT id, 'was offered to nobody, or in no event' FROM lead WHERE (owner = 0 AND offered IS NOT NULL) OR (offered IS "
                "NULL)"
                " != (offered_event = 0)",
                1 },
        { "transition",
                "SELECT id, 'is of no event of its lead' FROM transition WHERE lead IS NOT (SELECT e.lead FROM event e WHERE e.id ="
                " transition.id / 16)",
                1 },
        { "returned",
                "SELECT l.id, 'flag and row differ' FROM lead l LEFT JOIN returned s ON s.lead = l.id WHERE (l.flags & 4096 != 0) !="
                " (s.lead IS NOT NULL)",
                1 },
        { "returned", "SELECT lead, 'has no lead' FROM returned WHERE lead NOT IN (SELECT id FROM lead)", 1 },
        { "handoff",
                "SELECT id, 'is of no event of its lead' FROM handoff WHERE lead IS NOT (SELECT e.lead FROM event e WHERE e.id ="
                " handoff.id / 16)",
                1 },
        { "work",
                "SELECT event, 'is no event of its lead, or of nobody''s' FROM work WHERE owner = 0 OR lead IS NOT (SELECT e.lead FROM "
                "event e"
                " WHERE e.id = work.event)",
                1 },
        { "opportunity",
                "SELECT l.id, 'flag and rows differ' FROM lead l WHERE l.flags & 262144 = 0 AND (l.flags & 16384 != 0) != EXISTS (SELECT 1"
                " FROM opportunity o WHERE o.lead = l.id)",
                1 },
        { "opportunity", "SELECT lead, 'has no lead' FROM opportunity WHERE lead NOT IN (SELECT id FROM lead)", 1 },
        { "opportunity",
                "SELECT lead, 'ended and when do not agree' FROM opportunity WHERE (state > 2) != (ended IS NOT NULL) OR state NOT"
                " BETWEEN 1 AND 4 OR opened > changed",
                1 },
        { "opportunity",
                "SELECT o.lead, 'its last stage is not the one it is in' FROM opportunity o LEFT JOIN opportunity_stage s ON s.lead = "
                "o.lead"
                " AND s.n = o.n AND s.k = (SELECT max(k) FROM opportunity_stage x WHERE x.lead = o.lead AND x.n = o.n)"
                " WHERE (s.stage, s.state) IS NOT (o.stage, o.state)",
                1 },
        { "opportunity",
                "SELECT o.lead, 'is of somebody who was erased, and says something' FROM opportunity o JOIN lead l ON l.id = o.lead"
                " WHERE l.flags & 262144 AND (o.state <= 2 OR o.id IS NOT NULL OR o.close_date IS NOT NULL)",
                1 },
        { "opportunity_stage",
                "SELECT s.lead, 'has no opportunity' FROM opportunity_stage s LEFT JOIN opportunity o ON o.lead = s.lead AND o.n = s.n"
                " WHERE o.lead IS NULL",
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
        { "written",
                "SELECT lead, 'has no lead, or is of one who was erased' FROM written WHERE lead NOT IN (SELECT id FROM lead WHERE"
                " flags & 262144 = 0)",
                1 },
        { "written",
                "SELECT w.lead, 'was taken in a take that is not known, or of another campaign' FROM written w LEFT JOIN take t ON t.event "
                "="
                " w.event WHERE w.kind = 7 AND t.campaign IS NOT w.campaign",
                1 },
        { "exclusion",
                "SELECT lead, 'has no lead, or is of one who was erased' FROM exclusion WHERE lead NOT IN (SELECT id FROM lead WHERE"
                " flags & 262144 = 0)",
                1 },
        { "take",
                "SELECT t.event, 'has more leads than it took' FROM (SELECT event, count(*) AS n FROM written WHERE kind = 7 GROUP BY"
                " event) w JOIN take t ON t.event = w.event WHERE w.n > t.leads",
                1 },
        { "take",
                "SELECT event, 'has no event' FROM take WHERE event NOT IN (SELECT id FROM event) OR last_event NOT IN (SELECT id FROM"
                " event)",
                1 },
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
