/* SPDX-License-Identifier: MIT */
/*
 * Why a condition does not hold, or why a score gives nothing: the matchers that decided, each with what it wanted and what it got.
 *
 * Unlike a trace, which stops where the evaluation stopped, this looks at everything that stands in the way: all failing parts of an
 * all{}, every choice of an any{}. It judges nothing; the answer is for people.
 */
#include "score.h"
#include <errno.h>
#include <inttypes.h>

typedef struct Missing {
        Eval eval;
        Arena *arena;
        Misses *out;
        Text text;
        uint32_t n_either;
} Missing;

static const char *keep(Missing *missing, Text *text) {
        const char *kept = text->error < 0 ? NULL : arena_strndup(missing->arena, text->data ? text->data : "", text->size);

        text_free(text);
        if (!kept)
                missing->eval.error = -ENOMEM;
        return kept;
}

/* Takes the three texts' memory. The sentence is the caller's. */
static void keep_miss(Missing *missing, Text *path, Text *wanted, Text *got, uint32_t either) {
        Misses *out = missing->out;
        Miss miss = { .either = either };

        miss.path = keep(missing, path);
        miss.wanted = keep(missing, wanted);
        miss.got = keep(missing, got);
        if (out->n_items == POLICY_MISSES_MAX)
                out->more = true;
        else
                out->items[out->n_items++] = miss;
}

static void add_miss(Missing *missing, Text *path, Text *wanted, Text *got, uint32_t either) {
        text_printf(&missing->text, "%s is %s, wanted %s", path->data ? path->data : "", got->data ? got->data : "",
                wanted->data ? wanted->data : "");
        keep_miss(missing, path, wanted, got, either);
}

static bool is_so(Missing *missing, const Condition *condition) {
        missing->eval.failed = false;
        missing->eval.note = NULL;
        return eval_condition(&missing->eval, condition) && !missing->eval.failed;
}

static void miss_node(Missing *missing, const Condition *node, bool wanted, uint32_t either);

static void miss_segment(Missing *missing, const Condition *node, bool wanted, uint32_t either) {
        const Matcher *matcher = node->matcher;
        const RuleSet *rules = missing->eval.rules;
        Text path = { 0 }, want = { 0 }, got = { 0 };
        size_t n = 0;

        text_append(&path, "segment");
        text_append(&want, wanted ? "" : "not ");
        condition_show_wanted(&want, rules, &node->ref, matcher);
        for (size_t i = 0; i < rules->n_segments && i < POLICY_SEGMENTS_MAX; i++)
                if (missing->eval.subject->segments[i / 64] >> (i % 64) & 1)
                        text_printf(&got, "%s\"%s\"", n++ > 0 ? ", " : "", rules->segments[i].rule.name);
        if (n == 0)
                text_append(&got, "none");
        add_miss(missing, &path, &want, &got, either);
        /* Which part of one segment's own condition decided is what a person asks next. */
        if (matcher->op != MATCH_SEGMENTS || matcher->n_segments != 1)
                return;
        const Segment *segment = &rules->segments[matcher->segments[0]];
        text_printf(&missing->text, " (%s: ", segment->rule.name);
        if (segment->when)
                miss_node(missing, segment->when, wanted != matcher->negate, either);
        text_append(&missing->text, ")");
}

/* Files of texts (CSV, forms) give "5" where a rule asks for a number: equal to the eye, and never equal. */
static void show_got(Missing *missing, const Ref *ref, bool wants_number, Text *out) {
        Value storage;
        uint32_t slot;
        const Value *value = eval_read(&missing->eval, ref, &storage, &slot);

        condition_show_got(out, ref, value);
        if (wants_number && value && value->type == VALUE_TEXT)
                text_append(out, " (a text, not a number)");
}

static void miss_match(Missing *missing, const Condition *node, bool wanted, uint32_t either) {
        Text path = { 0 }, want = { 0 }, got = { 0 };

        if (node->ref.kind == REF_SEGMENT) {
                miss_segment(missing, node, wanted, either);
                return;
        }
        text_append(&path, node->ref.path);
        text_append(&want, wanted ? "" : "not ");
        condition_show_wanted(&want, missing->eval.rules, &node->ref, node->matcher);
        show_got(missing, &node->ref, node->matcher->op == MATCH_NUMBERS || (node->matcher->n_numbers > 0 && node->matcher->n_words == 0),
                &got);
        add_miss(missing, &path, &want, &got, either);
}

static void miss_did(Missing *missing, const Did *did, bool wanted, uint32_t either) {
        Text path = { 0 }, want = { 0 }, got = { 0 };

        text_append(&path, "did ");
        condition_show_did(&path, did);
        if (did->distinct)
                text_printf(&path, ", different by %s", did->distinct->path);
        int64_t times = did->exactly >= 0 ? did->exactly : did->at_least;
        text_printf(&want, "%s%s ", wanted ? "" : "not ", did->exactly >= 0 ? "exactly" : "at least");
        if (times == 1)
                text_append(&want, "once");
        else
                text_printf(&want, "%" PRId64 " times", times);
        text_printf(&got, "%" PRId64, eval_did_count(&missing->eval, did));
        add_miss(missing, &path, &want, &got, either);
}

/* Both children of an all{} must change; of an any{} one is enough. What is not wanted turns one into the other. */
static void miss_children(Missing *missing, const Condition *node, bool wanted, uint32_t either) {
        bool child_wanted = node->type == NODE_NONE ? !wanted : wanted;
        bool one_suffices = node->type == NODE_ALL ? !wanted : node->type == NODE_ANY ? wanted : !wanted;
        size_t n = 0;

        if (one_suffices && node->n_children > 1) {
                either = either ? either : ++missing->n_either;
                text_append(&missing->text, "one of these: (");
        }
        for (uint32_t i = 0; i < node->n_children && missing->eval.error == 0; i++) {
                const Condition *child = &node->children[i];
                if (is_so(missing, child) == child_wanted)
                        continue;
                text_append(&missing->text, n++ == 0 ? "" : one_suffices ? ") or (" : "; ");
                miss_node(missing, child, child_wanted, either);
        }
        if (one_suffices && node->n_children > 1)
                text_append_char(&missing->text, ')');
}

/* The node is not what is wanted. */
static void miss_node(Missing *missing, const Condition *node, bool wanted, uint32_t either) {
        Text path = { 0 }, want = { 0 }, got = { 0 };

        if (missing->eval.error < 0)
                return;
        switch (node->type) {
        case NODE_MATCH:
                miss_match(missing, node, wanted, either);
                break;
        case NODE_DID:
                miss_did(missing, node->did, wanted, either);
                break;
        case NODE_FUNCTION: {
                bool holds = is_so(missing, node);
                text_append(&path, "a function");
                text_append(&want, wanted ? "true" : "false");
                text_append(&got, missing->eval.failed ? "broken" : holds ? "true" : "false");
                if (missing->eval.note)
                        text_printf(&got, " (%s)", missing->eval.note);
                add_miss(missing, &path, &want, &got, either);
                break;
        }
        case NODE_ALL:
        case NODE_ANY:
        case NODE_NONE:
                miss_children(missing, node, wanted, either);
                break;
        }
}

static int begin(Missing *missing, RuleSet *rules, Subject *subject, Arena *arena, ConditionPhase phase, Misses *ret) {
        *ret = (Misses){ .items = ARENA_ARRAY(arena, Miss, POLICY_MISSES_MAX), .text = "" };
        if (!ret->items)
                return -ENOMEM;
        eval_init(&missing->eval, rules, subject, arena, phase);
        missing->arena = arena;
        missing->out = ret;
        missing->text = (Text){ 0 };
        missing->n_either = 0;
        return 0;
}

static int end(Missing *missing) {
        missing->out->text = keep(missing, &missing->text);
        return missing->eval.error;
}

int policy_misses(RuleSet *rules, const Condition *condition, bool wanted, Subject *subject, Arena *arena, Misses *ret) {
        Missing missing;
        int r = begin(&missing, rules, subject, arena, PHASE_DECISION, ret);

        if (r < 0)
                return r;
        if (!condition) {
                if (!wanted)
                        text_append(&missing.text, "it always holds");
        } else if (is_so(&missing, condition) != wanted)
                miss_node(&missing, condition, wanted, 0);
        return end(&missing);
}

/* ---- scores ---- */

static void miss_field(Missing *missing, const ScoreBody *score) {
        Text path = { 0 }, want = { 0 }, got = { 0 };

        text_append(&path, score->field.path);
        show_got(missing, &score->field, score->kind == SCORE_BANDS, &got);
        if (score->kind == SCORE_BANDS && score->n_bands > 0)
                text_printf(&want, "at least %.15g", score->bands[score->n_bands - 1].from);
        else {
                text_append(&want, "one of ");
                for (size_t i = 0; i < score->n_choices; i++) {
                        text_append(&want, i > 0 ? ", " : "");
                        if (score->choices[i].word.text)
                                text_append(&want, score->choices[i].word.written);
                        else
                                eval_show_value(&want, &score->choices[i].value);
                }
        }
        add_miss(missing, &path, &want, &got, 0);
}

static bool has_matched(const Receipts *receipts, const Rule *rule) {
        for (size_t i = 0; i < receipts->n_items; i++)
                if (receipts->items[i].rule == rule && receipts->items[i].matched)
                        return true;
        return false;
}

static void miss_gives_way(Missing *missing, const ScoreBody *score) {
        Text path = { 0 }, want = { 0 }, got = { 0 };

        text_printf(&path, "%s", score->unless->public.rule.name);
        text_append(&want, "not matched (unless)");
        text_append(&got, "matched");
        add_miss(missing, &path, &want, &got, 0);
}

static void miss_points(Missing *missing, const ScoreBody *score) {
        switch (score->kind) {
        case SCORE_MAP:
        case SCORE_BANDS:
                miss_field(missing, score);
                break;
        case SCORE_ON:
                miss_did(missing, score->on, true, 0);
                break;
        case SCORE_BEST_OF: {
                uint32_t either = ++missing->n_either;
                for (size_t i = 0; i < score->n_best && missing->eval.error == 0; i++) {
                        text_append(&missing->text, i == 0 ? "" : " or ");
                        miss_node(missing, score->best[i].when, true, either);
                }
                break;
        }
        case SCORE_FUNCTION: {
                Text path = { 0 }, want = { 0 }, got = { 0 };
                bool matched;
                missing->eval.failed = false;
                missing->eval.note = NULL;
                (void) eval_function_points(&missing->eval, &score->function, &matched);
                text_append(&path, "a function");
                text_append(&want, "points");
                text_append(&got, missing->eval.failed ? "broken" : "nothing");
                if (missing->eval.note)
                        text_printf(&got, " (%s)", missing->eval.note);
                text_printf(&missing->text, missing->eval.failed ? "a function is %s" : "a function gave %s", got.data ? got.data : "");
                keep_miss(missing, &path, &want, &got, 0);
                break;
        }
        case SCORE_POINTS:
        case SCORE_INERT:
                break;
        }
}

int policy_score_misses(RuleSet *rules, const Score *public, Subject *subject, const Receipts *receipts, Arena *arena, Misses *ret) {
        const ScoreBody *score = (const ScoreBody *) public;
        Missing missing;
        int r = begin(&missing, rules, subject, arena, PHASE_SCORE, ret);

        if (r < 0)
                return r;
        if (score->unless && has_matched(receipts, &score->unless->public.rule))
                miss_gives_way(&missing, score);
        else if (score->when && !is_so(&missing, score->when))
                miss_node(&missing, score->when, true, 0);
        else if (!has_matched(receipts, &public->rule))
                miss_points(&missing, score);
        return end(&missing);
}
