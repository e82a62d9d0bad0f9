/* SPDX-License-Identifier: MIT */
/*
 * What org.leadd.Leads answers about leads that may be one person: pairs, and what speaks for it. Nothing is ever merged
 * because of it: a person looks and decides.
 */
#include "internal.h"
#include <errno.h>

typedef struct Pairs {
        Store *store;
        json_t *items;
        uint64_t last;
        bool failed, more;
} Pairs;

static json_t *reasons_of(unsigned reasons) {
        static const struct {
                IdentityKind kind;
                const char *text;
        } names[] = {
                { IDENTITY_EMAIL, "same e-mail address" },
                { IDENTITY_EXTERNAL_ID, "same id in another system" },
                { IDENTITY_PHONE, "same telephone number" },
                { IDENTITY_NAME, "same name and company domain" },
        };
        json_t *json = json_array();
        for (size_t i = 0; json && i < ARRAY_SIZE(names); i++)
                if (reasons & 1u << names[i].kind)
                        (void) json_array_append_new(json, json_string(names[i].text));
        return json;
}

static int on_pair(const StoredDuplicate *pair, void *userdata) {
        Pairs *pairs = userdata;
        /* A page ends between two leads: the next one begins below the last. */
        if (json_array_size(pairs->items) >= CONTROL_PAGE_MAX && pair->id != pairs->last) {
                pairs->more = true;
                return 1;
        }
        json_t *json = json_object();
        bool failed = !json;
        put(json, "lead", json_lead(pair->lead), &failed);
        put(json, "other", json_lead(pair->other), &failed);
        put(json, "reasons", reasons_of(pair->reasons), &failed);
        if (failed) {
                json_decref(json);
                pairs->failed = true;
        } else if (json_array_append_new(pairs->items, json) < 0)
                pairs->failed = true;
        pairs->last = pair->id;
        return pairs->failed;
}

int execute_duplicates(const ControlDesk *desk, ControlCall *call) {
        _cleanup_(json_decrefp) json_t *items = json_array();
        Pairs pairs = { .store = desk->store, .items = items, .failed = !items };
        int64_t before = call_integer(call, "before", 0);
        if (before < 0) {
                call_bad_value(call, "before", "the number of a lead");
                return 0;
        }
        int r = store_duplicates(desk->store, (uint64_t) before, on_pair, &pairs);
        if (r < 0)
                return r;
        json_t *reply = json_object();
        bool failed = !reply || pairs.failed;
        put(reply, "items", json_incref(items), &failed);
        put(reply, "next", pairs.more ? json_integer((json_int_t) pairs.last) : json_null(), &failed);
        control_set_reply(call, reply);
        return failed ? -ENOMEM : 0;
}
