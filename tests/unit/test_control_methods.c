/* SPDX-License-Identifier: MIT */
/* What the methods answer. */
#include "test_control_fixture.h"

/* ---- looking ---- */

static void list__of_leads__has_the_promised_fields_and_pages(void **state) {
        (void) state;
        Fixture f;
        char error[128];
        fixture_start(&f);
        submit(&f, "a@keller.example", "director", "DE");
        submit(&f, "b@keller.example", "entry", "FR");
        submit(&f, "c@keller.example", NULL, NULL);
        json_auto_t *reply _unused_ = ask(&f, "org.leadd.Leads.List", "{}", error);
        assert_string_equal(error, "");
        expect(reply, "items.0.lead", "L-3");
        expect(reply, "items.2.lead", "L-1");
        expect(reply, "items.2.email", "a@keller.example");
        expect(reply, "items.2.status", "mql");
        expect(reply, "items.2.team", "inside_sales");
        expect(reply, "items.2.fit", "20");
        expect(reply, "items.2.engagement", "0");
        expect(reply, "items.2.grade", "null");
        expect(reply, "items.2.segments", "[\"german\"]");
        expect(reply, "items.2.since", "2026-03-05T09:00:00Z");
        expect(reply, "items.2.held", "null");
        expect(reply, "items.2.version", "1");
        expect(reply, "items.0.owner", "null");
        expect(reply, "items.0.due", "null");
        expect(reply, "now", "2026-03-05T09:00:00Z");
        expect(reply, "next", "null");
        static const struct {
                const char *parameters, *leads, *next;
        } cases[] = {
                { "{\"limit\":2}", "L-3 L-2", "2" },
                { "{\"limit\":2,\"before\":2}", "L-1", "null" },
                { "{\"limit\":3}", "L-3 L-2 L-1", "null" },
                { "{\"limit\":100000}", "L-3 L-2 L-1", "null" },
                { "{\"status\":\"mql\"}", "L-1", "null" },
                { "{\"status\":\"nothing\"}", "", "null" },
                { "{\"owner\":\"-\"}", "L-3 L-2", "null" },
                { "{\"segment\":\"french\"}", "L-2", "null" },
                { "{\"status\":\"inquiry\",\"segment\":\"french\"}", "L-2", "null" },
                { "{\"held\":true}", "", "null" },
                { "{\"grade\":\"A1\"}", "", "null" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                json_auto_t *page = ask(&f, "org.leadd.Leads.List", cases[i].parameters, error);
                Text leads = { 0 };
                size_t k;
                json_t *item;
                text_append(&leads, "");
                json_array_foreach(json_object_get(page, "items"), k, item)
                        text_printf(&leads, "%s%s", k ? " " : "", json_string_value(json_object_get(item, "lead")));
                if (!base_streq(leads.data, cases[i].leads))
                        fail_msg("%s: got %s, want %s", cases[i].parameters, leads.data, cases[i].leads);
                expect(page, "next", cases[i].next);
                text_free(&leads);
        }
        json_auto_t *bad = ask(&f, "org.leadd.Leads.List", "{\"limit\":0}", error);
        assert_string_equal(error, "org.leadd.Leads.BadValue");
        expect(bad, "parameter", "limit");
        fixture_stop(&f);
}

static void show__of_a_lead__adds_person_company_and_what_it_waits_for(void **state) {
        (void) state;
        Fixture f;
        char error[128];
        fixture_start(&f);
        submit(&f, "a@keller.example", "director", "DE");
        submit(&f, "b@keller.example", NULL, NULL);
        static const char *const names[] = { "{\"lead\":\"1\"}", "{\"lead\":\"L-1\"}", "{\"lead\":\"a@keller.example\"}",
                "{\"lead\":\"A@KELLER.example\"}" };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                json_auto_t *reply _unused_ = ask(&f, "org.leadd.Leads.Show", names[i], error);
                assert_string_equal(error, "");
                expect(reply, "item.lead", "L-1");
                expect(reply, "item.email", "a@keller.example");
                expect(reply, "item.status", "mql");
                expect(reply, "item.person.name", "Jo \xc3\x84mter");
                expect(reply, "item.person.address.country", "DE");
                expect(reply, "item.company.name", "Keller AG");
                expect(reply, "item.consent", "null");
                expect(reply, "item.due", "2026-03-06T09:00:00Z");
                const json_t *item = json_object_get(reply, "item");
                char want[200];
                (void) snprintf(want, sizeof(want), "%s to accept or reject by 2026-03-06T09:00:00Z (ACCEPT)",
                        json_string_value(json_object_get(item, "owner")));
                expect(item, "waiting_for", want);
        }
        json_auto_t *queue = ask(&f, "org.leadd.Leads.Show", "{\"lead\":\"L-2\"}", error);
        expect(queue, "item.waiting_for", "null");
        expect(queue, "item.status", "inquiry");
        static const char *const unknown[] = { "{\"lead\":\"L-99\"}", "{\"lead\":\"nobody@example.com\"}", "{\"lead\":\"crm:7\"}",
                "{\"lead\":\"L-\"}", "{\"lead\":\"-1\"}", "{\"lead\":\"0\"}", "{\"lead\":\"99999999999999999999999\"}",
                "{\"lead\":\"' OR 1=1\"}" };
        for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
                json_auto_t *none _unused_ = ask(&f, "org.leadd.Leads.Show", unknown[i], error);
                if (!base_streq(error, "org.leadd.Leads.NoSuchLead"))
                        fail_msg("%s: got %s", unknown[i], error);
        }
        fixture_stop(&f);
}

static void explain__of_a_lead__has_a_receipt_for_every_rule(void **state) {
        (void) state;
        Fixture f;
        char error[128];
        fixture_start(&f);
        submit(&f, "a@keller.example", "director", "DE");
        json_auto_t *reply _unused_ = ask(&f, "org.leadd.Leads.Explain", "{\"lead\":\"1\"}", error);
        assert_string_equal(error, "");
        expect(reply, "lead", "L-1");
        expect(reply, "recorded", "false");
        expect(reply, "fit", "20");
        expect(reply, "moves.0.move", "qualify");
        expect(reply, "moves.0.from", "inquiry");
        expect(reply, "moves.0.to", "mql");
        expect(reply, "assignments.0.route", "REST");
        static const struct {
                const char *rule, *kind, *at, *matched, *points;
        } cases[] = { { "SENIOR", "score", "10-all.lua:21", "true", "20" }, { "QUARTER", "score", "10-all.lua:22", "false", "0" },
                { "german", "segment", "10-all.lua:17", "true", "0" }, { "french", "segment", "10-all.lua:18", "false", "0" } };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                size_t k;
                json_t *receipt;
                const json_t *found = NULL;
                json_array_foreach(json_object_get(reply, "receipts"), k,
                        receipt) if (base_streq(json_string_value(json_object_get(receipt, "rule")), cases[i].rule)) found = receipt;
                if (!found)
                        fail_msg("no receipt of %s", cases[i].rule);
                expect(found, "kind", cases[i].kind);
                expect(found, "at", cases[i].at);
                expect(found, "matched", cases[i].matched);
                expect(found, "points", cases[i].points);
                assert_non_null(json_object_get(found, "before"));
                assert_non_null(json_object_get(found, "after"));
                assert_non_null(json_object_get(found, "event"));
                assert_non_null(json_object_get(found, "note"));
                assert_true(json_is_object(json_object_get(found, "fields")));
        }
        /* the past is what was recorded: before the lead there is nothing, at its event there are the stored receipts */
        assert_int_equal(clock_set_us(f.clock, START_US + US_PER_HOUR), 0);
        json_auto_t *past = ask(&f, "org.leadd.Leads.Explain", "{\"lead\":\"1\",\"at\":\"2026-03-05T09:30:00Z\"}", error);
        expect(past, "recorded", "true");
        expect(past, "status", "mql");
        assert_true(json_array_size(json_object_get(past, "receipts")) > 0);
        json_auto_t *before = ask(&f, "org.leadd.Leads.Explain", "{\"lead\":\"1\",\"at\":\"2026-03-05T08:00:00Z\"}", error);
        expect(before, "event", "null");
        expect(before, "status", "null");
        expect(before, "receipts", "[]");
        json_auto_t *bad = ask(&f, "org.leadd.Leads.Explain", "{\"lead\":\"1\",\"at\":\"tomorrow\"}", error);
        assert_string_equal(error, "org.leadd.Leads.BadValue");
        expect(bad, "parameter", "at");
        fixture_stop(&f);
}

static void log__of_a_lead__pages_through_its_events(void **state) {
        (void) state;
        Fixture f;
        char error[128];
        fixture_start(&f);
        submit(&f, "other@keller.example", NULL, NULL);
        submit(&f, "a@keller.example", "director", "DE");
        for (unsigned i = 0; i < 4; i++) {
                json_auto_t *noted = ask(&f, "org.leadd.Leads.Note", "{\"lead\":\"2\",\"text\":\"called\"}", error);
                assert_string_equal(error, "");
                expect(noted, "lead", "L-2");
        }
        json_int_t after = 0;
        unsigned n = 0;
        for (bool more = true; more; n++) {
                char parameters[128];
                (void) snprintf(parameters, sizeof(parameters),
                        "{\"lead\":\"a@keller.example\",\"limit\":2,\"after\":%" JSON_INTEGER_FORMAT "}", after);
                json_auto_t *page = ask(&f, "org.leadd.Leads.Log", parameters, error);
                expect(page, "lead", "L-2");
                if (n == 0) {
                        expect(page, "items.0.type", "lead.submitted");
                        expect(page, "items.0.source", "web");
                        expect(page, "items.0.id", "form-a@keller.example");
                        expect(page, "items.0.time", "2026-03-05T09:00:00Z");
                        expect(page, "items.1.type", "outcome.note");
                        expect(page, "items.1.source", "leadctl");
                }
                size_t i;
                json_t *item;
                json_array_foreach(json_object_get(page, "items"), i, item) {
                        assert_true(json_integer_value(json_object_get(item, "event")) > after);
                        after = json_integer_value(json_object_get(item, "event"));
                }
                more = json_is_true(json_object_get(page, "more"));
        }
        assert_int_equal(n, 3); /* five events, two a page */
        fixture_stop(&f);
}

/* ---- acting ---- */

typedef struct Act {
        const char *method, *parameters, *error, *code;
} Act;

static const Act acts[] = {
        { "Move", "{\"move\":\"accept\",\"lead\":\"99\",\"as\":\"anna\"}", "org.leadd.Leads.NoSuchLead", NULL },
        { "Move", "{\"move\":\"acept\",\"lead\":\"1\",\"as\":\"anna\"}", "org.leadd.Leads.Refused", "unknown_move" },
        { "Move", "{\"move\":\"note\",\"lead\":\"1\",\"as\":\"anna\"}", "org.leadd.Leads.Refused", "unknown_move" },
        { "Move", "{\"move\":\"assign\",\"lead\":\"1\",\"as\":\"anna\"}", "org.leadd.Leads.Refused", "unknown_move" },
        { "Move", "{\"move\":\"Accept me!\",\"lead\":\"1\",\"as\":\"anna\"}", "org.leadd.Leads.Refused", "unknown_move" },
        { "Move", "{\"move\":\"accept\",\"lead\":\"1\",\"as\":\"ana\"}", "org.leadd.Leads.Refused", "unknown_owner" },
        { "Move", "{\"move\":\"accept\",\"lead\":\"1\",\"as\":\"ben\"}", "org.leadd.Leads.Refused", "not_allowed" },
        { "Move", "{\"move\":\"promote\",\"lead\":\"1\",\"as\":\"anna\"}", "org.leadd.Leads.Refused", "wrong_status" },
        { "Move", "{\"move\":\"reject\",\"lead\":\"1\",\"as\":\"anna\"}", "org.leadd.Leads.Refused", "reason_required" },
        { "Move", "{\"move\":\"reject\",\"lead\":\"1\",\"as\":\"anna\",\"reason\":\"bored\"}", "org.leadd.Leads.Refused",
                "unknown_reason" },
        { "Move", "{\"move\":\"reject\",\"lead\":\"1\",\"as\":\"anna\",\"reason\":\"not_a_fit\"}", "org.leadd.Leads.Refused",
                "note_required" },
        { "Did", "{\"activity\":\"Call Made\",\"lead\":\"1\",\"as\":\"anna\"}", "org.leadd.Leads.BadValue", NULL },
        { "Assign", "{\"lead\":\"1\",\"owner\":\"nobody\"}", "org.leadd.Leads.Refused", "unknown_owner" },
        { "Did", "{\"activity\":\"call_made\",\"lead\":\"1\",\"as\":\"anna\"}", "", NULL },
        { "Note", "{\"text\":\"wants a demo\",\"lead\":\"1\",\"as\":\"ben\"}", "", NULL },
        { "Assign", "{\"lead\":\"1\",\"owner\":\"ben\",\"as\":\"petra\"}", "", NULL },
        { "Move", "{\"move\":\"accept\",\"lead\":\"1\",\"as\":\"anna\"}", "org.leadd.Leads.Refused", "not_allowed" },
        { "Move", "{\"move\":\"accepted\",\"lead\":\"1\",\"as\":\"ben\"}", "", NULL },
        { "Move", "{\"move\":\"accept\",\"lead\":\"1\",\"as\":\"ben\"}", "org.leadd.Leads.Refused", "wrong_status" },
        { "Move", "{\"move\":\"reject\",\"lead\":\"1\",\"as\":\"ben\",\"reason\":\"not_a_fit\",\"note\":\"a student\"}", "", NULL },
};

static void verbs__of_a_table__are_done_or_refused_with_their_code(void **state) {
        (void) state;
        Fixture f;
        char error[128];
        fixture_start(&f);
        submit(&f, "a@keller.example", "director", "DE");
        json_auto_t *assigned = ask(&f, "org.leadd.Leads.Assign", "{\"lead\":\"1\",\"owner\":\"anna\",\"as\":\"petra\"}", error);
        for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
                char method[64];
                (void) snprintf(method, sizeof(method), "org.leadd.Leads.%s", acts[i].method);
                json_auto_t *reply _unused_ = ask(&f, method, acts[i].parameters, error);
                if (!base_streq(error, acts[i].error))
                        fail_msg("%s %s: got %s %s", acts[i].method, acts[i].parameters, error, json_dumps(reply, 0));
                if (acts[i].code)
                        expect(reply, "code", acts[i].code);
                if (!*error) {
                        expect(reply, "lead", "L-1");
                        expect(reply, "duplicate", "false");
                }
        }
        json_auto_t *shown = ask(&f, "org.leadd.Leads.Show", "{\"lead\":\"1\"}", error);
        expect(shown, "item.status", "disqualified");
        json_auto_t *explained = ask(&f, "org.leadd.Leads.Explain", "{\"lead\":\"1\"}", error);
        size_t n = json_array_size(json_object_get(explained, "moves"));
        const json_t *last = json_array_get(json_object_get(explained, "moves"), n - 1);
        expect(last, "move", "reject");
        expect(last, "by", "rep:ben");
        expect(last, "reason", "not_a_fit");
        expect(last, "note", "a student");
        json_decref(assigned);
        assigned = NULL;
        fixture_stop(&f);
}

static void person__of_a_verb__is_the_caller_or_whom_an_operator_names(void **state) {
        (void) state;
        if (geteuid() != 0)
                skip();
        Fixture f;
        char error[128];
        fixture_start(&f);
        submit(&f, "a@keller.example", "director", "DE");
        json_auto_t *given _unused_ = ask(&f, "org.leadd.Leads.Assign", "{\"lead\":\"1\",\"owner\":\"ben\",\"as\":\"petra\"}", error);
        /* anna's user is root here: she is herself without --as, and no operator then */
        json_auto_t *own = ask(&f, "org.leadd.Leads.Move", "{\"move\":\"accept\",\"lead\":\"1\"}", error);
        expect(own, "code", "not_allowed");
        assert_non_null(strstr(json_string_value(json_object_get(own, "text")), "anna is not"));
        json_auto_t *assign = ask(&f, "org.leadd.Leads.Assign", "{\"lead\":\"1\",\"owner\":\"anna\"}", error);
        expect(assign, "code", "not_allowed");

        /* a member of the group whom the rules do not know has to say for whom */
        struct group *group = getgrnam("games");
        assert_non_null(group);
        (void) close(f.fd);
        harness_run(&f.h);
        Harness h;
        harness_start_with(&h, on_call, &f, "games");
        Harness own_harness = f.h;
        f.h = h;
        f.fd = harness_connect_as(&h, 65534, group->gr_gid, NULL, 0);
        static const Act cases[] = {
                { "Move", "{\"move\":\"accept\",\"lead\":\"1\"}", "org.leadd.Leads.Refused", "actor_required" },
                { "Did", "{\"activity\":\"call_made\",\"lead\":\"1\"}", "org.leadd.Leads.Refused", "actor_required" },
                { "Note", "{\"text\":\"by the night shift\",\"lead\":\"1\"}", "", NULL },
                { "Assign", "{\"lead\":\"1\",\"owner\":\"anna\"}", "", NULL },
                { "Move", "{\"move\":\"accept\",\"lead\":\"1\",\"as\":\"anna\"}", "", NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char method[64];
                (void) snprintf(method, sizeof(method), "org.leadd.Leads.%s", cases[i].method);
                json_auto_t *reply _unused_ = ask(&f, method, cases[i].parameters, error);
                if (!base_streq(error, cases[i].error))
                        fail_msg("%s: got %s %s", cases[i].parameters, error, json_dumps(reply, 0));
                if (cases[i].code)
                        expect(reply, "code", cases[i].code);
        }
        (void) close(f.fd);
        harness_run(&f.h);
        harness_stop(&f.h);
        f.h = own_harness;
        f.fd = harness_connect(&f.h);
        fixture_stop(&f);
}

static void request__sent_again_after_a_restart__is_a_duplicate(void **state) {
        (void) state;
        Fixture f;
        char error[128];
        fixture_start(&f);
        submit(&f, "a@keller.example", "director", "DE");
        static const char note[] = "{\"text\":\"once\",\"lead\":\"1\",\"as\":\"ben\",\"request_id\":\"r-1\"}";
        json_auto_t *first = ask(&f, "org.leadd.Leads.Note", note, error);
        expect(first, "duplicate", "false");
        assert_int_equal(f.n_judged, 1);
        json_auto_t *second = ask(&f, "org.leadd.Leads.Note", note, error);
        assert_true(json_equal(first, second)); /* the first answer, word for word */
        assert_int_equal(f.n_judged, 1);

        /* another daemon over the same store remembers nothing but the log */
        (void) close(f.fd);
        f.h.control = control_free(f.h.control);
        const ControlConfig config = { .path = f.h.path, .listen_fd = -1, .on_call = on_call, .userdata = &f };
        assert_int_equal(control_new(f.h.event, &config, &f.h.control), 0);
        f.fd = harness_connect(&f.h);
        json_auto_t *third = ask(&f, "org.leadd.Leads.Note", note, error);
        expect(third, "duplicate", "true");
        assert_true(json_equal(json_object_get(first, "event"), json_object_get(third, "event")));
        json_auto_t *shown = ask(&f, "org.leadd.Leads.Show", "{\"lead\":\"1\"}", error);
        expect(shown, "item.version", "2");
        fixture_stop(&f);
}

/* ---- the daemon itself ---- */

static void status__of_the_daemon__joins_the_book_and_what_the_daemon_adds(void **state) {
        (void) state;
        Fixture f;
        char error[128];
        fixture_start(&f);
        submit(&f, "a@keller.example", "director", "DE");
        json_auto_t *reply _unused_ = ask(&f, "org.leadd.Control.Status", "{}", error);
        expect(reply, "status.version", LEADD_VERSION);
        expect(reply, "status.now", "2026-03-05T09:00:00Z");
        expect(reply, "status.clock", "virtual");
        expect(reply, "status.leads", "1");
        expect(reply, "status.files_waiting", "0");
        expect(reply, "status.rules.hash", f.rules->hash_text);
        fixture_stop(&f);
}

static void rules__and_dead__count_what_applied(void **state) {
        (void) state;
        Fixture f;
        char error[128];
        fixture_start(&f);
        submit(&f, "a@keller.example", "director", "DE");
        json_auto_t *all = ask(&f, "org.leadd.Control.Rules", "{}", error);
        assert_int_equal(json_array_size(json_object_get(all, "rules")), f.rules->n_rules - f.rules->n_tests);
        json_auto_t *dead = ask(&f, "org.leadd.Control.Rules", "{\"dead\":true}", error);
        bool senior = false, quarter = false, inquiry = false, sal = false, team = false;
        size_t i;
        json_t *rule;
        json_array_foreach(json_object_get(dead, "rules"), i, rule) {
                const char *name = json_string_value(json_object_get(rule, "rule"));
                senior = senior || base_streq(name, "SENIOR");
                quarter = quarter || base_streq(name, "QUARTER");
                inquiry = inquiry || base_streq(name, "inquiry");
                sal = sal || base_streq(name, "sal");
                team = team || base_streq(json_string_value(json_object_get(rule, "kind")), "team");
        }
        assert_false(senior);
        assert_true(quarter);
        assert_false(inquiry); /* the lead entered it */
        assert_true(sal);
        assert_false(team); /* a team does nothing */
        expect(dead, "counted.0.kind", "status");
        expect(dead, "counted.0.hit", "a lead that entered it");
        expect(dead, "counted.0.since", "2026-03-05T09:00:00Z");
        assert_int_equal(json_array_size(json_object_get(dead, "counted")), 19);
        json_array_foreach(
                json_object_get(all, "rules"), i, rule) if (base_streq(json_string_value(json_object_get(rule, "rule")), "SENIOR")) {
                expect(rule, "hits_1d", "1");
                expect(rule, "hits_7d", "1");
                expect(rule, "hits", "1");
                expect(rule, "errors", "0");
                expect(rule, "suspended", "false");
                expect(rule, "kind", "score");
                expect(rule, "last", "2026-03-05T09:00:00Z");
        }
        json_array_foreach(
                json_object_get(all, "rules"), i, rule) if (base_streq(json_string_value(json_object_get(rule, "kind")), "team")) {
                assert_true(json_is_null(json_object_get(rule, "hits")) && json_is_null(json_object_get(rule, "hits_1d")) &&
                            json_is_null(json_object_get(rule, "hits_7d")));
        }
        json_auto_t *bad = ask(&f, "org.leadd.Control.Reload", "{\"check\":true, \"apply\":true}", error);
        assert_string_equal(error, "org.leadd.Control.BadValue");
        json_auto_t *glossary = ask(&f, "org.leadd.Control.Glossary", "{}", error);
        assert_non_null(strstr(json_string_value(json_object_get(glossary, "text")), "waits to be accepted"));
        expect(glossary, "sections.0.title", "TEAMS");
        expect(glossary, "sections.1.terms.1.name", "mql");
        expect(glossary, "sections.1.terms.1.says.0", "waits to be accepted");
        expect(glossary, "sections.1.terms.1.says.1", "ways in: qualify, promote");
        json_auto_t *reload = ask(&f, "org.leadd.Control.Reload", "{\"check\":true}", error);
        expect(reload, "problems", "[]");
        json_auto_t *applied = ask(&f, "org.leadd.Control.Reload", "{\"apply\":true, \"no_wait\":true}", error);
        expect(applied, "loaded", "true");
        assert_true(f.reload.apply && f.reload.no_wait && !f.reload.check);
        json_decref(bad);
        bad = NULL;
        fixture_stop(&f);
}

/* ---- why ---- */

static void whynot__and_need__of_a_table__answer_or_say_what_there_is_not(void **state) {
        (void) state;
        static const struct {
                const char *method, *parameters, *error, *path, *want;
        } cases[] = {
                { "WhyNot", "{\"lead\":\"2\",\"status\":\"mql\"}", "", "ways.0.move", "qualify" },
                { "WhyNot", "{\"lead\":\"2\",\"status\":\"mql\"}", "", "ways.0.hurdles.0.misses.0.path", "fit" },
                { "WhyNot", "{\"lead\":\"2\",\"status\":\"mql\"}", "", "ways.1.by", "anybody in inside_sales" },
                { "WhyNot", "{\"lead\":\"2\",\"status\":\"mql\"}", "", "ways.1.open", "true" },
                { "WhyNot", "{\"lead\":\"1\",\"status\":\"mql\"}", "", "so", "true" },
                { "WhyNot", "{\"lead\":\"1\",\"owner\":\"petra\"}", "", "hurdles.1.text", "petra gets leads only as head" },
                { "WhyNot", "{\"lead\":\"1\",\"rule\":\"segment:french\"}", "", "hurdles.0.misses.0",
                        "{\"path\":\"person.address.country\",\"wanted\":\"\\\"FR\\\"\",\"got\":\"\\\"DE\\\"\",\"either\":null}" },
                { "WhyNot", "{\"lead\":\"1\",\"rule\":\"QUARTER\"}", "", "hurdles.0.text",
                        "company.employees is absent, wanted at least 100" },
                { "WhyNot", "{\"lead\":\"1\",\"status\":\"mqll\"}", "org.leadd.Leads.NoSuchName", "text",
                        "the rules know no status \"mqll\"; did you mean \"mql\"?" },
                { "WhyNot", "{\"lead\":\"9\",\"status\":\"mql\"}", "org.leadd.Leads.NoSuchLead", "lead", "9" },
                { "WhyNot", "{\"lead\":\"1\"}", "org.leadd.Leads.BadValue", "parameter", "status" },
                { "WhyNot", "{\"lead\":\"1\",\"status\":\"mql\",\"rule\":\"REST\"}", "org.leadd.Leads.BadValue", "parameter", "rule" },
                { "Need", "{\"lead\":\"2\",\"status\":\"mql\"}", "", "sets.1.additions.0.text",
                        "person.seniority = \"director\" (now \"entry\")" },
                { "Need", "{\"lead\":\"2\",\"status\":\"inquiry\"}", "", "so", "true" },
                { "Need", "{\"lead\":\"2\",\"grade\":\"A1\"}", "org.leadd.Leads.NoSuchName", "kind", "grade" },
                { "Need", "{\"lead\":\"2\"}", "org.leadd.Leads.BadValue", "parameter", "grade" },
                { "Need", "{\"lead\":\"2\",\"status\":\"mql\",\"within\":\"soon\"}", "org.leadd.Leads.BadValue", "parameter", "within" },
                { "Explain", "{\"lead\":\"1\"}", "", "candidates.2.cause", "gets leads only as head" },
                { "Explain", "{\"lead\":\"1\"}", "", "assignments.0.others.0.owner", "petra" },
                { "Answer", "{\"line\":\"accept\",\"tokens\":\"0000000000000000000000000000000000000000\"}", "org.leadd.Leads.Refused",
                        "code", "token_forged" },
                { "Answer", "{\"line\":\"accept\"}", "org.leadd.Leads.Refused", "code", "token_forged" },
                { "Answer", "{\"tokens\":\"0\"}", "org.varlink.service.InvalidParameter", "parameter", "line" },
                { "Move", "{\"move\":\"reject\",\"lead\":\"1\",\"reason\":\"no_response\",\"as\":\"anna\"}", "", "lead", "L-1" },
                { "Feedback", "{}", "", "items.0.reason", "no_response" },
                { "Feedback", "{\"limit\":1}", "", "next", "null" },
                { "Feedback", "{\"since\":\"2026-03-06\"}", "", "items", "[]" },
                { "Feedback", "{\"since\":\"soon\"}", "org.leadd.Leads.BadValue", "parameter", "since" },
                { "Feedback", "{\"limit\":0}", "org.leadd.Leads.BadValue", "parameter", "limit" },
                { "Feedback", "{\"before\":-1}", "org.leadd.Leads.BadValue", "parameter", "before" },
        };
        Fixture f;
        fixture_start(&f);
        submit(&f, "a@keller.example", "director", "DE");
        submit(&f, "b@keller.example", "entry", "FR");
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char method[64], error[128];
                (void) snprintf(method, sizeof(method), "org.leadd.Leads.%s", cases[i].method);
                json_auto_t *reply = ask(&f, method, cases[i].parameters, error);
                if (!base_streq(error, cases[i].error))
                        fail_msg("%s %s: got error \"%s\", want \"%s\"", method, cases[i].parameters, error, cases[i].error);
                expect(reply, cases[i].path, cases[i].want);
        }
        fixture_stop(&f);
}

static void clock__of_a_table__moves_forward_only_and_only_when_virtual(void **state) {
        (void) state;
        Fixture f;
        char error[128];
        fixture_start(&f);
        static const struct {
                const char *parameters, *error, *time;
        } cases[] = {
                { "{}", "", "2026-03-05T09:00:00Z" },
                { "{\"advance\":\"4h\"}", "", "2026-03-05T13:00:00Z" },
                { "{\"to\":\"2026-03-06T10:00:00+01:00\"}", "", "2026-03-06T09:00:00Z" },
                { "{\"to\":\"2026-03-05T09:00:00Z\"}", "org.leadd.Control.BadValue", NULL },
                { "{\"advance\":\"2wd\"}", "org.leadd.Control.BadValue", NULL },
                { "{\"advance\":\"soon\"}", "org.leadd.Control.BadValue", NULL },
                { "{\"advance\":\"1h\",\"to\":\"2026-03-07T09:00:00Z\"}", "org.leadd.Control.BadValue", NULL },
                { "{\"to\":\"yesterday\"}", "org.leadd.Control.BadValue", NULL },
                { "{}", "", "2026-03-06T09:00:00Z" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                json_auto_t *reply _unused_ = ask(&f, "org.leadd.Control.Clock", cases[i].parameters, error);
                if (!base_streq(error, cases[i].error))
                        fail_msg("%s: got %s", cases[i].parameters, error);
                if (cases[i].time)
                        expect(reply, "time", cases[i].time);
        }
        (void) clock_free(f.clock);
        f.desk.clock = f.clock = clock_new_real();
        json_auto_t *real _unused_ = ask(&f, "org.leadd.Control.Clock", "{\"advance\":\"1h\"}", error);
        assert_string_equal(error, "org.leadd.Control.ClockIsReal");
        fixture_stop(&f);
}

static void spool__of_a_table__acts_or_says_what_is_wrong(void **state) {
        (void) state;
        Fixture f;
        char error[128];
        fixture_start(&f);
        static const struct {
                const char *parameters, *error;
        } cases[] = {
                { "{\"action\":\"retry\",\"name\":\"web/a.json\"}", "" },
                { "{\"action\":\"retry\",\"name\":\"web/b.json\"}", "org.leadd.Control.NoSuchEntry" },
                { "{\"action\":\"release\",\"name\":\"web/b.json\"}", "org.leadd.Control.NoSuchEntry" },
                { "{\"action\":\"release\",\"name\":\"../../etc/passwd\"}", "org.leadd.Control.NoSuchEntry" },
                { "{\"action\":\"discard\",\"name\":\"web/b.json\"}", "org.leadd.Control.BadValue" },
                { "{\"action\":\"discard\",\"name\":\"web/b.json\",\"reason\":\"old\"}", "org.leadd.Control.NoSuchEntry" },
                { "{\"action\":\"burn\",\"name\":\"web/b.json\"}", "org.leadd.Control.BadValue" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                json_auto_t *reply _unused_ = ask(&f, "org.leadd.Control.SpoolAct", cases[i].parameters, error);
                if (!base_streq(error, cases[i].error))
                        fail_msg("%s: got %s", cases[i].parameters, error);
        }
        json_auto_t *list = ask(&f, "org.leadd.Control.Spool", "{}", error);
        expect(list, "truncated", "false");
        fixture_stop(&f);
}

/* ---- forms of values ---- */

static void trace__of_a_table__becomes_an_object_of_fields(void **state) {
        (void) state;
        static const struct {
                const char *trace, *want;
        } cases[] = {
                { NULL, "null" },
                { "", "null" },
                { "person.seniority = \"director\"", "{\"person.seniority\":\"director\"}" },
                { "person.seniority = \"director\"; company.employees absent",
                        "{\"person.seniority\":\"director\",\"company.employees\":null}" },
                { "a = 1; b = 2.5; c = true", "{\"a\":1,\"b\":2.5,\"c\":true}" },
                { "a = \"x; y\"; b = \"z\"", "{\"a\":\"x; y\",\"b\":\"z\"}" },
                { "a = 300, not at least 1000", "{\"a\":300}" },
                { "a = \"B3, not quite\", not \"A1\"; b absent", "{\"a\":\"B3, not quite\",\"b\":null}" },
                { "segment \"enterprise\"", "{\"segment\":\"enterprise\"}" },
                { "segment, not \"rival\"", "{\"segment\":null}" },
                { "fit unknown; engagement = 30", "{\"fit\":null,\"engagement\":30}" },
                { "did page_viewed, url containing \"/pricing\": 1, not at least 3",
                        "{\"did page_viewed, url containing \\\"/pricing\\\"\":1}" },
                { "form_submitted: newest event 2", "{\"form_submitted\":2}" },
                { "consent.contact", "{\"consent.contact\":true}" },
                { "a = 30d", "{\"a\":\"30d\"}" },
                { "the function said: yes", "{\"the function said: yes\":true}" },
                { "a = \"unbalanced", "{\"a\":\"\\\"unbalanced\"}" },
                { "; ;a absent;", "{\"a\":null}" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                json_auto_t *json = json_trace(cases[i].trace);
                char *got = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
                if (!got || !base_streq(got, cases[i].want))
                        fail_msg("%s: got %s, want %s", cases[i].trace, got, cases[i].want);
                free(got);
        }
}

static void text__with_bad_utf8__is_repaired_and_points_are_decimal(void **state) {
        (void) state;
        static const struct {
                const char *text, *want;
        } cases[] = { { "plain", "plain" }, { "\xc3\x84", "\xc3\x84" },
                { "a\xff"
                  "b",
                        "a\xef\xbf\xbd"
                        "b" },
                { "\xc3", "\xef\xbf\xbd" }, { "x\xf0\x9f\x98\x80y\xed\xa0\x80", "x\xf0\x9f\x98\x80y\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
                { "", "" } };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                json_auto_t *json = json_text(cases[i].text);
                assert_string_equal(json_string_value(json), cases[i].want);
        }
        static const struct {
                int64_t mp;
                const char *want;
        } points[] = { { 0, "0" }, { 40000, "40" }, { 7500, "7.5" }, { -250, "-0.25" }, { 77123, "77.123" }, { 100, "0.1" } };
        for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
                json_auto_t *json = json_points(points[i].mp);
                char *got = json_dumps(json, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
                assert_string_equal(got, points[i].want);
                free(got);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(list__of_leads__has_the_promised_fields_and_pages),
                cmocka_unit_test(show__of_a_lead__adds_person_company_and_what_it_waits_for),
                cmocka_unit_test(explain__of_a_lead__has_a_receipt_for_every_rule),
                cmocka_unit_test(log__of_a_lead__pages_through_its_events),
                cmocka_unit_test(verbs__of_a_table__are_done_or_refused_with_their_code),
                cmocka_unit_test(person__of_a_verb__is_the_caller_or_whom_an_operator_names),
                cmocka_unit_test(request__sent_again_after_a_restart__is_a_duplicate),
                cmocka_unit_test(status__of_the_daemon__joins_the_book_and_what_the_daemon_adds),
                cmocka_unit_test(rules__and_dead__count_what_applied),
                cmocka_unit_test(whynot__and_need__of_a_table__answer_or_say_what_there_is_not),
                cmocka_unit_test(clock__of_a_table__moves_forward_only_and_only_when_virtual),
                cmocka_unit_test(spool__of_a_table__acts_or_says_what_is_wrong),
                cmocka_unit_test(trace__of_a_table__becomes_an_object_of_fields),
                cmocka_unit_test(text__with_bad_utf8__is_repaired_and_points_are_decimal),
        };
        return cmocka_run_group_tests_name("control: methods", tests, NULL, NULL);
}
