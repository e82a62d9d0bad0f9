-- SPDX-License-Identifier: MIT
-- HubSpot form submission (Forms API v3). https://developers.hubspot.com/docs/methods/forms/submit_form_v3
-- It has no id of its own: the same bytes twice are one submission. The visitor's IP address is not kept.

adapter "hubspot-form" {
  match = { "fields", "context" },
  format = "json",
  time = "submittedAt",                     -- milliseconds, written as text
  map = {
    ["context.hutk"]     = "person.external_ids.hubspot_visitor",
    ["context.pageUri"]  = "attribution.page_url",
    ["context.pageName"] = "attribution.form_name",       -- the API does not send the form's name; the page's is as good
    ["context.sfdcCampaignId"] = "attribution.campaign_id",
    ["legalConsentOptions.consent.consentToProcess|legalConsentOptions.legitimateInterest.value"] = "consent.processing",
  },
  pairs = {
    -- "name" is the company's name when the field belongs to a company (object type 0-2).
    { list = "fields", where = { objectTypeId = "0-2" }, name = "name", value = "value",
      map = {
        ["name"]              = "company.name",
        ["domain"]            = "company.domain",
        ["industry"]          = "company.industry",
        ["numberofemployees"] = "company.employees",
        ["country"]           = "company.country",
      } },
    { list = "fields", name = "name", value = "value", rest = "answers",
      map = {
        ["email"]             = "person.email",
        ["firstname"]         = "person.given_name",
        ["lastname"]          = "person.family_name",
        ["phone|mobilephone"] = "person.phone_number",
        ["jobtitle"]          = "person.title",
        ["address"]           = "person.address.street_address",
        ["zip"]               = "person.address.postal_code",
        ["city"]              = "person.address.locality",
        ["state"]             = "person.address.region",
        ["country"]           = "person.address.country",
        ["website"]           = "person.website",
        ["company"]           = "company.name",
        ["industry"]          = "company.industry",
        ["numemployees"]      = "company.employees",
        ["message"]           = "interest.message",
        ["fleet_size"]        = "answers.fleet_size",
      } },
    -- Each kind of mail has a number in HubSpot: 999 is our newsletter.
    { list = "legalConsentOptions.consent.communications", name = "subscriptionTypeId", value = "value", rest = "consent.subscription",
      map = { ["999"] = "consent.newsletter" } },
  },
  set = { ["attribution.channel"] = "website" },
}
