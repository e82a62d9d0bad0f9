-- SPDX-License-Identifier: MIT
-- The follow-up agreement of 60-slas.lua: when an answer is due, and who hears of silence. Working time is that of 00-site.lua:
-- Monday to Thursday 09:00-12:30 and 13:00-18:00, Friday until 16:00. 2026-03-05 is a Thursday.

test "Who asked for a demo is answered within two working hours" {
  at = "2026-03-05T17:00:00+01:00",
  given = { lead{ form = "Book a demo", person = { email = "m@keller.example" } } },
  expect = { status = "mql", owner = "anna", hits = { "ACCEPT_HOT" }, due = "2026-03-06T10:00:00+01:00", reminded = {} },
  later = {
    { advance = "30m", expect = { reminded = { "owner" } } },
    { advance = "12h", expect = { reminded = {} } },                                -- nobody is woken up
    { to = "2026-03-06T10:00:00+01:00", expect = { reminded = { "owner", "head" } } },
    { to = "2026-03-06T12:00:00+01:00", expect = { reminded = { "head", "ops" } } },
    { advance = "7d", expect = { status = "mql", reminded = { "head", "ops" } } },  -- silence never ends by being forgotten
  },
}

test "The best leads are worth interrupting somebody for" {
  at = "2026-03-02T10:00:00+01:00",
  given = {
    lead{ form = "White paper", person = { email = "c@big.example", seniority = "c_level" }, company = { employees = 1000, country = "US" } },
    activity{ type = "event_attended", count = 2 },
  },
  expect = { grade = "A1", status = "mql", hits = { "qualify", "ACCEPT_HOT" }, due = "2026-03-02T12:00:00+01:00" },
}

test "Everybody else is answered within one working day" {
  at = "2026-03-05T10:00:00+01:00",
  given = { lead{ form = "Contact us", person = { email = "m@keller.example" } } },
  expect = { owner = "anna", hits = { "ACCEPT" }, misses = { "ACCEPT_HOT" }, due = "2026-03-06T10:00:00+01:00" },
  later = {
    { to = "2026-03-05T14:30:00+01:00", expect = { reminded = { "owner" } } },      -- 4 hours, with lunch in between
    { to = "2026-03-06T10:00:00+01:00", expect = { reminded = { "owner", "head" } } },
    { to = "2026-03-09T10:00:00+01:00", expect = { reminded = { "owner", "head" } } },
    { advance = "10m", given = { outcome{ move = "accept", by = "anna" } }, expect = { status = "sal" } },
  },
}

test "An accepted lead is called within one working day, and the call stops the clock" {
  at = "2026-03-05T10:00:00+01:00",
  given = { lead{ form = "Contact us", person = { email = "m@keller.example" } }, lead{ form = "Contact us", person = { email = "n@meier.example" } } },
  expect = { { owner = "anna" }, { of = "n@meier.example", owner = "anna" } },
  later = {
    { advance = "30m", given = { outcome{ move = "accept", by = "anna" }, outcome{ move = "accept", by = "anna", of = "n@meier.example" } },
      expect = { status = "sal", hits = { "FIRST_CALL" }, due = "2026-03-06T10:30:00+01:00" } },
    { advance = "1h", given = { activity{ type = "call_made", by = "anna", of = "n@meier.example" } },
      expect = { of = "n@meier.example", status = "sal", due = false } },
    { to = "2026-03-05T15:00:00+01:00", expect = { { reminded = { "owner" } }, { of = "n@meier.example", reminded = {} } } },
    { to = "2026-03-06T10:30:00+01:00", expect = { reminded = { "owner", "head" } } },
  },
}
