/* SPDX-License-Identifier: MIT */
/*
 * Time zones as tables of offset changes. GLib reads the system's time zone
 * data and is asked once, when a zone is made: afterwards a conversion is a
 * binary search in our own table (tens of nanoseconds instead of hundreds),
 * knows where an offset begins and ends, allocates nothing and cannot abort.
 * The table covers 1970 to 2128; later years follow a year of the same shape.
 * Does not know the local zone of the machine, and never looks at TZ.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdatomic.h>
#include <stdio.h>

#define ZONE_NAME_MAX 64
#define ZONE_CHANGES_MAX 4096
/* Rules for all time are of the form "last Sunday in March": they depend only on the weekday with which a year begins and
 * on its leap day. Of these 14 shapes, 28 years without a skipped leap day have every one, and after 2087 no zone has
 * dated changes left (Morocco's Ramadan is the last). */
#define ZONE_SHAPES_FIRST 2101
#define ZONE_SHAPES_LAST 2128

typedef struct ZoneChange {
        int64_t at_us;
        int64_t offset_us; /* from there on */
} ZoneChange;

struct Zone {
        atomic_uint n_refs;
        int64_t first_offset_us; /* before the first change */
        int64_t table_end_us;
        ZoneChange *changes;
        size_t n_changes;
        size_t capacity;
        bool has_rules; /* there are changes in the last 28 years of the table, hence for ever */
        char name[ZONE_NAME_MAX + 1];
};

/* ---- making ---- */

/* GLib would open whatever path the name makes, and takes "+01:00" and POSIX rules for zones as well. */
static bool zone_name_is_sane(const char *name) {
        size_t size = strnlen(name, ZONE_NAME_MAX + 1);
        bool at_start = true; /* of a part between slashes */
        if (size == 0 || size > ZONE_NAME_MAX)
                return false;
        for (size_t i = 0; i < size; i++) {
                char c = name[i];
                bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
                if (at_start ? !is_letter : !is_letter && !(c >= '0' && c <= '9') && !strchr("+-_/", c))
                        return false;
                at_start = c == '/';
        }
        /* Copies of the data with other conventions, and what stands for the machine's own zone. */
        return !at_start && strncmp(name, "right/", 6) != 0 && strncmp(name, "posix/", 6) != 0 && !base_streq(name, "posixrules") &&
               !base_streq(name, "localtime");
}

/* Whether the zone's file is one. GLib knows UTC without. */
static int zone_file_check(const char *name) {
        char path[4096], magic[4];
        const char *folders[] = { getenv("TZDIR"), "/usr/share/zoneinfo", "/usr/lib/zoneinfo" };
        if (base_streq(name, "UTC"))
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
                if (!folders[i])
                        continue;
                int n = snprintf(path, sizeof path, "%s/%s", folders[i], name);
                if (n < 0 || (size_t) n >= sizeof path)
                        return WORKTIME_E_ZONE;
                _cleanup_(base_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
                if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
                        return -errno;
                if (fd >= 0)
                        return read(fd, magic, sizeof magic) == sizeof magic && memcmp(magic, "TZif", 4) == 0 ? 0 : WORKTIME_E_ZONE;
        }
        return WORKTIME_E_ZONE;
}

static int zone_add_change(Zone *zone, int64_t at_us, int64_t offset_us) {
        int64_t last_us = zone->n_changes > 0 ? zone->changes[zone->n_changes - 1].offset_us : zone->first_offset_us;
        if (offset_us == last_us)
                return 0; /* only the abbreviation changed */
        if (zone->n_changes == zone->capacity) {
                size_t capacity = zone->capacity == 0 ? 64 : zone->capacity * 2;
                if (capacity > ZONE_CHANGES_MAX)
                        return WORKTIME_E_ZONE;
                ZoneChange *changes = realloc(zone->changes, capacity * sizeof *changes);
                if (!changes)
                        return -ENOMEM;
                zone->changes = changes;
                zone->capacity = capacity;
        }
        zone->changes[zone->n_changes++] = (ZoneChange){ at_us, offset_us };
        return 0;
}

/* Halves (low, high] until each change of the interval's number is found to the second. The numbers grow with time, so that
 * equal ones at both ends mean no change between. */
static int zone_find_changes(Zone *zone, GTimeZone *tz, int64_t low, int n_low, int64_t high, int n_high) {
        if (n_low == n_high)
                return 0;
        if (high - low == 1)
                return zone_add_change(zone, high * US_PER_SECOND, g_time_zone_get_offset(tz, n_high) * US_PER_SECOND);
        int64_t middle = low + (high - low) / 2;
        int n_middle = g_time_zone_find_interval(tz, G_TIME_TYPE_UNIVERSAL, middle);
        int r = zone_find_changes(zone, tz, low, n_low, middle, n_middle);
        return r != 0 ? r : zone_find_changes(zone, tz, middle, n_middle, high, n_high);
}

static int64_t year_start_us(int64_t year) { return time_days_from_civil(year, 1, 1) * US_PER_DAY; }

static int zone_fill(Zone *zone, GTimeZone *tz) {
        int64_t low = WORKTIME_MIN_US / US_PER_SECOND, high = zone->table_end_us / US_PER_SECOND - 1;
        int n_low = g_time_zone_find_interval(tz, G_TIME_TYPE_UNIVERSAL, low);
        int n_high = g_time_zone_find_interval(tz, G_TIME_TYPE_UNIVERSAL, high);
        zone->first_offset_us = g_time_zone_get_offset(tz, n_low) * US_PER_SECOND;
        int r = zone_find_changes(zone, tz, low, n_low, high, n_high);
        if (r == 0)
                zone->has_rules = zone->n_changes > 0 && zone->changes[zone->n_changes - 1].at_us >= year_start_us(ZONE_SHAPES_FIRST);
        return r;
}

int zone_new(const char *name, Zone **ret) {
        if (!zone_name_is_sane(name))
                return WORKTIME_E_ZONE;
        int r = zone_file_check(name);
        if (r != 0)
                return r;
        Zone *zone = calloc(1, sizeof *zone);
        if (!zone)
                return -ENOMEM;
        atomic_init(&zone->n_refs, 1);
        zone->table_end_us = year_start_us(ZONE_SHAPES_LAST + 1);
        (void) snprintf(zone->name, sizeof zone->name, "%s", name);
        GTimeZone *tz = g_time_zone_new_identifier(name);
        if (!tz) {
                zone_unref(zone);
                return WORKTIME_E_ZONE;
        }
        r = zone_fill(zone, tz);
        g_time_zone_unref(tz);
        if (r != 0) {
                zone_unref(zone);
                return r;
        }
        *ret = zone;
        return 0;
}

Zone *zone_ref(Zone *zone) {
        atomic_fetch_add(&zone->n_refs, 1);
        return zone;
}

Zone *zone_unref(Zone *zone) {
        if (zone && atomic_fetch_sub(&zone->n_refs, 1) == 1) {
                free(zone->changes);
                free(zone);
        }
        return NULL;
}

const char *zone_name(const Zone *zone) { return zone->name; }

/* ---- looking up ---- */

static ZoneSpan zone_table_span(const Zone *zone, int64_t time_us) {
        size_t low = 0, high = zone->n_changes; /* the first change after time_us is in [low, high] */
        while (low < high) {
                size_t middle = (low + high) / 2;
                if (zone->changes[middle].at_us <= time_us)
                        low = middle + 1;
                else
                        high = middle;
        }
        return (ZoneSpan){
                .start_us = low == 0 ? INT64_MIN : zone->changes[low - 1].at_us,
                .end_us = low == zone->n_changes ? (zone->has_rules ? zone->table_end_us : INT64_MAX) : zone->changes[low].at_us,
                .offset_us = low == 0 ? zone->first_offset_us : zone->changes[low - 1].offset_us,
        };
}

/* A year beyond the table is looked up in the table's year of the same shape; spans end with the year. */
static ZoneSpan zone_shaped_span(const Zone *zone, int64_t time_us) {
        int64_t year, day = time_us / US_PER_DAY;
        unsigned month, date;
        time_civil_from_days(day, &year, &month, &date);
        int64_t start = time_days_from_civil(year, 1, 1), end = time_days_from_civil(year + 1, 1, 1), shape = ZONE_SHAPES_FIRST;
        for (; shape < ZONE_SHAPES_LAST; shape++) {
                int64_t first = time_days_from_civil(shape, 1, 1);
                if ((start - first) % 7 == 0 && time_days_from_civil(shape + 1, 1, 1) - first == end - start)
                        break;
        }
        int64_t shift_us = start * US_PER_DAY - year_start_us(shape);
        ZoneSpan span = zone_table_span(zone, time_us - shift_us);
        int64_t first_us = year_start_us(shape), last_us = year_start_us(shape + 1);
        return (ZoneSpan){
                .start_us = (span.start_us < first_us ? first_us : span.start_us) + shift_us,
                .end_us = (span.end_us > last_us ? last_us : span.end_us) + shift_us,
                .offset_us = span.offset_us,
        };
}

ZoneSpan zone_span_at(const Zone *zone, int64_t time_us) {
        if (zone->has_rules && time_us >= zone->table_end_us && time_us < WORKTIME_MAX_US + 2 * US_PER_DAY)
                return zone_shaped_span(zone, time_us);
        return zone_table_span(zone, time_us);
}

int32_t zone_offset_seconds(const Zone *zone, int64_t time_us) { return (int32_t) (zone_span_at(zone, time_us).offset_us / US_PER_SECOND); }

/* No clock is further from UTC than this. */
#define ZONE_OFFSET_MAX_US (16 * US_PER_HOUR)

static int64_t zone_reach(const Zone *zone, int64_t local_us, bool is_edge) {
        /* Far outside of what is ever computed with, only the sums must not overflow. */
        if (local_us < WORKTIME_MIN_US - 2 * US_PER_DAY)
                return local_us < INT64_MIN + US_PER_DAY ? local_us : local_us - zone->first_offset_us;
        if (local_us > WORKTIME_MAX_US + US_PER_DAY)
                return local_us > INT64_MAX - US_PER_DAY ? local_us : local_us - zone_span_at(zone, WORKTIME_MAX_US).offset_us;
        ZoneSpan span = zone_span_at(zone, local_us - ZONE_OFFSET_MAX_US);
        for (;;) {
                int64_t time_us = local_us - span.offset_us;
                if (time_us < span.end_us)
                        return time_us;
                ZoneSpan next = zone_span_at(zone, span.end_us);
                if (local_us - next.offset_us < next.start_us) /* skipped between the two */
                        return is_edge ? next.start_us : time_us;
                span = next;
        }
}

int64_t zone_first_reaching(const Zone *zone, int64_t local_us) { return zone_reach(zone, local_us, true); }

int64_t zone_local_to_utc(const Zone *zone, int64_t local_us) { return zone_reach(zone, local_us, false); }

const char *zone_format(const Zone *zone, int64_t time_us, char buf[static TIME_TEXT_SIZE]) {
        return time_format_offset(time_us, zone_offset_seconds(zone, time_us), buf);
}
