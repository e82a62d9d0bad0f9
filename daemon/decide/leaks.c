/* SPDX-License-Identifier: MIT */
/*
 * leaks: which leads nobody looks after. Each kind is a function of its own that says since when it holds, or when it may come to
 * hold by itself; the first kind that holds names the lead. What a running agreement will still do (a step to come) keeps a lead from
 * leaking: somebody will hear of it. Looks nothing up: what people did for a lead stands in the log, and who asks fetches it when
 * decide_leak says that it matters, because most leads need no such look.
 */
#include "leadd/leaks.h"

#include "internal.h"
#include "leadd/plans.h"

#include <errno.h>

static const struct {
        const char *name, *meaning;
} kinds[LEAK_KINDS] = {
        [LEAK_NONE] = { "none", "no leak" },
        [LEAK_UNOWNED] = { "unowned", "nobody owns it, it is in no queue, and nothing is due" },
        [LEAK_UNACCEPTED] = { "unaccepted", "not accepted in time, and its agreement has no step left" },
        [LEAK_UNTOUCHED] = { "untouched", "accepted, and nothing was done for it since" },
        [LEAK_OPPORTUNITY] = { "opportunity", "an open opportunity that does not move, and no rule takes it back" },
        [LEAK_STALE] = { "stale", "nobody keeps its status up to date" },
        [LEAK_NO_REASON] = { "no_reason", "sent back, and nobody said why" },
        [LEAK_NO_TRACK] = { "no_track", "left to marketing, and in no track" },
};

const char *leak_kind_name(LeakKind kind) { return kinds[kind].name; }
const char *leak_kind_meaning(LeakKind kind) { return kinds[kind].meaning; }

/* ---- the rules ---- */

static bool can_stall(const RuleSet *rules, const Status *status) {
        for (size_t i = 0; i < rules->n_moves; i++) {
                const Move *move = &rules->moves[i];
                if (move->by == BY_RULES && moves_leave(move, status) && policy_reads(move->when) & READS_NOW)
                        return true;
        }
        return false;
}

/* The last is the one that takes what no other took. */
static const Rule *last_route(const RuleSet *rules, const Team *team) {
        const Rule *last = NULL;

        for (size_t i = 0; i < rules->n_routes; i++)
                if (rules->routes[i].team == team)
                        last = &rules->routes[i].rule;
        return last;
}

/* Where marketing may write to leads, and nobody works on them one by one. */
static int find_tracks(const RuleSet *rules, const Status *status, Arena *arena, LeakStatus *ret) {
        if (!status->marketing_may_contact || status->kind == STATUS_FINAL || status->team->n_members > 0 || rules->n_tracks == 0)
                return 0;
        ret->tracks = ARENA_ARRAY(arena, const Track *, rules->n_tracks);
        if (!ret->tracks)
                return -ENOMEM;
        for (size_t i = 0; i < rules->n_tracks; i++) {
                bool can = false;
                int r = policy_can_hold_in(rules, rules->tracks[i].enter, status, &can);
                if (r < 0)
                        return r;
                if (can)
                        ret->tracks[ret->n_tracks++] = &rules->tracks[i];
        }
        return 0;
}

int leak_rules_init(const RuleSet *rules, Arena *arena, LeakRules *ret) {
        *ret = (LeakRules){ .rules = rules, .statuses = ARENA_ARRAY(arena, LeakStatus, rules->n_statuses + 1) };
        if (!ret->statuses)
                return -ENOMEM;
        for (size_t i = 0; i < rules->n_statuses; i++) {
                const Status *status = &rules->statuses[i];
                ret->statuses[i] = (LeakStatus){
                        .status = status,
                        .is_staffed = status->team->n_members > 0 && status->kind != STATUS_FINAL,
                        .can_stall = can_stall(rules, status),
                        .route = last_route(rules, status->team),
                        .is_opportunity = base_streq(status->rule.name, "opportunity"),
                        .stale_us = status->stale_after.us != 0 ? status->stale_after.us : rules->settings->leaks.stale.us,
                };
                int r = find_tracks(rules, status, arena, &ret->statuses[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- the kinds ---- */

typedef struct Look {
        const LeakRules *rules;
        const LeakStatus *status;
        const LeakLead *lead;
        int64_t now_us;
        const Rule *rule; /* of the kind that holds */
        bool asks_work, owner_is_known, is_owned;
} Look;

static int64_t later(int64_t a_us, int64_t b_us) { return a_us == TIME_NONE || (b_us != TIME_NONE && b_us > a_us) ? b_us : a_us; }

/* Somebody has it whom the rules know. */
static bool is_owned(Look *look) {
        if (!look->owner_is_known) {
                const Member *owner = look->lead->owner ? policy_member(look->rules->rules, look->lead->owner) : NULL;
                look->is_owned = owner && !owner->left;
                look->owner_is_known = true;
        }
        return look->is_owned;
}

static bool has_step(const LeakLead *lead) { return lead->sla && lead->next_step_us != TIME_NONE; }

/* Something has been so since an instant, which is a leak after a limit. */
static bool lasts(int64_t since_us, int64_t limit_us, const Look *look, int64_t *ret_since_us, int64_t *ret_next_us) {
        *ret_since_us = since_us;
        *ret_next_us = since_us + limit_us;
        return *ret_next_us <= look->now_us;
}

/* What people did matters only once the lead stands long enough where it is. */
static bool work_is_known(Look *look, int64_t limit_us, int64_t *ret_next_us) {
        const LeakLead *lead = look->lead;

        if (lead->work.n != LEAK_WORK_UNKNOWN)
                return true;
        *ret_next_us = lead->entered_us + limit_us;
        look->asks_work = *ret_next_us <= look->now_us;
        return false;
}

static bool leaks_unowned(Look *look, int64_t *ret_since_us, int64_t *ret_next_us _unused_) {
        const LeakLead *lead = look->lead;

        if (!look->status->is_staffed || is_owned(look) || has_step(lead) || lead->held_look_us != TIME_NONE ||
                lead->recycle_us != TIME_NONE)
                return false;
        *ret_since_us = lead->entered_us;
        look->rule = look->status->route;
        return true;
}

static bool leaks_unaccepted(Look *look, int64_t *ret_since_us, int64_t *ret_next_us) {
        const LeakLead *lead = look->lead;

        if (!look->status->is_staffed || !is_owned(look) || !lead->unaccepted || !lead->sla || has_step(lead))
                return false;
        const Sla *sla = policy_sla(look->rules->rules, lead->sla);
        look->rule = sla ? &sla->rule : NULL;
        return lasts(lead->due_us != TIME_NONE ? lead->due_us : lead->entered_us, 0, look, ret_since_us, ret_next_us);
}

static bool leaks_untouched(Look *look, int64_t *ret_since_us, int64_t *ret_next_us) {
        const LeakLead *lead = look->lead;
        int64_t limit_us = look->rules->rules->settings->leaks.untouched.us;

        if (!look->status->is_staffed || !is_owned(look) || lead->unaccepted || lead->offered_us == TIME_NONE || has_step(lead) ||
                !work_is_known(look, limit_us, ret_next_us) || lead->work.n > 1)
                return false;
        look->rule = &look->status->status->rule;
        return lasts(later(lead->work.last_us, lead->offered_us), limit_us, look, ret_since_us, ret_next_us);
}

static bool leaks_opportunity(Look *look, int64_t *ret_since_us, int64_t *ret_next_us) {
        const LeakLead *lead = look->lead;
        int64_t limit_us = look->rules->rules->settings->leaks.opportunity.us;

        if ((lead->opportunity_us == TIME_NONE && !look->status->is_opportunity) || look->status->status->kind == STATUS_FINAL ||
                look->status->can_stall || has_step(lead) || !work_is_known(look, limit_us, ret_next_us))
                return false;
        look->rule = &look->status->status->rule;
        return lasts(later(later(lead->opportunity_us, lead->entered_us), lead->work.last_us), limit_us, look, ret_since_us, ret_next_us);
}

static bool leaks_stale(Look *look, int64_t *ret_since_us, int64_t *ret_next_us) {
        const LeakLead *lead = look->lead;

        if (!look->status->is_staffed || !is_owned(look) || has_step(lead) || !work_is_known(look, look->status->stale_us, ret_next_us))
                return false;
        look->rule = &look->status->status->rule;
        return lasts(later(lead->entered_us, lead->work.last_us), look->status->stale_us, look, ret_since_us, ret_next_us);
}

/* Who was won needs no reason, whosever customers are. */
static bool is_won(const LeakRules *rules, const Status *status, const char *move) {
        for (size_t i = 0; i < rules->rules->n_stages; i++) {
                const Stage *stage = &rules->rules->stages[i];
                if (!base_streq(stage->rule.name, "won"))
                        continue;
                for (size_t k = 0; k < stage->n_statuses; k++)
                        if (stage->statuses[k] == status)
                                return true;
                for (size_t k = 0; k < stage->n_moves; k++)
                        if (move && base_streq(stage->moves[k]->rule.name, move))
                                return true;
        }
        return false;
}

static bool leaks_no_reason(Look *look, int64_t *ret_since_us, int64_t *ret_next_us _unused_) {
        const LeakLead *lead = look->lead;

        if (lead->returned_us == TIME_NONE || is_won(look->rules, look->status->status, lead->returned_by))
                return false;
        *ret_since_us = lead->returned_us;
        look->rule = lead->returned_by ? policy_rule(look->rules->rules, RULE_MOVE, lead->returned_by) : NULL;
        return true;
}

/* May marketing write to it for that purpose? Whom nobody may write to needs no track. */
static bool may_write(const LeakLead *lead, const Track *track) {
        size_t size = strlen(track->purpose);

        for (const char *at = lead->consents; at && *at; at += *at == ' ') {
                size_t n = strcspn(at, " ");
                if (n == size + 1 && memcmp(at, track->purpose, size) == 0)
                        return at[size] == '+';
                at += n;
        }
        return !track->needs_consent;
}

static bool leaks_no_track(Look *look, int64_t *ret_since_us, int64_t *ret_next_us _unused_) {
        if (look->lead->in_track)
                return false;
        for (size_t i = 0; i < look->status->n_tracks; i++)
                if (may_write(look->lead, look->status->tracks[i])) {
                        *ret_since_us = later(look->lead->entered_us, look->lead->track_ended_us);
                        look->rule = &look->status->tracks[i]->rule;
                        return true;
                }
        return false;
}

void decide_leak(const LeakRules *rules, const LeakLead *lead, int64_t now_us, LeakFound *ret) {
        static bool (*const leaks[LEAK_KINDS])(Look * look, int64_t * ret_since_us, int64_t * ret_next_us) = {
                [LEAK_UNOWNED] = leaks_unowned,
                [LEAK_UNACCEPTED] = leaks_unaccepted,
                [LEAK_UNTOUCHED] = leaks_untouched,
                [LEAK_OPPORTUNITY] = leaks_opportunity,
                [LEAK_STALE] = leaks_stale,
                [LEAK_NO_REASON] = leaks_no_reason,
                [LEAK_NO_TRACK] = leaks_no_track,
        };
        const Status *status = lead->status ? policy_status(rules->rules, lead->status) : NULL;
        Look look = { .rules = rules, .lead = lead, .now_us = now_us };

        *ret = (LeakFound){ .since_us = TIME_NONE, .next_us = TIME_NONE };
        if (!status) {
                /* The rules have lost its status: nobody has it. */
                *ret = (LeakFound){ .kind = LEAK_UNOWNED, .since_us = lead->entered_us, .next_us = TIME_NONE };
                return;
        }
        look.status = &rules->statuses[status - rules->rules->statuses];
        for (LeakKind kind = LEAK_NONE + 1; kind < LEAK_KINDS; kind++) {
                int64_t since_us = TIME_NONE, next_us = TIME_NONE;
                bool holds = leaks[kind](&look, &since_us, &next_us);
                if (look.asks_work) {
                        *ret = (LeakFound){ .since_us = TIME_NONE, .next_us = TIME_NONE, .asks_work = true };
                        return;
                }
                if (holds) {
                        ret->kind = kind;
                        ret->rule = look.rule;
                        ret->since_us = since_us;
                        return;
                }
                if (next_us != TIME_NONE && next_us > now_us && (ret->next_us == TIME_NONE || next_us < ret->next_us))
                        ret->next_us = next_us;
        }
}
