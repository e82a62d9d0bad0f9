#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * What tests of merging and erasing people share: a policy with two people who take turns, leads by their addresses, and an
 * end at which the book must agree with itself and with its replay.
 */
#include "test_gate_fixture.h"

#define RULES \
        "settings \"site\" { zone = \"UTC\" }\n" \
        "team \"marketing\" { doc = \"a queue\" }\n" \
        "team \"desk\" { head = \"c\", strategy = \"round_robin\", members = { a = { }, b = { }, c = { weight = 0 } } }\n" \
        "route \"ACCOUNT\" { owner = \"account\" }\n" \
        "route \"ALL\" { team = \"desk\" }\n" \
        "status \"inquiry\" { team = \"marketing\", kind = \"open\", initial = true, meaning = \"i\" }\n" \
        "status \"offered\" { team = \"desk\", kind = \"sla\", meaning = \"o\" }\n" \
        "status \"working\" { team = \"desk\", kind = \"open\", meaning = \"w\" }\n" \
        "status \"nurture\" { team = \"marketing\", kind = \"open\", meaning = \"n\" }\n" \
        "status \"closed\" { team = \"marketing\", kind = \"final\", meaning = \"c\" }\n" \
        "move \"qualify\" { from = { \"inquiry\", \"nurture\" }, to = \"offered\", by = \"rules\", when = { did{ type = " \
        "\"form_submitted\", " \
        "name = \"demo\", since = \"move\" } } }\n" \
        "move \"accept\" { from = \"offered\", to = \"working\", by = \"owner\" }\n" \
        "move \"reject\" { from = { \"offered\", \"working\" }, by = \"owner\", reasons = { \"no_budget\", \"late\" } }\n" \
        "move \"close\" { from = { \"inquiry\", \"nurture\", \"working\" }, to = \"closed\", by = \"desk\" }\n" \
        "reason \"no_budget\" { to = \"nurture\", recycle_after = \"90d\" }\n" \
        "reason \"late\" { to = \"nurture\" }\n" \
        "fence \"COOL_OFF\" { blocks = { \"offered\" }, since = { \"no_budget\" }, hold = \"30d\" }\n" \
        "sla \"ANSWER\" { status = \"offered\", within = \"4h\", clock = \"wall\", steps = { { at = \"1h\", remind = { \"owner\" } }, " \
        "{ at = \"4h\", move = \"reject\", reason = \"late\" } } }\n" \
        "group \"fit\" { min = 0, max = 100 }\n" \
        "group \"engagement\" { min = 0, max = 1000 }\n" \
        "score \"SENIOR\" { group = \"fit\", field = \"person.seniority\", map = { director = 20, manager = 5 } }\n" \
        "score \"POINTS\" { group = \"engagement\", on = { type = \"bought\" }, each = 50, per = \"campaign\" }\n" \
        "score \"PAGE\" { group = \"engagement\", on = { type = \"page_viewed\" }, each = 3 }\n" \
        "score \"ONCE\" { group = \"engagement\", on = { type = \"signed_up\" }, points = 7 }\n"

typedef struct Fixture {
        char path[64];
        RuleSet *rules;
        GateBook book;
        unsigned n;
        int64_t now_us;
} Fixture;

_unused_ static void start(Fixture *f) {
        *f = (Fixture){ .now_us = NOW_US };
        (void) snprintf(f->path, sizeof(f->path), "%s/leadd-test-person-%d.db", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
                (int) getpid()); /* in memory where that can be: hundreds of commits, and no power cut is played */
        (void) unlink(f->path);
        f->rules = gate_load_rules(RULES);
        gate_open_book(&f->book, f->path, f->rules, NOW_US);
}

/* Whatever happened: the log alone gives the same book, and the book agrees with itself. */
_unused_ static void end(Fixture *f) {
        static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
        Text problems = { 0 }, differences = { 0 };
        uint64_t n_events, n;

        assert_int_equal(store_check(f->book.store, &problems, &n), 0);
        if (n > 0)
                fail_msg("the book does not agree with itself:\n%s", problems.data);
        gate_close_book(&f->book);
        assert_int_equal(gate_replay(f->path, &differences, &n_events, &n), 0);
        if (n > 0)
                fail_msg("the replay differs:\n%s", differences.data);
        text_free(&problems);
        text_free(&differences);
        policy_free(f->rules);
        for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
                char path[80];
                (void) snprintf(path, sizeof(path), "%s%s", f->path, suffixes[i]);
                (void) unlink(path);
        }
}

/* ---- what happens ---- */

/* Somebody, with what is said besides the address (NULL: none): "path=text;path=text". The time passes by a minute. */
_unused_ static Record *make(Fixture *f, const char *type, const char *email, const char *said) {
        char id[32];
        (void) snprintf(id, sizeof(id), "m%u", ++f->n);
        Record *record = gate_record(&f->book, type, id, f->now_us += US_PER_MINUTE);
        char *fields = said ? arena_strdup(record->arena, said) : NULL;

        assert_int_equal(facts_set(&record->facts, record->arena, FIELD_PERSON_EMAIL, NULL, email ? value_text(email) : (Value){ 0 },
                                 record->time_us),
                0);
        for (char *field = fields ? strtok(fields, ";") : NULL; field; field = strtok(NULL, ";")) {
                char *value = strchr(field, '=');
                *value++ = '\0';
                if (base_streq(value, "true") || base_streq(value, "false"))
                        gate_field(record, field, value_bool(*value == 't'));
                else if (strspn(value, "0123456789") == strlen(value))
                        gate_field(record, field, value_integer(strtoll(value, NULL, 10)));
                else
                        gate_field(record, field, value_text(value));
        }
        assert_int_equal(record_identify(record, store_secret(f->book.store)), 0);
        return record;
}

_unused_ static uint64_t happens(Fixture *f, const char *type, const char *email, const char *said) {
        Record *record = make(f, type, email, said);
        GateOutcome outcome = gate_take(&f->book, record, 0, f->now_us);
        record_free(record);
        return outcome.lead;
}

/* By hand, or by leadd; a refusal's code, NULL when it was done. */
_unused_ static const char *try(
        Fixture *f, const char *type, uint64_t lead, FieldId field, Value value, const char *actor, GateOutcome *ret) {
        static char code[64];
        char id[32];
        (void) snprintf(id, sizeof(id), "m%u", ++f->n);
        Record *record = gate_record(&f->book, type, id, f->now_us += US_PER_MINUTE);
        const GateInput input = { .record = record, .lead = lead, .actor = actor, .actor_is_operator = true, .now_us = f->now_us };

        record->facts.n_items = record->n_identities = 0;
        if (field != FIELD_NONE)
                assert_int_equal(facts_set(&record->facts, record->arena, field, NULL, value, record->time_us), 0);
        assert_int_equal(store_begin(f->book.store), 0);
        assert_int_equal(gate_judge(f->book.gate, &input, ret), 0);
        bool refused = ret->decision->refused;
        if (refused)
                (void) snprintf(code, sizeof(code), "%s", ret->decision->refusal_code);
        assert_int_equal(refused ? store_rollback(f->book.store) : store_commit(f->book.store), 0);
        record_free(record);
        return refused ? code : NULL;
}

_unused_ static const char *merge(Fixture *f, uint64_t lead, uint64_t into) {
        GateOutcome outcome;
        return try(f, "lead.merged", lead, FIELD_CARE_INTO, value_integer((int64_t) into), "system:root", &outcome);
}

_unused_ static const char *unmerge(Fixture *f, uint64_t lead, uint64_t from) {
        GateOutcome outcome;
        return try(f, "lead.unmerged", lead, FIELD_CARE_INTO, value_integer((int64_t) from), "system:root", &outcome);
}

_unused_ static const char *moves(Fixture *f, const char *move, uint64_t lead, const char *reason, const char *who) {
        char type[64], actor[64];
        GateOutcome outcome;
        (void) snprintf(type, sizeof(type), "outcome.%s", move);
        (void) snprintf(actor, sizeof(actor), "rep:%s", who);
        return try(f, type, lead, reason ? FIELD_OUTCOME_REASON : FIELD_NONE, reason ? value_text(reason) : (Value){ 0 }, actor, &outcome);
}

_unused_ static GateLook look(Fixture *f, uint64_t lead) {
        GateLook found;
        gate_look(&f->book, lead, f->now_us, &found);
        return found;
}

_unused_ static int points(Fixture *f, uint64_t lead) {
        GateLook found = look(f, lead);
        assert_int_equal(found.subject.engagement_mp, found.state.engagement_mp);
        return (int) (found.state.engagement_mp / 1000);
}

_unused_ static uint64_t resolve(Fixture *f, const char *text) {
        uint64_t lead = 0;
        assert_int_equal(store_resolve_lead(f->book.store, text, &lead), 0);
        return lead;
}

_unused_ static const char *say(GateLook *found, const char *path) {
        FieldId field;
        const char *key;
        static char number[32];
        assert_true(field_find(path, &field, &key));
        const Value *value = facts_get(&found->profile, field, key);
        if (!value)
                return "-";
        if (value->type == VALUE_TEXT)
                return value->text;
        if (value->type == VALUE_BOOL)
                return value->boolean ? "true" : "false";
        (void) snprintf(number, sizeof(number), "%lld", (long long) value->integer);
        return number;
}

_unused_ static int on_mail(const OutboxRow *row, void *userdata) {
        Text *text = userdata;
        text_printf(text, "L-%llu %s %s %s%s; ", (unsigned long long) row->lead, row->recipient ? row->recipient : "-",
                row->rule ? row->rule : "-", row->channel, row->next_us == TIME_NONE ? " dead" : "");
        return 0;
}

_unused_ static int on_tally(const char *owner, const char *status, uint64_t n, void *userdata) {
        text_printf(userdata, "%s %s %llu; ", owner ? owner : "-", status, (unsigned long long) n);
        return 0;
}

_unused_ static char *outbox(Fixture *f) {
        Text text = { 0 };
        assert_int_equal(store_outbox_list(f->book.store, 0, 100, on_mail, &text), 0);
        return text.data ? text.data : strdup("");
}

_unused_ static char *tallies(Fixture *f) {
        Text text = { 0 };
        assert_int_equal(store_tallies(f->book.store, on_tally, &text), 0);
        return text.data ? text.data : strdup("");
}

_unused_ static unsigned roll(unsigned *seed, unsigned n) {
        *seed = *seed * 1664525u + 1013904223u;
        return (*seed >> 8) % n;
}
