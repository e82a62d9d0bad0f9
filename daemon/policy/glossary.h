#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * policy, inside: the layout and the words that the parts of the glossary share. glossary.c has both, and what one lead goes through;
 * glossary_plans.c tells of many: campaigns, tracks, stages, targets.
 */
#include "score.h"

void glossary_heading(Text *out, const char *title);
/* "      label: text", wrapped, and clears the text. Gives up nothing when text failed: its error is taken over. Nothing for no text. */
void glossary_line(Text *out, const char *label, Text *text);
void glossary_line_text(Text *out, Text *scratch, const char *label, const char *text);
void glossary_say_duration(Text *out, Duration duration);
/* Before the i-th of n: "a, b or c". */
const char *glossary_between(size_t i, size_t n, const char *last);
void glossary_say_statuses(Text *out, const Status *const *statuses, size_t n, const char *last);

void glossary_tell_plans(Text *out, Text *scratch, const RuleSet *rules);
