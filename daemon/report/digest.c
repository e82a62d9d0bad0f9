/* SPDX-License-Identifier: MIT */
/*
 * The desk of a team as one screen of plain text, composed from the same rows and events as `list` and `log`; of a team without members
 * what came of its leads (digest_queue.c). Both begin with the same line about both teams. Leads are named by number, so that
 * what was mailed holds nobody's data. Reads only; what it looks at is bounded, and where a bound was met the text says so.
 */
#include "digest.h"

#include "internal.h"
#include "leadd/gate.h"
#include "measures.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define WAITING_SHOWN_MAX 5
#define HELD_SHOWN_MAX 2
#define HELD_COUNTED_MAX 1000

/* ---- lines ---- */

/* The line that was put together, cut to the width of the screen. */
void digest_end_line(DigestBoard *board) {
        const char *s = board->line.data ? board->line.data : "";
        size_t columns = 0, size = 0;

        while (s[size] && columns < REPORT_DIGEST_COLUMNS_MAX) {
                size++;
                while (((unsigned char) s[size] & 0xc0) == 0x80)
                        size++;
                columns++;
        }
        while (size > 0 && s[size - 1] == ' ')
                size--;
        if (board->n_lines < REPORT_DIGEST_LINES_MAX) {
                text_append_size(board->out, s, size);
                text_append_char(board->out, '\n');
                board->n_lines++;
        }
        if (board->line.error < 0)
                board->out->error = board->line.error;
        text_clear(&board->line);
}

void digest_begin_count(DigestBoard *board, const char *label, size_t n) {
        text_printf(&board->line, "%-*s %4zu   ", DIGEST_LABEL_COLUMNS, label, n);
}

void digest_add_time(DigestBoard *board, int64_t time_us) {
        char buffer[TIME_TEXT_SIZE];

        /* 2026-03-05T08:30:00+01:00 -> 2026-03-05 08:30 */
        if (board->zone)
                (void) zone_format(board->zone, time_us, buffer);
        else
                (void) time_format_rfc3339(time_us, buffer);
        text_printf(&board->line, "%.10s %.5s", buffer, buffer + 11);
}

static void add_duration(Text *out, int64_t us) {
        if (us < 2 * US_PER_HOUR)
                text_printf(out, "%" PRId64 " min", us / US_PER_MINUTE);
        else if (us < 2 * US_PER_DAY)
                text_printf(out, "%" PRId64 " h", us / US_PER_HOUR);
        else
                text_printf(out, "%" PRId64 " d", us / US_PER_DAY);
}

int digest_compare_counts(const void *a_, const void *b_) {
        const DigestCount *a = a_, *b = b_;
        return a->n != b->n ? (a->n > b->n ? -1 : 1) : strcmp(a->name, b->name);
}

/* ---- what there is ---- */

static void find_next_day(DigestBoard *board) {
        int64_t local_us = board->now_us + (board->zone ? zone_offset_seconds(board->zone, board->now_us) * US_PER_SECOND : 0);
        int64_t day_us = (local_us / US_PER_DAY - (local_us % US_PER_DAY < 0)) * US_PER_DAY + US_PER_DAY, open_us;

        board->next_from_us = board->zone ? zone_local_to_utc(board->zone, day_us) : day_us;
        if (board->calendar && calendar_next_open(board->calendar, board->next_from_us, &open_us) == 0) {
                local_us = open_us + (board->zone ? zone_offset_seconds(board->zone, open_us) * US_PER_SECOND : 0);
                day_us = (local_us / US_PER_DAY - (local_us % US_PER_DAY < 0)) * US_PER_DAY;
        }
        board->next_from_us = board->zone ? zone_local_to_utc(board->zone, day_us) : day_us;
        board->next_until_us = board->zone ? zone_local_to_utc(board->zone, day_us + US_PER_DAY) : day_us + US_PER_DAY;
}

static bool is_waiting(const DeskLead *lead) { return lead->rank <= PECK_WAITS; }

static int load_desks(DigestBoard *board) {
        const Team *team = board->team;
        size_t capacity = 0, share = team->n_members > 0 ? REPORT_DIGEST_LEADS_MAX / team->n_members : 0;

        board->members = ARENA_ARRAY(board->arena, DigestCount, team->n_members + 1);
        if (!board->members)
                return -ENOMEM;
        for (size_t i = 0; i < team->n_members; i++) {
                DeskLead *leads;
                size_t n, n_all;
                int r = store_on_desk(board->store, team->members[i]->rule.name, share, board->arena, &leads, &n, &n_all);
                if (r != 0)
                        return r;
                board->members[i] = (DigestCount){ .name = team->members[i]->rule.name, .n = n_all };
                board->n_left_out += n_all - n;
                if (board->n_leads + n > capacity) {
                        capacity = 2 * (board->n_leads + n);
                        DeskLead *grown = ARENA_ARRAY(board->arena, DeskLead, capacity);
                        if (!grown)
                                return -ENOMEM;
                        if (board->n_leads > 0)
                                memcpy(grown, board->leads, board->n_leads * sizeof(DeskLead));
                        board->leads = grown;
                }
                if (n > 0)
                        memcpy(board->leads + board->n_leads, leads, n * sizeof(DeskLead));
                board->n_leads += n;
        }
        decide_peck(board->rules, board->now_us, board->leads, board->n_leads);
        for (size_t i = 0; i < board->n_leads; i++) {
                const DeskLead *lead = &board->leads[i];
                for (size_t m = 0; m < team->n_members; m++) {
                        DigestCount *member = &board->members[m];
                        if (!lead->owner || !base_streq(member->name, lead->owner))
                                continue;
                        member->n_waiting += is_waiting(lead);
                        member->n_overdue += lead->rank == PECK_OVERDUE;
                        member->n_next += is_waiting(lead) && lead->due_us != TIME_NONE && lead->due_us >= board->next_from_us &&
                                          lead->due_us < board->next_until_us;
                }
        }
        return 0;
}

void digest_name(Named *named, uint64_t lead) {
        for (size_t i = 0; i < named->n; i++)
                if (named->leads[i] == lead)
                        return;
        if (named->n < DIGEST_NAMED_MAX)
                named->leads[named->n++] = lead;
        else
                named->has_more = true;
}

void digest_name_newer(Named *named, uint64_t lead) {
        size_t at = 0;

        while (at < named->n && named->leads[at] != lead)
                at++;
        if (at == DIGEST_NAMED_MAX) { /* the oldest gives way */
                named->has_more = true;
                at--;
        } else if (at == named->n)
                named->n++;
        memmove(named->leads + 1, named->leads, at * sizeof(named->leads[0]));
        named->leads[0] = lead;
}

void digest_add_named(DigestBoard *board, const Named *named) {
        for (size_t i = 0; i < named->n; i++)
                text_printf(&board->line, "%sL-%" PRIu64, i > 0 ? ", " : "", named->leads[i]);
        if (named->has_more)
                text_append(&board->line, ", ...");
}

bool digest_is_of_team(const DigestBoard *board, const char *status) {
        const Status *found = status ? policy_status(board->rules, status) : NULL;
        return found && found->team == board->team;
}

static void count_reason(DigestBoard *board, const char *reason) {
        size_t i = 0;

        while (i < board->n_reasons && !base_streq(board->reasons[i].name, reason))
                i++;
        if (i == DIGEST_REASONS_MAX)
                return;
        if (i == board->n_reasons) {
                /* The event's texts live during the callback only. */
                const char *name = arena_strdup(board->arena, reason);
                if (!name)
                        return;
                board->reasons[board->n_reasons++] = (DigestCount){ .name = name };
        }
        board->reasons[i].n++;
}

static int on_event(const StoredEvent *event, void *userdata) {
        DigestBoard *board = userdata;
        const char *born = event->n_moves > 0 ? event->moves[0].from : board->rules->initial ? board->rules->initial->rule.name : NULL;
        const char *last = event->n_moves > 0 ? event->moves[event->n_moves - 1].to : born, *reason = NULL;
        bool entered = false, left = false;

        if (event->lead == 0 || event->is_test || (event->n_moves == 0 && !event->is_first))
                return 0;
        entered = digest_is_of_team(board, last) && (event->is_first || !digest_is_of_team(board, born));
        for (size_t i = 0; i < event->n_moves && !reason; i++)
                if (event->moves[i].reason && digest_is_of_team(board, event->moves[i].from) &&
                        !digest_is_of_team(board, event->moves[i].to))
                        reason = event->moves[i].reason;
        left = reason && !digest_is_of_team(board, last);
        if (entered) {
                board->n_new++;
                digest_name(&board->new_leads, event->lead);
        }
        if (left) {
                board->n_back++;
                count_reason(board, reason);
        }
        return 0;
}

/* ---- the sections ---- */

static void write_new(DigestBoard *board) {
        digest_begin_count(board, "New", board->n_new);
        if (board->events_cut)
                text_append(&board->line, "(at least) ");
        digest_add_named(board, &board->new_leads);
        digest_end_line(board);
        digest_begin_count(board, "Handed back", board->n_back);
        if (board->events_cut)
                text_append(&board->line, "(at least) ");
        if (board->n_reasons > 1)
                qsort(board->reasons, board->n_reasons, sizeof(DigestCount), digest_compare_counts);
        for (size_t i = 0; i < board->n_reasons; i++)
                text_printf(&board->line, "%s%s %zu", i > 0 ? ", " : "", board->reasons[i].name, board->reasons[i].n);
        digest_end_line(board);
}

static void write_waiting(DigestBoard *board) {
        size_t n = 0, n_overdue = 0, n_soon = 0;

        for (; n < board->n_leads && is_waiting(&board->leads[n]); n++) {
                n_overdue += board->leads[n].rank == PECK_OVERDUE;
                n_soon += board->leads[n].rank == PECK_SOON;
        }
        digest_begin_count(board, "Waiting", n);
        if (n > 0)
                text_printf(&board->line, "%zu overdue, %zu due within two hours", n_overdue, n_soon);
        digest_end_line(board);
        for (size_t i = 0; i < n && i < WAITING_SHOWN_MAX; i++) {
                const DeskLead *lead = &board->leads[i];
                Text due = { 0 };
                if (lead->due_us == TIME_NONE)
                        text_append(&due, "no limit");
                else if (lead->due_us <= board->now_us) {
                        text_append(&due, "overdue ");
                        add_duration(&due, board->now_us - lead->due_us);
                } else {
                        text_append(&due, "in ");
                        add_duration(&due, lead->due_us - board->now_us);
                }
                text_printf(&board->line, "  L-%-8" PRIu64 " %-3s %-14s %-16s %s%s%s%s", lead->lead, *lead->grade ? lead->grade : "-",
                        lead->owner ? lead->owner : "-", due.data ? due.data : "", lead->status, lead->sla ? " (" : "",
                        lead->sla ? lead->sla : "", lead->sla ? ")" : "");
                text_free(&due);
                digest_end_line(board);
        }
        if (n > WAITING_SHOWN_MAX) {
                text_printf(&board->line, "  and %zu more", n - WAITING_SHOWN_MAX);
                digest_end_line(board);
        }
}

/* Why, where it is the routes' word: what a broken rule said may hold anything. */
static bool is_routes_word(const char *text) {
        return text && (strncmp(text, "nobody in ", 10) == 0 || strncmp(text, "no route ", 9) == 0);
}

int digest_write_held(DigestBoard *board) {
        _cleanup_(base_freep) HeldLead *leads = reallocarray(NULL, HELD_COUNTED_MAX, sizeof(HeldLead));
        size_t n = 0;

        if (!leads)
                return -ENOMEM;
        int r = store_held_in(board->store, board->team->rule.name, NULL, HELD_COUNTED_MAX, leads, &n);
        if (r != 0)
                return r;
        digest_begin_count(board, "Held", n);
        if (n == HELD_COUNTED_MAX)
                text_append(&board->line, "(at least)");
        digest_end_line(board);
        for (size_t i = 0; i < n && i < HELD_SHOWN_MAX; i++) {
                LeadState state;
                r = store_load_lead(board->store, leads[i].lead, board->arena, &state, NULL, NULL, NULL);
                if (r != 0)
                        return r < 0 ? r : -EUCLEAN;
                text_printf(&board->line, "  L-%-8" PRIu64 " ", leads[i].lead);
                add_duration(&board->line, board->now_us - state.held.since_us);
                text_printf(&board->line, " by %s%s%s", state.held.by ? state.held.by : "-", is_routes_word(state.held.text) ? ": " : "",
                        is_routes_word(state.held.text) ? state.held.text : "");
                digest_end_line(board);
        }
        return 0;
}

static int compare_since(const void *a_, const void *b_) {
        const DeskLead *const *a = a_, *const *b = b_;

        if ((*a)->since_us != (*b)->since_us)
                return (*a)->since_us < (*b)->since_us ? -1 : 1;
        return (*a)->lead < (*b)->lead ? -1 : 1;
}

/* How long nothing happened to the lead, as `idle` in the rules has it. */
static int find_idle(DigestBoard *board, uint64_t lead, int64_t *ret_us) {
        _cleanup_(arena_freep) Arena *arena = arena_new(GATE_EVENT_MEMORY_MAX);
        LeadState state;
        Facts profile;
        Activity *history;
        size_t n_history;
        Subject subject;
        const Desk nobody = { 0 };

        if (!arena)
                return -ENOMEM;
        int r = store_load_lead(board->store, lead, arena, &state, &profile, &history, &n_history);
        if (r != 0)
                return r < 0 ? r : -EUCLEAN;
        const DecideInput input = {
                .event_id = store_next_event(board->store),
                .lead_id = lead,
                .before = &state,
                .profile = &profile,
                .history = history,
                .n_history = n_history,
                .actor = "system:leadd",
                .now_us = board->now_us,
                .desk = &nobody,
        };
        r = decide_look(board->rules, &input, arena, &subject, NULL);
        if (r == 0)
                *ret_us = board->now_us - (subject.touched_us > state.entered_us ? subject.touched_us : state.entered_us);
        return r;
}

static int write_stalled(DigestBoard *board) {
        const DeskLead **open = ARENA_ARRAY(board->arena, const DeskLead *, board->n_leads + 1);
        size_t n = 0, n_stalled = 0;
        Text shown = { 0 };
        int r = 0;

        if (!open)
                return -ENOMEM;
        for (size_t i = 0; i < board->n_leads; i++)
                if (board->leads[i].rank == PECK_OPEN && board->now_us - board->leads[i].since_us >= REPORT_DIGEST_STALLED_US)
                        open[n++] = &board->leads[i];
        if (n > 1)
                qsort(open, n, sizeof(*open), compare_since);
        for (size_t i = 0; i < n && i < REPORT_DIGEST_STALLED_LOOKS_MAX && r == 0; i++) {
                int64_t idle_us = 0;
                r = find_idle(board, open[i]->lead, &idle_us);
                if (r != 0 || idle_us < REPORT_DIGEST_STALLED_US)
                        continue;
                if (n_stalled++ < DIGEST_NAMED_MAX) {
                        text_printf(&shown, "%sL-%" PRIu64 " %s ", n_stalled > 1 ? ", " : "", open[i]->lead,
                                open[i]->owner ? open[i]->owner : "-");
                        add_duration(&shown, idle_us);
                }
        }
        digest_begin_count(board, "Stalled", n_stalled);
        text_append(&board->line, shown.data ? shown.data : "");
        if (n_stalled > DIGEST_NAMED_MAX)
                text_append(&board->line, ", ...");
        if (n > REPORT_DIGEST_STALLED_LOOKS_MAX)
                text_append(&board->line, " (at least)");
        text_free(&shown);
        digest_end_line(board);
        return r;
}

static void write_next(DigestBoard *board) {
        char day[TIME_TEXT_SIZE], label[32];
        size_t n = 0, n_shown = 0;

        if (board->zone)
                (void) zone_format(board->zone, board->next_from_us, day);
        else
                (void) time_format_rfc3339(board->next_from_us, day);
        for (size_t i = 0; i < board->team->n_members; i++)
                n += board->members[i].n_next;
        (void) snprintf(label, sizeof(label), "Due %.10s", day);
        text_printf(&board->line, "%-*s %3zu   ", DIGEST_LABEL_COLUMNS + 1, label, n);
        for (size_t i = 0; i < board->team->n_members; i++)
                if (board->members[i].n_next > 0)
                        text_printf(&board->line, "%s%s %zu", n_shown++ > 0 ? ", " : "", board->members[i].name, board->members[i].n_next);
        digest_end_line(board);
}

static int on_tally(const char *owner, const char *status, uint64_t n, void *userdata) {
        DigestBoard *board = userdata;
        const Status *found = status ? policy_status(board->rules, status) : NULL;

        if (owner || !found || found->team != board->team || found->kind == STATUS_FINAL)
                return 0;
        text_printf(&board->line, "%s%s %" PRIu64, board->line.size > 0 ? ", " : "", status, n);
        return 0;
}

/* What nobody has. */
int digest_write_queue(DigestBoard *board) {
        int r = store_tallies(board->store, on_tally, board);

        if (r != 0 || board->line.size == 0)
                return r;
        Text statuses = board->line;
        board->line = (Text){ 0 };
        text_printf(&board->line, "%-*s        %s", DIGEST_LABEL_COLUMNS, "Owned by none", statuses.data);
        text_free(&statuses);
        digest_end_line(board);
        return 0;
}

static void write_members(DigestBoard *board) {
        size_t n = board->team->n_members;

        if (n == 0)
                return;
        digest_end_line(board);
        text_printf(&board->line, "%-24s %6s %8s %8s", "Member", "open", "waiting", "overdue");
        digest_end_line(board);
        size_t room = REPORT_DIGEST_LINES_MAX - board->n_lines;
        /* Who has most that is overdue, then most that waits, is read first. */
        for (size_t i = 1; i < n; i++)
                for (size_t k = i; k > 0; k--) {
                        DigestCount *a = &board->members[k - 1], *b = &board->members[k], swap = *a;
                        if (a->n_overdue > b->n_overdue || (a->n_overdue == b->n_overdue && a->n_waiting >= b->n_waiting))
                                break;
                        *a = *b;
                        *b = swap;
                }
        for (size_t i = 0; i < n; i++) {
                const DigestCount *member = &board->members[i];
                if (i + 1 == room && n > room) {
                        text_printf(&board->line, "and %zu more", n - i);
                        digest_end_line(board);
                        return;
                }
                text_printf(&board->line, "%-24s %6zu %8zu %8zu", member->name, member->n, member->n_waiting, member->n_overdue);
                digest_end_line(board);
        }
}

static int write_desk(DigestBoard *board) {
        find_next_day(board);
        int r = load_desks(board);
        if (r == 0)
                r = store_log_since(board->store, board->since_us, REPORT_DIGEST_EVENTS_MAX, on_event, board, &board->events_cut);
        if (r != 0)
                return r;
        write_new(board);
        write_waiting(board);
        r = digest_write_held(board);
        if (r == 0)
                r = digest_write_queue(board);
        if (r == 0)
                r = write_stalled(board);
        if (r != 0)
                return r;
        write_next(board);
        if (board->n_left_out > 0) {
                text_printf(&board->line, "%zu open leads were not looked at", board->n_left_out);
                digest_end_line(board);
        }
        write_members(board);
        return 0;
}

/* ---- what both teams are told ---- */

/* A share of few is no percentage. Short enough for the line to fit on the screen with all of them. */
static void add_share(DigestBoard *board, const char *label, const Measured *measured) {
        if (!measured->is_known)
                return;
        text_printf(&board->line, "%s ", label);
        if (measured->of < REPORT_FEW)
                text_printf(&board->line, "%" PRId64 "/%" PRId64 ", ", measured->n, measured->of);
        else
                text_printf(&board->line, "%.0f %%, ", 100 * (double) measured->n / (double) measured->of);
}

/* The longest of these since which not too much happened to be counted between two decisions; 0 days: it is too much since yesterday. What
 * happened after the period counts, too: it says what became of the period's leads. */
static int find_period(DigestBoard *board, int64_t until_us, int64_t *ret_from_us, unsigned *ret_days) {
        static const unsigned days[] = { 30, 14, 7, 3, 1 };
        uint64_t first, end = store_next_event(board->store);
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(days) && r == 0; i++) {
                *ret_from_us = report_day_start(board->rules->settings->zone, report_day(board->rules->settings->zone, until_us) - days[i]);
                *ret_days = days[i];
                r = store_find_instant(board->store, *ret_from_us, &first);
                if (r == 0 && end - first <= REPORT_DIGEST_MEASURED_MAX)
                        return 0;
        }
        *ret_days = 0;
        return r;
}

static void write_leaks(DigestBoard *board) {
        if (board->n_leaks >= 0)
                text_printf(&board->line, "leaks %" PRId64, board->n_leaks);
        else
                text_append(&board->line, "leaks not known");
        digest_end_line(board);
}

/* Whole days of the site, so that both teams read the same whenever they are told. */
static int write_alignment(DigestBoard *board) {
        const Zone *zone = board->rules->settings->zone;
        int64_t until_us = report_day_start(zone, report_day(zone, board->now_us)), from_us;
        Measures measures;
        char label[32];
        unsigned days;
        uint64_t n_running;
        int r = find_period(board, until_us, &from_us, &days);

        if (r == 0 && days == 0) {
                text_printf(&board->line, "%-*s        too much happened to be counted here, ", DIGEST_LABEL_COLUMNS, "Both");
                write_leaks(board);
                return 0;
        }
        if (r == 0)
                r = store_count_running(board->store, REPORT_DIGEST_MEASURED_MAX + 1, &n_running);
        if (r == 0)
                r = measures_take(board->store, board->rules, from_us, until_us,
                        n_running > REPORT_DIGEST_MEASURED_MAX ? MEASURES_ANSWERED : 0, &measures);
        if (r != 0)
                return r;
        (void) snprintf(label, sizeof(label), "Both, %u day%s", days, days == 1 ? "" : "s");
        text_printf(&board->line, "%-*s        ", DIGEST_LABEL_COLUMNS, label);
        if (n_running > REPORT_DIGEST_MEASURED_MAX)
                text_append(&board->line, "in time not counted, ");
        else if (!measures.items[MEASURE_ACCEPTANCE_RATE].is_known && !measures.items[MEASURE_SLA_KEPT].is_known)
                text_append(&board->line, "nothing was answered, ");
        add_share(board, "accepted", &measures.items[MEASURE_ACCEPTANCE_RATE]);
        add_share(board, "in time", &measures.items[MEASURE_SLA_KEPT]);
        add_share(board, "reasons", &measures.items[MEASURE_REASONS_GIVEN]);
        measures_done(&measures);
        write_leaks(board);
        return 0;
}

static int compose(DigestBoard *board) {
        text_printf(&board->line, "%s, ", board->team->rule.name);
        digest_add_time(board, board->now_us);
        text_append(&board->line, " (new since ");
        digest_add_time(board, board->since_us);
        text_append_char(&board->line, ')');
        digest_end_line(board);
        digest_end_line(board);
        int r = write_alignment(board);
        if (r == 0)
                r = board->team->n_members > 0 ? write_desk(board) : digest_write_returns(board);
        return r;
}

int report_compose_digest(const DigestInput *input, Text *out) {
        _cleanup_(arena_freep) Arena *arena = arena_new(0);
        const Calendar *calendar = input->team->calendar ? input->team->calendar->calendar : NULL;
        DigestBoard board = {
                .store = input->store,
                .rules = input->rules,
                .team = input->team,
                .calendar = calendar,
                .zone = calendar ? calendar_zone(calendar) : input->rules->settings->zone,
                .since_us = input->since_us,
                .now_us = input->now_us,
                .n_leaks = input->n_leaks,
                .arena = arena,
                .out = out,
        };

        if (!arena)
                return -ENOMEM;
        int r = compose(&board);
        text_free(&board.line);
        return r != 0 ? r : out->error;
}
