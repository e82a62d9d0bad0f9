/* SPDX-License-Identifier: MIT */
/*
 * notify: runs rounds over the outbox. What needs no other process (journal, drops) is delivered durably first, then one
 * transaction marks it. What leadd-notify delivers is leased in that transaction (the attempt is counted before it is made)
 * and given to a teller after the commit; what became of it comes back later and is marked then. A kill at any moment
 * repeats what was under way, with the same ids, and loses nothing. Reminders by mail to one reader are gathered into one
 * mail at their first attempt, and stay together from then on. Decides nothing about leads.
 */
#include "internal.h"
#include "leadd/messages.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>

typedef struct Flight {
        uint64_t id;       /* of a row, or of a mail: all its rows */
        uint64_t lead;     /* of the first */
        uint64_t n_more;   /* rows besides the first */
        uint32_t attempts; /* with this one */
        int64_t tried_us;  /* the first attempt */
        Breaker *breaker;  /* NULL = the channel has none */
        char channel[64];
} Flight;

/* What a teller is given after the commit. */
typedef struct Taken {
        uint64_t id;
        char *request; /* NULL = nothing */
} Taken;

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

int64_t notify_next_free(const Notify *notify, Store *store) {
        return store_outbox_next(store, notify->n_flights < NOTIFY_IN_FLIGHT_MAX ? OUTBOX_FREE : OUTBOX_LOCAL);
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

static void say_failed(const Flight *flight, bool forever, const char *error) {
        char lead[32] = "a digest", more[40] = "";
        const LogField fields[] = { { "LEAD_ID", flight->lead > 0 ? lead : NULL } };

        if (flight->lead > 0)
                (void) snprintf(lead, sizeof lead, "L-%" PRIu64, flight->lead);
        if (flight->n_more > 0)
                (void) snprintf(more, sizeof more, " and %" PRIu64 " more", flight->n_more);
        if (forever)
                log_event(LOG_LEVEL_ERROR, MESSAGE_DELIVERY_DEAD, fields, ARRAY_SIZE(fields),
                        "%s%s: given up on channel %s: %s; `leadctl outbox` lists it", lead, more, flight->channel, error);
        else
                log_event(LOG_LEVEL_WARNING, MESSAGE_DELIVERY_FAILED, fields, ARRAY_SIZE(fields),
                        "%s%s: not delivered to channel %s, tried again later: %s", lead, more, flight->channel, error);
}

/* attempts: with the one that failed. Says so the first time and the last. */
static int mark_failed(Store *store, const Flight *flight, bool forever, int64_t retry_after_us, const char *error, int64_t now_us) {
        int64_t wait_us = wait_after(flight->attempts);

        wait_us = wait_us > retry_after_us ? wait_us : retry_after_us;
        forever |= now_us + wait_us > flight->tried_us + NOTIFY_GIVE_UP_US;
        if (forever || flight->attempts == 1)
                say_failed(flight, forever, error);
        return forever ? store_outbox_bury(store, flight->id, error)
                       : store_outbox_retry(store, flight->id, now_us, now_us + wait_us, error);
}

/* ---- what a track sends ---- */

/* It is meant for somebody who is in the track: who has left it since (sales has them, they said no, they answered) does not get what
 * waited for their hours, or for a server. Asked at each attempt, because that is when it would reach them. */
static int is_over(Store *store, const OutboxRow *row, bool *ret) {
        bool is_in = true;
        int r = row->kind == EFFECT_SENT ? store_is_in_track(store, row->lead, row->rule, row->event, &is_in) : 0;

        *ret = !is_in;
        return r;
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

/* An attempt that is made now. */
static Flight flight_of(const OutboxRow *row, int64_t now_us) {
        Flight flight = {
                .id = row->mail ? row->mail : row->id,
                .lead = row->lead,
                .attempts = row->attempts + 1,
                .tried_us = row->tried_us == TIME_NONE ? now_us : row->tried_us,
        };

        (void) snprintf(flight.channel, sizeof flight.channel, "%s", row->channel ? row->channel : "");
        return flight;
}

/* Takes what is over out of the rows, which stay in order. */
static int part_over(Store *store, OutboxRow *rows, size_t n_rows, uint64_t *over, size_t *ret_n_over) {
        size_t n = 0, n_over = 0;

        for (size_t i = 0; i < n_rows; i++) {
                bool is;
                int r = is_over(store, &rows[i], &is);
                if (r != 0)
                        return r;
                if (is)
                        over[n_over++] = rows[i].id;
                else
                        rows[n++] = rows[i];
        }
        *ret_n_over = n_over;
        return 0;
}

static int run_local(const Notify *notify, Store *store, int64_t now_us, Arena *arena, size_t *ret_n) {
        OutboxRow *rows = NULL;
        size_t n_rows = 0;
        int r = store_outbox_due(store, OUTBOX_LOCAL, now_us, NOTIFY_BATCH_MAX, arena, &rows, &n_rows);

        if (r != 0 || n_rows == 0)
                return r;
        Attempt *attempts = ARENA_ARRAY(arena, Attempt, n_rows);
        uint64_t *over = ARENA_ARRAY(arena, uint64_t, n_rows);
        size_t n_over;
        if (!attempts || !over)
                return -ENOMEM;
        r = part_over(store, rows, n_rows, over, &n_over);
        if (r != 0)
                return r;
        size_t n_due = n_rows;
        n_rows -= n_over;
        deliver_local(notify, rows, n_rows, attempts);
        r = store_begin(store);
        if (r != 0)
                return r;
        for (size_t i = 0; i < n_over && r == 0; i++)
                r = store_outbox_cancel(store, over[i], now_us);
        for (size_t i = 0; i < n_rows && r == 0; i++) {
                if (attempts[i].done) {
                        r = store_outbox_done(store, rows[i].id, now_us);
                        continue;
                }
                const Flight flight = flight_of(&rows[i], now_us);
                r = mark_failed(store, &flight, false, 0, attempts[i].error, now_us);
        }
        if (r != 0) {
                (void) store_rollback(store);
                return r;
        }
        r = store_commit(store);
        if (r == 0)
                *ret_n = n_due;
        return r;
}

/* ---- rows for leadd-notify ---- */

static const Channel *find_channel(const RuleSet *rules, const char *name) {
        for (size_t i = 0; name && i < rules->n_channels; i++)
                if (base_streq(rules->channels[i].rule.name, name))
                        return &rules->channels[i];
        return NULL;
}

static Flight *find_flight(Notify *notify, uint64_t id) {
        for (size_t i = 0; i < notify->n_flights; i++)
                if (notify->flights[i].id == id)
                        return &notify->flights[i];
        return NULL;
}

/* When the reader of a reminder works again; 0 = now, or has done so within the wait for other reminders. Its time was chosen when it was
 * decided: this is for those that a failure or a pause of the channel has put off. */
static int64_t quiet_until(const RuleSet *rules, const Channel *channel, const OutboxRow *row, int64_t now_us) {
        const Member *member = channel->quiet_recipient && row->recipient ? policy_member(rules, row->recipient) : NULL;
        const Calendar *calendar = member ? policy_member_calendar(member) : NULL;
        int64_t open_us;

        if (!calendar || calendar_next_open(calendar, now_us - channel->gather_us - NOTIFY_QUIET_SLACK_US, &open_us) != 0)
                return 0;
        return open_us > now_us ? open_us : 0;
}

static bool is_mailed_reminder(const OutboxRow *row, const Channel *channel) {
        return row->kind == EFFECT_REMINDED && row->recipient && (row->via == VIA_SENDMAIL || row->via == VIA_SMTP) &&
               (channel->via == VIA_SENDMAIL || channel->via == VIA_SMTP);
}

/* One row, or the mail it belongs to: leased, put off, or given up. */
static int take_row(Notify *notify, Store *store, const RuleSet *rules, const OutboxRow *row, int64_t now_us, Arena *arena, Taken *ret) {
        const Channel *channel = find_channel(rules, row->channel);
        Flight flight = flight_of(row, now_us);
        OutboxMail mail = { .rows = (OutboxRow *) row, .n_rows = 1, .n_leads = 1, .n_all = 1 };
        int64_t until_us;
        int r;

        *ret = (Taken){ .id = flight.id };
        bool over;
        r = is_over(store, row, &over);
        if (r != 0 || over)
                return r != 0 ? r : store_outbox_cancel(store, row->id, now_us);
        if (find_flight(notify, flight.id)) /* under way for longer than its lease (or a virtual clock was moved): nobody tells it twice */
                return store_outbox_postpone(store, flight.id, now_us + NOTIFY_LEASE_US);
        if (!channel)
                return mark_failed(store, &flight, false, 0, "the rules have no such channel", now_us);
        flight.breaker = breaker_find(&notify->breakers, row->channel);
        if (!breaker_lets_through(flight.breaker, now_us, &until_us))
                return store_outbox_postpone(store, flight.id, until_us);
        until_us = row->kind == EFFECT_REMINDED ? quiet_until(rules, channel, row, now_us) : 0;
        if (until_us > 0)
                return store_outbox_postpone(store, flight.id, until_us);
        if (is_mailed_reminder(row, channel)) {
                r = row->mail && !LEADD_BROKEN("gather_again")
                            ? 0
                            : store_outbox_gather(store, flight.id, now_us + channel->gather_us, NOTIFY_GATHER_MAX);
                if (r == 0)
                        r = store_outbox_mail(store, flight.id, NOTIFY_DIGEST_SECTIONS_MAX, arena, &mail);
                if (r != 0)
                        return r;
                flight.lead = mail.n_rows > 0 ? mail.rows[0].lead : flight.lead;
                flight.n_more = mail.n_all > 0 ? mail.n_all - 1 : 0;
        }
        r = message_make(store_secret(store), rules, channel, &mail, &ret->request);
        if (r < 0)
                return r;
        r = LEADD_BROKEN("mark_first") ? store_outbox_done(store, flight.id, now_us)
                                       : store_outbox_lease(store, flight.id, now_us, now_us + NOTIFY_LEASE_US);
        if (r != 0) {
                base_freep(&ret->request);
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

/* Takes the earliest again and again: a mail takes others with it, and each that is taken or put off is due no more. */
static int take_rows(Notify *notify, Store *store, const RuleSet *rules, int64_t now_us, Arena *arena, Taken *taken, size_t *n_taken) {
        int r = 0;

        for (size_t i = 0; i < NOTIFY_IN_FLIGHT_MAX && notify->n_flights < NOTIFY_IN_FLIGHT_MAX && r == 0; i++) {
                OutboxRow *rows = NULL;
                size_t n_rows = 0;
                r = store_outbox_due(store, OUTBOX_REMOTE, now_us, 1, arena, &rows, &n_rows);
                if (r != 0 || n_rows == 0)
                        return r;
                r = take_row(notify, store, rules, &rows[0], now_us, arena, &taken[*n_taken]);
                *n_taken += taken[*n_taken].request != NULL;
        }
        return r;
}

static int run_remote(Notify *notify, Store *store, const RuleSet *rules, int64_t now_us, Arena *arena) {
        Taken taken[NOTIFY_IN_FLIGHT_MAX];
        size_t n_taken = 0;
        int64_t next_us = store_outbox_next(store, OUTBOX_REMOTE);

        if (notify->n_flights == NOTIFY_IN_FLIGHT_MAX || next_us == TIME_NONE || next_us > now_us)
                return 0;
        int r = store_begin(store);
        if (r == 0)
                r = take_rows(notify, store, rules, now_us, arena, taken, &n_taken);
        if (r == 0)
                r = store_commit(store);
        else
                (void) store_rollback(store);
        for (size_t i = 0; i < n_taken; i++) {
                if (r == 0 && tellers_give(notify->tellers, taken[i].id, taken[i].request))
                        continue;
                /* Not committed; or no memory for the message: its lease runs out, and it is taken again. */
                if (r != 0)
                        free(taken[i].request);
                drop_flight(notify, find_flight(notify, taken[i].id));
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
