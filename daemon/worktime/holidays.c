/* SPDX-License-Identifier: MIT */
/*
 * Holidays: the days that the all-day events of an iCalendar file cover.
 * libical reads the file and unrolls recurrence rules; what it may cost is
 * bounded here (size, rules, days, last year). Events with a time of day, to-dos
 * and cancelled events close nothing. Whether an event says that its owner is
 * busy (TRANSP) does not matter: most published holiday files say "free".
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <libical/ical.h>
#include <stdio.h>
#include <sys/stat.h>

#define HOLIDAYS_LAST_YEAR 2128 /* rules without an end are unrolled to here */
#define HOLIDAYS_RULES_MAX 500  /* what the recurring events of a file may cost together, see rule_cost() */
#define HOLIDAYS_SPAN_MAX 366   /* days that one event may last */

/* ---- reading ---- */

static int read_all(const char *path, char **ret, size_t *ret_size, char **ret_text) {
        struct stat st;
        /* Without O_NONBLOCK a FIFO in the rules directory would stop a reload. */
        _cleanup_(base_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 || fstat(fd, &st) < 0)
                return worktime_problem(ret_text, WORKTIME_E_HOLIDAYS, "holidays: %s: %s", path, strerror(errno));
        if (!S_ISREG(st.st_mode))
                return worktime_problem(ret_text, WORKTIME_E_HOLIDAYS, "holidays: %s: not a regular file", path);
        if (st.st_size > HOLIDAYS_SIZE_MAX)
                return worktime_problem(ret_text, WORKTIME_E_HOLIDAYS, "holidays: %s: larger than %d bytes", path, HOLIDAYS_SIZE_MAX);
        _cleanup_(base_freep) char *data = malloc((size_t) st.st_size + 1);
        if (!data)
                return -ENOMEM;
        size_t size = 0;
        while (size < (size_t) st.st_size) {
                ssize_t n = read(fd, data + size, (size_t) st.st_size - size);
                if (n < 0 && errno != EINTR)
                        return worktime_problem(ret_text, WORKTIME_E_HOLIDAYS, "holidays: %s: %s", path, strerror(errno));
                if (n == 0)
                        break;
                if (n > 0)
                        size += (size_t) n;
        }
        data[size] = '\0';
        *ret = TAKE(data);
        *ret_size = size;
        return 0;
}

/* ---- days ---- */

typedef struct Reading {
        const char *name; /* of the file, for error texts */
        Holidays *holidays;
        char **ret_text;
        int cost;                  /* of the rules so far */
        Holidays excluded;         /* the current event's days on which it does not happen */
        icalcomponent **overrides; /* events that replace one occurrence of another */
        size_t n_overrides;
} Reading;

static int copy_all(Reading *reading, const char *data, size_t size, char **ret) {
        if (size > HOLIDAYS_SIZE_MAX)
                return worktime_problem(
                        reading->ret_text, WORKTIME_E_HOLIDAYS, "holidays: %s: larger than %d bytes", reading->name, HOLIDAYS_SIZE_MAX);
        char *copy = malloc(size + 1);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, data, size);
        copy[size] = '\0';
        *ret = copy;
        return 0;
}

static int days_add(Holidays *days, int64_t day) {
        if (days->n == days->capacity) {
                size_t capacity = days->capacity == 0 ? 64 : days->capacity * 2;
                int32_t *grown = realloc(days->days, capacity * sizeof *grown);
                if (!grown)
                        return -ENOMEM;
                days->days = grown;
                days->capacity = capacity;
        }
        days->days[days->n++] = (int32_t) day;
        return 0;
}

static int compare_days(const void *a, const void *b) {
        int32_t x = *(const int32_t *) a, y = *(const int32_t *) b;
        return (x > y) - (x < y);
}

/* libical normalises dates on its own; what it did not understand has no place here. */
static bool date_is_sane(struct icaltimetype t) {
        return !icaltime_is_null_time(t) && t.year >= 1 && t.year <= 9999 && t.month >= 1 && t.month <= 12 && t.day >= 1 &&
               (unsigned) t.day <= time_days_in_month(t.year, (unsigned) t.month);
}

static int64_t date_day(struct icaltimetype t) { return time_days_from_civil(t.year, (unsigned) t.month, (unsigned) t.day); }

static int reading_close(Reading *reading, int64_t day, int64_t n_days) {
        int32_t first = (int32_t) day;
        if (reading->excluded.n > 0 && bsearch(&first, reading->excluded.days, reading->excluded.n, sizeof first, compare_days))
                return 0;
        for (; n_days > 0; n_days--, day++) {
                if (day < -1) /* no lead is older */
                        continue;
                if (reading->holidays->n >= HOLIDAYS_DAYS_MAX)
                        return worktime_problem(reading->ret_text, WORKTIME_E_HOLIDAYS, "holidays: %s: more than %d closed days",
                                reading->name, HOLIDAYS_DAYS_MAX);
                int r = days_add(reading->holidays, day);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- events ---- */

static const char *event_name(icalcomponent *event) {
        const char *summary = icalcomponent_get_summary(event);
        return summary ? summary : "an event";
}

static int event_problem(Reading *reading, icalcomponent *event, const char *what) {
        return worktime_problem(
                reading->ret_text, WORKTIME_E_HOLIDAYS, "holidays: %s: \"%.60s\": %s", reading->name, event_name(event), what);
}

/* EXDATE, and the occurrences that another event of the same UID replaces. */
static int event_find_excluded(Reading *reading, icalcomponent *event) {
        const char *uid = icalcomponent_get_uid(event);
        int r = 0;
        reading->excluded.n = 0;
        for (icalproperty *p = icalcomponent_get_first_property(event, ICAL_EXDATE_PROPERTY); p && r == 0;
                p = icalcomponent_get_next_property(event, ICAL_EXDATE_PROPERTY)) {
                struct icaltimetype t = icalproperty_get_exdate(p);
                if (date_is_sane(t))
                        r = days_add(&reading->excluded, date_day(t));
        }
        for (size_t i = 0; i < reading->n_overrides && uid && r == 0; i++) {
                const char *other = icalcomponent_get_uid(reading->overrides[i]);
                struct icaltimetype t = icalcomponent_get_recurrenceid(reading->overrides[i]);
                if (other && base_streq(other, uid) && date_is_sane(t))
                        r = days_add(&reading->excluded, date_day(t));
        }
        if (reading->excluded.n > 0)
                qsort(reading->excluded.days, reading->excluded.n, sizeof reading->excluded.days[0], compare_days);
        return r;
}

/* A rule that never matches ("30 February") keeps libical looking, step by step, until the year 2582: 0.4 s when the steps are
 * days, for ever when they are seconds. 0: not accepted. */
static int rule_cost(icalrecurrencetype_frequency frequency) {
        switch (frequency) {
        case ICAL_YEARLY_RECURRENCE:
                return 1;
        case ICAL_MONTHLY_RECURRENCE:
                return 2;
        case ICAL_WEEKLY_RECURRENCE:
                return 16;
        case ICAL_DAILY_RECURRENCE:
                return 100;
        default:
                return 0;
        }
}

static int event_unroll(Reading *reading, icalcomponent *event, icalproperty *property, struct icaltimetype start, int64_t n_days) {
        struct icalrecurrencetype rule = icalproperty_get_rrule(property);
        int cost = rule_cost(rule.freq);
        if (cost == 0)
                return event_problem(reading, event, "its RRULE must be daily, weekly, monthly or yearly");
        reading->cost += cost;
        if (reading->cost > HOLIDAYS_RULES_MAX)
                return worktime_problem(reading->ret_text, WORKTIME_E_HOLIDAYS,
                        "holidays: %s: more recurring events than %d yearly or %d daily ones", reading->name, HOLIDAYS_RULES_MAX,
                        HOLIDAYS_RULES_MAX / rule_cost(ICAL_DAILY_RECURRENCE));
        if (rule.rscale)
                return event_problem(reading, event, "an RRULE with RSCALE is not supported");
        icalrecur_iterator *iterator = icalrecur_iterator_new(rule, start);
        if (!iterator)
                return event_problem(reading, event, "its RRULE never comes true");
        int r = 0;
        for (struct icaltimetype t = icalrecur_iterator_next(iterator); r == 0 && date_is_sane(t) && t.year <= HOLIDAYS_LAST_YEAR;
                t = icalrecur_iterator_next(iterator))
                r = reading_close(reading, date_day(t), n_days);
        icalrecur_iterator_free(iterator);
        return r;
}

static int event_read(Reading *reading, icalcomponent *event) {
        if (icalcomponent_get_status(event) == ICAL_STATUS_CANCELLED)
                return 0;
        struct icaltimetype start = icalcomponent_get_dtstart(event), end = icalcomponent_get_dtend(event);
        if (!date_is_sane(start))
                return event_problem(reading, event, "it has no DTSTART that can be read");
        if (!start.is_date)
                return 0;
        if (icalcomponent_get_first_property(event, ICAL_EXRULE_PROPERTY))
                return event_problem(reading, event, "EXRULE is not supported; use EXDATE");
        /* DTEND is the day after the last; without one (or a DURATION) it is one day. */
        int64_t first = date_day(start), n_days = date_is_sane(end) ? date_day(end) - first : 1;
        if (n_days < 1)
                n_days = 1;
        if (n_days > HOLIDAYS_SPAN_MAX)
                return event_problem(reading, event, "it lasts longer than a year");
        int r = event_find_excluded(reading, event);
        bool is_recurring = false;
        for (icalproperty *p = icalcomponent_get_first_property(event, ICAL_RRULE_PROPERTY); p && r == 0;
                p = icalcomponent_get_next_property(event, ICAL_RRULE_PROPERTY)) {
                is_recurring = true;
                r = event_unroll(reading, event, p, start, n_days);
        }
        for (icalproperty *p = icalcomponent_get_first_property(event, ICAL_RDATE_PROPERTY); p && r == 0;
                p = icalcomponent_get_next_property(event, ICAL_RDATE_PROPERTY)) {
                struct icaldatetimeperiodtype date = icalproperty_get_rdate(p);
                if (date_is_sane(date.time))
                        r = reading_close(reading, date_day(date.time), n_days);
        }
        if (r == 0 && !is_recurring)
                r = reading_close(reading, first, n_days);
        return r;
}

/* libical drops a property that it cannot read and notes that beside it. Empty ones are everywhere in the wild and do no
 * harm; a lost date or rule would open the doors on a holiday. */
static int event_find_lost(Reading *reading, icalcomponent *event) {
        static const char *const needed[] = { "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID" };
        for (icalproperty *p = icalcomponent_get_first_property(event, ICAL_XLICERROR_PROPERTY); p;
                p = icalcomponent_get_next_property(event, ICAL_XLICERROR_PROPERTY)) {
                const char *text = icalproperty_get_xlicerror(p);
                for (size_t i = 0; text && i < ARRAY_SIZE(needed); i++)
                        if (strstr(text, needed[i]))
                                return event_problem(reading, event, text);
        }
        return 0;
}

/* ---- the file ---- */

/* "20261225", "20261225T100000Z", several with commas, periods with a slash. */
static bool dates_are_sane(const char *value, size_t size) {
        size_t n = 0; /* characters of the current date */
        bool is_period = false;
        for (size_t i = 0; i <= size; i++) {
                char c = i < size ? value[i] : ',';
                if (c == ',') {
                        if (!is_period && n != 8 && n != 15 && n != 16)
                                return false;
                        n = 0;
                        is_period = false;
                } else if (c == '/')
                        is_period = true;
                else if (!is_period && (n == 8 ? c != 'T' : n == 15 ? c != 'Z' : n > 15 || c < '0' || c > '9'))
                        return false;
                else
                        n++;
        }
        return true;
}

/* libical makes some date of "2026-12-25" or "Dec 25", but another one; so the dates are looked at before it sees them. */
static int file_check_dates(Reading *reading, const char *data) {
        static const char *const dated[] = { "DTSTART", "DTEND", "RDATE", "EXDATE", "RECURRENCE-ID" };
        _cleanup_(text_free) Text line = { 0 };
        for (const char *p = data; *p;) {
                text_clear(&line);
                /* A line goes on where the next one begins with a blank. */
                do {
                        if (line.size > 0)
                                p++;
                        size_t n = strcspn(p, "\r\n");
                        text_append_size(&line, p, n);
                        p += n;
                        p += *p == '\r';
                        p += *p == '\n';
                } while (line.size > 0 && (*p == ' ' || *p == '\t'));
                if (line.error < 0)
                        return line.error;
                size_t n_name = strcspn(line.data, ":;");
                const char *value = strchr(line.data, ':');
                for (size_t i = 0; value && i < ARRAY_SIZE(dated); i++)
                        if (strlen(dated[i]) == n_name && strncasecmp(line.data, dated[i], n_name) == 0 &&
                                !dates_are_sane(value + 1, strlen(value + 1)))
                                return worktime_problem(reading->ret_text, WORKTIME_E_HOLIDAYS, "holidays: %s: \"%.80s\" is not a date",
                                        reading->name, line.data);
        }
        return 0;
}

static int calendar_object_read(Reading *reading, icalcomponent *object) {
        int r = 0;
        size_t n_events = (size_t) icalcomponent_count_components(object, ICAL_VEVENT_COMPONENT);
        _cleanup_(base_freep) icalcomponent **overrides = calloc(n_events + 1, sizeof *overrides);
        if (!overrides)
                return -ENOMEM;
        reading->overrides = overrides;
        reading->n_overrides = 0;
        for (icalcomponent *event = icalcomponent_get_first_component(object, ICAL_VEVENT_COMPONENT); event && r == 0;
                event = icalcomponent_get_next_component(object, ICAL_VEVENT_COMPONENT)) {
                r = event_find_lost(reading, event);
                if (icalcomponent_get_first_property(event, ICAL_RECURRENCEID_PROPERTY) && reading->n_overrides < n_events)
                        overrides[reading->n_overrides++] = event;
        }
        for (icalcomponent *event = icalcomponent_get_first_component(object, ICAL_VEVENT_COMPONENT); event && r == 0;
                event = icalcomponent_get_next_component(object, ICAL_VEVENT_COMPONENT))
                r = event_read(reading, event);
        reading->overrides = NULL;
        return r;
}

static int file_read(Reading *reading, const char *data, size_t size) {
        const char *begin = memchr(data, '\0', size) ? NULL : strstr(data, "BEGIN:VCALENDAR");
        /* What stands before it can only be a byte order mark or blanks; libical would complain of it on stderr. */
        if (!begin || begin - data > 16 || !strstr(begin, "END:VCALENDAR"))
                return worktime_problem(reading->ret_text, WORKTIME_E_HOLIDAYS,
                        "holidays: %s: not an iCalendar file, or one that was cut off", reading->name);
        int r = file_check_dates(reading, begin);
        if (r != 0)
                return r;
        icalcomponent *root = icalparser_parse_string(begin);
        if (!root)
                return worktime_problem(reading->ret_text, WORKTIME_E_HOLIDAYS, "holidays: %s: not an iCalendar file", reading->name);
        bool is_calendar = icalcomponent_isa(root) == ICAL_VCALENDAR_COMPONENT;
        if (is_calendar)
                r = calendar_object_read(reading, root);
        /* Several calendars in one file come below a root of libical's own. */
        for (icalcomponent *object = icalcomponent_get_first_component(root, ICAL_VCALENDAR_COMPONENT); object && !is_calendar && r == 0;
                object = icalcomponent_get_next_component(root, ICAL_VCALENDAR_COMPONENT))
                r = calendar_object_read(reading, object);
        icalcomponent_free(root);
        return r;
}

int holidays_read(const char *path, const char *data, size_t size, Holidays *holidays, char **ret_text) {
        _cleanup_(base_freep) char *own = NULL; /* with a NUL at its end */
        Reading reading = { .name = path ? path : "the calendar file", .holidays = holidays, .ret_text = ret_text };
        int r = data ? copy_all(&reading, data, size, &own) : path ? read_all(path, &own, &size, ret_text) : -EINVAL;
        if (r == 0 && own)
                r = file_read(&reading, own, size);
        free(reading.excluded.days);
        return r;
}
