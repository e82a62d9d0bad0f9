/* SPDX-License-Identifier: MIT */
/*
 * Walks a compiled condition over one lead.
 *
 * Besides the answer it learns when the answer can change with nobody doing anything: an age is reached, an activity leaves a
 * window. Stopping at the first child that decides is right for that, too: until that child changes, the others do not matter.
 * Nothing is allocated unless text must be folded, a trace is wanted or distinct values are counted.
 */
#include "condition.h"
#include <errno.h>
#include <stdio.h>

void eval_init(Eval *eval, RuleSet *rules, Subject *subject, Arena *arena, ConditionPhase phase) {
        eval->rules = rules;
        eval->subject = subject;
        eval->arena = arena;
        eval->phase = phase;
        eval->activity = NULL;
        eval->coverage = policy_body(rules)->covering;
        eval->trace = NULL;
        eval->note = NULL;
        eval->failed = false;
        eval->error = 0;
        eval->next_us = TIME_NONE;
        eval->cache = cache_is_of(subject->cache, subject) ? subject->cache : NULL;
        eval->has_recent = false;
}

/* ---- reading ---- */

const Value *eval_read_activity(const Activity *activity, const Ref *ref, Value *storage) {
        const Value *value;

        switch (ref->kind) {
        case REF_ACTIVITY_TYPE:
                *storage = value_text(activity->type);
                return storage;
        case REF_ACTIVITY_NAME:
                value = facts_get(activity->facts, FIELD_ACTIVITY_NAME, NULL);
                if (!value)
                        value = facts_get(activity->facts, FIELD_ATTRIBUTION_FORM_NAME, NULL);
                return value ? value : facts_get(activity->facts, FIELD_ATTRIBUTION_FORM_ID, NULL);
        default:
                value = facts_get(activity->facts, ref->field, ref->key);
                return value || !ref->fallback ? value : facts_get(activity->facts, ref->fallback, NULL);
        }
}

/* Time since base, from 0 on: what lies ahead by a source's clock has just happened. */
static const Value *read_elapsed(const Eval *eval, int64_t base_us, Value *storage) {
        if (base_us == TIME_NONE)
                return NULL;
        int64_t elapsed_us = eval->subject->now_us > base_us ? eval->subject->now_us - base_us : 0;
        *storage = value_integer(elapsed_us);
        return storage;
}

static const Value *read_name(const char *name, Value *storage) {
        if (!name)
                return NULL;
        *storage = value_text(name);
        return storage;
}

static int64_t instant_of(const Subject *subject, FieldId field) {
        const Value *value = facts_get(subject->facts, field, NULL);

        return value && value->type == VALUE_INTEGER ? value->integer : TIME_NONE;
}

const Value *eval_read(Eval *eval, const Ref *ref, Value *storage, uint32_t *ret_slot) {
        const Subject *subject = eval->subject;
        const Value *value;

        *ret_slot = EVAL_NO_SLOT;
        switch (ref->kind) {
        case REF_FIELD:
                return eval_field(eval, ref->field, ref->key, ret_slot);
        case REF_COUNTRY:
                value = eval_field(eval, FIELD_COMPANY_COUNTRY, NULL, ret_slot);
                return value ? value : eval_field(eval, FIELD_PERSON_ADDRESS_COUNTRY, NULL, ret_slot);
        case REF_TEST:
                value = eval_field(eval, FIELD_TEST, NULL, ret_slot);
                if (value)
                        return value;
                *storage = value_bool(false);
                return storage;
        case REF_SOURCE:
                return read_name(subject->source, storage);
        case REF_STATUS:
                return read_name(subject->status ? subject->status->rule.name : NULL, storage);
        case REF_TEAM:
                return read_name(subject->status && subject->status->team ? subject->status->team->rule.name : NULL, storage);
        case REF_OWNER:
                return read_name(subject->owner, storage);
        case REF_TRACK:
                return read_name(subject->track, storage);
        case REF_GRADE:
                return read_name(subject->fit_known && subject->grade[0] ? subject->grade : NULL, storage);
        case REF_GROUP:
                if (!subject->fit_known && base_streq(eval->rules->groups[ref->group].rule.name, "fit"))
                        return NULL;
                *storage = value_integer(subject->group_mp[ref->group]);
                return storage;
        case REF_IDLE:
                return read_elapsed(eval, subject->touched_us, storage);
        case REF_AGE:
                return read_elapsed(eval, subject->created_us, storage);
        case REF_IN_STATUS:
                return read_elapsed(eval, subject->entered_us, storage);
        case REF_SINCE:
                return read_elapsed(eval, instant_of(subject, ref->field), storage);
        case REF_SEGMENT:
                return NULL;
        case REF_ACTIVITY_TYPE:
        case REF_ACTIVITY_NAME:
        case REF_ACTIVITY_FIELD:
                return eval->activity ? eval_read_activity(eval->activity, ref, storage) : NULL;
        }
        return NULL;
}

/* ---- moments at which an answer changes by itself ---- */

static void wake_elapsed(Eval *eval, int64_t base_us, const Matcher *matcher) {
        if (base_us == TIME_NONE)
                return;
        if (matcher->low != INT64_MIN)
                eval_wake(eval, eval_time_add(base_us, matcher->low));
        if (matcher->high != INT64_MAX)
                eval_wake(eval, eval_time_add(base_us, eval_time_add(matcher->high, 1)));
}

/* Points that fall by age cross what a matcher asks for: every bound at which its answer differs from one milli-point to the next. */
static void wake_points(Eval *eval, const Ref *ref, const Matcher *matcher) {
        const Group *group = &eval->rules->groups[ref->group];
        DecayGroup decay;
        int r;

        r = score_collect_group(eval, ref->group, &decay);
        if (r < 0) {
                eval->error = r;
                return;
        }
        if (decay.n_scores == 0)
                return;
        decay.min_mp = group->min_mp;
        decay.max_mp = group->max_mp;
        if (matcher->op == MATCH_INTEGERS) {
                if (matcher->low != INT64_MIN)
                        eval_wake(eval, decay_next_crossing(&decay, eval->subject->now_us, matcher->low));
                if (matcher->high != INT64_MAX)
                        eval_wake(eval, decay_next_crossing(&decay, eval->subject->now_us, matcher->high + 1));
                return;
        }
        for (size_t i = 0; i < matcher->n_numbers; i++) {
                eval_wake(eval, decay_next_crossing(&decay, eval->subject->now_us, matcher->numbers[i].integer));
                eval_wake(eval, decay_next_crossing(&decay, eval->subject->now_us, matcher->numbers[i].integer + 1));
        }
}

static void wake_match(Eval *eval, const Ref *ref, const Matcher *matcher) {
        switch (ref->kind) {
        case REF_IDLE:
                wake_elapsed(eval, eval->subject->touched_us, matcher);
                break;
        case REF_AGE:
                wake_elapsed(eval, eval->subject->created_us, matcher);
                break;
        case REF_IN_STATUS:
                wake_elapsed(eval, eval->subject->entered_us, matcher);
                break;
        case REF_SINCE:
                wake_elapsed(eval, instant_of(eval->subject, ref->field), matcher);
                break;
        case REF_GROUP:
                wake_points(eval, ref, matcher);
                break;
        default:
                break;
        }
}

/* ---- matching ---- */

static bool match_node(Eval *eval, const Condition *node) {
        Value storage;
        uint32_t slot;
        const Value *value = eval_read(eval, &node->ref, &storage, &slot);
        bool matched = eval_matches(eval, &node->ref, node->matcher, value, slot);

        if (node->ref.kind >= REF_GROUP)
                wake_match(eval, &node->ref, node->matcher);
        if (eval->trace)
                eval_trace_match(eval, &node->ref, node->matcher, value, matched);
        return matched;
}

bool policy_is_newer(const Activity *a, const Activity *b) {
        int c = (a->time_us > b->time_us) - (a->time_us < b->time_us);

        if (c == 0)
                c = strcmp(a->type, b->type);
        if (c == 0)
                c = facts_compare(a->facts, b->facts);
        return c != 0 ? c > 0 : a->event > b->event;
}

int64_t eval_did_leaves(const Did *did, const Activity *activity) {
        /* Both ends of `within` count, so it is gone one microsecond later. */
        return did->within_us > 0 ? eval_time_add(eval_time_add(activity->time_us, did->within_us), 1) : INT64_MAX;
}

bool eval_did_matches(Eval *eval, const Did *did, const Activity *activity) {
        if (did->since_move && !activity->after_move)
                return false;
        if (did->type && (did->type[0] != activity->type[0] || !base_streq(did->type, activity->type)))
                return false;
        if (did->within_us > 0 && eval_did_leaves(did, activity) <= eval->subject->now_us)
                return false;
        if (did->n_matchers == 0)
                return true;
        /* What one activity shows is noise in a trace: eval_trace_did says how many there were. */
        const Activity *outer = eval->activity;
        Text *trace = eval->trace;
        size_t i = 0;

        eval->activity = activity;
        eval->trace = NULL;
        while (i < did->n_matchers && match_node(eval, &did->matchers[i]))
                i++;
        eval->activity = outer;
        eval->trace = trace;
        return i == did->n_matchers;
}

int64_t eval_activity_count(const Activity *activity) {
        const Facts *facts = activity->facts;
        const Value *value;
        double count;

        /* Few say it: the facts are in the order of their fields, and most end before. */
        if (facts->n_items == 0 || facts->items[facts->n_items - 1].field < FIELD_ACTIVITY_COUNT)
                return 1;
        value = facts_get(facts, FIELD_ACTIVITY_COUNT, NULL);

        if (!value || !value_as_number(value, &count))
                return 1;
        if (!(count >= 0))
                return 0;
        return count >= CONDITION_COUNT_MAX ? CONDITION_COUNT_MAX : (int64_t) count;
}

/* What counts towards a did{}: one matching activity, or one distinct value with the last of its activities. */
typedef struct Hit {
        int64_t count;
        int64_t leaves_us;
} Hit;

/* The value by which activities must differ; NULL when it does not say, or eval->error. The set of values met keeps what it is shown. */
static const Value *read_distinct(Eval *eval, const Did *did, const Activity *activity) {
        Value *storage = ARENA_NEW(eval->arena, Value);

        if (!storage)
                eval->error = -ENOMEM;
        return storage ? eval_read_activity(activity, did->distinct, storage) : NULL;
}

/* The hits in the arena; *ret_count what they count together. */
static size_t find_hits(Eval *eval, const Did *did, Hit **ret, int64_t *ret_count) {
        const Subject *subject = eval->subject;
        const Activity *activity;
        size_t n = 0, *item;
        Met met = { 0 };
        Hit *hits = NULL;

        *ret_count = 0;
        for (size_t at = 0; eval->error == 0 && (activity = eval_did_next(eval, did, &at));) {
                int64_t leaves_us;
                bool is_new = true;

                if (!hits) {
                        hits = ARENA_ARRAY(eval->arena, Hit, subject->n_history);
                        if (!hits) {
                                eval->error = -ENOMEM;
                                break;
                        }
                }
                leaves_us = eval_did_leaves(did, activity);
                if (!did->distinct) {
                        hits[n] = (Hit){ .count = eval_history_count(eval, activity), .leaves_us = leaves_us };
                        *ret_count += hits[n++].count;
                        continue;
                }
                const Value *value = read_distinct(eval, did, activity);
                if (!value)
                        continue; /* nothing known is not one more of a kind */
                int r = eval_met(eval->arena, &met, value, &is_new, &item);
                if (r < 0)
                        eval->error = r;
                else if (is_new) {
                        *item = n;
                        hits[n++] = (Hit){ .count = 1, .leaves_us = leaves_us };
                        *ret_count += 1;
                } else if (leaves_us > hits[*item].leaves_us)
                        hits[*item].leaves_us = leaves_us;
        }
        *ret = hits;
        return n;
}

static int compare_hits(const void *a, const void *b) {
        const Hit *x = a, *y = b;

        return (x->leaves_us < y->leaves_us) - (x->leaves_us > y->leaves_us);
}

/* By itself the count only falls, hit by hit. It matters when it falls below at_least, or away from (or down to) exactly. */
static void wake_hits(Eval *eval, const Did *did, Hit *hits, size_t n, int64_t count) {
        int64_t wanted = did->exactly >= 0 ? did->exactly : did->at_least;

        if (did->within_us == 0 || n == 0 || count < wanted)
                return;
        qsort(hits, n, sizeof(*hits), compare_hits);
        if (did->exactly >= 0) {
                eval_wake(eval, hits[n - 1].leaves_us);
                return;
        }
        for (size_t i = 0; i < n; i++) {
                wanted -= hits[i].count;
                if (wanted <= 0) {
                        eval_wake(eval, hits[i].leaves_us);
                        return;
                }
        }
}

static bool did_holds(Eval *eval, const Did *did) {
        const Activity *activity;
        int64_t count = 0;
        bool matched;

        if (eval->phase == PHASE_ACTIVITY) {
                matched = eval->activity && eval_did_matches(eval, did, eval->activity);
                if (matched && did->within_us > 0)
                        eval_wake(eval, eval_did_leaves(did, eval->activity));
                if (eval->trace)
                        eval_trace_did(eval, did, matched, matched);
                return matched;
        }
        if (did->distinct || did->within_us > 0) {
                Hit *hits;
                size_t n = find_hits(eval, did, &hits, &count);

                wake_hits(eval, did, hits, n, count);
        } else
                for (size_t at = 0; (activity = eval_did_next(eval, did, &at));)
                        count += eval_history_count(eval, activity);
        matched = did->exactly >= 0 ? count == did->exactly : count >= did->at_least;
        if (eval->trace)
                eval_trace_did(eval, did, count, matched);
        return matched;
}

int64_t eval_did_count(Eval *eval, const Did *did) {
        int64_t count = 0;
        Hit *hits;

        (void) find_hits(eval, did, &hits, &count);
        return count;
}

static inline bool walk(Eval *eval, const Condition *condition) {
        switch (condition->type) {
        case NODE_MATCH:
                return match_node(eval, condition);
        case NODE_ALL:
                for (uint32_t i = 0; i < condition->n_children; i++)
                        if (!eval_condition(eval, &condition->children[i]))
                                return false;
                return true;
        case NODE_ANY:
        case NODE_NONE:
                /* A function that broke has said neither yes nor no, so nothing may hold because of it. */
                for (uint32_t i = 0; i < condition->n_children && !eval->failed; i++)
                        if (eval_condition(eval, &condition->children[i]))
                                return condition->type == NODE_ANY;
                return condition->type == NODE_NONE && !eval->failed;
        case NODE_DID:
                return did_holds(eval, condition->did);
        case NODE_FUNCTION:
                return eval_function_holds(eval, &condition->function);
        }
        return false;
}

bool eval_condition(Eval *eval, const Condition *condition) {
        if (!condition)
                return true;
        bool holds = walk(eval, condition);
        if (__builtin_expect(eval->coverage != NULL, false) && !eval->failed)
                coverage_count(eval->coverage, condition, holds);
        return holds;
}

bool eval_any_field_present(Eval *eval, const Condition *condition) {
        uint32_t slot;

        if (!condition)
                return false;
        if (condition->type == NODE_MATCH) {
                if (condition->ref.kind == REF_FIELD)
                        return eval_field(eval, condition->ref.field, condition->ref.key, &slot);
                if (condition->ref.kind == REF_COUNTRY)
                        return eval_field(eval, FIELD_COMPANY_COUNTRY, NULL, &slot) ||
                               eval_field(eval, FIELD_PERSON_ADDRESS_COUNTRY, NULL, &slot);
                for (size_t i = 0; condition->ref.kind == REF_SEGMENT && i < condition->matcher->n_segments; i++)
                        if (eval_any_field_present(eval, eval->rules->segments[condition->matcher->segments[i]].when))
                                return true;
                return false;
        }
        if (condition->type != NODE_ALL && condition->type != NODE_ANY && condition->type != NODE_NONE)
                return false;
        for (uint32_t i = 0; i < condition->n_children; i++)
                if (eval_any_field_present(eval, &condition->children[i]))
                        return true;
        return false;
}

/* ---- the front door ---- */

void eval_note_failure(Eval *eval, const Rule *rule, const char *said, bool asked) {
        RuleSetBody *body = policy_body(eval->rules);

        for (size_t i = 0; i < body->n_failures; i++)
                if (body->failures[i].rule == rule) {
                        body->failures[i].asked |= asked;
                        return;
                }
        if (body->n_failures == body->failures_capacity) {
                size_t capacity = body->failures_capacity > 0 ? body->failures_capacity * 2 : 4;
                struct Failure *failures = reallocarray(body->failures, capacity, sizeof(*failures));
                if (!failures) {
                        eval->error = -ENOMEM;
                        return;
                }
                body->failures = failures;
                body->failures_capacity = capacity;
        }
        struct Failure *failure = &body->failures[body->n_failures++];
        failure->rule = rule;
        failure->asked = asked;
        snprintf(failure->note, sizeof(failure->note), "%s", eval->note ? eval->note : "");
        snprintf(failure->said, sizeof(failure->said), "%s", said);
}

static bool ask(Eval *eval, const Condition *condition) {
        Stopwatch watch;
        bool timed = cost_is_sampled(eval->subject), holds;

        if (timed)
                stopwatch_start(&watch);
        holds = eval_condition(eval, condition);
        if (timed)
                stopwatch_lap(&watch, policy_body(eval->rules), condition->rule);
        if (eval->failed && !eval->error && condition->rule < eval->rules->n_rules)
                eval_note_failure(eval, eval->rules->rules[condition->rule], "", true);
        return holds && !eval->failed;
}

void policy_forget_failures(RuleSet *rules) { policy_body(rules)->n_failures = 0; }

int policy_add_failures(const RuleSet *rules, Receipts *receipts, Arena *arena) {
        const RuleSetBody *body = (const RuleSetBody *) rules;

        for (size_t i = 0; i < body->n_failures; i++) {
                const struct Failure *failure = &body->failures[i];
                bool is_named = false;
                const char *said = arena_strdup(arena, failure->said);
                if (!said)
                        return -ENOMEM;
                for (size_t j = 0; j < receipts->n_items; j++) {
                        Receipt *receipt = &receipts->items[j];
                        if (!receipt->failed || receipt->rule != failure->rule)
                                continue;
                        is_named = true;
                        receipt->said = said;
                }
                if (is_named || !failure->asked)
                        continue;
                const char *note = arena_strdup(arena, failure->note);
                const Receipt receipt = { .rule = failure->rule, .failed = true, .note = note, .said = said };
                int r = note ? receipts_add(receipts, arena, receipt) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        return 0;
}

int policy_holds(
        RuleSet *rules, const Condition *condition, Subject *subject, Arena *arena, bool *ret, const char **ret_note, Text *trace) {
        Eval eval;
        bool holds;

        if (ret_note)
                *ret_note = NULL;
        *ret = true;
        if (!condition)
                return 0;
        eval_init(&eval, rules, subject, arena, PHASE_DECISION);
        eval.trace = trace;
        holds = ask(&eval, condition);
        *ret = false;
        if (eval.error < 0)
                return eval.error;
        if (trace && trace->error < 0)
                return trace->error;
        if (eval.next_us != TIME_NONE && (subject->next_change_us == TIME_NONE || eval.next_us < subject->next_change_us))
                subject->next_change_us = eval.next_us;
        if (ret_note)
                *ret_note = eval.note;
        if (eval.failed)
                return POLICY_E_FAILED;
        *ret = holds;
        return 0;
}

int policy_matches_activity(
        RuleSet *rules, const Condition *condition, Subject *subject, const Activity *activity, Arena *arena, bool *ret) {
        Eval eval;
        bool matches;

        *ret = false;
        if (activity->junk)
                return 0;
        eval_init(&eval, rules, subject, arena, PHASE_ACTIVITY);
        eval.activity = activity;
        matches = !condition || ask(&eval, condition);
        if (eval.error < 0)
                return eval.error;
        *ret = matches;
        return 0;
}
