/* SPDX-License-Identifier: MIT */
/*
 * kind_message: the bodies of what is said to people and programs: principle, channel, message, feed. Whether a
 * message's ${names} exist is render.c's business.
 */
#include "load.h"

#include <errno.h>
#include <lauxlib.h>

#define UNSUBSCRIBE_SIZE_MAX 400

int kind_compile_principle(Load *load, int index, void *head) {
        Principle *principle = head;
        lua_State *L = load->loader.L;
        size_t n = 0;
        lua_pushnil(L);
        for (; lua_next(L, index); n++)
                lua_pop(L, 1);
        if (n != 1 || lua_rawlen(L, index) != 1 || lua_rawgeti(L, index, 1) != LUA_TSTRING) {
                loader_error(&load->loader, "must hold one sentence: { \"...\" }");
                return 0;
        }
        principle->text = keys_text(load, lua_gettop(L), "the sentence");
        return 0;
}

static const char *const vias[] = { [VIA_JOURNAL] = "journal",
        [VIA_SENDMAIL] = "sendmail",
        [VIA_SMTP] = "smtp",
        [VIA_EXEC] = "exec",
        [VIA_WEBHOOK] = "webhook",
        [VIA_DROP] = "drop",
        NULL };

const char *policy_via_name(Via via) { return vias[via]; }

static int compile_quiet(Load *load, int index, const char *where, void *target) {
        static const char *const readers[] = { "recipient", NULL };
        static const BodyKey key = { .name = "quiet", .type = KEY_CHOICE, .choices = readers };
        int reader = -1;
        int r = keys_compile_value(load, index, where, &key, &reader);
        ((Channel *) target)->quiet_recipient = reader == 0;
        return r;
}

static int compile_gather(Load *load, int index, const char *where, void *target) {
        static const BodyKey key = { .name = "gather", .type = KEY_DURATION };
        Duration wait = { 0 };
        int r = keys_compile_value(load, index, where, &key, &wait);
        if (r == 0 && wait.us > POLICY_GATHER_MAX_US)
                loader_error(&load->loader, "\"%s\" may be at most 1h: who is to be reminded is not to wait longer", where);
        ((Channel *) target)->gather_us = wait.us;
        return r;
}

/* What a drop is called is a directory below SPOOL/outgoing. */
static void check_drop_name(Load *load, const char *name) {
        if (name[0] == '.' || strchr(name, '/') || strlen(name) > 200)
                loader_error(&load->loader, "what goes via \"drop\" is a directory below outgoing/: its name has no \"/\", does not begin "
                                            "with \".\" and is at most "
                                            "200 bytes long");
}

/* As leadd-notify will want it: no name, no list, nothing that could be taken for an option or a second header. */
static bool is_one_address(const char *text) {
        const char *at = strchr(text, '@');
        if (!at || at == text || !at[1] || strchr(at + 1, '@') || text[0] == '-' || text[0] == '.' || at[1] == '-' || at[1] == '.' ||
                strlen(text) > 254 || strstr(text, "=?"))
                return false;
        for (const unsigned char *c = (const unsigned char *) text; *c; c++)
                if (*c <= 0x20 || *c >= 0x7f || strchr("<>()[]\\,;:\"", *c))
                        return false;
        return true;
}

/* What stands in a header and in a text: one address of the web or of mail, which may name the lead by its number and by nothing else. */
static bool is_unsubscribe(const char *text) {
        static const char number[] = "${lead.id}";
        bool is_mail = strncmp(text, "mailto:", 7) == 0;

        if (strlen(text) > UNSUBSCRIBE_SIZE_MAX || strstr(text, "=?") || (!is_mail && strncmp(text, "https://", 8) != 0))
                return false;
        for (const char *c = text; *c; c++) {
                if (strncmp(c, number, sizeof(number) - 1) == 0)
                        c += sizeof(number) - 2;
                else if (*c <= 0x20 || *c >= 0x7f || strchr("<>\"\\^`{|}$,", *c))
                        return false;
        }
        return is_mail ? strchr(text, '@') != NULL : text[8] != '\0' && text[8] != '/';
}

int kind_compile_channel(Load *load, int index, void *head) {
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(Channel, rule.doc) },
                { .name = "via", .type = KEY_CHOICE, .required = true, .at = offsetof(Channel, via), .choices = vias },
                { .name = "from", .type = KEY_TEXT, .at = offsetof(Channel, from) },
                { .name = "target", .type = KEY_TEXT, .at = offsetof(Channel, target) },
                { .name = "secret", .type = KEY_TEXT, .at = offsetof(Channel, secret) },
                { .name = "quiet", .type = KEY_OWN, .compile = compile_quiet },
                { .name = "reply_to", .type = KEY_TEXT, .at = offsetof(Channel, reply_to) },
                { .name = "unsubscribe", .type = KEY_TEXT, .at = offsetof(Channel, unsubscribe) },
                { .name = "gather", .type = KEY_OWN, .compile = compile_gather },
        };
        lua_State *L = load->loader.L;
        Channel *channel = head;
        int r = keys_compile(load, index, "", keys, ARRAY_SIZE(keys), channel);
        if (r < 0)
                return r;
        if (channel->via == VIA_DROP)
                check_drop_name(load, channel->rule.name);
        bool is_mail = channel->via == VIA_SENDMAIL || channel->via == VIA_SMTP;
        bool needs_target = channel->via == VIA_SMTP || channel->via == VIA_EXEC || channel->via == VIA_WEBHOOK;
        if (is_mail && !keys_has(L, index, "gather"))
                channel->gather_us = POLICY_GATHER_US;
        if (!is_mail && keys_has(L, index, "via") && keys_has(L, index, "gather"))
                loader_refuse(&load->loader, "\"gather\" is for mail (sendmail, smtp): what goes to programs is one record each");
        if (is_mail && !keys_has(L, index, "from"))
                loader_error(&load->loader, "mail needs \"from\"");
        if (!is_mail && keys_has(L, index, "from"))
                loader_refuse(&load->loader, "\"from\" is for mail (sendmail, smtp)");
        if (!is_mail && keys_has(L, index, "via") && keys_has(L, index, "reply_to"))
                loader_error(&load->loader, "\"reply_to\" is for mail (sendmail, smtp)");
        if (channel->reply_to && !is_one_address(channel->reply_to))
                loader_error(&load->loader, "\"reply_to\" is one plain address such as answers@example.com");
        if (!is_mail && keys_has(L, index, "via") && keys_has(L, index, "unsubscribe"))
                loader_error(&load->loader, "\"unsubscribe\" is for mail (sendmail, smtp)");
        if (channel->unsubscribe && !is_unsubscribe(channel->unsubscribe))
                loader_error(&load->loader, "\"unsubscribe\" is one address such as \"https://example.com/stop?lead=${lead.id}\" or "
                                            "\"mailto:stop@example.com?subject=${lead.id}\"");
        if (needs_target && !keys_has(L, index, "target"))
                loader_error(&load->loader, "%s needs \"target\": %s", vias[channel->via],
                        channel->via == VIA_SMTP   ? "the server"
                        : channel->via == VIA_EXEC ? "the program"
                                                   : "the address");
        if (channel->via != VIA_WEBHOOK && keys_has(L, index, "via") && keys_has(L, index, "secret"))
                loader_refuse(&load->loader, "\"secret\" is for webhooks");
        if (channel->secret && (channel->secret[0] == '.' || channel->secret[0] == '\0' || strchr(channel->secret, '/')))
                loader_refuse(&load->loader, "\"secret\" is the name of a file in leadd-notify's directory of secrets, not a path");
        if (channel->via == VIA_EXEC && channel->target && channel->target[0] != '/')
                loader_refuse(&load->loader, "\"target\" of exec is the absolute path of a program");
        if (channel->via == VIA_WEBHOOK && channel->target && strncmp(channel->target, "https://", 8) != 0 &&
                strncmp(channel->target, "http://", 7) != 0)
                loader_refuse(&load->loader, "\"target\" of a webhook is an http or https address");
        if (!needs_target && keys_has(L, index, "via") && keys_has(L, index, "target"))
                loader_refuse(&load->loader, "\"target\" is for smtp, exec and webhook");
        return 0;
}

static int compile_to(Load *load, int index, const char *where, void *target) {
        static const char *const words[] = { "lead", "owner", "head", "ops", NULL };
        Message *message = target;
        const char *text = keys_text(load, index, where);
        if (!text)
                return 0;
        message->to = text;
        if (keys_is_among(text, words) || load_find(load, RULE_MEMBER, text))
                return 0;
        size_t n;
        const char *const *members = loader_names(&load->loader, RULE_MEMBER, &n);
        const char **names = ARENA_ARRAY(load->scratch, const char *, n + keys_count(words));
        if (!members || !names)
                return load_exhausted(load);
        memcpy(names, words, keys_count(words) * sizeof(*names));
        memcpy(names + keys_count(words), members, n * sizeof(*names));
        loader_unknown(&load->loader, "reader in \"to\":", text, names, n + keys_count(words));
        return 0;
}

static int compile_message_from(Load *load, int index, const char *where, void *target) {
        static const char *const senders[] = { "rep", NULL };
        static const BodyKey key = { .name = "from", .type = KEY_CHOICE, .choices = senders };
        int sender = -1;
        int r = keys_compile_value(load, index, where, &key, &sender);
        ((Message *) target)->from_rep = sender == 0;
        return r;
}

int kind_compile_message(Load *load, int index, void *head) {
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(Message, rule.doc) },
                { .name = "channel", .type = KEY_RULE, .required = true, .at = offsetof(Message, channel), .kind = RULE_CHANNEL },
                { .name = "to", .type = KEY_OWN, .compile = compile_to },
                { .name = "from", .type = KEY_OWN, .compile = compile_message_from },
                { .name = "subject", .type = KEY_TEXT, .required = true, .at = offsetof(Message, subject) },
                { .name = "body", .type = KEY_TEXT, .required = true, .at = offsetof(Message, body) },
        };
        Message *message = head;
        int r = keys_compile(load, index, "", keys, ARRAY_SIZE(keys), message);
        bool is_to_lead = message->to && base_streq(message->to, "lead");
        if (r == 0 && is_to_lead && base_streq(message->rule.name, "reminder"))
                loader_refuse(&load->loader, "is what steps remind with: it cannot be for the lead");
        if (r == 0 && message->from_rep && !is_to_lead)
                loader_error(&load->loader, "from = \"rep\" is for messages to the lead: to = \"lead\"");
        bool stops = (message->subject && strstr(message->subject, "${unsubscribe}")) ||
                     (message->body && strstr(message->body, "${unsubscribe}"));
        if (r == 0 && stops && message->channel && !message->channel->unsubscribe)
                loader_error(&load->loader, "${unsubscribe}: the channel \"%s\" has no \"unsubscribe\"", message->channel->rule.name);
        if (r == 0 && message->subject && strpbrk(message->subject, "\r\n"))
                loader_error(&load->loader, "\"subject\" must be one line");
        if (r == 0 && message->subject)
                render_check(&load->loader, "subject", message->subject);
        if (r == 0 && message->body)
                render_check(&load->loader, "body", message->body);
        return r;
}

int kind_compile_feed(Load *load, int index, void *head) {
        static const char *const feed_types[] = { "assigned", "moved", "reminded", "recycled", "audience", NULL };
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(Feed, rule.doc) },
                { .name = "via", .type = KEY_CHOICE, .required = true, .at = offsetof(Feed, via), .choices = vias },
                { .name = "types", .type = KEY_TEXTS, .required = true, .at = offsetof(Feed, types), .count_at = offsetof(Feed, n_types) },
        };
        Feed *feed = head;
        size_t n_before = load->loader.report->n_errors;
        int r = keys_compile(load, index, "", keys, ARRAY_SIZE(keys), feed);
        if (r == 0 && feed->via != VIA_DROP && load->loader.report->n_errors == n_before)
                loader_error(&load->loader, "a feed goes via \"drop\" in this version of leadd");
        check_drop_name(load, feed->rule.name);
        for (size_t i = 0; i < feed->n_types; i++)
                if (!keys_is_among(feed->types[i], feed_types))
                        loader_unknown(&load->loader, "type", feed->types[i], feed_types, keys_count(feed_types));
        return r;
}
