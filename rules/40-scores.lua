-- SPDX-License-Identifier: MIT
-- Whom to call first. Two questions that are kept apart: who they are (fit: what they told us) and what they did (engagement: what we saw).
-- Adding them up would make a bored student with twenty page views look like a buyer; the grade keeps both.

group "fit"        { min = 0, max = 100 }
group "engagement" { min = 0, max = 100, half_life = "30d" }      -- interest fades: half of it is gone after 30 days

segment "enterprise" { when = { ["company.employees"] = ge(1000) } }
segment "competitor" { when = { ["company.domain"] = in_list "competitors" } }

-- `doc` is what `leadctl inbox` says of a lead: why it is worth a call, in words.
-- Fit ----------------------------------------------------------------------------------------------------------------------

score "SENIOR"   { doc = "has a say", group = "fit", field = "person.seniority",
                   map = { owner = 30, c_level = 30, vp = 25, director = 20, manager = 10 } }
score "SIZE"     { doc = "employees", group = "fit", field = "company.employees", bands = { { 1000, 40 }, { 200, 30 }, { 50, 20 } } }
-- Most forms ask for the fleet, not for the staff; the words are those of our own forms.
score "FLEET"    { doc = "vehicles", group = "fit", field = "answers.fleet_size", map = { ["11-50"] = 10, ["51-200"] = 20, ["201+"] = 30 } }
score "INDUSTRY" { doc = "an industry we sell to", group = "fit", when = { ["company.industry"] = in_list "target_industries" }, points = 15 }
score "PHONE"    { doc = "can be called", group = "fit", when = { ["person.phone_number"] = present }, points = 5 }
score "STUDENT"  { group = "fit", when = { ["person.title"] = word{ "student", "intern", "trainee" } }, points = -40 }
score "RIVAL"    { group = "fit", when = { segment = "competitor" }, points = -100 }
-- What a table cannot say, a function may: it sees the lead and nothing else. Without a budget it says nothing, which is not the same as 0.
score "BUDGET"   { group = "fit", points = function(lead)
  local amount = lead.interest.budget and lead.interest.budget.amount
  if not amount then return end
  if amount >= 20000 then return 15, "names a budget of 20,000 or more" end
  return 5, "names a small budget"
end }

-- Engagement: each = points an event, cap = the most a rule may give --------------------------------------------------------

score "FORM"     { doc = "asked us by a form", group = "engagement", on = { type = "form_submitted" }, points = 30 }
score "PRICING"  { doc = "looked at prices", group = "engagement", on = { type = "page_viewed", url = has("/pricing") }, each = 8, cap = 24 }
score "WEBINAR"  { doc = "came to an event", group = "engagement", on = { type = "event_attended" }, each = 15, cap = 30 }
score "DOWNLOAD" { doc = "downloaded something", group = "engagement", on = { type = "asset_downloaded" }, each = 10, cap = 20 }
score "CLICK"    { doc = "clicked in a mail", group = "engagement", on = { type = "email_clicked" }, each = 4, cap = 12 }
score "VISIT"    { doc = "visited the site", group = "engagement", on = { type = "page_viewed" }, each = 1, cap = 10 }
score "TRIAL"    { doc = "started a trial", group = "engagement", on = { type = "tracked", name = "Trial Started" }, points = 40 }
-- Looking for a job is not looking for a product.
score "CAREERS"  { group = "engagement", on = { type = "page_viewed", url = has("/careers") }, each = -10 }

-- What no person did earns nothing. It stays on record, so that a better rule tomorrow gives the right score for last week, too.
junk "SCANNER" { when = { type = "email_clicked", ["properties.seconds_after_send"] = lt(2) }, doc = "a mail gateway follows every link at once" }
junk "CRAWLER" { when = { type = one_of{ "page_viewed", "asset_downloaded" }, ["properties.user_agent"] = has{ "bot", "crawler", "spider" } },
                 doc = "a search engine reads" }

-- The letter is fit, the number is engagement: A1 is called first. A band that was entered is left only 10 points lower,
-- so that a lead at the edge does not change hands every day.
grade "GRADE" {
  fit        = { A = 60, B = 40, C = 20, D = 0 },
  engagement = { ["1"] = 60, ["2"] = 40, ["3"] = 20, ["4"] = 0 },
  leave = 10,
}
