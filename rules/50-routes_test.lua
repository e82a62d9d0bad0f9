-- SPDX-License-Identifier: MIT
-- Who gets a lead: 50-routes.lua with the people of 10-people.lua.

test "Two people of one company are answered by one of us" {
  at = "2026-03-02T10:00:00+01:00",
  given = {
    lead{ form = "Quote", person = { email = "a@kraus.example" }, company = { country = "DE" } },
    lead{ form = "Quote", person = { email = "z@else.example" } },
    lead{ form = "Quote", person = { email = "b@kraus.example" }, company = { country = "US" } },
  },
  expect = { { owner = "anna", hits = { "DACH" } }, { of = "b@kraus.example", owner = "anna", hits = { "SAME_ACCOUNT" } } },
}

test "Anna gets three of four" {
  at = "2026-03-02T10:00:00+01:00",
  given = {
    lead{ form = "Quote", person = { email = "a@one.example" } }, lead{ form = "Quote", person = { email = "b@two.example" } },
    lead{ form = "Quote", person = { email = "c@three.example" } }, lead{ form = "Quote", person = { email = "d@four.example" } },
  },
  expect = {
    { owner = "anna", hits = { "REST" } }, { of = "b@two.example", owner = "anna" }, { of = "c@three.example", owner = "ben" },
    { of = "d@four.example", owner = "anna" },
  },
}

test "A lead waits, visibly, while nobody is there who speaks its language" {
  at = "2026-03-02T10:00:00+01:00",
  given = {
    away{ owner = "anna", to = "2026-03-09T00:00:00+01:00" }, away{ owner = "ben", to = "2026-03-09T00:00:00+01:00" },
    lead{ form = "Quote", person = { email = "a@one.example" } },
  },
  expect = { status = "mql", owner = false, held = true },
  later = { { advance = "1h", given = { back{ owner = "ben" } }, expect = { owner = "ben", held = false } } },
}

test "A stalled deal that wakes goes back to whoever had it" {
  at = "2026-03-02T10:00:00+01:00",
  given = {
    lead{ form = "Quote", person = { email = "m@keller.example" } },
    outcome{ move = "accept", by = "anna" }, outcome{ move = "contacted", by = "anna" }, outcome{ move = "open_opportunity", by = "anna" },
  },
  expect = { status = "opportunity", owner = "dana", hits = { "DEALS" }, misses = { "SAME_OWNER" } },
  later = {
    { advance = "22d", expect = { status = "stalled", owner = false } },
    { advance = "1d", given = { outcome{ move = "revive", by = "emil" } }, expect = { status = "opportunity", owner = "dana", hits = { "SAME_OWNER" } } },
    { advance = "22d", given = { away{ owner = "dana", to = "2026-06-01T00:00:00+02:00" }, outcome{ move = "revive", by = "emil" } },
      expect = { status = "opportunity", owner = "emil", hits = { "DEALS" }, misses = { "SAME_OWNER" } } },
  },
}

test "A language that nobody speaks keeps no lead waiting" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ form = "demo", person = { email = "a@one.example", locale = "fr-CH" }, company = { country = "CH" } } },
  expect = { status = "mql", owner = "anna", held = false, hits = { "REST" }, misses = { "DACH" } },
}

test "A test lead is judged and shown, and nobody is bothered with it" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ form = "Quote", person = { email = "qa@keller.example" }, test = true } },
  expect = { hits = { "FORM" }, owner = false },
  later = { { advance = "3d", expect = { owner = false, reminded = {} } } },
}
