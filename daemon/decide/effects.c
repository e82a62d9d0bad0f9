/* SPDX-License-Identifier: MIT */
/*
 * effects: what the world is told about a decision, as outbox rows. Content is
 * fixed here, at the moment of the decision; delivery only carries it. The journal
 * gets ids alone; a drop gets one CloudEvents object; mail gets subject, empty line, text.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>

const char *decide_effect_name(EffectKind kind) {
        switch (kind) {
        case EFFECT_ASSIGNED:
                return "assigned";
        case EFFECT_MOVED:
                return "moved";
        case EFFECT_REMINDED:
                return "reminded";
        case EFFECT_HELD:
                return "held";
        case EFFECT_DIGEST:
                return "digest";
        case EFFECT_SENT:
                return "sent";
        case EFFECT_AUDIENCE:
                return "audience";
        }
        return "?";
}

void effects_append_string(Text *out, const char *s) {
        text_append_char(out, '"');
        for (const unsigned char *p = (const unsigned char *) (s ? s : ""); *p; p++) {
                if (*p == '"' || *p == '\\') {
                        text_append_char(out, '\\');
                        text_append_char(out, (char) *p);
                } else if (*p == '\n')
                        text_append(out, "\\n");
                else if (*p < 0x20 || *p == 0x7f)
                        text_printf(out, "\\u%04x", *p);
                else
                        text_append_char(out, (char) *p);
        }
        text_append_char(out, '"');
}

static void append_member(Text *out, const char *name, const char *value) {
        if (!value)
                return;
        text_append_char(out, ',');
        effects_append_string(out, name);
        text_append_char(out, ':');
        effects_append_string(out, value);
}

/* The id is stable: a repeated delivery carries the same. */
static void open_event(Deciding *deciding, Text *out, const char *type) {
        char time[TIME_TEXT_SIZE];

        text_printf(out,
                "{\"specversion\":\"1.0\",\"id\":\"%" PRIu64
                "-%zu\",\"source\":\"leadd\",\"type\":\"org.leadd.%s\",\"time\":\"%s\",\"subject\":\"lead:%s\",\"data\":{\"lead\":\"%s\"",
                deciding->input->event_id, deciding->out->n_effects, type, time_format_rfc3339(deciding->input->now_us, time),
                deciding->subject.lead_id, deciding->subject.lead_id);
        append_member(out, "status", deciding->status ? deciding->status->rule.name : NULL);
        append_member(out, "owner", deciding->owner ? deciding->owner->rule.name : NULL);
        append_member(out, "email", facts_text(&deciding->out->profile, FIELD_PERSON_EMAIL));
}

static int close_event(Deciding *deciding, Text *out, const char **ret) {
        text_append(out, "}}");
        *ret = out->error ? NULL : arena_strndup(deciding->arena, out->data, out->size);
        text_free(out);
        return *ret ? 0 : -ENOMEM;
}

int effects_add(Deciding *deciding, Effect effect) {
        Decision *out = deciding->out;

        if (out->n_effects >= DECIDE_EFFECTS_MAX)
                return 0;
        if (out->n_effects % 16 == 0) {
                Effect *grown = ARENA_ARRAY(deciding->arena, Effect, out->n_effects + 16);
                if (!grown)
                        return -ENOMEM;
                if (out->n_effects > 0)
                        memcpy(grown, out->effects, out->n_effects * sizeof(Effect));
                out->effects = grown;
        }
        out->effects[out->n_effects++] = effect;
        return 0;
}

bool effects_feed_wants(const Feed *feed, const char *type) {
        for (size_t i = 0; i < feed->n_types; i++)
                if (base_streq(feed->types[i], type))
                        return true;
        return false;
}

int effects_moved(Deciding *deciding, const MoveMade *move) {
        for (size_t i = 0; i < deciding->rules->n_feeds; i++) {
                const Feed *feed = &deciding->rules->feeds[i];
                Text text = { 0 };
                Effect effect = { .kind = EFFECT_MOVED, .channel = feed->rule.name, .via = feed->via, .rule = move->move };
                if (!effects_feed_wants(feed, "moved") || base_streq(move->move, "assign"))
                        continue;
                open_event(deciding, &text, "moved");
                append_member(&text, "move", move->move);
                append_member(&text, "from", move->from);
                append_member(&text, "to", move->to);
                append_member(&text, "by", move->by);
                append_member(&text, "reason", move->reason);
                int r = close_event(deciding, &text, &effect.body);
                if (r < 0)
                        return r;
                r = effects_add(deciding, effect);
                if (r < 0)
                        return r;
        }
        return 0;
}

int effects_assigned(Deciding *deciding) {
        const Assignment *assignment = &deciding->out->assignment;

        if (!assignment->changed || !assignment->owner)
                return 0;
        for (size_t i = 0; i < deciding->rules->n_feeds; i++) {
                const Feed *feed = &deciding->rules->feeds[i];
                Text text = { 0 };
                Effect effect = { .kind = EFFECT_ASSIGNED, .channel = feed->rule.name, .via = feed->via, .rule = assignment->route };
                char due[TIME_TEXT_SIZE];
                if (!effects_feed_wants(feed, "assigned"))
                        continue;
                open_event(deciding, &text, "assigned");
                append_member(&text, "previous", assignment->previous);
                append_member(&text, "team", assignment->team);
                append_member(&text, "route", assignment->route);
                if (deciding->out->after.sla.due_us != TIME_NONE)
                        append_member(&text, "due", time_format_rfc3339(deciding->out->after.sla.due_us, due));
                int r = close_event(deciding, &text, &effect.body);
                if (r < 0)
                        return r;
                r = effects_add(deciding, effect);
                if (r < 0)
                        return r;
        }
        return 0;
}

int effects_held(Deciding *deciding) {
        const HeldState *held = &deciding->out->after.held;
        const HeldState *before = &deciding->input->before->held;

        if (!held->by || (before->by && base_streq(before->by, held->by)))
                return 0;
        return effects_add(deciding, (Effect){ .kind = EFFECT_HELD,
                                             .channel = "journal",
                                             .via = VIA_JOURNAL,
                                             .recipient = "ops",
                                             .role = "ops",
                                             .rule = held->by });
}

static const Message *default_message(const RuleSet *rules) {
        for (size_t i = 0; i < rules->n_messages; i++)
                if (base_streq(rules->messages[i].rule.name, "reminder"))
                        return &rules->messages[i];
        return NULL;
}

/* When a reminder is told. Where the channel is quiet it waits for the opening of its reader's calendar; by mail, it then waits for others
 * to the same reader, but not beyond the closing, or a quiet reminder of the last minutes would wait for the morning. */
static int64_t tell_from(const Deciding *deciding, const Channel *channel, const Member *member) {
        const Calendar *calendar = channel->quiet_recipient && member ? policy_member_calendar(member) : NULL;
        int64_t from_us = deciding->input->now_us, open_us;

        if (calendar && calendar_next_open(calendar, from_us, &open_us) == 0)
                from_us = open_us;
        else
                calendar = NULL; /* none, or one that never opens */
        return from_us + (calendar ? calendar_between(calendar, from_us, from_us + channel->gather_us) : channel->gather_us);
}

static int remind_one(Deciding *deciding, const Sla *sla, const SlaStep *step, uint32_t number, const char *role, const Member *member) {
        const Message *message = step->message ? step->message : default_message(deciding->rules);
        const char *recipient = member ? member->rule.name : "ops";
        Effect effect = {
                .kind = EFFECT_REMINDED,
                .channel = message && message->channel ? message->channel->rule.name : "journal",
                .via = message && message->channel ? message->channel->via : VIA_JOURNAL,
                .recipient = recipient,
                .address = member ? member->email : deciding->rules->settings->ops,
                .role = role,
                .rule = sla->rule.name,
                .message = message ? message->rule.name : NULL,
                .step = number,
        };
        Text subject = { 0 }, body = { 0 }, text = { 0 }, answers = { 0 };
        char due[TIME_TEXT_SIZE] = "";
        int r = 0;

        if (effect.via != VIA_JOURNAL) {
                const Calendar *calendar = member ? policy_member_calendar(member) : NULL;
                const Zone *zone = calendar ? calendar_zone(calendar) : deciding->rules->settings->zone;
                if (deciding->out->after.sla.due_us != TIME_NONE)
                        (void) zone_format(zone, deciding->out->after.sla.due_us, due);
                if (member)
                        r = moves_describe_answers(deciding, member, &answers);
                const MessageContext context = {
                        .subject = &deciding->subject,
                        .owner = deciding->owner ? deciding->owner->rule.name : NULL,
                        .due = due,
                        .rule = sla->rule.name,
                        .recipient = recipient,
                        .answers = answers.data,
                };
                if (r >= 0)
                        r = policy_render(message->subject ? message->subject : "", &context, &subject);
                if (r >= 0)
                        r = policy_render(message->body ? message->body : "", &context, &body);
                if (r >= 0 && (effect.via == VIA_DROP || effect.via == VIA_WEBHOOK || effect.via == VIA_EXEC)) {
                        open_event(deciding, &text, "reminded");
                        append_member(&text, "recipient", recipient);
                        append_member(&text, "role", role);
                        append_member(&text, "sla", sla->rule.name);
                        text_printf(&text, ",\"step\":%u", number);
                        append_member(&text, "due", *due ? due : NULL);
                        append_member(&text, "subject", subject.data ? subject.data : "");
                        append_member(&text, "text", body.data ? body.data : "");
                        r = close_event(deciding, &text, &effect.body);
                } else if (r >= 0) {
                        effect.body =
                                arena_printf(deciding->arena, "%s\n\n%s", subject.data ? subject.data : "", body.data ? body.data : "");
                        r = effect.body ? 0 : -ENOMEM;
                }
                text_free(&subject);
                text_free(&body);
                text_free(&text);
                text_free(&answers);
        }
        if (message && message->channel)
                effect.not_before_us = tell_from(deciding, message->channel, member);
        return r < 0 ? r : effects_add(deciding, effect);
}

int effects_reminded(Deciding *deciding, const Sla *sla, const SlaStep *step, uint32_t number) {
        const Member *told[POLICY_STEPS_MAX * 2];
        const char *roles = NULL;
        size_t n_told = 0;
        bool told_ops = false;

        for (size_t i = 0; i < step->n_remind; i++) {
                const char *role = step->remind[i];
                const Member *member = NULL;
                bool again = false;
                if (base_streq(role, "owner"))
                        member = deciding->owner;
                else if (base_streq(role, "head"))
                        member = deciding->status->team->head;
                else if (!base_streq(role, "ops"))
                        member = policy_member(deciding->rules, role);
                if (!member && (!base_streq(role, "ops") || told_ops))
                        continue; /* nobody owns it, or the team has no head: the others are still told */
                for (size_t k = 0; k < n_told && member; k++)
                        again |= told[k] == member;
                if (again)
                        continue; /* a head who owns the lead is reminded once */
                if (member && n_told < ARRAY_SIZE(told))
                        told[n_told++] = member;
                else if (!member)
                        told_ops = true;
                int r = remind_one(deciding, sla, step, number, role, member);
                if (r < 0)
                        return r;
                roles = roles ? arena_printf(deciding->arena, "%s, %s", roles, role) : role;
                if (!roles)
                        return -ENOMEM;
                for (size_t f = 0; f < deciding->rules->n_feeds && member; f++) {
                        const Feed *feed = &deciding->rules->feeds[f];
                        Text text = { 0 };
                        Effect effect = { .kind = EFFECT_REMINDED,
                                .channel = feed->rule.name,
                                .via = feed->via,
                                .role = role,
                                .rule = sla->rule.name,
                                .step = number };
                        if (!effects_feed_wants(feed, "reminded"))
                                continue;
                        open_event(deciding, &text, "reminded");
                        append_member(&text, "recipient", member->rule.name);
                        append_member(&text, "role", role);
                        append_member(&text, "sla", sla->rule.name);
                        text_printf(&text, ",\"step\":%u", number);
                        r = close_event(deciding, &text, &effect.body);
                        if (r >= 0)
                                r = effects_add(deciding, effect);
                        if (r < 0)
                                return r;
                }
        }
        deciding->out->reminded_roles = roles;
        return deciding_summarise(deciding, "%s step %u: reminded %s", sla->rule.name, number + 1, roles ? roles : "nobody");
}

int effects_sent(Deciding *deciding, const Message *message, const Member *sender, Effect effect) {
        Text subject = { 0 }, body = { 0 }, text = { 0 }, unsubscribe = { 0 };
        int r = policy_render_unsubscribe(message->channel, deciding->subject.lead_id, &unsubscribe);
        const MessageContext context = {
                .subject = &deciding->subject,
                .owner = deciding->owner ? deciding->owner->rule.name : NULL,
                .rule = effect.rule,
                .recipient = facts_text(&deciding->out->profile, FIELD_PERSON_NAME),
                .unsubscribe = unsubscribe.data,
        };

        if (r >= 0)
                r = policy_render(message->subject ? message->subject : "", &context, &subject);
        if (r >= 0)
                r = policy_render(message->body ? message->body : "", &context, &body);
        if (r >= 0 && (effect.via == VIA_DROP || effect.via == VIA_WEBHOOK || effect.via == VIA_EXEC)) {
                open_event(deciding, &text, "sent");
                append_member(&text, "track", effect.rule);
                text_printf(&text, ",\"step\":%u", effect.step);
                append_member(&text, "message", message->rule.name);
                append_member(&text, "to", effect.address);
                append_member(&text, "from", sender ? sender->email : NULL);
                append_member(&text, "subject", subject.data ? subject.data : "");
                append_member(&text, "text", body.data ? body.data : "");
                r = close_event(deciding, &text, &effect.body);
        } else if (r >= 0 && effect.via != VIA_JOURNAL) {
                effect.body = arena_printf(deciding->arena, "%s\n\n%s", subject.data ? subject.data : "", body.data ? body.data : "");
                r = effect.body ? 0 : -ENOMEM;
        }
        text_free(&subject);
        text_free(&body);
        text_free(&text);
        text_free(&unsubscribe);
        return r < 0 ? r : effects_add(deciding, effect);
}

int effects_gone(Deciding *deciding, const Member *owner, uint64_t into) {
        /* Where reminders go there this goes: the rules have no text of their own for it, and it needs no lead's data. */
        const Message *message = default_message(deciding->rules);
        const Channel *channel = message ? message->channel : NULL;
        const char *lead = arena_printf(deciding->arena, "L-%" PRIu64, deciding->input->lead_id);
        const char *other = into > 0 ? arena_printf(deciding->arena, "L-%" PRIu64, into) : NULL;
        const char *said = into > 0 ? arena_printf(deciding->arena, "%s is now part of %s", lead, other)
                                    : arena_printf(deciding->arena, "%s was erased", lead);
        const char *type = into > 0 ? "merged" : "erased";
        Effect effect = {
                .kind = EFFECT_MOVED,
                .channel = channel ? channel->rule.name : "journal",
                .via = channel ? channel->via : VIA_JOURNAL,
                .recipient = owner->rule.name,
                .address = owner->email,
                .role = "owner",
                .rule = into > 0 ? "merge" : "erase",
        };
        Text event = { 0 };
        char time[TIME_TEXT_SIZE];
        int r = lead && said && (other || into == 0) ? 0 : -ENOMEM;

        if (r == 0 && (effect.via == VIA_DROP || effect.via == VIA_WEBHOOK || effect.via == VIA_EXEC)) {
                text_printf(&event,
                        "{\"specversion\":\"1.0\",\"id\":\"%" PRIu64 "-%zu\",\"source\":\"leadd\",\"type\":\"org.leadd.%s\",\"time\":\"%"
                        "s\",\"subject\":\"lead:%s\",\"data\":{\"lead\":\"%s\"",
                        deciding->input->event_id, deciding->out->n_effects, type, time_format_rfc3339(deciding->input->now_us, time), lead,
                        lead);
                append_member(&event, "into", other);
                append_member(&event, "recipient", owner->rule.name);
                append_member(&event, "text", said);
                r = close_event(deciding, &event, &effect.body);
        } else if (r == 0 && effect.via != VIA_JOURNAL) {
                effect.body = arena_printf(deciding->arena, "Lead %s\n\n%s: you have nothing to do for it any more.\n", said, said);
                r = effect.body ? 0 : -ENOMEM;
        }
        if (r == 0 && channel)
                effect.not_before_us = tell_from(deciding, channel, owner);
        return r < 0 ? r : effects_add(deciding, effect);
}
