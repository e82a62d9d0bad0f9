-- SPDX-License-Identifier: MIT
-- LinkedIn Lead Sync: one leadFormResponses/{id}. Answers carry the question's number and not its meaning: it stands in
-- leadForms/{id}, which names each question once. The numbers below are those of our form "Fleet form EN"; add yours.
-- A form that is not named here loses nothing: its answers are kept by number, the person by LinkedIn's id.

adapter "linkedin-form-response" {
  match = { "formResponse.answers", "submittedAt" },
  format = "json",
  id = "id",
  time = { "submittedAt", form = "unix_ms" },
  map = {
    ["submitter"] = { "person.external_ids.linkedin", as = "last_urn" },
    ["id"]        = "person.external_ids.linkedin_response",      -- what an order to delete names
    ["testLead"]  = "test",
    ["leadMetadata.sponsoredLeadMetadata.campaign"] = { "attribution.campaign_id", as = "last_urn" },
    ["associatedEntity.associatedCreative"]         = { "attribution.ad_id", as = "last_urn" },
    ["versionedLeadGenFormUrn"]                     = "attribution.form_id",
    ["leadType"] = { "attribution.channel", values = { SPONSORED = "paid-social", COMPANY = "social", EVENT = "event" } },
  },
  pairs = {
    { list = "formResponse.answers", name = "questionId", rest = "answers",
      value = { "answerDetails.textQuestionAnswer.answer", "answerDetails.multipleChoiceAnswer.options" },
      map = {
        ["107234246"] = "person.given_name",
        ["207234246"] = "person.family_name",
        ["307234246"] = "person.email",
        ["407234246"] = "person.title",
        ["507234246"] = "company.name",
        ["707234246"] = { "answers.fleet_size", values = { ["0"] = "51-200" } },     -- options carry numbers, too
      } },
    -- The first check box of our form asks whether we may call.
    { list = "formResponse.consentResponses", name = "consentId", value = "accepted", rest = "answers.consent",
      map = { ["0"] = "consent.contact" } },
  },
  set = { ["attribution.source"] = "linkedin" },
}

-- What LinkedIn pushes when a response came or went. One that came holds nothing but its number: fetch it. One that went is an
-- order to erase; it is carried out where the settings let the directory give one: spool = { linkedin = { "erased" } }.
adapter "linkedin-notification" {
  match = { "leadGenFormResponse", "leadAction", type = "LEAD_ACTION" },
  format = "json",
  id = { "leadGenFormResponse", "leadAction" },
  type_from = { "leadAction", DELETED = "lead.erased", ["*"] = "drop" },
  time = { "occurredAt", form = "unix_ms" },
  map = { ["leadGenFormResponse"] = { "person.external_ids.linkedin_response", as = "last_urn" } },
}
