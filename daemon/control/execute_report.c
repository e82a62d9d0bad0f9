/* SPDX-License-Identifier: MIT */
/*
 * What org.leadd.Report answers, on the reporting thread's own connection and rules.
 */
#include "internal.h"
#include "leadd/report.h"
#include <errno.h>

#define REPORT_SINCE_DEFAULT_US (30 * US_PER_DAY)
#define REPORT_MEMORY_MAX (64 * 1024 * 1024)

/* false: the error is set. */
static bool find_since(const ControlDesk *desk, ControlCall *call, int64_t now_us, int64_t *ret_us) {
        const char *since = call_text(call, "since");
        *ret_us = now_us - REPORT_SINCE_DEFAULT_US;
        if (!since || call_read_since(since, desk->rules->settings->zone, now_us, ret_us))
                return true;
        call_bad_value(call, "since", "a duration such as 90d, a date or an instant (RFC 3339)");
        return false;
}

int execute_report_fairness(const ControlDesk *desk, ControlCall *call) {
        _cleanup_(arena_freep) Arena *arena = arena_new(REPORT_MEMORY_MAX);
        _cleanup_(text_free) Text html = { 0 };
        int64_t now_us = clock_now_us(desk->clock), since_us;
        FairnessReport report;
        json_t *json = NULL;
        if (!arena)
                return -ENOMEM;
        if (!find_since(desk, call, now_us, &since_us))
                return 0;
        int r = report_fairness(desk->store, desk->rules, since_us, now_us, arena, &report);
        if (r == 0)
                r = report_fairness_json(&report, &json);
        if (r == 0 && call_bool(call, "html"))
                r = report_fairness_html(&report, &html);
        if (r != 0) {
                json_decref(json);
                return r < 0 ? r : -EIO;
        }
        json_t *reply = json_object();
        bool failed = !reply;
        put(reply, "report", json, &failed);
        put(reply, "html", json_text(html.data), &failed);
        control_set_reply(call, reply);
        return failed ? -ENOMEM : 0;
}
