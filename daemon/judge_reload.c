/* SPDX-License-Identifier: MIT */
/*
 * Reloading beside the judging. A worker thread reads, checks and tests the rules on disk, on nothing that the judge uses:
 * files, a rule set of its own, a read-only connection of its own. The judge takes what it made between two events, asks
 * the book whether leads would be left behind, and swaps. One at a time; further wishes wait in their order.
 *
 *   wished -> at the worker -> refused | checked | decided by -> (leads re-derived: judge_pass.c) -> answered
 *
 * The tests of the running rules, run after the start, give way to the first wish, and are run again when nobody wishes anything.
 * The end waits for the worker: it looks at `stop` between two events of a test, and loading is bounded by the loader's budgets.
 * The watchdog does not: a worker that takes long keeps nobody from being judged.
 */
#include "judge.h"
#include "leadd/messages.h"
#include "leadd/trial.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

static Reload *reload_free(Reload *reload) {
        if (reload) {
                policy_free(reload->rules);
                policy_report_done(&reload->report);
                free(reload);
        }
        return NULL;
}

/* ---- the worker ---- */

static int add_failures(Reload *reload, const TrialReport *trial) {
        int r = 0;

        reload->n_tests = trial->n_tests;
        reload->n_failed = trial->n_failed;
        for (size_t i = 0; i < trial->n_failed && r == 0; i++) {
                const TrialFailure *failure = &trial->failures[i];
                const TrialMiss *miss = failure->n_misses > 0 ? &failure->misses[0] : NULL;
                const Rule at = { .kind = RULE_TEST, .name = failure->test, .file = failure->file, .line = failure->line };
                if (!miss)
                        r = policy_report_error(&reload->report, &at, "fails");
                else
                        r = policy_report_error(&reload->report, &at, "fails: %s%s%s: want %s, got %s%s", miss->where,
                                *miss->key ? "." : "", miss->key, miss->want ? miss->want : "-", miss->got ? miss->got : "-",
                                failure->n_misses > 1 ? ", and more" : "");
        }
        if (r == 0 && trial->stopped && !atomic_load(&reload->stop))
                r = policy_report_refuse(&reload->report, "the tests take longer than %d s: %zu of them ran",
                        (int) (RELOAD_TESTS_US / US_PER_SECOND), trial->n_tests);
        return r;
}

/* Warnings from the book are a service: without them the rules are as good. */
static void add_values(Reload *reload) {
        _cleanup_(store_closep) Store *store = NULL;
        char path[4096];

        if ((size_t) snprintf(path, sizeof path, "%s/leadd.db", reload->leadd->options.state) >= sizeof path)
                return;
        int r = store_open(path, STORE_READ_ONLY, &store);
        if (r == 0)
                r = gate_check_values(store, reload->rules, &reload->report);
        if (r != 0)
                log_debug("values of the book cannot be compared with the rules: %d", r);
}

static void on_test(const Rule *test _unused_, const TrialFailure *failure _unused_, void *userdata) { ((Reload *) userdata)->n_ran++; }

static int work(Reload *reload) {
        TrialReport trial = { 0 };
        const TrialOptions options = { .stop = &reload->stop, .budget_us = RELOAD_TESTS_US, .on_test = on_test, .userdata = reload };
        int r = 0;

        if (!reload->rules) /* at the start it is a copy of the running set */
                r = policy_load(reload->leadd->options.rules, 0, &reload->rules, &reload->report);
        if (r != 0)
                return r < 0 ? r : 0;
        if (!reload->at_start)
                add_values(reload);
        reload->stage = RELOAD_TESTING;
        r = trial_run(reload->rules, &options, &trial);
        if (r == 0)
                r = add_failures(reload, &trial);
        reload->stopped = trial.stopped && atomic_load(&reload->stop);
        trial_report_done(&trial);
        return r;
}

static void *reload_run(void *userdata) {
        Reload *reload = userdata;

        reload->error = work(reload);
        Work *done = work_new(WORK_RELOADED);
        if (!done) {
                log_error("out of memory: leadd ends here, and starts again from what is committed");
                _exit(EXIT_FAILURE);
        }
        done->reload = reload;
        /* At the end nobody takes it any more: the judge joins this thread and finds what it made. */
        while (!queue_push_front(reload->leadd->to_judge, done)) {
                if (atomic_load(&reload->leadd->stopping)) {
                        free(done);
                        break;
                }
                (void) usleep(10 * 1000); /* people's calls fill the lane */
        }
        return NULL;
}

/* ---- answering ---- */

static json_t *count_json(bool is_known, uint64_t n) { return is_known ? json_integer((json_int_t) n) : json_null(); }

/* Takes the reload. pass: what became of the leads, NULL = not known or not asked. */
void judge_answer_reload(Judge *judge, Reload *reload, bool loaded, const RulesPass *pass, bool superseded) {
        if (reload->call) {
                RulesPass none = { 0 };
                const RulesPass *p = pass ? pass : &none;
                const char *hash = *reload->hash ? reload->hash : reload->rules ? reload->rules->hash_text : judge->leadd->rules->hash_text;
                bool ran = reload->error == 0 && reload->n_tests + reload->n_failed > 0;
                json_t *reply = json_pack("{s:b, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "loaded", (int) loaded, "hash", hash,
                        "problems", control_report_json(&reload->report), "tests", count_json(ran, reload->n_tests), "tests_failed",
                        count_json(ran, reload->n_failed), "n_leads", count_json(pass, p->n_leads), "n_changed",
                        count_json(pass, p->n_changed), "n_regraded", count_json(pass, p->n_regraded), "n_would_move",
                        count_json(pass, p->n_moving), "n_moved", count_json(pass, p->n_moved), "superseded", (int) superseded);
                control_set_reply(reload->call, reply);
                leadd_tell(judge->leadd, NEWS_REPLY, TAKE(reload->call), NULL, 0);
        }
        (void) reload_free(reload);
}

static void fail(Judge *judge, Reload *reload, const char *error, const char *text) {
        if (reload->call) {
                control_set_error(reload->call, error, text ? json_pack("{s:s}", "text", text) : NULL);
                leadd_tell(judge->leadd, NEWS_REPLY, TAKE(reload->call), NULL, 0);
        }
        (void) reload_free(reload);
}

/* What broke while doing what: "testing the rules, test "..." (20.lua:3): Cannot allocate memory". */
static void write_failure(const Reload *reload, Text *out) {
        size_t n_left = reload->n_ran, i = 0;

        switch (reload->stage) {
        case RELOAD_READING:
                text_append(out, "the rules cannot be read");
                break;
        case RELOAD_TESTING:
                text_append(out, "the rules cannot be tested");
                while (i < reload->rules->n_tests && (reload->rules->tests[i].n_steps == 0 || n_left-- > 0))
                        i++;
                if (i < reload->rules->n_tests)
                        text_printf(out, ", at the test \"%s\" (%s:%d)", reload->rules->tests[i].rule.name,
                                reload->rules->tests[i].rule.file, reload->rules->tests[i].rule.line);
                break;
        case RELOAD_COMPARING:
                text_append(out, "the rules cannot be compared with the leads in the book");
                break;
        }
        text_printf(out, ": %s", strerror(reload->error < 0 ? -reload->error : EIO));
}

/* ---- deciding ---- */

static void refuse(Judge *judge, Reload *reload) {
        Leadd *leadd = judge->leadd;

        judge_set_problem(leadd, &reload->report);
        for (size_t i = 0; i < reload->report.n_problems; i++)
                if (reload->report.problems[i].is_error)
                        judge_say_problem(LOG_LEVEL_ERROR, MESSAGE_RULES_REFUSED, "rules refused, the running ones stay",
                                &reload->report.problems[i], leadd->rules->hash_text);
        judge_answer_reload(judge, reload, false, NULL, false);
}

static void swap(Judge *judge, Reload *reload) {
        Leadd *leadd = judge->leadd;
        char before[2 * DIGEST_SIZE + 1];
        RuleSet *rules = TAKE(reload->rules);

        (void) snprintf(before, sizeof before, "%s", leadd->rules->hash_text);
        int r = judge_activate(judge, rules, reload->wanted.apply);
        if (r != 0) {
                if (leadd->rules != rules)
                        policy_free(rules);
                if (r != STORE_E_FULL) {
                        (void) judge_give_up(judge, r, "activating the rules");
                        fail(judge, reload, "org.leadd.Control.Failed", "the rules could not be activated");
                        return;
                }
                judge_note_full(judge);
                if (policy_report_refuse(&reload->report, "the disk is full: the running rules stay") == 0)
                        refuse(judge, reload);
                else
                        fail(judge, reload, "org.leadd.Control.Failed", "the disk is full");
                return;
        }
        judge_set_problem(leadd, NULL);
        judge->n_tests = reload->n_tests;
        judge->n_tests_failed = 0;
        memcpy(reload->hash, rules->hash_text, sizeof reload->hash);
        const LogField fields[] = { { "LEAD_RULESET", rules->hash_text } };
        log_event(LOG_LEVEL_NOTICE, MESSAGE_RULES_LOADED, fields, 1, "rules loaded: %zu rules, %zu tests passed, %.12s (before: %.12s)",
                policy_n_rules(rules), reload->n_tests, rules->hash_text, before);
        if (judge->passing)
                judge_answer_reload(judge, TAKE(judge->passing), true, &judge->pass, true);
        if (reload->call && !reload->wanted.no_wait)
                judge->passing = reload;
        else
                judge_answer_reload(judge, reload, true, NULL, false);
        r = judge_start_pass(judge);
        if (r != 0)
                (void) judge_give_up(judge, r, "re-deriving");
}

/* The tests of the running rules were run after the start: nothing changes, but it is said. */
static void note_tests(Judge *judge, Reload *reload) {
        Leadd *leadd = judge->leadd;

        if (reload->error == 0 && base_streq(reload->rules->hash_text, leadd->rules->hash_text)) {
                judge->n_tests = reload->n_tests;
                judge->n_tests_failed = reload->n_failed;
                for (size_t i = 0; i < reload->report.n_problems; i++)
                        if (reload->report.problems[i].is_error)
                                judge_say_problem(LOG_LEVEL_WARNING, MESSAGE_RULES_TESTS, "the running rules", &reload->report.problems[i],
                                        leadd->rules->hash_text);
        } else if (reload->error < 0) {
                _cleanup_(text_free) Text text = { 0 };
                write_failure(reload, &text);
                log_error("the running rules: %s", text.data ? text.data : strerror(-reload->error));
        }
        (void) reload_free(reload);
}

/* Our machinery broke: nothing of it is the rules' fault. */
static void refuse_broken(Judge *judge, Reload *reload) {
        _cleanup_(text_free) Text text = { 0 };

        write_failure(reload, &text);
        const char *what = text.data ? text.data : strerror(-reload->error);
        log_error("the rules in %s: %s; the running ones stay", judge->leadd->options.rules, what);
        if (!reload->wanted.check && policy_report_refuse(&reload->report, "%s", what) == 0)
                judge_set_problem(judge->leadd, &reload->report);
        fail(judge, reload, "org.leadd.Control.Failed", what);
}

static void decide(Judge *judge, Reload *reload) {
        if (reload->stopped || atomic_load(&judge->leadd->stopping)) {
                judge->tests_wait |= reload->at_start;
                fail(judge, reload, "org.leadd.Control.Stopping", NULL);
                return;
        }
        if (reload->at_start) {
                note_tests(judge, reload);
                return;
        }
        if (reload->error == 0)
                reload->stage = RELOAD_COMPARING;
        if (reload->error == 0 && reload->rules && reload->report.n_errors == 0)
                reload->error = gate_check_stranded(judge->store, reload->rules, judge->leadd->rules, &reload->report);
        if (reload->error != 0)
                refuse_broken(judge, reload);
        else if (reload->wanted.check)
                judge_answer_reload(judge, reload, reload->report.n_errors == 0, NULL, false);
        else if (!reload->rules || reload->report.n_errors > 0)
                refuse(judge, reload);
        else
                swap(judge, reload);
}

/* ---- one after the other ---- */

static bool waits_by_signal(const Judge *judge) {
        for (size_t i = 0; i < judge->n_reloads; i++)
                if (!judge->reloads[i]->call)
                        return true;
        return false;
}

static void start_next(Judge *judge) {
        if (judge->reload && judge->reload->at_start && judge->n_reloads > 0)
                atomic_store(&judge->reload->stop, true);
        while (!judge->reload && judge->n_reloads > 0) {
                Reload *reload = judge->reloads[0];
                memmove(judge->reloads, judge->reloads + 1, --judge->n_reloads * sizeof judge->reloads[0]);
                int r = pthread_create(&reload->thread, NULL, reload_run, reload);
                if (r == 0) {
                        judge->reload = reload;
                        return;
                }
                log_error("the thread that loads rules does not start: %s; the running ones stay", strerror(r));
                bool by_signal = !reload->call && !reload->at_start;
                fail(judge, reload, "org.leadd.Control.Failed", strerror(r));
                if (by_signal && !waits_by_signal(judge))
                        leadd_tell(judge->leadd, NEWS_DONE, NULL, NULL, 0);
        }
}

static Reload *add(Judge *judge) {
        Reload *reload = judge->n_reloads < RELOADS_WAITING_MAX ? calloc(1, sizeof *reload) : NULL;

        if (reload) {
                reload->leadd = judge->leadd;
                judge->reloads[judge->n_reloads++] = reload;
        }
        return reload;
}

int judge_on_reload(void *userdata, ControlCall *call, const ControlReload *wanted) {
        Judge *judge = userdata;
        Reload *reload = add(judge);

        if (!reload)
                return -EBUSY;
        reload->call = call;
        reload->wanted = *wanted;
        start_next(judge);
        return 0;
}

void judge_reload_by_signal(Judge *judge) {
        /* One that has not begun yet will read the same files. */
        if (!waits_by_signal(judge) && !add(judge)) {
                log_error("too many reloads wait already: the signal is answered by one of them");
                leadd_tell(judge->leadd, NEWS_DONE, NULL, NULL, 0);
                return;
        }
        start_next(judge);
}

void judge_try_running(Judge *judge) {
        const void *data;
        size_t size;
        PolicyReport report = { 0 };
        Reload *reload = add(judge);

        if (!reload)
                return;
        reload->at_start = true;
        int r = policy_archive(judge->leadd->rules, &data, &size);
        if (r == 0)
                r = policy_load_archive(data, size, &reload->rules, &report);
        policy_report_done(&report);
        if (r != 0) {
                judge->n_reloads--;
                (void) reload_free(reload);
                return;
        }
        start_next(judge);
}

void judge_take_reloaded(Judge *judge, Reload *reload) {
        bool by_signal = !reload->call && !reload->at_start;

        (void) pthread_join(reload->thread, NULL);
        judge->reload = NULL;
        decide(judge, reload);
        judge_say_status(judge);
        /* A second signal is answered by the reload that reads what it announced. */
        if (by_signal && !waits_by_signal(judge))
                leadd_tell(judge->leadd, NEWS_DONE, NULL, NULL, 0);
        if (judge->broken)
                return;
        start_next(judge);
        if (!judge->reload && judge->tests_wait) {
                judge->tests_wait = false;
                if (judge->n_tests == SIZE_MAX)
                        judge_try_running(judge);
        }
}

void judge_end_reloads(Judge *judge) {
        atomic_store(&judge->leadd->stopping, true);
        if (judge->reload) {
                atomic_store(&judge->reload->stop, true);
                (void) pthread_join(judge->reload->thread, NULL);
                fail(judge, TAKE(judge->reload), "org.leadd.Control.Stopping", NULL);
        }
        for (size_t i = 0; i < judge->n_reloads; i++)
                fail(judge, judge->reloads[i], "org.leadd.Control.Stopping", NULL);
        judge->n_reloads = 0;
        if (judge->passing)
                fail(judge, TAKE(judge->passing), "org.leadd.Control.Stopping", NULL);
}

/* ---- status ---- */

static int add_suspended(RuleKind kind, const char *rule, int64_t since_us, void *userdata) {
        char since[TIME_TEXT_SIZE];

        return json_array_append_new(
                       userdata, json_sprintf("%s \"%s\" since %s", rule_kind_name(kind), rule, time_format_rfc3339(since_us, since))) == 0
                       ? 0
                       : -ENOMEM;
}

int judge_status_of_reload(Judge *judge, json_t *rules) {
        json_t *suspended = json_array();
        const RulesPass *pass = &judge->pass;
        int r = suspended ? store_suspended(judge->store, add_suspended, suspended) : -ENOMEM;

        (void) json_object_set_new(rules, "suspended", suspended);
        (void) json_object_set_new(rules, "reloading", json_boolean(judge->reload && !judge->reload->at_start));
        (void) json_object_set_new(rules, "tests", count_json(judge->n_tests != SIZE_MAX, judge->n_tests));
        (void) json_object_set_new(rules, "tests_failed", count_json(judge->n_tests != SIZE_MAX, judge->n_tests_failed));
        (void) json_object_set_new(rules, "rederived",
                pass->event == 0 ? json_null()
                                 : json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "leads", (json_int_t) (pass->next - 1), "of",
                                           (json_int_t) pass->to, "changed", (json_int_t) pass->n_changed, "regraded",
                                           (json_int_t) pass->n_regraded, "would_move", (json_int_t) pass->n_moving, "moved",
                                           (json_int_t) pass->n_moved, "runs", (int) (pass->next <= pass->to)));
        return r;
}
