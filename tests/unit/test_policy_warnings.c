/* SPDX-License-Identifier: MIT */
/*
 * What loads and is hardly meant: rules that can never match, rules behind others that always win, points nobody reaches, "exactly"
 * where one more costs points. Each faulty snippet with all that is said of it; each of its neighbours that can be meant with nothing.
 * And the proof that a warning is never wrong: what "can never match" matches no lead at all.
 */
#include "test_policy_directory.h"
#include <time.h>

/* A snippet in a.lua before base.lua; warnings without "a.lua:1: warning: ". Empty: none. */
typedef struct Snippet {
        const char *rules, *want;
} Snippet;

static bool check_snippet(const Directory *directory, const Snippet *snippet) {
        Text want = { 0 };
        text_append(&want, "");
        directory_write_text(directory, "a.lua", snippet->rules);
        for (const char *at = snippet->want; *at;) {
                size_t size = strcspn(at, "\n");
                bool has_place = strncmp(at, "a.lua:", 6) == 0 || strncmp(at, "zz-base.lua:", 12) == 0;
                text_printf(&want, "%s%.*s\n", has_place ? "" : "a.lua:1: warning: ", (int) size, at);
                at += size + (at[size] == '\n');
        }
        RuleSet *rules = NULL;
        _cleanup_(base_freep) char *got = directory_load(directory, 0, &rules);
        bool right = strcmp(got, want.data) == 0 && rules;
        if (!right)
                print_error("%s\n got %s\nwant %s\n", snippet->rules, got, want.data);
        policy_free(rules);
        text_free(&want);
        return right;
}

static void check_snippets(const Snippet *snippets, size_t n) {
        Directory directory;
        _cleanup_(base_freep) char *base = file_content(DATA "base.lua", NULL);
        directory_open(&directory);
        directory_write_text(&directory, "zz-base.lua", base);
        size_t n_wrong = 0;
        for (size_t i = 0; i < n; i++)
                n_wrong += !check_snippet(&directory, &snippets[i]);
        directory_close(&directory);
        assert_int_equal(n_wrong, 0);
}

#define SEGMENT(when) "segment 'x' { when = " when " }"
#define NEVER "segment \"x\": when: can never match: "

static const Snippet never[] = {
        /* numbers */
        { SEGMENT("{ ['company.employees'] = ge(10), all{ { ['company.employees'] = lt(5) } } }"),
                NEVER "company.employees at least 10, and company.employees below 5" },
        { SEGMENT("{ ['company.employees'] = ge(10), all{ { ['company.employees'] = le(10) } } }"), "" },
        { SEGMENT("{ ['company.employees'] = gt(10), all{ { ['company.employees'] = le(10) } } }"),
                NEVER "company.employees above 10, and company.employees at most 10" },
        { SEGMENT("{ ['company.employees'] = 5, all{ { ['company.employees'] = between(6, 7) } } }"),
                NEVER "company.employees is 5, and company.employees at least 6 and at most 7" },
        { SEGMENT("{ ['company.employees'] = one_of{ 5, 6 }, all{ { ['company.employees'] = between(6, 7) } } }"), "" },
        { SEGMENT("{ ['company.employees'] = between(6, 7), none{ { ['company.employees'] = ge(6) } } }"),
                NEVER "company.employees at least 6 and at most 7, and not (company.employees at least 6)" },
        { SEGMENT("{ ['company.employees'] = between(6, 7), none{ { ['company.employees'] = gt(6) } } }"), "" },
        { SEGMENT("{ ['company.employees'] = is_not(6), all{ { ['company.employees'] = 6 } } }"),
                NEVER "company.employees is other than 6, and company.employees is 6" },
        { SEGMENT("{ ['company.employees'] = gt(1), all{ { ['company.employees'] = lt(1.5) } } }"), "" },
        /* durations and points */
        { SEGMENT("{ idle = ge('30d'), all{ { idle = lt('4w') } } }"), NEVER "idle at least 30d, and idle below 4w" },
        { SEGMENT("{ idle = ge('28d'), all{ { idle = le('4w') } } }"), "" },
        { SEGMENT("{ idle = lt('0d') }"), NEVER "idle below 0s" },
        { "move 'x' { from = 'new', to = 'work', by = 'rules', when = { fit = ge(120) } }",
                "move \"x\": when: can never match: fit at least 120, but fit goes from 0 to 10" },
        { "move 'x' { from = 'new', to = 'work', by = 'rules', when = { fit = ge(11) } }",
                "move \"x\": when: can never match: fit at least 11, but fit goes from 0 to 10" },
        { "move 'x' { from = 'new', to = 'work', by = 'rules', when = { fit = ge(10) } }", "" },
        { "move 'x' { from = 'new', to = 'work', by = 'rules', when = { engagement = lt(0) } }",
                "move \"x\": when: can never match: engagement below 0, but engagement goes from 0 to 100" },
        { "move 'x' { from = 'new', to = 'work', by = 'rules', when = { fit = 5.5 } }", "" },
        /* texts that exclude each other */
        { SEGMENT("{ country = 'DE', all{ { country = 'FR' } } }"), NEVER "country is \"DE\", and country is \"FR\"" },
        { SEGMENT("{ country = 'DE', all{ { country = 'de' } } }"), "" },
        { SEGMENT("{ country = one_of{ 'DE', 'FR' }, all{ { country = one_of{ 'FR', 'IT' } } } }"), "" },
        { SEGMENT("{ country = 'FR', all{ { country = in_list 'eea' } } }"), NEVER "country is \"FR\", and country in list \"eea\"" },
        { SEGMENT("{ country = 'DE', none{ { country = in_list 'eea' } } }"),
                NEVER "country is \"DE\", and not (country in list \"eea\")" },
        { SEGMENT("{ country = in_list 'empty' }") " list 'empty' {}",
                "list \"empty\": is empty: nothing is in it\n" NEVER "country in list \"empty\", which is empty" },
        { SEGMENT("{ ['person.title'] = 'VP Sales', all{ { ['person.title'] = word('director') } } }"),
                NEVER "person.title is \"VP Sales\", and person.title with the word \"director\"" },
        { SEGMENT("{ ['person.title'] = one_of{ 'VP Sales', 'Director' }, all{ { ['person.title'] = word('director') } } }"), "" },
        { SEGMENT("{ source = starts('web'), all{ { source = starts('crm') } } }"),
                NEVER "source starting with \"web\", and source starting with \"crm\"" },
        { SEGMENT("{ source = starts('web'), all{ { source = starts('web-') } } }"), "" },
        { SEGMENT("{ source = starts('web'), all{ { source = ends('crm') } } }"), "" },
        { SEGMENT("{ source = ends('.de'), all{ { source = ends{ '.fr', '.it' } } } }"),
                NEVER "source ending in \".de\", and source ending in any of \".fr\", \".it\"" },
        { SEGMENT("{ source = like('web*'), all{ { source = like('crm*') } } }"), NEVER "source like \"web*\", and source like \"crm*\"" },
        { SEGMENT("{ source = like('*web*'), all{ { source = like('crm*') } } }"), "" },
        { SEGMENT("{ source = like('web'), all{ { source = starts('crm') } } }"),
                NEVER "source like \"web\", and source starting with \"crm\"" },
        { SEGMENT("{ source = has('website'), none{ { source = has('web') } } }"),
                NEVER "source containing \"website\", and not (source containing \"web\")" },
        { SEGMENT("{ source = has('web'), none{ { source = has('website') } } }"), "" },
        { SEGMENT("{ ['person.title'] = word('vice president'), none{ { ['person.title'] = word('president') } } }"),
                NEVER "person.title with the word \"vice president\", and not (person.title with the word \"president\")" },
        { SEGMENT("{ ['person.title'] = has('vice president'), none{ { ['person.title'] = word('president') } } }"), "" },
        { SEGMENT("{ source = starts('a'), none{ { source = like('*') } } }"),
                NEVER "source starting with \"a\", and not (source like \"*\")" },
        /* presence */
        { SEGMENT("{ ['person.email'] = present, none{ { ['person.email'] = present } } }"),
                NEVER "person.email is known, and not (person.email is known)" },
        { SEGMENT("{ ['person.email'] = absent, all{ { ['person.email'] = has('@') } } }"),
                NEVER "person.email is not known, and person.email containing \"@\"" },
        { SEGMENT("{ ['person.email'] = absent, none{ { ['person.email'] = has('@') } } }"), "" },
        { SEGMENT("{ ['company.employees'] = absent, all{ { ['company.employees'] = is_not(5) } } }"),
                NEVER "company.employees is not known, and company.employees is other than 5" },
        { SEGMENT("{ test = present, none{ { test = true }, { test = false } } }"), NEVER "not (test is true), and not (test is false)" },
        { SEGMENT("none{ { ['consent.contact'] = true }, { ['consent.contact'] = false } }"), "" },
        { SEGMENT("{ ['answers.x'] = ge(5), all{ { ['answers.x'] = 'five' } } }"),
                NEVER "answers.x at least 5, and answers.x is \"five\"" },
        { SEGMENT("{ ['answers.x'] = ge(5), all{ { ['answers.y'] = 'five' } } }"), "" },
        { SEGMENT("{ ['answers.x'] = has('a'), all{ { ['answers.x'] = ge(1) } } }"),
                NEVER "answers.x containing \"a\", and answers.x at least 1" },
        /* any{..} in all of its choices, in one, and none{..} */
        { SEGMENT("{ country = 'DE', any{ { country = 'FR' }, { country = 'IT' } } }"), NEVER "country is \"DE\", and country is \"FR\"" },
        { SEGMENT("{ country = 'DE', any{ { country = 'FR' }, { ['person.email'] = present } } }"),
                "segment \"x\": when: choice 1 of its any{..} can never match: country is \"FR\", and country is \"DE\"" },
        { SEGMENT("any{ { idle = ge('30d'), age = ge('1d') }, { idle = ge('30d'), all{ { idle = lt('1d') } } } }"),
                "segment \"x\": when: choice 2 of its any{..} can never match: idle at least 30d, and idle below 1d" },
        { SEGMENT("{ country = 'DE', none{ { idle = ge('30d'), all{ { idle = lt('1d') } } } } }"),
                "segment \"x\": when: none{..} excludes what can never match: idle at least 30d, and idle below 1d" },
        { SEGMENT("function(lead) return true end"), "" },
        { SEGMENT("{ country = 'DE', function(lead) return true end, any{ { country = 'DE' }, function(lead) return false end } }"), "" },
        /* segments are what they say */
        { SEGMENT("{ country = 'FR', all{ { country = 'DE' } } }") " score 's' { group = 'fit', when = { segment = 'x' }, points = 1 }",
                NEVER
                "country is \"FR\", and country is \"DE\"\nscore \"s\": when: can never match: country is \"FR\", and country is \"DE\"" },
        { SEGMENT("{ country = 'FR' }") " score 's' { group = 'fit', when = { segment = 'x', country = 'DE' }, points = 1 }",
                "score \"s\": when: can never match: country is \"DE\", and country is \"FR\"" },
        { SEGMENT("{ country = 'FR' }") " score 's' { group = 'fit', when = { segment = is_not 'x', country = 'DE' }, points = 1 }", "" },
        { SEGMENT("{ country = 'FR' }") " score 's' { group = 'fit', when = { segment = is_not 'x', country = 'FR' }, points = 1 }",
                "score \"s\": when: can never match: country is \"FR\", and not (country is \"FR\")" },
        /* statuses and teams where they are asked */
        { "move 'x' { from = 'work', to = 'done', by = 'rules', when = { status = 'new' } }",
                "move \"x\": when: can never match: status is \"new\", but it is asked in \"work\"" },
        { "move 'x' { from = { 'work', 'new' }, to = 'done', by = 'rules', when = { status = 'new', country = 'DE' } }", "" },
        { "move 'x' { from = 'work', to = 'done', by = 'owner', needs = { { status = 'new' } } }",
                "move \"x\": needs: can never match: status is \"new\", but it is asked in \"work\"" },
        { "move 'x' { from = 'work', to = 'done', by = 'rules', when = { team = 'queue' } }",
                "move \"x\": when: can never match: team is \"queue\", but it is asked in \"work\"" },
        { "criterion 'x' { when = { status = 'new', team = 'desk' } } move 'y' { from = 'work', to = 'done', by = 'owner', needs = 'x' }",
                "criterion \"x\": when: can never match: status is \"new\", and team is \"desk\"\n"
                "move \"y\": never applies: its \"needs\" exclude each other: status is \"new\", but it is asked in \"work\"" },
        { "sla 'x' { status = 'work', when = { status = 'new' }, within = '4h', steps = { { at = '4h', every = '4h', remind = 'owner' } } "
          "}",
                "sla \"x\": when: can never match: status is \"new\", but it is asked in \"work\"" },
        { "route 'x' { team = 'desk', when = { status = one_of{ 'new' } } }",
                "route \"x\": when: can never match: status is \"new\", but it is asked in \"work\" and \"done\"" },
        { "route 'x' { team = 'desk', when = { owner = 'anna', all{ { owner = 'ben' } } } }",
                "route \"x\": when: can never match: owner is \"anna\", and owner is \"ben\"" },
        { "move 'x' { from = 'work', by = 'team', reasons = 'y' } reason 'y' { to = 'done', needs = { { status = 'new' } } }",
                "reason \"y\": needs: can never match: status is \"new\", but it is asked in \"work\"" },
        /* when, needs and fences together */
        { "move 'x' { from = 'new', to = 'work', by = 'rules', needs = 'REACHABLE', when = { ['person.email'] = absent } }",
                "move \"x\": never applies: \"when\" and \"needs\" exclude each other: person.email is not known, and person.email is "
                "known" },
        { "fence 'f' { blocks = 'work', when = { country = in_list 'eea' } } move 'x' { from = 'new', to = 'work', by = 'rules', when = { "
          "country = 'DE' } }",
                "move \"x\": never gets through: whenever it applies, the fence \"f\" (a.lua:1) is closed" },
        { "fence 'f' { blocks = 'work', when = { country = in_list 'eea' } } move 'x' { from = 'new', to = 'work', by = 'rules', when = { "
          "country = 'US' } }",
                "" },
        { "fence 'f' { blocks = 'done', from = 'work', when = { country = in_list 'eea' } } move 'x' { from = { 'new', 'work' }, to = "
          "'done', by = 'rules', when = { country = 'DE' } }",
                "" },
        { "fence 'f' { blocks = 'done', from = { 'work', 'new' }, when = { country = in_list 'eea' } } move 'x' { from = { 'new', 'work' "
          "}, to = 'done', by = 'rules', when = { country = 'DE' } }",
                "move \"x\": never gets through: whenever it applies, the fence \"f\" (a.lua:1) is closed" },
        { "fence 'f' { blocks = 'work', from = 'done', when = { country = 'DE' } }",
                "fence \"f\": stands where nobody comes by: no move leads to \"work\" from where it says" },
        { "status 'far' { team = 'queue' } move 'a' { from = 'far', to = 'done', by = 'desk' } score 's' { group = 'fit', when = { country "
          "= 'DE' }, points = 1, veto = 'far' } fence 'f' { blocks = 'far', when = { country = 'FR' } }",
                "" },
        /* activities */
        { SEGMENT("did{ type = 'page_viewed', url = starts('/a'), name = 'x' }"), "" },
        { SEGMENT("did{ type = 'page_viewed', url = absent, at_least = 2 }"), "" },
        { SEGMENT("did{ type = 'x', distinct = 'type', at_least = 2 }"), NEVER "did x, at least 2 times, each with another type" },
        { SEGMENT("did{ type = 'x', value = one_of{ 1, 2 }, distinct = 'value', at_least = 3 }"),
                NEVER "did x, value is one of 1, 2, at least 3 times, each with another value" },
        { SEGMENT("did{ type = 'x', value = one_of{ 1, 2 }, distinct = 'value', at_least = 2 }"), "" },
        { SEGMENT("did{ type = 'x', name = one_of{ 'a', 'b' }, distinct = 'name', at_least = 3 }"), "" }, /* "A" is another */
        { SEGMENT("{ did{ type = 'x' }, none{ did{ type = 'x' } } }"), NEVER "did x, and not (did x)" },
        { SEGMENT("{ did{ type = 'x', within = '7d' }, none{ did{ type = 'x', within = '30d' } } }"),
                NEVER "did x, within 1w, and not (did x, within 30d)" },
        { SEGMENT("{ did{ type = 'x', within = '30d' }, none{ did{ type = 'x', within = '7d' } } }"), "" },
        { SEGMENT("{ did{ type = 'x', at_least = 3 }, did{ type = 'x', exactly = 2 } }"),
                NEVER "did x, at least 3 times, and did x, exactly 2 times" },
        { SEGMENT("{ did{ type = 'x', at_least = 2 }, did{ type = 'x', exactly = 2 } }"), "" },
        { SEGMENT("{ did{ type = 'x', url = has('/pricing'), since = 'move' }, did{ exactly = 0 } }"),
                NEVER "did x, url containing \"/pricing\", since the last move, and did anything, exactly 0 times" },
        { SEGMENT("{ did{ type = 'x', distinct = 'url', at_least = 2 }, did{ type = 'x', exactly = 1 } }"), "" },
        { "junk 'x' { when = { type = 'email_clicked', all{ { type = 'page_viewed' } } } }",
                "junk \"x\": when: can never match: type is \"email_clicked\", and type is \"page_viewed\"" },
        { "junk 'x' { when = { type = 'email_clicked', ['properties.seconds'] = lt(2) } }", "" },
        { "score 'x' { group = 'fit', on = { type = 'x' }, points = 1, when = { country = 'DE', all{ { country = 'FR' } } } }",
                "score \"x\": when: can never match: country is \"DE\", and country is \"FR\"" },
        { "group 'w' { weights = true } score 'x' { group = 'w', weight = 100, best_of = { { percent = 100, when = { idle = lt('0d') } } } "
          "}",
                "score \"x\": best_of: can never match: idle below 0s" },
        /* grades */
        { "grade 'G' { fit = { A = 5, B = 0 }, engagement = { ['1'] = 5, ['2'] = 0 } } move 'x' { from = 'new', to = 'work', by = 'rules', "
          "when = { grade = 'A1', all{ { grade = ends('2') } } } }",
                "move \"x\": when: can never match: grade is \"A1\", and grade ending in \"2\"" },
        { "grade 'G' { fit = { A = 5, B = 0 }, engagement = { ['1'] = 5, ['2'] = 0 } } move 'x' { from = 'new', to = 'work', by = 'rules', "
          "when = { grade = starts('C') } }",
                "move \"x\": when: can never match: grade starting with \"C\"" },
        { "grade 'G' { fit = { A = 5, B = 0 }, engagement = { ['1'] = 5, ['2'] = 0 } } move 'x' { from = 'new', to = 'work', by = 'rules', "
          "when = { grade = starts('A') } }",
                "" },
        { "grade 'G' { fit = { A = 5, B = 0 }, engagement = { ['1'] = 5, ['2'] = 0 } } move 'x' { from = 'new', to = 'work', by = 'rules', "
          "when = { grade = absent } }",
                "move \"x\": when: can never match: grade is not known, but what is not known matches nothing here" },
        /* always */
        { SEGMENT("any{ { ['person.email'] = present }, { ['person.email'] = absent } }"),
                "segment \"x\": when: always holds, so it decides nothing" },
        { SEGMENT("any{ { idle = ge('1d') }, { idle = lt('1d') } }"), "" }, /* who was never there is neither */
        { SEGMENT("none{ { country = 'DE', all{ { country = 'FR' } } } }"), "segment \"x\": when: always holds, so it decides nothing" },
        { "fence 'x' { blocks = 'done', when = { engagement = ge(0) } }",
                "fence \"x\": when: always holds: nobody ever gets past this fence" },
        { "criterion 'x' { when = { test = false } } move 'y' { from = 'work', to = 'done', by = 'owner', needs = 'x' }", "" },
};

static const Snippet order[] = {
        /* routes */
        { "route 'a' { team = 'desk' }", "zz-base.lua:16: warning: route \"all\": never applies: \"a\" (a.lua:1) comes first and applies "
                                         "to every lead of the team" },
        { "route 'a' { team = 'desk', when = { country = 'DE' } }", "" },
        { "route 'a' { team = 'desk', when = { country = in_list 'eea' } } route 'b' { team = 'desk', when = { country = 'AT', idle = "
          "ge('1d') } }",
                "route \"b\": never applies: \"a\" (a.lua:1) comes first and applies whenever this does; move it below this one, or narrow "
                "it" },
        { "route 'a' { team = 'desk', when = { country = 'AT' } } route 'b' { team = 'desk', when = { country = in_list 'eea' } }", "" },
        { "route 'a' { team = 'desk', match = { languages = 'person.locale' } }", "" },
        { "route 'a' { team = 'desk', match = { languages = 'person.locale' } } route 'b' { team = 'desk', when = { country = 'DE' }, "
          "match = { languages = 'person.locale' } }",
                "route \"b\": never applies: \"a\" (a.lua:1) comes first and applies whenever this does; move it below this one, or narrow "
                "it" },
        { "route 'a' { owner = 'account' } route 'b' { team = 'desk', when = { country = 'DE' } }", "" },
        { "route 'a' { team = 'desk' } route 'b' { owner = 'account' }",
                "route \"b\": never applies: every team's leads are taken by routes before it, the last of them \"a\" (a.lua:1); routes to "
                "an owner "
                "stand first\n"
                "zz-base.lua:16: warning: route \"all\": never applies: \"a\" (a.lua:1) comes first and applies to every lead of the "
                "team" },
        /* SLAs */
        { "sla 'a' { status = 'work', when = { country = in_list 'eea' }, within = '1h', steps = { { at = '1h', every = '1h', remind = "
          "'owner' } } } "
          "sla 'b' { status = 'work', when = { country = 'DE' }, within = '1h', steps = { { at = '1h', every = '1h', remind = 'owner' } } "
          "}",
                "sla \"b\": never applies: \"a\" (a.lua:1) comes first and applies whenever this does; move it below this one, or narrow "
                "it" },
        { "sla 'a' { status = 'work', within = '1h', steps = { { at = '1h', every = '1h', remind = 'owner' } } }",
                "zz-base.lua:17: warning: sla \"answer\": never applies: \"a\" (a.lua:1) comes first and applies to every lead" },
        { "sla 'a' { status = 'work', when = { owner = 'anna' }, within = '1h', steps = { { at = '1h', every = '1h', remind = 'owner' } } "
          "}",
                "" },
        /* ... one that waits for its start_on leaves the lead to those below it until then */
        { "sla 'a' { status = 'work', start_on = { country = 'DE' }, within = '1h', steps = { { at = '1h', every = '1h', remind = 'owner' "
          "} "
          "} }",
                "" },
        { "sla 'a' { status = 'work', start_on = { country = in_list 'eea' }, within = '1h', steps = { { at = '1h', every = '1h', remind = "
          "'owner' } } } "
          "sla 'b' { status = 'work', start_on = { country = 'DE' }, within = '1h', steps = { { at = '1h', every = '1h', remind = 'owner' "
          "} } "
          "}",
                "sla \"b\": never applies: \"a\" (a.lua:1) comes first and applies whenever this does; move it below this one, or narrow "
                "it" },
        { "sla 'a' { status = 'work', when = { country = in_list 'eea' }, start_on = { ['person.title'] = present }, within = '1h', steps "
          "= { "
          "{ at = '1h', every = '1h', remind = 'owner' } } } "
          "sla 'b' { status = 'work', when = { country = 'DE' }, within = '1h', steps = { { at = '1h', every = '1h', remind = 'owner' } } "
          "}",
                "" },
        /* hours behind working days are in order where the days are short enough */
        { "sla 'a' { status = 'work', when = { country = 'DE' }, within = '1h', steps = { { at = '1wd', remind = 'owner' }, { at = '9h', "
          "every "
          "= '1h', remind = 'owner' } } }",
                "" },
        /* automatic moves */
        { "move 'a' { from = 'new', to = 'work', by = 'rules' }", "zz-base.lua:12: warning: move \"take\": never applies: \"a\" (a.lua:1) "
                                                                  "comes first and applies to every lead in these statuses" },
        { "move 'a' { from = 'new', to = 'work', by = 'rules', needs = { 'REACHABLE' } }",
                "zz-base.lua:12: warning: move \"take\": never applies: \"a\" (a.lua:1) comes first and applies whenever this does; move "
                "it below this one, or narrow it" },
        { "move 'a' { from = 'new', to = 'work', by = 'rules', needs = { 'REACHABLE' }, when = { country = 'DE' } }", "" },
        { "move 'a' { from = 'new', to = 'done', by = 'rules', when = { country = 'DE' } } move 'b' { from = 'new', to = 'work', by = "
          "'rules', when = { country = 'DE', idle = ge('1d') } }",
                "move \"b\": never applies: \"a\" (a.lua:1) comes first and applies whenever this does; move it below this one, or narrow "
                "it" },
        /* ... unless a fence may stand before the first, or it leads where the lead may have come from */
        { "fence 'f' { blocks = 'done', when = { ['person.title'] = present } } move 'a' { from = 'new', to = 'done', by = 'rules', when = "
          "{ country = 'DE' } } "
          "move 'b' { from = 'new', to = 'work', by = 'rules', when = { country = 'DE', idle = ge('1d') } }",
                "" },
        { "move 'a' { from = 'work', to = 'new', by = 'rules', when = { idle = ge('3d') } } move 'b' { from = 'work', to = 'done', by = "
          "'rules', when = { idle = ge('5d') } }",
                "" },
        { "move 'a' { from = 'work', to = 'done', by = 'owner' } move 'b' { from = 'work', to = 'done', by = 'team' }", "" },
        /* out of what is final, and back from it */
        { "move 'a' { from = { 'done', 'new' }, to = 'work', by = 'rules', needs = 'REACHABLE', when = { country = 'DE' } }",
                "move \"a\": never leaves \"done\": no rule moves a lead out of a final status" },
        { "move 'a' { from = 'work', by = 'owner', reasons = 'r' } reason 'r' { to = 'done', recycle_after = '30d' }",
                "reason \"r\": recycle_after brings nobody back: \"done\" is final" },
        { "move 'a' { from = 'work', by = 'owner', reasons = 'r' } reason 'r' { to = 'new', recycle_after = '30d' }", "" },
        { "team 'x' { members = { carl = { left = true } } } sla 'a' { status = 'work', when = { country = 'DE' }, within = '1h', steps = "
          "{ { at = '1h', every = '1h', remind = 'carl' } } }",
                "sla \"a\": steps[1] reminds \"carl\", who has left" },
        /* circles */
        { "move 'a' { from = 'work', to = 'done', by = 'rules', when = { ['person.email'] = has('@') } } "
          "move 'b' { from = 'done', to = 'new', by = 'rules' }",
                "move \"b\": never leaves \"done\": no rule moves a lead out of a final status" }, /* and so there is no circle */
        { "move 'a' { from = 'work', to = 'new', by = 'rules', when = { ['person.email'] = has('@') } }",
                "move \"a\": goes round in circles: whenever it applies, \"take\" (zz-base.lua:12) leads back to \"work\" at a next "
                "event" },
        { "move 'a' { from = 'work', to = 'new', by = 'rules', when = { in_status = ge('5d'), ['person.email'] = present } }", "" },
        { "move 'a' { from = 'work', to = 'new', by = 'rules', when = { ['person.email'] = present, did{ type = 'x', since = 'move' } } }",
                "" },
        { "move 'a' { from = 'work', to = 'new', by = 'rules', when = { idle = ge('5d') } }", "" },
        { "status 'far' { team = 'queue' } move 'a' { from = 'work', to = 'far', by = 'rules', when = { ['person.email'] = present } } "
          "move 'b' { from = 'far', to = 'new', by = 'rules' }",
                "move \"a\": goes round in circles: whenever it applies, \"take\" (zz-base.lua:12) leads back to \"work\" at a next "
                "event" },
        /* adapters */
        { "adapter 'a' { source = 'web', rest = 'answers' } adapter 'b' { source = 'web', match = { 'x' }, rest = 'answers' }",
                "adapter \"b\": never applies: \"a\" (a.lua:1) comes first and takes every payload that this would" },
        { "adapter 'a' { source = 'web', match = { 'x', 'y' }, rest = 'answers' } adapter 'b' { source = 'web', match = { 'x' }, rest = "
          "'answers' }",
                "" },
        { "adapter 'a' { match = { 'x' }, rest = 'answers' } adapter 'b' { match = { x = '1', 'y' }, source = 'web', rest = 'answers' }",
                "adapter \"b\": never applies: \"a\" (a.lua:1) comes first and takes every payload that this would" },
        { "adapter 'a' { match = { x = '1' }, rest = 'answers' } adapter 'b' { match = { x = '2' }, rest = 'answers' }", "" },
        { "adapter 'a' { match = { 'x' }, format = 'csv', rest = 'answers' } adapter 'b' { match = { 'x' }, rest = 'answers' }", "" },
};

#define GRADE(fit, engagement) "grade 'G' { fit = " fit ", engagement = " engagement " }"

static const Snippet points[] = {
        /* bands out of reach: base.lua gives at most 10 for fit, and any number for engagement up to 100 */
        { GRADE("{ A = 75, B = 0 }", "{ ['1'] = 100, ['2'] = 0 }"),
                "grade \"G\": \"fit\": nobody reaches A: it begins at 75, and all scores of the group together give at most 10" },
        { GRADE("{ A = 10, B = 0 }", "{ ['1'] = 101, ['2'] = 0 }"),
                "grade \"G\": \"engagement\": nobody reaches 1: it begins at 101, and the group ends at 100" },
        { GRADE("{ A = 10, B = 0, C = -5 }", "{ ['1'] = 50, ['2'] = 0 }"),
                "grade \"G\": \"fit\": nobody is in C: B begins at 0, and nobody has less than 0" },
        { GRADE("{ A = 75, B = 0 }", "{ ['1'] = 50, ['2'] = 0 }") " score 's' { group = 'fit', points = function(lead) return 1 end }",
                "" },
        { GRADE("{ A = 75, B = 0 }",
                  "{ ['1'] = 50, ['2'] = 0 }") " score 's' { group = 'fit', field = 'person.title', map = { x = 65, y = 10 } }",
                "" },
        { GRADE("{ A = 75, B = 0 }",
                  "{ ['1'] = 50, ['2'] = 0 }") " score 's' { group = 'fit', field = 'person.title', map = { x = 64, y = 10 } }",
                "grade \"G\": \"fit\": nobody reaches A: it begins at 75, and all scores of the group together give at most 74" },
        { GRADE("{ A = 75, B = 0 }", "{ ['1'] = 50, ['2'] = 0 }") " score 's' { group = 'fit', field = 'company.employees', bands = { { "
                                                                  "100, 65 }, { 10, 5 } } }",
                "" },
        { GRADE("{ A = 40, B = 0 }", "{ ['1'] = 50, ['2'] = 0 }") " score 's' { group = 'fit', on = { type = 'x' }, each = 10, cap = 30 }",
                "" },
        { GRADE("{ A = 41, B = 0 }", "{ ['1'] = 50, ['2'] = 0 }") " score 's' { group = 'fit', on = { type = 'x' }, each = 10, cap = 30 }",
                "grade \"G\": \"fit\": nobody reaches A: it begins at 41, and all scores of the group together give at most 40" },
        { GRADE("{ A = 41, B = 0 }",
                  "{ ['1'] = 50, ['2'] = 0 }") " score 's' { group = 'fit', on = { type = 'x' }, each = 30, per = 'ever' }",
                "grade \"G\": \"fit\": nobody reaches A: it begins at 41, and all scores of the group together give at most 40" },
        /* awards */
        { "score 's' { group = 'fit', on = { type = 'x' }, each = 30, cap = 24 }",
                "score \"s\": each = 30 is more than its cap = 24: the first gives all there is; write each = 24, or a larger cap" },
        { "score 's' { group = 'fit', on = { type = 'x' }, each = -30, cap = -24 }",
                "score \"s\": each = -30 is more than its cap = -24: the first gives all there is; write each = -24, or a larger cap" },
        { "score 's' { group = 'fit', on = { type = 'x' }, each = 24, cap = 24 }", "" },
        { "score 's' { group = 'fit', field = 'company.employees', bands = { { 1000, 150 }, { 10, 100 } } }",
                "score \"s\": bands[1] gives 150 points, and the group \"fit\" ends at 100" },
        { "score 's' { group = 'fit', field = 'person.title', map = { Boss = 101 } }",
                "score \"s\": Boss gives 101 points, and the group \"fit\" ends at 100" },
        { "score 's' { group = 'fit', when = { country = 'DE' }, points = -500 }", "" },
        { "group 'g' { min = 5 }", "group \"g\": no score is in it: it is always 5" },
        /* exactly: vectors.md V7 */
        { "score 's' { group = 'fit', when = did{ type = 'email_clicked', exactly = 1 }, points = 1 }",
                "score \"s\": when: exactly = 1: two such activities score less than one; at_least = 1 is usually meant" },
        { "score 's' { group = 'fit', when = { country = 'DE', any{ did{ type = 'x', exactly = 4 }, { idle = ge('1d') } } }, points = 1 }",
                "score \"s\": when: exactly = 4: 5 such activities score less than 4; at_least = 4 is usually meant" },
        { "score 's' { group = 'fit', when = did{ type = 'x', exactly = 0 }, points = 1 }", "" },
        { "score 's' { group = 'fit', when = did{ type = 'x', exactly = 1 }, points = -1 }", "" },
        { "segment 'once' { when = did{ type = 'x', exactly = 1 } }", "" },
        { "segment 'once' { when = did{ type = 'x', exactly = 1 } } score 's' { group = 'fit', when = { segment = 'once' }, points = 1 }",
                "score \"s\": when, segment \"once\": exactly = 1: two such activities score less than one; at_least = 1 is usually "
                "meant" },
        { "group 'w' { weights = true } score 's' { group = 'w', weight = 100, best_of = { { percent = 100, when = did{ type = 'opened', "
          "at_least = 3, within = '7d' } }, "
          "{ percent = 75, when = did{ type = 'opened', at_least = 3, within = '30d' } }, { percent = 100, when = did{ type = 'opened', "
          "exactly = 1, within = '14d' } } } }",
                "score \"s\": best_of[3]: exactly = 1: two such activities score less than one; at_least = 1 is usually meant" },
        { "group 'w' { weights = true } score 's' { group = 'w', weight = 100, best_of = { { percent = 100, when = did{ type = 'opened', "
          "at_least = 2, within = '14d' } }, "
          "{ percent = 50, when = did{ type = 'opened', exactly = 1, within = '14d' } } } }",
                "" }, /* the second is covered */
        { "group 'w' { weights = true } score 's' { group = 'w', weight = 100, best_of = { { percent = 100, when = did{ type = 'opened', "
          "at_least = 2, within = '7d' } }, "
          "{ percent = 50, when = did{ type = 'opened', exactly = 1, within = '14d' } } } }",
                "score \"s\": best_of[2]: exactly = 1: two such activities score less than one; at_least = 1 is usually meant" },
        /* named and never used */
        { "criterion 'c' { when = { country = 'DE' } }", "" },
        { "list 'l' { 'a' }", "list \"l\": no condition asks for it: in_list \"l\"" },
        { "list 'l' { 'a' } move 'x' { from = 'work', to = 'done', by = 'team', needs = { any{ { country = in_list 'l' }, did{ type = 'x', "
          "name = in_list 'l' } } } }",
                "" },
};

static void policy_load__a_rule_that_can_never_match__is_told_what_excludes_what(void **state _unused_) {
        check_snippets(never, ARRAY_SIZE(never));
}

static void policy_load__a_rule_behind_one_that_always_wins__is_told_both_places(void **state _unused_) {
        check_snippets(order, ARRAY_SIZE(order));
}

static void policy_load__points_that_nobody_reaches_or_that_cost_points__are_told(void **state _unused_) {
        check_snippets(points, ARRAY_SIZE(points));
}

/* ---- what is right ------------------------------------------------------- */

static void policy_load__the_languages_example_and_the_tests_own_rules__load_without_a_word(void **state _unused_) {
        static const char *const names[] = { DATA "language.lua", DATA "base.lua", DATA "kill", "rules" };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                Directory directory = { 0 };
                bool is_file = strstr(names[i], ".lua") != NULL;
                RuleSet *rules = NULL;
                if (is_file) {
                        _cleanup_(base_freep) char *text = file_content(names[i], NULL);
                        directory_open(&directory);
                        directory_write_text(&directory, "rules.lua", text);
                } else
                        (void) snprintf(directory.path, sizeof(directory.path), "%s", names[i]);
                _cleanup_(base_freep) char *report = directory_load(&directory, 0, &rules);
                if (is_file)
                        directory_close(&directory);
                if (!rules || *report)
                        fail_msg("%s: %s", names[i], report);
                policy_free(rules);
        }
}

/* ---- how long it takes --------------------------------------------------- */

static double cpu_seconds(void) {
        struct timespec t;
        assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void check_in_time(const char *what, const Text *rules, double seconds_max) {
        Directory directory;
        RuleSet *loaded = NULL;
        directory_open(&directory);
        directory_write(&directory, "a.lua", rules->data, rules->size);
        double start = cpu_seconds();
        _cleanup_(base_freep) char *report = directory_load(&directory, 0, &loaded);
        double took = cpu_seconds() - start;
        directory_close(&directory);
        if (!loaded)
                fail_msg("%s: does not load: %.500s", what, report);
        print_message("%s: %zu declarations in %.2f s\n", what, loaded->n_rules, took);
        assert_true(took < seconds_max);
        policy_free(loaded);
}

/* As many declarations as there may be, each compared with those before it: seconds, under sanitizers and on a busy machine, too. */
static void policy_load__the_largest_rule_set__is_checked_in_seconds(void **state _unused_) {
        _cleanup_(base_freep) char *base = file_content(DATA "base.lua", NULL);
        _cleanup_(text_free) Text rules = { 0 };
        for (int i = 0; i < 1000; i++)
                text_printf(&rules,
                        "route 'r%d' { team = 'desk', when = { country = one_of{ 'C%d', 'D%d' }, ['company.employees'] = ge(%d), any{ { "
                        "idle = ge('%dd') }, "
                        "{ ['person.title'] = word{ 't%d', 'u%d' } } } } }\n",
                        i, i, i, i, i % 50, i, i);
        for (int i = 0; i < 900; i++)
                text_printf(&rules,
                        "score 's%d' { group = 'fit', when = { ['person.title'] = has('x%d'), country = is_not 'C%d', any{ { idle = "
                        "ge('%dd') }, "
                        "{ ['company.employees'] = le(%d) } } }, points = %d }\n",
                        i, i, i, i % 50, i, i % 9);
        for (int i = 0; i < 200; i++)
                text_printf(&rules,
                        "segment 'g%d' { when = any{ { country = 'C%d' }, { ['company.employees'] = ge(%d) }, did{ type = 't%d', url = "
                        "has('/p%d'), "
                        "at_least = 2 } } }\n",
                        i, i, i, i, i);
        for (int i = 0; i < 900; i++)
                text_printf(&rules,
                        "sla 'a%d' { status = 'work', when = { country = 'Z%d', none{ { segment = 'g%d' }, { fit = ge(%d) } } }, within = "
                        "'4h', steps = { "
                        "{ at = '4h', every = '1h', remind = 'owner' } } }\n",
                        i, i, i % 200, 1 + i % 50);
        for (int i = 0; i < 900; i++)
                text_printf(&rules,
                        "move 'm%d' { from = 'new', to = 'work', by = 'rules', needs = 'REACHABLE', when = { country = 'C%d', engagement = "
                        "ge(%d), any{ { "
                        "segment = 'g%d' }, { idle = ge('%dd') } } } }\n",
                        i, i, i % 90, i % 200, i % 30);
        text_append(&rules, base);
        check_in_time("many rules", &rules, 10);
}

/* And conditions that have no end of choices: the search gives up, and says nothing. */
static void policy_load__conditions_made_to_be_hard__are_given_up_in_seconds(void **state _unused_) {
        _cleanup_(base_freep) char *base = file_content(DATA "base.lua", NULL);
        _cleanup_(text_free) Text rules = { 0 };
        text_append(&rules,
                "local choices = {}\nfor i = 1, 60 do choices[i] = any{ { ['answers.a' .. i] = 'x' }, { ['answers.b' .. i] = 'x' } } end\n"
                "for i = 1, 60 do choices[60 + i] = none{ { ['answers.a' .. i] = 'x' }, { ['answers.b' .. (i % 60 + 1)] = 'x' } } end\n"
                "local long = {}\nfor i = 1, 900 do long[i] = ('w'):rep(200) .. i end\n"
                "for i = 1, 100 do\n  route('hard' .. i) { team = 'desk', when = all{ all(choices), { ['person.title'] = has(long) }, "
                "none{ { "
                "['person.title'] = starts(long) } } } }\nend\n");
        text_append(&rules, base);
        check_in_time("hard rules", &rules, 30);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(policy_load__a_rule_that_can_never_match__is_told_what_excludes_what),
                cmocka_unit_test(policy_load__a_rule_behind_one_that_always_wins__is_told_both_places),
                cmocka_unit_test(policy_load__points_that_nobody_reaches_or_that_cost_points__are_told),
                cmocka_unit_test(policy_load__the_languages_example_and_the_tests_own_rules__load_without_a_word),
                cmocka_unit_test(policy_load__the_largest_rule_set__is_checked_in_seconds),
                cmocka_unit_test(policy_load__conditions_made_to_be_hard__are_given_up_in_seconds),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
