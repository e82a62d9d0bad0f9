-- SPDX-License-Identifier: MIT
-- The follow-up agreement: how long an answer may take, in the owner's working time, and who hears of it when it takes longer.
-- The first SLA of a status that applies is the one; the last step repeats, so silence never ends by being forgotten.

-- Who asked to be called is waiting; who scored A1 is worth interrupting somebody for.
sla "ACCEPT_HOT" {
  status = "mql", within = "2h", clock = "owner",
  when = any{ { grade = "A1" }, { did{ type = "form_submitted", name = has{ "demo", "quote" }, within = "1d" } } },
  steps = {
    { at = "30m", remind = { "owner" } },
    { at = "2h", remind = { "owner", "head" } },
    { at = "4h", every = "4h", remind = { "head", "ops" } },
  },
}
sla "ACCEPT" {
  status = "mql", within = "1wd", clock = "owner",
  steps = {
    { at = "4h", remind = { "owner" } },
    { at = "1wd", every = "1wd", remind = { "owner", "head" } },
  },
}
sla "FIRST_CALL" {
  status = "sal", within = "1wd", clock = "owner",
  stop = did{ type = "call_made", since = "move" },       -- `leadctl did L-42 call_made`, or the telephone system's own record
  steps = {
    { at = "4h", remind = { "owner" } },
    { at = "1wd", every = "1wd", remind = { "owner", "head" } },
  },
}
