-- SPDX-License-Identifier: MIT
-- Every kind of the rule language, as the language is defined: it must load without errors.
principle "CALL" { "Every accepted lead gets a call within one working day." }    -- printed by `leadctl glossary`
settings "site" { zone = "Europe/Berlin", phone_region = "DE", keep_done = "7d", retain = "3y", ops = "ops@example.com",
                  roles = { viewer = { "leadd-view" }, operator = { "leadd-ops" }, admin = { "leadd-admin" } } }   -- Unix groups

calendar "berlin"  { zone = "Europe/Berlin", open = { mon = "09:00-12:30 13:00-18:00", tue_fri = "09:00-18:00" },
                     except = { ["2026-12-24"] = "09:00-12:00", ["2026-12-25..2026-12-26"] = "closed" } }          -- holidays = "germany.ics" adds a calendar file
calendar "newyork" { zone = "America/New_York", open = { mon_fri = "08:30-17:30" } }

team "marketing"    { doc = "owns prospects until they are qualified" }                    -- no members: its leads are a queue
team "inside_sales" { calendar = "berlin", head = "petra", strategy = "weighted", on_absence = "reassign_unaccepted",   -- round_robin | weighted | least_open | top_first (rank)
  members = {
    anna  = { user = "anna", email = "anna@example.com", weight = 3, max_unaccepted = 5, max_open = 25, per_day = 10, skills = { languages = { "de", "en" } } },
    ben   = { user = "ben", email = "ben@example.com", weight = 1, calendar = "newyork", away = { "2026-03-09..2026-03-13" } },
    petra = { user = "petra", email = "petra@example.com", weight = 0 },                   -- weight 0: gets leads only as head
  } }
team "sales" { calendar = "newyork", head = "dana", strategy = "round_robin", members = { dana = { user = "dana", email = "dana@example.com" } } }

status "inquiry"      { team = "marketing", kind = "open", initial = true, marketing_may_contact = true, meaning = "Raised a hand. Not a lead yet." }
status "mql"          { team = "inside_sales", kind = "sla", meaning = "Meets marketing's criteria; waits to be accepted." }
status "sal"          { team = "inside_sales", kind = "sla", meaning = "Accepted; a first contact is owed." }
status "working"      { team = "inside_sales", kind = "open", meaning = "In conversation." }
status "opportunity"  { team = "sales", kind = "open", meaning = "A deal is being worked." }
status "stalled"      { team = "marketing", kind = "open", marketing_may_contact = true, meaning = "A deal without movement; marketing may re-activate it." }
status "nurture"      { team = "marketing", kind = "open", marketing_may_contact = true, meaning = "Not ready, or handed back." }
status "customer"     { team = "sales", kind = "final", marketing_may_contact = true, meaning = "Bought. Marketed to by segment." }
status "disqualified" { team = "marketing", kind = "final", meaning = "Never a fit." }

criterion "REACHABLE" { doc = "a phone number or an e-mail", when = any{ { ["person.phone_number"] = present }, { ["person.email"] = present } } }

-- Moves are the only way a status changes. by = "rules" (automatic), "owner" (a head counts as owner of the team's leads), "team" (any member of the status' team), or a team's name.
move "hand_raise" { from = { "inquiry", "nurture", "stalled" }, to = "mql", by = "rules", needs = { "REACHABLE" }, when = { did{ type = "form_submitted", name = has("demo"), since = "move" } } }
move "qualify"    { from = { "inquiry", "nurture" }, to = "mql", by = "rules", needs = { "REACHABLE" }, when = { grade = one_of{ "A1", "A2", "B1" } } }
move "accept"     { from = "mql", to = "sal", by = "owner", alias = { "accepted" } }
move "reject"     { from = { "mql", "sal", "working" }, by = "owner", alias = { "rejected" }, reasons = { "no_budget", "bad_data", "not_a_fit", "unreachable", "no_response" } }  -- the reason says where to
move "contacted"  { from = "sal", to = "working", by = "owner" }
move "meeting_booked" { from = "working", to = "working", by = "owner" }                   -- a move to itself does not restart in_status or the SLA unless restart = true
move "open_opportunity" { from = { "working", "stalled" }, to = "opportunity", by = "inside_sales" }
move "stall"      { from = "opportunity", to = "stalled", by = "rules", when = { idle = ge("21d") } }
move "win"        { from = "opportunity", to = "customer", by = "owner", alias = { "won" } }
move "lose"       { from = "opportunity", by = "owner", alias = { "lost" }, reasons = { "no_budget", "competitor" } }

reason "no_budget"   { to = "nurture", recycle_after = "90d", wake_on = did{ type = "form_submitted" } }
reason "competitor"  { to = "nurture", recycle_after = "180d" }
reason "not_a_fit"   { to = "disqualified", note = "required" }
reason "bad_data"    { to = "disqualified", credit = true }                               -- credit: the owner's turn is given back
reason "unreachable" { to = "nurture", recycle_after = "30d", needs = did{ type = "call_made", at_least = 3, since = "move" } }
reason "no_response" { to = "nurture", doc = "nobody answered in time; used by the SLA" }

fence "NO_CONSENT" { blocks = { "mql" }, doc = "needs consent before a person calls", when = all{ { country = in_list "eea" }, none{ { ["consent.contact"] = true } } } }
fence "COOL_OFF"   { blocks = { "mql" }, since = { "not_a_fit", "unreachable" }, hold = "30d" }   -- since a move with one of these reasons

list "eea" { "DE", "AT", "FR" }                                  -- or lists/eea.txt, one entry a line
segment "enterprise" { when = { ["company.employees"] = ge(1000) } }
segment "competitor" { when = { ["company.domain"] = in_list "competitors" } }
list "competitors" { "rival.example" }

group "fit" { min = 0, max = 100 }                               -- explicit: who they are
group "engagement" { min = 0, max = 100, half_life = "30d" }     -- implicit: what they did
score "SENIOR"  { group = "fit", field = "person.seniority", map = { c_level = 30, vp = 25, director = 20 } }
score "SIZE"    { group = "fit", field = "company.employees", bands = { { 1000, 40 }, { 200, 30 }, { 50, 20 } } }   -- the first that is reached
score "BUDGET"  { group = "fit", points = function(lead) if lead.interest.budget then return 15, "names a budget" end end }
score "RIVAL"   { group = "fit", when = { segment = "competitor" }, points = -100 }
score "PRICING" { group = "engagement", on = { type = "page_viewed", url = has("/pricing") }, each = 8, cap = 24 }
score "WEBINAR" { group = "engagement", on = { type = "event_attended" }, each = 15, per = "campaign", fade = { every = "30d", percent = 50 } }
grade "GRADE"   { fit = { A = 75, B = 50, C = 25, D = 0 }, engagement = { ["1"] = 75, ["2"] = 50, ["3"] = 25, ["4"] = 0 }, leave = 10 }
junk "SCANNER"  { when = { type = "email_clicked", ["properties.seconds_after_send"] = lt(2) } }  -- about an activity: it stays on record and earns nothing

route "SAME_ACCOUNT" { owner = "account" }                       -- whoever owns the same company's other open leads; misses when nobody does
route "DACH" { when = { country = one_of{ "DE", "AT", "CH" } }, team = "inside_sales", match = { languages = "person.locale" } }   -- "de-DE" matches "de"
route "REST" { team = "inside_sales" }
route "DEALS" { team = "sales" }

sla "ACCEPT_HOT" { status = "mql", when = { grade = "A1" }, within = "2h", clock = "owner",       -- owner | team | wall | a calendar's name
  steps = { { at = "15m", remind = { "owner" } }, { at = "1h", remind = { "owner", "head" } }, { at = "2h", reassign = true }, { at = "6h", every = "1wd", remind = { "head", "ops" } } } }
sla "ACCEPT" { status = "mql", within = "1wd", clock = "owner",
  steps = { { at = "4h", remind = { "owner" } }, { at = "1wd", remind = { "owner", "head" } }, { at = "2wd", move = "reject", reason = "no_response" } } }
sla "FIRST_CALL" { status = "sal", within = "1wd", clock = "owner", stop = did{ type = "call_made", since = "move" }, max_snooze = "5wd",
  steps = { { at = "4h", remind = { "owner" } }, { at = "1wd", every = "1wd", remind = { "owner", "head" } } } }

channel "log"  { via = "journal" }
channel "mail" { via = "sendmail", from = "leads@example.com", quiet = "recipient" }    -- journal | sendmail | smtp | exec | webhook | drop; quiet: waits for the reader's working time
message "reminder" { channel = "mail", subject = "Lead ${lead.id} waits for you", body = [[${lead.person.name}, ${lead.company.name}. Answer by ${due}.]] }

message "welcome"  { channel = "mail", to = "lead", subject = "Thank you", body = [[Dear ${lead.person.name}, ...]] }

campaign "spring-webinar" { owner = "marketing", priority = 10, from = "2026-03-01", to = "2026-05-31", channel = "mail",
  include = { segment = "enterprise" }, exclude = { segment = "competitor" }, at_most = { 2, per = "7d" } }
track "re-nurture" { enter = { status = "nurture" }, steps = { { wait = "0d", send = "welcome" }, { wait = "14d", send = "welcome" } } }
feed "crm" { via = "drop", types = { "assigned", "moved", "reminded" } }               -- every such decision as a record for another program
-- adapter "google-ads" { ... }: a vendor's payload to our record; pure mapping, see record.md

