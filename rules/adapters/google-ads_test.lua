-- SPDX-License-Identifier: MIT
-- What Google's webhook posts for one lead form, with invented values, and what we know afterwards.

test "A Google lead form says who it is, what it was an answer to, and when" {
  at = "2026-03-05T15:30:00+01:00",
  given = { payload{ source = "google", format = "json", body = [[
{ "lead_id": "TeSterLeadIdCj0KEQjw-5y2BRDh1qHx0rSGzYEQ", "api_version": "1.0", "google_key": "no-real-key", "is_test": false,
  "form_id": 40000000123, "campaign_id": 21098765432, "adgroup_id": 160012345678, "creative_id": 700123456789,
  "gcl_id": "EAIaIQobChMIz5Tq7e2tiQMVb4GDBx0exampleEAAYASAAEgJ", "lead_submit_time": "2026-03-05T14:22:31Z",
  "user_column_data": [
    { "column_id": "FULL_NAME", "string_value": "Maria Keller" },
    { "column_id": "WORK_EMAIL", "string_value": "Maria.Keller@spedition-keller.example" },
    { "column_id": "PHONE_NUMBER", "string_value": "030 5550 1042" },
    { "column_id": "COMPANY_NAME", "string_value": "Keller Spedition GmbH" },
    { "column_id": "JOB_TITLE", "string_value": "Head of Logistics" },
    { "column_id": "POSTAL_CODE", "string_value": "10115" },
    { "column_id": "COUNTRY", "string_value": "Germany" },
    { "column_id": "how_many_trucks_do_you_run?", "string_value": "51-200" },
    { "column_id": "when_do_you_start?", "string_value": "this spring" } ] } ]] } },
  expect = {
    hits = { "google-ads" }, status = "inquiry",
    did = { type = "form_submitted", time = "2026-03-05T14:22:31Z" },
    fields = {
      ["person.email"] = "maria.keller@spedition-keller.example", ["person.name"] = "Maria Keller", ["person.title"] = "Head of Logistics",
      ["person.phone_number"] = "+493055501042", ["person.address.postal_code"] = "10115", country = "DE",
      ["company.name"] = "Keller Spedition GmbH", ["company.domain"] = "spedition-keller.example",
      ["attribution.channel"] = "paid-search", ["attribution.source"] = "google", ["attribution.medium"] = "cpc",
      ["attribution.campaign_id"] = "21098765432", ["attribution.adset_id"] = "160012345678", ["attribution.ad_id"] = "700123456789",
      ["attribution.form_id"] = "40000000123", ["attribution.click_ids.gclid"] = "EAIaIQobChMIz5Tq7e2tiQMVb4GDBx0exampleEAAYASAAEgJ",
      ["answers.fleet_size"] = "51-200", ["answers.when_do_you_start?"] = "this spring",      -- a question nobody named here is kept, too
      ["answers.google_key"] = absent, ["consent.contact"] = absent, test = false,
    },
  },
}

test "Google's own test leads are told apart, and an address that is none is refused" {
  at = "2026-03-05T15:30:00+01:00",
  given = { payload{ source = "google", format = "json", body = [[
{ "lead_id": "t1", "google_key": "k", "is_test": true, "user_column_data": [ { "column_id": "EMAIL", "string_value": "test@home.example" } ] } ]] } },
  expect = { fields = { test = true, ["person.email"] = "test@home.example" }, owner = false },
  later = { { given = { payload{ source = "google", format = "json", body = [[
{ "lead_id": "t2", "google_key": "k", "user_column_data": [ { "column_id": "EMAIL", "string_value": "no address" } ] } ]] } },
              expect = { refused = "bad_email" } } },
}
