/* SPDX-License-Identifier: MIT */
/*
 * find: things of a loaded rule set by name, and when a member works. Read-only; nothing here can fail.
 */
#include "internal.h"
#include <errno.h>
#include <stdio.h>

static const void *find(const RuleSet *rules, RuleKind kind, const char *name) { return policy_find(rules, kind, name); }

const Status *policy_status(const RuleSet *rules, const char *name) {
        const Status *status = find(rules, RULE_STATUS, name);
        for (size_t i = 0; name && !status && i < rules->n_statuses; i++)
                if (rules->statuses[i].renamed_from && base_streq(rules->statuses[i].renamed_from, name))
                        status = &rules->statuses[i];
        return status;
}

const Team *policy_team(const RuleSet *rules, const char *name) { return find(rules, RULE_TEAM, name); }

const Member *policy_member(const RuleSet *rules, const char *name) { return find(rules, RULE_MEMBER, name); }

const Member *policy_member_by_user(const RuleSet *rules, const char *user) {
        for (size_t i = 0; user && i < rules->n_members; i++)
                if (rules->members[i].user && base_streq(rules->members[i].user, user))
                        return &rules->members[i];
        return NULL;
}

const Reason *policy_reason(const RuleSet *rules, const char *name) { return find(rules, RULE_REASON, name); }

const CalendarDecl *policy_calendar(const RuleSet *rules, const char *name) { return find(rules, RULE_CALENDAR, name); }

const Sla *policy_sla(const RuleSet *rules, const char *name) { return find(rules, RULE_SLA, name); }

const Move *policy_move(const RuleSet *rules, const char *name) {
        const Move *move = find(rules, RULE_MOVE, name);
        if (move && move->by != BY_RULES)
                return move;
        for (size_t i = 0; name && i < rules->n_moves; i++)
                for (size_t a = 0; rules->moves[i].by != BY_RULES && a < rules->moves[i].n_aliases; a++)
                        if (base_streq(rules->moves[i].aliases[a], name))
                                return &rules->moves[i];
        return NULL;
}

const Calendar *policy_member_calendar(const Member *member) {
        const CalendarDecl *declared = member->calendar ? member->calendar : member->team->calendar;
        return declared ? declared->calendar : NULL;
}

#define DAY_SIZE 10 /* "2026-03-09" */

int policy_parse_day(const Zone *zone, const char *text, size_t size, bool is_end, int64_t *ret_us) {
        char local[DAY_SIZE + sizeof("T00:00:00")];
        int64_t local_us;
        if (size != DAY_SIZE)
                return time_parse_rfc3339(text, size, ret_us) == 0 ? 0 : -EINVAL;
        (void) snprintf(local, sizeof(local), "%.10sT00:00:00", text);
        if (time_parse_local(local, strlen(local), &local_us) != 0)
                return -EINVAL;
        *ret_us = zone_local_to_utc(zone, local_us + (is_end ? US_PER_DAY : 0));
        return 0;
}

int policy_parse_days(const Zone *zone, const char *text, Absence *ret) {
        const char *last = strstr(text, "..");
        size_t size = last ? (size_t) (last - text) : strlen(text);
        if (size != DAY_SIZE || (last && strlen(last + 2) != DAY_SIZE))
                return -EINVAL;
        int r = policy_parse_day(zone, text, size, false, &ret->from_us);
        return r == 0 ? policy_parse_day(zone, last ? last + 2 : text, DAY_SIZE, true, &ret->to_us) : r;
}

const Zone *policy_member_zone(const RuleSet *rules, const Member *member) {
        const Calendar *calendar = policy_member_calendar(member);
        return calendar ? calendar_zone(calendar) : rules->settings->zone;
}

bool policy_member_is_away(const Member *member, int64_t now_us, int64_t *ret_until_us) {
        for (size_t i = 0; i < member->n_absences; i++)
                if (member->absences[i].from_us <= now_us && now_us < member->absences[i].to_us) {
                        *ret_until_us = member->absences[i].to_us;
                        return true;
                }
        return false;
}

bool policy_spool_may(const char *directory, const char *source, RecordFamily family, void *userdata) {
        const RuleSet *rules = userdata;
        const char *wanted = family == FAMILY_OUTCOME ? "outcome"
                             : family == FAMILY_OWNER ? "owner"
                             : family == FAMILY_LEAD  ? "erased"
                                                      : NULL;
        size_t size = strlen(directory);

        (void) source;
        if (!wanted)
                return true;
        for (size_t i = 0; i < rules->settings->n_spool_may; i++) {
                const char *entry = rules->settings->spool_may[i];
                if (strncmp(entry, directory, size) == 0 && entry[size] == ' ' && base_streq(entry + size + 1, wanted))
                        return true;
        }
        return false;
}
