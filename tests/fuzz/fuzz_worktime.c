/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: durations, times, calendars and holiday files. The first byte says which, the rest is text. Beside crashes it
 * looks for answers that contradict each other, and then calls abort().
 */
#include <stdio.h>

#include "leadd/worktime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) \
        do { \
                if (!(condition)) { \
                        (void) fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition); \
                        abort(); \
                } \
        } while (0)

#define LINES_MAX 24

/* ---- durations and times ---- */

static void check_duration(const char *s) {
        Duration duration, again;
        char text[TIME_TEXT_SIZE];
        if (duration_parse(s, &duration) != 0)
                return;
        REQUIRE(duration.us >= 0 && duration.workdays >= 0 && (duration.us == 0 || duration.workdays == 0));
        REQUIRE(duration_parse(duration_format(duration, text), &again) == 0);
        REQUIRE(again.us == duration.us && again.workdays == duration.workdays);
        int64_t due_us = 0;
        if (duration.workdays == 0)
                REQUIRE(calendar_add(NULL, 0, duration, &due_us) == 0 && due_us == duration.us);
}

static void check_time(const char *s, size_t size) {
        int64_t time_us = 0, again_us = 0;
        char text[TIME_TEXT_SIZE];
        if (time_parse_rfc3339(s, size, &time_us) == 0) {
                time_format_rfc3339(time_us, text);
                REQUIRE(time_parse_rfc3339(text, strlen(text), &again_us) == 0 && again_us == time_us);
        }
        if (time_parse_local(s, size, &time_us) == 0)
                REQUIRE(time_us >= 0);
        if (time_parse_date(s, size, &time_us) == 0)
                REQUIRE(time_us >= 0);
}

/* ---- calendars ---- */

static void check_calendar(const Calendar *calendar, int64_t from_us, int64_t budget_us) {
        int64_t due_us = 0, open_us = 0;
        REQUIRE(from_us >= 0 && budget_us > 0);
        if (calendar_add(calendar, from_us, (Duration){ .us = budget_us }, &due_us) == 0) {
                REQUIRE(due_us > from_us);
                REQUIRE(calendar_is_open(calendar, due_us - 1));
                /* What lies further apart than 100 years is clipped there, as the front door says. */
                if (due_us - from_us <= 36525 * US_PER_DAY)
                        REQUIRE(calendar_between(calendar, from_us, due_us) == budget_us);
        }
        if (calendar_next_open(calendar, from_us, &open_us) == 0)
                REQUIRE(open_us >= from_us && calendar_is_open(calendar, open_us) && calendar_between(calendar, from_us, open_us) == 0);
        if (calendar_add(calendar, from_us, (Duration){ .workdays = 1 + (int32_t) (budget_us % 30) }, &due_us) == 0)
                REQUIRE(due_us > open_us && (calendar_is_open(calendar, due_us) || calendar_is_open(calendar, due_us - 1)));
}

/* Lines: "KEY VALUE" for open, "*KEY VALUE" for except. */
static void build_calendar(char *text, uint8_t kind) {
        static const char *const zones[] = { "UTC", "Asia/Kathmandu", "Europe/Berlin", "Pacific/Apia" };
        CalendarRule open[LINES_MAX], except[LINES_MAX];
        CalendarSpec spec = { .name = "fuzz", .zone = zones[kind % ARRAY_SIZE(zones)], .open = open, .except = except };
        uint64_t sum = kind;
        for (char *line = strtok(text, "\n"); line && spec.n_open + spec.n_except < LINES_MAX; line = strtok(NULL, "\n")) {
                for (const char *p = line; *p; p++)
                        sum = sum * 31 + (uint8_t) *p;
                bool is_except = *line == '*';
                char *value = strchr(line, ' ');
                if (!value)
                        continue;
                *value++ = '\0';
                if (is_except)
                        except[spec.n_except++] = (CalendarRule){ line + 1, value };
                else
                        open[spec.n_open++] = (CalendarRule){ line, value };
        }
        _cleanup_(calendar_freep) Calendar *calendar = NULL;
        _cleanup_(base_freep) char *problem = NULL;
        int r = calendar_new(&spec, &calendar, &problem);
        REQUIRE(r == 0 ? calendar != NULL : r > 0 && !calendar && problem);
        for (int i = 0; calendar && i < 8; i++) {
                sum = sum * UINT64_C(6364136223846793005) + 1;
                int64_t from_us = (int64_t) ((sum >> 20) % (uint64_t) (130 * 366 * US_PER_DAY));
                check_calendar(calendar, from_us, 1 + (int64_t) ((sum >> 13) % (uint64_t) (i % 2 ? 90 * US_PER_DAY : US_PER_DAY)));
        }
}

static void read_holidays(const char *data, size_t size) {
        static const CalendarRule open = { "mon_sun", "08:00-20:00" };
        CalendarSpec spec = { .name = "fuzz",
                .zone = "UTC",
                .open = &open,
                .n_open = 1,
                .holidays_path = "fuzz.ics",
                .holidays_data = data,
                .holidays_size = size };
        _cleanup_(calendar_freep) Calendar *calendar = NULL;
        _cleanup_(base_freep) char *problem = NULL;
        int r = calendar_new(&spec, &calendar, &problem);
        REQUIRE(r == 0 || (r == WORKTIME_E_HOLIDAYS && problem));
        if (calendar)
                check_calendar(calendar, INT64_C(1772720551000000), 40 * US_PER_HOUR);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size < 1)
                return 0;
        _cleanup_(base_freep) char *text = malloc(size);
        if (!text)
                return 0;
        memcpy(text, data + 1, size - 1);
        text[size - 1] = '\0';
        switch (data[0] % 4) {
        case 0:
                check_duration(text);
                check_time(text, size - 1);
                break;
        case 1:
        case 2:
                build_calendar(text, data[0] / 4);
                break;
        default:
                read_holidays(text, size - 1);
        }
        return 0;
}
