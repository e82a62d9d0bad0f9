/* SPDX-License-Identifier: MIT */
/*
 * timers: SLA steps and the one armed instant of a lead. An SLA starts when its
 * status is entered or its lead gets an owner; each step's instant is computed in
 * working time and kept as a fact, so that a later change of time-zone data moves
 * nothing. A step fires once: firing it and counting it on are one decision. After a time in which nobody ran, the most urgent
 * of the steps that were missed fires, not one after the other: nobody is reminded three times of one silence.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>

bool timers_find_calendar(const Deciding *deciding, const Sla *sla, const Calendar **ret) {
        const Team *team = deciding->status->team;

        *ret = NULL;
        switch (sla->clock) {
        case CLOCK_OWNER:
                if (deciding->owner) {
                        *ret = policy_member_calendar(deciding->owner);
                        return true;
                }
                if (team->n_members > 0)
                        return false;
                /* A queue has no owner by design: it runs in its team's calendar. */
                *ret = team->calendar ? team->calendar->calendar : NULL;
                return true;
        case CLOCK_TEAM:
                *ret = team->calendar ? team->calendar->calendar : NULL;
                return true;
        case CLOCK_WALL:
                return true;
        case CLOCK_CALENDAR:
                *ret = sla->calendar->calendar;
                return true;
        }
        return true;
}

int64_t timers_add(const Calendar *calendar, int64_t from_us, Duration duration) {
        int64_t due_us;

        if (!calendar)
                return from_us + duration.us + duration.workdays * US_PER_DAY;
        return calendar_add(calendar, from_us, duration, &due_us) == 0 ? due_us : TIME_NONE;
}

static bool is_zero(Duration duration) { return duration.us == 0 && duration.workdays == 0; }

int64_t timers_later(const Calendar *calendar, int64_t due_us, int64_t paused_us) {
        return due_us == TIME_NONE || paused_us == 0 ? due_us : timers_add(calendar, due_us, (Duration){ .us = paused_us });
}

int64_t timers_step_due(const Sla *sla, const Calendar *calendar, const SlaState *state, uint32_t number, int64_t previous_us) {
        if (number < sla->n_steps)
                return timers_later(calendar, timers_add(calendar, state->start_us, sla->steps[number].at), state->paused_us);
        if (sla->n_steps == 0 || is_zero(sla->steps[sla->n_steps - 1].every) || previous_us == TIME_NONE)
                return TIME_NONE;
        return timers_add(calendar, previous_us, sla->steps[sla->n_steps - 1].every);
}

/* Beyond the declared steps the last repeats; one that leaves the status does so while a fence or a need holds it up (timers_fire). */
static const SlaStep *step_of(const Sla *sla, uint32_t number) {
        const SlaStep *last = sla->n_steps > 0 ? &sla->steps[sla->n_steps - 1] : NULL;

        if (number < sla->n_steps)
                return &sla->steps[number];
        return last && (last->move || !is_zero(last->every)) ? last : NULL;
}

int timers_version(Deciding *deciding, const Sla *sla, const Sla **ret) {
        return policy_sla_of_version(deciding->rules, sla, deciding->out->after.sla.version, deciding->arena, ret);
}

static int start(Deciding *deciding, const Sla *sla) {
        SlaState *state = &deciding->out->after.sla;
        const Calendar *calendar;
        int64_t now_us = deciding->input->now_us;

        if (!timers_find_calendar(deciding, sla, &calendar))
                return 0;
        *state = (SlaState){
                .rule = sla->rule.name,
                .version = sla->version,
                .start_event = deciding->input->event_id,
                .start_us = now_us,
                .due_us = is_zero(sla->within) ? TIME_NONE : timers_add(calendar, now_us, sla->within),
                .next_step = 0,
                .snoozed_until_us = TIME_NONE,
        };
        state->next_due_us = timers_step_due(sla, calendar, state, 0, TIME_NONE);
        return receipts_add(&deciding->out->receipts, deciding->arena, (Receipt){ .rule = &sla->rule, .matched = true });
}

static int holds(Deciding *deciding, const Condition *condition, bool *ret) {
        int r = policy_holds(deciding->rules, condition, &deciding->subject, deciding->arena, ret, NULL, NULL);

        return r < 0 ? r : 0;
}

int timers_takes(Deciding *deciding, const Sla *sla, bool *ret) {
        int r = holds(deciding, sla->when, ret);

        return r < 0 || !*ret ? r : holds(deciding, sla->start_on, ret);
}

/* The newest message of the prospect, by its own time; NULL = there is none. */
static int find_message(Deciding *deciding, const Sla *sla, const Activity **ret) {
        *ret = NULL;
        for (size_t i = sla->roll_on ? deciding->n_counting : 0; i-- > 0;) {
                bool is_one = false;
                int r = policy_matches_activity(
                        deciding->rules, sla->roll_on, &deciding->subject, &deciding->history[i], deciding->arena, &is_one);
                if (r < 0)
                        return r;
                if (is_one) {
                        *ret = &deciding->history[i];
                        break;
                }
        }
        return 0;
}

/* Where responses roll, only what came after the prospect's last message answers it. */
int timers_is_met(Deciding *deciding, const Sla *sla, bool *ret) {
        const Activity *message;

        *ret = false;
        if (!sla->stop)
                return 0;
        int r = find_message(deciding, sla, &message);
        if (r < 0 || !message || deciding->input->before_6)
                return r < 0 ? r : holds(deciding, sla->stop, ret);
        Subject since = deciding->subject;
        since.history = message + 1;
        since.n_history = deciding->n_counting - (size_t) (message + 1 - deciding->history);
        r = policy_holds(deciding->rules, sla->stop, &since, deciding->arena, ret, NULL, NULL);
        deciding->subject.next_change_us = since.next_change_us;
        return r < 0 ? r : 0;
}

/* The first SLA of the present status that takes the lead, unless it is met already. One that waits for its start_on leaves the lead to
 * those below it. */
static int find_sla(Deciding *deciding, const Sla **ret) {
        const RuleSet *rules = deciding->rules;

        *ret = NULL;
        for (size_t i = 0; i < rules->n_slas; i++) {
                bool takes, stopped = false;
                int r;
                if (rules->slas[i].status != deciding->status)
                        continue;
                r = timers_takes(deciding, &rules->slas[i], &takes);
                if (r < 0)
                        return r;
                if (!takes)
                        continue;
                r = timers_is_met(deciding, &rules->slas[i], &stopped);
                if (r == 0 && !stopped)
                        *ret = &rules->slas[i];
                return r;
        }
        return 0;
}

/* A running timer stays, whatever applies later: only an SLA above it that waited for its start_on takes its place, because it runs from
 * when that holds. */
static int find_begun(Deciding *deciding, const Sla *running, const Sla **ret) {
        const RuleSet *rules = deciding->rules;
        bool any_waits = false;
        int r;

        *ret = NULL;
        for (const Sla *sla = rules->slas; sla < running; sla++)
                any_waits |= sla->status == deciding->status && sla->start_on;
        if (!any_waits)
                return 0;
        r = find_sla(deciding, ret);
        if (*ret && (*ret >= running || !(*ret)->start_on))
                *ret = NULL;
        return r;
}

/* The prospect's message sets a new due; the owner's answer never does (vectors.md H5). One that was overtaken by a newer one does not,
 * and one that is junk neither, as both did before version 6. */
static int rolls(Deciding *deciding, const Sla *sla, bool *ret) {
        const Activity *message;
        int r = 0;

        *ret = false;
        for (size_t i = sla->roll_on && deciding->input->before_6 ? deciding->n_history : 0; i-- > 0;)
                if (deciding->history[i].event == deciding->input->event_id)
                        return policy_matches_activity(
                                deciding->rules, sla->roll_on, &deciding->subject, &deciding->history[i], deciding->arena, ret);
        if (!deciding->input->before_6) {
                r = find_message(deciding, sla, &message);
                *ret = r == 0 && message && message->event == deciding->input->event_id;
        }
        return r;
}

/* An answer counts by its own time, however late it is told. */
static void note_answer(Deciding *deciding, const Sla *sla) {
        const Record *record = deciding->input->record;
        LeadState *after = &deciding->out->after;
        bool has_time = record->family == FAMILY_ACTIVITY || record->family == FAMILY_LEAD;
        int64_t at_us = has_time && record->time_us < deciding->input->now_us ? record->time_us : deciding->input->now_us;

        after->response.rule = sla->rule.name;
        if (after->sla.due_us != TIME_NONE && at_us > after->sla.due_us)
                after->response.n_late++;
        else
                after->response.n_in_time++;
}

/* A timer that starts anew after its due leaves a broken promise behind. */
static void note_missed(Deciding *deciding, const SlaState *old) {
        if (!old->rule || old->due_us == TIME_NONE || old->due_us > deciding->input->now_us)
                return;
        deciding->out->after.response.rule = old->rule;
        deciding->out->after.response.n_late++;
}

ResponseStatus decide_response(const LeadState *state, int64_t now_us) {
        bool is_overdue = state->sla.rule && state->sla.due_us != TIME_NONE && state->sla.due_us < now_us;

        if (state->response.n_late > 0 || is_overdue)
                return RESPONSE_FAILED;
        if (state->response.n_in_time > 0)
                return RESPONSE_FULFILLED;
        return state->sla.rule ? RESPONSE_DUE : RESPONSE_NONE;
}

const char *decide_response_name(ResponseStatus status) {
        static const char *const names[] = { NULL, "due", "fulfilled", "failed" };

        return names[status];
}

/* `retime`: what is still to come of a running timer follows the rules as they are now, from the same start. */
static void retime(Deciding *deciding, const Sla *sla) {
        SlaState *state = &deciding->out->after.sla;
        int64_t now_us = deciding->input->now_us, next_us;
        const Calendar *calendar;

        if (!timers_find_calendar(deciding, sla, &calendar))
                return;
        state->version = sla->version;
        if (state->due_us == TIME_NONE || state->due_us > now_us)
                state->due_us = is_zero(sla->within)
                                        ? TIME_NONE
                                        : timers_later(calendar, timers_add(calendar, state->start_us, sla->within), state->paused_us);
        if (state->next_step >= sla->n_steps || (state->next_due_us != TIME_NONE && state->next_due_us <= now_us))
                return; /* a repeat counts from the one before; what is due is due */
        next_us = timers_step_due(sla, calendar, state, state->next_step, TIME_NONE);
        if (next_us == TIME_NONE || state->snoozed_until_us <= now_us || next_us >= state->snoozed_until_us)
                state->next_due_us = next_us;
}

int timers_update(Deciding *deciding) {
        LeadState *after = &deciding->out->after;
        const Sla *sla = after->sla.rule ? policy_sla(deciding->rules, after->sla.rule) : NULL;
        bool was_running = after->sla.rule != NULL;
        int r;

        if (deciding->entered)
                after->response = (ResponseState){ 0 };
        if (deciding->status->kind == STATUS_FINAL || after->test) {
                after->sla = SLA_STATE_NONE;
                return 0;
        }
        bool lost = was_running && (!sla || sla->status != deciding->status);
        bool restart = deciding->entered || lost || (deciding->owner_changed && (!deciding->fired_sla || deciding->reassigned));
        if (!restart && sla) {
                bool stopped, rolled;
                r = timers_is_met(deciding, sla, &stopped);
                if (r < 0)
                        return r;
                if (stopped) {
                        uint32_t n_late = after->response.n_late;
                        note_answer(deciding, sla);
                        after->sla = SLA_STATE_NONE;
                        return deciding_summarise(deciding, "%s is met%s", sla->rule.name,
                                after->response.n_late > n_late && !deciding->input->before_6 ? ", too late" : "");
                }
                r = rolls(deciding, sla, &rolled);
                if (r < 0)
                        return r;
                if (rolled) {
                        note_missed(deciding, &after->sla);
                        return start(deciding, sla);
                }
                const Sla *begun;
                r = find_begun(deciding, sla, &begun);
                if (r < 0)
                        return r;
                if (begun)
                        return start(deciding, begun);
                if (sla->retime)
                        retime(deciding, sla);
                return 0;
        }
        if (!restart) {
                /* Nothing runs: only an SLA that waits for its start_on may begin now, or one that was met and is asked again. */
                bool rolled = false;
                r = find_sla(deciding, &sla);
                if (r >= 0 && sla && !sla->start_on && !deciding->input->before_6)
                        r = rolls(deciding, sla, &rolled);
                return r < 0 || !sla || !(sla->start_on || rolled) ? r : start(deciding, sla);
        }
        if (!deciding->entered)
                note_missed(deciding, &deciding->input->before->sla);
        after->sla = SLA_STATE_NONE;
        r = find_sla(deciding, &sla);
        return r < 0 || !sla ? r : start(deciding, sla);
}

/* The step to fire: the last that is due, if those before it were missed and would only have reminded. What reassigns or moves the lead is
 * never passed over: after it the later steps may not come at all. Leaves when it was due in *due_us. */
static uint32_t most_urgent(const Deciding *deciding, const Sla *sla, const Calendar *calendar, int64_t *due_us) {
        const SlaState *state = &deciding->out->after.sla;
        int64_t now_us = deciding->input->now_us;
        uint32_t number = state->next_step;

        while (number + 1 < sla->n_steps && !sla->steps[number].reassign && !sla->steps[number].move &&
                now_us - *due_us > DECIDE_MISSED_US) {
                int64_t next_us = timers_step_due(sla, calendar, state, number + 1, *due_us);
                if (next_us == TIME_NONE || next_us > now_us)
                        break;
                *due_us = next_us;
                number++;
        }
        return number;
}

static int summarise_missed(Deciding *deciding, const Sla *sla, uint32_t from, uint32_t to) {
        if (from == to)
                return 0;
        return to - from == 1 ? deciding_summarise(deciding, "%s step %u was missed", sla->rule.name, from + 1)
                              : deciding_summarise(deciding, "%s steps %u to %u were missed", sla->rule.name, from + 1, to);
}

int timers_fire(Deciding *deciding) {
        LeadState *after = &deciding->out->after;
        SlaState *state = &after->sla;
        const Sla *sla = state->rule ? policy_sla(deciding->rules, state->rule) : NULL;
        const Calendar *calendar;
        int r;

        if (!sla || state->next_due_us == TIME_NONE || state->next_due_us > deciding->input->now_us)
                return 0; /* a look: whatever changed by itself is judged like any event */
        r = timers_version(deciding, sla, &sla);
        if (r < 0)
                return r;
        deciding->fired_sla = sla->rule.name;
        r = timers_find_calendar(deciding, sla, &calendar) ? 0 : -EINVAL;
        int64_t due_us = state->next_due_us;
        /* Before version 6 each step that was missed fired. */
        bool all_fire = r < 0 || deciding->input->before_6;
        uint32_t number = all_fire ? state->next_step : most_urgent(deciding, sla, calendar, &due_us);
        const SlaStep *step = step_of(sla, number);
        if (summarise_missed(deciding, sla, state->next_step, number) < 0)
                return -ENOMEM;
        state->next_step = number + 1;
        state->next_due_us = r == 0 ? timers_step_due(sla, calendar, state, number + 1, due_us) : TIME_NONE;
        /* Repeats that were missed while nobody ran are not made up for, one after the other: the next is counted from now. */
        if (r == 0 && number + 1 >= sla->n_steps && state->next_due_us != TIME_NONE && state->next_due_us <= deciding->input->now_us)
                state->next_due_us = timers_step_due(sla, calendar, state, number + 1, deciding->input->now_us);
        if (!step)
                return 0;
        if (step->n_remind > 0 && !after->test) {
                r = effects_reminded(deciding, sla, step, number);
                if (r < 0)
                        return r;
        }
        if (step->reassign && deciding->owner) {
                r = route_lead(deciding, true);
                if (r < 0)
                        return r;
        }
        if (!step->move)
                return 0;
        int64_t again_us;
        r = moves_by_sla(deciding, sla, step->move, step->reason, &again_us);
        if (r < 0 || again_us == TIME_NONE || state->next_due_us != TIME_NONE)
                return r;
        /* A fence or a need keeps the lead here, and this was the last step: it comes again under the next number,
         * or there would be silence for ever. */
        state->next_due_us = again_us;
        return 0;
}

static void sooner(int64_t *wake_us, int64_t candidate_us) {
        if (candidate_us != TIME_NONE && (*wake_us == TIME_NONE || candidate_us < *wake_us))
                *wake_us = candidate_us;
}

void timers_arm(Deciding *deciding) {
        LeadState *after = &deciding->out->after;
        int64_t now_us = deciding->input->now_us;
        int64_t look_us = TIME_NONE;
        bool ended = deciding->status->kind == STATUS_FINAL;

        after->wake_us = TIME_NONE;
        if (after->test)
                return;
        sooner(&after->wake_us, after->sla.next_due_us);
        if (after->track.name && !after->track.ended)
                sooner(&after->wake_us, after->track.next_due_us);
        sooner(&after->wake_us, after->held.next_look_us);
        sooner(&after->wake_us, route_next_absence(deciding));
        /* Nothing leaves a final status by itself: the end of a rest, once past, would be due at once again and again. */
        if (after->recycle_us != RECYCLE_UNTIL_WOKEN && !ended)
                sooner(&after->wake_us, after->recycle_us);
        /* What becomes of a customer is the tracks' business: the segment that a track is for comes and goes with time, too. */
        if (!ended || (deciding->rules->n_tracks > 0 && deciding->status->marketing_may_contact))
                sooner(&look_us, deciding->subject.next_change_us);
        /* What changes by itself lies ahead: an instant that has come was judged just now, and looking again at once would spin. */
        if (look_us != TIME_NONE && look_us <= now_us)
                look_us = now_us + US_PER_SECOND;
        if (!ended)
                sooner(&look_us, deciding->fence_opens_us);
        sooner(&after->wake_us, look_us);
        deciding->out->look_us = look_us;
}
