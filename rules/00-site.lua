-- SPDX-License-Identifier: MIT
-- The house: what both teams agreed on, where it is, when it works, who may look.
-- This is the policy of a fictional company that sells fleet telematics. Copy it (`leadctl rules init`), change it, keep it short.

-- The guiding principles stand first because every rule below is there for one of them. `leadctl glossary` prints them.
principle "LANGUAGE"  { "An inquiry is not a lead. It becomes one when it meets the criteria both teams signed, and not before." }
principle "ONE_OWNER" { "Every lead handed over has one named owner. A queue is not an owner." }
principle "ANSWER"    { "Every lead handed over is accepted, or goes back with a reason. Silence is not an answer." }
principle "CALL"      { "Every accepted lead gets a call within one working day." }
principle "FEEDBACK"  { "A lead that goes back tells marketing why. Reasons are how the scores get better." }
principle "NO_BLAME"  { "Marketing is measured by what becomes of its leads, not by how many it sends." }

settings "site" {
  zone = "Europe/Berlin",        -- of times that name no zone
  phone_region = "DE",           -- "030 5550 1042" is a number in Berlin
  keep_done = "7d",
  retain = "3y",
  ops = "ops@example.com",       -- who is told when nobody else answers
  -- spool = { crm = { "outcome" } },   -- a CRM that drops outcomes into incoming/crm may speak for reps; no other directory can
  roles = { viewer = { "leadd-view" }, operator = { "leadd-ops" }, admin = { "leadd-admin" } },   -- Unix groups
}

-- Reminders fall into working time only: a clock that runs over night teaches people to ignore it.
calendar "berlin" {
  zone = "Europe/Berlin",
  open = { mon_thu = "09:00-12:30 13:00-18:00", fri = "09:00-16:00" },
  except = {
    ["2026-12-24"] = "09:00-12:00",
    ["2026-12-25..2026-12-26"] = "closed",
    ["2026-12-31"] = "closed",
    ["2027-01-01"] = "closed",
  },
}
calendar "newyork" {
  zone = "America/New_York",
  open = { mon_fri = "08:30-17:30" },
  except = { ["2026-11-26"] = "closed", ["2026-12-25"] = "closed", ["2027-01-01"] = "closed" },
}
