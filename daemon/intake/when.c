/* SPDX-License-Identifier: MIT */
/*
 * Times as integrations write them: RFC 3339 and its loose forms, Unix seconds and
 * milliseconds, date-times without an offset. Dates that are read one way here and
 * another way there (03/05/2026) are no times.
 */
#include <math.h>
#include <stdio.h>

#include "internal.h"

#define UNIX_MS_FROM 100000000000.0 /* as seconds this is the year 5138: such numbers are milliseconds */
#define UNIX_US_FROM 100000000000000.0
#define TIME_MAX_US (INT64_C(253402300800) * US_PER_SECOND - 1)

static bool in_range(int64_t time_us, int64_t *ret_us) {
        if (time_us < 0 || time_us > TIME_MAX_US)
                return false;
        *ret_us = time_us;
        return true;
}

static bool from_unix(double number, AdapterTime form, int64_t *ret_us) {
        double scale = form == ADAPTER_TIME_UNIX ? 1e6 : form == ADAPTER_TIME_UNIX_MS ? 1e3 : 0;
        if (scale == 0)
                scale = number < UNIX_MS_FROM ? 1e6 : number < UNIX_US_FROM ? 1e3 : 1;
        double time_us = floor(number * scale + 0.5);
        return time_us >= 0 && time_us <= (double) TIME_MAX_US && in_range((int64_t) time_us, ret_us);
}

/* Digits, or digits with a fraction. Whole numbers stay exact: microseconds have 16 digits, a double 15.9. */
static bool number_from_text(const char *text, size_t size, double *ret) {
        if (size == 0 || size > 20 || strspn(text, "0123456789.") < size || text[0] == '.')
                return false;
        const char *dot = memchr(text, '.', size);
        if (dot && (dot + 1 == text + size || memchr(dot + 1, '.', (size_t) (text + size - dot - 1))))
                return false;
        double whole = 0, scale = 1;
        for (size_t i = 0; i < size; i++) {
                if (text + i == dot)
                        continue;
                whole = whole * 10 + (text[i] - '0');
                if (dot && text + i > dot)
                        scale *= 10;
        }
        *ret = whole / scale;
        return true;
}

static bool read_digits(const char **at, const char *end, size_t min, size_t max, unsigned *ret) {
        size_t n = 0;
        *ret = 0;
        while (*at < end && n < max && **at >= '0' && **at <= '9') {
                *ret = *ret * 10 + (unsigned) (*(*at)++ - '0');
                n++;
        }
        return n >= min;
}

static bool read_char(const char **at, const char *end, const char *set) {
        if (*at == end || **at == '\0' || !strchr(set, **at))
                return false;
        (*at)++;
        return true;
}

/* "5.3.2026", "05.03.2026 14:22", "2026/03/05 14:22:31", "2026-03-05T14:22", a date alone: as the form time_parse_local() reads. */
static bool to_local_form(const char *text, size_t size, char ret[static 48]) {
        const char *at = text, *end = text + size;
        unsigned first, month, third, hour = 0, minute = 0;
        if (!read_digits(&at, end, 1, 4, &first))
                return false;
        bool year_first = at - text == 4;
        char separator = at < end ? *at : '\0';
        if (!(year_first ? separator == '-' || separator == '/' : separator == '.'))
                return false;
        const char set[2] = { separator, '\0' };
        if (!read_char(&at, end, set) || !read_digits(&at, end, 1, 2, &month) || !read_char(&at, end, set) ||
                !read_digits(&at, end, year_first ? 1 : 4, year_first ? 2 : 4, &third))
                return false;
        unsigned year = year_first ? first : third, day = year_first ? third : first;
        const char *rest = ":00";
        size_t rest_size = 3;
        if (at < end) {
                if (!read_char(&at, end, "Tt, "))
                        return false;
                while (at < end && *at == ' ')
                        at++;
                if (!read_digits(&at, end, 1, 2, &hour) || !read_char(&at, end, ":") || !read_digits(&at, end, 2, 2, &minute))
                        return false;
                if (at < end) {
                        rest = at; /* ":31.153": time_parse_local() judges it */
                        rest_size = (size_t) (end - at);
                }
        }
        if (rest_size > 16)
                return false;
        int n = snprintf(ret, 48, "%04u-%02u-%02uT%02u:%02u%.*s", year, month, day, hour, minute, (int) rest_size, rest);
        return n > 0 && n < 48;
}

static bool from_local(IntakeContext *context, const char *text, size_t size, const char *zone_name, int64_t *ret_us) {
        char form[48];
        int64_t local_us;
        if (!to_local_form(text, size, form) || time_parse_local(form, strlen(form), &local_us) != 0)
                return false;
        const Zone *zone = context_zone(context, zone_name);
        return in_range(zone ? zone_local_to_utc(zone, local_us) : local_us, ret_us);
}

static bool from_text(IntakeContext *context, const char *text, size_t size, AdapterTime form, const char *zone, int64_t *ret_us) {
        double number;
        switch (form) {
        case ADAPTER_TIME_RFC3339:
                return time_parse_rfc3339(text, size, ret_us) == 0;
        case ADAPTER_TIME_UNIX:
        case ADAPTER_TIME_UNIX_MS:
                return number_from_text(text, size, &number) && from_unix(number, form, ret_us);
        case ADAPTER_TIME_LOCAL:
                return from_local(context, text, size, zone, ret_us);
        case ADAPTER_TIME_AUTO:
                break;
        }
        if (time_parse_rfc3339(text, size, ret_us) == 0)
                return true;
        /* Nine digits are 1973; fewer are a number of something else. */
        if (size >= 9 && number_from_text(text, size, &number) && from_unix(number, form, ret_us))
                return true;
        if (size > 4 && memcmp(text + size - 4, " UTC", 4) == 0) {
                char local[48];
                int64_t local_us;
                return to_local_form(text, size - 4, local) && time_parse_local(local, strlen(local), &local_us) == 0 &&
                       in_range(local_us, ret_us);
        }
        return from_local(context, text, size, zone, ret_us);
}

bool draft_parse_time(IntakeContext *context, const json_t *value, AdapterTime form, const char *zone, int64_t *ret_us) {
        bool is_unix = form == ADAPTER_TIME_AUTO || form == ADAPTER_TIME_UNIX || form == ADAPTER_TIME_UNIX_MS;
        if (json_is_number(value))
                return is_unix && from_unix(json_number_value(value), form, ret_us);
        if (!json_is_string(value))
                return false;
        const char *text = json_string_value(value);
        size_t size = json_string_length(value);
        while (size > 0 && (*text == ' ' || *text == '\t')) {
                text++;
                size--;
        }
        while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'))
                size--;
        return from_text(context, text, size, form, zone, ret_us);
}
