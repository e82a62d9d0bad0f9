/* SPDX-License-Identifier: MIT */
/*
 * The part of the glossary that is about many leads: the calendar of campaigns, the larger priority first, what each track sends and when,
 * by which stages both teams count, and what each has promised the other.
 */
#include "glossary.h"
#include "leadd/plans.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* ---- campaigns ---- */

static int compare_campaigns(const void *a, const void *b) {
        const Campaign *x = *(const Campaign *const *) a, *y = *(const Campaign *const *) b;

        return policy_campaign_goes_first(x, y) ? -1 : policy_campaign_goes_first(y, x) ? 1 : 0;
}

static void say_dates(Text *out, const Campaign *campaign) {
        if (campaign->from_text && campaign->to_text && base_streq(campaign->from_text, campaign->to_text))
                text_printf(out, "on %s", campaign->from_text);
        else if (campaign->from_text && campaign->to_text)
                text_printf(out, "%s to %s", campaign->from_text, campaign->to_text);
        else if (campaign->from_text)
                text_printf(out, "from %s on", campaign->from_text);
        else if (campaign->to_text)
                text_printf(out, "until %s", campaign->to_text);
        else
                text_append(out, "always");
}

static void say_consent(Text *out, const char *purpose, bool needs_consent) {
        text_printf(out, needs_consent ? "only who has agreed to %s" : "not who has refused %s", purpose);
}

static void tell_campaign(Text *out, Text *scratch, const RuleSet *rules, const Campaign *campaign) {
        text_printf(out, "  %s, ", campaign->rule.name);
        say_dates(out, campaign);
        text_printf(out, "; priority %" PRIu32 "; planned by %s\n", campaign->priority, campaign->owner->rule.name);
        glossary_line_text(out, scratch, "", campaign->rule.doc);
        if (condition_is_always(campaign->include))
                text_append(scratch, "everybody whom marketing may write to");
        else
                condition_describe(rules, campaign->include, scratch);
        glossary_line(out, "for", scratch);
        if (campaign->exclude)
                condition_describe(rules, campaign->exclude, scratch);
        glossary_line(out, "but not", scratch);
        if (campaign->cap > 0) {
                text_printf(scratch, "%" PRIu32 " %s in ", campaign->cap, campaign->cap == 1 ? "mail" : "mails");
                glossary_say_duration(scratch, campaign->cap_per);
                text_append(scratch, " to one person, of whatever campaign or track");
        }
        glossary_line(out, "at most", scratch);
        say_consent(scratch, campaign->purpose, campaign->needs_consent);
        glossary_line(out, "", scratch);
        glossary_line_text(out, scratch, "through", campaign->channel ? campaign->channel->rule.name : NULL);
}

/* In the order in which they take a person that several mean. */
static void tell_campaigns(Text *out, Text *scratch, const RuleSet *rules) {
        const Campaign **sorted;

        if (rules->n_campaigns == 0)
                return;
        sorted = calloc(rules->n_campaigns, sizeof(*sorted));
        if (!sorted) {
                out->error = -ENOMEM;
                return;
        }
        for (size_t i = 0; i < rules->n_campaigns; i++)
                sorted[i] = &rules->campaigns[i];
        qsort(sorted, rules->n_campaigns, sizeof(*sorted), compare_campaigns);
        glossary_heading(out, "CAMPAIGNS (a person whom two mean is in the first; whom marketing may not contact is in none)");
        for (size_t i = 0; i < rules->n_campaigns; i++)
                tell_campaign(out, scratch, rules, sorted[i]);
        free(sorted);
}

/* ---- tracks ---- */

static void say_clock(Text *out, const Track *track) {
        if (track->clock == TRACK_CLOCK_CALENDAR)
                text_printf(out, "working time in %s", track->calendar->rule.name);
        else if (track->clock == TRACK_CLOCK_PERSON)
                text_printf(out, "working time where the person is%s%s", track->calendar ? ", by the hours of " : "",
                        track->calendar ? track->calendar->rule.name : "");
}

static void say_step(Text *out, const TrackStep *step, bool is_first) {
        bool waits = step->wait.us != 0 || step->wait.workdays != 0;

        if (waits) {
                text_append(out, is_first ? "after " : "then after ");
                glossary_say_duration(out, step->wait);
        } else
                text_append(out, is_first ? "at once" : "then at once");
        if (step->at_us != TIME_NONE)
                text_printf(out, ", at %02d:%02d", (int) (step->at_us / US_PER_HOUR), (int) (step->at_us % US_PER_HOUR / US_PER_MINUTE));
        text_printf(out, ": %s%s", step->send->rule.name, step->send->from_rep ? ", from who sent the lead back" : "");
}

static void tell_tracks(Text *out, Text *scratch, const RuleSet *rules) {
        if (rules->n_tracks == 0)
                return;
        glossary_heading(out, "TRACKS (the first that applies; whom marketing may not contact is in none)");
        for (size_t i = 0; i < rules->n_tracks; i++) {
                const Track *track = &rules->tracks[i];

                text_printf(out, "  %s\n", track->rule.name);
                glossary_line_text(out, scratch, "", track->rule.doc);
                condition_describe(rules, track->enter, scratch);
                glossary_line(out, "for", scratch);
                if (track->leave)
                        condition_describe(rules, track->leave, scratch);
                glossary_line(out, "but not", scratch);
                if (track->wake_on)
                        condition_describe(rules, track->wake_on, scratch);
                glossary_line(out, "ended by", scratch);
                for (size_t k = 0; k < track->n_steps; k++) {
                        say_step(scratch, &track->steps[k], k == 0);
                        glossary_line(out, "", scratch);
                }
                say_clock(scratch, track);
                glossary_line(out, "waits count in", scratch);
                say_consent(scratch, track->purpose, track->needs_consent);
                glossary_line(out, "", scratch);
        }
}

/* ---- stages and targets ---- */

static void say_reached(Text *out, const Stage *stage) {
        const char *joint = "";

        if (stage->every)
                text_append(out, "every lead");
        if (stage->accepted) {
                text_append(out, "its owner moved it on");
                joint = ", or ";
        }
        if (stage->n_statuses > 0) {
                text_printf(out, "%sit was in ", joint);
                glossary_say_statuses(out, stage->statuses, stage->n_statuses, " or ");
                joint = ", or ";
        }
        for (size_t i = 0; i < stage->n_moves; i++)
                text_printf(out, "%s%s",
                        i > 0    ? glossary_between(i, stage->n_moves, " or ")
                        : *joint ? ", or it made "
                                 : "it made ",
                        stage->moves[i]->rule.name);
        if (stage->opportunity)
                text_printf(out, "%sit has an opportunity", *joint || stage->n_moves > 0 ? ", or " : "");
}

static void tell_stages(Text *out, Text *scratch, const RuleSet *rules) {
        if (!rules->stages_are_declared)
                return; /* statuses and moves say it */
        glossary_heading(out, "STAGES (a lead has reached one when)");
        for (size_t i = 0; i < rules->n_stages; i++) {
                text_printf(out, "  %s\n", rules->stages[i].rule.name);
                glossary_line_text(out, scratch, "", rules->stages[i].rule.doc);
                say_reached(scratch, &rules->stages[i]);
                glossary_line(out, "", scratch);
        }
}

static void tell_targets(Text *out, Text *scratch, const RuleSet *rules) {
        static const char *const sides[] = { [SIDE_SALES] = "sales", [SIDE_MARKETING] = "marketing" };
        static const char *const units[] = { [UNIT_PERCENT] = " %", [UNIT_HOURS] = " working hours", [UNIT_LEADS] = "" };

        if (rules->n_targets == 0)
                return;
        glossary_heading(out, "TARGETS (what each team promised the other)");
        for (size_t i = 0; i < rules->n_targets; i++) {
                const Target *target = &rules->targets[i];
                const MeasureInfo *info = policy_measure(target->measure);

                text_printf(out, "  %s, of %s: at %s %.15g%s\n", target->rule.name, sides[target->side],
                        target->is_least ? "least" : "most", (double) target->bound_milli / 1000.0, units[info->unit]);
                glossary_line_text(out, scratch, "", target->rule.doc);
                text_printf(scratch, info->unit == UNIT_PERCENT ? "of %s" : "%s", info->of);
                glossary_line(out, "counted", scratch);
        }
}

void glossary_tell_plans(Text *out, Text *scratch, const RuleSet *rules) {
        tell_campaigns(out, scratch, rules);
        tell_tracks(out, scratch, rules);
        tell_stages(out, scratch, rules);
        tell_targets(out, scratch, rules);
}
