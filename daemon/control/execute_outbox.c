/* SPDX-License-Identifier: MIT */
/*
 * What org.leadd.Control answers about the outbox: what is not delivered yet, what never will be, and what a person
 * decides about it. The texts themselves are not shown: they are lead data.
 */
#include "internal.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

typedef struct Outbox {
        json_t *items;
        size_t n_max;
        bool failed, more;
} Outbox;

static const char *state_of(const OutboxRow *row) {
        return row->next_us == TIME_NONE ? "dead" : row->leased ? "under way" : row->attempts > 0 ? "failing" : "waiting";
}

static int on_outbox_row(const OutboxRow *row, void *userdata) {
        Outbox *outbox = userdata;
        if (json_array_size(outbox->items) == outbox->n_max) {
                outbox->more = true;
                return 1;
        }
        json_t *json = json_object();
        bool failed = !json;
        put(json, "id", json_integer((json_int_t) row->id), &failed);
        put(json, "state", json_text(state_of(row)), &failed);
        put(json, "lead", json_lead(row->lead), &failed);
        put(json, "kind", json_text(decide_effect_name(row->kind)), &failed);
        put(json, "channel", json_text(row->channel), &failed);
        put(json, "recipient", json_text(row->recipient), &failed);
        put(json, "rule", json_text(row->rule), &failed);
        put(json, "since", json_time(row->created_us), &failed);
        put(json, "attempts", json_integer(row->attempts), &failed);
        put(json, "next", json_time(row->next_us), &failed);
        put(json, "error", json_text(row->error), &failed);
        put(json, "mail", row->mail ? json_integer((json_int_t) row->mail) : json_null(), &failed);
        if (failed) {
                json_decref(json);
                outbox->failed = true;
        } else if (json_array_append_new(outbox->items, json) < 0)
                outbox->failed = true;
        return outbox->failed;
}

int execute_outbox(const ControlDesk *desk, ControlCall *call) {
        _cleanup_(json_decrefp) json_t *items = json_array();
        Outbox outbox = { .items = items, .n_max = CONTROL_PAGE_MAX, .failed = !items };
        int64_t after = call_integer(call, "after", 0);
        if (after < 0) {
                call_bad_value(call, "after", "the id of a row");
                return 0;
        }
        int r = store_outbox_list(desk->store, (uint64_t) after, outbox.n_max + 1, on_outbox_row, &outbox);
        if (r < 0)
                return r;
        if (outbox.failed)
                return -ENOMEM;
        control_set_reply(
                call, json_pack("{s:O, s:b, s:o}", "items", items, "more", (int) outbox.more, "now", json_time(clock_now_us(desk->clock))));
        return 0;
}

int execute_outbox_act(const ControlDesk *desk, ControlCall *call) {
        const char *action = call_text(call, "action");
        int64_t id = call_integer(call, "id", 0);
        bool cancel = base_streq(action, "cancel");
        if (!cancel && !base_streq(action, "retry")) {
                call_bad_value(call, "action", "retry or cancel");
                return 0;
        }
        int r = id > 0 ? desk->outbox(desk->userdata, (uint64_t) id, cancel) : -ENOENT;
        if (r == -ENOENT) {
                char text[24];
                (void) snprintf(text, sizeof(text), "%" PRId64, id);
                call_fail(call, "NoSuchEntry", json_pack("{s:s}", "name", text));
                return 0;
        }
        if (r < 0)
                return r;
        if (cancel)
                log_notice("A notification that waited is cancelled by uid %u", (unsigned) call->peer.uid);
        json_t *reply = json_object();
        bool failed = !reply;
        put(reply, "id", json_integer(id), &failed);
        control_set_reply(call, reply);
        return failed ? -ENOMEM : 0;
}
