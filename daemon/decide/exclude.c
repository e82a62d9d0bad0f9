/* SPDX-License-Identifier: MIT */
/*
 * exclude: whoever has a lead keeps it out of a campaign, or out of all of them, until an instant, and says why. The owner may, and the
 * head of the team; where nobody owns the lead (it went back, or is marketing's), every member, since that can only narrow what is sent,
 * and the team whose queue it is in. It ends by itself; a newer word about the same campaign takes its place, and "now" as the end takes
 * it back.
 */
#include "internal.h"
#include "leadd/plans.h"

#include <errno.h>

static int check_actor(Deciding *deciding) {
        const Team *team = deciding->status->team;
        const Member *actor = moves_actor(deciding), *owner = deciding->owner;
        const char *text = deciding->input->actor;
        bool is_queue = !owner && team->n_members == 0 && strncmp(text, "team:", 5) == 0 && base_streq(text + 5, team->rule.name);

        if (is_queue || (actor && (actor == owner || actor == team->head || (owner && actor == owner->team->head) || !owner)))
                return 0;
        return deciding_refuse(deciding, "not_allowed", "a lead is kept out of campaigns by its owner (%s)%s%s; %s is not",
                owner ? owner->rule.name : "nobody has it", team->head ? " or the head of the team, " : "",
                team->head ? team->head->rule.name : "", actor ? actor->rule.name : text);
}

/* NULL in *ret: all of them. The error is set, or -ENOMEM. */
static int find_campaign(Deciding *deciding, const char *name, const char **ret) {
        const RuleSet *rules = deciding->rules;
        const char **names, *near;

        *ret = NULL;
        if (base_streq(name, DECIDE_ALL_CAMPAIGNS))
                return 0;
        const Campaign *campaign = policy_campaign(rules, name);
        if (campaign) {
                *ret = campaign->rule.name;
                return 0;
        }
        names = ARENA_ARRAY(deciding->arena, const char *, rules->n_campaigns + 1);
        if (!names)
                return -ENOMEM;
        for (size_t i = 0; i < rules->n_campaigns; i++)
                names[i] = rules->campaigns[i].rule.name;
        near = text_closest(name, names, rules->n_campaigns);
        return deciding_refuse(deciding, "unknown_campaign", "the rules have no campaign \"%.80s\"%s%s%s", name,
                near ? "; did you mean \"" : " (all is every one)", near ? near : "", near ? "\"?" : "");
}

/* RFC 3339, a date (its first instant in the site's zone), a duration, or "now". */
static bool parse_until(const RuleSet *rules, const char *text, int64_t now_us, int64_t *ret_us) {
        int64_t days;
        Duration duration;

        if (base_streq(text, "now")) {
                *ret_us = now_us;
                return true;
        }
        if (time_parse_rfc3339(text, strlen(text), ret_us) == 0)
                return true;
        if (time_parse_date(text, strlen(text), &days) == 0) {
                *ret_us = rules->settings->zone ? zone_local_to_utc(rules->settings->zone, days * US_PER_DAY) : days * US_PER_DAY;
                return true;
        }
        if (duration_parse(text, &duration) != 0 || duration.workdays != 0)
                return false;
        *ret_us = now_us + duration.us;
        return true;
}

bool decide_read_exclusion(const RuleSet *rules, const Record *record, int64_t now_us, Exclusion *ret) {
        const char *campaign = facts_text(&record->facts, FIELD_OUTCOME_CAMPAIGN);
        const char *until = facts_text(&record->facts, FIELD_OUTCOME_NOT_BEFORE);

        if (record->family != FAMILY_OUTCOME || !base_streq(record->event, "exclude") || !campaign || !until)
                return false;
        *ret = (Exclusion){
                .campaign = base_streq(campaign, DECIDE_ALL_CAMPAIGNS) ? NULL : campaign,
                .at_us = now_us,
                .reason = facts_text(&record->facts, FIELD_OUTCOME_REASON),
        };
        return parse_until(rules, until, now_us, &ret->until_us);
}

static bool has_controls(const char *text) {
        for (; *text; text++)
                if ((unsigned char) *text < ' ' || *text == '\x7f')
                        return true;
        return false;
}

/* Whoever takes back the word about one campaign is told that the lead stays out of it, because somebody keeps it out of all. */
static int check_lift(Deciding *deciding, const char *campaign) {
        const DecideInput *input = deciding->input;
        char day[TIME_TEXT_SIZE];

        for (size_t i = 0; campaign && i < input->n_exclusions; i++) {
                const Exclusion *all = &input->exclusions[i];
                const char *colon = all->by ? strchr(all->by, ':') : NULL;
                if (all->campaign || all->until_us <= input->now_us)
                        continue;
                return deciding_refuse(deciding, "kept_out_of_all",
                        "%s keeps the lead out of every campaign until %s, %s among them: take that back (all), or leave it",
                        colon ? colon + 1 : "somebody", zone_format(deciding->rules->settings->zone, all->until_us, day), campaign);
        }
        return 0;
}

int moves_exclude(Deciding *deciding) {
        const Record *record = deciding->input->record;
        const char *campaign = facts_text(&record->facts, FIELD_OUTCOME_CAMPAIGN);
        const char *until = facts_text(&record->facts, FIELD_OUTCOME_NOT_BEFORE);
        const char *reason = facts_text(&record->facts, FIELD_OUTCOME_REASON);
        int64_t now_us = deciding->input->now_us;
        Exclusion *exclusion = ARENA_NEW(deciding->arena, Exclusion);
        char buffer[TIME_TEXT_SIZE];

        if (!exclusion)
                return -ENOMEM;
        int r = check_actor(deciding);
        if (r < 0 || deciding->out->refused)
                return r;
        if (!campaign || !*campaign)
                return deciding_refuse(deciding, "bad_record", "which campaign? Name it, or say all (data.outcome.campaign)");
        r = find_campaign(deciding, campaign, &campaign);
        if (r < 0 || deciding->out->refused)
                return r;
        if (!until || !*until)
                return deciding_refuse(deciding, "bad_record", "until when is the lead kept out (data.outcome.not_before)?");
        if (!decide_read_exclusion(deciding->rules, record, now_us, exclusion))
                return deciding_refuse(deciding, "bad_record",
                        "\"%.80s\" is no time to keep a lead out until: write a date (2026-06-01), a time (RFC 3339) or a duration (90d); "
                        "now "
                        "takes it back",
                        until);
        bool is_lifted = exclusion->until_us == now_us;
        if (exclusion->until_us < now_us)
                return deciding_refuse(
                        deciding, "bad_record", "%s is past", zone_format(deciding->rules->settings->zone, exclusion->until_us, buffer));
        r = is_lifted ? check_lift(deciding, campaign) : 0;
        if (r < 0 || deciding->out->refused)
                return r;
        if (!is_lifted && (!reason || !*reason))
                return deciding_refuse(deciding, "reason_required", "to keep a lead out of campaigns needs a reason: marketing reads it");
        if (reason && strlen(reason) > DECIDE_EXCLUDE_REASON_MAX)
                return deciding_refuse(deciding, "bad_record", "the reason has more than %d characters", DECIDE_EXCLUDE_REASON_MAX);
        if (reason && has_controls(reason))
                return deciding_refuse(
                        deciding, "bad_record", "the reason is one line of text: it has a line break or a control character");
        if (exclusion->until_us - now_us > DECIDE_EXCLUDE_DAYS_MAX * US_PER_DAY)
                return deciding_refuse(deciding, "exclude_too_long",
                        "a lead is kept out of campaigns for at most %d days at once, until %s at the latest; who never wants mail "
                        "withdraws "
                        "consent",
                        DECIDE_EXCLUDE_DAYS_MAX,
                        zone_format(deciding->rules->settings->zone, now_us + DECIDE_EXCLUDE_DAYS_MAX * US_PER_DAY, buffer));
        exclusion->campaign = campaign;
        exclusion->by = deciding->input->actor;
        exclusion->reason = reason ? arena_strdup(deciding->arena, reason) : NULL;
        if (reason && !exclusion->reason)
                return -ENOMEM;
        deciding->out->exclusion = exclusion;
        if (is_lifted)
                return deciding_summarise(
                        deciding, "no longer kept out of %s by %s", campaign ? campaign : "campaigns", deciding->input->actor);
        return deciding_summarise(deciding, "kept out of %s until %s by %s", campaign ? campaign : "all campaigns",
                time_format_rfc3339(exclusion->until_us, buffer), deciding->input->actor);
}
