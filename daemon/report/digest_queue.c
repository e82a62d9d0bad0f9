/* SPDX-License-Identifier: MIT */
/*
 * The digest of a team without members: marketing works no lead, it works at what becomes of all of them. What it handed over and what was
 * accepted, what came back and why, what was handed over again, which leads their owners keep out of campaigns, and whom it has
 * written to; since the digest before.
 */
#include "digest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define REASONS_SHOWN_MAX 7
#define TAKES_SHOWN_MAX 3
#define NO_REASON "no reason"

/* Leads by what they have in common, with the newest. */
typedef struct Alike {
        const char *name;
        size_t n;
        Named named;
} Alike;
typedef struct Kinds {
        Alike items[DIGEST_REASONS_MAX];
        size_t n_items, n;
} Kinds;

typedef struct Queue {
        DigestBoard *board;
        Kinds new_leads, handed, again, accepted, back, kept_out;
        bool is_cut, exclusions_cut;
        size_t n_takes, n_handoffs, n_exclusions;
} Queue;

/* name: lives during the callback only. */
static int put(Queue *queue, Kinds *groups, const char *name, uint64_t lead, void (*add)(Named *named, uint64_t lead)) {
        size_t i = 0;

        groups->n++;
        while (i < groups->n_items && !base_streq(groups->items[i].name, name))
                i++;
        if (i == DIGEST_REASONS_MAX)
                return 0;
        if (i == groups->n_items) {
                groups->items[i].name = arena_strdup(queue->board->arena, name);
                if (!groups->items[i].name)
                        return -ENOMEM;
                groups->n_items++;
        }
        Alike *group = &groups->items[i];
        group->n++;
        add(&group->named, lead);
        return 0;
}

static int compare_groups(const void *a_, const void *b_) {
        const Alike *a = a_, *b = b_;

        return a->n != b->n ? (a->n > b->n ? -1 : 1) : strcmp(a->name, b->name);
}

/* ---- from the log ---- */

static bool is_staffed(const DigestBoard *board, const char *name) {
        const Status *status = policy_status(board->rules, name);

        return status && status->team->n_members > 0;
}

/* The newest event comes first. */
static int on_event(const StoredEvent *event, void *userdata) {
        Queue *queue = userdata;
        DigestBoard *board = queue->board;
        const char *initial = board->rules->initial ? board->rules->initial->rule.name : "";
        const char *last = event->n_moves > 0 ? event->moves[event->n_moves - 1].to : initial;
        int r = 0;

        if (event->lead == 0 || event->is_test)
                return 0;
        if (event->is_first && (digest_is_of_team(board, initial) || digest_is_of_team(board, last)))
                r = put(queue, &queue->new_leads, last, event->lead, digest_name);
        for (size_t i = event->n_moves; i-- > 0 && r == 0;) {
                const MoveMade *move = &event->moves[i];
                bool from_us = digest_is_of_team(board, move->from), to_us = digest_is_of_team(board, move->to);
                if (from_us && is_staffed(board, move->to)) {
                        const Status *to = policy_status(board->rules, move->to);
                        r = put(queue, &queue->handed, to->team->rule.name, event->lead, digest_name);
                        if (r == 0 && !base_streq(move->from, initial))
                                r = put(queue, &queue->again, move->from, event->lead, digest_name);
                } else if (to_us && is_staffed(board, move->from))
                        r = put(queue, &queue->back, move->reason ? move->reason : NO_REASON, event->lead, digest_name);
        }
        return r;
}

static int on_handoff(const ScanHandoff *row, void *userdata) {
        Queue *queue = userdata;

        if (queue->n_handoffs++ == REPORT_DIGEST_EVENTS_MAX) {
                queue->is_cut = true;
                return 1;
        }
        return row->test || row->how != HANDOFF_ACCEPTED
                       ? 0
                       : put(queue, &queue->accepted, row->team ? row->team : "-", row->lead, digest_name_newer);
}

static int on_exclusion(uint64_t lead, const Exclusion *exclusion, void *userdata) {
        Queue *queue = userdata;
        const char *campaign = exclusion->campaign ? exclusion->campaign : "all campaigns";

        if (queue->n_exclusions++ == REPORT_DIGEST_EVENTS_MAX) {
                queue->exclusions_cut = true;
                return 1;
        }
        return exclusion->at_us >= queue->board->since_us ? put(queue, &queue->kept_out, campaign, lead, digest_name) : 0;
}

/* ---- lines ---- */

/* "Came back        3   no_budget 2 (L-3, L-2), bad_data 1 (L-5)" */
static void write_groups(Queue *queue, const char *label, Kinds *groups, bool at_least) {
        DigestBoard *board = queue->board;

        digest_begin_count(board, label, groups->n);
        if (at_least) /* before what may be cut off */
                text_append(&board->line, "(at least) ");
        qsort(groups->items, groups->n_items, sizeof(Alike), compare_groups);
        for (size_t i = 0; i < groups->n_items; i++) {
                text_printf(&board->line, "%s%s %zu (", i > 0 ? ", " : "", groups->items[i].name, groups->items[i].n);
                digest_add_named(board, &groups->items[i].named);
                text_append_char(&board->line, ')');
        }
        digest_end_line(board);
}

static void write_reasons(Queue *queue) {
        DigestBoard *board = queue->board;
        Kinds *back = &queue->back;

        digest_begin_count(board, "Came back", back->n);
        if (queue->is_cut)
                text_append(&board->line, "(at least)");
        digest_end_line(board);
        qsort(back->items, back->n_items, sizeof(Alike), compare_groups);
        for (size_t i = 0; i < back->n_items && i < REASONS_SHOWN_MAX; i++) {
                text_printf(&board->line, "  %-*s %4zu   ", DIGEST_LABEL_COLUMNS, back->items[i].name, back->items[i].n);
                digest_add_named(board, &back->items[i].named);
                digest_end_line(board);
        }
        if (back->n_items > REASONS_SHOWN_MAX) {
                text_printf(&board->line, "  and %zu reasons more", back->n_items - REASONS_SHOWN_MAX);
                digest_end_line(board);
        }
}

static int on_take(const StoredTake *take, void *userdata) {
        Queue *queue = userdata;
        DigestBoard *board = queue->board;

        if (take->at_us < board->since_us || queue->n_takes == TAKES_SHOWN_MAX)
                return 1;
        if (queue->n_takes++ > 0)
                text_append(&board->line, ", ");
        text_printf(&board->line, "%s %" PRIu64, take->campaign ? take->campaign : "-", take->n_leads);
        return 0;
}

static int write_takes(Queue *queue) {
        DigestBoard *board = queue->board;

        text_printf(&board->line, "%-*s        ", DIGEST_LABEL_COLUMNS, "Audiences");
        int r = store_takes(board->store, NULL, 0, on_take, queue);
        if (queue->n_takes == 0)
                text_append(&board->line, "none was taken");
        digest_end_line(board);
        return r == 1 ? 0 : r;
}

int digest_write_returns(DigestBoard *board) {
        Queue queue = { .board = board };
        bool events_cut = false;
        int r = store_log_since(board->store, board->since_us, REPORT_DIGEST_EVENTS_MAX, on_event, &queue, &events_cut);

        if (r == 0) {
                r = store_scan_handoffs(board->store, board->since_us, TIME_NONE, on_handoff, &queue);
                r = r == 1 ? 0 : r;
        }
        if (r == 0)
                r = store_exclusions(board->store, board->now_us, on_exclusion, &queue);
        r = r == 1 && queue.exclusions_cut ? 0 : r;
        if (r != 0)
                return r;
        queue.is_cut |= events_cut;
        write_groups(&queue, "New", &queue.new_leads, queue.is_cut);
        write_groups(&queue, "Handed over", &queue.handed, queue.is_cut);
        write_groups(&queue, "  once more", &queue.again, queue.is_cut);
        write_groups(&queue, "Accepted", &queue.accepted, queue.is_cut);
        write_reasons(&queue);
        write_groups(&queue, "Kept out", &queue.kept_out, queue.exclusions_cut);
        r = write_takes(&queue);
        if (r == 0)
                r = digest_write_held(board);
        return r == 0 ? digest_write_queue(board) : r;
}
