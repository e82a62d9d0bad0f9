/* SPDX-License-Identifier: MIT */
/*
 * Digests that are due: each is composed from the book as it stands, and becomes an event like any other, whose rows for
 * the outbox are written with it. Of several moments that have passed only the newest is sent.
 */
#include "judge.h"
#include "leadd/report.h"

#include <errno.h>

/* The newest moment of those that have come. */
static int64_t newest_moment(const RuleSet *rules, const DigestDecl *digest, int64_t due_us, int64_t now_us) {
        for (;;) {
                int64_t next_us = policy_digest_after(rules, digest, due_us, TIME_NONE);
                if (next_us == TIME_NONE || next_us > now_us)
                        return due_us;
                due_us = next_us;
        }
}

/* n_leaks: all that are sent at once say the same of both teams. */
static int send_one(Judge *judge, const DigestMoment *moment, int64_t n_leaks, int64_t now_us) {
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_(text_free) Text text = { 0 };
        RuleSet *rules = judge->leadd->rules;
        const DigestDecl *digest = policy_digest(rules, moment->rule);
        GateOutcome outcome;

        if (!digest)
                return -EUCLEAN; /* what the rules do not have is not armed */
        int64_t due_us = newest_moment(rules, digest, moment->due_us, now_us);
        int64_t since_us = moment->sent_us != TIME_NONE ? moment->sent_us : due_us - US_PER_DAY;
        const DigestInput composed = {
                .store = judge->store, .rules = rules, .team = digest->team, .since_us = since_us, .now_us = now_us, .n_leaks = n_leaks
        };
        int r = report_compose_digest(&composed, &text);
        if (r == 0)
                r = followup_digest_record(rules, digest, due_us, now_us, text.data ? text.data : "", judge->leadd->secret, &record);
        if (r != 0)
                return r;
        const GateInput input = { .record = record, .actor = "system:leadd", .actor_is_operator = true, .now_us = now_us };
        r = gate_judge(judge->gate, &input, &outcome);
        if (r != 0)
                return r;
        /* One that is in the log cannot be due still: the database contradicts itself, and sending on would never end. */
        if (outcome.duplicate || outcome.decision->refused)
                return -EUCLEAN;
        judge_add_decision(judge, &outcome, false);
        judge_add_watch_item(judge, record, &outcome, now_us);
        return 0;
}

int judge_send_digests(Judge *judge, int64_t now_us, size_t *ret_n) {
        _cleanup_(arena_freep) Arena *arena = NULL;
        DigestMoment *moments = NULL;
        size_t n;
        int64_t next_us = store_digest_next(judge->store), n_leaks = leadd_n_leaks(judge->leadd);

        *ret_n = 0;
        if (next_us == TIME_NONE || next_us > now_us)
                return 0;
        arena = arena_new(0);
        if (!arena)
                return -ENOMEM;
        int r = store_digests(judge->store, arena, &moments, &n);
        if (r == 0)
                r = store_begin(judge->store);
        if (r != 0)
                return r;
        for (size_t i = 0; i < n && r == 0; i++) {
                if (moments[i].due_us == TIME_NONE || moments[i].due_us > now_us)
                        continue;
                atomic_store(&judge->leadd->judge_busy, leadd_monotonic_us());
                r = send_one(judge, &moments[i], n_leaks, now_us);
                ++*ret_n;
        }
        return judge_end(judge, r);
}

int64_t judge_next_armed(Judge *judge) {
        int64_t wake_us = store_wake_next(judge->store), digest_us = store_digest_next(judge->store);

        return digest_us != TIME_NONE && (wake_us == TIME_NONE || digest_us < wake_us) ? digest_us : wake_us;
}
