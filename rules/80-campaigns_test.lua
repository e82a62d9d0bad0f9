-- SPDX-License-Identifier: MIT
-- Whom marketing writes to, and what: 80-campaigns.lua with the statuses of 20-statuses.lua. 2026-03-02 is a Monday.

-- Campaigns ----------------------------------------------------------------------------------------------------------------

test "Marketing writes to whom it has, with their consent, and to nobody that sales has" {
  at = "2027-02-26T10:00:00+01:00",
  given = {
    lead{ form = "White paper", person = { email = "m@keller.example", seniority = "director" }, consent = { marketing = true } },
    lead{ form = "White paper", person = { email = "s@meier.example", title = "Student" }, consent = { marketing = true } },
    lead{ form = "White paper", person = { email = "n@kraus.example", seniority = "director" } },
    lead{ form = "White paper", person = { email = "r@rival.example", seniority = "c_level" }, company = { employees = 5000 }, consent = { marketing = true } },
    lead{ form = "Quote", person = { email = "q@else.example", seniority = "director" }, consent = { marketing = true } },
  },
  expect = {
    { status = "inquiry", audience = { "newsletter" } },                            -- the webinar is not on yet
    { of = "q@else.example", status = "mql", audience = {} },
  },
  later = {
    { to = "2027-03-01T09:00:00+01:00", expect = {
      { audience = { "spring-webinar" } },                                          -- and goes before the newsletter
      { of = "s@meier.example", audience = { "newsletter" } },                      -- fits the webinar too little
      { of = "n@kraus.example", audience = {} },                                    -- never said that we may write
      { of = "r@rival.example", audience = {} },                                    -- a competitor
      { of = "q@else.example", status = "mql", audience = {} },                     -- in the hands of sales
    } },
    { advance = "1h", given = { outcome{ move = "reject", by = "petra", reason = "not_now", of = "q@else.example" } },
      expect = { of = "q@else.example", status = "nurture", audience = { "spring-webinar" } } },
    { advance = "1h", given = { consent{ purpose = "marketing", granted = false } }, expect = { audience = {} } },
    { to = "2027-04-01T00:00:00+02:00", expect = { of = "s@meier.example", audience = { "newsletter" } } },
  },
}

-- Tracks -------------------------------------------------------------------------------------------------------------------

test "Who was handed back hears from us again in working time, each mail once" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ form = "Quote", person = { email = "m@keller.example", name = "Maria Keller" }, consent = { marketing = true } } },
  expect = { status = "mql", owner = "anna", track = false },                       -- in the hands of sales: in no track
  later = {
    { advance = "5h", given = { outcome{ move = "reject", by = "anna", reason = "no_budget" } }, expect = { status = "nurture", track = "re-nurture", sent = {} } },
    { to = "2026-03-16T09:59:00+01:00", expect = { sent = {} } },
    { to = "2026-03-17T10:00:00+01:00", expect = { sent = { "how_is_it_going" }, track = "re-nurture" } },
    { to = "2026-05-20T10:00:00+02:00", expect = { sent = { "what_is_new" }, hits = { "re-nurture" } } },
    { advance = "200d", expect = { sent = {} } },
  },
}

test "Whom the CRM has an open deal with is not written to beside it" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ form = "Quote", person = { email = "m@keller.example" }, consent = { marketing = true } } },
  expect = { owner = "anna" },
  later = {
    { advance = "5h", given = { outcome{ move = "reject", by = "anna", reason = "no_budget" } }, expect = { track = "re-nurture" } },
    { advance = "1d", given = { lead{ type = "updated", person = { email = "m@keller.example" }, opportunity = { id = "D-1", stage = "Quote" } } }, expect = { status = "nurture", track = false } },
    { advance = "30d", expect = { sent = {} } },
    { given = { lead{ type = "updated", person = { email = "m@keller.example" }, opportunity = { id = "D-1", stage = "Closed Lost" } } }, expect = { track = "re-nurture" } },
  },
}

test "A word from the person ends it at once, and a lead that goes to sales gets nothing more" {
  at = "2026-03-02T10:00:00+01:00",
  given = {
    lead{ form = "Quote", person = { email = "a@keller.example" }, consent = { marketing = true } },
    lead{ form = "Quote", person = { email = "b@meier.example" }, consent = { marketing = true } },
    lead{ form = "Quote", person = { email = "c@kraus.example" } },
  },
  expect = { owner = "anna" },
  later = {
    { advance = "1h", given = { outcome{ move = "reject", by = "petra", reason = "not_now" },
                                outcome{ move = "reject", by = "petra", reason = "not_now", of = "b@meier.example" },
                                outcome{ move = "reject", by = "petra", reason = "not_now", of = "c@kraus.example" } },
      expect = { { track = "re-nurture" }, { of = "b@meier.example", track = "re-nurture" },
                 { of = "c@kraus.example", status = "nurture", track = false } } },  -- never said that we may write
    { advance = "1d", given = { activity{ type = "page_viewed", url = "/" } }, expect = { track = "re-nurture" } },      -- a look is no word
    { advance = "1d", given = { activity{ type = "email_replied" } }, expect = { status = "nurture", track = false, misses = { "re-nurture" } } },
    { advance = "1d", given = { lead{ form = "Contact", person = { email = "b@meier.example" } } },
      expect = { of = "b@meier.example", status = "mql", track = false } },
    { advance = "60d", expect = { { sent = {} }, { of = "b@meier.example", sent = {} }, { of = "c@kraus.example", sent = {} } } },
  },
}

test "A stalled deal is asked after once" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ form = "Quote", person = { email = "m@keller.example" }, consent = { marketing = true } } },
  expect = { owner = "anna" },
  later = {
    { given = { outcome{ move = "accept", by = "anna" }, outcome{ move = "contacted", by = "anna" }, outcome{ move = "open_opportunity", by = "anna" } },
      expect = { status = "opportunity", owner = "dana", track = false } },
    { advance = "21d", expect = { status = "stalled", track = "stalled-deal" } },
    { advance = "14d", expect = { sent = { "how_is_it_going" } } },
    { advance = "1d", given = { outcome{ move = "revive", by = "dana" } }, expect = { status = "opportunity", track = false } },
    { advance = "21d", expect = { status = "stalled", track = "stalled-deal" } },
    { advance = "1h", given = { activity{ type = "page_viewed", url = "/" } }, expect = { track = "stalled-deal" } },
    { advance = "1d", given = { lead{ form = "White paper", person = { email = "m@keller.example" } } },
      expect = { status = "stalled", track = false, sent = {} } },
  },
}

test "Customers are written to by segment, and one that grows changes tracks" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ form = "Quote", person = { email = "m@keller.example" }, company = { employees = 900 }, consent = { marketing = true } },
            lead{ form = "White paper", person = { email = "z@big.example" }, company = { employees = 5000 }, consent = { marketing = true } } },
  expect = { { owner = "anna" }, { of = "z@big.example", status = "inquiry", track = false } },
  later = {
    { given = { outcome{ move = "accept", by = "anna" }, outcome{ move = "contacted", by = "anna" }, outcome{ move = "open_opportunity", by = "anna" },
                outcome{ move = "win", by = "dana" } },
      expect = { status = "customer", track = "customer" } },
    { advance = "30d", expect = { sent = { "customer_tips" } } },
    { advance = "60d", given = { lead{ type = "updated", person = { email = "m@keller.example" }, company = { employees = 1100 } } },
      expect = { track = "large-fleet", segments = { "enterprise" }, sent = {} } },
    { advance = "30d", expect = { sent = { "large_fleet_tips" } } },
    { advance = "1d", given = { consent{ purpose = "marketing", granted = false } }, expect = { track = false } },
  },
}
