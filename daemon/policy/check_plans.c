/* SPDX-License-Identifier: MIT */
/*
 * check_plans: campaigns and tracks beside the statuses, consents and one another. A rule that means leads whom marketing may not write to
 * contradicts what both teams agreed on and is refused; what would merely have nobody in it is a warning.
 */
#include "check.h"
#include "leadd/plans.h"

#include <errno.h>

#define WHY_SIZE 300 /* of a cause, in a warning */
#define PAIRS_MAX 64 /* tracks above one that it is compared with */

typedef struct Planning {
        Load *load;
        Solver *solver;
        const Status **statuses; /* those in which marketing may write */
        size_t n_statuses;
        const char **purposes; /* that a rule or an adapter knows */
        size_t n_purposes, purposes_capacity;
        bool any_purpose; /* an adapter takes whatever a source calls them */
        Text why;
} Planning;

/* Marketing may write, and all parts hold. */
static bool can_hold(Planning *planning, const Part *parts, size_t n) {
        text_clear(&planning->why);
        return solver_can_hold(planning->solver, parts, n, planning->statuses, planning->n_statuses, &planning->why);
}

static const char *why(const Planning *planning) { return planning->why.size > 0 ? planning->why.data : "its parts exclude each other"; }

/* ---- statuses that the condition names, and marketing may not write in ---- */

static void name_closed(Planning *planning, const char *key, const Condition *condition) {
        const Matcher *matcher = condition->matcher;
        const RuleSet *rules = planning->load->loader.rules;

        if (condition->ref.kind != REF_STATUS || matcher->op != MATCH_EQUALS || matcher->negate)
                return;
        for (size_t i = 0; i < matcher->n_words; i++) {
                const Status *status = policy_status(rules, matcher->words[i].written);

                if (status && !status->marketing_may_contact)
                        loader_warning(&planning->load->loader,
                                "%s: names the status \"%s\", which lets marketing write to nobody (marketing_may_contact): its leads are "
                                "left out",
                                key, status->rule.name);
        }
}

/* Only where a status is wanted: what a none{..} names is left out anyway. */
static void check_named(Planning *planning, const char *key, const Condition *condition) {
        if (condition->type == NODE_MATCH)
                name_closed(planning, key, condition);
        for (uint32_t i = 0; (condition->type == NODE_ALL || condition->type == NODE_ANY) && i < condition->n_children; i++)
                check_named(planning, key, &condition->children[i]);
}

/* False: it was said that nobody can be meant. */
static bool check_meant(Planning *planning, const char *key, const Condition *condition) {
        const Part part = { .condition = condition };
        Loader *loader = &planning->load->loader;

        if (planning->n_statuses == 0) {
                loader_refuse(loader, "means nobody: no status lets marketing write (marketing_may_contact)");
                return false;
        }
        if (can_hold(planning, &part, 1)) {
                check_named(planning, key, condition);
                return true;
        }
        if (solver_can_hold(planning->solver, &part, 1, NULL, 0, NULL))
                loader_refuse(
                        loader, "%s: holds only where marketing may not write: no status that it allows has marketing_may_contact", key);
        return false; /* else check_conditions.c said so */
}

/* ---- consents ---- */

static int know_purpose(Planning *planning, const char *purpose) {
        for (size_t i = 0; i < planning->n_purposes; i++)
                if (base_streq(planning->purposes[i], purpose))
                        return 0;
        const char **purposes =
                load_grow(planning->load, planning->purposes, planning->n_purposes, &planning->purposes_capacity, sizeof(*purposes));
        if (!purposes)
                return -ENOMEM;
        planning->purposes = purposes;
        purposes[planning->n_purposes++] = purpose;
        return 0;
}

static int on_compared(const Compared *compared, void *userdata) {
        bool is_consent = compared->ref && compared->ref->kind == REF_FIELD && compared->ref->field == FIELD_CONSENT;

        return is_consent && compared->ref->key ? know_purpose(userdata, compared->ref->key) : 0;
}

static int on_place(const Place *place, void *userdata) { return walk_compared(place->condition, on_compared, userdata); }

/* "consent.marketing"; "consent" takes any. */
static int know_target(Planning *planning, const char *target) {
        static const char prefix[] = "consent.";

        if (target && base_streq(target, "consent"))
                planning->any_purpose = true;
        return target && strncmp(target, prefix, sizeof(prefix) - 1) == 0 ? know_purpose(planning, target + sizeof(prefix) - 1) : 0;
}

static int know_adapter(Planning *planning, const Adapter *adapter) {
        int r = 0;

        for (size_t i = 0; i < adapter->n_map && r == 0; i++)
                r = know_target(planning, adapter->map[i].target);
        for (size_t i = 0; i < adapter->n_set && r == 0; i++)
                r = know_target(planning, adapter->set[i].target);
        for (size_t i = 0; i < adapter->n_rest && r == 0; i++)
                r = know_target(planning, adapter->rest[i].target);
        for (size_t i = 0; i < adapter->n_pairs && r == 0; i++) {
                r = know_target(planning, adapter->pairs[i].rest);
                for (size_t k = 0; k < adapter->pairs[i].n_map && r == 0; k++)
                        r = know_target(planning, adapter->pairs[i].map[k].target);
        }
        return r;
}

static int find_purposes(Planning *planning) {
        const RuleSet *rules = planning->load->loader.rules;
        int r = know_purpose(planning, POLICY_PURPOSE_DEFAULT);

        if (r == 0)
                r = walk_conditions(rules, on_place, planning);
        for (size_t i = 0; i < rules->n_adapters && r == 0; i++)
                r = know_adapter(planning, &rules->adapters[i].adapter);
        return r;
}

/* Sources name purposes as they like, so that this can be no more than a doubt. */
static void check_purpose(Planning *planning, const char *purpose) {
        for (size_t i = 0; i < planning->n_purposes; i++)
                if (base_streq(planning->purposes[i], purpose))
                        return;
        const char *closest = text_closest(purpose, planning->purposes, planning->n_purposes);
        if (closest)
                loader_warning(&planning->load->loader, "\"purpose\": no rule and no adapter knows consent.%s; did you mean \"%s\"?",
                        purpose, closest);
        else if (!planning->any_purpose)
                loader_warning(&planning->load->loader, "\"purpose\": no rule and no adapter knows consent.%s", purpose);
}

/* ---- the kinds ---- */

static void check_campaign(Planning *planning, const Campaign *campaign) {
        const Part parts[] = { { .condition = campaign->include }, { .condition = campaign->exclude, .negated = true } };

        planning->load->loader.rule = &campaign->rule;
        check_purpose(planning, campaign->purpose);
        if (check_meant(planning, "include", campaign->include) && campaign->exclude && !can_hold(planning, parts, ARRAY_SIZE(parts)))
                loader_warning(&planning->load->loader, "has nobody in it: whoever \"include\" names, \"exclude\" leaves out: %.*s",
                        WHY_SIZE, why(planning));
}

/* Whoever the track takes, the one above it takes. */
static bool is_shadowed(Planning *planning, const Track *track, const Track *above) {
        Part parts[3] = { { .condition = track->enter } };
        size_t n = 1;

        if (!base_streq(track->purpose, above->purpose) || (above->needs_consent && !track->needs_consent))
                return false;
        if (track->leave)
                parts[n++] = (Part){ .condition = track->leave, .negated = true };
        parts[n] = (Part){ .condition = condition_is_always(above->enter) ? NULL : above->enter, .negated = true };
        if (can_hold(planning, parts, n + 1))
                return false;
        parts[n] = (Part){ .condition = above->leave };
        return !above->leave || !can_hold(planning, parts, n + 1);
}

static void check_track(Planning *planning, const Track *track) {
        const RuleSet *rules = planning->load->loader.rules;
        const Part parts[] = { { .condition = track->enter }, { .condition = track->leave, .negated = true } };
        size_t n_pairs = 0;

        planning->load->loader.rule = &track->rule;
        check_purpose(planning, track->purpose);
        if (!check_meant(planning, "enter", track->enter))
                return;
        if (track->leave && !can_hold(planning, parts, ARRAY_SIZE(parts))) {
                loader_warning(&planning->load->loader, "sends nothing: whoever \"enter\" lets in, \"leave\" lets go at once: %.*s",
                        WHY_SIZE, why(planning));
                return;
        }
        for (const Track *above = track; above-- > rules->tracks && n_pairs < PAIRS_MAX; n_pairs++)
                if (is_shadowed(planning, track, above)) {
                        loader_warning(&planning->load->loader,
                                "never applies: \"%s\" (%s:%d) comes first and takes whoever this would; move it below this one, or narrow "
                                "it",
                                above->rule.name, above->rule.file, above->rule.line);
                        return;
                }
}

/* A text to the lead that nobody sends was probably meant to be sent. */
static void check_message(Planning *planning, const Message *message) {
        const RuleSet *rules = planning->load->loader.rules;

        if (!message->to || !base_streq(message->to, "lead"))
                return;
        for (size_t i = 0; i < rules->n_tracks; i++)
                for (size_t k = 0; k < rules->tracks[i].n_steps; k++)
                        if (rules->tracks[i].steps[k].send == message)
                                return;
        planning->load->loader.rule = &message->rule;
        loader_warning(&planning->load->loader, "is for the lead, but no track sends it");
}

/* Every lead has reached a stage that asks for nothing: it comes first, or the funnel would widen. */
static void check_stages(Planning *planning) {
        const RuleSet *rules = planning->load->loader.rules;

        for (size_t i = 1; i < rules->n_stages; i++) {
                planning->load->loader.rule = &rules->stages[i].rule;
                if (rules->stages[i].every)
                        loader_warning(&planning->load->loader, "is reached by every lead, and stands behind \"%s\" (%s:%d)",
                                rules->stages[i - 1].rule.name, rules->stages[i - 1].rule.file, rules->stages[i - 1].rule.line);
        }
}

int check_plans(Load *load, Solver *solver) {
        const RuleSet *rules = load->loader.rules;
        Planning planning = { .load = load, .solver = solver };

        planning.statuses = ARENA_ARRAY(load->scratch, const Status *, rules->n_statuses + 1);
        if (!planning.statuses || find_purposes(&planning) < 0)
                return load_exhausted(load);
        for (size_t i = 0; i < rules->n_statuses; i++)
                if (rules->statuses[i].marketing_may_contact)
                        planning.statuses[planning.n_statuses++] = &rules->statuses[i];
        for (size_t i = 0; i < rules->n_campaigns; i++)
                check_campaign(&planning, &rules->campaigns[i]);
        for (size_t i = 0; i < rules->n_tracks; i++)
                check_track(&planning, &rules->tracks[i]);
        for (size_t i = 0; i < rules->n_messages; i++)
                check_message(&planning, &rules->messages[i]);
        check_stages(&planning);
        int r = planning.why.error;
        text_free(&planning.why);
        return r < 0 || load->loader.out_of_memory ? load_exhausted(load) : 0;
}
