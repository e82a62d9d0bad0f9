#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * Test support: what intake understood, as text that a test can compare whole,
 * so that a fact too many fails as well as one too few.
 */
#include "leadd/intake.h"

/* One line a thing: "type lead.submitted", "id S-1" or "id derived", "time 2026-03-05T14:22:31Z" or "time arrival", then each fact as
 * `path value` in the field table's order (texts in quotes, times as RFC 3339; not those that intake derived). Several records are parted
 * by "--". A refusal is "refused REASON FIELD", one that the adapter dropped "dropped". malloc'ed. */
char *describe_batch(const IntakeBatch *batch);
