/* SPDX-License-Identifier: MIT */
/*
 * Conditions in words: what a rule looked at and found (traces, for `explain`), and what it asks for (the glossary).
 * Texts of rules appear as they were written, although case does not count when they are compared.
 */
#include "condition.h"
#include <inttypes.h>

#define SHOWN_TEXT_MAX 80    /* bytes of a value in a trace */
#define SHOWN_CHOICES_MAX 12 /* of a list of words or numbers */

/* ---- values ---- */

static void show_text(Text *out, const char *text, size_t size) {
        size_t shown = size < SHOWN_TEXT_MAX ? size : SHOWN_TEXT_MAX;

        while (shown < size && shown > 0 && ((unsigned char) text[shown] & 0xc0) == 0x80)
                shown--;
        text_append_char(out, '"');
        for (size_t i = 0; i < shown; i++)
                text_append_char(out, (unsigned char) text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i]);
        text_append(out, shown < size ? "...\"" : "\"");
}

void eval_show_value(Text *out, const Value *value) {
        switch (value->type) {
        case VALUE_ABSENT:
                text_append(out, "absent");
                break;
        case VALUE_BOOL:
                text_append(out, value->boolean ? "true" : "false");
                break;
        case VALUE_INTEGER:
                text_printf(out, "%" PRId64, value->integer);
                break;
        case VALUE_NUMBER:
                text_printf(out, "%.15g", value->number);
                break;
        case VALUE_TEXT:
                show_text(out, value->text, value->size);
                break;
        }
}

/* Microseconds and milli-points as they were written. */
static void show_typed(Text *out, RefType type, int64_t integer) {
        char buf[TIME_TEXT_SIZE];

        if (type == TYPE_DURATION)
                text_append(out, duration_format((Duration){ .us = integer }, buf));
        else if (type == TYPE_POINTS)
                text_printf(out, "%.15g", (double) integer / 1000.0);
        else
                text_append(out, time_format_rfc3339(integer, buf));
}

/* A running duration in its largest unit, cut: nobody reads microseconds. */
static void show_elapsed(Text *out, int64_t us) {
        if (us >= US_PER_DAY)
                text_printf(out, "%" PRId64 "d", us / US_PER_DAY);
        else if (us >= US_PER_HOUR)
                text_printf(out, "%" PRId64 "h", us / US_PER_HOUR);
        else
                text_printf(out, "%" PRId64 "m", us / US_PER_MINUTE);
}

static void show_choices(Text *out, const Ref *ref, const Matcher *matcher) {
        const char *between = "";
        size_t n = matcher->n_words + matcher->n_numbers + matcher->with_true + matcher->with_false;

        /* With "or" between them a reader could not tell where the choices end inside a longer condition. */
        if (n > 1)
                text_append(out, matcher->op == MATCH_EQUALS && !matcher->negate ? "one of " : "any of ");
        for (size_t i = 0; i < matcher->n_words && i < SHOWN_CHOICES_MAX; i++, between = ", ") {
                text_append(out, between);
                show_text(out, matcher->words[i].written, strlen(matcher->words[i].written));
        }
        for (size_t i = 0; i < matcher->n_numbers && i < SHOWN_CHOICES_MAX; i++, between = ", ") {
                text_append(out, between);
                if (ref->type == TYPE_POINTS)
                        show_typed(out, TYPE_POINTS, matcher->numbers[i].integer);
                else
                        eval_show_value(out, &matcher->numbers[i]);
        }
        if (matcher->with_true || matcher->with_false)
                text_printf(out, "%s%s", between, !matcher->with_true ? "false" : matcher->with_false ? "true, false" : "true");
        if (matcher->n_words > SHOWN_CHOICES_MAX || matcher->n_numbers > SHOWN_CHOICES_MAX)
                text_printf(out, ", ... (%zu)", n);
}

/* An open bound on whole units was moved by one unit at load. */
static void show_bound(Text *out, const Ref *ref, const Matcher *matcher, bool high) {
        if (matcher->op == MATCH_NUMBERS)
                text_printf(out, "%.15g", high ? matcher->high_number : matcher->low_number);
        else
                show_typed(out, ref->type, high ? matcher->high + matcher->high_open : matcher->low - matcher->low_open);
}

static void show_range(Text *out, const Ref *ref, const Matcher *matcher) {
        bool from = matcher->op == MATCH_NUMBERS ? matcher->low_number > -__builtin_inf() : matcher->low > INT64_MIN,
             to = matcher->op == MATCH_NUMBERS ? matcher->high_number < __builtin_inf() : matcher->high < INT64_MAX;

        if (from) {
                text_append(out, matcher->low_open ? "above " : "at least ");
                show_bound(out, ref, matcher, false);
        }
        if (to) {
                text_printf(out, "%s%s", from ? " and " : "", matcher->high_open ? "below " : "at most ");
                show_bound(out, ref, matcher, true);
        }
}

static void show_matcher(Text *out, const Ref *ref, const Matcher *matcher) {
        static const char *const words[] = {
                [MATCH_HAS] = "containing ",
                [MATCH_WORD] = "with the word ",
                [MATCH_STARTS] = "starting with ",
                [MATCH_ENDS] = "ending in ",
                [MATCH_LIKE] = "like ",
        };

        switch (matcher->op) {
        case MATCH_PRESENT:
                text_append(out, "present");
                break;
        case MATCH_ABSENT:
                text_append(out, "absent");
                break;
        case MATCH_NUMBERS:
        case MATCH_INTEGERS:
                show_range(out, ref, matcher);
                break;
        case MATCH_LIST:
                text_printf(out, "in list \"%s\"", matcher->list->rule.name);
                break;
        default:
                text_append(out, matcher->negate                                         ? "other than "
                                 : matcher->op < ARRAY_SIZE(words) && words[matcher->op] ? words[matcher->op]
                                                                                         : "");
                show_choices(out, ref, matcher);
        }
}

/* ---- traces ---- */

void eval_trace_separate(Eval *eval) {
        if (eval->trace->size > 0)
                text_append(eval->trace, "; ");
}

void eval_trace_match(Eval *eval, const Ref *ref, const Matcher *matcher, const Value *value, bool matched) {
        Text *out = eval->trace;

        eval_trace_separate(eval);
        text_append(out, ref->path);
        if (ref->kind == REF_SEGMENT) {
                const char *before = " ";
                text_append(out, matched ? "" : ", not");
                for (size_t i = 0; i < matcher->n_segments; i++, before = " or ")
                        text_printf(out, "%s%s\"%s\"", before, i == 0 && matcher->negate ? "other than " : "",
                                eval->rules->segments[matcher->segments[i]].rule.name);
                return;
        }
        if (!value) {
                text_append(out, ref->kind == REF_GRADE || ref->kind == REF_GROUP ? " unknown" : " absent");
                return;
        }
        text_append(out, " = ");
        if (ref->type == TYPE_DURATION)
                show_elapsed(out, value->integer);
        else if (ref->type == TYPE_POINTS)
                show_typed(out, TYPE_POINTS, value->integer);
        else
                eval_show_value(out, value);
        if (!matched) {
                text_append(out, ", not ");
                show_matcher(out, ref, matcher);
        }
}

/* "page_viewed, url containing "/pricing", within 30d, since the last move" */
static void show_did(Text *out, const Did *did) {
        char buf[TIME_TEXT_SIZE];

        text_append(out, did->type ? did->type : "anything");
        for (size_t i = 0; i < did->n_matchers; i++) {
                text_printf(out, ", %s %s", did->matchers[i].ref.path, did->matchers[i].matcher->op == MATCH_EQUALS ? "is " : "");
                show_matcher(out, &did->matchers[i].ref, did->matchers[i].matcher);
        }
        if (did->within_us > 0)
                text_printf(out, ", within %s", duration_format((Duration){ .us = did->within_us }, buf));
        if (did->since_move)
                text_append(out, ", since the last move");
}

void eval_trace_did(Eval *eval, const Did *did, int64_t n, bool matched) {
        Text *out = eval->trace;

        eval_trace_separate(eval);
        text_append(out, "did ");
        show_did(out, did);
        text_printf(out, ": %" PRId64, n);
        if (did->distinct)
                text_printf(out, " different by %s", did->distinct->path);
        if (!matched)
                text_printf(out, ", not %s %" PRId64, did->exactly >= 0 ? "exactly" : "at least",
                        did->exactly >= 0 ? did->exactly : did->at_least);
}

/* ---- descriptions ---- */

static void describe_match(const RuleSet *rules, const Condition *node, Text *out) {
        const Matcher *matcher = node->matcher;

        if (node->ref.kind == REF_SEGMENT && matcher->op == MATCH_SEGMENTS) {
                text_append(out, matcher->negate ? "not in segment" : "in segment");
                for (size_t i = 0; i < matcher->n_segments; i++)
                        text_printf(out, "%s \"%s\"", i > 0 ? " or" : "", rules->segments[matcher->segments[i]].rule.name);
                return;
        }
        text_append(out, node->ref.path);
        if (matcher->op == MATCH_PRESENT || matcher->op == MATCH_ABSENT) {
                text_append(out, matcher->op == MATCH_PRESENT ? " is known" : " is not known");
                return;
        }
        text_append(out, matcher->op == MATCH_EQUALS ? " is " : " ");
        show_matcher(out, &node->ref, matcher);
}

static void describe_did(const Did *did, Text *out) {
        text_append(out, "did ");
        show_did(out, did);
        if (did->exactly >= 0)
                text_printf(out, ", exactly %" PRId64 " times", did->exactly);
        else if (did->at_least > 1)
                text_printf(out, ", at least %" PRId64 " times", did->at_least);
        if (did->distinct)
                text_printf(out, ", each with another %s", did->distinct->path);
}

static void describe(const RuleSet *rules, const Condition *condition, bool nested, Text *out) {
        switch (condition->type) {
        case NODE_MATCH:
                describe_match(rules, condition, out);
                break;
        case NODE_DID:
                describe_did(condition->did, out);
                break;
        case NODE_FUNCTION:
                text_append(out, "what a function says");
                break;
        case NODE_ALL:
        case NODE_ANY:
        case NODE_NONE: {
                bool braces = condition->type == NODE_NONE || (nested && condition->n_children > 1);

                text_append(out, condition->type == NODE_NONE ? "none of (" : braces ? "(" : "");
                for (uint32_t i = 0; i < condition->n_children; i++) {
                        text_append(out, i == 0 ? "" : condition->type == NODE_ALL ? " and " : " or ");
                        describe(rules, &condition->children[i], condition->type != NODE_NONE || condition->n_children > 1, out);
                }
                text_append(out, braces ? ")" : "");
                break;
        }
        }
}

void condition_describe(const RuleSet *rules, const Condition *condition, Text *out) {
        if (condition_is_always(condition))
                text_append(out, "always");
        else
                describe(rules, condition, false, out);
}

/* ---- for what stands in the way (miss.c, suggest.c) ---- */

void condition_show_wanted(Text *out, const RuleSet *rules, const Ref *ref, const Matcher *matcher) {
        if (matcher->op == MATCH_SEGMENTS) {
                for (size_t i = 0; i < matcher->n_segments; i++)
                        text_printf(out, "%s\"%s\"",
                                i > 0             ? " or "
                                : matcher->negate ? "other than "
                                                  : "",
                                rules->segments[matcher->segments[i]].rule.name);
                return;
        }
        show_matcher(out, ref, matcher);
}

void condition_show_got(Text *out, const Ref *ref, const Value *value) {
        if (!value)
                text_append(out, ref->kind == REF_GRADE || ref->kind == REF_GROUP ? "unknown" : "absent");
        else if (ref->type == TYPE_DURATION)
                show_elapsed(out, value->integer);
        else if (ref->type == TYPE_POINTS)
                show_typed(out, TYPE_POINTS, value->integer);
        else
                eval_show_value(out, value);
}

void condition_show_did(Text *out, const Did *did) { show_did(out, did); }

void policy_describe(const RuleSet *rules, const Condition *condition, Text *out) { condition_describe(rules, condition, out); }
