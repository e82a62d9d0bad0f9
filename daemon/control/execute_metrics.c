/* SPDX-License-Identifier: MIT */
/*
 * What those ask who watch the machine: its figures as Prometheus reads them, and whether it is well. The second is answered on the
 * loop, from a connection that reads and from what the threads show, because it is asked for when one of them is stuck.
 */
#include "internal.h"
#include "leadd/metrics.h"
#include <errno.h>

int execute_metrics(const ControlDesk *desk, ControlCall *call) {
        _cleanup_(text_free) Text text = { 0 };
        int64_t now_us = clock_now_us(desk->clock);
        DaemonFigures daemon = { 0 };
        desk->figures(desk->daemon, &daemon);
        if (desk->leaks)
                daemon.leaks = leak_book_counts(desk->leaks, now_us);
        int r = metrics_format(desk->store, &daemon, now_us, &text);
        if (r != 0)
                return r < 0 ? r : -EIO;
        control_set_reply(call, json_pack("{s:s}", "text", text.data));
        return 0;
}

static int count_suspended(RuleKind kind _unused_, const char *rule _unused_, int64_t since_us _unused_, void *userdata) {
        ++*(json_int_t *) userdata;
        return 0;
}

/* To a thousandth. */
static json_t *json_seconds(int64_t us) {
        int64_t thousandths = us / 1000;
        return json_real((double) thousandths / 1000.0);
}

/* Of the disk with the least room in percent; null: not known. */
static json_t *json_room(const DaemonFigures *daemon) {
        double least = -1;
        for (size_t i = 0; i < ARRAY_SIZE(daemon->disks); i++) {
                const DiskFigures *disk = &daemon->disks[i];
                double percent = disk->size > 0 ? (double) disk->n_free * 100 / (double) disk->size : -1;
                if (percent >= 0 && (least < 0 || percent < least))
                        least = percent;
        }
        return least < 0 ? json_null() : json_real((double) (int64_t) (least * 10) / 10);
}

int execute_health(const ControlDesk *desk, ControlCall *call) {
        DaemonFigures daemon = { 0 };
        StoreCounts counts;
        json_int_t n_suspended = 0;
        desk->figures(desk->daemon, &daemon);
        int r = store_counts_kept(desk->store, &counts);
        if (r == 0)
                r = store_suspended(desk->store, count_suspended, &n_suspended);
        if (r != 0)
                return r < 0 ? r : -EIO;
        int64_t busy_us = daemon.judge_busy_us > daemon.reader_busy_us ? daemon.judge_busy_us : daemon.reader_busy_us;
        json_t *reply = json_object();
        bool failed = !reply;
        put(reply, "version", json_string(LEADD_VERSION), &failed);
        put(reply, "now", json_time(clock_now_us(desk->clock)), &failed);
        put(reply, "leads", json_integer((json_int_t) counts.n_leads), &failed);
        put(reply, "spool", json_seconds(daemon.spool_age_us), &failed);
        put(reply, "files", json_integer((json_int_t) daemon.spool.n), &failed);
        put(reply, "held", json_integer((json_int_t) counts.n_held), &failed);
        put(reply, "dead", json_integer((json_int_t) counts.n_outbox_dead), &failed);
        put(reply, "failing", json_integer((json_int_t) counts.n_outbox_failing), &failed);
        put(reply, "leaks", daemon.leaks.looked_us == TIME_NONE ? json_null() : json_integer((json_int_t) daemon.leaks.n_all), &failed);
        put(reply, "room", json_room(&daemon), &failed);
        put(reply, "busy", json_seconds(busy_us), &failed);
        put(reply, "suspended", json_integer(n_suspended), &failed);
        put(reply, "rules_refused", json_boolean(daemon.rules_refused), &failed);
        put(reply, "disk_full", json_boolean(daemon.disk_full), &failed);
        control_set_reply(call, reply);
        return failed ? -ENOMEM : 0;
}
