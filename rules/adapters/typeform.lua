-- SPDX-License-Identifier: MIT
-- Typeform webhook. Answers are named by `ref`, which the form's author may set (Typeform makes up a UUID otherwise: write that one here).

-- Each type of answer has its value somewhere else.
local answer = { "text", "email", "phone_number", "choice.label", "choice.other", "choices.labels", "choices.other", "number", "boolean", "date", "url",
                 "file_url" }

adapter "typeform" {
  match = { "form_response.token", event_type = "form_response" },
  format = "json",
  id = "event_id",
  time = "form_response.submitted_at",
  map = {
    ["form_response.form_id"]          = "attribution.form_id",
    ["form_response.definition.title"] = "attribution.form_name",
    ["form_response.hidden.utm_source"]   = "attribution.source",
    ["form_response.hidden.utm_medium"]   = "attribution.medium",
    ["form_response.hidden.utm_campaign"] = "attribution.campaign",
    ["form_response.hidden.utm_term"]     = "attribution.term",
    ["form_response.hidden.utm_content"]  = "attribution.content",
    ["form_response.hidden.gclid"]        = "attribution.click_ids.gclid",
    ["form_response.calculated.score"]    = "answers.typeform_score",
  },
  pairs = {
    { list = "form_response.answers", name = "field.ref|field.id", value = answer,
      map = {
        ["full_name|name"] = "person.name",
        ["first_name"]     = "person.given_name",
        ["last_name"]      = "person.family_name",
        ["email"]          = "person.email",
        ["phone"]          = "person.phone_number",
        ["job_title"]      = "person.title",
        ["company"]        = "company.name",
        ["employees"]      = "company.employees",
        ["country"]        = "person.address.country",
        ["message"]        = "interest.message",
        ["budget"]         = "interest.budget.amount",
        ["consent"]        = "consent.contact",
      } },
    -- Whatever its ref: an answer of type email is the person's, as long as no other has been taken.
    { list = "form_response.answers", name = "type", value = { "email", "phone_number" },
      map = { ["email"] = "person.email", ["phone_number"] = "person.phone_number" } },
    { list = "form_response.answers", name = "field.ref|field.id", value = answer, rest = "answers" },
  },
  set = { ["attribution.channel"] = "website" },
  rest = { ["form_response.hidden"] = "answers.hidden" },
}
