/* SPDX-License-Identifier: MIT */
/*
 * The running rule set: booting, and becoming another one. The last good set is found in the database when those on disk
 * are broken at the start, or would leave leads behind. Tests are not asked then: a start must be quick, the set that ran last
 * was tested when it was loaded, and a failing test says that two texts of the same people disagree, which is no reason to
 * leave leads unjudged. They run right after the start, and status says what they came to.
 */
#include "judge.h"
#include "leadd/messages.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

void judge_set_problem(Leadd *leadd, const PolicyReport *report) {
        Text text = { 0 };

        atomic_store(&leadd->rules_refused, report != NULL);
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

int judge_activate(Judge *judge, RuleSet *rules, bool apply) {
        Leadd *leadd = judge->leadd;
        bool same = false;
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
        if (rules != leadd->rules)
                policy_forget_costs(rules); /* its tests were judged with it, and they are no leads */
        r = store_begin(judge->store);
        if (r != 0)
                return r;
        gate_set_rules(judge->gate, rules);
        r = store_rules_activate(judge->store, rules, now_us);
        RuleSet *before = leadd->rules;
        leadd->rules = rules;
        if (r == 0 && !same)
                r = gate_log_activation(judge->gate, now_us, apply);
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
        atomic_store(&leadd->rules_loaded_us, now_us);
        if (before != rules)
                policy_free(before);
        /* An absence that begins later: who recorded it may have been answered just before a kill, and not all leads be armed for it.
         * Where the rules are others, the pass arms all. */
        r = judge_note_absences(judge, same);
        return r != 0 ? r : send_archive(leadd);
}

void judge_say_problem(LogLevel level, const char *message_id, const char *said, const PolicyProblem *problem, const char *running) {
        const LogField fields[] = { { "LEAD_RULESET", running } };

        if (*problem->file)
                log_event(level, message_id, fields, 1, "%s: %s:%d: %s", said, problem->file, problem->line, problem->text);
        else
                log_event(level, message_id, fields, 1, "%s: %s", said, problem->text);
}

int judge_boot_rules(Leadd *leadd) {
        PolicyReport report = { 0 };
        const void *archive;
        size_t size;
        int r = policy_load(leadd->options.rules, 0, &leadd->rules, &report);

        if (r == 0) {
                r = gate_check_stranded(leadd->store, leadd->rules, NULL, &report);
                if (r == 0 && report.n_errors > 0) {
                        leadd->rules = policy_free(leadd->rules);
                        r = POLICY_E_RULES;
                }
        }
        if (r == 0) {
                policy_report_done(&report);
                return 0;
        }

        judge_set_problem(leadd, &report);
        if (r < 0)
                log_error("%s: %s", leadd->options.rules, strerror(-r));
        else
                for (size_t i = 0; i < report.n_problems; i++)
                        if (report.problems[i].is_error)
                                judge_say_problem(LOG_LEVEL_ERROR, MESSAGE_RULES_REFUSED, "rules refused", &report.problems[i], NULL);
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
