/* SPDX-License-Identifier: MIT */
/*
 * hurdles: what stands in the way of a move, in words and in structure. Asks the same conditions, needs and fences that the moves
 * themselves ask (moves.c), but goes on after the first that says no: who wants to know why wants all of it.
 */
#include "internal.h"

#include <errno.h>
#include <stdio.h>

const char *deciding_keep(Deciding *deciding, Text *text) {
        const char *kept = text->error < 0 ? NULL : arena_strndup(deciding->arena, text->data ? text->data : "", text->size);

        text_free(text);
        return kept;
}

int hurdles_add(Hurdles *hurdles, Arena *arena, Hurdle hurdle) {
        if (!hurdle.text)
                return -ENOMEM;
        if (hurdles->n_items == hurdles->capacity) {
                size_t capacity = hurdles->capacity ? hurdles->capacity * 2 : 4;
                Hurdle *items = ARENA_ARRAY(arena, Hurdle, capacity);

                if (!items)
                        return -ENOMEM;
                if (hurdles->n_items > 0)
                        memcpy(items, hurdles->items, hurdles->n_items * sizeof(*items));
                hurdles->items = items;
                hurdles->capacity = capacity;
        }
        hurdles->items[hurdles->n_items++] = hurdle;
        return 0;
}

int hurdles_printf(Deciding *deciding, Hurdles *hurdles, const char *kind, const Rule *rule, int64_t until_us, const char *format, ...) {
        Text text = { 0 };
        va_list args;

        va_start(args, format);
        text_vprintf(&text, format, args);
        va_end(args);
        return hurdles_add(hurdles, deciding->arena,
                (Hurdle){ .kind = kind, .rule = rule, .until_us = until_us, .text = deciding_keep(deciding, &text) });
}

int hurdles_of_condition(Deciding *deciding, Hurdles *hurdles, const char *kind, const Rule *rule, const Condition *condition, bool wanted,
        const char *lead_in) {
        const char *note = NULL;
        Misses misses;
        bool holds;
        int r = policy_holds(deciding->rules, condition, &deciding->subject, deciding->arena, &holds, &note, NULL);

        if (r < 0)
                return r;
        if (r == POLICY_E_FAILED)
                return hurdles_printf(
                        deciding, hurdles, "broken", rule, TIME_NONE, "%sits function broke: %s", lead_in, note ? note : "it failed");
        if (holds == wanted)
                return 0;
        r = policy_misses(deciding->rules, condition, wanted, &deciding->subject, deciding->arena, &misses);
        if (r < 0)
                return r;
        return hurdles_add(hurdles, deciding->arena,
                (Hurdle){ .kind = kind,
                        .rule = rule,
                        .until_us = TIME_NONE,
                        .text = arena_printf(deciding->arena, "%s%s", lead_in, misses.text),
                        .misses = misses.items,
                        .n_misses = misses.n_items });
}

const Criterion *hurdles_find_criterion(const RuleSet *rules, const char *name) {
        for (size_t i = 0; name && i < rules->n_criteria; i++)
                if (base_streq(rules->criteria[i].rule.name, name))
                        return &rules->criteria[i];
        return NULL;
}

static int add_needs(Deciding *deciding, const Need *needs, size_t n, Hurdles *hurdles) {
        for (size_t i = 0; i < n; i++) {
                const Criterion *criterion = hurdles_find_criterion(deciding->rules, needs[i].name);
                const char *doc = criterion ? criterion->rule.doc : NULL;
                const char *lead_in = !needs[i].name ? "needs: "
                                                     : arena_printf(deciding->arena, "needs %s%s%s%s: ", needs[i].name, doc ? " (" : "",
                                                               doc ? doc : "", doc ? ")" : "");
                if (!lead_in)
                        return -ENOMEM;
                int r = hurdles_of_condition(
                        deciding, hurdles, "needs", criterion ? &criterion->rule : NULL, needs[i].condition, true, lead_in);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_fences(Deciding *deciding, const Status *to, Hurdles *hurdles) {
        for (size_t i = 0; i < deciding->rules->n_fences; i++) {
                const Fence *fence = &deciding->rules->fences[i];
                char until[TIME_TEXT_SIZE];
                Misses misses = { .text = "" };
                int64_t opens_us;
                bool closed;
                if (!fence_blocks(fence, to))
                        continue;
                int r = fence_is_closed(deciding, fence, &closed, &opens_us, NULL);
                if (r < 0)
                        return r;
                if (!closed)
                        continue;
                if (fence->when && r != POLICY_E_FAILED) {
                        r = policy_misses(deciding->rules, fence->when, false, &deciding->subject, deciding->arena, &misses);
                        if (r < 0)
                                return r;
                }
                bool more = *misses.text != '\0';
                r = hurdles_add(hurdles, deciding->arena,
                        (Hurdle){ .kind = "fence",
                                .rule = &fence->rule,
                                .until_us = opens_us,
                                .text = arena_printf(deciding->arena, "the fence %s keeps the lead out of %s%s%s%s%s%s%s", fence->rule.name,
                                        to->rule.name, opens_us != TIME_NONE ? " until " : "",
                                        opens_us != TIME_NONE ? time_format_rfc3339(opens_us, until) : "", fence->rule.doc ? " (" : "",
                                        fence->rule.doc ? fence->rule.doc : "", fence->rule.doc ? ")" : "",
                                        more ? arena_printf(deciding->arena, ": %s", misses.text) : ""),
                                .misses = misses.items,
                                .n_misses = misses.n_items });
                if (r < 0)
                        return r;
        }
        return 0;
}

bool hurdles_rest(const Deciding *deciding, int64_t *ret_until_us, const Reason **ret_reason) {
        const LeadState *state = &deciding->out->after;

        *ret_reason = state->recycle_reason ? policy_reason(deciding->rules, state->recycle_reason) : NULL;
        *ret_until_us = state->recycle_us == RECYCLE_UNTIL_WOKEN ? TIME_NONE : state->recycle_us;
        const ReasonUse *use = state->recycle_reason ? fences_find_use(state, state->recycle_reason) : NULL;
        if (use && use->woken)
                return false; /* the next event ends it */
        if (state->recycle_us == RECYCLE_UNTIL_WOKEN)
                return fences_can_wake(deciding);
        return state->recycle_us != TIME_NONE && state->recycle_us > deciding->input->now_us;
}

static int add_rest(Deciding *deciding, Hurdles *hurdles) {
        char until[TIME_TEXT_SIZE];
        const Reason *reason;
        int64_t until_us;

        if (!hurdles_rest(deciding, &until_us, &reason))
                return 0;
        Text text = { 0 };
        text_printf(&text, "the lead rests%s%s%s%s%s", reason ? " (" : "", reason ? reason->rule.name : "", reason ? ")" : "",
                until_us != TIME_NONE ? " until " : "", until_us != TIME_NONE ? time_format_rfc3339(until_us, until) : "");
        if (reason && reason->wake_on) {
                text_append(&text, until_us != TIME_NONE ? ", or until it wakes by: " : " until it wakes by: ");
                policy_describe(deciding->rules, reason->wake_on, &text);
        }
        return hurdles_add(hurdles, deciding->arena,
                (Hurdle){ .kind = "resting",
                        .rule = reason ? &reason->rule : NULL,
                        .until_us = until_us,
                        .text = deciding_keep(deciding, &text) });
}

int hurdles_of_move(Deciding *deciding, const Move *move, const Reason *reason, Hurdles *hurdles) {
        const Status *to = move->to ? move->to : reason ? reason->to : NULL;
        bool leaves = moves_leave(move, deciding->status);
        int r = 0;

        if (move->by == BY_RULES && leaves && deciding->status->kind == STATUS_FINAL)
                r = hurdles_printf(deciding, hurdles, "final", &deciding->status->rule, TIME_NONE,
                        "%s is final: no rule moves a lead out of it", deciding->status->rule.name);
        else if (move->by == BY_RULES && leaves)
                r = add_rest(deciding, hurdles);
        if (r == 0 && move->by == BY_RULES && leaves && deciding->vetoed)
                r = hurdles_printf(deciding, hurdles, "veto", &deciding->veto->rule, TIME_NONE, "the veto %s keeps the lead in %s",
                        deciding->veto->rule.name, deciding->status->rule.name);
        if (r == 0 && move->by == BY_RULES)
                r = hurdles_of_condition(deciding, hurdles, "when", &move->rule, move->when, true, "its condition does not hold: ");
        if (r == 0)
                r = add_needs(deciding, move->needs, move->n_needs, hurdles);
        if (r == 0 && reason)
                r = add_needs(deciding, reason->needs, reason->n_needs, hurdles);
        if (r == 0 && to && to != deciding->status)
                r = add_fences(deciding, to, hurdles);
        return r;
}

void hurdles_say_who(const Deciding *deciding, const Move *move, const Status *from, Text *out) {
        const Team *team = from->team;

        switch (move->by) {
        case BY_RULES:
                text_append(out, "leadd");
                break;
        case BY_OWNER:
                text_append(out, "the owner");
                if (from == deciding->status)
                        text_printf(out, " (%s)", deciding->owner ? deciding->owner->rule.name : "nobody");
                if (team && team->head && team->head != deciding->owner)
                        text_printf(out, " or the head %s", team->head->rule.name);
                break;
        case BY_TEAM:
                text_printf(out, "anybody in %s", team ? team->rule.name : "the team");
                break;
        case BY_NAMED_TEAM:
                text_printf(out, "anybody in %s", move->by_team->rule.name);
                break;
        }
}
