/* SPDX-License-Identifier: MIT */
/*
 * snooze: the owner of a lead, or the head of the team, puts the running SLA timer off until an instant, and says why.
 * What was left of the working time is left when the pause ends: due and steps come later by the working time of the
 * pause, and no step fires before its end. Steps given in working days count the days first, then the pause.
 *
 * A pause lasts at most the SLA's max_snooze, all snoozes of one timer taken together, measured in the SLA's clock. A
 * new snooze takes the place of one that is not over: of that one only what has passed counts. A timer that starts
 * anew (another owner, the prospect's answer) knows nothing of earlier snoozes.
 */
#include "internal.h"

#include <errno.h>

static int64_t elapsed(const Calendar *calendar, int64_t from_us, int64_t until_us) {
        return calendar ? calendar_between(calendar, from_us, until_us) : until_us - from_us;
}

static const Zone *zone_of(const Deciding *deciding, const Calendar *calendar) {
        const Calendar *own = calendar || !deciding->owner ? calendar : policy_member_calendar(deciding->owner);

        return own ? calendar_zone(own) : deciding->rules->settings->zone;
}

/* RFC 3339; a date, which is its first instant where the SLA is measured; or a duration from now. */
static bool parse_until(const Deciding *deciding, const Calendar *calendar, const char *text, int64_t *ret_us) {
        int64_t days;
        Duration duration;

        if (time_parse_rfc3339(text, strlen(text), ret_us) == 0)
                return true;
        if (time_parse_date(text, strlen(text), &days) == 0) {
                *ret_us = zone_local_to_utc(zone_of(deciding, calendar), days * US_PER_DAY);
                return true;
        }
        if (duration_parse(text, &duration) != 0 || (duration.workdays != 0 && !calendar))
                return false;
        *ret_us = timers_add(duration.workdays != 0 ? calendar : NULL, deciding->input->now_us, duration);
        return *ret_us != TIME_NONE;
}

/* Who may: only a person who has the lead in hand. */
static int check_actor(Deciding *deciding) {
        const Team *team = deciding->status->team;
        const Member *actor = moves_actor(deciding);

        if (actor && (actor == deciding->owner || actor == team->head))
                return 0;
        return deciding_refuse(deciding, "not_allowed", "a lead is snoozed by its owner (%s)%s%s; %s is not",
                deciding->owner ? deciding->owner->rule.name : "nobody has it", team->head ? " or the head of the team, " : "",
                team->head ? team->head->rule.name : "", actor ? actor->rule.name : deciding->input->actor);
}

/* Puts off what is still to come. old_until_us: where a pause that is not over would have ended, else now. */
static void put_off(Deciding *deciding, const Sla *sla, const Calendar *calendar, int64_t old_until_us, int64_t until_us) {
        SlaState *state = &deciding->out->after.sla;
        int64_t now_us = deciding->input->now_us, open_us = until_us;

        if (state->due_us != TIME_NONE && state->due_us > now_us)
                state->due_us = timers_later(calendar, timers_add(calendar, state->start_us, sla->within), state->paused_us);
        if (state->next_due_us == TIME_NONE)
                return;
        if (state->next_step < sla->n_steps)
                state->next_due_us = timers_step_due(sla, calendar, state, state->next_step, TIME_NONE);
        else {
                /* A repeat counts from the one before: what was left until it is left. */
                int64_t left_us = elapsed(calendar, old_until_us, state->next_due_us);
                state->next_due_us = timers_later(calendar, until_us, left_us > 0 ? left_us : 0);
        }
        if (state->next_due_us == TIME_NONE || state->next_due_us >= until_us)
                return;
        /* It was due already, or falls on the closing time before the end of the pause. */
        if (calendar && calendar_next_open(calendar, until_us, &open_us) != 0)
                open_us = until_us;
        state->next_due_us = open_us;
}

int moves_snooze(Deciding *deciding) {
        const Record *record = deciding->input->record;
        const char *until_text = facts_text(&record->facts, FIELD_OUTCOME_NOT_BEFORE);
        const char *reason = facts_text(&record->facts, FIELD_OUTCOME_REASON);
        SlaState *state = &deciding->out->after.sla;
        const Sla *sla = state->rule ? policy_sla(deciding->rules, state->rule) : NULL;
        const Calendar *calendar;
        int64_t now_us = deciding->input->now_us, until_us;
        char buffer[TIME_TEXT_SIZE];

        int r = check_actor(deciding);
        if (r < 0 || deciding->out->refused)
                return r;
        if (!sla || !timers_find_calendar(deciding, sla, &calendar))
                return deciding_refuse(deciding, "no_timer", "no SLA runs for the lead: there is nothing to snooze");
        r = timers_version(deciding, sla, &sla);
        if (r < 0 || !timers_find_calendar(deciding, sla, &calendar))
                return r < 0 ? r : -EINVAL;
        if (sla->max_snooze.us == 0 && sla->max_snooze.workdays == 0)
                return deciding_refuse(deciding, "no_snooze", "the SLA %s allows no snooze", sla->rule.name);
        if (!reason || !*reason)
                return deciding_refuse(deciding, "reason_required", "a snooze needs a reason");
        if (strlen(reason) > DECIDE_SNOOZE_REASON_MAX)
                return deciding_refuse(
                        deciding, "bad_record", "the reason of a snooze has more than %d characters", DECIDE_SNOOZE_REASON_MAX);
        if (!until_text || !*until_text)
                return deciding_refuse(deciding, "bad_record", "a snooze needs an end (data.outcome.not_before)");
        if (!parse_until(deciding, calendar, until_text, &until_us))
                return deciding_refuse(deciding, "bad_record",
                        "\"%.80s\" is no time to snooze until: write a date (2026-03-12), a time (RFC 3339) or 2d%s", until_text,
                        calendar ? " or 1wd" : "");
        if (until_us <= now_us)
                return deciding_refuse(deciding, "bad_record", "%s is past", zone_format(zone_of(deciding, calendar), until_us, buffer));

        int64_t old_until_us = state->snoozed_until_us > now_us ? state->snoozed_until_us : now_us;
        int64_t spent_us = state->paused_us - elapsed(calendar, now_us, old_until_us);
        int64_t pause_us = elapsed(calendar, now_us, until_us);
        int64_t limit_us = timers_add(calendar, now_us, sla->max_snooze);
        int64_t left_us = limit_us == TIME_NONE ? 0 : elapsed(calendar, now_us, limit_us) - spent_us;
        if (pause_us > left_us && left_us <= 0)
                return deciding_refuse(deciding, "snooze_too_long", "the lead has been snoozed for as long as the SLA %s allows (%s)",
                        sla->rule.name, duration_format(sla->max_snooze, buffer));
        if (pause_us > left_us) {
                char latest[TIME_TEXT_SIZE];
                return deciding_refuse(deciding, "snooze_too_long", "the SLA %s allows a snooze of %s in all: until %s at the latest",
                        sla->rule.name, duration_format(sla->max_snooze, buffer),
                        zone_format(zone_of(deciding, calendar), timers_later(calendar, now_us, left_us), latest));
        }
        state->paused_us = spent_us + pause_us;
        state->snoozed_until_us = until_us;
        state->snooze_reason = arena_strdup(deciding->arena, reason);
        if (!state->snooze_reason)
                return -ENOMEM;
        put_off(deciding, sla, calendar, old_until_us, until_us);
        return deciding_summarise(
                deciding, "%s snoozed until %s by %s", sla->rule.name, time_format_rfc3339(until_us, buffer), deciding->input->actor);
}
