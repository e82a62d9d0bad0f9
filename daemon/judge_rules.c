/* SPDX-License-Identifier: MIT */
/*
 * The running rule set: booting, reloading, and what follows from a new one. Rules that do not load never replace
 * those that run; the last good set is found in the database when those on disk are broken at the start.
 */
#include "judge.h"
#include "leadd/messages.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

static void set_problem(Leadd *leadd, const PolicyReport *report) {
        Text text = { 0 };

        free(leadd->rules_problem);
        leadd->rules_problem = NULL;
        if (report && policy_report_format(report, &text) >= 0 && !text.error && text.data) {
                leadd->rules_problem = text.data;
                return;
        }
        text_free(&text);
        if (report)
                leadd->rules_problem = strdup("the rules do not load");
}

static int send_archive(Leadd *leadd) {
        const void *data;
        size_t size;
        int r = policy_archive(leadd->rules, &data, &size);
        Order *order = order_new(ORDER_RULES);

        if (r < 0 || !order) {
                free(order);
                return r < 0 ? r : -ENOMEM;
        }
        order->archive = malloc(size ? size : 1);
        if (!order->archive) {
                free(order);
                return -ENOMEM;
        }
        memcpy(order->archive, data, size);
        order->archive_size = size;
        if (!queue_push(leadd->to_reader, order)) {
                free(order->archive);
                free(order);
        }
        return 0;
}

/* Makes a loaded rule set the running one, between two events. */
int judge_activate(Judge *judge, RuleSet *rules) {
        Leadd *leadd = judge->leadd;
        bool same = leadd->rules && rules != leadd->rules && base_streq(leadd->rules->hash_text, rules->hash_text);
        int64_t now_us = clock_now_us(leadd->clock);
        const void *last;
        size_t last_size;
        int r;

        /* The set of the last run, unchanged: no event of the log, only the store has to know it again. */
        if (rules == leadd->rules && store_rules_last(judge->store, &last, &last_size) == 0) {
                const void *data;
                size_t size;
                same = policy_archive(rules, &data, &size) == 0 && size == last_size && memcmp(data, last, size) == 0;
        }
        r = store_begin(judge->store);
        if (r != 0)
                return r;
        gate_set_rules(judge->gate, rules);
        r = store_rules_activate(judge->store, rules, now_us);
        RuleSet *before = leadd->rules;
        leadd->rules = rules;
        if (r == 0 && !same)
                r = gate_log_rules(judge->gate, now_us);
        if (r == 0)
                r = store_commit(judge->store);
        else
                (void) store_rollback(judge->store);
        if (r != 0) {
                leadd->rules = before;
                gate_set_rules(judge->gate, before);
                return r;
        }
        judge->desk.rules = rules;
        if (before != rules)
                policy_free(before);
        r = judge_note_absences(judge);
        return r != 0 ? r : send_archive(leadd);
}

typedef struct HeldList {
        uint64_t *leads;
        size_t n, capacity;
} HeldList;

static int on_held(const ListRow *row, void *userdata) {
        HeldList *list = userdata;

        if (list->n == list->capacity) {
                size_t capacity = list->capacity ? list->capacity * 2 : 64;
                uint64_t *grown = realloc(list->leads, capacity * sizeof *grown);
                if (!grown)
                        return 1;
                list->leads = grown;
                list->capacity = capacity;
        }
        list->leads[list->n++] = row->state.id;
        return 0;
}

#define HELD_LOOKED_AT_MAX 100000 /* held leads judged again after a reload */

/* Held leads are judged again: their cause may have gone with the old rules. */
static int look_at_held(Judge *judge) {
        _cleanup_(base_freep) uint64_t *leads = NULL;
        HeldList list = { 0 };
        const ListFilter filter = { .held = true, .limit = HELD_LOOKED_AT_MAX };
        int64_t now_us = clock_now_us(judge->leadd->clock);
        int r = store_list(judge->store, &filter, on_held, &list);

        leads = list.leads;
        for (size_t i = 0; i < list.n && r == 0;) {
                r = store_begin(judge->store);
                for (size_t n = 0; n < FOLLOWUP_BATCH_MAX && i < list.n && r == 0; n++, i++)
                        r = judge_fire_one(judge, list.leads[i], now_us, now_us, NULL);
                if (r == 0)
                        r = store_commit(judge->store);
                else
                        (void) store_rollback(judge->store);
                if (r == 0)
                        judge_tell(judge);
                atomic_store(&judge->leadd->judge_busy, leadd_monotonic_us());
        }
        judge_forget(judge);
        if (r == STORE_E_FULL)
                judge_note_full(judge);
        return r == STORE_E_FULL ? 0 : r;
}

static json_t *problems_json(const PolicyReport *report) {
        json_t *problems = json_array();

        for (size_t i = 0; i < report->n_problems; i++) {
                const PolicyProblem *problem = &report->problems[i];
                (void) json_array_append_new(
                        problems, json_pack("{s:s, s:s, s:i, s:s}", "severity", problem->is_error ? "error" : "warning", "file",
                                          problem->file, "line", problem->line, "text", problem->text));
        }
        return problems;
}

int judge_on_reload(void *userdata, bool check_only, json_t **ret) {
        Judge *judge = userdata;
        Leadd *leadd = judge->leadd;
        RuleSet *rules = NULL;
        PolicyReport report = { 0 };
        int r = policy_load(leadd->options.rules, 0, &rules, &report);

        if (r < 0) {
                policy_report_done(&report);
                return r;
        }
        if (ret)
                *ret = json_pack("{s:b, s:s, s:o}", "loaded", r == 0, "hash", r == 0 ? rules->hash_text : leadd->rules->hash_text,
                        "problems", problems_json(&report));
        if (check_only) {
                policy_free(rules);
                policy_report_done(&report);
                return 0;
        }
        if (r != 0) {
                set_problem(leadd, &report);
                const LogField fields[] = { { "LEAD_RULESET", leadd->rules->hash_text } };
                for (size_t i = 0; i < report.n_problems; i++)
                        if (report.problems[i].is_error)
                                log_event(LOG_LEVEL_ERROR, MESSAGE_RULES_REFUSED, fields, 1,
                                        "rules refused, the running ones stay: %s:%d: %s", report.problems[i].file, report.problems[i].line,
                                        report.problems[i].text);
                policy_report_done(&report);
                return 0;
        }
        policy_report_done(&report);
        char before[2 * DIGEST_SIZE + 1];
        (void) snprintf(before, sizeof before, "%s", leadd->rules->hash_text);
        r = judge_activate(judge, rules);
        if (r != 0) {
                policy_free(rules);
                if (r == STORE_E_FULL) {
                        if (ret) {
                                json_decref(*ret);
                                *ret = json_pack("{s:b, s:s, s:[{s:s, s:s, s:i, s:s}]}", "loaded", 0, "hash", before, "problems",
                                        "severity", "error", "file", "", "line", 0, "text", "the disk is full: the running rules stay");
                        }
                        return 0;
                }
                return judge_give_up(judge, r, "activating the rules");
        }
        set_problem(leadd, NULL);
        const LogField fields[] = { { "LEAD_RULESET", rules->hash_text } };
        log_event(LOG_LEVEL_NOTICE, MESSAGE_RULES_LOADED, fields, 1, "rules loaded: %zu rules, %.12s (before: %.12s)", rules->n_rules,
                rules->hash_text, before);
        r = look_at_held(judge);
        return r == 0 ? 0 : judge_give_up(judge, r, "looking at held leads");
}

int judge_boot_rules(Leadd *leadd) {
        PolicyReport report = { 0 };
        Text text = { 0 };
        const void *archive;
        size_t size;
        int r = policy_load(leadd->options.rules, 0, &leadd->rules, &report);

        if (r == 0) {
                policy_report_done(&report);
                return 0;
        }
        if (r < 0) {
                log_error("%s: %s", leadd->options.rules, strerror(-r));
                (void) policy_report_format(&report, &text);
                set_problem(leadd, &report);
        } else {
                set_problem(leadd, &report);
                for (size_t i = 0; i < report.n_problems; i++)
                        if (report.problems[i].is_error)
                                log_event(LOG_LEVEL_ERROR, MESSAGE_RULES_REFUSED, NULL, 0, "%s:%d: %s", report.problems[i].file,
                                        report.problems[i].line, report.problems[i].text);
        }
        text_free(&text);
        policy_report_done(&report);
        if (store_rules_last(leadd->store, &archive, &size) != 0) {
                log_error("the rules in %s do not load, and no earlier set is known", leadd->options.rules);
                return 65;
        }
        PolicyReport old = { 0 };
        r = policy_load_archive(archive, size, &leadd->rules, &old);
        policy_report_done(&old);
        if (r != 0) {
                log_error("the rules in %s do not load, nor does the last good set", leadd->options.rules);
                return 65;
        }
        log_warning("the rules in %s do not load: going on under the last good set %.12s", leadd->options.rules, leadd->rules->hash_text);
        return 0;
}
