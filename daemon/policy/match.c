/* SPDX-License-Identifier: MIT */
/*
 * match: Lua's patterns for rule functions, with a price. Lua's own matcher runs inside one instruction
 * and takes seconds on 300 characters for patterns such as ".-.-.-b"; here every comparison of a character
 * is a step of the rule's budget.
 *
 * It knows: plain characters, ".", classes (%a %c %d %g %l %p %s %u %w %x and their complements in upper case),
 * sets [...], the repetitions * + - ?, anchors ^ $, captures and position captures. It does not know
 * %b, %f and back references: they are errors that say so.
 */
#include "sandbox.h"

#include <assert.h>
#include <ctype.h>
#include <lauxlib.h>

#define CHARGE_BATCH 256u

static inline void match_step(PatternMatch *match) {
        if (++match->steps >= CHARGE_BATCH) {
                uint64_t steps = match->steps;
                match->steps = 0;
                sandbox_charge(match->L, steps);
        }
}

static int match_fault(const PatternMatch *match, const char *text) { return bind_fail(match->L, "faulty pattern: %s", text); }

/* The end of the single-character item that starts at p. */
static const char *match_item_end(const PatternMatch *match, const char *p) {
        if (*p == '%') {
                if (p + 1 >= match->pattern_end)
                        (void) match_fault(match, "it ends with '%'");
                char c = p[1];
                if (c == 'b' || c == 'f' || (c >= '0' && c <= '9'))
                        (void) match_fault(match, "%b, %f and %1 to %9 are not available in rules");
                return p + 2;
        }
        if (*p != '[')
                return p + 1;
        p++;
        if (p < match->pattern_end && *p == '^')
                p++;
        bool first = true; /* a "]" in the first place stands for itself */
        for (; p < match->pattern_end; first = false) {
                if (*p == ']' && !first)
                        return p + 1;
                p += *p == '%' ? 2 : 1;
        }
        (void) match_fault(match, "']' is missing");
        return p;
}

static bool match_class(unsigned char c, unsigned char class) {
        bool in;
        switch (tolower(class)) {
        case 'a':
                in = isalpha(c);
                break;
        case 'c':
                in = iscntrl(c);
                break;
        case 'd':
                in = isdigit(c);
                break;
        case 'g':
                in = isgraph(c);
                break;
        case 'l':
                in = islower(c);
                break;
        case 'p':
                in = ispunct(c);
                break;
        case 's':
                in = isspace(c);
                break;
        case 'u':
                in = isupper(c);
                break;
        case 'w':
                in = isalnum(c);
                break;
        case 'x':
                in = isxdigit(c);
                break;
        default:
                return class == c;
        }
        return isupper(class) ? !in : in;
}

/* p at "[", end behind "]". */
static bool match_set(unsigned char c, const char *p, const char *end) {
        bool wanted = true;
        const char *last = end - 1;
        p++;
        if (*p == '^') {
                wanted = false;
                p++;
        }
        while (p < last) {
                if (*p == '%' && p + 1 < last) {
                        if (match_class(c, (unsigned char) p[1]))
                                return wanted;
                        p += 2;
                } else if (p + 2 < last && p[1] == '-') {
                        if ((unsigned char) p[0] <= c && c <= (unsigned char) p[2])
                                return wanted;
                        p += 3;
                } else {
                        if ((unsigned char) *p == c)
                                return wanted;
                        p++;
                }
        }
        return !wanted;
}

static bool match_single(PatternMatch *match, const char *s, const char *p, const char *p_end) {
        match_step(match);
        if (s >= match->text_end)
                return false;
        unsigned char c = (unsigned char) *s;
        switch (*p) {
        case '.':
                return true;
        case '%':
                return match_class(c, (unsigned char) p[1]);
        case '[':
                /* A long set costs what it is long. */
                match->steps += (size_t) (p_end - p) / 4;
                return match_set(c, p, p_end);
        default:
                return (unsigned char) *p == c;
        }
}

static const char *match_here(PatternMatch *match, const char *s, const char *p);

/* Item [p, p_end) as often as possible (or as rarely), then the rest behind the sign. */
static const char *match_repeat(PatternMatch *match, const char *s, const char *p, const char *p_end, char sign) {
        const char *rest = p_end + 1;
        if (sign == '-') {
                for (;; s++) {
                        const char *end = match_here(match, s, rest);
                        if (end)
                                return end;
                        if (!match_single(match, s, p, p_end))
                                return NULL;
                }
        }
        size_t most = 0, least = sign == '+' ? 1 : 0;
        while ((sign != '?' || most < 1) && match_single(match, s + most, p, p_end))
                most++;
        for (size_t n = most + 1; n-- > least;) {
                const char *end = match_here(match, s + n, rest);
                if (end)
                        return end;
        }
        return NULL;
}

static const char *match_open(PatternMatch *match, const char *s, const char *p) {
        if (match->n_captures == MATCH_CAPTURES_MAX)
                (void) match_fault(match, "too many captures");
        bool is_position = p + 1 < match->pattern_end && p[1] == ')';
        match->captures[match->n_captures++] = (MatchCapture){ .start = s, .is_position = is_position, .is_open = !is_position };
        const char *end = match_here(match, s, p + (is_position ? 2 : 1));
        if (!end)
                match->n_captures--;
        return end;
}

static const char *match_close(PatternMatch *match, const char *s, const char *p) {
        int i = match->n_captures - 1;
        while (i >= 0 && !match->captures[i].is_open)
                i--;
        if (i < 0)
                (void) match_fault(match, "')' without '('");
        match->captures[i].is_open = false;
        match->captures[i].size = (size_t) (s - match->captures[i].start);
        const char *end = match_here(match, s, p + 1);
        if (!end)
                match->captures[i].is_open = true;
        return end;
}

/* Recursion is as deep as the pattern has captures and repetitions: MATCH_PATTERN_MAX bounds it. */
static const char *match_here(PatternMatch *match, const char *s, const char *p) {
        while (p < match->pattern_end) {
                if (*p == '(')
                        return match_open(match, s, p);
                if (*p == ')')
                        return match_close(match, s, p);
                if (*p == '$' && p + 1 == match->pattern_end)
                        return s == match->text_end ? s : NULL;
                const char *p_end = match_item_end(match, p);
                char sign = p_end < match->pattern_end ? *p_end : '\0';
                if (sign == '*' || sign == '+' || sign == '-' || sign == '?')
                        return match_repeat(match, s, p, p_end, sign);
                if (!match_single(match, s, p, p_end))
                        return NULL;
                s++;
                p = p_end;
        }
        return s;
}

bool match_find(
        PatternMatch *match, lua_State *L, const char *text, size_t text_size, size_t from, const char *pattern, size_t pattern_size) {
        assert(text && pattern);
        *match = (PatternMatch){ .L = L, .text = text, .text_end = text + text_size, .pattern_end = pattern + pattern_size };
        if (pattern_size > MATCH_PATTERN_MAX)
                (void) match_fault(match, "it is too long");
        bool anchored = pattern_size > 0 && *pattern == '^';
        bool found = false;
        for (const char *s = text + from; !found && s <= match->text_end; s++) {
                match->n_captures = 0;
                match_step(match);
                match->end = match_here(match, s, pattern + (anchored ? 1 : 0));
                match->start = s;
                found = match->end != NULL;
                if (anchored)
                        break;
        }
        sandbox_charge(L, match->steps);
        match->steps = 0;
        for (int i = 0; found && i < match->n_captures; i++)
                if (match->captures[i].is_open)
                        (void) match_fault(match, "'(' is not closed");
        return found;
}

void match_push_capture(const PatternMatch *match, int i) {
        if (match->n_captures == 0) {
                lua_pushlstring(match->L, match->start, (size_t) (match->end - match->start));
                return;
        }
        const MatchCapture *capture = &match->captures[i];
        if (capture->is_position)
                lua_pushinteger(match->L, (lua_Integer) (capture->start - match->text) + 1);
        else
                lua_pushlstring(match->L, capture->start, capture->size);
}

int match_push_captures(const PatternMatch *match) {
        int n = match->n_captures > 0 ? match->n_captures : 1;
        luaL_checkstack(match->L, n, NULL);
        for (int i = 0; i < n; i++)
                match_push_capture(match, i);
        return n;
}

size_t match_find_plain(lua_State *L, const char *text, size_t text_size, size_t from, const char *needle, size_t needle_size) {
        if (from > text_size)
                return SIZE_MAX;
        /* memmem is linear; so is the price. */
        sandbox_charge(L, 1 + (text_size - from) / 16);
        const char *at = memmem(text + from, text_size - from, needle, needle_size);
        return at ? (size_t) (at - text) : SIZE_MAX;
}
