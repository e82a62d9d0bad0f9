/* SPDX-License-Identifier: MIT */
/*
 * The timer and the event a due lead becomes. The machine's clocks are this program's own: the linker gives
 * clock_gettime below to the room, so that a clock can be set without setting the machine's.
 */
#include "leadd/followup.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
/* cmocka wants the headers above */
#include <cmocka.h>

static int64_t real_ahead_us, boot_ahead_us;

int clock_gettime(clockid_t id, struct timespec *ts) {
        int r = (int) syscall(SYS_clock_gettime, id, ts);
        int64_t ahead_us = id == CLOCK_REALTIME ? real_ahead_us : id == CLOCK_BOOTTIME ? boot_ahead_us : 0;
        int64_t us = ts->tv_sec * US_PER_SECOND + ts->tv_nsec / 1000 + ahead_us;

        ts->tv_sec = us / US_PER_SECOND;
        ts->tv_nsec = us % US_PER_SECOND * 1000;
        return r;
}

static const uint8_t secret[DIGEST_SIZE] = { 7 };

static Followup *real_timer(void) {
        Clock *clock = clock_new_real();
        Followup *followup = NULL;

        assert_non_null(clock);
        assert_int_equal(followup_new(clock, &followup), 0);
        clock_free(clock);
        assert_true(followup_fd(followup) >= 0);
        return followup;
}

static bool is_readable(const Followup *followup, int timeout_ms) {
        struct pollfd fd = { .fd = followup_fd(followup), .events = POLLIN };

        return poll(&fd, 1, timeout_ms) == 1;
}

static int64_t machine_now_us(void) {
        struct timespec ts;

        (void) syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts);
        return ts.tv_sec * US_PER_SECOND + ts.tv_nsec / 1000;
}

static void arm__past_zero_and_long_before_the_epoch__is_due_at_once(void **state) {
        static const int64_t dues_us[] = { 0, 1, -1, -5 * US_PER_DAY, INT64_MIN + 1 };
        (void) state;
        Followup *followup = real_timer();
        for (size_t i = 0; i < ARRAY_SIZE(dues_us); i++) {
                assert_int_equal(followup_arm(followup, dues_us[i]), 0);
                if (!is_readable(followup, 2000))
                        fail_msg("armed for %lld and silent", (long long) dues_us[i]);
                assert_false(followup_clear(followup));
                assert_false(is_readable(followup, 0));
        }
        assert_int_equal(followup_arm(followup, machine_now_us() - US_PER_HOUR), 0);
        assert_true(is_readable(followup, 2000));
        followup_free(followup);
}

static void arm__soon__fires_then_and_only_once(void **state) {
        (void) state;
        Followup *followup = real_timer();
        assert_int_equal(followup_arm(followup, machine_now_us() + 50 * 1000), 0);
        assert_false(is_readable(followup, 0));
        assert_true(is_readable(followup, 2000));
        assert_false(followup_clear(followup));
        assert_false(is_readable(followup, 60));
        followup_free(followup);
}

static void arm__none_and_far__is_silent(void **state) {
        static const int64_t dues_us[] = { TIME_NONE, INT64_MAX };
        (void) state;
        Followup *followup = real_timer();
        for (size_t i = 0; i < ARRAY_SIZE(dues_us); i++) {
                assert_int_equal(followup_arm(followup, 1), 0);
                assert_int_equal(followup_arm(followup, dues_us[i]), 0);
                assert_false(is_readable(followup, 20));
        }
        followup_free(followup);
}

static void arm__virtual_clock__has_no_timer(void **state) {
        (void) state;
        Clock *clock = clock_new_virtual(0);
        Followup *followup = NULL;
        assert_int_equal(followup_new(clock, &followup), 0);
        assert_int_equal(followup_fd(followup), -1);
        assert_int_equal(followup_arm(followup, 1), 0);
        assert_false(followup_clear(followup));
        followup_free(followup);
        clock_free(clock);
}

static void jump__clock_set_or_machine_suspended__only_the_set_clock_counts(void **state) {
        static const struct {
                int64_t real_us, boot_us, jump_us;
        } cases[] = {
                { 0, 0, 0 },
                { US_PER_HOUR, 0, US_PER_HOUR },
                { -2 * US_PER_HOUR, 0, -2 * US_PER_HOUR },
                { 8 * US_PER_HOUR, 8 * US_PER_HOUR, 0 }, /* suspended: both went on */
                { 9 * US_PER_HOUR, 8 * US_PER_HOUR, US_PER_HOUR },
        };
        (void) state;
        Followup *followup = real_timer();
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                real_ahead_us += cases[i].real_us;
                boot_ahead_us += cases[i].boot_us;
                int64_t off_us = followup_jump_us(followup) - cases[i].jump_us;
                if (off_us > US_PER_SECOND || off_us < -US_PER_SECOND)
                        fail_msg("case %zu: off by %lld us", i, (long long) off_us);
                off_us = followup_jump_us(followup);
                if (off_us > US_PER_SECOND || off_us < -US_PER_SECOND)
                        fail_msg("case %zu: told twice", i);
        }
        followup_free(followup);
        real_ahead_us = boot_ahead_us = 0;
}

/* ---- the event ---- */

#define DUE_US (1000 * US_PER_DAY)

static LeadState lead_with_step(void) {
        return (LeadState){
                .id = 42,
                .version = 3,
                .status = "mql",
                .grade = "",
                .sla = { .rule = "ACCEPT",
                        .start_event = 9,
                        .start_us = DUE_US - US_PER_HOUR,
                        .due_us = DUE_US,
                        .next_step = 1,
                        .next_due_us = DUE_US },
                .held = { .next_look_us = TIME_NONE },
                .recycle_us = TIME_NONE,
                .wake_us = DUE_US,
        };
}

static Record *make(const LeadState *lead, int64_t due_us, int64_t now_us) {
        Record *record = NULL;

        assert_int_equal(followup_record(lead, due_us, now_us, secret, &record), 0);
        return record;
}

static void record__step_is_due__says_which_and_when(void **state) {
        (void) state;
        const LeadState lead = lead_with_step();
        Record *record = make(&lead, DUE_US, DUE_US + US_PER_MINUTE);
        assert_string_equal(record->type, "timer.step");
        assert_string_equal(record->event, "step");
        assert_int_equal(record->family, FAMILY_TIMER);
        assert_int_equal(record->time_us, DUE_US + US_PER_MINUTE);
        assert_string_equal(facts_text(&record->facts, FIELD_TIMER_RULE), "ACCEPT");
        assert_int_equal(facts_get(&record->facts, FIELD_TIMER_STEP, NULL)->integer, 1);
        assert_int_equal(facts_get(&record->facts, FIELD_TIMER_START, NULL)->integer, 9);
        assert_int_equal(facts_get(&record->facts, FIELD_TIMER_DUE, NULL)->integer, DUE_US);
        record_free(record);
}

static void record__step_ahead_none_or_lead_lost__is_a_look(void **state) {
        (void) state;
        LeadState leads[] = { lead_with_step(), lead_with_step(), lead_with_step(), lead_with_step() };
        leads[0].sla.next_due_us = DUE_US + 1;
        leads[1].sla.next_due_us = TIME_NONE;
        leads[2].sla = SLA_STATE_NONE;
        leads[3].held.by = "rules"; /* its status is not in the rules: no step can be carried out */
        for (size_t i = 0; i < ARRAY_SIZE(leads); i++) {
                Record *record = make(&leads[i], DUE_US, DUE_US);
                if (!base_streq(record->type, "timer.look"))
                        fail_msg("case %zu: %s", i, record->type);
                record_free(record);
        }
}

static void record__same_firing__has_one_key_and_every_other_firing_another(void **state) {
        (void) state;
        LeadState leads[9];
        for (size_t i = 0; i < ARRAY_SIZE(leads); i++)
                leads[i] = lead_with_step();
        leads[1].id = 43;
        leads[2].sla.next_step = 2;
        leads[3].sla.start_event = 10;
        leads[4].sla.rule = "OTHER";
        for (size_t i = 5; i < ARRAY_SIZE(leads); i++)
                leads[i].sla.next_due_us = TIME_NONE;
        leads[6].version = 4;
        leads[7].id = 43;
        const int64_t due_us[ARRAY_SIZE(leads)] = { [8] = 1 };
        Record *records[ARRAY_SIZE(leads)];
        for (size_t i = 0; i < ARRAY_SIZE(leads); i++)
                records[i] = make(&leads[i], DUE_US + due_us[i], DUE_US + 1);
        for (size_t i = 0; i < ARRAY_SIZE(leads); i++)
                for (size_t k = 0; k < i; k++)
                        if (memcmp(&records[i]->key, &records[k]->key, sizeof(Key)) == 0 || base_streq(records[i]->id, records[k]->id))
                                fail_msg("%zu and %zu are one: %s, %s", i, k, records[i]->id, records[k]->id);
        /* The same step found later, after other events of the lead: still the same firing. */
        leads[0].version = 99;
        Record *again = make(&leads[0], DUE_US - 1, DUE_US + US_PER_DAY);
        assert_memory_equal(&again->key, &records[0]->key, sizeof(Key));
        record_free(again);
        for (size_t i = 0; i < ARRAY_SIZE(leads); i++)
                record_free(records[i]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(arm__past_zero_and_long_before_the_epoch__is_due_at_once),
                cmocka_unit_test(arm__soon__fires_then_and_only_once),
                cmocka_unit_test(arm__none_and_far__is_silent),
                cmocka_unit_test(arm__virtual_clock__has_no_timer),
                cmocka_unit_test(jump__clock_set_or_machine_suspended__only_the_set_clock_counts),
                cmocka_unit_test(record__step_is_due__says_which_and_when),
                cmocka_unit_test(record__step_ahead_none_or_lead_lost__is_a_look),
                cmocka_unit_test(record__same_firing__has_one_key_and_every_other_firing_another),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
