/* SPDX-License-Identifier: MIT */
/*
 * bench_store: the store alone, through its front door, with records and decisions made here: what of a decision's time
 * and bytes is remembering. New leads, then activities of leads at random (the case that dirties pages all over the
 * file), then opening again.
 *
 *     bench_store [N] [DIRECTORY]
 */
#include "../../daemon/store/internal.h"
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define BATCH 1000
#define NOW INT64_C(1772712000000000)

static int64_t monotonic_us(void) {
        struct timespec now;
        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t) now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

static uint64_t random_below(uint64_t n) {
        static uint64_t state = 88172645463325252u;
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return state % n;
}

static int set(Record *record, FieldId field, const char *text) {
        return facts_set(&record->facts, record->arena, field, NULL, value_text(text), record->time_us);
}

static Record *make_record(Store *store, uint64_t person, uint64_t number, bool is_new) {
        Record *record = record_new();
        if (!record)
                return NULL;
        record->time_us = NOW;
        record->source = "bench";
        record->type = is_new ? "lead.submitted" : "activity.page_viewed";
        record->family = record_family(record->type, &record->event);
        record->id = arena_printf(record->arena, "b-%" PRIu64, number);
        int r = set(record, FIELD_PERSON_EMAIL,
                arena_printf(record->arena, "person%" PRIu64 "@firm%" PRIu64 ".example", person, person % 50000));
        if (r == 0 && is_new) {
                r = set(record, FIELD_PERSON_EMAIL_DOMAIN, arena_printf(record->arena, "firm%" PRIu64 ".example", person % 50000));
                r = r == 0 ? set(record, FIELD_PERSON_GIVEN_NAME, "Maria") : r;
                r = r == 0 ? set(record, FIELD_PERSON_FAMILY_NAME, "Keller") : r;
                r = r == 0 ? set(record, FIELD_PERSON_TITLE, "Head of Logistics") : r;
                r = r == 0 ? set(record, FIELD_COMPANY_NAME, "Keller Transport GmbH") : r;
                r = r == 0 ? set(record, FIELD_COMPANY_DOMAIN, arena_printf(record->arena, "firm%" PRIu64 ".example", person % 50000)) : r;
                r = r == 0 ? set(record, FIELD_COMPANY_INDUSTRY, "Transportation") : r;
                r = r == 0 ? set(record, FIELD_ATTRIBUTION_CAMPAIGN, "spring-b2b") : r;
                r = r == 0 ? set(record, FIELD_ATTRIBUTION_FORM_NAME, "newsletter") : r;
        } else if (r == 0)
                r = set(record, FIELD_ACTIVITY_URL, "https://example.com/pricing");
        const DigestPart parts[] = { { "bench", 5 }, { record->id, strlen(record->id) } };
        if (r == 0)
                r = digest_keyed(store_secret(store), parts, ARRAY_SIZE(parts), &record->key);
        if (r == 0)
                r = record_identify(record, store_secret(store));
        return r == 0 ? record : record_free(record);
}

/* What the gate does around a decision, and a decision that costs nothing. */
static int judge(Store *store, const Record *record, Arena *arena) {
        static const Rule rules[] = { { .name = "SENIOR" }, { .name = "INDUSTRY" }, { .name = "FORM" } };
        Receipt receipts[ARRAY_SIZE(rules)];
        uint64_t lead, similar;
        Activity *history;
        size_t n_history;
        LeadState state;
        Desk desk;
        Decision decision = { .summary = "new: fit 40.0, engagement 0.0, grade B4" };
        arena_reset(arena);
        if (store_find_event(store, &record->key) != 0)
                return 0;
        int r = store_find_lead(store, record, &lead, &similar);
        if (r == 0)
                r = store_load_lead(store, lead, arena, &state, &decision.profile, &history, &n_history);
        if (r == 0)
                r = store_load_desk(store, facts_text(&record->facts, FIELD_COMPANY_DOMAIN), lead, NULL, NOW, arena, &desk);
        if (r == 0)
                r = facts_merge(&decision.profile, arena, &record->facts, &decision.profile_changed);
        if (r != 0)
                return r;
        decision.is_new = lead == 0;
        decision.after = state;
        if (lead == 0) {
                decision.after.status = "inquiry";
                decision.after.grade = "B4";
                decision.after.created_us = decision.after.entered_us = NOW;
        }
        decision.after.idle_from_us = TIME_NONE;
        decision.after.source_us = TIME_NONE;
        decision.after.engagement_mp += 8000;
        decision.after.version++;
        decision.after.wake_us = NOW + (int64_t) random_below(30 * US_PER_DAY);
        for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
                receipts[i] = (Receipt){ .rule = &rules[i], .matched = true, .points_mp = 8000, .after_mp = 8000 };
        decision.receipts = (Receipts){ .items = receipts, .n_items = ARRAY_SIZE(receipts) };
        return store_apply(store, &(StoreEntry){ .record = record,
                                          .decision = &decision,
                                          .event_id = store_next_event(store),
                                          .lead_id = lead > 0 ? lead : store_next_lead(store),
                                          .actor = "integration:bench",
                                          .now_us = NOW,
                                          .ledger = 1,
                                          .ledger_index = 1 });
}

static int pages_written(Store *store) {
        int n = 0, high;
        (void) sqlite3_db_status(store->db, SQLITE_DBSTATUS_CACHE_WRITE, &n, &high, 0);
        return n;
}

/* Records are made before the clock runs: that is intake's time. */
static int run(Store *store, uint64_t n_leads, uint64_t first, uint64_t n, bool is_new, Arena *arena, const char *path) {
        static Record *records[BATCH];
        int64_t spent_us = 0, longest_us = 0;
        int n_pages = pages_written(store), r = 0;
        for (uint64_t done = 0; r == 0 && done < n; done += BATCH) {
                for (size_t i = 0; i < BATCH; i++) {
                        records[i] = make_record(store, is_new ? done + i : random_below(n_leads), first + done + i, is_new);
                        if (!records[i])
                                return -1;
                }
                int64_t start_us = monotonic_us();
                r = store_begin(store);
                for (size_t i = 0; r == 0 && i < BATCH; i++)
                        r = judge(store, records[i], arena);
                r = r == 0 ? store_commit(store) : r;
                r = r == 0 ? store_checkpoint(store, false) : r;
                int64_t took_us = monotonic_us() - start_us;
                spent_us += took_us;
                longest_us = took_us > longest_us ? took_us : longest_us;
                for (size_t i = 0; i < BATCH; i++)
                        records[i] = record_free(records[i]);
        }
        struct stat st = { 0 };
        int64_t start_us = monotonic_us();
        r = r == 0 ? store_checkpoint(store, true) : r;
        spent_us += monotonic_us() - start_us;
        (void) stat(path, &st);
        if (r == 0)
                (void) printf("  %-28s %8.0f/s  %6.2f pages written each, longest batch %" PRId64 " ms, file %.0f B a lead\n",
                        is_new ? "new leads" : "activities of random leads", (double) n * US_PER_SECOND / (double) spent_us,
                        (double) (pages_written(store) - n_pages) / (double) n, longest_us / 1000, (double) st.st_size / (double) n_leads);
        return r;
}

int main(int argc, char **argv) {
        char directory[128], path[160];
        uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) / BATCH * BATCH : 100000;
        Store *store = NULL;
        Arena *arena = arena_new(0);
        (void) snprintf(directory, sizeof(directory), "%s/leadd-bench-XXXXXX", argc > 2 ? argv[2] : "/tmp");
        if (n == 0 || !arena || !mkdtemp(directory))
                return 2;
        (void) snprintf(path, sizeof(path), "%s/leadd.db", directory);
        (void) printf("store: %" PRIu64 " leads, batches of %d\n", n, BATCH);
        int r = store_open(path, STORE_WRITE, &store);
        r = r == 0 ? run(store, n, 0, n, true, arena, path) : r;
        r = r == 0 ? run(store, n, n, n, false, arena, path) : r;
        store = store_close(store);
        int64_t start_us = monotonic_us();
        r = r == 0 ? store_open(path, STORE_WRITE, &store) : r;
        (void) printf("  %-28s %8.0f ms\n", "opening", (double) (monotonic_us() - start_us) / 1000);
        store_close(store);
        arena_free(arena);
        static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
        for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
                char name[192];
                (void) snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
                (void) remove(name);
        }
        (void) remove(directory);
        if (r != 0)
                (void) fprintf(stderr, "bench_store: %d\n", r);
        return r != 0;
}
