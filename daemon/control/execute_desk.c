/* SPDX-License-Identifier: MIT */
/*
 * The desk of one person: what waits for an answer (Inbox), and what comes first (Next). Which leads these are is found
 * from memory, the order is decide's; each lead that is shown is judged as of now, so that the reasons it is worth a call are
 * those of the rules that run. Reads only, where the rule set is.
 */
#include "internal.h"
#include "leadd/gate.h"
#include "leadd/report.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define NAMES_MAX 256
#define REASONS_MAX 3 /* reasons that matter */

/* ---- whose desk ---- */

int execute_find_self(const ControlDesk *desk, ControlCall *call, const Member **ret) {
        _cleanup_(base_freep) char *user = NULL;
        int r = peer_user_name(call->peer.uid, &user);
        *ret = user ? policy_member_by_user(desk->rules, user) : NULL;
        return r;
}

void execute_unknown_owner(const ControlDesk *desk, ControlCall *call, const char *name) {
        const char *names[256];
        size_t n = 0;
        for (size_t i = 0; i < desk->rules->n_members && n < ARRAY_SIZE(names); i++)
                names[n++] = desk->rules->members[i].rule.name;
        execute_unknown(call, "owner", name, names, n);
}

/* The owner who is asked about, by default the caller. *ret NULL: the error is set. */
static int find_owner(const ControlDesk *desk, ControlCall *call, const Member **ret) {
        const char *owner = call_text(call, "owner");
        const Member *self;
        int r = execute_find_self(desk, call, &self);
        *ret = NULL;
        if (r < 0)
                return r;
        if (!owner) {
                *ret = self;
                if (!self)
                        call_bad_value(call, "owner", "you are no member of any team: say whose desk you mean");
                return 0;
        }
        const Member *member = policy_member(desk->rules, owner);
        if (!(member && member == self) && !call->peer.in_group)
                control_set_error(call, "org.varlink.service.PermissionDenied", json_object());
        else if (!member)
                execute_unknown_owner(desk, call, owner);
        else
                *ret = member;
        return 0;
}

/* ---- the reasons that matter ---- */

/* More points first, as the score gives them after decay and cap; among equals the one declared first. */
static bool matters_more(const Receipt *a, const Receipt *b) {
        return a->points_mp != b->points_mp ? a->points_mp > b->points_mp : a->rule->index < b->rule->index;
}

/* In the words of the rules: what the score's `doc` says, else its function, else what it looked at. */
static void say_reason(const Receipt *receipt, Text *out) {
        const char *trace = receipt->trace ? receipt->trace : "", *equals = strstr(trace, " = ");
        size_t size = strcspn(trace, ";"), shown = size;
        const char *event = strstr(trace, ": newest event ");
        if (receipt->rule->doc)
                text_append(out, receipt->rule->doc);
        else if (receipt->note)
                text_append(out, receipt->note);
        else if (size > 0) {
                if (event && (size_t) (event - trace) < size)
                        shown = (size_t) (event - trace);
                text_append_size(out, trace, shown);
        } else
                text_append(out, receipt->rule->name);
        if (receipt->n_counted > 1)
                text_printf(out, ", %u times", receipt->n_counted);
        else if (receipt->rule->doc && equals && equals < trace + size) {
                const char *value = equals + 3, *end = trace + size,
                           *quote = *value == '"' ? memchr(value + 1, '"', (size_t) (end - value - 1)) : NULL;
                if (quote) { /* a text may hold anything, a semicolon too */
                        value++;
                        end = quote;
                }
                text_append(out, ": ");
                text_append_size(out, value, (size_t) (end - value));
        }
}

static json_t *reason_json(const Receipt *receipt) {
        _cleanup_(text_free) Text text = { 0 };
        json_t *json = json_object();
        bool failed = !json;
        say_reason(receipt, &text);
        put(json, "rule", json_text(receipt->rule->name), &failed);
        put(json, "points", json_points(receipt->points_mp), &failed);
        put(json, "text", text.error < 0 ? NULL : json_text(text.data ? text.data : ""), &failed);
        if (failed) {
                json_decref(json);
                return NULL;
        }
        return json;
}

static json_t *reasons_json(const Receipts *receipts) {
        const Receipt *best[REASONS_MAX];
        size_t n = 0;
        for (size_t i = 0; i < receipts->n_items; i++) {
                const Receipt *receipt = &receipts->items[i];
                if (receipt->rule->kind != RULE_SCORE || !receipt->matched || receipt->points_mp <= 0)
                        continue;
                size_t at = n < REASONS_MAX ? n++ : n;
                for (; at > 0 && matters_more(receipt, best[at - 1]); at--)
                        if (at < REASONS_MAX)
                                best[at] = best[at - 1];
                if (at < REASONS_MAX)
                        best[at] = receipt;
        }
        json_t *list = json_array();
        for (size_t i = 0; i < n; i++)
                if (json_array_append_new(list, reason_json(best[i])) < 0) {
                        json_decref(list);
                        return NULL;
                }
        return list;
}

/* ---- one lead ---- */

/* What is to be done now: what stops the clock, or the moves that are open. */
static void say_todo(const RuleSet *rules, const DeskLead *lead, Text *out) {
        const Status *status = policy_status(rules, lead->status);
        const Sla *sla = lead->sla ? policy_sla(rules, lead->sla) : NULL;
        if (!status)
                return;
        if (lead->unaccepted || !sla || !sla->stop) {
                execute_list_moves(rules, status, out);
                return;
        }
        policy_describe(rules, sla->stop, out);
        text_append(out, ", or ");
        execute_list_moves(rules, status, out);
}

static const char *const rank_names[] = { "overdue", "soon", "waits", "open", "rests" };

static int desk_lead_json(const ControlDesk *desk, const DeskLead *lead, int64_t now_us, json_t **ret) {
        _cleanup_(arena_freep) Arena *arena = arena_new(CONTROL_LOOK_MEMORY_MAX);
        _cleanup_(text_free) Text todo = { 0 };
        Receipts receipts = { .trace = true };
        LeadLook look;
        Subject subject;
        if (!arena)
                return -ENOMEM;
        int r = control_look(desk, lead->lead, now_us, arena, &look);
        if (r == 0)
                r = decide_look(desk->rules, &look.input, arena, &subject, &receipts);
        if (r == 0)
                r = control_look_refresh(desk->rules, arena, &subject, &look.state);
        if (r != 0)
                return r < 0 ? r : -ESTALE;
        const Status *status = policy_status(desk->rules, look.state.status);
        json_t *json = json_state(
                &look.state, facts_text(&look.profile, FIELD_PERSON_EMAIL), status && status->team ? status->team->rule.name : NULL);
        bool failed = !json;
        say_todo(desk->rules, lead, &todo);
        put(json, "name", json_text(facts_text(&look.profile, FIELD_PERSON_NAME)), &failed);
        put(json, "company", json_text(facts_text(&look.profile, FIELD_COMPANY_NAME)), &failed);
        put(json, "snoozed", json_snoozed(&look.state.sla, now_us), &failed);
        put(json, "place", json_integer(lead->place), &failed);
        put(json, "rank", json_text(rank_names[lead->rank]), &failed);
        put(json, "sla", json_text(lead->sla), &failed);
        put(json, "todo", todo.error < 0 ? NULL : json_text(todo.data ? todo.data : ""), &failed);
        put(json, "reasons", reasons_json(&receipts), &failed);
        if (failed) {
                json_decref(json);
                return -ENOMEM;
        }
        *ret = json;
        return 0;
}

/* The desk in the pecking order. */
static int load_desk(const ControlDesk *desk, const Member *owner, int64_t now_us, Arena *arena, DeskLead **ret, size_t *ret_n) {
        size_t n_all;
        int r = store_on_desk(desk->store, owner->rule.name, STORE_DESK_MAX, arena, ret, ret_n, &n_all);
        if (r == 0)
                decide_peck(desk->rules, now_us, *ret, *ret_n);
        return r;
}

static int compare_due(const void *a, const void *b) { return decide_compare_due(a, b); }

/* ---- Inbox ---- */

int execute_inbox(const ControlDesk *desk, ControlCall *call) {
        int64_t now_us = clock_now_us(desk->clock), limit = call_integer(call, "limit", CONTROL_INBOX_DEFAULT);
        const Member *owner;
        DeskLead *leads;
        size_t n, n_waiting = 0, n_overdue = 0;
        if (limit < 1) {
                call_bad_value(call, "limit", "at least 1");
                return 0;
        }
        if (limit > CONTROL_INBOX_MAX)
                limit = CONTROL_INBOX_MAX;
        int r = find_owner(desk, call, &owner);
        if (r < 0 || !owner)
                return r;
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        if (!arena)
                return -ENOMEM;
        r = load_desk(desk, owner, now_us, arena, &leads, &n);
        if (r != 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                if (leads[i].rank == PECK_OPEN)
                        continue;
                n_overdue += leads[i].rank == PECK_OVERDUE;
                leads[n_waiting++] = leads[i];
        }
        if (n_waiting > 0)
                qsort(leads, n_waiting, sizeof(*leads), compare_due);
        _cleanup_(json_decrefp) json_t *items = json_array();
        for (size_t i = 0; i < n_waiting && i < (size_t) limit; i++) {
                json_t *item;
                r = desk_lead_json(desk, &leads[i], now_us, &item);
                if (r < 0)
                        return r;
                if (json_array_append_new(items, item) < 0)
                        return -ENOMEM;
        }
        json_t *reply = json_object();
        bool failed = !reply || !items;
        put(reply, "owner", json_text(owner->rule.name), &failed);
        put(reply, "items", json_incref(items), &failed);
        put(reply, "waiting", json_integer((json_int_t) n_waiting), &failed);
        put(reply, "overdue", json_integer((json_int_t) n_overdue), &failed);
        put(reply, "now", json_time(now_us), &failed);
        control_set_reply(call, reply);
        return failed ? -ENOMEM : 0;
}

/* ---- Next ---- */

int execute_next(const ControlDesk *desk, ControlCall *call) {
        int64_t now_us = clock_now_us(desk->clock);
        const Member *owner;
        DeskLead *leads;
        size_t n, n_waiting = 0;
        int r = find_owner(desk, call, &owner);
        if (r < 0 || !owner)
                return r;
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        if (!arena)
                return -ENOMEM;
        r = load_desk(desk, owner, now_us, arena, &leads, &n);
        if (r != 0)
                return r;
        for (size_t i = 0; i < n; i++)
                n_waiting += leads[i].rank <= PECK_WAITS;
        json_t *item = NULL;
        /* What rests was put off by its owner: it is not next. */
        if (n > 0 && leads[0].rank != PECK_RESTS) {
                r = desk_lead_json(desk, &leads[0], now_us, &item);
                if (r < 0)
                        return r;
        }
        json_t *reply = json_object();
        bool failed = !reply;
        put(reply, "owner", json_text(owner->rule.name), &failed);
        put(reply, "item", item ? item : json_null(), &failed);
        put(reply, "waiting", json_integer((json_int_t) n_waiting), &failed);
        put(reply, "open", json_integer((json_int_t) n), &failed);
        put(reply, "now", json_time(now_us), &failed);
        control_set_reply(call, reply);
        return failed ? -ENOMEM : 0;
}

/* ---- Digest ---- */

int execute_digest(const ControlDesk *desk, ControlCall *call) {
        const char *name = call_text(call, "team");
        const Team *team = policy_team(desk->rules, name);
        int64_t now_us = clock_now_us(desk->clock), since_us = now_us - US_PER_DAY;
        _cleanup_(text_free) Text text = { 0 };
        if (!team) {
                const char *names[NAMES_MAX];
                size_t n = 0;
                for (size_t i = 0; i < desk->rules->n_teams && n < ARRAY_SIZE(names); i++)
                        names[n++] = desk->rules->teams[i].rule.name;
                execute_unknown(call, "team", name, names, n);
                return 0;
        }
        const DigestInput input = { .store = desk->store,
                .rules = desk->rules,
                .team = team,
                .since_us = since_us,
                .now_us = now_us,
                .n_leaks = desk->n_leaks ? desk->n_leaks(desk->daemon) : -1 };
        int r = report_compose_digest(&input, &text);
        if (r != 0)
                return r < 0 ? r : -EIO;
        json_t *reply = json_object();
        bool failed = !reply;
        put(reply, "team", json_text(team->rule.name), &failed);
        put(reply, "text", json_text(text.data ? text.data : ""), &failed);
        put(reply, "since", json_time(since_us), &failed);
        put(reply, "now", json_time(now_us), &failed);
        control_set_reply(call, reply);
        return failed ? -ENOMEM : 0;
}
