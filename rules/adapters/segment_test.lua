-- SPDX-License-Identifier: MIT
-- One visitor, as Segment tells it: a page before anybody knows the name, then who it is, the company, and what is done in the product.

test "What a visitor did before the name was known is found again" {
  at = "2026-03-05T15:12:30+01:00",
  given = { payload{ source = "segment", format = "json", body = [[
{ "type": "page", "name": "Pricing", "messageId": "0b0c9a7e", "anonymousId": "507f191e", "userId": null,
  "properties": { "path": "/pricing", "url": "https://www.example.com/pricing", "title": "Pricing" },
  "timestamp": "2026-03-05T14:12:01.249Z" } ]] } },
  expect = {
    hits = { "segment-page", "PRICING" },
    did = { type = "page_viewed", name = "Pricing", url = "https://www.example.com/pricing", channel = "web", ["properties.path"] = "/pricing",
            time = "2026-03-05T14:12:01.249Z" },
    fields = { ["person.external_ids.segment_anonymous"] = "507f191e", ["person.email"] = absent },
  },
  later = {
    { advance = "15m", given = { payload{ source = "segment", format = "ndjson", body = [[
{ "type": "identify", "messageId": "022bb90c", "userId": "97980cfe", "anonymousId": "507f191e", "traits": { "email": "maria.keller@spedition-keller.example", "name": "Maria Keller", "firstName": "Maria", "title": "Head of Logistics", "phone": "+493055501042", "address": { "city": "Berlin", "country": "DE" }, "company": { "id": "kel-1", "name": "Keller Spedition GmbH", "employee_count": 180 }, "trucks": 60 }, "context": { "ip": "192.0.2.10", "locale": "de-DE", "timezone": "Europe/Berlin" }, "timestamp": "2026-03-05T14:22:31.220Z" }
{ "type": "group", "groupId": "kel-1", "userId": "97980cfe", "messageId": "5f0f3c1e", "traits": { "name": "Keller Spedition GmbH", "industry": "Transportation", "employees": 190, "plan": "trial" }, "timestamp": "2026-03-05T14:25:02.000Z" }
{ "type": "track", "event": "Trial Started", "messageId": "ajs-f8ca", "userId": "97980cfe", "anonymousId": "507f191e", "properties": { "plan": "Business" }, "context": { "campaign": { "name": "spring-b2b", "source": "newsletter" }, "page": { "url": "https://www.example.com/trial" } }, "timestamp": "2026-03-05T14:26:01.249Z" } ]] } },
      expect = {
        hits = { "segment-identify", "segment-group", "segment-track", "PRICING" }, status = "inquiry",   -- still the lead that read the page
        did = { { type = "page_viewed", url = has("/pricing") },
                { type = "tracked", name = "Trial Started", campaign = "spring-b2b", url = ends("/trial"), channel = "product",
                  ["properties.plan"] = "Business", ["properties.utm_source"] = "newsletter", time = "2026-03-05T14:26:01.249Z" } },
        fields = {
          ["person.email"] = "maria.keller@spedition-keller.example", ["person.name"] = "Maria Keller", ["person.given_name"] = "Maria",
          ["person.phone_number"] = "+493055501042", ["person.title"] = "Head of Logistics", ["person.locale"] = "de-DE",
          ["person.zoneinfo"] = "Europe/Berlin", ["person.external_ids.segment"] = "97980cfe", country = "DE",
          ["company.name"] = "Keller Spedition GmbH", ["company.industry"] = "Transportation", ["company.employees"] = 190,
          ["company.external_ids.segment"] = "kel-1", ["answers.trucks"] = 60, ["answers.company.plan"] = "trial",
          ["consent.contact"] = absent,
        },
      } },
  },
}
