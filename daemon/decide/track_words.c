/* SPDX-License-Identifier: MIT */
/*
 * track_words: what a track does for a lead, or what keeps it from doing anything, in words: for show, explain and whynot. A look: it
 * decides nothing.
 */
#include "internal.h"
#include "leadd/plans.h"

#include <errno.h>

static const char *say_next(Deciding *deciding, const Track *track, const TrackState *state) {
        char when[TIME_TEXT_SIZE];

        if (state->next_due_us == TIME_NONE || state->next_step >= track->n_steps)
                return "no step is left";
        return arena_printf(deciding->arena, "next is %s at %s", track->steps[state->next_step].send->rule.name,
                time_format_rfc3339(state->next_due_us, when));
}

int tracks_say(Deciding *deciding, const Track *track, const char **ret) {
        const TrackState *state = &deciding->out->after.track;
        const char *next = say_next(deciding, track, state);
        char since[TIME_TEXT_SIZE];

        *ret = next ? arena_printf(deciding->arena, "in it since %s, %u of %zu steps taken, %s",
                              time_format_rfc3339(state->since_us, since), state->next_step, track->n_steps, next)
                    : NULL;
        return *ret ? 0 : -ENOMEM;
}

/* "wanted" is false of `leave`. *ret stays NULL when nothing is wrong. */
static int say_condition(Deciding *deciding, const Condition *condition, bool wanted, const char *lead_in, const char **ret) {
        const char *note = NULL;
        bool is_so;
        Misses misses;
        int r = policy_holds(deciding->rules, condition, &deciding->subject, deciding->arena, &is_so, &note, NULL);

        if (r < 0)
                return r;
        if (r == POLICY_E_FAILED)
                *ret = arena_printf(deciding->arena, "%sit failed: %s", lead_in, note ? note : "");
        else if (is_so == wanted)
                return 0;
        else {
                r = policy_misses(deciding->rules, condition, wanted, &deciding->subject, deciding->arena, &misses);
                if (r < 0)
                        return r;
                *ret = arena_printf(deciding->arena, "%s%s", lead_in, *misses.text ? misses.text : "it does not hold");
        }
        return *ret ? 0 : -ENOMEM;
}

int tracks_find_hurdle(Deciding *deciding, const Track *track, const char **ret_kind, const char **ret_text) {
        const LeadState *lead = &deciding->out->after;
        const TrackState *state = &lead->track;
        char since[TIME_TEXT_SIZE];
        int r = 0;

        *ret_kind = *ret_text = NULL;
        if (lead->test) {
                *ret_kind = "test";
                *ret_text = "a test lead is sent nothing";
        } else if (!deciding->status->marketing_may_contact) {
                *ret_kind = "status";
                *ret_text = arena_printf(deciding->arena, "in %s marketing may not contact the lead", deciding->status->rule.name);
        } else if (state->name && state->ended) {
                *ret_kind = "woken";
                *ret_text = arena_printf(deciding->arena,
                        "the lead was woken from %s at %s, and is in no track until `enter` of that one "
                        "has been false or the lead is moved",
                        state->name, time_format_rfc3339(state->since_us, since));
        } else if ((*ret_text = tracks_consent(deciding, track))) {
                *ret_kind = "consent";
        } else {
                r = say_condition(deciding, track->enter, true, "", ret_text);
                *ret_kind = "when";
                if (r == 0 && !*ret_text && track->leave) {
                        r = say_condition(deciding, track->leave, false, "`leave` holds: ", ret_text);
                        *ret_kind = "leave";
                }
                if (r == 0 && !*ret_text && state->name && !base_streq(state->name, track->rule.name)) {
                        *ret_text = arena_printf(deciding->arena, "the lead is in %s, and in one track at a time", state->name);
                        *ret_kind = "earlier";
                } else if (r == 0 && !*ret_text) {
                        *ret_kind = NULL;
                        return 0;
                }
        }
        return r < 0 || *ret_text ? r : -ENOMEM;
}

/* Of a lead in none: what keeps it from all of them, else that none is for it. */
static int say_why_none(Deciding *deciding, const char **ret) {
        const RuleSet *rules = deciding->rules;
        const char *consent = NULL;

        *ret = "no track is for it";
        for (size_t i = 0; i < rules->n_tracks; i++) {
                const Track *track = &rules->tracks[i];
                const char *kind, *text;
                bool enters;
                int r = tracks_find_hurdle(deciding, track, &kind, &text);
                if (r < 0)
                        return r;
                if (!kind) {
                        *ret = arena_printf(deciding->arena, "enters %s at its next event", track->rule.name);
                        return *ret ? 0 : -ENOMEM;
                }
                if (base_streq(kind, "test") || base_streq(kind, "status") || base_streq(kind, "woken")) {
                        *ret = text;
                        return 0;
                }
                if (consent || !base_streq(kind, "consent"))
                        continue;
                r = policy_holds(deciding->rules, track->enter, &deciding->subject, deciding->arena, &enters, NULL, NULL);
                if (r < 0)
                        return r;
                if (enters && !(consent = arena_printf(deciding->arena, "not in %s: %s", track->rule.name, text)))
                        return -ENOMEM;
        }
        *ret = consent ? consent : *ret;
        return 0;
}

int decide_say_track(RuleSet *rules, const DecideInput *input, Arena *arena, const char **ret_out, const Message **ret_next) {
        Decision decision = { .after = *input->before, .profile = *input->profile };
        Deciding deciding = deciding_new(rules, input, arena, &decision);
        const TrackState *state = &input->before->track;
        const Track *track = state->name && !state->ended ? policy_track(rules, state->name) : NULL;
        Receipts unwanted = { 0 };

        *ret_out = NULL;
        *ret_next = NULL;
        if (track) {
                if (state->next_due_us != TIME_NONE && state->next_step < track->n_steps)
                        *ret_next = track->steps[state->next_step].send;
                return 0;
        }
        if (rules->n_tracks == 0)
                return 0;
        int r = deciding_look(&deciding, &unwanted);
        return r < 0 || !deciding.status ? r : say_why_none(&deciding, ret_out);
}
