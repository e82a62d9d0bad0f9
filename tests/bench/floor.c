/* SPDX-License-Identifier: MIT */
/*
 * floor: what the machine can do at most. Writes exactly the rows that leadd writes for N new leads, through the same
 * prepared statements (daemon/store/internal.h) and in the same transactions, and does nothing else: nothing is parsed,
 * judged, looked up or encoded. One thread, synchronous=FULL, batches of 1000.
 *
 *     floor FILE N [files|timers]
 *
 * The rows are those of the records of tests/bench/run under the shipped rules: every lead an event, its payload, its keys, the
 * lead and a company; every fiftieth is handed over and, when everybody has what they may have, held, armed and told to ops. `files`
 * adds what single files cost in the ledger. `timers` writes into an existing book (tests/bench/timers) what the N timers that are due
 * first write when they fire. When apply.c or ledger.c write other rows, this writes them too.
 */
#include "../../daemon/store/internal.h"
#include "leadd/followup.h"
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define BATCH 1000
#define N_COMPANIES 50000
#define HELD_EVERY 50
#define RULESET_SIZE 35000 /* the shipped rules, archived */

/* A payload as facts_encode gives it: the e-mail varies, the rest is what forms say. */
static const char rest_of_facts[] =
        "Maria Keller808\0\0\1\25\5Maria\0\1\25\11Keller808\0\1\25\10VP Sales\0\2\5\2vp\0\13\5\21firm19750.example\0\12\25"
        "\17Firm 19750 GmbH\0\2\5\21firm19750.example\0\1\25\16Transportation\0\2\23\364\3\25\2AT\0\14\25\13paid-"
        "search\0\3\25\12spring-b2b\0\7\25\4demo\0\25\"\7contact\0\1#\7contact\0\0\200\337\323\253\365\221\246\6";

/* A body with three receipts, as most have. */
static const uint8_t body[] = { 1, 0, 0, 0, 96, 4, 52, 4, 192, 184, 2, 192, 184, 2, 192, 184, 2, 0, 76, 4, 224, 212, 3, 224, 212, 3, 224,
        212, 3, 0, 56, 4, 136, 1, 224, 212, 3, 136, 1, 1, 58, 6, 0, 0, 0, 0 };

static int64_t monotonic_us(void) {
        struct timespec now;
        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t) now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

static uint64_t random_u64(void) {
        static uint64_t state = 88172645463325252u;
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return state;
}

/* What happens once: a rule set, its statuses, the names every row uses. */
static int write_head(Store *store, int64_t now_us) {
        static const char *const names[] = { "inquiry", "mql", "marketing", "inside_sales", "lead.submitted", "bench/1",
                "integration:bench", "SENIOR", "INDUSTRY", "FORM", "C4", "DACH", "journal", "ops",
                "new: fit 40.0, engagement 0.0, grade B4" };
        static const char archive[RULESET_SIZE];
        int r = 0;
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++)
                r = sql_run(store, SQL_NAME_ADD, ARG(i + 1), ARG(names[i]));
        sqlite3_stmt *row = NULL;
        if (r == 0)
                r = sql_row(store, SQL_RULESET_ADD, &row, ARG("hash"), ARG_BYTES(archive, sizeof(archive)), ARG(now_us));
        sql_resetp(&row);
        for (uint64_t status = 1; r == 0 && status <= 2; status++)
                r = sql_run(store, SQL_STATUS_ADD, ARG(status), ARG(status + 2), ARG(0), ARG(true));
        return r;
}

static int write_held(Store *store, uint64_t lead, uint64_t event, int64_t now_us) {
        static uint64_t outbox;
        int r = sql_run(store, SQL_HELD_SET, ARG(lead), ARG((uint64_t) 12),
                ARG("nobody in inside_sales can take it: anna has 5 of 5 not yet accepted, ben has 3 of 3 not yet accepted, petra gets "
                    "leads only as head"),
                ARG(now_us), ARG(now_us + 15 * US_PER_MINUTE));
        if (r == 0)
                r = sql_run(store, SQL_WAKE_ADD, ARG(now_us + 15 * US_PER_MINUTE), ARG(lead));
        if (r == 0)
                r = sql_run(store, SQL_OUTBOX_ADD, ARG(++outbox), ARG(event), ARG(lead), ARG(4), ARG(0), ARG((Ref){ .id = 13 }),
                        ARG((Ref){ .id = 14 }), ARG((const char *) NULL), ARG((Ref){ .id = 14 }), ARG((Ref){ .id = 12 }), ARG(0),
                        ARG((const char *) NULL), ARG(now_us), ARG(now_us), ARG((Ref){ 0 }));
        return r;
}

static int write_lead(Store *store, uint64_t lead, int64_t now_us, uint64_t ledger) {
        char id[32], domain[32], facts[512];
        uint8_t keys[KEY_SIZE + 1 + KEY_SIZE], packed[DIGEST_SIZE];
        uint64_t event = lead + 1, company = lead % N_COMPANIES + 1;
        bool is_held = lead % HELD_EVERY == 0;
        int64_t time_us = INT64_C(1772668800000000) + (int64_t) (lead % 86400) * US_PER_SECOND;
        for (size_t i = 0; i < sizeof(keys); i++)
                keys[i] = (uint8_t) random_u64();
        (void) snprintf(id, sizeof(id), "b-%" PRIu64, lead);
        int size = snprintf(facts, sizeof(facts), "\1\3%.22s\1\21\1\25\35person%" PRIu64 "@firm%" PRIu64 ".example%c\3\5\17",
                "time time time time ti", lead, lead % N_COMPANIES, 0);
        memcpy(facts + size, rest_of_facts, sizeof(rest_of_facts) - 1);

        int r = sql_run(store, SQL_EVENT_ADD, ARG(event), ARG(lead), ARG((uint64_t) 0), ARG((Ref){ .id = 5 }), ARG((Ref){ .id = 6 }),
                ARG((Ref){ .id = 7 }), ARG((uint64_t) 1), ARG(now_us), ARG(now_us - time_us), ARG(EVENT_IS_ACTIVITY | EVENT_IS_SUBMISSION),
                record_id_pack(id, packed), ARG(ledger), ARG(lead), ARG_BYTES(body, sizeof(body)));
        if (r == 0)
                r = sql_run(store, SQL_PAYLOAD_ADD, ARG(event), ARG_BYTES(facts, (size_t) size + sizeof(rest_of_facts) - 1),
                        ARG((const char *) NULL), ARG((Blob){ 0 }));
        if (r == 0)
                r = sql_run(store, SQL_KEY_ADD, ARG(event), ARG(lead), ARG_BYTES(keys, sizeof(keys)));
        if (r == 0 && lead <= N_COMPANIES) {
                (void) snprintf(domain, sizeof(domain), "firm%" PRIu64 ".example", company);
                r = sql_run(store, SQL_COMPANY_ADD, ARG(company), ARG(domain));
        }
        if (r == 0)
                r = sql_run(store, SQL_LEAD_ADD, ARG(lead), ARG(is_held ? 2 : 1), ARG(0), ARG(1), ARG(event), ARG(is_held ? event : 0),
                        ARG(time_us), ARG(now_us - time_us), ARG(0), ARG(40000), ARG(0), ARG(11), ARG((Ref){ 0 }), ARG(is_held ? 40 : 32),
                        is_held ? ARG(now_us - time_us + 15 * US_PER_MINUTE) : ARG_TIME(TIME_NONE), ARG(company), ARG(event),
                        ARG((Ref){ .id = 6 }), ARG(0), ARG(0), ARG_TIME(TIME_NONE), ARG(0), ARG((Ref){ .id = 6 }), ARG((Ref){ 0 }),
                        ARG((Ref){ 0 }));
        if (r == 0 && is_held)
                r = sql_run(store, SQL_TRANSITION_ADD, ARG(event * PASSAGES_PER_EVENT), ARG(lead), ARG(now_us), ARG(12), ARG(1), ARG(2),
                        ARG(0), ARG((Ref){ .id = 7 }), ARG(0), ARG(0));
        if (r == 0 && is_held)
                r = write_held(store, lead, event, now_us);
        return r;
}

/* A file of one record: seen, taken, and after its unlink settled (with the next batch). */
static int write_file(Store *store, uint64_t ledger, int64_t now_us) {
        char name[32];
        int r;
        (void) snprintf(name, sizeof(name), "%06" PRIu64 ".json", ledger);
        r = sql_run(store, SQL_LEDGER_ADD, ARG(ledger), ARG("bench"), ARG_BYTES(name, strlen(name)), ARG((uint64_t) 65024),
                ARG(ledger + 1000000), ARG((uint64_t) 529), ARG(now_us), ARG(now_us));
        for (int state = LEDGER_FINISHED; r == 0 && state <= LEDGER_SETTLED; state += LEDGER_SETTLED - LEDGER_FINISHED)
                r = sql_run(store, SQL_LEDGER_SET, ARG(ledger), ARG(state), ARG(now_us), ARG((uint64_t) 529), ARG((uint64_t) 2),
                        ARG((uint64_t) 1), ARG((uint64_t) 0), ARG((uint64_t) 0), ARG((uint64_t) 0), ARG(0u), ARG(0));
        return r;
}

static int write_end_of_batch(Store *store, uint64_t n) {
        static uint64_t n_told;
        int r = sql_run(store, SQL_TALLY_SET, ARG((uint64_t) 0), ARG((uint64_t) 1), ARG((int64_t) (n - n / HELD_EVERY)), ARG((int64_t) 0));
        if (r == 0)
                r = sql_run(store, SQL_TALLY_SET, ARG((uint64_t) 0), ARG((uint64_t) 2), ARG((int64_t) (n / HELD_EVERY)), ARG((int64_t) 0));
        if (r == 0)
                r = sql_run(store, SQL_TOTAL_SET, ARG(n), ARG((uint64_t) 0), ARG((uint64_t) 0), ARG((uint64_t) 0), ARG(n));
        for (; r == 0 && n_told < n / HELD_EVERY; n_told++) {
                sqlite3_stmt *row = NULL;
                r = sql_row(store, SQL_OUTBOX_DONE, &row, ARG(n_told + 1), ARG(INT64_C(1772668800000000)));
                sql_resetp(&row);
        }
        return r;
}

/* A step of a book's timer that is due: an event, its key, the lead, its SLA, the next armed instant, a mail. The rows are read as far as
 * they must be known to be written. */
static int write_step(Store *store, uint64_t lead, int64_t due_us) {
        static const uint8_t step_body[24] = { 1 };
        static const char mail[] = "Lead L-123456 waits\n\nMaria Keller808, Firm 19750 GmbH. Answer by 2026-03-12T10:00:00+01:00.";
        static const int64_t repeat_us = US_PER_DAY;
        uint8_t key[KEY_SIZE], packed[DIGEST_SIZE];
        char id[64], address[32];
        uint64_t event = store->now.next_event++, outbox = store->now.next_outbox++;
        LeadRow before;
        for (size_t i = 0; i < sizeof(key); i++)
                key[i] = (uint8_t) random_u64();
        (void) snprintf(id, sizeof(id), "L-%" PRIu64 "-DAY1-%" PRIu64 "-0", lead, event);
        (void) snprintf(address, sizeof(address), "m%02" PRIu64 "@firm.de", lead % 50);
        int r = lead_row(store, lead, &before);
        if (r == 0)
                r = sql_run(store, SQL_EVENT_ADD, ARG(event), ARG(lead), ARG(before.last_event), ARG((Ref){ .id = before.status }),
                        ARG((Ref){ .id = before.status }), ARG((Ref){ .id = before.status }), ARG((uint64_t) 1), ARG(due_us), ARG(0),
                        ARG(0), record_id_pack(id, packed), ARG(0), ARG(0), ARG_BYTES(step_body, sizeof(step_body)));
        if (r == 0)
                r = sql_run(store, SQL_KEY_ADD, ARG(event), ARG(lead), ARG_BYTES(key, sizeof(key)));
        if (r == 0)
                r = sql_run(store, SQL_LEAD_SET, ARG(lead), ARG(before.status), ARG(before.owner), ARG(before.version + 1), ARG(event),
                        ARG(before.moved_event), ARG(before.created_us), ARG(before.entered_us - before.created_us), ARG(-1), ARG(0),
                        ARG(0), ARG(before.grade), ARG((Ref){ 0 }), ARG(before.flags), ARG(due_us + repeat_us - before.created_us),
                        ARG(before.company), ARG(before.profile_event), ARG(before.last_event), ARG((Ref){ .id = before.status }),
                        ARG(before.source_us - before.created_us), ARG(before.route),
                        before.offered_event ? ARG(before.offered_us - before.created_us) : ARG_TIME(TIME_NONE), ARG(before.offered_event),
                        ARG((Ref){ .id = before.status }), ARG((Ref){ 0 }), ARG((Ref){ 0 }));
        if (r == 0)
                r = sql_run(store, SQL_SLA_SET, ARG(lead), ARG(before.status), ARG(before.last_event), ARG(before.entered_us), ARG(due_us),
                        ARG(1u), ARG(due_us + repeat_us), ARG((int64_t) 0), ARG_TIME(TIME_NONE), ARG((const char *) NULL),
                        ARG((Ref){ .id = before.status }));
        if (r == 0)
                r = sql_run(store, SQL_WAKE_DELETE, ARG(due_us), ARG(lead));
        if (r == 0)
                r = sql_run(store, SQL_WAKE_ADD, ARG(due_us + repeat_us), ARG(lead));
        if (r == 0)
                r = sql_run(store, SQL_OUTBOX_ADD, ARG(outbox), ARG(event), ARG(lead), ARG((int) EFFECT_REMINDED), ARG((int) VIA_SMTP),
                        ARG((Ref){ .id = before.status }), ARG((Ref){ .id = before.owner }), ARG(address),
                        ARG((Ref){ .id = before.status }), ARG((Ref){ .id = before.status }), ARG(0), ARG(mail), ARG(due_us), ARG(due_us),
                        ARG((Ref){ 0 }));
        return r;
}

/* The n timers of an existing book that are due first. */
static int write_timers(Store *store, uint64_t n) {
        uint64_t leads[FOLLOWUP_BATCH_MAX];
        int64_t dues_us[FOLLOWUP_BATCH_MAX];
        int r = 0;
        for (uint64_t done = 0; r == 0 && done < n;) {
                size_t n_due = 0;
                r = store_wake_due(
                        store, INT64_MAX - 1, n - done < FOLLOWUP_BATCH_MAX ? n - done : FOLLOWUP_BATCH_MAX, leads, dues_us, &n_due);
                if (r == 0)
                        r = n_due == 0 ? STORE_E_NONE : sql_run_plain(store, SQL_BEGIN);
                for (size_t i = 0; r == 0 && i < n_due; i++)
                        r = write_step(store, leads[i], dues_us[i]);
                if (r == 0)
                        r = sql_run_plain(store, SQL_COMMIT);
                if (r == 0)
                        r = store_checkpoint(store, false);
                done += n_due;
        }
        return r;
}

static int write_all(Store *store, uint64_t n, bool files) {
        int64_t now_us = INT64_C(1795425885516845);
        int r = sql_run_plain(store, SQL_BEGIN);
        if (r == 0)
                r = write_head(store, now_us);
        for (uint64_t lead = 1; r == 0 && lead <= n; lead++) {
                r = write_lead(store, lead, now_us + (int64_t) lead * 15, files ? lead : 1);
                if (r == 0 && (files || lead == 1))
                        r = write_file(store, lead, now_us);
                if (r == 0 && (lead % BATCH == 0 || lead == n)) {
                        r = write_end_of_batch(store, lead);
                        if (r == 0)
                                r = sql_run_plain(store, SQL_COMMIT);
                        if (r == 0)
                                r = store_checkpoint(store, false);
                        if (r == 0 && lead < n)
                                r = sql_run_plain(store, SQL_BEGIN);
                }
        }
        return r;
}

int main(int argc, char **argv) {
        Store *store = NULL;
        struct stat st;
        uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
        bool files = argc == 4 && base_streq(argv[3], "files"), timers = argc == 4 && base_streq(argv[3], "timers");
        if (argc < 3 || argc > 4 || n == 0 || (argc == 4 && !files && !timers)) {
                (void) fprintf(stderr, "usage: floor FILE N [files|timers]\n");
                return 2;
        }
        int r = store_open(argv[1], STORE_WRITE, &store);
        int64_t start_us = monotonic_us();
        if (r == 0)
                r = timers ? write_timers(store, n) : write_all(store, n, files);
        if (r == 0)
                r = store_checkpoint(store, true);
        double seconds = (double) (monotonic_us() - start_us) / US_PER_SECOND;
        store_close(store);
        if (r == 0 && stat(argv[1], &st) < 0)
                r = -1;
        if (r != 0) {
                (void) fprintf(stderr, "floor: %d\n", r);
                return 1;
        }
        (void) printf("floor: %" PRIu64 " %s in %.3f s = %.0f/s, %.0f B/lead\n", n, timers ? "timers" : "leads", seconds,
                (double) n / seconds, (double) st.st_size / (double) n);
        return 0;
}
