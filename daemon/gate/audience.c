/* SPDX-License-Identifier: MIT */
/*
 * Who is in an audience: goes through the leads as the store has them, loads of each what the conditions of the campaign read, and asks
 * decide. Most conditions are about what the lead's row says (status, segment, grade); a profile or a history is loaded only for a
 * condition that needs it, and only of leads that nothing cheaper has put out.
 *
 * A look changes nothing. To take is gate/take.c, which asks the same of each lead once more.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* What a row says. */
#define READS_ROW (READS_STATUS | READS_OWNER | READS_GRADE | READS_SEGMENT | READS_IN_STATUS | READS_AGE | READS_SOURCE | READS_NOW)
/* What besides it the profile says. The rest takes a look at the whole lead. */
#define READS_FACTS (READS_CONSENT | READS_PROFILE | READS_TEST)

static const Facts no_facts;

static const Status *find_status(Lookout *lookout, const AudienceRow *row) {
        StatusKnown *known = &lookout->statuses[row->status_id % LOOKOUT_STATUSES];

        if (known->id != row->status_id)
                *known = (StatusKnown){ .id = row->status_id, .status = policy_status(lookout->plan.rules, row->status) };
        return known->status;
}

static void read_segments(const RuleSet *rules, const char *text, uint64_t bits[static POLICY_SEGMENTS_MAX / 64]) {
        memset(bits, 0, POLICY_SEGMENTS_MAX / 8);
        for (const char *at = text; at && *at;) {
                size_t size = strcspn(at, "\x1f");
                for (size_t i = 0; i < rules->n_segments && i < POLICY_SEGMENTS_MAX; i++) {
                        const char *name = rules->segments[i].rule.name;
                        if (strlen(name) == size && memcmp(name, at, size) == 0)
                                bits[i / 64] |= UINT64_C(1) << (i % 64);
                }
                at += size + (at[size] != '\0');
        }
}

static void find_segments(Lookout *lookout, const AudienceRow *row, uint64_t bits[static POLICY_SEGMENTS_MAX / 64]) {
        SegmentsKnown *known = &lookout->segments[row->segments_id % LOOKOUT_SEGMENTS];

        if (!row->segments)
                return; /* the subject has none */
        if (row->segments_id == 0) {
                read_segments(lookout->plan.rules, row->segments, bits);
                return;
        }
        if (known->id != row->segments_id) {
                known->id = row->segments_id;
                read_segments(lookout->plan.rules, row->segments, known->bits);
        }
        memcpy(bits, known->bits, sizeof known->bits);
}

/* A deal that sales works on. One that stalled is marketing's again. */
static int find_opportunity(Lookout *lookout, AudiencePerson *person) {
        const Opportunity *items;
        size_t n;
        char number[32];
        int r = store_opportunities(lookout->store, lookout->lead, lookout->arena, &items, &n);

        for (size_t i = 0; r == 0 && i < n; i++) {
                if (items[i].state != OPPORTUNITY_OPEN)
                        continue;
                (void) snprintf(number, sizeof number, "%" PRIu32, items[i].n);
                person->opportunity = items[i].id ? items[i].id : arena_strdup(lookout->arena, number);
                person->opportunity_owner = person->subject.owner;
                return person->opportunity ? 0 : -ENOMEM;
        }
        return r > 0 ? -EBADMSG : r;
}

/* The row alone. Points are not among it: they fall with time. */
static int make_person(Lookout *lookout, const AudienceRow *row) {
        AudiencePerson *person = &lookout->person;
        const char *slash = row->source ? strchr(row->source, '/') : NULL;

        lookout->loaded = READS_ROW;
        lookout->lead = row->lead;
        *person = (AudiencePerson){
                .subject = {
                        .now_us = lookout->plan.now_us,
                        .facts = &no_facts,
                        .source = slash ? arena_strndup(lookout->arena, row->source, (size_t) (slash - row->source)) : row->source,
                        .status = find_status(lookout, row),
                        .owner = row->owner,
                        .created_us = row->created_us,
                        .entered_us = row->entered_us,
                        .touched_us = row->created_us,
                        .prior_grade = *row->grade ? row->grade : NULL,
                        .fit_known = *row->grade && *row->grade != '?',
                        .next_change_us = TIME_NONE,
                },
                .test = row->test,
                .has_email = row->has_email,
                .consents = row->consents,
                .written = row->written,
                .n_written = row->n_written,
                .exclusions = row->exclusions,
                .n_exclusions = row->n_exclusions,
        };
        memcpy(person->subject.grade, row->grade, strnlen(row->grade, sizeof person->subject.grade - 1)); /* the rest is 0 */
        find_segments(lookout, row, person->subject.segments);
        if (slash && !person->subject.source)
                return -ENOMEM;
        return row->has_opportunities ? find_opportunity(lookout, person) : 0;
}

/* The whole lead, judged as of now. */
static int look_at(Lookout *lookout, AudiencePerson *person) {
        Arena *arena = lookout->arena;
        LeadState *state = ARENA_NEW(arena, LeadState);
        Facts *profile = ARENA_NEW(arena, Facts);
        Desk *desk = ARENA_NEW(arena, Desk);
        DecideInput input = { .lead_id = lookout->lead, .actor = "system:leadd", .now_us = lookout->plan.now_us };
        Activity *history;

        if (!state || !profile || !desk)
                return -ENOMEM;
        int r = store_load_lead(lookout->store, lookout->lead, arena, state, profile, &history, &input.n_history);
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        input.event_id = store_next_event(lookout->store);
        input.before = state;
        input.profile = profile;
        input.history = history;
        input.desk = desk;
        r = decide_look(lookout->plan.rules, &input, arena, &person->subject, NULL);
        if (r < 0)
                return r;
        lookout->loaded = ~0U;
        return 0;
}

static int deepen(void *userdata, AudiencePerson *person, unsigned reads) {
        Lookout *lookout = userdata;

        if ((reads & ~lookout->loaded) == 0)
                return 0;
        if ((reads & ~(READS_ROW | READS_FACTS)) != 0)
                return look_at(lookout, person);
        Facts *profile = ARENA_NEW(lookout->arena, Facts);
        if (!profile)
                return -ENOMEM;
        int r = store_load_profile(lookout->store, lookout->lead, lookout->arena, profile);
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        person->subject.facts = profile;
        /* What was found out of the subject without its facts is not known of it with them. */
        person->subject.serial = 0;
        person->subject.cache = NULL;
        lookout->loaded |= READS_FACTS;
        return 0;
}

int lookout_start(Store *store, RuleSet *rules, const Campaign *campaign, int64_t now_us, Lookout *ret) {
        *ret = (Lookout){
                .store = store,
                .arena = arena_new(GATE_EVENT_MEMORY_MAX),
                .plan = { .rules = rules, .campaign = campaign, .now_us = now_us, .deepen = deepen },
        };
        ret->plan.userdata = ret;
        decide_audience_plan(&ret->plan);
        return ret->arena ? 0 : -ENOMEM;
}

void lookout_done(Lookout *lookout) { arena_free(lookout->arena); }

int lookout_ask(Lookout *lookout, const AudienceRow *row, bool all, AudienceVerdict *ret) {
        arena_reset(lookout->arena);
        int r = make_person(lookout, row);
        return r == 0 ? decide_audience(&lookout->plan, &lookout->person, all, lookout->arena, ret) : r;
}

int lookout_profile(Lookout *lookout, const Facts **ret) {
        int r = deepen(lookout, &lookout->person, READS_PROFILE);

        *ret = lookout->person.subject.facts;
        return r;
}

/* ---- listing ---- */

typedef struct Listing {
        Lookout lookout;
        const AudienceAsk *ask;
        int (*on_person)(const AudienceMember *member, void *userdata);
        void *userdata;
        AudienceAnswer *out;
        int64_t end_us;
        size_t n_seen, n_told;
} Listing;

#define LISTING_FULL 1 /* stops going through the leads; out->next says where */

static int64_t monotonic_us(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

static int tell(Listing *listing, const AudienceRow *row, const AudienceVerdict *verdict, bool was_in) {
        AudienceMember member = {
                .row = row, .verdict = verdict, .subject = &listing->lookout.person.subject, .was_in = was_in, .written_us = TIME_NONE
        };

        for (size_t i = 0; i < row->n_written; i++)
                if (row->written[i].kind == EFFECT_AUDIENCE && row->written[i].at_us > member.written_us &&
                        base_streq(row->written[i].by, listing->ask->campaign->rule.name))
                        member.written_us = row->written[i].at_us;
        int r = lookout_profile(&listing->lookout, &member.profile);
        if (r == 0)
                r = listing->on_person(&member, listing->userdata);
        listing->n_told++;
        return r;
}

static int on_row(const AudienceRow *row, void *userdata) {
        Listing *listing = userdata;
        const AudienceAsk *ask = listing->ask;
        AudienceVerdict verdict;
        bool was_in = false;

        if (listing->n_seen++ % 64 == 63 && monotonic_us() >= listing->end_us) {
                listing->out->next = row->lead;
                return LISTING_FULL;
        }
        for (size_t i = 0; ask->since > 0 && i < row->n_written && !was_in; i++)
                was_in = row->written[i].event == ask->since;
        int r = lookout_ask(&listing->lookout, row, ask->explain || was_in, &verdict);
        if (r < 0)
                return r;
        bool is_in = verdict.code == AUDIENCE_IN, changed = ask->since > 0 && was_in != is_in;
        bool is_told = ask->n_max > 0 && (ask->since > 0 ? changed : is_in || ask->explain);
        if (is_told && listing->n_told == ask->n_max) {
                listing->out->next = row->lead;
                return LISTING_FULL;
        }
        listing->out->n[verdict.code]++;
        listing->out->n_came += changed && is_in;
        listing->out->n_went += changed && was_in;
        return is_told ? tell(listing, row, &verdict, was_in) : 0;
}

int gate_audience(Store *store, RuleSet *rules, const AudienceAsk *ask, int (*on_person)(const AudienceMember *member, void *userdata),
        void *userdata, AudienceAnswer *ret) {
        Listing listing = {
                .ask = ask, .on_person = on_person, .userdata = userdata, .out = ret, .end_us = monotonic_us() + GATE_AUDIENCE_US
        };

        *ret = (AudienceAnswer){ 0 };
        int r = lookout_start(store, rules, ask->campaign, ask->now_us, &listing.lookout);
        listing.lookout.plan.only_new = ask->only_new;
        listing.lookout.plan.except_event = ask->except;
        if (r == 0)
                r = store_audience(store, ask->from, 0, on_row, &listing);
        lookout_done(&listing.lookout);
        return r == LISTING_FULL ? 0 : r;
}
