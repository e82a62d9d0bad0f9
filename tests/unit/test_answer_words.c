/* SPDX-License-Identifier: MIT */
/* What the first line of a reply is taken for. */
#include "../../daemon/control/internal.h"
#include "test_policy_fixture.h"

static const char rules_text[] =
        "team 'sales' { members = { anna = {} } } team 'marketing' {}"
        "status 'mql' { team = 'sales', kind = 'open', initial = true } status 'sal' { team = 'sales', kind = 'open' }"
        "status 'out' { team = 'marketing', kind = 'final' }"
        "move 'accept' { from = 'mql', to = 'sal', by = 'owner', alias = { 'accepted', 'yes' } }"
        "move 'reject' { from = { 'mql', 'sal' }, by = 'owner', alias = { 'rejected' }, reasons = { 'no_budget', 'no', 'not_a_fit' } }"
        "move 'auto' { from = 'mql', to = 'out', by = 'rules', when = { ['person.title'] = 'x' } }"
        "reason 'no_budget' { to = 'out' } reason 'no' { to = 'out' } reason 'not_a_fit' { to = 'out' }";

static void words__of_a_first_line__are_move_lead_reason_and_note(void **state _unused_) {
        static const struct {
                const char *line, *verb;
                uint64_t lead;
                const char *reason, *note;
        } cases[] = {
                { "accept", "accept", 0, "", "" },
                { "Accept.", "accept", 0, "", "" },
                { "  ACCEPT!\r\n", "accept", 0, "", "" },
                { "*accept*", "accept", 0, "", "" },
                { "\"yes\"", "yes", 0, "", "" },
                { "accept I will call her at ten", "accept", 0, "", "I will call her at ten" },
                { "accept: I will", "accept", 0, "", "I will" },
                { "accept, thanks", "accept", 0, "", "thanks" },
                { "accept L-42", "accept", 42, "", "" },
                { "accept [L-42]", "accept", 42, "", "" },
                { "l-42 accept", "accept", 42, "", "" },
                { "L-42: reject no_budget", "reject", 42, "no_budget", "" },
                { "accept L-42 L-43", "accept", 42, "", "L-43" },
                { "accept L-4x", "accept", 0, "", "L-4x" },
                { "accept L-", "accept", 0, "", "L-" },
                { "accept L-99999999999999999999", "accept", 0, "", "L-99999999999999999999" },
                { "reject no_budget", "reject", 0, "no_budget", "" },
                { "Rejected No_Budget, until May", "rejected", 0, "no_budget", "until May" },
                { "reject no budget: until May", "reject", 0, "no_budget", "until May" },
                { "reject L-7 not a fit - they sell shoes", "reject", 7, "not_a_fit", "they sell shoes" },
                { "reject no", "reject", 0, "no", "" },
                { "reject no money", "reject", 0, "no", "money" },
                { "reject no_buget", "reject", 0, "no_buget", "" },
                { "reject because of the price", "reject", 0, "because", "of the price" },
                { "reject", "reject", 0, "", "" },
                { "reject L-7", "reject", 7, "", "" },
                { "auto no_budget", "auto", 0, "", "no_budget" }, /* no person's move */
                { "Thanks, I will look at it", "thanks", 0, "", "I will look at it" },
                { "", "", 0, "", "" },
                { "...", "", 0, "", "" },
                { "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx accept", "", 0, "", "accept" },
                { "reject xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "reject", 0, "",
                        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" },
                { "\xc3\x84"
                  "ccept",
                        "\xc3\x84"
                        "ccept",
                        0, "", "" },
        };
        RuleSet *rules = rules_load(rules_text);
        size_t n_wrong = 0;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                AnswerWords got;
                answer_words_read(rules, cases[i].line, &got);
                if (!base_streq(got.verb, cases[i].verb) || got.lead != cases[i].lead || !base_streq(got.reason, cases[i].reason) ||
                        got.note_size != strlen(cases[i].note) || memcmp(got.note, cases[i].note, got.note_size) != 0) {
                        print_error("\"%s\": got %s, L-%d, reason %s, note \"%.*s\"\n", cases[i].line, got.verb, (int) got.lead, got.reason,
                                (int) got.note_size, got.note);
                        n_wrong++;
                }
        }
        policy_free(rules);
        assert_int_equal(n_wrong, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(words__of_a_first_line__are_move_lead_reason_and_note) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
