/* SPDX-License-Identifier: MIT */
/*
 * Messages and the glossary: what people read.
 */
#include "test_policy_fixture.h"

static void render__names__become_what_is_known(void **state _unused_) {
        static const struct {
                const char *text, *want;
        } cases[] = {
                { "Lead ${lead.id} waits", "Lead L-42 waits" },
                { "${lead.person.name}, ${lead.company.name}. Answer by ${due}.", "Ann Lee, . Answer by Fri 10:00." },
                { "${owner}|${status}|${grade}|${rule}|${recipient}", "anna|mql|B2|ACCEPT|petra" },
                { "${lead.company.employees} ${lead.interest.budget.amount} ${lead.consent.contact}", "180 1250.5 yes" },
                { "${lead.answers.fleet size}/${lead.person.external_ids.crm}", "51-200/C-7" },
                { "${lead.country} ${lead.source}", "DE forms" }, { "${lead.consent_at.contact}", "2026-03-05T09:00:00Z" },
                { "Answer with\n${answers}", "Answer with\naccept\nreject no_budget | not_a_fit NOTE" }, { "no names", "no names" },
                { "", "" }, { "$ {lead.id} $lead.id {lead.id}", "$ {lead.id} $lead.id {lead.id}" },
                { "${unknown} and ${lead.id", " and ${lead.id" }, { "${}${lead.}", "" },
                /* What people wrote cannot end a line, start one, or turn the text round. */
                { "Subject: ${lead.person.title}", "Subject: Boss  Bcc: all@x.example a b c" },
                { "${lead.person.department}", "x y z \xc3\xa9\xe2\x82\xac" },
                { "two\nlines ${lead.id}", "two\nlines L-42" }, /* the message's own text may */
                { "${lead.interest.message}", "${lead.id}" },   /* and what they wrote is no name */
        };
        RuleSet *rules = rules_load("team 't' {} status 'mql' { team = 't', kind = 'open', initial = true }");
        Lead lead;
        Text out = { 0 };

        lead_begin(&lead);
        lead_text(&lead, "person.name", "Ann Lee");
        lead_text(&lead, "person.title",
                "Boss\r\nBcc: all@x.example\ta\x7f"
                "b\xc2\x85"
                "c");
        lead_text(&lead, "person.department", "x\xe2\x80\xaey\xe2\x80\xa8z\xe2\x81\xa6\xc3\xa9\xe2\x82\xac");
        lead_set(&lead, "company.employees", value_integer(180));
        lead_text(&lead, "company.country", "DE");
        lead_set(&lead, "interest.budget.amount", value_number(1250.5));
        lead_text(&lead, "interest.message", "${lead.id}");
        lead_set(&lead, "consent.contact", value_bool(true));
        lead_set(&lead, "consent_at.contact", value_integer(NOW_US));
        lead_text(&lead, "answers.fleet size", "51-200");
        lead_text(&lead, "person.external_ids.crm", "C-7");
        lead_subject(&lead)->status = policy_status(rules, "mql");
        strcpy(lead.subject.grade, "B2");
        MessageContext context = { .subject = &lead.subject,
                .owner = "anna",
                .due = "Fri 10:00",
                .rule = "ACCEPT",
                .recipient = "petra",
                .answers = "accept\nreject no_budget | not_a_fit NOTE" };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                text_clear(&out);
                assert_int_equal(policy_render(cases[i].text, &context, &out), 0);
                if (!base_streq(out.data ? out.data : "", cases[i].want))
                        fail_msg("%s\n got  \"%s\"\n want \"%s\"", cases[i].text, out.data ? out.data : "", cases[i].want);
        }
        text_free(&out);
        lead_end(&lead);
        policy_free(rules);
}

static void render__without_a_lead__leaves_the_places_empty(void **state _unused_) {
        MessageContext context = { 0 };
        Text out = { 0 };

        assert_int_equal(policy_render("[${lead.id}${lead.person.name}${owner}${due}${status}${grade}${lead.country}]", &context, &out), 0);
        assert_string_equal(out.data, "[]");
        text_free(&out);
}

static void glossary__of_a_small_house__says_all_of_it(void **state _unused_) {
        static const char want[] =
                "PRINCIPLES\n"
                "  CALL: Every accepted lead gets a call.\n"
                "\n"
                "TEAMS\n"
                "  marketing\n"
                "      owns prospects\n"
                "      members: nobody by name: its leads wait in a queue\n"
                "  sales\n"
                "      members: anna (head) and ben\n"
                "      who is next: in turn\n"
                "\n"
                "STATUSES\n"
                "  inquiry, owned by marketing; where every lead begins; marketing may contact\n"
                "      Raised a hand. Not a lead yet.\n"
                "      ways in: reject with no_budget\n"
                "      ways out: qualify -> mql\n"
                "  mql, owned by sales; an answer is owed in time\n"
                "      Meets the criteria.\n"
                "      ways in: qualify\n"
                "      ways out: reject -> as the reason says\n"
                "\n"
                "MOVES\n"
                "  qualify, by itself\n"
                "      inquiry -> mql\n"
                "      when: grade is one of \"A1\", \"A2\" and (did form_submitted, name containing \"Demo\", within 30d,\n"
                "        since the last move or what a function says)\n"
                "      needs: REACHABLE\n"
                "  reject, by the owner\n"
                "      mql -> where the reason says\n"
                "      with a reason: no_budget\n"
                "      also called: rejected\n"
                "\n"
                "CRITERIA\n"
                "  REACHABLE\n"
                "      a phone number or an e-mail\n"
                "      exactly: person.phone_number is known or person.email is known\n"
                "\n"
                "REASONS\n"
                "  no_budget -> inquiry; a note is required\n"
                "      looked at again: after 90 days, or earlier when the lead did form_submitted\n"
                "\n"
                "FENCES\n"
                "  CONSENT, before mql\n"
                "      closed when: country in list \"eea\" and none of (consent.contact is true)\n"
                "\n"
                "SEGMENTS\n"
                "  big\n"
                "      exactly: company.employees at least 1000\n"
                "\n"
                "SCORES\n"
                "  fit, from 0 to 100\n"
                "      SENIOR: by person.seniority: director 20, vp 25\n"
                "      SIZE: by company.employees: from 1000 40, from 200 30.5\n"
                "      RIVAL: -100 when not in segment \"big\"; not beside SIZE\n"
                "  engagement, from 0 to 100; half of it is gone after 30 days\n"
                "      PRICING: 8 each time: did page_viewed, url like \"*/pricing*\"; at most 24\n"
                "      WEBINAR: 15 each time: did event_attended; one a campaign; 50 % less every 30 days\n"
                "\n"
                "GRADE\n"
                "  fit, then engagement\n"
                "      by fit: A from 75, B from 0\n"
                "      by engagement: 1 from 75, 2 from 0\n"
                "      ? in place of the first while nothing is known that fit depends on\n"
                "      a lead drops only once it is 10 below\n"
                "\n"
                "SERVICE LEVELS (the first that applies)\n"
                "  ACCEPT: mql within 2 hours of the owner's working time\n"
                "      for leads: grade is \"A1\"\n"
                "      after 15 minutes reminds the owner\n"
                "      after 6 hours reminds the head and ops, and again every 1 working day\n";
        RuleSet *rules = rules_load(
                "settings 's' { ops = 'ops@example.com' } principle 'CALL' { 'Every accepted lead gets a call.' }\n"
                "team 'marketing' { doc = 'owns prospects' } calendar 'c' { zone = 'UTC', open = { mon_fri = '09:00-17:00' } }\n"
                "team 'sales' { calendar = 'c', head = 'anna', members = { anna = { user = 'anna' }, ben = { user = 'ben' } } }\n"
                "status 'inquiry' { team = 'marketing', kind = 'open', initial = true, marketing_may_contact = true, meaning = 'Raised a "
                "hand. Not a lead yet.' }\n"
                "status 'mql' { team = 'sales', kind = 'sla', meaning = 'Meets the criteria.' }\n"
                "criterion 'REACHABLE' { doc = 'a phone number or an e-mail', when = any{ { ['person.phone_number'] = present }, { "
                "['person.email'] = present } } }\n"
                "move 'qualify' { from = 'inquiry', to = 'mql', by = 'rules', needs = { 'REACHABLE' }, when = { grade = one_of{ 'A2', 'A1' "
                "},\n"
                "  any{ did{ type = 'form_submitted', name = has('Demo'), within = '30d', since = 'move' }, function() return true end } } "
                "}\n"
                "move 'reject' { from = 'mql', by = 'owner', alias = { 'rejected' }, reasons = { 'no_budget' } }\n"
                "reason 'no_budget' { to = 'inquiry', recycle_after = '90d', wake_on = did{ type = 'form_submitted' }, note = 'required' "
                "}\n"
                "list 'eea' { 'DE' }\n"
                "fence 'CONSENT' { blocks = { 'mql' }, when = all{ { country = in_list 'eea' }, none{ { ['consent.contact'] = true } } } "
                "}\n"
                "segment 'big' { when = { ['company.employees'] = ge(1000) } }\n"
                "group 'fit' {} group 'engagement' { half_life = '30d' }\n"
                "score 'SENIOR' { group = 'fit', field = 'person.seniority', map = { vp = 25, director = 20 } }\n"
                "score 'SIZE' { group = 'fit', field = 'company.employees', bands = { { 1000, 40 }, { 200, 30.5 } } }\n"
                "score 'RIVAL' { group = 'fit', when = { segment = is_not('big') }, points = -100, unless = 'SIZE' }\n"
                "score 'PRICING' { group = 'engagement', on = { type = 'page_viewed', url = like('*/pricing*') }, each = 8, cap = 24 }\n"
                "score 'WEBINAR' { group = 'engagement', on = { type = 'event_attended' }, each = 15, per = 'campaign', fade = { every = "
                "'30d', percent = 50 } }\n"
                "grade 'G' { fit = { A = 75, B = 0 }, engagement = { ['1'] = 75, ['2'] = 0 }, leave = 10 }\n"
                "sla 'ACCEPT' { status = 'mql', within = '2h', clock = 'owner', when = { grade = 'A1' },\n"
                "  steps = { { at = '15m', remind = { 'owner' } }, { at = '6h', every = '1wd', remind = { 'head', 'ops' } } } }\n");
        Text out = { 0 };

        assert_int_equal(policy_glossary(rules, &out), 0);
        if (!base_streq(out.data, want))
                fail_msg("got:\n%s\nwant:\n%s", out.data, want);
        text_free(&out);
        policy_free(rules);
}

static void glossary__of_no_rules__is_empty(void **state _unused_) {
        RuleSet *rules = rules_load("");
        Text out = { 0 };

        assert_int_equal(policy_glossary(rules, &out), 0);
        assert_int_equal(out.size, 0);
        text_free(&out);
        policy_free(rules);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(render__names__become_what_is_known),
                cmocka_unit_test(render__without_a_lead__leaves_the_places_empty),
                cmocka_unit_test(glossary__of_a_small_house__says_all_of_it),
                cmocka_unit_test(glossary__of_no_rules__is_empty),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
