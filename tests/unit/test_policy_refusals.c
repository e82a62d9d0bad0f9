/* SPDX-License-Identifier: MIT */
/*
 * The rest of what the loader refuses, beside test_policy_faults.c and test_policy_mistakes.c: each rule of the language that a faulty
 * declaration breaks, and the words in which its author hears of it, with its place.
 */
#include "test_policy_directory.h"

static const struct {
        const char *rules, *want; /* want: a line of the report that begins with a.lua:1: */
} refusals[] = {
        /* shapes */
        { "local d = segment 'x' d { when = { country = 'DE' } } d { when = {} }", "segment \"x\": has two tables" },
        { "team 'x' { members = { carl = { skills = { languages = { 'de', nil, 'en' } } } } }",
                "member \"carl\": \"skills.languages\" is a list with gaps" },
        { "team 'x' { members = { carl = { skills = { languages = { 'de', x = 'en' } } } } }",
                "member \"carl\": \"skills.languages\" must be a plain list: { \"a\", \"b\" }" },
        { "sla 'x' { status = 'work', within = '1h', steps = { { at = '1h', every = '1h', remind = 'owner', 5 } } }",
                "sla \"x\": \"steps[1]\" has a value without a key" },
        { "team 'x' { members = 'carl' }", "team \"x\": \"members\" must be a table of members, not a text" },
        { "team 'x' { members = { [' carl'] = {} } }",
                "team \"x\": \"members. carl\": a name has no control characters and no blanks around it" },
        { "team 'x' { members = { carl = { skills = 'de' } } }",
                "member \"carl\": \"skills\" must be a table such as { languages = { \"de\", \"en\" } }, not a text" },
        { "local d = {} for i = 1, 201 do d[i] = '2026-03-09' end team 'x' { members = { carl = { away = d } } }",
                "member \"carl\": \"away\" has more than 200 entries" },
        /* limits */
        { "for i = 1, 256 do segment('s' .. i) { when = { country = 'DE' } } end",
                "!zz-base.lua:19: segment \"big\": is one segment more than the 256 there may be" },
        { "for i = 1, 15 do group('g' .. i) {} end", "!zz-base.lua:21: group \"engagement\": is one group more than the 16 there may be" },
        { "local s = {} for i = 1, 17 do s[i] = { at = '1h', remind = 'owner' } end sla 'x' { status = 'work', within = '1h', steps = s }",
                "sla \"x\": \"steps\" has more than 16 entries" },
        { "local m = {} for i = 1, 1001 do m['k' .. i] = 'answers.x' end adapter 'x' { match = { 'a' }, map = m }",
                "adapter \"x\": \"map\" has more than 1000 entries" },
        /* moves, fences, routes */
        { "move 'note' { from = 'work', to = 'done', by = 'owner' }",
                "move \"note\": \"note\" is leadd's own word: nobody could ask for this move" },
        { "move 'x' { from = 'work', to = 'done', by = 'owner', alias = 'assign' }",
                "move \"x\": its alias \"assign\" is leadd's own word: nobody could ask for it" },
        { "move 'x' { from = 'new', to = 'done', by = 'rules', alias = 'y' }",
                "move \"x\": \"alias\" is for people: nobody asks for a move by \"rules\"" },
        { "fence 'x' { blocks = 'work', since = 'bad', hold = '0d' }", "fence \"x\": \"hold\" is nothing: the fence is never closed" },
        { "fence 'x' { blocks = 'wrok', when = { country = 'DE' } }", "fence \"x\": unknown status \"wrok\"; did you mean \"work\"?" },
        { "fence 'x' { blocks = 'work', from = 'nwe', when = { country = 'DE' } }",
                "fence \"x\": unknown status \"nwe\"; did you mean \"new\"?" },
        { "route 'x' { team = 'desk', match = 'person.locale' }",
                "route \"x\": \"match\" must be a table such as { languages = \"person.locale\" }, not a text" },
        { "route 'x' { owner = 'account', match = { languages = 'person.locale' } }", "route \"x\": \"match\" is for routes to a team" },
        { "route 'x' { team = 'desk', match = { languges = 'person.locale' } }",
                "route \"x\": nobody in the team \"desk\" has the skill \"languges\"; did you mean \"languages\"?" },
        { "score 'x' { group = 'fit', when = { country = 'DE' }, points = 1, veto = 'wrok' }",
                "score \"x\": unknown status \"wrok\"; did you mean \"work\"?" },
/* SLAs */
#define SLA(steps) "sla 'x' { status = 'work', when = { country = 'DE' }, within = '4h', steps = " steps " }"
        { SLA("{ { at = '4h', every = '4h', remind = 'owner', reason = 'good' } }"), "sla \"x\": steps[1] has a reason but no move" },
        { "move 'y' { from = 'work', by = 'owner', reasons = 'good' } " SLA("{ { at = '4h', move = 'y', reason = 'bad' } }"),
                "sla \"x\": steps[1]: \"bad\" is no reason of the move \"y\"" },
        { SLA("{ { at = '4h' }, { at = '4h', every = '4h', remind = 'owner' } }"),
                "sla \"x\": steps[1] does nothing: it needs \"remind\", \"reassign\" or \"move\"" },
        { SLA("{ { at = '4h', every = '4h', reassign = true, message = 'reminder' } }"),
                "sla \"x\": steps[1] has a message but reminds nobody" },
        { SLA("{ { at = '4h', every = '0h', remind = 'owner' } }"), "sla \"x\": steps[1] repeats without a pause" },
        { SLA("{ { at = '1h', remind = 'owner' }, { at = '2wd', remind = 'owner' }, { at = '30m', every = '1wd', remind = 'owner' } }"),
                "sla \"x\": steps[3] comes before a step above it" },
        { SLA("{ { at = '2wd', remind = 'owner' }, { at = '1h', remind = 'owner' }, { at = '1wd', every = '1wd', remind = 'owner' } }"),
                "sla \"x\": steps[3] comes before a step above it" },
        { SLA("{ { at = '1h', remind = 'owner' }, { at = '2wd', remind = 'owner' }, { at = '2h', every = '1wd', remind = 'owner' } }"),
                "sla \"x\": steps[3] (2h) is over when steps[2] (2wd) is due" },
        { "sla 'x' { status = 'work', start_on = { country = 'DE' }, within = '4h', steps = { { at = '4h', every = '4h', remind = 'owner' "
          "} } } "
          "status 'w' { team = 'desk', kind = 'sla' } move 'a' { from = 'new', to = 'w', by = 'desk' } move 'b' { from = 'w', to = 'done', "
          "by = "
          "'owner' } sla 'y' { status = 'w', start_on = { country = 'DE' }, within = '4h', steps = { { at = '4h', move = 'b' } } }",
                "status \"w\": every sla for it has a condition: one must apply to the leads that are left (without \"when\" and "
                "\"start_on\")" },
        { SLA("'4h'"), "sla \"x\": \"steps\" must be a list of steps, not a text" },
        { "team 't' { members = { carl = {} } } status 'w' { team = 't', kind = 'sla' } route 'r' { team = 't' } move 'a' { from = 'new', "
          "to = 'w', by = 'desk' } "
          "move 'b' { from = 'w', to = 'done', by = 'owner' } sla 'x' { status = 'w', within = '1wd', clock = 'team', steps = { { at = "
          "'1h', move = 'b' } } }",
                "sla \"x\": counts working days, but the team \"t\" has no calendar" },
        { SLA("{ { at = '4h', every = '4h', remind = 'owner' } }, stop = { contry = 'DE' }"),
                "sla \"x\": unknown path \"contry\"; did you mean \"country\"?" },
        { SLA("{ { at = '4h', every = '4h', remind = 'owner' } }, roll_on = { country = 'DE' }"),
                "sla \"x\": roll_on: \"country\" is about the lead" },
        /* messages and channels */
        { "channel 'x' { via = 'journal', from = 'a@example.com' }", "channel \"x\": \"from\" is for mail (sendmail, smtp)" },
        { "channel 'x' { via = 'drop', reply_to = 'a@example.com' }", "channel \"x\": \"reply_to\" is for mail (sendmail, smtp)" },
        { "channel 'x' { via = 'sendmail', from = 'a@example.com', reply_to = 'a@example.com, b@example.com' }",
                "channel \"x\": \"reply_to\" is one plain address such as answers@example.com" },
        { "channel 'x' { via = 'drop', unsubscribe = 'https://example.com' }",
                "channel \"x\": \"unsubscribe\" is for mail (sendmail, smtp)" },
        { "channel 'x' { via = 'sendmail', from = 'a@example.com', unsubscribe = 'https://example.com/${lead.person.email}' }",
                "channel \"x\": \"unsubscribe\" is one address such as" },
        { "channel 'x' { via = 'sendmail', from = 'a@example.com', unsubscribe = 'https://a.example>, <https://b.example' }",
                "channel \"x\": \"unsubscribe\" is one address such as" },
        { "channel 'x' { via = 'sendmail', from = 'a@example.com', unsubscribe = 'http://example.com/' }",
                "channel \"x\": \"unsubscribe\" is one address such as" },
        { "channel 'x' { via = 'sendmail', from = 'a@example.com' } message 'm' { channel = 'x', to = 'lead', subject = 's', body = "
          "'${unsubscribe}' }",
                "message \"m\": ${unsubscribe}: the channel \"x\" has no \"unsubscribe\"" },
        { "channel 'x' { via = 'sendmail', from = 'a@example.com', reply_to = '-oQ@example.com' }",
                "channel \"x\": \"reply_to\" is one plain address" },
        { "settings 's' { answer_within = '59m' }", "settings \"s\": \"answer_within\" must be between 1h and 365d" },
        { "settings 's' { answer_within = '366d' }", "settings \"s\": \"answer_within\" must be between 1h and 365d" },
        { "settings 's' { leaks = '14d' }", "settings \"s\": \"leaks\" must be a table such as { stale = \"14d\" }, not a text" },
        { "settings 's' { leaks = { stalled = '14d' } }",
                "settings \"s\": unknown key in \"leaks\": \"stalled\"; did you mean \"stale\"?" },
        { "settings 's' { leaks = { stale = '59m' } }", "settings \"s\": \"leaks.stale\" must be between 1h and 365d" },
        { "settings 's' { leaks = { untouched = '366d' } }", "settings \"s\": \"leaks.untouched\" must be between 1h and 365d" },
        { "settings 's' { leaks = { opportunity = '2wd' } }", "settings \"s\": \"leaks.opportunity\" cannot be in working days" },
        { "settings 's' { answer_within = '2wd' }", "settings \"s\": \"answer_within\" cannot be in working days" },
        { "channel 'x' { via = 'journal', target = 'a' }", "channel \"x\": \"target\" is for smtp, exec and webhook" },
        { "channel 'x' { via = 'exec', target = 'notify' }", "channel \"x\": \"target\" of exec is the absolute path of a program" },
        { "channel 'x' { via = 'webhook', target = 'ftp://x' }", "channel \"x\": \"target\" of a webhook is an http or https address" },
        /* grades, scores and conditions */
        { "grade 'G' { fit = 5, engagement = { ['1'] = 0 } }", "grade \"G\": \"fit\" must be a table of bands, not a number" },
        { "grade 'G' { fit = { A = 0 }, engagement = { ['1'] = 0 }, leave = -1 }", "grade \"G\": \"leave\" must not be negative" },
        { "grade 'G' { fit = { A = 0, ['1'] = 5 }, engagement = { ['1'] = 0 } }",
                "grade \"G\": \"fit\": a band's name is made of letters, not \"1\"" },
        { "grade 'G' { fit = { A = 5, B = 5, C = 0 }, engagement = { ['1'] = 0 } }",
                "grade \"G\": \"fit\": the bands \"A\" and \"B\" begin at the same points" },
        { "criterion 'x' { when = { grade = 'A1' } }", "criterion \"x\": when: no grade is declared" },
        { "score 'x' { group = 'fit', field = 'consent_at.contact', map = { x = 1 } } score 'y' { group = 'fit', weight = 5 }",
                "score \"y\": needs exactly one way to give points" },
        { "group 'w' { weights = true } score 'x' { group = 'w', weight = 101, best_of = { { when = { country = 'DE' }, percent = 100 } } "
          "}",
                "score \"x\": \"weight\" must be above 0 and at most 100" },
        { "group 'w' { weights = true } score 'x' { group = 'w', weight = 100, best_of = {} }",
                "score \"x\": \"best_of\" must be 1 to 100 entries" },
        { "group 'w' { weights = true } score 'x' { group = 'w', weight = 100, best_of = { 5 } }",
                "score \"x\": best_of[1] must be a table" },
        { "group 'x' { min = 5, max = 5 }", "group \"x\": \"min\" must be less than \"max\"" },
        /* adapters */
        { "adapter 'x' { match = { 'a' }, rest = 'answers', type = 'lead.updated', type_from = { 'k', a = 'lead.updated' } }",
                "adapter \"x\": has both \"type\" and \"type_from\"" },
        { "adapter 'x' { match = { 'a' } }", "adapter \"x\": maps nothing: it needs \"map\", \"pairs\" or \"rest\"" },
        { "adapter 'x' { match = { 'a' }, rest = 'answers', type_from = { 'k' } }", "adapter \"x\": \"type_from\" names no type" },
        { "adapter 'x' { match = { 'a' }, rest = 'answers', time = { 't', form = 'unix', zone = 'UTC' } }",
                "adapter \"x\": \"time.zone\" is for times without a zone (form = \"local\")" },
        { "adapter 'x' { match = { 'a' }, map = { a = { 'answers.x', as = 'strip' } } }",
                "adapter \"x\": \"map.a.as\": write strip = \"PREFIX\"" },
        { "adapter 'x' { match = { 'a' }, rest = 'answers', secret = 'k' }",
                "adapter \"x\": \"secret\" must be a table such as { field = \"key\", file = \"NAME\" }, not a text" },
};

static void policy_load__a_declaration_that_breaks_a_rule_of_the_language__is_refused_with_its_place(void **state _unused_) {
        Directory directory;
        _cleanup_(base_freep) char *base = file_content(DATA "base.lua", NULL);
        size_t n_wrong = 0;

        directory_open(&directory);
        directory_write_text(&directory, "zz-base.lua", base);
        for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
                const char *want = refusals[i].want;
                bool has_place = want[0] == '!';
                char line[300];
                RuleSet *rules = NULL;
                (void) snprintf(line, sizeof(line), "%s%s", has_place ? "" : "a.lua:1: ", want + has_place);
                directory_write_text(&directory, "a.lua", refusals[i].rules);
                _cleanup_(base_freep) char *got = directory_load(&directory, 0, &rules);
                if (rules || !strstr(got, line)) {
                        print_error("%s\n got %s\nwant %s\n", refusals[i].rules, got, line);
                        n_wrong++;
                }
                policy_free(rules);
        }
        directory_close(&directory);
        assert_int_equal(n_wrong, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(policy_load__a_declaration_that_breaks_a_rule_of_the_language__is_refused_with_its_place),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
