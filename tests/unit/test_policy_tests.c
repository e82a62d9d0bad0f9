/* SPDX-License-Identifier: MIT */
/*
 * Tests as they are loaded: what is wrong with one is told at its line, before it could pass for a reason nobody meant; and a test
 * file is no way to change the rules it tests.
 */
#include "test_policy_directory.h"

#define AT "at = '2026-03-05T10:00:00+01:00'"
#define LEAD "lead{ person = { email = 'm@keller.example' } }"
#define GIVEN "given = { " LEAD " }"

static char *load_problems(const char *tests) {
        Directory directory;
        _cleanup_(base_freep) char *text = file_content(DATA "language.lua", NULL);
        directory_open(&directory);
        directory_write_text(&directory, "10.lua", text);
        directory_write_text(&directory, "10_test.lua", tests);
        char *problems = directory_load(&directory, 0, NULL);
        directory_close(&directory);
        return problems;
}

/* want: a line that is among the problems, without its place; NULL = it loads. */
static const struct {
        const char *body, *want;
} cases[] = {
        { AT ", " GIVEN ", expect = { status = 'inquiry' }", NULL },
        { GIVEN ", expect = { status = 'inquiry' }", "\"at\" is missing" },
        { "at = 'thursday', " GIVEN ", expect = { status = 'inquiry' }",
                "\"at\" must be a time such as \"2026-03-05T10:00:00+01:00\", not \"thursday\"" },
        { "at = 5, " GIVEN ", expect = { status = 'inquiry' }",
                "\"at\" must be a time such as \"2026-03-05T10:00:00+01:00\", not a number" },
        { AT ", expect = { status = 'inquiry' }", "\"given\" is missing" },
        { AT ", " GIVEN, "expects nothing: without \"expect\" it cannot fail" },
        { AT ", " GIVEN ", expct = { status = 'inquiry' }", "unknown key \"expct\"; did you mean \"expect\"?" },
        { AT ", " GIVEN ", expect = 5", "\"expect\" must be a table, not a number" },
        { AT ", " GIVEN ", expect = ge(5)", "\"expect\" must be a table, not a table" },
        /* what is expected */
        { AT ", " GIVEN ", expect = { stauts = 'inquiry' }", "unknown key in \"expect\": \"stauts\"; did you mean \"status\"?" },
        { AT ", " GIVEN ", expect = { status = 'inqiry' }", "unknown status \"inqiry\"; did you mean \"inquiry\"?" },
        { AT ", " GIVEN ", expect = { status = one_of{ 'mql', 'sall' } }", "unknown status \"sall\"; did you mean \"sal\"?" },
        { AT ", " GIVEN ", expect = { owner = 'ana' }", "unknown member \"ana\"; did you mean \"anna\"?" },
        { AT ", " GIVEN ", expect = { team = 'sale' }", "unknown team \"sale\"; did you mean \"sales\"?" },
        { AT ", " GIVEN ", expect = { hits = { 'SENOIR' } }", "unknown rule in \"expect.hits\": \"SENOIR\"; did you mean \"SENIOR\"?" },
        { AT ", " GIVEN ", expect = { misses = 'segment:SENIOR' }",
                "unknown rule in \"expect.misses\": \"SENIOR\"; did you mean \"SENIOR\"?" },
        { AT ", " GIVEN ", expect = { segments = { 'enterprize' } }",
                "unknown segment in \"expect.segments\": \"enterprize\"; did you mean \"enterprise\"?" },
        { AT ", " GIVEN ", expect = { moved = { 'handraise' } }",
                "unknown move in \"expect.moved\": \"handraise\"; did you mean \"hand_raise\"?" },
        { AT ", " GIVEN ", expect = { fence = 'NO_CONSNT' }",
                "unknown fence in \"expect.fence\": \"NO_CONSNT\"; did you mean \"NO_CONSENT\"?" },
        { AT ", " GIVEN ", expect = { reminded = { 'onwer' } }",
                "unknown reader in \"expect.reminded\": \"onwer\"; did you mean \"owner\"?" },
        { AT ", " GIVEN ", expect = { score = { fitt = 5 } }", "did you mean \"fit\"?" },
        { AT ", " GIVEN ", expect = { score = 5 }", "\"expect.score\" must be a table: { GROUP = 40 }, not a number" },
        { AT ", " GIVEN ", expect = { fit = 'many' }", "expect.fit: " },
        { AT ", " GIVEN ", expect = { grade = 'Z9' }", "expect.grade: \"grade\" can never be \"Z9\"" },
        { AT ", " GIVEN ", expect = { grade = '?4' }", NULL },
        { AT ", " GIVEN ", expect = { due = 'soon' }",
                "\"expect.due\" must be a time such as \"2026-03-05T10:00:00+01:00\", not \"soon\"" },
        { AT ", " GIVEN ", expect = { track = 're-nuture' }", "unknown track \"re-nuture\"; did you mean \"re-nurture\"?" },
        { AT ", " GIVEN ", expect = { sent = { 'welcom' } }", "unknown message in \"expect.sent\": \"welcom\"; did you mean \"welcome\"?" },
        { AT ", " GIVEN ", expect = { sent = { 'reminder' } }",
                "\"expect.sent\": the message \"reminder\" is not for the lead (\"reminded\" is for ours)" },
        { AT ", " GIVEN ", expect = { audience = { 'spring-webiner' } }",
                "unknown campaign in \"expect.audience\": \"spring-webiner\"; did you mean \"spring-webinar\"?" },
        { AT ", " GIVEN ", expect = { of = 'n@keller.example', fit = 0 }",
                "unknown e-mail in \"expect\": \"n@keller.example\"; did you mean \"m@keller.example\"?" },
        { AT ", " GIVEN ", expect = { { fit = 0 }, 5 }", "\"expect[2]\" must be a table, not a number" },
        /* what is given */
        { AT ", given = { { person = {} } }, expect = { fit = 0 }", "\"given[1]\" must be lead{ .. }, activity{ .. }, outcome{ .. }, " },
        { AT ", given = { lead }, expect = { fit = 0 }", "\"given[1]\" must be lead{ .. }" },
        { AT ", given = { lead'x' }, expect = { fit = 0 }", "\"given[1]\": a table must follow: lead{ .. }" },
        { AT ", given = { lead{ person = { email = 'm@k.example' }, compny = {} } }, expect = { fit = 0 }",
                "unknown key in \"given[1]\": \"compny\"; did you mean \"company\"?" },
        { AT ", given = { lead{ person = { emial = 'm@k.example' } } }, expect = { fit = 0 }",
                "unknown field in \"given[1]\": \"person.emial\"; did you mean \"person.email\"?" },
        { AT ", given = { lead{ person = { email = 'm@k.example' }, company = { employees = function() end } } }, expect = { fit = 0 }",
                "given[1]: \"company.employees\" cannot be a function in a record" },
        { AT ", given = { lead{ person = { email = 'nobody' } } }, expect = { fit = 0 }", "given[1]: no source could send that: " },
        { AT ", given = { lead{ company = { name = 'Keller' } } }, expect = { fit = 0 }",
                "given[1]: says of nobody: there is no lead{ person = .. } in the test, no payload{ .. } before it, and no \"person\" "
                "here" },
        { AT ", given = { activity{ type = 'page_viewed' } }, expect = { fit = 0 }", "given[1]: says of nobody: " },
        { AT ", given = { " LEAD ", activity{ url = '/pricing' } }, expect = { fit = 0 }", "\"given[2].type\" is missing" },
        { AT ", given = { " LEAD ", activity{ type = 'page_viewed', ulr = '/pricing' } }, expect = { fit = 0 }",
                "unknown key in \"given[2]\": \"ulr\"; did you mean \"url\"?" },
        { AT ", given = { " LEAD ", activity{ type = 'page_viewed', of = 'n@keller.example' } }, expect = { fit = 0 }",
                "unknown e-mail in \"given[2]\": \"n@keller.example\"; did you mean \"m@keller.example\"?" },
        { AT ", given = { " LEAD ", activity{ type = 'page_viewed', ago = '2wd' } }, expect = { fit = 0 }", "cannot be in working days" },
        { AT ", given = { " LEAD ", activity{ type = 'page_viewed', ago = '100000d' } }, expect = { fit = 0 }", "\"given[2].ago\"" },
        { AT ", given = { " LEAD ", outcome{ move = 'acept', by = 'anna' } }, expect = { fit = 0 }",
                "unknown move in \"given[2]\": \"acept\"; did you mean \"accept\"?" },
        { AT ", given = { " LEAD ", outcome{ move = 'accept', by = 'ana' } }, expect = { fit = 0 }",
                "unknown member in \"given[2].by\": \"ana\"; did you mean \"anna\"?" },
        { AT ", given = { " LEAD ", outcome{ move = 'reject', by = 'anna', reason = 'no_bugdet' } }, expect = { fit = 0 }",
                "unknown reason in \"given[2].reason\": \"no_bugdet\"; did you mean \"no_budget\"?" },
        { AT ", given = { " LEAD ", consent{ purpose = 'contact' } }, expect = { fit = 0 }", "\"given[2].granted\" is missing" },
        { AT ", given = { " LEAD ", away{ owner = 'bne', to = '2026-04-01T00:00:00Z' } }, expect = { fit = 0 }",
                "unknown member in \"given[2].owner\": \"bne\"; did you mean \"ben\"?" },
        { AT ", given = { " LEAD ", company{ name = 'Keller', employes = 5 } }, expect = { fit = 0 }",
                "unknown key in \"given[2]\": \"employes\"; did you mean \"employees\"?" },
        /* later, lists */
        { AT ", " GIVEN ", expect = { fit = 0 }, later = { { advance = '1x', expect = { fit = 0 } } }",
                "\"later[1].advance\" must be a duration" },
        { AT ", " GIVEN ", expect = { fit = 0 }, later = { { to = '2026-03-04T10:00:00Z', expect = { fit = 0 } } }",
                "\"later[1].to\" lies before the step it follows" },
        { AT ", " GIVEN ", expect = { fit = 0 }, later = { { advance = '1d', to = '2026-04-04T10:00:00Z', expect = { fit = 0 } } }",
                "\"later[1]\" has both \"advance\" and \"to\"" },
        { AT ", " GIVEN ", expect = { fit = 0 }, later = { { advance = '1d', expects = { fit = 0 } } }",
                "unknown key in \"later[1]\": \"expects\"; did you mean \"expect\"?" },
        { AT ", " GIVEN ", expect = { fit = 0 }, later = { 5 }", "\"later[1]\" must be a table, not a number" },
        { AT ", " GIVEN ", expect = { fit = 0 }, lists = { competitor = { 'x' } }",
                "unknown list in \"lists\": \"competitor\"; did you mean \"competitors\"?" },
        { AT ", " GIVEN ", expect = { fit = 0 }, lists = { competitors = 'x' }", "\"lists.competitors\" must be a list, not a text" },
};

static void policy_load__a_faulty_test__is_told_at_its_line(void **state) {
        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(text_free) Text tests = { 0 };
                text_printf(&tests, "\ntest \"it\" { %s }\n", cases[i].body);
                _cleanup_(base_freep) char *problems = load_problems(tests.data);
                bool placed = strstr(problems, "10_test.lua:2: test \"it\": ");
                if (cases[i].want ? !placed || !strstr(problems, cases[i].want) : strstr(problems, "10_test.lua") != NULL)
                        fail_msg("%s\n got %s\nwant %s", cases[i].body, problems, cases[i].want ? cases[i].want : "");
        }
}

static void policy_load__rules_and_tests__stand_in_files_of_their_own(void **state) {
        (void) state;
        static const struct {
                const char *tests, *want;
        } files[] = {
                { "score 'X' { group = 'fit', points = 1 }",
                        "10_test.lua:1: score: a file whose name ends in _test.lua holds tests only\n" },
                { "tset 'X' { }", "10_test.lua:1: unknown name \"tset\"; did you mean \"test\"?\n" },
                { "x = activty{ }", "10_test.lua:1: unknown name \"activty\"; did you mean \"activity\"?\n" },
                { "lead = 5", NULL }, /* a file's own affair */
                { "any = 5", "\"any\" is a word of the rule language and keeps its meaning" },
                { "test 'x' { }\ntest 'x' { }", "10_test.lua:2: test \"x\": is already declared at 10_test.lua:1\n" },
                { "test 'a\\nb' { }", "10_test.lua:1: test: a name is 1 to 250 characters without control characters" },
                { "while true do end", "10_test.lua:1: took too long" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                _cleanup_(base_freep) char *problems = load_problems(files[i].tests);
                if (files[i].want ? !strstr(problems, files[i].want) : strstr(problems, "10_test.lua") != NULL)
                        fail_msg("%s\n got %s\nwant %s", files[i].tests, problems, files[i].want ? files[i].want : "");
        }
}

static void policy_load__what_a_test_file_names__is_not_seen_by_rules_nor_the_other_way_round(void **state) {
        (void) state;
        Directory directory;
        _cleanup_(base_freep) char *text = file_content(DATA "language.lua", NULL);
        directory_open(&directory);
        directory_write_text(&directory, "10.lua", text);
        directory_write_text(&directory, "20.lua",
                "limits = { big = 10 }\n"
                "score 'S' { group = 'fit', points = function(lead) return limits.big end }\n");
        directory_write_text(&directory, "a_test.lua",
                "mine = { lead{ person = { email = 'a@b.example' } } }\n"
                "test 'x' { at = '2026-03-05T10:00:00Z', given = mine, expect = { fit = 10 } }\n");
        _cleanup_(base_freep) char *good = directory_load(&directory, 0, NULL);
        assert_null(strstr(good, "a_test.lua"));
        directory_write_text(&directory, "b_test.lua", "limits.big = 20\n");
        _cleanup_(base_freep) char *seen = directory_load(&directory, 0, NULL);
        assert_non_null(strstr(seen, "b_test.lua:1: unknown name \"limits\""));
        directory_write_text(&directory, "b_test.lua", "test 'y' { at = '2026-03-05T10:00:00Z', given = mine, expect = { fit = 10 } }\n");
        _cleanup_(base_freep) char *shared = directory_load(&directory, 0, NULL);
        assert_non_null(strstr(shared, "b_test.lua:1: unknown name \"mine\""));
        directory_close(&directory);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(policy_load__a_faulty_test__is_told_at_its_line),
                cmocka_unit_test(policy_load__rules_and_tests__stand_in_files_of_their_own),
                cmocka_unit_test(policy_load__what_a_test_file_names__is_not_seen_by_rules_nor_the_other_way_round),
        };
        return cmocka_run_group_tests_name("policy: tests", tests, NULL, NULL);
}
