/* SPDX-License-Identifier: MIT */
/*
 * Memory that runs out while a lead is judged: at each allocation in turn, once and from then on, the answer is -ENOMEM (or the verdict
 * itself), nothing leaks, and the same rules then judge the same lead as if nothing had been. The linker sends the allocations of our own
 * code here (Makefile: --wrap), also under AddressSanitizer; what Lua allocates lies in its block, whose end is moved instead. GLib is
 * not asked for memory while a lead is judged: it would abort.
 */
#include "../../daemon/policy/sandbox.h"
#include "../support/verdict.h"

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <unistd.h>

#define NOW_US INT64_C(1772701200000000) /* 2026-03-05T09:00:00Z, a Thursday */

/* ---- the allocator ---- */

static struct {
        bool armed, arenas, onwards; /* arenas: what is taken from arenas is refused, else what is asked of the heap */
        size_t fail_at, n;           /* the n-th allocation since it was armed */
        size_t n_refused;
        int64_t live;
} heap;

/* Arenas ask the heap but rarely: what is taken from them is refused by itself. */
void *__real_arena_alloc(Arena *arena, size_t size);
char *__real_arena_strndup(Arena *arena, const char *s, size_t size);
char *__real_arena_strdup(Arena *arena, const char *s);
void *__wrap_arena_alloc(Arena *arena, size_t size);
char *__wrap_arena_strndup(Arena *arena, const char *s, size_t size);
char *__wrap_arena_strdup(Arena *arena, const char *s);
char *__wrap_arena_printf(Arena *arena, const char *format, ...) _printf_(2, 3);

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t size);
void *__real_reallocarray(void *at, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t size);
void __real_free(void *at);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t size);
void *__wrap_reallocarray(void *at, size_t n, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t size);
void __wrap_free(void *at);

static bool refuses(bool of_arena) {
        if (!heap.armed || of_arena != heap.arenas)
                return false;
        heap.n++;
        bool refused = heap.onwards ? heap.n >= heap.fail_at : heap.n == heap.fail_at;
        heap.n_refused += refused;
        if (refused)
                errno = ENOMEM;
        return refused;
}

static void *count(void *at) {
        heap.live += at != NULL;
        return at;
}

void *__wrap_malloc(size_t size) { return refuses(false) ? NULL : count(__real_malloc(size)); }
void *__wrap_calloc(size_t n, size_t size) { return refuses(false) ? NULL : count(__real_calloc(n, size)); }
char *__wrap_strdup(const char *s) { return refuses(false) ? NULL : count(__real_strdup(s)); }
char *__wrap_strndup(const char *s, size_t size) { return refuses(false) ? NULL : count(__real_strndup(s, size)); }

void *__wrap_realloc(void *at, size_t size) {
        if (refuses(false))
                return NULL;
        return at ? __real_realloc(at, size) : count(__real_realloc(NULL, size));
}

void *__wrap_reallocarray(void *at, size_t n, size_t size) {
        if (refuses(false))
                return NULL;
        return at ? __real_reallocarray(at, n, size) : count(__real_reallocarray(NULL, n, size));
}

void __wrap_free(void *at) {
        heap.live -= at != NULL;
        __real_free(at);
}

void *__wrap_arena_alloc(Arena *arena, size_t size) { return refuses(true) ? NULL : __real_arena_alloc(arena, size); }
char *__wrap_arena_strdup(Arena *arena, const char *s) { return refuses(true) ? NULL : __real_arena_strdup(arena, s); }
char *__wrap_arena_strndup(Arena *arena, const char *s, size_t size) { return refuses(true) ? NULL : __real_arena_strndup(arena, s, size); }

char *__wrap_arena_printf(Arena *arena, const char *format, ...) {
        Text text = { 0 };
        va_list args;
        va_start(args, format);
        text_vprintf(&text, format, args);
        va_end(args);
        char *copy = refuses(true) || text.error < 0 ? NULL : __real_arena_strndup(arena, text.data, text.size);
        text_free(&text);
        return copy;
}

static void heap_arm(size_t fail_at, bool onwards, bool arenas) {
        heap.armed = true;
        heap.arenas = arenas;
        heap.onwards = onwards;
        heap.fail_at = fail_at;
        heap.n = heap.n_refused = 0;
}

static void heap_disarm(void) { heap.armed = false; }

/* ---- the rules: something of everything, with letters that must be folded ---- */

static const char rules_text[] =
        "settings 'site' { zone = 'Europe/Berlin', ops = 'ops@example.com' }\n"
        "calendar 'berlin' { zone = 'Europe/Berlin', open = { mon_fri = '09:00-17:00' } }\n"
        "team 'marketing' { doc = 'a queue' }\n"
        "team 'desk' { calendar = 'berlin', strategy = 'weighted', head = 'anna', members = {\n"
        "  anna = { weight = 2, email = 'anna@example.com', skills = { languages = { 'de' } } }, ben = { weight = 1, email = "
        "'ben@example.com' } } "
        "}\n"
        "status 'inquiry' { team = 'marketing', kind = 'open', initial = true, meaning = 'i' }\n"
        "status 'mql' { team = 'desk', kind = 'sla', meaning = 'm' }\n"
        "status 'closed' { team = 'marketing', kind = 'final', meaning = 'c' }\n"
        "list 'places' { 'M\xc3\x9cNCHEN', 'K\xc3\x96LN' }\n"
        "segment 'munich' { when = { ['person.address.locality'] = in_list 'places' } }\n"
        "segment 'driver' { when = { ['person.title'] = word('vp'), ['company.name'] = has('\xc3\x9c"
        "BER') } }\n"
        "segment 'asked' { when = function(lead, now) for _, a in ipairs(lead.activities) do\n"
        "  if a.type == 'form_submitted' then return true, 'asked for ' .. (a.name or 'something') end end end }\n"
        "segment 'broken' { when = function(lead) return lead.x.y end }\n"
        "group 'fit' { min = 0, max = 40 }\n"
        "group 'engagement' { min = 0, max = 100, half_life = '30d' }\n"
        "score 'SIZE' { group = 'fit', field = 'company.employees', bands = { { 100, 30 } } }\n"
        "score 'BRANCH' { group = 'fit', field = 'company.industry', map = { ['\xc3\x9c"
        "BERSEEHANDEL'] = 10 } }\n"
        "score 'TITLE' { group = 'fit', points = function(lead) if (lead.person.title or ''):lower():find('vp', 1, true) then return 10, "
        "'a vp' "
        "end end }\n"
        "score 'READS' { group = 'fit', points = function(lead) if lead.company.employees then return 1 end end }\n"
        "score 'VISITS' { group = 'engagement', on = { type = 'page_viewed', url = has('/preise/\xc3\xbc') }, each = 8, cap = 24 }\n"
        "score 'PAGES' { group = 'engagement', on = { type = 'page_viewed' }, each = 3, per = 'url', fade = { every = '10d', percent = 50 "
        "} }\n"
        "score 'DID' { group = 'engagement', when = { did{ type = 'page_viewed', distinct = 'url', at_least = 2, within = '30d' } }, "
        "points = 5 }\n"
        "grade 'GRADE' { fit = { A = 30, B = 0 }, engagement = { ['1'] = 20, ['2'] = 0 }, leave = 5 }\n"
        "junk 'SCANNER' { when = { type = 'email_clicked', ['properties.seconds'] = lt(2) } }\n"
        "criterion 'NAMED' { doc = 'has a name', when = function(lead) return lead.person.name ~= nil end }\n"
        "fence 'SHUT' { blocks = { 'mql' }, when = any{ { ['answers.shut'] = '\xc3\x84rger' }, function(lead) return lead.grade == 'B2' "
        "end } }\n"
        "move 'qualify' { from = 'inquiry', to = 'mql', by = 'rules', needs = { 'NAMED' }, when = { segment = 'asked', grade = 'A1' } }\n"
        "move 'close' { from = 'mql', to = 'closed', by = 'owner' }\n"
        "route 'BIG' { when = function(lead) return lead.segments.munich and lead.score.fit > 20, 'big enough' end, team = 'desk',\n"
        "  match = { languages = 'person.locale' } }\n"
        "route 'REST' { team = 'desk' }\n"
        "sla 'ANSWER' { status = 'mql', within = '1wd', clock = 'owner', when = { country = 'DE' }, steps = { { at = '4h', remind = { "
        "'owner' } },\n"
        "  { at = '1wd', every = '1wd', remind = { 'owner', 'head', 'ops' } } } }\n"
        "sla 'REST' { status = 'mql', within = '2wd', clock = 'team', steps = { { at = '1wd', every = '1wd', remind = { 'head' } } } }\n"
        "channel 'mail' { via = 'sendmail', from = 'leads@example.com' }\n"
        "message 'assigned' { channel = 'mail', subject = 'Lead ${lead.id}', body = [[${lead.person.name} by ${due}]] }\n"
        "feed 'crm' { via = 'drop', types = { 'assigned', 'moved' } }\n";

static RuleSet *load_rules(void) {
        char directory[] = "/tmp/leadd-exhaustion-XXXXXX", path[64];
        _cleanup_(text_free) Text problems = { 0 };
        PolicyReport report = { 0 };
        RuleSet *rules = NULL;

        assert_non_null(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/rules.lua", directory);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fputs(rules_text, file) >= 0);
        assert_int_equal(fclose(file), 0);
        int r = policy_load(directory, 0, &rules, &report);
        assert_int_equal(policy_report_format(&report, &problems), 0);
        policy_report_done(&report);
        (void) unlink(path);
        (void) rmdir(directory);
        if (r != 0)
                fail_msg("%s", problems.data);
        return rules;
}

/* ---- the lead ---- */

#define VISITS 24

static struct {
        Arena *arena;
        Facts profile, visits[VISITS];
        Record record;
        Activity history[VISITS];
} lead;

static void set(Facts *facts, const char *path, Value value) {
        FieldId field;
        const char *key = NULL;

        assert_true(field_find(path, &field, &key));
        assert_int_equal(facts_set(facts, lead.arena, field, key, value, NOW_US), 0);
}

static int lead_make(void **state) {
        static const char *const urls[] = { "/PREISE/\303\234BERSICHT", "/blog/\xc3\xa4", "/", "/karriere" };
        (void) state;
        memset(&lead, 0, sizeof(lead));
        lead.arena = arena_new(0);
        lead.record = (Record){ .arena = lead.arena,
                .source = "forms",
                .id = "x",
                .type = "lead.submitted",
                .family = FAMILY_LEAD,
                .event = "submitted",
                .time_us = NOW_US };
        set(&lead.record.facts, "person.name", value_text("J\xc3\xbcrgen M\xc3\xbcller"));
        set(&lead.record.facts, "person.title",
                value_text("VP \xc3\x9c"
                           "berseehandel"));
        set(&lead.record.facts, "person.locale", value_text("de-DE"));
        set(&lead.record.facts, "person.address.locality", value_text("M\xc3\xbcnchen"));
        set(&lead.record.facts, "company.name",
                value_text("\xc3\x9c"
                           "berland \xef\xac\x83"
                           "ce Stra\xc3\x9f"
                           "e"));
        set(&lead.record.facts, "company.industry",
                value_text("\xc3\xbc"
                           "berseehandel"));
        set(&lead.record.facts, "company.employees", value_integer(180));
        set(&lead.record.facts, "company.country", value_text("DE"));
        set(&lead.record.facts, "answers.\xc3\xa4", value_bool(true));
        set(&lead.record.facts, "attribution.form_name", value_text("Demo"));
        for (size_t i = 0; i < VISITS; i++) {
                set(&lead.visits[i], "activity.url", value_text(urls[i % ARRAY_SIZE(urls)]));
                if (i % 5 == 0)
                        set(&lead.visits[i], "activity.properties.seconds", value_integer(1));
                lead.history[i] = (Activity){ .event = i + 1,
                        .time_us = NOW_US - (int64_t) (VISITS - i) * US_PER_DAY,
                        .type = i % 5 == 0 ? "email_clicked" : "page_viewed",
                        .facts = &lead.visits[i] };
        }
        return lead.arena ? 0 : -1;
}

static int lead_drop(void **state) {
        (void) state;
        lead.arena = arena_free(lead.arena);
        return 0;
}

/* ---- evaluations ---- */

static DecideInput lead_input(void) {
        static const LeadState unknown = {
                .grade = "", .recycle_us = TIME_NONE, .wake_us = TIME_NONE, .idle_from_us = TIME_NONE, .source_us = TIME_NONE
        };
        static const Desk desk;

        return (DecideInput){ .event_id = 100,
                .lead_id = 1,
                .before = &unknown,
                .profile = &lead.profile,
                .history = lead.history,
                .n_history = VISITS,
                .record = &lead.record,
                .actor = "integration:forms",
                .now_us = NOW_US,
                .desk = &desk };
}

/* Each answers 0 or -errno, with what it came to in out. */
static int evaluate_event(RuleSet *rules, Arena *arena, Text *out) {
        const DecideInput input = lead_input();
        Decision decision;
        int r = decide_event(rules, &input, arena, &decision);
        if (r < 0)
                return r;
        bool was_armed = heap.armed;
        heap_disarm(); /* describing is the test's own */
        verdict_describe(&decision, NULL, out);
        heap.armed = was_armed;
        return 0;
}

/* The lead a day later, accepted by nobody yet. */
static DecideInput known_input(LeadState *before) {
        DecideInput input = lead_input();
        *before = *input.before;
        before->id = 1;
        before->status = "mql";
        before->owner = "anna";
        before->created_us = before->entered_us = NOW_US - US_PER_DAY;
        input.before = before;
        input.profile = &lead.record.facts;
        input.record = NULL;
        return input;
}

static int evaluate_look(RuleSet *rules, Arena *arena, Text *out) {
        LeadState before;
        const DecideInput input = known_input(&before);
        Subject subject;
        int r = decide_look(rules, &input, arena, &subject, NULL);
        if (r < 0)
                return r;
        bool was_armed = heap.armed;
        heap_disarm();
        verdict_describe_subject(rules, &subject, out);
        heap.armed = was_armed;
        return 0;
}

static int evaluate_explanation(RuleSet *rules, Arena *arena, Text *out) {
        LeadState before;
        const DecideInput input = known_input(&before);
        Explanation explanation;
        int r = decide_explain(rules, &input, arena, &explanation);
        if (r < 0)
                return r;
        bool was_armed = heap.armed;
        heap_disarm();
        verdict_describe_subject(rules, &explanation.subject, out);
        verdict_describe_receipts(&explanation.receipts, NULL, out);
        text_printf(out, "%zu candidates\n", explanation.n_candidates);
        heap.armed = was_armed;
        return 0;
}

static int evaluate_texts(RuleSet *rules, Arena *arena, Text *out) {
        const Subject subject = { .now_us = NOW_US, .facts = &lead.record.facts, .lead_id = "L-1" };
        const MessageContext context = { .subject = &subject, .owner = "anna", .due = "tomorrow", .rule = "ANSWER", .recipient = "anna" };
        Text text = { 0 };
        int r = policy_render(rules->messages[0].body, &context, &text);
        if (r == 0)
                r = policy_glossary(rules, &text);
        if (r == 0 && !arena_strndup(arena, text.data, text.size))
                r = -ENOMEM;
        bool was_armed = heap.armed;
        heap_disarm();
        if (r == 0)
                text_append_size(out, text.data, text.size);
        text_free(&text);
        heap.armed = was_armed;
        return r;
}

static const struct {
        const char *name;
        int (*evaluate)(RuleSet *rules, Arena *arena, Text *out);
} evaluations[] = {
        { "an event", evaluate_event },
        { "a look", evaluate_look },
        { "an explanation", evaluate_explanation },
        { "texts", evaluate_texts },
};

static void evaluate_well(size_t which, RuleSet *rules, Text *out) {
        Arena *arena = arena_new(0);
        assert_non_null(arena);
        assert_int_equal(evaluations[which].evaluate(rules, arena, out), 0);
        arena_free(arena);
}

/* ---- the tests ---- */

static void evaluation__whichever_allocation_fails__answers_and_leaks_nothing(void **state) {
        (void) state;
        size_t n_failures = 0;

        for (size_t which = 0; which < ARRAY_SIZE(evaluations); which++)
                for (int onwards = 0; onwards < 2; onwards++) {
                        _cleanup_(text_free) Text want = { 0 };
                        RuleSet *rules = load_rules();
                        evaluate_well(which, rules, &want);
                        policy_free(rules);
                        size_t k = 0, n_refused = 1;
                        while (n_refused > 0) {
                                k++;
                                /* Rules just loaded: what they only allocate once is refused as well. */
                                rules = load_rules();
                                int64_t live = heap.live;
                                Text got = { 0 };
                                heap_arm(k, onwards, false);
                                Arena *arena = arena_new(0);
                                int r = arena ? evaluations[which].evaluate(rules, arena, &got) : -ENOMEM;
                                heap_disarm();
                                n_refused = heap.n_refused;
                                n_failures += n_refused > 0;
                                arena_free(arena);
                                if (r != 0 && r != -ENOMEM)
                                        fail_msg("%s, allocation %zu: %d", evaluations[which].name, k, r);
                                if (r == 0 && !base_streq(got.data, want.data))
                                        fail_msg("%s, allocation %zu: judged otherwise:\n got %s\nwant %s", evaluations[which].name, k,
                                                got.data, want.data);
                                if (r != 0 && n_refused == 0)
                                        fail_msg("%s: no allocation failed, and yet %d", evaluations[which].name, r);
                                text_free(&got);
                                evaluate_well(which, rules, &got);
                                if (!base_streq(got.data, want.data))
                                        fail_msg("%s, after allocation %zu failed:\n got %s\nwant %s", evaluations[which].name, k, got.data,
                                                want.data);
                                text_free(&got);
                                policy_free(rules);
                                rules = load_rules();
                                if (heap.live != live)
                                        fail_msg("%s, allocation %zu: %lld blocks are left", evaluations[which].name, k,
                                                (long long) (heap.live - live));
                                policy_free(rules);
                        }
                        assert_true(k > 1);
                        print_message("%s: %zu allocations, each refused %s\n", evaluations[which].name, k - 1,
                                onwards ? "from then on" : "once");
                }
        assert_true(n_failures > 20);
}

/* Most of what is allocated is taken from arenas, which ask the heap but rarely. */
static void evaluation__whatever_an_arena_refuses__answers_and_changes_nothing(void **state) {
        (void) state;
        for (size_t which = 0; which < ARRAY_SIZE(evaluations); which++)
                for (int onwards = 0; onwards < 2; onwards++) {
                        _cleanup_(text_free) Text want = { 0 };
                        RuleSet *rules = load_rules();
                        evaluate_well(which, rules, &want);
                        int64_t live = heap.live;
                        size_t k = 0, n_refused = 1;
                        while (n_refused > 0) {
                                Text got = { 0 };
                                Arena *arena = arena_new(0);
                                assert_non_null(arena);
                                heap_arm(++k, onwards, true);
                                int r = evaluations[which].evaluate(rules, arena, &got);
                                heap_disarm();
                                n_refused = heap.n_refused;
                                arena_free(arena);
                                if (r != 0 && r != -ENOMEM)
                                        fail_msg("%s, allocation %zu: %d", evaluations[which].name, k, r);
                                if (r == 0 && !base_streq(got.data, want.data))
                                        fail_msg("%s, allocation %zu: judged otherwise:\n got %s\nwant %s", evaluations[which].name, k,
                                                got.data, want.data);
                                text_free(&got);
                                if (k % 16 == 0) {
                                        evaluate_well(which, rules, &got);
                                        if (!base_streq(got.data, want.data))
                                                fail_msg("%s, after allocation %zu failed:\n got %s\nwant %s", evaluations[which].name, k,
                                                        got.data, want.data);
                                        text_free(&got);
                                }
                        }
                        if (heap.live != live)
                                fail_msg("%s: %lld blocks are left", evaluations[which].name, (long long) (heap.live - live));
                        print_message("%s: %zu pieces of an arena, each refused %s\n", evaluations[which].name, k - 1,
                                onwards ? "from then on" : "once");
                        policy_free(rules);
                }
}

/* The block of the functions ends everywhere in turn: a function fails, by name, and nothing else changes. */
static void functions__wherever_their_memory_ends__fail_alone(void **state) {
        (void) state;
        _cleanup_(text_free) Text want = { 0 };
        RuleSet *rules = load_rules();
        Sandbox *sandbox = policy_body(rules)->sandbox;
        size_t sealed = sandbox_used(sandbox), n_failed = 0, n_points = 0;

        evaluate_well(0, rules, &want);
        for (size_t extra = 0;; extra += 64) {
                Text got = { 0 };
                Decision decision;
                const DecideInput input = lead_input();
                Arena *arena = arena_new(0);
                bool failed = false;
                sandbox_set_limit(sandbox, sealed + extra);
                policy_body(rules)->lead_serial = 0;
                assert_int_equal(decide_event(rules, &input, arena, &decision), 0);
                for (size_t i = 0; i < decision.receipts.n_items; i++) {
                        const Receipt *receipt = &decision.receipts.items[i];
                        if (!receipt->failed || base_streq(receipt->rule->name, "broken"))
                                continue;
                        failed = true;
                        n_failed++;
                        if (!receipt->note || !strstr(receipt->note, "too much memory"))
                                fail_msg("%s: %s", receipt->rule->name, receipt->note ? receipt->note : "no note");
                }
                n_points++;
                arena_free(arena);
                sandbox_set_limit(sandbox, POLICY_LUA_MEMORY_MAX);
                evaluate_well(0, rules, &got);
                if (!base_streq(got.data, want.data))
                        fail_msg("after %zu bytes:\n got %s\nwant %s", extra, got.data, want.data);
                text_free(&got);
                if (!failed)
                        break;
        }
        assert_true(n_points > 20);
        print_message("%zu ends of the block, %zu functions failed\n", n_points, n_failed);
        policy_free(rules);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(evaluation__whichever_allocation_fails__answers_and_leaks_nothing, lead_make, lead_drop),
                cmocka_unit_test_setup_teardown(evaluation__whatever_an_arena_refuses__answers_and_changes_nothing, lead_make, lead_drop),
                cmocka_unit_test_setup_teardown(functions__wherever_their_memory_ends__fail_alone, lead_make, lead_drop),
        };
        /* What jansson takes is freed here, too (json_dumps): it is counted on both ways. */
        json_set_alloc_funcs(malloc, free);
        return cmocka_run_group_tests_name("memory that runs out", tests, NULL, NULL);
}
