/* SPDX-License-Identifier: MIT */
/*
 * decide: drives one event through its phases, always in the same order:
 * facts -> segments, scores, grade -> the person's or the timer's move -> a veto -> automatic moves
 * -> routing -> SLA timers -> tracks -> effects. A phase reads earlier phases only.
 *
 * Invariants: a refused decision changes nothing; an accepted one says everything
 * that changes; no clock, database or file is read here, so that replaying the log
 * gives the same state.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

Deciding deciding_new(RuleSet *rules, const DecideInput *input, Arena *arena, Decision *out) {
        return (Deciding){ .rules = rules, .input = input, .arena = arena, .out = out, .fence_opens_us = TIME_NONE };
}

int deciding_refuse(Deciding *deciding, const char *code, const char *format, ...) {
        Text text = { 0 };
        va_list args;

        va_start(args, format);
        text_vprintf(&text, format, args);
        va_end(args);
        deciding->out->refused = true;
        deciding->out->refusal_code = code;
        deciding->out->refusal_text = deciding_keep(deciding, &text);
        return deciding->out->refusal_text ? 0 : -ENOMEM;
}

void deciding_hold(Deciding *deciding, const char *by, const char *text, int64_t next_look_us) {
        HeldState *held = &deciding->out->after.held;
        bool same = deciding->input->before->held.by && base_streq(deciding->input->before->held.by, by);

        held->since_us = same ? deciding->input->before->held.since_us : deciding->input->now_us;
        held->by = by;
        held->text = text;
        held->next_look_us = next_look_us;
}

int deciding_summarise(Deciding *deciding, const char *format, ...) {
        char text[512];
        va_list args;

        va_start(args, format);
        (void) vsnprintf(text, sizeof text, format, args);
        va_end(args);
        deciding->out->summary = deciding->out->summary ? arena_printf(deciding->arena, "%s; %s", deciding->out->summary, text)
                                                        : arena_strdup(deciding->arena, text);
        return deciding->out->summary ? 0 : -ENOMEM;
}

/* lead.submitted is also the activity form_submitted, named after its form. */
static int make_activity(Deciding *deciding, Activity *ret, bool *ret_is_one) {
        const Record *record = deciding->input->record;
        bool submitted = record->family == FAMILY_LEAD && base_streq(record->event, "submitted");
        const Facts *facts = &record->facts;

        *ret_is_one = submitted || record->family == FAMILY_ACTIVITY;
        if (!*ret_is_one)
                return 0;
        if (submitted) {
                const char *name = facts_text(facts, FIELD_ATTRIBUTION_FORM_NAME);
                if (!name)
                        name = facts_text(facts, FIELD_ATTRIBUTION_FORM_ID);
                if (name && !facts_get(facts, FIELD_ACTIVITY_NAME, NULL)) {
                        Facts *named = ARENA_NEW(deciding->arena, Facts);
                        if (!named)
                                return -ENOMEM;
                        for (size_t i = 0; i < facts->n_items; i++) {
                                const Fact *fact = &facts->items[i];
                                int r = facts_set(named, deciding->arena, fact->field, fact->key, fact->value, fact->time_us);
                                if (r < 0)
                                        return r;
                        }
                        int r = facts_set(named, deciding->arena, FIELD_ACTIVITY_NAME, NULL, value_text(name), record->time_us);
                        if (r < 0)
                                return r;
                        facts = named;
                }
        }
        *ret = (Activity){
                .event = deciding->input->event_id,
                .time_us = record->time_us,
                .type = submitted ? "form_submitted" : record->event,
                .facts = facts,
                .after_move = true,
        };
        return 0;
}

static int compare_activities(const void *a, const void *b) {
        const Activity *x = a, *y = b;
        return policy_is_newer(x, y) ? 1 : policy_is_newer(y, x) ? -1 : 0;
}

/* Mostly the record is the newest of all and nothing is out of order. */
static void sort_history(Activity *history, size_t n_history) {
        size_t i = 1;

        while (i < n_history && compare_activities(&history[i - 1], &history[i]) < 0)
                i++;
        if (i < n_history)
                qsort(history, n_history, sizeof(*history), compare_activities);
}

/* Moves what is junk behind what counts. Both stay in order. */
static int part_junk(Deciding *deciding) {
        size_t n = 0, n_junk = 0;
        int r = policy_mark_junk(deciding->rules, deciding->history, deciding->n_history, deciding->arena);
        if (r < 0)
                return r;
        for (size_t i = 0; i < deciding->n_history; i++)
                n_junk += deciding->history[i].junk != NULL;
        deciding->n_counting = deciding->n_history - n_junk;
        if (n_junk == 0)
                return 0;
        Activity *junk = ARENA_ARRAY(deciding->arena, Activity, n_junk);
        if (!junk)
                return -ENOMEM;
        n_junk = 0;
        for (size_t i = 0; i < deciding->n_history; i++) {
                const Activity activity = deciding->history[i];
                if (activity.junk)
                        junk[n_junk++] = activity;
                else
                        deciding->history[n++] = activity;
        }
        memcpy(&deciding->history[n], junk, n_junk * sizeof(Activity));
        return 0;
}

/* The history is full: the next event will not see the first of them, and idle must not forget it. */
static void remember_oldest(Deciding *deciding) {
        LeadState *after = &deciding->out->after;
        const Activity *oldest = deciding->history;

        if (deciding->n_history <= DECIDE_HISTORY_MAX)
                return;
        for (size_t i = 1; i < deciding->n_history; i++)
                if (deciding->history[i].event < oldest->event)
                        oldest = &deciding->history[i];
        if (!oldest->junk && oldest->time_us > after->idle_from_us)
                after->idle_from_us = oldest->time_us;
}

/* History is kept oldest first by the events' own times, so that order of delivery never matters. */
static int make_history(Deciding *deciding, bool with_record) {
        const DecideInput *input = deciding->input;
        Activity now;
        bool is_one = false;
        int r;

        if (with_record) {
                r = make_activity(deciding, &now, &is_one);
                if (r < 0)
                        return r;
        }
        size_t n = input->n_history + (is_one ? 1 : 0);
        if (n == 0)
                return 0;
        deciding->history = ARENA_ARRAY(deciding->arena, Activity, n);
        if (!deciding->history)
                return -ENOMEM;
        if (input->n_history > 0)
                memcpy(deciding->history, input->history, input->n_history * sizeof(Activity));
        deciding->n_history = input->n_history;
        if (is_one)
                deciding->history[deciding->n_history++] = now;
        sort_history(deciding->history, deciding->n_history);
        r = part_junk(deciding);
        if (r == 0 && is_one)
                remember_oldest(deciding);
        return r;
}

/* Of a decision: the rule that called this very event junk, so that each junk event is one hit. Of a look: each rule with what it
 * took out of the history. */
static int receive_junk(Deciding *deciding, Receipts *receipts, bool is_look) {
        const RuleSet *rules = deciding->rules;
        for (size_t i = 0; i < rules->n_junks; i++) {
                const Activity *newest = NULL;
                size_t n = 0;
                for (size_t j = deciding->n_counting; j < deciding->n_history; j++) {
                        const Activity *activity = &deciding->history[j];
                        if (activity->junk != &rules->junks[i] || (!is_look && activity->event != deciding->input->event_id))
                                continue;
                        newest = activity;
                        n++;
                }
                if (n == 0 && !receipts->all)
                        continue;
                Receipt receipt = { .rule = &rules->junks[i].rule, .matched = n > 0, .event = newest ? newest->event : 0 };
                if (is_look && n > 0) {
                        receipt.note = arena_printf(deciding->arena, "%zu activit%s of %zu", n, n == 1 ? "y" : "ies", deciding->n_history);
                        if (!receipt.note)
                                return -ENOMEM;
                }
                int r = receipts_add(receipts, deciding->arena, receipt);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void make_subject(Deciding *deciding) {
        const LeadState *state = &deciding->out->after;
        const char *source = state->source;
        int64_t touched_us = state->idle_from_us;

        if (deciding->n_counting > 0 && deciding->history[deciding->n_counting - 1].time_us > touched_us)
                touched_us = deciding->history[deciding->n_counting - 1].time_us;
        /* Nobody has done anything yet, or nothing but junk: it has been silent since it is known. */
        if (touched_us == TIME_NONE)
                touched_us = state->created_us;
        if (source) {
                const char *slash = strchr(source, '/');
                if (slash) {
                        const char *cut = arena_strndup(deciding->arena, source, (size_t) (slash - source));
                        source = cut ? cut : source;
                }
        }
        deciding->subject = (Subject){
                .now_us = deciding->input->now_us,
                .facts = &deciding->out->profile,
                .source = source,
                .lead_id = arena_printf(deciding->arena, "L-%" PRIu64, deciding->input->lead_id),
                .history = deciding->history,
                .n_history = deciding->n_counting,
                .status = deciding->status,
                .owner = state->owner,
                .track = state->track.ended ? NULL : state->track.name,
                .created_us = state->created_us,
                .entered_us = state->entered_us,
                .touched_us = touched_us,
                .prior_grade = state->grade && *state->grade ? state->grade : NULL,
                .next_change_us = TIME_NONE,
        };
}

static bool is_from_outside(const Record *record) {
        return record->family == FAMILY_LEAD || record->family == FAMILY_ACTIVITY || record->family == FAMILY_CONSENT ||
               record->family == FAMILY_COMPANY;
}

int decide_first_touch(const Facts *facts, const char *source, Arena *arena, const char **ret_came_from, const char **ret_campaign) {
        const char *came_from = facts_text(facts, FIELD_ATTRIBUTION_SOURCE), *campaign = facts_text(facts, FIELD_ATTRIBUTION_CAMPAIGN);
        const char *slash = source ? strchr(source, '/') : NULL;

        if (!came_from || !*came_from)
                came_from = slash ? arena_strndup(arena, source, (size_t) (slash - source)) : source;
        if (slash && !came_from)
                return -ENOMEM;
        *ret_came_from = came_from && *came_from ? came_from : NULL;
        if (!campaign || !*campaign)
                campaign = facts_text(facts, FIELD_ATTRIBUTION_CAMPAIGN_ID);
        *ret_campaign = campaign && *campaign ? campaign : NULL;
        return 0;
}

/* The oldest record from outside is the first touch, whenever it is told: as with the lead's age. */
static int take_first_touch(Deciding *deciding) {
        const Record *record = deciding->input->record;
        LeadState *after = &deciding->out->after;

        if (merge_is_one(record) || !is_from_outside(record) || (!deciding->out->is_new && record->time_us >= after->created_us))
                return 0;
        return decide_first_touch(&record->facts, record->source, deciding->arena, &after->came_from, &after->campaign);
}

int decide_consents(const Facts *profile, Arena *arena, const char **ret) {
        _cleanup_(text_free) Text text = { 0 };

        *ret = NULL;
        for (size_t i = 0; i < profile->n_items; i++) {
                const Fact *fact = &profile->items[i];
                if (fact->field == FIELD_CONSENT && fact->value.type == VALUE_BOOL)
                        text_printf(&text, "%s%s%c", text.size > 0 ? " " : "", fact->key, fact->value.boolean ? '+' : '-');
        }
        if (text.error < 0)
                return text.error;
        if (text.size == 0)
                return 0;
        *ret = arena_strndup(arena, text.data, text.size);
        return *ret ? 0 : -ENOMEM;
}

/* Of two sources at one instant the greater text, so that the order in which they came does not show. */
static void take_source(LeadState *after, const Record *record) {
        if (!is_from_outside(record) || !record->source || !*record->source || record->time_us < after->source_us ||
                (record->time_us == after->source_us && after->source && strcmp(record->source, after->source) <= 0))
                return;
        after->source = record->source;
        after->source_us = record->time_us;
}

/* What the lead is before any rule has spoken: the state it had, and the record's facts merged into its profile. */
static int take_facts(Deciding *deciding) {
        const DecideInput *input = deciding->input;
        const Record *record = input->record;
        LeadState *after = &deciding->out->after;
        int r;

        *after = *input->before;
        after->id = input->lead_id;
        after->version = input->before->version + 1;
        deciding->out->is_new = input->before->id == 0;
        if (deciding->out->is_new) {
                after->status = deciding->rules->initial->rule.name;
                after->owner = NULL;
                after->grade = "";
                after->created_us = record->time_us;
                after->entered_us = input->now_us;
                after->idle_from_us = TIME_NONE;
                after->source_us = TIME_NONE;
                after->offered_us = TIME_NONE;
                after->recycle_us = TIME_NONE;
                after->sla = SLA_STATE_NONE;
                after->held = (HeldState){ .next_look_us = TIME_NONE };
                after->track = TRACK_STATE_NONE;
        }
        r = take_first_touch(deciding);
        if (r < 0)
                return r;
        if (record->time_us < after->created_us && !merge_is_one(record))
                after->created_us = record->time_us;
        if (record->family == FAMILY_OUTCOME && record->time_us > after->idle_from_us)
                after->idle_from_us = record->time_us;
        if (!merge_is_one(record))
                take_source(after, record);

        deciding->out->profile = *input->profile;
        if (merge_is_one(record)) {
                r = merge_take(deciding);
                if (r < 0)
                        return r;
        } else if (record->family != FAMILY_TIMER) {
                r = facts_merge(&deciding->out->profile, deciding->arena, &record->facts, &deciding->out->profile_changed);
                if (r < 0)
                        return r;
        }
        r = deals_take(deciding);
        if (r < 0)
                return r;
        if (deciding->out->is_new || deciding->out->profile_changed) {
                r = decide_consents(&deciding->out->profile, deciding->arena, &after->consents);
                if (r < 0)
                        return r;
        }
        const Value *test = facts_get(&deciding->out->profile, FIELD_TEST, NULL);
        after->test = test && test->type == VALUE_BOOL && test->boolean;

        deciding->status = policy_status(deciding->rules, after->status);
        if (!deciding->status) {
                /* The rules lost the status this lead is in: it waits where it is, visibly, until they have it again. */
                deciding_hold(
                        deciding, "rules", arena_printf(deciding->arena, "status \"%s\" is not in the rules", after->status), TIME_NONE);
                return after->held.text ? 0 : -ENOMEM;
        }
        after->status = deciding->status->rule.name;
        /* What held the lead is found again by the phases below, or is gone: a cause that nobody looks at would hold it for ever,
         * and its instant, once past, would be due at once again and again. */
        after->held = (HeldState){ .next_look_us = TIME_NONE };
        deciding->owner = after->owner ? policy_member(deciding->rules, after->owner) : NULL;
        if (input->before->merged_into > 0)
                merge_give_back(deciding);
        return 0;
}

/* An owner who left, or whom the rules moved to another team, does not own an open lead: somebody else gets it. */
static void drop_lost_owner(Deciding *deciding) {
        LeadState *after = &deciding->out->after;
        const Member *owner = deciding->owner;

        if (!after->owner || deciding->status->kind == STATUS_FINAL || (owner && !owner->left && owner->team == deciding->status->team))
                return;
        deciding_set_owner(deciding, NULL, "rules", "the owner is no longer in the team");
        after->unaccepted = false;
}

static int take_judgement(Deciding *deciding) {
        LeadState *after = &deciding->out->after;
        const RuleSet *rules = deciding->rules;
        size_t n = 0;
        int r;

        r = receive_junk(deciding, &deciding->out->receipts, false);
        if (r < 0)
                return r;
        r = policy_judge(deciding->rules, &deciding->subject, deciding->arena, &deciding->out->receipts);
        if (r < 0)
                return r;
        after->fit_mp = deciding->subject.fit_mp;
        after->engagement_mp = deciding->subject.engagement_mp;
        after->grade = deciding->subject.grade[0] ? arena_strdup(deciding->arena, deciding->subject.grade) : "";
        if (!after->grade)
                return -ENOMEM;

        after->segments = NULL;
        after->n_segments = 0;
        for (size_t i = 0; i < rules->n_segments; i++)
                n += deciding->subject.segments[i / 64] >> (i % 64) & 1;
        if (n == 0)
                return 0;
        const char **names = ARENA_ARRAY(deciding->arena, const char *, n);
        if (!names)
                return -ENOMEM;
        for (size_t i = 0; i < rules->n_segments; i++) {
                if (!(deciding->subject.segments[i / 64] >> (i % 64) & 1))
                        continue;
                size_t at = after->n_segments++;
                for (; at > 0 && strcmp(names[at - 1], rules->segments[i].rule.name) > 0; at--)
                        names[at] = names[at - 1];
                names[at] = rules->segments[i].rule.name;
        }
        after->segments = names;
        return 0;
}

static int summarise_scores(Deciding *deciding) {
        const LeadState *after = &deciding->out->after;

        if (deciding->out->summary)
                return 0;
        return deciding_summarise(deciding, "%s: fit %" PRId64 ".%" PRId64 ", engagement %" PRId64 ".%" PRId64 "%s%s",
                deciding->out->is_new ? "new" : "judged", after->fit_mp / 1000,
                (after->fit_mp < 0 ? -after->fit_mp : after->fit_mp) % 1000 / 100, after->engagement_mp / 1000,
                (after->engagement_mp < 0 ? -after->engagement_mp : after->engagement_mp) % 1000 / 100, *after->grade ? ", grade " : "",
                after->grade);
}

/* Events that concern no lead: who is away, which rules hold. */
static int decide_without_lead(Deciding *deciding) {
        const Record *record = deciding->input->record;

        if (base_streq(record->event, "suspended") && record->family == FAMILY_RULES)
                return deciding_summarise(deciding, "%s \"%s\" is suspended: it overran its budget too often",
                        facts_text(&record->facts, FIELD_RULES_KIND), facts_text(&record->facts, FIELD_RULES_NAME));
        if (record->family == FAMILY_RULES) {
                int r = base_streq(record->event, "activated") ? digests_arm(deciding) : 0;
                return r < 0 ? r : deciding_summarise(deciding, "rules activated");
        }
        if (record->family == FAMILY_TIMER)
                return digests_send(deciding);
        if (record->family == FAMILY_CAMPAIGN)
                return take_decide(deciding);

        return absence_record(deciding);
}

bool decide_concerns_lead(const Record *record) {
        return record->family != FAMILY_RULES && record->family != FAMILY_OWNER && record->family != FAMILY_CAMPAIGN &&
               !(record->family == FAMILY_TIMER && base_streq(record->event, "digest"));
}

/* Whoever answered, lost or finished a lead has room for another: those that are held for it need not wait for a clock. */
static void note_freed(Deciding *deciding) {
        const LeadState *before = deciding->input->before, *after = &deciding->out->after;
        const Member *member = before->owner ? policy_member(deciding->rules, before->owner) : NULL;

        if (!member)
                return;
        bool lost = !after->owner || !base_streq(after->owner, before->owner);
        bool answered = before->unaccepted && !after->unaccepted;
        bool ended = deciding->entered && deciding->status->kind == STATUS_FINAL;
        if (lost || answered || ended)
                deciding->out->freed_team = member->team->rule.name;
}

static int decide_record(RuleSet *rules, const DecideInput *input, Arena *arena, Decision *ret) {
        Deciding deciding = deciding_new(rules, input, arena, ret);
        const Record *record = input->record;
        int r;

        *ret = (Decision){ .after = { .grade = "", .recycle_us = TIME_NONE, .wake_us = TIME_NONE, .sla = SLA_STATE_NONE } };
        ret->after.held.next_look_us = TIME_NONE;
        ret->look_us = TIME_NONE;

        if (!decide_concerns_lead(record))
                return decide_without_lead(&deciding);
        if (input->before->erased) {
                char when[TIME_TEXT_SIZE];
                return deciding_refuse(&deciding, "erased", "L-%" PRIu64 " was erased at %s", input->lead_id,
                        time_format_rfc3339(input->before->created_us, when));
        }
        if (erase_is_one(record))
                return erase_decide(&deciding);
        if (input->before->id == 0 && record->family == FAMILY_OUTCOME)
                return deciding_refuse(&deciding, "unknown_lead", "an outcome must name a lead that is known");

        /* Another lead goes on for it: what is asked of it is asked of that one. */
        if (merge_is_one(record) && base_streq(record->event, "merged") && merge_lead(record, FIELD_CARE_INTO) > 0)
                return merge_absorb(&deciding);
        if (input->before->merged_into > 0 && !merge_is_one(record))
                return deciding_refuse(&deciding, "merged", "the lead was merged into L-%" PRIu64, input->before->merged_into);
        if (merge_is_one(record) && base_streq(record->event, "unmerged") && merge_lead(record, FIELD_CARE_INTO) > 0 &&
                input->before->merged_into == 0)
                return deciding_refuse(&deciding, "not_merged", "L-%" PRIu64 " is a lead of its own", input->lead_id);
        if (merge_is_one(record) && input->before->merged_into > 0 && base_streq(record->event, "unmerged") &&
                merge_lead(record, FIELD_CARE_INTO) == 0)
                return merge_lose_part(&deciding);

        r = take_facts(&deciding);
        if (r < 0)
                return r;
        r = make_history(&deciding, true);
        if (r < 0)
                return r;
        make_subject(&deciding);
        if (!deciding.subject.lead_id)
                return -ENOMEM;
        r = take_judgement(&deciding);
        if (r < 0)
                return r;
        if (!deciding.status) {
                /* Nothing is armed: what is due cannot be carried out before a reload brings the status back, and that looks at it. */
                ret->after.wake_us = TIME_NONE;
                tracks_keep_step(&deciding);
                r = ret->after.test ? 0 : effects_held(&deciding);
                if (r == 0)
                        r = deals_settle(&deciding);
                return r < 0 ? r : summarise_scores(&deciding);
        }
        drop_lost_owner(&deciding);
        r = fences_wake(&deciding);
        if (r < 0)
                return r;

        if (record->family == FAMILY_OUTCOME) {
                if (base_streq(record->event, "assign"))
                        r = moves_assign(&deciding);
                else if (base_streq(record->event, "snooze"))
                        r = moves_snooze(&deciding);
                else if (base_streq(record->event, "exclude") && !policy_move(rules, "exclude")) /* of older rules it was a move */
                        r = moves_exclude(&deciding);
                else if (base_streq(record->event, "note"))
                        r = deciding_summarise(&deciding, "note by %s", input->actor);
                else
                        r = moves_by_person(&deciding);
                if (r < 0 || ret->refused)
                        return r;
        } else if (record->family == FAMILY_TIMER) {
                r = timers_fire(&deciding);
                if (r < 0)
                        return r;
        }
        r = input->stays ? 0 : moves_veto(&deciding);
        if (r < 0)
                return r;
        r = input->stays ? 0 : moves_automatic(&deciding);
        if (r < 0)
                return r;

        r = route_absence(&deciding);
        if (r < 0)
                return r;

        /* A hand-off routes; so does a lead that waits for somebody. An assignment by hand has said its word already. */
        bool wants_owner =
                deciding.status->team->n_members > 0 && deciding.status->kind != STATUS_FINAL && !deciding.owner && !ret->after.test;
        if (deciding.team_changed || wants_owner) {
                r = route_lead(&deciding, false);
                if (r < 0)
                        return r;
        }
        r = timers_update(&deciding);
        if (r == 0)
                r = tracks_update(&deciding);
        if (r < 0)
                return r;
        timers_arm(&deciding);
        note_freed(&deciding);
        r = handoff_update(&deciding);
        if (r < 0)
                return r;

        if (!ret->after.test) {
                for (size_t i = 0; i < ret->n_moves; i++) {
                        r = effects_moved(&deciding, &ret->moves[i]);
                        if (r < 0)
                                return r;
                }
                r = effects_assigned(&deciding);
                if (r < 0)
                        return r;
                r = effects_held(&deciding);
                if (r < 0)
                        return r;
        }
        r = deals_settle(&deciding);
        return r < 0 ? r : summarise_scores(&deciding);
}

int decide_event(RuleSet *rules, const DecideInput *input, Arena *arena, Decision *ret) {
        policy_forget_failures(rules);
        int r = decide_record(rules, input, arena, ret);
        return r < 0 ? r : policy_add_failures(rules, &ret->receipts, arena);
}

/* ---- looking ---- */

int deciding_look(Deciding *deciding, Receipts *receipts) {
        const LeadState *state = &deciding->out->after;
        int r;

        deciding->status = policy_status(deciding->rules, state->status);
        deciding->owner = state->owner ? policy_member(deciding->rules, state->owner) : NULL;
        r = make_history(deciding, false);
        if (r < 0)
                return r;
        make_subject(deciding);
        if (!deciding->subject.lead_id)
                return -ENOMEM;
        r = fences_wake(deciding); /* as the next event would find them */
        if (r == 0)
                r = receive_junk(deciding, receipts, true);
        if (r < 0)
                return r;
        r = policy_judge(deciding->rules, &deciding->subject, deciding->arena, receipts);
        return r < 0 ? r : moves_look_veto(deciding, receipts);
}
