/* SPDX-License-Identifier: MIT */
/*
 * The line of the day about leaks: what the reporting thread found, kept in the book and told the journal once a day of the site's zone,
 * however often leadd starts or its clock is set back.
 */
#include "judge.h"
#include "leadd/messages.h"

#include <inttypes.h>
#include <stdio.h>

static void tell(const uint64_t n[static LEAK_KINDS]) {
        _cleanup_(text_free) Text kinds = { 0 };
        uint64_t n_all = 0;
        char number[24];

        for (int kind = LEAK_NONE + 1; kind < LEAK_KINDS; kind++) {
                n_all += n[kind];
                if (n[kind] > 0)
                        text_printf(&kinds, "%s%" PRIu64 " %s", kinds.size > 0 ? ", " : "", n[kind], leak_kind_name((LeakKind) kind));
        }
        (void) snprintf(number, sizeof number, "%" PRIu64, n_all);
        const LogField fields[] = { { "LEAD_LEAKS", number } };
        if (n_all == 0)
                log_event(LOG_LEVEL_NOTICE, MESSAGE_LEAKS, fields, 1, "leaks=0");
        else
                log_event(LOG_LEVEL_WARNING, MESSAGE_LEAKS, fields, 1, "leaks=%" PRIu64 ": %s; `leadctl report leaks` names them", n_all,
                        kinds.data ? kinds.data : "");
}

void judge_on_leaks(Judge *judge, const Work *work) {
        bool is_told;
        int r = store_leaks_told(judge->store, work->day, &is_told);

        if (r == 0 && is_told)
                return;
        if (r == 0) {
                r = store_begin(judge->store);
                if (r == 0)
                        r = store_note_leaks(judge->store, work->day, work->leaks);
                r = judge_end(judge, r);
        }
        if (r == 0)
                tell(work->leaks);
        else if (r == STORE_E_FULL)
                judge_note_full(judge); /* the next look brings it again */
        else
                (void) judge_give_up(judge, r, "the leaks of the day");
}
