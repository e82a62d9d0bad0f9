-- SPDX-License-Identifier: MIT

test "LinkedIn's numbers become names, and what has none is kept by its number" {
  at = "2026-03-05T15:30:00+01:00",
  given = { payload{ source = "linkedin", format = "json", body = [[
{ "id": "249592fc-d272-44ba-a7db-c2bdce579507-6", "submitter": "urn:li:person:exampleSubm1", "submittedAt": 1772720551288, "testLead": false,
  "owner": { "sponsoredAccount": "urn:li:sponsoredAccount:507404993" }, "leadType": "SPONSORED",
  "leadMetadata": { "sponsoredLeadMetadata": { "campaign": "urn:li:sponsoredCampaign:198356826" } },
  "associatedEntity": { "associatedCreative": "urn:li:sponsoredCreative:241257736" },
  "versionedLeadGenFormUrn": "urn:li:versionedLeadGenForm:(urn:li:leadGenForm:7234246,1)",
  "formResponse": {
    "consentResponses": [ { "accepted": true, "consentId": 0 } ],
    "answers": [
      { "questionId": 107234246, "answerDetails": { "textQuestionAnswer": { "answer": "Ingrid" } } },
      { "questionId": 207234246, "answerDetails": { "textQuestionAnswer": { "answer": "Solberg" } } },
      { "questionId": 307234246, "answerDetails": { "textQuestionAnswer": { "answer": "ingrid.solberg@fjordfrakt.example" } } },
      { "questionId": 407234246, "answerDetails": { "textQuestionAnswer": { "answer": "Director of Operations" } } },
      { "questionId": 507234246, "answerDetails": { "textQuestionAnswer": { "answer": "Fjordfrakt AS" } } },
      { "questionId": 707234246, "answerDetails": { "multipleChoiceAnswer": { "options": [0] } } },
      { "questionId": 907234246, "answerDetails": { "textQuestionAnswer": { "answer": "by ferry" } } } ] } } ]] } },
  expect = {
    hits = { "linkedin-form-response", "SENIOR" },                    -- the title says director
    did = { type = "form_submitted", time = "2026-03-05T14:22:31.288Z" },
    fields = {
      ["person.email"] = "ingrid.solberg@fjordfrakt.example", ["person.given_name"] = "Ingrid", ["person.family_name"] = "Solberg",
      ["person.title"] = "Director of Operations", ["person.seniority"] = "director", ["person.external_ids.linkedin"] = "exampleSubm1",
      ["company.name"] = "Fjordfrakt AS",
      ["attribution.channel"] = "paid-social", ["attribution.source"] = "linkedin", ["attribution.campaign_id"] = "198356826",
      ["attribution.ad_id"] = "241257736", ["attribution.form_id"] = ends("(urn:li:leadGenForm:7234246,1)"),
      ["answers.fleet_size"] = "51-200", ["answers.907234246"] = "by ferry", ["consent.contact"] = true, test = false,
    },
  },
}

test "What LinkedIn pushes of a response that came changes nothing; it is fetched" {
  at = "2026-03-05T15:30:00+01:00",
  given = { lead{ person = { email = "i@fjordfrakt.example" } }, payload{ source = "linkedin", format = "json", body = [[
{ "type": "LEAD_ACTION", "leadGenFormResponse": "urn:li:leadGenFormResponse:249592fc-d272-44ba-a7db-c2bdce579507-6",
  "leadType": "SPONSORED", "leadAction": "CREATED", "occurredAt": 1772720551288 } ]] } },
  expect = { status = "inquiry" },
}
