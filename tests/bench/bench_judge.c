/* SPDX-License-Identifier: MIT */
/*
 * What judging a lead costs: 60 scores and 10 segments over a lead with 25 fields and a few activities, without traces.
 * Prints microseconds; it is no test, because the machine is shared. Ratios between the lines are what to look at.
 */
#include "leadd/policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ROUNDS 9
#define LEADS 20000

static double seconds_now(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void write_rules(Text *out, int n_functions) {
        static const char *const fields[] = { "person.title", "company.name", "company.industry", "attribution.campaign", "answers.q1",
                "person.locale" };
        static const char *const words[] = { "vp", "sales", "software", "spring", "fleet", "de" };

        text_append(out, "group 'fit' { min = -1000, max = 1000 } group 'engagement' { max = 1000, half_life = '30d' }\n"
                         "grade 'G' { fit = { A = 75, B = 50, C = 25, D = -1000 }, engagement = { ['1'] = 75, ['2'] = 50, ['3'] = 25, "
                         "['4'] = 0 }, leave = 10 }\n"
                         "list 'eea' { 'DE', 'AT', 'FR', 'IT', 'ES' }\n");
        for (int i = 0; i < 10; i++)
                text_printf(out, "segment 'g%d' { when = { ['company.employees'] = between(%d, %d), country = in_list 'eea' } }\n", i,
                        i * 100, i * 100 + 150);
        for (int i = 0; i < 15; i++)
                text_printf(out,
                        "score 'w%d' { group = 'fit', when = { ['%s'] = has{ '%s', 'x%d' }, ['company.employees'] = ge(%d) }, points = %d "
                        "}\n",
                        i, fields[i % 6], words[i % 6], i, i * 20, i);
        for (int i = 0; i < 10; i++)
                text_printf(out, "score 'm%d' { group = 'fit', field = '%s', map = { ['a%d'] = 1, ['b%d'] = 2, de = 3, software = 4 } }\n",
                        i, fields[i % 6], i, i);
        for (int i = 0; i < 10; i++)
                text_printf(out,
                        "score 'b%d' { group = 'fit', field = 'company.employees', bands = { { %d, 5 }, { 100, 3 }, { 10, 1 } } }\n", i,
                        500 + i);
        for (int i = 0; i < 10; i++)
                text_printf(out,
                        "score 's%d' { group = 'fit', when = { any{ { segment = 'g%d' }, { ['interest.product'] = present } } }, points = "
                        "-1 }\n",
                        i, i);
        for (int i = 0; i < 15 - n_functions; i++)
                text_printf(out, "score 'a%d' { group = 'engagement', on = { type = '%s', url = has('/p%d') }, each = 5, cap = 20 }\n", i,
                        i % 2 ? "page_viewed" : "email_clicked", i);
        for (int i = 0; i < n_functions; i++)
                text_printf(out,
                        "score 'f%d' { group = 'engagement', points = function(lead) if (lead.company.employees or 0) > %d then return 2 "
                        "end end }\n",
                        i, i * 30);
}

static RuleSet *load(int n_functions) {
        char directory[] = "/tmp/leadd-bench-XXXXXX", file[64];
        _cleanup_(text_free) Text text = { 0 }, problems = { 0 };
        PolicyReport report = { 0 };
        RuleSet *rules = NULL;
        FILE *out;
        int r = -EIO;

        write_rules(&text, n_functions);
        if (!mkdtemp(directory))
                return NULL;
        snprintf(file, sizeof(file), "%s/rules.lua", directory);
        out = fopen(file, "w");
        if (out) {
                (void) fputs(text.data, out);
                if (fclose(out) == 0)
                        r = policy_load(directory, POLICY_LOAD_CALENDARS, &rules, &report);
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

/* A lead of 25 fields. */
static int fill(Arena *arena, Facts *facts) {
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

static int run(const char *what, int n_functions, size_t n_activities, bool explain) {
        RuleSet *rules = load(n_functions);
        Arena *arena = arena_new(0), *scratch = arena_new(0);
        Facts facts = { 0 }, visits[8] = { 0 };
        Activity history[8];
        double best = 1e9;
        size_t n_receipts = 0;
        int r = 0;

        if (!rules || !arena || !scratch)
                return -ENOMEM;
        r = fill(arena, &facts);
        for (size_t i = 0; i < n_activities && r == 0; i++) {
                r = facts_set(&visits[i], arena, FIELD_ACTIVITY_URL, NULL,
                        value_text(i % 2 ? "https://example.com/P1/pricing" : "https://example.com/blog"), 1);
                history[i] = (Activity){ .event = i + 1,
                        .time_us = (int64_t) i * US_PER_DAY + US_PER_DAY,
                        .type = i ? "page_viewed" : "form_submitted",
                        .facts = &visits[i] };
        }
        for (int round = 0; round < ROUNDS && r == 0; round++) {
                double start = seconds_now();

                for (int i = 0; i < LEADS && r == 0; i++) {
                        Subject subject = { .now_us = 20 * US_PER_DAY + i,
                                .facts = &facts,
                                .source = "forms",
                                .lead_id = "L-1",
                                .history = history,
                                .n_history = n_activities,
                                .created_us = US_PER_DAY,
                                .entered_us = US_PER_DAY,
                                .touched_us = 8 * US_PER_DAY };
                        Receipts receipts = { .all = explain, .trace = explain };

                        r = policy_judge(rules, &subject, scratch, &receipts);
                        n_receipts = receipts.n_items;
                        arena_reset(scratch);
                }
                double took = (seconds_now() - start) / LEADS;
                if (took < best)
                        best = took;
        }
        printf("%-58s %6.2f us a lead, %zu receipts\n", what, best * 1e6, n_receipts);
        (void) arena_free(arena);
        (void) arena_free(scratch);
        (void) policy_free(rules);
        return r;
}

int main(void) {
        int r = run("60 scores, 10 segments, no activity", 0, 0, false);

        if (r == 0)
                r = run("60 scores, 10 segments, 5 activities", 0, 5, false);
        if (r == 0)
                r = run("55 scores and 5 functions, 10 segments, 5 activities", 5, 5, false);
        if (r == 0)
                r = run("60 scores, 10 segments, 5 activities, explained", 0, 5, true);
        return r == 0 ? 0 : 1;
}
