/* SPDX-License-Identifier: MIT */
/*
 * Taking an audience: marketing is given names to write to. That is an event, so that whoever was written to is known, for caps on how
 * often and for whoever asks later. A take of many leads comes in parts, each an event of its own in a transaction of its own, so that
 * nobody else waits; all belong to the take that the first one began, and the last one says that it is whole.
 *
 * Between the look and the part the world goes on: each lead is asked about once more, by the same function that made the list, and who is
 * out by then is dropped. A replay asks again, too: a book in which somebody was taken who must not be does not replay equal.
 *
 * A take that was left (a client that died, a daemon that was stopped) is gone on with by whoever began it, or after a while by anybody:
 * what it has given out is not given twice, and does not count against the rest.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>

bool gate_is_take(const Record *record) { return record->family == FAMILY_CAMPAIGN && base_streq(record->event, "taken"); }

int gate_find_exclusions(Gate *gate, uint64_t lead, DecideInput *input) {
        Written *written;
        Exclusion *exclusions;
        size_t n_written;

        if (lead == 0 || input->record->family != FAMILY_OUTCOME || !base_streq(input->record->event, "exclude"))
                return 0;
        int r = store_sent_to(gate->store, lead, gate->arena, &written, &n_written, &exclusions, &input->n_exclusions);
        if (r == 0)
                input->exclusions = exclusions;
        return r;
}

static int refuse(Gate *gate, GateOutcome *ret, const char *code, const char *format, ...) _printf_(4, 5);
static int refuse(Gate *gate, GateOutcome *ret, const char *code, const char *format, ...) {
        Text text = { 0 };
        va_list args;

        va_start(args, format);
        text_vprintf(&text, format, args);
        va_end(args);
        policy_begin_event(gate->rules, false, NULL, 0);
        policy_end_event(gate->rules);
        gate->decision = (Decision){
                .refused = true, .refusal_code = code, .refusal_text = text.error ? NULL : arena_strndup(gate->arena, text.data, text.size)
        };
        text_free(&text);
        ret->decision = &gate->decision;
        return gate->decision.refusal_text ? 0 : -ENOMEM;
}

/* ---- asking about each lead ---- */

typedef struct Taking {
        Gate *gate;
        Lookout lookout;
        const GateTake *take; /* NULL in a replay */
        uint64_t id;          /* of the take, 0 = not begun */
        const uint64_t *asked;
        size_t n_asked, at;
        uint64_t *in, *dropped;
        size_t n_in, n_dropped;
        uint64_t n_again;
} Taking;

static int tell_dropped(Taking *taking, uint64_t lead, const AudienceVerdict *verdict) {
        return taking->take && taking->take->on_dropped ? taking->take->on_dropped(lead, verdict, taking->take->userdata) : 0;
}

static int drop(Taking *taking, uint64_t lead, const AudienceVerdict *verdict) {
        taking->dropped[taking->n_dropped++] = lead;
        return tell_dropped(taking, lead, verdict);
}

/* Those before the lead have no row: another one goes on for them, they were erased, or never were. */
static int drop_before(Taking *taking, uint64_t lead) {
        int r = 0;

        while (r == 0 && taking->at < taking->n_asked && taking->asked[taking->at] < lead)
                r = drop(taking, taking->asked[taking->at++], NULL);
        return r;
}

static int on_row(const AudienceRow *row, void *userdata) {
        Taking *taking = userdata;
        AudienceVerdict verdict;

        int r = drop_before(taking, row->lead);
        if (r != 0)
                return r;
        taking->at++;
        bool is_again = false;
        for (size_t i = 0; taking->take && taking->id > 0 && i < row->n_written && !is_again; i++)
                is_again = row->written[i].event == taking->id;
        taking->n_again += is_again;
        r = lookout_ask(&taking->lookout, row, taking->take != NULL, &verdict);
        if (r < 0)
                return r;
        /* Taken by an earlier part, it stays so; but who is out since is told, and not given out once more. */
        if (is_again)
                return verdict.code != AUDIENCE_IN ? tell_dropped(taking, row->lead, &verdict) : 0;
        if (verdict.code != AUDIENCE_IN)
                return drop(taking, row->lead, &verdict);
        taking->in[taking->n_in++] = row->lead;
        return 0;
}

static int ask_all(Taking *taking) {
        size_t n = taking->n_asked;

        taking->in = ARENA_ARRAY(taking->gate->arena, uint64_t, n + 1);
        taking->dropped = ARENA_ARRAY(taking->gate->arena, uint64_t, n + 1);
        if (!taking->in || !taking->dropped)
                return -ENOMEM;
        taking->lookout.plan.except_event = taking->id;
        int r = store_audience_of(taking->gate->store, taking->asked, n, on_row, taking);
        return r == 0 ? drop_before(taking, UINT64_MAX) : r;
}

/* ---- the event ---- */

static int set(Record *record, FieldId field, Value value) {
        return facts_set(&record->facts, record->arena, field, NULL, value, record->time_us);
}

static int set_leads(Record *record, FieldId field, const uint64_t *leads, size_t n) {
        _cleanup_(text_free) Text text = { 0 };
        int r = n > 0 ? decide_write_leads(leads, n, &text) : 0;

        return r == 0 && n > 0 ? set(record, field, value_text_size(text.data, text.size)) : r;
}

static int fill_record(const Taking *taking, const char *campaign, Record *record) {
        const GateTake *take = taking->take;
        int r = set(record, FIELD_CAMPAIGN_NAME, value_text(campaign));

        if (r == 0 && taking->id > 0)
                r = set(record, FIELD_CAMPAIGN_TAKE, value_integer((int64_t) taking->id));
        if (r == 0)
                r = set_leads(record, FIELD_CAMPAIGN_LEADS, taking->in, taking->n_in);
        if (r == 0)
                r = set_leads(record, FIELD_CAMPAIGN_DROPPED, taking->dropped, taking->n_dropped);
        if (r == 0 && take->is_last)
                r = set(record, FIELD_CAMPAIGN_IS_LAST, value_bool(true));
        if (r == 0 && take->only_new)
                r = set(record, FIELD_CAMPAIGN_ONLY_NEW, value_bool(true));
        return r;
}

/* Decides and applies, inside the event that the leads were asked about in. */
static int apply(Gate *gate, const Record *record, const char *actor, int64_t now_us, GateOutcome *ret) {
        static const Facts nothing;
        LeadState none = { .grade = "", .wake_us = TIME_NONE };
        Desk desk = { 0 };
        const DecideInput input = {
                .event_id = store_next_event(gate->store),
                .before = &none,
                .profile = &nothing,
                .record = record,
                .actor = actor,
                .now_us = now_us,
                .desk = &desk,
        };
        int r = decide_event(gate->rules, &input, gate->arena, &gate->decision);

        if (r >= 0)
                r = gate_keep_cuts(gate, &gate->decision);
        if (r < 0)
                return r;
        ret->decision = &gate->decision;
        if (gate->decision.refused)
                return 0;
        ret->event = input.event_id;
        const StoreEntry entry = {
                .record = record, .decision = &gate->decision, .event_id = input.event_id, .actor = actor, .now_us = now_us
        };
        return store_apply(gate->store, &entry);
}

/* ---- a part of a take ---- */

bool gate_take_is_open(const StoredTake *take, int64_t now_us) { return !take->is_done && now_us - take->last_us < GATE_TAKE_OPEN_US; }

typedef struct OpenTake {
        int64_t now_us;
        uint64_t take; /* 0 = none */
} OpenTake;

static int keep_open(const StoredTake *take, void *userdata) {
        OpenTake *open = userdata;

        open->take = gate_take_is_open(take, open->now_us) ? take->take : 0;
        return 1; /* the newest of the campaign */
}

static const char *say_days(const Campaign *campaign, Arena *arena) {
        if (campaign->from_text && campaign->to_text)
                return arena_printf(arena, "%s runs from %s to %s", campaign->rule.name, campaign->from_text, campaign->to_text);
        return arena_printf(arena, "%s runs %s %s", campaign->rule.name, campaign->from_text ? "from" : "until",
                campaign->from_text ? campaign->from_text
                : campaign->to_text ? campaign->to_text
                                    : "?");
}

static bool are_ascending(const GateTake *take) {
        for (size_t i = 0; i < take->n_leads; i++)
                if (take->leads[i] <= (i > 0 ? take->leads[i - 1] : 0))
                        return false;
        return take->n_leads <= DECIDE_TAKE_LEADS_MAX;
}

/* Which take the part belongs to: 0 = it begins one. The refusal is made in *ret, and *ret_refused says so. */
static int find_take(Gate *gate, const Campaign *campaign, const char *actor, int64_t now_us, const GateTake *take, uint64_t *ret_id,
        GateOutcome *ret, bool *ret_refused) {
        StoredTake open;
        OpenTake found = { .now_us = now_us };
        char since[TIME_TEXT_SIZE];

        *ret_refused = false;
        *ret_id = 0;
        int r = store_takes(gate->store, campaign->rule.name, 0, keep_open, &found);
        if (r < 0)
                return r;
        uint64_t id = found.take;
        if (take->take > 0) {
                *ret_refused = take->take != id;
                *ret_id = id;
                return *ret_refused ? refuse(gate, ret, "unknown_take", "no take %" PRIu64 " of %s is under way", take->take,
                                              campaign->rule.name)
                                    : 0;
        }
        if (id == 0)
                return 0;
        r = store_take_get(gate->store, id, gate->arena, &open);
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        *ret_id = id;
        *ret_refused = !base_streq(open.by, actor) && now_us - open.last_us < GATE_TAKE_IDLE_US;
        return *ret_refused ? refuse(gate, ret, "taken_by_other", "%s is taking it since %s (take %" PRIu64 "); try again in %d minutes",
                                      open.by, time_format_rfc3339(open.at_us, since), id, (int) (GATE_TAKE_IDLE_US / US_PER_MINUTE))
                            : 0;
}

/* How the take stands that the event belongs to. */
static int report(Gate *gate, uint64_t id, GateTake *take) {
        int r = store_take_get(gate->store, id, gate->arena, &take->after);

        return r > 0 ? -EBADMSG : r;
}

static int find_id(const StoredEvent *event, void *userdata) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        Facts facts = { 0 };

        if (!arena)
                return -ENOMEM;
        int r = event->facts ? facts_decode(event->facts, event->facts_size, false, arena, &facts) : 0;
        const Value *take = r == 0 ? facts_get(&facts, FIELD_CAMPAIGN_TAKE, NULL) : NULL;
        *(uint64_t *) userdata = take ? (uint64_t) take->integer : event->id;
        return r < 0 ? r : 1;
}

int gate_take_part(Gate *gate, Record *record, const char *actor, int64_t now_us, GateTake *take, GateOutcome *ret) {
        const Campaign *campaign = policy_campaign(gate->rules, take->campaign);
        bool is_refused;
        uint64_t id;

        *ret = (GateOutcome){ 0 };
        take->n_again = 0;
        take->goes_on = false;
        arena_reset(gate->arena);
        ret->event = store_find_event(gate->store, &record->key);
        if (ret->event > 0) {
                ret->duplicate = true;
                int r = store_log(gate->store, 0, ret->event, find_id, &id);
                return r < 0 ? r : report(gate, id, take);
        }
        if (!campaign)
                return refuse(gate, ret, "unknown_campaign", "the rules have no campaign \"%.80s\"", take->campaign);
        if (!policy_campaign_runs(campaign, now_us))
                return refuse(gate, ret, "not_running", "%s: nobody can be taken for it now", say_days(campaign, gate->arena));
        if (!are_ascending(take))
                return refuse(gate, ret, "bad_leads", "a part of a take names at most %d leads, ascending", DECIDE_TAKE_LEADS_MAX);
        int r = gate_sync_suspended(gate);
        if (r == 0)
                r = find_take(gate, campaign, actor, now_us, take, &id, ret, &is_refused);
        if (r != 0 || is_refused)
                return r;
        Taking taking = { .gate = gate, .take = take, .id = id, .asked = take->leads, .n_asked = take->n_leads };
        r = lookout_start(gate->store, gate->rules, campaign, now_us, &taking.lookout);
        taking.lookout.plan.only_new = take->only_new;
        policy_begin_event(gate->rules, false, NULL, 0);
        if (r == 0)
                r = ask_all(&taking);
        if (r == 0)
                r = fill_record(&taking, campaign->rule.name, record);
        if (r == 0)
                r = apply(gate, record, actor, now_us, ret);
        policy_end_event(gate->rules);
        lookout_done(&taking.lookout);
        if (r != 0 || ret->decision->refused)
                return r;
        take->n_again = taking.n_again;
        take->goes_on = id > 0 && take->take == 0;
        r = report(gate, id > 0 ? id : ret->event, take);
        return r == 0 ? gate_count_overruns(gate, now_us, ret->suspended, &ret->n_suspended) : r;
}

/* ---- replaying one ---- */

/* Both lists as one, ascending, without those that cannot be asked about any more. */
static int unite(Gate *gate, const uint64_t *a, size_t n_a, const uint64_t *b, size_t n_b, uint64_t **ret, size_t *ret_n) {
        uint64_t *all = ARENA_ARRAY(gate->arena, uint64_t, n_a + n_b + 1);
        size_t n = 0;

        if (!all)
                return -ENOMEM;
        for (size_t i = 0, k = 0; i < n_a || k < n_b;) {
                uint64_t lead = k == n_b || (i < n_a && a[i] < b[k]) ? a[i++] : b[k++];
                bool is_ghost = false;
                int r = gate->ghosts ? ghosts_is_one(gate->ghosts, gate->store, lead, &is_ghost) : 0;
                if (r != 0)
                        return r;
                if (!is_ghost)
                        all[n++] = lead;
        }
        *ret = all;
        *ret_n = n;
        return 0;
}

static bool contains(const uint64_t *leads, size_t n, uint64_t lead) {
        for (size_t low = 0, high = n; low < high;) {
                size_t middle = low + (high - low) / 2;
                if (leads[middle] == lead)
                        return true;
                if (leads[middle] < lead)
                        low = middle + 1;
                else
                        high = middle;
        }
        return false;
}

int gate_replay_take(Gate *gate, const Record *record, const StoredEvent *replayed, GateOutcome *ret, const char **ret_differs) {
        const char *name = facts_text(&record->facts, FIELD_CAMPAIGN_NAME);
        const Campaign *campaign = name ? policy_campaign(gate->rules, name) : NULL;
        const Value *take = facts_get(&record->facts, FIELD_CAMPAIGN_TAKE, NULL);
        const Value *only_new = facts_get(&record->facts, FIELD_CAMPAIGN_ONLY_NEW, NULL);
        uint64_t *in, *dropped, *asked;
        size_t n_in, n_dropped;

        *ret_differs = NULL;
        if (!campaign)
                return -EBADMSG;
        Taking taking = { .gate = gate, .id = take ? (uint64_t) take->integer : 0 };
        int r = gate_sync_suspended(gate);
        if (r == 0)
                r = decide_read_leads(facts_text(&record->facts, FIELD_CAMPAIGN_LEADS), gate->arena, &in, &n_in);
        if (r == 0)
                r = decide_read_leads(facts_text(&record->facts, FIELD_CAMPAIGN_DROPPED), gate->arena, &dropped, &n_dropped);
        if (r == 0)
                r = unite(gate, in, n_in, dropped, n_dropped, &asked, &taking.n_asked);
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        taking.asked = asked;
        r = lookout_start(gate->store, gate->rules, campaign, replayed->now_us, &taking.lookout);
        taking.lookout.plan.only_new = only_new && only_new->boolean;
        policy_begin_event(gate->rules, true, replayed->cuts, replayed->n_cuts);
        if (r == 0)
                r = ask_all(&taking);
        for (size_t i = 0; r == 0 && i < taking.n_dropped && !*ret_differs; i++)
                if (!contains(dropped, n_dropped, taking.dropped[i]))
                        *ret_differs = arena_printf(gate->arena, "took L-%" PRIu64 ", who was out", taking.dropped[i]);
        for (size_t i = 0; r == 0 && i < taking.n_in && !*ret_differs; i++)
                if (!contains(in, n_in, taking.in[i]))
                        *ret_differs = arena_printf(gate->arena, "dropped L-%" PRIu64 ", who was in", taking.in[i]);
        if (r == 0)
                r = apply(gate, record, replayed->actor, replayed->now_us, ret);
        policy_end_event(gate->rules);
        lookout_done(&taking.lookout);
        return r;
}
