-- SPDX-License-Identifier: MIT

test "A Web-to-Lead form raises its hand, and an unticked opt-out agrees to nothing" {
  at = "2026-03-05T15:30:00+01:00",
  given = { payload{ source = "web", format = "form", body = "oid=00D000000000EXA&retURL=https%3A%2F%2Fwww.example.com%2Fthanks"
    .. "&first_name=Maria&last_name=Keller&email=maria.keller%40spedition-keller.example&title=Head+of+Logistics&phone=%2B49+30+5550+1042&mobile="
    .. "&company=Keller+Spedition+GmbH&industry=Transportation&employees=180&city=Berlin&zip=10115&country=DE&revenue=&lead_source=Web"
    .. "&URL=https%3A%2F%2Fspedition-keller.example&description=Please+call+me+about+60+trucks.%0D%0ASecond+line.&Campaign_ID=701000000000EXA"
    .. "&emailOptOut=0&doNotCall=&00N0000000EXAMP=51-200&colour=blue" } },
  expect = {
    hits = { "salesforce-web-to-lead", "hand_raise" }, status = "mql",                -- our form of this kind is the contact page
    did = { type = "form_submitted", name = "contact", time = "2026-03-05T15:30:00+01:00" },   -- no time of its own: when it arrived
    fields = {
      ["person.email"] = "maria.keller@spedition-keller.example", ["person.given_name"] = "Maria", ["person.family_name"] = "Keller",
      ["person.phone_number"] = "+493055501042", ["person.title"] = "Head of Logistics", ["person.address.locality"] = "Berlin",
      ["person.address.country"] = "DE", ["company.name"] = "Keller Spedition GmbH", ["company.industry"] = "Transportation",
      ["company.employees"] = 180, ["company.annual_revenue.amount"] = absent,
      ["attribution.channel"] = "website", ["attribution.source"] = "Web", ["attribution.campaign_id"] = "701000000000EXA",
      ["interest.message"] = has("60 trucks"), ["answers.fleet_size"] = "51-200", ["answers.colour"] = "blue", ["answers.oid"] = absent,
      ["consent.newsletter"] = absent, ["consent.contact"] = absent,
    },
  },
  later = { { advance = "1h", given = { payload{ source = "web", format = "form",
                body = "oid=00D000000000EXA&last_name=Keller&email=maria.keller%40spedition-keller.example&doNotCall=1&emailOptOut=1" } },
              expect = { fields = { ["consent.contact"] = false, ["consent.newsletter"] = false }, fence = "REFUSED" } } },
}
