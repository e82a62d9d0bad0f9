/* SPDX-License-Identifier: MIT */
/*
 * audience: may a campaign write to a person, and if not, why not. Everything that decides it is in this file: whoever lists an audience
 * and whoever takes one (the gate, of each lead again in the transaction of the take) asks the same function.
 *
 * What costs nothing is asked first, so that of a million leads only those are loaded whose answer depends on more than their row says.
 * A campaign that goes first holds whom it would have: included, not excluded, with consent, not kept out of it by hand. What both have in
 * common (the status, an opportunity, an address) was asked before.
 */
#include "internal.h"
#include "leadd/plans.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const char *decide_audience_word(AudienceCode code) {
        static const char *const words[AUDIENCE_CODES] = { "in", "test", "status", "include", "exclude", "broken", "opportunity", "consent",
                "excluded", "address", "written", "frequency", "priority" };

        return code < AUDIENCE_CODES ? words[code] : "?";
}

/* By construction: whoever stands in a status that does not let marketing write is in no campaign, whatever its conditions say. */
static bool status_allows(const Status *status) { return LEADD_BROKEN("audience_status") || (status && status->marketing_may_contact); }

static bool is_mailed(const Channel *channel) { return channel && (channel->via == VIA_SENDMAIL || channel->via == VIA_SMTP); }

void decide_audience_plan(AudiencePlan *plan) {
        const RuleSet *rules = plan->rules;

        plan->n_rivals = 0;
        plan->needs_address = is_mailed(plan->campaign->channel);
        for (size_t i = 0; i < rules->n_campaigns; i++) {
                const Campaign *rival = &rules->campaigns[i];
                size_t at = plan->n_rivals;
                if (rival->priority <= plan->campaign->priority || !policy_campaign_runs(rival, plan->now_us))
                        continue;
                if (at == DECIDE_AUDIENCE_RIVALS_MAX && rival->priority <= plan->rivals[--at]->priority)
                        continue;
                for (; at > 0 && plan->rivals[at - 1]->priority < rival->priority; at--)
                        plan->rivals[at] = plan->rivals[at - 1];
                plan->rivals[at] = rival;
                plan->n_rivals += plan->n_rivals < DECIDE_AUDIENCE_RIVALS_MAX;
        }
}

/* ---- one person ---- */

typedef struct Asking {
        AudiencePlan *plan;
        AudiencePerson *person;
        Arena *arena;
        AudienceVerdict *out;
        bool all;
} Asking;

/* Adds a reason; format NULL, and whenever only the first is wanted: without words. */
static int add(Asking *asking, AudienceCode code, int64_t until_us, const char *format, ...) _printf_(4, 5);
static int add(Asking *asking, AudienceCode code, int64_t until_us, const char *format, ...) {
        AudienceVerdict *out = asking->out;
        Text text = { 0 };
        va_list args;

        if (out->n_reasons == 0)
                out->code = code;
        if (out->n_reasons == DECIDE_AUDIENCE_REASONS_MAX)
                return 0;
        AudienceReason *reason = &out->reasons[out->n_reasons++];
        *reason = (AudienceReason){ .code = code, .until_us = until_us, .text = "" };
        if (!asking->all)
                return 0;
        va_start(args, format);
        text_vprintf(&text, format, args);
        va_end(args);
        reason->text = text.error ? NULL : arena_strndup(asking->arena, text.data, text.size);
        text_free(&text);
        return reason->text ? 0 : -ENOMEM;
}

/* No further question, because one reason is enough. */
static bool is_settled(const Asking *asking) { return asking->out->n_reasons > 0 && !asking->all; }

static const char *say_day(const Asking *asking, int64_t time_us, char buffer[static TIME_TEXT_SIZE]) {
        const Zone *zone = asking->plan->rules->settings->zone;

        (void) (zone ? zone_format(zone, time_us, buffer) : time_format_rfc3339(time_us, buffer));
        buffer[strlen("2026-03-05")] = '\0';
        return buffer;
}

/* *ret_note: what broke; then *ret is false. */
static int holds(Asking *asking, const Condition *condition, bool *ret, const char **ret_note) {
        *ret = true;
        *ret_note = NULL;
        if (!condition)
                return 0;
        int r = asking->plan->deepen(asking->plan->userdata, asking->person, policy_reads(condition));
        if (r == 0)
                r = policy_holds(asking->plan->rules, condition, &asking->person->subject, asking->arena, ret, ret_note, NULL);
        if (r == POLICY_E_FAILED && !*ret_note)
                *ret_note = "it failed";
        return r < 0 ? r : 0;
}

static int ask_include(Asking *asking) {
        const Campaign *campaign = asking->plan->campaign;
        const char *note;
        bool is_met;
        int r = holds(asking, campaign->include, &is_met, &note);

        if (r == 0 && note)
                return add(asking, AUDIENCE_BROKEN, TIME_NONE, "include cannot be judged: %s", note);
        if (r < 0 || is_met)
                return r;
        Misses misses = { .text = "" };
        if (asking->all)
                r = policy_misses(asking->plan->rules, campaign->include, true, &asking->person->subject, asking->arena, &misses);
        return r < 0 ? r : add(asking, AUDIENCE_INCLUDE, TIME_NONE, "include: %s", *misses.text ? misses.text : "it does not hold");
}

/* Excluded as well when that cannot be judged: who is left out too many is written to later. */
static int ask_exclude(Asking *asking) {
        const Campaign *campaign = asking->plan->campaign;
        const char *note;
        bool is_met;

        if (!campaign->exclude)
                return 0;
        int r = holds(asking, campaign->exclude, &is_met, &note);
        if (r == 0 && note)
                return add(asking, AUDIENCE_BROKEN, TIME_NONE, "exclude cannot be judged: %s", note);
        if (r < 0 || !is_met)
                return r;
        Text text = { 0 };
        if (asking->all)
                policy_describe(asking->plan->rules, campaign->exclude, &text);
        r = text.error ? -ENOMEM : add(asking, AUDIENCE_EXCLUDE, TIME_NONE, "exclude: %s", text.data ? text.data : "");
        text_free(&text);
        return r;
}

/* '+', '-', or 0 where nothing is known. */
static char find_consent(const char *consents, const char *purpose) {
        size_t size = strlen(purpose);

        for (const char *at = consents; at && *at;) {
                size_t n = strcspn(at, " ");
                if (n == size + 1 && memcmp(at, purpose, size) == 0)
                        return at[size];
                at += n + (at[n] == ' ');
        }
        return 0;
}

static bool has_consent(const AudiencePerson *person, const Campaign *campaign) {
        char word = find_consent(person->consents, campaign->purpose);

        return campaign->needs_consent ? word == '+' : word != '-';
}

static int ask_consent(Asking *asking) {
        const Campaign *campaign = asking->plan->campaign;
        char day[TIME_TEXT_SIZE], when[TIME_TEXT_SIZE + 8] = "";

        if (has_consent(asking->person, campaign))
                return 0;
        if (asking->all) {
                int r = asking->plan->deepen(asking->plan->userdata, asking->person, READS_CONSENT);
                if (r < 0)
                        return r;
                const Facts *facts = asking->person->subject.facts;
                const Value *at = facts ? facts_get(facts, FIELD_CONSENT_AT, campaign->purpose) : NULL;
                if (at && at->type == VALUE_INTEGER)
                        (void) snprintf(when, sizeof when, " on %s", say_day(asking, at->integer, day));
        }
        if (find_consent(asking->person->consents, campaign->purpose) == '-')
                return add(asking, AUDIENCE_CONSENT, TIME_NONE, "said no to %s%s", campaign->purpose, when);
        return add(asking, AUDIENCE_CONSENT, TIME_NONE, "has not agreed to %s", campaign->purpose);
}

/* The one that lasts longest; NULL = nobody keeps the lead out. */
static const Exclusion *find_veto(const AudiencePerson *person, const Campaign *campaign, int64_t now_us) {
        const Exclusion *found = NULL;

        for (size_t i = 0; i < person->n_exclusions; i++) {
                const Exclusion *exclusion = &person->exclusions[i];
                if (exclusion->until_us <= now_us || (exclusion->campaign && !base_streq(exclusion->campaign, campaign->rule.name)))
                        continue;
                if (!found || exclusion->until_us > found->until_us)
                        found = exclusion;
        }
        return found;
}

static int ask_veto(Asking *asking) {
        const Exclusion *veto = find_veto(asking->person, asking->plan->campaign, asking->plan->now_us);
        char day[TIME_TEXT_SIZE];

        if (!veto)
                return 0;
        const char *colon = veto->by ? strchr(veto->by, ':') : NULL;
        return add(asking, AUDIENCE_VETO, veto->until_us, "kept out%s by %s until %s%s%s", veto->campaign ? "" : " of every campaign",
                colon ? colon + 1 : "somebody", say_day(asking, veto->until_us, day), veto->reason ? ": " : "",
                veto->reason ? veto->reason : "");
}

/* ---- what was sent before ---- */

static bool counts(const AudiencePlan *plan, const Written *written) {
        return plan->except_event == 0 || written->event != plan->except_event;
}

static int ask_written(Asking *asking) {
        const AudiencePerson *person = asking->person;
        const Written *last = NULL;
        char day[TIME_TEXT_SIZE];

        if (!asking->plan->only_new)
                return 0;
        for (size_t i = 0; i < person->n_written; i++) {
                const Written *written = &person->written[i];
                if (written->kind == EFFECT_AUDIENCE && counts(asking->plan, written) &&
                        base_streq(written->by, asking->plan->campaign->rule.name) && (!last || written->at_us > last->at_us))
                        last = written;
        }
        return last ? add(asking, AUDIENCE_WRITTEN, TIME_NONE, "was taken for it on %s", say_day(asking, last->at_us, day)) : 0;
}

static int compare_newest(const void *a, const void *b) {
        const Written *x = *(const Written *const *) a, *y = *(const Written *const *) b;

        return x->at_us < y->at_us ? 1 : x->at_us > y->at_us ? -1 : 0;
}

static int ask_frequency(Asking *asking) {
        const Campaign *campaign = asking->plan->campaign;
        const AudiencePerson *person = asking->person;
        int64_t from_us = asking->plan->now_us - campaign->cap_per.us;
        char day[TIME_TEXT_SIZE], per[TIME_TEXT_SIZE];
        size_t n = 0;

        if (campaign->cap == 0 || person->n_written < campaign->cap)
                return 0;
        const Written **recent = ARENA_ARRAY(asking->arena, const Written *, person->n_written);
        if (!recent)
                return -ENOMEM;
        for (size_t i = 0; i < person->n_written; i++)
                if (person->written[i].at_us > from_us && counts(asking->plan, &person->written[i]))
                        recent[n++] = &person->written[i];
        if (n < campaign->cap)
                return 0;
        qsort(recent, n, sizeof *recent, compare_newest);
        int64_t until_us = recent[campaign->cap - 1]->at_us + campaign->cap_per.us;
        return add(asking, AUDIENCE_FREQUENCY, until_us, "was sent %zu mail%s within %s, the last by %s on %s", n, n == 1 ? "" : "s",
                duration_format(campaign->cap_per, per), recent[0]->by, say_day(asking, recent[0]->at_us, day));
}

/* The row says it of a lead's own address; that of one merged into it stands in the profile. */
static int find_address(Asking *asking, bool *ret) {
        AudiencePerson *person = asking->person;

        *ret = person->has_email;
        if (*ret)
                return 0;
        int r = asking->plan->deepen(asking->plan->userdata, person, READS_PROFILE);
        *ret = r == 0 && facts_text(person->subject.facts, FIELD_PERSON_EMAIL);
        return r;
}

/* ---- campaigns that go first ---- */

static int would_have(Asking *asking, const Campaign *rival, bool *ret) {
        const AudiencePerson *person = asking->person;
        const char *note;
        bool is_met;

        *ret = false;
        if (!has_consent(person, rival) || find_veto(person, rival, asking->plan->now_us))
                return 0;
        int r = is_mailed(rival->channel) ? find_address(asking, &is_met) : 0;
        if (r < 0 || (is_mailed(rival->channel) && !is_met))
                return r;
        r = holds(asking, rival->include, &is_met, &note);
        if (r < 0 || !is_met || note)
                return r;
        if (rival->exclude)
                r = holds(asking, rival->exclude, &is_met, &note);
        else
                is_met = false;
        *ret = r == 0 && !is_met && !note;
        return r;
}

static int ask_rivals(Asking *asking) {
        char day[TIME_TEXT_SIZE];

        for (size_t i = 0; i < asking->plan->n_rivals; i++) {
                const Campaign *rival = asking->plan->rivals[i];
                bool is_held;
                int r = would_have(asking, rival, &is_held);
                if (r < 0)
                        return r;
                if (!is_held)
                        continue;
                return add(asking, AUDIENCE_PRIORITY, rival->to_us, "%s goes first (priority %u)%s%s", rival->rule.name,
                        (unsigned) rival->priority, rival->to_us == TIME_NONE ? "" : " and runs until ",
                        rival->to_us == TIME_NONE ? "" : say_day(asking, rival->to_us - 1, day));
        }
        return 0;
}

/* ---- all of it ---- */

static int ask_test(Asking *asking) { return asking->person->test ? add(asking, AUDIENCE_TEST, TIME_NONE, "is a test") : 0; }

static int ask_status(Asking *asking) {
        const Subject *subject = &asking->person->subject;

        if (status_allows(subject->status))
                return 0;
        return add(asking, AUDIENCE_STATUS, TIME_NONE, "status %s does not let marketing write%s%s%s",
                subject->status ? subject->status->rule.name : "(not in the rules)", subject->owner ? " (" : "",
                subject->owner ? subject->owner : "", subject->owner ? " has the lead)" : "");
}

static int ask_opportunity(Asking *asking) {
        const AudiencePerson *person = asking->person;

        if (!person->opportunity)
                return 0;
        return add(asking, AUDIENCE_OPPORTUNITY, TIME_NONE, "opportunity %s is open%s%s%s", person->opportunity,
                person->opportunity_owner ? " (" : "", person->opportunity_owner ? person->opportunity_owner : "",
                person->opportunity_owner ? ")" : "");
}

static int ask_address(Asking *asking) {
        bool is_known = true;
        int r = asking->plan->needs_address ? find_address(asking, &is_known) : 0;

        if (r < 0 || is_known)
                return r;
        return add(asking, AUDIENCE_ADDRESS, TIME_NONE, "no e-mail address is known");
}

int decide_audience(AudiencePlan *plan, AudiencePerson *person, bool all, Arena *arena, AudienceVerdict *ret) {
        static int (*const questions[])(Asking *) = { ask_test, ask_status, ask_include, ask_exclude, ask_opportunity, ask_consent,
                ask_veto, ask_address, ask_written, ask_frequency, ask_rivals };
        Asking asking = { .plan = plan, .person = person, .arena = arena, .out = ret, .all = all };
        int r = 0;

        *ret = (AudienceVerdict){ .code = AUDIENCE_IN };
        for (size_t i = 0; i < ARRAY_SIZE(questions) && r == 0 && !is_settled(&asking); i++)
                r = questions[i](&asking);
        return r;
}
