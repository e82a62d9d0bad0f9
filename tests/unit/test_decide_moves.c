/* SPDX-License-Identifier: MIT */
/*
 * Tests of what keeps a lead where it is and what moves it by itself: fences and the instant at which they open,
 * hand-backs and the signals that end their rest, vetoes, chains that are stopped, and refusals that name all that is
 * missing.
 */
#include "test_decide_book.h"

static const char fenced_rules[] =
        "settings \"site\" { zone = \"Europe/Berlin\", ops = \"ops@example.com\" }\n"
        "calendar \"berlin\" { zone = \"Europe/Berlin\", open = { mon_fri = \"09:00-17:00\" } }\n"
        "team \"marketing\" { calendar = \"berlin\" }\n"
        "status \"inquiry\" { team = \"marketing\", kind = \"open\", initial = true, meaning = \"i\" }\n"
        "status \"nurture\" { team = \"marketing\", kind = \"open\", meaning = \"n\" }\n"
        "status \"dormant\" { team = \"marketing\", kind = \"open\", meaning = \"d\" }\n"
        "status \"mql\" { team = \"desk\", kind = \"open\", meaning = \"m\" }\n"
        "status \"lost\" { team = \"marketing\", kind = \"final\", meaning = \"l\" }\n"
        "criterion \"REACHABLE\" { doc = \"a phone number or an e-mail\", when = any{ { [\"person.phone_number\"] = present }, { "
        "[\"person.email\"] = present } } }\n"
        "move \"qualify\" { from = { \"inquiry\", \"nurture\" }, to = \"mql\", by = \"rules\", when = { [\"company.employees\"] = ge(100) "
        "} }\n"
        "move \"give_up\" { from = { \"nurture\", \"dormant\" }, to = \"lost\", by = \"marketing\" }\n"
        "move \"again\" { from = \"dormant\", to = \"mql\", by = \"rules\", when = { [\"company.employees\"] = ge(100) } }\n"
        "move \"reject\" { from = \"mql\", by = \"owner\", reasons = { \"not_a_fit\", \"no_budget\", \"later\", \"never\", \"wait\" } }\n"
        "reason \"not_a_fit\" { to = \"nurture\", wake_on = did{ type = \"form_submitted\", name = \"demo\" } }\n"
        "reason \"no_budget\" { to = \"nurture\" }\n"
        "reason \"later\" { to = \"nurture\", recycle_after = \"2wd\" }\n"
        "reason \"never\" { to = \"dormant\" }\n"
        "reason \"wait\" { to = \"nurture\", recycle_after = \"90d\", wake_on = did{ type = \"form_submitted\", name = \"demo\" } }\n"
        "route \"ALL\" { team = \"desk\" }\n"
        "team \"desk\" { calendar = \"berlin\", members = { a = {} } }\n";

static Book *open_fenced(const char *more) {
        Book *book = malloc(sizeof *book);

        assert_non_null(book);
        open_rules(book, fenced_rules, "", more);
        return book;
}

static void shut(Book *book) {
        close_book(book);
        free(book);
}

/* A company large enough for "qualify". */
static uint64_t large(Book *book) {
        Record *record = make_record(book, "lead.submitted", FAMILY_LEAD);

        set(book, record, FIELD_PERSON_EMAIL, "p@example.com");
        assert_int_equal(facts_set(&record->facts, book->arena, FIELD_COMPANY_EMPLOYEES, NULL, value_number(500), record->time_us), 0);
        return judge(book, 0, record, "integration:web");
}

static void form(Book *book, uint64_t lead, const char *name, int64_t time_us) {
        Record *record = make_record(book, "lead.submitted", FAMILY_LEAD);

        record->time_us = time_us;
        set(book, record, FIELD_ATTRIBUTION_FORM_NAME, name);
        (void) judge(book, lead, record, "integration:web");
}

static void reject(Book *book, uint64_t lead, const char *reason) {
        person(book, lead, "outcome.reject", "rep:a", reason, NULL);
        if (book->decision.refused)
                print_error("%s\n", book->decision.refusal_text);
        assert_false(book->decision.refused);
}

static int64_t at(const char *text) {
        int64_t us;

        assert_int_equal(time_parse_rfc3339(text, strlen(text), &us), 0);
        return us;
}

/* ---- since and hold ---- */

static const char cool_off[] =
        "fence \"COOL_OFF\" { blocks = { \"mql\" }, since = { \"not_a_fit\", \"never\" }, hold = \"30d\", doc = \"one "
        "month of rest\" }\n";

static void fence__since_a_hand_back__holds_and_lets_the_lead_move_by_itself_when_it_opens(void **state) {
        (void) state;
        Book *book = open_fenced(cool_off);
        uint64_t lead = large(book);
        assert_string_equal(book->leads[lead].status, "mql"); /* never handed back: open */
        reject(book, lead, "not_a_fit");
        assert_string_equal(book->leads[lead].status, "nurture");
        int64_t opens_us = book->now_us + 30 * US_PER_DAY;
        /* not_a_fit has a wake_on: the lead rests until it comes, and no date ends that */
        assert_int_equal(book->leads[lead].recycle_us, INT64_MAX);

        /* One without wake_on: the fence alone keeps it, and is armed. */
        book->now_us = opens_us;
        form(book, lead, "demo", book->now_us);
        assert_string_equal(book->leads[lead].status, "mql");
        reject(book, lead, "never");
        assert_string_equal(book->leads[lead].status, "dormant");
        opens_us = book->now_us + 30 * US_PER_DAY;
        assert_int_equal(book->leads[lead].wake_us, opens_us);
        book->now_us = opens_us - 1;
        look(book, lead);
        assert_string_equal(book->leads[lead].status, "dormant");
        assert_int_equal(book->leads[lead].wake_us, opens_us);
        book->now_us = opens_us;
        look(book, lead);
        assert_string_equal(book->leads[lead].status, "mql");
        shut(book);
}

static void fence__since__opens_by_the_reasons_signal_after_the_hand_back_and_not_by_an_older_one(void **state) {
        (void) state;
        /* the rest of wake_on is out of the way: another reason than the fence's carries it */
        Book *book = open_fenced("fence \"COOL_OFF\" { blocks = { \"mql\" }, since = { \"not_a_fit\" }, hold = \"30d\" }\n"
                                 "move \"up\" { from = \"nurture\", to = \"mql\", by = \"marketing\" }\n");
        uint64_t lead = large(book);
        int64_t before_us = book->now_us;
        book->now_us += US_PER_DAY;
        reject(book, lead, "not_a_fit");

        /* It arrives later and is older: no signal. */
        book->now_us += US_PER_DAY;
        form(book, lead, "demo", before_us);
        assert_string_equal(book->leads[lead].status, "nurture");
        person(book, lead, "outcome.up", "team:marketing", NULL, NULL);
        assert_true(book->decision.refused);
        assert_string_equal(book->decision.refusal_code, "fence");
        assert_non_null(strstr(book->decision.refusal_text, "the fence COOL_OFF keeps the lead out of \"mql\" until 2026-04-05T09:00:00"));

        form(book, lead, "newsletter", book->now_us);
        assert_string_equal(book->leads[lead].status, "nurture");
        assert_false(book->leads[lead].uses[0].woken);
        form(book, lead, "demo", book->now_us);
        assert_string_equal(book->leads[lead].status, "mql");
        assert_true(book->leads[lead].uses[0].woken);

        /* Handed back again, it is closed again: what woke the first use says nothing about the second. */
        book->now_us += US_PER_HOUR;
        reject(book, lead, "not_a_fit");
        assert_false(book->leads[lead].uses[0].woken);
        assert_int_equal(book->leads[lead].n_uses, 1);
        person(book, lead, "outcome.up", "team:marketing", NULL, NULL);
        assert_true(book->decision.refused);
        shut(book);
}

static void fence__told_late__counts_from_the_hand_backs_own_time(void **state) {
        (void) state;
        Book *book = open_fenced(cool_off);
        uint64_t lead = large(book);
        int64_t handed_back_us = book->now_us + US_PER_HOUR;
        Record *record = make_record(book, "outcome.reject", FAMILY_OUTCOME);
        record->time_us = handed_back_us;
        set(book, record, FIELD_OUTCOME_REASON, "never");
        book->now_us += 2 * US_PER_DAY;
        (void) judge(book, lead, record, "rep:a");
        assert_false(book->decision.refused);
        assert_int_equal(book->leads[lead].uses[0].at_us, handed_back_us);
        assert_int_equal(book->leads[lead].wake_us, handed_back_us + 30 * US_PER_DAY);
        shut(book);
}

static void fence__from__stands_only_for_leads_that_come_from_there(void **state) {
        (void) state;
        Book *book = open_fenced(
                "fence \"REST\" { blocks = { \"mql\" }, from = { \"nurture\" }, when = { [\"company.employees\"] = ge(100) } }\n");
        uint64_t lead = large(book);
        assert_string_equal(book->leads[lead].status, "mql");
        reject(book, lead, "no_budget");
        assert_string_equal(book->leads[lead].status, "nurture");
        look(book, lead);
        assert_string_equal(book->leads[lead].status, "nurture");
        shut(book);
}

static void fence__that_breaks__stays_closed(void **state) {
        (void) state;
        Book *book = open_fenced("fence \"BROKEN\" { blocks = { \"mql\" }, when = function(lead) return lead.person.nothing.more end }\n");
        uint64_t lead = large(book);
        assert_string_equal(book->leads[lead].status, "inquiry");
        shut(book);
}

static void look_at_a_fence__says_since_when_and_until_when(void **state) {
        (void) state;
        Book *book = open_fenced(cool_off);
        uint64_t lead = large(book);
        reject(book, lead, "never");
        DecideInput input = look_input(book, lead);
        input.now_us += US_PER_DAY;
        Explanation explanation;
        assert_int_equal(decide_explain(book->rules, &input, book->arena, &explanation), 0);
        const Receipt *fence = NULL;
        for (size_t i = 0; i < explanation.receipts.n_items; i++)
                if (explanation.receipts.items[i].rule->kind == RULE_FENCE)
                        fence = &explanation.receipts.items[i];
        assert_non_null(fence);
        assert_true(fence->matched);
        assert_string_equal(
                fence->trace, "never handed back for not_a_fit; never since 2026-03-05T09:00:00Z, holds until 2026-04-04T09:00:00Z");
        assert_int_equal(explanation.subject.next_change_us, book->now_us + 30 * US_PER_DAY);
        shut(book);
}

static void reasons_of_a_lead__more_than_are_remembered__the_one_used_longest_ago_is_forgotten(void **state) {
        (void) state;
        Text more = { 0 };
        text_append(&more, "move \"give\" { from = \"mql\", by = \"owner\", reasons = { ");
        for (int i = 0; i <= DECIDE_REASON_USES_MAX; i++)
                text_printf(&more, "\"r%d\", ", i);
        text_append(&more, "} }\n");
        for (int i = 0; i <= DECIDE_REASON_USES_MAX; i++)
                text_printf(&more, "reason \"r%d\" { to = \"mql\" }\n", i);
        Book *book = open_fenced(more.data);
        text_free(&more);
        uint64_t lead = large(book);
        for (int i = 0; i <= DECIDE_REASON_USES_MAX; i++) {
                char name[16];
                (void) snprintf(name, sizeof name, "r%d", i);
                person(book, lead, "outcome.give", "rep:a", name, NULL);
                assert_false(book->decision.refused);
        }
        const LeadState *after = &book->leads[lead];
        assert_int_equal(after->n_uses, DECIDE_REASON_USES_MAX);
        for (size_t i = 0; i < after->n_uses; i++) {
                assert_string_not_equal(after->uses[i].reason, "r0");
                assert_true(i == 0 || strcmp(after->uses[i - 1].reason, after->uses[i].reason) < 0);
        }
        shut(book);
}

/* ---- rest ---- */

static void rest__in_working_days__ends_by_itself_at_that_instant(void **state) {
        (void) state;
        Book *book = open_fenced(NULL);
        uint64_t lead = large(book);
        reject(book, lead, "later"); /* Thursday 10:00 + 2wd = Monday 10:00 */
        assert_int_equal(book->leads[lead].recycle_us, at("2026-03-09T10:00:00+01:00"));
        assert_int_equal(book->leads[lead].wake_us, at("2026-03-09T10:00:00+01:00"));
        book->now_us = at("2026-03-09T10:00:00+01:00") - 1;
        look(book, lead);
        assert_string_equal(book->leads[lead].status, "nurture");
        book->now_us++;
        look(book, lead);
        assert_string_equal(book->leads[lead].status, "mql");
        assert_int_equal(book->leads[lead].recycle_us, TIME_NONE);
        shut(book);
}

/* The signal came while a fence was closed for another reason: it counts when that opens, although the event is long past. */
static void rest__signal_in_history__ends_it_once_and_for_good(void **state) {
        (void) state;
        Book *book = open_fenced("fence \"SMALL\" { blocks = { \"mql\" }, when = { [\"person.title\"] = \"student\" } }\n");
        uint64_t lead = large(book);
        reject(book, lead, "wait");
        int64_t back_us = book->now_us;
        assert_int_equal(book->leads[lead].recycle_us, back_us + 90 * US_PER_DAY);
        book->now_us += US_PER_DAY;
        Record *student = make_record(book, "lead.updated", FAMILY_LEAD);
        set(book, student, FIELD_PERSON_TITLE, "student");
        (void) judge(book, lead, student, "integration:web");
        form(book, lead, "demo", book->now_us);
        assert_string_equal(book->leads[lead].status, "nurture");  /* the fence */
        assert_int_equal(book->leads[lead].recycle_us, TIME_NONE); /* the rest is over */
        book->now_us += US_PER_DAY;
        Record *grown = make_record(book, "lead.updated", FAMILY_LEAD);
        set(book, grown, FIELD_PERSON_TITLE, "director");
        (void) judge(book, lead, grown, "integration:web");
        assert_string_equal(book->leads[lead].status, "mql");
        shut(book);
}

/* A robot that fills in forms asks for nothing. */
static void rest__a_signal_that_is_junk__does_not_end_it(void **state) {
        (void) state;
        Book *book = open_fenced("junk \"ROBOT\" { when = { type = \"form_submitted\", url = has(\"robot\") } }\n");
        uint64_t lead = large(book);
        reject(book, lead, "wait");
        book->now_us += US_PER_DAY;
        Record *robot = make_record(book, "lead.submitted", FAMILY_LEAD);
        set(book, robot, FIELD_ATTRIBUTION_FORM_NAME, "demo");
        set(book, robot, FIELD_ACTIVITY_URL, "https://x.example/robot");
        (void) judge(book, lead, robot, "integration:web");
        assert_string_equal(book->leads[lead].status, "nurture");
        assert_false(book->leads[lead].uses[0].woken);
        form(book, lead, "demo", book->now_us);
        assert_string_equal(book->leads[lead].status, "mql");
        shut(book);
}

/* ---- SLA steps before a fence ---- */

static void sla__last_step_before_a_closed_fence__comes_again_until_it_is_open(void **state) {
        (void) state;
        Book *book = open_fenced("status \"owed\" { team = \"desk\", kind = \"sla\", meaning = \"o\" }\n"
                                 "move \"owe\" { from = \"mql\", to = \"owed\", by = \"owner\" }\n"
                                 "move \"expire\" { from = \"owed\", to = \"nurture\", by = \"desk\" }\n"
                                 "sla \"OWED\" { status = \"owed\", within = \"1h\", steps = { { at = \"1h\", move = \"expire\" } } }\n"
                                 "fence \"BUSY\" { blocks = { \"nurture\" }, when = { [\"person.title\"] = \"owner\" } }\n");
        uint64_t lead = large(book);
        person(book, lead, "outcome.owe", "rep:a", NULL, NULL);
        Record *owner = make_record(book, "lead.updated", FAMILY_LEAD);
        set(book, owner, FIELD_PERSON_TITLE, "owner");
        (void) judge(book, lead, owner, "integration:web");
        for (int i = 0; i < 3; i++) {
                book->now_us = book->leads[lead].sla.next_due_us;
                look(book, lead);
                assert_string_equal(book->decision.summary, "OWED: expire is kept out of nurture by BUSY");
                assert_int_equal(book->leads[lead].sla.next_due_us, book->now_us + US_PER_DAY);
                assert_int_equal(book->leads[lead].wake_us, book->now_us + US_PER_DAY);
                assert_int_equal(book->leads[lead].sla.next_step, i + 1); /* the same firing would be the same event */
        }
        Record *gone = make_record(book, "lead.updated", FAMILY_LEAD);
        set(book, gone, FIELD_PERSON_TITLE, "none");
        (void) judge(book, lead, gone, "integration:web");
        assert_string_equal(book->leads[lead].status, "owed");
        book->now_us = book->leads[lead].sla.next_due_us;
        look(book, lead);
        assert_int_equal(book->decision.n_moves >= 1, 1);
        assert_string_equal(book->decision.moves[0].to, "nurture");
        shut(book);
}

static void sla__move_whose_needs_are_not_met__waits_and_a_reasons_needs_do_not_count(void **state) {
        (void) state;
        Book *book = open_fenced("status \"owed\" { team = \"desk\", kind = \"sla\", meaning = \"o\" }\n"
                                 "move \"owe\" { from = \"mql\", to = \"owed\", by = \"owner\" }\n"
                                 "move \"expire\" { from = \"owed\", by = \"owner\", reasons = { \"silent\" }, needs = { { "
                                 "[\"person.title\"] = present } } }\n"
                                 "reason \"silent\" { to = \"lost\", needs = did{ type = \"call_made\" } }\n"
                                 "sla \"OWED\" { status = \"owed\", within = \"1h\", steps = { { at = \"1h\", move = \"expire\", reason = "
                                 "\"silent\" } } }\n");
        uint64_t lead = large(book);
        person(book, lead, "outcome.owe", "rep:a", NULL, NULL);
        book->now_us = book->leads[lead].sla.next_due_us;
        look(book, lead);
        assert_string_equal(book->decision.summary, "OWED: expire is missing what it needs");
        assert_string_equal(book->leads[lead].status, "owed");
        Record *titled = make_record(book, "lead.updated", FAMILY_LEAD);
        set(book, titled, FIELD_PERSON_TITLE, "director");
        (void) judge(book, lead, titled, "integration:web");
        book->now_us = book->leads[lead].sla.next_due_us;
        look(book, lead);
        assert_string_equal(book->decision.moves[0].to, "lost");
        assert_string_equal(book->decision.moves[0].by, "sla:OWED");
        shut(book);
}

/* ---- veto ---- */

static const char rival[] = "group \"fit\" {}\n"
                            "score \"RIVAL\" { group = \"fit\", when = { [\"company.domain\"] = \"rival.example\" }, points = -100, veto = "
                            "\"dormant\" }\n";

static Record *from_rival(Book *book) {
        Record *record = make_record(book, "lead.updated", FAMILY_LEAD);

        set(book, record, FIELD_COMPANY_DOMAIN, "rival.example");
        return record;
}

static void veto__a_match__moves_there_at_once_and_says_so(void **state) {
        (void) state;
        Book *book = open_fenced(rival);
        uint64_t lead = large(book);
        assert_string_equal(book->leads[lead].status, "mql");
        (void) judge(book, lead, from_rival(book), "integration:web");
        const Decision *decision = &book->decision;
        assert_string_equal(book->leads[lead].status, "dormant"); /* "again" leads out of it, but not while the veto matches */
        assert_null(book->leads[lead].owner);
        assert_int_equal(decision->n_moves, 1);
        assert_string_equal(decision->moves[0].move, "RIVAL");
        assert_string_equal(decision->moves[0].by, "rules");
        assert_string_equal(decision->summary, "mql -> dormant (RIVAL by rules)");
        const Receipt *receipt = NULL;
        for (size_t i = 0; i < decision->receipts.n_items; i++)
                if (base_streq(decision->receipts.items[i].rule->name, "RIVAL"))
                        receipt = &decision->receipts.items[i];
        assert_non_null(receipt);
        assert_string_equal(receipt->note, "veto: mql -> dormant");
        look(book, lead);
        assert_string_equal(book->leads[lead].status, "dormant");
        assert_int_equal(book->decision.n_moves, 0);
        const DecideInput input = look_input(book, lead);
        Explanation explanation;
        assert_int_equal(decide_explain(book->rules, &input, book->arena, &explanation), 0);
        bool kept = false;
        for (size_t i = 0; i < explanation.receipts.n_items; i++) {
                const Receipt *again = &explanation.receipts.items[i];
                if (base_streq(again->rule->name, "RIVAL"))
                        assert_string_equal(again->note, "veto: keeps the lead here");
                kept = kept || (base_streq(again->rule->name, "again") && strstr(again->note, "the veto RIVAL keeps the lead in dormant"));
        }
        assert_true(kept);
        shut(book);
}

static void veto__against_a_persons_move__wins_in_the_same_event(void **state) {
        (void) state;
        Book *book =
                open_fenced("group \"fit\" {}\n"
                            "score \"RIVAL\" { group = \"fit\", when = { [\"company.domain\"] = \"rival.example\" }, veto = \"nurture\" }\n"
                            "move \"up\" { from = \"nurture\", to = \"mql\", by = \"marketing\" }\n");
        uint64_t lead = large(book);
        (void) judge(book, lead, from_rival(book), "integration:web");
        assert_string_equal(book->leads[lead].status, "nurture");
        person(book, lead, "outcome.up", "team:marketing", NULL, NULL);
        assert_false(book->decision.refused);
        assert_int_equal(book->decision.n_moves, 2);
        assert_string_equal(book->leads[lead].status, "nurture");
        shut(book);
}

static void veto__before_a_closed_fence_or_in_a_final_status__moves_nothing(void **state) {
        (void) state;
        Book *book =
                open_fenced("group \"fit\" {}\n"
                            "score \"RIVAL\" { group = \"fit\", when = { [\"company.domain\"] = \"rival.example\" }, veto = \"nurture\" }\n"
                            "fence \"KEEP\" { blocks = { \"nurture\" }, when = { [\"person.title\"] = \"owner\" } }\n");
        uint64_t lead = large(book);
        Record *owner = from_rival(book);
        set(book, owner, FIELD_PERSON_TITLE, "owner");
        (void) judge(book, lead, owner, "integration:web");
        assert_string_equal(book->leads[lead].status, "mql");
        assert_non_null(strstr(book->decision.summary, "RIVAL: veto: kept out of nurture by KEEP"));
        Record *other = from_rival(book);
        set(book, other, FIELD_PERSON_TITLE, "none");
        other->time_us = book->now_us += US_PER_HOUR;
        for (size_t i = 0; i < other->facts.n_items; i++)
                other->facts.items[i].time_us = book->now_us;
        (void) judge(book, lead, other, "integration:web");
        assert_string_equal(book->leads[lead].status, "nurture");
        shut(book);

        book = open_fenced("group \"fit\" {}\n"
                           "score \"RIVAL\" { group = \"fit\", when = { [\"company.domain\"] = \"rival.example\" }, veto = \"nurture\" }\n"
                           "fence \"NEVER\" { blocks = { \"mql\" }, from = { \"dormant\" }, when = { age = ge(\"0d\") } }\n");
        lead = large(book);
        reject(book, lead, "never");
        person(book, lead, "outcome.give_up", "team:marketing", NULL, NULL);
        (void) judge(book, lead, from_rival(book), "integration:web");
        assert_string_equal(book->leads[lead].status, "lost");
        shut(book);
}

/* ---- chains ---- */

/* A function is given the activities as the move before it left them, whoever asked for them earlier in the event: functions that only
 * read share one table, others are each given one that was made before. */
static void chain__function_that_reads_activities__sees_them_as_the_move_before_left_them(void **state) {
        (void) state;
        static const char *const readers[] = { "", "return #lead.activities",
                "local n = 0 for k in pairs(lead.activities) do n = n + 1 end return n" };
        static const struct {
                const char *asks, *status;
        } cases[] = {
                { "return lead.activities[1].after_move", "mid" },
                { "return not lead.activities[1].after_move", "lost" },
                { "for k, a in pairs(lead.activities) do if a.after_move then return true end end return false", "mid" },
                { "for k, a in pairs(lead.activities) do if a.after_move then return false end end return true", "lost" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                for (size_t k = 0; k < ARRAY_SIZE(readers); k++) {
                        Text more = { 0 };
                        text_append(&more,
                                "group \"engagement\" { min = 0, max = 100 }\n"
                                "status \"mid\" { team = \"marketing\", kind = \"open\", meaning = \"x\" }\n"
                                "move \"go\" { from = \"inquiry\", to = \"mid\", by = \"rules\", when = { did{ type = \"form_submitted\", "
                                "since = \"move\" } } }\n");
                        text_printf(&more, "move \"on\" { from = \"mid\", to = \"lost\", by = \"rules\", when = function(lead) %s end }\n",
                                cases[i].asks);
                        if (*readers[k])
                                text_printf(
                                        &more, "score \"ACT\" { group = \"engagement\", points = function(lead) %s end }\n", readers[k]);
                        Book *book = open_fenced(more.data);
                        text_free(&more);
                        uint64_t lead = hand_raise(book);
                        if (!base_streq(book->leads[lead].status, cases[i].status))
                                fail_msg("%s, beside \"%s\": in %s", cases[i].asks, readers[k], book->leads[lead].status);
                        assert_true(!*readers[k] || book->leads[lead].engagement_mp == 1000);
                        shut(book);
                }
}

static void chain__that_would_lead_back__is_stopped_and_named(void **state) {
        (void) state;
        Book *book = open_fenced("status \"x\" { team = \"marketing\", kind = \"open\", meaning = \"x\" }\n"
                                 "move \"to_x\" { from = \"inquiry\", to = \"x\", by = \"rules\" }\n"
                                 "move \"back\" { from = \"x\", to = \"inquiry\", by = \"rules\" }\n"
                                 "move \"out\" { from = \"x\", to = \"lost\", by = \"rules\" }\n");
        Record *record = make_record(book, "lead.submitted", FAMILY_LEAD);
        set(book, record, FIELD_PERSON_EMAIL, "p@example.com");
        uint64_t lead = judge(book, 0, record, "integration:web");
        assert_string_equal(book->leads[lead].status, "x");
        assert_non_null(strstr(book->decision.summary, "stopped: back would lead back to inquiry"));
        const Receipt *last = &book->decision.receipts.items[book->decision.receipts.n_items - 1];
        assert_string_equal(last->rule->name, "back");
        assert_string_equal(last->note, "stopped: back would lead back to inquiry");
        shut(book);
}

static void chain__of_more_than_eight__is_stopped_before_the_ninth_and_named(void **state) {
        (void) state;
        for (int n = 8; n <= 9; n++) {
                Text more = { 0 };
                for (int i = 1; i <= n; i++)
                        text_printf(&more,
                                "status \"s%d\" { team = \"marketing\", kind = \"open\", meaning = \"s\" }\n"
                                "move \"m%d\" { from = \"%s%.0d\", to = \"s%d\", by = \"rules\" }\n"
                                "move \"end%d\" { from = \"s%d\", to = \"lost\", by = \"marketing\" }\n",
                                i, i, i == 1 ? "inquiry" : "s", i == 1 ? 0 : i - 1, i, i, i);
                Book *book = open_fenced(more.data);
                text_free(&more);
                Record *record = make_record(book, "lead.submitted", FAMILY_LEAD);
                set(book, record, FIELD_PERSON_EMAIL, "p@example.com");
                uint64_t lead = judge(book, 0, record, "integration:web");
                assert_string_equal(book->leads[lead].status, "s8");
                assert_int_equal(book->decision.n_moves, 8);
                const char *stopped = strstr(book->decision.summary, "stopped: m9 would be more than 8 automatic moves in one event");
                assert_true((stopped != NULL) == (n == 9));
                shut(book);
        }
}

/* ---- the end ---- */

/* A person may re-open a lead; no rule does, be it that it waits for a date, for a fence or for time to pass. */
static void final__is_left_by_people_and_by_no_rule(void **state) {
        (void) state;
        Book *book = open_fenced("move \"back\" { from = \"lost\", to = \"mql\", by = \"rules\", when = { in_status = ge(\"1d\") } }\n"
                                 "move \"fenced\" { from = \"lost\", to = \"nurture\", by = \"rules\" }\n"
                                 "move \"reopen\" { from = \"lost\", to = \"dormant\", by = \"marketing\" }\n"
                                 "move \"bury\" { from = \"mql\", by = \"owner\", reasons = { \"ended\" } }\n"
                                 "reason \"ended\" { to = \"lost\", recycle_after = \"10d\" }\n"
                                 "fence \"QUIET\" { blocks = { \"nurture\" }, since = { \"ended\" }, hold = \"5d\" }\n");
        uint64_t lead = large(book);
        person(book, lead, "outcome.bury", "rep:a", "ended", NULL);
        assert_false(book->decision.refused);
        for (int days = 0; days <= 40; days += 4) {
                book->now_us += 4 * US_PER_DAY;
                assert_string_equal(book->leads[lead].status, "lost");
                assert_int_equal(book->leads[lead].wake_us, TIME_NONE); /* nothing will change, and nobody need look */
                look(book, lead);
        }
        const DecideInput input = look_input(book, lead);
        WhyNot whynot;
        assert_int_equal(decide_whynot_status(book->rules, &input, policy_status(book->rules, "mql"), book->arena, &whynot), 0);
        assert_int_equal(whynot.n_ways, 1);
        assert_string_equal(whynot.ways[0].hurdles.items[0].kind, "final");
        person(book, lead, "outcome.reopen", "team:marketing", NULL, NULL);
        assert_false(book->decision.refused);
        assert_string_equal(book->decision.moves[0].to, "dormant");
        assert_string_equal(book->leads[lead].status, "mql"); /* where it is open again rules go on */
        shut(book);
}

/* Only a signal would end the rest, and the rules know none any more. */
static void rest__whose_signal_the_rules_dropped__is_over(void **state) {
        (void) state;
        static const char *const now[] = {
                "reason \"shy\" { to = \"nurture\", recycle_after = \"1h\" }\n", /* without its signal */
                "reason \"shy\" { to = \"nurture\", wake_on = did{ type = \"call_made\" } }\n",
                "",
        };
        static const char by_reason[] = "move \"wave\" { from = \"mql\", by = \"owner\", reasons = { \"shy\" } }\n";
        for (size_t i = 0; i < ARRAY_SIZE(now); i++) {
                char more[512];
                (void) snprintf(more, sizeof more, "%s%s", by_reason, now[1]);
                Book *book = open_fenced(more);
                uint64_t lead = large(book);
                person(book, lead, "outcome.wave", "rep:a", "shy", NULL);
                look(book, lead);
                assert_string_equal(book->leads[lead].status, "nurture");
                (void) snprintf(more, sizeof more, "%s%s", *now[i] ? by_reason : "", now[i]);
                Book *other = open_fenced(more);
                RuleSet *old = book->rules;
                book->rules = other->rules; /* a reload: names are compared, and the old set lives on for them */
                const DecideInput input = look_input(book, lead);
                WhyNot whynot;
                bool rests = i == 1;
                assert_int_equal(decide_whynot_status(book->rules, &input, policy_status(book->rules, "mql"), book->arena, &whynot), 0);
                assert_int_equal(whynot.n_ways, 1);
                assert_int_equal(whynot.ways[0].hurdles.n_items, rests);
                look(book, lead);
                assert_string_equal(book->leads[lead].status, rests ? "nurture" : "mql");
                book->rules = old;
                shut(other);
                shut(book);
        }
}

/* ---- moves that fail ---- */

#define FAILS "function(lead) return lead.person.nothing.more end"

/* "break" cannot be judged where the lead is handed over: routing gives it an owner, or nobody is there, and the hold stays. */
static void hold__of_a_move_that_fails__outlives_routing_in_the_same_event(void **state) {
        (void) state;
        for (int away = 0; away <= 1; away++) {
                Book *book = open_fenced("move \"break\" { from = \"mql\", to = \"nurture\", by = \"rules\", when = " FAILS " }\n");
                if (away) {
                        set_away(book, "a", book->now_us, at("2026-03-09T10:00:00+01:00"));
                }
                uint64_t lead = large(book);
                const LeadState *after = &book->leads[lead];
                assert_string_equal(after->status, "mql");
                assert_true((after->owner != NULL) == !away);
                assert_string_equal(after->held.by, "break");
                assert_non_null(strstr(after->held.text, "rules.lua:"));
                /* whoever is back is offered it all the same */
                assert_int_equal(after->held.next_look_us, away ? at("2026-03-09T10:00:00+01:00") : TIME_NONE);
                if (away) {
                        book->now_us = after->wake_us;
                        look(book, lead);
                        assert_string_equal(after->owner, "a");
                        assert_string_equal(after->held.by, "break");
                }
                shut(book);
        }
}

/* By rules: no later move is let through by guessing. By a person: refused, and the rule that failed is named. By an SLA: held. */
static void need__that_fails__holds_the_lead_and_refuses_a_person(void **state) {
        (void) state;
        static const char *const needs[] = { "\"WEIRD\"", FAILS, "\"WEIRD\", { [\"person.title\"] = present }" };
        for (size_t i = 0; i < ARRAY_SIZE(needs); i++) {
                char more[1024];
                (void) snprintf(more, sizeof more,
                        "criterion \"WEIRD\" { doc = \"weird enough\", when = " FAILS " }\n"
                        "move \"first\" { from = \"mql\", to = \"nurture\", by = \"rules\", needs = { %s } }\n"
                        "move \"second\" { from = \"mql\", to = \"lost\", by = \"rules\" }\n"
                        "move \"drop\" { from = \"mql\", to = \"lost\", by = \"owner\", needs = { %s } }\n",
                        needs[i], needs[i]);
                Book *book = open_fenced(more);
                uint64_t lead = large(book);
                if (i == 2) {
                        /* what is plainly missing decides: the first is not for this lead, and the second is */
                        assert_string_equal(book->leads[lead].status, "lost");
                        shut(book);
                        continue;
                }
                assert_string_equal(book->leads[lead].status, "mql");
                assert_string_equal(book->leads[lead].held.by, "first");
                assert_non_null(strstr(book->leads[lead].held.text,
                        i == 0 ? "needs WEIRD (weird enough), which failed: rules.lua:" : ", which failed: rules.lua:"));
                person(book, lead, "outcome.drop", "rep:a", NULL, NULL);
                assert_true(book->decision.refused);
                assert_string_equal(book->decision.refusal_code, "needs");
                assert_non_null(strstr(book->decision.refusal_text,
                        i == 0 ? "\"drop\" is missing: WEIRD (weird enough), which failed: rules.lua:" : ", which failed: rules.lua:"));
                shut(book);
        }
        Book *book = open_fenced("status \"owed\" { team = \"desk\", kind = \"sla\", meaning = \"o\" }\n"
                                 "move \"owe\" { from = \"mql\", to = \"owed\", by = \"owner\" }\n"
                                 "move \"expire\" { from = \"owed\", to = \"nurture\", by = \"desk\", needs = { " FAILS " } }\n"
                                 "sla \"OWED\" { status = \"owed\", within = \"1h\", steps = { { at = \"1h\", move = \"expire\" } } }\n");
        uint64_t lead = large(book);
        person(book, lead, "outcome.owe", "rep:a", NULL, NULL);
        book->now_us = book->leads[lead].sla.next_due_us;
        look(book, lead);
        assert_string_equal(book->leads[lead].status, "owed");
        assert_string_equal(book->leads[lead].held.by, "expire");
        assert_int_equal(book->leads[lead].wake_us, book->now_us + US_PER_DAY);
        shut(book);
}

/* ---- what is missing ---- */

static void refusal__names_everything_that_is_missing_in_words(void **state) {
        (void) state;
        Book *book =
                open_fenced("criterion \"DATED\" { doc = \"a close date is named\", when = { [\"opportunity.close_date\"] = present } }\n"
                            "move \"drop\" { from = \"inquiry\", by = \"marketing\", reasons = { \"strict\" }, needs = { \"DATED\", { "
                            "[\"person.title\"] = present } } }\n"
                            "reason \"strict\" { to = \"lost\", note = \"required\", needs = did{ type = \"call_made\", at_least = 3 } }\n"
                            "fence \"SHUT\" { doc = \"not today\", blocks = { \"lost\" }, when = { age = ge(\"0d\") } }\n");
        Record *record = make_record(book, "lead.submitted", FAMILY_LEAD);
        set(book, record, FIELD_PERSON_EMAIL, "p@example.com");
        uint64_t lead = judge(book, 0, record, "integration:web");
        person(book, lead, "outcome.drop", "team:marketing", "strict", NULL);
        assert_true(book->decision.refused);
        assert_string_equal(book->decision.refusal_code, "note_required");
        assert_string_equal(book->decision.refusal_text, "\"drop\" with reason \"strict\" is missing: a note; DATED (a close date is "
                                                         "named); person.title is known; did call_made, at "
                                                         "least 3 times; and the fence SHUT keeps the lead out of \"lost\": not today");
        assert_int_equal(book->leads[lead].version, 1);
        person(book, lead, "outcome.drop", "team:marketing", "strict", "why");
        assert_string_equal(book->decision.refusal_code, "needs");
        shut(book);
}

/* ---- what each reason asks for ---- */

static void explained_move__lists_what_each_of_its_reasons_adds(void **state) {
        (void) state;
        Book *book =
                open_fenced("reason \"tried\" { to = \"nurture\", needs = did{ type = \"call_made\", at_least = 3, since = \"move\" } }\n"
                            "reason \"gone\" { to = \"lost\", note = \"required\" }\n"
                            "fence \"SHUT\" { blocks = { \"lost\" }, when = { [\"person.title\"] = absent } }\n"
                            "move \"answer\" { from = \"mql\", by = \"owner\", reasons = { \"tried\", \"gone\" } }\n"
                            "move \"strict\" { from = \"mql\", by = \"owner\", reasons = { \"tried\" } }\n");
        uint64_t lead = large(book);
        static const struct {
                const char *title, *answer, *strict;
                bool can;
        } cases[] = {
                { NULL,
                        "to where the reason says, by the owner (a); with a reason: tried (to nurture; needs: did call_made, since the "
                        "last "
                        "move is 0, wanted at least 3 times), gone (to lost; with a note; the fence SHUT keeps the lead out of lost: "
                        "person.title is absent, wanted not absent)",
                        "to where the reason says, by the owner (a); with a reason: tried (to nurture; needs: did call_made, since the "
                        "last "
                        "move is 0, wanted at least 3 times)",
                        false },
                { "head",
                        "to where the reason says, by the owner (a); with a reason: tried (to nurture; needs: did call_made, since the "
                        "last "
                        "move is 0, wanted at least 3 times), gone (to lost; with a note); can be made now",
                        NULL, true },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Explanation explanation;
                if (cases[i].title) {
                        Record *record = make_record(book, "lead.updated", FAMILY_LEAD);
                        set(book, record, FIELD_PERSON_TITLE, cases[i].title);
                        (void) judge(book, lead, record, "integration:web");
                }
                const DecideInput input = look_input(book, lead);
                assert_int_equal(decide_explain(book->rules, &input, book->arena, &explanation), 0);
                for (size_t k = 0; k < explanation.receipts.n_items; k++) {
                        const Receipt *receipt = &explanation.receipts.items[k];
                        const char *want = base_streq(receipt->rule->name, "answer")   ? cases[i].answer
                                           : base_streq(receipt->rule->name, "strict") ? cases[i].strict
                                                                                       : NULL;
                        if (!want)
                                continue;
                        assert_string_equal(receipt->note, want);
                        assert_int_equal(receipt->matched, want == cases[i].answer && cases[i].can);
                }
        }
        shut(book);
}

/* ---- what kept a lead from a move ---- */

static void same_blocks(const Book *book, const char *want, int line) {
        Text got = { 0 };

        text_append(&got, "");
        for (size_t i = 0; i < book->decision.n_blocks; i++)
                text_printf(&got, "%s%s %s from %s", i > 0 ? ", " : "", rule_kind_name(book->decision.blocks[i].rule->kind),
                        book->decision.blocks[i].rule->name, book->decision.blocks[i].move);
        if (!base_streq(got.data, want))
                print_error("line %d: got \"%s\", want \"%s\"\n", line, got.data, want);
        assert_string_equal(got.data, want);
        text_free(&got);
}
#define blocked(book, want) same_blocks((book), (want), __LINE__)

static void blocks__are_the_criteria_and_fences_that_kept_the_lead_from_a_move_each_once(void **state) {
        (void) state;
        static const char more[] =
                "status \"owed\" { team = \"desk\", kind = \"sla\", meaning = \"o\" }\n"
                "criterion \"TITLED\" { when = { [\"person.title\"] = present } }\n"
                "criterion \"DATED\" { when = { [\"opportunity.close_date\"] = present } }\n"
                "criterion \"BROKEN\" { when = " FAILS " }\n"
                /* only where its own condition holds does it want anything; then whatever it needs */
                "move \"up\" { from = \"inquiry\", to = \"mql\", by = \"rules\", needs = { \"TITLED\", \"DATED\" },\n"
                "  when = { [\"interest.product\"] = present } }\n"
                "move \"up_too\" { from = \"inquiry\", to = \"mql\", by = \"rules\", needs = { \"TITLED\" },\n"
                "  when = { [\"interest.product\"] = present } }\n"
                "move \"rest\" { from = \"inquiry\", to = \"dormant\", by = \"rules\", when = { [\"person.department\"] = present } }\n"
                "fence \"SHUT\" { blocks = { \"dormant\", \"owed\" }, when = { age = lt(\"9d\") } }\n"
                "fence \"SHUT_TOO\" { blocks = { \"dormant\", \"lost\" }, when = { age = lt(\"9d\") } }\n"
                "group \"fit\" {}\n"
                "score \"RIVAL\" { group = \"fit\", when = { [\"company.domain\"] = \"rival.example\" }, veto = \"lost\" }\n"
                "move \"owe\" { from = { \"inquiry\", \"mql\" }, by = \"marketing\", reasons = { \"why\" }, needs = { \"TITLED\" } }\n"
                "reason \"why\" { to = \"owed\", needs = { \"DATED\", \"BROKEN\" } }\n"
                "move \"expire\" { from = \"owed\", to = \"dormant\", by = \"desk\", needs = { \"TITLED\" } }\n"
                "sla \"OWED\" { status = \"owed\", within = \"1h\", steps = { { at = \"1h\", move = \"expire\" } } }\n";
        Book *book = open_fenced(more);
        Record *record = make_record(book, "lead.submitted", FAMILY_LEAD);
        set(book, record, FIELD_PERSON_EMAIL, "p@example.com");
        uint64_t lead = judge(book, 0, record, "integration:web");
        blocked(book, "");

        record = make_record(book, "lead.updated", FAMILY_LEAD);
        set(book, record, FIELD_INTEREST_PRODUCT, "x");
        (void) judge(book, lead, record, "integration:web");
        blocked(book, "criterion TITLED from up, criterion DATED from up");

        /* Before the second of two closed fences nothing gets that far. A veto is kept out as a move is. */
        record = make_record(book, "lead.updated", FAMILY_LEAD);
        set(book, record, FIELD_PERSON_DEPARTMENT, "x");
        set(book, record, FIELD_COMPANY_DOMAIN, "rival.example");
        (void) judge(book, lead, record, "integration:web");
        blocked(book, "fence SHUT_TOO from RIVAL, criterion TITLED from up, criterion DATED from up, fence SHUT from rest");

        /* A refusal names everything, and so it counts; what cannot be judged is an error, and no criterion that was missing. */
        person(book, lead, "outcome.owe", "team:marketing", "why", NULL);
        assert_true(book->decision.refused);
        blocked(book, "criterion TITLED from owe, criterion DATED from owe, fence SHUT from owe");
        person(book, lead, "outcome.owe", "rep:a", "why", NULL);
        assert_string_equal(book->decision.refusal_code, "not_allowed"); /* nobody asked what the lead has */
        blocked(book, "");
        shut(book);

        /* An SLA step. */
        book = open_fenced("status \"owed\" { team = \"desk\", kind = \"sla\", meaning = \"o\" }\n"
                           "criterion \"TITLED\" { when = { [\"person.title\"] = present } }\n"
                           "move \"owe\" { from = \"mql\", to = \"owed\", by = \"owner\" }\n"
                           "move \"expire\" { from = \"owed\", to = \"nurture\", by = \"desk\", needs = { \"TITLED\" } }\n"
                           "sla \"OWED\" { status = \"owed\", within = \"1h\", steps = { { at = \"1h\", move = \"expire\" } } }\n"
                           "fence \"BUSY\" { blocks = { \"nurture\" }, when = { age = lt(\"99d\") } }\n");
        lead = large(book);
        person(book, lead, "outcome.owe", "rep:a", NULL, NULL);
        blocked(book, "");
        for (int i = 0; i < 2; i++) {
                book->now_us = book->leads[lead].sla.next_due_us;
                look(book, lead);
                blocked(book, i == 0 ? "criterion TITLED from expire" : "fence BUSY from expire");
                record = make_record(book, "lead.updated", FAMILY_LEAD);
                set(book, record, FIELD_PERSON_TITLE, "x");
                (void) judge(book, lead, record, "integration:web");
        }
        shut(book);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(fence__since_a_hand_back__holds_and_lets_the_lead_move_by_itself_when_it_opens),
                cmocka_unit_test(fence__since__opens_by_the_reasons_signal_after_the_hand_back_and_not_by_an_older_one),
                cmocka_unit_test(fence__told_late__counts_from_the_hand_backs_own_time),
                cmocka_unit_test(fence__from__stands_only_for_leads_that_come_from_there),
                cmocka_unit_test(fence__that_breaks__stays_closed),
                cmocka_unit_test(look_at_a_fence__says_since_when_and_until_when),
                cmocka_unit_test(reasons_of_a_lead__more_than_are_remembered__the_one_used_longest_ago_is_forgotten),
                cmocka_unit_test(rest__in_working_days__ends_by_itself_at_that_instant),
                cmocka_unit_test(rest__signal_in_history__ends_it_once_and_for_good),
                cmocka_unit_test(rest__a_signal_that_is_junk__does_not_end_it),
                cmocka_unit_test(sla__last_step_before_a_closed_fence__comes_again_until_it_is_open),
                cmocka_unit_test(sla__move_whose_needs_are_not_met__waits_and_a_reasons_needs_do_not_count),
                cmocka_unit_test(veto__a_match__moves_there_at_once_and_says_so),
                cmocka_unit_test(veto__against_a_persons_move__wins_in_the_same_event),
                cmocka_unit_test(veto__before_a_closed_fence_or_in_a_final_status__moves_nothing),
                cmocka_unit_test(chain__function_that_reads_activities__sees_them_as_the_move_before_left_them),
                cmocka_unit_test(chain__that_would_lead_back__is_stopped_and_named),
                cmocka_unit_test(chain__of_more_than_eight__is_stopped_before_the_ninth_and_named),
                cmocka_unit_test(final__is_left_by_people_and_by_no_rule),
                cmocka_unit_test(rest__whose_signal_the_rules_dropped__is_over),
                cmocka_unit_test(hold__of_a_move_that_fails__outlives_routing_in_the_same_event),
                cmocka_unit_test(need__that_fails__holds_the_lead_and_refuses_a_person),
                cmocka_unit_test(explained_move__lists_what_each_of_its_reasons_adds),
                cmocka_unit_test(blocks__are_the_criteria_and_fences_that_kept_the_lead_from_a_move_each_once),
                cmocka_unit_test(refusal__names_everything_that_is_missing_in_words),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
