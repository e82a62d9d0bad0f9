/* SPDX-License-Identifier: MIT */
/*
 * Is routing fair, whatever happens? Random teams live through random histories: people go away and come back, are full, lack a
 * skill, let leads expire, accept them, return them with and without a credit, get some by hand and by account. A model beside decide
 * says who can take each lead and what share of it they are entitled to; what decide does is held against that:
 *
 *  - who gets a lead can take it, and a lead is held only while nobody can, until the first moment at which somebody may;
 *  - while two of the same weight can both take whatever either can, none gets more than one ahead of the other;
 *  - what anybody gets by turn stays within three leads of their entitlement from the moment they can take leads again;
 *  - a turn given back is made good once, and costs nobody else a turn;
 *  - leads by hand, by account, and to who is alone change no turn; all that is owed sums up to nothing.
 */
#define LEADS_MAX 1536
#include "test_decide_book.h"

#include <math.h>

#define MEMBERS_MAX 9
#define STEPS 900

static uint64_t random_state;
static unsigned pick(unsigned n) { /* xorshift: the same cases every time */
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (unsigned) (random_state % n);
}

typedef struct Person {
        char name[2];
        unsigned weight, share; /* share: what counts in the strategy */
        unsigned max_unaccepted, max_open, per_day;
        bool speaks_french;
        int64_t away_until_us;
        /* since they can take leads again */
        bool is_in;
        double entitled;
        int n_got;
        int n_given_back, n_made_good, n_by_turn;
        /* over the whole life: by the model, and as decide says */
        double all_entitled;
        int n_skipped;
        int64_t said[FAIR_KINDS];
} Person;

typedef struct World {
        Book *book;
        Person people[MEMBERS_MAX];
        unsigned n;
        /* Turns of the row less those of the column since a turn that only one of them could take. */
        int ahead[MEMBERS_MAX][MEMBERS_MAX], most[MEMBERS_MAX][MEMBERS_MAX], least[MEMBERS_MAX][MEMBERS_MAX];
        int n_turns, n_credits, n_held, n_reassigned, n_returned;
        double worst;
} World;

static World *open_world(bool is_weighted, bool has_caps) {
        static const unsigned weights[] = { 1, 1, 1, 2, 2, 3, 5 };
        World *world = calloc(1, sizeof *world);
        Text team = { 0 };

        world->book = malloc(sizeof *world->book);
        assert_non_null(world->book);
        world->n = 2 + pick(MEMBERS_MAX - 2);
        text_printf(&team, "team \"desk\" { calendar = \"berlin\", head = \"z\", strategy = \"%s\", members = { z = { weight = 0 },",
                is_weighted ? "weighted" : "round_robin");
        for (unsigned i = 0; i < world->n; i++) {
                Person *person = &world->people[i];
                *person = (Person){ .name = { (char) ('a' + i) }, .weight = weights[pick(ARRAY_SIZE(weights))] };
                person->share = is_weighted ? person->weight : 1;
                person->speaks_french = pick(2);
                if (has_caps) {
                        person->max_unaccepted = pick(3) == 0 ? 2 + pick(4) : 0;
                        person->max_open = pick(3) == 0 ? 4 + pick(8) : 0;
                        person->per_day = pick(3) == 0 ? 2 + pick(6) : 0;
                }
                text_printf(&team,
                        " %s = { weight = %u, max_unaccepted = %u, max_open = %u, per_day = %u, skills = { languages = { %s } } },",
                        person->name, person->weight, person->max_unaccepted, person->max_open, person->per_day,
                        person->speaks_french ? "\"fr\", \"de\"" : "\"de\"");
        }
        text_append(&team, " } }\n");
        open_rules(world->book,
                "settings \"site\" { zone = \"Europe/Berlin\" }\n"
                "calendar \"berlin\" { zone = \"Europe/Berlin\", open = { mon_fri = \"09:00-17:00\" } }\n"
                "team \"marketing\" {}\n"
                "status \"inquiry\" { team = \"marketing\", kind = \"open\", initial = true, meaning = \"i\" }\n"
                "status \"mql\" { team = \"desk\", kind = \"sla\", meaning = \"m\" }\n"
                "status \"sal\" { team = \"desk\", kind = \"open\", meaning = \"s\" }\n"
                "status \"closed\" { team = \"marketing\", kind = \"final\", meaning = \"e\" }\n"
                "move \"up\" { from = \"inquiry\", to = \"mql\", by = \"rules\" }\n"
                "move \"accept\" { from = \"mql\", to = \"sal\", by = \"owner\" }\n"
                "move \"reject\" { from = { \"mql\", \"sal\" }, by = \"owner\", reasons = { \"bad_data\", \"no_fit\" } }\n"
                "reason \"bad_data\" { to = \"closed\", credit = true }\n"
                "reason \"no_fit\" { to = \"closed\" }\n"
                "route \"SAME\" { owner = \"account\" }\n"
                "route \"FRENCH\" { when = { [\"person.locale\"] = \"fr\" }, team = \"desk\", match = { languages = \"person.locale\" } }\n"
                "route \"ALL\" { team = \"desk\" }\n"
                "sla \"ANSWER\" { status = \"mql\", within = \"2d\", clock = \"wall\", steps = { { at = \"2d\", reassign = true },\n"
                "  { at = \"30d\", every = \"30d\", remind = { \"head\" } } } }\n",
                team.data, NULL);
        text_free(&team);
        return world;
}

static void close_world(World *world) {
        close_book(world->book);
        free(world->book);
        free(world);
}

static Person *person_named(World *world, const char *name) {
        for (unsigned i = 0; i < world->n; i++)
                if (name && base_streq(world->people[i].name, name))
                        return &world->people[i];
        return NULL;
}

/* ---- the model ---- */

static int64_t midnight_after(int64_t now_us) {
        int64_t local_us = now_us + US_PER_HOUR; /* Berlin, before its clocks change */
        return (local_us / US_PER_DAY + 1) * US_PER_DAY - US_PER_HOUR;
}

/* Could the person take the lead? Else *ret_free_us: when the cause ends by itself, TIME_NONE = who knows. */
static bool can_take(World *world, const Person *person, bool is_french, const LeadState *lead, int64_t *ret_free_us) {
        const Seat *seat = seat_of(world->book, person->name);
        int64_t now_us = world->book->now_us;

        *ret_free_us = TIME_NONE;
        for (size_t i = 0; i < lead->n_expired; i++)
                if (base_streq(lead->expired[i], person->name))
                        return false;
        if (is_french && !person->speaks_french)
                return false;
        if (person->away_until_us > now_us) {
                *ret_free_us = person->away_until_us;
                return false;
        }
        if ((person->max_unaccepted && seat->n_unaccepted >= person->max_unaccepted) ||
                (person->max_open && seat->n_open >= person->max_open))
                return false;
        if (person->per_day && seat->n_today >= person->per_day) {
                *ret_free_us = midnight_after(now_us);
                return false;
        }
        return true;
}

static void count_turn(World *world, const bool *can, const Person *owner, bool is_credit) {
        unsigned sum = 0;

        for (unsigned i = 0; i < world->n; i++)
                sum += can[i] ? world->people[i].share : 0;
        world->n_turns++;
        for (unsigned i = 0; i < world->n; i++)
                world->people[i].n_skipped += !can[i];
        if (is_credit)
                return; /* in the place of one that was counted */
        for (unsigned i = 0; i < world->n; i++) {
                Person *person = &world->people[i];
                if (!can[i]) {
                        person->is_in = false;
                        continue;
                }
                if (!person->is_in) {
                        person->is_in = true;
                        person->entitled = person->n_got = 0;
                }
                person->entitled += (double) person->share / sum;
                person->all_entitled += (double) person->share / sum;
                person->n_got += person == owner;
                double off = fabs(person->entitled - person->n_got);
                world->worst = off > world->worst ? off : world->worst;
        }
        for (unsigned i = 0; i < world->n; i++)
                for (unsigned k = 0; k < i; k++) {
                        if (world->people[i].share != world->people[k].share)
                                continue;
                        if (can[i] != can[k]) {
                                world->ahead[i][k] = world->most[i][k] = world->least[i][k] = 0;
                                continue;
                        }
                        int *ahead = &world->ahead[i][k];
                        *ahead += (owner == &world->people[i]) - (owner == &world->people[k]);
                        if (*ahead > world->most[i][k])
                                world->most[i][k] = *ahead;
                        if (*ahead < world->least[i][k])
                                world->least[i][k] = *ahead;
                        assert_in_range(world->most[i][k] - world->least[i][k], 0, 1);
                }
}

static void nothing_is_owed(World *world) {
        int64_t sum = 0;

        for (size_t i = 0; i < world->book->n_seats; i++)
                sum += world->book->seats[i].turn;
        /* A share that is no whole number of parts is cut. */
        assert_in_range(sum + 100000, 0, 200000);
}

/* What was decided about a lead that had nobody, or was taken from whom it had. can: before that. */
static void check_routing(World *world, uint64_t lead, const bool *can, const int64_t *free_us, bool was_reassigned) {
        Book *book = world->book;
        const LeadState *after = &book->leads[lead];
        const Assignment *assignment = &book->decision.assignment;
        bool anybody = false;
        int64_t first_us = TIME_NONE;

        for (unsigned i = 0; i < world->n; i++) {
                anybody |= can[i];
                if (free_us[i] != TIME_NONE && (first_us == TIME_NONE || free_us[i] < first_us))
                        first_us = free_us[i];
        }
        if (after->held.by) {
                assert_false(anybody);
                /* Whose end nobody knows is looked at after a day at the latest. */
                int64_t day_us = book->now_us + US_PER_DAY;
                assert_int_equal(after->held.next_look_us, first_us != TIME_NONE && first_us < day_us ? first_us
                                                           : after->held.next_look_us == first_us     ? first_us
                                                                                                      : day_us);
                assert_true(after->held.next_look_us > book->now_us);
                world->n_held++;
                return;
        }
        Person *owner = person_named(world, after->owner);
        if (!anybody) { /* everybody let it expire or is not there: the head */
                assert_string_equal(after->owner, "z");
                for (unsigned i = 0; i < world->n; i++)
                        world->people[i].n_skipped++;
                assert_int_equal(book->decision.n_turns, 0);
                return;
        }
        if (base_streq(assignment->route, "SAME")) {
                assert_int_equal(book->decision.n_turns, 0);
                return;
        }
        assert_non_null(owner);
        assert_true(can[owner - world->people]);
        bool is_credit = strncmp(assignment->text, "for a turn given back", 21) == 0;
        if (is_credit) {
                assert_true(owner->n_made_good < owner->n_given_back);
                owner->n_made_good++;
                world->n_credits++;
        } else {
                owner->n_by_turn++;
                for (unsigned i = 0; i < world->n; i++) /* nobody with a credit was passed over */
                        assert_true(!can[i] || world->people[i].n_made_good == world->people[i].n_given_back);
        }
        world->n_reassigned += was_reassigned;
        count_turn(world, can, owner, is_credit);
        nothing_is_owed(world);
}

/* What decide says for the report; to be called after each event. */
static void hear(World *world) {
        const Decision *decision = &world->book->decision;
        for (size_t i = 0; i < decision->n_fair; i++) {
                Person *person = person_named(world, decision->fair[i].member);
                assert_string_equal(decision->fair[i].team, "desk");
                assert_in_range(decision->fair[i].kind, FAIR_ENTITLED, FAIR_KINDS - 1);
                if (person)
                        person->said[decision->fair[i].kind] += decision->fair[i].n;
        }
}

/* The sums of the report are what happened; and nothing that was received got lost. */
static void compare_facts(World *world) {
        for (unsigned i = 0; i < world->n; i++) {
                const Person *person = &world->people[i];
                int64_t n_received = 0, n_answered = 0;
                int n_waiting = 0;
                assert_true(fabs((double) person->said[FAIR_ENTITLED] / FAIR_LEAD - person->all_entitled) < 0.001);
                assert_int_equal(person->said[FAIR_BY_TURN], person->n_by_turn);
                assert_int_equal(person->said[FAIR_MADE_GOOD], person->n_made_good);
                assert_int_equal(person->said[FAIR_GIVEN_BACK], person->n_given_back);
                for (int kind = FAIR_SKIPPED_AWAY; kind <= FAIR_SKIPPED_EXPIRED; kind++)
                        n_answered += person->said[kind];
                assert_int_equal(n_answered, person->n_skipped);
                /* What was received and had to be answered (by hand is accepted) was, or waits. */
                for (int kind = FAIR_BY_TURN; kind <= FAIR_AS_HEAD; kind++)
                        n_received += person->said[kind];
                n_answered =
                        person->said[FAIR_ACCEPTED] + person->said[FAIR_RETURNED] + person->said[FAIR_EXPIRED] + person->said[FAIR_LEFT];
                for (uint64_t lead = 1; lead <= world->book->n_leads; lead++)
                        n_waiting += world->book->leads[lead].owner && base_streq(world->book->leads[lead].owner, person->name) &&
                                     world->book->leads[lead].unaccepted;
                assert_int_equal(n_received, n_answered + n_waiting);
        }
}

/* ---- what happens ---- */

static void look_with_model(World *world, uint64_t lead) {
        Book *book = world->book;
        bool can[MEMBERS_MAX];
        int64_t free_us[MEMBERS_MAX];
        LeadState before = book->leads[lead];
        bool is_french = facts_text(&book->profiles[lead], FIELD_PERSON_LOCALE) != NULL;
        bool expires = before.owner && before.sla.rule && before.sla.next_step == 0 && before.sla.next_due_us <= book->now_us;

        if (expires) { /* who lets it expire is out for this lead */
                const char **expired = arena_alloc(book->arena, (before.n_expired + 1) * sizeof(char *));
                if (before.n_expired > 0)
                        memcpy(expired, before.expired, before.n_expired * sizeof(char *));
                expired[before.n_expired] = before.owner;
                before.expired = expired;
                before.n_expired++;
        }
        for (unsigned i = 0; i < world->n; i++)
                can[i] = can_take(world, &world->people[i], is_french, &before, &free_us[i]);
        look(book, lead);
        hear(world);
        if (before.held.by || (expires && book->decision.assignment.changed))
                check_routing(world, lead, can, free_us, expires);
}

/* Those who wait, the longest first. */
static void offer_held(World *world) {
        Book *book = world->book;
        for (size_t round = 0; round < book->n_leads; round++) {
                uint64_t next = 0;
                for (uint64_t lead = 1; lead <= book->n_leads; lead++) {
                        const LeadState *state = &book->leads[lead];
                        bool is_offered = state->held.by && state->wake_us != book->now_us + 1;
                        if (is_offered && (next == 0 || state->held.since_us < book->leads[next].held.since_us))
                                next = lead;
                }
                if (next == 0)
                        return;
                look_with_model(world, next);
                if (book->leads[next].held.by)
                        return; /* good enough here: the judge goes through all of them */
        }
}

static void pass_time(World *world, int64_t until_us) {
        Book *book = world->book;
        for (;;) {
                uint64_t next = 0;
                for (uint64_t lead = 1; lead <= book->n_leads; lead++) {
                        int64_t wake_us = book->leads[lead].wake_us;
                        if (wake_us != TIME_NONE && wake_us <= until_us && (next == 0 || wake_us < book->leads[next].wake_us))
                                next = lead;
                }
                int64_t at_us = next ? book->leads[next].wake_us : until_us;
                if (at_us > book->now_us) {
                        bool is_midnight = midnight_after(book->now_us) <= at_us;
                        book->now_us = at_us;
                        for (size_t i = 0; i < book->n_seats && is_midnight; i++)
                                book->seats[i].n_today = 0;
                }
                if (next == 0)
                        return;
                look_with_model(world, next);
        }
}

static void come(World *world) {
        Book *book = world->book;
        bool can[MEMBERS_MAX], is_french = pick(4) == 0;
        int64_t free_us[MEMBERS_MAX];
        static const LeadState nobody;
        char email[64];

        for (unsigned i = 0; i < world->n; i++)
                can[i] = can_take(world, &world->people[i], is_french, &nobody, &free_us[i]);
        bool anybody_speaks = !is_french;
        for (unsigned i = 0; i < world->n; i++)
                anybody_speaks |= world->people[i].speaks_french;
        for (unsigned i = 0; i < world->n && !anybody_speaks; i++) /* the route misses, and the next has no match */
                can[i] = can_take(world, &world->people[i], false, &nobody, &free_us[i]);
        (void) snprintf(email, sizeof email, "p%zu@example.com", book->n_leads);
        Record *record = make_record(book, "lead.submitted", FAMILY_LEAD);
        set(book, record, FIELD_PERSON_EMAIL, email);
        if (is_french && anybody_speaks)
                set(book, record, FIELD_PERSON_LOCALE, "fr");
        book->account_owner = pick(12) == 0 ? world->people[pick(world->n)].name : NULL;
        const Person *account = person_named(world, book->account_owner);
        bool by_account = account && account->away_until_us <= book->now_us;
        uint64_t lead = judge(book, 0, record, "integration:web");
        hear(world);
        book->account_owner = NULL;
        if (by_account) {
                assert_string_equal(book->leads[lead].owner, account->name);
                assert_int_equal(book->decision.n_turns, 0);
        } else
                check_routing(world, lead, can, free_us, false);
}

static void act(World *world) {
        Book *book = world->book;
        uint64_t lead = 1 + pick((unsigned) book->n_leads);
        LeadState before = book->leads[lead];
        Person *owner = person_named(world, before.owner);
        char actor[8];

        if (!owner || base_streq(before.status, "closed"))
                return;
        (void) snprintf(actor, sizeof actor, "rep:%s", owner->name);
        switch (pick(4)) {
        case 0:
                if (!base_streq(before.status, "mql"))
                        return;
                person(book, lead, "outcome.accept", actor, NULL, NULL);
                break;
        case 1:
        case 2: {
                bool has_credit = pick(2);
                person(book, lead, "outcome.reject", actor, has_credit ? "bad_data" : "no_fit", NULL);
                owner->n_given_back += has_credit && before.by_turn;
                world->n_returned++;
                break;
        }
        default: {
                Record *record = make_record(book, "outcome.assign", FAMILY_OUTCOME);
                Person *other = &world->people[pick(world->n)];
                if (other == owner)
                        return;
                set(book, record, FIELD_OUTCOME_OWNER, other->name);
                (void) judge(book, lead, record, actor);
                assert_int_equal(book->decision.n_turns, 0);
                assert_string_equal(book->leads[lead].owner, other->name);
        }
        }
        assert_false(book->decision.refused);
        hear(world);
        if (book->decision.freed_team)
                offer_held(world);
}

static void go_away(World *world) {
        Book *book = world->book;
        Person *person = &world->people[pick(world->n)];
        bool is_back = person->away_until_us > book->now_us;
        Record *record = make_record(book, is_back ? "owner.back" : "owner.away", FAMILY_OWNER);

        set(book, record, FIELD_OWNER_NAME, person->name);
        person->away_until_us = is_back ? 0 : book->now_us + (1 + pick(60)) * US_PER_HOUR;
        if (!is_back)
                assert_int_equal(
                        facts_set(&record->facts, book->arena, FIELD_OWNER_TO, NULL, value_integer(person->away_until_us), book->now_us),
                        0);
        (void) judge(book, 0, record, "integration:hr");
        assert_false(book->decision.refused);
        if (is_back)
                offer_held(world);
}

static void live(World *world, unsigned n_steps, bool has_absences) {
        for (unsigned i = 0; i < n_steps; i++) {
                unsigned what = pick(20);
                if (what < 11)
                        come(world);
                else if (what < 17 && world->book->n_leads > 0)
                        act(world);
                else if (what == 17 && has_absences)
                        go_away(world);
                else
                        pass_time(world, world->book->now_us + (1 + pick(180)) * US_PER_MINUTE);
        }
}

static void any_history__is_fair(void **state) {
        (void) state;
        int n_turns = 0, n_credits = 0, n_held = 0, n_reassigned = 0, n_returned = 0;
        double worst = 0;
        for (uint64_t round = 1; round <= 60; round++) {
                random_state = 0x9e3779b97f4a7c15u * round;
                World *world = open_world(round % 3 != 0, round % 2);
                live(world, STEPS, round % 4 != 3);
                compare_facts(world);
                n_turns += world->n_turns;
                n_credits += world->n_credits;
                n_held += world->n_held;
                n_reassigned += world->n_reassigned;
                n_returned += world->n_returned;
                worst = world->worst > worst ? world->worst : worst;
                close_world(world);
        }
        print_message("%d turns, %d of them for one given back, %d times nobody, %d reassigned, %d returned; at most %.2f leads off\n",
                n_turns, n_credits, n_held, n_reassigned, n_returned, worst);
        /* All of it did happen. */
        assert_true(n_turns > 5000 && n_credits > 100 && n_held > 100 && n_reassigned > 100 && n_returned > 500);
        assert_true(worst < 3);
}

/* Ten at work, one has just been served, then eight leave: the two that stay alternate. In turns that are paid in sums of weights, the
 * other would be served five times in a row. */
static void equals__whose_colleagues_leave__go_on_alternating(void **state) {
        (void) state;
        Book *book = malloc(sizeof *book);
        char turns[16] = "";
        open_book(book,
                "team \"desk\" { calendar = \"berlin\", head = \"a\", members = { a = {}, b = {}, c = {}, d = {}, e = {}, f = {}, g = {}, "
                "h = "
                "{}, i = {}, j = {} } }\n",
                NULL);
        turns[0] = *book->leads[hand_raise(book)].owner;
        for (char c = 'c'; c <= 'j'; c++) {
                Record *record = make_record(book, "owner.away", FAMILY_OWNER);
                char name[] = { c, '\0' };
                set(book, record, FIELD_OWNER_NAME, arena_strdup(book->arena, name));
                assert_int_equal(
                        facts_set(&record->facts, book->arena, FIELD_OWNER_TO, NULL, value_integer(book->now_us + US_PER_DAY), 0), 0);
                (void) judge(book, 0, record, "integration:hr");
        }
        for (size_t i = 1; i < 9; i++)
                turns[i] = *book->leads[hand_raise(book)].owner;
        assert_string_equal(turns, "ababababa");
        /* When they are back, each of them gets one before a or b has another two. */
        book->now_us += US_PER_DAY;
        for (size_t i = 0; i < 10; i++)
                turns[i] = *book->leads[hand_raise(book)].owner;
        for (char c = 'a'; c <= 'j'; c++)
                assert_non_null(memchr(turns, c, 10));
        close_book(book);
        free(book);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(any_history__is_fair),
                cmocka_unit_test(equals__whose_colleagues_leave__go_on_alternating),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
