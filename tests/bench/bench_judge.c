/* SPDX-License-Identifier: MIT */
/*
 * What judging a lead costs, beside the goals of issue 3: 60 declarative scores, 10 segments, 12 moves and 10 routes over a lead with 25
 * fields and 30 activities, without traces; and what functions add.
 *
 * Processor time of this thread, so that who else is at work shows less; all lines in turn, in many short rounds, and the least of each,
 * because a shared machine only ever adds. A line that adds functions is compared with the line without them in the same rounds.
 * It is no test: it prints, and people look. With "--line N ROUNDS" it runs one line only (for valgrind --tool=callgrind).
 */
#include "leadd/decide.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 80
#define LEADS 400 /* a round */
#define N_ACTIVITIES 30
#define NOW_US INT64_C(1772701200000000) /* 2026-03-05T09:00:00Z, a Thursday */

static double seconds_now(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* ---- the policy ---------------------------------------------------------- */

static const char flow[] =
        "settings 'site' { zone = 'Europe/Berlin', ops = 'ops@example.com' }\n"
        "calendar 'berlin' { zone = 'Europe/Berlin', open = { mon_thu = '09:00-12:30 13:00-18:00', fri = '09:00-16:00' },\n"
        "  except = { ['2026-12-24..2026-12-26'] = 'closed' } }\n"
        "team 'marketing' { doc = 'a queue' }\n"
        "team 'inside_sales' { calendar = 'berlin', head = 'petra', strategy = 'weighted', members = {\n"
        "  anna = { weight = 3, max_unaccepted = 500, per_day = 1200, skills = { languages = { 'de', 'en' } } },\n"
        "  ben = { weight = 1, max_unaccepted = 300, skills = { languages = { 'en', 'de' } } },\n"
        "  carla = { weight = 2, skills = { languages = { 'it', 'en' } } }, petra = { weight = 0 } } }\n"
        "team 'sales' { calendar = 'berlin', head = 'dana', strategy = 'round_robin', members = { dana = {}, emil = {} } }\n"
        "status 'inquiry' { team = 'marketing', kind = 'open', initial = true, marketing_may_contact = true, meaning = 'i' }\n"
        "status 'mql' { team = 'inside_sales', kind = 'sla', meaning = 'm' }\n"
        "status 'sal' { team = 'inside_sales', kind = 'sla', meaning = 's' }\n"
        "status 'working' { team = 'inside_sales', kind = 'open', meaning = 'w' }\n"
        "status 'opportunity' { team = 'sales', kind = 'open', meaning = 'o' }\n"
        "status 'stalled' { team = 'marketing', kind = 'open', meaning = 'st' }\n"
        "status 'nurture' { team = 'marketing', kind = 'open', marketing_may_contact = true, meaning = 'n' }\n"
        "status 'customer' { team = 'sales', kind = 'final', meaning = 'c' }\n"
        "status 'disqualified' { team = 'marketing', kind = 'final', meaning = 'd' }\n"
        "criterion 'REACHABLE' { when = any{ { ['person.phone_number'] = present }, { ['person.email'] = present } } }\n"
        "criterion 'NOT_REFUSED' { when = none{ { ['consent.contact'] = false } } }\n"
        "criterion 'MAY_CALL' { when = any{ { ['consent.contact'] = true }, { country = present, none{ { country = in_list 'eea' } } } } "
        "}\n"
        /* 12 moves */
        "move 'hand_raise' { from = { 'inquiry', 'nurture', 'stalled' }, to = 'mql', by = 'rules', needs = { 'REACHABLE', 'NOT_REFUSED' "
        "},\n"
        "  when = { did{ type = 'form_submitted', name = has{ 'demo', 'quote', 'contact' }, since = 'move' } } }\n"
        "move 'qualify' { from = { 'inquiry', 'nurture' }, to = 'mql', by = 'rules', needs = { 'REACHABLE', 'MAY_CALL' },\n"
        "  when = { grade = one_of{ 'A1', 'A2', 'B1' } } }\n"
        "move 'heat' { from = { 'inquiry', 'nurture' }, to = 'mql', by = 'rules', needs = { 'REACHABLE' },\n"
        "  when = { ['company.employees'] = ge(5000), did{ type = 'page_viewed', url = has('/pricing'), within = '7d', at_least = 3 } } }\n"
        "move 'cool' { from = 'inquiry', to = 'nurture', by = 'rules', when = { idle = ge('60d') } }\n"
        "move 'go_quiet' { from = 'working', to = 'nurture', by = 'rules', when = { idle = ge('30d') } }\n"
        "move 'stall' { from = 'opportunity', to = 'stalled', by = 'rules', when = { idle = ge('21d') } }\n"
        "move 'accept' { from = 'mql', to = 'sal', by = 'owner' }\n"
        "move 'reject' { from = { 'mql', 'sal', 'working' }, by = 'owner', reasons = { 'no_budget', 'not_a_fit' } }\n"
        "move 'contacted' { from = 'sal', to = 'working', by = 'owner' }\n"
        "move 'open_opportunity' { from = { 'working', 'stalled' }, to = 'opportunity', by = 'inside_sales', needs = { 'REACHABLE' } }\n"
        "move 'win' { from = 'opportunity', to = 'customer', by = 'owner' }\n"
        "move 'lose' { from = 'opportunity', by = 'owner', reasons = { 'no_budget' } }\n"
        "reason 'no_budget' { to = 'nurture', recycle_after = '90d', wake_on = did{ type = 'form_submitted' } }\n"
        "reason 'not_a_fit' { to = 'disqualified', note = 'required' }\n"
        "fence 'NO_CONSENT' { blocks = { 'mql' }, when = { country = in_list 'eea', none{ { ['consent.contact'] = true } } } }\n"
        "fence 'COMPETITOR' { blocks = { 'mql' }, when = { ['company.domain'] = in_list 'competitors' } }\n"
        "list 'eea' { 'DE', 'AT', 'FR', 'IT', 'ES', 'NL', 'BE', 'PL' } list 'competitors' { 'rival.example', 'other.example' }\n"
        /* 10 routes; the last but one to inside sales is the one that a German lead takes */
        "route 'ACCOUNT' { owner = 'account' }\n"
        "route 'ITALY' { when = { country = 'IT' }, team = 'inside_sales', match = { languages = 'person.locale' } }\n"
        "route 'FRANCE' { when = { country = one_of{ 'FR', 'BE' } }, team = 'inside_sales' }\n"
        "route 'GIANTS' { when = { ['company.employees'] = ge(10000) }, team = 'inside_sales' }\n"
        "route 'PUBLIC' { when = { ['company.industry'] = has{ 'government', 'public' } }, team = 'inside_sales' }\n"
        "route 'PARTNERS' { when = { source = 'partners' }, team = 'inside_sales' }\n"
        "route 'EVENTS' { when = { did{ type = 'event_attended', within = '3d' } }, team = 'inside_sales' }\n"
        "route 'DACH' { when = { country = one_of{ 'DE', 'AT', 'CH' } }, team = 'inside_sales', match = { languages = 'person.locale' } }\n"
        "route 'REST' { team = 'inside_sales' }\n"
        "route 'DEALS' { team = 'sales' }\n"
        "sla 'ACCEPT_HOT' { status = 'mql', when = { grade = 'A1' }, within = '2h', clock = 'owner', steps = {\n"
        "  { at = '15m', remind = { 'owner' } }, { at = '2h', every = '1wd', remind = { 'owner', 'head' } } } }\n"
        "sla 'ACCEPT' { status = 'mql', within = '1wd', clock = 'owner', steps = {\n"
        "  { at = '4h', remind = { 'owner' } }, { at = '1wd', every = '1wd', remind = { 'owner', 'head' } } } }\n"
        "sla 'FIRST_CALL' { status = 'sal', within = '1wd', clock = 'owner', stop = did{ type = 'call_made', since = 'move' }, steps = {\n"
        "  { at = '4h', remind = { 'owner' } }, { at = '1wd', every = '1wd', remind = { 'owner', 'head' } } } }\n"
        "group 'fit' { min = -1000, max = 1000 } group 'engagement' { max = 1000, half_life = '30d' }\n"
        "grade 'GRADE' { fit = { A = 300, B = 200, C = 25, D = -1000 },\n"
        "  engagement = { ['1'] = 475, ['2'] = 350, ['3'] = 25, ['4'] = 0 }, leave = 10 }\n";

/* What a function can do besides looking; %d is its number. */
typedef enum Doing { LOOKS, CALLS, CLOSES, TRIES, SORTS, HELPED, LISTS, KEEPS, CHANGES, N_DOINGS } Doing;
static const struct {
        const char *what, *body;
} doings[N_DOINGS] = {
        [LOOKS] = { "only looks", "if lead.company.employees == %d then return 1 end" },
        [CALLS] = { "calls a method", "if lead.person.title:len() == %d then return 1 end" },
        [CLOSES] = { "makes a function",
                "local n = 0 local function add(text) n = n + #text end add(lead.person.title) if n == %d then return 1 end" },
        [TRIES] = { "uses pcall", "local ok, n = pcall(function() return #lead.person.title end) if ok and n == %d then return 1 end" },
        [SORTS] = { "uses table.sort",
                "local t = { 'b', 'a' } table.sort(t, function(a, b) return a < b end) if #t == %d then return 1 end" },
        [HELPED] = { "calls the file's own functions", "if count(lead) == %d then return 1 end" },
        [LISTS] = { "makes a list", "local t = { lead.person.title, lead.company.name } if #table.concat(t) == %d then return 1 end" },
        [KEEPS] = { "counts in a variable of the file", "calls = calls + 1 if calls == %d then return 1 end" },
        [CHANGES] = { "changes a table of the file", "seen.last = lead.id if #seen.last == %d then return 1 end" },
};
static const char helpers[] = "local calls, seen = 10, { last = '' }\n"
                              "local function length(text) return #text end\n"
                              "local function count(lead) return length(lead.person.title) end\n";

static void write_rules(Text *out, int n_functions, Doing doing) {
        static const char *const fields[] = { "person.title", "company.name", "company.industry", "attribution.campaign", "answers.q1",
                "person.locale" };
        static const char *const words[] = { "vp", "sales", "software", "spring", "fleet", "de" };
        static const char *const pages[] = { "/pricing", "/product", "/docs", "/customers", "/demo", "/blog", "/jobs", "/compare" };
        static const char *const types[] = { "email_clicked", "asset_downloaded", "event_attended", "form_submitted" };

        text_append(out, helpers);
        text_append(out, flow);
        /* 10 segments */
        for (int i = 0; i < 9; i++)
                text_printf(out, "segment 'g%d' { when = { ['company.employees'] = between(%d, %d), country = in_list 'eea' } }\n", i,
                        i * 100, i * 100 + 150);
        text_append(out, "segment 'g9' { when = { ['company.domain'] = in_list 'competitors' } }\n");
        /* 40 scores of who they are */
        for (int i = 0; i < 14; i++)
                text_printf(out,
                        "score 'when%d' { group = 'fit', when = { ['%s'] = has{ '%s', 'x%d' }, ['company.employees'] = ge(%d) }, points = "
                        "%d }\n",
                        i, fields[i % 6], words[i % 6], i, i * 20, i + 1);
        for (int i = 0; i < 10; i++)
                text_printf(out,
                        "score 'map%d' { group = 'fit', field = '%s', map = { ['a%d'] = 1, ['b%d'] = 2, de = 3, software = 4 } }\n", i,
                        fields[i % 6], i, i);
        for (int i = 0; i < 6; i++)
                text_printf(out,
                        "score 'bands%d' { group = 'fit', field = 'company.employees', bands = { { %d, 5 }, { 100, 3 }, { 10, 1 } } }\n", i,
                        500 + i);
        for (int i = 0; i < 8; i++)
                text_printf(out,
                        "score 'segment%d' { group = 'fit', when = { any{ { segment = 'g%d' }, { ['interest.product'] = present } } }, "
                        "points = -1 }\n",
                        i, i);
        for (int i = 0; i < 2; i++)
                text_printf(out,
                        "score 'unless%d' { group = 'fit', unless = 'when%d', when = { ['person.seniority'] = one_of{ 'vp', 'director' } "
                        "}, "
                        "points = 5 }\n",
                        i, i);
        /* 20 of what they did */
        for (int i = 0; i < 8; i++)
                text_printf(out,
                        "score 'page%d' { group = 'engagement', on = { type = 'page_viewed', url = has('%s') }, each = 5, cap = 40 }\n", i,
                        pages[i]);
        for (int i = 0; i < 4; i++)
                text_printf(out, "score 'act%d' { group = 'engagement', on = { type = '%s' }, each = %d, cap = 60 }\n", i, types[i], i + 3);
        for (int i = 0; i < 3; i++)
                text_printf(out,
                        "score 'per%d' { group = 'engagement', on = { type = '%s' }, each = 10, per = '%s', fade = { every = '30d', "
                        "percent = 50 } }\n",
                        i, types[i], i % 2 ? "asset" : "campaign");
        for (int i = 0; i < 3; i++)
                text_printf(out,
                        "score 'lately%d' { group = 'engagement', on = { type = 'page_viewed', url = has('%s'), within = '14d' }, points = "
                        "10 }\n",
                        i, pages[i]);
        text_append(out, "score 'often' { group = 'engagement', when = { did{ type = 'email_opened', within = '30d', at_least = 3 } }, "
                         "points = 10 }\n"
                         "score 'wide' { group = 'engagement', when = { did{ type = 'page_viewed', distinct = 'url', at_least = 4 } }, "
                         "points = 10 }\n");
        for (int i = 0; i < n_functions; i++) {
                text_printf(out, "score 'f%d' { group = 'fit', points = function(lead) ", i);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                text_printf(out, doings[doing].body, i);
#pragma GCC diagnostic pop
                text_append(out, " end }\n");
        }
}

/* Five, each in another way for somebody else. */
static const char five_tracks[] =
        "channel 'out' { via = 'drop' }\n"
        "message 'welcome' { channel = 'out', to = 'lead', subject = 'Welcome', body = 'Dear ${lead.person.name}' }\n"
        "track 'rivals' { enter = { status = 'inquiry', segment = 'g9' }, needs_consent = false, steps = { { wait = '1d', send = 'welcome' "
        "} } }\n"
        "track 'large' { enter = { status = 'inquiry', ['company.employees'] = ge(100000) }, needs_consent = false,\n"
        "  steps = { { wait = '1d', send = 'welcome' } } }\n"
        "track 're-nurture' { enter = { status = 'nurture' }, needs_consent = false, wake_on = did{ type = 'page_viewed' },\n"
        "  steps = { { wait = '0d', send = 'welcome' }, { wait = '14d', send = 'welcome' } } }\n"
        "track 'cold' { enter = { status = 'inquiry', grade = 'D4' }, needs_consent = false, steps = { { wait = '1d', send = 'welcome' } } "
        "}\n"
        "track 'silent' { enter = { status = 'inquiry', idle = ge('90d') }, needs_consent = false, steps = { { wait = '1d', send = "
        "'welcome' } "
        "} }\n";

static RuleSet *load(int n_functions, Doing doing, bool with_tracks) {
        char directory[] = "/tmp/leadd-bench-XXXXXX", file[64];
        _cleanup_(text_free) Text text = { 0 }, problems = { 0 };
        PolicyReport report = { 0 };
        RuleSet *rules = NULL;
        FILE *out;
        int r = -EIO;

        write_rules(&text, n_functions, doing);
        text_append(&text, with_tracks ? five_tracks : "");
        if (!mkdtemp(directory))
                return NULL;
        snprintf(file, sizeof(file), "%s/rules.lua", directory);
        out = fopen(file, "w");
        if (out) {
                (void) fputs(text.data, out);
                if (fclose(out) == 0)
                        r = policy_load(directory, 0, &rules, &report);
        }
        (void) unlink(file);
        (void) rmdir(directory);
        if (r != 0) {
                (void) policy_report_format(&report, &problems);
                fprintf(stderr, "bench_judge: the rules do not load: %s\n", problems.data ? problems.data : strerror(-r));
        }
        policy_report_done(&report);
        return rules;
}

/* ---- the lead ------------------------------------------------------------ */

/* 25 fields. */
static int fill_profile(Arena *arena, Facts *facts) {
        static const struct {
                const char *path, *text;
        } texts[] = {
                { "person.email", "maria.keller@keller.example" },
                { "person.phone_number", "+493055501042" },
                { "person.name", "Maria Keller" },
                { "person.given_name", "Maria" },
                { "person.family_name", "Keller" },
                { "person.title", "VP Sales" },
                { "person.seniority", "vp" },
                { "person.locale", "de-DE" },
                { "person.address.country", "DE" },
                { "person.email_domain", "keller.example" },
                { "company.name", "Keller Spedition GmbH" },
                { "company.domain", "keller.example" },
                { "company.industry", "Logistics" },
                { "company.country", "DE" },
                { "attribution.channel", "paid_search" },
                { "attribution.source", "google" },
                { "attribution.medium", "cpc" },
                { "attribution.campaign", "spring-fleet" },
                { "attribution.form_id", "f-17" },
                { "answers.q1", "Fleet of 51-200" },
                { "answers.q2", "This quarter" },
                { "interest.timeframe", "P3M" },
        };
        FieldId field;
        const char *key;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                if (!field_find(texts[i].path, &field, &key) || facts_set(facts, arena, field, key, value_text(texts[i].text), 1) < 0)
                        return -EINVAL;
        if (facts_set(facts, arena, FIELD_COMPANY_EMPLOYEES, NULL, value_integer(180), 1) < 0 ||
                facts_set(facts, arena, FIELD_CONSENT, "contact", value_bool(true), 1) < 0 ||
                facts_set(facts, arena, FIELD_COMPANY_REVENUE_AMOUNT, NULL, value_number(2.5e7), 1) < 0)
                return -ENOMEM;
        return 0;
}

typedef struct Lead {
        Arena *arena;
        Facts profile, visits[N_ACTIVITIES];
        Activity history[N_ACTIVITIES];
        size_t n_history;
        LeadState state;
        Record view, form; /* what happens now: a page is looked at; a demo is asked for */
} Lead;

/* A quarter of a year: pages, mails opened and clicked, two events, a download, a newsletter. */
static int fill_history(Lead *lead) {
        static const char *const pages[] = { "/blog/fleet-costs", "/pricing", "/product/tracking", "/docs/api", "/customers/keller" };
        static const char *const types[] = { "page_viewed", "email_opened", "page_viewed", "email_clicked", "page_viewed", "page_viewed",
                "event_attended", "email_opened", "page_viewed", "asset_downloaded" };
        char text[64];
        int r = 0;

        lead->n_history = N_ACTIVITIES;
        for (size_t i = 0; i < N_ACTIVITIES && r == 0; i++) {
                Facts *facts = &lead->visits[i];
                const char *type = i == 4 ? "form_submitted" : types[i % ARRAY_SIZE(types)];

                snprintf(text, sizeof(text), "https://www.fleet.example%s?v=%zu", pages[i % ARRAY_SIZE(pages)], i);
                r = facts_set(facts, lead->arena, FIELD_ACTIVITY_CHANNEL, NULL, value_text(i % 3 ? "web" : "email"), 1);
                if (r == 0 && (base_streq(type, "page_viewed") || base_streq(type, "email_clicked")))
                        r = facts_set(facts, lead->arena, FIELD_ACTIVITY_URL, NULL, value_text(text), 1);
                if (r == 0 && !base_streq(type, "page_viewed"))
                        r = facts_set(facts, lead->arena, FIELD_ACTIVITY_CAMPAIGN, NULL, value_text(i % 2 ? "Spring-Fleet" : "winter"), 1);
                if (r == 0 && base_streq(type, "asset_downloaded"))
                        r = facts_set(facts, lead->arena, FIELD_ACTIVITY_ASSET, NULL, value_text("Guide to telematics"), 1);
                if (r == 0 && base_streq(type, "form_submitted"))
                        r = facts_set(facts, lead->arena, FIELD_ACTIVITY_NAME, NULL, value_text("Newsletter"), 1);
                lead->history[i] = (Activity){ .event = i + 1,
                        .time_us = NOW_US - (int64_t) (N_ACTIVITIES - i) * 3 * US_PER_DAY + 12345678,
                        .type = type,
                        .facts = facts,
                        .after_move = true };
        }
        return r;
}

static int make_lead(Lead *lead) {
        *lead = (Lead){ .arena = arena_new(0) };
        if (!lead->arena)
                return -ENOMEM;
        int r = fill_profile(lead->arena, &lead->profile);
        if (r == 0)
                r = fill_history(lead);
        lead->state = (LeadState){ .id = 42,
                .version = N_ACTIVITIES,
                .status = "inquiry",
                .grade = "C3",
                .created_us = lead->history[0].time_us,
                .entered_us = lead->history[0].time_us,
                .recycle_us = TIME_NONE,
                .wake_us = TIME_NONE,
                .sla = { .due_us = TIME_NONE, .next_due_us = TIME_NONE },
                .held = { .next_look_us = TIME_NONE } };
        lead->view = (Record){ .arena = lead->arena,
                .source = "web/tracker",
                .id = "v-1",
                .type = "activity.page_viewed",
                .family = FAMILY_ACTIVITY,
                .event = "page_viewed",
                .time_us = NOW_US };
        lead->form = lead->view;
        lead->form.type = "lead.submitted";
        lead->form.family = FAMILY_LEAD;
        lead->form.event = "submitted";
        if (r == 0)
                r = facts_set(&lead->view.facts, lead->arena, FIELD_ACTIVITY_URL, NULL,
                        value_text("https://www.fleet.example/pricing?plan=team"), NOW_US);
        if (r == 0)
                r = facts_set(&lead->form.facts, lead->arena, FIELD_PERSON_EMAIL, NULL, value_text("maria.keller@keller.example"), NOW_US);
        if (r == 0)
                r = facts_set(&lead->form.facts, lead->arena, FIELD_ATTRIBUTION_FORM_NAME, NULL, value_text("Demo request"), NOW_US);
        return r;
}

/* ---- the lines ----------------------------------------------------------- */

static Subject subject_of(const RuleSet *rules, const Lead *lead, int turn) {
        return (Subject){ .now_us = NOW_US + turn,
                .facts = &lead->profile,
                .source = "forms",
                .lead_id = "L-42",
                .history = lead->history,
                .n_history = lead->n_history,
                .status = rules->initial,
                .created_us = lead->state.created_us,
                .entered_us = lead->state.entered_us,
                .touched_us = lead->history[N_ACTIVITIES - 1].time_us,
                .prior_grade = "C3" };
}

static int judge_only(RuleSet *rules, const Lead *lead, int turn, Arena *arena) {
        Subject subject = subject_of(rules, lead, turn);
        Receipts receipts = { 0 };

        return policy_judge(rules, &subject, arena, &receipts);
}

static int judge_explained(RuleSet *rules, const Lead *lead, int turn, Arena *arena) {
        Subject subject = subject_of(rules, lead, turn);
        Receipts receipts = { .all = true, .trace = true };

        return policy_judge(rules, &subject, arena, &receipts);
}

static int holds(RuleSet *rules, const Condition *condition, Subject *subject, Arena *arena) {
        bool answer;

        return policy_holds(rules, condition, subject, arena, &answer, NULL, NULL);
}

/* More than any event asks: every move with its needs and every fence and route, whether it leaves this status or not. */
static int judge_and_ask_all(RuleSet *rules, const Lead *lead, int turn, Arena *arena) {
        Subject subject = subject_of(rules, lead, turn);
        Receipts receipts = { 0 };
        int r = policy_judge(rules, &subject, arena, &receipts);

        for (size_t i = 0; i < rules->n_moves && r == 0; i++) {
                r = holds(rules, rules->moves[i].when, &subject, arena);
                for (size_t k = 0; k < rules->moves[i].n_needs && r == 0; k++)
                        r = holds(rules, rules->moves[i].needs[k].condition, &subject, arena);
        }
        for (size_t i = 0; i < rules->n_fences && r == 0; i++)
                r = holds(rules, rules->fences[i].when, &subject, arena);
        for (size_t i = 0; i < rules->n_routes && r == 0; i++)
                r = holds(rules, rules->routes[i].when, &subject, arena);
        return r;
}

static int decide(RuleSet *rules, const Lead *lead, const Record *record, int turn, Arena *arena, const char *want_status) {
        static const Seat seats[] = { { .member = "anna", .turn = 1 }, { .member = "ben", .turn = -1 } };
        const Desk desk = { .seats = seats, .n_seats = ARRAY_SIZE(seats) };
        Facts profile = lead->profile;

        /* The decision changes the profile it is given, which the store reads anew for each event. */
        profile.items = ARENA_ARRAY(arena, Fact, profile.capacity);
        if (!profile.items)
                return -ENOMEM;
        memcpy(profile.items, lead->profile.items, profile.n_items * sizeof(*profile.items));
        const DecideInput input = { .event_id = 1000,
                .lead_id = 42,
                .before = &lead->state,
                .profile = &profile,
                .history = lead->history,
                .n_history = lead->n_history,
                .record = record,
                .actor = "integration:web",
                .now_us = NOW_US + turn,
                .desk = &desk };
        Decision decision;
        int r = decide_event(rules, &input, arena, &decision);

        if (r == 0 && !base_streq(decision.after.status, want_status)) {
                fprintf(stderr, "bench_judge: the lead went to %s (%s)\n", decision.after.status, decision.summary);
                return -EINVAL;
        }
        return r;
}

static int decide_view(RuleSet *rules, const Lead *lead, int turn, Arena *arena) {
        return decide(rules, lead, &lead->view, turn, arena, "inquiry");
}

static int decide_form(RuleSet *rules, const Lead *lead, int turn, Arena *arena) {
        return decide(rules, lead, &lead->form, turn, arena, "mql");
}

typedef struct Line {
        const char *what;
        int n_functions;
        bool bare; /* no activities */
        bool with_tracks;
        Doing doing;
        int (*turn)(RuleSet *rules, const Lead *lead, int turn, Arena *arena);
        RuleSet *rules;
        double best_us, took_us[ROUNDS];
} Line;

/* Behind the lines without functions: for each doing one function, then FURTHER + 1 of them; at the end many that only look. */
#define FURTHER 4
#define MANY 20
enum { LINE_ALL = 2, LINE_VIEW, LINE_FUNCTIONS = 7, LINE_TRACKS = 6, LINE_MANY = LINE_FUNCTIONS + 2 * N_DOINGS, N_LINES };

static int run_round(Line *line, const Lead *lead, Arena *scratch, int round) {
        double start = seconds_now(), us;
        int r = 0;

        for (int i = 0; i < LEADS && r == 0; i++) {
                r = line->turn(line->rules, lead, i, scratch);
                arena_reset(scratch);
        }
        us = (seconds_now() - start) / LEADS * 1e6;
        if (round < ROUNDS)
                line->took_us[round] = us;
        if (round == 0 || us < line->best_us)
                line->best_us = us;
        return r;
}

static int compare(const void *a, const void *b) {
        const double *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

static void print_goal(const char *what, double us, double goal_us) {
        printf("  %-84s %7.2f us, goal %g: %s\n", what, us, goal_us, us <= goal_us ? "held" : "MISSED");
}

static void print_lines(Line lines[static N_LINES]) {
        printf("one lead of 25 fields and 30 activities: the least of %d rounds (and the median), microseconds of processor\n", ROUNDS);
        for (size_t i = 0; i < N_LINES; i++) {
                Line *line = &lines[i];

                qsort(line->took_us, ROUNDS, sizeof(line->took_us[0]), compare);
                if (line->n_functions == 0)
                        printf("  %-84s %7.2f us (%.2f)\n", line->what, line->best_us, line->took_us[ROUNDS / 2]);
                else
                        printf("  with %2d function%s that %-62s %7.2f us (%.2f)\n", line->n_functions, line->n_functions == 1 ? " " : "s",
                                line->what, line->best_us, line->took_us[ROUNDS / 2]);
        }
        print_goal("judged: 60 scores, 10 segments, 12 moves, 10 routes, 30 activities", lines[LINE_ALL].best_us, 12);
        print_goal("5 tracks, none of them for the lead, add", lines[LINE_TRACKS].best_us - lines[LINE_VIEW].best_us, 0.3);
        for (size_t i = LINE_FUNCTIONS; i < LINE_MANY; i += 2) {
                char what[96];

                snprintf(what, sizeof(what), "the first function that %s adds, with its own work", lines[i].what);
                print_goal(what, lines[i].best_us - lines[LINE_ALL].best_us, 4);
                print_goal("  each further one adds", (lines[i + 1].best_us - lines[i].best_us) / FURTHER, 1);
        }
        print_goal("each further one of many that only look adds",
                (lines[LINE_MANY].best_us - lines[LINE_FUNCTIONS + 2 * LOOKS].best_us) / (MANY - 1), 1);
}

int main(int argc, char **argv) {
        Line lines[N_LINES] = {
                { "policy_judge: 60 scores, 10 segments, grade; no activity", .bare = true, .turn = judge_only },
                { "policy_judge: the same with 30 activities", .turn = judge_only },
                [LINE_ALL] = { "the same, then the conditions of all 12 moves with needs, 2 fences, 10 routes", .turn = judge_and_ask_all },
                [LINE_VIEW] = { "decide_event: a page is viewed; judged, no move applies; as stored", .turn = decide_view },
                { "decide_event: a demo is asked for; judged, moved, routed by the 8th, SLA started", .turn = decide_form },
                { "policy_judge with all receipts and traces, as for explain", .turn = judge_explained },
                [LINE_TRACKS] = { "decide_event: the page again, with 5 tracks, none of them for the lead", .with_tracks = true,
                        .turn = decide_view },
                [LINE_MANY] = { doings[LOOKS].what, .n_functions = MANY, .doing = LOOKS, .turn = judge_and_ask_all },
        };
        int only = argc == 4 && strcmp(argv[1], "--line") == 0 ? atoi(argv[2]) : -1, rounds = only >= 0 ? atoi(argv[3]) : ROUNDS, r;
        Arena *scratch = arena_new(0);
        Lead lead, bare;

        for (Doing doing = 0; doing < N_DOINGS; doing++)
                for (int further = 0; further < 2; further++)
                        lines[LINE_FUNCTIONS + 2 * doing + further] = (Line){ doings[doing].what, .n_functions = further ? 1 + FURTHER : 1,
                                .doing = doing, .turn = judge_and_ask_all };
        r = scratch ? make_lead(&lead) : -ENOMEM;
        if (r < 0 || only >= N_LINES)
                return 1;
        bare = lead;
        bare.n_history = 0;
        for (size_t i = 0; i < N_LINES; i++) {
                lines[i].rules = only < 0 || only == (int) i ? load(lines[i].n_functions, lines[i].doing, lines[i].with_tracks) : NULL;
                if (!lines[i].rules && (only < 0 || only == (int) i))
                        return 1;
        }
        for (int round = 0; round < rounds && r == 0; round++)
                for (size_t i = 0; i < N_LINES && r == 0; i++)
                        if (lines[i].rules)
                                r = run_round(&lines[i], lines[i].bare ? &bare : &lead, scratch, round);
        if (r == 0 && only < 0)
                print_lines(lines);
        for (size_t i = 0; i < N_LINES; i++)
                (void) policy_free(lines[i].rules);
        (void) arena_free(scratch);
        (void) arena_free(lead.arena);
        return r == 0 ? 0 : 1;
}
