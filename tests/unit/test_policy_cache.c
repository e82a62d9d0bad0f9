/* SPDX-License-Identifier: MIT */
/*
 * The cache of a lead beside plain evaluation: random rules about activities over random histories, many of which share types, patterns
 * and texts, are judged together through the cache, and one by one, activity by activity, without it. Answers, points and receipts must be
 * the same. A wrong cache would be invisible otherwise.
 */
#include "test_policy_fixture.h"

#include "../../daemon/policy/score.h"

#define N_DIDS 24
#define N_SCORES 24
#define N_SETS 60
#define N_LEADS 8

static uint64_t random_state;
static uint64_t random_below(uint64_t n) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (random_state >> 11) % n;
}
#define PICK(list) ((list)[random_below(ARRAY_SIZE(list))])

/* ---- random rules -------------------------------------------------------- */

static const char *const types[] = { "page_viewed", "page_visited", "email_opened", "email_clicked", "form_submitted", "x",
        "call_made_by_us" };
static const char *const texts[] = { "/pricing", "/Pricing/EU", "/jobs", "https://www.example.com/pricing?plan=team#top", "Größe", "GRÖSSE",
        "demo", "Demo request", "spring", "", "/docs/api" };

static void write_pattern(Text *out, const char *quote_type) {
        static const char *const fields[] = { "url", "name", "campaign", "asset", "properties.p", "properties.q" };
        static const char *const words[] = { "has", "starts", "ends", "word", "is_not", "like" };
        const char *before = NULL;

        if (random_below(10))
                text_printf(out, "type = '%s', ", quote_type ? quote_type : PICK(types));
        else if (random_below(2))
                text_append(out, "type = starts('page'), ");
        for (size_t n = random_below(3); n > 0; n--) {
                const char *field = PICK(fields);
                if (before == field)
                        continue;
                before = field;
                switch (random_below(6)) {
                case 0:
                        text_printf(out, "['%s'] = present, ", field);
                        break;
                case 1:
                        text_printf(out, "['%s'] = absent, ", field);
                        break;
                case 2:
                        text_printf(out, "['%s'] = one_of{ '%s', '%s' }, ", field, texts[random_below(4)], "größe");
                        break;
                case 3:
                        text_printf(out, "['%s'] = %s('%s'), ", field, PICK(words), texts[random_below(3)]);
                        break;
                default:
                        text_printf(out, "['%s'] = has{ 'pricing'%s }, ", field, random_below(2) ? ", 'GRÖSSE'" : "");
                }
        }
        if (random_below(6) == 0)
                text_printf(out, "value = ge(%d), ", (int) random_below(5));
        if (random_below(4) == 0)
                text_printf(out, "within = '%dh', ", 1 + (int) random_below(40 * 24));
        if (random_below(6) == 0)
                text_append(out, "since = 'move', ");
}

static RuleSet *random_rules(void) {
        Text text = { 0 };
        RuleSet *rules;

        text_append(&text,
                "settings 'site' { zone = 'Europe/Berlin' } group 'fit' { max = 100 } "
                "group 'engagement' { min = -100000, max = 100000, half_life = '30d' } group 'other' { min = -1000, max = 100000 } "
                "grade 'G' { fit = { A = 50, D = 0 }, engagement = { ['1'] = 200, ['2'] = 60, ['3'] = 10, ['4'] = -100000 }, leave = 5 } ");
        for (int i = 0; i < N_DIDS; i++) {
                text_printf(&text, "segment 'c%d' { when = { did{ ", i);
                write_pattern(&text, NULL);
                switch (random_below(4)) {
                case 0:
                        text_printf(&text, "at_least = %d", 1 + (int) random_below(4));
                        break;
                case 1:
                        text_printf(&text, "exactly = %d", (int) random_below(4));
                        break;
                case 2:
                        text_printf(
                                &text, "distinct = '%s', at_least = %d", random_below(2) ? "url" : "campaign", 1 + (int) random_below(3));
                        break;
                default:
                        break;
                }
                text_append(&text, " } } }\n");
        }
        for (int i = 0; i < N_SCORES; i++) {
                static const char *const per[] = { "campaign", "url", "asset", "day", "ever" };

                text_printf(&text, "score 's%d' { group = '%s', on = { ", i, random_below(3) ? "engagement" : "other");
                write_pattern(&text, random_below(2) ? types[0] : NULL);
                bool each = random_below(4);
                text_printf(&text, " }, %s = %d", each ? "each" : "points", 1 + (int) random_below(9));
                if (each && random_below(3) == 0)
                        text_printf(&text, ", cap = %d", 5 + (int) random_below(40));
                if (each && random_below(4) == 0)
                        text_printf(&text, ", per = '%s'", PICK(per));
                if (random_below(4) == 0)
                        text_printf(
                                &text, ", fade = { every = '%dd', percent = %d }", 1 + (int) random_below(30), 1 + (int) random_below(100));
                text_append(&text, " }\n");
        }
        rules = rules_load(text.data);
        text_free(&text);
        return rules;
}

static void random_lead(Lead *lead, size_t n) {
        lead_begin(lead);
        for (size_t i = 0; i < n; i++) {
                Activity *activity = lead_did(lead, random_below(12) ? PICK(types) : "unknown_to_rules",
                        (int64_t) random_below(UINT64_C(60) * US_PER_DAY) - US_PER_DAY);
                activity->after_move = random_below(2);
                if (random_below(3))
                        activity_text(lead, activity, "activity.url", PICK(texts));
                if (random_below(3) == 0)
                        activity_text(lead, activity, random_below(2) ? "activity.name" : "attribution.form_name", PICK(texts));
                if (random_below(3) == 0)
                        activity_text(lead, activity, random_below(2) ? "activity.campaign" : "attribution.campaign", PICK(texts));
                if (random_below(5) == 0)
                        activity_text(lead, activity, "activity.asset", PICK(texts));
                if (random_below(5) == 0)
                        activity_text(lead, activity, random_below(2) ? "activity.properties.p" : "activity.properties.q", PICK(texts));
                if (random_below(5) == 0)
                        activity_set(lead, activity, "activity.value", value_integer((int64_t) random_below(6)));
                if (random_below(5) == 0)
                        activity_set(lead, activity, "activity.count", value_integer((int64_t) random_below(4)));
        }
}

/* ---- the plain way ------------------------------------------------------- */

/* A new evaluation for each question: nothing is known from before. */
static bool plain_matches(RuleSet *rules, Lead *lead, const Did *did, const Activity *activity) {
        Subject alone = *lead_subject(lead);
        Eval eval;

        alone.cache = NULL;
        eval_init(&eval, rules, &alone, lead->arena, PHASE_ACTIVITY);
        return eval_did_matches(&eval, did, activity);
}

static bool same_value(const Value *a, const Value *b) { return a == b || (a && b && a->type == b->type && value_equal(a, b)); }

static const Value *plain_value(const Activity *activity, const char *what) {
        const Value *value;

        if (strcmp(what, "url") == 0) {
                value = facts_get(activity->facts, FIELD_ACTIVITY_URL, NULL);
                return value ? value : facts_get(activity->facts, FIELD_ATTRIBUTION_PAGE_URL, NULL);
        }
        if (strcmp(what, "asset") == 0)
                return facts_get(activity->facts, FIELD_ACTIVITY_ASSET, NULL);
        value = facts_get(activity->facts, FIELD_ACTIVITY_CAMPAIGN, NULL);
        return value ? value : facts_get(activity->facts, FIELD_ATTRIBUTION_CAMPAIGN, NULL);
}

static bool plain_did(RuleSet *rules, Lead *lead, const Did *did) {
        const Value *met[LEAD_HISTORY_MAX];
        size_t n_met = 0;
        int64_t count = 0;

        for (size_t i = 0; i < lead->n_history; i++) {
                const Activity *activity = &lead->history[i];

                if (!plain_matches(rules, lead, did, activity))
                        continue;
                if (!did->distinct) {
                        count += eval_activity_count(activity);
                        continue;
                }
                const Value *value = plain_value(activity, did->distinct->path);
                bool known = !value;
                for (size_t j = 0; j < n_met && !known; j++)
                        known = same_value(met[j], value);
                if (!known)
                        met[n_met++] = value;
                count = (int64_t) n_met;
        }
        return did->exactly >= 0 ? count == did->exactly : count >= did->at_least;
}

static int64_t plain_day(const RuleSet *rules, const Activity *activity) {
        int64_t seconds = eval_whole_seconds(activity->time_us) + zone_offset_seconds(rules->settings->zone, activity->time_us);

        return seconds / 86400 - (seconds % 86400 < 0);
}

static bool same_award(const RuleSet *rules, const ScoreBody *score, const Activity *a, const Activity *b) {
        switch (score->per) {
        case PER_EVENT:
                return a == b;
        case PER_CAMPAIGN:
                return same_value(plain_value(a, "campaign"), plain_value(b, "campaign"));
        case PER_URL:
                return same_value(plain_value(a, "url"), plain_value(b, "url"));
        case PER_ASSET:
                return same_value(plain_value(a, "asset"), plain_value(b, "asset"));
        case PER_DAY:
                return plain_day(rules, a) == plain_day(rules, b);
        case PER_EVER:
                return true;
        }
        return true;
}

static int64_t plain_points(const ScoreBody *score, const Activity *activity, int64_t weight_mp) {
        int64_t age_s = eval_whole_seconds(NOW_US) - eval_whole_seconds(activity->time_us);
        int64_t life_s = score->public.group->half_life.us / US_PER_SECOND;

        if (score->fade.fade_every_s > 0)
                return decay_apply(&score->fade, weight_mp, age_s);
        return life_s > 0 && age_s > 0 ? decay_halve_exactly(weight_mp, age_s, life_s) : weight_mp;
}

/* The points, and the newest activity that counted (NULL: none). */
static int64_t plain_score(RuleSet *rules, Lead *lead, const ScoreBody *score, const Activity **ret_newest) {
        const Activity *newest = NULL;
        int64_t sum = 0;

        for (size_t i = 0; i < lead->n_history; i++) {
                const Activity *activity = &lead->history[i];
                bool superseded = false;
                int64_t count = score->each && score->per == PER_EVENT ? eval_activity_count(activity) : 1;

                if (count == 0 || !plain_matches(rules, lead, score->on, activity))
                        continue;
                for (size_t j = 0; j < lead->n_history && !superseded && (score->per != PER_EVENT || !score->each); j++)
                        superseded = &lead->history[j] != activity && plain_matches(rules, lead, score->on, &lead->history[j]) &&
                                     (score->per == PER_EVENT || same_award(rules, score, activity, &lead->history[j])) &&
                                     eval_is_newer(&lead->history[j], activity);
                if (superseded)
                        continue;
                if (eval_is_newer(activity, newest))
                        newest = activity;
                sum += plain_points(score, activity, score->points_mp * count);
        }
        *ret_newest = newest;
        return score->cap_mp > 0 && sum > score->cap_mp ? score->cap_mp : sum;
}

/* ---- together ------------------------------------------------------------ */

static int compare_lead(RuleSet *rules, Lead *lead, const char *when) {
        Receipts receipts = { .all = true };
        Subject *subject = lead_judge(lead, rules, &receipts);
        int n_wrong = 0;

        for (size_t i = 0; i < rules->n_segments; i++) {
                bool got = subject->segments[i / 64] >> (i % 64) & 1, held;
                bool want = plain_did(rules, lead, rules->segments[i].when->did);
                /* Asked again, as a move or a route would. */
                assert_int_equal(policy_holds(rules, rules->segments[i].when, subject, lead->arena, &held, NULL, NULL), 0);
                if (got != want || held != want) {
                        print_error("%s, %zu activities: %s is %d and %d, want %d\n", when, lead->n_history, rules->segments[i].rule.name,
                                got, held, want);
                        n_wrong++;
                }
        }
        for (size_t i = 0; i < rules->n_scores; i++) {
                const Receipt *receipt = receipt_of(&receipts, rules->scores[i]->rule.name);
                const Activity *newest;
                int64_t want = plain_score(rules, lead, (const ScoreBody *) rules->scores[i], &newest);

                assert_non_null(receipt);
                if (receipt->points_mp != want || receipt->matched != (newest != NULL) || receipt->event != (newest ? newest->event : 0)) {
                        print_error("%s, %zu activities: %s gives %lld of event %llu, want %lld of %llu\n", when, lead->n_history,
                                receipt->rule->name, (long long) receipt->points_mp, (unsigned long long) receipt->event, (long long) want,
                                (unsigned long long) (newest ? newest->event : 0));
                        n_wrong++;
                }
        }
        return n_wrong;
}

static void rules_of_activities__through_the_cache__say_what_each_says_alone(void **state _unused_) {
        int n_wrong = 0;

        random_state = 521288629u;
        for (int set = 0; set < N_SETS; set++) {
                RuleSet *rules = random_rules();
                for (int i = 0; i < N_LEADS; i++) {
                        Lead lead;

                        random_lead(&lead, i == 0 ? 0 : i == 1 ? 64 : random_below(i == 2 ? 200 : 40));
                        n_wrong += compare_lead(rules, &lead, "at first");
                        /* A move changes what is new since it, with nothing judged again: nothing of that may be remembered. */
                        for (size_t k = 0; k < lead.n_history; k++)
                                lead.history[k].after_move = !lead.history[k].after_move;
                        for (size_t k = 0; k < rules->n_segments; k++) {
                                bool held;
                                assert_int_equal(
                                        policy_holds(rules, rules->segments[k].when, &lead.subject, lead.arena, &held, NULL, NULL), 0);
                                n_wrong += held != plain_did(rules, &lead, rules->segments[k].when->did);
                        }
                        n_wrong += compare_lead(rules, &lead, "after a move");
                        lead_end(&lead);
                }
                policy_free(rules);
        }
        assert_int_equal(n_wrong, 0);
}

/* ---- a subject that changed under it ------------------------------------- */

static void subject__with_other_facts_or_history__is_not_answered_from_the_cache(void **state _unused_) {
        RuleSet *rules = rules_load(
                "segment 'TITLE' { when = { ['person.title'] = 'ceo' } } segment 'SAW' { when = { did{ type = 'page_viewed' } } } "
                "segment 'LATE' { when = { did{ type = 'page_viewed', within = '1d' } } }");
        Lead lead, other;
        bool holds;

        lead_begin(&lead);
        lead_text(&lead, "person.title", "CEO");
        lead_did(&lead, "page_viewed", 1000);
        Subject *subject = lead_judge(&lead, rules, NULL);
        for (size_t i = 0; i < 3; i++) {
                assert_int_equal(policy_holds(rules, rules->segments[i].when, subject, lead.arena, &holds, NULL, NULL), 0);
                assert_true(holds);
        }
        lead_begin(&other);
        lead_text(&other, "person.title", "CFO");
        lead_did(&other, "email_opened", 1000);
        Subject changed = *subject;
        changed.facts = &other.facts;
        assert_int_equal(policy_holds(rules, rules->segments[0].when, &changed, lead.arena, &holds, NULL, NULL), 0);
        assert_false(holds);
        changed = *subject;
        changed.history = other.history;
        assert_int_equal(policy_holds(rules, rules->segments[1].when, &changed, lead.arena, &holds, NULL, NULL), 0);
        assert_false(holds);
        changed = *subject;
        changed.now_us += 2 * US_PER_DAY;
        assert_int_equal(policy_holds(rules, rules->segments[2].when, &changed, lead.arena, &holds, NULL, NULL), 0);
        assert_false(holds);
        lead_end(&lead);
        lead_end(&other);
        policy_free(rules);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rules_of_activities__through_the_cache__say_what_each_says_alone),
                cmocka_unit_test(subject__with_other_facts_or_history__is_not_answered_from_the_cache),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
