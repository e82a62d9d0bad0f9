-- SPDX-License-Identifier: MIT

test "A HubSpot form tells the person from the company, and both consents apart" {
  at = "2026-03-05T15:30:00+01:00",
  given = { payload{ source = "hubspot", format = "json", body = [[
{ "submittedAt": "1772720551000",
  "fields": [
    { "objectTypeId": "0-1", "name": "email", "value": "maria.keller@spedition-keller.example" },
    { "objectTypeId": "0-1", "name": "firstname", "value": "Maria" },
    { "objectTypeId": "0-1", "name": "lastname", "value": "Keller" },
    { "objectTypeId": "0-1", "name": "phone", "value": "030 5550 1042" },
    { "objectTypeId": "0-1", "name": "favourite_truck", "value": "blue" },
    { "objectTypeId": "0-2", "name": "name", "value": "Keller Spedition GmbH" },
    { "objectTypeId": "0-2", "name": "numberofemployees", "value": "180" },
    { "objectTypeId": "0-1", "name": "message", "value": "Please call me about 60 trucks." } ],
  "context": { "hutk": "6f453d92607b8108998dc213178ad214", "ipAddress": "192.0.2.10", "pageUri": "https://www.example.com/demo",
               "pageName": "Book a demo" },
  "legalConsentOptions": { "consent": { "consentToProcess": true,
    "communications": [ { "value": true, "subscriptionTypeId": 999, "text": "I want product news." } ] } } } ]] } },
  expect = {
    hits = { "hubspot-form", "hand_raise" }, status = "mql",          -- the page is the demo page: the hand is up
    did = { type = "form_submitted", name = "Book a demo", time = "2026-03-05T14:22:31Z" },
    fields = {
      ["person.email"] = "maria.keller@spedition-keller.example", ["person.given_name"] = "Maria", ["person.family_name"] = "Keller",
      ["person.phone_number"] = "+493055501042", ["person.external_ids.hubspot_visitor"] = "6f453d92607b8108998dc213178ad214",
      ["company.name"] = "Keller Spedition GmbH", ["company.employees"] = 180,
      ["attribution.channel"] = "website", ["attribution.form_name"] = "Book a demo", ["attribution.page_url"] = "https://www.example.com/demo",
      ["interest.message"] = "Please call me about 60 trucks.", ["answers.favourite_truck"] = "blue",
      ["consent.processing"] = true, ["consent.newsletter"] = true, ["consent.contact"] = absent,   -- may we store it is not may we call
    },
  },
}
