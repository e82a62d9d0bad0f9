/* SPDX-License-Identifier: MIT */
/*
 * The text of a mail: what its writer said first, and what may be tokens of ours. Pure, over any bytes.
 */
#include "mail.h"

#include <strings.h>

/* ---- lines ---- */

/* Bytes of a blank at s: also those that HTML and phones make. 0 = none. */
static size_t blank_size(const char *s, size_t size) {
        if (size == 0)
                return 0;
        if (s[0] == ' ' || s[0] == '\t' || s[0] == '\r' || s[0] == '\0' || s[0] == '\f' || s[0] == '\v')
                return 1;
        if (size >= 2 && memcmp(s, "\xc2\xa0", 2) == 0)
                return 2;
        if (size >= 3 && (memcmp(s, "\xe2\x80\x8b", 3) == 0 || memcmp(s, "\xef\xbb\xbf", 3) == 0 || memcmp(s, "\xe2\x80\x8e", 3) == 0 ||
                                 memcmp(s, "\xe2\x80\x8f", 3) == 0))
                return 3;
        return 0;
}

typedef struct Line {
        const char *text;
        size_t size;
} Line;

/* The next line without its blanks at both ends. false: there is none. */
static bool next_line(const char **at, const char *end, Line *ret) {
        size_t blank;

        if (*at >= end)
                return false;
        const char *start = *at, *stop = memchr(start, '\n', (size_t) (end - start));
        *at = stop ? stop + 1 : end;
        if (!stop)
                stop = end;
        while ((blank = blank_size(start, (size_t) (stop - start))) > 0)
                start += blank;
        for (bool shorter = true; shorter && stop > start;) {
                shorter = false;
                for (size_t n = 1; n <= 3 && n <= (size_t) (stop - start) && !shorter; n++)
                        if (blank_size(stop - n, n) == n) {
                                stop -= n;
                                shorter = true;
                        }
        }
        *ret = (Line){ start, (size_t) (stop - start) };
        return true;
}

static bool is_quoted(const Line *line) { return line->size > 0 && (line->text[0] == '>' || line->text[0] == '|'); }

/* "-----Original Message-----", "________________": what is below is somebody else's. */
static bool is_rule(const Line *line) {
        size_t n_marks = 0;

        while (n_marks < line->size && strchr("-_=*", line->text[n_marks]))
                n_marks++;
        if (n_marks < 5)
                return false;
        return n_marks == line->size || (line->size > 2 * n_marks && strchr("-_=*", line->text[line->size - 1]));
}

/* Begins as mail programs begin who is quoted: a word for a date, or an address. Without that an answer that stands right above would be
 * taken for the first line of a long one. */
static bool begins_attribution(const Line *line) {
        static const char *const words[] = { "on ", "am ", "le ", "el ", "il ", "op ", "den ", "em ", "dne ", "w dniu ", "p\xc3\xa5 ",
                "v " };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (line->size > strlen(words[i]) && strncasecmp(line->text, words[i], strlen(words[i])) == 0)
                        return true;
        return memchr(line->text, '<', line->size) && memchr(line->text, '@', line->size);
}

/* "On Thursday Anna wrote:", over up to three lines: a quotation follows. *at: behind it. */
static bool is_attribution(Line line, const char **at, const char *end) {
        const char *behind = *at;

        for (unsigned i = 0; i < 3; i++) {
                if (line.size == 0)
                        return false;
                if (line.text[line.size - 1] == ':') {
                        Line next = { 0 };
                        const char *after = behind;
                        while (next_line(&after, end, &next) && next.size == 0)
                                ;
                        if (!is_quoted(&next))
                                return false;
                        *at = behind;
                        return true;
                }
                if ((i == 0 && !begins_attribution(&line)) || !next_line(&behind, end, &line))
                        return false;
        }
        return false;
}

/* "-- ": its blank is gone already, as in what programs send that cut blanks. */
static bool is_signature(const Line *line) { return line->size == 2 && memcmp(line->text, "--", 2) == 0; }

void mail_first_line(const char *text, size_t size, Text *out) {
        const char *at = text, *end = text + size;
        Line line;

        while (next_line(&at, end, &line)) {
                if (line.size == 0 || is_quoted(&line) || is_attribution(line, &at, end))
                        continue;
                if (is_rule(&line) || is_signature(&line))
                        return;
                size_t n = line.size < MAIL_LINE_MAX ? line.size : MAIL_LINE_MAX;
                while (n > 0 && n < line.size && ((unsigned char) line.text[n] & 0xc0) == 0x80)
                        n--;
                for (size_t i = 0; i < n; i++) {
                        size_t blank = blank_size(line.text + i, n - i);
                        text_append_char(
                                out, blank > 0 || (unsigned char) line.text[i] < 0x20 || line.text[i] == 0x7f ? ' ' : line.text[i]);
                        i += blank > 0 ? blank - 1 : 0;
                }
                return;
        }
}

/* ---- tokens ---- */

static void add_token(const char *token, Text *out) {
        for (size_t at = 0; at + MAIL_TOKEN_SIZE <= out->size; at += MAIL_TOKEN_SIZE + 1)
                if (memcmp(out->data + at, token, MAIL_TOKEN_SIZE) == 0)
                        return;
        if (out->size >= MAIL_TOKENS_MAX * (MAIL_TOKEN_SIZE + 1) - 1)
                return;
        if (out->size > 0)
                text_append_char(out, ' ');
        text_append_size(out, token, MAIL_TOKEN_SIZE);
}

static bool is_token_char(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* Behind what quoting and wrapping put between two characters. */
static const char *skip_marks(const char *at, const char *end) {
        size_t blank;

        while (at < end && (*at == '>' || *at == '|' || *at == '\n' || *at == '\r'))
                at++;
        while (at < end && ((blank = blank_size(at, (size_t) (end - at))) > 0 || *at == '>' || *at == '|' || *at == '\n'))
                at += blank > 0 ? blank : 1;
        return at;
}

/* The token behind "[L-", wherever it was broken; NULL = what stands there is none. */
static const char *read_tag(const char *at, const char *end, char token[static MAIL_TOKEN_SIZE]) {
        const char *start = at;
        size_t n = 0;

        while (at < end && *at >= '0' && *at <= '9')
                at++;
        if (at == start || at - start > 12)
                return NULL;
        const char *gap = skip_marks(at, end);
        if (gap == at)
                return NULL;
        for (at = gap; at < end && n < MAIL_TOKEN_SIZE; at++) {
                if (*at == '\n' || *at == '\r')
                        at = skip_marks(at, end);
                if (at == end || !is_token_char(*at))
                        return NULL;
                token[n++] = *at;
        }
        at = skip_marks(at, end);
        return n == MAIL_TOKEN_SIZE && at < end && *at == ']' ? at + 1 : NULL;
}

void mail_find_tags(const char *text, size_t size, Text *out) {
        const char *at = text, *end = text + size;

        while (at < end && (at = memchr(at, '[', (size_t) (end - at)))) {
                char token[MAIL_TOKEN_SIZE];
                const char *behind = end - at > 3 && (at[1] == 'L' || at[1] == 'l') && at[2] == '-' ? read_tag(at + 3, end, token) : NULL;
                if (behind)
                        add_token(token, out);
                at = behind ? behind : at + 1;
        }
}

void mail_find_ids(const char *text, size_t size, Text *out) {
        static const char start[] = "<leadd.";
        const char *at = text, *end = text + size;

        while (at < end && (at = memchr(at, '<', (size_t) (end - at)))) {
                const char *c = at++;
                if ((size_t) (end - c) < sizeof start - 1 || strncasecmp(c, start, sizeof start - 1) != 0)
                        continue;
                c += sizeof start - 1;
                while (c < end && *c >= '0' && *c <= '9')
                        c++;
                if (end - c < MAIL_TOKEN_SIZE + 2 || *c != '.' || c[MAIL_TOKEN_SIZE + 1] != '@')
                        continue;
                size_t n = 0;
                while (n < MAIL_TOKEN_SIZE && is_token_char(c[1 + n]))
                        n++;
                if (n == MAIL_TOKEN_SIZE)
                        add_token(c + 1, out);
        }
}

/* ---- HTML ---- */

typedef struct Html {
        Text *out;
        unsigned n_quotes; /* blockquotes around */
        bool at_start;     /* of a line */
} Html;

static void begin_line(Html *html) {
        for (unsigned i = 0; i < html->n_quotes && i < 3; i++)
                text_append(html->out, "> ");
        html->at_start = false;
}

static void end_line(Html *html) {
        if (html->at_start)
                return;
        text_append_char(html->out, '\n');
        html->at_start = true;
}

static void put(Html *html, const char *text, size_t size) {
        bool blank = size == 1 && (text[0] == ' ' || text[0] == '\n' || text[0] == '\r' || text[0] == '\t');

        if (html->at_start && blank)
                return;
        if (html->at_start)
                begin_line(html);
        if (blank)
                text_append_char(html->out, ' ');
        else
                text_append_size(html->out, text, size);
}

static bool is_tag_named(const char *name, size_t size, const char *wanted) {
        return strlen(wanted) == size && strncasecmp(name, wanted, size) == 0;
}

static bool is_among(const char *name, size_t size, const char *const *names) {
        for (size_t i = 0; names[i]; i++)
                if (is_tag_named(name, size, names[i]))
                        return true;
        return false;
}

/* Behind the end of an element whose content nobody reads. */
static const char *skip_element(const char *at, const char *end, const char *name, size_t size) {
        for (; at < end && (at = memchr(at, '<', (size_t) (end - at))); at++)
                if ((size_t) (end - at) > size + 2 && at[1] == '/' && strncasecmp(at + 2, name, size) == 0) {
                        const char *close = memchr(at, '>', (size_t) (end - at));
                        return close ? close + 1 : end;
                }
        return end;
}

static const char *take_tag(Html *html, const char *at, const char *end) {
        static const char *const hidden[] = { "style", "script", "head", "title", "template", NULL };
        static const char *const blocks[] = { "p", "div", "br", "li", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6", "pre",
                "hr", "section", "body", NULL };

        if (end - at >= 4 && memcmp(at, "<!--", 4) == 0) {
                const char *close = memmem(at + 4, (size_t) (end - at - 4), "-->", 3);
                return close ? close + 3 : end;
        }
        const char *close = memchr(at, '>', (size_t) (end - at));
        if (!close)
                return end;
        bool closes = at[1] == '/';
        const char *name = at + 1 + closes;
        size_t size = 0;
        while (name + size < close && is_token_char(name[size]))
                size++;
        if (is_tag_named(name, size, "blockquote")) {
                end_line(html);
                if (!closes)
                        html->n_quotes++;
                else if (html->n_quotes > 0)
                        html->n_quotes--;
        } else if (!closes && is_among(name, size, hidden))
                return skip_element(close + 1, end, name, size);
        else if (is_among(name, size, blocks)) {
                end_line(html);
                if (is_tag_named(name, size, "hr")) {
                        put(html, "_____", 5);
                        end_line(html);
                }
        }
        return close + 1;
}

static size_t encode_utf8(uint32_t c, char ret[static 4]) {
        if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
                c = 0xfffd;
        if (c < 0x80) {
                ret[0] = (char) c;
                return 1;
        }
        if (c < 0x800) {
                ret[0] = (char) (0xc0 | c >> 6);
                ret[1] = (char) (0x80 | (c & 0x3f));
                return 2;
        }
        if (c < 0x10000) {
                ret[0] = (char) (0xe0 | c >> 12);
                ret[1] = (char) (0x80 | (c >> 6 & 0x3f));
                ret[2] = (char) (0x80 | (c & 0x3f));
                return 3;
        }
        ret[0] = (char) (0xf0 | c >> 18);
        ret[1] = (char) (0x80 | (c >> 12 & 0x3f));
        ret[2] = (char) (0x80 | (c >> 6 & 0x3f));
        ret[3] = (char) (0x80 | (c & 0x3f));
        return 4;
}

static const char *take_entity(Html *html, const char *at, const char *end) {
        static const struct {
                const char *name;
                uint32_t character;
        } entities[] = { { "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' }, { "apos", '\'' }, { "nbsp", ' ' }, { "auml", 0xe4 },
                { "ouml", 0xf6 }, { "uuml", 0xfc }, { "Auml", 0xc4 }, { "Ouml", 0xd6 }, { "Uuml", 0xdc }, { "szlig", 0xdf },
                { "eacute", 0xe9 }, { "egrave", 0xe8 }, { "ndash", 0x2013 }, { "mdash", 0x2014 }, { "hellip", 0x2026 } };
        size_t left = (size_t) (end - at) < 12 ? (size_t) (end - at) : 12, size;
        const char *semicolon = memchr(at, ';', left);
        uint32_t character = 0;
        char bytes[4];

        if (semicolon && at[1] == '#') {
                bool hex = at[2] == 'x' || at[2] == 'X';
                for (const char *c = at + 2 + hex; c < semicolon; c++) {
                        unsigned digit = *c >= '0' && *c <= '9'          ? (unsigned) (*c - '0')
                                         : hex && *c >= 'a' && *c <= 'f' ? (unsigned) (*c - 'a' + 10)
                                         : hex && *c >= 'A' && *c <= 'F' ? (unsigned) (*c - 'A' + 10)
                                                                         : 99;
                        if (digit == 99 || character > 0x10ffff) {
                                character = 0;
                                break;
                        }
                        character = character * (hex ? 16 : 10) + digit;
                }
        }
        for (size_t i = 0; semicolon && character == 0 && i < ARRAY_SIZE(entities); i++)
                if (strlen(entities[i].name) == (size_t) (semicolon - at - 1) &&
                        memcmp(entities[i].name, at + 1, (size_t) (semicolon - at - 1)) == 0)
                        character = entities[i].character;
        if (character == 0) {
                put(html, at, 1);
                return at + 1;
        }
        size = encode_utf8(character, bytes);
        put(html, bytes, size);
        return semicolon + 1;
}

void mail_html_to_text(const char *text, size_t size, Text *out) {
        Html html = { .out = out, .at_start = true };
        const char *at = text, *end = text + size;

        while (at < end && out->error == 0) {
                if (*at == '<' && end - at > 1 && (is_token_char(at[1]) || at[1] == '/' || at[1] == '!' || at[1] == '?'))
                        at = take_tag(&html, at, end);
                else if (*at == '&')
                        at = take_entity(&html, at, end);
                else
                        put(&html, at++, 1);
        }
        end_line(&html);
}
