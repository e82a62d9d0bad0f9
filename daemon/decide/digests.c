/* SPDX-License-Identifier: MIT */
/*
 * digests: when the digest of a team is sent, and to whom. What it says was composed before (gate) and stands in the
 * record, so that a replay sends the same; here it only gets its readers. One a day and rule, however often rules are loaded:
 * the book remembers the moment of the last one, also of a rule that is gone.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>

static const DigestMoment *find_moment(const DecideInput *input, const char *rule) {
        for (size_t i = 0; i < input->n_digests; i++)
                if (base_streq(input->digests[i].rule, rule))
                        return &input->digests[i];
        return NULL;
}

/* Of each rule that is declared, then of those that are gone, without what was never sent. */
static int arm_all(Deciding *deciding, const DigestDecl *sent, int64_t sent_us) {
        const DecideInput *input = deciding->input;
        const RuleSet *rules = deciding->rules;
        DigestMoment *moments = ARENA_ARRAY(deciding->arena, DigestMoment, rules->n_digests + input->n_digests + 1);
        size_t n = 0;

        if (!moments)
                return -ENOMEM;
        for (size_t i = 0; i < rules->n_digests; i++) {
                const DigestDecl *digest = &rules->digests[i];
                const DigestMoment *old = find_moment(input, digest->rule.name);
                DigestMoment *moment = &moments[n++];
                *moment = (DigestMoment){ .rule = digest->rule.name, .sent_us = old ? old->sent_us : TIME_NONE };
                if (digest == sent && sent_us > moment->sent_us)
                        moment->sent_us = sent_us;
                /* What fell due and was not sent yet stays due, whatever the rules say now. */
                if (digest != sent && old && old->due_us != TIME_NONE && old->due_us <= input->now_us)
                        moment->due_us = old->due_us;
                else
                        moment->due_us = policy_digest_after(rules, digest, input->now_us, moment->sent_us);
        }
        for (size_t i = 0; i < input->n_digests; i++)
                if (!policy_digest(rules, input->digests[i].rule) && input->digests[i].sent_us != TIME_NONE)
                        moments[n++] =
                                (DigestMoment){ .rule = input->digests[i].rule, .due_us = TIME_NONE, .sent_us = input->digests[i].sent_us };
        deciding->out->digests = moments;
        deciding->out->n_digests = n;
        deciding->out->digests_changed = true;
        return 0;
}

int digests_arm(Deciding *deciding) {
        if (deciding->rules->n_digests == 0 && deciding->input->n_digests == 0)
                return 0;
        return arm_all(deciding, NULL, TIME_NONE);
}

/* ---- sending ---- */

static int add_body(Deciding *deciding, const DigestDecl *digest, const char *subject, const char *text, Effect *effect) {
        Text body = { 0 };
        char time[TIME_TEXT_SIZE];

        if (effect->via == VIA_SENDMAIL || effect->via == VIA_SMTP)
                text_printf(&body, "%s\n\n%s", subject, text);
        else {
                text_printf(&body,
                        "{\"specversion\":\"1.0\",\"id\":\"%" PRIu64
                        "-%zu\",\"source\":\"leadd\",\"type\":\"org.leadd.digest\",\"time\":\"%s\","
                        "\"data\":{\"digest\":",
                        deciding->input->event_id, deciding->out->n_effects, time_format_rfc3339(deciding->input->now_us, time));
                effects_append_string(&body, digest->rule.name);
                text_append(&body, ",\"team\":");
                effects_append_string(&body, digest->team->rule.name);
                text_append(&body, ",\"recipient\":");
                effects_append_string(&body, effect->recipient);
                text_append(&body, ",\"subject\":");
                effects_append_string(&body, subject);
                text_append(&body, ",\"text\":");
                effects_append_string(&body, text);
                text_append(&body, "}}");
        }
        effect->body = body.error ? NULL : arena_strndup(deciding->arena, body.data, body.size);
        text_free(&body);
        return effect->body ? 0 : -ENOMEM;
}

/* member NULL: ops. Each reader once, however often the rule names the person. */
static int send_to(
        Deciding *deciding, const DigestDecl *digest, const char *role, const Member *member, const char *subject, const char *text) {
        const char *recipient = member ? member->rule.name : "ops";
        Effect effect = {
                .kind = EFFECT_DIGEST,
                .channel = digest->channel->rule.name,
                .via = digest->channel->via,
                .recipient = recipient,
                .address = member ? member->email : deciding->rules->settings->ops,
                .role = role,
                .rule = digest->rule.name,
        };

        if (member && member->left)
                return 0;
        for (size_t i = 0; i < deciding->out->n_effects; i++)
                if (base_streq(deciding->out->effects[i].recipient, recipient))
                        return 0;
        int r = add_body(deciding, digest, subject, text, &effect);
        return r < 0 ? r : effects_add(deciding, effect);
}

int digests_send(Deciding *deciding) {
        const Facts *facts = &deciding->input->record->facts;
        const char *name = facts_text(facts, FIELD_TIMER_RULE), *text = facts_text(facts, FIELD_TIMER_TEXT);
        const Value *due = facts_get(facts, FIELD_TIMER_DUE, NULL);
        const DigestDecl *digest = name ? policy_digest(deciding->rules, name) : NULL;
        char day[TIME_TEXT_SIZE];

        if (!digest || !text || !due)
                return deciding_refuse(deciding, "bad_record", "no digest \"%s\" in the rules", name ? name : "");
        const Zone *zone = policy_digest_zone(deciding->rules, digest);
        (void) (zone ? zone_format(zone, due->integer, day) : time_format_rfc3339(due->integer, day));
        const char *subject = arena_printf(deciding->arena, "%s, %.10s", digest->team->rule.name, day);
        if (!subject)
                return -ENOMEM;
        for (size_t i = 0; i < digest->n_to; i++) {
                const char *role = digest->to[i];
                int r = 0;
                if (base_streq(role, "members"))
                        for (size_t k = 0; k < digest->team->n_members && r == 0; k++)
                                r = send_to(deciding, digest, role, digest->team->members[k], subject, text);
                else if (base_streq(role, "head"))
                        r = digest->team->head ? send_to(deciding, digest, role, digest->team->head, subject, text) : 0;
                else if (base_streq(role, "ops"))
                        r = send_to(deciding, digest, role, NULL, subject, text);
                else
                        r = send_to(deciding, digest, role, policy_member(deciding->rules, role), subject, text);
                if (r < 0)
                        return r;
        }
        int r = arm_all(deciding, digest, due->integer);
        return r < 0 ? r
                     : deciding_summarise(deciding, "digest %s of %s sent to %zu reader%s", digest->rule.name, digest->team->rule.name,
                               deciding->out->n_effects, deciding->out->n_effects == 1 ? "" : "s");
}
