/* SPDX-License-Identifier: MIT */
/*
 * reporter: the thread that makes reports, one at a time, so that neither the loop nor the judge waits for one. Has a read-only
 * connection of its own, and the rules as the book has them archived: those that are running.
 */
#include "leadd.h"

#include <errno.h>
#include <jansson.h>

typedef struct Reporter {
        const ReporterStart *start;
        Store *store;
        RuleSet *rules;
        Text archive; /* of these rules */
} Reporter;

/* The rules that decide now; the same set as before is not loaded again. */
static int take_rules(Reporter *reporter) {
        _cleanup_(policy_freep) RuleSet *rules = NULL;
        PolicyReport report = { 0 };
        const void *archive;
        size_t size;
        int r = store_rules_last(reporter->store, &archive, &size);

        if (r != 0)
                return r < 0 ? r : -ENOENT;
        if (reporter->rules && reporter->archive.size == size && memcmp(reporter->archive.data, archive, size) == 0)
                return 0;
        r = policy_load_archive(archive, size, &rules, &report);
        policy_report_done(&report);
        if (r != 0)
                return r < 0 ? r : -EINVAL;
        text_clear(&reporter->archive);
        text_append_size(&reporter->archive, archive, size);
        policy_free(reporter->rules);
        reporter->rules = TAKE(rules);
        return reporter->archive.error;
}

static int get_ready(Reporter *reporter) {
        if (!reporter->store) {
                int r = store_open(reporter->start->database, STORE_READ_ONLY, &reporter->store);
                if (r != 0)
                        return r < 0 ? r : -EIO;
        }
        return take_rules(reporter);
}

static int no_status(void *userdata _unused_, json_t *into _unused_) { return -EOPNOTSUPP; }

static void make_report(Reporter *reporter, ControlCall *call) {
        const Leadd *leadd = reporter->start->leadd;
        int r = get_ready(reporter);

        if (r < 0) {
                log_warning("a report failed: %s", strerror(-r));
                control_set_error(call, "org.leadd.Report.Failed", json_pack("{s:s}", "text", strerror(-r)));
                return;
        }
        const ControlDesk desk = {
                .store = reporter->store,
                .rules = reporter->rules,
                .clock = leadd->clock,
                .spool_directory = leadd->options.spool,
                .rules_directory = leadd->options.rules,
                .status = no_status,
        };
        (void) control_execute(&desk, call);
}

void *reporter_run(void *reporter_start) {
        Reporter reporter = { .start = reporter_start };
        Leadd *leadd = reporter.start->leadd;
        ControlCall *call;

        while (!atomic_load(&leadd->stopping) && (call = queue_pop(leadd->to_reporter, -1))) {
                make_report(&reporter, call);
                leadd_tell(leadd, NEWS_REPLY, call, NULL, 0);
        }
        policy_free(reporter.rules);
        text_free(&reporter.archive);
        store_close(reporter.store);
        return NULL;
}
