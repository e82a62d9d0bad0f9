/* SPDX-License-Identifier: MIT */
/*
 * What org.leadd.Leads answers to marketing: the leads that came back, and why.
 */
#include "internal.h"
#include <errno.h>

typedef struct Rows {
        json_t *items;
        size_t n_max;
        uint64_t last; /* event of the last one */
        bool more, failed;
} Rows;

static int on_row(const Feedback *row, void *userdata) {
        Rows *rows = userdata;
        /* A page ends between two events: those of one (a loss that loses two things) are never torn apart. */
        if (json_array_size(rows->items) >= rows->n_max && row->event != rows->last) {
                rows->more = true;
                return 1;
        }
        rows->last = row->event;
        json_t *json = json_object();
        bool failed = !json;
        put(json, "event", json_integer((json_int_t) row->event), &failed);
        put(json, "time", json_time(row->at_us), &failed);
        put(json, "lead", json_lead(row->lead), &failed);
        put(json, "reason", json_text(row->reason), &failed);
        put(json, "move", json_text(row->move), &failed);
        put(json, "from", json_text(row->from), &failed);
        put(json, "to", json_text(row->to), &failed);
        put(json, "owner", json_text(row->owner), &failed);
        put(json, "accepted", json_boolean(row->accepted), &failed);
        put(json, "by", json_text(row->by), &failed);
        put(json, "source", json_text(row->source), &failed);
        put(json, "campaign", json_text(row->campaign), &failed);
        put(json, "note", json_text(row->note), &failed);
        if (failed) {
                json_decref(json);
                rows->failed = true;
        } else if (json_array_append_new(rows->items, json) < 0)
                rows->failed = true;
        return rows->failed;
}

int execute_feedback(const ControlDesk *desk, ControlCall *call) {
        int64_t limit = call_integer(call, "limit", CONTROL_PAGE_DEFAULT), before = call_integer(call, "before", 0);
        int64_t now_us = clock_now_us(desk->clock);
        const char *since = call_text(call, "since");
        FeedbackFilter filter = { .since_us = TIME_NONE,
                .reason = call_text(call, "reason"),
                .source = call_text(call, "source"),
                .owner = call_text(call, "owner") };

        if (limit < 1 || limit > CONTROL_PAGE_MAX) {
                call_bad_value(call, "limit", "from 1 to 1000");
                return 0;
        }
        if (before < 0) {
                call_bad_value(call, "before", "the number of an event");
                return 0;
        }
        if (since && !call_read_since(since, NULL, now_us, &filter.since_us)) {
                call_bad_value(call, "since", "a duration such as 90d, a date or an instant (RFC 3339)");
                return 0;
        }
        filter.before = (uint64_t) before;
        Rows rows = { .items = json_array(), .n_max = (size_t) limit };
        int r = rows.items ? store_feedback(desk->store, &filter, on_row, &rows) : -ENOMEM;
        json_t *reply = r < 0 || rows.failed ? NULL : json_object();
        bool failed = !reply;
        if (failed) {
                json_decref(rows.items);
                return r < 0 ? r : -ENOMEM;
        }
        put(reply, "items", rows.items, &failed);
        put(reply, "next", rows.more ? json_integer((json_int_t) rows.last) : json_null(), &failed);
        put(reply, "now", json_time(now_us), &failed);
        control_set_reply(call, reply);
        return failed ? -ENOMEM : 0;
}
