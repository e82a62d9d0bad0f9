/* SPDX-License-Identifier: MIT */
/*
 * absence: what owner.away and owner.back do to the absences that are recorded of a member, beside those in the rules. The
 * newest word counts: an absence takes the place of recorded ones it overlaps, and stands beside the others. To be back
 * ends those that have begun, or with an interval those that overlap it. What is over is forgotten.
 */
#include "internal.h"

#include <errno.h>

static bool overlap(const Absence *a, const Absence *b) { return a->from_us < b->to_us && b->from_us < a->to_us; }

static int64_t time_of(const Record *record, FieldId field, int64_t absent_us) {
        const Value *value = facts_get(&record->facts, field, NULL);

        return value ? value->integer : absent_us;
}

/* Keeps what `gone` does not overlap; before version 6 there was one absence a member. */
static int keep_others(Deciding *deciding, const Seat *seat, const Absence *gone, Absence **ret, size_t *ret_n_gone) {
        Decision *out = deciding->out;
        Absence *kept = ARENA_ARRAY(deciding->arena, Absence, seat->n_absences + 1);

        *ret_n_gone = 0;
        if (!kept)
                return -ENOMEM;
        for (size_t i = 0; i < seat->n_absences; i++) {
                bool is_over = seat->absences[i].to_us <= deciding->input->now_us && !deciding->input->before_6;
                bool is_gone = overlap(&seat->absences[i], gone) || deciding->input->before_6;
                *ret_n_gone += is_gone && !is_over;
                if (!is_gone && !is_over)
                        kept[out->n_absences++] = seat->absences[i];
        }
        *ret = kept;
        out->absences = kept;
        return 0;
}

static int go_away(Deciding *deciding, const Member *member, const Seat *seat) {
        const Record *record = deciding->input->record;
        Decision *out = deciding->out;
        Absence *kept;
        char until[TIME_TEXT_SIZE], from[TIME_TEXT_SIZE];
        size_t n_gone;

        if (!facts_get(&record->facts, FIELD_OWNER_TO, NULL))
                return deciding_refuse(deciding, "bad_record", "owner.away needs data.owner.to");
        const Absence absence = { time_of(record, FIELD_OWNER_FROM, record->time_us), time_of(record, FIELD_OWNER_TO, 0) };
        if (absence.to_us <= absence.from_us)
                return deciding_refuse(deciding, "bad_record", "owner.away ends before it begins");
        int r = keep_others(deciding, seat, &absence, &kept, &n_gone);
        if (r < 0)
                return r;
        if (out->n_absences == DECIDE_ABSENCES_MAX)
                return deciding_refuse(
                        deciding, "too_many", "%s has %d absences to come already: end some first", member->rule.name, DECIDE_ABSENCES_MAX);
        if (absence.to_us > deciding->input->now_us || deciding->input->before_6) {
                size_t at = out->n_absences++;
                for (; at > 0 && kept[at - 1].from_us > absence.from_us; at--)
                        kept[at] = kept[at - 1];
                kept[at] = absence;
        }
        if (member->team->on_absence != ABSENCE_KEEP)
                out->absent = member->rule.name;
        if (n_gone > 0 && !deciding->input->before_6)
                out->freed_team = member->team->rule.name; /* it may have been a longer one */
        (void) time_format_rfc3339(absence.from_us, from);
        bool begins_later = absence.from_us > deciding->input->now_us && !deciding->input->before_6;
        return deciding_summarise(deciding, "%s is away%s%s until %s", member->rule.name, begins_later ? " from " : "",
                begins_later ? from : "", time_format_rfc3339(absence.to_us, until));
}

static int be_back(Deciding *deciding, const Member *member, const Seat *seat) {
        const Record *record = deciding->input->record;
        Decision *out = deciding->out;
        int64_t now_us = deciding->input->now_us, until_us;
        const Absence gone = { time_of(record, FIELD_OWNER_FROM, INT64_MIN), time_of(record, FIELD_OWNER_TO, INT64_MAX) };
        bool has_interval = gone.from_us != INT64_MIN || gone.to_us != INT64_MAX;
        char text[TIME_TEXT_SIZE];
        Absence *kept;
        size_t n_gone;

        if (gone.to_us <= gone.from_us)
                return deciding_refuse(deciding, "bad_record", "owner.back ends before it begins");
        const Absence begun = { INT64_MIN, now_us + 1 };
        int r = keep_others(deciding, seat, has_interval ? &gone : &begun, &kept, &n_gone);
        if (r < 0)
                return r;
        out->freed_team = member->team->rule.name;
        if (deciding->input->before_6)
                return deciding_summarise(deciding, "%s is back", member->rule.name);
        r = n_gone == 0 ? deciding_summarise(deciding, "no absence of %s is recorded%s", member->rule.name, has_interval ? " then" : " now")
            : has_interval
                    ? deciding_summarise(deciding, "%zu absence%s of %s taken back", n_gone, n_gone == 1 ? "" : "s", member->rule.name)
                    : deciding_summarise(deciding, "%s is back", member->rule.name);
        if (r == 0 && !has_interval && policy_member_is_away(member, now_us, &until_us))
                r = deciding_summarise(
                        deciding, "the rules say that %s is away until %s", member->rule.name, time_format_rfc3339(until_us, text));
        return r;
}

int absence_record(Deciding *deciding) {
        const Record *record = deciding->input->record;
        const char *name = facts_text(&record->facts, FIELD_OWNER_NAME);
        const Member *member = name ? policy_member(deciding->rules, name) : NULL;
        bool away = base_streq(record->event, "away");

        if (!member)
                return deciding_refuse(deciding, "unknown_owner", "no member \"%s\" in the rules", name ? name : "");
        if (!away && !base_streq(record->event, "back"))
                return deciding_refuse(deciding, "bad_record", "owner records are owner.away and owner.back");
        deciding->out->absences_of = member->rule.name;
        const Seat *seat = route_seat(deciding->input->desk, member->rule.name);
        return away ? go_away(deciding, member, seat) : be_back(deciding, member, seat);
}
