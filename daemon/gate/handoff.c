/* SPDX-License-Identifier: MIT */
/*
 * Who was first: what ended the hand-off of a lead that somebody wants to answer. Asked when a move came too late and when a mail is
 * answered; read from the log, so that no lead has to carry it.
 */
#include "leadd/gate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

typedef struct Looking {
        uint64_t lead;
        HandOffEnd end;
} Looking;

static int look(const StoredEvent *event, void *userdata) {
        Looking *looking = userdata;
        HandOffEnd *end = &looking->end;
        const MoveMade *move = event->n_moves > 0 ? &event->moves[0] : NULL;

        /* The log of a lead holds that of those merged into it: what became of them was another hand-off. */
        if (event->lead != looking->lead || (!move && !event->assignment.changed))
                return 0;
        /* People's names as they know them: "rep:anna" is anna. */
        const char *by = move && move->by ? move->by : "leadd";
        *end = (HandOffEnd){ .event = event->id, .at_us = event->now_us };
        (void) snprintf(end->move, sizeof end->move, "%s", move ? move->move : "");
        (void) snprintf(end->by, sizeof end->by, "%s", strncmp(by, "rep:", 4) == 0 ? by + 4 : by);
        if (event->assignment.changed && event->assignment.owner)
                (void) snprintf(end->owner, sizeof end->owner, "%s", event->assignment.owner);
        return 1;
}

int gate_find_handoff_end(Store *store, uint64_t lead, uint64_t after, HandOffEnd *ret) {
        Looking looking = { .lead = lead };
        int r = store_log(store, lead, after + 1, look, &looking);

        if (r < 0)
                return r;
        if (looking.end.event == 0)
                return STORE_E_NONE;
        *ret = looking.end;
        return 0;
}

void gate_say_handoff_end(const HandOffEnd *end, Text *out) {
        char at[TIME_TEXT_SIZE];

        if (*end->move && !base_streq(end->move, "assign"))
                text_printf(out, "%s by %s", end->move, end->by);
        else if (*end->owner)
                text_printf(out, "given to %s%s%s", end->owner, *end->move ? " by " : "", *end->move ? end->by : "");
        else
                text_append(out, "taken from its owner");
        text_printf(out, " at %s", time_format_rfc3339(end->at_us, at));
}
