-- SPDX-License-Identifier: MIT
-- Whom marketing writes to. Nobody sends a list over to be approved: `leadctl audience NAME` has the list, `--explain` the reason for everyone.
-- Never in are, whatever stands below: a lead in a status without marketing_may_contact (20-statuses.lua), with an open opportunity, taken out
-- by its owner (`leadctl exclude`), or without consent.marketing.

-- What goes to leads is put into SPOOL/outgoing/mailing, for a mail program; like all else here it mails nobody by itself.
channel "mailing" { via = "drop" }

-- Campaigns: the larger priority has the person first. at_most counts all that somebody was sent, so that nobody hears from us every day.
campaign "spring-webinar" {
  doc = "how a fleet of 200 saves a day a week", owner = "marketing", priority = 20, from = "2027-03-01", to = "2027-03-31", channel = "mailing",
  include = { status = one_of{ "inquiry", "nurture" }, fit = ge(20) }, exclude = { segment = "competitor" }, at_most = { 2, per = "7d" },
}
campaign "newsletter" {
  doc = "once a month, to whoever wants it", owner = "marketing", priority = 10, channel = "mailing",
  include = { }, exclude = { segment = "competitor" }, at_most = { 1, per = "30d" },
}

-- Tracks: what one lead is sent, step by step. A lead is in the first that takes it; whoever goes to sales is in none, and a word from the
-- person (wake_on) ends it at once.

-- Who was handed back hears again from the colleague they spoke to, not from a mailing list. A track asks for the status alone: whom the CRM
-- has an open deal with, whatever the status says, is left to it.
track "re-nurture" {
  enter = { status = "nurture", none{ { ["opportunity.state"] = "open" } } }, wake_on = did{ type = one_of{ "form_submitted", "email_replied" } }, clock = "berlin",
  steps = { { wait = "10wd", at = "10:00", send = "how_is_it_going" }, { wait = "40wd", at = "10:00", send = "what_is_new" } },
}
-- An answer moves the deal (30-moves.lua), and with that it leaves the track.
track "stalled-deal" {
  enter = { status = "stalled" }, wake_on = did{ type = "form_submitted" }, clock = "berlin",
  steps = { { wait = "5wd", at = "10:00", send = "how_is_it_going" } },
}
-- Customers are written to by segment: who grows into the other one changes tracks. A lead stays while `enter` holds, so each says whom it leaves out.
track "large-fleet" { enter = { status = "customer", segment = "enterprise" }, steps = { { wait = "30d", send = "large_fleet_tips" } } }
track "customer"    { enter = { status = "customer", none{ { segment = "enterprise" } } }, steps = { { wait = "30d", send = "customer_tips" } } }

message "how_is_it_going" {
  channel = "mailing", to = "lead", from = "rep", subject = "How is it going?",
  body = [[
Dear ${lead.person.name},
when we last spoke the time was not right. If it is now, answer this mail and I will call you.
]],
}
message "what_is_new" {
  channel = "mailing", to = "lead", from = "rep", subject = "What is new since we spoke",
  body = [[
Dear ${lead.person.name},
we have changed a few things since we spoke; here they are on one page.
]],
}
message "large_fleet_tips" { channel = "mailing", to = "lead", subject = "Your fleet: what others do", body = "Dear ${lead.person.name}, ..." }
message "customer_tips"    { channel = "mailing", to = "lead", subject = "Getting more out of it", body = "Dear ${lead.person.name}, ..." }
