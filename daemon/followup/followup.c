/* SPDX-License-Identifier: MIT */
/*
 * followup: the timer behind every reminder, and the event a due lead becomes.
 * sd-event's CLOCK_REALTIME sources do not report that the clock was set, therefore a
 * timerfd of our own with TFD_TIMER_CANCEL_ON_SET. Fires nothing itself.
 */
#include "leadd/followup.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/timerfd.h>
#include <time.h>

struct Followup {
        int fd;
        int64_t real_us, boot_us; /* the pair last seen */
};

static int64_t read_clock(clockid_t id) {
        struct timespec ts;

        return clock_gettime(id, &ts) == 0 ? ts.tv_sec * US_PER_SECOND + ts.tv_nsec / 1000 : 0;
}

int followup_new(const Clock *clock, Followup **ret) {
        _cleanup_(followup_freep) Followup *followup = malloc(sizeof *followup);

        if (!followup)
                return -ENOMEM;
        *followup = (Followup){ .fd = -1, .real_us = read_clock(CLOCK_REALTIME), .boot_us = read_clock(CLOCK_BOOTTIME) };
        if (!clock_is_virtual(clock)) {
                followup->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
                if (followup->fd < 0)
                        return -errno;
        }
        *ret = TAKE(followup);
        return 0;
}

Followup *followup_free(Followup *followup) {
        if (followup) {
                base_closep(&followup->fd);
                free(followup);
        }
        return NULL;
}

void followup_freep(Followup **followup) { *followup = followup_free(*followup); }

int followup_fd(const Followup *followup) { return followup->fd; }

int followup_arm(Followup *followup, int64_t due_us) {
        struct itimerspec spec = { 0 };

        if (followup->fd < 0)
                return 0;
        if (due_us != TIME_NONE) {
                /* Zero would disarm: what is long past is due at the first instant there is. */
                if (due_us < 1)
                        due_us = 1;
                spec.it_value.tv_sec = due_us / US_PER_SECOND;
                spec.it_value.tv_nsec = due_us % US_PER_SECOND * 1000;
        } else
                spec.it_value.tv_sec = INT32_MAX; /* armed all the same: only an armed timer reports that the clock was set */
        if (timerfd_settime(followup->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, NULL) < 0)
                return -errno;
        return 0;
}

bool followup_clear(Followup *followup) {
        uint64_t n;

        return followup->fd >= 0 && read(followup->fd, &n, sizeof n) < 0 && errno == ECANCELED;
}

int64_t followup_jump_us(Followup *followup) {
        int64_t real_us = read_clock(CLOCK_REALTIME), boot_us = read_clock(CLOCK_BOOTTIME);
        int64_t jump_us = (real_us - followup->real_us) - (boot_us - followup->boot_us);

        followup->real_us = real_us;
        followup->boot_us = boot_us;
        return jump_us;
}

static int name_record(Record *record, const uint8_t secret[static DIGEST_SIZE]) {
        const DigestPart parts[] = { { "leadd", 5 }, { record->id, strlen(record->id) } };

        return digest_keyed(secret, parts, ARRAY_SIZE(parts), &record->key);
}

/* What a due step is of: an SLA, or a track. */
typedef struct DueStep {
        const char *rule;
        uint64_t start_event;
        uint32_t number;
        int64_t due_us;
} DueStep;

static int set_step(Record *record, const DueStep *step, int64_t now_us) {
        int r = facts_set(&record->facts, record->arena, FIELD_TIMER_RULE, NULL, value_text(step->rule), now_us);

        if (r >= 0)
                r = facts_set(&record->facts, record->arena, FIELD_TIMER_STEP, NULL, value_integer(step->number), now_us);
        if (r >= 0)
                r = facts_set(&record->facts, record->arena, FIELD_TIMER_START, NULL, value_integer((int64_t) step->start_event), now_us);
        return r;
}

/* A step of a track has its due instant in its id: one that could not be judged is put off, and comes again under another. */
static const char *name_step(Record *record, const LeadState *state, const DueStep *step, bool is_track) {
        return is_track ? arena_printf(record->arena, "L-%" PRIu64 "-track-%s-%" PRIu64 "-%u-%" PRId64, state->id, step->rule,
                                  step->start_event, step->number, step->due_us)
                        : arena_printf(
                                  record->arena, "L-%" PRIu64 "-%s-%" PRIu64 "-%u", state->id, step->rule, step->start_event, step->number);
}

static bool is_due(int64_t due_us, int64_t now_us) { return due_us != TIME_NONE && due_us <= now_us; }

int followup_record(const LeadState *state, int64_t due_us, int64_t now_us, const uint8_t secret[static DIGEST_SIZE], Record **ret) {
        _cleanup_(record_freep) Record *record = record_new();
        const SlaState *sla = &state->sla;
        const TrackState *track = &state->track;
        /* A lead whose status the rules have lost cannot take a step: it is looked at, and the step keeps its id for when it counts. */
        bool is_lost = state->held.by && base_streq(state->held.by, "rules");
        bool is_sla = sla->rule && is_due(sla->next_due_us, now_us) && !is_lost;
        bool is_track = !is_sla && track->name && !track->ended && is_due(track->next_due_us, now_us) && !is_lost;
        const DueStep step = is_track ? (DueStep){ track->name, track->event, track->next_step, track->next_due_us }
                                      : (DueStep){ sla->rule, sla->start_event, sla->next_step, sla->next_due_us };
        int r = 0;

        if (!record)
                return -ENOMEM;
        record->source = "leadd";
        record->family = FAMILY_TIMER;
        record->type = is_sla ? "timer.step" : is_track ? "timer.track" : "timer.look";
        record->event = record->type + strlen("timer.");
        record->time_us = now_us;
        record->id = is_sla || is_track
                             ? name_step(record, state, &step, is_track)
                             : arena_printf(record->arena, "L-%" PRIu64 "-look-%" PRId64 "-%" PRIu64, state->id, due_us, state->version);
        if (!record->id)
                return -ENOMEM;
        if (is_sla || is_track) {
                due_us = step.due_us;
                r = set_step(record, &step, now_us);
        }
        if (r >= 0)
                r = facts_set(&record->facts, record->arena, FIELD_TIMER_DUE, NULL, value_integer(due_us), now_us);
        if (r < 0)
                return r;
        r = name_record(record, secret);
        if (r < 0)
                return r;
        *ret = TAKE(record);
        return 0;
}

int followup_digest_record(const RuleSet *rules, const DigestDecl *digest, int64_t due_us, int64_t now_us, const char *text,
        const uint8_t secret[static DIGEST_SIZE], Record **ret) {
        _cleanup_(record_freep) Record *record = record_new();
        const Zone *zone = policy_digest_zone(rules, digest);
        char day[TIME_TEXT_SIZE];

        if (!record)
                return -ENOMEM;
        (void) (zone ? zone_format(zone, due_us, day) : time_format_rfc3339(due_us, day));
        record->source = "leadd";
        record->family = FAMILY_TIMER;
        record->type = "timer.digest";
        record->event = record->type + strlen("timer.");
        record->time_us = now_us;
        record->id = arena_printf(record->arena, "digest-%s-%.10s", digest->rule.name, day);
        if (!record->id)
                return -ENOMEM;
        int r = facts_set(&record->facts, record->arena, FIELD_TIMER_RULE, NULL, value_text(digest->rule.name), now_us);
        if (r >= 0)
                r = facts_set(&record->facts, record->arena, FIELD_TIMER_DUE, NULL, value_integer(due_us), now_us);
        if (r >= 0)
                r = facts_set(&record->facts, record->arena, FIELD_TIMER_TEXT, NULL, value_text(text), now_us);
        if (r >= 0)
                r = name_record(record, secret);
        if (r < 0)
                return r;
        *ret = TAKE(record);
        return 0;
}
