/* SPDX-License-Identifier: MIT */
/*
 * Junk rules through the real gate: what they take away, what they leave, and that taking a rule away or adding one
 * gives the right score over the same log without touching it.
 */
#include "test_gate_fixture.h"

#define SCORES \
        "group \"fit\" { }\n" \
        "group \"engagement\" { }\n" \
        "score \"CLICK\" { group = \"engagement\", on = { type = \"email_clicked\" }, each = 4 }\n" \
        "score \"MAILS\" { group = \"engagement\", on = { type = \"email_clicked\" }, each = 1, per = \"asset\" }\n" \
        "score \"ONCE\" { group = \"engagement\", on = { type = \"email_clicked\" }, points = 2 }\n" \
        "score \"OFTEN\" { group = \"fit\", when = { did{ type = \"email_clicked\", at_least = 3 } }, points = 10 }\n" \
        "score \"KINDS\" { group = \"fit\", when = { did{ type = \"email_clicked\", distinct = \"asset\", at_least = 2 } }, points = 20 " \
        "}\n" \
        "score \"LUA\" { group = \"fit\", points = function(lead) return #lead.activities end }\n"
#define SCANNER "junk \"SCANNER\" { when = { type = \"email_clicked\", [\"properties.seconds_after_send\"] = lt(2) } }\n"

static void click(GateBook *book, const char *id, int64_t ago_us, const char *asset, double seconds) {
        Record *record = gate_record(book, "activity.email_clicked", id, NOW_US - ago_us);

        gate_field(record, "activity.asset", value_text(asset));
        gate_field(record, "activity.properties.seconds_after_send", value_number(seconds));
        (void) gate_take(book, record, 0, NOW_US);
        record_free(record);
}

/* Two of a person, three of a scanner, which opens a mail that the person did not. */
static void five_clicks(GateBook *book) {
        click(book, "a", 5 * US_PER_HOUR, "mail-1", 1);
        click(book, "b", 4 * US_PER_HOUR, "mail-1", 90);
        click(book, "c", 3 * US_PER_HOUR, "mail-1", 2);
        click(book, "d", 2 * US_PER_HOUR, "mail-2", 0.5);
        click(book, "e", 1 * US_PER_HOUR, "mail-2", 1.999);
}

static void assert_points(GateBook *book, int64_t engagement_mp, int64_t fit_mp) {
        GateLook look;

        gate_look(book, 1, NOW_US, &look);
        assert_int_equal(look.subject.engagement_mp, engagement_mp);
        assert_int_equal(look.subject.fit_mp, fit_mp);
}

/* 2 x 4 + one mail + once; only two clicks, of one mail, are seen by did{} and functions. */
#define CLEAN_MP 11000, 2000
/* 5 x 4 + two mails + once; five clicks of two mails */
#define RAW_MP 24000, 35000

static void junk__earns_nothing_and_is_seen_by_nothing(void **state) {
        (void) state;
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(GATE_BASE_RULES SCORES SCANNER);
        GateBook book;
        gate_open_book(&book, NULL, rules, NOW_US);
        five_clicks(&book);
        assert_points(&book, CLEAN_MP);
        gate_close_book(&book);
}

static void junk__rule_added_or_corrected_later__the_score_is_right_at_the_next_look(void **state) {
        (void) state;
        _cleanup_(policy_freep) RuleSet *without = gate_load_rules(GATE_BASE_RULES SCORES);
        _cleanup_(policy_freep) RuleSet *with = gate_load_rules(GATE_BASE_RULES SCORES SCANNER);
        _cleanup_(policy_freep) RuleSet *wrong =
                gate_load_rules(GATE_BASE_RULES SCORES "junk \"ALL\" { when = { type = \"email_clicked\" } }\n");
        GateBook book;
        gate_open_book(&book, NULL, wrong, NOW_US);
        five_clicks(&book);
        assert_points(&book, 0, 0);
        gate_use_rules(&book, without, NOW_US);
        assert_points(&book, RAW_MP);
        gate_use_rules(&book, with, NOW_US);
        assert_points(&book, CLEAN_MP);
        gate_use_rules(&book, without, NOW_US);
        assert_points(&book, RAW_MP);
        /* Not only looked at: the next event stores the right points as well. */
        gate_use_rules(&book, with, NOW_US);
        GateOutcome outcome = gate_happen(&book, "lead.updated", NOW_US, "person.title", value_text("Director"), NOW_US);
        assert_int_equal(outcome.decision->after.engagement_mp, 11000);
        assert_int_equal(outcome.decision->after.fit_mp, 2000);
        gate_close_book(&book);
}

static void junk__receipts__the_first_rule_is_named_and_each_junk_event_is_one_hit(void **state) {
        (void) state;
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(
                GATE_BASE_RULES SCORES SCANNER "junk \"SECOND\" { when = { type = \"email_clicked\", asset = \"mail-2\" } }\n"
                                               "junk \"NEVER\" { when = { type = \"page_viewed\" } }\n");
        GateBook book;
        GateLook look;
        gate_open_book(&book, NULL, rules, NOW_US);
        /* events 2 to 6: 1 is the activation of the rules */
        Record *record = gate_record(&book, "activity.email_clicked", "z", NOW_US - US_PER_DAY);
        gate_field(record, "activity.properties.seconds_after_send", value_integer(0));
        GateOutcome outcome = gate_take(&book, record, 0, NOW_US);
        const Receipt *receipt = gate_receipt(&outcome.decision->receipts, "SCANNER");
        assert_non_null(receipt);
        assert_true(receipt->matched);
        assert_int_equal(receipt->rule->kind, RULE_JUNK);
        assert_int_equal(receipt->event, 2);
        record_free(record);
        record = gate_record(&book, "activity.email_clicked", "y", NOW_US - US_PER_HOUR);
        outcome = gate_take(&book, record, 0, NOW_US);
        assert_null(gate_receipt(&outcome.decision->receipts, "SCANNER")); /* the earlier one is not hit again */
        record_free(record);
        record = gate_record(&book, "activity.email_clicked", "x", NOW_US - 2 * US_PER_HOUR);
        gate_field(record, "activity.properties.seconds_after_send", value_integer(1));
        gate_field(record, "activity.asset", value_text("mail-2")); /* both would match: the first names it */
        outcome = gate_take(&book, record, 0, NOW_US);
        assert_non_null(gate_receipt(&outcome.decision->receipts, "SCANNER"));
        assert_null(gate_receipt(&outcome.decision->receipts, "SECOND"));
        record_free(record);

        gate_look(&book, 1, NOW_US, &look);
        receipt = gate_receipt(&look.receipts, "SCANNER");
        assert_true(receipt->matched);
        assert_int_equal(receipt->event, 4); /* the newest by its own time */
        assert_string_equal(receipt->note, "2 activities of 3");
        receipt = gate_receipt(&look.receipts, "SECOND");
        assert_false(receipt->matched);
        assert_int_equal(receipt->event, 0);
        assert_false(gate_receipt(&look.receipts, "NEVER")->matched);
        gate_close_book(&book);
}

/* A junk form raises no hand, a junk signal wakes nobody. */
static void junk__wakes_no_lead_that_was_handed_back_and_raises_no_hand(void **state) {
        static const char text[] = "settings \"site\" { zone = \"UTC\" }\n"
                                   "team \"marketing\" { doc = \"a queue\" }\n"
                                   "team \"desk\" { members = { a = { } } }\n"
                                   "route \"ALL\" { team = \"desk\" }\n"
                                   "status \"inquiry\" { team = \"marketing\", kind = \"open\", initial = true, meaning = \"i\" }\n"
                                   "status \"nurture\" { team = \"marketing\", kind = \"open\", meaning = \"n\" }\n"
                                   "status \"closed\" { team = \"marketing\", kind = \"final\", meaning = \"c\" }\n"
                                   "move \"back\" { from = \"inquiry\", by = \"desk\", reasons = { \"later\" } }\n"
                                   "move \"close\" { from = \"inquiry\", to = \"closed\", by = \"desk\" }\n"
                                   "move \"rise\" { from = \"nurture\", to = \"inquiry\", by = \"rules\" }\n"
                                   "reason \"later\" { to = \"nurture\", wake_on = did{ type = \"form_submitted\" } }\n"
                                   "junk \"TEST_FORM\" { when = { type = \"form_submitted\", name = \"selftest\" } }\n";
        (void) state;
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(text);
        GateBook book;
        gate_open_book(&book, NULL, rules, NOW_US);
        (void) gate_happen(&book, "lead.submitted", NOW_US, NULL, (Value){ 0 }, NOW_US);
        GateOutcome outcome = gate_happen(&book, "outcome.back", NOW_US, "outcome.reason", value_text("later"), NOW_US);
        assert_string_equal(outcome.decision->after.status, "nurture");
        outcome = gate_happen(
                &book, "lead.submitted", NOW_US + US_PER_HOUR, "attribution.form_name", value_text("selftest"), NOW_US + US_PER_HOUR);
        assert_string_equal(outcome.decision->after.status, "nurture");
        outcome = gate_happen(
                &book, "lead.submitted", NOW_US + US_PER_HOUR, "attribution.form_name", value_text("contact"), NOW_US + US_PER_HOUR);
        assert_string_equal(outcome.decision->after.status, "inquiry");
        gate_close_book(&book);
}

static void glossary__junk__is_told_as_it_is(void **state) {
        (void) state;
        _cleanup_(policy_freep) RuleSet *rules = gate_load_rules(GATE_BASE_RULES "junk \"SCANNER\" { doc = \"Mail filters follow links.\", "
                                                                                 "when = { type = \"email_clicked\", "
                                                                                 "[\"properties.seconds_after_send\"] = lt(2) } }\n");
        _cleanup_(text_free) Text out = { 0 };
        assert_int_equal(policy_glossary(rules, &out), 0);
        const char *part = strstr(out.data, "JUNK");
        assert_non_null(part);
        static const char want[] = "JUNK (stays on record and earns nothing)\n"
                                   "  SCANNER\n"
                                   "      Mail filters follow links.\n"
                                   "      an activity with: properties.seconds_after_send below 2 and type is \"email_clicked\"\n";
        assert_int_equal(strlen(part) >= sizeof(want) - 1, 1);
        ((char *) part)[sizeof(want) - 1] = '\0';
        assert_string_equal(part, want);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(junk__earns_nothing_and_is_seen_by_nothing),
                cmocka_unit_test(junk__rule_added_or_corrected_later__the_score_is_right_at_the_next_look),
                cmocka_unit_test(junk__receipts__the_first_rule_is_named_and_each_junk_event_is_one_hit),
                cmocka_unit_test(junk__wakes_no_lead_that_was_handed_back_and_raises_no_hand),
                cmocka_unit_test(glossary__junk__is_told_as_it_is),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
