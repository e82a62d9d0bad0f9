/* SPDX-License-Identifier: MIT */
/*
 * What a test expects of a lead: values and matchers as in conditions, and names of rules. Whatever is named here must exist: a
 * test that expects a misspelt rule to stay silent would pass for ever.
 */
#include "test.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>

struct TestMatcher {
        Ref ref;  /* what is compared */
        Ref read; /* where it is read, of FIELDS and DID */
        const Matcher *matcher;
};

typedef struct ExpectDraft {
        TestDraft *draft;
        const char *where; /* "expect" */
        TestExpect *items;
        size_t n, capacity;
} ExpectDraft;

static int add_expect(ExpectDraft *expect, TestExpect item) {
        Load *load = expect->draft->load;
        if (expect->n == expect->capacity) {
                size_t capacity = expect->capacity ? 2 * expect->capacity : 8;
                TestExpect *items = ARENA_ARRAY(load->loader.arena, TestExpect, capacity);
                if (!items)
                        return load_exhausted(load);
                if (expect->n > 0)
                        memcpy(items, expect->items, expect->n * sizeof(*items));
                expect->items = items;
                expect->capacity = capacity;
        }
        expect->items[expect->n++] = item;
        return 0;
}

/* ---- values ---- */

/* What the path must be; *ret stays NULL when that was reported. 0 or -ENOMEM. */
static int make_matcher(ExpectDraft *expect, int index, const char *shown, const char *path, ConditionPhase phase, TestMatcher **ret) {
        Load *load = expect->draft->load;
        lua_State *L = load->loader.L;
        char where[200];
        snprintf(where, sizeof(where), "%.100s.%.90s", expect->where, shown);
        TestMatcher *matcher = ARENA_NEW(load->loader.arena, TestMatcher);
        if (!matcher)
                return load_exhausted(load);
        bool good = condition_compile_ref(&load->loader, where, path, phase, &matcher->ref);
        matcher->read = matcher->ref;
        /* A letter that no rule gave is a grade that no condition may ask for, but a lead can have it. */
        if (good && matcher->ref.kind == REF_GRADE && lua_type(L, index) == LUA_TSTRING && lua_tostring(L, index)[0] == '?')
                matcher->ref.type = TYPE_TEXT;
        RefKind kind = matcher->ref.kind;
        if (kind == REF_GRADE && matcher->ref.type == TYPE_TEXT)
                matcher->ref.kind = REF_FIELD;
        good = good && condition_compile_matcher(&load->loader, where, &matcher->ref, index, &matcher->matcher);
        matcher->ref.kind = REF_FIELD; /* the value is given, and absent is nothing special */
        if (load->loader.out_of_memory)
                return -ENOMEM;
        *ret = good ? matcher : NULL;
        return 0;
}

/* What a track sends; any other message is for readers of ours. */
static void check_sent(ExpectDraft *expect, const TestExpect *item) {
        for (size_t i = 0; i < item->n_names; i++) {
                const Message *message = item->names[i].n_rules > 0 ? (const Message *) (const void *) item->names[i].rules[0] : NULL;
                if (message && (!message->to || !base_streq(message->to, "lead")))
                        loader_error(&expect->draft->load->loader,
                                "\"%s.sent\": the message \"%s\" is not for the lead (\"reminded\" is for ours)", expect->where,
                                message->rule.name);
        }
}

/* A path of conditions against the value at index; `false` means that there is nothing. */
static int compile_matcher(ExpectDraft *expect, int index, const char *path, TestExpect item) {
        lua_State *L = expect->draft->load->loader.L;
        TestMatcher *matcher;
        if (lua_isboolean(L, index) && !lua_toboolean(L, index))
                return add_expect(expect, item);
        int r = make_matcher(expect, index, path, path, PHASE_DECISION, &matcher);
        if (r < 0 || !matcher)
                return r;
        item.group = matcher->ref.group;
        item.matcher = matcher;
        return add_expect(expect, item);
}

int policy_test_matches(RuleSet *rules, const TestMatcher *matcher, const Value *value, Arena *arena, bool *ret) {
        Subject subject = { 0 };
        Eval eval;
        eval_init(&eval, rules, &subject, arena, PHASE_DECISION);
        *ret = eval_matches(&eval, &matcher->ref, matcher->matcher, value, EVAL_NO_SLOT);
        return eval.error;
}

int policy_test_read(RuleSet *rules, const TestMatcher *matcher, Subject *subject, Arena *arena, Value *storage, const Value **ret) {
        Eval eval;
        uint32_t slot;
        eval_init(&eval, rules, subject, arena, PHASE_DECISION);
        *ret = eval_read(&eval, &matcher->read, storage, &slot);
        return eval.error;
}

int policy_test_did(RuleSet *rules, const TestExpect *expect, const Activity *activity, Arena *arena, bool *ret) {
        *ret = expect->time_us == TIME_NONE || expect->time_us == activity->time_us;
        for (size_t i = 0; i < expect->n_matchers && *ret; i++) {
                const TestMatcher *matcher = expect->matchers[i];
                Value storage;
                const Value *value = eval_read_activity(activity, &matcher->read, &storage);
                int r = policy_test_matches(rules, matcher, value, arena, ret);
                if (r < 0)
                        return r;
        }
        return 0;
}

void policy_test_describe_did(const RuleSet *rules, const TestExpect *expect, Text *out) {
        char buffer[TIME_TEXT_SIZE];
        for (size_t i = 0; i < expect->n_matchers; i++) {
                text_printf(out, "%s%s ", i > 0 ? ", " : "", expect->matchers[i]->read.path);
                policy_test_describe(rules, expect->matchers[i], out);
        }
        if (expect->time_us != TIME_NONE)
                text_printf(out, "%stime %s", expect->n_matchers > 0 ? ", " : "", time_format_rfc3339(expect->time_us, buffer));
}

void policy_test_describe(const RuleSet *rules, const TestMatcher *matcher, Text *out) {
        if (matcher)
                condition_show_wanted(out, rules, &matcher->ref, matcher->matcher);
        else
                text_append(out, "nothing");
}

void policy_test_show(const TestMatcher *matcher, const Value *value, Text *out) {
        if (!value)
                text_append(out, "nothing");
        else if (matcher && matcher->ref.type == TYPE_POINTS)
                text_printf(out, "%.15g", (double) value->integer / 1000.0);
        else
                eval_show_value(out, value);
}

/* ---- names ---- */

/* What a rule can be seen to have done, or that it did not. */
static const RuleKind hit_kinds[] = { RULE_SEGMENT, RULE_SCORE, RULE_JUNK, RULE_CRITERION, RULE_MOVE, RULE_REASON, RULE_FENCE, RULE_ROUTE,
        RULE_SLA, RULE_TRACK, RULE_ADAPTER };
static const RuleKind segment_kinds[] = { RULE_SEGMENT };
static const RuleKind move_kinds[] = { RULE_MOVE };
static const RuleKind fence_kinds[] = { RULE_FENCE };
static const RuleKind message_kinds[] = { RULE_MESSAGE };
static const RuleKind campaign_kinds[] = { RULE_CAMPAIGN };

/* "SIZE", or "segment:competitor" where rules of two kinds have one name. */
static int find_rules(Load *load, const char *where, const char *name, const RuleKind *kinds, size_t n_kinds, TestName *ret) {
        const char *colon = strchr(name, ':'), *plain = name;
        const Rule **found = ARENA_ARRAY(load->loader.arena, const Rule *, n_kinds);
        if (!found)
                return load_exhausted(load);
        *ret = (TestName){ .name = name, .rules = found };
        for (size_t k = 0; k < n_kinds; k++) {
                const char *kind = rule_kind_name(kinds[k]);
                bool is_meant = colon && strlen(kind) == (size_t) (colon - name) && strncmp(kind, name, strlen(kind)) == 0;
                const Rule *rule = load_find(load, kinds[k], name);
                if (!rule && is_meant) {
                        rule = load_find(load, kinds[k], colon + 1);
                        plain = colon + 1;
                }
                if (rule)
                        found[ret->n_rules++] = rule;
        }
        if (ret->n_rules > 0)
                return 0;
        size_t n = 0, n_all = 0;
        for (size_t i = 0; i < load->body->n_by_name; i++)
                n_all++;
        const char **names = ARENA_ARRAY(load->scratch, const char *, n_all + 1);
        if (!names)
                return load_exhausted(load);
        for (size_t i = 0; i < load->body->n_by_name; i++)
                for (size_t k = 0; k < n_kinds; k++)
                        if (load->body->by_name[i]->kind == kinds[k])
                                names[n++] = load->body->by_name[i]->name;
        char what[160];
        snprintf(what, sizeof(what), "%s in \"%.80s\":", n_kinds == 1 ? rule_kind_name(kinds[0]) : "rule", where);
        loader_unknown(&load->loader, what, plain, names, n);
        return 0;
}

static int compile_roles(Load *load, const char *where, const char *const *texts, size_t n, TestName *names) {
        static const char *const roles[] = { "owner", "head", "ops", NULL };
        const RuleSet *rules = load->loader.rules;
        for (size_t i = 0; i < n; i++) {
                names[i] = (TestName){ .name = texts[i] };
                if (keys_is_among(texts[i], roles) || policy_member(rules, texts[i]))
                        continue;
                const char **known = ARENA_ARRAY(load->scratch, const char *, rules->n_members + ARRAY_SIZE(roles));
                if (!known)
                        return load_exhausted(load);
                size_t n_roles = keys_count(roles);
                memcpy(known, roles, n_roles * sizeof(*known));
                for (size_t m = 0; m < rules->n_members; m++)
                        known[n_roles + m] = rules->members[m].rule.name;
                char what[160];
                snprintf(what, sizeof(what), "reader in \"%.80s\":", where);
                loader_unknown(&load->loader, what, texts[i], known, n_roles + rules->n_members);
        }
        return 0;
}

static int compile_names(ExpectDraft *expect, int index, const char *key, const RuleKind *kinds, size_t n_kinds, TestExpect item) {
        Load *load = expect->draft->load;
        lua_State *L = load->loader.L;
        const char *const *texts = NULL;
        size_t n = 0;
        const char *where = keys_where(load, expect->where, key);
        int r = 0;
        if (!(lua_isboolean(L, index) && !lua_toboolean(L, index)))
                r = keys_compile_texts(load, index, where, &texts, &n);
        TestName *names = ARENA_ARRAY(load->loader.arena, TestName, n + 1);
        if (!names)
                return load_exhausted(load);
        if (r == 0 && !kinds)
                r = compile_roles(load, where, texts, n, names);
        for (size_t i = 0; r == 0 && kinds && i < n; i++)
                r = find_rules(load, where, texts[i], kinds, n_kinds, &names[i]);
        item.names = names;
        item.n_names = n;
        return r == 0 ? add_expect(expect, item) : r;
}

/* ---- the keys ---- */

static int compile_due(ExpectDraft *expect, int index, TestExpect item) {
        Load *load = expect->draft->load;
        lua_State *L = load->loader.L;
        item.time_us = TIME_NONE;
        bool is_nothing = lua_isboolean(L, index) && !lua_toboolean(L, index);
        if (!is_nothing && !test_read_time(load, index, keys_where(load, expect->where, "due"), &item.time_us))
                return 0;
        return add_expect(expect, item);
}

/* true, false, or a text that must be in what is said. */
static int compile_said(ExpectDraft *expect, int index, const char *key, TestExpect item) {
        Load *load = expect->draft->load;
        lua_State *L = load->loader.L;
        item.yes = !(lua_isboolean(L, index) && !lua_toboolean(L, index));
        if (!lua_isboolean(L, index)) {
                item.text = keys_text(load, index, keys_where(load, expect->where, key));
                if (!item.text)
                        return 0;
        }
        return add_expect(expect, item);
}

static int compile_scores(ExpectDraft *expect, int index, TestExpect item) {
        Load *load = expect->draft->load;
        lua_State *L = load->loader.L;
        const char *const *names = NULL;
        size_t n = 0;
        const char *where = keys_where(load, expect->where, "score");
        if (lua_type(L, index) != LUA_TTABLE || condition_builder(L, index) != BUILD_NOTHING) {
                loader_error(&load->loader, "\"%s\" must be a table: { GROUP = 40 }, not %s", where, keys_type_name(L, index));
                return 0;
        }
        int r = keys_names(load, index, where, &names, &n);
        for (size_t i = 0; r == 0 && i < n; i++) {
                item.name = arena_printf(load->loader.arena, "score.%s", names[i]);
                if (!item.name)
                        return load_exhausted(load);
                lua_getfield(L, index, names[i]);
                r = compile_matcher(expect, lua_gettop(L), item.name, item);
                lua_pop(L, 1);
        }
        return r;
}

/* What stands there instead of a table with keys. */
static const char *shown_type(lua_State *L, int index) {
        BuilderKind builder = condition_builder(L, index);
        return builder != BUILD_NOTHING                                       ? condition_builder_name(builder)
               : lua_type(L, index) == LUA_TTABLE && lua_rawlen(L, index) > 0 ? "a list"
                                                                              : keys_type_name(L, index);
}

/* What is known of a lead; what it is made into has keys of its own. */
static bool is_known_of_lead(RefKind kind) {
        switch (kind) {
        case REF_FIELD:
        case REF_SOURCE:
        case REF_COUNTRY:
        case REF_TEST:
        case REF_IDLE:
        case REF_AGE:
        case REF_IN_STATUS:
        case REF_SINCE:
                return true;
        default:
                return false;
        }
}

static int compile_fields(ExpectDraft *expect, int index, TestExpect item) {
        Load *load = expect->draft->load;
        lua_State *L = load->loader.L;
        const char *const *names = NULL;
        size_t n = 0;
        const char *where = keys_where(load, expect->where, "fields");
        if (lua_type(L, index) != LUA_TTABLE || condition_builder(L, index) != BUILD_NOTHING || lua_rawlen(L, index) > 0) {
                loader_error(&load->loader, "\"%s\" must be a table: { [\"person.email\"] = \"m@keller.example\" }, not %s", where,
                        shown_type(L, index));
                return 0;
        }
        int r = keys_names(load, index, where, &names, &n);
        for (size_t i = 0; r == 0 && i < n; i++) {
                TestMatcher *matcher;
                item.name = arena_printf(load->loader.arena, "fields.%s", names[i]);
                if (!item.name)
                        return load_exhausted(load);
                lua_getfield(L, index, names[i]);
                r = make_matcher(expect, lua_gettop(L), item.name, names[i], PHASE_DECISION, &matcher);
                lua_pop(L, 1);
                if (r < 0 || !matcher)
                        continue;
                if (!is_known_of_lead(matcher->read.kind))
                        loader_error(&load->loader, "\"%s\" takes what is known of the lead; \"%s\" is a key beside it", where, names[i]);
                item.matcher = matcher;
                r = add_expect(expect, item);
        }
        return r;
}

static int compile_one_did(ExpectDraft *expect, int index, const char *shown, TestExpect item) {
        Load *load = expect->draft->load;
        lua_State *L = load->loader.L;
        const char *const *names = NULL;
        size_t n = 0;
        const char *where = keys_where(load, expect->where, shown);
        item.name = arena_strdup(load->loader.arena, shown);
        item.time_us = TIME_NONE;
        if (!item.name)
                return load_exhausted(load);
        int r = keys_names(load, index, where, &names, &n);
        if (r == 0 && (n == 0 || n > POLICY_TEST_DID_MAX))
                loader_error(&load->loader, "\"%s\" must ask 1 to %d things of an activity", where, POLICY_TEST_DID_MAX);
        if (r < 0 || n == 0 || n > POLICY_TEST_DID_MAX)
                return r;
        const TestMatcher **matchers = ARENA_ARRAY(load->loader.arena, const TestMatcher *, n);
        if (!matchers)
                return load_exhausted(load);
        for (size_t i = 0; r == 0 && i < n; i++) {
                TestMatcher *matcher = NULL;
                lua_getfield(L, index, names[i]);
                if (base_streq(names[i], "time"))
                        (void) test_read_time(load, lua_gettop(L), keys_where(load, where, "time"), &item.time_us);
                else
                        r = make_matcher(expect, lua_gettop(L), shown, names[i], PHASE_ACTIVITY, &matcher);
                lua_pop(L, 1);
                if (matcher)
                        matchers[item.n_matchers++] = matcher;
        }
        item.matchers = matchers;
        return r == 0 ? add_expect(expect, item) : r;
}

/* One activity, or a list of them. */
static int compile_did(ExpectDraft *expect, int index, TestExpect item) {
        Load *load = expect->draft->load;
        lua_State *L = load->loader.L;
        const char *where = keys_where(load, expect->where, "did");
        size_t n = lua_type(L, index) == LUA_TTABLE ? lua_rawlen(L, index) : 0;
        if (lua_type(L, index) != LUA_TTABLE || condition_builder(L, index) != BUILD_NOTHING) {
                loader_error(&load->loader,
                        "\"%s\" must be a table: { type = \"page_viewed\", url = has(\"/pricing\") }, or a list of such, not %s", where,
                        shown_type(L, index));
                return 0;
        }
        if (n == 0)
                return compile_one_did(expect, index, "did", item);
        n = keys_list_count(load, index, where);
        for (size_t i = 0; n != SIZE_MAX && i < n; i++) {
                const char *shown = arena_printf(load->scratch, "did[%zu]", i + 1);
                int r = 0;
                if (!shown)
                        return load_exhausted(load);
                if (lua_rawgeti(L, index, (lua_Integer) i + 1) == LUA_TTABLE && condition_builder(L, -1) == BUILD_NOTHING)
                        r = compile_one_did(expect, lua_gettop(L), shown, item);
                else
                        loader_error(&load->loader, "\"%s[%zu]\" must be a table: { type = \"page_viewed\" }, not %s", where, i + 1,
                                shown_type(L, lua_gettop(L)));
                lua_pop(L, 1);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int compile_key(ExpectDraft *expect, int index, TestKey key, const char *name) {
        TestExpect item = { .key = key, .name = name };
        switch (key) {
        case TEST_HITS:
        case TEST_MISSES:
                return compile_names(expect, index, name, hit_kinds, ARRAY_SIZE(hit_kinds), item);
        case TEST_SEGMENTS:
                return compile_names(expect, index, name, segment_kinds, ARRAY_SIZE(segment_kinds), item);
        case TEST_FENCE:
                return compile_names(expect, index, name, fence_kinds, ARRAY_SIZE(fence_kinds), item);
        case TEST_MOVED:
                return compile_names(expect, index, name, move_kinds, ARRAY_SIZE(move_kinds), item);
        case TEST_REMINDED:
                return compile_names(expect, index, name, NULL, 0, item);
        case TEST_SENT: {
                size_t n_before = expect->n;
                int r = compile_names(expect, index, name, message_kinds, ARRAY_SIZE(message_kinds), item);
                if (r == 0 && expect->n > n_before)
                        check_sent(expect, &expect->items[n_before]);
                return r;
        }
        case TEST_DUE:
                return compile_due(expect, index, item);
        case TEST_HELD:
        case TEST_REFUSED:
                return compile_said(expect, index, name, item);
        case TEST_SCORE:
                return compile_scores(expect, index, item);
        case TEST_FIELDS:
                return compile_fields(expect, index, item);
        case TEST_DID:
                return compile_did(expect, index, item);
        case TEST_AUDIENCE:
                return compile_names(expect, index, name, campaign_kinds, ARRAY_SIZE(campaign_kinds), item);
        case TEST_FIT:
        case TEST_ENGAGEMENT:
        case TEST_GRADE:
        case TEST_STATUS:
        case TEST_TEAM:
        case TEST_OWNER:
        case TEST_TRACK:
                return compile_matcher(expect, index, name, item);
        }
        return 0;
}

/* In the order in which misses are told: what it is, what it scored, what happened. */
static const struct {
        TestKey key;
        const char *name;
} expect_keys[] = {
        { TEST_REFUSED, "refused" },
        { TEST_FIELDS, "fields" },
        { TEST_DID, "did" },
        { TEST_STATUS, "status" },
        { TEST_TEAM, "team" },
        { TEST_OWNER, "owner" },
        { TEST_HELD, "held" },
        { TEST_DUE, "due" },
        { TEST_TRACK, "track" },
        { TEST_GRADE, "grade" },
        { TEST_FIT, "fit" },
        { TEST_ENGAGEMENT, "engagement" },
        { TEST_SCORE, "score" },
        { TEST_SEGMENTS, "segments" },
        { TEST_HITS, "hits" },
        { TEST_MISSES, "misses" },
        { TEST_FENCE, "fence" },
        { TEST_MOVED, "moved" },
        { TEST_REMINDED, "reminded" },
        { TEST_SENT, "sent" },
        { TEST_AUDIENCE, "audience" },
};

static int compile_look(TestDraft *draft, int index, const char *where, TestLook *ret) {
        Load *load = draft->load;
        lua_State *L = load->loader.L;
        BodyKey keys[ARRAY_SIZE(expect_keys) + 1];
        ExpectDraft expect = { .draft = draft, .where = where };
        *ret = (TestLook){ .where = arena_strdup(load->loader.arena, where) };
        if (!ret->where)
                return load_exhausted(load);
        keys[0] = (BodyKey){ .name = "of", .type = KEY_TEXT, .at = offsetof(TestLook, of) };
        for (size_t i = 0; i < ARRAY_SIZE(expect_keys); i++)
                keys[i + 1] = (BodyKey){ .name = expect_keys[i].name, .type = KEY_SKIP };
        int r = keys_compile(load, index, where, keys, ARRAY_SIZE(keys), ret);
        if (r == 0 && ret->of)
                (void) test_check_of(draft, where, ret->of);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(expect_keys); i++) {
                int top = lua_gettop(L);
                if (lua_getfield(L, index, expect_keys[i].name) != LUA_TNIL)
                        r = compile_key(&expect, top + 1, expect_keys[i].key, expect_keys[i].name);
                lua_settop(L, top);
        }
        ret->expects = expect.items;
        ret->n_expects = expect.n;
        return r;
}

int test_compile_expect(TestDraft *draft, int index, const char *where) {
        Load *load = draft->load;
        lua_State *L = load->loader.L;
        TestStep *step = &draft->steps[draft->step];
        luaL_checkstack(L, 30, NULL);
        if (lua_type(L, index) != LUA_TTABLE || condition_builder(L, index) != BUILD_NOTHING) {
                loader_error(&load->loader, "\"%s\" must be a table, not %s", where, keys_type_name(L, index));
                return 0;
        }
        size_t n = lua_rawlen(L, index);
        bool is_list = n > 0;
        if (is_list && (n = keys_list_count(load, index, where)) == SIZE_MAX)
                return 0;
        TestLook *looks = ARENA_ARRAY(load->loader.arena, TestLook, is_list ? n : 1);
        if (!looks)
                return load_exhausted(load);
        step->looks = looks;
        if (!is_list) {
                int r = compile_look(draft, index, where, &looks[0]);
                step->n_looks = 1;
                return r;
        }
        for (size_t i = 0; i < n; i++) {
                const char *place = arena_printf(load->loader.arena, "%s[%zu]", where, i + 1);
                if (!place)
                        return load_exhausted(load);
                int top = lua_gettop(L), r = 0;
                if (lua_rawgeti(L, index, (lua_Integer) i + 1) == LUA_TTABLE)
                        r = compile_look(draft, top + 1, place, &looks[step->n_looks++]);
                else
                        loader_error(&load->loader, "\"%s\" must be a table, not %s", place, keys_type_name(L, top + 1));
                lua_settop(L, top);
                if (r < 0)
                        return r;
        }
        return 0;
}
