-- SPDX-License-Identifier: MIT
-- What is said, and where. This example mails nobody: reminders go into SPOOL/outgoing/crm for a CRM sync to pick up, and the journal
-- has a line for each in any case (by number only: names do not belong in a log).

channel "log" { via = "journal" }
channel "crm" { via = "drop" }

-- FEEDBACK: what becomes of a lead goes into SPOOL/outgoing/marketing, a record a move and a hand-off, with the reason where it has one.
feed "marketing" { via = "drop", types = { "assigned", "moved" } }

message "reminder" {
  channel = "crm",
  subject = "Lead ${lead.id} waits for you",
  body = [[
Who:     ${lead.person.name} ${lead.person.email} ${lead.person.phone_number}
Company: ${lead.company.name}
Wants:   ${lead.interest.message}
Status ${status}, grade ${grade}, owner ${owner}.
Please answer by ${due}: go on with it, or send it back with a reason. (${rule})
]],
}

-- And the desk of the team on one screen, every morning (`leadctl digest inside_sales` shows it at any time):
--
-- digest "MORNING" { team = "inside_sales", at = "08:30", channel = "mail", to = { "head", "members" } }

-- To mail them instead, and let the reader answer by replying (leadctl(1), MAIL, says how the mail system hands replies over):
--
-- channel "mail" { via = "sendmail", from = "leads@example.com", quiet = "recipient", reply_to = "answers@example.com" }
-- message "reminder" {
--   channel = "mail",
--   subject = "Lead ${lead.id} waits for you",
--   body = [[
-- ${lead.person.name}, ${lead.company.name}: ${lead.interest.message}
-- Please answer by ${due}: reply to this mail, with one of these as its first line.
-- ${answers}
-- ]],
-- }
