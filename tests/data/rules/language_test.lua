-- SPDX-License-Identifier: MIT
-- The test of section 5 of the rule language, word for word: it passes on language.lua.
test "A director who asks for a demo is offered to Anna, who is reminded after 4 working hours" {
  at = "2026-03-05T10:00:00+01:00",                              -- a Thursday
  given = { lead{ person = { email = "m@keller.example", seniority = "director", locale = "de-DE" }, company = { employees = 180, country = "DE" },
                  consent = { contact = true } },
            activity{ ago = "2d", type = "page_viewed", url = "/pricing" } },
  expect = { hits = { "SENIOR", "SIZE", "PRICING" }, misses = { "BUDGET" }, fit = 40, engagement = between(7, 8), grade = "C4", status = "inquiry" },
  later = { { advance = "1d", given = { activity{ type = "form_submitted", name = "demo" } },
              expect = { status = "mql", owner = "anna", due = "2026-03-09T10:00:00+01:00" } },
            { advance = "4h", expect = { reminded = { "owner" } } } },
}
