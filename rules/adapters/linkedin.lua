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
