/* SPDX-License-Identifier: MIT */
/*
 * An answer by mail: the token says for which lead, in which hand-off and as whom, the first line of the reply what. The token is the whole
 * authority: whoever hands the mail in acts for nobody, and who sent it is not known here. What the move itself needs is checked by the
 * one gate, as for a person at leadctl.
 *
 * A mail system that is not sure whether an answer was taken gives it again: token and words name the event, so the same mail gets the
 * first answer, however late. Anything else with a token that was used, has expired or is not ours changes nothing and is logged.
 */
#include "internal.h"
#include "leadd/gate.h"
#include "leadd/messages.h"
#include "leadd/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define SOURCE "mail"

/* A token that is ours. */
typedef struct Genuine {
        AnswerToken token;
        char text[NOTIFY_TOKEN_SIZE]; /* as we write it, however it came back */
        const Member *member;
} Genuine;

static int refuse(ControlCall *call, const char *code, uint64_t lead, const char *text) {
        char name[32];
        const LogField fields[] = { { "LEAD_ID", lead > 0 ? name : NULL }, { "LEAD_REASON", code } };

        (void) snprintf(name, sizeof name, "L-%" PRIu64, lead);
        /* A token of nobody's is worth a look; what people get wrong they are told. */
        log_event(base_streq(code, "token_forged") ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE, MESSAGE_ANSWER_REFUSED, fields,
                ARRAY_SIZE(fields), "%s%san answer by mail was refused: %s", lead > 0 ? name : "", lead > 0 ? ": " : "", code);
        call_fail(call, "Refused", json_pack("{s:s, s:s, s:o}", "code", code, "text", text, "lead", json_lead(lead)));
        return 0;
}

/* Whose it is: it does not say, so that a stranger who reads one learns no name. */
static int find_member(const ControlDesk *desk, const char *text, Genuine *ret) {
        int ours = notify_token_check_ours(store_secret(desk->store), text);
        if (ours != 0 || !notify_token_read(text, &ret->token))
                return ours < 0 ? ours : 0;
        for (size_t i = 0; i < desk->rules->n_members && !ret->member; i++) {
                int r = notify_token_check(store_secret(desk->store), text, desk->rules->members[i].rule.name);
                if (r < 0)
                        return r;
                if (r == 0)
                        ret->member = &desk->rules->members[i];
        }
        return ret->member ? notify_token_make(store_secret(desk->store), &ret->token, ret->member->rule.name, ret->text) : 0;
}

typedef struct Choice {
        Genuine genuine; /* member NULL = none */
        bool any;        /* there was one, if only of another lead */
        bool ambiguous;  /* of several leads, and none is named */
} Choice;

/* Adds the candidates of a text to the choice, those of the lead that the line names, if it names one. What a prospect wrote into a form
 * comes back in a quotation as well, so candidates that are no tokens of ours say nothing. */
static int choose(const ControlDesk *desk, const char *candidates, uint64_t lead, Choice *choice) {
        size_t n = 0;

        for (const char *at = candidates; at && *at && n < CONTROL_ANSWER_TOKENS_MAX; n++) {
                size_t size = strcspn(at, " ");
                char text[NOTIFY_TOKEN_SIZE];
                Genuine found = { 0 };
                if (size == NOTIFY_TOKEN_SIZE - 1) {
                        memcpy(text, at, size);
                        text[size] = '\0';
                        int r = find_member(desk, text, &found);
                        if (r < 0)
                                return r;
                }
                at += size + (at[size] == ' ');
                choice->any |= found.member != NULL;
                if (!found.member || (lead > 0 && found.token.lead != lead))
                        continue;
                choice->ambiguous |= choice->genuine.member && choice->genuine.token.lead != found.token.lead;
                /* Of several of one lead (a reply to a reply) the newest: the older hand-off is over. */
                if (!choice->genuine.member || found.token.event > choice->genuine.token.event)
                        choice->genuine = found;
        }
        return 0;
}

static int make_record(const ControlDesk *desk, const Genuine *genuine, const AnswerWords *words, Record **ret) {
        _cleanup_(record_freep) Record *record = record_new();
        char hex[2 * KEY_SIZE + 1];
        Key id;

        if (!record)
                return -ENOMEM;
        const DigestPart said[] = { { "leadd answer", 12 }, { genuine->text, strlen(genuine->text) }, { words->verb, strlen(words->verb) },
                { words->reason, strlen(words->reason) }, { words->note, words->note_size } };
        int r = digest_keyed(store_secret(desk->store), said, ARRAY_SIZE(said), &id);
        if (r < 0)
                return r;
        digest_hex(id.bytes, KEY_SIZE, hex);
        record->source = SOURCE;
        record->family = FAMILY_OUTCOME;
        record->id = arena_strdup(record->arena, hex);
        record->type = arena_printf(record->arena, "outcome.%s", words->verb);
        record->subject = arena_printf(record->arena, "lead:L-%" PRIu64, genuine->token.lead);
        const char *actor = arena_printf(record->arena, "rep:%s", genuine->member->rule.name);
        const char *note = words->note_size > 0 ? arena_strndup(record->arena, words->note, words->note_size) : NULL;
        const char *reason = *words->reason ? arena_strdup(record->arena, words->reason) : NULL;
        if (!record->id || !record->type || !record->subject || !actor || (words->note_size > 0 && !note) || (*words->reason && !reason))
                return -ENOMEM;
        record->event = strchr(record->type, '.') + 1;
        record->time_us = clock_now_us(desk->clock);
        const DigestPart parts[] = { { "", 0 }, { SOURCE, strlen(SOURCE) }, { record->id, strlen(record->id) } };
        r = digest_keyed(store_secret(desk->store), parts, ARRAY_SIZE(parts), &record->key);
        if (r >= 0)
                r = facts_set(&record->facts, record->arena, FIELD_OUTCOME_ACTOR, NULL, value_text(actor), record->time_us);
        if (r >= 0 && reason)
                r = facts_set(&record->facts, record->arena, FIELD_OUTCOME_REASON, NULL, value_text(reason), record->time_us);
        if (r >= 0 && note)
                r = facts_set(&record->facts, record->arena, FIELD_OUTCOME_NOTE, NULL, value_text(note), record->time_us);
        if (r < 0)
                return r;
        *ret = TAKE(record);
        return 0;
}

/* Whether the token is still good: 0 and the error set when it is not. */
static int check_token(const ControlDesk *desk, ControlCall *call, const Genuine *genuine, bool *ret_good) {
        uint64_t lead = genuine->token.lead, now = 0;
        char name[32], text[512], at[TIME_TEXT_SIZE];
        HandOffEnd end;

        *ret_good = false;
        (void) snprintf(name, sizeof name, "L-%" PRIu64, lead);
        int r = store_survivor(desk->store, lead, &now);
        if (r < 0)
                return r;
        if (r == STORE_E_NONE || now != lead) {
                (void) snprintf(text, sizeof text,
                        now > 0 ? "%s was merged into L-%" PRIu64 ": answer that one" : "there is no lead %s any more", name, now);
                return refuse(call, "token_used", lead, text);
        }
        bool erased;
        int64_t erased_us;
        r = store_is_erased(desk->store, lead, &erased, &erased_us);
        if (r < 0)
                return r;
        if (r == 0 && erased) {
                (void) snprintf(text, sizeof text, "%s was erased at %s", name, time_format_rfc3339(erased_us, at));
                return refuse(call, "token_used", lead, text);
        }
        if (genuine->member->left) {
                (void) snprintf(text, sizeof text, "%s has left", genuine->member->rule.name);
                return refuse(call, "token_used", lead, text);
        }
        r = gate_find_handoff_end(desk->store, lead, genuine->token.event, &end);
        if (r < 0)
                return r;
        if (r == 0) {
                Text said = { 0 };
                gate_say_handoff_end(&end, &said);
                (void) snprintf(text, sizeof text, "the hand-off of %s that the mail tells of is over: %s (event %" PRIu64 ")", name,
                        said.data ? said.data : "", end.event);
                text_free(&said);
                return refuse(call, "token_used", lead, text);
        }
        if (clock_now_us(desk->clock) >= genuine->token.expires_us) {
                (void) snprintf(text, sizeof text, "the mail about %s could be answered until %s", name,
                        time_format_rfc3339(genuine->token.expires_us, at));
                return refuse(call, "token_expired", lead, text);
        }
        *ret_good = true;
        return 0;
}

typedef struct First {
        char summary[512];
} First;

static int keep_summary(const StoredEvent *event, void *userdata) {
        First *first = userdata;

        (void) snprintf(first->summary, sizeof first->summary, "%s", event->summary ? event->summary : "");
        return 1;
}

static int reply(ControlCall *call, uint64_t lead, uint64_t event, bool duplicate, const char *summary) {
        json_t *reply = json_object();
        bool failed = !reply;

        put(reply, "lead", json_lead(lead), &failed);
        put(reply, "event", json_integer((json_int_t) event), &failed);
        put(reply, "duplicate", json_boolean(duplicate), &failed);
        put(reply, "summary", json_text(summary), &failed);
        control_set_reply(call, reply);
        return failed ? -ENOMEM : 0;
}

/* What a person can say who wrote a letter where an answer was wanted. */
static int say_what_answers(const ControlDesk *desk, uint64_t lead, Text *out) {
        _cleanup_(arena_freep) Arena *arena = arena_new(CONTROL_LOOK_MEMORY_MAX);
        LeadState state;

        if (!arena)
                return -ENOMEM;
        int r = store_load_lead(desk->store, lead, arena, &state, NULL, NULL, NULL);
        if (r != 0)
                return r < 0 ? r : 0;
        const Status *status = policy_status(desk->rules, state.status);
        if (status) {
                text_append(out, "; the first line of the reply is one of: ");
                execute_list_moves(desk->rules, status, out);
        }
        return out->error;
}

static int answer(const ControlDesk *desk, ControlCall *call, const Genuine *genuine, const AnswerWords *words) {
        _cleanup_(record_freep) Record *record = NULL;
        ControlJudged judged = { 0 };
        First first = { 0 };
        char actor[CONTROL_NAME_MAX + 64];
        bool good;
        int r = make_record(desk, genuine, words, &record);

        if (r < 0)
                return r;
        uint64_t event = store_find_event(desk->store, &record->key);
        if (event > 0) {
                r = store_log(desk->store, 0, event, keep_summary, &first);
                return r < 0 ? r : reply(call, genuine->token.lead, event, true, first.summary);
        }
        r = check_token(desk, call, genuine, &good);
        if (r < 0 || !good)
                return r;
        (void) snprintf(actor, sizeof actor, "rep:%s", genuine->member->rule.name);
        r = desk->judge(desk->userdata, TAKE(record), genuine->token.lead, actor, false, &judged);
        if (r < 0)
                return r;
        if (judged.refused) {
                _cleanup_(text_free) Text text = { 0 };
                text_append(&text, judged.text);
                r = base_streq(judged.code, "unknown_move") ? say_what_answers(desk, genuine->token.lead, &text) : text.error;
                if (r < 0)
                        return r;
                call_fail(call, "Refused",
                        json_pack("{s:s, s:o, s:o}", "code", judged.code, "text", json_text(text.data), "lead",
                                json_lead(genuine->token.lead)));
                return 0;
        }
        return reply(call, judged.lead, judged.event, judged.duplicate, judged.summary);
}

int execute_answer(const ControlDesk *desk, ControlCall *call) {
        char text[256];
        AnswerWords words;
        Choice choice = { 0 };

        answer_words_read(desk->rules, call_text(call, "line"), &words);
        int r = choose(desk, call_text(call, "tokens"), words.lead, &choice);
        if (r >= 0 && !choice.genuine.member) /* the mail told of several leads, or its subject was changed */
                r = choose(desk, call_text(call, "quoted"), words.lead, &choice);
        if (r < 0)
                return r;
        if (!choice.any)
                return refuse(call, "token_forged", 0,
                        "the token is none of ours, or whom it was sent to is no longer in the rules; nothing was changed");
        if (!choice.genuine.member) {
                (void) snprintf(text, sizeof text, "the mail that is answered says nothing of L-%" PRIu64, words.lead);
                return refuse(call, "other_lead", 0, text);
        }
        if (choice.ambiguous)
                return refuse(
                        call, "lead_required", 0, "the mail that is answered tells of several leads: say which, such as \"accept L-42\"");
        if (!execute_is_move_word(words.verb)) {
                _cleanup_(text_free) Text said = { 0 };
                text_append(&said, "the reply does not begin with a move");
                r = say_what_answers(desk, choice.genuine.token.lead, &said);
                return r < 0 ? r : refuse(call, "unknown_move", choice.genuine.token.lead, said.data);
        }
        return answer(desk, call, &choice.genuine, &words);
}
