-- SPDX-License-Identifier: MIT
-- The language of leads: each status belongs to one team, and means one thing. `leadctl glossary` prints this as the two teams' dictionary.
-- kind: "open" has no limit, "sla" owes somebody an answer (60-slas.lua says by when), "final" is the end.

status "inquiry"      { team = "marketing", kind = "open", initial = true, marketing_may_contact = true,
                        meaning = "Raised a hand. Not a lead yet." }
status "mql"          { team = "inside_sales", kind = "sla",
                        meaning = "Marketing qualified: meets the criteria, waits to be accepted or returned." }
status "sal"          { team = "inside_sales", kind = "sla",
                        meaning = "Sales accepted: a first call is owed." }
status "working"      { team = "inside_sales", kind = "open",
                        meaning = "In conversation with inside sales." }
status "opportunity"  { team = "sales", kind = "open",
                        meaning = "A deal that sales works. Marketing keeps its hands off." }
status "stalled"      { team = "marketing", kind = "open", marketing_may_contact = true,
                        meaning = "A deal without movement: marketing helps to bring it back." }
status "nurture"      { team = "marketing", kind = "open", marketing_may_contact = true,
                        meaning = "Not ready, or handed back: kept warm until ready." }
status "customer"     { team = "sales", kind = "final", marketing_may_contact = true,
                        meaning = "Bought. Marketed to by segment." }
status "disqualified" { team = "marketing", kind = "final",
                        meaning = "Never a fit. Left alone." }

-- The criteria a lead must meet before it is handed over. Whether it is worth a call is for scores; this is whether a call is possible at all.
criterion "REACHABLE" {
  doc = "a phone number or an e-mail address",
  when = any{ { ["person.phone_number"] = present }, { ["person.email"] = present } },
}
-- Calling somebody who did not ask to be called needs consent in the EEA.
criterion "MAY_CALL" {
  doc = "has agreed to be contacted, or is known to live outside the EEA",
  when = any{ { ["consent.contact"] = true }, { country = present, none{ { country = in_list "eea" } } } },
}
