#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * policy, inside: a compiled score and what it came to on one lead, between score_compile.c, score.c and judge.c.
 */
#include "condition.h"

#define SCORE_BANDS_MAX 100
#define SCORE_UNLESS_MAX 16 /* scores that wait for each other in a row */

typedef enum ScoreKind {
        SCORE_INERT = 0, /* did not compile */
        SCORE_POINTS,
        SCORE_FUNCTION,
        SCORE_MAP,
        SCORE_BANDS,
        SCORE_ON,
        SCORE_BEST_OF,
} ScoreKind;

typedef enum ScorePer { PER_EVENT = 0, PER_CAMPAIGN, PER_URL, PER_ASSET, PER_DAY, PER_EVER } ScorePer;

typedef struct ScoreChoice {
        Word word;   /* map by text: sorted; text NULL in the others */
        Value value; /* map by number or boolean */
        int64_t points_mp;
} ScoreChoice;

typedef struct ScoreBand {
        double from;
        int64_t points_mp;
} ScoreBand;

typedef struct ScoreBest {
        const Condition *when;
        int64_t points_mp; /* percent of the weight */
        int64_t percent_m; /* thousandths of a percent */
} ScoreBest;

typedef struct ScoreBody ScoreBody;
struct ScoreBody {
        Score public; /* first: a Score* is a ScoreBody* */
        ScoreKind kind;
        const Condition *when;
        int64_t points_mp; /* also `each` */
        Function function;
        Ref field;
        const ScoreChoice *choices; /* texts first, sorted */
        size_t n_texts, n_choices;
        const ScoreBand *bands;
        size_t n_bands;
        const Did *on;
        bool each;
        int64_t cap_mp; /* 0 = none */
        ScorePer per;
        Decay fade; /* its own; the group's half_life is looked up when judging */
        const char *unless_name;
        const ScoreBody *unless;
        uint32_t place;    /* in RuleSet.scores */
        uint32_t level;    /* 0: waits for nobody; else one more than the score it waits for */
        bool is_watched;   /* whether it matches at all counts: another waits for it, or it makes fit known */
        int64_t weight_mp; /* of a weighted group, in thousandths; 0 = none */
        const ScoreBest *best;
        size_t n_best;
        /* what the file had, for the checks: */
        bool has_points, has_function, has_field, has_map, has_bands, has_on, has_each, has_cap, has_per, has_best, has_weight;
};

typedef struct ScoreResult {
        bool matched, failed;
        int64_t before_mp, after_mp;
        uint64_t event;
        uint32_t n_counted; /* activities that gave points; counted for a trace only */
        const char *note;
        DecayScore falling; /* n_events 0: does not change with age, or was not asked for */
} ScoreResult;

/* Nothing yet. Only what is looked at is cleared: clearing all of it for each rule cost more than most rules do. */
static inline void score_clear(ScoreResult *ret) {
        ret->matched = ret->failed = false;
        ret->before_mp = ret->after_mp = 0;
        ret->event = 0;
        ret->n_counted = 0;
        ret->note = NULL;
        ret->falling.n_events = 0;
}
/* collect: fill falling (in the arena). 0 or -ENOMEM. */
int score_evaluate(Eval *eval, const ScoreBody *score, bool collect, ScoreResult *ret);
/* Is anything known of the lead that the score looks at? */
bool score_sees_field(Eval *eval, const ScoreBody *score);
