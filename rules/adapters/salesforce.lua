-- SPDX-License-Identifier: MIT
-- Salesforce Web-to-Lead: the form that posts to Salesforce, posted to us (or to both). Our form of this kind is the contact page.
-- It has neither id nor time: the same bytes twice are one submission, and it happened when it arrived.

adapter "salesforce-web-to-lead" {
  match = { "oid", "last_name" },
  format = "form",
  map = {
    ["first_name"] = "person.given_name",
    ["last_name"]  = "person.family_name",
    ["email"]      = "person.email",
    ["phone|mobile"] = "person.phone_number",
    ["title"]      = "person.title",
    ["street"]     = "person.address.street_address",
    ["city"]       = "person.address.locality",
    ["state|state_code"]     = "person.address.region",
    ["zip"]        = "person.address.postal_code",
    ["country|country_code"] = "person.address.country",
    ["company"]    = "company.name",
    ["industry"]   = "company.industry",
    ["employees"]  = "company.employees",
    ["revenue"]    = "company.annual_revenue.amount",
    ["URL"]        = "person.website",
    ["description"] = "interest.message",
    ["lead_source"] = "attribution.source",
    ["Campaign_ID"] = "attribution.campaign_id",
    -- Not opted out is not the same as agreed: only a "1" says anything.
    ["emailOptOut"] = { "consent.newsletter", values = { ["1"] = false } },
    ["doNotCall"]   = { "consent.contact", values = { ["1"] = false } },
    ["oid|retURL|encoding|submit|debug|debugEmail|recordType|captcha_settings|g-recaptcha-response|member_status"] = "skip",
    ["00N0000000EXAMP"] = "answers.fleet_size",       -- custom fields have ids: this one is ours
  },
  set = { ["attribution.channel"] = "website", ["attribution.form_name"] = "contact" },
  rest = "answers",
}
