/* SPDX-License-Identifier: MIT */
/*
 * The token of a mail that may be answered: lead, event and expiry in clear, signed with the store's secret, so that any restart still
 * knows it and nobody else can make one. What it is good for (one answer in the hand-off the event belongs to) is judged where it comes
 * back: this only says whether it is ours and for whom.
 *
 * The signature is two: one of the numbers alone, so that what somebody made up costs one digest however many members there are, and one of
 * numbers and member.
 *
 * 25 bytes as 40 characters in the alphabet of Crockford's base 32, which has no two letters that look alike: it survives quoting,
 * either case, and being typed off a sheet of paper.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define NUMBERS_SIZE (3 * sizeof(uint32_t))
#define OURS_SIZE 5 /* of the first signature: says that leadd made it */
#define FOR_SIZE 8  /* of the second: for whom */
#define BYTES_SIZE (NUMBERS_SIZE + OURS_SIZE + FOR_SIZE)
#define MINUTE_MAX UINT32_MAX

_Static_assert(BYTES_SIZE * 8 % 5 == 0 && BYTES_SIZE * 8 / 5 == NOTIFY_TOKEN_SIZE - 1, "whole characters, no bits left over");
_Static_assert(OURS_SIZE <= KEY_SIZE && FOR_SIZE <= KEY_SIZE, "a key is all there is");

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

static void put_number(uint8_t *at, uint32_t number) {
        for (size_t i = 0; i < sizeof number; i++)
                at[i] = (uint8_t) (number >> (24 - 8 * i));
}

static uint32_t get_number(const uint8_t *at) { return (uint32_t) at[0] << 24 | (uint32_t) at[1] << 16 | (uint32_t) at[2] << 8 | at[3]; }

/* The first part keeps these apart from the keys of records, which the same secret makes. member NULL: the signature of the numbers. */
static int sign(const uint8_t *secret, const uint8_t *numbers, const char *member, Key *ret) {
        const DigestPart parts[] = { { "leadd answer token", 18 }, { numbers, NUMBERS_SIZE }, { member, member ? strlen(member) : 0 } };

        return digest_keyed(secret, parts, member ? 3 : 2, ret);
}

/* Of every byte, so that the time it takes says nothing about where they differ. */
static bool is_same(const uint8_t *a, const uint8_t *b, size_t size) {
        unsigned different = 0;

        for (size_t i = 0; i < size; i++)
                different |= a[i] ^ b[i];
        return different == 0;
}

int notify_token_make(
        const uint8_t secret[static DIGEST_SIZE], const AnswerToken *token, const char *member, char ret[static NOTIFY_TOKEN_SIZE]) {
        uint8_t bytes[BYTES_SIZE];
        int64_t minutes = (token->expires_us + US_PER_MINUTE - 1) / US_PER_MINUTE;
        Key key;

        if (token->lead > UINT32_MAX || token->event > UINT32_MAX || token->expires_us < 0 || minutes > MINUTE_MAX)
                return -EOVERFLOW;
        put_number(bytes, (uint32_t) token->lead);
        put_number(bytes + 4, (uint32_t) token->event);
        put_number(bytes + 8, (uint32_t) minutes);
        int r = sign(secret, bytes, NULL, &key);
        if (r < 0)
                return r;
        memcpy(bytes + NUMBERS_SIZE, key.bytes, OURS_SIZE);
        r = sign(secret, bytes, member, &key);
        if (r < 0)
                return r;
        memcpy(bytes + NUMBERS_SIZE + OURS_SIZE, key.bytes, FOR_SIZE);
        for (size_t i = 0; i < NOTIFY_TOKEN_SIZE - 1; i++) {
                size_t bit = 5 * i, at = bit / 8;
                unsigned pair = (unsigned) bytes[at] << 8 | (at + 1 < BYTES_SIZE ? bytes[at + 1] : 0);
                ret[i] = digits[pair >> (11 - bit % 8) & 31];
        }
        ret[NOTIFY_TOKEN_SIZE - 1] = '\0';
        return 0;
}

/* What a reader may take for one: O is 0, I and L are 1. -1 = none. */
static int digit_value(char c) {
        if (c >= 'A' && c <= 'Z')
                c = (char) (c - 'A' + 'a');
        if (c == 'o')
                return 0;
        if (c == 'i' || c == 'l')
                return 1;
        const char *at = c ? strchr(digits, c) : NULL;
        return at ? (int) (at - digits) : -1;
}

static bool decode(const char *text, uint8_t ret[static BYTES_SIZE]) {
        unsigned bits = 0;
        size_t n_bits = 0, n = 0;

        for (size_t i = 0; i < NOTIFY_TOKEN_SIZE - 1; i++) {
                int value = digit_value(text[i]);
                if (value < 0)
                        return false;
                bits = bits << 5 | (unsigned) value;
                n_bits += 5;
                if (n_bits >= 8) {
                        n_bits -= 8;
                        ret[n++] = (uint8_t) (bits >> n_bits);
                }
        }
        return text[NOTIFY_TOKEN_SIZE - 1] == '\0';
}

bool notify_token_read(const char *text, AnswerToken *ret) {
        uint8_t bytes[BYTES_SIZE];

        if (!decode(text, bytes))
                return false;
        *ret = (AnswerToken){
                .lead = get_number(bytes), .event = get_number(bytes + 4), .expires_us = (int64_t) get_number(bytes + 8) * US_PER_MINUTE
        };
        return true;
}

static int check(const uint8_t *secret, const char *text, const char *member) {
        uint8_t bytes[BYTES_SIZE];
        Key key;

        if (!decode(text, bytes))
                return NOTIFY_E_FORGED;
        int r = sign(secret, bytes, member, &key);
        if (r < 0)
                return r;
        return is_same(key.bytes, bytes + NUMBERS_SIZE + (member ? OURS_SIZE : 0), member ? FOR_SIZE : OURS_SIZE) ? 0 : NOTIFY_E_FORGED;
}

int notify_token_check_ours(const uint8_t secret[static DIGEST_SIZE], const char *text) { return check(secret, text, NULL); }

int notify_token_check(const uint8_t secret[static DIGEST_SIZE], const char *text, const char *member) {
        int r = check(secret, text, NULL);

        return r == 0 ? check(secret, text, member) : r;
}

int notify_answer_tag(const uint8_t secret[static DIGEST_SIZE], const RuleSet *rules, const Channel *channel, const OutboxRow *row,
        char ret[static NOTIFY_TAG_SIZE]) {
        bool is_mail = channel->via == VIA_SENDMAIL || channel->via == VIA_SMTP;
        const Member *member = row->recipient ? policy_member(rules, row->recipient) : NULL;
        char text[NOTIFY_TOKEN_SIZE];

        ret[0] = '\0';
        if (!is_mail || !channel->reply_to || row->lead == 0 || !member || member->left)
                return 0;
        const AnswerToken token = {
                .lead = row->lead, .event = row->event, .expires_us = row->created_us + rules->settings->answer_within.us
        };
        int r = notify_token_make(secret, &token, member->rule.name, text);
        if (r == 0)
                (void) snprintf(ret, NOTIFY_TAG_SIZE, "L-%" PRIu64 " %s", row->lead, text);
        return r;
}
