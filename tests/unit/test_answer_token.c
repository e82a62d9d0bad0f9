/* SPDX-License-Identifier: MIT */
/* The token of a mail that may be answered: what was signed comes back, and nothing else is taken for it. */
#include "leadd/notify.h"
#include "test_policy_fixture.h"

#include <ctype.h>

#define EXPIRES_US (INT64_C(29545020) * US_PER_MINUTE)

static const uint8_t secret[DIGEST_SIZE] = "the secret of this test's book.";
static const AnswerToken forty_two = { .lead = 42, .event = 1007, .expires_us = EXPIRES_US };

static void make(const AnswerToken *token, const char *member, char ret[static NOTIFY_TOKEN_SIZE]) {
        assert_int_equal(notify_token_make(secret, token, member, ret), 0);
        assert_int_equal(strlen(ret), NOTIFY_TOKEN_SIZE - 1);
}

static void token__what_was_signed__comes_back(void **state _unused_) {
        static const AnswerToken tokens[] = {
                { 1, 1, US_PER_MINUTE },
                { 42, 1007, EXPIRES_US },
                { UINT32_MAX, UINT32_MAX, (int64_t) UINT32_MAX * US_PER_MINUTE },
                { 0, 0, 0 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
                char text[NOTIFY_TOKEN_SIZE];
                AnswerToken got;
                make(&tokens[i], "anna", text);
                assert_int_equal(notify_token_check(secret, text, "anna"), 0);
                assert_true(notify_token_read(text, &got));
                assert_int_equal(got.lead, tokens[i].lead);
                assert_int_equal(got.event, tokens[i].event);
                assert_int_equal(got.expires_us, tokens[i].expires_us);
        }
}

static void token__in_letters_that_look_alike_or_another_case__is_the_same(void **state _unused_) {
        char text[NOTIFY_TOKEN_SIZE];

        make(&forty_two, "anna", text);
        for (char *c = text; *c; c++)
                *c = *c == '0' ? 'O' : *c == '1' ? ((c - text) % 2 ? 'l' : 'I') : (char) toupper(*c);
        assert_int_equal(notify_token_check(secret, text, "anna"), 0);
}

static void token__with_any_bit_turned__is_forged(void **state _unused_) {
        static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
        char text[NOTIFY_TOKEN_SIZE];

        make(&forty_two, "anna", text);
        for (size_t at = 0; at < NOTIFY_TOKEN_SIZE - 1; at++)
                for (unsigned bit = 0; bit < 5; bit++) {
                        char kept = text[at];
                        text[at] = digits[(size_t) (strchr(digits, kept) - digits) ^ 1u << bit];
                        assert_int_equal(notify_token_check(secret, text, "anna"), NOTIFY_E_FORGED);
                        /* Only what speaks of the member passes the filter. */
                        if (at < 27)
                                assert_int_equal(notify_token_check_ours(secret, text), NOTIFY_E_FORGED);
                        text[at] = kept;
                }
        assert_int_equal(notify_token_check(secret, text, "anna"), 0);
}

/* The numbers of one token with the signature of another. */
static void token__of_any_other_lead_event_moment_member_or_book__is_forged(void **state _unused_) {
        static const char *const members[] = { "ann", "annab", "Anna", "ben", "petra", "" };
        static const uint8_t other_secret[DIGEST_SIZE] = "the secret of some other book..";
        const size_t mac_at = 20, for_at = 28; /* characters: 96 bits of numbers end inside the one before, 40 more behind the 27th */
        char text[NOTIFY_TOKEN_SIZE], other[NOTIFY_TOKEN_SIZE], mixed[NOTIFY_TOKEN_SIZE];

        make(&forty_two, "anna", text);
        for (size_t i = 0; i < ARRAY_SIZE(members); i++)
                assert_int_equal(notify_token_check(secret, text, members[i]), NOTIFY_E_FORGED);
        assert_int_equal(notify_token_check(other_secret, text, "anna"), NOTIFY_E_FORGED);
        for (uint64_t n = 0; n < 3000; n++) {
                const AnswerToken others[] = {
                        { .lead = n, .event = 1007, .expires_us = EXPIRES_US },
                        { .lead = 42, .event = n, .expires_us = EXPIRES_US },
                        { .lead = 42, .event = 1007, .expires_us = EXPIRES_US + (int64_t) (n + 1) * US_PER_MINUTE },
                };
                for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                        if (others[i].lead == 42 && others[i].event == 1007 && others[i].expires_us == EXPIRES_US)
                                continue;
                        make(&others[i], "anna", other);
                        memcpy(mixed, other, mac_at);
                        memcpy(mixed + mac_at, text + mac_at, NOTIFY_TOKEN_SIZE - mac_at);
                        assert_int_equal(notify_token_check(secret, mixed, "anna"), NOTIFY_E_FORGED);
                        assert_int_equal(notify_token_check_ours(secret, mixed), NOTIFY_E_FORGED);
                        /* With the right signature of its numbers, and that of another for the member. */
                        memcpy(mixed, other, for_at);
                        assert_int_equal(notify_token_check(secret, mixed, "anna"), NOTIFY_E_FORGED);
                }
        }
}

static void token__is_good_to_the_minute_it_expires__rounded_up(void **state _unused_) {
        static const struct {
                int64_t asked_us, got_us;
        } cases[] = {
                { EXPIRES_US, EXPIRES_US },
                { EXPIRES_US + 1, EXPIRES_US + US_PER_MINUTE },
                { EXPIRES_US - 1, EXPIRES_US },
                { EXPIRES_US + US_PER_MINUTE, EXPIRES_US + US_PER_MINUTE },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char text[NOTIFY_TOKEN_SIZE];
                AnswerToken got;
                make(&(AnswerToken){ 42, 1007, cases[i].asked_us }, "anna", text);
                assert_true(notify_token_read(text, &got));
                assert_int_equal(got.expires_us, cases[i].got_us);
        }
}

static void token__numbers_that_do_not_fit__are_refused(void **state _unused_) {
        static const AnswerToken tokens[] = {
                { (uint64_t) UINT32_MAX + 1, 1, EXPIRES_US },
                { 1, (uint64_t) UINT32_MAX + 1, EXPIRES_US },
                { 1, 1, ((int64_t) UINT32_MAX + 1) * US_PER_MINUTE },
                { 1, 1, -US_PER_MINUTE },
        };
        char text[NOTIFY_TOKEN_SIZE];

        for (size_t i = 0; i < ARRAY_SIZE(tokens); i++)
                assert_int_equal(notify_token_make(secret, &tokens[i], "anna", text), -EOVERFLOW);
}

static void token__what_is_none__is_no_token(void **state _unused_) {
        char text[NOTIFY_TOKEN_SIZE], longer[NOTIFY_TOKEN_SIZE + 1];
        AnswerToken got;

        make(&forty_two, "anna", text);
        (void) snprintf(longer, sizeof longer, "%s0", text);
        assert_false(notify_token_read(longer, &got));
        assert_int_equal(notify_token_check(secret, longer, "anna"), NOTIFY_E_FORGED);
        for (size_t size = 0; size < NOTIFY_TOKEN_SIZE - 1; size++) {
                char shorter[NOTIFY_TOKEN_SIZE];
                (void) snprintf(shorter, sizeof shorter, "%.*s", (int) size, text);
                assert_false(notify_token_read(shorter, &got));
        }
        for (int c = 1; c < 256; c++) {
                if (c < 0x80 && isalnum(c) && c != 'u' && c != 'U')
                        continue;
                char spoiled[NOTIFY_TOKEN_SIZE];
                memcpy(spoiled, text, sizeof spoiled);
                spoiled[7] = (char) c;
                assert_false(notify_token_read(spoiled, &got));
                assert_int_equal(notify_token_check(secret, spoiled, "anna"), NOTIFY_E_FORGED);
        }
}

/* ---- which mails carry one ---- */

static void tag__is_for_members_by_mail_that_names_where_replies_go__and_nobody_else(void **state _unused_) {
        RuleSet *rules =
                rules_load("settings 'site' { answer_within = '24h' } status 'mql' { team = 'sales', kind = 'open', initial = true }"
                           "team 'sales' { members = { anna = { email = 'anna@firm.de' }, gone = { left = true } } }");
        static const struct {
                Via via;
                const char *reply_to, *recipient;
                uint64_t lead;
                bool carries;
        } cases[] = {
                { VIA_SENDMAIL, "answers@firm.de", "anna", 42, true },
                { VIA_SMTP, "answers@firm.de", "anna", 42, true },
                { VIA_SMTP, NULL, "anna", 42, false },
                { VIA_SMTP, "answers@firm.de", "gone", 42, false },
                { VIA_SMTP, "answers@firm.de", "ops", 42, false },
                { VIA_SMTP, "answers@firm.de", NULL, 42, false },
                { VIA_SMTP, "answers@firm.de", "anna", 0, false },
                { VIA_WEBHOOK, "answers@firm.de", "anna", 42, false },
                { VIA_EXEC, "answers@firm.de", "anna", 42, false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const Channel channel = { .via = cases[i].via, .reply_to = cases[i].reply_to };
                const OutboxRow row = { .recipient = cases[i].recipient, .lead = cases[i].lead, .event = 1007, .created_us = EXPIRES_US };
                char tag[NOTIFY_TAG_SIZE];
                AnswerToken got;
                assert_int_equal(notify_answer_tag(secret, rules, &channel, &row, tag), 0);
                assert_int_equal(*tag != '\0', cases[i].carries);
                if (!cases[i].carries)
                        continue;
                assert_memory_equal(tag, "L-42 ", 5);
                assert_int_equal(notify_token_check(secret, tag + 5, "anna"), 0);
                assert_true(notify_token_read(tag + 5, &got));
                assert_int_equal(got.expires_us, EXPIRES_US + US_PER_DAY);
                assert_int_equal(got.event, 1007);
        }
        policy_free(rules);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(token__what_was_signed__comes_back),
                cmocka_unit_test(token__in_letters_that_look_alike_or_another_case__is_the_same),
                cmocka_unit_test(token__with_any_bit_turned__is_forged),
                cmocka_unit_test(token__of_any_other_lead_event_moment_member_or_book__is_forged),
                cmocka_unit_test(token__is_good_to_the_minute_it_expires__rounded_up),
                cmocka_unit_test(token__numbers_that_do_not_fit__are_refused),
                cmocka_unit_test(token__what_is_none__is_no_token),
                cmocka_unit_test(tag__is_for_members_by_mail_that_names_where_replies_go__and_nobody_else),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
