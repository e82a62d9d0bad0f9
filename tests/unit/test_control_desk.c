/* SPDX-License-Identifier: MIT */
/* What the methods about somebody's desk answer: inbox, next, the card and story of a lead, the digest of a team. */
#include "test_control_fixture.h"

static void inbox__and_next__of_a_table__answer_or_say_whose_desk_there_is_not(void **state) {
        (void) state;
        static const struct {
                const char *method, *parameters, *error, *path, *want;
        } cases[] = {
                { "Inbox", "{\"owner\":\"anna\"}", "", "items.0.lead", "L-1" },
                { "Inbox", "{\"owner\":\"anna\"}", "", "items.0.due", "2026-03-06T09:00:00Z" },
                { "Inbox", "{\"owner\":\"anna\"}", "", "items.0.place", "1" },
                { "Inbox", "{\"owner\":\"anna\"}", "", "items.0.todo", "accept or reject" },
                { "Inbox", "{\"owner\":\"anna\"}", "", "items.0.name", "Jo \xc3\x84mter" },
                { "Inbox", "{\"owner\":\"anna\"}", "", "items.0.reasons",
                        "[{\"rule\":\"SENIOR\",\"points\":20,\"text\":\"person.seniority = \\\"director\\\"\"}]" },
                { "Inbox", "{\"owner\":\"anna\"}", "", "waiting", "2" },
                { "Inbox", "{\"owner\":\"anna\",\"limit\":1}", "", "items.1", "(missing)" },
                { "Inbox", "{\"owner\":\"anna\",\"limit\":0}", "org.leadd.Leads.BadValue", "parameter", "limit" },
                { "Inbox", "{\"owner\":\"anna\",\"limit\":1000000}", "", "waiting", "2" },
                { "Inbox", "{\"owner\":\"petra\"}", "", "items", "[]" },
                { "Inbox", "{\"owner\":\"bne\"}", "org.leadd.Leads.NoSuchName", "text",
                        "the rules know no owner \"bne\"; did you mean \"ben\"?" },
                { "Show", "{\"lead\":\"1\",\"as\":\"ben\"}", "", "item.changed", "null" },
                { "Show", "{\"lead\":\"1\",\"as\":\"ben\"}", "", "item.changed",
                        "{\"since\":\"2026-03-05T09:00:00Z\",\"events\":0,\"more\":false,\"texts\":[]}" },
                { "Show", "{\"lead\":\"1\",\"as\":\"bne\"}", "org.leadd.Leads.NoSuchName", "kind", "owner" },
                { "Log", "{\"lead\":\"1\"}", "", "items.0.story", "came in; inquiry -> mql (qualify by rules); offered to anna (REST)" },
                { "Log", "{\"lead\":\"1\"}", "", "items.0.actor", "web" },
                { "Digest", "{\"team\":\"inside_sales\"}", "", "since", "2026-03-04T09:00:00Z" },
                { "Digest", "{\"team\":\"marketing\"}", "", "team", "marketing" },
                { "Digest", "{\"team\":\"marketting\"}", "org.leadd.Leads.NoSuchName", "text",
                        "the rules know no team \"marketting\"; did you mean \"marketing\"?" },
                { "Next", "{\"owner\":\"anna\"}", "", "item.lead", "L-1" },
                { "Next", "{\"owner\":\"anna\"}", "", "item.rank", "waits" },
                { "Next", "{\"owner\":\"ben\"}", "", "item.lead", "L-2" },
                { "Next", "{\"owner\":\"ben\"}", "", "waiting", "1" },
                { "Next", "{\"owner\":\"petra\"}", "", "item", "null" },
                { "Next", "{\"owner\":\"nobody\"}", "org.leadd.Leads.NoSuchName", "kind", "owner" },
        };
        Fixture f;
        fixture_start(&f);
        submit(&f, "a@keller.example", "director", "DE");
        submit(&f, "b@keller.example", "director", "DE");
        submit(&f, "c@keller.example", "vp", "DE");
        submit(&f, "d@keller.example", "entry", "DE");
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char method[64], error[128];
                (void) snprintf(method, sizeof(method), "org.leadd.Leads.%s", cases[i].method);
                json_auto_t *reply = ask(&f, method, cases[i].parameters, error);
                if (!base_streq(error, cases[i].error))
                        fail_msg("%s %s: got error \"%s\", want \"%s\"", method, cases[i].parameters, error, cases[i].error);
                expect(reply, cases[i].path, cases[i].want);
        }
        if (geteuid() == 0) { /* anna's user */
                char error[128];
                json_auto_t *own = ask(&f, "org.leadd.Leads.Inbox", "{}", error);
                expect(own, "owner", "anna");
        }
        fixture_stop(&f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(inbox__and_next__of_a_table__answer_or_say_whose_desk_there_is_not),
        };
        return cmocka_run_group_tests_name("control: the desk", tests, NULL, NULL);
}
