-- SPDX-License-Identifier: MIT
-- The same lead in the two ways in which Meta hands it out. The export is made by hand, later: it must not become a second lead.

test "A Meta lead is one lead, whether its object or the export brings it" {
  at = "2026-03-05T15:30:00+01:00",
  given = { payload{ source = "meta", format = "json", body = [[
{ "id": "1203341234567890", "created_time": "2026-03-05T14:22:28+0000", "platform": "fb", "is_organic": false,
  "ad_id": "23851000000000123", "ad_name": "Fleet video A", "adset_id": "23851000000000100", "adset_name": "DE logistics managers",
  "campaign_id": "23851000000000001", "campaign_name": "spring-b2b", "form_id": "987650001112223",
  "field_data": [
    { "name": "full_name", "values": ["Jonas Brandt"] },
    { "name": "work_email", "values": ["j.brandt@brandt-logistik.example"] },
    { "name": "phone_number", "values": ["+4915112345678"] },
    { "name": "company_name", "values": ["Brandt Logistik KG"] },
    { "name": "job_title", "values": ["Geschäftsführer"] },
    { "name": "how_many_trucks_do_you_run?", "values": ["11-50"] },
    { "name": "which_services_interest_you?", "values": ["routing", "telematics"] } ],
  "custom_disclaimer_responses": [
    { "checkbox_key": "optional_1", "is_checked": "1" },
    { "checkbox_key": "optional_2", "is_checked": "" } ] } ]] } },
  expect = {
    hits = { "meta-lead" },
    did = { type = "form_submitted", time = "2026-03-05T14:22:28Z" },
    fields = {
      ["person.email"] = "j.brandt@brandt-logistik.example", ["person.name"] = "Jonas Brandt", ["person.phone_number"] = "+4915112345678",
      ["person.title"] = "Geschäftsführer", ["person.seniority"] = "c_level", ["company.name"] = "Brandt Logistik KG",
      ["attribution.channel"] = "paid-social", ["attribution.source"] = "facebook", ["attribution.campaign"] = "spring-b2b",
      ["attribution.term"] = "DE logistics managers", ["attribution.content"] = "Fleet video A", ["attribution.form_id"] = "987650001112223",
      ["attribution.campaign_id"] = "23851000000000001", ["attribution.adset_id"] = "23851000000000100",
      ["attribution.ad_id"] = "23851000000000123", ["attribution.is_organic"] = false,
      ["answers.fleet_size"] = "11-50", ["answers.which_services_interest_you?"] = "routing, telematics",
      ["consent.contact"] = true, ["consent.newsletter"] = false,     -- a box that was shown and not ticked is a no
    },
  },
  later = { { advance = "1d", given = { payload{ source = "meta", format = "csv", body = [[
id,created_time,ad_id,adset_id,campaign_name,form_id,form_name,is_organic,platform,lead_status,how_many_trucks_do_you_run?,full_name,email,phone_number,company_name
l:1203341234567891,2026-03-05T15:01:02+01:00,,,,f:987650001112223,Fleet form v3,true,ig,CREATED,51-200,"Šárka ""Sára"" Nová",sarka@doprava.example,p:+420601234567,Doprava Nová s.r.o.
l:1203341234567890,2026-03-05T14:22:28+00:00,ag:23851000000000123,as:23851000000000100,spring-b2b,f:987650001112223,Fleet form v3,false,fb,CREATED,11-50,Jonas Brandt,j.brandt@brandt-logistik.example,p:+4915112345678,"Brandt Logistik, KG"
]] } },
    expect = {
      { fields = { ["company.name"] = "Brandt Logistik KG", ["attribution.form_name"] = absent } },     -- known already: nothing was added
      { of = "sarka@doprava.example", hits = { "meta-export" },
        did = { type = "form_submitted", name = "Fleet form v3", time = "2026-03-05T15:01:02+01:00" },
        fields = {
          ["person.name"] = "Šárka \"Sára\" Nová", ["person.phone_number"] = "+420601234567", ["company.name"] = "Doprava Nová s.r.o.",
          ["attribution.source"] = "instagram", ["attribution.form_id"] = "987650001112223", ["attribution.is_organic"] = true,
          ["attribution.ad_id"] = absent, ["answers.fleet_size"] = "51-200", ["answers.lead_status"] = absent,
        } },
    } } },
}
