/* SPDX-License-Identifier: MIT */
/*
 * One job for leadd-notify out of a row of the outbox, or out of the reminders that are told as one mail. What a row says was fixed when
 * it was decided; a mail of several is made of those texts, so the same rows always give the same mail under the same id. A mail that a
 * person took a row out of (`leadctl outbox`) is another mail, and its id says so.
 *
 * A mail of several: the first subject and how many more, then for each lead its subject and text. A lead that was to be told about twice
 * is told about as it was last.
 *
 * The tag by which a mail may be answered is made only here, so that neither decisions nor the book know any. A mail of several has one
 * in each section and none of its own: subject and Message-ID would speak for all.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#define ID_SIZE 64
#define ID_DIGEST_BYTES 6 /* of the digest, in the id of a mail of several */

/* A mail's text in the outbox is its subject, an empty line, and the body (decide/effects.c). */
static const char *split_text(const OutboxRow *row, size_t *ret_subject_size) {
        const char *text = row->body ? row->body : "", *gap = strstr(text, "\n\n");

        *ret_subject_size = gap ? (size_t) (gap - text) : 0;
        return gap ? gap + 2 : text;
}

static void append_subject(Text *out, const OutboxRow *row, size_t size_max) {
        size_t size;

        (void) split_text(row, &size);
        if (size > size_max) {
                size = size_max;
                while (size > 0 && ((unsigned char) row->body[size] & 0xc0) == 0x80)
                        size--;
        }
        text_append_size(out, row->body ? row->body : "", size);
}

/* The text, and the tag below it. */
static void append_said(Text *out, const char *said, const char *tag) {
        text_append(out, said);
        if (*tag)
                text_printf(out, "%s\n[%s]\n", *said && said[strlen(said) - 1] != '\n' ? "\n" : "", tag);
}

static void append_section(Text *out, const OutboxRow *row, const char *tag) {
        size_t subject_size;
        const char *said = split_text(row, &subject_size);

        text_append(out, "* ");
        append_subject(out, row, SIZE_MAX);
        text_append(out, "\n\n");
        append_said(out, said, tag);
        text_append(out, out->size > 0 && out->data[out->size - 1] == '\n' ? "\n\n" : "\n\n\n");
}

static void make_id(const OutboxMail *mail, char id[static ID_SIZE]) {
        char hex[2 * ID_DIGEST_BYTES + 1];

        if (mail->n_all == 1) {
                uint64_t number = mail->rows[0].id + (LEADD_BROKEN("new_id") ? 1000000 * (uint64_t) mail->rows[0].attempts : 0);
                (void) snprintf(id, ID_SIZE, "%" PRIu64, number);
                return;
        }
        digest_hex(mail->digest, ID_DIGEST_BYTES, hex);
        (void) snprintf(id, ID_SIZE, "%" PRIu64 "-%s", mail->rows[0].mail, hex);
}

/* What differs between a mail of several, one to a lead, and all else. */
typedef struct Parts {
        Text subject, body, unsubscribe;
        const char *lead, *reply_to, *answer; /* NULL = none */
        const char *from;
} Parts;

/* What goes to a lead may go in the name of a rep; of one who left meanwhile, in the channel's. */
static const char *find_sender(const RuleSet *rules, const Channel *channel, const OutboxRow *row) {
        const Member *member = row->kind == EFFECT_SENT && row->sender ? policy_member(rules, row->sender) : NULL;

        return member && !member->left && member->email ? member->email : channel->from;
}

static void parts_done(Parts *parts) {
        text_free(&parts->subject);
        text_free(&parts->body);
        text_free(&parts->unsubscribe);
}

/* Frame of org.leadd.Notify.Deliver. */
static int make_request(const OutboxMail *mail, const Channel *channel, const Parts *parts, char **ret) {
        const OutboxRow *row = &mail->rows[0];
        char id[ID_SIZE];

        if (parts->subject.error < 0 || parts->body.error < 0 || parts->unsubscribe.error < 0)
                return -ENOMEM;
        make_id(mail, id);
        json_t *subject = parts->subject.data ? json_stringn(parts->subject.data, parts->subject.size) : json_null();
        json_t *json = json_pack("{s:s, s:{s:s, s:s, s:s?, s:s?, s:s?, s:o, s:s, s:s?, s:s?, s:s, s:I, s:s?, s:s?, s:s?}}", "method",
                "org.leadd.Notify.Deliver", "parameters", "id", id, "via", policy_via_name(channel->via), "target", channel->target, "from",
                parts->from, "to", row->address, "subject", subject, "body", parts->body.data ? parts->body.data : "", "secret",
                channel->secret, "lead", parts->lead, "kind", decide_effect_name(row->kind), "time", (json_int_t) row->created_us,
                "reply_to", parts->reply_to, "answer", parts->answer, "unsubscribe", parts->unsubscribe.data);

        *ret = json ? json_dumps(json, JSON_COMPACT) : NULL;
        json_decref(json);
        return *ret ? 0 : -ENOMEM;
}

static int make_digest(
        const uint8_t secret[static DIGEST_SIZE], const RuleSet *rules, const Channel *channel, const OutboxMail *mail, Parts *parts) {
        size_t n = 0;

        append_subject(&parts->subject, &mail->rows[0], NOTIFY_SUBJECT_SIZE_MAX);
        text_printf(&parts->subject, " (+%" PRIu64 ")", mail->n_leads - 1);
        for (; n < mail->n_rows; n++) {
                const OutboxRow *row = &mail->rows[n];
                char tag[NOTIFY_TAG_SIZE];
                if (n > 0 && parts->body.size + (row->body ? strlen(row->body) : 0) > NOTIFY_DIGEST_SIZE_MAX)
                        break;
                int r = notify_answer_tag(secret, rules, channel, row, tag);
                if (r < 0)
                        return r;
                append_section(&parts->body, row, tag);
                parts->reply_to = *tag ? channel->reply_to : parts->reply_to;
        }
        if (n < mail->n_leads)
                text_printf(&parts->body, "* and %" PRIu64 " more\n", mail->n_leads - n);
        return 0;
}

int message_make(
        const uint8_t secret[static DIGEST_SIZE], const RuleSet *rules, const Channel *channel, const OutboxMail *mail, char **ret) {
        const OutboxRow *row = &mail->rows[0];
        _cleanup_(parts_done) Parts parts = { .from = find_sender(rules, channel, row) };
        char lead[24], tag[NOTIFY_TAG_SIZE];
        size_t subject_size = 0;
        int r;

        if (mail->n_leads > 1) {
                r = make_digest(secret, rules, channel, mail, &parts);
                return r < 0 ? r : make_request(mail, channel, &parts, ret);
        }
        r = notify_answer_tag(secret, rules, channel, row, tag);
        if (r < 0)
                return r;
        bool is_mail = channel->via == VIA_SENDMAIL || channel->via == VIA_SMTP;
        const char *said = is_mail ? split_text(row, &subject_size) : row->body ? row->body : "";
        if (subject_size > 0)
                text_append_size(&parts.subject, row->body, subject_size);
        append_said(&parts.body, said, tag);
        (void) snprintf(lead, sizeof lead, "L-%" PRIu64, row->lead);
        /* Who gets it is the lead: our number for them is our business. */
        parts.lead = row->lead > 0 && row->kind != EFFECT_SENT ? lead : NULL;
        if (is_mail && row->kind == EFFECT_SENT)
                r = policy_render_unsubscribe(channel, lead, &parts.unsubscribe);
        if (r < 0)
                return r;
        parts.reply_to = *tag ? channel->reply_to : NULL;
        parts.answer = *tag ? tag : NULL;
        return make_request(mail, channel, &parts, ret);
}
