/* SPDX-License-Identifier: MIT */
/*
 * What org.leadd.Report answers, on the reporting thread's own connection and rules. Knows no report: daemon/report has their table.
 */
#include "internal.h"
#include "leadd/report.h"
#include <errno.h>

#define REPORT_SINCE_DEFAULT_US (30 * US_PER_DAY)

/* A duration is counted back from now; a day is meant whole: since its first moment, until its last. */
static bool read_moment(const ControlDesk *desk, ControlCall *call, const char *name, int64_t now_us, int64_t *ret_us) {
        const char *text = call_text(call, name);
        const Zone *zone = desk->rules->settings->zone;
        int64_t days;
        if (!text)
                return true;
        if (!call_read_since(text, zone, now_us, ret_us)) {
                call_bad_value(call, name, "a duration such as 90d, a date or an instant (RFC 3339)");
                return false;
        }
        if (base_streq(name, "until") && time_parse_date(text, strlen(text), &days) == 0)
                *ret_us = zone ? zone_local_to_utc(zone, (days + 1) * US_PER_DAY) : (days + 1) * US_PER_DAY;
        return true;
}

static bool read_period(const ControlDesk *desk, ControlCall *call, ReportInput *input) {
        input->until_us = input->now_us;
        if (!read_moment(desk, call, "until", input->now_us, &input->until_us))
                return false;
        input->from_us = input->until_us - REPORT_SINCE_DEFAULT_US;
        if (!read_moment(desk, call, "since", input->now_us, &input->from_us))
                return false;
        if (input->from_us < input->until_us)
                return true;
        call_bad_value(call, "since", "the period ends before it begins");
        return false;
}

#define NAMES_MAX 32

/* "source campaign" -> names, in the arena. */
static size_t split(const char *words, Arena *arena, const char *ret[static NAMES_MAX]) {
        size_t n = 0;
        for (const char *at = words; at && *at && n < NAMES_MAX;) {
                size_t size = strcspn(at, " ");
                ret[n] = arena_strndup(arena, at, size);
                if (!ret[n++])
                        return 0;
                at += size;
                at += strspn(at, " ");
        }
        return n;
}

static void fail_unknown(ControlCall *call, const char *kind, const char *name, const char *const *names, size_t n) {
        const char *near = text_closest(name, names, n);
        Text text = { 0 };
        text_printf(&text, "no %s \"%s\"", kind, name);
        if (near)
                text_printf(&text, "; did you mean \"%s\"?", near);
        text_append(&text, near ? " There is: " : "; there is: ");
        for (size_t i = 0; i < n; i++)
                text_printf(&text, "%s%s", i > 0 ? ", " : "", names[i]);
        call_fail(call, "NoSuchName", json_pack("{s:s, s:o, s:o}", "kind", kind, "name", json_text(name), "text", json_text(text.data)));
        text_free(&text);
}

static bool find_kind(ControlCall *call, const ReportKind **ret) {
        const char *name = call_text(call, "name"), *names[NAMES_MAX];
        size_t n = 0;
        *ret = report_find(name);
        for (const ReportKind *kind = report_kinds; kind->name && n < NAMES_MAX; kind++)
                names[n++] = kind->name;
        if (!*ret)
                fail_unknown(call, "report", name, names, n);
        return *ret != NULL;
}

static bool find_by(ControlCall *call, const ReportKind *kind, Arena *arena, const char **ret) {
        const char *by = call_text(call, "by"), *names[NAMES_MAX];
        *ret = NULL;
        if (!by)
                return true;
        if (!kind->by) {
                call_bad_value(call, "by", "this report is always of everything");
                return false;
        }
        size_t n = split(kind->by, arena, names);
        for (size_t i = 0; i < n; i++)
                if (base_streq(names[i], by)) {
                        *ret = names[i];
                        return true;
                }
        fail_unknown(call, "dimension", by, names, n);
        return false;
}

static bool find_table(ControlCall *call, const Report *report, const ReportTable **ret) {
        const char *key = call_text(call, "table"), *names[NAMES_MAX];
        size_t n = 0;
        *ret = report->tables;
        if (!key)
                return true;
        for (const ReportTable *table = report->tables; table && n < NAMES_MAX; table = table->next) {
                names[n++] = table->key;
                if (base_streq(table->key, key)) {
                        *ret = table;
                        return true;
                }
        }
        fail_unknown(call, "table", key, names, n);
        return false;
}

static int answer(ControlCall *call, const Report *report) {
        _cleanup_(text_free) Text html = { 0 }, csv = { 0 };
        const ReportTable *table;
        json_t *json = NULL, *layout = NULL;
        if (!find_table(call, report, &table))
                return 0;
        int r = report_json(report, &json);
        if (r == 0)
                r = report_layout(report, &layout);
        if (r == 0 && call_bool(call, "html"))
                r = report_html(report, &html);
        if (r == 0 && call_bool(call, "csv") && table)
                r = report_csv(table, &csv);
        json_t *reply = json_object();
        bool failed = !reply || r < 0;
        put(reply, "report", json, &failed);
        put(reply, "layout", layout, &failed);
        put(reply, "csv", json_text(csv.data), &failed);
        put(reply, "html", json_text(html.data), &failed);
        control_set_reply(call, reply);
        return r < 0 ? r : failed ? -ENOMEM : 0;
}

int execute_report_make(const ControlDesk *desk, ControlCall *call) {
        _cleanup_(arena_freep) Arena *arena = arena_new(REPORT_MEMORY_MAX);
        ReportInput input = {
                .store = desk->store, .rules = desk->rules, .leaks = desk->leaks, .now_us = clock_now_us(desk->clock), .arena = arena
        };
        const ReportKind *kind;
        Report report;
        if (!arena)
                return -ENOMEM;
        if (!find_kind(call, &kind) || !find_by(call, kind, arena, &input.by) || !read_period(desk, call, &input))
                return 0;
        int r = report_make(kind, &input, &report);
        if (r == -EFBIG) {
                call_bad_value(call, "since", "more happened in the period than one report can hold; take a shorter one");
                return 0;
        }
        if (r != 0)
                return r < 0 ? r : -EIO;
        return answer(call, &report);
}

int execute_report_list(const ControlDesk *desk _unused_, ControlCall *call) {
        json_t *reports = json_array(), *reply = json_object();
        bool failed = !reports || !reply;
        for (const ReportKind *kind = report_kinds; kind->name && !failed; kind++)
                failed = json_array_append_new(reports, json_pack("{s:s, s:s, s:s, s:s?, s:b}", "name", kind->name, "title", kind->title,
                                                                "doc", kind->doc, "by", kind->by, "of_now", kind->is_of_now)) < 0;
        put(reply, "reports", reports, &failed);
        control_set_reply(call, reply);
        return failed ? -ENOMEM : 0;
}
