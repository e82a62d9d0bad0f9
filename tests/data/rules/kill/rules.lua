-- SPDX-License-Identifier: MIT
-- The policy of the kill test: everything that can go wrong happens within seconds.
settings "site" { zone = "UTC", spool = { ["crm"] = { "outcome" } } }
team "marketing" { doc = "a queue" }
team "desk" { strategy = "weighted", head = "cleo", members = {
  anna = { user = "anna", weight = 3 }, ben = { user = "ben", weight = 1 }, cleo = { user = "cleo", weight = 0 } } }
status "inquiry" { team = "marketing", kind = "open", initial = true, meaning = "Raised a hand." }
status "mql"     { team = "desk", kind = "sla", meaning = "Waits to be accepted." }
status "sal"     { team = "desk", kind = "open", meaning = "Accepted." }
status "closed"  { team = "marketing", kind = "final", meaning = "Done." }
move "hand_raise" { from = "inquiry", to = "mql", by = "rules", when = { did{ type = "form_submitted", name = "demo", since = "move" } } }
move "accept"     { from = "mql", to = "sal", by = "owner" }
move "reject"     { from = { "mql", "sal" }, by = "owner", reasons = { "bad_data" } }
move "finish"     { from = "sal", to = "closed", by = "owner" }
reason "bad_data" { to = "closed" }
group "fit" { min = 0, max = 100 }
group "engagement" { min = 0, max = 100, half_life = "30d" }
score "BIG"  { group = "fit", field = "company.employees", bands = { { 100, 30 }, { 10, 10 } } }
score "PAGE" { group = "engagement", on = { type = "page_viewed" }, each = 5, cap = 25 }
score "NAMED" { group = "fit", points = function(lead) if lead.person.name then return 5, "has a name" end end }
grade "GRADE" { fit = { A = 30, B = 0 }, engagement = { ["1"] = 20, ["2"] = 0 } }
route "ALL" { team = "desk" }
sla "ANSWER" { status = "mql", within = "3s", clock = "wall", steps = {
  { at = "1s", remind = { "owner" } }, { at = "2s", remind = { "owner", "head" } }, { at = "3s", move = "reject", reason = "bad_data" } } }
channel "told" { via = "drop" }
message "reminder" { channel = "told", subject = "Lead ${lead.id}", body = "Answer by ${due}." }
feed "crm" { via = "drop", types = { "assigned", "moved" } }
