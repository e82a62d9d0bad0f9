/* SPDX-License-Identifier: MIT */
/*
 * The figures of a running daemon in Prometheus' text format. What grows for ever is a counter and comes from the book, so
 * that a restart is not seen in it; nothing here goes through leads or events. Labels are names from the rules and of drop
 * directories; members' names are people's and in none. A label has at most METRICS_LABELS_MAX values: those that came up first, so that
 * a series never moves into "other".
 */
#include "leadd/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define OTHER "other" /* the value that stands for all beyond METRICS_LABELS_MAX, and for what is called so */

typedef enum Type { COUNTER, GAUGE, HISTOGRAM } Type;

static void begin(Text *out, const char *name, Type type, const char *help) {
        static const char *const types[] = { "counter", "gauge", "histogram" };

        text_printf(out, "# HELP leadd_%s %s\n# TYPE leadd_%s %s\n", name, help, name, types[type]);
}

static void add_label(Text *out, const char *label, const char *value, bool is_first) {
        text_printf(out, "%s%s=\"", is_first ? "{" : ",", label);
        for (const char *c = value; *c; c++)
                switch (*c) {
                case '\\':
                        text_append(out, "\\\\");
                        break;
                case '"':
                        text_append(out, "\\\"");
                        break;
                case '\n':
                        text_append(out, "\\n");
                        break;
                default:
                        text_append_char(out, *c);
                }
        text_append_char(out, '"');
}

/* labels: pairs of label and value, NULL behind the last. */
static void add_head(Text *out, const char *name, const char *const *labels) {
        text_printf(out, "leadd_%s", name);
        for (size_t i = 0; labels && labels[i]; i += 2)
                add_label(out, labels[i], labels[i + 1], i == 0);
        text_append(out, labels && labels[0] ? "} " : " ");
}

static void add(Text *out, const char *name, const char *const *labels, int64_t n) {
        add_head(out, name, labels);
        text_printf(out, "%" PRId64 "\n", n);
}

static void add_seconds(Text *out, const char *name, const char *const *labels, int64_t us) {
        add_head(out, name, labels);
        text_printf(out, "%" PRId64 ".%06" PRId64 "\n", us / US_PER_SECOND, us % US_PER_SECOND);
}

static void one(Text *out, const char *name, Type type, const char *help, uint64_t n) {
        begin(out, name, type, help);
        add(out, name, NULL, (int64_t) n);
}

static void one_of_seconds(Text *out, const char *name, Type type, const char *help, int64_t us) {
        begin(out, name, type, help);
        add_seconds(out, name, NULL, us < 0 ? 0 : us);
}

/* ---- sums ---- */

typedef struct Gathering {
        Text *out;
        SumKind kind;
        uint64_t last;      /* sum.a of the row before */
        size_t n_values;    /* of the label so far */
        int64_t others[16]; /* by sum.b, of what is above the limit */
        int64_t buckets[STORE_ACCEPTANCE_BOUNDS + 1], seconds;
        Text *failures; /* of rules: written behind */
        RuleKind rule_kind;
        int64_t n_other, n_other_failed;
} Gathering;

static const char *const outcome_names[] = { NULL, "accepted", "duplicate", "refused", "dropped" };
static const char *const delivery_names[] = { NULL, "delivered", "failed", "dead", "cancelled" };
static const char *const step_names[SUM_STEP_RESULTS] = { "nothing", "reminded", "reassigned", "moved" };

static void add_sum(Gathering *gathering, const char *name, uint64_t b, int64_t n) {
        char step[24];

        switch (gathering->kind) {
        case SUM_RECORDS:
                if (b > 0 && b < ARRAY_SIZE(outcome_names))
                        add(gathering->out, "records_total", (const char *[]){ "source", name, "outcome", outcome_names[b], NULL }, n);
                return;
        case SUM_DELIVERIES:
                if (b > 0 && b < ARRAY_SIZE(delivery_names))
                        add(gathering->out, "deliveries_total", (const char *[]){ "channel", name, "result", delivery_names[b], NULL }, n);
                return;
        case SUM_STEPS:
                (void) snprintf(step, sizeof step, "%" PRIu64, b / SUM_STEP_RESULTS + 1);
                add(gathering->out, "reminders_total",
                        (const char *[]){ "sla", name, "step", step, "result", step_names[b % SUM_STEP_RESULTS], NULL }, n);
                return;
        default:
                return;
        }
}

static int on_sum(const StoredSum *sum, void *userdata) {
        Gathering *gathering = userdata;

        if (sum->kind != gathering->kind)
                return 0;
        if (sum->kind == SUM_TRANSITIONS) {
                bool is_other = base_streq(sum->name, OTHER) && base_streq(sum->to, OTHER);
                if (!is_other && gathering->n_values++ < METRICS_LABELS_MAX)
                        add(gathering->out, "transitions_total", (const char *[]){ "from", sum->name, "to", sum->to, NULL }, sum->n);
                else
                        gathering->n_other += sum->n;
                return 0;
        }
        /* What is called so itself must not stand there a second time: one such pair, and the whole scrape is refused. */
        bool is_other = base_streq(sum->name, OTHER);
        if (!is_other && (gathering->n_values == 0 || sum->a != gathering->last)) {
                gathering->n_values++;
                gathering->last = sum->a;
        }
        if (!is_other && gathering->n_values <= METRICS_LABELS_MAX)
                add_sum(gathering, sum->name, sum->b, sum->n);
        else if (sum->kind == SUM_STEPS)
                gathering->others[sum->b % SUM_STEP_RESULTS] += sum->n;
        else if (sum->b < ARRAY_SIZE(gathering->others))
                gathering->others[sum->b] += sum->n;
        return 0;
}

static int add_sums(Store *store, SumKind kind, const char *name, const char *help, Text *out) {
        Gathering gathering = { .out = out, .kind = kind };

        begin(out, name, COUNTER, help);
        int r = store_sums(store, on_sum, &gathering);
        if (r != 0)
                return r;
        for (size_t b = 0; b < ARRAY_SIZE(gathering.others); b++)
                if (gathering.others[b] > 0)
                        add_sum(&gathering, OTHER, b, gathering.others[b]);
        if (gathering.n_other > 0)
                add(out, name, (const char *[]){ "from", OTHER, "to", OTHER, NULL }, gathering.n_other);
        return 0;
}

static int on_acceptance(const StoredSum *sum, void *userdata) {
        Gathering *gathering = userdata;

        if (sum->kind == SUM_ACCEPTANCE && sum->a < ARRAY_SIZE(gathering->buckets))
                gathering->buckets[sum->a] = sum->n;
        if (sum->kind == SUM_ACCEPTANCE_SECONDS)
                gathering->seconds = sum->n;
        return 0;
}

static int add_acceptance(Store *store, Text *out) {
        Gathering gathering = { 0 };
        int64_t n = 0;
        int r = store_sums(store, on_acceptance, &gathering);

        if (r != 0)
                return r;
        begin(out, "acceptance_seconds", HISTOGRAM,
                "Working time in the owner's calendar from the offer of a lead until its owner accepted it.");
        for (size_t i = 0; i <= STORE_ACCEPTANCE_BOUNDS; i++) {
                char bound[24] = "+Inf";
                if (i < STORE_ACCEPTANCE_BOUNDS)
                        (void) snprintf(bound, sizeof bound, "%" PRId64, store_acceptance_bound_us(i) / US_PER_SECOND);
                n += gathering.buckets[i];
                add(out, "acceptance_seconds_bucket", (const char *[]){ "le", bound, NULL }, n);
        }
        add(out, "acceptance_seconds_sum", NULL, gathering.seconds);
        add(out, "acceptance_seconds_count", NULL, n);
        return 0;
}

/* ---- rules ---- */

static void end_rule_kind(Gathering *gathering) {
        const char *kind = gathering->rule_kind ? rule_kind_name(gathering->rule_kind) : NULL;

        if (gathering->n_other > 0)
                add(gathering->out, "rule_hits_total", (const char *[]){ "kind", kind, "rule", OTHER, NULL }, gathering->n_other);
        if (gathering->n_other_failed > 0)
                add(gathering->failures, "rule_failures_total", (const char *[]){ "kind", kind, "rule", OTHER, NULL },
                        gathering->n_other_failed);
        gathering->n_values = 0;
        gathering->n_other = gathering->n_other_failed = 0;
}

/* By kind, and among these by the order in which they came up. */
static int on_rule(const RuleHits *hits, void *userdata) {
        Gathering *gathering = userdata;

        if (hits->kind == RULE_MEMBER || hits->kind > RULE_KIND_LAST)
                return 0;
        if (hits->kind != gathering->rule_kind) {
                end_rule_kind(gathering);
                gathering->rule_kind = hits->kind;
        }
        if (base_streq(hits->rule, OTHER) || gathering->n_values++ >= METRICS_LABELS_MAX) {
                gathering->n_other += (int64_t) hits->n_ever;
                gathering->n_other_failed += (int64_t) hits->n_failed;
                return 0;
        }
        const char *const labels[] = { "kind", rule_kind_name(hits->kind), "rule", hits->rule, NULL };
        add(gathering->out, "rule_hits_total", labels, (int64_t) hits->n_ever);
        if (hits->n_failed > 0)
                add(gathering->failures, "rule_failures_total", labels, (int64_t) hits->n_failed);
        return 0;
}

static int on_suspended(RuleKind kind _unused_, const char *rule _unused_, int64_t since_us _unused_, void *userdata) {
        ++*(uint64_t *) userdata;
        return 0;
}

static int add_rules(Store *store, const DaemonFigures *daemon, int64_t now_us, Text *out) {
        _cleanup_(text_free) Text failures = { 0 };
        Gathering gathering = { .out = out, .failures = &failures };
        uint64_t n_suspended = 0;

        begin(out, "rule_hits_total", COUNTER, "How often a rule did what `leadctl rules` counts, over all time of the book.");
        int r = store_rule_hits(store, now_us, on_rule, &gathering);
        if (r != 0)
                return r;
        end_rule_kind(&gathering);
        begin(out, "rule_failures_total", COUNTER, "How often a rule broke or overran its budget, over all time of the book.");
        if (failures.data)
                text_append(out, failures.data);
        r = store_suspended(store, on_suspended, &n_suspended);
        if (r != 0)
                return r;
        one(out, "rules_suspended", GAUGE, "Rules that are suspended because they overran their budget.", n_suspended);
        one(out, "rules_refused", GAUGE, "1 while the rules on disk are not the running ones because they do not load.",
                daemon->rules_refused);
        one_of_seconds(out, "rules_loaded_timestamp_seconds", GAUGE, "When rules were taken last, at the start or by a reload.",
                daemon->rules_loaded_us);
        return failures.error;
}

/* ---- leads ---- */

typedef struct Statuses {
        Text *out;
        uint64_t n_open, n_values, n_other;
} Statuses;

static int on_status(const StatusCount *count, void *userdata) {
        Statuses *statuses = userdata;

        statuses->n_open += count->n_unaccepted;
        if (!base_streq(count->status, OTHER) && statuses->n_values++ < METRICS_LABELS_MAX)
                add(statuses->out, "leads", (const char *[]){ "status", count->status, NULL }, (int64_t) count->n);
        else
                statuses->n_other += count->n;
        return 0;
}

static int add_leads(Store *store, const StoreCounts *counts, const LeakCounts *leaks, Text *out) {
        Statuses statuses = { .out = out };

        begin(out, "leads", GAUGE, "Leads by status, without tests and without those merged into others.");
        int r = store_status_counts(store, on_status, &statuses);
        if (r != 0)
                return r;
        if (statuses.n_other > 0)
                add(out, "leads", (const char *[]){ "status", OTHER, NULL }, (int64_t) statuses.n_other);
        one(out, "leads_held", GAUGE, "Leads that wait because nobody can take them or a rule broke.", counts->n_held);
        one(out, "leads_unowned", GAUGE, "Open leads nobody owns although their status belongs to a team with members.", counts->n_unowned);
        one(out, "handoffs_open", GAUGE, "Leads that wait for their owner to accept them or to send them back.", statuses.n_open);
        one(out, "handoffs_overdue", GAUGE, "Of these, those whose agreement is past its due.", leaks->n_overdue);
        begin(out, "leaks", GAUGE, "Leads that nobody looks after and no rule brings back to mind, by kind; see `leadctl report leaks`.");
        for (int kind = LEAK_NONE + 1; kind < LEAK_KINDS; kind++)
                add(out, "leaks", (const char *[]){ "kind", leak_kind_name((LeakKind) kind), NULL }, (int64_t) leaks->n[kind]);
        one_of_seconds(out, "leaks_looked_timestamp_seconds", GAUGE, "When leaks were looked for last; 0 before the first look.",
                leaks->looked_us == TIME_NONE ? 0 : leaks->looked_us);
        return 0;
}

/* ---- the daemon ---- */

static void add_daemon(const DaemonFigures *daemon, const StoreCounts *counts, Text *out) {
        char schema[24];

        (void) snprintf(schema, sizeof schema, "%d", STORE_SCHEMA_VERSION);
        begin(out, "build_info", GAUGE, "What runs; always 1.");
        add(out, "build_info", (const char *[]){ "version", LEADD_VERSION, "sqlite", store_sqlite_version(), "schema", schema, NULL }, 1);
        one_of_seconds(out, "start_time_seconds", GAUGE, "When the daemon started, by its clock.", daemon->started_us);
        one_of_seconds(out, "uptime_seconds", GAUGE, "For how long it runs.", daemon->uptime_us);
        begin(out, "thread_busy_seconds", GAUGE, "For how long a thread has been at its present piece of work; 0 while it is idle.");
        add_seconds(out, "thread_busy_seconds", (const char *[]){ "thread", "judge", NULL }, daemon->judge_busy_us);
        add_seconds(out, "thread_busy_seconds", (const char *[]){ "thread", "reader", NULL }, daemon->reader_busy_us);
        one(out, "spool_files", GAUGE, "Files in the spool that are not settled; of a large backlog those that were looked at.",
                daemon->spool.n);
        one_of_seconds(out, "spool_oldest_age_seconds", GAUGE, "For how long the oldest file in the spool has waited; 0 when it is empty.",
                daemon->spool_age_us);
        one(out, "files_total", COUNTER, "Files the spool has taken, over all time of the book.", counts->n_files);
        one(out, "events_total", COUNTER, "Events of the log.", counts->n_events);
        one(out, "outbox_waiting", GAUGE, "Notifications that are not delivered yet.", counts->n_outbox);
        one(out, "outbox_failing", GAUGE, "Of these, those with a failed attempt.", counts->n_outbox_failing);
        one(out, "outbox_dead", GAUGE, "Notifications that were given up and wait for a person.", counts->n_outbox_dead);
        one(out, "database_size_bytes", GAUGE, "Size of the database.", counts->file_size);
        one(out, "wal_size_bytes", GAUGE, "Size of its write-ahead log.", counts->wal_size);
        one(out, "commits_total", COUNTER, "Transactions committed since the start.", daemon->work.n_commits);
        one_of_seconds(out, "commit_seconds_total", COUNTER, "Time spent in committing them.", daemon->work.commit_us);
        one(out, "checkpoints_total", COUNTER, "Checkpoints of the write-ahead log since the start.", daemon->work.n_checkpoints);
        one(out, "disk_full", GAUGE, "1 while intake waits because the disk is full.", daemon->disk_full);
        begin(out, "disk_free_bytes", GAUGE, "Room left on the disk of a directory.");
        for (size_t i = 0; i < ARRAY_SIZE(daemon->disks); i++)
                if (daemon->disks[i].size > 0)
                        add(out, "disk_free_bytes", (const char *[]){ "directory", daemon->disks[i].what, NULL },
                                (int64_t) daemon->disks[i].n_free);
        begin(out, "disk_size_bytes", GAUGE, "Size of that disk.");
        for (size_t i = 0; i < ARRAY_SIZE(daemon->disks); i++)
                if (daemon->disks[i].size > 0)
                        add(out, "disk_size_bytes", (const char *[]){ "directory", daemon->disks[i].what, NULL },
                                (int64_t) daemon->disks[i].size);
}

int metrics_format(Store *store, const DaemonFigures *daemon, int64_t now_us, Text *out) {
        StoreCounts counts;
        int r = store_begin(store);

        if (r != 0)
                return r;
        r = store_counts_kept(store, &counts);
        if (r == 0) {
                add_daemon(daemon, &counts, out);
                r = add_leads(store, &counts, &daemon->leaks, out);
        }
        if (r == 0)
                r = add_sums(store, SUM_RECORDS, "records_total", "Records from the spool by drop directory and what became of them.", out);
        if (r == 0)
                r = add_sums(store, SUM_TRANSITIONS, "transitions_total", "Changes of status.", out);
        if (r == 0)
                r = add_sums(store, SUM_STEPS, "reminders_total", "Steps of agreements that came, and what they did.", out);
        if (r == 0)
                r = add_sums(store, SUM_DELIVERIES, "deliveries_total",
                        "Attempts to deliver notifications by channel, and notifications that were given up or cancelled.", out);
        if (r == 0)
                r = add_acceptance(store, out);
        if (r == 0)
                r = add_rules(store, daemon, now_us, out);
        (void) store_rollback(store);
        return r == 0 ? out->error : r;
}
