-- SPDX-License-Identifier: MIT

test "A Typeform answer is found by its reference, and a hidden field by its name" {
  at = "2026-03-05T15:30:00+01:00",
  given = { payload{ source = "typeform", format = "json", body = [[
{ "event_id": "01JNQ4R5PFZZP6C8H14RTP4YW6", "event_type": "form_response",
  "form_response": {
    "form_id": "g8hcyeXS", "token": "x71for1wr6irs2rx71fotn12b3izh25v", "submitted_at": "2026-03-05T14:22:31Z",
    "hidden": { "utm_source": "newsletter", "utm_campaign": "spring-b2b", "room": "4" }, "calculated": { "score": 9 },
    "definition": { "id": "g8hcyeXS", "title": "Fleet enquiry" },
    "answers": [
      { "type": "text", "text": "Maria Keller", "field": { "id": "M8JLOd0nIQPU", "ref": "full_name" } },
      { "type": "text", "text": "Keller Spedition GmbH", "field": { "id": "aa", "ref": "company" } },
      { "type": "email", "email": "maria.keller@spedition-keller.example", "field": { "id": "SMEUb7VJz92Q", "ref": "email" } },
      { "type": "choice", "choice": { "label": "51-200" }, "field": { "id": "RUqkXSeXBXSd", "ref": "fleet_size" } },
      { "type": "number", "number": 50000, "field": { "id": "gFFf3xAkJKsr", "ref": "budget" } },
      { "type": "boolean", "boolean": true, "field": { "id": "k6TP9oLGgHjl", "ref": "consent" } } ] } } ]] } },
  expect = {
    hits = { "typeform", "hand_raise" }, status = "mql",
    did = { type = "form_submitted", name = "Fleet enquiry", time = "2026-03-05T14:22:31Z" },
    fields = {
      ["person.email"] = "maria.keller@spedition-keller.example", ["person.name"] = "Maria Keller", ["company.name"] = "Keller Spedition GmbH",
      ["attribution.channel"] = "website", ["attribution.source"] = "newsletter", ["attribution.campaign"] = "spring-b2b",
      ["attribution.form_id"] = "g8hcyeXS", ["attribution.form_name"] = "Fleet enquiry",
      ["interest.budget.amount"] = 50000, ["answers.fleet_size"] = "51-200", ["answers.typeform_score"] = 9, ["answers.hidden.room"] = "4",
      ["consent.contact"] = true,
    },
  },
}
