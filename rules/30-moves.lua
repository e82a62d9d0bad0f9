-- SPDX-License-Identifier: MIT
-- The gates in the fence: a status changes by one of these moves, or not at all. by = "rules" moves are made by leadd itself,
-- in this order, the first that applies; all others are verbs of leadctl: `leadctl accept L-42 --as anna`.

-- Marketing to inside sales ------------------------------------------------------------------------------------------------

-- Who asks for a demo gets a call, whatever the score: nobody should have to read three white papers first.
-- since = "move": a form that was already dealt with does not raise the hand again.
move "hand_raise" {
  from = { "inquiry", "nurture", "stalled" }, to = "mql", by = "rules",
  needs = { "REACHABLE" },
  when = { did{ type = "form_submitted", name = has{ "demo", "quote", "contact", "enquiry" }, since = "move" } },
}
-- Who fits and is interested is called, too, once both are known. The grade is fit and interest in one word (40-scores.lua).
move "qualify" {
  from = { "inquiry", "nurture" }, to = "mql", by = "rules",
  needs = { "REACHABLE", "MAY_CALL" },
  when = { grade = one_of{ "A1", "A2", "B1" } },
}
move "promote" { from = { "inquiry", "nurture", "stalled" }, to = "mql", by = "marketing", needs = { "REACHABLE" },
                 doc = "marketing knows something the rules do not" }
move "discard" { from = { "inquiry", "nurture", "stalled" }, by = "marketing", reasons = { "not_a_fit", "bad_data" } }

-- Inside sales -------------------------------------------------------------------------------------------------------------

-- Accept or reject: there is no third answer, and no move out of mql that is neither.
move "accept" { from = "mql", to = "sal", by = "owner", alias = { "accepted" } }
move "reject" {
  from = { "mql", "sal", "working" }, by = "owner", alias = { "rejected" },   -- no `to`: the reason says where the lead goes
  reasons = { "no_budget", "not_now", "competitor", "not_a_fit", "bad_data", "unreachable" },
}
move "contacted"      { from = "sal", to = "working", by = "owner" }
move "meeting_booked" { from = "working", to = "working", by = "owner" }      -- to itself: worth a line in the log, changes nothing
move "open_opportunity" { from = { "working", "stalled" }, to = "opportunity", by = "inside_sales", needs = { "REACHABLE" } }
-- A conversation nobody has carried on for a month is over; marketing takes it back before the lead forgets us.
move "go_quiet" { from = "working", to = "nurture", by = "rules", when = { idle = ge("30d") } }

-- Sales --------------------------------------------------------------------------------------------------------------------

move "stall" { from = "opportunity", to = "stalled", by = "rules", when = { idle = ge("21d") } }
-- Who answers our mail wakes the deal: it is back with sales at once.
move "wake"  { from = "stalled", to = "opportunity", by = "rules", when = { did{ type = "email_replied", since = "move" } } }
move "revive" { from = "stalled", to = "opportunity", by = "sales", doc = "the deal moves again" }
move "win"   { from = "opportunity", to = "customer", by = "owner", alias = { "won" } }
move "lose"  { from = "opportunity", by = "owner", alias = { "lost" }, reasons = { "no_budget", "not_now", "competitor" } }

-- Why leads go back --------------------------------------------------------------------------------------------------------
-- recycle_after: no rule hands the lead over again before that. wake_on: unless the person does this first.

reason "no_budget"   { to = "nurture", recycle_after = "90d", wake_on = did{ type = "form_submitted" }, doc = "fits, cannot pay this year" }
reason "not_now"     { to = "nurture", recycle_after = "60d", wake_on = did{ type = "form_submitted" }, doc = "fits, other things first" }
reason "competitor"  { to = "nurture", recycle_after = "180d", doc = "has just bought elsewhere; contracts end" }
reason "unreachable" { to = "nurture", recycle_after = "30d", wake_on = did{ type = "form_submitted" }, doc = "three calls, no answer",
                       needs = did{ type = "call_made", at_least = 3, since = "move" } }
reason "not_a_fit"   { to = "disqualified", note = "required", doc = "say why: this is what the scores learn from" }
reason "bad_data"    { to = "disqualified", credit = true, doc = "a wrong number or a joke; the owner's turn is given back" }

-- Where the fence stays shut ------------------------------------------------------------------------------------------------
-- A criterion says what a lead must bring; a fence says no to everybody, rules and people alike, whatever it brings.

-- Absent is not refused: only somebody who said no is kept from people who ask to be called.
fence "REFUSED"  { blocks = { "mql" }, when = { ["consent.contact"] = false }, doc = "said no to being contacted" }
-- Nobody answered three calls, or has just bought elsewhere: calling again next week wins nothing. What wakes the reason opens it.
fence "COOL_OFF" { blocks = { "mql" }, since = { "unreachable", "competitor" }, hold = "30d", doc = "handed back a moment ago" }
