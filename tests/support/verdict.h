#pragma once
/* SPDX-License-Identifier: MIT */
/* verdict: everything a decision says, as text that is the same whenever the decision is the same. */
#include "leadd/decide.h"

/* One line a receipt: rule, place, flags, points, event, note, trace. without (may be NULL): the name of a rule that is left out. */
void verdict_describe_receipts(const Receipts *receipts, const char *without, Text *out);
void verdict_describe_subject(const RuleSet *rules, const Subject *subject, Text *out);
void verdict_describe_state(const LeadState *state, Text *out);
/* All of it. */
void verdict_describe(const Decision *decision, const char *without, Text *out);
