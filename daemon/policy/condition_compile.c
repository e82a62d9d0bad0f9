/* SPDX-License-Identifier: MIT */
/*
 * From the tables of a rule file to the tree that condition.c walks.
 *
 * Every type question is settled here, with the declaration's place in the file at hand, so that evaluation meets only sense.
 * Texts are case-folded once, here. Children are sorted by path, because the order in which Lua walks a table differs from one
 * process to the next and neither verdicts nor traces may.
 *
 * Lua may leave any of these functions by longjmp (memory): nothing is owned outside the rule set's arena.
 */
#include "condition.h"
#include "sandbox.h"
#include <errno.h>
#include <lauxlib.h>
#include <math.h>

static bool out_of_memory(Loader *loader) {
        loader->out_of_memory = true;
        return false;
}

/* ---- entries of a table ---- */

static int compare_entries(const void *a, const void *b) {
        const Entry *x = a, *y = b;

        if (x->key && y->key)
                return strcmp(x->key, y->key);
        if (x->key || y->key)
                return x->key ? -1 : 1;
        return (x->position > y->position) - (x->position < y->position);
}

bool condition_entries(Loader *loader, const char *where, int index, Entry **ret, size_t *ret_n) {
        lua_State *L = loader->L;
        Entry *entries;
        size_t n = 0, capacity = 0;

        index = lua_absindex(L, index);
        luaL_checkstack(L, 4, "conditions");
        for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
                capacity++;
        if (capacity > CONDITION_ENTRIES_MAX) {
                loader_error(loader, "%s: %zu entries; at most %d", where, capacity, CONDITION_ENTRIES_MAX);
                return false;
        }
        entries = ARENA_ARRAY(loader->arena, Entry, capacity + 1);
        if (!entries)
                return out_of_memory(loader);
        for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
                Entry *entry = &entries[n++];

                if (lua_type(L, -2) == LUA_TSTRING) {
                        size_t size;
                        entry->key = lua_tolstring(L, -2, &size);
                        if (strlen(entry->key) == size && utf8_is_valid(entry->key, size))
                                continue;
                } else if (lua_isinteger(L, -2)) {
                        entry->position = lua_tointeger(L, -2);
                        continue;
                }
                lua_pop(L, 2);
                loader_error(loader, "%s: a key must be a name or a position", where);
                return false;
        }
        qsort(entries, n, sizeof(*entries), compare_entries);
        *ret = entries;
        *ret_n = n;
        return true;
}

/* ---- values ---- */

/* The place of the character that is met least in names and addresses. */
static size_t rarest(const char *text, size_t size) {
        static const char common[] = "/.e-a tionrslcdmhupgw:_0fb1yv2k=3?&x";
        size_t best = 0, best_rank = 0;

        for (size_t i = 0; i < size; i++) {
                const char *at = memchr(common, text[i], sizeof(common) - 1);
                size_t rank = at ? (size_t) (at - common) : sizeof(common);
                if (i == 0 || rank > best_rank) {
                        best = i;
                        best_rank = rank;
                }
        }
        return best;
}

bool condition_fold(Loader *loader, const char *text, size_t size, Word *ret) {
        char *folded = utf8_casefold(loader->arena, text, size, &ret->size);

        ret->text = folded;
        ret->written = arena_strndup(loader->arena, text, size);
        ret->rare = folded ? rarest(folded, ret->size) : 0;
        return folded && ret->written ? true : out_of_memory(loader);
}

int condition_compare_words(const void *a, const void *b) {
        const Word *x = a, *y = b;
        int r = memcmp(x->text, y->text, x->size < y->size ? x->size : y->size);

        return r != 0 ? r : (x->size > y->size) - (x->size < y->size);
}

/* What the author wrote, for the text of an error; valid while the value is on the stack. */
static const char *type_name_at(lua_State *L, int index) {
        BuilderKind kind = condition_builder(L, index);

        return kind != BUILD_NOTHING ? condition_builder_name(kind) : luaL_typename(L, index);
}

static bool read_text(Loader *loader, const char *where, const Ref *ref, int index, const char **ret, size_t *ret_size) {
        lua_State *L = loader->L;

        if (lua_type(L, index) != LUA_TSTRING) {
                loader_error(loader, "%s: \"%s\" is compared with a text here, not with a %s", where, ref->path, type_name_at(L, index));
                return false;
        }
        *ret = lua_tolstring(L, index, ret_size);
        if (!utf8_is_valid(*ret, *ret_size)) {
                loader_error(loader, "%s: \"%s\": the text is not valid UTF-8", where, ref->path);
                return false;
        }
        return true;
}

/* Milli-points, exactly as written to three decimals. direction: -1 rounds down, 1 up. */
static bool to_milli_points(double points, int direction, int64_t *ret) {
        double exact = points * 1000.0, nearest = nearbyint(exact);

        if (!(fabs(points) <= 1e12))
                return false;
        /* 0.3 * 1000 is not 300 in binary: what is that near to a whole number was meant as one. */
        if (fabs(exact - nearest) < 1e-6 * fmax(1.0, fabs(nearest)))
                *ret = (int64_t) nearest;
        else
                *ret = (int64_t) (direction < 0 ? floor(exact) : ceil(exact));
        return true;
}

/* ---- names that must exist ---- */

static bool unknown_name(Loader *loader, RuleKind kind, const char *what, const char *name) {
        size_t n;
        const char *const *names = loader_names(loader, kind, &n);

        loader_unknown(loader, what, name, names, n);
        return false;
}

/* The name as declared: a status may be called by the name it had before. NULL: reported. */
static const char *find_name(Loader *loader, const Ref *ref, const char *name) {
        switch (ref->kind) {
        case REF_STATUS: {
                const Status *status = policy_status(loader->rules, name);
                return status ? status->rule.name : (unknown_name(loader, RULE_STATUS, "status", name), NULL);
        }
        case REF_TEAM: {
                const Team *team = policy_team(loader->rules, name);
                return team ? team->rule.name : (unknown_name(loader, RULE_TEAM, "team", name), NULL);
        }
        case REF_TRACK: {
                const Rule *track = policy_find(loader->rules, RULE_TRACK, name);
                return track ? track->name : (unknown_name(loader, RULE_TRACK, "track", name), NULL);
        }
        default: {
                const Member *member = policy_member(loader->rules, name);
                return member ? member->rule.name : (unknown_name(loader, RULE_MEMBER, "member", name), NULL);
        }
        }
}

static bool find_segment(Loader *loader, const char *name, uint32_t *ret) {
        for (size_t i = 0; i < loader->rules->n_segments; i++)
                if (base_streq(loader->rules->segments[i].rule.name, name)) {
                        *ret = (uint32_t) i;
                        return true;
                }
        return unknown_name(loader, RULE_SEGMENT, "segment", name);
}

/* Checked in pass 4. */
static bool note_grade(Loader *loader, const char *where, const Ref *ref, const char *grade) {
        RuleSetBody *body = policy_body(loader->rules);
        GradeUse *use = ARENA_NEW(loader->arena, GradeUse);

        if (!use)
                return out_of_memory(loader);
        *use = (GradeUse){ .next = body->grade_uses,
                .rule = loader->rule,
                .where = arena_strdup(loader->arena, where),
                .path = ref->path,
                .grade = arena_strdup(loader->arena, grade) };
        body->grade_uses = use;
        return use->where && use->grade ? true : out_of_memory(loader);
}

void condition_check_grade(Loader *loader, const GradeUse *use) {
        const Grade *grade = loader->rules->grade;

        if (grade->n_fit == 0 || grade->n_engagement == 0)
                return; /* already reported */
        for (size_t i = 0; i < grade->n_fit; i++) {
                size_t size = strlen(grade->fit[i].name);

                if (strncmp(use->grade, grade->fit[i].name, size) != 0)
                        continue;
                for (size_t j = 0; j < grade->n_engagement; j++)
                        if (base_streq(use->grade + size, grade->engagement[j].name))
                                return;
        }
        loader_refuse(loader, "%s: \"%s\" can never be \"%s\"", use->where, use->path, use->grade);
}

/* ---- matchers ---- */

static const char *type_text(RefType type) {
        switch (type) {
        case TYPE_TEXT:
                return "a text";
        case TYPE_NUMBER:
                return "a number";
        case TYPE_BOOL:
                return "true or false";
        case TYPE_TIME:
                return "a time";
        case TYPE_DURATION:
                return "a duration";
        case TYPE_NAME:
                return "a name";
        case TYPE_GRADE:
                return "a grade";
        case TYPE_POINTS:
                return "a number of points";
        case TYPE_ANY:
                break;
        }
        return "any value";
}

#define WITH(kind) (1u << (kind))
#define WITH_VALUE WITH(BUILD_NOTHING)
#define WITH_PRESENCE (WITH(BUILD_PRESENT) | WITH(BUILD_ABSENT))
#define WITH_EQUALITY (WITH_VALUE | WITH(BUILD_ONE_OF) | WITH(BUILD_IS_NOT))
#define WITH_ORDER (WITH(BUILD_GE) | WITH(BUILD_GT) | WITH(BUILD_LE) | WITH(BUILD_LT) | WITH(BUILD_BETWEEN))
#define WITH_TEXT (WITH(BUILD_HAS) | WITH(BUILD_WORD) | WITH(BUILD_STARTS) | WITH(BUILD_ENDS) | WITH(BUILD_LIKE) | WITH(BUILD_IN_LIST))

/* Which words fit which type of path. */
static const unsigned fitting[] = {
        [TYPE_TEXT] = WITH_EQUALITY | WITH_TEXT | WITH_PRESENCE,
        [TYPE_NUMBER] = WITH_EQUALITY | WITH_ORDER | WITH_PRESENCE,
        [TYPE_BOOL] = WITH_VALUE | WITH(BUILD_IS_NOT) | WITH_PRESENCE,
        [TYPE_TIME] = WITH_ORDER | WITH_PRESENCE,
        [TYPE_ANY] = WITH_EQUALITY | WITH_ORDER | WITH_TEXT | WITH_PRESENCE,
        [TYPE_DURATION] = WITH_ORDER,
        [TYPE_NAME] = WITH_EQUALITY | WITH_PRESENCE,
        [TYPE_GRADE] = WITH_EQUALITY | WITH(BUILD_STARTS) | WITH(BUILD_ENDS) | WITH(BUILD_LIKE) | WITH_PRESENCE,
        [TYPE_POINTS] = WITH_EQUALITY | WITH_ORDER,
};

static bool check_fit(Loader *loader, const char *where, const Ref *ref, BuilderKind kind, int index) {
        const char *name = condition_builder_name(kind);

        if (kind >= BUILD_ANY && kind <= BUILD_DID) {
                loader_error(loader, "%s: \"%s\": %s{..} joins conditions and cannot stand as a value: write %s{ { %s = .. }, .. }", where,
                        ref->path, name, name, ref->path);
                return false;
        }
        if (kind == BUILD_NOTHING && lua_istable(loader->L, index)) {
                loader_error(loader, "%s: \"%s\": a list needs a word before it: one_of{..}", where, ref->path);
                return false;
        }
        if (kind == BUILD_NOTHING && lua_isfunction(loader->L, index)) {
                loader_error(loader, "%s: \"%s\": %s", where, ref->path,
                        lua_iscfunction(loader->L, index) ? "the word needs its argument in brackets: ge(10)"
                                                          : "a function stands for the whole condition, not for a value");
                return false;
        }
        if (fitting[ref->type] & WITH(kind))
                return true;
        loader_error(loader, "%s: \"%s\" is %s: %s does not fit", where, ref->path, type_text(ref->type), name);
        return false;
}

/* One plain value of `path = x`, one_of, is_not. */
static bool add_equal(Loader *loader, const char *where, const Ref *ref, int index, Matcher *matcher) {
        lua_State *L = loader->L;
        int type = lua_type(L, index);

        if (type == LUA_TBOOLEAN && (ref->type == TYPE_BOOL || ref->type == TYPE_ANY)) {
                *(lua_toboolean(L, index) ? &matcher->with_true : &matcher->with_false) = true;
                return true;
        }
        if (type == LUA_TNUMBER && (ref->type == TYPE_NUMBER || ref->type == TYPE_ANY || ref->type == TYPE_POINTS)) {
                Value value = lua_isinteger(L, index) ? value_integer(lua_tointeger(L, index)) : value_number(lua_tonumber(L, index));

                if (ref->type == TYPE_POINTS) {
                        int64_t mp;
                        if (!to_milli_points(lua_tonumber(L, index), -1, &mp)) {
                                loader_error(loader, "%s: \"%s\": points out of range", where, ref->path);
                                return false;
                        }
                        value = value_integer(mp);
                }
                ((Value *) matcher->numbers)[matcher->n_numbers++] = value;
                return true;
        }
        if (type == LUA_TSTRING && ref->type != TYPE_NUMBER && ref->type != TYPE_BOOL && ref->type != TYPE_POINTS) {
                const char *text;
                size_t size;

                if (!read_text(loader, where, ref, index, &text, &size))
                        return false;
                if (ref->kind == REF_SEGMENT)
                        return find_segment(loader, text, &((uint32_t *) matcher->segments)[matcher->n_segments]) && ++matcher->n_segments;
                if (ref->type == TYPE_NAME) {
                        text = find_name(loader, ref, text);
                        if (!text)
                                return false;
                        size = strlen(text);
                }
                if (ref->type == TYPE_GRADE && !note_grade(loader, where, ref, text))
                        return false;
                return condition_fold(loader, text, size, &((Word *) matcher->words)[matcher->n_words]) && ++matcher->n_words;
        }
        Duration duration;
        if (type == LUA_TSTRING && ref->type == TYPE_NUMBER && duration_parse(lua_tostring(L, index), &duration) == 0)
                loader_error(loader, "%s: \"%s\" is a number: the duration \"%s\" does not fit", where, ref->path, lua_tostring(L, index));
        else
                loader_error(
                        loader, "%s: \"%s\" is %s and cannot equal a %s", where, ref->path, type_text(ref->type), type_name_at(L, index));
        return false;
}

/* The arguments of a word: word(x), word{ x, y } and word(x, y) are the same list. Pushes the table that holds them; *ret_n items
 * from 1. [-0, +1, -] */
static void push_arguments(lua_State *L, int index, lua_Integer *ret_n) {
        lua_getfield(L, index, "n");
        *ret_n = lua_tointeger(L, -1);
        lua_pop(L, 1);
        if (*ret_n == 1 && lua_rawgeti(L, index, 1) == LUA_TTABLE && condition_builder(L, -1) == BUILD_NOTHING) {
                *ret_n = (lua_Integer) lua_rawlen(L, -1);
                return;
        }
        if (*ret_n == 1)
                lua_pop(L, 1);
        lua_pushvalue(L, index);
}

static bool check_list(Loader *loader, const char *where, const Ref *ref, BuilderKind kind, lua_Integer n) {
        if (n >= 1 && n <= CONDITION_ENTRIES_MAX)
                return true;
        if (n < 1)
                loader_error(loader, "%s: \"%s\": %s needs at least one value", where, ref->path, condition_builder_name(kind));
        else
                loader_error(loader, "%s: \"%s\": more than %d values; make it a list", where, ref->path, CONDITION_ENTRIES_MAX);
        return false;
}

static bool compile_equals(Loader *loader, const char *where, const Ref *ref, BuilderKind kind, int index, Matcher *matcher) {
        lua_State *L = loader->L;
        lua_Integer n = 1;
        bool good = true;

        if (kind != BUILD_NOTHING)
                push_arguments(L, index, &n);
        if (!check_list(loader, where, ref, kind, n))
                good = false;
        matcher->op = ref->kind == REF_SEGMENT ? MATCH_SEGMENTS : MATCH_EQUALS;
        matcher->negate = kind == BUILD_IS_NOT;
        if (good) {
                matcher->words = ARENA_ARRAY(loader->arena, Word, (size_t) n);
                matcher->numbers = ARENA_ARRAY(loader->arena, Value, (size_t) n);
                matcher->segments = ARENA_ARRAY(loader->arena, uint32_t, (size_t) n);
                if (!matcher->words || !matcher->numbers || !matcher->segments)
                        return out_of_memory(loader);
        }
        if (kind == BUILD_NOTHING)
                return good && add_equal(loader, where, ref, index, matcher);
        for (lua_Integer i = 1; good && i <= n; i++) {
                lua_rawgeti(L, -1, i);
                good = add_equal(loader, where, ref, -1, matcher);
                lua_pop(L, 1);
        }
        lua_pop(L, 1);
        if (good)
                qsort((Word *) matcher->words, matcher->n_words, sizeof(Word), condition_compare_words);
        return good;
}

static bool compile_words(Loader *loader, const char *where, const Ref *ref, BuilderKind kind, int index, Matcher *matcher) {
        static const MatchOp ops[N_BUILDERS] = {
                [BUILD_HAS] = MATCH_HAS,
                [BUILD_WORD] = MATCH_WORD,
                [BUILD_STARTS] = MATCH_STARTS,
                [BUILD_ENDS] = MATCH_ENDS,
                [BUILD_LIKE] = MATCH_LIKE,
        };
        lua_State *L = loader->L;
        lua_Integer n;
        bool good;

        push_arguments(L, index, &n);
        good = check_list(loader, where, ref, kind, n);
        matcher->op = ops[kind];
        if (good) {
                matcher->words = ARENA_ARRAY(loader->arena, Word, (size_t) n);
                if (!matcher->words)
                        return out_of_memory(loader);
        }
        for (lua_Integer i = 1; good && i <= n; i++) {
                const char *text;
                size_t size;

                lua_rawgeti(L, -1, i);
                good = read_text(loader, where, ref, -1, &text, &size);
                if (good && size == 0) {
                        loader_error(loader, "%s: \"%s\": %s(\"\") would match everything", where, ref->path, condition_builder_name(kind));
                        good = false;
                }
                good = good && condition_fold(loader, text, size, &((Word *) matcher->words)[matcher->n_words++]);
                lua_pop(L, 1);
        }
        lua_pop(L, 1);
        return good;
}

static bool compile_in_list(Loader *loader, const char *where, const Ref *ref, int index, Matcher *matcher) {
        lua_State *L = loader->L;
        const char *name;
        size_t size;
        bool good;

        lua_rawgeti(L, index, 1);
        good = read_text(loader, where, ref, -1, &name, &size);
        matcher->op = MATCH_LIST;
        for (size_t i = 0; good && i < loader->rules->n_lists; i++)
                if (base_streq(loader->rules->lists[i].rule.name, name))
                        matcher->list = &loader->rules->lists[i];
        if (good && !matcher->list)
                good = unknown_name(loader, RULE_LIST, "list", name);
        lua_pop(L, 1);
        return good;
}

/* ---- order: ge, gt, le, lt, between ---- */

typedef struct Bound {
        bool is_integer; /* microseconds or milli-points, else a number */
        double number;
        int64_t down, up; /* is_integer: the bound rounded down and up; the same when it is whole */
} Bound;

static bool bound_error(Loader *loader, const char *where, const Ref *ref, BuilderKind kind, int index) {
        static const char *const examples[] = { [TYPE_NUMBER] = "a number",
                [TYPE_TIME] = "a time such as \"2026-01-01T00:00:00Z\"",
                [TYPE_ANY] = "a number or a time such as \"2026-01-01T00:00:00Z\"",
                [TYPE_DURATION] = "a duration such as \"30d\"",
                [TYPE_POINTS] = "a number" };
        const char *text = lua_type(loader->L, index) == LUA_TSTRING ? lua_tostring(loader->L, index) : NULL;
        Duration duration;

        if (text && ref->type == TYPE_DURATION && duration_parse(text, &duration) == 0)
                loader_error(loader, "%s: \"%s\": working days (\"%s\") count in SLAs and recycle dates only", where, ref->path, text);
        else if (text && duration_parse(text, &duration) == 0)
                loader_error(loader, "%s: \"%s\" is %s: the duration \"%s\" does not fit", where, ref->path, type_text(ref->type), text);
        else
                loader_error(loader, "%s: \"%s\": %s needs %s", where, ref->path, condition_builder_name(kind), examples[ref->type]);
        return false;
}

static bool read_bound(Loader *loader, const char *where, const Ref *ref, BuilderKind kind, int index, Bound *ret) {
        lua_State *L = loader->L;
        int type = lua_type(L, index);
        Duration duration;

        *ret = (Bound){ .is_integer = true };
        if (type == LUA_TNUMBER && ref->type == TYPE_POINTS)
                return to_milli_points(lua_tonumber(L, index), -1, &ret->down) && to_milli_points(lua_tonumber(L, index), 1, &ret->up)
                               ? true
                               : bound_error(loader, where, ref, kind, index);
        if (type == LUA_TNUMBER && (ref->type == TYPE_NUMBER || ref->type == TYPE_ANY)) {
                ret->is_integer = false;
                ret->number = lua_tonumber(L, index);
                return isnan(ret->number) ? bound_error(loader, where, ref, kind, index) : true;
        }
        if (type == LUA_TSTRING && ref->type == TYPE_DURATION && duration_parse(lua_tostring(L, index), &duration) == 0 &&
                duration.workdays == 0) {
                ret->down = ret->up = duration.us;
                return true;
        }
        if (type == LUA_TSTRING && (ref->type == TYPE_TIME || ref->type == TYPE_ANY)) {
                size_t size;
                const char *text = lua_tolstring(L, index, &size);

                if (time_parse_rfc3339(text, size, &ret->down) == 0) {
                        ret->up = ret->down;
                        return true;
                }
        }
        return bound_error(loader, where, ref, kind, index);
}

static bool compile_order(Loader *loader, const char *where, const Ref *ref, BuilderKind kind, int index, Matcher *matcher) {
        lua_State *L = loader->L;
        Bound low, high;
        bool good;

        lua_rawgeti(L, index, 1);
        good = read_bound(loader, where, ref, kind, -1, &low);
        high = low;
        lua_pop(L, 1);
        if (good && kind == BUILD_BETWEEN) {
                lua_rawgeti(L, index, 2);
                good = read_bound(loader, where, ref, kind, -1, &high);
                lua_pop(L, 1);
                if (good && (low.is_integer != high.is_integer || (low.is_integer ? low.up > high.down : low.number > high.number))) {
                        loader_error(loader, "%s: \"%s\": between(a, b) needs a smaller value first", where, ref->path);
                        good = false;
                }
        }
        if (!good)
                return false;

        bool from = kind == BUILD_GE || kind == BUILD_GT || kind == BUILD_BETWEEN,
             to = kind == BUILD_LE || kind == BUILD_LT || kind == BUILD_BETWEEN;
        matcher->op = low.is_integer ? MATCH_INTEGERS : MATCH_NUMBERS;
        matcher->low_number = from ? low.number : -INFINITY;
        matcher->high_number = to ? high.number : INFINITY;
        matcher->low_open = kind == BUILD_GT;
        matcher->high_open = kind == BUILD_LT;
        matcher->low = !from ? INT64_MIN : kind == BUILD_GT ? low.down + 1 : low.up;
        matcher->high = !to ? INT64_MAX : kind == BUILD_LT ? high.up - 1 : high.down;
        return true;
}

bool condition_compile_matcher(Loader *loader, const char *where, const Ref *ref, int index, const Matcher **ret) {
        lua_State *L = loader->L;
        BuilderKind kind;
        Matcher *matcher;
        bool good;

        index = lua_absindex(L, index);
        luaL_checkstack(L, 6, "conditions");
        kind = condition_builder(L, index);
        if (!check_fit(loader, where, ref, kind, index))
                return false;
        matcher = ARENA_NEW(loader->arena, Matcher);
        if (!matcher)
                return out_of_memory(loader);
        switch (kind) {
        case BUILD_NOTHING:
        case BUILD_ONE_OF:
        case BUILD_IS_NOT:
                good = compile_equals(loader, where, ref, kind, index, matcher);
                break;
        case BUILD_HAS:
        case BUILD_WORD:
        case BUILD_STARTS:
        case BUILD_ENDS:
        case BUILD_LIKE:
                good = compile_words(loader, where, ref, kind, index, matcher);
                break;
        case BUILD_IN_LIST:
                good = compile_in_list(loader, where, ref, index, matcher);
                break;
        case BUILD_PRESENT:
        case BUILD_ABSENT:
                matcher->op = kind == BUILD_PRESENT ? MATCH_PRESENT : MATCH_ABSENT;
                good = true;
                break;
        default:
                good = compile_order(loader, where, ref, kind, index, matcher);
        }
        if (good)
                *ret = matcher;
        return good;
}

/* ---- functions ---- */

bool condition_compile_function(Loader *loader, int index, Function *ret) {
        lua_State *L = loader->L;
        lua_Debug info;

        luaL_checkstack(L, 2, "conditions");
        lua_pushvalue(L, index);
        if (!lua_getinfo(L, ">u", &info))
                info.nparams = 2;
        ret->takes_now = info.nparams >= 2 || info.isvararg;
        if (sandbox_only_reads(L, index, &ret->only_reads) < 0) {
                loader->out_of_memory = true;
                return false;
        }
        if (!ret->only_reads && function_note_keys(loader, index) < 0)
                return out_of_memory(loader);
        lua_pushvalue(L, index);
        ret->ref = luaL_ref(L, LUA_REGISTRYINDEX);
        ret->rule = loader->rule;
        return true;
}

/* ---- did ---- */

static bool read_count(Loader *loader, const char *where, const char *key, lua_Integer least, int64_t *ret) {
        lua_State *L = loader->L;

        if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < least || lua_tointeger(L, -1) > CONDITION_COUNT_MAX) {
                loader_error(loader, "%s: %s needs a whole number from %lld to %d", where, key, (long long) least, CONDITION_COUNT_MAX);
                return false;
        }
        *ret = lua_tointeger(L, -1);
        return true;
}

static bool read_within(Loader *loader, const char *where, int64_t *ret_us) {
        lua_State *L = loader->L;
        const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
        Duration duration;

        if (!text || duration_parse(text, &duration) != 0 || (duration.us <= 0 && duration.workdays == 0)) {
                loader_error(loader, "%s: within needs a duration such as \"30d\"", where);
                return false;
        }
        if (duration.workdays != 0) {
                loader_error(loader, "%s: within = \"%s\": working days count in SLAs and recycle dates only", where, text);
                return false;
        }
        *ret_us = duration.us;
        return true;
}

static bool read_distinct(Loader *loader, const char *where, const Ref **ret) {
        lua_State *L = loader->L;
        Ref *ref;

        if (lua_type(L, -1) != LUA_TSTRING) {
                loader_error(loader, "%s: distinct needs the name of what must differ, such as \"url\"", where);
                return false;
        }
        ref = ARENA_NEW(loader->arena, Ref);
        if (!ref)
                return out_of_memory(loader);
        if (!condition_compile_ref(loader, where, lua_tostring(L, -1), PHASE_ACTIVITY, ref))
                return false;
        *ret = ref;
        return true;
}

/* One key of did{} whose value is on top of the stack. */
static bool compile_did_key(Loader *loader, const char *where, const char *key, bool counting, Did *did) {
        lua_State *L = loader->L;
        bool is_count = base_streq(key, "at_least") || base_streq(key, "exactly") || base_streq(key, "distinct");

        if (is_count && !counting) {
                loader_error(loader, "%s: %s does not fit: here one activity is looked at", where, key);
                return false;
        }
        if (base_streq(key, "within"))
                return read_within(loader, where, &did->within_us);
        if (base_streq(key, "at_least"))
                return read_count(loader, where, key, 1, &did->at_least);
        if (base_streq(key, "exactly"))
                return read_count(loader, where, key, 0, &did->exactly);
        if (base_streq(key, "distinct"))
                return read_distinct(loader, where, &did->distinct);
        if (base_streq(key, "since")) {
                if (lua_type(L, -1) != LUA_TSTRING || !base_streq(lua_tostring(L, -1), "move")) {
                        loader_error(loader, "%s: since can only be \"move\"; for a span of time use within", where);
                        return false;
                }
                did->since_move = true;
                return true;
        }
        if (base_streq(key, "type") && lua_type(L, -1) == LUA_TSTRING) {
                Word word;
                size_t size;
                const char *text = lua_tolstring(L, -1, &size);

                if (!condition_fold(loader, text, size, &word))
                        return false;
                did->type = word.text;
                return true;
        }
        Condition *node = (Condition *) &did->matchers[did->n_matchers];
        node->type = NODE_MATCH;
        if (!condition_compile_ref(loader, where, key, PHASE_ACTIVITY, &node->ref) ||
                !condition_compile_matcher(loader, where, &node->ref, -1, &node->matcher))
                return false;
        did->n_matchers++;
        return true;
}

bool condition_compile_did(Loader *loader, const char *where, int index, bool counting, const Did **ret) {
        lua_State *L = loader->L;
        Entry *entries;
        size_t n;
        bool good = true;
        Did *did;

        index = lua_absindex(L, index);
        if (!lua_istable(L, index) || condition_builder(L, index) != BUILD_NOTHING) {
                loader_error(loader, "%s: needs a table such as { type = \"page_viewed\" }", where);
                return false;
        }
        if (!condition_entries(loader, where, index, &entries, &n))
                return false;
        did = ARENA_NEW(loader->arena, Did);
        if (!did)
                return out_of_memory(loader);
        *did = (Did){ .at_least = 0, .exactly = -1, .matchers = ARENA_ARRAY(loader->arena, Condition, n + 1) };
        if (!did->matchers)
                return out_of_memory(loader);
        for (size_t i = 0; i < n; i++) {
                if (!entries[i].key) {
                        loader_error(loader, "%s: an activity is described by names only: { type = .., url = .. }", where);
                        good = false;
                        break;
                }
                lua_getfield(L, index, entries[i].key);
                good = compile_did_key(loader, where, entries[i].key, counting, did) && good;
                lua_pop(L, 1);
        }
        if (good && did->at_least > 0 && did->exactly >= 0) {
                loader_error(loader, "%s: at_least and exactly cannot both be asked", where);
                good = false;
        }
        if (did->at_least == 0)
                did->at_least = 1;
        if (good && !condition_number_did(loader, did))
                return out_of_memory(loader);
        if (good)
                *ret = did;
        return good;
}

/* ---- the tree ---- */

static bool compile_node(Loader *loader, const char *where, int index, ConditionPhase phase, int depth, Condition *ret);

/* The table at index, all of whose entries become children. */
static bool compile_entries(Loader *loader, const char *where, int index, ConditionPhase phase, int depth, NodeType type, Condition *ret) {
        lua_State *L = loader->L;
        Entry *entries;
        size_t n;
        bool good = true;
        Condition *children;

        if (!condition_entries(loader, where, index, &entries, &n))
                return false;
        children = ARENA_ARRAY(loader->arena, Condition, n + 1);
        if (!children)
                return out_of_memory(loader);
        for (size_t i = 0; i < n && !loader->out_of_memory; i++) {
                Condition *child = &children[i];

                if (!entries[i].key) {
                        lua_rawgeti(L, index, entries[i].position);
                        good = compile_node(loader, where, lua_gettop(L), phase, depth + 1, child) && good;
                        lua_pop(L, 1);
                        continue;
                }
                lua_getfield(L, index, entries[i].key);
                child->type = NODE_MATCH;
                good = condition_compile_ref(loader, where, entries[i].key, phase, &child->ref) &&
                       condition_compile_matcher(loader, where, &child->ref, -1, &child->matcher) && good;
                lua_pop(L, 1);
        }
        if (!good || loader->out_of_memory)
                return false;
        if (n == 1 && type != NODE_NONE)
                *ret = children[0];
        else
                *ret = (Condition){ .type = type, .n_children = (uint32_t) n, .children = children };
        return true;
}

/* any{..}, all{..}, none{..}, did{..}: the word's one argument is a table. */
static bool compile_combinator(
        Loader *loader, const char *where, int index, BuilderKind kind, ConditionPhase phase, int depth, Condition *ret) {
        static const NodeType types[] = { [BUILD_ANY] = NODE_ANY, [BUILD_ALL] = NODE_ALL, [BUILD_NONE] = NODE_NONE };
        lua_State *L = loader->L;
        bool good;

        if (lua_rawgeti(L, index, 1) != LUA_TTABLE || condition_builder(L, -1) != BUILD_NOTHING) {
                loader_error(loader, "%s: %s needs a table: %s{ .. }", where, condition_builder_name(kind), condition_builder_name(kind));
                good = false;
        } else if (kind == BUILD_DID) {
                *ret = (Condition){ .type = NODE_DID };
                good = condition_compile_did(loader, where, lua_gettop(L), phase != PHASE_ACTIVITY, &ret->did);
        } else {
                good = compile_entries(loader, where, lua_gettop(L), phase, depth, types[kind], ret);
                /* any{} of nothing would be false and none{} true: neither can be meant. */
                if (good && ret->type == types[kind] && ret->n_children == 0) {
                        loader_error(loader, "%s: %s{} is empty", where, condition_builder_name(kind));
                        good = false;
                }
        }
        lua_pop(L, 1);
        return good;
}

static bool compile_node(Loader *loader, const char *where, int index, ConditionPhase phase, int depth, Condition *ret) {
        lua_State *L = loader->L;
        BuilderKind kind;

        luaL_checkstack(L, 8, "conditions");
        if (depth > CONDITION_DEPTH_MAX) {
                loader_error(loader, "%s: more than %d tables within each other", where, CONDITION_DEPTH_MAX);
                return false;
        }
        if (lua_isfunction(L, index) && !lua_iscfunction(L, index)) {
                if (phase == PHASE_ACTIVITY) {
                        loader_error(loader, "%s: a function cannot judge an activity: write did{ type = .. }", where);
                        return false;
                }
                *ret = (Condition){ .type = NODE_FUNCTION };
                return condition_compile_function(loader, index, &ret->function);
        }
        kind = condition_builder(L, index);
        if (kind >= BUILD_ANY && kind <= BUILD_DID)
                return compile_combinator(loader, where, index, kind, phase, depth, ret);
        if (kind != BUILD_NOTHING) {
                loader_error(
                        loader, "%s: %s needs a path before it: { [\"company.employees\"] = ge(10) }", where, condition_builder_name(kind));
                return false;
        }
        if (!lua_istable(L, index)) {
                loader_error(loader, "%s: needs a table of conditions or a function, not a %s", where, luaL_typename(L, index));
                return false;
        }
        return compile_entries(loader, where, index, phase, depth, NODE_ALL, ret);
}

int condition_compile(Loader *loader, int index, const char *where, ConditionPhase phase, const Condition **ret) {
        Condition *condition;

        *ret = NULL;
        condition = ARENA_NEW(loader->arena, Condition);
        if (!condition)
                return -ENOMEM;
        if (compile_node(loader, where, lua_absindex(loader->L, index), phase, 1, condition)) {
                condition->rule = loader->rule ? loader->rule->index : UINT32_MAX;
                *ret = condition;
        }
        return loader->out_of_memory ? -ENOMEM : 0;
}

bool condition_is_always(const Condition *condition) { return !condition || (condition->type == NODE_ALL && condition->n_children == 0); }
