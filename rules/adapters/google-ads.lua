-- SPDX-License-Identifier: MIT
-- Google Ads lead form, as its webhook posts it. https://developers.google.com/google-ads/webhook/docs/implementation

adapter "google-ads" {
  match = { "google_key", "lead_id", "user_column_data" },
  format = "json",
  id = "lead_id",
  time = "lead_submit_time",
  -- The key proves that Google sent this. It is never kept. To have it checked, give the unit LoadCredential=google-ads.key:/etc/leadd/google-ads.key
  -- and write here: secret = { field = "google_key", file = "google-ads.key" },
  drop = { "google_key" },
  map = {
    ["is_test"]      = "test",
    ["form_id"]      = "attribution.form_id",
    ["campaign_id"]  = "attribution.campaign_id",
    ["adgroup_id"]   = "attribution.adset_id",
    ["creative_id"]  = "attribution.ad_id",
    ["gcl_id"]       = "attribution.click_ids.gclid",
  },
  pairs = {
    { list = "user_column_data", name = "column_id", value = "string_value", rest = "answers",
      map = {
        ["FULL_NAME"]              = "person.name",
        ["FIRST_NAME"]             = "person.given_name",
        ["LAST_NAME"]              = "person.family_name",
        ["WORK_EMAIL|EMAIL"]       = "person.email",
        ["WORK_PHONE|PHONE_NUMBER"] = "person.phone_number",
        ["JOB_TITLE"]              = "person.title",
        ["STREET_ADDRESS"]         = "person.address.street_address",
        ["POSTAL_CODE"]            = "person.address.postal_code",
        ["CITY"]                   = "person.address.locality",
        ["REGION"]                 = "person.address.region",
        ["COUNTRY"]                = "person.address.country",
        ["COMPANY_NAME"]           = "company.name",
        -- Questions of our own form, by the id Google makes of their text:
        ["how_many_trucks_do_you_run?"] = "answers.fleet_size",
      } },
  },
  set = { ["attribution.channel"] = "paid-search", ["attribution.source"] = "google", ["attribution.medium"] = "cpc" },
}
