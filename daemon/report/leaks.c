/* SPDX-License-Identifier: MIT */
/*
 * The look for leaks that never ends. What is known of every lead stands in memory, some bytes each: which leak it is, since when,
 * and when that may change by itself. A look then asks only about leads whose moment has come or of which something was written since
 * the last look, and comes to the same as a look at the whole book; this is what the first one is, and one after the rules changed.
 * Reads in short snapshots, between which the log may go on: what came meanwhile is looked at in the next round.
 */
#include "leadd/metrics.h"

#include "leadd/decide.h"

#include <errno.h>
#include <stdlib.h>

#define SLICE_LEADS 20000 /* in one snapshot: far less than the two seconds after which the log could not be emptied */
#define ROUND_EVENTS 20000
#define NEVER_S UINT32_MAX

/* Seconds since 1970: what begins or ends within one is looked at in it, as often as somebody looks. */
struct LeakBook {
        LeakRules rules;
        Arena *arena; /* of these */
        uint8_t hash[DIGEST_SIZE];
        uint64_t pass; /* the activation whose pass had ended at the last full look, or was under way then */
        bool pass_runs;
        bool is_whole; /* every lead was looked at */
        uint8_t *kinds;
        uint32_t *since_s, *next_s, *due_s; /* due: of leads that wait for their owner's answer */
        size_t n;                           /* leads below that number */
        uint64_t next_event;
        LeakCounts counts;
};

LeakBook *leak_book_new(void) {
        LeakBook *book = calloc(1, sizeof *book);

        if (book) {
                book->arena = arena_new(0);
                book->counts.looked_us = TIME_NONE;
        }
        if (book && !book->arena)
                return leak_book_free(book);
        return book;
}

LeakBook *leak_book_free(LeakBook *book) {
        if (book) {
                arena_free(book->arena);
                free(book->kinds);
                free(book->since_s);
                free(book->next_s);
                free(book->due_s);
                free(book);
        }
        return NULL;
}

static uint32_t seconds_of(int64_t time_us) {
        int64_t s = time_us / US_PER_SECOND;

        return time_us == TIME_NONE ? NEVER_S : s < 0 ? 0 : s >= NEVER_S ? NEVER_S - 1 : (uint32_t) s;
}

static int grow(LeakBook *book, uint64_t lead) {
        size_t n = book->n > 0 ? book->n : 1024;

        if (lead < book->n)
                return 0;
        while (n <= lead)
                n *= 2;
        uint8_t *kinds = reallocarray(book->kinds, n, sizeof *kinds);
        book->kinds = kinds ? kinds : book->kinds;
        uint32_t **const arrays[] = { &book->since_s, &book->next_s, &book->due_s };
        for (size_t i = 0; i < ARRAY_SIZE(arrays); i++) {
                uint32_t *array = reallocarray(*arrays[i], n, sizeof(uint32_t));
                if (!array || !kinds)
                        return -ENOMEM;
                *arrays[i] = array;
        }
        for (size_t i = book->n; i < n; i++) {
                book->kinds[i] = LEAK_NONE;
                book->since_s[i] = 0;
                book->next_s[i] = book->due_s[i] = NEVER_S;
        }
        book->n = n;
        return 0;
}

static void set(LeakBook *book, uint64_t lead, const LeakFound *found, int64_t due_us) {
        if (book->kinds[lead] != LEAK_NONE)
                book->counts.n[book->kinds[lead]]--;
        book->kinds[lead] = (uint8_t) found->kind;
        if (found->kind != LEAK_NONE)
                book->counts.n[found->kind]++;
        book->since_s[lead] = found->kind != LEAK_NONE ? seconds_of(found->since_us) : 0;
        book->next_s[lead] = seconds_of(found->next_us);
        if ((book->due_s[lead] == NEVER_S) != (due_us == TIME_NONE))
                book->counts.n_waiting += due_us != TIME_NONE ? 1 : UINT64_MAX; /* one less */
        book->due_s[lead] = seconds_of(due_us);
}

/* ---- one lead ---- */

typedef struct Looking {
        LeakBook *book;
        Store *store;
        int64_t now_us;
        uint64_t n_looked;
} Looking;

static int find(const LeakRules *rules, Store *store, LeakLead *lead, int64_t now_us, LeakFound *ret) {
        decide_leak(rules, lead, now_us, ret);
        if (!ret->asks_work)
                return 0;
        int r = store_leak_work(store, lead, &lead->work);
        if (r == 0)
                decide_leak(rules, lead, now_us, ret);
        return r;
}

static int on_lead(const LeakLead *found_lead, void *userdata) {
        Looking *looking = userdata;
        LeakLead lead = *found_lead;
        LeakFound found;

        int r = grow(looking->book, lead.lead);
        if (r == 0)
                r = find(&looking->book->rules, looking->store, &lead, looking->now_us, &found);
        if (r == 0) {
                set(looking->book, lead.lead, &found, lead.unaccepted && lead.owner && lead.sla ? lead.due_us : TIME_NONE);
                looking->n_looked++;
        }
        return r;
}

static int look_again(Looking *looking, uint64_t lead) {
        static const LeakFound nothing = { .since_us = TIME_NONE, .next_us = TIME_NONE };

        int r = grow(looking->book, lead);
        if (r == 0)
                r = store_leak_lead(looking->store, lead, on_lead, looking);
        if (r == STORE_E_NONE) {
                set(looking->book, lead, &nothing, TIME_NONE);
                r = 0;
        }
        return r;
}

/* ---- looks ---- */

static int take_snapshot(Store *store) {
        int r = store_begin(store);

        return r > 0 ? -EIO : r;
}

static int look_at_all(Looking *looking) {
        LeakBook *book = looking->book;
        uint64_t next = 1;

        book->is_whole = false;
        memset(book->counts.n, 0, sizeof book->counts.n);
        book->counts.n_waiting = 0;
        for (size_t i = 0; i < book->n; i++) {
                book->kinds[i] = LEAK_NONE;
                book->next_s[i] = book->due_s[i] = NEVER_S;
        }
        int r = store_log_end(looking->store, &book->next_event);
        while (r == 0 && next > 0) {
                r = take_snapshot(looking->store);
                if (r < 0)
                        return r;
                r = store_leak_leads(looking->store, next, SLICE_LEADS, on_lead, looking, &next);
                (void) store_rollback(looking->store);
        }
        book->is_whole = r == 0;
        return r;
}

static int compare_ids(const void *a, const void *b) {
        const uint64_t *x = a, *y = b;

        return *x < *y ? -1 : *x > *y;
}

/* Leads of which something was written since. What comes while it looks is for the next look: under a load that never ends this one does.
 */
static int look_at_touched(Looking *looking) {
        LeakBook *book = looking->book;
        _cleanup_(base_freep) uint64_t *leads = reallocarray(NULL, ROUND_EVENTS, sizeof *leads);
        uint64_t before, end;

        if (!leads)
                return -ENOMEM;
        int r = store_log_end(looking->store, &end);
        if (r != 0)
                return r;
        do {
                size_t n = 0;
                before = book->next_event;
                r = take_snapshot(looking->store);
                if (r < 0)
                        return r;
                r = store_leads_touched(looking->store, &book->next_event, ROUND_EVENTS, leads, &n);
                if (n > 0)
                        qsort(leads, n, sizeof *leads, compare_ids);
                for (size_t i = 0; r == 0 && i < n; i++)
                        if (i == 0 || leads[i] != leads[i - 1])
                                r = look_again(looking, leads[i]);
                (void) store_rollback(looking->store);
        } while (r == 0 && book->next_event != before && book->next_event < end);
        if (r != 0)
                book->next_event = before;
        return r;
}

/* ... and those whose moment has come. */
static int look_at_due(Looking *looking) {
        LeakBook *book = looking->book;
        uint32_t now_s = seconds_of(looking->now_us);
        size_t lead = 0;
        int r = 0;

        while (r == 0 && lead < book->n) {
                size_t n = 0;
                r = take_snapshot(looking->store);
                if (r < 0)
                        return r;
                for (; r == 0 && lead < book->n && n < SLICE_LEADS; lead++)
                        if (book->next_s[lead] <= now_s) {
                                r = look_again(looking, lead);
                                n++;
                        }
                (void) store_rollback(looking->store);
        }
        return r;
}

static int take_rules(LeakBook *book, Store *store, const RuleSet *rules, bool *ret_changed) {
        RulesPass pass = { 0 };
        int r = store_rules_pass(store, &pass);
        bool runs = pass.next <= pass.to && pass.event > 0;

        if (r != 0 && r != STORE_E_NONE)
                return r;
        /* A pass gives leads the new names of their statuses, without an event of theirs. */
        *ret_changed = book->rules.rules != rules || memcmp(book->hash, rules->hash, DIGEST_SIZE) != 0 || pass.event != book->pass ||
                       (book->pass_runs && !runs);
        if (*ret_changed) {
                arena_reset(book->arena);
                book->rules = (LeakRules){ 0 };
                r = leak_rules_init(rules, book->arena, &book->rules);
                if (r < 0)
                        return r;
                memcpy(book->hash, rules->hash, DIGEST_SIZE);
                book->pass = pass.event;
        }
        book->pass_runs = runs;
        return 0;
}

int leak_book_look(LeakBook *book, Store *store, const RuleSet *rules, int64_t now_us, bool whole, LeakLook *ret) {
        Looking looking = { .book = book, .store = store, .now_us = now_us };
        bool changed;

        *ret = (LeakLook){ 0 };
        int r = take_rules(book, store, rules, &changed);
        /* With the clock set back nothing that was found holds. */
        if (r == 0 && (whole || changed || !book->is_whole || (book->counts.looked_us != TIME_NONE && now_us < book->counts.looked_us))) {
                ret->is_whole = true;
                r = look_at_all(&looking);
        }
        if (r == 0)
                r = look_at_touched(&looking);
        if (r == 0)
                r = look_at_due(&looking);
        ret->n_leads = looking.n_looked;
        if (r != 0) {
                book->is_whole = false;
                return r < 0 ? r : -EIO;
        }
        book->counts.looked_us = now_us;
        book->counts.n_all = 0;
        for (int kind = LEAK_NONE + 1; kind < LEAK_KINDS; kind++)
                book->counts.n_all += book->counts.n[kind];
        return 0;
}

int64_t leak_book_next(const LeakBook *book) {
        uint32_t next_s = NEVER_S;

        for (size_t i = 0; i < book->n; i++)
                next_s = book->next_s[i] < next_s ? book->next_s[i] : next_s;
        return next_s == NEVER_S ? TIME_NONE : next_s * US_PER_SECOND + US_PER_SECOND;
}

LeakCounts leak_book_counts(const LeakBook *book, int64_t now_us) {
        LeakCounts counts = book->counts;
        uint32_t now_s = seconds_of(now_us);

        counts.n_overdue = 0;
        for (size_t i = 0; i < book->n; i++)
                counts.n_overdue += book->due_s[i] <= now_s;
        return counts;
}

LeakKind leak_book_kind(const LeakBook *book, uint64_t lead) { return lead < book->n ? (LeakKind) book->kinds[lead] : LEAK_NONE; }

/* ---- which ones ---- */

typedef struct Aged {
        uint32_t since_s, lead;
} Aged;

static int compare_aged(const void *a, const void *b) {
        const Aged *x = a, *y = b;

        if (x->since_s != y->since_s)
                return x->since_s < y->since_s ? -1 : 1;
        return x->lead < y->lead ? -1 : x->lead > y->lead;
}

typedef struct Naming {
        Looking looking;
        LeakLine *line;
} Naming;

static int on_line(const LeakLead *found_lead, void *userdata) {
        Naming *naming = userdata;
        const LeakRules *rules = &naming->looking.book->rules;
        LeakLead lead = *found_lead;
        LeakFound leak;

        int r = find(rules, naming->looking.store, &lead, naming->looking.now_us, &leak);
        if (r != 0)
                return r;
        const Status *status = policy_status(rules->rules, lead.status);
        *naming->line = (LeakLine){
                .lead = lead.lead,
                .kind = leak.kind,
                .rule = leak.rule,
                .since_us = leak.since_us,
                .status = lead.status,
                .team = status ? status->team->rule.name : NULL,
                .owner = lead.owner,
        };
        return 0;
}

static int fill_line(Naming *naming, uint64_t lead, Arena *arena, LeakLine *ret) {
        Store *store = naming->looking.store;
        Facts profile;

        naming->line = ret;
        int r = store_leak_lead(store, lead, on_line, naming);
        if (r == 0 && ret->kind == LEAK_NONE)
                r = STORE_E_NONE; /* mended since the look */
        if (r == 0)
                r = store_load_lead(store, lead, arena, NULL, &profile, NULL, NULL);
        if (r != 0)
                return r;
        const Value *amount = facts_get(&profile, FIELD_OPPORTUNITY_AMOUNT, NULL);
        ret->has_amount = amount && (amount->type == VALUE_NUMBER || amount->type == VALUE_INTEGER);
        ret->currency = facts_text(&profile, FIELD_OPPORTUNITY_CURRENCY);
        if (ret->has_amount)
                ret->amount = amount->type == VALUE_NUMBER ? amount->number : (double) amount->integer;
        return 0;
}

int leak_book_list(LeakBook *book, Store *store, int64_t now_us, size_t n_max, Arena *arena, LeakLine **ret, size_t *ret_n) {
        _cleanup_(base_freep) Aged *aged = reallocarray(NULL, book->counts.n_all + 1, sizeof *aged);
        LeakLine *lines = ARENA_ARRAY(arena, LeakLine, n_max + 1);
        Naming naming = { .looking = { .book = book, .store = store, .now_us = now_us } };
        size_t n = 0;
        int r = 0;

        *ret_n = 0;
        if (!aged || !lines)
                return -ENOMEM;
        for (size_t i = 0; i < book->n && n < book->counts.n_all; i++)
                if (book->kinds[i] != LEAK_NONE)
                        aged[n++] = (Aged){ book->since_s[i], (uint32_t) i };
        if (n > 0)
                qsort(aged, n, sizeof *aged, compare_aged);
        r = take_snapshot(store);
        if (r < 0)
                return r;
        for (size_t i = 0; r == 0 && i < n && *ret_n < n_max; i++) {
                r = fill_line(&naming, aged[i].lead, arena, &lines[*ret_n]);
                if (r == 0)
                        ++*ret_n;
                else if (r == STORE_E_NONE)
                        r = 0;
        }
        (void) store_rollback(store);
        *ret = lines;
        return r < 0 ? r : r > 0 ? -EIO : 0;
}
