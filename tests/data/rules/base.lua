-- SPDX-License-Identifier: MIT
-- A small rule set without fault: the ground on which the tests of loading put their faulty snippets.
calendar "c" { zone = "Europe/Berlin", open = { mon_fri = "09:00-17:00" } }
team "queue" { doc = "no members" }
team "desk" { calendar = "c", head = "anna", members = {
  anna = { user = "anna", email = "anna@example.com", skills = { languages = { "de" } } },
  ben = { user = "ben", email = "ben@example.com" } } }
status "new" { team = "queue", initial = true, meaning = "just came" }
status "work" { team = "desk", kind = "sla" }
status "done" { team = "desk", kind = "final" }
criterion "REACHABLE" { when = { ["person.email"] = present } }
move "take" { from = "new", to = "work", by = "rules", needs = "REACHABLE" }
move "finish" { from = "work", by = "owner", alias = "finished", reasons = { "good", "bad" } }
reason "good" { to = "done" }
reason "bad" { to = "new" }
route "all" { team = "desk" }
sla "answer" { status = "work", within = "4h", steps = { { at = "4h", every = "1wd", remind = "owner" } } }
list "eea" { "DE", "AT" }
segment "big" { when = any{ { ["company.employees"] = ge(1000) }, { country = in_list "eea" } } }
group "fit" { min = 0, max = 100 }
group "engagement" { min = 0, max = 100 }
score "SIZE" { group = "fit", when = { segment = "big" }, points = 10 } score "CALL" { group = "engagement", on = { type = "call_made" }, each = 5 }
channel "log" { via = "journal" }
message "reminder" { channel = "log", subject = "s", body = "b" }
