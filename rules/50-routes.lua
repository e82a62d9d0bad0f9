-- SPDX-License-Identifier: MIT
-- Who gets a lead that is handed over: the first route to the new team that applies. The strategy of the team (10-people.lua) chooses among its members.

-- Two people of one customer who hear from two of us find it funny; the second of us does not.
route "SAME_ACCOUNT" { owner = "account" }
route "DACH"  { when = { country = one_of{ "DE", "AT", "CH" } }, team = "inside_sales", match = { languages = "person.locale" } }   -- "de-DE" matches "de"
route "REST"  { team = "inside_sales" }      -- the last route of a team takes everybody: no lead falls through
-- A deal that stalled and wakes goes on with whoever had it, be it that inside sales spoke to the person first. (Leads for inside sales never come this far.)
route "SAME_OWNER" { owner = "previous" }
route "DEALS" { team = "sales" }
