#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * report, inside: what a page is made of. One file a report, html.c the frame they share: a page that stands alone, without
 * scripts and without anything to load.
 */
#include "leadd/report.h"

void html_begin(Text *out, const char *title, int64_t from_us, int64_t now_us);
void html_end(Text *out);
void html_text(Text *out, const char *text);
/* Two bars, one above the other, to the same scale. */
void html_bars(Text *out, double first, double second, double most);
