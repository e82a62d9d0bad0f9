-- SPDX-License-Identifier: MIT
-- What the scores, segments and grades of 40-scores.lua make of people. `leadctl test` runs this; a reload whose tests fail is refused.
-- The clock of a test stands at `at` and moves only by `later`; `ago` is how long before that something happened.

test "Of somebody known by a visitor's number only nothing can be said" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ person = { external_ids = { web = "v-20417" } } } },
  -- "?" is not a bad fit, it is an unknown one. Sending a form is interest, whoever did it.
  expect = { fit = 0, engagement = 30, grade = "?3", segments = {},
             misses = { "SENIOR", "SIZE", "FLEET", "INDUSTRY", "PHONE", "STUDENT", "RIVAL", "BUDGET", "enterprise", "segment:competitor" } },
}

test "A managing director with a large fleet is an A, whatever she has done so far" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ person = { email = "k.brandt@brandt-spedition.example", seniority = "owner", phone_number = "+493055501042" },
                  company = { employees = 1200, industry = "Logistics" }, answers = { fleet_size = "51-200" } } },
  expect = { hits = { "SENIOR", "SIZE", "FLEET", "INDUSTRY", "PHONE", "enterprise" }, segments = { "enterprise" },
             fit = 100, grade = "A3" },   -- 30 + 40 + 20 + 15 + 5, and never more than 100
}

test "Fit has no opinion in the middle: a manager in a company of 60 is a C" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ person = { email = "j.doe@fitters.example", seniority = "manager" }, company = { employees = 60 } } },
  expect = { fit = 30, grade = "C3" },
}

test "A vice president in a company of 300 is a B" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ person = { email = "v.p@fitters.example", seniority = "vp" }, company = { employees = 300 } } },
  expect = { fit = 55, grade = "B3" },
}

test "A student who reads everything is not a buyer" {
  at = "2026-03-02T10:00:00+01:00",
  given = {
    activity{ ago = "4h", type = "page_viewed", url = "https://www.example.com/pricing", count = 9 },
    lead{ person = { email = "paul@uni.example", title = "Student assistant" }, company = { employees = 5000 } },
  },
  expect = { hits = { "STUDENT", "SIZE", "PRICING", "VISIT" }, fit = 0, engagement = between(62, 64), grade = "D1", status = "inquiry" },
}

test "A competitor is no fit, however interested" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ person = { email = "spy@rival.example", seniority = "c_level" }, company = { employees = 2000 } } },
  expect = { hits = { "RIVAL" }, segments = { "competitor", "enterprise" }, fit = 0, grade = "D3" },
}

test "Who is a competitor stands in a list" {
  at = "2026-03-02T10:00:00+01:00",
  lists = { competitors = { "newcomer.example" } },          -- this list instead of lists/competitors.txt, in this test
  given = { lead{ person = { email = "x@newcomer.example" } } },
  expect = { hits = { "RIVAL" }, segments = { "competitor" } },
}

test "A budget counts by its size, and naming none says nothing" {
  at = "2026-03-02T10:00:00+01:00",
  given = {
    lead{ person = { email = "big@buyer.example" }, interest = { budget = { amount = 50000, currency = "EUR" } } },
    lead{ person = { email = "small@buyer.example" }, interest = { budget = { amount = 2000, currency = "EUR" } } },
  },
  expect = {
    { hits = { "BUDGET" }, fit = 15 },
    { of = "small@buyer.example", hits = { "BUDGET" }, fit = 5 },
  },
}

test "Interest adds up to a cap per rule" {
  at = "2026-03-02T10:00:00+01:00",
  given = {
    lead{ person = { email = "keen@buyer.example", seniority = "manager" } },
    activity{ type = "event_attended", name = "Telematics day", count = 3 },       -- 15 each, never more than 30
    activity{ type = "asset_downloaded", asset = "buyers-guide" },
    activity{ type = "email_clicked", campaign = "spring" },
  },
  expect = { hits = { "FORM", "WEBINAR", "DOWNLOAD", "CLICK" }, misses = { "PRICING", "CAREERS", "TRIAL" }, engagement = 74, grade = "D1" },
}

test "A trial that was started is the strongest sign there is" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ person = { email = "t@buyer.example" } }, activity{ type = "tracked", name = "Trial Started" } },
  expect = { hits = { "TRIAL" }, engagement = 70 },
}

test "Looking for a job is not looking for a product" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ person = { email = "j@home.example", seniority = "manager" } },
            activity{ type = "page_viewed", url = "/careers/engineer", count = 3 } },
  expect = { hits = { "CAREERS", "VISIT" }, engagement = 3, grade = "D4" },        -- 30 + 3 - 30
}

test "What no person did earns nothing, and stays on record" {
  at = "2026-03-02T10:00:00+01:00",
  given = {
    lead{ person = { email = "g@gateway.example" } },
    activity{ type = "email_clicked", properties = { seconds_after_send = 1 } },
    activity{ type = "email_clicked", properties = { seconds_after_send = 90 } },
    activity{ type = "email_opened", properties = { seconds_after_send = 1 } },    -- opening is not clicking
    activity{ type = "page_viewed", url = "/pricing", properties = { user_agent = "ExampleBot/2.1" } },
    activity{ type = "asset_downloaded", properties = { user_agent = "ExampleBot/2.1" } },
    activity{ type = "chat_started", properties = { user_agent = "Chatbot" } },
    activity{ type = "page_viewed", url = "/", properties = { user_agent = "Mozilla/5.0" } },
  },
  expect = { hits = { "SCANNER", "CRAWLER", "CLICK", "VISIT" }, misses = { "PRICING", "DOWNLOAD" }, engagement = 35 },   -- 30 + 4 + 1
}

test "Interest fades by half in 30 days, and a grade is left only 10 points below its band" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ person = { email = "warm@buyer.example", seniority = "manager" } }, activity{ type = "asset_downloaded" } },
  expect = { engagement = 40, grade = "D2" },
  later = {
    { advance = "10d", expect = { engagement = between(31, 32), grade = "D2" } },    -- 40 was the way in, 30 is the way out
    { advance = "5d",  expect = { engagement = between(28, 29), grade = "D3" } },
    { advance = "90d", expect = { engagement = lt(5), grade = "D4" } },              -- nobody had to touch the lead for that
  },
}
