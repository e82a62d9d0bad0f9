/* SPDX-License-Identifier: MIT */
/*
 * notify: runs rounds over the outbox. What needs no other process (journal, drops) is delivered durably first, then one
 * transaction marks it. What leadd-notify delivers is leased in that transaction (the attempt is counted before it is made)
 * and given to a teller after the commit; what became of it comes back later and is marked then. A kill at any moment
 * repeats what was under way, with the same ids, and loses nothing. Decides nothing about leads.
 */
#include "internal.h"
#include "leadd/messages.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>

typedef struct Flight {
        uint64_t id, lead;
        uint32_t attempts; /* with this one */
        int64_t created_us;
        Breaker *breaker; /* NULL = the channel has none */
        char channel[64];
} Flight;

struct Notify {
        int outgoing_fd;
        Tellers *tellers;
        Breakers breakers;
        Flight flights[NOTIFY_IN_FLIGHT_MAX];
        size_t n_flights;
};

int notify_new(const NotifyConfig *config, Notify **ret) {
        _cleanup_(notify_freep) Notify *notify = calloc(1, sizeof *notify);
        _cleanup_(base_closep) int spool_fd = open(config->spool_directory, O_DIRECTORY | O_CLOEXEC);

        if (!notify)
                return -ENOMEM;
        notify->outgoing_fd = -1;
        if (spool_fd < 0)
                return -errno;
        int r = segment_open_directory(spool_fd, "outgoing", &notify->outgoing_fd);
        if (r == 0)
                r = tellers_new(config, &notify->tellers);
        if (r < 0)
                return r;
        *ret = TAKE(notify);
        return 0;
}

Notify *notify_free(Notify *notify) {
        if (notify) {
                notify->tellers = tellers_free(notify->tellers);
                breakers_done(&notify->breakers);
                base_closep(&notify->outgoing_fd);
                free(notify);
        }
        return NULL;
}

void notify_freep(Notify **notify) { *notify = notify_free(*notify); }

size_t notify_n_in_flight(const Notify *notify) { return notify->n_flights; }

int notify_recover(Store *store, int64_t now_us) { return store_outbox_unlease(store, now_us); }

int64_t notify_next(const Notify *notify, Store *store) {
        /* With no room for more, only the local ones can go: a teller that is done brings the others. */
        return store_outbox_next(store, notify->n_flights < NOTIFY_IN_FLIGHT_MAX ? OUTBOX_REMOTE : OUTBOX_LOCAL);
}

/* ---- failing ---- */

/* Doubling pauses, each up to a fifth longer: many rows that failed together do not come back together. */
static int64_t wait_after(uint32_t attempts) {
        int64_t wait_us = NOTIFY_RETRY_FIRST_US;
        uint32_t dice = 0;

        for (uint32_t i = 1; i < attempts && wait_us < NOTIFY_RETRY_LAST_US; i++)
                wait_us *= 2;
        wait_us = wait_us < NOTIFY_RETRY_LAST_US ? wait_us : NOTIFY_RETRY_LAST_US;
        (void) !getrandom(&dice, sizeof dice, GRND_NONBLOCK); /* no randomness: they come in step */
        return wait_us + (int64_t) ((uint64_t) wait_us / 5 * (dice >> 8) >> 24);
}

static void say_failed(uint64_t lead_id, const char *channel, bool forever, const char *error) {
        char lead[32];
        const LogField fields[] = { { "LEAD_ID", lead } };

        (void) snprintf(lead, sizeof lead, "L-%" PRIu64, lead_id);
        if (forever)
                log_event(LOG_LEVEL_ERROR, MESSAGE_DELIVERY_DEAD, fields, ARRAY_SIZE(fields),
                        "%s: given up on channel %s: %s; `leadctl outbox` lists it", lead, channel, error);
        else
                log_event(LOG_LEVEL_WARNING, MESSAGE_DELIVERY_FAILED, fields, ARRAY_SIZE(fields),
                        "%s: not delivered to channel %s, tried again later: %s", lead, channel, error);
}

/* attempts: with the one that failed. Says so the first time and the last. */
static int mark_failed(Store *store, const Flight *flight, bool forever, int64_t retry_after_us, const char *error, int64_t now_us) {
        int64_t wait_us = wait_after(flight->attempts);

        wait_us = wait_us > retry_after_us ? wait_us : retry_after_us;
        forever |= now_us + wait_us > flight->created_us + NOTIFY_GIVE_UP_US;
        if (forever || flight->attempts == 1)
                say_failed(flight->lead, flight->channel, forever, error);
        return forever ? store_outbox_bury(store, flight->id, error) : store_outbox_retry(store, flight->id, now_us + wait_us, error);
}

/* ---- local rows ---- */

static void tell_journal(const OutboxRow *row) {
        char lead[32], step[16];
        const LogField fields[] = {
                { "LEAD_ID", lead },
                { "LEAD_OWNER", row->kind == EFFECT_REMINDED ? row->recipient : NULL },
                { "LEAD_RULE", row->rule },
                { "LEAD_STEP", step },
                { "LEAD_RULESET", row->rules },
        };

        (void) snprintf(lead, sizeof lead, "L-%" PRIu64, row->lead);
        (void) snprintf(step, sizeof step, "%u", row->step + 1); /* people count from 1 */
        if (row->kind == EFFECT_HELD)
                log_event(LOG_LEVEL_WARNING, MESSAGE_HELD, fields, ARRAY_SIZE(fields), "%s is held by %s", lead, row->rule);
        else
                log_event(LOG_LEVEL_NOTICE, MESSAGE_REMINDED, fields, ARRAY_SIZE(fields), "%s: %s step %u reminds %s (%s)", lead, row->rule,
                        row->step + 1, row->recipient, row->role ? row->role : "");
}

/* What became of one row of the round. */
typedef struct Attempt {
        bool tried, done;
        char error[96];
} Attempt;

static void deliver_local(const Notify *notify, const OutboxRow *rows, size_t n_rows, Attempt *attempts) {
        for (size_t i = 0; i < n_rows; i++) {
                if (attempts[i].tried)
                        continue;
                attempts[i].tried = true;
                if (rows[i].via == VIA_JOURNAL) {
                        tell_journal(&rows[i]);
                        attempts[i].done = true;
                        continue;
                }
                int r = segment_write(notify->outgoing_fd, rows[i].channel, rows, n_rows);
                for (size_t k = i; k < n_rows; k++) {
                        if (rows[k].via != VIA_DROP || !base_streq(rows[k].channel, rows[i].channel))
                                continue;
                        attempts[k].tried = true;
                        attempts[k].done = r >= 0;
                        if (r < 0)
                                (void) snprintf(attempts[k].error, sizeof attempts[k].error, "outgoing/%.40s: %s", rows[i].channel,
                                        r == -EINVAL ? "the name cannot be a directory's" : strerror(-r));
                }
        }
}

static Flight flight_of(const OutboxRow *row, uint32_t attempts) {
        Flight flight = { .id = row->id, .lead = row->lead, .attempts = attempts, .created_us = row->created_us };

        (void) snprintf(flight.channel, sizeof flight.channel, "%s", row->channel ? row->channel : "");
        return flight;
}

static int run_local(const Notify *notify, Store *store, int64_t now_us, Arena *arena, size_t *ret_n) {
        OutboxRow *rows = NULL;
        size_t n_rows = 0;
        int r = store_outbox_due(store, OUTBOX_LOCAL, now_us, NOTIFY_BATCH_MAX, arena, &rows, &n_rows);

        if (r != 0 || n_rows == 0)
                return r;
        Attempt *attempts = ARENA_ARRAY(arena, Attempt, n_rows);
        if (!attempts)
                return -ENOMEM;
        deliver_local(notify, rows, n_rows, attempts);
        r = store_begin(store);
        if (r != 0)
                return r;
        for (size_t i = 0; i < n_rows && r == 0; i++) {
                if (attempts[i].done) {
                        r = store_outbox_done(store, rows[i].id, now_us);
                        continue;
                }
                const Flight flight = flight_of(&rows[i], rows[i].attempts + 1);
                r = mark_failed(store, &flight, false, 0, attempts[i].error, now_us);
        }
        if (r != 0) {
                (void) store_rollback(store);
                return r;
        }
        r = store_commit(store);
        if (r == 0)
                *ret_n = n_rows;
        return r;
}

/* ---- rows for leadd-notify ---- */

static const char *via_name(Via via) {
        static const char *const names[] = { [VIA_JOURNAL] = "journal",
                [VIA_SENDMAIL] = "sendmail",
                [VIA_SMTP] = "smtp",
                [VIA_EXEC] = "exec",
                [VIA_WEBHOOK] = "webhook",
                [VIA_DROP] = "drop" };

        return (size_t) via < ARRAY_SIZE(names) ? names[via] : "";
}

static const char *kind_name(EffectKind kind) {
        switch (kind) {
        case EFFECT_ASSIGNED:
                return "assigned";
        case EFFECT_MOVED:
                return "moved";
        case EFFECT_REMINDED:
                return "reminded";
        case EFFECT_HELD:
                return "held";
        }
        return "";
}

static const Channel *find_channel(const RuleSet *rules, const char *name) {
        for (size_t i = 0; name && i < rules->n_channels; i++)
                if (base_streq(rules->channels[i].rule.name, name))
                        return &rules->channels[i];
        return NULL;
}

/* A mail's text is its subject, an empty line, and the body (decide/effects.c). The tag by which it may be answered is made only here, so
 * that neither decisions nor the book know any. */
static int make_request(const RuleSet *rules, const Store *store, const OutboxRow *row, const Channel *channel, char **ret) {
        bool is_mail = channel->via == VIA_SENDMAIL || channel->via == VIA_SMTP;
        const char *body = row->body ? row->body : "", *gap = is_mail ? strstr(body, "\n\n") : NULL, *said = gap ? gap + 2 : body;
        _cleanup_(text_free) Text text = { 0 };
        char id[24], lead[24], tag[NOTIFY_TAG_SIZE];
        int r = notify_answer_tag(store_secret(store), rules, channel, row, tag);

        if (r < 0)
                return r;
        text_append(&text, said);
        if (*tag)
                text_printf(&text, "%s\n[%s]\n", *said && said[strlen(said) - 1] != '\n' ? "\n" : "", tag);
        (void) snprintf(id, sizeof id, "%" PRIu64, row->id);
        (void) snprintf(lead, sizeof lead, "L-%" PRIu64, row->lead);
        json_t *subject = gap ? json_stringn(body, (size_t) (gap - body)) : json_null();
        json_t *json = json_pack("{s:s, s:{s:s, s:s, s:s?, s:s?, s:s?, s:o, s:s, s:s?, s:s, s:s, s:I, s:s?, s:s?}}", "method",
                "org.leadd.Notify.Deliver", "parameters", "id", id, "via", via_name(channel->via), "target", channel->target, "from",
                channel->from, "to", row->address, "subject", subject, "body", text.data ? text.data : "", "secret", channel->secret,
                "lead", lead, "kind", kind_name(row->kind), "time", (json_int_t) row->created_us, "reply_to",
                *tag ? channel->reply_to : NULL, "answer", *tag ? tag : NULL);

        *ret = json && text.error == 0 ? json_dumps(json, JSON_COMPACT) : NULL;
        json_decref(json);
        return *ret ? 0 : -ENOMEM;
}

static Flight *find_flight(Notify *notify, uint64_t id) {
        for (size_t i = 0; i < notify->n_flights; i++)
                if (notify->flights[i].id == id)
                        return &notify->flights[i];
        return NULL;
}

/* One row: leased, put off, or given up. *ret_request: what a teller is given after the commit. */
static int take_row(Notify *notify, Store *store, const RuleSet *rules, const OutboxRow *row, int64_t now_us, char **ret_request) {
        const Channel *channel = find_channel(rules, row->channel);
        Flight flight = flight_of(row, row->attempts + 1);
        int64_t until_us;

        *ret_request = NULL;
        if (find_flight(notify, row->id)) /* under way for longer than its lease (or a virtual clock was moved): nobody tells it twice */
                return store_outbox_postpone(store, row->id, now_us + NOTIFY_LEASE_US);
        if (!channel)
                return mark_failed(store, &flight, false, 0, "the rules have no such channel", now_us);
        flight.breaker = breaker_find(&notify->breakers, row->channel);
        if (!breaker_lets_through(flight.breaker, now_us, &until_us))
                return store_outbox_postpone(store, row->id, until_us);
        int r = make_request(rules, store, row, channel, ret_request);
        if (r < 0)
                return r;
        r = store_outbox_lease(store, row->id, now_us, now_us + NOTIFY_LEASE_US);
        if (r != 0) {
                base_freep(ret_request);
                return r;
        }
        if (flight.breaker)
                flight.breaker->n_in_flight++;
        notify->flights[notify->n_flights++] = flight;
        return 0;
}

static void drop_flight(Notify *notify, Flight *flight) {
        if (flight->breaker && flight->breaker->n_in_flight > 0)
                flight->breaker->n_in_flight--;
        *flight = notify->flights[--notify->n_flights];
}

static int run_remote(Notify *notify, Store *store, const RuleSet *rules, int64_t now_us, Arena *arena) {
        size_t n_room = NOTIFY_IN_FLIGHT_MAX - notify->n_flights, n_rows = 0;
        char *requests[NOTIFY_IN_FLIGHT_MAX];
        OutboxRow *rows = NULL;
        int r = n_room == 0 ? 0 : store_outbox_due(store, OUTBOX_REMOTE, now_us, n_room, arena, &rows, &n_rows);

        if (r != 0 || n_rows == 0)
                return r;
        r = store_begin(store);
        size_t n = 0;
        for (; n < n_rows && r == 0; n++)
                r = take_row(notify, store, rules, &rows[n], now_us, &requests[n]);
        if (r == 0)
                r = store_commit(store);
        else
                (void) store_rollback(store);
        for (size_t i = 0; i < n; i++) {
                if (!requests[i])
                        continue;
                if (r == 0 && tellers_give(notify->tellers, rows[i].id, requests[i]))
                        continue;
                /* Not committed; or no memory for the message: its lease runs out, and it is taken again. */
                if (r != 0)
                        free(requests[i]);
                drop_flight(notify, find_flight(notify, rows[i].id));
        }
        return r;
}

/* ---- the front door ---- */

int notify_run(Notify *notify, Store *store, const RuleSet *rules, int64_t now_us, size_t *ret_n) {
        int64_t next_us = notify_next(notify, store);
        _cleanup_(arena_freep) Arena *arena = NULL;

        *ret_n = 0;
        if (next_us == TIME_NONE || next_us > now_us)
                return 0;
        arena = arena_new(0);
        if (!arena)
                return -ENOMEM;
        int r = run_local(notify, store, now_us, arena, ret_n);
        return r == 0 ? run_remote(notify, store, rules, now_us, arena) : r;
}

static int mark_told(Store *store, const Flight *flight, const Told *told, int64_t now_us) {
        switch (told->outcome) {
        case TOLD_DELIVERED:
                return store_outbox_done(store, told->id, now_us);
        case TOLD_RETRY:
        case TOLD_FAILED:
                break;
        }
        return mark_failed(store, flight, told->outcome == TOLD_FAILED, told->retry_after_us, told->text, now_us);
}

int notify_told(Notify *notify, Store *store, const Told *told, int64_t now_us) {
        Flight *flight = find_flight(notify, told->id);

        if (!flight)
                return 0;
        int r = store_begin(store);
        if (r == 0) {
                r = mark_told(store, flight, told, now_us);
                r = r == STORE_E_NONE ? 0 : r; /* cancelled meanwhile */
                if (r == 0)
                        r = store_commit(store);
                else
                        (void) store_rollback(store);
        }
        if (r != 0) {
                drop_flight(notify, flight); /* not marked: when its lease runs out it is told again */
                return r;
        }
        /* A job that can never succeed says nothing about the channel. */
        if (told->outcome != TOLD_FAILED && breaker_note(flight->breaker, told->outcome == TOLD_RETRY, now_us))
                log_event(LOG_LEVEL_WARNING, MESSAGE_CHANNEL_BROKEN, NULL, 0,
                        "channel %s failed %d times in a row and is left alone for a while: %s", flight->channel, NOTIFY_BREAKER_FAILURES,
                        told->text);
        drop_flight(notify, flight);
        return 0;
}
