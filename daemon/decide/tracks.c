/* SPDX-License-Identifier: MIT */
/*
 * tracks: what marketing sends one lead, step by step, while it has it. A lead is in at most one track. It may be in one only where its
 * status lets marketing contact it: that is the whole fence. Where sales has the lead, the status does not, and no condition can say
 * otherwise. Nor is it in one while the person's consent is missing or withdrawn.
 *
 * After the moves of an event, and routing, a lead in a track stays, leaves, or is woken; one in none enters the first declared that takes
 * it. A track that goes on holding is kept, whatever is declared before it. A signal (wake_on) ends the track at once, and the lead is in
 * none from then on until `enter` has been false or the lead moved: it has answered, and is not to be written to as if it had not.
 *
 * Steps are armed one at a time: when a step is taken, the wait of the next begins. Taking it, counting it on and the row for the outbox
 * are one decision, so that each is taken once. After a time in which nobody ran one step is late, not three.
 */
#include "internal.h"
#include "leadd/plans.h"

#include <errno.h>

#define AT_DAYS_MAX 14 /* days looked ahead for one that is open at a step's time of day */

/* ---- may the lead be in it ---- */

typedef enum Verdict {
        VERDICT_NO,
        VERDICT_YES,
        VERDICT_UNKNOWN, /* a function broke: who is in stays in, and is sent nothing; who is not stays out */
} Verdict;

static int holds(Deciding *deciding, const Condition *condition, Verdict *ret) {
        bool yes;
        int r = policy_holds(deciding->rules, condition, &deciding->subject, deciding->arena, &yes, NULL, NULL);

        *ret = r == POLICY_E_FAILED ? VERDICT_UNKNOWN : yes ? VERDICT_YES : VERDICT_NO;
        return r < 0 ? r : 0;
}

const char *tracks_consent(Deciding *deciding, const Track *track) {
        const Value *said = facts_get(&deciding->out->profile, FIELD_CONSENT, track->purpose);
        bool given = said && said->type == VALUE_BOOL && said->boolean, refused = said && said->type == VALUE_BOOL && !said->boolean;

        if (refused)
                return arena_printf(deciding->arena, "consent.%s is withdrawn", track->purpose);
        if (!given && track->needs_consent)
                return arena_printf(deciding->arena, "consent.%s is missing", track->purpose);
        return NULL;
}

/* What the person said to a purpose: most tracks have the same. */
typedef struct Said {
        const char *purpose;
        const Value *value;
} Said;

static bool lacks_consent(const Deciding *deciding, const Track *track, Said *last) {
        if (last->purpose != track->purpose)
                *last = (Said){ track->purpose, facts_get(&deciding->out->profile, FIELD_CONSENT, track->purpose) };
        return last->value && last->value->type == VALUE_BOOL ? !last->value->boolean : track->needs_consent;
}

bool tracks_may_write(const Deciding *deciding) { return deciding->status->marketing_may_contact && !deciding->out->after.test; }

/* `enter` holds and `leave` does not. *ret_why: for whom it is no, a word for the log. */
static int ask(Deciding *deciding, const Track *track, Verdict *ret, const char **ret_why) {
        Verdict enters, leaves = VERDICT_NO;
        int r = holds(deciding, track->enter, &enters);

        if (r == 0 && enters != VERDICT_NO && track->leave)
                r = holds(deciding, track->leave, &leaves);
        *ret_why = enters == VERDICT_NO ? "enter no longer holds" : "leave holds";
        *ret = enters == VERDICT_NO || leaves == VERDICT_YES            ? VERDICT_NO
               : enters == VERDICT_UNKNOWN || leaves == VERDICT_UNKNOWN ? VERDICT_UNKNOWN
                                                                        : VERDICT_YES;
        return r;
}

/* Is this very event a signal? One that happened before the lead was in the track, and came late, is none. */
static int is_woken(Deciding *deciding, const Track *track, const char **ret_by) {
        const Record *record = deciding->input->record;
        bool woken = false;

        *ret_by = NULL;
        if (!track->wake_on || (record->family != FAMILY_ACTIVITY && record->family != FAMILY_LEAD))
                return 0;
        for (size_t i = deciding->n_counting; i-- > 0;) {
                const Activity *activity = &deciding->history[i];
                if (activity->event != deciding->input->event_id)
                        continue;
                if (activity->time_us < deciding->out->after.track.since_us)
                        return 0;
                int r = policy_matches_activity(deciding->rules, track->wake_on, &deciding->subject, activity, deciding->arena, &woken);
                if (r == 0 && woken)
                        *ret_by = activity->type;
                return r < 0 ? r : 0;
        }
        return 0;
}

/* ---- when ---- */

/* The open hours that a track's working time is read from: *ret_zone is where the person is, NULL = the calendar's own zone. */
static int find_hours(Deciding *deciding, const Track *track, const Calendar **ret, const Zone **ret_zone) {
        *ret = track->calendar ? track->calendar->calendar : NULL;
        *ret_zone = NULL;
        if (track->clock == TRACK_CLOCK_CALENDAR)
                return 0;
        int r = policy_person_zone(deciding->rules, &deciding->out->profile, ret_zone);
        if (r == 0 && !*ret) {
                r = policy_default_hours(deciding->rules, ret);
                if (!*ret_zone)
                        *ret_zone = deciding->rules->settings->zone;
        }
        return r;
}

static bool is_open(const Calendar *hours, const Zone *zone, int64_t time_us) {
        int64_t open_us;

        return calendar_next_open_in(hours, zone, time_us, &open_us) == 0 && open_us == time_us;
}

/* The next such time of day, on a day that is open then where the clock knows closed hours. */
static int64_t next_at(const TrackStep *step, const Zone *zone, const Calendar *hours, const Zone *hours_zone, int64_t from_us) {
        int64_t local_us = from_us + zone_offset_seconds(zone, from_us) * US_PER_SECOND;
        int64_t day = local_us / US_PER_DAY, first_us = TIME_NONE;

        for (int64_t i = 0; i <= AT_DAYS_MAX; i++) {
                int64_t at_us = zone_local_to_utc(zone, (day + i) * US_PER_DAY + step->at_us);
                if (at_us < from_us)
                        continue;
                if (!hours || is_open(hours, hours_zone, at_us))
                        return at_us;
                first_us = first_us == TIME_NONE ? at_us : first_us;
        }
        return first_us;
}

static void not_before_open(const Calendar *hours, const Zone *zone, int64_t *time_us) {
        int64_t open_us;

        if (calendar_next_open_in(hours, zone, *time_us, &open_us) == 0)
                *time_us = open_us;
}

/* When the step is due, waited for from an instant; TIME_NONE: its calendar never opens again. */
static int find_due(Deciding *deciding, const Track *track, const TrackStep *step, int64_t from_us, int64_t *ret) {
        bool works = track->clock != TRACK_CLOCK_WALL;
        bool is_quiet = step->send->channel->quiet_recipient;
        const Calendar *hours = NULL;
        const Zone *zone = NULL;
        int r = works || is_quiet ? find_hours(deciding, track, &hours, &zone) : 0;

        *ret = TIME_NONE;
        if (r < 0)
                return r;
        int64_t due_us = from_us + step->wait.us;
        if (works && calendar_add_in(hours, zone, from_us, step->wait, &due_us) != 0)
                return 0;
        if (step->at_us != TIME_NONE)
                due_us = next_at(step,
                        !works ? deciding->rules->settings->zone
                        : zone ? zone
                               : calendar_zone(hours),
                        works || is_quiet ? hours : NULL, zone, due_us);
        /* What ends at closing time ends in working time; a wait of nothing at night does not. */
        if (due_us != TIME_NONE && (is_quiet || (works && due_us == from_us)))
                not_before_open(hours, zone, &due_us);
        *ret = due_us;
        return 0;
}

/* ---- sending ---- */

/* A step that is late, because nobody ran, waits for the reader's hours again. */
static int send_from(Deciding *deciding, const Track *track, const Channel *channel, int64_t *ret) {
        const Calendar *hours;
        const Zone *zone;

        *ret = 0;
        if (!channel->quiet_recipient && track->clock == TRACK_CLOCK_WALL)
                return 0;
        int r = find_hours(deciding, track, &hours, &zone);
        if (r < 0)
                return r;
        *ret = deciding->input->now_us;
        not_before_open(hours, zone, ret);
        return 0;
}

/* The rep who gave the lead back, while still one of us; NULL: the channel's own sender. */
static const Member *find_sender(const Deciding *deciding, const Message *message) {
        const char *name = message->from_rep ? decide_gave_back(&deciding->out->after.returned) : NULL;
        const Member *member = name ? policy_member(deciding->rules, name) : NULL;

        return member && !member->left && member->email ? member : NULL;
}

static int send_step(Deciding *deciding, const Track *track, uint32_t number) {
        const Message *message = track->steps[number].send;
        const Channel *channel = message->channel;
        const char *address = facts_text(&deciding->out->profile, FIELD_PERSON_EMAIL);
        bool is_mail = channel->via == VIA_SENDMAIL || channel->via == VIA_SMTP;
        const Member *sender = find_sender(deciding, message);
        int64_t not_before_us;

        if (is_mail && !address)
                return deciding_summarise(
                        deciding, "%s step %u: %s not sent, no e-mail address is known", track->rule.name, number + 1, message->rule.name);
        int r = send_from(deciding, track, channel, &not_before_us);
        if (r < 0)
                return r;
        const Effect effect = {
                .kind = EFFECT_SENT,
                .channel = channel->rule.name,
                .via = channel->via,
                .address = address,
                .sender = sender ? sender->rule.name : NULL,
                .role = "lead",
                .rule = track->rule.name,
                .message = message->rule.name,
                .step = number,
                .not_before_us = not_before_us,
        };
        r = effects_sent(deciding, message, sender, effect);
        return r < 0 ? r
                     : deciding_summarise(deciding, "%s step %u: sent %s%s%s", track->rule.name, number + 1, message->rule.name,
                               sender ? " from " : "", sender ? sender->rule.name : "");
}

static int take_step(Deciding *deciding, const Track *track) {
        TrackState *state = &deciding->out->after.track;
        int64_t now_us = deciding->input->now_us, due_us = state->next_due_us;
        uint32_t number = state->next_step;
        int r = send_step(deciding, track, number);

        if (r < 0)
                return r;
        state->next_step = number + 1;
        state->next_due_us = TIME_NONE;
        if (state->next_step >= track->n_steps)
                return deciding_summarise(deciding, "%s has no step left", track->rule.name);
        /* What was missed is late once: the following waits count from now. */
        return find_due(deciding, track, &track->steps[state->next_step], now_us - due_us > DECIDE_MISSED_US ? now_us : due_us,
                &state->next_due_us);
}

/* ---- in, on and out ---- */

static int enter(Deciding *deciding) {
        const RuleSet *rules = deciding->rules;
        TrackState *state = &deciding->out->after.track;
        Said said = { 0 };

        if (!tracks_may_write(deciding))
                return 0;
        for (size_t i = 0; i < rules->n_tracks; i++) {
                const Track *track = &rules->tracks[i];
                const char *why;
                Verdict verdict;
                if (lacks_consent(deciding, track, &said))
                        continue;
                int r = ask(deciding, track, &verdict, &why);
                if (r < 0)
                        return r;
                if (verdict != VERDICT_YES)
                        continue;
                *state = (TrackState){ .name = track->rule.name,
                        .event = deciding->input->event_id,
                        .since_us = deciding->input->now_us,
                        .next_due_us = TIME_NONE };
                if (track->n_steps > 0)
                        r = find_due(deciding, track, &track->steps[0], state->since_us, &state->next_due_us);
                if (r == 0)
                        r = receipts_add(&deciding->out->receipts, deciding->arena, (Receipt){ .rule = &track->rule, .matched = true });
                return r < 0 ? r : deciding_summarise(deciding, "entered track %s", track->rule.name);
        }
        return 0;
}

static int leave(Deciding *deciding, const char *why) {
        TrackState *state = &deciding->out->after.track;
        const char *name = state->name;

        *state = TRACK_STATE_NONE;
        deciding->subject.track = NULL;
        return why ? deciding_summarise(deciding, "left track %s: %s", name, why) : -ENOMEM;
}

/* A lead that a signal woke is left alone until what let it in has been false, or it was moved. */
static int rest(Deciding *deciding, const Track *track) {
        TrackState *state = &deciding->out->after.track;
        Verdict verdict = VERDICT_NO;
        int r = track && deciding->out->after.moved_event <= state->event ? holds(deciding, track->enter, &verdict) : 0;

        if (r == 0 && verdict == VERDICT_NO)
                *state = TRACK_STATE_NONE;
        return r;
}

/* A step that is due and cannot be taken, because it cannot be judged whether the lead should have it: later, under another name. */
static int put_off(Deciding *deciding, const Track *track) {
        TrackState *state = &deciding->out->after.track;

        state->next_due_us = deciding->input->now_us + DECIDE_LOOK_AGAIN_US;
        return deciding_summarise(deciding, "%s step %u is put off: it cannot be judged", track->rule.name, state->next_step + 1);
}

void tracks_keep_step(Deciding *deciding) {
        TrackState *state = &deciding->out->after.track;
        int64_t now_us = deciding->input->now_us;

        if (state->name && !state->ended && state->next_due_us != TIME_NONE && state->next_due_us <= now_us)
                state->next_due_us = now_us + DECIDE_LOOK_AGAIN_US;
}

/* Leaves the state without a name when the lead is in it no more. */
static int stay(Deciding *deciding, const Track *track) {
        TrackState *state = &deciding->out->after.track;
        const Record *record = deciding->input->record;
        const char *why, *by;
        Verdict verdict;
        Said said = { 0 };

        if (!track)
                return leave(deciding, "the rules no longer have it");
        if (deciding->out->after.test)
                return leave(deciding, "a test lead");
        if (!tracks_may_write(deciding))
                return leave(deciding, arena_printf(deciding->arena, "in %s marketing may not contact it", deciding->status->rule.name));
        if (lacks_consent(deciding, track, &said))
                return leave(deciding, tracks_consent(deciding, track));
        int r = ask(deciding, track, &verdict, &why);
        if (r < 0)
                return r;
        if (verdict == VERDICT_NO)
                return leave(deciding, why);
        r = is_woken(deciding, track, &by);
        if (r < 0)
                return r;
        if (by) {
                *state = (TrackState){ .name = track->rule.name,
                        .event = deciding->input->event_id,
                        .since_us = deciding->input->now_us,
                        .next_step = state->next_step,
                        .next_due_us = TIME_NONE,
                        .ended = true };
                return deciding_summarise(deciding, "track %s ended: woken by %s", track->rule.name, by);
        }
        if (state->next_step >= track->n_steps)
                state->next_due_us = TIME_NONE; /* rules loaded since have fewer */
        bool is_due = state->next_due_us != TIME_NONE && state->next_due_us <= deciding->input->now_us;
        if (!is_due || record->family != FAMILY_TIMER || !base_streq(record->event, "track"))
                return 0;
        return verdict == VERDICT_UNKNOWN ? put_off(deciding, track) : take_step(deciding, track);
}

/* ---- saying what moved the lead from one to another ---- */

static bool is_in(const char *const *names, size_t n, const char *name) {
        for (size_t i = 0; i < n; i++)
                if (base_streq(names[i], name))
                        return true;
        return false;
}

static int say_segments(Deciding *deciding) {
        const LeadState *before = deciding->input->before, *after = &deciding->out->after;
        _cleanup_(text_free) Text text = { 0 };

        for (size_t i = 0; i < after->n_segments; i++)
                if (!is_in(before->segments, before->n_segments, after->segments[i]))
                        text_printf(&text, " +%s", after->segments[i]);
        for (size_t i = 0; i < before->n_segments; i++)
                if (!is_in(after->segments, after->n_segments, before->segments[i]))
                        text_printf(&text, " -%s", before->segments[i]);
        if (text.error < 0)
                return text.error;
        return text.size > 0 ? deciding_summarise(deciding, "segments%s", text.data) : 0;
}

bool decide_track_differs(const TrackState *a, const TrackState *b) {
        return (a->name == NULL) != (b->name == NULL) || a->event != b->event || a->ended != b->ended;
}

/* ---- the front door ---- */

int tracks_update(Deciding *deciding) {
        TrackState *state = &deciding->out->after.track;

        if (deciding->rules->n_tracks == 0 && !state->name)
                return 0;
        const Track *track = state->name ? policy_track(deciding->rules, state->name) : NULL;
        int r = !state->name ? 0 : state->ended ? rest(deciding, track) : stay(deciding, track);
        if (r == 0 && !state->name)
                r = enter(deciding);
        if (r == 0 && deciding->input->before->id > 0 && decide_track_differs(&deciding->input->before->track, state))
                r = say_segments(deciding);
        return r;
}
