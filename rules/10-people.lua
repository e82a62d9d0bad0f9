-- SPDX-License-Identifier: MIT
-- Three teams, in the order in which a lead meets them. `user` is the Unix account that may act as this person.

-- No members: what marketing owns is a queue, worked by campaigns and not lead by lead.
team "marketing" { doc = "owns prospects until they are qualified, and again when they go back" }

-- Qualifies by telephone, so that the field sales force only sees leads worth a visit.
team "inside_sales" {
  doc = "accepts or returns every lead, makes the first call, opens the opportunity",
  calendar = "berlin",
  head = "petra",
  strategy = "weighted",         -- Anna works full time on leads, Ben one day in four
  members = {
    anna  = { user = "anna", email = "anna@example.com", weight = 3, max_unaccepted = 5, per_day = 12,
              skills = { languages = { "de", "en" } } },
    ben   = { user = "ben", email = "ben@example.com", weight = 1, max_unaccepted = 3,
              skills = { languages = { "en", "de" } } },
    petra = { user = "petra", email = "petra@example.com", weight = 0 },   -- weight 0: gets no turns, hears of silence as head
  },
}

team "sales" {
  doc = "works opportunities until they are won, lost or stalled",
  calendar = "newyork",
  head = "dana",
  strategy = "round_robin",
  members = {
    dana = { user = "dana", email = "dana@example.com" },
    emil = { user = "emil", email = "emil@example.com", calendar = "berlin" },
  },
}
