-- SPDX-License-Identifier: MIT
-- Segment (and what speaks its spec: RudderStack, Jitsu): identify and group say who somebody is, page and track what they did.
-- userId and anonymousId are both kept as ids of the person, so that what was done before the name was known is found again.
-- https://segment.com/docs/connections/spec/

adapter "segment-identify" {
  match = { "messageId", "traits", type = "identify" },
  format = "json",
  id = "messageId",
  type = "lead.updated",
  time = "timestamp|originalTimestamp",
  map = {
    ["userId"]      = "person.external_ids.segment",
    ["anonymousId"] = "person.external_ids.segment_anonymous",
    ["traits.email"]      = "person.email",
    ["traits.name"]       = "person.name",
    ["traits.firstName"]  = "person.given_name",
    ["traits.lastName"]   = "person.family_name",
    ["traits.title"]      = "person.title",
    ["traits.phone"]      = "person.phone_number",
    ["traits.website"]    = "person.website",
    ["traits.address.street"]     = "person.address.street_address",
    ["traits.address.city"]       = "person.address.locality",
    ["traits.address.state"]      = "person.address.region",
    ["traits.address.postalCode"] = "person.address.postal_code",
    ["traits.address.country"]    = "person.address.country",
    ["traits.company.id"]         = "company.external_ids.segment",
    ["traits.company.name"]       = "company.name",
    ["traits.company.industry"]   = "company.industry",
    ["traits.company.employee_count|traits.company.employees"] = "company.employees",
    ["traits.createdAt"]  = "skip",
    ["context.locale"]    = "person.locale",
    ["context.timezone"]  = "person.zoneinfo",
  },
  rest = { ["traits"] = "answers" },
}

adapter "segment-group" {
  match = { "messageId", "groupId", type = "group" },
  format = "json",
  id = "messageId",
  type = "lead.updated",
  time = "timestamp|originalTimestamp",
  map = {
    ["userId"]      = "person.external_ids.segment",
    ["anonymousId"] = "person.external_ids.segment_anonymous",
    ["groupId"]     = "company.external_ids.segment",
    ["traits.name"]     = "company.name",
    ["traits.industry"] = "company.industry",
    ["traits.employees|traits.employee_count"] = "company.employees",
    ["traits.address.country"] = "company.country",
  },
  rest = { ["traits"] = "answers.company" },
}

adapter "segment-page" {
  match = { "messageId", type = "page" },
  format = "json",
  id = "messageId",
  type = "activity.page_viewed",
  time = "timestamp|originalTimestamp",
  map = {
    ["userId"]      = "person.external_ids.segment",
    ["anonymousId"] = "person.external_ids.segment_anonymous",
    ["context.traits.email"] = "person.email",
    ["name|properties.title"] = "activity.name",
    ["properties.url|context.page.url"] = "activity.url",
    ["context.campaign.name"] = "activity.campaign",
  },
  set = { ["activity.channel"] = "web" },
  rest = { ["properties"] = "activity.properties" },
}

adapter "segment-track" {
  match = { "messageId", "event", type = "track" },
  format = "json",
  id = "messageId",
  type = "activity.tracked",
  time = "timestamp|originalTimestamp",
  map = {
    ["userId"]      = "person.external_ids.segment",
    ["anonymousId"] = "person.external_ids.segment_anonymous",
    ["context.traits.email"] = "person.email",
    ["event"] = "activity.name",
    ["context.page.url|properties.url"] = "activity.url",
    ["context.campaign.name"]   = "activity.campaign",
    ["context.campaign.source"] = "activity.properties.utm_source",
    ["context.campaign.medium"] = "activity.properties.utm_medium",
    ["context.campaign.term"]   = "activity.properties.utm_term",
    ["context.campaign.content"] = "activity.properties.utm_content",
  },
  set = { ["activity.channel"] = "product" },
  rest = { ["properties"] = "activity.properties" },
}
