#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * report, inside. One file a report; report.c their table and what they are built with, show.c cells in words, json.c, csv.c, html.c and
 * plot.c what a report becomes.
 */
#include "leadd/report.h"

int report_fairness(const ReportInput *input, Report *report);
int report_sla(const ReportInput *input, Report *report);
int report_owners(const ReportInput *input, Report *report);
int report_reasons(const ReportInput *input, Report *report);
int report_alignment(const ReportInput *input, Report *report);

void html_text(Text *out, const char *text);
/* The n-th plot of a page: a figure. */
void html_plot(Text *out, const ReportPlot *plot, const Report *report, unsigned n);
/* The midnight at or before the instant, in the zone (NULL = UTC), as days since 1970. */
int64_t report_day(const Zone *zone, int64_t time_us);
int64_t report_day_start(const Zone *zone, int64_t day);
