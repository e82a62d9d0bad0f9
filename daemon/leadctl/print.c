/* SPDX-License-Identifier: MIT */
/*
 * How things look to people: their own time zone, aligned columns that fit the terminal, colours only where they
 * are wanted. What came from outside (names, notes, questions of a form) never reaches the terminal as control
 * characters. Programs get JSON, which is not touched here.
 */
#include "leadctl.h"
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <math.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SHRINK_TO 8 /* columns a cut column keeps at least */

void output_open(Output *ret) {
        bool terminal = isatty(STDOUT_FILENO);
        const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM"), *columns = getenv("COLUMNS");
        struct winsize size;
        Output output = { 0 };
        if (terminal) {
                output.colours = !(no_color && *no_color) && !(term && base_streq(term, "dumb"));
                if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
                        output.width = size.ws_col;
                else if (columns && atoi(columns) > 0)
                        output.width = (size_t) atoi(columns);
                else
                        output.width = 80;
        }
        struct timespec now;
        (void) clock_gettime(CLOCK_REALTIME, &now);
        output.now_us = (int64_t) now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
        *ret = output;
}

void output_now(Output *output, const char *rfc3339) {
        if (rfc3339)
                (void) time_parse_rfc3339(rfc3339, strlen(rfc3339), &output->now_us);
}

void say_error(const char *format, ...) {
        Text text = { 0 };
        va_list args;
        va_start(args, format);
        text_vprintf(&text, format, args);
        va_end(args);
        Text safe = { 0 };
        text_append_safe(&safe, text.data ? text.data : "out of memory");
        (void) fprintf(stderr, "leadctl: %s\n", safe.data ? safe.data : "out of memory");
        text_free(&safe);
        text_free(&text);
}

/* ---- text ---- */

/* Direction marks and overrides can make a line read as something it is not. */
static bool is_obeyed(gunichar c) {
        return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
               (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f || c == 0x061c || c == 0x2028 || c == 0x2029 || c == 0xfeff;
}

/* The character at s: its bytes, or one byte of what is no UTF-8. */
static size_t next_character(const char *s, size_t size, gunichar *ret) {
        gunichar c = g_utf8_get_char_validated(s, (gssize) size);
        if (c == (gunichar) -1 || c == (gunichar) -2) {
                *ret = 0; /* obeyed: replaced */
                return 1;
        }
        *ret = c;
        return (size_t) (g_utf8_next_char(s) - s);
}

void text_append_safe(Text *out, const char *s) {
        for (size_t left = strlen(s); left > 0;) {
                gunichar c;
                size_t n = next_character(s, left, &c);
                if (is_obeyed(c))
                        text_append_char(out, '?');
                else
                        text_append_size(out, s, n);
                s += n;
                left -= n;
        }
}

static size_t character_columns(gunichar c) { return g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1; }

size_t text_columns(const char *s, size_t size) {
        size_t columns = 0;
        while (size > 0) {
                gunichar c;
                size_t n = next_character(s, size, &c);
                columns += c == 0 ? 1 : character_columns(c);
                s += n;
                size -= n;
        }
        return columns;
}

void text_append_cut(Text *out, const char *s, size_t columns) {
        size_t size = strlen(s), taken = 0;
        if (text_columns(s, size) <= columns) {
                text_append(out, s);
                return;
        }
        while (size > 0 && columns > 0) {
                gunichar c;
                size_t n = next_character(s, size, &c), width = c == 0 ? 1 : character_columns(c);
                if (taken + width > columns - 1)
                        break;
                text_append_size(out, s, n);
                taken += width;
                s += n;
                size -= n;
        }
        if (columns > 0) {
                text_append(out, "…");
                taken++;
        }
        for (; taken < columns; taken++) /* a wide character did not fit into the last column */
                text_append_char(out, ' ');
}

/* ---- times, points ---- */

bool time_from_json(const json_t *value, int64_t *ret_us) {
        const char *s = json_string_value(value);
        return s && time_parse_rfc3339(s, strlen(s), ret_us) == 0;
}

void text_append_time(Text *out, const char *rfc3339) {
        int64_t time_us;
        if (!rfc3339) {
                text_append(out, "-");
                return;
        }
        if (time_parse_rfc3339(rfc3339, strlen(rfc3339), &time_us) != 0) {
                text_append_safe(out, rfc3339);
                return;
        }
        time_t seconds = (time_t) (time_us / US_PER_SECOND);
        struct tm local;
        if (!localtime_r(&seconds, &local)) {
                text_append(out, rfc3339);
                return;
        }
        long offset = local.tm_gmtoff / 60;
        text_printf(out, "%04d-%02d-%02d %02d:%02d", local.tm_year + 1900, local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min);
        if (local.tm_sec != 0)
                text_printf(out, ":%02d", local.tm_sec);
        text_printf(out, " %c%02ld:%02ld", offset < 0 ? '-' : '+', labs(offset) / 60, labs(offset) % 60);
}

void text_append_relative(Text *out, int64_t delta_us) {
        static const struct {
                int64_t unit_us, until_us;
                const char *name;
        } units[] = {
                { US_PER_SECOND, US_PER_MINUTE, "s" },
                { US_PER_MINUTE, 90 * US_PER_MINUTE, "min" },
                { US_PER_HOUR, 36 * US_PER_HOUR, "h" },
                { US_PER_DAY, INT64_MAX, "d" },
        };
        int64_t size_us = delta_us < 0 ? -delta_us : delta_us;
        if (size_us < US_PER_SECOND) {
                text_append(out, "now");
                return;
        }
        size_t i = 0;
        while (size_us >= units[i].until_us)
                i++;
        text_printf(out, "%s%" PRId64 " %s%s", delta_us > 0 ? "in " : "", size_us / units[i].unit_us, units[i].name,
                delta_us < 0 ? " ago" : "");
}

void text_append_points(Text *out, const json_t *number) {
        if (!json_is_number(number)) {
                text_append(out, "-");
                return;
        }
        double points = json_number_value(number);
        if (points == floor(points))
                text_printf(out, "%.0f", points);
        else
                text_printf(out, "%.1f", points);
}

/* ---- colours ---- */

static const char *const style_codes[] = {
        [STYLE_PLAIN] = "",
        [STYLE_HEAD] = "\x1b[1m",
        [STYLE_GOOD] = "\x1b[32m",
        [STYLE_WARN] = "\x1b[33m",
        [STYLE_BAD] = "\x1b[31m",
        [STYLE_DIM] = "\x1b[2m",
};

void style_begin(const Output *output, Style style, Text *out) {
        if (output->colours)
                text_append(out, style_codes[style]);
}

void style_end(const Output *output, Style style, Text *out) {
        if (output->colours && style != STYLE_PLAIN)
                text_append(out, "\x1b[0m");
}

/* ---- tables ---- */

void table_start(Table *table, const Column *columns, size_t n_columns) { *table = (Table){ .columns = columns, .n_columns = n_columns }; }

void table_done(Table *table) {
        for (size_t i = 0; i < table->n_cells; i++)
                free(table->cells[i].text);
        free(table->cells);
        *table = (Table){ 0 };
}

void table_add(Table *table, Style style, const char *text) {
        if (table->error < 0)
                return;
        if (table->n_cells == table->capacity) {
                size_t capacity = table->capacity ? table->capacity * 2 : 64;
                Cell *cells = reallocarray(table->cells, capacity, sizeof(Cell));
                if (!cells) {
                        table->error = -ENOMEM;
                        return;
                }
                table->cells = cells;
                table->capacity = capacity;
        }
        Text safe = { 0 };
        text_append_safe(&safe, text && *text ? text : "-");
        /* A cell is one line. */
        for (char *c = safe.data; c && *c; c++)
                if (*c == '\n' || *c == '\t')
                        *c = ' ';
        if (safe.error < 0) {
                table->error = safe.error;
                text_free(&safe);
                return;
        }
        table->cells[table->n_cells++] = (Cell){ .text = safe.data, .style = style };
}

void table_addf(Table *table, Style style, const char *format, ...) {
        Text text = { 0 };
        va_list args;
        va_start(args, format);
        text_vprintf(&text, format, args);
        va_end(args);
        if (text.error < 0)
                table->error = text.error;
        else
                table_add(table, style, text.data);
        text_free(&text);
}

/* Takes columns from the widest that may shrink until the row fits. */
static void fit(const Table *table, size_t *widths, size_t available) {
        for (;;) {
                size_t total = 2 * (table->n_columns - 1), widest = table->n_columns;
                for (size_t i = 0; i < table->n_columns; i++) {
                        total += widths[i];
                        if (table->columns[i].shrinks && widths[i] > SHRINK_TO &&
                                (widest == table->n_columns || widths[i] > widths[widest]))
                                widest = i;
                }
                if (total <= available || widest == table->n_columns)
                        return;
                widths[widest]--;
        }
}

static void add_cell(const Output *output, const Column *column, const char *text, Style style, size_t width, bool last, Text *out) {
        Text cut = { 0 };
        text_append_cut(&cut, text, width);
        const char *shown = cut.data ? cut.data : "";
        size_t used = text_columns(shown, strlen(shown)), pad = width > used ? width - used : 0;
        if (column->right)
                for (size_t i = 0; i < pad; i++)
                        text_append_char(out, ' ');
        style_begin(output, style, out);
        text_append(out, shown);
        style_end(output, style, out);
        if (!last) {
                if (!column->right)
                        for (size_t i = 0; i < pad; i++)
                                text_append_char(out, ' ');
                text_append(out, "  ");
        }
        if (cut.error < 0)
                out->error = cut.error;
        text_free(&cut);
}

void table_format(const Table *table, const Output *output, Text *out) {
        size_t widths[TABLE_COLUMNS_MAX] = { 0 }, n = table->n_columns;
        if (n == 0)
                return;
        for (size_t i = 0; i < n; i++)
                widths[i] = text_columns(table->columns[i].title, strlen(table->columns[i].title));
        for (size_t i = 0; i < table->n_cells; i++) {
                size_t columns = text_columns(table->cells[i].text, strlen(table->cells[i].text));
                if (columns > widths[i % n])
                        widths[i % n] = columns;
        }
        if (output->width > 0)
                fit(table, widths, output->width);
        for (size_t i = 0; i < n; i++)
                add_cell(output, &table->columns[i], table->columns[i].title, STYLE_HEAD, widths[i], i + 1 == n, out);
        text_append_char(out, '\n');
        for (size_t i = 0; i < table->n_cells; i++) {
                add_cell(output, &table->columns[i % n], table->cells[i].text, table->cells[i].style, widths[i % n], (i + 1) % n == 0, out);
                if ((i + 1) % n == 0)
                        text_append_char(out, '\n');
        }
        if (table->error < 0)
                out->error = table->error;
}

int table_print(Table *table, const Output *output) {
        Text text = { 0 };
        table_format(table, output, &text);
        table_done(table);
        if (text.error < 0)
                say_error("out of memory");
        else
                print_text(&text);
        int code = text.error < 0 ? EXIT_NO_DAEMON : EXIT_DONE;
        text_free(&text);
        return code;
}

int table_finish(Table *table, const Output *output, const char *nothing, bool more) {
        int code = EXIT_DONE;
        if (table->n_cells > 0)
                code = table_print(table, output);
        else
                (void) printf("%s\n", nothing);
        table_done(table);
        if (more) {
                (void) fflush(stdout);
                (void) fprintf(stderr, "There is more than is shown.\n");
        }
        return code;
}

void print_text(const Text *text) {
        if (text->size > 0)
                (void) fwrite(text->data, 1, text->size, stdout);
}

void print_json(const json_t *json) {
        (void) json_dumpf(json, stdout, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        (void) fputc('\n', stdout);
}

/* RFC 3339 instants inside a sentence of the daemon are shown in the caller's zone. */
void text_append_sentence(Text *out, const char *s) {
        while (s && *s) {
                size_t n = strcspn(s, " ,;()");
                int64_t time_us;
                if (n >= 20 && time_parse_rfc3339(s, n, &time_us) == 0) {
                        char buffer[TIME_TEXT_SIZE];
                        text_append_time(out, time_format_rfc3339(time_us, buffer));
                } else
                        text_append_size(out, s, n);
                s += n;
                if (*s)
                        text_append_char(out, *s++);
        }
}

void text_append_wrapped(Text *out, size_t column, size_t indent, const char *s) {
        while (s && *s) {
                size_t n = strcspn(s, " ");
                size_t shown = text_columns(s, n);
                if (column > indent && column + 1 + shown > PRINT_WIDTH) {
                        text_printf(out, "\n%*s", (int) indent, "");
                        column = indent;
                } else if (column > indent) {
                        text_append_char(out, ' ');
                        column++;
                }
                char *word = strndup(s, n);
                if (!word) {
                        out->error = -ENOMEM;
                        return;
                }
                text_append_safe(out, word);
                free(word);
                column += shown;
                s += n;
                s += strspn(s, " ");
        }
        text_append_char(out, '\n');
}

int print_answer(const Arguments *arguments, const json_t *item, const json_t *reply,
        void (*format)(Text *out, const Output *output, const json_t *reply)) {
        if (arguments->json) {
                print_json(item);
                return EXIT_DONE;
        }
        Output output;
        output_open(&output);
        output_now(&output, text_at(reply, "now"));
        Text text = { 0 };
        format(&text, &output, reply);
        print_text(&text);
        text_free(&text);
        return EXIT_DONE;
}

/* ---- files ---- */

int write_whole(const char *path, const char *text) {
        Text temporary = { 0 };
        text_printf(&temporary, "%s.XXXXXX", path);
        /* A name that nobody can have laid a link at: root may be writing into /tmp. */
        int fd = temporary.error == 0 ? mkostemp(temporary.data, O_CLOEXEC) : -1;
        mode_t mask = umask(0);
        (void) umask(mask);
        FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
        bool good = file && fputs(text, file) >= 0 && fchmod(fd, 0666 & ~mask) == 0;
        if (file && fclose(file) != 0)
                good = false;
        if (good && rename(temporary.data, path) < 0)
                good = false;
        if (!good) {
                say_error("cannot write %s: %m", path);
                if (fd >= 0)
                        (void) remove(temporary.data);
                if (fd >= 0 && !file)
                        (void) close(fd);
        }
        text_free(&temporary);
        return good ? EXIT_DONE : EXIT_REFUSED;
}
