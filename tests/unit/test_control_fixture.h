#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * What tests of the methods share: a real Control before a real gate, store and rule set on a virtual clock. Only the daemon's wiring
 * is the test's.
 */
#include "control_conform.h"
#include "leadd/gate.h"

_unused_ static const char rules_text[] =
        "settings \"site\" { zone = \"Europe/Berlin\" }\n"
        "calendar \"berlin\" { zone = \"Europe/Berlin\", open = { mon_fri = \"09:00-18:00\" } }\n"
        "team \"marketing\" { doc = \"owns prospects\" }\n"
        "team \"inside_sales\" { calendar = \"berlin\", head = \"petra\", members = {\n"
        "  anna = { user = \"root\", email = \"anna@example.com\" }, ben = { email = \"ben@example.com\" }, petra = { weight = 0 } } }\n"
        "status \"inquiry\" { team = \"marketing\", kind = \"open\", initial = true, meaning = \"raised a hand\" }\n"
        "status \"mql\" { team = \"inside_sales\", kind = \"sla\", meaning = \"waits to be accepted\" }\n"
        "status \"sal\" { team = \"inside_sales\", kind = \"open\", meaning = \"accepted\" }\n"
        "status \"disqualified\" { team = \"marketing\", kind = \"final\", meaning = \"never a fit\" }\n"
        "move \"qualify\" { from = \"inquiry\", to = \"mql\", by = \"rules\", when = { fit = ge(20) } }\n"
        "move \"accept\" { from = \"mql\", to = \"sal\", by = \"owner\", alias = { \"accepted\" } }\n"
        "move \"reject\" { from = { \"mql\", \"sal\" }, by = \"owner\", reasons = { \"not_a_fit\", \"no_response\" } }\n"
        "move \"promote\" { from = \"inquiry\", to = \"mql\", by = \"inside_sales\" }\n"
        "move \"drop\" { from = \"inquiry\", by = \"inside_sales\", reasons = { \"not_a_fit\" } }\n"
        "reason \"not_a_fit\" { to = \"disqualified\", note = \"required\" }\n"
        "reason \"no_response\" { to = \"disqualified\" }\n"
        "segment \"german\" { when = { [\"person.address.country\"] = \"DE\" } }\n"
        "segment \"french\" { when = { [\"person.address.country\"] = \"FR\" } }\n"
        "group \"fit\" { min = 0, max = 100 }\n"
        "group \"engagement\" { min = 0, max = 100 }\n"
        "score \"SENIOR\" { group = \"fit\", field = \"person.seniority\", map = { director = 20, vp = 25 } }\n"
        "score \"QUARTER\" { group = \"fit\", when = { [\"company.employees\"] = ge(100) }, points = 7.5 }\n"
        "route \"REST\" { team = \"inside_sales\" }\n"
        "sla \"ACCEPT\" { status = \"mql\", within = \"1wd\", clock = \"owner\", steps = { { at = \"4h\", remind = { \"owner\" } },\n"
        "  { at = \"2wd\", move = \"reject\", reason = \"no_response\" } } }\n";

#define START_US INT64_C(1772701200000000) /* 2026-03-05T09:00:00Z, a Thursday, 10:00 in Berlin */

typedef struct Fixture {
        Harness h;
        char rules_directory[128], spool_directory[128];
        Store *store;
        Gate *gate;
        RuleSet *rules;
        Clock *clock;
        ControlDesk desk;
        int fd;
        unsigned n_judged;
        ControlReload reload; /* the last that was wished */
} Fixture;

_unused_ static int desk_judge(
        void *userdata, Record *taken, uint64_t lead, const char *actor, bool actor_is_operator, ControlJudged *ret) {
        Fixture *f = userdata;
        _cleanup_(record_freep) Record *record = taken;
        const GateInput input = {
                .record = record, .lead = lead, .actor = actor, .actor_is_operator = actor_is_operator, .now_us = clock_now_us(f->clock)
        };
        GateOutcome outcome;
        *ret = (ControlJudged){ 0 };
        f->n_judged++;
        assert_int_equal(store_begin(f->store), 0);
        assert_int_equal(gate_judge(f->gate, &input, &outcome), 0);
        ret->event = outcome.event;
        ret->lead = outcome.lead;
        ret->duplicate = outcome.duplicate;
        ret->refused = !outcome.duplicate && outcome.decision->refused;
        if (ret->refused) {
                (void) snprintf(ret->code, sizeof(ret->code), "%s", outcome.decision->refusal_code);
                (void) snprintf(ret->text, sizeof(ret->text), "%s", outcome.decision->refusal_text);
                return store_rollback(f->store);
        }
        if (!outcome.duplicate && outcome.decision->summary)
                (void) snprintf(ret->summary, sizeof(ret->summary), "%s", outcome.decision->summary);
        return store_commit(f->store);
}

_unused_ static int desk_reload(void *userdata, ControlCall *call, const ControlReload *wanted) {
        Fixture *f = userdata;
        RuleSet *rules = NULL;
        PolicyReport report = { 0 };
        int r = policy_load(f->rules_directory, 0, &rules, &report);
        assert_true(r >= 0);
        f->reload = *wanted;
        control_set_reply(call, json_pack("{s:b, s:s?, s:o}", "loaded", r == 0 && !wanted->check, "hash", rules ? rules->hash_text : NULL,
                                        "problems", control_report_json(&report)));
        control_finish(call);
        policy_report_done(&report);
        policy_free(rules);
        return 0;
}

_unused_ static int desk_advance(void *userdata, int64_t time_us, uint64_t *ret_n_fired) {
        Fixture *f = userdata;
        *ret_n_fired = 3;
        return clock_is_virtual(f->clock) ? clock_set_us(f->clock, time_us) : -EPERM;
}

_unused_ static int desk_status(_unused_ void *userdata, json_t *into) {
        return json_object_set_new(into, "files_waiting", json_integer(0));
}

_unused_ static int desk_retry(_unused_ void *userdata, const char *name, json_t **ret) {
        if (!base_streq(name, "web/a.json"))
                return -ENOENT;
        *ret = json_pack("{s:i}", "again", 1);
        return 0;
}

_unused_ static void on_call(ControlCall *call, _unused_ ControlWhere where, void *userdata) {
        Fixture *f = userdata;
        if (control_execute(&f->desk, call))
                control_finish(call);
}

_unused_ static void fixture_start(Fixture *f) {
        *f = (Fixture){ .fd = -1 };
        harness_start_with(&f->h, on_call, f, NULL);
        (void) snprintf(f->rules_directory, sizeof(f->rules_directory), "%s/rules", f->h.directory);
        (void) snprintf(f->spool_directory, sizeof(f->spool_directory), "%s/spool", f->h.directory);
        assert_int_equal(mkdir(f->rules_directory, 0755), 0);
        assert_int_equal(mkdir(f->spool_directory, 0755), 0);
        char path[256];
        (void) snprintf(path, sizeof(path), "%s/10-all.lua", f->rules_directory);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fputs(rules_text, file) >= 0);
        assert_int_equal(fclose(file), 0);
        PolicyReport report = { 0 };
        int r = policy_load(f->rules_directory, 0, &f->rules, &report);
        if (r != 0) {
                Text text = { 0 };
                (void) policy_report_format(&report, &text);
                fail_msg("the rules do not load: %s", text.data);
        }
        policy_report_done(&report);
        assert_int_equal(store_open(NULL, STORE_MEMORY, &f->store), 0);
        assert_int_equal(gate_new(f->store, &f->gate), 0);
        gate_set_rules(f->gate, f->rules);
        f->clock = clock_new_virtual(START_US);
        assert_int_equal(store_begin(f->store), 0);
        assert_int_equal(store_rules_activate(f->store, f->rules, START_US), 0);
        assert_int_equal(store_commit(f->store), 0);
        f->desk = (ControlDesk){ .store = f->store,
                .rules = f->rules,
                .clock = f->clock,
                .spool_directory = f->spool_directory,
                .rules_directory = f->rules_directory,
                .userdata = f,
                .judge = desk_judge,
                .reload = desk_reload,
                .advance = desk_advance,
                .status = desk_status,
                .retry = desk_retry };
        f->fd = harness_connect(&f->h);
}

_unused_ static void fixture_stop(Fixture *f) {
        char command[300];
        (void) close(f->fd);
        harness_run(&f->h);
        (void) gate_free(f->gate);
        (void) store_close(f->store);
        (void) policy_free(f->rules);
        (void) clock_free(f->clock);
        (void) snprintf(command, sizeof(command), "rm -rf '%s' '%s'", f->rules_directory, f->spool_directory);
        assert_int_equal(system(command), 0);
        harness_stop(&f->h);
}

/* A lead, as a form would make it. */
_unused_ static void submit(Fixture *f, const char *email, const char *seniority, const char *country) {
        Record *record = record_new();
        assert_non_null(record);
        record->source = "web";
        record->type = "lead.submitted";
        record->event = "submitted";
        record->family = FAMILY_LEAD;
        record->time_us = clock_now_us(f->clock);
        record->id = arena_printf(record->arena, "form-%s", email);
        const DigestPart parts[] = { { record->id, strlen(record->id) } };
        assert_int_equal(digest_keyed(store_secret(f->store), parts, 1, &record->key), 0);
        const struct {
                FieldId field;
                const char *text;
        } fields[] = { { FIELD_PERSON_EMAIL, email }, { FIELD_PERSON_SENIORITY, seniority }, { FIELD_PERSON_ADDRESS_COUNTRY, country },
                { FIELD_PERSON_NAME, "Jo \xc3\x84mter" }, { FIELD_COMPANY_NAME, "Keller AG" } };
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
                if (fields[i].text)
                        assert_int_equal(facts_set(&record->facts, record->arena, fields[i].field, NULL, value_text(fields[i].text),
                                                 record->time_us),
                                0);
        assert_int_equal(record_identify(record, store_secret(f->store)), 0);
        ControlJudged judged;
        assert_int_equal(desk_judge(f, record, 0, "integration:web", false, &judged), 0);
        assert_false(judged.refused);
        f->n_judged = 0;
}

/* The reply's parameters (freed by the caller); *ret_error its error, "" = none. */
_unused_ static json_t *ask(Fixture *f, const char *method, const char *parameters, char ret_error[static 128]) {
        Text request = { 0 };
        text_printf(&request, "{\"method\":\"%s\",\"parameters\":%s}", method, parameters);
        char *got = harness_ask(&f->h, f->fd, request.data);
        json_auto_t *message = json_loads(got, 0, NULL);
        if (!message)
                fail_msg("%s %s: got %s", method, parameters, got);
        const char *error = json_string_value(json_object_get(message, "error"));
        (void) snprintf(ret_error, 128, "%s", error ? error : "");
        json_t *reply = json_incref(json_object_get(message, "parameters"));
        conform_reply(method, ret_error, reply);
        free(got);
        text_free(&request);
        return reply;
}

/* A member of an object as text: "null", "L-1", "7.5", "[...]". */
_unused_ static void expect(const json_t *object, const char *path, const char *want) {
        char copy[256], *save = NULL;
        const json_t *value = object;
        (void) snprintf(copy, sizeof(copy), "%s", path);
        for (char *part = strtok_r(copy, ".", &save); part && value; part = strtok_r(NULL, ".", &save))
                value = json_is_array(value) ? json_array_get(value, (size_t) atoi(part)) : json_object_get(value, part);
        char *dump = json_is_string(value) ? strdup(json_string_value(value))
                     : value               ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15))
                                           : strdup("(missing)");
        if (!base_streq(dump, want)) {
                char *all = json_dumps(object, JSON_INDENT(1));
                fail_msg("%s: got %s, want %s in %s", path, dump, want, all);
        }
        free(dump);
}
