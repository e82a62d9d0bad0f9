/* SPDX-License-Identifier: MIT */
/*
 * The same rules judge the same leads in two processes: this program starts itself again, as processes with other addresses, another
 * environment and another allocator's habits, and each writes down everything it judged: decisions, receipts with traces, when something
 * changes next, the glossary, the hash of the rules. They must agree byte for byte. Runs in the project's top folder, as `make` does.
 */
#include "../support/verdict.h"

#include "leadd/intake.h"
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW_US INT64_C(1772800000000000) /* 2026-03-06T12:26:40Z */
#define PAYLOADS "tests/data/payloads"
#define LEADS 300

/* ---- rules made of functions: whatever could have an order or an address of its own ---- */

static const char function_rules[] =
        "settings 'site' { zone = 'Europe/Berlin', ops = 'ops@example.com' }\n"
        "calendar 'berlin' { zone = 'Europe/Berlin', open = { mon_fri = '09:00-17:00' } }\n"
        "team 'marketing' { doc = 'a queue' }\n"
        "team 'desk' { calendar = 'berlin', strategy = 'weighted', head = 'a', members = { a = { weight = 2 }, b = { weight = 1 } } }\n"
        "status 'inquiry' { team = 'marketing', kind = 'open', initial = true, meaning = 'i' }\n"
        "status 'mql' { team = 'desk', kind = 'sla', meaning = 'm' }\n"
        "status 'closed' { team = 'marketing', kind = 'final', meaning = 'c' }\n"
        "local seen, count, list = {}, 0, {}\n"
        "for i = 1, 50 do list[i] = 'k' .. (i * 7919 % 50) end\n"
        "for i = 1, 8 do segment('S' .. i) { when = function(lead, now) count = count + 1 seen[lead.id] = count\n"
        "  local n = 0 for _, a in ipairs(lead.activities) do n = n * 31 + #a.type end return (n + i) % 3 == 0, 'n is ' .. n end } end\n"
        "group 'fit' { min = 0, max = 1000 } group 'engagement' { min = 0, max = 100, half_life = '30d' }\n"
        "score 'KEYS' { group = 'fit', points = function(lead) local t = {} for k, v in pairs(lead.answers) do t[#t + 1] = k .. '=' .. "
        "tostring(v) "
        "end\n"
        "  for k in pairs(lead.person) do t[#t + 1] = k end return #t, table.concat(t, ' ') end }\n"
        "score 'SORTED' { group = 'fit', points = function(lead) local t = { table.unpack(list) } t[#t + 1] = lead.person.name or ''\n"
        "  table.sort(t, function(a, b) return #a < #b end) return #t, table.concat(t, ' ', 40) end }\n"
        "score 'ADDRESS' { group = 'fit', points = function(lead) return 1, tostring(lead) .. tostring(print_nothing) .. "
        "tostring(tostring) end }\n"
        "print_nothing = false\n"
        "score 'FLOAT' { group = 'fit', points = function(lead, now) return (lead.company.employees or 7) / 3, string.format('%.17g %g', 1 "
        "/ 3, "
        "now / 7e5) end }\n"
        "score 'COUNT' { group = 'fit', points = function(lead) count = count + 1 return count, 'seen ' .. tostring(seen[lead.id]) end }\n"
        "score 'BREAKS' { group = 'fit', points = function(lead) return lead.x.y end }\n"
        "score 'LOOPS' { group = 'fit', when = { ['answers.fleet_size'] = present }, points = function(lead) while true do end end }\n"
        "score 'EATS' { group = 'fit', when = { ['person.title'] = present }, points = function(lead) local t, s = {}, ('x'):rep(60000)\n"
        "  for i = 1, 1e4 do t[i] = s .. i end end }\n"
        "score 'CASE' { group = 'fit', when = { ['person.name'] = has('\xc3\x84') }, points = 3 }\n"
        "score 'VISITS' { group = 'engagement', on = { type = 'page_viewed' }, each = 8, per = 'url', cap = 24 }\n"
        "grade 'GRADE' { fit = { A = 40, B = 0 }, engagement = { ['1'] = 10, ['2'] = 0 }, leave = 5 }\n"
        "criterion 'NAMED' { doc = 'has a name', when = function(lead) return lead.person.name ~= nil end }\n"
        "move 'qualify' { from = 'inquiry', to = 'mql', by = 'rules', needs = { 'NAMED' }, when = function(lead) return #lead.id % 2 == 1, "
        "'odd' end }\n"
        "move 'close' { from = 'mql', to = 'closed', by = 'owner' }\n"
        "route 'LONG' { when = function(lead) return #(lead.person.name or '') > 12 end, team = 'desk' }\n"
        "route 'REST' { team = 'desk' }\n"
        "sla 'ANSWER' { status = 'mql', within = '1wd', clock = 'owner', steps = { { at = '4h', remind = { 'owner' } },\n"
        "  { at = '1wd', every = '1wd', remind = { 'owner', 'head', 'ops' } } } }\n";

/* ---- the process that judges ---- */

static uint64_t random_state = 88172645463325252u;
static uint64_t random_below(uint64_t n) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return random_state % n;
}

static void check(bool good, const char *what) {
        if (good)
                return;
        (void) fprintf(stderr, "%s\n", what);
        exit(2);
}

static RuleSet *load(const char *directory) {
        RuleSet *rules = NULL;
        PolicyReport report = { 0 };
        Text problems = { 0 };
        int r = policy_load(directory, 0, &rules, &report);
        (void) policy_report_format(&report, &problems);
        check(r == 0, problems.data ? problems.data : "the rules do not load");
        text_free(&problems);
        policy_report_done(&report);
        return rules;
}

static RuleSet *load_functions(void) {
        char directory[] = "/tmp/leadd-determinism-XXXXXX", path[64];
        check(mkdtemp(directory) != NULL, "mkdtemp");
        snprintf(path, sizeof(path), "%s/rules.lua", directory);
        FILE *file = fopen(path, "we");
        check(file && fputs(function_rules, file) >= 0 && fclose(file) == 0, "writing rules");
        RuleSet *rules = load(directory);
        (void) unlink(path);
        (void) rmdir(directory);
        return rules;
}

static int name_compare(const void *a, const void *b) { return strcmp(*(char *const *) a, *(char *const *) b); }

/* What the shipped adapters make of each sample, in the order of names. */
static size_t read_payloads(const RuleSet *rules, Intake **ret_intake, IntakeBatch *batches[64]) {
        static const uint8_t secret[DIGEST_SIZE] = { 1 };
        Adapter *adapters = calloc(rules->n_adapters, sizeof *adapters);
        char *names[64];
        size_t n = 0, n_batches = 0;
        check(adapters != NULL, "memory");
        for (size_t i = 0; i < rules->n_adapters; i++)
                adapters[i] = rules->adapters[i].adapter;
        const IntakeSettings settings = { .adapters = adapters,
                .n_adapters = rules->n_adapters,
                .phone_region = rules->settings->phone_region,
                .zone = rules->settings->zone,
                .secret = secret };
        check(intake_new(&settings, ret_intake) == 0, "intake_new");
        DIR *folder = opendir(PAYLOADS);
        check(folder != NULL, PAYLOADS);
        for (struct dirent *entry; (entry = readdir(folder));)
                if (n < ARRAY_SIZE(names) && intake_format(entry->d_name))
                        check((names[n++] = strdup(entry->d_name)) != NULL, "memory");
        (void) closedir(folder);
        qsort(names, n, sizeof(names[0]), name_compare);
        for (size_t i = 0; i < n; i++) {
                char path[300];
                static char data[256 * 1024];
                snprintf(path, sizeof(path), PAYLOADS "/%s", names[i]);
                FILE *file = fopen(path, "re");
                check(file != NULL, path);
                size_t size = fread(data, 1, sizeof(data), file);
                (void) fclose(file);
                IntakeBatch *batch = NULL;
                if (intake_parse(*ret_intake, "web", intake_format(names[i]), data, size, NOW_US, &batch) == 0)
                        batches[n_batches++] = batch;
                free(names[i]);
        }
        free(adapters);
        return n_batches;
}

static size_t judge_leads(RuleSet *rules, IntakeBatch *const batches[], size_t n_batches, Text *out) {
        static const char *const urls[] = { "/pricing", "/blog/\xc3\xa4", "/customers/x", "/Pricing?x=1", "/careers" };
        static const char *const types[] = { "page_viewed", "email_clicked", "event_attended", "asset_downloaded" };
        const Record *records[256];
        size_t n_records = 0, n_decisions = 0;
        for (size_t i = 0; i < n_batches; i++)
                for (size_t j = 0; j < batches[i]->n_items && n_records < ARRAY_SIZE(records); j++)
                        if (batches[i]->items[j].record && batches[i]->items[j].record->family != FAMILY_OUTCOME)
                                records[n_records++] = batches[i]->items[j].record;
        check(n_records >= 15, "too few records in the payloads");
        for (uint64_t id = 1; id <= LEADS; id++) {
                Arena *arena = arena_new(0);
                Activity history[16];
                Facts visits[16] = { 0 }, profile = { 0 };
                Seat seats[] = { { .member = "a", .turn = (int64_t) random_below(5) - 2 },
                        { .member = "anna", .n_open = (uint32_t) random_below(30) } };
                const Desk desk = { .seats = seats, .n_seats = ARRAY_SIZE(seats) };
                size_t n_history = random_below(ARRAY_SIZE(history));
                for (size_t i = 0; i < n_history; i++) {
                        check(facts_set(&visits[i], arena, FIELD_ACTIVITY_URL, NULL, value_text(urls[random_below(ARRAY_SIZE(urls))]), 1) ==
                                        0,
                                "facts");
                        history[i] = (Activity){ .event = i + 1,
                                .time_us = NOW_US - (int64_t) random_below(90 * 86400) * US_PER_SECOND,
                                .type = types[random_below(ARRAY_SIZE(types))],
                                .facts = &visits[i],
                                .after_move = random_below(2) != 0 };
                }
                LeadState before = {
                        .grade = "", .recycle_us = TIME_NONE, .wake_us = TIME_NONE, .idle_from_us = TIME_NONE, .source_us = TIME_NONE
                };
                DecideInput input = { .event_id = 1000 + id,
                        .lead_id = id,
                        .before = &before,
                        .profile = &profile,
                        .history = history,
                        .n_history = n_history,
                        .record = records[random_below(n_records)],
                        .actor = "integration:web",
                        .now_us = NOW_US + (int64_t) id * US_PER_MINUTE,
                        .desk = &desk };
                Decision decision;
                Explanation explanation;
                check(decide_event(rules, &input, arena, &decision) == 0, "decide_event");
                text_printf(out, "== L-%" PRIu64 "\n", id);
                verdict_describe(&decision, NULL, out);
                n_decisions++;
                if (!decision.refused && decision.after.status) {
                        input.before = &decision.after;
                        input.profile = decision.profile_changed ? &decision.profile : &profile;
                        input.record = NULL;
                        input.now_us += US_PER_DAY;
                        check(decide_explain(rules, &input, arena, &explanation) == 0, "decide_explain");
                        verdict_describe_subject(rules, &explanation.subject, out);
                        verdict_describe_receipts(&explanation.receipts, NULL, out);
                }
                arena_free(arena);
        }
        return n_decisions;
}

static int dump(void) {
        Text out = { 0 };
        Intake *intake = NULL;
        IntakeBatch *batches[64];
        RuleSet *shipped = load("rules"), *functions = load_functions();
        RuleSet *const sets[] = { shipped, functions };
        size_t n = read_payloads(shipped, &intake, batches);
        for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
                /* Steps and memory end the scripts; the processor's time would be another one in each process. */
                policy_begin_event(sets[i], true, NULL, 0);
                text_printf(&out, "%s\n", sets[i]->hash_text);
                check(judge_leads(sets[i], batches, n, &out) == LEADS, "decisions");
                check(policy_glossary(sets[i], &out) == 0, "policy_glossary");
        }
        for (size_t i = 0; i < n; i++)
                intake_batch_free(batches[i]);
        intake_free(intake);
        policy_free(shipped);
        policy_free(functions);
        check(out.error == 0 && fwrite(out.data, 1, out.size, stdout) == out.size && fflush(stdout) == 0, "writing");
        text_free(&out);
        return 0;
}

/* ---- the test ---- */

/* What the process wrote; the directory stays the project's, everything else is its own. */
static void run_process(bool fixed_addresses, const char *const environment[], Text *out) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                (void) dup2(ends[1], STDOUT_FILENO);
                (void) close(ends[0]);
                (void) close(ends[1]);
                if (fixed_addresses)
                        (void) personality(ADDR_NO_RANDOMIZE);
                char *const arguments[] = { (char *) "test_policy_determinism", (char *) "--dump", NULL };
                (void) execve("/proc/self/exe", arguments, (char *const *) environment);
                _exit(127);
        }
        (void) close(ends[1]);
        char buffer[65536];
        for (ssize_t n; (n = read(ends[0], buffer, sizeof(buffer))) != 0;) {
                assert_true(n > 0 || errno == EINTR);
                if (n > 0)
                        text_append_size(out, buffer, (size_t) n);
        }
        (void) close(ends[0]);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(out->error, 0);
}

static void rules__in_other_processes__judge_the_same_leads_byte_for_byte(void **state) {
        (void) state;
        static const struct {
                bool fixed_addresses;
                const char *environment[6];
        } processes[] = {
                { false, { NULL } },
                { false, { "LC_ALL=C.UTF-8", "TZ=America/New_York", "HOME=/nowhere", "G_SLICE=always-malloc", "MALLOC_PERTURB_=165",
                                 NULL } },
                { true, { "LC_ALL=de_DE.UTF-8", "LANG=tr_TR.UTF-8", "TZ=:Asia/Kathmandu", "MALLOC_ARENA_MAX=1", "MALLOC_PERTURB_=90",
                                NULL } },
                { false, { "LC_ALL=POSIX", "TZ=XYZ-11:45", "MALLOC_MMAP_THRESHOLD_=4096", "LANGUAGE=fr", "LUA_INIT=error('read')", NULL } },
        };
        _cleanup_(text_free) Text want = { 0 };
        for (size_t i = 0; i < ARRAY_SIZE(processes); i++) {
                _cleanup_(text_free) Text got = { 0 };
                run_process(processes[i].fixed_addresses, processes[i].environment, i == 0 ? &want : &got);
                if (i > 0 && (got.size != want.size || memcmp(got.data, want.data, got.size) != 0)) {
                        size_t at = 0;
                        while (at < got.size && at < want.size && got.data[at] == want.data[at])
                                at++;
                        size_t from = at > 200 ? at - 200 : 0;
                        fail_msg("process %zu differs at byte %zu:\n got ...%.400s\nwant ...%.400s", i, at, got.data + from,
                                want.data + from);
                }
        }
        /* It is about something: points, notes, failures, moves, owners, traces. */
        static const char *const parts[] = { " matched", "took too long: more than 200000 steps", "took too much memory",
                "attempt to index", "move qualify", "assigned ", "person.", "held by", "n is " };
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
                if (!strstr(want.data, parts[i]))
                        fail_msg("nothing says \"%s\"", parts[i]);
        print_message("%zu bytes about %d leads under two rule sets, the same in %zu processes\n", want.size, LEADS, ARRAY_SIZE(processes));
}

int main(int argc, char **argv) {
        if (argc == 2 && base_streq(argv[1], "--dump"))
                return dump();
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rules__in_other_processes__judge_the_same_leads_byte_for_byte),
        };
        return cmocka_run_group_tests_name("determinism", tests, NULL, NULL);
}
