/* SPDX-License-Identifier: MIT */
/*
 * What org.leadd.Control answers on a desk: status, rules, clock, spool. Runs on the thread that owns the
 * desk's store (see the method table for which). Changes nothing itself: the daemon's functions on the desk do.
 */
#include "internal.h"
#include "leadd/spool.h"
#include <errno.h>
#include <stdio.h>

bool control_execute(const ControlDesk *desk, ControlCall *call) {
        int r = call->method->execute ? call->method->execute(desk, call) : -ENOSYS;
        if (r == EXECUTE_LATER)
                return false;
        if (r < 0) {
                log_warning("%s failed: %s", call->name, strerror(-r));
                call_fail(call, "Failed", json_pack("{s:s}", "text", strerror(-r)));
        }
        return true;
}

int execute_find_lead(const ControlDesk *desk, ControlCall *call, uint64_t *ret) {
        const char *text = call_text(call, "lead");
        bool erased = false;
        int64_t at_us;
        int r = store_resolve_lead(desk->store, text, ret);
        if (r == STORE_E_NONE && store_resolve_erased(desk->store, text, ret) == 0)
                r = 0;
        if (r == 0)
                r = store_is_erased(desk->store, *ret, &erased, &at_us);
        if (r == 0 && erased) {
                call_fail(call, "Erased", json_pack("{s:o, s:o}", "lead", json_lead(*ret), "time", json_time(at_us)));
                *ret = 0;
                return 0;
        }
        if (r > 0) {
                *ret = 0;
                call_fail(call, "NoSuchLead", json_pack("{s:s}", "lead", text));
                return 0;
        }
        return r;
}

/* ---- status ---- */

static void put_count(json_t *object, const char *key, uint64_t n, bool *failed) { put(object, key, json_integer((json_int_t) n), failed); }

static json_t *status_rules(const RuleSet *rules) {
        json_t *json = json_object();
        bool failed = !json;
        put(json, "hash", json_text(rules->hash_text), &failed);
        put(json, "directory", json_text(rules->directory), &failed);
        put_count(json, "n", policy_n_rules(rules), &failed);
        if (failed) {
                json_decref(json);
                return NULL;
        }
        return json;
}

static void put_counts(json_t *status, const StoreCounts *counts, bool *failed) {
        put_count(status, "leads", counts->n_leads, failed);
        put_count(status, "held", counts->n_held, failed);
        put_count(status, "unowned", counts->n_unowned, failed);
        put_count(status, "events", counts->n_events, failed);
        put_count(status, "armed", counts->n_wakes, failed);
        put_count(status, "outbox", counts->n_outbox, failed);
        put_count(status, "outbox_failing", counts->n_outbox_failing, failed);
        put_count(status, "outbox_dead", counts->n_outbox_dead, failed);
        put_count(status, "files", counts->n_files, failed);
        put_count(status, "accepted", counts->n_accepted, failed);
        put_count(status, "duplicates", counts->n_duplicates, failed);
        put_count(status, "refused", counts->n_refused, failed);
        put_count(status, "dropped", counts->n_dropped, failed);
        put_count(status, "database_size", counts->file_size, failed);
        put_count(status, "wal_size", counts->wal_size, failed);
}

int execute_status(const ControlDesk *desk, ControlCall *call) {
        StoreCounts counts = { 0 };
        int r = store_counts(desk->store, &counts);
        if (r != 0)
                return r < 0 ? r : -EIO;
        _cleanup_(json_decrefp) json_t *status = json_object();
        bool failed = !status;
        put(status, "version", json_string(LEADD_VERSION), &failed);
        put(status, "now", json_time(clock_now_us(desk->clock)), &failed);
        put(status, "clock", json_string(clock_is_virtual(desk->clock) ? "virtual" : "real"), &failed);
        put(status, "rules", desk->rules ? status_rules(desk->rules) : json_null(), &failed);
        put_counts(status, &counts, &failed);
        if (failed)
                return -ENOMEM;
        if (desk->status) {
                r = desk->status(desk->userdata, status);
                if (r < 0)
                        return r;
        }
        control_set_reply(call, json_pack("{s:O}", "status", status));
        return 0;
}

/* ---- rules ---- */

typedef struct RuleUses {
        const RuleSet *rules;
        RuleHits *uses; /* by rule index */
} RuleUses;

static int on_rule_hits(const RuleHits *hits, void *userdata) {
        RuleUses *all = userdata;
        const Rule *rule = policy_rule(all->rules, hits->kind, hits->rule);
        if (rule)
                all->uses[rule->index] = *hits;
        return 0;
}

/* The kinds of which hits are counted. */
static json_t *counted_json(Store *store) {
        json_t *list = json_array();
        for (int kind = RULE_PRINCIPLE; kind <= RULE_KIND_LAST && list; kind++) {
                const char *meaning = store_hit_meaning((RuleKind) kind);
                if (!meaning)
                        continue;
                json_t *json = json_object();
                bool failed = !json;
                put(json, "kind", json_text(rule_kind_name((RuleKind) kind)), &failed);
                put(json, "hit", json_text(meaning), &failed);
                put(json, "since", json_time(store_hits_since(store, (RuleKind) kind)), &failed);
                if (failed || json_array_append_new(list, json) < 0) {
                        if (failed)
                                json_decref(json);
                        json_decref(list);
                        return NULL;
                }
        }
        return list;
}

/* null where nothing is counted: 0 would say that it never happens. */
static void put_hits(json_t *json, const Rule *rule, const char *key, uint64_t n, bool *failed) {
        put(json, key, store_hit_meaning(rule->kind) ? json_integer((json_int_t) n) : json_null(), failed);
}

static json_t *rule_json(const RuleSet *rules, const Rule *rule, const RuleHits *use) {
        uint64_t n_timed, cost_ns;
        policy_cost(rules, rule->index, &n_timed, &cost_ns);
        json_t *json = json_object();
        bool failed = !json;
        put(json, "rule", json_text(rule->name), &failed);
        put(json, "kind", json_text(rule_kind_name(rule->kind)), &failed);
        put(json, "at", json_place(rule), &failed);
        put(json, "doc", json_text(rule->doc), &failed);
        put_hits(json, rule, "hits_1d", use->n_1d, &failed);
        put_hits(json, rule, "hits_7d", use->n_7d, &failed);
        put_hits(json, rule, "hits", use->n_ever, &failed);
        put(json, "last", json_time(use->last_us), &failed);
        put_count(json, "errors_7d", use->n_failed_7d, &failed);
        put_count(json, "errors", use->n_failed, &failed);
        put(json, "cost_us", n_timed > 0 ? json_real((double) cost_ns / (double) n_timed / 1000.0) : json_null(), &failed);
        put(json, "suspended", json_boolean(policy_is_suspended(rules, rule)), &failed);
        if (failed) {
                json_decref(json);
                return NULL;
        }
        return json;
}

int execute_rules(const ControlDesk *desk, ControlCall *call) {
        const RuleSet *rules = desk->rules;
        _cleanup_(base_freep) RuleHits *uses = calloc(rules->n_rules + 1, sizeof(RuleHits));
        if (!uses)
                return -ENOMEM;
        for (size_t i = 0; i < rules->n_rules; i++)
                uses[i].last_us = TIME_NONE;
        RuleUses all = { .rules = rules, .uses = uses };
        int r = store_rule_hits(desk->store, clock_now_us(desk->clock), on_rule_hits, &all);
        if (r < 0)
                return r;
        _cleanup_(json_decrefp) json_t *list = json_array();
        bool dead = call_bool(call, "dead");
        for (size_t i = 0; i < rules->n_rules; i++) {
                if (rules->rules[i]->kind == RULE_TEST) /* no lead meets one */
                        continue;
                if (dead && (uses[i].n_ever > 0 || !store_hit_meaning(rules->rules[i]->kind)))
                        continue;
                if (json_array_append_new(list, rule_json(rules, rules->rules[i], &uses[i])) < 0)
                        return -ENOMEM;
        }
        json_t *reply = json_object();
        bool failed = !reply;
        put(reply, "hash", json_text(rules->hash_text), &failed);
        put(reply, "directory", json_text(rules->directory ? rules->directory : ""), &failed);
        put(reply, "now", json_time(clock_now_us(desk->clock)), &failed);
        put(reply, "counted", counted_json(desk->store), &failed);
        put(reply, "rules", json_incref(list), &failed);
        control_set_reply(call, reply);
        return failed ? -ENOMEM : 0;
}

int execute_reload(const ControlDesk *desk, ControlCall *call) {
        const ControlReload wanted = {
                .check = call_bool(call, "check"), .apply = call_bool(call, "apply"), .no_wait = call_bool(call, "no_wait")
        };
        if (wanted.check && (wanted.apply || wanted.no_wait)) {
                call_bad_value(call, wanted.apply ? "apply" : "no_wait", "nothing beside check, which changes nothing");
                return 0;
        }
        int r = desk->reload(desk->userdata, call, &wanted);
        if (r == -EBUSY) {
                call_fail(call, "Failed", json_pack("{s:s}", "text", "too many reloads wait already"));
                return 0;
        }
        return r < 0 ? r : EXECUTE_LATER;
}

/* ---- clock ---- */

int execute_clock(const ControlDesk *desk, ControlCall *call) {
        const char *advance = call_text(call, "advance"), *to = call_text(call, "to");
        int64_t time_us = clock_now_us(desk->clock);
        uint64_t n_fired = 0;
        if (advance && to) {
                call_bad_value(call, "to", "either advance or to");
                return 0;
        }
        if (advance) {
                Duration duration;
                if (duration_parse(advance, &duration) != 0 || duration.workdays != 0) {
                        call_bad_value(call, "advance", "elapsed time such as 15m, 4h or 30d");
                        return 0;
                }
                if (__builtin_add_overflow(time_us, duration.us, &time_us))
                        time_us = INT64_MAX;
        } else if (to && time_parse_rfc3339(to, strlen(to), &time_us) != 0) {
                call_bad_value(call, "to", "an instant in RFC 3339, such as 2026-03-05T14:00:00+01:00");
                return 0;
        }
        if (advance || to) {
                int r = desk->advance(desk->userdata, time_us, &n_fired);
                if (r == -EPERM) {
                        call_fail(call, "ClockIsReal", json_object());
                        return 0;
                }
                if (r == -EINVAL) {
                        call_bad_value(call, to ? "to" : "advance", "the clock only goes forward");
                        return 0;
                }
                if (r < 0)
                        return r;
        }
        json_t *reply = json_object();
        bool failed = !reply;
        put(reply, "time", json_time(clock_now_us(desk->clock)), &failed);
        put(reply, "virtual", json_boolean(clock_is_virtual(desk->clock)), &failed);
        put(reply, "fired", advance || to ? json_integer((json_int_t) n_fired) : json_null(), &failed);
        control_set_reply(call, reply);
        return failed ? -ENOMEM : 0;
}

/* ---- spool ---- */

typedef struct SpoolListing {
        json_t *entries;
        bool failed, truncated;
} SpoolListing;

static int on_spool_entry(const SpoolEntry *entry, void *userdata) {
        SpoolListing *listing = userdata;
        if (json_array_size(listing->entries) >= CONTROL_PAGE_MAX) {
                listing->truncated = true;
                return 1;
        }
        _cleanup_(text_free) Text name = { 0 };
        text_printf(&name, "%s/%s", entry->source, entry->name);
        json_t *json = json_object();
        bool failed = !json || name.error < 0;
        put(json, "state", json_text(entry->state), &failed);
        put(json, "name", json_text(name.data ? name.data : ""), &failed);
        put(json, "reason", json_text(entry->reason), &failed);
        put(json, "text", json_text(entry->text), &failed);
        put_count(json, "size", entry->size, &failed);
        put(json, "since", json_time(entry->time_us), &failed);
        if (failed) {
                json_decref(json);
                listing->failed = true;
        } else if (json_array_append_new(listing->entries, json) < 0)
                listing->failed = true;
        return listing->failed;
}

int execute_spool(const ControlDesk *desk, ControlCall *call) {
        _cleanup_(json_decrefp) json_t *entries = json_array();
        SpoolListing listing = { .entries = entries, .failed = !entries };
        int r = spool_list(desk->spool_directory, on_spool_entry, &listing);
        if (r < 0)
                return r;
        if (listing.failed)
                return -ENOMEM;
        control_set_reply(call, json_pack("{s:O, s:b}", "entries", entries, "truncated", (int) listing.truncated));
        return 0;
}

int execute_spool_act(const ControlDesk *desk, ControlCall *call) {
        const char *action = call_text(call, "action"), *name = call_text(call, "name"), *reason = call_text(call, "reason");
        json_t *result = NULL;
        int r;
        if (base_streq(action, "retry"))
                r = desk->retry(desk->userdata, name, &result);
        else if (base_streq(action, "release"))
                r = spool_held_release(desk->spool_directory, name);
        else if (base_streq(action, "discard")) {
                if (!reason) {
                        call_bad_value(call, "reason", "what is discarded needs a reason");
                        return 0;
                }
                r = spool_held_discard(desk->spool_directory, name);
                if (r == 0) /* the name may hold an address, the reason anything: neither goes to the journal */
                        log_notice("A file that was set aside is discarded by uid %u", (unsigned) call->peer.uid);
        } else {
                call_bad_value(call, "action", "retry, release or discard");
                return 0;
        }
        if (r == -ENOENT || r == -EINVAL) {
                call_fail(call, "NoSuchEntry", json_pack("{s:s}", "name", name));
                return 0;
        }
        if (r < 0)
                return r;
        json_t *reply = json_object();
        bool failed = !reply;
        put(reply, "result", result ? result : json_null(), &failed);
        control_set_reply(call, reply);
        return failed ? -ENOMEM : 0;
}
