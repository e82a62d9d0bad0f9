/* SPDX-License-Identifier: MIT */
/*
 * Whom a campaign may write to, and who was taken for one. A look, and the list of takes, are the reporting thread's and change nothing;
 * long ones are asked for page by page. To take is the judging thread's: each call is a part of a take, an event of its own.
 */
#include "internal.h"
#include "leadd/gate.h"
#include <errno.h>
#include <stdio.h>

#define AUDIENCE_PAGE_MAX 1000 /* persons of one reply; DECIDE_TAKE_LEADS_MAX as well, so that a page can be taken */
#define AUDIENCE_PAGE_DEFAULT 100

/* NULL: the error is set. */
static const Campaign *find_campaign(const ControlDesk *desk, ControlCall *call) {
        const RuleSet *rules = desk->rules;
        const char *name = call_text(call, "campaign");
        const Campaign *campaign = policy_campaign(rules, name);
        if (campaign)
                return campaign;
        const char **names = calloc(rules->n_campaigns + 1, sizeof *names);
        for (size_t i = 0; names && i < rules->n_campaigns; i++)
                names[i] = rules->campaigns[i].rule.name;
        execute_unknown(call, "campaign", name, names, names ? rules->n_campaigns : 0);
        free(names);
        return NULL;
}

static json_t *campaign_json(const Campaign *campaign, int64_t now_us) {
        json_t *json = json_object();
        bool failed = !json;
        put(json, "campaign", json_text(campaign->rule.name), &failed);
        put(json, "owner", json_text(campaign->owner ? campaign->owner->rule.name : NULL), &failed);
        put(json, "priority", json_integer(campaign->priority), &failed);
        put(json, "from", json_text(campaign->from_text), &failed);
        put(json, "to", json_text(campaign->to_text), &failed);
        put(json, "runs", json_boolean(policy_campaign_runs(campaign, now_us)), &failed);
        if (!failed)
                return json;
        json_decref(json);
        return NULL;
}

static json_t *take_json(const StoredTake *take) {
        json_t *json = json_object();
        bool failed = !json;
        put(json, "take", json_integer((json_int_t) take->take), &failed);
        put(json, "campaign", json_text(take->campaign), &failed);
        put(json, "by", json_text(take->by), &failed);
        put(json, "time", json_time(take->at_us), &failed);
        put(json, "until", json_time(take->last_us), &failed);
        put(json, "leads", json_integer((json_int_t) take->n_leads), &failed);
        put(json, "dropped", json_integer((json_int_t) take->n_dropped), &failed);
        put(json, "done", json_boolean(take->is_done), &failed);
        if (!failed)
                return json;
        json_decref(json);
        return NULL;
}

/* Of a page; false: the error is set. */
static bool find_limit(ControlCall *call, size_t *ret) {
        int64_t limit = call_integer(call, "limit", AUDIENCE_PAGE_DEFAULT);
        *ret = (size_t) limit;
        if (limit >= 0 && limit <= AUDIENCE_PAGE_MAX)
                return true;
        call_bad_value(call, "limit", "0 (only counted) to 1000");
        return false;
}

static bool find_from(ControlCall *call, const char *name, uint64_t *ret) {
        int64_t from = call_integer(call, name, 0);
        *ret = (uint64_t) from;
        if (from >= 0)
                return true;
        call_bad_value(call, name, "a number of a lead or a take");
        return false;
}

/* ---- looking ---- */

static json_t *reasons_json(const AudienceVerdict *verdict) {
        json_t *list = json_array();
        bool failed = !list;
        for (size_t i = 0; i < verdict->n_reasons && !failed; i++) {
                const AudienceReason *reason = &verdict->reasons[i];
                json_t *json = json_object();
                put(json, "code", json_text(decide_audience_word(reason->code)), &failed);
                put(json, "text", json_text(reason->text), &failed);
                put(json, "until", json_time(reason->until_us), &failed);
                failed |= json_array_append_new(list, json) < 0;
        }
        if (!failed)
                return list;
        json_decref(list);
        return NULL;
}

static json_t *person_json(uint64_t lead, const char *status, const char *owner, const char *grade, const Facts *profile) {
        json_t *json = json_object();
        bool failed = !json;
        put(json, "lead", json_lead(lead), &failed);
        put(json, "email", json_text(facts_text(profile, FIELD_PERSON_EMAIL)), &failed);
        put(json, "name", json_text(facts_text(profile, FIELD_PERSON_NAME)), &failed);
        put(json, "company", json_text(facts_text(profile, FIELD_COMPANY_NAME)), &failed);
        put(json, "status", json_text(status), &failed);
        put(json, "owner", json_text(owner), &failed);
        put(json, "grade", json_text(grade && *grade ? grade : NULL), &failed);
        if (!failed)
                return json;
        json_decref(json);
        return NULL;
}

static int on_person(const AudienceMember *member, void *userdata) {
        json_t *json = person_json(member->row->lead, member->row->status, member->row->owner, member->subject->grade, member->profile);
        bool failed = !json;
        put(json, "in", json_boolean(member->verdict->code == AUDIENCE_IN), &failed);
        put(json, "written", json_time(member->written_us), &failed);
        put(json, "reasons", reasons_json(member->verdict), &failed);
        return json_array_append_new(userdata, json) < 0 || failed ? -ENOMEM : 0;
}

typedef struct LastTakes {
        int64_t now_us;
        uint64_t open, done; /* the newest of each; 0 = none */
} LastTakes;

static int on_last(const StoredTake *take, void *userdata) {
        LastTakes *last = userdata;
        if (take->is_done)
                last->done = take->take;
        else if (last->open == 0 && gate_take_is_open(take, last->now_us))
                last->open = take->take;
        return last->done > 0;
}

static json_t *find_take_json(Store *store, uint64_t take, Arena *arena, bool *failed) {
        StoredTake stored;
        if (take == 0)
                return json_null();
        if (store_take_get(store, take, arena, &stored) == 0)
                return take_json(&stored);
        *failed = true;
        return NULL;
}

int execute_audience(const ControlDesk *desk, ControlCall *call) {
        AudienceAsk ask = { .campaign = find_campaign(desk, call),
                .now_us = clock_now_us(desk->clock),
                .explain = call_bool(call, "explain"),
                .only_new = call_bool(call, "only_new") };
        _cleanup_(arena_freep) Arena *arena = arena_new(CONTROL_LOOK_MEMORY_MAX);
        AudienceAnswer answer;
        LastTakes last = { .now_us = ask.now_us };
        if (!arena)
                return -ENOMEM;
        if (!ask.campaign || !find_limit(call, &ask.n_max) || !find_from(call, "from", &ask.from))
                return 0;
        int r = store_takes(desk->store, ask.campaign->rule.name, 0, on_last, &last);
        if (r < 0)
                return r;
        ask.except = last.open;
        ask.since = call_bool(call, "diff") ? last.done : 0;
        json_t *items = json_array(), *reply = json_object(), *counts = json_object();
        bool failed = !items || !reply || !counts;
        r = failed ? -ENOMEM : gate_audience(desk->store, desk->rules, &ask, on_person, items, &answer);
        for (int code = 0; code < AUDIENCE_CODES && r == 0; code++)
                if (answer.n[code] > 0)
                        put(counts, decide_audience_word((AudienceCode) code), json_integer((json_int_t) answer.n[code]), &failed);
        put(reply, "campaign", campaign_json(ask.campaign, ask.now_us), &failed);
        put(reply, "items", items, &failed);
        put(reply, "counts", counts, &failed);
        if (r == 0) {
                put(reply, "came", json_integer((json_int_t) answer.n_came), &failed);
                put(reply, "went", json_integer((json_int_t) answer.n_went), &failed);
                put(reply, "next", answer.next > 0 ? json_integer((json_int_t) answer.next) : json_null(), &failed);
                put(reply, "last", find_take_json(desk->store, last.done, arena, &failed), &failed);
                put(reply, "open", find_take_json(desk->store, last.open, arena, &failed), &failed);
        }
        put(reply, "now", json_time(ask.now_us), &failed);
        control_set_reply(call, reply);
        return r != 0 ? (r < 0 ? r : -EIO) : failed ? -ENOMEM : 0;
}

/* ---- what was taken ---- */

typedef struct Listing {
        json_t *items;
        size_t n_max;
        uint64_t next; /* where the next page begins; 0 = there is none */
        Store *store;
        Arena *arena;
        const RuleSet *rules;
} Listing;

static int on_take(const StoredTake *take, void *userdata) {
        Listing *listing = userdata;
        if (json_array_size(listing->items) == listing->n_max) {
                const json_t *last = json_array_get(listing->items, listing->n_max - 1);
                listing->next = (uint64_t) json_integer_value(json_object_get(last, "take"));
                return 1;
        }
        return json_array_append_new(listing->items, take_json(take)) < 0 ? -ENOMEM : 0;
}

static int finish_listing(ControlCall *call, const Listing *listing, json_t *take, int r) {
        json_t *reply = json_object();
        bool failed = !reply;
        if (take)
                put(reply, "take", take, &failed);
        put(reply, "items", listing->items, &failed);
        put(reply, "next", listing->next > 0 ? json_integer((json_int_t) listing->next) : json_null(), &failed);
        control_set_reply(call, reply);
        return r < 0 ? r : failed ? -ENOMEM : 0;
}

int execute_takes(const ControlDesk *desk, ControlCall *call) {
        Listing listing = { 0 };
        uint64_t before;
        if (!find_limit(call, &listing.n_max) || !find_from(call, "before", &before))
                return 0;
        listing.n_max = listing.n_max > 0 ? listing.n_max : 1;
        listing.items = json_array();
        int r = listing.items ? store_takes(desk->store, call_text(call, "campaign"), before, on_take, &listing) : -ENOMEM;
        return finish_listing(call, &listing, NULL, r);
}

/* Who was merged since is shown as the lead that goes on. */
static int on_taken(uint64_t lead, void *userdata) {
        Listing *listing = userdata;
        LeadState state;
        Facts profile;
        if (json_array_size(listing->items) == listing->n_max) {
                listing->next = lead;
                return 1;
        }
        arena_reset(listing->arena);
        uint64_t survivor;
        int r = store_survivor(listing->store, lead, &survivor);
        if (r == 0)
                r = store_load_lead(listing->store, survivor, listing->arena, &state, &profile, NULL, NULL);
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        json_t *json = person_json(survivor, state.status, state.owner, state.grade, &profile);
        return json_array_append_new(listing->items, json) < 0 ? -ENOMEM : 0;
}

int execute_taken(const ControlDesk *desk, ControlCall *call) {
        _cleanup_(arena_freep) Arena *arena = arena_new(CONTROL_LOOK_MEMORY_MAX);
        _cleanup_(arena_freep) Arena *of_take = arena_new(0);
        Listing listing = { .store = desk->store, .rules = desk->rules, .arena = arena };
        uint64_t from, id = 0;
        StoredTake take;
        char text[32];
        if (!arena || !of_take)
                return -ENOMEM;
        if (!find_limit(call, &listing.n_max) || !find_from(call, "from", &from) || !find_from(call, "take", &id))
                return 0;
        listing.n_max = listing.n_max > 0 ? listing.n_max : 1;
        int r = store_take_get(desk->store, id, of_take, &take);
        if (r == STORE_E_NONE) {
                (void) snprintf(text, sizeof text, "%llu", (unsigned long long) id);
                execute_unknown(call, "take", text, NULL, 0);
                r = 0;
        } else if (r == 0) {
                listing.items = json_array();
                r = listing.items ? store_take_leads(desk->store, id, from, on_taken, &listing) : -ENOMEM;
                r = finish_listing(call, &listing, take_json(&take), r);
        }
        return r > 0 ? -EIO : r;
}

/* ---- taking ---- */

/* "leads": ascending numbers. false: the error is set. */
static bool read_leads(ControlCall *call, uint64_t leads[static DECIDE_TAKE_LEADS_MAX], size_t *ret_n) {
        const json_t *list = json_object_get(control_call_parameters(call), "leads");
        size_t n = json_array_size(list);
        *ret_n = n;
        if (!json_is_array(list) || n > DECIDE_TAKE_LEADS_MAX) {
                call_bad_value(call, "leads", "at most 1000 numbers of leads");
                return false;
        }
        for (size_t i = 0; i < n; i++) {
                const json_t *item = json_array_get(list, i);
                json_int_t lead = json_is_integer(item) ? json_integer_value(item) : 0;
                if (lead <= (i > 0 ? (json_int_t) leads[i - 1] : 0)) {
                        call_bad_value(call, "leads", "numbers of leads, ascending");
                        return false;
                }
                leads[i] = (uint64_t) lead;
        }
        return true;
}

static int on_dropped(uint64_t lead, const AudienceVerdict *verdict, void *userdata) {
        json_t *json = json_object();
        bool failed = !json;
        put(json, "lead", json_lead(lead), &failed);
        put(json, "code", json_text(verdict ? decide_audience_word(verdict->code) : "gone"), &failed);
        put(json, "text", json_text(verdict ? verdict->reasons[0].text : "was merged into another lead, or erased"), &failed);
        return json_array_append_new(userdata, json) < 0 || failed ? -ENOMEM : 0;
}

int execute_take(const ControlDesk *desk, ControlCall *call) {
        uint64_t leads[DECIDE_TAKE_LEADS_MAX];
        _cleanup_(json_decrefp) json_t *dropped = json_array();
        GateTake take = { .campaign = call_text(call, "campaign"),
                .leads = leads,
                .only_new = call_bool(call, "only_new"),
                .is_last = call_bool(call, "last"),
                .on_dropped = on_dropped,
                .userdata = dropped };
        ControlJudged judged = { 0 };
        Actor actor;
        bool known;
        _cleanup_(record_freep) Record *record = NULL;
        int r = take.userdata ? 0 : -ENOMEM;
        if (!find_campaign(desk, call) || !read_leads(call, leads, &take.n_leads) || !find_from(call, "take", &take.take))
                return 0;
        if (r == 0)
                r = execute_find_actor(desk, call, false, &actor, &known);
        if (r < 0 || !known)
                return r;
        r = execute_make_record(desk, call, FAMILY_CAMPAIGN, "taken", 0, &record);
        if (r == 0)
                r = desk->take(desk->userdata, TAKE(record), actor.text, &take, &judged);
        if (r == 0 && judged.refused)
                execute_refuse(call, judged.code, judged.text, 0);
        if (r < 0 || judged.refused)
                return r;
        json_t *reply = take_json(&take.after);
        bool failed = !reply;
        put(reply, "event", json_integer((json_int_t) judged.event), &failed);
        put(reply, "duplicate", json_boolean(judged.duplicate), &failed);
        put(reply, "out", json_incref(dropped), &failed);
        put(reply, "again", json_integer((json_int_t) take.n_again), &failed);
        put(reply, "goes_on", json_boolean(take.goes_on), &failed);
        control_set_reply(call, reply);
        return failed ? -ENOMEM : 0;
}
