/* SPDX-License-Identifier: MIT */
/*
 * Time as text and back: RFC 3339, date-times without an offset, durations.
 * The proleptic Gregorian calendar in integers; no time zones (worktime has
 * them), no libc time functions, so that TZ and locale change nothing.
 */
#include "leadd/base.h"

#include <stdio.h>

#define TIME_MAX_US (INT64_C(253402300800) * US_PER_SECOND - 1) /* the last microsecond of year 9999 */
#define DURATION_US_MAX (36525 * US_PER_DAY)                    /* 100 years */
#define DURATION_WORKDAYS_MAX 1000

/* ---- civil dates ---- */

/* Days since 1970-01-01. Years are counted from March, so that the leap day is the last of its year. */
int64_t time_days_from_civil(int64_t year, unsigned month, unsigned day) {
        if (month <= 2)
                year--;
        int64_t era = (year >= 0 ? year : year - 399) / 400;
        int64_t year_of_era = year - era * 400;
        int64_t day_of_year = (153 * (int64_t) ((month + 9) % 12) + 2) / 5 + day - 1;
        int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        return era * 146097 + day_of_era - 719468;
}

void time_civil_from_days(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day) {
        days += 719468;
        int64_t era = (days >= 0 ? days : days - 146096) / 146097;
        int64_t day_of_era = days - era * 146097;
        int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
        int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        int64_t shifted = (5 * day_of_year + 2) / 153;
        *ret_day = (unsigned) (day_of_year - (153 * shifted + 2) / 5 + 1);
        *ret_month = (unsigned) (shifted < 10 ? shifted + 3 : shifted - 9);
        *ret_year = year_of_era + era * 400 + (*ret_month <= 2);
}

unsigned time_days_in_month(int64_t year, unsigned month) {
        static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        return days[month - 1] + (month == 2 && is_leap);
}

/* ---- reading ---- */

typedef struct Reader {
        const char *at;
        const char *end;
} Reader;

/* Exactly n digits. */
static bool read_number(Reader *reader, size_t n, unsigned *ret) {
        unsigned value = 0;
        if ((size_t) (reader->end - reader->at) < n)
                return false;
        for (size_t i = 0; i < n; i++) {
                char c = reader->at[i];
                if (c < '0' || c > '9')
                        return false;
                value = value * 10 + (unsigned) (c - '0');
        }
        reader->at += n;
        *ret = value;
        return true;
}

static bool read_one_of(Reader *reader, const char *set) {
        if (reader->at == reader->end || *reader->at == '\0' || !strchr(set, *reader->at))
                return false;
        reader->at++;
        return true;
}

static bool read_date(Reader *reader, int64_t *ret_days) {
        unsigned year, month, day;
        if (!read_number(reader, 4, &year) || !read_one_of(reader, "-") || !read_number(reader, 2, &month) || !read_one_of(reader, "-") ||
                !read_number(reader, 2, &day))
                return false;
        if (month < 1 || month > 12 || day < 1 || day > time_days_in_month(year, month))
                return false;
        *ret_days = time_days_from_civil(year, month, day);
        return true;
}

/* "2026-03-05T14:22:31.153"; a leap second has not happened yet in *ret_us but is reported. */
static bool read_date_time(Reader *reader, int64_t *ret_us, bool *ret_is_leap) {
        unsigned hour, minute, second;
        int64_t days, fraction_us = 0, scale = 100000;
        if (!read_date(reader, &days) || !read_one_of(reader, "Tt ") || !read_number(reader, 2, &hour) || !read_one_of(reader, ":") ||
                !read_number(reader, 2, &minute) || !read_one_of(reader, ":") || !read_number(reader, 2, &second))
                return false;
        if (hour > 23 || minute > 59 || second > 60)
                return false;
        if (read_one_of(reader, ".")) {
                const char *digits = reader->at;
                while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9') {
                        fraction_us += (*reader->at - '0') * scale; /* what is below a microsecond is cut off */
                        scale /= 10;
                        reader->at++;
                }
                if (reader->at == digits)
                        return false;
        }
        *ret_is_leap = second == 60;
        if (second == 60) {
                second = 59;
                fraction_us = US_PER_SECOND - 1;
        }
        *ret_us = days * US_PER_DAY + hour * US_PER_HOUR + minute * US_PER_MINUTE + second * US_PER_SECOND + fraction_us;
        return true;
}

static bool read_offset(Reader *reader, int64_t *ret_us) {
        unsigned hours, minutes;
        if (read_one_of(reader, "Zz")) {
                *ret_us = 0;
                return true;
        }
        bool is_west = reader->at < reader->end && *reader->at == '-';
        if (!read_one_of(reader, "+-") || !read_number(reader, 2, &hours))
                return false;
        (void) read_one_of(reader, ":");
        if (!read_number(reader, 2, &minutes) || hours > 23 || minutes > 59)
                return false;
        *ret_us = (hours * US_PER_HOUR + minutes * US_PER_MINUTE) * (is_west ? -1 : 1);
        return true;
}

int time_parse_rfc3339(const char *s, size_t size, int64_t *ret_us) {
        Reader reader = { s, s + size };
        int64_t time_us, offset_us;
        bool is_leap;
        if (!read_date_time(&reader, &time_us, &is_leap) || !read_offset(&reader, &offset_us) || reader.at != reader.end)
                return TIME_E_SYNTAX;
        time_us -= offset_us;
        if (time_us < 0 || time_us > TIME_MAX_US)
                return TIME_E_SYNTAX;
        /* Leap seconds are only inserted at the end of a UTC day. */
        if (is_leap && time_us % US_PER_DAY != US_PER_DAY - 1)
                return TIME_E_SYNTAX;
        *ret_us = time_us;
        return 0;
}

int time_parse_local(const char *s, size_t size, int64_t *ret_us) {
        Reader reader = { s, s + size };
        int64_t time_us;
        bool is_leap;
        if (!read_date_time(&reader, &time_us, &is_leap) || reader.at != reader.end || time_us < 0)
                return TIME_E_SYNTAX;
        *ret_us = time_us;
        return 0;
}

int time_parse_date(const char *s, size_t size, int64_t *ret_days) {
        Reader reader = { s, s + size };
        int64_t days;
        if (!read_date(&reader, &days) || reader.at != reader.end || days < 0)
                return TIME_E_SYNTAX;
        *ret_days = days;
        return 0;
}

/* ---- writing ---- */

static int format_date_time(int64_t time_us, char buf[static TIME_TEXT_SIZE]) {
        int64_t days = time_us / US_PER_DAY - (time_us % US_PER_DAY < 0), year;
        /* Not days * US_PER_DAY: the earliest day of int64_t begins before its range does. */
        int64_t rest_us = time_us % US_PER_DAY + (time_us % US_PER_DAY < 0 ? US_PER_DAY : 0);
        unsigned month, day;
        time_civil_from_days(days, &year, &month, &day);
        int n = snprintf(buf, TIME_TEXT_SIZE, "%04d-%02u-%02uT%02d:%02d:%02d", (int) year, month, day, (int) (rest_us / US_PER_HOUR),
                (int) (rest_us / US_PER_MINUTE % 60), (int) (rest_us / US_PER_SECOND % 60));
        int fraction = (int) (rest_us % US_PER_SECOND);
        if (fraction % 1000 != 0)
                n += snprintf(buf + n, (size_t) (TIME_TEXT_SIZE - n), ".%06d", fraction);
        else if (fraction != 0)
                n += snprintf(buf + n, (size_t) (TIME_TEXT_SIZE - n), ".%03d", fraction / 1000);
        return n;
}

const char *time_format_rfc3339(int64_t time_us, char buf[static TIME_TEXT_SIZE]) {
        int n = format_date_time(time_us, buf);
        (void) snprintf(buf + n, (size_t) (TIME_TEXT_SIZE - n), "Z");
        return buf;
}

const char *time_format_offset(int64_t time_us, int32_t offset_seconds, char buf[static TIME_TEXT_SIZE]) {
        int64_t local_us;
        /* RFC 3339 has no seconds in offsets (local mean time had); such an offset is shown as its whole minutes. */
        int32_t minutes = offset_seconds / 60;
        if (minutes < -1439 || minutes > 1439 || __builtin_add_overflow(time_us, minutes * US_PER_MINUTE, &local_us))
                return time_format_rfc3339(time_us, buf);
        int n = format_date_time(local_us, buf);
        unsigned size = (unsigned) (minutes < 0 ? -minutes : minutes);
        (void) snprintf(buf + n, (size_t) (TIME_TEXT_SIZE - n), "%c%02u:%02u", minutes < 0 ? '-' : '+', size / 60, size % 60);
        return buf;
}

/* ---- durations ---- */

static const struct {
        const char *name;
        int64_t us;
} units[] = {
        { "w", 7 * US_PER_DAY },
        { "d", US_PER_DAY },
        { "h", US_PER_HOUR },
        { "m", US_PER_MINUTE },
        { "s", US_PER_SECOND },
};

int duration_parse(const char *s, Duration *ret) {
        const char *p = s;
        int64_t value = 0;
        for (; *p >= '0' && *p <= '9'; p++) {
                value = value * 10 + (*p - '0');
                if (value > DURATION_US_MAX / US_PER_SECOND)
                        return TIME_E_SYNTAX;
        }
        if (p == s)
                return TIME_E_SYNTAX;
        if (base_streq(p, "wd")) {
                if (value > DURATION_WORKDAYS_MAX)
                        return TIME_E_SYNTAX;
                *ret = (Duration){ .workdays = (int32_t) value };
                return 0;
        }
        for (size_t i = 0; i < ARRAY_SIZE(units); i++)
                if (base_streq(p, units[i].name)) {
                        if (value > DURATION_US_MAX / units[i].us)
                                return TIME_E_SYNTAX;
                        *ret = (Duration){ .us = value * units[i].us };
                        return 0;
                }
        return TIME_E_SYNTAX;
}

const char *duration_format(Duration duration, char buf[static TIME_TEXT_SIZE]) {
        if (duration.workdays != 0) {
                (void) snprintf(buf, TIME_TEXT_SIZE, "%dwd", (int) duration.workdays);
                return buf;
        }
        int64_t seconds = duration.us / US_PER_SECOND;
        for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
                int64_t unit = units[i].us / US_PER_SECOND;
                if (seconds != 0 && seconds % unit == 0) {
                        (void) snprintf(buf, TIME_TEXT_SIZE, "%lld%s", (long long) (seconds / unit), units[i].name);
                        return buf;
                }
        }
        (void) snprintf(buf, TIME_TEXT_SIZE, "0s");
        return buf;
}
