/* SPDX-License-Identifier: MIT */
/*
 * Whom a campaign may write to. Random books under random rule sets, looked at and taken from through the real gate and store, against a
 * model that knows only what language.md says; above all: whoever stands in a status that does not let marketing write is never in, and is
 * never taken. At the end each book must agree with itself, and its replay with it.
 */
#include "test_gate_fixture.h"

#ifdef __SANITIZE_ADDRESS__
#define ROUNDS 6
#define STEPS 90
#else
#define ROUNDS 12
#define STEPS 140
#endif
#define LEADS_MAX 48
#define SENT_MAX 4000
#define CAMPAIGNS 4
#define STATUSES 6

static const char *const status_names[STATUSES] = { "inquiry", "nurture", "stalled", "offered", "working", "closed" };
static const char *const campaign_names[CAMPAIGNS] = { "one", "two", "three", "four" };
static const char *const purposes[] = { "marketing", "news" };

static unsigned roll(unsigned *seed, unsigned n) {
        *seed = *seed * 1664525u + 1013904223u;
        return (*seed >> 8) % n;
}

/* ---- what the rules say ---- */

typedef enum Asks { ASKS_NOTHING, ASKS_BIG, ASKS_GERMAN, ASKS_VP, ASKS_FIT, ASKS_VISITED, ASKS_N } Asks;
static const char *const conditions[ASKS_N] = { "{ age = ge(\"0d\") }", "{ segment = \"big\" }", "{ segment = \"german\" }",
        "{ [\"person.seniority\"] = \"vp\" }", "{ fit = ge(10) }", "{ did{ type = \"page_viewed\" } }" };

typedef struct Ruled {
        unsigned priority, purpose, cap, cap_days;
        bool needs_consent, mailed;
        Asks include, exclude;
        int64_t from_us, to_us; /* TIME_NONE = open */
} Ruled;

typedef struct Sent {
        uint64_t lead;
        unsigned campaign;
        uint64_t take;
        int64_t at_us;
} Sent;

typedef struct World {
        unsigned seed, n;
        char path[64];
        bool may[STATUSES];
        Ruled ruled[CAMPAIGNS];
        RuleSet *rules;
        GateBook book;
        int64_t now_us;
        uint64_t n_leads, into[LEADS_MAX + 1]; /* 0 = a lead of its own */
        bool erased[LEADS_MAX + 1];
        int64_t veto_us[LEADS_MAX + 1][CAMPAIGNS + 1];  /* the last: all campaigns */
        uint64_t veto_at[LEADS_MAX + 1][CAMPAIGNS + 1]; /* which word of all it was, 0 = none */
        uint64_t n_vetoes;
        Sent sent[SENT_MAX];
        size_t n_sent;
        uint64_t n_hits; /* of campaigns: leads that were taken */
} World;

static unsigned n_looked_in, n_taken, n_dropped; /* over all rounds: a test in which nothing happens shows nothing */

static int64_t day_us(int days) { return NOW_US - 9 * US_PER_HOUR + days * US_PER_DAY; }

static void write_campaign(World *w, unsigned i, Text *text) {
        Ruled *ruled = &w->ruled[i];
        char day[TIME_TEXT_SIZE];
        *ruled = (Ruled){ .priority = roll(&w->seed, 3),
                .purpose = roll(&w->seed, 2),
                .cap = roll(&w->seed, 3),
                .cap_days = 1 + roll(&w->seed, 10),
                .needs_consent = roll(&w->seed, 3) == 0,
                .mailed = roll(&w->seed, 2),
                .include = (Asks) (roll(&w->seed, 2) ? ASKS_NOTHING : roll(&w->seed, ASKS_N)),
                .exclude = (Asks) roll(&w->seed, 3 * ASKS_N),
                .from_us = TIME_NONE,
                .to_us = TIME_NONE };
        if (ruled->exclude >= ASKS_N || ruled->exclude == ruled->include)
                ruled->exclude = ASKS_NOTHING;
        text_printf(text, "campaign \"%s\" { owner = \"marketing\", priority = %u, purpose = \"%s\", needs_consent = %s", campaign_names[i],
                ruled->priority, purposes[ruled->purpose], ruled->needs_consent ? "true" : "false");
        if (ruled->mailed)
                text_append(text, ", channel = \"mail\"");
        text_printf(text, ", include = %s", conditions[ruled->include]);
        if (ruled->exclude != ASKS_NOTHING)
                text_printf(text, ", exclude = %s", conditions[ruled->exclude]);
        if (ruled->cap > 0)
                text_printf(text, ", at_most = { %u, per = \"%ud\" }", ruled->cap, ruled->cap_days);
        if (roll(&w->seed, 3) == 0) {
                int from = (int) roll(&w->seed, 12), n = 1 + (int) roll(&w->seed, 25);
                ruled->from_us = day_us(from);
                ruled->to_us = day_us(from + n);
                text_printf(text, ", from = \"%.10s\"", time_format_rfc3339(ruled->from_us, day));
                text_printf(text, ", to = \"%.10s\"", time_format_rfc3339(ruled->to_us - US_PER_DAY, day));
        }
        text_append(text, " }\n");
}

static void make_rules(World *w) {
        Text text = { 0 };
        text_append(&text, "settings \"site\" { zone = \"UTC\" }\n"
                           "channel \"mail\" { via = \"sendmail\", from = \"m@example.com\" }\n"
                           "team \"marketing\" { doc = \"a queue\" }\n"
                           "team \"desk\" { head = \"b\", members = { a = { }, b = { weight = 0 } } }\n"
                           "route \"ALL\" { team = \"desk\" }\n"
                           "group \"fit\" { min = 0, max = 100 }\n"
                           "group \"engagement\" { min = 0, max = 100 }\n"
                           "score \"VP\" { group = \"fit\", field = \"person.seniority\", map = { vp = 8 } }\n"
                           "score \"SIZE\" { group = \"fit\", field = \"company.employees\", bands = { { 50, 5 } } }\n"
                           "segment \"big\" { when = { [\"company.employees\"] = ge(100) } }\n"
                           "segment \"german\" { when = { country = \"DE\" } }\n");
        for (unsigned i = 0; i < STATUSES; i++) {
                w->may[i] = roll(&w->seed, 3) > 0;
                text_printf(&text, "status \"%s\" { team = \"%s\", kind = \"%s\", marketing_may_contact = %s, meaning = \"x\"%s }\n",
                        status_names[i], i == 3 || i == 4 ? "desk" : "marketing", i == STATUSES - 1 ? "final" : "open",
                        w->may[i] ? "true" : "false", i == 0 ? ", initial = true" : "");
                if (i > 0)
                        text_printf(&text,
                                "move \"to_%s\" { from = { \"inquiry\", \"nurture\", \"stalled\", \"offered\", \"working\" }, to ="
                                " \"%s\", by = \"desk\" }\n",
                                status_names[i], status_names[i]);
        }
        for (unsigned i = 0; i < CAMPAIGNS; i++)
                write_campaign(w, i, &text);
        w->rules = gate_load_rules(text.data);
        text_free(&text);
}

/* ---- what the model says ---- */

static uint64_t survivor(const World *w, uint64_t lead) {
        while (w->into[lead] > 0)
                lead = w->into[lead];
        return lead;
}

static bool asks_hold(const GateLook *look, Asks asks) {
        const Value *employees = facts_get(&look->profile, FIELD_COMPANY_EMPLOYEES, NULL);
        const char *country = facts_text(&look->profile, FIELD_COMPANY_COUNTRY),
                   *seniority = facts_text(&look->profile, FIELD_PERSON_SENIORITY);
        bool is_vp = seniority && base_streq(seniority, "vp");
        switch (asks) {
        case ASKS_BIG:
                return employees && employees->integer >= 100;
        case ASKS_GERMAN:
                return country && base_streq(country, "DE");
        case ASKS_VP:
                return is_vp;
        case ASKS_FIT:
                return (is_vp ? 8 : 0) + (employees && employees->integer >= 50 ? 5 : 0) >= 10;
        case ASKS_VISITED:
                for (size_t i = 0; i < look->n_history; i++)
                        if (base_streq(look->history[i].type, "page_viewed"))
                                return true;
                return false;
        default:
                return true;
        }
}

/* Of all that is one person by now the newest word about the campaign, or about all. */
static bool is_kept_out(const World *w, uint64_t lead, unsigned of) {
        uint64_t newest = 0;
        for (uint64_t other = 1; other <= w->n_leads; other++)
                if (survivor(w, other) == lead && w->veto_at[other][of] > w->veto_at[newest][of])
                        newest = other;
        return w->veto_us[newest][of] > w->now_us;
}

static bool is_vetoed(const World *w, uint64_t lead, unsigned campaign) {
        return is_kept_out(w, lead, campaign) || is_kept_out(w, lead, CAMPAIGNS);
}

static bool agrees(const GateLook *look, const Ruled *ruled) {
        const Value *said = facts_get(&look->profile, FIELD_CONSENT, purposes[ruled->purpose]);
        return ruled->needs_consent ? said && said->boolean : !said || said->boolean;
}

static bool runs(const Ruled *ruled, int64_t now_us) {
        return (ruled->from_us == TIME_NONE || now_us >= ruled->from_us) && (ruled->to_us == TIME_NONE || now_us < ruled->to_us);
}

static bool would_have(const World *w, uint64_t lead, const GateLook *look, unsigned campaign) {
        const Ruled *ruled = &w->ruled[campaign];
        return agrees(look, ruled) && asks_hold(look, ruled->include) &&
               (ruled->exclude == ASKS_NOTHING || !asks_hold(look, ruled->exclude)) && !is_vetoed(w, lead, campaign);
}

static bool is_allowed(const World *w, const GateLook *look) {
        for (unsigned i = 0; i < STATUSES; i++)
                if (base_streq(status_names[i], look->state.status))
                        return w->may[i];
        fail_msg("no such status: %s", look->state.status);
        return false;
}

static bool is_in(World *w, uint64_t lead, unsigned campaign, uint64_t except) {
        const Ruled *ruled = &w->ruled[campaign];
        unsigned n_sent = 0;
        GateLook look;
        if (w->into[lead] > 0 || w->erased[lead])
                return false;
        gate_look(&w->book, lead, w->now_us, &look);
        if (look.state.test || !is_allowed(w, &look) || !would_have(w, lead, &look, campaign))
                return false;
        for (size_t i = 0; i < w->n_sent; i++)
                n_sent += survivor(w, w->sent[i].lead) == lead && w->sent[i].take != except &&
                          w->sent[i].at_us > w->now_us - (int64_t) ruled->cap_days * US_PER_DAY;
        if (ruled->cap > 0 && n_sent >= ruled->cap)
                return false;
        for (unsigned i = 0; i < CAMPAIGNS; i++)
                if (w->ruled[i].priority > ruled->priority && runs(&w->ruled[i], w->now_us) && would_have(w, lead, &look, i))
                        return false;
        return true;
}

/* ---- what happens ---- */

static const char *judge(World *w, Record *record, uint64_t lead, const char *actor) {
        static char code[64];
        GateOutcome outcome;
        const GateInput input = { .record = record, .lead = lead, .actor = actor, .actor_is_operator = true, .now_us = w->now_us };
        assert_int_equal(store_begin(w->book.store), 0);
        assert_int_equal(gate_judge(w->book.gate, &input, &outcome), 0);
        bool refused = outcome.decision && outcome.decision->refused;
        if (refused)
                (void) snprintf(code, sizeof code, "%s: %s", outcome.decision->refusal_code, outcome.decision->refusal_text);
        assert_int_equal(refused ? store_rollback(w->book.store) : store_commit(w->book.store), 0);
        if (outcome.lead > w->n_leads)
                w->n_leads = outcome.lead;
        record_free(record);
        return refused ? code : NULL;
}

static Record *make(World *w, const char *type) {
        char id[32];
        (void) snprintf(id, sizeof id, "a%u", ++w->n);
        Record *record = gate_record(&w->book, type, id, w->now_us += US_PER_MINUTE);
        record->facts.n_items = record->n_identities = 0;
        return record;
}

static void say_something(World *w, Record *record, unsigned person) {
        static const char *const countries[] = { "DE", "FR" }, *const seniorities[] = { "vp", "manager" };
        char email[48];
        (void) snprintf(email, sizeof email, "p%u@x%u.example", person, person);
        gate_field(record, "person.email", value_text(email));
        if (roll(&w->seed, 2))
                gate_field(record, "company.employees", value_integer(roll(&w->seed, 2) ? 500 : 60));
        if (roll(&w->seed, 2))
                gate_field(record, "company.country", value_text(countries[roll(&w->seed, 2)]));
        if (roll(&w->seed, 2))
                gate_field(record, "person.seniority", value_text(seniorities[roll(&w->seed, 2)]));
        for (unsigned i = 0; i < 2; i++)
                if (roll(&w->seed, 3))
                        gate_field(record, i ? "consent.news" : "consent.marketing", value_bool(roll(&w->seed, 5) > 0));
        if (person % 13 == 5)
                gate_field(record, "test", value_bool(true));
        assert_int_equal(record_identify(record, store_secret(w->book.store)), 0);
}

static uint64_t pick(World *w) {
        for (unsigned tries = 0; tries < 50; tries++) {
                uint64_t lead = 1 + roll(&w->seed, (unsigned) w->n_leads);
                if (w->into[lead] == 0 && !w->erased[lead])
                        return lead;
        }
        return 0;
}

static void step_say(World *w) {
        Record *record = make(w, roll(&w->seed, 3) ? "lead.submitted" : "activity.page_viewed");
        say_something(w, record, 1 + roll(&w->seed, LEADS_MAX / 2));
        assert_null(judge(w, record, 0, "integration:web"));
}

static void step_move(World *w) {
        char type[32];
        uint64_t lead = pick(w);
        (void) snprintf(type, sizeof type, "outcome.to_%s", status_names[1 + roll(&w->seed, STATUSES - 1)]);
        if (lead > 0)
                (void) judge(w, make(w, type), lead, "rep:a");
}

static void step_exclude(World *w) {
        uint64_t lead = pick(w);
        unsigned campaign = roll(&w->seed, CAMPAIGNS + 1), days = roll(&w->seed, 12);
        if (lead == 0)
                return;
        Record *record = make(w, "outcome.exclude");
        char until[TIME_TEXT_SIZE];
        gate_field(record, "outcome.campaign", value_text(campaign < CAMPAIGNS ? campaign_names[campaign] : "all"));
        gate_field(record, "outcome.not_before", value_text(days ? time_format_rfc3339(w->now_us + days * US_PER_DAY, until) : "now"));
        gate_field(record, "outcome.reason", value_text("talks"));
        GateLook look;
        gate_look(&w->book, lead, w->now_us, &look);
        bool is_of_all = !days && campaign < CAMPAIGNS && is_kept_out(w, lead, CAMPAIGNS);
        const char *refused = judge(w, record, lead, "rep:b");
        if (is_of_all)
                assert_memory_equal(refused, "kept_out_of_all", strlen("kept_out_of_all"));
        else
                assert_null(refused);
        if (is_of_all)
                return;
        w->n_vetoes++;
        if (days) {
                w->veto_us[lead][campaign] = w->now_us + days * US_PER_DAY;
                w->veto_at[lead][campaign] = w->n_vetoes;
        }
        for (uint64_t other = 1; other <= w->n_leads && !days; other++)
                for (unsigned i = 0; i <= CAMPAIGNS && survivor(w, other) == lead; i++)
                        if (i == campaign || campaign == CAMPAIGNS)
                                w->veto_us[other][i] = w->veto_at[other][i] = 0;
}

static void step_merge(World *w) {
        uint64_t lead = pick(w), into = pick(w);
        if (lead == 0 || into == 0 || lead == into || survivor(w, into) == lead)
                return;
        Record *record = make(w, "lead.merged");
        gate_field(record, "care.into", value_integer((int64_t) into));
        if (!judge(w, record, lead, "system:root"))
                w->into[lead] = into;
}

static void step_unmerge(World *w) {
        for (uint64_t lead = 1 + roll(&w->seed, (unsigned) w->n_leads); lead <= w->n_leads; lead++) {
                if (w->into[lead] == 0 || w->erased[lead])
                        continue;
                Record *record = make(w, "lead.unmerged");
                gate_field(record, "care.into", value_integer((int64_t) w->into[lead]));
                if (!judge(w, record, lead, "system:root"))
                        w->into[lead] = 0;
                return;
        }
}

static void step_erase(World *w) {
        uint64_t lead = pick(w);
        if (lead == 0)
                return;
        Text needles = { 0 };
        uint64_t id;
        assert_null(judge(w, make(w, "lead.erased"), lead, "system:root"));
        while (store_erasure_next(w->book.store, &id, &needles) == 0) {
                assert_int_equal(store_begin(w->book.store), 0);
                assert_int_equal(store_erasure_done(w->book.store, id), 0);
                assert_int_equal(store_commit(w->book.store), 0);
        }
        text_free(&needles);
        for (uint64_t other = 1; other <= w->n_leads; other++)
                if (survivor(w, other) == lead) {
                        size_t n = 0;
                        w->erased[other] = true;
                        for (size_t i = 0; i < w->n_sent; i++)
                                if (w->sent[i].lead != other)
                                        w->sent[n++] = w->sent[i];
                        w->n_sent = n;
                }
}

/* ---- looking and taking ---- */

typedef struct Found {
        World *w;
        unsigned campaign;
        bool in[LEADS_MAX + 1];
        uint64_t n;
} Found;

static int on_member(const AudienceMember *member, void *userdata) {
        Found *found = userdata;
        const AudienceVerdict *verdict = member->verdict;
        assert_true(member->row->lead <= LEADS_MAX);
        found->in[member->row->lead] = verdict->code == AUDIENCE_IN;
        found->n++;
        assert_int_equal(verdict->n_reasons == 0, verdict->code == AUDIENCE_IN);
        for (size_t i = 0; i < verdict->n_reasons; i++)
                assert_true(*verdict->reasons[i].text);
        return 0;
}

/* What the gate says of everybody, in pages, twice: with every reason and with the first alone. */
static void look(World *w, unsigned campaign, Found *ret) {
        AudienceAsk ask = {
                .campaign = policy_campaign(w->rules, campaign_names[campaign]), .now_us = w->now_us, .explain = true, .n_max = 7
        };
        AudienceAnswer answer, counts;
        uint64_t n_in = 0;
        *ret = (Found){ .w = w, .campaign = campaign };
        do {
                assert_int_equal(gate_audience(w->book.store, w->rules, &ask, on_member, ret, &answer), 0);
                n_in += answer.n[AUDIENCE_IN];
                ask.from = answer.next;
        } while (answer.next > 0);
        ask = (AudienceAsk){ .campaign = ask.campaign, .now_us = w->now_us };
        assert_int_equal(gate_audience(w->book.store, w->rules, &ask, NULL, NULL, &counts), 0);
        assert_int_equal(counts.n[AUDIENCE_IN], n_in);
}

static void step_look(World *w) {
        Found found;
        unsigned campaign = roll(&w->seed, CAMPAIGNS);
        look(w, campaign, &found);
        for (uint64_t lead = 1; lead <= w->n_leads; n_looked_in += found.in[lead++])
                if (found.in[lead] != is_in(w, lead, campaign, 0))
                        fail_msg("seed %u: L-%u is %s in %s", w->n, (unsigned) lead, found.in[lead] ? "" : "not", campaign_names[campaign]);
}

typedef struct Dropped {
        bool was[LEADS_MAX + 1];
} Dropped;

static int on_dropped(uint64_t lead, _unused_ const AudienceVerdict *verdict, void *userdata) {
        ((Dropped *) userdata)->was[lead] = true;
        return 0;
}

/* Asks for anybody: who is taken is found out by the gate. */
static void step_take(World *w) {
        unsigned campaign = roll(&w->seed, CAMPAIGNS), n_parts = 1 + roll(&w->seed, 3);
        uint64_t take_id = 0, leads[LEADS_MAX], from = 1;
        for (unsigned part = 0; part < n_parts; part++) {
                Dropped dropped = { 0 };
                GateTake take = { .campaign = campaign_names[campaign],
                        .take = take_id,
                        .leads = leads,
                        .on_dropped = on_dropped,
                        .userdata = &dropped };
                uint64_t to = part + 1 == n_parts ? w->n_leads : from + w->n_leads / n_parts;
                GateOutcome outcome;
                for (; from <= to && from <= w->n_leads; from++)
                        if (roll(&w->seed, 4))
                                leads[take.n_leads++] = from;
                take.is_last = part + 1 == n_parts;
                Record *record = make(w, "activity.taken");
                record->family = FAMILY_CAMPAIGN;
                record->type = "campaign.taken";
                record->event = "taken";
                assert_int_equal(store_begin(w->book.store), 0);
                assert_int_equal(gate_take_part(w->book.gate, record, "system:root", w->now_us, &take, &outcome), 0);
                bool refused = outcome.decision->refused;
                assert_int_equal(refused, !runs(&w->ruled[campaign], w->now_us));
                /* What a part takes, it takes as of before itself. */
                bool was_in[LEADS_MAX + 1] = { false };
                assert_int_equal(store_rollback(w->book.store), 0);
                for (size_t i = 0; i < take.n_leads && !refused; i++)
                        was_in[leads[i]] = is_in(w, leads[i], campaign, take_id);
                if (!refused) {
                        record->facts.n_items = 0;
                        dropped = (Dropped){ 0 };
                        assert_int_equal(store_begin(w->book.store), 0);
                        assert_int_equal(gate_take_part(w->book.gate, record, "system:root", w->now_us, &take, &outcome), 0);
                        assert_false(outcome.decision->refused);
                        w->n_hits += outcome.decision->taken.n_leads;
                        assert_int_equal(store_commit(w->book.store), 0);
                        take_id = take.after.take;
                        assert_true(take.after.is_done == take.is_last);
                }
                record_free(record);
                if (refused)
                        return;
                for (size_t i = 0; i < take.n_leads; i++) {
                        *(was_in[leads[i]] ? &n_taken : &n_dropped) += 1;
                        if (dropped.was[leads[i]] == was_in[leads[i]])
                                fail_msg("L-%u was %s for %s", (unsigned) leads[i], was_in[leads[i]] ? "dropped" : "taken",
                                        campaign_names[campaign]);
                        if (was_in[leads[i]] && w->n_sent < SENT_MAX)
                                w->sent[w->n_sent++] =
                                        (Sent){ .lead = leads[i], .campaign = campaign, .take = take_id, .at_us = w->now_us };
                }
        }
}

static void start(World *w, unsigned seed) {
        *w = (World){ .seed = seed, .now_us = NOW_US };
        (void) snprintf(w->path, sizeof w->path, "%s/leadd-test-audience-%d.db", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
                (int) getpid());
        (void) unlink(w->path);
        make_rules(w);
        gate_open_book(&w->book, w->path, w->rules, NOW_US);
}

static int on_hits(const RuleHits *hits, void *userdata) {
        *(uint64_t *) userdata += hits->kind == RULE_CAMPAIGN ? hits->n_ever : 0;
        return 0;
}

static void end(World *w) {
        uint64_t n_hits = 0;
        static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
        Text problems = { 0 }, differences = { 0 };
        uint64_t n_events, n;
        assert_int_equal(store_check(w->book.store, &problems, &n), 0);
        if (n > 0)
                fail_msg("the book does not agree with itself:\n%s", problems.data);
        assert_int_equal(store_rule_hits(w->book.store, w->now_us, on_hits, &n_hits), 0);
        assert_int_equal(n_hits, w->n_hits);
        gate_close_book(&w->book);
        assert_int_equal(gate_replay(w->path, &differences, &n_events, &n), 0);
        if (n > 0)
                fail_msg("the replay differs:\n%s", differences.data);
        text_free(&problems);
        text_free(&differences);
        policy_free(w->rules);
        for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
                char path[80];
                (void) snprintf(path, sizeof path, "%s%s", w->path, suffixes[i]);
                (void) unlink(path);
        }
}

static void audience__random_books_and_rules__nobody_is_in_or_taken_whom_the_model_keeps_out(_unused_ void **state) {
        for (unsigned round = 0; round < ROUNDS; round++) {
                static World w;
                start(&w, 7919 * (round + 1));
                for (unsigned i = 0; i < 12; i++)
                        step_say(&w);
                for (unsigned i = 0; i < STEPS; i++) {
                        unsigned what = roll(&w.seed, 20);
                        w.now_us += (int64_t) roll(&w.seed, 7) * US_PER_HOUR;
                        if (what < 4)
                                step_say(&w);
                        else if (what < 8)
                                step_move(&w);
                        else if (what < 10)
                                step_exclude(&w);
                        else if (what < 11)
                                step_merge(&w);
                        else if (what < 12)
                                step_unmerge(&w);
                        else if (what < 13 && i % 5 == 0)
                                step_erase(&w);
                        else if (what < 16)
                                step_take(&w);
                        else
                                step_look(&w);
                }
                end(&w);
        }
        /* the seed is another one each time: a tenth of what is usual is enough to have met each case */
        assert_true(n_looked_in > 4 * ROUNDS && n_taken > 4 * ROUNDS && n_dropped > 2 * ROUNDS);
}

/* ---- the question alone ---- */

static int never(_unused_ void *userdata, _unused_ AudiencePerson *person, _unused_ unsigned reads) { return 0; }

static void audience__any_person_in_a_status_that_does_not_let_marketing_write__is_out(_unused_ void **state) {
        static const char *const consents[] = { NULL, "marketing+", "marketing-", "marketing+ news+", "news-" };
        unsigned seed = 42, n_in = 0, n_kept_out = 0;
        for (unsigned round = 0; round < 60; round++) {
                World w = { .seed = seed += 101 };
                make_rules(&w);
                _cleanup_(arena_freep) Arena *arena = arena_new(0);
                static const Facts nothing;
                for (unsigned i = 0; i < 200; i++) {
                        unsigned status = roll(&w.seed, STATUSES), campaign = roll(&w.seed, CAMPAIGNS);
                        AudiencePlan plan = { .rules = w.rules,
                                .campaign = policy_campaign(w.rules, campaign_names[campaign]),
                                .now_us = NOW_US + (int64_t) roll(&w.seed, 30) * US_PER_DAY,
                                .deepen = never };
                        AudiencePerson person = { .subject = { .now_us = plan.now_us,
                                                          .facts = &nothing,
                                                          .status = policy_status(w.rules, status_names[status]),
                                                          .fit_known = true,
                                                          .fit_mp = roll(&w.seed, 20) * 1000,
                                                          .next_change_us = TIME_NONE },
                                .has_email = roll(&w.seed, 2),
                                .consents = consents[roll(&w.seed, ARRAY_SIZE(consents))] };
                        AudienceVerdict first, all;
                        person.subject.segments[0] = roll(&w.seed, 4);
                        decide_audience_plan(&plan);
                        assert_int_equal(decide_audience(&plan, &person, false, arena, &first), 0);
                        assert_int_equal(decide_audience(&plan, &person, true, arena, &all), 0);
                        assert_int_equal(first.code, all.code);
                        if (first.code == AUDIENCE_IN && !w.may[status])
                                fail_msg("round %u: in %s out of %s", round, campaign_names[campaign], status_names[status]);
                        n_in += first.code == AUDIENCE_IN;
                        n_kept_out += first.code == AUDIENCE_STATUS && all.n_reasons == 1;
                        arena_reset(arena);
                }
                policy_free(w.rules);
        }
        /* It is no test of those who would be out anyway. */
        assert_true(n_in > 500 && n_kept_out > 500);
}

/* ---- leads as text ---- */

static void audience__leads_written_as_text__are_read_back_and_nonsense_is_refused(_unused_ void **state) {
        static const char *const bad[] = { "0", "3-1", "5,5", "5,4", "1-", "-1", "1,", "x", "1 ,2", "99999999999999999999999", "1-1001" };
        const uint64_t leads[] = { 1, 2, 3, 7, 9, 10, 400000000000 };
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        _cleanup_(text_free) Text text = { 0 };
        uint64_t *read;
        size_t n;
        assert_int_equal(decide_write_leads(leads, ARRAY_SIZE(leads), &text), 0);
        assert_string_equal(text.data, "1-3,7,9-10,400000000000");
        assert_int_equal(decide_read_leads(text.data, arena, &read, &n), 0);
        assert_int_equal(n, ARRAY_SIZE(leads));
        assert_memory_equal(read, leads, sizeof leads);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                if (decide_read_leads(bad[i], arena, &read, &n) != RECORD_E_CORRUPT)
                        fail_msg("%s was read", bad[i]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(audience__leads_written_as_text__are_read_back_and_nonsense_is_refused),
                cmocka_unit_test(audience__any_person_in_a_status_that_does_not_let_marketing_write__is_out),
                cmocka_unit_test(audience__random_books_and_rules__nobody_is_in_or_taken_whom_the_model_keeps_out),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
