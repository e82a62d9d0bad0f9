/* SPDX-License-Identifier: MIT */
/*
 * What the judge tells: lines of the journal and items for those who watch. They are collected while a transaction
 * runs and told after its commit, so that nobody hears of what did not happen. Ids only, no lead data.
 */
#include "judge.h"
#include "leadd/messages.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

static const char *lead_text(Judge *judge, uint64_t lead) { return arena_printf(judge->lines_arena, "L-%" PRIu64, lead); }

static void add_line(Judge *judge, Line line) {
        if (judge->n_lines == judge->lines_capacity) {
                size_t capacity = judge->lines_capacity ? judge->lines_capacity * 2 : 64;
                Line *grown = realloc(judge->lines, capacity * sizeof *grown);
                if (!grown)
                        return; /* a line of the journal is not worth a lead */
                judge->lines = grown;
                judge->lines_capacity = capacity;
        }
        if (line.text)
                judge->lines[judge->n_lines++] = line;
}

/* Each name once, so there are never more than the rules have had. */
static void add_name(Judge *judge, Names *names, const char *name) {
        for (size_t i = 0; i < names->n; i++)
                if (base_streq(names->items[i], name))
                        return;
        if (names->n == names->capacity) {
                size_t capacity = names->capacity ? names->capacity * 2 : 16;
                char **items = reallocarray(names->items, capacity, sizeof *items);
                if (!items) {
                        (void) judge_give_up(judge, -ENOMEM, "offering leads to others");
                        return;
                }
                names->items = items;
                names->capacity = capacity;
        }
        names->items[names->n] = strdup(name);
        if (names->items[names->n])
                names->n++;
        else
                (void) judge_give_up(judge, -ENOMEM, "offering leads to others");
}

void judge_names_done(Names *names) {
        for (size_t i = 0; i < names->n; i++)
                free(names->items[i]);
        free(names->items);
        *names = (Names){ 0 };
}

void judge_add_freed(Judge *judge, const char *team) { add_name(judge, &judge->freed, team); }
void judge_add_absent(Judge *judge, const char *member) { add_name(judge, &judge->absent, member); }

void judge_add_take(Judge *judge, const GateOutcome *outcome, const char *actor) {
        const TakenPart *taken = &outcome->decision->taken;
        Arena *arena = judge->lines_arena;
        Line line = { .level = LOG_LEVEL_NOTICE, .message_id = MESSAGE_TAKEN, .n_fields = 3 };

        line.fields[0] = (LogField){ "LEAD_CAMPAIGN", arena_strdup(arena, taken->campaign) };
        line.fields[1] = (LogField){ "LEAD_ACTOR", arena_strdup(arena, actor) };
        line.fields[2] = (LogField){ "LEAD_RULESET", arena_strdup(arena, judge->leadd->rules->hash_text) };
        line.text = arena_printf(arena, "take %" PRIu64 " of %s by %s: %zu leads, %zu out by then%s", taken->take, taken->campaign, actor,
                taken->n_leads, taken->n_dropped, taken->is_last ? "" : "; more to come");
        judge_add_suspended(judge, outcome->suspended, outcome->n_suspended);
        add_line(judge, line);
}

void judge_add_decision(Judge *judge, const GateOutcome *outcome, bool bulk) {
        const Decision *decision = outcome->decision;
        LogLevel level = bulk ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
        Arena *arena = judge->lines_arena;
        const char *hash = judge->leadd->rules->hash_text;

        if (decision->absent)
                judge_add_absent(judge, decision->absent);
        if (decision->freed_team)
                judge_add_freed(judge, decision->freed_team);
        for (size_t i = 0; i < decision->receipts.n_items; i++) {
                const Receipt *receipt = &decision->receipts.items[i];
                if (!receipt->failed)
                        continue;
                judge->n_rejected_rules++;
                Line line = { .level = LOG_LEVEL_WARNING, .message_id = MESSAGE_RULE_FAILED, .n_fields = 3 };
                line.fields[0] = (LogField){ "LEAD_ID", lead_text(judge, outcome->lead) };
                line.fields[1] = (LogField){ "LEAD_RULE", arena_strdup(arena, receipt->rule->name) };
                line.fields[2] = (LogField){ "LEAD_RULESET", arena_strdup(arena, hash) };
                /* The note may quote the lead: `explain` shows it to who may see leads. */
                bool has_said = receipt->said && *receipt->said;
                line.text = arena_printf(arena, "L-%" PRIu64 ": the rule %s (%s:%d) failed%s%s", outcome->lead, receipt->rule->name,
                        receipt->rule->file, receipt->rule->line, has_said ? ": " : "", has_said ? receipt->said : "");
                add_line(judge, line);
        }
        judge_add_suspended(judge, outcome->suspended, outcome->n_suspended);
        if (level > log_max_level())
                return;
        for (size_t i = 0; i < decision->n_moves; i++) {
                const MoveMade *move = &decision->moves[i];
                Line line = { .level = level, .message_id = MESSAGE_MOVED, .n_fields = 6 };
                line.fields[0] = (LogField){ "LEAD_ID", lead_text(judge, outcome->lead) };
                line.fields[1] = (LogField){ "LEAD_FROM", arena_strdup(arena, move->from) };
                line.fields[2] = (LogField){ "LEAD_TO", arena_strdup(arena, move->to) };
                line.fields[3] = (LogField){ "LEAD_RULE", arena_strdup(arena, move->move) };
                line.fields[4] = (LogField){ "LEAD_RULESET", arena_strdup(arena, hash) };
                line.fields[5] = (LogField){ "LEAD_OWNER", decision->after.owner ? arena_strdup(arena, decision->after.owner) : NULL };
                line.text = arena_printf(
                        arena, "L-%" PRIu64 ": %s -> %s (%s by %s)", outcome->lead, move->from, move->to, move->move, move->by);
                add_line(judge, line);
        }
        bool in_journal = false; /* a channel of the rules says it there already */
        for (size_t i = 0; i < decision->n_effects; i++)
                in_journal |= decision->effects[i].kind == EFFECT_REMINDED && decision->effects[i].via == VIA_JOURNAL;
        if (decision->reminded_roles && !in_journal) {
                Line line = { .level = level, .message_id = MESSAGE_REMINDED, .n_fields = 4 };
                line.fields[0] = (LogField){ "LEAD_ID", lead_text(judge, outcome->lead) };
                line.fields[1] = (LogField){ "LEAD_OWNER", decision->after.owner ? arena_strdup(arena, decision->after.owner) : NULL };
                line.fields[2] = (LogField){ "LEAD_RULE", arena_strdup(arena, decision->effects[0].rule) };
                line.fields[3] = (LogField){ "LEAD_RULESET", arena_strdup(arena, hash) };
                line.text = arena_printf(
                        arena, "L-%" PRIu64 ": %s reminds %s", outcome->lead, decision->effects[0].rule, decision->reminded_roles);
                add_line(judge, line);
        }
        for (size_t i = 0; i < decision->n_effects; i++) {
                const Effect *effect = &decision->effects[i];
                if (effect->kind != EFFECT_SENT)
                        continue;
                Line line = { .level = level, .message_id = MESSAGE_SENT, .n_fields = 3 };
                line.fields[0] = (LogField){ "LEAD_ID", lead_text(judge, outcome->lead) };
                line.fields[1] = (LogField){ "LEAD_RULE", arena_strdup(arena, effect->rule) };
                line.fields[2] = (LogField){ "LEAD_RULESET", arena_strdup(arena, hash) };
                line.text = arena_printf(
                        arena, "L-%" PRIu64 ": %s step %u sends %s", outcome->lead, effect->rule, effect->step + 1, effect->message);
                add_line(judge, line);
        }
        if (decision->assignment.changed && decision->assignment.owner) {
                Line line = { .level = level, .message_id = MESSAGE_ASSIGNED, .n_fields = 4 };
                line.fields[0] = (LogField){ "LEAD_ID", lead_text(judge, outcome->lead) };
                line.fields[1] = (LogField){ "LEAD_OWNER", arena_strdup(arena, decision->assignment.owner) };
                line.fields[2] = (LogField){ "LEAD_RULE", arena_strdup(arena, decision->assignment.route) };
                line.fields[3] = (LogField){ "LEAD_RULESET", arena_strdup(arena, hash) };
                line.text = arena_printf(
                        arena, "L-%" PRIu64 ": handed to %s (%s)", outcome->lead, decision->assignment.owner, decision->assignment.route);
                add_line(judge, line);
        }
}

void judge_add_suspended(Judge *judge, const Rule *const *rules, size_t n_rules) {
        for (size_t i = 0; i < n_rules; i++) {
                Line line = { .level = LOG_LEVEL_ERROR, .message_id = MESSAGE_RULE_SUSPENDED, .n_fields = 2 };
                line.fields[0] = (LogField){ "LEAD_RULE", arena_strdup(judge->lines_arena, rules[i]->name) };
                line.fields[1] = (LogField){ "LEAD_RULESET", arena_strdup(judge->lines_arena, judge->leadd->rules->hash_text) };
                line.text = arena_printf(judge->lines_arena,
                        "the rule %s (%s:%d) is suspended until the next reload: it overran its budget %d times within a minute",
                        rules[i]->name, rules[i]->file, rules[i]->line, GATE_OVERRUNS_MAX);
                add_line(judge, line);
        }
}

void judge_add_refusal(Judge *judge, const GateOutcome *outcome, const char *event) {
        Line line = { .level = LOG_LEVEL_NOTICE, .message_id = MESSAGE_REFUSED, .n_fields = 3 };

        line.fields[0] = (LogField){ "LEAD_ID", outcome->lead ? lead_text(judge, outcome->lead) : NULL };
        line.fields[1] = (LogField){ "LEAD_REASON", arena_strdup(judge->lines_arena, outcome->decision->refusal_code) };
        line.fields[2] = (LogField){ "LEAD_RULESET", arena_strdup(judge->lines_arena, judge->leadd->rules->hash_text) };
        /* A word that is no move may be anything: the first of a letter, where an answer was wanted. */
        bool is_move = !base_streq(outcome->decision->refusal_code, "unknown_move");
        line.text = arena_printf(judge->lines_arena, "%s%s%s%s%s was refused: %s", outcome->lead ? lead_text(judge, outcome->lead) : "",
                outcome->lead ? ": " : "", is_move ? "\"" : "", is_move ? event : "what the rules have no move for", is_move ? "\"" : "",
                outcome->decision->refusal_code);
        add_line(judge, line);
        judge_add_suspended(judge, outcome->suspended, outcome->n_suspended);
}

void judge_add_file(Judge *judge, const Ticket *ticket) {
        const LedgerEntry *ledger = &ticket->ledger;
        Line line = {
                .level = LOG_LEVEL_INFO, .message_id = ticket->aside_reason ? MESSAGE_FILE_ASIDE : MESSAGE_FILE_FINISHED, .n_fields = 3
        };

        line.fields[0] = (LogField){ "LEAD_FILE", arena_printf(judge->lines_arena, "%" PRIu64, ledger->id) };
        line.fields[1] = (LogField){ "LEAD_SOURCE", arena_strdup(judge->lines_arena, ticket->identity.source) };
        line.fields[2] = (LogField){ "LEAD_REASON", ticket->aside_reason ? arena_strdup(judge->lines_arena, ticket->aside_reason) : NULL };
        if (ticket->aside_reason || ledger->n_refused > 0)
                line.level = LOG_LEVEL_WARNING;
        line.text = arena_printf(judge->lines_arena,
                "file %" PRIu64 " of %s: %" PRIu64 " accepted, %" PRIu64 " duplicates, %" PRIu64 " refused, %" PRIu64 " dropped%s%s",
                ledger->id, ticket->identity.source, ledger->n_accepted, ledger->n_duplicates, ledger->n_refused, ledger->n_dropped,
                ticket->aside_reason ? "; set aside: " : "", ticket->aside_reason ? ticket->aside_reason : "");
        add_line(judge, line);
}

void judge_add_watch_item(Judge *judge, const Record *record, const GateOutcome *outcome, int64_t now_us) {
        if (!atomic_load(&judge->leadd->watched))
                return;
        json_t **grown = realloc(judge->watch_items, (judge->n_watch_items + 1) * sizeof *grown);
        if (!grown)
                return;
        judge->watch_items = grown;
        judge->watch_items[judge->n_watch_items] = control_watch_item(record, outcome->decision, outcome->event, outcome->lead, now_us);
        if (judge->watch_items[judge->n_watch_items])
                judge->n_watch_items++;
}

void judge_tell(Judge *judge) {
        for (size_t i = 0; i < judge->n_lines; i++) {
                const Line *line = &judge->lines[i];
                log_event(line->level, line->message_id, line->fields, line->n_fields, "%s", line->text);
        }
        for (size_t i = 0; i < judge->n_watch_items; i++)
                leadd_tell(judge->leadd, NEWS_WATCH, NULL, judge->watch_items[i], 0);
        judge->n_lines = judge->n_watch_items = 0;
        arena_reset(judge->lines_arena);
}

void judge_forget(Judge *judge) {
        for (size_t i = 0; i < judge->n_watch_items; i++)
                json_decref(judge->watch_items[i]);
        judge->n_lines = judge->n_watch_items = 0;
        arena_reset(judge->lines_arena);
}
