/* SPDX-License-Identifier: MIT */
/*
 * kind_digest: the body of a digest, and its moments: once on every day on which its calendar is open, at a time of that
 * day in the calendar's zone. Pure: the same rule and instant give the same moment in any process.
 */
#include "load.h"

#include <errno.h>

static int compile_at(Load *load, int index, const char *where, void *target) {
        return keys_compile_time_of_day(load, index, where, &((DigestDecl *) target)->at_us);
}

static int compile_to(Load *load, int index, const char *where, void *target) {
        static const char *const words[] = { "head", "members", "ops", NULL };
        DigestDecl *digest = target;
        size_t n_known;
        int r = keys_compile_texts(load, index, where, &digest->to, &digest->n_to);
        if (r < 0)
                return r;
        const char *const *members = loader_names(&load->loader, RULE_MEMBER, &n_known);
        const char **names = ARENA_ARRAY(load->scratch, const char *, n_known + keys_count(words));
        if (!members || !names)
                return load_exhausted(load);
        memcpy(names, words, keys_count(words) * sizeof(*names));
        memcpy(names + keys_count(words), members, n_known * sizeof(*names));
        for (size_t i = 0; i < digest->n_to; i++)
                if (!keys_is_among(digest->to[i], words) && !load_find(load, RULE_MEMBER, digest->to[i]))
                        loader_unknown(&load->loader, "reader in \"to\":", digest->to[i], names, n_known + keys_count(words));
        if (digest->n_to == 0)
                loader_error(&load->loader, "\"to\" names nobody");
        return 0;
}

int kind_compile_digest(Load *load, int index, void *head) {
        static const BodyKey keys[] = {
                { .name = "doc", .type = KEY_TEXT, .at = offsetof(DigestDecl, rule.doc) },
                { .name = "team", .type = KEY_RULE, .required = true, .at = offsetof(DigestDecl, team), .kind = RULE_TEAM },
                { .name = "at", .type = KEY_OWN, .required = true, .compile = compile_at },
                { .name = "calendar", .type = KEY_RULE, .at = offsetof(DigestDecl, calendar), .kind = RULE_CALENDAR },
                { .name = "channel", .type = KEY_RULE, .required = true, .at = offsetof(DigestDecl, channel), .kind = RULE_CHANNEL },
                { .name = "to", .type = KEY_OWN, .required = true, .compile = compile_to },
        };
        DigestDecl *digest = head;
        size_t n_before = load->loader.report->n_errors;
        int r = keys_compile(load, index, "", keys, ARRAY_SIZE(keys), digest);
        if (r < 0 || load->loader.report->n_errors > n_before || !digest->team)
                return r;
        for (size_t i = 0; i < digest->n_to; i++) {
                if (base_streq(digest->to[i], "head") && !digest->team->head)
                        loader_error(&load->loader, "goes to the head, but the team \"%s\" has none", digest->team->rule.name);
                if (base_streq(digest->to[i], "members") && digest->team->n_members == 0)
                        loader_error(&load->loader, "goes to the members, but the team \"%s\" has none", digest->team->rule.name);
        }
        size_t n_readers = 0;
        for (size_t i = 0; i < digest->n_to; i++)
                n_readers += base_streq(digest->to[i], "members") ? digest->team->n_members : 1;
        if (n_readers > POLICY_DIGEST_READERS_MAX)
                loader_error(&load->loader, "goes to %zu readers; %d is the most", n_readers, POLICY_DIGEST_READERS_MAX);
        if (digest->channel && digest->channel->via == VIA_JOURNAL)
                loader_error(&load->loader, "the journal gets no lead data: a digest goes by mail, webhook, exec or drop");
        return 0;
}

/* ---- its moments ---- */

const Calendar *policy_digest_calendar(const DigestDecl *digest) {
        const CalendarDecl *decl = digest->calendar ? digest->calendar : digest->team->calendar;
        return decl ? decl->calendar : NULL;
}

const Zone *policy_digest_zone(const RuleSet *rules, const DigestDecl *digest) {
        const Calendar *calendar = policy_digest_calendar(digest);
        return calendar ? calendar_zone(calendar) : rules->settings->zone;
}

static int64_t day_of(const Zone *zone, int64_t time_us) {
        int64_t local_us = time_us + (zone ? zone_offset_seconds(zone, time_us) * US_PER_SECOND : 0);
        return local_us / US_PER_DAY - (local_us % US_PER_DAY < 0);
}

static int64_t instant_of(const Zone *zone, int64_t local_us) { return zone ? zone_local_to_utc(zone, local_us) : local_us; }

static bool is_open_on(const Calendar *calendar, const Zone *zone, int64_t day) {
        int64_t open_us;
        return !calendar || (calendar_next_open(calendar, instant_of(zone, day * US_PER_DAY), &open_us) == 0 &&
                                    open_us < instant_of(zone, (day + 1) * US_PER_DAY));
}

int64_t policy_digest_after(const RuleSet *rules, const DigestDecl *digest, int64_t after_us, int64_t sent_us) {
        const Calendar *calendar = policy_digest_calendar(digest);
        const Zone *zone = policy_digest_zone(rules, digest);
        int64_t day = day_of(zone, after_us), end = day + WORKTIME_HORIZON_DAYS;
        if (sent_us != TIME_NONE && day_of(zone, sent_us) >= day)
                day = day_of(zone, sent_us) + 1;
        for (; day <= end; day++) {
                int64_t at_us = instant_of(zone, day * US_PER_DAY + digest->at_us);
                if (at_us > after_us && is_open_on(calendar, zone, day))
                        return at_us;
        }
        return TIME_NONE;
}

const DigestDecl *policy_digest(const RuleSet *rules, const char *name) {
        for (size_t i = 0; i < rules->n_digests; i++)
                if (base_streq(rules->digests[i].rule.name, name))
                        return &rules->digests[i];
        return NULL;
}
