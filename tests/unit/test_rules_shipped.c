/* SPDX-License-Identifier: MIT */
/*
 * The shipped policy: it loads without a word, every step of its ladder (rules/README.md, rules/adapters/README.md) loads beside it, and
 * it judges some typical leads as its comments say. Runs in the project's top folder, as `make` does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>

#include "leadd/policy.h"
#include "leadd/trial.h"

#define NOW_US INT64_C(1772800000000000) /* 2026-03-06T12:26:40Z */

/* ---- loading ---- */

static RuleSet *load_clean(const char *directory, const char *what) {
        RuleSet *rules = NULL;
        PolicyReport report = { 0 };
        _cleanup_(text_free) Text problems = { 0 };
        int r = policy_load(directory, 0, &rules, &report);
        assert_int_equal(policy_report_format(&report, &problems), 0);
        bool clean = r == 0 && report.n_problems == 0;
        policy_report_done(&report);
        if (!clean)
                fail_msg("%s: loading gave %d:\n%s", what, r, problems.data ? problems.data : "");
        return rules;
}

static void shipped_rules__load__without_a_word(void **state) {
        (void) state;
        _cleanup_(policy_freep) RuleSet *rules = load_clean("rules", "the shipped rules");
        assert_int_equal(rules->n_teams, 3);
        assert_int_equal(rules->n_statuses, 9);
        assert_string_equal(rules->initial->rule.name, "inquiry");
        /* It must be able to run anywhere without writing to anybody. */
        for (size_t i = 0; i < rules->n_channels; i++)
                assert_true(rules->channels[i].via == VIA_JOURNAL || rules->channels[i].via == VIA_DROP);
        for (size_t i = 0; i < rules->n_members; i++)
                assert_non_null(strstr(rules->members[i].email, "@example.com"));
}

/* ---- the ladder ---- */

static void read_file(const char *path, Text *out) {
        FILE *file = fopen(path, "re");
        if (!file)
                fail_msg("cannot read %s", path);
        char buffer[4096];
        for (size_t n; (n = fread(buffer, 1, sizeof buffer, file)) > 0;)
                text_append_size(out, buffer, n);
        (void) fclose(file);
        text_append(out, "");
}

static void write_file(const char *path, const char *data, size_t size) {
        FILE *file = fopen(path, "we");
        if (!file)
                fail_msg("cannot write %s", path);
        assert_int_equal(fwrite(data, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
}

static void copy_folder(const char *from, const char *to) {
        DIR *folder = opendir(from);
        assert_non_null(folder);
        assert_int_equal(mkdir(to, 0700), 0);
        for (struct dirent *entry; (entry = readdir(folder));) {
                _cleanup_(text_free) Text source = { 0 }, target = { 0 }, content = { 0 };
                if (entry->d_name[0] == '.')
                        continue;
                text_printf(&source, "%s/%s", from, entry->d_name);
                text_printf(&target, "%s/%s", to, entry->d_name);
                struct stat info;
                assert_int_equal(stat(source.data, &info), 0);
                if (S_ISDIR(info.st_mode)) {
                        copy_folder(source.data, target.data);
                        continue;
                }
                read_file(source.data, &content);
                write_file(target.data, content.data, content.size);
        }
        (void) closedir(folder);
}

static void remove_folder(const char *path) {
        DIR *folder = opendir(path);
        assert_non_null(folder);
        for (struct dirent *entry; (entry = readdir(folder));) {
                _cleanup_(text_free) Text inner = { 0 };
                if (base_streq(entry->d_name, ".") || base_streq(entry->d_name, ".."))
                        continue;
                text_printf(&inner, "%s/%s", path, entry->d_name);
                if (unlink(inner.data) != 0)
                        remove_folder(inner.data);
        }
        (void) closedir(folder);
        assert_int_equal(rmdir(path), 0);
}

static void check_tests(const char *folder, const char *document) {
        _cleanup_(policy_freep) RuleSet *rules = load_clean(folder, document);
        TrialReport report = { 0 };
        assert_int_equal(trial_run(rules, NULL, &report), 0);
        if (report.n_failed > 0)
                fail_msg("%s: a test fails\n%s", document, report.failures[0].text);
        assert_true(report.n_tests > 0);
        trial_report_done(&report);
}

/* Each block of a document that begins and ends so, alone beside the shipped rules, whose tests are met. */
static size_t check_blocks(const char *document, const char *opening, const char *closing, const char *as_file) {
        _cleanup_(text_free) Text text = { 0 }, folder = { 0 }, file = { 0 };
        char directory[] = "/tmp/leadd-rules-XXXXXX";
        assert_non_null(mkdtemp(directory));
        text_printf(&folder, "%s/rules", directory);
        text_printf(&file, "%s/%s", folder.data, as_file);
        copy_folder("rules", folder.data);
        read_file(document, &text);
        size_t n_blocks = 0;
        for (const char *at = text.data; (at = strstr(at, opening));) {
                const char *start = at + strlen(opening), *end = strstr(start, closing);
                assert_non_null(end);
                write_file(file.data, start, (size_t) (end - start));
                if (strstr(as_file, "_test."))
                        check_tests(folder.data, document);
                else
                        policy_free(load_clean(folder.data, document));
                n_blocks++;
                at = end;
        }
        remove_folder(directory);
        return n_blocks;
}

static void write_block(const char *path, const char *text, const char *opening) {
        const char *start = strstr(text, opening);
        if (!start)
                fail_msg("no block%s", opening);
        start += strlen(opening);
        const char *end = strstr(start, "\n```");
        assert_non_null(end);
        write_file(path, start, (size_t) (end - start));
}

static void adapters_worked_example__stands_beside_the_shipped_ones_and_meets_its_test(void **state) {
        (void) state;
        _cleanup_(text_free) Text text = { 0 }, folder = { 0 }, adapter = { 0 }, test = { 0 };
        char directory[] = "/tmp/leadd-rules-XXXXXX";
        assert_non_null(mkdtemp(directory));
        text_printf(&folder, "%s/rules", directory);
        text_printf(&adapter, "%s/adapters/acme-forms.lua", folder.data);
        text_printf(&test, "%s/adapters/acme-forms_test.lua", folder.data);
        copy_folder("rules", folder.data);
        read_file("rules/adapters/README.md", &text);
        write_block(adapter.data, text.data, "\n```lua\n");
        write_block(test.data, text.data, "\n```lua test\n");
        check_tests(folder.data, "rules/adapters/README.md");
        remove_folder(directory);
}

static void ladder__each_step__loads_beside_the_shipped_rules(void **state) {
        (void) state;
        assert_true(check_blocks("rules/README.md", "\n```lua\n", "\n```", "05-step.lua") >= 11);
        assert_true(check_blocks("rules/README.md", "\n```lua test\n", "\n```", "05-step_test.lua") >= 3);
        assert_true(check_blocks("contrib/man/leadd-rules.5", "\n.Bd -literal\n", "\n.Ed", "05-step_test.lua") >= 1);
        assert_true(check_blocks("rules/adapters/README.md", "\n```lua\n", "\n```", "adapters/00-step.lua") >= 1);
}

/* The table of fields for rule writers is the field table: nothing new is missing, nothing is left that went. */
static void field_table_of_the_ladder__names_every_field(void **state) {
        (void) state;
        _cleanup_(text_free) Text text = { 0 };
        read_file("rules/README.md", &text);
        size_t n;
        const FieldInfo *fields = field_all(&n);
        for (size_t i = 0; i < n; i++) {
                static const char *const own[] = { "timer.", "rules.", "care.", "campaign.", "owner_absence.", "raw." };
                bool is_own = false;
                for (size_t j = 0; j < ARRAY_SIZE(own); j++)
                        is_own |= strncmp(fields[i].path, own[j], strlen(own[j])) == 0;
                if (is_own)
                        continue;
                _cleanup_(text_free) Text row = { 0 }, cell = { 0 };
                const char *dot = strchr(fields[i].path, '.');
                const char *tail = fields[i].kind == FIELD_KIND_MAP ? ".KEY" : "";
                bool has_rest = dot || *tail;
                text_printf(&row, "\n| `%.*s%s` |", (int) (dot ? dot - fields[i].path : (ptrdiff_t) strlen(fields[i].path)), fields[i].path,
                        has_rest ? "." : "");
                text_printf(&cell, " `%s%s` ", dot ? dot + 1 : "", dot ? tail : *tail ? tail + 1 : "");
                const char *line = strstr(text.data, row.data);
                const char *found = line && has_rest ? strstr(line, cell.data) : line;
                if (!line || !found || found > strchrnul(line + 1, '\n'))
                        fail_msg("rules/README.md does not name %s", fields[i].path);
        }
}

/* ---- what it makes of some leads ---- */

typedef struct Did {
        const char *type;
        int days_ago, times;
        FieldId field; /* FIELD_NONE: nothing more */
        const char *text;
} Did;

typedef struct LeadCase {
        const char *name;
        const char *facts[10]; /* "path", "value", ...; a number when the value is one */
        Did did[4];
        const char *status;
        double fit, engagement;
        const char *grade;
        const char *move; /* the automatic move that comes first, NULL = none */
} LeadCase;

static void set_fact(Facts *facts, Arena *arena, const char *path, const char *text) {
        FieldId field;
        const char *key;
        char *end;
        if (!field_find(path, &field, &key))
                fail_msg("no field %s", path);
        long number = strtol(text, &end, 10);
        Value value = field_info(field)->kind == FIELD_KIND_NUMBER && !*end ? value_integer(number)
                      : field == FIELD_CONSENT                              ? value_bool(base_streq(text, "true"))
                                                                            : value_text(text);
        assert_int_equal(facts_set(facts, arena, field, key, value, NOW_US), 0);
}

static const char *first_move(RuleSet *rules, Subject *subject, Arena *arena) {
        for (size_t i = 0; i < rules->n_moves; i++) {
                const Move *move = &rules->moves[i];
                bool holds = false, from = false;
                for (size_t j = 0; j < move->n_from; j++)
                        from |= move->from[j] == subject->status;
                if (move->by != BY_RULES || !from)
                        continue;
                assert_int_equal(policy_holds(rules, move->when, subject, arena, &holds, NULL, NULL), 0);
                for (size_t j = 0; holds && j < move->n_needs; j++)
                        assert_int_equal(policy_holds(rules, move->needs[j].condition, subject, arena, &holds, NULL, NULL), 0);
                for (size_t j = 0; holds && j < rules->n_fences; j++) {
                        const Fence *fence = &rules->fences[j];
                        bool closed = false;
                        for (size_t k = 0; fence->when && k < fence->n_blocks; k++)
                                if (fence->blocks[k] == move->to)
                                        assert_int_equal(policy_holds(rules, fence->when, subject, arena, &closed, NULL, NULL), 0);
                        holds = !closed;
                }
                if (holds)
                        return move->rule.name;
        }
        return NULL;
}

static void shipped_rules__typical_leads__are_judged_as_the_comments_say(void **state) {
        (void) state;
        static const LeadCase cases[] = {
                { .name = "who asks for a demo gets a call",
                        .facts = { "person.email", "m@keller.example", "person.seniority", "director", "company.employees", "180",
                                "company.industry", "transportation", "person.phone_number", "+493055501042" },
                        .did = { { "form_submitted", 0, 1, FIELD_ATTRIBUTION_FORM_NAME, "Book a Demo" } },
                        .fit = 60,
                        .engagement = 30,
                        .grade = "A3",
                        .move = "hand_raise" },
                { .name = "nobody calls who has refused",
                        .facts = { "person.email", "m@keller.example", "consent.contact", "false" },
                        .did = { { "form_submitted", 0, 1, FIELD_ATTRIBUTION_FORM_NAME, "contact" } },
                        .fit = 0,
                        .engagement = 30,
                        .grade = "?3" },
                { .name = "a student with many page views is no buyer",
                        .facts = { "person.email", "s@uni.example", "person.title", "Student assistant", "company.employees", "5000" },
                        .did = { { "page_viewed", 0, 10, FIELD_ACTIVITY_URL, "https://www.example.com/pricing" } },
                        .fit = 0,
                        .engagement = 34,
                        .grade = "D3" },
                { .name = "a large fit that is interested, outside the EEA",
                        .facts = { "person.email", "c@big.example", "person.seniority", "c_level", "company.employees", "1000",
                                "company.country", "US" },
                        .did = { { "page_viewed", 0, 3, FIELD_ACTIVITY_URL, "/pricing?from=mail" },
                                { "event_attended", 0, 2, FIELD_NONE, NULL } },
                        .fit = 70,
                        .engagement = 57,
                        .grade = "A2",
                        .move = "qualify" },
                { .name = "the same in the EEA without consent waits",
                        .facts = { "person.email", "c@big.example", "person.seniority", "c_level", "company.employees", "1000",
                                "company.country", "FR" },
                        .did = { { "page_viewed", 0, 3, FIELD_ACTIVITY_URL, "/pricing?from=mail" },
                                { "event_attended", 0, 2, FIELD_NONE, NULL } },
                        .fit = 70,
                        .engagement = 57,
                        .grade = "A2" },
                { .name = "interest fades by half in 30 days",
                        .facts = { "person.email", "c@big.example", "person.seniority", "manager" },
                        .did = { { "event_attended", 60, 2, FIELD_NONE, NULL }, { "asset_downloaded", 30, 1, FIELD_NONE, NULL } },
                        .fit = 10,
                        .engagement = 12.5,
                        .grade = "D4" },
                { .name = "a competitor is no fit",
                        .facts = { "person.email", "x@rival.example", "company.domain", "rival.example", "person.seniority", "owner",
                                "company.employees", "5000" },
                        .did = { { "tracked", 0, 1, FIELD_ACTIVITY_NAME, "Trial Started" } },
                        .fit = 0,
                        .engagement = 40,
                        .grade = "D2" },
                { .name = "looking for a job is not looking for a product",
                        .facts = { "person.email", "j@home.example" },
                        .did = { { "page_viewed", 0, 4, FIELD_ACTIVITY_URL, "/careers/engineer" } },
                        .fit = 0,
                        .engagement = 0,
                        .grade = "?4" },
                { .name = "a budget that a function reads",
                        .facts = { "person.email", "b@big.example", "interest.budget.amount", "50000", "answers.fleet_size", "51-200" },
                        .fit = 35,
                        .engagement = 0,
                        .grade = "C4" },
                { .name = "a conversation of a month ago goes back to marketing",
                        .facts = { "person.email", "b@big.example", "person.seniority", "manager" },
                        .did = { { "email_clicked", 31, 1, FIELD_NONE, NULL } },
                        .status = "working",
                        .fit = 10,
                        .engagement = 1.954,
                        .grade = "D4",
                        .move = "go_quiet" },
                { .name = "a deal of a month ago has stalled",
                        .facts = { "person.email", "b@big.example", "person.seniority", "manager" },
                        .status = "opportunity",
                        .fit = 10,
                        .engagement = 0,
                        .grade = "D4",
                        .move = "stall" },
        };
        _cleanup_(policy_freep) RuleSet *rules = load_clean("rules", "the shipped rules");
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const LeadCase *it = &cases[i];
                _cleanup_(arena_freep) Arena *arena = arena_new(0);
                Facts profile = { 0 };
                Activity history[32];
                Receipts receipts = { 0 };
                size_t n_history = 0;
                for (size_t j = 0; j + 1 < ARRAY_SIZE(it->facts) && it->facts[j]; j += 2)
                        set_fact(&profile, arena, it->facts[j], it->facts[j + 1]);
                int64_t touched_us = NOW_US - 31 * US_PER_DAY;
                for (size_t j = 0; j < ARRAY_SIZE(it->did) && it->did[j].type; j++)
                        for (int n = 0; n < it->did[j].times; n++) {
                                const Did *did = &it->did[j];
                                Facts *facts = ARENA_NEW(arena, Facts);
                                int64_t time_us = NOW_US - did->days_ago * US_PER_DAY;
                                if (did->field != FIELD_NONE)
                                        assert_int_equal(facts_set(facts, arena, did->field, NULL, value_text(did->text), time_us), 0);
                                assert_true(n_history < ARRAY_SIZE(history));
                                history[n_history] = (Activity){
                                        .event = n_history + 1, .time_us = time_us, .type = did->type, .facts = facts, .after_move = true
                                };
                                n_history++;
                                touched_us = time_us > touched_us ? time_us : touched_us;
                        }
                Subject subject = { .now_us = NOW_US,
                        .facts = &profile,
                        .source = "web",
                        .lead_id = "L-1",
                        .history = history,
                        .n_history = n_history,
                        .status = policy_status(rules, it->status ? it->status : "inquiry"),
                        .created_us = NOW_US - 90 * US_PER_DAY,
                        .entered_us = NOW_US - 31 * US_PER_DAY,
                        .touched_us = touched_us };
                assert_int_equal(policy_judge(rules, &subject, arena, &receipts), 0);
                for (size_t j = 0; j < receipts.n_items; j++)
                        if (receipts.items[j].failed)
                                fail_msg("%s: %s failed: %s", it->name, receipts.items[j].rule->name, receipts.items[j].note);
                const char *move = first_move(rules, &subject, arena);
                double fit = (double) subject.fit_mp / 1000, engagement = (double) subject.engagement_mp / 1000;
                if (fabs(fit - it->fit) > 0.001 || fabs(engagement - it->engagement) > 0.001 || !base_streq(subject.grade, it->grade) ||
                        !move != !it->move || (move && !base_streq(move, it->move)))
                        fail_msg("%s: got fit %g engagement %g grade %s move %s, want %g %g %s %s", it->name, fit, engagement,
                                subject.grade, move ? move : "none", it->fit, it->engagement, it->grade, it->move ? it->move : "none");
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(shipped_rules__load__without_a_word),
                cmocka_unit_test(adapters_worked_example__stands_beside_the_shipped_ones_and_meets_its_test),
                cmocka_unit_test(ladder__each_step__loads_beside_the_shipped_rules),
                cmocka_unit_test(field_table_of_the_ladder__names_every_field),
                cmocka_unit_test(shipped_rules__typical_leads__are_judged_as_the_comments_say),
        };
        return cmocka_run_group_tests_name("shipped rules", tests, NULL, NULL);
}
