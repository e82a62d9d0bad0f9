/* SPDX-License-Identifier: MIT */
/*
 * sla_version: an SLA's times, its clock and what its steps do, as a text and back. A running timer carries the text of the version it
 * started with, so that a reload changes it only where the rule says `retime`. Conditions are no part of it: what stops a timer is always
 * said by the rules of today.
 *
 * The text is JSON of short members, because it stands in the database; moves, reasons, messages and calendars are found by their names.
 */
#include "load.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>

static const char *const clocks[] = {
        [CLOCK_OWNER] = "owner", [CLOCK_TEAM] = "team", [CLOCK_WALL] = "wall", [CLOCK_CALENDAR] = "calendar"
};

/* ---- saying ---- */

static void put(json_t *into, const char *key, json_t *value, bool *failed) {
        if (json_object_set_new(into, key, value) < 0)
                *failed = true;
}

static json_t *say_duration(Duration duration) {
        return duration.workdays != 0 ? json_sprintf("%" PRId32 "wd", duration.workdays) : json_integer(duration.us);
}

static bool is_zero(Duration duration) { return duration.us == 0 && duration.workdays == 0; }

static json_t *say_step(const SlaStep *step) {
        json_t *json = json_object();
        bool failed = !json;

        put(json, "at", say_duration(step->at), &failed);
        if (!is_zero(step->every))
                put(json, "every", say_duration(step->every), &failed);
        if (step->n_remind > 0) {
                json_t *remind = json_array();
                for (size_t i = 0; i < step->n_remind; i++)
                        failed |= json_array_append_new(remind, json_string(step->remind[i])) < 0;
                put(json, "remind", remind, &failed);
        }
        if (step->message)
                put(json, "message", json_string(step->message->rule.name), &failed);
        if (step->reassign)
                put(json, "reassign", json_true(), &failed);
        if (step->move)
                put(json, "move", json_string(step->move->rule.name), &failed);
        if (step->reason)
                put(json, "reason", json_string(step->reason->rule.name), &failed);
        if (failed) {
                json_decref(json);
                return NULL;
        }
        return json;
}

int kind_say_sla_version(Sla *sla, Arena *arena) {
        json_t *json = json_object(), *steps = json_array();
        bool failed = !json;

        put(json, "within", say_duration(sla->within), &failed);
        put(json, "clock", json_string(clocks[sla->clock]), &failed);
        if (sla->calendar)
                put(json, "calendar", json_string(sla->calendar->rule.name), &failed);
        if (!is_zero(sla->max_snooze))
                put(json, "max_snooze", say_duration(sla->max_snooze), &failed);
        for (size_t i = 0; i < sla->n_steps; i++)
                failed |= json_array_append_new(steps, say_step(&sla->steps[i])) < 0;
        put(json, "steps", steps, &failed);
        char *text = failed ? NULL : json_dumps(json, JSON_COMPACT);
        json_decref(json);
        sla->version = text ? arena_strdup(arena, text) : NULL;
        free(text);
        return sla->version ? 0 : -ENOMEM;
}

/* ---- reading ---- */

typedef struct Reading {
        const RuleSet *rules;
        Arena *arena;
        bool is_gone; /* names something the rules no longer have, or is no such text */
} Reading;

static Duration read_duration(Reading *reading, const json_t *json) {
        Duration duration = { 0 };

        if (json_is_integer(json))
                duration.us = json_integer_value(json);
        else if (json && (!json_is_string(json) || duration_parse(json_string_value(json), &duration) != 0))
                reading->is_gone = true;
        return duration;
}

static int read_step(Reading *reading, const json_t *json, const Status *status, SlaStep *ret) {
        const RuleSet *rules = reading->rules;
        const char *move = json_string_value(json_object_get(json, "move"));
        const char *reason = json_string_value(json_object_get(json, "reason"));
        const char *message = json_string_value(json_object_get(json, "message"));
        const json_t *remind = json_object_get(json, "remind");

        *ret = (SlaStep){
                .at = read_duration(reading, json_object_get(json, "at")),
                .every = read_duration(reading, json_object_get(json, "every")),
                .reassign = json_is_true(json_object_get(json, "reassign")),
                .move = move ? policy_move(rules, move) : NULL,
                .reason = reason ? policy_reason(rules, reason) : NULL,
                .n_remind = json_array_size(remind),
        };
        bool starts_here = !move;
        for (size_t i = 0; ret->move && i < ret->move->n_from; i++)
                starts_here |= ret->move->from[i] == status;
        bool allows = !reason;
        for (size_t i = 0; ret->move && i < ret->move->n_reasons; i++)
                allows |= reason && ret->move->reasons[i] == ret->reason;
        reading->is_gone |= !starts_here || !allows || (ret->move && ret->move->n_reasons > 0 && !ret->reason);
        for (size_t i = 0; message && i < rules->n_messages; i++)
                if (base_streq(rules->messages[i].rule.name, message))
                        ret->message = &rules->messages[i]; /* one that is no more is told in the words of `reminder` */
        if (ret->n_remind == 0)
                return 0;
        const char **names = ARENA_ARRAY(reading->arena, const char *, ret->n_remind);
        if (!names)
                return -ENOMEM;
        for (size_t i = 0; i < ret->n_remind; i++) {
                const char *name = json_string_value(json_array_get(remind, i));
                names[i] = arena_strdup(reading->arena, name ? name : "");
                if (!names[i])
                        return -ENOMEM;
        }
        ret->remind = names;
        return 0;
}

static int read_version(Reading *reading, const json_t *json, const Sla *sla, Sla *ret) {
        const char *clock = json_string_value(json_object_get(json, "clock"));
        const char *calendar = json_string_value(json_object_get(json, "calendar"));
        const json_t *steps = json_object_get(json, "steps");
        size_t n_steps = json_array_size(steps);

        *ret = *sla;
        ret->within = read_duration(reading, json_object_get(json, "within"));
        ret->max_snooze = read_duration(reading, json_object_get(json, "max_snooze"));
        ret->calendar = NULL;
        reading->is_gone |= n_steps == 0 || n_steps > POLICY_STEPS_MAX || !clock;
        for (size_t i = 0; clock && i < ARRAY_SIZE(clocks); i++)
                if (base_streq(clocks[i], clock))
                        ret->clock = (SlaClock) i;
        for (size_t i = 0; calendar && i < reading->rules->n_calendars; i++)
                if (base_streq(reading->rules->calendars[i].rule.name, calendar))
                        ret->calendar = &reading->rules->calendars[i];
        reading->is_gone |= ret->clock == CLOCK_CALENDAR && !ret->calendar;
        if (reading->is_gone)
                return 0;
        SlaStep *read = ARENA_ARRAY(reading->arena, SlaStep, n_steps);
        if (!read)
                return -ENOMEM;
        for (size_t i = 0; i < n_steps; i++) {
                int r = read_step(reading, json_array_get(steps, i), sla->status, &read[i]);
                if (r < 0)
                        return r;
        }
        ret->steps = read;
        ret->n_steps = n_steps;
        return 0;
}

int policy_sla_of_version(const RuleSet *rules, const Sla *sla, const char *version, Arena *arena, const Sla **ret) {
        Reading reading = { .rules = rules, .arena = arena };
        Sla *read;
        int r;

        *ret = sla;
        if (!version || base_streq(version, sla->version))
                return 0;
        json_t *json = json_loads(version, JSON_REJECT_DUPLICATES, NULL);
        if (!json)
                return 0;
        read = ARENA_NEW(arena, Sla);
        r = read ? read_version(&reading, json, sla, read) : -ENOMEM;
        json_decref(json);
        if (r == 0 && !reading.is_gone)
                *ret = read;
        return r;
}
