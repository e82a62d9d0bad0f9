-- SPDX-License-Identifier: MIT
-- How a lead changes hands, and who may do it: 30-moves.lua with the statuses and criteria of 20-statuses.lua. 2026-03-02 is a Monday.

-- Marketing to inside sales ------------------------------------------------------------------------------------------------

test "Who asks for a demo is handed over at once, whatever the score" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ form = "Book a demo", person = { email = "m@keller.example" } } },
  expect = { status = "mql", team = "inside_sales", moved = { "hand_raise" }, hits = { "REACHABLE" }, grade = "D3" },
}

test "A white paper is no raised hand" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ form = "White paper", person = { email = "m@keller.example" } } },
  expect = { status = "inquiry", team = "marketing", owner = false, moved = {} },
}

test "Nobody can call somebody who left neither a number nor an address" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ form = "Book a demo", person = { external_ids = { crm = "4711" } } } },
  expect = { status = "inquiry", misses = { "REACHABLE" } },
  later = { { advance = "1h", given = { lead{ type = "updated", person = { external_ids = { crm = "4711" }, phone_number = "030 5550 1042" } } },
              expect = { status = "mql", moved = { "hand_raise" } } } },
}

test "Who fits and is interested is handed over once we may call" {
  at = "2026-03-02T10:00:00+01:00",
  given = {
    lead{ form = "White paper", person = { email = "c@big.example", seniority = "c_level" }, company = { employees = 1000, country = "FR" } },
    activity{ type = "event_attended", count = 2 },
  },
  expect = { grade = "A1", status = "inquiry", misses = { "MAY_CALL" } },           -- in the EEA that needs consent
  later = { { advance = "1d", given = { consent{ purpose = "contact", granted = true } },
              expect = { status = "mql", moved = { "qualify" }, hits = { "MAY_CALL" } } } },
}

test "Outside the EEA nobody has to be asked first" {
  at = "2026-03-02T10:00:00+01:00",
  given = {
    lead{ form = "White paper", person = { email = "c@big.example", seniority = "c_level" }, company = { employees = 1000, country = "US" } },
    activity{ type = "asset_downloaded" },
  },
  expect = { grade = "A2", status = "mql", moved = { "qualify" } },
}

test "Where somebody lives must be known before that counts" {
  at = "2026-03-02T10:00:00+01:00",
  given = {
    lead{ form = "White paper", person = { email = "c@big.example", seniority = "c_level" }, company = { employees = 1000 } },
    activity{ type = "asset_downloaded" },
  },
  expect = { grade = "A2", status = "inquiry", misses = { "MAY_CALL" } },
}

test "Interest alone is not handed over" {
  at = "2026-03-02T10:00:00+01:00",
  given = {
    lead{ form = "White paper", person = { external_ids = { crm = "4712" }, seniority = "c_level" }, company = { employees = 1000, country = "US" } },
    activity{ type = "asset_downloaded" },
  },
  expect = { grade = "A2", status = "inquiry", misses = { "REACHABLE" } },
}

test "Somebody who said no is not called, whoever asks for it" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ form = "Contact us", person = { email = "n@keller.example" }, consent = { contact = false } } },
  expect = { status = "inquiry", fence = "REFUSED" },
  later = { { advance = "1h", given = { outcome{ move = "promote", by = "marketing" } }, expect = { refused = "fence", status = "inquiry" } },
            { advance = "1h", given = { consent{ purpose = "contact", granted = true } }, expect = { status = "mql", fence = {} } } },
}

test "Marketing may hand over what the rules do not see, if it can be reached, and throw out what is nobody" {
  at = "2026-03-02T10:00:00+01:00",
  given = {
    lead{ person = { email = "friend@partner.example" } },
    lead{ person = { email = "mickey@mouse.example" } },
    lead{ person = { external_ids = { crm = "1" } } },
  },
  expect = { status = "inquiry" },
  later = {
    { given = { outcome{ move = "promote", by = "anna" } }, expect = { refused = "not_allowed" } },
    { given = { outcome{ move = "promote", by = "marketing", person = { external_ids = { crm = "1" } } } }, expect = { refused = "needs" } },
    { given = { outcome{ move = "promote", by = "marketing" } }, expect = { status = "mql", moved = { "promote" } } },
    { given = { outcome{ move = "discard", by = "marketing", reason = "bad_data", of = "mickey@mouse.example" } },
      expect = { of = "mickey@mouse.example", status = "disqualified", hits = { "discard", "bad_data" } } },
  },
}

-- Inside sales -------------------------------------------------------------------------------------------------------------

test "A lead is accepted by its owner, called, and becomes an opportunity of the field sales team" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ form = "Book a demo", person = { email = "m@keller.example", locale = "de-DE" }, company = { country = "DE" } } },
  expect = { status = "mql", owner = "anna" },
  later = {
    { advance = "10m", given = { outcome{ move = "accept", by = "ben" } }, expect = { refused = "not_allowed", status = "mql" } },
    { advance = "10m", given = { outcome{ move = "accepted", by = "anna" } }, expect = { status = "sal", owner = "anna", moved = { "accept" } } },
    { advance = "1h", given = { activity{ type = "call_made", by = "anna" }, outcome{ move = "contacted", by = "anna" } },
      expect = { status = "working", due = false } },
    { advance = "1d", given = { outcome{ move = "meeting_booked", by = "anna" } }, expect = { status = "working", moved = { "meeting_booked" } } },
    { advance = "1d", given = { outcome{ move = "open_opportunity", by = "anna" } },
      expect = { status = "opportunity", team = "sales", owner = one_of{ "dana", "emil" }, hits = { "DEALS" } } },
    { advance = "1d", given = { outcome{ move = "win", by = "dana" } }, expect = { status = "customer", hits = { "win" } } },
  },
}

test "A reason is owed when a lead goes back, and it says where to" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ form = "Quote", person = { email = "m@keller.example" } } },
  expect = { status = "mql", owner = "anna" },
  later = {
    { given = { outcome{ move = "reject", by = "anna" } }, expect = { refused = "reason_required" } },
    { given = { outcome{ move = "reject", by = "anna", reason = "not_a_fit" } }, expect = { refused = "note_required" } },
    { given = { outcome{ move = "reject", by = "anna", reason = "not_a_fit", note = "sells trucks, does not drive them" } },
      expect = { status = "disqualified", owner = false, hits = { "reject", "not_a_fit" } } },
  },
}

test "Unreachable is what somebody is after three calls" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ form = "Quote", person = { email = "m@keller.example" } } },
  expect = { status = "mql", owner = "anna" },
  later = {
    { given = { outcome{ move = "accept", by = "anna" } }, expect = { status = "sal" } },
    { given = { activity{ type = "call_made" }, outcome{ move = "reject", by = "anna", reason = "unreachable" } },
      expect = { refused = "needs", status = "sal" } },
    { advance = "1d", given = { activity{ type = "call_made", count = 2 }, outcome{ move = "reject", by = "anna", reason = "unreachable" } },
      expect = { status = "nurture", fence = "COOL_OFF", hits = { "unreachable" } } },
    -- Marketing knows better? Not for 30 days, unless the person asks again.
    { advance = "2d", given = { outcome{ move = "promote", by = "marketing" } }, expect = { refused = "fence" } },
    { advance = "1d", given = { activity{ type = "page_viewed", url = "/" } }, expect = { status = "nurture", fence = "COOL_OFF" } },
    { advance = "1d", given = { activity{ type = "form_submitted", name = "Contact" } },
      expect = { status = "mql", moved = { "hand_raise" }, fence = {} } },
  },
}

test "No budget means ninety days of rest, unless the person writes before" {
  at = "2026-03-02T10:00:00+01:00",
  given = {
    lead{ form = "Quote", person = { email = "a@keller.example" } },
    lead{ form = "Quote", person = { email = "b@meier.example" } },
  },
  expect = { status = "mql", owner = "anna" },
  later = {
    { advance = "1h", given = { outcome{ move = "reject", by = "petra", reason = "no_budget" },           -- the head counts as owner
                                outcome{ move = "reject", by = "petra", reason = "not_now", of = "b@meier.example" } },
      expect = { { status = "nurture", hits = { "no_budget" } }, { of = "b@meier.example", status = "nurture", hits = { "not_now" } } } },
    { advance = "3d", given = { activity{ type = "page_viewed", url = "/pricing" }, activity{ type = "page_viewed", url = "/pricing",
                                of = "b@meier.example" } },
      expect = { { status = "nurture" }, { of = "b@meier.example", status = "nurture" } } },
    { advance = "3d", given = { lead{ form = "Contact", person = { email = "a@keller.example" } },
                                lead{ form = "Contact", person = { email = "b@meier.example" } } },
      expect = { { status = "mql", moved = { "hand_raise" } }, { of = "b@meier.example", status = "mql", moved = { "hand_raise" } } } },
  },
}

test "A conversation that nobody has carried on for a month goes back to marketing by itself" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ form = "Quote", person = { email = "m@keller.example" } } },
  expect = { owner = "anna" },
  later = {
    { given = { outcome{ move = "accept", by = "anna" }, outcome{ move = "contacted", by = "anna" } }, expect = { status = "working" } },
    { advance = "29d", expect = { status = "working" } },
    { advance = "1d", expect = { status = "nurture", owner = false, moved = { "go_quiet" } } },
  },
}

-- Sales --------------------------------------------------------------------------------------------------------------------

test "A stalled deal whose person answers our mail is back with sales" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ form = "Quote", person = { email = "m@keller.example" } } },
  expect = { owner = "anna" },
  later = {
    { given = { outcome{ move = "accept", by = "anna" }, outcome{ move = "contacted", by = "anna" }, outcome{ move = "open_opportunity", by = "anna" } },
      expect = { status = "opportunity", owner = "dana" } },
    { advance = "22d", expect = { status = "stalled", owner = false } },
    { advance = "1d", given = { activity{ type = "page_viewed", url = "/pricing" } }, expect = { status = "stalled" } },          -- a look is no word
    { advance = "1d", given = { activity{ type = "email_replied" } }, expect = { status = "opportunity", owner = "dana", moved = { "wake" }, hits = { "SAME_OWNER" } } },
  },
}

test "A deal without movement comes back to marketing, and can be revived" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ form = "Quote", person = { email = "m@keller.example" } } },
  expect = { owner = "anna" },
  later = {
    { given = { outcome{ move = "accept", by = "anna" }, outcome{ move = "contacted", by = "anna" },
                outcome{ move = "open_opportunity", by = "anna" } },
      expect = { status = "opportunity", owner = "dana" } },
    { advance = "20d", expect = { status = "opportunity" } },
    { advance = "1d", expect = { status = "stalled", team = "marketing", owner = false, moved = { "stall" } } },
    { advance = "9d", given = { outcome{ move = "revive", by = "dana" } }, expect = { status = "opportunity", moved = { "revive" } } },
    { advance = "1d", given = { outcome{ move = "lose", by = "dana", reason = "competitor" } },
      expect = { status = "nurture", hits = { "lose", "competitor" }, fence = "COOL_OFF" } },
    { advance = "29d", given = { outcome{ move = "promote", by = "marketing" } }, expect = { refused = "fence" } },
    { advance = "1d", given = { outcome{ move = "promote", by = "marketing" } }, expect = { status = "mql", fence = {} } },
  },
}
