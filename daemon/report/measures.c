/* SPDX-License-Identifier: MIT */
#include "measures.h"

#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

typedef struct Measuring {
        Measures *into;
        const RuleSet *rules;
        int64_t from_us, until_us;
        Course course;
        Tally teams;   /* nothing, by team: Answer.tag */
        Tally credits; /* Credit, by reason */
} Measuring;
typedef struct Credit {
        bool is_known, gives_back;
} Credit;

static void count(Measured *measured, bool counts) {
        measured->is_known = true;
        measured->of++;
        measured->n += counts;
}

/* One that speaks against it. */
static int miss(Measured *measured, const char *name) {
        uint32_t number;
        int r = tally_find(&measured->misses, (TallyKey){ name, NULL }, &number);

        if (r == 0)
                ++*(int64_t *) tally_line(&measured->misses, number);
        return r;
}

static int count_or_miss(Measured *measured, bool counts, const char *name) {
        count(measured, counts);
        return counts ? 0 : miss(measured, name);
}

static int add_time(Measures *into, int64_t us) {
        if (into->n_times == into->times_capacity) {
                size_t capacity = into->times_capacity > 0 ? 2 * into->times_capacity : 1024;
                int64_t *grown = reallocarray(into->times_us, capacity, sizeof(int64_t));
                if (!grown)
                        return -ENOMEM;
                into->times_us = grown;
                into->times_capacity = capacity;
        }
        into->times_us[into->n_times++] = us;
        return 0;
}

/* ---- offers ---- */

static int on_offer(const Offer *offer, void *userdata) {
        Measuring *measuring = userdata;
        OfferFate fate = offer_fate(offer, measuring->until_us - 1);
        bool is_kept = offer_is_kept(offer, fate);
        uint32_t team;
        int r = 0;

        if (is_kept || offer_is_broken(offer, fate))
                r = count_or_miss(&measuring->into->items[MEASURE_SLA_KEPT], is_kept, offer->sla);
        if (r != 0 || (!offer_is_accepted(fate) && !offer_is_rejected(fate)))
                return r;
        r = tally_find(&measuring->teams, (TallyKey){ offer->team, NULL }, &team);
        return r == 0 ? course_add(&measuring->course, offer, team) : r;
}

static int on_overdue(const ScanOverdue *row, void *userdata) {
        Measuring *measuring = userdata;
        const Offer offer = { .lead = row->lead,
                .offered_us = row->offered_us,
                .ended_us = TIME_NONE,
                .due_us = row->due_us,
                .working_us = TIME_NONE,
                .owner = row->owner,
                .sla = row->sla };
        Measured *overdue = &measuring->into->items[MEASURE_OVERDUE];

        if (overdue->is_known) {
                overdue->n++;
                int r = miss(overdue, row->sla);
                if (r != 0)
                        return r;
        }
        if (!row->unaccepted || !row->owner || row->offered_us == TIME_NONE || row->offered_us < measuring->from_us ||
                row->offered_us >= measuring->until_us)
                return 0;
        return on_offer(&offer, measuring);
}

/* ---- answers ---- */

static int gives_back(Measuring *measuring, const char *name, bool *ret) {
        uint32_t number;

        *ret = false;
        if (!name)
                return 0;
        int r = tally_find(&measuring->credits, (TallyKey){ name, NULL }, &number);
        if (r != 0)
                return r;
        Credit *credit = tally_line(&measuring->credits, number);
        if (!credit->is_known) {
                const Reason *reason = policy_reason(measuring->rules, name);
                *credit = (Credit){ .is_known = true, .gives_back = reason && reason->credit };
        }
        *ret = credit->gives_back;
        return 0;
}

static int count_answer(Measuring *measuring, const Answer *answer) {
        static const struct {
                TargetMeasure measure;
                unsigned mark;
        } later[] = { { MEASURE_FEEDBACK_GIVEN, COURSE_MOVED }, { MEASURE_MEETINGS, COURSE_MEETING }, { MEASURE_WON, COURSE_WON } };
        Measured *items = measuring->into->items;
        const char *team = measuring->teams.keys[answer->tag].a;
        bool is_bad, is_refused = !answer->is_accepted || answer->marks & COURSE_BACK;

        if (answer->marks & COURSE_DEAL)
                return 0;
        int r = answer->working_us != TIME_NONE ? add_time(measuring->into, answer->working_us) : 0;
        if (r == 0)
                r = count_or_miss(&items[MEASURE_ACCEPTANCE_RATE], answer->is_accepted, answer->reason);
        if (r == 0)
                r = gives_back(measuring, is_refused ? answer->reason : NULL, &is_bad);
        if (r != 0)
                return r;
        count(&items[MEASURE_BAD_DATA], is_bad);
        if (is_bad)
                r = miss(&items[MEASURE_BAD_DATA], answer->reason);
        for (size_t i = 0; i < ARRAY_SIZE(later) && r == 0 && answer->is_accepted; i++)
                r = count_or_miss(&items[later[i].measure], answer->marks & later[i].mark, team);
        return r;
}

static int count_return(Measuring *measuring, const Return *back) {
        Measured *items = measuring->into->items;
        int r = back->by_person ? count_or_miss(&items[MEASURE_REASONS_GIVEN], back->reason != NULL, back->from) : 0;

        return r == 0 && !back->is_final ? count_or_miss(&items[MEASURE_RECYCLED], back->is_again, back->reason) : r;
}

static int count_courses(Measuring *measuring, Store *store) {
        Course *course = &measuring->course;
        int r = course_follow(course, store, measuring->rules, measuring->from_us, measuring->until_us);

        for (size_t i = 0; i < course->n && r == 0; i++)
                r = count_answer(measuring, &course->items[i]);
        for (size_t i = 0; i < course->n_returns && r == 0; i++)
                r = count_return(measuring, &course->returns[i]);
        return r;
}

int measures_take(Store *store, const RuleSet *rules, int64_t from_us, int64_t until_us, unsigned flags, Measures *ret) {
        Measuring measuring = {
                .into = ret,
                .rules = rules,
                .from_us = from_us,
                .until_us = until_us,
                .teams = { .line_size = 1 },
                .credits = { .line_size = sizeof(Credit) },
        };

        *ret = (Measures){ 0 };
        for (size_t i = 0; i < ARRAY_SIZE(ret->items); i++)
                ret->items[i].misses.line_size = sizeof(int64_t);
        ret->items[MEASURE_OVERDUE].is_known = flags & MEASURES_NOW;
        int r = offers_scan_ended(store, from_us, until_us, on_offer, &measuring);
        if (r == 0 && !(flags & MEASURES_ANSWERED))
                r = store_scan_overdue(store, until_us - 1, on_overdue, &measuring);
        if (r == 0)
                r = count_courses(&measuring, store);
        if (flags & MEASURES_ANSWERED) /* those that nobody answered are missing */
                ret->items[MEASURE_SLA_KEPT].is_known = false;
        Measured *response = &ret->items[MEASURE_RESPONSE];
        response->of = (int64_t) ret->n_times;
        response->is_known = ret->n_times > 0;
        response->median_us = report_quantile(ret->times_us, ret->n_times, 0.5);
        course_done(&measuring.course);
        tally_done(&measuring.teams);
        tally_done(&measuring.credits);
        if (r != 0)
                measures_done(ret);
        return r;
}

int measures_take_leaks(Measures *measures, const LeakCounts *counts) {
        Measured *leaks = &measures->items[MEASURE_LEAKS];
        uint32_t number;

        leaks->is_known = true;
        leaks->n = (int64_t) counts->n_all;
        for (int kind = LEAK_NONE + 1; kind < LEAK_KINDS; kind++) {
                if (counts->n[kind] == 0)
                        continue;
                int r = tally_find(&leaks->misses, (TallyKey){ leak_kind_name((LeakKind) kind), NULL }, &number);
                if (r != 0)
                        return r;
                *(int64_t *) tally_line(&leaks->misses, number) = (int64_t) counts->n[kind];
        }
        return 0;
}

void measures_done(Measures *measures) {
        for (size_t i = 0; i < ARRAY_SIZE(measures->items); i++)
                tally_done(&measures->items[i].misses);
        free(measures->times_us);
        *measures = (Measures){ 0 };
}

/* ---- against a target ---- */

static int64_t bound_us(const Target *target) { return (int64_t) ((__int128) target->bound_milli * US_PER_HOUR / 1000); }

/* How many of a hundred thousand are as many as the target asks for: up, or down where it is the most. */
static int64_t bound_of(const Target *target, int64_t of) {
        __int128 parts = (__int128) target->bound_milli * of;

        return (int64_t) (target->is_least ? (parts + 99999) / 100000 : parts / 100000);
}

static int64_t times_within(const Measures *measures, const Target *target) {
        int64_t n = 0;

        for (size_t i = 0; i < measures->n_times; i++)
                n += target->is_least ? measures->times_us[i] >= bound_us(target) : measures->times_us[i] <= bound_us(target);
        return n;
}

int64_t measure_missing(const Measures *measures, const Target *target) {
        const Measured *measured = &measures->items[target->measure];
        int64_t wanted, has = measured->n;

        if (!measured->is_known)
                return 0;
        switch (policy_measure(target->measure)->unit) {
        case UNIT_PERCENT:
                wanted = bound_of(target, measured->of);
                break;
        case UNIT_HOURS: /* the median is within the bound when half of them are */
                if (target->is_least ? measured->median_us >= bound_us(target) : measured->median_us <= bound_us(target))
                        return 0;
                return (measured->of + 1) / 2 - times_within(measures, target);
        default:
                wanted = (target->bound_milli + (target->is_least ? 999 : 0)) / 1000;
        }
        int64_t missing = target->is_least ? wanted - has : has - wanted;
        return missing > 0 ? missing : 0;
}

bool measure_keeps(const Measures *measures, const Target *target) {
        return measures->items[target->measure].is_known && measure_missing(measures, target) == 0;
}

bool measure_may_be_chance(const Measures *measures, const Target *target) {
        const Measured *measured = &measures->items[target->measure];
        double low, high, bound = (double) target->bound_milli / 100000;

        if (policy_measure(target->measure)->unit != UNIT_PERCENT || measure_missing(measures, target) == 0 ||
                !report_wilson(measured->n, measured->of, &low, &high))
                return false;
        return target->is_least ? high >= bound : low <= bound;
}

const char *measure_misses(const Measures *measures, TargetMeasure measure, int64_t *ret_n, int64_t *ret_of) {
        const Tally *misses = &measures->items[measure].misses;
        const char *most = NULL;

        *ret_n = *ret_of = 0;
        for (uint32_t i = 0; i < misses->n; i++) {
                int64_t n = *(const int64_t *) tally_line(misses, i);
                const char *name = misses->keys[i].a;
                *ret_of += n;
                if (name && (n > *ret_n || (n == *ret_n && strcmp(name, most) < 0))) {
                        *ret_n = n;
                        most = name;
                }
        }
        return most;
}

void measure_show(const Measures *measures, TargetMeasure measure, Text *out) {
        const Measured *measured = &measures->items[measure];
        static const ReportColumn columns[] = { [UNIT_PERCENT] = { .type = REPORT_SHARE }, [UNIT_HOURS] = { .type = REPORT_WORKING } };
        MeasureUnit unit = policy_measure(measure)->unit;
        ReportCell cell = unit == UNIT_PERCENT ? cell_share(measured->n, measured->of) : cell_working(measured->median_us);

        if (!measured->is_known)
                text_append_char(out, '-');
        else if (unit == UNIT_LEADS)
                text_printf(out, "%" PRId64 " lead%s", measured->n, measured->n == 1 ? "" : "s");
        else
                report_show(&columns[unit], &cell, NULL, out);
}

void measure_show_bound(const Target *target, Text *out) {
        MeasureUnit unit = policy_measure(target->measure)->unit;
        const char *units[] = { [UNIT_PERCENT] = " %", [UNIT_HOURS] = " h", [UNIT_LEADS] = "" };

        text_printf(out, "%s %" PRId64, target->is_least ? "at least" : "at most", target->bound_milli / 1000);
        if (target->bound_milli % 1000 != 0)
                text_printf(out, ".%03" PRId64, target->bound_milli % 1000);
        text_append(out, units[unit]);
}
