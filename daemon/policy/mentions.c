/* SPDX-License-Identifier: MIT */
/*
 * mentions: which texts the rules compare which facts with, so that a caller who knows what sources have really sent can tell a
 * rule that waits for a word nobody says. Numbers, times, names of the rules' own things and entries of lists are left out: the
 * loader knows the names, and a list says what there may be, not what there is.
 */
#include "check.h"

typedef struct Mentioning {
        const Rule *rule;
        int (*on_mention)(const Mention *mention, void *userdata);
        void *userdata;
} Mentioning;

static bool find_facts(const Ref *ref, Mention *ret) {
        switch (ref->kind) {
        case REF_FIELD:
                ret->of = MENTION_FIELD;
                ret->fields[0] = ref->field;
                ret->key = ref->key;
                return true;
        case REF_COUNTRY:
                ret->of = MENTION_FIELD;
                ret->fields[0] = FIELD_COMPANY_COUNTRY;
                ret->fields[1] = FIELD_PERSON_ADDRESS_COUNTRY;
                return true;
        case REF_SOURCE:
                ret->of = MENTION_SOURCE;
                return true;
        case REF_ACTIVITY_TYPE:
                ret->of = MENTION_TYPE;
                return true;
        case REF_ACTIVITY_NAME:
                ret->of = MENTION_ACTIVITY;
                ret->fields[0] = FIELD_ACTIVITY_NAME;
                ret->fields[1] = FIELD_ATTRIBUTION_FORM_NAME;
                ret->fields[2] = FIELD_ATTRIBUTION_FORM_ID;
                return true;
        case REF_ACTIVITY_FIELD:
                ret->of = MENTION_ACTIVITY;
                ret->fields[0] = ref->field;
                ret->fields[1] = ref->fallback;
                ret->key = ref->key;
                return true;
        default:
                return false;
        }
}

/* The mention is lent for the call, and so is the matcher. */
static int tell(const Mentioning *mentioning, Mention mention, MatchOp op, const Word *words, size_t n_words) {
        const Matcher matcher = { .op = op, .words = words, .n_words = n_words };

        mention.rule = mentioning->rule;
        mention.written = words[0].written;
        mention.n_texts = n_words;
        mention.how = op == MATCH_HAS      ? "has"
                      : op == MATCH_WORD   ? "word"
                      : op == MATCH_STARTS ? "starts"
                      : op == MATCH_ENDS   ? "ends"
                      : op == MATCH_LIKE   ? "like"
                                           : NULL;
        mention.matcher = &matcher;
        return mentioning->on_mention(&mention, mentioning->userdata);
}

static int on_compared(const Compared *compared, void *userdata) {
        const Mentioning *mentioning = userdata;
        const Matcher *matcher = compared->matcher;
        Mention mention = { 0 };
        int r = 0;

        if (compared->type) {
                const Word word = { .text = compared->type, .size = strlen(compared->type), .written = compared->type };

                mention.of = MENTION_TYPE;
                mention.path = "type";
                return tell(mentioning, mention, MATCH_EQUALS, &word, 1);
        }
        if (!find_facts(compared->ref, &mention) || matcher->n_words == 0)
                return 0;
        mention.path = compared->ref->path;
        /* Of one_of each word stands for itself; of has{..} any will do. */
        if (matcher->op != MATCH_EQUALS)
                return tell(mentioning, mention, matcher->op, matcher->words, matcher->n_words);
        for (size_t i = 0; i < matcher->n_words && r == 0; i++)
                r = tell(mentioning, mention, MATCH_EQUALS, &matcher->words[i], 1);
        return r;
}

static int on_place(const Place *place, void *userdata) {
        Mentioning *mentioning = userdata;

        mentioning->rule = place->rule;
        return walk_compared(place->condition, on_compared, mentioning);
}

static int mention_map(Mentioning *mentioning, const ScoreBody *score) {
        int r = 0;

        mentioning->rule = &score->public.rule;
        for (size_t i = 0; i < score->n_texts && r == 0; i++) {
                Mention mention = { .path = score->field.path };

                if (find_facts(&score->field, &mention))
                        r = tell(mentioning, mention, MATCH_EQUALS, &score->choices[i].word, 1);
        }
        return r;
}

int policy_mentions(const RuleSet *rules, int (*on_mention)(const Mention *mention, void *userdata), void *userdata) {
        Mentioning mentioning = { .on_mention = on_mention, .userdata = userdata };
        int r = walk_conditions(rules, on_place, &mentioning);

        for (size_t i = 0; i < rules->n_scores && r == 0; i++)
                r = mention_map(&mentioning, (const ScoreBody *) rules->scores[i]);
        return r;
}

bool policy_mention_matches(const Mention *mention, const char *folded, size_t size) {
        return condition_text_matches(mention->matcher, folded, size);
}
