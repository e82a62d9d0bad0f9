/* SPDX-License-Identifier: MIT */
/*
 * What the loader says to conditions, scores and messages that cannot be meant: each with its place, and with the word that was
 * probably meant.
 */
#include "test_policy_fixture.h"

/* Stands in front; the mistake is on line 2. */
static const char house[] =
        "team 'sales' { members = { anna = { user = 'anna' } } } status 'mql' { team = 'sales', kind = 'open', initial = true } "
        "group 'fit' {} group 'engagement' {} segment 'big' { when = { age = ge('1d') } } list 'eea' { 'de' } "
        "grade 'G' { fit = { A = 50, B = 0 }, engagement = { ['1'] = 50, ['2'] = 0 } }\n";

typedef struct Mistake {
        const char *rules;
        const char *text; /* must appear in the report */
} Mistake;

static const Mistake mistakes[] = {
        /* what only some of its kind have */
        { "channel 'c' { via = 'sendmail', from = 'a@example.com', secret = 'key' }", "channel \"c\": \"secret\" is for webhooks" },
        { "channel 'c' { via = 'webhook', target = 'https://example.com/', secret = '../key' }",
                "\"secret\" is the name of a file in leadd-notify's directory of secrets, not a path" },
        { "channel 'c' { via = 'webhook', target = 'https://example.com/', secret = '' }", "\"secret\" is the name of a file" },
        { "score 's' { group = 'fit', field = 'company.employees', bands = { { 50, 20 }, { 200, 30 } } }",
                "score \"s\": bands[2] can never be reached: the band before it starts at 50" },
        { "score 's' { group = 'fit', points = 1, fade = { every = '30d', percent = 50 } }",
                "fade needs on: it is the activity that grows old" },
        /* paths */
        { "criterion 'c' { when = { ['person.senority'] = 'vp' } }",
                "rules.lua:2: criterion \"c\": unknown path \"person.senority\"; did you mean \"person.seniority\"?" },
        { "criterion 'c' { when = { contry = 'DE' } }", "unknown path \"contry\"; did you mean \"country\"?" },
        { "criterion 'c' { when = { answers = 'x' } }", "when: \"answers\" needs a key: [\"answers.KEY\"]" },
        { "criterion 'c' { when = { url = has('x') } }", "\"url\" is about an activity: write did{ url = ... }" },
        { "criterion 'c' { when = { ['activity.url'] = has('x') } }", "\"activity.url\" describes one event, not the lead" },
        { "criterion 'c' { when = { ['score.fitt'] = ge(1) } }", "unknown group \"fitt\"; did you mean \"fit\"?" },
        { "criterion 'c' { when = did{ typ = 'page_viewed' } }", "unknown path \"typ\"; did you mean \"type\"?" },
        { "criterion 'c' { when = did{ country = 'DE' } }", "\"country\" is about the lead" },
        { "criterion 'c' { when = did{ properties = 1 } }", "\"properties\" needs a key" },
        { "criterion 'c' { when = { [1.5] = 'x' } }", "a key must be a name or a position" },
        /* names */
        { "criterion 'c' { when = { status = 'mqll' } }", "unknown status \"mqll\"; did you mean \"mql\"?" },
        { "criterion 'c' { when = { team = one_of{ 'sales', 'sails' } } }", "unknown team \"sails\"; did you mean \"sales\"?" },
        { "criterion 'c' { when = { owner = 'annna' } }", "unknown member \"annna\"; did you mean \"anna\"?" },
        { "criterion 'c' { when = { segment = 'bigg' } }", "unknown segment \"bigg\"; did you mean \"big\"?" },
        { "criterion 'c' { when = { country = in_list 'eeaa' } }", "unknown list \"eeaa\"; did you mean \"eea\"?" },
        { "criterion 'c' { when = { grade = 'C1' } }", "when: \"grade\" can never be \"C1\"" },
        { "criterion 'c' { when = { grade = one_of{ 'A1', 'A3' } } }", "when: \"grade\" can never be \"A3\"" },
        /* types */
        { "criterion 'c' { when = { ['person.title'] = ge(3) } }", "\"person.title\" is a text: ge does not fit" },
        { "criterion 'c' { when = { ['person.title'] = 3 } }", "\"person.title\" is a text and cannot equal a number" },
        { "criterion 'c' { when = { ['company.employees'] = '100' } }", "\"company.employees\" is a number and cannot equal a string" },
        { "criterion 'c' { when = { ['company.employees'] = ge('30d') } }",
                "\"company.employees\" is a number: the duration \"30d\" does not fit" },
        { "criterion 'c' { when = { ['company.employees'] = ge('many') } }", "ge needs a number" },
        { "criterion 'c' { when = { ['company.employees'] = has('1') } }", "\"company.employees\" is a number: has does not fit" },
        { "criterion 'c' { when = { ['attribution.is_organic'] = 'yes' } }",
                "\"attribution.is_organic\" is true or false and cannot equal a string" },
        { "criterion 'c' { when = { idle = ge(21) } }", "\"idle\": ge needs a duration such as \"30d\"" },
        { "criterion 'c' { when = { idle = '21d' } }", "\"idle\" is a duration: a plain value does not fit" },
        { "criterion 'c' { when = { idle = ge('2wd') } }", "\"idle\": working days (\"2wd\") count in SLAs and recycle dates only" },
        { "criterion 'c' { when = { status = has('m') } }", "\"status\" is a name: has does not fit" },
        { "criterion 'c' { when = { fit = ge('A') } }", "\"fit\": ge needs a number" },
        { "criterion 'c' { when = { ['consent_at.contact'] = ge('yesterday') } }", "ge needs a number or a time" },
        { "criterion 'c' { when = { ['company.employees'] = between(5, 1) } }", "between(a, b) needs a smaller value first" },
        { "criterion 'c' { when = { ['company.employees'] = between(5) } }", "between needs a number" },
        { "criterion 'c' { when = { ['person.title'] = has('') } }", "has(\"\") would match everything" },
        { "criterion 'c' { when = { ['person.title'] = has{} } }", "has needs at least one value" },
        { "criterion 'c' { when = { ['person.title'] = one_of{} } }", "one_of needs at least one value" },
        { "criterion 'c' { when = { ['person.title'] = has(5) } }", "\"person.title\" is compared with a text here, not with a number" },
        /* shape */
        { "criterion 'c' { when = { status = { 'mql' } } }", "\"status\": a list needs a word before it: one_of{..}" },
        { "criterion 'c' { when = { ['person.email'] = has } }", "the word needs its argument in brackets" },
        { "criterion 'c' { when = { status = any{ 'mql' } } }", "\"status\": any{..} joins conditions and cannot stand as a value" },
        { "criterion 'c' { when = { ge(5) } }", "ge needs a path before it" },
        { "criterion 'c' { when = 5 }", "needs a table of conditions or a function, not a number" },
        { "criterion 'c' { when = any{} }", "any{} is empty" },
        { "criterion 'c' { when = any('x') }", "any needs a table: any{ .. }" },
        { "local t = {}; t[1] = t; criterion 'c' { when = t }", "more than 32 tables within each other" },
        { "criterion 'c' { when = did{ type = 'x', at_least = 0 } }", "at_least needs a whole number from 1" },
        { "criterion 'c' { when = did{ type = 'x', at_least = 2, exactly = 3 } }", "at_least and exactly cannot both be asked" },
        { "criterion 'c' { when = did{ type = 'x', within = 'soon' } }", "within needs a duration" },
        { "criterion 'c' { when = did{ type = 'x', within = '2wd' } }", "working days count in SLAs" },
        { "criterion 'c' { when = did{ type = 'x', since = '30d' } }", "since can only be \"move\"" },
        { "criterion 'c' { when = did{ type = 'x', distinct = 'urll' } }", "unknown path \"urll\"; did you mean \"url\"?" },
        { "criterion 'c' { when = did{ 'x' } }", "an activity is described by names only" },
        { "criterion 'c' { when = did 'x' }", "did needs a table: did{ .. }" },
        { "reason 'r' { to = 'mql', wake_on = did{ type = 'x', at_least = 2 } }", "at_least does not fit: here one activity is looked at" },
        { "reason 'r' { to = 'mql', wake_on = function() end }", "a function cannot judge an activity" },
        { "reason 'r' { to = 'mql', wake_on = { country = 'DE' } }", "\"country\" is about the lead" },
        /* words tampered with */
        { "local g = one_of{ 'x' }; g.n = 5; criterion 'c' { when = { country = g } }", "\"country\" is a text and cannot equal a table" },
        { "local g = one_of{ 'x' }; g.n = 1e9; criterion 'c' { when = { country = g } }", "more than 1000 values; make it a list" },
        { "local g = has('x'); g[1] = nil; criterion 'c' { when = { country = g } }", "is compared with a text here, not with a nil" },
        { "local h = any{ { country = 'DE' } }; h[1] = h; criterion 'c' { when = h }", "any needs a table" },
        { "local t = {}; for i = 1, 1001 do t[i] = { country = 'DE' } end; criterion 'c' { when = any(t) }", "1001 entries; at most 1000" },
        { "criterion 'c' { when = { ['country\\0x'] = 'DE' } }", "a key must be a name or a position" },
        { "criterion 'c' { when = { country = '\\xff' } }", "the text is not valid UTF-8" },
        /* phases */
        { "segment 's' { when = { grade = 'A1' } }", "when: a segment cannot read \"grade\"" },
        { "segment 's' { when = { status = 'mql' } }", "a segment cannot read \"status\"" },
        { "segment 's' { when = { segment = 'big' } }", "a segment cannot read another segment" },
        { "score 's' { group = 'fit', when = { fit = ge(1) }, points = 1 }", "a score cannot read \"fit\"" },
        { "score 's' { group = 'fit', when = any{ { in_status = ge('1d') } }, points = 1 }", "a score cannot read \"in_status\"" },
        { "score 's' { group = 'fit', when = { ['score.engagement'] = ge(1) }, points = 1 }", "a score cannot read \"score.engagement\"" },
        /* scores */
        { "score 's' { points = 1 }", "\"group\" is missing" },
        { "score 's' { group = 'fitt', points = 1 }", "unknown group \"fitt\"; did you mean \"fit\"?" },
        { "score 's' { group = 'fit' }", "needs exactly one way to give points" },
        { "score 's' { group = 'fit', points = 1, field = 'person.title', map = { x = 1 } }", "needs exactly one way to give points" },
        { "score 's' { group = 'fit', point = 1, points = 1 }", "unknown key \"point\"; did you mean \"points\"?" },
        { "score 's' { group = 'fit', points = '5' }", "\"points\" must be a number or a function" },
        { "score 's' { group = 'fit', points = 1e10 }", "\"points\" must be a number of points from -1e+09 to 1e+09" },
        { "score 's' { group = 'fit', field = 'person.title' }", "field needs map or bands" },
        { "score 's' { group = 'fit', field = 'person.title', map = {} }", "\"map\" must have 1 to" },
        { "score 's' { group = 'fit', field = 'person.title', map = { x = 'y' } }", "1 of its values are no number of points" },
        { "score 's' { group = 'fit', field = 'person.title', map = { Vp = 1, VP = 2 } }",
                "\"map\" has \"vp\" twice: case does not count" },
        { "score 's' { group = 'fit', field = 'person.title', map = { 5, 6 } }",
                "map: \"person.title\" is a text, and so must the keys be" },
        { "score 's' { group = 'fit', field = 'company.employees', map = { many = 6 } }",
                "map: \"company.employees\" is a number, and so must the keys be" },
        { "score 's' { group = 'fit', field = 'idle', bands = { { 1, 2 } } }", "\"idle\" is no field that points can hang on" },
        { "score 's' { group = 'fit', field = 'person.title', bands = { { 1, 2 } } }", "bands: \"person.title\" is no number" },
        { "score 's' { group = 'fit', field = 'company.employees', bands = { { 1, 2 }, { 5, 9 } } }", "bands[2] can never be reached" },
        { "score 's' { group = 'fit', field = 'company.employees', bands = { { 'x', 2 } } }", "bands[1] must be a pair of numbers" },
        { "score 's' { group = 'fit', field = 'company.employees', bands = { 1000, 2 } }", "bands[1] must be a pair of numbers" },
        { "score 's' { group = 'fit', on = { type = 'x' } }", "on needs either a number of points (once, for the newest) or each" },
        { "score 's' { group = 'fit', on = { type = 'x' }, points = 1, each = 1 }",
                "on needs either a number of points (once, for the newest) or each" },
        { "score 's' { group = 'fit', each = 1 }", "each needs on" },
        { "score 's' { group = 'fit', on = { type = 'x', at_least = 3 }, points = 1 }", "on: at_least does not fit" },
        { "score 's' { group = 'fit', on = { type = 'x' }, points = 1, cap = 3 }", "cap needs each" },
        { "score 's' { group = 'fit', on = { type = 'x' }, each = 1, cap = -3 }", "cap must have the sign of each" },
        { "score 's' { group = 'fit', on = { type = 'x' }, each = 1, per = 'ulr' }",
                "unknown value of per \"ulr\"; did you mean \"url\"?" },
        { "score 's' { group = 'fit', on = { type = 'x' }, each = 1, fade = { every = '30d', percent = 0 } }", "percent from 1 to 100" },
        { "score 's' { group = 'fit', points = 1, fade = { every = '30d', percent = 50 } }", "fade needs on" },
        { "score 's' { group = 'fit', on = { type = 'x' }, points = function() end }", "on needs either a number of points" },
        { "score 's' { group = 'fit', points = 1, unless = 'SIZES' } score 'SIZE' { group = 'fit', points = 1 }",
                "unknown score \"SIZES\"; did you mean \"SIZE\"?" },
        { "score 's' { group = 'fit', points = 1, unless = 't' } score 't' { group = 'fit', points = 1, unless = 's' }",
                "unless: waits for itself" },
        { "score 's' { group = 'fit', when = { country = 'DE' }, points = 1, veto = 'mqll' }", "did you mean \"mql\"" },
        { "score 's' { group = 'fit', points = 1, veto = 'mql' }", "would veto every lead: it needs when" },
        { "score 's' { group = 'fit', veto = 'mql' }", "needs exactly one way to give points" },
        { "move 'snooze' { from = 'mql', to = 'mql', by = 'owner' }", "\"snooze\" is leadd's own word" },
        { "move 'm' { from = 'mql', to = 'mql', by = 'owner', alias = { 'note' } }", "its alias \"note\" is leadd's own word" },
        { "fence 'F' { blocks = { 'mql' }, from = { 'mqll' }, when = { country = 'DE' } }",
                "unknown status \"mqll\"; did you mean \"mql\"?" },
        { "score 's' { group = 'weighed', points = 1 } group 'weighed' { weights = true } score 'w' { group = 'weighed', weight = 100, "
          "best_of = { { when = {}, percent = 1 } } }",
                "group \"weighed\" has weights: this needs weight and best_of" },
        { "score 's' { group = 'weighed', weight = 60, best_of = { { when = {}, percent = 100 } } } group 'weighed' { weights = true }",
                "its weights sum to 60, not to 100" },
        { "score 's' { group = 'fit', weight = 60, best_of = { { when = {}, percent = 100 } } }",
                "weight needs a group that says weights = true" },
        { "score 's' { group = 'weighed', weight = 100, best_of = { { percent = 100 } } } group 'weighed' { weights = true }",
                "\"best_of[1].when\" is missing" },
        { "score 's' { group = 'weighed', weight = 100, best_of = { { when = {}, percent = 101 } } } group 'weighed' { weights = true }",
                "best_of[1].percent must be from 0 to 100" },
        /* messages */
        { "channel 'c' { via = 'journal' } message 'm' { channel = 'c', subject = 'x', body = '${lead.person.nme}' }",
                "unknown name in a message \"lead.person.nme\"; did you mean \"lead.person.name\"?" },
        { "channel 'c' { via = 'journal' } message 'm' { channel = 'c', subject = '${ownr}', body = 'x' }",
                "unknown name in a message \"ownr\"; did you mean \"owner\"?" },
        { "channel 'c' { via = 'journal' } message 'm' { channel = 'c', subject = 'x', body = 'Hello ${lead.id' }", "${ without its }" },
        { "channel 'c' { via = 'journal' } message 'm' { channel = 'c', subject = 'x', body = '${' .. string.rep('a', 201) .. '}' }",
                "\"body\": a name in ${} has more than 200 bytes" },
};

static void rules__that_cannot_be_meant__are_reported_at_their_line(void **state _unused_) {
        int n_wrong = 0;

        policy_free(rules_load(house)); /* without the mistake it loads */
        for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
                Text text = { 0 };
                char *problems;

                text_append(&text, house);
                text_append(&text, mistakes[i].rules);
                RuleSet *rules = rules_try(text.data, &problems);
                bool is_warning = strncmp(mistakes[i].text, "warning", 7) == 0, is_one = strchr(problems, '\n') == strrchr(problems, '\n');
                if (!strstr(problems, mistakes[i].text) || (rules != NULL) != is_warning || !is_one) {
                        print_error("%s\n got  %s want %s\n", mistakes[i].rules, *problems ? problems : "(it loads)\n", mistakes[i].text);
                        n_wrong++;
                }
                free(problems);
                text_free(&text);
                policy_free(rules);
        }
        assert_int_equal(n_wrong, 0);
}

/* All problems of all declarations, not the first: who mends rules mends them once. */
static void rules__with_several_mistakes__report_all_of_them(void **state _unused_) {
        char *problems;
        RuleSet *rules = rules_try("criterion 'a' { when = { contry = 'DE', ['person.titel'] = 'x' } }\n"
                                   "segment 'b' { when = any{ { ['company.employees'] = 'x' }, { idle = ge(1) } } }\n",
                &problems);

        assert_null(rules);
        for (size_t i = 0; i < 4; i++) {
                static const char *const texts[] = { "rules.lua:1: criterion \"a\": unknown path \"contry\"",
                        "did you mean \"person.title\"?", "rules.lua:2: segment \"b\": when: \"company.employees\" is a number",
                        "\"idle\": ge needs a duration" };
                if (!strstr(problems, texts[i]))
                        fail_msg("missing: %s\nin: %s", texts[i], problems);
        }
        free(problems);
}

/* A rule file cannot make a table look like a word's, nor change what the words mean to others. */
static void words__shared_between_rules__do_not_affect_each_other(void **state _unused_) {
        RuleSet *rules = rules_load("local t = { { country = 'DE' }, { country = 'FR' } }\n"
                                    "segment 'any' { when = any(t) }\nsegment 'all' { when = all(t) }\nsegment 'none' { when = none(t) }\n"
                                    "segment 'plain' { when = t }\n");
        Lead lead;

        lead_begin(&lead);
        lead_text(&lead, "company.country", "FR");
        assert_int_equal(lead_judge(&lead, rules, NULL)->segments[0], 1);
        lead_text(&lead, "company.country", "IT");
        assert_int_equal(lead_judge(&lead, rules, NULL)->segments[0], 4);
        lead_end(&lead);
        policy_free(rules);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rules__that_cannot_be_meant__are_reported_at_their_line),
                cmocka_unit_test(rules__with_several_mistakes__report_all_of_them),
                cmocka_unit_test(words__shared_between_rules__do_not_affect_each_other),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
