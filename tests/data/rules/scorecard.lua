-- SPDX-License-Identifier: MIT
-- A lead scorecard as Eloqua's manual has it: each question has its weight, the best answer that applies gives its share of it.
group "fit"        { weights = true }
group "engagement" { weights = true }

score "TITLE" { group = "fit", weight = 30, best_of = {
  { when = { ["person.title"] = "VP Marketing" }, percent = 100 },
  { when = { ["person.title"] = "Director Sales" }, percent = 50 },
  { when = { ["person.title"] = "Manager Sales" }, percent = 25 },
} }
score "INDUSTRY" { group = "fit", weight = 30, best_of = { { when = { ["company.industry"] = one_of{ "Software", "Pharma" } }, percent = 100 } } }
score "REVENUE" { group = "fit", weight = 25, best_of = {
  { when = { ["company.annual_revenue.amount"] = ge(1000000000) }, percent = 100 },
  { when = { ["company.annual_revenue.amount"] = ge(100000000) }, percent = 20 },
} }
score "SOLUTION" { group = "fit", weight = 15, best_of = {
  { when = { ["answers.current_solution"] = "Comp1" }, percent = 100 },
  { when = { ["answers.current_solution"] = "Comp2" }, percent = 80 },
} }

score "FORM" { group = "engagement", weight = 35, best_of = {
  { when = { did{ type = "form_submitted", within = "7d" } }, percent = 100 },
  { when = { did{ type = "form_submitted", within = "14d" } }, percent = 75 },
  { when = { did{ type = "form_submitted", within = "30d" } }, percent = 50 },
} }
score "CLICKS" { group = "engagement", weight = 20, best_of = {
  { when = { did{ type = "email_clicked", within = "7d", at_least = 3 } }, percent = 100 },
  { when = { did{ type = "email_clicked", within = "30d", at_least = 3 } }, percent = 75 },
  { when = { did{ type = "email_clicked", within = "14d", exactly = 1 } }, percent = 50 },
} }
score "PAGES" { group = "engagement", weight = 30, best_of = {
  { when = { did{ type = "page_viewed", url = has("/product"), within = "7d", at_least = 3 } }, percent = 100 },
  { when = { did{ type = "page_viewed", url = has("/product"), within = "30d", at_least = 3 } }, percent = 75 },
  { when = { did{ type = "page_viewed", url = has("/product"), within = "14d" } }, percent = 50 },
} }
score "OPENS" { group = "engagement", weight = 15, best_of = {
  { when = { did{ type = "email_opened", within = "7d", at_least = 3 } }, percent = 100 },
  { when = { did{ type = "email_opened", within = "30d", at_least = 3 } }, percent = 75 },
  { when = { did{ type = "email_opened", within = "14d", exactly = 1 } }, percent = 100 },
} }

grade "GRADE" {
  fit        = { A = 75, B = 50, C = 25, D = 0 },
  engagement = { ["1"] = 75, ["2"] = 50, ["3"] = 25, ["4"] = 0 },
}
