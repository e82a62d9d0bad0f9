-- SPDX-License-Identifier: MIT
-- Meta (Facebook, Instagram) lead ads: the lead object of the Graph API, and the file that Ads Manager exports.
-- The page webhook `leadgen` holds ids only; whatever receives it fetches the lead object and drops that.
-- https://developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving

adapter "meta-lead" {
  match = { "created_time", "field_data" },
  format = "json",
  id = "id",
  time = "created_time",                    -- "2026-03-05T14:22:28+0000": an offset without colon
  map = {
    ["ad_id"]         = "attribution.ad_id",
    ["ad_name"]       = "attribution.content",
    ["adset_id"]      = "attribution.adset_id",
    ["adset_name"]    = "attribution.term",
    ["campaign_id"]   = "attribution.campaign_id",
    ["campaign_name"] = "attribution.campaign",
    ["form_id"]       = "attribution.form_id",
    ["is_organic"]    = "attribution.is_organic",
    ["platform"]      = { "attribution.source", values = { fb = "facebook", ig = "instagram" } },
  },
  pairs = {
    { list = "field_data", name = "name", value = "values", rest = "answers",
      map = {
        ["full_name"]           = "person.name",
        ["first_name"]          = "person.given_name",
        ["last_name"]           = "person.family_name",
        ["work_email|email"]    = "person.email",
        ["phone_number|work_phone_number"] = "person.phone_number",
        ["job_title"]           = "person.title",
        ["street_address"]      = "person.address.street_address",
        ["post_code|zip_code"]  = "person.address.postal_code",
        ["city"]                = "person.address.locality",
        ["state|province"]      = "person.address.region",
        ["country"]             = "person.address.country",
        ["company_name"]        = "company.name",
        ["how_many_trucks_do_you_run?"] = "answers.fleet_size",      -- our own form's question
      } },
    -- The check boxes of our form's disclaimer: "1" is ticked, nothing is not.
    { list = "custom_disclaimer_responses", name = "checkbox_key", value = "is_checked", rest = "answers.disclaimer",
      map = {
        ["optional_1"] = { "consent.contact", values = { ["1"] = true, [""] = false } },
        ["optional_2"] = { "consent.newsletter", values = { ["1"] = true, [""] = false } },
      } },
  },
  set = { ["attribution.channel"] = "paid-social" },
}

-- The export is a CSV, or a UTF-16 file with tabs, and marks its ids with letters; without them the ids are those of the API.
adapter "meta-export" {
  match = { "created_time", "adset_id", "form_id", "platform" },
  format = "csv",
  time = "created_time",
  map = {
    ["id"]            = { "id", strip = "l:" },
    ["ad_id"]         = { "attribution.ad_id", strip = "ag:" },
    ["ad_name"]       = "attribution.content",
    ["adset_id"]      = { "attribution.adset_id", strip = "as:" },
    ["adset_name"]    = "attribution.term",
    ["campaign_id"]   = { "attribution.campaign_id", strip = "c:" },
    ["campaign_name"] = "attribution.campaign",
    ["form_id"]       = { "attribution.form_id", strip = "f:" },
    ["form_name"]     = "attribution.form_name",
    ["is_organic"]    = "attribution.is_organic",
    ["platform"]      = { "attribution.source", values = { fb = "facebook", ig = "instagram" } },
    ["full_name"]     = "person.name",
    ["first_name"]    = "person.given_name",
    ["last_name"]     = "person.family_name",
    ["work_email|email"] = "person.email",
    ["phone_number|work_phone_number"] = { "person.phone_number", strip = "p:" },
    ["job_title"]     = "person.title",
    ["street_address"]     = "person.address.street_address",
    ["post_code|zip_code"] = "person.address.postal_code",
    ["city"]               = "person.address.locality",
    ["state|province"]     = "person.address.region",
    ["country"]            = "person.address.country",
    ["company_name"]  = "company.name",
    ["lead_status"]   = "skip",
    ["how_many_trucks_do_you_run?"] = "answers.fleet_size",
  },
  set = { ["attribution.channel"] = "paid-social" },
  rest = "answers",
}
