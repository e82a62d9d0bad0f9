/* SPDX-License-Identifier: MIT */
/*
 * The property that the order of delivery of different events never changes a score: random events of one lead, equal times and
 * contradictions among them, through the real gate in random orders, some of them twice. What `explain` shows in the end at one
 * fixed moment is the same for every order. That the comparison bites is shown with records that say nothing of their own time.
 */
#include "test_gate_fixture.h"

#include <time.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__ /* a second time: as much as memory can go wrong, not as much as orders can differ */
#define ROUNDS 8
#else
#define ROUNDS 25
#endif
#define ORDERS 5
#define EVENTS_MAX 14

static const char rules_text[] = GATE_BASE_RULES
        "list \"eea\" { \"DE\", \"AT\" }\n"
        "group \"fit\" { min = -50, max = 100 }\n"
        "group \"engagement\" { min = -20, max = 60, half_life = \"7d\" }\n"
        "group \"card\" { weights = true }\n"
        "group \"loose\" { min = -1000, max = 1000 }\n"
        "segment \"big\" { when = { [\"company.employees\"] = ge(100) } }\n"
        "segment \"reader\" { when = { did{ type = \"page_viewed\", distinct = \"url\", at_least = 2 } } }\n"
        "segment \"quiet\" { when = { idle = ge(\"20h\") } }\n"
        "segment \"old\" { when = { age = ge(\"60h\") } }\n"
        "segment \"recent\" { when = { did{ within = \"30h\", at_least = 3 } } }\n"
        "score \"TITLE\" { group = \"fit\", field = \"person.title\", map = { CEO = 30, Clerk = -20, [\"Head of IT\"] = 10 } }\n"
        "score \"SIZE\" { group = \"fit\", field = \"company.employees\", bands = { { 1000, 40 }, { 100, 20 }, { 10, 5 } } }\n"
        "score \"LAND\" { group = \"fit\", when = { country = in_list \"eea\" }, points = 7 }\n"
        "score \"ASKED\" { group = \"fit\", when = { [\"consent.contact\"] = true }, points = 3 }\n"
        "score \"REFUSED\" { group = \"fit\", when = { [\"consent.contact\"] = false }, points = -9 }\n"
        "score \"PLAN\" { group = \"fit\", field = \"answers.plan\", map = { pro = 11, [3] = 13, [true] = 17 } }\n"
        "score \"BIG\" { group = \"fit\", when = { segment = \"big\" }, points = 2 }\n"
        "score \"FROM\" { group = \"fit\", when = { source = \"partner\" }, points = 1 }\n"
        "score \"VIEW\" { group = \"engagement\", on = { type = \"page_viewed\" }, each = 3, cap = 20 }\n"
        "score \"BAD\" { group = \"engagement\", on = { type = \"page_viewed\", url = has(\"careers\") }, each = -4 }\n"
        "score \"FORM\" { group = \"engagement\", on = { type = \"form_submitted\" }, points = 25 }\n"
        "score \"WEBINAR\" { group = \"engagement\", on = { type = \"event_attended\" }, each = 15, per = \"campaign\", fade = { every = "
        "\"1d\", "
        "percent = 10 } }\n"
        "score \"PAGES\" { group = \"loose\", on = { type = \"page_viewed\" }, each = 10, per = \"url\", fade = { every = \"5h\", percent "
        "= 3 } }\n"
        "score \"ASSETS\" { group = \"loose\", on = { type = \"email_clicked\" }, each = 20, per = \"asset\" }\n"
        "score \"DAYS\" { group = \"loose\", on = { }, each = 100, per = \"day\" }\n"
        "score \"EVER\" { group = \"loose\", on = { type = \"email_clicked\", within = \"50h\" }, each = 1, per = \"ever\" }\n"
        "score \"NONE\" { group = \"loose\", on = { type = \"event_attended\" }, points = -5, unless = \"EVER\" }\n"
        "score \"FIRST\" { group = \"loose\", points = function(lead)\n"
        "  local newest = lead.activities[1]\n"
        "  if newest then return #newest.type + #(newest.url or '') + (newest.count or 0), newest.type .. ' ' .. (newest.url or '-') end\n"
        "end }\n"
        "score \"CARD\" { group = \"card\", weight = 100, best_of = { { when = { did{ type = \"page_viewed\", within = \"40h\", at_least = "
        "3 } }, "
        "percent = 75 }, { when = { [\"company.industry\"] = has(\"Soft\") }, percent = 33.3 } } }\n"
        "junk \"SCANNER\" { when = { type = \"email_clicked\", [\"properties.seconds\"] = lt(2) } }\n"
        "junk \"MONITOR\" { when = { type = \"page_viewed\", name = \"monitor\" } }\n"
        "grade \"G\" { fit = { A = 50, B = 20, C = -50 }, engagement = { [\"1\"] = 40, [\"2\"] = 10, [\"3\"] = -20 } }\n";

static uint64_t random_state;

static uint64_t random_below(uint64_t n) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (random_state >> 11) % n;
}

static const char *one_of(const char *const *texts, size_t n) { return texts[random_below(n)]; }
#define ONE_OF(...) one_of((const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void say_facts(Record *record) {
        if (random_below(2))
                gate_field(record, "person.title", value_text(ONE_OF("CEO", "Clerk", "Head of IT", "ceo")));
        if (random_below(2))
                gate_field(record, "company.employees",
                        random_below(2) ? value_integer((int64_t) random_below(3) * 600) : value_number((double) random_below(3) * 600));
        if (random_below(3) == 0)
                gate_field(record, "company.country", value_text(ONE_OF("DE", "US")));
        if (random_below(3) == 0)
                gate_field(record, "person.address.country", value_text(ONE_OF("AT", "FR")));
        if (random_below(3) == 0)
                gate_field(record, "company.industry", value_text(ONE_OF("Software", "Mining", "")));
        if (random_below(3) == 0)
                gate_field(record, "answers.plan",
                        random_below(3) == 0   ? value_text(ONE_OF("pro", "free"))
                        : random_below(2) == 0 ? value_integer(3)
                                               : value_bool(true));
}

/* One of four days' quarters of a day: many at the same instant. */
static Record *random_event(GateBook *book, size_t number) {
        int64_t time_us = NOW_US - (int64_t) (1 + random_below(12)) * 6 * US_PER_HOUR;
        char id[16];
        const char *type = ONE_OF("activity.page_viewed", "activity.page_viewed", "activity.email_clicked", "activity.email_clicked",
                "activity.event_attended", "lead.submitted", "lead.updated", "company.updated", "consent.granted", "consent.withdrawn",
                "outcome.note");

        snprintf(id, sizeof(id), "e%zu", number);
        Record *record = gate_record(book, type, id, time_us);
        record->source = ONE_OF("web/landing", "partner/a", "partner", "ads");
        if (record->family == FAMILY_ACTIVITY) {
                if (random_below(3))
                        gate_field(record, "activity.url", value_text(ONE_OF("/pricing", "/careers/it", "/blog")));
                if (random_below(2))
                        gate_field(record, "activity.campaign", value_text(ONE_OF("spring", "autumn")));
                if (random_below(2))
                        gate_field(record, "activity.asset", value_text(ONE_OF("mail-1", "mail-2")));
                if (random_below(4) == 0)
                        gate_field(record, "activity.count", value_integer((int64_t) random_below(4)));
                if (random_below(4) == 0)
                        gate_field(record, "activity.name", value_text(ONE_OF("monitor", "visit")));
                if (random_below(2))
                        gate_field(record, "activity.properties.seconds", value_integer((int64_t) random_below(4)));
        }
        if (record->family == FAMILY_CONSENT)
                gate_field(record, "consent.contact", value_bool(base_streq(record->event, "granted")));
        if (base_streq(type, "lead.submitted") && random_below(2))
                gate_field(record, "attribution.form_name", value_text(ONE_OF("demo", "newsletter")));
        if (record->family != FAMILY_CONSENT && record->family != FAMILY_OUTCOME)
                say_facts(record);
        return record;
}

/* What an activity says: how an event is named whose number depends on the order. */
static void tell_activity(const GateLook *look, uint64_t event, Text *out) {
        for (size_t i = 0; event > 0 && i < look->n_history; i++)
                if (look->history[i].event == event) {
                        const char *url = facts_text(look->history[i].facts, FIELD_ACTIVITY_URL);
                        text_printf(out, " by %s %s at %lld", look->history[i].type, url ? url : "-",
                                (long long) ((look->history[i].time_us - NOW_US) / US_PER_HOUR));
                        return;
                }
}

static void tell_profile(const Facts *profile, Text *out) {
        for (size_t i = 0; i < profile->n_items; i++) {
                const Fact *fact = &profile->items[i];
                if (fact->field == FIELD_PERSON_EMAIL || fact->field == FIELD_PERSON_EMAIL_DOMAIN)
                        continue; /* what the lead is found by: said each time, dated by whoever came first */
                text_printf(out, "fact %d %s at %lld: type %d ", fact->field, fact->key ? fact->key : "", (long long) fact->time_us,
                        fact->value.type);
                if (fact->value.type == VALUE_TEXT)
                        text_printf(out, "%s\n", fact->value.text);
                else if (fact->value.type == VALUE_NUMBER)
                        text_printf(out, "%.17g\n", fact->value.number);
                else
                        text_printf(
                                out, "%lld\n", (long long) (fact->value.type == VALUE_BOOL ? fact->value.boolean : fact->value.integer));
        }
}

/* Everything that must not depend on the order. */
static void tell(GateBook *book, uint64_t lead, Text *out) {
        GateLook look;

        gate_look(book, lead, NOW_US, &look);
        const Subject *subject = &look.subject;
        text_printf(out, "fit %lld known %d engagement %lld created %lld touched %lld source %s segments %llx\n",
                (long long) subject->fit_mp, subject->fit_known, (long long) subject->engagement_mp, (long long) subject->created_us,
                (long long) subject->touched_us, subject->source, (unsigned long long) subject->segments[0]);
        for (size_t i = 0; i < book->rules->n_groups; i++)
                text_printf(out, "group %s %lld\n", book->rules->groups[i].rule.name, (long long) subject->group_mp[i]);
        for (size_t i = 0; i < look.receipts.n_items; i++) {
                const Receipt *receipt = &look.receipts.items[i];
                if (receipt->rule->kind != RULE_SCORE && receipt->rule->kind != RULE_SEGMENT && receipt->rule->kind != RULE_JUNK &&
                        receipt->rule->kind != RULE_GROUP)
                        continue;
                text_printf(out, "%s %d %lld %lld %lld %s", receipt->rule->name, receipt->matched, (long long) receipt->points_mp,
                        (long long) receipt->before_mp, (long long) receipt->after_mp, receipt->note ? receipt->note : "");
                tell_activity(&look, receipt->event, out);
                text_append_char(out, '\n');
        }
        tell_profile(&look.profile, out);
        assert_int_equal(out->error, 0);
}

static void shuffle(Record **records, size_t n) {
        for (size_t i = n - 1; i > 0; i--) {
                size_t j = random_below(i + 1);
                Record *swap = records[i];
                records[i] = records[j];
                records[j] = swap;
        }
        /* An outcome of a lead that nobody knows is refused: its sender tells it again. */
        for (size_t i = 0; i < n && records[0]->family == FAMILY_OUTCOME; i++)
                if (records[i]->family != FAMILY_OUTCOME) {
                        Record *swap = records[i];
                        records[i] = records[0];
                        records[0] = swap;
                }
}

/* Delivers in the given order, each perhaps again later, with looks of leadd in between. */
static void deliver(RuleSet *rules, Record *const *records, size_t n, Text *out) {
        GateBook book;
        uint64_t lead = 0;

        gate_open_book(&book, NULL, rules, NOW_US);
        for (size_t i = 0; i < n; i++) {
                int64_t now_us = NOW_US - US_PER_HOUR + (int64_t) i * US_PER_MINUTE;
                GateOutcome outcome = gate_take(&book, records[i], records[i]->family == FAMILY_OUTCOME ? lead : 0, now_us);
                assert_false(outcome.duplicate);
                lead = outcome.lead;
                if (random_below(4) == 0) {
                        size_t again = random_below(i + 1);
                        assert_true(
                                gate_take(&book, records[again], records[again]->family == FAMILY_OUTCOME ? lead : 0, now_us).duplicate);
                }
                if (random_below(4) == 0)
                        (void) gate_happen(&book, "timer.look", now_us, NULL, (Value){ 0 }, now_us);
        }
        tell(&book, lead, out);
        gate_close_book(&book);
}

static void set_time(Record *record, int64_t time_us) {
        record->time_us = time_us;
        for (size_t i = 0; i < record->facts.n_items; i++)
                record->facts.items[i].time_us = time_us;
}

static void fail_at_difference(uint64_t seed, const char *a, const char *b) {
        size_t size = 0, line = 0;

        for (; a[size] && a[size] == b[size]; size++)
                if (a[size] == '\n')
                        line = size + 1;
        fail_msg("LEADD_SEED=%llu: one order gives\n%.*s\nand another\n%.*s", (unsigned long long) seed, (int) strcspn(a + line, "\n"),
                a + line, (int) strcspn(b + line, "\n"), b + line);
}

/* How many of the rounds came out differently in any order. Keys depend on the book's secret: each book is given its own. */
static size_t differing_rounds(RuleSet *rules, size_t n_rounds, bool times_are_arrival) {
        size_t n_differing = 0;

        for (size_t round = 0; round < n_rounds; round++) {
                uint64_t seed = random_state;
                size_t n = 4 + random_below(EVENTS_MAX - 3);
                Record *records[EVENTS_MAX], *ordered[EVENTS_MAX];
                Text first = { 0 }, other = { 0 };
                bool differs = false;
                GateBook maker;

                gate_open_book(&maker, NULL, rules, NOW_US);
                bool has_start = false;
                for (size_t i = 0; i < n; i++) {
                        records[i] = random_event(&maker, i);
                        has_start |= records[i]->family != FAMILY_OUTCOME;
                }
                for (size_t order = 0; has_start && order < ORDERS && !differs; order++) {
                        memcpy(ordered, records, n * sizeof(*ordered));
                        shuffle(ordered, n);
                        for (size_t i = 0; times_are_arrival && i < n; i++)
                                set_time(ordered[i], NOW_US - (int64_t) (n - i) * 6 * US_PER_HOUR);
                        Text *out = order == 0 ? &first : &other;
                        text_clear(out);
                        deliver(rules, ordered, n, out);
                        differs = order > 0 && !base_streq(first.data, other.data);
                        if (differs && !times_are_arrival)
                                fail_at_difference(seed, first.data, other.data);
                }
                n_differing += differs;
                for (size_t i = 0; i < n; i++)
                        record_free(records[i]);
                gate_close_book(&maker);
                text_free(&first);
                text_free(&other);
        }
        return n_differing;
}

static void scores__different_events_in_any_order__are_the_same(void **state) {
        RuleSet *rules = *state;

        assert_int_equal(differing_rounds(rules, ROUNDS, false), 0);
}

static void scores__of_records_dated_by_their_arrival__depend_on_it_and_the_comparison_sees_that(void **state) {
        RuleSet *rules = *state;

        assert_int_equal(differing_rounds(rules, 10, true), 10);
}

static int set_up(void **state) {
        const char *given = getenv("LEADD_SEED");

        random_state = given ? strtoull(given, NULL, 10) : (uint64_t) time(NULL) * 1000003 + (uint64_t) getpid();
        print_message("LEADD_SEED=%llu\n", (unsigned long long) random_state);
        random_state = random_state ? random_state : 1;
        *state = gate_load_rules(rules_text);
        return 0;
}

static int tear_down(void **state) {
        policy_free(*state);
        return 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(scores__different_events_in_any_order__are_the_same),
                cmocka_unit_test(scores__of_records_dated_by_their_arrival__depend_on_it_and_the_comparison_sees_that),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
