/* SPDX-License-Identifier: MIT */
/*
 * One value against one matcher.
 *
 * Text is compared as a person reads it: both sides are case-folded, so "VP Sales" has the word "vp" and "De" equals "DE". That holds
 * for plain equality and one_of as well as for has, word, starts, ends, like and in_list. The rule's side was folded at load; the
 * lead's side is folded once per field and lead (a field is usually asked by several rules) and kept in the lead's cache. Numbers are never
 * made from text: a text where a number is asked does not match.
 */
#include "condition.h"
#include <errno.h>
#include <glib.h>

#define SHORT_TEXT_MAX 256 /* bytes that are searched without preparation */

/* ---- folding ---- */

typedef enum Shape { SHAPE_FOLDED, SHAPE_ASCII, SHAPE_OTHER } Shape;

/* Eight characters at a time: most texts of a lead are asked for once, and need no folding. */
static Shape text_shape(const char *text, size_t size) {
        const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
        uint64_t upper = 0, other = 0;

        for (size_t i = 0; i < size; i += 8) {
                uint64_t c = 0;

                if (size >= 8) /* the last ones may be looked at twice */
                        memcpy(&c, text + (size - i >= 8 ? i : size - 8), 8);
                else
                        for (size_t k = i; k < size; k++)
                                c = c << 8 | (unsigned char) text[k];
                other |= c & tops;
                /* The top bit of a byte is set where it is at least 'A', and where it is above 'Z'. */
                uint64_t low = c & ~tops;
                upper |= (low + (128 - 'A') * ones) & ~(low + (128 - 'Z' - 1) * ones) & tops;
        }
        return other ? SHAPE_OTHER : upper ? SHAPE_ASCII : SHAPE_FOLDED;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char) (c | 0x20) : c; }

/* Where the folded form of a text is kept, NULL where it is not. Facts of the profile have a slot each; of a single activity's texts,
 * which have none, the first few are kept by their address, because several rules ask for each. */
static Word *fold_place(Eval *eval, const Value *value, uint32_t slot) {
        if (slot != EVAL_NO_SLOT)
                return eval_field_place(eval, slot);
        if (!eval->has_recent) {
                memset(eval->recent, 0, sizeof(eval->recent));
                eval->has_recent = true;
        }
        size_t at = ((uintptr_t) value->text >> 4) % EVAL_RECENT;
        Word *recent = &eval->recent[at];
        if (!recent->written)
                *recent = (Word){ .written = value->text };
        return recent->written == value->text ? recent : NULL;
}

static const char *fold(Eval *eval, const Value *value, Word *kept, size_t *ret_size) {
        const char *folded = value->text;
        size_t size = value->size;
        Shape shape;

        if (eval->error < 0)
                return NULL;
        if (kept && kept->text) {
                *ret_size = kept->size;
                return kept->text;
        }
        shape = text_shape(value->text, value->size);
        if (shape == SHAPE_ASCII && !kept && size < sizeof(eval->scratch)) {
                for (size_t i = 0; i < size; i++)
                        eval->scratch[i] = lower(value->text[i]);
                eval->scratch[size] = '\0';
                folded = eval->scratch;
        } else if (shape != SHAPE_FOLDED) {
                folded = utf8_casefold(kept && eval->cache ? cache_arena(eval->cache) : eval->arena, value->text, value->size, &size);
                if (!folded) {
                        eval->error = -ENOMEM;
                        return NULL;
                }
        }
        if (kept) {
                kept->text = folded;
                kept->size = size;
        }
        *ret_size = size;
        return folded;
}

const char *eval_fold_kept(Eval *eval, const Value *value, Word *kept) {
        size_t size;

        return fold(eval, value, kept, &size);
}

const char *eval_fold(Eval *eval, const Value *value, uint32_t slot, size_t *ret_size) {
        return fold(eval, value, fold_place(eval, value, slot), ret_size);
}

/* ---- text ---- */

bool eval_words_contain(const Word *words, size_t n_words, const char *text, size_t size) {
        size_t low = 0, high = n_words;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                const Word *word = &words[middle];
                int r = memcmp(word->text, text, word->size < size ? word->size : size);

                if (r == 0)
                        r = (word->size > size) - (word->size < size);
                if (r == 0)
                        return true;
                if (r < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return false;
}

static bool list_contains(const List *list, const char *text) {
        size_t low = 0, high = list->n_items;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int r = strcmp(list->items[middle], text);

                if (r == 0)
                        return true;
                if (r < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return false;
}

/* memmem prepares a table for each call, which costs more than looking through a short text; on a long one it keeps the cost linear.
 * What is looked for is the word's rarest character: each "/" of an address would be a false start. */
static const char *find_text(const char *text, size_t size, const Word *word) {
        const char *end, *from;

        if (size > SHORT_TEXT_MAX)
                return memmem(text, size, word->text, word->size);
        if (word->size > size)
                return NULL;
        from = text + word->rare;
        end = from + size - word->size + 1;
        for (const char *at = from; (at = memchr(at, word->text[word->rare], (size_t) (end - at))); at++) {
                const char *start = at - word->rare;

                /* Its ends tell most false starts without a call. */
                if (start[0] == word->text[0] && start[word->size - 1] == word->text[word->size - 1] &&
                        memcmp(start, word->text, word->size) == 0)
                        return start;
        }
        return NULL;
}

/* A word ends where a letter or digit of any script ends. */
static bool is_word_before(const char *text, const char *at) {
        if (at == text)
                return false;
        if ((unsigned char) at[-1] < 0x80)
                return g_ascii_isalnum(at[-1]);
        const char *start = g_utf8_find_prev_char(text, at);
        gunichar c = start ? g_utf8_get_char_validated(start, at - start) : (gunichar) -1;
        return (gint32) c >= 0 && (g_unichar_isalnum(c) || g_unichar_ismark(c));
}

static bool is_word_at(const char *at, const char *end) {
        if (at == end)
                return false;
        if ((unsigned char) *at < 0x80)
                return g_ascii_isalnum(*at);
        gunichar c = g_utf8_get_char_validated(at, end - at);
        return (gint32) c >= 0 && (g_unichar_isalnum(c) || g_unichar_ismark(c));
}

static bool has_whole_word(const char *text, size_t size, const Word *word) {
        const char *end = text + size;

        for (const char *at = text; (at = find_text(at, (size_t) (end - at), word)); at++)
                if (!is_word_before(text, at) && !is_word_at(at + word->size, end))
                        return true;
        return false;
}

/* Only `*` is special ("?" is common in addresses of pages). Between stars the leftmost place is as good as any other, so one pass does. */
static bool is_like(const char *text, size_t size, const Word *pattern) {
        const char *at = text, *end = text + size, *p = pattern->text, *p_end = p + pattern->size;
        const char *star = memchr(p, '*', pattern->size);

        if (!star)
                return size == pattern->size && memcmp(text, p, size) == 0;
        if ((size_t) (star - p) > size || memcmp(at, p, (size_t) (star - p)) != 0)
                return false;
        at += star - p;
        for (p = star + 1; (star = memchr(p, '*', (size_t) (p_end - p))); p = star + 1) {
                at = memmem(at, (size_t) (end - at), p, (size_t) (star - p));
                if (!at)
                        return false;
                at += star - p;
        }
        size_t tail = (size_t) (p_end - p);
        return (size_t) (end - at) >= tail && memcmp(end - tail, p, tail) == 0;
}

bool condition_text_matches(const Matcher *matcher, const char *text, size_t size) {
        if (matcher->op == MATCH_EQUALS)
                return eval_words_contain(matcher->words, matcher->n_words, text, size);
        if (matcher->op == MATCH_LIST)
                return list_contains(matcher->list, text);
        if (matcher->op == MATCH_HAS && matcher->n_words == 1)
                return find_text(text, size, matcher->words) != NULL;
        for (size_t i = 0; i < matcher->n_words; i++) {
                const Word *word = &matcher->words[i];
                bool found = false;

                switch (matcher->op) {
                case MATCH_HAS:
                        found = find_text(text, size, word) != NULL;
                        break;
                case MATCH_WORD:
                        found = has_whole_word(text, size, word);
                        break;
                case MATCH_STARTS:
                        found = size >= word->size && memcmp(text, word->text, word->size) == 0;
                        break;
                case MATCH_ENDS:
                        found = size >= word->size && memcmp(text + size - word->size, word->text, word->size) == 0;
                        break;
                case MATCH_LIKE:
                        found = is_like(text, size, word);
                        break;
                default:
                        break;
                }
                if (found)
                        return true;
        }
        return false;
}

/* ---- any value ---- */

static bool number_equals(const Matcher *matcher, const Value *value) {
        for (size_t i = 0; i < matcher->n_numbers; i++)
                if (value_equal(&matcher->numbers[i], value))
                        return true;
        return false;
}

static bool number_in_range(const Matcher *matcher, const Value *value) {
        double number;

        if (!value_as_number(value, &number))
                return false;
        return (matcher->low_open ? number > matcher->low_number : number >= matcher->low_number) &&
               (matcher->high_open ? number < matcher->high_number : number <= matcher->high_number);
}

static bool value_matches(Eval *eval, const Matcher *matcher, const Value *value, Word *kept) {
        switch (matcher->op) {
        case MATCH_NUMBERS:
                return number_in_range(matcher, value);
        case MATCH_INTEGERS:
                return value->type == VALUE_INTEGER && value->integer >= matcher->low && value->integer <= matcher->high;
        case MATCH_PRESENT:
                return true;
        case MATCH_ABSENT:
        case MATCH_SEGMENTS:
                return false;
        default:
                break;
        }
        switch (value->type) {
        case VALUE_TEXT: {
                size_t size;
                const char *text = fold(eval, value, kept, &size);

                return text && condition_text_matches(matcher, text, size);
        }
        case VALUE_BOOL:
                return matcher->op == MATCH_EQUALS && (value->boolean ? matcher->with_true : matcher->with_false);
        case VALUE_INTEGER:
        case VALUE_NUMBER:
                return matcher->op == MATCH_EQUALS && number_equals(matcher, value);
        case VALUE_ABSENT:
                break;
        }
        return false;
}

static bool segments_match(const Subject *subject, const Matcher *matcher) {
        bool found = false;

        if (matcher->op == MATCH_SEGMENTS) {
                for (size_t i = 0; i < matcher->n_segments && !found; i++)
                        found = subject->segments[matcher->segments[i] / 64] >> (matcher->segments[i] % 64) & 1;
                return found != matcher->negate;
        }
        for (size_t i = 0; i < ARRAY_SIZE(subject->segments) && !found; i++)
                found = subject->segments[i] != 0;
        return found == (matcher->op == MATCH_PRESENT);
}

bool eval_matches_kept(Eval *eval, const Ref *ref, const Matcher *matcher, const Value *value, Word *kept) {
        if (ref->kind == REF_SEGMENT)
                return segments_match(eval->subject, matcher);
        if (!value)
                /* Nothing that is unknown counts against a lead: is_not is false, too. A grade that is not known fails whatever is asked.
                 */
                return matcher->op == MATCH_ABSENT && ref->kind != REF_GRADE && ref->kind != REF_GROUP;
        return value_matches(eval, matcher, value, kept) != matcher->negate;
}

bool eval_matches(Eval *eval, const Ref *ref, const Matcher *matcher, const Value *value, uint32_t slot) {
        bool is_text = value && value->type == VALUE_TEXT;

        return eval_matches_kept(eval, ref, matcher, value, is_text ? fold_place(eval, value, slot) : NULL);
}

/* ---- values met before ---- */

static size_t met_hash(const Value *value) {
        /* FNV-1a, in larger steps while there are; the set lives for one rule and one lead, so nobody can collect collisions for long:
         * history is bounded. */
        uint64_t hash = UINT64_C(0xcbf29ce484222325);
        const uint8_t *at;
        size_t size;

        if (!value)
                return 0;
        if (value->type == VALUE_TEXT) {
                at = (const uint8_t *) value->text;
                size = value->size;
        } else {
                at = (const uint8_t *) &value->integer;
                size = value->type == VALUE_BOOL ? sizeof(value->boolean) : sizeof(value->integer);
        }
        for (; size >= 8; at += 8, size -= 8) {
                uint64_t part;
                memcpy(&part, at, sizeof(part));
                hash = (hash ^ part) * UINT64_C(0x9e3779b97f4a7c15);
                hash ^= hash >> 29;
        }
        for (size_t i = 0; i < size; i++)
                hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
        return (size_t) (hash ^ hash >> 32);
}

static bool met_equal(const Value *a, const Value *b) { return a == b || (a && b && a->type == b->type && value_equal(a, b)); }

/* A slot is taken when its item is not SIZE_MAX: NULL is a value. */
static size_t met_place(const Met *met, const Value *value) {
        size_t mask = met->n_slots - 1, at = met_hash(value) & mask;

        while (met->items[at] != SIZE_MAX && !met_equal(met->slots[at], value))
                at = (at + 1) & mask;
        return at;
}

static int met_grow(Arena *arena, Met *met) {
        Met bigger = { .n_slots = met->n_slots ? met->n_slots * 2 : 16, .n_items = met->n_items };

        bigger.slots = ARENA_ARRAY(arena, const Value *, bigger.n_slots);
        bigger.items = ARENA_ARRAY(arena, size_t, bigger.n_slots);
        if (!bigger.slots || !bigger.items)
                return -ENOMEM;
        memset(bigger.items, 0xff, sizeof(*bigger.items) * bigger.n_slots);
        for (size_t i = 0; i < met->n_slots; i++)
                if (met->items[i] != SIZE_MAX) {
                        size_t at = met_place(&bigger, met->slots[i]);
                        bigger.slots[at] = met->slots[i];
                        bigger.items[at] = met->items[i];
                }
        *met = bigger;
        return 0;
}

int eval_met(Arena *arena, Met *met, const Value *value, bool *ret_is_new, size_t **ret_item) {
        size_t at;

        if (met->n_items * 2 >= met->n_slots) {
                int r = met_grow(arena, met);
                if (r < 0)
                        return r;
        }
        at = met_place(met, value);
        *ret_is_new = met->items[at] == SIZE_MAX;
        if (*ret_is_new) {
                met->slots[at] = value;
                met->items[at] = 0;
                met->n_items++;
        }
        *ret_item = &met->items[at];
        return 0;
}
