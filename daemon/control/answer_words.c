/* SPDX-License-Identifier: MIT */
/*
 * What the first line of a reply means: a move by its name or alias, the lead where several were told of, a reason, a note. People write
 * "Reject L-42 no budget: they froze it until May." as readily as "reject no_budget". Pure: knows the rules and the words.
 */
#include "internal.h"

#include <ctype.h>
#include <errno.h>
#include <glib.h>

#define REASON_WORDS_MAX 4 /* of a reason written with blanks for its underscores */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* The next word, *at behind it; "" at the end. */
static void next_word(const char **at, const char **ret, size_t *ret_size) {
        while (is_blank(**at))
                (*at)++;
        *ret = *at;
        while (**at && !is_blank(**at))
                (*at)++;
        *ret_size = (size_t) (*at - *ret);
}

static bool is_dressing(char c) { return strchr("\"'*_`.,:;!?()<>[]{}", c) != NULL; }

/* In lower case and without what stands around it: quotes, the stars of bold type, a full stop. false: longer than any name. */
static bool clean_word(const char *word, size_t size, char ret[static CONTROL_NAME_MAX + 1]) {
        while (size > 0 && is_dressing(word[0])) {
                word++;
                size--;
        }
        while (size > 0 && is_dressing(word[size - 1]))
                size--;
        if (size > CONTROL_NAME_MAX)
                return false;
        for (size_t i = 0; i < size; i++)
                ret[i] = (char) (word[i] >= 'A' && word[i] <= 'Z' ? word[i] - 'A' + 'a' : word[i]);
        ret[size] = '\0';
        return true;
}

/* "l-42"; 0 = names no lead. */
static uint64_t lead_of(const char *word) {
        uint64_t lead = 0;

        if (word[0] != 'l' || word[1] != '-' || !word[2] || strlen(word) > 12)
                return 0;
        for (const char *c = word + 2; *c; c++) {
                if (*c < '0' || *c > '9')
                        return 0;
                lead = lead * 10 + (uint64_t) (*c - '0');
        }
        return lead;
}

static bool is_called(const Move *move, const char *name) {
        bool is = base_streq(move->rule.name, name);

        for (size_t i = 0; i < move->n_aliases && !is; i++)
                is = base_streq(move->aliases[i], name);
        return is && move->by != BY_RULES;
}

static const char *find_reason(const RuleSet *rules, const char *verb, const char *name) {
        for (size_t i = 0; i < rules->n_moves; i++)
                for (size_t k = 0; is_called(&rules->moves[i], verb) && k < rules->moves[i].n_reasons; k++)
                        if (base_streq(rules->moves[i].reasons[k]->rule.name, name))
                                return rules->moves[i].reasons[k]->rule.name;
        return NULL;
}

static bool has_reasons(const RuleSet *rules, const char *verb) {
        for (size_t i = 0; i < rules->n_moves; i++)
                if (is_called(&rules->moves[i], verb) && rules->moves[i].n_reasons > 0)
                        return true;
        return false;
}

/* The longest run of words that is a reason; else the first word, so that the refusal can say what was probably meant. */
static void take_reason(const RuleSet *rules, const char **at, AnswerWords *words) {
        char joined[CONTROL_NAME_MAX + 1] = "", word[CONTROL_NAME_MAX + 1];
        const char *from = *at, *raw;
        size_t size, joined_size = 0;

        for (size_t n = 0; n < REASON_WORDS_MAX; n++) {
                next_word(&from, &raw, &size);
                if (size == 0 || !clean_word(raw, size, word) || joined_size + strlen(word) + 1 > CONTROL_NAME_MAX)
                        break;
                joined_size += (size_t) snprintf(joined + joined_size, sizeof joined - joined_size, "%s%s", n > 0 ? "_" : "", word);
                if (n == 0)
                        memcpy(words->reason, joined, sizeof joined);
                if (n == 0 || find_reason(rules, words->verb, joined)) {
                        memcpy(words->reason, joined, sizeof joined);
                        *at = from;
                }
        }
}

void answer_words_read(const RuleSet *rules, const char *line, AnswerWords *ret) {
        const char *at = line, *raw;
        size_t size;

        *ret = (AnswerWords){ 0 };
        for (unsigned i = 0; i < 2; i++) { /* the lead may stand before the move, too */
                next_word(&at, &raw, &size);
                if (!clean_word(raw, size, ret->verb))
                        ret->verb[0] = '\0';
                uint64_t lead = lead_of(ret->verb);
                if (lead == 0)
                        break;
                ret->lead = lead;
                ret->verb[0] = '\0';
        }
        if (ret->lead == 0) {
                char word[CONTROL_NAME_MAX + 1];
                const char *behind = at;
                next_word(&behind, &raw, &size);
                if (clean_word(raw, size, word) && lead_of(word) > 0) {
                        ret->lead = lead_of(word);
                        at = behind;
                }
        }
        if (has_reasons(rules, ret->verb))
                take_reason(rules, &at, ret);
        while (is_blank(*at) || *at == ':' || *at == ',' || *at == ';' || *at == '-')
                at++;
        ret->note = at;
        ret->note_size = strlen(at);
        while (ret->note_size > 0 && is_blank(at[ret->note_size - 1]))
                ret->note_size--;
}
